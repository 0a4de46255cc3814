//! Amazon EventBridge Scheduler: groups and schedules. Nothing is ever started.
//!
//! Codes and messages: API Reference; those of bad expressions, targets and roles as public reports quote them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::tags::{self, Tags};
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

mod checks;
mod groups;

#[cfg(test)]
mod tests;

/// Name of the group that every account has from the start.
const DEFAULT: &str = "default";
/// Groups, and schedules, per page.
const PAGE: usize = 100;

/// EventBridge Scheduler of one account in one region.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// Groups by name; `default` is there without an entry.
    pub groups: BTreeMap<String, Group>,
    /// Schedules by group, then by name, as GetSchedule answers them.
    pub schedules: BTreeMap<String, BTreeMap<String, Value>>,
}

/// A group of schedules.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Group {
    /// When it was made.
    pub created: f64,
    /// Tags.
    pub tags: Tags,
}

/// Runs one call.
pub fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    Some(match call.operation.as_str() {
        "CreateSchedule" => create(world, call),
        "DeleteSchedule" => delete(world, call),
        "GetSchedule" => get(world, call),
        "ListSchedules" => list(world, call),
        "UpdateSchedule" => update(world, call),
        "CreateScheduleGroup" => groups::create(world, call),
        "DeleteScheduleGroup" => groups::delete(world, call),
        "GetScheduleGroup" => groups::get(world, call),
        "ListScheduleGroups" => groups::list(world, call),
        "ListTagsForResource" => groups::list_tags(world, call),
        "TagResource" => groups::tag(world, call),
        "UntagResource" => groups::untag(world, call),
        _ => return None,
    })
}

fn state<'w>(world: &'w World, call: &Call) -> Option<&'w State> {
    world.scheduler.get(&cell(&call.account, &call.region))
}

fn state_mut<'w>(world: &'w mut World, call: &Call) -> &'w mut State {
    world.scheduler.entry(cell(&call.account, &call.region)).or_default()
}

fn not_found(what: &str, name: &str) -> Fault {
    Fault::new("ResourceNotFoundException", format!("{what} {name} does not exist.")).status(404)
}

fn conflict(what: &str, name: &str) -> Fault {
    Fault::new("ConflictException", format!("{what} {name} already exists.")).status(409)
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::new("ValidationException", message).status(400)
}

/// The group that a call names.
fn group(call: &Call) -> &str {
    call.str("GroupName").unwrap_or(DEFAULT)
}

/// # Errors
/// The group does not exist.
fn require_group(world: &World, call: &Call, name: &str) -> Result<(), Fault> {
    let known = name == DEFAULT || state(world, call).is_some_and(|s| s.groups.contains_key(name));
    if known { Ok(()) } else { Err(not_found("Schedule group", name)) }
}

fn find<'w>(world: &'w World, call: &Call) -> Option<&'w Value> {
    state(world, call)?.schedules.get(group(call))?.get(call.required("Name"))
}

fn create(world: &mut World, call: &Call) -> Reply {
    require_group(world, call, group(call))?;
    if find(world, call).is_some() {
        return Err(conflict("Schedule", call.required("Name")));
    }
    store(world, call, call.now)
}

/// Replaces the whole: what is left out goes back to its default (API Reference, UpdateSchedule).
fn update(world: &mut World, call: &Call) -> Reply {
    require_group(world, call, group(call))?;
    let known = find(world, call).ok_or_else(|| not_found("Schedule", call.required("Name")))?;
    let created = known.get("CreationDate").and_then(Value::as_f64).unwrap_or(call.now);
    store(world, call, created)
}

fn store(world: &mut World, call: &Call, created: f64) -> Reply {
    checks::schedule(world, call, group(call))?;
    let (group, name) = (group(call).to_string(), call.required("Name").to_string());
    let arn = world.arn("scheduler", &call.region, &call.account, &format!("schedule/{group}/{name}"));
    let mut schedule = call.input.clone();
    if let Some(members) = schedule.as_object_mut() {
        members.remove("ClientToken");
    }
    for (member, default) in
        [("State", "ENABLED"), ("ScheduleExpressionTimezone", "UTC"), ("ActionAfterCompletion", "NONE")]
    {
        if schedule.get(member).is_none() {
            schedule[member] = json!(default);
        }
    }
    if schedule.pointer("/Target/RetryPolicy").is_none() {
        schedule["Target"]["RetryPolicy"] =
            json!({"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185});
    }
    schedule["Arn"] = json!(arn);
    schedule["GroupName"] = json!(group);
    schedule["CreationDate"] = json!(created);
    schedule["LastModificationDate"] = json!(call.now);
    state_mut(world, call).schedules.entry(group).or_default().insert(name, schedule);
    Ok(json!({"ScheduleArn": arn}))
}

fn delete(world: &mut World, call: &Call) -> Reply {
    // DeleteSchedule and GetSchedule have the group in the query string, under the same member.
    require_group(world, call, group(call))?;
    let (group, name) = (group(call).to_string(), call.required("Name").to_string());
    let of_group = state_mut(world, call).schedules.get_mut(&group);
    match of_group.and_then(|schedules| schedules.remove(&name)) {
        Some(_) => Ok(json!({})),
        None => Err(not_found("Schedule", &name)),
    }
}

fn get(world: &mut World, call: &Call) -> Reply {
    require_group(world, call, group(call))?;
    find(world, call).cloned().ok_or_else(|| not_found("Schedule", call.required("Name")))
}

fn list(world: &mut World, call: &Call) -> Reply {
    let wanted = call.str("GroupName");
    if let Some(name) = wanted {
        require_group(world, call, name)?;
    }
    let fits = |schedule: &&Value| {
        let text = |member: &str| schedule.get(member).and_then(Value::as_str).unwrap_or_default();
        wanted.is_none_or(|group| text("GroupName") == group)
            && call.str("NamePrefix").is_none_or(|prefix| text("Name").starts_with(prefix))
            && call.str("State").is_none_or(|state| text("State") == state)
    };
    let all: Vec<Value> = state(world, call)
        .into_iter()
        .flat_map(|s| s.schedules.values().flat_map(BTreeMap::values))
        .filter(fits)
        .map(summary)
        .collect();
    page(world, call, "Schedules", &all)
}

fn summary(schedule: &Value) -> Value {
    let members = ["Arn", "CreationDate", "GroupName", "LastModificationDate", "Name", "State"];
    let mut summary: Value = members.iter().map(|m| ((*m).to_string(), schedule[*m].clone())).collect();
    summary["Target"] = json!({"Arn": schedule["Target"]["Arn"]});
    summary
}

fn page(world: &World, call: &Call, member: &str, all: &[Value]) -> Reply {
    let bad = || invalid("Invalid NextToken provided.");
    let (page, next) = world.page(all, call.int("MaxResults"), PAGE, call.str("NextToken"), &bad)?;
    let mut reply = json!({ member: page });
    if let Some(token) = next {
        reply["NextToken"] = json!(token);
    }
    Ok(reply)
}
