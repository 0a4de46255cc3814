//! One self-contained HTML file: search, filters, sorting, a grid of accounts and rules, details. It loads nothing.
//!
//! Names reach the page as JSON in a data block and are put into it as text, never as markup; a content security policy with
//! the hashes of the one style and the one script forbids everything else.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::Hash;

use serde::Serialize;
use serde_json::{Value, json};

use super::{CheckReport, benchmark, evidence, exception_line};
use crate::check::report::Status;
use crate::error::RunError;
use crate::report::page;

const PAGE: &str = include_str!("html/page.html");
const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/script.js");

/// The whole report.
pub fn render(report: &CheckReport) -> Result<String, RunError> {
    let data = serde_json::to_string(&data(report))
        .map_err(|e| RunError::new(format!("cannot write the report's data: {e}")))?;
    let title = format!("{}, {}", benchmark(report), report.organization_id);
    let parts = [
        ("{{style_hash}}", page::hash(STYLE)),
        ("{{script_hash}}", page::hash(SCRIPT)),
        ("{{title}}", page::escape(&title)),
        ("{{style}}", STYLE.to_string()),
        ("{{data}}", page::data_block(&data)),
        ("{{script}}", SCRIPT.to_string()),
    ];
    let parts: Vec<(&str, &str)> = parts.iter().map(|(mark, text)| (*mark, text.as_str())).collect();
    Ok(page::fill(PAGE, &parts))
}

/// What many rows share is stored once.
#[derive(Default)]
struct Table<T> {
    values: Vec<T>,
    index: HashMap<T, usize>,
}

impl<T: Copy + Eq + Hash> Table<T> {
    /// The index of a value.
    fn of(&mut self, value: T) -> usize {
        *self.index.entry(value).or_insert_with(|| {
            self.values.push(value);
            self.values.len() - 1
        })
    }
}

/// The columns of the rows; most are indexes into what the rows share. Row by row, the names of the members would be most of
/// a large report.
#[derive(Default, Serialize)]
struct Columns {
    rule: Vec<usize>,
    account: Vec<usize>,
    region: Vec<usize>,
    status: Vec<usize>,
    failed: Vec<usize>,
    checked: Vec<usize>,
    evidence: Vec<usize>,
    met: Vec<usize>,
    affected: Vec<usize>,
    /// What to do about it.
    remedy: Vec<usize>,
    updated: Vec<usize>,
}

/// What the script reads.
fn data(report: &CheckReport) -> Value {
    let found: Vec<Cow<'_, str>> = report.rows.iter().map(evidence).collect();
    let (mut texts, mut ids) = (Table::<&str>::default(), Table::<&str>::default());
    let mut lists = Table::<&[String]>::default();
    let mut accounts: Vec<Value> = Vec::new();
    let rules: HashMap<&str, usize> = report.rules.iter().map(|rule| rule.rule.as_str()).zip(0..).collect();
    let mut columns = Columns::default();
    for (row, found) in report.rows.iter().zip(&found) {
        let Some(rule) = rules.get(row.rule.as_str()) else { continue };
        let account = ids.of(&row.account_id);
        if account == accounts.len() {
            accounts.push(json!([row.account_id, row.account_name, row.ou]));
        }
        columns.rule.push(*rule);
        columns.account.push(account);
        columns.region.push(texts.of(&row.region));
        columns.status.push(Status::ALL.iter().position(|s| *s == row.status).unwrap_or_default());
        columns.failed.push(row.failed);
        columns.checked.push(row.checked);
        columns.evidence.push(texts.of(found));
        columns.met.push(texts.of(row.met_by.as_deref().unwrap_or_default()));
        columns.affected.push(lists.of(&row.affected));
        columns.remedy.push(texts.of(row.remedy.as_deref().unwrap_or_default()));
        columns.updated.push(texts.of(&row.updated_at));
    }
    json!({
        "title": benchmark(report),
        "organization": report.organization_id,
        "generated": report.generated_at,
        "tool": report.tool_version,
        "baseline": report.baseline,
        "statuses": Status::ALL.map(Status::name),
        "rules": report.rules,
        "accounts": accounts,
        "texts": texts.values,
        "lists": lists.values,
        "rows": columns,
        "exceptions": report.exceptions.iter().map(exception_line).collect::<Vec<_>>(),
        "skipped": report.skipped,
        "summary": report.summary.statuses,
        "score": report.summary.score,
        "versions": report.summary.versions,
        "compared": report.compared,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::check::format::tests::{HOSTILE, report};

    #[test]
    fn hostile_names_stay_data() {
        let page = render(&report()).unwrap();
        assert!(!page.contains("<script>alert"), "markup of a name is in the page");
        let block = page.split_once("<script type=\"application/json\" id=\"data\">").unwrap().1;
        let block = block.split_once("</script>").unwrap().0;
        let data: Value = serde_json::from_str(block).unwrap();
        assert_eq!(data["accounts"][0][1], HOSTILE);
        for column in data["rows"].as_object().unwrap().values() {
            assert_eq!(column.as_array().unwrap().len(), 5);
        }
    }

    #[test]
    fn the_policy_names_what_is_in_the_page() {
        let text = render(&report()).unwrap();
        for part in [STYLE, SCRIPT] {
            assert!(text.contains(&page::hash(part)) && text.contains(part));
        }
        assert!(text.contains("default-src 'none'"));
        for loads in ["http://", "https://", "src=", "@import", "url("] {
            let shell = text.split_once("id=\"data\">").unwrap().0;
            assert!(!shell.contains(loads) && !SCRIPT.contains(loads), "{loads}");
        }
    }

    #[test]
    fn nothing_is_left_to_fill_in() {
        assert!(!render(&report()).unwrap().contains("{{"));
    }
}
