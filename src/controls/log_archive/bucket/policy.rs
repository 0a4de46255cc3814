//! Our statements of the buckets' policies.
//!
//! CloudTrail, organization trail:
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-create-and-update-an-organizational-trail-by-using-the-aws-cli.html>.
//! No statement denies requests without encryption headers: the default encryption sees to it, and services that do
//! not send the headers would be cut off.

use crate::baseline::Baseline;
use crate::controls::log_archive::readers::readers;
use crate::controls::log_archive::{LogArchive, writers};
use crate::controls::org_trail;
use crate::facts::Facts;
use crate::names::{self, LogBucket};
use crate::policy::Statement;
use crate::resource::statements::{Ours, allow_service, deny_people};

/// Delivers S3 server access logs.
const LOGGING: &str = "logging.s3.amazonaws.com";

/// Our statements, and the `Sid`s of statements that should not be there.
type Policy = (Ours, Vec<&'static str>);

/// The policy of one bucket, which belongs to `account`.
pub(super) fn statements(
    section: &LogArchive,
    baseline: &Baseline,
    facts: &Facts,
    kind: LogBucket,
    account: &str,
) -> Policy {
    let bucket = arn(baseline, facts, kind, account);
    let statements = match kind {
        LogBucket::Trail => trail(baseline, facts, &bucket),
        LogBucket::AccessLogs => access_logs(baseline, facts, account, &bucket),
        LogBucket::Config => writers::config(facts, &bucket),
        LogBucket::Findings => writers::findings(baseline, facts, &bucket),
        LogBucket::FlowLogs => writers::flow_logs(facts, &bucket),
        LogBucket::Sessions => writers::sessions(facts, &bucket),
        LogBucket::Exports => return exports(section, baseline, facts, &bucket),
    };
    whole(section, baseline, facts, kind, &bucket, statements)
}

/// The policy of a bucket of exports with this ARN.
pub(super) fn exports(section: &LogArchive, baseline: &Baseline, facts: &Facts, bucket: &str) -> Policy {
    whole(section, baseline, facts, LogBucket::Exports, bucket, writers::exports(baseline, facts, bucket))
}

/// Writers, readers, and what holds for everybody.
fn whole(
    section: &LogArchive,
    baseline: &Baseline,
    facts: &Facts,
    kind: LogBucket,
    bucket: &str,
    mut statements: Vec<Statement>,
) -> Policy {
    let readers = readers(section, baseline, facts, kind, bucket);
    statements.extend(readers.statements);
    statements.push(tls_only(bucket));
    (Ours(statements), readers.unwanted)
}

/// Denies people, not services, whatever does not come through TLS.
pub(in super::super) fn tls_only(bucket: &str) -> Statement {
    deny_people("OrgbaseDenyInsecureTransport", &["s3:*"])
        .on(&[bucket.to_string(), format!("{bucket}/*")])
        .is("aws:SecureTransport", false)
        .done()
}

fn trail(baseline: &Baseline, facts: &Facts, bucket: &str) -> Vec<Statement> {
    let trail = org_trail::source_arn(baseline, facts);
    let write = |sid: &str, folder: &str| {
        let objects = [format!("{bucket}/AWSLogs/{folder}/*")];
        trail
            .condition(allow_service(sid, org_trail::SERVICE, &["s3:PutObject"]).on(&objects))
            .equals("s3:x-amz-acl", "bucket-owner-full-control")
            .done()
    };
    let acl = allow_service("OrgbaseCloudTrailAclCheck", org_trail::SERVICE, &["s3:GetBucketAcl"]);
    vec![
        trail.condition(acl.on(&[bucket.to_string()])).done(),
        write("OrgbaseCloudTrailWriteManagement", &facts.management_account),
        write("OrgbaseCloudTrailWriteOrganization", &facts.organization_id),
    ]
}

fn access_logs(baseline: &Baseline, facts: &Facts, account: &str, bucket: &str) -> Vec<Statement> {
    let sources: Vec<String> = LogBucket::of(baseline)
        .into_iter()
        .filter(|kind| *kind != LogBucket::AccessLogs)
        .map(|kind| arn(baseline, facts, kind, account))
        .collect();
    let write = allow_service("OrgbaseAccessLogsWrite", LOGGING, &["s3:PutObject"]).on(&[format!("{bucket}/*")]);
    vec![write.arn_like("aws:SourceArn", &sources).equals("aws:SourceAccount", account).done()]
}

fn arn(baseline: &Baseline, facts: &Facts, kind: LogBucket, account: &str) -> String {
    facts.arn("s3", "", "", &names::log_bucket(baseline, kind, account))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use serde_json::{Value, json};

    use super::super::super::tests::{baseline, facts};
    use super::*;

    fn policy(kind: LogBucket) -> Vec<Value> {
        let baseline = baseline("accounts_read_own_logs = true", "[org_trail]\nname = \"org-trail\"");
        let section = crate::resource::declared::<LogArchive>(&baseline).unwrap();
        let (ours, _) = statements(&section, &baseline, &facts(), kind, "222222222222");
        ours.0.iter().map(Statement::to_value).collect()
    }

    #[test]
    fn the_trail_bucket_takes_objects_of_our_trail_alone() {
        let trail = "arn:aws:cloudtrail:eu-west-1:111111111111:trail/org-trail";
        let policy = policy(LogBucket::Trail);
        assert_eq!(
            policy[2],
            json!({
                "Sid": "OrgbaseCloudTrailWriteOrganization", "Effect": "Allow",
                "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:PutObject",
                "Resource": "arn:aws:s3:::orgbase-cloudtrail-222222222222/AWSLogs/o-a1b2c3d4e5/*",
                "Condition": {"StringEquals": {"aws:SourceArn": trail, "s3:x-amz-acl": "bucket-owner-full-control"}}
            })
        );
        assert_eq!(policy[1]["Resource"], "arn:aws:s3:::orgbase-cloudtrail-222222222222/AWSLogs/111111111111/*");
        assert_eq!(policy[0]["Condition"], json!({"StringEquals": {"aws:SourceArn": trail}}));
    }

    #[test]
    fn the_access_log_bucket_takes_logs_of_our_buckets_alone() {
        let policy = policy(LogBucket::AccessLogs);
        assert_eq!(
            policy[0]["Condition"],
            json!({
                "ArnLike": {"aws:SourceArn": "arn:aws:s3:::orgbase-cloudtrail-222222222222"},
                "StringEquals": {"aws:SourceAccount": "222222222222"}
            })
        );
    }

    #[test]
    fn every_allow_names_its_source_and_every_deny_spares_services() {
        let kinds = [
            LogBucket::Trail,
            LogBucket::AccessLogs,
            LogBucket::Config,
            LogBucket::Findings,
            LogBucket::FlowLogs,
            LogBucket::Sessions,
            LogBucket::Exports,
        ];
        for statement in kinds.into_iter().flat_map(policy) {
            let condition = statement["Condition"].to_string();
            let needles: &[&str] = if statement["Effect"] == "Allow" {
                &["aws:SourceArn", "aws:SourceOrgID", "aws:PrincipalOrgID"]
            } else {
                &["aws:PrincipalIsAWSService"]
            };
            assert!(needles.iter().any(|needle| condition.contains(needle)), "{statement}");
        }
    }
}
