//! Reads every unit and compares: the plan.

mod central;
pub mod import;
mod region;
pub mod saved;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::aws::{Aws, Guard};
use crate::baseline::Baseline;
use crate::control::{Cx, Diff, DynUnit, Once, Planned, path_in};
use crate::error::{Kind, Left, Phase, UnitError};
use crate::facts::Facts;
use crate::report::UnitReport;
use crate::units::{self, Bounds, Cancel, Ends, Exempt, OutcomeKind, Progress, Status, Stopped, Task, Unit};

/// What all units of a run share.
pub struct Shared {
    /// The units.
    pub units: Vec<Unit>,
    /// Sessions and clients.
    pub aws: Aws,
    /// The organization.
    pub facts: Facts,
    /// What is wanted.
    pub baseline: Baseline,
    /// Where a plan asks.
    pub refresh: Refresh,
    asked: Asked,
}

/// Where a plan asks what there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Refresh {
    /// Every target itself.
    #[default]
    Full,
    /// Whoever can tell for the whole organization; a target only where nobody can, or where the answer differs.
    Central,
}

/// Questions that many units have in common, each asked once in a run.
#[derive(Default)]
struct Asked {
    surveys: central::Surveys,
    regions: region::Statuses,
    reads: Once,
}

impl Shared {
    /// What all units of a run share.
    pub fn new(units: Vec<Unit>, aws: Aws, facts: Facts, baseline: Baseline, refresh: Refresh) -> Shared {
        Shared { units, aws, facts, baseline, refresh, asked: Asked::default() }
    }

    /// The same with other units.
    #[must_use]
    pub fn with_units(self, units: Vec<Unit>) -> Shared {
        Shared { units, ..self }
    }

    /// The unit's control, as `section.part`, with what it may call.
    pub fn guard(&self, unit: &Unit) -> Guard {
        let control = match unit.meta.part {
            "" => unit.id.control.clone(),
            part => format!("{}.{part}", unit.id.control),
        };
        Guard { control, reads: unit.meta.reads, writes: unit.meta.writes }
    }

    /// The same while planning, in an `apply` too: nothing may be written yet.
    pub fn reading_guard(&self, unit: &Unit) -> Guard {
        Guard { writes: &[], ..self.guard(unit) }
    }

    /// An empty row for a unit.
    pub fn row(&self, unit: &Unit, outcome: OutcomeKind, reason: Option<String>) -> UnitReport {
        let name = self.facts.accounts.get(&unit.id.account).map(|a| a.name.clone()).unwrap_or_default();
        UnitReport::new(unit.id.clone(), name, outcome, reason)
    }

    /// The row of a unit that waits for another one.
    pub fn blocked(&self, index: usize, cause: usize) -> UnitReport {
        let cause = self.units.get(cause).map(|u| u.id.to_string()).unwrap_or_default();
        self.ended(index, OutcomeKind::Blocked, Some(format!("waits for {cause}")))
    }

    /// The row of a unit that differs and whose turn never came.
    pub fn not_run(&self, row: UnitReport, stopped: Stopped) -> UnitReport {
        let reason = match stopped {
            Stopped::ByRun => "the run was stopped before its turn".to_owned(),
            Stopped::ByUnit(cause) => self.ring_is_behind(cause),
        };
        UnitReport { outcome: OutcomeKind::NotRun, reason: Some(reason), ..row }
    }

    fn ring_is_behind(&self, cause: usize) -> String {
        let Some(unit) = self.units.get(cause) else { return "a ring is not in sync".into() };
        let ring = unit.ring.and_then(|ring| self.baseline.rings.get(ring));
        let ring = ring.map_or("the last ring".to_owned(), |ring| format!("ring `{}`", ring.name));
        format!("not touched, because {ring} is not in sync: see {}", unit.id)
    }

    /// The row of a unit whose task ended by itself.
    pub fn broken(&self, index: usize, message: &str) -> UnitReport {
        let error = UnitError::new(Kind::Bug, format!("orgbase has a defect: {message}"));
        UnitReport { error: Some(error), ..self.ended(index, OutcomeKind::Failed, None) }
    }

    fn ended(&self, index: usize, outcome: OutcomeKind, reason: Option<String>) -> UnitReport {
        match self.units.get(index) {
            Some(unit) => self.row(unit, outcome, reason),
            None => UnitReport::new(unknown(), String::new(), OutcomeKind::Failed, reason),
        }
    }
}

/// Why what differs in a protected account is left alone.
const PROTECTED: &str =
    "the account is protected: it is changed only by a run that names it with --only account=KEY";

fn unknown() -> units::UnitId {
    units::UnitId {
        control: String::new(),
        part: String::new(),
        account: String::new(),
        region: String::new(),
    }
}

/// Reads and compares all units. One row per unit, in their order.
pub async fn plan(
    shared: &Arc<Shared>,
    bounds: Bounds,
    cancel: &Cancel,
    progress: &dyn Progress,
) -> Vec<UnitReport> {
    let work = |index: usize| {
        let shared = Arc::clone(shared);
        async move {
            let row = match shared.units.get(index) {
                Some(unit) => plan_unit(&shared, unit).await,
                None => shared.broken(index, "no such unit"),
            };
            let releases = releases_when_planning(row.outcome);
            let status = Status { outcome: row.outcome, releases, attempted: true };
            (row, status)
        }
    };
    let ends = Ends {
        blocked: &|index, cause| (shared.blocked(index, cause), Status::BLOCKED),
        not_run: &|index, _| shared.ended(index, OutcomeKind::NotRun, Some("the run was stopped".into())),
        broken: &|index, message| shared.broken(index, message),
    };
    let mut rows = units::run(&shared.units, bounds, cancel, progress, work, &ends).await;
    blame_sessions_once(&shared.units, &mut rows);
    rows
}

/// While planning only what could not be read holds others up.
fn releases_when_planning(outcome: OutcomeKind) -> bool {
    !matches!(outcome, OutcomeKind::Failed | OutcomeKind::Blocked)
}

async fn plan_unit(shared: &Shared, unit: &Unit) -> UnitReport {
    let task = match &unit.task {
        Task::Settled(outcome, why) => return settled(shared, unit, *outcome, why),
        Task::Do(task) => task,
    };
    match central::row(shared, unit, task.as_ref()).await {
        Some(row) => row,
        None => plan_itself(shared, unit, task.as_ref(), false).await,
    }
}

/// Plans one unit in an `apply` that has written already: whatever was read before may be out of date.
pub async fn plan_again(shared: &Shared, unit: &Unit) -> UnitReport {
    match &unit.task {
        Task::Settled(outcome, why) => settled(shared, unit, *outcome, why),
        Task::Do(task) => plan_itself(shared, unit, task.as_ref(), true).await,
    }
}

/// Asks the unit's own target. `fresh` as in [`Cx`].
async fn plan_itself(shared: &Shared, unit: &Unit, task: &dyn DynUnit, fresh: bool) -> UnitReport {
    let clients = match shared.aws.clients(&unit.seat, &unit.id.region, shared.reading_guard(unit)).await {
        Ok(clients) => clients,
        Err(error) => return failed(shared, unit, error.into()),
    };
    let cx = Cx {
        aws: &clients,
        facts: &shared.facts,
        baseline: &shared.baseline,
        region: &unit.id.region,
        once: &shared.asked.reads,
        canary: None,
        fresh,
    };
    match task.plan(&cx).await {
        Ok(planned) => planned_row(shared, unit, planned),
        Err(error) => match region::verdict(shared, unit, &error).await {
            Some((outcome, why)) => shared.row(unit, outcome, Some(why)),
            None => failed(shared, unit, region::hinted(unit, error)),
        },
    }
}

fn settled(shared: &Shared, unit: &Unit, outcome: OutcomeKind, why: &str) -> UnitReport {
    let row = shared.row(unit, outcome, Some(why.to_string()));
    let error = (outcome == OutcomeKind::Failed).then(|| UnitError::new(Kind::NotAvailable, why));
    UnitReport { error, ..row }
}

/// The row of a unit that failed.
pub fn failed(shared: &Shared, unit: &Unit, error: UnitError) -> UnitReport {
    UnitReport { error: Some(error), ..shared.row(unit, OutcomeKind::Failed, None) }
}

fn planned_row(shared: &Shared, unit: &Unit, planned: Planned) -> UnitReport {
    let Planned { diff, fingerprint } = planned;
    let (outcome, reason, exception_notice) = judge(unit.exception.as_ref(), &diff);
    let mut row = shared.row(unit, outcome, reason);
    row.fingerprint = Some(fingerprint);
    row.by_hand = diff.by_hand.is_some();
    if unit.protected && outcome == OutcomeKind::Drift {
        row.by_hand = true;
        row.reason = Some(PROTECTED.to_owned());
    }
    row.provisional = diff.provisional;
    row.notices = diff.notices;
    row.notices.extend(exception_notice);
    row.changes = diff.changes;
    locate(unit, &mut row);
    row
}

/// The outcome of a comparison, why, and what to say about the unit's exception.
fn judge(exception: Option<&Exempt>, diff: &Diff) -> (OutcomeKind, Option<String>, Option<String>) {
    if let Some(pending) = &diff.pending {
        return (OutcomeKind::Pending, Some(pending.clone()), None);
    }
    if let Some(why) = &diff.skipped {
        return (OutcomeKind::Skipped, Some(why.clone()), None);
    }
    if diff.is_empty() {
        let idle = exception.filter(|exempt| exempt.expired).map(expired);
        return (OutcomeKind::InSync, None, idle.map(|text| format!("{text}; it is in sync: take it out")));
    }
    match exception {
        Some(exempt) if exempt.expired => {
            let expired = expired(exempt);
            match &diff.by_hand {
                None => (OutcomeKind::Drift, Some(expired), None),
                Some(by_hand) => (OutcomeKind::Drift, Some(by_hand.clone()), Some(expired)),
            }
        }
        Some(exempt) => {
            let until = exempt.expires.as_deref().map(|day| format!(" (until {day})")).unwrap_or_default();
            let soon = exempt.expires_soon.then(|| format!("its exception expires soon{until}"));
            (OutcomeKind::Skipped, Some(format!("exception{until}: {}", exempt.reason)), soon)
        }
        None => (OutcomeKind::Drift, diff.by_hand.clone(), None),
    }
}

fn expired(exempt: &Exempt) -> String {
    let day = exempt.expires.as_deref().unwrap_or("the past");
    format!("its exception expired on {day}: {}", exempt.reason)
}

/// Says which line of the baseline asks for each change.
pub fn locate(unit: &Unit, row: &mut UnitReport) {
    let Some(bound) = &unit.bound else { return };
    for change in &mut row.changes {
        change.declared_at = bound.declared_at(&path_in(&unit.at, &change.path));
    }
}

/// Where an account's role could not be assumed, its first unit is what failed; the others wait for the role.
pub fn blame_sessions_once(units: &[Unit], rows: &mut [UnitReport]) {
    let mut first: BTreeMap<String, String> = BTreeMap::new();
    for (unit, row) in units.iter().zip(rows) {
        let session =
            row.error.as_ref().is_some_and(|e| e.phase == Phase::Session && e.left == Left::Untouched);
        if row.outcome != OutcomeKind::Failed || !session {
            continue;
        }
        match first.get(&unit.seat) {
            None => {
                first.insert(unit.seat.clone(), unit.id.to_string());
            }
            Some(blamed) => {
                row.outcome = OutcomeKind::Blocked;
                row.reason =
                    Some(format!("the role in account {} could not be assumed: see {blamed}", unit.seat));
                row.error = None;
            }
        }
    }
}

#[cfg(test)]
mod tests;
