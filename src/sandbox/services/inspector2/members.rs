//! Member accounts of the administrator, region by region.

use serde_json::{Value, json};

use crate::sandbox::world::{Call, Fault, Reply, World, cell};

use super::{Member, administrator, administrator_only, denied, is_active, not_found, scans, validation};

/// Largest and default page (API model: 1..50).
const PAGE: usize = 50;

/// The member entry of an account. An account that joined while something is enabled automatically is a member.
fn member(world: &World, account: &str, region: &str) -> Option<Member> {
    let stored = world.inspector2.members.get(region).and_then(|members| members.get(account));
    if let Some(stored) = stored {
        return Some(stored.clone());
    }
    if administrator(world, region)? == account {
        return None;
    }
    let first = world.inspector2.auto_enable.get(region)?.values().copied().fold(f64::INFINITY, f64::min);
    let joined = world.organizations.accounts.get(account)?.joined;
    (joined > first).then_some(Member { associated: true, since: joined })
}

pub(super) fn is_member(world: &World, account: &str, region: &str) -> bool {
    member(world, account, region).is_some_and(|member| member.associated)
}

/// Whether the administrator has members.
pub(super) fn any(world: &World, region: &str) -> bool {
    world.organizations.accounts.keys().any(|account| is_member(world, account, region))
}

fn show(world: &World, call: &Call, account: &str, member: &Member) -> Value {
    let status = if !is_active(world, account) {
        "ACCOUNT_SUSPENDED"
    } else if member.associated {
        "ENABLED"
    } else {
        "REMOVED"
    };
    json!({
        "accountId": account,
        "relationshipStatus": status,
        "delegatedAdminAccountId": call.account,
        "updatedAt": member.since,
    })
}

/// AssociateMember. Guess: an account outside the organization is refused as invalid.
pub(super) fn associate(world: &mut World, call: &Call) -> Reply {
    administrator_only(world, call)?;
    let account = call.required("accountId").to_owned();
    if !is_active(world, &account) || account == call.account {
        return Err(validation("The account is not an active member of the organization"));
    }
    if scans::of(world, &call.account, &call.region).is_empty() {
        return Err(denied("Invoking account is not enabled."));
    }
    if !is_member(world, &account, &call.region) {
        let member = Member { associated: true, since: call.now };
        world.inspector2.members.entry(call.region.clone()).or_default().insert(account.clone(), member);
    }
    Ok(json!({"accountId": account}))
}

/// DisassociateMember. The account keeps its scan types.
pub(super) fn disassociate(world: &mut World, call: &Call) -> Reply {
    administrator_only(world, call)?;
    let account = call.required("accountId").to_owned();
    if !is_member(world, &account, &call.region) {
        return Err(validation("The account is not a member"));
    }
    let on = scans::of(world, &account, &call.region);
    world.inspector2.scans.insert(cell(&account, &call.region), on);
    let member = Member { associated: false, since: call.now };
    world.inspector2.members.entry(call.region.clone()).or_default().insert(account.clone(), member);
    Ok(json!({"accountId": account}))
}

pub(super) fn list(world: &mut World, call: &Call) -> Reply {
    administrator_only(world, call)?;
    let associated = call.bool("onlyAssociated") != Some(false);
    let accounts = world.organizations.accounts.keys();
    let found = accounts.filter_map(|account| Some((account, member(world, account, &call.region)?)));
    let all: Vec<Value> = found
        .filter(|(_, member)| !associated || member.associated)
        .map(|(account, member)| show(world, call, account, &member))
        .collect();
    let bad = || validation("The token is not valid.");
    let (page, next) = world.page(&all, call.int("maxResults"), PAGE, call.str("nextToken"), &bad)?;
    let mut reply = json!({"members": page});
    if let Some(token) = next {
        reply["nextToken"] = json!(token);
    }
    Ok(reply)
}

pub(super) fn get(world: &mut World, call: &Call) -> Reply {
    administrator_only(world, call)?;
    let account = call.required("accountId");
    let missing = || -> Fault { not_found("The account is not a member.") };
    let found = member(world, account, &call.region).ok_or_else(missing)?;
    Ok(json!({"member": show(world, call, account, &found)}))
}
