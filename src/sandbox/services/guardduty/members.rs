//! Member accounts of an administrator. Accounts outside of the organization stay `Created`: invitations are not here.

use serde_json::{Value, json};

use super::super::organizations;
use super::organization;
use super::{Detector, Member, administrator_of, bad_request, edit, features, own, page, strings, text};
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

/// Guess: the wording of results, but for the first, which public reports show.
const NOT_MEMBER: &str = "The request is rejected because the given account ID is not an associated member of account the \
                          current account.";
const OWN_ACCOUNT: &str =
    "The request is rejected because the given account ID is that of the current account.";
const MANAGEMENT: &str = "The request is rejected because the management account has not enabled GuardDuty.";
const ASSOCIATED: &str = "The request is rejected because the member account is still associated.";

/// Whether a member belongs to its administrator now.
pub(super) fn is_associated(member: &Member) -> bool {
    matches!(member.status.as_str(), "Enabled" | "Disabled")
}

/// Ids of the accounts that belong to an administrator.
pub(super) fn associated(world: &World, admin: &str, region: &str) -> Vec<String> {
    let members =
        world.guardduty.get(&cell(admin, region)).into_iter().flat_map(|detector| &detector.members);
    members.filter(|(_, member)| is_associated(member)).map(|(id, _)| id.clone()).collect()
}

fn unprocessed(failed: Vec<(String, &str)>) -> Value {
    failed.into_iter().map(|(id, why)| json!({"AccountId": id, "Result": why})).collect()
}

/// Does something to each account of the call, and lists those where it was refused.
fn each(
    world: &mut World,
    call: &Call,
    mut run: impl FnMut(&mut World, &str) -> Result<(), &'static str>,
) -> Value {
    let mut failed = Vec::new();
    for id in strings(call, "AccountIds") {
        if let Err(why) = run(world, &id) {
            failed.push((id, why));
        }
    }
    unprocessed(failed)
}

/// With auto-enable `ALL` nobody can be taken out (API documentation). Guess: the message.
fn refuse_under_all(world: &World, call: &Call) -> Result<(), Fault> {
    let detector = own(world, call)?;
    if is_administrator(world, call) && organization::auto_enable(&detector.organization) == "ALL" {
        return Err(bad_request(
            "The request is rejected because autoEnableOrganizationMembers is set to ALL for the organization.",
        ));
    }
    Ok(())
}

fn is_administrator(world: &World, call: &Call) -> bool {
    super::administrator(world, &call.region) == Some(call.account.as_str())
}

/// The organization's auto-enabled features are applied "irrespective of the accounts being new or existing members" (API
/// documentation). Guess: an account that is a member already is no error.
pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    own(world, call)?;
    let details = call.input.get("AccountDetails").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut failed = Vec::new();
    for detail in details {
        let text = |member: &str| detail.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (id, email) = (text("AccountId"), text("Email"));
        if let Err(why) = add(world, call, &id, email) {
            failed.push((id, why));
        }
    }
    Ok(json!({"UnprocessedAccounts": unprocessed(failed)}))
}

fn add(world: &mut World, call: &Call, id: &str, email: String) -> Result<(), &'static str> {
    if id == call.account {
        return Err(OWN_ACCOUNT);
    }
    if !is_administrator(world, call) || !world.organizations.accounts.contains_key(id) {
        let member = Member { status: "Created".into(), email, updated: call.now };
        edit(world, call).members.entry(id.to_owned()).or_insert(member);
        return Ok(());
    }
    if !organization::can_be_member(world, id, &call.region, call.now) {
        return Err(MANAGEMENT);
    }
    organization::enroll(world, &call.account, &call.region, id, &["ALL", "NEW"], call.now);
    Ok(())
}

/// A member as lists show it. An account that is not ACTIVE is `AccountSuspended` (user guide, "Suspended accounts").
fn shown(world: &World, call: &Call, id: &str, member: &Member) -> Value {
    let account = world.organizations.accounts.get(id);
    let active = account.is_none_or(|account| account.state == organizations::AccountState::Active);
    let mut value = json!({
        "AccountId": id,
        "MasterId": call.account,
        "AdministratorId": call.account,
        "Email": member.email,
        "RelationshipStatus": if active { member.status.as_str() } else { "AccountSuspended" },
        "UpdatedAt": text(member.updated),
    });
    if let Some(detector) = world.guardduty.get(&cell(id, &call.region)).filter(|_| is_associated(member)) {
        value["DetectorId"] = json!(detector.id);
    }
    value
}

/// Only associated members, unless the caller wants all (API documentation of `onlyAssociated`).
pub(super) fn list(world: &mut World, call: &Call) -> Reply {
    let all = call.str("OnlyAssociated").is_some_and(|only| only.eq_ignore_ascii_case("false"));
    let members = &own(world, call)?.members;
    let ids: Vec<(String, Member)> = members
        .iter()
        .filter(|(_, member)| all || is_associated(member))
        .map(|(id, member)| (id.clone(), member.clone()))
        .collect();
    let (members, next) = page(world, call, &ids)?;
    let shown: Vec<Value> = members.iter().map(|(id, member)| shown(world, call, id, member)).collect();
    let mut reply = json!({"Members": shown});
    if let Some(next) = next {
        reply["NextToken"] = json!(next);
    }
    Ok(reply)
}

pub(super) fn get(world: &mut World, call: &Call) -> Reply {
    let members = &own(world, call)?.members;
    let (mut found, mut failed) = (Vec::new(), Vec::new());
    for id in strings(call, "AccountIds") {
        match members.get(&id) {
            Some(member) => found.push(shown(world, call, &id, member)),
            None => failed.push((id, NOT_MEMBER)),
        }
    }
    Ok(json!({"Members": found, "UnprocessedAccounts": unprocessed(failed)}))
}

/// Guess: one that is still associated must be disassociated first.
pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    refuse_under_all(world, call)?;
    let failed = each(world, call, |world, id| {
        let members = &mut edit(world, call).members;
        match members.get(id) {
            None => Err(NOT_MEMBER),
            Some(member) if is_associated(member) => Err(ASSOCIATED),
            Some(_) => {
                members.remove(id);
                Ok(())
            }
        }
    });
    Ok(json!({"UnprocessedAccounts": failed}))
}

/// Gives an associated member another status; `on`: whether its detector is on from now, where that changes.
fn mark(
    world: &mut World,
    call: &Call,
    id: &str,
    status: &str,
    on: Option<bool>,
) -> Result<(), &'static str> {
    let now = call.now;
    let members = &mut edit(world, call).members;
    let member = members.get_mut(id).filter(|member| is_associated(member)).ok_or(NOT_MEMBER)?;
    status.clone_into(&mut member.status);
    member.updated = now;
    if let (Some(on), Some(detector)) = (on, world.guardduty.get_mut(&cell(id, &call.region))) {
        detector.enabled = on;
    }
    Ok(())
}

pub(super) fn disassociate(world: &mut World, call: &Call) -> Reply {
    refuse_under_all(world, call)?;
    let failed = each(world, call, |world, id| mark(world, call, id, "Removed", None));
    Ok(json!({"UnprocessedAccounts": failed}))
}

pub(super) fn stop(world: &mut World, call: &Call) -> Reply {
    refuse_under_all(world, call)?;
    let failed = each(world, call, |world, id| mark(world, call, id, "Disabled", Some(false)));
    Ok(json!({"UnprocessedAccounts": failed}))
}

pub(super) fn start(world: &mut World, call: &Call) -> Reply {
    own(world, call)?;
    let failed = each(world, call, |world, id| mark(world, call, id, "Enabled", Some(true)));
    Ok(json!({"UnprocessedAccounts": failed}))
}

/// The caller's detector and those of its associated members among the accounts that the call names.
pub(super) fn get_detectors(world: &mut World, call: &Call) -> Reply {
    own(world, call)?;
    let associated = associated(world, &call.account, &call.region);
    let (mut found, mut failed) = (Vec::new(), Vec::new());
    for id in strings(call, "AccountIds") {
        let detector: Option<&Detector> = world.guardduty.get(&cell(&id, &call.region));
        match detector.filter(|_| associated.contains(&id)) {
            Some(detector) => found.push(json!({
                "AccountId": id,
                "DataSources": features::data_sources_of(detector),
                "Features": features::shown(detector, false),
            })),
            None => failed.push((id, NOT_MEMBER)),
        }
    }
    Ok(json!({"MemberDataSourceConfigurations": found, "UnprocessedAccounts": unprocessed(failed)}))
}

pub(super) fn update_detectors(world: &mut World, call: &Call) -> Reply {
    own(world, call)?;
    let asked = features::asked(&call.input, "Status")?;
    let associated = associated(world, &call.account, &call.region);
    let failed = each(world, call, |world, id| {
        let known = associated.iter().any(|known| known == id);
        let detector =
            world.guardduty.get_mut(&cell(id, &call.region)).filter(|_| known).ok_or(NOT_MEMBER)?;
        features::set(&mut detector.features, &asked, call.now);
        detector.updated = call.now;
        Ok(())
    });
    Ok(json!({"UnprocessedAccounts": failed}))
}

/// No content for an account without administrator (API documentation).
pub(super) fn administrator(world: &mut World, call: &Call) -> Reply {
    own(world, call)?;
    let Some(admin) = administrator_of(world, &call.account, &call.region) else { return Ok(json!({})) };
    let members = world.guardduty.get(&cell(admin, &call.region)).map(|detector| &detector.members);
    let status = members.and_then(|members| members.get(&call.account)).map_or("", |member| &member.status);
    Ok(json!({"Administrator": {"AccountId": admin, "RelationshipStatus": status}}))
}

pub(super) fn resign(world: &mut World, call: &Call) -> Reply {
    own(world, call)?;
    let Some(admin) = administrator_of(world, &call.account, &call.region).map(str::to_owned) else {
        // Guess: the message.
        return Err(bad_request(
            "The request is rejected because the current account is not associated with an administrator account.",
        ));
    };
    let seat = Call { account: admin, ..call.clone() };
    let Some(detector) = world.guardduty.get_mut(&cell(&seat.account, &seat.region)) else {
        return Ok(json!({}));
    };
    if organization::auto_enable(&detector.organization) == "ALL" {
        return Err(bad_request(
            "The request is rejected because autoEnableOrganizationMembers is set to ALL for the organization.",
        ));
    }
    if let Some(member) = detector.members.get_mut(&call.account) {
        member.status = "Resigned".into();
        member.updated = call.now;
    }
    Ok(json!({}))
}
