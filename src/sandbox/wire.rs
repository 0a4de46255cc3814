//! The wire layer: from an HTTP request to a [`Call`](super::world::Call)'s parts, and from a reply to bytes.
//!
//! ```text
//! read:   route (whose request is it?) -> parse (members as plain JSON values) -> validate (the model's constraints)
//! write:  success or error body and headers, in the protocol that was asked
//! ```
//!
//! Everything is driven by the API models. No request, however malformed, panics: it ends as a fault in the protocol
//! that it was most likely written in.

use http::{Request, Response};
pub(in crate::sandbox) use scalar::time_text;
use serde_json::Value;

use super::models::{Api, Operation};
use super::world::{Fault, Reply};

mod cbor;
mod chunked;
mod errors;
mod json;
mod parse;
mod query;
mod route;
mod scalar;
pub(super) mod validate;
mod write;
mod xml;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

/// Deepest nesting of a request body.
const MAX_DEPTH: u32 = 64;

/// The protocols of AWS's APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// awsJson 1.0 and 1.1.
    Json,
    /// restJson1.
    RestJson,
    /// awsQuery.
    Query,
    /// ec2Query.
    Ec2,
    /// restXml.
    RestXml,
    /// Smithy RPC v2 with CBOR.
    Cbor,
}

/// What is known of a request when it must be answered.
#[derive(Debug, Clone, Copy)]
pub struct Dialect {
    /// Protocol of the answer.
    pub protocol: Protocol,
    /// The service, where it was recognised.
    pub api: Option<&'static Api>,
    /// Name and model of the operation, where it was recognised.
    pub operation: Option<(&'static str, &'static Operation)>,
    /// An answer to HEAD has no body.
    pub head: bool,
}

/// A request that was understood.
#[derive(Debug)]
pub struct Parsed {
    /// How to answer.
    pub dialect: Dialect,
    /// Service key.
    pub service: &'static str,
    /// Operation name.
    pub operation: &'static str,
    /// Region of the credential scope.
    pub region: String,
    /// Access key of the signature.
    pub access_key: String,
    /// `x-amz-security-token`.
    pub token: Option<String>,
    /// What the client calls itself.
    pub user_agent: String,
    /// Input members.
    pub input: Value,
}

/// A request that is answered without asking a service.
#[derive(Debug)]
pub struct Refusal {
    /// How to answer.
    pub dialect: Dialect,
    /// What to answer.
    pub fault: Fault,
    /// `service:Operation` where the sandbox does not have it.
    pub unimplemented: Option<String>,
}

impl Refusal {
    fn new(dialect: Dialect, fault: Fault) -> Refusal {
        Refusal { dialect, fault, unimplemented: None }
    }
}

/// Reads a request.
///
/// # Errors
/// A [`Refusal`] where the request is not signed, not understood, not valid, or asks for what the models do not have.
pub fn read(request: &Request<Vec<u8>>) -> Result<Parsed, Box<Refusal>> {
    let routed = route::route(request)?;
    let dialect = routed.dialect;
    let refused = |fault| Box::new(Refusal::new(dialect, fault));
    let input = parse::input(request, &routed).map_err(refused)?;
    validate::check(routed.api, routed.operation, dialect.protocol, &input).map_err(refused)?;
    Ok(Parsed {
        dialect,
        service: &routed.api.key,
        operation: routed.name,
        region: routed.signature.region,
        access_key: routed.signature.access_key,
        token: routed.signature.token,
        user_agent: user_agent(request),
        input,
    })
}

fn user_agent(request: &Request<Vec<u8>>) -> String {
    let named = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    named("user-agent").or_else(|| named("x-amz-user-agent")).unwrap_or_default().to_owned()
}

/// Writes a reply.
pub fn write(dialect: &Dialect, reply: &Reply, request_id: &str) -> Response<Vec<u8>> {
    match reply {
        Ok(output) => write::success(dialect, output, request_id),
        Err(fault) => errors::response(dialect, fault, request_id),
    }
}

/// The loud answer for an operation that no handler knows.
pub fn not_implemented(service: &str, operation: &str) -> Fault {
    Fault::new("NotImplemented", format!("The orgbase sandbox does not have {service}:{operation}."))
        .status(501)
}
