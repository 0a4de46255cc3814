//! `orgbase check` through the built binary, on a simulated organization before and after a baseline.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use orgbase::baseline::Baseline;
use orgbase::check::NEWEST;
use orgbase::plan::Refresh;
use orgbase::run;
use orgbase::selector::Selection;
use serde_json::Value;
use tempfile::TempDir;

const NEWEST_NUMBERS: usize = 70;
const BASELINE: &str = r#"version = 1
[organization]
id = "o-a1b2c3d4e5"
home_region = "eu-west-1"
regions = ["eu-west-1"]

[password_policy]
minimum_length = 14
reuse_prevention = 24

[[exceptions]]
control = "password_policy"
accounts = ["444444444444"]
reason = "moves to Identity Center"
expires = 2099-01-31
"#;

/// A folder with a simulated organization.
struct Desk(TempDir);

impl Desk {
    fn new() -> Desk {
        let desk = Desk(TempDir::new().unwrap());
        std::fs::write(desk.0.path().join("org.toml"), include_str!("support/org.toml")).unwrap();
        let made = desk.run(&["sandbox", "--state", "org.json", "--org", "org.toml"]);
        assert!(made.status.success(), "{}", text(&made.stderr));
        desk
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orgbase"));
        command.args(args).current_dir(self.0.path()).env_clear().stdin(Stdio::null());
        command.env("HOME", self.0.path()).env("AWS_EC2_METADATA_DISABLED", "true").output().unwrap()
    }

    fn check(&self, args: &[&str]) -> Output {
        let mut all = vec!["check", "--sandbox=org.json"];
        all.extend(args);
        self.run(&all)
    }

    fn report(&self, args: &[&str]) -> Value {
        let mut all = args.to_vec();
        all.extend(["--format", "json"]);
        let output = self.check(&all);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&output.stderr)))
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).unwrap();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn rows<'a>(report: &'a Value, rule: &str) -> Vec<&'a Value> {
    report["rows"].as_array().unwrap().iter().filter(|row| row["rule"] == rule).collect()
}

fn statuses(report: &Value, rule: &str) -> Vec<String> {
    rows(report, rule).iter().map(|row| row["status"].as_str().unwrap().to_string()).collect()
}

#[test]
fn without_a_baseline_every_rule_has_rows_and_nothing_is_unread() {
    let desk = Desk::new();
    let output = desk.check(&["--regions", "eu-west-1", "--format", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let rules = report["rules"].as_array().unwrap();
    assert_eq!(rules.len(), NEWEST_NUMBERS);
    for rule in rules {
        let number = rule["rule"].as_str().unwrap();
        assert!(!rows(&report, number).is_empty(), "{number} has no row");
    }
    let unread: Vec<String> = report["rows"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["status"] == "ERROR")
        .map(|row| format!("{} {} {}", row["rule"], row["account_id"], row["evidence"]))
        .collect();
    assert!(unread.is_empty(), "{unread:#?}");
    assert_eq!(output.status.code(), Some(2));
    let counted: u64 =
        report["summary"]["statuses"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert_eq!(counted as usize, report["rows"].as_array().unwrap().len());
    // the evidence of the newest version decides the rules of all, by the same rules
    let versions = report["summary"]["versions"].as_array().unwrap();
    assert_eq!(versions.len(), 9);
    assert_eq!(versions[8]["score"], report["summary"]["score"]);
    let older = desk.report(&["--regions", "eu-west-1", "--benchmark", "cis-1.4"]);
    assert_eq!(versions[1]["score"], older["summary"]["score"]);
}

struct Silent;

impl orgbase::check::Progress for Silent {
    fn accounts(&self, _number: usize) {}
    fn account_done(&self) {}
}

/// Trails and delegation are what several rules, and other evidence, look at.
#[tokio::test]
async fn shared_evidence_is_read_once_per_place() {
    let desk = Desk::new();
    let text = "version = 1\n[organization]\nhome_region = \"eu-west-1\"\nregions = [\"eu-west-1\"]\n";
    let baseline = Baseline::parse("t.toml", text).map_err(|e| e.render(false)).unwrap();
    let place = run::Place {
        baseline: "t.toml".into(),
        sandbox: Some(desk.0.path().join("org.json")),
        profile: None,
        read_only: true,
        refresh: Refresh::Full,
    };
    let checked =
        Box::pin(run::check(&place, baseline, false, NEWEST, &Selection::default(), &Silent)).await.unwrap();
    let calls = checked.aws.calls();
    let count = |operation: &str, account: &str| -> u64 {
        let of = calls.iter().filter(|c| c.operation == operation && c.account == account);
        of.map(|c| c.count).sum()
    };
    assert_eq!(count("ListDelegatedAdministrators", "111122223333"), 1);
    // once for the organization's trails, once for the account's own
    assert_eq!(count("DescribeTrails", "111122223333"), 2);
    assert_eq!(count("DescribeTrails", "444444444444"), 1);
    assert_eq!(count("GetCredentialReport", "444444444444"), 1);
}

#[test]
fn every_benchmark_version_has_all_of_its_rules() {
    let desk = Desk::new();
    for (version, numbers) in [("cis-1.2", 49), ("cis-1.5", 63), ("cis-3.0", 62), ("cis-5.0", 63)] {
        let report = desk.report(&["--regions", "eu-west-1", "--benchmark", version]);
        assert_eq!(report["rules"].as_array().unwrap().len(), numbers, "{version}");
    }
}

#[test]
fn an_applied_baseline_makes_its_rules_hold_and_an_exception_is_named() {
    let desk = Desk::new();
    desk.write("baseline.toml", BASELINE);
    let before = desk.report(&[]);
    let failed = |row: &&&Value| row["status"] == "FAIL";
    let length = rows(&before, "2.8");
    assert!(
        length
            .iter()
            .filter(failed)
            .all(|row| row["fixed_by_baseline"] == true && row["fix_control"] == "password_policy")
    );
    assert!(length.iter().filter(failed).count() > 1);
    let excepted = length.iter().find(|row| row["account_id"] == "444444444444").unwrap();
    assert_eq!(excepted["met_by"], "exception (until 2099-01-31): moves to Identity Center");
    desk.write("before.json", &before.to_string());
    let applied = desk.run(&["apply", "--yes", "--sandbox=org.json"]);
    assert!(applied.status.success(), "{}", text(&applied.stderr));
    let after = desk.report(&["--compare", "before.json"]);
    assert!(statuses(&after, "2.8").iter().all(|status| status == "PASS"));
    assert_eq!(after["compared"]["newly_failed"], serde_json::json!([]));
    assert!(after["compared"]["fixed"].as_array().unwrap().len() > 1);
    // the exception hides its row's failure and mends nothing
    let fixed = after["compared"]["fixed"].as_array().unwrap();
    assert!(!fixed.contains(&serde_json::json!("2.8 444444444444")));
    let other = desk.check(&["--compare", "before.json", "--benchmark", "cis-6.0"]);
    assert_eq!(other.status.code(), Some(1));
    assert!(text(&other.stderr).contains("of the same organization and `--benchmark`"));
}

const LOGS: &str = r#"version = 1
[organization]
id = "o-a1b2c3d4e5"
home_region = "eu-west-1"
regions = ["eu-west-1"]
[accounts.log-archive]
name = "Log Archive"
email = "aws+log@example.com"
ou = "/"
[log_archive]
account = "log-archive"
[org_trail]
name = "org-trail"
[metric_alarms]
set = ["root-usage"]
notify = ["secops@example.com"]
[password_policy]
minimum_length = 14
[ebs_encryption]
enabled = true

[[exceptions]]
control = "ebs_encryption"
accounts = ["444444444444"]
reason = "old images"
expires = 2020-01-31
[[exceptions]]
control = "password_policy"
accounts = ["log-archive"]
reason = "moves to Identity Center"
"#;

/// What is left after `apply` is what no `apply` can do: the report says so.
#[test]
fn a_row_says_what_would_mend_it_in_its_place() {
    let desk = Desk::new();
    desk.write("baseline.toml", LOGS);
    let applied = desk.run(&["apply", "--yes", "--sandbox=org.json"]);
    assert!(matches!(applied.status.code(), Some(0 | 2)), "{}", text(&applied.stderr));
    let report = desk.report(&[]);
    let told = |rule: &str, account: &str| {
        let mut rows = rows(&report, rule).into_iter();
        let row = rows.find(|row| row["account_id"] == account && row["status"] == "FAIL").unwrap();
        (row["remedy"].as_str().unwrap().to_string(), row["fixed_by_baseline"] == true)
    };
    let (management, web) = ("111122223333", "444444444444");
    // the key that the rule needs is not declared, or the section is not
    let data_events =
        "declare `s3_data_events = true` in `[org_trail]` of the baseline, then `orgbase apply`";
    assert_eq!(told("4.8", management), (data_events.into(), false));
    assert!(told("2.9", web).0.starts_with("declare `reuse_prevention = 24` in `[password_policy]`"));
    assert!(told("5.14", management).0.starts_with("declare `set = \"cis\"` in `[metric_alarms]`"));
    assert!(told("5.16", web).0.starts_with("declare `[securityhub]` in the baseline"));
    // everything is declared and applied: a person must confirm
    let (confirm, fixed) = told("5.3", management);
    assert!(confirm.contains("confirm the subscription that waits") && !fixed, "{confirm}");
    // the exception has expired, and the section is declared
    let (expired, fixed) = told("6.1.1", web);
    assert!(
        expired.contains("expired on 2020-01-31") && !expired.contains("declare it") && fixed,
        "{expired}"
    );
    // what the baseline declares and somebody undid
    let undone = LOGS.replace("minimum_length = 14", "minimum_length = 14\nreuse_prevention = 24");
    desk.write("baseline.toml", &undone);
    let report = desk.report(&[]);
    let row = rows(&report, "2.9").into_iter().find(|row| row["account_id"] == web).unwrap();
    assert_eq!(row["fixed_by_baseline"], true);
    assert!(row["remedy"].as_str().unwrap().contains("`orgbase plan` says whether apply would change this"));
    // every exception is in the report, with its reason, whether it holds or not
    let exceptions = report["exceptions"].as_array().unwrap();
    assert_eq!(exceptions.len(), 2);
    assert_eq!(exceptions[0]["expired"], true);
    assert_eq!(exceptions[0]["rules"], serde_json::json!(["6.1.1"]));
    let human = text(&desk.check(&[]).stdout);
    assert!(human.contains("EXPIRED on 2020-01-31: old images (fails again: 6.1.1)"), "{human}");
    assert!(human.contains("[password_policy] in log-archive, without an end: moves to Identity Center"));
}

/// The control leaves out the one bucket that the rule lets it leave out, also where the archive has others.
#[test]
fn data_events_of_our_own_trail_meet_their_rules() {
    let desk = Desk::new();
    let logs = LOGS.replace("name = \"org-trail\"", "name = \"org-trail\"\ns3_data_events = true");
    desk.write("baseline.toml", &format!("{logs}[config]\naggregator = false\n"));
    let applied = desk.run(&["apply", "--yes", "--sandbox=org.json"]);
    assert!(matches!(applied.status.code(), Some(0 | 2)), "{}", text(&applied.stderr));
    let report = desk.report(&[]);
    for rule in ["4.8", "4.9"] {
        let row = rows(&report, rule)[0];
        assert_eq!(row["status"], "PASS", "{rule}: {}", row["evidence"]);
        assert_eq!(row["met_by"], "organization trail org-trail");
    }
}

/// Regions and role of the command line hold, also where a baseline names others; its home region stays.
#[test]
fn the_command_line_wins_over_the_baseline_and_the_help_says_so() {
    let desk = Desk::new();
    desk.write("baseline.toml", BASELINE);
    let report = desk.report(&["--regions", "us-east-1"]);
    let regions = |report: &Value| -> Vec<String> {
        let rows = report["rows"].as_array().unwrap().iter();
        let mut all: Vec<String> = rows.map(|row| row["region"].as_str().unwrap().to_string()).collect();
        all.sort();
        all.dedup();
        all
    };
    assert_eq!(regions(&report), ["", "us-east-1"]);
    let refused = desk.report(&["--access-role", "Nobody"]);
    let unread = rows(&refused, "2.8").into_iter().filter(|row| row["status"] == "ERROR").count();
    assert_eq!(unread, 3, "the role of the command line is the one that is assumed");
    for command in ["check", "import"] {
        let help = text(&desk.run(&[command, "--help"]).stdout);
        assert!(help.contains("in place of the baseline's") && !help.contains("no baseline names"), "{help}");
    }
}

#[test]
fn a_region_or_an_account_can_be_chosen() {
    let desk = Desk::new();
    let one = desk.report(&[
        "--regions",
        "eu-west-1,us-east-1",
        "--only",
        "account=333333333333",
        "--only",
        "region=us-east-1",
    ]);
    let members: Vec<&Value> =
        one["rows"].as_array().unwrap().iter().filter(|row| row["region"] != "").collect();
    assert!(members.iter().all(|row| row["account_id"] == "333333333333" && row["region"] == "us-east-1"));
    assert!(!members.is_empty());
}

#[test]
fn every_format_is_written_and_failed_only_leaves_the_rest_out() {
    let desk = Desk::new();
    let csv = text(&desk.check(&["--regions", "eu-west-1", "--format", "csv", "--failed-only"]).stdout);
    assert!(csv.lines().skip(1).all(|line| line.contains(",FAIL,")), "{csv}");
    for (format, mark) in [
        ("human", "CIS AWS Foundations Benchmark 7.0.0"),
        ("html", "<!DOCTYPE html>"),
        ("markdown", "# CIS AWS Foundations Benchmark 7.0.0"),
        ("junit", "<testsuites"),
        ("sarif", "\"version\": \"2.1.0\""),
        ("ocsf", "\"class_uid\": 2003"),
        ("asff", "\"SchemaVersion\": \"2018-10-08\""),
    ] {
        let output = desk.check(&["--regions", "eu-west-1", "--format", format]);
        assert_eq!(output.status.code(), Some(2), "{format}: {}", text(&output.stderr));
        assert!(text(&output.stdout).contains(mark), "{format}");
    }
}

#[test]
fn bad_input_ends_with_1_and_says_what_to_do() {
    let desk = Desk::new();
    let told = |args: &[&str]| {
        let output = desk.check(args);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        text(&output.stderr)
    };
    assert!(told(&["--benchmark", "cis-9"]).contains("known are cis-1.2"));
    assert!(told(&["--regions", "eu-west-1,us-est-1"]).contains("did you mean us-east-1?"));
    assert!(told(&["--compare", "missing.json"]).contains("cannot read the report missing.json"));
    assert!(told(&["-f", "missing.toml"]).contains("missing.toml"));
    for only in ["account=prod-wbe", "account=999999999999", "ou=/Workload", "region=eu-west-9"] {
        let text = told(&["--only", only]);
        assert!(text.contains(&format!("--only {only} leaves no account to check")), "{text}");
    }
    for selector in ["--only", "--exclude"] {
        assert!(told(&[selector, "control=password_policy"]).contains("not at controls"), "{selector}");
    }
    assert!(!Path::new(desk.0.path()).join(".orgbase").exists(), "a check writes no run folder");
}

/// Security Hub is on in one account of four: that one gets its findings, the others are named, and the report is there.
#[test]
fn findings_reach_every_account_that_takes_them() {
    let desk = Desk(TempDir::new().unwrap());
    let hub = "\n[[calls]]\naccount = \"444444444444\"\nregion = \"eu-west-1\"\nservice = \"securityhub\"\n\
               operation = \"EnableSecurityHub\"\ninput = { EnableDefaultStandards = false }\n";
    desk.write("org.toml", &format!("{}{hub}", include_str!("support/org.toml")));
    let made = desk.run(&["sandbox", "--state", "org.json", "--org", "org.toml"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let output = desk.check(&["--regions", "eu-west-1", "--send-to-securityhub", "--format", "json"]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{told}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {told}"));
    assert!(!report["rows"].as_array().unwrap().is_empty());
    for (account, unsent) in
        [("111122223333", true), ("222222222222", true), ("333333333333", true), ("444444444444", false)]
    {
        assert_eq!(told.contains(&format!("findings of {account} eu-west-1")), unsent, "{told}");
    }
    let state = std::fs::read_to_string(desk.0.path().join("org.json")).unwrap();
    assert!(state.contains("orgbase/cis-7.0.0/"), "nothing was sent");
}
