//! Services that are turned on for the whole organization by a call of their own: CloudFormation StackSets, Resource
//! Access Manager, Health, the quota request template.

use serde_json::json;

use crate::sandbox::services::{iam, organizations};
use crate::sandbox::world::{Call, Fault, Reply, World};

use super::{fault, is_management};

const STACKSETS: &str = "member.org.stacksets.cloudformation.amazonaws.com";

pub(super) fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    let run: fn(&mut World, &Call) -> Reply = match (call.service.as_str(), call.operation.as_str()) {
        ("cloudformation", "ActivateOrganizationsAccess") => activate_stack_sets,
        ("cloudformation", "DescribeOrganizationsAccess") => describe_stack_sets,
        ("ram", "EnableSharingWithAwsOrganization") => enable_sharing,
        ("health", "EnableHealthServiceAccessForOrganization") => enable_health,
        ("health", "DescribeHealthServiceStatusForOrganization") => describe_health,
        ("service-quotas", "AssociateServiceQuotaTemplate") => associate_template,
        ("service-quotas", "GetAssociationForServiceQuotaTemplate") => describe_template,
        ("service-quotas", "GetServiceQuota") => quota,
        _ => return None,
    };
    Some(run(world, call))
}

/// Trusted access of `principal`, the service-linked role in the management account, and the service's own switch.
fn switch_on(world: &mut World, call: &Call, principal: &str) {
    organizations::enable_access(world, principal, call.now);
    iam::ensure_service_linked_role(world, &call.account, principal, call.now);
    world.integrations.switches.entry(call.service.clone()).or_insert(call.now);
}

fn is_on(world: &World, call: &Call, principal: &str) -> bool {
    world.integrations.switches.contains_key(&call.service) && organizations::access_enabled(world, principal)
}

fn stack_sets_denied() -> Fault {
    fault(
        ("InvalidOperationException", 400),
        "You must be the management account or delegated admin account of an organization before operating a \
         SERVICE_MANAGED stack set",
    )
}

fn activate_stack_sets(world: &mut World, call: &Call) -> Reply {
    if !is_management(world, call) {
        return Err(stack_sets_denied());
    }
    switch_on(world, call, STACKSETS);
    Ok(json!({}))
}

fn describe_stack_sets(world: &mut World, call: &Call) -> Reply {
    if !is_management(world, call) && !organizations::is_delegated(world, STACKSETS, &call.account) {
        return Err(stack_sets_denied());
    }
    Ok(json!({"Status": if is_on(world, call, STACKSETS) { "ENABLED" } else { "DISABLED" }}))
}

fn enable_sharing(world: &mut World, call: &Call) -> Reply {
    if !is_management(world, call) {
        return Err(fault(
            ("OperationNotPermittedException", 400),
            "The requested operation is not permitted: the account is not the management account of an organization.",
        ));
    }
    switch_on(world, call, "ram.amazonaws.com");
    Ok(json!({"returnValue": true}))
}

/// The sandbox's accounts have a support plan with the Health API; without one AWS answers
/// SubscriptionRequiredException.
fn require_health(world: &World, call: &Call) -> Result<(), Fault> {
    if is_management(world, call) {
        return Ok(());
    }
    // The model declares no fault of its own for this; Guess: the common one.
    Err(fault(
        ("AccessDeniedException", 400),
        "The account is not the management account of an organization.",
    ))
}

fn enable_health(world: &mut World, call: &Call) -> Reply {
    require_health(world, call)?;
    switch_on(world, call, "health.amazonaws.com");
    Ok(json!({}))
}

fn describe_health(world: &mut World, call: &Call) -> Reply {
    require_health(world, call)?;
    let status = if is_on(world, call, "health.amazonaws.com") { "ENABLED" } else { "DISABLED" };
    Ok(json!({"healthServiceAccessStatusForOrganization": status}))
}

fn require_template(world: &World, call: &Call) -> Result<(), Fault> {
    if call.region != "us-east-1" {
        return Err(fault(
            ("TemplatesNotAvailableInRegionException", 400),
            "The Service Quotas template is not available in this AWS Region.",
        ));
    }
    if organizations::organization(world).is_err() {
        return Err(fault(
            ("NoAvailableOrganizationException", 400),
            "The AWS account making this call is not a member of an organization.",
        ));
    }
    if is_management(world, call) {
        return Ok(());
    }
    Err(fault(
        ("AccessDeniedException", 400),
        "You do not have sufficient permission to perform this action.",
    ))
}

/// Only one quota is simulated: how many accounts the organization may have. Guess: its code.
fn quota(world: &mut World, call: &Call) -> Reply {
    if (call.required("ServiceCode"), call.required("QuotaCode")) != ("organizations", "L-E619E033") {
        return Err(fault(("NoSuchResourceException", 400), "The specified resource does not exist."));
    }
    let value = organizations::account_limit(world);
    Ok(json!({"Quota": {
        "ServiceCode": "organizations",
        "ServiceName": "AWS Organizations",
        "QuotaCode": "L-E619E033",
        "QuotaName": "Default maximum number of accounts",
        "Value": value,
        "Unit": "None",
        "Adjustable": true,
        "GlobalQuota": true,
    }}))
}

fn associate_template(world: &mut World, call: &Call) -> Reply {
    require_template(world, call)?;
    if !organizations::organization(world)?.all_features {
        return Err(fault(
            ("OrganizationNotInAllFeaturesModeException", 400),
            "The organization that your AWS account belongs to is not in All Features mode.",
        ));
    }
    switch_on(world, call, "servicequotas.amazonaws.com");
    Ok(json!({}))
}

fn describe_template(world: &mut World, call: &Call) -> Reply {
    require_template(world, call)?;
    let on = is_on(world, call, "servicequotas.amazonaws.com");
    Ok(json!({"ServiceQuotaTemplateAssociationStatus": if on { "ASSOCIATED" } else { "DISASSOCIATED" }}))
}
