//! Writing: retention, recorder, channel, start. Nothing is ever stopped.

use aws_sdk_config::types::{
    ConfigSnapshotDeliveryProperties, ConfigurationRecorder, DeliveryChannel, MaximumExecutionFrequency,
    RecordingFrequency, RecordingMode, Tag,
};

use super::{Actual, Channel, Desired, Found, NAME, Recorder};
use crate::control::{Control as _, Cx, Section as _};
use crate::error::{Kind, UnitError};
use crate::names::OWNER_TAG;

/// Writes what differs.
pub(super) async fn write(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
    let d = Recorder::diff(want, have);
    let differs = |paths: &[&str]| d.changes.iter().any(|c| paths.iter().any(|path| c.path.starts_with(path)));
    let config = cx.aws.config_service();
    let name = have.recorder.as_ref().map_or(NAME, |found| found.name.as_str());
    // Before the recorder starts: from then on a period that is not set means 2,557 days of history, and a shorter one deletes.
    if let Some(days) = want.retention_days.filter(|_| differs(&["retention_days"])) {
        config
            .call("PutRetentionConfiguration", |c| {
                c.put_retention_configuration().retention_period_in_days(days).send()
            })
            .await?;
    }
    if differs(&["recorder", "all_resource_types", "recording_"]) {
        let recorder = recorder(want, have.recorder.as_ref())?;
        let tag = Tag::builder().key(OWNER_TAG).value(super::Config::META.id).build();
        let tags = have.recorder.is_none().then(|| vec![tag]);
        config
            .call("PutConfigurationRecorder", |c| {
                c.put_configuration_recorder()
                    .configuration_recorder(recorder.clone())
                    .set_tags(tags.clone())
                    .send()
            })
            .await?;
    }
    if differs(&["delivery_"]) {
        let channel = channel(want, have.channel.as_ref());
        config
            .call("PutDeliveryChannel", |c| c.put_delivery_channel().delivery_channel(channel.clone()).send())
            .await?;
    }
    if !have.recording {
        config
            .call("StartConfigurationRecorder", |c| {
                c.start_configuration_recorder().configuration_recorder_name(name).send()
            })
            .await?;
    }
    Ok(())
}

/// What is declared, else what is there, else AWS's default.
fn recorder(want: &Desired, have: Option<&Found>) -> Result<ConfigurationRecorder, UnitError> {
    let mut live = have.map_or_else(|| ConfigurationRecorder::builder().name(NAME).build(), |found| found.live.clone());
    // What AWS sets itself is not sent.
    live.arn = None;
    live.recording_scope = None;
    live.role_arn = Some(want.role.clone());
    if let Some(group) = &want.group {
        live.recording_group = Some(group.to_live());
    }
    if want.frequency.is_some() || want.frequency_override.is_some() {
        live.recording_mode = Some(mode(want, live.recording_mode.take())?);
    }
    Ok(live)
}

fn mode(want: &Desired, have: Option<RecordingMode>) -> Result<RecordingMode, UnitError> {
    let frequency = want.frequency.map(RecordingFrequency::from);
    let frequency = frequency.or_else(|| have.as_ref().map(|mode| mode.recording_frequency.clone()));
    let overrides = match &want.frequency_override {
        Some(other) => Some(vec![other.to_live()?]),
        None => have.and_then(|mode| mode.recording_mode_overrides),
    };
    RecordingMode::builder()
        .recording_frequency(frequency.unwrap_or(RecordingFrequency::Continuous))
        .set_recording_mode_overrides(overrides)
        .build()
        .map_err(|e| UnitError::new(Kind::Bug, format!("the recording mode could not be built: {e}")))
}

/// To the archive's bucket; whom a topic tells stays as it is.
fn channel(want: &Desired, have: Option<&Channel>) -> DeliveryChannel {
    let mut live = have.map_or_else(|| DeliveryChannel::builder().name(NAME).build(), |found| found.live.clone());
    live.s3_bucket_name = Some(want.bucket.clone());
    live.s3_key_prefix = None;
    live.s3_kms_key_arn = live.s3_kms_key_arn.filter(|key| key.starts_with(&want.keys));
    if let Some(frequency) = want.delivery_frequency {
        let frequency = MaximumExecutionFrequency::from(frequency);
        let properties = ConfigSnapshotDeliveryProperties::builder().delivery_frequency(frequency).build();
        live.config_snapshot_delivery_properties = Some(properties);
    }
    live
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use aws_sdk_config::types::{RecordingModeOverride, RecordingScope, ResourceType};

    use super::super::super::tests::desired;
    use super::super::group::Group;
    use super::*;

    #[test]
    fn what_is_not_declared_is_sent_back() {
        let want = desired::<Recorder>("recording_frequency = \"DAILY\"\n", "eu-west-1").remove(0);
        let other = RecordingModeOverride::builder()
            .recording_frequency(RecordingFrequency::Continuous)
            .resource_types(ResourceType::from("AWS::EC2::Instance"))
            .build()
            .unwrap();
        let mode = RecordingMode::builder()
            .recording_frequency(RecordingFrequency::Continuous)
            .recording_mode_overrides(other.clone())
            .build()
            .unwrap();
        let live = ConfigurationRecorder::builder()
            .name("theirs")
            .arn("arn")
            .recording_scope(RecordingScope::Paid)
            .recording_mode(mode)
            .build();
        let found = Found {
            name: "theirs".into(),
            role: String::new(),
            group: Group::default(),
            frequency: "CONTINUOUS".into(),
            frequency_override: None,
            live,
        };
        let sent = recorder(&want, Some(&found)).unwrap();
        assert_eq!((sent.name.as_deref(), sent.arn, sent.recording_scope), (Some("theirs"), None, None));
        let mode = sent.recording_mode.unwrap();
        assert_eq!(mode.recording_frequency, RecordingFrequency::Daily);
        assert_eq!(mode.recording_mode_overrides.unwrap(), [other]);

        let topic = DeliveryChannel::builder().name("theirs").sns_topic_arn("topic").s3_key_prefix("p").build();
        let there = Channel {
            name: "theirs".into(),
            bucket: "elsewhere".into(),
            prefix: Some("p".into()),
            key: None,
            frequency: None,
            live: topic,
        };
        let sent = channel(&want, Some(&there));
        assert_eq!((sent.sns_topic_arn.as_deref(), sent.s3_key_prefix), (Some("topic"), None));
        assert_eq!(sent.s3_bucket_name.as_deref(), Some("orgbase-config-222222222222"));
    }
}
