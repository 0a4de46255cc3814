//! Reading back what was written.

use tokio::time::Instant;

use super::{Control, Cx, Outcome, Recorder, Unit, fingerprint, json};
use crate::aws::settle::pauses;
use crate::control::Diff;
use crate::error::{Kind, Left, Phase, UnitError};

/// Services that may still answer with the old state after they have shown the new one.
const LAGGING: [&str; 2] = ["iam:", "s3:"];

impl<C: Control> Unit<C> {
    /// Reads until nothing differs, twice where the service may answer with an older state.
    pub(super) async fn verify(
        &self,
        cx: &Cx<'_>,
        planned: Diff,
        journal: &dyn Recorder,
    ) -> Result<Outcome, UnitError> {
        let started = Instant::now();
        let wanted = good_reads_needed::<C>();
        let mut good_reads = 0;
        for pause in pauses() {
            let Some(have) = self.read_back(cx, started).await? else {
                good_reads = 0;
                tokio::time::sleep(pause).await;
                continue;
            };
            let left = C::diff(&self.want, &have);
            if left.pending.is_some() {
                let Diff { notices, pending, .. } = left;
                return Ok(Outcome::Pending(Diff { notices, pending, ..planned }));
            }
            if left.is_empty() {
                good_reads += 1;
                if good_reads == wanted {
                    journal.left(fingerprint(&json(&have)));
                    return Ok(Outcome::Applied(Diff { notices: left.notices, ..planned }));
                }
            } else {
                // A copy of the service that still has the old state: good answers count only in a row.
                good_reads = 0;
                if started.elapsed() >= C::META.settle {
                    return Err(inconsistent(&left));
                }
            }
            tokio::time::sleep(pause).await;
        }
        Err(UnitError::new(Kind::Bug, "the wait for a written value ended by itself"))
    }

    /// Reads what was written. `None`: a copy of the service shows one part of it, and another one not yet.
    pub(super) async fn read_back(
        &self,
        cx: &Cx<'_>,
        started: Instant,
    ) -> Result<Option<C::Actual>, UnitError> {
        match C::read(cx, &self.want).await {
            Err(e) if e.kind == Kind::Vanished && started.elapsed() < C::META.settle => Ok(None),
            read => read.map(Some).map_err(unverified),
        }
    }
}

fn inconsistent(left: &Diff) -> UnitError {
    let paths: Vec<&str> = left.changes.iter().map(|c| c.path.as_str()).collect();
    let message =
        format!("AWS accepted the change but still answers with another value of {}", paths.join(", "));
    unverified(UnitError::new(Kind::Inconsistent, message))
        .hint("run `orgbase plan` again in a few minutes; if it still differs, something else writes the same setting")
}

pub(super) fn unverified(e: UnitError) -> UnitError {
    UnitError { phase: Phase::Verify, left: Left::Unknown, ..e }
}

/// How many reads in a row must show what was written: more where the service may answer with an older state.
pub(super) fn good_reads_needed<C: Control>() -> usize {
    let mut operations = C::META.reads.iter().chain(C::META.writes);
    if operations.any(|op| LAGGING.iter().any(|service| op.starts_with(service))) { 2 } else { 1 }
}
