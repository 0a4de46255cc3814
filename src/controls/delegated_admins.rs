//! Delegated administrators and trusted access.
//!
//! * Trusted access comes before an administrator. Where a service has a call of its own that switches it on, AWS recommends
//!   that one, because it makes the service's roles; for six services it is the call that registers the administrator.
//! * Most services register once for the organization, six in every region; for these the service's own list is the truth,
//!   and Organizations' list is read for conflicts only.
//! * Another administrator is never replaced without `--allow-destructive`: services drop its configuration.
//! * The management account can never be one, and neither can an account that is not ACTIVE.
//!
//! <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_integrate_services.html>

mod admin;
mod calls;
pub(crate) mod dismissal;
mod handover;
mod members;
mod named;
mod region_calls;
mod regional;
mod section;
mod services;
mod trusted;

pub use section::{Admins, DelegatedAdmins, ServiceKey};
pub(crate) use services::global_region;

use crate::baseline::Baseline;
use crate::control::{DynControl, Import, ImportCx, Reference, Seat, Section, SectionMeta, Shape, control};
use crate::diag::Findings;
use crate::resource::declared;

impl Section for DelegatedAdmins {
    const META: SectionMeta = SectionMeta {
        id: "delegated_admins",
        title: "Delegated administrators and trusted access",
        summary: "Lets member accounts administer AWS services for the whole organization, so that nobody works in the \
                  management account, and switches on the trusted access that the services need. An administrator that \
                  is there already is kept; another one is replaced only with `--allow-destructive`.",
        shape: Shape::Table,
        references: &[
            Reference::row("STX-005"),
            Reference::row("STX-026"),
            Reference::row("STX-033"),
            Reference::row("RDM-013").partly("new accounts: the sections of the services"),
            Reference::row("QST-004").partly("whether anything else runs in the management account"),
        ],
        billed: None,
    };

    fn check(&self, baseline: &Baseline, findings: &mut Findings<'_>) {
        self.check_all(baseline, findings);
    }

    fn seat(&self, seat: Seat) -> Option<String> {
        let Seat::DelegatedAdmin(key) = seat else { return None };
        let (_, accounts) = self.declared().into_iter().find(|(service, _)| service.key == key)?;
        accounts.first().cloned()
    }

    fn import(cx: &ImportCx<'_>) -> Import<DelegatedAdmins> {
        section::asking(cx)
    }

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![
            control::<trusted::TrustedAccess>(),
            control::<admin::Administrators>(),
            control::<handover::Handover>(),
            control::<regional::RegionalAdministrators>(),
        ]
    }
}

/// Records that a section is declared whose calls the administrator of `service` makes, and that the baseline names none.
pub fn require(service: &'static str, baseline: &Baseline, findings: &mut Findings<'_>) {
    let named = declared::<DelegatedAdmins>(baseline).and_then(|admins| admins.seat(Seat::DelegatedAdmin(service)));
    if named.is_none() {
        findings.hint(
            "",
            "the baseline names no account that administers it for the organization",
            format!("declare `{service}` in `[delegated_admins]`"),
        );
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::control::{Control, DesiredCx, Wanted};
    use crate::facts::{Account, Facts};

    /// Declares one account of each kind.
    pub(super) const HEAD: &str = "version = 1\n[organization]\nhome_region = \"eu-west-1\"\n\
        regions = [\"ap-south-1\", \"eu-west-1\"]\n\
        [accounts.main]\nname = \"Main\"\nemail = \"main@example.com\"\nou = \"/\"\n\
        [accounts.security]\nname = \"Security\"\nemail = \"security@example.com\"\nou = \"/\"\n\
        [accounts.log]\nname = \"Log Archive\"\nemail = \"log@example.com\"\nou = \"/\"\n\
        [accounts.old]\nname = \"Old\"\nemail = \"old@example.com\"\nou = \"/\"\n\
        [accounts.new]\nname = \"New\"\nemail = \"new@example.com\"\nou = \"/\"\n\
        [accounts.gone]\nname = \"Gone\"\nemail = \"gone@example.com\"\nou = \"/\"\nclosed = true\n";
    pub(super) const SECURITY: &str = "200000000002";
    pub(super) const LOG: &str = "300000000003";

    /// The organization of `HEAD`, without the account `new`.
    pub(super) fn organization() -> Facts {
        let account = |id: &str, name: &str, email: &str, state: &str| {
            let account = Account {
                id: id.into(),
                name: name.into(),
                email: email.into(),
                state: state.into(),
                ou: "/".into(),
                ..Account::default()
            };
            (id.to_string(), account)
        };
        let accounts = [
            account("100000000001", "Main", "main@example.com", "ACTIVE"),
            account(SECURITY, "Security", "security@example.com", "ACTIVE"),
            account(LOG, "Log Archive", "log@example.com", "ACTIVE"),
            account("400000000004", "Old", "old@example.com", "SUSPENDED"),
        ];
        Facts {
            management_account: "100000000001".into(),
            management_regions: ["ap-south-1", "eu-west-1", "us-east-1"].map(String::from).into(),
            accounts: accounts.into(),
            ..Facts::default()
        }
    }

    pub(super) fn desired_of<C>(text: &str, facts: &Facts) -> Vec<Wanted<C::Desired>>
    where
        C: Control<Section = DelegatedAdmins>,
    {
        desired_in::<C>(text, facts, "eu-west-1")
    }

    pub(super) fn desired_in<C>(text: &str, facts: &Facts, region: &str) -> Vec<Wanted<C::Desired>>
    where
        C: Control<Section = DelegatedAdmins>,
    {
        let baseline = Baseline::parse("t.toml", &format!("{HEAD}[delegated_admins]\n{text}")).unwrap();
        let section: DelegatedAdmins = toml::from_str(text).unwrap();
        let account = Account::default();
        C::desired(&DesiredCx { section: &section, account: &account, region, facts, baseline: &baseline })
    }
}
