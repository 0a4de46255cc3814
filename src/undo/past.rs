//! What a run did, from its journal.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::control::Change;
use crate::error::RunError;
use crate::report::FORMAT_VERSION;
use crate::units::{OutcomeKind, UnitId};

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub struct Past {
    /// Run id.
    pub run: String,
    /// Organization id.
    pub organization_id: String,
    /// `apply`, `drift`, `vend` or `undo`.
    pub command: String,
    /// RFC 3339.
    pub started_at: String,
    /// Digest of its baseline.
    pub baseline_digest: String,
    /// What it wrote, in the order in which the writes began.
    pub units: Vec<Entry>,
}

/// What it wrote of one unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Which unit.
    pub id: UnitId,
    /// What was there, as the control reads it.
    pub before: Value,
    /// The changes that were made.
    pub changes: Vec<Change>,
    /// How it ended; `None`: the run was killed before it could say.
    pub outcome: Option<OutcomeKind>,
    /// Fingerprint of what was read back.
    pub left: Option<String>,
}

impl Entry {
    /// A second write of the same run begins from what the first left.
    fn add(&mut self, changes: Vec<Change>) {
        for change in changes {
            match self.changes.iter_mut().find(|known| known.path == change.path) {
                Some(known) => known.after = change.after,
                None => self.changes.push(change),
            }
        }
    }
}

/// The first line.
#[derive(Deserialize)]
struct Head {
    format_version: u32,
    run: String,
    organization_id: String,
    command: String,
    started_at: String,
    baseline_digest: String,
}

/// Any other line: before the write (`before` and `changes`), or how it ended (`outcome`).
#[derive(Deserialize)]
struct Line {
    unit: UnitId,
    before: Option<Value>,
    #[serde(default)]
    changes: Vec<Change>,
    outcome: Option<OutcomeKind>,
    left: Option<String>,
}

impl Past {
    /// Reads a journal. A last line that was cut off by a kill is left out: its write never began.
    ///
    /// # Errors
    /// It is no journal, or one of another version.
    pub fn parse(text: &str) -> Result<Past, RunError> {
        let mut lines = text.lines().filter(|line| !line.trim().is_empty());
        let head = lines.next().and_then(|line| serde_json::from_str::<Head>(line).ok());
        let head =
            head.ok_or_else(|| RunError::new("the journal has no first line that says which run it is"))?;
        if head.format_version != FORMAT_VERSION {
            return Err(RunError::new(format!(
                "the journal of run {} has format version {}, this orgbase reads {FORMAT_VERSION}",
                head.run, head.format_version
            )));
        }
        let mut units: Vec<Entry> = Vec::new();
        let mut index: BTreeMap<UnitId, usize> = BTreeMap::new();
        let rest: Vec<&str> = lines.collect();
        for (n, line) in rest.iter().enumerate() {
            let line: Line = match serde_json::from_str(line) {
                Ok(line) => line,
                Err(_) if n + 1 == rest.len() => break,
                Err(e) => {
                    return Err(RunError::new(format!(
                        "line {} of the journal of run {}: {e}",
                        n + 2,
                        head.run
                    )));
                }
            };
            let known = index.get(&line.unit).copied();
            match (known.and_then(|at| units.get_mut(at)), line.outcome) {
                (Some(entry), Some(outcome)) => {
                    entry.outcome = Some(outcome);
                    entry.left = line.left;
                }
                (None, None) => {
                    index.insert(line.unit.clone(), units.len());
                    let (id, before, changes) = (line.unit, line.before.unwrap_or_default(), line.changes);
                    units.push(Entry { id, before, changes, outcome: None, left: None });
                }
                // A unit that wrote nothing.
                (None, Some(_)) => {}
                (Some(entry), None) => entry.add(line.changes),
            }
        }
        let Head { run, organization_id, command, started_at, baseline_digest, .. } = head;
        Ok(Past { run, organization_id, command, started_at, baseline_digest, units })
    }

    /// How many changes it made.
    pub fn changes(&self) -> usize {
        self.units.iter().map(|unit| unit.changes.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    const HEAD: &str = r#"{"format_version":1,"run":"r1","organization_id":"o-1","command":"apply","started_at":"t","baseline_digest":"d"}"#;
    const UNIT: &str = r#""unit":{"control":"c","part":"","account":"1","region":"r"}"#;

    fn journal(lines: &[String]) -> String {
        std::iter::once(HEAD.to_owned()).chain(lines.iter().cloned()).collect::<Vec<_>>().join("\n")
    }

    fn write() -> String {
        let change = r#"{"path":"x","before":1,"after":2,"effect":"update","risk":"normal"}"#;
        format!(r#"{{{UNIT},"before":{{"x":1}},"after":{{"x":2}},"changes":[{change}]}}"#)
    }

    #[test]
    fn a_write_and_its_end_are_one_unit() {
        let end = format!(r#"{{{UNIT},"outcome":"applied","left":"f"}}"#);
        let past = Past::parse(&journal(&[write(), end])).unwrap();
        assert_eq!((past.run.as_str(), past.command.as_str(), past.changes()), ("r1", "apply", 1));
        assert_eq!(past.units[0].outcome, Some(OutcomeKind::Applied));
        assert_eq!(past.units[0].left.as_deref(), Some("f"));
    }

    #[test]
    fn half_a_last_line_is_left_out_and_half_another_line_is_an_error() {
        let cut = write()[..30].to_owned();
        assert_eq!(Past::parse(&journal(&[write(), cut.clone()])).unwrap().units.len(), 1);
        assert!(Past::parse(&journal(&[cut, write()])).is_err());
        assert!(Past::parse("").is_err());
    }

    #[test]
    fn a_unit_that_wrote_nothing_is_not_listed() {
        let end = format!(r#"{{{UNIT},"outcome":"stale"}}"#);
        assert_eq!(Past::parse(&journal(&[end])).unwrap().units, Vec::new());
    }
}
