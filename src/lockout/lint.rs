//! What is odd about a declared policy in this organization. `policy::lint` looks at the document alone.

use std::collections::{BTreeMap, BTreeSet};

use super::allow::{Attached, attached, everything};
use super::{Case, MAX_ATTACHED, Planned, attachments};
use crate::controls::scps::MAX_SIZE;
use crate::facts::{Account, is_under};
use crate::policy::evaluate::{Caller, Request, may_hold, pattern_covers, patterns_meet};
use crate::policy::lint::{self, Context, Warning, name};
use crate::policy::{Document, Effect, Element, Statement, Test};
use crate::report::reach::first_of;

/// All declared policies, and what their warnings follow from.
pub(super) struct Lint<'a> {
    case: &'a Case<'a>,
    context: Context,
    /// Documents by the root, OU (path) or account (id), once the baseline is applied.
    attached: Attached,
    /// How many policies each of them will have.
    slots: BTreeMap<String, usize>,
}

impl<'a> Lint<'a> {
    pub(super) fn new(case: &'a Case<'a>) -> Lint<'a> {
        let actions = case.calls.values().flatten().filter_map(|call| call.action.split_once(':'));
        let services = actions.map(|(service, _)| service.to_owned()).collect();
        Lint {
            case,
            context: Context { services, max_size: MAX_SIZE },
            attached: attached(case.facts, &case.policies, case.baseline).after,
            slots: attachments(case.facts, &case.policies),
        }
    }

    /// The warnings about the declared policy of this name.
    pub(super) fn warnings(&self, policy: &str) -> Vec<Warning> {
        let Some(planned) = self.case.planned(policy) else { return Vec::new() };
        let mut warnings = lint::document(&planned.document, &self.context);
        for (at, statement) in planned.document.statements.iter().enumerate() {
            let name = name(&planned.document, at);
            let found = match statement.effect {
                Effect::Deny => self.never(planned, statement, &name),
                Effect::Allow => self.idle(planned, statement, &name),
            };
            warnings.extend(found);
        }
        warnings.extend(self.full(planned));
        warnings
    }

    /// A deny whose conditions hold for nobody in the accounts that it reaches.
    fn never(&self, planned: &Planned, statement: &Statement, name: &str) -> Option<Warning> {
        let reached: Vec<&Account> =
            self.case.members().filter(|account| self.case.holds_in(&planned.targets, account)).collect();
        let holds = |account: &&Account| {
            !names_others(statement, account)
                && may_hold(&planned.document, statement, &self.anybody(account), &is_absent)
        };
        if reached.is_empty() || statement.conditions.is_empty() || reached.iter().any(holds) {
            return None;
        }
        let message =
            format!("{name} denies nothing: its conditions hold for nobody in the accounts that it reaches");
        Some(Warning::new("never_matches", message))
    }

    /// Any call by a principal of the account.
    fn anybody(&self, account: &Account) -> Request {
        Request::new(Caller::Anonymous, "*", "*")
            .with("aws:PrincipalOrgID", &self.case.facts.organization_id)
            .with("aws:PrincipalAccount", &account.id)
            .with("aws:PrincipalIsAWSService", "false")
    }

    /// An allow that adds nothing: each level allows everything already, or one above allows none of it.
    fn idle(&self, planned: &Planned, statement: &Statement, name: &str) -> Option<Warning> {
        if planned.targets.is_empty() {
            return None;
        }
        let full = everything();
        let has_full = |target: &String| {
            let others = self.attached.get(target).into_iter().flatten();
            others
                .filter(|document| **document != planned.document)
                .any(|document| full.as_ref() == Some(document))
        };
        if planned.targets.iter().all(has_full) {
            let message = format!(
                "{name} allows nothing more: FullAWSAccess, or a policy like it, is attached to {} as well",
                first_of(&planned.targets, 3)
            );
            return Some(Warning::new("idle_allow", message));
        }
        let closed = planned.targets.iter().find_map(|target| self.closed_above(target, statement))?;
        let message =
            format!("{name} allows nothing: no policy on {closed} allows any of it, and every level must");
        Some(Warning::new("idle_allow", message))
    }

    /// A level above a target, none of whose policies allows any of what the statement allows.
    fn closed_above(&self, target: &str, statement: &Statement) -> Option<&str> {
        let place = match self.case.facts.accounts.get(target) {
            Some(account) => account.ou.as_str(),
            None => target,
        };
        let above = |level: &&String| **level != target && level.starts_with('/') && is_under(place, level);
        let allows = |documents: &Vec<Document>| {
            let mut statements = documents.iter().flat_map(|document| &document.statements);
            statements
                .any(|other| other.effect == Effect::Allow && may_share(&other.action, &statement.action))
        };
        let mut levels = self.attached.iter().filter(|(level, _)| above(level));
        levels
            .find(|(_, documents)| !documents.is_empty() && !allows(documents))
            .map(|(level, _)| level.as_str())
    }

    /// Targets without room for another policy.
    fn full(&self, planned: &Planned) -> Option<Warning> {
        let is_full = |target: &&String| self.slots.get(*target).is_some_and(|n| *n >= MAX_ATTACHED);
        let full: BTreeSet<&String> = planned.targets.iter().filter(is_full).collect();
        let full: Vec<String> = full.into_iter().cloned().collect();
        (!full.is_empty()).then(|| {
            Warning::new(
                "policy_slots",
                format!(
                    "all {MAX_ATTACHED} attachments that AWS allows are used on {}: nothing more fits there",
                    first_of(&full, 3)
                ),
            )
        })
    }
}

/// What no principal that a service control policy binds has: those of AWS services are not bound.
fn is_absent(key: &str) -> bool {
    matches!(key, "aws:principalservicename" | "aws:principalservicenameslist")
}

/// Whether a condition asks for principals of other accounts alone, by their ARNs.
fn names_others(statement: &Statement, account: &Account) -> bool {
    statement.conditions.iter().any(|condition| {
        let operator = condition.operator;
        let by_arn =
            matches!(operator.test, Test::ArnLike | Test::ArnEquals | Test::StringLike | Test::StringEquals);
        let other = |arn: &String| {
            arn.split(':')
                .nth(4)
                .is_some_and(|part| !part.contains("${") && !pattern_covers(part, &account.id))
        };
        by_arn
            && !operator.negated
            && !operator.if_exists
            && condition.key.eq_ignore_ascii_case("aws:PrincipalArn")
            && condition.values.iter().all(other)
    })
}

/// Whether some action may be in both.
fn may_share(one: &Element<Vec<String>>, other: &Element<Vec<String>>) -> bool {
    let lower =
        |patterns: &[String]| -> Vec<String> { patterns.iter().map(|p| p.to_ascii_lowercase()).collect() };
    match (one, other) {
        (Element::Is(one), Element::Is(other)) => {
            let (one, other) = (lower(one), lower(other));
            one.iter().any(|a| other.iter().any(|b| patterns_meet(a, b)))
        }
        (Element::Is(is), Element::IsNot(not)) | (Element::IsNot(not), Element::Is(is)) => {
            let (is, not) = (lower(is), lower(not));
            is.iter().any(|a| !not.iter().any(|b| pattern_covers(b, a)))
        }
        (Element::IsNot(_), Element::IsNot(_)) => true,
    }
}
