//! VPC flow logs.
//!
//! The destination is checked as AWS does when a flow log is made: a bucket must exist, and one of another account must let
//! `delivery.logs.amazonaws.com` look at its ACL and write (VPC user guide, "Amazon S3 bucket permissions for flow logs").
//! Nothing is delivered.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::tags::Tags;
use super::super::{documents, s3};
use super::describe::{filtered, missing as missing_resource, paged};
use super::{edit, network, strings, tagging, view};
use crate::sandbox::world::{Call, Fault, Reply, World};

/// A flow log.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FlowLog {
    /// Id of the VPC, subnet, network interface or transit gateway.
    pub resource: String,
    /// `ACCEPT`, `REJECT` or `ALL`; transit gateways have none.
    pub traffic: Option<String>,
    /// `cloud-watch-logs`, `s3` or `kinesis-data-firehose`.
    pub destination_type: String,
    /// ARN.
    pub destination: Option<String>,
    /// Name of a log group.
    pub log_group: Option<String>,
    /// ARN of the role that delivers to a log group.
    pub role: Option<String>,
    /// Fields of a record.
    pub format: String,
    /// Seconds.
    pub interval: i64,
    /// Format and folders of the files in a bucket.
    pub options: Option<Value>,
    /// Seconds since 1970.
    pub created: f64,
    /// Client token of the call that made it.
    pub token: Option<String>,
}

/// The default format (VPC user guide, "Flow log records").
const DEFAULT_FORMAT: &str = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} \
                              ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}";
const SERVICE: &str = "delivery.logs.amazonaws.com";

/// One resource's failure in an answer that is no error as a whole.
type Failed = (&'static str, String);

pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    let wanted = wanted(call)?;
    let tags = tagging::asked(call, "vpc-flow-log")?;
    let resources = strings(call.input.get("ResourceIds"));
    if let Some(reply) = repeated(world, call) {
        return Ok(reply);
    }
    let mut failed = Vec::new();
    let mut good = Vec::new();
    for resource in &resources {
        let log = FlowLog { resource: resource.clone(), ..wanted.clone() };
        match check(world, call, &log) {
            Ok(()) => good.push(log),
            Err(why) => failed.push((resource.clone(), why)),
        }
    }
    // Guess: a failure that all resources share is an error of the call; public reports have only single resources.
    if let ([], [(_, (code, message)), ..]) = (good.as_slice(), failed.as_slice())
        && *code != REFUSED
    {
        return Err(Fault::new(code, message.clone()).status(400));
    }
    let ids = store(world, call, good, &tags);
    let unsuccessful: Vec<Value> = failed
        .into_iter()
        .map(|(id, (code, message))| json!({"ResourceId": id, "Error": {"Code": code, "Message": message}}))
        .collect();
    let mut reply = json!({"FlowLogIds": ids, "Unsuccessful": unsuccessful});
    if let Some(token) = call.str("ClientToken") {
        reply["ClientToken"] = json!(token);
    }
    Ok(reply)
}

fn store(world: &mut World, call: &Call, logs: Vec<FlowLog>, tags: &Tags) -> Vec<String> {
    let mut ids = Vec::new();
    for log in logs {
        let id = network::fresh(world, "fl-");
        edit(world, call).flow_logs.insert(id.clone(), log);
        tagging::set(world, call, &id, tags.clone());
        ids.push(id);
    }
    ids
}

/// The answer to a call whose client token was seen before.
fn repeated(world: &World, call: &Call) -> Option<Value> {
    let token = call.str("ClientToken")?;
    let made = view(world, call).flow_logs.iter().filter(|(_, log)| log.token.as_deref() == Some(token));
    let ids: Vec<&String> = made.map(|(id, _)| id).collect();
    (!ids.is_empty()).then(|| json!({"ClientToken": token, "FlowLogIds": ids, "Unsuccessful": []}))
}

/// What the call asks for, without a resource.
fn wanted(call: &Call) -> Result<FlowLog, Fault> {
    let invalid = |message: &str| Fault::new("InvalidParameter", message).status(400);
    let kind = call.str("LogDestinationType").unwrap_or("cloud-watch-logs");
    let is_transit = call.required("ResourceType").starts_with("TransitGateway");
    if call.str("TrafficType").is_none() && !is_transit {
        return Err(
            Fault::new("MissingParameter", "The request must contain the parameter TrafficType").status(400)
        );
    }
    let interval = call.int("MaxAggregationInterval").unwrap_or(if is_transit { 60 } else { 600 });
    if ![60, 600].contains(&interval) {
        return Err(invalid("Invalid Flow Log Max Aggregation Interval"));
    }
    let destination = call.str("LogDestination").map(ToOwned::to_owned);
    if kind == "s3" && destination.as_deref().and_then(bucket).is_none() {
        return Err(invalid("LogDestination can't be empty if LogDestinationType is S3."));
    }
    if kind == "s3" && call.str("DeliverLogsPermissionArn").is_some() {
        return Err(invalid("DeliverLogsPermissionArn is not applicable for s3 delivery"));
    }
    let log_group = call.str("LogGroupName").map(ToOwned::to_owned);
    let role = call.str("DeliverLogsPermissionArn").map(ToOwned::to_owned);
    if kind == "cloud-watch-logs" && role.is_none() {
        return Err(invalid(
            "DeliverLogsPermissionArn can't be empty if LogDestinationType is cloud-watch-logs.",
        ));
    }
    let format = call.str("LogFormat").unwrap_or(DEFAULT_FORMAT);
    if !format.split(' ').all(|field| field.starts_with("${") && field.ends_with('}')) {
        return Err(invalid("The log format is not valid."));
    }
    Ok(FlowLog {
        resource: String::new(),
        traffic: call.str("TrafficType").map(ToOwned::to_owned),
        destination_type: kind.to_owned(),
        destination,
        log_group,
        role,
        format: format.to_owned(),
        interval,
        options: (kind == "s3").then(|| options(call)),
        created: call.now,
        token: call.str("ClientToken").map(ToOwned::to_owned),
    })
}

/// Guess: what was left out is shown with its default.
fn options(call: &Call) -> Value {
    let sent = call.input.get("DestinationOptions");
    let flag = |name: &str| sent.and_then(|s| s.get(name)).and_then(Value::as_bool).unwrap_or(false);
    let format = sent.and_then(|s| s.get("FileFormat")).and_then(Value::as_str).unwrap_or("plain-text");
    json!({
        "FileFormat": format, "HiveCompatiblePartitions": flag("HiveCompatiblePartitions"),
        "PerHourPartition": flag("PerHourPartition"),
    })
}

/// Bucket of an S3 ARN, which may name a folder.
fn bucket(arn: &str) -> Option<&str> {
    let name = arn.split_once(":s3:::")?.1;
    Some(name.split('/').next().unwrap_or(name)).filter(|name| !name.is_empty())
}

/// Code of failures that have an HTTP status in place of a code (public reports of "Access Denied for LogDestination").
const REFUSED: &str = "400";

fn check(world: &World, call: &Call, log: &FlowLog) -> Result<(), Failed> {
    if log.resource.starts_with("vpc-") && network::get(world, call, &log.resource).is_none() {
        return Err(("InvalidVpcId.NotFound", format!("The vpc ID '{}' does not exist", log.resource)));
    }
    let known = ["subnet-", "eni-"].iter().any(|prefix| log.resource.starts_with(prefix));
    if known && network::get(world, call, &log.resource).is_none() {
        let fault = missing_resource(&log.resource);
        return Err(("InvalidParameter", fault.message));
    }
    if log.destination_type == "s3" {
        may_deliver(world, call, log.destination.as_deref().and_then(bucket).unwrap_or_default())?;
    }
    // Guess: which settings belong to "the same configuration".
    let same = |have: &FlowLog| {
        let key = |log: &FlowLog| {
            let place = (log.destination.clone(), log.log_group.clone(), log.destination_type.clone());
            (
                log.resource.clone(),
                place,
                log.traffic.clone(),
                log.format.clone(),
                log.options.clone(),
                log.interval,
            )
        };
        key(have) == key(log)
    };
    if view(world, call).flow_logs.values().any(same) {
        let message = "Error. There is an existing Flow Log with the same configuration and log destination.";
        return Err(("FlowLogAlreadyExists", message.into()));
    }
    Ok(())
}

/// Whether log delivery may write to a bucket. Guess: in a bucket of the same account AWS adds what is missing to the
/// policy (as the guide says), which is not simulated.
fn may_deliver(world: &World, call: &Call, name: &str) -> Result<(), Failed> {
    let Some(bucket) = s3::bucket(world, name) else {
        return Err((REFUSED, format!("LogDestination: {name} does not exist.")));
    };
    if bucket.owner == call.account {
        return Ok(());
    }
    let arn = world.arn("s3", "", "", name);
    let object = format!("{arn}/AWSLogs/{}/vpcflowlogs/{}/log.gz", call.account, call.region);
    let source = world.arn("logs", &call.region, &call.account, "vpc-flow-logs");
    let policy = bucket.policy.as_deref().unwrap_or_default();
    let may = |action: &str, resource: &str| {
        let request = documents::service_request(world, SERVICE, action, resource, (&call.account, &source))
            .with("s3:x-amz-acl", "bucket-owner-full-control");
        documents::allows(policy, &request)
    };
    if may("s3:GetBucketAcl", &arn) && may("s3:PutObject", &object) {
        return Ok(());
    }
    Err((
        REFUSED,
        format!("Access Denied for LogDestination: {name}. Please check LogDestination permission"),
    ))
}

/// The refusal of ids that do not exist.
pub(super) fn missing(ids: &[&str]) -> Fault {
    let message = format!(
        "These flow log ids in the input list are not found: [TotalCount: {}] {}",
        ids.len(),
        ids.join(" ")
    );
    Fault::new("InvalidFlowLogId.NotFound", message).status(400)
}

pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    let ids = strings(call.input.get("FlowLogIds"));
    let known = &view(world, call).flow_logs;
    let unknown: Vec<&str> = ids.iter().map(String::as_str).filter(|id| !known.contains_key(*id)).collect();
    if !unknown.is_empty() {
        return Err(missing(&unknown));
    }
    let state = edit(world, call);
    for id in &ids {
        state.flow_logs.remove(id);
        state.tags.remove(id);
    }
    Ok(json!({"Unsuccessful": []}))
}

const FILTERS: [(&str, &str); 6] = [
    ("deliver-log-status", "DeliverLogsStatus"),
    ("flow-log-id", "FlowLogId"),
    ("log-destination-type", "LogDestinationType"),
    ("log-group-name", "LogGroupName"),
    ("resource-id", "ResourceId"),
    ("traffic-type", "TrafficType"),
];

pub(super) fn describe(world: &mut World, call: &Call) -> Reply {
    let ids = strings(call.input.get("FlowLogIds"));
    let state = view(world, call);
    let unknown: Vec<&str> =
        ids.iter().map(String::as_str).filter(|id| !state.flow_logs.contains_key(*id)).collect();
    if !unknown.is_empty() {
        return Err(missing(&unknown));
    }
    let chosen = state.flow_logs.iter().filter(|(id, _)| ids.is_empty() || ids.contains(id));
    let shown: Vec<Value> = chosen
        .map(|(id, log)| {
            let mut value = shown(world, id, log);
            value["Tags"] = tagging::shown(state, id);
            value
        })
        .collect();
    let shown = filtered(call, "Filter", &FILTERS, shown)?;
    paged(world, call, &shown, "FlowLogs")
}

/// A bucket that is gone since fails the delivery.
fn shown(world: &World, id: &str, log: &FlowLog) -> Value {
    let name = log.destination.as_deref().filter(|_| log.destination_type == "s3").and_then(bucket);
    let fails = name.is_some_and(|name| s3::bucket(world, name).is_none());
    let mut value = json!({
        "FlowLogId": id, "FlowLogStatus": "ACTIVE", "ResourceId": log.resource, "LogFormat": log.format,
        "LogDestinationType": log.destination_type, "MaxAggregationInterval": log.interval,
        "CreationTime": log.created, "DeliverLogsStatus": if fails { "FAILED" } else { "SUCCESS" },
    });
    let mut set = |member: &str, text: Option<Value>| {
        if let Some(text) = text {
            value[member] = text;
        }
    };
    set("TrafficType", log.traffic.as_ref().map(|v| json!(v)));
    set("LogDestination", log.destination.as_ref().map(|v| json!(v)));
    set("LogGroupName", log.log_group.as_ref().map(|v| json!(v)));
    set("DeliverLogsPermissionArn", log.role.as_ref().map(|v| json!(v)));
    set("DestinationOptions", log.options.clone());
    set("DeliverLogsErrorMessage", fails.then(|| json!("Access error")));
    value
}
