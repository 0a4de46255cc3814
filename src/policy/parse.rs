//! Reading policy documents strictly: each error names its place.
//!
//! Source of the rules: IAM user guide, "Grammar of the IAM JSON policy language".

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::document::{
    Condition, Document, Effect, Element, PolicyError, Principal, PrincipalType, Statement,
};
use super::operator::Operator;

type Object = Map<String, Value>;

/// Reads JSON in which no object has a key twice: "Individual elements must not contain multiple instances of the
/// same key."
pub(super) fn json(text: &str) -> Result<Value, PolicyError> {
    let strict: Result<Strict, _> = serde_json::from_str(text);
    strict.map(|Strict(value)| value).map_err(|error| {
        let place = format!("line {} column {}", error.line(), error.column());
        let problem = error.to_string().replace(&format!(" at {place}"), "");
        PolicyError { path: place, problem }
    })
}

pub(super) fn document(value: &Value) -> Result<Document, PolicyError> {
    let place = "policy document";
    let fields = object(value, place)?;
    only(fields, &["Version", "Id", "Statement"], place)?;
    let version = optional_text(fields, "Version", place)?;
    if let Some(other) = version.as_deref().filter(|v| !["2012-10-17", "2008-10-17"].contains(v)) {
        return fail("Version", format!("`{other}` is no version of the policy language"));
    }
    let statements = match fields.get("Statement") {
        Some(Value::Array(items)) if !items.is_empty() => items
            .iter()
            .enumerate()
            .map(|(index, item)| statement(item, &format!("Statement[{index}]")))
            .collect::<Result<Vec<_>, _>>()?,
        Some(Value::Array(_)) | None => return fail(place, "no `Statement`"),
        Some(one) => vec![statement(one, "Statement")?],
    };
    Ok(Document { version, id: optional_text(fields, "Id", place)?, statements })
}

pub(super) fn statement(value: &Value, place: &str) -> Result<Statement, PolicyError> {
    const ELEMENTS: &[&str] = &[
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    ];
    let fields = object(value, place)?;
    only(fields, ELEMENTS, place)?;
    let effect = match optional_text(fields, "Effect", place)?.as_deref() {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        Some(other) => {
            return fail(&format!("{place}.Effect"), format!("`{other}` is neither Allow nor Deny"));
        }
        None => return fail(place, "no `Effect`"),
    };
    let Some(action) = element(fields, "Action", place, text_list)? else {
        return fail(place, "neither `Action` nor `NotAction`");
    };
    Ok(Statement {
        sid: optional_text(fields, "Sid", place)?,
        effect,
        principal: element(fields, "Principal", place, principal)?,
        action,
        resource: element(fields, "Resource", place, text_list)?,
        conditions: fields
            .get("Condition")
            .map(|value| conditions(value, &format!("{place}.Condition")))
            .transpose()?
            .unwrap_or_default(),
    })
}

/// Reads `NAME` or `NotNAME`; both together are an error.
fn element<T>(
    fields: &Object,
    name: &str,
    place: &str,
    read: fn(&Value, &str) -> Result<T, PolicyError>,
) -> Result<Option<Element<T>>, PolicyError> {
    let not_name = format!("Not{name}");
    match (fields.get(name), fields.get(&not_name)) {
        (Some(_), Some(_)) => fail(place, format!("`{name}` and `{not_name}` exclude each other")),
        (Some(value), None) => Ok(Some(Element::Is(read(value, &format!("{place}.{name}"))?))),
        (None, Some(value)) => Ok(Some(Element::IsNot(read(value, &format!("{place}.{not_name}"))?))),
        (None, None) => Ok(None),
    }
}

fn principal(value: &Value, place: &str) -> Result<Principal, PolicyError> {
    if let Value::String(text) = value {
        return if text == "*" {
            Ok(Principal::Any)
        } else {
            fail(place, format!("`{text}`: must be `*` or a map such as {{\"AWS\": ...}}"))
        };
    }
    let fields = object(value, place)?;
    only(fields, &PrincipalType::ALL.map(PrincipalType::name), place)?;
    let mut named = BTreeMap::new();
    for kind in PrincipalType::ALL {
        if let Some(ids) = fields.get(kind.name()) {
            named.insert(kind, text_list(ids, &format!("{place}.{}", kind.name()))?);
        }
    }
    if named.is_empty() { fail(place, "is empty") } else { Ok(Principal::Named(named)) }
}

fn conditions(value: &Value, place: &str) -> Result<Vec<Condition>, PolicyError> {
    let mut all = Vec::new();
    for (name, keys) in object(value, place)? {
        let Some(operator) = Operator::parse(name) else {
            return fail(place, format!("unknown condition operator `{name}`"));
        };
        let place = format!("{place}.{name}");
        for (key, values) in object(keys, &place)? {
            let values = match values {
                Value::Array(items) => {
                    items.iter().map(|item| scalar(item, &place, key)).collect::<Result<_, _>>()?
                }
                one => vec![scalar(one, &place, key)?],
            };
            all.push(Condition { operator, key: key.clone(), values });
        }
    }
    Ok(all)
}

fn scalar(value: &Value, place: &str, key: &str) -> Result<String, PolicyError> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        _ => fail(&format!("{place}.{key}"), "must be a string, number, Boolean or a list of them"),
    }
}

fn text_list(value: &Value, place: &str) -> Result<Vec<String>, PolicyError> {
    let items = match value {
        Value::String(text) => return Ok(vec![text.clone()]),
        Value::Array(items) if !items.is_empty() => items,
        _ => return fail(place, "must be a string or a list of strings that is not empty"),
    };
    items
        .iter()
        .enumerate()
        .map(|(index, item)| match item {
            Value::String(text) => Ok(text.clone()),
            _ => fail(&format!("{place}[{index}]"), "must be a string"),
        })
        .collect()
}

fn optional_text(fields: &Object, name: &str, place: &str) -> Result<Option<String>, PolicyError> {
    match fields.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => fail(&format!("{place}.{name}"), "must be a string"),
    }
}

fn object<'a>(value: &'a Value, place: &str) -> Result<&'a Object, PolicyError> {
    value.as_object().map_or_else(|| fail(place, "must be a JSON object"), Ok)
}

fn only(fields: &Object, known: &[&str], place: &str) -> Result<(), PolicyError> {
    match fields.keys().find(|key| !known.contains(&key.as_str())) {
        Some(other) => fail(place, format!("unknown element `{other}`; known are {}", known.join(", "))),
        None => Ok(()),
    }
}

fn fail<T>(path: &str, problem: impl Into<String>) -> Result<T, PolicyError> {
    Err(PolicyError { path: path.into(), problem: problem.into() })
}

/// A JSON value that refuses repeated keys; `serde_json::Value` would silently keep the last.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Strict, D::Error> {
        deserializer.deserialize_any(StrictVisitor)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Strict;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Strict, E> {
        Ok(Strict(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Strict, E> {
        Ok(Strict(Value::Number(value.into())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Strict, E> {
        Ok(Strict(Value::Number(value.into())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Strict, E> {
        Ok(Strict(Number::from_f64(value).map_or(Value::Null, Value::Number)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Strict, E> {
        Ok(Strict(Value::String(value.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Strict, E> {
        Ok(Strict(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Strict, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Strict(Value::Array(list)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Strict, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(A::Error::custom(format!("`{key}` stands twice in one object")));
            }
            let Strict(value) = entries.next_value()?;
            map.insert(key, value);
        }
        Ok(Strict(Value::Object(map)))
    }
}
