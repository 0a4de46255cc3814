//! A copy of CloudTrail's objects in a bucket of another account, where who breaks into the archive cannot reach it.
//!
//! * Both buckets are versioned; the copy is encrypted with a key of its own in its region, and owned by its account.
//!   <https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-config-for-kms-objects.html>
//! * A bucket has one replication configuration with one role. Rules of others are sent back; where they use another role,
//!   nothing is changed, since theirs would lose it.
//! * Only what is written from now on is copied. Older objects: S3 Batch Replication, by hand.
//! * A bucket under Object Lock is copied to one under Object Lock.
//!   <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html#object-lock-managing-replication>

mod bucket;
mod key;
mod role;
mod rule;

pub(super) use bucket::ReplicaBucket;
pub(super) use key::ReplicaKey;
pub(super) use role::ReplicationRole;
pub(super) use rule::ReplicationRule;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::LogArchive;
use crate::baseline::Baseline;
use crate::control::Cx;
use crate::diag::Findings;
use crate::error::CallError;
use crate::facts::Facts;
use crate::names::{self, LogBucket};

/// Replicates CloudTrail's objects to a bucket in another account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replication {
    /// Key of the account that holds the copy; another one than the log archive's.
    pub account: String,
    /// Region of the copy.
    #[schemars(regex(pattern = r"^[a-z]{2}(-[a-z]+)+-[0-9]$"))]
    pub region: String,
    /// Objects of the copy are deleted after this many days; `log_archive.retention_days` where it is left out. Shortening it
    /// deletes logs.
    #[schemars(range(min = 1, max = 36500), extend("x-unit" = "days"))]
    pub retention_days: Option<i32>,
    /// Deletions in the archive's bucket are repeated in the copy: a delete marker hides the object there too. Deletions of
    /// single versions and those of the lifecycle never are.
    #[serde(default)]
    pub delete_markers: bool,
}

impl Replication {
    /// What the schema does not say.
    pub(super) fn check(&self, archive: &LogArchive, baseline: &Baseline, findings: &mut Findings<'_>) {
        findings.account("replication.account", &self.account, baseline);
        findings.range("replication.retention_days", self.retention_days, 1..=36_500);
        if self.account == archive.account {
            findings.hint(
                "replication.account",
                "the copy would be lost with the archive: both are in the same account",
                "name another account, such as the security account",
            );
        }
        let kept = self.retention_days.or(archive.retention_days);
        if let (Some(lock), Some(kept)) = (archive.object_lock_days, kept)
            && lock > kept
        {
            findings.at(
                "replication.retention_days",
                format!("objects are locked for {lock} days, but the copy should be deleted after {kept}"),
            );
        }
    }
}

/// Who replicates what: the archive's bucket and the role of its account.
struct Source {
    account: String,
    bucket: String,
    role: String,
}

/// The source, or what must be done before there is one.
fn source(archive: &LogArchive, baseline: &Baseline, facts: &Facts) -> Result<Source, String> {
    let account = baseline.account_id(&archive.account, facts).ok_or_else(|| missing(&archive.account))?;
    Ok(Source {
        bucket: names::log_bucket(baseline, LogBucket::Trail, &account),
        role: names::replication_role_arn(baseline, facts, &account),
        account,
    })
}

fn missing(account: &str) -> String {
    format!("account `{account}` does not exist yet: run `orgbase vend {account}`")
}

/// Clients of the unit's account in another region.
async fn in_region(cx: &Cx<'_>, region: &str) -> Result<crate::aws::Clients, CallError> {
    cx.aws.elsewhere(cx.aws.account(), region).await
}

/// Actions on the copy's bucket that replication needs, and on its objects.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html>; what AWS shows beside them
/// (`PutBucketVersioning`) nobody needs who has versioning on.
const INTO_BUCKET: [&str; 2] = ["s3:GetBucketVersioning", "s3:ListBucket"];
const INTO_OBJECTS: [&str; 4] =
    ["s3:ObjectOwnerOverrideToBucketOwner", "s3:ReplicateDelete", "s3:ReplicateObject", "s3:ReplicateTags"];

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::control::{Control, DesiredCx};
    use crate::controls::log_archive::tests::{baseline, facts, messages, set};
    use crate::facts::Account;
    use crate::resource::declared;

    const SECURITY: &str = "[accounts.security]\nname = \"Security\"\nemail = \"aws+security@example.com\"\nou = \"/\"\n";
    const COPY: &str = "[log_archive.replication]\naccount = \"security\"\nregion = \"us-east-1\"\n";

    /// What a part wants, asked about the account that makes its calls.
    pub(super) fn wanted<C: Control<Section = LogArchive>>(keys: &str, account: &str) -> C::Desired {
        let mut facts = facts();
        let security = Account {
            id: "333333333333".into(),
            email: "aws+security@example.com".into(),
            state: "ACTIVE".into(),
            ou: "/".into(),
            ..Account::default()
        };
        facts.accounts.insert(security.id.clone(), security);
        let baseline = baseline("retention_days = 3650", &format!("{COPY}{keys}\n{SECURITY}"));
        let section = declared::<LogArchive>(&baseline).unwrap();
        let account = &facts.accounts[account];
        let cx = DesiredCx { section: &section, account, region: "eu-west-1", facts: &facts, baseline: &baseline };
        set(C::desired(&cx)).remove(0)
    }

    #[test]
    fn what_makes_no_sense_is_found() {
        let same = "[log_archive.replication]\naccount = \"log-archive\"\nregion = \"us-east-1\"";
        assert_eq!(messages("", same).len(), 1);
        let found = |archive: &str, keys: &str| messages(archive, &format!("{COPY}{keys}\n{SECURITY}"));
        assert_eq!(found("object_lock_days = 30", "retention_days = 29").len(), 1);
        assert_eq!(found("", "retention_days = 0").len(), 1);
        let nowhere = "[log_archive.replication]\naccount = \"security\"\nregion = \"europe\"\n";
        assert_eq!(messages("", &format!("{nowhere}{SECURITY}")).len(), 1);
    }
}
