//! Security Hub is enabled in the administrator, and in the management account.
//!
//! AWS enables it in an account that becomes the administrator, but not again where somebody turned it off; and it never
//! enables it in the management account: a policy that is associated with the root fails there until the account did so itself.
//! <https://docs.aws.amazon.com/securityhub/latest/userguide/view-policy.html>

use serde::Serialize;

use super::{SecurityHub, calls, policy};
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Scope, Seat, Wanted};
use crate::error::UnitError;

/// One unit per region of the administrator in which something is to be configured.
pub(super) struct AdministratorHub;
/// One unit per region of the management account.
pub(super) struct ManagementHub;

/// It is to be enabled.
#[derive(Debug, Serialize)]
pub(super) struct Enabled;

impl Control for AdministratorHub {
    type Section = SecurityHub;
    type Desired = Enabled;
    type Actual = bool;
    const META: Meta = Meta {
        part: "administrator",
        scope: Scope::OrganizationRegion,
        seat: Seat::DelegatedAdmin("securityhub"),
        after: &["accounts", "delegated_admins"],
        reads: &["securityhub:DescribeHub"],
        writes: &["securityhub:EnableSecurityHub"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, SecurityHub>) -> Vec<Wanted<Enabled>> {
        // In linked regions the policy sees to it.
        let is_home = cx.region == cx.baseline.organization.home_region;
        if is_home || !cx.section.is_central() { Wanted::one(Enabled) } else { Vec::new() }
    }

    async fn read(cx: &Cx<'_>, _want: &Enabled) -> Result<bool, UnitError> {
        Ok(calls::own_hub(cx).await?.is_some())
    }

    fn diff(_want: &Enabled, have: &bool) -> Diff {
        enabled(*have)
    }

    async fn apply(cx: &Cx<'_>, _want: &Enabled, _have: &bool) -> Result<(), UnitError> {
        Ok(calls::enable(cx.aws).await?)
    }
}

impl Control for ManagementHub {
    type Section = SecurityHub;
    type Desired = Enabled;
    type Actual = bool;
    const META: Meta = Meta {
        part: "management",
        scope: Scope::OrganizationRegion,
        seat: Seat::Management,
        reads: &["securityhub:DescribeHub"],
        writes: &["securityhub:EnableSecurityHub"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, SecurityHub>) -> Vec<Wanted<Enabled>> {
        let wanted = !cx.section.is_central() || policy::enables(cx.section, cx.account, cx.region, cx.baseline);
        if wanted { Wanted::one(Enabled) } else { Vec::new() }
    }

    async fn read(cx: &Cx<'_>, _want: &Enabled) -> Result<bool, UnitError> {
        Ok(calls::own_hub(cx).await?.is_some())
    }

    fn diff(_want: &Enabled, have: &bool) -> Diff {
        enabled(*have)
    }

    async fn apply(cx: &Cx<'_>, _want: &Enabled, _have: &bool) -> Result<(), UnitError> {
        Ok(calls::enable(cx.aws).await?)
    }
}

fn enabled(have: bool) -> Diff {
    let mut d = Diff::new();
    if !have {
        d.create("", "Security Hub enabled");
    }
    d
}

#[cfg(test)]
mod tests {
    use super::super::tests::{desired, regions_of};
    use super::*;

    #[test]
    fn the_administrator_needs_it_at_home_and_locally_everywhere() {
        let central = "standards = [\"fsbp\"]\n";
        assert_eq!(regions_of::<AdministratorHub>(central), ["eu-west-1"]);
        let local = "configuration = \"local\"\nstandards = [\"fsbp\"]\n";
        assert_eq!(regions_of::<AdministratorHub>(local), ["eu-west-1", "us-east-1"]);
    }

    #[test]
    fn the_management_account_needs_it_where_a_policy_reaches_it() {
        let reached = "standards = [\"fsbp\"]\n";
        assert_eq!(regions_of::<ManagementHub>(reached), ["eu-west-1", "us-east-1"]);
        for text in [
            "standards = [\"fsbp\"]\ntargets = [\"/Workloads\"]\n",
            "standards = [\"fsbp\"]\ntargets = []\nexcluded_ous = [\"/\"]\n",
        ] {
            assert!(desired::<ManagementHub>(text, "eu-west-1").is_empty(), "{text}");
        }
        let one = "standards = [\"fsbp\"]\nlinking_mode = \"NO_REGIONS\"\n";
        assert_eq!(regions_of::<ManagementHub>(one), ["eu-west-1"]);
    }
}
