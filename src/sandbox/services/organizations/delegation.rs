//! Trusted access and delegated administrators.
//!
//! Sources: `facts/service-principals.toml` (principals, which services can be delegated, how many
//! administrators), the API model (codes and reasons).

use serde_json::{Value, json};

use crate::sandbox::services::integrations;
use crate::sandbox::world::{Call, Fault, Reply, World};

use super::state::AccountState;
use super::{
    account_arn, account_not_found, accounts, constraint, invalid_input, list, management, organization,
};

/// How many delegated administrators a service takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delegation {
    /// The service has no delegated administrator.
    Never,
    /// So many at most.
    AtMost(usize),
    /// No limit is known.
    Any,
}

use Delegation::{Any, AtMost, Never};

/// Service principals that Organizations knows. The first part is `facts/service-principals.toml`; the second
/// are further services of the user guide's table, of which only the principal matters here.
const SERVICES: &[(&str, Delegation)] = &[
    ("account.amazonaws.com", Any),
    ("cloudtrail.amazonaws.com", AtMost(3)),
    ("config.amazonaws.com", Any),
    ("config-multiaccountsetup.amazonaws.com", AtMost(3)),
    ("guardduty.amazonaws.com", AtMost(1)),
    ("malware-protection.guardduty.amazonaws.com", Never),
    ("securityhub.amazonaws.com", AtMost(1)),
    ("access-analyzer.amazonaws.com", AtMost(1)),
    // The default administrator and up to nine scoped ones (Firewall Manager guide).
    ("fms.amazonaws.com", AtMost(10)),
    ("macie.amazonaws.com", AtMost(1)),
    ("inspector2.amazonaws.com", AtMost(1)),
    ("agentless.inspector2.amazonaws.com", Never),
    ("detective.amazonaws.com", AtMost(1)),
    ("backup.amazonaws.com", Any),
    ("compute-optimizer.amazonaws.com", AtMost(1)),
    ("iam.amazonaws.com", Any),
    ("sso.amazonaws.com", AtMost(1)),
    ("ram.amazonaws.com", Never),
    ("ssm.amazonaws.com", AtMost(1)),
    ("storage-lens.s3.amazonaws.com", Any),
    ("health.amazonaws.com", AtMost(5)),
    ("securitylake.amazonaws.com", AtMost(1)),
    ("member.org.stacksets.cloudformation.amazonaws.com", AtMost(5)),
    ("tagpolicies.tag.amazonaws.com", Never),
    ("servicequotas.amazonaws.com", Never),
    ("reporting.trustedadvisor.amazonaws.com", Never),
    ("auditmanager.amazonaws.com", AtMost(1)),
    ("ec2.amazonaws.com", Never),
    ("resource-explorer-2.amazonaws.com", Any),
    ("ipam.amazonaws.com", AtMost(1)),
    ("cost-optimization-hub.bcm.amazonaws.com", Any),
    ("artifact.amazonaws.com", Never),
    ("aws-artifact-account-sync.amazonaws.com", Never),
    ("controltower.amazonaws.com", Never),
    ("devops-guru.amazonaws.com", AtMost(1)),
    ("ds.amazonaws.com", Never),
    ("license-manager.amazonaws.com", AtMost(1)),
    ("license-management.marketplace.amazonaws.com", Any),
    ("networkmanager.amazonaws.com", AtMost(10)),
    ("observabilityadmin.amazonaws.com", AtMost(1)),
    ("reachabilityanalyzer.networkinsights.amazonaws.com", AtMost(5)),
    ("resource-management.securitylake.amazonaws.com", Never),
    ("security-ir.amazonaws.com", AtMost(1)),
    ("servicecatalog.amazonaws.com", AtMost(50)),
    ("ssm-quicksetup.amazonaws.com", AtMost(1)),
    ("stacksets.cloudformation.amazonaws.com", Never),
    ("wellarchitected.amazonaws.com", Never),
];

/// A known service principal; the model leaves the check to the service.
fn known(principal: &str) -> Result<Delegation, Fault> {
    SERVICES.iter().find(|(name, _)| *name == principal).map(|(_, delegation)| *delegation).ok_or_else(|| {
        invalid_input("UNRECOGNIZED_SERVICE_PRINCIPAL", "You specified an unrecognized service principal.")
    })
}

pub(super) fn enable(world: &mut World, call: &Call) -> Reply {
    if !organization(world)?.all_features {
        return Err(constraint(
            "ORGANIZATION_NOT_IN_ALL_FEATURES_MODE",
            "The organization must have all features enabled.",
        ));
    }
    let principal = call.required("ServicePrincipal");
    known(principal)?;
    enable_access(world, principal, call.now);
    Ok(json!({}))
}

/// Turns trusted access on, as EnableAWSServiceAccess and many services' own calls do. Idempotent.
pub fn enable_access(world: &mut World, principal: &str, now: f64) {
    world.organizations.trusted_access.entry(principal.to_owned()).or_insert(now);
}

pub(super) fn disable(world: &mut World, call: &Call) -> Reply {
    let principal = call.required("ServicePrincipal");
    known(principal)?;
    if world.organizations.delegated.get(principal).is_some_and(|accounts| !accounts.is_empty()) {
        return Err(constraint(
            "DELEGATED_ADMINISTRATOR_EXISTS_FOR_THIS_SERVICE",
            "You must deregister all delegated administrators of the service before you disable its access.",
        ));
    }
    disable_access(world, principal);
    Ok(json!({}))
}

/// Turns trusted access off. Idempotent.
pub fn disable_access(world: &mut World, principal: &str) {
    world.organizations.trusted_access.remove(principal);
}

pub(super) fn list_access(world: &mut World, call: &Call) -> Reply {
    let enabled: Vec<(&String, f64)> =
        world.organizations.trusted_access.iter().map(|(name, since)| (name, *since)).collect();
    list(
        world,
        call,
        "EnabledServicePrincipals",
        &enabled,
        |(name, since)| json!({"ServicePrincipal": name, "DateEnabled": since}),
    )
}

pub(super) fn register(world: &mut World, call: &Call) -> Reply {
    register_delegated_admin(world, call.required("ServicePrincipal"), call.required("AccountId"), call.now)?;
    Ok(json!({}))
}

/// Registers a delegated administrator, with every check of RegisterDelegatedAdministrator. Services with an
/// administrator call of their own use it too.
///
/// # Errors
/// The faults of RegisterDelegatedAdministrator.
pub fn register_delegated_admin(
    world: &mut World,
    principal: &str,
    account: &str,
    now: f64,
) -> Result<(), Fault> {
    let delegation = known(principal)?;
    if delegation == Never {
        // Guess: AWS documents no code of its own for a service without delegated administrators.
        return Err(invalid_input(
            "UNRECOGNIZED_SERVICE_PRINCIPAL",
            "You specified an unrecognized service principal.",
        ));
    }
    check_account(world, account)?;
    if !world.organizations.trusted_access.contains_key(principal) {
        return Err(constraint(
            "SERVICE_ACCESS_NOT_ENABLED",
            "You must enable service access before you register a delegated administrator.",
        ));
    }
    if super::is_delegated(world, principal, account) {
        return Err(Fault::new(
            "AccountAlreadyRegisteredException",
            "The provided account is already a delegated administrator for your organization.",
        ));
    }
    let count = world.organizations.delegated.get(principal).map_or(0, std::collections::BTreeMap::len);
    if matches!(delegation, AtMost(limit) if count >= limit) {
        return Err(constraint(
            "MAX_DELEGATED_ADMINISTRATORS_FOR_SERVICE_LIMIT_EXCEEDED",
            "You have exceeded the allowed number of delegated administrators for the delegated service.",
        ));
    }
    let registered = world.organizations.delegated.entry(principal.to_owned()).or_default();
    registered.insert(account.to_owned(), now);
    Ok(())
}

fn check_account(world: &World, account: &str) -> Result<(), Fault> {
    if management(world) == Some(account) {
        return Err(constraint(
            "CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR",
            "You cannot register master account/yourself as delegated administrator for your organization.",
        ));
    }
    let member = world.organizations.accounts.get(account).ok_or_else(account_not_found)?;
    if member.state != AccountState::Active {
        return Err(constraint(
            "CANNOT_REGISTER_SUSPENDED_ACCOUNT_AS_DELEGATED_ADMINISTRATOR",
            "You cannot register a suspended account as a delegated administrator.",
        ));
    }
    Ok(())
}

pub(super) fn deregister(world: &mut World, call: &Call) -> Reply {
    accounts::member(world, call)?;
    known(call.required("ServicePrincipal"))?;
    if !deregister_delegated_admin(world, call.required("ServicePrincipal"), call.required("AccountId")) {
        return Err(not_registered());
    }
    Ok(json!({}))
}

/// Takes a delegated administrator away; false where it was none.
pub fn deregister_delegated_admin(world: &mut World, principal: &str, account: &str) -> bool {
    let registered = world.organizations.delegated.get_mut(principal);
    let removed = registered.is_some_and(|accounts| accounts.remove(account).is_some());
    if removed {
        integrations::administrator_left(world, principal, account);
    }
    removed
}

fn not_registered() -> Fault {
    Fault::new(
        "AccountNotRegisteredException",
        "The provided account is not a registered delegated administrator for your organization.",
    )
}

pub(super) fn list_administrators(world: &mut World, call: &Call) -> Reply {
    let principal = call.str("ServicePrincipal");
    if let Some(name) = principal {
        known(name)?;
    }
    let mut since: Vec<(String, f64)> = Vec::new();
    for (name, registered) in &world.organizations.delegated {
        if principal.is_some_and(|wanted| wanted != name) {
            continue;
        }
        for (account, at) in registered {
            match since.iter_mut().find(|(known, _)| known == account) {
                Some((_, first)) => *first = first.min(*at),
                None => since.push((account.clone(), *at)),
            }
        }
    }
    list(world, call, "DelegatedAdministrators", &since, |(id, at)| administrator(world, id, *at))
}

fn administrator(world: &World, id: &str, since: f64) -> Value {
    let Some(account) = world.organizations.accounts.get(id) else { return json!({"Id": id}) };
    json!({
        "Id": id,
        "Arn": account_arn(world, id),
        "Email": account.email,
        "Name": account.name,
        "Status": account.state.status(),
        "State": account.state.text(),
        "JoinedMethod": if account.created { "CREATED" } else { "INVITED" },
        "JoinedTimestamp": account.joined,
        "DelegationEnabledDate": since,
    })
}

pub(super) fn list_services(world: &mut World, call: &Call) -> Reply {
    let account = accounts::member(world, call)?.id.clone();
    let services: Vec<(&String, f64)> = world
        .organizations
        .delegated
        .iter()
        .filter_map(|(principal, accounts)| accounts.get(&account).map(|since| (principal, *since)))
        .collect();
    if services.is_empty() {
        return Err(not_registered());
    }
    list(
        world,
        call,
        "DelegatedServices",
        &services,
        |(principal, since)| json!({"ServicePrincipal": principal, "DelegationEnabledDate": since}),
    )
}
