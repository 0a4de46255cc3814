//! Counts the calls of a run: the truth test for declared permissions, and the summary's numbers.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// How often one operation was sent, for whom, where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallCount {
    /// The guard's control, `section.part`; `session` for calls that open sessions.
    pub control: String,
    /// Service key, such as `iam`.
    pub service: String,
    /// Operation name.
    pub operation: String,
    /// Account whose credentials signed.
    pub account: String,
    /// Attempts that were sent.
    pub count: u64,
    /// Attempts among them that did not succeed.
    pub failed: u64,
    /// Attempts among them that were throttled.
    pub throttled: u64,
}

/// How one attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// A good answer.
    Good,
    /// AWS throttled it.
    Throttled,
    /// Any other failure.
    Failed,
}

/// control, service, operation, account.
type Key = (String, &'static str, &'static str, String);

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    count: u64,
    failed: u64,
    throttled: u64,
}

/// The counters.
#[derive(Debug, Default)]
pub(crate) struct Record(Mutex<BTreeMap<Key, Counts>>);

impl Record {
    /// One attempt was sent and ended.
    pub(crate) fn add(
        &self,
        control: &str,
        service: &'static str,
        operation: &'static str,
        account: &str,
        ended: Ended,
    ) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = all.entry((control.to_owned(), service, operation, account.to_owned())).or_default();
        counts.count += 1;
        counts.failed += u64::from(ended != Ended::Good);
        counts.throttled += u64::from(ended == Ended::Throttled);
    }

    /// All counters, sorted by control, service, operation and account.
    pub(crate) fn counts(&self) -> Vec<CallCount> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter()
            .map(|((control, service, operation, account), n)| CallCount {
                control: control.clone(),
                service: (*service).to_owned(),
                operation: (*operation).to_owned(),
                account: account.clone(),
                count: n.count,
                failed: n.failed,
                throttled: n.throttled,
            })
            .collect()
    }

    /// Sum of throttled attempts.
    pub(crate) fn throttles(&self) -> u64 {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().map(|n| n.throttled).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_attempts_by_control_and_account() {
        let record = Record::default();
        record.add("a", "iam", "GetRole", "1", Ended::Good);
        record.add("a", "iam", "GetRole", "1", Ended::Throttled);
        record.add("a", "iam", "GetRole", "2", Ended::Failed);
        let seen: Vec<_> =
            record.counts().into_iter().map(|c| (c.account, c.count, c.failed, c.throttled)).collect();
        assert_eq!(seen, [("1".to_owned(), 2, 1, 1), ("2".to_owned(), 1, 1, 0)]);
        assert_eq!(record.throttles(), 1);
    }
}
