//! What the units of a round found, put together per section. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::document::merge;
use super::fold::{Leaves, Target, leaves};

/// Sections by id.
pub(crate) type Sections = BTreeMap<&'static str, Value>;

/// What was found of sections.
#[derive(Default)]
pub(crate) struct Found {
    /// Of the organization; `None`: something of a guess is not there.
    pub(crate) central: BTreeMap<&'static str, Option<Value>>,
    /// Of accounts and regions.
    pub(crate) targets: BTreeMap<&'static str, BTreeMap<Target, Leaves>>,
    /// Guesses of which something is not there for the organization.
    pub(crate) broken: BTreeSet<&'static str>,
}

impl Found {
    /// What one unit found. Of a guess every unit must have found something; each corrects what it is about.
    pub(crate) fn add(&mut self, id: &'static str, target: Option<Target>, value: Option<Value>, guess: Option<&Value>) {
        let Some(target) = target else {
            match (value, guess) {
                (None, Some(_)) => {
                    self.broken.insert(id);
                    self.central.insert(id, None);
                }
                (None, None) => {}
                (Some(value), None) => {
                    let have = self.central.entry(id).or_insert_with(|| Some(empty(&value)));
                    if let Some(have) = have {
                        merge(have, &value);
                    }
                }
                (Some(value), Some(guess)) => {
                    if let Some(have) = self.central.entry(id).or_insert_with(|| Some(guess.clone())) {
                        corrections(have, guess, &value);
                    }
                }
            }
            return;
        };
        let targets = self.targets.entry(id).or_default();
        let found = value.as_ref().map(leaves).unwrap_or_default();
        match (guess.map(leaves), targets.get_mut(&target)) {
            // An empty one was found wanting by another unit of the same target.
            (Some(guess), Some(have)) => {
                let lost = found.is_empty() || have.is_empty();
                have.retain(|path, _| !lost && (found.contains_key(path) || !guess.contains_key(path)));
                have.extend(found.into_iter().filter(|(path, value)| !lost && guess.get(path) != Some(value)));
            }
            (None, Some(have)) => have.extend(found),
            (_, None) => drop(targets.insert(target, found)),
        }
    }
}

/// Takes over what differs from the guess.
fn corrections(have: &mut Value, guess: &Value, value: &Value) {
    let (Value::Object(have), Value::Object(guess), Value::Object(value)) = (have, guess, value) else { return };
    for (key, guessed) in guess {
        match (value.get(key), have.get_mut(key)) {
            (None, _) => drop(have.remove(key)),
            (Some(new), Some(old)) if new.is_object() => corrections(old, guessed, new),
            (Some(new), _) if new != guessed => drop(have.insert(key.clone(), new.clone())),
            _ => {}
        }
    }
}

/// Something to merge into.
pub(crate) fn empty(value: &Value) -> Value {
    if value.is_array() { json!([]) } else { json!({}) }
}
