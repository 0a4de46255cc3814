//! Who calls, in the words of IAM.

use crate::policy::evaluate::Caller;

use super::services::organizations;
use super::world::{Call, Principal, World};

/// The role name that stands for the root user in a session of AssumeRoot. No role can have it: `:` is not allowed in
/// the name of one. The session's name is the task policy.
pub const ROOT_SESSION: &str = ":root";

/// The name under which the management account's own credentials appear. There is no such user in IAM's lists.
pub(crate) const MANAGEMENT_USER: &str = "user/sandbox";

/// The caller as policies see it.
pub fn caller(world: &World, call: &Call) -> Caller {
    Caller::Aws {
        account: call.account.clone(),
        arn: principal_arn(world, call),
        session: session_arn(world, call),
    }
}

/// The value of `aws:PrincipalArn`: the ARN of the role, its path included, not of the session.
pub fn principal_arn(world: &World, call: &Call) -> String {
    match &call.principal {
        Principal::Management => world.arn("iam", "", &call.account, MANAGEMENT_USER),
        Principal::User { name } => {
            let path =
                world.iam.get(&call.account).and_then(|iam| iam.users.get(name)).map(|u| u.path.as_str());
            world.arn("iam", "", &call.account, &format!("user{}{name}", path.unwrap_or("/")))
        }
        Principal::Role { role, .. } if role == ROOT_SESSION => world.arn("iam", "", &call.account, "root"),
        Principal::Role { role, .. } => {
            let path =
                world.iam.get(&call.account).and_then(|iam| iam.roles.get(role)).map(|r| r.path.as_str());
            world.arn("iam", "", &call.account, &format!("role{}{role}", path.unwrap_or("/")))
        }
    }
}

/// The ARN of the assumed-role session, which has no path; `None` for callers that are not one.
fn session_arn(world: &World, call: &Call) -> Option<String> {
    match &call.principal {
        Principal::Role { role, session } if role != ROOT_SESSION => {
            Some(world.arn("sts", "", &call.account, &format!("assumed-role/{role}/{session}")))
        }
        _ => None,
    }
}

/// The ARN that GetCallerIdentity and refusals show.
pub fn user_arn(world: &World, call: &Call) -> String {
    session_arn(world, call).unwrap_or_else(|| principal_arn(world, call))
}

/// Whether the caller is a session of AssumeRoot.
pub fn is_root_session(call: &Call) -> bool {
    matches!(&call.principal, Principal::Role { role, .. } if role == ROOT_SESSION)
}

/// `aws:PrincipalOrgID` and `aws:PrincipalOrgPaths` of an account; `None` outside the organization.
pub fn organization_keys(world: &World, account: &str) -> Option<(String, String)> {
    let organization = world.organizations.organization.as_ref()?;
    let path = organizations::path_to(world, account);
    let above = path.get(..path.len().checked_sub(1)?)?;
    Some((organization.id.clone(), format!("{}/{}/", organization.id, above.join("/"))))
}
