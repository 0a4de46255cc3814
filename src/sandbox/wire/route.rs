//! Whose request is it: service, operation and protocol.

use http::{HeaderMap, Request};
use percent_encoding::percent_decode_str;

use super::{Dialect, Protocol, Refusal, not_implemented};
use crate::sandbox::models::{self, Api, Metadata, Operation};
use crate::sandbox::world::Fault;

mod host;
mod rest;
mod signature;

pub(super) use signature::Signature;

/// A request whose operation is known.
pub(super) struct Routed {
    pub(super) dialect: Dialect,
    pub(super) api: &'static Api,
    pub(super) name: &'static str,
    pub(super) operation: &'static Operation,
    pub(super) signature: Signature,
    /// URI labels of a REST request, decoded; and the account id of an account-prefixed host.
    pub(super) labels: Vec<(String, String)>,
    /// Query string parameters, decoded.
    pub(super) parameters: Vec<(String, String)>,
    /// Form parameters of a query request.
    pub(super) form: Vec<(String, String)>,
}

type Refused = Box<Refusal>;

/// Finds out what a request asks for.
pub(super) fn route(request: &Request<Vec<u8>>) -> Result<Routed, Refused> {
    let parameters = form(request.uri().query().unwrap_or_default().as_bytes());
    let mut dialect = guess(request, &parameters);
    let refused = |dialect: Dialect, fault| Box::new(Refusal::new(dialect, fault));
    // the SDK's credential chain asks for instance metadata through the same client
    if request.uri().path().starts_with("/latest/") && !request.headers().contains_key("authorization") {
        return Err(refused(
            dialect,
            Fault::new("NotFound", "There is no instance metadata here.").status(404),
        ));
    }
    let signature = signature::read(request.headers(), &parameters, dialect.protocol)
        .map_err(|fault| refused(dialect, fault))?;
    let candidates: Vec<&'static str> = models::services()
        .filter(|(_, m)| m.signing_name() == signature.service || m.endpoint_prefix == signature.service)
        .map(|(key, _)| key)
        .collect();
    let form = if dialect.protocol == Protocol::Query && request.method() == http::Method::POST {
        form(request.body())
    } else {
        Vec::new()
    };
    let asked = match dialect.protocol {
        Protocol::Cbor => rpc(request.uri().path()),
        Protocol::Json => header(request.headers(), "x-amz-target").and_then(|target| {
            let (prefix, operation) = target.rsplit_once('.')?;
            Some((by_target_prefix(prefix)?, operation.to_owned()))
        }),
        Protocol::Query => {
            let action = form
                .iter()
                .chain(&parameters)
                .find(|(name, _)| name == "Action")
                .map(|(_, value)| value.clone());
            let speaks = |key: &&&str| models::api(key).is_some_and(|a| is_query(&a.metadata));
            candidates.iter().find(speaks).map(|key| (*key, action.unwrap_or_default()))
        }
        _ => return rest::route(request, dialect, signature, &candidates, parameters),
    };
    let Some((key, name)) = asked else {
        return Err(unknown(dialect, &signature.service, &asked_operation(request, &form)));
    };
    dialect.api = models::api(key);
    if dialect.protocol == Protocol::Query && dialect.api.is_some_and(|a| a.metadata.protocol == "ec2") {
        dialect.protocol = Protocol::Ec2;
    }
    let found =
        dialect.api.and_then(|api| api.operations.get_key_value(&name).map(|(name, o)| (api, name, o)));
    let Some((api, name, operation)) = found else { return Err(unknown(dialect, key, &name)) };
    dialect.operation = Some((name, operation));
    Ok(Routed { dialect, api, name, operation, signature, labels: Vec::new(), parameters, form })
}

fn is_query(metadata: &Metadata) -> bool {
    metadata.speaks("query") || metadata.speaks("ec2")
}

/// Service and operation of `/service/SERVICE/operation/OPERATION`.
///
/// Every service with a target prefix is answered: fms and compute-optimizer speak CBOR to the Rust SDK, although
/// botocore's model of fms does not say so yet.
fn rpc(path: &str) -> Option<(&'static str, String)> {
    let mut parts = path.rsplit('/');
    let (operation, word, service, first) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if word != "operation" || first != "service" {
        return None;
    }
    Some((by_target_prefix(service)?, operation.to_owned()))
}

/// CloudTrail's prefix is `com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101` in botocore's model and only its last
/// part in the Rust SDK.
fn by_target_prefix(prefix: &str) -> Option<&'static str> {
    let names =
        |known: &str| known == prefix || known.rsplit_once('.').is_some_and(|(_, last)| last == prefix);
    models::services().find(|(_, m)| m.target_prefix.as_deref().is_some_and(names)).map(|(key, _)| key)
}

/// The protocol that a request is most likely written in, so that even a refusal can be read by its client.
fn guess(request: &Request<Vec<u8>>, parameters: &[(String, String)]) -> Dialect {
    let headers = request.headers();
    let content_type = header(headers, "content-type").unwrap_or_default();
    let protocol = if header(headers, "smithy-protocol").as_deref() == Some("rpc-v2-cbor") {
        Protocol::Cbor
    } else if headers.contains_key("x-amz-target") {
        Protocol::Json
    } else if content_type.starts_with("application/x-www-form-urlencoded")
        || parameters.iter().any(|(name, _)| name == "Action")
    {
        Protocol::Query
    } else if signature::scope_service(headers)
        .is_none_or(|service| service == "s3" || service == "cloudfront")
    {
        Protocol::RestXml
    } else {
        Protocol::RestJson
    };
    Dialect { protocol, api: None, operation: None, head: request.method() == http::Method::HEAD }
}

fn asked_operation(request: &Request<Vec<u8>>, form: &[(String, String)]) -> String {
    if let Some(target) = header(request.headers(), "x-amz-target") {
        return target;
    }
    match form.iter().find(|(name, _)| name == "Action") {
        Some((_, action)) => action.clone(),
        None => format!("{} {}", request.method(), request.uri().path()),
    }
}

fn unknown(dialect: Dialect, service: &str, operation: &str) -> Refused {
    // what is remembered and printed stays short, whatever was sent
    let operation: String = operation.chars().take(200).collect();
    Box::new(Refusal {
        dialect,
        fault: not_implemented(service, &operation),
        unimplemented: Some(format!("{service}:{operation}")),
    })
}

/// A header's text.
pub(super) fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Decodes `a=b&c=d`; a name without `=` has an empty value.
pub(super) fn form(text: &[u8]) -> Vec<(String, String)> {
    text.split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let text = String::from_utf8_lossy(pair).replace('+', " ");
            let (name, value) = text.split_once('=').unwrap_or((&text, ""));
            (decode(name), decode(value))
        })
        .collect()
}

/// Undoes percent encoding.
pub(super) fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
