//! Amazon CloudWatch Logs: log groups with their settings, metric and subscription filters, policies. There are no
//! log streams and no events.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::tags::Tags;
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

mod filters;
mod groups;
mod policies;

#[cfg(test)]
mod tests;

/// CloudWatch Logs of one account in one region.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// Log groups by name.
    pub groups: BTreeMap<String, Group>,
    /// Resource policies of the account, by name.
    pub policies: BTreeMap<String, Policy>,
    /// Account policies by type, then name.
    pub account_policies: BTreeMap<String, BTreeMap<String, Value>>,
}

/// One log group.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Group {
    /// Seconds since 1970.
    pub created: f64,
    /// STANDARD, INFREQUENT_ACCESS or DELIVERY.
    pub class: String,
    /// Days; `None` keeps forever.
    pub retention_days: Option<i64>,
    /// Key ARN.
    pub kms_key: Option<String>,
    /// Whether DeleteLogGroup is refused.
    pub deletion_protection: bool,
    /// Tags.
    pub tags: Tags,
    /// Metric filters by name.
    pub metric_filters: BTreeMap<String, MetricFilter>,
    /// Subscription filters by name, as they were put.
    pub subscription_filters: BTreeMap<String, Value>,
    /// The resource policy of this group.
    pub policy: Option<Policy>,
}

/// One metric filter.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct MetricFilter {
    /// Seconds since 1970.
    pub created: f64,
    /// Pattern, as it was put.
    pub pattern: String,
    /// The further members of the request: transformations and options.
    pub rest: Map<String, Value>,
}

/// A resource policy.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Policy {
    /// Text, as it was put.
    pub document: String,
    /// Seconds since 1970.
    pub updated: f64,
    /// Changes with every update.
    pub revision: String,
}

/// Runs one call.
pub fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    Some(match call.operation.as_str() {
        "AssociateKmsKey" => groups::associate_key(world, call),
        "CreateLogGroup" => groups::create(world, call),
        "DeleteLogGroup" => groups::delete(world, call),
        "DeleteLogStream" => groups::delete_stream(world, call),
        "DeleteMetricFilter" => filters::delete_metric(world, call),
        "DeleteRetentionPolicy" => groups::delete_retention(world, call),
        "DeleteSubscriptionFilter" => filters::delete_subscription(world, call),
        "DescribeLogGroups" => groups::describe(world, call),
        "DescribeMetricFilters" => filters::describe_metric(world, call),
        "DescribeResourcePolicies" => policies::describe(world, call),
        "DisassociateKmsKey" => groups::disassociate_key(world, call),
        "ListTagsForResource" => groups::list_tags(world, call),
        "PutAccountPolicy" => policies::put_account(world, call),
        "PutMetricFilter" => filters::put_metric(world, call),
        "PutResourcePolicy" => policies::put(world, call),
        "PutRetentionPolicy" => groups::put_retention(world, call),
        "PutSubscriptionFilter" => filters::put_subscription(world, call),
        "TagResource" => groups::tag(world, call),
        _ => return None,
    })
}

/// The log group of an ARN, with or without the `:*` at its end.
pub fn group<'w>(world: &'w World, arn: &str) -> Option<&'w Group> {
    let (account, region, name) = parts(arn)?;
    world.logs.get(&cell(account, region))?.groups.get(name)
}

/// Account, region and name of a log group ARN.
pub fn parts(arn: &str) -> Option<(&str, &str, &str)> {
    let arn = arn.strip_suffix(":*").unwrap_or(arn);
    match arn.split(':').collect::<Vec<_>>().as_slice() {
        ["arn", _, "logs", region, account, "log-group", name] => Some((account, region, name)),
        _ => None,
    }
}

/// The caller's log group of that name.
fn open<'w>(world: &'w mut World, call: &Call, name: &str) -> Result<&'w mut Group, Fault> {
    let groups = world.logs.get_mut(&cell(&call.account, &call.region)).map(|state| &mut state.groups);
    groups.and_then(|groups| groups.get_mut(name)).ok_or_else(no_group)
}

fn here<'w>(world: &'w World, call: &Call) -> Option<&'w State> {
    world.logs.get(&cell(&call.account, &call.region))
}

fn no_group() -> Fault {
    Fault::new("ResourceNotFoundException", "The specified log group does not exist.")
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::new("InvalidParameterException", message)
}

fn limit() -> Fault {
    Fault::new("LimitExceededException", "Resource limit exceeded.")
}

fn bad_token() -> Fault {
    invalid("The specified nextToken is invalid.")
}

/// Timestamps of this API are whole milliseconds.
fn millis(seconds: f64) -> Value {
    json!((seconds * 1000.0).round() as i64)
}

/// One page of `all` under `member`.
fn paged(world: &World, call: &Call, all: &[Value], member: &str) -> Reply {
    // API Reference: 50 by default and at most.
    let (page, next) = world.page(all, call.int("limit"), 50, call.str("nextToken"), &bad_token)?;
    let mut output = json!({member: page});
    if let Some(next) = next {
        output["nextToken"] = json!(next);
    }
    Ok(output)
}
