//! Firewall Manager: one default administrator, and scoped ones beside it. Administrator calls go to us-east-1.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::policy::evaluate::{Caller, Request};
use crate::sandbox::services::{documents, iam, organizations, sns};
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

use super::{Administrator, Code, fault, is_management};

const KEY: &str = "fms/global";
const PRINCIPAL: &str = "fms.amazonaws.com";
const INVALID_OPERATION: Code = ("InvalidOperationException", 400);
const INVALID_INPUT: Code = ("InvalidInputException", 400);
const NOT_FOUND: Code = ("ResourceNotFoundException", 400);

/// Where Firewall Manager notifies, in one region.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Channel {
    /// ARN of the SNS topic.
    pub topic: String,
    /// ARN of the role that publishes.
    pub role: String,
}

pub(super) fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    match call.operation.as_str() {
        "DeleteNotificationChannel" => return Some(delete_channel(world, call)),
        "GetNotificationChannel" => return Some(get_channel(world, call)),
        "PutNotificationChannel" => return Some(put_channel(world, call)),
        _ => {}
    }
    let run: fn(&mut World, &Call) -> Reply = match call.operation.as_str() {
        "AssociateAdminAccount" => associate,
        "DisassociateAdminAccount" => disassociate,
        "GetAdminAccount" => get,
        "ListAdminAccountsForOrganization" => list,
        "PutAdminAccount" => put,
        _ => return None,
    };
    if call.region != "us-east-1" {
        return Some(Err(fault(INVALID_OPERATION, "This operation is not supported in this Region.")));
    }
    Some(run(world, call))
}

fn require_management(world: &World, call: &Call) -> Result<(), Fault> {
    if is_management(world, call) {
        return Ok(());
    }
    Err(fault(INVALID_OPERATION, "This operation can be made by the organization's management account only."))
}

fn register(world: &mut World, call: &Call, account: &str) -> Result<(), Fault> {
    let had_access = organizations::access_enabled(world, PRINCIPAL);
    organizations::enable_access(world, PRINCIPAL, call.now);
    if !organizations::is_delegated(world, PRINCIPAL, account) {
        if let Err(refused) = organizations::register_delegated_admin(world, PRINCIPAL, account, call.now) {
            if !had_access {
                organizations::disable_access(world, PRINCIPAL);
            }
            return Err(fault(INVALID_INPUT, refused.message));
        }
        iam::ensure_service_linked_role(world, account, PRINCIPAL, call.now);
    }
    Ok(())
}

fn associate(world: &mut World, call: &Call) -> Reply {
    require_management(world, call)?;
    let account = call.required("AdminAccount").to_owned();
    match world.integrations.administrators.get(KEY) {
        // Guess: naming the same account again is no error.
        Some(current) if current.account == account => return Ok(json!({})),
        Some(_) => {
            return Err(fault(INVALID_OPERATION, "The organization already has a default administrator."));
        }
        None => {}
    }
    register(world, call, &account)?;
    world.integrations.administrators.insert(KEY.into(), Administrator { account, since: call.now });
    Ok(json!({}))
}

/// Only the administrator itself may give the role back.
fn disassociate(world: &mut World, call: &Call) -> Reply {
    let current = world.integrations.administrators.get(KEY);
    if current.is_none_or(|admin| admin.account != call.account) {
        return Err(fault(INVALID_OPERATION, "The account is not a Firewall Manager administrator."));
    }
    world.integrations.administrators.remove(KEY);
    organizations::deregister_delegated_admin(world, PRINCIPAL, &call.account);
    Ok(json!({}))
}

fn get(world: &mut World, _call: &Call) -> Reply {
    let admin = world
        .integrations
        .administrators
        .get(KEY)
        .ok_or_else(|| fault(NOT_FOUND, "The organization has no AWS Firewall Manager administrator."))?;
    Ok(json!({"AdminAccount": admin.account, "RoleStatus": "READY"}))
}

fn list(world: &mut World, call: &Call) -> Reply {
    require_management(world, call)?;
    let default = world.integrations.administrators.get(KEY).map(|admin| admin.account.clone());
    let scoped = world.integrations.scoped_firewall_managers.iter().cloned().map(|account| (account, false));
    let all: Vec<(String, bool)> = default.into_iter().map(|account| (account, true)).chain(scoped).collect();
    let bad = || fault(INVALID_INPUT, "The token is not valid.");
    let (page, next) = world.page(&all, call.int("MaxResults"), 100, call.str("NextToken"), &bad)?;
    let shown: Vec<Value> = page
        .iter()
        .map(|(account, default)| {
            json!({"AdminAccount": account, "DefaultAdmin": default, "Status": "ONBOARDING_COMPLETE"})
        })
        .collect();
    let mut reply = json!({"AdminAccounts": shown});
    if let Some(token) = next {
        reply["NextToken"] = json!(token);
    }
    Ok(reply)
}

fn put(world: &mut World, call: &Call) -> Reply {
    require_management(world, call)?;
    let account = call.required("AdminAccount").to_owned();
    if !world.integrations.administrators.contains_key(KEY) {
        return Err(fault(INVALID_OPERATION, "The organization has no default administrator yet."));
    }
    register(world, call, &account)?;
    let scoped = &mut world.integrations.scoped_firewall_managers;
    if !scoped.contains(&account) {
        scoped.push(account);
    }
    Ok(json!({}))
}

/// Only administrators have channels (`service-principals.toml`, fms). Guess: the code for others.
fn require_administrator(world: &World, call: &Call) -> Result<(), Fault> {
    let default =
        world.integrations.administrators.get(KEY).is_some_and(|admin| admin.account == call.account);
    if default || world.integrations.scoped_firewall_managers.contains(&call.account) {
        return Ok(());
    }
    Err(fault(INVALID_OPERATION, "The account is not a Firewall Manager administrator."))
}

/// The topic must let the role publish (API Reference, PutNotificationChannel). Guess: the codes.
fn put_channel(world: &mut World, call: &Call) -> Reply {
    require_administrator(world, call)?;
    let channel =
        Channel { topic: call.required("SnsTopicArn").into(), role: call.required("SnsRoleName").into() };
    let topic = sns::topic(world, &channel.topic)
        .filter(|_| channel.topic.split(':').nth(3) == Some(call.region.as_str()));
    let topic = topic.ok_or_else(|| fault(NOT_FOUND, "The SNS topic does not exist in this Region."))?;
    let arn = if channel.role.starts_with("arn:") {
        channel.role.clone()
    } else {
        world.arn("iam", "", &call.account, &format!("role/{}", channel.role))
    };
    let caller = Caller::Aws { account: call.account.clone(), arn, session: None };
    if !documents::allows(&topic.policy, &Request::new(caller, "sns:Publish", &channel.topic)) {
        return Err(fault(
            INVALID_OPERATION,
            "The policy of the SNS topic does not let the role publish to it.",
        ));
    }
    world.integrations.notification_channels.insert(cell(&call.account, &call.region), channel);
    Ok(json!({}))
}

/// Nothing in the answer where there is none, as AWS's own resource handler for CloudFormation takes it.
fn get_channel(world: &World, call: &Call) -> Reply {
    require_administrator(world, call)?;
    let channel = world.integrations.notification_channels.get(&cell(&call.account, &call.region));
    Ok(channel.map_or_else(|| json!({}), |c| json!({"SnsTopicArn": c.topic, "SnsRoleName": c.role})))
}

fn delete_channel(world: &mut World, call: &Call) -> Reply {
    require_administrator(world, call)?;
    world.integrations.notification_channels.remove(&cell(&call.account, &call.region));
    Ok(json!({}))
}
