//! For people at a terminal: what fails, folded over accounts, then the counts.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{CheckReport, benchmark, evidence, exception_line, place};
use crate::check::report::{Group, Row, Status, VersionScore};
use crate::report::text::{Paint, count, safe};

/// Places that one line names before it counts the rest.
const NAMED: usize = 3;

/// Accounts that are named as the worst.
const WORST: usize = 10;

/// The whole report.
pub fn render(report: &CheckReport, paint: Paint) -> String {
    let mut out =
        format!("{}\n", paint.bold(&format!("{}, {}", benchmark(report), safe(&report.organization_id))));
    for rule in &report.rules {
        let rows: Vec<&Row> = report.rows.iter().filter(|row| row.rule == rule.rule).collect();
        let bad = rows.iter().any(|row| matches!(row.status, Status::Fail | Status::Error));
        if bad {
            out.push_str(&failed_rule(&rows, paint));
        }
    }
    out.push_str(&by_hand(report, paint));
    out.push_str(&exceptions(report, paint));
    out.push_str(&skipped(report));
    out.push('\n');
    out.push_str(&counts(&report.summary.sections, report, paint));
    out.push_str(&worst_accounts(report, paint));
    out.push_str(&versions(report, paint));
    out.push_str(&changes(report, paint));
    out
}

/// One rule that does not hold everywhere: equal findings of several places are one line.
fn failed_rule(rows: &[&Row], paint: Paint) -> String {
    let Some(first) = rows.first() else { return String::new() };
    let held = rows.iter().filter(|row| row.status == Status::Pass).count();
    let total =
        rows.iter().filter(|row| !matches!(row.status, Status::Manual | Status::NotApplicable)).count();
    let title = format!("{} {}", safe(&first.rule), safe(&first.title));
    let mut out = format!(
        "\n{} {}\n",
        paint.bold(&title),
        paint.dim(&format!("[{}] {held}/{total} hold", first.severity))
    );
    let mut folded: BTreeMap<(Status, String), Vec<&Row>> = BTreeMap::new();
    for row in rows.iter().filter(|row| matches!(row.status, Status::Fail | Status::Error)) {
        folded.entry((row.status, evidence(row).into_owned())).or_default().push(row);
    }
    for ((status, evidence), rows) in folded {
        let word = if status == Status::Fail { paint.red("FAIL ") } else { paint.yellow("ERROR") };
        let _ = writeln!(out, "  {word} {}: {}", places(&rows), safe(&evidence));
    }
    let mut remedies: Vec<&str> = rows.iter().filter_map(|row| row.remedy.as_deref()).collect();
    remedies.sort_unstable();
    remedies.dedup();
    for remedy in remedies {
        out.push_str(&paint.dim(&format!("  fix   {}\n", safe(remedy))));
    }
    out
}

fn places(rows: &[&Row]) -> String {
    let named: Vec<String> = rows.iter().take(NAMED).map(|row| safe(&place(row))).collect();
    match rows.len().saturating_sub(NAMED) {
        0 => named.join("; "),
        more => format!("{} and {more} more", named.join("; ")),
    }
}

/// Rules that a person decides, once each.
fn by_hand(report: &CheckReport, paint: Paint) -> String {
    let mut rules: BTreeMap<&str, (&Row, usize)> = BTreeMap::new();
    for row in report.rows.iter().filter(|row| row.status == Status::Manual) {
        rules.entry(&row.rule).or_insert((row, 0)).1 += 1;
    }
    if rules.is_empty() {
        return String::new();
    }
    let mut out = format!("\n{}\n", paint.bold("For a person to decide"));
    let mut rules: Vec<_> = rules.into_values().collect();
    rules.sort_by_key(|(row, _)| crate::compliance::cis::order(&row.rule));
    for (row, number) in rules {
        let _ = writeln!(
            out,
            "  {} {} ({}): {}",
            safe(&row.rule),
            safe(&row.title),
            count(number, "place"),
            safe(&row.evidence)
        );
    }
    out
}

/// What the baseline lets be otherwise, and why.
fn exceptions(report: &CheckReport, paint: Paint) -> String {
    let lines: Vec<String> =
        report.exceptions.iter().map(|e| format!("  {}\n", safe(&exception_line(e)))).collect();
    if lines.is_empty() {
        return String::new();
    }
    format!("\n{}\n{}", paint.bold("Exceptions of the baseline"), lines.concat())
}

fn skipped(report: &CheckReport) -> String {
    let lines: Vec<String> = report
        .skipped
        .iter()
        .map(|s| format!("  {} ({}): {}\n", safe(&s.account_name), safe(&s.account_id), safe(&s.reason)))
        .collect();
    if lines.is_empty() { String::new() } else { format!("\nNot looked at\n{}", lines.concat()) }
}

fn counts(sections: &[Group], report: &CheckReport, paint: Paint) -> String {
    let mut out =
        format!("{:<34} {:>6} {:>6} {:>6} {:>6} {:>6}\n", "", "PASS", "FAIL", "MANUAL", "N/A", "ERROR");
    let mut line = |name: &str, statuses: &BTreeMap<String, usize>, score: Option<f64>| {
        let numbers: Vec<String> = Status::ALL
            .iter()
            .map(|s| format!("{:>6}", statuses.get(s.name()).copied().unwrap_or_default()))
            .collect();
        let score = score.map(|s| format!("  {s} %")).unwrap_or_default();
        let _ = writeln!(out, "{name:<34} {}{score}", numbers.join(" "));
    };
    for section in sections {
        line(&safe(&section.name), &section.statuses, section.score);
    }
    line("all", &report.summary.statuses, report.summary.score);
    let accounts = report.summary.accounts.len();
    out.push_str(&paint.dim(&format!(
        "{} over {}\n",
        count(report.summary.rows, "row"),
        count(accounts, "account")
    )));
    out
}

/// Accounts with the most failures.
fn worst_accounts(report: &CheckReport, paint: Paint) -> String {
    let failed = |group: &Group| group.statuses.get(Status::Fail.name()).copied().unwrap_or_default();
    let mut accounts: Vec<&Group> =
        report.summary.accounts.iter().filter(|group| failed(group) > 0).collect();
    accounts.sort_by_key(|group| std::cmp::Reverse(failed(group)));
    if report.summary.accounts.len() < 2 || accounts.is_empty() {
        return String::new();
    }
    let mut out = format!("\n{}\n", paint.bold("Accounts with the most failures"));
    for group in accounts.into_iter().take(WORST) {
        let score = group.score.map(|s| format!("  {s} %")).unwrap_or_default();
        let who = format!("{} ({})", safe(&group.account_name), safe(&group.name));
        let _ = writeln!(out, "  {who:<48} {:>5}{score}", failed(group));
    }
    out
}

/// The scores of the other benchmark versions.
fn versions(report: &CheckReport, paint: Paint) -> String {
    let score = |v: &VersionScore| Some(format!("{} {} %", v.version, v.score?));
    let told: Vec<String> = report.summary.versions.iter().filter_map(score).collect();
    if told.is_empty() {
        return String::new();
    }
    paint.dim(&format!("\nscore by benchmark version: {}\n", told.join(", ")))
}

fn changes(report: &CheckReport, paint: Paint) -> String {
    let Some(compared) = &report.compared else { return String::new() };
    let mut out = format!(
        "\nSince {}: {} newly failed, {} fixed\n",
        safe(&compared.with),
        compared.newly_failed.len(),
        compared.fixed.len()
    );
    for row in &compared.newly_failed {
        let _ = writeln!(out, "  {} {}", paint.red("failed"), safe(row));
    }
    for row in &compared.fixed {
        let _ = writeln!(out, "  {} {}", paint.green("fixed "), safe(row));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::format::tests::report;

    #[test]
    fn names_from_aws_do_not_drive_the_terminal() {
        let text = render(&report(), Paint(false));
        assert!(!text.contains('\u{1b}') && !text.contains('\r'), "{text}");
        assert!(text.contains("FAIL ") && text.contains("ERROR ") && text.contains("For a person"));
    }
}
