//! The integration tests: one binary, because each one links every AWS SDK crate.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(missing_docs, reason = "tests")]

mod again;
mod baselines;
mod calls;
mod central;
mod check;
mod check_calls;
mod check_regions;
mod check_rules;
mod cli;
mod coexist;
mod concurrency;
mod converge;
mod convergence;
mod evaluator;
mod faults;
mod generated;
mod handover;
mod import;
mod permissions;
mod policies;
mod property;
mod regions;
mod registry;
mod rings;
mod securityhub;
mod selectors;
mod source;
mod starvation;
mod support;
mod truth;
mod undo;
mod vend;

/// A file that no `mod` line names would never run.
#[test]
fn no_file_is_forgotten() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it");
    let main = include_str!("main.rs");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(module) = name.strip_suffix(".rs").filter(|m| *m != "main") else { continue };
        assert!(main.contains(&format!("mod {module};")), "tests/it/{name} is not named in main.rs");
    }
}
