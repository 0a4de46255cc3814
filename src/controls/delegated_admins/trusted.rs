//! Trusted access of services without a declared administrator.

use serde::Serialize;

use super::services::Integration;
use super::{DelegatedAdmins, calls};
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Wanted};
use crate::error::UnitError;

/// One unit per service of the list.
pub(super) struct TrustedAccess;

/// One service.
#[derive(Debug, Serialize)]
pub(super) struct Desired {
    principals: &'static [&'static str],
    #[serde(skip)]
    service: &'static Integration,
}

impl Control for TrustedAccess {
    type Section = DelegatedAdmins;
    type Desired = Desired;
    /// Principals that lack it.
    type Actual = Vec<String>;
    const META: Meta = Meta {
        part: "trusted_access",
        reads: &["organizations:ListAWSServiceAccessForOrganization"],
        writes: &[
            "cloudformation:ActivateOrganizationsAccess",
            "compute-optimizer:UpdateEnrollmentStatus",
            "cost-optimization-hub:UpdateEnrollmentStatus",
            "health:EnableHealthServiceAccessForOrganization",
            "organizations:EnableAWSServiceAccess",
            "ram:EnableSharingWithAwsOrganization",
            "service-quotas:AssociateServiceQuotaTemplate",
        ],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, DelegatedAdmins>) -> Vec<Wanted<Desired>> {
        let unit = |(i, service): (usize, &'static Integration)| {
            let want = Desired { principals: service.principals, service };
            Wanted::set(service.key, format!("trusted_access[{i}]"), want)
        };
        cx.section.only_trusted().into_iter().map(unit).collect()
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Vec<String>, UnitError> {
        Ok(calls::missing_access(cx, want.service).await?)
    }

    fn import(_cx: &Cx<'_>, want: &Desired, missing: &Vec<String>) -> Option<DelegatedAdmins> {
        missing.is_empty().then(|| DelegatedAdmins::trusting(want.service))
    }

    fn diff(_want: &Desired, missing: &Vec<String>) -> Diff {
        let mut d = Diff::new();
        for principal in missing {
            d.create("trusted_access", principal);
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, missing: &Vec<String>) -> Result<(), UnitError> {
        calls::enable(cx, want.service, missing).await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::services;
    use super::super::tests::{desired_of, organization};
    use super::*;

    #[test]
    fn one_unit_per_listed_service_without_an_administrator() {
        let text = "trusted_access = [\"ram\", \"guardduty\"]\nguardduty = \"security\"\n";
        let units = desired_of::<TrustedAccess>(text, &organization());
        let shown: Vec<(&str, &str)> = units.iter().map(|u| (u.part.as_str(), u.at.as_str())).collect();
        assert_eq!(shown, [("ram", "trusted_access[0]")]);
    }

    #[test]
    fn each_missing_principal_is_a_change() {
        let service = services::find("config").unwrap();
        let want = Desired { principals: service.principals, service };
        assert!(TrustedAccess::diff(&want, &Vec::new()).is_empty());
        assert_eq!(TrustedAccess::diff(&want, &vec!["config.amazonaws.com".into()]).changes.len(), 1);
    }
}
