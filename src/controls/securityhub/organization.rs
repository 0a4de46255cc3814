//! How the organization is configured: centrally, from the home region, or locally, region by region.
//!
//! Central configuration cannot be ended while there are policies or associations, so going back to local is not done here.
//! <https://docs.aws.amazon.com/securityhub/latest/userguide/stop-central-configuration.html>

use aws_sdk_securityhub::types::{
    AutoEnableStandards, OrganizationConfiguration as LiveConfiguration, OrganizationConfigurationConfigurationType,
    OrganizationConfigurationStatus,
};
use serde::Serialize;
use serde_json::json;

use super::calls::{self, Organization};
use super::SecurityHub;
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Risk, Scope, Seat, Wanted};
use crate::error::UnitError;

/// One unit in the home region, or one per region where configuration is local.
pub(super) struct OrganizationConfiguration;

/// Central, or local with new accounts enabled by themselves.
#[derive(Debug, Serialize)]
pub(super) struct Desired {
    central: bool,
}

impl Control for OrganizationConfiguration {
    type Section = SecurityHub;
    type Desired = Desired;
    /// Absent where the account is not the administrator yet.
    type Actual = Option<Organization>;
    const META: Meta = Meta {
        part: "organization",
        scope: Scope::OrganizationRegion,
        seat: Seat::DelegatedAdmin("securityhub"),
        after: &["delegated_admins", "securityhub.administrator", "securityhub.aggregator"],
        reads: &["securityhub:DescribeOrganizationConfiguration"],
        writes: &["securityhub:UpdateOrganizationConfiguration"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, SecurityHub>) -> Vec<Wanted<Desired>> {
        let central = cx.section.is_central();
        if central && cx.region != cx.baseline.organization.home_region {
            return Vec::new();
        }
        Wanted::one(Desired { central })
    }

    async fn read(cx: &Cx<'_>, _want: &Desired) -> Result<Option<Organization>, UnitError> {
        calls::organization(cx.aws).await
    }

    fn diff(want: &Desired, have: &Option<Organization>) -> Diff {
        let mut d = Diff::new();
        let fresh = Organization::fresh();
        let have = have.as_ref().unwrap_or(&fresh);
        match (want.central, have.central) {
            (true, false) => d.push("configuration", json!("local"), json!("central"), Risk::Normal),
            (true, true) => compare_status(&mut d, have),
            (false, true) => {
                d.push("configuration", json!("central"), json!("local"), Risk::Disruptive);
                d.by_hand = Some(
                    "disassociate and delete the configuration policies, then switch to local configuration (aws \
                     securityhub update-organization-configuration), or declare `configuration = \"central\"`"
                        .into(),
                );
            }
            (false, false) => {
                d.field("auto_enable", &have.auto_enable, Some(&true));
                d.field("auto_enable_standards", &have.default_standards, Some(&false));
            }
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, _have: &Option<Organization>) -> Result<(), UnitError> {
        use OrganizationConfigurationConfigurationType::{Central, Local};
        let kind = if want.central { Central } else { Local };
        let configuration = LiveConfiguration::builder().configuration_type(kind).build();
        cx.aws
            .securityhub()
            .call("UpdateOrganizationConfiguration", |c| {
                c.update_organization_configuration()
                    .auto_enable(!want.central)
                    .auto_enable_standards(AutoEnableStandards::None)
                    .organization_configuration(configuration.clone())
                    .send()
            })
            .await?;
        Ok(())
    }
}

/// AWS sets central configuration up for some time, and may fail to.
fn compare_status(d: &mut Diff, have: &Organization) {
    if have.status == OrganizationConfigurationStatus::Pending.as_str() {
        d.pending = Some("central configuration is PENDING".into());
    } else if have.status == OrganizationConfigurationStatus::Failed.as_str() {
        d.push("configuration", json!("FAILED"), json!("central"), Risk::Normal);
        let why = have.status_message.as_deref().unwrap_or("AWS gives no reason");
        d.notice(format!("central configuration could not be enabled: {why}"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::regions_of;
    use super::*;

    fn central(status: &str) -> Organization {
        Organization { central: true, status: status.into(), ..Organization::fresh() }
    }

    #[test]
    fn central_configuration_is_one_unit_and_local_one_per_region() {
        assert_eq!(regions_of::<OrganizationConfiguration>("standards = []\n"), ["eu-west-1"]);
        let local = "configuration = \"local\"\nstandards = []\n";
        assert_eq!(regions_of::<OrganizationConfiguration>(local).len(), 2);
    }

    #[test]
    fn what_differs() {
        let diff = |central, have| OrganizationConfiguration::diff(&Desired { central }, &have);
        // The same change before the account is the administrator and after: else the unit would be stale.
        assert_eq!(diff(true, None).changes, diff(true, Some(Organization::fresh())).changes);
        assert_eq!(diff(false, None).changes, diff(false, Some(Organization::fresh())).changes);
        assert!(diff(true, Some(central("ENABLED"))).is_empty());
        assert!(diff(true, Some(central("PENDING"))).pending.is_some());
        let failed = diff(true, Some(central("FAILED")));
        assert_eq!((failed.changes.len(), failed.notices.len()), (1, 1));
        assert!(diff(false, Some(central("ENABLED"))).by_hand.is_some());
        let local = Organization { auto_enable: true, default_standards: false, ..Organization::fresh() };
        assert!(diff(false, Some(local)).is_empty());
    }
}
