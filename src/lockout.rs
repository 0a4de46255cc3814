//! Never lock ourselves out: before anything is written, the declared service control policies are evaluated against
//! every call that the baseline makes in each account under their targets, and counted against AWS's quotas.

mod allow;
mod calls;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use time::OffsetDateTime;

use crate::baseline::Baseline;
use crate::controls::scps::document::{self, Planned};
use crate::controls::scps::{KIND, MAX_ATTACHED, MAX_POLICIES};
use crate::error::RunError;
use crate::facts::{Account, Facts, is_under};
use crate::plan::Shared;
use crate::policy::evaluate::{may_deny, speaks_of};
use crate::policy::{Document, Effect, Element};
use crate::report::text::safe;
use crate::selector::Selection;
use crate::units::{self, Scope};

use calls::{Call, Eyes};

/// A policy that would deny one of our calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// Policy name.
    pub policy: String,
    /// `Sid` of the statement, or what it denies where it has none.
    pub statement: String,
    /// IAM action.
    pub action: String,
    /// Account id.
    pub account: String,
}

/// Refuses policies that deny our own calls, and more attachments than AWS allows.
///
/// # Errors
/// The first denial, with its statement, or the target that is over the quota.
pub fn check(shared: &Shared) -> Result<(), RunError> {
    let Shared { baseline, facts, units, .. } = shared;
    if !baseline.declares("scps") {
        return Ok(());
    }
    let moving = units.iter().filter(|u| u.id.control == "accounts").map(|u| u.id.account.as_str()).collect();
    check_policies(baseline, facts, &moving)
}

/// `moving`: ids of the accounts that this run places where the baseline wants them.
fn check_policies(baseline: &Baseline, facts: &Facts, moving: &BTreeSet<&str>) -> Result<(), RunError> {
    let policies = document::planned(baseline, facts);
    check_quotas(facts, &policies)?;
    // A policy binds whatever later runs do: `--only control=scps` must not hide the calls of the other controls.
    let today = OffsetDateTime::now_utc().date();
    let units = units::expand(&Scope { baseline, facts, selection: &Selection::default(), today })?;
    let levels = allow::Levels::new(facts, &policies);
    let spoken = Spoken::default();
    for (account, calls) in &calls::by_account(&units, facts, &baseline.organization.home_region) {
        let Some(account) = facts.accounts.get(*account) else { continue };
        let places = places_of(account, baseline, moving.contains(account.id.as_str()));
        let above: Vec<(&str, &Document)> = policies
            .iter()
            .filter(|p| places.iter().any(|place| p.targets.iter().any(|t| reaches(t, place, &account.id))))
            .map(|p| (p.name.as_str(), &p.document))
            .collect();
        if let Some(denial) = denied(account, calls, &above, &spoken, baseline, facts) {
            return Err(refusal(&denial, account));
        }
        if let Some(gap) = levels.gap(account, &places, calls, baseline, facts) {
            return Err(unallowed(&gap, account));
        }
    }
    Ok(())
}

/// Whether moving `account` under `path` would let a policy that is attached there deny our calls.
pub fn denied_by_move(
    account: &Account,
    path: &str,
    actions: &BTreeSet<String>,
    baseline: &Baseline,
    facts: &Facts,
) -> Option<Denial> {
    let attached: Vec<(&str, Document)> = facts
        .policies
        .values()
        .filter(|p| p.kind == KIND)
        .filter(|p| p.targets.iter().filter_map(|id| facts.path_of(id)).any(|target| is_under(path, target)))
        .filter_map(|p| Some((p.name.as_str(), Document::parse(p.content.as_deref()?).ok()?)))
        .collect();
    let above: Vec<(&str, &Document)> = attached.iter().map(|(name, document)| (*name, document)).collect();
    let home = baseline.organization.home_region.clone();
    let call = |action: &String| Call { action: action.clone(), region: home.clone(), write: false };
    let calls = actions.iter().map(call).collect();
    denied(account, &calls, &above, &Spoken::default(), baseline, facts)
}

/// Where the account will be once the baseline is applied; also where it is, if this run does not move it.
fn places_of<'a>(account: &'a Account, baseline: &'a Baseline, moves: bool) -> Vec<&'a str> {
    let declared = baseline.account_key(account).and_then(|key| baseline.accounts.get(key));
    match declared {
        None => vec![&account.ou],
        Some(declared) if moves => vec![&declared.ou],
        Some(declared) => vec![&declared.ou, &account.ou],
    }
}

fn reaches(target: &str, place: &str, account: &str) -> bool {
    target == account || (target.starts_with('/') && is_under(place, target))
}

/// The first of `calls` that one of the documents may deny to our role in `account`.
fn denied(
    account: &Account,
    calls: &BTreeSet<Call>,
    documents: &[(&str, &Document)],
    spoken: &Spoken,
    baseline: &Baseline,
    facts: &Facts,
) -> Option<Denial> {
    if documents.is_empty() || account.id == facts.management_account {
        return None;
    }
    let eyes = Eyes::new(account, baseline, facts);
    for (policy, document) in documents {
        let narrow = is_narrow(document);
        for call in calls.iter().filter(|call| spoken.denies(policy, document, &call.action)) {
            let requests = eyes.requests(call, narrow);
            let denying = |request| may_deny(document, request, &calls::is_absent);
            if let Some(statement) = requests.iter().find_map(denying) {
                let statement = statement.sid.clone().unwrap_or_else(|| "without Sid".into());
                let (policy, action) = ((*policy).to_string(), call.action.clone());
                return Some(Denial { policy, statement, action, account: account.id.clone() });
            }
        }
    }
    None
}

/// Which actions the denies of each policy speak of. The same calls are made in every account and region: each is looked at
/// once.
#[derive(Default)]
struct Spoken(RefCell<HashMap<String, HashMap<String, bool>>>);

impl Spoken {
    /// `policy` is the document's name.
    fn denies(&self, policy: &str, document: &Document, action: &str) -> bool {
        let mut known = self.0.borrow_mut();
        let actions = known.entry(policy.to_owned()).or_default();
        if let Some(spoken) = actions.get(action) {
            return *spoken;
        }
        let spoken = speaks_of(document, Effect::Deny, action);
        actions.insert(action.to_owned(), spoken);
        spoken
    }
}

/// Whether a statement is about some resources only.
fn is_narrow(document: &Document) -> bool {
    let all = |patterns: &[String]| patterns.iter().any(|one| one == "*");
    document.statements.iter().any(|s| match &s.resource {
        Some(Element::Is(patterns)) => !all(patterns),
        Some(Element::IsNot(_)) => true,
        None => false,
    })
}

fn refusal(denial: &Denial, account: &Account) -> RunError {
    let Denial { policy, statement, action, account: id } = denial;
    RunError::new(format!(
        "policy `{}` would lock orgbase out: statement `{}` denies {action} to its role in account {} ({id})",
        safe(policy),
        safe(statement),
        safe(&account.name),
    ))
    .hint("spare the role: a condition ArnNotLike aws:PrincipalArn with arn:*:iam::*:role/<access role>")
    .hint("nothing was changed")
}

fn unallowed(gap: &allow::Gap, account: &Account) -> RunError {
    let allow::Gap { place, action } = gap;
    RunError::new(format!(
        "the policies on {} would lock orgbase out: none of them would allow {action} to its role in account {} ({})",
        safe(place),
        safe(&account.name),
        account.id
    ))
    .hint("allow the action in one of the policies there, or attach FullAWSAccess there again and deny what is not wanted")
    .hint("nothing was changed")
}

fn check_quotas(facts: &Facts, policies: &[Planned]) -> Result<(), RunError> {
    let names: BTreeSet<&str> = policies.iter().map(|p| p.name.as_str()).collect();
    let others: Vec<_> =
        facts.policies.values().filter(|p| p.kind == KIND && !names.contains(p.name.as_str())).collect();
    if others.len() + policies.len() > MAX_POLICIES {
        return Err(RunError::new(format!("the organization would have more than {MAX_POLICIES} SCPs")));
    }
    let mut attached: BTreeMap<String, usize> = BTreeMap::new();
    for target in others.iter().flat_map(|p| &p.targets) {
        let name = facts.path_of(target).map_or_else(|| target.clone(), ToString::to_string);
        *attached.entry(name).or_default() += 1;
    }
    let full_access: BTreeSet<&str> =
        others.iter().filter(|p| p.aws_managed).map(|p| p.id.as_str()).collect();
    for target in policies.iter().flat_map(|p| &p.targets) {
        // A new OU begins with FullAWSAccess.
        let begin = if facts.target_id(target).is_some() || !target.starts_with('/') {
            0
        } else {
            full_access.len().max(1)
        };
        *attached.entry(target.clone()).or_insert(begin) += 1;
    }
    match attached
        .iter()
        .find(|(target, n)| **n > MAX_ATTACHED && policies.iter().any(|p| p.targets.contains(target)))
    {
        None => Ok(()),
        Some((target, n)) => Err(RunError::new(format!(
            "{target} would have {n} SCPs attached; AWS allows {MAX_ATTACHED}, FullAWSAccess included"
        ))
        .hint("merge policies, or attach some of them to a parent OU")),
    }
}

#[cfg(test)]
mod tests;
