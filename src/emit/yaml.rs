//! YAML of JSON values: block style, every text in double quotes. What YAML might take for something else is never bare.

use std::fmt::Write as _;

use serde_json::Value;

/// A document that ends with a line break.
pub(crate) fn render(value: &Value) -> String {
    let mut out = String::new();
    block(value, 0, &mut out);
    out
}

fn block(value: &Value, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, member) in members {
                let _ = write!(out, "{indent}{}:", bare(key));
                member_of(member, depth, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                let _ = write!(out, "{indent}-");
                member_of(item, depth, out);
            }
        }
        scalar => {
            let _ = writeln!(out, "{indent}{scalar}");
        }
    }
}

/// What follows `key:` or `-`.
fn member_of(value: &Value, depth: usize, out: &mut String) {
    let is_block = match value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if is_block {
        out.push('\n');
        block(value, depth + 1, out);
    } else {
        // JSON is YAML: a text in JSON's quotes means the same.
        let _ = writeln!(out, " {value}");
    }
}

/// A key without quotes where that is safe.
fn bare(key: &str) -> String {
    let plain = key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
            .contains(&key.to_ascii_lowercase().as_str());
    if plain { key.to_string() } else { Value::from(key).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn blocks_lists_and_scalars() {
        let value = json!({"A": {"b": [1, {"c": "x: y"}], "e": []}, "on": true, "aws:x": null});
        let text = "A:\n  b:\n    - 1\n    -\n      c: \"x: y\"\n  e: []\n\"on\": true\n\"aws:x\": null\n";
        assert_eq!(render(&value), text);
    }
}
