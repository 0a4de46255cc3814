//! The parts of a SigV4 signature that say who asks whom. The signature itself is checked in strict mode alone (`sandbox/signature.rs`).

use http::HeaderMap;

use super::header;
use crate::sandbox::wire::Protocol;
use crate::sandbox::world::Fault;

/// Who signed, for which region and service.
#[derive(Debug)]
pub(in crate::sandbox::wire) struct Signature {
    pub(in crate::sandbox::wire) access_key: String,
    pub(in crate::sandbox::wire) token: Option<String>,
    pub(in crate::sandbox::wire) region: String,
    pub(super) service: String,
}

/// The service of the credential scope.
pub(super) fn scope_service(headers: &HeaderMap) -> Option<String> {
    Some(scope(headers)?.3)
}

/// Reads the `Authorization` header.
pub(super) fn read(
    headers: &HeaderMap,
    parameters: &[(String, String)],
    protocol: Protocol,
) -> Result<Signature, Fault> {
    if !headers.contains_key("authorization") {
        let presigned = parameters.iter().any(|(name, _)| name == "X-Amz-Signature" || name == "Signature");
        return Err(if presigned {
            Fault::new("AccessDenied", "The orgbase sandbox does not take presigned URLs.").status(403)
        } else {
            unsigned(protocol)
        });
    }
    let (access_key, _, region, service) = scope(headers).ok_or_else(|| incomplete(protocol))?;
    Ok(Signature { access_key, token: header(headers, "x-amz-security-token"), region, service })
}

/// Access key, date, region and service of `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, ...`.
fn scope(headers: &HeaderMap) -> Option<(String, String, String, String)> {
    let text = header(headers, "authorization")?;
    let fields = text.strip_prefix("AWS4-HMAC-SHA256")?;
    let credential = fields.split(',').find_map(|field| field.trim().strip_prefix("Credential="))?;
    let mut parts = credential.trim().split('/');
    let found = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let whole = parts.next() == Some("aws4_request") && parts.next().is_none();
    let filled = [found.0, found.1, found.2, found.3].iter().all(|part| !part.is_empty());
    (whole && filled).then(|| (found.0.into(), found.1.into(), found.2.into(), found.3.into()))
}

/// S3 calls it anonymous access; awsJson services answer 400, the others 403.
fn unsigned(protocol: Protocol) -> Fault {
    match protocol {
        Protocol::RestXml => Fault::new("AccessDenied", "Access Denied").status(403),
        Protocol::Query | Protocol::Ec2 => {
            Fault::new("MissingAuthenticationToken", "Request is missing Authentication Token").status(403)
        }
        Protocol::Json | Protocol::Cbor => {
            Fault::new("MissingAuthenticationTokenException", "Missing Authentication Token").status(400)
        }
        Protocol::RestJson => {
            Fault::new("MissingAuthenticationTokenException", "Missing Authentication Token").status(403)
        }
    }
}

fn incomplete(protocol: Protocol) -> Fault {
    let code = match protocol {
        Protocol::RestXml => "AuthorizationHeaderMalformed",
        Protocol::Query | Protocol::Ec2 => "IncompleteSignature",
        _ => "IncompleteSignatureException",
    };
    Fault::new(code, "Authorization header requires 'Credential' parameter.").status(400)
}
