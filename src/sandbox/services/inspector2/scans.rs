//! Which scan types are on in an account and region.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::sandbox::services::iam;
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

use super::{PRINCIPAL, TYPES, administrator, is_administrator, members, organization, validation};

/// The scan types of an account in a region.
pub(super) fn of(world: &World, account: &str, region: &str) -> BTreeSet<String> {
    let stored = world.inspector2.scans.get(&cell(account, region));
    stored.cloned().unwrap_or_else(|| organization::given(world, account, region))
}

/// The accounts of a request: the caller, where it names none.
fn accounts(call: &Call) -> Vec<String> {
    let list = call.input.get("accountIds").and_then(Value::as_array).filter(|list| !list.is_empty());
    let named = list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    if list.is_some() { named.collect() } else { vec![call.account.clone()] }
}

fn types(call: &Call) -> BTreeSet<String> {
    let list = call.input.get("resourceTypes").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Why the caller may not touch an account; the text is AWS's own (terraform-provider-aws#27646).
///
/// Guess: a member cannot change itself once it has an administrator.
fn refusal(world: &World, call: &Call, account: &str) -> Option<(&'static str, &'static str)> {
    let denied = ("ACCESS_DENIED", "Invoking account does not have access to this account");
    let own = account == call.account;
    let member = members::is_member(world, account, &call.region);
    let allowed = if is_administrator(world, call) { own || member } else { own && !member };
    (!allowed).then_some(denied)
}

fn failed(account: &str, (code, message): (&str, &str)) -> Value {
    json!({"accountId": account, "errorCode": code, "errorMessage": message})
}

/// Each scan type with what it shows.
fn per_type(on: &BTreeSet<String>, show: impl Fn(bool) -> Value) -> Value {
    let entry = |(name, member): &(&str, &str)| ((*member).to_owned(), show(on.contains(*name)));
    Value::Object(TYPES.iter().map(entry).collect::<Map<String, Value>>())
}

pub(super) fn enable(world: &mut World, call: &Call) -> Reply {
    let types = types(call);
    let (mut done, mut refused) = (Vec::new(), Vec::new());
    for account in accounts(call) {
        if let Some(why) = refusal(world, call, &account) {
            refused.push(failed(&account, why));
            continue;
        }
        let mut on = of(world, &account, &call.region);
        let before = on.clone();
        on.extend(types.iter().cloned());
        check_lambda(&on)?;
        if on == before {
            refused
                .push(failed(&account, ("ALREADY_ENABLED", "Inspector is already enabled for this account")));
            continue;
        }
        iam::ensure_service_linked_role(world, &account, PRINCIPAL, call.now);
        if types.contains("EC2") {
            iam::ensure_service_linked_role(world, &account, "agentless.inspector2.amazonaws.com", call.now);
        }
        let shown = |is_on: bool| json!(if is_on { "ENABLED" } else { "DISABLED" });
        done.push(json!({
            "accountId": account, "status": "ENABLING", "resourceStatus": per_type(&on, shown),
        }));
        world.inspector2.scans.insert(cell(&account, &call.region), on);
    }
    Ok(json!({"accounts": done, "failedAccounts": refused}))
}

/// Code scanning is an addition to the scanning of functions (user guide, "Scanning Lambda functions"). Guess: the refusal.
fn check_lambda(on: &BTreeSet<String>) -> Result<(), Fault> {
    if on.contains("LAMBDA_CODE") && !on.contains("LAMBDA") {
        return Err(validation("Lambda code scanning needs Lambda standard scanning"));
    }
    Ok(())
}

/// Disable. Without types: all of them. The administrator itself only after its members (user guide, "Deactivating").
pub(super) fn disable(world: &mut World, call: &Call) -> Reply {
    let mut types = types(call);
    if types.is_empty() {
        types = TYPES.iter().map(|(name, _)| (*name).to_owned()).collect();
    }
    let (mut done, mut refused) = (Vec::new(), Vec::new());
    for account in accounts(call) {
        if let Some(why) = refusal(world, call, &account) {
            refused.push(failed(&account, why));
            continue;
        }
        let mut on = of(world, &account, &call.region);
        on.retain(|name| !types.contains(name));
        let is_admin = administrator(world, &call.region) == Some(account.as_str());
        if on.is_empty() && is_admin && members::any(world, &call.region) {
            refused.push(failed(&account, ("DISASSOCIATE_ALL_MEMBERS", "Disassociate all members first")));
            continue;
        }
        check_lambda(&on)?;
        let shown = |is_on: bool| json!(if is_on { "ENABLED" } else { "DISABLED" });
        let status = if on.is_empty() { "DISABLING" } else { "ENABLED" };
        done.push(json!({"accountId": account, "status": status, "resourceStatus": per_type(&on, shown)}));
        world.inspector2.scans.insert(cell(&account, &call.region), on);
    }
    Ok(json!({"accounts": done, "failedAccounts": refused}))
}

/// BatchGetAccountStatus. Guess: the code and text beside a status that is no error.
pub(super) fn status(world: &mut World, call: &Call) -> Value {
    let (mut done, mut refused) = (Vec::new(), Vec::new());
    let state = |is_on: bool| {
        if is_on {
            json!({"status": "ENABLED", "errorCode": "ALREADY_ENABLED", "errorMessage": "No error message available"})
        } else {
            json!({"status": "DISABLED", "errorCode": "RESOURCE_NOT_FOUND", "errorMessage": "No error message available"})
        }
    };
    for account in accounts(call) {
        let may = account == call.account
            || (is_administrator(world, call) && members::is_member(world, &account, &call.region));
        if !may {
            let why = ("ACCESS_DENIED", "Invoking account does not have access to this account");
            refused.push(failed(&account, why));
            continue;
        }
        let on = of(world, &account, &call.region);
        done.push(json!({
            "accountId": account, "state": state(!on.is_empty()), "resourceState": per_type(&on, state),
        }));
    }
    json!({"accounts": done, "failedAccounts": refused})
}
