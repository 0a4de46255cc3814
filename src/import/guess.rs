//! A section that has no import of its own is taken for what the shipped baseline says, and corrected by what a plan says
//! is there: a change of a key names the value that the key has. What a plan would make is not there. Pure.

use serde_json::Value;

use crate::control::{Diff, path_in};

/// The guess with what is there.
/// `at` is the place of the unit's table in the section.
///
/// # Errors
/// What does not exist, or cannot be said with keys of the section.
pub(crate) fn corrected(guess: &Value, at: &str, diff: &Diff) -> Result<Value, String> {
    if let Some(why) = diff.by_hand.as_ref().or(diff.skipped.as_ref()).or(diff.pending.as_ref()) {
        return Err(why.clone());
    }
    let mut section = guess.clone();
    for change in &diff.changes {
        if !at.is_empty() && change.path.is_empty() {
            return Err(lacking(at, &change.before));
        }
        let path = path_in(at, &change.path);
        let steps = steps(&path);
        if !correct(&mut section, &steps, &change.before) {
            return Err(lacking(&path, &change.before));
        }
    }
    Ok(section)
}

fn lacking(path: &str, before: &Value) -> String {
    if before.is_null() { format!("there is no `{path}`") } else { format!("`{path}` is another one") }
}

/// `protection_plans.s3_data_events`, `[0].targets` -> one step per key or index.
fn steps(path: &str) -> Vec<&str> {
    path.split(['.', '[', ']']).filter(|step| !step.is_empty()).collect()
}

/// Sets the key to what is there. `false`: it is no key with a value.
fn correct(section: &mut Value, steps: &[&str], before: &Value) -> bool {
    let [step, rest @ ..] = steps else { return false };
    if let Value::Array(items) = section {
        let item = step.parse::<usize>().ok().and_then(|index| items.get_mut(index));
        return item.is_some_and(|item| !rest.is_empty() && correct(item, rest, before));
    }
    let Value::Object(members) = section else { return false };
    match members.get_mut(*step) {
        None => false,
        // A whole table of something that is not there.
        Some(member) if member.is_object() && rest.is_empty() && before.is_null() => {
            members.remove(*step).is_some()
        }
        Some(member) if member.is_object() || (member.is_array() && !rest.is_empty()) => {
            correct(member, rest, before)
        }
        // A switch that does more than one thing: what is there is neither on nor off.
        Some(_) if !rest.is_empty() => false,
        Some(member) => match (&*member, before) {
            (Value::Bool(_), Value::Bool(_) | Value::Null) => {
                *member = Value::Bool(before == &Value::Bool(true));
                true
            }
            (have, before) if same_kind(have, before) => {
                *member = before.clone();
                true
            }
            (_, Value::Null) => members.remove(*step).is_some(),
            _ => false,
        },
    }
}

fn same_kind(have: &Value, before: &Value) -> bool {
    matches!(
        (have, before),
        (Value::Number(_), Value::Number(_))
            | (Value::String(_), Value::String(_))
            | (Value::Array(_), Value::Array(_))
    )
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::control::Risk;
    use serde_json::json;

    fn diff(changes: &[(&str, Value)]) -> Diff {
        let mut d = Diff::new();
        for (path, before) in changes {
            d.push(path, before.clone(), json!("wanted"), Risk::Normal);
        }
        d
    }

    #[test]
    fn a_change_says_what_the_key_has() {
        let guess = json!({"on": true, "days": 5, "plan": {"s3": "ALL"}, "gone": "x"});
        let d = diff(&[
            ("on", json!(null)),
            ("days", json!(7)),
            ("plan.s3", json!("NEW")),
            ("gone", json!(null)),
        ]);
        assert_eq!(
            corrected(&guess, "", &d).unwrap(),
            json!({"on": false, "days": 7, "plan": {"s3": "NEW"}})
        );
    }

    #[test]
    fn what_is_no_key_is_not_there() {
        let guess = json!({"on": true, "rules": [{"name": "a", "days": 1}]});
        assert_eq!(
            corrected(&guess, "", &diff(&[("detector", json!(null))])),
            Err("there is no `detector`".into())
        );
        assert!(corrected(&guess, "", &diff(&[("on.more", json!("x"))])).is_err());
        assert!(corrected(&guess, "", &diff(&[("on", json!("x"))])).is_err());
        assert!(corrected(&guess, "rules[0]", &diff(&[("", json!(null))])).is_err());
        let found = corrected(&guess, "rules[0]", &diff(&[("days", json!(2))])).unwrap();
        assert_eq!(found, json!({"on": true, "rules": [{"name": "a", "days": 2}]}));
        assert!(corrected(&guess, "", &Diff { by_hand: Some("x".into()), ..Diff::new() }).is_err());
    }
}
