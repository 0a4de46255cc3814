//! One line per row, with the columns that auditors know, filled as the keys of the JSON are: RFC 4180.

use super::{CheckReport, Row, evidence, remediation, results};

const COLUMNS: [&str; 26] = [
    "Section",
    "Rule",
    "Title",
    "Category",
    "Account",
    "Account ID",
    "OU",
    "Region",
    "Status",
    "Results (Failed/Checked)",
    "Failed",
    "Checked",
    "Affected",
    "Affected entities",
    "Level",
    "Scored",
    "Severity",
    "Evidence",
    "Met by",
    "Remediation",
    "Fix control",
    "Fixed by baseline",
    "Remedy",
    "Last updated",
    "Benchmark",
    "Organization",
];

/// The whole report. `Section` is the benchmark's section, `Rule` the number and `Title` the title, as `section`, `rule` and
/// `title` in the JSON.
pub fn render(report: &CheckReport) -> String {
    let mut out = line(COLUMNS.map(String::from).as_slice());
    for row in &report.rows {
        out.push_str(&line(&fields(report, row)));
    }
    out
}

fn fields(report: &CheckReport, row: &Row) -> [String; 26] {
    [
        row.section.clone(),
        row.rule.clone(),
        row.title.clone(),
        row.category.clone(),
        row.account_name.clone(),
        row.account_id.clone(),
        row.ou.clone(),
        row.region.clone(),
        row.status.name().to_string(),
        results(row),
        row.failed.to_string(),
        row.checked.to_string(),
        row.affected.len().to_string(),
        row.affected.join(" "),
        row.level.to_string(),
        row.scored.to_string(),
        row.severity.clone(),
        evidence(row).into_owned(),
        row.met_by.clone().unwrap_or_default(),
        remediation(report, row).to_string(),
        row.fix_control.clone().unwrap_or_default(),
        row.fixed_by_baseline.to_string(),
        row.remedy.clone().unwrap_or_default(),
        row.updated_at.clone(),
        format!("CIS {}", report.version),
        report.organization_id.clone(),
    ]
}

fn line(fields: &[String]) -> String {
    let quoted: Vec<String> = fields.iter().map(|field| quote(field)).collect();
    format!("{}\r\n", quoted.join(","))
}

/// A field that a spreadsheet would take for a formula begins with an apostrophe; control characters, and those that turn
/// text around, become spaces.
/// <https://owasp.org/www-community/attacks/CSV_Injection>
fn quote(field: &str) -> String {
    let hides = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let clean: String = field.chars().map(|c| if hides(c) { ' ' } else { c }).collect();
    let formula = clean.trim_start().starts_with(['=', '+', '-', '@']);
    let safe = if formula { format!("'{clean}") } else { clean };
    if safe.contains(['"', ',', ' ', '\'']) { format!("\"{}\"", safe.replace('"', "\"\"")) } else { safe }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::format::tests::report;

    #[test]
    fn a_hostile_name_is_neither_a_formula_nor_a_second_line() {
        let text = render(&report());
        assert_eq!(text.lines().count(), 6);
        assert!(!text.contains('\u{1b}'));
        assert!(text.contains("\"'=cmd|"), "{text}");
    }

    #[test]
    fn a_column_says_what_the_key_of_that_name_says_in_the_json() {
        let report = report();
        let text = render(&report);
        let heads: Vec<&str> = text.lines().next().unwrap_or_default().split(',').collect();
        let fields = fields(&report, &report.rows[0]);
        let json = serde_json::to_value(&report.rows[0]).unwrap_or_default();
        for column in ["Section", "Rule", "Title", "Category", "Status", "Region", "Severity"] {
            let at = heads.iter().position(|head| *head == column).unwrap_or(usize::MAX);
            assert_eq!(fields[at], json[column.to_lowercase()].as_str().unwrap_or("none"), "{column}");
        }
        // the columns of the white paper are there
        for column in ["Account", "Results (Failed/Checked)", "Affected", "Last updated"] {
            assert!(text.lines().next().is_some_and(|line| line.contains(column)), "{column}");
        }
    }

    #[test]
    fn quotation_marks_are_doubled() {
        assert_eq!(quote("a\"b"), "\"a\"\"b\"");
        assert_eq!(quote("plain"), "plain");
        assert_eq!(quote(" @x"), "\"' @x\"");
        assert_eq!(quote("1.10"), "1.10");
    }
}
