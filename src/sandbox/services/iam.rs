//! AWS Identity and Access Management, per account.
//!
//! Sources: the API model (codes, statuses, ranges), the IAM user guide ("IAM and AWS STS quotas", "Setting an
//! account password policy", "Credential reports"), `aws-limits.md` 1.4. Messages are AWS's own where public reports
//! show them.

mod account;
mod authorization;
pub mod credentials;
mod documents;
mod groups;
mod keys;
mod looking;
mod managed;
mod policies;
mod providers;
mod reports;
mod roles;
mod root;
mod service_linked;
mod state;
mod users;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::sandbox::world::{Call, Fault, Reply, World};

pub use account::{ROOT_CREDENTIALS, ROOT_SESSIONS};
pub use roles::add_access_role;
pub use service_linked::{ensure_derived_role, ensure_service_linked_role, has_service_linked_role};
pub use state::{AccessKey, Group, ManagedPolicy, PasswordPolicy, Role, RootUser, State, User};

/// Items on a page of a list by default (API model: `MaxItems`).
const PAGE: usize = 100;
/// Tags on a role, user or policy (IAM quotas).
const TAG_LIMIT: usize = 50;

type Handler = fn(&mut World, &Call) -> Reply;

/// Runs one call. `None` where the operation has no handler.
pub fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    let own = root::handler(world, call);
    let run = own.or_else(|| handler(&call.operation)).or_else(|| more_handlers(&call.operation))?;
    Some(run(world, call))
}

fn handler(operation: &str) -> Option<Handler> {
    Some(match operation {
        "GetAccountPasswordPolicy" => account::get_password_policy,
        "UpdateAccountPasswordPolicy" => account::update_password_policy,
        "DeleteAccountPasswordPolicy" => account::delete_password_policy,
        "CreateAccountAlias" => account::create_alias,
        "DeleteAccountAlias" => account::delete_alias,
        "ListAccountAliases" => account::list_aliases,
        "GetAccountSummary" => account::summary,
        "EnableOrganizationsRootCredentialsManagement" => account::enable_root_credentials,
        "EnableOrganizationsRootSessions" => account::enable_root_sessions,
        "DisableOrganizationsRootCredentialsManagement" => account::disable_root_credentials,
        "DisableOrganizationsRootSessions" => account::disable_root_sessions,
        "ListOrganizationsFeatures" => account::list_features,
        "GenerateCredentialReport" => reports::generate,
        "GetCredentialReport" => reports::get,
        "GetServiceLastAccessedDetails" => reports::last_accessed,
        "GenerateServiceLastAccessedDetails" | "GenerateOrganizationsAccessReport" => {
            reports::start_last_accessed
        }
        "GetOrganizationsAccessReport" => reports::organization_access,
        "CreateRole" => roles::create,
        "GetRole" => roles::get,
        "UpdateRole" => roles::update,
        "UpdateRoleDescription" => roles::update_description,
        "UpdateAssumeRolePolicy" => roles::update_trust,
        "DeleteRole" => roles::delete,
        "ListRoles" => roles::list,
        "TagRole" => roles::tag,
        "UntagRole" => roles::untag,
        "PutRolePermissionsBoundary" => roles::put_boundary,
        "DeleteRolePermissionsBoundary" => roles::delete_boundary,
        "CreateServiceLinkedRole" => service_linked::create,
        "DeleteServiceLinkedRole" => service_linked::delete,
        "GetServiceLinkedRoleDeletionStatus" => service_linked::deletion_status,
        _ => return None,
    })
}

fn more_handlers(operation: &str) -> Option<Handler> {
    Some(match operation {
        "PutRolePolicy" | "PutUserPolicy" | "PutGroupPolicy" => policies::put_inline,
        "GetRolePolicy" | "GetUserPolicy" | "GetGroupPolicy" => policies::get_inline,
        "DeleteRolePolicy" | "DeleteGroupPolicy" => policies::delete_inline,
        "ListRolePolicies" | "ListUserPolicies" | "ListGroupPolicies" => policies::list_inline,
        "AttachRolePolicy" | "AttachUserPolicy" | "AttachGroupPolicy" => policies::attach,
        "DetachRolePolicy" | "DetachUserPolicy" | "DetachGroupPolicy" => policies::detach,
        "ListAttachedRolePolicies" | "ListAttachedUserPolicies" | "ListAttachedGroupPolicies" => {
            policies::list_attached
        }
        "CreatePolicy" => managed::create,
        "CreatePolicyVersion" => managed::create_version,
        "GetPolicy" => managed::get,
        "GetPolicyVersion" => managed::get_version,
        "ListPolicies" => managed::list,
        "ListEntitiesForPolicy" => managed::list_entities,
        "CreateUser" => users::create,
        "ListUsers" => users::list,
        "CreateLoginProfile" => users::create_login,
        "GetLoginProfile" => users::get_login,
        "UpdateLoginProfile" => users::update_login,
        "DeleteLoginProfile" => users::delete_login,
        "ListMFADevices" => users::list_mfa,
        "ListVirtualMFADevices" => users::list_virtual_mfa,
        "CreateServiceSpecificCredential" => credentials::create,
        "ListServiceSpecificCredentials" => credentials::list,
        "UploadSSHPublicKey" => credentials::upload,
        "ListSSHPublicKeys" => credentials::list_ssh,
        "UpdateServiceSpecificCredential" | "UpdateSSHPublicKey" => credentials::update,
        "DeleteServiceSpecificCredential" | "DeleteSSHPublicKey" => credentials::delete,
        "CreateAccessKey" => keys::create,
        "UpdateAccessKey" => keys::update,
        "DeleteAccessKey" => keys::delete,
        "ListAccessKeys" => keys::list,
        "GetAccountAuthorizationDetails" => authorization::details,
        "ListRoleTags" => looking::role_tags,
        "ListUserTags" => looking::user_tags,
        "ListPolicyTags" => looking::policy_tags,
        "ListGroups" => looking::groups,
        "ListGroupsForUser" => looking::groups_of_user,
        "GetGroup" => looking::group,
        "CreateGroup" => groups::create,
        "AddUserToGroup" => groups::add_user,
        "CreateOpenIDConnectProvider" => providers::create_oidc,
        "DeleteOpenIDConnectProvider" => providers::delete_oidc,
        "AddClientIDToOpenIDConnectProvider" => providers::add_client,
        "RemoveClientIDFromOpenIDConnectProvider" => providers::remove_client,
        "UpdateOpenIDConnectProviderThumbprint" => providers::update_thumbprint,
        "CreateSAMLProvider" => providers::create_saml,
        "UpdateSAMLProvider" => providers::update_saml,
        "DeleteSAMLProvider" => providers::delete_saml,
        "ListSAMLProviders" => providers::list_saml,
        "ListServerCertificates" => providers::list_certificates,
        "DeleteServerCertificate" => providers::delete_certificate,
        _ => return None,
    })
}

/// The IAM of the calling account, for reading; an empty one where nobody wrote to it.
fn view<'w>(world: &'w World, account: &str) -> &'w State {
    static EMPTY: LazyLock<State> = LazyLock::new(State::default);
    world.iam.get(account).unwrap_or(&EMPTY)
}

/// The IAM of the calling account, for writing.
fn edit<'w>(world: &'w mut World, call: &Call) -> &'w mut State {
    world.iam.entry(call.account.clone()).or_default()
}

/// A fresh unique id: the prefix of its kind (`AROA`, `AIDA`, `ANPA`, `AGPA`) and 17 characters.
pub fn fresh_id(world: &mut World, prefix: &str) -> String {
    format!("{prefix}{}", world.id(17, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
}

/// An ARN of IAM in `account`; `path` begins and ends with a slash.
fn arn(world: &World, account: &str, kind: &str, path: &str, name: &str) -> String {
    world.arn("iam", "", account, &format!("{kind}{path}{name}"))
}

fn path(call: &Call) -> String {
    call.str("Path").unwrap_or("/").to_owned()
}

fn no_such(message: impl Into<String>) -> Fault {
    Fault::new("NoSuchEntity", message).status(404)
}

fn already_exists(message: impl Into<String>) -> Fault {
    Fault::new("EntityAlreadyExists", message).status(409)
}

fn limit(message: impl Into<String>) -> Fault {
    Fault::new("LimitExceeded", message).status(409)
}

fn invalid_input(message: impl Into<String>) -> Fault {
    Fault::new("InvalidInput", message).status(400)
}

fn conflict(message: impl Into<String>) -> Fault {
    Fault::new("DeleteConflict", message).status(409)
}

/// Documents come back percent-encoded (API reference: "compliant with RFC 3986").
fn encode(document: &str) -> String {
    const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    utf8_percent_encode(document, PLAIN).to_string()
}

/// The `Tags` member laid over `existing`.
fn tags(call: &Call, existing: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Fault> {
    let mut all = existing.clone();
    let mut seen = Vec::new();
    for tag in call.input.get("Tags").and_then(Value::as_array).into_iter().flatten() {
        let text = |member: &str| tag.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
        let key = text("Key");
        // Keys of tags differ by more than case (IAM user guide, "Tags for IAM resources").
        if seen.contains(&key.to_lowercase()) {
            return Err(invalid_input(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            ));
        }
        seen.push(key.to_lowercase());
        all.insert(key, text("Value"));
    }
    if all.len() > TAG_LIMIT {
        return Err(limit("The number of tags has reached the maximum limit."));
    }
    Ok(all)
}

fn tag_list(tags: &BTreeMap<String, String>) -> Value {
    tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}

/// One page of a list.
fn list<T: Clone>(
    world: &World,
    call: &Call,
    member: &str,
    items: &[T],
    show: impl Fn(&T) -> Value,
) -> Reply {
    let bad = || Fault::new("ValidationError", "Invalid Marker.").status(400);
    let (page, next) = world.page(items, call.int("MaxItems"), PAGE, call.str("Marker"), &bad)?;
    let mut reply =
        json!({ member: page.iter().map(show).collect::<Vec<_>>(), "IsTruncated": next.is_some() });
    if let Some(token) = next {
        reply["Marker"] = json!(token);
    }
    Ok(reply)
}

#[cfg(test)]
mod tests;
