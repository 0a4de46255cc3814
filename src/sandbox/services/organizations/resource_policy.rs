//! The organization's resource policy: what members may do with policies of the management account.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sandbox::world::{Call, Fault, Reply, World};

use super::state::ResourcePolicy;
use super::{arn, invalid_input, organization, tags};

fn value(world: &World, policy: &ResourcePolicy) -> Value {
    let organization = world.organizations.organization.as_ref().map(|o| o.id.as_str()).unwrap_or_default();
    json!({"ResourcePolicy": {
        "ResourcePolicySummary": {
            "Id": policy.id,
            "Arn": arn(world, &format!("resourcepolicy/{organization}/{}", policy.id)),
        },
        "Content": policy.content,
    }})
}

pub(super) fn put(world: &mut World, call: &Call) -> Reply {
    organization(world)?;
    let content = call.required("Content");
    let statements = serde_json::from_str::<Value>(content).ok().is_some_and(|v| v["Statement"].is_array());
    if !statements {
        return Err(invalid_input(
            "INVALID_RESOURCE_POLICY_JSON",
            "You provided a resource policy with an invalid JSON format.",
        ));
    }
    let known = world.organizations.resource_policy.as_ref().map(|p| p.id.clone());
    let existing = known.as_ref().and_then(|id| world.organizations.tags.get(id)).cloned().unwrap_or_default();
    let tags: BTreeMap<String, String> = tags::parse(call, &existing)?;
    let id = known.unwrap_or_else(|| format!("rp-{}", world.lower(8)));
    let policy = ResourcePolicy { id: id.clone(), content: content.to_owned() };
    let reply = value(world, &policy);
    world.organizations.resource_policy = Some(policy);
    if !tags.is_empty() {
        world.organizations.tags.insert(id, tags);
    }
    Ok(reply)
}

fn not_found() -> Fault {
    Fault::new("ResourcePolicyNotFoundException", "We can't find a resource policy request with the parameter that you specified.")
}

pub(super) fn describe(world: &mut World, _call: &Call) -> Reply {
    let policy = world.organizations.resource_policy.as_ref().ok_or_else(not_found)?;
    Ok(value(world, policy))
}

pub(super) fn delete(world: &mut World, _call: &Call) -> Reply {
    let policy = world.organizations.resource_policy.take().ok_or_else(not_found)?;
    world.organizations.tags.remove(&policy.id);
    Ok(json!({}))
}
