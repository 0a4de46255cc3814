//! The organization's resource policy: what members may do with policies of the management account.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::policy::evaluate::{self, Request};
use crate::policy::{Document, Effect};
use crate::sandbox::caller;
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
    let existing =
        known.as_ref().and_then(|id| world.organizations.tags.get(id)).cloned().unwrap_or_default();
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
    Fault::new(
        "ResourcePolicyNotFoundException",
        "We can't find a resource policy request with the parameter that you specified.",
    )
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

/// Whether the policy lets the calling member make the call on the organization's policies and units.
pub(super) fn allows(world: &World, content: &str, call: &Call) -> bool {
    let Ok(document) = Document::parse(content) else { return false };
    let resource = call.str("PolicyId").or(call.str("TargetId")).unwrap_or("*");
    let action = format!("organizations:{}", call.operation);
    let mut request = Request::new(caller::caller(world, call), &action, &resource_arn(world, resource));
    if let Some(kind) = call.str("Filter").or(call.str("PolicyType")).or(call.str("Type")) {
        request = request.with("organizations:PolicyType", kind);
    }
    evaluate::effect(&document, &request) == Some(Effect::Allow)
}

/// The ARN that the policy would name: a policy's, else a root's, OU's or account's.
fn resource_arn(world: &World, id: &str) -> String {
    let organization = world.organizations.organization.as_ref().map(|o| o.id.as_str()).unwrap_or_default();
    if let Some(policy) = world.organizations.policies.get(id) {
        let kind = policy.kind.to_ascii_lowercase();
        return arn(world, &format!("policy/{organization}/{kind}/{id}"));
    }
    let kind = match id.split('-').next() {
        Some("r") => "root",
        Some("ou") => "ou",
        Some("*") => return "*".into(),
        _ => "account",
    };
    arn(world, &format!("{kind}/{organization}/{id}"))
}
