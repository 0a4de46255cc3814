//! `--canary-account`: policies that may deny calls have their turns one after the other, each is tried in one account first, and
//! after one that fails none follows.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use time::OffsetDateTime;
use tokio::sync::Mutex;

use super::apply_unit;
use super::journal::Journal;
use crate::control::{BoxFuture, Canary};
use crate::error::{Kind, Phase, UnitError};
use crate::facts::Account;
use crate::plan::{Shared, plan_again};
use crate::report::UnitReport;
use crate::selector::Selection;
use crate::units::{self, OutcomeKind, Scope, Task, Unit, UnitId};

/// When the account is looked at after a policy was attached, one pause after the other. Guess: AWS says that changes of policies
/// are eventually consistent, and not for how long.
const PAUSES: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(15), Duration::from_secs(40)];
/// Units that are read at once.
const WIDTH: usize = 16;

/// Whose turn it is.
pub(super) struct Turns {
    canary: Option<Account>,
    /// What failed already, by itself or in the account.
    failed: Mutex<Option<UnitId>>,
}

impl Turns {
    pub(super) fn new(shared: &Shared) -> Turns {
        let canary = shared.baseline.canary_account(&shared.facts).cloned();
        Turns { canary, failed: Mutex::default() }
    }

    /// Makes the changes of a unit; of one that may deny calls in its turn.
    pub(super) async fn apply(
        &self,
        shared: &Shared,
        unit: &Unit,
        planned: &UnitReport,
        journal: Option<&Journal>,
    ) -> UnitReport {
        let Some(account) = self.canary.as_ref().filter(|_| unit.meta.denies) else {
            return apply_unit(shared, unit, planned, journal, None).await;
        };
        let mut failed = self.failed.lock().await;
        if let Some(cause) = &*failed {
            let reason = format!("not touched, because a policy before it failed: see {cause}");
            return UnitReport { outcome: OutcomeKind::NotRun, reason: Some(reason), ..planned.clone() };
        }
        let row = match Trial::begin(shared, account).await {
            Ok(trial) => apply_unit(shared, unit, planned, journal, Some(&trial)).await,
            Err(error) => {
                let changes = planned.changes.clone();
                UnitReport { changes, ..crate::plan::failed(shared, unit, error) }
            }
        };
        if row.outcome == OutcomeKind::Failed {
            *failed = Some(unit.id.clone());
        }
        row
    }
}

/// What is read in the account, and what of it failed before the policy was there.
struct Trial<'a> {
    shared: &'a Shared,
    account: &'a Account,
    units: Vec<Unit>,
    before: BTreeSet<UnitId>,
}

impl<'a> Trial<'a> {
    /// Reads all that the baseline reads with the account's role, whatever the run is about.
    async fn begin(shared: &'a Shared, account: &'a Account) -> Result<Trial<'a>, UnitError> {
        let (baseline, facts) = (&shared.baseline, &shared.facts);
        let (selection, today) = (&Selection::default(), OffsetDateTime::now_utc().date());
        let mut units = units::expand(&Scope { baseline, facts, selection, today })
            .map_err(|e| UnitError::new(Kind::Bug, e.to_string()))?;
        units.retain(|u| u.seat == account.id && !u.meta.denies && matches!(u.task, Task::Do(_)));
        let mut trial = Trial { shared, account, units, before: BTreeSet::new() };
        trial.before = trial.failing().await.into_iter().map(|row| row.id).collect();
        Ok(trial)
    }

    async fn failing(&self) -> Vec<UnitReport> {
        let mut reads: Vec<BoxFuture<'_, UnitReport>> = Vec::new();
        for unit in &self.units {
            reads.push(Box::pin(plan_again(self.shared, unit)));
        }
        let mut rows: Vec<UnitReport> = stream::iter(reads).buffered(WIDTH).collect().await;
        rows.retain(|row| row.outcome == OutcomeKind::Failed);
        rows
    }

    async fn look(&self) -> Result<(), UnitError> {
        for pause in PAUSES {
            tokio::time::sleep(self.shared.aws.patience(pause)).await;
            let failing = self.failing().await;
            let Some(row) = failing.into_iter().find(|row| !self.before.contains(&row.id)) else { continue };
            let why = row.error.as_ref().map(ToString::to_string).unwrap_or_default();
            let message = format!("{} cannot be read any more: {why}", row.id);
            let error = UnitError { phase: Phase::Apply, ..UnitError::new(Kind::Denied, message) };
            return Err(UnitError { call: row.error.and_then(|e| e.call), ..error });
        }
        Ok(())
    }
}

impl Canary for Trial<'_> {
    fn account(&self) -> &Account {
        self.account
    }

    /// Of what is to be read in it, something must be readable.
    fn shows(&self) -> Result<(), UnitError> {
        if self.before.len() < self.units.len() {
            return Ok(());
        }
        let why = if self.units.is_empty() {
            "the baseline reads nothing in it"
        } else {
            "nothing that the baseline reads in it can be read"
        };
        let account = &self.account.id;
        let message = format!("nothing can be tried in the canary account {account}: {why}");
        Err(UnitError::new(Kind::NotAvailable, message).hint("name another --canary-account, or none"))
    }

    fn works(&self) -> BoxFuture<'_, Result<(), UnitError>> {
        Box::pin(self.look())
    }
}
