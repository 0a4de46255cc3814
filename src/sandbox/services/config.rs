//! AWS Config: recorders, delivery channels, retention, aggregators and conformance packs of the organization. Nothing
//! is recorded and no rule is evaluated.
//!
//! Whether recording works follows from other state, so it is computed when somebody reads. Sources: the API model with its documentation (quotas, error codes); the developer
//! guide ("Permissions for the Amazon S3 bucket", "Permissions for the KMS key").

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::documents;
use super::tags::Tags;
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

mod aggregators;
mod channel;
mod group;
mod packs;
mod query;
mod recorders;
mod retention;
mod service_linked;
mod tagging;

#[cfg(test)]
mod tests;

/// The service principal of recorders and aggregators.
pub const PRINCIPAL: &str = "config.amazonaws.com";
/// The service principal of organization rules and conformance packs.
pub const SETUP_PRINCIPAL: &str = "config-multiaccountsetup.amazonaws.com";

/// Config of one account in one region.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// The account's own recorder. There is one at most.
    pub recorder: Option<Recorder>,
    /// Recorders that services made for themselves, by service principal.
    pub service_linked: BTreeMap<String, Recorder>,
    /// The delivery channel as it was put, with its name.
    pub channel: Option<Value>,
    /// Days that the history is kept; `None` is AWS's default.
    pub retention_days: Option<i64>,
    /// Aggregators by name.
    pub aggregators: BTreeMap<String, Aggregator>,
    /// Conformance packs of the organization that this account manages, by name.
    pub packs: BTreeMap<String, Pack>,
}

/// A recorder.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Recorder {
    /// Name.
    pub name: String,
    /// ARN of the role that it uses.
    pub role: String,
    /// RecordingGroup, with every member.
    pub group: Value,
    /// RecordingMode, with every member.
    pub mode: Value,
    /// Whether it records.
    pub recording: bool,
    /// When it was last started, seconds since 1970.
    pub started: Option<f64>,
    /// When it was last stopped, seconds since 1970.
    pub stopped: Option<f64>,
    /// Tags.
    pub tags: Tags,
}

/// An aggregator.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Aggregator {
    /// The members of ConfigurationAggregator that the caller gave.
    pub source: Value,
    /// When it was made, seconds since 1970.
    pub created: f64,
    /// When it was last changed, seconds since 1970.
    pub updated: f64,
    /// Tags.
    pub tags: Tags,
}

/// A conformance pack of the organization.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Pack {
    /// The members of OrganizationConformancePack that the caller gave.
    pub settings: Value,
    /// The template, which AWS never gives back.
    pub template: String,
    /// An account that could not get the pack when it was put.
    pub failed_in: Option<String>,
    /// When it was made, seconds since 1970.
    pub created: f64,
    /// When it was last changed, seconds since 1970.
    pub updated: f64,
    /// Tags.
    pub tags: Tags,
}

/// A handler of one operation.
type Handler = fn(&mut World, &Call) -> Reply;

/// Runs one call. `None` where the operation has no handler.
pub fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    let run = handler(&call.operation)?;
    Some(run(world, call))
}

fn handler(operation: &str) -> Option<Handler> {
    Some(match operation {
        "PutConfigurationRecorder" => recorders::put,
        "DescribeConfigurationRecorders" => recorders::describe,
        "DescribeConfigurationRecorderStatus" => recorders::status,
        "ListConfigurationRecorders" => recorders::list,
        "StartConfigurationRecorder" => recorders::start,
        "StopConfigurationRecorder" => recorders::stop,
        "DeleteConfigurationRecorder" => recorders::delete,
        "PutServiceLinkedConfigurationRecorder" => service_linked::put,
        "DeleteServiceLinkedConfigurationRecorder" => service_linked::delete,
        "PutDeliveryChannel" => channel::put,
        "DescribeDeliveryChannels" => channel::describe,
        "DescribeDeliveryChannelStatus" => channel::status,
        "DeleteDeliveryChannel" => channel::delete,
        "PutRetentionConfiguration" => retention::put,
        "DescribeRetentionConfigurations" => retention::describe,
        "DeleteRetentionConfiguration" => retention::delete,
        "PutConfigurationAggregator" => aggregators::put,
        "DescribeConfigurationAggregators" => aggregators::describe,
        "DescribeConfigurationAggregatorSourcesStatus" => aggregators::sources,
        "DeleteConfigurationAggregator" => aggregators::delete,
        "SelectAggregateResourceConfig" => query::select,
        "PutOrganizationConformancePack" => packs::put,
        "DescribeOrganizationConformancePacks" => packs::describe,
        "DescribeOrganizationConformancePackStatuses" => packs::statuses,
        "DeleteOrganizationConformancePack" => packs::delete,
        "TagResource" => tagging::tag,
        "UntagResource" => tagging::untag,
        "ListTagsForResource" => tagging::list,
        _ => return None,
    })
}

/// The caller's Config in the caller's region, for reading.
fn here<'w>(world: &'w World, call: &Call) -> Option<&'w State> {
    world.config.get(&cell(&call.account, &call.region))
}

/// The caller's Config in the caller's region, made on first use.
fn here_mut<'w>(world: &'w mut World, call: &Call) -> &'w mut State {
    world.config.entry(cell(&call.account, &call.region)).or_default()
}

/// An ARN of the caller's region and account.
fn arn(world: &World, call: &Call, resource: &str) -> String {
    world.arn("config", &call.region, &call.account, resource)
}

/// A part of an ARN that AWS makes up: always the same for the same thing.
fn made_up(call: &Call, what: &str) -> String {
    documents::digest_hex(format!("{}/{}/{what}", call.account, call.region).as_bytes(), 4)
}

/// Names that the caller asks for; `None`: all.
fn asked<'c>(call: &'c Call, member: &str) -> Option<Vec<&'c str>> {
    let names: Vec<&str> = call.input.get(member)?.as_array()?.iter().filter_map(Value::as_str).collect();
    (!names.is_empty()).then_some(names)
}

/// The entries of a map that the caller asks for by name, or all.
fn chosen<'w, T>(
    all: &'w BTreeMap<String, T>,
    names: Option<&[&str]>,
    missing: &dyn Fn(&str) -> Fault,
) -> Result<Vec<(&'w String, &'w T)>, Fault> {
    let Some(names) = names else { return Ok(all.iter().collect()) };
    names.iter().map(|name| all.get_key_value(*name).ok_or_else(|| missing(name))).collect()
}

/// One page of a list: `items` are already shown.
fn page(world: &World, call: &Call, member: &str, items: &[Value]) -> Reply {
    let bad_token = || Fault::new("InvalidNextTokenException", "The nextToken provided is invalid");
    let limit = call.int("Limit").or_else(|| call.int("MaxResults")).filter(|limit| *limit > 0);
    let (page, next) = world.page(items, limit, 100, call.str("NextToken"), &bad_token)?;
    let mut reply = json!({ member: page });
    if let Some(token) = next {
        reply["NextToken"] = json!(token);
    }
    Ok(reply)
}

/// The tags of a request, put onto `current`.
fn merged_tags(current: &Tags, call: &Call) -> Result<Tags, Fault> {
    let new = super::tags::read(call.input.get("Tags"), "Key", "Value");
    super::tags::merged(current, new).map_err(|wrong| match wrong {
        super::tags::Wrong::TooMany => Fault::new("TooManyTagsException", "A resource has at most 50 tags."),
        _ => validation("Tag keys are not valid."),
    })
}

fn validation(message: impl Into<String>) -> Fault {
    Fault::new("ValidationException", message)
}
