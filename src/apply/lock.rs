//! One writer per organization and run folder: a lease in a file.
//!
//! The holder renews it every 20 s; it lapses after 60 s. A dead process of the same host is taken over at once. A second
//! run waits up to 60 s and then gives up.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use super::files;
use crate::error::RunError;

const LEASE: Duration = Duration::from_mins(1);
const RENEW: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(500);

/// What the lock file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Lease {
    run: String,
    host: String,
    pid: u32,
    /// Seconds since 1970, UTC.
    renewed_at: u64,
}

/// A held lock; given back when it is dropped.
pub struct Lock {
    path: PathBuf,
    run: String,
    renewal: JoinHandle<()>,
}

/// Takes the lock of an organization.
///
/// # Errors
/// Another run holds it for more than a minute, or the folder cannot be written.
pub async fn take(run_dir: &Path, organization_id: &str, run: &str) -> Result<Lock, RunError> {
    let path = run_dir.join(format!("{organization_id}.lock"));
    let cannot = |e: &std::io::Error| {
        RunError::new(format!("cannot write the lock {}: {e}", path.display()))
            .hint("nothing was changed; name a folder that can be written with --run-dir")
    };
    files::private_folder(run_dir).map_err(|e| cannot(&e))?;
    let started = tokio::time::Instant::now();
    loop {
        match files::create_private(&path) {
            Ok(_) => break,
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(cannot(&e)),
        }
        let holder = read(&path);
        if holder.as_ref().is_none_or(is_dead) {
            // Somebody else may take it over at the same moment: only one of them can create the file again.
            let _ = std::fs::remove_file(&path);
            continue;
        }
        if started.elapsed() >= PATIENCE {
            return Err(held(&path, holder.as_ref()));
        }
        tokio::time::sleep(POLL).await;
    }
    let lease = Lease { run: run.to_string(), host: host(), pid: std::process::id(), renewed_at: now() };
    write(&path, &lease).map_err(|e| cannot(&e))?;
    let renewal = tokio::spawn(renew(path.clone(), lease));
    Ok(Lock { path, run: run.to_string(), renewal })
}

fn held(path: &Path, holder: Option<&Lease>) -> RunError {
    let who = holder.map(|h| format!("run {} (process {} on {})", h.run, h.pid, h.host)).unwrap_or_default();
    RunError::new(format!("another run works on this organization: {who} holds {}", path.display()))
        .hint("wait until it has ended and run the command again")
}

async fn renew(path: PathBuf, mut lease: Lease) {
    loop {
        tokio::time::sleep(RENEW).await;
        lease.renewed_at = now();
        if let Err(error) = write(&path, &lease) {
            tracing::warn!(%error, "the lock could not be renewed");
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.renewal.abort();
        if read(&self.path).is_some_and(|lease| lease.run == self.run) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn write(path: &Path, lease: &Lease) -> std::io::Result<()> {
    let text = serde_json::to_vec(lease).map_err(std::io::Error::other)?;
    files::write_private(path, &text)
}

/// The holder. A file that is empty or torn is one that is just being written: it counts as fresh for a lease, by its
/// modification time.
fn read(path: &Path) -> Option<Lease> {
    let text = std::fs::read_to_string(path).ok()?;
    if let Ok(lease) = serde_json::from_str(&text) {
        return Some(lease);
    }
    let modified = std::fs::metadata(path).ok()?.modified().ok()?;
    let renewed_at = modified.duration_since(UNIX_EPOCH).ok()?.as_secs();
    Some(Lease { run: "starting".into(), host: String::new(), pid: 0, renewed_at })
}

/// The lease lapsed, or its process is gone from this host.
fn is_dead(lease: &Lease) -> bool {
    let lapsed = now().saturating_sub(lease.renewed_at) > LEASE.as_secs();
    lapsed || (lease.host == host() && lease.pid != std::process::id() && !is_running(lease.pid))
}

fn is_running(pid: u32) -> bool {
    // Without /proc nobody knows: then only the lease counts.
    !Path::new("/proc/self").exists() || Path::new("/proc").join(pid.to_string()).exists()
}

fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").map(|h| h.trim().to_string()).unwrap_or_default()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|d| d.as_secs()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn lease(pid: u32, renewed_at: u64) -> Lease {
        Lease { run: "other".into(), host: host(), pid, renewed_at }
    }

    #[tokio::test]
    async fn a_dead_process_of_this_host_is_taken_over_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("o-1.lock");
        // No process has this id: Linux' ids end far below.
        write(&path, &lease(u32::MAX, now())).unwrap();
        let lock = take(folder.path(), "o-1", "mine").await.unwrap();
        assert_eq!(read(&path).unwrap().run, "mine");
        drop(lock);
        assert!(!path.exists());
    }

    #[tokio::test(start_paused = true)]
    async fn a_living_holder_is_waited_for_and_then_named() {
        let folder = tempfile::tempdir().unwrap();
        let other = Lease { host: "elsewhere".into(), ..lease(7, now()) };
        write(&folder.path().join("o-1.lock"), &other).unwrap();
        let error = take(folder.path(), "o-1", "mine").await.err().unwrap();
        assert!(error.message.contains("run other (process 7 on elsewhere)"), "{}", error.message);
    }

    #[tokio::test]
    async fn a_lapsed_lease_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let other = Lease { host: "elsewhere".into(), ..lease(7, now() - 61) };
        write(&folder.path().join("o-1.lock"), &other).unwrap();
        assert!(take(folder.path(), "o-1", "mine").await.is_ok());
    }
}
