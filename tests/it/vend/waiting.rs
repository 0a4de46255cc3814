//! Waiting: what is told, what counts as moving on, and reads that fail or lag on the way.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use orgbase::error::RunError;
use orgbase::sandbox::services::organizations;
use orgbase::units::OutcomeKind;
use orgbase::vend::{Report, Voice, Which};

use super::{ORGANIZATION, all, baseline, holds, made, only, request, to_the_end};
use crate::support::faults::{Action, door};
use crate::support::org::{How, Org};

const CREATE: &str = "organizations:CreateAccount";

/// Remembers what it is told to wait for.
#[derive(Default)]
struct Ear(Mutex<Vec<String>>);

impl Voice for Ear {
    fn tell(&self, line: &str) {
        if let Some(what) = line.strip_prefix("waiting for AWS: ") {
            self.0.lock().unwrap().push(what.to_owned());
        }
    }

    fn agrees(&self, _report: &Report) -> Result<bool, RunError> {
        Ok(true)
    }
}

/// An account outside the organization that has the address of `new1`.
fn take_address(org: &Org) {
    org.sandbox.modify(|world| {
        let taken = world.organizations.accounts.values().next().cloned().unwrap();
        let (id, email) = ("999999999999".to_owned(), "aws+new1@example.com".to_owned());
        let outside = organizations::Account { id: id.clone(), email, ..taken };
        world.organizations.standalone.insert(id, outside);
    });
}

/// A reading of the organization that fails takes nothing away from what is known.
#[tokio::test(start_paused = true)]
async fn a_failed_read_is_said_and_others_go_on() {
    let org = Org::fresh();
    take_address(&org);
    let (asked, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let fails = door(&org.sandbox, move |seen| {
        asked.fetch_add(usize::from(seen.operation == CREATE), Ordering::SeqCst);
        let read = seen.operation == "organizations:ListRoots" && asked.load(Ordering::SeqCst) > 0;
        if read && refused.fetch_add(1, Ordering::SeqCst) == 0 { Action::Deny } else { Action::Answer }
    });
    let report = org.vend(&baseline(2), &all(), &How::default().through(fails)).await.unwrap();
    let [first, second] = report.accounts.as_slice() else { panic!("{report:#?}") };
    let reason = first.reason.clone().unwrap();
    assert!(reason.contains("could not be read") && reason.contains("ListRoots"), "{reason}");
    assert!(first.hint.as_ref().unwrap().contains("run the same command again"), "{report:#?}");
    assert_eq!((first.outcome, second.outcome), (OutcomeKind::Failed, OutcomeKind::Applied), "{report:#?}");
    // The list can be read.
    let report = org.vend(&baseline(1), &all(), &How::default()).await.unwrap();
    assert!(report.accounts[0].hint.as_ref().unwrap().contains("outside the organization"), "{report:#?}");
}

/// On a clock that runs: one account, told once.
#[tokio::test]
async fn what_is_waited_for_is_told_once() {
    let org = Org::fresh();
    let refusals = AtomicUsize::new(0);
    let late = door(&org.sandbox, move |seen| {
        let refuse = seen.operation == "sts:AssumeRole" && refusals.fetch_add(1, Ordering::SeqCst) < 4;
        if refuse { Action::Deny } else { Action::Answer }
    });
    let ear = Ear::default();
    let report = org.vend_before(&baseline(1), &all(), &How::default().through(late), &ear).await.unwrap();
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    let told = ear.0.into_inner().unwrap();
    let role = told.iter().filter(|t| t.starts_with("new1 has a role that cannot be assumed yet"));
    assert_eq!(role.count(), 1, "{told:?}");
}

/// Two opt-in regions, each of which takes 45 of the 60 rounds that a run waits for nothing.
#[tokio::test(start_paused = true)]
async fn a_region_that_is_on_is_a_step_forward() {
    let org = Org::fresh();
    let text = baseline(1).replace("\"us-east-1\"]", "\"us-east-1\", \"af-south-1\", \"me-south-1\"]");
    let (sandbox, rounds) = (org.sandbox.clone(), AtomicUsize::new(0));
    let slow = door(&org.sandbox, move |seen| {
        if seen.operation != "account:ListRegions" {
            return Action::Answer;
        }
        let round = rounds.fetch_add(1, Ordering::SeqCst);
        sandbox.modify(|world| {
            // Regions take as long as this says, and not by the wall clock.
            for (name, opt) in world.account.values_mut().flat_map(|a| a.regions.iter_mut()) {
                let on = round >= if name == "af-south-1" { 45 } else { 90 };
                opt.since = if on { 0.0 } else { super::now() };
            }
        });
        Action::Answer
    });
    let ear = Ear::default();
    let report = org.vend_before(&text, &all(), &How::default().through(slow), &ear).await.unwrap();
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    let told = ear.0.into_inner().unwrap();
    let regions: Vec<&str> = told.iter().filter_map(|t| t.strip_prefix("new1 waits for regions: ")).collect();
    assert_eq!(regions, ["af-south-1, me-south-1", "me-south-1"], "{told:?}");
    holds(&org, 1);
}

/// AssumeRole that is throttled, or whose connection breaks, says nothing about the role.
#[tokio::test(start_paused = true)]
async fn sessions_that_fail_in_passing_are_tried_again() {
    for action in [Action::Throttle, Action::Drop] {
        let org = Org::fresh();
        let failures = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&failures);
        let passing = door(&org.sandbox, move |seen| {
            let fail = seen.operation == "sts:AssumeRole" && count.fetch_add(1, Ordering::SeqCst) < 40;
            if fail { action } else { Action::Answer }
        });
        let ear = Ear::default();
        let report =
            org.vend_before(&baseline(1), &all(), &How::default().through(passing), &ear).await.unwrap();
        assert_eq!(report.exit_code(), 0, "{action:?} {report:#?}");
        assert!(failures.load(Ordering::SeqCst) > 40, "{action:?}");
        assert!(ear.0.lock().unwrap().iter().any(|t| t.contains("AssumeRole")), "{action:?}");
        holds(&org, 1);
    }
}

/// Vends through a door whose ListAccounts number `at` does not have the account with this address. `false`: there are fewer.
async fn vend_unlisted(org: &Org, text: &str, which: Which, at: usize) -> (Report, bool) {
    let email = "aws+new1@example.com";
    let (sandbox, lists) = (org.sandbox.clone(), AtomicUsize::new(0));
    let hit = Arc::new(AtomicUsize::new(0));
    let (mark, hidden) = (Arc::clone(&hit), Mutex::new(None));
    let lags = door(&org.sandbox, move |seen| {
        let mut hidden = hidden.lock().unwrap();
        sandbox.modify(|world| {
            let accounts = &mut world.organizations.accounts;
            if let Some(account) = hidden.take() {
                let account: organizations::Account = account;
                accounts.insert(account.id.clone(), account);
            }
            let list = seen.operation == "organizations:ListAccounts";
            if !list || lists.fetch_add(1, Ordering::SeqCst) != at {
                return;
            }
            mark.store(1, Ordering::SeqCst);
            let id = accounts.values().find(|a| a.email == email).map(|a| a.id.clone());
            *hidden = id.and_then(|id| accounts.remove(&id));
        });
        Action::Answer
    });
    let report = org.vend(text, &request(which), &How::default().through(lags)).await.unwrap();
    (report, hit.load(Ordering::SeqCst) == 1)
}

/// Nothing is said of an account that the list of accounts did not have when its units were made.
#[tokio::test(start_paused = true)]
async fn an_account_that_is_not_listed_is_not_verified() {
    let mut pending = 0;
    for at in 1.. {
        let org = Org::fresh();
        let (report, hit) = vend_unlisted(&org, &baseline(1), Which::All, at).await;
        let (outcome, reason) = only(&report);
        assert!(!report.accounts[0].done.iter().any(|d| d.contains("verified: 0 ")), "{at} {report:#?}");
        if outcome == OutcomeKind::Pending && reason.contains("AWS does not list it") {
            pending += 1;
        } else {
            assert_eq!(outcome, OutcomeKind::Applied, "{at} {report:#?}");
        }
        to_the_end(&org, &baseline(1)).await;
        let there = org.sandbox.inspect(|w| made(w, "aws+new1@example.com"));
        assert_eq!(there.len(), 1, "{at} {there:?}");
        if !hit {
            break;
        }
    }
    // The baseline, its place, and the proof.
    assert!(pending >= 3, "only {pending} readings made it pending");
}

/// The same of an account that is adopted and not declared.
#[tokio::test(start_paused = true)]
async fn an_adopted_account_that_is_not_listed_is_not_verified() {
    let org = Org::fresh();
    to_the_end(&org, &baseline(1)).await;
    let id = org.sandbox.inspect(|w| made(w, "aws+new1@example.com")[0].0.clone());
    let mut pending = 0;
    for at in 1.. {
        let (report, hit) = vend_unlisted(&org, ORGANIZATION, Which::Adopt(id.clone()), at).await;
        if !hit {
            assert_eq!(report.exit_code(), 0, "{report:#?}");
            break;
        }
        pending += usize::from(only(&report).1.contains("AWS does not list it"));
    }
    assert!(pending >= 2, "only {pending} readings made it pending");
}

/// A declared exception of its place is no reason to wait.
#[tokio::test(start_paused = true)]
async fn an_exception_of_the_place_passes() {
    let org = Org::fresh();
    // It stays in the landing place: there nothing is overridden.
    let text = baseline(1).replace("minimum_length = 20", "minimum_length = 14")
        + "[[exceptions]]\ncontrol = \"accounts\"\naccounts = [\"new1\"]\nreason = \"it is on trial\"\n";
    let report = org.vend(&text, &all(), &How::default()).await.unwrap();
    assert_eq!(report.exit_code(), 0, "{report:#?}");
}

/// A region of the organization that new accounts do not get: no service ever answers there.
#[tokio::test(start_paused = true)]
async fn only_regions_that_the_account_has_are_waited_for() {
    let text = baseline(1).replace("\"us-east-1\"]", "\"us-east-1\", \"me-south-1\"]");
    let text = text.replace("[vend]\n", "[vend]\nopt_in_regions = []\n");
    let org = Org::fresh();
    let report = org.vend(&text, &all(), &How::default()).await.unwrap();
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    holds(&org, 1);
}

/// CreateAccount makes one role, and sessions assume another one.
#[tokio::test(start_paused = true)]
async fn a_role_that_createaccount_does_not_make_is_named() {
    let org = Org::fresh();
    let text = baseline(1).replace("[ous]\n", "apply_role = \"orgbase-apply\"\n[ous]\n");
    let report = org.vend(&text, &all(), &How::default()).await.unwrap();
    let (outcome, reason) = only(&report);
    assert_eq!((report.exit_code(), outcome), (3, OutcomeKind::Pending), "{report:#?}");
    let says = "no role orgbase-apply that can be assumed yet, which CreateAccount does not make: the StackSet of \
                `orgbase emit bootstrap`";
    assert!(reason.contains(says), "{reason}");
    // An account whose own role is declared is made with it.
    let own = text.replace("[accounts.new1]\n", "[accounts.new1]\naccess_role = \"Own\"\n");
    let other = Org::fresh();
    let report = other.vend(&own, &all(), &How::default()).await.unwrap();
    assert_eq!(report.exit_code(), 0, "{report:#?}");
}
