//! A plan in a file: an allow-list. Values are never executed from it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::control::Change;
use crate::digest::sha256_hex;
use crate::error::RunError;
use crate::report::{FORMAT_VERSION, Report, UnitReport};
use crate::units::{OutcomeKind, Unit, UnitId};

/// Key of the digest that a saved plan carries over everything else in it.
const DIGEST: &str = "plan_digest";

/// A plan as it is written.
///
/// # Errors
/// It cannot be expressed as JSON, which is a defect.
pub fn to_text(report: &Report) -> Result<String, RunError> {
    let cannot = |e: &dyn std::fmt::Display| RunError::new(format!("cannot write the plan: {e}"));
    let mut value = serde_json::to_value(report).map_err(|e| cannot(&e))?;
    let digest = digest(&value);
    if let Some(object) = value.as_object_mut() {
        object.insert(DIGEST.into(), digest.into());
    }
    serde_json::to_string_pretty(&value).map_err(|e| cannot(&e))
}

/// Writes a plan to a local file, readable by its owner only.
///
/// # Errors
/// The file cannot be written.
pub fn write(path: &Path, report: &Report) -> Result<(), RunError> {
    let cannot =
        |e: &std::io::Error| RunError::new(format!("cannot write the plan to {}: {e}", path.display()));
    crate::apply::files::write_private(path, to_text(report)?.as_bytes()).map_err(|e| cannot(&e))
}

/// Reads a plan from a local file.
///
/// # Errors
/// It cannot be read, was changed since, or has another format.
pub fn read(path: &Path) -> Result<Report, RunError> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| RunError::new(format!("cannot read the plan {}: {e}", path.display())))?;
    parse(&text, path)
}

/// The plan that `to_text` wrote; `path` names it in messages.
///
/// # Errors
/// It was changed since, or has another format.
pub fn parse(text: &str, path: &Path) -> Result<Report, RunError> {
    let name = path.display();
    let mut value: serde_json::Value = serde_json::from_str(text).map_err(|e| {
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

/// Says which changes of a saved plan have no unit any more, such as those in an account that has left: nobody makes them.
pub fn lost(report: &Report, units: &[Unit]) -> Vec<String> {
    let there: BTreeSet<&UnitId> = units.iter().map(|unit| &unit.id).collect();
    let planned = report.units.iter().filter(|row| row.outcome == OutcomeKind::Drift);
    let lost = planned.filter(|row| !there.contains(&row.id));
    lost.map(|row| format!("the saved plan changes {}, which is not there any more: it is left out", row.id))
        .collect()
}

fn digest(value: &serde_json::Value) -> String {
    sha256_hex(value.to_string().as_bytes())
}

/// The changes of a unit that drifts, and the fingerprint of the state that they were made from.
type Permit = (Vec<Change>, Option<String>);

/// What a saved plan is about, and which changes it allows.
pub struct Allowed {
    /// Every unit of the plan; the changes and the fingerprint of those that drift.
    units: BTreeMap<UnitId, Option<Permit>>,
}

impl Allowed {
    /// The units of `report`; those that drift are allowed to change.
    pub fn from_report(report: Report) -> Allowed {
        let entry =
            |u: UnitReport| (u.id, (u.outcome == OutcomeKind::Drift).then_some((u.changes, u.fingerprint)));
        Allowed { units: report.units.into_iter().map(entry).collect() }
    }

    /// Whether the plan is about this unit at all.
    pub fn holds(&self, id: &UnitId) -> bool {
        self.units.contains_key(id)
    }

    /// Whether the saved plan asks for just what `row` now asks for, of just the state that it was made from.
    pub fn permits(&self, row: &UnitReport) -> bool {
        self.units.get(&row.id).and_then(Option::as_ref).is_some_and(|(changes, fingerprint)| {
            *fingerprint == row.fingerprint && without_lines(changes) == without_lines(&row.changes)
        })
    }
}

/// The lines of the baseline are no part of what was approved; its digest is checked apart.
fn without_lines(changes: &[Change]) -> Vec<Change> {
    changes.iter().map(|c| Change { declared_at: None, ..c.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Diff;
    use crate::report::Summary;

    fn row(account: &str, outcome: OutcomeKind) -> UnitReport {
        let id = UnitId {
            control: "password_policy".into(),
            part: String::new(),
            account: account.into(),
            region: "eu-west-1".into(),
        };
        let mut diff = Diff::new();
        diff.create("max_age_days", 90);
        let changes = diff.changes;
        UnitReport {
            changes,
            fingerprint: Some("f".into()),
            ..UnitReport::new(id, String::new(), outcome, None)
        }
    }

    fn allowed() -> Allowed {
        Allowed::from_report(saved())
    }

    fn saved() -> Report {
        let units = vec![row("1", OutcomeKind::Drift), row("2", OutcomeKind::InSync)];
        Report {
            format_version: FORMAT_VERSION,
            tool_version: String::new(),
            run: String::new(),
            created_at: String::new(),
            baseline: String::new(),
            baseline_digest: String::new(),
            organization_id: String::new(),
            summary: Summary::of(&units),
            units,
        }
    }

    #[test]
    fn only_what_drifted_just_so_is_permitted() {
        let now = row("1", OutcomeKind::Drift);
        assert!(allowed().permits(&now));
        assert!(!allowed().permits(&UnitReport { fingerprint: Some("g".into()), ..now.clone() }));
        assert!(!allowed().permits(&UnitReport { changes: Vec::new(), ..now }));
        assert!(!allowed().permits(&row("2", OutcomeKind::Drift)), "it was in sync");
    }

    /// The account has left the organization.
    #[test]
    fn a_change_that_nothing_is_left_of_is_told() {
        let unit = |account: &str| {
            let task = crate::units::Task::Settled(OutcomeKind::InSync, String::new());
            let id = row(account, OutcomeKind::Drift).id;
            Unit::alone(id, account.into(), &crate::control::Meta::DEFAULT, task)
        };
        assert_eq!(lost(&saved(), &[unit("1")]), Vec::<String>::new());
        let told = lost(&saved(), &[unit("2")]);
        assert_eq!(told.len(), 1);
        assert!(told[0].contains("password_policy in 1 eu-west-1"), "{told:?}");
    }

    #[test]
    fn a_plan_holds_the_units_that_it_was_made_for() {
        assert!(allowed().holds(&row("2", OutcomeKind::Drift).id));
        assert!(!allowed().holds(&row("3", OutcomeKind::Drift).id));
    }
}
