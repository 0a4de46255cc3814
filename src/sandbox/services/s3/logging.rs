//! Server access logging and event notifications.

use serde_json::{Value, json};

use super::super::{documents, sns};
use super::{acl, invalid, look, open};
use crate::sandbox::world::{Call, Fault, Reply, World};

/// GetBucketLogging.
pub(super) fn get(world: &World, call: &Call) -> Reply {
    let bucket = look(world, call)?;
    Ok(bucket.logging.as_ref().map_or_else(|| json!({}), |logging| json!({"LoggingEnabled": logging})))
}

/// PutBucketLogging. Without `LoggingEnabled` it switches logging off.
pub(super) fn put(world: &mut World, call: &Call) -> Reply {
    look(world, call)?;
    let logging = call.input.pointer("/BucketLoggingStatus/LoggingEnabled").cloned();
    if let Some(logging) = &logging {
        check_target(world, call, logging)?;
    }
    open(world, call)?.logging = logging;
    Ok(json!({}))
}

/// The target must be a bucket of the same owner and region without default retention (User Guide, "Logging
/// requests with server access logging").
fn check_target(world: &World, call: &Call, logging: &Value) -> Result<(), Fault> {
    let refuse = |message: &str| Err(invalid("InvalidTargetBucketForLogging", message));
    let source = look(world, call)?;
    let name = logging.get("TargetBucket").and_then(Value::as_str).unwrap_or_default();
    let Some(target) = world.s3.buckets.get(name) else {
        return refuse("The target bucket for logging does not exist");
    };
    if target.owner != source.owner {
        return refuse("The owner for the bucket to be logged and the target bucket must be the same.");
    }
    if target.region != source.region {
        // S3 itself spells the code so.
        let message = "Cross S3 location logging not allowed.";
        return Err(Fault::new("CrossLocationLoggingProhibitted", message).status(403));
    }
    if target.retention.is_some() {
        // Guess: the code; the User Guide says that such a bucket cannot be a target.
        return refuse("The target bucket for logging has a default retention period");
    }
    let enforced = target.ownership == "BucketOwnerEnforced";
    if enforced && logging.get("TargetGrants").is_some() {
        // User Guide: target grants are not supported with the bucket owner enforced setting. Guess: the code.
        return Err(invalid(
            "InvalidRequest",
            "TargetGrants is not supported with bucket owner enforced buckets",
        ));
    }
    // With ACLs off S3 takes the target and delivers once its policy allows it; with ACLs on it wants one of both.
    let arn = format!("{}/{}", world.arn("s3", "", "", name), prefix(logging));
    let source_arn = world.arn("s3", "", "", call.required("Bucket"));
    let request = documents::service_request(
        world,
        "logging.s3.amazonaws.com",
        "s3:PutObject",
        &format!("{arn}2000-01-01-00-00-00-0000000000000000"),
        (&source.owner, &source_arn),
    );
    let by_policy = target.policy.as_ref().is_some_and(|policy| documents::allows(policy, &request));
    if !enforced && !by_policy && !acl::lets_log_delivery_write(target) {
        return refuse(
            "You must give the log-delivery group WRITE and READ_ACP permissions to the target bucket",
        );
    }
    Ok(())
}

fn prefix(logging: &Value) -> &str {
    logging.get("TargetPrefix").and_then(Value::as_str).unwrap_or_default()
}

/// GetBucketNotificationConfiguration. A bucket without notifications has an empty one.
pub(super) fn get_notifications(world: &World, call: &Call) -> Reply {
    Ok(look(world, call)?.notifications.clone().unwrap_or_else(|| json!({})))
}

/// PutBucketNotificationConfiguration. Topics of the sandbox are checked; queues and functions are not simulated and
/// are taken as they are.
pub(super) fn put_notifications(world: &mut World, call: &Call) -> Reply {
    let bucket = look(world, call)?;
    let source_arn = world.arn("s3", "", "", call.required("Bucket"));
    let configuration = call.input["NotificationConfiguration"].clone();
    let topics = configuration.get("TopicConfigurations").and_then(Value::as_array);
    let skip = call.bool("SkipDestinationValidation") == Some(true);
    for topic in topics.into_iter().flatten().filter(|_| !skip) {
        let arn = topic.get("TopicArn").and_then(Value::as_str).unwrap_or_default();
        let source = (bucket.owner.as_str(), source_arn.as_str());
        let request = documents::service_request(world, "s3.amazonaws.com", "sns:Publish", arn, source);
        if !sns::topic(world, arn).is_some_and(|topic| documents::allows(&topic.policy, &request)) {
            return Err(invalid(
                "InvalidArgument",
                "Unable to validate the following destination configurations",
            ));
        }
    }
    open(world, call)?.notifications = Some(configuration);
    Ok(json!({}))
}
