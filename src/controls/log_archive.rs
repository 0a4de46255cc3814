//! The log archive: where the organization's logs lie, in an account of its own.
//!
//! One KMS key, a bucket for CloudTrail's objects, one for each other section that writes logs, and a bucket for the
//! access logs of these. What makes it an
//! archive (encryption, no public access, TLS only, owner-enforced ownership, versioning) is always managed once the
//! section is declared; retention, Glacier and Object Lock only where their keys are.
//!
//! Quirks: `PutBucketLifecycleConfiguration`, `PutBucketPolicy` and `PutBucketTagging` replace the whole, so rules,
//! statements and tags of others are read and sent back. Access logs cannot be encrypted with a KMS key.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html>

mod bucket;
mod key;
mod readers;
mod replication;
mod writers;

pub use bucket::{Exports, exports};
pub use replication::Replication;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::baseline::Baseline;
use crate::control::{DynControl, Import, ImportCx, Reference, Seat, Section, SectionMeta, Shape, control};
use crate::diag::Findings;

/// The log archive: its KMS key and its buckets, in one account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogArchive {
    /// Key of the account that holds the logs.
    pub account: String,
    /// CloudTrail's objects are deleted after this many days, and those of the other buckets that have no period of
    /// their own here. Shortening it deletes logs.
    #[schemars(range(min = 1, max = 36500), extend("x-unit" = "days"))]
    pub retention_days: Option<i32>,
    /// Versions that were overwritten or deleted are kept for this many days; `retention_days` where it is left out.
    #[schemars(range(min = 1, max = 36500), extend("x-unit" = "days"))]
    pub noncurrent_retention_days: Option<i32>,
    /// Objects of AWS Config are deleted after this many days; `retention_days` where it is left out.
    #[schemars(range(min = 1, max = 36500), extend("x-unit" = "days"))]
    pub config_retention_days: Option<i32>,
    /// GuardDuty's findings are deleted after this many days; `retention_days` where it is left out.
    #[schemars(range(min = 1, max = 36500), extend("x-unit" = "days"))]
    pub findings_retention_days: Option<i32>,
    /// VPC flow logs are deleted after this many days; `retention_days` where it is left out.
    #[schemars(range(min = 1, max = 36500), extend("x-unit" = "days"))]
    pub flow_logs_retention_days: Option<i32>,
    /// Session logs are deleted after this many days; `retention_days` where it is left out.
    #[schemars(range(min = 1, max = 36500), extend("x-unit" = "days"))]
    pub sessions_retention_days: Option<i32>,
    /// Exports of Compute Optimizer are deleted after this many days; `retention_days` where it is left out.
    #[schemars(range(min = 1, max = 36500), extend("x-unit" = "days"))]
    pub exports_retention_days: Option<i32>,
    /// CloudTrail's objects move to Glacier Flexible Retrieval after this many days.
    #[schemars(range(min = 1, max = 36500), extend("x-unit" = "days"))]
    pub transition_to_glacier_days: Option<i32>,
    /// S3 access logs of the archive's buckets are deleted after this many days.
    #[schemars(range(min = 1, max = 36500), extend("x-unit" = "days"))]
    pub access_log_retention_days: Option<i32>,
    /// Object Lock: nobody deletes an object of the trail bucket before this many days. It cannot be turned off again.
    #[schemars(range(min = 1, max = 36500), extend("x-unit" = "days"))]
    pub object_lock_days: Option<i32>,
    /// Mode of Object Lock. With `COMPLIANCE` nobody, AWS included, can shorten it: needs `--allow-destructive`.
    pub object_lock_mode: Option<LockMode>,
    /// The KMS key rotates every so many days; it always rotates.
    #[schemars(range(min = 90, max = 2560), extend("x-unit" = "days"))]
    pub key_rotation_days: Option<i32>,
    /// Accounts read their own logs of CloudTrail, Config and VPC flow logs here, where their own policies allow it too.
    /// `false`: not any more.
    pub accounts_read_own_logs: Option<bool>,
    /// Keys of accounts from which all logs may be read, where the policies of that account allow it too. Empty: none.
    pub reader_accounts: Option<Vec<String>>,
    /// A copy of CloudTrail's objects in another account. Left out: not managed.
    pub replication: Option<Replication>,
}

/// Mode of S3 Object Lock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum LockMode {
    /// Principals with `s3:BypassGovernanceRetention` may still delete.
    #[default]
    Governance,
    /// Nobody may delete, not even the root user.
    Compliance,
}

impl LockMode {
    /// AWS's word for it.
    fn as_str(self) -> &'static str {
        match self {
            LockMode::Governance => "GOVERNANCE",
            LockMode::Compliance => "COMPLIANCE",
        }
    }
}

impl Section for LogArchive {
    const META: SectionMeta = SectionMeta {
        id: "log_archive",
        title: "Log archive",
        summary: "Keeps the organization's logs in an account of their own: a KMS key that rotates, a bucket for \
                  CloudTrail's objects (versioned, encrypted with the key, TLS only, never public, optionally under \
                  Object Lock), one for each other declared section that writes logs (config, guardduty, \
                  vpc_flow_logs, session_manager, compute_optimizer), and a bucket for the access logs of these. Optionally S3 replicates CloudTrail's objects to a bucket in \
                  another account, which has a key of its own. Other statements, lifecycle rules and \
                  tags on these resources are left alone.",
        shape: Shape::Table,
        references: &[
            Reference::cis("1.2.0", "2.3"),
            Reference::cis("1.2.0", "2.6"),
            Reference::cis("1.2.0", "2.7").partly("the key; org_trail encrypts with it"),
            Reference::cis("1.2.0", "2.8").partly("keys that orgbase does not make"),
            Reference::cis("1.4.0", "3.3"),
            Reference::cis("1.4.0", "3.6"),
            Reference::cis("3.0.0", "3.4"),
            Reference::cis("5.0.0", "3.4"),
            Reference::cis("6.0.0", "4.4"),
            Reference::cis("7.0.0", "4.4"),
            Reference::row("STX-019"),
            Reference::row("STX-021"),
            Reference::row("STX-022"),
            Reference::row("STX-007").partly("the bucket and the key; guardduty exports to it"),
            Reference::row("STX-013").partly("the bucket and the key; config delivers to it"),
            Reference::row("STX-014"),
            Reference::row("STX-015").partly("the key; config encrypts with it"),
            Reference::row("STX-038").partly("the bucket of the home region; compute_optimizer exports to it"),
            Reference::row("STX-065").partly("the bucket; session_manager writes to it"),
            Reference::row("STX-080").partly("the bucket; org_trail writes to it"),
            Reference::row("STX-081").partly("the bucket; config writes to it"),
            Reference::row("STX-082").partly("the bucket; vpc_flow_logs writes to it"),
            Reference::row("STX-083").partly("the bucket; session_manager writes to it"),
            Reference::row("FXL-014"),
            Reference::row("FXL-015").partly("the role of the people who read"),
            Reference::row("FXL-032").partly("access logs of the archive's own buckets"),
            Reference::row("QST-019"),
            Reference::row("RDM-010"),
            Reference::row("RDM-011"),
            Reference::row("RDM-032").partly("access logs of the archive's own buckets"),
            Reference::row("AXN-025"),
            Reference::row("AXN-028"),
        ],
        billed: Some(
            "S3 storage per GB and month, requests; one KMS key per month; with replication the same again, and the \
             transfer between regions per GB",
        ),
    };

    fn check(&self, baseline: &Baseline, findings: &mut Findings<'_>) {
        findings.account("account", &self.account, baseline);
        for (index, reader) in self.reader_accounts.iter().flatten().enumerate() {
            findings.account(&format!("reader_accounts[{index}]"), reader, baseline);
        }
        let days = 1..=36_500;
        findings.range("retention_days", self.retention_days, days.clone());
        findings.range("noncurrent_retention_days", self.noncurrent_retention_days, days.clone());
        findings.range("transition_to_glacier_days", self.transition_to_glacier_days, days.clone());
        findings.range("access_log_retention_days", self.access_log_retention_days, days.clone());
        for (key, period) in self.periods() {
            findings.range(key, period, days.clone());
        }
        findings.range("object_lock_days", self.object_lock_days, days);
        findings.range("key_rotation_days", self.key_rotation_days, 90..=2560);
        if let Some(replication) = &self.replication {
            replication.check(self, baseline, findings);
        }
        self.check_order(findings);
    }

    fn seat(&self, seat: Seat) -> Option<String> {
        match seat {
            Seat::LogArchive => Some(self.account.clone()),
            Seat::LogReplica => self.replication.as_ref().map(|replication| replication.account.clone()),
            _ => None,
        }
    }

    /// As the shipped baseline has it, in the account that the organization trail writes to, or the one that is called so.
    fn import(cx: &ImportCx<'_>) -> Import<LogArchive> {
        let Some(shipped) = cx.shipped::<LogArchive>() else { return Import::Never("no shipped baseline has it") };
        let known = |key: &&String| cx.baseline.accounts.contains_key(*key);
        let account = bucket::of_trail(cx).or_else(|| Some(&shipped.account).filter(known).cloned());
        let Some(account) = account else {
            return Import::Nothing("no account is known by the trail's bucket, or called log-archive".into());
        };
        let readers = shipped.reader_accounts.iter().flatten().filter(known).cloned().collect();
        Import::Guess(LogArchive {
            account,
            reader_accounts: Some(readers),
            object_lock_days: Some(1),
            object_lock_mode: Some(LockMode::default()),
            ..shipped
        })
    }

    const SHAPED_BY_OTHERS: bool = true;

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![
            control::<key::LogKey>(),
            control::<bucket::Bucket>(),
            control::<replication::ReplicaKey>(),
            control::<replication::ReplicaBucket>(),
            control::<replication::ReplicationRole>(),
            control::<replication::ReplicationRule>(),
        ]
    }
}

impl LogArchive {
    /// The periods of the further buckets, by key.
    fn periods(&self) -> [(&'static str, Option<i32>); 5] {
        [
            ("config_retention_days", self.config_retention_days),
            ("findings_retention_days", self.findings_retention_days),
            ("flow_logs_retention_days", self.flow_logs_retention_days),
            ("sessions_retention_days", self.sessions_retention_days),
            ("exports_retention_days", self.exports_retention_days),
        ]
    }

    fn check_order(&self, findings: &mut Findings<'_>) {
        if let (Some(glacier), Some(retention)) = (self.transition_to_glacier_days, self.retention_days)
            && glacier >= retention
        {
            findings.at(
                "transition_to_glacier_days",
                format!("objects move to Glacier after {glacier} days, but are deleted after {retention}"),
            );
        }
        if let (Some(lock), Some(retention)) = (self.object_lock_days, self.retention_days)
            && lock > retention
        {
            findings.at(
                "object_lock_days",
                format!("objects are locked for {lock} days, but should be deleted after {retention}"),
            );
        }
        if self.object_lock_mode.is_some() && self.object_lock_days.is_none() {
            findings.hint(
                "object_lock_mode",
                "a mode without a period locks nothing",
                "declare `object_lock_days` as well",
            );
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

    use crate::baseline::Baseline;
    use crate::control::{Want, Wanted};
    use crate::facts::{Account, Facts};

    /// What each unit should be.
    pub(crate) fn set<D>(wanted: Vec<Wanted<D>>) -> Vec<D> {
        let set = |wanted: Wanted<D>| match wanted.want {
            Want::Set(want) => want,
            _ => panic!("unit `{}` is not wanted", wanted.part),
        };
        wanted.into_iter().map(set).collect()
    }

    /// A baseline with a log archive (whose further keys are `keys`) and whatever `rest` declares.
    pub(crate) fn baseline(keys: &str, rest: &str) -> Baseline {
        Baseline::parse("baseline.toml", &text(keys, rest)).unwrap()
    }

    fn text(keys: &str, rest: &str) -> String {
        format!(
            "version = 1\n[organization]\nid = \"o-a1b2c3d4e5\"\nhome_region = \"eu-west-1\"\nregions = \
             [\"eu-west-1\"]\n[accounts.log-archive]\nname = \"Log Archive\"\nemail = \"aws+log@example.com\"\nou = \
             \"/\"\n[log_archive]\naccount = \"log-archive\"\n{keys}\n{rest}\n"
        )
    }

    /// An organization with its management account and the log archive's.
    pub(crate) fn facts() -> Facts {
        let account = |id: &str, email: &str| Account {
            id: id.into(),
            email: email.into(),
            state: "ACTIVE".into(),
            ou: "/".into(),
            ..Account::default()
        };
        let accounts = [account("111111111111", "aws@example.com"), account("222222222222", "aws+log@example.com")];
        Facts {
            partition: "aws".into(),
            organization_id: "o-a1b2c3d4e5".into(),
            management_account: "111111111111".into(),
            accounts: accounts.into_iter().map(|a| (a.id.clone(), a)).collect(),
            ..Facts::default()
        }
    }

    /// The messages of a baseline that must not parse.
    pub(crate) fn messages(keys: &str, rest: &str) -> Vec<String> {
        let error = Baseline::parse("baseline.toml", &text(keys, rest)).unwrap_err();
        error.findings.into_iter().map(|f| f.message).collect()
    }

    #[test]
    fn periods_that_contradict_each_other_are_found() {
        let found = messages("retention_days = 90\ntransition_to_glacier_days = 90\nobject_lock_days = 91", "");
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn a_mode_without_a_period_and_an_unknown_account_are_found() {
        assert_eq!(messages("object_lock_mode = \"COMPLIANCE\"", ""), ["a mode without a period locks nothing"]);
        assert_eq!(messages("key_rotation_days = 30", "").len(), 1);
        assert_eq!(messages("object_lock_mode = \"compliance\"", "").len(), 1);
    }
}
