//! No bytes, however malformed, panic or hang a parser, and every request gets an answer.

use http::Request;
use proptest::collection::vec;
use proptest::prelude::*;

use super::tests::request;
use super::{MAX_DEPTH, cbor, chunked, read, write, xml};

/// One valid request per protocol, to be cut and damaged.
fn valid() -> Vec<Request<Vec<u8>>> {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let target = [("x-amz-target", "AWSOrganizationsV20161128.CreatePolicy")];
    let cbor = [("smithy-protocol", "rpc-v2-cbor")];
    let alarm = "https://m/service/GraniteServiceVersion20100801/operation/PutMetricAlarm";
    vec![
        request("POST", "https://iam.amazonaws.com/", "us-east-1/iam", &form, b"Action=CreateRole&RoleName=a&AssumeRolePolicyDocument=%7B%7D&Tags.member.1.Key=k&Tags.member.1.Value=v"),
        request("POST", "https://ec2.amazonaws.com/", "us-east-1/ec2", &form, b"Action=DescribeVpcs&Filter.1.Name=a&Filter.1.Value.1=b"),
        request("POST", "https://o/", "us-east-1/organizations", &target, br#"{"Name":"n","Type":"SERVICE_CONTROL_POLICY","Content":"{}","Description":"","Tags":[{"Key":"k","Value":"v"}]}"#),
        request("POST", alarm, "us-east-1/monitoring", &cbor, b"\xbfiAlarmNameaarComparisonOperatortGreaterThanThresholdqEvaluationPeriods\x01iThreshold\xf9\x3c\x00\xff"),
        request("POST", "https://g/detector", "us-east-1/guardduty", &[], br#"{"enable":true,"tags":{"a":"b"}}"#),
        request("PUT", "https://b-1.s3.amazonaws.com/?lifecycle", "us-east-1/s3", &[], b"<LifecycleConfiguration><Rule><ID>a&amp;b</ID><Status>Enabled</Status></Rule></LifecycleConfiguration>"),
        request("PUT", "https://b-1.s3.amazonaws.com/k", "us-east-1/s3", &[("content-encoding", "aws-chunked")], b"5\r\nhello\r\n0\r\n\r\n"),
    ]
}

fn answered(request: &Request<Vec<u8>>) {
    let reply = match read(request) {
        Ok(parsed) => write(&parsed.dialect, &Ok(serde_json::json!({})), "r"),
        Err(refusal) => write(&refusal.dialect, &Err(refusal.fault), "r"),
    };
    assert!(reply.status().as_u16() >= 200);
}

#[test]
fn the_valid_requests_are_valid() {
    for request in valid() {
        assert!(read(&request).is_ok(), "{:?}", read(&request).map(|p| p.input));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn damaged_bodies_are_answered(which in 0..7_usize, cut in 0..200_usize, at in 0..200_usize, with in vec(any::<u8>(), 0..12)) {
        let mut request = valid().swap_remove(which);
        let body = request.body_mut();
        body.truncate(cut);
        let place = at.min(body.len());
        body.splice(place..place, with);
        answered(&request);
    }

    #[test]
    fn random_bodies_are_answered(which in 0..7_usize, body in vec(any::<u8>(), 0..300)) {
        let mut request = valid().swap_remove(which);
        *request.body_mut() = body;
        answered(&request);
    }

    #[test]
    fn random_paths_and_headers_are_answered(
        which in 0..7_usize,
        path in "[/a-z0-9?&=.%{}+A-F-]{0,60}",
        name in "(x-amz-target|host|content-type|smithy-protocol|authorization|x-amz-security-token|content-encoding)",
        value in vec(0x20..0xff_u8, 0..60),
    ) {
        let mut request = valid().swap_remove(which);
        if let Ok(uri) = format!("https://h.example/{path}").parse() {
            *request.uri_mut() = uri;
        }
        if let (Ok(name), Ok(value)) = (http::HeaderName::try_from(name), http::HeaderValue::from_bytes(&value)) {
            request.headers_mut().insert(name, value);
        }
        answered(&request);
    }

    #[test]
    fn random_parser_input(body in vec(any::<u8>(), 0..400)) {
        let _ = cbor::decode(&body);
        let _ = xml::parse(&body, MAX_DEPTH);
        let _ = chunked::decode(&body);
    }

    #[test]
    fn deep_nesting_is_refused(depth in 65..5000_usize) {
        prop_assert!(cbor::decode(&vec![0x81; depth]).is_err());
        prop_assert!(xml::parse("<a>".repeat(depth).as_bytes(), MAX_DEPTH).is_err());
        let mut request = valid().swap_remove(0);
        *request.body_mut() = format!("Action=CreateRole&{}=1", vec!["a"; depth].join(".")).into_bytes();
        prop_assert!(read(&request).is_err());
    }
}
