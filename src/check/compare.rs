//! What changed between two reports.

use std::collections::BTreeMap;

use super::report::{CheckReport, Compared, Row, Status};

/// Rows that fail now and did not before, and those that failed and pass now. A row that one of the two reports does not
/// have, or could not read, is neither.
pub fn compare(earlier: &CheckReport, now: &CheckReport) -> Compared {
    let before: BTreeMap<_, Status> = earlier.rows.iter().map(|row| (row.key(), row.status)).collect();
    let mut compared = Compared { with: earlier.generated_at.clone(), ..Compared::default() };
    for row in &now.rows {
        match (before.get(&row.key()), row.status) {
            (Some(Status::Pass | Status::NotApplicable | Status::Manual), Status::Fail) => {
                compared.newly_failed.push(name(row));
            }
            (Some(Status::Fail), Status::Pass | Status::NotApplicable) => compared.fixed.push(name(row)),
            _ => {}
        }
    }
    compared
}

fn name(row: &Row) -> String {
    let region = if row.region.is_empty() { String::new() } else { format!(" {}", row.region) };
    format!("{} {}{region}", row.rule, row.account_id)
}
