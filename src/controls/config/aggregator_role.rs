//! The role with which the aggregator asks Organizations for the accounts.
//! <https://docs.aws.amazon.com/config/latest/developerguide/set-up-aggregator-cli.html>

use super::{Config, SERVICE};
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Risk, Scope, Seat, Section as _, Wanted};
use crate::error::UnitError;
use crate::names;
use crate::resource::access_role::{self, Desired, Role};
use crate::resource::statements::{Ours, allow_service};

/// Part `aggregator_role`.
pub(super) struct AggregatorRole;

impl Control for AggregatorRole {
    type Section = Config;
    type Desired = Desired;
    type Actual = Option<Role>;
    const META: Meta = Meta {
        part: "aggregator_role",
        scope: Scope::Organization,
        seat: Seat::DelegatedAdmin("config"),
        optional_seat: true,
        reads: access_role::READS,
        writes: &["iam:AttachRolePolicy", "iam:CreateRole", "iam:TagRole", "iam:UpdateAssumeRolePolicy"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, Config>) -> Vec<Wanted<Desired>> {
        if !cx.section.aggregator {
            return Vec::new();
        }
        let managed = cx.facts.arn("iam", "", "aws", "policy/service-role/AWSConfigRoleForOrganizations");
        Wanted::one(Desired {
            name: names::config_aggregator_role(cx.baseline),
            description: "AWS Config reads the accounts of the organization for its aggregator",
            trust: Ours(vec![allow_service("OrgbaseConfig", SERVICE, &["sts:AssumeRole"]).done()]),
            managed: vec![managed],
            exclusive: false,
            max_session_seconds: None,
            risk: Risk::Normal,
            owner: Config::META.id,
        })
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Option<Role>, UnitError> {
        access_role::read(cx.aws, want).await
    }

    fn diff(want: &Desired, have: &Option<Role>) -> Diff {
        access_role::diff(want, have.as_ref())
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Option<Role>) -> Result<(), UnitError> {
        access_role::apply(cx.aws, want, have.as_ref()).await
    }
}
