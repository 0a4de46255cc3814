//! The organization trail: every account's API calls, in the log archive and in a log group of the management account.
//!
//! Order that AWS asks for: trusted access, CloudTrail's service-linked role, bucket and key policy, log group and
//! role, then the trail. A trail of the declared name is adopted; there is never a second organization trail.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/creating-trail-organization.html>

mod key;
mod log_group;
mod log_role;
mod trail;
mod trusted_access;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use key::monitoring_key;

use crate::baseline::Baseline;
use crate::control::{DynControl, Import, ImportCx, Reference, Section, SectionMeta, Shape, control};
use crate::diag::Findings;
use crate::facts::Facts;
use crate::names;
use crate::resource::declared;
use crate::resource::statements::Builder;

/// CloudTrail's service principal.
pub(crate) const SERVICE: &str = "cloudtrail.amazonaws.com";

/// Days that a log group may keep its events.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>
const RETENTION_DAYS: &[i32] = &[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

/// The organization trail of the management account, which logs every account and region to the log archive.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the section")]
pub struct OrgTrail {
    /// Name of the trail. A trail of this name is adopted.
    pub name: String,
    /// Encrypts the log files with the log archive's KMS key. `false`: not managed.
    #[serde(default = "on")]
    pub kms: bool,
    /// Writes digest files, which show whether a log file was changed. `false`: not managed.
    #[serde(default = "on")]
    pub log_file_validation: bool,
    /// Delivers to a CloudWatch log group as well; the metric alarms need it. `false`: not managed.
    #[serde(default = "on")]
    pub cloudwatch_logs: bool,
    /// The log group keeps events for this many days: one of the periods that CloudWatch Logs knows. Shortening it
    /// deletes events.
    #[schemars(extend("x-unit" = "days"))]
    pub log_group_retention_days: Option<i32>,
    /// Encrypts the log group with a KMS key of its own in the management account. `false`: not managed.
    #[serde(default)]
    pub log_group_kms: bool,
    /// Which management events are logged.
    #[serde(default)]
    pub management_events: ManagementEvents,
    /// Logs reads and writes of every S3 object but those of the trail's own bucket, where each file that it delivers would be
    /// an event of the next one. Billed per event.
    pub s3_data_events: Option<bool>,
    /// Logs every invocation of a Lambda function. Billed per event.
    pub lambda_data_events: Option<bool>,
    /// Insights: unusual rates of calls or errors. Billed per event that is looked at.
    pub insights: Option<Vec<Insight>>,
}

/// Which management events are logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ManagementEvents {
    /// Reads and writes.
    #[default]
    All,
    /// Calls that change nothing.
    ReadOnly,
    /// Calls that may change something.
    WriteOnly,
}

/// A kind of CloudTrail Insights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Insight {
    /// Unusual rate of write calls.
    ApiCallRateInsight,
    /// Unusual rate of errors.
    ApiErrorRateInsight,
}

fn on() -> bool {
    true
}

impl Section for OrgTrail {
    const META: SectionMeta = SectionMeta {
        id: "org_trail",
        title: "Organization trail",
        summary: "One trail in the management account logs the API calls of every account and region: to the log \
                  archive, encrypted and with digests, and to a CloudWatch log group with a retention. Logging is \
                  started and kept on. Data events and Insights are opt-in. Members cannot change it.",
        shape: Shape::Table,
        references: &[
            Reference::cis("1.2.0", "2.1"),
            Reference::cis("1.2.0", "2.2"),
            Reference::cis("1.2.0", "2.4"),
            Reference::cis("1.2.0", "2.7"),
            Reference::cis("1.4.0", "3.1"),
            Reference::cis("1.4.0", "3.2"),
            Reference::cis("1.4.0", "3.4"),
            Reference::cis("1.4.0", "3.7"),
            Reference::cis("3.0.0", "3.1"),
            Reference::cis("3.0.0", "3.2"),
            Reference::cis("3.0.0", "3.5"),
            Reference::cis("3.0.0", "3.8"),
            Reference::cis("3.0.0", "3.9"),
            Reference::cis("5.0.0", "3.1"),
            Reference::cis("5.0.0", "3.2"),
            Reference::cis("5.0.0", "3.5"),
            Reference::cis("5.0.0", "3.8"),
            Reference::cis("5.0.0", "3.9"),
            Reference::cis("6.0.0", "4.1"),
            Reference::cis("6.0.0", "4.2"),
            Reference::cis("6.0.0", "4.5"),
            Reference::cis("6.0.0", "4.8"),
            Reference::cis("6.0.0", "4.9"),
            Reference::cis("7.0.0", "4.1"),
            Reference::cis("7.0.0", "4.2"),
            Reference::cis("7.0.0", "4.5"),
            Reference::cis("7.0.0", "4.8"),
            Reference::cis("7.0.0", "4.9"),
            Reference::row("STX-016"),
            Reference::row("STX-017"),
            Reference::row("STX-018"),
            Reference::row("STX-020"),
            Reference::row("STX-022"),
            Reference::row("STX-080"),
            Reference::row("QST-020"),
            Reference::row("RDM-007"),
            Reference::row("RDM-008"),
            Reference::row("RDM-009"),
            Reference::row("RDM-010"),
            Reference::row("RDM-031"),
            Reference::row("FXL-012"),
            Reference::row("FXL-013").partly("members cannot leave: scps"),
            Reference::row("FXL-017"),
            Reference::row("FXL-031"),
            Reference::row("AXN-023"),
            Reference::row("AXN-024"),
            Reference::row("AXN-026"),
            Reference::row("AXN-029"),
        ],
        billed: Some(
            "CloudWatch Logs per GB taken in and stored; data events and Insights per event; a KMS key per month \
             with log_group_kms. The first trail's management events are free",
        ),
    };

    fn check(&self, baseline: &Baseline, findings: &mut Findings<'_>) {
        if let Some(problem) = name_problem(&self.name) {
            findings.at("name", problem);
        }
        if !baseline.declares("log_archive") {
            findings.hint(
                "",
                "the organization trail needs a log archive to write to",
                "declare `[log_archive]` with its `account`",
            );
        }
        let known = |days: i32| RETENTION_DAYS.contains(&days);
        if let Some(days) = self.log_group_retention_days.filter(|days| !known(*days)) {
            findings.hint(
                "log_group_retention_days",
                format!("CloudWatch Logs cannot keep events for {days} days"),
                nearest_periods(days),
            );
        }
        if !self.cloudwatch_logs && (self.log_group_retention_days.is_some() || self.log_group_kms) {
            findings.at("cloudwatch_logs", "the log group has settings, but `cloudwatch_logs` is false");
        }
        let insights = self.insights.as_deref().unwrap_or_default();
        if insights.contains(&Insight::ApiCallRateInsight) && self.management_events == ManagementEvents::ReadOnly {
            findings.at("insights", "ApiCallRateInsight looks at write events, but `management_events` leaves them out");
        }
    }

    /// As the shipped baseline has it, under the name of the trail that is there.
    fn import(cx: &ImportCx<'_>) -> Import<OrgTrail> {
        let (Some(trail), Some(shipped)) = (&cx.seen.trail, cx.shipped::<OrgTrail>()) else {
            return Import::Nothing("there is no organization trail".into());
        };
        Import::Guess(OrgTrail { name: trail.name.clone(), ..shipped })
    }

    const SHAPED_BY_OTHERS: bool = true;

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![
            control::<trusted_access::TrustedAccess>(),
            control::<key::MonitoringKey>(),
            control::<log_group::LogGroup>(),
            control::<log_role::LogRole>(),
            control::<trail::OrganizationTrail>(),
        ]
    }
}

impl OrgTrail {
    /// Without what only a log group can have.
    fn without_log_group(&mut self) {
        self.cloudwatch_logs = false;
        self.log_group_kms = false;
        self.log_group_retention_days = None;
    }
}

/// What AWS would say against a trail's name.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-trail-naming-requirements.html>
fn name_problem(name: &str) -> Option<String> {
    let is_mark = |c: char| matches!(c, '.' | '_' | '-');
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let twice = name.chars().zip(name.chars().skip(1)).any(|(a, b)| is_mark(a) && is_mark(b));
    if !(3..=128).contains(&name.chars().count()) {
        return Some("a trail's name has 3 to 128 characters".into());
    }
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || is_mark(c)) {
        return Some("a trail's name has letters, digits, periods, underscores and hyphens only".into());
    }
    if !edge(name.chars().next()) || !edge(name.chars().last()) || twice {
        return Some("a trail's name begins and ends with a letter or digit and has no two marks in a row".into());
    }
    if name.parse::<std::net::Ipv4Addr>().is_ok() {
        return Some("a trail's name must not look like an IP address".into());
    }
    trail::owner_of(name).map(|owner| format!("trail `{name}` belongs to {owner}, which would fight every change"))
}

fn nearest_periods(days: i32) -> String {
    let below = RETENTION_DAYS.iter().rev().find(|d| **d < days);
    let above = RETENTION_DAYS.iter().find(|d| **d > days);
    let known: Vec<String> = [below, above].into_iter().flatten().map(ToString::to_string).collect();
    format!("the nearest periods are {}", known.join(" and "))
}

/// The trail that a service may act for: the declared one, or any of the management account's where none is declared.
pub(crate) struct SourceArn {
    arn: String,
    is_pattern: bool,
}

/// The ARN that CloudTrail shows as `aws:SourceArn`.
pub(crate) fn source_arn(baseline: &Baseline, facts: &Facts) -> SourceArn {
    let declared = declared::<OrgTrail>(baseline).map(|trail| trail.name);
    let is_pattern = declared.is_none();
    let arn = names::trail_arn(baseline, facts, declared.as_deref().unwrap_or("*"));
    SourceArn { arn, is_pattern }
}

impl SourceArn {
    /// Adds the condition to a statement.
    pub(crate) fn condition(&self, statement: Builder) -> Builder {
        if self.is_pattern {
            statement.arn_like("aws:SourceArn", std::slice::from_ref(&self.arn))
        } else {
            statement.equals("aws:SourceArn", &self.arn)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controls::log_archive::tests::messages;

    #[test]
    fn names_that_aws_would_refuse_are_found() {
        for good in ["org-trail", "a.b_c-1"] {
            assert_eq!(name_problem(good), None, "{good}");
        }
        for bad in ["ab", "-trail", "trail-", "a--b", "org trail", "10.0.0.1", "aws-controltower-BaselineCloudTrail"] {
            assert!(name_problem(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn a_period_that_cloudwatch_does_not_know_is_found_with_its_neighbours() {
        let found = messages("", "[org_trail]\nname = \"org-trail\"\nlog_group_retention_days = 366");
        assert_eq!(found, ["CloudWatch Logs cannot keep events for 366 days"]);
        assert_eq!(nearest_periods(366), "the nearest periods are 365 and 400");
        assert_eq!(nearest_periods(5000), "the nearest periods are 3653");
    }

    #[test]
    fn contradictions_are_found() {
        let logs = "[org_trail]\nname = \"org-trail\"\ncloudwatch_logs = false\nlog_group_kms = true";
        assert_eq!(messages("", logs).len(), 1);
        let insights =
            "[org_trail]\nname = \"org-trail\"\nmanagement_events = \"read_only\"\ninsights = [\"ApiCallRateInsight\"]";
        assert_eq!(messages("", insights).len(), 1);
    }
}
