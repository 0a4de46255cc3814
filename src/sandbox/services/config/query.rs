//! SelectAggregateResourceConfig: advanced queries over what recorders of the aggregator's sources recorded.
//!
//! Nothing is recorded here: the items are made from what is there when somebody asks, so they never lag, while AWS's do.
//! Guess: the exact shape of items; members are named as the schema of AWS Config's resource types has them
//! (<https://github.com/awslabs/aws-config-resource-schema>). Items of an account whose recorder is stopped are left out;
//! AWS keeps the last ones.

use serde_json::{Map, Value, json};

use super::super::{ec2, s3};
use super::{Recorder, aggregators, here, page};
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

/// The recorder itself, which is recorded whatever the recording group says (developer guide, "Drift detection for the
/// configuration recorder").
const RECORDER: &str = "AWS::Config::ConfigurationRecorder";

/// What can be asked for here.
const TYPES: [&str; 5] = [
    RECORDER,
    "AWS::EC2::FlowLog",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::VPC",
    "AWS::S3::AccountPublicAccessBlock",
];

/// `SELECT properties WHERE conditions`, where a condition is `property = 'text'` or `property IN ('text', ..)`, and all
/// must hold: as much of the language as orgbase and its tests speak.
struct Query {
    properties: Vec<String>,
    /// A property, and what it may be.
    conditions: Vec<(String, Vec<String>)>,
}

impl Query {
    fn parse(expression: &str) -> Option<Query> {
        let (properties, conditions) = expression.trim().strip_prefix("SELECT ")?.split_once(" WHERE ")?;
        let condition = |text: &str| {
            let (property, values) = text.split_once(" = ").or_else(|| text.split_once(" IN "))?;
            let inner = values.trim().trim_start_matches('(').trim_end_matches(')');
            let texts: Option<Vec<String>> = inner
                .split(',')
                .map(|v| Some(v.trim().strip_prefix('\'')?.strip_suffix('\'')?.to_owned()))
                .collect();
            Some((property.trim().to_owned(), texts?))
        };
        Some(Query {
            properties: properties.split(',').map(|p| p.trim().to_owned()).collect(),
            conditions: conditions.split(" AND ").map(condition).collect::<Option<_>>()?,
        })
    }

    /// The types that it asks for.
    fn types(&self) -> Vec<&'static str> {
        let of_type = |(property, _): &&(String, Vec<String>)| property == "resourceType";
        let asked = self.conditions.iter().find(of_type).map(|(_, values)| values);
        TYPES.into_iter().filter(|t| asked.is_none_or(|asked| asked.iter().any(|a| a == t))).collect()
    }

    fn holds(&self, item: &Value) -> bool {
        self.conditions.iter().all(|(property, values)| {
            let have = at(item, property).and_then(|v| v.as_str().map(str::to_owned).or(Some(v.to_string())));
            have.is_some_and(|have| values.contains(&have))
        })
    }

    /// The properties that it selects, as one row.
    fn row(&self, item: &Value) -> Value {
        let row: Map<String, Value> =
            self.properties.iter().filter_map(|p| Some((p.clone(), at(item, p)?.clone()))).collect();
        Value::Object(row)
    }
}

/// A property by its path with dots.
fn at<'v>(item: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(item, |value, key| value.get(key))
}

pub(super) fn select(world: &mut World, call: &Call) -> Reply {
    let name = call.required("ConfigurationAggregatorName");
    let known = here(world, call).and_then(|state| state.aggregators.get(name));
    let aggregator = known.ok_or_else(|| aggregators::missing(name))?;
    let invalid = || Fault::new("InvalidExpressionException", "The syntax of the query is not valid.");
    let query = Query::parse(call.required("Expression")).ok_or_else(invalid)?;
    let sources = aggregators::sources_of(world, aggregator);
    let mut rows = Vec::new();
    for (account, region) in sources {
        let there = Call { account, region, ..call.clone() };
        for kind in query.types() {
            let found = items(world, &there, kind);
            rows.extend(found.iter().filter(|i| query.holds(i)).map(|i| json!(query.row(i).to_string())));
        }
    }
    page(world, call, "Results", &rows)
}

/// The items of one type that the account has in the region.
fn items(world: &mut World, there: &Call, kind: &str) -> Vec<Value> {
    let state = world.config.get(&cell(&there.account, &there.region));
    let Some(recorder) = state.and_then(|state| state.recorder.clone()) else { return Vec::new() };
    if kind == RECORDER {
        return vec![item(there, kind, &recorder.name, &recorded(&recorder))];
    }
    if !recorder.recording || !records(&recorder, kind) {
        return Vec::new();
    }
    match kind {
        "AWS::S3::AccountPublicAccessBlock" => {
            let input = json!({"AccountId": there.account});
            let get = "GetPublicAccessBlock".into();
            let call = Call { service: "s3control".into(), operation: get, input, ..there.clone() };
            let Some(Ok(answer)) = s3::handle(world, &call) else { return Vec::new() };
            vec![item(there, kind, &there.account, &lower(&answer["PublicAccessBlockConfiguration"]))]
        }
        "AWS::EC2::SecurityGroup" => {
            of_ec2(world, there, kind, "DescribeSecurityGroups", "SecurityGroups", "GroupId")
        }
        "AWS::EC2::VPC" => of_ec2(world, there, kind, "DescribeVpcs", "Vpcs", "VpcId"),
        _ => of_ec2(world, there, kind, "DescribeFlowLogs", "FlowLogs", "FlowLogId"),
    }
}

fn of_ec2(world: &mut World, there: &Call, kind: &str, operation: &str, list: &str, id: &str) -> Vec<Value> {
    let call = Call { service: "ec2".into(), operation: operation.into(), input: json!({}), ..there.clone() };
    let Some(Ok(answer)) = ec2::handle(world, &call) else { return Vec::new() };
    let all = answer[list].as_array().cloned().unwrap_or_default();
    all.iter().map(|one| item(there, kind, one[id].as_str().unwrap_or_default(), &lower(one))).collect()
}

fn item(there: &Call, kind: &str, id: &str, configuration: &Value) -> Value {
    let tag = |tag: &Value| {
        let text = |member: &str| tag[member].as_str().unwrap_or_default().to_owned();
        json!({"key": text("key"), "value": text("value"), "tag": format!("{}={}", text("key"), text("value"))})
    };
    let tags: Vec<Value> = configuration["tags"].as_array().into_iter().flatten().map(tag).collect();
    json!({
        "accountId": there.account, "awsRegion": there.region, "resourceType": kind, "resourceId": id,
        "configuration": configuration, "tags": tags,
    })
}

/// Members with a small first letter, as EC2's and S3's are in items.
fn lower(value: &Value) -> Value {
    match value {
        Value::Object(members) => members.iter().map(|(name, value)| (small(name), lower(value))).collect(),
        Value::Array(entries) => entries.iter().map(lower).collect(),
        other => other.clone(),
    }
}

fn small(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

/// The recorder as its item shows it: members with a capital first letter.
fn recorded(recorder: &Recorder) -> Value {
    let mut shown = json!({
        "Name": recorder.name, "RoleARN": recorder.role, "Recording": recorder.recording,
        "RecordingGroup": capital(&recorder.group), "RecordingMode": capital(&recorder.mode),
    });
    if let Some(mode) = shown["RecordingMode"].as_object_mut() {
        mode.retain(|_, value| !value.is_null());
    }
    shown
}

fn capital(value: &Value) -> Value {
    let name = |name: &str| {
        let mut letters = name.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    match value {
        Value::Object(members) => members.iter().map(|(n, value)| (name(n), capital(value))).collect(),
        Value::Array(entries) => entries.iter().map(capital).collect(),
        other => other.clone(),
    }
}

/// Whether a recorder's group has a type.
fn records(recorder: &Recorder, kind: &str) -> bool {
    let lists = |pointer: &str| {
        let list = recorder.group.pointer(pointer).and_then(Value::as_array);
        list.is_some_and(|list| list.iter().any(|t| t == kind))
    };
    match recorder.group.pointer("/recordingStrategy/useOnly").and_then(Value::as_str) {
        Some("EXCLUSION_BY_RESOURCE_TYPES") => !lists("/exclusionByResourceTypes/resourceTypes"),
        Some("INCLUSION_BY_RESOURCE_TYPES") => lists("/resourceTypes"),
        _ => true,
    }
}
