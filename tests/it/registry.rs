//! What every registered section must say about itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use orgbase::baseline::Baseline;
use orgbase::control::{DynControl, DynSection, Scope};
use orgbase::controls::SECTIONS;
use orgbase::emit::{coverage, schema};
use orgbase::sandbox::models;
use serde_json::Value;

/// A write begins with none of these. `AssumeRoot` opens a session and changes nothing.
const READING: &[&str] =
    &["Get", "List", "Describe", "Head", "Search", "Lookup", "Select", "BatchGet", "Check", "AssumeRoot"];

fn controls() -> Vec<(String, &'static dyn DynSection, Box<dyn DynControl>)> {
    let named = |section: &'static dyn DynSection| {
        section.controls().into_iter().map(move |control| {
            let name = match control.meta().part {
                "" => section.meta().id.to_string(),
                part => format!("{}.{part}", section.meta().id),
            };
            (name, section, control)
        })
    };
    SECTIONS.iter().copied().flat_map(named).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn ids_are_file_names_and_unique() {
    let mut seen = BTreeSet::new();
    for section in SECTIONS {
        let id = section.meta().id;
        assert!(seen.insert(id), "two sections are named {id}");
        assert!(root().join(format!("src/controls/{id}.rs")).is_file(), "no src/controls/{id}.rs");
    }
    let files = std::fs::read_dir(root().join("src/controls")).unwrap();
    for file in files.map(|f| f.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "rs")) {
        let stem = file.file_stem().unwrap().to_str().unwrap();
        assert!(seen.contains(stem), "src/controls/{stem}.rs is no registered section");
    }
    let mut parts = BTreeSet::new();
    for (name, ..) in controls() {
        assert!(parts.insert(name.clone()), "two controls are named {name}");
    }
}

#[test]
fn texts_are_there() {
    for section in SECTIONS {
        let meta = section.meta();
        assert!(meta.title.len() > 3 && !meta.title.ends_with('.'), "{}: title", meta.id);
        assert!(meta.summary.len() > 40 && meta.summary.ends_with('.'), "{}: summary", meta.id);
        assert!(!section.controls().is_empty(), "{} has no parts", meta.id);
        assert!(meta.billed.is_none_or(|b| !b.is_empty()), "{}: billed", meta.id);
    }
}

#[test]
fn references_are_well_formed() {
    for section in SECTIONS {
        let id = section.meta().id;
        for reference in section.meta().references {
            assert!(coverage::exists(reference), "{id}: there is no {reference:?}");
            let number =
                |text: &str| text.split('.').all(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit()));
            match reference.framework {
                "cis" => {
                    assert!(number(reference.version), "{id}: CIS version {}", reference.version);
                    assert!(
                        number(reference.id) && reference.id.contains('.'),
                        "{id}: CIS rule {}",
                        reference.id
                    );
                }
                "requirement" => {
                    let (list, row) = reference.id.split_once('-').unwrap_or_default();
                    let letters = list.len() == 3 && list.chars().all(|c| c.is_ascii_uppercase());
                    assert!(letters && row.len() == 3 && number(row), "{id}: requirement {}", reference.id);
                    assert_eq!(reference.version, "", "{id}: {}", reference.id);
                }
                other => panic!("{id}: framework {other}"),
            }
        }
    }
}

#[test]
fn every_key_is_documented() {
    let schema = schema::schema();
    let mut bare = Vec::new();
    let own = |name: &str| !name.ends_with("Partial");
    let tables = schema["definitions"].as_object().unwrap().iter().filter(|(name, _)| own(name));
    tables.for_each(|(name, table)| undocumented(name, table, &schema, &mut bare));
    for section in SECTIONS {
        let id = section.meta().id;
        undocumented(id, &schema["properties"][id], &schema, &mut bare);
    }
    assert_eq!(bare, Vec::<String>::new(), "keys without a doc comment");
}

/// Keys without a description, neither of their own nor of the type that they refer to.
fn undocumented(path: &str, value: &Value, schema: &Value, bare: &mut Vec<String>) {
    for (key, property) in value.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let at = format!("{path}.{key}");
        if !is_described(property, schema) {
            bare.push(at.clone());
        }
        undocumented(&at, property, schema, bare);
    }
    for inner in ["items", "additionalProperties"].iter().filter_map(|key| value.get(*key)) {
        undocumented(path, inner, schema, bare);
    }
    for list in ["oneOf", "anyOf", "allOf"].iter().filter_map(|key| value.get(*key)?.as_array()) {
        for inner in list {
            undocumented(path, inner, schema, bare);
        }
    }
}

fn is_described(property: &Value, schema: &Value) -> bool {
    let target =
        property.get("$ref").and_then(Value::as_str).and_then(|r| schema.pointer(r.trim_start_matches('#')));
    [Some(property), target].into_iter().flatten().any(|v| v.get("description").is_some())
}

#[test]
fn declared_operations_exist() {
    let mut missing = BTreeSet::new();
    for (name, _, control) in controls() {
        let meta = control.meta();
        let surveys = meta.survey.map(|s| s.reads).unwrap_or_default();
        for operation in meta.reads.iter().chain(meta.writes).chain(surveys) {
            let (service, action) = operation.split_once(':').unwrap_or_default();
            let known = models::api(service).is_some_and(|api| api.operations.contains_key(action));
            if !known {
                missing.insert(format!("{operation} ({name})"));
            }
        }
    }
    // `src/sandbox/models/pack.py service:Operation` adds one.
    assert_eq!(missing, BTreeSet::new(), "no such operation in the API models");
}

/// Every line of `extra.txt` was packed.
#[test]
fn extra_operations_are_in_the_models() {
    let text = std::fs::read_to_string(root().join("src/sandbox/models/extra.txt")).unwrap();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (service, name) = line.split_once(':').unwrap_or_default();
        let known = models::api(service).is_some_and(|api| match name.strip_prefix('=') {
            Some(shape) => api.has_shape(shape),
            None => api.operations.contains_key(name),
        });
        assert!(known, "{line} is not packed: run src/sandbox/models/pack.py");
    }
}

#[test]
fn reads_only_read() {
    for (name, _, control) in controls() {
        let meta = control.meta();
        for operation in meta.reads {
            let action = operation.split_once(':').unwrap_or_default().1;
            assert!(READING.iter().any(|verb| action.starts_with(verb)), "{name} reads by {operation}");
            assert!(!meta.writes.contains(operation), "{name}: {operation} is a read and a write");
        }
        let declared = |op: &&str| meta.reads.contains(op) || meta.writes.contains(op);
        assert!(meta.in_root_sessions.iter().all(declared), "{name}: in_root_sessions are among the others");
        let surveys = meta.survey.map(|s| s.reads).unwrap_or_default();
        for operation in surveys {
            let action = operation.split_once(':').unwrap_or_default().1;
            assert!(READING.iter().any(|verb| action.starts_with(verb)), "{name} asks by {operation}");
        }
        for list in [meta.reads, meta.writes, surveys] {
            let unique: BTreeSet<_> = list.iter().collect();
            assert_eq!(unique.len(), list.len(), "{name} declares an operation twice");
        }
    }
}

/// Names in `after` exist and have no cycle; controls that deny come last.
#[test]
fn the_order_is_sound() {
    let controls = controls();
    let mut edges: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, _, control) in &controls {
        for after in control.meta().after {
            let bare = after.split([':', '@']).next().unwrap_or_default();
            let upstream: Vec<&(String, _, _)> =
                controls.iter().filter(|(n, s, _)| n == bare || s.meta().id == bare).collect();
            assert!(!upstream.is_empty(), "{name} waits for `{after}`, which does not exist");
            for (other, _, upstream) in upstream.into_iter().filter(|(other, ..)| other != name) {
                assert!(
                    !upstream.meta().denies || control.meta().denies,
                    "{name} waits for {other}, which runs last"
                );
                edges.entry(name).or_default().push(other);
            }
        }
    }
    for (name, ..) in &controls {
        assert!(!reaches(name, name, &edges, &mut BTreeSet::new()), "{name} waits for itself");
    }
}

fn reaches<'a>(
    from: &'a str,
    to: &str,
    edges: &BTreeMap<&'a str, Vec<&'a str>>,
    seen: &mut BTreeSet<&'a str>,
) -> bool {
    edges
        .get(from)
        .into_iter()
        .flatten()
        .any(|next| *next == to || (seen.insert(next) && reaches(next, to, edges, seen)))
}

/// A member's control that waited for another account's would hold up all of them.
#[test]
fn parts_of_one_section_agree_on_the_seat_of_their_scope() {
    use orgbase::control::Seat;
    for (name, _, control) in controls() {
        let meta = control.meta();
        let per_account = matches!(meta.scope, Scope::Account | Scope::AccountRegion);
        assert_eq!(
            per_account,
            meta.seat == Seat::Member,
            "{name}: {:?} made by {:?}",
            meta.scope,
            meta.seat
        );
    }
}

#[test]
fn every_section_is_in_a_shipped_baseline() {
    let shipped: Vec<Baseline> =
        crate::baselines::files().iter().map(|p| Baseline::load(p).unwrap()).collect();
    // The first version of `baselines/` had no file with every control; `full.toml` is that file.
    let is_shipped = |id: &str| shipped.iter().any(|baseline| baseline.declares(id));
    let missing: Vec<&str> = SECTIONS.iter().map(|s| s.meta().id).filter(|id| !is_shipped(id)).collect();
    assert_eq!(missing, Vec::<&str>::new(), "in no file of baselines/");
}

#[test]
fn every_section_has_a_snippet() {
    for snippet in crate::support::snippets::all() {
        let baseline = Baseline::parse("snippet.toml", &snippet.baseline);
        let baseline = baseline.unwrap_or_else(|e| panic!("{}: {}", snippet.id, e.render(false)));
        assert!(baseline.declares(snippet.id), "{}.toml does not declare it", snippet.id);
    }
}

#[test]
fn keys_that_may_be_overridden_exist() {
    let schema = schema::schema();
    for section in SECTIONS {
        let id = section.meta().id;
        for key in section.overridable(None).map(|may| may.keys).unwrap_or_default() {
            let text = serde_json::to_string(&schema["properties"][id]).unwrap();
            let named = text
                .rsplit("#/definitions/")
                .next()
                .and_then(|rest| rest.split('"').next())
                .unwrap_or_default();
            let keys = [&schema["properties"][id]["properties"], &schema["definitions"][named]["properties"]];
            assert!(keys.iter().any(|keys| keys.get(key).is_some()), "{id} has no key {key}");
        }
    }
}

/// `[[removed]]` and `[[moved]]` do nothing where the code does not read them.
#[test]
fn sections_take_away_what_they_say() {
    for section in SECTIONS {
        let id = section.meta().id;
        let code = std::fs::read_to_string(root().join(format!("src/controls/{id}.rs"))).unwrap();
        let folder = root().join(format!("src/controls/{id}"));
        let parts = std::fs::read_dir(folder).into_iter().flatten().map(|f| f.unwrap().path());
        let parts = parts.filter(|p| p.is_file()).map(|p| std::fs::read_to_string(p).unwrap());
        let code: String = std::iter::once(code).chain(parts).collect();
        let reads = |list: &str| code.contains(&format!("baseline.{list}.iter()"));
        assert_eq!(section.takes_removed(), reads("removed"), "{id}");
        assert_eq!(section.takes_moved(), reads("moved"), "{id}");
    }
}
