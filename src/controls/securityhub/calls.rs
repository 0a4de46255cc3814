//! What several parts ask Security Hub.

use aws_sdk_securityhub::types::{
    AutoEnableStandards, ControlFindingGenerator, OrganizationConfigurationConfigurationType,
    OrganizationConfigurationStatus,
};
use serde::Serialize;

use crate::aws::Clients;
use crate::control::Cx;
use crate::error::{Absent as _, CallError, UnitError};

/// "Account ... is not subscribed", or "... is not an administrator for this organization": a state, not a permission
/// (a missing permission is `AccessDeniedException`). <https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_DescribeHub.html>
pub(super) const NOT_ENABLED: &[&str] = &["InvalidAccessException"];

/// Security Hub of one account and region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Hub {
    /// New controls are enabled.
    pub(super) auto_enable_controls: bool,
    /// One finding per control.
    pub(super) consolidated: bool,
}

impl Hub {
    /// What AWS makes where nothing else is asked for.
    pub(super) const FRESH: Hub = Hub { auto_enable_controls: true, consolidated: true };
}

/// The hub; absent where Security Hub is not enabled. Reads by `securityhub:DescribeHub`.
pub(super) async fn hub(aws: &Clients) -> Result<Option<Hub>, CallError> {
    let answer = aws
        .securityhub()
        .call("DescribeHub", |c| c.describe_hub().send())
        .await
        .absent(&["InvalidAccessException", "ResourceNotFoundException"])?;
    Ok(answer.map(|hub| Hub {
        auto_enable_controls: hub.auto_enable_controls.unwrap_or(true),
        consolidated: hub.control_finding_generator != Some(ControlFindingGenerator::StandardControl),
    }))
}

/// The same in the unit's own account and region, asked once while planning.
pub(super) async fn own_hub(cx: &Cx<'_>) -> Result<Option<Hub>, UnitError> {
    Ok(cx.once("security hub", hub(cx.aws)).await?.as_ref().clone())
}

/// Enables Security Hub without standards; enabled already is a success. Writes by `securityhub:EnableSecurityHub`.
pub(super) async fn enable(aws: &Clients) -> Result<(), CallError> {
    aws.securityhub()
        .call("EnableSecurityHub", |c| c.enable_security_hub().enable_default_standards(false).send())
        .await
        .absent(&["ResourceConflictException"])?;
    Ok(())
}

/// How the organization is configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Organization {
    /// Central rather than local configuration.
    pub(super) central: bool,
    /// New accounts get Security Hub.
    pub(super) auto_enable: bool,
    /// New accounts get AWS's default standards.
    pub(super) default_standards: bool,
    /// `ENABLED`, `PENDING` or `FAILED`.
    pub(super) status: String,
    /// Why it failed.
    pub(super) status_message: Option<String>,
}

impl Organization {
    /// What a new administrator finds.
    pub(super) fn fresh() -> Organization {
        let status = OrganizationConfigurationStatus::Enabled.as_str().to_owned();
        Organization { central: false, auto_enable: false, default_standards: true, status, status_message: None }
    }
}

/// The organization's configuration; absent where the account is not the administrator (yet). Reads by
/// `securityhub:DescribeOrganizationConfiguration`.
pub(super) async fn organization(aws: &Clients) -> Result<Option<Organization>, UnitError> {
    let answer = aws
        .securityhub()
        .call("DescribeOrganizationConfiguration", |c| c.describe_organization_configuration().send())
        .await
        .absent(NOT_ENABLED)?;
    let Some(answer) = answer else { return Ok(None) };
    let configuration = answer.organization_configuration.as_ref();
    let kind = configuration.and_then(|c| c.configuration_type.as_ref());
    let status = configuration.and_then(|c| c.status.as_ref()).map_or("ENABLED", |status| status.as_str());
    Ok(Some(Organization {
        central: kind == Some(&OrganizationConfigurationConfigurationType::Central),
        auto_enable: answer.auto_enable.unwrap_or_default(),
        default_standards: answer.auto_enable_standards != Some(AutoEnableStandards::None),
        status: status.to_owned(),
        status_message: configuration.and_then(|c| c.status_message.clone()),
    }))
}
