//! Every section when AWS refuses, throttles, breaks off, or the process dies in the middle.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use orgbase::report::UnitReport;
use orgbase::sandbox::faults::Faults;
use orgbase::sandbox::spec::Spec;
use orgbase::units::OutcomeKind;
use tokio::sync::Notify;

use crate::converge::{converged, prepared};
use crate::support::faults::{Action, door};
use crate::support::org::{Done, How, Org, is_write};
use crate::support::snippets::Snippet;
use crate::support::{for_each_section, shape};

/// `service:Operation` of the reads of units, in a run.
fn reads(done: &Done) -> BTreeSet<String> {
    let of_units = done.calls.iter().filter(|c| c.control != "session" && c.control != "facts");
    of_units.map(|c| format!("{}:{}", c.service, c.operation)).filter(|o| !is_write(o)).collect()
}

/// Plans with each read denied: a unit that could not be read is `failed` (or waits for one that is), and every other
/// unit is as it would be without the denial. Nothing is in sync, or to be created, because it could not be read.
async fn plans_with_denials(org: &Org, snippet: &Snippet) {
    let how = snippet.how();
    let good = org.plan(&snippet.baseline, &how).await.unwrap();
    for denied in reads(&good) {
        let target = denied.clone();
        let denier = door(
            &org.sandbox,
            move |seen| {
                if seen.operation == target { Action::Deny } else { Action::Answer }
            },
        );
        // Where the facts need it too, the run does not start.
        let Ok(done) = org.plan(&snippet.baseline, &how.clone().through(denier)).await else { continue };
        let of_units = done.calls.iter().filter(|c| c.control != "session" && c.control != "facts");
        let touched: Vec<_> =
            of_units.filter(|c| format!("{}:{}", c.service, c.operation) == denied && c.failed > 0).collect();
        assert!(!touched.is_empty(), "{denied} was not asked");
        let failed = |r: &UnitReport| matches!(r.outcome, OutcomeKind::Failed | OutcomeKind::Blocked);
        assert!(done.report.units.iter().any(failed), "{denied} is denied, and nothing failed");
        for (before, after) in good.report.units.iter().zip(&done.report.units) {
            if failed(after) {
                assert_eq!(after.changes, Vec::new(), "{denied} is denied: {} plans from it", after.id);
            } else {
                assert_eq!(before, after, "{denied} is denied");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_denied_read_is_a_failure() {
    for_each_section(async |snippet| {
        let org = prepared(Org::fresh(), snippet).await;
        plans_with_denials(&org, snippet).await;
        org.converge(&snippet.baseline, &snippet.how()).await;
        plans_with_denials(&org, snippet).await;
    })
    .await;
}

/// The first attempt of every call of every account and region is throttled: it only takes longer.
#[tokio::test(start_paused = true)]
async fn throttling_changes_nothing() {
    for_each_section(async |snippet| {
        let org = prepared(Org::fresh(), snippet).await;
        let seen = Mutex::new(BTreeSet::new());
        let slow = door(&org.sandbox, move |call| {
            let key = format!("{} {} {}", call.operation, call.region, call.access_key);
            if seen.lock().unwrap().insert(key) { Action::Throttle } else { Action::Answer }
        });
        let how = snippet.how().through(slow);
        let done = org.converge(&snippet.baseline, &how).await;
        assert!(done.calls.iter().any(|c| c.throttled > 0), "nothing was throttled");
        let planned = org.plan(&snippet.baseline, &snippet.how()).await.unwrap();
        assert_eq!(planned.report.summary.exit_code(), 0, "{}", planned.problems());
    })
    .await;
}

/// The connection breaks once for each operation, before the request arrives: reads are asked again, and a write that may
/// have been done is never counted as done.
#[tokio::test(start_paused = true)]
async fn broken_connections_are_mended() {
    for_each_section(async |snippet| {
        let org = prepared(Org::fresh(), snippet).await;
        let seen = Mutex::new(BTreeSet::new());
        let flaky = door(&org.sandbox, move |call| {
            let key = format!("{} {}", call.operation, call.region);
            if seen.lock().unwrap().insert(key) { Action::Drop } else { Action::Answer }
        });
        let how = snippet.how().through(flaky);
        let mut codes = Vec::new();
        // Each run gets at least one write further: what a unit needs is done after as many runs as it has writes.
        for _ in 0..20 {
            let done = org.apply(&snippet.baseline, &how).await.unwrap();
            codes.push(done.report.summary.exit_code());
            if codes.ends_with(&[0]) {
                break;
            }
        }
        assert!(codes.ends_with(&[0]), "{codes:?}");
        let reference = converged(snippet).await;
        let (left, right) = (shape::lines(&reference.sandbox), shape::lines(&org.sandbox));
        assert_eq!(shape::difference(&left, &right), "", "converged to another state");
    })
    .await;
}

/// How a run ends too early.
#[derive(Debug, Clone, Copy)]
enum End {
    /// Killed before the write.
    Before,
    /// Killed after the write.
    After,
    /// The answer of the write is lost; the run goes on.
    LostAnswer,
}

/// Applies until the write number `at`, which ends as `end` says. `false`: there are fewer writes.
async fn apply_until(org: &Org, snippet: &Snippet, at: usize, end: End) -> bool {
    let dead = Arc::new(Notify::new());
    let hit = Arc::new(AtomicBool::new(false));
    let writes = AtomicUsize::new(0);
    let (bell, mark) = (Arc::clone(&dead), Arc::clone(&hit));
    let killer = door(&org.sandbox, move |seen| {
        let number =
            if is_write(&seen.operation) { Some(writes.fetch_add(1, Ordering::SeqCst)) } else { None };
        let is_dead = mark.load(Ordering::SeqCst) && !matches!(end, End::LostAnswer);
        if is_dead {
            return Action::Hang;
        }
        if number != Some(at) {
            return Action::Answer;
        }
        mark.store(true, Ordering::SeqCst);
        match end {
            End::LostAnswer => return Action::LoseAnswer,
            End::Before | End::After => bell.notify_one(),
        }
        if matches!(end, End::Before) { Action::Hang } else { Action::HangAfter }
    });
    let how = snippet.how().through(killer);
    tokio::select! {
        done = org.apply(&snippet.baseline, &how) => drop(done.unwrap()),
        () = dead.notified() => {}
    }
    hit.load(Ordering::SeqCst)
}

/// Which writes to end at: all of a section with few, else the first of each kind and some between.
fn chosen(writes: &BTreeMap<usize, String>) -> Vec<usize> {
    let mut kinds = BTreeSet::new();
    let all = std::env::var_os("ORGBASE_THOROUGH").is_some();
    let wanted = |(number, operation): (&usize, &String)| {
        let new = kinds.insert(operation.clone());
        (all || new || number % 7 == 3).then_some(*number)
    };
    writes.iter().filter_map(wanted).collect()
}

/// The writes of an undisturbed apply, in their order.
async fn writes_of(org: &Org, snippet: &Snippet) -> BTreeMap<usize, String> {
    let list = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&list);
    let watcher = door(&org.sandbox, move |seen| {
        if is_write(&seen.operation) {
            noted.lock().unwrap().push(seen.operation.clone());
        }
        Action::Answer
    });
    org.converge(&snippet.baseline, &snippet.how().through(watcher)).await;
    let writes = list.lock().unwrap().clone();
    writes.into_iter().enumerate().collect()
}

/// However a run ends, the next one converges to the state of an undisturbed one: nothing is doubled or left behind.
async fn ends_and_converges(snippet: &Snippet, end: End) {
    let start = prepared(Org::fresh(), snippet).await;
    let reference = start.fork();
    let writes = writes_of(&reference, snippet).await;
    let wanted = shape::lines(&reference.sandbox);
    for at in chosen(&writes) {
        let org = start.fork();
        assert!(apply_until(&org, snippet, at, end).await, "write {at} was not reached");
        org.converge(&snippet.baseline, &snippet.how()).await;
        let left = shape::difference(&wanted, &shape::lines(&org.sandbox));
        assert_eq!(left, "", "{end:?} write {at} ({}): another state (- wanted, + got)", writes[&at]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_killed_before_a_write_is_continued() {
    for_each_section(async |snippet| ends_and_converges(snippet, End::Before).await).await;
}

#[tokio::test(start_paused = true)]
async fn a_run_killed_after_a_write_is_continued() {
    for_each_section(async |snippet| ends_and_converges(snippet, End::After).await).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_made_good() {
    for_each_section(async |snippet| ends_and_converges(snippet, End::LostAnswer).await).await;
}

/// `--faults error=, break=, lose=`: one call ends badly, and the run after it, if there is anything left to do, ends well.
#[tokio::test(start_paused = true)]
async fn one_call_that_ends_badly_is_made_good() {
    const CALLS: [&str; 9] = [
        "organizations:ListAccounts#1",
        "sts:AssumeRole#2",
        "iam:UpdateAccountPasswordPolicy#2",
        "iam:CreateRole#1",
        "s3:CreateBucket#1",
        "kms:CreateKey#1",
        "logs:CreateLogGroup#1",
        "cloudtrail:CreateTrail#1",
        "organizations:CreatePolicy#1",
    ];
    let text = include_str!("../../baselines/minimal.toml");
    let start = Org::of(&Spec::parse("accounts=4,ous=1,regions=2,seed=5").unwrap());
    let reference = start.fork();
    reference.converge(text, &How::default()).await;
    let wanted = shape::lines(&reference.sandbox);
    for fault in ["error", "break", "lose"].iter().flat_map(|end| CALLS.map(|call| format!("{end}={call}"))) {
        let org = start.fork();
        let faulty = org.sandbox.with_faults(&fault.parse::<Faults>().unwrap());
        // A call that is not repeated ends its unit, or the run.
        drop(org.apply(text, &How::default().through(faulty.http_client())).await);
        assert_eq!(faulty.hits().nth, 1, "{fault} was not reached");
        org.converge(text, &How::default()).await;
        let left = shape::difference(&wanted, &shape::lines(&org.sandbox));
        assert_eq!(left, "", "{fault}: another state (- wanted, + got)");
    }
}
