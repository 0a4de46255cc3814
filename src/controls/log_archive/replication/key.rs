//! The copy's KMS key, in its account and region.

use super::{in_region, source};
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Scope, Seat, Section as _, Want, Wanted};
use crate::controls::log_archive::LogArchive;
use crate::error::UnitError;
use crate::names;
use crate::resource::dns_suffix;
use crate::resource::kms_key::{self, Actual};
use crate::resource::statements::{Ours, allow_aws};

use serde::Serialize;

/// Part `replica_key`.
pub(in super::super) struct ReplicaKey;

/// A key in a region.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(in super::super) struct Desired {
    region: String,
    key: kms_key::Desired,
}

impl Control for ReplicaKey {
    type Section = LogArchive;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        part: "replica_key",
        scope: Scope::Organization,
        seat: Seat::LogReplica,
        optional_seat: true,
        reads: kms_key::READS,
        writes: kms_key::WRITES,
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, LogArchive>) -> Vec<Wanted<Desired>> {
        let Some(replication) = &cx.section.replication else { return Vec::new() };
        let want = match policy(cx, &replication.region) {
            Ok(policy) => Want::Set(Desired {
                region: replication.region.clone(),
                key: kms_key::Desired {
                    alias: names::replica_key_alias(cx.baseline),
                    description: "Encrypts the copy of the organization's trail".into(),
                    rotation_days: cx.section.key_rotation_days,
                    policy,
                    owner: LogArchive::META.id,
                },
            }),
            Err(why) => Want::Blocked(why),
        };
        let at = "replication".to_string();
        vec![Wanted { part: String::new(), at, about: None, after: Vec::new(), want }]
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        kms_key::read(&in_region(cx, &want.region).await?, &want.key).await
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        kms_key::diff(&want.key, have)
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        kms_key::apply(&in_region(cx, &want.region).await?, &want.key, have).await
    }
}

/// The copy's account keeps control of its key; the role of the archive's account encrypts through S3. The statement names
/// that account and narrows it to the role: the role itself may not be there yet.
fn policy(cx: &DesiredCx<'_, LogArchive>, region: &str) -> Result<Ours, String> {
    let source = source(cx.section, cx.baseline, cx.facts)?;
    let all = ["*".to_string()];
    let root = |account: &str| cx.facts.arn("iam", "", account, "root");
    Ok(Ours(vec![
        allow_aws("OrgbaseAccount", &root(&cx.account.id), &["kms:*"]).on(&all).done(),
        allow_aws("OrgbaseReplicate", &root(&source.account), &["kms:Encrypt", "kms:GenerateDataKey"])
            .on(&all)
            .arn_like("aws:PrincipalArn", &[source.role])
            .equals("kms:ViaService", &format!("s3.{region}.{}", dns_suffix(cx.facts)))
            .done(),
    ]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::wanted;
    use super::*;

    #[test]
    fn the_role_of_the_archive_encrypts_through_s3_of_the_copys_region() {
        let want = wanted::<ReplicaKey>("", "333333333333");
        assert_eq!((want.region.as_str(), want.key.alias.as_str()), ("us-east-1", "alias/orgbase-log-replica"));
        assert_eq!(
            want.key.policy.0[1].to_value(),
            json!({
                "Sid": "OrgbaseReplicate", "Effect": "Allow", "Action": ["kms:Encrypt", "kms:GenerateDataKey"],
                "Principal": {"AWS": "arn:aws:iam::222222222222:root"}, "Resource": "*",
                "Condition": {
                    "ArnLike": {"aws:PrincipalArn": "arn:aws:iam::222222222222:role/orgbase-log-replication"},
                    "StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}
                }
            })
        );
    }
}
