//! Tags of everything that has an id.

use serde_json::{Value, json};

use super::super::tags::{self, Tags, Wrong};
use super::describe::{filtered, missing, paged};
use super::{State, edit, flow_logs, groups, network, rules, strings, view};
use crate::sandbox::world::{Call, Fault, Reply, World};

/// Types of resources, by the beginning of their ids.
const TYPES: &[(&str, &str)] = &[
    ("acl-", "network-acl"),
    ("cagw-", "carrier-gateway"),
    ("dopt-", "dhcp-options"),
    ("eigw-", "egress-only-internet-gateway"),
    ("eipalloc-", "elastic-ip"),
    ("eni-", "network-interface"),
    ("fl-", "vpc-flow-log"),
    ("igw-", "internet-gateway"),
    ("lt-", "launch-template"),
    ("nat-", "natgateway"),
    ("pcx-", "vpc-peering-connection"),
    ("rtb-", "route-table"),
    ("sg-", "security-group"),
    ("sgr-", "security-group-rule"),
    ("subnet-", "subnet"),
    ("tgw-attach-", "transit-gateway-attachment"),
    ("vgw-", "vpn-gateway"),
    ("vpc-", "vpc"),
    ("vpce-", "vpc-endpoint"),
];

fn type_of(id: &str) -> &'static str {
    TYPES.iter().find(|(prefix, _)| id.starts_with(prefix)).map_or("", |(_, kind)| kind)
}

/// The tags of something, as Describe operations show them.
pub(super) fn shown(state: &State, id: &str) -> Value {
    state.tags.get(id).map_or_else(|| json!([]), |tags| tags::write(tags, "Key", "Value"))
}

/// The tags that a Create call gives to what it makes.
///
/// # Errors
/// `InvalidParameterValue`, `TagLimitExceeded`.
pub(super) fn asked(call: &Call, kind: &str) -> Result<Tags, Fault> {
    let mut all = Tags::new();
    for specification in call.input.get("TagSpecifications").and_then(Value::as_array).into_iter().flatten() {
        let named = specification.get("ResourceType").and_then(Value::as_str).unwrap_or_default();
        if named != kind {
            let message = format!("'{named}' is not a valid taggable resource type for this operation.");
            return Err(Fault::new("InvalidParameterValue", message).status(400));
        }
        let new = tags::read(specification.get("Tags"), "Key", "Value");
        all = tags::merged(&all, new).map_err(refused)?;
    }
    Ok(all)
}

/// Gives a new resource its tags.
pub(super) fn set(world: &mut World, call: &Call, id: &str, tags: Tags) {
    if !tags.is_empty() {
        edit(world, call).tags.insert(id.to_owned(), tags);
    }
}

fn refused(wrong: Wrong) -> Fault {
    let (code, message) = match wrong {
        Wrong::Duplicate => (
            "InvalidParameterValue",
            "Duplicate tag keys found. Please note that tag keys are case sensitive.",
        ),
        Wrong::Reserved => {
            ("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use")
        }
        Wrong::TooMany => ("TagLimitExceeded", "The maximum number of Tags for a resource has been reached."),
    };
    Fault::new(code, message).status(400)
}

fn exists(world: &World, call: &Call, id: &str) -> bool {
    network::get(world, call, id).is_some()
        || groups::get(world, call, id).is_some()
        || view(world, call).flow_logs.contains_key(id)
        || (id.starts_with("sgr-") && rules::exists(world, call, id))
}

fn named(world: &World, call: &Call) -> Result<Vec<String>, Fault> {
    let ids = strings(call.input.get("Resources"));
    match ids.iter().find(|id| !exists(world, call, id)) {
        Some(id) if id.starts_with("sg-") => Err(groups::missing(id)),
        Some(id) if id.starts_with("fl-") => Err(flow_logs::missing(&[id.as_str()])),
        Some(id) => Err(missing(id)),
        None => Ok(ids),
    }
}

pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    let ids = named(world, call)?;
    let new = tags::read(call.input.get("Tags"), "Key", "Value");
    let mut merged = Vec::new();
    for id in ids {
        let have = view(world, call).tags.get(&id).cloned().unwrap_or_default();
        merged.push((id, tags::merged(&have, new.clone()).map_err(refused)?));
    }
    edit(world, call).tags.extend(merged);
    Ok(json!({}))
}

/// Without a value a tag goes whatever its value is; without tags all go (API reference).
pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    let ids = named(world, call)?;
    let list = call.input.get("Tags").and_then(Value::as_array);
    let state = edit(world, call);
    for id in ids {
        let Some(have) = state.tags.get_mut(&id) else { continue };
        match list {
            None => have.clear(),
            Some(list) => have.retain(|key, value| !list.iter().any(|tag| is_named(tag, key, value))),
        }
        if have.is_empty() {
            state.tags.remove(&id);
        }
    }
    Ok(json!({}))
}

fn is_named(tag: &Value, key: &str, value: &str) -> bool {
    tag["Key"] == key && tag.get("Value").is_none_or(|wanted| wanted == value)
}

const FILTERS: [(&str, &str); 4] =
    [("key", "Key"), ("resource-id", "ResourceId"), ("resource-type", "ResourceType"), ("value", "Value")];

pub(super) fn describe(world: &mut World, call: &Call) -> Reply {
    let mut rows = Vec::new();
    for (id, tags) in &view(world, call).tags {
        for (key, value) in tags {
            rows.push(json!({"Key": key, "Value": value, "ResourceId": id, "ResourceType": type_of(id)}));
        }
    }
    let rows = filtered(call, "Filters", &FILTERS, rows)?;
    paged(world, call, &rows, "Tags")
}
