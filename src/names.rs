//! Every name that orgbase derives, one function each: what one control makes and another refers to is never passed on.

use crate::baseline::Baseline;
use crate::digest::sha256_hex;
use crate::facts::Facts;

/// Buckets of the log archive. Their names carry the owning account's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogBucket {
    /// CloudTrail's objects.
    Trail,
    /// S3 server access logs of the other buckets.
    AccessLogs,
    /// Snapshots and history of AWS Config.
    Config,
    /// GuardDuty's findings.
    Findings,
    /// VPC flow logs.
    FlowLogs,
    /// Session Manager's session logs.
    Sessions,
    /// Weekly exports of Compute Optimizer.
    Exports,
}

impl LogBucket {
    /// Those that every log archive has.
    pub const ALL: [LogBucket; 2] = [LogBucket::AccessLogs, LogBucket::Trail];

    /// Those that a section needs, with the section's id.
    const NEEDED: [(LogBucket, &str); 5] = [
        (LogBucket::Config, "config"),
        (LogBucket::Findings, "guardduty"),
        (LogBucket::FlowLogs, "vpc_flow_logs"),
        (LogBucket::Sessions, "session_manager"),
        (LogBucket::Exports, "compute_optimizer"),
    ];

    /// The buckets that the archive of this baseline has, the access logs' bucket first.
    pub fn of(baseline: &Baseline) -> Vec<LogBucket> {
        let needed = LogBucket::NEEDED.into_iter().filter(|(_, section)| baseline.declares(section));
        LogBucket::ALL.into_iter().chain(needed.map(|(bucket, _)| bucket)).collect()
    }

    /// The part of the name that says what is inside.
    pub fn label(self) -> &'static str {
        match self {
            LogBucket::Trail => "cloudtrail",
            LogBucket::AccessLogs => "access-logs",
            LogBucket::Config => "config",
            LogBucket::Findings => "findings",
            LogBucket::FlowLogs => "flow-logs",
            LogBucket::Sessions => "sessions",
            LogBucket::Exports => "exports",
        }
    }
}

fn prefixed(baseline: &Baseline, rest: &str) -> String {
    format!("{}-{rest}", baseline.organization.prefix)
}

/// Bucket of the log archive in `account` (12 digits).
pub fn log_bucket(baseline: &Baseline, bucket: LogBucket, account: &str) -> String {
    prefixed(baseline, &format!("{}-{account}", bucket.label()))
}

/// Bucket with the copy of CloudTrail's objects, in the account (12 digits) that holds it.
pub fn replica_bucket(baseline: &Baseline, account: &str) -> String {
    prefixed(baseline, &format!("{}-replica-{account}", LogBucket::Trail.label()))
}

/// Alias of the copy's KMS key, with `alias/`.
pub fn replica_key_alias(baseline: &Baseline) -> String {
    format!("alias/{}", prefixed(baseline, "log-replica"))
}

/// Role with which S3 replicates, in the log archive's account.
pub fn replication_role(baseline: &Baseline) -> String {
    prefixed(baseline, "log-replication")
}

/// ARN of that role; `account` (12 digits) is the log archive's.
pub fn replication_role_arn(baseline: &Baseline, facts: &Facts, account: &str) -> String {
    facts.arn("iam", "", account, &format!("role/{}", replication_role(baseline)))
}

/// Alias of the log archive's KMS key, with `alias/`.
pub fn log_key_alias(baseline: &Baseline) -> String {
    format!("alias/{}", prefixed(baseline, "log-archive"))
}

/// Log group of the organization trail in the management account.
pub fn trail_log_group(baseline: &Baseline) -> String {
    prefixed(baseline, "cloudtrail")
}

/// Role with which CloudTrail writes to that log group.
pub fn trail_log_role(baseline: &Baseline) -> String {
    prefixed(baseline, "cloudtrail-logs")
}

/// ARN of the organization trail with this name. It belongs to the management account, in the home region.
pub fn trail_arn(baseline: &Baseline, facts: &Facts, trail: &str) -> String {
    home_arn(baseline, facts, "cloudtrail", &format!("trail/{trail}"))
}

/// ARN of the trail's log group, without the `:*` that some answers carry.
pub fn trail_log_group_arn(baseline: &Baseline, facts: &Facts) -> String {
    home_arn(baseline, facts, "logs", &format!("log-group:{}", trail_log_group(baseline)))
}

/// ARN of the role with which CloudTrail writes to the log group.
pub fn trail_log_role_arn(baseline: &Baseline, facts: &Facts) -> String {
    facts.arn("iam", "", &facts.management_account, &format!("role/{}", trail_log_role(baseline)))
}

/// ARN of the alarms' topic.
pub fn alarm_topic_arn(baseline: &Baseline, facts: &Facts) -> String {
    home_arn(baseline, facts, "sns", &alarm_topic(baseline))
}

/// ARN of something in the management account's home region.
fn home_arn(baseline: &Baseline, facts: &Facts, service: &str, resource: &str) -> String {
    facts.arn(service, &baseline.organization.home_region, &facts.management_account, resource)
}

/// The policy by which another one is tried in the account of `--canary-account`. AWS takes 128 characters: a longer name ends
/// with a digest, by which it is still another one than any other.
pub fn trial_policy(baseline: &Baseline, policy: &str) -> String {
    let name = format!("{}{policy}", trial_policies(baseline));
    if name.chars().count() <= 128 {
        return name;
    }
    let digest: String = sha256_hex(name.as_bytes()).chars().take(16).collect();
    let begin: String = name.chars().take(128 - 1 - digest.len()).collect();
    format!("{begin}-{digest}")
}

/// What the names of these begin with.
pub fn trial_policies(baseline: &Baseline) -> String {
    prefixed(baseline, "canary-")
}

/// Role in every account with which people work with AWS Support.
pub fn support_role(baseline: &Baseline) -> String {
    prefixed(baseline, "support")
}

/// Role in every account with which the security account looks at it.
pub fn security_audit_role(baseline: &Baseline) -> String {
    prefixed(baseline, "security-audit")
}

/// Group in every account whose members may do nothing without MFA.
pub fn mfa_group(baseline: &Baseline) -> String {
    prefixed(baseline, "require-mfa")
}

/// SNS topic of the metric alarms.
pub fn alarm_topic(baseline: &Baseline) -> String {
    prefixed(baseline, "alarms")
}

/// Bucket for the exports of one region, other than the home region, in the log archive's account (12 digits).
pub fn export_bucket(baseline: &Baseline, region: &str, account: &str) -> String {
    prefixed(baseline, &format!("{}-{region}-{account}", LogBucket::Exports.label()))
}

/// What the names of all buckets of ours in `account` (12 digits) begin and end with.
pub fn own_buckets(baseline: &Baseline, account: &str) -> (String, String) {
    (prefixed(baseline, ""), format!("-{account}"))
}

/// Group of the schedules that export Compute Optimizer's recommendations, in each region of the management account.
pub fn export_group(baseline: &Baseline) -> String {
    prefixed(baseline, "compute-optimizer")
}

/// Role with which these schedules export.
pub fn export_role(baseline: &Baseline) -> String {
    prefixed(baseline, "compute-optimizer-exports")
}

/// ARN of that role.
pub fn export_role_arn(baseline: &Baseline, facts: &Facts) -> String {
    facts.arn("iam", "", &facts.management_account, &format!("role/{}", export_role(baseline)))
}

/// SNS topic of Firewall Manager's notifications, in each region of its administrator's account.
pub fn firewall_manager_topic(baseline: &Baseline) -> String {
    prefixed(baseline, "firewall-manager")
}

/// ARN of Firewall Manager's service-linked role in an account (12 digits).
pub fn firewall_manager_role_arn(facts: &Facts, account: &str) -> String {
    facts.arn("iam", "", account, "role/aws-service-role/fms.amazonaws.com/AWSServiceRoleForFMS")
}

/// Alias of the KMS key that encrypts the alarm topic and the trail's log group, with `alias/`.
pub fn monitoring_key_alias(baseline: &Baseline) -> String {
    format!("alias/{}", prefixed(baseline, "monitoring"))
}

/// Alarm and metric filter of one shipped or own filter.
pub fn alarm(baseline: &Baseline, filter: &str) -> String {
    prefixed(baseline, filter)
}

/// Analyzer of IAM Access Analyzer of one kind, such as `external-access`.
pub fn analyzer(baseline: &Baseline, kind: &str) -> String {
    prefixed(baseline, kind)
}

/// Configuration policy of Security Hub; `part` is empty for that of the section itself.
pub fn securityhub_policy(baseline: &Baseline, part: &str) -> String {
    let name = prefixed(baseline, "securityhub");
    if part.is_empty() { name } else { format!("{name}-{part}") }
}

/// AWS Config's aggregator of the organization.
pub fn config_aggregator(baseline: &Baseline) -> String {
    prefixed(baseline, "organization")
}

/// Role with which that aggregator reads the organization.
pub fn config_aggregator_role(baseline: &Baseline) -> String {
    prefixed(baseline, "config-aggregator")
}

/// Key of the tag on everything that orgbase makes; its value is the section that made it.
pub const OWNER_TAG: &str = "orgbase";

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn long_names_of_trials_are_cut_without_becoming_one() {
        let baseline =
            Baseline::parse("b.toml", "version = 1\n[organization]\nhome_region = \"eu-west-1\"\n").unwrap();
        let of = |policy: &str| trial_policy(&baseline, policy);
        assert_eq!(of("regions"), "orgbase-canary-regions");
        let [one, other] = ["1", "2"].map(|end| of(&format!("{}{end}", "\u{e9}".repeat(127))));
        assert_eq!((one.chars().count(), other.chars().count()), (128, 128));
        assert_ne!(one, other);
    }
}
