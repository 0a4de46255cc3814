//! Tags, versioning, Object Lock and block public access of a bucket.

use serde_json::{Value, json};

use super::super::tags::{self, Tags, Wrong};
use super::{Block, access_denied, invalid, look, malformed_xml, open};
use crate::sandbox::world::{Call, Fault, Reply, World};

/// GetBucketTagging.
pub(super) fn get_tags(world: &World, call: &Call) -> Reply {
    let bucket = look(world, call)?;
    if bucket.tags.is_empty() {
        return Err(Fault::new("NoSuchTagSet", "The TagSet does not exist").status(404));
    }
    Ok(json!({"TagSet": tags::write(&bucket.tags, "Key", "Value")}))
}

/// PutBucketTagging. Replaces the whole set.
pub(super) fn put_tags(world: &mut World, call: &Call) -> Reply {
    let new = checked_tags(tags::read(call.input.pointer("/Tagging/TagSet"), "Key", "Value"))?;
    open(world, call)?.tags = new;
    Ok(json!({}))
}

/// A whole new tag set.
pub(super) fn checked_tags(new: Vec<(String, String)>) -> Result<Tags, Fault> {
    if new.iter().any(|(key, value)| key.chars().count() > 128 || value.chars().count() > 256) {
        return Err(invalid("InvalidTag", "The TagKey or TagValue you have provided is too long"));
    }
    tags::merged(&Tags::new(), new).map_err(|wrong| match wrong {
        Wrong::Duplicate => invalid("InvalidTag", "Cannot provide multiple Tags with the same key"),
        Wrong::Reserved => invalid("InvalidTag", "System tags cannot be added/updated by requester"),
        Wrong::TooMany => invalid("BadRequest", "Bucket tag count cannot be greater than 50"),
    })
}

/// GetBucketVersioning: nothing where it was never set.
pub(super) fn get_versioning(world: &World, call: &Call) -> Reply {
    let bucket = look(world, call)?;
    Ok(bucket.versioning.as_ref().map_or_else(|| json!({}), |status| json!({"Status": status})))
}

/// PutBucketVersioning.
pub(super) fn put_versioning(world: &mut World, call: &Call) -> Reply {
    let wanted = |member: &str| {
        call.input.get("VersioningConfiguration").and_then(|c| c.get(member)).and_then(Value::as_str)
    };
    let Some(status) = wanted("Status") else {
        let message = "The Versioning element must be specified";
        return Err(invalid("IllegalVersioningConfigurationException", message));
    };
    let status = status.to_string();
    let with_mfa = wanted("MFADelete") == Some("Enabled");
    let bucket = open(world, call)?;
    if bucket.object_lock && status == "Suspended" {
        let message = "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.";
        return Err(Fault::new("InvalidBucketState", message).status(409));
    }
    if with_mfa {
        // Only the root user with its MFA device can switch MFA delete on (User Guide, "Configuring MFA delete").
        return Err(access_denied());
    }
    bucket.versioning = Some(status);
    Ok(json!({}))
}

/// GetObjectLockConfiguration.
pub(super) fn get_object_lock(world: &World, call: &Call) -> Reply {
    let bucket = look(world, call)?;
    if !bucket.object_lock {
        let message = "Object Lock configuration does not exist for this bucket";
        return Err(Fault::new("ObjectLockConfigurationNotFoundError", message).status(404));
    }
    let mut configuration = json!({"ObjectLockEnabled": "Enabled"});
    if let Some(retention) = &bucket.retention {
        configuration["Rule"] = json!({"DefaultRetention": retention});
    }
    Ok(json!({"ObjectLockConfiguration": configuration}))
}

/// PutObjectLockConfiguration. Replaces the default retention; what is on stays on.
pub(super) fn put_object_lock(world: &mut World, call: &Call) -> Reply {
    let Some(configuration) = call.input.get("ObjectLockConfiguration") else {
        return Err(invalid("MissingRequestBodyError", "Request Body is empty"));
    };
    if configuration.get("ObjectLockEnabled").and_then(Value::as_str) != Some("Enabled") {
        return Err(malformed_xml());
    }
    let retention = match configuration.get("Rule") {
        None => None,
        Some(rule) => Some(checked_retention(rule.get("DefaultRetention"))?),
    };
    let bucket = open(world, call)?;
    if bucket.versioning.as_deref() != Some("Enabled") {
        let message = "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration";
        return Err(Fault::new("InvalidBucketState", message).status(409));
    }
    bucket.object_lock = true;
    bucket.retention = retention;
    Ok(json!({}))
}

/// DefaultRetention: a mode, and either days or years.
fn checked_retention(retention: Option<&Value>) -> Result<Value, Fault> {
    let retention = retention.ok_or_else(malformed_xml)?;
    let number = |member: &str| retention.get(member).and_then(Value::as_i64);
    let period = match (number("Days"), number("Years")) {
        (Some(days), None) => days,
        (None, Some(years)) => years.saturating_mul(365),
        _ => return Err(malformed_xml()),
    };
    if retention.get("Mode").and_then(Value::as_str).is_none() {
        return Err(malformed_xml());
    }
    if period <= 0 {
        return Err(invalid("InvalidArgument", "Default retention period must be a positive integer value."));
    }
    // User Guide, "Object Lock": 100 years at most. Guess: the message.
    if period > 36_500 {
        return Err(invalid("InvalidArgument", "Default retention period too large"));
    }
    Ok(retention.clone())
}

/// GetPublicAccessBlock of the bucket.
pub(super) fn get_block(world: &World, call: &Call) -> Reply {
    look(world, call)?.block.map(Block::write).ok_or_else(no_block)
}

/// PutPublicAccessBlock of the bucket. Replaces all four switches.
pub(super) fn put_block(world: &mut World, call: &Call) -> Reply {
    let block = Block::read(&call.input["PublicAccessBlockConfiguration"]);
    open(world, call)?.block = Some(block);
    Ok(json!({}))
}

/// What S3 answers where block public access was never set.
pub(super) fn no_block() -> Fault {
    Fault::new("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found")
        .status(404)
}
