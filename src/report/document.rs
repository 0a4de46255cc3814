//! Documents in a change (policies, above all), line by line instead of as one escaped string.

use std::fmt::Write as _;

use serde_json::Value;

use super::text::safe;
use crate::control::Change;

/// Shorter values stay on one line.
const SHORT: usize = 160;
/// Most lines that people are shown of one document; the JSON holds all of it.
const MOST: usize = 60;
/// What fits into this many characters stays on one line: a statement of a policy, mostly.
const WIDTH: usize = 110;
/// Unchanged lines around a changed one.
const AROUND: usize = 1;

/// A line and what happens to it: `+`, `-` or a space.
pub(super) type Line = (char, String);

/// The lines of a change of a long document; `None` where one line says it as well.
pub(super) fn lines(change: &Change) -> Option<Vec<Line>> {
    let (before, after) = (document(&change.before), document(&change.after));
    if before.is_none() && after.is_none() {
        return None;
    }
    let split = |text: Option<String>| text.map(|t| t.lines().map(safe).collect()).unwrap_or_default();
    let (old, new): (Vec<String>, Vec<String>) = (split(before), split(after));
    let mut shown = around_changes(difference(&old, &new));
    let total = shown.len();
    if total > MOST {
        shown.truncate(MOST);
        shown.push((' ', format!("... {} more lines", total - MOST)));
    }
    Some(shown)
}

/// The pretty form of a long document; `None` for everything else.
fn document(value: &Value) -> Option<String> {
    let parsed = match value {
        Value::String(text) if text.starts_with(['{', '[']) => serde_json::from_str(text).ok()?,
        Value::Object(_) | Value::Array(_) => value.clone(),
        _ => return None,
    };
    let long = parsed.to_string().len() > SHORT;
    long.then(|| {
        let mut text = String::new();
        write_dense(&mut text, &parsed, 0);
        text
    })
}

/// Pretty JSON in which each value that fits stays on its line.
fn write_dense(out: &mut String, value: &Value, indent: usize) {
    let line = value.to_string();
    let (open, close, entries): (char, char, Vec<(String, &Value)>) = match value {
        _ if indent > 0 && indent + line.len() <= WIDTH => return out.push_str(&line),
        Value::Object(map) => {
            ('{', '}', map.iter().map(|(k, v)| (format!("{}: ", Value::from(k.as_str())), v)).collect())
        }
        Value::Array(list) => ('[', ']', list.iter().map(|v| (String::new(), v)).collect()),
        _ => return out.push_str(&line),
    };
    out.push(open);
    for (n, (key, value)) in entries.iter().enumerate() {
        let _ = write!(out, "{}\n{:2$}{key}", if n > 0 { "," } else { "" }, "", indent + 2);
        write_dense(out, value, indent + 2);
    }
    let _ = write!(out, "\n{:1$}{close}", "", indent);
}

/// The longest common lines stay; the others go or come.
fn difference(old: &[String], new: &[String]) -> Vec<Line> {
    let width = new.len() + 1;
    let mut common = vec![0_usize; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i * width + j] = if old[i] == new[j] {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push((' ', old[i].clone()));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len()
            || (i < old.len() && common[(i + 1) * width + j] >= common[i * width + j + 1])
        {
            lines.push(('-', old[i].clone()));
            i += 1;
        } else {
            lines.push(('+', new[j].clone()));
            j += 1;
        }
    }
    lines
}

/// Leaves out what is far from any change.
fn around_changes(lines: Vec<Line>) -> Vec<Line> {
    let changed: Vec<usize> = lines.iter().enumerate().filter(|(_, l)| l.0 != ' ').map(|(i, _)| i).collect();
    let near = |i: usize| {
        let at = changed.partition_point(|c| c + AROUND < i);
        changed.get(at).is_some_and(|c| c.abs_diff(i) <= AROUND)
    };
    let mut shown: Vec<Line> = Vec::new();
    let mut skipped = false;
    for (i, line) in lines.into_iter().enumerate() {
        if near(i) {
            if std::mem::take(&mut skipped) {
                shown.push((' ', "...".into()));
            }
            shown.push(line);
        } else {
            skipped = true;
        }
    }
    if skipped && !shown.is_empty() {
        shown.push((' ', "...".into()));
    }
    shown
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use serde_json::json;

    use super::*;
    use crate::control::Diff;

    fn of(before: Value, after: Value) -> Option<Vec<Line>> {
        let mut d = Diff::new();
        d.push("content", before, after, crate::control::Risk::Normal);
        lines(&d.changes[0])
    }

    fn policy(action: &str) -> Value {
        let statements: Vec<Value> = ["A", "B", "C"]
            .iter()
            .map(|sid| json!({"Sid": sid, "Effect": "Deny", "Action": if *sid == "B" { action } else { "s3:*" }, "Resource": "*"}))
            .collect();
        Value::String(json!({"Version": "2012-10-17", "Statement": statements}).to_string())
    }

    #[test]
    fn of_a_changed_policy_the_changed_lines_are_shown() {
        let lines = of(policy("iam:*"), policy("ec2:*")).unwrap();
        let text: Vec<String> = lines.iter().map(|(sign, line)| format!("{sign}{}", line.trim())).collect();
        assert_eq!(
            text,
            [
                " ...",
                r#" {"Sid":"A","Effect":"Deny","Action":"s3:*","Resource":"*"},"#,
                r#"-{"Sid":"B","Effect":"Deny","Action":"iam:*","Resource":"*"},"#,
                r#"+{"Sid":"B","Effect":"Deny","Action":"ec2:*","Resource":"*"},"#,
                r#" {"Sid":"C","Effect":"Deny","Action":"s3:*","Resource":"*"}"#,
                " ..."
            ]
        );
    }

    #[test]
    fn a_new_document_is_shown_up_to_a_length() {
        let statements: Vec<Value> =
            (0..80).map(|n| json!({"Sid": n.to_string(), "Effect": "Deny"})).collect();
        let lines = of(Value::Null, json!({ "Statement": statements })).unwrap();
        assert_eq!(lines.len(), MOST + 1);
        assert!(lines[MOST].1.starts_with("... ") && lines[0].0 == '+');
    }

    #[test]
    fn short_values_and_texts_stay_on_one_line() {
        assert_eq!(of(json!({"a": 1}), json!({"a": 2})), None);
        assert_eq!(of(json!("x".repeat(300)), json!("{not json")), None);
    }
}
