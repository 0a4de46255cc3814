//! What changed between two reports.

use std::collections::BTreeMap;

use super::report::{CheckReport, Compared, Row, Status};
use crate::error::RunError;

/// Rows that fail now and did not before, also in accounts and regions that are new, and those that failed and hold now.
/// What could not be read then or now is neither; an exception hides a failure and does not mend it.
///
/// # Errors
/// The reports are of different organizations or benchmark versions.
pub fn compare(earlier: &CheckReport, now: &CheckReport) -> Result<Compared, RunError> {
    for (what, then, today) in [
        ("organization", &earlier.organization_id, &now.organization_id),
        ("benchmark version", &earlier.version, &now.version),
    ] {
        if then != today {
            return Err(RunError::new(format!(
                "the earlier report is of {what} {then}, this one of {today}"
            ))
            .hint("compare reports of the same organization and `--benchmark`"));
        }
    }
    let before: BTreeMap<_, Status> = earlier.rows.iter().map(|row| (row.key(), row.status)).collect();
    let mut compared = Compared { with: earlier.generated_at.clone(), ..Compared::default() };
    for row in &now.rows {
        match (before.get(&row.key()), row.status) {
            (None | Some(Status::Pass | Status::NotApplicable | Status::Manual), Status::Fail) => {
                compared.newly_failed.push(name(row));
            }
            (Some(Status::Fail), Status::Pass | Status::NotApplicable) if row.exception.is_none() => {
                compared.fixed.push(name(row));
            }
            _ => {}
        }
    }
    Ok(compared)
}

fn name(row: &Row) -> String {
    let region = if row.region.is_empty() { String::new() } else { format!(" {}", row.region) };
    format!("{} {}{region}", row.rule, row.account_id)
}
