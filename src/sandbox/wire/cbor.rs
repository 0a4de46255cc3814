//! CBOR of Smithy RPC v2: decoding to plain JSON values, encoding by shape.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minicbor::data::{Tag, Type};
use minicbor::decode::Error;
use minicbor::{Decoder, Encoder};
use serde_json::{Map, Value};

use super::{MAX_DEPTH, scalar};
use crate::sandbox::models::{Api, Kind, Member};

/// Decodes a body. Byte strings become base64 text and timestamps (tag 1) numbers.
pub(super) fn decode(body: &[u8]) -> Result<Value, String> {
    let mut decoder = Decoder::new(body);
    let value = item(&mut decoder, MAX_DEPTH).map_err(|error| error.to_string())?;
    if decoder.position() < body.len() {
        return Err("unexpected bytes after the body".to_owned());
    }
    Ok(value)
}

fn item(d: &mut Decoder<'_>, depth: u32) -> Result<Value, Error> {
    if depth == 0 {
        return Err(Error::message("nested too deep"));
    }
    Ok(match d.datatype()? {
        Type::Null | Type::Undefined => {
            d.skip()?;
            Value::Null
        }
        Type::Bool => Value::Bool(d.bool()?),
        Type::U8
        | Type::U16
        | Type::U32
        | Type::U64
        | Type::I8
        | Type::I16
        | Type::I32
        | Type::I64
        | Type::Int => integer(i128::from(d.int()?)),
        Type::F16 => float(f64::from(d.f16()?))?,
        Type::F32 => float(f64::from(d.f32()?))?,
        Type::F64 => float(d.f64()?)?,
        Type::String | Type::StringIndef => Value::String(d.str_iter()?.collect::<Result<_, _>>()?),
        Type::Bytes | Type::BytesIndef => {
            let mut bytes = Vec::new();
            for chunk in d.bytes_iter()? {
                bytes.extend_from_slice(chunk?);
            }
            Value::String(STANDARD.encode(bytes))
        }
        Type::Array | Type::ArrayIndef => {
            let length = d.array()?;
            let mut items = Vec::new();
            while more(d, length, items.len())? {
                items.push(item(d, depth - 1)?);
            }
            Value::Array(items)
        }
        Type::Map | Type::MapIndef => {
            let length = d.map()?;
            let (mut entries, mut count) = (Map::new(), 0);
            while more(d, length, count)? {
                let key = d.str_iter()?.collect::<Result<String, _>>()?;
                entries.insert(key, item(d, depth - 1)?);
                count += 1;
            }
            Value::Object(entries)
        }
        Type::Tag => {
            let tag = d.tag()?;
            match (tag.as_u64(), item(d, depth - 1)?) {
                (1, Value::Number(seconds)) => Value::Number(seconds),
                (other, _) => return Err(Error::message(format!("tag {other}"))),
            }
        }
        other => return Err(Error::type_mismatch(other)),
    })
}

fn integer(number: i128) -> Value {
    match i64::try_from(number) {
        Ok(small) => Value::from(small),
        Err(_) => u64::try_from(number).map_or(Value::Null, Value::from),
    }
}

fn float(number: f64) -> Result<Value, Error> {
    scalar::number(number).ok_or_else(|| Error::message("not a finite number"))
}

fn more(d: &mut Decoder<'_>, length: Option<u64>, read: usize) -> Result<bool, Error> {
    match length {
        Some(length) => Ok((read as u64) < length),
        None if d.datatype()? == Type::Break => {
            d.skip()?;
            Ok(false)
        }
        None => Ok(true),
    }
}

/// Encodes an output value by its shape.
pub(super) fn encode(api: &Api, member: &Member, value: &Value) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    // writing to a Vec cannot fail
    if let Err(error) = put(&mut encoder, api, member, value) {
        tracing::error!(%error, "CBOR encoding");
    }
    encoder.into_writer()
}

type Put = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

fn put(e: &mut Encoder<Vec<u8>>, api: &Api, member: &Member, value: &Value) -> Put {
    let shape = api.of(member);
    match (shape.kind, value) {
        (Kind::Structure, Value::Object(members)) => {
            let known = members.iter().filter_map(|(name, v)| Some((name, shape.members.get(name)?, v)));
            let known: Vec<_> = known.filter(|(_, _, v)| !v.is_null()).collect();
            e.map(known.len() as u64)?;
            for (name, inner, value) in known {
                e.str(name)?;
                put(e, api, inner, value)?;
            }
        }
        (Kind::Map, Value::Object(entries)) => {
            e.map(entries.len() as u64)?;
            for (key, value) in entries {
                e.str(key)?;
                put(e, api, &shape.value, value)?;
            }
        }
        (Kind::List, Value::Array(items)) => {
            e.array(items.len() as u64)?;
            for value in items {
                put(e, api, &shape.member, value)?;
            }
        }
        (Kind::Timestamp, Value::Number(seconds)) => {
            e.tag(Tag::new(1))?.f64(seconds.as_f64().unwrap_or_default())?;
        }
        (Kind::Float | Kind::Double, Value::Number(number)) => {
            e.f64(number.as_f64().unwrap_or_default())?;
        }
        (Kind::Blob, Value::String(text)) => {
            e.bytes(&STANDARD.decode(text).unwrap_or_default())?;
        }
        (_, other) => plain(e, other)?,
    }
    Ok(())
}

/// A value without a model: members of faults that the model does not describe.
pub(super) fn plain(e: &mut Encoder<Vec<u8>>, value: &Value) -> Put {
    match value {
        Value::Null => e.null()?,
        Value::Bool(truth) => e.bool(*truth)?,
        Value::String(text) => e.str(text)?,
        Value::Number(number) => match number.as_i64() {
            Some(integer) => e.i64(integer)?,
            None => e.f64(number.as_f64().unwrap_or_default())?,
        },
        Value::Array(items) => {
            e.array(items.len() as u64)?;
            for item in items {
                plain(e, item)?;
            }
            e
        }
        Value::Object(entries) => {
            e.map(entries.len() as u64)?;
            for (key, value) in entries {
                e.str(key)?;
                plain(e, value)?;
            }
            e
        }
    };
    Ok(())
}
