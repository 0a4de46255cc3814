//! When to send a call again, and when to give up.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use super::error::{Class, Failure};

/// How long a run is patient: as it takes on live AWS, or shortened where nobody needs to be spared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// All times are divided by this.
    divisor: u32,
}

impl Patience {
    /// For live AWS and for targets that ask for pacing.
    pub(crate) const LIVE: Patience = Patience { divisor: 1 };
    /// For the sandbox and loopback endpoints: they settle at once.
    pub(crate) const LOCAL: Patience = Patience { divisor: 50 };

    /// A time on live AWS, as long as it takes here.
    pub(crate) fn of(self, time: Duration) -> Duration {
        time / self.divisor
    }
}

/// How one class is retried.
struct Rule {
    /// First wait; it doubles.
    first: Duration,
    /// Longest wait.
    longest: Duration,
    /// Most attempts that end in this class.
    attempts: u32,
    /// Most time, in attempts and waits together.
    within: Duration,
}

const fn rule(first_ms: u64, longest_ms: u64, attempts: u32, within_s: u64) -> Rule {
    Rule {
        first: Duration::from_millis(first_ms),
        longest: Duration::from_millis(longest_ms),
        attempts,
        within: Duration::from_secs(within_s),
    }
}

/// The rules, on live AWS. `None`: not retried.
fn rule_of(class: Class) -> Option<Rule> {
    match class {
        Class::Throttle => Some(rule(500, 20_000, u32::MAX, 120)),
        Class::Transient => Some(rule(200, 5_000, 4, 120)),
        // IAM, KMS and S3 need some seconds until other services see a new role or policy.
        Class::NotReady => Some(rule(2_000, 5_000, u32::MAX, 60)),
        Class::Busy => Some(rule(1_000, 30_000, 10, 180)),
        // A new organization is set up for up to an hour (`FinalizingOrganizationException`).
        Class::Finalizing => Some(rule(15_000, 30_000, u32::MAX, 3_600)),
        Class::Expired => Some(rule(0, 0, 2, 120)),
        Class::NotSent
        | Class::Denied
        | Class::Quota
        | Class::NotAvailable
        | Class::NotInRegion
        | Class::Conflict
        | Class::Vanished
        | Class::Rejected => None,
    }
}

/// The attempts of one call.
#[derive(Debug)]
pub(crate) struct Tries {
    patience: Patience,
    count: u32,
    /// Attempts in a row that ended in the same class.
    same: u32,
    last: Option<Class>,
    /// Time in attempts and waits. Waiting for the pace is not counted: a long queue is no failure.
    spent: Duration,
}

impl Tries {
    /// Before the first attempt.
    pub(crate) fn new(patience: Patience) -> Tries {
        Tries { patience, count: 0, same: 0, last: None, spent: Duration::ZERO }
    }

    /// Attempts so far.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// An attempt took this long.
    pub(crate) fn spent(&mut self, time: Duration) {
        self.count += 1;
        self.spent += time;
    }

    /// How long to wait before the next attempt; `None`: give up.
    pub(crate) fn again(&mut self, failure: &Failure, operation: &str) -> Option<Duration> {
        if failure.error.maybe_done && !repeatable(operation) {
            return None;
        }
        self.same = if self.last == Some(failure.class) { self.same + 1 } else { 1 };
        self.last = Some(failure.class);
        let rule = rule_of(failure.class)?;
        let wait = rule.first.saturating_mul(1 << (self.same - 1).min(20)).min(rule.longest);
        let wait = jittered(wait) / self.patience.divisor;
        if self.same >= rule.attempts || self.spent + wait > rule.within / self.patience.divisor {
            return None;
        }
        self.spent += wait;
        Some(wait)
    }
}

/// Between half of the time and all of it.
fn jittered(time: Duration) -> Duration {
    let random = RandomState::new().hash_one(0) % 1000;
    time / 2 + time / 2 * u32::try_from(random).unwrap_or(0) / 1000
}

/// Whether sending the write twice ends as sending it once does, with the same answer.
///
/// Not among them: `Create`, `Delete`, `Attach`, `Register` and the like, whose second answer is "already exists" or
/// "not found"; so the unit is read again instead.
fn repeatable(operation: &str) -> bool {
    const VERBS: [&str; 10] = [
        "Put",
        "Update",
        "Set",
        "Tag",
        "Untag",
        "Modify",
        "StartLogging",
        "StopLogging",
        "Subscribe",
        // Findings have ids: the second copy updates the first.
        "BatchImportFindings",
    ];
    VERBS.iter().any(|verb| operation.starts_with(verb))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::aws::error::Where;
    use crate::error::Kind;

    fn failure(class: Class, maybe_done: bool) -> Failure {
        let place = Where { service: "iam", operation: "X", account: "1", region: "r", write: maybe_done };
        let mut error = place.error(Kind::Rejected, String::new());
        error.maybe_done = maybe_done;
        Failure { class, error }
    }

    fn all_waits(class: Class) -> Vec<Duration> {
        let mut tries = Tries::new(Patience::LIVE);
        std::iter::from_fn(|| tries.again(&failure(class, false), "GetX")).collect()
    }

    #[test]
    fn throttles_are_retried_until_the_deadline_with_growing_waits() {
        let waits = all_waits(Class::Throttle);
        let total: Duration = waits.iter().sum();
        assert!(total <= Duration::from_mins(2) && total > Duration::from_secs(80), "{total:?}");
        assert!(*waits.first().unwrap() <= Duration::from_millis(500));
        assert!(waits.iter().all(|w| *w <= Duration::from_secs(20)));
    }

    #[test]
    fn transient_failures_get_four_attempts_and_denials_one() {
        assert_eq!(all_waits(Class::Transient).len(), 3);
        assert_eq!(all_waits(Class::Denied).len(), 0);
        assert_eq!(all_waits(Class::Expired).len(), 1);
    }

    #[test]
    fn not_ready_ends_after_a_minute() {
        let total: Duration = all_waits(Class::NotReady).iter().sum();
        assert!(total <= Duration::from_mins(1) && total > Duration::from_secs(50), "{total:?}");
    }

    #[test]
    fn a_create_that_may_be_done_is_not_sent_again_and_a_put_is() {
        let mut tries = Tries::new(Patience::LIVE);
        assert_eq!(tries.again(&failure(Class::Transient, true), "CreatePolicy"), None);
        for again in ["PutBucketPolicy", "BatchImportFindings"] {
            assert!(tries.again(&failure(Class::Transient, true), again).is_some(), "{again}");
        }
        assert!(tries.again(&failure(Class::Throttle, false), "CreatePolicy").is_some());
    }
}
