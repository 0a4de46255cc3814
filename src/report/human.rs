//! A report for people. Equal changes over many accounts are one block.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;

use super::reach::Reach;
use super::text::{Paint, count, safe, value};
use super::{Report, Summary, UnitReport, document, risk_name};
use crate::control::{Change, Effect, Risk};
use crate::error::UnitError;
use crate::units::OutcomeKind;

/// How many targets a block names before it counts the rest.
const NAMED: usize = 6;

/// The whole report: what differs or was done, what went wrong, then the counts.
pub fn report(report: &Report, paint: Paint) -> String {
    render(report, paint, true)
}

/// The same for somebody who has the values before them, in the plan that was applied: of what was done only how much.
pub fn outcome(report: &Report, paint: Paint) -> String {
    render(report, paint, false)
}

fn render(report: &Report, paint: Paint, values: bool) -> String {
    let mut out = String::new();
    let mut control = "";
    for block in blocks(&report.units, values) {
        let Some(first) = block.first() else { continue };
        if first.id.control != control {
            control = &first.id.control;
            let _ = writeln!(out, "{}", paint.bold(control));
        }
        write_block(&mut out, &block, paint, values);
    }
    if !out.is_empty() {
        out.push('\n');
    }
    write_summary(&mut out, &report.units, &report.summary, paint);
    out
}

/// Rows worth showing, equal ones together, in the order of their first row.
pub(super) fn blocks(units: &[UnitReport], values: bool) -> Vec<Vec<&UnitReport>> {
    let mut index: HashMap<String, usize> = HashMap::new();
    let mut blocks: Vec<Vec<&UnitReport>> = Vec::new();
    for unit in units.iter().filter(|u| is_worth_showing(u)) {
        let key = fold_key(unit, values);
        let at = *index.entry(key).or_insert_with(|| {
            blocks.push(Vec::new());
            blocks.len() - 1
        });
        if let Some(block) = blocks.get_mut(at) {
            block.push(unit);
        }
    }
    blocks
}

fn is_worth_showing(unit: &UnitReport) -> bool {
    !unit.notices.is_empty() || !matches!(unit.outcome, OutcomeKind::InSync | OutcomeKind::NotApplicable)
}

/// What two rows must share to be shown as one.
fn fold_key(unit: &UnitReport, values: bool) -> String {
    let error = unit.error.as_ref().map(|e| (e.kind, e.call.as_ref().and_then(|c| c.code.clone()), e.phase));
    let changes = if shows_values(unit, values) {
        serde_json::to_string(&unit.changes).unwrap_or_default()
    } else {
        unit.changes.len().to_string()
    };
    format!(
        "{}\u{0}{}\u{0}{:?}\u{0}{changes}\u{0}{:?}\u{0}{:?}\u{0}{error:?}",
        unit.id.control, unit.id.part, unit.outcome, unit.notices, unit.reason
    )
}

fn shows_values(unit: &UnitReport, values: bool) -> bool {
    values || unit.outcome != OutcomeKind::Applied
}

fn write_block(out: &mut String, block: &[&UnitReport], paint: Paint, values: bool) {
    let Some(first) = block.first() else { return };
    let part = if first.id.part.is_empty() { String::new() } else { format!(" {}", safe(&first.id.part)) };
    let full = shows_values(first, values);
    let much = if full { String::new() } else { format!(": {}", count(first.changes.len(), "change")) };
    let _ = writeln!(out, "  {}{part}  {}{much}", mark(first, paint), paint.dim(&targets(block)));
    if let Some(reason) = &first.reason {
        let _ = writeln!(out, "      {}", safe(reason));
    }
    for change in first.changes.iter().filter(|_| full) {
        write_change(out, change, paint);
    }
    for line in first.reach.iter().filter(|_| full).flat_map(Reach::lines) {
        let _ = writeln!(out, "      {}", safe(&line));
    }
    for notice in &first.notices {
        let _ = writeln!(out, "      note: {}", safe(notice));
    }
    if let Some(error) = &first.error {
        write_error(out, error, paint);
    }
}

/// The outcome in a word, with the sign that Terraform users know.
fn mark(unit: &UnitReport, paint: Paint) -> String {
    match unit.outcome {
        OutcomeKind::Drift if unit.by_hand && unit.changes.is_empty() => paint.yellow("left"),
        OutcomeKind::Drift => match unit.effect() {
            Effect::Create => paint.green("+ create"),
            Effect::Delete => paint.red("- delete"),
            Effect::Update => paint.yellow("~ change"),
        },
        OutcomeKind::Applied => paint.green("applied"),
        OutcomeKind::InSync | OutcomeKind::Skipped | OutcomeKind::NotApplicable => {
            paint.dim(&unit.outcome.words())
        }
        other => paint.red(&other.words()),
    }
}

/// The targets of a block: accounts by name and id, and how many regions.
fn targets(block: &[&UnitReport]) -> String {
    let mut seen: HashSet<&str> = HashSet::new();
    let mut named: Vec<String> = Vec::new();
    let mut regions: Vec<&str> = Vec::new();
    for unit in block {
        if seen.insert(&unit.id.account) && named.len() < NAMED {
            named.push(account(unit));
        }
        if !regions.contains(&unit.id.region.as_str()) {
            regions.push(&unit.id.region);
        }
    }
    let named = named.join(", ");
    let rest = seen.len().saturating_sub(NAMED);
    let mut text = match (seen.len(), rest) {
        (1, _) => format!("in {named}"),
        (n, 0) => format!("in {}: {named}", count(n, "account")),
        (n, rest) => format!("in {}: {named} and {rest} more", count(n, "account")),
    };
    if let [region] = regions.as_slice() {
        let _ = write!(text, ", {region}");
    } else {
        let _ = write!(text, ", {}", regions.join(" "));
    }
    text
}

/// Name and id of a row's account.
pub(crate) fn account(unit: &UnitReport) -> String {
    match unit.account_name.as_str() {
        "" => unit.id.account.clone(),
        name => format!("{} ({})", safe(name), unit.id.account),
    }
}

fn write_change(out: &mut String, change: &Change, paint: Paint) {
    let Some(lines) = document::lines(change) else {
        let _ = writeln!(out, "      {}", change_line(change, paint));
        return;
    };
    // A removal is one change of the whole.
    let path = if change.path.is_empty() { "all of it".to_owned() } else { safe(&change.path) };
    let head = match change.effect {
        Effect::Create => paint.green(&format!("+ {path}:")),
        Effect::Delete => paint.red(&format!("- {path}:")),
        Effect::Update => paint.yellow(&format!("~ {path}:")),
    };
    let _ = writeln!(out, "      {head}{}", risk_and_line(change, paint));
    for (sign, line) in lines {
        let text = format!("{sign} {line}");
        let text = match sign {
            '+' => paint.green(&text),
            '-' => paint.red(&text),
            _ => paint.dim(&text),
        };
        let _ = writeln!(out, "          {text}");
    }
}

fn change_line(change: &Change, paint: Paint) -> String {
    let path = if change.path.is_empty() { String::new() } else { format!("{}: ", safe(&change.path)) };
    let what = match change.effect {
        Effect::Create => format!("{path}{}", value(&change.after)),
        Effect::Delete => format!("{path}{} -> (removed)", value(&change.before)),
        Effect::Update => format!("{path}{} -> {}", value(&change.before), value(&change.after)),
    };
    let what = match change.effect {
        Effect::Create => paint.green(&format!("+ {what}")),
        Effect::Delete => paint.red(&format!("- {what}")),
        Effect::Update => paint.yellow(&format!("~ {what}")),
    };
    format!("{what}{}", risk_and_line(change, paint))
}

/// What follows a change: its risk, and the line of the baseline.
fn risk_and_line(change: &Change, paint: Paint) -> String {
    let risk = match change.risk {
        Risk::Normal => String::new(),
        risk => format!("  {}", paint.red(&format!("[{}]", risk_name(risk)))),
    };
    let at =
        change.declared_at.as_deref().map(|at| format!("  {}", paint.dim(&safe(at)))).unwrap_or_default();
    format!("{risk}{at}")
}

fn write_error(out: &mut String, error: &UnitError, paint: Paint) {
    let _ = writeln!(out, "      {}", paint.red(&format!("error: {}", safe(&error.message))));
    if let Some(id) = error.call.as_ref().and_then(|c| c.request_id.as_ref()) {
        let _ = writeln!(out, "      {}", paint.dim(&format!("request id: {}", safe(id))));
    }
    if let Some(hint) = &error.hint {
        let _ = writeln!(out, "      hint: {}", safe(hint));
    }
}

/// What was not read by itself, and whose answer stands for it.
fn write_evidence(out: &mut String, units: &[UnitReport]) {
    let mut by: BTreeMap<&str, usize> = BTreeMap::new();
    for evidence in units.iter().filter_map(|u| u.vouched_by.as_deref()) {
        *by.entry(evidence).or_default() += 1;
    }
    for (evidence, n) in by {
        let _ =
            writeln!(out, "{} in sync by {}; `--refresh full` reads each", count(n, "unit"), safe(evidence));
    }
}

/// The counts.
pub(crate) fn write_summary(out: &mut String, units: &[UnitReport], summary: &Summary, paint: Paint) {
    let counts: Vec<String> = OutcomeKind::ALL
        .iter()
        .filter(|o| summary.count(**o) > 0)
        .map(|o| format!("{} {}", summary.count(*o), o.words()))
        .collect();
    let counts = if counts.is_empty() { "nothing declared".to_string() } else { counts.join(", ") };
    let _ = writeln!(out, "{} {counts}", paint.bold(&format!("{}:", count(summary.units, "unit"))));
    for (owner, left) in &summary.owners {
        let _ = writeln!(out, "{owner} is here and keeps what it made: {}", safe(left));
    }
    for notice in &summary.notices {
        let _ = writeln!(out, "note: {}", safe(notice));
    }
    write_evidence(out, units);
    if !summary.effects.is_empty() {
        let list = |map: &std::collections::BTreeMap<String, usize>| {
            map.iter().map(|(name, n)| format!("{n} {name}")).collect::<Vec<_>>().join(", ")
        };
        let total = summary.effects.values().sum();
        let _ = writeln!(
            out,
            "{} {}; risk: {}",
            paint.bold(&format!("{}:", count(total, "change"))),
            list(&summary.effects),
            list(&summary.risks)
        );
    }
    for (control, billed) in &summary.billed {
        let _ = writeln!(out, "billed: {control}: {}", safe(billed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::UnitId;

    #[test]
    fn whoever_saw_the_plan_is_told_how_much_was_done() {
        let id = UnitId { control: "c".into(), part: "p".into(), account: "1".into(), region: "r".into() };
        let mut unit = UnitReport::new(id, "n".into(), OutcomeKind::Applied, None);
        let mut d = crate::control::Diff::new();
        d.field("minimum_length", &6, Some(&14));
        unit.changes = d.changes;
        let mut text = String::new();
        write_block(&mut text, &[&unit], Paint(false), false);
        assert_eq!(text, "  applied p  in n (1), r: 1 change\n");
        unit.outcome = OutcomeKind::Failed;
        write_block(&mut text, &[&unit], Paint(false), false);
        assert!(text.contains("6 -> 14"), "{text}");
    }

    #[test]
    fn accounts_are_counted_once_and_the_first_are_named() {
        let row = |n: usize| {
            let id = UnitId {
                control: "c".into(),
                part: String::new(),
                account: format!("{:012}", n % 8),
                region: "r".into(),
            };
            UnitReport::new(id, format!("n{}", n % 8), OutcomeKind::Drift, None)
        };
        let rows: Vec<UnitReport> = (0..16).map(row).collect();
        let text = targets(&rows.iter().collect::<Vec<_>>());
        assert!(text.starts_with("in 8 accounts: n0 (000000000000), n1"), "{text}");
        assert!(text.ends_with("n5 (000000000005) and 2 more, r"), "{text}");
    }
}
