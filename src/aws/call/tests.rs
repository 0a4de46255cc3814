#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Mutex;
use std::time::Duration;

use super::*;
use crate::aws::testing::{CALLER, Log, MEMBER, Reply, connect, options};
use crate::aws::{Clients, Limits, Options};

const GUARD: Guard = Guard {
    control: String::new(),
    reads: &["iam:GetRole", "iam:ListUsers", "organizations:ListAccounts"],
    writes: &["iam:CreateRole", "iam:TagRole"],
};

/// Clients of an AWS that gives these answers to one action, one after the other, and then succeeds.
async fn scripted(action: &'static str, replies: Vec<Reply>, limits: Limits) -> (Aws, Clients, Log) {
    let replies = Mutex::new(replies.into_iter());
    let (aws, log) = connect(Options { limits, ..options() }, move |seen| {
        if seen.action == action { replies.lock().unwrap().next() } else { None }
    })
    .await;
    let aws = aws.unwrap();
    let guard = Guard { control: "c.p".to_owned(), ..GUARD };
    let clients = aws.clients(CALLER, "eu-west-1", guard).await.unwrap();
    (aws, clients, log)
}

fn throttle() -> Reply {
    Reply::error(400, "Throttling", "Rate exceeded")
}

#[tokio::test(start_paused = true)]
async fn throttles_are_waited_out_and_counted() {
    let replies = vec![throttle(), throttle(), throttle()];
    let limits = Limits { paced: true, ..Limits::default() };
    let (aws, clients, log) = scripted("GetRole", replies, limits).await;
    let started = Instant::now();
    clients.iam().call("GetRole", |c| c.get_role().role_name("x").send()).await.unwrap();
    // 0.5, 1 and 2 seconds, each at least by half.
    assert!(started.elapsed() >= Duration::from_millis(1750), "{:?}", started.elapsed());
    assert_eq!(log.of("GetRole").len(), 4);
    let counts = aws.calls().into_iter().find(|c| c.operation == "GetRole").unwrap();
    assert_eq!((counts.count, counts.failed, counts.throttled), (4, 3, 3));
    assert_eq!(
        (counts.control.as_str(), counts.service.as_str(), counts.account.as_str()),
        ("c.p", "iam", CALLER)
    );
    assert_eq!(aws.throttles(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_throttle_without_end_fails_at_the_deadline() {
    let replies = std::iter::repeat_with(throttle).take(1000).collect();
    let limits = Limits { paced: true, ..Limits::default() };
    let (_aws, clients, log) = scripted("GetRole", replies, limits).await;
    let started = Instant::now();
    let answer = clients.iam().call("GetRole", |c| c.get_role().role_name("x").send()).await;
    let error = answer.unwrap_err();
    assert_eq!((error.kind, error.maybe_done), (Kind::Throttled, false));
    assert_eq!(
        (error.code.as_deref(), error.status, error.request_id.as_deref()),
        (Some("Throttling"), Some(400), Some("r-1"))
    );
    assert!(started.elapsed() > Duration::from_secs(80) && log.of("GetRole").len() < 40);
}

#[tokio::test(start_paused = true)]
async fn a_create_without_an_answer_is_not_sent_again_and_a_tag_is() {
    let (_aws, clients, log) = scripted("CreateRole", vec![Reply::Dropped], Limits::default()).await;
    let create =
        |c: &aws_sdk_iam::Client| c.create_role().role_name("x").assume_role_policy_document("{}").send();
    let error = clients.iam().call("CreateRole", create).await.unwrap_err();
    assert_eq!((error.kind, error.maybe_done), (Kind::TimedOut, true));
    assert_eq!((log.of("CreateRole").len(), clients.writes()), (1, 0));

    let broken = || Reply::error(500, "ServiceFailure", "try again");
    let (_aws, clients, log) = scripted("TagRole", vec![Reply::Dropped, broken()], Limits::default()).await;
    let tag = aws_sdk_iam::types::Tag::builder().key("k").value("v").build().unwrap();
    clients.iam().call("TagRole", |c| c.tag_role().role_name("x").tags(tag.clone()).send()).await.unwrap();
    assert_eq!((log.of("TagRole").len(), clients.writes()), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn a_lost_read_is_repeated_and_a_refusal_is_not() {
    let (_aws, clients, log) = scripted("GetRole", vec![Reply::Dropped], Limits::default()).await;
    clients.iam().call("GetRole", |c| c.get_role().role_name("x").send()).await.unwrap();
    assert_eq!(log.of("GetRole").len(), 2);

    let denied = Reply::error(403, "AccessDenied", "User is not authorized");
    let (_aws, clients, log) = scripted("GetRole", vec![denied], Limits::default()).await;
    let error = clients.iam().call("GetRole", |c| c.get_role().role_name("x").send()).await.unwrap_err();
    assert_eq!((error.kind, error.message.as_deref()), (Kind::Denied, Some("User is not authorized")));
    assert!(!error.session && !error.maybe_done);
    assert_eq!(log.of("GetRole").len(), 1);
}

fn users(names: &[&str], marker: Option<&str>) -> Reply {
    let user = |n: &&str| {
        format!(
            "<member><Path>/</Path><UserName>{n}</UserName><UserId>AIDA</UserId><Arn>a</Arn>\
             <CreateDate>2026-01-01T00:00:00Z</CreateDate></member>"
        )
    };
    let members: String = names.iter().map(user).collect();
    let marker =
        marker.map(|m| format!("<IsTruncated>true</IsTruncated><Marker>{m}</Marker>")).unwrap_or_default();
    Reply::ok(format!(
        "<ListUsersResponse><ListUsersResult><Users>{members}</Users>{marker}</ListUsersResult></ListUsersResponse>"
    ))
}

async fn list(clients: &Clients) -> Result<Vec<aws_sdk_iam::types::User>, CallError> {
    clients
        .iam()
        .pages(
            "ListUsers",
            |c, token| c.list_users().set_marker(token).send(),
            |page| (page.users, page.marker),
        )
        .await
}

#[tokio::test(start_paused = true)]
async fn every_page_is_read_and_each_is_retried_by_itself() {
    let replies = vec![users(&["a"], Some("1")), users(&[], Some("2")), throttle(), users(&["b"], None)];
    let (_aws, clients, log) = scripted("ListUsers", replies, Limits::default()).await;
    let names: Vec<String> = list(&clients).await.unwrap().into_iter().map(|u| u.user_name).collect();
    assert_eq!(names, ["a", "b"]);
    let markers: Vec<Option<String>> =
        log.of("ListUsers").iter().map(|s| s.form.get("Marker").cloned()).collect();
    let some = |m: &str| Some(m.to_owned());
    assert_eq!(markers, [None, some("1"), some("2"), some("2")]);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_comes_twice_is_an_error() {
    let replies = vec![users(&["a"], Some("1")), users(&["b"], Some("2")), users(&["a"], Some("1"))];
    let (_aws, clients, _log) = scripted("ListUsers", replies, Limits::default()).await;
    let error = list(&clients).await.unwrap_err();
    assert_eq!(error.kind, Kind::Inconsistent);
    assert_eq!(error.operation, "ListUsers");
}

#[tokio::test(start_paused = true)]
async fn calls_of_a_member_are_its_own_in_the_counters() {
    let (aws, _log) = connect(options(), |_| None).await;
    let aws = aws.unwrap();
    let clients = aws.clients(MEMBER, "us-east-1", GUARD).await.unwrap();
    clients.iam().call("GetRole", |c| c.get_role().role_name("x").send()).await.unwrap();
    let seen: Vec<_> =
        aws.calls().into_iter().map(|c| (c.control, c.operation, c.account, c.count)).collect();
    let row = |control: &str, operation: &str, account: &str| {
        (control.to_owned(), operation.to_owned(), account.to_owned(), 1)
    };
    assert_eq!(
        seen,
        [
            row("", "GetRole", MEMBER),
            row("session", "AssumeRole", CALLER),
            row("session", "GetCallerIdentity", CALLER)
        ]
    );
    assert_eq!((clients.account(), clients.region(), clients.partition()), (MEMBER, "us-east-1", "aws"));
}
