//! An S3 bucket that holds logs: found by its name, which carries the account's id.
//!
//! Versioning, encryption, block public access, ownership and our statements of the policy are always managed;
//! lifecycle, access logging and Object Lock where they are wanted. `CreateBucket` in us-east-1 takes no
//! LocationConstraint, every other region needs its own. What others put into policy, lifecycle and tags is sent back.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html>

pub mod lifecycle;
mod read;
mod write;

use aws_sdk_s3::types::{ServerSideEncryptionRule, TargetObjectKeyFormat};
use serde::Serialize;
use serde_json::{Value, json};

use super::statements::{Ours, Stored};
use super::tags::{Tags, diff_owner};
use crate::control::{Diff, Risk};

pub use read::read;
pub use write::write as apply;

/// Operations that [`read`] calls.
pub const READS: &[&str] = &[
    "kms:DescribeKey",
    "s3:GetBucketEncryption",
    "s3:GetBucketLifecycleConfiguration",
    "s3:GetBucketLogging",
    "s3:GetBucketOwnershipControls",
    "s3:GetBucketPolicy",
    "s3:GetBucketTagging",
    "s3:GetBucketVersioning",
    "s3:GetObjectLockConfiguration",
    "s3:GetPublicAccessBlock",
    "s3:ListObjectVersions",
];
/// Further operations that [`apply`] calls.
pub const WRITES: &[&str] = &[
    "s3:CreateBucket",
    "s3:PutBucketEncryption",
    "s3:PutBucketLifecycleConfiguration",
    "s3:PutBucketLogging",
    "s3:PutBucketOwnershipControls",
    "s3:PutBucketPolicy",
    "s3:PutBucketTagging",
    "s3:PutBucketVersioning",
    "s3:PutObjectLockConfiguration",
    "s3:PutPublicAccessBlock",
];

/// Mode of Object Lock that nobody can take back.
const COMPLIANCE: &str = "COMPLIANCE";

/// What a bucket should be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Desired {
    /// Its name.
    pub name: String,
    /// 12-digit id of the account that must own it.
    pub owner: String,
    /// Its region, which must be that of the clients.
    pub region: String,
    /// Default encryption.
    pub encryption: Encryption,
    /// How long objects stay.
    pub lifecycle: lifecycle::Desired,
    /// Our statements of its policy.
    pub policy: Ours,
    /// `Sid`s of statements that should not be in its policy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policy_without: Vec<&'static str>,
    /// Where its access logs go; `None`: not managed.
    pub access_logging: Option<AccessLogging>,
    /// `None`: not managed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_lock: Option<ObjectLock>,
    /// Value of the owner tag: the section.
    #[serde(skip)]
    pub section: &'static str,
}

/// Default encryption of new objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Encryption {
    /// `AES256` or `aws:kms`.
    pub algorithm: String,
    /// ARN of the key's alias; of the key itself where it is another one than ours.
    pub key: Option<String>,
    /// One data key for many objects: KMS is asked less often.
    pub bucket_key: bool,
}

/// Where access logs go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccessLogging {
    /// Name of the bucket that gets them.
    pub bucket: String,
    /// Beginning of their keys.
    pub prefix: String,
}

/// Default retention under Object Lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ObjectLock {
    /// `GOVERNANCE` or `COMPLIANCE`.
    pub mode: String,
    /// Days for which each new object is locked.
    pub days: i32,
}

/// The four switches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "AWS's own shape")]
pub struct PublicAccessBlock {
    /// New public ACLs are refused.
    pub block_public_acls: bool,
    /// Public ACLs have no effect.
    pub ignore_public_acls: bool,
    /// New public policies are refused.
    pub block_public_policy: bool,
    /// A public policy lets in AWS services and the bucket's own account alone.
    pub restrict_public_buckets: bool,
}

impl PublicAccessBlock {
    /// All four on.
    pub const ALL: PublicAccessBlock = PublicAccessBlock {
        block_public_acls: true,
        ignore_public_acls: true,
        block_public_policy: true,
        restrict_public_buckets: true,
    };
}

/// What is there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Actual {
    /// ARN of the archive's key, where the bucket needs it and it exists.
    #[serde(skip)]
    pub key_arn: Option<String>,
    /// `None`: no bucket has the name.
    pub bucket: Option<Present>,
}

/// A bucket. The default is a bucket without any setting.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Present {
    /// `Enabled`, `Suspended`, or empty where it never was on.
    pub versioning: String,
    /// Default encryption.
    pub encryption: Option<Encryption>,
    /// Block public access.
    pub public_access_block: PublicAccessBlock,
    /// Object ownership, such as `BucketOwnerEnforced`.
    pub ownership: Option<String>,
    /// Lifecycle rules.
    pub lifecycle: lifecycle::Rules,
    /// Bucket policy.
    pub policy: Stored,
    /// Where its access logs go; not read where it is not managed.
    pub access_logging: Option<AccessLogging>,
    /// Default retention; not read where it is not managed.
    pub object_lock: Option<ObjectLock>,
    /// Tags.
    pub tags: Tags,
    /// Parts of the answers that are not managed, and are sent back.
    #[serde(skip)]
    pub(crate) encryption_rule: Option<ServerSideEncryptionRule>,
    #[serde(skip)]
    pub(crate) key_format: Option<TargetObjectKeyFormat>,
}

/// Compares.
pub fn diff(want: &Desired, have: &Actual) -> Diff {
    if let Some(bucket) = &have.bucket {
        return settings(want, bucket);
    }
    let mut d = Diff::new();
    d.create("bucket", want);
    if let Some(lock) = &want.object_lock {
        d.push("object_lock_days", Value::Null, json!(lock), lock_risk(lock));
        confirm_lock(&mut d, lock, &want.name);
    }
    d
}

/// Compares the settings of a bucket that exists.
pub fn settings(want: &Desired, have: &Present) -> Diff {
    let mut d = Diff::new();
    d.field("versioning", &have.versioning.as_str(), Some(&"Enabled"));
    d.field("encryption", &have.encryption.as_ref(), Some(&Some(&want.encryption)));
    d.field("public_access_block", &have.public_access_block, Some(&PublicAccessBlock::ALL));
    d.field("ownership", &have.ownership.as_deref(), Some(&Some("BucketOwnerEnforced")));
    want.lifecycle.diff(&mut d, &have.lifecycle);
    want.policy.diff(&mut d, &have.policy);
    have.policy.diff_unwanted(&mut d, &want.policy_without);
    if let Some(logging) = &want.access_logging {
        d.field("access_logging", &have.access_logging.as_ref(), Some(&Some(logging)));
    }
    if let Some(lock) = &want.object_lock {
        d.risky("object_lock_days", &have.object_lock.as_ref(), Some(&Some(lock)), lock_risk(lock));
        confirm_lock(&mut d, lock, &want.name);
    }
    diff_owner(&mut d, &have.tags, want.section);
    d
}

/// Nobody can take COMPLIANCE back; Object Lock of either mode cannot be turned off again.
fn lock_risk(lock: &ObjectLock) -> Risk {
    if lock.mode == COMPLIANCE { Risk::Destructive } else { Risk::Disruptive }
}

/// Objects under COMPLIANCE stay until their day, and so does the account's bill: somebody types the bucket's name.
fn confirm_lock(d: &mut Diff, lock: &ObjectLock, bucket: &str) {
    if lock.mode == COMPLIANCE {
        d.confirm("object_lock_days", bucket);
    }
}
