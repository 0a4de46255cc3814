//! Making, tagging and deleting flow logs.

use std::time::Duration;

use aws_sdk_ec2::types::{
    DestinationFileFormat, DestinationOptionsRequest, FlowLogsResourceType, LogDestinationType, ResourceType, Tag,
    TagSpecification, TrafficType as LiveTraffic, UnsuccessfulItem,
};

use super::plan::{Actual, Desired, Vpc};
use super::{FileFormat, TrafficType, VpcFlowLogs};
use crate::control::{Cx, Section as _};
use crate::error::{Absent as _, Kind, UnitError};
use crate::names::OWNER_TAG;

/// There is one already that AWS takes for the same.
const EXISTS: &str = "FlowLogAlreadyExists";
/// How often AWS is asked again while it does not see the bucket's new policy; it says so in an answer that is no error.
const ATTEMPTS: u32 = 4;
/// Pause in between.
const PAUSE: Duration = Duration::from_secs(5);

/// How making a flow log ended.
enum Made {
    Done,
    /// AWS takes an existing one for the same.
    Exists,
}

pub(super) async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
    for (id, vpc) in &have.0 {
        apply_vpc(cx, want, id, vpc).await?;
    }
    Ok(())
}

/// The new one first, then the old ones go; where AWS takes them for the same, the other way round.
async fn apply_vpc(cx: &Cx<'_>, want: &Desired, id: &str, vpc: &Vpc) -> Result<(), UnitError> {
    let old = vpc.superseded(&want.settings);
    match vpc.good(&want.settings) {
        Some((_, good)) if good.ours => {}
        Some((log, _)) => tag(cx, log).await?,
        None => match create(cx, want, id).await? {
            Made::Done => {}
            Made::Exists if old.is_empty() => return Err(taken(id)),
            Made::Exists => {
                delete(cx, &old).await?;
                return match create(cx, want, id).await? {
                    Made::Done => Ok(()),
                    Made::Exists => Err(taken(id)),
                };
            }
        },
    }
    if old.is_empty() { Ok(()) } else { delete(cx, &old).await }
}

fn taken(vpc: &str) -> UnitError {
    let message = format!("AWS takes a flow log of {vpc} that others made for the same as ours");
    UnitError::new(Kind::Conflict, message).hint("delete it, or give it the tag `orgbase = vpc_flow_logs`: then it is replaced")
}

async fn create(cx: &Cx<'_>, want: &Desired, vpc: &str) -> Result<Made, UnitError> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let Some(failed) = create_once(cx, want, vpc).await? else { return Ok(Made::Done) };
        let error = failed.error.as_ref();
        let (code, text) = (error.and_then(|e| e.code.as_deref()), error.and_then(|e| e.message.as_deref()));
        if code == Some(EXISTS) {
            return Ok(Made::Exists);
        }
        let text = text.or(code).unwrap_or("no reason given");
        let denied = text.contains("Access Denied for LogDestination");
        if !denied || attempts == ATTEMPTS {
            let kind = if denied { Kind::Denied } else { Kind::Rejected };
            return Err(UnitError::new(kind, format!("AWS does not make a flow log of {vpc}: {text}"))
                .hint("the bucket and its policy are made by `[log_archive]`: see its units"));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Sends one request; what AWS did not do.
async fn create_once(cx: &Cx<'_>, want: &Desired, vpc: &str) -> Result<Option<UnsuccessfulItem>, UnitError> {
    let VpcFlowLogs { max_aggregation_interval_seconds, log_format, .. } = &want.settings;
    let owner = Tag::builder().key(OWNER_TAG).value(VpcFlowLogs::META.id).build();
    let tags = TagSpecification::builder().resource_type(ResourceType::VpcFlowLog).tags(owner).build();
    let answer = cx
        .aws
        .ec2()
        .call("CreateFlowLogs", |c| {
            c.create_flow_logs()
                .resource_type(FlowLogsResourceType::Vpc)
                .resource_ids(vpc)
                .traffic_type(traffic(want.settings.traffic_type))
                .log_destination_type(LogDestinationType::S3)
                .log_destination(&want.destination)
                .set_max_aggregation_interval(*max_aggregation_interval_seconds)
                .set_log_format(log_format.clone())
                .set_destination_options(options(&want.settings))
                .tag_specifications(tags.clone())
                .send()
        })
        .await;
    match answer {
        Ok(answer) => Ok(answer.unsuccessful.unwrap_or_default().into_iter().next()),
        Err(e) if e.is(&[EXISTS]) => {
            let error = aws_sdk_ec2::types::UnsuccessfulItemError::builder().code(EXISTS).build();
            Ok(Some(UnsuccessfulItem::builder().error(error).build()))
        }
        Err(e) => Err(e.into()),
    }
}

fn traffic(wanted: TrafficType) -> LiveTraffic {
    match wanted {
        TrafficType::All => LiveTraffic::All,
        TrafficType::Reject => LiveTraffic::Reject,
        TrafficType::Accept => LiveTraffic::Accept,
    }
}

/// Only where one of them is declared.
fn options(want: &VpcFlowLogs) -> Option<DestinationOptionsRequest> {
    let format = want.file_format.map(|format| match format {
        FileFormat::PlainText => DestinationFileFormat::PlainText,
        FileFormat::Parquet => DestinationFileFormat::Parquet,
    });
    let declared =
        format.is_some() || want.hive_compatible_partitions.is_some() || want.per_hour_partition.is_some();
    declared.then(|| {
        DestinationOptionsRequest::builder()
            .set_file_format(format)
            .set_hive_compatible_partitions(want.hive_compatible_partitions)
            .set_per_hour_partition(want.per_hour_partition)
            .build()
    })
}

async fn tag(cx: &Cx<'_>, log: &str) -> Result<(), UnitError> {
    let owner = Tag::builder().key(OWNER_TAG).value(VpcFlowLogs::META.id).build();
    cx.aws
        .ec2()
        .call("CreateTags", |c| c.create_tags().resources(log).tags(owner.clone()).send())
        .await?;
    Ok(())
}

async fn delete(cx: &Cx<'_>, logs: &[&str]) -> Result<(), UnitError> {
    let ids: Vec<String> = logs.iter().map(ToString::to_string).collect();
    let answer = cx
        .aws
        .ec2()
        .call("DeleteFlowLogs", |c| c.delete_flow_logs().set_flow_log_ids(Some(ids.clone())).send())
        .await
        .absent(&["InvalidFlowLogId.NotFound"])?;
    let failed = answer.and_then(|a| a.unsuccessful).unwrap_or_default().into_iter().next();
    match failed.and_then(|item| item.error) {
        None => Ok(()),
        Some(error) => {
            let why = error.message.or(error.code).unwrap_or_default();
            Err(UnitError::new(Kind::Rejected, format!("AWS does not delete the flow log: {why}")))
        }
    }
}
