//! The role with which CloudTrail writes to the log group.
//!
//! No condition on `aws:SourceArn` or `aws:SourceAccount`: "The role policy doesn't support the use of aws:SourceArn and
//! aws:SourceAccount", says CloudTrail's guide; what the role may write to is one log group.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-required-policy-for-cloudwatch-logs.html>

use super::{OrgTrail, SERVICE};
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Removal, Scope, Seat, Section as _, Wanted};
use crate::error::UnitError;
use crate::names;
use crate::resource::role::{self, Desired, Role};
use crate::resource::statements::{Ours, allow_holder, allow_service};

/// Part `log_role`.
pub(super) struct LogRole;

impl Control for LogRole {
    type Section = OrgTrail;
    type Desired = Desired;
    type Actual = Option<Role>;
    const META: Meta = Meta {
        part: "log_role",
        scope: Scope::Organization,
        seat: Seat::Management,
        reads: role::READS,
        writes: role::WRITES,
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, OrgTrail>) -> Vec<Wanted<Desired>> {
        if !cx.section.cloudwatch_logs {
            return Vec::new();
        }
        let (baseline, facts) = (cx.baseline, cx.facts);
        let management = &facts.management_account;
        let group = names::trail_log_group_arn(baseline, facts);
        // Streams of an organization trail: <account>_CloudTrail_<region> and <organization>_<account>_...
        let streams = [
            format!("{group}:log-stream:{management}_CloudTrail_{}*", cx.region),
            format!("{group}:log-stream:{}_*", facts.organization_id),
        ];
        Wanted::one(Desired {
            name: names::trail_log_role(baseline),
            description: "CloudTrail writes the organization trail to its log group",
            trust: Ours(vec![allow_service("OrgbaseCloudTrail", SERVICE, &["sts:AssumeRole"]).done()]),
            policy_name: "write-log-events",
            policy: Ours(vec![
                allow_holder("OrgbaseWriteLogEvents", &["logs:CreateLogStream", "logs:PutLogEvents"])
                    .on(&streams)
                    .done(),
            ]),
            owner: OrgTrail::META.id,
        })
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Option<Role>, UnitError> {
        role::read(cx.aws, want).await
    }

    const REMOVAL: Option<Removal> = Some(role::REMOVAL);

    async fn remove(cx: &Cx<'_>, want: &Desired, _have: &Option<Role>) -> Result<(), UnitError> {
        role::remove(cx.aws, want).await
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

    use super::*;
    use crate::controls::log_archive::tests::{baseline, facts, set};
    use crate::resource::declared;

    fn want() -> Desired {
        let (facts, baseline) = (facts(), baseline("", "[org_trail]\nname = \"org-trail\""));
        let section = declared::<OrgTrail>(&baseline).unwrap();
        let account = &facts.accounts["111111111111"];
        let cx = DesiredCx { section: &section, account, region: "eu-west-1", facts: &facts, baseline: &baseline };
        set(LogRole::desired(&cx)).remove(0)
    }

    #[test]
    fn cloudtrail_alone_may_use_the_role_and_only_for_the_trails_streams() {
        assert_eq!(
            want().trust.0[0].to_value(),
            json!({
                "Sid": "OrgbaseCloudTrail", "Effect": "Allow", "Action": "sts:AssumeRole",
                "Principal": {"Service": "cloudtrail.amazonaws.com"}
            })
        );
        let group = "arn:aws:logs:eu-west-1:111111111111:log-group:orgbase-cloudtrail:log-stream";
        assert_eq!(
            want().policy.0[0].to_value()["Resource"],
            json!([format!("{group}:111111111111_CloudTrail_eu-west-1*"), format!("{group}:o-a1b2c3d4e5_*")])
        );
    }
}
