//! Metric filters on the organization trail's log group, the alarms on their metrics, and who gets them.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::source::{ReadCx, Source, Unread};
use crate::compliance::cis::RuleScope;
use crate::error::{Absent as _, CallError};

use super::trails::{OrganizationTrails, Trail};

/// What watches the organization's trails.
#[derive(Default)]
pub(crate) struct Monitoring {
    /// The complete organization trails.
    pub(crate) trails: Vec<Trail>,
    /// Metric filters on their log groups.
    pub(crate) filters: Vec<Filter>,
    /// Alarms of the log groups' accounts and regions, by (namespace, metric).
    pub(crate) alarms: BTreeMap<(String, String), Vec<Alarm>>,
    /// Topics with at least one confirmed subscription.
    pub(crate) confirmed: BTreeSet<String>,
    /// Log groups and topics, by ARN, that could not be looked at.
    pub(crate) unread: BTreeMap<String, Unread>,
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
    const ELSEWHERE: &'static [&'static str] =
        &["logs:DescribeMetricFilters", "cloudwatch:DescribeAlarms", "sns:ListSubscriptionsByTopic"];

    async fn read(cx: &ReadCx<'_>) -> Result<Monitoring, CallError> {
        let trails = cx.read::<OrganizationTrails>().await?;
        let trails: Vec<Trail> = trails.0.iter().filter(|trail| trail.is_complete()).cloned().collect();
        let mut monitoring = Monitoring { trails, ..Monitoring::default() };
        let groups: BTreeSet<String> = monitoring.trails.iter().filter_map(|t| t.log_group.clone()).collect();
        for group in groups {
            let parts: Vec<&str> = group.split(':').collect();
            let [_, _, _, region, account, _, name, ..] = parts.as_slice() else { continue };
            match watched(cx, account, region, name).await {
                Ok((filters, alarms)) => {
                    monitoring.filters.extend(filters);
                    for (metric, alarm) in alarms {
                        monitoring.alarms.entry(metric).or_default().push(alarm);
                    }
                }
                Err(error) => drop(monitoring.unread.insert(group.clone(), error.into())),
            }
        }
        for topic in topics(&monitoring) {
            match is_confirmed(cx, &topic).await {
                Ok(true) => drop(monitoring.confirmed.insert(topic)),
                Ok(false) => {}
                Err(error) => drop(monitoring.unread.insert(topic, error.into())),
            }
        }
        Ok(monitoring)
    }
}

/// Alarms by the metrics that they watch.
type Alarms = Vec<((String, String), Alarm)>;

/// The filters of a log group, and the alarms of its account and region.
async fn watched(
    cx: &ReadCx<'_>,
    account: &str,
    region: &str,
    group: &str,
) -> Result<(Vec<Filter>, Alarms), CallError> {
    let there = cx.aws.elsewhere(account, region).await?;
    Ok((filters(&there, group).await?, alarms(&there).await?))
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

async fn alarms(aws: &crate::aws::Clients) -> Result<Alarms, CallError> {
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

/// Topics of the alarms on the filters' metrics.
fn topics(monitoring: &Monitoring) -> BTreeSet<String> {
    let watched = monitoring.filters.iter().flat_map(|f| &f.metrics).filter_map(|m| monitoring.alarms.get(m));
    let actions = watched.flatten().flat_map(|a| &a.actions);
    actions.filter(|action| action.split(':').nth(2) == Some("sns")).cloned().collect()
}

/// Whether somebody confirmed a subscription to a topic.
async fn is_confirmed(cx: &ReadCx<'_>, topic: &str) -> Result<bool, CallError> {
    let parts: Vec<&str> = topic.split(':').collect();
    let [_, _, _, region, account, ..] = parts.as_slice() else { return Ok(false) };
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
    let confirmed = |arn: Option<String>| arn.is_some_and(|arn| arn.starts_with("arn:"));
    Ok(found.unwrap_or_default().into_iter().any(|s| confirmed(s.subscription_arn)))
}
