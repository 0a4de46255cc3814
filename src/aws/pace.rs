//! How fast calls go out: token buckets by account, region, service and class of operation, and bounds on what is in
//! flight. A throttled account never slows another.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::Limits;
use super::quota::{Quota, Share, bucket_region, quota};

/// One call that wants to go out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation<'a> {
    pub(crate) service: &'static str,
    pub(crate) name: &'static str,
    pub(crate) write: bool,
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
}

/// account, region, service, operations that share.
type Key = (String, String, &'static str, Share);

/// The buckets and bounds of a run.
#[derive(Debug)]
pub(crate) struct Pace {
    /// `None`: nothing is paced.
    buckets: Option<Mutex<HashMap<Key, Bucket>>>,
    all: Arc<Semaphore>,
    accounts: Mutex<HashMap<String, Arc<Semaphore>>>,
    per_account: usize,
    /// AWS answers `ConcurrentModificationException` to parallel writes of one organization.
    organization_writes: Arc<Semaphore>,
}

/// The right to have one call in flight; given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    _held: Vec<OwnedSemaphorePermit>,
}

impl Pace {
    /// Bounds of a run; buckets only where `paced`.
    pub(crate) fn new(limits: Limits, paced: bool) -> Pace {
        Pace {
            buckets: paced.then(Mutex::default),
            all: Arc::new(Semaphore::new(limits.in_flight.max(1))),
            accounts: Mutex::default(),
            per_account: limits.per_account.max(1),
            organization_writes: Arc::new(Semaphore::new(1)),
        }
    }

    /// Waits until the call may go out. No bound is held while waiting for the bucket.
    pub(crate) async fn admit(&self, call: &Operation<'_>) -> Permit {
        let wait = self.with_bucket(call, Bucket::take);
        if let Some(wait) = wait.filter(|w| !w.is_zero()) {
            tokio::time::sleep(wait).await;
        }
        let mut bounds = Vec::with_capacity(3);
        if call.service == "organizations" && call.write {
            bounds.push(self.organization_writes.clone());
        }
        // AssumeRole is the caller's call and its quota is large: a bound for one account would slow the whole run. And a
        // session may be renewed by a call that holds its permits: were AssumeRole bound by the same ones, all of them could
        // wait for each other.
        if call.service != "sts" {
            bounds.push(self.account(call.account));
            bounds.push(self.all.clone());
        }
        let mut held = Vec::with_capacity(bounds.len());
        for bound in bounds {
            // The semaphores are never closed.
            held.extend(bound.acquire_owned().await.ok());
        }
        Permit { _held: held }
    }

    /// Tells the bucket how AWS took the call.
    pub(crate) fn answered(&self, call: &Operation<'_>, throttled: bool) {
        self.with_bucket(call, |bucket| bucket.answered(throttled));
    }

    fn with_bucket<T>(&self, call: &Operation<'_>, f: impl FnOnce(&mut Bucket) -> T) -> Option<T> {
        let mut buckets = self.buckets.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        let (share, quota) = quota(call.service, call.name, call.write);
        let region = bucket_region(call.service, call.region);
        let key = (call.account.to_owned(), region.to_owned(), call.service, share);
        Some(f(buckets.entry(key).or_insert_with(|| Bucket::new(quota))))
    }

    fn account(&self, account: &str) -> Arc<Semaphore> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let bound = accounts.entry(account.to_owned());
        bound.or_insert_with(|| Arc::new(Semaphore::new(self.per_account))).clone()
    }
}

/// Part of the rate that is left after a throttle.
const DECREASE: f64 = 0.7;
/// Part of the ceiling that every good answer gives back.
const INCREASE: f64 = 0.02;
/// The rate never falls below this part of where it began.
const FLOOR: f64 = 0.05;
/// An estimate may grow to this many times itself.
const GROWTH: f64 = 4.0;
/// Throttles within this time count once: calls that were in flight together are throttled together.
const SETTLE: Duration = Duration::from_secs(1);

/// A token bucket whose rate adapts: additive increase, multiplicative decrease.
#[derive(Debug)]
struct Bucket {
    rate: f64,
    floor: f64,
    ceiling: f64,
    burst: f64,
    /// Below zero: calls that wait already.
    tokens: f64,
    filled: Instant,
    lowered: Option<Instant>,
}

impl Bucket {
    /// Published rates are taken with half their burst, since the account's own work shares them; estimates are halved.
    fn new(quota: Quota) -> Bucket {
        let (rate, ceiling) =
            if quota.published { (quota.rate, quota.rate) } else { (quota.rate / 2.0, quota.rate * GROWTH) };
        let burst = (quota.burst / 2.0).max(1.0);
        let filled = Instant::now();
        Bucket { rate, floor: rate * FLOOR, ceiling, burst, tokens: burst, filled, lowered: None }
    }

    /// Takes one token and says how long to wait for it: those who came earlier go first.
    fn take(&mut self) -> Duration {
        let now = Instant::now();
        let earned = now.duration_since(self.filled).as_secs_f64() * self.rate;
        self.tokens = (self.tokens + earned).min(self.burst) - 1.0;
        self.filled = now;
        Duration::try_from_secs_f64(-self.tokens / self.rate).unwrap_or(Duration::ZERO)
    }

    fn answered(&mut self, throttled: bool) {
        if !throttled {
            self.rate = (self.rate + self.ceiling * INCREASE).min(self.ceiling);
            return;
        }
        let now = Instant::now();
        if self.lowered.is_none_or(|at| now.duration_since(at) >= SETTLE) {
            self.lowered = Some(now);
            self.rate = (self.rate * DECREASE).max(self.floor);
            self.tokens = self.tokens.min(0.0);
        }
    }
}

#[cfg(test)]
mod tests;
