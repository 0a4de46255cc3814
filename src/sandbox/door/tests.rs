//! Both doors: what the SDK's own clients send and accept, and the listener's bounds.
#![expect(clippy::unwrap_used, reason = "tests")]

use aws_credential_types::Credentials;
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::region::Region;
use aws_types::request_id::RequestId;
use aws_types::sdk_config::SharedCredentialsProvider;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::sandbox::spec::Spec;

fn sandbox() -> Sandbox {
    Sandbox::open(None, &Spec::default()).unwrap()
}

fn config(client: SharedHttpClient) -> aws_types::SdkConfig {
    aws_types::SdkConfig::builder()
        .behavior_version(aws_sdk_iam::config::BehaviorVersion::v2026_01_12())
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::from_keys("AKIAX", "secret", None)))
        .http_client(client)
        .build()
}

#[tokio::test]
async fn query_through_the_sdk() {
    let iam = aws_sdk_iam::Client::new(&config(sandbox().http_client()));
    let missing = iam.get_account_password_policy().send().await.unwrap_err().into_service_error();
    assert!(missing.is_no_such_entity_exception(), "{missing:?}");
    iam.update_account_password_policy()
        .minimum_password_length(14)
        .require_symbols(true)
        .send()
        .await
        .unwrap();
    let policy = iam.get_account_password_policy().send().await.unwrap().password_policy.unwrap();
    assert_eq!((policy.minimum_password_length, policy.require_symbols), (Some(14), true));
    let tag = aws_sdk_iam::types::Tag::builder().key("k").value("v: w").build().unwrap();
    let role = iam.create_role().role_name("r").assume_role_policy_document(
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#,
    );
    let role = role.tags(tag).send().await.unwrap().role.unwrap();
    assert_eq!(role.tags()[0].value(), "v: w");
    let short = iam.update_account_password_policy().minimum_password_length(3).send().await.unwrap_err();
    assert_eq!(short.code(), Some("ValidationError"));
    assert!(short.request_id().is_some());
}

#[tokio::test]
async fn aws_json_through_the_sdk() {
    let client = aws_sdk_organizations::Client::new(&config(sandbox().http_client()));
    let organization = client.describe_organization().send().await.unwrap().organization.unwrap();
    assert_eq!(organization.id(), Some("o-a1b2c3d4e5"));
    let accounts = client.list_accounts().into_paginator().page_size(3).send();
    let pages = accounts.collect::<Result<Vec<_>, _>>().await.unwrap();
    assert_eq!(pages.len(), 4);
    let account = &pages[0].accounts()[0];
    assert!(account.joined_timestamp().unwrap().secs() > 1_700_000_000);
    let gone =
        client.describe_account().account_id("000000000000").send().await.unwrap_err().into_service_error();
    assert!(gone.is_account_not_found_exception(), "{gone:?}");
    let invalid = client.describe_account().account_id("x").send().await.unwrap_err().into_service_error();
    assert!(invalid.is_invalid_input_exception(), "{invalid:?}");
}

#[tokio::test]
async fn sts_sessions_act_in_their_account() {
    let sandbox = sandbox();
    let sts = aws_sdk_sts::Client::new(&config(sandbox.http_client()));
    let member =
        sandbox.inspect(|w| w.organizations.accounts.values().find(|a| a.created).unwrap().id.clone());
    let arn = format!("arn:aws:iam::{member}:role/OrganizationAccountAccessRole");
    let assumed = sts.assume_role().role_arn(arn).role_session_name("orgbase").send().await.unwrap();
    let keys = assumed.credentials.unwrap();
    let keys = Credentials::from_keys(keys.access_key_id, keys.secret_access_key, Some(keys.session_token));
    let own = config(sandbox.http_client())
        .into_builder()
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .build();
    let caller = aws_sdk_sts::Client::new(&own).get_caller_identity().send().await.unwrap();
    assert_eq!(caller.account(), Some(member.as_str()));
}

#[tokio::test]
async fn s3_through_the_sdk() {
    use aws_sdk_s3::types::{
        BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration, VersioningConfiguration,
    };
    let s3 = aws_sdk_s3::Client::new(&config(sandbox().http_client()));
    let place =
        CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::EuWest1).build();
    s3.create_bucket().bucket("a-bucket").create_bucket_configuration(place).send().await.unwrap();
    let versioning = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    s3.put_bucket_versioning().bucket("a-bucket").versioning_configuration(versioning).send().await.unwrap();
    let found = s3.get_bucket_versioning().bucket("a-bucket").send().await.unwrap();
    assert_eq!(found.status(), Some(&BucketVersioningStatus::Enabled));
    let location = s3.get_bucket_location().bucket("a-bucket").send().await.unwrap();
    assert_eq!(location.location_constraint(), Some(&BucketLocationConstraint::EuWest1));
    let names = s3.list_buckets().send().await.unwrap();
    assert_eq!(names.buckets()[0].name(), Some("a-bucket"));
    s3.put_object()
        .bucket("a-bucket")
        .key("dir/a b")
        .body(ByteStream::from_static(b"hello"))
        .send()
        .await
        .unwrap();
    let object = s3.get_object().bucket("a-bucket").key("dir/a b").send().await.unwrap();
    assert_eq!(object.body.collect().await.unwrap().to_vec(), b"hello");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f");
    std::fs::write(&file, "from a file").unwrap();
    let body = ByteStream::from_path(&file).await.unwrap();
    s3.put_object().bucket("a-bucket").key("f").metadata("k", "v").body(body).send().await.unwrap();
    let object = s3.get_object().bucket("a-bucket").key("f").send().await.unwrap();
    assert_eq!(object.metadata().unwrap()["k"], "v");
    assert_eq!(object.body.collect().await.unwrap().to_vec(), b"from a file");
    let missing = s3.get_bucket_encryption().bucket("no-such-bucket").send().await.unwrap_err();
    assert_eq!(missing.code(), Some("NoSuchBucket"));
    assert!(
        s3.head_bucket()
            .bucket("no-such-bucket")
            .send()
            .await
            .unwrap_err()
            .into_service_error()
            .is_not_found()
    );
}

#[tokio::test]
async fn cbor_through_the_sdk() {
    use aws_sdk_cloudwatch::types::{ComparisonOperator, Statistic};
    let client = aws_sdk_cloudwatch::Client::new(&config(sandbox().http_client()));
    let alarm = client.put_metric_alarm().alarm_name("root-use").namespace("CIS").metric_name("RootUse");
    let alarm =
        alarm.comparison_operator(ComparisonOperator::GreaterThanOrEqualToThreshold).evaluation_periods(1);
    alarm.period(300).statistic(Statistic::Sum).threshold(1.0).send().await.unwrap();
    let found = client.describe_alarms().send().await.unwrap();
    let alarm = &found.metric_alarms()[0];
    assert_eq!(
        (alarm.alarm_name(), alarm.threshold(), alarm.period()),
        (Some("root-use"), Some(1.0), Some(300))
    );
    assert!(alarm.alarm_configuration_updated_timestamp().unwrap().secs() > 1_700_000_000);
    let wrong = client.put_metric_alarm().alarm_name("x").send().await.unwrap_err();
    assert!(wrong.code().is_some(), "{wrong:?}");
}

#[tokio::test]
async fn rest_json_through_the_sdk() {
    use aws_sdk_account::types::AlternateContactType;
    let client = aws_sdk_account::Client::new(&config(sandbox().http_client()));
    let kind = AlternateContactType::Security;
    let none = client.get_alternate_contact().alternate_contact_type(kind.clone()).send().await.unwrap_err();
    assert!(none.into_service_error().is_resource_not_found_exception());
    let put = client.put_alternate_contact().alternate_contact_type(kind.clone()).name("Sec").title("Ops");
    put.email_address("sec@example.com").phone_number("+1 555 0100").send().await.unwrap();
    let found = client.get_alternate_contact().alternate_contact_type(kind).send().await.unwrap();
    assert_eq!(found.alternate_contact.unwrap().email_address(), Some("sec@example.com"));
}

#[tokio::test]
async fn what_is_not_simulated_is_loud_in_every_protocol() {
    let sandbox = sandbox();
    let config = config(sandbox.http_client());
    let ec2 = aws_sdk_ec2::Client::new(&config).describe_hosts().send().await.unwrap_err();
    assert_eq!(ec2.code(), Some("NotImplemented"));
    assert_eq!(ec2.raw_response().unwrap().status().as_u16(), 501);
    let fms = aws_sdk_fms::Client::new(&config).list_apps_lists().max_results(1).send().await.unwrap_err();
    assert_eq!(fms.code(), Some("NotImplemented"));
    assert_eq!(sandbox.unimplemented(), ["ec2:DescribeHosts", "fms:ListAppsLists"]);
}

/// Sends raw bytes to a listener and reads until it closes or answers.
async fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = vec![0; 2000];
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut answer)).await.unwrap().unwrap();
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

#[tokio::test]
async fn the_listener_answers_bounds_and_stops() {
    let sandbox = sandbox();
    for address in ["0.0.0.0:0", "192.0.2.1:80", "[::]:0"] {
        let error = listen(&sandbox, address).await.unwrap_err().to_string();
        assert!(error.contains("not a loopback address"), "{error}");
    }
    assert!(listen(&sandbox, "nonsense").await.unwrap_err().to_string().contains("not an address"));
    let listener = listen(&sandbox, "127.0.0.1:0").await.unwrap();
    let address = listener.address();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let served = tokio::spawn(listener.serve_until(async move { drop(stopped.await) }));

    let client = aws_smithy_http_client::Builder::new().build_http();
    let config = config(client).into_builder().endpoint_url(format!("http://{address}")).build();
    let organizations = aws_sdk_organizations::Client::new(&config);
    let found = organizations.describe_organization().send().await.unwrap();
    assert_eq!(found.organization.unwrap().id(), Some("o-a1b2c3d4e5"));
    let path_style = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
    let buckets = aws_sdk_s3::Client::from_conf(path_style);
    assert_eq!(buckets.list_buckets().send().await.unwrap().buckets().len(), 0);

    let origin = raw(address, b"GET / HTTP/1.1\r\nHost: x\r\nOrigin: http://evil.example\r\n\r\n").await;
    assert!(origin.starts_with("HTTP/1.1 403"), "{origin}");
    let unsigned = raw(address, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(unsigned.starts_with("HTTP/1.1 403"), "{unsigned}");
    let nonsense = raw(address, b"\x00\x01\x02 nonsense\r\n\r\n").await;
    assert!(nonsense.starts_with("HTTP/1.1 400"), "{nonsense}");
    let large = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", MAX_BODY + 1);
    let large = raw(address, large.as_bytes()).await;
    assert!(large.starts_with("HTTP/1.1 413"), "{large}");
    let long = format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "a".repeat(2 * MAX_HEAD));
    let long = raw(address, long.as_bytes()).await;
    assert!(long.starts_with("HTTP/1.1 431"), "{long}");

    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(5), served).await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

/// A listener with small bounds, and how to stop it.
async fn bounded(connections: u32, patience: Duration) -> (SocketAddr, tokio::sync::oneshot::Sender<()>) {
    let listener = listen(&sandbox(), "127.0.0.1:0").await.unwrap();
    let address = listener.address();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let bounds = Bounds { connections, patience };
    tokio::spawn(listener.serve_within(bounds, async move { drop(stopped.await) }));
    (address, stop)
}

const SIMPLE: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn above_the_number_of_connections_clients_wait_and_are_served_later() {
    let (address, stop) = bounded(2, Duration::from_secs(20)).await;
    let idle = [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut third = tokio::spawn(async move { raw(address, SIMPLE).await });
    let early = tokio::time::timeout(Duration::from_millis(300), &mut third).await;
    assert!(early.is_err(), "a third connection is served beside two others");
    drop(idle);
    let late = tokio::time::timeout(Duration::from_secs(10), third).await.unwrap().unwrap();
    assert!(late.starts_with("HTTP/1.1 403"), "{late}");
    drop(stop);
}

#[tokio::test]
async fn slow_clients_are_cut_off() {
    let (address, stop) = bounded(4, Duration::from_millis(200)).await;
    // A head that never ends, and a body that never comes.
    let head = tokio::time::timeout(Duration::from_secs(10), raw(address, b"GET / HTTP/1.1\r\nHost:")).await;
    assert!(head.is_ok(), "a slow head keeps its connection");
    let body = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc";
    let body = tokio::time::timeout(Duration::from_secs(10), raw(address, body)).await.unwrap();
    assert!(body.starts_with("HTTP/1.1 408"), "{body}");
    assert!(raw(address, SIMPLE).await.starts_with("HTTP/1.1 403"), "the others are served");
    drop(stop);
}

/// Whatever bytes come, the client gets an answer or the end of the connection, and the next one is served.
#[tokio::test]
async fn any_bytes_are_answered_and_the_listener_stays() {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};

    let (address, stop) = bounded(64, Duration::from_millis(300)).await;
    let head = prop_oneof![
        Just(&b""[..]),
        Just(&b"GET / HTTP/1.1\r\nHost: iam.amazonaws.com\r\n"[..]),
        Just(&b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"[..]),
        Just(&b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: AWSOrganizationsV20161128.ListRoots\r\nContent-Length: 20\r\n"[..]),
        Just(&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..]),
        Just(&b"GET /?X-Amz-Credential=a/b/c/d/e HTTP/1.0\r\n\r\n"[..]),
    ];
    let requests = std::cell::RefCell::new(Vec::new());
    let config = Config { cases: 60, ..Config::default() };
    TestRunner::new(config)
        .run(&(head, vec(any::<u8>(), 0..80), any::<bool>()), |(head, tail, ends)| {
            let end: &[u8] = if ends { b"\r\n\r\n" } else { b"" };
            requests.borrow_mut().push([head, &tail, end].concat());
            Ok(())
        })
        .unwrap();
    let asked = requests
        .into_inner()
        .into_iter()
        .map(|request: Vec<u8>| tokio::spawn(async move { ended(address, &request).await }));
    for asked in asked.collect::<Vec<_>>() {
        asked.await.unwrap();
    }
    assert!(raw(address, SIMPLE).await.starts_with("HTTP/1.1 403"), "the listener is gone");
    drop(stop);
}

/// Sends bytes and reads until the connection ends.
async fn ended(address: SocketAddr, bytes: &[u8]) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may have hung up on the first bytes.
    if stream.write_all(bytes).await.is_err() {
        return;
    }
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
    let read = read.map_err(|_| format!("no end after {:?}", String::from_utf8_lossy(bytes))).unwrap();
    assert!(read.is_err() || answer.is_empty() || answer.starts_with(b"HTTP/1."), "{answer:?}");
}
