//! GuardDuty for the whole organization, from its delegated administrator, per region.
//!
//! * The administrator's detector and the organization's configuration are singletons: they are adopted. Both change only
//!   what a request names; a request without `autoEnableOrganizationMembers` is refused, so it is sent back.
//! * With `ALL`, GuardDuty itself takes in every account and switches plans on, "within 24 hours": what it has not reached
//!   yet is information. Relationships that somebody ended are repaired.
//! * `GetOrganizationStatistics` tells whether anything is amiss in one call; only then are members listed. Its numbers are
//!   up to a day old.
//! * Auto-enable never changes the administrator's own detector: plans that are `ALL` are switched on there as well.
//!
//! <https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_organizations.html>
//! <https://docs.aws.amazon.com/guardduty/latest/APIReference/API_UpdateOrganizationConfiguration.html>

mod detector;
mod export;
mod organization;
mod plans;

pub use plans::ProtectionPlans;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::delegated_admins;
use crate::baseline::Baseline;
use crate::control::{DynControl, Reference, Section, SectionMeta, Shape, control};
use crate::diag::Findings;

/// GuardDuty in every region, administered by the account that `delegated_admins.guardduty` names.
///
/// Its detector is on wherever the section holds; a key that is left out is not managed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GuardDuty {
    /// Which accounts GuardDuty enables by itself.
    pub auto_enable: Option<AutoEnable>,
    /// Accounts that are in the organization already become members at once, and get the plans that are `ALL`. Without it
    /// GuardDuty does so within 24 hours where `auto_enable` is `ALL`, and not at all where it is `NEW`.
    pub enable_members: bool,
    /// How often new occurrences of a finding are sent on, to EventBridge and the export. The first one is always sent at
    /// once.
    pub finding_publishing_frequency: Option<Frequency>,
    /// Findings of all members are exported to the log archive, encrypted with its key.
    pub export_findings: bool,
    /// Protection plans, each billed by what it looks at.
    pub protection_plans: ProtectionPlans,
}

/// Which accounts of the organization a setting reaches by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum AutoEnable {
    /// Those that are there and those that join.
    All,
    /// Those that join.
    New,
    /// None. What is on stays on.
    None,
}

impl AutoEnable {
    /// AWS's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            AutoEnable::All => "ALL",
            AutoEnable::New => "NEW",
            AutoEnable::None => "NONE",
        }
    }
}

/// How often a service sends updates of findings on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Frequency {
    /// Every 15 minutes.
    FifteenMinutes,
    /// Every hour.
    OneHour,
    /// Every six hours, AWS's default.
    SixHours,
}

impl Frequency {
    /// AWS's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Frequency::FifteenMinutes => "FIFTEEN_MINUTES",
            Frequency::OneHour => "ONE_HOUR",
            Frequency::SixHours => "SIX_HOURS",
        }
    }
}

impl Section for GuardDuty {
    const META: SectionMeta = SectionMeta {
        id: "guardduty",
        title: "GuardDuty",
        summary: "Turns on threat detection in every account and region from one account: the administrator's detector, \
                  enabling of accounts that are there or join, protection plans, and export of all findings to the log \
                  archive. Members that were taken out or suspended are taken in again.",
        shape: Shape::Table,
        references: &[
            Reference::row("STX-004"),
            Reference::row("STX-005"),
            Reference::row("STX-006").partly("per region; across regions Security Hub or EventBridge does it"),
            Reference::row("STX-007"),
            Reference::row("STX-008"),
            Reference::row("STX-009"),
            Reference::row("QST-031"),
            Reference::row("RDM-012").partly("Access Analyzer, and alerts"),
            Reference::row("RDM-013").partly("Access Analyzer"),
            Reference::row("RDM-035").partly("the alert with high priority"),
            Reference::row("AXN-066").partly("other services than GuardDuty"),
        ],
        billed: Some(
            "GuardDuty per million CloudTrail events and GB of flow and DNS logs in every account and region, each \
             protection plan by what it looks at (S3 and EKS events, GB scanned, vCPU hours monitored, Lambda traffic); \
             30 days are free per account and region",
        ),
    };

    fn check(&self, baseline: &Baseline, findings: &mut Findings<'_>) {
        delegated_admins::require("guardduty", baseline, findings);
        if self.export_findings && !baseline.declares("log_archive") {
            findings.hint(
                "export_findings",
                "findings are exported to the log archive",
                "declare `[log_archive]` with its `account`",
            );
        }
        self.protection_plans.check(findings);
    }

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![control::<organization::OrganizationDetector>(), control::<export::Export>()]
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use crate::baseline::Baseline;
    use crate::facts::{Account, Facts};

    pub(super) const SECURITY: &str = "333333333333";
    pub(super) const LOG: &str = "222222222222";

    /// A baseline with an administrator, a log archive and these keys of the section.
    pub(super) fn parse(keys: &str) -> Result<Baseline, String> {
        let text = format!(
            "version = 1\n[organization]\nhome_region = \"eu-west-1\"\nregions = [\"eu-west-1\", \"us-east-1\"]\n\
             [accounts.log]\nname = \"Log\"\nemail = \"aws+log@example.com\"\nou = \"/\"\n\
             [accounts.security]\nname = \"Security\"\nemail = \"aws+security@example.com\"\nou = \"/\"\n\
             [delegated_admins]\nguardduty = \"security\"\n[log_archive]\naccount = \"log\"\n[guardduty]\n{keys}\n"
        );
        Baseline::parse("t.toml", &text).map_err(|e| e.render(false))
    }

    pub(super) fn baseline(keys: &str) -> Baseline {
        parse(keys).unwrap()
    }

    /// The management account, those of the baseline, and one more.
    pub(super) fn facts() -> Facts {
        let account = |id: &str, email: &str| {
            let account = Account { id: id.into(), email: email.into(), state: "ACTIVE".into(), ..Account::default() };
            (account.id.clone(), account)
        };
        let accounts = [
            account("111111111111", "aws@example.com"),
            account(LOG, "aws+log@example.com"),
            account(SECURITY, "aws+security@example.com"),
            account("444444444444", "aws+web@example.com"),
        ];
        Facts {
            partition: "aws".into(),
            organization_id: "o-a1b2c3d4e5".into(),
            management_account: "111111111111".into(),
            management_regions: ["eu-west-1".to_string(), "us-east-1".to_string()].into(),
            accounts: accounts.into(),
            ..Facts::default()
        }
    }

    #[test]
    fn plans_that_do_not_go_together_are_found() {
        for (keys, message) in [
            ("runtime_monitoring = \"ALL\"\neks_runtime_monitoring = \"NEW\"", "one of the two"),
            ("ec2_agent_management = \"ALL\"", "needs `runtime_monitoring`"),
            ("eks_runtime_monitoring = \"ALL\"\nec2_agent_management = \"ALL\"", "needs `runtime_monitoring`"),
            ("runtime_monitoring = \"NONE\"\nec2_agent_management = \"ALL\"", "is `NONE`"),
            ("s3_data_events = \"all\"", "ALL"),
        ] {
            let error = parse(&format!("[guardduty.protection_plans]\n{keys}")).unwrap_err();
            assert!(error.contains(message), "{keys}: {error}");
        }
        let fine = "[guardduty.protection_plans]\neks_runtime_monitoring = \"ALL\"\neks_addon_management = \"ALL\"";
        assert!(parse(fine).is_ok());
    }

    #[test]
    fn an_administrator_and_an_archive_must_be_declared() {
        let text = "version = 1\n[organization]\nhome_region = \"eu-west-1\"\n[guardduty]\nexport_findings = true\n";
        let error = Baseline::parse("t.toml", text).unwrap_err().render(false);
        assert!(error.contains("`guardduty` in `[delegated_admins]`") && error.contains("[log_archive]"), "{error}");
    }
}
