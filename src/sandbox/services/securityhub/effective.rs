//! What an account has in a region: what is stored, what a policy says, or what auto-enable gave it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::sandbox::services::account::regions;
use crate::sandbox::services::organizations;
use crate::sandbox::world::{World, cell};

use super::{Aggregator, Association, Hub, Policy, access, hubs, standards};

/// The configuration that holds for a target (root, OU or account): that of the nearest place above it that has one, and
/// that place.
pub(super) fn association<'w>(world: &'w World, target: &str) -> Option<(String, &'w Association)> {
    let mut path = path_to(world, target);
    path.reverse();
    path.into_iter().find_map(|place| {
        let found = world.securityhub.associations.get(&place)?;
        Some((place, found))
    })
}

/// Root, OUs and the target itself, from the top.
fn path_to(world: &World, target: &str) -> Vec<String> {
    if world.organizations.accounts.contains_key(target) {
        return organizations::path_to(world, target);
    }
    let mut path = vec![target.to_owned()];
    let mut current = target;
    while let Some(unit) = world.organizations.units.get(current) {
        path.push(unit.parent.clone());
        current = &unit.parent;
    }
    path.reverse();
    path
}

/// Whether policies take effect in a region: the home region, or one whose findings go there.
fn is_linked(world: &World, region: &str) -> bool {
    let Some(central) = &world.securityhub.central else { return false };
    world
        .securityhub
        .aggregators
        .get(&central.administrator)
        .is_some_and(|aggregator| links(aggregator, region))
}

/// Whether an aggregator covers a region.
pub(super) fn links(aggregator: &Aggregator, region: &str) -> bool {
    let listed = aggregator.regions.iter().any(|r| r == region);
    match aggregator.mode.as_str() {
        _ if aggregator.home == region => true,
        "ALL_REGIONS" => true,
        "ALL_REGIONS_EXCEPT_SPECIFIED" => !listed,
        "SPECIFIED_REGIONS" => listed,
        _ => false,
    }
}

/// The policy that manages an account in a region. `None`: the account is self-managed there.
///
/// Guess: the management account is managed in the regions in which it has enabled Security Hub itself (a policy cannot
/// enable it there), and the administrator cannot be switched off by a policy.
pub(super) fn policy<'w>(world: &'w World, account: &str, region: &str) -> Option<&'w Policy> {
    if !is_linked(world, region) || !access::is_active(world, account) {
        return None;
    }
    let (_, found) = association(world, account)?;
    let policy = world.securityhub.policies.get(&found.policy)?;
    let stored = world.securityhub.hubs.contains_key(&cell(account, region));
    if organizations::management(world) == Some(account) && !stored {
        return None;
    }
    let is_administrator = access::administrator(world, region) == Some(account);
    if is_administrator && !enables(policy) { None } else { Some(policy) }
}

/// Whether a policy enables Security Hub.
pub(super) fn enables(policy: &Policy) -> bool {
    policy.content.get("ServiceEnabled").and_then(Value::as_bool) == Some(true)
}

/// The hub of an account in a region.
pub(super) fn hub(world: &World, account: &str, region: &str) -> Option<Hub> {
    let stored = world.securityhub.hubs.get(&cell(account, region));
    let Some(policy) = policy(world, account, region) else {
        return stored.cloned().or_else(|| auto_enabled(world, account, region));
    };
    if !enables(policy) {
        return None;
    }
    let since = association(world, account).map_or(policy.created, |(_, found)| found.since);
    let mut hub = stored.cloned().unwrap_or_else(|| hubs::fresh(since));
    let identifiers = policy.content.get("EnabledStandardIdentifiers").and_then(Value::as_array);
    let names = identifiers.into_iter().flatten().filter_map(|arn| standards::name(arn.as_str()?));
    let kept: BTreeMap<String, f64> =
        names.map(|name| (name.to_owned(), hub.standards.get(name).copied().unwrap_or(since))).collect();
    hub.standards = kept;
    Some(hub)
}

/// When auto-enable took an account in, in a region.
pub(super) fn auto_enabled_since(world: &World, account: &str, region: &str) -> Option<f64> {
    let since = world.securityhub.local.get(region)?.auto_enable?;
    let joined = world.organizations.accounts.get(account)?.joined;
    let left = world.securityhub.members.get(region).is_some_and(|members| members.contains_key(account));
    (joined > since && !left && access::is_active(world, account)).then_some(joined)
}

fn auto_enabled(world: &World, account: &str, region: &str) -> Option<Hub> {
    let since = auto_enabled_since(world, account, region)?;
    let mut hub = hubs::fresh(since);
    if world.securityhub.local.get(region).is_some_and(|local| !local.without_standards) {
        hub.standards = standards::default_ones(since);
    }
    Some(hub)
}

/// Stores what an account has now in every region, before what gives it that ends.
pub(super) fn keep(world: &mut World, account: &str) {
    for region in managed_regions(world) {
        keep_in(world, account, &region);
    }
}

fn keep_in(world: &mut World, account: &str, region: &str) {
    if policy(world, account, region).is_none() {
        return;
    }
    let place = cell(account, region);
    match hub(world, account, region) {
        Some(hub) => drop(world.securityhub.hubs.insert(place, hub)),
        None => drop(world.securityhub.hubs.remove(&place)),
    }
}

/// Stores what every account has now.
pub(super) fn keep_all(world: &mut World) {
    for region in managed_regions(world) {
        keep_region(world, &region);
    }
}

/// Stores what every account has now in a region.
pub(super) fn keep_region(world: &mut World, region: &str) {
    let accounts: Vec<String> = world.organizations.accounts.keys().cloned().collect();
    for account in accounts {
        keep_in(world, &account, region);
    }
}

/// Stores the hubs that auto-enable gave to new accounts of a region.
pub(super) fn keep_members(world: &mut World, region: &str) {
    let accounts: Vec<String> = world.organizations.accounts.keys().cloned().collect();
    for account in accounts {
        let place = cell(&account, region);
        if !world.securityhub.hubs.contains_key(&place)
            && let Some(hub) = auto_enabled(world, &account, region)
        {
            world.securityhub.hubs.insert(place, hub);
        }
    }
}

/// The regions in which policies take effect: those that the administrator has enabled and linked.
pub(super) fn managed_regions(world: &World) -> Vec<String> {
    let Some(central) = &world.securityhub.central else { return Vec::new() };
    // Whatever is under way counts as done.
    let statuses = regions::statuses(world, &central.administrator, f64::INFINITY);
    let enabled =
        statuses.into_iter().filter(|(_, status)| status.starts_with("ENABLED")).map(|(name, _)| name);
    enabled.filter(|region| is_linked(world, region)).map(str::to_owned).collect()
}
