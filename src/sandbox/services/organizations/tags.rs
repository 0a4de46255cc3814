//! Tags of roots, OUs, accounts, policies and the resource policy.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sandbox::world::{Call, Fault, Reply, World};

use super::{PAGE, constraint, invalid_input, target_not_found, units};

/// Tags per resource (`aws-limits.md` 1.2).
const TAG_LIMIT: usize = 50;

/// The `Tags` member over the tags that the resource has already.
pub(super) fn parse(
    call: &Call,
    existing: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Fault> {
    let mut given = BTreeMap::new();
    for tag in call.input.get("Tags").and_then(Value::as_array).into_iter().flatten() {
        let text = |member: &str| tag.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
        let key = text("Key");
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid_input(
                "INVALID_SYSTEM_TAGS_PARAMETER",
                "You specified a tag key that is a system tag. You can't add, edit, or delete system tag keys.",
            ));
        }
        if given.insert(key, text("Value")).is_some() {
            return Err(invalid_input(
                "DUPLICATE_TAG_KEY",
                "Tag keys must be unique among the tags attached to the same entity.",
            ));
        }
    }
    let mut all = existing.clone();
    all.extend(given);
    if all.len() > TAG_LIMIT {
        return Err(constraint(
            "MAX_TAG_LIMIT_EXCEEDED",
            "You have exceeded the number of tags allowed on this resource.",
        ));
    }
    Ok(all)
}

fn resource(world: &World, call: &Call) -> Result<String, Fault> {
    let id = call.required("ResourceId");
    let state = &world.organizations;
    let known = units::is_parent(world, id)
        || state.accounts.contains_key(id)
        || state.policies.contains_key(id)
        || state.resource_policy.as_ref().is_some_and(|p| p.id == id);
    if known { Ok(id.to_owned()) } else { Err(target_not_found()) }
}

pub(super) fn tag(world: &mut World, call: &Call) -> Reply {
    let id = resource(world, call)?;
    let existing = world.organizations.tags.get(&id).cloned().unwrap_or_default();
    let all = parse(call, &existing)?;
    world.organizations.tags.insert(id, all);
    Ok(json!({}))
}

pub(super) fn untag(world: &mut World, call: &Call) -> Reply {
    let id = resource(world, call)?;
    let Some(tags) = world.organizations.tags.get_mut(&id) else { return Ok(json!({})) };
    for key in call.input.get("TagKeys").and_then(Value::as_array).into_iter().flatten() {
        tags.remove(key.as_str().unwrap_or_default());
    }
    Ok(json!({}))
}

pub(super) fn list(world: &mut World, call: &Call) -> Reply {
    let id = resource(world, call)?;
    let tags: Vec<Value> = world
        .organizations
        .tags
        .get(&id)
        .into_iter()
        .flatten()
        .map(|(key, value)| json!({"Key": key, "Value": value}))
        .collect();
    let bad = || invalid_input("INVALID_NEXT_TOKEN", "You specified an invalid value for NextToken.");
    let (page, next) = world.page(&tags, None, PAGE, call.str("NextToken"), &bad)?;
    let mut reply = json!({"Tags": page});
    if let Some(token) = next {
        reply["NextToken"] = json!(token);
    }
    Ok(reply)
}
