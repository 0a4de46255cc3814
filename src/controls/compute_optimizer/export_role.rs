//! The role with which the schedules export.
//!
//! Its trust names the schedule groups: "you can't scope `aws:SourceArn` to a specific schedule" (EventBridge Scheduler User
//! Guide, "Confused deputy prevention"). Compute Optimizer has no resources to name in the policy.

use super::ComputeOptimizer;
use crate::control::{Adjusted, Control, Cx, DesiredCx, Diff, Meta, Removal, Scope, Seat, Section as _, Wanted};
use crate::error::UnitError;
use crate::names;
use crate::resource::role::{self, Desired, Role};
use crate::resource::statements::{Ours, allow_holder, allow_service};

const SERVICE: &str = "scheduler.amazonaws.com";
/// What an export of an organization reads of it. Compute Optimizer User Guide, "Policies to grant access to Compute
/// Optimizer recommendations for management accounts of an organization".
const ORGANIZATION: [&str; 3] =
    ["organizations:DescribeAccount", "organizations:DescribeOrganization", "organizations:ListAccounts"];

/// Part `export_role`.
pub(super) struct ExportRole;

impl Control for ExportRole {
    type Section = ComputeOptimizer;
    type Desired = Desired;
    type Actual = Option<Role>;
    const META: Meta = Meta {
        part: "export_role",
        scope: Scope::Organization,
        seat: Seat::Management,
        reads: role::READS,
        writes: role::WRITES,
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, ComputeOptimizer>) -> Vec<Wanted<Desired>> {
        let Some(exports) = cx.section.exports.as_ref().filter(|e| !e.kinds.is_empty()) else { return Vec::new() };
        let mut actions: Vec<String> = exports.kinds.iter().flat_map(|kind| kind.actions()).collect();
        actions.extend(ORGANIZATION.map(String::from));
        actions.sort();
        actions.dedup();
        let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
        let account = &cx.facts.management_account;
        let group = format!("schedule-group/{}", names::export_group(cx.baseline));
        Wanted::one(Desired {
            name: names::export_role(cx.baseline),
            description: "EventBridge Scheduler exports the recommendations of Compute Optimizer",
            trust: Ours(vec![
                allow_service("OrgbaseScheduler", SERVICE, &["sts:AssumeRole"])
                    .equals("aws:SourceAccount", account)
                    .arn_like("aws:SourceArn", &[cx.facts.arn("scheduler", "*", account, &group)])
                    .done(),
            ]),
            policy_name: "export-recommendations",
            policy: Ours(vec![allow_holder("OrgbaseExport", &actions).on(&["*".to_string()]).done()]),
            owner: ComputeOptimizer::META.id,
        })
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Option<Role>, UnitError> {
        role::read(cx.aws, want).await
    }

    const REMOVAL: Option<Removal> = Some(role::REMOVAL);

    async fn remove(cx: &Cx<'_>, want: &Desired, _have: &Option<Role>) -> Result<(), UnitError> {
        role::remove(cx.aws, want).await
    }

    /// Its policy follows from what is exported.
    fn adjust(section: &mut ComputeOptimizer, _cx: &Cx<'_>, _want: &Desired, have: &Option<Role>) -> Adjusted {
        if have.is_some() {
            return Adjusted::said(&["policy"]);
        }
        section.exports = None;
        Adjusted::said(&["role"])
    }

    fn diff(want: &Desired, have: &Option<Role>) -> Diff {
        role::diff(want, have.as_ref())
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Option<Role>) -> Result<(), UnitError> {
        role::apply(cx.aws, want, have.as_ref()).await
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use serde_json::json;

    use super::super::tests::EXPORTS;
    use super::*;
    use crate::controls::log_archive::tests::{baseline, facts, set};
    use crate::resource::declared;

    #[test]
    fn schedules_of_our_groups_may_export_what_is_declared() {
        let (facts, baseline) = (facts(), baseline("", EXPORTS));
        let section = declared::<ComputeOptimizer>(&baseline).unwrap();
        let account = &facts.accounts["111111111111"];
        let cx = DesiredCx { section: &section, account, region: "eu-west-1", facts: &facts, baseline: &baseline };
        let want = set(ExportRole::desired(&cx)).remove(0);
        assert_eq!(
            want.trust.0[0].to_value()["Condition"],
            json!({
                "StringEquals": {"aws:SourceAccount": "111111111111"},
                "ArnLike": {"aws:SourceArn":
                    "arn:aws:scheduler:*:111111111111:schedule-group/orgbase-compute-optimizer"}
            })
        );
        let actions = want.policy.0[0].to_value()["Action"].clone();
        assert!(actions.as_array().unwrap().contains(&json!("compute-optimizer:ExportEBSVolumeRecommendations")));
        assert!(!actions.to_string().contains("Lambda"));
    }
}
