//! What commands ask of a run that knows its organization, beyond beginning it.

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{
    Opened, Place, Run, check_organization, connect_within, name_unimplemented, needs, roles, spread,
};
use crate::aws::{Aws, Limits};
use crate::baseline::Baseline;
use crate::error::RunError;
use crate::facts::{self, Facts};
use crate::policy::is_account_id;
use crate::selector::Selection;
use crate::units;

/// Like `begin_through`, within other bounds.
///
/// # Errors
/// As `begin`.
pub async fn begin_within(
    limits: Limits,
    door: SharedHttpClient,
    place: &Place,
    selection: &Selection,
) -> Result<Run, RunError> {
    open_within(limits, door, place).await?.begin(selection).await
}

/// Like `open_through`, within other bounds.
///
/// # Errors
/// As `begin`.
pub async fn open_within(limits: Limits, door: SharedHttpClient, place: &Place) -> Result<Opened, RunError> {
    let baseline = Baseline::load(&place.baseline)?;
    connect_within(limits, place, baseline, None, Some(door)).await
}

impl Opened {
    /// Reads the organization, and spreads the units.
    ///
    /// # Errors
    /// As the function `begin`.
    pub async fn begin(self, selection: &Selection) -> Result<Run, RunError> {
        let run = self.begin_as(selection, |_| ()).await?;
        let (baseline, facts) = (&run.shared.baseline, &run.shared.facts);
        let scope = units::Scope { baseline, facts, selection, today: OffsetDateTime::now_utc().date() };
        units::check_canary(&scope)?;
        let notices = units::unmatched(&scope)?;
        if run.shared.units.is_empty() && *selection != Selection::default() {
            return Err(nothing_left(selection));
        }
        Ok(Run { notices, ..run })
    }

    /// The same where `adjust` changes what was read, and where nothing may be left of the baseline.
    ///
    /// # Errors
    /// As the function `begin`.
    pub async fn begin_as(
        mut self,
        selection: &Selection,
        adjust: impl FnOnce(&mut Facts),
    ) -> Result<Run, RunError> {
        let facts = std::mem::take(&mut self.facts);
        self.facts = facts::further(&self.aws, self.home_region(), &needs(&self.baseline), facts).await?;
        adjust(&mut self.facts);
        spread(self, selection).await
    }

    /// Run id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Organization id.
    pub fn organization_id(&self) -> &str {
        &self.facts.organization_id
    }

    /// The baseline says which organization it is for.
    pub fn names_organization(&self) -> bool {
        self.baseline.organization.id.is_some()
    }

    /// The connection.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    /// Home region of the baseline.
    pub fn home_region(&self) -> &str {
        &self.baseline.organization.home_region
    }

    /// `--resubscribe`: subscriptions that await confirmation are sent again.
    pub fn resubscribe(&mut self) {
        self.baseline.resubscribe = true;
    }

    /// `--canary-account`: a key of `[accounts]` or an account id is changed before all others.
    ///
    /// # Errors
    /// It is neither.
    pub fn put_first(&mut self, key: &str) -> Result<(), RunError> {
        if !is_account_id(key) && !self.baseline.is_account_key(key) {
            let hint = self.baseline.account_hint(key);
            return Err(RunError::new(format!("--canary-account {key} names no account")).hint(hint));
        }
        self.baseline.put_first(key);
        Ok(())
    }

    /// What is wanted.
    pub fn baseline(&self) -> &Baseline {
        &self.baseline
    }

    /// What is known of the organization: all of it after `read`.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The run works on AWS itself.
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// When it began, RFC 3339, UTC.
    pub fn started_at(&self) -> String {
        self.now.format(&Rfc3339).unwrap_or_default()
    }

    /// Reads the organization, once more where it was read before.
    ///
    /// # Errors
    /// As the function `begin`. What was known before stays known.
    pub async fn read(&mut self) -> Result<(), RunError> {
        let identity = self.facts.clone().identity();
        let facts = facts::further(&self.aws, self.home_region(), &needs(&self.baseline), identity).await?;
        check_organization(&self.baseline, &facts)?;
        self.baseline.check_ous(&facts)?;
        self.facts = facts;
        self.aws.set_roles(roles(&self.baseline, Some(&self.facts), self.place.read_only));
        Ok(())
    }

    /// A further run on the same connection, for commands that make several of them.
    ///
    /// # Errors
    /// The baseline cannot be read any more, or changed.
    pub fn again(&self) -> Result<Opened, RunError> {
        let mut baseline = Baseline::load(&self.place.baseline)?;
        if baseline.digest() != self.baseline.digest() {
            return Err(RunError::new("the baseline changed while the command ran").hint("run it again"));
        }
        // Rings are for runs over the whole organization.
        baseline.rings.clear();
        let (place, aws, facts) = (self.place.clone(), self.aws.clone(), self.facts.clone().identity());
        Ok(Opened {
            id: self.id.clone(),
            now: self.now,
            live: self.live,
            place,
            baseline,
            aws,
            facts,
            sandbox: None,
        })
    }

    /// Closes the simulated organization, if the run worked on one, and names what it could not answer.
    pub fn close(self) {
        name_unimplemented(self.sandbox.as_ref());
    }
}

fn nothing_left(selection: &Selection) -> RunError {
    RunError::new(format!("{selection} leaves nothing of the baseline"))
        .hint("account=KEY|ID|GLOB, ou=/Path, region=NAME and control=ID must name something that is there")
        .hint("settings without a region, such as the password policy, count as those of the home region")
}
