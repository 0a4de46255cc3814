//! Tags, in the shapes the services use: lists of key and value members under different names.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// Tags of one resource.
pub type Tags = BTreeMap<String, String>;

/// Most tags on one resource, in every service that uses this module (AWS General Reference, "Tagging your AWS
/// resources").
pub const MOST: usize = 50;

/// The pairs of a tag list whose members are called `key` and `value`. An absent list is empty.
pub fn read(list: Option<&Value>, key: &str, value: &str) -> Vec<(String, String)> {
    let text =
        |tag: &Value, name: &str| tag.get(name).and_then(Value::as_str).unwrap_or_default().to_string();
    list.and_then(Value::as_array)
        .map(|tags| tags.iter().map(|tag| (text(tag, key), text(tag, value))).collect())
        .unwrap_or_default()
}

/// A tag list whose members are called `key` and `value`, sorted by key.
pub fn write(tags: &Tags, key: &str, value: &str) -> Value {
    tags.iter().map(|(k, v)| json!({key: k, value: v})).collect()
}

/// What is wrong with tags that a caller wants to set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// The same key twice in one request.
    Duplicate,
    /// A key with the reserved prefix `aws:`.
    Reserved,
    /// More than [`MOST`] tags on the resource.
    TooMany,
}

/// `current` with `new` added or replaced.
///
/// # Errors
/// The first rule that the new tags break; each service has its own code for it.
pub fn merged(current: &Tags, new: Vec<(String, String)>) -> Result<Tags, Wrong> {
    let keys: BTreeSet<&String> = new.iter().map(|(key, _)| key).collect();
    if keys.len() < new.len() {
        return Err(Wrong::Duplicate);
    }
    if keys.iter().any(|key| key.to_ascii_lowercase().starts_with("aws:")) {
        return Err(Wrong::Reserved);
    }
    let mut all = current.clone();
    all.extend(new);
    if all.len() > MOST { Err(Wrong::TooMany) } else { Ok(all) }
}
