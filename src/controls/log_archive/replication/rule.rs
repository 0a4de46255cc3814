//! The replication configuration of the trail's bucket: one rule of ours.
//!
//! `PutBucketReplication` replaces all rules and the role. A rule without a filter is of the older schema, which cannot stand
//! beside the newer one: such rules of others are written anew with the same meaning.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-add-config.html#replication-backward-compat-considerations>

use aws_sdk_s3::operation::get_bucket_replication::GetBucketReplicationOutput;
use aws_sdk_s3::types::{
    AccessControlTranslation, DeleteMarkerReplication, DeleteMarkerReplicationStatus, Destination,
    EncryptionConfiguration, OwnerOverride, ReplicationConfiguration, ReplicationRule as Live, ReplicationRuleFilter,
    ReplicationRuleStatus, SourceSelectionCriteria, SseKmsEncryptedObjects, SseKmsEncryptedObjectsStatus,
};
use serde::Serialize;

use super::{missing, source};
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Scope, Seat, Want, Wanted};
use crate::controls::log_archive::LogArchive;
use crate::error::{Absent, Kind, UnitError};
use crate::names;
use crate::resource::kms_key;

/// Id of our rule.
const ID: &str = "orgbase-replica";
/// Codes of a bucket that replicates nothing; one that is not there yet does not either.
const NONE: &[&str] = &["ReplicationConfigurationNotFoundError", "NoSuchBucket"];

/// Part `replication`.
pub(in super::super) struct ReplicationRule;

/// What the configuration should hold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(in super::super) struct Desired {
    bucket: String,
    owner: String,
    role: String,
    rule: Rule,
    /// Where the copy's key is: account, region, alias.
    #[serde(skip)]
    key: (String, String, String),
}

/// A rule, as far as we use rules.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "AWS's own switches")]
struct Rule {
    enabled: bool,
    whole_bucket: bool,
    delete_markers: bool,
    /// Objects under SSE-KMS, which CloudTrail's are.
    kms_objects: bool,
    /// ARN of the copy's bucket.
    destination: String,
    /// The account that owns the copies.
    owner: Option<String>,
    /// ARN of the alias of the copy's key; of the key itself where it is another one.
    key: Option<String>,
}

/// What is there.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(in super::super) struct Actual {
    role: Option<String>,
    rule: Option<Rule>,
    /// Rules of others as text, for the fingerprint.
    foreign: Vec<String>,
    /// ARN of the copy's key, where it exists.
    #[serde(skip)]
    key_arn: Option<String>,
    /// All rules as they came.
    #[serde(skip)]
    live: Vec<Live>,
}

impl Control for ReplicationRule {
    type Section = LogArchive;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        part: "replication",
        scope: Scope::Organization,
        seat: Seat::LogArchive,
        elsewhere: &[(Seat::LogReplica, &["kms:DescribeKey"])],
        after: &[
            "log_archive.bucket:cloudtrail",
            "log_archive.replica_bucket",
            "log_archive.replica_key",
            "log_archive.replication_role",
        ],
        reads: &["kms:DescribeKey", "s3:GetBucketReplication"],
        writes: &["s3:PutBucketReplication"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, LogArchive>) -> Vec<Wanted<Desired>> {
        if cx.section.replication.is_none() {
            return Vec::new();
        }
        let want = match desired(cx) {
            Ok(want) => Want::Set(want),
            Err(why) => Want::Blocked(why),
        };
        let at = "replication".to_string();
        vec![Wanted { part: String::new(), at, about: None, after: Vec::new(), want }]
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        let (account, region, alias) = &want.key;
        let there = cx.aws.elsewhere(account, region).await?;
        let key_arn = kms_key::resolve(&there, alias).await?;
        let answer = cx
            .aws
            .s3()
            .call("GetBucketReplication", |c| {
                c.get_bucket_replication().bucket(&want.bucket).expected_bucket_owner(&want.owner).send()
            })
            .await
            .absent(NONE)?;
        Ok(Actual::from_live(answer, key_arn, want))
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        let mut d = Diff::new();
        if have.role.as_ref() != Some(&want.role) || have.rule.as_ref() != Some(&want.rule) {
            let before = have.rule.as_ref().map_or(serde_json::Value::Null, |rule| described(have.role.as_ref(), rule));
            d.push("rule", before, described(Some(&want.role), &want.rule), crate::control::Risk::Normal);
        }
        if let Some(theirs) = have.role.as_ref().filter(|role| **role != want.role && !have.foreign.is_empty()) {
            d.by_hand = Some(format!(
                "others replicate bucket {} with role {theirs}, and a bucket has one role: let their rules use {}, or \
                 take `[log_archive.replication]` out",
                want.bucket, want.role
            ));
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        let Some(key) = &have.key_arn else {
            let message = format!("there is no key {} in account {}", want.key.2, want.key.0);
            return Err(UnitError::new(Kind::Conflict, message).hint("apply `log_archive.replica_key` as well"));
        };
        let configuration = have.merged(want, key)?;
        cx.aws
            .s3()
            .call("PutBucketReplication", |c| {
                c.put_bucket_replication()
                    .bucket(&want.bucket)
                    .expected_bucket_owner(&want.owner)
                    .replication_configuration(configuration.clone())
                    .send()
            })
            .await?;
        Ok(())
    }
}

fn described(role: Option<&String>, rule: &Rule) -> serde_json::Value {
    let mut value = serde_json::json!(rule);
    value["role"] = serde_json::json!(role);
    value
}

fn desired(cx: &DesiredCx<'_, LogArchive>) -> Result<Desired, String> {
    let (baseline, facts) = (cx.baseline, cx.facts);
    let replication = cx.section.replication.clone().unwrap_or_default();
    let source = source(cx.section, baseline, facts)?;
    let copy = baseline.account_id(&replication.account, facts).ok_or_else(|| missing(&replication.account))?;
    let alias = names::replica_key_alias(baseline);
    Ok(Desired {
        bucket: source.bucket,
        owner: source.account,
        role: source.role,
        rule: Rule {
            enabled: true,
            whole_bucket: true,
            delete_markers: replication.delete_markers,
            kms_objects: true,
            destination: facts.arn("s3", "", "", &names::replica_bucket(baseline, &copy)),
            owner: Some(copy.clone()),
            key: Some(facts.arn("kms", &replication.region, &copy, &alias)),
        },
        key: (copy, replication.region, alias),
    })
}

impl Actual {
    fn from_live(answer: Option<GetBucketReplicationOutput>, key_arn: Option<String>, want: &Desired) -> Actual {
        let Some(found) = answer.and_then(|a| a.replication_configuration) else {
            return Actual { key_arn, ..Actual::default() };
        };
        let is_ours = |rule: &&Live| rule.id.as_deref() == Some(ID);
        let rule = found.rules.iter().find(is_ours).map(|rule| from_live(rule, key_arn.as_deref(), want));
        Actual {
            role: Some(found.role),
            rule,
            foreign: found.rules.iter().filter(|rule| !is_ours(rule)).map(|rule| format!("{rule:?}")).collect(),
            key_arn,
            live: found.rules,
        }
    }

    /// All rules to store: those of others, and ours under a priority of its own.
    fn merged(&self, want: &Desired, key: &str) -> Result<ReplicationConfiguration, UnitError> {
        let (ours, theirs): (Vec<&Live>, Vec<&Live>) = self.live.iter().partition(|r| r.id.as_deref() == Some(ID));
        let highest = theirs.iter().filter_map(|rule| rule.priority).max().unwrap_or(0);
        let mut next = highest;
        let mut rules = Vec::new();
        for rule in theirs {
            rules.push(newer(rule, &mut next));
        }
        let own = ours.first().and_then(|rule| rule.priority);
        let free = own.filter(|own| rules.iter().all(|rule| rule.priority != Some(*own)));
        rules.push(want.rule.to_live(free.unwrap_or(next + 1), key)?);
        ReplicationConfiguration::builder().role(&want.role).set_rules(Some(rules)).build().map_err(|e| defect(&e))
    }
}

/// A rule of the older schema as one of the newer; it replicates delete markers. Others stay as they are.
#[expect(deprecated, reason = "rules of the older schema carry their prefix outside a filter")]
fn newer(rule: &Live, priority: &mut i32) -> Live {
    let mut rule = rule.clone();
    if rule.filter.is_none() {
        *priority += 1;
        let prefix = rule.prefix.take().unwrap_or_default();
        rule.filter = Some(ReplicationRuleFilter::builder().prefix(prefix).build());
        rule.priority = Some(*priority);
        let on = DeleteMarkerReplicationStatus::Enabled;
        rule.delete_marker_replication = Some(DeleteMarkerReplication::builder().status(on).build());
    }
    rule
}

#[expect(deprecated, reason = "rules of the older schema carry their prefix outside a filter")]
fn from_live(rule: &Live, key_arn: Option<&str>, want: &Desired) -> Rule {
    let destination = rule.destination.as_ref();
    let whole = rule.filter.as_ref().is_some_and(|f| {
        f.tag.is_none() && f.and.is_none() && f.prefix.as_ref().is_none_or(String::is_empty)
    });
    let markers = rule.delete_marker_replication.as_ref().and_then(|d| d.status.as_ref());
    let kms = rule.source_selection_criteria.as_ref().and_then(|s| s.sse_kms_encrypted_objects.as_ref());
    let key = destination.and_then(|d| d.encryption_configuration.as_ref()?.replica_kms_key_id.clone());
    let is_ours = |key: &String| key_arn == Some(key.as_str()) || want.rule.key.as_ref() == Some(key);
    let owned = destination.filter(|d| d.access_control_translation.is_some());
    Rule {
        enabled: rule.status == ReplicationRuleStatus::Enabled,
        whole_bucket: whole && rule.prefix.is_none(),
        delete_markers: markers == Some(&DeleteMarkerReplicationStatus::Enabled),
        kms_objects: kms.is_some_and(|k| k.status == SseKmsEncryptedObjectsStatus::Enabled),
        destination: destination.map(|d| d.bucket.clone()).unwrap_or_default(),
        owner: owned.and_then(|d| d.account.clone()),
        key: if key.as_ref().is_some_and(is_ours) { want.rule.key.clone() } else { key },
    }
}

impl Rule {
    fn to_live(&self, priority: i32, key: &str) -> Result<Live, UnitError> {
        let markers = if self.delete_markers {
            DeleteMarkerReplicationStatus::Enabled
        } else {
            DeleteMarkerReplicationStatus::Disabled
        };
        let on = SseKmsEncryptedObjectsStatus::Enabled;
        let kms = SseKmsEncryptedObjects::builder().status(on).build().map_err(|e| defect(&e))?;
        let owner = OwnerOverride::Destination;
        let owner = AccessControlTranslation::builder().owner(owner).build().map_err(|e| defect(&e))?;
        let destination = Destination::builder()
            .bucket(&self.destination)
            .set_account(self.owner.clone())
            .access_control_translation(owner)
            .encryption_configuration(EncryptionConfiguration::builder().replica_kms_key_id(key).build())
            .build()
            .map_err(|e| defect(&e))?;
        Live::builder()
            .id(ID)
            .priority(priority)
            .status(ReplicationRuleStatus::Enabled)
            .filter(ReplicationRuleFilter::builder().prefix("").build())
            .delete_marker_replication(DeleteMarkerReplication::builder().status(markers).build())
            .source_selection_criteria(SourceSelectionCriteria::builder().sse_kms_encrypted_objects(kms).build())
            .destination(destination)
            .build()
            .map_err(|e| defect(&e))
    }
}

fn defect(e: &dyn std::fmt::Display) -> UnitError {
    UnitError::new(Kind::Bug, format!("a replication rule could not be built: {e}"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::super::tests::wanted;
    use super::*;

    const KEY: &str = "arn:aws:kms:us-east-1:333333333333:key/1234";

    fn want() -> Desired {
        wanted::<ReplicationRule>("", "222222222222")
    }

    fn stored(configuration: ReplicationConfiguration) -> Actual {
        let answer = GetBucketReplicationOutput::builder().replication_configuration(configuration).build();
        Actual::from_live(Some(answer), Some(KEY.into()), &want())
    }

    #[expect(deprecated, reason = "what old rules look like")]
    fn theirs(role: &str) -> Actual {
        let destination = Destination::builder().bucket("arn:aws:s3:::theirs").build().unwrap();
        let rule = Live::builder()
            .id("theirs")
            .prefix("AWSLogs/")
            .status(ReplicationRuleStatus::Enabled)
            .destination(destination)
            .build()
            .unwrap();
        stored(ReplicationConfiguration::builder().role(role).rules(rule).build().unwrap())
    }

    #[test]
    fn what_is_stored_has_no_diff_and_delete_markers_stay_behind() {
        let none = Actual { key_arn: Some(KEY.into()), ..Actual::default() };
        assert_eq!(ReplicationRule::diff(&want(), &none).changes.len(), 1);
        let have = stored(none.merged(&want(), KEY).unwrap());
        assert!(ReplicationRule::diff(&want(), &have).is_empty());
        assert!(!have.rule.unwrap().delete_markers);
        let markers = wanted::<ReplicationRule>("delete_markers = true", "222222222222");
        let have = stored(none.merged(&want(), KEY).unwrap());
        assert_eq!(ReplicationRule::diff(&markers, &have).changes.len(), 1);
    }

    #[test]
    fn rules_of_others_with_our_role_stay_and_mean_the_same() {
        let have = theirs(&want().role);
        assert!(ReplicationRule::diff(&want(), &have).by_hand.is_none());
        let merged = stored(have.merged(&want(), KEY).unwrap());
        let (first, second) = (&merged.live[0], &merged.live[1]);
        assert_eq!(first.filter.as_ref().unwrap().prefix.as_deref(), Some("AWSLogs/"));
        assert_eq!((first.priority, second.priority), (Some(1), Some(2)));
        assert!(ReplicationRule::diff(&want(), &merged).is_empty());
    }

    #[test]
    fn rules_of_others_with_another_role_are_for_a_person() {
        let d = ReplicationRule::diff(&want(), &theirs("arn:aws:iam::222222222222:role/theirs"));
        assert!(d.by_hand.is_some_and(|why| why.contains("role/theirs")));
    }

    #[test]
    fn another_key_and_a_disabled_rule_are_found() {
        let none = Actual { key_arn: Some(KEY.into()), ..Actual::default() };
        let other = stored(none.merged(&want(), "arn:aws:kms:us-east-1:333333333333:key/other").unwrap());
        assert_eq!(ReplicationRule::diff(&want(), &other).changes.len(), 1);
        let mut off = none.merged(&want(), KEY).unwrap();
        off.rules[0].status = ReplicationRuleStatus::Disabled;
        assert_eq!(ReplicationRule::diff(&want(), &stored(off)).changes.len(), 1);
    }
}
