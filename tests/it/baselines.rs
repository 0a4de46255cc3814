//! Every shipped baseline applies untouched on the sandbox.

use std::path::{Path, PathBuf};

use orgbase::sandbox::spec::Spec;

use crate::support::org::{How, Org};

/// The shipped baselines, sorted.
pub(crate) fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("baselines");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|p| p.extension().is_some_and(|e| e == "toml")).collect();
    files.sort();
    files
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// Applied, and nothing is left to do or was left undone.
async fn applies(org: &Org, path: &Path) {
    let (name, text) = (path.file_name().unwrap().display().to_string(), text(path));
    let done = org.apply(&text, &How::default()).await.unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(done.report.summary.exit_code(), 0, "apply {name}:\n{}", done.problems());
    let planned = org.plan(&text, &How::default()).await.unwrap();
    assert_eq!(planned.report.summary.exit_code(), 0, "second plan of {name}:\n{}", planned.problems());
}

#[tokio::test(start_paused = true)]
async fn each_applies_on_the_default_organization() {
    for path in files() {
        applies(&Org::of(&Spec::default()), &path).await;
    }
}

#[tokio::test(start_paused = true)]
async fn each_applies_on_fifty_drifted_accounts() {
    for path in files() {
        let spec = Spec::parse("accounts=50,ous=9,drift=0.4,invited=0,suspended=2,foreign=3,seed=5").unwrap();
        applies(&Org::of(&spec), &path).await;
    }
}

/// Reads that do not see the last writes yet: one apply waits for them, and the next plan finds nothing.
#[tokio::test(start_paused = true)]
async fn each_applies_at_once_where_reads_lag() {
    for (seed, path) in (1..).zip(files()) {
        let mut org = Org::of(&Spec::parse(&format!("accounts=4,ous=3,regions=2,seed={seed}")).unwrap());
        let faults = format!("seed={seed},delay=5").parse().unwrap();
        org.sandbox = org.sandbox.clone().with_faults(&faults);
        applies(&org, &path).await;
    }
}

/// Prefix and names are shared, so that a larger baseline only adds to a smaller one.
#[tokio::test(start_paused = true)]
async fn a_larger_baseline_only_adds() {
    let order = ["minimal.toml", "cis.toml", "full.toml"];
    let files = files();
    let chosen: Vec<&PathBuf> =
        order.iter().filter_map(|name| files.iter().find(|p| p.ends_with(name))).collect();
    assert!(chosen.len() > 1, "too few baselines");
    let org = Org::of(&Spec::default());
    for path in chosen {
        applies(&org, path).await;
    }
}
