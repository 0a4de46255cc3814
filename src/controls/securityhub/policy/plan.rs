//! What differs between a declared policy and the one that is there.

use aws_sdk_securityhub::types::ConfigurationPolicyAssociationStatus as Status;
use serde_json::{Value, json};

use super::Desired;
use super::live::{Actual, Applied, FailedAccount};
use crate::control::{Diff, Risk};
use crate::facts::is_under;

/// Most accounts or targets that a notice names.
const MOST_NAMED: usize = 5;
/// What a target shows once the policy is applied to it.
const ASSOCIATED: &str = "associated";

/// How a declared target stands.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    /// The policy is applied.
    Done,
    /// AWS is still applying it.
    Pending,
    /// It is to be applied; what is there instead.
    Missing(Value),
    /// Another one's policy is applied: its name.
    Foreign(String),
}

fn standing(want: &Desired, have: &Actual, target: &str) -> Standing {
    let Some(applied) = have.applied.get(target) else { return Standing::Missing(Value::Null) };
    if have.is_ours(applied) {
        return if applied.status == Status::Pending.as_str() {
            Standing::Pending
        } else if applied.status == Status::Failed.as_str() && is_worth_another_try(have, target) {
            Standing::Missing(json!("FAILED"))
        } else {
            Standing::Done
        };
    }
    match &applied.name {
        None => Standing::Missing(json!("self-managed")),
        Some(name) if want.ours.contains(name) => Standing::Missing(json!(name)),
        Some(name) => Standing::Foreign(name.clone()),
    }
}

/// Accounts at or under a target in which the policy failed.
fn failed_under<'h>(have: &'h Actual, target: &'h str) -> impl Iterator<Item = &'h FailedAccount> {
    have.failed.iter().filter(move |failed| failed.id == target || is_under(&failed.ou, target))
}

/// Whether starting a failed association again may help: not where it fails only in accounts that cannot be reached. Where no
/// account fails any more, the target's status is old: AWS sets it anew only when it is started again.
fn is_worth_another_try(have: &Actual, target: &str) -> bool {
    let mut failed = failed_under(have, target).peekable();
    failed.peek().is_none() || failed.any(|account| account.active)
}

/// Targets with which the policy is to be associated.
pub(super) fn to_associate<'w>(want: &'w Desired, have: &Actual) -> Vec<&'w String> {
    let missing = |target: &&String| matches!(standing(want, have, target), Standing::Missing(_));
    want.targets.iter().filter(missing).collect()
}

/// Targets from which the policy is to be taken: applied, and declared for no policy.
pub(super) fn to_disassociate<'h>(want: &Desired, have: &'h Actual) -> Vec<&'h Applied> {
    extra(want, have).map(|(_, applied)| applied).collect()
}

fn extra<'h>(want: &Desired, have: &'h Actual) -> impl Iterator<Item = (&'h String, &'h Applied)> {
    let declared = |target: &String| want.targets.contains(target) || want.elsewhere.contains(target);
    have.applied.iter().filter(move |(target, applied)| have.is_ours(applied) && !declared(target))
}

/// The differences.
pub(super) fn diff(want: &Desired, have: &Actual) -> Diff {
    let mut d = Diff::new();
    if want.removed {
        if have.found.is_some() {
            d.delete("", &want.name, Risk::Destructive);
        }
        return d;
    }
    match &have.found {
        None if want.targets.is_empty() => return d,
        None => d.create(if want.content.enabled { "standards" } else { "" }, wanted_content(want)),
        Some(found) => compare_content(&mut d, want, &found.content),
    }
    compare_targets(&mut d, want, have);
    tell_of_others(&mut d, want, have);
    d
}

fn wanted_content(want: &Desired) -> Value {
    if want.content.enabled { json!(want.content.standards) } else { json!("Security Hub off") }
}

fn compare_content(d: &mut Diff, want: &Desired, have: &super::Content) {
    let want = &want.content;
    if want.enabled != have.enabled {
        let word = |on: bool| json!(if on { "Security Hub on" } else { "Security Hub off" });
        let risk = if want.enabled { Risk::Normal } else { Risk::Destructive };
        d.push("", word(have.enabled), word(want.enabled), risk);
    }
    if want.enabled {
        let lost = have.standards.difference(&want.standards).next().is_some();
        let risk = if lost { Risk::Disruptive } else { Risk::Normal };
        d.risky("standards", &have.standards, Some(&want.standards), risk);
    }
    let (on, off) = (want.enabled_controls.as_ref(), want.disabled_controls.as_ref());
    d.optional("enabled_controls", have.enabled_controls.as_ref(), on, Risk::Normal);
    d.optional("disabled_controls", have.disabled_controls.as_ref(), off, Risk::Normal);
    let parameters = have.parameters.clone().unwrap_or_default();
    d.field("parameters", &parameters, want.parameters.as_ref());
}

fn compare_targets(d: &mut Diff, want: &Desired, have: &Actual) {
    let key = want.key();
    let mut pending = Vec::new();
    for target in &want.targets {
        match standing(want, have, target) {
            Standing::Done => {}
            Standing::Pending => pending.push(target.as_str()),
            Standing::Missing(before) => {
                let risk = if have.switched_off.is_empty() { Risk::Normal } else { Risk::Destructive };
                d.push(&format!("{key}.{target}"), before, json!(ASSOCIATED), risk);
            }
            Standing::Foreign(name) => {
                d.push(&format!("{key}.{target}"), json!(name), json!(ASSOCIATED), Risk::Disruptive);
                d.by_hand = Some(format!(
                    "`{name}`, a policy of others, is associated with {target}: disassociate it (aws securityhub \
                     start-configuration-policy-disassociation), or take the target out"
                ));
            }
        }
    }
    for (target, _) in extra(want, have) {
        let risk = if want.content.enabled { Risk::Disruptive } else { Risk::Normal };
        d.delete(&format!("{key}.{target}"), ASSOCIATED, risk);
    }
    // What else there is to change need not wait for it.
    if d.is_empty() && !pending.is_empty() {
        d.pending = Some(format!("the association with {} is PENDING", pending.join(", ")));
    }
    if !have.switched_off.is_empty() {
        d.notice(format!("Security Hub is on, and what it found will be lost, in {}", shortened(&have.switched_off)));
    }
    tell_of_failures(d, want, have);
}

fn tell_of_failures(d: &mut Diff, want: &Desired, have: &Actual) {
    let reached = |failed: &&FailedAccount| want.targets.iter().any(|t| failed.id == *t || is_under(&failed.ou, t));
    let (active, gone): (Vec<_>, Vec<_>) = have.failed.iter().filter(reached).partition(|failed| failed.active);
    for failed in active.iter().take(MOST_NAMED) {
        d.notice(format!("the policy FAILED in {}: {}", failed.account, failed.message));
    }
    if active.len() > MOST_NAMED {
        d.notice(format!("the policy FAILED in {} further accounts", active.len() - MOST_NAMED));
    }
    if !gone.is_empty() {
        let names: Vec<String> = gone.iter().map(|failed| failed.account.clone()).collect();
        d.notice(format!("the policy cannot reach accounts that are not active: {}", shortened(&names)));
    }
}

/// What others applied elsewhere. Told once, beside the section's own policy.
fn tell_of_others(d: &mut Diff, want: &Desired, have: &Actual) {
    let is_default = want.content.enabled && want.ours.iter().all(|name| name.starts_with(&want.name));
    if !is_default {
        return;
    }
    let is_declared = |target: &String| want.targets.contains(target) || want.elsewhere.contains(target);
    for (target, applied) in have.applied.iter().filter(|(target, _)| !is_declared(target)) {
        match &applied.name {
            None => d.notice(format!("{target} is self-managed")),
            Some(name) if want.ours.contains(name) => {}
            Some(name) => d.notice(format!("`{name}`, a policy of others, holds for {target}")),
        }
    }
}

fn shortened(names: &[String]) -> String {
    let text = names.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(MOST_NAMED) {
        None | Some(0) => text,
        Some(more) => format!("{text} and {more} more"),
    }
}
