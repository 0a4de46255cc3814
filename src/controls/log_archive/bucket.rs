//! The archive's buckets: one unit each.

mod found;
mod policy;

pub(super) use found::of_trail;
pub(super) use policy::tls_only;

use super::{LockMode, LogArchive};
use crate::baseline::Baseline;
use crate::control::{Adjusted, Control, Cx, DesiredCx, Diff, Meta, Scope, Seat, Section as _, Want, Wanted};
use crate::error::UnitError;
use crate::facts::Facts;
use crate::names::{self, LogBucket};
use crate::resource::declared;
use crate::resource::statements::Ours;
use crate::resource::bucket::{self, AccessLogging, Actual, Desired, Encryption, ObjectLock, lifecycle};

/// Part `bucket`.
pub(super) struct Bucket;

impl Control for Bucket {
    type Section = LogArchive;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        part: "bucket",
        scope: Scope::Organization,
        seat: Seat::LogArchive,
        after: &["log_archive.key"],
        reads: bucket::READS,
        writes: bucket::WRITES,
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
        bucket::read(cx, cx.aws, want).await
    }

    fn adjust(section: &mut LogArchive, cx: &Cx<'_>, want: &Desired, have: &Actual) -> Adjusted {
        let kinds = LogBucket::of(cx.baseline);
        let named = |kind: &&LogBucket| names::log_bucket(cx.baseline, **kind, &want.owner) == want.name;
        match (&have.bucket, kinds.iter().find(named)) {
            (Some(bucket), Some(kind)) => found::adjust(section, cx, *kind, bucket),
            _ => Adjusted::default(),
        }
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        bucket::diff(want, have)
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        bucket::apply(cx.aws, want, have).await
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
    let lock = object_lock(section);
    let (policy, policy_without) = policy::statements(section, baseline, facts, kind, &account.id);
    Desired {
        owner: account.id.clone(),
        region: cx.region.to_string(),
        encryption,
        lifecycle: lifecycle(section, kind),
        policy,
        policy_without,
        access_logging: is_logged
            .then(|| AccessLogging { bucket: name(LogBucket::AccessLogs), prefix: format!("{}/", name(kind)) }),
        object_lock: lock.filter(|_| is_trail),
        name: name(kind),
        section: LogArchive::META.id,
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

/// What holds for a bucket of exports wherever it is.
pub struct Exports {
    /// How long objects stay.
    pub lifecycle: lifecycle::Desired,
    /// Statements of its policy.
    pub policy: Ours,
    /// `Sid`s of statements that should not be in it.
    pub policy_without: Vec<&'static str>,
}

/// The archive's rules for a bucket of exports with this name; `None` where there is no archive.
pub fn exports(baseline: &Baseline, facts: &Facts, name: &str) -> Option<Exports> {
    let section = declared::<LogArchive>(baseline)?;
    let arn = facts.arn("s3", "", "", name);
    let (policy, policy_without) = policy::exports(&section, baseline, facts, &arn);
    Some(Exports { lifecycle: lifecycle(&section, LogBucket::Exports), policy, policy_without })
}

/// Default retention of the trail's bucket and of its copy, where it is declared.
pub(super) fn object_lock(section: &LogArchive) -> Option<ObjectLock> {
    section.object_lock_days.map(|days| ObjectLock { mode: lock_mode(section).as_str().into(), days })
}

fn lock_mode(section: &LogArchive) -> LockMode {
    section.object_lock_mode.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::super::tests::{baseline, facts, set};
    use super::*;
    use crate::control::Risk;
    use crate::resource::bucket::{Present, PublicAccessBlock, settings};
    use crate::resource::statements::Stored;
    use crate::resource::tags::Tags;

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
