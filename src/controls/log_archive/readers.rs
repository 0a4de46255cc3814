//! Who reads the archive's logs from another account.
//!
//! Their accounts' own policies must allow it as well, as between any two accounts. The key lets everybody of the
//! organization decrypt what S3 gives them.

use super::LogArchive;
use crate::baseline::Baseline;
use crate::facts::Facts;
use crate::names::LogBucket;
use crate::policy::Statement;
use crate::resource::statements::{Builder, allow_aws, allow_aws_any};

/// `Sid`s of both kinds of statements.
pub(super) const OWN: [&str; 2] = ["OrgbaseOwnLogsList", "OrgbaseOwnLogsRead"];
pub(super) const READERS: [&str; 2] = ["OrgbaseReadersList", "OrgbaseReadersRead"];

/// A bucket's statements for readers, and the `Sid`s of those that should not be there.
pub(super) struct Readers {
    pub(super) statements: Vec<Statement>,
    pub(super) unwanted: Vec<&'static str>,
}

/// What `section` asks for in the bucket of this kind.
pub(super) fn readers(
    section: &LogArchive,
    baseline: &Baseline,
    facts: &Facts,
    kind: LogBucket,
    bucket: &str,
) -> Readers {
    let mut all = Readers { statements: Vec::new(), unwanted: Vec::new() };
    let folders = own_folders(facts, kind);
    match section.accounts_read_own_logs {
        Some(true) if !folders.is_empty() => all.statements.extend(own(facts, bucket, &folders)),
        Some(false) => all.unwanted.extend(OWN),
        _ => {}
    }
    let accounts = section.reader_accounts.iter().flatten();
    let ids: Vec<String> = accounts.filter_map(|key| baseline.account_id(key, facts)).collect();
    if !ids.is_empty() {
        all.statements.extend(declared(facts, bucket, &ids));
    } else if section.reader_accounts.as_ref().is_some_and(Vec::is_empty) {
        all.unwanted.extend(READERS);
    }
    all
}

/// Where the logs of one account lie, for any account; nothing where a bucket's objects are not sorted by account.
///
/// The account is that of whoever asks, so the policy does not grow with the organization.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>
fn own_folders(facts: &Facts, kind: LogBucket) -> Vec<String> {
    const CALLER: &str = "${aws:PrincipalAccount}";
    match kind {
        LogBucket::Trail => vec![format!("AWSLogs/{}/{CALLER}/*", facts.organization_id)],
        LogBucket::Config => vec![format!("AWSLogs/{CALLER}/*")],
        LogBucket::FlowLogs => vec![format!("AWSLogs/{CALLER}/*"), format!("AWSLogs/aws-account-id={CALLER}/*")],
        LogBucket::AccessLogs | LogBucket::Findings | LogBucket::Sessions | LogBucket::Exports => Vec::new(),
    }
}

/// Every account of the organization reads its own folders.
fn own(facts: &Facts, bucket: &str, folders: &[String]) -> [Statement; 2] {
    let of_organization = |statement: Builder| statement.equals("aws:PrincipalOrgID", &facts.organization_id);
    let objects: Vec<String> = folders.iter().map(|folder| format!("{bucket}/{folder}")).collect();
    let list = allow_aws(OWN[0], "*", &["s3:ListBucket"]).on(&[bucket.to_string()]);
    let read = allow_aws(OWN[1], "*", &["s3:GetObject"]).on(&objects);
    [of_organization(list).like_any("s3:prefix", folders).done(), of_organization(read).done()]
}

/// Declared accounts read everything. The organization's id closes the door behind an account that leaves it.
fn declared(facts: &Facts, bucket: &str, accounts: &[String]) -> [Statement; 2] {
    let roots: Vec<String> = accounts.iter().map(|account| facts.arn("iam", "", account, "root")).collect();
    let allow = |sid: &str, actions: &[&str], resource: String| {
        let statement = allow_aws_any(sid, &roots, actions).on(&[resource]);
        statement.equals("aws:PrincipalOrgID", &facts.organization_id).done()
    };
    [
        allow(READERS[0], &["s3:GetBucketLocation", "s3:ListBucket"], bucket.to_string()),
        allow(READERS[1], &["s3:GetObject"], format!("{bucket}/*")),
    ]
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use serde_json::json;

    use super::super::tests::{baseline, facts};
    use super::*;

    fn of(keys: &str, kind: LogBucket) -> Readers {
        let baseline = baseline(keys, "");
        let section = crate::resource::declared::<LogArchive>(&baseline).unwrap();
        readers(&section, &baseline, &facts(), kind, "arn:aws:s3:::b")
    }

    #[test]
    fn an_account_reads_what_lies_in_its_own_folder() {
        let trail = of("accounts_read_own_logs = true", LogBucket::Trail);
        assert_eq!(
            trail.statements[1].to_value(),
            json!({
                "Sid": "OrgbaseOwnLogsRead", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "s3:GetObject",
                "Resource": "arn:aws:s3:::b/AWSLogs/o-a1b2c3d4e5/${aws:PrincipalAccount}/*",
                "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}
            })
        );
        assert!(of("accounts_read_own_logs = true", LogBucket::Findings).statements.is_empty());
    }

    #[test]
    fn what_is_declared_empty_or_false_is_taken_away_and_what_is_left_out_is_not_managed() {
        let gone = of("accounts_read_own_logs = false\nreader_accounts = []", LogBucket::Trail);
        assert_eq!((gone.statements.len(), gone.unwanted.len()), (0, 4));
        let absent = of("", LogBucket::Trail);
        assert_eq!((absent.statements.len(), absent.unwanted.len()), (0, 0));
    }

    #[test]
    fn declared_accounts_read_every_bucket() {
        let readers = of("reader_accounts = [\"log-archive\"]", LogBucket::Sessions).statements;
        assert_eq!(readers[1].to_value()["Principal"], json!({"AWS": "arn:aws:iam::222222222222:root"}));
        assert_eq!(readers[0].to_value()["Action"], json!(["s3:GetBucketLocation", "s3:ListBucket"]));
    }
}
