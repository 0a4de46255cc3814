//! What there should be, what is there, and what differs.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{FileFormat, TrafficType, VpcFlowLogs};
use crate::control::{Adjusted, Diff, Risk, Section as _};
use crate::names::OWNER_TAG;

/// What each VPC should have.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Desired {
    /// ARN of the log archive's bucket.
    pub(super) destination: String,
    pub(super) settings: VpcFlowLogs,
}

/// The account's own VPCs in the region, by id.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Actual(pub(super) BTreeMap<String, Vpc>);

/// A VPC with its flow logs to the log archive.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Vpc {
    /// The one that AWS made.
    pub(super) is_default: bool,
    /// By id.
    pub(super) logs: BTreeMap<String, FlowLog>,
}

/// A flow log to the log archive's bucket.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "AWS's own switches")]
pub(super) struct FlowLog {
    /// It carries our owner tag.
    pub(super) ours: bool,
    /// AWS has it in force.
    pub(super) active: bool,
    pub(super) traffic_type: Option<TrafficType>,
    pub(super) max_aggregation_interval_seconds: Option<i32>,
    pub(super) log_format: Option<String>,
    pub(super) file_format: FileFormat,
    pub(super) hive_compatible_partitions: bool,
    pub(super) per_hour_partition: bool,
    /// Why AWS could not deliver, in its words.
    #[serde(skip)]
    pub(super) delivery_error: Option<String>,
}

impl FlowLog {
    /// Whether every declared setting is as it should be.
    fn fits(&self, want: &VpcFlowLogs) -> bool {
        fn is<T: PartialEq>(want: Option<&T>, have: Option<&T>) -> bool {
            want.is_none() || want == have
        }
        self.active
            && self.traffic_type == Some(want.traffic_type)
            && is(want.max_aggregation_interval_seconds.as_ref(), self.max_aggregation_interval_seconds.as_ref())
            && is(want.log_format.as_ref(), self.log_format.as_ref())
            && is(want.file_format.as_ref(), Some(&self.file_format))
            && is(want.hive_compatible_partitions.as_ref(), Some(&self.hive_compatible_partitions))
            && is(want.per_hour_partition.as_ref(), Some(&self.per_hour_partition))
    }

    /// The settings that the section declares, as they are.
    fn shown(&self, want: &VpcFlowLogs) -> Value {
        let mut all = settings(want);
        let live = [
            ("traffic_type", json!(self.traffic_type)),
            ("max_aggregation_interval_seconds", json!(self.max_aggregation_interval_seconds)),
            ("log_format", json!(self.log_format)),
            ("file_format", json!(self.file_format)),
            ("hive_compatible_partitions", json!(self.hive_compatible_partitions)),
            ("per_hour_partition", json!(self.per_hour_partition)),
        ];
        for (key, value) in live {
            if let Some(slot) = all.get_mut(key) {
                *slot = value;
            }
        }
        Value::Object(all)
    }
}

/// The declared settings.
fn settings(want: &VpcFlowLogs) -> Map<String, Value> {
    let mut all = json!(want);
    let all = all.as_object_mut().map(std::mem::take).unwrap_or_default();
    all.into_iter().filter(|(_, value)| !value.is_null()).collect()
}

impl Vpc {
    /// The flow log that is as it should be; one that carries the tag first.
    pub(super) fn good(&self, want: &VpcFlowLogs) -> Option<(&str, &FlowLog)> {
        let fitting = || self.logs.iter().filter(|(_, log)| log.fits(want));
        let found = fitting().find(|(_, log)| log.ours).or_else(|| fitting().next());
        found.map(|(id, log)| (id.as_str(), log))
    }

    /// Flow logs of ours that are not needed, once there is a good one.
    pub(super) fn superseded(&self, want: &VpcFlowLogs) -> Vec<&str> {
        let good = self.good(want).map(|(id, _)| id);
        let ours = self.logs.iter().filter(|(_, log)| log.ours).map(|(id, _)| id.as_str());
        ours.filter(|id| good != Some(*id)).collect()
    }
}

/// The settings that a flow log of ours has in every VPC.
pub(super) fn adjust(section: &mut VpcFlowLogs, have: &Actual) -> Adjusted {
    let ours = |vpc: &'_ Vpc| vpc.logs.values().find(|log| log.ours && log.active).cloned();
    let Some(first) = have.0.values().next() else { return Adjusted::Any };
    let Some((log, traffic_type)) = ours(first).and_then(|log| Some((log.clone(), log.traffic_type?))) else {
        return Adjusted::Absent;
    };
    *section = VpcFlowLogs {
        traffic_type,
        max_aggregation_interval_seconds: log.max_aggregation_interval_seconds,
        log_format: log.log_format,
        file_format: Some(log.file_format),
        hive_compatible_partitions: Some(log.hive_compatible_partitions),
        per_hour_partition: Some(log.per_hour_partition),
    };
    let good = |vpc: &Vpc| vpc.good(section).is_some_and(|(_, log)| log.ours) && vpc.superseded(section).is_empty();
    if have.0.values().all(good) { Adjusted::said(&["vpcs."]) } else { Adjusted::Absent }
}

pub(super) fn diff(want: &Desired, have: &Actual) -> Diff {
    let mut d = Diff::new();
    for (id, vpc) in &have.0 {
        // The default VPC has another id in every account and region: equal changes are shown once.
        let path = format!("vpcs.{}", if vpc.is_default { "default" } else { id });
        diff_vpc(&mut d, &path, &want.settings, vpc);
    }
    d
}

fn diff_vpc(d: &mut Diff, path: &str, want: &VpcFlowLogs, vpc: &Vpc) {
    let superseded = vpc.superseded(want);
    let Some((_, good)) = vpc.good(want) else {
        let old = superseded.first().and_then(|id| vpc.logs.get(*id));
        let before = old.map_or(Value::Null, |log| log.shown(want));
        d.push(path, before, Value::Object(settings(want)), risk(want, old));
        return;
    };
    if !good.ours {
        d.push(&format!("{path}.tags.{OWNER_TAG}"), Value::Null, json!(VpcFlowLogs::META.id), Risk::Normal);
    }
    for log in superseded.iter().filter_map(|id| vpc.logs.get(*id)) {
        d.delete(&format!("{path}.superseded"), log.shown(want), risk(want, Some(log)));
    }
    if let Some(error) = &good.delivery_error {
        d.notice(format!("AWS cannot deliver the flow log of {path}: {error}"));
    }
}

/// Logging less than before leaves traffic unlogged.
fn risk(want: &VpcFlowLogs, old: Option<&FlowLog>) -> Risk {
    let narrows = |have: TrafficType| want.traffic_type != TrafficType::All && have != want.traffic_type;
    match old.filter(|log| log.active).and_then(|log| log.traffic_type) {
        Some(have) if narrows(have) => Risk::Destructive,
        _ => Risk::Normal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(traffic_type: TrafficType) -> Desired {
        let settings = VpcFlowLogs {
            traffic_type,
            max_aggregation_interval_seconds: Some(600),
            log_format: None,
            file_format: None,
            hive_compatible_partitions: None,
            per_hour_partition: None,
        };
        Desired { destination: "arn:aws:s3:::b".into(), settings }
    }

    fn log(traffic_type: TrafficType, ours: bool) -> FlowLog {
        FlowLog {
            ours,
            active: true,
            traffic_type: Some(traffic_type),
            max_aggregation_interval_seconds: Some(600),
            log_format: Some("${version}".into()),
            file_format: FileFormat::Parquet,
            hive_compatible_partitions: true,
            per_hour_partition: false,
            delivery_error: None,
        }
    }

    fn have(logs: &[FlowLog]) -> Actual {
        let logs = logs.iter().enumerate().map(|(n, log)| (format!("fl-{n}"), log.clone())).collect();
        Actual([("vpc-1".to_string(), Vpc { is_default: true, logs })].into())
    }

    fn paths(d: &Diff) -> Vec<&str> {
        d.changes.iter().map(|c| c.path.as_str()).collect()
    }

    #[test]
    fn a_vpc_without_a_flow_log_gets_one_and_keys_that_are_not_declared_do_not_matter() {
        let none = diff(&want(TrafficType::All), &have(&[]));
        assert_eq!(paths(&none), ["vpcs.default"]);
        assert_eq!(none.changes[0].after, json!({"traffic_type": "ALL", "max_aggregation_interval_seconds": 600}));
        assert!(diff(&want(TrafficType::All), &have(&[log(TrafficType::All, true)])).is_empty());
    }

    #[test]
    fn a_changed_one_of_ours_is_replaced_and_one_of_others_left() {
        let replaced = diff(&want(TrafficType::All), &have(&[log(TrafficType::Reject, true)]));
        assert_eq!((paths(&replaced), replaced.risk()), (vec!["vpcs.default"], Risk::Normal));
        assert_eq!(replaced.changes[0].before["traffic_type"], "REJECT");
        let beside = diff(&want(TrafficType::All), &have(&[log(TrafficType::Reject, false)]));
        assert_eq!(beside.changes[0].before, Value::Null);
        let mut broken = log(TrafficType::All, true);
        broken.active = false;
        assert_eq!(diff(&want(TrafficType::All), &have(&[broken])).changes.len(), 1);
    }

    #[test]
    fn logging_less_is_destructive() {
        let narrower = diff(&want(TrafficType::Reject), &have(&[log(TrafficType::All, true)]));
        assert_eq!(narrower.risk(), Risk::Destructive);
        let other = diff(&want(TrafficType::Reject), &have(&[log(TrafficType::Accept, true)]));
        assert_eq!(other.risk(), Risk::Destructive);
    }

    #[test]
    fn a_good_one_is_tagged_and_what_a_killed_run_left_is_taken_away() {
        let untagged = diff(&want(TrafficType::All), &have(&[log(TrafficType::All, false)]));
        assert_eq!(paths(&untagged), ["vpcs.default.tags.orgbase"]);
        let two = have(&[log(TrafficType::Reject, true), log(TrafficType::All, true)]);
        let left = diff(&want(TrafficType::All), &two);
        assert_eq!((paths(&left), left.risk()), (vec!["vpcs.default.superseded"], Risk::Normal));
        assert_eq!(two.0["vpc-1"].superseded(&want(TrafficType::All).settings), ["fl-0"]);
    }
}
