//! A plan in a file: an allow-list. Values are never executed from it.

use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::control::Change;
use crate::error::RunError;
use crate::report::{FORMAT_VERSION, Report, UnitReport};
use crate::units::{OutcomeKind, UnitId};

/// Key of the digest that a saved plan carries over everything else in it.
const DIGEST: &str = "plan_digest";

/// Writes a plan, readable by its owner only.
///
/// # Errors
/// The file cannot be written.
pub fn write(path: &Path, report: &Report) -> Result<(), RunError> {
    let cannot = |e: &dyn std::fmt::Display| {
        RunError::new(format!("cannot write the plan to {}: {e}", path.display()))
    };
    let mut value = serde_json::to_value(report).map_err(|e| cannot(&e))?;
    let digest = digest(&value);
    if let Some(object) = value.as_object_mut() {
        object.insert(DIGEST.into(), digest.into());
    }
    let text = serde_json::to_string_pretty(&value).map_err(|e| cannot(&e))?;
    crate::apply::files::write_private(path, text.as_bytes()).map_err(|e| cannot(&e))
}

/// Reads a plan that `write` made.
///
/// # Errors
/// It cannot be read, was changed since, or has another format.
pub fn read(path: &Path) -> Result<Report, RunError> {
    let name = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|e| RunError::new(format!("cannot read the plan {name}: {e}")))?;
    let mut value: serde_json::Value = serde_json::from_str(&text).map_err(|e| {
        RunError::new(format!("{name} is not a plan: {e}")).hint("make one with `orgbase plan --out PLAN`")
    })?;
    let version = value.get("format_version").and_then(serde_json::Value::as_u64);
    if version != Some(u64::from(FORMAT_VERSION)) {
        return Err(RunError::new(format!("{name} is not a plan of format version {FORMAT_VERSION}"))
            .hint("make it again with this version of orgbase: `orgbase plan --out PLAN`"));
    }
    let stored = value.as_object_mut().and_then(|o| o.shift_remove(DIGEST));
    if stored.as_ref().and_then(serde_json::Value::as_str) != Some(digest(&value).as_str()) {
        return Err(RunError::new(format!("{name} was changed since it was written"))
            .hint("a plan is applied as it was reviewed: make it again with `orgbase plan --out PLAN`"));
    }
    serde_json::from_value(value).map_err(|e| RunError::new(format!("{name} is not a plan: {e}")))
}

fn digest(value: &serde_json::Value) -> String {
    Sha256::digest(value.to_string().as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}

/// Which units a saved plan allows, and with which changes.
pub struct Allowed(BTreeMap<UnitId, (Vec<Change>, Option<String>)>);

impl Allowed {
    /// The units of `report` that drift.
    pub fn from_report(report: Report) -> Allowed {
        let drifting = report.units.into_iter().filter(|u| u.outcome == OutcomeKind::Drift);
        Allowed(drifting.map(|u| (u.id, (u.changes, u.fingerprint))).collect())
    }

    /// Whether the saved plan asks for just what `row` now asks for, of just the state that it was made from.
    pub fn permits(&self, row: &UnitReport) -> bool {
        self.0.get(&row.id).is_some_and(|(changes, fingerprint)| {
            *fingerprint == row.fingerprint && without_lines(changes) == without_lines(&row.changes)
        })
    }
}

/// The lines of the baseline are no part of what was approved; its digest is checked apart.
fn without_lines(changes: &[Change]) -> Vec<Change> {
    changes.iter().map(|c| Change { declared_at: None, ..c.clone() }).collect()
}
