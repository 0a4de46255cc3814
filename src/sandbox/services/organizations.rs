//! AWS Organizations.
//!
//! Sources: the API model, the Organizations user guide (quotas, evaluation, inheritance), and `facts/scps.md`.
//! Error codes and reasons are the model's. Messages are AWS's own where they are seen in public reports; the
//! others are worded in the same manner (`Guess:` for the wording).
//!
//! Replay rule: reads and refused calls make no ids, so that a log of acknowledged writes gives the same ids
//! again. Whatever a later call completes (an account in creation) got its ids when it was asked for.

mod access;
pub mod accounts;
mod attachments;
mod content;
mod delegation;
mod effective;
mod handshakes;
mod policies;
mod resource_policy;
mod state;
mod tags;
mod units;

use serde_json::{Value, json};

use crate::sandbox::world::{Call, Fault, Reply, World};

pub use accounts::account_limit;
pub use attachments::attached_documents;
pub use delegation::{deregister_delegated_admin, disable_access, enable_access, register_delegated_admin};
pub use effective::effective;
pub use state::{
    Account, AccountState, Creation, Handshake, Organization, Policy, ResourcePolicy, State, Unit,
};

/// The largest page of every list, and its default (model: `MaxResults` 1..20).
const PAGE: usize = 20;

/// The AWS-managed SCP that allows everything.
pub const FULL_ACCESS: &str = "p-FullAWSAccess";
/// The AWS-managed RCP that allows everything.
pub const RCP_FULL_ACCESS: &str = "p-RCPFullAWSAccess";

/// A handler of one operation.
type Handler = fn(&mut World, &Call) -> Reply;

/// Runs one call. `None` where the operation has no handler.
pub fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    let run = handler(&call.operation)?;
    settle(world, call.now);
    Some(access::check(world, call).and_then(|()| run(world, call)))
}

fn handler(operation: &str) -> Option<Handler> {
    Some(match operation {
        "CreateOrganization" => create_organization,
        "DeleteOrganization" => delete_organization,
        "DescribeOrganization" => describe_organization,
        "ListRoots" => list_roots,
        "CreateAccount" => accounts::create,
        "DescribeCreateAccountStatus" => accounts::describe_creation,
        "ListCreateAccountStatus" => accounts::list_creations,
        "DescribeAccount" => accounts::describe,
        "ListAccounts" => accounts::list,
        "ListAccountsForParent" => accounts::list_for_parent,
        "MoveAccount" => accounts::move_account,
        "CloseAccount" => accounts::close,
        "RemoveAccountFromOrganization" => accounts::remove,
        "LeaveOrganization" => accounts::leave,
        "CreateOrganizationalUnit" => units::create,
        "DescribeOrganizationalUnit" => units::describe,
        "UpdateOrganizationalUnit" => units::update,
        "DeleteOrganizationalUnit" => units::delete,
        "ListOrganizationalUnitsForParent" => units::list_for_parent,
        "ListChildren" => units::list_children,
        "ListParents" => units::list_parents,
        _ => return policy_handler(operation).or_else(|| trust_handler(operation)),
    })
}

fn policy_handler(operation: &str) -> Option<Handler> {
    Some(match operation {
        "CreatePolicy" => policies::create,
        "DescribePolicy" => policies::describe,
        "UpdatePolicy" => policies::update,
        "DeletePolicy" => policies::delete,
        "ListPolicies" => policies::list,
        "EnablePolicyType" => attachments::enable_type,
        "DisablePolicyType" => attachments::disable_type,
        "AttachPolicy" => attachments::attach,
        "DetachPolicy" => attachments::detach,
        "ListPoliciesForTarget" => attachments::list_for_target,
        "ListTargetsForPolicy" => attachments::list_targets,
        "DescribeEffectivePolicy" => effective::describe,
        "ListAccountsWithInvalidEffectivePolicy" => effective::list_invalid,
        "ListEffectivePolicyValidationErrors" => effective::list_errors,
        _ => return None,
    })
}

fn trust_handler(operation: &str) -> Option<Handler> {
    Some(match operation {
        "EnableAWSServiceAccess" => delegation::enable,
        "DisableAWSServiceAccess" => delegation::disable,
        "ListAWSServiceAccessForOrganization" => delegation::list_access,
        "RegisterDelegatedAdministrator" => delegation::register,
        "DeregisterDelegatedAdministrator" => delegation::deregister,
        "ListDelegatedAdministrators" => delegation::list_administrators,
        "ListDelegatedServicesForAccount" => delegation::list_services,
        "PutResourcePolicy" => resource_policy::put,
        "DescribeResourcePolicy" => resource_policy::describe,
        "DeleteResourcePolicy" => resource_policy::delete,
        "InviteAccountToOrganization" => handshakes::invite,
        "AcceptHandshake" => handshakes::accept,
        "DescribeHandshake" => handshakes::describe,
        "CancelHandshake" => handshakes::cancel,
        "DeclineHandshake" => handshakes::decline,
        "ListHandshakesForOrganization" => handshakes::list,
        "ListHandshakesForAccount" => handshakes::list_for_account,
        "EnableAllFeatures" => handshakes::enable_all_features,
        "TagResource" => tags::tag,
        "UntagResource" => tags::untag,
        "ListTagsForResource" => tags::list,
        _ => return None,
    })
}

/// Completes what is due at `now`: accounts in creation and accounts being closed.
///
/// A generator that does not want to wait calls this with a time in the future.
pub fn settle(world: &mut World, now: f64) {
    accounts::settle_creations(world, now);
    accounts::settle_closures(world, now);
}

/// Makes the organization of a world that has none: id, root, management account.
///
/// `id` is the organization's id (`o-...`); a fresh one where it is `None`. Policy types start disabled: a new
/// organization shows an empty `PolicyTypes` (terraform-provider-aws#4545; the API's documentation says otherwise).
pub fn found(world: &mut World, id: Option<&str>, management: &Account, all_features: bool) {
    let id = id.map_or_else(|| format!("o-{}", world.lower(10)), str::to_owned);
    let root = format!("r-{}", world.lower(4));
    let mut account = management.clone();
    account.parent.clone_from(&root);
    let state = &mut world.organizations;
    state.organization =
        Some(Organization { id, root: root.clone(), management: account.id.clone(), all_features });
    state.standalone.remove(&account.id);
    attachments::attach_defaults(state, &root);
    attachments::attach_defaults(state, &account.id);
    state.accounts.insert(account.id.clone(), account);
}

fn create_organization(world: &mut World, call: &Call) -> Reply {
    if world.organizations.organization.is_some() {
        return Err(Fault::new(
            "AlreadyInOrganizationException",
            "The AWS account is already a member of an organization.",
        ));
    }
    let known = world.organizations.standalone.get(&call.account).cloned();
    let management = known.unwrap_or_else(|| Account {
        id: call.account.clone(),
        name: "Management".into(),
        email: "aws@example.com".into(),
        parent: String::new(),
        created: false,
        joined: call.now,
        state: AccountState::Active,
        closing_at: None,
    });
    let all_features = call.str("FeatureSet") != Some("CONSOLIDATED_BILLING");
    found(world, None, &Account { created: false, joined: call.now, ..management }, all_features);
    describe_organization(world, call)
}

/// Accounts must be gone; OUs and policies go with it (API reference).
fn delete_organization(world: &mut World, call: &Call) -> Reply {
    if world.organizations.accounts.len() > 1 {
        return Err(Fault::new(
            "OrganizationNotEmptyException",
            "To delete an organization, you must first remove all member accounts.",
        ));
    }
    let State { accounts, standalone, account_limit, .. } = std::mem::take(&mut world.organizations);
    world.organizations.standalone = accounts.into_iter().chain(standalone).collect();
    world.organizations.account_limit = account_limit;
    world.organizations.dissolved_by = Some(call.account.clone());
    Ok(json!({}))
}

fn describe_organization(world: &mut World, _call: &Call) -> Reply {
    let organization = organization(world)?;
    let master = &organization.management;
    let email = world.organizations.accounts.get(master).map(|a| a.email.clone()).unwrap_or_default();
    // AWS always shows the SCP type here, enabled or not, and tells callers to ask ListRoots instead.
    let types = if organization.all_features {
        json!([{"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}])
    } else {
        json!([])
    };
    Ok(json!({"Organization": {
        "Id": organization.id,
        "Arn": arn(world, &format!("organization/{}", organization.id)),
        "FeatureSet": if organization.all_features { "ALL" } else { "CONSOLIDATED_BILLING" },
        "MasterAccountArn": account_arn(world, master),
        "MasterAccountId": master,
        "MasterAccountEmail": email,
        "AvailablePolicyTypes": types,
    }}))
}

fn list_roots(world: &mut World, call: &Call) -> Reply {
    let roots = vec![root_value(world)?];
    list(world, call, "Roots", &roots, Clone::clone)
}

/// The root as ListRoots shows it.
fn root_value(world: &World) -> Reply {
    let organization = organization(world)?;
    let types: Vec<Value> = world
        .organizations
        .policy_types
        .iter()
        .map(|kind| json!({"Type": kind, "Status": "ENABLED"}))
        .collect();
    Ok(json!({
        "Id": organization.root,
        "Arn": arn(world, &format!("root/{}/{}", organization.id, organization.root)),
        "Name": "Root",
        "PolicyTypes": types,
    }))
}

/// The organization, or AWS's fault where there is none.
pub fn organization(world: &World) -> Result<&Organization, Fault> {
    world.organizations.organization.as_ref().ok_or_else(not_in_use)
}

/// The id of the management account, or `None` without an organization.
pub fn management(world: &World) -> Option<&str> {
    world.organizations.organization.as_ref().map(|o| o.management.as_str())
}

/// The account whose keys the sandbox hands out: the management account; without an organization the one that dissolved it.
/// Empty where there never was one.
pub fn keyholder(world: &World) -> &str {
    management(world).or(world.organizations.dissolved_by.as_deref()).unwrap_or_default()
}

/// Whether `account` is registered as a delegated administrator of `principal`.
pub fn is_delegated(world: &World, principal: &str, account: &str) -> bool {
    world.organizations.delegated.get(principal).is_some_and(|accounts| accounts.contains_key(account))
}

/// Whether trusted access of `principal` is on.
pub fn access_enabled(world: &World, principal: &str) -> bool {
    world.organizations.trusted_access.contains_key(principal)
}

/// Root, OUs and the account itself, from the top; empty where the account is no member.
pub fn path_to(world: &World, account: &str) -> Vec<String> {
    let state = &world.organizations;
    let Some(member) = state.accounts.get(account) else { return Vec::new() };
    let mut path = vec![account.to_owned()];
    let mut parent = member.parent.clone();
    loop {
        path.push(parent.clone());
        match state.units.get(&parent) {
            Some(unit) => parent.clone_from(&unit.parent),
            None => break,
        }
    }
    path.reverse();
    path
}

/// The path of an OU or account as AWS writes it: `o-.../r-.../ou-.../`.
fn path_text(world: &World, node: &str, parent: &str) -> String {
    let mut steps = vec![node];
    let mut current = parent;
    while let Some(unit) = world.organizations.units.get(current) {
        steps.push(current);
        current = &unit.parent;
    }
    steps.push(current);
    if let Some(organization) = &world.organizations.organization {
        steps.push(&organization.id);
    }
    steps.reverse();
    format!("{}/", steps.join("/"))
}

/// An ARN owned by the management account.
fn arn(world: &World, resource: &str) -> String {
    world.arn("organizations", "", management(world).unwrap_or_default(), resource)
}

/// The ARN of a member account.
fn account_arn(world: &World, account: &str) -> String {
    let id = world.organizations.organization.as_ref().map(|o| o.id.as_str()).unwrap_or_default();
    arn(world, &format!("account/{id}/{account}"))
}

/// One page of a list: `items` are paged first, `show` renders only those of the page.
fn list<T: Clone>(
    world: &World,
    call: &Call,
    member: &str,
    items: &[T],
    show: impl Fn(&T) -> Value,
) -> Reply {
    let bad_token = || invalid_input("INVALID_NEXT_TOKEN", "You specified an invalid value for NextToken.");
    let (page, next) = world.page(items, call.int("MaxResults"), PAGE, call.str("NextToken"), &bad_token)?;
    let mut reply = json!({ member: page.iter().map(show).collect::<Vec<_>>() });
    if let Some(token) = next {
        reply["NextToken"] = json!(token);
    }
    Ok(reply)
}

fn not_in_use() -> Fault {
    Fault::new("AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")
}

fn invalid_input(reason: &str, message: &str) -> Fault {
    Fault::new("InvalidInputException", message).with("Reason", reason)
}

fn constraint(reason: &str, message: &str) -> Fault {
    Fault::new("ConstraintViolationException", message).with("Reason", reason)
}

fn account_not_found() -> Fault {
    Fault::new("AccountNotFoundException", "You specified an account that doesn't exist.")
}

fn target_not_found() -> Fault {
    Fault::new("TargetNotFoundException", "You specified a target that doesn't exist.")
}

#[cfg(test)]
mod tests;
