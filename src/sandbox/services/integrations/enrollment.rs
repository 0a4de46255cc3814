//! Enrolment in Compute Optimizer and Cost Optimization Hub.

#![expect(clippy::unnecessary_wraps, reason = "a handler's signature, whether it can refuse or not")]

use serde_json::{Value, json};

use crate::sandbox::services::{iam, organizations};
use crate::sandbox::world::{Call, Fault, Reply, World};

use super::{Enrollment, fault, is_management};

pub(super) fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    let run: fn(&mut World, &Call) -> Reply = match (call.service.as_str(), call.operation.as_str()) {
        (_, "UpdateEnrollmentStatus") => update,
        ("compute-optimizer", "GetEnrollmentStatus") => get,
        ("compute-optimizer", "GetEnrollmentStatusesForOrganization") => list_organization,
        ("cost-optimization-hub", "ListEnrollmentStatuses") => list,
        ("compute-optimizer", _) => return super::exports::handle(world, call),
        _ => return None,
    };
    Some(run(world, call))
}

fn principal(call: &Call) -> &'static str {
    if call.service == "compute-optimizer" {
        "compute-optimizer.amazonaws.com"
    } else {
        "cost-optimization-hub.bcm.amazonaws.com"
    }
}

fn denied(call: &Call) -> Fault {
    let status = if call.service == "compute-optimizer" { 403 } else { 400 };
    fault(
        ("AccessDeniedException", status),
        "You are not authorized to use this action: only the management account of the organization can.",
    )
}

/// The enrolment of an account: its own, or the management account's where that covers the members.
fn enrollment<'w>(world: &'w World, service: &str, account: &str) -> Option<&'w Enrollment> {
    let find = |id: &str| world.integrations.enrollments.get(&format!("{service}/{id}"));
    let covering = organizations::management(world).and_then(find).filter(|e| e.members);
    find(account).or_else(|| covering.filter(|_| world.organizations.accounts.contains_key(account)))
}

/// Whether an account is enrolled, and the enrolment is through.
pub(super) fn is_active(world: &World, service: &str, account: &str) -> bool {
    status(enrollment(world, service, account)) == "Active"
}

fn status(enrollment: Option<&Enrollment>) -> &'static str {
    if enrollment.is_some_and(|e| e.active) { "Active" } else { "Inactive" }
}

fn update(world: &mut World, call: &Call) -> Reply {
    let active = match call.required("status") {
        "Active" => true,
        "Inactive" => false,
        other => {
            let code = if call.service == "compute-optimizer" {
                "InvalidParameterValueException"
            } else {
                "ValidationException"
            };
            return Err(fault(
                (code, 400),
                format!("The status {other} is not valid: use Active or Inactive."),
            ));
        }
    };
    let asked = call.bool("includeMemberAccounts");
    if asked == Some(true) && !is_management(world, call) {
        return Err(denied(call));
    }
    let key = format!("{}/{}", call.service, call.account);
    let known = world.integrations.enrollments.get(&key).cloned();
    let members = asked.unwrap_or(known.as_ref().is_some_and(|k| k.members));
    // What does not change is not enrolled again.
    let same = known.as_ref().is_some_and(|k| k.active == active && k.members == members);
    let since = known.as_ref().filter(|_| same).map_or(call.now, |k| k.since);
    let created = known.as_ref().map_or(call.now, |k| k.created);
    world.integrations.enrollments.insert(key, Enrollment { active, members, since, created });
    if active {
        iam::ensure_service_linked_role(world, &call.account, principal(call), call.now);
    }
    if active && members {
        organizations::enable_access(world, principal(call), call.now);
    }
    // Compute Optimizer's enrolment is asynchronous (`service-principals.toml`): here it is through at the next look.
    let current =
        if active && !same { "Pending" } else { status(enrollment(world, &call.service, &call.account)) };
    Ok(if call.service == "compute-optimizer" {
        json!({"status": current})
    } else {
        json!({"status": if active { "Enrolled" } else { "Unenrolled" }})
    })
}

fn get(world: &mut World, call: &Call) -> Reply {
    let found = enrollment(world, &call.service, &call.account);
    let mut reply = json!({
        "status": status(found),
        "memberAccountsEnrolled": found.is_some_and(|e| e.active && e.members) && is_management(world, call),
    });
    if let Some(found) = found {
        reply["lastUpdatedTimestamp"] = json!(found.since);
    }
    if is_management(world, call) {
        reply["numberOfMemberAccountsOptedIn"] = json!(opted_in(world, call));
    }
    Ok(reply)
}

fn opted_in(world: &World, call: &Call) -> usize {
    let members = world.organizations.accounts.keys().filter(|id| **id != call.account);
    members.filter(|id| status(enrollment(world, &call.service, id)) == "Active").count()
}

fn list_organization(world: &mut World, call: &Call) -> Reply {
    if !is_management(world, call) && !organizations::is_delegated(world, principal(call), &call.account) {
        return Err(denied(call));
    }
    let filters = call.input.get("filters").and_then(Value::as_array).cloned().unwrap_or_default();
    let wanted: Vec<&str> = filters
        .iter()
        .filter_map(|filter| filter.get("values").and_then(Value::as_array))
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let all: Vec<Value> = world
        .organizations
        .accounts
        .keys()
        .map(|id| {
            let found = enrollment(world, &call.service, id);
            let mut value = json!({"accountId": id, "status": status(found)});
            if let Some(found) = found {
                value["lastUpdatedTimestamp"] = json!(found.since);
            }
            value
        })
        .filter(|v| wanted.is_empty() || v["status"].as_str().is_some_and(|s| wanted.contains(&s)))
        .collect();
    page(world, call, "accountEnrollmentStatuses", &all, "InvalidParameterValueException")
}

fn list(world: &mut World, call: &Call) -> Reply {
    let organization = call.bool("includeOrganizationInfo").unwrap_or(false);
    if organization && !is_management(world, call) {
        return Err(denied(call));
    }
    let ids: Vec<String> = match call.str("accountId") {
        Some(id) => vec![id.to_owned()],
        None if organization => world.organizations.accounts.keys().cloned().collect(),
        None => vec![call.account.clone()],
    };
    let all: Vec<Value> = ids
        .iter()
        .map(|id| {
            let found = enrollment(world, &call.service, id);
            let mut value = json!({"accountId": id, "status": status(found)});
            if let Some(found) = found {
                value["lastUpdatedTimestamp"] = json!(found.since);
                value["createdTimestamp"] = json!(found.created);
            }
            value
        })
        .collect();
    let members = enrollment(world, &call.service, &call.account).is_some_and(|e| e.active && e.members);
    let mut reply = page(world, call, "items", &all, "ValidationException")?;
    if is_management(world, call) {
        reply["includeMemberAccounts"] = json!(members);
    }
    Ok(reply)
}

pub(super) fn page(world: &World, call: &Call, member: &str, all: &[Value], bad_code: &'static str) -> Reply {
    let bad = || fault((bad_code, 400), "The token is not valid.");
    let (page, next) = world.page(all, call.int("maxResults"), 100, call.str("nextToken"), &bad)?;
    let mut reply = json!({ member: page });
    if let Some(token) = next {
        reply["nextToken"] = json!(token);
    }
    Ok(reply)
}
