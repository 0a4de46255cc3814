//! Policies: creating, reading, changing, deleting.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sandbox::world::{Call, Fault, Reply, World};

use super::state::Policy;
use super::{
    FULL_ACCESS, RCP_FULL_ACCESS, arn, constraint, content, invalid_input, list as page, organization, tags,
};

const FULL_ACCESS_TEXT: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
const RCP_FULL_ACCESS_TEXT: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;

/// Policies per organization: SCP 10,000, RCP 2,000, every other type 1,000 (`aws-limits.md` 1.2).
fn number_limit(kind: &str) -> usize {
    match kind {
        "SERVICE_CONTROL_POLICY" => 10_000,
        "RESOURCE_CONTROL_POLICY" => 2_000,
        _ => 1_000,
    }
}

/// An AWS-managed policy by id.
pub(super) fn managed(id: &str) -> Option<Policy> {
    let (name, kind, description, content) = match id {
        FULL_ACCESS => {
            ("FullAWSAccess", "SERVICE_CONTROL_POLICY", "Allows access to every operation", FULL_ACCESS_TEXT)
        }
        RCP_FULL_ACCESS => (
            "RCPFullAWSAccess",
            "RESOURCE_CONTROL_POLICY",
            "Allows access to every resource",
            RCP_FULL_ACCESS_TEXT,
        ),
        _ => return None,
    };
    Some(Policy {
        id: id.to_owned(),
        name: name.into(),
        description: description.into(),
        kind: kind.into(),
        content: content.into(),
        aws_managed: true,
        updated: 0.0,
    })
}

/// A policy by id, AWS-managed ones included.
pub(super) fn find(world: &World, id: &str) -> Result<Policy, Fault> {
    managed(id)
        .or_else(|| world.organizations.policies.get(id).cloned())
        .ok_or_else(|| Fault::new("PolicyNotFoundException", "You specified a policy that doesn't exist."))
}

pub(super) fn summary(world: &World, policy: &Policy) -> Value {
    let kind = policy.kind.to_ascii_lowercase();
    let arn = if policy.aws_managed {
        world.arn("organizations", "", "aws", &format!("policy/{kind}/{}", policy.id))
    } else {
        let organization =
            world.organizations.organization.as_ref().map(|o| o.id.as_str()).unwrap_or_default();
        arn(world, &format!("policy/{organization}/{kind}/{}", policy.id))
    };
    json!({
        "Id": policy.id,
        "Arn": arn,
        "Name": policy.name,
        "Description": policy.description,
        "Type": policy.kind,
        "AwsManaged": policy.aws_managed,
    })
}

fn full(world: &World, policy: &Policy) -> Value {
    json!({"Policy": {"PolicySummary": summary(world, policy), "Content": policy.content}})
}

fn refuse_duplicate(world: &World, kind: &str, name: &str, except: &str) -> Result<(), Fault> {
    let managed_name = managed(FULL_ACCESS).into_iter().chain(managed(RCP_FULL_ACCESS));
    let taken = world
        .organizations
        .policies
        .values()
        .cloned()
        .chain(managed_name)
        .any(|p| p.kind == kind && p.name == name && p.id != except);
    if taken {
        return Err(Fault::new(
            "DuplicatePolicyException",
            "A policy with the specified name and type already exists.",
        ));
    }
    Ok(())
}

pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    let (kind, name) = (call.required("Type"), call.required("Name"));
    if !organization(world)?.all_features {
        return Err(not_available());
    }
    let tags = tags::parse(call, &BTreeMap::new())?;
    content::check(kind, call.required("Content"))?;
    refuse_duplicate(world, kind, name, "")?;
    let count = world.organizations.policies.values().filter(|p| p.kind == kind).count();
    if count >= number_limit(kind) {
        return Err(constraint(
            "POLICY_NUMBER_LIMIT_EXCEEDED",
            "You have exceeded the allowed number of policies.",
        ));
    }
    let policy = Policy {
        id: format!("p-{}", world.lower(8)),
        name: name.to_owned(),
        description: call.required("Description").to_owned(),
        kind: kind.to_owned(),
        content: call.required("Content").to_owned(),
        aws_managed: false,
        updated: call.now,
    };
    let reply = full(world, &policy);
    if !tags.is_empty() {
        world.organizations.tags.insert(policy.id.clone(), tags);
    }
    world.organizations.policies.insert(policy.id.clone(), policy);
    Ok(reply)
}

pub(super) fn not_available() -> Fault {
    Fault::new(
        "PolicyTypeNotAvailableForOrganizationException",
        "You can't use the specified policy type with the feature set currently enabled for this organization.",
    )
}

pub(super) fn describe(world: &mut World, call: &Call) -> Reply {
    let policy = find(world, call.required("PolicyId"))?;
    Ok(full(world, &policy))
}

pub(super) fn update(world: &mut World, call: &Call) -> Reply {
    let mut policy = changeable(world, call)?;
    if let Some(name) = call.str("Name") {
        refuse_duplicate(world, &policy.kind, name, &policy.id)?;
        name.clone_into(&mut policy.name);
    }
    if let Some(description) = call.str("Description") {
        description.clone_into(&mut policy.description);
    }
    if let Some(text) = call.str("Content") {
        content::check(&policy.kind, text)?;
        text.clone_into(&mut policy.content);
        policy.updated = call.now;
    }
    let reply = full(world, &policy);
    world.organizations.policies.insert(policy.id.clone(), policy);
    Ok(reply)
}

pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    let policy = changeable(world, call)?;
    if world.organizations.attachments.values().any(|ids| ids.contains(&policy.id)) {
        return Err(Fault::new(
            "PolicyInUseException",
            "The policy is attached to one or more entities. You must detach it from all roots, OUs, and \
             accounts before performing this operation.",
        ));
    }
    world.organizations.policies.remove(&policy.id);
    world.organizations.tags.remove(&policy.id);
    Ok(json!({}))
}

/// The policy of the call, refused where AWS made it.
fn changeable(world: &World, call: &Call) -> Result<Policy, Fault> {
    let policy = find(world, call.required("PolicyId"))?;
    if policy.aws_managed {
        return Err(invalid_input(
            "IMMUTABLE_POLICY",
            "You specified a policy that is managed by AWS and can't be modified.",
        ));
    }
    Ok(policy)
}

pub(super) fn list(world: &mut World, call: &Call) -> Reply {
    let kind = call.required("Filter");
    let policies: Vec<Policy> = [FULL_ACCESS, RCP_FULL_ACCESS]
        .into_iter()
        .filter_map(managed)
        .filter(|p| p.id == FULL_ACCESS || world.organizations.policy_types.contains(&p.kind))
        .chain(world.organizations.policies.values().cloned())
        .filter(|p| p.kind == kind)
        .collect();
    page(world, call, "Policies", &policies, |policy| summary(world, policy))
}
