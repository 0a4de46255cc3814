//! `emit iam-policy` prints what is needed: with exactly these policies everything works, and without any one action of them
//! a run that needs it is denied, and the report names the action.
//!
//! The sandbox is strict here: it evaluates every policy. The caller is a user of the management account with the policies
//! `management-*`, and the access role of every other account has those of its seat.

mod check;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::FutureExt as _;
use orgbase::baseline::Baseline;
use orgbase::emit::iam;
use orgbase::error::Kind;
use orgbase::sandbox::Sandbox;
use orgbase::sandbox::enforce::strict::Strict;
use orgbase::sandbox::services;
use orgbase::sandbox::services::cloudtrail::events::Origin;
use orgbase::sandbox::services::iam::{Grants, User};
use orgbase::sandbox::spec::Spec;
use orgbase::sandbox::world::{Call, Principal, World};
use serde_json::Value;

use crate::converge::{converged, prepared};
use crate::support::org::{Done, How, Org};
use crate::support::snippets::{self, Snippet};

/// Actions that the policies hold although no run of the suite is refused without them, and why: a pattern of the action.
const BEST_EFFORT: &[(&str, &str)] = include!("permissions/best_effort.rs");

/// What only `--refresh central` calls.
const CENTRAL_READS: [&str; 2] =
    ["config:DescribeConfigurationAggregatorSourcesStatus", "config:SelectAggregateResourceConfig"];
/// The user whose policies bind the caller.
const USER: &str = "operator";
const ROLE: &str = "OrganizationAccountAccessRole";

/// Whose policies an account's role gets. The security account administers services and holds the copy of the trail.
fn seats(world: &World, account: &str, policies: &BTreeMap<String, Value>) -> Vec<&'static str> {
    let wanted: &[&str] = match world.organizations.accounts[account].name.as_str() {
        "Log Archive" => &["log-archive"],
        "Security" => &["delegated-admin", "log-replica"],
        _ => &[],
    };
    let has = |seat: &&&str| policies.contains_key(&format!("{seat}-apply"));
    let held: Vec<&str> = wanted.iter().filter(has).copied().collect();
    if held.is_empty() { vec!["member"] } else { held }
}

/// A policy without some actions, as text.
fn without(policy: &Value, removed: &BTreeSet<String>) -> String {
    let mut policy = policy.clone();
    let statements = policy["Statement"].as_array_mut().unwrap();
    for statement in statements.iter_mut() {
        let actions = statement["Action"].as_array_mut().unwrap();
        actions.retain(|one| one.as_str().is_none_or(|one| !removed.contains(one)));
    }
    statements.retain(|statement| statement["Action"].as_array().is_some_and(|actions| !actions.is_empty()));
    policy.to_string()
}

/// Gives everybody exactly the policies of this purpose (`plan` or `apply`), but for some actions.
fn equip(world: &mut World, policies: &BTreeMap<String, Value>, purpose: &str, removed: &BTreeSet<String>) {
    let of = |seats: &[&str]| -> Grants {
        let mine = |name: &str| {
            let further = |seat: &&str| name.strip_prefix(&format!("{seat}-{purpose}")).map(str::to_owned);
            seats.iter().filter_map(further).any(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        let inline = policies.iter().filter(|(name, _)| mine(name));
        Grants {
            inline: inline.map(|(n, p)| (n.clone(), without(p, removed))).collect(),
            ..Grants::default()
        }
    };
    let accounts: Vec<String> = world.organizations.accounts.keys().cloned().collect();
    for account in accounts {
        let seats = seats(world, &account, policies);
        let role = world.iam.get_mut(&account).and_then(|state| state.roles.get_mut(ROLE));
        if let Some(role) = role {
            role.grants = of(&seats);
        }
    }
    let management = world.organizations.organization.as_ref().unwrap().management.clone();
    let user = User { name: USER.into(), path: "/".into(), id: "AIDAOPERATOR".into(), ..User::default() };
    let user = User { grants: of(&["management"]), ..user };
    world.iam.entry(management).or_default().users.insert(USER.into(), user);
}

fn strict(sandbox: &Sandbox) -> Sandbox {
    sandbox.with_strict(Strict::new(Some(Principal::User { name: USER.into() })))
}

/// A run that needs permissions: where it begins, what it applies (or plans).
struct Kinds<'a> {
    snippet: &'a Snippet,
    /// What is done, where it begins, and the baseline.
    runs: Vec<(&'static str, World, String, How)>,
}

fn world(org: &Org) -> World {
    org.sandbox.inspect(Clone::clone)
}

impl<'a> Kinds<'a> {
    /// Making, keeping, repairing and taking away.
    async fn of(snippet: &'a Snippet) -> Kinds<'a> {
        let how = snippet.how();
        let mut runs = Vec::new();
        let start = prepared(Org::fresh(), snippet).await;
        runs.push(("create", world(&start), snippet.baseline.clone(), how.clone()));
        let done = converged(snippet).await;
        runs.push(("in sync", world(&done), snippet.baseline.clone(), how.clone()));
        snippets::make(&done.sandbox, &snippet.calls.drift);
        runs.push(("update", world(&done), snippet.baseline.clone(), how.clone()));
        let vanished = converged(snippet).await;
        snippets::make(&vanished.sandbox, &snippet.calls.drift);
        snippets::make(&vanished.sandbox, &snippet.calls.vanish);
        runs.push(("make again", world(&vanished), snippet.baseline.clone(), how.clone()));
        if snippet.needs {
            let all = How { only: None, ..how.clone() };
            runs.push(("everything", world(&Org::fresh()), snippet.baseline.clone(), all));
        }
        if let Some(other) = &snippet.other {
            runs.push(("other", world(&start), other.clone(), how.clone()));
        }
        if let Some(later) = &snippet.later {
            let before = converged(snippet).await;
            snippets::make(&before.sandbox, &snippet.calls.before_later);
            runs.push(("take away", world(&before), later.clone(), how.destructive()));
        }
        Kinds { snippet, runs }
    }

    /// One run with the policies that are printed for its baseline, but for some actions.
    async fn run(&self, number: usize, removed: &BTreeSet<String>) -> Outcome {
        let (kind, start, baseline, how) = &self.runs[number];
        let org = Org::bare();
        let parsed = Baseline::parse("baseline.toml", baseline).map_err(|e| e.render(false)).unwrap();
        let policies = iam::policies(&parsed);
        let purpose = if *kind == "in sync" { "plan" } else { "apply" };
        org.sandbox.modify(|w| {
            w.clone_from(start);
            equip(w, &policies, purpose, removed);
        });
        let sandbox = strict(&org.sandbox);
        let how = how.clone().through(sandbox.http_client());
        let done = match purpose {
            "plan" => org.plan(baseline, &how).await,
            _ => org.apply(baseline, &how).await,
        };
        let asked = sandbox.asked().into_iter().map(|(_, action)| action).collect();
        Outcome {
            asked,
            denied: denied(&done),
            code: done.as_ref().map_or(1, |d| d.report.summary.exit_code()),
            problems: done.map_or_else(|e| e.message, |d| d.problems()),
        }
    }
}

struct Outcome {
    asked: BTreeSet<String>,
    /// Texts of the refusals that ended a unit, or the run.
    denied: Vec<String>,
    code: u8,
    problems: String,
}

impl Outcome {
    /// Those of the actions that a refusal names.
    fn named(&self, actions: &BTreeSet<String>) -> BTreeSet<String> {
        named_in(&self.denied, actions)
    }
}

fn named_in(refusals: &[String], actions: &BTreeSet<String>) -> BTreeSet<String> {
    let names = |action: &&String| {
        let texts = [format!(": {action} "), format!("{action} action")];
        refusals.iter().any(|refusal| texts.iter().any(|text| refusal.contains(text)))
    };
    actions.iter().filter(names).cloned().collect()
}

fn denied(done: &Result<Done, orgbase::error::RunError>) -> Vec<String> {
    let done = match done {
        Err(error) => return vec![format!("{} {:?}", error.message, error.hints)],
        Ok(done) => done,
    };
    let errors = done.report.units.iter().filter_map(|row| row.error.as_ref());
    errors.filter(|e| e.kind == Kind::Denied).map(|e| format!("{} {:?}", e.message, e.call)).collect()
}

/// All actions of the policies for planning and applying; those for `check` are proven in `permissions/check.rs`.
fn printed(baseline: &str) -> BTreeSet<String> {
    let parsed = Baseline::parse("baseline.toml", baseline).map_err(|e| e.render(false)).unwrap();
    actions(&iam::policies(&parsed), |sid| !sid.starts_with("Check"))
}

/// The actions of the policies for planning and applying, in the statements that `wanted` chooses by their names.
fn actions(policies: &BTreeMap<String, Value>, wanted: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let ours = policies.iter().filter(|(name, _)| !name.ends_with("-vend"));
    let statements = ours.flat_map(|(_, policy)| policy["Statement"].as_array().unwrap());
    let statements = statements.filter(|statement| statement["Sid"].as_str().is_some_and(&wanted));
    let actions = statements.flat_map(|statement| statement["Action"].as_array().unwrap());
    actions.map(|action| action.as_str().unwrap().to_owned()).collect()
}

fn is_best_effort(action: &str) -> bool {
    BEST_EFFORT.iter().any(|(name, _)| *name == action)
}

#[tokio::test(start_paused = true)]
async fn each_action_is_needed_and_no_more_are() {
    let mut proven = BTreeSet::new();
    let mut wrong = Vec::new();
    let mut all = BTreeSet::new();
    for snippet in snippets::all() {
        let kinds = Kinds::of(&snippet).await;
        all.extend(printed(&snippet.baseline));
        for number in 0..kinds.runs.len() {
            let tested =
                std::panic::AssertUnwindSafe(needed(&kinds, number, &mut proven)).catch_unwind().await;
            match tested {
                Ok(found) => wrong.extend(found),
                Err(_) => wrong.push(format!("{} ({}): panic", kinds.snippet.id, kinds.runs[number].0)),
            }
        }
    }
    for action in all.iter().filter(|action| !proven.contains(*action) && !is_best_effort(action)) {
        wrong.push(format!("{action} is printed, and no run is denied without it"));
    }
    if std::env::var_os("ORGBASE_SECTION").is_none() {
        let needless =
            BEST_EFFORT.iter().filter(|(action, _)| proven.contains(*action) || !all.contains(*action));
        wrong.extend(needless.map(|(action, _)| format!("{action} is no best effort, or not printed")));
    }
    assert!(wrong.is_empty(), "{} findings:\n{}", wrong.len(), wrong.join("\n"));
}

/// One kind of run: it works with what is printed; and each action that it asked for and nobody has proven yet is needed.
///
/// All of them are taken away together, and what the report names is given back, until it names no more: a unit ends at the
/// first action that it lacks. What is left is taken away alone.
async fn needed(kinds: &Kinds<'_>, number: usize, proven: &mut BTreeSet<String>) -> Vec<String> {
    let name = format!("{} ({})", kinds.snippet.id, kinds.runs[number].0);
    let whole = kinds.run(number, &BTreeSet::new()).await;
    if !whole.denied.is_empty() || ![0, 2].contains(&whole.code) {
        return vec![format!("{name} with what is printed:\n{}", whole.problems)];
    }
    let left = whole.asked.into_iter().filter(|action| !proven.contains(action)).collect();
    prove(left, proven, async |removed| kinds.run(number, removed).await.named(removed)).await;
    Vec::new()
}

/// Takes actions away, all that are not proven yet and then each alone: `named` says which of them a run without them is denied.
async fn prove(
    mut left: BTreeSet<String>,
    proven: &mut BTreeSet<String>,
    named: impl AsyncFn(&BTreeSet<String>) -> BTreeSet<String>,
) {
    while !left.is_empty() {
        let denied = named(&left).await;
        if denied.is_empty() {
            break;
        }
        left.retain(|action| !denied.contains(action));
        proven.extend(denied);
    }
    for action in left {
        proven.extend(named(&BTreeSet::from([action])).await);
    }
}

/// The shipped baselines, whole.
#[tokio::test(start_paused = true)]
async fn shipped_baselines_work_with_what_is_printed() {
    for path in crate::baselines::files() {
        let baseline = std::fs::read_to_string(&path).unwrap();
        let parsed = Baseline::parse("baseline.toml", &baseline).map_err(|e| e.render(false)).unwrap();
        let policies = iam::policies(&parsed);
        let org = Org::of(&Spec::parse("accounts=4,ous=2,regions=2,drift=0.3,foreign=1,seed=4").unwrap());
        for (purpose, code) in [("plan", 2), ("apply", 0), ("plan", 0)] {
            org.sandbox.modify(|w| equip(w, &policies, purpose, &BTreeSet::new()));
            let how = How::default().through(strict(&org.sandbox).http_client());
            let done = match purpose {
                "plan" => org.plan(&baseline, &how).await,
                _ => org.apply(&baseline, &how).await,
            };
            let done = done.unwrap_or_else(|e| panic!("{} {purpose}: {e} {:?}", path.display(), e.hints));
            let found = done.report.summary.exit_code();
            assert_eq!(found, code, "{} {purpose}:\n{}", path.display(), done.problems());
        }
    }
}

/// Central answers and the names of who changed something save time or tell more; a run without them finds the same.
#[tokio::test(start_paused = true)]
async fn what_is_asked_beside_the_settings_is_not_missed() {
    let baseline = include_str!("../../baselines/full.toml");
    let parsed = Baseline::parse("baseline.toml", baseline).map_err(|e| e.render(false)).unwrap();
    let policies = iam::policies(&parsed);
    let org = Org::fresh();
    org.converge(baseline, &How::default()).await;
    let somebody = Call {
        service: "iam".into(),
        operation: "DeleteAccountPasswordPolicy".into(),
        account: "444444444444".into(),
        region: "us-east-1".into(),
        principal: Principal::Role { role: ROLE.into(), session: "ann".into() },
        input: serde_json::json!({}),
        now: SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64(),
    };
    let origin = Origin::new("aws-cli/2", "ASIAEXAMPLE");
    org.sandbox.modify(|world| services::write(world, &somebody, &origin)).unwrap().unwrap();
    let mut found = Vec::new();
    for removed in [&[][..], &["cloudtrail:LookupEvents"], &CENTRAL_READS[..1], &CENTRAL_READS[1..]] {
        let removed: BTreeSet<String> = removed.iter().map(ToString::to_string).collect();
        org.sandbox.modify(|world| equip(world, &policies, "plan", &removed));
        let how = How::default().central().through(strict(&org.sandbox).http_client());
        let (done, known) = org.drift(baseline, &how).await.unwrap();
        let vouched = done.report.units.iter().any(|unit| unit.vouched_by.is_some());
        found.push((done.report.summary, known > 0, vouched));
    }
    let summary = found[0].0.clone();
    assert_eq!(summary.exit_code(), 2, "{summary:?}");
    let of = |known, vouched| (summary.clone(), known, vouched);
    assert_eq!(found, [of(true, true), of(false, true), of(true, false), of(true, false)]);
}
