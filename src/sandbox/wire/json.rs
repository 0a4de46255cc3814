//! JSON values by shape, for awsJson, restJson and (after decoding) CBOR.

use serde_json::{Map, Value};

use super::scalar;
use crate::sandbox::models::{Api, Kind, Member, Shape};
use crate::sandbox::world::Fault;

/// Takes what the model knows out of a request value; unknown members and nulls are dropped, as AWS drops them.
pub(super) fn read(api: &Api, member: &Member, value: Value) -> Result<Value, Fault> {
    let shape = api.of(member);
    if shape.document {
        return Ok(value);
    }
    match (shape.kind, value) {
        (Kind::Structure, Value::Object(mut sent)) => {
            let mut members = Map::new();
            for (name, inner) in &shape.members {
                match sent.remove(inner.location_name.as_ref().unwrap_or(name)) {
                    None | Some(Value::Null) => {}
                    Some(value) => {
                        members.insert(name.clone(), read(api, inner, value)?);
                    }
                }
            }
            Ok(Value::Object(members))
        }
        (Kind::List, Value::Array(items)) => {
            let read_item =
                |item| if item == Value::Null { Ok(item) } else { read(api, &shape.member, item) };
            Ok(Value::Array(items.into_iter().map(read_item).collect::<Result<_, _>>()?))
        }
        (Kind::Map, Value::Object(entries)) => {
            let entries = entries.into_iter().filter(|(_, value)| !value.is_null());
            let read_entry = |(key, value)| Ok::<_, Fault>((key, read(api, &shape.value, value)?));
            Ok(Value::Object(entries.map(read_entry).collect::<Result<_, _>>()?))
        }
        (_, value) => read_scalar(shape, value),
    }
}

fn read_scalar(shape: &Shape, value: Value) -> Result<Value, Fault> {
    let fits = match (shape.kind, &value) {
        (Kind::String, Value::String(_)) | (Kind::Boolean, Value::Bool(_)) => true,
        (Kind::Float | Kind::Double | Kind::Timestamp, Value::Number(n)) => n.as_f64().is_some(),
        (Kind::Integer | Kind::Long, Value::Number(n)) => {
            return match n.as_i64().or_else(|| whole(n.as_f64()?)) {
                Some(integer) => Ok(Value::from(integer)),
                None => Err(unexpected(shape, &value)),
            };
        }
        (Kind::Timestamp | Kind::Blob, Value::String(text)) => {
            return scalar::from_text(shape, text).ok_or_else(|| unexpected(shape, &value));
        }
        _ => false,
    };
    if fits { Ok(value) } else { Err(unexpected(shape, &value)) }
}

/// CBOR and some JSON writers send whole numbers as floats.
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
}

/// AWS's words for a value of the wrong type.
fn unexpected(shape: &Shape, value: &Value) -> Fault {
    let target = match shape.kind {
        Kind::String => "a String",
        Kind::Integer => "an Integer",
        Kind::Long => "a Long",
        Kind::Float | Kind::Double => "a Float",
        Kind::Boolean => "a Boolean",
        Kind::Timestamp => "milliseconds since epoch",
        Kind::Blob => "a Blob",
        Kind::Structure | Kind::Map | Kind::List => "a structure",
    };
    let message = match value {
        Value::Array(_) => "Start of list found where not expected".to_owned(),
        Value::Object(_) => "Start of structure or map found where not expected.".to_owned(),
        Value::Number(_) => format!("NUMBER_VALUE can not be converted to {target}"),
        Value::Bool(truth) => {
            format!("{}_VALUE can not be converted to {target}", truth.to_string().to_uppercase())
        }
        Value::String(_) => format!("STRING_VALUE can not be converted to {target}"),
        Value::Null => format!("NULL_VALUE can not be converted to {target}"),
    };
    Fault::new("SerializationException", message).status(400)
}

/// An output value as its protocol's JSON; `names` where `locationName` counts (restJson).
pub(super) fn write(api: &Api, member: &Member, value: &Value, names: bool) -> Value {
    let shape = api.of(member);
    if shape.document {
        return value.clone();
    }
    match (shape.kind, value) {
        (Kind::Structure, Value::Object(members)) => structure(api, shape, members, names),
        (Kind::List, Value::Array(items)) => {
            Value::Array(items.iter().map(|item| write(api, &shape.member, item, names)).collect())
        }
        (Kind::Map, Value::Object(entries)) => {
            let write_entry =
                |(key, value): (&String, &Value)| (key.clone(), write(api, &shape.value, value, names));
            Value::Object(entries.iter().map(write_entry).collect())
        }
        (Kind::Timestamp, Value::Number(_)) => {
            let format = shape.timestamp(member, "unixTimestamp");
            if format == "unixTimestamp" {
                return value.clone();
            }
            Value::String(scalar::to_text(shape, format, value))
        }
        _ => value.clone(),
    }
}

/// The body members of an output structure.
pub(super) fn structure(api: &Api, shape: &Shape, members: &Map<String, Value>, names: bool) -> Value {
    let mut written = Map::new();
    for (name, value) in members {
        let Some(member) = shape.members.get(name) else { continue };
        if value.is_null() || member.location.is_some() {
            continue;
        }
        let wire = if names { member.location_name.as_ref().unwrap_or(name) } else { name };
        written.insert(wire.clone(), write(api, member, value, names));
    }
    Value::Object(written)
}
