//! Metric filters on the organization trail's log group, the alarms on their metrics, and who gets them.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::source::{ReadCx, Source};
use crate::compliance::cis::RuleScope;
use crate::error::{Absent as _, CallError};

use super::trails::{OrganizationTrails, Trail};

/// What watches the organization's trails.
pub(crate) struct Monitoring {
    /// The complete organization trails.
    pub(crate) trails: Vec<Trail>,
    /// Metric filters on their log groups.
    pub(crate) filters: Vec<Filter>,
    /// Alarms of the log groups' accounts and regions, by (namespace, metric).
    pub(crate) alarms: BTreeMap<(String, String), Vec<Alarm>>,
    /// Topics with at least one confirmed subscription.
    pub(crate) confirmed: BTreeSet<String>,
}

/// A metric filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) name: String,
    pub(crate) pattern: String,
    /// Namespace and name of each of its metrics.
    pub(crate) metrics: Vec<(String, String)>,
}

/// An alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Alarm {
    pub(crate) name: String,
    pub(crate) actions: Vec<String>,
    pub(crate) enabled: bool,
}

impl Source for Monitoring {
    const SCOPE: RuleScope = RuleScope::Org;
    const READS: &'static [&'static str] = &[
        "cloudtrail:DescribeTrails",
        "cloudtrail:GetEventSelectors",
        "cloudtrail:GetTrailStatus",
        "logs:DescribeMetricFilters",
        "cloudwatch:DescribeAlarms",
        "sns:ListSubscriptionsByTopic",
    ];

    async fn read(cx: &ReadCx<'_>) -> Result<Monitoring, CallError> {
        let trails = cx.read::<OrganizationTrails>().await?;
        let trails: Vec<Trail> = trails.0.iter().filter(|trail| trail.is_complete()).cloned().collect();
        let mut monitoring =
            Monitoring { trails, filters: Vec::new(), alarms: BTreeMap::new(), confirmed: BTreeSet::new() };
        let groups: BTreeSet<String> = monitoring.trails.iter().filter_map(|t| t.log_group.clone()).collect();
        for group in groups {
            let parts: Vec<&str> = group.split(':').collect();
            let [_, _, _, region, account, _, name, ..] = parts.as_slice() else { continue };
            let there = cx.aws.elsewhere(account, region).await?;
            monitoring.filters.extend(filters(&there, name).await?);
            for (metric, alarm) in alarms(&there).await? {
                monitoring.alarms.entry(metric).or_default().push(alarm);
            }
        }
        monitoring.confirmed = confirmed(cx, &monitoring).await?;
        Ok(monitoring)
    }
}

async fn filters(aws: &crate::aws::Clients, group: &str) -> Result<Vec<Filter>, CallError> {
    let found = aws
        .logs()
        .pages(
            "DescribeMetricFilters",
            |c, t| c.describe_metric_filters().log_group_name(group).set_next_token(t).send(),
            |a| (a.metric_filters, a.next_token),
        )
        .await
        .absent(&["ResourceNotFoundException"])?;
    let metric = |m: aws_sdk_cloudwatchlogs::types::MetricTransformation| (m.metric_namespace, m.metric_name);
    let filter = |f: aws_sdk_cloudwatchlogs::types::MetricFilter| Filter {
        name: f.filter_name.unwrap_or_default(),
        pattern: f.filter_pattern.unwrap_or_default(),
        metrics: f.metric_transformations.unwrap_or_default().into_iter().map(metric).collect(),
    };
    Ok(found.unwrap_or_default().into_iter().map(filter).collect())
}

async fn alarms(aws: &crate::aws::Clients) -> Result<Vec<((String, String), Alarm)>, CallError> {
    let found = aws
        .cloudwatch()
        .pages(
            "DescribeAlarms",
            |c, t| c.describe_alarms().set_next_token(t).send(),
            |a| (a.metric_alarms, a.next_token),
        )
        .await?;
    let alarm = |a: aws_sdk_cloudwatch::types::MetricAlarm| {
        let metric = (a.namespace?, a.metric_name?);
        let alarm = Alarm {
            name: a.alarm_name.unwrap_or_default(),
            actions: a.alarm_actions.unwrap_or_default(),
            enabled: a.actions_enabled.unwrap_or(true),
        };
        Some((metric, alarm))
    };
    Ok(found.into_iter().filter_map(alarm).collect())
}

/// Topics of alarms on our filters' metrics that somebody confirmed a subscription to.
async fn confirmed(cx: &ReadCx<'_>, monitoring: &Monitoring) -> Result<BTreeSet<String>, CallError> {
    let watched = monitoring.filters.iter().flat_map(|f| &f.metrics).filter_map(|m| monitoring.alarms.get(m));
    let actions = watched.flatten().flat_map(|a| &a.actions).filter(|a| a.split(':').nth(2) == Some("sns"));
    let topics: BTreeSet<&String> = actions.collect();
    let mut confirmed = BTreeSet::new();
    for topic in topics {
        let parts: Vec<&str> = topic.split(':').collect();
        let [_, _, _, region, account, ..] = parts.as_slice() else { continue };
        let there = cx.aws.elsewhere(account, region).await?;
        let found = there
            .sns()
            .pages(
                "ListSubscriptionsByTopic",
                |c, t| c.list_subscriptions_by_topic().topic_arn(topic).set_next_token(t).send(),
                |a| (a.subscriptions, a.next_token),
            )
            .await
            .absent(&["NotFound"])?;
        let is_confirmed = |arn: Option<String>| arn.is_some_and(|arn| arn.starts_with("arn:"));
        if found.unwrap_or_default().into_iter().any(|s| is_confirmed(s.subscription_arn)) {
            confirmed.insert(topic.clone());
        }
    }
    Ok(confirmed)
}
