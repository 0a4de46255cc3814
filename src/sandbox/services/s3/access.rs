//! Who may reach a bucket, and from which region.

use serde_json::json;

use super::super::documents;
use super::{Bucket, access_denied, no_such_bucket};
use crate::sandbox::enforce;
use crate::sandbox::world::{Call, Fault, World};

/// Operations that only principals of the owner's account may call, whatever the policy says (API Reference,
/// PutBucketPolicy: 405 Method Not Allowed).
const OWNER_ONLY: &[&str] = &["GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy"];

/// Refuses a call on a bucket that does not exist, belongs to somebody else or lives in another region.
///
/// # Errors
/// `NoSuchBucket`, `AccessDenied`, `MethodNotAllowed`; `PermanentRedirect` (or, at the global endpoint of
/// us-east-1, `AuthorizationHeaderMalformed`) with the right `Region` for a bucket of another region.
pub(super) fn check(world: &World, call: &Call) -> Result<(), Fault> {
    let name = call.required("Bucket");
    let bucket = world.s3.buckets.get(name).ok_or_else(no_such_bucket)?;
    if bucket.region != call.region && call.operation != "GetBucketLocation" {
        return Err(wrong_region(bucket, call));
    }
    if call.str("ExpectedBucketOwner").is_some_and(|expected| expected != bucket.owner) {
        return Err(access_denied());
    }
    if call.account == bucket.owner {
        return Ok(());
    }
    if !other_account_may(world, call, name, bucket) {
        return Err(access_denied());
    }
    if OWNER_ONLY.contains(&call.operation.as_str()) {
        let message = "The specified method is not allowed against this resource.";
        return Err(Fault::new("MethodNotAllowed", message).status(405));
    }
    Ok(())
}

/// Whether the bucket policy lets the caller, from another account, do this.
fn other_account_may(world: &World, call: &Call, name: &str, bucket: &Bucket) -> bool {
    let Some(policy) = &bucket.policy else { return false };
    let bucket_arn = world.arn("s3", "", "", name);
    let resource = call.str("Key").map_or_else(|| bucket_arn.clone(), |key| format!("{bucket_arn}/{key}"));
    let mut request = enforce::request(world, call, &enforce::action(call), &resource)
        .with("aws:ResourceAccount", &bucket.owner);
    for (member, key) in [
        ("ACL", "s3:x-amz-acl"),
        ("ServerSideEncryption", "s3:x-amz-server-side-encryption"),
        ("SSEKMSKeyId", "s3:x-amz-server-side-encryption-aws-kms-key-id"),
        ("Prefix", "s3:prefix"),
        ("Delimiter", "s3:delimiter"),
    ] {
        if let Some(value) = call.str(member) {
            request = request.with(key, value);
        }
    }
    documents::allows(policy, &request)
}

fn wrong_region(bucket: &Bucket, call: &Call) -> Fault {
    let name = call.required("Bucket");
    if call.region == "us-east-1" {
        let message = format!(
            "The authorization header is malformed; the region 'us-east-1' is wrong; expecting '{}'",
            bucket.region
        );
        return Fault::new("AuthorizationHeaderMalformed", message)
            .status(400)
            .with("Region", json!(bucket.region));
    }
    let message = "The bucket you are attempting to access must be addressed using the specified endpoint. Please \
                   send all future requests to this endpoint.";
    Fault::new("PermanentRedirect", message)
        .status(301)
        .with("Bucket", json!(name))
        .with("Region", json!(bucket.region))
        .with("Endpoint", json!(format!("{name}.s3.{}.amazonaws.com", bucket.region)))
}
