//! Units that this run's own repairs moved.
//!
//! A unit is planned from what is there, and what it waits for may change that: a log group is encrypted with whatever key an
//! alias points at, and another unit of the run makes the alias point at ours again. Then what the unit would do now was not
//! planned, and it ends stale. Where nobody reviews plans anyway, it is planned once more, from what this run has made of the
//! organization, under the same consent.

use std::collections::{BTreeSet, HashMap};

use super::{Consent, Row};
use crate::report::UnitReport;
use crate::units::{Node, OutcomeKind, Unit};

/// What the next round does; `None`: there is nothing that this run moved.
///
/// `decided` and `ended`: what was decided for each unit in the last round, and how it ended.
pub(super) fn next_round(units: &[Unit], decided: &[Row], ended: &[UnitReport]) -> Option<Vec<Row>> {
    let moved = moved(units, decided, ended);
    if moved.is_empty() {
        return None;
    }
    let rows = decided.iter().zip(ended).enumerate();
    // Only a ring held them back: nothing failed, and what was stale is about to be put right.
    let failed = ended.iter().any(|row| row.outcome == OutcomeKind::Failed);
    let held_by_ring = |row: &UnitReport| !failed && row.outcome == OutcomeKind::NotRun;
    let next = |(index, (decided, ended)): (usize, (&Row, &UnitReport))| match decided {
        _ if moved.contains(&index) => Row::Again(ended.clone()),
        // It waited for what was stale; what was planned for it still stands.
        Row::Go(planned) if ended.outcome == OutcomeKind::Blocked || held_by_ring(ended) => {
            Row::Go(planned.clone())
        }
        Row::Again(_) if ended.outcome == OutcomeKind::Blocked => Row::Again(ended.clone()),
        _ => Row::Keep(ended.clone()),
    };
    Some(rows.map(next).collect())
}

/// Stale units that wait, also through others, for one that the last round wrote. So rounds end: each writes some unit that
/// was not written before.
fn moved(units: &[Unit], decided: &[Row], ended: &[UnitReport]) -> BTreeSet<usize> {
    let is_stale = |(_, (_, row)): &(usize, (&Row, &UnitReport))| row.outcome == OutcomeKind::Stale;
    let tried = |(_, (decided, _)): &(usize, (&Row, &UnitReport))| !matches!(decided, Row::Keep(_));
    let rows = || decided.iter().zip(ended).enumerate().filter(tried);
    let written: BTreeSet<usize> =
        rows().filter(|(_, (_, row))| row.outcome == OutcomeKind::Applied).map(|(index, _)| index).collect();
    let mut by_control: HashMap<usize, Vec<usize>> = HashMap::new();
    for (index, unit) in units.iter().enumerate() {
        by_control.entry(unit.control).or_default().push(index);
    }
    let waits = |index: usize| -> Vec<usize> {
        let nodes = units.get(index).map(|unit| unit.after.as_slice()).unwrap_or_default();
        let named = |node: &Node| match node {
            Node::Unit(other) => vec![*other],
            Node::Gate(control) => by_control.get(control).cloned().unwrap_or_default(),
        };
        nodes.iter().flat_map(named).collect()
    };
    rows()
        .filter(is_stale)
        .map(|(index, _)| index)
        .filter(|index| reaches(*index, &written, &waits))
        .collect()
}

/// Whether a unit waits, also through others, for one of `targets`.
fn reaches(from: usize, targets: &BTreeSet<usize>, waits: &impl Fn(usize) -> Vec<usize>) -> bool {
    let mut seen = BTreeSet::from([from]);
    let mut left = waits(from);
    while let Some(index) = left.pop() {
        if targets.contains(&index) {
            return true;
        }
        if seen.insert(index) {
            left.extend(waits(index));
        }
    }
    false
}

impl Consent {
    /// The consent to what a unit is planned to do when it is planned once more.
    pub(super) fn to_repeat(&self) -> Consent {
        let Consent { destructive, interactive, again, saved: _, ref confirmed } = *self;
        Consent { destructive, interactive, again, saved: None, confirmed: confirmed.clone() }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::control::Meta;
    use crate::units::{Task, UnitId};

    /// Units of one control each; the second waits for the first, the third for the second, ...
    fn chain(length: usize) -> Vec<Unit> {
        let unit = |n: usize| {
            let task = Task::Settled(OutcomeKind::InSync, String::new());
            let after = n.checked_sub(1).map(Node::Unit).into_iter().collect();
            Unit { control: n, after, ..Unit::alone(id(n), "1".into(), &Meta::DEFAULT, task) }
        };
        (0..length).map(unit).collect()
    }

    fn id(n: usize) -> UnitId {
        UnitId { control: format!("c{n}"), part: String::new(), account: "1".into(), region: "r".into() }
    }

    fn row(n: usize, outcome: OutcomeKind) -> UnitReport {
        UnitReport::new(id(n), String::new(), outcome, None)
    }

    fn next(outcomes: &[OutcomeKind]) -> Option<Vec<&'static str>> {
        let ended: Vec<UnitReport> =
            outcomes.iter().enumerate().map(|(n, outcome)| row(n, *outcome)).collect();
        let decided: Vec<Row> = (0..outcomes.len()).map(|n| Row::Go(row(n, OutcomeKind::Drift))).collect();
        let name = |row: Row| match row {
            Row::Keep(_) => "keep",
            Row::Go(_) => "go",
            Row::Again(_) => "again",
        };
        next_round(&chain(outcomes.len()), &decided, &ended).map(|rows| rows.into_iter().map(name).collect())
    }

    #[test]
    fn what_this_run_moved_is_planned_again_and_what_waited_for_it_has_its_turn() {
        use OutcomeKind::{Applied, Blocked, InSync, Stale};
        assert_eq!(next(&[Applied, InSync, Stale, Blocked]).unwrap(), ["keep", "keep", "again", "go"]);
    }

    #[test]
    fn what_a_ring_held_back_has_its_turn_too_unless_something_failed() {
        use OutcomeKind::{Applied, Failed, NotRun, Stale};
        assert_eq!(next(&[Applied, Stale, NotRun]).unwrap(), ["keep", "again", "go"]);
        assert_eq!(next(&[Applied, Stale, Failed, NotRun]).unwrap(), ["keep", "again", "keep", "keep"]);
    }

    #[test]
    fn what_somebody_else_moved_stays_stale() {
        use OutcomeKind::{Applied, InSync, Stale};
        assert_eq!(next(&[InSync, Stale, Applied]), None);
        assert_eq!(next(&[Applied, InSync]), None);
    }

    #[test]
    fn a_round_that_writes_nothing_new_is_the_last() {
        let ended = [row(0, OutcomeKind::Applied), row(1, OutcomeKind::Stale)];
        let decided = [Row::Keep(ended[0].clone()), Row::Again(ended[1].clone())];
        assert!(next_round(&chain(2), &decided, &ended).is_none());
    }
}
