//! Security Hub CSPM: hubs, standards, members, cross-region aggregation and central configuration.
//!
//! Sources: the API model and reference; the user guide ("Managing accounts with Organizations", "How configuration policies
//! work", "Reviewing the status and details of configuration policies"). Codes and texts of refusals as public reports show
//! them (terraform-provider-aws#36739, #38043, #39687 and its acceptance tests); `Guess:` where there is none.
//!
//! What central configuration and auto-enable make of an account is not stored but worked out from the account's place when
//! somebody asks (`effective`): so a new account, or one that was moved, has at once what its place gives it. Where that
//! ends, accounts keep what they had (`effective::keep`).

mod access;
mod aggregators;
mod associations;
mod effective;
mod findings;
mod hubs;
mod members;
mod organization;
mod policies;
mod standards;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::sandbox::services::tags::Tags;
use crate::sandbox::world::{Call, Reply, World};

/// What stands for a self-managed account where a policy's id is asked for.
pub(super) const SELF_MANAGED: &str = "SELF_MANAGED_SECURITY_HUB";
/// The service principal.
const PRINCIPAL: &str = "securityhub.amazonaws.com";

/// What is stored.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// Hubs by `account/region`, where no policy decides.
    pub hubs: BTreeMap<String, Hub>,
    /// What the delegated administrator set for new accounts, by region (local configuration).
    pub local: BTreeMap<String, Local>,
    /// Central configuration, where it is on.
    pub central: Option<Central>,
    /// Finding aggregators by account: each has at most one, in its home region.
    pub aggregators: BTreeMap<String, Aggregator>,
    /// Configuration policies by id.
    pub policies: BTreeMap<String, Policy>,
    /// What was directly applied to roots, OUs and accounts, by their id.
    pub associations: BTreeMap<String, Association>,
    /// Member accounts by region, with their status, where no policy decides.
    pub members: BTreeMap<String, BTreeMap<String, Member>>,
    /// Findings by `account/region`, then by id.
    pub findings: BTreeMap<String, BTreeMap<String, Value>>,
    /// New associations show PENDING for so many seconds; AWS takes minutes, up to a day. 0: they are there at once.
    pub pending_seconds: f64,
}

/// Security Hub of one account in one region.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Hub {
    /// When it was enabled.
    pub since: f64,
    /// New controls of enabled standards are enabled.
    pub auto_enable_controls: bool,
    /// One finding per control instead of one per control and standard.
    pub consolidated: bool,
    /// Enabled standards: the part of the ARN after the account, and when.
    pub standards: BTreeMap<String, f64>,
    /// Products whose findings are taken in, by name.
    pub products: std::collections::BTreeSet<String>,
    /// Tags.
    pub tags: Tags,
}

/// Auto-enable of one region.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Local {
    /// New accounts become members with Security Hub enabled; since when. `None`: off.
    pub auto_enable: Option<f64>,
    /// New accounts do not get the default standards.
    pub without_standards: bool,
}

/// Central configuration.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Central {
    /// The delegated administrator.
    pub administrator: String,
    /// Home region.
    pub home: String,
}

/// A finding aggregator.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Aggregator {
    /// UUID.
    pub id: String,
    /// Home region.
    pub home: String,
    /// `RegionLinkingMode`.
    pub mode: String,
    /// Included or excluded regions.
    pub regions: Vec<String>,
}

/// A configuration policy.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Policy {
    /// UUID.
    pub id: String,
    /// Name.
    pub name: String,
    /// Description.
    pub description: Option<String>,
    /// `SecurityHub` of the union, as it was sent.
    pub content: Value,
    /// When it was made.
    pub created: f64,
    /// When it was last changed.
    pub updated: f64,
    /// Tags.
    pub tags: Tags,
}

/// A configuration that was applied to a target.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Association {
    /// Policy id, or `SELF_MANAGED_SECURITY_HUB`.
    pub policy: String,
    /// When it was last applied.
    pub since: f64,
}

/// A member account.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Member {
    /// `Enabled`, or `Removed` where it was disassociated.
    pub status: String,
    /// When it was last changed.
    pub updated: f64,
}

/// Runs one call. `None` where the operation has no handler here; the administrator calls are in `integrations`.
pub fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    Some(match call.operation.as_str() {
        "EnableSecurityHub" => hubs::enable(world, call),
        "DescribeHub" => hubs::describe(world, call),
        "UpdateSecurityHubConfiguration" => hubs::update(world, call),
        "DisableSecurityHub" => hubs::disable(world, call),
        "TagResource" => hubs::tag(world, call),
        "UntagResource" => hubs::untag(world, call),
        "ListTagsForResource" => hubs::list_tags(world, call),
        "EnableImportFindingsForProduct" => findings::enable_product(world, call),
        "DisableImportFindingsForProduct" => findings::disable_product(world, call),
        "ListEnabledProductsForImport" => findings::list_products(world, call),
        "BatchImportFindings" => findings::import(world, call),
        "DescribeStandards" => standards::describe(world, call),
        "GetEnabledStandards" => standards::list_enabled(world, call),
        "BatchEnableStandards" => standards::enable(world, call),
        "BatchDisableStandards" => standards::disable(world, call),
        _ => return organization_call(world, call),
    })
}

fn organization_call(world: &mut World, call: &Call) -> Option<Reply> {
    Some(match call.operation.as_str() {
        "DescribeOrganizationConfiguration" => organization::describe(world, call),
        "UpdateOrganizationConfiguration" => organization::update(world, call),
        "ListMembers" => members::list(world, call),
        "GetMembers" => members::get(world, call),
        "CreateMembers" => members::create(world, call),
        "DisassociateMembers" => members::disassociate(world, call),
        "DeleteMembers" => members::delete(world, call),
        "GetAdministratorAccount" => members::administrator(world, call),
        "CreateFindingAggregator" => aggregators::create(world, call),
        "UpdateFindingAggregator" => aggregators::update(world, call),
        "GetFindingAggregator" => aggregators::get(world, call),
        "ListFindingAggregators" => aggregators::list(world, call),
        "DeleteFindingAggregator" => aggregators::delete(world, call),
        "CreateConfigurationPolicy" => policies::create(world, call),
        "GetConfigurationPolicy" => policies::get(world, call),
        "UpdateConfigurationPolicy" => policies::update(world, call),
        "ListConfigurationPolicies" => policies::list(world, call),
        "DeleteConfigurationPolicy" => policies::delete(world, call),
        "StartConfigurationPolicyAssociation" => associations::start(world, call),
        "StartConfigurationPolicyDisassociation" => associations::end(world, call),
        "GetConfigurationPolicyAssociation" => associations::get(world, call),
        "BatchGetConfigurationPolicyAssociations" => associations::batch_get(world, call),
        "ListConfigurationPolicyAssociations" => associations::list(world, call),
        _ => return None,
    })
}

/// An account became the administrator in the region of the call: Security Hub is enabled in it.
/// <https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-accounts.html>
pub(super) fn administrator_named(world: &mut World, account: &str, call: &Call) {
    hubs::ensure(world, account, &call.region, call.now);
}

/// Whether the administrator cannot be taken away by Security Hub's own call: not while configuration is central.
/// <https://docs.aws.amazon.com/securityhub/latest/userguide/start-central-configuration.html>
pub(super) fn holds_administrator(world: &World) -> bool {
    world.securityhub.central.is_some()
}

/// An account is about to get another place: it keeps what it has, where the new place has no policy.
pub(super) fn account_moves(world: &mut World, account: &str) {
    effective::keep(world, account);
}

/// The administrator of one region was taken away: its members are on their own.
pub(super) fn administrator_removed(world: &mut World, region: &str) {
    effective::keep_members(world, region);
    world.securityhub.local.remove(region);
    world.securityhub.members.remove(region);
}

/// The administrator was deregistered in Organizations: central configuration ends, its policies are deleted, and accounts
/// keep what they had. <https://docs.aws.amazon.com/securityhub/latest/userguide/start-central-configuration.html>
pub(super) fn administrator_left(world: &mut World) {
    effective::keep_all(world);
    let regions: Vec<String> = world.securityhub.local.keys().cloned().collect();
    for region in regions {
        effective::keep_members(world, &region);
    }
    let state = &mut world.securityhub;
    state.central = None;
    state.policies.clear();
    state.associations.clear();
    state.local.clear();
    state.members.clear();
}

#[cfg(test)]
mod tests;
