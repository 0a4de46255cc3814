//! Drift, as a scheduler wants it: one line per setting that is not as the baseline says, and who changed it last.
//!
//! The plan is the same as `plan`'s, the repair the same as `apply`'s. This module adds who and when (`actor`), the settings
//! as rows (`Setting`), and how they are told: text, JSON, a page, a message (`notify`).

mod actor;
mod events;
mod html;
pub mod notify;
mod text;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

pub use actor::{ChangedBy, READS, actors};
pub use html::page;
pub use text::{lines, report as text};

use crate::control::{Effect, Risk};
use crate::report::{Report, Summary, UnitReport};
use crate::units::OutcomeKind;

/// What `drift` found, and what it did about it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DriftReport {
    /// Version of this JSON.
    pub format_version: u32,
    /// Version of orgbase.
    pub tool_version: String,
    /// Run id.
    pub run: String,
    /// When, RFC 3339, UTC.
    pub created_at: String,
    /// Path of the baseline as it was given.
    pub baseline: String,
    /// SHA-256 of the baseline and the documents that it names.
    pub baseline_digest: String,
    /// Organization id.
    pub organization_id: String,
    /// `--correct` was given.
    pub corrected: bool,
    /// Settings that were not as the baseline says, in plan order.
    pub settings: Vec<Setting>,
    /// Every unit, as it ended.
    pub units: Vec<UnitReport>,
    /// Counts over `units`.
    pub summary: Summary,
}

/// One setting that was not as the baseline says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Setting {
    /// 12-digit id of the account.
    pub account: String,
    /// Its name.
    pub account_name: String,
    /// Region; the home region where the setting has none.
    pub region: String,
    /// Section id.
    pub control: String,
    /// Part of the section, and unit within it.
    pub part: String,
    /// Path of the setting inside the section; empty: the whole.
    pub path: String,
    /// What was found.
    pub before: Value,
    /// What the baseline says.
    pub after: Value,
    /// What a repair does to it.
    pub effect: Effect,
    /// How dangerous the repair is.
    pub risk: Risk,
    /// `file:line` of the baseline that asks for it.
    pub declared_at: Option<String>,
    /// How its unit ended: `drift` where it was left, `applied` where it was repaired.
    pub outcome: OutcomeKind,
    /// Why it was left, where somebody has to do something.
    pub reason: Option<String>,
    /// Who wrote it last, by CloudTrail; `None`: unknown.
    pub changed_by: Option<ChangedBy>,
}

impl DriftReport {
    /// `planned`: what was found; `ended`: the same units, after the repair or as they were found. `who` by position.
    pub fn new(
        planned: &[UnitReport],
        ended: Report,
        corrected: bool,
        who: &BTreeMap<usize, ChangedBy>,
    ) -> DriftReport {
        let drifted = planned.iter().zip(&ended.units).enumerate();
        let settings = drifted
            .filter(|(_, (found, _))| found.outcome == OutcomeKind::Drift)
            .flat_map(|(at, (found, end))| settings(found, end, who.get(&at)))
            .collect();
        DriftReport {
            format_version: ended.format_version,
            tool_version: ended.tool_version,
            run: ended.run,
            created_at: ended.created_at,
            baseline: ended.baseline,
            baseline_digest: ended.baseline_digest,
            organization_id: ended.organization_id,
            corrected,
            settings,
            units: ended.units,
            summary: ended.summary,
        }
    }

    /// Units that are incomplete: failed, blocked, stale, pending or not run.
    pub fn incomplete(&self) -> impl Iterator<Item = &UnitReport> {
        self.units.iter().filter(|u| u.outcome.is_incomplete())
    }

    /// Units that are left as they are because somebody decided so (an exception of the baseline, an account that is not
    /// managed), by section and reason.
    pub fn left(&self) -> BTreeMap<(&str, &str), Vec<&UnitReport>> {
        let mut left: BTreeMap<(&str, &str), Vec<&UnitReport>> = BTreeMap::new();
        for unit in self.units.iter().filter(|unit| unit.outcome == OutcomeKind::Skipped) {
            let reason = unit.why().unwrap_or_default();
            left.entry((unit.id.control.as_str(), reason)).or_default().push(unit);
        }
        left
    }

    /// Whether somebody should hear of it: something differed, or could not be read or repaired.
    pub fn is_news(&self) -> bool {
        !self.settings.is_empty() || self.incomplete().next().is_some()
    }

    /// Settings that were repaired.
    pub fn repaired(&self) -> usize {
        self.settings.iter().filter(|s| s.outcome == OutcomeKind::Applied).count()
    }
}

/// A unit that differs without a change to be made (an account that waits for `vend`) is one row too.
fn settings(found: &UnitReport, end: &UnitReport, who: Option<&ChangedBy>) -> Vec<Setting> {
    let (outcome, reason) = ended(end);
    let row = |path: &str, before: &Value, after: &Value| Setting {
        account: found.id.account.clone(),
        account_name: found.account_name.clone(),
        region: found.id.region.clone(),
        control: found.id.control.clone(),
        part: found.id.part.clone(),
        path: path.to_owned(),
        before: before.clone(),
        after: after.clone(),
        effect: Effect::Update,
        risk: Risk::Normal,
        declared_at: None,
        outcome,
        reason: reason.clone(),
        changed_by: who.cloned(),
    };
    if found.changes.is_empty() {
        return vec![row("", &Value::Null, &Value::Null)];
    }
    let of = |change: &crate::control::Change| Setting {
        effect: change.effect,
        risk: change.risk,
        declared_at: change.declared_at.clone(),
        ..row(&change.path, &change.before, &change.after)
    };
    found.changes.iter().map(of).collect()
}

/// How a setting that differed ended. Where its unit found it as it should be when its turn came, it was repaired too.
fn ended(end: &UnitReport) -> (OutcomeKind, Option<String>) {
    if end.outcome == OutcomeKind::InSync {
        return (OutcomeKind::Applied, Some("the repair of another setting brought it back".into()));
    }
    (end.outcome, end.why().map(ToString::to_string))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::control::Diff;
    use crate::report::FORMAT_VERSION;
    use crate::units::UnitId;

    #[test]
    fn what_another_repair_brought_back_counts_as_repaired() {
        let found = row(OutcomeKind::Drift);
        let end = row(OutcomeKind::InSync);
        let listed = settings(&found, &end, None);
        assert!(!listed.is_empty());
        for setting in &listed {
            assert_eq!(setting.outcome, OutcomeKind::Applied);
            assert!(setting.reason.as_ref().is_some_and(|why| why.contains("another setting")));
        }
        let failed = settings(&found, &row(OutcomeKind::Failed), None);
        assert!(failed.iter().all(|setting| setting.outcome == OutcomeKind::Failed));
    }

    /// A name that tries everything: markup, control characters, quotes, a mention.
    pub(crate) const HOSTILE: &str = "<!channel>\u{1b}[31m<script>alert(1)</script>\"|`x`\r\n&]]>";

    pub(crate) fn row(outcome: OutcomeKind) -> UnitReport {
        let id = UnitId {
            control: "password_policy".into(),
            part: String::new(),
            account: "111122223333".into(),
            region: "eu-west-1".into(),
        };
        let mut diff = Diff::new();
        diff.field("minimum_length", &6, Some(&14));
        diff.field("note", &HOSTILE, Some(&"fine"));
        let changes = if outcome == OutcomeKind::InSync { Vec::new() } else { diff.changes };
        UnitReport { changes, ..UnitReport::new(id, HOSTILE.into(), outcome, None) }
    }

    pub(crate) fn report_of(units: Vec<UnitReport>) -> Report {
        Report {
            format_version: FORMAT_VERSION,
            tool_version: "0.1.0".into(),
            run: "20261121T223005Z-1a2b3c".into(),
            created_at: "2026-11-21T22:30:05Z".into(),
            baseline: "baseline.toml".into(),
            baseline_digest: "d".into(),
            organization_id: "o-a1b2c3d4e5".into(),
            summary: Summary::of(&units),
            units,
        }
    }

    pub(crate) fn changed_by() -> ChangedBy {
        ChangedBy {
            actor: "arn:aws:sts::111122223333:assumed-role/Admin/mallory".into(),
            at: "2026-11-21T21:00:00Z".into(),
            event: "UpdateAccountPasswordPolicy".into(),
            source: "iam.amazonaws.com".into(),
            event_id: "e-1".into(),
            certain: true,
        }
    }

    /// What was found, and how it ended.
    pub(crate) fn drift(found: &[OutcomeKind], ended: &[OutcomeKind]) -> DriftReport {
        let planned: Vec<UnitReport> = found.iter().map(|o| row(*o)).collect();
        let ended = report_of(ended.iter().map(|o| row(*o)).collect());
        DriftReport::new(&planned, ended, true, &BTreeMap::from([(0, changed_by())]))
    }

    #[test]
    fn each_setting_is_a_row_with_its_end() {
        use OutcomeKind::{Applied, Drift, InSync};
        let report = drift(&[Drift, InSync, Drift], &[Applied, InSync, Drift]);
        let rows: Vec<(&str, OutcomeKind, bool)> =
            report.settings.iter().map(|s| (s.path.as_str(), s.outcome, s.changed_by.is_some())).collect();
        assert_eq!(
            rows,
            [
                ("minimum_length", Applied, true),
                ("note", Applied, true),
                ("minimum_length", Drift, false),
                ("note", Drift, false)
            ]
        );
        assert_eq!((report.repaired(), report.is_news()), (2, true));
    }

    #[test]
    fn what_is_in_sync_is_no_news_and_what_failed_is() {
        use OutcomeKind::{Failed, InSync};
        assert!(!drift(&[InSync], &[InSync]).is_news());
        let failed = drift(&[Failed], &[Failed]);
        assert!(failed.is_news() && failed.settings.is_empty());
    }
}
