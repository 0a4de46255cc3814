//! What a recorder records, checked and filled in as AWS answers it.

use serde_json::{Value, json};

use super::validation;
use crate::sandbox::world::Fault;

const ALL: &str = "ALL_SUPPORTED_RESOURCE_TYPES";
const EXCLUDE: &str = "EXCLUSION_BY_RESOURCE_TYPES";
const INCLUDE: &str = "INCLUSION_BY_RESOURCE_TYPES";

/// Types that are never recorded daily (API reference, RecordingMode).
const NEVER_DAILY: [&str; 3] = [
    "AWS::Config::ConfigurationRecorder",
    "AWS::Config::ConformancePackCompliance",
    "AWS::Config::ResourceCompliance",
];

/// A recording group with every member.
///
/// # Errors
/// `InvalidRecordingGroupException`, as its documentation lists the cases.
pub(super) fn group(asked: Option<&Value>) -> Result<Value, Fault> {
    let Some(asked) = asked else { return Ok(whole(ALL, false, &[], &[])) };
    let flag = |member: &str| asked.get(member).and_then(Value::as_bool).unwrap_or_default();
    let list = |pointer: &str| asked.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
    let (all, global) = (flag("allSupported"), flag("includeGlobalResourceTypes"));
    let (types, excluded) = (list("/resourceTypes"), list("/exclusionByResourceTypes/resourceTypes"));
    let named = asked.pointer("/recordingStrategy/useOnly").and_then(Value::as_str);
    let strategy = named.unwrap_or(if all { ALL } else { INCLUDE });
    let wrong = match strategy {
        _ if all && !types.is_empty() => Some("You cannot list resource types when allSupported is true."),
        _ if all && strategy != ALL => Some("The recording strategy does not fit allSupported."),
        _ if global && !all => Some("You must set allSupported to record global resource types."),
        ALL if !all => Some("You must set allSupported to use this recording strategy."),
        INCLUDE if types.is_empty() => Some("The recording group is empty."),
        EXCLUDE if excluded.is_empty() => Some("You must list the resource types to exclude."),
        _ => None,
    };
    match wrong {
        Some(message) => Err(Fault::new("InvalidRecordingGroupException", message)),
        None => Ok(whole(strategy, global, &types, &excluded)),
    }
}

fn whole(strategy: &str, global: bool, types: &[Value], excluded: &[Value]) -> Value {
    json!({
        "allSupported": strategy == ALL,
        "includeGlobalResourceTypes": global,
        "resourceTypes": types,
        "exclusionByResourceTypes": {"resourceTypes": excluded},
        "recordingStrategy": {"useOnly": strategy},
    })
}

/// A recording mode with every member.
///
/// # Errors
/// `ValidationException` for types that are never recorded daily.
pub(super) fn mode(asked: Option<&Value>) -> Result<Value, Fault> {
    let Some(asked) = asked else {
        return Ok(json!({"recordingFrequency": "CONTINUOUS", "recordingModeOverrides": []}));
    };
    let overrides =
        asked.get("recordingModeOverrides").and_then(Value::as_array).cloned().unwrap_or_default();
    for other in &overrides {
        let types = other.get("resourceTypes").and_then(Value::as_array).into_iter().flatten();
        let never = types.filter_map(Value::as_str).any(|name| NEVER_DAILY.contains(&name));
        if never && other.get("recordingFrequency").is_some_and(|frequency| frequency == "DAILY") {
            return Err(validation("Daily recording cannot be specified for this resource type."));
        }
    }
    Ok(json!({"recordingFrequency": asked.get("recordingFrequency"), "recordingModeOverrides": overrides}))
}
