//! What can be done about one unit of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::past::Entry;
use super::settings;
use crate::aws::Clients;
use crate::baseline::{Baseline, Removed};
use crate::control::{
    Change, Cx, DynControl, DynSection, DynUnit, Effect, Once, Planned, Removal, Scope, Want, Wanted,
    fingerprint, path_in,
};
use crate::controls;
use crate::error::UnitError;
use crate::plan::{Shared, failed};
use crate::report::UnitReport;
use crate::units::{OutcomeKind, Task, Unit};

/// How often values of others are put in, until only what the run changed differs.
const ROUNDS: usize = 4;

/// What was found out about a unit.
pub(super) struct Restored {
    pub(super) row: UnitReport,
    pub(super) verdict: Verdict,
}

/// What to do with it.
pub(super) enum Verdict {
    /// Settings get the values that they had.
    Settings(Box<dyn DynUnit>),
    /// It goes away again, by these operations.
    Removal(Box<dyn DynUnit>, &'static [&'static str]),
    /// Nothing, or nothing that orgbase can do: the row says why.
    Settled,
}

/// The baseline to which what is to go is added, one unit at a time.
pub(super) struct Removing(Mutex<Baseline>);

impl Removing {
    pub(super) fn new(baseline: Baseline) -> Removing {
        Removing(Mutex::new(baseline))
    }

    /// What `ask` says of the baseline that removes these names.
    fn with<T>(&self, control: &str, names: &BTreeSet<String>, ask: impl FnOnce(&Baseline) -> T) -> T {
        let mut baseline = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let removed = |name: &String| Removed {
            control: control.to_owned(),
            name: name.clone(),
            declared_at: String::new(),
        };
        let declared = std::mem::take(&mut baseline.removed);
        baseline.removed = names.iter().map(removed).collect();
        let answer = ask(&baseline);
        baseline.removed = declared;
        answer
    }
}

/// What all units of an undo share.
pub(super) struct Context<'a> {
    pub(super) shared: &'a Shared,
    pub(super) removing: Removing,
    /// The baseline is that of the run.
    pub(super) same_baseline: bool,
}

/// Looks at one unit.
pub(super) async fn look(context: &Context<'_>, unit: Option<&Unit>, entry: &Entry) -> Restored {
    let shared = context.shared;
    let id = &entry.id;
    let Some(unit) = unit else {
        let name = shared.facts.accounts.get(&id.account).map(|a| a.name.clone()).unwrap_or_default();
        let row = UnitReport::new(id.clone(), name, OutcomeKind::Drift, None);
        let why = match row.id.control.as_str() {
            "vend" => "what `vend` does to an account itself is not taken back",
            _ => "the baseline does not ask for it any more: name that of the run with -f",
        };
        return cannot(row, entry, why);
    };
    let row = shared.row(unit, OutcomeKind::Drift, None);
    if unit.protected {
        return cannot(row, entry, "the account is protected");
    }
    match decide(context, unit, entry).await {
        Ok(Decision::Back) => {
            Restored { row: shared.row(unit, OutcomeKind::InSync, None), verdict: Verdict::Settled }
        }
        Ok(Decision::Cannot(why)) => cannot(row, entry, &why),
        Ok(Decision::Do { planned, verdict, notices }) => {
            let Planned { diff, fingerprint } = planned;
            let notices = diff.notices.into_iter().chain(notices).collect();
            let row = UnitReport { changes: diff.changes, notices, fingerprint: Some(fingerprint), ..row };
            Restored { row, verdict }
        }
        Err(error) => Restored { row: failed(shared, unit, error), verdict: Verdict::Settled },
    }
}

/// A row that stays different.
fn cannot(row: UnitReport, entry: &Entry, why: &str) -> Restored {
    let mut paths: Vec<&str> = entry.changes.iter().map(|change| change.path.as_str()).collect();
    paths.retain(|path| !path.is_empty());
    let paths = if paths.is_empty() { String::new() } else { format!(" ({})", paths.join(", ")) };
    let reason = Some(format!("cannot be undone: {why}{paths}"));
    Restored { row: UnitReport { reason, by_hand: true, ..row }, verdict: Verdict::Settled }
}

enum Decision {
    /// It is as it was before the run.
    Back,
    /// Orgbase cannot take it back, and why.
    Cannot(String),
    /// This will.
    Do { planned: Planned, verdict: Verdict, notices: Vec<String> },
}

/// A unit with all that is needed to ask its control for other wishes.
struct Target<'a> {
    shared: &'a Shared,
    unit: &'a Unit,
    entry: &'a Entry,
    section: &'static dyn DynSection,
    control: Box<dyn DynControl>,
    clients: Clients,
    /// The section as it holds for the unit.
    value: Value,
}

/// Why something that a run added stays.
const NOT_REMOVED: &str = "orgbase does not remove what it made";

async fn decide(context: &Context<'_>, unit: &Unit, entry: &Entry) -> Result<Decision, UnitError> {
    let shared = context.shared;
    let task = match &unit.task {
        Task::Do(task) => task,
        Task::Settled(_, why) => return Ok(Decision::Cannot(why.clone())),
    };
    let clients = shared.aws.clients(&unit.seat, &unit.id.region, shared.reading_guard(unit)).await?;
    let now = plan(shared, unit, &clients, task.as_ref()).await?;
    if now.fingerprint == fingerprint(&entry.before) {
        return Ok(Decision::Back);
    }
    let Some(target) = Target::new(shared, unit, entry, clients) else {
        return Ok(Decision::Cannot("its section is not declared".into()));
    };
    let as_left = entry.left.as_deref() == Some(now.fingerprint.as_str());
    let removal = task.removal().filter(|removal| (removal.absent)(&entry.before));
    if let Some(removal) = removal.filter(|_| as_left)
        && let Some(decision) = target.removal(&now, removal).await?
    {
        return Ok(decision);
    }
    let moved = match target.settings(context.same_baseline.then_some(&now)).await? {
        Settings::Restored(decision) => return Ok(decision),
        Settings::Moved(paths) => paths,
    };
    if !moved.is_empty() && !as_left {
        return Ok(Decision::Cannot(format!("somebody changed it since ({})", moved.join(", "))));
    }
    let added = !entry.changes.is_empty() && entry.changes.iter().all(|change| change.before.is_null());
    let created = (added && holds_nothing(&entry.before)) || removal.is_some();
    if !created {
        let why = if added { NOT_REMOVED } else { "orgbase cannot set what was there" };
        return Ok(Decision::Cannot(why.into()));
    }
    if !as_left {
        let why = match entry.left {
            Some(_) => "somebody changed it since it was made",
            None => "the run ended before it could say how it left it",
        };
        return Ok(Decision::Cannot(why.into()));
    }
    match target.declared_removal(&context.removing).await? {
        Some((task, planned)) => {
            Ok(Decision::Do { planned, verdict: Verdict::Settings(task), notices: Vec::new() })
        }
        None => Ok(Decision::Cannot(NOT_REMOVED.into())),
    }
}

/// Whether there was nothing before the run. That a run added all that it changed does not say so: an attachment is added to
/// a policy that was there. A state with any text or number in it counts as something: then nothing is removed.
fn holds_nothing(before: &Value) -> bool {
    match before {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.iter().all(holds_nothing),
        Value::Object(members) => members.values().all(holds_nothing),
        _ => false,
    }
}

async fn plan(
    shared: &Shared,
    unit: &Unit,
    clients: &Clients,
    task: &dyn DynUnit,
) -> Result<Planned, UnitError> {
    let cx = Cx {
        aws: clients,
        facts: &shared.facts,
        baseline: &shared.baseline,
        region: &unit.id.region,
        once: &Once::default(),
        canary: None,
        fresh: false,
    };
    task.plan(&cx).await
}

/// A value that the control reads otherwise than it was journaled (a masked one) is not asked for: the baseline's stays, and
/// where that is not what is there, what is there.
fn give_way(values: &mut BTreeMap<String, Value>, change: &Change) {
    if values.remove(&change.path).is_none() {
        values.insert(change.path.clone(), change.before.clone());
    }
}

/// Whether old values can be put back.
enum Settings {
    Restored(Decision),
    /// They cannot; these paths have another value than the run left.
    Moved(Vec<String>),
}

impl<'a> Target<'a> {
    fn new(shared: &'a Shared, unit: &'a Unit, entry: &'a Entry, clients: Clients) -> Option<Target<'a>> {
        let section = controls::section(&unit.id.control)?;
        let control = section.controls().into_iter().find(|control| control.meta().part == unit.meta.part)?;
        let value = section.to_json(unit.bound.as_ref()?.value.as_ref());
        Some(Target { shared, unit, entry, section, control, clients, value })
    }

    /// What the control would want of this unit if the section were this.
    fn wanted(&self, section: Value, baseline: &Baseline) -> Option<Box<dyn DynUnit>> {
        let facts = &self.shared.facts;
        let id = &self.unit.id;
        let account = match self.unit.meta.scope {
            Scope::Organization | Scope::OrganizationRegion => facts.accounts.get(&self.unit.seat)?,
            Scope::Account | Scope::AccountRegion => facts.accounts.get(&id.account)?,
        };
        let section = self.section.read_json(section)?;
        let all = self.control.desired(section.as_ref(), account, &id.region, facts, baseline);
        let own = |wanted: &Wanted<Box<dyn DynUnit>>| {
            let about = wanted.about.as_ref().unwrap_or(&account.id);
            wanted.part == self.unit.name() && *about == id.account
        };
        match all.into_iter().find(own)?.want {
            Want::Set(unit) => Some(unit),
            _ => None,
        }
    }

    /// The section with these values at these paths of the unit, as far as its type takes them.
    fn with_values(&self, values: &BTreeMap<String, Value>) -> Option<Box<dyn DynUnit>> {
        let mut section = self.value.clone();
        for (path, value) in values {
            let mut tried = section.clone();
            let led = settings::put(&mut tried, &path_in(&self.unit.at, path), value);
            if led && self.section.read_json(tried.clone()).is_some() {
                section = tried;
            }
        }
        self.wanted(section, &self.shared.baseline)
    }

    async fn plan(&self, task: &dyn DynUnit) -> Result<Planned, UnitError> {
        plan(self.shared, self.unit, &self.clients, task).await
    }

    /// What is there now of what the run changed: path -> value where it is not what the run wrote. `now` is what differs from
    /// the baseline, where that is still the run's own.
    async fn moved_since(&self, now: Option<&Planned>) -> Result<BTreeMap<String, Value>, UnitError> {
        let by_path = |planned: &Planned| {
            planned.diff.changes.iter().map(|c| (c.path.clone(), c.before.clone())).collect()
        };
        if let Some(now) = now {
            return Ok(by_path(now));
        }
        let wrote = self.entry.changes.iter().map(|c| (c.path.clone(), c.after.clone())).collect();
        match self.with_values(&wrote) {
            Some(as_written) => Ok(by_path(&self.plan(as_written.as_ref()).await?)),
            None => Ok(BTreeMap::new()),
        }
    }

    /// Asks for the old values, and for the values of now wherever the run has no part in it, until the control's answer is
    /// nothing but the run's changes turned around.
    async fn settings(&self, now: Option<&Planned>) -> Result<Settings, UnitError> {
        let mut values = self.moved_since(now).await?;
        let (mut moved, mut back) = (Vec::new(), BTreeSet::new());
        for change in &self.entry.changes {
            match values.get(&change.path) {
                Some(live) if *live == change.before => {
                    back.insert(change.path.clone());
                }
                Some(_) => moved.push(change.path.clone()),
                None => {
                    values.insert(change.path.clone(), change.before.clone());
                }
            }
        }
        for _ in 0..ROUNDS {
            let Some(task) = self.with_values(&values) else { return Ok(Settings::Moved(moved)) };
            let planned = self.plan(task.as_ref()).await?;
            let foreign: Vec<&Change> =
                planned.diff.changes.iter().filter(|c| !self.turns_around(c)).collect();
            if !foreign.is_empty() {
                for change in foreign {
                    give_way(&mut values, change);
                }
                continue;
            }
            let stuck = planned.diff.pending.is_some() || planned.diff.by_hand.is_some();
            if planned.diff.is_empty() || stuck || planned.diff.skipped.is_some() {
                return Ok(Settings::Moved(moved));
            }
            let notices = self.left_out(&planned.diff.changes, &moved, &back);
            let verdict = Verdict::Settings(task);
            return Ok(Settings::Restored(Decision::Do { planned, verdict, notices }));
        }
        Ok(Settings::Moved(moved))
    }

    /// Whether a change is one of the run's the other way round.
    fn turns_around(&self, change: &Change) -> bool {
        let same = |then: &Change| {
            then.path == change.path && then.before == change.after && then.after == change.before
        };
        self.entry.changes.iter().any(same)
    }

    /// What of the run's changes stays, and why.
    fn left_out(&self, undone: &[Change], moved: &[String], back: &BTreeSet<String>) -> Vec<String> {
        let stays = |change: &&Change| {
            !back.contains(&change.path) && !undone.iter().any(|other| other.path == change.path)
        };
        let say = |change: &Change| {
            let why = if moved.contains(&change.path) {
                "is left: somebody changed it since"
            } else {
                "cannot be undone"
            };
            format!("{} {why}", change.path)
        };
        self.entry.changes.iter().filter(stays).map(say).collect()
    }

    /// Takes away what the run made and nobody touched since, where the control can.
    async fn removal(&self, now: &Planned, removal: Removal) -> Result<Option<Decision>, UnitError> {
        let task = self.with_values(&BTreeMap::new());
        let Some(task) = task.and_then(|task| task.into_removal(now.fingerprint.clone())) else {
            return Ok(None);
        };
        let planned = self.plan(task.as_ref()).await?;
        let verdict = Verdict::Removal(task, removal.writes);
        Ok(Some(Decision::Do { planned, verdict, notices: Vec::new() }))
    }

    /// The way of `[[removed]]`, where the section has it: the entry is gone from the section, and its name is listed.
    async fn declared_removal(
        &self,
        removing: &Removing,
    ) -> Result<Option<(Box<dyn DynUnit>, Planned)>, UnitError> {
        let at = self.unit.at.as_str();
        let roots: BTreeSet<String> =
            self.entry.changes.iter().filter_map(|c| settings::root(&c.path)).collect();
        let mut names = roots.clone();
        names.insert(self.unit.name().to_owned());
        names.remove("");
        let section = match (at.is_empty(), roots.is_empty()) {
            (false, _) => settings::without(&self.value, at),
            (true, false) => {
                roots.iter().fold(self.value.clone(), |section, root| settings::without(&section, root))
            }
            (true, true) => return Ok(None),
        };
        let control = &self.unit.id.control;
        let Some(task) = removing.with(control, &names, |baseline| self.wanted(section, baseline)) else {
            return Ok(None);
        };
        let planned = self.plan(task.as_ref()).await?;
        let diff = &planned.diff;
        let only_removes =
            !diff.is_empty() && diff.changes.iter().all(|change| change.effect == Effect::Delete);
        let free = diff.pending.is_none() && diff.by_hand.is_none() && diff.skipped.is_none();
        Ok((only_removes && free).then_some((task, planned)))
    }
}
