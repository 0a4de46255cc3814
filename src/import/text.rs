//! TOML with comments: each key's description in the schema above it, the first time that the key is written.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::baseline::schema::schemas;
use crate::control::SectionMeta;

/// Longest line of a comment.
const WIDTH: usize = 110;
/// What sections of an override are under.
const OVERRIDES: &str = "overrides";
/// The table whose keys are names.
const ACCOUNTS: &str = "accounts";

/// Writes tables into one text.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    text: String,
    /// Keys that were explained, by their path from the top.
    explained: BTreeSet<String>,
}

impl Writer {
    /// The text so far; the next one begins empty and explains nothing twice.
    pub(crate) fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// A comment of any length.
    pub(crate) fn comment(&mut self, text: &str) {
        for line in wrap(text, WIDTH) {
            let _ = writeln!(self.text, "# {line}");
        }
    }

    /// An empty line, unless the text is empty.
    pub(crate) fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// One line as it is.
    pub(crate) fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// A whole section, with its title.
    pub(crate) fn section(&mut self, meta: &SectionMeta, value: &Value) {
        self.gap();
        self.comment(&format!("{}. {}", meta.title, meta.summary));
        self.table(&[meta.id], value);
    }

    /// A table, or an array of tables, by its path from the top; of a key in it its schema tells.
    pub(crate) fn table(&mut self, path: &[&str], value: &Value) {
        let of = if path.first() == Some(&OVERRIDES) { path.get(1..).unwrap_or_default() } else { path };
        let schema = of.first().and_then(|id| schemas().tables.get(*id));
        let schema = schema.and_then(|s| of.iter().skip(1).try_fold(s, |s, key| member(s, key)));
        let path: Vec<String> = path.iter().map(ToString::to_string).collect();
        match value {
            Value::Array(items) => self.array(&path, items, schema),
            Value::Object(members) => self.object(&path, members, schema, false),
            _ => {}
        }
    }

    fn array(&mut self, path: &[String], items: &[Value], schema: Option<&'static Value>) {
        let schema = schema.map(resolved).and_then(|s| s.get("items"));
        if items.is_empty() {
            let _ = writeln!(self.text, "{} = []", dotted(path));
        }
        for (index, members) in items.iter().filter_map(Value::as_object).enumerate() {
            if index > 0 {
                self.gap();
            }
            let _ = writeln!(self.text, "[[{}]]", dotted(path));
            self.members(path, members, schema);
        }
    }

    fn object(
        &mut self,
        path: &[String],
        members: &Map<String, Value>,
        schema: Option<&'static Value>,
        explain: bool,
    ) {
        if explain {
            self.gap();
            self.explain(path, schema);
        }
        let own = members.is_empty() || members.values().any(|v| !is_table(v));
        if own {
            let _ = writeln!(self.text, "[{}]", dotted(path));
        }
        self.members(path, members, schema);
    }

    /// Values first: what follows a table's header belongs to that table.
    fn members(&mut self, path: &[String], members: &Map<String, Value>, schema: Option<&'static Value>) {
        let members = in_order(members, schema);
        for (key, value) in members.iter().filter(|(_, v)| !is_table(v)) {
            let own: Vec<String> = path.iter().cloned().chain([(*key).to_string()]).collect();
            self.explain(&own, schema.and_then(|s| member(s, key)));
            self.value(key, value);
        }
        for (key, value) in members.iter().filter(|(_, v)| is_table(v)) {
            let own: Vec<String> = path.iter().cloned().chain([(*key).to_string()]).collect();
            let schema = schema.and_then(|s| member(s, key));
            match value {
                Value::Object(members) => self.object(&own, members, schema, true),
                Value::Array(items) => {
                    self.gap();
                    self.explain(&own, schema);
                    self.array(&own, items, schema);
                }
                _ => {}
            }
        }
    }

    /// `key = value`.
    pub(crate) fn value(&mut self, key: &str, value: &Value) {
        if let Some(value) = inline(value) {
            let _ = writeln!(self.text, "{} = {value}", quoted(key));
        }
    }

    /// The description of a key, the first time that it is written.
    fn explain(&mut self, path: &[String], schema: Option<&'static Value>) {
        let Some(text) = schema.and_then(description) else { return };
        let mut key: Vec<&str> = path.iter().map(String::as_str).filter(|k| *k != OVERRIDES).collect();
        if key.len() > 2 && key.first() == Some(&ACCOUNTS) {
            // Which account does not matter.
            key.remove(1);
        }
        if self.explained.insert(key.join("\0")) {
            self.comment(text);
        }
    }
}

/// Whether a value is written as tables of its own.
fn is_table(value: &Value) -> bool {
    match value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => !items.is_empty() && items.iter().all(Value::is_object),
        _ => false,
    }
}

/// A value on one line; nothing where TOML has no such value.
pub(crate) fn inline(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(basic(text)),
        other => toml::Value::try_from(other).ok().map(|v| v.to_string()),
    }
}

/// A key as TOML writes it.
pub(crate) fn quoted(key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if bare { key.to_string() } else { basic(key) }
}

/// A text on one line: JSON's quotes and escapes are TOML's, but for one character.
fn basic(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

/// Keys with dots between them.
pub(crate) fn dotted(path: &[String]) -> String {
    path.iter().map(|key| quoted(key)).collect::<Vec<_>>().join(".")
}

/// Keys in the order in which the reference has them.
fn in_order<'m>(
    members: &'m Map<String, Value>,
    schema: Option<&'static Value>,
) -> Vec<(&'m str, &'m Value)> {
    let schema = schema.map(resolved);
    let items = schema.and_then(|s| s.get("items")).map(resolved);
    let known = items.or(schema).and_then(|s| s.get("properties")).and_then(Value::as_object);
    let place = |key: &str| known.and_then(|known| known.keys().position(|own| own == key));
    let mut all: Vec<(&str, &Value)> = members.iter().map(|(key, value)| (key.as_str(), value)).collect();
    all.sort_by_key(|(key, _)| place(key).unwrap_or(usize::MAX));
    all
}

/// A schema, through references.
fn resolved(schema: &'static Value) -> &'static Value {
    let target = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.rsplit('/').next());
    if let Some(found) = target.and_then(|name| schemas().definitions.get(name)) {
        return resolved(found);
    }
    let only = ["anyOf", "allOf"].iter().find_map(|word| match schema.get(*word)?.as_array()?.as_slice() {
        [one] => Some(one),
        _ => None,
    });
    only.map_or(schema, resolved)
}

/// The schema of a key of a table.
fn member(schema: &'static Value, key: &str) -> Option<&'static Value> {
    let schema = resolved(schema);
    let schema = if schema.get("items").is_some() { resolved(schema.get("items")?) } else { schema };
    let named = schema.get("properties").and_then(|p| p.get(key));
    named.or_else(|| schema.get("additionalProperties").filter(|a| a.is_object()))
}

/// What a schema says of its key: its own words, else those of its type.
fn description(schema: &'static Value) -> Option<&'static str> {
    let own = schema.get("description").or_else(|| resolved(schema).get("description"));
    own.and_then(Value::as_str)
}

/// Lines of at most `width` characters, cut between words. Line breaks of a paragraph do not count.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split("\n\n") {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.extend(word.chars().filter(|c| !c.is_control()));
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_section_is_written_with_its_descriptions_and_reads_back() {
        let value = json!({"minimum_length": 14, "require_numbers": true});
        let mut writer = Writer::default();
        writer.section(crate::controls::section("password_policy").unwrap().meta(), &value);
        let text = writer.take();
        assert!(text.contains("# Fewest characters of a password.\nminimum_length = 14\n"), "{text}");
        let back: toml::Table = toml::from_str(&text).unwrap();
        assert_eq!(serde_json::to_value(back).unwrap(), json!({"password_policy": value}));
    }

    #[test]
    fn odd_keys_nested_tables_and_lists_read_back() {
        let value = json!({
            "/Odd \"name\" '\\ \u{7f}\n": {}, "z": [], "list": [{"a": 1, "t": {"x": "y"}}, {"b": ["q"]}], "deep": {"er": {"k": true}},
        });
        let mut writer = Writer::default();
        writer.table(&["unknown"], &value);
        let back: toml::Table = toml::from_str(&writer.take()).unwrap();
        assert_eq!(serde_json::to_value(back).unwrap(), json!({"unknown": value}));
    }

    #[test]
    fn a_comment_has_no_line_of_its_own() {
        let mut writer = Writer::default();
        writer.comment("first\nsecond\u{7}");
        assert_eq!(writer.take(), "# first second\n");
    }
}
