//! Metric filters on the organization trail's log group, an alarm for each, and the topic that they notify.
//!
//! Filters are compared by what their pattern means, not by its text. What carries our prefix and the section's namespace, and
//! whose alarm notifies our topic or has our description, is ours: a filter that is taken out of the list is deleted with its
//! alarm. Filters of others on the same log group are left alone.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudwatch-alarms-for-cloudtrail.html>

mod alarms;
mod filters;
mod key;
mod section;
mod topic;

pub use section::{AlarmSet, MetricAlarms, OwnFilter};

use crate::baseline::Baseline;
use crate::facts::Facts;
use crate::metric_filter::shipped;
use crate::names;

/// One metric filter and its alarm, as the baseline asks for them.
#[derive(Debug, Clone, PartialEq)]
struct Watch {
    /// Name of the filter and of the alarm.
    name: String,
    pattern: String,
    metric_name: String,
    threshold: f64,
    period_seconds: i32,
}

/// All of them, the shipped ones first.
fn watches(section: &MetricAlarms, baseline: &Baseline) -> Vec<Watch> {
    let threshold = |key: &str| section.thresholds.get(key).copied().unwrap_or(section.threshold);
    let shipped = section.set.keys().into_iter().filter_map(shipped::get).map(|filter| Watch {
        name: names::alarm(baseline, filter.key),
        pattern: filter.pattern.to_string(),
        metric_name: filter.metric_name.to_string(),
        threshold: threshold(filter.key),
        period_seconds: section.period_seconds,
    });
    let own = section.filters.iter().map(|filter| Watch {
        name: names::alarm(baseline, &filter.name),
        pattern: filter.pattern.clone(),
        metric_name: filter.metric_name.clone().unwrap_or_else(|| filter.name.clone()),
        threshold: filter.threshold.unwrap_or(section.threshold),
        period_seconds: filter.period_seconds.unwrap_or(section.period_seconds),
    });
    shipped.chain(own).collect()
}

/// Beginning of the names that are ours.
fn own_prefix(baseline: &Baseline) -> String {
    names::alarm(baseline, "")
}

/// ARNs that alarms notify: our topic, and topics that `notify` names.
fn actions(section: &MetricAlarms, baseline: &Baseline, facts: &Facts) -> Vec<String> {
    let mut actions = vec![names::alarm_topic_arn(baseline, facts)];
    let named = section.notify.iter().flatten().filter(|target| target.starts_with("arn:"));
    actions.extend(named.cloned());
    actions
}
