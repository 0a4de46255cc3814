//! One analyzer for external access in every account and region.

use super::analyzer::{self, Actual, Configuration, Desired};
use super::{AccessAnalyzer, AnalyzerKind};
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Scope, Seat, Wanted};
use crate::error::UnitError;

/// Part `account`.
pub(super) struct AccountAnalyzer;

impl Control for AccountAnalyzer {
    type Section = AccessAnalyzer;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        part: "account",
        scope: Scope::AccountRegion,
        seat: Seat::Member,
        reads: &["accessanalyzer:ListAnalyzers", "accessanalyzer:ListArchiveRules"],
        writes: &[
            "accessanalyzer:CreateAnalyzer",
            "accessanalyzer:CreateArchiveRule",
            "accessanalyzer:DeleteArchiveRule",
            "accessanalyzer:UpdateArchiveRule",
        ],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, AccessAnalyzer>) -> Vec<Wanted<Desired>> {
        if !cx.section.account_analyzers {
            return Vec::new();
        }
        Wanted::one(analyzer::desired(cx, AnalyzerKind::Account, Configuration::None))
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        analyzer::read(cx, want).await
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        analyzer::diff(want, have)
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        analyzer::apply(cx, want, have).await
    }
}
