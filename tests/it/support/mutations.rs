//! Changes behind our back, made up from what an apply wrote itself: the same call with one value changed or left out,
//! or the call that takes it back. So every setting that any control writes can change, without a list of settings.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher as _};
use std::io::{self, BufWriter};
use std::time::{SystemTime, UNIX_EPOCH};

use orgbase::sandbox::Sandbox;
use orgbase::sandbox::models::{self, Api, Kind, Member, Shape};
use orgbase::sandbox::services;
use orgbase::sandbox::world::{Call, Principal};
use serde_json::{Map, Value, json};

use super::recorder::Write;

/// The word that an operation begins with, and that of the operation which takes it back.
const OPPOSITES: &[(&str, &str)] = &[
    ("Associate", "Disassociate"),
    ("Attach", "Detach"),
    ("Create", "Delete"),
    ("Enable", "Disable"),
    ("Put", "Delete"),
    ("Register", "Deregister"),
    ("Start", "Stop"),
    ("Tag", "Untag"),
    ("Update", "Delete"),
];

/// Texts that are settings, and no names of things: operation, member.
const TEXTS: &[(&str, &str)] = &[
    ("account:PutAlternateContact", ".Name"),
    ("account:PutAlternateContact", ".PhoneNumber"),
    ("account:PutContactInformation", ".ContactInformation.FullName"),
    ("account:PutContactInformation", ".ContactInformation.City"),
    ("logs:PutMetricFilter", ".metricTransformations[].metricValue"),
];

/// A source of chance that gives the same for the same seed (splitmix64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.bits() % length as u64).unwrap()
    }
}

/// A change that may be made.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) call: Write,
    /// The member that is another one, or how the operation was turned round.
    pub(crate) what: String,
}

impl Change {
    pub(crate) fn describe(&self) -> String {
        let Change { call, what } = self;
        format!("{} {what} in {} {}: {}", call.name(), call.account, call.region, call.input)
    }
}

/// Makes `count` changes that took effect, of the calls in `written`; operations are picked evenly.
/// `unmanaged` says of a change that nobody manages what it changes.
pub(crate) fn make(
    sandbox: &Sandbox,
    written: &[Write],
    count: usize,
    dice: &mut Dice,
    unmanaged: impl Fn(&Change) -> bool,
) -> Vec<Change> {
    let mut made: Vec<Change> = Vec::new();
    let mut before = usize::MAX;
    let mut watched = Watched { sandbox, state: state(sandbox) };
    // Every write may be changed once in a round; a round that changes nothing is the last.
    while made.len() < count && made.len() != before {
        before = made.len();
        round(&mut watched, written, count, dice, &unmanaged, &mut made);
    }
    made
}

fn round(
    watched: &mut Watched<'_>,
    written: &[Write],
    count: usize,
    dice: &mut Dice,
    unmanaged: &impl Fn(&Change) -> bool,
    made: &mut Vec<Change>,
) {
    let mut pool: BTreeMap<String, Vec<&Write>> = BTreeMap::new();
    for write in written {
        pool.entry(write.name()).or_default().push(write);
    }
    while made.len() < count && !pool.is_empty() {
        let name = pool.keys().nth(dice.index(pool.len())).unwrap().clone();
        let writes = pool.get_mut(&name).unwrap();
        let write = writes.swap_remove(dice.index(writes.len()));
        if writes.is_empty() {
            pool.remove(&name);
        }
        let mut possible: Vec<Change> = changes_of(write).into_iter().filter(|c| !unmanaged(c)).collect();
        while !possible.is_empty() {
            let change = possible.swap_remove(dice.index(possible.len()));
            if watched.takes_effect(&change.call) {
                made.push(change);
                break;
            }
        }
    }
}

/// A sandbox, and its state after the last call.
struct Watched<'s> {
    sandbox: &'s Sandbox,
    state: u64,
}

impl Watched<'_> {
    /// Runs the call; whether AWS took it, and something is different now. A refused call changes nothing.
    fn takes_effect(&mut self, write: &Write) -> bool {
        let call = Call {
            service: write.service.clone(),
            operation: write.operation.clone(),
            account: write.account.clone(),
            region: write.region.clone(),
            principal: Principal::Management,
            input: write.input.clone(),
            now: SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64(),
        };
        let reply = self.sandbox.modify(|world| services::dispatch(world, &call));
        if !matches!(reply, Some(Ok(_))) {
            return false;
        }
        let before = std::mem::replace(&mut self.state, state(self.sandbox));
        self.state != before
    }
}

/// A hash of the whole state, but for the counter of ids: it has many megabytes.
fn state(sandbox: &Sandbox) -> u64 {
    sandbox.modify(|world| {
        let made = std::mem::take(&mut world.ids_made);
        let mut hash = Hashed(DefaultHasher::new());
        serde_json::to_writer(BufWriter::with_capacity(1 << 16, &mut hash), world).unwrap();
        world.ids_made = made;
        hash.0.finish()
    })
}

/// Hashes what is written to it.
struct Hashed(DefaultHasher);

impl io::Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Every change that is made up from one write.
fn changes_of(write: &Write) -> Vec<Change> {
    let Some(api) = models::api(&write.service) else { return Vec::new() };
    let Some(operation) = api.operations.get(&write.operation) else { return Vec::new() };
    let walk = Walk { api, operation: write.name() };
    // What is created a second time, a little differently, is another thing.
    let input = operation.input.as_ref().filter(|_| !write.operation.starts_with("Create"));
    let variants = input.map(|input| walk.variants(input, &write.input, ""));
    let other = variants.into_iter().flatten().map(|(what, input)| {
        let call = Write { input, ..write.clone() };
        Change { call, what }
    });
    other.chain(turned_round(api, write)).collect()
}

/// The operation that takes the write back, with those of its members that it needs.
fn turned_round(api: &Api, write: &Write) -> Vec<Change> {
    let opposite = |(word, back): &(&str, &str)| {
        let rest = write.operation.strip_prefix(word)?;
        let operation = format!("{back}{rest}");
        let shape = api.of(api.operations.get(&operation)?.input.as_ref()?);
        let known = write.input.as_object()?;
        let taken = |name: &str| known.get(name).cloned().map(|value| (name.to_string(), value));
        let input: Map<String, Value> = shape.members.keys().filter_map(|name| taken(name)).collect();
        let whole = shape.required.iter().all(|name| input.contains_key(name));
        let call = Write { operation, input: Value::Object(input), ..write.clone() };
        whole.then(|| Change { what: format!("instead of {}", write.operation), call })
    };
    OPPOSITES.iter().filter_map(opposite).collect()
}

/// Makes variants of an input.
struct Walk<'a> {
    api: &'a Api,
    operation: String,
}

impl Walk<'_> {
    /// `value` with one thing changed, once per thing; the path says which.
    fn variants(&self, member: &Member, value: &Value, path: &str) -> Vec<(String, Value)> {
        let shape = self.api.of(member);
        match (shape.kind, value) {
            (Kind::Structure, Value::Object(map)) => self.of_structure(shape, map, path),
            (Kind::Map, Value::Object(map)) => {
                let keys = map.keys().map(|key| (key.as_str(), &shape.value));
                self.of_members(keys, map, path)
            }
            (Kind::List, Value::Array(list)) => self.of_list(shape, list, path),
            (_, Value::Bool(value)) => vec![(path.to_string(), json!(!value))],
            (_, Value::Number(number)) => {
                let near = |number: i64| [number + 1, number - 1, number * 2, number / 2];
                let numbers = number.as_i64().map(near).into_iter().flatten();
                let fits = |n: &i64| {
                    shape.min.is_none_or(|min| *n as f64 >= min)
                        && shape.max.is_none_or(|max| *n as f64 <= max)
                };
                numbers
                    .filter(|n| fits(n) && Some(*n) != number.as_i64())
                    .map(|n| (path.to_string(), json!(n)))
                    .collect()
            }
            (_, Value::String(text)) => self.of_text(shape, text, path),
            _ => Vec::new(),
        }
    }

    fn of_structure(&self, shape: &Shape, map: &Map<String, Value>, path: &str) -> Vec<(String, Value)> {
        let known =
            |name: &String| shape.members.get_key_value(name).map(|(name, member)| (name.as_str(), member));
        let mut all = self.of_members(map.keys().filter_map(known), map, path);
        for name in map.keys().filter(|name| !shape.required.contains(name)) {
            let mut less = map.clone();
            less.shift_remove(name);
            all.push((format!("{path}.{name} left out"), Value::Object(less)));
        }
        all
    }

    fn of_members<'m>(
        &self,
        members: impl Iterator<Item = (&'m str, &'m Member)>,
        map: &Map<String, Value>,
        path: &str,
    ) -> Vec<(String, Value)> {
        let mut all = Vec::new();
        for (name, member) in members {
            for (what, value) in self.variants(member, &map[name], &format!("{path}.{name}")) {
                let mut other = map.clone();
                other.insert(name.to_string(), value);
                all.push((what, Value::Object(other)));
            }
        }
        all
    }

    fn of_list(&self, shape: &Shape, list: &[Value], path: &str) -> Vec<(String, Value)> {
        let mut all = Vec::new();
        for (index, entry) in list.iter().enumerate() {
            for (what, value) in self.variants(&shape.member, entry, &format!("{path}[]")) {
                let mut other = list.to_vec();
                other[index] = value;
                all.push((what, Value::Array(other)));
            }
            if list.len() > 1 {
                let mut less = list.to_vec();
                less.remove(index);
                all.push((format!("{path}[] left out"), Value::Array(less)));
            }
        }
        all
    }

    fn of_text(&self, shape: &Shape, text: &str, path: &str) -> Vec<(String, Value)> {
        if !shape.values.is_empty() {
            let others = shape.values.iter().filter(|value| *value != text);
            return others.map(|value| (path.to_string(), json!(value))).collect();
        }
        if let Ok(Value::Object(document)) = serde_json::from_str(text) {
            return of_document(&document, path);
        }
        if TEXTS.contains(&(self.operation.as_str(), path)) {
            return vec![(path.to_string(), json!(text.replace(|c: char| c.is_ascii_digit(), "7") + "1"))];
        }
        Vec::new()
    }
}

/// A policy document with one statement less.
fn of_document(document: &Map<String, Value>, path: &str) -> Vec<(String, Value)> {
    let statements = document.get("Statement").and_then(Value::as_array).cloned().unwrap_or_default();
    if statements.len() < 2 {
        return Vec::new();
    }
    let without = |index: usize| {
        let mut document = document.clone();
        let mut less = statements.clone();
        let gone = less.remove(index);
        document.insert("Statement".into(), Value::Array(less));
        (format!("{path} without {}", gone["Sid"]), json!(Value::Object(document).to_string()))
    };
    (0..statements.len()).map(without).collect()
}
