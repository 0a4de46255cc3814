//! Success replies.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, Response};
use serde_json::{Map, Value};

use super::{Dialect, Protocol, cbor, json, scalar, xml};
use crate::sandbox::models::{Api, Kind, Member, Operation, Shape};

/// S3's root elements, which its model in botocore does not name.
const S3_ROOTS: [(&str, &str); 9] = [
    ("GetBucketAcl", "AccessControlPolicy"),
    ("GetBucketLifecycleConfiguration", "LifecycleConfiguration"),
    ("GetBucketLogging", "BucketLoggingStatus"),
    ("GetBucketTagging", "Tagging"),
    ("GetBucketVersioning", "VersioningConfiguration"),
    ("ListBuckets", "ListAllMyBucketsResult"),
    ("ListObjectVersions", "ListVersionsResult"),
    ("ListObjectsV2", "ListBucketResult"),
    ("GetBucketLocation", "LocationConstraint"),
];
const S3_NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";
const XML_HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// Serialises an output.
pub(super) fn success(dialect: &Dialect, output: &Value, request_id: &str) -> Response<Vec<u8>> {
    let (Some(api), Some((name, operation))) = (dialect.api, dialect.operation) else {
        return reply(dialect, 200, Vec::new(), request_id);
    };
    let empty = Map::new();
    let members = output.as_object().unwrap_or(&empty);
    if let Some(reference) = &operation.output {
        report_unknown(api, reference, output, name);
    }
    let status = operation.http.response_code.unwrap_or(200);
    let nothing = Member::default();
    let reference = operation.output.as_ref().unwrap_or(&nothing);
    match dialect.protocol {
        Protocol::Json => {
            let body = json::structure(api, api.of(reference), members, false);
            let body = if operation.output.is_some() { body.to_string() } else { String::new() };
            reply(dialect, 200, body.into_bytes(), request_id)
        }
        Protocol::Cbor => {
            reply(dialect, 200, cbor::encode(api, reference, &Value::Object(members.clone())), request_id)
        }
        Protocol::Query => {
            reply(dialect, 200, query(api, name, operation, members, request_id).into_bytes(), request_id)
        }
        Protocol::Ec2 => {
            reply(dialect, 200, ec2(api, name, reference, members, request_id).into_bytes(), request_id)
        }
        Protocol::RestJson | Protocol::RestXml => {
            let shape = api.of(reference);
            let body =
                if dialect.head { Vec::new() } else { rest_body(dialect, api, name, reference, members) };
            let mut response = reply(dialect, status, body, request_id);
            bind_headers(api, shape, members, &mut response);
            response
        }
    }
}

/// A response with the headers that every AWS reply has.
pub(super) fn reply(dialect: &Dialect, status: u16, body: Vec<u8>, request_id: &str) -> Response<Vec<u8>> {
    let version = dialect.api.and_then(|api| api.metadata.json_version.as_deref());
    let content_type = match dialect.protocol {
        Protocol::Json if version == Some("1.0") => "application/x-amz-json-1.0",
        Protocol::Json => "application/x-amz-json-1.1",
        Protocol::RestJson => "application/json",
        Protocol::Cbor => "application/cbor",
        Protocol::Query | Protocol::Ec2 => "text/xml;charset=UTF-8",
        Protocol::RestXml => "application/xml",
    };
    let mut response = Response::new(body);
    *response.status_mut() =
        http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static(content_type));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", id.clone());
        if dialect.protocol == Protocol::RestXml {
            headers.insert("x-amz-id-2", id.clone());
            headers.insert("x-amz-request-id", id);
        }
    }
    if dialect.protocol == Protocol::Cbor {
        headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
    }
    response
}

fn query(
    api: &Api,
    name: &str,
    operation: &Operation,
    members: &Map<String, Value>,
    request_id: &str,
) -> String {
    let mut out = String::new();
    out.push('<');
    out.push_str(name);
    out.push_str("Response");
    xml::attribute(&mut out, "xmlns", api.metadata.xml_namespace.as_deref().unwrap_or_default());
    out.push('>');
    if let Some(reference) = &operation.output {
        let wrapper = reference.result_wrapper.clone().unwrap_or_else(|| format!("{name}Result"));
        xml::open(&mut out, &wrapper);
        xml::write_members(&mut out, api, api.of(reference), members);
        xml::close(&mut out, &wrapper);
    }
    xml::open(&mut out, "ResponseMetadata");
    xml::leaf(&mut out, "RequestId", request_id);
    xml::close(&mut out, "ResponseMetadata");
    xml::close(&mut out, &format!("{name}Response"));
    out
}

fn ec2(api: &Api, name: &str, reference: &Member, members: &Map<String, Value>, request_id: &str) -> String {
    let mut out = String::from(XML_HEAD);
    out.push('<');
    out.push_str(name);
    out.push_str("Response");
    xml::attribute(&mut out, "xmlns", api.metadata.xml_namespace.as_deref().unwrap_or_default());
    out.push('>');
    xml::leaf(&mut out, "requestId", request_id);
    xml::write_members(&mut out, api, api.of(reference), members);
    xml::close(&mut out, &format!("{name}Response"));
    out
}

fn rest_body(
    dialect: &Dialect,
    api: &Api,
    name: &str,
    reference: &Member,
    members: &Map<String, Value>,
) -> Vec<u8> {
    let shape = api.of(reference);
    let is_xml = dialect.protocol == Protocol::RestXml;
    if let Some(payload) = &shape.payload {
        let (Some(member), Some(value)) = (shape.members.get(payload), members.get(payload)) else {
            return Vec::new();
        };
        return match (api.of(member).kind, value) {
            (Kind::Blob, Value::String(text)) => STANDARD.decode(text).unwrap_or_default(),
            (Kind::String, Value::String(text)) => text.clone().into_bytes(),
            _ if is_xml => {
                let root = member.location_name.as_ref().or(api.of(member).location_name.as_ref());
                document(api, root.map_or(payload.as_str(), String::as_str), member, value)
            }
            _ => json::write(api, member, value, true).to_string().into_bytes(),
        };
    }
    if shape.members.values().all(|m| m.location.is_some()) {
        return Vec::new();
    }
    if !is_xml {
        return json::structure(api, shape, members, true).to_string().into_bytes();
    }
    let named =
        S3_ROOTS.iter().find(|(operation, _)| api.key == "s3" && *operation == name).map(|(_, root)| *root);
    let root = named.or(shape.location_name.as_deref()).unwrap_or(&reference.shape);
    if root == "LocationConstraint" {
        // the one reply whose root element holds the value itself
        let mut out = format!("{XML_HEAD}<LocationConstraint xmlns=\"{S3_NAMESPACE}\">");
        out.push_str(members.get("LocationConstraint").and_then(Value::as_str).unwrap_or_default());
        xml::close(&mut out, root);
        return out.into_bytes();
    }
    document(api, root, reference, &Value::Object(members.clone()))
}

fn document(api: &Api, root: &str, member: &Member, value: &Value) -> Vec<u8> {
    let mut element = String::new();
    xml::write(&mut element, api, root, member, value);
    if api.key == "s3" && !element.starts_with(&format!("<{root} xmlns=")) {
        element = element.replacen(&format!("<{root}>"), &format!("<{root} xmlns=\"{S3_NAMESPACE}\">"), 1);
    }
    format!("{XML_HEAD}{element}").into_bytes()
}

fn bind_headers(api: &Api, shape: &Shape, members: &Map<String, Value>, response: &mut Response<Vec<u8>>) {
    for (name, member) in &shape.members {
        let Some(value) = members.get(name).filter(|value| !value.is_null()) else { continue };
        let wire = member.location_name.as_deref().unwrap_or(name);
        let inner = api.of(member);
        match member.location.as_deref() {
            Some("header") => {
                let text = match value {
                    Value::Array(items) => {
                        let texts =
                            items.iter().map(|item| scalar::to_text(api.of(&inner.member), "rfc822", item));
                        texts.collect::<Vec<_>>().join(",")
                    }
                    _ => scalar::to_text(inner, inner.timestamp(member, "rfc822"), value),
                };
                set_header(response, wire, &text);
            }
            Some("headers") => {
                for (suffix, text) in value.as_object().into_iter().flatten() {
                    set_header(response, &format!("{wire}{suffix}"), text.as_str().unwrap_or_default());
                }
            }
            Some("statusCode") => {
                let status = value.as_u64().and_then(|code| u16::try_from(code).ok());
                if let Some(status) = status.and_then(|code| http::StatusCode::from_u16(code).ok()) {
                    *response.status_mut() = status;
                }
            }
            _ => {}
        }
    }
}

fn set_header(response: &mut Response<Vec<u8>>, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) =
        (HeaderName::try_from(name.to_ascii_lowercase()), HeaderValue::from_str(value))
    {
        response.headers_mut().insert(name, value);
    }
}

/// A member that the model does not have is a handler's mistake: loud in debug builds, dropped in others.
fn report_unknown(api: &Api, member: &Member, value: &Value, operation: &str) {
    let shape = api.of(member);
    match value {
        Value::Object(members) if shape.kind == Kind::Structure && !shape.document => {
            for (name, value) in members {
                if let Some(inner) = shape.members.get(name) {
                    report_unknown(api, inner, value, operation);
                    continue;
                }
                let (service, shape) = (&api.key, &member.shape);
                tracing::error!(service, operation, shape, member = name, "unknown output member");
                debug_assert!(false, "{service}:{operation} answers {shape}.{name}, which the model lacks");
            }
        }
        Value::Array(items) => {
            for item in items {
                report_unknown(api, &shape.member, item, operation);
            }
        }
        Value::Object(entries) if shape.kind == Kind::Map => {
            for value in entries.values() {
                report_unknown(api, &shape.value, value, operation);
            }
        }
        _ => {}
    }
}
