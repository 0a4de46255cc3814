//! Reading VPCs and flow logs. Which VPCs there are is known from their default security groups, a read that
//! `default_security_groups` needs as well; which of them AWS made is asked only where a VPC is named.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{DestinationFileFormat, Filter, FlowLog as Live, TrafficType as LiveTraffic};

use super::plan::{Actual, Desired, FlowLog, Vpc};
use super::{FileFormat, TrafficType, VpcFlowLogs};
use crate::control::{Cx, Diff, Section as _};
use crate::error::UnitError;
use crate::names::OWNER_TAG;
use crate::resource::default_groups;

pub(super) async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
    let own = default_groups::own(cx).await?;
    let mut vpcs: BTreeMap<String, Vpc> = own.iter().map(|group| (group.vpc.clone(), Vpc::default())).collect();
    if vpcs.is_empty() {
        return Ok(Actual(vpcs));
    }
    for live in to_buckets(cx).await? {
        let destination = live.log_destination.as_deref().unwrap_or_default().trim_end_matches('/');
        if destination != want.destination {
            continue;
        }
        let resource = live.resource_id.clone().ok_or_else(|| UnitError::missing("what a flow log is about"))?;
        if let Some(vpc) = vpcs.get_mut(&resource) {
            let id = live.flow_log_id.clone().ok_or_else(|| UnitError::missing("the id of a flow log"))?;
            vpc.logs.insert(id, from_live(&live)?);
        }
    }
    let mut have = Actual(vpcs);
    if names_a_vpc(&super::plan::diff(want, &have)) {
        for id in default_vpcs(cx).await? {
            have.0.entry(id).and_modify(|vpc| vpc.is_default = true);
        }
    }
    Ok(have)
}

/// Whether somebody will read which VPC is the default one.
fn names_a_vpc(d: &Diff) -> bool {
    !d.is_empty() || !d.notices.is_empty()
}

/// Ids of the VPCs that AWS made: one at most.
async fn default_vpcs(cx: &Cx<'_>) -> Result<Vec<String>, UnitError> {
    let made_by_aws = Filter::builder().name("is-default").values("true").build();
    let vpcs = cx
        .aws
        .ec2()
        .pages(
            "DescribeVpcs",
            |c, token| c.describe_vpcs().filters(made_by_aws.clone()).max_results(1000).set_next_token(token).send(),
            |page| (page.vpcs, page.next_token),
        )
        .await?;
    Ok(vpcs.into_iter().filter_map(|vpc| vpc.vpc_id).collect())
}

/// All flow logs to buckets.
async fn to_buckets(cx: &Cx<'_>) -> Result<Vec<Live>, UnitError> {
    let to_s3 = Filter::builder().name("log-destination-type").values("s3").build();
    let logs = cx
        .aws
        .ec2()
        .pages(
            "DescribeFlowLogs",
            |c, token| c.describe_flow_logs().filter(to_s3.clone()).max_results(1000).set_next_token(token).send(),
            |page| (page.flow_logs, page.next_token),
        )
        .await?;
    Ok(logs)
}

/// What AWS leaves out of the options is its default.
fn from_live(live: &Live) -> Result<FlowLog, UnitError> {
    let options = live.destination_options.as_ref();
    let file_format = match options.and_then(|o| o.file_format.as_ref()) {
        None | Some(DestinationFileFormat::PlainText) => FileFormat::PlainText,
        Some(DestinationFileFormat::Parquet) => FileFormat::Parquet,
        Some(_) => return Err(UnitError::missing("a known file format of a flow log")),
    };
    let traffic_type = match live.traffic_type.as_ref() {
        None => None,
        Some(LiveTraffic::All) => Some(TrafficType::All),
        Some(LiveTraffic::Reject) => Some(TrafficType::Reject),
        Some(LiveTraffic::Accept) => Some(TrafficType::Accept),
        Some(_) => return Err(UnitError::missing("a known traffic type of a flow log")),
    };
    let is_owner = |tag: &aws_sdk_ec2::types::Tag| {
        tag.key.as_deref() == Some(OWNER_TAG) && tag.value.as_deref() == Some(VpcFlowLogs::META.id)
    };
    Ok(FlowLog {
        ours: live.tags.iter().flatten().any(is_owner),
        active: live.flow_log_status.as_deref() == Some("ACTIVE"),
        traffic_type,
        max_aggregation_interval_seconds: live.max_aggregation_interval,
        log_format: live.log_format.clone(),
        file_format,
        hive_compatible_partitions: options.and_then(|o| o.hive_compatible_partitions).unwrap_or(false),
        per_hour_partition: options.and_then(|o| o.per_hour_partition).unwrap_or(false),
        delivery_error: live.deliver_logs_error_message.clone().filter(|message| !message.is_empty()),
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use aws_sdk_ec2::types::Tag;

    use super::*;

    #[test]
    fn options_that_are_left_out_are_awss_defaults_and_the_tag_makes_it_ours() {
        let live = Live::builder().flow_log_status("ACTIVE").traffic_type(LiveTraffic::All);
        let tagged = live.clone().tags(Tag::builder().key(OWNER_TAG).value("vpc_flow_logs").build()).build();
        let log = from_live(&tagged).unwrap();
        assert!(log.ours && log.active && !log.per_hour_partition);
        assert_eq!(log.file_format, FileFormat::PlainText);
        let other = live.tags(Tag::builder().key(OWNER_TAG).value("somebody").build()).build();
        assert!(!from_live(&other).unwrap().ours);
    }
}
