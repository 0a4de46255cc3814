//! The copy's bucket: what an archive's bucket is, and open to the archive's role.

use super::{INTO_BUCKET, INTO_OBJECTS, Replication, Source, in_region, source};
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Scope, Seat, Section as _, Want, Wanted};
use crate::controls::log_archive::LogArchive;
use crate::controls::log_archive::bucket::{object_lock, tls_only};
use crate::error::UnitError;
use crate::facts::Facts;
use crate::names;
use crate::resource::bucket::{self, Actual, Desired, Encryption, lifecycle};
use crate::resource::statements::{Ours, allow_aws};

/// Part `replica_bucket`.
pub(in super::super) struct ReplicaBucket;

impl Control for ReplicaBucket {
    type Section = LogArchive;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        part: "replica_bucket",
        scope: Scope::Organization,
        seat: Seat::LogReplica,
        optional_seat: true,
        after: &["log_archive.replica_key"],
        reads: &[
            "kms:DescribeKey",
            "s3:GetBucketEncryption",
            "s3:GetBucketLifecycleConfiguration",
            "s3:GetBucketOwnershipControls",
            "s3:GetBucketPolicy",
            "s3:GetBucketTagging",
            "s3:GetBucketVersioning",
            "s3:GetObjectLockConfiguration",
            "s3:GetPublicAccessBlock",
            "s3:ListObjectVersions",
        ],
        writes: &[
            "s3:CreateBucket",
            "s3:PutBucketEncryption",
            "s3:PutBucketLifecycleConfiguration",
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
        let Some(replication) = &cx.section.replication else { return Vec::new() };
        let want = match source(cx.section, cx.baseline, cx.facts) {
            Ok(source) => Want::Set(desired(cx, replication, &source)),
            Err(why) => Want::Blocked(why),
        };
        let at = "replication".to_string();
        vec![Wanted { part: String::new(), at, about: None, after: Vec::new(), want }]
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        bucket::read(cx, &in_region(cx, &want.region).await?, want).await
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        bucket::diff(want, have)
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        bucket::apply(&in_region(cx, &want.region).await?, want, have).await
    }
}

fn desired(cx: &DesiredCx<'_, LogArchive>, replication: &Replication, source: &Source) -> Desired {
    let account = &cx.account.id;
    let name = names::replica_bucket(cx.baseline, account);
    let key = cx.facts.arn("kms", &replication.region, account, &names::replica_key_alias(cx.baseline));
    let days = replication.retention_days.or(cx.section.retention_days);
    Desired {
        owner: account.clone(),
        region: replication.region.clone(),
        encryption: Encryption { algorithm: "aws:kms".into(), key: Some(key), bucket_key: true },
        lifecycle: lifecycle::Desired { expire_days: days, noncurrent_days: days, glacier_days: None },
        policy: policy(cx.facts, &name, source),
        policy_without: Vec::new(),
        // Access logs would need a bucket in the same account and region.
        access_logging: None,
        object_lock: object_lock(cx.section),
        name,
        section: LogArchive::META.id,
    }
}

/// The statements name the archive's account and narrow it to the role, which may not be there yet.
fn policy(facts: &Facts, name: &str, source: &Source) -> Ours {
    let bucket = facts.arn("s3", "", "", name);
    let root = facts.arn("iam", "", &source.account, "root");
    let role = std::slice::from_ref(&source.role);
    let allow = |sid: &str, actions: &[&str], resource: String| {
        allow_aws(sid, &root, actions).on(&[resource]).arn_like("aws:PrincipalArn", role).done()
    };
    Ours(vec![
        allow("OrgbaseReplicateObjects", &INTO_OBJECTS, format!("{bucket}/*")),
        allow("OrgbaseReplicate", &INTO_BUCKET, bucket.clone()),
        tls_only(&bucket),
    ])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::wanted;
    use super::*;

    #[test]
    fn the_copy_is_kept_as_long_as_the_archive_unless_it_says_otherwise() {
        let same = wanted::<ReplicaBucket>("", "333333333333");
        assert_eq!((same.name.as_str(), same.region.as_str()), ("orgbase-cloudtrail-replica-333333333333", "us-east-1"));
        assert_eq!((same.lifecycle.expire_days, same.lifecycle.noncurrent_days), (Some(3650), Some(3650)));
        let own = wanted::<ReplicaBucket>("retention_days = 4000", "333333333333");
        assert_eq!(own.lifecycle.expire_days, Some(4000));
        let alias = "arn:aws:kms:us-east-1:333333333333:alias/orgbase-log-replica";
        assert_eq!(same.encryption.key.as_deref(), Some(alias));
    }

    #[test]
    fn the_role_of_the_archive_alone_may_replicate() {
        let want = wanted::<ReplicaBucket>("", "333333333333");
        let statement = want.policy.0[0].to_value();
        assert_eq!(statement["Principal"], json!({"AWS": "arn:aws:iam::222222222222:root"}));
        assert_eq!(
            statement["Condition"],
            json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::222222222222:role/orgbase-log-replication"}})
        );
        assert!(!want.policy.alone().to_value().to_string().contains("PutBucketVersioning"));
    }
}
