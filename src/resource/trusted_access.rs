//! Trusted access of one service, for sections that need it and switch it on themselves. Where `delegated_admins` lists the
//! service, it is left to that section.

use crate::control::Cx;
use crate::error::CallError;

/// Whether the service principal has trusted access. AWS is asked only while applying; a plan takes it from the facts, for
/// which `run.rs` must know the section.
/// Calls `organizations:ListAWSServiceAccessForOrganization`.
pub async fn is_on(cx: &Cx<'_>, principal: &str) -> Result<bool, CallError> {
    if !cx.fresh {
        return Ok(cx.facts.trusted_services.contains(principal));
    }
    let trusted = cx
        .aws
        .organizations()
        .pages(
            "ListAWSServiceAccessForOrganization",
            |c, token| c.list_aws_service_access_for_organization().set_next_token(token).send(),
            |out| (out.enabled_service_principals, out.next_token),
        )
        .await?;
    Ok(trusted.iter().any(|t| t.service_principal.as_deref() == Some(principal)))
}

/// Switches it on; on already is a success. Calls `organizations:EnableAWSServiceAccess`.
pub async fn switch_on(cx: &Cx<'_>, principal: &str) -> Result<(), CallError> {
    let organizations = cx.aws.organizations();
    organizations
        .call("EnableAWSServiceAccess", |c| c.enable_aws_service_access().service_principal(principal).send())
        .await
        .map(|_| ())
}
