//! Compute Optimizer: the organization is enrolled, and its recommendations are exported on a schedule.
//!
//! * Compute Optimizer has no schedule of its own: an export is a job. EventBridge Scheduler starts one per kind and region,
//!   with a universal target.
//! * An export goes to a bucket in its own region: the log archive's exports bucket in the home region, a bucket beside it in
//!   every other. "You can't export recommendations from multiple AWS Regions into a single Amazon S3 bucket."
//!   <https://docs.aws.amazon.com/compute-optimizer/latest/ug/exporting-your-recommendations.html>
//! * The schedules are the management account's: recommendations of member accounts can be exported "if your account is the
//!   management account of an organization" (API Reference, `includeMemberAccounts`).

mod bucket;
mod enrollment;
mod export_role;
mod kinds;
mod schedules;

pub use kinds::Kind;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::baseline::{Baseline, Regions};
use crate::control::{DynControl, Reference, Section, SectionMeta, Shape, control};
use crate::diag::Findings;

/// AWS Compute Optimizer: enrolment of the organization, and scheduled exports of its recommendations.
///
/// The management account is enrolled once the section is declared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ComputeOptimizer {
    /// The member accounts are enrolled too, and those that join later. `false`: they keep what they have.
    #[serde(default = "yes")]
    pub include_member_accounts: bool,
    /// Exports to the log archive. Left out: not managed.
    pub exports: Option<Exports>,
}

/// Exports of recommendations, one file per kind and region each time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exports {
    /// What is exported. A kind that is taken out of the list is exported no more.
    pub kinds: Vec<Kind>,
    /// Regions whose recommendations are exported; every region of the baseline where it is left out.
    pub regions: Option<Vec<String>>,
    /// When, as the six fields of EventBridge Scheduler's cron expressions: minutes, hours, day of the month, month, day of
    /// the week, year.
    #[serde(default = "monday")]
    pub cron: String,
    /// Time zone of `cron`, by its IANA name, such as `Australia/Brisbane`.
    #[serde(default = "utc")]
    pub time_zone: String,
}

fn yes() -> bool {
    true
}

fn monday() -> String {
    "0 0 ? * MON *".into()
}

fn utc() -> String {
    "UTC".into()
}

impl Section for ComputeOptimizer {
    const META: SectionMeta = SectionMeta {
        id: "compute_optimizer",
        title: "Compute Optimizer",
        summary: "Enrols the management account and all member accounts in Compute Optimizer, and exports the \
                  recommendations of the organization to the log archive: an EventBridge schedule for each kind of \
                  resource and region, with a role of its own. Schedules of others are left alone.",
        shape: Shape::Table,
        references: &[Reference::row("STX-037"), Reference::row("STX-038"), Reference::row("STX-039")],
        billed: Some("S3 storage per GB and month for the exports; enrolment and a handful of schedules are free"),
    };

    fn check(&self, baseline: &Baseline, findings: &mut Findings<'_>) {
        let Some(exports) = &self.exports else { return };
        if !baseline.declares("log_archive") {
            findings.hint("exports", "exports go to the log archive, which is not declared", "declare `[log_archive]`");
        }
        for (i, kind) in exports.kinds.iter().enumerate() {
            if exports.kinds.iter().take(i).any(|earlier| earlier == kind) {
                findings.at(&format!("exports.kinds[{i}]"), format!("`{}` is listed twice", kind.word()));
            }
        }
        exports.check_regions(baseline, findings);
        if let Some(problem) = cron_problem(&exports.cron) {
            findings.hint("exports.cron", problem, "Mondays at midnight: \"0 0 ? * MON *\"");
        }
        if !is_time_zone(&exports.time_zone) {
            findings.at("exports.time_zone", format!("`{}` is no IANA name of a time zone", exports.time_zone));
        }
    }

    /// The buckets of exports keep what the log archive says.
    const SHAPED_BY_OTHERS: bool = true;

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![
            control::<enrollment::Enrollment>(),
            control::<export_role::ExportRole>(),
            control::<bucket::ExportBucket>(),
            control::<schedules::Schedules>(),
        ]
    }
}

impl ComputeOptimizer {
    /// The kinds that are exported from a region; `None`: exports are not managed.
    fn kinds_in(&self, region: &str) -> Option<&[Kind]> {
        let exports = self.exports.as_ref()?;
        let wanted = exports.regions.as_ref().is_none_or(|regions| regions.iter().any(|r| r == region));
        Some(if wanted { &exports.kinds } else { &[] })
    }
}

impl Exports {
    fn check_regions(&self, baseline: &Baseline, findings: &mut Findings<'_>) {
        let Regions::List(managed) = &baseline.organization.regions else { return };
        for (i, region) in self.regions.iter().flatten().enumerate() {
            if !managed.contains(region) {
                let path = format!("exports.regions[{i}]");
                findings.at(&path, format!("`{region}` is not among the regions of `[organization]`"));
            }
        }
    }
}

/// What is wrong with a cron expression.
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based>
fn cron_problem(cron: &str) -> Option<&'static str> {
    let fields: Vec<&str> = cron.split(' ').collect();
    let [_, _, day_of_month, _, day_of_week, _] = fields.as_slice() else {
        return Some("a cron expression has six fields with single blanks between them");
    };
    let is_good = |c: char| c.is_ascii_alphanumeric() || "*,-/?#".contains(c);
    if fields.iter().any(|field| field.is_empty() || !field.chars().all(is_good)) {
        return Some("a field has letters, digits and `* , - / ? #`");
    }
    let unset = [day_of_month, day_of_week].iter().filter(|field| **field == &"?").count();
    (unset != 1).then_some("one of the two days (of the month, of the week) is `?`, the other is not")
}

/// Whether it looks like a name of the IANA time zone database.
fn is_time_zone(name: &str) -> bool {
    let is_good = |c: char| c.is_ascii_alphanumeric() || "/_+-".contains(c);
    let begins = name.starts_with(|c: char| c.is_ascii_uppercase());
    begins && name.len() <= 50 && name.chars().all(is_good) && (name.contains('/') || matches!(name, "UTC" | "GMT"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::controls::log_archive::tests::messages;

    /// A section with exports of two kinds.
    pub(super) const EXPORTS: &str =
        "[compute_optimizer.exports]\nkinds = [\"ec2_instance\", \"ebs_volume\"]\n";

    #[test]
    fn what_makes_no_sense_is_found() {
        let found = |keys: &str| messages("", &format!("{EXPORTS}{keys}"));
        assert_eq!(found("regions = [\"us-east-1\"]").len(), 1);
        assert_eq!(found("cron = \"0 0 * * MON *\"").len(), 1);
        assert_eq!(found("cron = \"0 0 ? * MON\"").len(), 1);
        assert_eq!(found("time_zone = \"Brisbane\"").len(), 1);
        let twice = "[compute_optimizer.exports]\nkinds = [\"idle\", \"idle\"]";
        assert_eq!(messages("", twice), ["`idle` is listed twice"]);
        assert_eq!(messages("", "[compute_optimizer.exports]\nkinds = [\"ec2\"]").len(), 1);
        assert_eq!(messages("", "[compute_optimizer.exports]\ncron = \"0 0 ? * MON *\"").len(), 1);
    }

    #[test]
    fn expressions_and_time_zones() {
        for good in ["0 0 ? * MON *", "15 10 L * ? *", "0/5 8-17 ? * 2-6 2026-2030", "0 9 ? * 2#1 *"] {
            assert_eq!(cron_problem(good), None, "{good}");
        }
        for bad in ["0 0 ? * ? *", "0  0 ? * MON *", "0 0 ? * MON; *"] {
            assert!(cron_problem(bad).is_some(), "{bad}");
        }
        for good in ["UTC", "Australia/Brisbane", "America/Argentina/Buenos_Aires", "Etc/GMT+10"] {
            assert!(is_time_zone(good), "{good}");
        }
        assert!(!is_time_zone("europe/berlin") && !is_time_zone("EST"));
    }

    #[test]
    fn regions_that_are_not_listed_export_nothing() {
        let exports = |regions: Option<Vec<String>>| ComputeOptimizer {
            include_member_accounts: true,
            exports: Some(Exports { kinds: vec![Kind::Idle], regions, cron: monday(), time_zone: utc() }),
        };
        assert_eq!(exports(None).kinds_in("eu-west-1"), Some([Kind::Idle].as_slice()));
        assert_eq!(exports(Some(vec!["us-east-1".into()])).kinds_in("eu-west-1"), Some([].as_slice()));
        let none = ComputeOptimizer { include_member_accounts: true, exports: None };
        assert_eq!(none.kinds_in("eu-west-1"), None);
    }
}
