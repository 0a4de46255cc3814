//! `vend` on the simulated organization: created once, whatever happens; adopted; closed.

mod closing;
mod places;
mod waiting;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use orgbase::sandbox::services::{iam, organizations};
use orgbase::sandbox::spec::Spec;
use orgbase::sandbox::world::World;
use orgbase::units::OutcomeKind;
use orgbase::vend::{Report, Request, Which};
use tokio::sync::Notify;

use crate::support::faults::{Action, door};
use crate::support::org::{How, Org, is_write};
use crate::support::shape;

const ORGANIZATION: &str = r#"version = 1
[organization]
id = "o-a1b2c3d4e5"
home_region = "eu-west-1"
regions = ["eu-west-1", "us-east-1"]

[ous]
"/Landing" = {}
"/Workloads/Production" = {}

[vend]
landing_ou = "/Landing"

[password_policy]
minimum_length = 14

[alternate_contacts.security]
name = "Security Operations"
title = "Team"
email = "secops@example.com"
phone = "+44 20 7946 0003"

[[overrides]]
select = { ou = "/Workloads" }
password_policy.minimum_length = 20
"#;

/// A baseline that declares accounts `new1`, `new2`, ...
fn baseline(accounts: usize) -> String {
    let account = |n: usize| {
        format!(
            "[accounts.new{n}]\nname = \"New {n}\"\nemail = \"aws+new{n}@example.com\"\nou = \"/Workloads/Production\"\n\
             tags = {{ team = \"t{n}\" }}\n"
        )
    };
    ORGANIZATION.to_owned() + &(1..=accounts).map(account).collect::<String>()
}

fn request(which: Which) -> Request {
    Request { which, dry_run: false, destructive: false }
}

fn all() -> Request {
    request(Which::All)
}

fn key(key: &str) -> Request {
    request(Which::Key(key.into()))
}

/// Outcome and reason of the only account.
fn only(report: &Report) -> (OutcomeKind, String) {
    let [row] = report.accounts.as_slice() else { panic!("{:?}", report.accounts) };
    (row.outcome, row.reason.clone().unwrap_or_default())
}

fn now() -> f64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64()
}

/// Every account with this address, as `(id, OU, minimum length, tags)`.
fn made(world: &World, email: &str) -> Vec<(String, String, Option<i64>, usize)> {
    let state = &world.organizations;
    let ours = state.accounts.values().filter(|a| a.email == email);
    ours.map(|a| {
        let policy = world.iam.get(&a.id).and_then(|iam| iam.password_policy.as_ref());
        let length = policy.map(|p| p.minimum_length);
        let tags = state.tags.get(&a.id).map_or(0, std::collections::BTreeMap::len);
        (a.id.clone(), a.parent.clone(), length, tags)
    })
    .collect()
}

/// What must hold of declared accounts however they were made: each exists once, in its place, with tags and policy.
fn holds(org: &Org, accounts: usize) {
    org.sandbox.inspect(|world| {
        let place = shape::ou_id(world, "/Workloads/Production");
        for n in 1..=accounts {
            let made = made(world, &format!("aws+new{n}@example.com"));
            let [(_, ou, length, tags)] = made.as_slice() else { panic!("new{n} was made so: {made:?}") };
            assert_eq!((ou, *length, *tags), (&place, Some(20), 1), "new{n}");
            let succeeded = world
                .organizations
                .creations
                .values()
                .filter(|c| c.name == format!("New {n}") && c.failure.is_none())
                .count();
            assert_eq!(succeeded, 1, "new{n} was asked for more than once");
        }
    });
}

#[tokio::test(start_paused = true)]
async fn accounts_are_made_once_and_end_in_their_place() {
    let org = Org::fresh();
    let text = baseline(2);
    let report = org.vend(&text, &all(), &How::default()).await.unwrap();
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    assert!(report.accounts.iter().all(|row| row.outcome == OutcomeKind::Applied), "{report:#?}");
    holds(&org, 2);
    let before = shape::lines(&org.sandbox);
    let again = org.vend(&text, &all(), &How::default()).await.unwrap();
    assert_eq!((again.exit_code(), again.accounts.len()), (0, 0), "{again:#?}");
    let one = org.vend(&text, &key("new1"), &How::default()).await.unwrap();
    assert_eq!(only(&one).0, OutcomeKind::InSync);
    let dry = org.vend(&text, &Request { dry_run: true, ..key("new1") }, &How::default()).await.unwrap();
    assert_eq!((dry.exit_code(), only(&dry).0), (0, OutcomeKind::InSync));
    assert_eq!(shape::difference(&before, &shape::lines(&org.sandbox)), "");
    // And the rest of the baseline knows them.
    let planned = org.plan(&text, &How::default()).await.unwrap();
    let mut differing = planned.report.units.iter().filter(|u| u.outcome == OutcomeKind::Drift);
    assert!(differing.all(|u| !u.account_name.starts_with("New")), "{}", planned.problems());
}

/// In an organization that is under `full.toml` already.
#[tokio::test(start_paused = true)]
async fn a_new_account_comes_under_the_whole_baseline() {
    let org = Org::fresh();
    let full = include_str!("../../baselines/full.toml");
    org.converge(full, &How::default().destructive()).await;
    let account =
        "[accounts.new1]\nname = \"New 1\"\nemail = \"aws+new1@example.com\"\nou = \"/Security\"\n\n";
    let text = full.replace("[accounts.security]", &format!("{account}[accounts.security]"));
    let request = Request { destructive: true, ..key("new1") };
    let report = org.vend(&text, &request, &How::default()).await.unwrap();
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    let place = org.sandbox.inspect(|w| shape::ou_id(w, "/Security"));
    assert_eq!(org.sandbox.inspect(|w| made(w, "aws+new1@example.com"))[0].1, place);
    let planned = org.plan(&text, &How::default()).await.unwrap();
    assert_eq!(planned.report.summary.exit_code(), 0, "{}", planned.problems());
}

/// The first accounts of an organization: `vend`, then `apply`.
#[tokio::test(start_paused = true)]
async fn an_organization_without_accounts_is_begun_with_vend() {
    for baseline in [include_str!("../../baselines/minimal.toml"), include_str!("../../baselines/cis.toml")] {
        let org = Org::fresh();
        org.sandbox.modify(|world| {
            for id in ["222222222222", "333333333333"] {
                world.organizations.accounts.remove(id);
                world.iam.remove(id);
            }
        });
        let report = org.vend(baseline, &all(), &How::default()).await.unwrap();
        assert_eq!((report.exit_code(), report.accounts.len()), (0, 2), "{report:#?}");
        org.converge(baseline, &How::default()).await;
        let planned = org.plan(baseline, &How::default()).await.unwrap();
        assert_eq!(planned.report.summary.exit_code(), 0, "{}", planned.problems());
    }
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_shows_the_steps_and_writes_nothing() {
    let org = Org::fresh();
    let before = shape::lines(&org.sandbox);
    let dry = Request { dry_run: true, ..all() };
    let report = org.vend(&baseline(1), &dry, &How::default()).await.unwrap();
    assert_eq!(report.exit_code(), 2);
    insta::assert_snapshot!(report.accounts[0].steps.join("\n"), @r"
    create it: CreateAccount with role OrganizationAccountAccessRole, and its tags
    move it to the landing place /Landing
    wait until its role can be assumed and its services answer
    enable the regions that are off in it, of eu-west-1, us-east-1
    apply the baseline in it, contacts included
    move it to /Workloads/Production
    verify it under the policies of /Workloads/Production
    ");
    insta::assert_snapshot!(report.notices.join("\n"), @"creating 1 account takes about 3 minutes, at AWS's pace");
    assert_eq!(shape::difference(&before, &shape::lines(&org.sandbox)), "");
}

/// Never more than AWS makes at once, and none is refused for that.
#[tokio::test(start_paused = true)]
async fn five_accounts_are_made_at_a_time() {
    let org = Org::fresh();
    let most = Arc::new(AtomicUsize::new(0));
    let asked = Arc::new(AtomicUsize::new(0));
    let (sandbox, peak, count) = (org.sandbox.clone(), Arc::clone(&most), Arc::clone(&asked));
    let watcher = door(&org.sandbox, move |seen| {
        if seen.operation == "organizations:CreateAccount" {
            let running = sandbox
                .inspect(|w| w.organizations.creations.values().filter(|c| c.completed.is_none()).count());
            peak.fetch_max(running + 1, Ordering::SeqCst);
            count.fetch_add(1, Ordering::SeqCst);
        }
        Action::Answer
    });
    let report = org.vend(&baseline(7), &all(), &How::default().through(watcher)).await.unwrap();
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    assert!(most.load(Ordering::SeqCst) <= 5);
    assert_eq!(asked.load(Ordering::SeqCst), 7);
    holds(&org, 7);
}

/// How a run ends too early.
#[derive(Debug, Clone, Copy)]
enum End {
    Before,
    After,
    LostAnswer,
}

/// Vends until the write number `at`. `false`: there are fewer.
async fn vend_until(org: &Org, text: &str, at: usize, end: End) -> bool {
    let dead = Arc::new(Notify::new());
    let hit = Arc::new(AtomicBool::new(false));
    let writes = AtomicUsize::new(0);
    let (bell, mark) = (Arc::clone(&dead), Arc::clone(&hit));
    let killer = door(&org.sandbox, move |seen| {
        if mark.load(Ordering::SeqCst) && !matches!(end, End::LostAnswer) {
            return Action::Hang;
        }
        if !is_write(&seen.operation) || writes.fetch_add(1, Ordering::SeqCst) != at {
            return Action::Answer;
        }
        mark.store(true, Ordering::SeqCst);
        match end {
            End::LostAnswer => return Action::LoseAnswer,
            End::Before | End::After => bell.notify_one(),
        }
        if matches!(end, End::Before) { Action::Hang } else { Action::HangAfter }
    });
    let how = How::default().through(killer);
    let request = all();
    tokio::select! {
        done = org.vend(text, &request, &how) => drop(done.unwrap()),
        () = dead.notified() => {}
    }
    hit.load(Ordering::SeqCst)
}

/// Runs until all is done, a few times at most.
async fn to_the_end(org: &Org, text: &str) -> Report {
    let mut last = None;
    for _ in 0..4 {
        let report = Box::pin(org.vend(text, &all(), &How::default())).await.unwrap();
        if report.exit_code() == 0 {
            return report;
        }
        last = Some(report);
    }
    panic!("vend does not converge: {last:#?}");
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_write_it_goes_on() {
    let text = baseline(2);
    let mut reached = 0;
    for end in [End::Before, End::After, End::LostAnswer] {
        for at in 0.. {
            let org = Org::fresh();
            let hit = vend_until(&org, &text, at, end).await;
            to_the_end(&org, &text).await;
            holds(&org, 2);
            if !hit {
                break;
            }
            reached += 1;
        }
    }
    assert!(reached >= 3 * 8, "only {reached} writes were reached");
}

/// Other organizations, other numbers of accounts, killed several times in a row. `ORGBASE_SEEDS` asks for more.
#[tokio::test(start_paused = true)]
async fn killed_again_and_again_it_goes_on() {
    let seeds: u64 = std::env::var("ORGBASE_SEEDS").map_or(12, |n| n.parse().unwrap());
    for seed in 0..seeds {
        let spec =
            Spec::parse(&format!("accounts={},ous=2,regions=2,drift=0.4,seed={seed}", 2 + seed % 4)).unwrap();
        let org = Org::of(&spec);
        let accounts = 1 + usize::try_from(seed % 3).unwrap();
        let text = baseline(accounts);
        for (n, end) in [End::After, End::Before, End::LostAnswer, End::After].into_iter().enumerate() {
            let at = usize::try_from((seed * 7 + n as u64 * 3) % 11).unwrap();
            vend_until(&org, &text, at, end).await;
        }
        to_the_end(&org, &text).await;
        holds(&org, accounts);
    }
}

/// Two accounts of one name are told apart by their addresses.
#[tokio::test(start_paused = true)]
async fn namesakes_are_told_apart() {
    let text = baseline(2).replace("\"New 2\"", "\"New 1\"");
    for at in 0..4 {
        let org = Org::fresh();
        vend_until(&org, &text, at, End::After).await;
        to_the_end(&org, &text).await;
        let accounts = org.sandbox.inspect(|w| {
            (1..=2).map(|n| made(w, &format!("aws+new{n}@example.com")).len()).collect::<Vec<_>>()
        });
        assert_eq!(accounts, [1, 1], "killed after write {at}");
    }
}

/// The role of a new account cannot be assumed at once.
#[tokio::test(start_paused = true)]
async fn a_role_that_comes_late_is_waited_for() {
    let org = Org::fresh();
    let refusals = AtomicUsize::new(0);
    let late = door(&org.sandbox, move |seen| {
        let refuse = seen.operation == "sts:AssumeRole" && refusals.fetch_add(1, Ordering::SeqCst) < 4;
        if refuse { Action::Deny } else { Action::Answer }
    });
    let report = org.vend(&baseline(1), &all(), &How::default().through(late)).await.unwrap();
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    let never =
        door(
            &org.sandbox,
            |seen| {
                if seen.operation == "sts:AssumeRole" { Action::Deny } else { Action::Answer }
            },
        );
    let report = org.vend(&baseline(2), &all(), &How::default().through(never)).await.unwrap();
    assert_eq!((report.exit_code(), only(&report).0), (3, OutcomeKind::Pending));
    assert!(only(&report).1.contains("cannot be assumed yet"), "{report:#?}");
    to_the_end(&org, &baseline(2)).await;
    holds(&org, 2);
}

/// Regions take longer than a run waits: it says so, and the next run goes on.
#[tokio::test(start_paused = true)]
async fn opt_in_regions_are_enabled_and_resumed() {
    let org = Org::fresh();
    let text = baseline(1).replace("\"us-east-1\"]", "\"us-east-1\", \"me-south-1\"]");
    let report = org.vend(&text, &all(), &How::default()).await.unwrap();
    assert_eq!((report.exit_code(), only(&report).0), (3, OutcomeKind::Pending));
    assert!(only(&report).1.contains("waits for regions: me-south-1"), "{report:#?}");
    org.sandbox.modify(|world| {
        let opts = world.account.values_mut().flat_map(|a| a.regions.values_mut());
        let mut asked = 0;
        for opt in opts {
            opt.since -= 600.0;
            asked += 1;
        }
        assert_eq!(asked, 1);
    });
    to_the_end(&org, &text).await;
    holds(&org, 1);
}

#[tokio::test(start_paused = true)]
async fn what_aws_refuses_is_said() {
    let org = Org::fresh();
    org.sandbox.modify(|world| {
        let taken = world.organizations.accounts.values().next().cloned().unwrap();
        let outside = organizations::Account {
            id: "999999999999".into(),
            email: "aws+new1@example.com".into(),
            ..taken
        };
        world.organizations.standalone.insert(outside.id.clone(), outside);
    });
    let report = org.vend(&baseline(1), &all(), &How::default()).await.unwrap();
    assert_eq!(only(&report), (OutcomeKind::Failed, "AWS did not create it: EMAIL_ALREADY_EXISTS".into()));
    // Beforehand, by the quota.
    org.sandbox.modify(|world| world.organizations.account_limit = Some(5));
    let error = org.vend(&baseline(3), &all(), &How::default()).await.unwrap_err();
    assert!(error.message.contains("may have 5 accounts and has 4"), "{}", error.message);
    let error = org.vend(&baseline(1), &key("nwe1"), &How::default()).await.unwrap_err();
    assert!(error.hints.iter().any(|h| h.contains("`new1`")), "{error:?}");
}

/// A policy of the OU would deny the baseline: the account stays where it is.
#[tokio::test(start_paused = true)]
async fn an_account_is_not_moved_under_a_policy_that_locks_us_out() {
    let org = Org::fresh();
    org.converge(
        &format!("{ORGANIZATION}[policy_types]\nenabled = [\"SERVICE_CONTROL_POLICY\"]\n"),
        &How::default(),
    )
    .await;
    org.sandbox.modify(|world| {
        let production = shape::ou_id(world, "/Workloads/Production");
        let policy = organizations::Policy {
            id: "p-deny0000".into(),
            name: "deny-iam".into(),
            description: String::new(),
            kind: "SERVICE_CONTROL_POLICY".into(),
            content: r#"{"Version":"2012-10-17","Statement":[{"Sid":"No","Effect":"Deny","Action":"iam:*","Resource":"*"}]}"#.into(),
            aws_managed: false,
            updated: 0.0,
        };
        world.organizations.policies.insert(policy.id.clone(), policy);
        world.organizations.attachments.entry(production).or_default().push("p-deny0000".into());
    });
    let report = org.vend(&baseline(1), &all(), &How::default()).await.unwrap();
    let (outcome, reason) = only(&report);
    assert_eq!((report.exit_code(), outcome), (3, OutcomeKind::Blocked), "{report:#?}");
    assert!(reason.contains("deny-iam"), "{reason}");
    let landing = org.sandbox.inspect(|w| shape::ou_id(w, "/Landing"));
    let there = org.sandbox.inspect(|w| made(w, "aws+new1@example.com"));
    assert_eq!(there[0].1, landing);
}

#[tokio::test(start_paused = true)]
async fn invited_accounts_are_adopted_once_they_have_the_role() {
    let org = Org::fresh();
    let (id, guest) = ("555555555555".to_string(), "777777777777");
    org.sandbox.modify(|world| {
        let some = world.organizations.accounts.values().next().cloned().unwrap();
        let root = world.organizations.organization.as_ref().unwrap().root.clone();
        let invited = organizations::Account {
            id: id.clone(),
            name: "Acquired".into(),
            email: "aws+new1@example.com".into(),
            parent: root,
            created: false,
            ..some
        };
        organizations::accounts::join(world, invited);
    });
    let adopt = request(Which::Adopt(id.clone()));
    let report = org.vend(&baseline(1), &adopt, &How::default()).await.unwrap();
    assert_eq!(only(&report).0, OutcomeKind::Failed);
    let hint = report.accounts[0].hint.clone().unwrap();
    assert!(hint.contains("orgbase emit bootstrap"), "{hint}");
    let (root, there) =
        org.sandbox.inspect(|w| (shape::ou_id(w, "/"), made(w, "aws+new1@example.com")[0].1.clone()));
    assert_eq!(there, root, "it was moved before anybody had seen its role");
    org.sandbox.modify(|world| {
        let management = organizations::management(world).unwrap().to_owned();
        let role = iam::fresh_id(world, "AROA");
        iam::add_access_role(world, &id, &management, "OrganizationAccountAccessRole", &role, now());
    });
    // Not declared: the baseline, and no place.
    let undeclared = org.vend(ORGANIZATION, &adopt, &How::default()).await.unwrap();
    assert_eq!(undeclared.exit_code(), 0, "{undeclared:#?}");
    let report = org.vend(&baseline(1), &adopt, &How::default()).await.unwrap();
    assert_eq!(only(&report).0, OutcomeKind::Applied, "{report:#?}");
    let place = org.sandbox.inspect(|w| shape::ou_id(w, "/Workloads/Production"));
    let there = org.sandbox.inspect(|w| made(w, "aws+new1@example.com"));
    assert_eq!(there, [(id, place, Some(20), 1)]);
    let error =
        org.vend(ORGANIZATION, &request(Which::Adopt(guest.into())), &How::default()).await.unwrap_err();
    assert!(error.hints[0].contains("invite-account-to-organization"), "{error:?}");
}
