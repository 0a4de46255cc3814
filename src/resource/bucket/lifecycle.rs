//! The two lifecycle rules of ours in a bucket; `PutBucketLifecycleConfiguration` replaces all rules, so the others are
//! sent back as they came.
//!
//! S3 deletes by a rule of ours what is old enough already when the rule comes into force. Shortening a period is therefore
//! destructive, and so is one that begins, unless nothing in the bucket is that old: `read` looks, where one begins.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLifecycleConfiguration.html>

use aws_sdk_s3::operation::get_bucket_lifecycle_configuration::GetBucketLifecycleConfigurationOutput;
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, ExpirationStatus, LifecycleExpiration,
    LifecycleRule, LifecycleRuleFilter, NoncurrentVersionExpiration, Transition,
    TransitionDefaultMinimumObjectSize, TransitionStorageClass,
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::control::{Diff, Risk};
use crate::error::{Kind, UnitError};

/// Id of the rule that deletes objects in time.
const RETENTION: &str = "orgbase-retention";
/// Id of the rule that removes what retention leaves behind: delete markers and unfinished uploads.
const CLEANUP: &str = "orgbase-cleanup";
/// Unfinished uploads are dropped after this many days.
const ABORT_DAYS: i32 = 7;

/// What the lifecycle should do; all absent: not managed.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Desired {
    /// Objects are deleted after this many days.
    pub expire_days: Option<i32>,
    /// Overwritten and deleted versions are kept for this many days.
    pub noncurrent_days: Option<i32>,
    /// Objects move to Glacier after this many days.
    pub glacier_days: Option<i32>,
}

/// The rules that are there.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Rules {
    retention: Option<Rule>,
    cleanup: Option<Rule>,
    /// Rules of others as text, for the fingerprint.
    foreign: Vec<String>,
    /// All rules as they came.
    #[serde(skip)]
    live: Vec<LifecycleRule>,
    #[serde(skip)]
    minimum_size: Option<TransitionDefaultMinimumObjectSize>,
    /// Nothing in the bucket is as old as the periods that are to begin. Looked at only where one is.
    #[serde(skip)]
    young: bool,
}

/// A rule of ours, as far as we use rules.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Rule {
    enabled: bool,
    whole_bucket: bool,
    expire_days: Option<i32>,
    noncurrent_days: Option<i32>,
    /// Storage class and days.
    transitions: Vec<(String, i32)>,
    delete_markers: bool,
    abort_days: Option<i32>,
}

impl Desired {
    fn is_managed(&self) -> bool {
        self.expire_days.is_some() || self.noncurrent_days.is_some() || self.glacier_days.is_some()
    }

    /// The rule to have: what is declared, else what is there.
    fn retention(&self, have: Option<&Rule>) -> Rule {
        let none = Rule::default();
        let have = have.unwrap_or(&none);
        let glacier = |days| vec![(TransitionStorageClass::Glacier.as_str().to_string(), days)];
        Rule {
            enabled: true,
            whole_bucket: true,
            expire_days: self.expire_days.or(have.expire_days),
            noncurrent_days: self.noncurrent_days.or(have.noncurrent_days),
            transitions: self.glacier_days.map_or_else(|| have.transitions.clone(), glacier),
            ..Rule::default()
        }
    }

    /// Compares, one setting per rule.
    pub fn diff(&self, d: &mut Diff, have: &Rules) {
        if !self.is_managed() {
            return;
        }
        let begins = self.begins(have).filter(|_| !have.young);
        let risk = if begins.is_some() || self.shortens(have) { Risk::Destructive } else { Risk::Normal };
        if let Some(days) = begins {
            d.notice(format!(
                "the bucket may hold objects older than {days} days, which nothing deletes now: S3 will delete them"
            ));
        }
        let want = self.retention(have.retention.as_ref());
        compare(d, "lifecycle.retention", have.retention.as_ref(), &want, risk);
        compare(d, "lifecycle.cleanup", have.cleanup.as_ref(), &cleanup(), Risk::Normal);
    }

    /// The shortest period, in days, after which objects or old versions are to be deleted that no rule of ours deletes now:
    /// the rule is missing, disabled or not for the whole bucket, or has no such period.
    pub fn begins(&self, have: &Rules) -> Option<i32> {
        let begun = |(now, then): (Option<i32>, Option<i32>)| then.filter(|_| now.is_none());
        self.is_managed().then(|| self.periods(have).into_iter().filter_map(begun).min()).flatten()
    }

    fn shortens(&self, have: &Rules) -> bool {
        self.periods(have)
            .iter()
            .any(|(now, then)| matches!((now, then), (Some(now), Some(then)) if then < now))
    }

    /// Days after which objects, and old versions, are deleted: now, and as it should be.
    fn periods(&self, have: &Rules) -> [(Option<i32>, Option<i32>); 2] {
        let (now, then) = (have.periods(), self.retention(have.retention.as_ref()));
        [(now.expire_days, then.expire_days), (now.noncurrent_days, then.noncurrent_days)]
    }

    /// All rules to store: ours, and those of others as they came.
    pub fn merged_into(&self, have: &Rules) -> Result<BucketLifecycleConfiguration, UnitError> {
        let is_ours = |rule: &LifecycleRule| matches!(rule.id.as_deref(), Some(RETENTION | CLEANUP));
        let mut rules: Vec<LifecycleRule> =
            have.live.iter().filter(|r| !is_ours(r)).map(without_old_prefix).collect();
        rules.push(self.retention(have.retention.as_ref()).to_live(RETENTION)?);
        rules.push(cleanup().to_live(CLEANUP)?);
        BucketLifecycleConfiguration::builder().set_rules(Some(rules)).build().map_err(|e| defect(&e))
    }
}

impl Rules {
    /// Takes in AWS's answer; absent: no rules.
    pub fn from_live(answer: Option<GetBucketLifecycleConfigurationOutput>) -> Rules {
        let Some(answer) = answer else { return Rules::default() };
        let live = answer.rules.unwrap_or_default();
        let ours = |id: &str| live.iter().find(|r| r.id.as_deref() == Some(id)).map(Rule::from_live);
        let foreign = |r: &&LifecycleRule| !matches!(r.id.as_deref(), Some(RETENTION | CLEANUP));
        Rules {
            retention: ours(RETENTION),
            cleanup: ours(CLEANUP),
            foreign: live.iter().filter(foreign).map(|r| format!("{r:?}")).collect(),
            minimum_size: answer.transition_default_minimum_object_size,
            live,
            young: false,
        }
    }

    /// The same rules in a bucket of which it is known whether all in it is younger than the periods that are to begin.
    #[must_use]
    pub fn in_bucket(self, young: bool) -> Rules {
        Rules { young, ..self }
    }

    /// The periods that our rule has, where it is in force for the whole bucket; none where there is no rule.
    pub fn periods(&self) -> Desired {
        let Some(rule) = self.retention.as_ref().filter(|rule| rule.enabled && rule.whole_bucket) else {
            return Desired::default();
        };
        let glacier = |(class, days): &(String, i32)| {
            (class == TransitionStorageClass::Glacier.as_str()).then_some(*days)
        };
        Desired {
            expire_days: rule.expire_days,
            noncurrent_days: rule.noncurrent_days,
            glacier_days: rule.transitions.iter().find_map(glacier),
        }
    }

    /// The bucket-wide setting that a new configuration would reset.
    pub fn minimum_size(&self) -> Option<TransitionDefaultMinimumObjectSize> {
        self.minimum_size.clone()
    }
}

fn compare(d: &mut Diff, path: &str, have: Option<&Rule>, want: &Rule, risk: Risk) {
    if have != Some(want) {
        d.push(path, have.map_or(Value::Null, Rule::to_value), want.to_value(), risk);
    }
}

fn cleanup() -> Rule {
    Rule {
        enabled: true,
        whole_bucket: true,
        delete_markers: true,
        abort_days: Some(ABORT_DAYS),
        ..Rule::default()
    }
}

impl Rule {
    fn to_value(&self) -> Value {
        json!(self)
    }

    fn from_live(rule: &LifecycleRule) -> Rule {
        let expiration = rule.expiration.as_ref();
        let transitions = rule.transitions.iter().flatten().map(|t| {
            let class = t.storage_class.as_ref().map_or_else(String::new, |c| c.as_str().to_string());
            (class, t.days.unwrap_or_default())
        });
        Rule {
            enabled: rule.status == ExpirationStatus::Enabled,
            whole_bucket: is_whole_bucket(rule),
            expire_days: expiration.and_then(|e| e.days),
            noncurrent_days: rule.noncurrent_version_expiration.as_ref().and_then(|e| e.noncurrent_days),
            transitions: transitions.collect(),
            delete_markers: expiration.and_then(|e| e.expired_object_delete_marker).unwrap_or(false),
            abort_days: rule.abort_incomplete_multipart_upload.as_ref().and_then(|a| a.days_after_initiation),
        }
    }

    fn to_live(&self, id: &str) -> Result<LifecycleRule, UnitError> {
        let expiration = (self.expire_days.is_some() || self.delete_markers).then(|| {
            LifecycleExpiration::builder()
                .set_days(self.expire_days)
                .set_expired_object_delete_marker(self.delete_markers.then_some(true))
                .build()
        });
        let transitions: Vec<Transition> = self
            .transitions
            .iter()
            .map(|(class, days)| {
                Transition::builder().days(*days).storage_class(class.as_str().into()).build()
            })
            .collect();
        let noncurrent = |days| NoncurrentVersionExpiration::builder().noncurrent_days(days).build();
        let abort = |days| AbortIncompleteMultipartUpload::builder().days_after_initiation(days).build();
        LifecycleRule::builder()
            .id(id)
            .status(ExpirationStatus::Enabled)
            .filter(LifecycleRuleFilter::builder().prefix("").build())
            .set_expiration(expiration)
            .set_transitions((!transitions.is_empty()).then_some(transitions))
            .set_noncurrent_version_expiration(self.noncurrent_days.map(noncurrent))
            .set_abort_incomplete_multipart_upload(self.abort_days.map(abort))
            .build()
            .map_err(|e| defect(&e))
    }
}

#[expect(deprecated, reason = "old rules carry their prefix outside the filter")]
fn is_whole_bucket(rule: &LifecycleRule) -> bool {
    let empty = |prefix: Option<&String>| prefix.is_none_or(String::is_empty);
    let filter = rule.filter.as_ref().is_none_or(|f| {
        let bounded = f.tag.is_some() || f.and.is_some() || f.object_size_greater_than.is_some();
        empty(f.prefix.as_ref()) && !bounded && f.object_size_less_than.is_none()
    });
    filter && empty(rule.prefix.as_ref())
}

/// S3 refuses a configuration where some rules have a filter and others a prefix outside of it ("Base level prefix
/// cannot be used in Lifecycle V2"). Both say the same.
#[expect(deprecated, reason = "old rules carry their prefix outside the filter")]
fn without_old_prefix(rule: &LifecycleRule) -> LifecycleRule {
    let mut rule = rule.clone();
    if rule.filter.is_none() {
        let prefix = rule.prefix.take().unwrap_or_default();
        rule.filter = Some(LifecycleRuleFilter::builder().prefix(prefix).build());
    }
    rule
}

fn defect(e: &dyn std::fmt::Display) -> UnitError {
    UnitError::new(Kind::Bug, format!("a lifecycle rule could not be built: {e}"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn want() -> Desired {
        Desired { expire_days: Some(3650), noncurrent_days: Some(3650), glacier_days: None }
    }

    fn stored(rules: Vec<LifecycleRule>) -> Rules {
        let answer = GetBucketLifecycleConfigurationOutput::builder().set_rules(Some(rules)).build();
        Rules::from_live(Some(answer))
    }

    fn diff(want: &Desired, have: &Rules) -> Diff {
        let mut d = Diff::new();
        want.diff(&mut d, have);
        d
    }

    #[expect(deprecated, reason = "what old rules look like")]
    fn foreign() -> LifecycleRule {
        let expiration = LifecycleExpiration::builder().days(5).build();
        LifecycleRule::builder()
            .id("theirs")
            .prefix("tmp/")
            .status(ExpirationStatus::Enabled)
            .expiration(expiration)
            .build()
            .unwrap()
    }

    #[test]
    fn what_is_stored_has_no_diff_and_the_rules_of_others_stay() {
        let have = stored(vec![foreign()]);
        assert_eq!(diff(&want(), &have).changes.len(), 2);
        let merged = stored(want().merged_into(&have).unwrap().rules);
        assert!(diff(&want(), &merged).is_empty());
        let theirs = merged.live.iter().find(|r| r.id.as_deref() == Some("theirs")).unwrap();
        assert_eq!(theirs.filter.as_ref().unwrap().prefix.as_deref(), Some("tmp/"));
        assert_eq!(theirs.expiration, foreign().expiration);
    }

    #[test]
    fn shortening_is_destructive_and_lengthening_is_not() {
        let have = stored(want().merged_into(&Rules::default()).unwrap().rules);
        let days = |days| Desired { expire_days: Some(days), ..want() };
        assert_eq!(diff(&days(365), &have).risk(), Risk::Destructive);
        assert_eq!(diff(&days(365), &have.in_bucket(true)).risk(), Risk::Destructive);
        let have = stored(want().merged_into(&Rules::default()).unwrap().rules);
        assert_eq!(diff(&days(4000), &have).risk(), Risk::Normal);
    }

    /// A rule that is missing, disabled, narrower, or without days deletes nothing now.
    #[test]
    fn a_period_that_begins_is_destructive_unless_nothing_is_that_old() {
        let rules = || want().merged_into(&Rules::default()).unwrap().rules;
        let mut disabled = rules();
        disabled[0].status = ExpirationStatus::Disabled;
        let mut narrow = rules();
        narrow[0].filter = Some(LifecycleRuleFilter::builder().prefix("x/").build());
        let mut without_days = rules();
        without_days[0].expiration = None;
        for (rules, begins) in [(vec![], 400), (disabled, 400), (narrow, 400), (without_days, 3650)] {
            let want = Desired { noncurrent_days: Some(400), ..want() };
            let mut rules = rules;
            if let Some(rule) = rules.first_mut() {
                rule.noncurrent_version_expiration =
                    Some(NoncurrentVersionExpiration::builder().noncurrent_days(400).build());
            }
            let have = stored(rules);
            assert_eq!(want.begins(&have), Some(begins));
            let d = diff(&want, &have);
            assert_eq!((d.risk(), d.notices.len()), (Risk::Destructive, 1));
            let d = diff(&want, &have.in_bucket(true));
            assert_eq!((d.risk(), d.notices.len()), (Risk::Normal, 0));
        }
        let whole = stored(rules());
        assert_eq!((want().begins(&whole), Desired::default().begins(&Rules::default())), (None, None));
        // Glacier deletes nothing; the cleanup of markers and unfinished uploads neither deletes a log.
        let glacier = Desired { glacier_days: Some(90), ..Desired::default() };
        assert_eq!(diff(&glacier, &Rules::default()).risk(), Risk::Normal);
    }

    #[test]
    fn what_is_not_declared_stays_as_it_is() {
        let have = stored(want().merged_into(&Rules::default()).unwrap().rules);
        let only_glacier = Desired { glacier_days: Some(90), ..Desired::default() };
        let merged = stored(only_glacier.merged_into(&have).unwrap().rules);
        let rule = merged.retention.unwrap();
        assert_eq!((rule.expire_days, rule.transitions), (Some(3650), vec![("GLACIER".to_string(), 90)]));
        assert!(diff(&Desired::default(), &Rules::default()).is_empty());
    }

    #[test]
    fn a_rule_of_ours_that_was_disabled_or_narrowed_is_found() {
        let mut rules = want().merged_into(&Rules::default()).unwrap().rules;
        rules[0].status = ExpirationStatus::Disabled;
        rules[1].filter = Some(LifecycleRuleFilter::builder().prefix("x/").build());
        assert_eq!(diff(&want(), &stored(rules)).changes.len(), 2);
    }
}
