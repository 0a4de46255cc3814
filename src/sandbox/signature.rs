//! SigV4: whether a request was signed with the secret of its key.
//!
//! Source: IAM user guide, "Create a signed AWS API request".

use http::{HeaderMap, Request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest, Sha256};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use super::wire::Protocol;
use super::world::Fault;
use crate::digest::{hex, sha256_hex};

/// What stays as it is: "the unreserved characters A-Z, a-z, 0-9, hyphen, underscore, period and tilde".
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// The same, and the slashes between the parts of a path.
const PATH: &AsciiSet = &PLAIN.remove(b'/');
const STAMP: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]T[hour][minute][second]Z");
/// How far a request's time may be off (IAM user guide, "Troubleshoot SigV4": five minutes; S3: fifteen).
const TOLERATED: i64 = 5 * 60;
const TOLERATED_BY_S3: i64 = 15 * 60;

/// Refuses a request that was not signed with `secret`. The `Authorization` header was read before.
///
/// # Errors
/// The fault of each protocol for a signature that is another; S3's `XAmzContentSHA256Mismatch` for another body.
pub(super) fn verify(request: &Request<Vec<u8>>, protocol: Protocol, secret: &str) -> Result<(), Fault> {
    let headers = request.headers();
    let text = header(headers, "authorization").unwrap_or_default();
    // Signatures of several regions at once (multi-region access points) are made with another kind of key.
    if text.starts_with("AWS4-ECDSA-P256-SHA256") {
        return Ok(());
    }
    let Some(parts) = Parts::read(&text) else { return Err(mismatch(protocol)) };
    let s3 = parts.scope.ends_with("/s3/aws4_request");
    let payload = match header(headers, "x-amz-content-sha256") {
        Some(sent) if sent.len() == 64 && sent != sha256_hex(request.body()) => {
            let message = "The provided 'x-amz-content-sha256' header does not match what was computed.";
            return Err(Fault::new("XAmzContentSHA256Mismatch", message).status(400));
        }
        Some(sent) => sent,
        None => sha256_hex(request.body()),
    };
    let canonical = canonical(request, &parts.signed, s3, &payload);
    let stamp = header(headers, "x-amz-date").unwrap_or_default();
    let digest = sha256_hex(canonical.as_bytes());
    let to_sign = format!("AWS4-HMAC-SHA256\n{stamp}\n{}\n{digest}", parts.scope);
    let key = parts
        .scope
        .split('/')
        .fold(format!("AWS4{secret}").into_bytes(), |key, part| hmac(&key, part.as_bytes()));
    if hex(&hmac(&key, to_sign.as_bytes())) == parts.signature { Ok(()) } else { Err(mismatch(protocol)) }
}

/// The parts of an `Authorization` header.
struct Parts {
    /// `DATE/REGION/SERVICE/aws4_request`.
    scope: String,
    /// Names of the signed headers, in their order.
    signed: Vec<String>,
    signature: String,
}

impl Parts {
    fn read(text: &str) -> Option<Parts> {
        let fields = text.strip_prefix("AWS4-HMAC-SHA256")?;
        let field =
            |name: &str| fields.split(',').find_map(|field| field.trim().strip_prefix(name)).map(str::trim);
        let (_, scope) = field("Credential=")?.split_once('/')?;
        let signed = field("SignedHeaders=")?.split(';').map(str::to_owned).collect();
        Some(Parts { scope: scope.to_owned(), signed, signature: field("Signature=")?.to_owned() })
    }
}

fn canonical(request: &Request<Vec<u8>>, signed: &[String], s3: bool, payload: &str) -> String {
    let path = if request.uri().path().is_empty() { "/" } else { request.uri().path() };
    // "Do not normalize URI paths for requests to Amazon S3"; every other service encodes what is encoded already again.
    let path = if s3 { path.to_owned() } else { utf8_percent_encode(path, PATH).to_string() };
    let mut lines: Vec<String> = Vec::new();
    for name in signed {
        lines.push(format!("{name}:{}", value(request, name)));
    }
    format!(
        "{}\n{path}\n{}\n{}\n\n{}\n{payload}",
        request.method(),
        query(request.uri().query().unwrap_or_default()),
        lines.join("\n"),
        signed.join(";")
    )
}

/// Parameters by name and value, encoded anew.
fn query(text: &str) -> String {
    let encoded = |part: &str| {
        let plain: Vec<u8> = percent_decode_str(part).collect();
        percent_encoding::percent_encode(&plain, PLAIN).to_string()
    };
    let mut pairs: Vec<(String, String)> = text
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (encoded(name), encoded(value)))
        .collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// Values of a header, without the white space around and between words; the host may stand in the URI alone.
fn value(request: &Request<Vec<u8>>, name: &str) -> String {
    let all = request.headers().get_all(name).iter();
    let values: Vec<String> = all
        .map(|value| {
            String::from_utf8_lossy(value.as_bytes()).split_whitespace().collect::<Vec<_>>().join(" ")
        })
        .collect();
    if values.is_empty() && name == "host" {
        return request.uri().authority().map(ToString::to_string).unwrap_or_default();
    }
    values.join(",")
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    let short = if key.len() > block.len() { Sha256::digest(key).to_vec() } else { key.to_vec() };
    block.iter_mut().zip(short).for_each(|(to, from)| *to = from);
    let pad = |byte: u8| block.iter().map(|b| b ^ byte).collect::<Vec<u8>>();
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().to_vec()
}

fn mismatch(protocol: Protocol) -> Fault {
    let message = "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
                   Access Key and signing method. Consult the service documentation for details.";
    let ec2 = "AWS was not able to validate the provided access credentials";
    match protocol {
        Protocol::Ec2 => Fault::new("AuthFailure", ec2).status(401),
        Protocol::Query | Protocol::RestXml => Fault::new("SignatureDoesNotMatch", message).status(403),
        Protocol::RestJson => Fault::new("InvalidSignatureException", message).status(403),
        Protocol::Json | Protocol::Cbor => Fault::new("InvalidSignatureException", message).status(400),
    }
}

/// The refusal of a request whose `x-amz-date` is too far from `now` (seconds since 1970); `None` where it is near, or is no
/// time at all.
pub(super) fn skewed(service: &str, protocol: Protocol, stamp: &str, now: f64) -> Option<Fault> {
    let sent = PrimitiveDateTime::parse(stamp, STAMP).ok()?.assume_utc().unix_timestamp();
    let s3 = matches!(service, "s3" | "s3control");
    let off = now as i64 - sent;
    if off.abs() <= if s3 { TOLERATED_BY_S3 } else { TOLERATED } {
        return None;
    }
    if s3 {
        let message = "The difference between the request time and the current time is too large.";
        return Some(Fault::new("RequestTimeTooSkewed", message).status(403));
    }
    let clock = OffsetDateTime::from_unix_timestamp(now as i64).ok().and_then(|time| time.format(STAMP).ok());
    let clock = clock.unwrap_or_default();
    let message = if off > 0 {
        format!("Signature expired: {stamp} is now earlier than {clock} (5 min. before it)")
    } else {
        format!("Signature not yet current: {stamp} is still later than {clock} (5 min. after it)")
    };
    let (code, status) = match protocol {
        Protocol::Query | Protocol::RestXml => ("SignatureDoesNotMatch", 403),
        Protocol::Ec2 => ("RequestExpired", 400),
        Protocol::RestJson => ("InvalidSignatureException", 403),
        Protocol::Json | Protocol::Cbor => ("InvalidSignatureException", 400),
    };
    Some(Fault::new(code, message).status(status))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    /// The example of the IAM user guide ("AWS Signature Version 4 test suite", `get-vanilla`).
    fn vanilla(signature: &str) -> Request<Vec<u8>> {
        let header = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature={signature}"
        );
        Request::get("http://example.amazonaws.com/")
            .header("host", "example.amazonaws.com")
            .header("x-amz-date", "20150830T123600Z")
            .header("authorization", header)
            .body(Vec::new())
            .unwrap()
    }

    #[test]
    fn the_published_example_verifies_and_another_does_not() {
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        let good = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
        assert_eq!(verify(&vanilla(good), Protocol::Json, secret), Ok(()));
        for protocol in [Protocol::Json, Protocol::Query, Protocol::Ec2, Protocol::RestXml] {
            assert!(verify(&vanilla(good), protocol, "other").is_err());
            assert!(verify(&vanilla(&good.replace('5', "6")), protocol, secret).is_err());
        }
    }

    #[test]
    fn parameters_are_sorted_and_encoded_anew() {
        assert_eq!(query("b=2&a=x%2By&a=1"), "a=1&a=x%2By&b=2");
        assert_eq!(query("policy"), "policy=");
    }

    #[test]
    fn a_time_may_be_off_by_minutes() {
        let now = 1_440_938_160.0;
        let fault = |off: f64, service| skewed(service, Protocol::Json, "20150830T123600Z", now + off);
        assert!(fault(200.0, "iam").is_none() && fault(400.0, "s3").is_none());
        assert!(fault(400.0, "iam").unwrap().message.starts_with("Signature expired"));
        assert!(fault(-400.0, "iam").unwrap().message.starts_with("Signature not yet current"));
        assert_eq!(fault(1_000.0, "s3").unwrap().code, "RequestTimeTooSkewed");
    }
}
