//! Reading a bucket: eight calls, each of which says "there is none" in its own way, and one more where objects are to be
//! deleted that nothing deletes now.

use aws_sdk_s3::operation::get_bucket_encryption::GetBucketEncryptionOutput;
use aws_sdk_s3::operation::get_bucket_logging::GetBucketLoggingOutput;
use aws_sdk_s3::operation::get_object_lock_configuration::GetObjectLockConfigurationOutput;
use aws_sdk_s3::operation::get_public_access_block::GetPublicAccessBlockOutput;
use aws_sdk_s3::operation::list_object_versions::ListObjectVersionsOutput;
use aws_sdk_s3::types::{ObjectVersion, ServerSideEncryptionRule};
use time::OffsetDateTime;

use super::{AccessLogging, Actual, Desired, Encryption, ObjectLock, Present, PublicAccessBlock, lifecycle};
use crate::aws::Clients;
use crate::control::Cx;
use crate::error::{Absent, CallError, Kind, UnitError};
use crate::resource::kms_key;
use crate::resource::statements::Stored;
use crate::resource::tags::Tags;

/// Codes of a bucket that lies in another region.
const ELSEWHERE: &[&str] =
    &["PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301"];

/// Reads the bucket, and the key that it should use. `aws`: the bucket's account and region.
pub async fn read(cx: &Cx<'_>, aws: &Clients, want: &Desired) -> Result<Actual, UnitError> {
    let key_arn = match want.encryption.key.as_deref().and_then(|key| key.split_once(":alias/")) {
        Some((_, alias)) => kms_key::resolve_once(cx, aws, &format!("alias/{alias}")).await?,
        None => None,
    };
    let (name, owner) = (want.name.as_str(), want.owner.as_str());
    let s3 = aws.s3();
    let versioning = s3
        .call("GetBucketVersioning", |c| {
            c.get_bucket_versioning().bucket(name).expected_bucket_owner(owner).send()
        })
        .await
        .absent(&["NoSuchBucket"])
        .map_err(|e| explain(want, e))?;
    let Some(versioning) = versioning else { return Ok(Actual { key_arn, bucket: None }) };
    let encryption = s3
        .call("GetBucketEncryption", |c| {
            c.get_bucket_encryption().bucket(name).expected_bucket_owner(owner).send()
        })
        .await
        .absent(&["ServerSideEncryptionConfigurationNotFoundError"])?;
    let block = s3
        .call("GetPublicAccessBlock", |c| {
            c.get_public_access_block().bucket(name).expected_bucket_owner(owner).send()
        })
        .await
        .absent(&["NoSuchPublicAccessBlockConfiguration"])?;
    let ownership = s3
        .call("GetBucketOwnershipControls", |c| {
            c.get_bucket_ownership_controls().bucket(name).expected_bucket_owner(owner).send()
        })
        .await
        .absent(&["OwnershipControlsNotFoundError"])?;
    let rules = s3
        .call("GetBucketLifecycleConfiguration", |c| {
            c.get_bucket_lifecycle_configuration().bucket(name).expected_bucket_owner(owner).send()
        })
        .await
        .absent(&["NoSuchLifecycleConfiguration"])?;
    let rules = lifecycle::Rules::from_live(rules);
    let policy = s3
        .call("GetBucketPolicy", |c| c.get_bucket_policy().bucket(name).expected_bucket_owner(owner).send())
        .await
        .absent(&["NoSuchBucketPolicy"])?
        .and_then(|p| p.policy);
    let logging = match want.access_logging {
        None => None,
        Some(_) => Some(
            s3.call("GetBucketLogging", |c| {
                c.get_bucket_logging().bucket(name).expected_bucket_owner(owner).send()
            })
            .await?,
        ),
    };
    let rule = encryption.and_then(first_rule);
    let present = Present {
        versioning: versioning.status.map_or_else(String::new, |s| s.as_str().to_string()),
        encryption: rule.as_ref().and_then(|rule| encryption_of(rule, want, key_arn.as_deref())),
        encryption_rule: rule,
        public_access_block: block.map(block_of).unwrap_or_default(),
        ownership: ownership
            .and_then(|o| o.ownership_controls)
            .and_then(|o| o.rules.into_iter().next())
            .map(|r| r.object_ownership.as_str().to_string()),
        lifecycle: match want.lifecycle.begins(&rules) {
            Some(days) => rules.in_bucket(is_young(aws, want, days).await?),
            None => rules,
        },
        policy: Stored::parse(policy.as_deref(), &format!("the policy of bucket {name}"))?,
        key_format: logging
            .as_ref()
            .and_then(|l| l.logging_enabled.as_ref()?.target_object_key_format.clone()),
        access_logging: logging.and_then(logging_of),
        object_lock: lock(aws, want).await?,
        tags: tags(aws, want).await?,
    };
    Ok(Actual { key_arn, bucket: Some(present) })
}

/// Whether all objects and old versions are younger than so many days. A bucket with more than one page of them (1,000) counts as
/// old: they come by name, not by age. When the bucket was made is no help: AWS changes that date with the bucket's policy.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Bucket.html>
async fn is_young(aws: &Clients, want: &Desired, days: i32) -> Result<bool, CallError> {
    let (name, owner) = (want.name.as_str(), want.owner.as_str());
    let page = aws
        .s3()
        .call("ListObjectVersions", |c| {
            c.list_object_versions().bucket(name).expected_bucket_owner(owner).send()
        })
        .await?;
    let since = OffsetDateTime::now_utc().unix_timestamp() - i64::from(days) * 24 * 60 * 60;
    Ok(all_since(&page, since))
}

/// Whether the page has all there is, and nothing in it is older than `since`, in seconds since 1970.
fn all_since(page: &ListObjectVersionsOutput, since: i64) -> bool {
    let is_later = |version: &ObjectVersion| version.last_modified.is_some_and(|at| at.secs() > since);
    page.is_truncated != Some(true) && page.versions().iter().all(is_later)
}

async fn tags(aws: &Clients, want: &Desired) -> Result<Tags, CallError> {
    let (name, owner) = (want.name.as_str(), want.owner.as_str());
    let answer = aws
        .s3()
        .call("GetBucketTagging", |c| c.get_bucket_tagging().bucket(name).expected_bucket_owner(owner).send())
        .await
        .absent(&["NoSuchTagSet"])?;
    Ok(answer.into_iter().flat_map(|a| a.tag_set).map(|t| (t.key, t.value)).collect())
}

async fn lock(aws: &Clients, want: &Desired) -> Result<Option<ObjectLock>, CallError> {
    if want.object_lock.is_none() {
        return Ok(None);
    }
    let (name, owner) = (want.name.as_str(), want.owner.as_str());
    let answer = aws
        .s3()
        .call("GetObjectLockConfiguration", |c| {
            c.get_object_lock_configuration().bucket(name).expected_bucket_owner(owner).send()
        })
        .await
        .absent(&["ObjectLockConfigurationNotFoundError"])?;
    Ok(answer.and_then(lock_of))
}

fn lock_of(answer: GetObjectLockConfigurationOutput) -> Option<ObjectLock> {
    let retention = answer.object_lock_configuration?.rule?.default_retention?;
    let mode = retention.mode?.as_str().to_string();
    let days = retention.days.or_else(|| retention.years.map(|years| years.saturating_mul(365)))?;
    Some(ObjectLock { mode, days })
}

fn logging_of(answer: GetBucketLoggingOutput) -> Option<AccessLogging> {
    let on = answer.logging_enabled?;
    Some(AccessLogging { bucket: on.target_bucket, prefix: on.target_prefix })
}

fn block_of(answer: GetPublicAccessBlockOutput) -> PublicAccessBlock {
    let Some(block) = answer.public_access_block_configuration else { return PublicAccessBlock::default() };
    PublicAccessBlock {
        block_public_acls: block.block_public_acls.unwrap_or(false),
        ignore_public_acls: block.ignore_public_acls.unwrap_or(false),
        block_public_policy: block.block_public_policy.unwrap_or(false),
        restrict_public_buckets: block.restrict_public_buckets.unwrap_or(false),
    }
}

fn first_rule(answer: GetBucketEncryptionOutput) -> Option<ServerSideEncryptionRule> {
    answer.server_side_encryption_configuration?.rules.into_iter().next()
}

/// The rule in our terms: our key is written as its alias, whichever way S3 names it.
fn encryption_of(
    rule: &ServerSideEncryptionRule,
    want: &Desired,
    key_arn: Option<&str>,
) -> Option<Encryption> {
    let default = rule.apply_server_side_encryption_by_default.as_ref()?;
    let algorithm = default.sse_algorithm.as_str().to_string();
    let is_ours = |key: &str| {
        key_arn.is_some_and(|arn| arn == key || arn.rsplit('/').next() == Some(key))
            || want.encryption.key.as_deref() == Some(key)
    };
    let key = default.kms_master_key_id.clone().filter(|key| !key.is_empty());
    let key = if key.as_deref().is_some_and(is_ours) { want.encryption.key.clone() } else { key };
    // A bucket key means nothing without KMS.
    let bucket_key = algorithm != "AES256" && rule.bucket_key_enabled.unwrap_or(false);
    Some(Encryption { algorithm, key, bucket_key })
}

/// Says what a refused first look at the bucket means.
pub(super) fn explain(want: &Desired, e: CallError) -> UnitError {
    let name = &want.name;
    if e.is(ELSEWHERE) {
        return UnitError { kind: Kind::Conflict, ..UnitError::from(e) }.hint(format!(
            "bucket `{name}` exists in another region than {}: set another `[organization] prefix`, or the region \
             where the bucket is as `home_region`",
            want.region
        ));
    }
    if e.kind == Kind::Denied && !e.session {
        // S3 answers a plain AccessDenied where the bucket's owner is not the expected one.
        return UnitError::from(e).hint(format!(
            "bucket `{name}` belongs to another account than {}, or the role may not read it; in the first case set \
             another `[organization] prefix`",
            want.owner
        ));
    }
    UnitError::from(e)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use aws_sdk_s3::types::{
        DefaultRetention, ObjectLockConfiguration, ObjectLockRetentionMode, ObjectLockRule,
        ServerSideEncryption, ServerSideEncryptionByDefault,
    };

    use super::*;
    use crate::resource::statements::Ours;

    const ALIAS: &str = "arn:aws:kms:eu-west-1:222222222222:alias/orgbase-log-archive";
    const KEY: &str = "arn:aws:kms:eu-west-1:222222222222:key/1234";

    fn want() -> Desired {
        Desired {
            name: "b".into(),
            owner: "222222222222".into(),
            region: "eu-west-1".into(),
            encryption: Encryption { algorithm: "aws:kms".into(), key: Some(ALIAS.into()), bucket_key: true },
            lifecycle: lifecycle::Desired::default(),
            policy: Ours(Vec::new()),
            policy_without: Vec::new(),
            access_logging: None,
            object_lock: None,
            section: "log_archive",
        }
    }

    fn live(algorithm: ServerSideEncryption, key: Option<&str>) -> Encryption {
        let default = ServerSideEncryptionByDefault::builder()
            .sse_algorithm(algorithm)
            .set_kms_master_key_id(key.map(str::to_string))
            .build()
            .unwrap();
        let rule = ServerSideEncryptionRule::builder()
            .apply_server_side_encryption_by_default(default)
            .bucket_key_enabled(true)
            .build();
        encryption_of(&rule, &want(), Some(KEY)).unwrap()
    }

    #[test]
    fn our_key_is_recognised_by_arn_id_and_alias_and_no_other_key_is() {
        for key in [KEY, "1234", ALIAS] {
            assert_eq!(live(ServerSideEncryption::AwsKms, Some(key)), want().encryption);
        }
        let other = live(ServerSideEncryption::AwsKms, Some("arn:aws:kms:eu-west-1:222222222222:key/other"));
        assert_ne!(other, want().encryption);
        assert_ne!(live(ServerSideEncryption::Aes256, None), want().encryption);
        assert!(!live(ServerSideEncryption::Aes256, None).bucket_key);
    }

    #[test]
    fn a_bucket_is_young_where_all_of_it_is_seen_and_none_is_old() {
        let version = |at: i64| {
            let at = aws_sdk_s3::primitives::DateTime::from_secs(at);
            ObjectVersion::builder().last_modified(at).build()
        };
        let page = |ages: &[i64], more: bool| {
            let versions = ages.iter().map(|at| version(*at)).collect();
            ListObjectVersionsOutput::builder().set_versions(Some(versions)).is_truncated(more).build()
        };
        assert!(all_since(&page(&[], false), 100));
        assert!(all_since(&page(&[101, 200], false), 100));
        assert!(!all_since(&page(&[101, 99], false), 100));
        assert!(!all_since(&page(&[101, 200], true), 100));
    }

    #[test]
    fn a_lock_in_years_is_read_in_days() {
        let retention =
            DefaultRetention::builder().mode(ObjectLockRetentionMode::Governance).years(2).build();
        let rule = ObjectLockRule::builder().default_retention(retention).build();
        let answer = GetObjectLockConfigurationOutput::builder()
            .object_lock_configuration(ObjectLockConfiguration::builder().rule(rule).build())
            .build();
        assert_eq!(lock_of(answer), Some(ObjectLock { mode: "GOVERNANCE".into(), days: 730 }));
    }

    #[test]
    fn a_bucket_of_somebody_else_and_one_elsewhere_are_told_apart() {
        let error = |code: &str, kind| CallError {
            service: "s3".into(),
            operation: "GetBucketVersioning".into(),
            account: "222222222222".into(),
            region: "eu-west-1".into(),
            code: Some(code.into()),
            message: None,
            status: Some(403),
            request_id: None,
            kind,
            maybe_done: false,
            session: false,
        };
        let denied = explain(&want(), error("AccessDenied", Kind::Denied));
        assert!(denied.hint.unwrap().contains("belongs to another account"));
        let elsewhere = explain(&want(), error("PermanentRedirect", Kind::Rejected));
        assert_eq!(elsewhere.kind, Kind::Conflict);
    }
}
