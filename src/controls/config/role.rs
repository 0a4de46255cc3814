//! Config's service-linked role, in every account: recorders use it. Made once per account, before its regions.
//! <https://docs.aws.amazon.com/config/latest/developerguide/using-service-linked-roles.html>

use serde::Serialize;

use super::{Config, SERVICE};
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Scope, Seat, Wanted};
use crate::error::UnitError;
use crate::resource::service_linked_role;

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
        reads: &["iam:ListRoles"],
        writes: &["iam:CreateServiceLinkedRole"],
        ..Meta::DEFAULT
    };

    fn desired(_cx: &DesiredCx<'_, Config>) -> Vec<Wanted<Desired>> {
        Wanted::one(Desired { service_linked_role: true })
    }

    async fn read(cx: &Cx<'_>, _want: &Desired) -> Result<bool, UnitError> {
        Ok(service_linked_role::exists(cx.aws, SERVICE).await?)
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
