//! From verdicts to rows: numbers of the benchmark version, exceptions of the baseline, what would fix what.

use std::collections::BTreeMap;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Check;
use super::collect::{Outcome, Outcomes};
use super::remedy;
use super::report::{
    BaselineException, CheckReport, ExceptionText, FORMAT_VERSION, Row, RuleText, Status, Summary,
};
use super::source::Unread;
use super::verdict::{Decided, Verdict};
use crate::baseline::Exception;
use crate::compliance::cis::{self, RULES, Rule};
use crate::controls::SECTIONS;
use crate::facts::Account;

/// What a section that reaches members only says that it does not cover.
const MANAGEMENT: &str = "the management account's root user";

/// Most affected entities that a row names.
const MOST_AFFECTED: usize = 200;

/// One row before its texts: all entries of one number in one place.
struct Merged<'a> {
    first: &'a Outcome,
    verdict: Result<Verdict, Unread>,
}

/// The report of a run.
pub(super) fn report(check: &Check, outcomes: Outcomes) -> CheckReport {
    let Outcomes { list, mut skipped, versions } = outcomes;
    skipped.sort_by(|a, b| (&a.account_name, &a.account_id).cmp(&(&b.account_name, &b.account_id)));
    let rules = rule_texts(check.version);
    let texts: BTreeMap<&str, &RuleText> = rules.iter().map(|rule| (rule.rule.as_str(), rule)).collect();
    let mut rows: Vec<Row> = merge(check.version, &list)
        .into_iter()
        .filter_map(|(number, merged)| Some(row(check, texts.get(number.as_str())?, &merged)))
        .collect();
    rows.sort_by(|a, b| {
        let key =
            |r: &Row| (cis::order(&r.rule), r.account_name.clone(), r.account_id.clone(), r.region.clone());
        key(a).cmp(&key(b))
    });
    CheckReport {
        format_version: FORMAT_VERSION,
        tool_version: env!("CARGO_PKG_VERSION").to_string(),
        benchmark: "CIS Amazon Web Services Foundations Benchmark".to_string(),
        version: check.version.to_string(),
        generated_at: moment(check.now),
        organization_id: check.facts.organization_id.clone(),
        baseline: check.has_baseline.then(|| check.baseline.path().display().to_string()),
        summary: Summary { versions, ..Summary::of(&rows) },
        rules,
        exceptions: exceptions(check, &rows),
        rows,
        skipped,
        compared: None,
    }
}

/// RFC 3339, UTC, to the second.
fn moment(moment: OffsetDateTime) -> String {
    moment.replace_nanosecond(0).unwrap_or(moment).format(&Rfc3339).unwrap_or_default()
}

/// One entry per number, account and region: an entry of `cis.toml` with several numbers makes several, and entries that
/// share one make one, where an error wins, then a failure.
fn merge<'a>(version: &str, list: &'a [Outcome]) -> Vec<(String, Merged<'a>)> {
    let mut merged: BTreeMap<(String, &str, &str), Merged<'a>> = BTreeMap::new();
    for outcome in list {
        for number in outcome.rule.numbers(version) {
            let key = (number.to_string(), outcome.account.id.as_str(), outcome.region.as_str());
            let verdict = outcome.verdict.clone();
            merged
                .entry(key)
                .and_modify(|m| {
                    m.verdict = match (m.verdict.clone(), verdict.clone()) {
                        (Ok(a), Ok(b)) => Ok(a.and(b)),
                        (Err(why), _) | (_, Err(why)) => Err(why),
                    }
                })
                .or_insert(Merged { first: outcome, verdict });
        }
    }
    merged.into_iter().map(|((number, _, _), merged)| (number, merged)).collect()
}

fn row(check: &Check, text: &RuleText, merged: &Merged<'_>) -> Row {
    let Outcome { account, region, .. } = merged.first;
    let mut by_hand = None;
    let mut row = Row {
        section: text.section.clone(),
        rule: text.rule.clone(),
        title: text.title.clone(),
        category: text.category.clone(),
        level: text.level,
        scored: text.scored,
        severity: text.severity.clone(),
        account_id: account.id.clone(),
        account_name: account.name.clone(),
        ou: account.ou.clone(),
        region: region.clone(),
        status: Status::Error,
        failed: 0,
        checked: 0,
        affected: Vec::new(),
        evidence: String::new(),
        met_by: None,
        fix_control: text.fix_control.clone().filter(|_| is_reached(check, account, text)),
        fixed_by_baseline: false,
        remedy: None,
        exception: None,
        updated_at: moment(merged.first.at),
    };
    match &merged.verdict {
        Err(why) => row.evidence = why.to_string(),
        Ok(Verdict::Manual(what)) => (row.status, row.evidence) = (Status::Manual, what.clone()),
        Ok(Verdict::NotApplicable(why)) => (row.status, row.evidence) = (Status::NotApplicable, why.clone()),
        Ok(Verdict::Decided(decided)) => {
            row.failed = decided.failed();
            row.checked = decided.items.len();
            row.affected = decided.affected().into_iter().take(MOST_AFFECTED).collect();
            row.evidence = decided.evidence();
            row.status = if row.failed == 0 { Status::Pass } else { Status::Fail };
            row.met_by = decided.met_by.clone().filter(|_| row.failed == 0);
            by_hand = decided.by_hand.as_deref();
            if row.failed == 0 && row.evidence.is_empty() {
                row.evidence = as_it_should_be(decided);
            }
        }
    }
    match row.status {
        Status::Fail => consult_baseline(check, merged.first, by_hand, &mut row),
        Status::Manual => row.remedy = remedy::advice(check, merged.first, &row).map(|(text, _)| text),
        Status::Pass | Status::NotApplicable | Status::Error => {}
    }
    row
}

/// What an auditor reads where nothing is wrong.
fn as_it_should_be(decided: &Decided) -> String {
    let mut items = decided.items.keys();
    match (items.next(), decided.items.len()) {
        (None, _) => "there is nothing that the rule is about".to_string(),
        (Some(item), 1) => format!("{}: as it should be", item.id),
        (Some(_), number) => format!("{number} looked at, all as they should be"),
    }
}

/// Whether the section that fixes a rule does so in this account: one reaches members only.
fn is_reached(check: &Check, account: &Account, text: &RuleText) -> bool {
    account.id != check.facts.management_account || text.fix_reach != format!("all but {MANAGEMENT}")
}

/// What the baseline says of a failed row: an exception that holds meets it; else what to do. `by_hand`: what only a person can
/// do.
fn consult_baseline(check: &Check, outcome: &Outcome, by_hand: Option<&str>, row: &mut Row) {
    row.exception =
        row.fix_control.as_ref().and_then(|control| excepted(check, control, &outcome.account, &row.region));
    match &row.exception {
        Some(exception) if !exception.expired => {
            let until = exception.expires.as_deref().map(|day| format!(" (until {day})")).unwrap_or_default();
            row.met_by = Some(format!("exception{until}: {}", exception.reason));
            row.status = Status::Pass;
        }
        _ if by_hand.is_some() => row.remedy = by_hand.map(ToString::to_string),
        _ => {
            let advice = remedy::advice(check, outcome, row);
            row.fixed_by_baseline = advice.as_ref().is_some_and(|(_, declared)| *declared);
            row.remedy = advice.map(|(text, _)| text);
        }
    }
}

/// The exception of the baseline that covers a section in a place; without a region, in the home region.
pub(super) fn excepted(
    check: &Check,
    control: &str,
    account: &Account,
    region: &str,
) -> Option<ExceptionText> {
    let region = if region.is_empty() { &check.baseline.organization.home_region } else { region };
    Some(text_of(check, check.baseline.exception(control, account, region)?))
}

fn text_of(check: &Check, exception: &Exception) -> ExceptionText {
    ExceptionText {
        reason: exception.reason.clone(),
        expires: exception.expires.map(|day| day.to_string()),
        expired: exception.days_left(check.now.date()).is_some_and(|days| days < 0),
    }
}

/// Every exception of the baseline, with the rules that it covers in these rows.
fn exceptions(check: &Check, rows: &[Row]) -> Vec<BaselineException> {
    let declared = check.baseline.exceptions.iter();
    declared
        .map(|exception| {
            let text = text_of(check, exception);
            let mut rules: Vec<String> = rows
                .iter()
                .filter(|row| {
                    row.fix_control.as_ref() == Some(&exception.control)
                        && row.exception.as_ref() == Some(&text)
                })
                .map(|row| row.rule.clone())
                .collect();
            rules.dedup();
            BaselineException {
                control: exception.control.clone(),
                accounts: exception.accounts.clone(),
                regions: exception.regions.clone().unwrap_or_default(),
                text,
                rules,
            }
        })
        .collect()
}

/// The texts of a version's rules, by number.
pub(super) fn rule_texts(version: &str) -> Vec<RuleText> {
    let mut texts: BTreeMap<Vec<u32>, RuleText> = BTreeMap::new();
    for rule in RULES.iter() {
        for number in rule.numbers(version) {
            let text = rule_text(version, number, rule);
            texts
                .entry(cis::order(number))
                .and_modify(|first| {
                    first.title = format!("{} {}", first.title, text.title);
                    first.decision = format!("{} {}", first.decision, text.decision);
                    if first.fix_control.is_none() {
                        first.fix_control.clone_from(&text.fix_control);
                        first.fix_reach.clone_from(&text.fix_reach);
                    }
                })
                .or_insert(text);
        }
    }
    texts.into_values().collect()
}

fn rule_text(version: &str, number: &str, rule: &Rule) -> RuleText {
    let section = cis::section(version, number);
    let category = if section == "Identity and Access Management" { "IAM" } else { section };
    RuleText {
        rule: number.to_string(),
        title: title(version, rule),
        section: section.to_string(),
        category: category.to_string(),
        level: rule.level(),
        scored: rule.scored,
        severity: rule.severity().to_string(),
        rationale: rule.rationale().to_string(),
        decision: rule.decision.clone(),
        remediation: remediation(rule),
        fix_reach: fix_reach(rule),
        fix_control: fix_control(rule),
    }
}

/// Version 1.4.0 halved the time after which a credential counts as unused.
fn title(version: &str, rule: &Rule) -> String {
    let halved = rule.key == "1.3" && cis::order(version) >= cis::order("1.4.0");
    if halved { rule.summary.replace("90 days", "45 days") } else { rule.summary.clone() }
}

fn remediation(rule: &Rule) -> String {
    let control = fix_control(rule).map(|c| format!("Declare `[{c}]` in the baseline and apply it."));
    let apis = (!rule.remediation_apis.is_empty())
        .then(|| format!("By hand: {}.", rule.remediation_apis.join(", ")));
    let note = (!rule.remediation_note.is_empty()).then(|| rule.remediation_note.clone());
    [control, note, apis].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// The section of a baseline that makes a rule hold: one that names it in some version, wholly before partly.
pub(super) fn fix_control(rule: &Rule) -> Option<String> {
    fixed_by(rule).map(|(control, _)| control.to_string())
}

/// `all but ...`: what of the rule that section does not cover; empty where it covers all of it.
pub(super) fn fix_reach(rule: &Rule) -> String {
    let missing = fixed_by(rule).map(|(_, missing)| missing).filter(|missing| !missing.is_empty());
    missing.map(|missing| format!("all but {missing}")).unwrap_or_default()
}

/// The same, with what of the rule it does not cover.
fn fixed_by(rule: &Rule) -> Option<(&'static str, &'static str)> {
    let names = |reference: &crate::control::Reference| {
        reference.framework == "cis" && rule.numbers(reference.version).contains(&reference.id)
    };
    let mut found: Vec<(&str, &str)> = SECTIONS
        .iter()
        .flat_map(|s| s.meta().references.iter().map(|r| (s.meta().id, r)))
        .filter(|(_, r)| names(r))
        .map(|(id, r)| (id, r.not_covered))
        .collect();
    found.sort_by_key(|(_, part)| !part.is_empty());
    found.first().copied()
}
