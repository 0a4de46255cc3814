//! The store: what survives, what is refused, and that replaying gives the same world.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::sandbox::spec::MANAGEMENT_ID;

fn spec(text: &str) -> Spec {
    Spec::parse(text).unwrap()
}

fn signed(
    key: &str,
    token: Option<&str>,
    scope: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Request<Vec<u8>> {
    let credential = format!(
        "AWS4-HMAC-SHA256 Credential={key}/20261121/{scope}/aws4_request, SignedHeaders=host, Signature=0"
    );
    let mut builder =
        Request::builder().method("POST").uri("https://x.amazonaws.com/").header("authorization", credential);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    if let Some(token) = token {
        builder = builder.header("x-amz-security-token", token);
    }
    builder.body(body.as_bytes().to_vec()).unwrap()
}

fn iam(body: &str) -> Request<Vec<u8>> {
    signed("AKIAX", None, "us-east-1/iam", &[("content-type", "application/x-www-form-urlencoded")], body)
}

fn organizations(operation: &str, body: &str) -> Request<Vec<u8>> {
    let target = format!("AWSOrganizationsV20161128.{operation}");
    signed("AKIAX", None, "us-east-1/organizations", &[("x-amz-target", &target)], body)
}

fn text(response: &Response<Vec<u8>>) -> String {
    String::from_utf8_lossy(response.body()).into_owned()
}

fn ask(sandbox: &Sandbox, request: &Request<Vec<u8>>) -> String {
    let response = sandbox.handle(request);
    assert!(response.status().is_success(), "{}", text(&response));
    text(&response)
}

fn world(sandbox: &Sandbox) -> Value {
    sandbox.inspect(|world| serde_json::to_value(world).unwrap())
}

/// Writes of several services, reads and a failure between them.
fn busy(sandbox: &Sandbox) {
    ask(sandbox, &iam("Action=CreateAccountAlias&AccountAlias=one"));
    ask(sandbox, &organizations("ListRoots", "{}"));
    let root = sandbox.inspect(|world| world.organizations.organization.as_ref().unwrap().root.clone());
    ask(
        sandbox,
        &organizations("CreateOrganizationalUnit", &format!(r#"{{"ParentId":"{root}","Name":"New"}}"#)),
    );
    let again =
        organizations("CreateOrganizationalUnit", &format!(r#"{{"ParentId":"{root}","Name":"New"}}"#));
    assert_eq!(sandbox.handle(&again).status(), 400);
    let made =
        ask(sandbox, &organizations("CreateAccount", r#"{"Email":"n@example.com","AccountName":"n"}"#));
    let made: Value = serde_json::from_str(&made).unwrap();
    let id = made.pointer("/CreateAccountStatus/Id").unwrap().as_str().unwrap().to_owned();
    for _ in 0..4 {
        ask(
            sandbox,
            &organizations("DescribeCreateAccountStatus", &format!(r#"{{"CreateAccountRequestId":"{id}"}}"#)),
        );
    }
    ask(sandbox, &iam("Action=CreateUser&UserName=u"));
}

fn state_file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    (folder, path)
}

#[test]
fn a_killed_process_loses_nothing_that_it_acknowledged() {
    let (_folder, path) = state_file();
    let sandbox = Sandbox::open(Some(&path), &spec("accounts=4,seed=3")).unwrap();
    busy(&sandbox);
    let before = world(&sandbox);
    let written = fs::read(&path).unwrap();
    drop(sandbox);
    // what was in the file before the clean end is all that counts, and a torn line is nothing
    fs::write(&path, [written.as_slice(), br#"{"a":"1111"#].concat()).unwrap();
    let again = Sandbox::open(Some(&path), &Spec::default()).unwrap();
    assert_eq!(world(&again), before);
    ask(&again, &iam("Action=CreateUser&UserName=v"));
    drop(again);
    let third = Sandbox::open(Some(&path), &Spec::default()).unwrap();
    assert!(ask(&third, &iam("Action=ListUsers")).contains("<UserName>v</UserName>"));
}

#[test]
fn reads_and_failures_are_not_logged() {
    let (_folder, path) = state_file();
    let sandbox = Sandbox::open(Some(&path), &Spec::default()).unwrap();
    let lines = || fs::read_to_string(&path).unwrap().lines().count();
    ask(&sandbox, &iam("Action=ListUsers"));
    assert_eq!(
        sandbox.handle(&iam("Action=DeleteUser&UserName=nobody")).status().as_u16() / 100,
        if sandbox.unimplemented().is_empty() { 4 } else { 5 }
    );
    assert_eq!(lines(), 1);
    ask(&sandbox, &iam("Action=CreateUser&UserName=u"));
    assert_eq!(lines(), 2);
}

#[test]
fn a_snapshot_gives_the_same_world_and_belongs_to_its_log() {
    let (_folder, path) = state_file();
    let sandbox = Sandbox::open(Some(&path), &spec("accounts=3")).unwrap();
    busy(&sandbox);
    {
        let mut state = lock(&sandbox.shared.state);
        let State { world, file, .. } = &mut *state;
        file.as_mut().unwrap().write_snapshot(world).unwrap();
    }
    ask(&sandbox, &iam("Action=CreateUser&UserName=after"));
    let before = world(&sandbox);
    drop(sandbox);
    let again = Sandbox::open(Some(&path), &Spec::default()).unwrap();
    assert_eq!(world(&again), before);
    drop(again);
    // another organization in the same place: the old snapshot is not taken
    fs::remove_file(&path).unwrap();
    let other = Sandbox::open(Some(&path), &spec("accounts=5")).unwrap();
    assert_eq!(other.inspect(|world| world.organizations.accounts.len()), 6);
}

#[test]
fn files_that_are_not_ours() {
    let (_folder, path) = state_file();
    for (content, expected) in [
        ("hello\n", "is not a sandbox state file"),
        ("{\"format\":\"orgbase-sandbox\",\"version\":99}\n", "has format version 99"),
    ] {
        fs::write(&path, content).unwrap();
        let error = Sandbox::open(Some(&path), &Spec::default()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), content, "it is left alone");
    }
    let sandbox_path = path.with_file_name("other");
    drop(Sandbox::open(Some(&sandbox_path), &Spec::default()).unwrap());
    let header = fs::read_to_string(&sandbox_path).unwrap();
    fs::write(&sandbox_path, format!("{header}nonsense\n")).unwrap();
    let error = Sandbox::open(Some(&sandbox_path), &Spec::default()).unwrap_err().to_string();
    assert!(error.contains("entry 1 cannot be read"), "{error}");
}

#[test]
fn a_second_opener_waits_for_the_first() {
    let (_folder, path) = state_file();
    let first = Sandbox::open(Some(&path), &Spec::default()).unwrap();
    let waiting = {
        let path = path.clone();
        std::thread::spawn(move || {
            Sandbox::open(Some(&path), &Spec::default()).map(|s| ask(&s, &iam("Action=ListUsers")))
        })
    };
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert!(!waiting.is_finished());
    ask(&first, &iam("Action=CreateUser&UserName=u"));
    drop(first);
    assert!(waiting.join().unwrap().unwrap().contains("<UserName>u</UserName>"));
}

#[test]
fn callers_are_told_apart_and_bad_credentials_refused() {
    let sandbox = Sandbox::open(None, &spec("accounts=3,suspended=1")).unwrap();
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let who = |key: &str, token: Option<&str>| {
        sandbox.handle(&signed(
            key,
            token,
            "us-east-1/sts",
            &form,
            "Action=GetCallerIdentity&Version=2011-06-15",
        ))
    };
    assert!(text(&who("AKIAX", None)).contains(&format!("<Account>{MANAGEMENT_ID}</Account>")));
    let state_of = |wanted: AccountState| {
        sandbox.inspect(|world| {
            world
                .organizations
                .accounts
                .values()
                .find(|a| a.state == wanted && a.id != MANAGEMENT_ID)
                .unwrap()
                .id
                .clone()
        })
    };
    let member = state_of(AccountState::Active);
    let good = session::issue(&member, "OrganizationAccountAccessRole", "s", now() + 900.0);
    let found = text(&who(&good.access_key_id, Some(&good.session_token)));
    assert!(
        found.contains(&format!("arn:aws:sts::{member}:assumed-role/OrganizationAccountAccessRole/s")),
        "{found}"
    );

    let late = session::issue(&member, "r", "s", now() - 1.0);
    let gone = session::issue(&state_of(AccountState::Suspended), "r", "s", now() + 900.0);
    let stranger = session::issue("999999999999", "r", "s", now() + 900.0);
    for (key, token, code) in [
        (&good.access_key_id, None, "InvalidClientTokenId"),
        (&late.access_key_id, Some(&late.session_token), "ExpiredToken"),
        (&gone.access_key_id, Some(&gone.session_token), "InvalidClientTokenId"),
        (&stranger.access_key_id, Some(&stranger.session_token), "InvalidClientTokenId"),
    ] {
        let response = who(key, token.map(String::as_str));
        assert_eq!(response.status(), 403);
        assert!(text(&response).contains(&format!("<Code>{code}</Code>")), "{}", text(&response));
    }
    let target = [("x-amz-target", "AWSOrganizationsV20161128.ListRoots")];
    let json = sandbox.handle(&signed(&good.access_key_id, None, "us-east-1/organizations", &target, "{}"));
    assert!(text(&json).contains("UnrecognizedClientException"), "{}", text(&json));
}

#[test]
fn what_is_missing_is_remembered() {
    let sandbox = Sandbox::open(None, &Spec::default()).unwrap();
    let response = sandbox.handle(&iam("Action=MakeCoffee"));
    assert_eq!(response.status(), 501);
    assert_eq!(sandbox.unimplemented(), ["iam:MakeCoffee"]);
}

#[test]
fn writes_by_the_names_of_operations() {
    for write in [
        "CreateUser",
        "DeleteTrail",
        "TagResource",
        "EnableRegion",
        "DescribeCreateAccountStatus",
        "GenerateCredentialReport",
    ] {
        assert!(is_write(write), "{write}");
    }
    for read in
        ["ListUsers", "DescribeTrails", "GetRole", "HeadBucket", "AssumeRole", "LookupEvents", "BatchGetX"]
    {
        assert!(!is_write(read), "{read}");
    }
}
