//! The organization's analyzers, in the account of the delegated administrator.

use std::collections::BTreeSet;

use super::analyzer::{self, Actual, Configuration, Desired, Inclusion};
use super::{AccessAnalyzer, AnalyzerKind, InternalAccess};
use crate::control::{Adjusted, Control, Cx, DesiredCx, Diff, Meta, Scope, Seat, Want, Wanted};
use crate::error::UnitError;

/// Part `organization`: one unit per kind of analyzer and region.
pub(super) struct OrganizationAnalyzer;

impl Control for OrganizationAnalyzer {
    type Section = AccessAnalyzer;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        part: "organization",
        scope: Scope::OrganizationRegion,
        seat: Seat::DelegatedAdmin("access_analyzer"),
        optional_seat: true,
        after: &["delegated_admins.admin", "access_analyzer.service_linked_role"],
        reads: &["accessanalyzer:GetAnalyzer", "accessanalyzer:ListAnalyzers", "accessanalyzer:ListArchiveRules"],
        writes: &[
            "accessanalyzer:CreateAnalyzer",
            "accessanalyzer:CreateArchiveRule",
            "accessanalyzer:DeleteArchiveRule",
            "accessanalyzer:UpdateAnalyzer",
            "accessanalyzer:UpdateArchiveRule",
        ],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, AccessAnalyzer>) -> Vec<Wanted<Desired>> {
        let mut units = Vec::new();
        if cx.section.external_access {
            units.push(unit(cx, AnalyzerKind::ExternalAccess, Ok(Configuration::None)));
        }
        let home = cx.region == cx.baseline.organization.home_region;
        if let Some(age_days) = cx.section.unused_access_age_days.filter(|_| home) {
            units.push(unit(cx, AnalyzerKind::UnusedAccess, unused(cx, age_days)));
        }
        if let Some(internal) = &cx.section.internal_access {
            units.push(unit(cx, AnalyzerKind::InternalAccess, inclusion(cx, internal)));
        }
        units
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        analyzer::read(cx, want).await
    }

    fn adjust(section: &mut AccessAnalyzer, cx: &Cx<'_>, want: &Desired, have: &Actual) -> Adjusted {
        analyzer::adjust(section, cx, want, have)
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        analyzer::diff(want, have)
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        analyzer::apply(cx, want, have).await
    }
}

/// One unit; blocked where the configuration names an account that does not exist yet.
fn unit(
    cx: &DesiredCx<'_, AccessAnalyzer>,
    kind: AnalyzerKind,
    configuration: Result<Configuration, String>,
) -> Wanted<Desired> {
    let want = match configuration {
        Ok(configuration) => Want::Set(analyzer::desired(cx, kind, configuration)),
        Err(why) => Want::Blocked(why),
    };
    Wanted { part: kind.name().into(), at: String::new(), about: None, after: Vec::new(), want }
}

fn unused(cx: &DesiredCx<'_, AccessAnalyzer>, age_days: i32) -> Result<Configuration, String> {
    let excluded = cx.section.unused_access_excluded_accounts.as_ref();
    let excluded_accounts = excluded.map(|keys| accounts(cx, keys)).transpose()?;
    Ok(Configuration::Unused { age_days, excluded_accounts })
}

fn inclusion(cx: &DesiredCx<'_, AccessAnalyzer>, internal: &InternalAccess) -> Result<Configuration, String> {
    Ok(Configuration::Internal(Inclusion {
        resource_types: internal.resource_types.iter().cloned().collect(),
        resource_arns: internal.resource_arns.iter().cloned().collect(),
        accounts: accounts(cx, &internal.accounts)?,
    }))
}

/// Ids of accounts by key.
fn accounts(cx: &DesiredCx<'_, AccessAnalyzer>, keys: &[String]) -> Result<BTreeSet<String>, String> {
    let id = |key: &String| {
        let missing = || format!("account `{key}` does not exist yet: run `orgbase vend {key}`");
        cx.baseline.account_id(key, cx.facts).ok_or_else(missing)
    };
    keys.iter().map(id).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{ADMIN, desired};
    use super::*;

    fn parts(text: &str, region: &str) -> Vec<String> {
        let units = desired::<OrganizationAnalyzer>(&format!("{ADMIN}[access_analyzer]\n{text}"), region);
        units.into_iter().map(|unit| unit.part).collect()
    }

    #[test]
    fn unused_access_is_looked_at_in_the_home_region_alone() {
        let keys = "unused_access_age_days = 90\ninternal_access.resource_types = [\"AWS::S3::Bucket\"]\n";
        assert_eq!(parts(keys, "eu-west-1"), ["external_access", "unused_access", "internal_access"]);
        assert_eq!(parts(keys, "us-east-1"), ["external_access", "internal_access"]);
        assert_eq!(parts("external_access = false\naccount_analyzers = true\n", "eu-west-1"), [""; 0]);
    }
}
