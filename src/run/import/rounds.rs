//! The rounds of reading: what the management account tells, then everything else; then the guesses once more without those
//! of which nothing is there, since what one section makes depends on which others there are.

use std::sync::Arc;

use serde_json::Value;

use super::{Reader, is_central, is_first};
use crate::baseline::Baseline;
use crate::control::{DynSection, Import, ImportCx, without_null};
use crate::controls::{SECTIONS, section};
use crate::error::RunError;
use crate::import::Document;
use crate::import::document::merge;
use crate::import::fold::{Leaves, Path, fold, tree};
use crate::import::found::{Found, Sections, empty};
use crate::plan;
use crate::units::OutcomeKind;

/// How often guesses are looked at again: what one makes may depend on whether another one is there.
const GUESSES: usize = 8;

impl Reader<'_> {
    /// Asks for all sections: first those of which the management account tells, since others are built on them; then guesses.
    pub(super) async fn sections(&mut self, mut document: Document) -> Result<Document, RunError> {
        let (asks, _) = self.asks(&mut document, true)?;
        let found = self.read(&document, &asks, None).await?;
        store(&mut document, &asks, &Sections::new(), found);
        let (asks, mut guesses) = self.asks(&mut document, false)?;
        let found = self.read(&document, &asks, None).await?;
        store(&mut document, &asks, &Sections::new(), found);
        self.possible(&mut document, &mut guesses);
        let all: Vec<&'static str> = guesses.keys().copied().collect();
        let mut found = self.read(&document, &guesses, Some(&all)).await?;
        for _ in 0..GUESSES {
            if !self.reconsider(&mut document, &mut guesses, &found) {
                break;
            }
            let shaped: Vec<&'static str> = guesses.keys().copied().filter(|id| is_shaped(id)).collect();
            found.replace(self.read(&document, &guesses, Some(&shaped)).await?);
        }
        store(&mut document, &Sections::new(), &guesses, found);
        Ok(document)
    }

    /// Takes guesses out that are wrong, and improves what others make them be. `false`: there is nothing to look at again.
    fn reconsider(&self, document: &mut Document, guesses: &mut Sections, found: &Found) -> bool {
        let absent = found.absent(guesses);
        // What others shape may only be wrong because one of them is not there.
        let rank = |id: &str| (is_shaped(id), is_shaped(id) && is_needed(id, guesses));
        let first = absent.iter().map(|id| rank(id)).min();
        let wrong: Vec<&str> = absent.iter().copied().filter(|id| Some(rank(id)) == first).collect();
        for id in &wrong {
            document.left_out.insert((*id).into(), found.not_ours(id));
        }
        let mut next = guesses.clone();
        next.retain(|id, _| !wrong.contains(id));
        for (id, guess) in next.iter_mut().filter(|(id, _)| is_shaped(id)) {
            *guess = found.improved(id, guess);
        }
        self.possible(document, &mut next);
        let changed = *guesses != next;
        *guesses = next;
        changed && guesses.keys().any(|id| is_shaped(id))
    }

    /// What to ask for and what to guess in one of the two rounds; what is known already goes into the document.
    fn asks(&self, document: &mut Document, first: bool) -> Result<(Sections, Sections), RunError> {
        let baseline = Baseline::from_texts(self.folder, &document.files())?;
        let cx = ImportCx::new(&self.facts, &baseline, &self.seen);
        let (mut asks, mut guesses) = (Sections::new(), Sections::new());
        for section in SECTIONS {
            let id = section.meta().id;
            let of_round = is_first(*section) == first;
            match section.import(&cx) {
                // Guesses are built on all that is known.
                Import::Guess(value) if !first => drop(guesses.insert(id, without_null(&value))),
                Import::Guess(_) => {}
                _ if !of_round => {}
                Import::Never(why) => drop(document.left_out.insert(id.into(), why.into())),
                Import::Nothing(why) => drop(document.left_out.insert(id.into(), why)),
                Import::Known(value) => drop(document.base.insert(id, without_null(&value))),
                Import::Ask(value) => drop(asks.insert(id, without_null(&value))),
            }
        }
        // Documents of a section that is not of this round are those of another one's again.
        let documents = cx.documents.take();
        if first {
            document.documents = documents;
        }
        Ok((asks, guesses))
    }

    /// Leaves guesses out that break a rule here, such as those that name an account which is not there.
    fn possible(&self, document: &mut Document, guesses: &mut Sections) {
        loop {
            let all = asking(document, guesses);
            if Baseline::from_texts(self.folder, &all.files()).is_ok() {
                return;
            }
            let mut refused = self.refused(&all);
            refused.retain(|id, _| guesses.contains_key(id));
            if refused.is_empty() {
                let why = "the shipped sections contradict each other here";
                refused = guesses.keys().map(|id| (*id, why.to_string())).collect();
            }
            for (id, why) in refused {
                guesses.remove(id);
                document.left_out.insert(id.into(), format!("it cannot be as orgbase makes it: {why}"));
            }
            if guesses.is_empty() {
                return;
            }
        }
    }

    /// Reads what the sections ask for. Where some are named, these are guesses, and only they are read.
    async fn read(
        &mut self,
        document: &Document,
        sections: &Sections,
        guessed: Option<&[&'static str]>,
    ) -> Result<Found, RunError> {
        let mut found = Found::default();
        let asked = guessed.map_or_else(|| sections.keys().copied().collect(), <[_]>::to_vec);
        if asked.is_empty() {
            return Ok(found);
        }
        let baseline = Baseline::from_texts(self.folder, &asking(document, sections).files())?;
        let shared = self.spread(baseline, &asked)?;
        let guesses = Arc::new(guessed.map_or_else(Sections::new, |_| sections.clone()));
        let readings = plan::import::import(&shared, &guesses, self.cancel, self.progress).await;
        for (unit, reading) in shared.units.iter().zip(readings) {
            let Some(section) = section(&unit.id.control) else { continue };
            let id = section.meta().id;
            let outcome = reading.row.outcome;
            let at =
                (!is_central(unit.meta.scope)).then(|| self.target(unit, unit.meta.scope, &shared.baseline));
            if let Some(guess) = guesses.get(id) {
                // A guess that cannot even be asked for is wrong, and one that could not be read is not known.
                let wrong = matches!(outcome, OutcomeKind::Blocked | OutcomeKind::Failed);
                if !matches!(outcome, OutcomeKind::InSync | OutcomeKind::Blocked) {
                    self.note(&reading.row);
                }
                let any =
                    outcome == OutcomeKind::InSync && reading.found.is_none() && reading.lacks.is_none();
                if (outcome == OutcomeKind::InSync || wrong) && !any {
                    let lacks = reading.lacks.as_deref().or(reading.row.reason.as_deref());
                    let read = reading.found.as_ref().ok_or(lacks.unwrap_or("it could not be read"));
                    found.guessed(id, &unit.id.part, at, guess, read);
                }
                continue;
            }
            if outcome != OutcomeKind::InSync {
                self.note(&reading.row);
                continue;
            }
            match (at, &reading.found) {
                (Some(at), value) => found.target(id, at, value.as_ref()),
                (None, Some(value)) => found.central(id, value),
                (None, None) => {}
            }
        }
        found.homes = self.homes(&shared.baseline);
        Ok(found)
    }
}

/// Puts what is there into the document.
fn store(document: &mut Document, asks: &Sections, guesses: &Sections, mut found: Found) {
    let absent = found.absent(guesses);
    found.settle(guesses, &is_idle);
    for id in asks.keys().chain(guesses.keys()).copied() {
        if absent.contains(&id) {
            document.left_out.insert(id.into(), found.not_ours(id));
            continue;
        }
        let mut there = false;
        if let Some(value) = found.central.remove(id) {
            merge(document.base.entry(id).or_insert_with(|| empty(&value)), &value);
            there = true;
        }
        if let Some(targets) = found.targets.remove(id) {
            there |= targets.values().any(|leaves| !leaves.is_empty());
            let of = section(id);
            let is_whole = |value: &Value| of.is_none_or(|s| s.is_whole(value));
            document.add(id, fold(&targets, &found.homes, &is_whole));
        }
        if !there && !document.base.contains_key(id) {
            document.left_out.insert(id.into(), "there is nothing of it".into());
        }
    }
}

/// Whether a key is an empty list or table, and the section says the same without it.
fn is_idle(id: &str, leaves: &Leaves, path: &Path) -> bool {
    let nothing = [serde_json::json!([]), serde_json::json!({})];
    if !leaves.get(path).is_some_and(|value| nothing.contains(value)) {
        return false;
    }
    let mut without = leaves.clone();
    without.remove(path);
    section(id).is_some_and(|s| s.says_the_same(&tree(leaves), &tree(&without)))
}

fn is_shaped(id: &str) -> bool {
    section(id).is_some_and(DynSection::is_shaped_by_others)
}

/// The document with what is asked for.
fn asking(document: &Document, sections: &Sections) -> Document {
    let mut asking = document.clone();
    asking.base.extend(sections.clone());
    asking
}

/// Whether units of another one of these sections wait for those of this one.
fn is_needed(id: &str, among: &Sections) -> bool {
    let others = SECTIONS.iter().filter(|s| s.meta().id != id && among.contains_key(s.meta().id));
    let waits = |section: &dyn DynSection| {
        let controls = section.controls();
        let mut after = controls.iter().flat_map(|c| c.meta().after);
        after.any(|name| name.split(['.', ':', '@']).next() == Some(id))
    };
    others.copied().any(waits)
}
