//! What an analyzer looks at. `UpdateAnalyzer` replaces it, so criteria that are not declared are sent back.

use std::collections::BTreeSet;

use aws_sdk_accessanalyzer::types::{
    AnalysisRule, AnalysisRuleCriteria, AnalyzerConfiguration, InternalAccessAnalysisRule,
    InternalAccessAnalysisRuleCriteria, InternalAccessConfiguration, ResourceType, UnusedAccessConfiguration,
};
use serde::Serialize;

use crate::control::{Diff, Risk};

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in super::super) enum Configuration {
    /// The type has none.
    None,
    /// Unused access.
    Unused {
        /// Days without use.
        age_days: i32,
        /// Ids of accounts that are left out; `None`: not managed.
        excluded_accounts: Option<BTreeSet<String>>,
    },
    /// Internal access: these resources and no others.
    Internal(Inclusion),
}

/// Resources that fit all of the lists that are not empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(in super::super) struct Inclusion {
    pub(in super::super) resource_types: BTreeSet<String>,
    pub(in super::super) resource_arns: BTreeSet<String>,
    pub(in super::super) accounts: BTreeSet<String>,
}

/// What is there.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Actual {
    age_days: Option<i32>,
    excluded_accounts: BTreeSet<String>,
    /// Exclusions by tag, which are not managed.
    #[serde(skip)]
    others: Vec<AnalysisRuleCriteria>,
    inclusions: Vec<Inclusion>,
}

impl Actual {
    /// Days without use.
    pub(super) fn age_days(&self) -> Option<i32> {
        self.age_days
    }

    /// Ids of accounts that are left out.
    pub(super) fn excluded_accounts(&self) -> &BTreeSet<String> {
        &self.excluded_accounts
    }

    /// Resources that it looks at, where one choice says them all.
    pub(super) fn inclusion(&self) -> Option<&Inclusion> {
        match self.inclusions.as_slice() {
            [one] => Some(one),
            _ => None,
        }
    }
}

impl Configuration {
    /// Compares.
    pub(super) fn diff(&self, d: &mut Diff, have: &Actual) {
        match self {
            Configuration::None => {}
            Configuration::Unused { age_days, excluded_accounts } => {
                d.optional("unused_access_age_days", have.age_days.as_ref(), Some(age_days), Risk::Normal);
                d.field("unused_access_excluded_accounts", &have.excluded_accounts, excluded_accounts.as_ref());
            }
            Configuration::Internal(inclusion) => {
                d.field("internal_access", &have.inclusions.as_slice(), Some(&std::slice::from_ref(inclusion)));
            }
        }
    }

    /// What has to be sent; `None`: nothing differs.
    pub(super) fn merged_into(&self, have: &Actual) -> Option<AnalyzerConfiguration> {
        let mut d = Diff::new();
        self.diff(&mut d, have);
        if d.is_empty() {
            return None;
        }
        match self {
            Configuration::None => None,
            Configuration::Unused { age_days, excluded_accounts } => {
                let accounts = excluded_accounts.as_ref().unwrap_or(&have.excluded_accounts);
                let by_account = AnalysisRuleCriteria::builder().set_account_ids(list(accounts)).build();
                let by_account = (!accounts.is_empty()).then_some(by_account);
                let exclusions: Vec<_> = by_account.into_iter().chain(have.others.iter().cloned()).collect();
                let unused = UnusedAccessConfiguration::builder()
                    .unused_access_age(*age_days)
                    .analysis_rule(AnalysisRule::builder().set_exclusions(Some(exclusions)).build());
                Some(AnalyzerConfiguration::UnusedAccess(unused.build()))
            }
            Configuration::Internal(inclusion) => {
                let rule = InternalAccessAnalysisRule::builder().inclusions(inclusion.to_live()).build();
                let internal = InternalAccessConfiguration::builder().analysis_rule(rule).build();
                Some(AnalyzerConfiguration::InternalAccess(internal))
            }
        }
    }
}

impl Inclusion {
    fn to_live(&self) -> InternalAccessAnalysisRuleCriteria {
        let types = list(&self.resource_types);
        InternalAccessAnalysisRuleCriteria::builder()
            .set_account_ids(list(&self.accounts))
            .set_resource_arns(list(&self.resource_arns))
            .set_resource_types(types.map(|types| types.iter().map(|t| ResourceType::from(t.as_str())).collect()))
            .build()
    }

    fn from_live(live: InternalAccessAnalysisRuleCriteria) -> Inclusion {
        let set = |list: Option<Vec<String>>| list.unwrap_or_default().into_iter().collect();
        let types = live.resource_types.unwrap_or_default();
        Inclusion {
            resource_types: types.iter().map(|t| t.as_str().to_string()).collect(),
            resource_arns: set(live.resource_arns),
            accounts: set(live.account_ids),
        }
    }
}

fn list(set: &BTreeSet<String>) -> Option<Vec<String>> {
    (!set.is_empty()).then(|| set.iter().cloned().collect())
}

/// As AWS answers it.
pub(super) fn from_live(live: Option<AnalyzerConfiguration>) -> Actual {
    match live {
        Some(AnalyzerConfiguration::UnusedAccess(unused)) => {
            let all = unused.analysis_rule.and_then(|rule| rule.exclusions).unwrap_or_default();
            let (others, by_account): (Vec<_>, Vec<_>) =
                all.into_iter().partition(|e| e.resource_tags.as_ref().is_some_and(|tags| !tags.is_empty()));
            let excluded_accounts = by_account.into_iter().filter_map(|e| e.account_ids).flatten().collect();
            Actual { age_days: unused.unused_access_age, excluded_accounts, others, ..Actual::default() }
        }
        Some(AnalyzerConfiguration::InternalAccess(internal)) => {
            let all = internal.analysis_rule.and_then(|rule| rule.inclusions).unwrap_or_default();
            Actual { inclusions: all.into_iter().map(Inclusion::from_live).collect(), ..Actual::default() }
        }
        _ => Actual::default(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

    use std::collections::HashMap;

    use super::*;

    fn ids(list: &[&str]) -> BTreeSet<String> {
        list.iter().map(ToString::to_string).collect()
    }

    fn live(age: i32, exclusions: Vec<AnalysisRuleCriteria>) -> Actual {
        let rule = AnalysisRule::builder().set_exclusions(Some(exclusions)).build();
        let unused = UnusedAccessConfiguration::builder().unused_access_age(age).analysis_rule(rule).build();
        from_live(Some(AnalyzerConfiguration::UnusedAccess(unused)))
    }

    fn by_tag() -> AnalysisRuleCriteria {
        let tags = HashMap::from([("team".to_string(), "red".to_string())]);
        AnalysisRuleCriteria::builder().resource_tags(tags).build()
    }

    #[test]
    fn what_is_not_declared_is_sent_back() {
        let by_account = AnalysisRuleCriteria::builder().account_ids("1").build();
        let have = live(30, vec![by_account, by_tag()]);
        let keeps = Configuration::Unused { age_days: 90, excluded_accounts: None };
        let Some(AnalyzerConfiguration::UnusedAccess(sent)) = keeps.merged_into(&have) else { panic!() };
        assert_eq!(sent.unused_access_age, Some(90));
        let exclusions = sent.analysis_rule.unwrap().exclusions.unwrap();
        assert_eq!(exclusions.len(), 2);
        assert_eq!(exclusions[0].account_ids, Some(vec!["1".to_string()]));

        let replaces = Configuration::Unused { age_days: 30, excluded_accounts: Some(ids(&[])) };
        let Some(AnalyzerConfiguration::UnusedAccess(sent)) = replaces.merged_into(&have) else { panic!() };
        assert_eq!(sent.analysis_rule.unwrap().exclusions.unwrap(), [by_tag()]);
    }

    #[test]
    fn the_wanted_configuration_needs_no_call() {
        let wanted = Configuration::Unused { age_days: 90, excluded_accounts: Some(ids(&["1"])) };
        let have = live(90, vec![AnalysisRuleCriteria::builder().account_ids("1").build()]);
        assert_eq!(wanted.merged_into(&have), None);

        let buckets = Inclusion { resource_types: ids(&["AWS::S3::Bucket"]), ..Inclusion::default() };
        let internal = Configuration::Internal(buckets);
        let sent = internal.merged_into(&Actual::default());
        assert!(sent.is_some());
        assert_eq!(internal.merged_into(&from_live(sent)), None);
        assert_eq!(Configuration::None.merged_into(&have), None);
    }
}
