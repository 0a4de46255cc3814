//! Enabling and disabling Security Hub in one account and region, its settings and its tags.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sandbox::services::iam;
use crate::sandbox::services::tags::Tags;
use crate::sandbox::wire::time_text;
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

use super::{Hub, PRINCIPAL, access, effective, standards};

/// What EnableSecurityHub makes where nothing else is said, without standards. Consolidated findings are the default of
/// every account that enabled Security Hub since 2023-02-23 (API reference, `ControlFindingGenerator`).
pub(super) fn fresh(since: f64) -> Hub {
    Hub { since, auto_enable_controls: true, consolidated: true, ..Hub::default() }
}

fn arn(world: &World, call: &Call) -> String {
    world.arn("securityhub", &call.region, &call.account, "hub/default")
}

/// Makes a hub without standards, unless there is one.
///
/// Guess: the account that becomes the administrator gets no standards.
pub(super) fn ensure(world: &mut World, account: &str, region: &str, now: f64) {
    if effective::hub(world, account, region).is_none() {
        world.securityhub.hubs.insert(cell(account, region), fresh(now));
        iam::ensure_service_linked_role(world, account, PRINCIPAL, now);
    }
}

/// The stored hub, for writing. What auto-enable gave becomes stored.
pub(super) fn edit<'w>(world: &'w mut World, call: &Call) -> Result<&'w mut Hub, Fault> {
    let now = access::subscribed(world, call)?;
    Ok(world.securityhub.hubs.entry(cell(&call.account, &call.region)).or_insert(now))
}

pub(super) fn enable(world: &mut World, call: &Call) -> Reply {
    access::self_managed_only(world, call)?;
    if effective::hub(world, &call.account, &call.region).is_some() {
        return Err(access::conflict("Account is already subscribed to Security Hub"));
    }
    let mut hub = fresh(call.now);
    if let Some(generator) = call.str("ControlFindingGenerator") {
        hub.consolidated = generator == "SECURITY_CONTROL";
    }
    if call.bool("EnableDefaultStandards") != Some(false) {
        hub.standards = standards::default_ones(call.now);
    }
    hub.tags = tags(call);
    world.securityhub.hubs.insert(cell(&call.account, &call.region), hub);
    iam::ensure_service_linked_role(world, &call.account, PRINCIPAL, call.now);
    Ok(json!({}))
}

pub(super) fn describe(world: &mut World, call: &Call) -> Reply {
    let hub = access::subscribed(world, call)?;
    let own = arn(world, call);
    if call.str("HubArn").is_some_and(|asked| asked != own) {
        return Err(access::not_found(
            "The request was rejected because we can't find the specified resource.",
        ));
    }
    Ok(json!({
        "HubArn": own,
        "SubscribedAt": time_text("iso8601", hub.since),
        "AutoEnableControls": hub.auto_enable_controls,
        "ControlFindingGenerator": if hub.consolidated { "SECURITY_CONTROL" } else { "STANDARD_CONTROL" },
    }))
}

/// UpdateSecurityHubConfiguration.
///
/// Guess: under central configuration the administrator may still change the finding generator (the console lets it), and
/// nobody the rest (terraform-provider-aws#39687). A member's generator is its administrator's (API reference).
pub(super) fn update(world: &mut World, call: &Call) -> Reply {
    access::subscribed(world, call)?;
    let generator = call.str("ControlFindingGenerator").map(str::to_owned);
    let auto = call.bool("AutoEnableControls");
    let administrator = access::administrator(world, &call.region).map(str::to_owned);
    let is_administrator = administrator.as_deref() == Some(call.account.as_str());
    if auto.is_some() || !is_administrator {
        access::self_managed_only(world, call)?;
    }
    if generator.is_some()
        && !is_administrator
        && super::members::is_member(world, &call.account, &call.region)
    {
        return Err(access::invalid(
            "Only the administrator account can update the control finding generator.",
        ));
    }
    let hub = edit(world, call)?;
    if let Some(auto) = auto {
        hub.auto_enable_controls = auto;
    }
    if let Some(generator) = generator {
        hub.consolidated = generator == "SECURITY_CONTROL";
    }
    Ok(json!({}))
}

pub(super) fn disable(world: &mut World, call: &Call) -> Reply {
    access::subscribed(world, call)?;
    access::self_managed_only(world, call)?;
    if access::administrator(world, &call.region) == Some(call.account.as_str()) {
        return Err(access::invalid(
            "Cannot disable Security Hub on the Security Hub administrator account for an organization.",
        ));
    }
    let state = &mut world.securityhub;
    state.hubs.remove(&cell(&call.account, &call.region));
    // API reference, DisableSecurityHub: the association with the administrator goes as well.
    let left = super::Member { status: "Removed".into(), updated: call.now };
    if let Some(members) = state.members.get_mut(&call.region)
        && members.contains_key(&call.account)
    {
        members.insert(call.account.clone(), left);
    } else if state.local.contains_key(&call.region) {
        state.members.entry(call.region.clone()).or_default().insert(call.account.clone(), left);
    }
    Ok(json!({}))
}

/// The `Tags` of a request.
pub(super) fn tags(call: &Call) -> Tags {
    let map = call.input.get("Tags").and_then(Value::as_object);
    let text = |(key, value): (&String, &Value)| (key.clone(), value.as_str().unwrap_or_default().to_owned());
    map.into_iter().flatten().map(text).collect()
}

/// The tags of the hub or of a policy that the call names.
fn tags_of<'w>(world: &'w mut World, call: &Call) -> Result<&'w mut Tags, Fault> {
    let asked = call.required("ResourceArn");
    let missing =
        || access::not_found("The request was rejected because we can't find the specified resource.");
    if let Some((_, id)) = asked.rsplit_once(":configuration-policy/") {
        return world.securityhub.policies.get_mut(id).map(|policy| &mut policy.tags).ok_or_else(missing);
    }
    if asked != arn(world, call) {
        return Err(missing());
    }
    world
        .securityhub
        .hubs
        .get_mut(&cell(&call.account, &call.region))
        .map(|hub| &mut hub.tags)
        .ok_or_else(missing)
}

pub(super) fn tag(world: &mut World, call: &Call) -> Reply {
    let new = tags(call);
    tags_of(world, call)?.extend(new);
    Ok(json!({}))
}

pub(super) fn untag(world: &mut World, call: &Call) -> Reply {
    let keys = call.input.get("TagKeys").and_then(Value::as_array).cloned().unwrap_or_default();
    let tags = tags_of(world, call)?;
    keys.iter().filter_map(Value::as_str).for_each(|key| drop(tags.remove(key)));
    Ok(json!({}))
}

pub(super) fn list_tags(world: &mut World, call: &Call) -> Reply {
    let own = cell(&call.account, &call.region);
    let by_policy = !world.securityhub.hubs.contains_key(&own) && access::subscribed(world, call).is_ok();
    if by_policy && call.required("ResourceArn") == arn(world, call) {
        return Ok(json!({"Tags": {}}));
    }
    let tags: BTreeMap<String, String> = tags_of(world, call)?.clone();
    Ok(json!({"Tags": tags}))
}
