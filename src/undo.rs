//! Taking back what a run wrote: a plan that asks for what was there before, where nobody changed it since.
//!
//! No control knows how to undo. A journaled change has a path inside the section that asked for it, so the section is
//! taken as it holds for the unit, the journaled value is put in at each path, and the control is asked what that differs in.
//! Only where its answer is just the journaled changes turned around is the unit undone, by the same protocol as every
//! write: read again, compared, journaled, written, read back. What a run created is removed where the control can remove it
//! (`[[removed]]`, `Control::REMOVAL`) and it is as the run left it. All else is said before anything is written.
//!
//! ```text
//! journal -> past -> settings (section with old values) -> restore (verdict per unit) -> rows -> apply, last written first
//! ```

pub mod past;
mod restore;
mod settings;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};

use crate::apply::journal::Journal;
use crate::apply::{self, Consent};
use crate::baseline::Baseline;
use crate::control::{Meta, Scope};
use crate::plan::Shared;
use crate::report::UnitReport;
use crate::units::{Bounds, Cancel, OutcomeKind, Progress, Task, Unit};

use past::Past;
use restore::{Restored, Verdict};

/// Units that are looked at at once.
const AT_ONCE: usize = 64;

/// The units of an undo, in the order in which they are written, and their rows.
pub struct Plan {
    /// What `apply` works on.
    pub units: Vec<Unit>,
    /// One row for each; the changes are those of the undo.
    pub rows: Vec<UnitReport>,
}

/// Works out what can be taken back. Reads only. `removing`: the same baseline once more, to which what is to go is added.
pub async fn plan(shared: &Shared, past: &Past, removing: Baseline, progress: &dyn Progress) -> Plan {
    let known: BTreeMap<_, _> = shared.units.iter().map(|unit| (&unit.id, unit)).collect();
    let context = restore::Context {
        shared,
        removing: restore::Removing::new(removing),
        same_baseline: past.baseline_digest == shared.baseline.digest(),
    };
    // The last written first.
    let looks = past.units.iter().rev().map(|entry| {
        let unit = known.get(&entry.id).copied();
        let context = &context;
        async move {
            let restored = restore::look(context, unit, entry).await;
            progress.done(restored.row.outcome);
            restored
        }
    });
    let restored: Vec<Restored> = stream::iter(looks).buffered(AT_ONCE).collect().await;
    let mut plan = Plan { units: Vec::new(), rows: Vec::new() };
    for Restored { row, verdict } in restored {
        plan.units.push(unit_of(&row, verdict, known.get(&row.id).copied()));
        plan.rows.push(row);
    }
    plan
}

/// A unit that waits for nothing: the passes of `apply` are the order.
fn unit_of(row: &UnitReport, verdict: Verdict, known: Option<&Unit>) -> Unit {
    let seat = known.map_or_else(|| row.id.account.clone(), |unit| unit.seat.clone());
    let meta = known.map_or(&Meta::DEFAULT, |unit| unit.meta);
    match verdict {
        Verdict::Settings(task) => Unit::alone(row.id.clone(), seat, meta, Task::Do(task)),
        Verdict::Removal(task, writes) => {
            // A removal may call what the control itself never does. It lives as long as the process, as all declarations do.
            let meta: &'static Meta = Box::leak(Box::new(Meta { writes, ..*meta }));
            Unit::alone(row.id.clone(), seat, meta, Task::Do(task))
        }
        Verdict::Settled => {
            let why = row.reason.clone().unwrap_or_default();
            Unit::alone(row.id.clone(), seat, meta, Task::Settled(row.outcome, why))
        }
    }
}

/// Makes the changes that `consent` allows: the control that was written last comes first, and one that failed holds nothing
/// up. One row per unit, in their order.
pub async fn apply(
    shared: &Arc<Shared>,
    rows: Vec<UnitReport>,
    consent: &Consent,
    journal: Option<&Journal>,
    cancel: &Cancel,
    progress: &dyn Progress,
) -> Vec<UnitReport> {
    let mut ended = rows.clone();
    for (meta, members) in passes(&shared.units) {
        let now =
            |(at, row): (usize, &UnitReport)| if members.contains(&at) { row.clone() } else { settled(row) };
        let planned: Vec<UnitReport> = rows.iter().enumerate().map(now).collect();
        // What is the organization's is undone one by one, in the order turned around.
        let alone = matches!(meta.scope, Scope::Organization | Scope::OrganizationRegion);
        let bounds = if alone { Bounds { units: 1, ..Bounds::default() } } else { Bounds::default() };
        let pass = apply::apply(shared, planned, consent, journal.cloned(), bounds, cancel, progress).await;
        for (at, row) in pass.into_iter().enumerate().filter(|(at, _)| members.contains(at)) {
            if let Some(slot) = ended.get_mut(at) {
                // What stays was said in the plan.
                let said = slot.notices.drain(..).filter(|notice| !row.notices.contains(notice)).collect();
                *slot = UnitReport { notices: [row.notices, said].concat(), ..row };
            }
        }
    }
    ended
}

/// A row that a pass leaves alone.
fn settled(row: &UnitReport) -> UnitReport {
    UnitReport::new(row.id.clone(), row.account_name.clone(), OutcomeKind::InSync, None)
}

/// Units by control, in the order of the first of them.
fn passes(units: &[Unit]) -> Vec<(&'static Meta, Vec<usize>)> {
    let mut passes: Vec<(&str, &'static Meta, Vec<usize>)> = Vec::new();
    for (at, unit) in units.iter().enumerate().filter(|(_, unit)| matches!(unit.task, Task::Do(_))) {
        let same = |(control, meta, _): &&mut (&str, &'static Meta, Vec<usize>)| {
            *control == unit.id.control && meta.part == unit.meta.part
        };
        match passes.iter_mut().find(same) {
            Some((_, _, members)) => members.push(at),
            None => passes.push((&unit.id.control, unit.meta, vec![at])),
        }
    }
    passes.into_iter().map(|(_, meta, members)| (meta, members)).collect()
}
