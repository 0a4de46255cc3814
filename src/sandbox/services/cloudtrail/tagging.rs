//! Tags of trails.

use serde_json::{Value, json};

use super::super::tags::{self, Tags, Wrong};
use super::{find, names, writable};
use crate::sandbox::world::{Call, Fault, Reply, World};

/// AddTags.
pub(super) fn add(world: &mut World, call: &Call) -> Reply {
    let trail = open(world, call)?;
    trail.tags = merged(&trail.tags, call)?;
    Ok(json!({}))
}

/// RemoveTags: by key, whatever the value.
pub(super) fn remove(world: &mut World, call: &Call) -> Reply {
    let keys = tags::read(call.input.get("TagsList"), "Key", "Value");
    let trail = open(world, call)?;
    trail.tags.retain(|key, _| !keys.iter().any(|(gone, _)| gone == key));
    Ok(json!({}))
}

/// ListTags, of up to 20 trails.
pub(super) fn list(world: &World, call: &Call) -> Reply {
    let ids = call.input.get("ResourceIdList").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut all = Vec::new();
    for id in ids.iter().filter_map(Value::as_str) {
        names::check_arn(id)?;
        let tags = &find(world, call, id).map_err(|_| missing(id))?.trail.tags;
        all.push(json!({"ResourceId": id, "TagsList": tags::write(tags, "Key", "Value")}));
    }
    if call.str("NextToken").is_some() {
        return Err(Fault::new("InvalidTokenException", "Invalid token"));
    }
    Ok(json!({"ResourceTagList": all}))
}

fn open<'w>(world: &'w mut World, call: &Call) -> Result<&'w mut super::Trail, Fault> {
    let id = call.required("ResourceId");
    names::check_arn(id)?;
    writable(world, call, id).map_err(|fault| match fault.code.as_str() {
        "TrailNotFoundException" => missing(id),
        _ => fault,
    })
}

fn missing(id: &str) -> Fault {
    Fault::new("ResourceNotFoundException", format!("Unknown resource: {id}"))
}

/// The tags of a request, put onto `current`.
pub(super) fn merged(current: &Tags, call: &Call) -> Result<Tags, Fault> {
    let new = tags::read(call.input.get("TagsList"), "Key", "Value");
    tags::merged(current, new).map_err(|wrong| match wrong {
        Wrong::TooMany => Fault::new(
            "TagsLimitExceededException",
            "The number of tags per trail has exceeded the limit of 50",
        ),
        Wrong::Duplicate => Fault::new("InvalidTagParameterException", "Duplicate tag keys"),
        Wrong::Reserved => Fault::new("InvalidTagParameterException", "Tag keys must not start with aws:"),
    })
}
