//! One writer per organization and run folder: a lease in a file.
//!
//! The holder renews it every 20 s; it lapses after 60 s. A dead process of the same host is taken over at once. A second
//! run waits up to 60 s and then gives up. Whoever looks at the file in order to change it holds an advisory lock on a second
//! file (`.guard`, which stays) for that moment: of two runs that find one dead lease, one takes it.

use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::files;
use crate::error::RunError;
use crate::report::text::safe;
use crate::units::Cancel;

/// How long a lease lasts.
pub(super) const LEASE: Duration = Duration::from_mins(1);
/// How often its holder renews it.
pub(super) const RENEW: Duration = Duration::from_secs(20);
/// How long a second run waits.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(500);

/// What the lock says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lease {
    run: String,
    host: String,
    /// Where `pid` means something: this boot of this machine, and the container in it.
    #[serde(default)]
    machine: String,
    pid: u32,
    /// Seconds since 1970, UTC; 0: given back.
    renewed_at: u64,
    /// Grows with each renewal: two of them within one second must not look the same.
    #[serde(default)]
    renewals: u64,
}

impl Lease {
    /// Of this process, not yet renewed.
    pub(super) fn mine(run: &str) -> Lease {
        Lease {
            run: run.to_owned(),
            host: host(),
            machine: machine(),
            pid: std::process::id(),
            renewed_at: 0,
            renewals: 0,
        }
    }

    pub(super) fn renew(&mut self) {
        self.renewed_at = now();
        self.renewals += 1;
    }

    /// The same, given back.
    pub(super) fn free(&self) -> Lease {
        Lease { renewed_at: 0, ..self.clone() }
    }

    /// Whether it is the same run's.
    pub(super) fn is_of(&self, other: &Lease) -> bool {
        self.run == other.run && self.machine == other.machine && self.pid == other.pid
    }

    /// The lease lapsed by more than `skew`, or its process is gone from this machine.
    pub(super) fn is_dead(&self, skew: Duration) -> bool {
        let lapsed = now().saturating_sub(self.renewed_at) >= (LEASE + skew).as_secs();
        let here = self.machine == machine() && !self.machine.is_empty();
        lapsed || (here && self.pid != std::process::id() && !is_running(self.pid))
    }

    /// For messages.
    pub(super) fn describe(&self) -> String {
        format!("run {} (process {} on {})", self.run, self.pid, self.host)
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Lease> {
        serde_json::from_slice(bytes).ok()
    }
}

/// A held lock; given back when it is dropped.
pub struct Lock {
    path: PathBuf,
    run: String,
    renewal: JoinHandle<()>,
}

/// Takes the lock of an organization. `cancel` is set when another run took it over, which happens only to a process that was
/// stopped for longer than the lease, and when it could not be renewed for so long.
///
/// # Errors
/// Another run holds it for more than a minute, or the folder cannot be written.
pub async fn take(
    run_dir: &Path,
    organization_id: &str,
    run: &str,
    cancel: &Cancel,
) -> Result<Lock, RunError> {
    let path = run_dir.join(format!("{organization_id}.lock"));
    let cannot = |e: &std::io::Error| {
        RunError::new(format!("cannot write the lock {}: {e}", path.display()))
            .hint("nothing was changed; name a folder that can be written with --run-dir")
    };
    files::private_folder(run_dir).map_err(|e| cannot(&e))?;
    let mut lease = Lease::mine(run);
    let started = Instant::now();
    let mut told = false;
    loop {
        lease.renew();
        let Some(holder) = attempt(&path, &lease).map_err(|e| cannot(&e))? else { break };
        if started.elapsed() >= PATIENCE {
            return Err(held(&path, &holder));
        }
        if !told {
            tell_waiting(&holder.describe());
            told = true;
        }
        tokio::time::sleep(POLL).await;
    }
    let renewal = tokio::spawn(renew(path.clone(), lease, cancel.clone()));
    Ok(Lock { path, run: run.to_string(), renewal })
}

/// Says once why nothing happens.
pub(super) fn tell_waiting(holder: &str) {
    tracing::warn!("waiting for the lock of this organization: {} holds it", safe(holder));
}

/// Writes the lease where nobody alive holds the lock; else says who does.
fn attempt(path: &Path, lease: &Lease) -> std::io::Result<Option<Lease>> {
    let _guard = guard(path)?;
    match read(path)? {
        Some(holder) if !holder.is_dead(Duration::ZERO) => Ok(Some(holder)),
        _ => write(path, lease).map(|()| None),
    }
}

/// The right to look and change: until the file is dropped, or its process ends.
fn guard(path: &Path) -> std::io::Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path.with_extension("guard"))?;
    file.lock()?;
    Ok(file)
}

fn held(path: &Path, holder: &Lease) -> RunError {
    let who = holder.describe();
    RunError::new(format!("another run works on this organization: {who} holds {}", path.display()))
        .hint("wait until it has ended and run the command again")
}

async fn renew(path: PathBuf, mut lease: Lease, cancel: Cancel) {
    let mut renewed = Instant::now();
    loop {
        tokio::time::sleep(RENEW).await;
        lease.renew();
        if !is_kept(renew_once(&path, &lease), &mut renewed) {
            cancel.cancel();
            return;
        }
    }
}

/// Whether the lock is still ours after it should have been renewed: `false` in `answer` is another run's lock. `renewed` is when
/// it was last.
pub(super) fn is_kept<E: Display>(answer: Result<bool, E>, renewed: &mut Instant) -> bool {
    match answer {
        Ok(true) => {
            *renewed = Instant::now();
            true
        }
        Ok(false) => {
            tracing::error!("another run took the lock over: no further unit is started");
            false
        }
        Err(error) if renewed.elapsed() < LEASE => {
            tracing::warn!(%error, "the lock could not be renewed");
            true
        }
        // From now on another run may take it.
        Err(error) => {
            tracing::error!(%error, "the lock could not be renewed for a minute: no further unit is started");
            false
        }
    }
}

/// False where the lock is another run's.
fn renew_once(path: &Path, lease: &Lease) -> std::io::Result<bool> {
    let _guard = guard(path)?;
    if read(path)?.is_some_and(|holder| holder.run != lease.run) {
        return Ok(false);
    }
    write(path, lease).map(|()| true)
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.renewal.abort();
        let Ok(_guard) = guard(&self.path) else { return };
        if read(&self.path).is_ok_and(|holder| holder.is_some_and(|lease| lease.run == self.run)) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn write(path: &Path, lease: &Lease) -> std::io::Result<()> {
    files::write_private(path, &lease.to_bytes())
}

/// The holder, where there is one. A file that says nothing counts as fresh for a lease, by its modification time.
fn read(path: &Path) -> std::io::Result<Option<Lease>> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    if let Ok(lease) = serde_json::from_slice(&text) {
        return Ok(Some(lease));
    }
    let modified = std::fs::metadata(path)?.modified()?;
    let renewed_at = modified.duration_since(UNIX_EPOCH).map(|d| d.as_secs()).unwrap_or_default();
    Ok(Some(Lease {
        run: "unknown".into(),
        host: String::new(),
        machine: String::new(),
        pid: 0,
        renewed_at,
        renewals: 0,
    }))
}

fn is_running(pid: u32) -> bool {
    // Without /proc nobody knows: then only the lease counts.
    !Path::new("/proc/self").exists() || Path::new("/proc").join(pid.to_string()).exists()
}

fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").map(|h| h.trim().to_string()).unwrap_or_default()
}

/// Hosts of a fleet share names, and containers of a host share its boot: a process id is looked up only where all of it
/// agrees.
fn machine() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let ids = std::fs::read_link("/proc/self/ns/pid").map(|p| p.display().to_string()).unwrap_or_default();
    if boot.is_empty() { host() } else { format!("{} {ids}", boot.trim()) }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|d| d.as_secs()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn lease(pid: u32, renewed_at: u64) -> Lease {
        Lease { run: "other".into(), host: host(), machine: machine(), pid, renewed_at, renewals: 0 }
    }

    #[tokio::test]
    async fn a_dead_process_of_this_host_is_taken_over_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("o-1.lock");
        // No process has this id: Linux' ids end far below.
        write(&path, &lease(u32::MAX, now())).unwrap();
        let lock = take(folder.path(), "o-1", "mine", &Cancel::default()).await.unwrap();
        assert_eq!(read(&path).unwrap().unwrap().run, "mine");
        drop(lock);
        assert!(!path.exists());
    }

    #[tokio::test(start_paused = true)]
    async fn a_living_holder_is_waited_for_and_then_named() {
        let folder = tempfile::tempdir().unwrap();
        let other = Lease { host: "elsewhere".into(), machine: "another".into(), ..lease(7, now()) };
        write(&folder.path().join("o-1.lock"), &other).unwrap();
        let error = take(folder.path(), "o-1", "mine", &Cancel::default()).await.err().unwrap();
        assert!(error.message.contains("run other (process 7 on elsewhere)"), "{}", error.message);
    }

    #[tokio::test]
    async fn a_lapsed_lease_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let other = Lease { host: "elsewhere".into(), machine: "another".into(), ..lease(7, now() - 61) };
        write(&folder.path().join("o-1.lock"), &other).unwrap();
        assert!(take(folder.path(), "o-1", "mine", &Cancel::default()).await.is_ok());
    }

    /// Nobody gives it back: whoever waits has it as soon as the lease is over, and not before.
    #[tokio::test]
    async fn a_lease_that_nobody_renews_expires_while_another_run_waits() {
        let folder = tempfile::tempdir().unwrap();
        let left = 2;
        let renewed_at = now() - (LEASE.as_secs() - left);
        let other = Lease { host: "elsewhere".into(), machine: "another".into(), ..lease(7, renewed_at) };
        write(&folder.path().join("o-1.lock"), &other).unwrap();
        let started = std::time::Instant::now();
        assert!(take(folder.path(), "o-1", "mine", &Cancel::default()).await.is_ok());
        let waited = started.elapsed();
        assert!(
            waited >= Duration::from_secs(left - 1) && waited < Duration::from_secs(left + 20),
            "{waited:?}"
        );
    }

    #[test]
    fn of_many_that_find_a_dead_lease_one_takes_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("o-1.lock");
        for round in 0..20 {
            write(&path, &lease(u32::MAX, now())).unwrap();
            let barrier = std::sync::Barrier::new(8);
            let taken = std::thread::scope(|scope| {
                let one = |n: u32| {
                    let (path, barrier) = (&path, &barrier);
                    scope.spawn(move || {
                        let mine = Lease { run: format!("r{n}"), ..lease(std::process::id(), now()) };
                        barrier.wait();
                        attempt(path, &mine).unwrap().is_none()
                    })
                };
                let threads: Vec<_> = (0..8).map(one).collect();
                threads.into_iter().map(|t| t.join().unwrap()).filter(|taken| *taken).count()
            });
            assert_eq!(taken, 1, "round {round}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_cannot_renew_its_lock_ends_with_the_lease() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("o-1.lock");
        let cancel = Cancel::default();
        let lock = take(folder.path(), "o-1", "mine", &cancel).await.unwrap();
        // A file that can be neither read nor replaced, whoever runs the test.
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        tokio::time::sleep(LEASE.saturating_sub(POLL)).await;
        assert!(!cancel.is_cancelled(), "the lease lasts still");
        tokio::time::sleep(RENEW).await;
        assert!(cancel.is_cancelled());
        drop(lock);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lock_that_was_taken_over_is_not_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("o-1.lock");
        let cancel = Cancel::default();
        let lock = take(folder.path(), "o-1", "mine", &cancel).await.unwrap();
        let other = lease(std::process::id(), now());
        write(&path, &other).unwrap();
        tokio::time::sleep(RENEW + POLL).await;
        assert!(cancel.is_cancelled());
        drop(lock);
        assert_eq!(read(&path).unwrap(), Some(other));
    }
}
