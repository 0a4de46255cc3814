//! Rings and protected accounts on the simulated organization.

use std::collections::BTreeMap;

use orgbase::report::Report;
use orgbase::sandbox::services::organizations;
use orgbase::units::OutcomeKind;

use crate::support::faults::{Action, door};
use crate::support::org::{How, Org};

const BASELINE: &str = r#"version = 1
[organization]
id = "o-a1b2c3d4e5"
home_region = "eu-west-1"
regions = ["eu-west-1", "us-east-1"]

[accounts.log-archive]
name = "Log Archive"
email = "aws+log@example.com"
ou = "/"

[accounts.security]
name = "Security"
email = "aws+security@example.com"
ou = "/"

[[rings]]
name = "canary"
accounts = ["security"]

[[rings]]
name = "workloads"
ous = ["/Workloads"]

[password_policy]
minimum_length = 14
"#;

/// Outcome of the password policy by account name.
fn outcomes(report: &Report) -> BTreeMap<String, OutcomeKind> {
    let policies = report.units.iter().filter(|u| u.id.control == "password_policy");
    policies.map(|u| (u.account_name.clone(), u.outcome)).collect()
}

/// Accounts that have a password policy.
fn written(org: &Org) -> Vec<String> {
    org.sandbox.inspect(|world| {
        let has = |id: &&String| world.iam.get(*id).is_some_and(|iam| iam.password_policy.is_some());
        let accounts = &world.organizations.accounts;
        let mut names: Vec<String> =
            accounts.keys().filter(has).map(|id| accounts[id].name.clone()).collect();
        names.sort();
        names
    })
}

/// A door that denies the policy's write in the account of this name.
fn denying(org: &Org, name: &'static str) -> How {
    let id = org
        .sandbox
        .inspect(|w| w.organizations.accounts.values().find(|a| a.name == name).unwrap().id.clone());
    let management = org.sandbox.inspect(|w| organizations::management(w).unwrap().to_owned());
    How::default().through(door(&org.sandbox, move |seen| {
        if seen.operation != "iam:UpdateAccountPasswordPolicy" {
            return Action::Answer;
        }
        if *seen.account.as_ref().unwrap_or(&management) == id { Action::Deny } else { Action::Answer }
    }))
}

#[tokio::test(start_paused = true)]
async fn a_failing_canary_stops_the_rest_and_the_report_says_what_was_not_touched() {
    use OutcomeKind::{Failed, NotRun};
    let org = Org::fresh();
    let done = org.apply(BASELINE, &denying(&org, "Security")).await.unwrap();
    assert_eq!(done.report.summary.exit_code(), 3);
    let wanted = [("Log Archive", NotRun), ("Management", NotRun), ("Security", Failed), ("web", NotRun)];
    assert_eq!(outcomes(&done.report), wanted.map(|(name, o)| (name.to_string(), o)).into());
    assert_eq!(written(&org), Vec::<String>::new());
    let untouched = done.report.units.iter().find(|u| u.outcome == NotRun).unwrap();
    let reason = untouched.reason.as_deref().unwrap();
    assert!(
        reason.starts_with("not touched, because ring `canary` is not in sync: see password_policy"),
        "{reason}"
    );
    assert!(!untouched.changes.is_empty(), "what would have been changed is still shown");
    // The second ring fails: the first one is done, the rest is not.
    let done = org.apply(BASELINE, &denying(&org, "web")).await.unwrap();
    assert_eq!(done.report.summary.exit_code(), 3);
    assert_eq!(written(&org), ["Security"]);
    org.converge(BASELINE, &How::default()).await;
    assert_eq!(written(&org), ["Log Archive", "Management", "Security", "web"]);
}

#[tokio::test(start_paused = true)]
async fn without_rings_one_account_stops_no_other() {
    let org = Org::fresh();
    let start = BASELINE.find("[[rings]]").unwrap();
    let end = BASELINE.find("[password_policy]").unwrap();
    let text = format!("{}{}", &BASELINE[..start], &BASELINE[end..]);
    let done = org.apply(&text, &denying(&org, "Security")).await.unwrap();
    assert_eq!(done.report.summary.exit_code(), 3);
    assert_eq!(written(&org), ["Log Archive", "Management", "web"]);
}

/// Each shipped section works ring by ring: nothing waits for ever.
#[tokio::test(start_paused = true)]
async fn a_whole_baseline_converges_ring_by_ring() {
    let org = Org::fresh();
    let full = include_str!("../../baselines/full.toml");
    let rings = "[[rings]]\nname = \"canary\"\naccounts = [\"security\"]\n[[rings]]\nname = \"logs\"\naccounts = [\"log-archive\"]\n";
    let text = full.replace("[delegated_admins]", &format!("{rings}\n[delegated_admins]"));
    assert_ne!(text, full);
    for _ in 0..2 {
        let done = org.apply(&text, &How::default().destructive()).await.unwrap();
        let not_run = done.report.summary.count(OutcomeKind::NotRun);
        if done.report.summary.exit_code() == 0 {
            return;
        }
        assert!(
            done.report.summary.count(OutcomeKind::Failed) == 0,
            "{not_run} not run\n{}",
            done.problems()
        );
    }
    let planned = org.plan(&text, &How::default()).await.unwrap();
    assert_eq!(planned.report.summary.exit_code(), 0, "{}", planned.problems());
}

#[tokio::test(start_paused = true)]
async fn a_protected_account_is_changed_only_by_name() {
    let org = Org::fresh();
    let text = BASELINE.replace(
        "email = \"aws+security@example.com\"\n",
        "email = \"aws+security@example.com\"\nprotected = true\n",
    );
    let done = org.apply(&text, &How::default()).await.unwrap();
    assert_eq!(done.report.summary.exit_code(), 2, "{}", done.problems());
    assert_eq!(outcomes(&done.report)["Security"], OutcomeKind::Drift);
    assert_eq!(written(&org), ["Log Archive", "Management", "web"], "the rings go on");
    let row =
        done.report.units.iter().find(|u| u.account_name == "Security" && u.id.control == "password_policy");
    let row = row.unwrap();
    assert!(row.reason.as_deref().unwrap().contains("protected"), "{row:?}");
    let done = org.apply(&text, &How { account: Some("security"), ..How::default() }).await.unwrap();
    assert_eq!(done.report.summary.exit_code(), 0, "{}", done.problems());
    assert_eq!(written(&org), ["Log Archive", "Management", "Security", "web"]);
}
