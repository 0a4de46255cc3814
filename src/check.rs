//! The compliance report: every rule of the CIS AWS Foundations Benchmark over the whole organization.
//!
//! ```text
//! rules -> needs -> evidence (once per organization, account, region) -> verdicts -> rows -> report -> formats
//! ```
//!
//! A rule is a function from evidence to a verdict and one line in `rules.rs`; a piece of evidence is one type in `sources/`.
//! What could not be read is ERROR, never PASS.

mod collect;
mod compare;
pub mod format;
mod remedy;
pub mod report;
mod rows;
mod rules;
mod scores;
mod source;
mod sources;
mod verdict;

use std::sync::Arc;

use time::OffsetDateTime;

pub use collect::Progress;
pub use compare::compare;
pub use report::{CheckReport, Row, Status};

use crate::aws::Aws;
use crate::baseline::Baseline;
use crate::compliance::cis;
use crate::facts::{Facts, Needs};
use crate::selector::Selection;

/// What a check looks at.
pub struct Check {
    /// Sessions and clients; read-only.
    pub aws: Aws,
    /// The organization.
    pub facts: Facts,
    /// The baseline: its regions, roles and exceptions hold. One that declares nothing where none was given.
    pub baseline: Baseline,
    /// The user gave a baseline: the report says what it would fix.
    pub has_baseline: bool,
    /// Benchmark version, one of [`cis::VERSIONS`].
    pub version: &'static str,
    /// `--only` and `--exclude`.
    pub selection: Selection,
    /// When the run began.
    pub now: OffsetDateTime,
}

/// Reads the organization and evaluates every rule.
pub async fn check(check: Check, progress: &dyn Progress) -> CheckReport {
    let check = Arc::new(check);
    let outcomes = collect::collect(&check, progress).await;
    rows::report(&check, outcomes)
}

/// What the rules must know of the organization besides its accounts.
pub fn needs() -> Needs {
    let policy_types = ["SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"];
    let policy_types_in_force = policy_types.map(String::from).to_vec();
    Needs { policy_types: Vec::new(), policy_types_in_force, trusted_services: true }
}

/// The operations that the rules of a benchmark version call.
pub fn operations(version: &'static str) -> Vec<&'static str> {
    let needs = rules::of(version).into_iter().flat_map(|(_, check)| check.needs);
    let mut all: Vec<&str> = needs.flat_map(|need| need.reads).copied().collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The newest benchmark version.
pub const NEWEST: &str = cis::VERSIONS[cis::VERSIONS.len() - 1];
