//! JSON schemas of all tables of a baseline: what the key walk, the editors' schema and the reference are made of.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use schemars::generate::SchemaSettings;
use schemars::transform::transform_subschemas;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::model::{Accounts, Exception, Moved, Organization, Ous, Removed, Ring, Select, Vend};
use crate::controls::SECTIONS;

/// Core tables in the order in which documents list them.
pub(crate) const CORE: [&str; 10] = [
    "version",
    "organization",
    "ous",
    "accounts",
    "vend",
    "rings",
    "overrides",
    "exceptions",
    "removed",
    "moved",
];

/// Schemas of every table and of the types that they share.
pub(crate) struct Schemas {
    /// By top-level key. That of `overrides` knows `select` alone.
    pub(crate) tables: BTreeMap<&'static str, Value>,
    /// Shared types by name: the targets of `#/definitions/...`.
    pub(crate) definitions: Map<String, Value>,
}

/// The schemas, made once.
pub(crate) fn schemas() -> &'static Schemas {
    static SCHEMAS: OnceLock<Schemas> = OnceLock::new();
    SCHEMAS.get_or_init(make)
}

fn make() -> Schemas {
    let mut generator = SchemaSettings::draft07().into_generator();
    let mut tables = BTreeMap::new();
    for section in SECTIONS {
        tables.insert(section.meta().id, plain(section.schema(&mut generator)));
    }
    // After the sections: a core table wins where a section of the same name is registered.
    let version = json!({ "type": "integer", "enum": [1], "description": "Version of the file format." });
    let select = of::<Select>(&mut generator);
    let select = json!({ "type": "object", "properties": { "select": select }, "required": ["select"],
        "description": "Other values of sections for some accounts. Later ones win; a section may appear here alone." });
    tables.insert("version", version);
    tables.insert("organization", of::<Organization>(&mut generator));
    tables.insert("ous", of::<Ous>(&mut generator));
    tables.insert("accounts", of::<Accounts>(&mut generator));
    tables.insert("overrides", json!({ "type": "array", "items": select }));
    tables.insert("exceptions", of::<Vec<Exception>>(&mut generator));
    tables.insert("removed", of::<Vec<Removed>>(&mut generator));
    tables.insert("moved", of::<Vec<Moved>>(&mut generator));
    tables.insert("vend", of::<Vend>(&mut generator));
    tables.insert("rings", of::<Vec<Ring>>(&mut generator));
    let definitions = generator.take_definitions(true);
    let definitions = definitions.into_iter().map(|(name, value)| (name, strip(value))).collect();
    Schemas { tables, definitions }
}

fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    plain(generator.subschema_for::<T>())
}

fn plain(schema: Schema) -> Value {
    strip(schema.to_value())
}

/// TOML has no null: an optional key is one that may be left out.
fn strip(value: Value) -> Value {
    let Ok(mut schema) = Schema::try_from(value) else { return Value::Bool(true) };
    strip_null(&mut schema);
    schema.to_value()
}

/// A default without keys that are left out; `None` where nothing remains.
fn without_null(default: Value) -> Option<Value> {
    match default {
        Value::Null => None,
        Value::Object(members) if !members.is_empty() => {
            let kept: Map<String, Value> =
                members.into_iter().filter_map(|(key, value)| Some((key, without_null(value)?))).collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        other => Some(other),
    }
}

fn strip_null(schema: &mut Schema) {
    if let Some(map) = schema.as_object_mut() {
        if let Some(Value::Array(types)) = map.get_mut("type") {
            types.retain(|t| t != "null");
            if let [only] = types.as_slice() {
                let only = only.clone();
                map.insert("type".into(), only);
            }
        }
        match map.get("default").cloned().map(without_null) {
            Some(Some(default)) => drop(map.insert("default".into(), default)),
            Some(None) => drop(map.remove("default")),
            None => {}
        }
        for word in ["anyOf", "oneOf"] {
            if let Some(Value::Array(options)) = map.get_mut(word) {
                options.retain(|o| o.get("type").is_none_or(|t| t != "null"));
            }
        }
        if let Some(Value::Array(values)) = map.get_mut("enum") {
            values.retain(|v| !v.is_null());
        }
    }
    transform_subschemas(&mut strip_null, schema);
}
