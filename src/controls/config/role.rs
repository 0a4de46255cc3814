//! Config's service-linked role, in every account: recorders use it. Made once per account, before its regions.
//! <https://docs.aws.amazon.com/config/latest/developerguide/using-service-linked-roles.html>

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Config, SERVICE, recorder};
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Scope, Seat, Surveyed, Wanted};
use crate::error::UnitError;
use crate::resource::{aggregated, service_linked_role};

/// Part `service_linked_role`.
pub(super) struct ServiceLinkedRole;

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Desired {
    service_linked_role: bool,
}

impl Control for ServiceLinkedRole {
    type Section = Config;
    type Desired = Desired;
    /// Whether it is there.
    type Actual = bool;
    const META: Meta = Meta {
        part: "service_linked_role",
        scope: Scope::Account,
        seat: Seat::Member,
        reads: &["config:DescribeConfigurationRecorders", "iam:ListRoles"],
        writes: &["iam:CreateServiceLinkedRole"],
        survey: Some(aggregated::SURVEY),
        ..Meta::DEFAULT
    };

    fn desired(_cx: &DesiredCx<'_, Config>) -> Vec<Wanted<Desired>> {
        Wanted::one(Desired { service_linked_role: true })
    }

    async fn read(cx: &Cx<'_>, _want: &Desired) -> Result<bool, UnitError> {
        if !cx.fresh && is_in_use(cx).await? {
            return Ok(true);
        }
        Ok(service_linked_role::exists(cx.aws, SERVICE).await?)
    }

    /// AWS does not delete a service-linked role that is in use: where a recorder runs with it, it is there.
    async fn survey(cx: &Cx<'_>) -> Result<Vec<Surveyed<bool>>, UnitError> {
        let roles = aggregated::roles(cx).await?;
        let linked = roles.into_iter().filter(|(_, role)| is_linked(role));
        let accounts: BTreeSet<String> = linked.map(|((account, _), _)| account).collect();
        Ok(accounts.into_iter().map(|id| Surveyed::at((id, cx.region.to_owned()), true)).collect())
    }

    fn diff(want: &Desired, have: &bool) -> Diff {
        let mut d = Diff::new();
        d.field("service_linked_role", have, Some(&want.service_linked_role));
        d
    }

    async fn apply(cx: &Cx<'_>, _want: &Desired, _have: &bool) -> Result<(), UnitError> {
        Ok(service_linked_role::create(cx.aws, SERVICE).await?)
    }
}

/// Whether the home region's recorder has the role: AWS does not delete a service-linked role that is in use, so that it is
/// there. The recorder's own unit needs this read as well.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html>
async fn is_in_use(cx: &Cx<'_>) -> Result<bool, UnitError> {
    let recorders = recorder::live(cx).await?;
    Ok(recorders.iter().any(|recorder| recorder.role_arn.as_deref().is_some_and(is_linked)))
}

fn is_linked(role: &str) -> bool {
    role.contains(&format!(":role/aws-service-role/{SERVICE}/"))
}
