//! The topic that the alarms notify.

use super::MetricAlarms;
use crate::control::{Adjusted, Control, Cx, DesiredCx, Diff, Meta, Scope, Seat, Section as _, Wanted};
use crate::error::UnitError;
use crate::names;
use crate::resource::statements::{Ours, allow_service};
use crate::resource::topic::{self, Actual, Desired, Endpoint, Resend};

/// Part `topic`.
pub(super) struct Topic;

impl Control for Topic {
    type Section = MetricAlarms;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        part: "topic",
        scope: Scope::Organization,
        seat: Seat::Management,
        after: &["metric_alarms.key", "org_trail.key"],
        reads: topic::READS,
        writes: topic::WRITES,
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, MetricAlarms>) -> Vec<Wanted<Desired>> {
        let arn = names::alarm_topic_arn(cx.baseline, cx.facts);
        let publish = allow_service("OrgbaseAllowAlarms", "cloudwatch.amazonaws.com", &["sns:Publish"]);
        Wanted::one(Desired {
            name: names::alarm_topic(cx.baseline),
            policy: Ours(vec![
                publish
                    .on(std::slice::from_ref(&arn))
                    .equals("aws:SourceAccount", &cx.facts.management_account)
                    .done(),
            ]),
            kms_key: cx.section.topic_kms.then(|| names::monitoring_key_alias(cx.baseline)),
            subscriptions: cx.section.notify.as_ref().map(|targets| Endpoint::all(targets)),
            resend: cx.baseline.resubscribe.then(Resend::default),
            arn,
            owner: MetricAlarms::META.id,
        })
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        topic::read(cx.aws, want).await
    }

    fn adjust(section: &mut MetricAlarms, _cx: &Cx<'_>, want: &Desired, have: &Actual) -> Adjusted {
        if let Some(topic) = &have.0 {
            section.topic_kms = topic.kms_key.is_some() && topic.kms_key == want.kms_key;
        }
        section.notify = Some(have.targets());
        Adjusted::said(&["notify.", "topic_kms"])
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        topic::diff(want, have)
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        topic::apply(cx.aws, want, have).await
    }
}
