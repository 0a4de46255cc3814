//! Statements that do nothing, whoever asks for what.

use super::{Warning, name, patterns};
use crate::policy::document::{Condition, Document, Effect, Element, Statement};
use crate::policy::evaluate::pattern_covers;
use crate::policy::operator::Test;

/// A warning where another statement of the same effect says all that this one says. Of two that say the same, it is about the
/// later one.
pub(super) fn covered(document: &Document, at: usize, named: &str) -> Option<Warning> {
    let statement = document.statements.get(at)?;
    let covering = document.statements.iter().enumerate().find(|(other_at, other)| {
        *other_at != at && covers(other, statement) && (*other_at < at || !covers(statement, other))
    });
    let (other, _) = covering?;
    let message = format!("{named} does nothing: all that it says, {} says too", name(document, other));
    Some(Warning::new("unreachable_statement", message))
}

/// Whether `wide` holds wherever `narrow` does.
fn covers(wide: &Statement, narrow: &Statement) -> bool {
    wide.effect == narrow.effect
        && wide.principal == narrow.principal
        && element_covers(&wide.action, &narrow.action, true)
        && match (&wide.resource, &narrow.resource) {
            (Some(wide), Some(narrow)) => element_covers(wide, narrow, false),
            (wide, narrow) => wide == narrow,
        }
        // Each condition narrows: what the wide one asks for, the narrow one must ask for as well.
        && wide.conditions.iter().all(|asked| narrow.conditions.iter().any(|other| same(asked, other)))
}

fn same(one: &Condition, other: &Condition) -> bool {
    let sorted = |values: &[String]| {
        let mut values = values.to_vec();
        values.sort();
        values
    };
    one.operator == other.operator
        && one.key.eq_ignore_ascii_case(&other.key)
        && sorted(&one.values) == sorted(&other.values)
}

/// Whether the first element takes in all of the second. `any_case`: letter case does not matter.
fn element_covers(wide: &Element<Vec<String>>, narrow: &Element<Vec<String>>, any_case: bool) -> bool {
    let fold = |element: &Element<Vec<String>>| -> Vec<String> {
        let fold = |text: &String| if any_case { text.to_ascii_lowercase() } else { text.clone() };
        patterns(element).iter().map(fold).collect()
    };
    let (of_wide, of_narrow) = (fold(wide), fold(narrow));
    let all_in = |inner: &[String], outer: &[String]| {
        inner.iter().all(|one| outer.iter().any(|other| pattern_covers(other, one)))
    };
    match (wide, narrow) {
        (Element::Is(_), Element::Is(_)) => all_in(&of_narrow, &of_wide),
        (Element::Is(_), Element::IsNot(_)) => of_wide.iter().any(|pattern| pattern == "*"),
        (Element::IsNot(_), Element::Is(_)) => {
            let apart = |one: &String, other: &String| !crate::policy::evaluate::patterns_meet(one, other);
            of_narrow.iter().all(|one| of_wide.iter().all(|other| apart(one, other)))
        }
        // What the wide one leaves out, the narrow one leaves out as well.
        (Element::IsNot(_), Element::IsNot(_)) => all_in(&of_wide, &of_narrow),
    }
}

/// A warning where two conditions of a statement cannot hold at once.
pub(super) fn contradiction(statement: &Statement, named: &str) -> Option<Warning> {
    let conditions = &statement.conditions;
    let pairs = conditions.iter().enumerate().flat_map(|(at, one)| {
        conditions
            .iter()
            .enumerate()
            .filter(move |(other_at, _)| *other_at != at)
            .map(move |(_, other)| (one, other))
    });
    let (one, other) = pairs.into_iter().find(|(one, other)| exclude(one, other))?;
    let effect = if statement.effect == Effect::Deny { "denies" } else { "allows" };
    let (first, second) = (one.operator, other.operator);
    let message = format!(
        "{named} {effect} nothing: its conditions {first} and {second} on {} cannot hold at once",
        one.key
    );
    Some(Warning::new("never_matches", message))
}

/// Whether the first condition, where it holds, keeps the second one from holding.
fn exclude(one: &Condition, other: &Condition) -> bool {
    let plain = |c: &Condition| {
        c.operator.quantifier.is_none()
            && !c.values.is_empty()
            && !c.values.iter().any(|value| value.contains("${"))
    };
    let needs_key =
        |c: &Condition| !c.operator.negated && !c.operator.if_exists && c.operator.test != Test::Null;
    if !one.key.eq_ignore_ascii_case(&other.key) || !plain(one) || !plain(other) || !needs_key(other) {
        return false;
    }
    let lower = |c: &Condition| -> Vec<String> { c.values.iter().map(|v| v.to_ascii_lowercase()).collect() };
    match (one.operator.test, other.operator.test, one.operator.negated) {
        (Test::Null, _, _) => lower(one) == ["true"],
        (Test::Bool, Test::Bool, false) if !one.operator.if_exists => apart(&lower(one), &lower(other)),
        (Test::StringEquals, Test::StringEquals, false) if !one.operator.if_exists => {
            apart(&one.values, &other.values)
        }
        (Test::StringEquals, Test::StringEquals, true) => {
            other.values.iter().all(|value| one.values.contains(value))
        }
        (Test::StringLike, Test::StringEquals | Test::StringLike, true) => {
            all(&other.values, |value| one.values.iter().any(|pattern| pattern_covers(pattern, value)))
        }
        (Test::ArnLike | Test::ArnEquals, Test::ArnLike | Test::ArnEquals, true) => {
            all(&other.values, |value| one.values.iter().any(|pattern| arn_covers(pattern, value)))
        }
        _ => false,
    }
}

fn all(values: &[String], holds: impl Fn(&String) -> bool) -> bool {
    values.iter().all(holds)
}

fn apart(one: &[String], other: &[String]) -> bool {
    !one.iter().any(|value| other.contains(value))
}

/// Part by part, as ARNs are compared.
fn arn_covers(pattern: &str, other: &str) -> bool {
    let (wide, narrow): (Vec<&str>, Vec<&str>) =
        (pattern.splitn(6, ':').collect(), other.splitn(6, ':').collect());
    wide.len() == narrow.len() && wide.iter().zip(&narrow).all(|(wide, narrow)| pattern_covers(wide, narrow))
}
