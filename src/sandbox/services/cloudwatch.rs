//! Amazon CloudWatch: metric alarms. There are no metrics: an alarm stays in `INSUFFICIENT_DATA` until SetAlarmState.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::tags;
use super::tags::Tags;
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

mod validate;

#[cfg(test)]
mod tests;

/// Alarms per account and region (CloudWatch quotas: 5,000 metric alarms by default).
const MOST_ALARMS: usize = 5000;

/// CloudWatch of one account in one region.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// Metric alarms by name.
    pub alarms: BTreeMap<String, Alarm>,
}

/// One metric alarm.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Alarm {
    /// The members of PutMetricAlarm, tags excepted.
    pub settings: Map<String, Value>,
    /// When the settings last changed, seconds since 1970.
    pub configured: f64,
    /// Alarm state.
    pub state: String,
    /// StateReason.
    pub reason: String,
    /// StateReasonData.
    pub reason_data: Option<String>,
    /// When the state was last set, seconds since 1970.
    pub state_updated: f64,
    /// When the state last became another one, seconds since 1970.
    pub state_changed: f64,
    /// Tags.
    pub tags: Tags,
}

/// Runs one call.
pub fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    Some(match call.operation.as_str() {
        "DeleteAlarms" => delete(world, call),
        "DescribeAlarms" => describe(world, call),
        "DisableAlarmActions" => disable_actions(world, call),
        "ListTagsForResource" => list_tags(world, call),
        "PutMetricAlarm" => put(world, call),
        "SetAlarmState" => set_state(world, call),
        "TagResource" => tag(world, call),
        _ => return None,
    })
}

/// PutMetricAlarm. Replaces all settings of an alarm of the same name; its state and tags stay.
fn put(world: &mut World, call: &Call) -> Reply {
    let empty = Map::new();
    let mut settings = call.input.as_object().unwrap_or(&empty).clone();
    validate::alarm(call, &settings)?;
    let new_tags = tags::read(settings.remove("Tags").as_ref(), "Key", "Value");
    settings.entry("ActionsEnabled").or_insert(json!(true));
    for actions in ["OKActions", "AlarmActions", "InsufficientDataActions"] {
        settings.entry(actions).or_insert(json!([]));
    }
    if settings.contains_key("MetricName") {
        settings.entry("Dimensions").or_insert(json!([]));
    }
    let name = call.required("AlarmName");
    let key = cell(&call.account, &call.region);
    let alarms = world.cloudwatch.get(&key).map(|state| &state.alarms);
    let existing = alarms.and_then(|alarms| alarms.get(name)).cloned();
    if existing.is_none() && alarms.is_some_and(|alarms| alarms.len() >= MOST_ALARMS) {
        return Err(Fault::new("LimitExceeded", "The quota of alarms is exceeded").status(400));
    }
    let alarm = match existing {
        // API Reference, PutMetricAlarm: tags of an existing alarm are changed by TagResource only.
        Some(alarm) => Alarm { settings, configured: call.now, ..alarm },
        None => Alarm {
            settings,
            configured: call.now,
            state: "INSUFFICIENT_DATA".into(),
            reason: "Unchecked: Initial alarm creation".into(),
            reason_data: None,
            state_updated: call.now,
            state_changed: call.now,
            tags: tags::merged(&Tags::new(), new_tags).map_err(tag_fault)?,
        },
    };
    world.cloudwatch.entry(key).or_default().alarms.insert(name.into(), alarm);
    Ok(json!({}))
}

/// DescribeAlarms. Composite alarms cannot be made here, so there are none.
fn describe(world: &World, call: &Call) -> Reply {
    let names = strings(call, "AlarmNames");
    let prefix = call.str("AlarmNamePrefix");
    if names.is_some() && prefix.is_some() {
        // API Reference, DescribeAlarms: one excludes the other. Guess: the message.
        return Err(validation("AlarmNamePrefix cannot be specified together with AlarmNames"));
    }
    let types = strings(call, "AlarmTypes").unwrap_or_else(|| vec!["MetricAlarm".into()]);
    let of_composites = call.str("ChildrenOfAlarmName").is_some() || call.str("ParentsOfAlarmName").is_some();
    let has_action = |alarm: &Alarm, prefix: &str| {
        ["OKActions", "AlarmActions", "InsufficientDataActions"]
            .iter()
            .filter_map(|member| alarm.settings.get(*member).and_then(Value::as_array))
            .flatten()
            .any(|action| action.as_str().is_some_and(|action| action.starts_with(prefix)))
    };
    let all: Vec<Value> = world
        .cloudwatch
        .get(&cell(&call.account, &call.region))
        .into_iter()
        .flat_map(|state| &state.alarms)
        .filter(|_| types.iter().any(|kind| kind == "MetricAlarm") && !of_composites)
        .filter(|(name, _)| names.as_ref().is_none_or(|names| names.contains(name)))
        .filter(|(name, _)| prefix.is_none_or(|prefix| name.starts_with(prefix)))
        .filter(|(_, alarm)| call.str("StateValue").is_none_or(|state| state == alarm.state))
        .filter(|(_, alarm)| call.str("ActionPrefix").is_none_or(|prefix| has_action(alarm, prefix)))
        .map(|(name, alarm)| entry(world, call, name, alarm))
        .collect();
    let bad_token = || Fault::new("InvalidNextToken", "The next token specified is invalid").status(400);
    // API Reference, DescribeAlarms: 50 by default.
    let (page, next) = world.page(&all, call.int("MaxRecords"), 50, call.str("NextToken"), &bad_token)?;
    let mut output = json!({"MetricAlarms": page, "CompositeAlarms": []});
    if let Some(next) = next {
        output["NextToken"] = json!(next);
    }
    Ok(output)
}

fn entry(world: &World, call: &Call, name: &str, alarm: &Alarm) -> Value {
    let mut out = alarm.settings.clone();
    out.insert("AlarmArn".into(), json!(arn(world, call, name)));
    out.insert("AlarmConfigurationUpdatedTimestamp".into(), json!(alarm.configured));
    out.insert("StateValue".into(), json!(alarm.state));
    out.insert("StateReason".into(), json!(alarm.reason));
    out.insert("StateUpdatedTimestamp".into(), json!(alarm.state_updated));
    out.insert("StateTransitionedTimestamp".into(), json!(alarm.state_changed));
    if let Some(data) = &alarm.reason_data {
        out.insert("StateReasonData".into(), json!(data));
    }
    Value::Object(out)
}

/// DeleteAlarms: all of them or, where one is missing, none (API Reference).
fn delete(world: &mut World, call: &Call) -> Reply {
    let names = strings(call, "AlarmNames").unwrap_or_default();
    let missing = || Fault::new("ResourceNotFound", "One or more alarms were not found").status(404);
    let state = world.cloudwatch.get_mut(&cell(&call.account, &call.region)).ok_or_else(missing)?;
    if names.iter().any(|name| !state.alarms.contains_key(name)) {
        return Err(missing());
    }
    state.alarms.retain(|name, _| !names.contains(name));
    Ok(json!({}))
}

/// DisableAlarmActions. Names that do not exist are passed over.
#[allow(clippy::unnecessary_wraps, reason = "the signature of a handler")]
fn disable_actions(world: &mut World, call: &Call) -> Reply {
    let names = strings(call, "AlarmNames").unwrap_or_default();
    if let Some(state) = world.cloudwatch.get_mut(&cell(&call.account, &call.region)) {
        for (_, alarm) in state.alarms.iter_mut().filter(|(name, _)| names.contains(name)) {
            alarm.settings.insert("ActionsEnabled".into(), json!(false));
        }
    }
    Ok(json!({}))
}

/// SetAlarmState.
fn set_state(world: &mut World, call: &Call) -> Reply {
    let data = call.str("StateReasonData");
    if data.is_some_and(|data| serde_json::from_str::<Value>(data).is_err()) {
        return Err(Fault::new("InvalidFormat", "StateReasonData is not valid JSON").status(400));
    }
    let alarms = world.cloudwatch.get_mut(&cell(&call.account, &call.region)).map(|state| &mut state.alarms);
    let alarm = alarms
        .and_then(|alarms| alarms.get_mut(call.required("AlarmName")))
        .ok_or_else(|| Fault::new("ResourceNotFound", "The named resource does not exist.").status(404))?;
    if alarm.state != call.required("StateValue") {
        alarm.state_changed = call.now;
    }
    alarm.state = call.required("StateValue").into();
    alarm.reason = call.required("StateReason").into();
    alarm.reason_data = data.map(Into::into);
    alarm.state_updated = call.now;
    Ok(json!({}))
}

/// TagResource.
fn tag(world: &mut World, call: &Call) -> Reply {
    let name = tagged(world, call)?;
    let new = tags::read(call.input.get("Tags"), "Key", "Value");
    let alarms = world.cloudwatch.get_mut(&cell(&call.account, &call.region)).map(|state| &mut state.alarms);
    if let Some(alarm) = alarms.and_then(|alarms| alarms.get_mut(&name)) {
        alarm.tags = tags::merged(&alarm.tags, new).map_err(tag_fault)?;
    }
    Ok(json!({}))
}

/// ListTagsForResource.
fn list_tags(world: &World, call: &Call) -> Reply {
    let name = tagged(world, call)?;
    let state = world.cloudwatch.get(&cell(&call.account, &call.region));
    let tags =
        state.and_then(|state| state.alarms.get(&name)).map(|alarm| alarm.tags.clone()).unwrap_or_default();
    Ok(json!({"Tags": tags::write(&tags, "Key", "Value")}))
}

/// The name in the ARN of an alarm of the caller.
fn tagged(world: &World, call: &Call) -> Result<String, Fault> {
    let asked = call.required("ResourceARN");
    let Some(name) = asked.splitn(7, ':').nth(6).filter(|_| asked.starts_with("arn:")) else {
        let message = format!("Invalid resource ARN {asked}");
        return Err(Fault::new("InvalidParameterValue", message).status(400));
    };
    let known = world.cloudwatch.get(&cell(&call.account, &call.region));
    if asked == arn(world, call, name) && known.is_some_and(|state| state.alarms.contains_key(name)) {
        return Ok(name.into());
    }
    let message = format!("Unknown: {asked}");
    Err(Fault::new("ResourceNotFoundException", message)
        .status(404)
        .with("ResourceType", json!("alarm"))
        .with("ResourceId", json!(asked)))
}

fn arn(world: &World, call: &Call, name: &str) -> String {
    world.arn("cloudwatch", &call.region, &call.account, &format!("alarm:{name}"))
}

fn strings(call: &Call, member: &str) -> Option<Vec<String>> {
    let list = call.input.get(member)?.as_array()?;
    Some(list.iter().filter_map(Value::as_str).map(Into::into).collect())
        .filter(|list: &Vec<String>| !list.is_empty())
}

/// The code of this service for input that breaks a rule.
fn validation(message: impl Into<String>) -> Fault {
    Fault::new("ValidationError", message).status(400)
}

fn tag_fault(wrong: tags::Wrong) -> Fault {
    let message = match wrong {
        tags::Wrong::TooMany => "A resource can have no more than 50 tags",
        tags::Wrong::Duplicate => "Duplicate tag keys found",
        tags::Wrong::Reserved => "Tag keys must not start with aws:",
    };
    Fault::new("InvalidParameterValue", message).status(400)
}
