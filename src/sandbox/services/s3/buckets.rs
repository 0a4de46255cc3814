//! Creating, finding and deleting buckets.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::super::tags;
use super::{Block, Bucket, acl, canonical_id, invalid, look, open, settings};
use crate::sandbox::world::{Call, Fault, Reply, World};

/// Buckets per account (User Guide, "Bucket quotas": 10,000 by default since November 2024).
const MOST_BUCKETS: usize = 10_000;

/// CreateBucket. New buckets are encrypted (SSE-S3), block public access and have no ACLs (User Guide, defaults
/// since April 2023).
pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    let name = call.required("Bucket").to_string();
    valid_name(&name)?;
    account_regional(call, &name)?;
    let configuration = call.input.get("CreateBucketConfiguration").cloned().unwrap_or_default();
    let region = region(call, configuration.get("LocationConstraint").and_then(Value::as_str))?;
    if let Some(existing) = world.s3.buckets.get(&name) {
        return already(call, existing, &name);
    }
    let mine = world.s3.buckets.values().filter(|bucket| bucket.owner == call.account).count();
    if mine >= MOST_BUCKETS {
        return Err(invalid("TooManyBuckets", "You have attempted to create more buckets than allowed"));
    }
    let ownership = call.str("ObjectOwnership").unwrap_or("BucketOwnerEnforced").to_string();
    let grants = acl::grants(call)?.unwrap_or_default();
    if !grants.is_empty() && ownership == "BucketOwnerEnforced" {
        let message = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting";
        return Err(invalid("InvalidBucketAclWithObjectOwnership", message));
    }
    if grants.iter().any(acl::is_public) {
        // New buckets block public access, so a public ACL cannot be set on creation.
        let message = "Bucket cannot have public ACLs set with BlockPublicAccess enabled";
        return Err(invalid("InvalidBucketAclWithBlockPublicAccessError", message));
    }
    let tags = settings::checked_tags(tags::read(configuration.get("Tags"), "Key", "Value"))?;
    let object_lock = call.bool("ObjectLockEnabledForBucket") == Some(true);
    let bucket = Bucket {
        owner: call.account.clone(),
        region: region.clone(),
        created: call.now,
        // Object Lock switches versioning on (API Reference, CreateBucket).
        versioning: object_lock.then(|| "Enabled".into()),
        object_lock,
        ownership,
        grants,
        block: Some(Block::ALL),
        tags,
        ..Bucket::default()
    };
    world.s3.buckets.insert(name.clone(), bucket);
    Ok(created(&name, &region))
}

/// DeleteBucket.
pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    if !open(world, call)?.objects.is_empty() {
        let message = "The bucket you tried to delete is not empty";
        return Err(Fault::new("BucketNotEmpty", message).status(409));
    }
    world.s3.buckets.remove(call.required("Bucket"));
    Ok(json!({}))
}

/// GetBucketLocation: us-east-1 is told as an absent constraint.
pub(super) fn location(world: &World, call: &Call) -> Reply {
    let region = &look(world, call)?.region;
    Ok(if region == "us-east-1" { json!({}) } else { json!({"LocationConstraint": region}) })
}

/// HeadBucket.
pub(super) fn head(world: &World, call: &Call) -> Reply {
    let bucket = look(world, call)?;
    Ok(json!({
        "BucketRegion": bucket.region,
        "AccessPointAlias": false,
    }))
}

/// ListBuckets: all of the account's, whatever their region.
pub(super) fn list(world: &World, call: &Call) -> Reply {
    let prefix = call.str("Prefix").unwrap_or_default();
    let all: Vec<Value> = world
        .s3
        .buckets
        .iter()
        .filter(|(_, bucket)| bucket.owner == call.account)
        .filter(|(name, _)| name.starts_with(prefix))
        .filter(|(_, bucket)| call.str("BucketRegion").is_none_or(|region| region == bucket.region))
        .map(|(name, bucket)| {
            json!({
                "Name": name,
                "CreationDate": bucket.created,
                "BucketRegion": bucket.region,
            })
        })
        .collect();
    // Without MaxBuckets S3 lists all in one answer, up to the quota.
    let bad_token = || invalid("InvalidArgument", "The continuation token provided is incorrect");
    let token = call.str("ContinuationToken");
    let (page, next) = if call.int("MaxBuckets").is_some() || token.is_some() {
        world.page(&all, call.int("MaxBuckets"), MOST_BUCKETS, token, &bad_token)?
    } else {
        (all, None)
    };
    let mut output = json!({"Buckets": page, "Owner": {"ID": canonical_id(&call.account)}});
    if let Some(next) = next {
        output["ContinuationToken"] = json!(next);
    }
    if let Some(prefix) = call.str("Prefix") {
        output["Prefix"] = json!(prefix);
    }
    Ok(output)
}

/// What CreateBucket answers where the name is taken. In us-east-1 the owner gets a 200 (API Reference, "Errors":
/// BucketAlreadyOwnedByYou).
fn already(call: &Call, existing: &Bucket, name: &str) -> Reply {
    if existing.owner != call.account {
        let message = "The requested bucket name is not available. The bucket namespace is shared by all users of \
                       the system. Please select a different name and try again.";
        return Err(Fault::new("BucketAlreadyExists", message).status(409));
    }
    if existing.region == "us-east-1" && call.region == "us-east-1" {
        return Ok(json!({"Location": format!("/{name}")}));
    }
    let message = "Your previous request to create the named bucket succeeded and you already own it.";
    Err(Fault::new("BucketAlreadyOwnedByYou", message).status(409))
}

/// `BucketArn` is for directory buckets only, as the API model says.
fn created(name: &str, region: &str) -> Value {
    let location =
        if region == "us-east-1" { format!("/{name}") } else { format!("http://{name}.s3.amazonaws.com/") };
    json!({ "Location": location })
}

/// The region that the bucket will have. Only the global endpoint (us-east-1) makes buckets in other regions.
fn region(call: &Call, constraint: Option<&str>) -> Result<String, Fault> {
    let incompatible = |what: &str| {
        invalid(
            "IllegalLocationConstraintException",
            format!(
                "The {what} location constraint is incompatible for the region specific endpoint this request was \
                 sent to."
            ),
        )
    };
    match (call.region.as_str(), constraint) {
        ("us-east-1", None) => Ok("us-east-1".into()),
        (_, Some("us-east-1")) => {
            Err(invalid("InvalidLocationConstraint", "The specified location-constraint is not valid"))
        }
        ("us-east-1", Some("EU")) => Ok("eu-west-1".into()),
        ("us-east-1", Some(constraint)) => Ok(constraint.into()),
        (_, None) => Err(incompatible("unspecified")),
        (here, Some(constraint)) if constraint == here || (here, constraint) == ("eu-west-1", "EU") => {
            Ok(here.into())
        }
        (_, Some(constraint)) => Err(incompatible(constraint)),
    }
}

/// The naming rules (User Guide, "General purpose bucket naming rules").
fn valid_name(name: &str) -> Result<(), Fault> {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let good = (3..=63).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '-')
        && edge(name.chars().next())
        && edge(name.chars().last())
        && !name.contains("..")
        && name.parse::<Ipv4Addr>().is_err()
        && !["xn--", "sthree-", "amzn-s3-demo-"].iter().any(|prefix| name.starts_with(prefix))
        && !["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"].iter().any(|end| name.ends_with(end));
    if good {
        return Ok(());
    }
    Err(invalid("InvalidBucketName", "The specified bucket is not valid.").with("BucketName", json!(name)))
}

/// A bucket of the account-regional namespace carries account and region in its name.
fn account_regional(call: &Call, name: &str) -> Result<(), Fault> {
    if call.str("BucketNamespace") != Some("account-regional") {
        return Ok(());
    }
    // Guess: the form of the suffix and the code.
    if name.ends_with(&format!("-{}-{}-an", call.account, call.region)) {
        return Ok(());
    }
    Err(invalid("InvalidBucketName", "The specified bucket is not valid.").with("BucketName", json!(name)))
}
