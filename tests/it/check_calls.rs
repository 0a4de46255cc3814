//! How many calls `check` makes: `60 + O + 2 P + N (20 + 22 R)`, and one per resource that a rule must open, for O OUs, P
//! policies, N accounts and R regions.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use orgbase::baseline::Baseline;
use orgbase::check::NEWEST;
use orgbase::plan::Refresh;
use orgbase::run;
use orgbase::selector::Selection;
use tempfile::TempDir;

/// What opens one resource each, by the kind of resource.
const OPENS: &[(&str, &str, &str)] = &[
    ("bucket", "s3", "GetBucketAcl"),
    ("bucket", "s3", "GetBucketLogging"),
    ("bucket", "s3", "GetBucketPolicy"),
    ("bucket", "s3", "GetBucketPolicyStatus"),
    ("bucket", "s3", "GetBucketVersioning"),
    ("bucket", "s3", "GetPublicAccessBlock"),
    ("key", "kms", "DescribeKey"),
    ("key", "kms", "GetKeyRotationStatus"),
    ("topic", "sns", "ListSubscriptionsByTopic"),
    ("trail", "cloudtrail", "GetEventSelectors"),
    ("trail", "cloudtrail", "GetTrailStatus"),
];
const ACCOUNT: u64 = 20;
const REGION: u64 = 22;
const ONCE: u64 = 60;
const REGIONS: u64 = 3;
const OUS: u64 = 8;
/// Beside the management account.
const ACCOUNTS: u64 = 8;
/// Those of others; what a baseline adds is not counted.
const POLICIES: u64 = 4;
const MANAGEMENT: &str = "111122223333";

struct Silent;

impl orgbase::check::Progress for Silent {
    fn accounts(&self, _number: usize) {}
    fn account_done(&self) {}
}

fn orgbase(folder: &Path, args: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orgbase"));
    command.args(args).current_dir(folder).env_clear().stdin(Stdio::null()).env("HOME", folder);
    let output = command.env("AWS_EC2_METADATA_DISABLED", "true").output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 2)), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Checks an organization, and compares its calls with the budget.
#[expect(clippy::print_stderr, reason = "a test says what it did")]
async fn within_budget(folder: &Path) {
    let text = "version = 1\n[organization]\nhome_region = \"eu-west-1\"\n";
    let baseline = Baseline::parse("t.toml", text).map_err(|e| e.render(false)).unwrap();
    let place = run::Place {
        baseline: "t.toml".into(),
        sandbox: Some(folder.join("org.json")),
        profile: None,
        read_only: true,
        refresh: Refresh::Full,
    };
    let checked =
        Box::pin(run::check(&place, baseline, false, NEWEST, &Selection::default(), &Silent)).await.unwrap();
    let calls = checked.aws.calls();
    let mut opened: BTreeMap<(&str, &str), BTreeMap<&str, u64>> = BTreeMap::new();
    let mut plain: BTreeMap<&str, u64> = BTreeMap::new();
    for call in &calls {
        let open = OPENS.iter().find(|(_, service, op)| call.service == *service && call.operation == *op);
        match open {
            Some((kind, _, op)) => {
                *opened.entry((call.account.as_str(), kind)).or_default().entry(op).or_default() +=
                    call.count;
            }
            None => *plain.entry(call.account.as_str()).or_default() += call.count,
        }
    }
    // A resource that several operations open is still one.
    let resources: u64 = opened.values().filter_map(|operations| operations.values().max()).sum();
    let accounts = ACCOUNTS + 1;
    let once = ONCE + OUS + 2 * POLICIES;
    let each = ACCOUNT + REGION * REGIONS;
    let total: u64 = calls.iter().map(|call| call.count).sum();
    eprintln!(
        "{accounts} accounts x {REGIONS} regions: {total} calls, at most {} and {resources} resources",
        once + accounts * each
    );
    let line =
        |c: &orgbase::aws::CallCount| format!("{} {} {} {}", c.account, c.service, c.operation, c.count);
    let told = || calls.iter().map(line).collect::<Vec<_>>().join("\n");
    assert!(total <= once + accounts * each + resources, "{total} calls\n{}", told());
    for (account, count) in plain {
        let shared = if account == MANAGEMENT { once } else { 0 };
        assert!(count <= each + shared, "{count} calls of {account}, at most {each} + {shared}\n{}", told());
    }
}

#[tokio::test]
async fn calls_stay_within_the_budget() {
    let folder = TempDir::new().unwrap();
    let spec = format!("accounts={ACCOUNTS},ous={OUS},regions={REGIONS},drift=0.5,foreign={POLICIES},seed=3");
    orgbase(folder.path(), &["sandbox", "--state", "org.json", "--org", &spec]);
    within_budget(folder.path()).await;
    let baseline = concat!(env!("CARGO_MANIFEST_DIR"), "/baselines/cis.toml");
    orgbase(folder.path(), &["apply", "-f", baseline, "--yes", "--sandbox=org.json"]);
    within_budget(folder.path()).await;
}
