//! Amazon Macie: sessions per region, members of the organization's administrator, automated sensitive data discovery. No
//! findings and no jobs.
//!
//! Sources: the API model and its documentation, the user guide ("Managing multiple accounts with AWS Organizations").
//! The administrator is that of `integrations`; its session holds the organization's settings and members. What Macie does to
//! members a little later happens at once here. Messages are guesses, but for that of an account without Macie.

mod members;
mod sessions;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{iam, organizations};
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

/// Service principal, of the service-linked role as well.
const PRINCIPAL: &str = "macie.amazonaws.com";

/// Macie of one account in one region.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "AWS's own switches")]
pub struct Session {
    /// Seconds since 1970.
    pub created: f64,
    /// Seconds since 1970.
    pub updated: f64,
    /// Not paused.
    pub enabled: bool,
    /// FindingPublishingFrequency.
    pub frequency: String,
    /// New accounts of the organization are enabled, where the account administers it.
    pub auto_enable: bool,
    /// Automated sensitive data discovery is on.
    pub discovery: bool,
    /// Which accounts get it: `ALL`, `NEW`; empty: `NONE`.
    pub discovery_members: String,
    /// Policy findings are not sent to Security Hub.
    pub without_policy_findings: bool,
    /// Sensitive data findings are sent to Security Hub.
    pub classification_findings: bool,
    /// Members by account id.
    pub members: BTreeMap<String, Member>,
}

/// A member of an administrator.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Member {
    /// RelationshipStatus.
    pub status: String,
    /// Seconds since 1970.
    pub updated: f64,
}

type Handler = fn(&mut World, &Call) -> Reply;

/// Runs one call. `None` where the operation has no handler.
pub fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    let run: Handler = match call.operation.as_str() {
        "EnableMacie" => sessions::enable,
        "GetMacieSession" => sessions::get,
        "UpdateMacieSession" => sessions::update,
        "DisableMacie" => sessions::disable,
        "GetAutomatedDiscoveryConfiguration" => sessions::get_discovery,
        "UpdateAutomatedDiscoveryConfiguration" => sessions::update_discovery,
        "GetFindingsPublicationConfiguration" => sessions::get_publication,
        "PutFindingsPublicationConfiguration" => sessions::put_publication,
        "DescribeOrganizationConfiguration" => members::describe_organization,
        "UpdateOrganizationConfiguration" => members::update_organization,
        "CreateMember" => members::create,
        "GetMember" => members::get,
        "ListMembers" => members::list,
        "DeleteMember" => members::delete,
        "DisassociateMember" => members::disassociate,
        "UpdateMemberSession" => members::update_session,
        "GetAdministratorAccount" => members::administrator,
        "DisassociateFromAdministratorAccount" => members::resign,
        _ => return None,
    };
    organizations::settle(world, call.now);
    Some(run(world, call))
}

fn denied(message: &str) -> Fault {
    Fault::new("AccessDeniedException", message).status(403)
}

/// Public reports: terraform-provider-aws `aws_macie2_account`.
fn not_enabled() -> Fault {
    denied("Macie is not enabled")
}

fn not_found(message: &str) -> Fault {
    Fault::new("ResourceNotFoundException", message).status(404)
}

fn validation(message: &str) -> Fault {
    Fault::new("ValidationException", message).status(400)
}

/// The caller's session.
fn own<'w>(world: &'w World, call: &Call) -> Result<&'w Session, Fault> {
    world.macie2.get(&cell(&call.account, &call.region)).ok_or_else(not_enabled)
}

/// The same, for writing. `own` was asked before.
fn edit<'w>(world: &'w mut World, call: &Call) -> &'w mut Session {
    let session = world.macie2.entry(cell(&call.account, &call.region)).or_default();
    session.updated = call.now;
    session
}

/// The organization's administrator in a region.
fn administrator<'w>(world: &'w World, region: &str) -> Option<&'w str> {
    let found = world.integrations.administrators.get(&format!("macie2/{region}"));
    found.map(|administrator| administrator.account.as_str())
}

/// Turns Macie on where it is not, and resumes it where it is paused.
fn turn_on(world: &mut World, account: &str, region: &str, now: f64) {
    iam::ensure_derived_role(world, account, PRINCIPAL, now);
    let session = world.macie2.entry(cell(account, region)).or_insert_with(|| Session {
        created: now,
        updated: now,
        frequency: "FIFTEEN_MINUTES".into(),
        ..Session::default()
    });
    session.enabled = true;
}

/// An account was made the organization's administrator: Macie is on there (API documentation of
/// EnableOrganizationAdminAccount).
pub fn administrator_enabled(world: &mut World, account: &str, call: &Call) {
    turn_on(world, account, &call.region, call.now);
}

/// A management account that is a member "won't be allowed to access Macie operations for designating a different
/// administrator account" (user guide, "Changing the Macie administrator account").
///
/// # Errors
/// Guess: `AccessDeniedException`.
pub fn may_name_administrators(world: &World, call: &Call) -> Result<(), Fault> {
    let admin = administrator(world, &call.region);
    let session = admin.and_then(|admin| world.macie2.get(&cell(admin, &call.region)));
    let member = session.and_then(|session| session.members.get(&call.account));
    if member.is_some_and(members::is_associated) {
        return Err(denied("The request failed because the current account is a Macie member account."));
    }
    Ok(())
}

/// The administrator was taken away: it keeps its session, without members.
pub fn administrator_disabled(world: &mut World, account: &str, region: &str) {
    if let Some(session) = world.macie2.get_mut(&cell(account, region)) {
        session.members.clear();
        session.auto_enable = false;
    }
}

/// An account joined the organization.
pub fn joined(world: &mut World, account: &str, now: f64) {
    for (admin, region) in administrators(world) {
        let wanted = world.macie2.get(&cell(&admin, &region)).is_some_and(|session| session.auto_enable);
        if wanted && admin != account && super::account::is_enabled(world, account, &region, now) {
            members::enroll(world, &admin, &region, account, now);
        }
    }
}

/// An account left the organization.
pub fn left(world: &mut World, account: &str) {
    for (admin, region) in administrators(world) {
        if let Some(session) = world.macie2.get_mut(&cell(&admin, &region)) {
            session.members.remove(account);
        }
    }
}

/// The administrators of all regions, with theirs.
fn administrators(world: &World) -> Vec<(String, String)> {
    let places = world.integrations.administrators.iter();
    let own = places.filter_map(|(place, admin)| {
        Some((admin.account.clone(), place.strip_prefix("macie2/")?.to_owned()))
    });
    own.collect()
}
