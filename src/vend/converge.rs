//! The baseline in accounts that are ready, their place, and the proof: runs of the engine over these accounts.

use std::collections::{BTreeMap, BTreeSet};

use super::Vendor;
use super::candidates::{Candidate, Stage, lands};
use crate::apply::{self, Consent};
use crate::control::{Scope, Seat};
use crate::controls::accounts::move_refusal;
use crate::controls::ous::path;
use crate::error::{Kind, RunError, UnitError};
use crate::facts::Account;
use crate::plan::{self, saved::Allowed};
use crate::report::UnitReport;
use crate::selector::{Selection, Selector};
use crate::units::{Bounds, OutcomeKind, Progress, Unit};

/// Why an account is pending that a reading of the organization missed.
const UNLISTED: &str = "AWS does not list it as an active account yet";

/// One run of the engine.
#[derive(Default)]
struct Pass {
    selection: Selection,
    /// OUs by account id, where sections shall hold as they will after the move.
    destinations: BTreeMap<String, String>,
    /// Write what differs.
    write: bool,
    /// Write only units of these names; absent: all.
    parts: Option<BTreeSet<String>>,
}

/// What a run of the engine found.
struct Found {
    rows: Vec<UnitReport>,
    /// Accounts that its reading of the organization listed as active: it looked into no other one.
    active: BTreeSet<String>,
}

impl Found {
    /// The rows of an account.
    fn of(&self, candidate: &Candidate) -> Vec<&UnitReport> {
        self.rows.iter().filter(|r| r.id.account == candidate.id()).collect()
    }
}

struct Silent;

impl Progress for Silent {
    fn done(&self, _: OutcomeKind) {}
}

impl Vendor<'_> {
    /// Takes the accounts that are there through all that is left, and ends each of them.
    pub(super) async fn finish(&mut self, all: &mut [Candidate]) {
        if !all.iter().any(|c| c.stage == Stage::There) {
            return;
        }
        if let Err(error) = self.opened.read().await {
            return fail_all(all, &error);
        }
        // Accounts that AWS made land at once, and the others when they turned out to be ready: nothing is written about an
        // invited account whose role nobody has seen. One that AWS made may be listed only then.
        let steps = [
            Step::Land { invited: false },
            Step::Ready,
            Step::Land { invited: true },
            Step::Baseline,
            Step::Place,
            Step::Verify,
        ];
        for step in steps {
            if self.cancel.is_cancelled() || !all.iter().any(|c| c.stage == Stage::There) {
                return;
            }
            let done = match step {
                Step::Land { invited } => self.land(all, invited).await,
                Step::Ready => {
                    self.await_ready(all).await;
                    Ok(())
                }
                Step::Baseline => self.baseline(all).await,
                Step::Place => self.place(all).await,
                Step::Verify => self.verify(all).await,
            };
            if let Err(error) = done {
                return fail_all(all, &error);
            }
        }
    }

    /// Moves accounts from the root to the landing place; invited ones only where that is said.
    async fn land(&mut self, all: &mut [Candidate], invited: bool) -> Result<(), RunError> {
        let landing = self.opened.baseline().vend.landing_ou.clone();
        let lands = |c: &Candidate, here: &str| {
            (invited || !c.invited) && c.declared.as_ref().is_some_and(|d| lands(here, &d.ou, &landing))
        };
        let here = |vendor: &Self, c: &Candidate| vendor.opened.facts().accounts.get(c.id()).cloned();
        let moves = |vendor: &Self, c: &Candidate| here(vendor, c).is_some_and(|a| lands(c, &a.ou));
        if !all.iter().any(|c| c.stage == Stage::There && moves(self, c)) {
            return Ok(());
        }
        let unmade = self.make_ous(&[landing.as_str()]).await?;
        for candidate in all.iter_mut().filter(|c| c.stage == Stage::There) {
            let Some(account) = here(self, candidate).filter(|a| lands(candidate, &a.ou)) else { continue };
            if let Some(why) = why_unmade(&unmade, &landing) {
                candidate.fail(why.clone(), None);
                continue;
            }
            match self.move_to(candidate, &account, &landing).await {
                Ok(()) => candidate.did(format!("moved to {landing}")),
                Err(error) => candidate.fail(error.message, error.hint),
            }
        }
        self.opened.read().await
    }

    async fn move_to(&self, candidate: &Candidate, account: &Account, to: &str) -> Result<(), UnitError> {
        let (baseline, facts) = (self.opened.baseline(), self.opened.facts());
        if let Some(why) = move_refusal(account, to, baseline, facts) {
            return Err(UnitError::new(Kind::Denied, why));
        }
        let Some(destination) = facts.target_id(to) else {
            return Err(UnitError::new(Kind::Vanished, format!("there is no OU `{to}`")));
        };
        self.record_move(&candidate.label(), &account.ou, to).await?;
        let moved = self
            .management()
            .await?
            .organizations()
            .call("MoveAccount", |c| {
                c.move_account()
                    .account_id(&account.id)
                    .source_parent_id(&account.parent_id)
                    .destination_parent_id(destination)
                    .send()
            })
            .await;
        match moved {
            Err(error) if error.is(&["DuplicateAccountException"]) => Ok(()),
            other => Ok(other.map(|_| ())?),
        }
    }

    /// Makes declared OUs that do not exist, with those above them. Returns those that could not be made, each with why.
    async fn make_ous(&mut self, paths: &[&str]) -> Result<Unmade, RunError> {
        let facts = self.opened.facts();
        let needed =
            paths.iter().flat_map(|p| path::with_ancestors(p)).filter(|p| !facts.ous.contains_key(*p));
        let parts: BTreeSet<String> = needed.map(|p| format!("tree:{p}")).collect();
        if parts.is_empty() {
            return Ok(Unmade::new());
        }
        let only = vec![Selector::Control("ous.tree".into())];
        let selection = Selection { only, exclude: Vec::new() };
        let found = self
            .pass(&Pass { selection, write: true, parts: Some(parts.clone()), ..Pass::default() })
            .await?;
        let made = found.rows.iter().filter(|r| parts.contains(&r.id.part));
        let unmade =
            |row: &UnitReport| Some((row.id.part.strip_prefix("tree:")?.to_owned(), problem(row)?.1));
        let unmade = made.filter_map(unmade).collect();
        self.opened.read().await?;
        Ok(unmade)
    }

    /// The baseline in every account, as it will hold where the account belongs.
    async fn baseline(&mut self, all: &mut [Candidate]) -> Result<(), RunError> {
        self.voice.tell(&format!("applying the baseline in {}", labels(all)));
        let pass = Pass {
            selection: Selection { exclude: vec![Selector::Control("accounts".into())], ..selected(all) },
            destinations: all.iter().filter_map(destination).collect(),
            write: true,
            parts: None,
        };
        let found = self.pass(&pass).await?;
        for candidate in all.iter_mut().filter(|c| c.stage == Stage::There) {
            if !found.active.contains(candidate.id()) {
                candidate.end(OutcomeKind::Pending, Some(UNLISTED.into()));
                continue;
            }
            let own = found.of(candidate);
            let written = own.iter().filter(|r| r.outcome == OutcomeKind::Applied).count();
            if let Some((outcome, why)) = own.iter().find_map(|r| problem(r)) {
                candidate.end(outcome, Some(format!("the baseline does not hold in it yet: {why}")));
                candidate.row.hint =
                    Some("it stays where it is; run the same command again, or `orgbase plan`".into());
            } else if written > 0 {
                candidate.did(format!("baseline applied ({} of {} units changed)", written, own.len()));
            }
        }
        Ok(())
    }

    /// Every account in its OU, with its tags.
    async fn place(&mut self, all: &mut [Candidate]) -> Result<(), RunError> {
        let targets: BTreeSet<String> = all.iter().filter_map(destination).map(|(_, ou)| ou).collect();
        if targets.is_empty() {
            return Ok(());
        }
        let unmade = self.make_ous(&targets.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        for candidate in all.iter_mut().filter(|c| c.stage == Stage::There) {
            let place = candidate.declared.as_ref().map(|d| d.ou.clone()).unwrap_or_default();
            if let Some(why) = why_unmade(&unmade, &place) {
                candidate.fail(why.clone(), None);
            }
        }
        if !all.iter().any(|c| c.stage == Stage::There) {
            return Ok(());
        }
        let mut selection = selected(all);
        selection.only.push(Selector::Control("accounts".into()));
        let found = self.pass(&Pass { selection, write: true, ..Pass::default() }).await?;
        for candidate in all.iter_mut().filter(|c| c.stage == Stage::There) {
            // Without a row it is not listed: `verify` says so.
            let Some(row) = found.of(candidate).first().copied() else { continue };
            match problem(row) {
                Some((outcome, why)) => {
                    candidate.end(outcome, Some(format!("it is not in its place: {why}")));
                }
                None if row.outcome == OutcomeKind::Applied => candidate.did(placed(row)),
                None => {}
            }
        }
        Ok(())
    }

    /// Reads everything in the accounts once more, where they are now.
    async fn verify(&mut self, all: &mut [Candidate]) -> Result<(), RunError> {
        self.voice.tell(&format!("verifying {}", labels(all)));
        let found = self.pass(&Pass { selection: selected(all), ..Pass::default() }).await?;
        for candidate in all.iter_mut().filter(|c| c.stage == Stage::There) {
            let own = found.of(candidate);
            let (outcome, reason) = match unplaced(candidate, &own, &found.active) {
                Some(why) => (OutcomeKind::Pending, Some(why.to_owned())),
                None => verdict(&own),
            };
            let done = !candidate.row.done.is_empty();
            match outcome {
                OutcomeKind::InSync => {
                    if done {
                        candidate.did(format!("verified: {} units in sync", own.len()));
                    }
                    candidate.end(if done { OutcomeKind::Applied } else { OutcomeKind::InSync }, None);
                }
                other => candidate.end(other, reason),
            }
        }
        Ok(())
    }

    /// For a dry run: accounts that are in their place may be in sync already.
    pub(super) async fn preview(&self, all: &mut [Candidate]) -> Result<(), RunError> {
        for candidate in all.iter_mut().filter(|c| c.stage == Stage::There) {
            let here = self.opened.facts().accounts.get(candidate.id());
            let target = candidate.declared.as_ref().map(|d| d.ou.as_str());
            if !here.is_some_and(|a| a.is_active() && target.is_none_or(|ou| ou == a.ou)) {
                continue;
            }
            let only = vec![Selector::Account(candidate.id().to_owned())];
            let selection = Selection { only, exclude: Vec::new() };
            let found = self.pass(&Pass { selection, ..Pass::default() }).await?;
            let own = found.of(candidate);
            let placed = unplaced(candidate, &own, &found.active).is_none();
            if placed && verdict(&own).0 == OutcomeKind::InSync {
                candidate.end(OutcomeKind::InSync, None);
                candidate.row.steps.clear();
            }
        }
        Ok(())
    }

    async fn pass(&self, pass: &Pass) -> Result<Found, RunError> {
        let adjust = |facts: &mut crate::facts::Facts| {
            for (id, ou) in &pass.destinations {
                if let Some(account) = facts.accounts.get_mut(id) {
                    account.ou.clone_from(ou);
                }
            }
        };
        let run = self.opened.again()?.begin_as(&pass.selection, adjust).await?;
        let listed = run.shared.facts.accounts.values().filter(|a| a.is_active());
        let active = listed.map(|a| a.id.clone()).collect();
        let planned = plan::plan(&run.shared, Bounds::default(), self.cancel, &Silent).await;
        crate::lockout::check(&run.shared)?;
        let own: Vec<bool> = run.shared.units.iter().map(belongs).collect();
        if !pass.write {
            let rows = planned.into_iter().zip(own).filter(|(_, own)| *own).map(|(row, _)| row).collect();
            return Ok(Found { rows, active });
        }
        let named = |row: &UnitReport| pass.parts.as_ref().is_none_or(|parts| parts.contains(&row.id.part));
        let kept = planned.iter().zip(&own).filter(|(row, own)| **own && named(row));
        let kept = kept.map(|(row, _)| row.clone()).collect();
        let saved = Some(Allowed::from_report(run.report(kept)));
        let consent =
            Consent { destructive: self.request.destructive, again: true, saved, ..Consent::default() };
        let journal = self.journal.clone();
        let bounds = Bounds::default();
        let rows = apply::apply(&run.shared, planned, &consent, journal, bounds, self.cancel, &Silent).await;
        Ok(Found { rows, active })
    }
}

/// Whether a unit is for `vend`: not what an administrator's account sets for the whole organization, which waits for its
/// registration and is for `apply`.
fn belongs(unit: &Unit) -> bool {
    let whole = matches!(unit.meta.scope, Scope::Organization | Scope::OrganizationRegion);
    let administers = matches!(unit.meta.seat, Seat::DelegatedAdmin(_)) && unit.id.account == unit.seat;
    !(whole && administers)
}

/// OUs that could not be made, by path, each with why.
type Unmade = BTreeMap<String, String>;

/// Why there is no OU of this path: the first one on the way that could not be made.
fn why_unmade<'u>(unmade: &'u Unmade, place: &str) -> Option<&'u String> {
    path::with_ancestors(place).into_iter().find_map(|above| unmade.get(above))
}

/// The steps of `finish`.
#[derive(Clone, Copy)]
enum Step {
    Land { invited: bool },
    Ready,
    Baseline,
    Place,
    Verify,
}

fn fail_all(all: &mut [Candidate], error: &RunError) {
    for candidate in all.iter_mut().filter(|c| c.stage == Stage::There) {
        candidate.fail(error.message.clone(), error.hints.first().cloned());
    }
}

/// The accounts that are there.
fn selected(all: &[Candidate]) -> Selection {
    let there = all.iter().filter(|c| c.stage == Stage::There);
    Selection { only: there.map(|c| Selector::Account(c.id().to_owned())).collect(), exclude: Vec::new() }
}

fn labels(all: &[Candidate]) -> String {
    let there = all.iter().filter(|c| c.stage == Stage::There).map(Candidate::label);
    there.collect::<Vec<_>>().join(", ")
}

/// Where an account belongs.
fn destination(candidate: &Candidate) -> Option<(String, String)> {
    let declared = candidate.declared.as_ref().filter(|_| candidate.stage == Stage::There)?;
    Some((candidate.id().to_owned(), declared.ou.clone()))
}

fn placed(row: &UnitReport) -> String {
    let moved = row.changes.iter().find(|c| c.path == "ou").and_then(|c| c.after.as_str());
    moved.map_or("tags set".into(), |ou| format!("moved to {ou}"))
}

/// Why a row holds its account up.
fn problem(row: &UnitReport) -> Option<(OutcomeKind, String)> {
    use OutcomeKind::{Blocked, Failed, NotRun, Stale};
    if !matches!(row.outcome, Failed | Blocked | Stale | NotRun) {
        return None;
    }
    Some((row.outcome, describe(row)))
}

fn describe(row: &UnitReport) -> String {
    let why = row.error.as_ref().map(|e| e.message.clone()).or_else(|| row.reason.clone());
    format!("{} is {}: {}", row.id, row.outcome.name(), why.unwrap_or_default())
}

/// Why nothing can be said of an account by its rows: the reading that they come from did not list it, or not in its place.
/// Guess: a list may lag behind what was done.
fn unplaced(candidate: &Candidate, own: &[&UnitReport], active: &BTreeSet<String>) -> Option<&'static str> {
    if !active.contains(candidate.id()) {
        return Some(UNLISTED);
    }
    candidate.declared.as_ref()?;
    let Some(place) = own.iter().find(|r| r.id.control == "accounts") else { return Some(UNLISTED) };
    let elsewhere = place.outcome == OutcomeKind::Drift && place.changes.iter().any(|c| c.path == "ou");
    // An active account's row is skipped for a declared exception only. Other outcomes say more by themselves.
    elsewhere.then_some("AWS does not list it in its place yet")
}

/// How an account ends by all of its units: the worst of them decides.
fn verdict(rows: &[&UnitReport]) -> (OutcomeKind, Option<String>) {
    let first = |wanted: &dyn Fn(&UnitReport) -> bool| rows.iter().find(|r| wanted(r)).copied();
    let worst = first(&|r| problem(r).is_some())
        .or_else(|| first(&|r| r.outcome == OutcomeKind::Pending))
        .or_else(|| first(&|r| r.outcome == OutcomeKind::Drift));
    let Some(row) = worst else { return (OutcomeKind::InSync, None) };
    let reason = if row.outcome == OutcomeKind::Drift {
        let differing = rows.iter().filter(|r| r.outcome == OutcomeKind::Drift).count();
        let why = row.reason.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        format!(
            "{differing} of its units differ from the baseline, such as {}{why}: see `orgbase plan`",
            row.id
        )
    } else {
        describe(row)
    };
    (row.outcome, Some(reason))
}
