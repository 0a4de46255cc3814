//! Buckets for the exports of regions other than the home region, whose exports go to a bucket of `log_archive`.
//!
//! They lie in the log archive's account. S3 encrypts them with its own keys: a KMS key would have to be in the same
//! region. They have no access logs, since a bucket for these would have to be in the same region as well.

use super::ComputeOptimizer;
use crate::control::{Adjusted, Control, Cx, DesiredCx, Diff, Meta, Scope, Seat, Section as _, Wanted};
use crate::controls::log_archive;
use crate::error::UnitError;
use crate::names;
use crate::resource::bucket::{self, Actual, Desired};

/// Part `bucket`.
pub(super) struct ExportBucket;

impl Control for ExportBucket {
    type Section = ComputeOptimizer;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        part: "bucket",
        scope: Scope::OrganizationRegion,
        seat: Seat::LogArchive,
        optional_seat: true,
        reads: &[
            "s3:GetBucketEncryption",
            "s3:GetBucketLifecycleConfiguration",
            "s3:GetBucketOwnershipControls",
            "s3:GetBucketPolicy",
            "s3:GetBucketTagging",
            "s3:GetBucketVersioning",
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
            "s3:PutPublicAccessBlock",
        ],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, ComputeOptimizer>) -> Vec<Wanted<Desired>> {
        let home = cx.region == cx.baseline.organization.home_region;
        let exports = cx.section.kinds_in(cx.region).is_some_and(|kinds| !kinds.is_empty());
        if home || !exports {
            return Vec::new();
        }
        let name = names::export_bucket(cx.baseline, cx.region, &cx.account.id);
        let Some(settings) = log_archive::exports(cx.baseline, cx.facts, &name) else { return Vec::new() };
        Wanted::one(Desired {
            name,
            owner: cx.account.id.clone(),
            region: cx.region.to_string(),
            encryption: bucket::Encryption { algorithm: "AES256".into(), key: None, bucket_key: false },
            lifecycle: settings.lifecycle,
            policy: settings.policy,
            policy_without: settings.policy_without,
            access_logging: None,
            object_lock: None,
            section: ComputeOptimizer::META.id,
        })
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        bucket::read(cx, cx.aws, want).await
    }

    fn adjust(section: &mut ComputeOptimizer, _cx: &Cx<'_>, _want: &Desired, have: &Actual) -> Adjusted {
        if have.bucket.is_some() {
            return Adjusted::default();
        }
        section.exports = None;
        Adjusted::said(&["bucket"])
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        bucket::diff(want, have)
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        bucket::apply(cx.aws, want, have).await
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::super::tests::EXPORTS;
    use super::*;
    use crate::controls::log_archive::tests::{baseline, facts, set};
    use crate::resource::declared;

    #[test]
    fn other_regions_have_a_bucket_of_their_own_with_the_archives_rules() {
        let (facts, baseline) = (facts(), baseline("exports_retention_days = 400", EXPORTS));
        let section = declared::<ComputeOptimizer>(&baseline).unwrap();
        let account = &facts.accounts["222222222222"];
        let wanted = |region: &str| {
            let cx = DesiredCx { section: &section, account, region, facts: &facts, baseline: &baseline };
            set(ExportBucket::desired(&cx))
        };
        assert!(wanted("eu-west-1").is_empty());
        let one = wanted("us-east-1").remove(0);
        assert_eq!(one.name, "orgbase-exports-us-east-1-222222222222");
        assert_eq!(one.lifecycle.expire_days, Some(400));
        let policy = one.policy.alone().to_value().to_string();
        assert!(policy.contains("arn:aws:s3:::orgbase-exports-us-east-1-222222222222/*"), "{policy}");
    }
}
