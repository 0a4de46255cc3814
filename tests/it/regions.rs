//! Regions that lack a service, through both doors.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::org::{How, Org};
use crate::support::snippets;

const ORGANIZATION: &str = r#"
regions = ["eu-west-1", "us-east-1"]
unavailable = { guardduty = ["us-east-1"] }
[[accounts]]
name = "Security"
email = "aws+security@example.com"
"#;

const BASELINE: &str = r#"version = 1
[organization]
home_region = "eu-west-1"
regions = ["eu-west-1", "us-east-1", "af-south-1"]
[accounts.security]
name = "Security"
email = "aws+security@example.com"
ou = "/"
[delegated_admins]
guardduty = "security"
macie = "security"
"#;

fn command(folder: &TempDir, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orgbase"));
    command.args(args).current_dir(folder.path()).env_clear().stdin(Stdio::null());
    command.env("HOME", folder.path()).env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// Exit code, and outcome and reason of each unit of GuardDuty's and Macie's regions.
fn planned(mut plan: Command) -> (i32, Vec<String>) {
    let output = plan.output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    let text = |unit: &Value, key: &str| unit[key].as_str().unwrap_or_default().to_owned();
    let units = report["units"].as_array().unwrap().iter();
    let regional = units.filter(|u| text(u, "part").starts_with("regional_admin"));
    let line = |u: &Value| {
        let part = text(u, "part").replace("regional_admin:", "");
        format!("{part} {} {} {}", text(u, "region"), text(u, "outcome"), text(u, "reason")).trim().to_owned()
    };
    (output.status.code().unwrap(), regional.map(line).collect())
}

const GONE: &str = "guardduty us-east-1 not_applicable guardduty is not available in us-east-1 \
                    (there is no host guardduty.us-east-1.amazonaws.com)";
const OFF: &str = "af-south-1 skipped region af-south-1 is not enabled in the account";

fn wanted(done: &str) -> Vec<String> {
    [
        format!("guardduty eu-west-1 {done}"),
        format!("macie eu-west-1 {done}"),
        GONE.to_owned(),
        format!("macie us-east-1 {done}"),
        format!("guardduty {OFF}"),
        format!("macie {OFF}"),
    ]
    .into()
}

#[test]
fn a_region_without_a_service_is_not_applicable_and_all_else_converges() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("org.toml"), ORGANIZATION).unwrap();
    std::fs::write(folder.path().join("baseline.toml"), BASELINE).unwrap();
    let made = command(&folder, &["sandbox", "--state", "org.json", "--org", "org.toml"]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let plan = || command(&folder, &["plan", "--sandbox=org.json", "--format", "json"]);
    assert_eq!(planned(plan()), (2, wanted("drift")));
    let applied = command(&folder, &["apply", "--sandbox=org.json", "--yes"]).output().unwrap();
    assert_eq!(applied.status.code(), Some(0), "{}", String::from_utf8_lossy(&applied.stdout));
    assert_eq!(planned(plan()), (0, wanted("in_sync")));

    // Over HTTP, where no host can be missing: the listener says so.
    let mut server = command(&folder, &["sandbox", "--state", "org.json", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let endpoint = lines
        .find_map(|line| line.unwrap().strip_prefix("export ORGBASE_ENDPOINT=").map(ToString::to_string))
        .unwrap();
    let mut over_http = command(&folder, &["plan", "--format", "json"]);
    over_http.env("ORGBASE_ENDPOINT", endpoint);
    over_http.env("AWS_ACCESS_KEY_ID", "sandbox").env("AWS_SECRET_ACCESS_KEY", "sandbox");
    let found = planned(over_http);
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(found, (0, wanted("in_sync")));
}

/// What an account has opted in to is asked where the baseline names such a region, and a region that it has not is skipped
/// there alone.
#[tokio::test(start_paused = true)]
async fn an_opt_in_region_is_skipped_where_an_account_has_it_not() {
    const ENABLED: &str = "222222222222";
    let org = Org::fresh();
    for account in ["111122223333", ENABLED] {
        let input = json!({"RegionName": "af-south-1"});
        snippets::one(&org.sandbox, (account, "us-east-1"), "account", "EnableRegion", input);
    }
    // Until AWS is done with it.
    org.sandbox.modify(|world| {
        for region in world.account.values_mut().flat_map(|state| state.regions.values_mut()) {
            region.since = 0.0;
        }
    });
    let text = "version = 1\n[organization]\nhome_region = \"eu-west-1\"\nregions = [\"eu-west-1\", \"af-south-1\"]\n\
                [serial_console]\nenabled = false\n";
    let done = org.plan(text, &How::default()).await.unwrap();
    let there: Vec<(String, &str)> = done
        .report
        .units
        .iter()
        .filter(|u| u.id.region == "af-south-1")
        .map(|u| (u.id.account.clone(), u.outcome.name()))
        .collect();
    let wanted = ["111122223333", ENABLED, "333333333333", "444444444444"];
    let outcomes = ["in_sync", "in_sync", "skipped", "skipped"];
    assert_eq!(there, wanted.map(String::from).into_iter().zip(outcomes).collect::<Vec<_>>());
    let asked = done.calls.iter().filter(|c| c.operation == "DescribeRegions").map(|c| c.count).sum::<u64>();
    assert_eq!(asked, 4, "each account is asked once");
}

/// The administrator of a service changes although one of the regions does not have the service.
#[test]
fn an_administrator_is_replaced_where_a_region_lacks_the_service() {
    let folder = TempDir::new().unwrap();
    let other = "[[accounts]]\nname = \"Other\"\nemail = \"aws+other@example.com\"\n";
    std::fs::write(folder.path().join("org.toml"), format!("{ORGANIZATION}{other}")).unwrap();
    let declared = "[accounts.other]\nname = \"Other\"\nemail = \"aws+other@example.com\"\nou = \"/\"\n[delegated_admins]";
    let before = BASELINE.replace(", \"af-south-1\"", "").replace("[delegated_admins]", declared);
    let made = command(&folder, &["sandbox", "--state", "org.json", "--org", "org.toml"]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    for (text, runs) in
        [(before.clone(), 1), (before.replace("guardduty = \"security\"", "guardduty = \"other\""), 2)]
    {
        std::fs::write(folder.path().join("baseline.toml"), text).unwrap();
        // The regions' own units were planned beside the old administrator: the second run has nothing left but them.
        let apply = ["apply", "--sandbox=org.json", "--yes", "--allow-destructive"];
        let ended: Vec<_> = (0..runs).map(|_| command(&folder, &apply).output().unwrap()).collect();
        let last = ended.last().unwrap();
        assert!(last.status.success(), "{}", String::from_utf8_lossy(&last.stdout));
    }
    let plan = command(&folder, &["plan", "--sandbox=org.json"]).output().unwrap();
    assert!(plan.status.success(), "{}", String::from_utf8_lossy(&plan.stdout));
}
