//! Member accounts of the administrator.
//!
//! Under central configuration every account that a policy enables is a member. Else those that auto-enable took in when
//! they joined, and those that CreateMembers added.

use serde_json::{Value, json};

use crate::sandbox::services::organizations;
use crate::sandbox::world::{Call, Reply, World, cell};

use super::{Member, access, effective, hubs, standards};

/// Largest and default page (API model: 1..50).
const PAGE: usize = 50;

/// The member entry of an account in a region.
fn member(world: &World, account: &str, region: &str) -> Option<Member> {
    let administrator = access::administrator(world, region)?;
    if administrator == account {
        return None;
    }
    if let Some(policy) = effective::policy(world, account, region) {
        let status = if effective::enables(policy) { "Enabled" } else { "Removed" };
        return Some(Member { status: status.into(), updated: policy.updated });
    }
    let stored = world.securityhub.members.get(region).and_then(|members| members.get(account)).cloned();
    stored.or_else(|| {
        let updated = effective::auto_enabled_since(world, account, region)?;
        Some(Member { status: "Enabled".into(), updated })
    })
}

pub(super) fn is_member(world: &World, account: &str, region: &str) -> bool {
    member(world, account, region).is_some_and(|member| member.status == "Enabled")
}

fn show(world: &World, administrator: &str, account: &str, member: &Member) -> Value {
    let email = world.organizations.accounts.get(account).map(|account| account.email.clone());
    json!({
        "AccountId": account,
        "Email": email.unwrap_or_default(),
        "AdministratorId": administrator,
        "MasterId": administrator,
        "MemberStatus": member.status,
        "InvitedAt": member.updated,
        "UpdatedAt": member.updated,
    })
}

pub(super) fn list(world: &mut World, call: &Call) -> Reply {
    access::subscribed(world, call)?;
    // Whoever is no administrator has no members.
    let is_administrator = access::administrator(world, &call.region) == Some(call.account.as_str());
    let accounts = world.organizations.accounts.keys().filter(|_| is_administrator);
    let associated = call.bool("OnlyAssociated") != Some(false);
    let found = accounts.filter_map(|account| Some((account, member(world, account, &call.region)?)));
    let all: Vec<Value> = found
        .filter(|(_, member)| !associated || member.status == "Enabled")
        .map(|(account, member)| show(world, &call.account, account, &member))
        .collect();
    standards::page(world, call, "Members", &all, PAGE)
}

/// The account ids of a request.
fn asked(call: &Call) -> Vec<String> {
    let list = call.input.get("AccountIds").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn unprocessed(account: &str, why: &str) -> Value {
    json!({"AccountId": account, "ProcessingResult": why})
}

pub(super) fn get(world: &mut World, call: &Call) -> Reply {
    access::subscribed(world, call)?;
    let (mut members, mut failed) = (Vec::new(), Vec::new());
    for account in asked(call) {
        match member(world, &account, &call.region) {
            Some(member) => members.push(show(world, &call.account, &account, &member)),
            None => failed.push(unprocessed(&account, "The account is not a member account.")),
        }
    }
    Ok(json!({"Members": members, "UnprocessedAccounts": failed}))
}

/// CreateMembers: an account of the organization is a member at once, and gets Security Hub with the default standards unless
/// these are off; the management account only if it has it already (API reference). Guess: the reasons.
pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    access::administrator_only(world, call)?;
    let details = call.input.get("AccountDetails").and_then(Value::as_array).cloned().unwrap_or_default();
    let without = world.securityhub.local.get(&call.region).is_some_and(|local| local.without_standards);
    let mut failed = Vec::new();
    for detail in details {
        let account = detail.get("AccountId").and_then(Value::as_str).unwrap_or_default().to_owned();
        let hub = effective::hub(world, &account, &call.region);
        let is_management = organizations::management(world) == Some(account.as_str());
        let why = if !access::is_active(world, &account) {
            Some("The account is not an active account of your organization.")
        } else if account == call.account {
            Some("The account is the administrator.")
        } else if is_management && hub.is_none() {
            Some("Security Hub is not enabled in the organization management account.")
        } else if effective::policy(world, &account, &call.region).is_some() {
            Some("The account is centrally managed.")
        } else {
            None
        };
        if let Some(why) = why {
            failed.push(unprocessed(&account, why));
            continue;
        }
        if hub.is_none() {
            hubs::ensure(world, &account, &call.region, call.now);
            if let Some(hub) =
                world.securityhub.hubs.get_mut(&cell(&account, &call.region)).filter(|_| !without)
            {
                hub.standards = standards::default_ones(call.now);
            }
        }
        let member = Member { status: "Enabled".into(), updated: call.now };
        world.securityhub.members.entry(call.region.clone()).or_default().insert(account, member);
    }
    Ok(json!({"UnprocessedAccounts": failed}))
}

pub(super) fn disassociate(world: &mut World, call: &Call) -> Reply {
    access::administrator_only(world, call)?;
    for account in asked(call) {
        if effective::policy(world, &account, &call.region).is_some() {
            return Err(access::invalid("The account is centrally managed."));
        }
        if !is_member(world, &account, &call.region) {
            return Err(access::invalid("The account is not a member account."));
        }
        if let Some(hub) = effective::hub(world, &account, &call.region) {
            world.securityhub.hubs.insert(cell(&account, &call.region), hub);
        }
        let left = Member { status: "Removed".into(), updated: call.now };
        world.securityhub.members.entry(call.region.clone()).or_default().insert(account, left);
    }
    Ok(json!({}))
}

/// DeleteMembers: only accounts that were disassociated; their status stays, so that auto-enable leaves them alone.
pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    access::administrator_only(world, call)?;
    let still = asked(call).into_iter().filter(|account| is_member(world, account, &call.region));
    let failed: Vec<Value> =
        still.map(|account| unprocessed(&account, "The account is associated.")).collect();
    Ok(json!({"UnprocessedAccounts": failed}))
}

pub(super) fn administrator(world: &mut World, call: &Call) -> Reply {
    access::subscribed(world, call)?;
    let Some(member) = member(world, &call.account, &call.region).filter(|m| m.status == "Enabled") else {
        return Ok(json!({}));
    };
    let administrator = access::administrator(world, &call.region).unwrap_or_default();
    Ok(json!({"Administrator": {
        "AccountId": administrator, "InvitedAt": member.updated, "MemberStatus": member.status,
    }}))
}
