//! Every name that orgbase derives, one function each: what one control makes and another refers to is never passed on.

use crate::baseline::Baseline;

/// Buckets of the log archive. Their names carry the owning account's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogBucket {
    /// CloudTrail's objects.
    Trail,
    /// S3 server access logs of the other buckets.
    AccessLogs,
}

impl LogBucket {
    /// The part of the name that says what is inside.
    pub fn label(self) -> &'static str {
        match self {
            LogBucket::Trail => "cloudtrail",
            LogBucket::AccessLogs => "access-logs",
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

/// SNS topic of the metric alarms.
pub fn alarm_topic(baseline: &Baseline) -> String {
    prefixed(baseline, "alarms")
}

/// Alias of the KMS key that encrypts the alarm topic and the trail's log group, with `alias/`.
pub fn monitoring_key_alias(baseline: &Baseline) -> String {
    format!("alias/{}", prefixed(baseline, "monitoring"))
}

/// Alarm and metric filter of one shipped or own filter.
pub fn alarm(baseline: &Baseline, filter: &str) -> String {
    prefixed(baseline, filter)
}

/// Key of the tag on everything that orgbase makes; its value is the section that made it.
pub const OWNER_TAG: &str = "orgbase";
