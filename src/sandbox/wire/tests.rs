//! Round trips of real request bytes per protocol, without services.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use http::Request;
use serde_json::{Value, json};

use super::*;
use crate::sandbox::models;

/// A signed request; `scope` is `region/service`.
pub(super) fn request(
    method: &str,
    uri: &str,
    scope: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Request<Vec<u8>> {
    let mut builder = Request::builder().method(method).uri(uri).header(
        "authorization",
        format!("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20261121/{scope}/aws4_request, SignedHeaders=host, Signature=00"),
    );
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(body.to_vec()).unwrap()
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");

fn parsed(request: &Request<Vec<u8>>) -> Parsed {
    read(request).unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

fn refused(request: &Request<Vec<u8>>) -> Refusal {
    *read(request).map(|p| format!("{p:?}")).unwrap_err()
}

fn answer(parsed: &Parsed, reply: &Reply) -> (u16, String) {
    let response = write(&parsed.dialect, reply, "req-1");
    (response.status().as_u16(), String::from_utf8_lossy(response.body()).into_owned())
}

#[test]
fn query_lists_maps_and_scalars() {
    let body = b"Action=CreateRole&Version=2010-05-08&RoleName=a&AssumeRolePolicyDocument=%7B%7D&MaxSessionDuration=3600\
                 &Tags.member.1.Key=k+1&Tags.member.1.Value=v%3D&Tags.member.2.Key=b&Tags.member.2.Value=";
    let call = parsed(&request("POST", "https://iam.amazonaws.com/", "us-east-1/iam", &[FORM], body));
    assert_eq!((call.service, call.operation, call.region.as_str()), ("iam", "CreateRole", "us-east-1"));
    assert_eq!(
        call.input,
        json!({"AssumeRolePolicyDocument": "{}", "MaxSessionDuration": 3600, "RoleName": "a",
               "Tags": [{"Key": "k 1", "Value": "v="}, {"Key": "b", "Value": ""}]})
    );
    let (status, text) = answer(&call, &Ok(json!({"Role": {"RoleName": "a<b", "CreateDate": 0.0}})));
    assert_eq!(status, 200);
    assert_eq!(
        text,
        "<CreateRoleResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><CreateRoleResult><Role>\
         <RoleName>a&lt;b</RoleName><CreateDate>1970-01-01T00:00:00Z</CreateDate></Role></CreateRoleResult>\
         <ResponseMetadata><RequestId>req-1</RequestId></ResponseMetadata></CreateRoleResponse>"
    );
    let (status, text) = answer(&call, &Err(Fault::new("NoSuchEntity", "gone")));
    assert_eq!(status, 404);
    assert!(text.contains("<Type>Sender</Type><Code>NoSuchEntity</Code><Message>gone</Message>"), "{text}");
}

#[test]
fn query_maps_use_entries() {
    let body =
        b"Action=CreateTopic&Name=t&Attributes.entry.1.key=KmsMasterKeyId&Attributes.entry.1.value=alias%2Fx";
    let call =
        parsed(&request("POST", "https://sns.eu-west-1.amazonaws.com/", "eu-west-1/sns", &[FORM], body));
    assert_eq!(call.input, json!({"Attributes": {"KmsMasterKeyId": "alias/x"}, "Name": "t"}));
}

#[test]
fn ec2_lists_are_flat_and_replies_use_item() {
    let body = b"Action=DescribeRegions&AllRegions=true&RegionName.1=eu-west-1&Filter.1.Name=opt-in-status&Filter.1.Value.1=x";
    let call =
        parsed(&request("POST", "https://ec2.eu-west-1.amazonaws.com/", "eu-west-1/ec2", &[FORM], body));
    assert_eq!(
        call.input,
        json!({"AllRegions": true, "RegionNames": ["eu-west-1"],
               "Filters": [{"Name": "opt-in-status", "Values": ["x"]}]})
    );
    let (_, text) = answer(&call, &Ok(json!({"Regions": [{"RegionName": "eu-west-1"}]})));
    assert!(
        text.contains("<regionInfo><item><regionName>eu-west-1</regionName></item></regionInfo>"),
        "{text}"
    );
    let (_, text) = answer(&call, &Err(Fault::new("UnauthorizedOperation", "no").status(403)));
    assert!(text.contains("<Response><Errors><Error><Code>UnauthorizedOperation</Code>"), "{text}");
}

#[test]
fn json_by_target() {
    let target = ("x-amz-target", "AWSOrganizationsV20161128.DescribeAccount");
    let uri = "https://organizations.us-east-1.amazonaws.com/";
    let body = br#"{"AccountId":"123456789012","Unknown":1}"#;
    let call = parsed(&request("POST", uri, "us-east-1/organizations", &[target], body));
    assert_eq!(call.input, json!({"AccountId": "123456789012"}));
    let (_, text) = answer(&call, &Ok(json!({"Account": {"Id": "123456789012", "JoinedTimestamp": 1.5}})));
    assert_eq!(text, r#"{"Account":{"Id":"123456789012","JoinedTimestamp":1.5}}"#);
    let fault = Fault::new("ConstraintViolationException", "no").with("Reason", "X");
    let (status, text) = answer(&call, &Err(fault));
    assert_eq!(status, 400);
    assert_eq!(text, r#"{"__type":"ConstraintViolationException","Message":"no","Reason":"X"}"#);

    let bad = request("POST", uri, "us-east-1/organizations", &[target], br#"{"AccountId":"12"}"#);
    let fault = refused(&bad).fault;
    assert_eq!(fault.code, "InvalidInputException");
    assert_eq!(fault.message, "You provided a value that does not match the required pattern.");
    assert_eq!(fault.members["Reason"], "INVALID_PATTERN");
    let bad = request("POST", uri, "us-east-1/organizations", &[target], br#"{"AccountId":12}"#);
    assert_eq!(refused(&bad).fault.message, "NUMBER_VALUE can not be converted to a String");
}

#[test]
fn the_same_operation_in_cbor_json_and_query() {
    let scope = "eu-west-1/monitoring";
    let mut encoder = minicbor::Encoder::new(Vec::new());
    encoder.begin_map().unwrap().str("AlarmNames").unwrap().begin_array().unwrap().str("a").unwrap();
    encoder.end().unwrap().str("MaxRecords").unwrap().f64(5.0).unwrap().end().unwrap();
    let body = encoder.into_writer();
    let cbor = request(
        "POST",
        "https://monitoring.eu-west-1.amazonaws.com/service/GraniteServiceVersion20100801/operation/DescribeAlarms",
        scope,
        &[("smithy-protocol", "rpc-v2-cbor"), ("content-type", "application/cbor")],
        &body,
    );
    let uri = "https://monitoring.eu-west-1.amazonaws.com/";
    let target = ("x-amz-target", "GraniteServiceVersion20100801.DescribeAlarms");
    let json = request("POST", uri, scope, &[target], br#"{"AlarmNames":["a"],"MaxRecords":5}"#);
    let query =
        request("POST", uri, scope, &[FORM], b"Action=DescribeAlarms&AlarmNames.member.1=a&MaxRecords=5");
    let reply =
        Ok(json!({"MetricAlarms": [{"AlarmName": "a", "Threshold": 1, "StateUpdatedTimestamp": 2.0}]}));
    for (request, protocol) in [(cbor, Protocol::Cbor), (json, Protocol::Json), (query, Protocol::Query)] {
        let call = parsed(&request);
        assert_eq!(call.dialect.protocol, protocol);
        assert_eq!(call.input, json!({"AlarmNames": ["a"], "MaxRecords": 5}), "{protocol:?}");
        let response = write(&call.dialect, &reply, "req-1");
        if protocol == Protocol::Cbor {
            let back = cbor::decode(response.body()).unwrap();
            assert_eq!(back["MetricAlarms"][0]["Threshold"], json!(1.0));
            assert_eq!(response.headers()["smithy-protocol"], "rpc-v2-cbor");
            let tag = [b"\xc1\xfb".as_slice(), &2.0_f64.to_be_bytes()].concat();
            assert!(response.body().windows(tag.len()).any(|bytes| bytes == tag), "timestamps have tag 1");
        }
        let fault = write(&call.dialect, &Err(Fault::new("ResourceNotFound", "x")), "req-1");
        if protocol != Protocol::Query {
            assert_eq!(fault.headers()["x-amzn-query-error"], "ResourceNotFound;Sender");
        }
    }
}

#[test]
fn services_that_botocore_calls_json_answer_cbor_too() {
    for (prefix, scope, operation) in [
        ("AWSFMS_20180101", "us-east-1/fms", "GetAdminAccount"),
        ("ComputeOptimizerService", "us-east-1/compute-optimizer", "GetEnrollmentStatus"),
    ] {
        let uri = format!("https://x.amazonaws.com/service/{prefix}/operation/{operation}");
        let call = parsed(&request("POST", &uri, scope, &[("smithy-protocol", "rpc-v2-cbor")], b"\xa0"));
        assert_eq!((call.operation, call.dialect.protocol), (operation, Protocol::Cbor));
    }
}

#[test]
fn rest_json_labels_query_and_body() {
    let uri = "https://guardduty.eu-west-1.amazonaws.com/detector?maxResults=5&nextToken=a%2Fb";
    let call = parsed(&request("GET", uri, "eu-west-1/guardduty", &[], b""));
    assert_eq!(call.operation, "ListDetectors");
    assert_eq!(call.input, json!({"MaxResults": 5, "NextToken": "a/b"}));
    let (_, text) = answer(&call, &Ok(json!({"DetectorIds": ["d"], "NextToken": null})));
    assert_eq!(text, r#"{"detectorIds":["d"]}"#);

    let uri = "https://access-analyzer.eu-west-1.amazonaws.com/analyzer/a%2Eb";
    let call = parsed(&request("GET", uri, "eu-west-1/access-analyzer", &[], b""));
    assert_eq!((call.operation, &call.input), ("GetAnalyzer", &json!({"analyzerName": "a.b"})));
    let response = write(&call.dialect, &Err(Fault::new("ResourceNotFoundException", "no")), "r");
    assert_eq!(response.status(), 404);
    assert_eq!(response.headers()["x-amzn-errortype"], "ResourceNotFoundException");

    let uri = "https://account.us-east-1.amazonaws.com/putAlternateContact";
    let missing =
        request("POST", uri, "us-east-1/account", &[], br#"{"AlternateContactType":"SECURITY","Name":"n"}"#);
    let fault = refused(&missing).fault;
    assert_eq!(fault.code, "ValidationException");
    assert!(
        fault.message.starts_with("3 validation errors detected: Value null at 'title' failed"),
        "{}",
        fault.message
    );
}

#[test]
fn s3_path_and_virtual_host_style() {
    let scope = "eu-west-1/s3";
    let policy = request("PUT", "https://s3.eu-west-1.amazonaws.com/b-1?policy", scope, &[], b"{}");
    let call = parsed(&policy);
    assert_eq!((call.operation, &call.input), ("PutBucketPolicy", &json!({"Bucket": "b-1", "Policy": "{}"})));
    assert_eq!(answer(&call, &Ok(json!({}))), (200, String::new()));

    let versioning = b"<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Status>Enabled</Status></VersioningConfiguration>";
    let call = parsed(&request("PUT", "http://b-1.localhost/?versioning", scope, &[], versioning));
    assert_eq!(call.operation, "PutBucketVersioning");
    assert_eq!(call.input, json!({"Bucket": "b-1", "VersioningConfiguration": {"Status": "Enabled"}}));

    let rules =
        b"<LifecycleConfiguration><Rule><ID>a</ID><Status>Enabled</Status><Filter><And><Prefix>x</Prefix>\
        <Tag><Key>k</Key><Value>v</Value></Tag></And></Filter></Rule></LifecycleConfiguration>";
    let call = parsed(&request(
        "PUT",
        "http://127.0.0.1:4566/b-1?lifecycle",
        scope,
        &[("host", "127.0.0.1:4566")],
        rules,
    ));
    assert_eq!(
        call.input.pointer("/LifecycleConfiguration/Rules/0/Filter/And/Tags/0/Key"),
        Some(&json!("k"))
    );

    let grants = parsed(&request("GET", "https://b-1.s3.eu-west-1.amazonaws.com/?acl", scope, &[], b""));
    let owner =
        json!({"Grants": [{"Permission": "FULL_CONTROL", "Grantee": {"Type": "CanonicalUser", "ID": "i"}}]});
    let (_, text) = answer(&grants, &Ok(owner));
    assert!(text.contains("<Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"CanonicalUser\"><ID>i</ID>"), "{text}");

    let get = parsed(&request(
        "GET",
        "https://b-1.s3.eu-west-1.amazonaws.com/dir/a%20b?x-id=GetObject",
        scope,
        &[],
        b"",
    ));
    assert_eq!((get.operation, &get.input["Key"]), ("GetObject", &json!("dir/a b")));
    let reply =
        Ok(json!({"Body": "aGVsbG8=", "ContentLength": 5, "Metadata": {"k": "v"}, "LastModified": 0.0}));
    let response = write(&get.dialect, &reply, "r");
    assert_eq!(response.body(), b"hello");
    assert_eq!(response.headers()["x-amz-meta-k"], "v");
    assert_eq!(response.headers()["last-modified"], "Thu, 01 Jan 1970 00:00:00 GMT");

    let head = parsed(&request("HEAD", "https://b-1.s3.eu-west-1.amazonaws.com/", scope, &[], b""));
    assert_eq!(head.operation, "HeadBucket");
    assert_eq!(answer(&head, &Err(Fault::new("NoSuchBucket", "x").status(404))), (404, String::new()));

    for (unknown, name) in [
        ("?analytics", "ListBucketAnalyticsConfigurations"),
        ("?analytics&id=x", "GetBucketAnalyticsConfiguration"),
        ("?requestPayment", "GetBucketRequestPayment"),
        ("key?torrent", "GetObjectTorrent"),
        ("?nonsense", "GET /?nonsense"),
    ] {
        let uri = format!("https://b-1.s3.eu-west-1.amazonaws.com/{unknown}");
        let refusal = refused(&request("GET", &uri, scope, &[], b""));
        assert_eq!(refusal.fault.status, Some(501));
        assert_eq!(refusal.unimplemented, Some(format!("s3:{name}")));
    }
    let coverage = "https://guardduty.eu-west-1.amazonaws.com/detector/x/coverage/statistics";
    let refusal = refused(&request("POST", coverage, "eu-west-1/guardduty", &[], b"{}"));
    assert_eq!(refusal.unimplemented.as_deref(), Some("guardduty:GetCoverageStatistics"));
}

#[test]
fn s3_uploads_in_chunks() {
    let headers = [
        ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
        ("content-encoding", "aws-chunked"),
        ("x-amz-meta-owner", "me"),
    ];
    let body = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n";
    let uri = "https://b-1.s3.eu-west-1.amazonaws.com/key";
    let call = parsed(&request("PUT", uri, "eu-west-1/s3", &headers, body));
    assert_eq!((call.operation, &call.input["Body"]), ("PutObject", &json!("aGVsbG8=")));
    assert_eq!(call.input["Metadata"], json!({"owner": "me"}));
    let cut = refused(&request("PUT", uri, "eu-west-1/s3", &headers, &body[..8]));
    assert_eq!(cut.fault.code, "IncompleteBody");
}

#[test]
fn s3control_by_host_and_by_header() {
    let body = b"<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>";
    let path = "/v20180820/configuration/publicAccessBlock";
    let account = ("x-amz-account-id", "123456789012");
    let hosts = ["https://123456789012.s3-control.eu-west-1.amazonaws.com", "http://127.0.0.1:4566"];
    for (host, headers) in [(hosts[0], &[account][..]), (hosts[0], &[]), (hosts[1], &[account])] {
        let call = parsed(&request("PUT", &format!("{host}{path}"), "eu-west-1/s3", headers, body));
        assert_eq!((call.service, call.operation), ("s3control", "PutPublicAccessBlock"));
        assert_eq!(call.input["AccountId"], "123456789012");
        assert_eq!(call.input["PublicAccessBlockConfiguration"], json!({"BlockPublicAcls": true}));
    }
}

#[test]
fn who_is_refused_and_how() {
    let unsigned = |headers: &[(&str, &str)], uri: &str| {
        let mut made = request("POST", uri, "x/y", headers, b"Action=ListUsers");
        made.headers_mut().remove("authorization");
        refused(&made).fault
    };
    assert_eq!(unsigned(&[FORM], "https://iam.amazonaws.com/").code, "MissingAuthenticationToken");
    assert_eq!(unsigned(&[FORM], "https://iam.amazonaws.com/").status, Some(403));
    assert_eq!(unsigned(&[], "http://169.254.169.254/latest/api/token").status, Some(404));
    assert!(unsigned(&[], "https://b.s3.amazonaws.com/k?X-Amz-Signature=0").message.contains("presigned"));

    let uri = "https://iam.amazonaws.com/";
    let unknown = refused(&request("POST", uri, "us-east-1/iam", &[FORM], b"Action=MakeCoffee"));
    assert_eq!(unknown.unimplemented.as_deref(), Some("iam:MakeCoffee"));
    let text = String::from_utf8(write(&unknown.dialect, &Err(unknown.fault), "r").into_body()).unwrap();
    assert!(text.contains("<Code>NotImplemented</Code>") && text.contains("iam:MakeCoffee"), "{text}");
    let service = refused(&request("POST", uri, "us-east-1/quantum", &[FORM], b"Action=Entangle"));
    assert_eq!(service.unimplemented.as_deref(), Some("quantum:Entangle"));
}

#[test]
fn constraints_in_the_words_of_aws() {
    let logs = |body: &[u8]| {
        let target = ("x-amz-target", "Logs_20140328.CreateLogGroup");
        refused(&request("POST", "https://logs.eu-west-1.amazonaws.com/", "eu-west-1/logs", &[target], body))
            .fault
    };
    let missing = logs(b"{}");
    assert_eq!(missing.code, "InvalidParameterException");
    let words = "1 validation error detected: Value null at 'logGroupName' failed to satisfy constraint: Member must not be null";
    assert_eq!(missing.message, words);
    let pattern = logs(br#"{"logGroupName":"a b"}"#);
    assert!(pattern.message.contains("Value 'a b' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: "));

    let iam = |body: &str| {
        refused(&request("POST", "https://iam.amazonaws.com/", "us-east-1/iam", &[FORM], body.as_bytes()))
            .fault
    };
    let short = iam("Action=UpdateAccountPasswordPolicy&MinimumPasswordLength=3");
    assert_eq!(short.code, "ValidationError");
    assert!(short.message.ends_with("Value '3' at 'minimumPasswordLength' failed to satisfy constraint: Member must have value greater than or equal to 6"), "{}", short.message);
    assert_eq!(iam("Action=UpdateAccountPasswordPolicy&MinimumPasswordLength=x").code, "MalformedInput");
}

#[test]
fn every_operation_of_every_service_can_be_answered() {
    for (key, _) in models::services() {
        let api = models::api(key).unwrap();
        for (name, operation) in &api.operations {
            let protocol = match api.metadata.protocol.as_str() {
                "json" => Protocol::Json,
                "rest-json" => Protocol::RestJson,
                "query" => Protocol::Query,
                "ec2" => Protocol::Ec2,
                "rest-xml" => Protocol::RestXml,
                "smithy-rpc-v2-cbor" => Protocol::Cbor,
                other => panic!("{key}: {other}"),
            };
            let dialect =
                Dialect { protocol, api: Some(api), operation: Some((name, operation)), head: false };
            assert!(
                write(&dialect, &Ok(Value::Object(serde_json::Map::new())), "r").status().is_success(),
                "{key} {name}"
            );
            for error in &operation.errors {
                let response = write(&dialect, &Err(Fault::new(error, "m")), "r");
                assert!(!response.status().is_success(), "{key} {error}");
            }
        }
    }
}
