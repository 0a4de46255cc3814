//! Drift for people: one line per setting, and one per reason why something is left.

use std::fmt::Write as _;

use super::{DriftReport, Setting};
use crate::control::Effect;
use crate::report::human;
use crate::report::text::{Paint, count, safe, value};
use crate::units::OutcomeKind;

/// Accounts that one line names before it counts the rest.
const NAMED: usize = 3;

/// The whole report: the settings, what is incomplete, what is left on purpose, the counts.
pub fn report(report: &DriftReport, paint: Paint) -> String {
    let mut out = String::new();
    for setting in &report.settings {
        let line = line(setting);
        let line = if setting.outcome == OutcomeKind::Applied { paint.green(&line) } else { line };
        let _ = writeln!(out, "{line}");
    }
    for unit in report.incomplete().filter(|u| u.changes.is_empty()) {
        let why = unit.why().unwrap_or_default();
        let line = format!("{}: {} {}", place_of(unit), unit.outcome.words(), safe(why));
        let _ = writeln!(out, "{}", paint.red(line.trim_end()));
    }
    for line in left(report) {
        let _ = writeln!(out, "{}", paint.dim(&line));
    }
    if !out.is_empty() {
        out.push('\n');
    }
    let _ = writeln!(out, "{}", paint.bold(&head(report)));
    human::write_summary(&mut out, &report.units, &report.summary, paint);
    out
}

/// The lines of the settings, without colours.
pub fn lines(report: &DriftReport) -> impl Iterator<Item = String> {
    report.settings.iter().map(line)
}

/// `3 settings differ, 2 of them repaired`, or that nothing does.
pub(super) fn head(report: &DriftReport) -> String {
    let settings = report.settings.len();
    let incomplete = report.incomplete().count();
    let mut text = match settings {
        0 if incomplete == 0 => "no drift".to_owned(),
        0 => "no drift in what was read".to_owned(),
        1 => "1 setting differs".to_owned(),
        n => format!("{n} settings differ"),
    };
    if report.corrected && settings > 0 {
        let _ = write!(text, ", {} repaired", report.repaired());
    }
    if incomplete > 0 {
        let _ = write!(text, "; {} incomplete", count(incomplete, "unit"));
    }
    text
}

/// `left as it is: password_policy in Security (222222222222) and 2 more: exception (until 2027-06-30): moves to ...`
pub(super) fn left(report: &DriftReport) -> Vec<String> {
    let line = |((control, reason), units): ((&str, &str), Vec<&crate::report::UnitReport>)| {
        let mut accounts: Vec<String> = units.iter().map(|unit| human::account(unit)).collect();
        accounts.dedup();
        let named = accounts.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        let more = accounts.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("left as it is: {control} in {named}{more}: {}", safe(reason))
    };
    report.left().into_iter().map(line).collect()
}

fn place_of(unit: &crate::report::UnitReport) -> String {
    place(&unit.account_name, &unit.id.account, &unit.id.region, &unit.id.control, &unit.id.part)
}

fn place(name: &str, account: &str, region: &str, control: &str, part: &str) -> String {
    let name = if name.is_empty() { account.to_owned() } else { format!("{} ({account})", safe(name)) };
    let part = if part.is_empty() { String::new() } else { format!("/{}", safe(part)) };
    format!("{name} {region} {control}{part}")
}

/// `Security (222222222222) eu-west-1 password_policy minimum_length: is 6, should be 14; changed by ... at ...`
fn line(setting: &Setting) -> String {
    let Setting { account, account_name, region, control, part, path, .. } = setting;
    let mut text = place(account_name, account, region, control, part);
    if !path.is_empty() {
        let _ = write!(text, " {}", safe(path));
    }
    let _ = write!(text, ": {}", difference(setting));
    if setting.outcome == OutcomeKind::Applied {
        text.push_str("; repaired");
    } else if setting.outcome != OutcomeKind::Drift {
        let _ = write!(text, "; {}", setting.outcome.words());
    }
    if let Some(reason) = &setting.reason {
        let _ = write!(text, "; {}", safe(reason));
    }
    let _ = write!(text, "; {}", who(setting));
    if let Some(at) = &setting.declared_at {
        let _ = write!(text, "; {}", safe(at));
    }
    text
}

/// What is there and what should be.
pub(super) fn difference(setting: &Setting) -> String {
    match setting.effect {
        _ if setting.before.is_null() && setting.after.is_null() => "differs".into(),
        Effect::Create => format!("is missing, should be {}", value(&setting.after)),
        Effect::Delete => format!("is {}, should not be there", value(&setting.before)),
        Effect::Update => format!("is {}, should be {}", value(&setting.before), value(&setting.after)),
    }
}

/// Who changed it and when, or that this is unknown.
pub(super) fn who(setting: &Setting) -> String {
    let Some(by) = &setting.changed_by else { return "changed by: unknown".into() };
    let perhaps = if by.certain { "" } else { "perhaps " };
    format!("{perhaps}changed by {} at {} ({})", safe(&by.actor), by.at, safe(&by.event))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::tests::drift;
    use OutcomeKind::{Applied, Blocked, Drift, Failed, InSync};

    #[test]
    fn a_line_says_where_what_who_and_when() {
        let report = drift(&[Drift], &[Drift]);
        let lines: Vec<String> = lines(&report).collect();
        let first = &lines[0];
        assert!(
            first.contains("(111122223333) eu-west-1 password_policy minimum_length: is 6, should be 14; "),
            "{first}"
        );
        assert!(first.contains(
            "changed by arn:aws:sts::111122223333:assumed-role/Admin/mallory at 2026-11-21T21:00:00Z"
        ));
        assert!(lines.iter().all(|line| !line.contains(['\n', '\u{1b}'])));
    }

    #[test]
    fn the_head_counts() {
        assert_eq!(head(&drift(&[Drift, Drift], &[Applied, Drift])), "4 settings differ, 2 repaired");
        assert_eq!(head(&drift(&[InSync], &[InSync])), "no drift");
        assert_eq!(
            head(&drift(&[Failed, Blocked], &[Failed, Blocked])),
            "no drift in what was read; 2 units incomplete"
        );
    }

    #[test]
    fn an_exception_is_shown_with_its_reason_in_every_form() {
        let mut report = drift(&[InSync, OutcomeKind::Skipped], &[InSync, OutcomeKind::Skipped]);
        report.units[1].reason = Some("exception (until 2099-01-31): moves to Identity Center".into());
        let expected = ": exception (until 2099-01-31): moves to Identity Center";
        let text = super::report(&report, Paint(false));
        assert!(text.contains("left as it is: password_policy in ") && text.contains(expected), "{text}");
        assert!(crate::drift::page(&report).contains("moves to Identity Center"));
        assert!(!report.is_news() && head(&report) == "no drift");
    }

    #[test]
    fn what_is_not_known_is_said() {
        let mut report = drift(&[Drift], &[Drift]);
        report.settings[0].changed_by = None;
        report.settings[0].outcome = OutcomeKind::Stale;
        let line = line(&report.settings[0]);
        assert!(line.contains("; stale; changed by: unknown"), "{line}");
        if let Some(by) = &mut report.settings[1].changed_by {
            by.certain = false;
        }
        assert!(who(&report.settings[1]).starts_with("perhaps changed by"));
    }
}
