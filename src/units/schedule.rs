//! The ready queue: a unit starts as soon as what it waits for is done; there are no waves.
//!
//! Controls that may deny calls (service control policies) are a last phase, which starts when every other unit has an
//! outcome, whatever it is.
//!
//! Where the baseline has rings, a unit of a later ring also waits until all of the earlier ones is in sync (`rings`).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinSet;

use super::graph::Node;
use super::ready::Ready;
use super::rings::Rings;
use super::{OutcomeKind, Unit};

/// How many units run at once.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Units in flight. Calls have bounds of their own.
    pub units: usize,
    /// Units in flight whose calls one account makes.
    pub per_seat: usize,
    /// No new unit starts after so many failures; 0 is taken as 1.
    pub max_failures: Option<usize>,
    /// Units of a ring wait for the rings before it: where something is written.
    pub rings: bool,
}

impl Default for Bounds {
    /// Enough units to keep all calls in flight although each account has a bound on its own: 24 accounts at a time.
    fn default() -> Bounds {
        Bounds { units: 384, per_seat: 16, max_failures: None, rings: false }
    }
}

/// Asked between units: stop starting new ones (Ctrl-C).
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Units that run are finished, the others end `not_run`.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// How a unit ended, as far as the order is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// The outcome.
    pub outcome: OutcomeKind,
    /// Units that wait for this one may run.
    pub releases: bool,
    /// It was worked on in this pass: a failure counts against `Bounds::max_failures`.
    pub attempted: bool,
}

impl Status {
    /// It waits for something that is not done, and so do those that wait for it.
    pub const BLOCKED: Status = Status { outcome: OutcomeKind::Blocked, releases: false, attempted: false };
}

/// Why a unit's turn never came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// The run was stopped: Ctrl-C, or too many failures.
    ByRun,
    /// This unit, by its index, is why a ring is not in sync.
    ByUnit(usize),
}

/// What the queue tells about its progress.
pub trait Progress: Send + Sync {
    /// A unit ended.
    fn done(&self, outcome: OutcomeKind);
}

/// Runs all units in order. `work` does one unit; `blocked` makes the result of a unit that cannot run, given the index
/// of the unit that it waits for; `not_run` makes that of one whose turn never came; `broken` that of one that panicked.
pub async fn run<R, F, Fut>(
    units: &[Unit],
    bounds: Bounds,
    cancel: &Cancel,
    progress: &dyn Progress,
    work: F,
    ends: &Ends<'_, R>,
) -> Vec<R>
where
    R: Send + 'static,
    F: Fn(usize) -> Fut,
    Fut: Future<Output = (R, Status)> + Send + 'static,
{
    let mut queue = Queue::new(units, bounds);
    let mut results: Vec<Option<R>> = units.iter().map(|_| None).collect();
    let mut tasks: JoinSet<(R, Status)> = JoinSet::new();
    let mut running: HashMap<tokio::task::Id, usize> = HashMap::new();
    let mut failures = 0;
    loop {
        while running.len() < bounds.units.max(1) {
            let stop = cancel.is_cancelled()
                || bounds.max_failures.is_some_and(|m| failures >= m.max(1))
                || queue.rings.stopped_by().is_some();
            let Some(next) = (if stop { None } else { queue.next() }) else { break };
            match next {
                Next::Run(index) => {
                    let handle = tasks.spawn(work(index));
                    running.insert(handle.id(), index);
                }
                Next::Blocked(index, cause) => {
                    let (result, status) = (ends.blocked)(index, cause);
                    set(&mut results, index, result);
                    progress.done(status.outcome);
                    queue.finish(index, status);
                }
            }
        }
        let Some(ended) = tasks.join_next_with_id().await else { break };
        let (index, result, status) = match ended {
            Ok((id, (result, status))) => (running.remove(&id), result, status),
            Err(error) => {
                let index = running.remove(&error.id());
                let status = Status { outcome: OutcomeKind::Failed, releases: false, attempted: true };
                (index, (ends.broken)(index.unwrap_or_default(), &error.to_string()), status)
            }
        };
        let Some(index) = index else { continue };
        failures += usize::from(status.attempted && status.outcome == OutcomeKind::Failed);
        set(&mut results, index, result);
        progress.done(status.outcome);
        queue.finish(index, status);
    }
    let stopped = queue.rings.stopped_by().map_or(Stopped::ByRun, Stopped::ByUnit);
    results.into_iter().enumerate().map(|(i, r)| r.unwrap_or_else(|| (ends.not_run)(i, stopped))).collect()
}

/// Makes the results of units that did not run to their end.
pub struct Ends<'a, R> {
    /// The unit at the first index waits for the one at the second, which is not done. A unit whose outcome is known
    /// without work keeps it, and those that wait for it go by that.
    pub blocked: &'a (dyn Fn(usize, usize) -> (R, Status) + Sync),
    /// Its turn never came.
    pub not_run: &'a (dyn Fn(usize, Stopped) -> R + Sync),
    /// It panicked.
    pub broken: &'a (dyn Fn(usize, &str) -> R + Sync),
}

fn set<R>(results: &mut [Option<R>], index: usize, result: R) {
    if let Some(slot) = results.get_mut(index) {
        *slot = Some(result);
    }
}

enum Next {
    Run(usize),
    Blocked(usize, usize),
}

/// In-degrees and who waits for whom.
struct Queue {
    ready: Ready,
    rings: Rings,
    late: BTreeSet<usize>,
    waiting: Vec<usize>,
    dependents: HashMap<Node, Vec<usize>>,
    gates: BTreeMap<usize, Gate>,
    gates_of: Vec<Vec<usize>>,
    causes: HashMap<usize, usize>,
    denies: Vec<bool>,
    others_left: usize,
}

/// All units of one control.
struct Gate {
    left: usize,
    cause: Option<usize>,
}

impl Queue {
    fn new(units: &[Unit], bounds: Bounds) -> Queue {
        let mut queue = Queue {
            ready: Ready::new(units, bounds.per_seat),
            rings: if bounds.rings { Rings::new(units) } else { Rings::none() },
            late: BTreeSet::new(),
            waiting: units.iter().map(|u| u.after.len()).collect(),
            dependents: HashMap::new(),
            gates: BTreeMap::new(),
            gates_of: vec![Vec::new(); units.len()],
            causes: HashMap::new(),
            denies: units.iter().map(|u| u.meta.denies).collect(),
            others_left: units.iter().filter(|u| !u.meta.denies).count(),
        };
        for (index, unit) in units.iter().enumerate() {
            for node in &unit.after {
                queue.dependents.entry(*node).or_default().push(index);
            }
            queue.gates.entry(unit.control).or_insert(Gate { left: 0, cause: None }).left += 1;
            if let Some(gates) = queue.gates_of.get_mut(index) {
                gates.push(unit.control);
            }
        }
        // A gate that no unit stands behind is open.
        let empty: Vec<Node> = queue
            .dependents
            .keys()
            .copied()
            .filter(|n| matches!(n, Node::Gate(g) if !queue.gates.contains_key(g)))
            .collect();
        for node in empty {
            queue.release(node);
        }
        let free: Vec<usize> =
            (0..units.len()).filter(|i| units.get(*i).is_some_and(|u| u.after.is_empty())).collect();
        for index in free {
            queue.make_ready(index);
        }
        queue
    }

    fn make_ready(&mut self, index: usize) {
        let late = self.denies.get(index).copied().unwrap_or_default();
        if late {
            self.late.insert(index);
        } else if self.rings.holds(index) {
            self.rings.hold(index);
        } else {
            self.ready.insert(index);
        }
    }

    fn next(&mut self) -> Option<Next> {
        let index = match self.ready.take() {
            Some(index) => index,
            None if self.others_left == 0 => self.late.pop_first()?,
            None => return None,
        };
        Some(match self.causes.get(&index) {
            None => Next::Run(index),
            Some(cause) => Next::Blocked(index, *cause),
        })
    }

    fn finish(&mut self, index: usize, status: Status) {
        if self.denies.get(index) == Some(&false) {
            self.ready.ended(index);
            self.others_left = self.others_left.saturating_sub(1);
        }
        for held in self.rings.finish(index, status.releases) {
            self.ready.insert(held);
        }
        let cause = (!status.releases).then_some(index);
        self.settle(Node::Unit(index), cause);
        for gate in self.gates_of.get(index).cloned().unwrap_or_default() {
            let Some(entry) = self.gates.get_mut(&gate) else { continue };
            entry.left = entry.left.saturating_sub(1);
            entry.cause = entry.cause.or(cause);
            if entry.left == 0 {
                let cause = entry.cause;
                self.settle(Node::Gate(gate), cause);
            }
        }
    }

    fn settle(&mut self, node: Node, cause: Option<usize>) {
        if let Some(cause) = cause {
            for dependent in self.dependents.get(&node).cloned().unwrap_or_default() {
                self.causes.entry(dependent).or_insert(cause);
            }
        }
        self.release(node);
    }

    fn release(&mut self, node: Node) {
        for dependent in self.dependents.get(&node).cloned().unwrap_or_default() {
            let Some(left) = self.waiting.get_mut(dependent) else { continue };
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.make_ready(dependent);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Meta;
    use crate::units::{Task, UnitId};

    struct Silent;

    impl Progress for Silent {
        fn done(&self, _: OutcomeKind) {}
    }

    /// Units of one control each; the second waits for the first, the third for the second, ...
    fn chain(length: usize) -> Vec<Unit> {
        let unit = |n: usize| {
            let id = UnitId {
                control: format!("c{n}"),
                part: String::new(),
                account: "1".into(),
                region: "r".into(),
            };
            let task = Task::Settled(OutcomeKind::InSync, String::new());
            let after = n.checked_sub(1).map(Node::Unit).into_iter().collect();
            Unit { control: n, after, ..Unit::alone(id, "1".into(), &Meta::DEFAULT, task) }
        };
        (0..length).map(unit).collect()
    }

    const DRIFT: Status = Status { outcome: OutcomeKind::Drift, releases: false, attempted: false };
    const IN_SYNC: Status = Status { outcome: OutcomeKind::InSync, releases: true, attempted: false };

    async fn outcomes(
        units: &[Unit],
        bounds: Bounds,
        work: impl Fn(usize) -> Status,
        blocked: impl Fn(usize) -> Status + Sync,
    ) -> Vec<OutcomeKind> {
        let ends = Ends {
            blocked: &|index, _| (blocked(index).outcome, blocked(index)),
            not_run: &|_, _| OutcomeKind::NotRun,
            broken: &|_, _| OutcomeKind::Failed,
        };
        let work = |index| {
            let status = work(index);
            async move { (status.outcome, status) }
        };
        run(units, bounds, &Cancel::default(), &Silent, work, &ends).await
    }

    #[tokio::test]
    async fn a_unit_whose_outcome_is_known_passes_no_block_on() {
        let work = |index| if index == 0 { DRIFT } else { IN_SYNC };
        let blocked = |index| if index == 1 { IN_SYNC } else { Status::BLOCKED };
        let ended = outcomes(&chain(3), Bounds::default(), work, blocked).await;
        assert_eq!(ended, [OutcomeKind::Drift, OutcomeKind::InSync, OutcomeKind::InSync]);
        let ended = outcomes(&chain(3), Bounds::default(), work, |_| Status::BLOCKED).await;
        assert_eq!(ended, [OutcomeKind::Drift, OutcomeKind::Blocked, OutcomeKind::Blocked]);
    }

    #[tokio::test]
    async fn only_failures_of_this_pass_count_and_so_many_are_enough() {
        let units: Vec<Unit> = chain(4).into_iter().map(|u| Unit { after: Vec::new(), ..u }).collect();
        let bounds = Bounds { units: 1, max_failures: Some(1), ..Bounds::default() };
        let failed = |attempted| Status { outcome: OutcomeKind::Failed, releases: false, attempted };
        let known = outcomes(&units, bounds, |_| failed(false), |_| Status::BLOCKED).await;
        assert_eq!(known, [OutcomeKind::Failed; 4]);
        let new = outcomes(&units, bounds, |_| failed(true), |_| Status::BLOCKED).await;
        let mut wanted = [OutcomeKind::NotRun; 4];
        wanted[0] = OutcomeKind::Failed;
        assert_eq!(new, wanted);
    }
}
