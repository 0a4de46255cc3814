//! The role with which S3 replicates, in the archive's account.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html> and
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-config-for-kms-objects.html>

use super::{INTO_BUCKET, INTO_OBJECTS, Replication, missing};
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Removal, Scope, Seat, Section as _, Want, Wanted};
use crate::controls::log_archive::LogArchive;
use crate::error::UnitError;
use crate::names::{self, LogBucket};
use crate::policy::Statement;
use crate::resource::dns_suffix;
use crate::resource::role::{self, Desired, Role};
use crate::resource::statements::{Ours, allow_holder, allow_service};

/// Part `replication_role`.
pub(in super::super) struct ReplicationRole;

/// What is read of a bucket that is replicated, and of its objects; the last two where there is Object Lock.
const FROM_BUCKET: [&str; 2] = ["s3:GetReplicationConfiguration", "s3:ListBucket"];
const FROM_OBJECTS: [&str; 5] = [
    "s3:GetObjectLegalHold",
    "s3:GetObjectRetention",
    "s3:GetObjectVersionAcl",
    "s3:GetObjectVersionForReplication",
    "s3:GetObjectVersionTagging",
];

impl Control for ReplicationRole {
    type Section = LogArchive;
    type Desired = Desired;
    type Actual = Option<Role>;
    const META: Meta = Meta {
        part: "replication_role",
        scope: Scope::Organization,
        seat: Seat::LogArchive,
        reads: role::READS,
        writes: role::WRITES,
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, LogArchive>) -> Vec<Wanted<Desired>> {
        let Some(replication) = &cx.section.replication else { return Vec::new() };
        let want = match cx.baseline.account_id(&replication.account, cx.facts) {
            Some(copy) => Want::Set(Desired {
                name: names::replication_role(cx.baseline),
                description: "S3 replicates the organization's trail to another account",
                trust: Ours(vec![
                    allow_service("OrgbaseS3", "s3.amazonaws.com", &["sts:AssumeRole"]).done(),
                ]),
                policy_name: "replicate",
                policy: Ours(policy(cx, replication, &copy)),
                owner: LogArchive::META.id,
            }),
            None => Want::Blocked(missing(&replication.account)),
        };
        let at = "replication".to_string();
        vec![Wanted { part: String::new(), at, about: None, after: Vec::new(), want }]
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Option<Role>, UnitError> {
        role::read(cx.aws, want).await
    }

    const REMOVAL: Option<Removal> = Some(role::REMOVAL);

    async fn remove(cx: &Cx<'_>, want: &Desired, _have: &Option<Role>) -> Result<(), UnitError> {
        role::remove(cx.aws, want).await
    }

    fn diff(want: &Desired, have: &Option<Role>) -> Diff {
        role::diff(want, have.as_ref())
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Option<Role>) -> Result<(), UnitError> {
        role::apply(cx.aws, want, have.as_ref()).await
    }
}

/// Key ids are AWS's own choice: the keys are those of either account that are used by S3 for these buckets.
fn policy(cx: &DesiredCx<'_, LogArchive>, replication: &Replication, copy: &str) -> Vec<Statement> {
    let (baseline, facts, own) = (cx.baseline, cx.facts, &cx.account.id);
    let bucket = |name: String| facts.arn("s3", "", "", &name);
    let from = bucket(names::log_bucket(baseline, LogBucket::Trail, own));
    let into = bucket(names::replica_bucket(baseline, copy));
    let keys = |sid: &str, actions: &[&str], region: &str, account: &str, bucket: &str| {
        allow_holder(sid, actions)
            .on(&[facts.arn("kms", region, account, "key/*")])
            .equals("kms:ViaService", &format!("s3.{region}.{}", dns_suffix(facts)))
            .like("kms:EncryptionContext:aws:s3:arn", &format!("{bucket}*"))
            .done()
    };
    vec![
        allow_holder("OrgbaseFromBucket", &FROM_BUCKET).on(std::slice::from_ref(&from)).done(),
        allow_holder("OrgbaseFromObjects", &FROM_OBJECTS).on(&[format!("{from}/*")]).done(),
        allow_holder("OrgbaseIntoBucket", &INTO_BUCKET).on(std::slice::from_ref(&into)).done(),
        allow_holder("OrgbaseIntoObjects", &INTO_OBJECTS).on(&[format!("{into}/*")]).done(),
        keys("OrgbaseDecrypt", &["kms:Decrypt"], cx.region, own, &from),
        keys("OrgbaseEncrypt", &["kms:Encrypt", "kms:GenerateDataKey"], &replication.region, copy, &into),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::wanted;
    use super::*;

    #[test]
    fn each_key_is_used_for_its_own_bucket() {
        let want = wanted::<ReplicationRole>("", "222222222222");
        assert_eq!(
            want.policy.0[5].to_value(),
            json!({
                "Sid": "OrgbaseEncrypt", "Effect": "Allow", "Action": ["kms:Encrypt", "kms:GenerateDataKey"],
                "Resource": "arn:aws:kms:us-east-1:333333333333:key/*",
                "Condition": {
                    "StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"},
                    "StringLike": {"kms:EncryptionContext:aws:s3:arn":
                        "arn:aws:s3:::orgbase-cloudtrail-replica-333333333333*"}
                }
            })
        );
    }
}
