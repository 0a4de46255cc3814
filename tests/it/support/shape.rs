//! The state of a sandbox without what differs from run to run: ids by chance, times, and the order of lists.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use orgbase::sandbox::Sandbox;
use orgbase::sandbox::world::World;
use regex::Regex;
use serde_json::Value;

/// Ids that are made by chance, and what stands for them.
static RANDOM: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID"),
        (r"\b(AROA|AIDA|ANPA|AGPA)[A-Z0-9]{16,17}", "${1}ID"),
        (r"\b(eni|fl|rtb|sg|sgr|subnet|vpc|acl)-[0-9a-f]{17}\b", "${1}-ID"),
        (r"/orgbase-[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}", "/SESSION"),
        (r"\b[0-9a-f]{32}\b", "HEX"),
        (r"\b[0-9a-f]{64,}\b", "TOKEN"),
    ]
    .map(|(pattern, mask)| (Regex::new(pattern).unwrap(), mask))
    .into()
});

/// The state as sorted lines: two states with the same lines are the same but for ids, times and order.
pub(crate) fn lines(sandbox: &Sandbox) -> Vec<String> {
    sandbox.inspect(|world| {
        let named = Named::new(world);
        let mut value = serde_json::to_value(world).unwrap();
        for counter in ["ids_made", "seed"] {
            value.as_object_mut().unwrap().remove(counter);
        }
        default_encryption(&mut value);
        whole_buckets(&mut value);
        default_expiry(&mut value);
        running_recorders(&mut value);
        let mut lines = Vec::new();
        named.collect("", &value, &mut lines);
        lines.sort();
        lines
    })
}

/// A bucket whose encryption nobody set has S3's default: writing just that changes nothing.
fn default_encryption(world: &mut Value) {
    let default = serde_json::json!({"Rules": [{
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
        "BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]},
        "BucketKeyEnabled": false,
    }]});
    for bucket in world["s3"]["buckets"].as_object_mut().into_iter().flat_map(|b| b.values_mut()) {
        if bucket["encryption"].is_null() {
            bucket["encryption"] = default.clone();
        }
    }
}

/// A lifecycle rule whose filter has the empty prefix is for all objects, as is one with an empty filter.
fn whole_buckets(world: &mut Value) {
    for bucket in world["s3"]["buckets"].as_object_mut().into_iter().flat_map(|b| b.values_mut()) {
        for rule in bucket.pointer_mut("/lifecycle/rules").and_then(Value::as_array_mut).into_iter().flatten()
        {
            if rule.get("Filter") == Some(&serde_json::json!({"Prefix": ""})) {
                rule["Filter"] = serde_json::json!({});
            }
        }
    }
}

/// When a recorder that runs was last stopped is history.
fn running_recorders(world: &mut Value) {
    for place in world["config"].as_object_mut().into_iter().flat_map(|config| config.values_mut()) {
        if let Some(stopped) = place.pointer_mut("/recorder/stopped") {
            *stopped = Value::Null;
        }
    }
}

/// A policy document with its statements in order: AWS keeps them as they were sent, and their order means nothing.
fn ordered(text: &str) -> Option<String> {
    let mut document: Value = serde_json::from_str(text).ok()?;
    let statements = document.get_mut("Statement")?.as_array_mut()?;
    statements.sort_by_key(Value::to_string);
    Some(document.to_string())
}

/// A password policy that does not speak of hard expiry has none.
fn default_expiry(world: &mut Value) {
    for account in world["iam"].as_object_mut().into_iter().flat_map(|iam| iam.values_mut()) {
        if let Some(expiry) = account.pointer_mut("/password_policy/hard_expiry").filter(|v| v.is_null()) {
            *expiry = false.into();
        }
    }
}

/// What is in only one of two states, for messages.
pub(crate) fn difference(left: &[String], right: &[String]) -> String {
    let mut counts: BTreeMap<&String, i64> = BTreeMap::new();
    for line in left {
        *counts.entry(line).or_default() -= 1;
    }
    for line in right {
        *counts.entry(line).or_default() += 1;
    }
    let mark = |count: i64| if count < 0 { '-' } else { '+' };
    let only = counts.into_iter().filter(|(_, count)| *count != 0);
    let lines = only.map(|(line, count)| format!("{} {line}", mark(count)));
    lines.collect::<Vec<_>>().join("\n")
}

/// How often a word stands in the state.
pub(crate) fn count(sandbox: &Sandbox, word: &str) -> usize {
    sandbox.inspect(|world| serde_json::to_string(world).unwrap().matches(word).count())
}

/// Id of an OU by path (`/`: the root).
pub(crate) fn ou_id(world: &World, path: &str) -> String {
    let state = &world.organizations;
    let root = state.organization.as_ref().unwrap().root.clone();
    path.split('/').filter(|name| !name.is_empty()).fold(root, |parent, name| {
        let found = state.units.values().find(|u| u.parent == parent && u.name == name);
        found.unwrap_or_else(|| panic!("no OU {path}")).id.clone()
    })
}

/// Id of a policy by name.
pub(crate) fn policy_id(world: &World, name: &str) -> String {
    let found = world.organizations.policies.values().find(|p| p.name == name);
    found.unwrap_or_else(|| panic!("no policy {name}")).id.clone()
}

/// Names of what Organizations numbers by chance: which OU a policy is attached to does matter.
struct Named {
    names: Vec<(String, String)>,
    masked: RefCell<HashMap<String, String>>,
}

impl Named {
    fn new(world: &World) -> Named {
        let state = &world.organizations;
        let units = state.units.values().map(|u| {
            let parent = state.units.get(&u.parent).map_or("", |p| p.name.as_str());
            (u.id.clone(), format!("OU:{parent}/{}", u.name))
        });
        let policies = state.policies.values().map(|p| (p.id.clone(), format!("POLICY:{}", p.name)));
        Named { names: units.chain(policies).collect(), masked: RefCell::default() }
    }

    /// One line per leaf, with the path to it. Entries of lists have no number.
    fn collect(&self, path: &str, value: &Value, lines: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    self.collect(&format!("{path}.{}", self.mask(key)), value, lines);
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.collect(&format!("{path}[]"), item, lines);
                }
            }
            Value::Number(number) if number.as_f64().is_some_and(|n| n > 1e9) => {
                lines.push(format!("{path} = TIME"));
            }
            Value::String(text) => {
                let text = ordered(text).unwrap_or_else(|| text.clone());
                lines.push(format!("{path} = {}", self.mask(&text)));
            }
            other => lines.push(format!("{path} = {other}")),
        }
    }

    /// The same texts stand in the state of every account and region: each is masked once.
    fn mask(&self, text: &str) -> String {
        if let Some(known) = self.masked.borrow().get(text) {
            return known.clone();
        }
        let mut masked = text.to_string();
        for (id, name) in &self.names {
            if masked.contains(id) {
                masked = masked.replace(id, name);
            }
        }
        for (pattern, mask) in RANDOM.iter() {
            if pattern.is_match(&masked) {
                masked = pattern.replace_all(&masked, *mask).into_owned();
            }
        }
        self.masked.borrow_mut().insert(text.to_string(), masked.clone());
        masked
    }
}
