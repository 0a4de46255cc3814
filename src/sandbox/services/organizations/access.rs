//! Who may call which operation.
//!
//! Source: the API reference says per operation "can be called only from the organization's management account"
//! or "... or by a member account that is a delegated administrator".

use crate::sandbox::world::{Call, Fault, World};

use super::{management, not_in_use, organization};

/// Operations that any member account may call.
const MEMBER: &[&str] = &[
    "AcceptHandshake",
    "DeclineHandshake",
    "DescribeHandshake",
    "DescribeOrganization",
    "LeaveOrganization",
    "ListHandshakesForAccount",
];
/// Those that an account may call which is no member yet: it answers its invitation.
const INVITED: &[&str] =
    &["AcceptHandshake", "DeclineHandshake", "DescribeHandshake", "ListHandshakesForAccount"];

/// Refuses callers without the right.
pub(super) fn check(world: &World, call: &Call) -> Result<(), Fault> {
    if call.operation == "CreateOrganization" {
        return Ok(());
    }
    organization(world)?;
    if management(world) == Some(call.account.as_str()) {
        return Ok(());
    }
    if !world.organizations.accounts.contains_key(&call.account) {
        let invited = INVITED.contains(&call.operation.as_str());
        return if invited { Ok(()) } else { Err(not_in_use()) };
    }
    let read = call.operation.starts_with("List") || call.operation.starts_with("Describe");
    if MEMBER.contains(&call.operation.as_str())
        || (call.operation == "DescribeEffectivePolicy" && own_effective_policy(call))
        || (read && is_delegated_for_anything(world, &call.account))
        || delegated_by_policy(world, call)
    {
        return Ok(());
    }
    Err(Fault::new("AccessDeniedException", "You don't have permissions to access this resource."))
}

/// A member may read its own effective policy.
fn own_effective_policy(call: &Call) -> bool {
    call.str("TargetId").is_none_or(|target| target == call.account)
}

fn is_delegated_for_anything(world: &World, account: &str) -> bool {
    world.organizations.delegated.values().any(|accounts| accounts.contains_key(account))
}

/// Whether the organization's resource policy lets this member make the call.
fn delegated_by_policy(world: &World, call: &Call) -> bool {
    let Some(stored) = &world.organizations.resource_policy else { return false };
    super::resource_policy::allows(world, &stored.content, call)
}
