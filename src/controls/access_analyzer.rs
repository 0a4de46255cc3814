//! IAM Access Analyzer: who from outside can reach resources, who inside can, and what nobody uses.
//!
//! * External access is looked at per region, so there is one organization analyzer in each. Unused access is about IAM,
//!   whose findings are the same in every region, and is billed per analyzer: its analyzer is in the home region alone.
//!   <https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-create-unused.html>
//! * An analyzer's name and type are fixed. An account has one analyzer of each type per region, an organization five
//!   (one for internal access): one that is there is adopted under its own name.
//!   <https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-quotas.html>
//! * `ListAnalyzers` leaves configurations out; `UpdateAnalyzer` replaces them, so what is not declared is sent back.

mod account;
mod analyzer;
mod filter;
mod organization;
mod role;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use filter::{AnalyzerKind, ArchiveRule, Criterion};

use crate::baseline::Baseline;
use crate::control::{DynControl, Import, ImportCx, Overridable, Reference, Section, SectionMeta, Shape, control};
use crate::controls::delegated_admins::DelegatedAdmins;
use crate::diag::Findings;
use crate::resource::declared;

/// Access Analyzer's service principal.
const SERVICE: &str = "access-analyzer.amazonaws.com";

/// IAM Access Analyzer, for the organization and in its accounts.
///
/// Nothing is taken away because a key is left out; archive rules are deleted through `[[removed]]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessAnalyzer {
    /// One organization analyzer for external access in every region of the delegated administrator. `false`: not
    /// managed.
    #[serde(default = "on")]
    pub external_access: bool,
    /// One analyzer for external access in every account and region as well, with the account as its zone of trust:
    /// also access from other accounts of the organization is a finding there. `false`: not managed.
    #[serde(default)]
    pub account_analyzers: bool,
    /// An organization analyzer for unused access in the home region: roles, users, keys and permissions that nobody
    /// used for this many days. Billed per IAM role and user and month.
    #[schemars(range(min = 1, max = 365), extend("x-unit" = "days"))]
    pub unused_access_age_days: Option<i32>,
    /// Accounts that the analyzer for unused access leaves out, by key. Where the list is left out, it is not managed.
    pub unused_access_excluded_accounts: Option<Vec<String>>,
    /// An organization analyzer for access from inside the organization to chosen resources, in every region. Billed
    /// per resource and month.
    pub internal_access: Option<InternalAccess>,
    /// Rules that archive findings which are as they should be. Rules of other names are left alone.
    #[serde(default)]
    pub archive_rules: Vec<ArchiveRule>,
}

/// Which resources the analyzer for internal access looks at: those that fit all of the keys given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct InternalAccess {
    /// Types, such as `AWS::S3::Bucket` or `AWS::DynamoDB::Table`.
    pub resource_types: Vec<String>,
    /// ARNs.
    pub resource_arns: Vec<String>,
    /// Accounts that own the resources, by key.
    pub accounts: Vec<String>,
}

fn on() -> bool {
    true
}

impl Section for AccessAnalyzer {
    const META: SectionMeta = SectionMeta {
        id: "access_analyzer",
        title: "IAM Access Analyzer",
        summary: "Analyzers of the organization, in the account of the delegated administrator: for access from \
                  outside, in every region; on request for access that nobody uses and for access from inside; and an \
                  analyzer of its own in every account and region. Archive rules are kept by name. The findings are \
                  events in the account that has the analyzer. An analyzer that is there under another name is \
                  adopted.",
        shape: Shape::Table,
        references: &[
            Reference::cis("1.4.0", "1.20"),
            Reference::cis("1.5.0", "1.20"),
            Reference::cis("2.0.0", "1.20"),
            Reference::cis("3.0.0", "1.20"),
            Reference::cis("4.0.1", "1.20"),
            Reference::cis("5.0.0", "1.19"),
            Reference::cis("6.0.0", "2.19"),
            Reference::cis("7.0.0", "2.18"),
            Reference::row("STX-023"),
            Reference::row("STX-024").partly("rules that send the events on"),
            Reference::row("STX-025"),
            Reference::row("QST-012").partly("the analyzer for unused access; policies themselves"),
            Reference::row("RDM-012").partly("Access Analyzer; GuardDuty and alerts are sections of their own"),
            Reference::row("RDM-047").partly("finds unused roles; deleting them"),
            Reference::row("RDM-060").partly("finds public buckets; instances"),
            Reference::row("RDM-062").partly("the resource types that Access Analyzer knows"),
        ],
        billed: Some(
            "unused access per IAM role and user and month, internal access per resource and month; external access is \
             free",
        ),
    };

    fn check(&self, baseline: &Baseline, findings: &mut Findings<'_>) {
        self.check_administrator(baseline, findings);
        findings.range("unused_access_age_days", self.unused_access_age_days, 1..=365);
        if let Some(accounts) = &self.unused_access_excluded_accounts {
            if self.unused_access_age_days.is_none() {
                findings.hint(
                    "unused_access_excluded_accounts",
                    "accounts are left out of an analyzer that is not declared",
                    "declare `unused_access_age_days` as well",
                );
            }
            check_accounts("unused_access_excluded_accounts", accounts, baseline, findings);
        }
        if let Some(internal) = &self.internal_access {
            internal.check(baseline, findings);
        }
        self.check_rules(baseline, findings);
    }

    /// As the shipped baseline has it, with an analyzer of internal access and without archive rules: which of these are
    /// somebody else's nobody knows.
    fn import(cx: &ImportCx<'_>) -> Import<AccessAnalyzer> {
        let Some(shipped) = cx.shipped::<AccessAnalyzer>() else { return Import::Never("no shipped baseline has it") };
        let resource_types = vec!["AWS::S3::Bucket".into()];
        let internal = InternalAccess { resource_types, ..InternalAccess::default() };
        Import::Guess(AccessAnalyzer { internal_access: Some(internal), archive_rules: Vec::new(), ..shipped })
    }

    const TAKES_REMOVED: bool = true;

    fn overridable(_base: Option<&AccessAnalyzer>) -> Option<Overridable> {
        let keys = &["account_analyzers", "archive_rules"];
        Some(Overridable { keys, instead: "declare it in `[access_analyzer]` itself" })
    }

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![
            control::<role::ServiceLinkedRole>(),
            control::<organization::OrganizationAnalyzer>(),
            control::<account::AccountAnalyzer>(),
        ]
    }
}

impl AccessAnalyzer {
    /// Whether the section has this kind of analyzer.
    fn has(&self, kind: AnalyzerKind) -> bool {
        match kind {
            AnalyzerKind::ExternalAccess => self.external_access,
            AnalyzerKind::UnusedAccess => self.unused_access_age_days.is_some(),
            AnalyzerKind::InternalAccess => self.internal_access.is_some(),
            AnalyzerKind::Account => self.account_analyzers,
        }
    }

    /// Whether it has an analyzer of the organization.
    fn has_organization_analyzer(&self) -> bool {
        use AnalyzerKind::{ExternalAccess, InternalAccess, UnusedAccess};
        [ExternalAccess, UnusedAccess, InternalAccess].into_iter().any(|kind| self.has(kind))
    }

    fn check_administrator(&self, baseline: &Baseline, findings: &mut Findings<'_>) {
        let admin = declared::<DelegatedAdmins>(baseline).and_then(|admins| admins.access_analyzer);
        if self.has_organization_analyzer() && admin.is_none() {
            findings.hint(
                "",
                "analyzers of the organization belong into the account of a delegated administrator",
                "declare `access_analyzer` in `[delegated_admins]`, or set `external_access = false`",
            );
        }
        let owners = admin.map(|admins| admins.0).unwrap_or_default();
        let excluded = self.unused_access_excluded_accounts.as_deref().unwrap_or_default();
        if let Some(at) = excluded.iter().position(|key| owners.contains(key)) {
            findings.at(
                &format!("unused_access_excluded_accounts[{at}]"),
                "AWS does not let the administrator's own account be left out",
            );
        }
    }

    fn check_rules(&self, baseline: &Baseline, findings: &mut Findings<'_>) {
        let mut names = BTreeSet::new();
        for (at, rule) in self.archive_rules.iter().enumerate() {
            let path = |key: &str| format!("archive_rules[{at}].{key}");
            if !names.insert((rule.analyzer, &rule.name)) {
                findings.at(&path("name"), format!("two rules of this analyzer are called `{}`", rule.name));
            }
            if !self.has(rule.analyzer) {
                let message = format!("the section has no analyzer `{}`", rule.analyzer.name());
                findings.hint(&path("analyzer"), message, rule.analyzer.declared_by());
            }
            rule.check(&path("filter"), findings);
        }
        for removed in baseline.removed.iter().filter(|r| r.control == Self::META.id) {
            let (name, place) = (&removed.name, &removed.declared_at);
            if let Some(at) = self.archive_rules.iter().position(|rule| rule.name == *name) {
                let message = format!("`{name}` is declared here and removed by `[[removed]]` at {place}");
                findings.at(&format!("archive_rules[{at}].name"), message);
            }
        }
    }
}

impl InternalAccess {
    fn check(&self, baseline: &Baseline, findings: &mut Findings<'_>) {
        check_accounts("internal_access.accounts", &self.accounts, baseline, findings);
        if self.resource_types.is_empty() && self.resource_arns.is_empty() && self.accounts.is_empty() {
            findings.hint(
                "internal_access",
                "an analyzer for internal access looks at nothing without a choice of resources",
                "for example: resource_types = [\"AWS::S3::Bucket\"]",
            );
        }
    }
}

fn check_accounts(path: &str, accounts: &[String], baseline: &Baseline, findings: &mut Findings<'_>) {
    for (at, key) in accounts.iter().enumerate() {
        findings.account(&format!("{path}[{at}]"), key, baseline);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::control::{Control, DesiredCx, Wanted};
    use crate::facts::{Account, Facts};

    const HEAD: &str = "version = 1\n[organization]\nhome_region = \"eu-west-1\"\n\
        regions = [\"eu-west-1\", \"us-east-1\"]\n\
        [accounts.security]\nname = \"Security\"\nemail = \"aws+security@example.com\"\nou = \"/\"\n\
        [accounts.sandbox]\nname = \"Sandbox\"\nemail = \"aws+sandbox@example.com\"\nou = \"/\"\n";
    pub(super) const ADMIN: &str = "[delegated_admins]\naccess_analyzer = \"security\"\n";

    fn parse(text: &str) -> Baseline {
        Baseline::parse("t.toml", &format!("{HEAD}{text}")).unwrap()
    }

    fn refused(text: &str) -> String {
        Baseline::parse("t.toml", &format!("{HEAD}{text}")).unwrap_err().render(false)
    }

    /// What a control of the section wants in one region of the administrator's account.
    pub(super) fn desired<C>(text: &str, region: &str) -> Vec<Wanted<C::Desired>>
    where
        C: Control<Section = AccessAnalyzer>,
    {
        let baseline = parse(text);
        let section = declared::<AccessAnalyzer>(&baseline).unwrap();
        let account = |id: &str, email: &str| {
            let account =
                Account { id: id.into(), email: email.into(), state: "ACTIVE".into(), ..Account::default() };
            (id.to_string(), account)
        };
        let accounts =
            [account("333333333333", "aws+security@example.com"), account("444444444444", "aws+sandbox@example.com")];
        let facts = Facts { accounts: accounts.into(), ..Facts::default() };
        let account = &facts.accounts["333333333333"];
        C::desired(&DesiredCx { section: &section, account, region, facts: &facts, baseline: &baseline })
    }

    #[test]
    fn organization_analyzers_need_an_administrator() {
        assert!(refused("[access_analyzer]\n").contains("delegated administrator"));
        parse(&format!("{ADMIN}[access_analyzer]\n"));
        parse("[access_analyzer]\nexternal_access = false\naccount_analyzers = true\n");
    }

    #[test]
    fn the_administrator_cannot_be_left_out_and_accounts_must_be_declared() {
        let keys = "unused_access_age_days = 90\nunused_access_excluded_accounts = [\"security\", \"nobody\"]\n";
        let text = refused(&format!("{ADMIN}[access_analyzer]\n{keys}"));
        assert!(text.contains("administrator's own account") && text.contains("`nobody`"), "{text}");
    }

    #[test]
    fn rules_belong_to_a_declared_analyzer_and_have_a_condition() {
        let rule = |analyzer: &str, filter: &str| {
            format!(
                "{ADMIN}[access_analyzer]\n[[access_analyzer.archive_rules]]\nname = \"r\"\nanalyzer = \
                 \"{analyzer}\"\nfilter = {filter}\n"
            )
        };
        parse(&rule("external_access", "{ isPublic = { eq = [\"false\"] } }"));
        assert!(refused(&rule("unused_access", "{ isPublic = { eq = [\"false\"] } }")).contains("no analyzer"));
        assert!(refused(&rule("external_access", "{ isPublic = {} }")).contains("condition"));
        assert!(refused(&rule("external_access", "{}")).contains("every finding"));
        let both = format!(
            "{}[[removed]]\ncontrol = \"access_analyzer\"\nname = \"r\"\n",
            rule("external_access", "{ isPublic = { exists = true } }")
        );
        assert!(refused(&both).contains("removed by `[[removed]]`"));
    }

    #[test]
    fn internal_access_needs_a_choice() {
        let text = refused(&format!("{ADMIN}[access_analyzer]\n[access_analyzer.internal_access]\n"));
        assert!(text.contains("looks at nothing"), "{text}");
    }
}
