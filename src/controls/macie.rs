//! Macie for the whole organization, from its delegated administrator, per region.
//!
//! * The session is a singleton: it is adopted, and resumed where it is paused. An account without Macie is answered with
//!   `AccessDeniedException`, "Macie is not enabled": the one message that is looked at, since a caller without rights gets
//!   the same code.
//! * Auto-enable reaches accounts that join, never those that are there: these are added by `CreateMember`.
//! * Where sensitive data findings are kept (a bucket and a KMS key per region) is not managed.
//!
//! <https://docs.aws.amazon.com/macie/latest/user/accounts-mgmt-ao.html>

mod calls;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::delegated_admins;
use super::guardduty::{AutoEnable, Frequency};
use crate::baseline::Baseline;
use crate::control::{
    Control, Cx, DesiredCx, Diff, DynControl, Meta, Reference, Risk, Scope, Seat, Section, SectionMeta, Shape, Wanted,
    control,
};
use crate::diag::Findings;
use crate::error::UnitError;
use crate::resource::members;

/// Macie in every region, administered by the account that `delegated_admins.macie` names.
///
/// Its session is on wherever the section holds; a key that is left out is not managed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Macie {
    /// Macie enables accounts that join the organization.
    pub auto_enable: Option<bool>,
    /// Accounts that are in the organization already become members, and paused ones resume. Macie never does so by itself.
    pub enable_members: bool,
    /// How often updates of policy findings are sent to EventBridge and Security Hub.
    pub finding_publishing_frequency: Option<Frequency>,
    /// Automated sensitive data discovery: samples of all buckets are looked at, in `ALL` accounts, in `NEW` ones, or not at
    /// all. Billed per bucket and GB.
    pub automated_discovery: Option<AutoEnable>,
}

impl Section for Macie {
    const META: SectionMeta = SectionMeta {
        id: "macie",
        title: "Macie",
        summary: "Turns on Macie in every account and region from one account: it watches S3 buckets for public access and \
                  missing encryption, and with automated discovery looks for sensitive data in them.",
        shape: Shape::Table,
        references: &[
            Reference::cis("1.4.0", "2.1.4").partly("securing the data that is found"),
            Reference::cis("1.5.0", "2.1.4").partly("securing the data that is found"),
            Reference::cis("2.0.0", "2.1.3").partly("securing the data that is found"),
            Reference::cis("3.0.0", "2.1.3").partly("securing the data that is found"),
            Reference::cis("4.0.1", "2.1.3").partly("securing the data that is found"),
            Reference::cis("5.0.0", "2.1.3").partly("securing the data that is found"),
            Reference::cis("6.0.0", "3.1.3").partly("securing the data that is found"),
            Reference::cis("7.0.0", "3.1.3").partly("securing the data that is found"),
        ],
        billed: Some(
            "Macie per S3 bucket and month in every account and region; automated discovery also per object watched and per \
             GB looked at; 30 days are free per account",
        ),
    };

    fn check(&self, baseline: &Baseline, findings: &mut Findings<'_>) {
        delegated_admins::require("macie", baseline, findings);
    }

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![control::<Sessions>()]
    }
}

/// The only part: one unit per region.
struct Sessions;

/// What the administrator should have set.
#[derive(Debug, Clone, Default, Serialize)]
struct Desired {
    auto_enable: Option<bool>,
    frequency: Option<Frequency>,
    automated_discovery: Option<AutoEnable>,
    enable_members: bool,
    /// Accounts that should be members, with their e-mail addresses; empty where members are not managed.
    #[serde(skip)]
    accounts: BTreeMap<String, String>,
}

/// What is there.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Actual {
    session: Option<Session>,
    /// New accounts are enabled; absent where the account does not administer Macie yet.
    auto_enable: Option<bool>,
    /// RelationshipStatus of expected accounts that are not `Enabled`; `not a member` where there is none.
    members: BTreeMap<String, String>,
}

/// The administrator's session.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Session {
    enabled: bool,
    frequency: String,
    /// `ALL`, `NEW`, `NONE`, or `ADMINISTRATOR` where it looks at the administrator's own buckets alone; absent where it is not
    /// managed.
    discovery: Option<String>,
}

/// How a missing member is shown.
const NO_MEMBER: &str = "not a member";
/// Statuses that no call of the administrator changes.
const OUT_OF_REACH: [&str; 2] = ["AccountSuspended", "RegionDisabled"];

impl Control for Sessions {
    type Section = Macie;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        scope: Scope::OrganizationRegion,
        seat: Seat::DelegatedAdmin("macie"),
        elsewhere: &[(Seat::Management, &["macie2:ListOrganizationAdminAccounts"])],
        after: &["delegated_admins.trusted_access", "delegated_admins.regional_admin:macie@region"],
        reads: &[
            "macie2:DescribeOrganizationConfiguration",
            "macie2:GetAutomatedDiscoveryConfiguration",
            "macie2:GetMacieSession",
            "macie2:ListMembers",
            "macie2:ListOrganizationAdminAccounts",
        ],
        writes: &[
            "macie2:CreateMember",
            "macie2:EnableMacie",
            "macie2:UpdateAutomatedDiscoveryConfiguration",
            "macie2:UpdateMacieSession",
            "macie2:UpdateMemberSession",
            "macie2:UpdateOrganizationConfiguration",
        ],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, Macie>) -> Vec<Wanted<Desired>> {
        let DesiredCx { section, account, region, facts, baseline } = *cx;
        let accounts = members::expected(baseline, facts, Macie::META.id, &account.id, region);
        Wanted::one(Desired {
            auto_enable: section.auto_enable,
            frequency: section.finding_publishing_frequency,
            automated_discovery: section.automated_discovery,
            enable_members: section.enable_members,
            accounts: if section.enable_members { accounts } else { BTreeMap::new() },
        })
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        let nobody = || want.accounts.keys().map(|id| (id.clone(), NO_MEMBER.to_owned())).collect();
        let Some(session) = calls::session(cx.aws, want.automated_discovery.is_some()).await? else {
            return Ok(Actual { members: nobody(), ..Actual::default() });
        };
        let auto_enable = calls::auto_enable(cx).await?;
        let members = match auto_enable {
            Some(_) if !want.accounts.is_empty() => calls::statuses(cx.aws, &want.accounts).await?,
            _ => nobody(),
        };
        Ok(Actual { session: Some(session), auto_enable, members })
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        let mut d = Diff::new();
        let session = have.session.as_ref();
        match session {
            None => d.create("session", "ENABLED"),
            Some(session) if !session.enabled => d.push("session", json!("PAUSED"), json!("ENABLED"), Risk::Normal),
            Some(_) => {}
        }
        let frequency = want.frequency.map(Frequency::as_str);
        let before = session.map(|s| s.frequency.as_str());
        d.optional("finding_publishing_frequency", before.as_ref(), frequency.as_ref(), Risk::Normal);
        d.optional("auto_enable", have.auto_enable.as_ref(), want.auto_enable.as_ref(), Risk::Normal);
        let discovery = want.automated_discovery.map(AutoEnable::as_str);
        let before = session.and_then(|s| s.discovery.as_deref());
        d.optional("automated_discovery", before.as_ref(), discovery.as_ref(), Risk::Normal);
        let amiss = have.amiss();
        if !amiss.is_empty() {
            let after: BTreeMap<&String, &str> = amiss.keys().map(|id| (*id, "Enabled")).collect();
            d.push("enable_members", json!(amiss), json!(after), Risk::Normal);
        }
        let beyond = have.members.len() - amiss.len();
        if beyond > 0 {
            d.notice(format!("{beyond} members are suspended accounts or do not have the region"));
        }
        d.provisional = have.auto_enable.is_none();
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        calls::write(cx, want, have).await
    }
}

impl Actual {
    /// Members that a call of the administrator puts right, with their status.
    fn amiss(&self) -> BTreeMap<&String, &str> {
        let all = self.members.iter().map(|(id, status)| (id, status.as_str()));
        all.filter(|(_, status)| !OUT_OF_REACH.contains(status)).collect()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn want(enable_members: bool) -> Desired {
        Desired {
            auto_enable: Some(true),
            frequency: Some(Frequency::OneHour),
            automated_discovery: Some(AutoEnable::All),
            enable_members,
            accounts: BTreeMap::new(),
        }
    }

    fn converged() -> Actual {
        let session =
            Session { enabled: true, frequency: "ONE_HOUR".into(), discovery: Some("ALL".into()) };
        Actual { session: Some(session), auto_enable: Some(true), members: BTreeMap::new() }
    }

    fn paths(d: &Diff) -> Vec<&str> {
        d.changes.iter().map(|c| c.path.as_str()).collect()
    }

    #[test]
    fn only_declared_keys_are_compared_and_a_paused_session_is_found() {
        assert!(Sessions::diff(&want(true), &converged()).is_empty());
        let mut paused = converged();
        paused.session = Some(Session { enabled: false, frequency: "SIX_HOURS".into(), discovery: None });
        assert_eq!(paths(&Sessions::diff(&Desired::default(), &paused)), ["session"]);
        assert_eq!(
            paths(&Sessions::diff(&want(true), &paused)),
            ["session", "finding_publishing_frequency", "automated_discovery"]
        );
    }

    #[test]
    fn members_out_of_reach_are_a_notice() {
        let mut have = converged();
        have.members = [("1", "Removed"), ("2", "AccountSuspended")].map(|(a, b)| (a.into(), b.into())).into();
        let d = Sessions::diff(&want(true), &have);
        assert_eq!((paths(&d), d.notices.len()), (vec!["enable_members"], 1));
    }

    #[test]
    fn a_plan_without_an_administrator_is_provisional() {
        let planned = Sessions::diff(&want(false), &Actual::default());
        assert!(planned.provisional);
        let mut fresh = converged();
        fresh.session.as_mut().unwrap().frequency = "FIFTEEN_MINUTES".into();
        fresh.auto_enable = Some(false);
        assert!(Sessions::diff(&want(false), &fresh).is_planned_by(&planned));
    }
}
