//! The state file.
//!
//! ```text
//! FILE           line 1: header {format, version, id, spec}
//!                then one acknowledged write per line, in order
//! FILE.snapshot  {header, position, world}: the world after the first `position` bytes of FILE
//! ```
//!
//! The world is the organization that the header's spec describes, plus the writes, run again in their order. A snapshot
//! only saves time; it is replaced by a rename and never needed. Each write is one `write(2)` before its answer is sent, so
//! that a killed process loses nothing that it acknowledged; what a kill left of a last line is dropped.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{now, principal_from, principal_json};
use crate::error::RunError;
use crate::sandbox::services::cloudtrail::events::{Origin, origin_from, origin_json};
use crate::sandbox::spec::Spec;
use crate::sandbox::world::{Call, World};
use crate::sandbox::{generate, services};

const FORMAT: &str = "orgbase-sandbox";
const VERSION: u32 = 1;
/// Entries after which a snapshot is worth its time.
const LONG: u64 = 5_000;
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// An open and locked state file.
pub(super) struct StateFile {
    file: File,
    path: PathBuf,
    header: Header,
    /// Bytes in the file.
    position: u64,
    /// Entries that no snapshot covers.
    uncovered: u64,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Header {
    format: String,
    version: u32,
    /// Tells this organization's snapshot from another's.
    id: String,
    spec: Spec,
}

#[derive(Deserialize)]
struct Snapshot {
    header: Header,
    position: u64,
    world: World,
}

impl StateFile {
    /// Opens or makes a state file, and gives the world in it.
    pub(super) fn open(path: &Path, spec: &Spec) -> Result<(World, StateFile), RunError> {
        let failed = |error: io::Error| RunError::new(format!("sandbox state {}: {error}", path.display()));
        let mut file = open_options().open(path).map_err(failed)?;
        wait_for_lock(&file, path)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(failed)?;
        // an interrupted last write has no newline
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        text.truncate(whole);
        file.set_len(whole as u64).map_err(failed)?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        if text.is_empty() {
            return create(file, path, spec).map_err(|error| match error {
                Failed::Io(error) => failed(error),
                Failed::Run(error) => error,
            });
        }
        let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let header = read_header(first, path)?;
        let after_header = first.len() as u64 + 1;
        let mut open =
            StateFile { file, path: path.to_owned(), header, position: text.len() as u64, uncovered: 0 };
        let (mut world, start) = match open.read_snapshot() {
            Some(snapshot) => (snapshot.world, snapshot.position.max(after_header)),
            None => (generate::world(&open.header.spec)?, after_header),
        };
        let rest = text.get(usize::try_from(start).unwrap_or(usize::MAX)..).unwrap_or_default();
        open.uncovered = replay(&mut world, rest).map_err(|line| {
            RunError::new(format!("sandbox state {}: entry {line} cannot be read", path.display()))
                .hint("the file was changed by something else; delete it to begin with a new organization")
        })?;
        if open.uncovered > LONG {
            open.write_snapshot(&world).map_err(failed)?;
        }
        Ok((world, open))
    }

    /// Appends a write with one system call.
    pub(super) fn append(&mut self, call: &Call, origin: &Origin) -> io::Result<()> {
        let entry = json!({
            "a": call.account, "r": call.region, "p": principal_json(&call.principal),
            "s": call.service, "o": call.operation, "i": call.input, "t": call.now,
            "u": origin_json(origin),
        });
        let mut line = serde_json::to_vec(&entry)?;
        line.push(b'\n');
        if let Err(error) = self.file.write_all(&line) {
            // a full disk: what was written of the line must not spoil the next one
            self.file.set_len(self.position)?;
            self.file.seek(SeekFrom::Start(self.position))?;
            return Err(error);
        }
        self.position += line.len() as u64;
        self.uncovered += 1;
        Ok(())
    }

    /// Writes a snapshot where the log has become long.
    pub(super) fn close(&mut self, world: &World) -> io::Result<()> {
        if self.uncovered > LONG { self.write_snapshot(world) } else { Ok(()) }
    }

    fn snapshot_path(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".snapshot");
        name.into()
    }

    /// The snapshot, where there is one of this organization.
    fn read_snapshot(&self) -> Option<Snapshot> {
        let text = fs::read(self.snapshot_path()).ok()?;
        let snapshot: Snapshot = serde_json::from_slice(&text).ok()?;
        (snapshot.header == self.header && snapshot.position <= self.position).then_some(snapshot)
    }

    pub(super) fn write_snapshot(&mut self, world: &World) -> io::Result<()> {
        #[derive(Serialize)]
        struct Out<'a> {
            header: &'a Header,
            position: u64,
            world: &'a World,
        }
        let path = self.snapshot_path();
        let mut partial = path.clone().into_os_string();
        partial.push(".part");
        let mut options = open_options();
        let file = options.truncate(true).open(&partial)?;
        let mut writer = io::BufWriter::new(file);
        serde_json::to_writer(&mut writer, &Out { header: &self.header, position: self.position, world })?;
        writer.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&partial, &path)?;
        self.uncovered = 0;
        Ok(())
    }
}

enum Failed {
    Io(io::Error),
    Run(RunError),
}

fn create(mut file: File, path: &Path, spec: &Spec) -> Result<(World, StateFile), Failed> {
    let world = generate::world(spec).map_err(Failed::Run)?;
    let id = format!("{:x}-{:x}", now().to_bits(), std::process::id());
    let header = Header { format: FORMAT.to_owned(), version: VERSION, id, spec: spec.clone() };
    let mut line = serde_json::to_vec(&header).map_err(|error| Failed::Io(error.into()))?;
    line.push(b'\n');
    file.write_all(&line).map_err(Failed::Io)?;
    Ok((world, StateFile { file, path: path.to_owned(), header, position: line.len() as u64, uncovered: 0 }))
}

/// Readable by the owner alone: an organization may be modelled on a real one.
fn open_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn wait_for_lock(file: &File, path: &Path) -> Result<(), RunError> {
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_WAIT => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(RunError::new(format!(
                    "sandbox state {} is in use by another process",
                    path.display()
                ))
                .hint("wait for it, stop it, or use another file: --sandbox=FILE"));
            }
            Err(TryLockError::Error(error)) => {
                return Err(RunError::new(format!(
                    "sandbox state {}: cannot lock it: {error}",
                    path.display()
                )));
            }
        }
    }
}

fn read_header(line: &[u8], path: &Path) -> Result<Header, RunError> {
    let value: Value = serde_json::from_slice(line).unwrap_or_default();
    if value.get("format").and_then(Value::as_str) != Some(FORMAT) {
        return Err(RunError::new(format!("{} is not a sandbox state file", path.display()))
            .hint("name another file; a missing one is made"));
    }
    let version = value.get("version").and_then(Value::as_u64);
    if version != Some(u64::from(VERSION)) {
        let found = version.map_or_else(|| "unknown".to_owned(), |number| number.to_string());
        return Err(RunError::new(format!(
            "sandbox state {} has format version {found}, this program writes {VERSION}",
            path.display()
        ))
        .hint("delete it to begin with a new organization"));
    }
    serde_json::from_value(value)
        .map_err(|error| RunError::new(format!("sandbox state {}: header: {error}", path.display())))
}

/// Runs the logged writes again. Returns their number, or that of the entry that cannot be read.
fn replay(world: &mut World, log: &[u8]) -> Result<u64, u64> {
    let mut count = 0;
    for line in log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        count += 1;
        let (call, origin) = read_entry(line).ok_or(count)?;
        match services::write(world, &call, &origin) {
            Some(Ok(_)) => {}
            other => {
                let (service, operation) = (&call.service, &call.operation);
                tracing::warn!(service, operation, reply = ?other, "a logged write of the sandbox fails when it is run again");
            }
        }
    }
    Ok(count)
}

fn read_entry(line: &[u8]) -> Option<(Call, Origin)> {
    let mut entry: Value = serde_json::from_slice(line).ok()?;
    let text = |name: &str| entry.get(name).and_then(Value::as_str).map(str::to_owned);
    let origin = origin_from(entry.get("u"));
    let call = Call {
        account: text("a")?,
        region: text("r")?,
        principal: principal_from(entry.get("p")?),
        service: text("s")?,
        operation: text("o")?,
        now: entry.get("t")?.as_f64()?,
        input: entry.get_mut("i")?.take(),
    };
    Some((call, origin))
}
