//! Who writes to the archive's further buckets, and encrypts with its key. Each statement follows the service's page;
//! where the page shows one account, the condition is the organization's id instead.
//!
//! * Config: <https://docs.aws.amazon.com/config/latest/developerguide/s3-bucket-policy.html>; Control Tower asks for
//!   `aws:SourceOrgID` in the same place
//! * GuardDuty: <https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_exportfindings.html>
//! * flow logs: <https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-permissions.html>
//! * sessions, which the instance's own role writes:
//!   <https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-logging-s3.html>
//! * Compute Optimizer:
//!   <https://docs.aws.amazon.com/compute-optimizer/latest/ug/create-s3-bucket-policy-for-compute-optimizer.html>

use crate::baseline::Baseline;
use crate::control::{Seat, Section as _};
use crate::controls::delegated_admins::DelegatedAdmins;
use crate::facts::Facts;
use crate::names::LogBucket;
use crate::policy::Statement;
use crate::resource::declared;
use crate::resource::regions::managed_opt_in;
use crate::resource::statements::{Builder, allow_aws, allow_service, allow_services};

const CONFIG: &str = "config.amazonaws.com";
const GUARDDUTY: &str = "guardduty.amazonaws.com";
const DELIVERY: &str = "delivery.logs.amazonaws.com";
const COMPUTE_OPTIMIZER: &str = "compute-optimizer.amazonaws.com";

/// For the accounts of the organization.
fn for_organization(statement: Builder, facts: &Facts) -> Builder {
    statement.equals("aws:SourceOrgID", &facts.organization_id)
}

/// For what these accounts have of a service: `resource` is the end of its ARN.
fn for_accounts(statement: Builder, facts: &Facts, accounts: &[String], service: &str, resource: &str) -> Builder {
    let sources: Vec<String> = accounts.iter().map(|account| facts.arn(service, "*", account, resource)).collect();
    statement.equals_any("aws:SourceAccount", accounts).arn_like("aws:SourceArn", &sources)
}

/// The management account, and the service's delegated administrator where the baseline names one.
fn administrators(baseline: &Baseline, facts: &Facts, key: &'static str) -> Vec<String> {
    let admins = declared::<DelegatedAdmins>(baseline);
    let admin = admins.and_then(|a| a.seat(Seat::DelegatedAdmin(key))).and_then(|a| baseline.account_id(&a, facts));
    let mut all = vec![facts.management_account.clone()];
    all.extend(admin.filter(|admin| *admin != facts.management_account));
    all.sort();
    all
}

/// Config's snapshots and history, of every account.
pub(super) fn config(facts: &Facts, bucket: &str) -> Vec<Statement> {
    let own = [bucket.to_string()];
    let look = |sid: &str, action: &str| for_organization(allow_service(sid, CONFIG, &[action]).on(&own), facts).done();
    let objects = [format!("{bucket}/AWSLogs/*/Config/*")];
    let write = allow_service("OrgbaseConfigWrite", CONFIG, &["s3:PutObject"]).on(&objects);
    vec![
        look("OrgbaseConfigAclCheck", "s3:GetBucketAcl"),
        look("OrgbaseConfigExistenceCheck", "s3:ListBucket"),
        for_organization(write, facts).equals("s3:x-amz-acl", "bucket-owner-full-control").done(),
    ]
}

/// GuardDuty's principals: in a region to opt in to it comes under one of that region.
fn guardduty(baseline: &Baseline, facts: &Facts) -> Vec<String> {
    let opt_in = managed_opt_in(baseline, facts).into_iter().map(|region| format!("guardduty.{region}.amazonaws.com"));
    std::iter::once(GUARDDUTY.to_owned()).chain(opt_in).collect()
}

/// Findings that GuardDuty's administrator exports.
pub(super) fn findings(baseline: &Baseline, facts: &Facts, bucket: &str) -> Vec<Statement> {
    let accounts = administrators(baseline, facts, "guardduty");
    let services = guardduty(baseline, facts);
    let allow = |sid: &str, action: &str, resource: String| {
        let statement = allow_services(sid, &services, &[action]).on(&[resource]);
        for_accounts(statement, facts, &accounts, "guardduty", "detector/*").done()
    };
    vec![
        allow("OrgbaseGuardDutyLocation", "s3:GetBucketLocation", bucket.to_string()),
        allow("OrgbaseGuardDutyWrite", "s3:PutObject", format!("{bucket}/*")),
    ]
}

/// Flow logs of every account. Guess: log delivery shows `aws:SourceOrgID`, as services that act for a resource of an
/// account do; its page has `aws:SourceAccount` alone.
pub(super) fn flow_logs(facts: &Facts, bucket: &str) -> Vec<Statement> {
    let sources = [facts.arn("logs", "*", "*", "*")];
    let allow = |sid: &str, action: &str, resource: String| {
        let statement = allow_service(sid, DELIVERY, &[action]).on(&[resource]);
        for_organization(statement, facts).arn_like("aws:SourceArn", &sources)
    };
    vec![
        allow("OrgbaseFlowLogsAclCheck", "s3:GetBucketAcl", bucket.to_string()).done(),
        allow("OrgbaseFlowLogsWrite", "s3:PutObject", format!("{bucket}/*"))
            .equals("s3:x-amz-acl", "bucket-owner-full-control")
            .done(),
    ]
}

/// Session logs, which instances of the organization write with their own roles.
pub(super) fn sessions(facts: &Facts, bucket: &str) -> Vec<Statement> {
    let allow = |sid: &str, actions: &[&str], resource: String| {
        let statement = allow_aws(sid, "*", actions).on(&[resource]);
        statement.equals("aws:PrincipalOrgID", &facts.organization_id).done()
    };
    vec![
        allow("OrgbaseSessionsEncryptionCheck", &["s3:GetEncryptionConfiguration"], bucket.to_string()),
        allow("OrgbaseSessionsWrite", &["s3:PutObject", "s3:PutObjectAcl"], format!("{bucket}/*")),
    ]
}

/// Exports that Compute Optimizer's administrator asks for.
pub(super) fn exports(baseline: &Baseline, facts: &Facts, bucket: &str) -> Vec<Statement> {
    let accounts = administrators(baseline, facts, "compute_optimizer");
    let allow = |sid: &str, action: &str, resource: String| {
        let statement = allow_service(sid, COMPUTE_OPTIMIZER, &[action]).on(&[resource]);
        for_accounts(statement, facts, &accounts, "compute-optimizer", "*")
    };
    vec![
        allow("OrgbaseExportsAclCheck", "s3:GetBucketAcl", bucket.to_string()).done(),
        allow("OrgbaseExportsStatusCheck", "s3:GetBucketPolicyStatus", bucket.to_string()).done(),
        allow("OrgbaseExportsWrite", "s3:PutObject", format!("{bucket}/*"))
            .equals("s3:x-amz-acl", "bucket-owner-full-control")
            .done(),
    ]
}

/// What the writer of a bucket may do with the key; nothing for the first two, of which only CloudTrail encrypts.
/// `s3` is the host that people of the organization come through.
pub(super) fn encrypt(baseline: &Baseline, facts: &Facts, kind: LogBucket, s3: &str) -> Option<Statement> {
    let data_key = ["kms:Decrypt", "kms:GenerateDataKey"];
    let service = |sid: &str, service: &str, actions: &[&str]| allow_service(sid, service, actions).on(&["*".to_string()]);
    let statement = match kind {
        LogBucket::Trail | LogBucket::AccessLogs => return None,
        // Guess: Config shows `aws:SourceOrgID` to KMS as it does to S3.
        LogBucket::Config => for_organization(service("OrgbaseConfigEncrypt", CONFIG, &data_key), facts),
        LogBucket::Findings => {
            let services = guardduty(baseline, facts);
            let statement = allow_services("OrgbaseGuardDutyEncrypt", &services, &["kms:GenerateDataKey"]);
            let statement = statement.on(&["*".to_string()]);
            for_accounts(statement, facts, &administrators(baseline, facts, "guardduty"), "guardduty", "detector/*")
        }
        LogBucket::FlowLogs => {
            let actions = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"];
            // Guess: log delivery shows `aws:SourceOrgID` to KMS as it does to S3.
            for_organization(service("OrgbaseFlowLogsEncrypt", DELIVERY, &actions), facts)
                .arn_like("aws:SourceArn", &[facts.arn("logs", "*", "*", "*")])
        }
        // Reading is `OrgbaseOrganizationDecrypt`; an upload in parts needs it as well.
        LogBucket::Sessions => allow_aws("OrgbaseSessionsEncrypt", "*", &["kms:GenerateDataKey"])
            .on(&["*".to_string()])
            .equals("aws:PrincipalOrgID", &facts.organization_id)
            .equals("kms:ViaService", s3),
        LogBucket::Exports => {
            let accounts = administrators(baseline, facts, "compute_optimizer");
            let statement = service("OrgbaseExportsEncrypt", COMPUTE_OPTIMIZER, &data_key);
            for_accounts(statement, facts, &accounts, "compute-optimizer", "*")
        }
    };
    Some(statement.done())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use serde_json::json;

    use super::super::tests::{baseline, facts};
    use super::*;
    use crate::baseline::Regions;

    const BUCKET: &str = "arn:aws:s3:::b";

    #[test]
    fn config_writes_for_the_accounts_of_the_organization() {
        assert_eq!(
            config(&facts(), BUCKET)[2].to_value(),
            json!({
                "Sid": "OrgbaseConfigWrite", "Effect": "Allow", "Principal": {"Service": "config.amazonaws.com"},
                "Action": "s3:PutObject", "Resource": "arn:aws:s3:::b/AWSLogs/*/Config/*",
                "Condition": {"StringEquals": {
                    "aws:SourceOrgID": "o-a1b2c3d4e5", "s3:x-amz-acl": "bucket-owner-full-control"
                }}
            })
        );
    }

    #[test]
    fn findings_come_from_the_declared_administrator_and_the_management_account() {
        let baseline = baseline("", "[delegated_admins]\nguardduty = \"log-archive\"");
        let condition = findings(&baseline, &facts(), BUCKET)[1].to_value()["Condition"].clone();
        assert_eq!(condition["StringEquals"]["aws:SourceAccount"], json!(["111111111111", "222222222222"]));
        let alone = super::super::tests::baseline("", "");
        assert_eq!(administrators(&alone, &facts(), "guardduty"), ["111111111111"]);
    }

    #[test]
    fn in_regions_to_opt_in_to_guardduty_has_principals_of_its_own() {
        let mut baseline = baseline("", "[delegated_admins]\nguardduty = \"log-archive\"");
        let principal = |baseline: &Baseline| findings(baseline, &facts(), BUCKET)[0].to_value()["Principal"].clone();
        assert_eq!(principal(&baseline), json!({"Service": "guardduty.amazonaws.com"}));
        baseline.organization.regions = Regions::List(vec!["me-south-1".into(), "eu-west-1".into()]);
        let both = json!({"Service": ["guardduty.amazonaws.com", "guardduty.me-south-1.amazonaws.com"]});
        assert_eq!(principal(&baseline), both);
    }

    #[test]
    fn each_further_writer_may_use_the_key_and_only_instances_come_through_s3() {
        let baseline = baseline("", "");
        let key = |kind| encrypt(&baseline, &facts(), kind, "s3.eu-west-1.amazonaws.com").map(|s| s.to_value());
        assert_eq!(key(LogBucket::Trail), None);
        assert_eq!(key(LogBucket::AccessLogs), None);
        for kind in [LogBucket::Config, LogBucket::Findings, LogBucket::FlowLogs, LogBucket::Exports] {
            assert!(key(kind).unwrap()["Principal"]["Service"].is_string(), "{kind:?}");
        }
        assert_eq!(
            key(LogBucket::Sessions).unwrap()["Condition"]["StringEquals"],
            json!({"aws:PrincipalOrgID": "o-a1b2c3d4e5", "kms:ViaService": "s3.eu-west-1.amazonaws.com"})
        );
    }
}
