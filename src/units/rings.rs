//! Rings: a unit of one waits until every unit of the rings before it is as it should be.
//!
//! Organization-wide units are in no ring and wait for no ring; units that may deny calls are a phase of their own. A unit that
//! waits for one of a later ring (through something of the whole organization) counts as one of that ring, or neither would
//! ever start.

use std::collections::{BTreeSet, HashMap};

use super::Unit;
use super::graph::Node;

/// Which units wait for which ring.
pub(super) struct Rings {
    /// Ring of every unit; absent: it waits for none.
    of: Vec<Option<usize>>,
    /// Units of every ring that have not ended.
    left: Vec<usize>,
    /// Units that could start, of rings that are not open.
    held: Vec<BTreeSet<usize>>,
    /// The ring whose units may start.
    open: usize,
    /// First unit, of a ring that is open or was, that is not as it should be.
    behind: Option<usize>,
    stopped: bool,
}

impl Rings {
    /// Nothing waits.
    pub(super) fn none() -> Rings {
        Rings { of: Vec::new(), left: Vec::new(), held: Vec::new(), open: 0, behind: None, stopped: false }
    }

    /// The rings of these units.
    pub(super) fn new(units: &[Unit]) -> Rings {
        let effective = effective(units);
        let of: Vec<Option<usize>> = units
            .iter()
            .zip(effective)
            .map(|(unit, ring)| unit.ring.filter(|_| !unit.meta.denies).map(|_| ring))
            .collect();
        let count = of.iter().flatten().max().map_or(0, |last| last + 1);
        let mut left = vec![0; count];
        for ring in of.iter().flatten() {
            if let Some(n) = left.get_mut(*ring) {
                *n += 1;
            }
        }
        let held = vec![BTreeSet::new(); count];
        let mut rings = Rings { of, left, held, open: 0, behind: None, stopped: false };
        rings.advance();
        rings
    }

    /// Whether a unit that could start waits for its ring.
    pub(super) fn holds(&self, unit: usize) -> bool {
        self.of.get(unit).copied().flatten().is_some_and(|ring| ring > self.open)
    }

    /// The unit could start, and waits.
    pub(super) fn hold(&mut self, unit: usize) {
        let ring = self.of.get(unit).copied().flatten();
        if let Some(held) = ring.and_then(|ring| self.held.get_mut(ring)) {
            held.insert(unit);
        }
    }

    /// A unit ended; `good`: as it should be. Returns the units that may start now.
    pub(super) fn finish(&mut self, unit: usize, good: bool) -> BTreeSet<usize> {
        let Some(ring) = self.of.get(unit).copied().flatten() else { return BTreeSet::new() };
        if !good {
            self.behind.get_or_insert(unit);
        }
        if let Some(left) = self.left.get_mut(ring) {
            *left = left.saturating_sub(1);
        }
        let before = self.open;
        self.advance();
        self.held.get_mut(before + 1..=self.open).into_iter().flatten().flat_map(std::mem::take).collect()
    }

    /// The unit by which a ring that has ended is not in sync: no further unit starts.
    pub(super) fn stopped_by(&self) -> Option<usize> {
        self.behind.filter(|_| self.stopped)
    }

    /// Opens the next ring once nothing of the open one is left.
    fn advance(&mut self) {
        while self.left.get(self.open) == Some(&0) {
            if self.behind.is_some() {
                self.stopped = true;
                return;
            }
            if self.open + 1 >= self.left.len() {
                return;
            }
            self.open += 1;
        }
    }
}

/// The ring in which each unit can run: its own, or the latest of those that it waits for.
pub(super) fn effective(units: &[Unit]) -> Vec<usize> {
    let mut rings: Vec<usize> = units.iter().map(|unit| unit.ring.unwrap_or_default()).collect();
    loop {
        let mut gates: HashMap<usize, usize> = HashMap::new();
        for (unit, ring) in units.iter().zip(&rings) {
            let gate = gates.entry(unit.control).or_default();
            *gate = (*gate).max(*ring);
        }
        let mut changed = false;
        for (at, unit) in units.iter().enumerate() {
            let awaited = unit.after.iter().filter_map(|node| match node {
                Node::Unit(other) => rings.get(*other).copied(),
                Node::Gate(control) => gates.get(control).copied(),
            });
            let latest = awaited.max().unwrap_or_default();
            if let Some(ring) = rings.get_mut(at).filter(|ring| **ring < latest) {
                *ring = latest;
                changed = true;
            }
        }
        if !changed {
            return rings;
        }
    }
}
