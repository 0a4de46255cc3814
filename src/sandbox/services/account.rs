//! AWS Account Management, per account: contacts, regions, name and e-mail address.
//!
//! Sources: the API reference ("AccountId" of each operation), `aws-limits.md` 1.3 and 5, public reports of the
//! access-denied texts (terraform-provider-aws). Everything is asynchronous in AWS where regions are concerned.

mod contacts;
pub(in crate::sandbox::services) mod regions;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::sandbox::caller;
use crate::sandbox::services::organizations;
use crate::sandbox::world::{Call, Fault, Reply, World};

pub use contacts::inherit_contact;
pub use regions::is_enabled;
pub(in crate::sandbox) use regions::turn_off;

/// The service principal of trusted access and delegation.
const PRINCIPAL: &str = "account.amazonaws.com";

/// What is stored for one account.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// Alternate contacts by type (`BILLING`, `OPERATIONS`, `SECURITY`), as PutAlternateContact sent them.
    pub alternate: BTreeMap<String, Value>,
    /// Primary contact, as PutContactInformation sent it.
    pub contact: Option<Value>,
    /// Opt-in regions that were enabled or disabled.
    pub regions: BTreeMap<String, RegionOpt>,
}

/// A change of an opt-in region.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RegionOpt {
    /// Enabled rather than disabled.
    pub enabled: bool,
    /// When it was asked for, seconds since 1970.
    pub since: f64,
}

/// Runs one call. `None` where the operation has no handler.
pub fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    let run: fn(&mut World, &Call, &str) -> Reply = match call.operation.as_str() {
        "GetAlternateContact" => contacts::get_alternate,
        "PutAlternateContact" => contacts::put_alternate,
        "DeleteAlternateContact" => contacts::delete_alternate,
        "GetContactInformation" => contacts::get,
        "PutContactInformation" => contacts::put,
        "GetPrimaryEmail" => contacts::get_email,
        "StartPrimaryEmailUpdate" => contacts::start_email_update,
        "GetAccountInformation" => information,
        "ListRegions" => regions::list,
        "GetRegionOptStatus" => regions::status,
        "EnableRegion" => regions::enable,
        "DisableRegion" => regions::disable,
        _ => return None,
    };
    Some(target(world, call).and_then(|account| run(world, call, &account)))
}

/// The account that a call is about: the caller, or with `AccountId` a member, for the management account and the
/// delegated administrator.
fn target(world: &World, call: &Call) -> Result<String, Fault> {
    let Some(id) = call.str("AccountId") else { return Ok(call.account.clone()) };
    let management = organizations::management(world);
    if management == Some(id) {
        return Err(denied(
            world,
            call,
            "The management account can only be managed using the standalone context from the management account.",
        ));
    }
    let may = management == Some(call.account.as_str())
        || organizations::is_delegated(world, PRINCIPAL, &call.account);
    if !may {
        return Err(denied(
            world,
            call,
            "Only the management account or a delegated administrator may name another account.",
        ));
    }
    if !organizations::access_enabled(world, PRINCIPAL) {
        return Err(denied(
            world,
            call,
            "Your organization must first enable trusted access with AWS Account Management.",
        ));
    }
    if !world.organizations.accounts.contains_key(id) {
        // Guess: an account outside the organization is refused like one without the right.
        return Err(denied(world, call, "The account is not a member of your organization."));
    }
    Ok(id.to_owned())
}

fn denied(world: &World, call: &Call, reason: &str) -> Fault {
    let user = caller::user_arn(world, call);
    Fault::new(
        "AccessDeniedException",
        format!("User: {user} is not authorized to perform: account:{} ({reason})", call.operation),
    )
    .status(403)
}

fn validation(message: impl Into<String>) -> Fault {
    Fault::new("ValidationException", message).status(400).with("reason", "fieldValidationFailed")
}

/// What was written about an account, for reading.
fn view<'w>(world: &'w World, account: &str) -> Option<&'w State> {
    world.account.get(account)
}

fn edit<'w>(world: &'w mut World, account: &str) -> &'w mut State {
    world.account.entry(account.to_owned()).or_default()
}

fn information(world: &mut World, _call: &Call, account: &str) -> Reply {
    let known =
        world.organizations.accounts.get(account).or_else(|| world.organizations.standalone.get(account));
    let Some(known) = known else {
        return Err(validation("The account does not exist."));
    };
    // This API knows no PENDING_CLOSURE.
    let state = match known.state {
        organizations::AccountState::PendingClosure => "ACTIVE",
        other => other.text(),
    };
    Ok(json!({
        "AccountId": account,
        "AccountName": known.name,
        "AccountCreatedDate": known.joined,
        "AccountState": state,
    }))
}

#[cfg(test)]
mod tests;
