//! Retention, recorder and delivery channel of one account and region, in one unit: AWS wants a recorder before its channel.
//!
//! Three reads (recorder, its status, channel), and a fourth where the retention is managed: none of them follows from
//! another. A recorder of another product is not touched; one that a service made for itself is another recorder,
//! beside ours.

mod group;
mod read;
mod write;

use aws_sdk_config::types::{ConfigurationRecorder, DeliveryChannel};
use serde::Serialize;

use self::group::{Group, Override};
use super::{Config, DeliveryFrequency, RecordingFrequency, SERVICE, owner_of};
use crate::control::{Adjusted, Control, Cx, DesiredCx, Diff, Meta, Risk, Scope, Seat, Want, Wanted};
use crate::controls::log_archive::LogArchive;
use crate::error::UnitError;
use crate::names::{self, LogBucket};
use crate::resource::declared;

pub(super) use read::live;

/// Name of a recorder or channel that is made: the one that AWS gives it.
const NAME: &str = "default";

/// Part `recorder`.
pub(super) struct Recorder;

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Desired {
    /// ARN of Config's service-linked role.
    role: String,
    /// `None`: not managed.
    group: Option<Group>,
    /// `CONTINUOUS` or `DAILY`; `None`: not managed.
    frequency: Option<&'static str>,
    /// `None`: not managed.
    frequency_override: Option<Override>,
    /// Bucket of the log archive.
    bucket: String,
    /// ARNs of keys that may encrypt there begin so; the bucket's default encrypts with one of them.
    keys: String,
    /// AWS's word, such as `TwentyFour_Hours`; `None`: not managed.
    delivery_frequency: Option<&'static str>,
    /// `None`: not managed.
    retention_days: Option<i32>,
}

/// What is there.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Actual {
    recorder: Option<Found>,
    recording: bool,
    channel: Option<Channel>,
    retention_days: Option<i32>,
    /// The recorder was started at some time.
    #[serde(skip)]
    started: bool,
    /// What went wrong when Config last recorded something; changes by itself.
    #[serde(skip)]
    failure: Option<String>,
    /// Recorders that services made for themselves.
    #[serde(skip)]
    service_linked: Vec<String>,
}

/// The account's own recorder.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Found {
    name: String,
    role: String,
    group: Group,
    frequency: String,
    frequency_override: Option<Override>,
    /// Parts that are not managed are sent back.
    #[serde(skip)]
    live: ConfigurationRecorder,
}

/// The delivery channel.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Channel {
    name: String,
    bucket: String,
    prefix: Option<String>,
    key: Option<String>,
    frequency: Option<String>,
    #[serde(skip)]
    live: DeliveryChannel,
}

impl Control for Recorder {
    type Section = Config;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        part: "recorder",
        scope: Scope::AccountRegion,
        seat: Seat::Member,
        after: &["config.service_linked_role", "log_archive.bucket", "log_archive.key"],
        reads: &[
            "config:DescribeConfigurationRecorderStatus",
            "config:DescribeConfigurationRecorders",
            "config:DescribeDeliveryChannels",
            "config:DescribeRetentionConfigurations",
        ],
        writes: &[
            "config:PutConfigurationRecorder",
            "config:PutDeliveryChannel",
            "config:PutRetentionConfiguration",
            "config:StartConfigurationRecorder",
        ],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, Config>) -> Vec<Wanted<Desired>> {
        let want = match desired(cx) {
            Ok(want) => Want::Set(want),
            Err(why) => Want::Blocked(why),
        };
        vec![Wanted { part: String::new(), at: String::new(), about: None, after: Vec::new(), want }]
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        Box::pin(read::read(cx, want)).await
    }

    /// What is recorded, as far as the keys can say it.
    fn adjust(section: &mut Config, cx: &Cx<'_>, _want: &Desired, have: &Actual) -> Adjusted {
        let Some(found) = &have.recorder else { return Adjusted::default() };
        let home = *cx.region == cx.baseline.organization.home_region;
        match found.group.excluded(home) {
            Some(excluded) => section.exclude_resource_types = excluded,
            None => section.all_resource_types = false,
        }
        section.recording_override = found.frequency_override.as_ref().map(Override::declared);
        Adjusted::said(&["all_resource_types", "recording_override"])
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        let mut d = Diff::new();
        for name in &have.service_linked {
            d.notice(format!("recorder {name} is a service's own: it is left alone"));
        }
        if let Some(failure) = have.failure.as_ref().filter(|_| have.recording) {
            d.notice(format!("Config could not record or deliver lately: {failure}"));
        }
        if let Some((name, owner)) = foreign(have) {
            left_alone(&mut d, have, name, owner);
            return d;
        }
        recorder(&mut d, want, have.recorder.as_ref());
        channel(&mut d, want, have.channel.as_ref());
        let risk = if shortens(want, have) { Risk::Destructive } else { Risk::Normal };
        d.optional("retention_days", have.retention_days.as_ref(), want.retention_days.as_ref(), risk);
        d.field("recording", &have.recording, Some(&true));
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        write::write(cx, want, have).await
    }
}

fn desired(cx: &DesiredCx<'_, Config>) -> Result<Desired, String> {
    let DesiredCx { section, facts, baseline, .. } = *cx;
    let archive = declared::<LogArchive>(baseline).ok_or("the baseline has no log archive")?.account;
    let archive_id = baseline
        .account_id(&archive, facts)
        .ok_or_else(|| format!("account `{archive}` does not exist yet: run `orgbase vend {archive}`"))?;
    let home = &baseline.organization.home_region;
    let role = format!("role/aws-service-role/{SERVICE}/AWSServiceRoleForConfig");
    Ok(Desired {
        role: facts.arn("iam", "", &cx.account.id, &role),
        group: section.all_resource_types.then(|| Group::wanted(section, cx.region == home)),
        frequency: section.recording_frequency.map(RecordingFrequency::as_str),
        frequency_override: section.recording_override.as_ref().map(Override::wanted),
        bucket: names::log_bucket(baseline, LogBucket::Config, &archive_id),
        keys: facts.arn("kms", home, &archive_id, "key/"),
        delivery_frequency: section.delivery_frequency.map(DeliveryFrequency::as_str),
        retention_days: section.retention_days,
    })
}

/// Days for which Config keeps the history where nobody said otherwise: seven years.
/// <https://docs.aws.amazon.com/config/latest/developerguide/delete-config-data-with-retention-period.html>
const KEPT_DAYS: i32 = 2557;

/// Whether Config would delete history. There is none where nothing was ever recorded, as far as can be seen: no recorder that
/// was ever started, and no period that somebody set.
fn shortens(want: &Desired, have: &Actual) -> bool {
    let kept = have.retention_days.or(have.started.then_some(KEPT_DAYS));
    matches!((want.retention_days, kept), (Some(want), Some(kept)) if want < kept)
}

/// A recorder or channel that another product manages, with its owner.
fn foreign(have: &Actual) -> Option<(&str, &'static str)> {
    let names = [have.recorder.as_ref().map(|r| r.name.as_str()), have.channel.as_ref().map(|c| c.name.as_str())];
    names.into_iter().flatten().find_map(|name| Some((name, owner_of(name)?)))
}

/// There is no second recorder beside one of another product, and its settings are that product's.
fn left_alone(d: &mut Diff, have: &Actual, name: &str, owner: &str) {
    d.notice(format!("{name} belongs to {owner}: recorder and channel are left alone"));
    if !have.recording {
        d.push("recording", false.into(), true.into(), Risk::Normal);
        d.by_hand = Some(format!("let {owner} start its recorder {name}"));
    }
}

fn recorder(d: &mut Diff, want: &Desired, have: Option<&Found>) {
    let Some(found) = have else {
        let made = serde_json::json!({
            "role": want.role, "group": want.group, "frequency": want.frequency,
            "frequency_override": want.frequency_override,
        });
        d.create("recorder", made);
        return;
    };
    d.field("recorder.role", &found.role.as_str(), Some(&want.role.as_str()));
    d.field("all_resource_types", &found.group, want.group.as_ref());
    d.field("recording_frequency", &found.frequency.as_str(), want.frequency.as_ref());
    if want.frequency_override.as_ref().is_some_and(|want| !want.holds(found.frequency_override.as_ref())) {
        let (have, want) = (found.frequency_override.as_ref(), want.frequency_override.as_ref());
        d.push("recording_override", serde_json::json!(have), serde_json::json!(want), Risk::Normal);
    }
}

/// Moving the deliveries takes them away from whoever reads them elsewhere.
fn channel(d: &mut Diff, want: &Desired, have: Option<&Channel>) {
    let Some(found) = have else {
        d.create(
            "delivery_channel",
            serde_json::json!({"bucket": want.bucket, "frequency": want.delivery_frequency}),
        );
        return;
    };
    d.risky("delivery_channel.bucket", &found.bucket, Some(&want.bucket), Risk::Disruptive);
    // The archive takes objects at the root of the bucket alone.
    d.field("delivery_channel.prefix", &found.prefix.as_deref(), Some(&None));
    if found.key.as_ref().is_some_and(|key| !key.starts_with(&want.keys)) {
        d.push("delivery_channel.key", serde_json::json!(found.key), serde_json::Value::Null, Risk::Normal);
    }
    d.optional(
        "delivery_frequency",
        found.frequency.as_deref().as_ref(),
        want.delivery_frequency.as_ref(),
        Risk::Normal,
    );
}

#[cfg(test)]
mod tests {
    use super::super::tests::desired;
    use super::*;

    fn want(keys: &str, region: &str) -> Desired {
        desired::<Recorder>(keys, region).remove(0)
    }

    fn have(want: &Desired) -> Actual {
        let recorder = Found {
            name: "theirs".into(),
            role: want.role.clone(),
            group: want.group.clone().unwrap_or_default(),
            frequency: "CONTINUOUS".into(),
            frequency_override: None,
            live: ConfigurationRecorder::builder().build(),
        };
        let channel = Channel {
            name: "theirs".into(),
            bucket: want.bucket.clone(),
            prefix: None,
            key: None,
            frequency: Some("TwentyFour_Hours".into()),
            live: DeliveryChannel::builder().build(),
        };
        let (recorder, channel) = (Some(recorder), Some(channel));
        Actual { recorder, channel, recording: true, started: true, ..Actual::default() }
    }

    fn paths(d: &Diff) -> Vec<&str> {
        d.changes.iter().map(|c| c.path.as_str()).collect()
    }

    #[test]
    fn global_types_are_recorded_in_the_home_region_alone() {
        let global = |keys: &str, region: &str| want(keys, region).group.is_some_and(|g| g.records_global_types());
        for keys in ["", "exclude_resource_types = [\"AWS::EC2::NetworkInterface\"]\n"] {
            assert!(global(keys, "eu-west-1") && !global(keys, "us-east-1"), "{keys}");
        }
        assert_eq!(want("all_resource_types = false\n", "eu-west-1").group, None);
    }

    #[test]
    fn what_is_there_is_adopted_under_its_own_name() {
        let want = want("", "eu-west-1");
        assert_eq!(want.bucket, "orgbase-config-222222222222");
        assert!(Recorder::diff(&want, &have(&want)).is_empty());
        assert_eq!(
            paths(&Recorder::diff(&want, &Actual::default())),
            ["recorder", "delivery_channel", "recording"]
        );
    }

    #[test]
    fn each_setting_is_found_by_itself() {
        let want = want("recording_frequency = \"DAILY\"\nretention_days = 365\n", "eu-west-1");
        let mut changed = have(&want);
        changed.recording = false;
        if let Some(channel) = &mut changed.channel {
            channel.bucket = "elsewhere".into();
            channel.prefix = Some("logs".into());
            channel.key = Some("arn:aws:kms:eu-west-1:999999999999:key/x".into());
        }
        let d = Recorder::diff(&want, &changed);
        let expected = [
            "recording_frequency",
            "delivery_channel.bucket",
            "delivery_channel.prefix",
            "delivery_channel.key",
            "retention_days",
            "recording",
        ];
        assert_eq!(paths(&d), expected);
        assert_eq!(d.changes.iter().find(|c| c.path == "delivery_channel.bucket").map(|c| c.risk), Some(Risk::Disruptive));
    }

    #[test]
    fn shortening_the_history_is_destructive() {
        let want = want("retention_days = 365\n", "eu-west-1");
        let risk = |have: &Actual| Recorder::diff(&want, have).risk();
        for (kept, expected) in
            [(None, Risk::Destructive), (Some(2557), Risk::Destructive), (Some(30), Risk::Normal)]
        {
            let have = Actual { retention_days: kept, ..have(&want) };
            assert_eq!(risk(&have), expected, "{kept:?}");
        }
        // A first run, and one that found a recorder that never was on: nothing was recorded yet.
        assert_eq!(risk(&Actual::default()), Risk::Normal);
        assert_eq!(risk(&Actual { started: false, recording: false, ..have(&want) }), Risk::Normal);
        assert!(Recorder::diff(&want, &Actual { retention_days: Some(365), ..have(&want) }).is_empty());
    }

    #[test]
    fn a_key_of_the_archive_may_stay() {
        let want = want("", "us-east-1");
        let mut keyed = have(&want);
        if let Some(channel) = &mut keyed.channel {
            channel.key = Some("arn:aws:kms:eu-west-1:222222222222:key/x".into());
        }
        assert!(Recorder::diff(&want, &keyed).is_empty());
    }

    #[test]
    fn a_recorder_of_control_tower_is_left_alone() {
        let want = want("", "eu-west-1");
        let mut theirs = have(&want);
        if let Some(recorder) = &mut theirs.recorder {
            recorder.name = "aws-controltower-BaselineConfigRecorder".into();
            recorder.role = "another".into();
        }
        let d = Recorder::diff(&want, &theirs);
        assert!(d.is_empty() && d.notices.len() == 1 && d.by_hand.is_none());
        theirs.recording = false;
        let d = Recorder::diff(&want, &theirs);
        assert!(d.by_hand.is_some() && paths(&d) == ["recording"]);
    }
}
