//! Detective for the whole organization, from its delegated administrator, per region.
//!
//! * Registering the administrator makes its behavior graph; the one that is there is adopted.
//! * Auto-enable reaches accounts that join, never those that are there: these are added by `CreateMembers`.
//! * Data source packages can be started by this API and never stopped.
//!
//! <https://docs.aws.amazon.com/detective/latest/userguide/accounts-orgs-transition.html>

mod calls;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::delegated_admins;
use crate::baseline::Baseline;
use crate::control::{
    Control, Cx, DesiredCx, Diff, DynControl, Meta, Risk, Scope, Seat, Section, SectionMeta, Shape, Wanted, control,
};
use crate::diag::Findings;
use crate::error::UnitError;
use crate::resource::members;

/// Detective in every region, administered by the account that `delegated_admins.detective` names.
///
/// Its behavior graph is there wherever the section holds; a key that is left out is not managed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Detective {
    /// Accounts that join the organization send their data to the graph.
    pub auto_enable: Option<bool>,
    /// Accounts that are in the organization already do so too. Detective never adds them by itself.
    pub enable_members: bool,
    /// Optional data source packages. One that is started is never stopped from here.
    pub datasource_packages: Vec<Package>,
}

/// A source of data beside CloudTrail, flow logs and GuardDuty's findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Package {
    /// Audit logs of EKS clusters.
    EksAudit,
    /// Findings of Security Hub.
    AsffSecurityhubFinding,
}

impl Package {
    fn as_str(self) -> &'static str {
        match self {
            Package::EksAudit => "EKS_AUDIT",
            Package::AsffSecurityhubFinding => "ASFF_SECURITYHUB_FINDING",
        }
    }
}

impl Section for Detective {
    const META: SectionMeta = SectionMeta {
        id: "detective",
        title: "Detective",
        summary: "Collects CloudTrail events, flow logs and GuardDuty findings of every account and region in one behavior \
                  graph per region, in which findings are investigated.",
        shape: Shape::Table,
        references: &[],
        billed: Some(
            "Detective per GB of CloudTrail events, flow logs, findings and EKS audit logs of every member; 30 days are free \
             per account and region",
        ),
    };

    fn check(&self, baseline: &Baseline, findings: &mut Findings<'_>) {
        delegated_admins::require("detective", baseline, findings);
    }

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![control::<Graphs>()]
    }
}

/// The only part: one unit per region.
struct Graphs;

/// What the administrator should have set.
#[derive(Debug, Clone, Default, Serialize)]
struct Desired {
    auto_enable: Option<bool>,
    packages: BTreeSet<&'static str>,
    /// Accounts that should be members, with their e-mail addresses; empty where members are not managed.
    #[serde(skip)]
    accounts: BTreeMap<String, String>,
}

/// What is there.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Actual {
    /// ARN of the graph.
    graph: Option<String>,
    /// New accounts are enabled; absent where the account does not administer Detective yet.
    auto_enable: Option<bool>,
    /// Wanted packages that are not started.
    stopped: BTreeSet<&'static str>,
    /// Status of expected accounts that are not `ENABLED`; `not a member` where there is none.
    members: BTreeMap<String, String>,
}

/// How a missing member is shown.
const NO_MEMBER: &str = "not a member";

impl Control for Graphs {
    type Section = Detective;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        scope: Scope::OrganizationRegion,
        seat: Seat::DelegatedAdmin("detective"),
        elsewhere: &[(Seat::Management, &["detective:ListOrganizationAdminAccounts"])],
        after: &["delegated_admins.trusted_access", "delegated_admins.regional_admin:detective@region"],
        reads: &[
            "detective:DescribeOrganizationConfiguration",
            "detective:ListDatasourcePackages",
            "detective:ListGraphs",
            "detective:ListMembers",
            "detective:ListOrganizationAdminAccounts",
        ],
        writes: &[
            "detective:CreateGraph",
            "detective:CreateMembers",
            "detective:UpdateDatasourcePackages",
            "detective:UpdateOrganizationConfiguration",
        ],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, Detective>) -> Vec<Wanted<Desired>> {
        let DesiredCx { section, account, region, facts, baseline } = *cx;
        let accounts = members::expected(baseline, facts, Detective::META.id, &account.id, region);
        Wanted::one(Desired {
            auto_enable: section.auto_enable,
            packages: section.datasource_packages.iter().map(|package| package.as_str()).collect(),
            accounts: if section.enable_members { accounts } else { BTreeMap::new() },
        })
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        let nobody = || want.accounts.keys().map(|id| (id.clone(), NO_MEMBER.to_owned())).collect();
        let Some(graph) = calls::own_graph(cx).await? else {
            return Ok(Actual { stopped: want.packages.clone(), members: nobody(), ..Actual::default() });
        };
        let auto_enable = calls::auto_enable(cx, &graph).await?;
        let stopped = calls::stopped(cx.aws, &graph, &want.packages).await?;
        let members = match auto_enable {
            Some(_) if !want.accounts.is_empty() => calls::statuses(cx.aws, &graph, &want.accounts).await?,
            _ => nobody(),
        };
        Ok(Actual { graph: Some(graph), auto_enable, stopped, members })
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        let mut d = Diff::new();
        if have.graph.is_none() {
            d.create("graph", "ENABLED");
        }
        d.optional("auto_enable", have.auto_enable.as_ref(), want.auto_enable.as_ref(), Risk::Normal);
        for package in &have.stopped {
            d.create("datasource_packages", package);
        }
        let amiss = have.amiss();
        if !amiss.is_empty() {
            let after: BTreeMap<&String, &str> = amiss.keys().map(|id| (*id, "ENABLED")).collect();
            d.push("enable_members", json!(amiss), json!(after), Risk::Normal);
        }
        for (account, status) in have.members.iter().filter(|(id, _)| !amiss.contains_key(id)) {
            d.notice(format!("account {account} is {status} in the graph"));
        }
        d.provisional = have.auto_enable.is_none();
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        calls::write(cx, want, have).await
    }
}

impl Actual {
    /// Accounts that become members by a call. Others are on their way, or Detective says that their data is too much.
    fn amiss(&self) -> BTreeMap<&String, &str> {
        let all = self.members.iter().map(|(id, status)| (id, status.as_str()));
        all.filter(|(_, status)| *status == NO_MEMBER).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_declared_keys_are_compared_and_what_only_detective_can_change_is_a_notice() {
        let want = Desired { auto_enable: Some(true), ..Desired::default() };
        let mut have = Actual { graph: Some("g".into()), auto_enable: Some(true), ..Actual::default() };
        assert!(Graphs::diff(&want, &have).is_empty());
        have.members = [("1", NO_MEMBER), ("2", "ACCEPTED_BUT_DISABLED")].map(|(a, b)| (a.into(), b.into())).into();
        have.stopped = ["EKS_AUDIT"].into();
        let d = Graphs::diff(&want, &have);
        let paths: Vec<&str> = d.changes.iter().map(|c| c.path.as_str()).collect();
        assert_eq!((paths, d.notices.len()), (vec!["datasource_packages", "enable_members"], 1));
        assert!(Graphs::diff(&want, &Actual::default()).provisional);
    }
}
