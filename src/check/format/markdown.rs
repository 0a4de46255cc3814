//! For pull requests and wikis: the counts, then what fails.

use std::fmt::Write as _;

use super::{CheckReport, benchmark, evidence, exception_line, place, results};
use crate::check::report::{Group, Row, Status};
use crate::report::text::markdown as cell;

/// The whole report; rows that hold are only counted.
pub fn render(report: &CheckReport) -> String {
    let mut out = format!("# {}\n\n", cell(&benchmark(report)));
    let _ = write!(
        out,
        "Organization {}, {}. {}.\n\n",
        cell(&report.organization_id),
        cell(&report.generated_at),
        score(report.summary.score)
    );
    out.push_str(&groups("Section", &report.summary.sections, |g| cell(&g.name)));
    out.push_str(&groups("Account", &report.summary.accounts, |g| {
        format!("{} ({})", cell(&g.account_name), cell(&g.name))
    }));
    for (title, status) in
        [("Failed", Status::Fail), ("Could not be read", Status::Error), ("For a person", Status::Manual)]
    {
        let rows: Vec<&Row> = report.rows.iter().filter(|row| row.status == status).collect();
        if !rows.is_empty() {
            out.push_str(&table(title, &rows));
        }
    }
    if !report.exceptions.is_empty() {
        out.push_str("## Exceptions of the baseline\n\n");
        for exception in &report.exceptions {
            let _ = writeln!(out, "* {}", cell(&exception_line(exception)));
        }
        out.push('\n');
    }
    if let Some(compared) = &report.compared {
        let _ = write!(out, "## Since {}\n\n", cell(&compared.with));
        for (title, rows) in [("newly failed", &compared.newly_failed), ("fixed", &compared.fixed)] {
            let _ = writeln!(
                out,
                "* {title}: {}",
                if rows.is_empty() { "none".into() } else { cell(&rows.join("; ")) }
            );
        }
    }
    out
}

fn score(score: Option<f64>) -> String {
    score.map_or("nothing was decided".to_string(), |s| format!("{s} % of what was decided holds"))
}

fn groups(title: &str, groups: &[Group], name: impl Fn(&Group) -> String) -> String {
    let mut out = format!(
        "| {title} | PASS | FAIL | MANUAL | NOT_APPLICABLE | ERROR | % |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
    );
    for group in groups {
        let counts: Vec<String> = Status::ALL
            .iter()
            .map(|s| group.statuses.get(s.name()).copied().unwrap_or_default().to_string())
            .collect();
        let score = group.score.map(|s| s.to_string()).unwrap_or_default();
        let _ = writeln!(out, "| {} | {} | {score} |", name(group), counts.join(" | "));
    }
    out.push('\n');
    out
}

fn table(title: &str, rows: &[&Row]) -> String {
    let mut out = format!(
        "## {title}\n\n| Rule | Where | Failed/checked | Found | What to do |\n| --- | --- | --- | --- | --- |\n"
    );
    for row in rows {
        let rule = format!("{} {}", row.rule, row.title);
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            cell(&rule),
            cell(&place(row)),
            results(row),
            cell(&evidence(row)),
            cell(row.remedy.as_deref().unwrap_or_default())
        );
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::format::tests::report;

    #[test]
    fn a_hostile_name_stays_in_its_cell() {
        let text = render(&report());
        assert!(!text.contains("<script>") && !text.contains('\u{1b}'));
        for line in text.lines().filter(|l| l.starts_with("| 4.")) {
            let bars = line.replace("\\|", "").matches('|').count();
            assert_eq!(bars, 6, "{line}");
        }
    }
}
