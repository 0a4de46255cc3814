#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::aws::testing::{CALLER, MEMBER, Reply, connect, options};
use crate::aws::{Options, Roles};

const GUARD: Guard = Guard { control: String::new(), reads: &["iam:GetRole"], writes: &[] };

#[tokio::test(start_paused = true)]
async fn three_hundred_units_of_one_account_assume_once() {
    let (aws, log) = connect(options(), |_| None).await;
    let aws = aws.unwrap();
    let all = (0..300).map(|_| aws.clients(MEMBER, "eu-west-1", GUARD));
    let opened = futures_util::future::join_all(all).await;
    assert!(opened.iter().all(Result::is_ok));
    let asked = log.of("AssumeRole");
    assert_eq!(asked.len(), 1);
    let form = &asked.first().unwrap().form;
    assert_eq!(form.get("RoleArn").unwrap(), "arn:aws:iam::222222222222:role/Access");
    assert_eq!(form.get("RoleSessionName").unwrap(), "orgbase-run-1");
    assert_eq!(form.get("DurationSeconds").unwrap(), "3600");
    assert!(!form.contains_key("Policy") && !form.contains_key("ExternalId"));
    assert_eq!(asked.first().unwrap().host, "sts.eu-west-1.amazonaws.com");
}

#[tokio::test(start_paused = true)]
async fn calls_are_signed_by_the_member_and_the_caller_needs_no_role() {
    let (aws, log) = connect(options(), |_| None).await;
    let aws = aws.unwrap();
    for account in [MEMBER, CALLER] {
        let clients = aws.clients(account, "eu-west-1", GUARD).await.unwrap();
        clients.iam().call("GetRole", |c| c.get_role().role_name("x").send()).await.unwrap();
    }
    let keys: Vec<String> = log.of("GetRole").into_iter().map(|s| s.key).collect();
    assert_eq!(keys, ["ASIA222222222222N0", "AKIAORGBASESANDBOX00"]);
    assert_eq!(log.of("AssumeRole").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn sessions_are_renewed_at_eighty_percent_and_reach_clients_that_exist() {
    let (aws, log) = connect(options(), |_| None).await;
    let clients = aws.unwrap().clients(MEMBER, "eu-west-1", GUARD).await.unwrap();
    let call =
        || async { clients.iam().call("GetRole", |c| c.get_role().role_name("x").send()).await.unwrap() };
    call().await;
    tokio::time::advance(Duration::from_mins(47)).await;
    call().await;
    assert_eq!(log.of("AssumeRole").len(), 1);
    tokio::time::advance(Duration::from_mins(2)).await;
    call().await;
    assert_eq!(log.of("AssumeRole").len(), 2);
    assert_eq!(log.of("GetRole").last().unwrap().key, "ASIA222222222222N1");
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_opens_a_new_session_once_and_the_call_goes_on() {
    let (aws, log) = connect(options(), |seen| {
        (seen.action == "GetRole" && seen.key.ends_with("N0"))
            .then(|| Reply::error(403, "ExpiredToken", "expired"))
    })
    .await;
    let clients = aws.unwrap().clients(MEMBER, "eu-west-1", GUARD).await.unwrap();
    clients.iam().call("GetRole", |c| c.get_role().role_name("x").send()).await.unwrap();
    assert_eq!(log.of("AssumeRole").len(), 2);
    assert_eq!(log.of("GetRole").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_role_that_cannot_be_assumed_is_tried_once_per_run() {
    let denied = "User is not authorized to perform: sts:AssumeRole";
    let (aws, log) = connect(options(), move |seen| {
        (seen.action == "AssumeRole").then(|| Reply::error(403, "AccessDenied", denied))
    })
    .await;
    let aws = aws.unwrap();
    let all = (0..20).map(|_| aws.clients(MEMBER, "eu-west-1", GUARD));
    for answer in futures_util::future::join_all(all).await {
        let error = answer.unwrap_err();
        assert!(error.session);
        assert_eq!((error.kind, error.code.as_deref()), (Kind::Denied, Some("AccessDenied")));
        assert_eq!((error.account.as_str(), error.message.as_deref()), (MEMBER, Some(denied)));
        assert_eq!(error.request_id.as_deref(), Some("r-1"));
    }
    assert_eq!(log.of("AssumeRole").len(), 1);
    aws.forget_session(MEMBER);
    assert!(aws.clients(MEMBER, "eu-west-1", GUARD).await.is_err());
    assert_eq!(log.of("AssumeRole").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_fails_does_no_harm_while_the_session_lasts() {
    let answers = AtomicU32::new(0);
    let (aws, log) = connect(options(), move |seen| {
        let later = seen.action == "AssumeRole" && answers.fetch_add(1, Ordering::Relaxed) > 0;
        later.then(|| Reply::error(403, "AccessDenied", "no"))
    })
    .await;
    let clients = aws.unwrap().clients(MEMBER, "eu-west-1", GUARD).await.unwrap();
    // By the clock of the run it is time to renew; by the wall the session is good for an hour.
    tokio::time::advance(Duration::from_mins(55)).await;
    clients.iam().call("GetRole", |c| c.get_role().role_name("x").send()).await.unwrap();
    assert_eq!(log.of("GetRole").last().unwrap().key, "ASIA222222222222N0");
}

#[tokio::test(start_paused = true)]
async fn roles_external_id_and_source_identity_are_sent() {
    let per_account = [(MEMBER.to_owned(), "team/Special".to_owned())].into();
    let roles = Roles {
        default: "Access".to_owned(),
        per_account,
        external_id: Some("x-1".to_owned()),
        source_identity: true,
    };
    let (aws, log) = connect(options(), |_| None).await;
    let aws = aws.unwrap();
    aws.set_roles(roles);
    aws.clients(MEMBER, "eu-west-1", GUARD).await.unwrap();
    let form = log.of("AssumeRole").first().unwrap().form.clone();
    assert_eq!(form.get("RoleArn").unwrap(), "arn:aws:iam::222222222222:role/team/Special");
    assert_eq!(form.get("ExternalId").unwrap(), "x-1");
    assert_eq!(form.get("SourceIdentity").unwrap(), "jo");
}

#[tokio::test(start_paused = true)]
async fn read_only_runs_send_the_policy_that_was_set_or_a_generic_one() {
    let (aws, log) = connect(Options { read_only: true, ..options() }, |_| None).await;
    let aws = aws.unwrap();
    let other = "333333333333";
    assert_eq!(aws.set_read_policy("{\"Statement\":[]}".to_owned()), ReadPolicy::AsGiven);
    aws.clients(MEMBER, "eu-west-1", GUARD).await.unwrap();
    assert_eq!(aws.set_read_policy("x".repeat(2049)), ReadPolicy::Generic);
    aws.clients(other, "eu-west-1", GUARD).await.unwrap();
    let sent: Vec<String> =
        log.of("AssumeRole").into_iter().map(|s| s.form.get("Policy").unwrap().clone()).collect();
    assert_eq!(sent, ["{\"Statement\":[]}".to_owned(), read_policy::generic()]);
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_aws_finds_too_large_is_replaced() {
    let (aws, log) = connect(Options { read_only: true, ..options() }, |seen| {
        let given = seen.form.get("Policy").is_some_and(|p| p == "{}");
        (seen.action == "AssumeRole" && given).then(|| Reply::error(400, "PackedPolicyTooLarge", "120 %"))
    })
    .await;
    let aws = aws.unwrap();
    aws.set_read_policy("{}".to_owned());
    aws.clients(MEMBER, "eu-west-1", GUARD).await.unwrap();
    assert_eq!(aws.read_policy(), ReadPolicy::Generic);
    assert_eq!(log.of("AssumeRole").len(), 2);
}

#[test]
fn names_keep_to_what_sts_takes() {
    assert_eq!(name("orgbase-2026-11-21T10:00/äb"), "orgbase-2026-11-21T10-00--b");
    assert_eq!(name(&"x".repeat(99)).len(), 64);
    assert_eq!(source_identity("arn:aws:sts::1:assumed-role/Admin/jo@example.com"), "jo@example.com");
    assert_eq!(role_arn("aws-cn", "1", "/a/B"), "arn:aws-cn:iam::1:role/a/B");
}
