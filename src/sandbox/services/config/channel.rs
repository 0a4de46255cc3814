//! The delivery channel, and what it needs: the bucket, its policy, its key.
//!
//! Guess: Config delivers as its service principal, as it does for recorders with the service-linked role; the rights of
//! a role that somebody made for it are not looked at.

use serde_json::{Value, json};

use super::super::delivery::Sender;
use super::super::{kms, s3, sns};
use super::{PRINCIPAL, arn, asked, here, here_mut};
use crate::sandbox::world::{Call, Fault, Reply, World};

/// The name of a channel that the caller does not name.
const DEFAULT: &str = "default";

pub(super) fn put(world: &mut World, call: &Call) -> Reply {
    let mut channel = call.input.get("DeliveryChannel").cloned().unwrap_or_default();
    let name = text(&channel, "name").unwrap_or(DEFAULT).to_owned();
    let state = here(world, call);
    if state.is_none_or(|state| state.recorder.is_none()) {
        let message = "Configuration recorder is not available to put delivery channel.";
        return Err(Fault::new("NoAvailableConfigurationRecorderException", message));
    }
    let have = state.and_then(|state| state.channel.as_ref());
    if have.is_some_and(|have| text(have, "name") != Some(name.as_str())) {
        let message = format!(
            "Failed to put delivery channel '{name}' because the maximum number of delivery channels: 1 is reached."
        );
        return Err(Fault::new("MaxNumberOfDeliveryChannelsExceededException", message));
    }
    check(world, call, &channel)?;
    channel["name"] = json!(name);
    // Guess: what a request leaves out is not set any more; only the frequency of snapshots always has a value.
    if channel.pointer("/configSnapshotDeliveryProperties/deliveryFrequency").is_none() {
        channel["configSnapshotDeliveryProperties"] = json!({"deliveryFrequency": "TwentyFour_Hours"});
    }
    here_mut(world, call).channel = Some(channel);
    Ok(json!({}))
}

fn text<'v>(channel: &'v Value, member: &str) -> Option<&'v str> {
    channel.get(member).and_then(Value::as_str)
}

/// Whether Config could deliver.
///
/// # Errors
/// `NoSuchBucketException`, `InsufficientDeliveryPolicyException`, `InvalidS3KmsKeyArnException`,
/// `InvalidSNSTopicARNException`.
pub(super) fn check(world: &World, call: &Call, channel: &Value) -> Result<(), Fault> {
    let name = text(channel, "s3BucketName").unwrap_or_default();
    let Some(bucket) = s3::bucket(world, name) else {
        let message = format!("Cannot find a S3 bucket with an empty bucket name or the name '{name}'.");
        return Err(Fault::new("NoSuchBucketException", message));
    };
    let source = arn(world, call, "*");
    let sender = Sender { service: PRINCIPAL, account: &call.account, arn: &source };
    let policy = bucket.policy.as_deref().unwrap_or_default();
    let prefix = text(channel, "s3KeyPrefix").map(|prefix| format!("{prefix}/")).unwrap_or_default();
    let keys = [format!("{prefix}AWSLogs/{}/Config/ConfigWritabilityCheckFile", call.account)];
    if !sender.may(world, policy, name, "s3:GetBucketAcl") {
        return Err(insufficient(channel, "unable to get s3 bucket acl"));
    }
    // A bucket with a default retention refuses uploads without a checksum, which Config's are (developer guide).
    let writable = sender.may(world, policy, name, "s3:ListBucket")
        && sender.may_write(world, policy, name, &keys)
        && bucket.retention.is_none();
    if !writable || !may_encrypt(world, call, channel, bucket, &sender)? {
        return Err(insufficient(channel, "unable to write to bucket"));
    }
    topic(world, channel)
}

fn insufficient(channel: &Value, why: &str) -> Fault {
    let shown = |member: &str| text(channel, member).unwrap_or("null");
    let message = format!(
        "Insufficient delivery policy to s3 bucket: {}, {why}, provided s3 key prefix is '{}', provided kms key is '{}'.",
        shown("s3BucketName"),
        shown("s3KeyPrefix"),
        shown("s3KmsKeyArn")
    );
    Fault::new("InsufficientDeliveryPolicyException", message)
}

/// The key of the channel, else the bucket's default, must let Config use it (developer guide, "Permissions for the KMS
/// key").
fn may_encrypt(
    world: &World,
    call: &Call,
    channel: &Value,
    bucket: &s3::Bucket,
    sender: &Sender<'_>,
) -> Result<bool, Fault> {
    let default =
        bucket.encryption.as_ref().and_then(|e| e.pointer("/Rules/0/ApplyServerSideEncryptionByDefault"));
    let default = default.filter(|default| default["SSEAlgorithm"] != "AES256");
    let own = text(channel, "s3KmsKeyArn");
    let Some(key) = own.or_else(|| default.map(|d| d["KMSMasterKeyID"].as_str().unwrap_or("alias/aws/s3")))
    else {
        return Ok(true);
    };
    let found = kms::find(world, &bucket.owner, &bucket.region, key, call.now);
    let found = found.filter(|found| found.arn.split(':').nth(3) == Some(bucket.region.as_str()));
    let Some(found) = found else {
        let message = format!("The specified Amazon KMS Key ARN {key} is not valid.");
        return Err(Fault::new("InvalidS3KmsKeyArnException", message));
    };
    Ok(found.state == "Enabled"
        && sender.may_use(world, &found, &["kms:Decrypt", "kms:GenerateDataKey"], &[]))
}

fn topic(world: &World, channel: &Value) -> Result<(), Fault> {
    match text(channel, "snsTopicARN") {
        Some(topic) if sns::topic(world, topic).is_none() => {
            let message = format!("The sns topic arn '{topic}' is not valid.");
            Err(Fault::new("InvalidSNSTopicARNException", message))
        }
        _ => Ok(()),
    }
}

/// The channel, where the call does not ask for one of another name.
fn meant(world: &World, call: &Call) -> Result<Option<Value>, Fault> {
    let channel = here(world, call).and_then(|state| state.channel.clone());
    let names = asked(call, "DeliveryChannelNames").unwrap_or_default();
    let is_it = |name: &&&str| channel.as_ref().and_then(|channel| text(channel, "name")) == Some(**name);
    match names.iter().find(|name| !is_it(name)) {
        Some(name) => Err(missing(name)),
        None => Ok(channel),
    }
}

fn missing(name: &str) -> Fault {
    let message = format!("Cannot find delivery channel with specified name '{name}'.");
    Fault::new("NoSuchDeliveryChannelException", message)
}

pub(super) fn describe(world: &mut World, call: &Call) -> Reply {
    let channels: Vec<Value> = meant(world, call)?.into_iter().collect();
    Ok(json!({"DeliveryChannels": channels}))
}

pub(super) fn status(world: &mut World, call: &Call) -> Reply {
    let shown = |channel: Value| json!({"name": channel["name"]});
    let all: Vec<Value> = meant(world, call)?.into_iter().map(shown).collect();
    Ok(json!({"DeliveryChannelsStatus": all}))
}

pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    let name = call.required("DeliveryChannelName");
    let state = here(world, call);
    let there = state.and_then(|state| state.channel.as_ref()).and_then(|channel| text(channel, "name"));
    if there != Some(name) {
        return Err(missing(name));
    }
    if state.and_then(|state| state.recorder.as_ref()).is_some_and(|recorder| recorder.recording) {
        let message = format!(
            "Failed to delete last specified delivery channel with name '{name}', because there is a running \
             configuration recorder."
        );
        return Err(Fault::new("LastDeliveryChannelDeleteFailedException", message));
    }
    here_mut(world, call).channel = None;
    Ok(json!({}))
}
