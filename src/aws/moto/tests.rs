#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

fn as_cbor(value: &Value) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    encode(&mut encoder, value, false).unwrap();
    encoder.into_writer()
}

fn rpc(path: &str, body: Vec<u8>) -> HttpRequest {
    let request = http::Request::builder()
        .method("POST")
        .uri(format!("https://monitoring.eu-west-1.amazonaws.com{path}"))
        .header("smithy-protocol", "rpc-v2-cbor")
        .header("accept", "application/cbor")
        .header("content-type", "application/cbor")
        .body(SdkBody::from(body));
    HttpRequest::try_from(request.unwrap()).unwrap()
}

#[test]
fn a_request_becomes_aws_json() {
    let body =
        as_cbor(&serde_json::json!({"AlarmNames": ["a"], "MaxRecords": 5, "Threshold": 1.0, "On": true}));
    let path = "/service/GraniteServiceVersion20100801/operation/DescribeAlarms";
    let mut moved = rpc(path, body);
    assert!(is_rpc(&moved));
    request(&mut moved, path).unwrap();
    assert_eq!(moved.uri(), "https://monitoring.eu-west-1.amazonaws.com/");
    assert_eq!(moved.headers().get("x-amz-target"), Some("GraniteServiceVersion20100801.DescribeAlarms"));
    assert_eq!(moved.headers().get("content-type"), Some("application/x-amz-json-1.0"));
    assert!(!is_rpc(&moved));
    let json = std::str::from_utf8(moved.body().bytes().unwrap()).unwrap();
    assert_eq!(json, r#"{"AlarmNames":["a"],"MaxRecords":5,"Threshold":1.0,"On":true}"#);
    assert_eq!(moved.headers().get("content-length"), Some(json.len().to_string().as_str()));
}

async fn answered(status: u16, json: &str) -> (HttpResponse, Vec<u8>) {
    let response = http::Response::builder().status(status).body(SdkBody::from(json)).unwrap();
    let response = answer(HttpResponse::try_from(response).unwrap()).await.unwrap();
    let body = response.body().bytes().unwrap().to_vec();
    (response, body)
}

#[tokio::test]
async fn an_answer_becomes_cbor_with_tagged_times() {
    let json = r#"{"MetricAlarms":[{"AlarmName":"a","Period":300,"StateUpdatedTimestamp":"2026-01-01T00:00:00Z",
        "AlarmConfigurationUpdatedTimestamp":1767225600.5,"Threshold":1.0,"Unit":null}]}"#;
    let (response, body) = answered(200, json).await;
    assert_eq!(response.headers().get("content-type"), Some("application/cbor"));
    assert_eq!(response.headers().get("smithy-protocol"), Some("rpc-v2-cbor"));
    let mut d = Decoder::new(&body);
    assert_eq!(d.map().unwrap(), Some(1));
    assert_eq!((d.str().unwrap(), d.array().unwrap(), d.map().unwrap()), ("MetricAlarms", Some(1), Some(6)));
    assert_eq!((d.str().unwrap(), d.str().unwrap()), ("AlarmName", "a"));
    assert_eq!((d.str().unwrap(), d.i64().unwrap()), ("Period", 300));
    assert_eq!((d.str().unwrap(), d.tag().unwrap().as_u64()), ("StateUpdatedTimestamp", TIME));
    assert!((d.f64().unwrap() - 1_767_225_600.0).abs() < 1e-9);
    assert_eq!((d.str().unwrap(), d.tag().unwrap().as_u64()), ("AlarmConfigurationUpdatedTimestamp", TIME));
    assert!((d.f64().unwrap() - 1_767_225_600.5).abs() < 1e-9);
    assert_eq!(d.str().unwrap(), "Threshold");
    assert!((d.f64().unwrap() - 1.0).abs() < 1e-9);
}

#[tokio::test]
async fn errors_and_empty_answers_are_turned_too() {
    let (response, body) =
        answered(400, r#"{"__type":"com.amazonaws#LimitExceededFault","message":"full"}"#).await;
    assert_eq!(response.status().as_u16(), 400);
    let back = decode(&mut Decoder::new(&body), DEPTH).unwrap();
    assert_eq!(back, serde_json::json!({"__type": "com.amazonaws#LimitExceededFault", "message": "full"}));
    let (_, body) = answered(200, "").await;
    assert_eq!(decode(&mut Decoder::new(&body), DEPTH).unwrap(), serde_json::json!({}));
    let (response, body) = answered(500, "<html>").await;
    assert_eq!((response.headers().get("smithy-protocol"), body.as_slice()), (None, b"<html>".as_slice()));
}

#[test]
fn indefinite_lengths_times_and_nonsense_are_read_or_refused() {
    let mut e = Encoder::new(Vec::new());
    e.begin_map().unwrap().str("StartTime").unwrap().tag(Tag::new(TIME)).unwrap().f64(5.5).unwrap();
    e.str("L").unwrap().begin_array().unwrap().i64(-1).unwrap().end().unwrap().end().unwrap();
    let read = decode(&mut Decoder::new(&e.into_writer()), DEPTH).unwrap();
    assert_eq!(read, serde_json::json!({"StartTime": 5.5, "L": [-1]}));
    assert!(decode(&mut Decoder::new(&[0x81; 100]), DEPTH).is_err(), "nested too deep");
    assert!(decode(&mut Decoder::new(&[0x9b, 0, 0, 1, 0, 0, 0, 0, 0]), DEPTH).is_err(), "a forged length");
    assert_eq!(target("/service/S"), None);
}

#[tokio::test]
async fn the_answer_about_versioning_gets_the_root_of_s3() {
    let xml =
        r#"<GetBucketVersioningResponse xmlns="x"><Status>Enabled</Status></GetBucketVersioningResponse>"#;
    let response = http::Response::builder().status(200).body(SdkBody::from(xml)).unwrap();
    let response = versioning(HttpResponse::try_from(response).unwrap()).await.unwrap();
    let body = std::str::from_utf8(response.body().bytes().unwrap()).unwrap();
    assert_eq!(
        body,
        r#"<VersioningConfiguration xmlns="x"><Status>Enabled</Status></VersioningConfiguration>"#
    );
}
