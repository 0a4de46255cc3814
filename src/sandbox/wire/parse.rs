//! From a routed request to input members.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Request};
use serde_json::{Map, Value};

use super::route::{Routed, header};
use super::{MAX_DEPTH, Protocol, cbor, chunked, json, query, scalar, xml};
use crate::sandbox::models::{Api, Kind, Member, Shape};
use crate::sandbox::world::Fault;

/// Reads the input members of a request. Members that were not sent, or were sent as null, are absent.
pub(super) fn input(request: &Request<Vec<u8>>, routed: &Routed) -> Result<Value, Fault> {
    let Some(reference) = &routed.operation.input else { return Ok(Value::Object(Map::new())) };
    let api = routed.api;
    let shape = api.of(reference);
    let body = request.body().as_slice();
    match routed.dialect.protocol {
        Protocol::Json => json::read(api, reference, parse_json(body)?),
        Protocol::Cbor if body.is_empty() => Ok(Value::Object(Map::new())),
        Protocol::Cbor => json::read(api, reference, cbor::decode(body).map_err(|e| serialization(&e))?),
        Protocol::Query | Protocol::Ec2 => {
            let parameters = if routed.form.is_empty() { &routed.parameters } else { &routed.form };
            query::read(api, shape, parameters, routed.dialect.protocol == Protocol::Ec2)
        }
        Protocol::RestJson | Protocol::RestXml => rest(request, routed, shape),
    }
}

/// The fault of a body that cannot be read.
pub(super) fn malformed(protocol: Protocol, detail: &str) -> Fault {
    match protocol {
        Protocol::RestXml => Fault::new(
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published schema",
        )
        .status(400),
        Protocol::Query => Fault::new("MalformedInput", detail).status(400),
        Protocol::Ec2 => Fault::new("InvalidParameterValue", detail).status(400),
        Protocol::Json | Protocol::RestJson | Protocol::Cbor => serialization(detail),
    }
}

fn serialization(detail: &str) -> Fault {
    Fault::new("SerializationException", detail).status(400)
}

fn parse_json(body: &[u8]) -> Result<Value, Fault> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Object(Map::new()));
    }
    // serde_json refuses more than 128 levels by itself
    serde_json::from_slice(body)
        .map_err(|_| serialization("Start of structure or map found where not expected."))
}

fn rest(request: &Request<Vec<u8>>, routed: &Routed, shape: &Shape) -> Result<Value, Fault> {
    let api = routed.api;
    let mut members = Map::new();
    let body = body(request)?;
    match &shape.payload {
        Some(name) => {
            if let Some(member) = shape.members.get(name)
                && !body.is_empty()
                && let Some(value) = payload(routed, member, &body)?
            {
                members.insert(name.clone(), value);
            }
        }
        None => read_body(routed, &body, &mut members)?,
    }
    for (name, member) in &shape.members {
        let wire = member.location_name.as_deref().unwrap_or(name);
        let found = match member.location.as_deref() {
            Some("uri") => {
                find(&routed.labels, wire).map(|text| text_value(api, member, text)).transpose()?
            }
            Some("querystring") => from_query(api, member, wire, &routed.parameters)?,
            Some("header") => match header(request.headers(), wire).or_else(|| label(routed, name)) {
                Some(text) => Some(header_value(api, member, &text)?),
                None => None,
            },
            Some("headers") => prefixed(request.headers(), wire),
            _ => None,
        };
        if let Some(value) = found {
            members.insert(name.clone(), value);
        }
    }
    Ok(Value::Object(members))
}

fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a String> {
    pairs.iter().find(|(n, _)| n == name).map(|(_, value)| value)
}

/// A header member that the host carries (S3 Control's account id).
fn label(routed: &Routed, name: &str) -> Option<String> {
    find(&routed.labels, name).cloned()
}

/// The body, without the chunk framing of S3's streaming uploads.
fn body(request: &Request<Vec<u8>>) -> Result<Cow<'_, [u8]>, Fault> {
    let headers = request.headers();
    let streaming = header(headers, "x-amz-content-sha256").is_some_and(|v| v.starts_with("STREAMING-"))
        || header(headers, "content-encoding").is_some_and(|v| v.contains("aws-chunked"));
    if !streaming {
        return Ok(Cow::Borrowed(request.body()));
    }
    chunked::decode(request.body())
        .map(Cow::Owned)
        .ok_or_else(|| Fault::new("IncompleteBody", "The request body terminated unexpectedly").status(400))
}

fn payload(routed: &Routed, member: &Member, body: &[u8]) -> Result<Option<Value>, Fault> {
    let shape = routed.api.of(member);
    Ok(match shape.kind {
        Kind::Blob => Some(Value::String(STANDARD.encode(body))),
        Kind::String => Some(Value::String(String::from_utf8_lossy(body).into_owned())),
        _ if routed.dialect.protocol == Protocol::RestXml => {
            let root = xml::parse(body, MAX_DEPTH).map_err(|e| malformed(Protocol::RestXml, &e))?;
            let expected = member.location_name.as_ref().or(shape.location_name.as_ref());
            if expected.is_some_and(|name| *name != root.name) {
                return Err(malformed(Protocol::RestXml, "unexpected root element"));
            }
            Some(xml::read(routed.api, member, &root)?)
        }
        _ => Some(json::read(routed.api, member, parse_json(body)?)?),
    })
}

/// The members that are not bound to a place of their own.
fn read_body(routed: &Routed, body: &[u8], members: &mut Map<String, Value>) -> Result<(), Fault> {
    let Some(reference) = &routed.operation.input else { return Ok(()) };
    let shape = routed.api.of(reference);
    if body.is_empty() || shape.members.values().all(|m| m.location.is_some()) {
        return Ok(());
    }
    let read = if routed.dialect.protocol == Protocol::RestXml {
        let root = xml::parse(body, MAX_DEPTH).map_err(|e| malformed(Protocol::RestXml, &e))?;
        xml::read(routed.api, reference, &root)?
    } else {
        json::read(routed.api, reference, parse_json(body)?)?
    };
    if let Value::Object(read) = read {
        let in_body = |name: &String| shape.members.get(name).is_some_and(|m| m.location.is_none());
        members.extend(read.into_iter().filter(|(name, _)| in_body(name)));
    }
    Ok(())
}

fn text_value(api: &Api, member: &Member, text: &str) -> Result<Value, Fault> {
    scalar::from_text(api.of(member), text).ok_or_else(|| {
        let name = member.location_name.as_deref().unwrap_or(&member.shape);
        Fault::new("SerializationException", format!("'{text}' is not a valid value for {name}")).status(400)
    })
}

fn header_value(api: &Api, member: &Member, text: &str) -> Result<Value, Fault> {
    let shape = api.of(member);
    if shape.kind == Kind::List {
        let items = text.split(',').map(|item| text_value(api, &shape.member, item.trim()));
        return Ok(Value::Array(items.collect::<Result<_, _>>()?));
    }
    text_value(api, member, text)
}

fn from_query(
    api: &Api,
    member: &Member,
    wire: &str,
    parameters: &[(String, String)],
) -> Result<Option<Value>, Fault> {
    let shape = api.of(member);
    match shape.kind {
        Kind::List => {
            let all = parameters.iter().filter(|(name, _)| name == wire);
            let items: Vec<Value> =
                all.map(|(_, text)| text_value(api, &shape.member, text)).collect::<Result<_, _>>()?;
            Ok((!items.is_empty()).then_some(Value::Array(items)))
        }
        Kind::Map => {
            let pairs = parameters.iter().map(|(name, text)| (name.clone(), Value::String(text.clone())));
            Ok(Some(Value::Object(pairs.collect())))
        }
        _ => find(parameters, wire).map(|text| text_value(api, member, text)).transpose(),
    }
}

fn prefixed(headers: &HeaderMap, prefix: &str) -> Option<Value> {
    let found: Map<String, Value> = headers
        .iter()
        .filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix(prefix)?;
            Some((name.to_owned(), Value::String(String::from_utf8_lossy(value.as_bytes()).into_owned())))
        })
        .collect();
    (!found.is_empty()).then_some(Value::Object(found))
}
