//! Aliases.

use serde_json::{Value, json};

use super::{Alias, bad_marker, here, lookup};
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

/// Aliases per key (AWS KMS Developer Guide, "Resource quotas").
const MOST_PER_KEY: usize = 50;

/// CreateAlias.
pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    let name = checked_name(call)?;
    let target = target_key(world, call)?;
    let arn = world.arn("kms", &call.region, &call.account, &name);
    let state = here(world, call);
    if state.aliases.contains_key(&name) {
        let message = format!("An alias with the name {arn} already exists");
        return Err(Fault::new("AlreadyExistsException", message));
    }
    if state.aliases.values().filter(|alias| alias.target == target).count() >= MOST_PER_KEY {
        return Err(Fault::new("LimitExceededException", "The quota of aliases for this key is exceeded"));
    }
    state.aliases.insert(name, Alias { target, created: call.now, updated: call.now });
    Ok(json!({}))
}

/// UpdateAlias.
pub(super) fn update(world: &mut World, call: &Call) -> Reply {
    let name = checked_name(call)?;
    known(world, call, &name)?;
    let target = target_key(world, call)?;
    let kind =
        |state: &super::State, id: &str| state.keys.get(id).map(|key| (key.spec.clone(), key.usage.clone()));
    let state = here(world, call);
    let old = state.aliases.get(&name).and_then(|alias| kind(state, &alias.target));
    // API Reference, UpdateAlias: the current and new KMS key must be of the same type and have the same key usage.
    if old.is_some() && old != kind(state, &target) {
        let message = format!("Alias {name} cannot be changed to a key of another type");
        return Err(Fault::new("ValidationException", message));
    }
    if let Some(alias) = state.aliases.get_mut(&name) {
        alias.target = target;
        alias.updated = call.now;
    }
    Ok(json!({}))
}

/// DeleteAlias.
pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    let name = checked_name(call)?;
    known(world, call, &name)?;
    here(world, call).aliases.remove(&name);
    Ok(json!({}))
}

/// ListAliases, of one key or of all.
pub(super) fn list(world: &World, call: &Call) -> Reply {
    let only = match call.str("KeyId") {
        None => None,
        Some(_) => Some(lookup::own_key(world, call, "KeyId")?.id),
    };
    let empty = super::State::default();
    let state = world.kms.get(&cell(&call.account, &call.region)).unwrap_or(&empty);
    let all: Vec<Value> = state
        .aliases
        .iter()
        .filter(|(_, alias)| only.as_ref().is_none_or(|id| *id == alias.target))
        .filter(|(_, alias)| state.keys.get(&alias.target).is_some_and(|key| lookup::is_alive(key, call.now)))
        .map(|(name, alias)| {
            json!({
                "AliasName": name,
                "AliasArn": world.arn("kms", &call.region, &call.account, name),
                "TargetKeyId": alias.target,
                "CreationDate": alias.created,
                "LastUpdatedDate": alias.updated,
            })
        })
        .collect();
    // API Reference, ListAliases: 50 by default.
    let (page, next) = world.page(&all, call.int("Limit"), 50, call.str("Marker"), &bad_marker)?;
    let mut output = json!({"Aliases": page, "Truncated": next.is_some()});
    if let Some(next) = next {
        output["NextMarker"] = json!(next);
    }
    Ok(output)
}

/// The alias name, in the form that KMS accepts from customers.
fn checked_name(call: &Call) -> Result<String, Fault> {
    let name = call.required("AliasName");
    let Some(rest) = name.strip_prefix("alias/").filter(|rest| !rest.is_empty()) else {
        return Err(Fault::new("ValidationException", "Invalid identifier"));
    };
    if rest.starts_with("aws/") {
        // The prefix is reserved for keys that AWS manages (API Reference, CreateAlias).
        return Err(Fault::new("NotAuthorizedException", "The alias/aws/ prefix is reserved"));
    }
    if rest.contains(':') {
        return Err(Fault::new(
            "ValidationException",
            format!("{name} contains invalid characters for an alias"),
        ));
    }
    Ok(name.to_string())
}

/// The id of the caller's key that the alias shall point to.
fn target_key(world: &World, call: &Call) -> Result<String, Fault> {
    let asked = call.required("TargetKeyId");
    if asked.starts_with("alias/") || asked.contains(":alias/") {
        return Err(Fault::new("ValidationException", "Aliases must refer to keys. Not aliases"));
    }
    let key = lookup::own_key(world, call, "TargetKeyId")?;
    if key.state == "PendingDeletion" {
        let message = format!("{} is pending deletion.", key.arn);
        return Err(Fault::new("KMSInvalidStateException", message));
    }
    Ok(key.id)
}

fn known(world: &World, call: &Call, name: &str) -> Result<(), Fault> {
    let state = world.kms.get(&cell(&call.account, &call.region));
    if state.is_some_and(|state| state.aliases.contains_key(name)) {
        return Ok(());
    }
    let arn = world.arn("kms", &call.region, &call.account, name);
    Err(Fault::new("NotFoundException", format!("Alias {arn} is not found.")))
}
