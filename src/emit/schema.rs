//! The JSON schema of a baseline, for editors (draft 7, which taplo and the Even Better TOML extension read).

use serde_json::{Map, Value, json};

use crate::baseline::schema::{CORE, schemas};
use crate::controls::SECTIONS;

/// The schema of a whole file.
///
/// No table is required at the top: a folder spreads them over several files.
pub fn schema() -> Value {
    let mut properties = Map::new();
    let sections = SECTIONS.iter().map(|s| s.meta().id).filter(|id| !CORE.contains(id));
    for name in CORE.into_iter().chain(sections.clone()) {
        if let Some(table) = schemas().tables.get(name) {
            properties.insert(name.to_string(), table.clone());
        }
    }
    let mut definitions = schemas().definitions.clone();
    properties.insert("overrides".into(), overrides(sections, &mut definitions));
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "orgbase baseline",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "definitions": definitions,
    })
}

/// `[[overrides]]`: every section with every key optional.
fn overrides(sections: impl Iterator<Item = &'static str>, definitions: &mut Map<String, Value>) -> Value {
    let mut table = schemas().tables.get("overrides").cloned().unwrap_or_default();
    let whole = definitions.clone();
    for (name, definition) in whole {
        definitions.insert(partial_name(&name), partial(&definition));
    }
    if let Some(item) = table.get_mut("items").and_then(Value::as_object_mut) {
        item.insert("additionalProperties".into(), Value::Bool(false));
        if let Some(properties) = item.get_mut("properties").and_then(Value::as_object_mut) {
            for name in sections {
                let section = schemas().tables.get(name).map(partial).unwrap_or_default();
                properties.insert(name.into(), section);
            }
        }
    }
    table
}

fn partial_name(name: &str) -> String {
    format!("{name}Partial")
}

/// A schema without required keys, at every depth.
fn partial(schema: &Value) -> Value {
    match schema {
        Value::Object(map) => {
            let keep = map.iter().filter(|(key, value)| !(*key == "required" && value.is_array()));
            Value::Object(keep.map(|(key, value)| (key.clone(), partial_member(key, value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(partial).collect()),
        other => other.clone(),
    }
}

fn partial_member(key: &str, value: &Value) -> Value {
    match (key, value) {
        ("$ref", Value::String(target)) => Value::String(partial_name(target)),
        ("default", value) => value.clone(),
        (_, value) => partial(value),
    }
}
