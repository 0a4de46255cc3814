//! Which configuration holds for the root, OUs and accounts.

use serde_json::{Value, json};

use crate::sandbox::services::{iam, organizations};
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

use super::{Association, PRINCIPAL, SELF_MANAGED, access, effective, policies, standards};

/// Largest and default page.
const PAGE: usize = 100;

/// The id of the target that a value of the model's union names.
fn target(world: &World, value: Option<&Value>) -> Result<String, Fault> {
    let named = |member: &str| value.and_then(|value| value.get(member)).and_then(Value::as_str);
    let state = &world.organizations;
    let root = state.organization.as_ref().map(|o| o.root.as_str());
    let id = match (named("RootId"), named("OrganizationalUnitId"), named("AccountId")) {
        (Some(id), ..) if root == Some(id) => id,
        (_, Some(id), _) if state.units.contains_key(id) => id,
        (.., Some(id)) if state.accounts.contains_key(id) => id,
        (None, None, None) => return Err(access::invalid("Invalid parameter 'Target'")),
        _ => return Err(access::not_found("The target does not exist in the organization.")),
    };
    Ok(id.to_owned())
}

/// Accounts at or under a target.
fn accounts_under(world: &World, target: &str) -> Vec<String> {
    let under = |id: &&String| organizations::path_to(world, id).iter().any(|place| place == target);
    world.organizations.accounts.keys().filter(under).cloned().collect()
}

pub(super) fn start(world: &mut World, call: &Call) -> Reply {
    access::central_only(world, call)?;
    let target = target(world, call.input.get("Target"))?;
    let asked = call.required("ConfigurationPolicyIdentifier");
    let policy = if asked == SELF_MANAGED {
        keep_under(world, &target);
        SELF_MANAGED.to_owned()
    } else {
        let found = policies::find(world, asked)?;
        let (id, enables) = (found.id.clone(), effective::enables(found));
        for account in accounts_under(world, &target).into_iter().filter(|_| enables) {
            if access::is_active(world, &account) {
                iam::ensure_service_linked_role(world, &account, PRINCIPAL, call.now);
            }
        }
        id
    };
    world.securityhub.associations.insert(target.clone(), Association { policy, since: call.now });
    let mut shown = show(world, call, &target).unwrap_or_default();
    // It is never done when this answers.
    shown["AssociationStatus"] = json!("PENDING");
    if let Some(members) = shown.as_object_mut() {
        members.remove("AssociationStatusMessage");
    }
    Ok(shown)
}

/// Stores what the accounts under a target have: they become self-managed.
fn keep_under(world: &mut World, target: &str) {
    for account in accounts_under(world, target) {
        effective::keep(world, &account);
    }
}

/// StartConfigurationPolicyDisassociation: only what was applied directly (user guide, "Disassociating a configuration").
pub(super) fn end(world: &mut World, call: &Call) -> Reply {
    access::central_only(world, call)?;
    let target = target(world, call.input.get("Target"))?;
    let asked = call.required("ConfigurationPolicyIdentifier");
    let policy =
        if asked == SELF_MANAGED { asked.to_owned() } else { policies::find(world, asked)?.id.clone() };
    if world.securityhub.associations.get(&target).is_none_or(|found| found.policy != policy) {
        return Err(access::not_found("The configuration is not applied to the target."));
    }
    keep_under(world, &target);
    world.securityhub.associations.remove(&target);
    Ok(json!({}))
}

/// The association of a target as the API shows it. `None`: nothing holds for it, it is self-managed by default.
fn show(world: &World, call: &Call, target: &str) -> Option<Value> {
    let (place, found) = effective::association(world, target)?;
    let (status, message) = status(world, call, target, found);
    let kind = if target.starts_with("r-") {
        "ROOT"
    } else if target.starts_with("ou-") {
        "ORGANIZATIONAL_UNIT"
    } else {
        "ACCOUNT"
    };
    let mut shown = json!({
        "ConfigurationPolicyId": found.policy,
        "TargetId": target,
        "TargetType": kind,
        "AssociationType": if place == target { "APPLIED" } else { "INHERITED" },
        "AssociationStatus": status,
        "UpdatedAt": found.since,
    });
    if let Some(message) = message {
        shown["AssociationStatusMessage"] = json!(message);
    }
    Some(shown)
}

/// Status and explanation. That of a parent is that of its children: FAILED where one failed (user guide, "Reviewing the
/// association status").
fn status(
    world: &World,
    call: &Call,
    target: &str,
    found: &Association,
) -> (&'static str, Option<&'static str>) {
    let changed =
        world.securityhub.policies.get(&found.policy).map_or(found.since, |p| p.updated.max(found.since));
    if call.now - changed < world.securityhub.pending_seconds {
        return ("PENDING", None);
    }
    if world.organizations.accounts.contains_key(target) {
        return match failure(world, target, found) {
            Some(why) => ("FAILED", Some(why)),
            None => ("SUCCESS", None),
        };
    }
    let inherits = |account: &String| {
        effective::association(world, account).is_some_and(|(_, own)| own.policy == found.policy)
            && organizations::path_to(world, account).iter().any(|place| place == target)
    };
    let failed = |account: &&String| failure(world, account, found).is_some() && inherits(account);
    if world.organizations.accounts.keys().any(|account| failed(&account)) {
        return (
            "FAILED",
            Some("The configuration policy could not be associated with one or more children."),
        );
    }
    ("SUCCESS", None)
}

/// Why an account cannot have what holds for it (user guide, "Troubleshooting association failure"). Guess: the texts; a
/// policy that is associated with the root fails for suspended accounts under it as well (terraform-provider-aws#40510).
fn failure(world: &World, account: &str, found: &Association) -> Option<&'static str> {
    if found.policy == SELF_MANAGED {
        return None;
    }
    if !access::is_active(world, account) {
        return Some("The account is suspended.");
    }
    let enables = world.securityhub.policies.get(&found.policy).is_some_and(effective::enables);
    let home = world.securityhub.central.as_ref().map(|central| central.home.as_str()).unwrap_or_default();
    let is_management = organizations::management(world) == Some(account);
    if is_management && enables && !world.securityhub.hubs.contains_key(&cell(account, home)) {
        return Some("The organization management account must have Security Hub enabled.");
    }
    None
}

pub(super) fn get(world: &mut World, call: &Call) -> Reply {
    access::central_only(world, call)?;
    let target = target(world, call.input.get("Target"))?;
    show(world, call, &target).ok_or_else(|| access::not_found("The target has no configuration."))
}

pub(super) fn batch_get(world: &mut World, call: &Call) -> Reply {
    access::central_only(world, call)?;
    let list = call.input.get("ConfigurationPolicyAssociationIdentifiers").and_then(Value::as_array);
    let (mut found, mut failed) = (Vec::new(), Vec::new());
    for identifier in list.into_iter().flatten() {
        let shown =
            target(world, identifier.get("Target")).ok().and_then(|target| show(world, call, &target));
        match shown {
            Some(shown) => found.push(shown),
            None => failed.push(json!({
                "ConfigurationPolicyAssociationIdentifiers": identifier,
                "ErrorCode": "404",
                "ErrorReason": "The target has no configuration.",
            })),
        }
    }
    Ok(
        json!({"ConfigurationPolicyAssociations": found, "UnprocessedConfigurationPolicyAssociations": failed}),
    )
}

pub(super) fn list(world: &mut World, call: &Call) -> Reply {
    access::central_only(world, call)?;
    let state = &world.organizations;
    let root = state.organization.as_ref().map(|o| &o.root);
    let filter = |member: &str| call.input.pointer(&format!("/Filters/{member}")).and_then(Value::as_str);
    let filters = [
        ("AssociationStatus", filter("AssociationStatus")),
        ("AssociationType", filter("AssociationType")),
        ("ConfigurationPolicyId", filter("ConfigurationPolicyId")),
    ];
    let fits = |shown: &Value| {
        filters
            .iter()
            .all(|(member, asked)| asked.is_none_or(|asked| shown.get(*member) == Some(&json!(asked))))
    };
    // Those that were applied are few: the rest is not worked out where nobody asks for it.
    let applied = &world.securityhub.associations;
    let only_applied = filter("AssociationType") == Some("APPLIED");
    let targets = root.into_iter().chain(state.units.keys()).chain(state.accounts.keys());
    let all: Vec<Value> = targets
        .filter(|target| !only_applied || applied.contains_key(*target))
        .filter_map(|target| show(world, call, target))
        .filter(fits)
        .collect();
    standards::page(world, call, "ConfigurationPolicyAssociationSummaries", &all, PAGE)
}
