//! The lock: an object that says who holds it and until when.
//!
//! Taken with `If-None-Match: *`, renewed every 20 s with `If-Match`, given back by writing that it is free. Whoever finds
//! somebody else's lease watches it: a lease that did not change for 60 s has lapsed, whatever the clocks of two machines
//! say, and one write with `If-Match` decides who takes it over.

use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant};

use super::{Bucket, If};
use crate::apply::lock::{LEASE, Lease, PATIENCE, RENEW, is_kept, tell_waiting};
use crate::apply::store::Held;
use crate::control::BoxFuture;
use crate::error::{CallError, RunError};
use crate::units::Cancel;

/// How often a held lock is looked at.
const POLL: Duration = Duration::from_secs(2);
/// Clocks of two machines differ by less than this: AWS refuses signatures of a clock that is further off.
const SKEW: Duration = Duration::from_mins(15);

/// A held lock.
struct BucketLock {
    bucket: Bucket,
    name: String,
    lease: Lease,
    /// ETag of our last write.
    etag: Arc<Mutex<String>>,
    renewal: JoinHandle<()>,
}

pub(super) async fn take(
    bucket: &Bucket,
    organization_id: &str,
    run: &str,
    cancel: &Cancel,
) -> Result<Box<dyn Held>, RunError> {
    let name = format!("{organization_id}.lock");
    let mut lease = Lease::mine(run);
    let etag = acquire(bucket, &name, &mut lease).await?;
    let etag = Arc::new(Mutex::new(etag));
    let renewal =
        tokio::spawn(renew(bucket.clone(), name.clone(), lease.clone(), Arc::clone(&etag), cancel.clone()));
    Ok(Box::new(BucketLock { bucket: bucket.clone(), name, lease, etag, renewal }))
}

/// Waits for the lock, and returns the ETag of our lease.
async fn acquire(bucket: &Bucket, name: &str, lease: &mut Lease) -> Result<String, RunError> {
    let cannot = |e: CallError| bucket.cannot("write the lock", name, &e);
    let started = Instant::now();
    let mut seen: Option<(String, Instant)> = None;
    loop {
        lease.renew();
        if let Some(etag) = bucket.put(name, &lease.to_bytes(), If::Absent).await.map_err(cannot)? {
            return Ok(etag);
        }
        // Nobody's any more, or being written: look again.
        if let Some((body, etag)) = bucket.get(name).await.map_err(cannot)? {
            let holder = Lease::from_bytes(&body);
            if holder.as_ref().is_some_and(|h| h.is_of(lease)) {
                return Ok(etag);
            }
            let since = match &seen {
                Some((known, since)) if *known == etag => *since,
                _ => Instant::now(),
            };
            if seen.is_none() {
                tell_waiting(&described(holder.as_ref()));
            }
            seen = Some((etag.clone(), since));
            let gone = holder.as_ref().is_some_and(|h| h.is_dead(SKEW)) || since.elapsed() >= LEASE;
            if gone {
                if let Some(etag) =
                    bucket.put(name, &lease.to_bytes(), If::Unchanged(&etag)).await.map_err(cannot)?
                {
                    return Ok(etag);
                }
            } else if started.elapsed() >= PATIENCE + 2 * POLL {
                return Err(held(bucket, name, holder.as_ref()));
            }
        }
        tokio::time::sleep(POLL).await;
    }
}

fn described(holder: Option<&Lease>) -> String {
    holder.map_or_else(|| "somebody".to_owned(), Lease::describe)
}

fn held(bucket: &Bucket, name: &str, holder: Option<&Lease>) -> RunError {
    let who = described(holder);
    RunError::new(format!("another run works on this organization: {who} holds {}", bucket.url(name)))
        .hint("wait until it has ended and run the command again")
}

async fn renew(bucket: Bucket, name: String, mut lease: Lease, etag: Arc<Mutex<String>>, cancel: Cancel) {
    let mut renewed = Instant::now();
    loop {
        // Not beyond the end of the lease, where a call has failed late.
        tokio::time::sleep_until((Instant::now() + RENEW).min(renewed + LEASE)).await;
        lease.renew();
        let mut etag = etag.lock().await;
        // A call may be retried for longer than the lease lasts.
        let asked = tokio::time::timeout_at(renewed + LEASE, renew_once(&bucket, &name, &lease, &etag));
        let answer = match asked.await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(late) => Err(late.to_string()),
        };
        let kept = answer.map(|new| new.map(|new| *etag = new).is_some());
        if !is_kept(kept, &mut renewed) {
            cancel.cancel();
            return;
        }
    }
}

/// The new ETag; `None` where the lock is another run's.
async fn renew_once(
    bucket: &Bucket,
    name: &str,
    lease: &Lease,
    etag: &str,
) -> Result<Option<String>, CallError> {
    if let Some(new) = bucket.put(name, &lease.to_bytes(), If::Unchanged(etag)).await? {
        return Ok(Some(new));
    }
    // The answer to a write of ours may have got lost: then the lease is still ours.
    let there = bucket.get(name).await?;
    Ok(there.and_then(|(body, etag)| Lease::from_bytes(&body).filter(|h| h.is_of(lease)).map(|_| etag)))
}

impl Held for BucketLock {
    fn release(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            // Aborted only while it does not write: it holds the ETag then.
            let etag = self.etag.lock().await;
            self.renewal.abort();
            let free = self.lease.free();
            if let Err(error) = renew_once(&self.bucket, &self.name, &free, &etag).await {
                tracing::warn!(%error, "the lock could not be given back: it lapses after a minute");
            }
        })
    }
}
