//! Reading recorder, status, channel and retention.

use std::sync::Arc;

use aws_sdk_config::types::{ConfigurationRecorder, ConfigurationRecorderStatus, DeliveryChannel, RecorderStatus};

use super::group::{Group, Override};
use super::{Actual, Channel, Desired, Found};
use crate::control::Cx;
use crate::error::{CallError, UnitError};

/// Reads what the region has; the calls are made at once.
pub(super) async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
    let config = cx.aws.config_service();
    let statuses =
        config.call("DescribeConfigurationRecorderStatus", |c| c.describe_configuration_recorder_status().send());
    let channels = config.call("DescribeDeliveryChannels", |c| c.describe_delivery_channels().send());
    let (recorders, statuses, channels, retention_days) =
        tokio::try_join!(live(cx), of(statuses), of(channels), of(retention(cx, want)))?;
    let mut have = Actual { retention_days, ..Actual::default() };
    for live in recorders.iter() {
        if live.service_principal.is_some() {
            have.service_linked.extend(live.name.clone());
        } else {
            have.recorder = Some(found(live.clone())?);
        }
    }
    let own = have.recorder.as_ref().map(|recorder| recorder.name.as_str());
    let all = statuses.configuration_recorders_status.unwrap_or_default();
    if let Some(status) = all.iter().find(|s| own.is_some() && s.name.as_deref() == own) {
        have.recording = status.recording;
        have.started = status.recording || status.last_start_time.is_some();
        have.failure = failure(status);
    }
    have.channel = channels.delivery_channels.unwrap_or_default().into_iter().next().map(channel).transpose()?;
    Ok(have)
}

/// The recorders of the account and region, asked once while planning: the service-linked role's unit needs them too.
pub(in super::super) async fn live(cx: &Cx<'_>) -> Result<Arc<Vec<ConfigurationRecorder>>, UnitError> {
    cx.once("configuration recorders", async {
        let config = cx.aws.config_service();
        let answer =
            config.call("DescribeConfigurationRecorders", |c| c.describe_configuration_recorders().send());
        Ok::<_, CallError>(answer.await?.configuration_recorders.unwrap_or_default())
    })
    .await
}

/// With the error of a unit.
async fn of<T>(call: impl Future<Output = Result<T, CallError>>) -> Result<T, UnitError> {
    Ok(call.await?)
}

/// Days that Config keeps the history; asked only where it is managed.
async fn retention(cx: &Cx<'_>, want: &Desired) -> Result<Option<i32>, CallError> {
    if want.retention_days.is_none() {
        return Ok(None);
    }
    let all = cx
        .aws
        .config_service()
        .pages(
            "DescribeRetentionConfigurations",
            |c, token| c.describe_retention_configurations().set_next_token(token).send(),
            |out| (out.retention_configurations, out.next_token),
        )
        .await?;
    Ok(all.first().map(|retention| retention.retention_period_in_days))
}

fn found(live: ConfigurationRecorder) -> Result<Found, UnitError> {
    let mode = live.recording_mode.as_ref();
    let overrides = mode.and_then(|mode| mode.recording_mode_overrides.as_ref());
    Ok(Found {
        name: live.name.clone().ok_or_else(|| UnitError::missing("the recorder's name"))?,
        role: live.role_arn.clone().unwrap_or_default(),
        group: Group::from_live(live.recording_group.as_ref()),
        // Recorders of the time before there was a choice have no mode.
        frequency: mode.map_or("CONTINUOUS", |mode| mode.recording_frequency.as_str()).to_string(),
        frequency_override: overrides.and_then(|all| all.first()).map(Override::from_live),
        live,
    })
}

fn channel(live: DeliveryChannel) -> Result<Channel, UnitError> {
    let some = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let properties = live.config_snapshot_delivery_properties.as_ref();
    let frequency = properties.and_then(|p| p.delivery_frequency.as_ref());
    Ok(Channel {
        name: live.name.clone().ok_or_else(|| UnitError::missing("the delivery channel's name"))?,
        bucket: live.s3_bucket_name.clone().unwrap_or_default(),
        prefix: some(&live.s3_key_prefix),
        key: some(&live.s3_kms_key_arn),
        frequency: frequency.map(|f| f.as_str().to_string()),
        live,
    })
}

fn failure(status: &ConfigurationRecorderStatus) -> Option<String> {
    // The model has `Failure`, AWS's examples `FAILURE`.
    let last = status.last_status.as_ref().map(RecorderStatus::as_str);
    if !last.is_some_and(|last| last.eq_ignore_ascii_case("failure")) {
        return None;
    }
    let texts = [status.last_error_code.as_deref(), status.last_error_message.as_deref()];
    Some(texts.into_iter().flatten().collect::<Vec<_>>().join(": "))
}
