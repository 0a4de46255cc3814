//! Amazon GuardDuty: detectors, their protection plans, the organization's members, export of findings. No findings.
//!
//! Sources: the API model and its documentation, the user guide ("Managing GuardDuty accounts with AWS Organizations",
//! "Exporting findings", "Changing the delegated administrator"). GuardDuty answers nearly every refusal with
//! `BadRequestException`, so the messages matter; they are AWS's own where public reports show them.
//!
//! The administrator is that of `integrations`; its detector holds members and the organization's configuration. What
//! GuardDuty does to members within 24 hours happens at once here.

mod destinations;
mod detectors;
mod features;
mod members;
mod organization;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::format_description::well_known::Rfc3339;

use super::documents::digest_hex;
use super::organizations;
use super::tags::Tags;
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

pub use features::Feature;
pub use organization::{
    administrator_disabled, administrator_enabled, administrator_may_leave, joined, left,
};

/// Service principal, of the service-linked role as well.
const PRINCIPAL: &str = "guardduty.amazonaws.com";

/// A detector: GuardDuty of one account in one region.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Detector {
    /// 32 hexadecimal digits.
    pub id: String,
    /// Seconds since 1970.
    pub created: f64,
    /// Seconds since 1970.
    pub updated: f64,
    /// Not suspended.
    pub enabled: bool,
    /// FindingPublishingFrequency.
    pub frequency: String,
    /// Protection plans by the API's name.
    pub features: BTreeMap<String, Feature>,
    /// Tags.
    pub tags: Tags,
    /// The organization's configuration, where the account administers it.
    pub organization: Organization,
    /// Members by account id, where the account administers some.
    pub members: BTreeMap<String, Member>,
    /// Publishing destinations by id.
    pub destinations: BTreeMap<String, Destination>,
}

/// What happens to the organization's accounts by itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Organization {
    /// `ALL`, `NEW`; empty: `NONE`.
    pub auto_enable: String,
    /// Features that are not `NONE`, by name, with those of their additional configurations as `FEATURE/NAME`.
    pub features: BTreeMap<String, String>,
}

/// A member of an administrator.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Member {
    /// RelationshipStatus: `Enabled`, `Disabled`, `Created`, `Removed`, `Resigned`.
    pub status: String,
    /// E-mail address that it was added with.
    pub email: String,
    /// Seconds since 1970.
    pub updated: f64,
}

/// Where findings are exported to.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Destination {
    /// ARN of the bucket, maybe with a prefix behind it.
    pub bucket: String,
    /// ARN of the KMS key.
    pub key: String,
    /// The bucket's owner as the caller expects it.
    pub owner: Option<String>,
    /// Tags.
    pub tags: Tags,
}

/// A handler of one operation.
type Handler = fn(&mut World, &Call) -> Reply;

/// Runs one call. `None` where the operation has no handler.
pub fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    let run = handler(&call.operation).or_else(|| member_handler(&call.operation))?;
    // An account that joined before this call is a member before it, whoever notices first.
    organizations::settle(world, call.now);
    Some(run(world, call))
}

fn handler(operation: &str) -> Option<Handler> {
    Some(match operation {
        "CreateDetector" => detectors::create,
        "GetDetector" => detectors::get,
        "UpdateDetector" => detectors::update,
        "DeleteDetector" => detectors::delete,
        "ListDetectors" => detectors::list,
        "TagResource" => detectors::tag,
        "UntagResource" => detectors::untag,
        "ListTagsForResource" => detectors::list_tags,
        "DescribeOrganizationConfiguration" => organization::describe,
        "UpdateOrganizationConfiguration" => organization::update,
        "GetOrganizationStatistics" => organization::statistics,
        "CreatePublishingDestination" => destinations::create,
        "DescribePublishingDestination" => destinations::describe,
        "UpdatePublishingDestination" => destinations::update,
        "DeletePublishingDestination" => destinations::delete,
        "ListPublishingDestinations" => destinations::list,
        _ => return None,
    })
}

fn member_handler(operation: &str) -> Option<Handler> {
    Some(match operation {
        "CreateMembers" => members::create,
        "ListMembers" => members::list,
        "GetMembers" => members::get,
        "DeleteMembers" => members::delete,
        "DisassociateMembers" => members::disassociate,
        "StopMonitoringMembers" => members::stop,
        "StartMonitoringMembers" => members::start,
        "GetMemberDetectors" => members::get_detectors,
        "UpdateMemberDetectors" => members::update_detectors,
        "GetAdministratorAccount" => members::administrator,
        "DisassociateFromAdministratorAccount" => members::resign,
        _ => return None,
    })
}

/// The one refusal of the model, with the type that GuardDuty puts beside it.
fn bad_request(message: impl Into<String>) -> Fault {
    Fault::new("BadRequestException", message).status(400).with("Type", "InvalidInputException")
}

/// Public reports: terraform-provider-aws#10925.
fn not_owned() -> Fault {
    bad_request("The request is rejected because the input detectorId is not owned by the current account.")
}

/// Public reports: terraform-provider-aws#34765.
fn out_of_range() -> Fault {
    bad_request(
        "The request is rejected because an invalid or out-of-range value is specified as an input parameter.",
    )
}

/// The caller's detector, which the input names.
fn own<'w>(world: &'w World, call: &Call) -> Result<&'w Detector, Fault> {
    let found = world.guardduty.get(&cell(&call.account, &call.region));
    found.filter(|detector| detector.id == call.required("DetectorId")).ok_or_else(not_owned)
}

/// The same, for writing. `own` was asked before.
fn edit<'w>(world: &'w mut World, call: &Call) -> &'w mut Detector {
    let detector = world.guardduty.entry(cell(&call.account, &call.region)).or_default();
    detector.updated = call.now;
    detector
}

/// The organization's administrator in a region.
fn administrator<'w>(world: &'w World, region: &str) -> Option<&'w str> {
    let found = world.integrations.administrators.get(&format!("guardduty/{region}"));
    found.map(|administrator| administrator.account.as_str())
}

/// The administrator of an account in a region, where it is an associated member.
fn administrator_of<'w>(world: &'w World, account: &str, region: &str) -> Option<&'w str> {
    let admin = administrator(world, region)?;
    let members = &world.guardduty.get(&cell(admin, region))?.members;
    members.get(account).filter(|member| members::is_associated(member)).map(|_| admin)
}

/// Id of a detector that comes to be without a call of its own: an account may join while somebody reads, and a copy of the
/// world that lags must come to the same one.
fn derived_id(world: &World, account: &str, region: &str) -> String {
    digest_hex(format!("{}/guardduty/{account}/{region}", world.seed).as_bytes(), 16)
}

/// A time as GuardDuty's texts have it.
fn text(time: f64) -> String {
    let moment = time::OffsetDateTime::from_unix_timestamp(time as i64);
    moment.ok().and_then(|moment| moment.format(&Rfc3339).ok()).unwrap_or_default()
}

/// The strings of a list member.
fn strings(call: &Call, member: &str) -> Vec<String> {
    let list = call.input.get(member).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// One page of a list with the model's page size (1 to 50, 50 by default).
fn page<T: Clone>(world: &World, call: &Call, all: &[T]) -> Result<(Vec<T>, Option<String>), Fault> {
    let bad = || bad_request("The request is rejected because the parameter nextToken has an invalid value.");
    world.page(all, call.int("MaxResults"), 50, call.str("NextToken"), &bad)
}
