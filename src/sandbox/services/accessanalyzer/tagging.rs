//! Tags of analyzers.

use serde_json::{Value, json};

use super::super::tags::{self, Tags};
use super::{Analyzer, arn, find_mut, missing, validation};
use crate::sandbox::world::{Call, Fault, Reply, World};

/// The tags of a request (a map), put onto `current`.
pub(super) fn merged(current: &Tags, asked: Option<&Value>) -> Result<Tags, Fault> {
    let pair = |(key, value): (&String, &Value)| (key.clone(), value.as_str().unwrap_or_default().to_owned());
    let new = asked.and_then(Value::as_object).map(|map| map.iter().map(pair).collect()).unwrap_or_default();
    tags::merged(current, new).map_err(|wrong| validation(format!("The tags are not valid: {wrong:?}.")))
}

pub(super) fn tag(world: &mut World, call: &Call) -> Reply {
    let analyzer = open(world, call)?;
    analyzer.tags = merged(&analyzer.tags, call.input.get("tags"))?;
    Ok(json!({}))
}

pub(super) fn untag(world: &mut World, call: &Call) -> Reply {
    let keys: Vec<String> = call
        .input
        .get("tagKeys")
        .and_then(Value::as_array)
        .map(|keys| keys.iter().filter_map(Value::as_str).map(ToString::to_string).collect())
        .unwrap_or_default();
    open(world, call)?.tags.retain(|key, _| !keys.contains(key));
    Ok(json!({}))
}

pub(super) fn list(world: &mut World, call: &Call) -> Reply {
    let tags = open(world, call)?.tags.clone();
    Ok(json!({ "tags": tags }))
}

fn open<'w>(world: &'w mut World, call: &Call) -> Result<&'w mut Analyzer, Fault> {
    let asked = call.required("resourceArn");
    let name = asked.rsplit('/').next().unwrap_or_default();
    if arn(world, call, name) != asked {
        return Err(missing("analyzer", asked));
    }
    find_mut(world, call, name)
}
