//! Member accounts. Accounts outside of the organization stay `Created`: invitations are not here.

use serde_json::{Value, json};

use super::super::organizations;
use super::{
    Member, Session, administrator as administrator_in, denied, edit, not_found, own, turn_on, validation,
};
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

/// Largest and default page (API model: 1..25).
const PAGE: usize = 25;

/// Whether a member belongs to its administrator now.
pub(super) fn is_associated(member: &Member) -> bool {
    matches!(member.status.as_str(), "Enabled" | "Paused")
}

fn require_administrator(world: &World, call: &Call) -> Result<(), Fault> {
    if administrator_in(world, &call.region) == Some(call.account.as_str()) {
        return Ok(());
    }
    Err(denied("The request failed because you must be the Macie administrator account of the organization."))
}

pub(super) fn describe_organization(world: &mut World, call: &Call) -> Reply {
    require_administrator(world, call)?;
    let session = own(world, call)?;
    Ok(json!({"autoEnable": session.auto_enable, "maxAccountLimitReached": false}))
}

/// New accounts only: those that are there must be added (API documentation).
pub(super) fn update_organization(world: &mut World, call: &Call) -> Reply {
    require_administrator(world, call)?;
    own(world, call)?;
    edit(world, call).auto_enable = call.bool("autoEnable").unwrap_or_default();
    Ok(json!({}))
}

/// Makes an account a member, with Macie on.
pub(super) fn enroll(world: &mut World, admin: &str, region: &str, account: &str, now: f64) {
    turn_on(world, account, region, now);
    if let Some(session) = world.macie2.get_mut(&cell(admin, region)) {
        session.members.insert(account.to_owned(), Member { status: "Enabled".into(), updated: now });
    }
}

fn arn(world: &World, call: &Call, account: &str) -> String {
    world.arn("macie2", &call.region, &call.account, &format!("member/{account}"))
}

/// Guess: a member that is there already is a conflict.
pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    let session = own(world, call)?;
    let account = call.input["account"]["accountId"].as_str().unwrap_or_default().to_owned();
    if account == call.account {
        return Err(validation("The request is rejected because the account is the administrator account."));
    }
    if session.members.get(&account).is_some_and(is_associated) {
        return Err(Fault::new("ConflictException", "The account is already a member.").status(409));
    }
    let is_ours = administrator_in(world, &call.region) == Some(call.account.as_str());
    if is_ours && world.organizations.accounts.contains_key(&account) {
        enroll(world, &call.account, &call.region, &account, call.now);
    } else {
        let member = Member { status: "Created".into(), updated: call.now };
        edit(world, call).members.insert(account.clone(), member);
    }
    Ok(json!({"arn": arn(world, call, &account)}))
}

fn shown(world: &World, call: &Call, account: &str, member: &Member) -> Value {
    let known = world.organizations.accounts.get(account);
    let active = known.is_none_or(|known| known.state == organizations::AccountState::Active);
    json!({
        "accountId": account,
        "administratorAccountId": call.account,
        "masterAccountId": call.account,
        "arn": arn(world, call, account),
        "relationshipStatus": if active { member.status.as_str() } else { "AccountSuspended" },
        "tags": {},
        "updatedAt": member.updated,
    })
}

/// Only associated members, unless the caller wants all.
pub(super) fn list(world: &mut World, call: &Call) -> Reply {
    let all = call.str("onlyAssociated").is_some_and(|only| only.eq_ignore_ascii_case("false"));
    let session: &Session = own(world, call)?;
    let chosen = session.members.iter().filter(|(_, member)| all || is_associated(member));
    let members: Vec<Value> = chosen.map(|(account, member)| shown(world, call, account, member)).collect();
    let bad = || validation("The token is not valid.");
    let (page, next) = world.page(&members, call.int("maxResults"), PAGE, call.str("nextToken"), &bad)?;
    let mut reply = json!({"members": page});
    if let Some(next) = next {
        reply["nextToken"] = json!(next);
    }
    Ok(reply)
}

fn named<'w>(world: &'w World, call: &Call) -> Result<&'w Member, Fault> {
    own(world, call)?
        .members
        .get(call.required("id"))
        .ok_or_else(|| not_found("The account is not a member."))
}

pub(super) fn get(world: &mut World, call: &Call) -> Reply {
    let member = named(world, call)?;
    Ok(shown(world, call, call.required("id"), member))
}

/// Guess: one that is still associated must be disassociated first.
pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    if is_associated(named(world, call)?) {
        return Err(Fault::new("ConflictException", "The account is still associated.").status(409));
    }
    edit(world, call).members.remove(call.required("id"));
    Ok(json!({}))
}

fn mark(world: &mut World, call: &Call, status: &str, on: Option<bool>) -> Reply {
    named(world, call)?;
    let id = call.required("id").to_owned();
    let member = Member { status: status.to_owned(), updated: call.now };
    edit(world, call).members.insert(id.clone(), member);
    if let (Some(on), Some(session)) = (on, world.macie2.get_mut(&cell(&id, &call.region))) {
        session.enabled = on;
    }
    Ok(json!({}))
}

pub(super) fn disassociate(world: &mut World, call: &Call) -> Reply {
    mark(world, call, "Removed", None)
}

pub(super) fn update_session(world: &mut World, call: &Call) -> Reply {
    if !is_associated(named(world, call)?) {
        return Err(not_found("The account is not a member."));
    }
    let on = call.required("status") == "ENABLED";
    mark(world, call, if on { "Enabled" } else { "Paused" }, Some(on))
}

pub(super) fn administrator(world: &mut World, call: &Call) -> Reply {
    own(world, call)?;
    let admin = administrator_in(world, &call.region);
    let session = admin.and_then(|admin| world.macie2.get(&cell(admin, &call.region)));
    let member = session.and_then(|session| session.members.get(&call.account)).filter(|m| is_associated(m));
    Ok(match (admin, member) {
        (Some(admin), Some(member)) => {
            json!({"administrator": {"accountId": admin, "relationshipStatus": member.status}})
        }
        _ => json!({}),
    })
}

/// User guide: a member of an organization cannot leave its administrator. Guess: the code.
pub(super) fn resign(world: &mut World, call: &Call) -> Reply {
    own(world, call)?;
    Err(denied("The request failed because the account is part of an organization."))
}
