//! Units: what the baseline asks for, spread over accounts and regions, with the order between them.
//!
//! One unit is one control on one target. Every unit ends with exactly one outcome.

mod expand;
mod graph;
mod ready;
mod rings;
mod schedule;
mod unmatched;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use expand::{Scope, expand, regional_accounts, seat_account};
pub(crate) use graph::Node;
pub use schedule::{Bounds, Cancel, Ends, Progress, Status, Stopped, run};
pub use unmatched::{check_canary, unmatched};

use crate::baseline::Bound;
use crate::control::{DynUnit, Meta};

/// Which unit: the section, its part, the account that it is about, the region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UnitId {
    /// Section id.
    pub control: String,
    /// Part of the section, and unit within the part; empty where there is only one.
    pub part: String,
    /// 12-digit id of the account that the unit is about.
    pub account: String,
    /// Region; the home region where the setting has none.
    pub region: String,
}

impl fmt::Display for UnitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.control)?;
        if !self.part.is_empty() {
            write!(f, "/{}", self.part)?;
        }
        write!(f, " in {} {}", self.account, self.region)
    }
}

/// One unit of work.
pub struct Unit {
    /// Which.
    pub id: UnitId,
    /// 12-digit id of the account whose credentials make the calls.
    pub seat: String,
    /// The control's declaration.
    pub meta: &'static Meta,
    /// The work, or the outcome that is known without any.
    pub task: Task,
    /// The section as it holds here: says which line asks for a change.
    pub bound: Option<Arc<Bound>>,
    /// Path inside the section of the table that asks for the unit.
    pub at: String,
    /// Why and until when the unit is not converged.
    pub exception: Option<Exempt>,
    /// Ring of the account that it is about, where the baseline has rings and the unit is about one account's settings.
    pub ring: Option<usize>,
    /// The account is protected, and the run does not name it.
    pub protected: bool,
    /// Position of its control among the controls of the run.
    pub(crate) control: usize,
    /// What must be done first.
    pub(crate) after: Vec<graph::Node>,
}

impl Unit {
    /// Name of the unit within its control; empty where there is only one.
    pub fn name(&self) -> &str {
        match (self.meta.part, self.id.part.as_str()) {
            ("", name) => name,
            (part, name) => {
                name.strip_prefix(part).and_then(|rest| rest.strip_prefix(':')).unwrap_or_default()
            }
        }
    }

    /// A unit that waits for nothing and for which nothing waits, from no section of a baseline.
    pub fn alone(id: UnitId, seat: String, meta: &'static Meta, task: Task) -> Unit {
        let (bound, at, exception, ring, protected) = (None, String::new(), None, None, false);
        Unit { id, seat, meta, task, bound, at, exception, ring, protected, control: 0, after: Vec::new() }
    }
}

/// A unit's work.
pub enum Task {
    /// Something is wanted.
    Do(Box<dyn DynUnit>),
    /// It ends so without a call; the text says why.
    Settled(OutcomeKind, String),
}

/// An exception of the baseline that covers a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exempt {
    /// The baseline's reason.
    pub reason: String,
    /// Last day, `YYYY-MM-DD`.
    pub expires: Option<String>,
    /// The last day has passed.
    pub expired: bool,
    /// The last day is at most 30 days away.
    pub expires_soon: bool,
}

/// How a unit ended. The names are part of the JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    /// Live AWS is as the baseline says.
    InSync,
    /// It differs, and nothing was written.
    Drift,
    /// It differed, was written and read back.
    Applied,
    /// AWS is still working on it, as live AWS shows.
    Pending,
    /// It moved since it was planned; nothing was written.
    Stale,
    /// Something that must be done first is not.
    Blocked,
    /// Somebody decided that it is not managed here.
    Skipped,
    /// It has no meaning here.
    NotApplicable,
    /// The run ended before its turn.
    NotRun,
    /// It could not be read or written.
    Failed,
}

impl OutcomeKind {
    /// All, in the order in which summaries list them.
    pub const ALL: [OutcomeKind; 10] = [
        OutcomeKind::InSync,
        OutcomeKind::Drift,
        OutcomeKind::Applied,
        OutcomeKind::Pending,
        OutcomeKind::Stale,
        OutcomeKind::Blocked,
        OutcomeKind::Skipped,
        OutcomeKind::NotApplicable,
        OutcomeKind::NotRun,
        OutcomeKind::Failed,
    ];

    /// The name in the JSON.
    pub fn name(self) -> &'static str {
        match self {
            OutcomeKind::InSync => "in_sync",
            OutcomeKind::Drift => "drift",
            OutcomeKind::Applied => "applied",
            OutcomeKind::Pending => "pending",
            OutcomeKind::Stale => "stale",
            OutcomeKind::Blocked => "blocked",
            OutcomeKind::Skipped => "skipped",
            OutcomeKind::NotApplicable => "not_applicable",
            OutcomeKind::NotRun => "not_run",
            OutcomeKind::Failed => "failed",
        }
    }

    /// The name in words for people.
    pub fn words(self) -> String {
        self.name().replace('_', " ")
    }

    /// The run is incomplete: exit code 3.
    pub fn is_incomplete(self) -> bool {
        use OutcomeKind::{Blocked, Failed, NotRun, Pending, Stale};
        matches!(self, Pending | Stale | Blocked | NotRun | Failed)
    }
}

#[cfg(test)]
mod tests;
