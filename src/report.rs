//! What a run found and did: one row per unit, and counts. Renderers take this value and nothing else.

mod document;
pub mod html;
pub mod human;
pub mod markdown;
pub mod page;
pub mod progress;
pub mod reach;
pub mod text;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::control::{Change, Effect, Risk};
use crate::error::UnitError;
use crate::units::{OutcomeKind, UnitId};

/// Version of the JSON of plans and run reports.
pub const FORMAT_VERSION: u32 = 1;

/// A plan, or the report of a run that applied one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// `FORMAT_VERSION`.
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
    /// Rows, in plan order.
    pub units: Vec<UnitReport>,
    /// Counts.
    pub summary: Summary,
}

/// One unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnitReport {
    /// Which.
    #[serde(flatten)]
    pub id: UnitId,
    /// Name of the account, as AWS has it.
    pub account_name: String,
    /// How it ended.
    pub outcome: OutcomeKind,
    /// What differs, or what was written.
    pub changes: Vec<Change>,
    /// What the reader should know although nothing differs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<String>,
    /// Why it ended so, where that is neither a change nor an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whom the change of a policy reaches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<reach::Reach>,
    /// In sync by an organization-wide answer, and not read by itself (`--refresh central`): whose answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vouched_by: Option<String>,
    /// SHA-256 of the state that was read: the precondition of a saved plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// What went wrong.
    pub error: Option<UnitError>,
    /// The change is not for `apply` to make; `reason` says who makes it.
    #[serde(skip)]
    pub by_hand: bool,
    /// What is there will have changed before the unit's turn (`Diff::provisional`).
    #[serde(skip)]
    pub provisional: bool,
}

impl UnitReport {
    /// A row without changes.
    pub fn new(id: UnitId, account_name: String, outcome: OutcomeKind, reason: Option<String>) -> UnitReport {
        let (changes, notices) = (Vec::new(), Vec::new());
        let (vouched_by, fingerprint, error, by_hand, provisional) = (None, None, None, false, false);
        UnitReport {
            id,
            account_name,
            outcome,
            changes,
            notices,
            reason,
            reach: None,
            vouched_by,
            fingerprint,
            error,
            by_hand,
            provisional,
        }
    }

    /// What is done to it as a whole: all of it is new, all of it goes, or something of it changes.
    pub fn effect(&self) -> Effect {
        let all = |effect: Effect| self.changes.iter().all(|change| change.effect == effect);
        match () {
            () if all(Effect::Create) => Effect::Create,
            () if all(Effect::Delete) => Effect::Delete,
            () => Effect::Update,
        }
    }

    /// What failed, else why it ended so.
    pub fn why(&self) -> Option<&str> {
        self.error.as_ref().map(|error| error.message.as_str()).or(self.reason.as_deref())
    }

    /// The highest risk among its changes.
    pub fn risk(&self) -> Risk {
        self.changes.iter().map(|c| c.risk).max().unwrap_or(Risk::Normal)
    }
}

/// Counts of a report. Their sum over outcomes is the number of units.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Number of units.
    pub units: usize,
    /// Units per outcome; every outcome is listed.
    pub outcomes: BTreeMap<String, usize>,
    /// Changes per effect, over units that drift or were applied.
    pub effects: BTreeMap<String, usize>,
    /// Changes per risk, over the same units.
    pub risks: BTreeMap<String, usize>,
    /// Products that manage the organization as well, and what is left to each of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub owners: BTreeMap<String, String>,
    /// What holds for the whole run: exceptions and selectors that match nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<String>,
    /// Billed services that would be newly on: section; what AWS bills, and where it would be on.
    pub billed: BTreeMap<String, String>,
}

impl Summary {
    /// Counts rows.
    pub fn of(units: &[UnitReport]) -> Summary {
        let mut summary = Summary { units: units.len(), ..Summary::default() };
        for outcome in OutcomeKind::ALL {
            let count = units.iter().filter(|u| u.outcome == outcome).count();
            summary.outcomes.insert(outcome.name().to_string(), count);
        }
        for change in units.iter().filter(|u| is_shown(u.outcome)).flat_map(|u| &u.changes) {
            *summary.effects.entry(effect_name(change.effect).to_string()).or_default() += 1;
            *summary.risks.entry(risk_name(change.risk).to_string()).or_default() += 1;
        }
        summary.billed = billed(units);
        summary
    }

    /// Units with one outcome.
    pub fn count(&self, outcome: OutcomeKind) -> usize {
        self.outcomes.get(outcome.name()).copied().unwrap_or_default()
    }

    /// The exit code that these outcomes mean.
    pub fn exit_code(&self) -> u8 {
        if OutcomeKind::ALL.iter().any(|o| o.is_incomplete() && self.count(*o) > 0) {
            3
        } else if self.count(OutcomeKind::Drift) > 0 {
            2
        } else {
            0
        }
    }
}

/// Sections of billed services of which something would be newly on: what AWS bills, and where.
fn billed(units: &[UnitReport]) -> BTreeMap<String, String> {
    let creates = |unit: &&UnitReport| {
        unit.outcome == OutcomeKind::Drift && unit.changes.iter().any(|c| c.effect == Effect::Create)
    };
    let mut new: BTreeMap<&str, Vec<&UnitReport>> = BTreeMap::new();
    for unit in units.iter().filter(creates) {
        new.entry(&unit.id.control).or_default().push(unit);
    }
    let said = |(section, units): (&str, Vec<&UnitReport>)| {
        let billed = crate::controls::section(section)?.meta().billed?;
        Some((section.to_owned(), format!("{billed} (newly on in {})", places(&units))))
    };
    new.into_iter().filter_map(said).collect()
}

/// Accounts and regions of units: by name where they are few.
fn places(units: &[&UnitReport]) -> String {
    let accounts: BTreeSet<&str> = units.iter().map(|u| u.account_name.as_str()).collect();
    let regions: BTreeSet<&str> = units.iter().map(|u| u.id.region.as_str()).collect();
    let few = |names: BTreeSet<&str>, noun: &str| match names.len() {
        0..=3 => Vec::from_iter(names).join(", "),
        many => text::count(many, noun),
    };
    format!("{}: {}", few(accounts, "account"), few(regions, "region"))
}

/// Whether the changes of a unit with this outcome belong to the counts.
fn is_shown(outcome: OutcomeKind) -> bool {
    matches!(outcome, OutcomeKind::Drift | OutcomeKind::Applied | OutcomeKind::Pending)
}

/// The name of an effect in the JSON.
pub fn effect_name(effect: Effect) -> &'static str {
    match effect {
        Effect::Create => "create",
        Effect::Update => "update",
        Effect::Delete => "delete",
    }
}

/// The name of a risk in the JSON.
pub fn risk_name(risk: Risk) -> &'static str {
    match risk {
        Risk::Normal => "normal",
        Risk::Disruptive => "disruptive",
        Risk::Destructive => "destructive",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(outcome: OutcomeKind) -> UnitReport {
        let id = UnitId {
            control: "password_policy".into(),
            part: String::new(),
            account: "111111111111".into(),
            region: "eu-west-1".into(),
        };
        UnitReport::new(id, "One".into(), outcome, None)
    }

    fn code(outcomes: &[OutcomeKind]) -> u8 {
        Summary::of(&outcomes.iter().map(|o| unit(*o)).collect::<Vec<_>>()).exit_code()
    }

    #[test]
    fn incomplete_wins_over_drift_and_drift_over_done() {
        use OutcomeKind::{Applied, Blocked, Drift, Failed, InSync, NotRun, Pending, Skipped, Stale};
        assert_eq!(code(&[InSync, Applied, Skipped]), 0);
        assert_eq!(code(&[InSync, Drift]), 2);
        for incomplete in [Blocked, Failed, NotRun, Pending, Stale] {
            assert_eq!(code(&[InSync, Drift, incomplete]), 3, "{incomplete:?}");
        }
    }

    #[test]
    fn what_would_be_billed_says_where() {
        let new = |n: usize, region: &str| {
            let mut row = unit(OutcomeKind::Drift);
            row.id = UnitId { control: "guardduty".into(), region: region.into(), ..row.id };
            row.account_name = format!("a{n}");
            let mut diff = crate::control::Diff::new();
            diff.create("detector", true);
            UnitReport { changes: diff.changes, ..row }
        };
        let few = Summary::of(&[new(1, "eu-west-1"), new(2, "us-east-1"), unit(OutcomeKind::Drift)]);
        assert_eq!(few.billed.len(), 1);
        assert!(few.billed["guardduty"].ends_with("(newly on in a1, a2: eu-west-1, us-east-1)"), "{few:?}");
        let many: Vec<UnitReport> = (0..5).map(|n| new(n, "eu-west-1")).collect();
        let many = Summary::of(&many);
        assert!(many.billed["guardduty"].ends_with("(newly on in 5 accounts: eu-west-1)"), "{many:?}");
    }

    #[test]
    fn counts_add_up_to_the_units() {
        let units: Vec<UnitReport> = OutcomeKind::ALL.iter().map(|o| unit(*o)).collect();
        let summary = Summary::of(&units);
        assert_eq!(summary.outcomes.values().sum::<usize>(), units.len());
    }
}
