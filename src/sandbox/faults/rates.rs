//! AWS's side of the published rates: a token bucket per account, region, service and row of the table.

use std::collections::HashMap;

use tokio::time::Instant;

use crate::aws::quota::{self, Share};
use crate::sandbox::store::is_write;

/// Buckets by account, region, service and class of operation.
#[derive(Debug, Default)]
pub(super) struct Buckets {
    published: HashMap<(String, String, String, Share), Bucket>,
    slow: HashMap<String, Bucket>,
}

#[derive(Debug)]
struct Bucket {
    rate: f64,
    burst: f64,
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    fn new(rate: f64, burst: f64) -> Bucket {
        Bucket { rate, burst, tokens: burst, filled: Instant::now() }
    }

    /// Takes a token, where there is one.
    fn take(&mut self) -> bool {
        let now = Instant::now();
        let earned = now.duration_since(self.filled).as_secs_f64() * self.rate;
        self.tokens = (self.tokens + earned).min(self.burst);
        self.filled = now;
        let has = self.tokens >= 1.0;
        if has {
            self.tokens -= 1.0;
        }
        has
    }
}

impl Buckets {
    /// Whether a call is within `factor` times the published rates. Services without published rates answer everything.
    pub(super) fn admits(&mut self, factor: f64, account: &str, region: &str, call: (&str, &str)) -> bool {
        let (service, operation) = call;
        let (share, quota) = quota::quota(service, operation, is_write(operation));
        if !quota.published {
            return true;
        }
        let region = quota::bucket_region(service, region).to_owned();
        let key = (account.to_owned(), region, service.to_owned(), share);
        let fresh = || Bucket::new(quota.rate * factor, (quota.burst * factor).max(1.0));
        self.published.entry(key).or_insert_with(fresh).take()
    }

    /// Whether a call is within the calls per second of a slow account.
    pub(super) fn admits_slow(&mut self, account: &str, rate: f64) -> bool {
        self.slow.entry(account.to_owned()).or_insert_with(|| Bucket::new(rate, 1.0)).take()
    }
}
