//! VPCs and flow logs as AWS Config recorded them, for `--refresh central`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::plan::{Actual, FlowLog, Vpc};
use super::{FileFormat, TrafficType, VpcFlowLogs, destination};
use crate::control::{Cx, Section as _, Surveyed};
use crate::error::UnitError;
use crate::names::OWNER_TAG;
use crate::resource::aggregated::{self, Item};

const VPC: &str = "AWS::EC2::VPC";
const FLOW_LOG: &str = "AWS::EC2::FlowLog";

/// A flow log as Config shows it: as EC2 does, with small first letters.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recorded {
    flow_log_id: String,
    resource_id: String,
    flow_log_status: String,
    log_destination: Option<String>,
    traffic_type: Option<TrafficType>,
    max_aggregation_interval: Option<i32>,
    log_format: Option<String>,
    deliver_logs_error_message: Option<String>,
    destination_options: Option<Options>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Options {
    file_format: Option<FileFormat>,
    hive_compatible_partitions: Option<bool>,
    per_hour_partition: Option<bool>,
}

/// Every place in which Config recorded VPCs.
pub(super) async fn survey(cx: &Cx<'_>) -> Result<Vec<Surveyed<Actual>>, UnitError> {
    let Ok(destination) = destination(cx.baseline, cx.facts) else { return Ok(Vec::new()) };
    let places = aggregated::items(cx, &[VPC, FLOW_LOG], None).await?;
    let stated = |(place, items): (aggregated::Place, Vec<Item>)| {
        Some(Surveyed::at(place, actual(&items, &destination)?))
    };
    Ok(places.into_iter().filter_map(stated).collect())
}

/// What `read` would find; `None` where Config shows no VPC, or something that is not understood.
fn actual(items: &[Item], destination: &str) -> Option<Actual> {
    let mut vpcs = BTreeMap::new();
    for vpc in items.iter().filter(|item| item.kind == VPC) {
        if vpc.text("/ownerId")? == vpc.account {
            let is_default = vpc.flag("/isDefault")?;
            vpcs.insert(vpc.text("/vpcId")?.to_owned(), Vpc { is_default, logs: BTreeMap::new() });
        }
    }
    for item in items.iter().filter(|item| item.kind == FLOW_LOG) {
        let log = Recorded::deserialize(&item.configuration).ok()?;
        let to = log.log_destination.as_deref().unwrap_or_default().trim_end_matches('/');
        if let Some(vpc) = vpcs.get_mut(&log.resource_id).filter(|_| to == destination) {
            vpc.logs.insert(log.flow_log_id.clone(), from_recorded(log, item));
        }
    }
    (!vpcs.is_empty()).then_some(Actual(vpcs))
}

fn from_recorded(log: Recorded, item: &Item) -> FlowLog {
    let options = log.destination_options.unwrap_or_default();
    let is_owner = |tag: &aggregated::Tag| tag.key == OWNER_TAG && tag.value == VpcFlowLogs::META.id;
    FlowLog {
        ours: item.tags.iter().any(is_owner),
        active: log.flow_log_status == "ACTIVE",
        traffic_type: log.traffic_type,
        max_aggregation_interval_seconds: log.max_aggregation_interval,
        log_format: log.log_format,
        file_format: options.file_format.unwrap_or(FileFormat::PlainText),
        hive_compatible_partitions: options.hive_compatible_partitions.unwrap_or(false),
        per_hour_partition: options.per_hour_partition.unwrap_or(false),
        delivery_error: log.deliver_logs_error_message.filter(|message| !message.is_empty()),
    }
}
