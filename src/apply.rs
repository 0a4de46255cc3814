//! Converges the units that a plan found to differ.

mod again;
mod bucket;
mod canary;
pub mod files;
pub mod journal;
pub mod lock;
pub mod store;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::control::{BoxFuture, Canary, Cx, Diff, Once, Outcome, Record, Recorder, Risk};
use crate::error::{Kind, Left, Phase, UnitError};
use crate::plan::saved::Allowed;
use crate::plan::{Shared, blame_sessions_once, failed, locate, plan_again};
use crate::report::UnitReport;
use crate::units::{self, Bounds, Cancel, Ends, OutcomeKind, Progress, Status, Task, Unit, UnitId};

use canary::Turns;
use journal::Journal;

/// What the user allowed.
#[derive(Default)]
pub struct Consent {
    /// Destructive changes too.
    pub destructive: bool,
    /// A person is at the terminal: expired exceptions are corrected.
    pub interactive: bool,
    /// What a plan would show need not be seen before: units that this run's own changes moved are planned once more, and
    /// written.
    pub again: bool,
    /// Only what this saved plan holds.
    pub saved: Option<Allowed>,
    /// What somebody typed for changes that nobody can ever take back.
    pub confirmed: BTreeSet<String>,
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
    let decided: Vec<Row> =
        shared.units.iter().zip(planned).map(|(unit, row)| consent.decide(unit, row)).collect();
    let journal = Arc::new(journal);
    let mut round = Round {
        shared,
        decided: Arc::new(decided),
        consent: Arc::new(consent.to_repeat()),
        journal,
        turns: Arc::new(Turns::new(shared)),
    };
    let mut rows = round.run(bounds, cancel, progress).await;
    let mut failures = round.failures(&rows);
    while consent.again
        && !cancel.is_cancelled()
        && bounds.max_failures.is_none_or(|most| failures < most.max(1))
        && let Some(next) = again::next_round(&shared.units, &round.decided, &rows)
    {
        round.decided = Arc::new(next);
        // The limit is one for all rounds.
        let left = bounds.max_failures.map(|most| most.max(1) - failures);
        rows = round.run(Bounds { max_failures: left, ..bounds }, cancel, &Unseen).await;
        failures += round.failures(&rows);
    }
    blame_sessions_once(&shared.units, &mut rows);
    if let Some(journal) = round.journal.as_ref() {
        journal.finish(&rows).await;
    }
    rows
}

/// Nobody is told of units that had their outcome in the first round.
struct Unseen;

impl Progress for Unseen {
    fn done(&self, _outcome: OutcomeKind) {}
}

/// Every unit has its turn once.
struct Round<'a> {
    shared: &'a Arc<Shared>,
    decided: Arc<Vec<Row>>,
    /// For what is planned once more.
    consent: Arc<Consent>,
    journal: Arc<Option<Journal>>,
    /// `--canary-account`: one policy after the other.
    turns: Arc<Turns>,
}

impl Round<'_> {
    /// How many units this round worked on in vain.
    fn failures(&self, rows: &[UnitReport]) -> usize {
        let tried = |decided: &Row| !matches!(decided, Row::Keep(_));
        let failed = |row: &UnitReport| row.outcome == OutcomeKind::Failed;
        self.decided.iter().zip(rows).filter(|(decided, row)| tried(decided) && failed(row)).count()
    }

    async fn run(&self, bounds: Bounds, cancel: &Cancel, progress: &dyn Progress) -> Vec<UnitReport> {
        let (shared, rows) = (self.shared, &self.decided);
        let work = |index: usize| {
            let (shared, rows) = (Arc::clone(shared), Arc::clone(rows));
            let (consent, journal) = (Arc::clone(&self.consent), Arc::clone(&self.journal));
            let turns = Arc::clone(&self.turns);
            async move {
                let journal = journal.as_ref().as_ref();
                match (shared.units.get(index), rows.get(index)) {
                    (Some(unit), Some(Row::Go(planned))) => {
                        tried(turns.apply(&shared, unit, planned, journal).await)
                    }
                    (Some(unit), Some(Row::Again(_))) => {
                        tried(repeat_unit(&shared, unit, &consent, journal, &turns).await)
                    }
                    (_, Some(Row::Keep(row))) => (row.clone(), status_of(row)),
                    _ => (shared.broken(index, "no such unit"), Status::BLOCKED),
                }
            }
        };
        let ends = Ends {
            blocked: &|index, cause| match rows.get(index) {
                // What is known without a call stays as it is; what was to be written waits.
                Some(Row::Keep(row)) => (row.clone(), status_of(row)),
                Some(Row::Go(row) | Row::Again(row)) => {
                    let changes = row.changes.clone();
                    (UnitReport { changes, ..shared.blocked(index, cause) }, Status::BLOCKED)
                }
                None => (shared.blocked(index, cause), Status::BLOCKED),
            },
            not_run: &|index, stopped| match rows.get(index) {
                Some(Row::Keep(row)) => row.clone(),
                Some(Row::Go(row) | Row::Again(row)) => shared.not_run(row.clone(), stopped),
                None => shared.broken(index, "no such unit"),
            },
            broken: &|index, message| shared.broken(index, message),
        };
        let bounds = Bounds { rings: true, ..bounds };
        units::run(&shared.units, bounds, cancel, progress, work, &ends).await
    }
}

fn tried(row: UnitReport) -> (UnitReport, Status) {
    let status = Status { attempted: true, ..status_of(&row) };
    (row, status)
}

/// Plans a unit once more, from what is there now, and makes its changes.
async fn repeat_unit(
    shared: &Shared,
    unit: &Unit,
    consent: &Consent,
    journal: Option<&Journal>,
    turns: &Turns,
) -> UnitReport {
    match consent.decide(unit, plan_again(shared, unit).await) {
        Row::Go(planned) => turns.apply(shared, unit, &planned, journal).await,
        Row::Keep(row) | Row::Again(row) => row,
    }
}

/// Units that wait may run only when what they wait for is as it should be, or is not for this run to make so: an account
/// that waits for `vend` holds nothing up.
fn status_of(row: &UnitReport) -> Status {
    use OutcomeKind::{Applied, Drift, InSync, NotApplicable, Skipped};
    let done = matches!(row.outcome, InSync | Applied | Skipped | NotApplicable);
    let releases = done || (row.outcome == Drift && row.by_hand);
    Status { outcome: row.outcome, releases, attempted: false }
}

/// What happens to a planned row.
enum Row {
    /// It ends as it was planned.
    Keep(UnitReport),
    /// Its changes are made.
    Go(UnitReport),
    /// This run moved it: it is planned once more.
    Again(UnitReport),
}

impl Consent {
    fn decide(&self, unit: &Unit, row: UnitReport) -> Row {
        if self.saved.as_ref().is_some_and(|saved| !saved.holds(&row.id)) {
            return Row::Keep(outside(row));
        }
        if row.outcome != OutcomeKind::Drift {
            return Row::Keep(row);
        }
        if let Some(saved) = &self.saved
            && !saved.permits(&row)
        {
            let reason = Some("it moved since the plan was made".to_string());
            return Row::Keep(UnitReport { outcome: OutcomeKind::Stale, reason, ..row });
        }
        let for_a_person = unit.exception.as_ref().is_some_and(|e| e.expired) && !self.interactive;
        if row.by_hand || for_a_person {
            return Row::Keep(UnitReport { by_hand: true, ..row });
        }
        if row.risk() == Risk::Destructive && !self.destructive {
            let reason = Some("needs --allow-destructive".to_string());
            return Row::Keep(UnitReport { reason, ..row });
        }
        let unconfirmed = words(&row).find(|word| !self.confirmed.contains(*word)).cloned();
        if let Some(word) = unconfirmed {
            let reason = Some(format!("nobody can ever take it back: needs --confirm-compliance {word}"));
            return Row::Keep(UnitReport { reason, ..row });
        }
        Row::Go(row)
    }
}

/// What must be typed before a row's changes are made.
pub fn words(row: &UnitReport) -> impl Iterator<Item = &String> {
    row.changes.iter().filter_map(|change| change.confirm.as_ref())
}

/// A unit that a saved plan does not hold (it was made with `--only`, or the account is new) is no part of the run.
fn outside(row: UnitReport) -> UnitReport {
    use OutcomeKind::{InSync, NotApplicable, Skipped};
    if matches!(row.outcome, InSync | NotApplicable | Skipped) {
        return row;
    }
    UnitReport::new(row.id, row.account_name, Skipped, Some("the saved plan does not hold it".into()))
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
    journal: Option<&Journal>,
    canary: Option<&dyn Canary>,
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
        once: &Once::default(),
        canary,
        fresh: true,
    };
    let wanted = Diff { changes: without_lines(planned), provisional: planned.provisional, ..Diff::new() };
    let record = InJournal { journal, unit: &unit.id };
    match task.apply(&cx, &wanted, &record).await {
        Ok(outcome) => row(shared, unit, planned, outcome),
        Err(error) => {
            let changes = planned.changes.clone();
            UnitReport { changes, ..failed(shared, unit, hinted(error)) }
        }
    }
}

/// Writes down what one unit does.
struct InJournal<'j> {
    journal: Option<&'j Journal>,
    unit: &'j UnitId,
}

impl Recorder for InJournal<'_> {
    fn record<'a>(&'a self, record: &'a Record) -> BoxFuture<'a, Result<(), UnitError>> {
        Box::pin(async move {
            match self.journal {
                Some(journal) => journal.write(self.unit, record).await,
                None => Err(UnitError::new(Kind::Bug, "a write without a journal")),
            }
        })
    }

    fn left(&self, fingerprint: String) {
        if let Some(journal) = self.journal {
            journal.left(self.unit, fingerprint);
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
    row.reach.clone_from(&planned.reach);
    row.changes = diff.changes;
    row.notices = diff.notices;
    locate(unit, &mut row);
    row
}

#[cfg(test)]
mod protocol_tests;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Meta;
    use crate::units::{Exempt, UnitId};

    fn unit(exception: Option<Exempt>) -> Unit {
        let id = UnitId {
            control: "accounts".into(),
            part: "a".into(),
            account: "1".into(),
            region: "eu-west-1".into(),
        };
        let task = Task::Settled(OutcomeKind::InSync, String::new());
        Unit { exception, ..Unit::alone(id, "1".into(), &Meta::DEFAULT, task) }
    }

    fn row(outcome: OutcomeKind, risk: Risk) -> UnitReport {
        let mut diff = Diff::new();
        diff.push("ou", "/A".into(), "/B".into(), risk);
        UnitReport { changes: diff.changes, ..UnitReport::new(unit(None).id, String::new(), outcome, None) }
    }

    fn goes(consent: &Consent, unit: &Unit, row: UnitReport) -> bool {
        matches!(consent.decide(unit, row), Row::Go(_))
    }

    #[test]
    fn consent_is_asked_for_what_needs_it() {
        let drift = |risk| row(OutcomeKind::Drift, risk);
        let some = Consent::default();
        assert!(goes(&some, &unit(None), drift(Risk::Disruptive)));
        assert!(!goes(&some, &unit(None), drift(Risk::Destructive)));
        let all = Consent { destructive: true, interactive: true, ..Consent::default() };
        assert!(goes(&all, &unit(None), drift(Risk::Destructive)));
        assert!(!goes(&all, &unit(None), row(OutcomeKind::Failed, Risk::Normal)));
    }

    #[test]
    fn what_nobody_can_take_back_waits_for_its_word() {
        let mut drift = row(OutcomeKind::Drift, Risk::Destructive);
        drift.changes[0].confirm = Some("bucket-1".into());
        let consent = |word: &str| Consent {
            destructive: true,
            interactive: true,
            confirmed: BTreeSet::from([word.to_string()]),
            ..Consent::default()
        };
        assert!(goes(&consent("bucket-1"), &unit(None), drift.clone()));
        assert!(!goes(&consent("bucket-2"), &unit(None), drift.clone()));
        let decided = consent("").decide(&unit(None), drift);
        let asks = |row: &UnitReport| {
            row.reason.as_ref().is_some_and(|r| r.ends_with("--confirm-compliance bucket-1"))
        };
        assert!(matches!(decided, Row::Keep(row) if asks(&row)));
    }

    #[test]
    fn an_expired_exception_is_corrected_by_a_person_only_and_never_what_is_done_by_hand() {
        let exempt = Exempt { reason: "later".into(), expires: None, expired: true, expires_soon: false };
        let unit = unit(Some(exempt));
        let drift = || row(OutcomeKind::Drift, Risk::Normal);
        let person = Consent { interactive: true, ..Consent::default() };
        assert!(!goes(&Consent::default(), &unit, drift()));
        assert!(goes(&person, &unit, drift()));
        assert!(!goes(&person, &unit, UnitReport { by_hand: true, ..drift() }));
        let left = Consent::default().decide(&unit, drift());
        assert!(
            matches!(left, Row::Keep(left) if status_of(&left).releases),
            "a person's work holds nothing up"
        );
    }

    #[test]
    fn what_a_saved_plan_does_not_hold_is_no_part_of_the_run() {
        let ended = outside(row(OutcomeKind::Failed, Risk::Normal));
        assert_eq!((ended.outcome, ended.changes.len()), (OutcomeKind::Skipped, 0));
        let in_sync = UnitReport::new(unit(None).id, String::new(), OutcomeKind::InSync, None);
        assert_eq!(outside(in_sync.clone()), in_sync);
    }

    #[test]
    fn what_is_done_by_hand_holds_nothing_up() {
        let drift = row(OutcomeKind::Drift, Risk::Normal);
        assert!(!status_of(&drift).releases);
        assert!(status_of(&UnitReport { by_hand: true, ..drift }).releases);
        assert!(!status_of(&row(OutcomeKind::Failed, Risk::Normal)).releases);
    }
}
