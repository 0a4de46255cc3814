//! Reads that see an older state: a second world, to which each write comes only after some further calls.
//!
//! Each write waits for a number of reads of the same service by the same account in the same region, or for some seconds:
//! other accounts see it then too.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::sandbox::services;
use crate::sandbox::world::{Call, Reply, World};

/// A write that nobody has to wait for any longer than this.
const LONGEST: Duration = Duration::from_secs(3);

/// The world as reads see it.
#[derive(Debug)]
pub(in crate::sandbox) struct Lag {
    world: World,
    waiting: VecDeque<Waiting>,
    late: u64,
}

/// A write that reads do not see yet.
#[derive(Debug)]
struct Waiting {
    call: Call,
    /// How many ids the world had made before: the copy makes the same.
    ids: u64,
    /// Reads of the same place that do not see it yet.
    left: u32,
    due: Instant,
}

impl Lag {
    /// Everything is seen.
    pub(in crate::sandbox) fn new(world: World) -> Lag {
        Lag { world, waiting: VecDeque::new(), late: 0 }
    }

    /// Reads that did not see everything of their place.
    pub(in crate::sandbox) fn late(&self) -> u64 {
        self.late
    }

    /// A write was done. Reads see it after `calls` more.
    pub(in crate::sandbox) fn wrote(&mut self, call: &Call, ids: u64, calls: u32) {
        let before = self.waiting.iter().filter(|w| same_place(&w.call, call)).map(|w| w.left);
        // Writes of one place are seen in their order.
        let left = before.fold(calls, u32::max);
        self.waiting.push_back(Waiting { call: call.clone(), ids, left, due: Instant::now() + LONGEST });
    }

    /// Answers a read. `None` where no handler knows the operation.
    pub(in crate::sandbox) fn read(&mut self, call: &Call) -> Option<Reply> {
        let now = Instant::now();
        let mut later = VecDeque::new();
        for mut one in std::mem::take(&mut self.waiting) {
            let here = same_place(&one.call, call);
            if one.due <= now || (here && one.left == 0) {
                self.show(&mut later, &one);
                continue;
            }
            one.left -= u32::from(here);
            later.push_back(one);
        }
        self.late += u64::from(later.iter().any(|one| same_place(&one.call, call)));
        self.waiting = later;
        let ids = self.world.ids_made;
        let reply = services::dispatch(&mut self.world, call);
        self.world.ids_made = ids;
        reply
    }

    /// Runs a write on the copy. What it is built on may not be there yet: then all that came before is shown first.
    fn show(&mut self, earlier: &mut VecDeque<Waiting>, one: &Waiting) {
        if self.run(one) {
            return;
        }
        for before in std::mem::take(earlier) {
            self.run(&before);
        }
        if !self.run(one) {
            let (service, operation) = (&one.call.service, &one.call.operation);
            tracing::debug!(service, operation, "a write of the sandbox fails on the copy that lags");
        }
    }

    fn run(&mut self, one: &Waiting) -> bool {
        let ids = self.world.ids_made;
        self.world.ids_made = one.ids;
        let done = matches!(services::dispatch(&mut self.world, &one.call), Some(Ok(_)));
        self.world.ids_made = ids.max(self.world.ids_made);
        done
    }
}

fn same_place(one: &Call, other: &Call) -> bool {
    one.service == other.service && one.account == other.account && one.region == other.region
}
