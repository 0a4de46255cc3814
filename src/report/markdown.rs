//! A plan for pull requests: the counts, then what changes, section by section, folded.

use std::fmt::Write as _;

use super::human::blocks;
use super::reach::Reach;
use super::text::{count, markdown, safe, value};
use super::{Report, UnitReport, document, risk_name};
use crate::control::{Change, Effect, Risk};
use crate::units::OutcomeKind;

/// GitHub takes comments of 65,536 characters.
const LONGEST: usize = 60_000;
/// Accounts that a block names.
const NAMED: usize = 10;

/// The whole report, cut where a comment would be too long.
pub fn report(report: &Report) -> String {
    let mut out = head(report);
    let mut control = "";
    let mut left_out = 0;
    for block in blocks(&report.units, true) {
        let Some(first) = block.first() else { continue };
        let heading =
            (first.id.control != control).then(|| format!("\n### {}\n\n", markdown(&first.id.control)));
        let text = format!("{}{}", heading.unwrap_or_default(), block_text(&block));
        if out.len() + text.len() > LONGEST {
            left_out += 1;
            continue;
        }
        control = &first.id.control;
        out.push_str(&text);
    }
    if left_out > 0 {
        let _ = write!(
            out,
            "\n**{} left out**, since a comment would be too long: see `orgbase plan --format html`.\n",
            count(left_out, "block")
        );
    }
    out
}

fn head(report: &Report) -> String {
    let summary = &report.summary;
    let differ = summary.count(OutcomeKind::Drift);
    let title = match differ {
        0 => "nothing differs".to_owned(),
        n => format!("{n} of {} differ", count(summary.units, "unit")),
    };
    let mut out = format!("## orgbase: {title}\n\n");
    let digest: String = report.baseline_digest.chars().take(12).collect();
    let _ = writeln!(
        out,
        "Organization {}, baseline {} ({digest}), {}.\n",
        markdown(&report.organization_id),
        markdown(&report.baseline),
        markdown(&report.created_at)
    );
    out.push_str("| Outcome | Units |\n| --- | ---: |\n");
    for outcome in OutcomeKind::ALL.iter().filter(|o| summary.count(**o) > 0) {
        let _ = writeln!(out, "| {} | {} |", outcome.words(), summary.count(*outcome));
    }
    if !summary.risks.is_empty() {
        let risks: Vec<String> = summary.risks.iter().map(|(risk, n)| format!("{n} {risk}")).collect();
        let changes = summary.effects.values().sum();
        let _ = writeln!(out, "\n**{}**: {}", count(changes, "change"), risks.join(", "));
    }
    for notice in &summary.notices {
        let _ = writeln!(out, "\n**Note**: {}", markdown(notice));
    }
    for (control, billed) in &summary.billed {
        let _ = writeln!(out, "\n**Billed**: {}: {}", markdown(control), markdown(billed));
    }
    out
}

fn block_text(block: &[&UnitReport]) -> String {
    let Some(first) = block.first() else { return String::new() };
    let mut lines = Vec::new();
    for change in &first.changes {
        change_lines(&mut lines, change);
    }
    lines.extend(first.reason.iter().map(|reason| format!("# {}", safe(reason))));
    lines.extend(first.reach.iter().flat_map(Reach::lines).map(|line| format!("# {}", safe(&line))));
    lines.extend(first.notices.iter().map(|notice| format!("# note: {}", safe(notice))));
    if let Some(error) = &first.error {
        lines.push(format!("# error: {}", safe(&error.message)));
        lines.extend(error.hint.iter().map(|hint| format!("# hint: {}", safe(hint))));
    }
    let fence = fence(&lines);
    let summary = format!("{}{} {}", mark(first), risk(first.risk()), place(block));
    format!(
        "<details><summary>{summary}</summary>\n\n{fence}diff\n{}\n{fence}\n\n</details>\n",
        lines.join("\n")
    )
}

/// More backticks than any line has in a row: no text can end the block.
fn fence(lines: &[String]) -> String {
    let longest = |line: &String| line.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    "`".repeat(lines.iter().map(longest).max().unwrap_or_default().max(2) + 1)
}

fn mark(unit: &UnitReport) -> String {
    let word = match (unit.outcome, unit.effect()) {
        (OutcomeKind::Drift, Effect::Create) => "create".into(),
        (OutcomeKind::Drift, Effect::Delete) => "delete".into(),
        (OutcomeKind::Drift, Effect::Update) => "change".into(),
        (other, _) => other.words(),
    };
    format!("<b>{word}</b>")
}

fn risk(risk: Risk) -> String {
    if risk == Risk::Normal { String::new() } else { format!(" <b>[{}]</b>", risk_name(risk)) }
}

/// Inside of an HTML element: entities, no Markdown.
fn place(block: &[&UnitReport]) -> String {
    let html = |text: &str| super::page::escape(&safe(text));
    let part = block.first().map(|u| u.id.part.as_str()).filter(|part| !part.is_empty());
    let part = part.map(|part| format!("<code>{}</code> ", html(part))).unwrap_or_default();
    let mut accounts: Vec<String> = Vec::new();
    let mut regions: Vec<String> = Vec::new();
    for unit in block {
        let account = html(&super::human::account(unit));
        if !accounts.contains(&account) {
            accounts.push(account);
        }
        let region = html(&unit.id.region);
        if !regions.contains(&region) {
            regions.push(region);
        }
    }
    let more = accounts.len().saturating_sub(NAMED);
    accounts.truncate(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{part}in {}{more}; {}", accounts.join(", "), regions.join(" "))
}

fn change_lines(lines: &mut Vec<String>, change: &Change) {
    let at = change.declared_at.as_deref().map(|at| format!("   # {}", safe(at))).unwrap_or_default();
    let path = if change.path.is_empty() { String::new() } else { format!("{}: ", safe(&change.path)) };
    if let Some(document) = document::lines(change) {
        lines.push(format!("  {path}{at}"));
        lines.extend(document.into_iter().map(|(sign, line)| format!("{sign} {line}")));
        return;
    }
    if change.effect != Effect::Create {
        lines.push(format!("- {path}{}", value(&change.before)));
    }
    if change.effect == Effect::Delete {
        return;
    }
    lines.push(format!("+ {path}{}{at}", value(&change.after)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Diff;
    use crate::drift::tests::{report_of, row};

    #[test]
    fn a_change_is_a_line_that_goes_and_one_that_comes() {
        let text = report(&report_of(vec![row(OutcomeKind::Drift), row(OutcomeKind::InSync)]));
        assert!(text.starts_with("## orgbase: 1 of 2 units differ\n"), "{text}");
        assert!(text.contains("\n- minimum_length: 6\n+ minimum_length: 14\n"), "{text}");
        assert!(text.contains("| drift | 1 |") && text.contains("**2 changes**: 2 normal"), "{text}");
    }

    #[test]
    fn no_text_ends_its_block_or_is_markup() {
        let mut diff = Diff::new();
        diff.field("x", &"````", Some(&"</details><script>"));
        let unit = UnitReport { changes: diff.changes, ..row(OutcomeKind::Drift) };
        let text = report(&report_of(vec![unit]));
        assert!(text.contains("\n`````diff\n"), "{text}");
        let (outside, _) = text.split_once("diff\n").unwrap_or_default();
        assert!(!outside.contains("<script") && !outside.contains('\u{1b}'), "{outside}");
    }

    #[test]
    fn a_comment_is_never_too_long() {
        let unit = |n: usize| {
            let mut diff = Diff::new();
            diff.field("x", &n.to_string(), Some(&"y".repeat(150)));
            UnitReport { changes: diff.changes, ..row(OutcomeKind::Drift) }
        };
        let text = report(&report_of((0..500).map(unit).collect()));
        assert!(text.len() < 65_000 && text.contains("left out"), "{}", text.len());
    }
}
