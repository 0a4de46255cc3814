//! Describe operations: ids, filters, pages.
//!
//! EC2 user guide, "List and filter using the CLI and API": values of one filter are alternatives, filters hold
//! together, `*` and `?` are wildcards, `\` takes their meaning away, letter case counts.

use serde_json::{Value, json};

use super::lists::{LISTS, List};
use super::{network, strings};
use crate::sandbox::world::{Call, Fault, Reply, World};

/// A filter's name, and the path of the members that it looks at; lists on the way count with all entries.
pub(super) type FilterRow = (&'static str, &'static str);

/// Runs a Describe operation that a table describes.
pub(super) fn list(world: &mut World, call: &Call) -> Reply {
    let Some(list) = LISTS.iter().find(|list| list.operation == call.operation) else {
        return Ok(json!({}));
    };
    let items = items(world, call, list)?;
    if list.paged { paged(world, call, &items, list.output) } else { Ok(json!({ list.output: items })) }
}

/// What a call asks for: its ids and filters hold.
pub(super) fn items(world: &World, call: &Call, list: &List) -> Result<Vec<Value>, Fault> {
    let mut items = match list.prefix {
        "" => Vec::new(),
        prefix => network::all(world, call, prefix),
    };
    let ids = strings(call.input.get(list.ids));
    if !ids.is_empty() {
        items = chosen(list, &ids, items)?;
    }
    filtered(call, list.filter_member, list.filters, items)
}

/// The items with these ids.
///
/// # Errors
/// The list's code where one does not exist.
fn chosen(list: &List, ids: &[String], items: Vec<Value>) -> Result<Vec<Value>, Fault> {
    let known = |id: &&String| !items.iter().any(|item| item[list.id] == id.as_str());
    if let Some(missing) = ids.iter().find(known) {
        return Err(list.missing(missing));
    }
    Ok(items.into_iter().filter(|item| ids.iter().any(|id| item[list.id] == id.as_str())).collect())
}

impl List {
    /// The refusal of an id that does not exist.
    pub(super) fn missing(&self, id: &str) -> Fault {
        Fault::new(self.missing_code, format!("The {} '{id}' does not exist", self.noun)).status(400)
    }
}

/// The refusal of an id, by its prefix.
pub(super) fn missing(id: &str) -> Fault {
    let prefix = LISTS.iter().find(|list| !list.prefix.is_empty() && id.starts_with(list.prefix));
    prefix.map_or_else(
        || Fault::new("InvalidID", format!("The ID '{id}' is not valid")).status(400),
        |list| list.missing(id),
    )
}

/// One page under `member`.
pub(super) fn paged(world: &World, call: &Call, items: &[Value], member: &str) -> Reply {
    // Guess: the code; EC2's page of codes has InvalidNextToken.
    let bad =
        || Fault::new("InvalidNextToken", "The specified NextToken is corrupted or invalid.").status(400);
    let (page, next) = world.page(items, call.int("MaxResults"), items.len(), call.str("NextToken"), &bad)?;
    let mut reply = json!({ member: page });
    if let Some(next) = next {
        reply["NextToken"] = json!(next);
    }
    Ok(reply)
}

/// The items for which every filter of the call holds. `member` is the name of the input's list of filters.
///
/// # Errors
/// `InvalidParameterValue` for a filter that the operation does not have.
pub(super) fn filtered(
    call: &Call,
    member: &str,
    rows: &[FilterRow],
    items: Vec<Value>,
) -> Result<Vec<Value>, Fault> {
    let mut items = items;
    for filter in call.input.get(member).and_then(Value::as_array).into_iter().flatten() {
        let name = filter.get("Name").and_then(Value::as_str).unwrap_or_default();
        let wanted = strings(filter.get("Values"));
        if wanted.is_empty() {
            let message = format!("The filter '{name}' has no values");
            return Err(Fault::new("InvalidParameterValue", message).status(400));
        }
        let values = values_of(name, rows)?;
        items.retain(|item| values(item).iter().any(|have| wanted.iter().any(|want| matches(want, have))));
    }
    Ok(items)
}

/// The values of an item that a filter looks at.
type Values = Box<dyn Fn(&Value) -> Vec<String>>;

/// How a filter gets the values of an item.
fn values_of(name: &str, rows: &[FilterRow]) -> Result<Values, Fault> {
    if let Some(key) = name.strip_prefix("tag:") {
        let key = key.to_owned();
        return Ok(Box::new(move |item| {
            let tags = tags_of(item).into_iter().filter(|(have, _)| *have == key);
            tags.map(|(_, value)| value).collect()
        }));
    }
    if name == "tag-key" {
        return Ok(Box::new(|item| tags_of(item).into_iter().map(|(key, _)| key).collect()));
    }
    let Some((_, path)) = rows.iter().find(|(known, _)| *known == name) else {
        return Err(
            Fault::new("InvalidParameterValue", format!("The filter '{name}' is invalid")).status(400)
        );
    };
    let path: Vec<String> = path.split('.').map(ToOwned::to_owned).collect();
    Ok(Box::new(move |item| {
        let mut found = Vec::new();
        collect(item, &path, &mut found);
        found
    }))
}

fn tags_of(item: &Value) -> Vec<(String, String)> {
    let list = ["Tags", "TagSet"].iter().find_map(|member| item.get(*member)?.as_array());
    let text = |tag: &Value, member: &str| tag[member].as_str().unwrap_or_default().to_owned();
    list.into_iter().flatten().map(|tag| (text(tag, "Key"), text(tag, "Value"))).collect()
}

fn collect(value: &Value, path: &[String], found: &mut Vec<String>) {
    match (value, path.split_first()) {
        (Value::Array(items), _) => items.iter().for_each(|item| collect(item, path, found)),
        (Value::Object(members), Some((name, rest))) => {
            if let Some(value) = members.get(name) {
                collect(value, rest, found);
            }
        }
        (Value::String(text), None) => found.push(text.clone()),
        (Value::Bool(_) | Value::Number(_), None) => found.push(value.to_string()),
        _ => {}
    }
}

/// One part of a filter's value.
#[derive(Clone, Copy, PartialEq)]
enum Token {
    /// `*`
    Any,
    /// `?`
    One,
    /// Stands for itself.
    Is(char),
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        tokens.push(match letter {
            '*' => Token::Any,
            '?' => Token::One,
            '\\' => Token::Is(letters.next().unwrap_or('\\')),
            other => Token::Is(other),
        });
    }
    tokens
}

/// Whether a text matches a filter's value with its wildcards.
fn matches(pattern: &str, text: &str) -> bool {
    let tokens = tokens(pattern);
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut seen) = (0, 0);
    // The last `*`, and how much of the text it has taken.
    let mut star: Option<(usize, usize)> = None;
    while seen < text.len() {
        let fits = match tokens.get(at) {
            Some(Token::One) => true,
            Some(Token::Is(want)) => text.get(seen) == Some(want),
            _ => false,
        };
        if fits {
            (at, seen) = (at + 1, seen + 1);
        } else if tokens.get(at) == Some(&Token::Any) {
            star = Some((at, seen));
            at += 1;
        } else if let Some((position, taken)) = star {
            star = Some((position, taken + 1));
            (at, seen) = (position + 1, taken + 1);
        } else {
            return false;
        }
    }
    tokens.get(at..).unwrap_or_default().iter().all(|token| *token == Token::Any)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn wildcards_match_as_ec2_says() {
        for (pattern, text, wanted) in [
            ("default", "default", true),
            ("default", "Default", false),
            ("def*", "default", true),
            ("*", "", true),
            ("d?fault", "default", true),
            ("d?fault", "dfault", false),
            (r"a\*b", "a*b", true),
            (r"a\*b", "axb", false),
            ("*a*b", "xaxxb", true),
            ("*a*b", "xaxxbc", false),
        ] {
            assert_eq!(matches(pattern, text), wanted, "{pattern} {text}");
        }
    }
}
