//! The section: its keys, and what is wrong with them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{alarms, filters, key, topic};
use crate::baseline::Baseline;
use crate::control::{DynControl, Reference, Section, SectionMeta, Shape, control};
use crate::controls::org_trail::OrgTrail;
use crate::diag::Findings;
use crate::metric_filter::{Pattern, shipped};
use crate::resource::declared;
use crate::resource::topic::target_problem;

/// Most characters of a filter pattern. <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html>
const PATTERN_MAX: usize = 1024;
/// Most metric filters of one log group.
const FILTERS_MAX: usize = 100;

/// Alarms on what the organization trail logs: metric filters, alarms, and the topic that they notify.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricAlarms {
    /// Shipped filters: `"cis"` for all of them, or a list of their keys.
    #[serde(default)]
    pub set: AlarmSet,
    /// Who is told: e-mail addresses and https URLs, which are subscribed to the topic, and ARNs of SNS topics, which
    /// the alarms notify besides. An e-mail address waits until its owner confirms.
    pub notify: Option<Vec<String>>,
    /// Filters of your own.
    #[serde(default)]
    pub filters: Vec<OwnFilter>,
    /// Namespace of the metrics.
    #[serde(default = "namespace")]
    pub namespace: String,
    /// An alarm rises at this many matching events in one period.
    #[serde(default = "threshold")]
    #[schemars(range(min = 1), extend("x-unit" = "events"))]
    pub threshold: f64,
    /// Thresholds of single shipped filters, by key, where they differ from `threshold`.
    #[serde(default)]
    pub thresholds: BTreeMap<String, f64>,
    /// Length of a period: 10, 20, 30 or a multiple of 60.
    #[serde(default = "period")]
    #[schemars(range(min = 10, max = 86400), extend("x-unit" = "seconds"))]
    pub period_seconds: i32,
    /// Encrypts the topic with a KMS key of its own in the management account. `false`: not managed.
    #[serde(default)]
    pub topic_kms: bool,
}

/// A metric filter that is not shipped.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnFilter {
    /// Name; the filter and its alarm carry the prefix before it.
    pub name: String,
    /// Filter pattern of CloudWatch Logs.
    pub pattern: String,
    /// Name of the metric; the filter's name where it is left out.
    pub metric_name: Option<String>,
    /// The alarm rises at this many matching events in one period; the section's `threshold` where it is left out.
    #[schemars(range(min = 1), extend("x-unit" = "events"))]
    pub threshold: Option<f64>,
    /// Length of a period; the section's where it is left out.
    #[schemars(range(min = 10, max = 86400), extend("x-unit" = "seconds"))]
    pub period_seconds: Option<i32>,
}

/// Which shipped filters are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlarmSet {
    /// All of them: the CIS set.
    Cis,
    /// Those with these keys.
    Keys(Vec<String>),
}

impl Default for AlarmSet {
    fn default() -> AlarmSet {
        AlarmSet::Keys(Vec::new())
    }
}

impl AlarmSet {
    /// The keys of the shipped filters.
    pub fn keys(&self) -> Vec<&str> {
        match self {
            AlarmSet::Cis => shipped::all().iter().map(|f| f.key).collect(),
            AlarmSet::Keys(keys) => keys.iter().map(String::as_str).collect(),
        }
    }
}

impl Serialize for AlarmSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            AlarmSet::Cis => serializer.serialize_str("cis"),
            AlarmSet::Keys(keys) => keys.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for AlarmSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<AlarmSet, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = AlarmSet;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"cis\" or a list of keys of shipped filters")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<AlarmSet, E> {
                if text == "cis" { Ok(AlarmSet::Cis) } else { Err(E::invalid_value(de::Unexpected::Str(text), &self)) }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<AlarmSet, A::Error> {
                let mut keys = Vec::new();
                while let Some(key) = seq.next_element()? {
                    keys.push(key);
                }
                Ok(AlarmSet::Keys(keys))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for AlarmSet {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AlarmSet".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let keys: Vec<&str> = shipped::all().iter().map(|f| f.key).collect();
        json_schema!({"anyOf": [{"const": "cis"}, {"type": "array", "items": {"type": "string", "enum": keys}}]})
    }
}

fn namespace() -> String {
    "CISBenchmark".into()
}

fn threshold() -> f64 {
    1.0
}

fn period() -> i32 {
    300
}

impl Section for MetricAlarms {
    const META: SectionMeta = SectionMeta {
        id: "metric_alarms",
        title: "Metric filters and alarms",
        summary: "Watches the organization trail's log group: a metric filter and an alarm for each shipped filter \
                  (root usage, sign-in without MFA, changes of IAM, trails, keys, networks and more) and for filters \
                  of your own, and one topic with its subscriptions. One set of them covers all accounts.",
        shape: Shape::Table,
        references: &[
            Reference::cis("1.2.0", "3.1"),
            Reference::cis("1.2.0", "3.2"),
            Reference::cis("1.2.0", "3.3"),
            Reference::cis("1.2.0", "3.4"),
            Reference::cis("1.2.0", "3.5"),
            Reference::cis("1.2.0", "3.6"),
            Reference::cis("1.2.0", "3.7"),
            Reference::cis("1.2.0", "3.8"),
            Reference::cis("1.2.0", "3.9"),
            Reference::cis("1.2.0", "3.10"),
            Reference::cis("1.2.0", "3.11"),
            Reference::cis("1.2.0", "3.12"),
            Reference::cis("1.2.0", "3.13"),
            Reference::cis("1.2.0", "3.14"),
            Reference::cis("1.4.0", "4.15"),
            Reference::cis("5.0.0", "4.15"),
            Reference::cis("7.0.0", "5.15"),
            Reference::row("STX-041"),
            Reference::row("STX-042"),
            Reference::row("STX-043"),
            Reference::row("STX-044"),
            Reference::row("STX-045"),
            Reference::row("STX-046"),
            Reference::row("STX-047"),
            Reference::row("STX-048"),
            Reference::row("STX-049"),
            Reference::row("STX-050"),
            Reference::row("STX-051"),
            Reference::row("STX-052"),
            Reference::row("STX-053"),
            Reference::row("STX-054"),
            Reference::row("QST-032").partly("detection: guardduty, securityhub"),
            Reference::row("RDM-026"),
            Reference::row("RDM-046").partly("with a filter of your own"),
        ],
        billed: Some("CloudWatch per alarm and custom metric, per month; a KMS key per month with topic_kms"),
    };

    fn check(&self, baseline: &Baseline, findings: &mut Findings<'_>) {
        let trail = declared::<OrgTrail>(baseline);
        if !baseline.declares("org_trail") || trail.is_some_and(|trail| !trail.cloudwatch_logs) {
            findings.hint(
                "",
                "metric filters need the organization trail's log group",
                "declare `[org_trail]` with `cloudwatch_logs` on",
            );
        }
        self.check_set(findings);
        for (index, target) in self.notify.iter().flatten().enumerate() {
            if let Some(problem) = target_problem(target, &baseline.organization.home_region) {
                findings.at(&format!("notify[{index}]"), problem);
            }
        }
        self.check_filters(findings);
        if let Some(problem) = name_problem(&self.namespace, 255) {
            findings.at("namespace", problem);
        } else if self.namespace.starts_with("AWS/") {
            findings.at("namespace", "namespaces that begin with `AWS/` are AWS's own");
        }
        check_numbers(findings, "", Some(self.threshold), Some(self.period_seconds));
        let count = self.set.keys().len() + self.filters.len();
        if count > FILTERS_MAX {
            findings.at("filters", format!("{count} filters are asked for, and a log group holds {FILTERS_MAX}"));
        }
    }

    const SHAPED_BY_OTHERS: bool = true;

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![
            control::<key::TopicKey>(),
            control::<topic::Topic>(),
            control::<filters::Filters>(),
            control::<alarms::Alarms>(),
        ]
    }
}

impl MetricAlarms {
    fn check_set(&self, findings: &mut Findings<'_>) {
        let known = || shipped::all().iter().map(|f| f.key).collect::<Vec<_>>().join(", ");
        let mut seen = BTreeSet::new();
        for (index, key) in self.set.keys().into_iter().enumerate() {
            if shipped::get(key).is_none() {
                let hint = format!("the shipped filters are {}", known());
                findings.hint(&format!("set[{index}]"), format!("there is no shipped filter `{key}`"), hint);
            } else if !seen.insert(key) {
                findings.at(&format!("set[{index}]"), format!("filter `{key}` is in the list twice"));
            }
        }
        for (key, value) in &self.thresholds {
            let path = format!("thresholds.{key}");
            if !seen.contains(key.as_str()) {
                findings.at(&path, format!("no filter `{key}` is in `set`"));
            }
            if !value.is_finite() || *value < 1.0 {
                findings.at(&path, "an alarm needs at least one event");
            }
        }
    }

    fn check_filters(&self, findings: &mut Findings<'_>) {
        let mut seen: BTreeSet<&str> = self.set.keys().into_iter().collect();
        for (index, filter) in self.filters.iter().enumerate() {
            let at = |key: &str| format!("filters[{index}].{key}");
            if let Some(problem) = name_problem(&filter.name, 200) {
                findings.at(&at("name"), problem);
            } else if !seen.insert(&filter.name) {
                findings.at(&at("name"), format!("there are two filters `{}`", filter.name));
            }
            if let Some(problem) = filter.metric_name.as_deref().and_then(|name| name_problem(name, 255)) {
                findings.at(&at("metric_name"), problem);
            }
            if filter.pattern.chars().count() > PATTERN_MAX {
                findings.at(&at("pattern"), format!("a pattern has at most {PATTERN_MAX} characters"));
            } else if let Err(e) = Pattern::parse(&filter.pattern) {
                findings.at(&at("pattern"), format!("not a filter pattern: {e}"));
            }
            check_numbers(findings, &at(""), filter.threshold, filter.period_seconds);
        }
    }
}

/// What the schema's ranges do not say.
fn check_numbers(findings: &mut Findings<'_>, at: &str, threshold: Option<f64>, period: Option<i32>) {
    if threshold.is_some_and(|threshold| !threshold.is_finite()) {
        findings.at(&format!("{at}threshold"), "a threshold is a number of events");
    }
    let path = format!("{at}period_seconds");
    findings.range(&path, period, 10..=86_400);
    let fits = |seconds: i32| matches!(seconds, 10 | 20 | 30) || seconds % 60 == 0;
    if period.is_some_and(|seconds| (10..=86_400).contains(&seconds) && !fits(seconds)) {
        findings.at(&path, "a period is 10, 20, 30 or a multiple of 60 seconds");
    }
}

/// Names of filters, metrics and namespaces: printable, and none of the characters that some of their APIs refuse.
fn name_problem(name: &str, longest: usize) -> Option<String> {
    if name.is_empty() || name.chars().count() > longest {
        return Some(format!("a name has 1 to {longest} characters"));
    }
    let is_good = |c: char| c.is_ascii_graphic() && !matches!(c, ':' | '*' | '$') || c == ' ';
    (!name.chars().all(is_good)).then(|| "a name has printable ASCII characters, without `:`, `*` and `$`".into())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::controls::log_archive::tests::{baseline, messages};

    const TRAIL: &str = "[org_trail]\nname = \"org-trail\"\n";

    fn found(keys: &str) -> Vec<String> {
        messages("", &format!("{TRAIL}[metric_alarms]\n{keys}"))
    }

    #[test]
    fn the_set_is_a_word_or_a_list() {
        let all = baseline("", &format!("{TRAIL}[metric_alarms]\nset = \"cis\""));
        assert_eq!(declared::<MetricAlarms>(&all).unwrap().set.keys().len(), 15);
        let one = baseline("", &format!("{TRAIL}[metric_alarms]\nset = [\"root-usage\"]"));
        assert_eq!(declared::<MetricAlarms>(&one).unwrap().set.keys(), ["root-usage"]);
        assert_eq!(found("set = \"all\"").len(), 1);
        assert_eq!(found("set = [\"root-use\"]").len(), 1);
    }

    #[test]
    fn the_log_group_must_be_there() {
        assert_eq!(messages("", "[metric_alarms]\nset = \"cis\"").len(), 1);
        let off = "[org_trail]\nname = \"org-trail\"\ncloudwatch_logs = false\n[metric_alarms]\nset = \"cis\"";
        assert_eq!(messages("", off).len(), 1);
    }

    #[test]
    fn own_filters_are_looked_at() {
        let filter = |keys: &str| format!("[[metric_alarms.filters]]\nname = \"mine\"\n{keys}\n");
        let good = filter("pattern = '{ $.eventName = \"AssumeRole\" }'");
        assert_eq!(found(&format!("{good}{good}")), ["there are two filters `mine`"]);
        assert_eq!(found(&filter("pattern = '{ $.eventName = }'")).len(), 1);
        assert_eq!(found(&filter("pattern = 'x'\nperiod_seconds = 90")).len(), 1);
        assert_eq!(found(&filter("pattern = 'x'\nmetric_name = 'a*'")).len(), 1);
        assert_eq!(found(&filter("pattern = 'x'\nthreshold = 0.5")).len(), 1);
        assert_eq!(found(&filter("pattern = 'x'\nthreshold = inf")).len(), 1);
    }

    #[test]
    fn bad_targets_thresholds_and_namespaces_are_found() {
        assert_eq!(found("set = \"cis\"\nnotify = [\"nobody\"]").len(), 1);
        assert_eq!(found("set = \"cis\"\nnamespace = \"AWS/Mine\"").len(), 1);
        let thresholds = "set = [\"root-usage\"]\n[metric_alarms.thresholds]\nvpc-changes = 2";
        assert_eq!(found(thresholds), ["no filter `vpc-changes` is in `set`"]);
        let zero = "set = [\"root-usage\"]\n[metric_alarms.thresholds]\nroot-usage = 0";
        assert_eq!(found(zero), ["an alarm needs at least one event"]);
    }
}
