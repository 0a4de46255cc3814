//! A plan, or what a run did, as one self-contained HTML file. It loads nothing and can be read without its script, which
//! only searches, filters and folds.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::human::{account, blocks};
use super::page::{self, escape};
use super::reach::Reach;
use super::text::{count, safe, value};
use super::{Report, Summary, UnitReport, document, risk_name};
use crate::control::{Change, Effect, Risk};
use crate::units::OutcomeKind;

const PAGE: &str = include_str!("html/page.html");
const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/script.js");

/// The parts of a page, all but the first two as markup.
pub struct Parts {
    /// The title, as text.
    pub title: String,
    /// One line under it, as text.
    pub about: String,
    /// Counts: `tile`.
    pub tiles: String,
    /// Drop-down lists: `filter`.
    pub filters: String,
    /// What is filtered has the attribute `data-item`, and those by which it is filtered.
    pub body: String,
}

/// Puts a page together.
pub fn document_of(parts: &Parts) -> String {
    let (title, about) = (text(&parts.title), text(&parts.about));
    page::fill(
        PAGE,
        &[
            ("{{style_hash}}", &page::hash(STYLE)),
            ("{{script_hash}}", &page::hash(SCRIPT)),
            ("{{title}}", &title),
            ("{{style}}", STYLE),
            ("{{heading}}", &title),
            ("{{about}}", &about),
            ("{{tiles}}", &parts.tiles),
            ("{{filters}}", &parts.filters),
            ("{{body}}", &parts.body),
            ("{{script}}", SCRIPT),
        ],
    )
}

/// A text of AWS or of a file, as markup that shows it and does nothing else.
pub fn text(text: &str) -> String {
    escape(&safe(text))
}

/// A number with its name.
pub fn tile(name: &str, number: usize, class: &str) -> String {
    format!("<div class=\"tile\" role=\"listitem\"><b class=\"{class}\">{number}</b>{}</div>", escape(name))
}

/// A list to choose from; `by` is the attribute of items that must have the chosen value.
pub fn filter(name: &str, by: &str, values: &BTreeSet<&str>) -> String {
    let option =
        |v: &&str| format!("<option value=\"{0}\">{1}</option>", text(v), text(&v.replace('_', " ")));
    let options: String = values.iter().map(option).collect();
    format!(
        "<label>{name} <select data-by=\"{by}\"><option value=\"\">all</option>{options}</select></label>"
    )
}

/// Tiles of the outcomes and risks that occur.
pub fn tiles(summary: &Summary) -> String {
    let class = |outcome: OutcomeKind| match outcome {
        OutcomeKind::InSync | OutcomeKind::Applied => "good",
        OutcomeKind::Drift => "warn",
        other if other.is_incomplete() => "bad",
        _ => "",
    };
    let outcomes = OutcomeKind::ALL.iter().filter(|o| summary.count(**o) > 0);
    let mut out: String = outcomes.map(|o| tile(&o.words(), summary.count(*o), class(*o))).collect();
    for (risk, number) in &summary.risks {
        let class = if risk == "destructive" { "bad" } else { "" };
        out.push_str(&tile(&format!("{risk} changes"), *number, class));
    }
    out
}

/// What holds for the whole run.
pub fn notices(summary: &Summary) -> String {
    let notice = |n: &String| format!("<p><span class=\"risk warn\">note</span> {}</p>\n", text(n));
    summary.notices.iter().map(notice).collect()
}

/// Where a report is from.
pub fn about(created_at: &str, baseline: &str, digest: &str, run: &str, version: &str) -> String {
    let digest: String = digest.chars().take(12).collect();
    format!("{created_at}, baseline {baseline} ({digest}), run {run}, orgbase {version}")
}

/// The whole report.
pub fn report(report: &Report) -> String {
    let blocks = blocks(&report.units, true);
    let mut body = notices(&report.summary);
    for (control, billed) in &report.summary.billed {
        let _ = writeln!(
            body,
            "<p><span class=\"risk warn\">billed</span> {}: {}</p>",
            text(control),
            text(billed)
        );
    }
    let mut control = None;
    for block in &blocks {
        let Some(first) = block.first() else { continue };
        if control != Some(&first.id.control) {
            let end = if control.is_some() { "</section>\n" } else { "" };
            let _ = writeln!(body, "{end}<section data-group><h2>{}</h2>", text(&first.id.control));
            control = Some(&first.id.control);
        }
        write_block(&mut body, block);
    }
    body.push_str(if control.is_some() { "</section>\n" } else { "<p>Nothing differs.</p>\n" });
    let firsts = || blocks.iter().filter_map(|block| block.first());
    let controls = firsts().map(|u| u.id.control.as_str()).collect();
    let outcomes = firsts().map(|u| u.outcome.name()).collect();
    let risks = firsts().map(|u| risk_name(u.risk())).collect();
    document_of(&Parts {
        title: format!("orgbase: changes in {}", report.organization_id),
        about: about(
            &report.created_at,
            &report.baseline,
            &report.baseline_digest,
            &report.run,
            &report.tool_version,
        ),
        tiles: tiles(&report.summary),
        filters: [
            filter("Section", "data-control", &controls),
            filter("Outcome", "data-outcome", &outcomes),
            filter("Risk", "data-risk", &risks),
        ]
        .concat(),
        body,
    })
}

fn write_block(out: &mut String, block: &[&UnitReport]) {
    let Some(first) = block.first() else { return };
    let (class, mark) = mark(first);
    let _ = write!(
        out,
        "<details class=\"item\" open data-item data-control=\"{}\" data-outcome=\"{}\" data-risk=\"{}\"><summary>\
         <span class=\"mark {class}\">{mark}</span> <code>{}</code> {}</summary><div>",
        text(&first.id.control),
        first.outcome.name(),
        risk_name(first.risk()),
        text(&first.id.part),
        places(block)
    );
    if let Some(reason) = &first.reason {
        let _ = write!(out, "<p>{}</p>", text(reason));
    }
    write_changes(out, &first.changes);
    for line in first.reach.iter().flat_map(Reach::lines) {
        let _ = write!(out, "<p>{}</p>", text(&line));
    }
    for notice in &first.notices {
        let _ = write!(out, "<p class=\"soft\">note: {}</p>", text(notice));
    }
    if let Some(error) = &first.error {
        let _ = write!(out, "<p class=\"bad\">error: {}</p>", text(&error.message));
        if let Some(id) = error.call.as_ref().and_then(|c| c.request_id.as_ref()) {
            let _ = write!(out, "<p class=\"soft\">request id: {}</p>", text(id));
        }
        if let Some(hint) = &error.hint {
            let _ = write!(out, "<p class=\"soft\">hint: {}</p>", text(hint));
        }
    }
    if block.len() > 1 {
        let item = |u: &&UnitReport| format!("<li>{}, {}</li>", escape(&account(u)), text(&u.id.region));
        let all: String = block.iter().map(item).collect();
        let _ = write!(
            out,
            "<details><summary>{}</summary><ul>{all}</ul></details>",
            count(block.len(), "place")
        );
    }
    out.push_str("</div></details>\n");
}

/// The outcome as a class and a word.
fn mark(unit: &UnitReport) -> (&'static str, String) {
    let name = unit.outcome.words();
    match unit.outcome {
        OutcomeKind::Drift => match unit.effect() {
            Effect::Create => ("add", "+ create".into()),
            Effect::Delete => ("del", "- delete".into()),
            Effect::Update => ("mod", "~ change".into()),
        },
        OutcomeKind::Applied => ("good", name),
        other if other.is_incomplete() => ("bad", name),
        _ => ("soft", name),
    }
}

fn places(block: &[&UnitReport]) -> String {
    let accounts: BTreeSet<&str> = block.iter().map(|u| u.id.account.as_str()).collect();
    let regions: BTreeSet<&str> = block.iter().map(|u| u.id.region.as_str()).collect();
    let accounts = match (block.first(), accounts.len()) {
        (Some(first), 1) => escape(&account(first)),
        (_, n) => count(n, "account"),
    };
    let regions = if regions.len() > 3 {
        count(regions.len(), "region")
    } else {
        regions.iter().map(|r| text(r)).collect::<Vec<_>>().join(" ")
    };
    format!("in {accounts}, {regions}")
}

fn write_changes(out: &mut String, changes: &[Change]) {
    if changes.is_empty() {
        return;
    }
    out.push_str(
        "<table><thead><tr><th>Setting</th><th>Is</th><th>Will be</th><th>Risk</th><th>Declared</th></tr></thead><tbody>",
    );
    for change in changes {
        let _ = write!(out, "<tr><td data-name=\"Setting\"><code>{}</code></td>", text(&change.path));
        match document::lines(change) {
            Some(lines) => {
                let _ = write!(out, "<td colspan=\"2\">{}</td>", difference(&lines));
            }
            None => {
                let _ = write!(
                    out,
                    "<td data-name=\"Is\" class=\"del\">{}</td><td data-name=\"Will be\" class=\"add\">{}</td>",
                    escape(&value(&change.before)),
                    escape(&value(&change.after))
                );
            }
        }
        let _ = write!(
            out,
            "<td data-name=\"Risk\">{}</td><td data-name=\"Declared\" class=\"soft\">{}</td></tr>",
            risk(change.risk),
            text(change.declared_at.as_deref().unwrap_or_default())
        );
    }
    out.push_str("</tbody></table>");
}

fn difference(lines: &[document::Line]) -> String {
    let line = |(sign, line): &document::Line| {
        let class = match sign {
            '+' => "add",
            '-' => "del",
            _ => "soft",
        };
        format!("<span class=\"{class}\">{sign} {}</span>", escape(line))
    };
    format!("<pre>{}</pre>", lines.iter().map(line).collect::<String>())
}

/// A risk, as something that is seen where it is one.
pub fn risk(risk: Risk) -> String {
    let class = match risk {
        Risk::Normal => return risk_name(risk).to_owned(),
        Risk::Disruptive => "warn",
        Risk::Destructive => "bad",
    };
    format!("<span class=\"risk {class}\">{}</span>", risk_name(risk))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::tests::{report_of, row};

    fn page_of(outcomes: &[OutcomeKind]) -> String {
        report(&report_of(outcomes.iter().map(|o| row(*o)).collect()))
    }

    #[test]
    fn hostile_names_stay_text() {
        let page = page_of(&[OutcomeKind::Drift, OutcomeKind::Failed]);
        assert!(!page.contains("<script>alert") && !page.contains('\u{1b}'));
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    }

    #[test]
    fn the_policy_names_what_is_in_the_page_and_it_loads_nothing() {
        let page = page_of(&[OutcomeKind::Drift]);
        for part in [STYLE, SCRIPT] {
            assert!(page.contains(&page::hash(part)) && page.contains(part));
        }
        assert!(page.contains("default-src 'none'") && !page.contains("{{"));
        for loads in ["http://", "https://", " src=", "@import", "url(", " style=", " onclick="] {
            assert!(!page.contains(loads), "{loads}");
        }
    }

    #[test]
    fn equal_changes_are_one_block_and_every_place_is_named() {
        let mut other = row(OutcomeKind::Drift);
        other.id.account = "444455556666".into();
        let page = report(&report_of(vec![row(OutcomeKind::Drift), other]));
        assert_eq!(page.matches("data-item data-control").count(), 1);
        assert!(page.contains("in 2 accounts") && page.contains("444455556666"));
        assert!(page.contains(
            "<td data-name=\"Is\" class=\"del\">6</td><td data-name=\"Will be\" class=\"add\">14</td>"
        ));
    }

    #[test]
    fn a_converged_plan_says_so() {
        assert!(page_of(&[OutcomeKind::InSync]).contains("Nothing differs."));
    }
}
