//! Settings of EC2 that a declarative policy of the organization may set: then the account cannot change them.
//! <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_declarative.html>

use aws_sdk_ec2::types::ManagedBy;

use crate::control::Diff;

/// Whether a policy sets it rather than the account.
pub fn is_owner(managed_by: Option<&ManagedBy>) -> bool {
    managed_by == Some(&ManagedBy::DeclarativePolicy)
}

/// Leaves the setting to the policy that owns it: what differs is not for this section to write.
pub fn yield_to(d: &mut Diff) {
    if d.is_empty() {
        d.notice("set by a declarative policy of the organization, not by the account");
        return;
    }
    let why = "a declarative policy of the organization sets it: change that policy, or take the key out of this section";
    d.by_hand = Some(why.to_string());
}
