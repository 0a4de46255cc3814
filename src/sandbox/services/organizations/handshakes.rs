//! Handshakes: invitations, and the change to all features.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::policy::is_account_id;
use crate::sandbox::world::{Call, Fault, Reply, World};

use super::state::{Account, AccountState, Handshake};
use super::{accounts, arn, invalid_input, list as page, organization, tags};

const DAY: f64 = 86_400.0;
/// Invitations expire after 15 days, requests for all features after 90 (user guide).
const INVITE_DAYS: f64 = 15.0;
const FEATURES_DAYS: f64 = 90.0;
/// Accounts by default (`aws-limits.md` 1.2).
const ACCOUNT_LIMIT: usize = 10;

fn violation(reason: &str, message: &str) -> Fault {
    Fault::new("HandshakeConstraintViolationException", message).with("Reason", reason)
}

fn show(world: &World, handshake: &Handshake) -> Value {
    let state = &world.organizations;
    let Some(organization) = &state.organization else { return Value::Null };
    let master = state.accounts.get(&organization.management);
    let mut resources = vec![json!({"Type": "ORGANIZATION", "Value": organization.id, "Resources": [
        {"Type": "MASTER_EMAIL", "Value": master.map(|m| m.email.as_str()).unwrap_or_default()},
        {"Type": "MASTER_NAME", "Value": master.map(|m| m.name.as_str()).unwrap_or_default()},
        {"Type": "ORGANIZATION_FEATURE_SET",
         "Value": if organization.all_features { "ALL" } else { "CONSOLIDATED_BILLING" }},
    ]})];
    // AWS shows the organization's id without its prefix among the parties.
    let mut parties = vec![json!({"Type": "ORGANIZATION", "Id": organization.id.trim_start_matches("o-")})];
    if !handshake.party.is_empty() {
        parties.push(json!({"Type": handshake.party_type, "Id": handshake.party}));
        resources.push(json!({"Type": handshake.party_type, "Value": handshake.party}));
    }
    if let Some(notes) = &handshake.notes {
        resources.push(json!({"Type": "NOTES", "Value": notes}));
    }
    if let Some(parent) = &handshake.parent {
        resources.push(json!({"Type": "PARENT_HANDSHAKE", "Value": parent}));
    }
    let kind = handshake.action.to_ascii_lowercase();
    json!({
        "Id": handshake.id,
        "Arn": arn(world, &format!("handshake/{}/{kind}/{}", organization.id, handshake.id)),
        "Parties": parties,
        "State": handshake.state,
        "RequestedTimestamp": handshake.requested,
        "ExpirationTimestamp": handshake.expires,
        "Action": handshake.action,
        "Resources": resources,
    })
}

/// The state at `now`: what is still open expires with time.
fn at(handshake: &Handshake, now: f64) -> Handshake {
    let mut handshake = handshake.clone();
    if now > handshake.expires && matches!(handshake.state.as_str(), "OPEN" | "REQUESTED") {
        handshake.state = "EXPIRED".into();
    }
    handshake
}

pub(super) fn invite(world: &mut World, call: &Call) -> Reply {
    organization(world)?;
    let target = |member: &str| call.input["Target"][member].as_str().unwrap_or_default().to_owned();
    let (id, kind) = (target("Id"), target("Type"));
    check_target(world, &id, &kind)?;
    let tags = tags::parse(call, &BTreeMap::new())?;
    let state = &world.organizations;
    let open = |h: &Handshake| at(h, call.now).state == "OPEN" && h.action == "INVITE";
    if state.handshakes.values().any(|h| open(h) && h.party == id) {
        return Err(Fault::new(
            "DuplicateHandshakeException",
            "A handshake with the same action and target already exists.",
        ));
    }
    let pending = state.handshakes.values().filter(|h| open(h)).count();
    if state.accounts.len() + pending >= state.account_limit.unwrap_or(ACCOUNT_LIMIT) {
        return Err(violation(
            "ACCOUNT_NUMBER_LIMIT_EXCEEDED",
            "You have exceeded the allowed number of AWS accounts.",
        ));
    }
    let handshake = Handshake {
        party_type: kind,
        party: id,
        notes: call.str("Notes").map(str::to_owned),
        tags,
        ..fresh(world, "INVITE", "OPEN", call.now, INVITE_DAYS)
    };
    let reply = json!({"Handshake": show(world, &handshake)});
    world.organizations.handshakes.insert(handshake.id.clone(), handshake);
    Ok(reply)
}

fn check_target(world: &World, id: &str, kind: &str) -> Result<(), Fault> {
    match kind {
        "ACCOUNT" if !is_account_id(id) => {
            return Err(invalid_input("INVALID_PATTERN_TARGET_ID", "You specified an invalid account ID."));
        }
        "EMAIL" if !id.contains('@') => {
            return Err(invalid_input(
                "INVALID_EMAIL_ADDRESS_TARGET",
                "You specified an invalid email address.",
            ));
        }
        "ACCOUNT" | "EMAIL" => {}
        _ => {
            return Err(invalid_input(
                "INVALID_PARTY_TYPE_TARGET",
                "You specified the wrong type of entity.",
            ));
        }
    }
    let member =
        world.organizations.accounts.values().any(|a| a.id == id || a.email.eq_ignore_ascii_case(id));
    if member {
        return Err(violation(
            "ALREADY_IN_AN_ORGANIZATION",
            "The handshake request is invalid because the account is already a member of an organization.",
        ));
    }
    Ok(())
}

fn fresh(world: &mut World, action: &str, state: &str, now: f64, days: f64) -> Handshake {
    Handshake {
        id: format!("h-{}", world.hex(32)),
        action: action.into(),
        state: state.into(),
        requested: now,
        expires: now + days * DAY,
        party_type: String::new(),
        party: String::new(),
        notes: None,
        tags: BTreeMap::new(),
        parent: None,
    }
}

/// The handshake of the call, where the caller may see it.
fn find(world: &World, call: &Call) -> Result<Handshake, Fault> {
    let handshake = world.organizations.handshakes.get(call.required("HandshakeId")).ok_or_else(|| {
        Fault::new("HandshakeNotFoundException", "You specified a handshake that doesn't exist.")
    })?;
    let is_management = super::management(world) == Some(call.account.as_str());
    if !is_management && !is_party(world, handshake, &call.account) {
        return Err(Fault::new(
            "AccessDeniedException",
            "You don't have permissions to access this resource.",
        ));
    }
    Ok(at(handshake, call.now))
}

fn is_party(world: &World, handshake: &Handshake, account: &str) -> bool {
    let state = &world.organizations;
    let email = state.standalone.get(account).or_else(|| state.accounts.get(account)).map(|a| &a.email);
    handshake.party == account || email.is_some_and(|e| e.eq_ignore_ascii_case(&handshake.party))
}

pub(super) fn describe(world: &mut World, call: &Call) -> Reply {
    let handshake = find(world, call)?;
    Ok(json!({"Handshake": show(world, &handshake)}))
}

pub(super) fn accept(world: &mut World, call: &Call) -> Reply {
    let mut handshake = find(world, call)?;
    match handshake.state.as_str() {
        "OPEN" => {}
        "ACCEPTED" => {
            return Err(Fault::new(
                "HandshakeAlreadyInStateException",
                "The specified handshake is already in the requested state.",
            ));
        }
        _ => {
            return Err(Fault::new(
                "InvalidHandshakeTransitionException",
                "You can't perform the operation on the handshake in its current state.",
            ));
        }
    }
    match handshake.action.as_str() {
        "INVITE" => join_invited(world, &handshake, call)?,
        "APPROVE_ALL_FEATURES" => approve(world, &handshake),
        _ => {
            if let Some(organization) = &mut world.organizations.organization {
                organization.all_features = true;
            }
        }
    }
    handshake.state = "ACCEPTED".into();
    let reply = json!({"Handshake": show(world, &handshake)});
    world.organizations.handshakes.insert(handshake.id.clone(), handshake);
    Ok(reply)
}

fn join_invited(world: &mut World, handshake: &Handshake, call: &Call) -> Result<(), Fault> {
    if !is_party(world, handshake, &call.account) {
        return Err(Fault::new(
            "AccessDeniedException",
            "You don't have permissions to access this resource.",
        ));
    }
    let root = organization(world)?.root.clone();
    let known = world.organizations.standalone.get(&call.account).cloned();
    let mut account = known.unwrap_or_else(|| Account {
        id: call.account.clone(),
        name: format!("Account {}", call.account),
        email: format!("aws+{}@example.com", call.account),
        parent: String::new(),
        created: false,
        joined: call.now,
        state: AccountState::Active,
        closing_at: None,
    });
    account.parent = root;
    account.joined = call.now;
    account.created = false;
    if !handshake.tags.is_empty() {
        world.organizations.tags.insert(account.id.clone(), handshake.tags.clone());
    }
    accounts::join(world, account);
    Ok(())
}

/// The change to all features opens for the management account when every invited account approved it.
fn approve(world: &mut World, handshake: &Handshake) {
    let handshakes = &mut world.organizations.handshakes;
    let waiting = handshakes
        .values()
        .any(|h| h.id != handshake.id && h.parent == handshake.parent && h.state != "ACCEPTED");
    let parent = handshake.parent.as_ref().and_then(|id| handshakes.get_mut(id));
    if let (false, Some(parent)) = (waiting, parent) {
        parent.state = "OPEN".into();
    }
}

/// The inviting side takes its handshake back.
pub(super) fn cancel(world: &mut World, call: &Call) -> Reply {
    end(world, call, "CANCELED")
}

/// The invited side says no.
pub(super) fn decline(world: &mut World, call: &Call) -> Reply {
    let handshake = find(world, call)?;
    if !is_party(world, &handshake, &call.account) {
        return Err(Fault::new(
            "AccessDeniedException",
            "You don't have permissions to access this resource.",
        ));
    }
    end(world, call, "DECLINED")
}

fn end(world: &mut World, call: &Call, state: &str) -> Reply {
    let mut handshake = find(world, call)?;
    if handshake.state == state {
        return Err(Fault::new(
            "HandshakeAlreadyInStateException",
            "The specified handshake is already in the requested state.",
        ));
    }
    if !matches!(handshake.state.as_str(), "OPEN" | "REQUESTED") {
        return Err(Fault::new(
            "InvalidHandshakeTransitionException",
            "You can't perform the operation on the handshake in its current state.",
        ));
    }
    state.clone_into(&mut handshake.state);
    let reply = json!({"Handshake": show(world, &handshake)});
    world.organizations.handshakes.insert(handshake.id.clone(), handshake);
    Ok(reply)
}

/// What an account was invited to.
pub(super) fn list_for_account(world: &mut World, call: &Call) -> Reply {
    listed(world, call, |world, handshake| is_party(world, handshake, &call.account))
}

pub(super) fn list(world: &mut World, call: &Call) -> Reply {
    listed(world, call, |_, _| true)
}

fn listed(world: &mut World, call: &Call, shown: impl Fn(&World, &Handshake) -> bool) -> Reply {
    let filter = |member: &str| call.input["Filter"][member].as_str();
    let (action, parent) = (filter("ActionType"), filter("ParentHandshakeId"));
    let handshakes: Vec<Handshake> = world
        .organizations
        .handshakes
        .values()
        .filter(|h| {
            shown(world, h)
                && action.is_none_or(|a| h.action == a)
                && parent.is_none_or(|p| h.parent.as_deref() == Some(p))
        })
        .map(|h| at(h, call.now))
        .collect();
    page(world, call, "Handshakes", &handshakes, |h| show(world, h))
}

pub(super) fn enable_all_features(world: &mut World, call: &Call) -> Reply {
    if organization(world)?.all_features {
        return Err(violation(
            "ORGANIZATION_ALREADY_HAS_ALL_FEATURES",
            "The handshake request is invalid because the organization has already enabled all features.",
        ));
    }
    let pending = |h: &Handshake| matches!(at(h, call.now).state.as_str(), "OPEN" | "REQUESTED");
    if world.organizations.handshakes.values().any(|h| h.action == "ENABLE_ALL_FEATURES" && pending(h)) {
        return Err(violation(
            "ORGANIZATION_IS_ALREADY_PENDING_ALL_FEATURES_MIGRATION",
            "The organization is already in the process of enabling all features.",
        ));
    }
    let management = super::management(world).unwrap_or_default().to_owned();
    let invited: Vec<String> = world
        .organizations
        .accounts
        .values()
        .filter(|a| !a.created && a.id != management)
        .map(|a| a.id.clone())
        .collect();
    // Created accounts need not approve (user guide "Enabling all features").
    let state = if invited.is_empty() { "OPEN" } else { "REQUESTED" };
    let parent = fresh(world, "ENABLE_ALL_FEATURES", state, call.now, FEATURES_DAYS);
    for account in invited {
        let child = Handshake {
            party_type: "ACCOUNT".into(),
            party: account,
            parent: Some(parent.id.clone()),
            ..fresh(world, "APPROVE_ALL_FEATURES", "OPEN", call.now, FEATURES_DAYS)
        };
        world.organizations.handshakes.insert(child.id.clone(), child);
    }
    let reply = json!({"Handshake": show(world, &parent)});
    world.organizations.handshakes.insert(parent.id.clone(), parent);
    Ok(reply)
}
