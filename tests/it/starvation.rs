//! One account that AWS throttles does not hold up the others.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::result::ConnectorError;
use orgbase::sandbox::faults::Faults;
use orgbase::sandbox::session;
use orgbase::sandbox::spec::Spec;
use orgbase::sandbox::wire;
use orgbase::units::OutcomeKind;
use tokio::time::Instant;

use crate::support::org::{How, Org};

/// Reads in every account, and in each of its regions.
const BASELINE: &str = r#"version = 1
[organization]
id = "o-a1b2c3d4e5"
home_region = "eu-west-1"
regions = ["eu-west-1", "us-east-1"]
[password_policy]
minimum_length = 14
[alternate_contacts.security]
name = "Security"
title = "Team"
email = "security@example.com"
phone = "+31 20 555 0100"
[ebs_encryption]
enabled = true
"#;

/// When the last call of each account was answered, in seconds of simulated time.
type Ends = Arc<Mutex<BTreeMap<String, f64>>>;

/// A plan in simulated time; returns the ends by account, and the accounts with a unit that is not in sync or drift.
async fn planned(faults: &str) -> (BTreeMap<String, f64>, Vec<String>) {
    let org = Org::of(&Spec::parse("accounts=100,ous=6,regions=2,seed=3").unwrap());
    let sandbox = org.sandbox.with_faults(&faults.parse::<Faults>().unwrap());
    let ends = Ends::default();
    let (begin, noted) = (Instant::now(), Arc::clone(&ends));
    let door = orgbase::aws::in_process(move |request| {
        let (sandbox, noted) = (sandbox.clone(), Arc::clone(&noted));
        async move {
            let answer = sandbox.serve(&request).await;
            let account = account(&request);
            noted.lock().unwrap().insert(account, begin.elapsed().as_secs_f64());
            answer.map_err(|_| ConnectorError::io("dropped".into()))
        }
    });
    let done = org.plan(BASELINE, &How::default().paced().through(door)).await.unwrap();
    let bad = |outcome: OutcomeKind| !matches!(outcome, OutcomeKind::InSync | OutcomeKind::Drift);
    let failed = done.report.units.iter().filter(|r| bad(r.outcome)).map(|r| r.id.account.clone()).collect();
    let ends = ends.lock().unwrap().clone();
    (ends, failed)
}

/// Who calls; empty: the management account.
fn account(request: &http::Request<Vec<u8>>) -> String {
    let Ok(parsed) = wire::read(request) else { return String::new() };
    let caller = session::identify(&parsed.access_key, parsed.token.as_deref(), 0.0).unwrap();
    caller.map(|(account, _)| account).unwrap_or_default()
}

fn last<'a>(ends: impl Iterator<Item = (&'a String, &'a f64)>) -> f64 {
    ends.map(|(_, end)| *end).fold(0.0, f64::max)
}

#[tokio::test(start_paused = true)]
#[expect(clippy::print_stderr, reason = "a test says what it measured")]
async fn a_throttled_account_slows_no_other() {
    let (before, failed) = planned("latency=50").await;
    assert_eq!(failed, Vec::<String>::new());
    let slow = before.keys().find(|id| !id.is_empty()).unwrap().clone();
    let (after, failed) = planned(&format!("latency=50,slow=0.5@{slow}")).await;
    assert!(failed.iter().all(|account| *account == slow), "{failed:?}");
    let rest = |ends: &BTreeMap<String, f64>| last(ends.iter().filter(|(account, _)| **account != slow));
    let (alone, beside) = (rest(&before), rest(&after));
    let own = after[&slow];
    eprintln!(
        "the others: {alone:.1} s, beside the slow one {beside:.1} s; it: {:.1} s, {own:.1} s",
        before[&slow]
    );
    assert!(own > before[&slow] * 2.0, "the slow account was not slow: {own:.1} s");
    assert!(beside <= alone * 1.1, "{beside:.1} s instead of {alone:.1} s");
}
