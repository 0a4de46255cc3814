//! What a run is about to write, on disk before it is written: `RUN_DIR/runs/RUN/journal.jsonl`; in S3, `store` says how.
//!
//! The first line says which run; then one line per unit before its first write, and one with its outcome at the end.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use super::files;
use crate::control::{BoxFuture, Record};
use crate::error::{Kind, RunError, UnitError};
use crate::report::{FORMAT_VERSION, UnitReport};
use crate::units::UnitId;

/// The open journal of a run. Clones write to the same one.
#[derive(Clone)]
pub struct Journal {
    lines: Arc<dyn Lines>,
    /// Fingerprints of what was read back, until the end.
    left: Arc<Mutex<BTreeMap<UnitId, String>>>,
}

/// Where a journal's lines go.
pub(super) trait Lines: Send + Sync {
    /// Adds whole lines; they survive a crash when this is done. After an error none of them is there.
    fn append(&self, lines: String) -> BoxFuture<'_, Result<(), RunError>>;
}

/// Which run a journal belongs to.
pub struct Head<'a> {
    /// Run id.
    pub run: &'a str,
    /// Organization id.
    pub organization_id: &'a str,
    /// `apply`, `drift` or `vend`.
    pub command: &'a str,
    /// RFC 3339.
    pub started_at: &'a str,
    /// Digest of the baseline.
    pub baseline_digest: &'a str,
}

impl Journal {
    /// Opens a new journal in a folder.
    ///
    /// # Errors
    /// The run folder cannot be written.
    pub fn open(run_dir: &Path, head: &Head<'_>) -> Result<Journal, RunError> {
        let folder = run_dir.join("runs").join(head.run);
        let path = folder.join("journal.jsonl");
        let cannot = |e: &std::io::Error| cannot_write(&path, e);
        files::private_folder(&folder).map_err(|e| cannot(&e))?;
        let file = files::create_private(&path).map_err(|e| cannot(&e))?;
        let lines = LinesFile { file: Mutex::new(file), path: path.clone() };
        lines.write(&head.line()).map_err(|e| cannot(&e))?;
        // The name of the file has to survive as its lines do.
        File::open(&folder).and_then(|folder| folder.sync_all()).map_err(|e| cannot(&e))?;
        Ok(Journal::on(Box::new(lines)))
    }

    /// A journal whose lines go elsewhere.
    pub(super) fn on(lines: Box<dyn Lines>) -> Journal {
        Journal { lines: Arc::from(lines), left: Arc::default() }
    }

    /// Writes the first line.
    pub(super) async fn begin(&self, head: &Head<'_>) -> Result<(), RunError> {
        self.lines.append(head.line()).await
    }

    /// Writes down what a unit is about to change; it survives a crash when this is done.
    ///
    /// # Errors
    /// The disk is full or gone: the unit must not write.
    pub async fn write(&self, unit: &UnitId, record: &Record) -> Result<(), UnitError> {
        let line = json!({
            "unit": unit,
            "before": record.before,
            "after": record.after,
            "changes": record.diff.changes,
        });
        self.lines.append(format!("{line}\n")).await.map_err(|e| {
            UnitError::new(Kind::Rejected, e.message).hint(
                "nothing was changed by this unit: a change is only made when the journal can tell of it",
            )
        })
    }

    /// Remembers the fingerprint of what was read back of a unit: `undo` knows by it whether somebody changed it since.
    pub fn left(&self, unit: &UnitId, fingerprint: String) {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).insert(unit.clone(), fingerprint);
    }

    /// Writes down how the units that were written ended; best effort, nothing depends on it.
    pub async fn finish(&self, rows: &[UnitReport]) {
        let ended = rows.iter().filter(|r| !r.changes.is_empty());
        let left = std::mem::take(&mut *self.left.lock().unwrap_or_else(PoisonError::into_inner));
        let lines = ended.fold(String::new(), |lines, r| {
            let line = json!({ "unit": r.id, "outcome": r.outcome, "left": left.get(&r.id) });
            lines + &line.to_string() + "\n"
        });
        if lines.is_empty() {
            return;
        }
        if let Err(error) = self.lines.append(lines).await {
            tracing::warn!(%error, "the journal could not be finished");
        }
    }
}

impl Head<'_> {
    fn line(&self) -> String {
        let line = json!({
            "format_version": FORMAT_VERSION,
            "run": self.run,
            "organization_id": self.organization_id,
            "command": self.command,
            "started_at": self.started_at,
            "baseline_digest": self.baseline_digest,
        });
        format!("{line}\n")
    }
}

/// A journal in a file.
struct LinesFile {
    file: Mutex<File>,
    path: PathBuf,
}

impl LinesFile {
    fn write(&self, lines: &str) -> std::io::Result<()> {
        let mut file =
            self.file.lock().map_err(|_| std::io::Error::other("a writer of the journal panicked"))?;
        let end = file.stream_position()?;
        let written = file.write_all(lines.as_bytes()).and_then(|()| file.sync_data());
        if written.is_err() {
            // Half a line would swallow the next one: whoever reads the journal later needs every line whole.
            file.set_len(end)?;
            file.seek(SeekFrom::Start(end))?;
        }
        written
    }
}

impl Lines for LinesFile {
    fn append(&self, lines: String) -> BoxFuture<'_, Result<(), RunError>> {
        Box::pin(std::future::ready(self.write(&lines).map_err(|e| cannot_write(&self.path, &e))))
    }
}

fn cannot_write(path: &Path, error: &std::io::Error) -> RunError {
    RunError::new(format!("cannot write the journal {}: {error}", path.display()))
        .hint("nothing was changed; name a folder that can be written with --run-dir")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::Value;

    use super::*;
    use crate::control::Diff;

    #[tokio::test]
    async fn a_record_is_on_disk_before_the_write() {
        let folder = tempfile::tempdir().unwrap();
        let head = Head {
            run: "r1",
            organization_id: "o-1",
            command: "apply",
            started_at: "now",
            baseline_digest: "d",
        };
        let journal = Journal::open(folder.path(), &head).unwrap();
        let unit = UnitId {
            control: "ous".into(),
            part: "/A".into(),
            account: "111111111111".into(),
            region: "eu-west-1".into(),
        };
        let record = Record { before: Value::Null, after: json!({"name": "A"}), diff: Diff::new() };
        journal.write(&unit, &record).await.unwrap();
        let text = std::fs::read_to_string(folder.path().join("runs/r1/journal.jsonl")).unwrap();
        let lines: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(lines[0]["organization_id"], "o-1");
        assert_eq!((&lines[1]["unit"]["part"], &lines[1]["after"]["name"]), (&json!("/A"), &json!("A")));
    }

    #[test]
    fn an_unwritable_folder_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("taken");
        std::fs::write(&file, "").unwrap();
        let head = Head {
            run: "r1",
            organization_id: "o-1",
            command: "apply",
            started_at: "now",
            baseline_digest: "d",
        };
        let error = Journal::open(&file, &head).err().unwrap();
        assert!(error.message.contains("taken"), "{}", error.message);
    }
}
