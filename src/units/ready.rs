//! Units that may start, the earliest first, with a bound for each account that makes calls.
//!
//! Without it the units of one account, which wait for its bound on calls and its token buckets, would take all places
//! while other accounts stand idle.

use std::collections::{BTreeSet, HashMap};

use super::Unit;

/// Units by number, spread over seats.
pub(super) struct Ready {
    /// Seat of every unit, as a position in `seats`.
    seat_of: Vec<usize>,
    seats: Vec<Seat>,
    /// First unit and seat, of every seat that has a unit and a place for it.
    open: BTreeSet<(usize, usize)>,
    places: usize,
}

/// One account that makes calls.
#[derive(Default)]
struct Seat {
    ready: BTreeSet<usize>,
    running: usize,
}

impl Ready {
    /// No unit is ready yet. At most `places` units of one seat are taken at once.
    pub(super) fn new(units: &[Unit], places: usize) -> Ready {
        let mut known: HashMap<&str, usize> = HashMap::new();
        let mut seat_of = Vec::with_capacity(units.len());
        for unit in units {
            let next = known.len();
            seat_of.push(*known.entry(unit.seat.as_str()).or_insert(next));
        }
        let seats = (0..known.len()).map(|_| Seat::default()).collect();
        Ready { seat_of, seats, open: BTreeSet::new(), places: places.max(1) }
    }

    /// The unit may start.
    pub(super) fn insert(&mut self, unit: usize) {
        self.change(unit, |seat| {
            seat.ready.insert(unit);
        });
    }

    /// Takes the first unit whose seat has a place.
    pub(super) fn take(&mut self) -> Option<usize> {
        let (unit, _) = self.open.first().copied()?;
        self.change(unit, |seat| {
            seat.ready.remove(&unit);
            seat.running += 1;
        });
        Some(unit)
    }

    /// A unit that was taken has ended.
    pub(super) fn ended(&mut self, unit: usize) {
        self.change(unit, |seat| seat.running = seat.running.saturating_sub(1));
    }

    /// Changes a unit's seat, and keeps `open` true to it.
    fn change(&mut self, unit: usize, change: impl FnOnce(&mut Seat)) {
        let Some(number) = self.seat_of.get(unit).copied() else { return };
        let Some(seat) = self.seats.get_mut(number) else { return };
        if let Some(first) = seat.ready.first() {
            self.open.remove(&(*first, number));
        }
        change(seat);
        if let Some(first) = seat.ready.first().filter(|_| seat.running < self.places) {
            self.open.insert((*first, number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Meta;
    use crate::units::{OutcomeKind, Task, UnitId};

    fn units(seats: &[&str]) -> Vec<Unit> {
        let unit = |seat: &&str| {
            let id = UnitId {
                control: "c".into(),
                part: String::new(),
                account: (*seat).to_owned(),
                region: "r".into(),
            };
            let task = Task::Settled(OutcomeKind::InSync, String::new());
            Unit::alone(id, (*seat).to_owned(), &Meta::DEFAULT, task)
        };
        seats.iter().map(unit).collect()
    }

    fn all_ready(seats: &[&str], places: usize) -> Ready {
        let mut ready = Ready::new(&units(seats), places);
        (0..seats.len()).rev().for_each(|n| ready.insert(n));
        ready
    }

    #[test]
    fn a_seat_that_is_full_lets_the_next_one_go_first() {
        let mut ready = all_ready(&["a", "a", "a", "b", "c"], 2);
        let taken: Vec<usize> = std::iter::from_fn(|| ready.take()).collect();
        assert_eq!(taken, [0, 1, 3, 4]);
        ready.ended(3);
        assert_eq!(ready.take(), None, "seat b has nothing more");
        ready.ended(0);
        assert_eq!(ready.take(), Some(2));
    }

    #[test]
    fn with_places_enough_the_order_is_that_of_the_units() {
        let mut ready = all_ready(&["b", "a", "b", "a"], 9);
        let taken: Vec<usize> = std::iter::from_fn(|| ready.take()).collect();
        assert_eq!(taken, [0, 1, 2, 3]);
    }
}
