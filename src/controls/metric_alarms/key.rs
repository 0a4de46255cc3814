//! The monitoring key, where this section is the one that makes it: see `org_trail::monitoring_key`.

use super::MetricAlarms;
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Scope, Seat, Section as _, Wanted};
use crate::controls::org_trail::monitoring_key;
use crate::error::UnitError;
use crate::resource::kms_key::{self, Actual, Desired};

/// Part `key`.
pub(super) struct TopicKey;

impl Control for TopicKey {
    type Section = MetricAlarms;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        part: "key",
        scope: Scope::Organization,
        seat: Seat::Management,
        reads: kms_key::READS,
        writes: kms_key::WRITES,
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, MetricAlarms>) -> Vec<Wanted<Desired>> {
        monitoring_key(cx.baseline, cx.facts, MetricAlarms::META.id).into_iter().flat_map(Wanted::one).collect()
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        kms_key::read(cx.aws, want).await
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        kms_key::diff(want, have)
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        kms_key::apply(cx.aws, want, have).await
    }
}
