//! Who may call what, and the refusals.

use crate::sandbox::services::organizations;
use crate::sandbox::world::{Call, Fault, World};

use super::{Hub, effective};

pub(super) fn invalid(message: impl Into<String>) -> Fault {
    Fault::new("InvalidInputException", message).status(400)
}

pub(super) fn not_found(message: impl Into<String>) -> Fault {
    Fault::new("ResourceNotFoundException", message).status(404)
}

pub(super) fn conflict(message: impl Into<String>) -> Fault {
    Fault::new("ResourceConflictException", message).status(409)
}

fn invalid_access(message: String) -> Fault {
    Fault::new("InvalidAccessException", message).status(401)
}

pub(super) fn denied(message: &str) -> Fault {
    Fault::new("AccessDeniedException", message).status(403)
}

/// The caller's hub in the region of the call.
///
/// # Errors
/// Security Hub is not enabled there.
pub(super) fn subscribed(world: &World, call: &Call) -> Result<Hub, Fault> {
    effective::hub(world, &call.account, &call.region).ok_or_else(|| {
        invalid_access(format!("Account {} is not subscribed to AWS Security Hub", call.account))
    })
}

/// The administrator of the organization in a region.
pub(super) fn administrator<'w>(world: &'w World, region: &str) -> Option<&'w str> {
    let place = format!("securityhub/{region}");
    world.integrations.administrators.get(&place).map(|admin| admin.account.as_str())
}

/// Refuses everybody but the administrator of the region.
///
/// # Errors
/// The caller is not subscribed, or is not the administrator.
pub(super) fn administrator_only(world: &World, call: &Call) -> Result<(), Fault> {
    subscribed(world, call)?;
    if administrator(world, &call.region) == Some(call.account.as_str()) {
        return Ok(());
    }
    Err(invalid_access(format!("Account {} is not an administrator for this organization", call.account)))
}

/// Refuses everybody but the administrator in the home region of central configuration.
///
/// # Errors
/// Another caller or region, or configuration is local.
pub(super) fn central_only(world: &World, call: &Call) -> Result<(), Fault> {
    subscribed(world, call)?;
    match &world.securityhub.central {
        Some(central) if central.administrator == call.account && central.home == call.region => Ok(()),
        Some(central) if central.administrator == call.account => {
            Err(denied("Central Configuration APIs can only be called from the aggregation region"))
        }
        _ => Err(denied("Must be a Security Hub delegated administrator with Central Configuration enabled")),
    }
}

/// Refuses a centrally managed account that wants to configure itself.
///
/// # Errors
/// A configuration policy holds for the caller in this region.
pub(super) fn self_managed_only(world: &World, call: &Call) -> Result<(), Fault> {
    if effective::policy(world, &call.account, &call.region).is_none() {
        return Ok(());
    }
    Err(denied(
        "This account is currently associated with a central configuration policy, so only the administrator can access \
         this operation.",
    ))
}

/// Whether the account is in the organization and usable.
pub(super) fn is_active(world: &World, account: &str) -> bool {
    let state = world.organizations.accounts.get(account).map(|account| account.state);
    state == Some(organizations::AccountState::Active)
}
