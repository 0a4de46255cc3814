//! What goes wrong on purpose: `--faults seed=N,throttle=P,...`, the same for the same seed.
//!
//! | key | means |
//! | --- | --- |
//! | `seed=N` | of everything below that is random; 0 where absent |
//! | `throttle=P` | each call is refused with probability P, with the service's own code |
//! | `rates=F` | calls over F times AWS's published rates are refused too |
//! | `slow=R@ACCOUNT` | the account's calls over R per second are refused (any number of times) |
//! | `latency=MS` | each call takes between half and one and a half times as many milliseconds |
//! | `delay=CALLS` | reads see a write only after up to so many further calls (at least 2, or CALLS where that is less) |
//! | `drop=P` | the connection breaks with probability P: half of the time before the call arrives, else before its answer does |
//! | `deny=SERVICE:Operation[@ACCOUNT]` | refused; `*` stands for any service or operation (any number of times) |
//! | `error=SERVICE:Operation#N[@ACCOUNT]` | the N-th such call is answered with a server error (any number of times) |
//! | `break=SERVICE:Operation#N[@ACCOUNT]` | the connection breaks before the N-th such call arrives (any number of times) |
//! | `lose=SERVICE:Operation#N[@ACCOUNT]` | the N-th such call is done, and the connection breaks before its answer arrives |
//! | `off=REGION[@ACCOUNT]` | the region is not enabled (any number of times) |
//! | `skew=SECONDS` | AWS's clock is ahead by so many seconds |
//! | `exit_before=N`, `exit_after=N` | the process ends before the N-th write is done, or after it, before it is acknowledged |
//!
//! What happens to a call depends on the seed and on how often the same operation was called before by the same account in
//! the same region: not on the order in which calls of different accounts arrive.

mod codes;
mod injector;
mod lag;
mod rates;

use std::str::FromStr;
use std::time::Duration;

use crate::error::RunError;
use crate::policy::is_account_id;

pub use injector::Dropped;
pub(super) use injector::Injector;
pub(super) use lag::Lag;

/// What goes wrong, and how often.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Faults {
    /// Of everything that is random.
    pub seed: u64,
    /// Probability of a throttle, 0 to 1.
    pub throttle: f64,
    /// Published rates times this are the most that is answered; `None`: any rate.
    pub rates: Option<f64>,
    /// Accounts (12 digits) and the calls per second that they are allowed.
    pub slow: Vec<(String, f64)>,
    /// Mean time that a call takes.
    pub latency: Duration,
    /// Most calls for which a write stays unseen.
    pub delay: u32,
    /// Probability of a broken connection, 0 to 1.
    pub drop: f64,
    /// What is refused.
    pub deny: Vec<Denied>,
    /// What happens to certain calls.
    pub nth: Vec<Nth>,
    /// Regions that are not enabled, with the account (12 digits), or `None` for all accounts.
    pub off: Vec<(String, Option<String>)>,
    /// Seconds by which AWS's clock is ahead.
    pub skew: i64,
    /// The process ends instead of this write (the first is 1).
    pub exit_before: Option<u64>,
    /// The process ends when this write is done, before it is acknowledged.
    pub exit_after: Option<u64>,
}

/// What happens to one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nth {
    /// Which calls are counted.
    pub calls: Denied,
    /// The one of them that it happens to; the first is 1.
    pub number: u64,
    /// What.
    pub end: End,
}

/// How one call ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// A server error, and nothing is done.
    Error,
    /// The connection breaks, and nothing is done.
    Break,
    /// It is done, and its answer is lost.
    Lose,
}

/// Which calls: those that are refused, or counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// Service key as in the API models, or `*`.
    pub service: String,
    /// Operation, or `*`.
    pub operation: String,
    /// 12 digits: the account that calls, or whose role is assumed. `None`: any.
    pub account: Option<String>,
}

/// How often something went wrong so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hits {
    /// Calls that were throttled.
    pub throttled: u64,
    /// Connections that broke.
    pub dropped: u64,
    /// Calls that `deny` refused.
    pub denied: u64,
    /// Calls that `error`, `break` and `lose` hit.
    pub nth: u64,
    /// Reads that did not see a write of their place yet.
    pub late: u64,
}

const KEYS: &str = "seed=N,throttle=P,rates=F,slow=R@ACCOUNT,latency=MS,delay=CALLS,drop=P,\
                    deny=SERVICE:Operation[@ACCOUNT],error|break|lose=SERVICE:Operation#N[@ACCOUNT],off=REGION[@ACCOUNT],\
                    skew=SECONDS,exit_before=N,exit_after=N";

impl Faults {
    /// Faults of the environment variable `ORGBASE_SANDBOX_FAULTS`, for the sandbox in process.
    ///
    /// # Errors
    /// It is set and cannot be read.
    pub fn from_env() -> Result<Option<Faults>, RunError> {
        match std::env::var("ORGBASE_SANDBOX_FAULTS") {
            Ok(text) if !text.trim().is_empty() => text.parse().map(Some),
            _ => Ok(None),
        }
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), RunError> {
        match key {
            "seed" => self.seed = number(key, value)?,
            "throttle" => self.throttle = probability(key, value)?,
            "rates" => self.rates = Some(positive(key, value)?),
            "slow" => {
                let (rate, account) =
                    value.split_once('@').ok_or_else(|| wrong(key, value, "RATE@ACCOUNT"))?;
                self.slow.push((self::account(key, account)?, positive(key, rate)?));
            }
            "latency" => self.latency = Duration::from_millis(number(key, value)?),
            "delay" => self.delay = number(key, value)?,
            "drop" => self.drop = probability(key, value)?,
            "deny" => self.deny.push(denied(key, value)?),
            "error" => self.nth.push(nth(key, value, End::Error)?),
            "break" => self.nth.push(nth(key, value, End::Break)?),
            "lose" => self.nth.push(nth(key, value, End::Lose)?),
            "off" => self.off.push(off(value)?),
            "skew" => self.skew = number(key, value)?,
            "exit_before" => self.exit_before = Some(number(key, value)?),
            "exit_after" => self.exit_after = Some(number(key, value)?),
            _ => {
                return Err(RunError::new(format!("faults: there is no `{key}`")).hint(KEYS));
            }
        }
        Ok(())
    }
}

impl FromStr for Faults {
    type Err = RunError;

    fn from_str(text: &str) -> Result<Faults, RunError> {
        let mut faults = Faults::default();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (key, value) = pair
                .split_once('=')
                .ok_or_else(|| RunError::new(format!("faults: `{pair}` is not KEY=VALUE")).hint(KEYS))?;
            faults.set(key.trim(), value.trim())?;
        }
        Ok(faults)
    }
}

fn wrong(key: &str, value: &str, wanted: &str) -> RunError {
    RunError::new(format!("faults: `{key}={value}` is not {key}={wanted}"))
}

fn number<T: FromStr>(key: &str, value: &str) -> Result<T, RunError> {
    value.parse().map_err(|_| wrong(key, value, "a whole number"))
}

fn positive(key: &str, value: &str) -> Result<f64, RunError> {
    let parsed = value.parse::<f64>().ok().filter(|number| *number > 0.0 && number.is_finite());
    parsed.ok_or_else(|| wrong(key, value, "a number above 0"))
}

fn probability(key: &str, value: &str) -> Result<f64, RunError> {
    let parsed = value.parse::<f64>().ok().filter(|p| (0.0..=1.0).contains(p));
    parsed.ok_or_else(|| wrong(key, value, "a number from 0 to 1"))
}

fn account(key: &str, value: &str) -> Result<String, RunError> {
    if is_account_id(value) {
        Ok(value.to_owned())
    } else {
        Err(wrong(key, value, "...@ACCOUNT, where ACCOUNT has 12 digits"))
    }
}

fn nth(key: &str, value: &str, end: End) -> Result<Nth, RunError> {
    let wanted = || wrong(key, value, "SERVICE:Operation#N[@ACCOUNT]");
    let (operation, rest) = value.split_once('#').ok_or_else(wanted)?;
    let (count, at) = rest.split_once('@').map_or((rest, None), |(count, at)| (count, Some(at)));
    let number = count.parse().ok().filter(|number| *number > 0).ok_or_else(wanted)?;
    let calls = denied(key, &at.map_or(operation.to_owned(), |at| format!("{operation}@{at}")))?;
    Ok(Nth { calls, number, end })
}

fn denied(key: &str, value: &str) -> Result<Denied, RunError> {
    let (call, at) = match value.split_once('@') {
        Some((call, at)) => (call, Some(account(key, at)?)),
        None => (value, None),
    };
    let (service, operation) =
        call.split_once(':').ok_or_else(|| wrong(key, value, "SERVICE:Operation[@ACCOUNT]"))?;
    Ok(Denied { service: service.to_owned(), operation: operation.to_owned(), account: at })
}

fn off(value: &str) -> Result<(String, Option<String>), RunError> {
    Ok(match value.split_once('@') {
        Some((region, at)) => (region.to_owned(), Some(account("off", at)?)),
        None => (value.to_owned(), None),
    })
}

#[cfg(test)]
mod tests;
