//! What the units of a round found, put together per section. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::document::merge;
use super::fold::{Leaves, Path, Target, leaves, tree};
use crate::report::text::safe;

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
    /// Of guesses.
    guessed: BTreeMap<&'static str, Guessed>,
}

/// Where a guess is not right: keys with what they have; nothing: the key is not to be declared.
type Corrections = BTreeMap<Path, Option<Value>>;

/// What was found of a guess.
#[derive(Debug, Default)]
struct Guessed {
    /// Units of the organization by name, and whether they are there in some region.
    units: BTreeMap<String, bool>,
    /// What they correct, once for each region.
    central: BTreeMap<String, Vec<Corrections>>,
    /// By account and region, which is empty where a part has none; `None`: something of it is not there.
    targets: BTreeMap<Target, Option<Corrections>>,
    /// The first that is not there.
    lacks: Option<String>,
}

impl Guessed {
    /// Nothing of it was found, or not all that it needs.
    fn is_absent(&self) -> bool {
        let nowhere = !self.targets.is_empty() && self.targets.values().all(Option::is_none);
        let unasked = self.units.is_empty() && self.targets.is_empty();
        unasked || nowhere || self.units.values().any(|there| !there)
    }

    /// The keys as they are in one target. A part without region speaks for all regions.
    fn leaves(&self, guess: &Leaves, target: Option<&Target>) -> Leaves {
        let mut leaves = guess.clone();
        self.central.values().for_each(|regions| correct(&mut leaves, &of_most(regions)));
        let Some(target) = target else { return leaves };
        let account = Target { account: target.account.clone(), region: String::new() };
        for at in [&account, target] {
            match self.targets.get(at) {
                Some(None) => return Leaves::new(),
                Some(Some(corrections)) => correct(&mut leaves, corrections),
                None => {}
            }
        }
        leaves
    }
}

impl Found {
    /// What one unit of the organization found.
    pub(crate) fn central(&mut self, id: &'static str, value: &Value) {
        merge(self.central.entry(id).or_insert_with(|| empty(value)), value);
    }

    /// What one unit of an account found.
    pub(crate) fn target(&mut self, id: &'static str, at: Target, value: Option<&Value>) {
        let found = value.map(leaves).unwrap_or_default();
        self.targets.entry(id).or_default().entry(at).or_default().extend(found);
    }

    /// What one unit of a guess found: of the organization, or of a target. `Err` says what is not there.
    pub(crate) fn guessed(
        &mut self,
        id: &'static str,
        part: &str,
        at: Option<Target>,
        guess: &Value,
        found: Result<&Value, &str>,
    ) {
        let of = self.guessed.entry(id).or_default();
        if let (Err(lacks), None) = (found, &of.lacks) {
            of.lacks = Some(if part.is_empty() { lacks.to_string() } else { format!("{part}: {lacks}") });
        }
        let corrections = found.ok().map(|value| corrections(guess, value));
        match at {
            None => {
                *of.units.entry(part.to_string()).or_default() |= corrections.is_some();
                of.central.entry(part.to_string()).or_default().extend(corrections);
            }
            Some(at) => {
                let there = of.targets.entry(at).or_insert_with(|| Some(Corrections::new()));
                *there = there.take().zip(corrections).map(|(mut have, more)| {
                    have.extend(more);
                    have
                });
            }
        }
    }

    /// Guesses that are wrong: something of them is nowhere, for the organization or in any account.
    pub(crate) fn absent(&self, guesses: &Sections) -> BTreeSet<&'static str> {
        let wrong = |id: &&'static str| self.guessed.get(id).is_none_or(Guessed::is_absent);
        guesses.keys().copied().filter(wrong).collect()
    }

    /// Why a guess is left out.
    pub(crate) fn not_ours(&self, id: &str) -> String {
        let lacks = self.guessed.get(id).and_then(|of| of.lacks.as_deref());
        let lacks = lacks.map(|lacks| format!(" ({})", safe(lacks))).unwrap_or_default();
        format!("it is not as orgbase makes it{lacks}")
    }

    /// A guess with what is known of it for the whole organization.
    pub(crate) fn improved(&self, id: &str, guess: &Value) -> Value {
        self.guessed.get(id).map_or_else(|| guess.clone(), |of| tree(&of.leaves(&leaves(guess), None)))
    }

    /// Takes what was found of guesses from another reading of them.
    pub(crate) fn replace(&mut self, again: Found) {
        self.guessed.extend(again.guessed);
    }

    /// Puts what was found of guesses that are right to the rest. `is_idle` says whether a key that has nothing may be left out.
    pub(crate) fn settle(&mut self, guesses: &Sections, is_idle: &dyn Fn(&str, &Leaves, &Path) -> bool) {
        let absent = self.absent(guesses);
        for (id, guess) in guesses.iter().filter(|(id, _)| !absent.contains(*id)) {
            let Some(of) = self.guessed.get(id) else { continue };
            let guess = leaves(guess);
            let whole = |target: Option<&Target>| {
                let mut leaves = of.leaves(&guess, target);
                let idle: Vec<Path> =
                    leaves.keys().filter(|path| is_idle(id, &leaves, path)).cloned().collect();
                leaves.retain(|path, _| !idle.contains(path));
                leaves
            };
            if of.targets.is_empty() {
                self.central.insert(id, tree(&whole(None)));
                continue;
            }
            let regional = of.targets.keys().any(|at| !at.region.is_empty());
            let targets = of.targets.keys().filter(|at| !regional || !at.region.is_empty());
            let found = targets.map(|at| (at.clone(), whole(Some(at)))).collect();
            self.targets.insert(id, found);
        }
    }
}

/// What most regions correct alike; where as many do not, the guess stands.
fn of_most(regions: &[Corrections]) -> Corrections {
    let paths: BTreeSet<&Path> = regions.iter().flat_map(Corrections::keys).collect();
    let most = |path: &&Path| {
        let mut counts: Vec<(Option<&Option<Value>>, usize)> = Vec::new();
        for region in regions {
            let found = region.get(*path);
            match counts.iter_mut().find(|(value, _)| *value == found) {
                Some((_, count)) => *count += 1,
                None => counts.push((found, 1)),
            }
        }
        counts.into_iter().max_by_key(|(value, count)| (*count, value.is_none()))?.0.cloned()
    };
    paths.into_iter().filter_map(|path| Some((path.clone(), most(&path)?))).collect()
}

fn corrections(guess: &Value, value: &Value) -> Corrections {
    let (guess, value) = (leaves(guess), leaves(value));
    let gone = guess.keys().filter(|path| !value.contains_key(*path)).map(|path| (path.clone(), None));
    let other = value.iter().filter(|(path, value)| guess.get(*path) != Some(*value));
    gone.chain(other.map(|(path, value)| (path.clone(), Some(value.clone())))).collect()
}

fn correct(leaves: &mut Leaves, corrections: &Corrections) {
    for (path, value) in corrections {
        match value {
            Some(value) => drop(leaves.insert(path.clone(), value.clone())),
            None => drop(leaves.remove(path)),
        }
    }
}

/// Something to merge into.
pub(crate) fn empty(value: &Value) -> Value {
    if value.is_array() { json!([]) } else { json!({}) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(region: &str) -> Target {
        Target { account: "x".into(), region: region.into() }
    }

    #[test]
    fn a_guess_needs_every_part_in_some_region() {
        let guess = json!({"on": true, "days": 5, "list": []});
        let guesses = Sections::from([
            ("config", guess.clone()),
            ("macie", guess.clone()),
            ("detective", guess.clone()),
        ]);
        let mut found = Found::default();
        let seven = json!({"on": true, "days": 7, "list": []});
        found.guessed("config", "a", None, &guess, Ok(&seven));
        found.guessed("config", "a", None, &guess, Err("there is no `x`"));
        found.guessed("macie", "a", None, &guess, Ok(&guess));
        found.guessed("macie", "b", None, &guess, Err("there is no `x`"));
        assert_eq!(found.absent(&guesses), BTreeSet::from(["detective", "macie"]));
        assert_eq!(found.not_ours("macie"), "it is not as orgbase makes it (b: there is no `x`)");
        found.settle(&guesses, &|_, leaves, path| leaves.get(path) == Some(&json!([])));
        assert_eq!(found.central.get("config"), Some(&json!({"on": true, "days": 7})));
        assert_eq!(found.central.len(), 1);
    }

    #[test]
    fn units_of_one_target_correct_each_their_own() {
        let guess = json!({"a": 1, "b": 1, "c": 1, "d": 1});
        let guesses = Sections::from([("config", guess.clone())]);
        let mut found = Found::default();
        found.guessed("config", "central", None, &guess, Ok(&json!({"a": 1, "b": 1, "c": 1, "d": 4})));
        found.guessed("config", "role", Some(at("")), &guess, Ok(&json!({"a": 1, "b": 1, "c": 2, "d": 1})));
        found.guessed("config", "one", Some(at("r1")), &guess, Ok(&json!({"a": 2, "b": 1, "c": 1, "d": 1})));
        found.guessed("config", "two", Some(at("r1")), &guess, Ok(&json!({"a": 1, "c": 1, "d": 1, "e": 5})));
        found.guessed("config", "one", Some(at("r2")), &guess, Err("nothing"));
        found.settle(&guesses, &|_, _, _| false);
        let of = |region: &str| found.targets.get("config").and_then(|t| t.get(&at(region)).cloned());
        assert_eq!(of("r1").map(|l| tree(&l)), Some(json!({"a": 2, "c": 2, "d": 4, "e": 5})));
        assert_eq!((of("r2"), of("")), (Some(Leaves::new()), None));
        found.guessed("config", "role", Some(at("")), &guess, Err("nothing"));
        found.settle(&guesses, &|_, _, _| false);
        let left = found.targets.get("config").map(|t| t.values().all(BTreeMap::is_empty));
        assert_eq!(left, Some(true));
    }
}
