//! Whether an account can be worked in: its role, its opt-in regions, its services.
//!
//! After CreateAccount succeeded "you might need to wait a few minutes before you can successfully access the account" (API
//! model); users report more, and services that answer as if nobody had subscribed to them (`aws-limits.md` 5.1).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use tokio::time::Instant;

use super::candidates::{Candidate, Stage};
use super::{PATIENCE, PAUSE, Vendor, wanted_regions};
use crate::aws::Clients;
use crate::baseline::{AccountDecl, Baseline, Regions};
use crate::control::Risk;
use crate::error::{CallError, Kind, UnitError};
use crate::facts::Account;
use crate::units::OutcomeKind;

/// Codes by which services say that an account is not theirs yet.
const NOT_READY: [&str; 9] = [
    "AuthFailure",
    "InvalidClientTokenId",
    "NotSignedUp",
    "OptInRequired",
    "OptInRequiredException",
    "PendingVerification",
    "SubscriptionRequiredException",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
];
/// Regions of one account that AWS enables at once (`aws-limits.md` 1.3).
const REGIONS_AT_ONCE: usize = 6;

/// Where a role comes from that CreateAccount does not make.
pub(super) const NOT_BY_AWS: &str =
    "which CreateAccount does not make: the StackSet of `orgbase emit bootstrap` makes it in new accounts";

/// What an account still lacks.
enum Readiness {
    Ready,
    /// AWS is still working on it.
    NotYet(Wait),
    Failed(Box<UnitError>),
}

/// What an account waits for.
struct Wait {
    /// In words that stay the same while nothing moves on.
    what: String,
    /// The error that shows it.
    error: Option<CallError>,
}

impl Wait {
    fn on(what: impl Into<String>) -> Readiness {
        Readiness::NotYet(Wait { what: what.into(), error: None })
    }

    fn shown_by(what: &str, error: CallError) -> Readiness {
        Readiness::NotYet(Wait { what: what.to_owned(), error: Some(error) })
    }

    fn text(&self) -> String {
        self.error.as_ref().map_or_else(|| self.what.clone(), |error| format!("{} ({error})", self.what))
    }
}

/// What was waited for so far.
#[derive(Default)]
struct Waits {
    /// Account and what it waited for. An account that goes to and fro between two of them does not move on.
    seen: BTreeSet<(usize, String)>,
    /// What was told last.
    told: String,
}

impl Vendor<'_> {
    /// Waits until the accounts that are there can be worked in. Those that cannot stay, and say why.
    pub(super) async fn await_ready(&mut self, all: &mut [Candidate]) {
        let patience = self.opened.aws().patience(PATIENCE);
        let mut open: Vec<usize> = (0..all.len()).filter(|i| is_there(all, *i)).collect();
        let mut last = Instant::now();
        let mut waits = Waits::default();
        loop {
            let before = open.len();
            let mut moved = false;
            if open.iter().any(|i| all.get(*i).is_some_and(|c| !self.is_active(c.id()))) {
                // What cannot be read now is read in the next round.
                let _ = self.opened.read().await;
            }
            for index in std::mem::take(&mut open) {
                let Some(candidate) = all.get_mut(index) else { continue };
                match self.readiness(candidate).await {
                    Readiness::Ready => candidate.held = None,
                    Readiness::NotYet(wait) => {
                        candidate.held = Some(wait.text());
                        moved |= waits.seen.insert((index, wait.what));
                        open.push(index);
                    }
                    Readiness::Failed(error) => candidate.fail(error.message, error.hint),
                }
            }
            if moved || open.len() < before {
                last = Instant::now();
            }
            if open.is_empty() || self.cancel.is_cancelled() || last.elapsed() >= patience {
                break;
            }
            self.tell_waiting(open.iter().filter_map(|i| all.get(*i)), &mut waits.told);
            tokio::time::sleep(self.opened.aws().patience(PAUSE)).await;
        }
        for index in open {
            if let Some(candidate) = all.get_mut(index) {
                not_ready(candidate);
            }
        }
    }

    fn is_active(&self, id: &str) -> bool {
        self.opened.facts().accounts.get(id).is_some_and(Account::is_active)
    }

    async fn readiness(&self, candidate: &Candidate) -> Readiness {
        let id = candidate.id().to_owned();
        let state = self.opened.facts().accounts.get(&id).map(|a| a.state.clone());
        match state.as_deref() {
            None => return Wait::on("is not in the list of accounts yet"),
            Some("ACTIVE") => {}
            Some(state) => return Wait::on(format!("is {state}")),
        }
        let clients = match self.clients(&id, self.opened.home_region()).await {
            Ok(clients) => clients,
            Err(error) => return self.no_session(candidate, error),
        };
        let statuses = match statuses(&clients).await {
            Ok(statuses) => statuses,
            Err(error) => return self.verdict(candidate, error.into()),
        };
        match self.regions(&id, &clients, &statuses).await {
            Ok(waiting) if waiting.is_empty() => {}
            Ok(waiting) => return Wait::on(format!("waits for regions: {}", waiting.join(", "))),
            Err(error) => return self.verdict(candidate, error),
        }
        match self.services(&id, &clients, &statuses).await {
            Ok(()) => Readiness::Ready,
            Err(error) => self.verdict(candidate, error.into()),
        }
    }

    /// The account's role cannot be assumed. In an account that AWS made it will be; in another one somebody has to make it.
    fn no_session(&self, candidate: &Candidate, error: CallError) -> Readiness {
        // It is tried anew in the next round.
        self.opened.aws().forget_session(candidate.id());
        // Failures that say nothing about the role.
        let passing = matches!(error.kind, Kind::TimedOut | Kind::Throttled | Kind::NotAvailable);
        if passing || (!candidate.invited && error.kind == Kind::Denied) {
            let what = match missing_role(self.opened.baseline(), candidate.declared.as_ref()) {
                Some(role) => &format!("has no role {role} that can be assumed yet, {NOT_BY_AWS}"),
                None => "has a role that cannot be assumed yet",
            };
            return Wait::shown_by(what, error);
        }
        let organization = &self.opened.baseline().organization;
        let own = candidate.declared.as_ref().and_then(|d| d.access_role.as_ref());
        let role = own.or(organization.apply_role.as_ref()).unwrap_or(&organization.access_role);
        let hint = format!(
            "AWS makes no role in invited accounts: create {role} there, trusted by the management account, with the \
             template of `orgbase emit bootstrap`, then run the same command again"
        );
        Readiness::Failed(Box::new(UnitError::from(error).hint(hint)))
    }

    fn verdict(&self, candidate: &Candidate, error: UnitError) -> Readiness {
        let Some(call) = &error.call else { return Readiness::Failed(Box::new(error)) };
        if call.session {
            return self.no_session(candidate, call.clone());
        }
        let waits =
            call.is(&NOT_READY) || matches!(call.kind, Kind::Throttled | Kind::TimedOut | Kind::Conflict);
        if waits {
            Wait::shown_by("has services that do not answer yet", call.clone())
        } else {
            Readiness::Failed(Box::new(error))
        }
    }

    /// Enables the regions that the account should have; returns those that are not enabled yet.
    async fn regions(
        &self,
        id: &str,
        clients: &Clients,
        statuses: &BTreeMap<String, String>,
    ) -> Result<Vec<String>, UnitError> {
        let wanted = wanted_regions(self.opened);
        let home = self.opened.home_region();
        if statuses.get(home).is_some_and(|s| s == "DISABLED") && !wanted.contains(home) {
            let message = format!("the home region {home} is not enabled in account {id}");
            return Err(UnitError::new(Kind::NotAvailable, message).hint("add it to `vend.opt_in_regions`"));
        }
        let status = |region: &str| statuses.get(region).map_or("", String::as_str);
        let mut open = statuses.values().filter(|s| matches!(s.as_str(), "ENABLING" | "DISABLING")).count();
        let mut waiting = Vec::new();
        for region in wanted {
            match status(&region) {
                on if is_on(on) => continue,
                "DISABLED" if open < REGIONS_AT_ONCE => {
                    self.enable(id, clients, &region).await?;
                    open += 1;
                }
                // AWS works on it, or on as many others as it takes; one that it does not list cannot be enabled.
                "ENABLING" | "DISABLING" | "DISABLED" => {}
                _ => {
                    return Err(UnitError::new(
                        Kind::NotAvailable,
                        format!("account {id} has no region {region}"),
                    )
                    .hint("correct `organization.regions` or `vend.opt_in_regions`"));
                }
            }
            waiting.push(region);
        }
        Ok(waiting)
    }

    async fn enable(&self, id: &str, clients: &Clients, region: &str) -> Result<(), UnitError> {
        let part = format!("{id} {region}");
        self.record(("region", &part), (json!("DISABLED"), json!("ENABLED")), Risk::Normal).await?;
        let enabled = clients
            .account_management()
            .call("EnableRegion", |c| c.enable_region().region_name(region).send())
            .await;
        match enabled {
            // Others are enabled first, or it is being enabled by now: the next round looks again.
            Err(error) if matches!(error.kind, Kind::Throttled | Kind::Conflict) || error.maybe_done => {
                Ok(())
            }
            other => Ok(other.map(|_| ())?),
        }
    }

    /// One cheap call of services that new accounts get late, in each region of the baseline that the account has: no service
    /// ever answers in one that it has not opted in to.
    async fn services(
        &self,
        id: &str,
        home: &Clients,
        statuses: &BTreeMap<String, String>,
    ) -> Result<(), CallError> {
        home.s3().call("ListBuckets", |c| c.list_buckets().send()).await?;
        let regions = match &self.opened.baseline().organization.regions {
            Regions::List(list) => list.clone(),
            Regions::Enabled => vec![self.opened.home_region().to_owned()],
        };
        for region in regions.iter().filter(|r| statuses.get(*r).is_some_and(|status| is_on(status))) {
            let clients = self.clients(id, region).await?;
            clients.sts().call("GetCallerIdentity", |c| c.get_caller_identity().send()).await?;
            clients.ec2().call("DescribeRegions", |c| c.describe_regions().send()).await?;
        }
        Ok(())
    }
}

fn is_there(all: &[Candidate], index: usize) -> bool {
    all.get(index).is_some_and(|c| c.stage == Stage::There)
}

/// The role that is assumed in an account, where it is another one than CreateAccount makes in it.
pub(super) fn missing_role<'b>(baseline: &'b Baseline, declared: Option<&AccountDecl>) -> Option<&'b str> {
    let organization = &baseline.organization;
    let own = declared.is_some_and(|d| d.access_role.is_some());
    organization.apply_role.as_deref().filter(|role| !own && *role != organization.access_role)
}

/// The run's patience is over.
fn not_ready(candidate: &mut Candidate) {
    let why = candidate.waiting();
    candidate.end(OutcomeKind::Pending, why);
}

/// Whether a `RegionOptStatus` says that the account has the region.
fn is_on(status: &str) -> bool {
    matches!(status, "ENABLED" | "ENABLED_BY_DEFAULT")
}

/// Regions with AWS's `RegionOptStatus`.
async fn statuses(clients: &Clients) -> Result<BTreeMap<String, String>, CallError> {
    let found = clients
        .account_management()
        .pages("ListRegions", |c, t| c.list_regions().set_next_token(t).send(), |a| (a.regions, a.next_token))
        .await?;
    let pair = |r: aws_sdk_account::types::Region| {
        Some((r.region_name?, r.region_opt_status.map(|s| s.as_str().to_owned()).unwrap_or_default()))
    };
    Ok(found.into_iter().filter_map(pair).collect())
}
