//! Makes the accounts that the baseline declares and the organization lacks, brings them under the baseline, adopts invited
//! ones, and closes those that are to be closed.
//!
//! ```text
//! absent ─CreateAccount─> root ─> landing OU ─> role, regions, services ─> baseline ─> its OU ─> verified
//! ```
//!
//! * Nothing is remembered between runs: what AWS shows (accounts by e-mail address, creations by name, OUs, region statuses)
//!   says where each account is on that way. So a run can end anywhere, and the next one goes on.
//! * The baseline is planned and applied by the same engine as everywhere, with these accounts selected (`converge`).
//! * `docs/vend.md` is the page for users.

mod calls;
mod candidates;
mod close;
mod converge;
mod create;
mod quota;
mod ready;
pub mod report;

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

pub use calls::{READS, WRITES};
pub use report::{Report, Row};

use crate::apply::journal::{Head, Journal};
use crate::apply::store::RunStore;
use crate::control::{Diff, Record, Risk};
use crate::error::{RunError, UnitError};
use crate::run::Opened;
use crate::units::{Cancel, OutcomeKind, UnitId};
use candidates::{Candidate, Stage};

/// How long nothing may move on before a run ends and leaves the rest to the next one.
const PATIENCE: Duration = Duration::from_mins(15);
/// Between two looks at what AWS is working on.
const PAUSE: Duration = Duration::from_secs(15);

/// Which accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// The account that the baseline declares under this key.
    Key(String),
    /// Every declared account that does not exist, waits in the landing place, or is to be closed.
    All,
    /// An account of the organization by its id, such as one that was invited.
    Adopt(String),
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which accounts.
    pub which: Which,
    /// Only show the steps.
    pub dry_run: bool,
    /// Accounts may be closed, and destructive changes of the baseline made in them.
    pub destructive: bool,
}

/// Whoever started the run.
pub trait Voice: Send + Sync {
    /// Something that takes time goes on.
    fn tell(&self, line: &str);

    /// Whether to do what the report says.
    ///
    /// # Errors
    /// There is nobody to ask.
    fn agrees(&self, report: &Report) -> Result<bool, RunError>;
}

/// One run.
struct Vendor<'a> {
    opened: &'a mut Opened,
    request: &'a Request,
    cancel: &'a Cancel,
    voice: &'a dyn Voice,
    journal: Option<Journal>,
    notices: Vec<String>,
}

/// Runs `vend`. `None`: the user said no. The caller holds the lock, unless it is a dry run.
///
/// # Errors
/// Nothing was attempted: the baseline declares no such account, a quota is too small, or the organization cannot be read.
pub async fn vend(
    opened: &mut Opened,
    request: &Request,
    store: &dyn RunStore,
    cancel: &Cancel,
    voice: &dyn Voice,
) -> Result<Option<Report>, RunError> {
    opened.read().await?;
    let mut vendor = Vendor { opened, request, cancel, voice, journal: None, notices: Vec::new() };
    let mut all = vendor.choose().await?;
    vendor.check_quotas(&all).await?;
    if request.dry_run {
        vendor.preview(&mut all).await?;
    }
    let has_work = all.iter().any(|c| c.stage != Stage::Over);
    if request.dry_run || !has_work {
        return Ok(Some(vendor.report(all)));
    }
    if !voice.agrees(&vendor.report(all.clone()))? {
        return Ok(None);
    }
    vendor.journal = Some(vendor.open_journal(store).await?);
    vendor.work(&mut all).await;
    Ok(Some(vendor.report(all)))
}

impl Vendor<'_> {
    async fn open_journal(&self, store: &dyn RunStore) -> Result<Journal, RunError> {
        let head = Head {
            run: self.opened.id(),
            organization_id: self.opened.organization_id(),
            command: "vend",
            started_at: &self.opened.started_at(),
            baseline_digest: self.opened.baseline().digest(),
        };
        store.journal(&head).await
    }

    /// Round after round, until every account is done, failed, or nothing has moved on for too long.
    async fn work(&mut self, all: &mut [Candidate]) {
        let mut last = Instant::now();
        let mut told = String::new();
        loop {
            let before = marks(all);
            self.create_round(all).await;
            self.finish(all).await;
            self.close_round(all).await;
            if self.cancel.is_cancelled() || all.iter().all(|c| c.stage == Stage::Over) {
                break;
            }
            if marks(all) != before {
                last = Instant::now();
                continue;
            }
            if last.elapsed() >= self.opened.aws().patience(PATIENCE) {
                break;
            }
            self.tell_waiting(all.iter(), &mut told);
            tokio::time::sleep(self.opened.aws().patience(PAUSE)).await;
        }
        for candidate in all.iter_mut() {
            candidate.leave(self.cancel.is_cancelled());
        }
    }

    /// Says what is waited for, once for each state of things.
    fn tell_waiting<'c>(&self, all: impl Iterator<Item = &'c Candidate>, told: &mut String) {
        let waiting: Vec<String> = all.filter_map(Candidate::waiting).collect();
        let line = format!("waiting for AWS: {}", waiting.join("; "));
        if *told != line {
            self.voice.tell(&line);
            *told = line;
        }
    }

    /// Writes down what is about to be done, before it is done.
    async fn record(
        &self,
        (path, part): (&str, &str),
        (before, after): (Value, Value),
        risk: Risk,
    ) -> Result<(), UnitError> {
        let unit = UnitId {
            control: "vend".into(),
            part: part.to_owned(),
            account: self.opened.facts().management_account.clone(),
            region: self.opened.home_region().to_owned(),
        };
        let mut diff = Diff::new();
        diff.push(path, before.clone(), after.clone(), risk);
        match &self.journal {
            Some(journal) => journal.write(&unit, &Record { before, after, diff }).await,
            None => Ok(()),
        }
    }

    fn report(&self, all: Vec<Candidate>) -> Report {
        let mut rows: Vec<Row> = Vec::new();
        for candidate in all {
            let mut row = candidate.row;
            if candidate.stage != Stage::Over {
                row.outcome = OutcomeKind::Drift;
            }
            rows.push(row);
        }
        Report::new(self.opened, self.request.dry_run, rows, self.notices.clone())
    }
}

/// What shows whether something moved on.
fn marks(all: &[Candidate]) -> Vec<(Stage, usize, u32)> {
    all.iter().map(|c| (c.stage, c.row.done.len(), c.attempts)).collect()
}

/// A change of one setting, as the journal has it.
fn one(name: &str, value: &str) -> Value {
    json!({ name: value })
}

/// Regions of the baseline that an account should have.
fn wanted_regions(opened: &Opened) -> BTreeSet<String> {
    use crate::baseline::Regions;
    let baseline = opened.baseline();
    match (&baseline.vend.opt_in_regions, &baseline.organization.regions) {
        (Some(regions), _) | (None, Regions::List(regions)) => regions.iter().cloned().collect(),
        (None, Regions::Enabled) => BTreeSet::new(),
    }
}
