//! The ready queue with synthetic units: order, gates, blocking, bounds, stops, and random graphs.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::graph::Node;
use super::*;
use crate::control::Meta;

static PLAIN: Meta = Meta { part: "plain", ..Meta::DEFAULT };
static DENYING: Meta = Meta { part: "denying", denies: true, ..Meta::DEFAULT };

/// A unit of control number `control` that waits for `after`.
fn unit(control: usize, denies: bool, after: Vec<Node>) -> Unit {
    let id = UnitId {
        control: format!("c{control}"),
        part: String::new(),
        account: "111111111111".into(),
        region: "eu-west-1".into(),
    };
    let meta = if denies { &DENYING } else { &PLAIN };
    let task = Task::Settled(OutcomeKind::InSync, String::new());
    // One seat for each control: the bound of a seat has tests of its own.
    Unit { control, after, ..Unit::alone(id, format!("{control:012}"), meta, task) }
}

/// Units of one control each, with what they wait for.
fn chain(after: &[&[usize]]) -> Vec<Unit> {
    let nodes = |list: &[usize]| list.iter().map(|i| Node::Unit(*i)).collect();
    after.iter().enumerate().map(|(i, list)| unit(i, false, nodes(list))).collect()
}

#[derive(Default)]
struct Count(Mutex<Vec<OutcomeKind>>);

impl Progress for Count {
    fn done(&self, outcome: OutcomeKind) {
        self.0.lock().unwrap().push(outcome);
    }
}

/// How a unit ended, as the tests see it.
#[derive(Debug, Clone, PartialEq)]
enum End {
    Ran(OutcomeKind),
    Blocked(usize),
    NotRun,
    Broken(String),
}

/// What happened, in order: starts and ends of units.
type Log = Arc<Mutex<Vec<(&'static str, usize)>>>;

/// Runs units whose outcome `outcome` decides; panics where it says `NotRun`.
async fn go(
    units: &[Unit],
    bounds: Bounds,
    cancel: &Cancel,
    outcome: fn(usize) -> OutcomeKind,
) -> (Vec<End>, Log) {
    let log = Log::default();
    let work = |index: usize| {
        let log = Arc::clone(&log);
        async move {
            log.lock().unwrap().push(("start", index));
            tokio::task::yield_now().await;
            let outcome = outcome(index);
            assert!(outcome != OutcomeKind::NotRun, "unit {index} breaks");
            log.lock().unwrap().push(("end", index));
            (
                End::Ran(outcome),
                Status { outcome, releases: outcome == OutcomeKind::Applied, attempted: true },
            )
        }
    };
    let ends = Ends {
        blocked: &|_, cause| (End::Blocked(cause), Status::BLOCKED),
        not_run: &|_, _| End::NotRun,
        broken: &|_, message| End::Broken(message.to_string()),
    };
    let rows = run(units, bounds, cancel, &Count::default(), work, &ends).await;
    (rows, log)
}

fn starts(log: &Log) -> Vec<usize> {
    log.lock().unwrap().iter().filter(|(what, _)| *what == "start").map(|(_, i)| *i).collect()
}

const DONE: End = End::Ran(OutcomeKind::Applied);

#[tokio::test]
async fn a_unit_starts_when_what_it_waits_for_is_done() {
    let units = chain(&[&[1, 2], &[2], &[]]);
    let (rows, log) = go(&units, Bounds::default(), &Cancel::default(), |_| OutcomeKind::Applied).await;
    assert_eq!(rows, [DONE, DONE, DONE]);
    assert_eq!(starts(&log), [2, 1, 0]);
}

#[tokio::test]
async fn a_gate_opens_when_the_last_unit_of_its_control_is_done() {
    let units = [
        unit(0, false, vec![Node::Gate(1)]),
        unit(1, false, vec![]),
        unit(1, false, vec![]),
        unit(2, false, vec![]),
    ];
    let (rows, log) = go(&units, Bounds::default(), &Cancel::default(), |_| OutcomeKind::Applied).await;
    assert_eq!(rows, [DONE, DONE, DONE, DONE]);
    assert_eq!(starts(&log).last(), Some(&0));
    // One unit of the gate's control fails: who waits for all of it is blocked, and told by whom.
    let fails = |i| if i == 2 { OutcomeKind::Failed } else { OutcomeKind::Applied };
    let (rows, _) = go(&units, Bounds::default(), &Cancel::default(), fails).await;
    assert_eq!(rows[0], End::Blocked(2));
}

/// A control that has no unit in this run (`--only`) holds nobody up.
#[tokio::test]
async fn a_gate_without_units_is_open() {
    let units = [unit(0, false, vec![Node::Gate(7)])];
    let (rows, _) = go(&units, Bounds::default(), &Cancel::default(), |_| OutcomeKind::Applied).await;
    assert_eq!(rows, [DONE]);
}

#[tokio::test]
async fn a_failure_blocks_only_what_waits_for_it() {
    let units = chain(&[&[], &[0], &[1], &[]]);
    let fails = |i| if i == 0 { OutcomeKind::Failed } else { OutcomeKind::Applied };
    let (rows, log) = go(&units, Bounds::default(), &Cancel::default(), fails).await;
    assert_eq!(rows, [End::Ran(OutcomeKind::Failed), End::Blocked(0), End::Blocked(1), DONE]);
    assert_eq!(starts(&log), [0, 3]);
}

#[tokio::test]
async fn a_panic_is_a_failure_of_its_unit() {
    let units = chain(&[&[], &[0], &[]]);
    let breaks = |i| if i == 0 { OutcomeKind::NotRun } else { OutcomeKind::Applied };
    let (rows, _) = go(&units, Bounds::default(), &Cancel::default(), breaks).await;
    let End::Broken(message) = &rows[0] else { panic!("{rows:?}") };
    assert!(message.contains("unit 0 breaks"), "{message}");
    assert_eq!(rows[1..], [End::Blocked(0), DONE]);
}

#[tokio::test]
async fn policies_that_deny_come_after_everything_else_whatever_it_ended_as() {
    let units = [
        unit(0, true, vec![]),
        unit(1, false, vec![]),
        unit(2, false, vec![Node::Unit(1)]),
        unit(3, true, vec![Node::Gate(0)]),
    ];
    let fails = |i| if i == 1 { OutcomeKind::Failed } else { OutcomeKind::Applied };
    let (rows, log) = go(&units, Bounds::default(), &Cancel::default(), fails).await;
    assert_eq!(rows, [DONE, End::Ran(OutcomeKind::Failed), End::Blocked(1), DONE]);
    assert_eq!(starts(&log), [1, 0, 3]);
}

#[tokio::test]
async fn no_more_units_run_at_once_than_the_bound() {
    let units = chain(&[&[] as &[usize]; 40]);
    let bounds = Bounds { units: 3, ..Bounds::default() };
    let (rows, log) = go(&units, bounds, &Cancel::default(), |_| OutcomeKind::Applied).await;
    assert!(rows.iter().all(|row| *row == DONE));
    let (mut now, mut most) = (0_usize, 0);
    for (what, _) in log.lock().unwrap().iter() {
        now = if *what == "start" { now + 1 } else { now - 1 };
        most = most.max(now);
    }
    assert_eq!(most, 3);
}

#[tokio::test]
async fn too_many_failures_stop_the_run() {
    let units = chain(&[&[] as &[usize]; 20]);
    let bounds = Bounds { units: 1, max_failures: Some(2), ..Bounds::default() };
    let (rows, _) = go(&units, bounds, &Cancel::default(), |_| OutcomeKind::Failed).await;
    let failed = rows.iter().filter(|row| **row == End::Ran(OutcomeKind::Failed)).count();
    assert_eq!(failed, 2);
    assert_eq!(rows.iter().filter(|row| **row == End::NotRun).count(), 18);
}

#[tokio::test]
async fn a_cancelled_run_starts_nothing_and_forgets_nothing() {
    let units = chain(&[&[], &[0], &[]]);
    let cancel = Cancel::default();
    cancel.cancel();
    let (rows, log) = go(&units, Bounds::default(), &cancel, |_| OutcomeKind::Applied).await;
    assert_eq!(rows, [End::NotRun, End::NotRun, End::NotRun]);
    assert_eq!(starts(&log), Vec::<usize>::new());
}

#[tokio::test]
async fn what_runs_is_finished_when_somebody_cancels() {
    let units = chain(&[&[], &[0]]);
    let cancel = Cancel::default();
    let stop = cancel.clone();
    let work = |index: usize| {
        let stop = stop.clone();
        async move {
            stop.cancel();
            tokio::task::yield_now().await;
            (
                End::Ran(OutcomeKind::Applied),
                Status { outcome: OutcomeKind::Applied, releases: index < 9, attempted: true },
            )
        }
    };
    let ends = Ends {
        blocked: &|_, c| (End::Blocked(c), Status::BLOCKED),
        not_run: &|_, _| End::NotRun,
        broken: &|_, m| End::Broken(m.into()),
    };
    let rows = run(&units, Bounds::default(), &cancel, &Count::default(), work, &ends).await;
    assert_eq!(rows, [DONE, End::NotRun]);
}

/// A random graph: per unit its control, whether it denies, and what it waits for among the earlier ones.
fn graphs() -> impl Strategy<Value = Vec<(usize, bool, BTreeSet<usize>, BTreeSet<usize>)>> {
    let unit = |index: usize| {
        let earlier = proptest::collection::btree_set(0..index.max(1), 0..4);
        let gates = proptest::collection::btree_set(0..8_usize, 0..2);
        (0..8_usize, proptest::bool::weighted(0.2), earlier, gates)
    };
    (1..30_usize).prop_flat_map(move |n| (0..n).map(unit).collect::<Vec<_>>())
}

/// A control's number orders it: a unit waits for gates of smaller controls only, and none but a denying unit for denying
/// ones. That is what `expand` makes, since `after` has no cycle.
fn units_of(graph: &[(usize, bool, BTreeSet<usize>, BTreeSet<usize>)]) -> Vec<Unit> {
    let control = |i: usize| graph[i].0 + if graph[i].1 { 100 } else { 0 };
    let one = |i: usize| {
        let (_, denies, earlier, gates) = &graph[i];
        let below = |other: usize| other < control(i);
        let own = earlier.iter().filter(|e| **e < i && below(control(**e))).map(|e| Node::Unit(*e));
        let gates = gates.iter().filter(|g| below(**g)).map(|g| Node::Gate(*g));
        unit(control(i), *denies, own.chain(gates).collect())
    };
    (0..graph.len()).map(one).collect()
}

/// Every third unit fails.
fn third_fails(index: usize) -> OutcomeKind {
    if index % 3 == 2 { OutcomeKind::Failed } else { OutcomeKind::Applied }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_graph_ends_with_one_row_per_unit_in_order(graph in graphs(), width in 1..6_usize) {
        let units = units_of(&graph);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let bounds = Bounds { units: width, ..Bounds::default() };
        let (rows, log) = runtime.block_on(go(&units, bounds, &Cancel::default(), third_fails));
        prop_assert_eq!(rows.len(), units.len());
        let upstream = |i: usize| -> Vec<usize> {
            let of = |node: &Node| match node {
                Node::Unit(u) => vec![*u],
                Node::Gate(g) => (0..units.len()).filter(|u| units[*u].control == *g).collect(),
            };
            units[i].after.iter().flat_map(of).collect()
        };
        let log = log.lock().unwrap();
        let place = |what: &str, i: usize| log.iter().position(|entry| *entry == (what, i));
        for (i, row) in rows.iter().enumerate() {
            let bad = |u: &usize| rows[*u] != DONE;
            match row {
                End::Ran(outcome) => {
                    prop_assert_eq!(*outcome, third_fails(i));
                    for u in upstream(i) {
                        prop_assert_eq!(&rows[u], &DONE);
                        prop_assert!(place("end", u) < place("start", i), "{} ran before {}", i, u);
                    }
                }
                End::Blocked(cause) => {
                    prop_assert!(upstream(i).contains(cause) && bad(cause), "{} is blocked by {}", i, cause);
                    prop_assert_eq!(place("start", i), None);
                }
                other => prop_assert!(false, "{} ended as {:?}", i, other),
            }
        }
        let last_other = log.iter().rposition(|(_, i)| !units[*i].meta.denies);
        let first_late = log.iter().position(|(_, i)| units[*i].meta.denies);
        if let (Some(last), Some(first)) = (last_other, first_late) {
            prop_assert!(last < first, "a denying unit ran before all others were done");
        }
    }

    /// With rings: everything still ends, nothing of a later ring starts before all of the earlier ones has ended well, and
    /// once a ring is behind nothing further starts.
    #[test]
    fn rings_follow_one_another(
        graph in graphs(),
        rings in proptest::collection::vec(proptest::option::of(0..3_usize), 30),
        width in 1..6_usize,
        fails in proptest::bool::ANY,
    ) {
        let mut units = units_of(&graph);
        for (unit, ring) in units.iter_mut().zip(rings) {
            unit.ring = ring;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let bounds = Bounds { units: width, rings: true, ..Bounds::default() };
        let outcome = if fails { third_fails } else { |_| OutcomeKind::Applied };
        let (rows, log) = runtime.block_on(go(&units, bounds, &Cancel::default(), outcome));
        if !fails {
            prop_assert!(rows.iter().all(|row| *row == DONE), "{:?}", rows);
        }
        let log = log.lock().unwrap();
        let place = |what: &str, i: usize| log.iter().position(|entry| *entry == (what, i));
        let counts = |i: usize| !units[i].meta.denies && units[i].ring.is_some();
        let ring = super::rings::effective(&units);
        for later in (0..units.len()).filter(|i| counts(*i)) {
            let Some(start) = place("start", later) else { continue };
            for earlier in (0..units.len()).filter(|i| counts(*i) && ring[*i] < ring[later]) {
                prop_assert_eq!(&rows[earlier], &DONE);
                prop_assert!(place("end", earlier).is_some_and(|end| end < start), "{} before {}", later, earlier);
            }
        }
    }
}

/// A unit of an account of this ring.
fn in_ring(control: usize, ring: usize, after: Vec<Node>) -> Unit {
    Unit { ring: Some(ring), ..unit(control, false, after) }
}

const RINGS: fn() -> Bounds = || Bounds { rings: true, ..Bounds::default() };

#[tokio::test]
async fn a_failing_canary_stops_the_rest() {
    let units = [
        in_ring(0, 1, vec![]),
        in_ring(1, 0, vec![]),
        in_ring(2, 0, vec![]),
        unit(3, false, vec![Node::Unit(0)]),
        unit(4, false, vec![]),
        unit(5, true, vec![]),
    ];
    let fails = |i| if i == 1 { OutcomeKind::Failed } else { OutcomeKind::Applied };
    let (rows, log) = go(&units, RINGS(), &Cancel::default(), fails).await;
    let failed = End::Ran(OutcomeKind::Failed);
    assert_eq!(rows, [End::NotRun, failed, DONE, End::NotRun, DONE, End::NotRun]);
    assert!(!starts(&log).contains(&0));
    let (rows, log) = go(&units, Bounds::default(), &Cancel::default(), fails).await;
    assert_eq!((rows[0].clone(), starts(&log)[0]), (DONE, 0), "planning knows no rings");
}

#[tokio::test]
async fn a_unit_that_waits_for_a_later_ring_counts_as_one_of_it() {
    // 0 of the canary waits for 1, of the whole organization, which waits for all of control 2: in both rings.
    let units = [
        in_ring(0, 0, vec![Node::Unit(1)]),
        unit(1, false, vec![Node::Gate(2)]),
        in_ring(2, 0, vec![]),
        in_ring(2, 1, vec![]),
    ];
    let (rows, log) = go(&units, RINGS(), &Cancel::default(), |_| OutcomeKind::Applied).await;
    assert_eq!(rows, [DONE, DONE, DONE, DONE]);
    assert_eq!(starts(&log), [2, 3, 1, 0]);
}
