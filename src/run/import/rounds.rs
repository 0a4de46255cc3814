//! The rounds of reading: what the management account tells, then everything else; then the guesses once more without those
//! of which nothing is there, since what one section makes depends on which others there are.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::{Reader, is_central, is_first};
use crate::baseline::Baseline;
use crate::control::{DynSection, Import, ImportCx};
use crate::controls::{SECTIONS, section};
use crate::error::RunError;
use crate::import::Document;
use crate::import::document::{merge, without_null};
use crate::import::fold::fold;
use crate::import::found::{Found, Sections, empty, without_empty};
use crate::plan;
use crate::units::OutcomeKind;

/// Why a guess is left out.
const NOT_OURS: &str = "it is not as orgbase makes it";

impl Reader<'_> {
    /// Asks for all sections: first those of which the management account tells, since others are built on them.
    pub(super) async fn sections(&mut self, mut document: Document) -> Result<Document, RunError> {
        let (asks, _) = self.asks(&mut document, true)?;
        let found = self.read(&document, &asks, &Sections::new()).await?;
        store(&mut document, &asks, &Sections::new(), found);
        let (asks, mut guesses) = self.asks(&mut document, false)?;
        self.possible(&mut document, &asks, &mut guesses);
        let mut found = self.read(&document, &asks, &guesses).await?;
        let absent: Vec<&str> = found.absent(&guesses).into_iter().filter(|id| !is_needed(id)).collect();
        let mut fewer = guesses.clone();
        fewer.retain(|id, _| !absent.contains(id));
        if fewer.len() < guesses.len() {
            for id in &absent {
                document.left_out.insert((*id).into(), NOT_OURS.into());
            }
            self.possible(&mut document, &Sections::new(), &mut fewer);
            let again = self.read(&document, &Sections::new(), &fewer).await?;
            found.replace(&guesses, again);
        }
        store(&mut document, &asks, &fewer, found);
        Ok(document)
    }

    /// What to ask for and what to guess in one of the two rounds; what is known already goes into the document.
    fn asks(&self, document: &mut Document, first: bool) -> Result<(Sections, Sections), RunError> {
        let baseline = Baseline::from_texts(self.folder, &document.files())?;
        let cx = ImportCx::new(&self.facts, &baseline, self.trail.as_deref());
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
    fn possible(&self, document: &mut Document, asks: &Sections, guesses: &mut Sections) {
        let all = asking(document, asks, guesses);
        let parsed = |document: &Document| Baseline::from_texts(self.folder, &document.files());
        if parsed(&all).is_ok() {
            return;
        }
        let needed: Vec<&str> = guesses.keys().copied().filter(|id| is_needed(id)).collect();
        let refusal = |id: &str| {
            let mut ids = vec![id, "delegated_admins"];
            ids.extend(&needed);
            let alone = asking(document, asks, guesses).only(&ids);
            parsed(&alone)
                .err()
                .map(|error| error.render(false).lines().next().unwrap_or_default().to_string())
        };
        // One of those that others need may be refused itself: then they are judged without it.
        let broken: Vec<&str> = needed
            .iter()
            .copied()
            .filter(|id| parsed(&all.only(&[id, "delegated_admins"])).is_err())
            .collect();
        let refused: Vec<(&'static str, String)> = match broken.as_slice() {
            [] => guesses.keys().filter_map(|id| Some((*id, refusal(id)?))).collect(),
            some => {
                let why = |id: &str| parsed(&all.only(&[id, "delegated_admins"])).err();
                let first = |e: crate::diag::BaselineError| {
                    e.render(false).lines().next().unwrap_or_default().to_string()
                };
                let known = guesses.keys().copied().filter(|id| some.contains(id));
                let known = known.filter(|id| !needs_another(id, &needed, &all, &parsed));
                known.filter_map(|id| Some((id, first(why(id)?)))).collect()
            }
        };
        let before = guesses.len();
        guesses.retain(|id, _| !refused.iter().any(|(refused, _)| refused == id));
        for (id, why) in refused {
            document.left_out.insert(id.into(), format!("it cannot be as orgbase makes it: {why}"));
        }
        if guesses.len() < before {
            self.possible(document, asks, guesses);
        } else {
            // None is wrong by itself: together they are.
            guesses.clear();
        }
    }

    /// Reads what the sections ask for.
    async fn read(
        &mut self,
        document: &Document,
        asks: &Sections,
        guesses: &Sections,
    ) -> Result<Found, RunError> {
        let mut found = Found::default();
        if asks.is_empty() && guesses.is_empty() {
            return Ok(found);
        }
        let baseline = Baseline::from_texts(self.folder, &asking(document, asks, guesses).files())?;
        let asked: Vec<&'static str> = asks.keys().chain(guesses.keys()).copied().collect();
        let shared = self.spread(baseline, &asked)?;
        let guesses = Arc::new(guesses.clone());
        let readings = plan::import::import(&shared, &guesses, self.cancel, self.progress).await;
        for (unit, reading) in shared.units.iter().zip(readings) {
            let Some(section) = section(&unit.id.control) else { continue };
            let id = section.meta().id;
            let guessed = guesses.contains_key(id);
            let outcome = reading.row.outcome;
            // A guess that cannot even be asked for is wrong, and one that could not be read is not known.
            let wrong = guessed && matches!(outcome, OutcomeKind::Blocked | OutcomeKind::Failed);
            if outcome != OutcomeKind::InSync && !(guessed && outcome == OutcomeKind::Blocked) {
                self.note(&reading.row);
            }
            if outcome != OutcomeKind::InSync && !wrong {
                continue;
            }
            let scope = unit.meta.scope;
            if is_central(scope) {
                found.central(id, &unit.id.part, reading.found.as_ref(), guesses.get(id));
            } else {
                found.target(
                    id,
                    self.target(unit, scope, &shared.baseline),
                    reading.found.as_ref(),
                    guesses.get(id),
                );
            }
        }
        found.homes = self.homes(&shared.baseline);
        Ok(found)
    }
}

/// Puts what is there into the document.
fn store(document: &mut Document, asks: &Sections, guesses: &Sections, mut found: Found) {
    let absent = found.absent(guesses);
    for id in asks.keys().chain(guesses.keys()).copied() {
        if absent.contains(&id) {
            document.left_out.insert(id.into(), NOT_OURS.into());
            continue;
        }
        let guessed = guesses.contains_key(id);
        let mut there = false;
        if let Some(value) = found.central.remove(id) {
            let value = if guessed { without_empty(&value) } else { value };
            merge(document.base.entry(id).or_insert_with(|| empty(&value)), &value);
            there = true;
        }
        if let Some(mut targets) = found.targets.remove(id) {
            there |= targets.values().any(|leaves| !leaves.is_empty());
            if guessed {
                for leaves in targets.values_mut() {
                    leaves.retain(|_, value| *value != serde_json::json!([]));
                }
            }
            let of = section(id);
            let is_whole = |value: &Value| of.is_none_or(|s| s.is_whole(value));
            document.add(id, fold(&targets, &found.homes, &is_whole));
        }
        if !there && !document.base.contains_key(id) {
            document.left_out.insert(id.into(), "there is nothing of it".into());
        }
    }
}

/// The document with what is asked for.
fn asking(document: &Document, asks: &Sections, guesses: &Sections) -> Document {
    let mut asking = document.clone();
    asking.base.extend(asks.clone());
    asking.base.extend(guesses.clone());
    asking
}

/// Whether a section is refused only because another one that it needs was not with it.
fn needs_another(
    id: &str,
    needed: &[&str],
    all: &Document,
    parsed: &dyn Fn(&Document) -> Result<Baseline, crate::diag::BaselineError>,
) -> bool {
    let mut ids = vec![id, "delegated_admins"];
    ids.extend(needed);
    parsed(&all.only(&ids)).is_ok()
}

/// Whether another section's units wait for those of this one.
fn is_needed(id: &str) -> bool {
    let others = SECTIONS.iter().filter(|s| s.meta().id != id);
    let waits = |section: &dyn DynSection| {
        let after: BTreeSet<&str> = section.controls().iter().flat_map(|c| c.meta().after).copied().collect();
        after.iter().any(|name| name.split(['.', ':', '@']).next() == Some(id))
    };
    others.copied().any(waits)
}
