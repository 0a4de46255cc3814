//! All metric filters of the trail's log group: one unit, read with one call per 50 of them.
//!
//! `PutMetricFilter` replaces the filter of that name.
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html>

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudwatchlogs::types::{MetricFilter, MetricTransformation};
use serde::Serialize;

use super::{AlarmSet, MetricAlarms, OwnFilter, alarms, own_prefix, watches};
use crate::control::{Adjusted, Control, Cx, DesiredCx, Diff, Meta, Removal, Risk, Scope, Seat, Wanted};
use crate::error::{Absent, Kind, UnitError};
use crate::metric_filter;
use crate::names;

/// Part `filters`.
pub(super) struct Filters;

/// The filters that should be there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Desired {
    log_group: String,
    /// Filters with names that begin so and metrics in the namespace are ours, where they have an alarm of ours.
    prefix: String,
    namespace: String,
    /// ARN of our topic.
    #[serde(skip)]
    topic: String,
    /// By name.
    filters: BTreeMap<String, Filter>,
}

/// A filter with one metric that counts its events.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Filter {
    pattern: String,
    metric_name: String,
    namespace: String,
    /// What one event counts.
    value: String,
    /// What a minute without events counts; `None`: nothing is written then, and the metric has gaps.
    default_value: Option<f64>,
}

/// The filters of the log group by name; none where there is no log group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Actual {
    filters: BTreeMap<String, Filter>,
    /// As they came.
    #[serde(skip)]
    live: BTreeMap<String, MetricFilter>,
    /// Names of alarms of ours; asked for only where a filter may be obsolete. A filter and its alarm have the same name.
    #[serde(skip)]
    alarms: BTreeSet<String>,
}

impl Control for Filters {
    type Section = MetricAlarms;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        part: "filters",
        scope: Scope::Organization,
        seat: Seat::Management,
        after: &["org_trail.log_group"],
        reads: &["cloudwatch:DescribeAlarms", "logs:DescribeMetricFilters"],
        writes: &["logs:DeleteMetricFilter", "logs:PutMetricFilter"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, MetricAlarms>) -> Vec<Wanted<Desired>> {
        let namespace = &cx.section.namespace;
        let filters = watches(cx.section, cx.baseline).into_iter().map(|watch| {
            let filter = Filter {
                pattern: watch.pattern,
                metric_name: watch.metric_name,
                namespace: namespace.clone(),
                value: "1".into(),
                default_value: Some(0.0),
            };
            (watch.name, filter)
        });
        Wanted::one(Desired {
            log_group: names::trail_log_group(cx.baseline),
            prefix: own_prefix(cx.baseline),
            namespace: namespace.clone(),
            topic: names::alarm_topic_arn(cx.baseline, cx.facts),
            filters: filters.collect(),
        })
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        let live = cx
            .aws
            .logs()
            .pages(
                "DescribeMetricFilters",
                |c, token| c.describe_metric_filters().log_group_name(&want.log_group).set_next_token(token).send(),
                |out| (out.metric_filters, out.next_token),
            )
            .await
            .absent(&["ResourceNotFoundException"])?;
        let mut have = Actual::from_live(live.unwrap_or_default());
        if unlisted(want, &have).next().is_some() {
            let live = alarms::live(cx, &want.prefix).await?;
            let ours = live.iter().filter(|alarm| alarms::is_ours(alarm, &want.topic));
            have.alarms = ours.filter_map(|alarm| alarm.alarm_name.clone()).collect();
        }
        Ok(have)
    }

    const REMOVAL: Option<Removal> = Some(Removal {
        writes: &["logs:DeleteMetricFilter"],
        risk: Risk::Disruptive,
        absent: |state| state["filters"].as_object().is_none_or(serde_json::Map::is_empty),
    });

    async fn remove(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        for name in have.filters.keys() {
            cx.aws
                .logs()
                .call("DeleteMetricFilter", |c| {
                    c.delete_metric_filter().log_group_name(&want.log_group).filter_name(name).send()
                })
                .await
                .absent(&["ResourceNotFoundException"])?;
        }
        Ok(())
    }

    /// Shipped filters that are there, and the others as one's own.
    fn adjust(section: &mut MetricAlarms, cx: &Cx<'_>, want: &Desired, have: &Actual) -> Adjusted {
        let keys: Vec<String> = section.set.keys().iter().map(ToString::to_string).collect();
        let is_there = |key: &&String| have.filters.contains_key(&names::alarm(cx.baseline, key));
        let there: Vec<String> = keys.iter().filter(is_there).cloned().collect();
        if there.is_empty() {
            return Adjusted::default();
        }
        if there.len() < keys.len() {
            section.set = AlarmSet::Keys(there);
        }
        for (name, filter) in obsolete(want, have) {
            let own = name.strip_prefix(&want.prefix).unwrap_or(name).to_string();
            let metric_name = (filter.metric_name != own).then(|| filter.metric_name.clone());
            section.filters.push(OwnFilter { name: own, pattern: filter.pattern.clone(), metric_name, ..OwnFilter::default() });
        }
        let gone = want.filters.keys().filter(|name| !have.filters.contains_key(*name));
        let all = gone.chain(obsolete(want, have).map(|(name, _)| name));
        Adjusted::Said(all.map(|name| format!("metric_filters.{name}")).collect())
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        let mut d = Diff::new();
        for (name, filter) in &want.filters {
            let path = format!("metric_filters.{name}");
            match have.filters.get(name) {
                None => d.create(&path, filter),
                Some(found) if found.does_the_same(filter) => {}
                Some(found) => d.risky(&path, found, Some(filter), Risk::Normal),
            }
        }
        for (name, filter) in obsolete(want, have) {
            d.delete(&format!("metric_filters.{name}"), filter, Risk::Disruptive);
        }
        for (name, _) in unlisted(want, have).filter(|(name, _)| !have.alarms.contains(*name)) {
            d.notice(format!("metric filter {name} has no alarm of ours: it is left alone"));
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        let logs = cx.aws.logs();
        for (name, filter) in &want.filters {
            if have.filters.get(name).is_some_and(|found| found.does_the_same(filter)) {
                continue;
            }
            let live = have.live.get(name);
            let transformation = filter.to_live(live)?;
            logs.call("PutMetricFilter", |c| {
                c.put_metric_filter()
                    .log_group_name(&want.log_group)
                    .filter_name(name)
                    .filter_pattern(&filter.pattern)
                    .metric_transformations(transformation.clone())
                    .set_apply_on_transformed_logs(live.and_then(|f| f.apply_on_transformed_logs.then_some(true)))
                    .set_field_selection_criteria(live.and_then(|f| f.field_selection_criteria.clone()))
                    .send()
            })
            .await?;
        }
        for (name, _) in obsolete(want, have) {
            logs.call("DeleteMetricFilter", |c| {
                c.delete_metric_filter().log_group_name(&want.log_group).filter_name(name).send()
            })
            .await
            .absent(&["ResourceNotFoundException"])?;
        }
        Ok(())
    }
}

/// Filters of ours that the baseline does not list any more. They carry no mark but their alarm, which goes after them.
fn obsolete<'a>(want: &'a Desired, have: &'a Actual) -> impl Iterator<Item = (&'a String, &'a Filter)> {
    unlisted(want, have).filter(|(name, _)| have.alarms.contains(*name))
}

/// Filters that look like ours, and that the baseline does not list.
fn unlisted<'a>(want: &'a Desired, have: &'a Actual) -> impl Iterator<Item = (&'a String, &'a Filter)> {
    have.filters.iter().filter(|(name, filter)| {
        name.starts_with(&want.prefix) && filter.namespace == want.namespace && !want.filters.contains_key(*name)
    })
}

impl Filter {
    fn does_the_same(&self, other: &Filter) -> bool {
        let rest = |f: &Filter| (f.metric_name.clone(), f.namespace.clone(), f.value.clone(), f.default_value);
        rest(self) == rest(other) && metric_filter::same_meaning(&self.pattern, &other.pattern)
    }

    /// Keeps the unit of a metric that is there.
    fn to_live(&self, live: Option<&MetricFilter>) -> Result<MetricTransformation, UnitError> {
        let unit = live.and_then(|f| f.metric_transformations.as_ref()?.first()?.unit.clone());
        MetricTransformation::builder()
            .metric_name(&self.metric_name)
            .metric_namespace(&self.namespace)
            .metric_value(&self.value)
            .set_default_value(self.default_value)
            .set_unit(unit)
            .build()
            .map_err(|e| UnitError::new(Kind::Bug, format!("a metric filter could not be built: {e}")))
    }
}

impl Actual {
    fn from_live(live: Vec<MetricFilter>) -> Actual {
        let live: BTreeMap<String, MetricFilter> =
            live.into_iter().filter_map(|f| Some((f.filter_name.clone()?, f))).collect();
        let filters = live.iter().map(|(name, filter)| (name.clone(), from_live(filter))).collect();
        Actual { filters, live, alarms: BTreeSet::new() }
    }
}

fn from_live(live: &MetricFilter) -> Filter {
    let metric = live.metric_transformations.as_ref().and_then(|t| t.first());
    Filter {
        pattern: live.filter_pattern.clone().unwrap_or_default(),
        metric_name: metric.map(|m| m.metric_name.clone()).unwrap_or_default(),
        namespace: metric.map(|m| m.metric_namespace.clone()).unwrap_or_default(),
        value: metric.map(|m| m.metric_value.clone()).unwrap_or_default(),
        default_value: metric.and_then(|m| m.default_value),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::control::Effect;
    use crate::controls::log_archive::tests::{baseline, facts, set};
    use crate::resource::declared;

    fn want(keys: &str) -> Desired {
        let (facts, baseline) =
            (facts(), baseline("", &format!("[org_trail]\nname = \"org-trail\"\n[metric_alarms]\nset = {keys}")));
        let section = declared::<MetricAlarms>(&baseline).unwrap();
        let account = &facts.accounts["111111111111"];
        let cx = DesiredCx { section: &section, account, region: "eu-west-1", facts: &facts, baseline: &baseline };
        set(Filters::desired(&cx)).remove(0)
    }

    fn live(name: &str, filter: &Filter) -> MetricFilter {
        MetricFilter::builder()
            .filter_name(name)
            .filter_pattern(&filter.pattern)
            .metric_transformations(filter.to_live(None).unwrap())
            .build()
    }

    fn converged(want: &Desired) -> Vec<MetricFilter> {
        want.filters.iter().map(|(name, filter)| live(name, filter)).collect()
    }

    #[test]
    fn the_whole_set_is_created_on_an_empty_log_group_and_has_no_diff_afterwards() {
        let want = want("\"cis\"");
        let created = Filters::diff(&want, &Actual::from_live(Vec::new()));
        assert_eq!(created.changes.len(), 15);
        assert_eq!(created.changes[0].path, "metric_filters.orgbase-cloudtrail-changes");
        assert!(Filters::diff(&want, &Actual::from_live(converged(&want))).is_empty());
    }

    #[test]
    fn a_pattern_in_other_words_is_the_same_and_another_one_is_not() {
        let want = want("[\"console-auth-failures\"]");
        let mut found = converged(&want);
        found[0].filter_pattern =
            Some("{ ($.errorMessage = \"Failed authentication\") && ($.eventName = \"ConsoleLogin\") }".into());
        assert!(Filters::diff(&want, &Actual::from_live(found.clone())).is_empty());
        found[0].filter_pattern = Some("{ $.eventName = \"ConsoleLogin\" }".into());
        assert_eq!(Filters::diff(&want, &Actual::from_live(found)).changes.len(), 1);
    }

    #[test]
    fn what_left_the_list_goes_and_what_others_made_stays() {
        let want = want("[\"root-usage\"]");
        let any = want.filters.values().next().unwrap().clone();
        let mut found = converged(&want);
        found.push(live("orgbase-old", &any));
        found.push(live("theirs", &any));
        found.push(live("orgbase-elsewhere", &Filter { namespace: "Other".into(), ..any }));
        let mut have = Actual::from_live(found);
        // Without an alarm of ours it may be anybody's.
        let diff = Filters::diff(&want, &have);
        assert_eq!((diff.changes.len(), diff.notices.len()), (0, 1));
        have.alarms.insert("orgbase-old".into());
        let diff = Filters::diff(&want, &have);
        assert_eq!((diff.changes.len(), diff.notices.len()), (1, 0));
        assert_eq!((diff.changes[0].path.as_str(), diff.changes[0].effect), ("metric_filters.orgbase-old", Effect::Delete));
        assert_eq!(diff.risk(), Risk::Disruptive);
    }
}
