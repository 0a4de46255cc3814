//! Where a run's journals and locks are: a local folder, or a prefix in an S3 bucket.
//!
//! `--run-dir .orgbase` is a folder; `--run-dir s3://BUCKET/PREFIX` lets runs on several machines exclude each other and
//! keeps their journals in one place. What is written there is never counted as a change.

use std::path::{Path, PathBuf};

use super::bucket::{Address, Bucket};
use super::journal::{Head, Journal};
use super::{files, lock};
use crate::aws::Aws;
use crate::control::BoxFuture;
use crate::error::RunError;
use crate::units::Cancel;

/// Locks and journals of one place.
pub trait RunStore: Send + Sync {
    /// Takes the lock of an organization. `cancel` is set when another run took it over.
    fn lock<'a>(
        &'a self,
        organization_id: &'a str,
        run: &'a str,
        cancel: &'a Cancel,
    ) -> BoxFuture<'a, Result<Box<dyn Held>, RunError>>;

    /// Opens the journal of a run, which must be new.
    fn journal<'a>(&'a self, head: &'a Head<'a>) -> BoxFuture<'a, Result<Journal, RunError>>;

    /// Ids of the runs that have a journal, oldest first.
    fn runs(&self) -> BoxFuture<'_, Result<Vec<String>, RunError>>;

    /// The lines of a run's journal.
    fn read_journal<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<String, RunError>>;
}

/// A held lock.
pub trait Held: Send + Sync {
    /// Gives it back. One that is only dropped lapses after its lease.
    fn release(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// The store that `--run-dir` names.
///
/// # Errors
/// An `s3://` address that is none.
pub async fn open(run_dir: &Path, aws: &Aws, region: &str) -> Result<Box<dyn RunStore>, RunError> {
    match Address::parse(run_dir)? {
        Some(address) => Ok(Box::new(Bucket::connect(address, aws, region).await?)),
        None => Ok(Box::new(Folder(run_dir.to_owned()))),
    }
}

/// A local folder.
struct Folder(PathBuf);

impl RunStore for Folder {
    fn lock<'a>(
        &'a self,
        organization_id: &'a str,
        run: &'a str,
        cancel: &'a Cancel,
    ) -> BoxFuture<'a, Result<Box<dyn Held>, RunError>> {
        Box::pin(async move {
            let lock = lock::take(&self.0, organization_id, run, cancel).await?;
            Ok(Box::new(lock) as Box<dyn Held>)
        })
    }

    fn journal<'a>(&'a self, head: &'a Head<'a>) -> BoxFuture<'a, Result<Journal, RunError>> {
        Box::pin(async move { Journal::open(&self.0, head) })
    }

    fn runs(&self) -> BoxFuture<'_, Result<Vec<String>, RunError>> {
        Box::pin(async move {
            let folder = self.0.join("runs");
            let cannot = |e| RunError::new(format!("cannot read the run folder {}: {e}", folder.display()));
            let entries = match std::fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
                Err(e) => return Err(cannot(e)),
            };
            let mut runs = Vec::new();
            for entry in entries {
                let path = entry.map_err(cannot)?.path();
                if path.join("journal.jsonl").is_file() {
                    runs.extend(path.file_name().map(|name| name.to_string_lossy().into_owned()));
                }
            }
            runs.sort();
            Ok(runs)
        })
    }

    fn read_journal<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<String, RunError>> {
        Box::pin(async move {
            let path = self.0.join("runs").join(run).join("journal.jsonl");
            std::fs::read_to_string(&path)
                .map_err(|e| RunError::new(format!("cannot read the journal {}: {e}", path.display())))
        })
    }
}

impl Held for lock::Lock {
    fn release(self: Box<Self>) -> BoxFuture<'static, ()> {
        drop(self);
        Box::pin(std::future::ready(()))
    }
}

/// The IAM statements that a run folder needs in the management account; none for a local one.
///
/// # Errors
/// An `s3://` address that is none.
pub fn statements(run_dir: &Path) -> Result<Vec<serde_json::Value>, RunError> {
    Ok(Address::parse(run_dir)?.map(|address| address.statements()).unwrap_or_default())
}

/// Reads a whole file, local or `s3://BUCKET/KEY`; saved plans may be either.
///
/// # Errors
/// It cannot be read.
pub async fn read_file(path: &Path, aws: &Aws, region: &str) -> Result<String, RunError> {
    let cannot = |e: &dyn std::fmt::Display| RunError::new(format!("cannot read {}: {e}", path.display()));
    let Some(address) = Address::parse(path)? else {
        return std::fs::read_to_string(path).map_err(|e| cannot(&e));
    };
    let bucket = Bucket::connect(address, aws, region).await?;
    String::from_utf8(bucket.read_whole().await?).map_err(|e| cannot(&e))
}

/// Writes a whole file, local (mode 0600) or `s3://BUCKET/KEY`; one that is there is replaced.
///
/// # Errors
/// It cannot be written.
pub async fn write_file(path: &Path, text: &str, aws: &Aws, region: &str) -> Result<(), RunError> {
    match Address::parse(path)? {
        Some(address) => Bucket::connect(address, aws, region).await?.write_whole(text.as_bytes()).await,
        None => files::write_private(path, text.as_bytes())
            .map_err(|e| RunError::new(format!("cannot write {}: {e}", path.display()))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn runs_of_a_folder_are_those_with_a_journal() {
        let folder = tempfile::tempdir().unwrap();
        let store = Folder(folder.path().to_owned());
        assert_eq!(store.runs().await.unwrap(), Vec::<String>::new());
        let head = |run| Head {
            run,
            organization_id: "o-1",
            command: "apply",
            started_at: "now",
            baseline_digest: "d",
        };
        for run in ["r2", "r1"] {
            drop(store.journal(&head(run)).await.unwrap());
        }
        std::fs::create_dir(folder.path().join("runs/empty")).unwrap();
        assert_eq!(store.runs().await.unwrap(), ["r1", "r2"]);
        assert!(store.read_journal("r1").await.unwrap().contains("\"run\":\"r1\""));
        assert!(store.read_journal("empty").await.is_err());
    }
}
