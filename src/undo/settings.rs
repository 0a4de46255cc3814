//! Paths inside a section's JSON. Pure.

use serde_json::{Map, Value};

/// One step of a path: `a`, `[0]`.
#[derive(Debug, PartialEq)]
enum Step {
    Key(String),
    Index(usize),
}

/// `[0].targets` -> index, key.
fn steps(path: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some((number, after)) = rest.strip_prefix('[').and_then(|r| r.split_once(']'))
            && let Ok(index) = number.parse()
        {
            steps.push(Step::Index(index));
            rest = after.strip_prefix('.').unwrap_or(after);
            continue;
        }
        let end = rest.find(['.', '[']).filter(|end| *end > 0).unwrap_or(rest.len());
        let (key, after) = rest.split_at(end);
        steps.push(Step::Key(key.to_owned()));
        rest = after.strip_prefix('.').unwrap_or(after);
    }
    steps
}

/// Puts a value at a path; null takes the key away. Keys that are not there yet are made, list entries are not. `false`: the
/// path leads nowhere.
pub(super) fn put(section: &mut Value, path: &str, value: &Value) -> bool {
    let steps = steps(path);
    let Some((last, way)) = steps.split_last() else { return false };
    let mut place = section;
    for step in way {
        let next = match step {
            Step::Key(key) => {
                if place.is_null() {
                    *place = Value::Object(Map::new());
                }
                place.as_object_mut().map(|map| map.entry(key.clone()).or_insert(Value::Null))
            }
            Step::Index(index) => place.get_mut(*index),
        };
        let Some(next) = next else { return false };
        place = next;
    }
    match last {
        Step::Key(key) => {
            if place.is_null() {
                *place = Value::Object(Map::new());
            }
            let Some(map) = place.as_object_mut() else { return false };
            if value.is_null() {
                map.shift_remove(key);
            } else {
                map.insert(key.clone(), value.clone());
            }
        }
        Step::Index(index) => match place.get_mut(*index) {
            Some(slot) => *slot = value.clone(),
            None => return false,
        },
    }
    true
}

/// Takes a table or a list entry out of a section; with an empty path, all of it.
pub(super) fn without(section: &Value, path: &str) -> Value {
    let mut section = section.clone();
    let steps = steps(path);
    let Some((last, way)) = steps.split_last() else {
        return if section.is_array() { Value::Array(Vec::new()) } else { Value::Object(Map::new()) };
    };
    let mut place = Some(&mut section);
    for step in way {
        place = place.and_then(|place| match step {
            Step::Key(key) => place.get_mut(key),
            Step::Index(index) => place.get_mut(*index),
        });
    }
    match (last, place) {
        (Step::Key(key), Some(Value::Object(map))) => {
            map.shift_remove(key);
        }
        (Step::Index(index), Some(Value::Array(list))) if *index < list.len() => {
            list.remove(*index);
        }
        _ => {}
    }
    section
}

/// The first key of a path: the name of the table that it is in.
pub(super) fn root(path: &str) -> Option<String> {
    steps(path).into_iter().find_map(|step| if let Step::Key(key) = step { Some(key) } else { None })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_put_where_the_path_leads() {
        let mut section = json!({"a": {"b": 1}, "list": [{"c": 1}]});
        assert!(put(&mut section, "a.b", &json!(2)));
        assert!(put(&mut section, "list[0].c", &json!("x")));
        assert!(put(&mut section, "new.key", &json!(true)));
        assert!(!put(&mut section, "list[3].c", &json!(1)));
        assert!(!put(&mut section, "a.b.c", &json!(1)), "a number has no keys");
        assert_eq!(section, json!({"a": {"b": 2}, "list": [{"c": "x"}], "new": {"key": true}}));
        assert!(put(&mut section, "a.b", &Value::Null));
        assert_eq!(section["a"], json!({}));
    }

    #[test]
    fn tables_and_entries_are_taken_out() {
        assert_eq!(without(&json!([{"n": 1}, {"n": 2}]), "[0]"), json!([{"n": 2}]));
        assert_eq!(without(&json!({"a": 1, "b": 2}), "a"), json!({"b": 2}));
        assert_eq!(without(&json!({"a": 1}), ""), json!({}));
        assert_eq!(without(&json!({"a": {"x": [1]}}), "a.x[0]"), json!({"a": {"x": []}}));
    }

    #[test]
    fn paths_have_a_root() {
        assert_eq!(root("security.name").as_deref(), Some("security"));
        assert_eq!(root("[0]"), None);
    }
}
