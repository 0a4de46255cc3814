//! The promise over `baselines/full.toml`: whatever anybody changes of what it manages is found and repaired, and nothing
//! else is written.
//!
//! `ORGBASE_SIZE=ACCOUNTS,REGIONS,CHANGES[,SEED]` asks for another size than a debug build does in a minute;
//! `tests/run large` runs it on 50 accounts in 17 regions with 200 changes.

use futures_util::future::LocalBoxFuture;
use orgbase::sandbox::spec::Spec;
use orgbase::units::OutcomeKind;

use crate::support::mutations::{self, Change, Dice};
use crate::support::org::{How, Org};
use crate::support::recorder::{self, Write};
use crate::support::shape;

/// What nobody manages although orgbase writes it, or only a person can repair: operation, part of the change as it is
/// described, why.
const UNMANAGED: &[(&str, &str, &str)] = &[
    ("backup:UpdateRegionSettings", ".ResourceTypeOptInPreference.Aurora", TYPES),
    ("backup:UpdateRegionSettings", ".ResourceTypeOptInPreference.CloudFormation", TYPES),
    ("backup:UpdateRegionSettings", ".ResourceTypeOptInPreference.DSQL", TYPES),
    ("backup:UpdateRegionSettings", ".ResourceTypeOptInPreference.DocumentDB", TYPES),
    ("backup:UpdateRegionSettings", ".ResourceTypeOptInPreference.EKS", TYPES),
    ("backup:UpdateRegionSettings", ".ResourceTypeOptInPreference.FSx", TYPES),
    ("backup:UpdateRegionSettings", ".ResourceTypeOptInPreference.Neptune", TYPES),
    ("backup:UpdateRegionSettings", ".ResourceTypeOptInPreference.Redshift", TYPES),
    ("backup:UpdateRegionSettings", ".ResourceTypeOptInPreference.SAP HANA", TYPES),
    ("backup:UpdateRegionSettings", ".ResourceTypeOptInPreference.Storage Gateway", TYPES),
    ("backup:UpdateRegionSettings", ".ResourceTypeOptInPreference.Timestream", TYPES),
    ("backup:UpdateRegionSettings", ".ResourceTypeOptInPreference.VirtualMachine", TYPES),
    ("cloudwatch:PutMetricAlarm", ".AlarmDescription", "a text for people, written with what else differs"),
    ("organizations:DeregisterDelegatedAdministrator", "access-analyzer.", ANALYZERS),
    ("organizations:DisableAWSServiceAccess", "access-analyzer.", ANALYZERS),
    ("inspector2:Enable", "CODE_REPOSITORY", "a scan type that the baseline does not name stays as it is"),
    (
        "organizations:EnablePolicyType",
        ".PolicyType",
        "a type that the baseline does not name stays as it is",
    ),
    ("s3:PutBucketLifecycleConfiguration", ".Rules[].ID", "a rule with another name is another's, and stays"),
    ("sns:SetTopicAttributes", "__default_statement_ID", "AWS's own statement; only ours is managed"),
    ("sns:SetTopicAttributes", ".AttributeValue left out", "as far as it gives AWS's own statement back"),
];

/// Writes of a repair elsewhere than the change was made, in the same region: operation that changed, service that is written,
/// why.
const ELSEWHERE: &[(&str, &str, &str)] = &[(
    "inspector2:DisableDelegatedAdminAccount",
    "inspector2",
    "an administrator that is no more loses its members and what new accounts get",
)];

/// What is sent back with the declared ones.
const TYPES: &str = "a resource type that the baseline does not name stays as it is";
/// Why a person must repair it.
const ANALYZERS: &str =
    "disables the analyzers for good: to delete them, and their findings, is for a person to decide";

struct Size {
    accounts: usize,
    regions: usize,
    changes: usize,
    seed: u64,
}

fn size() -> Size {
    let asked = std::env::var("ORGBASE_SIZE").unwrap_or_else(|_| "6,4,120".to_string());
    let numbers: Vec<usize> = asked.split(',').map(|n| n.parse().unwrap()).collect();
    let seed = numbers.get(3).map_or(1, |n| *n as u64);
    Size { accounts: numbers[0], regions: numbers[1], changes: numbers[2], seed }
}

/// `baselines/full.toml` in every region of the organization.
fn full(org: &Org) -> String {
    let text = include_str!("../../baselines/full.toml");
    let line = text.lines().find(|line| line.starts_with("regions = ")).unwrap();
    let regions = org.sandbox.inspect(|world| world.regions.clone());
    text.replace(line, &format!("regions = {regions:?}"))
}

/// Applies until nothing is pending, and returns what was written. What repairs a longer retention is destructive.
async fn converge(org: &Org, baseline: &str) -> Vec<Write> {
    let mut written = Vec::new();
    for last in [false, true] {
        let (door, log) = recorder::door(&org.sandbox);
        let done = org.apply(baseline, &How::default().destructive().through(door)).await.unwrap();
        written.extend(log.writes());
        match done.report.summary.exit_code() {
            0 => break,
            3 if !last && done.report.summary.count(OutcomeKind::Pending) > 0 => {}
            code => panic!("apply ended with {code}:\n{}", done.problems()),
        }
    }
    written
}

async fn assert_nothing_to_do(org: &Org, baseline: &str) {
    let planned = org.plan(baseline, &How::default()).await.unwrap();
    assert_eq!(planned.report.summary.exit_code(), 0, "something is left to do:\n{}", planned.problems());
}

/// Where a call is made: account, region, service.
fn cell(write: &Write) -> (String, String, String) {
    (write.account.clone(), write.region.clone(), write.service.clone())
}

fn is_unmanaged(change: &Change) -> bool {
    UNMANAGED
        .iter()
        .any(|(operation, part, _)| change.call.name() == *operation && change.describe().contains(part))
}

fn is_expected(write: &Write, changes: &[Change]) -> bool {
    changes.iter().map(|change| &change.call).any(|changed| {
        let elsewhere = |(operation, service, _): &(&str, &str, &str)| {
            *operation == changed.name() && *service == write.service && changed.region == write.region
        };
        cell(changed) == cell(write) || ELSEWHERE.iter().any(elsewhere)
    })
}

#[tokio::test(start_paused = true)]
async fn random_changes_are_found_and_repaired_and_nothing_else_is_written() {
    let size = size();
    let spec = format!("accounts={},ous=4,regions={},seed={}", size.accounts, size.regions, size.seed);
    let org = Org::of(&Spec::parse(&spec).unwrap());
    let baseline = full(&org);
    let written = timed("first apply", converge(&org, &baseline)).await;
    timed("second plan", assert_nothing_to_do(&org, &baseline)).await;
    let before = shape::lines(&org.sandbox);

    let mut dice = Dice::new(size.seed);
    let changes = mutations::make(&org.sandbox, &written, size.changes, &mut dice, is_unmanaged);
    report(&changes);
    assert_eq!(changes.len(), size.changes, "too few settings can be changed");
    let found = timed("third plan", org.plan(&baseline, &How::default())).await.unwrap();
    assert_eq!(found.report.summary.exit_code(), 2, "{}", found.problems());
    let repairs = timed("repair", converge(&org, &baseline)).await;

    let left = shape::difference(&before, &shape::lines(&org.sandbox));
    assert!(left.is_empty(), "not as before (-: was, +: is):\n{left}\nafter\n{}", suspects(&changes, &left));
    let stray: Vec<&Write> = repairs.iter().filter(|write| !is_expected(write, &changes)).collect();
    assert!(stray.is_empty(), "written where nobody changed anything: {stray:#?}");
    timed("last plan", assert_nothing_to_do(&org, &baseline)).await;
}

/// The changes to which what is left may go back; all of them where none is obvious.
fn suspects(changes: &[Change], left: &str) -> String {
    let obvious = |change: &&Change| {
        left.contains(&change.call.account) && left.contains(&format!(".{}.", change.call.service))
    };
    let mut suspects: Vec<String> = changes.iter().filter(obvious).map(Change::describe).collect();
    if suspects.is_empty() {
        suspects = changes.iter().map(Change::describe).collect();
    }
    suspects.join("\n")
}

/// Which operations were used how often, for the log of the test.
#[expect(clippy::print_stderr, reason = "a test says what it did")]
fn report(changes: &[Change]) {
    let mut counts = std::collections::BTreeMap::new();
    for change in changes {
        *counts.entry(change.call.name()).or_insert(0) += 1;
    }
    eprintln!("{} changes by {} operations: {counts:?}", changes.len(), counts.len());
}

#[expect(clippy::print_stderr, reason = "a test says how long it takes")]
fn timed<'a, T: 'a>(what: &'a str, work: impl Future<Output = T> + 'a) -> LocalBoxFuture<'a, T> {
    Box::pin(async move {
        let begin = std::time::Instant::now();
        let done = work.await;
        eprintln!("{what}: {:.1} s", begin.elapsed().as_secs_f64());
        done
    })
}
