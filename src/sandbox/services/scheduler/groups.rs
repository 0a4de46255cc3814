//! Groups of schedules, which alone can be tagged.

use super::{DEFAULT, Group, conflict, invalid, not_found, page, require_group, state, state_mut, tags};
use crate::sandbox::services::tags::Wrong;
use crate::sandbox::world::{Call, Fault, Reply, World};

use serde_json::{Value, json};

fn arn(world: &World, call: &Call, name: &str) -> String {
    world.arn("scheduler", &call.region, &call.account, &format!("schedule-group/{name}"))
}

pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    let name = call.required("Name").to_string();
    if require_group(world, call, &name).is_ok() {
        return Err(conflict("Schedule group", &name));
    }
    let tags = merged(&tags::Tags::new(), tags::read(call.input.get("Tags"), "Key", "Value"))?;
    let arn = arn(world, call, &name);
    state_mut(world, call).groups.insert(name, Group { created: call.now, tags });
    Ok(json!({"ScheduleGroupArn": arn}))
}

/// Its schedules go with it. AWS takes a while, and shows DELETING meanwhile.
pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    let name = call.required("Name").to_string();
    require_group(world, call, &name)?;
    if name == DEFAULT {
        return Err(invalid("The default schedule group cannot be deleted."));
    }
    let state = state_mut(world, call);
    state.groups.remove(&name);
    state.schedules.remove(&name);
    Ok(json!({}))
}

fn value(world: &World, call: &Call, name: &str) -> Value {
    let created = state(world, call).and_then(|s| s.groups.get(name)).map_or(0.0, |g| g.created);
    json!({
        "Arn": arn(world, call, name), "Name": name, "State": "ACTIVE",
        "CreationDate": created, "LastModificationDate": created,
    })
}

pub(super) fn get(world: &mut World, call: &Call) -> Reply {
    let name = call.required("Name");
    require_group(world, call, name)?;
    Ok(value(world, call, name))
}

pub(super) fn list(world: &mut World, call: &Call) -> Reply {
    let own = state(world, call).into_iter().flat_map(|s| s.groups.keys().map(String::as_str));
    let prefix = call.str("NamePrefix").unwrap_or_default();
    let all: Vec<Value> = std::iter::once(DEFAULT)
        .chain(own)
        .filter(|name| name.starts_with(prefix))
        .map(|name| value(world, call, name))
        .collect();
    page(world, call, "ScheduleGroups", &all)
}

/// The name of the group that `ResourceArn` names.
fn named(world: &World, call: &Call) -> Result<String, Fault> {
    let asked = call.required("ResourceArn");
    let name = asked.rsplit('/').next().unwrap_or_default();
    if asked != arn(world, call, name) || require_group(world, call, name).is_err() {
        return Err(not_found("Resource", asked));
    }
    Ok(name.to_string())
}

pub(super) fn list_tags(world: &mut World, call: &Call) -> Reply {
    let name = named(world, call)?;
    let group = state(world, call).and_then(|s| s.groups.get(&name));
    Ok(json!({"Tags": group.map_or_else(|| json!([]), |group| tags::write(&group.tags, "Key", "Value"))}))
}

pub(super) fn tag(world: &mut World, call: &Call) -> Reply {
    let name = named(world, call)?;
    let new = tags::read(call.input.get("Tags"), "Key", "Value");
    let current =
        state(world, call).and_then(|s| s.groups.get(&name)).map(|g| g.tags.clone()).unwrap_or_default();
    let tags = merged(&current, new)?;
    state_mut(world, call).groups.entry(name).or_default().tags = tags;
    Ok(json!({}))
}

pub(super) fn untag(world: &mut World, call: &Call) -> Reply {
    let name = named(world, call)?;
    let keys: Vec<String> = call.input["TagKeys"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(Into::into)
        .collect();
    if let Some(group) = state_mut(world, call).groups.get_mut(&name) {
        group.tags.retain(|key, _| !keys.contains(key));
    }
    Ok(json!({}))
}

/// Guess: the messages.
fn merged(current: &tags::Tags, new: Vec<(String, String)>) -> Result<tags::Tags, Fault> {
    tags::merged(current, new).map_err(|wrong| match wrong {
        Wrong::Duplicate => invalid("Tag keys must be unique."),
        Wrong::Reserved => invalid("Tag keys must not start with aws:."),
        Wrong::TooMany => Fault::new("ServiceQuotaExceededException", "Too many tags.").status(402),
    })
}
