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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::baseline::Baseline;

    /// TOML as JSON, dates as strings.
    fn json_of(value: toml::Value) -> Value {
        match value {
            toml::Value::Datetime(date) => Value::String(date.to_string()),
            toml::Value::Array(items) => items.into_iter().map(json_of).collect(),
            toml::Value::Table(table) => {
                Value::Object(table.into_iter().map(|(k, v)| (k, json_of(v))).collect())
            }
            other => serde_json::to_value(other).unwrap(),
        }
    }

    const GOOD: &str = r#"
version = 1
[organization]
id = "o-a1b2c3d4e5"
home_region = "eu-west-1"
regions = ["eu-west-1"]
[ous]
"/Security" = { tags = { team = "sec" } }
[accounts.log-archive]
name = "Log Archive"
email = "aws+log@example.com"
ou = "/Security"
[password_policy]
max_age_days = 90
[[overrides]]
select = { ou = "/Security" }
password_policy.max_age_days = 0
[[exceptions]]
control = "password_policy"
accounts = ["log-archive"]
reason = "until the move"
expires = 2027-06-30
"#;

    /// Changes of the good file that both the schema and the loader refuse.
    const BAD: [(&str, &str); 9] = [
        ("version = 1", "version = 2"),
        ("home_region = \"eu-west-1\"", ""),
        ("regions = [\"eu-west-1\"]", "regions = \"all\""),
        ("regions = [\"eu-west-1\"]", "regions = []"),
        ("o-a1b2c3d4e5", "o-1"),
        ("[password_policy]", "[pasword_policy]"),
        ("[password_policy]\nmax_age_days = 90", "[password_policy]\nmax_age_days = 2000"),
        ("password_policy.max_age_days = 0", "password_policy.max_age = 0"),
        ("accounts = [\"log-archive\"]", "accounts = \"log-archive\""),
    ];

    #[test]
    fn schema_and_loader_agree() {
        let validator = jsonschema::draft7::new(&schema()).unwrap();
        let by_schema = |text: &str| validator.is_valid(&json_of(toml::from_str(text).unwrap()));
        assert!(by_schema(GOOD));
        Baseline::parse("good.toml", GOOD).unwrap();
        for (from, to) in BAD {
            assert!(GOOD.contains(from), "{from}");
            let text = GOOD.replacen(from, to, 1);
            assert!(!by_schema(&text), "the schema takes {to}");
            assert!(Baseline::parse("bad.toml", &text).is_err(), "the loader takes {to}");
        }
    }

    #[test]
    fn units_and_texts_reach_the_editor() {
        let schema = schema();
        let key = &schema["definitions"]["PasswordPolicy"]["properties"]["max_age_days"];
        assert_eq!(key["x-unit"], "days");
        assert!(key["description"].as_str().unwrap().starts_with("Passwords expire"));
        assert!(jsonschema::draft7::meta::validate(&schema).is_ok());
    }

    #[test]
    fn no_null_is_left() {
        let text = schema().to_string();
        assert!(!text.contains("\"null\""), "a type null");
        assert!(!text.contains(":null"), "a value null");
    }
}
