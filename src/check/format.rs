//! The report in every format: functions from the report to text.

pub mod asff;
pub mod csv;
pub mod html;
pub mod human;
pub mod junit;
pub mod markdown;
pub mod ocsf;
pub mod sarif;

use super::report::{CheckReport, Row};
use crate::error::RunError;

/// A value as JSON.
pub fn json<T: serde::Serialize>(value: &T) -> Result<String, RunError> {
    serde_json::to_string_pretty(value)
        .map_err(|e| RunError::new(format!("cannot write the report as JSON: {e}")))
}

/// `1.2.0` of the report, with the benchmark's short name: `CIS 1.2.0`.
fn benchmark(report: &CheckReport) -> String {
    format!("CIS AWS Foundations Benchmark {}", report.version)
}

/// Account, and region where there is one, as `Name (123456789012), eu-west-1`. The name is as somebody typed it.
fn place(row: &Row) -> String {
    let region = if row.region.is_empty() { String::new() } else { format!(", {}", row.region) };
    format!("{} ({}){region}", row.account_name, row.account_id)
}

/// `failed/checked`.
fn results(row: &Row) -> String {
    format!("{}/{}", row.failed, row.checked)
}

/// An id of a finding that stays the same over runs: one per organization, benchmark version, rule and place.
fn finding_id(report: &CheckReport, row: &Row) -> String {
    let parts = [
        "orgbase",
        &report.organization_id,
        &format!("cis-{}", report.version),
        &row.rule,
        &row.account_id,
        if row.region.is_empty() { "global" } else { &row.region },
    ];
    parts.join("/")
}

/// What to do, and which section of a baseline does it.
fn remediation<'a>(report: &'a CheckReport, row: &Row) -> &'a str {
    report.rules.iter().find(|r| r.rule == row.rule).map_or("", |r| r.remediation.as_str())
}

/// Why the rule matters.
fn rationale<'a>(report: &'a CheckReport, row: &Row) -> &'a str {
    report.rules.iter().find(|r| r.rule == row.rule).map_or("", |r| r.rationale.as_str())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::check::report::{FORMAT_VERSION, RuleText, Status, Summary};

    /// A name that tries everything: markup, a formula, control characters, quotes, a pipe.
    pub(crate) const HOSTILE: &str = "=cmd|'/C calc'!A0\u{1b}[31m<script>alert(1)</script>\"|`x`\r\n]]>";

    pub(crate) fn row(rule: &str, status: Status) -> Row {
        Row {
            section: "Logging".into(),
            rule: rule.into(),
            title: "A multi-region trail logs all management events.".into(),
            category: "Logging".into(),
            level: 1,
            scored: true,
            severity: "high".into(),
            account_id: "111122223333".into(),
            account_name: HOSTILE.into(),
            ou: "/Workloads".into(),
            region: String::new(),
            status,
            failed: usize::from(status == Status::Fail),
            checked: 1,
            affected: vec![HOSTILE.into()],
            evidence: format!("{HOSTILE}: stopped"),
            met_by: None,
            fix_control: Some("org_trail".into()),
            fixed_by_baseline: false,
            exception: None,
            updated_at: "2026-11-24T10:00:00Z".into(),
        }
    }

    /// One row of each status.
    pub(crate) fn report() -> CheckReport {
        let rows: Vec<Row> = (1..).zip(Status::ALL).map(|(n, s)| row(&format!("4.{n}"), s)).collect();
        let text = |row: &Row| RuleText {
            rule: row.rule.clone(),
            title: row.title.clone(),
            section: row.section.clone(),
            category: row.category.clone(),
            level: row.level,
            scored: row.scored,
            severity: row.severity.clone(),
            rationale: "What is not logged cannot be investigated.".into(),
            decision: "PASS iff there is one.".into(),
            remediation: "Declare `[org_trail]` in the baseline and apply it.".into(),
            fix_control: row.fix_control.clone(),
            fix_reach: String::new(),
        };
        CheckReport {
            format_version: FORMAT_VERSION,
            tool_version: "0.1.0".into(),
            benchmark: "CIS Amazon Web Services Foundations Benchmark".into(),
            version: "7.0.0".into(),
            generated_at: "2026-11-24T10:00:00Z".into(),
            organization_id: "o-a1b2c3d4e5".into(),
            baseline: None,
            rules: rows.iter().map(text).collect(),
            summary: Summary::of(&rows),
            rows,
            skipped: Vec::new(),
            compared: None,
        }
    }

    #[test]
    fn ids_of_findings_do_not_change_with_what_was_found() {
        let report = report();
        let pass = row("4.1", Status::Pass);
        let fail = row("4.1", Status::Fail);
        assert_eq!(finding_id(&report, &pass), "orgbase/o-a1b2c3d4e5/cis-7.0.0/4.1/111122223333/global");
        assert_eq!(finding_id(&report, &pass), finding_id(&report, &fail));
    }
}
