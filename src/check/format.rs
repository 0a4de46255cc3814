//! The report in every format: functions from the report to text.

pub mod asff;
pub mod csv;
pub mod html;
pub mod human;
pub mod junit;
pub mod markdown;
pub mod ocsf;
pub mod sarif;

use std::borrow::Cow;

use super::report::{BaselineException, CheckReport, Row};
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

/// What was found, with the exception of the baseline that no longer holds.
fn evidence(row: &Row) -> Cow<'_, str> {
    match row.exception.as_ref().filter(|exception| exception.expired) {
        None => Cow::Borrowed(&row.evidence),
        Some(e) => {
            let day = e.expires.as_deref().unwrap_or_default();
            Cow::Owned(format!("{}; its exception expired on {day}: {}", row.evidence, e.reason))
        }
    }
}

/// An exception in one line: what it is about, until when, why, and what it does in this report. The reason is as somebody
/// typed it.
fn exception_line(exception: &BaselineException) -> String {
    let BaselineException { control, accounts, regions, text, rules } = exception;
    let regions = if regions.is_empty() { String::new() } else { format!(" ({})", regions.join(", ")) };
    let day = text.expires.as_deref().unwrap_or_default();
    let until = match (text.expired, day) {
        (true, day) => format!("EXPIRED on {day}"),
        (false, "") => "without an end".to_string(),
        (false, day) => format!("until {day}"),
    };
    let effect = match (rules.as_slice(), text.expired) {
        ([], _) => "no rule of this report needs it".to_string(),
        (rules, false) => format!("counts as held: {}", rules.join(", ")),
        (rules, true) => format!("fails again: {}", rules.join(", ")),
    };
    format!("[{control}] in {}{regions}, {until}: {} ({effect})", accounts.join(", "), text.reason)
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
    use crate::check::report::{ExceptionText, FORMAT_VERSION, RuleText, Status, Summary};

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
            remedy: None,
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
            exceptions: Vec::new(),
            compared: None,
        }
    }

    /// An exception that holds meets a row, one that has expired covers another.
    pub(crate) fn report_with_exceptions() -> CheckReport {
        let mut report = report();
        let valid = ExceptionText {
            reason: "a <valid> reason\u{1b}".into(),
            expires: Some("2099-01-31".into()),
            expired: false,
        };
        let expired = ExceptionText {
            reason: "an old reason".into(),
            expires: Some("2026-01-31".into()),
            expired: true,
        };
        report.rows[0].met_by = Some(format!("exception (until 2099-01-31): {}", valid.reason));
        report.rows[0].exception = Some(valid.clone());
        report.rows[1].exception = Some(expired.clone());
        let all = |text: ExceptionText, rule: &str| BaselineException {
            control: "org_trail".into(),
            accounts: vec!["legacy-web".into()],
            regions: Vec::new(),
            text,
            rules: vec![rule.into()],
        };
        report.exceptions = vec![all(valid, "4.1"), all(expired, "4.2")];
        report
    }

    #[test]
    fn every_format_shows_an_exception_with_its_reason() {
        let report = report_with_exceptions();
        let value = |text: Result<String, RunError>| text.unwrap_or_else(|e| e.to_string());
        for (name, text) in [
            ("human", human::render(&report, crate::report::text::Paint(false))),
            ("json", value(json(&report))),
            ("csv", csv::render(&report)),
            ("html", value(html::render(&report))),
            ("markdown", markdown::render(&report)),
            ("junit", junit::render(&report)),
            ("sarif", value(sarif::render(&report))),
            ("ocsf", value(ocsf::render(&report))),
            ("asff", value(asff::render(&report))),
        ] {
            assert!(text.contains("valid") && text.contains("reason"), "{name}: the exception that holds");
            assert!(text.contains("an old reason"), "{name}: the one that has expired");
            assert!(!text.contains('\u{1b}'), "{name}");
        }
    }

    #[test]
    fn an_exception_says_how_far_it_goes_and_what_it_does() {
        let report = report_with_exceptions();
        let lines: Vec<String> = report.exceptions.iter().map(exception_line).collect();
        let expected = "[org_trail] in legacy-web, EXPIRED on 2026-01-31: an old reason (fails again: 4.2)";
        assert_eq!(lines[1], expected);
        assert!(lines[0].ends_with("(counts as held: 4.1)") && lines[0].contains("until 2099-01-31"));
        let text = ExceptionText { reason: "r".into(), expires: None, expired: false };
        let regions = vec!["eu-west-1".to_string()];
        let other = BaselineException { regions, rules: Vec::new(), text, ..report.exceptions[0].clone() };
        let expected =
            "[org_trail] in legacy-web (eu-west-1), without an end: r (no rule of this report needs it)";
        assert_eq!(exception_line(&other), expected);
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
