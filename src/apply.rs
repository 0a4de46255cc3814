//! Converges the units that a plan found to differ.

pub mod files;
pub mod journal;
pub mod lock;

use std::sync::Arc;

use crate::control::{Cx, Diff, Outcome, Risk};
use crate::error::{Kind, Left, Phase, UnitError};
use crate::plan::saved::Allowed;
use crate::plan::{Shared, blame_sessions_once, failed, locate};
use crate::report::UnitReport;
use crate::units::{self, Bounds, Cancel, Ends, OutcomeKind, Progress, Status, Task, Unit};

use journal::Journal;

/// What the user allowed.
#[derive(Default)]
pub struct Consent {
    /// Destructive changes too.
    pub destructive: bool,
    /// A person is at the terminal: expired exceptions are corrected.
    pub interactive: bool,
    /// Only what this saved plan holds.
    pub saved: Option<Allowed>,
}

/// Applies what `planned` found to differ. One row per unit, in their order.
pub async fn apply(
    shared: &Arc<Shared>,
    planned: Vec<UnitReport>,
    consent: &Consent,
    journal: Option<Journal>,
    bounds: Bounds,
    cancel: &Cancel,
    progress: &dyn Progress,
) -> Vec<UnitReport> {
    let rows: Vec<Row> =
        shared.units.iter().zip(planned).map(|(unit, row)| consent.decide(unit, row)).collect();
    let rows = Arc::new(rows);
    let journal = Arc::new(journal);
    let work = |index: usize| {
        let (shared, rows, journal) = (Arc::clone(shared), Arc::clone(&rows), Arc::clone(&journal));
        async move {
            let row = match (shared.units.get(index), rows.get(index)) {
                (Some(unit), Some(Row::Go(planned))) => apply_unit(&shared, unit, planned, &journal).await,
                (_, Some(Row::Keep(row))) => row.clone(),
                _ => shared.broken(index, "no such unit"),
            };
            let status = Status { outcome: row.outcome, releases: releases(row.outcome) };
            (row, status)
        }
    };
    let ends = Ends {
        blocked: &|index, cause| match rows.get(index) {
            // What is known without a call stays as it is; what was to be written waits.
            Some(Row::Keep(row)) => row.clone(),
            Some(Row::Go(row)) => UnitReport { changes: row.changes.clone(), ..shared.blocked(index, cause) },
            None => shared.blocked(index, cause),
        },
        not_run: &|index| match rows.get(index) {
            Some(Row::Keep(row)) => row.clone(),
            Some(Row::Go(row)) => {
                let reason = Some("the run was stopped before its turn".to_string());
                UnitReport { outcome: OutcomeKind::NotRun, reason, ..row.clone() }
            }
            None => shared.broken(index, "no such unit"),
        },
        broken: &|index, message| shared.broken(index, message),
    };
    let mut rows = units::run(&shared.units, bounds, cancel, progress, work, &ends).await;
    blame_sessions_once(&shared.units, &mut rows);
    if let Some(journal) = journal.as_ref() {
        journal.finish(&rows);
    }
    rows
}

/// Units that wait may run only when what they wait for is as it should be, or is nobody's business.
fn releases(outcome: OutcomeKind) -> bool {
    use OutcomeKind::{Applied, InSync, NotApplicable, Skipped};
    matches!(outcome, InSync | Applied | Skipped | NotApplicable)
}

/// What happens to a planned row.
enum Row {
    /// It ends as it was planned.
    Keep(UnitReport),
    /// Its changes are made.
    Go(UnitReport),
}

impl Consent {
    fn decide(&self, unit: &Unit, row: UnitReport) -> Row {
        if row.outcome != OutcomeKind::Drift {
            return Row::Keep(row);
        }
        if let Some(saved) = &self.saved
            && !saved.permits(&row)
        {
            let reason = Some("it moved since the plan was made".to_string());
            return Row::Keep(UnitReport { outcome: OutcomeKind::Stale, reason, ..row });
        }
        if unit.exception.as_ref().is_some_and(|e| e.expired) && !self.interactive {
            return Row::Keep(row);
        }
        // A reason that came with the plan (an account that needs `vend`) means that it is not for `apply`.
        if row.reason.is_some() && unit.exception.is_none() {
            return Row::Keep(row);
        }
        if row.risk() == Risk::Destructive && !self.destructive {
            let reason = Some("needs --allow-destructive".to_string());
            return Row::Keep(UnitReport { reason, ..row });
        }
        Row::Go(row)
    }
}

/// The rows that `apply` would write with this consent, in order.
pub fn chosen(units: &[Unit], rows: &[UnitReport], consent: &Consent) -> Vec<UnitReport> {
    let decided = units.iter().zip(rows).map(|(unit, row)| consent.decide(unit, row.clone()));
    decided.filter_map(|row| if let Row::Go(row) = row { Some(row) } else { None }).collect()
}

async fn apply_unit(
    shared: &Shared,
    unit: &Unit,
    planned: &UnitReport,
    journal: &Option<Journal>,
) -> UnitReport {
    let Task::Do(task) = &unit.task else { return planned.clone() };
    let clients = match shared.aws.clients(&unit.seat, &unit.id.region, shared.guard(unit)).await {
        Ok(clients) => clients,
        Err(error) => return failed(shared, unit, error.into()),
    };
    let cx = Cx {
        aws: &clients,
        facts: &shared.facts,
        baseline: &shared.baseline,
        region: &unit.id.region,
        fresh: true,
    };
    let wanted = Diff { changes: without_lines(planned), ..Diff::new() };
    let record = |record: &crate::control::Record| match journal {
        Some(journal) => journal.write(&unit.id, record),
        None => Err(UnitError::new(Kind::Bug, "a write without a journal")),
    };
    match task.apply(&cx, &wanted, &record).await {
        Ok(outcome) => row(shared, unit, planned, outcome),
        Err(error) => {
            let changes = planned.changes.clone();
            UnitReport { changes, ..failed(shared, unit, hinted(error)) }
        }
    }
}

/// Controls make changes without lines; the engine adds them for the reader.
fn without_lines(planned: &UnitReport) -> Vec<crate::control::Change> {
    planned.changes.iter().map(|c| crate::control::Change { declared_at: None, ..c.clone() }).collect()
}

/// Says what to do where a write may or may not have been done.
fn hinted(error: UnitError) -> UnitError {
    let unsure = error.left == Left::Unknown && error.kind == Kind::TimedOut && error.phase == Phase::Apply;
    if unsure && error.hint.is_none() {
        return error.hint(
            "the write may have been done: run `orgbase apply` again, it continues from what is there",
        );
    }
    error
}

fn row(shared: &Shared, unit: &Unit, planned: &UnitReport, outcome: Outcome) -> UnitReport {
    let (kind, diff, reason) = match outcome {
        Outcome::InSync(diff) => (OutcomeKind::InSync, diff, None),
        Outcome::Applied(diff) => (OutcomeKind::Applied, diff, None),
        Outcome::Pending(diff) => (OutcomeKind::Pending, diff.clone(), diff.pending),
        Outcome::Stale(diff) => (OutcomeKind::Stale, diff, Some("it moved since it was planned".to_string())),
    };
    let mut row = shared.row(unit, kind, reason);
    row.fingerprint.clone_from(&planned.fingerprint);
    row.changes = diff.changes;
    row.notices = diff.notices;
    locate(unit, &mut row);
    row
}

#[cfg(test)]
mod tests;
