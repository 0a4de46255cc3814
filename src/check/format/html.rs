//! One self-contained HTML file: search, filters, sorting, a grid of accounts and rules, details. It loads nothing.
//!
//! Names reach the page as JSON in a data block and are put into it as text, never as markup; a content security policy with
//! the hashes of the one style and the one script forbids everything else.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{CheckReport, benchmark};
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

/// Texts that many rows share are stored once.
#[derive(Default)]
struct Table {
    texts: Vec<String>,
    index: HashMap<String, usize>,
}

impl Table {
    fn of(&mut self, text: &str) -> usize {
        if let Some(known) = self.index.get(text) {
            return *known;
        }
        self.texts.push(text.to_string());
        self.index.insert(text.to_string(), self.texts.len() - 1);
        self.texts.len() - 1
    }
}

/// What the script reads. A row is an array: rule, account, region, status, failed, checked, evidence, met by, affected,
/// fixed by the baseline; the first three, evidence and met by are indexes.
fn data(report: &CheckReport) -> Value {
    let mut texts = Table::default();
    let mut accounts: Vec<Value> = Vec::new();
    let mut account_index: HashMap<&str, usize> = HashMap::new();
    let mut rules: HashMap<&str, usize> = HashMap::new();
    for (n, rule) in report.rules.iter().enumerate() {
        rules.insert(&rule.rule, n);
    }
    let mut rows = Vec::with_capacity(report.rows.len());
    for row in &report.rows {
        let account = *account_index.entry(&row.account_id).or_insert_with(|| {
            accounts.push(json!([row.account_id, row.account_name, row.ou]));
            accounts.len() - 1
        });
        let status = Status::ALL.iter().position(|s| *s == row.status);
        let exception = row.exception.as_ref().filter(|e| e.expired).map(|e| {
            format!(
                "{}; its exception expired on {}: {}",
                row.evidence,
                e.expires.as_deref().unwrap_or(""),
                e.reason
            )
        });
        rows.push(json!([
            rules.get(row.rule.as_str()),
            account,
            texts.of(&row.region),
            status,
            row.failed,
            row.checked,
            texts.of(exception.as_deref().unwrap_or(&row.evidence)),
            texts.of(row.met_by.as_deref().unwrap_or("")),
            row.affected,
            u8::from(row.fixed_by_baseline),
        ]));
    }
    json!({
        "title": benchmark(report),
        "organization": report.organization_id,
        "generated": report.generated_at,
        "tool": report.tool_version,
        "statuses": Status::ALL.map(Status::name),
        "rules": report.rules,
        "accounts": accounts,
        "texts": texts.texts,
        "rows": rows,
        "skipped": report.skipped,
        "summary": report.summary.statuses,
        "score": report.summary.score,
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
        assert_eq!(data["rows"].as_array().unwrap().len(), 5);
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
