//! What new accounts of the organization get.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::sandbox::world::{Call, Reply, World, cell};

use super::{TYPES, administrator_only, is_active, members, scans, validation};

/// What auto-enable gave to an account that joined since.
pub(super) fn given(world: &World, account: &str, region: &str) -> BTreeSet<String> {
    let Some(auto) = world.inspector2.auto_enable.get(region) else { return BTreeSet::new() };
    let joined = world.organizations.accounts.get(account).map(|account| account.joined);
    if !members::is_member(world, account, region) || !is_active(world, account) {
        return BTreeSet::new();
    }
    let since = auto.iter().filter(|(_, since)| joined.is_some_and(|joined| joined > **since));
    since.map(|(name, _)| name.clone()).collect()
}

/// Stores what auto-enable gave in a region, before it changes.
pub(super) fn keep(world: &mut World, region: &str) {
    let accounts: Vec<String> = world.organizations.accounts.keys().cloned().collect();
    for account in accounts {
        let place = cell(&account, region);
        let given = given(world, &account, region);
        if !given.is_empty() && !world.inspector2.scans.contains_key(&place) {
            world.inspector2.scans.insert(place, given);
        }
    }
}

fn show(auto: Option<&BTreeMap<String, f64>>) -> Value {
    let on = |name: &str| auto.is_some_and(|auto| auto.contains_key(name));
    let entry = |(name, member): &(&str, &str)| ((*member).to_owned(), json!(on(name)));
    Value::Object(TYPES.iter().map(entry).collect::<Map<String, Value>>())
}

pub(super) fn describe(world: &mut World, call: &Call) -> Reply {
    administrator_only(world, call)?;
    let auto = show(world.inspector2.auto_enable.get(&call.region));
    Ok(json!({"autoEnable": auto, "maxAccountLimitReached": false}))
}

/// UpdateOrganizationConfiguration. The text is AWS's own (terraform-aws-mcaf-landing-zone#200). A type that is left out is off.
pub(super) fn update(world: &mut World, call: &Call) -> Reply {
    administrator_only(world, call)?;
    if scans::of(world, &call.account, &call.region).is_empty() {
        return Err(validation("Invoking account is not enabled"));
    }
    let asked = |member: &str| call.input.pointer(&format!("/autoEnable/{member}")) == Some(&json!(true));
    keep(world, &call.region);
    let before = world.inspector2.auto_enable.get(&call.region).cloned().unwrap_or_default();
    let wanted = TYPES.iter().filter(|(_, member)| asked(member)).map(|(name, _)| *name);
    let auto: BTreeMap<String, f64> =
        wanted.map(|name| (name.to_owned(), before.get(name).copied().unwrap_or(call.now))).collect();
    if auto.contains_key("LAMBDA_CODE") && !auto.contains_key("LAMBDA") {
        return Err(validation("Lambda code scanning needs Lambda standard scanning"));
    }
    let shown = show(Some(&auto));
    world.inspector2.auto_enable.insert(call.region.clone(), auto);
    Ok(json!({"autoEnable": shown}))
}
