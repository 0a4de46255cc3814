#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::Write;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::aws::testing::options;
use crate::aws::{Aws, Options};

/// Answers one request of a loopback client with a caller's identity and gives back what it said.
async fn one_request(listener: TcpListener) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = Vec::new();
    let mut part = [0; 4096];
    while !request.ends_with(b"Version=2011-06-15") {
        let read = stream.read(&mut part).await.unwrap();
        request.extend_from_slice(&part[..read]);
    }
    let body = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::1:root</Arn><UserId>1</UserId>\
                <Account>1</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all((head + body).as_bytes()).await.unwrap();
    String::from_utf8(request).unwrap()
}

/// The only test with a socket: the pool, the moved authority and the kept host, together.
#[tokio::test]
async fn every_call_goes_to_the_endpoint_and_keeps_its_host() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let endpoint = Endpoint::parse(&url, None).unwrap();
    let http = client(Some(&endpoint), 8, "eu-west-1").unwrap();
    let server = tokio::spawn(one_request(listener));
    // Through `in_process`, so that the caller's credentials are fixed and nothing of this machine is read.
    let aws = Aws::connect(Options { in_process: Some(http), ..options() }).await.unwrap();
    assert_eq!(aws.caller().account, "1");
    let request = server.await.unwrap().to_ascii_lowercase();
    assert!(request.contains("host: sts.eu-west-1.amazonaws.com\r\n"), "{request}");
    assert!(request.contains("/eu-west-1/sts/aws4_request"), "{request}");
}

#[test]
fn a_bundle_without_a_certificate_is_refused_with_its_path() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"not a certificate").unwrap();
    let error = ca_bundle(file.path()).unwrap_err();
    assert!(error.message.contains(&file.path().display().to_string()), "{error}");
    let missing = ca_bundle(Path::new("/nonexistent/ca.pem")).unwrap_err();
    assert!(missing.message.contains("could not be read"), "{missing}");
}

#[test]
fn certificates_are_counted_and_a_broken_one_spoils_the_bundle() {
    let good = "-----BEGIN CERTIFICATE-----\nMAMC\nAQA=\n-----END CERTIFICATE-----\n";
    assert_eq!(certificates(good.as_bytes()), 1);
    assert_eq!(certificates(format!("# roots\n{good}{good}").as_bytes()), 2);
    for bad in [
        "-----BEGIN CERTIFICATE-----\nMAMC\n",
        "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
    ] {
        assert_eq!(certificates(format!("{good}{bad}").as_bytes()), 0, "{bad}");
    }
}

#[test]
fn one_http_and_one_tls_stack_are_in_the_tree() {
    let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock")).unwrap();
    for name in ["hyper", "rustls", "h2", "hyper-rustls"] {
        let count = lock.matches(&format!("name = \"{name}\"\n")).count();
        assert_eq!(count, 1, "{name}: a crate with the SDK's default features brings the older stack back");
    }
}
