//! Undo on the simulated organization: what it says that it took back is as it was.

use orgbase::report::UnitReport;
use orgbase::sandbox::spec::Spec;
use orgbase::units::OutcomeKind;

use crate::support::org::{Done, How, Org};
use crate::support::snippets::{self, Snippet};
use crate::support::{for_each_section, shape};

/// Sections whose drift, once repaired, is restored without a rest.
const RESTORED: &[&str] = &[
    "accounts",
    "account_alias",
    "ebs_encryption",
    "image_block_public_access",
    "instance_metadata_defaults",
    "password_policy",
    "s3_block_public_access",
    "serial_console",
    "snapshot_block_public_access",
    "ssm_document_sharing",
];
/// Sections that are removed without a rest where a run made all of them.
const REMOVED: &[&str] = &[
    "alternate_contacts",
    "ebs_encryption",
    "image_block_public_access",
    "instance_metadata_defaults",
    "password_policy",
    "s3_block_public_access",
    "serial_console",
    "snapshot_block_public_access",
    "ssm_document_sharing",
];

/// Why a row of an undo is not all that there was; `None`: it says that all of it is taken back.
fn rest(row: &UnitReport) -> Option<String> {
    let left = row.notices.iter().find(|n| n.contains("cannot be undone") || n.contains("is left"));
    match row.outcome {
        OutcomeKind::Applied | OutcomeKind::InSync => left.cloned(),
        _ => Some(format!(
            "{}: {}",
            row.outcome.name(),
            row.error.as_ref().map(|e| e.message.clone()).or(row.reason.clone()).unwrap_or_default()
        )),
    }
}

/// What is not taken back, one line per unit.
fn rests(done: &Done) -> Vec<String> {
    let units = done.report.units.iter();
    units.filter_map(|row| Some(format!("{}/{}: {}", row.id.control, row.id.part, rest(row)?))).collect()
}

/// What differs from the state before. The simulation keeps a place for what somebody once looked after, and who set a value;
/// and AWS's own policy is attached while the type of policy is off: none of it is state on AWS.
fn difference(before: &[String], org: &Org) -> String {
    let differs = shape::difference(before, &shape::lines(&org.sandbox));
    // Blocking is taken back by writing AWS's own default, where nothing was written before: the same for whoever asks.
    let written = |line: &str| {
        let is_setting = line.contains("/ssm/documents/console/public-sharing-permission.");
        is_setting && (line.ends_with(".value = Enable") || line.ends_with(".since = TIME"))
    };
    let empty = |line: &&str| {
        let default = line.contains(".organizations.attachments.") && line.ends_with(" = p-FullAWSAccess");
        line.ends_with(" = null") || line.contains("permission.user = ") || default || written(line)
    };
    differs.lines().filter(|line| !empty(line)).collect::<Vec<_>>().join("\n")
}

/// Undoes the last apply, and holds that the state is `before` where nothing is said to be left. Answers what is left.
async fn undo(org: &Org, snippet: &Snippet, before: &[String]) -> Vec<String> {
    let how = How { destructive: true, ..snippet.how() };
    let done = org.undo(&snippet.baseline, &how).await.unwrap();
    let left = rests(&done);
    if left.is_empty() {
        let differs = difference(before, org);
        assert!(differs.is_empty(), "undo says that all is as before (-), but it is (+):\n{differs}");
    }
    left
}

#[expect(clippy::print_stderr, reason = "a test says what it did")]
fn report(title: &str, id: &str, left: &[String]) {
    eprintln!("{title} {id}: {}", if left.is_empty() { "all".to_owned() } else { left.join("\n    ") });
}

fn assert_listed(title: &str, list: &[&str], snippet: &Snippet, left: &[String]) {
    report(title, snippet.id, left);
    let listed = list.contains(&snippet.id);
    assert!(!listed || left.is_empty(), "{title}: something is left of a section in the list: {left:?}");
}

/// Somebody changed what a section manages, apply repaired it, undo gives it back.
#[tokio::test(start_paused = true)]
async fn a_repair_is_taken_back() {
    for_each_section(async |snippet| {
        let org = Org::fresh();
        if snippet.needs {
            org.converge(&snippet.baseline, &How::without(snippet.id)).await;
        }
        org.converge(&snippet.baseline, &snippet.how()).await;
        snippets::make(&org.sandbox, &snippet.calls.drift);
        let before = shape::lines(&org.sandbox);
        let how = How { destructive: true, ..snippet.how() };
        let repaired = org.apply(&snippet.baseline, &how).await.unwrap();
        if repaired.report.summary.count(OutcomeKind::Applied) == 0 {
            return;
        }
        let left = undo(&org, snippet, &before).await;
        assert_listed("repair", RESTORED, snippet, &left);
    })
    .await;
}

/// A run made all of a section, undo removes it.
#[tokio::test(start_paused = true)]
async fn what_a_run_made_is_removed() {
    for_each_section(async |snippet| {
        let org = Org::fresh();
        if snippet.needs {
            org.converge(&snippet.baseline, &How::without(snippet.id)).await;
        }
        let before = shape::lines(&org.sandbox);
        org.converge(&snippet.baseline, &snippet.how()).await;
        let left = undo(&org, snippet, &before).await;
        assert_listed("made", REMOVED, snippet, &left);
    })
    .await;
}

/// A run that attaches a policy again did not make the policy: it is not removed, whatever is allowed.
#[tokio::test(start_paused = true)]
async fn what_was_there_before_is_not_taken_for_made() {
    let snippet = snippets::all().into_iter().find(|s| s.id == "scps").unwrap();
    let org = Org::fresh();
    org.converge(&snippet.baseline, &How::without(snippet.id)).await;
    org.converge(&snippet.baseline, &snippet.how()).await;
    snippets::make(&org.sandbox, &snippet.calls.drift);
    let policies = |org: &Org| -> Vec<String> {
        org.sandbox.inspect(|w| w.organizations.policies.values().map(|p| p.name.clone()).collect())
    };
    let before = policies(&org);
    let how = How { destructive: true, ..snippet.how() };
    org.apply(&snippet.baseline, &how).await.unwrap();
    org.undo(&snippet.baseline, &how).await.unwrap();
    let gone: Vec<String> = before.into_iter().filter(|name| !policies(&org).contains(name)).collect();
    assert_eq!(gone, Vec::<String>::new());
}

/// Settings of accounts over seeds: other values than AWS's defaults before, a baseline, and back.
#[tokio::test(start_paused = true)]
async fn settings_of_accounts_are_as_before_over_seeds() {
    let seeds: u64 = std::env::var("ORGBASE_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(20);
    for seed in 0..seeds {
        let spec = format!("accounts=4,ous=3,regions=2,drift=0.5,seed={seed}");
        let org = Org::of(&Spec::parse(&spec).unwrap());
        let before = shape::lines(&org.sandbox);
        org.converge(SETTINGS, &How::default().destructive()).await;
        let done = org.undo(SETTINGS, &How::default().destructive()).await.unwrap();
        assert_eq!(rests(&done), Vec::<String>::new(), "seed {seed}");
        let differs = difference(&before, &org);
        assert!(differs.is_empty(), "seed {seed}: not as before (-: was, +: is):\n{differs}");
        let again = org.undo(SETTINGS, &How::default().destructive()).await.unwrap();
        assert_eq!(again.report.summary.exit_code(), 0);
        assert_eq!(again.writes(), Vec::<String>::new(), "seed {seed}: an undo is done once");
    }
}

const SETTINGS: &str = r#"version = 1
[organization]
id = "o-a1b2c3d4e5"
home_region = "eu-west-1"
regions = ["eu-west-1", "us-east-1"]
[password_policy]
minimum_length = 14
require_symbols = true
max_age_days = 90
reuse_prevention = 24
[s3_block_public_access]
[ebs_encryption]
enabled = true
[serial_console]
enabled = false
"#;

/// What somebody changed after the run is not touched, and said.
#[tokio::test(start_paused = true)]
async fn what_somebody_changed_since_is_left() {
    let org = Org::fresh();
    let (old, new) = ("minimum_length = 8\nmax_age_days = 30", "minimum_length = 14\nmax_age_days = 90");
    let head = "version = 1\n[organization]\nid = \"o-a1b2c3d4e5\"\nhome_region = \"eu-west-1\"\n[password_policy]\n";
    org.converge(&format!("{head}{old}"), &How::default()).await;
    let before = shape::lines(&org.sandbox);
    let baseline = format!("{head}{new}");
    org.converge(&baseline, &How::default()).await;
    org.sandbox.modify(|world| {
        let policy = world.iam.get_mut("444444444444").and_then(|iam| iam.password_policy.as_mut());
        policy.unwrap().max_age = Some(45);
    });
    let done = org.undo(&baseline, &How::default()).await.unwrap();
    let left = rests(&done);
    assert_eq!(
        left,
        ["password_policy/: max_age_days is left: somebody changed it since"],
        "{}",
        done.problems()
    );
    let differs = difference(&before, &org);
    let lines: Vec<&str> = differs.lines().collect();
    assert_eq!(lines.len(), 2, "only what somebody else set differs: {differs}");
    assert!(lines.iter().all(|line| line.contains("444444444444") && line.contains("max_age")), "{differs}");
}

/// The baseline is another one by now, with other values for the same settings: what the run wrote is known all the same.
#[tokio::test(start_paused = true)]
async fn another_baseline_since_does_not_matter() {
    let org = Org::fresh();
    let of = |length: u8| {
        format!(
            "version = 1\n[organization]\nid = \"o-a1b2c3d4e5\"\nhome_region = \"eu-west-1\"\n[password_policy]\nminimum_length = {length}\n"
        )
    };
    org.converge(&of(8), &How::default()).await;
    let before = shape::lines(&org.sandbox);
    org.converge(&of(14), &How::default()).await;
    let done = org.undo(&of(20), &How::default()).await.unwrap();
    assert_eq!(rests(&done), Vec::<String>::new(), "{}", done.problems());
    assert_eq!(difference(&before, &org), "");
}
