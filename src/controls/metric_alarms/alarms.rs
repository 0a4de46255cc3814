//! All alarms: one unit, read with one call per 100 of them.
//!
//! `PutMetricAlarm` replaces the alarm: actions of others for other states, and its description, are sent back.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_sdk_cloudwatch::types::{AlarmType, ComparisonOperator, MetricAlarm, Statistic};
use serde::Serialize;

use super::{MetricAlarms, actions, own_prefix, watches};
use crate::control::{Adjusted, Control, Cx, DesiredCx, Diff, Meta, Removal, Risk, Scope, Seat, Wanted};
use crate::error::{CallError, UnitError};
use crate::names;

/// Most alarms of one page, and of one `DeleteAlarms`.
const PAGE: i32 = 100;

/// What the descriptions of alarms begin with that orgbase made.
const DESCRIPTION: &str = "orgbase: events that the metric filter of";

/// Part `alarms`.
pub(super) struct Alarms;

/// The alarms that should be there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Desired {
    /// Alarms with names that begin so and metrics in the namespace are ours, where they also notify the topic or have our
    /// description.
    prefix: String,
    namespace: String,
    /// ARN of our topic.
    #[serde(skip)]
    topic: String,
    /// Whether the actions are exactly these, or these among others.
    all_actions: bool,
    /// By name.
    alarms: BTreeMap<String, Alarm>,
}

/// An alarm, as far as it is managed.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Alarm {
    metric_name: String,
    namespace: String,
    statistic: String,
    period_seconds: i32,
    evaluation_periods: i32,
    threshold: Option<f64>,
    comparison: String,
    missing_data: String,
    enabled: bool,
    actions: BTreeSet<String>,
    /// A metric filter without dimensions writes none: an alarm with some sees nothing.
    dimensions: usize,
}

/// The alarms whose names begin with our prefix, by name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Actual {
    alarms: BTreeMap<String, Alarm>,
    /// As they came.
    #[serde(skip)]
    live: BTreeMap<String, MetricAlarm>,
}

impl Control for Alarms {
    type Section = MetricAlarms;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        part: "alarms",
        scope: Scope::Organization,
        seat: Seat::Management,
        after: &["metric_alarms.topic", "metric_alarms.filters"],
        reads: &["cloudwatch:DescribeAlarms"],
        writes: &["cloudwatch:DeleteAlarms", "cloudwatch:PutMetricAlarm"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, MetricAlarms>) -> Vec<Wanted<Desired>> {
        let namespace = &cx.section.namespace;
        let actions: BTreeSet<String> = actions(cx.section, cx.baseline, cx.facts).into_iter().collect();
        let alarms = watches(cx.section, cx.baseline).into_iter().map(|watch| {
            let alarm = Alarm {
                metric_name: watch.metric_name,
                namespace: namespace.clone(),
                statistic: Statistic::Sum.as_str().into(),
                period_seconds: watch.period_seconds,
                evaluation_periods: 1,
                threshold: Some(watch.threshold),
                comparison: ComparisonOperator::GreaterThanOrEqualToThreshold.as_str().into(),
                missing_data: "notBreaching".into(),
                enabled: true,
                actions: actions.clone(),
                dimensions: 0,
            };
            (watch.name, alarm)
        });
        Wanted::one(Desired {
            prefix: own_prefix(cx.baseline),
            namespace: namespace.clone(),
            topic: names::alarm_topic_arn(cx.baseline, cx.facts),
            all_actions: cx.section.notify.is_some(),
            alarms: alarms.collect(),
        })
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        Ok(Actual::from_live(live(cx, &want.prefix).await?.to_vec()))
    }

    const REMOVAL: Option<Removal> = Some(Removal {
        writes: &["cloudwatch:DeleteAlarms"],
        risk: Risk::Disruptive,
        absent: |state| state["alarms"].as_object().is_none_or(serde_json::Map::is_empty),
    });

    async fn remove(cx: &Cx<'_>, _want: &Desired, have: &Actual) -> Result<(), UnitError> {
        let names: Vec<&String> = have.alarms.keys().collect();
        for some in names.chunks(usize::try_from(PAGE).unwrap_or(1)) {
            let some: Vec<String> = some.iter().map(ToString::to_string).collect();
            cx.aws
                .cloudwatch()
                .call("DeleteAlarms", |c| c.delete_alarms().set_alarm_names(Some(some.clone())).send())
                .await?;
        }
        Ok(())
    }

    /// Thresholds. Which alarms there are, the filters say.
    fn adjust(section: &mut MetricAlarms, cx: &Cx<'_>, want: &Desired, have: &Actual) -> Adjusted {
        let mut said = Vec::new();
        let others = have.alarms.values().map(|alarm| &alarm.actions);
        let others = others.cloned().reduce(|all, actions| all.intersection(&actions).cloned().collect());
        let own = want.alarms.values().next().map(|alarm| alarm.actions.clone()).unwrap_or_default();
        if others.unwrap_or_default().difference(&own).next().is_some() {
            // The topic cannot know of them: what it and the alarms tell stays as it is.
            section.notify = None;
        }
        for key in section.set.keys().iter().map(ToString::to_string).collect::<Vec<_>>() {
            let name = names::alarm(cx.baseline, &key);
            let found = have.alarms.get(&name);
            let threshold = found.and_then(|alarm| alarm.threshold).filter(|t| t.total_cmp(&section.threshold).is_ne());
            section.thresholds.extend(threshold.map(|threshold| (key, threshold)));
            said.push(format!("alarms.{name}"));
        }
        said.extend(obsolete(want, have).map(|(name, _)| format!("alarms.{name}")));
        Adjusted::Said(said)
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        let mut d = Diff::new();
        for (name, alarm) in &want.alarms {
            let path = format!("alarms.{name}");
            match have.alarms.get(name) {
                None => d.create(&path, alarm),
                Some(found) => d.field(&path, found, Some(&want.beside(alarm, found))),
            }
        }
        for (name, alarm) in obsolete(want, have) {
            d.delete(&format!("alarms.{name}"), alarm, Risk::Disruptive);
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        let cloudwatch = cx.aws.cloudwatch();
        for (name, alarm) in &want.alarms {
            let found = have.alarms.get(name);
            let wanted = found.map_or_else(|| alarm.clone(), |found| want.beside(alarm, found));
            if found == Some(&wanted) {
                continue;
            }
            let live = have.live.get(name);
            cloudwatch.call("PutMetricAlarm", |c| wanted.put(c.put_metric_alarm().alarm_name(name), live).send()).await?;
        }
        let gone: Vec<String> = obsolete(want, have).map(|(name, _)| name.clone()).collect();
        for chunk in gone.chunks(PAGE.unsigned_abs() as usize) {
            cloudwatch
                .call("DeleteAlarms", |c| c.delete_alarms().set_alarm_names(Some(chunk.to_vec())).send())
                .await?;
        }
        Ok(())
    }
}

/// The alarms whose names begin so, asked once while planning: the filters' unit may need them too.
pub(super) async fn live(cx: &Cx<'_>, prefix: &str) -> Result<Arc<Vec<MetricAlarm>>, UnitError> {
    cx.once("metric alarms", async {
        let cloudwatch = cx.aws.cloudwatch();
        let pages: Result<_, CallError> = cloudwatch
            .pages(
                "DescribeAlarms",
                |c, token| {
                    c.describe_alarms()
                        .alarm_name_prefix(prefix)
                        .alarm_types(AlarmType::MetricAlarm)
                        .max_records(PAGE)
                        .set_next_token(token)
                        .send()
                },
                |out| (out.metric_alarms, out.next_token),
            )
            .await;
        pages
    })
    .await
}

/// Alarms of ours that the baseline does not list any more.
fn obsolete<'a>(want: &'a Desired, have: &'a Actual) -> impl Iterator<Item = (&'a String, &'a Alarm)> {
    have.alarms.iter().filter(|(name, alarm)| {
        name.starts_with(&want.prefix)
            && alarm.namespace == want.namespace
            && !want.alarms.contains_key(*name)
            && have.live.get(*name).is_some_and(|live| is_ours(live, &want.topic))
    })
}

/// Whether an alarm is one that this section made or took over: every one of these notifies our topic. One that somebody
/// silenced still says what it is.
pub(super) fn is_ours(alarm: &MetricAlarm, topic: &str) -> bool {
    let told = alarm.alarm_actions.iter().flatten().any(|action| action == topic);
    told || alarm.alarm_description.as_deref().is_some_and(|text| text.starts_with(DESCRIPTION))
}

impl Desired {
    /// The alarm to have where `found` is: its further actions stay where `notify` is not declared.
    fn beside(&self, alarm: &Alarm, found: &Alarm) -> Alarm {
        let mut alarm = alarm.clone();
        if !self.all_actions {
            alarm.actions.extend(found.actions.iter().cloned());
        }
        alarm
    }
}

/// A request to write an alarm.
type Put = aws_sdk_cloudwatch::operation::put_metric_alarm::builders::PutMetricAlarmFluentBuilder;

impl Alarm {
    fn put(&self, request: Put, live: Option<&MetricAlarm>) -> Put {
        let description = live.and_then(|a| a.alarm_description.clone());
        let standard = || format!("{DESCRIPTION} {} counts", self.metric_name);
        request
            .alarm_description(description.unwrap_or_else(standard))
            .metric_name(&self.metric_name)
            .namespace(&self.namespace)
            .statistic(Statistic::from(self.statistic.as_str()))
            .period(self.period_seconds)
            .evaluation_periods(self.evaluation_periods)
            .set_threshold(self.threshold)
            .comparison_operator(ComparisonOperator::from(self.comparison.as_str()))
            .treat_missing_data(&self.missing_data)
            .actions_enabled(self.enabled)
            .set_alarm_actions(Some(self.actions.iter().cloned().collect()))
            .set_ok_actions(live.and_then(|a| a.ok_actions.clone()))
            .set_insufficient_data_actions(live.and_then(|a| a.insufficient_data_actions.clone()))
    }
}

impl Actual {
    fn from_live(live: Vec<MetricAlarm>) -> Actual {
        let live: BTreeMap<String, MetricAlarm> =
            live.into_iter().filter_map(|a| Some((a.alarm_name.clone()?, a))).collect();
        let alarms = live.iter().map(|(name, alarm)| (name.clone(), from_live(alarm))).collect();
        Actual { alarms, live }
    }
}

fn from_live(live: &MetricAlarm) -> Alarm {
    Alarm {
        metric_name: live.metric_name.clone().unwrap_or_default(),
        namespace: live.namespace.clone().unwrap_or_default(),
        statistic: live.statistic.as_ref().map_or_else(String::new, |s| s.as_str().to_string()),
        period_seconds: live.period.unwrap_or_default(),
        evaluation_periods: live.evaluation_periods.unwrap_or_default(),
        threshold: live.threshold,
        comparison: live.comparison_operator.as_ref().map_or_else(String::new, |c| c.as_str().to_string()),
        missing_data: live.treat_missing_data.clone().unwrap_or_else(|| "missing".into()),
        enabled: live.actions_enabled.unwrap_or(true),
        actions: live.alarm_actions.iter().flatten().cloned().collect(),
        dimensions: live.dimensions.as_ref().map_or(0, Vec::len),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::controls::log_archive::tests::{baseline, facts, set};
    use crate::resource::declared;

    const TOPIC: &str = "arn:aws:sns:eu-west-1:111111111111:orgbase-alarms";

    fn want(keys: &str) -> Desired {
        let (facts, baseline) =
            (facts(), baseline("", &format!("[org_trail]\nname = \"org-trail\"\n[metric_alarms]\n{keys}")));
        let section = declared::<MetricAlarms>(&baseline).unwrap();
        let account = &facts.accounts["111111111111"];
        let cx = DesiredCx { section: &section, account, region: "eu-west-1", facts: &facts, baseline: &baseline };
        set(Alarms::desired(&cx)).remove(0)
    }

    fn live(name: &str, alarm: &Alarm) -> MetricAlarm {
        MetricAlarm::builder()
            .alarm_name(name)
            .metric_name(&alarm.metric_name)
            .namespace(&alarm.namespace)
            .statistic(Statistic::Sum)
            .period(alarm.period_seconds)
            .evaluation_periods(1)
            .set_threshold(alarm.threshold)
            .comparison_operator(ComparisonOperator::GreaterThanOrEqualToThreshold)
            .treat_missing_data("notBreaching")
            .actions_enabled(true)
            .set_alarm_actions(Some(alarm.actions.iter().cloned().collect()))
            .build()
    }

    fn converged(want: &Desired) -> Vec<MetricAlarm> {
        want.alarms.iter().map(|(name, alarm)| live(name, alarm)).collect()
    }

    #[test]
    fn the_whole_set_is_created_and_has_no_diff_afterwards() {
        let want = want("set = \"cis\"");
        assert_eq!(Alarms::diff(&want, &Actual::from_live(Vec::new())).changes.len(), 15);
        assert!(Alarms::diff(&want, &Actual::from_live(converged(&want))).is_empty());
        assert_eq!(want.alarms["orgbase-root-usage"].actions, [TOPIC.to_string()].into());
    }

    #[test]
    fn a_topic_in_notify_is_a_further_action_and_thresholds_may_differ() {
        let other = "arn:aws:sns:eu-west-1:111111111111:pager";
        let want = want(&format!(
            "set = [\"root-usage\", \"vpc-changes\"]\nnotify = [\"{other}\", \"a@example.com\"]\nthresholds = \
             {{ vpc-changes = 5.0 }}"
        ));
        let (root, vpc) = (&want.alarms["orgbase-root-usage"], &want.alarms["orgbase-vpc-changes"]);
        assert_eq!(root.actions, [TOPIC.to_string(), other.to_string()].into());
        assert_eq!((root.threshold, vpc.threshold), (Some(1.0), Some(5.0)));
    }

    #[test]
    fn a_muted_alarm_is_found() {
        let want = want("set = [\"root-usage\"]");
        let mut found = converged(&want);
        found[0].actions_enabled = Some(false);
        assert_eq!(Alarms::diff(&want, &Actual::from_live(found)).changes.len(), 1);
    }

    #[test]
    fn actions_of_others_stay_unless_notify_is_declared() {
        let free = want("set = [\"root-usage\"]");
        let mut found = converged(&free);
        found[0].alarm_actions.as_mut().unwrap().push("arn:aws:sns:eu-west-1:111111111111:theirs".into());
        assert!(Alarms::diff(&free, &Actual::from_live(found.clone())).is_empty());
        let strict = want("set = [\"root-usage\"]\nnotify = []");
        assert_eq!(Alarms::diff(&strict, &Actual::from_live(found)).changes.len(), 1);
    }

    #[test]
    fn what_left_the_list_goes_and_alarms_in_other_namespaces_stay() {
        let want = want("set = [\"root-usage\"]");
        let any = want.alarms.values().next().unwrap().clone();
        let mut found = converged(&want);
        found.push(live("orgbase-old", &any));
        found.push(live("orgbase-elsewhere", &Alarm { namespace: "Other".into(), ..any }));
        let diff = Alarms::diff(&want, &Actual::from_live(found));
        assert_eq!(diff.changes.iter().map(|c| c.path.as_str()).collect::<Vec<_>>(), ["alarms.orgbase-old"]);
    }

    /// The prefix may be the company's own name, and the namespace that of everybody who follows the CIS rules.
    #[test]
    fn an_alarm_that_only_looks_like_ours_stays() {
        let want = want("set = [\"root-usage\"]");
        let pager = ["arn:aws:sns:eu-west-1:111111111111:pager".to_string()].into();
        let theirs = Alarm { actions: pager, ..want.alarms.values().next().unwrap().clone() };
        let mut found = converged(&want);
        found.push(live("orgbase-theirs", &theirs));
        assert!(Alarms::diff(&want, &Actual::from_live(found.clone())).is_empty());
        let silenced = format!("{DESCRIPTION} Old counts");
        found[1].alarm_description = Some(silenced);
        assert_eq!(Alarms::diff(&want, &Actual::from_live(found)).changes.len(), 1);
    }
}
