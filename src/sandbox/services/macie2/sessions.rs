//! The session of an account, automated discovery, and what goes to Security Hub.

use serde_json::{Value, json};

use super::super::iam;
use super::{PRINCIPAL, Session, administrator, denied, edit, own};
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

/// The model has a conflict for an account that has Macie already.
pub(super) fn enable(world: &mut World, call: &Call) -> Reply {
    let place = cell(&call.account, &call.region);
    if world.macie2.contains_key(&place) {
        return Err(Fault::new("ConflictException", "Macie has already been enabled").status(409));
    }
    iam::ensure_service_linked_role(world, &call.account, PRINCIPAL, call.now);
    let session = Session {
        created: call.now,
        updated: call.now,
        enabled: call.str("status").unwrap_or("ENABLED") == "ENABLED",
        // User guide, "Configuring publication settings": 15 minutes by default.
        frequency: call.str("findingPublishingFrequency").unwrap_or("FIFTEEN_MINUTES").to_owned(),
        ..Session::default()
    };
    world.macie2.insert(place, session);
    Ok(json!({}))
}

pub(super) fn get(world: &mut World, call: &Call) -> Reply {
    let session = own(world, call)?;
    let role = format!("role/aws-service-role/{PRINCIPAL}/AWSServiceRoleForAmazonMacie");
    Ok(json!({
        "createdAt": session.created,
        "updatedAt": session.updated,
        "findingPublishingFrequency": session.frequency,
        "serviceRole": world.arn("iam", "", &call.account, &role),
        "status": if session.enabled { "ENABLED" } else { "PAUSED" },
    }))
}

pub(super) fn update(world: &mut World, call: &Call) -> Reply {
    own(world, call)?;
    let session = edit(world, call);
    if let Some(status) = call.str("status") {
        session.enabled = status == "ENABLED";
    }
    if let Some(frequency) = call.str("findingPublishingFrequency") {
        frequency.clone_into(&mut session.frequency);
    }
    Ok(json!({}))
}

/// An administrator with members must let them go first (user guide, "Disabling Macie").
pub(super) fn disable(world: &mut World, call: &Call) -> Reply {
    if own(world, call)?.members.values().any(super::members::is_associated) {
        return Err(
            Fault::new("ConflictException", "The account has associated member accounts.").status(409)
        );
    }
    world.macie2.remove(&cell(&call.account, &call.region));
    Ok(json!({}))
}

pub(super) fn get_discovery(world: &mut World, call: &Call) -> Reply {
    let session = own(world, call)?;
    let members = if session.discovery_members.is_empty() { "NONE" } else { &session.discovery_members };
    Ok(json!({
        "status": if session.discovery { "ENABLED" } else { "DISABLED" },
        "autoEnableOrganizationMembers": members,
        "lastUpdatedAt": session.updated,
    }))
}

/// `ALL` where the caller names none (API documentation). Members have it from their administrator.
pub(super) fn update_discovery(world: &mut World, call: &Call) -> Reply {
    own(world, call)?;
    let admin = administrator(world, &call.region);
    let is_member = admin.is_some_and(|admin| {
        let session = world.macie2.get(&cell(admin, &call.region));
        session.and_then(|s| s.members.get(&call.account)).is_some_and(super::members::is_associated)
    });
    if is_member {
        return Err(denied("The request is not allowed for a member account."));
    }
    let session = edit(world, call);
    session.discovery = call.required("status") == "ENABLED";
    if session.discovery || call.str("autoEnableOrganizationMembers").is_some() {
        call.str("autoEnableOrganizationMembers").unwrap_or("ALL").clone_into(&mut session.discovery_members);
    }
    Ok(json!({}))
}

pub(super) fn get_publication(world: &mut World, call: &Call) -> Reply {
    let session = own(world, call)?;
    Ok(json!({"securityHubConfiguration": {
        "publishPolicyFindings": !session.without_policy_findings,
        "publishClassificationFindings": session.classification_findings,
    }}))
}

pub(super) fn put_publication(world: &mut World, call: &Call) -> Reply {
    own(world, call)?;
    let flag = |name: &str| {
        let found = call.input.get("securityHubConfiguration").and_then(|all| all.get(name));
        found.and_then(Value::as_bool).unwrap_or_default()
    };
    let (policy, classification) = (flag("publishPolicyFindings"), flag("publishClassificationFindings"));
    let session = edit(world, call);
    session.without_policy_findings = !policy;
    session.classification_findings = classification;
    Ok(json!({}))
}
