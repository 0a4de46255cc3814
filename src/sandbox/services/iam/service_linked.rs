//! Service-linked roles.

use serde_json::json;

use crate::sandbox::world::{Call, Fault, Reply, World};

use super::super::documents::digest_hex;
use super::roles::{SESSION_SECONDS, full};
use super::state::Role;
use super::{invalid_input, no_such, view};

/// Role names that do not follow from the principal (each service's user guide).
const NAMES: &[(&str, &str)] = &[
    ("access-analyzer.amazonaws.com", "AWSServiceRoleForAccessAnalyzer"),
    ("agentless.inspector2.amazonaws.com", "AWSServiceRoleForAmazonInspector2Agentless"),
    ("cloudtrail.amazonaws.com", "AWSServiceRoleForCloudTrail"),
    ("compute-optimizer.amazonaws.com", "AWSServiceRoleForComputeOptimizer"),
    ("config.amazonaws.com", "AWSServiceRoleForConfig"),
    ("config-multiaccountsetup.amazonaws.com", "AWSServiceRoleForConfigMultiAccountSetup"),
    ("cost-optimization-hub.bcm.amazonaws.com", "AWSServiceRoleForCostOptimizationHub"),
    ("detective.amazonaws.com", "AWSServiceRoleForDetective"),
    ("fms.amazonaws.com", "AWSServiceRoleForFMS"),
    ("guardduty.amazonaws.com", "AWSServiceRoleForAmazonGuardDuty"),
    ("inspector2.amazonaws.com", "AWSServiceRoleForAmazonInspector2"),
    ("ipam.amazonaws.com", "AWSServiceRoleForIPAM"),
    ("macie.amazonaws.com", "AWSServiceRoleForAmazonMacie"),
    ("malware-protection.guardduty.amazonaws.com", "AWSServiceRoleForAmazonGuardDutyMalwareProtection"),
    ("organizations.amazonaws.com", "AWSServiceRoleForOrganizations"),
    ("ram.amazonaws.com", "AWSServiceRoleForResourceAccessManager"),
    ("resource-explorer-2.amazonaws.com", "AWSServiceRoleForResourceExplorer"),
    ("securityhub.amazonaws.com", "AWSServiceRoleForSecurityHub"),
    ("securitylake.amazonaws.com", "AWSServiceRoleForSecurityLake"),
    ("ssm.amazonaws.com", "AWSServiceRoleForAmazonSSM"),
    ("sso.amazonaws.com", "AWSServiceRoleForSSO"),
    ("storage-lens.s3.amazonaws.com", "AWSServiceRoleForS3StorageLens"),
    ("support.amazonaws.com", "AWSServiceRoleForSupport"),
    ("trustedadvisor.amazonaws.com", "AWSServiceRoleForTrustedAdvisor"),
];

/// Where service-linked roles are.
const PATH: &str = "/aws-service-role/";

/// The name of a service's role. Guess: services outside the table are named after the first part of their principal.
pub fn role_name(service: &str) -> String {
    if let Some((_, name)) = NAMES.iter().find(|(principal, _)| *principal == service) {
        return (*name).to_owned();
    }
    let first = service.split('.').next().unwrap_or_default();
    let words = first.split('-').map(|word| {
        let (head, tail) = word.split_at(word.len().min(1));
        format!("{}{tail}", head.to_ascii_uppercase())
    });
    format!("AWSServiceRoleFor{}", words.collect::<String>())
}

pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    let service = call.required("AWSServiceName");
    if !service.ends_with(".amazonaws.com") && !service.ends_with(".amazonaws.com.cn") {
        return Err(invalid_input(format!("{service} is not a valid service principal.")));
    }
    let mut name = role_name(service);
    if let Some(suffix) = call.str("CustomSuffix") {
        name = format!("{name}_{suffix}");
    }
    if view(world, &call.account).roles.contains_key(&name) {
        return Err(taken(&name));
    }
    let id = super::fresh_id(world, "AROA");
    let mut role = build(service, &name, id, call.now);
    role.description = call.str("Description").map(str::to_owned);
    let value = full(world, &call.account, &role);
    world.iam.entry(call.account.clone()).or_default().roles.insert(name, role);
    Ok(json!({"Role": value}))
}

/// DeleteServiceLinkedRole. A role that a recorder of Config uses stays, and the deletion fails (IAM user guide, "Deleting a
/// service-linked role"). Guess: no other service has a use for its role any more, so that it is gone at once.
pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    let name = call.required("RoleName");
    let role = view(world, &call.account).roles.get(name).cloned();
    let role = role.ok_or_else(|| no_such(format!("The role with name {name} cannot be found.")))?;
    if !role.path.starts_with(PATH) {
        return Err(invalid_input(format!("{name} is not a service-linked role.")));
    }
    let task = format!("task{}{name}/{}", role.path, world.uuid());
    if !is_in_use(world, &call.account, name) {
        super::edit(world, call).roles.remove(name);
    }
    Ok(json!({"DeletionTaskId": task}))
}

/// GetServiceLinkedRoleDeletionStatus, of what `delete` answered.
pub(super) fn deletion_status(world: &mut World, call: &Call) -> Reply {
    let task = call.required("DeletionTaskId");
    let name = task.rsplit('/').nth(1).unwrap_or_default();
    if view(world, &call.account).roles.contains_key(name) {
        return Ok(json!({"Status": "FAILED", "Reason": {"Reason": "The role is in use."}}));
    }
    if task.strip_prefix("task").is_some_and(|rest| rest.starts_with(PATH)) {
        return Ok(json!({"Status": "SUCCEEDED"}));
    }
    Err(no_such(format!("The deletion task {task} cannot be found.")))
}

/// Whether a recorder of the account has the role.
fn is_in_use(world: &World, account: &str, name: &str) -> bool {
    let own = world.config.iter().filter(|(place, _)| place.split('/').next() == Some(account));
    own.filter_map(|(_, state)| state.recorder.as_ref()).any(|r| r.role.ends_with(&format!("/{name}")))
}

fn taken(name: &str) -> Fault {
    invalid_input(format!(
        "Service role name {name} has been taken in this account, please try a different suffix."
    ))
}

fn build(service: &str, name: &str, id: String, now: f64) -> Role {
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }]});
    Role {
        name: name.to_owned(),
        path: format!("{PATH}{service}/"),
        id,
        trust: trust.to_string(),
        max_session: SESSION_SECONDS,
        created: now,
        ..Role::default()
    }
}

/// Makes the service-linked role of `service` in `account` unless it is there, as services do for themselves.
pub fn ensure_service_linked_role(world: &mut World, account: &str, service: &str, now: f64) {
    if has_service_linked_role(world, account, service) {
        return;
    }
    let id = super::fresh_id(world, "AROA");
    insert(world, account, service, id, now);
}

/// The same where nobody asked for it just now (an account joined): the id follows from account and service, since an
/// account may join while somebody reads.
pub fn ensure_derived_role(world: &mut World, account: &str, service: &str, now: f64) {
    if has_service_linked_role(world, account, service) {
        return;
    }
    let digest = digest_hex(format!("{account}/{service}").as_bytes(), 9).to_ascii_uppercase();
    let id = format!("AROA{}", digest.chars().take(17).collect::<String>());
    insert(world, account, service, id, now);
}

/// Whether the account has the service's role.
pub fn has_service_linked_role(world: &World, account: &str, service: &str) -> bool {
    view(world, account).roles.contains_key(&role_name(service))
}

fn insert(world: &mut World, account: &str, service: &str, id: String, now: f64) {
    let name = role_name(service);
    let role = build(service, &name, id, now);
    world.iam.entry(account.to_owned()).or_default().roles.insert(name, role);
}
