//! From what every account and region has to one section for all and overrides for the rest. Pure.
//!
//! A key goes into the section itself where most targets have the section and each of these has the key: with the value
//! that most of them share. Who has another value gets an override: an OU where all of it agrees, else an account, else one
//! region of an account. Who has nothing of a section that holds for the others gets an exception.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::facts::is_under;

/// Keys from the section to a value that is no table.
pub(crate) type Path = Vec<String>;
/// A section without its tables.
pub(crate) type Leaves = BTreeMap<Path, Value>;

/// One account, or one region of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Target {
    /// Key or id of the account.
    pub(crate) account: String,
    /// Empty where the setting has no region.
    pub(crate) region: String,
}

/// Where an override holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Select {
    /// An OU and what is under it.
    Ou(String),
    /// An account.
    Account(String),
    /// One region of an account.
    Region(String, String),
}

/// One section, folded.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Folded {
    /// What holds for all; absent where the section is in overrides only.
    pub(crate) base: Option<Leaves>,
    /// Other values.
    pub(crate) overrides: BTreeMap<Select, Leaves>,
    /// Targets that have nothing of the section, while the base says something.
    pub(crate) without: BTreeSet<Target>,
}

/// The keys of a section, without its tables. An empty table is a value.
pub(crate) fn leaves(section: &Value) -> Leaves {
    let mut found = Leaves::new();
    collect(section, &mut Vec::new(), &mut found);
    found
}

fn collect(value: &Value, path: &mut Path, found: &mut Leaves) {
    match value {
        Value::Null => {}
        Value::Object(members) if !members.is_empty() || path.is_empty() => {
            for (key, member) in members {
                path.push(key.clone());
                collect(member, path, found);
                path.pop();
            }
        }
        other => drop(found.insert(path.clone(), other.clone())),
    }
}

/// The tables again.
pub(crate) fn tree(leaves: &Leaves) -> Value {
    let mut root = Value::Object(Map::new());
    for (path, value) in leaves {
        insert(&mut root, path, value);
    }
    root
}

fn insert(node: &mut Value, path: &[String], value: &Value) {
    let Value::Object(members) = node else { return };
    match path {
        [] => {}
        [key] => drop(members.insert(key.clone(), value.clone())),
        [key, rest @ ..] => {
            insert(members.entry(key.clone()).or_insert_with(|| Value::Object(Map::new())), rest, value);
        }
    }
}

/// Folds one section. `found` has every target that was read, with nothing in it where there is nothing; `homes` the OU of
/// each account. `is_whole` says whether keys are all that the section asks for: those of the base alone, and of an OU, must be.
pub(crate) fn fold(
    found: &BTreeMap<Target, Leaves>,
    homes: &BTreeMap<String, String>,
    is_whole: &dyn Fn(&Value) -> bool,
) -> Folded {
    let with: Vec<&Leaves> = found.values().filter(|l| !l.is_empty()).collect();
    if with.is_empty() {
        return Folded::default();
    }
    let base = if with.len() * 2 > found.len() { shared(&with) } else { Leaves::new() };
    let base = if is_whole(&tree(&base)) { base } else { Leaves::new() };
    let mut folded = Folded { base: (!base.is_empty()).then_some(base), ..Folded::default() };
    let base = folded.base.clone().unwrap_or_default();
    let mut accounts: BTreeMap<&str, Vec<(&str, &Leaves)>> = BTreeMap::new();
    for (target, leaves) in found {
        if leaves.is_empty() {
            if !base.is_empty() {
                folded.without.insert(target.clone());
            }
            continue;
        }
        accounts.entry(&target.account).or_default().push((&target.region, leaves));
    }
    for (account, regions) in &accounts {
        let partial = found.keys().filter(|t| t.account == **account).count() > regions.len();
        one_account(account, regions, partial && base.is_empty(), &base, &mut folded.overrides);
    }
    by_unit(&mut folded.overrides, found, homes, &|agreed| {
        let mut all = base.clone();
        all.extend(agreed.clone());
        is_whole(&tree(&all))
    });
    folded
}

/// The keys that all of them have, with the values that most share. A value of one target alone is not shared.
fn shared(with: &[&Leaves]) -> Leaves {
    let Some(first) = with.first() else { return Leaves::new() };
    let everywhere = first.keys().filter(|path| with.iter().all(|l| l.contains_key(*path)));
    let most = |path: &Path| {
        let (value, count) = most_common(with.iter().filter_map(|l| l.get(path)), None)?;
        (count > 1 || with.len() == 1).then(|| (path.clone(), value.clone()))
    };
    everywhere.filter_map(most).collect()
}

/// The most common value and how often it is there; among equals `preferred`, else the first in the order of their texts.
fn most_common<'v>(
    values: impl Iterator<Item = &'v Value>,
    preferred: Option<&Value>,
) -> Option<(&'v Value, usize)> {
    let mut counts: BTreeMap<String, (&Value, usize)> = BTreeMap::new();
    for value in values {
        counts.entry(value.to_string()).or_insert((value, 0)).1 += 1;
    }
    let rank = |(value, count): &(&Value, usize)| (*count, Some(*value) == preferred);
    counts.into_values().rev().max_by_key(rank)
}

/// `scattered`: the section holds in some regions of the account only, and nowhere else by itself.
fn one_account(
    account: &str,
    regions: &[(&str, &Leaves)],
    scattered: bool,
    base: &Leaves,
    overrides: &mut BTreeMap<Select, Leaves>,
) {
    let paths: BTreeSet<&Path> = regions.iter().flat_map(|(_, l)| l.keys()).collect();
    let everywhere = |path: &Path| !scattered && regions.iter().all(|(_, l)| l.contains_key(path));
    for path in paths {
        let values = regions.iter().filter_map(|(_, l)| l.get(path));
        let here = if everywhere(path) { most_common(values, base.get(path)).map(|(v, _)| v) } else { None };
        let mut put = |select: Select, value: &Value| {
            overrides.entry(select).or_default().insert(path.clone(), value.clone());
        };
        if let Some(value) = here.filter(|v| base.get(path) != Some(*v)) {
            put(Select::Account(account.into()), value);
        }
        let around = here.or(base.get(path));
        for (region, leaves) in regions.iter().filter(|(region, _)| !region.is_empty()) {
            if let Some(value) = leaves.get(path).filter(|v| around != Some(*v)) {
                put(Select::Region(account.into(), (*region).into()), value);
            }
        }
    }
}

/// Where all accounts under an OU have the same override, the OU gets it.
fn by_unit(
    overrides: &mut BTreeMap<Select, Leaves>,
    found: &BTreeMap<Target, Leaves>,
    homes: &BTreeMap<String, String>,
    is_whole: &dyn Fn(&Leaves) -> bool,
) {
    let accounts: BTreeSet<&String> = found.keys().map(|t| &t.account).collect();
    let mut units: Vec<&String> = homes.values().collect::<BTreeSet<_>>().into_iter().collect();
    units.retain(|path| *path != "/");
    for unit in units {
        let inside: Vec<&String> =
            accounts.iter().copied().filter(|a| homes.get(*a).is_some_and(|ou| is_under(ou, unit))).collect();
        if inside.len() < 2 {
            continue;
        }
        let of =
            |account: &String| overrides.get(&Select::Account(account.clone())).cloned().unwrap_or_default();
        let mut agreed = inside.first().map(|a| of(a)).unwrap_or_default();
        for account in &inside {
            let own = of(account);
            agreed.retain(|path, value| own.get(path) == Some(value));
        }
        if agreed.is_empty() || !is_whole(&agreed) {
            continue;
        }
        for account in inside {
            let select = Select::Account(account.clone());
            if let Some(own) = overrides.get_mut(&select) {
                own.retain(|path, _| !agreed.contains_key(path));
            }
            overrides.retain(|_, leaves| !leaves.is_empty());
        }
        overrides.insert(Select::Ou(unit.clone()), agreed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn target(account: &str, region: &str) -> Target {
        Target { account: account.into(), region: region.into() }
    }

    fn homes(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(a, ou)| ((*a).to_string(), (*ou).to_string())).collect()
    }

    fn found(values: &[(&str, &str, Value)]) -> BTreeMap<Target, Leaves> {
        values.iter().map(|(account, region, value)| (target(account, region), leaves(value))).collect()
    }

    /// What holds for a target, as the baseline would merge it.
    fn effective(folded: &Folded, target: &Target, homes: &BTreeMap<String, String>) -> Leaves {
        let mut all = folded.base.clone().unwrap_or_default();
        for (select, leaves) in &folded.overrides {
            let holds = match select {
                Select::Ou(ou) => homes.get(&target.account).is_some_and(|home| is_under(home, ou)),
                Select::Account(account) => *account == target.account,
                Select::Region(account, region) => *account == target.account && *region == target.region,
            };
            if holds {
                all.extend(leaves.clone());
            }
        }
        all
    }

    #[test]
    fn what_most_share_is_for_all_and_the_rest_is_an_override() {
        let all = found(&[
            ("a", "", json!({"n": 1, "t": {"x": true}})),
            ("b", "", json!({"n": 1, "t": {"x": true}})),
            ("c", "", json!({"n": 2, "t": {"x": true}})),
            ("d", "", json!(null)),
        ]);
        let folded = fold(&all, &homes(&[]), &|_| true);
        assert_eq!(folded.base.as_ref().map(tree), Some(json!({"n": 1, "t": {"x": true}})));
        let only = folded.overrides.get(&Select::Account("c".into())).map(tree);
        assert_eq!((folded.overrides.len(), only), (1, Some(json!({"n": 2}))));
        assert_eq!(folded.without, BTreeSet::from([target("d", "")]));
    }

    #[test]
    fn an_ou_that_agrees_is_one_override() {
        let homes = homes(&[
            ("a", "/P"),
            ("b", "/P"),
            ("c", "/P/Q"),
            ("d", "/S"),
            ("e", "/S"),
            ("f", "/S"),
            ("g", "/"),
        ]);
        let value = |account: &str| json!({"n": if "abc".contains(account) { 1 } else { 2 }});
        let all = found(&["a", "b", "c", "d", "e", "f", "g"].map(|a| (a, "", value(a))));
        let folded = fold(&all, &homes, &|_| true);
        assert_eq!(folded.overrides.keys().collect::<Vec<_>>(), [&Select::Ou("/P".into())]);
    }

    #[test]
    fn a_value_of_one_account_alone_is_not_for_all() {
        let all = found(&[("a", "", json!({"alias": "x"})), ("b", "", json!({"alias": "y"}))]);
        let folded = fold(&all, &homes(&[]), &|_| true);
        assert_eq!((folded.base, folded.overrides.len()), (None, 2));
    }

    #[test]
    fn what_a_section_needs_is_not_torn_apart() {
        let all = found(&["a", "b", "c"].map(|a| (a, "", json!({"alias": a, "replace": true}))));
        let folded = fold(&all, &homes(&[]), &|value| value.get("alias").is_some());
        assert_eq!((folded.base, folded.overrides.len()), (None, 3));
    }

    #[test]
    fn whatever_is_there_is_what_the_fold_says() {
        let mut seed = 7_u64;
        let mut next = |n: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % n
        };
        for _ in 0..300 {
            let accounts = ["a", "b", "c", "d", "e"];
            let homes: BTreeMap<String, String> = accounts
                .iter()
                .map(|a| ((*a).to_string(), ["/", "/P", "/P/Q", "/S"][next(4) as usize].to_string()))
                .collect();
            let mut all = BTreeMap::new();
            for account in accounts {
                for region in ["r1", "r2"] {
                    let value = match next(5) {
                        0 => json!(null),
                        1 => json!({"x": next(2)}),
                        _ => json!({"x": next(2), "y": next(3)}),
                    };
                    all.insert(target(account, region), leaves(&value));
                }
            }
            let folded = fold(&all, &homes, &|_| true);
            for (target, leaves) in all.iter().filter(|(t, _)| !folded.without.contains(t)) {
                assert_eq!(effective(&folded, target, &homes), *leaves, "{target:?} {folded:?}");
            }
        }
    }
}
