//! Configuration policies of central configuration.

use serde_json::{Value, json};

use crate::sandbox::world::{Call, Fault, Reply, World};

use super::{Policy, access, effective, hubs, standards};

/// Most policies of an organization (user guide, "Security Hub quotas").
const MOST: usize = 20;

fn arn(world: &World, call: &Call, id: &str) -> String {
    world.arn("securityhub", &call.region, &call.account, &format!("configuration-policy/{id}"))
}

fn show(world: &World, call: &Call, policy: &Policy) -> Value {
    let mut shown = json!({
        "Arn": arn(world, call, &policy.id),
        "Id": policy.id,
        "Name": policy.name,
        "CreatedAt": policy.created,
        "UpdatedAt": policy.updated,
        "ConfigurationPolicy": {"SecurityHub": policy.content},
    });
    if let Some(description) = &policy.description {
        shown["Description"] = json!(description);
    }
    shown
}

/// The policy that a call names by id or ARN.
pub(super) fn find<'w>(world: &'w World, identifier: &str) -> Result<&'w Policy, Fault> {
    let id = identifier.rsplit_once('/').map_or(identifier, |(_, id)| id);
    world.securityhub.policies.get(id).ok_or_else(|| {
        access::not_found("The request was rejected because we can't find the specified resource.")
    })
}

/// Checks a policy as AWS does; the message of the first rule is AWS's own (terraform-provider-aws#36739).
fn content(call: &Call) -> Result<Option<Value>, Fault> {
    let Some(content) = call.input.pointer("/ConfigurationPolicy/SecurityHub") else { return Ok(None) };
    let list = |pointer: &str| content.pointer(pointer).and_then(Value::as_array);
    let identifiers = list("/EnabledStandardIdentifiers");
    let controls = content.get("SecurityControlsConfiguration");
    let enabled = content.get("ServiceEnabled").and_then(Value::as_bool);
    match enabled {
        Some(true) if identifiers.is_none() || controls.is_none() => {
            return Err(semantics(
                "Enabled standards and security control configurations must be configured when Security Hub is enabled",
            ));
        }
        Some(false) if identifiers.is_some_and(|list| !list.is_empty()) || controls.is_some() => {
            return Err(semantics(
                "Enabled standards and security control configurations must not be configured when Security Hub is disabled",
            ));
        }
        Some(_) => {}
        None => return Err(semantics("ServiceEnabled must be configured")),
    }
    let on = list("/SecurityControlsConfiguration/EnabledSecurityControlIdentifiers");
    let off = list("/SecurityControlsConfiguration/DisabledSecurityControlIdentifiers");
    if enabled == Some(true) && on.is_some() == off.is_some() {
        return Err(semantics("Either enabled or disabled security controls must be configured"));
    }
    for arn in identifiers.into_iter().flatten().filter_map(Value::as_str) {
        if standards::name(arn).is_none() {
            return Err(semantics(&format!("Standard {arn} does not exist")));
        }
    }
    Ok(Some(content.clone()))
}

/// Guess: the texts after the first.
fn semantics(what: &str) -> Fault {
    access::invalid(format!("Invalid semantics: {what}"))
}

/// Guess: names are unique.
fn refuse_taken(world: &World, name: &str, but: &str) -> Result<(), Fault> {
    if world.securityhub.policies.values().any(|policy| policy.name == name && policy.id != but) {
        return Err(access::conflict(format!("A configuration policy with the name {name} already exists.")));
    }
    Ok(())
}

pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    access::central_only(world, call)?;
    let name = call.required("Name").to_owned();
    let legal = |c: char| c.is_ascii_alphanumeric() || "-.!*/".contains(c);
    if !name.chars().all(legal) {
        return Err(access::invalid("Invalid parameter 'Name'"));
    }
    refuse_taken(world, &name, "")?;
    if world.securityhub.policies.len() >= MOST {
        return Err(Fault::new("LimitExceededException", "Too many configuration policies").status(429));
    }
    let content = content(call)?.ok_or_else(|| access::invalid("Invalid parameter 'ConfigurationPolicy'"))?;
    let policy = Policy {
        id: world.uuid(),
        name,
        description: call.str("Description").map(str::to_owned),
        content,
        created: call.now,
        updated: call.now,
        tags: hubs::tags(call),
    };
    let shown = show(world, call, &policy);
    world.securityhub.policies.insert(policy.id.clone(), policy);
    Ok(shown)
}

pub(super) fn get(world: &mut World, call: &Call) -> Reply {
    access::central_only(world, call)?;
    let policy = find(world, call.required("Identifier"))?;
    Ok(show(world, call, policy))
}

/// UpdateConfigurationPolicy. The configuration, where there is one, replaces the old one as a whole.
pub(super) fn update(world: &mut World, call: &Call) -> Reply {
    access::central_only(world, call)?;
    let mut policy = find(world, call.required("Identifier"))?.clone();
    if let Some(name) = call.str("Name") {
        refuse_taken(world, name, &policy.id)?;
        name.clone_into(&mut policy.name);
    }
    if let Some(description) = call.str("Description") {
        policy.description = Some(description.to_owned());
    }
    if let Some(content) = content(call)? {
        policy.content = content;
    }
    policy.updated = call.now;
    let shown = show(world, call, &policy);
    world.securityhub.policies.insert(policy.id.clone(), policy);
    Ok(shown)
}

pub(super) fn list(world: &mut World, call: &Call) -> Reply {
    access::central_only(world, call)?;
    let summary = |policy: &Policy| {
        let mut shown = json!({
            "Arn": arn(world, call, &policy.id), "Id": policy.id, "Name": policy.name, "UpdatedAt": policy.updated,
            "ServiceEnabled": effective::enables(policy),
        });
        if let Some(description) = &policy.description {
            shown["Description"] = json!(description);
        }
        shown
    };
    let all: Vec<Value> = world.securityhub.policies.values().map(summary).collect();
    standards::page(world, call, "ConfigurationPolicySummaries", &all, 100)
}

/// DeleteConfigurationPolicy: refused while it is associated (user guide, "Deleting configuration policies").
pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    access::central_only(world, call)?;
    let id = find(world, call.required("Identifier"))?.id.clone();
    if world.securityhub.associations.values().any(|association| association.policy == id) {
        return Err(access::conflict(
            "The configuration policy is associated with targets: disassociate it first.",
        ));
    }
    world.securityhub.policies.remove(&id);
    Ok(json!({}))
}
