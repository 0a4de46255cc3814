//! Amazon Inspector: scan types per account and region, members, auto-enable, scan configuration.
//!
//! Sources: the API model and reference; the user guide ("Managing multiple accounts"); codes and texts as public reports show
//! them (terraform-provider-aws `inspector2` and #27646, terraform-aws-mcaf-landing-zone#200); `Guess:` where there is none.
//!
//! What auto-enable gives to an account that joined since is worked out when somebody asks, and stored when it ends.

mod configuration;
mod members;
mod organization;
mod scans;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::sandbox::services::organizations;
use crate::sandbox::world::{Call, Fault, Reply, World};

/// The service principal.
const PRINCIPAL: &str = "inspector2.amazonaws.com";
/// Scan types of the API, and the member that shows each.
const TYPES: &[(&str, &str)] = &[
    ("EC2", "ec2"),
    ("ECR", "ecr"),
    ("LAMBDA", "lambda"),
    ("LAMBDA_CODE", "lambdaCode"),
    ("CODE_REPOSITORY", "codeRepository"),
];

/// What is stored.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// Scan types that are on, by `account/region`; an account without an entry may have what auto-enable gave it.
    pub scans: BTreeMap<String, BTreeSet<String>>,
    /// What new accounts get, by region: since when each scan type is on.
    pub auto_enable: BTreeMap<String, BTreeMap<String, f64>>,
    /// Members that were associated (`true`) or disassociated, by region; others are members if they joined since.
    pub members: BTreeMap<String, BTreeMap<String, Member>>,
    /// Scan configuration, by `account/region`.
    pub configuration: BTreeMap<String, Configuration>,
}

/// A member account.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Member {
    /// Associated rather than removed.
    pub associated: bool,
    /// Since when.
    pub since: f64,
}

/// How EC2 instances and ECR images are scanned.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Configuration {
    /// `scanMode` of EC2.
    pub ec2: String,
    /// `rescanDuration` of ECR, from the push of an image.
    pub ecr: String,
    /// `pullDateRescanDuration`.
    pub pull: String,
    /// `pullDateRescanMode`.
    pub pull_mode: String,
    /// When it was last changed.
    pub updated: f64,
}

/// Runs one call. `None` where the operation has no handler here; the administrator calls are in `integrations`.
pub fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    Some(match call.operation.as_str() {
        "Enable" => scans::enable(world, call),
        "Disable" => scans::disable(world, call),
        "BatchGetAccountStatus" => Ok(scans::status(world, call)),
        "DescribeOrganizationConfiguration" => organization::describe(world, call),
        "UpdateOrganizationConfiguration" => organization::update(world, call),
        "AssociateMember" => members::associate(world, call),
        "DisassociateMember" => members::disassociate(world, call),
        "ListMembers" => members::list(world, call),
        "GetMember" => members::get(world, call),
        "GetConfiguration" => configuration::get(world, call),
        "UpdateConfiguration" => configuration::update(world, call),
        _ => return None,
    })
}

/// The administrator of one region was taken away: its members keep their scan types and are on their own (user guide,
/// "Designating a delegated administrator").
pub(super) fn administrator_removed(world: &mut World, region: &str) {
    organization::keep(world, region);
    world.inspector2.auto_enable.remove(region);
    world.inspector2.members.remove(region);
}

fn denied(message: &str) -> Fault {
    Fault::new("AccessDeniedException", message).status(403)
}

fn validation(message: impl Into<String>) -> Fault {
    Fault::new("ValidationException", message).status(400).with("reason", "OTHER")
}

fn not_found(message: &str) -> Fault {
    Fault::new("ResourceNotFoundException", message).status(404)
}

/// The administrator of a region.
fn administrator<'w>(world: &'w World, region: &str) -> Option<&'w str> {
    let place = format!("inspector2/{region}");
    world.integrations.administrators.get(&place).map(|admin| admin.account.as_str())
}

fn is_administrator(world: &World, call: &Call) -> bool {
    administrator(world, &call.region) == Some(call.account.as_str())
}

/// Refuses everybody but the administrator of the region. Guess: the text.
fn administrator_only(world: &World, call: &Call) -> Result<(), Fault> {
    if is_administrator(world, call) {
        return Ok(());
    }
    Err(denied("Invoking account is not the delegated administrator of the organization."))
}

fn is_active(world: &World, account: &str) -> bool {
    let state = world.organizations.accounts.get(account).map(|account| account.state);
    state == Some(organizations::AccountState::Active)
}

#[cfg(test)]
mod tests;
