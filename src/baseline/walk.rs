//! Holds the tree against the JSON schemas: unknown keys, missing keys, wrong types, values outside a list or range.
//!
//! serde stops at the first error of a section; this finds all of them in one run, in a reader's words.

use serde_json::Value;

use super::schema::schemas;
use super::tree::{Item, Node, Table};
use crate::diag::{RANGE, Report, Span, out_of_range, suggestion};

/// Deepest chain of references that is followed at one place; real schemas need three.
const DEPTH: usize = 16;

/// A schema as the list of schemas that hold at once (`allOf`, what `$ref` names).
type Parts = Vec<&'static Value>;

/// One walk over one table.
pub(super) struct Walk<'r> {
    report: &'r mut Report,
    /// Keys may be left out: an override says only what differs.
    partial: bool,
    /// Something is wrong that keeps the table from being read as its type.
    broken: bool,
}

/// Checks `item`, removes the unknown keys from it, and says whether it can be read as its type.
pub(super) fn walk(
    report: &mut Report,
    item: &mut Item,
    key: &Span,
    schema: &'static Value,
    partial: bool,
) -> bool {
    let mut walk = Walk { report, partial, broken: false };
    walk.value(item, key, schema);
    !walk.broken
}

impl Walk<'_> {
    fn value(&mut self, item: &mut Item, key: &Span, schema: &'static Value) {
        let all = alternatives(schema, 0);
        let kind = json_kind(&item.node);
        let fitting: Vec<Parts> = all.iter().filter(|parts| allows(parts, kind)).cloned().collect();
        if fitting.is_empty() && !all.is_empty() {
            let span = if item.is_table() { key.clone() } else { item.span.clone() };
            let message = format!("expected {}, found {}", expected(&all), item.kind());
            self.wrong("wrong_type", &span, message);
            return;
        }
        match &mut item.node {
            Node::Table(table) => self.table(table, key, &fitting),
            Node::Array(items) => {
                let Some(schema) = fitting.iter().flatten().find_map(|s| s.get("items")) else { return };
                for item in items {
                    let header = item.span.clone();
                    self.value(item, &header, schema);
                }
            }
            Node::Text(text) => {
                let text = text.clone();
                self.text(&text, &item.span, &fitting);
            }
            Node::Integer(text) | Node::Float(text) => {
                let text = text.clone();
                self.number(&text, &item.span, &fitting);
            }
            Node::Boolean(_) | Node::Datetime(_) => {}
        }
        self.length(item, key, &fitting);
    }

    fn table(&mut self, table: &mut Table, key: &Span, fitting: &[Parts]) {
        let Some(parts) = self.choose(table, key, fitting) else { return };
        let known: Vec<(&'static str, &'static Value)> = parts
            .iter()
            .filter_map(|s| s.get("properties")?.as_object())
            .flatten()
            .map(|(k, v)| (k.as_str(), v))
            .collect();
        let rest = parts.iter().find_map(|s| s.get("additionalProperties"));
        let closed = parts.iter().any(|s| s.get("additionalProperties") == Some(&Value::Bool(false)));
        if !self.partial {
            self.required(table, key, &parts);
        }
        let mut unknown = Vec::new();
        for (name, entry) in table.iter_mut() {
            let of_key = known.iter().find(|(k, _)| k == name).map(|(_, s)| *s);
            match of_key.or(rest.filter(|s| s.is_object())) {
                Some(schema) => {
                    let key = entry.key.clone();
                    self.value(&mut entry.value, &key, schema);
                }
                None if closed => unknown.push(name.clone()),
                None => {}
            }
        }
        for name in unknown {
            let Some(entry) = table.remove(&name) else { continue };
            let hint = suggestion(&name, "the keys are", known.iter().map(|(k, _)| *k));
            let finding = self.report.at("unknown_key", &entry.key, format!("unknown key `{name}`"));
            finding.hint = hint;
        }
    }

    fn required(&mut self, table: &Table, key: &Span, parts: &Parts) {
        for name in
            parts.iter().filter_map(|s| s.get("required")?.as_array()).flatten().filter_map(Value::as_str)
        {
            if !table.contains_key(name) {
                self.wrong("missing_key", key, format!("missing key `{name}`"));
            }
        }
    }

    /// Of several kinds of table, the one that is meant: by the key that names the kind, else the one that knows
    /// most of the keys.
    fn choose(&mut self, table: &Table, key: &Span, fitting: &[Parts]) -> Option<Parts> {
        if let [only] = fitting {
            return Some(only.clone());
        }
        let Some(tag) = tag(fitting) else {
            let known = |parts: &Parts| table.keys().filter(|k| property(parts, k).is_some()).count();
            return fitting.iter().max_by_key(|parts| known(parts)).cloned();
        };
        let Some(entry) = table.get(tag) else {
            if !self.partial {
                self.wrong("missing_key", key, format!("missing key `{tag}`"));
            }
            return None;
        };
        let value = entry.value.text().unwrap_or_default();
        let names: Vec<&'static str> = fitting
            .iter()
            .filter_map(|p| property(p, tag))
            .flat_map(|s| constants(s))
            .filter_map(Value::as_str)
            .collect();
        let chosen =
            fitting.iter().zip(&names).find(|(_, name)| **name == value).map(|(parts, _)| parts.clone());
        if chosen.is_none() {
            self.not_one_of(value, &entry.value.span, names);
        }
        chosen
    }

    fn text(&mut self, text: &str, span: &Span, fitting: &[Parts]) {
        let choices: Vec<&'static Value> = fitting.iter().flatten().flat_map(|s| constants(s)).collect();
        let free = fitting.iter().any(|parts| parts.iter().all(|s| constants(s).is_empty()));
        if !choices.is_empty() && !free && !choices.iter().any(|c| c.as_str() == Some(text)) {
            self.not_one_of(text, span, choices.iter().filter_map(|c| c.as_str()).collect());
        }
        let [parts] = fitting else { return };
        if parts.iter().any(|s| s.get("format").is_some_and(|f| f == "date")) {
            self.wrong(
                "wrong_type",
                span,
                "expected a date, such as 2027-06-30 without quotes, found a string".into(),
            );
        }
        let Some(pattern) = parts.iter().find_map(|s| s.get("pattern")?.as_str()) else { return };
        if regex::Regex::new(pattern).is_ok_and(|r| !r.is_match(text)) {
            self.report.at("invalid_value", span, format!("`{text}` does not have the form `{pattern}`"));
        }
    }

    fn not_one_of(&mut self, value: &str, span: &Span, choices: Vec<&'static str>) {
        self.broken = true;
        let finding = self.report.at("unknown_value", span, format!("unknown value `{value}`"));
        finding.hint = suggestion(value, "the values are", choices);
    }

    fn number(&mut self, text: &str, span: &Span, fitting: &[Parts]) {
        let [parts] = fitting else { return };
        let limit = |word: &str| parts.iter().find_map(|s| s.get(word)).filter(|v| v.is_number());
        let Some(value) = number(text) else { return };
        let low = limit("minimum").filter(|v| v.as_f64().is_some_and(|low| value < low));
        let high = limit("maximum").filter(|v| v.as_f64().is_some_and(|high| value > high));
        if low.is_none() && high.is_none() {
            return;
        }
        let message = match (limit("minimum"), limit("maximum")) {
            (Some(low), Some(high)) => out_of_range(&text, &whole(low), &whole(high)),
            (Some(low), None) => format!("{text} is out of range: it must be at least {}", whole(low)),
            (_, high) => {
                format!("{text} is out of range: it must be at most {}", high.map(whole).unwrap_or_default())
            }
        };
        self.report.at(RANGE, span, message);
    }

    /// Lengths of strings and arrays.
    fn length(&mut self, item: &Item, key: &Span, fitting: &[Parts]) {
        let [parts] = fitting else { return };
        let (words, count, unit) = match &item.node {
            Node::Text(text) => (["minLength", "maxLength"], text.chars().count(), "characters"),
            Node::Array(items) => (["minItems", "maxItems"], items.len(), "entries"),
            _ => return,
        };
        let [low, high] = words.map(|w| parts.iter().find_map(|s| s.get(w)?.as_u64()));
        let message = if count == 0 && low.is_some_and(|low| low > 0) {
            "must not be empty".to_string()
        } else if low.is_some_and(|low| (count as u64) < low) {
            format!("too short: needs at least {} {unit}", low.unwrap_or_default())
        } else if high.is_some_and(|high| count as u64 > high) {
            format!("too long: {count} {unit}, at most {} are allowed", high.unwrap_or_default())
        } else {
            return;
        };
        let span = if item.span.is_empty() { key } else { &item.span };
        self.report.at("length", span, message);
    }

    fn wrong(&mut self, code: &'static str, span: &Span, message: String) {
        self.broken = true;
        self.report.at(code, span, message);
    }
}

/// The kinds of value that a schema allows, each as all the schemas that hold for it.
fn alternatives(schema: &'static Value, depth: usize) -> Vec<Parts> {
    if depth > DEPTH {
        return Vec::new();
    }
    let mut all: Vec<Parts> = vec![vec![schema]];
    let target = schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|r| r.strip_prefix("#/definitions/"))
        .and_then(|name| schemas().definitions.get(name));
    let both = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
    for part in target.into_iter().chain(both) {
        all = cross(&all, &alternatives(part, depth + 1));
    }
    for word in ["anyOf", "oneOf"] {
        if let Some(options) = schema.get(word).and_then(Value::as_array) {
            let options: Vec<Parts> = options.iter().flat_map(|o| alternatives(o, depth + 1)).collect();
            all = cross(&all, &options);
        }
    }
    all
}

fn cross(left: &[Parts], right: &[Parts]) -> Vec<Parts> {
    left.iter().flat_map(|l| right.iter().map(|r| [l.as_slice(), r.as_slice()].concat())).collect()
}

/// JSON's name for the kind of a value.
fn json_kind(node: &Node) -> &'static str {
    match node {
        // A date is written as a string in JSON.
        Node::Text(_) | Node::Datetime(_) => "string",
        Node::Integer(_) => "integer",
        Node::Float(_) => "number",
        Node::Boolean(_) => "boolean",
        Node::Array(_) => "array",
        Node::Table(_) => "object",
    }
}

/// The kinds that a schema names by itself.
fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ if constants(schema).iter().any(|c| c.is_string()) => vec!["string"],
        _ => Vec::new(),
    }
}

fn allows(parts: &Parts, kind: &str) -> bool {
    parts.iter().all(|schema| {
        let types = types(schema);
        types.is_empty() || types.iter().any(|t| *t == kind || (*t == "number" && kind == "integer"))
    })
}

/// What was expected, in a reader's words.
fn expected(all: &[Parts]) -> String {
    let mut words: Vec<&str> = Vec::new();
    for parts in all {
        let date = parts.iter().any(|s| s.get("format").is_some_and(|f| f == "date"));
        for kind in parts.iter().flat_map(|s| types(s)) {
            let word = match kind {
                "string" if date => "a date",
                "string" => "a string",
                "integer" => "an integer",
                "number" => "a number",
                "boolean" => "`true` or `false`",
                "array" => "an array",
                _ => "a table",
            };
            if !words.contains(&word) {
                words.push(word);
            }
        }
    }
    words.join(" or ")
}

/// The values that `const` and `enum` allow.
fn constants(schema: &Value) -> Vec<&Value> {
    schema
        .get("const")
        .into_iter()
        .chain(schema.get("enum").and_then(Value::as_array).into_iter().flatten())
        .collect()
}

fn property(parts: &Parts, name: &str) -> Option<&'static Value> {
    parts.iter().find_map(|s| s.get("properties")?.get(name))
}

/// The key whose constant value tells several kinds of table apart.
fn tag(fitting: &[Parts]) -> Option<&'static str> {
    let first = fitting.first()?;
    let keys =
        first.iter().filter_map(|s| s.get("properties")?.as_object()).flatten().map(|(k, _)| k.as_str());
    let constant = |parts: &Parts, key: &str| property(parts, key).is_some_and(|s| constants(s).len() == 1);
    keys.into_iter().find(|key| fitting.iter().all(|parts| constant(parts, key)))
}

/// A TOML number; `None` for what only its type can judge.
fn number(text: &str) -> Option<f64> {
    let text = text.replace('_', "");
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            return i64::from_str_radix(digits, radix).ok().map(|n| n as f64);
        }
    }
    text.parse().ok()
}

/// `6.0` as `6`.
fn whole(number: &Value) -> String {
    let text = number.to_string();
    text.strip_suffix(".0").unwrap_or(&text).to_string()
}
