//! Writing a bucket: made where it is missing, then each setting that differs, protections first.

use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketLoggingStatus, BucketVersioningStatus, CreateBucketConfiguration,
    DefaultRetention, LoggingEnabled, ObjectLockConfiguration, ObjectLockEnabled, ObjectLockRetentionMode,
    ObjectLockRule, ObjectOwnership, OwnershipControls, OwnershipControlsRule,
    PublicAccessBlockConfiguration, ServerSideEncryption, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule, Tag, Tagging, VersioningConfiguration,
};

use super::{Actual, Desired, Present, read, settings};
use crate::aws::{Clients, Service};
use crate::error::{Absent, CallError, Kind, UnitError};
use crate::resource::tags::with_owner;

/// One bucket, its client and what is there.
struct Writer<'a> {
    s3: Service<aws_sdk_s3::Client>,
    want: &'a Desired,
    have: &'a Present,
    key_arn: Option<&'a str>,
}

/// Writes what differs, and makes the bucket where it is missing.
pub async fn write(aws: &Clients, want: &Desired, have: &Actual) -> Result<(), UnitError> {
    let fresh = Present::default();
    if have.bucket.is_none() {
        create(aws, want).await?;
    }
    let have_bucket = have.bucket.as_ref().unwrap_or(&fresh);
    let writer = Writer { s3: aws.s3(), want, have: have_bucket, key_arn: have.key_arn.as_deref() };
    let d = settings(want, have_bucket);
    let differs = |path: &str| d.changes.iter().any(|c| c.path.starts_with(path));
    if differs("public_access_block") {
        writer.public_access_block().await?;
    }
    if differs("ownership") {
        writer.ownership().await?;
    }
    if differs("versioning") {
        writer.versioning().await?;
    }
    if differs("encryption") {
        writer.encryption().await?;
    }
    if differs("policy.") {
        writer.policy().await?;
    }
    if differs("lifecycle.") {
        writer.lifecycle().await?;
    }
    if differs("access_logging") {
        writer.access_logging().await?;
    }
    if differs("object_lock") {
        writer.object_lock().await?;
    }
    if differs("tags.") {
        writer.tags().await?;
    }
    Ok(())
}

/// Makes the bucket. This is the one S3 call that takes no expected owner.
async fn create(aws: &Clients, want: &Desired) -> Result<(), UnitError> {
    let location = (want.region != "us-east-1").then(|| {
        let region = BucketLocationConstraint::from(want.region.as_str());
        CreateBucketConfiguration::builder().location_constraint(region).build()
    });
    let made = aws
        .s3()
        .call("CreateBucket", |c| {
            c.create_bucket()
                .bucket(&want.name)
                .set_create_bucket_configuration(location.clone())
                .object_ownership(ObjectOwnership::BucketOwnerEnforced)
                .set_object_lock_enabled_for_bucket(want.object_lock.is_some().then_some(true))
                .send()
        })
        .await
        .absent(&["BucketAlreadyOwnedByYou"]);
    match made {
        Ok(_) => Ok(()),
        Err(e) if e.is(&["BucketAlreadyExists"]) => Err(taken(want, e)),
        Err(e) => Err(read::explain(want, e)),
    }
}

fn taken(want: &Desired, e: CallError) -> UnitError {
    UnitError { kind: Kind::Conflict, ..UnitError::from(e) }.hint(format!(
        "another account owns the bucket name `{}`: set another `[organization] prefix`",
        want.name
    ))
}

impl Writer<'_> {
    async fn public_access_block(&self) -> Result<(), CallError> {
        let block = PublicAccessBlockConfiguration::builder()
            .block_public_acls(true)
            .ignore_public_acls(true)
            .block_public_policy(true)
            .restrict_public_buckets(true)
            .build();
        let put = |c: &aws_sdk_s3::Client| {
            c.put_public_access_block()
                .bucket(&self.want.name)
                .expected_bucket_owner(&self.want.owner)
                .public_access_block_configuration(block.clone())
                .send()
        };
        self.s3.call("PutPublicAccessBlock", put).await.map(drop)
    }

    async fn ownership(&self) -> Result<(), UnitError> {
        let rule = OwnershipControlsRule::builder()
            .object_ownership(ObjectOwnership::BucketOwnerEnforced)
            .build()
            .map_err(|e| defect(&e))?;
        let controls = OwnershipControls::builder().rules(rule).build().map_err(|e| defect(&e))?;
        let put = |c: &aws_sdk_s3::Client| {
            c.put_bucket_ownership_controls()
                .bucket(&self.want.name)
                .expected_bucket_owner(&self.want.owner)
                .ownership_controls(controls.clone())
                .send()
        };
        self.s3.call("PutBucketOwnershipControls", put).await?;
        Ok(())
    }

    async fn versioning(&self) -> Result<(), CallError> {
        let on = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        let put = |c: &aws_sdk_s3::Client| {
            c.put_bucket_versioning()
                .bucket(&self.want.name)
                .expected_bucket_owner(&self.want.owner)
                .versioning_configuration(on.clone())
                .send()
        };
        self.s3.call("PutBucketVersioning", put).await.map(drop)
    }

    /// Keeps what a rule may hold besides (blocked encryption types).
    async fn encryption(&self) -> Result<(), UnitError> {
        let want = &self.want.encryption;
        let key = match (&want.key, self.key_arn) {
            (None, _) => None,
            // An alias would be looked up in the account of whoever writes an object.
            (Some(_), Some(arn)) => Some(arn.to_string()),
            (Some(alias), None) => {
                let message = format!("there is no key {alias}");
                return Err(UnitError::new(Kind::Conflict, message).hint("apply `log_archive.key` as well"));
            }
        };
        let default = ServerSideEncryptionByDefault::builder()
            .sse_algorithm(ServerSideEncryption::from(want.algorithm.as_str()))
            .set_kms_master_key_id(key)
            .build()
            .map_err(|e| defect(&e))?;
        let blocked = self.have.encryption_rule.as_ref().and_then(|r| r.blocked_encryption_types.clone());
        let rule = ServerSideEncryptionRule::builder()
            .apply_server_side_encryption_by_default(default)
            .bucket_key_enabled(want.bucket_key)
            .set_blocked_encryption_types(blocked)
            .build();
        let all = ServerSideEncryptionConfiguration::builder().rules(rule).build().map_err(|e| defect(&e))?;
        let put = |c: &aws_sdk_s3::Client| {
            c.put_bucket_encryption()
                .bucket(&self.want.name)
                .expected_bucket_owner(&self.want.owner)
                .server_side_encryption_configuration(all.clone())
                .send()
        };
        self.s3.call("PutBucketEncryption", put).await?;
        Ok(())
    }

    async fn policy(&self) -> Result<(), CallError> {
        let policy = self.want.policy.merged_into(&self.have.policy.without(&self.want.policy_without));
        let put = |c: &aws_sdk_s3::Client| {
            c.put_bucket_policy()
                .bucket(&self.want.name)
                .expected_bucket_owner(&self.want.owner)
                .policy(&policy)
                .send()
        };
        self.s3.call("PutBucketPolicy", put).await.map(drop)
    }

    async fn lifecycle(&self) -> Result<(), UnitError> {
        let rules = self.want.lifecycle.merged_into(&self.have.lifecycle)?;
        let put = |c: &aws_sdk_s3::Client| {
            c.put_bucket_lifecycle_configuration()
                .bucket(&self.want.name)
                .expected_bucket_owner(&self.want.owner)
                .lifecycle_configuration(rules.clone())
                .set_transition_default_minimum_object_size(self.have.lifecycle.minimum_size())
                .send()
        };
        self.s3.call("PutBucketLifecycleConfiguration", put).await?;
        Ok(())
    }

    async fn access_logging(&self) -> Result<(), UnitError> {
        let Some(want) = &self.want.access_logging else { return Ok(()) };
        let on = LoggingEnabled::builder()
            .target_bucket(&want.bucket)
            .target_prefix(&want.prefix)
            .set_target_object_key_format(self.have.key_format.clone())
            .build()
            .map_err(|e| defect(&e))?;
        let status = BucketLoggingStatus::builder().logging_enabled(on).build();
        let put = |c: &aws_sdk_s3::Client| {
            c.put_bucket_logging()
                .bucket(&self.want.name)
                .expected_bucket_owner(&self.want.owner)
                .bucket_logging_status(status.clone())
                .send()
        };
        self.s3.call("PutBucketLogging", put).await?;
        Ok(())
    }

    async fn object_lock(&self) -> Result<(), CallError> {
        let Some(want) = &self.want.object_lock else { return Ok(()) };
        let mode = ObjectLockRetentionMode::from(want.mode.as_str());
        let retention = DefaultRetention::builder().mode(mode).days(want.days).build();
        let lock = ObjectLockConfiguration::builder()
            .object_lock_enabled(ObjectLockEnabled::Enabled)
            .rule(ObjectLockRule::builder().default_retention(retention).build())
            .build();
        let put = |c: &aws_sdk_s3::Client| {
            c.put_object_lock_configuration()
                .bucket(&self.want.name)
                .expected_bucket_owner(&self.want.owner)
                .object_lock_configuration(lock.clone())
                .send()
        };
        self.s3.call("PutObjectLockConfiguration", put).await.map(drop)
    }

    async fn tags(&self) -> Result<(), UnitError> {
        let tags = with_owner(&self.have.tags, self.want.section)
            .into_iter()
            .map(|(key, value)| Tag::builder().key(key).value(value).build())
            .collect::<Result<Vec<Tag>, _>>()
            .map_err(|e| defect(&e))?;
        let tagging = Tagging::builder().set_tag_set(Some(tags)).build().map_err(|e| defect(&e))?;
        let put = |c: &aws_sdk_s3::Client| {
            c.put_bucket_tagging()
                .bucket(&self.want.name)
                .expected_bucket_owner(&self.want.owner)
                .tagging(tagging.clone())
                .send()
        };
        self.s3.call("PutBucketTagging", put).await?;
        Ok(())
    }
}

fn defect(e: &dyn std::fmt::Display) -> UnitError {
    UnitError::new(Kind::Bug, format!("a request to S3 could not be built: {e}"))
}
