#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::aws::testing::{CALLER, Reply, connect, options};

#[tokio::test(start_paused = true)]
async fn the_caller_and_its_partition_are_known() {
    let (aws, log) = connect(options(), |_| None).await;
    let aws = aws.unwrap();
    let expected = Caller {
        account: CALLER.to_owned(),
        arn: format!("arn:aws:iam::{CALLER}:user/jo"),
        user_id: "AIDA1".to_owned(),
        partition: "aws".to_owned(),
    };
    assert_eq!(*aws.caller(), expected);
    assert_eq!(log.of("GetCallerIdentity").first().unwrap().host, "sts.eu-west-1.amazonaws.com");
    assert!(!format!("{aws:?}").contains("secret"));
}

async fn refusal(status: u16, code: &'static str, message: &'static str) -> RunError {
    let (aws, log) = connect(options(), move |_| Some(Reply::error(status, code, message))).await;
    assert_eq!(log.of("GetCallerIdentity").len(), 1, "{code} is not worth another attempt");
    aws.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn what_sts_refuses_is_explained() {
    let expired = refusal(403, "ExpiredToken", "The security token included in the request is expired").await;
    assert!(expired.message.starts_with("the AWS credentials have expired"), "{expired}");
    assert!(expired.hints.iter().any(|h| h.contains("aws sso login")));
    let skewed =
        refusal(403, "SignatureDoesNotMatch", "Signature expired: 20260101T000000Z is now earlier").await;
    assert!(skewed.message.starts_with("the clock of this machine is wrong"), "{skewed}");
    let unknown =
        refusal(403, "InvalidClientTokenId", "The security token included in the request is invalid.").await;
    assert!(unknown.message.starts_with("AWS does not know this access key in eu-west-1"), "{unknown}");
    let other = refusal(403, "AccessDenied", "no").await;
    assert_eq!(
        other.message,
        "AWS did not say who the caller is: sts:GetCallerIdentity failed with AccessDenied: no"
    );
}

#[tokio::test(start_paused = true)]
async fn no_connection_is_told_from_a_refusal() {
    let (aws, log) = connect(options(), |_| Some(Reply::Dropped)).await;
    let error = aws.unwrap_err();
    assert!(error.message.starts_with("AWS STS in eu-west-1 could not be reached"), "{error}");
    assert!(error.hints.iter().any(|h| h.contains("HTTPS_PROXY")));
    assert_eq!(log.of("GetCallerIdentity").len(), 4);
}

#[test]
fn credentials_that_are_missing_or_broken_are_told_apart() {
    let none = credentials_error(&CredentialsError::not_loaded("no providers in chain provided credentials"));
    assert!(none.message.starts_with("no AWS credentials were found"), "{none}");
    assert!(none.hints.iter().any(|h| h.contains("--sandbox")));
    let broken = credentials_error(&CredentialsError::provider_error("the SSO session has expired"));
    assert!(broken.message.ends_with("the SSO session has expired"), "{broken}");
    assert!(broken.hints.iter().any(|h| h.contains("aws sso login")));
}

#[test]
fn an_answer_without_a_partition_is_no_caller() {
    let some = |s: &str| Some(s.to_owned());
    assert!(caller(some("1"), some("nonsense"), None).is_err());
    assert!(caller(None, some("arn:aws-us-gov:iam::1:user/x"), None).is_err());
    let partition = caller(some("1"), some("arn:aws-us-gov:iam::1:user/x"), None).unwrap().partition;
    assert_eq!(partition, "aws-us-gov");
}

#[test]
fn the_base_has_no_credentials_and_a_local_one_no_endpoint() {
    let keys = SharedCredentialsProvider::new(Credentials::from_keys("AKIA", "s", None));
    let loaded = SdkConfig::builder()
        .behavior_version(behavior())
        .credentials_provider(keys)
        .endpoint_url("https://example.com")
        .use_fips(true)
        .build();
    let live = strip(&loaded, false);
    assert!(live.credentials_provider().is_none());
    assert_eq!((live.endpoint_url(), live.use_fips()), (Some("https://example.com"), Some(true)));
    assert_eq!(live.retry_config().unwrap().max_attempts(), 1);
    let local = strip(&loaded, true);
    assert_eq!((local.endpoint_url(), local.use_fips()), (None, None));
}
