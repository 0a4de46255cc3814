//! Taking away what a run created: read, compare with what the run left, journal, remove, read until nothing is there.

use serde_json::Value;

use super::verify::{good_reads_needed, unverified};
use super::{
    BoxFuture, Control, Cx, Outcome, Planned, Record, Recorder, Unit, fingerprint, json, unfinished,
};
use crate::aws::settle::pauses;
use crate::control::{Diff, Removal};
use crate::error::{Kind, UnitError};

/// What a removal goes by.
pub(super) struct Removing {
    /// Fingerprint of what the run left.
    pub(super) left: String,
    pub(super) by: Removal,
}

impl<C: Control> Unit<C> {
    /// One change: all that is there goes.
    pub(super) async fn plan_removal(&self, cx: &Cx<'_>, removing: &Removing) -> Result<Planned, UnitError> {
        let have = json(&C::read(cx, &self.want).await?);
        let fingerprint = fingerprint(&have);
        let mut diff = Diff::new();
        if !(removing.by.absent)(&have) {
            diff.push("", have, Value::Null, removing.by.risk);
        }
        Ok(Planned { diff, fingerprint })
    }

    /// Stale where it is not what the run left.
    pub(super) async fn take_away(
        &self,
        cx: &Cx<'_>,
        removing: &Removing,
        planned: &Diff,
        journal: &dyn Recorder,
    ) -> Result<Outcome, UnitError> {
        let have = C::read(cx, &self.want).await?;
        let state = json(&have);
        if (removing.by.absent)(&state) {
            return Ok(Outcome::InSync(Diff::new()));
        }
        if fingerprint(&state) != removing.left {
            return Ok(Outcome::Stale(planned.clone()));
        }
        let record = Record { before: state, after: Value::Null, diff: planned.clone() };
        journal.record(&record).await?;
        let before = cx.aws.writes();
        // Boxed: it would make the future of every unit as large.
        let removed: BoxFuture<'_, _> = Box::pin(C::remove(cx, &self.want, &have));
        removed.await.map_err(|e| unfinished(e, cx.aws.writes() > before))?;
        self.wait_until_gone(cx, removing, planned, journal).await
    }

    async fn wait_until_gone(
        &self,
        cx: &Cx<'_>,
        removing: &Removing,
        planned: &Diff,
        journal: &dyn Recorder,
    ) -> Result<Outcome, UnitError> {
        let started = tokio::time::Instant::now();
        let wanted = good_reads_needed::<C>();
        let mut good_reads = 0;
        for pause in pauses() {
            let have = self.read_back(cx, started).await?;
            let gone = have.map(|have| json(&have)).filter(|state| (removing.by.absent)(state));
            good_reads = if gone.is_some() { good_reads + 1 } else { 0 };
            if let Some(state) = gone.filter(|_| good_reads == wanted) {
                journal.left(fingerprint(&state));
                return Ok(Outcome::Applied(planned.clone()));
            }
            if good_reads == 0 && started.elapsed() >= C::META.settle {
                let message = "AWS accepted the removal but still answers as if it were there";
                let error = UnitError::new(Kind::Inconsistent, message);
                return Err(unverified(error));
            }
            tokio::time::sleep(pause).await;
        }
        Err(UnitError::new(Kind::Bug, "the wait for a removal ended by itself"))
    }
}
