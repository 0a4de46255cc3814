//! moto's dialect: it answers CloudWatch and others in awsJson only, while the SDK speaks rpc-v2-cbor to them.
//!
//! `POST /service/S/operation/O` with CBOR becomes `POST /` with `X-Amz-Target: S.O` and JSON; the answer goes the other
//! way. JSON does not say what a timestamp is: members whose names end in `Timestamp`, `Time` or `Date` are taken for one
//! (true for every structure of `facts/aws-api/cloudwatch.json` and `compute-optimizer.json`).
//!
//! It also names the root of its GetBucketVersioning answer after the operation, which the SDK does not read.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::DateTime;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::date_time::Format;
use minicbor::data::{Tag, Type};
use minicbor::decode::Error as DecodeError;
use minicbor::{Decoder, Encoder};
use serde_json::{Map, Value};

/// Deepest nesting that is read.
const DEPTH: u32 = 32;
/// CBOR's tag of a time in seconds since 1970.
const TIME: u64 = 1;

/// Whether the request speaks rpc-v2-cbor.
pub(crate) fn is_rpc(request: &HttpRequest) -> bool {
    request.headers().get("smithy-protocol") == Some("rpc-v2-cbor")
}

/// Turns an rpc-v2-cbor request into awsJson 1.0. `path` is the request's path.
pub(crate) fn request(request: &mut HttpRequest, path: &str) -> Result<(), BoxError> {
    let target = target(path).ok_or("not an rpc-v2-cbor path")?;
    let body = request.body().bytes().ok_or("the request's body is a stream")?;
    let json = serde_json::to_vec(&decode(&mut Decoder::new(body), DEPTH)?)?;
    let root = request.uri().replacen(path, "/", 1);
    let headers = request.headers_mut();
    for name in ["smithy-protocol", "accept", "x-amzn-query-mode"] {
        headers.remove(name);
    }
    headers.insert("content-type", "application/x-amz-json-1.0");
    headers.insert("content-length", json.len().to_string());
    headers.insert("x-amz-target", target);
    request.set_uri(root)?;
    *request.body_mut() = SdkBody::from(json);
    Ok(())
}

/// `/service/S/operation/O` -> `S.O`.
fn target(path: &str) -> Option<String> {
    let (service, operation) = path.strip_prefix("/service/")?.split_once("/operation/")?;
    Some(format!("{service}.{operation}"))
}

/// Turns an awsJson answer into rpc-v2-cbor. One that is no JSON is left as it is.
pub(crate) async fn answer(answer: HttpResponse) -> Result<HttpResponse, ConnectorError> {
    let answer = answer.try_into_http1x().map_err(|e| ConnectorError::other(e.into(), None))?;
    let (mut parts, body) = answer.into_parts();
    let body = ByteStream::new(body).collect().await.map_err(|e| ConnectorError::io(e.into()))?.to_vec();
    let json = if body.is_empty() { Ok(Value::Object(Map::new())) } else { serde_json::from_slice(&body) };
    let body = match json {
        Err(_) => body,
        Ok(json) => {
            let mut encoder = Encoder::new(Vec::new());
            encode(&mut encoder, &json, false).map_err(|e| ConnectorError::other(e.into(), None))?;
            let headers = &mut parts.headers;
            headers.remove(http::header::CONTENT_LENGTH);
            headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/cbor"));
            headers.insert("smithy-protocol", http::HeaderValue::from_static("rpc-v2-cbor"));
            encoder.into_writer()
        }
    };
    let answer = http::Response::from_parts(parts, SdkBody::from(body));
    HttpResponse::try_from(answer).map_err(|e| ConnectorError::other(e.into(), None))
}

/// Whether the request is GetBucketVersioning.
pub(crate) fn is_versioning(request: &HttpRequest) -> bool {
    request.method() == "GET" && request.uri().contains("?versioning")
}

/// Gives the answer to GetBucketVersioning the root that S3's has.
pub(crate) async fn versioning(answer: HttpResponse) -> Result<HttpResponse, ConnectorError> {
    let answer = answer.try_into_http1x().map_err(|e| ConnectorError::other(e.into(), None))?;
    let (mut parts, body) = answer.into_parts();
    let body = ByteStream::new(body).collect().await.map_err(|e| ConnectorError::io(e.into()))?.to_vec();
    let body =
        String::from_utf8_lossy(&body).replace("GetBucketVersioningResponse", "VersioningConfiguration");
    parts.headers.remove(http::header::CONTENT_LENGTH);
    let answer = http::Response::from_parts(parts, SdkBody::from(body));
    HttpResponse::try_from(answer).map_err(|e| ConnectorError::other(e.into(), None))
}

/// Reads one CBOR value as JSON.
fn decode(d: &mut Decoder<'_>, depth: u32) -> Result<Value, DecodeError> {
    if depth == 0 {
        return Err(DecodeError::message("nested too deep"));
    }
    Ok(match d.datatype()? {
        Type::Null | Type::Undefined => {
            d.skip()?;
            Value::Null
        }
        Type::Bool => Value::Bool(d.bool()?),
        Type::F16 | Type::F32 | Type::F64 => Value::from(float(d)?),
        Type::String | Type::StringIndef => Value::String(text(d)?),
        Type::Array | Type::ArrayIndef => {
            let length = d.array()?;
            let mut list = Vec::new();
            while more(d, length, list.len())? {
                list.push(decode(d, depth - 1)?);
            }
            Value::Array(list)
        }
        Type::Map | Type::MapIndef => {
            let length = d.map()?;
            let (mut map, mut read) = (Map::new(), 0);
            while more(d, length, read)? {
                let key = text(d)?;
                map.insert(key, decode(d, depth - 1)?);
                read += 1;
            }
            Value::Object(map)
        }
        // awsJson writes a time as a bare number of seconds.
        Type::Tag if d.tag()?.as_u64() == TIME => decode(d, depth - 1)?,
        Type::U8 | Type::U16 | Type::U32 | Type::U64 | Type::I8 | Type::I16 | Type::I32 | Type::I64 => {
            Value::from(i64::try_from(i128::from(d.int()?)).map_err(DecodeError::custom)?)
        }
        other => return Err(DecodeError::type_mismatch(other)),
    })
}

fn float(d: &mut Decoder<'_>) -> Result<f64, DecodeError> {
    Ok(match d.datatype()? {
        Type::F16 => f64::from(d.f16()?),
        Type::F32 => f64::from(d.f32()?),
        _ => d.f64()?,
    })
}

fn text(d: &mut Decoder<'_>) -> Result<String, DecodeError> {
    d.str_iter()?.collect()
}

/// Whether a list or map of this length (`None`: it ends with a mark) has another entry.
fn more(d: &mut Decoder<'_>, length: Option<u64>, read: usize) -> Result<bool, DecodeError> {
    match length {
        Some(length) => Ok((read as u64) < length),
        None if d.datatype()? == Type::Break => {
            d.skip()?;
            Ok(false)
        }
        None => Ok(true),
    }
}

/// Errors of writing to memory: there are none but the type has them.
type EncodeError = minicbor::encode::Error<std::convert::Infallible>;

/// Writes a JSON value as CBOR. `time`: the member's name says that it is a time.
fn encode(e: &mut Encoder<Vec<u8>>, value: &Value, time: bool) -> Result<(), EncodeError> {
    match value {
        Value::Null => e.null().map(drop),
        Value::Bool(b) => e.bool(*b).map(drop),
        Value::Number(n) if time => write_time(e, n.as_f64().unwrap_or_default()),
        Value::Number(n) => match (n.as_i64(), n.as_u64()) {
            (Some(i), _) => e.i64(i).map(drop),
            (None, Some(u)) => e.u64(u).map(drop),
            (None, None) => e.f64(n.as_f64().unwrap_or_default()).map(drop),
        },
        Value::String(s) => match DateTime::from_str(s, Format::DateTimeWithOffset) {
            Ok(at) if time => write_time(e, at.as_secs_f64()),
            _ => e.str(s).map(drop),
        },
        Value::Array(list) => {
            e.array(list.len() as u64)?;
            list.iter().try_for_each(|item| encode(e, item, time))
        }
        Value::Object(map) => {
            e.map(map.len() as u64)?;
            map.iter().try_for_each(|(key, item)| {
                e.str(key)?;
                encode(e, item, ["Timestamp", "Time", "Date"].iter().any(|end| key.ends_with(end)))
            })
        }
    }
}

fn write_time(e: &mut Encoder<Vec<u8>>, seconds: f64) -> Result<(), EncodeError> {
    e.tag(Tag::new(TIME))?.f64(seconds).map(drop)
}

#[cfg(test)]
mod tests;
