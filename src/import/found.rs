//! What the units of a round found, put together per section. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::document::merge;
use super::fold::{Leaves, Target, leaves};

/// Sections by id.
pub(crate) type Sections = BTreeMap<&'static str, Value>;

/// What was found of sections.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Of the organization.
    pub(crate) central: BTreeMap<&'static str, Value>,
    /// Of accounts and regions.
    pub(crate) targets: BTreeMap<&'static str, BTreeMap<Target, Leaves>>,
    /// The OU of each account, by what the file calls it.
    pub(crate) homes: BTreeMap<String, String>,
    /// Units of guesses for the organization: section and part, and whether it was there in some region.
    units: BTreeMap<(&'static str, String), bool>,
}

impl Found {
    /// What one unit of the organization found. `guess` is what it was compared with.
    pub(crate) fn central(
        &mut self,
        id: &'static str,
        part: &str,
        value: Option<&Value>,
        guess: Option<&Value>,
    ) {
        if guess.is_some() {
            *self.units.entry((id, part.to_string())).or_default() |= value.is_some();
        }
        let Some(value) = value else { return };
        match guess {
            None => merge(self.central.entry(id).or_insert_with(|| empty(value)), value),
            Some(guess) => {
                corrections(self.central.entry(id).or_insert_with(|| guess.clone()), guess, value);
            }
        }
    }

    /// What one unit of an account found. Of a guess every unit of a target must have found something; each corrects what it
    /// is about.
    pub(crate) fn target(
        &mut self,
        id: &'static str,
        at: Target,
        value: Option<&Value>,
        guess: Option<&Value>,
    ) {
        let targets = self.targets.entry(id).or_default();
        let found = value.map(leaves).unwrap_or_default();
        match (guess.map(leaves), targets.get_mut(&at)) {
            // An empty one was found wanting by another unit of the same target.
            (Some(guess), Some(have)) => {
                let lost = found.is_empty() || have.is_empty();
                have.retain(|path, _| !lost && (found.contains_key(path) || !guess.contains_key(path)));
                have.extend(
                    found.into_iter().filter(|(path, value)| !lost && guess.get(path) != Some(value)),
                );
            }
            (None, Some(have)) => have.extend(found),
            (_, None) => drop(targets.insert(at, found)),
        }
    }

    /// Guesses that are wrong: something of them is nowhere, for the organization or in any account.
    pub(crate) fn absent(&self, guesses: &Sections) -> BTreeSet<&'static str> {
        let wrong = |id: &&'static str| {
            let broken = self.units.iter().any(|((of, _), there)| of == id && !there);
            let nowhere = self.targets.get(id).is_some_and(|t| t.values().all(BTreeMap::is_empty));
            broken || nowhere || !(self.central.contains_key(id) || self.targets.contains_key(id))
        };
        guesses.keys().copied().filter(|id| wrong(id)).collect()
    }

    /// Takes what was found of guesses from another reading.
    pub(crate) fn replace(&mut self, guesses: &Sections, again: Found) {
        self.central.retain(|id, _| !guesses.contains_key(id));
        self.targets.retain(|id, _| !guesses.contains_key(id));
        self.units = again.units;
        self.central.extend(again.central);
        self.targets.extend(again.targets);
    }
}

/// Takes over what differs from the guess.
fn corrections(have: &mut Value, guess: &Value, value: &Value) {
    let (Value::Object(have), Value::Object(guess), Value::Object(value)) = (have, guess, value) else {
        return;
    };
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

/// A table without keys that are empty lists: they say nothing.
pub(crate) fn without_empty(value: &Value) -> Value {
    let Value::Object(members) = value else { return value.clone() };
    let kept = members.iter().filter(|(_, v)| **v != json!([]));
    Value::Object(kept.map(|(k, v)| (k.clone(), without_empty(v))).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guess_needs_every_part_in_some_region() {
        let guess = json!({"on": true, "days": 5, "list": []});
        let guesses = Sections::from([
            ("config", guess.clone()),
            ("macie", guess.clone()),
            ("detective", guess.clone()),
        ]);
        let mut found = Found::default();
        found.central("config", "a", Some(&json!({"on": true, "days": 7, "list": []})), Some(&guess));
        found.central("config", "a", None, Some(&guess));
        found.central("macie", "a", Some(&guess), Some(&guess));
        found.central("macie", "b", None, Some(&guess));
        assert_eq!(found.absent(&guesses), BTreeSet::from(["detective", "macie"]));
        let config = found.central.get("config").map(without_empty);
        assert_eq!(config, Some(json!({"on": true, "days": 7})));
    }

    #[test]
    fn units_of_one_target_correct_each_their_own() {
        let guess = json!({"a": 1, "b": 1});
        let at = || Target { account: "x".into(), region: String::new() };
        let mut found = Found::default();
        found.target("config", at(), Some(&json!({"a": 2, "b": 1})), Some(&guess));
        found.target("config", at(), Some(&json!({"a": 1, "b": 3})), Some(&guess));
        let leaves = found.targets.get("config").and_then(|t| t.get(&at())).cloned().unwrap_or_default();
        assert_eq!(super::super::fold::tree(&leaves), json!({"a": 2, "b": 3}));
        found.target("config", at(), None, Some(&guess));
        assert!(found.absent(&Sections::from([("config", guess)])).contains("config"));
    }
}
