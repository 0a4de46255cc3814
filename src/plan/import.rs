//! Reads every unit and says what is there, as the section that declares it: what `import` is made of.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::{Shared, failed, region, releases_when_planning, settled};
use crate::control::{Cx, Guessed};
use crate::import::guess::corrected;
use crate::report::UnitReport;
use crate::units::{self, Bounds, Cancel, Ends, OutcomeKind, Progress, Status, Task, Unit};

/// One unit that was read.
pub struct Reading {
    /// How it went: `in_sync` where it was read.
    pub row: UnitReport,
    /// JSON of its section; `None`: it was not read, there is nothing to declare, or any values would hold.
    pub found: Option<Value>,
    /// Of a guess: what of it is not there.
    pub lacks: Option<String>,
}

/// Sections that are compared with what they are guessed to be.
pub type Guesses = Arc<BTreeMap<&'static str, Value>>;

/// Reads all units. One reading per unit, in their order.
pub async fn import(
    shared: &Arc<Shared>,
    guesses: &Guesses,
    cancel: &Cancel,
    progress: &dyn Progress,
) -> Vec<Reading> {
    let work = |index: usize| {
        let shared = Arc::clone(shared);
        let guesses = Arc::clone(guesses);
        async move {
            let reading = match shared.units.get(index) {
                Some(unit) => read(&shared, unit, guesses.get(unit.id.control.as_str())).await,
                None => unread(shared.broken(index, "no such unit")),
            };
            let outcome = reading.row.outcome;
            (reading, Status { outcome, releases: releases_when_planning(outcome), attempted: true })
        }
    };
    let ends = Ends {
        blocked: &|index, cause| (unread(shared.blocked(index, cause)), Status::BLOCKED),
        not_run: &|index, _| {
            unread(shared.ended(index, OutcomeKind::NotRun, Some("the run was stopped".into())))
        },
        broken: &|index, message| unread(shared.broken(index, message)),
    };
    units::run(&shared.units, Bounds::default(), cancel, progress, work, &ends).await
}

fn unread(row: UnitReport) -> Reading {
    Reading { row, found: None, lacks: None }
}

async fn read(shared: &Shared, unit: &Unit, guess: Option<&Value>) -> Reading {
    let task = match &unit.task {
        Task::Settled(outcome, why) => return unread(settled(shared, unit, *outcome, why)),
        Task::Do(task) => task,
    };
    let clients = match shared.aws.clients(&unit.seat, &unit.id.region, shared.reading_guard(unit)).await {
        Ok(clients) => clients,
        Err(error) => return unread(failed(shared, unit, error.into())),
    };
    let cx = Cx {
        aws: &clients,
        facts: &shared.facts,
        baseline: &shared.baseline,
        region: &unit.id.region,
        once: &shared.asked.reads,
        canary: None,
        fresh: false,
    };
    let found = match guess {
        None => task.import(&cx).await.map(Ok),
        Some(guess) => task.guess(&cx, guess).await.map(|guessed| match guessed {
            Guessed::There(adjusted, diff) => corrected(&adjusted, &unit.at, &diff).map(Some),
            Guessed::Any => Ok(None),
            Guessed::Absent => Err("there is none".into()),
        }),
    };
    let row = || shared.row(unit, OutcomeKind::InSync, None);
    match found {
        Ok(Ok(found)) => Reading { row: row(), found, lacks: None },
        Ok(Err(lacks)) => Reading { row: row(), found: None, lacks: Some(lacks) },
        Err(error) => unread(match region::verdict(shared, unit, &error).await {
            Some((outcome, why)) => shared.row(unit, outcome, Some(why)),
            None => failed(shared, unit, region::hinted(unit, error)),
        }),
    }
}
