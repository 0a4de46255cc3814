//! The rules of the CIS AWS Foundations Benchmark: what is decided, by which reads, and their numbers per version.
//!
//! The texts are our own; benchmarks are (c) Center for Internet Security, and only their numbers are taken.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

/// Benchmark versions, oldest first.
pub const VERSIONS: [&str; 9] =
    ["1.2.0", "1.4.0", "1.5.0", "2.0.0", "3.0.0", "4.0.1", "5.0.0", "6.0.0", "7.0.0"];

/// How far an API can decide a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Automation {
    /// The decision is complete.
    Automated,
    /// A part, or a heuristic: a person looks at the rest.
    Partial,
    /// A person decides.
    Manual,
}

/// What one row of a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleScope {
    /// The organization.
    Org,
    /// One account.
    Account,
    /// One region of one account.
    AccountRegion,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Rule {
    /// Number in version 1.2.0, or the word that names a rule that came later.
    #[serde(alias = "id")]
    pub key: String,
    /// Title, in our own words.
    pub summary: String,
    /// Level of version 1.2.0.
    level: Option<u8>,
    /// Levels that later versions gave it.
    #[serde(default)]
    levels_seen: Vec<u8>,
    /// Version 1.2.0 counts it; later rules count.
    #[serde(default = "yes")]
    pub scored: bool,
    automated: Option<Automation>,
    /// What one row is about.
    pub scope: RuleScope,
    /// What one "checked" item is.
    #[serde(default)]
    pub unit: String,
    /// Operations that decide it, as `service:Operation`.
    pub reads: Vec<String>,
    /// The decision rule.
    pub decision: String,
    /// Edge cases of the decision.
    #[serde(default)]
    pub edge: String,
    /// `yes`, `opt-in`, `partial` or `no`: whether a control can converge it.
    pub remediable: String,
    /// Operations that would put it right.
    pub remediation_apis: Vec<String>,
    /// What to know about putting it right.
    #[serde(default)]
    pub remediation_note: String,
    /// Prowler's checks for it.
    pub prowler_checks: Vec<String>,
    /// Security Hub's controls for it.
    #[serde(default)]
    pub security_hub_controls: Vec<String>,
    /// Numbers by version, several separated by commas; empty where the version does not have it.
    crosswalk: BTreeMap<String, String>,
}

fn yes() -> bool {
    true
}

impl Rule {
    /// Its numbers in a benchmark version; empty where the version does not have it.
    pub fn numbers(&self, version: &str) -> Vec<&str> {
        if version == VERSIONS[0] && self.is_first() {
            return vec![&self.key];
        }
        let numbers = self.crosswalk.get(version).map(String::as_str).unwrap_or_default();
        numbers.split(',').map(str::trim).filter(|n| !n.is_empty()).collect()
    }

    /// It is one of the 49 rules of version 1.2.0.
    fn is_first(&self) -> bool {
        self.key.starts_with(|c: char| c.is_ascii_digit())
    }

    /// Profile level: 1 is for everybody, 2 for environments that need more.
    pub fn level(&self) -> u8 {
        self.level.or_else(|| self.levels_seen.iter().copied().min()).unwrap_or(1)
    }

    /// How bad it is where the rule does not hold, and why that is, in our own words.
    fn words(&self) -> (&'static str, &'static str) {
        let rows = include_str!("rationale.tsv").lines().filter_map(|line| line.split_once('\t'));
        let found = rows.filter(|(key, _)| *key == self.key).find_map(|(_, words)| words.split_once('\t'));
        found.unwrap_or(("medium", ""))
    }

    /// `critical`, `high`, `medium` or `low`: our own judgement, which the benchmark does not give.
    pub fn severity(&self) -> &'static str {
        self.words().0
    }

    /// Why it matters, in our own words.
    pub fn rationale(&self) -> &'static str {
        self.words().1
    }

    /// How far an API can decide it.
    pub fn automation(&self) -> Automation {
        let heuristic = || match self.decision.strip_prefix("MANUAL") {
            None => Automation::Automated,
            Some(rest) if rest.trim_matches('.').is_empty() => Automation::Manual,
            Some(_) => Automation::Partial,
        };
        self.automated.unwrap_or_else(heuristic)
    }
}

#[derive(Deserialize)]
struct File {
    rule: Vec<Rule>,
    later_rule: Vec<Rule>,
}

/// All rules: those of version 1.2.0 in its order, then those that came later.
pub static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let file = toml::from_str::<File>(include_str!("cis.toml"));
    debug_assert!(file.is_ok(), "cis.toml: {:?}", file.err());
    file.map(|f| [f.rule, f.later_rule].concat()).unwrap_or_default()
});

/// The filter patterns that meet a monitoring rule, as versions of the benchmark, Security Hub and we write them.
pub fn filter_patterns(key: &str) -> impl Iterator<Item = &'static str> {
    let rows = include_str!("filters.tsv").lines().filter_map(|line| line.split_once('\t'));
    rows.filter(move |(rule, _)| *rule == key).map(|(_, pattern)| pattern)
}

/// The version that a word such as `cis-1.2`, `1.2` or `1.2.0` means.
pub fn version(word: &str) -> Option<&'static str> {
    let word = word.strip_prefix("cis-").unwrap_or(word);
    let short = |v: &str| v.rsplit_once('.').is_some_and(|(short, _)| short == word);
    VERSIONS.into_iter().find(|v| *v == word || short(v))
}

/// Title of the section of a benchmark version that a rule number stands in, in our own words.
pub fn section(version: &str, number: &str) -> &'static str {
    const FIRST: [&str; 4] = ["Identity and Access Management", "Logging", "Monitoring", "Networking"];
    const LATER: [&str; 5] =
        ["Identity and Access Management", "Storage", "Logging", "Monitoring", "Networking"];
    let chapter = number.split('.').next().and_then(|n| n.parse::<usize>().ok()).unwrap_or_default();
    let titles: &[&str] = if version == VERSIONS[0] { &FIRST } else { &LATER };
    // Versions 6 and 7 begin with a chapter that has no rules of its own.
    let shift = if matches!(version, "6.0.0" | "7.0.0") { 2 } else { 1 };
    chapter.checked_sub(shift).and_then(|n| titles.get(n)).copied().unwrap_or("Other")
}

/// A rule number as a sort key: `1.10` stands after `1.9`.
pub fn order(number: &str) -> Vec<u32> {
    number.split('.').map(|part| part.parse().unwrap_or(u32::MAX)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_version_has_as_many_numbers_as_its_benchmark() {
        // `rules_per_version` of the file
        let expected = [49, 58, 63, 64, 62, 64, 63, 63, 70];
        for (version, count) in VERSIONS.into_iter().zip(expected) {
            let numbers: BTreeSet<&str> = RULES.iter().flat_map(|r| r.numbers(version)).collect();
            assert_eq!(numbers.len(), count, "{version}");
        }
    }

    #[test]
    fn every_monitoring_rule_has_patterns_that_can_be_read() {
        let rules = (1..=14).map(|n| format!("3.{n}")).chain(["organizations-alarm".to_string()]);
        for rule in rules {
            let patterns: Vec<&str> = filter_patterns(&rule).collect();
            assert!(!patterns.is_empty(), "{rule}");
            for pattern in patterns {
                assert!(crate::metric_filter::Pattern::parse(pattern).is_ok(), "{rule}: {pattern}");
            }
        }
    }

    #[test]
    fn every_rule_says_why() {
        for rule in RULES.iter() {
            assert!(!rule.rationale().is_empty(), "{}", rule.key);
            assert!(["critical", "high", "medium", "low"].contains(&rule.severity()), "{}", rule.key);
        }
    }

    #[test]
    fn words_name_versions() {
        assert_eq!(version("cis-1.2"), Some("1.2.0"));
        assert_eq!(version("cis-4.0"), Some("4.0.1"));
        assert_eq!(version("7.0.0"), Some("7.0.0"));
        assert_eq!(version("cis-8"), None);
    }

    #[test]
    fn every_number_stands_in_a_section() {
        for (rule, version) in RULES.iter().flat_map(|r| VERSIONS.map(|v| (r, v))) {
            for number in rule.numbers(version) {
                assert_ne!(section(version, number), "Other", "{version} {number}");
            }
        }
    }

    #[test]
    fn numbers_sort_as_numbers() {
        assert!(order("1.9") < order("1.10"));
    }

    #[test]
    fn what_a_person_decides_is_marked() {
        let of = |key: &str| RULES.iter().find(|r| r.key == key).map(Rule::automation);
        assert_eq!(of("vpc-endpoints"), Some(Automation::Manual));
        assert_eq!(of("org-guardrails"), Some(Automation::Partial));
        assert_eq!(of("imdsv2"), Some(Automation::Automated));
        assert_eq!(of("1.15"), Some(Automation::Manual));
    }
}
