//! Drift as one self-contained HTML file.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::text::{head, left};
use super::{DriftReport, Setting};
use crate::report::html::{self, Parts};
use crate::report::page::escape;
use crate::report::text::{safe, value};
use crate::units::OutcomeKind;

/// The whole report: a table of settings, then what is incomplete, and what is left on purpose.
pub fn page(report: &DriftReport) -> String {
    let settings = &report.settings;
    let mut body = html::notices(&report.summary);
    if settings.is_empty() {
        body.push_str("<p>Every setting that was read is as the baseline says.</p>\n");
    } else {
        body.push_str(
            "<table><thead><tr><th>Account</th><th>Region</th><th>Setting</th><th>Is</th><th>Should be</th>\
             <th>Changed by</th><th>Outcome</th><th>Declared</th></tr></thead><tbody>\n",
        );
        for setting in settings {
            write_row(&mut body, setting);
        }
        body.push_str("</tbody></table>\n");
    }
    write_incomplete(&mut body, report);
    write_left(&mut body, report);
    let controls = settings.iter().map(|s| s.control.as_str()).collect();
    let accounts: BTreeSet<&str> = settings.iter().map(|s| s.account.as_str()).collect();
    let outcomes = settings.iter().map(|s| s.outcome.name()).collect();
    html::document_of(&Parts {
        title: format!("orgbase: {} in {}", head(report), report.organization_id),
        about: html::about(
            &report.created_at,
            &report.baseline,
            &report.baseline_digest,
            &report.run,
            &report.tool_version,
        ),
        tiles: html::tiles(&report.summary),
        filters: [
            html::filter("Section", "data-control", &controls),
            html::filter("Account", "data-account", &accounts),
            html::filter("Outcome", "data-outcome", &outcomes),
        ]
        .concat(),
        body,
    })
}

fn write_row(out: &mut String, setting: &Setting) {
    let class = match setting.outcome {
        OutcomeKind::Applied => "good",
        OutcomeKind::Drift => "warn",
        _ => "bad",
    };
    let part = if setting.part.is_empty() { String::new() } else { format!("/{}", setting.part) };
    let outcome = if setting.outcome == OutcomeKind::Applied { "repaired" } else { setting.outcome.name() };
    let _ = writeln!(
        out,
        "<tr data-item data-control=\"{control}\" data-account=\"{account}\" data-outcome=\"{kind}\">\
         <td data-name=\"Account\">{name} <span class=\"soft\">{account}</span></td>\
         <td data-name=\"Region\">{region}</td>\
         <td data-name=\"Setting\"><span class=\"soft\">{control}{part}</span> <code>{path}</code> {risk}</td>\
         <td data-name=\"Is\" class=\"del\">{before}</td><td data-name=\"Should be\" class=\"add\">{after}</td>\
         <td data-name=\"Changed by\">{who}</td>\
         <td data-name=\"Outcome\"><span class=\"{class}\">{outcome}</span> <span class=\"soft\">{reason}</span></td>\
         <td data-name=\"Declared\" class=\"soft\">{declared}</td></tr>",
        control = html::text(&setting.control),
        account = html::text(&setting.account),
        kind = setting.outcome.name(),
        name = html::text(&setting.account_name),
        region = html::text(&setting.region),
        part = html::text(&part),
        path = html::text(&setting.path),
        risk = html::risk(setting.risk),
        before = escape(&value(&setting.before)),
        after = escape(&value(&setting.after)),
        who = who(setting),
        reason = html::text(setting.reason.as_deref().unwrap_or_default()),
        declared = html::text(setting.declared_at.as_deref().unwrap_or_default()),
    );
}

fn who(setting: &Setting) -> String {
    let Some(by) = &setting.changed_by else { return "<span class=\"soft\">unknown</span>".into() };
    let perhaps = if by.certain { "" } else { "perhaps " };
    format!(
        "{perhaps}{} <span class=\"soft\">{} {}</span>",
        html::text(&by.actor),
        html::text(&by.at),
        html::text(&by.event)
    )
}

fn write_incomplete(out: &mut String, report: &DriftReport) {
    let mut units = report.incomplete().peekable();
    if units.peek().is_none() {
        return;
    }
    out.push_str("<h2>Not read, or not repaired</h2>\n<ul>\n");
    for unit in units {
        let why = unit.why().unwrap_or_default();
        let _ = writeln!(
            out,
            "<li><span class=\"mark bad\">{}</span> {} in {} ({}), {}: {}</li>",
            unit.outcome.words(),
            html::text(&unit.id.control),
            html::text(&unit.account_name),
            html::text(&unit.id.account),
            html::text(&unit.id.region),
            escape(&safe(why))
        );
    }
    out.push_str("</ul>\n");
}

fn write_left(out: &mut String, report: &DriftReport) {
    let lines = left(report);
    if lines.is_empty() {
        return;
    }
    out.push_str("<h2>Left on purpose</h2>\n<ul>\n");
    for line in lines {
        let _ = writeln!(out, "<li>{}</li>", escape(&line));
    }
    out.push_str("</ul>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::tests::drift;
    use OutcomeKind::{Applied, Drift, Failed, InSync};

    #[test]
    fn a_row_says_who_and_hostile_names_stay_text() {
        let text = page(&drift(&[Drift, Drift], &[Applied, Drift]));
        assert!(!text.contains("<script>alert") && !text.contains('\u{1b}') && !text.contains("{{"));
        assert_eq!(text.matches("<tr data-item").count(), 4);
        assert!(text.contains("assumed-role/Admin/mallory") && text.contains("2026-11-21T21:00:00Z"));
        assert!(text.contains(">repaired<"));
    }

    #[test]
    fn what_could_not_be_read_is_on_the_page() {
        let text = page(&drift(&[Failed], &[Failed]));
        assert!(text.contains("Not read, or not repaired") && !text.contains("<tr data-item"));
        assert!(page(&drift(&[InSync], &[InSync])).contains("is as the baseline says"));
    }
}
