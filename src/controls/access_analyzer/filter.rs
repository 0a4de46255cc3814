//! Archive rules: what the section says of them, and what AWS does.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-filter-keys.html>

use std::collections::{BTreeMap, HashMap};

use aws_sdk_accessanalyzer::types::{Criterion as Live, Type};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::diag::Findings;

/// Most values of one criterion.
const VALUES: usize = 20;

/// A kind of analyzer.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AnalyzerKind {
    /// External access to the organization.
    #[default]
    ExternalAccess,
    /// Unused access in the organization.
    UnusedAccess,
    /// Internal access in the organization.
    InternalAccess,
    /// External access to each account.
    Account,
}

impl AnalyzerKind {
    /// The word in the baseline.
    pub(super) fn name(self) -> &'static str {
        match self {
            AnalyzerKind::ExternalAccess => "external_access",
            AnalyzerKind::UnusedAccess => "unused_access",
            AnalyzerKind::InternalAccess => "internal_access",
            AnalyzerKind::Account => "account",
        }
    }

    /// The key of the section that asks for it.
    pub(super) fn key(self) -> &'static str {
        match self {
            AnalyzerKind::UnusedAccess => "unused_access_age_days",
            AnalyzerKind::Account => "account_analyzers",
            other => other.name(),
        }
    }

    /// How it is declared.
    pub(super) fn declared_by(self) -> String {
        format!("declare `{}` as well", self.key())
    }

    /// AWS's type.
    pub(super) fn live(self) -> Type {
        match self {
            AnalyzerKind::ExternalAccess => Type::Organization,
            AnalyzerKind::UnusedAccess => Type::OrganizationUnusedAccess,
            AnalyzerKind::InternalAccess => Type::OrganizationInternalAccess,
            AnalyzerKind::Account => Type::Account,
        }
    }
}

/// A rule that archives the findings which fit all of its criteria.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArchiveRule {
    /// Name in AWS. A rule of this name is taken over.
    #[schemars(length(min = 1, max = 255), regex(pattern = r"^[A-Za-z][A-Za-z0-9_.-]*$"))]
    pub name: String,
    /// The analyzer that has the rule.
    #[serde(default)]
    pub analyzer: AnalyzerKind,
    /// Criteria by filter key, such as `resourceType`, `isPublic` or `principal.AWS`.
    pub filter: BTreeMap<String, Criterion>,
}

/// What one filter key of a finding must be: all of the conditions given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Criterion {
    /// One of these values.
    #[schemars(length(max = 20))]
    pub eq: Vec<String>,
    /// None of these values.
    #[schemars(length(max = 20))]
    pub neq: Vec<String>,
    /// Contains one of these texts.
    #[schemars(length(max = 20))]
    pub contains: Vec<String>,
    /// Whether the finding has the key at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
}

impl ArchiveRule {
    /// Rules that the types cannot express.
    pub(super) fn check(&self, path: &str, findings: &mut Findings<'_>) {
        if self.filter.is_empty() {
            findings.at(path, "a rule without criteria would archive every finding");
        }
        for (key, criterion) in &self.filter {
            let lists = [&criterion.eq, &criterion.neq, &criterion.contains];
            let at = format!("{path}.{key}");
            if criterion.exists.is_none() && lists.iter().all(|list| list.is_empty()) {
                findings.hint(&at, "a criterion needs a condition", "one of `eq`, `neq`, `contains`, `exists`");
            }
            if lists.iter().any(|list| list.len() > VALUES) {
                findings.at(&at, format!("a condition has at most {VALUES} values"));
            }
        }
    }
}

/// The criteria of a rule, the values sorted: their order has no meaning.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(super) struct Filter(BTreeMap<String, Criterion>);

impl Filter {
    /// As declared.
    pub(super) fn new(declared: &BTreeMap<String, Criterion>) -> Filter {
        let sorted = |list: &[String]| {
            let mut list = list.to_vec();
            list.sort();
            list.dedup();
            list
        };
        let one = |(key, c): (&String, &Criterion)| {
            let criterion = Criterion {
                eq: sorted(&c.eq),
                neq: sorted(&c.neq),
                contains: sorted(&c.contains),
                exists: c.exists,
            };
            (key.clone(), criterion)
        };
        Filter(declared.iter().map(one).collect())
    }

    /// As AWS answers it.
    pub(super) fn from_live(live: HashMap<String, Live>) -> Filter {
        let one = |(key, c): (String, Live)| {
            let criterion = Criterion {
                eq: c.eq.unwrap_or_default(),
                neq: c.neq.unwrap_or_default(),
                contains: c.contains.unwrap_or_default(),
                exists: c.exists,
            };
            (key, criterion)
        };
        Filter::new(&live.into_iter().map(one).collect())
    }

    /// As AWS takes it.
    pub(super) fn to_live(&self) -> HashMap<String, Live> {
        let list = |list: &[String]| (!list.is_empty()).then(|| list.to_vec());
        let one = |(key, c): (&String, &Criterion)| {
            let criterion = Live::builder()
                .set_eq(list(&c.eq))
                .set_neq(list(&c.neq))
                .set_contains(list(&c.contains))
                .set_exists(c.exists)
                .build();
            (key.clone(), criterion)
        };
        self.0.iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_absent_lists_make_no_difference() {
        let values = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        let declared = Criterion { eq: values(&["b", "a"]), ..Criterion::default() };
        let filter = Filter::new(&BTreeMap::from([("resourceType".to_string(), declared)]));
        let live = filter.to_live();
        assert_eq!(live["resourceType"].neq, None);
        assert_eq!(Filter::from_live(live), filter);
    }
}
