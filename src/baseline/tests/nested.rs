//! The key walk over schemas with nested and tagged tables.

use std::sync::{Arc, LazyLock};

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::Value;
use toml::de::DeTable;

use super::super::tree::{Entry, Item, Node, table_from_toml};
use super::super::walk::walk;
use crate::diag::{Report, Sources};

#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// What it does.
    action: Action,
    name: String,
    #[serde(default)]
    level: Level,
    #[serde(default)]
    nested: Option<Nested>,
}

#[expect(dead_code, reason = "only its schema is used")]
#[derive(Serialize, JsonSchema)]
#[serde(tag = "kind", deny_unknown_fields, rename_all = "snake_case")]
enum Action {
    Mail { address: String },
    Page { number: u32 },
}

#[expect(dead_code, reason = "only its schema is used")]
#[derive(Serialize, JsonSchema, Default)]
#[serde(rename_all = "snake_case")]
enum Level {
    /// Documented variants become `oneOf` of constants.
    #[default]
    Low,
    /// The other one.
    High,
}

#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nested {
    #[schemars(length(max = 2))]
    list: Vec<Level>,
    ratio: f64,
}

static RULES: LazyLock<Value> = LazyLock::new(|| {
    let mut settings = SchemaSettings::draft07();
    settings.inline_subschemas = true;
    settings.into_generator().into_root_schema_for::<Vec<Rule>>().to_value()
});

fn findings(text: &str, partial: bool) -> String {
    let mut sources = Sources::default();
    let base = sources.add("x.toml".into(), text.into());
    let mut report = Report::new(Arc::new(sources));
    let parsed = DeTable::parse(text).unwrap();
    let mut table = table_from_toml(parsed.get_ref(), base);
    let Entry { key, value } = table.get_mut("rules").unwrap();
    let readable = walk(&mut report, value, key, &RULES, partial);
    let lines: Vec<String> = match report.finish() {
        Ok(()) => Vec::new(),
        Err(e) => e
            .findings
            .iter()
            .map(|f| format!("{}:{} {} {}", f.line, f.column, f.message, f.hint.clone().unwrap_or_default()))
            .collect(),
    };
    format!("readable: {readable}\n{}", lines.join("\n"))
}

#[test]
fn good_rules_have_no_findings() {
    let text = r#"
[[rules]]
name = "a"
action = { kind = "mail", address = "x" }
level = "high"
nested = { list = ["low"], ratio = 1 }
"#;
    assert_eq!(findings(text, false), "readable: true\n");
}

#[test]
fn every_level_is_searched() {
    let text = r#"
[[rules]]
nam = "a"
action = { kind = "mail", adress = "x" }
level = "hihg"
[[rules]]
name = "b"
action = { kind = "fax" }
nested = { list = ["low", "loww", "x"], ratio = "1" }
[[rules]]
name = "c"
action = { number = 3 }
"#;
    insta::assert_snapshot!(findings(text, false), @r#"
    readable: false
    2:1 missing key `name` 
    3:1 unknown key `nam` did you mean `name`?
    4:1 missing key `address` 
    4:27 unknown key `adress` did you mean `address`?
    5:9 unknown value `hihg` did you mean `high`?
    8:19 unknown value `fax` the values are: `mail`, `page`
    9:19 too long: 3 entries, at most 2 are allowed 
    9:27 unknown value `loww` did you mean `low`?
    9:35 unknown value `x` the values are: `low`, `high`
    9:49 expected a number, found a string 
    12:1 missing key `kind`
    "#);
}

#[test]
fn a_part_needs_no_keys() {
    assert_eq!(
        findings("[[rules]]\nname = \"a\"\n[[rules]]\naction = { number = 3 }\n", true),
        "readable: true\n"
    );
}

#[test]
fn paths_find_keys_items_and_ancestors() {
    let text = "[s]\n\"a.b\" = 1\n\"/x/y\" = { z = [ { k = 1 }, { k = 2 } ] }\n";
    let parsed = DeTable::parse(text).unwrap();
    let table = table_from_toml(parsed.get_ref(), 0);
    let root = Item { span: 0..0, node: Node::Table(table) };
    let at = |path: &str| root.find(path).map(|f| text.get(f.shown()).unwrap().to_string());
    assert_eq!(at("s.a.b").as_deref(), Some("1"));
    assert_eq!(at("s.\"a.b\"").as_deref(), Some("1"));
    assert_eq!(at("s./x/y.z[1].k").as_deref(), Some("2"));
    assert_eq!(at("s./x/y.z[7]").as_deref(), Some("z"), "the nearest ancestor's key");
    assert_eq!(at("s.nothing").as_deref(), Some("s"));
    assert!(at("t").is_none());
}
