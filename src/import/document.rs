//! The baseline that `import` writes, as data, and its files.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::fold::{Folded, Leaves, Select, tree};
use super::text::{Writer, inline};
use crate::control::{Change, path_in, without_null};
use crate::controls::SECTIONS;
use crate::report::UnitReport;

/// Tables of the core, which are sections too, and are written to files of their own.
const CORE: [&str; 2] = ["ous", "accounts"];

/// Where a section is not converged, because it cannot be declared there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Residue {
    /// Empty: in every region.
    pub(crate) regions: BTreeSet<String>,
    /// Why.
    pub(crate) reason: String,
}

/// A baseline.
#[derive(Debug, Clone, Default)]
pub(crate) struct Document {
    /// `[organization]`.
    pub(crate) organization: Value,
    /// Sections as they hold for all, `ous` and `accounts` too.
    pub(crate) base: BTreeMap<&'static str, Value>,
    /// Other values: section by section.
    pub(crate) overrides: BTreeMap<Select, BTreeMap<&'static str, Value>>,
    /// Exceptions by section and account.
    pub(crate) exceptions: BTreeMap<(&'static str, String), Residue>,
    /// Files that sections name, by path.
    pub(crate) documents: BTreeMap<String, String>,
    /// Sections that are not declared, with the reason.
    pub(crate) left_out: BTreeMap<String, String>,
    /// First lines of the first file.
    pub(crate) head: String,
    /// Names and ids of accounts by key, for comments.
    pub(crate) ids: BTreeMap<String, String>,
}

impl Document {
    /// Ids of the sections that it declares, in the order of documents.
    pub(crate) fn sections(&self) -> Vec<&'static str> {
        let over: BTreeSet<&str> = self.overrides.values().flat_map(|s| s.keys().copied()).collect();
        let ids = SECTIONS.iter().map(|s| s.meta().id);
        ids.filter(|id| self.base.contains_key(id) || over.contains(id)).collect()
    }

    /// Takes a section out of it.
    pub(crate) fn drop_section(&mut self, id: &str) {
        self.base.remove(id);
        for sections in self.overrides.values_mut() {
            sections.remove(id);
        }
        self.overrides.retain(|_, sections| !sections.is_empty());
        self.exceptions.retain(|(control, _), _| *control != id);
    }

    /// Where a row's changes are in a section: keys that have a value, else the table that asks for the unit.
    pub(crate) fn places(&self, id: &str, at: &str, row: &UnitReport) -> BTreeSet<String> {
        let has = |path: &str| self.base.get(id).is_some_and(|value| is_leaf(value, path));
        let place = |change: &Change| {
            let path = path_in(at, &change.path);
            let ends = path.match_indices('.').map(|(end, _)| end).chain([path.len()]);
            let known = ends.filter_map(|end| path.get(..end)).rfind(|path| has(path));
            known.unwrap_or(at).to_string()
        };
        row.changes.iter().map(place).collect()
    }

    /// Takes out what differs, by its place inside a section such as `guardduty`, `[0]`, `enabled[1]`; where it has none, the
    /// section.
    pub(crate) fn drop_places(&mut self, id: &'static str, places: &BTreeMap<String, String>) {
        // From the end: an item that is taken out moves those behind it.
        let mut order: Vec<(&String, &String)> = places.iter().collect();
        order.sort_by_key(|(place, _)| std::cmp::Reverse(index(place).map(|(_, n)| n)));
        for (place, why) in order {
            let name = if place.is_empty() { id.to_string() } else { format!("{id}: {place}") };
            if place.is_empty() || !self.base.get_mut(id).is_some_and(|value| take(value, place)) {
                self.drop_section(id);
            }
            self.left_out.insert(name, why.clone());
        }
        let empty = |value: &Value| value.as_object().is_some_and(Map::is_empty) || *value == json!([]);
        if self.base.get(id).is_some_and(empty) {
            self.base.remove(id);
        }
    }

    /// Adds what accounts have of a section.
    pub(crate) fn add(&mut self, id: &'static str, folded: Folded) {
        if let Some(base) = &folded.base {
            merge(self.base.entry(id).or_insert_with(|| json!({})), &tree(base));
        }
        for (select, leaves) in &folded.overrides {
            self.overrides.entry(select.clone()).or_default().insert(id, tree(leaves));
        }
        let mut without: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for target in folded.without {
            without.entry(target.account).or_default().insert(target.region);
        }
        for (account, mut regions) in without {
            regions.remove("");
            let reason = "import: it has none of this, and a baseline cannot say so".to_string();
            self.exceptions.insert((id, account), Residue { regions, reason });
        }
    }

    /// Keys that are declared somewhere, such as `password_policy.minimum_length`.
    pub(crate) fn keys(&self) -> BTreeSet<String> {
        let over = self.overrides.values().flatten();
        let mut keys = BTreeSet::new();
        for (id, value) in self.base.iter().chain(over) {
            name_keys(id, value, &mut keys);
        }
        keys
    }

    /// Its files by path.
    pub(crate) fn files(&self) -> BTreeMap<String, String> {
        let mut files = self.documents.clone();
        let mut writer = Writer::default();
        self.write_organization(&mut writer);
        files.insert("10-organization.toml".into(), writer.take());
        self.write_accounts(&mut writer);
        files.insert("20-accounts.toml".into(), writer.take());
        self.write_sections(&mut writer);
        files.insert("30-settings.toml".into(), writer.take());
        if !self.overrides.is_empty() {
            self.write_overrides(&mut writer);
            files.insert("40-overrides.toml".into(), writer.take());
        }
        if !self.exceptions.is_empty() {
            self.write_exceptions(&mut writer);
            files.insert("50-exceptions.toml".into(), writer.take());
        }
        files.retain(|_, text| !text.is_empty());
        files
    }

    fn write_organization(&self, writer: &mut Writer) {
        for line in self.head.lines() {
            writer.comment(line);
        }
        writer.gap();
        writer.line("version = 1");
        writer.gap();
        writer.table(&["organization"], &self.organization);
        if let Some(Value::Object(ous)) = self.base.get("ous") {
            writer.gap();
            writer.comment("Organizational units by path. One that is not named here is left alone.");
            writer.line("[ous]");
            for (path, unit) in ous {
                writer.value(path, unit);
            }
        }
    }

    fn write_accounts(&self, writer: &mut Writer) {
        let Some(Value::Object(accounts)) = self.base.get("accounts") else { return };
        writer.comment("Accounts. The key in brackets is how the rest of the files name one; its e-mail address identifies it.");
        for (key, account) in accounts {
            writer.gap();
            if let Some(id) = self.ids.get(key) {
                writer.comment(id);
            }
            writer.table(&["accounts", key], account);
        }
    }

    fn write_sections(&self, writer: &mut Writer) {
        for section in SECTIONS {
            let meta = section.meta();
            if let Some(value) = self.base.get(meta.id).filter(|_| !CORE.contains(&meta.id)) {
                writer.section(meta, value);
            }
        }
        if self.left_out.is_empty() {
            return;
        }
        writer.gap();
        writer.comment("Not in these files, and so not managed:");
        for (what, why) in &self.left_out {
            writer.comment(&format!("* {what}: {why}"));
        }
    }

    fn write_overrides(&self, writer: &mut Writer) {
        writer.comment("Where accounts have other values than most. Later ones win.");
        for (select, sections) in &self.overrides {
            writer.gap();
            if let Select::Account(key) | Select::Region(key, _) = select
                && let Some(id) = self.ids.get(key)
            {
                writer.comment(id);
            }
            writer.line("[[overrides]]");
            let text = |text: &str| inline(&Value::from(text)).unwrap_or_default();
            writer.line(&match select {
                Select::Ou(ou) => format!("select = {{ ou = {} }}", text(ou)),
                Select::Account(key) => format!("select = {{ account = {} }}", text(key)),
                Select::Region(key, region) => {
                    format!("select = {{ account = {}, region = {} }}", text(key), text(region))
                }
            });
            for (id, value) in sections {
                writer.gap();
                let under: Vec<&str> = vec!["overrides", id];
                writer.table(&under, value);
            }
        }
    }

    fn write_exceptions(&self, writer: &mut Writer) {
        writer.comment(
            "Where a section is not converged: what is there cannot be declared. Take an entry out, and the section holds there too.",
        );
        let mut grouped: BTreeMap<(&str, &str, &BTreeSet<String>), Vec<&str>> = BTreeMap::new();
        for ((control, account), residue) in &self.exceptions {
            grouped.entry((control, &residue.reason, &residue.regions)).or_default().push(account);
        }
        for ((control, reason, regions), accounts) in grouped {
            writer.gap();
            writer.line("[[exceptions]]");
            writer.value("control", &control.into());
            writer.value("accounts", &json!(accounts));
            if !regions.is_empty() {
                writer.value("regions", &json!(regions));
            }
            writer.value("reason", &reason.into());
        }
    }
}

/// Adds one table to another; lists of tables are joined, other values replaced.
pub(crate) fn merge(into: &mut Value, more: &Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (key, value) in more.iter().filter(|(_, v)| !v.is_null()) {
                match into.get_mut(key) {
                    Some(have) => merge(have, value),
                    None => drop(into.insert(key.clone(), without_null(value))),
                }
            }
        }
        (Value::Array(into), Value::Array(more)) => {
            let new: Vec<Value> = more.iter().filter(|v| !into.contains(v)).map(without_null).collect();
            into.extend(new);
        }
        (into, more) => *into = without_null(more),
    }
}

/// Whether a dotted path without indices ends at a value that is no table.
fn is_leaf(value: &Value, path: &str) -> bool {
    let found = path.split('.').try_fold(value, |value, key| value.get(key));
    found.is_some_and(|value| !value.is_object())
}

/// Removes what a dotted path, or a place of a unit, names. `false`: it is not there.
fn take(value: &mut Value, place: &str) -> bool {
    match place.split_once('.') {
        Some((table, rest)) if value.get(table).is_some_and(Value::is_object) => {
            value.get_mut(table).is_some_and(|inner| take(inner, rest))
        }
        _ => remove(value, place),
    }
}

/// `enabled[1]` -> (`enabled`, 1).
fn index(place: &str) -> Option<(&str, usize)> {
    let (key, rest) = place.strip_suffix(']')?.rsplit_once('[')?;
    Some((key, rest.parse().ok()?))
}

/// Removes a key, or an item of a list that the section or a key of it is. `false`: it is not there.
fn remove(value: &mut Value, place: &str) -> bool {
    let Some((key, at)) = index(place) else {
        return value.as_object_mut().is_some_and(|members| members.remove(place).is_some());
    };
    let list = if key.is_empty() { Some(value) } else { value.get_mut(key) };
    let Some(items) = list.and_then(Value::as_array_mut).filter(|items| at < items.len()) else {
        return false;
    };
    items.remove(at);
    true
}

/// Names the keys of a section as its schema has them.
fn name_keys(id: &str, value: &Value, keys: &mut BTreeSet<String>) {
    let named = |leaves: Leaves| leaves.into_keys().map(|path| path.join(".")).collect::<Vec<_>>();
    let items: Vec<&Value> = match value {
        Value::Array(items) => items.iter().collect(),
        other => vec![other],
    };
    for item in items {
        for key in named(super::fold::leaves(item)) {
            keys.insert(if key.is_empty() { id.to_string() } else { format!("{id}.{key}") });
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::baseline::Baseline;
    use std::path::Path;

    #[test]
    fn its_files_are_a_baseline() {
        let mut document = Document {
            organization: json!({"home_region": "eu-west-1"}),
            ids: BTreeMap::from([("one".into(), "111111111111 One".into())]),
            ..Document::default()
        };
        document.base.insert("ous", json!({"/A": {}, "/A/B": {"tags": {"k": "v"}}}));
        document.base.insert(
            "accounts",
            json!({"one": {"name": "One", "email": "one@example.com", "ou": "/A", "tags": {"a b": "c"}}}),
        );
        document.base.insert("password_policy", json!({"minimum_length": 14}));
        document.overrides.insert(
            Select::Account("one".into()),
            BTreeMap::from([("password_policy", json!({"minimum_length": 8}))]),
        );
        document.overrides.insert(
            Select::Region("one".into(), "eu-west-1".into()),
            BTreeMap::from([("ebs_encryption", json!({"enabled": true}))]),
        );
        let residue = Residue { regions: BTreeSet::new(), reason: "because".into() };
        document.exceptions.insert(("password_policy", "111111111111".into()), residue);
        let baseline = Baseline::from_texts(Path::new("x"), &document.files());
        let baseline = baseline.map_err(|e| e.render(false)).unwrap();
        assert!(baseline.declares("ebs_encryption"));
        assert_eq!(baseline.exceptions.len(), 1);
        let place = crate::baseline::Place { key: Some("one"), id: "", ou: "/A" };
        assert!(baseline.section("ebs_encryption", Some(&place)).unwrap().is_none());
        assert!(baseline.section_in("ebs_encryption", &place, "us-east-1").unwrap().is_none());
        assert!(baseline.section_in("ebs_encryption", &place, "eu-west-1").unwrap().is_some());
    }
}
