//! What a spec means, and what happens to calls.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use http::{Request, Response};
use serde_json::{Value, json};

use super::*;
use crate::sandbox::Sandbox;
use crate::sandbox::spec::{MANAGEMENT_ID, Spec};

fn faults(text: &str) -> Faults {
    text.parse().map_err(|e: RunError| e.message).unwrap()
}

fn sandbox(text: &str) -> Sandbox {
    let spec = Spec::parse("accounts=2,ous=0,regions=2").unwrap();
    Sandbox::open(None, &spec).unwrap().with_faults(&faults(text))
}

/// A call of the management account to a service with a JSON protocol.
fn request(service: &str, target: &str, input: &Value) -> Request<Vec<u8>> {
    let credential =
        format!("AWS4-HMAC-SHA256 Credential=K/20261125/eu-west-1/{service}/aws4_request, Signature=x");
    Request::post(format!("https://{service}.eu-west-1.amazonaws.com/"))
        .header("authorization", credential)
        .header("x-amz-date", "20261125T000000Z")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", target)
        .body(input.to_string().into_bytes())
        .unwrap()
}

fn roots() -> Request<Vec<u8>> {
    request("organizations", "AWSOrganizationsV20161128.ListRoots", &json!({}))
}

fn units(answer: &Response<Vec<u8>>) -> Vec<String> {
    let answer: Value = serde_json::from_slice(answer.body()).unwrap();
    let list = answer["OrganizationalUnits"].as_array().unwrap();
    list.iter().map(|unit| unit["Name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_spec_is_read_and_refused() {
    let all = faults(
        "seed=7, throttle=0.05,rates=2,slow=0.5@111122223333,latency=40,delay=5,drop=0.01,deny=iam:*@111122223333,\
         deny=s3:PutBucketPolicy,error=iam:GetRole#2,break=iam:*#3@111122223333,lose=s3:PutObject#1,off=us-east-1,off=eu-west-1@111122223333,skew=-600,exit_before=3,exit_after=9",
    );
    assert_eq!((all.seed, all.delay, all.skew), (7, 5, -600));
    assert_eq!((all.deny.len(), all.off.len(), all.slow.len()), (2, 2, 1));
    let nth: Vec<_> = all.nth.iter().map(|n| (n.calls.operation.as_str(), n.number, n.end)).collect();
    assert_eq!(nth, [("GetRole", 2, End::Error), ("*", 3, End::Break), ("PutObject", 1, End::Lose)]);
    assert_eq!(all.nth[1].calls.account.as_deref(), Some("111122223333"));
    assert_eq!((all.exit_before, all.exit_after), (Some(3), Some(9)));
    for bad in [
        "throttle=2",
        "throttle",
        "deny=iam",
        "deny=iam:*@1",
        "slow=1",
        "delay=-1",
        "colour=red",
        "rates=0",
        "error=iam:GetRole",
        "lose=iam:GetRole#0",
        "break=iam#1",
    ] {
        assert!(bad.parse::<Faults>().is_err(), "{bad}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_faults() {
    let run = async |spec: &str| {
        let sandbox = sandbox(spec);
        let mut seen = Vec::new();
        for _ in 0..200 {
            seen.push(sandbox.serve(&roots()).await.map(|answer| answer.status().as_u16()).ok());
        }
        seen
    };
    let first = run("seed=1,throttle=0.1,drop=0.1").await;
    assert_eq!(first, run("seed=1,throttle=0.1,drop=0.1").await);
    assert_ne!(first, run("seed=2,throttle=0.1,drop=0.1").await);
    let count = |what: Option<u16>| first.iter().filter(|seen| **seen == what).count();
    assert!((8..40).contains(&count(Some(400))) && (8..40).contains(&count(None)), "{first:?}");
}

#[tokio::test(start_paused = true)]
async fn each_service_throttles_in_its_own_words() {
    for (service, operation, code, status) in [
        ("organizations", "ListRoots", "TooManyRequestsException", 400),
        ("iam", "GetRole", "Throttling", 400),
        ("ec2", "DescribeVpcs", "RequestLimitExceeded", 503),
        ("s3", "GetBucketPolicy", "SlowDown", 503),
        ("sns", "ListTopics", "Throttled", 429),
        ("kms", "ListKeys", "ThrottlingException", 400),
        ("logs", "DescribeLogGroups", "ThrottlingException", 400),
    ] {
        let fault = codes::throttled(service, operation, crate::sandbox::wire::Protocol::Json);
        assert_eq!((fault.code.as_str(), fault.status), (code, Some(status)), "{service}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_is_seen_late_and_in_order() {
    let sandbox = sandbox("delay=3");
    let root = sandbox.inspect(|w| w.organizations.organization.as_ref().unwrap().root.clone());
    for name in ["first", "second"] {
        let input = json!({"ParentId": root, "Name": name});
        let make = request("organizations", "AWSOrganizationsV20161128.CreateOrganizationalUnit", &input);
        assert_eq!(sandbox.serve(&make).await.unwrap().status(), 200);
    }
    let list = request(
        "organizations",
        "AWSOrganizationsV20161128.ListOrganizationalUnitsForParent",
        &json!({"ParentId": root}),
    );
    let mut seen = Vec::new();
    for _ in 0..5 {
        let answer = sandbox.serve(&list).await.unwrap();
        seen.push(units(&answer).len());
    }
    assert_eq!(seen.first(), Some(&0), "{seen:?}");
    assert!(seen.is_sorted() && seen.last() == Some(&2), "{seen:?}");
    let ids = |w: &crate::sandbox::world::World| w.organizations.units.keys().cloned().collect::<Vec<_>>();
    let answer: Value = serde_json::from_slice(sandbox.serve(&list).await.unwrap().body()).unwrap();
    for id in sandbox.inspect(ids) {
        assert!(answer.to_string().contains(&id), "{id} has another id in {answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_denied_is_refused_and_nothing_else() {
    let denied = sandbox(&format!("deny=organizations:ListRoots@{MANAGEMENT_ID}"));
    let answer = denied.serve(&roots()).await.unwrap();
    assert_eq!(answer.status(), 400);
    assert!(String::from_utf8_lossy(answer.body()).contains("AccessDeniedException"));
    let other = sandbox("deny=organizations:ListRoots@222233334444");
    assert_eq!(other.serve(&roots()).await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_clock_is_refused() {
    let wrong = sandbox("skew=100000000");
    let answer = wrong.serve(&roots()).await.unwrap();
    let text = String::from_utf8_lossy(answer.body()).into_owned();
    assert!(text.contains("Signature expired: 20261125T000000Z"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn the_process_ends_around_a_write() {
    for (spec, kept) in [("exit_before=2", 1), ("exit_after=2", 2)] {
        let sandbox = sandbox(spec);
        let root = sandbox.inspect(|w| w.organizations.organization.as_ref().unwrap().root.clone());
        let mut answered = 0;
        for name in ["a", "b", "c"] {
            let input = json!({"ParentId": root, "Name": name});
            let make = request("organizations", "AWSOrganizationsV20161128.CreateOrganizationalUnit", &input);
            tokio::select! {
                answer = sandbox.serve(&make) => { assert!(answer.unwrap().status().is_success()); answered += 1; }
                () = sandbox.died() => {}
            }
        }
        assert_eq!(answered, 1, "{spec}");
        assert_eq!(sandbox.inspect(|w| w.organizations.units.len()), kept, "{spec}");
    }
}

#[tokio::test(start_paused = true)]
async fn rates_are_kept_up() {
    let limited = sandbox("rates=1");
    let burst = [limited.serve(&roots()).await, limited.serve(&roots()).await, limited.serve(&roots()).await];
    let ok = burst.iter().filter(|answer| answer.as_ref().unwrap().status().is_success()).count();
    // ListRoots: one per second, two at once.
    assert_eq!(ok, 2);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(limited.serve(&roots()).await.unwrap().status().is_success());
}

#[tokio::test(start_paused = true)]
async fn the_call_that_was_named_ends_badly_and_no_other_does() {
    for (spec, ends) in [
        ("error=organizations:ListRoots#2", [Some(200), Some(500), Some(200)]),
        ("break=organizations:*#3", [Some(200), Some(200), None]),
        ("lose=organizations:ListRoots#1@111122223333", [None, Some(200), Some(200)]),
        ("lose=organizations:ListRoots#1@222222222222", [Some(200); 3]),
        ("error=organizations:ListRoots#1,break=organizations:ListRoots#2", [Some(500), None, Some(200)]),
    ] {
        let sandbox = sandbox(spec);
        let mut seen = Vec::new();
        for _ in 0..3 {
            seen.push(sandbox.serve(&roots()).await.map(|answer| answer.status().as_u16()).ok());
        }
        assert_eq!(seen, ends, "{spec}");
        assert_eq!(sandbox.hits().nth, ends.iter().filter(|end| **end != Some(200)).count() as u64, "{spec}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_is_done_and_what_breaks_is_not() {
    for (spec, made) in
        [("lose=organizations:*#2", 1), ("break=organizations:*#2", 0), ("error=organizations:*#2", 0)]
    {
        let sandbox = sandbox(spec);
        let root = sandbox.serve(&roots()).await.unwrap();
        let root: Value = serde_json::from_slice(root.body()).unwrap();
        let unit = json!({"ParentId": root["Roots"][0]["Id"], "Name": "New"});
        let make = request("organizations", "AWSOrganizationsV20161128.CreateOrganizationalUnit", &unit);
        assert!(sandbox.serve(&make).await.ok().is_none_or(|answer| answer.status() == 500), "{spec}");
        assert_eq!(sandbox.inspect(|world| world.organizations.units.len()), made, "{spec}");
    }
}
