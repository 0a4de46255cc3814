//! `ORGBASE_ENDPOINT`: one loopback authority that gets every call.

use std::net::IpAddr;

use crate::error::RunError;

/// Where every call goes, while the real AWS host stays in the `Host` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Scheme, host and port, such as `http://127.0.0.1:4566`.
    pub url: String,
    /// What the server there understands.
    pub dialect: Dialect,
}

/// What a server behind `ORGBASE_ENDPOINT` understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// What AWS understands.
    Aws,
    /// moto: awsJson instead of rpc-v2-cbor.
    Moto,
}

impl Endpoint {
    /// Reads `ORGBASE_ENDPOINT` and `ORGBASE_ENDPOINT_DIALECT`. `None` where the first is unset or empty.
    pub fn from_env() -> Result<Option<Endpoint>, RunError> {
        let read = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
        let dialect = read("ORGBASE_ENDPOINT_DIALECT");
        read("ORGBASE_ENDPOINT").map(|url| Endpoint::parse(&url, dialect.as_deref())).transpose()
    }

    /// Checks an address and a dialect. Only this machine is accepted: whatever the address says, calls carry credentials.
    pub fn parse(url: &str, dialect: Option<&str>) -> Result<Endpoint, RunError> {
        let bad = |what: &str| {
            RunError::new(format!("`ORGBASE_ENDPOINT={url}` {what}")).hint(
                "use http:// with 127.0.0.1, [::1] or localhost and a port, such as http://127.0.0.1:4566",
            )
        };
        let uri: http::Uri = url.parse().map_err(|_| bad("is not an address"))?;
        if uri.scheme_str() != Some("http") {
            return Err(bad("does not begin with http://"));
        }
        let authority = uri.authority().ok_or_else(|| bad("names no host"))?;
        if authority.as_str().contains('@') {
            return Err(bad("holds a user name"));
        }
        if !matches!(uri.path_and_query().map(http::uri::PathAndQuery::as_str), None | Some("/" | "")) {
            return Err(bad("holds a path"));
        }
        if !loopback(authority.host()) {
            return Err(bad("is not on this machine"));
        }
        let dialect = match dialect {
            None => Dialect::Aws,
            Some("moto") => Dialect::Moto,
            Some(other) => {
                return Err(RunError::new(format!("`ORGBASE_ENDPOINT_DIALECT={other}` is not known"))
                    .hint("the only dialect is `moto`; unset it for every other server"));
            }
        };
        Ok(Endpoint { url: format!("http://{authority}"), dialect })
    }
}

/// `localhost`, `::1` or an address of 127.0.0.0/8.
fn loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_accepted() {
        for url in ["http://127.0.0.1:4566", "http://127.3.2.1:1/", "http://localhost:80", "http://[::1]:9"] {
            let endpoint = Endpoint::parse(url, None).unwrap();
            assert_eq!(endpoint.url, url.trim_end_matches('/'));
            assert_eq!(endpoint.dialect, Dialect::Aws);
        }
        assert_eq!(Endpoint::parse("http://127.0.0.1:1", Some("moto")).unwrap().dialect, Dialect::Moto);
    }

    #[test]
    fn anything_else_is_refused_with_the_reason() {
        for (url, why) in [
            ("http://10.0.0.1:80", "not on this machine"),
            ("http://127.0.0.1.example.com:80", "not on this machine"),
            ("http://localhost.example.com", "not on this machine"),
            ("http://127.0.0.1@example.com", "user name"),
            ("https://127.0.0.1:80", "http://"),
            ("127.0.0.1:80", "http://"),
            ("http://127.0.0.1:80/x", "path"),
            ("http://127.0.0.1:80/?x", "path"),
            ("http://", "not an address"),
        ] {
            let error = Endpoint::parse(url, None).unwrap_err();
            assert!(error.message.contains(why), "{url}: {error}");
        }
        assert!(Endpoint::parse("http://127.0.0.1:1", Some("x")).unwrap_err().message.contains("DIALECT"));
    }
}
