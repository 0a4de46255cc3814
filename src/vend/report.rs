//! What `vend` will do or did, one row per account.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use crate::report::text::{Paint, count, safe};
use crate::run::Opened;
use crate::units::OutcomeKind;

/// Version of the JSON.
pub const FORMAT_VERSION: u32 = 1;

/// A run of `vend`, or what one would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// `FORMAT_VERSION`.
    pub format_version: u32,
    /// Version of orgbase.
    pub tool_version: String,
    /// Run id.
    pub run: String,
    /// When it began, RFC 3339, UTC.
    pub created_at: String,
    /// Organization id.
    pub organization_id: String,
    /// Nothing was written.
    pub dry_run: bool,
    /// What holds for the whole run: quotas and times.
    pub notices: Vec<String>,
    /// Accounts, by key.
    pub accounts: Vec<Row>,
    /// Accounts per outcome; those that are there.
    pub summary: BTreeMap<String, usize>,
}

/// One account.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Key in the baseline; absent where it does not declare the account.
    pub key: Option<String>,
    /// 12-digit id; absent while the account does not exist.
    pub account: Option<String>,
    /// Name.
    pub name: String,
    /// `applied` where something was done, `in_sync` where nothing was to be done, `drift` where something is (a dry run, or
    /// what was not allowed), `pending` while AWS works on it, and as in reports of `apply`.
    pub outcome: OutcomeKind,
    /// The steps, when the run began.
    pub steps: Vec<String>,
    /// Steps that were done.
    pub done: Vec<String>,
    /// Why it ended so.
    pub reason: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Report {
    pub(super) fn new(opened: &Opened, dry_run: bool, accounts: Vec<Row>, notices: Vec<String>) -> Report {
        let mut summary = BTreeMap::new();
        for row in &accounts {
            *summary.entry(row.outcome.name().to_owned()).or_default() += 1;
        }
        Report {
            format_version: FORMAT_VERSION,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            run: opened.id().to_owned(),
            created_at: opened.started_at(),
            organization_id: opened.organization_id().to_owned(),
            dry_run,
            notices,
            accounts,
            summary,
        }
    }

    /// 3 where an account is not done, 2 where something was left undone on purpose or in a dry run, else 0.
    pub fn exit_code(&self) -> u8 {
        if self.accounts.iter().any(|row| row.outcome.is_incomplete()) {
            3
        } else if self.accounts.iter().any(|row| row.outcome == OutcomeKind::Drift) {
            2
        } else {
            0
        }
    }

    /// For people.
    pub fn human(&self, paint: Paint) -> String {
        let mut out = String::new();
        for row in &self.accounts {
            row.write(&mut out, paint);
        }
        if self.accounts.is_empty() {
            out.push_str("no declared account is missing, waits in the landing place, or is to be closed\n");
        }
        for notice in &self.notices {
            let _ = writeln!(out, "note: {}", safe(notice));
        }
        let counts: Vec<String> =
            self.summary.iter().map(|(outcome, n)| format!("{n} {}", outcome.replace('_', " "))).collect();
        if !counts.is_empty() {
            let _ = writeln!(out, "\n{}: {}", count(self.accounts.len(), "account"), counts.join(", "));
        }
        out
    }
}

impl Row {
    fn write(&self, out: &mut String, paint: Paint) {
        use OutcomeKind::{Applied, Drift, InSync, NotApplicable, Skipped};
        let outcome = self.outcome.words();
        let outcome = match self.outcome {
            Applied => paint.green(&outcome),
            Drift => paint.yellow("to do"),
            InSync | Skipped | NotApplicable => paint.dim(&outcome),
            _ => paint.red(&outcome),
        };
        let id = self.account.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
        let key = self.key.as_deref().map(|key| format!("{}  ", paint.bold(&safe(key)))).unwrap_or_default();
        let _ = writeln!(out, "{key}{outcome}  {}{id}", safe(&self.name));
        if let Some(reason) = &self.reason {
            let _ = writeln!(out, "    {}", safe(reason));
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(out, "    hint: {}", safe(hint));
        }
        for step in &self.done {
            let _ = writeln!(out, "    {} {}", paint.green("done"), safe(step));
        }
        if self.outcome == Drift && self.reason.is_none() {
            for (n, step) in self.steps.iter().enumerate() {
                let _ = writeln!(out, "    {}. {}", n + 1, safe(step));
            }
        }
    }
}
