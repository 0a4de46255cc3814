//! Delegated administrators of CloudTrail.

use serde_json::json;

use super::super::organizations;
use super::{PRINCIPAL, checks};
use crate::sandbox::world::{Call, Fault, Reply, World};

/// Delegated administrators per organization (User Guide, "Organization delegated administrator").
const MOST_ADMINS: usize = 3;

/// RegisterOrganizationDelegatedAdmin.
pub(super) fn register(world: &mut World, call: &Call) -> Reply {
    management_only(world, call)?;
    checks::access_enabled(world)?;
    let account = call.required("MemberAccountId");
    if account == call.account {
        let message = "The management account cannot be a delegated administrator.";
        return Err(Fault::new("CannotDelegateManagementAccountException", message));
    }
    if !world.organizations.accounts.contains_key(account) {
        return Err(unknown(account));
    }
    if organizations::is_delegated(world, PRINCIPAL, account) {
        let message = format!("Account {account} is already registered as a delegated administrator.");
        return Err(Fault::new("AccountRegisteredException", message));
    }
    if world.organizations.delegated.get(PRINCIPAL).is_some_and(|admins| admins.len() >= MOST_ADMINS) {
        let message = "The maximum number of CloudTrail delegated administrators is reached.";
        return Err(Fault::new("DelegatedAdminAccountLimitExceededException", message));
    }
    organizations::register_delegated_admin(world, PRINCIPAL, account, call.now)?;
    Ok(json!({}))
}

/// DeregisterOrganizationDelegatedAdmin.
pub(super) fn deregister(world: &mut World, call: &Call) -> Reply {
    management_only(world, call)?;
    checks::access_enabled(world)?;
    let account = call.required("DelegatedAdminAccountId");
    if !world.organizations.accounts.contains_key(account) {
        return Err(unknown(account));
    }
    if !organizations::deregister_delegated_admin(world, PRINCIPAL, account) {
        let message = format!("Account {account} is not registered as a delegated administrator.");
        return Err(Fault::new("AccountNotRegisteredException", message));
    }
    Ok(json!({}))
}

fn management_only(world: &World, call: &Call) -> Result<(), Fault> {
    let message = "Your account is not a member of an organization.";
    let organization = organizations::organization(world)
        .map_err(|_| Fault::new("OrganizationsNotInUseException", message))?;
    if organization.management == call.account {
        return Ok(());
    }
    let message = "Only the management account of the organization can do this.";
    Err(Fault::new("NotOrganizationManagementAccountException", message))
}

fn unknown(account: &str) -> Fault {
    Fault::new("AccountNotFoundException", format!("Account {account} is not in the organization."))
}
