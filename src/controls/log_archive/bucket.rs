//! The archive's buckets: one unit each.
//!
//! A bucket is found by its name, which carries the account's id. `CreateBucket` in us-east-1 takes no
//! LocationConstraint, every other region needs its own.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html>

mod lifecycle;
mod policy;
mod read;
mod write;

use aws_sdk_s3::types::{ServerSideEncryptionRule, TargetObjectKeyFormat};
use serde::Serialize;

use super::{LockMode, LogArchive};
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Risk, Scope, Seat, Section as _, Want, Wanted};
use crate::error::UnitError;
use crate::names::{self, LogBucket};
use crate::resource::statements::{Ours, Stored};
use crate::resource::tags::{Tags, diff_owner};

/// Part `bucket`.
pub(super) struct Bucket;

/// What a bucket should be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Desired {
    name: String,
    /// 12-digit id of the account that must own it.
    owner: String,
    region: String,
    encryption: Encryption,
    lifecycle: lifecycle::Desired,
    policy: Ours,
    /// Where its access logs go; `None`: not managed.
    access_logging: Option<AccessLogging>,
    /// `None`: not managed.
    object_lock: Option<ObjectLock>,
}

/// Default encryption of new objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Encryption {
    /// `AES256` or `aws:kms`.
    algorithm: String,
    /// ARN of the key's alias; of the key itself where it is another one than ours.
    key: Option<String>,
    /// One data key for many objects: KMS is asked less often.
    bucket_key: bool,
}

/// Where access logs go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct AccessLogging {
    bucket: String,
    prefix: String,
}

/// Default retention under Object Lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct ObjectLock {
    /// `GOVERNANCE` or `COMPLIANCE`.
    mode: String,
    days: i32,
}

/// The four switches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "AWS's own shape")]
struct PublicAccessBlock {
    block_public_acls: bool,
    ignore_public_acls: bool,
    block_public_policy: bool,
    restrict_public_buckets: bool,
}

impl PublicAccessBlock {
    const ALL: PublicAccessBlock = PublicAccessBlock {
        block_public_acls: true,
        ignore_public_acls: true,
        block_public_policy: true,
        restrict_public_buckets: true,
    };
}

/// What is there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Actual {
    /// ARN of the archive's key, where the bucket needs it and it exists.
    #[serde(skip)]
    key_arn: Option<String>,
    /// `None`: no bucket has the name.
    bucket: Option<Present>,
}

/// A bucket. The default is a bucket without any setting.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Present {
    /// `Enabled`, `Suspended`, or empty where it never was on.
    versioning: String,
    encryption: Option<Encryption>,
    public_access_block: PublicAccessBlock,
    ownership: Option<String>,
    lifecycle: lifecycle::Rules,
    policy: Stored,
    access_logging: Option<AccessLogging>,
    object_lock: Option<ObjectLock>,
    tags: Tags,
    /// Parts of the answers that are not managed, and are sent back.
    #[serde(skip)]
    encryption_rule: Option<ServerSideEncryptionRule>,
    #[serde(skip)]
    key_format: Option<TargetObjectKeyFormat>,
}

impl Control for Bucket {
    type Section = LogArchive;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        part: "bucket",
        scope: Scope::Organization,
        seat: Seat::LogArchive,
        after: &["log_archive.key"],
        reads: &[
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
        ],
        writes: &[
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
        ],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, LogArchive>) -> Vec<Wanted<Desired>> {
        // S3 refuses to log to a bucket that does not exist.
        let access_logs = LogBucket::AccessLogs;
        let unit = |kind: LogBucket| Wanted {
            part: kind.label().to_string(),
            at: String::new(),
            about: None,
            after: if kind == access_logs { Vec::new() } else { vec![access_logs.label().to_string()] },
            want: Want::Set(desired(cx, kind)),
        };
        LogBucket::of(cx.baseline).into_iter().map(unit).collect()
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        read::read(cx, want).await
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        let Some(bucket) = &have.bucket else {
            let mut d = Diff::new();
            d.create("bucket", want);
            if let Some(lock) = &want.object_lock {
                d.push("object_lock_days", serde_json::Value::Null, serde_json::json!(lock), lock_risk(lock));
                confirm_lock(&mut d, lock, &want.name);
            }
            return d;
        };
        settings(want, bucket)
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        write::write(cx, want, have).await
    }
}

fn desired(cx: &DesiredCx<'_, LogArchive>, kind: LogBucket) -> Desired {
    let DesiredCx { section, account, baseline, facts, .. } = *cx;
    let name = |kind| names::log_bucket(baseline, kind, &account.id);
    let alias = names::log_key_alias(baseline);
    let is_trail = kind == LogBucket::Trail;
    let is_logged = kind != LogBucket::AccessLogs;
    let encryption = if is_logged {
        let key = facts.arn("kms", cx.region, &account.id, &alias);
        Encryption { algorithm: "aws:kms".into(), key: Some(key), bucket_key: true }
    } else {
        Encryption { algorithm: "AES256".into(), key: None, bucket_key: false }
    };
    let lock = section.object_lock_days.map(|days| ObjectLock { mode: lock_mode(section).as_str().into(), days });
    Desired {
        owner: account.id.clone(),
        region: cx.region.to_string(),
        encryption,
        lifecycle: lifecycle(section, kind),
        policy: policy::statements(baseline, facts, kind, &account.id),
        access_logging: is_logged
            .then(|| AccessLogging { bucket: name(LogBucket::AccessLogs), prefix: format!("{}/", name(kind)) }),
        object_lock: lock.filter(|_| is_trail),
        name: name(kind),
    }
}

/// How long the objects of a bucket stay.
fn lifecycle(section: &LogArchive, kind: LogBucket) -> lifecycle::Desired {
    let all = section.retention_days;
    let days = match kind {
        LogBucket::Trail => {
            return lifecycle::Desired {
                expire_days: all,
                noncurrent_days: section.noncurrent_retention_days.or(all),
                glacier_days: section.transition_to_glacier_days,
            };
        }
        LogBucket::AccessLogs => section.access_log_retention_days,
        LogBucket::Config => section.config_retention_days.or(all),
        LogBucket::Findings => section.findings_retention_days.or(all),
        LogBucket::FlowLogs => section.flow_logs_retention_days.or(all),
        LogBucket::Sessions => section.sessions_retention_days.or(all),
        LogBucket::Exports => section.exports_retention_days.or(all),
    };
    let noncurrent = if kind == LogBucket::AccessLogs { None } else { section.noncurrent_retention_days };
    lifecycle::Desired { expire_days: days, noncurrent_days: noncurrent.or(days), glacier_days: None }
}

fn lock_mode(section: &LogArchive) -> LockMode {
    section.object_lock_mode.unwrap_or_default()
}

/// Compares the settings of a bucket that exists.
fn settings(want: &Desired, have: &Present) -> Diff {
    let mut d = Diff::new();
    d.field("versioning", &have.versioning.as_str(), Some(&"Enabled"));
    d.field("encryption", &have.encryption.as_ref(), Some(&Some(&want.encryption)));
    d.field("public_access_block", &have.public_access_block, Some(&PublicAccessBlock::ALL));
    d.field("ownership", &have.ownership.as_deref(), Some(&Some("BucketOwnerEnforced")));
    want.lifecycle.diff(&mut d, &have.lifecycle);
    want.policy.diff(&mut d, &have.policy);
    if let Some(logging) = &want.access_logging {
        d.field("access_logging", &have.access_logging.as_ref(), Some(&Some(logging)));
    }
    if let Some(lock) = &want.object_lock {
        d.risky("object_lock_days", &have.object_lock.as_ref(), Some(&Some(lock)), lock_risk(lock));
        confirm_lock(&mut d, lock, &want.name);
    }
    diff_owner(&mut d, &have.tags, LogArchive::META.id);
    d
}

/// Nobody can take COMPLIANCE back; Object Lock of either mode cannot be turned off again.
fn lock_risk(lock: &ObjectLock) -> Risk {
    if lock.mode == LockMode::Compliance.as_str() { Risk::Destructive } else { Risk::Disruptive }
}

/// Objects under COMPLIANCE stay until their day, and so does the account's bill: somebody types the bucket's name.
fn confirm_lock(d: &mut Diff, lock: &ObjectLock, bucket: &str) {
    if lock.mode == LockMode::Compliance.as_str() {
        d.confirm("object_lock_days", bucket);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::super::tests::{baseline, facts, set};
    use super::*;

    /// What the section with these keys wants of the two buckets: access logs, trail.
    fn wanted(keys: &str) -> Vec<Desired> {
        let facts = facts();
        let baseline = baseline(keys, "[org_trail]\nname = \"org-trail\"");
        let section = crate::resource::declared::<LogArchive>(&baseline).unwrap();
        let account = &facts.accounts["222222222222"];
        let cx = DesiredCx { section: &section, account, region: "eu-west-1", facts: &facts, baseline: &baseline };
        set(Bucket::desired(&cx))
    }

    fn paths(diff: &Diff) -> Vec<&str> {
        diff.changes.iter().map(|c| c.path.as_str()).collect()
    }

    /// A bucket exactly as wanted.
    fn converged(want: &Desired) -> Present {
        Present {
            versioning: "Enabled".into(),
            encryption: Some(want.encryption.clone()),
            public_access_block: PublicAccessBlock::ALL,
            ownership: Some("BucketOwnerEnforced".into()),
            policy: Stored(Some(want.policy.alone())),
            access_logging: want.access_logging.clone(),
            object_lock: want.object_lock.clone(),
            tags: Tags::from([("orgbase".to_string(), "log_archive".to_string())]),
            ..Present::default()
        }
    }

    #[test]
    fn names_carry_the_account_and_the_trail_bucket_logs_to_the_other() {
        let both = wanted("");
        let names: Vec<&str> = both.iter().map(|b| b.name.as_str()).collect();
        assert_eq!(names, ["orgbase-access-logs-222222222222", "orgbase-cloudtrail-222222222222"]);
        assert_eq!(both[1].access_logging.as_ref().unwrap().bucket, both[0].name);
        assert_eq!(both[0].access_logging, None);
    }

    #[test]
    fn access_logs_are_never_encrypted_with_kms_and_never_locked() {
        let both = wanted("object_lock_days = 30");
        assert_eq!(both[0].encryption.algorithm, "AES256");
        assert_eq!(both[0].object_lock, None);
        let alias = "arn:aws:kms:eu-west-1:222222222222:alias/orgbase-log-archive";
        assert_eq!(both[1].encryption.key.as_deref(), Some(alias));
        assert_eq!(both[1].object_lock, Some(ObjectLock { mode: "GOVERNANCE".into(), days: 30 }));
    }

    #[test]
    fn a_converged_bucket_has_no_diff_and_a_bare_one_has_every_protection() {
        for want in wanted("") {
            assert!(settings(&want, &converged(&want)).is_empty());
        }
        let trail = &wanted("")[1];
        let found = settings(trail, &Present::default());
        for path in ["versioning", "encryption", "public_access_block", "ownership", "access_logging"] {
            assert!(paths(&found).contains(&path), "{path}");
        }
        assert!(!paths(&found).iter().any(|p| p.starts_with("lifecycle") || *p == "object_lock_days"));
    }

    #[test]
    fn each_bucket_has_its_own_period_or_that_of_all() {
        let section = LogArchive { retention_days: Some(3650), findings_retention_days: Some(90), ..LogArchive::default() };
        let days = |kind| lifecycle(&section, kind).expire_days;
        assert_eq!(days(LogBucket::Findings), Some(90));
        assert_eq!(days(LogBucket::Config), Some(3650));
        assert_eq!(days(LogBucket::AccessLogs), None);
    }

    #[test]
    fn retention_is_managed_where_it_is_declared() {
        let trail = &wanted("retention_days = 3650")[1];
        let found = settings(trail, &converged(trail));
        assert_eq!(paths(&found), ["lifecycle.retention", "lifecycle.cleanup"]);
    }

    #[test]
    fn compliance_needs_permission_also_at_creation() {
        let trail = &wanted("object_lock_days = 30\nobject_lock_mode = \"COMPLIANCE\"")[1];
        let absent = Actual { key_arn: None, bucket: None };
        assert_eq!(Bucket::diff(trail, &absent).risk(), Risk::Destructive);
        let governance = &wanted("object_lock_days = 30")[1];
        assert_eq!(Bucket::diff(governance, &absent).risk(), Risk::Disruptive);
        assert_eq!(Bucket::diff(&wanted("")[1], &absent).risk(), Risk::Normal);
    }
}
