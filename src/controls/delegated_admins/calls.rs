//! Calls that more than one part makes.

use std::time::Duration;

use aws_sdk_computeoptimizer::types::Status;
use aws_sdk_costoptimizationhub::types::EnrollmentStatus;

use super::named::Named;
use super::services::{Enable, Integration, global_region};
use crate::aws::Clients;
use crate::control::Cx;
use crate::error::{CallError, Kind, UnitError};

/// How often and how long AWS is asked whether an administrator is gone.
const POLLS: u32 = 12;
const PAUSE: Duration = Duration::from_secs(5);

/// Clients of the management account in the region of services with one endpoint.
pub(super) async fn global(cx: &Cx<'_>) -> Result<Clients, CallError> {
    cx.aws.elsewhere(cx.aws.account(), global_region(cx.aws.partition())).await
}

/// Principals of a service that lack trusted access. What the run's facts show as on is not asked again.
pub(super) async fn missing_access(cx: &Cx<'_>, service: &Integration) -> Result<Vec<String>, CallError> {
    let missing = |on: &dyn Fn(&str) -> bool| {
        service.principals.iter().filter(|p| !on(p)).map(|p| (*p).to_string()).collect::<Vec<_>>()
    };
    let then = missing(&|p| cx.facts.trusted_services.contains(p));
    if then.is_empty() || !cx.fresh {
        return Ok(then);
    }
    let found = cx
        .aws
        .organizations()
        .pages(
            "ListAWSServiceAccessForOrganization",
            |c, t| c.list_aws_service_access_for_organization().set_next_token(t).send(),
            |a| (a.enabled_service_principals, a.next_token),
        )
        .await?;
    Ok(missing(&|p| found.iter().any(|f| f.service_principal.as_deref() == Some(p))))
}

/// Switches trusted access of one principal on; on already is a success.
pub(super) async fn enable_access(cx: &Cx<'_>, principal: &str) -> Result<(), CallError> {
    let organizations = cx.aws.organizations();
    let on = |c: &aws_sdk_organizations::Client| c.enable_aws_service_access().service_principal(principal).send();
    organizations.call("EnableAWSServiceAccess", on).await.map(|_| ())
}

/// Switches trusted access of a service on, by the service's own call where it has one apart from the administrator's.
pub(super) async fn enable(cx: &Cx<'_>, service: &Integration, missing: &[String]) -> Result<(), UnitError> {
    match service.enable {
        Enable::Organizations | Enable::WithAdmin | Enable::OnlyWithAdmin => {
            for principal in missing {
                enable_access(cx, principal).await?;
            }
        }
        Enable::StackSets => {
            let cloudformation = cx.aws.cloudformation();
            cloudformation.call("ActivateOrganizationsAccess", |c| c.activate_organizations_access().send()).await?;
        }
        Enable::Ram => {
            let ram = cx.aws.ram();
            ram.call("EnableSharingWithAwsOrganization", |c| c.enable_sharing_with_aws_organization().send()).await?;
        }
        Enable::Health => {
            let health = global(cx).await?.health();
            health
                .call("EnableHealthServiceAccessForOrganization", |c| {
                    c.enable_health_service_access_for_organization().send()
                })
                .await?;
        }
        Enable::ServiceQuotas => {
            let quotas = global(cx).await?.service_quotas();
            quotas.call("AssociateServiceQuotaTemplate", |c| c.associate_service_quota_template().send()).await?;
        }
        Enable::ComputeOptimizer => {
            let enroll = |c: &aws_sdk_computeoptimizer::Client| {
                c.update_enrollment_status().status(Status::Active).include_member_accounts(true).send()
            };
            cx.aws.compute_optimizer().call("UpdateEnrollmentStatus", enroll).await?;
        }
        Enable::CostOptimizationHub => {
            let enroll = |c: &aws_sdk_costoptimizationhub::Client| {
                c.update_enrollment_status().status(EnrollmentStatus::Active).include_member_accounts(true).send()
            };
            global(cx).await?.cost_optimization_hub().call("UpdateEnrollmentStatus", enroll).await?;
        }
    }
    Ok(())
}

/// The administrators of a service in Organizations' own list.
pub(super) async fn administrators(cx: &Cx<'_>, principal: &str) -> Result<Vec<Named>, CallError> {
    let found = cx
        .aws
        .organizations()
        .pages(
            "ListDelegatedAdministrators",
            |c, t| c.list_delegated_administrators().service_principal(principal).set_next_token(t).send(),
            |a| (a.delegated_administrators, a.next_token),
        )
        .await?;
    Ok(found.into_iter().filter_map(|a| a.id).map(|id| Named::new(cx.facts, &id)).collect())
}

/// Removes an administrator from Organizations' list; one that is not in it is a success.
pub(super) async fn deregister(cx: &Cx<'_>, account: &str, principal: &str) -> Result<(), CallError> {
    let gone = cx
        .aws
        .organizations()
        .call("DeregisterDelegatedAdministrator", |c| {
            c.deregister_delegated_administrator().account_id(account).service_principal(principal).send()
        })
        .await;
    success(gone, &["AccountNotRegisteredException"])
}

/// Takes some error codes for success.
pub(super) fn success<T>(answer: Result<T, CallError>, codes: &[&str]) -> Result<(), CallError> {
    match answer {
        Err(e) if !e.is(codes) => Err(e),
        _ => Ok(()),
    }
}

/// Waits until `there` says no.
pub(super) async fn until_gone<F, Fut>(who: &str, there: F) -> Result<(), UnitError>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<bool, UnitError>>,
{
    for _ in 0..POLLS {
        if !there().await? {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(UnitError::new(Kind::TimedOut, format!("AWS is still removing {who} as administrator"))
        .hint("run the same command again in a few minutes"))
}
