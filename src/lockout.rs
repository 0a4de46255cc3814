//! Never lock ourselves out: before anything is written, the declared service control policies are evaluated against
//! every call that the baseline makes in each account under their targets, and counted against AWS's quotas. The plan is told
//! whom a policy reaches, what it denies there (`reach`), and what is odd about it (`lint`).

mod allow;
mod calls;
mod lint;
mod reach;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use time::OffsetDateTime;

use crate::baseline::{Baseline, Regions};
use crate::controls::scps::document::{self, Planned};
use crate::controls::scps::{KIND, MAX_ATTACHED, MAX_POLICIES};
use crate::error::RunError;
use crate::facts::{Account, Facts, is_under};
use crate::plan::Shared;
use crate::policy::evaluate::{may_deny, speaks_of};
use crate::policy::lint::Warning;
use crate::policy::{Document, Effect, Element};
use crate::report::UnitReport;
use crate::report::reach::first_of;
use crate::report::text::{count, safe};
use crate::selector::Selection;
use crate::units::{self, Scope, Task, Unit, UnitId};

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
    check_where(shared, |_| true)
}

/// The same for a run that does not do all: `runs` says which units have their turn.
///
/// # Errors
/// As `check`.
pub fn check_where(shared: &Shared, runs: impl Fn(&UnitId) -> bool) -> Result<(), RunError> {
    match Case::of(shared, runs)? {
        Some(case) => case.check(),
        None => Ok(()),
    }
}

/// The same, and tells the rows of policies whom they reach and what is odd about them.
///
/// # Errors
/// As `check`.
pub fn review(shared: &Shared, rows: &mut [UnitReport]) -> Result<(), RunError> {
    let Some(case) = Case::of(shared, |_| true)? else { return Ok(()) };
    case.check()?;
    let lint = lint::Lint::new(&case);
    let own = |unit: &Unit| unit.id.control == "scps" && unit.meta.part.is_empty();
    for (unit, row) in shared.units.iter().zip(rows).filter(|(unit, _)| own(unit)) {
        row.reach = reach::of(&case, unit.name(), row);
        row.notices.extend(lint.warnings(unit.name()).iter().map(Warning::text));
        row.notices.extend(reach::untried(&case, unit.name(), row));
    }
    Ok(())
}

/// The declared policies, and all that they are judged by.
struct Case<'a> {
    baseline: &'a Baseline,
    facts: &'a Facts,
    policies: Vec<Planned>,
    /// What is called in each account, by its id.
    calls: BTreeMap<String, BTreeSet<Call>>,
    /// Ids of the accounts that this run places where the baseline wants them.
    moving: BTreeSet<&'a str>,
}

impl<'a> Case<'a> {
    /// `None` where the baseline declares no policy.
    fn of(shared: &'a Shared, runs: impl Fn(&UnitId) -> bool) -> Result<Option<Case<'a>>, RunError> {
        let Shared { baseline, facts, units, .. } = shared;
        if !baseline.declares("scps") {
            return Ok(None);
        }
        // One that stays where it is, whatever is declared, is judged there too.
        let moves = |u: &&Unit| {
            let held = u.protected || u.exception.is_some() || !matches!(u.task, Task::Do(_));
            u.id.control == "accounts" && !held && runs(&u.id)
        };
        let moving = units.iter().filter(moves).map(|u| u.id.account.as_str());
        Case::new(baseline, facts, moving.collect()).map(Some)
    }

    fn new(
        baseline: &'a Baseline,
        facts: &'a Facts,
        moving: BTreeSet<&'a str>,
    ) -> Result<Case<'a>, RunError> {
        let policies = document::planned(baseline, facts);
        check_quotas(facts, &policies)?;
        // A policy binds whatever later runs do: `--only control=scps` must not hide the calls of the other controls.
        let today = OffsetDateTime::now_utc().date();
        let units = units::expand(&Scope { baseline, facts, selection: &Selection::default(), today })?;
        let calls = calls::by_account(&units, facts, baseline);
        let calls = calls.into_iter().map(|(account, calls)| (account.to_owned(), calls)).collect();
        Ok(Case { baseline, facts, policies, calls, moving })
    }

    fn check(&self) -> Result<(), RunError> {
        let Case { baseline, facts, policies, .. } = self;
        let levels = allow::Levels::new(facts, policies, baseline);
        let spoken = Spoken::default();
        let mut denials = Denials::default();
        for (account, calls) in &self.calls {
            let Some(account) = facts.accounts.get(account) else { continue };
            let places = self.places(account);
            let above: Vec<(&str, &Document)> = policies
                .iter()
                .filter(|p| self.holds_in(&p.targets, account))
                .map(|p| (p.name.as_str(), &p.document))
                .collect();
            denials.extend(denied(account, calls, &above, &spoken, baseline, facts));
            if denials.is_empty()
                && let Some(gap) = levels.gap(account, &places, calls, baseline, facts)
            {
                return Err(unallowed(&gap, account));
            }
        }
        denials.refusal(facts).map_or(Ok(()), Err)
    }

    /// Where the account will be once the baseline is applied; also where it is, if this run does not move it.
    fn places(&self, account: &'a Account) -> Vec<&'a str> {
        let baseline = self.baseline;
        let declared = baseline.account_key(account).and_then(|key| baseline.accounts.get(key));
        match declared {
            None => vec![&account.ou],
            Some(declared) if self.moving.contains(account.id.as_str()) => vec![&declared.ou],
            Some(declared) => vec![&declared.ou, &account.ou],
        }
    }

    /// Whether a policy with these targets is over the account, or will be.
    fn holds_in(&self, targets: &[String], account: &'a Account) -> bool {
        let places = self.places(account);
        places.iter().any(|place| targets.iter().any(|target| reaches(target, place, &account.id)))
    }

    /// The accounts that policies can bind: the active ones, but for the management account.
    fn members(&self) -> impl Iterator<Item = &'a Account> {
        let management = &self.facts.management_account;
        self.facts.accounts.values().filter(move |a| a.is_active() && a.id != *management)
    }

    fn planned(&self, name: &str) -> Option<&Planned> {
        self.policies.iter().find(|p| p.name == name)
    }
}

/// Policy types that can deny a call in an account. Resource control policies reach what is in it.
const DENYING: [&str; 2] = [KIND, "RESOURCE_CONTROL_POLICY"];

/// Whether moving `account` under `path` would let a policy that is attached there deny our calls. `actions`: IAM actions, and
/// whether they are made in every region of the baseline, or in the home region alone.
pub fn denied_by_move(
    account: &Account,
    path: &str,
    actions: &BTreeMap<String, bool>,
    baseline: &Baseline,
    facts: &Facts,
) -> Option<Denial> {
    let attached: Vec<(&str, Document)> = facts
        .policies
        .values()
        .filter(|p| DENYING.contains(&p.kind.as_str()))
        .filter(|p| p.targets.iter().filter_map(|id| facts.path_of(id)).any(|target| is_under(path, target)))
        .filter_map(|p| Some((p.name.as_str(), Document::parse(p.content.as_deref()?).ok()?)))
        .collect();
    let above: Vec<(&str, &Document)> = attached.iter().map(|(name, document)| (*name, document)).collect();
    let home = BTreeSet::from([baseline.organization.home_region.clone()]);
    let all = regions_of(account, baseline, facts);
    let of_action = |(action, everywhere): (&String, &bool)| {
        let regions = if *everywhere { &all } else { &home };
        let call = |region: &String| Call { action: action.clone(), region: region.clone(), write: false };
        regions.iter().map(call).collect::<Vec<_>>()
    };
    let calls = actions.iter().flat_map(of_action).collect();
    denied(account, &calls, &above, &Spoken::default(), baseline, facts).into_iter().next()
}

/// Regions of the baseline that the account has, as far as its regions were asked for.
fn regions_of(account: &Account, baseline: &Baseline, facts: &Facts) -> BTreeSet<String> {
    let asked = facts.regions.get(&account.id).and_then(|answer| answer.as_ref().ok());
    let has = asked.unwrap_or(&facts.management_regions);
    match &baseline.organization.regions {
        Regions::Enabled => has.clone(),
        Regions::List(list) => list.iter().filter(|region| has.contains(*region)).cloned().collect(),
    }
}

fn reaches(target: &str, place: &str, account: &str) -> bool {
    target == account || (target.starts_with('/') && is_under(place, target))
}

/// Which of `calls` the documents may deny to our role in `account`.
fn denied(
    account: &Account,
    calls: &BTreeSet<Call>,
    documents: &[(&str, &Document)],
    spoken: &Spoken,
    baseline: &Baseline,
    facts: &Facts,
) -> Vec<Denial> {
    if documents.is_empty() || account.id == facts.management_account {
        return Vec::new();
    }
    let eyes = Eyes::new(account, baseline, facts);
    documents.iter().flat_map(|policy| denied_by(*policy, account, calls, &eyes, spoken)).collect()
}

/// Which of `calls` one document may deny to the eyes' roles.
fn denied_by(
    (policy, document): (&str, &Document),
    account: &Account,
    calls: &BTreeSet<Call>,
    eyes: &Eyes<'_>,
    spoken: &Spoken,
) -> Vec<Denial> {
    let narrow = is_narrow(document);
    let denial = |call: &Call| {
        let requests = eyes.requests(call, narrow);
        let statement = requests.iter().find_map(|request| may_deny(document, request, &calls::is_absent))?;
        let statement = statement.sid.clone().unwrap_or_else(|| "without Sid".into());
        let (policy, action) = (policy.to_string(), call.action.clone());
        Some(Denial { policy, statement, action, account: account.id.clone() })
    };
    calls.iter().filter(|call| spoken.denies(policy, document, &call.action)).filter_map(denial).collect()
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

/// What would be denied, by policy and statement.
#[derive(Default)]
struct Denials {
    first: Option<Denial>,
    by_statement: BTreeMap<(String, String), (BTreeSet<String>, BTreeSet<String>)>,
}

impl Denials {
    fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    fn extend(&mut self, denials: Vec<Denial>) {
        for denial in denials {
            let of = (denial.policy.clone(), denial.statement.clone());
            let (actions, accounts) = self.by_statement.entry(of).or_default();
            actions.insert(denial.action.clone());
            accounts.insert(denial.account.clone());
            self.first.get_or_insert(denial);
        }
    }

    /// The first one as an error, with how much more there is.
    fn refusal(&self, facts: &Facts) -> Option<RunError> {
        let Denial { policy, statement, action, account } = self.first.as_ref()?;
        let name = facts.accounts.get(account).map(|a| safe(&a.name)).unwrap_or_default();
        let mut error = RunError::new(format!(
            "policy `{}` would lock orgbase out: statement `{}` denies {action} to its role in account {name} ({account})",
            safe(policy),
            safe(statement),
        ));
        let one =
            |(actions, accounts): &(BTreeSet<String>, BTreeSet<String>)| actions.len() + accounts.len() == 2;
        if self.by_statement.len() > 1 || !self.by_statement.values().all(one) {
            for ((policy, statement), (actions, accounts)) in self.by_statement.iter().take(NAMED) {
                let actions: Vec<String> = actions.iter().cloned().collect();
                error = error.hint(format!(
                    "`{}`, statement `{}`, in {}: {}",
                    safe(policy),
                    safe(statement),
                    count(accounts.len(), "account"),
                    first_of(&actions, NAMED)
                ));
            }
        }
        let spare =
            "spare the role: a condition ArnNotLike aws:PrincipalArn with arn:*:iam::*:role/<access role>";
        Some(error.hint(spare).hint("nothing was changed"))
    }
}

/// How many statements, and actions of each, a refusal names.
const NAMED: usize = 8;

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
    let others =
        facts.policies.values().filter(|p| p.kind == KIND && !policies.iter().any(|own| own.name == p.name));
    if others.count() + policies.len() > MAX_POLICIES {
        return Err(RunError::new(format!("the organization would have more than {MAX_POLICIES} SCPs")));
    }
    let attached = attachments(facts, policies);
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

/// How many policies each root, OU (path) and account (id) will have.
fn attachments(facts: &Facts, policies: &[Planned]) -> BTreeMap<String, usize> {
    let names: BTreeSet<&str> = policies.iter().map(|p| p.name.as_str()).collect();
    let others: Vec<_> =
        facts.policies.values().filter(|p| p.kind == KIND && !names.contains(p.name.as_str())).collect();
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
    attached
}

#[cfg(test)]
mod tests;
