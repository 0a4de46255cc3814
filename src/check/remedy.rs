//! What to do about a row that fails: what the baseline declares and what it lacks for it. Whether `apply` would change the
//! place is for `plan` to say, which reads what a rule does not look at.

use serde_json::Value;

use super::Check;
use super::collect::Outcome;
use super::report::{ExceptionText, Row};
use crate::baseline::Place;
use crate::compliance::cis::{RULES, Rule};
use crate::controls;
use crate::metric_filter::shipped;

/// How a key of the section must be for a rule to hold.
enum Must {
    On,
    /// Declared, and neither empty nor zero.
    Set,
    Empty,
    Is(&'static [&'static str]),
    Within(f64, f64),
    /// All shipped filters, or the one of the rule.
    HaveFilter,
}

/// A key of the section, how it must be, and how one writes that.
type Asked = (&'static str, Must, &'static str);

/// What a rule asks of the section that fixes it, by `Rule::key`. A rule without a line is met by what the section does anyway.
const ASKED: &[(&str, &[Asked])] = &[
    ("1.5", &[("require_uppercase", Must::On, "require_uppercase = true")]),
    ("1.6", &[("require_lowercase", Must::On, "require_lowercase = true")]),
    ("1.7", &[("require_symbols", Must::On, "require_symbols = true")]),
    ("1.8", &[("require_numbers", Must::On, "require_numbers = true")]),
    ("1.9", &[("minimum_length", Must::Within(14.0, 128.0), "minimum_length = 14")]),
    ("1.10", &[("reuse_prevention", Must::Within(24.0, 24.0), "reuse_prevention = 24")]),
    ("1.11", &[("max_age_days", Must::Within(1.0, 90.0), "max_age_days = 90")]),
    ("1.12", ROOT_WITHOUT_CREDENTIALS),
    ("1.13", ROOT_WITHOUT_CREDENTIALS),
    ("1.14", ROOT_WITHOUT_CREDENTIALS),
    ("1.18", &[("security", Must::Set, "security")]),
    ("2.1", &[("management_events", Must::Is(&["all"]), "management_events = \"all\"")]),
    ("2.2", &[("log_file_validation", Must::On, "log_file_validation = true")]),
    ("2.4", &[("cloudwatch_logs", Must::On, "cloudwatch_logs = true")]),
    (
        "2.5",
        &[
            ("all_resource_types", Must::On, "all_resource_types = true"),
            ("exclude_resource_types", Must::Empty, "exclude_resource_types = []"),
        ],
    ),
    ("2.7", &[("kms", Must::On, "kms = true")]),
    ("2.9", &[("traffic_type", Must::Is(&["ALL", "REJECT"]), "traffic_type = \"ALL\"")]),
    ("4.3", &[("empty", Must::On, "empty = true")]),
    ("access-analyzer", &[("external_access", Must::On, "external_access = true")]),
    (
        "s3-bpa",
        &[
            ("block_public_acls", Must::On, "block_public_acls = true"),
            ("ignore_public_acls", Must::On, "ignore_public_acls = true"),
            ("block_public_policy", Must::On, "block_public_policy = true"),
            ("restrict_public_buckets", Must::On, "restrict_public_buckets = true"),
        ],
    ),
    ("ebs-encryption", &[("enabled", Must::On, "enabled = true")]),
    ("s3-object-write-log", &[("s3_data_events", Must::On, "s3_data_events = true")]),
    ("s3-object-read-log", &[("s3_data_events", Must::On, "s3_data_events = true")]),
    (
        "org-central-root",
        &[
            ("credentials_management", Must::On, "credentials_management = true"),
            ("sessions", Must::On, "sessions = true"),
        ],
    ),
];

const ROOT_WITHOUT_CREDENTIALS: &[Asked] =
    &[("delete_member_root_credentials", Must::On, "delete_member_root_credentials = true")];

/// Of every rule about a metric filter and its alarm.
const ALARM: &[Asked] = &[("set", Must::HaveFilter, "set = \"cis\""), ("notify", Must::Set, "notify")];

/// Rules of which the section reaches nothing that fails now: it is about what is made later.
const ONLY_LATER: [&str; 1] = ["imdsv2"];

/// What to do about a row, and whether the baseline declares for its place all that the rule asks for. Absent where no section
/// has to do with the rule.
pub(super) fn advice(check: &Check, outcome: &Outcome, row: &Row) -> Option<(String, bool)> {
    let control = row.fix_control.as_ref()?;
    let expired = row.exception.as_ref().filter(|exception| exception.expired);
    let declared = declared(check, outcome, control);
    Some((declared.remedy(check, outcome.rule, control, expired), declared == Declared::All))
}

/// How much of what a rule asks for the baseline declares for a place.
#[derive(Debug, PartialEq, Eq)]
enum Declared {
    /// All of it.
    All,
    /// The section, without these keys.
    Without(Vec<&'static str>),
    /// Not the section, which would need these keys.
    Nothing(Vec<&'static str>),
    /// The section does not reach what fails.
    OutOfReach,
}

impl Declared {
    fn remedy(&self, check: &Check, rule: &Rule, control: &str, expired: Option<&ExceptionText>) -> String {
        let baseline = if check.has_baseline { "the baseline" } else { "a baseline" };
        match self {
            Declared::All => match expired.and_then(|e| e.expires.as_deref()) {
                None => format!(
                    "the baseline declares `[{control}]`: `orgbase plan` says whether apply would change this"
                ),
                Some(day) => format!(
                    "the baseline declares `[{control}]`, and the exception from it expired on {day}: give it a later day, or \
                     let `orgbase apply` correct this at a terminal (a scheduled run does not)"
                ),
            },
            Declared::Without(keys) => {
                format!("declare {} in `[{control}]` of {baseline}, then `orgbase apply`", named(keys))
            }
            Declared::Nothing(keys) if keys.is_empty() => {
                format!("declare `[{control}]` in {baseline}, then `orgbase apply`")
            }
            Declared::Nothing(keys) => {
                format!("declare `[{control}]` with {} in {baseline}, then `orgbase apply`", named(keys))
            }
            Declared::OutOfReach => {
                let reach = super::rows::fix_reach(rule);
                format!("by hand: `[{control}]` is about {reach}")
            }
        }
    }
}

fn named(keys: &[&str]) -> String {
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}

fn declared(check: &Check, outcome: &Outcome, control: &str) -> Declared {
    let rule = outcome.rule;
    if ONLY_LATER.contains(&rule.key.as_str()) || !makes_its_keys(check, outcome) {
        return Declared::OutOfReach;
    }
    let asked = asked(&rule.key);
    let Some(section) = section(check, outcome, control) else {
        return Declared::Nothing(asked.iter().map(|(_, _, text)| *text).collect());
    };
    let lacks = |(key, must, _): &&Asked| !is_met(must, section.get(key).unwrap_or(&Value::Null), rule);
    let lacking: Vec<&str> = asked.iter().filter(lacks).map(|(_, _, text)| *text).collect();
    if lacking.is_empty() { Declared::All } else { Declared::Without(lacking) }
}

fn asked(rule: &str) -> &'static [Asked] {
    if filter_of(rule).is_some() {
        return ALARM;
    }
    ASKED.iter().find(|(key, _)| *key == rule).map_or(&[], |(_, asked)| asked)
}

/// The section as it holds in the place, with its defaults, as JSON.
fn section(check: &Check, outcome: &Outcome, control: &str) -> Option<Value> {
    let account = &outcome.account;
    let place = Place { key: check.baseline.account_key(account), id: &account.id, ou: &account.ou };
    let home = &check.baseline.organization.home_region;
    let region = if outcome.region.is_empty() { home } else { &outcome.region };
    let bound = check.baseline.section_in(control, &place, region).ok().flatten()?;
    Some(controls::section(control)?.to_json(bound.value.as_ref()))
}

/// Of keys that rotate, orgbase makes only the log archive's, in its account and the home region.
fn makes_its_keys(check: &Check, outcome: &Outcome) -> bool {
    if outcome.rule.key != "2.8" {
        return true;
    }
    let archive = section(check, outcome, "log_archive");
    let key = archive.as_ref().and_then(|archive| archive.get("account")).and_then(Value::as_str);
    let account = key.and_then(|key| check.baseline.account_id(key, &check.facts));
    account.as_ref() == Some(&outcome.account.id) && outcome.region == check.baseline.organization.home_region
}

fn is_met(must: &Must, value: &Value, rule: &Rule) -> bool {
    match must {
        Must::On => value == true,
        Must::Set => !is_empty(value),
        Must::Empty => is_empty(value),
        Must::Is(words) => value.as_str().is_some_and(|word| words.contains(&word)),
        Must::Within(least, most) => value.as_f64().is_some_and(|n| (*least..=*most).contains(&n)),
        Must::HaveFilter => match value {
            Value::Array(keys) => keys.iter().any(|key| key.as_str() == filter_of(&rule.key)),
            all => all == "cis",
        },
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.values().all(Value::is_null),
        _ => false,
    }
}

/// Key of the shipped filter that a rule asks for.
fn filter_of(rule: &str) -> Option<&'static str> {
    let rule = RULES.iter().find(|known| known.key == rule)?;
    let meets = |filter: &&shipped::Filter| {
        filter.cis.iter().any(|(version, number)| rule.numbers(version).contains(number))
    };
    shipped::all().iter().find(meets).map(|filter| filter.key)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::check::rows::fix_control;

    #[test]
    fn every_key_that_a_rule_asks_for_is_one_of_the_section_that_fixes_it() {
        let mut generator = schemars::SchemaGenerator::default();
        for rule in RULES.iter() {
            let asked = asked(&rule.key);
            let Some(control) = fix_control(rule) else {
                assert!(asked.is_empty(), "{}", rule.key);
                continue;
            };
            let schema = controls::section(&control).unwrap().schema(&mut generator).to_value();
            let name = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next());
            let schema = name.map_or(schema.clone(), |name| generator.definitions()[name].clone());
            for (key, _, text) in asked {
                assert!(schema["properties"][key].is_object(), "{} {control}.{key}", rule.key);
                assert!(text.starts_with(key), "{text}");
            }
        }
        for (key, _) in ASKED {
            assert!(RULES.iter().any(|rule| rule.key == *key), "{key}");
        }
    }

    #[test]
    fn every_monitoring_rule_has_its_shipped_filter() {
        for key in (1..=14).map(|n| format!("3.{n}")).chain(["organizations-alarm".into()]) {
            assert!(filter_of(&key).is_some(), "{key}");
        }
        assert_eq!(filter_of("3.3"), Some("root-usage"));
        assert_eq!(filter_of("1.9"), None);
    }

    #[test]
    fn a_value_meets_what_a_rule_asks_for_or_not() {
        let rule = |key: &str| RULES.iter().find(|rule| rule.key == key).unwrap();
        let met = |key: &str, value: Value| is_met(&asked(key)[0].1, &value, rule(key));
        assert!(met("1.9", 14.into()) && !met("1.9", 13.into()) && !met("1.9", Value::Null));
        assert!(met("1.11", 90.into()) && !met("1.11", 0.into()));
        assert!(met("2.7", true.into()) && !met("2.7", false.into()));
        assert!(met("2.9", "REJECT".into()) && !met("2.9", "ACCEPT".into()));
        assert!(met("3.3", "cis".into()) && met("3.3", serde_json::json!(["root-usage"])));
        assert!(!met("3.3", serde_json::json!(["vpc-changes"])));
    }
}
