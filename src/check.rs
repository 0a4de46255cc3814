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

use std::collections::BTreeSet;
use std::sync::Arc;

use time::OffsetDateTime;

pub use collect::Progress;
pub use compare::compare;
pub use report::{CheckReport, Row, Status};

use crate::aws::Aws;
use crate::baseline::Baseline;
use crate::compliance::cis::{self, RuleScope};
use crate::error::RunError;
use crate::facts::{Facts, Needs};
use crate::selector::{Selection, Selector};

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
pub fn operations(version: &'static str) -> BTreeSet<&'static str> {
    let needs = rules::of(version).into_iter().flat_map(|(_, check)| check.needs);
    needs.flat_map(|need| need.reads).copied().collect()
}

/// The operations that the rules of any version call.
pub fn all_operations() -> BTreeSet<&'static str> {
    cis::VERSIONS.iter().flat_map(|version| operations(version)).collect()
}

/// Those of them that are called in other accounts than the management account.
pub fn member_operations() -> BTreeSet<&'static str> {
    let needs = rules::CHECKS.iter().flat_map(|check| check.needs);
    let called = |need: &source::Need| match need.scope {
        RuleScope::Org => need.elsewhere,
        RuleScope::Account | RuleScope::AccountRegion => need.reads,
    };
    needs.flat_map(called).copied().collect()
}

/// Holds that `--only` and `--exclude` are about what a check has: accounts, OUs and regions.
///
/// # Errors
/// One of them names a control.
pub fn choosable(selection: &Selection) -> Result<(), RunError> {
    let control = selection.only.iter().chain(&selection.exclude).find(|s| matches!(s, Selector::Control(_)));
    control.map_or(Ok(()), |control| {
        Err(RunError::new(format!("a check looks at rules, not at controls: `{control}` chooses nothing"))
            .hint("leave it out: the column fix_control of the report names the section that mends a rule")
            .hint("--only and --exclude take account=KEY|ID|GLOB, ou=/Path and region=NAME here"))
    })
}

/// Holds that `--only` and `--exclude` leave an account to look at.
///
/// # Errors
/// They leave none: then nothing but the organization's rules would be judged.
pub(crate) fn something_left(check: &Check) -> Result<(), RunError> {
    if check.selection == Selection::default() || collect::leaves_an_account(check) {
        return Ok(());
    }
    Err(RunError::new(format!("{} leaves no account to check", check.selection))
        .hint("account=KEY|ID|GLOB, ou=/Path and region=NAME must name something that is there")
        .hint("a key is one of [accounts] in the baseline; without a baseline accounts have ids only"))
}

/// The newest benchmark version.
pub const NEWEST: &str = cis::VERSIONS[cis::VERSIONS.len() - 1];
