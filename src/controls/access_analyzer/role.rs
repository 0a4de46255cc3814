//! Access Analyzer's service-linked role in the management account: an organization analyzer is refused without it.
//! AWS makes the roles of the members when it makes the analyzer.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-using-service-linked-roles.html>

use serde::Serialize;

use super::{AccessAnalyzer, SERVICE};
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Wanted};
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
    type Section = AccessAnalyzer;
    type Desired = Desired;
    /// Whether it is there.
    type Actual = bool;
    const META: Meta = Meta {
        part: "service_linked_role",
        // Registering an administrator makes the role as well.
        after: &["delegated_admins.admin"],
        reads: &["iam:ListRoles"],
        writes: &["iam:CreateServiceLinkedRole"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, AccessAnalyzer>) -> Vec<Wanted<Desired>> {
        let wanted = cx.section.has_organization_analyzer();
        if wanted { Wanted::one(Desired { service_linked_role: true }) } else { Vec::new() }
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
