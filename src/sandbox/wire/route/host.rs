//! Names that S3 and S3 Control put in front of the host.

use http::Request;

use super::header;
use crate::policy::is_account_id;

/// The host of a request, without port: from the URI (in process) or the `Host` header (over loopback).
pub(super) fn of(request: &Request<Vec<u8>>) -> String {
    let host = header(request.headers(), "host")
        .or_else(|| request.uri().authority().map(|a| a.as_str().to_owned()))
        .unwrap_or_default()
        .to_ascii_lowercase();
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name.to_owned(),
        _ => host,
    }
}

/// The bucket in front of a virtual-host style host.
pub(super) fn bucket(host: &str) -> Option<&str> {
    let at = [".s3.", ".s3-", ".localhost", ".127.0.0.1"].iter().filter_map(|mark| host.rfind(mark)).min()?;
    host.get(..at).filter(|bucket| !bucket.is_empty())
}

/// The account of `ACCOUNT.s3-control.REGION...` (or of `ACCOUNT.localhost`).
pub(super) fn account(host: &str) -> Option<&str> {
    let first = host.split('.').next()?;
    is_account_id(first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_in_hosts() {
        for (host, expected) in [
            ("my-bucket.s3.eu-west-1.amazonaws.com", Some("my-bucket")),
            ("my.dotted.bucket.s3.amazonaws.com", Some("my.dotted.bucket")),
            ("b.s3.dualstack.us-east-1.amazonaws.com", Some("b")),
            ("bucket.localhost", Some("bucket")),
            ("bucket.s3.localhost", Some("bucket")),
            ("s3.eu-west-1.amazonaws.com", None),
            ("localhost", None),
            ("127.0.0.1", None),
        ] {
            assert_eq!(bucket(host), expected, "{host}");
        }
        assert_eq!(account("123456789012.s3-control.eu-west-1.amazonaws.com"), Some("123456789012"));
        assert_eq!(account("127.0.0.1"), None);
    }
}
