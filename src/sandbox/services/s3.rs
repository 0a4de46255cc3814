//! Amazon S3: buckets with their settings, small objects, and the account's settings (s3control).
//!
//! Bucket names are global. A bucket answers only in its own region (GetBucketLocation excepted) and only to its
//! owner, or to another account that the bucket policy lets in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::documents;
use super::tags::Tags;
use crate::sandbox::world::{Call, Fault, Reply, World};

mod access;
mod acl;
mod buckets;
mod control;
mod copy;
mod encryption;
mod lifecycle;
mod logging;
mod objects;
mod policies;
mod replication;
mod settings;

#[cfg(test)]
mod tests;

pub use objects::Version;

/// All of S3.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// Buckets by name.
    pub buckets: BTreeMap<String, Bucket>,
    /// Account-wide block public access, by account. Absent: never set.
    pub account_blocks: BTreeMap<String, Block>,
    /// Storage Lens configurations by account, then id.
    pub lenses: BTreeMap<String, BTreeMap<String, control::Lens>>,
}

/// One bucket.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Bucket {
    /// The account that owns it.
    pub owner: String,
    /// Its region.
    pub region: String,
    /// Seconds since 1970.
    pub created: f64,
    /// Bucket policy text, as it was put.
    pub policy: Option<String>,
    /// ServerSideEncryptionConfiguration; `None` is the default of S3.
    pub encryption: Option<Value>,
    /// Versioning: never set, `Enabled` or `Suspended`.
    pub versioning: Option<String>,
    /// LifecycleConfiguration and its TransitionDefaultMinimumObjectSize.
    pub lifecycle: Option<lifecycle::Lifecycle>,
    /// LoggingEnabled.
    pub logging: Option<Value>,
    /// Whether Object Lock is on. It is never switched off.
    pub object_lock: bool,
    /// Default retention of Object Lock.
    pub retention: Option<Value>,
    /// ObjectOwnership.
    pub ownership: String,
    /// Grants of the ACL beside the owner's, as the API lists them.
    pub grants: Vec<Value>,
    /// Block public access; `None` where it was deleted.
    pub block: Option<Block>,
    /// ReplicationConfiguration.
    pub replication: Option<Value>,
    /// NotificationConfiguration.
    pub notifications: Option<Value>,
    /// Tags.
    pub tags: Tags,
    /// Versions of each key, oldest first.
    pub objects: BTreeMap<String, Vec<Version>>,
}

/// The four switches of block public access.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::struct_excessive_bools, reason = "AWS has four independent switches")]
pub struct Block {
    /// BlockPublicAcls
    pub block_public_acls: bool,
    /// IgnorePublicAcls
    pub ignore_public_acls: bool,
    /// BlockPublicPolicy
    pub block_public_policy: bool,
    /// RestrictPublicBuckets
    pub restrict_public_buckets: bool,
}

/// Runs one call.
pub fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    if call.service == "s3control" {
        return control::handle(world, call);
    }
    Some(match call.operation.as_str() {
        "CreateBucket" => buckets::create(world, call),
        "DeleteBucket" => buckets::delete(world, call),
        "GetBucketLocation" => buckets::location(world, call),
        "HeadBucket" => buckets::head(world, call),
        "ListBuckets" => buckets::list(world, call),
        "GetBucketPolicy" => policies::get(world, call),
        "GetBucketPolicyStatus" => policies::status(world, call),
        "PutBucketPolicy" => policies::put(world, call),
        "DeleteBucketPolicy" => policies::delete(world, call),
        "GetBucketAcl" => acl::get(world, call),
        "PutBucketAcl" => acl::put(world, call),
        "GetBucketOwnershipControls" => acl::get_ownership(world, call),
        "PutBucketOwnershipControls" => acl::put_ownership(world, call),
        "GetBucketEncryption" => encryption::get(world, call),
        "PutBucketEncryption" => encryption::put(world, call),
        "GetBucketLifecycleConfiguration" => lifecycle::get(world, call),
        "PutBucketLifecycleConfiguration" => lifecycle::put(world, call),
        "GetBucketLogging" => logging::get(world, call),
        "PutBucketLogging" => logging::put(world, call),
        "GetBucketNotificationConfiguration" => logging::get_notifications(world, call),
        "PutBucketNotificationConfiguration" => logging::put_notifications(world, call),
        "DeleteBucketReplication" => replication::delete(world, call),
        "GetBucketReplication" => replication::get(world, call),
        "PutBucketReplication" => replication::put(world, call),
        "GetBucketTagging" => settings::get_tags(world, call),
        "PutBucketTagging" => settings::put_tags(world, call),
        "GetBucketVersioning" => settings::get_versioning(world, call),
        "PutBucketVersioning" => settings::put_versioning(world, call),
        "GetObjectLockConfiguration" => settings::get_object_lock(world, call),
        "PutObjectLockConfiguration" => settings::put_object_lock(world, call),
        "GetPublicAccessBlock" => settings::get_block(world, call),
        "PutPublicAccessBlock" => settings::put_block(world, call),
        "CopyObject" => copy::copy(world, call),
        "DeleteObject" => objects::delete(world, call),
        "GetObject" => objects::get(world, call),
        "HeadObject" => objects::head(world, call),
        "ListObjectsV2" => objects::list(world, call),
        "ListObjectVersions" => objects::list_versions(world, call),
        "PutObject" => objects::put(world, call),
        _ => return None,
    })
}

/// The bucket of that name.
pub fn bucket<'w>(world: &'w World, name: &str) -> Option<&'w Bucket> {
    world.s3.buckets.get(name)
}

/// The bucket that the call names, after [`access::check`].
///
/// # Errors
/// `NoSuchBucket`, `AccessDenied`, and the region errors of [`access::check`].
fn open<'w>(world: &'w mut World, call: &Call) -> Result<&'w mut Bucket, Fault> {
    access::check(world, call)?;
    world.s3.buckets.get_mut(call.required("Bucket")).ok_or_else(no_such_bucket)
}

/// The same for reading.
fn look<'w>(world: &'w World, call: &Call) -> Result<&'w Bucket, Fault> {
    access::check(world, call)?;
    world.s3.buckets.get(call.required("Bucket")).ok_or_else(no_such_bucket)
}

fn no_such_bucket() -> Fault {
    Fault::new("NoSuchBucket", "The specified bucket does not exist").status(404)
}

fn access_denied() -> Fault {
    Fault::new("AccessDenied", "Access Denied").status(403)
}

fn malformed_xml() -> Fault {
    let message = "The XML you provided was not well-formed or did not validate against our published schema";
    Fault::new("MalformedXML", message).status(400)
}

fn invalid(code: &str, message: impl Into<String>) -> Fault {
    Fault::new(code, message).status(400)
}

impl Block {
    /// All four switches on.
    pub const ALL: Block = Block {
        block_public_acls: true,
        ignore_public_acls: true,
        block_public_policy: true,
        restrict_public_buckets: true,
    };

    /// PublicAccessBlockConfiguration; a switch that the caller left out is off.
    fn read(input: &Value) -> Block {
        let on = |name: &str| input.get(name).and_then(Value::as_bool) == Some(true);
        Block {
            block_public_acls: on("BlockPublicAcls"),
            ignore_public_acls: on("IgnorePublicAcls"),
            block_public_policy: on("BlockPublicPolicy"),
            restrict_public_buckets: on("RestrictPublicBuckets"),
        }
    }

    fn write(self) -> Value {
        serde_json::json!({"PublicAccessBlockConfiguration": {
            "BlockPublicAcls": self.block_public_acls,
            "IgnorePublicAcls": self.ignore_public_acls,
            "BlockPublicPolicy": self.block_public_policy,
            "RestrictPublicBuckets": self.restrict_public_buckets,
        }})
    }

    /// What holds where bucket and account differ: the stricter (User Guide, "Blocking public access").
    fn and(self, other: Block) -> Block {
        Block {
            block_public_acls: self.block_public_acls || other.block_public_acls,
            ignore_public_acls: self.ignore_public_acls || other.ignore_public_acls,
            block_public_policy: self.block_public_policy || other.block_public_policy,
            restrict_public_buckets: self.restrict_public_buckets || other.restrict_public_buckets,
        }
    }
}

/// The block public access that holds for a bucket: its own and its account's.
fn effective_block(world: &World, bucket: &Bucket) -> Block {
    let account = control::account_block(world, &bucket.owner).unwrap_or_default();
    bucket.block.unwrap_or_default().and(account)
}

/// A made-up canonical user id of an account: 64 hexadecimal digits, always the same for the same account.
fn canonical_id(account: &str) -> String {
    documents::digest_hex(account.as_bytes(), 32)
}
