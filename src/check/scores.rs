//! The score of every benchmark version, from the evidence of one run: versions differ in which rules they have, under
//! which numbers, and a few limits.

use std::collections::BTreeMap;

use super::Check;
use super::report::{Status, VersionScore};
use super::rows::{excepted, fix_control};
use super::rules::{self, Place, RuleCheck};
use super::source::Need;
use super::verdict::Verdict;
use crate::compliance::cis::{self, RULES, Rule, RuleScope, VERSIONS};
use crate::facts::Account;

/// Rules that are decided otherwise from some version on: its first version, for each.
const CHANGED: [(&str, &str); 5] =
    [("1.3", "1.4.0"), ("1.20", "1.4.0"), ("1.22", "1.4.0"), ("4.1", "1.5.0"), ("4.2", "1.5.0")];

/// A rule that counts in some version.
pub(super) struct Scored {
    rule: &'static Rule,
    check: &'static RuleCheck,
    /// The section of a baseline whose exceptions cover it.
    control: Option<String>,
    /// Its number in each version, by the order of `VERSIONS`.
    numbers: Vec<Vec<&'static str>>,
}

/// The rules of all versions that this run's evidence decides.
pub(super) fn scored(needs: &[Need]) -> Vec<Scored> {
    let read = |check: &RuleCheck| check.needs.iter().all(|need| needs.iter().any(|have| have.is(need)));
    let rules = RULES.iter().filter_map(|rule| Some((rule, rules::check_of(rule)?)));
    rules
        .filter(|(_, check)| read(check))
        .map(|(rule, check)| Scored {
            rule,
            check,
            control: fix_control(rule),
            numbers: VERSIONS.iter().map(|version| rule.numbers(version)).collect(),
        })
        .collect()
}

/// Rows that hold and that do not, of scored rules, by version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally(BTreeMap<&'static str, (usize, usize)>);

impl Tally {
    pub(super) fn add(&mut self, other: &Tally) {
        for (version, (pass, fail)) in &other.0 {
            let sum = self.0.entry(version).or_default();
            *sum = (sum.0 + pass, sum.1 + fail);
        }
    }

    /// The scores, oldest version first: of those whose rules were all decided.
    pub(super) fn scores(&self, rules: &[Scored]) -> Vec<VersionScore> {
        let all = |n: usize, version: &str| {
            let wanted = RULES.iter().filter(|rule| !rule.numbers(version).is_empty()).count();
            rules.iter().filter(|rule| rule.numbers.get(n).is_some_and(|own| !own.is_empty())).count()
                == wanted
        };
        let complete = VERSIONS.iter().enumerate().filter(|(n, version)| all(*n, version));
        complete
            .map(|(_, version)| {
                let (pass, fail) = self.0.get(version).copied().unwrap_or_default();
                VersionScore {
                    version: (*version).to_string(),
                    pass,
                    fail,
                    score: super::report::share(pass, fail),
                }
            })
            .collect()
    }

    /// Counts one place (an account, a region of it, the organization) with the rules of its scope.
    pub(super) fn count<'a>(
        &mut self,
        check: &Check,
        rules: &[Scored],
        scope: RuleScope,
        place: impl Fn(&'static Rule, &'static str) -> Place<'a>,
    ) {
        let mut found: Vec<BTreeMap<&str, Status>> = vec![BTreeMap::new(); VERSIONS.len()];
        for one in rules.iter().filter(|one| one.rule.scope == scope && one.rule.scored) {
            let mut known: Option<(bool, Status)> = None;
            for ((version, numbers), found) in VERSIONS.iter().zip(&one.numbers).zip(&mut found) {
                if numbers.is_empty() {
                    continue;
                }
                let changed = CHANGED.iter().find(|(key, _)| *key == one.rule.key);
                let later = changed.is_some_and(|(_, since)| cis::order(version) >= cis::order(since));
                let status = match known {
                    Some((era, known)) if era == later => known,
                    _ => status(check, one, &place(one.rule, version)),
                };
                known = Some((later, status));
                for number in numbers {
                    let worst = found.entry(number).or_insert(status);
                    *worst = worse(*worst, status);
                }
            }
        }
        for (version, found) in VERSIONS.iter().zip(found) {
            let sum = self.0.entry(version).or_default();
            sum.0 += found.values().filter(|status| **status == Status::Pass).count();
            sum.1 += found.values().filter(|status| **status == Status::Fail).count();
        }
    }
}

fn status(check: &Check, one: &Scored, place: &Place<'_>) -> Status {
    match rules::decide(one.check, place) {
        Err(_) => Status::Error,
        Ok(Verdict::Manual(_)) => Status::Manual,
        Ok(Verdict::NotApplicable(_)) => Status::NotApplicable,
        Ok(Verdict::Decided(decided)) if decided.failed() == 0 => Status::Pass,
        Ok(Verdict::Decided(_)) => {
            let control = one.control.as_deref();
            if control.is_some_and(|control| is_excepted(check, control, place.account, place.region)) {
                Status::Pass
            } else {
                Status::Fail
            }
        }
    }
}

fn is_excepted(check: &Check, control: &str, account: &Account, region: &str) -> bool {
    excepted(check, control, account, region).is_some_and(|exception| !exception.expired)
}

/// What entries that share a number come to: as in the rows.
fn worse(a: Status, b: Status) -> Status {
    let rank = |status: &Status| match status {
        Status::Error => 0,
        Status::Fail => 1,
        Status::Pass => 2,
        Status::Manual => 3,
        Status::NotApplicable => 4,
    };
    if rank(&a) <= rank(&b) { a } else { b }
}
