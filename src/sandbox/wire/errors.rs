//! Error replies.

use http::{HeaderValue, Response};
use minicbor::Encoder;
use serde_json::{Map, Value};

use super::write::reply;
use super::{Dialect, Protocol, cbor, xml};
use crate::sandbox::models::Shape;
use crate::sandbox::world::Fault;

/// Services that moved from the query protocol and still send its error codes in `x-amzn-query-error`.
const QUERY_COMPATIBLE: [&str; 2] = ["cloudwatch", "sqs"];

/// Serialises a fault.
pub(super) fn response(dialect: &Dialect, fault: &Fault, request_id: &str) -> Response<Vec<u8>> {
    let operation = dialect.operation.map(|(_, operation)| operation);
    let modelled = dialect.api.and_then(|api| api.error(operation, &fault.code));
    let status = fault.status.or_else(|| modelled.and_then(|(_, shape)| status(shape))).unwrap_or(400);
    // JSON protocols name the shape, XML protocols the code
    let name = modelled.map_or(fault.code.as_str(), |(name, _)| name);
    let code = modelled.and_then(|(_, shape)| shape.error.code.as_deref()).unwrap_or(&fault.code);
    let sender = if status < 500 { "Sender" } else { "Receiver" };
    let body = match dialect.protocol {
        Protocol::Json | Protocol::RestJson => {
            let with_type = dialect.protocol == Protocol::Json;
            Value::Object(members(fault, modelled.map(|(_, s)| s), with_type.then_some(name)))
                .to_string()
                .into_bytes()
        }
        Protocol::Cbor => {
            let mut encoder = Encoder::new(Vec::new());
            let members = members(fault, modelled.map(|(_, shape)| shape), Some(name));
            if let Err(error) = cbor::plain(&mut encoder, &Value::Object(members)) {
                tracing::error!(%error, "CBOR encoding");
            }
            encoder.into_writer()
        }
        Protocol::Query => query(dialect, fault, (code, sender), request_id),
        Protocol::Ec2 => ec2(fault, code, request_id),
        Protocol::RestXml => rest_xml(dialect, fault, (code, sender), request_id),
    };
    let mut response = reply(dialect, status, if dialect.head { Vec::new() } else { body }, request_id);
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    };
    if matches!(dialect.protocol, Protocol::RestJson) {
        set("x-amzn-errortype", name);
    }
    let compatible = dialect.api.is_some_and(|api| QUERY_COMPATIBLE.contains(&api.key.as_str()));
    if compatible && matches!(dialect.protocol, Protocol::Json | Protocol::Cbor) {
        set("x-amzn-query-error", &format!("{code};{sender}"));
    }
    response
}

fn status(shape: &Shape) -> Option<u16> {
    shape.error.http_status_code.or(shape.fault.then_some(500))
}

/// Message and further members; `__type` where the body carries it.
fn members(fault: &Fault, shape: Option<&Shape>, with_type: Option<&str>) -> Map<String, Value> {
    let mut members = Map::new();
    if let Some(name) = with_type {
        members.insert("__type".to_owned(), Value::String(name.to_owned()));
    }
    let capital = shape.is_some_and(|shape| shape.members.contains_key("Message"));
    let message = if capital { "Message" } else { "message" };
    members.insert(message.to_owned(), Value::String(fault.message.clone()));
    for (name, value) in &fault.members {
        let wire =
            shape.and_then(|s| s.members.get(name)).and_then(|m| m.location_name.as_ref()).unwrap_or(name);
        members.insert(wire.clone(), value.clone());
    }
    members
}

fn plain_members(out: &mut String, fault: &Fault) {
    for (name, value) in &fault.members {
        match value {
            Value::String(text) => xml::leaf(out, name, text),
            other => xml::leaf(out, name, &other.to_string()),
        }
    }
}

fn query(dialect: &Dialect, fault: &Fault, (code, sender): (&str, &str), request_id: &str) -> Vec<u8> {
    let mut out = String::from("<ErrorResponse");
    if let Some(namespace) = dialect.api.and_then(|api| api.metadata.xml_namespace.as_deref()) {
        xml::attribute(&mut out, "xmlns", namespace);
    }
    out.push_str("><Error>");
    xml::leaf(&mut out, "Type", sender);
    xml::leaf(&mut out, "Code", code);
    xml::leaf(&mut out, "Message", &fault.message);
    plain_members(&mut out, fault);
    out.push_str("</Error>");
    xml::leaf(&mut out, "RequestId", request_id);
    out.push_str("</ErrorResponse>");
    out.into_bytes()
}

fn ec2(fault: &Fault, code: &str, request_id: &str) -> Vec<u8> {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error>");
    xml::leaf(&mut out, "Code", code);
    xml::leaf(&mut out, "Message", &fault.message);
    out.push_str("</Error></Errors>");
    xml::leaf(&mut out, "RequestID", request_id);
    out.push_str("</Response>");
    out.into_bytes()
}

/// S3 sends the bare `Error`, other restXml services wrap it.
fn rest_xml(dialect: &Dialect, fault: &Fault, (code, sender): (&str, &str), request_id: &str) -> Vec<u8> {
    let bare = dialect.api.is_none_or(|api| api.key == "s3");
    if !bare {
        return query(dialect, fault, (code, sender), request_id);
    }
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>");
    xml::leaf(&mut out, "Code", code);
    xml::leaf(&mut out, "Message", &fault.message);
    plain_members(&mut out, fault);
    xml::leaf(&mut out, "RequestId", request_id);
    xml::leaf(&mut out, "HostId", request_id);
    out.push_str("</Error>");
    out.into_bytes()
}
