//! Export of findings to a bucket.
//!
//! User guide, "Exporting findings": GuardDuty must be allowed to read the bucket's location, to write to it, and to make
//! data keys with the KMS key, which lies in the bucket's region. In a region that must be opted in to it comes under a
//! principal of that region, and the bucket may not be in another region of that kind.

use serde_json::{Value, json};

use super::super::{account, documents, kms, s3};
use super::{Destination, PRINCIPAL, bad_request, detectors, edit, out_of_range, own, page};
use crate::sandbox::world::{Call, Fault, Reply, World};

/// What is wrong with a destination; the messages are those that public reports show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    NoBucket,
    BadKey,
    Denied,
    /// Guess: the message.
    OptIn,
    /// Guess: the message.
    Owner,
}

impl Wrong {
    fn fault(self) -> Fault {
        bad_request(match self {
            Wrong::NoBucket => {
                "The request failed because the resource specified in the destinationArn parameter does not exist."
            }
            Wrong::BadKey => {
                "The request failed because the value specified for the kmsKeyArn parameter is not valid."
            }
            Wrong::Denied => {
                "The request failed because the GuardDuty service principal does not have permission to the KMS key or \
                 the resource specified by the destinationArn parameter. Refer to \
                 https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_exportfindings.html"
            }
            Wrong::OptIn => "The destination bucket cannot be in a different opt-in Region.",
            Wrong::Owner => {
                "The request failed because the bucket is not owned by the account that is specified in the \
                 expectedBucketOwner parameter."
            }
        })
    }
}

/// The principal under which GuardDuty comes in a region.
fn principal(region: &str) -> String {
    if account::regions::is_opt_in(region) {
        format!("guardduty.{region}.amazonaws.com")
    } else {
        PRINCIPAL.to_owned()
    }
}

fn check(world: &World, call: &Call, detector: &str, destination: &Destination) -> Result<(), Wrong> {
    let before = world.arn("s3", "", "", "");
    let place = destination.bucket.strip_prefix(&before).ok_or(Wrong::NoBucket)?;
    let (name, prefix) = place.split_once('/').unwrap_or((place, ""));
    let bucket = s3::bucket(world, name).ok_or(Wrong::NoBucket)?;
    if destination.owner.as_ref().is_some_and(|owner| *owner != bucket.owner) {
        return Err(Wrong::Owner);
    }
    if account::regions::is_opt_in(&bucket.region) && bucket.region != call.region {
        return Err(Wrong::OptIn);
    }
    if !destination.key.contains(":key/") {
        return Err(Wrong::BadKey);
    }
    let key =
        kms::find(world, &call.account, &call.region, &destination.key, call.now).ok_or(Wrong::BadKey)?;
    if key.arn.split(':').nth(3) != Some(bucket.region.as_str()) {
        return Err(Wrong::BadKey);
    }
    let source = world.arn("guardduty", &call.region, &call.account, &format!("detector/{detector}"));
    let service = principal(&call.region);
    let allows = |policy: &str, action: &str, resource: &str| {
        let source = (call.account.as_str(), source.as_str());
        documents::allows(policy, &documents::service_request(world, &service, action, resource, source))
    };
    let policy = bucket.policy.as_deref().unwrap_or_default();
    let arn = format!("{before}{name}");
    let object = format!("{arn}/{prefix}AWSLogs/{}/GuardDuty/{}/test", call.account, call.region);
    let allowed = allows(policy, "s3:GetBucketLocation", &arn)
        && allows(policy, "s3:PutObject", &object)
        && key.state == "Enabled"
        && allows(&key.policy, "kms:GenerateDataKey", &key.arn);
    if allowed { Ok(()) } else { Err(Wrong::Denied) }
}

/// The destination that the input asks for, over one that is there.
fn asked(call: &Call, have: &Destination) -> Destination {
    let text = |member: &str| {
        let found =
            call.input.get("DestinationProperties").and_then(|all| all.get(member)).and_then(Value::as_str);
        found.map(str::to_owned)
    };
    Destination {
        bucket: text("DestinationArn").unwrap_or_else(|| have.bucket.clone()),
        key: text("KmsKeyArn").unwrap_or_else(|| have.key.clone()),
        owner: text("ExpectedBucketOwner").or_else(|| have.owner.clone()),
        tags: have.tags.clone(),
    }
}

/// Guess: a detector has one destination, since there is one type of them.
pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    let detector = own(world, call)?;
    if !detector.destinations.is_empty() {
        return Err(bad_request(
            "The request failed because a publishing destination of this type already exists.",
        ));
    }
    let mut destination = asked(call, &Destination::default());
    check(world, call, &detector.id, &destination).map_err(Wrong::fault)?;
    destination.tags = detectors::tag_map(call.input.get("Tags"));
    let id = world.hex(32);
    edit(world, call).destinations.insert(id.clone(), destination);
    Ok(json!({"DestinationId": id}))
}

fn named<'w>(world: &'w World, call: &Call) -> Result<(&'w str, &'w Destination), Fault> {
    let detector = own(world, call)?;
    let found = detector.destinations.get(call.required("DestinationId")).ok_or_else(out_of_range)?;
    Ok((&detector.id, found))
}

/// Guess: GuardDuty notices at once when it may not write any more.
fn status(world: &World, call: &Call, detector: &str, destination: &Destination) -> &'static str {
    match check(world, call, detector, destination) {
        Ok(()) => "PUBLISHING",
        Err(_) => "UNABLE_TO_PUBLISH_FIX_DESTINATION_PROPERTY",
    }
}

pub(super) fn describe(world: &mut World, call: &Call) -> Reply {
    let (detector, destination) = named(world, call)?;
    let status = status(world, call, detector, destination);
    let mut properties = json!({"DestinationArn": destination.bucket, "KmsKeyArn": destination.key});
    if let Some(owner) = &destination.owner {
        properties["ExpectedBucketOwner"] = json!(owner);
    }
    Ok(json!({
        "DestinationId": call.required("DestinationId"),
        "DestinationType": "S3",
        "Status": status,
        "PublishingFailureStartTimestamp": if status == "PUBLISHING" { 0 } else { call.now as i64 },
        "DestinationProperties": properties,
        "Tags": destination.tags,
    }))
}

pub(super) fn update(world: &mut World, call: &Call) -> Reply {
    let (detector, have) = named(world, call)?;
    let destination = asked(call, have);
    check(world, call, detector, &destination).map_err(Wrong::fault)?;
    edit(world, call).destinations.insert(call.required("DestinationId").to_owned(), destination);
    Ok(json!({}))
}

pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    named(world, call)?;
    edit(world, call).destinations.remove(call.required("DestinationId"));
    Ok(json!({}))
}

pub(super) fn list(world: &mut World, call: &Call) -> Reply {
    let detector = own(world, call)?;
    let shown = detector.destinations.iter().map(|(id, destination)| {
        let status = status(world, call, &detector.id, destination);
        json!({"DestinationId": id, "DestinationType": "S3", "Status": status})
    });
    let shown: Vec<Value> = shown.collect();
    let (page, next) = page(world, call, &shown)?;
    let mut reply = json!({"Destinations": page});
    if let Some(next) = next {
        reply["NextToken"] = json!(next);
    }
    Ok(reply)
}
