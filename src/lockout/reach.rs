//! Whom a change of a policy reaches, and what of our own calls it denies there to others.

use std::collections::{BTreeMap, BTreeSet};

use super::calls::Eyes;
use super::{Case, KIND, Planned, Spoken, denied_by, reaches};
use crate::facts::Account;
use crate::report::UnitReport;
use crate::report::reach::{Denied, Reach};

/// What the changes of a policy's row reach; `None` where nothing of document or attachments changes.
pub(super) fn of(case: &Case<'_>, name: &str, row: &UnitReport) -> Option<Reach> {
    let changes =
        |path: &str| row.changes.iter().any(|c| c.path == path || (path.is_empty() && c.path.is_empty()));
    let attaches = row.changes.iter().any(|c| c.path.starts_with("targets."));
    if !(attaches || changes("document") || changes("")) {
        return None;
    }
    let planned = case.planned(name);
    let before = attached(case, name);
    let mut reach = Reach::default();
    let mut bound = Vec::new();
    for account in case.members() {
        let holds = planned.is_some_and(|p| case.holds_in(&p.targets, account));
        let held = before.iter().any(|target| reaches(target, &account.ou, &account.id));
        if holds && (!held || changes("document")) {
            reach.bound.push(&account.name, &account.id);
            bound.push(account);
        } else if held && !holds {
            reach.freed.push(&account.name, &account.id);
        }
    }
    reach.denies = planned.map(|planned| denies(case, planned, &bound)).unwrap_or_default();
    Some(reach)
}

/// What to know where `--canary-account` names an account in which this policy cannot be tried.
pub(super) fn untried(case: &Case<'_>, name: &str, row: &UnitReport) -> Option<String> {
    let canary = case.baseline.canary_account(case.facts)?;
    let planned = case.planned(name)?;
    let bound = canary.id != case.facts.management_account && case.holds_in(&planned.targets, canary);
    let changes = row.reach.as_ref().is_some_and(|reach| reach.bound.count > 0);
    (changes && !bound)
        .then(|| "it does not bind the canary account: there is no trial before it is attached".to_owned())
}

/// Where a policy of this name is attached: OU paths and account ids.
fn attached(case: &Case<'_>, name: &str) -> Vec<String> {
    let facts = case.facts;
    let policy = facts.policies.values().find(|p| p.kind == KIND && p.name == name);
    let targets = policy.into_iter().flat_map(|p| &p.targets);
    targets.map(|id| facts.path_of(id).unwrap_or(id).to_owned()).collect()
}

/// What a document denies, of what we do in these accounts, to anybody else.
fn denies(case: &Case<'_>, planned: &Planned, accounts: &[&Account]) -> Vec<Denied> {
    let spoken = Spoken::default();
    let policy = (planned.name.as_str(), &planned.document);
    let mut found: BTreeMap<String, (BTreeSet<String>, usize)> = BTreeMap::new();
    for account in accounts {
        let Some(calls) = case.calls.get(&account.id) else { continue };
        let eyes = Eyes::new(account, case.baseline, case.facts).of_others();
        let denials = denied_by(policy, account, calls, &eyes, &spoken);
        let statements: BTreeSet<String> = denials.iter().map(|d| d.statement.clone()).collect();
        for statement in statements {
            found.entry(statement).or_default().1 += 1;
        }
        for denial in denials {
            found.entry(denial.statement).or_default().0.insert(denial.action);
        }
    }
    let denied = |(statement, (actions, accounts)): (String, (BTreeSet<String>, usize))| Denied {
        statement,
        actions: actions.into_iter().collect(),
        accounts,
    };
    found.into_iter().map(denied).collect()
}
