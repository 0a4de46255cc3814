//! What CloudTrail needs before an organization trail: trusted access, and its service-linked role in the management
//! account. Where `delegated_admins` lists CloudTrail, the first is its business.
//! <https://docs.aws.amazon.com/organizations/latest/userguide/services-that-can-integrate-cloudtrail.html>

use serde::Serialize;

use super::{OrgTrail, SERVICE};
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Scope, Seat, Wanted};
use crate::controls::delegated_admins::DelegatedAdmins;
use crate::error::UnitError;
use crate::resource::{declared, service_linked_role, trusted_access};

/// Part `trusted_access`.
pub(super) struct TrustedAccess;

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Desired {
    /// `None`: not managed here.
    trusted_access: Option<bool>,
    service_linked_role: bool,
}

/// What is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Actual {
    trusted_access: bool,
    service_linked_role: bool,
}

impl Control for TrustedAccess {
    type Section = OrgTrail;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        part: "trusted_access",
        scope: Scope::Organization,
        seat: Seat::Management,
        after: &["delegated_admins.trusted_access:cloudtrail", "delegated_admins.admin:cloudtrail"],
        reads: &["iam:ListRoles", "organizations:ListAWSServiceAccessForOrganization"],
        writes: &["iam:CreateServiceLinkedRole", "organizations:EnableAWSServiceAccess"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, OrgTrail>) -> Vec<Wanted<Desired>> {
        let elsewhere = declared::<DelegatedAdmins>(cx.baseline).is_some_and(|section| {
            section.cloudtrail.is_some() || section.trusted_access.iter().any(|key| key.0 == "cloudtrail")
        });
        Wanted::one(Desired { trusted_access: (!elsewhere).then_some(true), service_linked_role: true })
    }

    async fn read(cx: &Cx<'_>, _want: &Desired) -> Result<Actual, UnitError> {
        let trusted_access = trusted_access::is_on(cx, SERVICE).await?;
        let service_linked_role = service_linked_role::exists(cx.aws, SERVICE).await?;
        Ok(Actual { trusted_access, service_linked_role })
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        let mut d = Diff::new();
        d.field("trusted_access", &have.trusted_access, want.trusted_access.as_ref());
        d.field("service_linked_role", &have.service_linked_role, Some(&want.service_linked_role));
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        if want.trusted_access.is_some() && !have.trusted_access {
            trusted_access::switch_on(cx, SERVICE).await?;
        }
        if !have.service_linked_role {
            service_linked_role::create(cx.aws, SERVICE).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::controls::log_archive::tests::{baseline, facts, set};

    #[test]
    fn each_of_the_two_is_found_by_itself() {
        let want = Desired { trusted_access: Some(true), service_linked_role: true };
        let paths = |trusted_access, service_linked_role| {
            let diff = TrustedAccess::diff(&want, &Actual { trusted_access, service_linked_role });
            diff.changes.into_iter().map(|c| c.path).collect::<Vec<_>>()
        };
        assert!(paths(true, true).is_empty());
        assert_eq!(paths(false, true), ["trusted_access"]);
        assert_eq!(paths(true, false), ["service_linked_role"]);
    }

    #[test]
    fn trusted_access_is_left_to_delegated_admins_where_that_lists_cloudtrail() {
        let facts = facts();
        let wanted = |admins: &str| {
            let baseline = baseline("", &format!("[org_trail]\nname = \"org-trail\"\n{admins}"));
            let section = declared::<OrgTrail>(&baseline).unwrap();
            let account = &facts.accounts["111111111111"];
            let cx = DesiredCx { section: &section, account, region: "eu-west-1", facts: &facts, baseline: &baseline };
            set(TrustedAccess::desired(&cx)).remove(0).trusted_access
        };
        assert_eq!(wanted(""), Some(true));
        assert_eq!(wanted("[delegated_admins]\ncloudtrail = \"log-archive\""), None);
        assert_eq!(wanted("[delegated_admins]\ntrusted_access = [\"cloudtrail\"]"), None);
    }
}
