//! The built binary: output, exit codes, saved plans, several processes on one organization.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const BASELINE: &str = r#"version = 1
[organization]
id = "o-a1b2c3d4e5"
home_region = "eu-west-1"
regions = ["eu-west-1", "us-east-1"]

[ous]
"/Security" = {}

[accounts.log-archive]
name = "Log Archive"
email = "aws+log@example.com"
ou = "/Security"

[password_policy]
minimum_length = 14
max_age_days = 90
"#;

/// A working folder with a baseline and a simulated organization.
pub(crate) struct Desk {
    folder: TempDir,
}

/// How a command ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Desk {
    fn new() -> Desk {
        Desk::with(BASELINE)
    }

    pub(crate) fn with(baseline: &str) -> Desk {
        let desk = Desk { folder: TempDir::new().unwrap() };
        desk.write("baseline.toml", baseline);
        desk.write("org.toml", include_str!("support/org.toml"));
        let made = desk.run(&["sandbox", "--state", "org.json", "--org", "org.toml"]);
        assert_eq!(made.code, 0, "{}", made.stderr);
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// The command without anything of this machine's environment.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orgbase"));
        command.args(args).current_dir(self.folder.path()).env_clear().stdin(Stdio::null());
        command.env("HOME", self.folder.path()).env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        ended(&self.command(args).output().unwrap())
    }

    /// On the simulated organization.
    pub(crate) fn on(&self, args: &[&str]) -> Ended {
        let mut all = args.to_vec();
        all.push("--sandbox=org.json");
        self.run(&all)
    }
}

pub(crate) fn ended(output: &Output) -> Ended {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Ended { code: output.status.code().unwrap(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

/// What differs from run to run, and what stands for it in snapshots.
pub(crate) fn masked(text: &str) -> String {
    static MASKS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        [
            (r"\d{8}T\d{6}Z-[0-9a-f]{6}", "RUN"),
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
            (r"/tmp/[^/\s]+/", "/TMP/"),
        ]
        .map(|(pattern, mask)| (Regex::new(pattern).unwrap(), mask))
        .into()
    });
    MASKS
        .iter()
        .fold(text.to_string(), |text, (pattern, mask)| pattern.replace_all(&text, *mask).into_owned())
}

pub(crate) fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|e| panic!("{e}: {}", ended.stdout))
}

/// Outcome -> number of units, without zeros.
fn outcomes(report: &Value) -> Vec<(String, u64)> {
    let all = report["summary"]["outcomes"].as_object().unwrap();
    all.iter().filter_map(|(k, v)| Some((k.clone(), v.as_u64().filter(|n| *n > 0)?))).collect()
}

#[test]
fn a_plan_for_people() {
    let plan = Desk::new().on(&["plan"]);
    assert_eq!(plan.code, 2);
    insta::assert_snapshot!(masked(&plan.stderr), @"SANDBOX o-a1b2c3d4e5 as arn:aws:iam::111122223333:user/sandbox");
    insta::assert_snapshot!(masked(&plan.stdout), @r"
    ous
      + create tree:/Security  in Management (111122223333), eu-west-1
          + path: /Security  baseline.toml:8
    accounts
      ~ change log-archive  in Log Archive (222222222222), eu-west-1
          ~ ou: / -> /Security  [disruptive]  baseline.toml:13
    password_policy
      + create  in 4 accounts: Management (111122223333), Log Archive (222222222222), Security (333333333333), web (444444444444), eu-west-1
          + minimum_length: 14  baseline.toml:16
          + max_age_days: 90  [disruptive]  baseline.toml:17

    6 units: 6 drift
    10 changes: 9 create, 1 update; risk: 5 disruptive, 5 normal
    ");
}

/// Three processes see one organization: a plan with changes, an apply, a plan without.
#[test]
fn plan_apply_plan() {
    let desk = Desk::new();
    let first = desk.on(&["plan", "--format", "json"]);
    assert_eq!(first.code, 2, "{}", first.stderr);
    assert_eq!(outcomes(&json(&first)), [("drift".into(), 6)]);
    let apply = desk.on(&["apply", "--yes", "--format", "json"]);
    assert_eq!(apply.code, 0, "{}", apply.stderr);
    assert_eq!(outcomes(&json(&apply)), [("applied".into(), 6)]);
    let last = desk.on(&["plan", "--format", "json"]);
    assert_eq!(last.code, 0, "{}", last.stderr);
    assert_eq!(outcomes(&json(&last)), [("in_sync".into(), 6)]);
    let again = desk.on(&["apply", "--yes"]);
    assert_eq!((again.code, masked(&again.stdout)), (0, masked(&desk.on(&["plan"]).stdout)));
}

/// The fields of the JSON that acceptance checks use.
#[test]
fn the_json_of_a_plan() {
    let plan = json(&Desk::new().on(&["plan", "--format", "json"]));
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for key in [
        "format_version",
        "tool_version",
        "baseline_digest",
        "organization_id",
        "created_at",
        "units",
        "summary",
    ] {
        assert!(keys(&plan).iter().any(|k| k == key), "no {key} in {:?}", keys(&plan));
    }
    assert_eq!(plan["organization_id"], "o-a1b2c3d4e5");
    let units = plan["units"].as_array().unwrap();
    let unit = units.iter().find(|u| u["control"] == "password_policy").unwrap();
    for key in ["control", "part", "account", "region", "outcome", "changes", "error"] {
        assert!(unit.get(key).is_some(), "no {key} in {unit}");
    }
    assert_eq!(unit["account"].as_str().unwrap().len(), 12);
    let change = &unit["changes"][0];
    insta::assert_snapshot!(serde_json::to_string_pretty(change).unwrap(), @r#"
    {
      "path": "minimum_length",
      "before": null,
      "after": 14,
      "effect": "create",
      "risk": "normal",
      "declared_at": "baseline.toml:16"
    }
    "#);
}

#[test]
fn what_cannot_run_ends_with_1() {
    let desk = Desk::new();
    desk.write("wrong.toml", &BASELINE.replace("o-a1b2c3d4e5", "o-zzzzzzzzzz"));
    desk.write("typo.toml", &BASELINE.replace("minimum_length", "minimum_lenght"));
    desk.write("region.toml", &BASELINE.replace("\"us-east-1\"", "\"us-east-9\""));
    let table: [(&[&str], &str); 8] = [
        (&["plan", "--nonsense"], "unexpected argument"),
        (&["plan", "-f", "absent.toml"], "absent.toml"),
        (&["plan", "-f", "wrong.toml"], "o-zzzzzzzzzz"),
        (&["plan", "-f", "typo.toml"], "did you mean `minimum_length`?"),
        (&["plan", "-f", "region.toml"], "us-east-1"),
        (&["plan", "--only", "colour=red"], "colour"),
        (&["apply", "absent.plan", "--yes"], "absent.plan"),
        (&["apply"], "stdin is not a terminal"),
    ];
    for (args, message) in table {
        let ended = desk.on(args);
        assert_eq!(ended.code, 1, "{args:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(message), "{args:?}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "{args:?}");
    }
    assert_eq!(desk.on(&["plan"]).code, 2, "nothing was changed");
}

#[test]
fn nothing_is_done_above_max_changes() {
    let desk = Desk::new();
    let apply = desk.on(&["apply", "--yes", "--max-changes", "9"]);
    assert_eq!(apply.code, 1);
    insta::assert_snapshot!(masked(&apply.stderr), @r"
    SANDBOX o-a1b2c3d4e5 as arn:aws:iam::111122223333:user/sandbox
    error: the plan has 10 changes, more than --max-changes 9
    hint: nothing was changed; look at `orgbase plan` first
    ");
    assert_eq!(outcomes(&json(&desk.on(&["plan", "--format", "json"]))), [("drift".into(), 6)]);
    assert_eq!(desk.on(&["apply", "--yes", "--max-changes", "10"]).code, 0);
}

/// An account whose role cannot be assumed ends `failed`, the run 3, and every other account converges.
#[test]
fn an_account_without_the_role_ends_the_run_with_3() {
    let desk = Desk::new();
    desk.write("org.toml", &include_str!("support/org.toml").replace("ou = \"/Workloads\"", "role = \"\""));
    std::fs::remove_file(desk.path("org.json")).unwrap();
    let made = desk.run(&["sandbox", "--state", "org2.json", "--org", "org.toml"]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let apply = desk.run(&["apply", "--yes", "--format", "json", "--sandbox=org2.json"]);
    assert_eq!(apply.code, 3, "{}", apply.stderr);
    let report = json(&apply);
    assert_eq!(outcomes(&report), [("applied".into(), 5), ("failed".into(), 1)]);
    let failed = report["units"].as_array().unwrap().iter().find(|u| u["outcome"] == "failed").unwrap();
    assert_eq!((&failed["account"], &failed["error"]["phase"]), (&"444444444444".into(), &"session".into()));
}

#[test]
fn a_saved_plan_is_applied_as_it_was_reviewed() {
    let desk = Desk::new();
    assert_eq!(desk.on(&["plan", "--out", "a.plan", "--only", "control=password_policy"]).code, 2);
    assert_eq!(desk.on(&["plan", "--out", "b.plan"]).code, 2);
    // tampered
    let text = std::fs::read_to_string(desk.path("a.plan")).unwrap();
    desk.write("tampered.plan", &text.replace("\"after\": 14", "\"after\": 6"));
    let tampered = desk.on(&["apply", "tampered.plan", "--yes"]);
    assert_eq!(tampered.code, 1);
    insta::assert_snapshot!(tampered.stderr, @r"
    error: tampered.plan was changed since it was written
    hint: a plan is applied as it was reviewed: make it again with `orgbase plan --out PLAN`
    ");
    // only what the plan holds is done, and nothing else is looked at
    let apply = desk.on(&["apply", "a.plan", "--yes", "--format", "json"]);
    let expected: [(String, u64); 2] = [("applied".into(), 4), ("skipped".into(), 2)];
    assert_eq!((apply.code, outcomes(&json(&apply))), (0, expected.into()), "{}", apply.stderr);
    // what is done already is in sync, the rest of the other plan still holds
    let apply = desk.on(&["apply", "b.plan", "--yes", "--format", "json"]);
    let expected: [(String, u64); 2] = [("applied".into(), 2), ("in_sync".into(), 4)];
    assert_eq!((apply.code, outcomes(&json(&apply))), (0, expected.into()), "{}", apply.stderr);
}

#[test]
fn a_plan_of_another_baseline_or_organization_is_refused() {
    let desk = Desk::new();
    assert_eq!(desk.on(&["plan", "--out", "a.plan"]).code, 2);
    desk.write("baseline.toml", &BASELINE.replace("= 14", "= 15"));
    let changed = desk.on(&["apply", "a.plan", "--yes"]);
    assert!(
        changed.code == 1 && changed.stderr.contains("changed since the plan was made"),
        "{}",
        changed.stderr
    );
    desk.write("baseline.toml", &BASELINE.replace("id = \"o-a1b2c3d4e5\"\n", ""));
    assert_eq!(desk.on(&["plan", "--out", "a.plan"]).code, 2);
    desk.write("other.toml", &include_str!("support/org.toml").replace("o-a1b2c3d4e5", "o-b1b2c3d4e5"));
    assert_eq!(desk.run(&["sandbox", "--state", "other.json", "--org", "other.toml"]).code, 0);
    let other = desk.run(&["apply", "a.plan", "--yes", "--sandbox=other.json"]);
    assert!(other.code == 1 && other.stderr.contains("the plan is for o-a1b2c3d4e5"), "{}", other.stderr);
}

#[test]
fn selectors_choose_units() {
    let desk = Desk::new();
    let table: [(&[&str], u64); 7] = [
        (&["--only", "control=password_policy"], 4),
        (&["--only", "account=log-archive"], 2),
        (&["--only", "account=444444444444"], 1),
        (&["--only", "ou=/Workloads"], 1),
        (&["--exclude", "control=password_policy"], 2),
        (&["--only", "control=password_policy", "--exclude", "account=4*"], 3),
        (&["--only", "region=eu-west-1"], 6),
    ];
    for (args, units) in table {
        let mut all = vec!["plan", "--format", "json"];
        all.extend(args);
        let plan = json(&desk.on(&all));
        assert_eq!(plan["summary"]["units"], units, "{args:?}");
    }
}

#[test]
fn without_a_run_folder_nothing_is_changed() {
    let desk = Desk::new();
    desk.write("file", "in the way");
    let apply = desk.on(&["apply", "--yes", "--run-dir", "file/runs"]);
    assert_eq!(apply.code, 1);
    insta::assert_snapshot!(masked(&apply.stderr), @r"
    SANDBOX o-a1b2c3d4e5 as arn:aws:iam::111122223333:user/sandbox
    error: cannot write the lock file/runs/o-a1b2c3d4e5.lock: Not a directory (os error 20)
    hint: nothing was changed; name a folder that can be written with --run-dir
    ");
    assert_eq!(outcomes(&json(&desk.on(&["plan", "--format", "json"]))), [("drift".into(), 6)]);
}

/// Two at once: the second waits for the first or refuses; both leave one converged organization.
#[test]
fn two_applies_at_once_do_not_mix() {
    let desk = Desk::new();
    let args = ["apply", "--yes", "--format", "json", "--sandbox=org.json"];
    let start = || desk.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let both = [start(), start()].map(|child| ended(&child.wait_with_output().unwrap()));
    let mut codes = both.iter().map(|e| e.code).collect::<Vec<_>>();
    codes.sort_unstable();
    assert!(codes == [0, 0] || codes == [0, 1], "{codes:?} {} {}", both[0].stderr, both[1].stderr);
    let applied = both.iter().filter(|e| e.code == 0).map(|e| outcomes(&json(e)));
    let made: u64 = applied.flatten().filter(|(name, _)| name == "applied").map(|(_, n)| n).sum();
    assert_eq!(made, 6, "each unit is applied once");
    assert_eq!(desk.on(&["plan"]).code, 0);
}

/// Journals and plans may hold what others should not read.
#[test]
fn files_are_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let desk = Desk::new();
    assert_eq!(desk.on(&["plan", "--out", "a.plan"]).code, 2);
    assert_eq!(desk.on(&["apply", "--yes"]).code, 0);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&desk.path("a.plan")), 0o600);
    assert_eq!(mode(&desk.path(".orgbase")), 0o700);
    let runs: Vec<_> =
        std::fs::read_dir(desk.path(".orgbase/runs")).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(runs.len(), 1, "{runs:?}");
    assert_eq!((mode(&runs[0]), mode(&runs[0].join("journal.jsonl"))), (0o700, 0o600));
}

/// Journal, lock and plan in a bucket; the local folder stays away.
#[test]
fn a_run_folder_in_s3() {
    let desk = Desk::new();
    let bucket = "[[calls]]\nservice = \"s3\"\noperation = \"CreateBucket\"\n\
        input = { Bucket = \"runs-1\", CreateBucketConfiguration = { LocationConstraint = \"eu-west-1\" } }\n";
    desk.write("org.toml", &format!("{}\n{bucket}", include_str!("support/org.toml")));
    std::fs::remove_file(desk.path("org.json")).unwrap();
    assert_eq!(desk.run(&["sandbox", "--state", "org.json", "--org", "org.toml"]).code, 0);
    let run_dir = "--run-dir=s3://runs-1/orgbase";
    let planned = desk.on(&["plan", "--out", "s3://runs-1/plans/a.json", run_dir]);
    assert_eq!(planned.code, 2, "{}", planned.stderr);
    let applied = desk.on(&["apply", "s3://runs-1/plans/a.json", "--yes", run_dir]);
    assert_eq!(applied.code, 0, "{}", applied.stderr);
    assert_eq!(desk.on(&["plan", run_dir]).code, 0);
    let again = desk.on(&["apply", "--yes", run_dir]);
    assert_eq!(again.code, 0, "the lock was given back: {}", again.stderr);
    assert!(!desk.path(".orgbase").exists());
    let lost = desk.on(&["apply", "--yes", "--run-dir=s3://none-1/orgbase"]);
    assert_eq!(lost.code, 1, "{}", lost.stderr);
    assert!(lost.stderr.contains("make the bucket none-1"), "{}", lost.stderr);
}

/// A result that cannot be printed is said, and is no success.
#[test]
fn a_full_disk_under_stdout() {
    let desk = Desk::new();
    let full = || Stdio::from(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    let run =
        |args: &[&str]| ended(&desk.command(args).stdout(full()).stderr(Stdio::piped()).output().unwrap());
    let planned = run(&["plan", "--sandbox=org.json"]);
    assert_eq!(planned.code, 1, "{}", planned.stderr);
    assert!(planned.stderr.contains("cannot write the result to stdout"), "{}", planned.stderr);
    assert_eq!(run(&["apply", "--yes", "--sandbox=org.json"]).code, 3);
    assert_eq!(desk.on(&["plan"]).code, 0, "it was done all the same");
}

/// `-f baseline.toml` is a choice, even where it is the default.
#[test]
fn an_explicit_baseline_wins_over_the_one_of_the_plan() {
    let desk = Desk::new();
    desk.write("other.toml", &BASELINE.replace("14", "15"));
    assert_eq!(desk.on(&["plan", "-f", "other.toml", "--out", "a.plan"]).code, 2);
    let refused = desk.on(&["apply", "a.plan", "--yes", "-f", "baseline.toml"]);
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert!(refused.stderr.contains("changed since the plan was made"), "{}", refused.stderr);
    let refused = desk.on(&["-f", "baseline.toml", "apply", "a.plan", "--yes"]);
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert_eq!(desk.on(&["apply", "a.plan", "--yes"]).code, 0);
}

const LOGS: &str = r#"
[log_archive]
account = "log-archive"
object_lock_days = 1
object_lock_mode = "COMPLIANCE"
[org_trail]
name = "org-trail"
[metric_alarms]
set = ["root-usage"]
notify = ["secops@example.com"]
"#;

/// COMPLIANCE is made only where the bucket is named, and destructive changes are allowed at all.
#[test]
fn a_lock_that_nobody_can_take_back() {
    let desk = Desk::with(&format!("{BASELINE}{LOGS}"));
    let reason = |ended: &Ended| {
        let report = json(ended);
        let units = report["units"].as_array().unwrap().clone();
        let trail = units.iter().find(|u| u["control"] == "log_archive" && u["part"] == "bucket:cloudtrail");
        trail.map(|u| (u["outcome"].clone(), u["reason"].as_str().unwrap_or_default().to_string())).unwrap()
    };
    let apply = |more: &[&str]| desk.on(&[&["apply", "--yes", "--format", "json"], more].concat());
    let (outcome, why) = reason(&apply(&[]));
    assert_eq!((outcome, why.as_str()), ("drift".into(), "needs --allow-destructive"));
    let (outcome, why) = reason(&apply(&["--allow-destructive"]));
    assert_eq!(outcome, "drift");
    let flag = "--confirm-compliance orgbase-cloudtrail-222222222222";
    assert!(why.ends_with(flag), "{why}");
    let wrong = apply(&["--allow-destructive", "--confirm-compliance", "another"]);
    assert_eq!((wrong.code, reason(&wrong).0), (3, "drift".into()));
    let done = apply(&["--allow-destructive", "--confirm-compliance", "orgbase-cloudtrail-222222222222"]);
    assert_eq!((done.code, reason(&done).0), (0, "applied".into()), "{}", done.stderr);
    assert_eq!(desk.on(&["plan"]).code, 0);

    // A subscription that awaits its reader is in sync, and is sent again only on demand.
    assert!(outcomes(&json(&apply(&[]))).iter().all(|(name, _)| name != "applied"));
    let again = apply(&["--resubscribe"]);
    let changed = json(&again);
    let changes =
        changed["units"].as_array().unwrap().iter().flat_map(|u| u["changes"].as_array().unwrap().clone());
    let after: Vec<Value> = changes.map(|c| c["after"].clone()).collect();
    assert_eq!((again.code, after), (0, vec!["sent again".into()]), "{}", again.stderr);
}

/// Pages of one item: whoever does not read on sees an empty organization.
#[test]
fn short_pages_change_nothing() {
    let desk = Desk::new();
    std::fs::remove_file(desk.path("org.json")).unwrap();
    desk.write("org.toml", &format!("page_limit = 1\n{}", include_str!("support/org.toml")));
    assert_eq!(desk.run(&["sandbox", "--state", "org.json", "--org", "org.toml"]).code, 0);
    assert_eq!(desk.on(&["apply", "--yes"]).code, 0);
    assert_eq!(desk.on(&["plan"]).code, 0);
}

#[test]
fn help_and_version_are_no_errors() {
    let desk = Desk::new();
    assert_eq!(desk.run(&["--help"]).code, 0);
    assert_eq!(desk.run(&["--version"]).stdout, format!("orgbase {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(desk.run(&[]).code, 1);
}
