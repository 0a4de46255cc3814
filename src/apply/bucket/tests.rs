#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use serde_json::{Value, json};

use super::*;
use crate::aws::{Limits, Options, Roles};
use crate::control::{Diff, Record};
use crate::sandbox::Sandbox;
use crate::sandbox::services;
use crate::sandbox::spec::Spec;
use crate::sandbox::world::{Call, Principal};
use crate::units::UnitId;

const RUN_DIR: &str = "s3://runs-1/team/orgbase";

/// A sandbox with the bucket, and who calls.
struct Lab {
    sandbox: Sandbox,
    aws: Aws,
}

impl Lab {
    async fn new() -> Lab {
        let sandbox = Sandbox::open(None, &Spec::default()).unwrap();
        let door = sandbox.http_client();
        Lab::through(sandbox, door).await
    }

    async fn through(sandbox: Sandbox, door: SharedHttpClient) -> Lab {
        let options = Options {
            profile: None,
            region: "eu-west-1".into(),
            endpoint: None,
            in_process: Some(door),
            // A plan may write its own files too.
            read_only: true,
            run_id: "test".into(),
            roles: Roles::default(),
            limits: Limits::default(),
        };
        let aws = Aws::connect(options).await.unwrap();
        let lab = Lab { sandbox, aws };
        lab.s3(
            "CreateBucket",
            json!({"Bucket": "runs-1", "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}),
        );
        lab
    }

    /// Somebody else's call.
    fn s3(&self, operation: &str, input: Value) -> Value {
        let region = if input["Bucket"] == "far-1" { "eu-central-1" } else { "eu-west-1" };
        let call = Call {
            service: "s3".into(),
            operation: operation.into(),
            account: self.aws.caller().account.clone(),
            region: region.into(),
            principal: Principal::Management,
            input,
            now: 1_800_000_000.0,
        };
        self.sandbox.modify(|world| services::dispatch(world, &call)).unwrap().unwrap()
    }

    async fn store(&self, address: &str) -> Box<dyn RunStore> {
        crate::apply::store::open(Path::new(address), &self.aws, "eu-west-1").await.unwrap()
    }

    /// What the lock says.
    fn lease(&self) -> Value {
        let read = self.s3("GetObject", json!({"Bucket": "runs-1", "Key": "team/orgbase/o-1.lock"}));
        decoded(&read)
    }

    /// Writes a lease of somebody else.
    fn foreign(&self, lease: &Value) {
        use base64::Engine as _;
        let body = base64::engine::general_purpose::STANDARD.encode(lease.to_string());
        self.s3("PutObject", json!({"Bucket": "runs-1", "Key": "team/orgbase/o-1.lock", "Body": body}));
    }
}

fn decoded(read: &Value) -> Value {
    use base64::Engine as _;
    let body = base64::engine::general_purpose::STANDARD.decode(read["Body"].as_str().unwrap()).unwrap();
    serde_json::from_slice(&body).unwrap()
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

fn other(renewed_at: u64) -> Value {
    json!({"run": "other", "host": "elsewhere", "machine": "another", "pid": 7, "renewed_at": renewed_at})
}

fn head(run: &str) -> Head<'_> {
    Head { run, organization_id: "o-1", command: "apply", started_at: "now", baseline_digest: "d" }
}

#[test]
fn addresses() {
    let parse = |text: &str| Address::parse(Path::new(text));
    assert_eq!(parse(".orgbase").unwrap(), None);
    assert_eq!(parse("/s3/x").unwrap(), None);
    let full = parse("s3://runs-1/a/b/?owner=222222222222").unwrap().unwrap();
    assert_eq!(
        (full.bucket.as_str(), full.prefix.as_str()),
        ("runs-1", "a/b/?owner=222222222222".split("/?").next().unwrap())
    );
    assert_eq!(full.owner.as_deref(), Some("222222222222"));
    assert_eq!(parse("s3://runs-1").unwrap().unwrap().prefix, "");
    for bad in ["s3://", "s3://A/x", "s3://a", "s3://runs-1/x?owner=1", "s3://arn:aws:s3:::b/x"] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn permissions_are_those_of_the_prefix() {
    let found = crate::apply::store::statements(Path::new(RUN_DIR)).unwrap();
    assert_eq!(found[0]["Resource"], "arn:*:s3:::runs-1/team/orgbase/*");
    assert_eq!(found[1]["Condition"]["StringLikeIfExists"]["s3:prefix"], "team/orgbase/*");
    assert!(crate::apply::store::statements(Path::new(".orgbase")).unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_lock_is_taken_renewed_and_given_back() {
    let lab = Lab::new().await;
    let store = lab.store(RUN_DIR).await;
    let cancel = Cancel::default();
    let lock = store.lock("o-1", "mine", &cancel).await.unwrap();
    assert_eq!(lab.lease()["run"], "mine");
    let versions = |lab: &Lab| {
        lab.s3("HeadObject", json!({"Bucket": "runs-1", "Key": "team/orgbase/o-1.lock"}))["LastModified"]
            .clone()
    };
    let taken = versions(&lab);
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(21)).await;
    }
    assert!(versions(&lab).as_f64() >= taken.as_f64());
    assert!(!cancel.is_cancelled(), "renewed with the ETag of the last renewal each time");
    lock.release().await;
    assert_eq!(lab.lease()["renewed_at"], 0);
    let next = store.lock("o-1", "next", &cancel).await.unwrap();
    assert_eq!(lab.lease()["run"], "next");
    next.release().await;
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_is_renewed_is_waited_for_and_then_named() {
    let lab = Lab::new().await;
    let store = lab.store(RUN_DIR).await;
    let (cancel, started) = (Cancel::default(), tokio::time::Instant::now());
    let holder = store.lock("o-1", "first", &cancel).await.unwrap();
    let error = store.lock("o-1", "second", &cancel).await.err().unwrap();
    assert!(error.message.contains("run first (process "), "{}", error.message);
    assert!(error.message.contains("s3://runs-1/team/orgbase/o-1.lock"), "{}", error.message);
    assert!((60..=70).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
    holder.release().await;
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_nobody_renews_is_taken_over() {
    let lab = Lab::new().await;
    let store = lab.store(RUN_DIR).await;
    // Long lapsed by any clock; lapsed because it does not change; unreadable.
    for (lease, least) in [(other(now() - 1000), 0), (other(now() + 100), 60), (json!("?"), 60)] {
        lab.foreign(&lease);
        let started = tokio::time::Instant::now();
        let lock = store.lock("o-1", "mine", &Cancel::default()).await.unwrap();
        assert_eq!(lab.lease()["run"], "mine");
        assert!((least..=least + 10).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
        lock.release().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_was_taken_over_stops_the_run_and_is_not_given_back() {
    let lab = Lab::new().await;
    let store = lab.store(RUN_DIR).await;
    let cancel = Cancel::default();
    let lock = store.lock("o-1", "mine", &cancel).await.unwrap();
    lab.foreign(&other(now()));
    tokio::time::sleep(Duration::from_secs(25)).await;
    assert!(cancel.is_cancelled());
    lock.release().await;
    assert_eq!((&lab.lease()["run"], lab.lease()["renewed_at"] == 0), (&json!("other"), false));
}

/// A door whose objects of this name never answer as soon as `shut` is set.
fn door(sandbox: &Sandbox, name: &'static str, shut: &Arc<AtomicBool>, answer: Action) -> SharedHttpClient {
    let (sandbox, shut) = (sandbox.clone(), Arc::clone(shut));
    crate::aws::in_process(move |request| {
        let is_meant = shut.load(Ordering::SeqCst) && request.uri().path().ends_with(name);
        let sandbox = sandbox.clone();
        async move {
            match answer {
                Action::Hang if is_meant => std::future::pending().await,
                Action::Lose if is_meant => {
                    let gone = "<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>";
                    Ok(http::Response::builder().status(404).body(gone.as_bytes().to_vec()).unwrap())
                }
                _ => Ok(sandbox.handle(&request)),
            }
        }
    })
}

#[derive(Clone, Copy)]
enum Action {
    Hang,
    Lose,
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_does_not_end_stops_the_run_with_the_lease() {
    let (sandbox, shut) = (Sandbox::open(None, &Spec::default()).unwrap(), Arc::default());
    let hangs = door(&sandbox, "o-1.lock", &shut, Action::Hang);
    let lab = Lab::through(sandbox, hangs).await;
    let cancel = Cancel::default();
    let lock = lab.store(RUN_DIR).await.lock("o-1", "mine", &cancel).await.unwrap();
    shut.store(true, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(55)).await;
    assert!(!cancel.is_cancelled());
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(cancel.is_cancelled());
    drop(lock);
}

#[tokio::test(start_paused = true)]
async fn a_journal_with_a_hole_in_it_is_no_journal() {
    let (sandbox, shut) = (Sandbox::open(None, &Spec::default()).unwrap(), Arc::default());
    let loses = door(&sandbox, "journal/000001.jsonl", &shut, Action::Lose);
    let lab = Lab::through(sandbox, loses).await;
    let store = lab.store(RUN_DIR).await;
    store.journal(&head("r1")).await.unwrap();
    assert!(store.read_journal("r1").await.is_ok());
    shut.store(true, Ordering::SeqCst);
    let error = store.read_journal("r1").await.err().unwrap();
    assert!(error.message.contains("journal/000001.jsonl"), "{}", error.message);
}

#[tokio::test(start_paused = true)]
async fn of_many_runs_one_takes_the_lock() {
    let lab = Lab::new().await;
    lab.foreign(&other(0));
    let cancel = Cancel::default();
    let store = lab.store(RUN_DIR).await;
    let names: Vec<String> = (0..8).map(|n| format!("r{n}")).collect();
    let takes = names.iter().map(|run| store.lock("o-1", run, &cancel));
    let taken = futures_util::future::join_all(takes).await;
    assert_eq!(taken.iter().filter(|t| t.is_ok()).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_journal_is_one_object_per_flush() {
    let lab = Lab::new().await;
    let store = lab.store(RUN_DIR).await;
    assert_eq!(store.runs().await.unwrap(), Vec::<String>::new());
    let journal = store.journal(&head("r1")).await.unwrap();
    let unit = |part: &str| UnitId {
        control: "ous".into(),
        part: part.into(),
        account: "1".into(),
        region: "eu-west-1".into(),
    };
    let record = Record { before: Value::Null, after: json!({"name": "A"}), diff: Diff::new() };
    for part in ["/A", "/B"] {
        journal.write(&unit(part), &record).await.unwrap();
    }
    let first =
        lab.s3("GetObject", json!({"Bucket": "runs-1", "Key": "team/orgbase/runs/r1/journal/000002.jsonl"}));
    assert_eq!(decoded(&first)["unit"]["part"], "/A");
    assert_eq!(store.runs().await.unwrap(), ["r1"]);
    let text = store.read_journal("r1").await.unwrap();
    let lines: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!((&lines[0]["run"], &lines[2]["unit"]["part"]), (&json!("r1"), &json!("/B")));
    let again = store.journal(&head("r1")).await;
    assert!(again.is_ok(), "the same content is the answer that got lost");
    let stolen = Head { command: "drift", ..head("r1") };
    assert!(store.journal(&stolen).await.err().unwrap().message.contains("somebody else"));
    assert!(store.read_journal("r2").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn errors_say_what_to_do() {
    let lab = Lab::new().await;
    lab.s3(
        "CreateBucket",
        json!({"Bucket": "far-1", "CreateBucketConfiguration": {"LocationConstraint": "eu-central-1"}}),
    );
    for (address, says) in [
        ("s3://none-1/x", "make the bucket none-1 in eu-west-1 first"),
        ("s3://runs-1/x?owner=999999999999", "must belong to account 999999999999"),
        ("s3://far-1/x", "must be in the home region, which is eu-west-1"),
    ] {
        let error = lab.store(address).await.lock("o-1", "r", &Cancel::default()).await.err().unwrap();
        assert!(error.hints.join(" ").contains(says), "{address}: {} {:?}", error.message, error.hints);
        assert!(error.message.starts_with("cannot write the lock s3://"), "{}", error.message);
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_is_written_and_read() {
    use crate::apply::store::{read_file, write_file};
    let lab = Lab::new().await;
    let path = Path::new("s3://runs-1/plans/today.json");
    for text in ["{}", "{\"a\": 1}"] {
        write_file(path, text, &lab.aws, "eu-west-1").await.unwrap();
        assert_eq!(read_file(path, &lab.aws, "eu-west-1").await.unwrap(), text);
    }
    let missing = read_file(Path::new("s3://runs-1/none"), &lab.aws, "eu-west-1").await.unwrap_err();
    assert_eq!(missing.message, "there is no s3://runs-1/none");
}
