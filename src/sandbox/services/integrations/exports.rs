//! Export jobs of Compute Optimizer: checked, listed, and done at once. No file is written.
//!
//! <https://docs.aws.amazon.com/compute-optimizer/latest/ug/exporting-your-recommendations.html> and
//! <https://docs.aws.amazon.com/compute-optimizer/latest/ug/create-s3-bucket-policy-for-compute-optimizer.html>

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::sandbox::services::{documents, s3};
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

use super::{enrollment, fault, is_management};

const PRINCIPAL: &str = "compute-optimizer.amazonaws.com";

/// Operation and the resource type of its jobs. Guess: exports of RDS show the type of instances.
const KINDS: [(&str, &str); 8] = [
    ("ExportAutoScalingGroupRecommendations", "AutoScalingGroup"),
    ("ExportEBSVolumeRecommendations", "EbsVolume"),
    ("ExportEC2InstanceRecommendations", "Ec2Instance"),
    ("ExportECSServiceRecommendations", "EcsService"),
    ("ExportIdleRecommendations", "Idle"),
    ("ExportLambdaFunctionRecommendations", "LambdaFunction"),
    ("ExportLicenseRecommendations", "License"),
    ("ExportRDSDatabaseRecommendations", "RdsDBInstance"),
];

/// One export.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// Resource type.
    pub kind: String,
    /// Where the file is.
    pub destination: Value,
    /// When it was asked for.
    pub created: f64,
}

pub(super) fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    if call.operation == "DescribeRecommendationExportJobs" {
        return Some(describe(world, call));
    }
    let (_, kind) = KINDS.iter().find(|(operation, _)| *operation == call.operation)?;
    Some(export(world, call, kind))
}

fn refuse(message: &str) -> Fault {
    fault(("InvalidParameterValueException", 400), message)
}

fn require_enrolment(world: &World, call: &Call) -> Result<(), Fault> {
    if enrollment::is_active(world, &call.service, &call.account) {
        return Ok(());
    }
    Err(fault(("OptInRequiredException", 403), "Your account is not opted in to Compute Optimizer."))
}

fn export(world: &mut World, call: &Call, kind: &str) -> Reply {
    require_enrolment(world, call)?;
    if call.bool("includeMemberAccounts") == Some(true) && !is_management(world, call) {
        // API Reference: "if your account is the management account of an organization". Guess: the code.
        return Err(refuse("Only the management account can include member accounts."));
    }
    let text = |pointer: &str| call.input.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (name, prefix) = (text("/s3DestinationConfig/bucket"), text("/s3DestinationConfig/keyPrefix"));
    let folder = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
    let id = world.uuid();
    let file = format!("{folder}compute-optimizer/{}/{}-{id}", call.account, call.region);
    bucket(world, call, name, &format!("{file}.csv"))?;
    let destination =
        json!({"bucket": name, "key": format!("{file}.csv"), "metadataKey": format!("{file}-metadata.json")});
    let job = Job { id: id.clone(), kind: kind.into(), destination: destination.clone(), created: call.now };
    world.integrations.export_jobs.entry(cell(&call.account, &call.region)).or_default().push(job);
    Ok(json!({"jobId": id, "s3Destination": destination}))
}

/// The bucket is in this region, and lets Compute Optimizer look at it and write to it. Guess: codes and messages.
fn bucket(world: &World, call: &Call, name: &str, key: &str) -> Result<(), Fault> {
    let found = s3::bucket(world, name).ok_or_else(|| refuse("The S3 bucket does not exist."))?;
    if found.region != call.region {
        return Err(refuse("The S3 bucket is in another Region than the export."));
    }
    let arn = world.arn("s3", "", "", name);
    let source = world.arn("compute-optimizer", &call.region, &call.account, "*");
    let may = |action: &str, resource: &str| {
        let request =
            documents::service_request(world, PRINCIPAL, action, resource, (&call.account, &source))
                .with("s3:x-amz-acl", "bucket-owner-full-control");
        found.policy.as_deref().is_some_and(|policy| documents::allows(policy, &request))
    };
    let object = format!("{arn}/{key}");
    if may("s3:GetBucketAcl", &arn) && may("s3:GetBucketPolicyStatus", &arn) && may("s3:PutObject", &object) {
        return Ok(());
    }
    Err(refuse("The policy of the S3 bucket does not let Compute Optimizer write the export."))
}

fn describe(world: &mut World, call: &Call) -> Reply {
    require_enrolment(world, call)?;
    let asked: Vec<&str> = call
        .input
        .get("jobIds")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let jobs = world.integrations.export_jobs.get(&cell(&call.account, &call.region));
    let all: Vec<Value> = jobs
        .into_iter()
        .flatten()
        .filter(|job| asked.is_empty() || asked.contains(&job.id.as_str()))
        .map(|job| {
            json!({
                "jobId": job.id, "destination": {"s3": job.destination}, "resourceType": job.kind,
                "status": "Complete", "creationTimestamp": job.created, "lastUpdatedTimestamp": job.created,
            })
        })
        .collect();
    enrollment::page(world, call, "recommendationExportJobs", &all, "InvalidParameterValueException")
}
