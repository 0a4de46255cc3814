//! Accounts: creating, reading, moving, closing, leaving.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sandbox::services::{self, account, iam};
use crate::sandbox::world::{Call, Fault, Reply, World};

use super::state::{Account, AccountState, Creation};
use super::{account_arn, account_not_found, attachments, constraint, list as page, organization, tags};

/// The role that CreateAccount makes where the caller names none.
const DEFAULT_ROLE: &str = "OrganizationAccountAccessRole";
/// Accounts in an organization by default (`aws-limits.md` 1.2).
const ACCOUNT_LIMIT: usize = 10;
/// Accounts in creation at once (`aws-limits.md` 1.2).
const CREATIONS_AT_ONCE: usize = 5;
/// A creation completes after this many seconds, or after `CREATION_READS` reads of its status.
const CREATION_SECONDS: f64 = 2.0;
const CREATION_READS: u32 = 3;
/// A closure completes after this many seconds; AWS needs minutes.
const CLOSURE_SECONDS: f64 = 10.0;
/// Closures in progress at once (`aws-limits.md` 1.2).
const CLOSURES_AT_ONCE: usize = 3;
/// Created accounts may leave after four days (`aws-limits.md` 1.2).
const WAIT_SECONDS: f64 = 4.0 * 86_400.0;
const DAY: f64 = 86_400.0;

pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    if !organization(world)?.all_features && call.str("RoleName").is_some() {
        return Err(constraint(
            "ORGANIZATION_NOT_IN_ALL_FEATURES_MODE",
            "The organization must have all features enabled.",
        ));
    }
    let tags = tags::parse(call, &BTreeMap::new())?;
    if in_progress(world).count() >= CREATIONS_AT_ONCE {
        // The text is what users report for concurrent requests (pulumi-aws-native#1687). Guess: that the
        // sixth concurrent creation gets this code; the quota page only says "5 at once".
        return Err(Fault::new(
            "TooManyRequestsException",
            "AWS Organizations can't complete your request because another request is already in progress. \
             Try again later.",
        ));
    }
    let email = call.required("Email").to_owned();
    let failure = creation_failure(world, &email);
    let creation = Creation {
        id: format!("car-{}", world.hex(32)),
        account: fresh_account_id(world),
        name: call.required("AccountName").to_owned(),
        email,
        role: call.str("RoleName").unwrap_or(DEFAULT_ROLE).to_owned(),
        role_id: iam::fresh_id(world, "AROA"),
        tags,
        requested: call.now,
        completed: None,
        failure,
        reads: 0,
    };
    let reply = json!({"CreateAccountStatus": creation_value(&creation)});
    world.organizations.creations.insert(creation.id.clone(), creation);
    Ok(reply)
}

/// Why a creation with this address is going to fail; decided when it is asked for, so that it does not depend
/// on who looks when.
fn creation_failure(world: &World, email: &str) -> Option<String> {
    let state = &world.organizations;
    let same = |other: &str| other.eq_ignore_ascii_case(email);
    let taken = state.accounts.values().chain(state.standalone.values()).any(|a| same(&a.email))
        || in_progress(world).any(|c| same(&c.email));
    if taken {
        return Some("EMAIL_ALREADY_EXISTS".into());
    }
    let limit = account_limit(world);
    let full = state.accounts.len() + in_progress(world).count() >= limit;
    full.then(|| "ACCOUNT_LIMIT_EXCEEDED".into())
}

/// How many accounts the organization may have.
pub fn account_limit(world: &World) -> usize {
    world.organizations.account_limit.unwrap_or(ACCOUNT_LIMIT)
}

fn in_progress(world: &World) -> impl Iterator<Item = &Creation> {
    world.organizations.creations.values().filter(|c| c.completed.is_none())
}

/// A twelve-digit id that no account has.
fn fresh_account_id(world: &mut World) -> String {
    loop {
        let id = format!("{}{}", world.id(1, "123456789"), world.id(11, "0123456789"));
        let state = &world.organizations;
        let taken = state.accounts.contains_key(&id)
            || state.standalone.contains_key(&id)
            || state.creations.values().any(|c| c.account == id);
        if !taken {
            return id;
        }
    }
}

/// Completes creations that are due.
pub(super) fn settle_creations(world: &mut World, now: f64) {
    let due: Vec<String> = in_progress(world)
        .filter(|c| now - c.requested >= CREATION_SECONDS || c.reads >= CREATION_READS)
        .map(|c| c.id.clone())
        .collect();
    for id in due {
        let Some(creation) = world.organizations.creations.get_mut(&id) else { continue };
        creation.completed = Some(now.min(creation.requested + CREATION_SECONDS));
        let done = creation.clone();
        if done.failure.is_none() {
            add_created(world, &done);
        }
    }
}

fn add_created(world: &mut World, creation: &Creation) {
    let Ok(organization) = organization(world).cloned() else { return };
    let joined = creation.completed.unwrap_or(creation.requested);
    let account = Account {
        id: creation.account.clone(),
        name: creation.name.clone(),
        email: creation.email.clone(),
        parent: organization.root,
        created: true,
        joined,
        state: AccountState::Active,
        closing_at: None,
    };
    account::inherit_contact(world, &creation.account);
    iam::add_access_role(
        world,
        &account.id,
        &organization.management,
        &creation.role,
        &creation.role_id,
        joined,
    );
    if !creation.tags.is_empty() {
        world.organizations.tags.insert(account.id.clone(), creation.tags.clone());
    }
    join(world, account);
}

/// Takes an account into the organization, with the policies that AWS attaches to every new account, and tells the
/// services whose administrators enable new members.
pub fn join(world: &mut World, account: Account) {
    let state = &mut world.organizations;
    let (id, joined) = (account.id.clone(), account.joined);
    attachments::attach_defaults(state, &id);
    state.standalone.remove(&id);
    state.accounts.insert(id.clone(), account);
    services::account_joined(world, &id, joined);
}

/// Completes closures that are due.
pub(super) fn settle_closures(world: &mut World, now: f64) {
    let due = |a: &&mut Account| a.closing_at.is_some_and(|at| now >= at);
    for account in world.organizations.accounts.values_mut().filter(due) {
        account.closing_at = None;
        account.state = AccountState::Closed;
    }
}

fn creation_value(creation: &Creation) -> Value {
    let state = match (creation.completed, &creation.failure) {
        (None, _) => "IN_PROGRESS",
        (Some(_), None) => "SUCCEEDED",
        (Some(_), Some(_)) => "FAILED",
    };
    let mut value = json!({
        "Id": creation.id,
        "AccountName": creation.name,
        "State": state,
        "RequestedTimestamp": creation.requested,
    });
    if let Some(completed) = creation.completed {
        value["CompletedTimestamp"] = json!(completed);
        match &creation.failure {
            Some(reason) => value["FailureReason"] = json!(reason),
            None => value["AccountId"] = json!(creation.account),
        }
    }
    value
}

pub(super) fn describe_creation(world: &mut World, call: &Call) -> Reply {
    let id = call.required("CreateAccountRequestId");
    let Some(creation) = world.organizations.creations.get_mut(id) else {
        return Err(Fault::new(
            "CreateAccountStatusNotFoundException",
            "You specified a create account request that doesn't exist.",
        ));
    };
    creation.reads += u32::from(creation.completed.is_none());
    Ok(json!({"CreateAccountStatus": creation_value(creation)}))
}

pub(super) fn list_creations(world: &mut World, call: &Call) -> Reply {
    let wanted: Vec<&str> = call
        .input
        .get("States")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let values: Vec<Value> = world
        .organizations
        .creations
        .values()
        .map(creation_value)
        .filter(|v| wanted.is_empty() || wanted.iter().any(|state| v["State"] == *state))
        .collect();
    page(world, call, "CreateAccountStatuses", &values, Clone::clone)
}

/// An account as ListAccounts and DescribeAccount show it.
pub(super) fn account_value(world: &World, account: &Account) -> Value {
    json!({
        "Id": account.id,
        "Arn": account_arn(world, &account.id),
        "Email": account.email,
        "Name": account.name,
        "Status": account.state.status(),
        "State": account.state.text(),
        "Paths": [super::path_text(world, &account.id, &account.parent)],
        "JoinedMethod": if account.created { "CREATED" } else { "INVITED" },
        "JoinedTimestamp": account.joined,
    })
}

pub(super) fn describe(world: &mut World, call: &Call) -> Reply {
    Ok(json!({"Account": account_value(world, member(world, call)?)}))
}

/// The account of the `AccountId` member.
pub(super) fn member<'w>(world: &'w World, call: &Call) -> Result<&'w Account, Fault> {
    world.organizations.accounts.get(call.required("AccountId")).ok_or_else(account_not_found)
}

pub(super) fn list(world: &mut World, call: &Call) -> Reply {
    list_where(world, call, |_| true)
}

pub(super) fn list_for_parent(world: &mut World, call: &Call) -> Reply {
    let parent = call.required("ParentId");
    super::units::require_parent(world, parent)?;
    list_where(world, call, |account| account.parent == parent)
}

fn list_where(world: &World, call: &Call, keep: impl Fn(&Account) -> bool) -> Reply {
    let ids: Vec<&String> =
        world.organizations.accounts.iter().filter(|(_, a)| keep(a)).map(|(id, _)| id).collect();
    page(world, call, "Accounts", &ids, |id| {
        world.organizations.accounts.get(*id).map_or(Value::Null, |a| account_value(world, a))
    })
}

pub(super) fn move_account(world: &mut World, call: &Call) -> Reply {
    let (source, destination) = (call.required("SourceParentId"), call.required("DestinationParentId"));
    let parent = member(world, call)?.parent.clone();
    let missing = |code: &str, which: &str| {
        Fault::new(code, format!("You specified a {which} parent that doesn't exist."))
    };
    // Guess: an existing source that does not hold the account is answered like one that does not exist.
    if !super::units::is_parent(world, source) || parent != source {
        return Err(missing("SourceParentNotFoundException", "source"));
    }
    if !super::units::is_parent(world, destination) {
        return Err(missing("DestinationParentNotFoundException", "destination"));
    }
    if destination == parent {
        return Err(Fault::new(
            "DuplicateAccountException",
            "The specified account is already present in the specified destination.",
        ));
    }
    // What a policy of its old place gave the account stays, where the new place gives it none.
    crate::sandbox::services::securityhub::account_moves(world, call.required("AccountId"));
    if let Some(account) = world.organizations.accounts.get_mut(call.required("AccountId")) {
        destination.clone_into(&mut account.parent);
    }
    Ok(json!({}))
}

pub(super) fn close(world: &mut World, call: &Call) -> Reply {
    let account = member(world, call)?.clone();
    if super::management(world) == Some(account.id.as_str()) {
        return Err(constraint("CANNOT_CLOSE_MANAGEMENT_ACCOUNT", "You can't close the management account."));
    }
    match account.state {
        AccountState::Closed | AccountState::Suspended => {
            return Err(Fault::new(
                "AccountAlreadyClosedException",
                "You attempted to close an account that is already closed.",
            ));
        }
        AccountState::PendingClosure => {
            return Err(Fault::new("ConflictException", "The account is already being closed."));
        }
        AccountState::Active | AccountState::PendingActivation => {}
    }
    refuse_delegated(world, &account.id)?;
    check_closures(world, call.now)?;
    world.organizations.closures.push(call.now);
    if let Some(account) = world.organizations.accounts.get_mut(&account.id) {
        account.state = AccountState::PendingClosure;
        account.closing_at = Some(call.now + CLOSURE_SECONDS);
    }
    Ok(json!({}))
}

/// Three closures at once; 250 or 20 % of the accounts, at most 1,000, in 30 days (`aws-limits.md` 1.2).
fn check_closures(world: &World, now: f64) -> Result<(), Fault> {
    let state = &world.organizations;
    let running = state.accounts.values().filter(|a| a.state == AccountState::PendingClosure).count();
    if running >= CLOSURES_AT_ONCE {
        return Err(constraint(
            "CLOSE_ACCOUNT_REQUESTS_LIMIT_EXCEEDED",
            "You have exceeded the number of accounts that you can close at a time.",
        ));
    }
    let recent = state.closures.iter().filter(|at| now - **at < 30.0 * DAY).count();
    let quota = (state.accounts.len() / 5).clamp(250, 1_000);
    if recent >= quota {
        return Err(constraint(
            "CLOSE_ACCOUNT_QUOTA_EXCEEDED",
            "You have exceeded the close account quota for the past 30 days.",
        ));
    }
    Ok(())
}

fn refuse_delegated(world: &World, account: &str) -> Result<(), Fault> {
    if world.organizations.delegated.values().any(|accounts| accounts.contains_key(account)) {
        return Err(constraint(
            "CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG",
            "You can't remove or close an account that is a delegated administrator for a service.",
        ));
    }
    Ok(())
}

pub(super) fn remove(world: &mut World, call: &Call) -> Reply {
    let account = member(world, call)?.id.clone();
    part(world, &account, call.now)
}

pub(super) fn leave(world: &mut World, call: &Call) -> Reply {
    part(world, &call.account, call.now)
}

/// Takes an account out of the organization.
fn part(world: &mut World, id: &str, now: f64) -> Reply {
    if super::management(world) == Some(id) {
        return Err(Fault::new(
            "MasterCannotLeaveOrganizationException",
            "You can't remove a management account from an organization.",
        ));
    }
    refuse_delegated(world, id)?;
    let state = &mut world.organizations;
    let account = state.accounts.get(id).ok_or_else(account_not_found)?;
    if account.created && now - account.joined < WAIT_SECONDS {
        return Err(constraint(
            "WAIT_PERIOD_ACTIVE",
            "The account can't leave the organization before its wait period is over.",
        ));
    }
    if account.created {
        // Nothing in the sandbox gives an account a payment method of its own.
        return Err(constraint(
            "MEMBER_ACCOUNT_PAYMENT_INSTRUMENT_REQUIRED",
            "The member account must have a payment method before it can leave the organization.",
        ));
    }
    if let Some(mut account) = state.accounts.remove(id) {
        account.parent.clear();
        state.attachments.remove(id);
        state.tags.remove(id);
        state.standalone.insert(id.to_owned(), account);
        services::account_left(world, id, now);
    }
    Ok(json!({}))
}
