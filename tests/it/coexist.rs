//! Beside AWS Control Tower: what it made is known, named, and not touched.

use orgbase::sandbox::spec::Spec;

use crate::support::org::{Done, How, Org};
use crate::support::shape;

/// An organization with Control Tower.
fn landing_zone() -> Org {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/support/control-tower.toml");
    Org::of(&Spec::parse(path).unwrap())
}

fn shipped(name: &str) -> String {
    std::fs::read_to_string(format!("{}/baselines/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// All lines of the state that speak of Control Tower's things.
fn control_towers(org: &Org) -> Vec<String> {
    let names = ["aws-controltower", "AWSControlTower", "aws-guardrails"];
    let lines = shape::lines(&org.sandbox).into_iter();
    lines.filter(|line| names.iter().any(|name| line.contains(name))).collect()
}

fn owner(done: &Done) -> String {
    done.report.summary.owners.get("AWS Control Tower").cloned().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn the_preset_completes_control_tower_and_touches_nothing_of_it() {
    let (org, baseline) = (landing_zone(), shipped("control-tower.toml"));
    let before = control_towers(&org);
    assert!(before.len() > 20, "{before:?}");
    let planned = org.plan(&baseline, &How::default()).await.unwrap();
    assert_eq!(planned.report.summary.exit_code(), 2, "{}", planned.problems());
    assert!(owner(&planned).contains("2 policies"), "{}", owner(&planned));
    let done = org.converge(&baseline, &How::default()).await;
    let config = |op: &String| op.starts_with("config:") || op.starts_with("cloudtrail:");
    assert_eq!(done.writes().into_iter().filter(config).collect::<Vec<_>>(), Vec::<String>::new());
    let again = org.plan(&baseline, &How::default()).await.unwrap();
    assert_eq!(again.report.summary.exit_code(), 0, "{}", again.problems());
    assert_eq!(control_towers(&org), before, "something of Control Tower's was changed");
}

#[tokio::test(start_paused = true)]
async fn a_baseline_with_a_trail_says_whose_is_there_and_makes_no_second_one() {
    let (org, baseline) = (landing_zone(), shipped("cis.toml"));
    let before = control_towers(&org);
    let done = org.apply(&baseline, &How::default()).await.unwrap();
    assert_eq!(done.report.summary.exit_code(), 3, "{}", done.problems());
    let trail = done.report.units.iter().find(|r| r.id.control == "org_trail" && r.error.is_some()).unwrap();
    let text = format!("{:?}", trail.error);
    assert!(text.contains("Control Tower"), "{text}");
    assert!(owner(&done).contains("`org_trail`"), "{}", owner(&done));
    assert!(owner(&done).contains("`config`"), "{}", owner(&done));
    assert!(!done.writes().iter().any(|op| op == "cloudtrail:CreateTrail"), "a second trail");
    let kept = control_towers(&org);
    let lost: Vec<&String> = before.iter().filter(|line| !kept.contains(line)).collect();
    assert_eq!(lost, Vec::<&String>::new(), "something of Control Tower's was changed");
}

#[tokio::test(start_paused = true)]
async fn import_leaves_control_towers_things_out() {
    let org = landing_zone();
    let (imported, ..) = crate::import::fixed_point(&org, "control tower").await;
    let lines = imported.files.values().flat_map(|text| text.lines());
    let text: String = lines.filter(|line| !line.starts_with('#')).collect();
    for name in ["name = \"aws-guardrails", "aws-controltower-Baseline", "AWSControlTowerExecution"] {
        assert!(!text.contains(name), "{name} is in the files");
    }
    assert!(!imported.sections.contains(&"org_trail"));
}
