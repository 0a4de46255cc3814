//! What a plan says of service control policies: whom they reach, what they deny there, what is odd about them. And how they are
//! tried in the account of `--canary-account` first.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use orgbase::report::reach::Reach;
use orgbase::report::text::Paint;
use orgbase::report::{Report, UnitReport, html, human, markdown};
use orgbase::sandbox::Sandbox;
use orgbase::units::OutcomeKind;
use serde_json::json;

use crate::support::faults::{Action, door};
use crate::support::org::{How, Org};
use crate::support::snippets;

const HEAD: &str = r#"version = 1
[organization]
id = "o-a1b2c3d4e5"
home_region = "eu-west-1"
regions = ["eu-west-1", "us-east-1"]

[password_policy]
minimum_length = 14

[[scps]]
name = "protect-baseline-roles"
preset = "protect-baseline-roles"
targets = ["/"]
"#;

/// `HEAD` with another policy, which spares orgbase's role.
fn with_preset(targets: &str) -> String {
    format!(
        "{HEAD}\n[[scps]]\nname = \"protect-identity\"\npreset = \"protect-identity\"\ntargets = {targets}\n"
    )
}

fn with_file(targets: &str) -> String {
    format!("{HEAD}\n[[scps]]\nname = \"own\"\nfile = \"own.json\"\ntargets = {targets}\n")
}

fn row<'r>(report: &'r Report, name: &str) -> &'r UnitReport {
    report.units.iter().find(|u| u.id.control == "scps" && u.id.part == name).unwrap()
}

async fn reach(org: &Org, text: &str, name: &str) -> Option<Reach> {
    let planned = org.plan(text, &How::default()).await.unwrap();
    row(&planned.report, name).reach.clone()
}

#[tokio::test(start_paused = true)]
async fn a_plan_says_whom_a_policy_reaches_and_what_it_denies_there() {
    let org = Org::fresh();
    let text = with_preset("[\"/Workloads\"]");
    let found = reach(&org, &text, "protect-identity").await.unwrap();
    assert_eq!(
        (found.bound.count, found.bound.names.as_slice()),
        (1, ["web (444444444444)".to_string()].as_slice())
    );
    assert_eq!(found.freed.count, 0);
    let denied = &found.denies[0];
    assert_eq!((denied.statement.as_str(), denied.accounts), ("ProtectIdentity", 1));
    assert!(denied.actions.iter().any(|a| a == "iam:UpdateAccountPasswordPolicy"), "{denied:?}");
    // On every account but the management account, which no such policy binds.
    let everywhere = reach(&org, &text, "protect-baseline-roles").await.unwrap();
    assert_eq!(everywhere.bound.count, 3);
    let done = org.converge(&text, &How::default()).await;
    assert_eq!(
        row(&done.report, "protect-identity").reach.as_ref(),
        Some(&found),
        "what was done says it too"
    );
    assert_eq!(reach(&org, &text, "protect-identity").await, None, "nothing changes");
}

#[tokio::test(start_paused = true)]
async fn attaching_and_detaching_reach_those_for_whom_something_changes() {
    let org = Org::fresh();
    org.converge(&with_preset("[\"/Workloads\"]"), &How::default()).await;
    let wider = reach(&org, &with_preset("[\"/\"]"), "protect-identity").await.unwrap();
    assert_eq!(wider.bound.names, ["Log Archive (222222222222)", "Security (333333333333)"]);
    assert_eq!(wider.freed.count, 0);
    org.converge(&with_preset("[\"/\"]"), &How::default()).await;
    let narrower = reach(&org, &with_preset("[\"/Workloads\"]"), "protect-identity").await.unwrap();
    assert_eq!((narrower.bound.count, narrower.freed.count), (0, 2));
    assert_eq!(narrower.denies, Vec::new());
    let same = with_preset("[\"/\"]")
        .replace("preset = \"protect-identity\"\n", "preset = \"protect-identity\"\ndescription = \"x\"\n");
    assert_eq!(reach(&org, &same, "protect-identity").await, None, "a description reaches nobody");
}

#[tokio::test(start_paused = true)]
async fn every_format_says_it() {
    let org = Org::fresh();
    let planned = org.plan(&with_preset("[\"/Workloads\"]"), &How::default()).await.unwrap();
    let line = "reaches 1 account: web (444444444444)";
    let denies = "denies there what orgbase does, but not to the roles that it spares";
    let (text, page) = (human::report(&planned.report, Paint(false)), html::report(&planned.report));
    let comment = markdown::report(&planned.report);
    for (format, shown) in [("human", &text), ("html", &page), ("markdown", &comment)] {
        assert!(shown.contains(line) && shown.contains(denies), "{format}:\n{shown}");
    }
    let json = serde_json::to_value(row(&planned.report, "protect-identity")).unwrap();
    assert_eq!(json["reach"]["bound"]["count"], 1);
    assert_eq!(json["reach"]["denies"][0]["statement"], "ProtectIdentity");
}

#[tokio::test(start_paused = true)]
async fn what_is_odd_about_a_policy_is_told_now_and_once_it_is_attached() {
    let org = Org::fresh();
    org.document(
        "own.json",
        r#"{"Version":"2012-10-17","Statement":[
            {"Sid":"Slip","Effect":"Deny","Action":["lightsail:CreateInstancez","iam:PassRole"],
             "Resource":"arn:aws:iam::*:role/payroll"},
            {"Sid":"Elsewhere","Effect":"Deny","Action":"ec2:RunInstances","Resource":"*",
             "Condition":{"StringNotEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}},
            {"Sid":"Twice","Effect":"Deny","Action":"ec2:RunInstances","Resource":"*",
             "Condition":{"StringNotEquals":{"aws:PrincipalOrgID":["o-a1b2c3d4e5"]}}},
            {"Sid":"More","Effect":"Allow","Action":"ec2:*","Resource":"*"}]}"#,
    );
    let text = with_file("[\"/Workloads\"]");
    let wanted = ["unknown_action", "never_matches", "unreachable_statement", "never_matches", "idle_allow"];
    for outcome in [OutcomeKind::Drift, OutcomeKind::InSync] {
        let planned = org.plan(&text, &How::default()).await.unwrap();
        let row = row(&planned.report, "own");
        assert_eq!(row.outcome, outcome);
        let mut codes: Vec<&str> = row.notices.iter().filter_map(|n| Some(n.split_once(':')?.0)).collect();
        let mut wanted = wanted.to_vec();
        codes.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(codes, wanted, "{:?}", row.notices);
        org.converge(&text, &How::default()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn shipped_baselines_have_no_warnings() {
    for text in [include_str!("../../baselines/full.toml"), include_str!("../../baselines/startup.toml")] {
        let org = Org::fresh();
        let planned = org.plan(text, &How::default()).await.unwrap();
        let policies = planned.report.units.iter().filter(|u| u.id.control == "scps");
        let notices: Vec<&String> = policies.flat_map(|u| &u.notices).collect();
        assert_eq!(notices, Vec::<&String>::new());
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_policy_names_every_statement_and_where() {
    let org = Org::fresh();
    let deny = r#"{"Version":"2012-10-17","Statement":[
        {"Sid":"A","Effect":"Deny","Action":"iam:UpdateAccountPasswordPolicy","Resource":"*"},
        {"Sid":"B","Effect":"Deny","Action":"iam:GetAccountPasswordPolicy","Resource":"*"}]}"#;
    org.document("own.json", deny);
    let Err(error) = org.plan(&with_file("[\"/\"]"), &How::default()).await else {
        panic!("it was not refused")
    };
    assert!(error.message.contains("would lock orgbase out"), "{error:?}");
    assert!(
        error.hints[0].contains("statement `A`, in 3 accounts: iam:UpdateAccountPasswordPolicy"),
        "{error:?}"
    );
    assert!(
        error.hints[1].contains("statement `B`, in 3 accounts: iam:GetAccountPasswordPolicy"),
        "{error:?}"
    );
}

/// Names of the policies that are attached to each id.
fn attached(sandbox: &Sandbox) -> BTreeMap<String, Vec<String>> {
    sandbox.inspect(|world| {
        let state = &world.organizations;
        let names = |ids: &Vec<String>| -> Vec<String> {
            ids.iter().filter_map(|id| Some(state.policies.get(id)?.name.clone())).collect()
        };
        let attached = state.attachments.iter().map(|(target, ids)| (target.clone(), names(ids)));
        attached.filter(|(_, names)| !names.is_empty()).collect()
    })
}

/// Documents by policy.
fn documents(sandbox: &Sandbox) -> BTreeMap<String, String> {
    let of = |p: &orgbase::sandbox::services::organizations::Policy| (p.name.clone(), p.content.clone());
    sandbox.inspect(|world| world.organizations.policies.values().map(of).collect())
}

fn canary() -> How {
    How { canary: Some("444444444444"), ..How::default() }
}

/// A door that denies a read in the account `web` once `attachments` policies were attached.
fn breaking(org: &Org, attachments: usize) -> How {
    let seen_so_far = AtomicUsize::new(0);
    canary().through(door(&org.sandbox, move |seen| {
        if seen.operation == "organizations:AttachPolicy" {
            seen_so_far.fetch_add(1, Ordering::SeqCst);
        }
        let broken = seen_so_far.load(Ordering::SeqCst) >= attachments;
        let there = seen.account.as_deref() == Some("444444444444");
        if broken && there && seen.operation == "iam:GetAccountPasswordPolicy" {
            Action::Deny
        } else {
            Action::Answer
        }
    }))
}

fn calls(done: &crate::support::org::Done, operation: &str) -> u64 {
    done.calls.iter().filter(|c| c.operation == operation).map(|c| c.count).sum()
}

#[tokio::test(start_paused = true)]
async fn a_policy_is_tried_in_the_canary_account_first_and_leaves_nothing_of_that_behind() {
    let org = Org::fresh();
    let plain = org.fork();
    let text = with_preset("[\"/\"]");
    let done = org.converge(&text, &canary()).await;
    plain.converge(&text, &How::default()).await;
    assert_eq!(attached(&org.sandbox).len(), attached(&plain.sandbox).len());
    // Each of the two policies: to the account, to the root, and off the account.
    assert_eq!((calls(&done, "AttachPolicy"), calls(&done, "DetachPolicy")), (4, 2));
    // Another document: by a second policy, which goes away.
    let other = text.replace(
        "preset = \"protect-identity\"\n",
        "preset = \"protect-identity\"\nexempt_roles = [\"Admin\"]\n",
    );
    let done = org.converge(&other, &canary()).await;
    let names = org.sandbox.inspect(|w| w.organizations.policies.len());
    assert_eq!(names, plain.sandbox.inspect(|w| w.organizations.policies.len()));
    assert!(
        calls(&done, "CreatePolicy") >= 1 && calls(&done, "CreatePolicy") == calls(&done, "DeletePolicy")
    );
    let again = org.converge(&other, &canary()).await;
    assert_eq!(again.writes(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_canary_account_that_does_not_work_keeps_a_new_policy_from_all_others() {
    let org = Org::fresh();
    let text = with_preset("[\"/\"]");
    let before = attached(&org.sandbox);
    let done = org.apply(&text, &breaking(&org, 1)).await.unwrap();
    assert_eq!(done.report.summary.exit_code(), 3);
    assert_eq!(attached(&org.sandbox), before, "nothing is attached to anything");
    let failed = row(&done.report, "protect-baseline-roles");
    assert_eq!(failed.outcome, OutcomeKind::Failed);
    let message = &failed.error.as_ref().unwrap().message;
    assert!(message.contains(
        "the canary account web (444444444444) does not work under policy `protect-baseline-roles`"
    ));
    assert!(message.ends_with("the policy was taken from it again. Not touched: /"), "{message}");
    let waiting = row(&done.report, "protect-identity");
    assert_eq!((waiting.outcome, waiting.changes.is_empty()), (OutcomeKind::NotRun, false));
    assert!(waiting.reason.as_deref().unwrap().contains("see scps/protect-baseline-roles"), "{waiting:?}");
    org.converge(&text, &canary()).await;
}

#[tokio::test(start_paused = true)]
async fn a_canary_account_that_does_not_work_keeps_the_old_document_everywhere() {
    let org = Org::fresh();
    let text = with_preset("[\"/\"]");
    org.converge(&text, &How::default()).await;
    let before = (documents(&org.sandbox), attached(&org.sandbox));
    let other = text.replace(
        "preset = \"protect-identity\"\n",
        "preset = \"protect-identity\"\nexempt_roles = [\"Admin\"]\n",
    );
    let done = org.apply(&other, &breaking(&org, 1)).await.unwrap();
    assert_eq!(done.report.summary.count(OutcomeKind::Failed), 1, "{}", done.problems());
    assert_eq!((documents(&org.sandbox), attached(&org.sandbox)), before);
}

#[tokio::test(start_paused = true)]
async fn what_failed_before_is_not_blamed_on_a_policy_and_others_are_attached_without_a_trial() {
    let org = Org::fresh();
    // Nothing in it ever worked: a trial would show nothing.
    let policies = || How { only: Some("scps"), ..breaking(&org, 0) };
    let done = org.apply(&with_preset("[\"/\"]"), &policies()).await.unwrap();
    let failed = row(&done.report, "protect-baseline-roles");
    assert_eq!(
        (failed.outcome, calls(&done, "AttachPolicy")),
        (OutcomeKind::Failed, 0),
        "{}",
        done.problems()
    );
    let message = &failed.error.as_ref().unwrap().message;
    assert!(message.contains("nothing can be tried in the canary account 444444444444"), "{message}");
    // One thing never worked, and another one does.
    let more = format!("{}\n[serial_console]\nenabled = false\n", with_preset("[\"/\"]"));
    let done = org.apply(&more, &policies()).await.unwrap();
    assert_eq!(row(&done.report, "protect-identity").outcome, OutcomeKind::Applied, "{}", done.problems());
    // `web` is not below its target.
    let text = with_preset("[\"/\"]")
        .replace("[password_policy]", "[ous]\n\"/Workloads\" = {}\n\"/Other\" = {}\n\n[password_policy]");
    let aside =
        format!("{text}\n[[scps]]\nname = \"aside\"\npreset = \"deny-leave-org\"\ntargets = [\"/Other\"]\n");
    let done = org.apply(&aside, &canary()).await.unwrap();
    assert_eq!(row(&done.report, "aside").outcome, OutcomeKind::Applied, "{}", done.problems());
    assert_eq!(calls(&done, "AttachPolicy"), 1);
    let org = Org::fresh();
    let planned = org.plan(&aside, &canary()).await.unwrap();
    let notices = |name: &str| row(&planned.report, name).notices.clone();
    assert_eq!(notices("protect-identity"), Vec::<String>::new());
}

/// A run that was killed in the middle of a trial is repaired by the next one, with a canary account or without.
#[tokio::test(start_paused = true)]
async fn what_a_killed_trial_left_is_taken_away() {
    for next in [canary(), How::default()] {
        let org = Org::fresh();
        let text = with_preset("[\"/\"]");
        org.converge(&text, &How::default()).await;
        let before = org.sandbox.inspect(|w| w.organizations.policies.len());
        let other = text.replace(
            "preset = \"protect-identity\"\n",
            "preset = \"protect-identity\"\nexempt_roles = [\"Admin\"]\n",
        );
        // The trial cannot be taken away.
        let stuck = canary().through(door(&org.sandbox, |seen| {
            let end = ["organizations:DetachPolicy", "organizations:DeletePolicy"]
                .contains(&seen.operation.as_str());
            if end { Action::Deny } else { Action::Answer }
        }));
        let done = org.apply(&other, &stuck).await.unwrap();
        assert!(done.report.summary.count(OutcomeKind::Failed) > 0);
        assert!(org.sandbox.inspect(|w| w.organizations.policies.len()) > before);
        org.converge(&other, &next).await;
        assert_eq!(org.sandbox.inspect(|w| w.organizations.policies.len()), before);
        assert!(!attached(&org.sandbox).contains_key("444444444444"));
    }
}

/// A company may call a policy of its own like one that `--canary-account` makes.
#[tokio::test(start_paused = true)]
async fn a_policy_of_others_with_the_name_of_a_trial_stays() {
    let org = Org::fresh();
    let text = with_preset("[\"/\"]");
    org.converge(&text, &How::default()).await;
    let content =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"lightsail:*","Resource":"*"}]}"#;
    let theirs = json!({"Name": "orgbase-canary-protect-identity", "Description": "canary releases",
        "Type": "SERVICE_CONTROL_POLICY", "Content": content});
    snippets::one(&org.sandbox, ("111122223333", "eu-west-1"), "organizations", "CreatePolicy", theirs);
    let done = org.converge(&text, &How::default()).await;
    assert_eq!(done.writes(), Vec::<String>::new());
}
