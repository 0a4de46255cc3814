//! The KMS key that encrypts the archive.
//!
//! Key policy for CloudTrail:
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html>

use super::{LogArchive, writers};
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Scope, Seat, Section as _, Wanted};
use crate::controls::org_trail;
use crate::error::UnitError;
use crate::names::{self, LogBucket};
use crate::resource::kms_key::{self, Actual, Desired};
use crate::resource::statements::{Ours, allow_aws, allow_service};
use crate::resource::dns_suffix;

/// Part `key`.
pub(super) struct LogKey;

impl Control for LogKey {
    type Section = LogArchive;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        part: "key",
        scope: Scope::Organization,
        seat: Seat::LogArchive,
        reads: kms_key::READS,
        writes: kms_key::WRITES,
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, LogArchive>) -> Vec<Wanted<Desired>> {
        Wanted::one(Desired {
            alias: names::log_key_alias(cx.baseline),
            description: "Encrypts the organization's log archive".into(),
            rotation_days: cx.section.key_rotation_days,
            policy: policy(cx),
            owner: LogArchive::META.id,
        })
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        kms_key::read(cx.aws, want).await
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        kms_key::diff(want, have)
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        kms_key::apply(cx.aws, want, have).await
    }
}

/// The account keeps control of its key; CloudTrail encrypts for our trail alone; people of the organization who may
/// read the bucket may decrypt what they get through S3; so does each writer of the further buckets, once it is there.
fn policy(cx: &DesiredCx<'_, LogArchive>) -> Ours {
    let facts = cx.facts;
    let all = ["*".to_string()];
    let root = facts.arn("iam", "", &cx.account.id, "root");
    let trails = facts.arn("cloudtrail", "*", &facts.management_account, "trail/*");
    let s3 = format!("s3.{}.{}", cx.region, dns_suffix(facts));
    let trail = org_trail::source_arn(cx.baseline, facts);
    let mut statements = vec![
        allow_aws("OrgbaseAccount", &root, &["kms:*"]).on(&all).done(),
        trail
            .condition(allow_service("OrgbaseCloudTrailEncrypt", org_trail::SERVICE, &["kms:GenerateDataKey*"]).on(&all))
            .like("kms:EncryptionContext:aws:cloudtrail:arn", &trails)
            .done(),
        trail.condition(allow_service("OrgbaseCloudTrailDescribe", org_trail::SERVICE, &["kms:DescribeKey"]).on(&all)).done(),
        allow_aws("OrgbaseOrganizationDecrypt", "*", &["kms:Decrypt"])
            .on(&all)
            .equals("aws:PrincipalOrgID", &facts.organization_id)
            .equals("kms:ViaService", &s3)
            .done(),
    ];
    let buckets = LogBucket::of(cx.baseline);
    statements.extend(buckets.into_iter().filter_map(|kind| writers::encrypt(cx.baseline, facts, kind, &s3)));
    Ours(statements)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use serde_json::{Value, json};

    use super::super::tests::{baseline, facts, set};
    use super::*;

    fn wanted(rest: &str) -> Desired {
        let facts = facts();
        let baseline = baseline("key_rotation_days = 180", rest);
        let section = crate::resource::declared::<LogArchive>(&baseline).unwrap();
        let account = &facts.accounts["222222222222"];
        let cx = DesiredCx { section: &section, account, region: "eu-west-1", facts: &facts, baseline: &baseline };
        set(LogKey::desired(&cx)).remove(0)
    }

    fn statement(want: &Desired, sid: &str) -> Value {
        want.policy.0.iter().find(|s| s.sid.as_deref() == Some(sid)).unwrap().to_value()
    }

    #[test]
    fn cloudtrail_encrypts_for_the_declared_trail_alone() {
        let want = wanted("[org_trail]\nname = \"org-trail\"");
        assert_eq!(
            statement(&want, "OrgbaseCloudTrailEncrypt")["Condition"],
            json!({
                "StringEquals": {"aws:SourceArn": "arn:aws:cloudtrail:eu-west-1:111111111111:trail/org-trail"},
                "StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn": "arn:aws:cloudtrail:*:111111111111:trail/*"}
            })
        );
        assert_eq!(want.rotation_days, Some(180));
    }

    #[test]
    fn without_a_declared_trail_any_trail_of_the_management_account_may() {
        let condition = statement(&wanted(""), "OrgbaseCloudTrailDescribe")["Condition"].clone();
        assert_eq!(condition, json!({"ArnLike": {"aws:SourceArn": "arn:aws:cloudtrail:eu-west-1:111111111111:trail/*"}}));
    }

    #[test]
    fn the_account_keeps_its_key_and_everybody_else_comes_through_s3() {
        let want = wanted("");
        assert_eq!(statement(&want, "OrgbaseAccount")["Principal"], json!({"AWS": "arn:aws:iam::222222222222:root"}));
        assert_eq!(
            statement(&want, "OrgbaseOrganizationDecrypt")["Condition"],
            json!({"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5", "kms:ViaService": "s3.eu-west-1.amazonaws.com"}})
        );
    }
}
