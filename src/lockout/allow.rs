//! Levels whose policies allow: an account may do only what each level from the root to itself allows. A declared policy that
//! allows less than before, or that is taken away, can lock orgbase out without denying anything.

use std::collections::{BTreeMap, BTreeSet};

use super::calls::{self, Call, Eyes};
use super::{KIND, Planned};
use crate::baseline::Baseline;
use crate::facts::{Account, Facts};
use crate::policy::Document;
use crate::policy::evaluate::surely_allows;

/// A level that would allow no more what it allows now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gap {
    /// OU path or account id.
    pub(super) place: String,
    /// IAM action.
    pub(super) action: String,
}

/// Documents by the root, OU (path) or account (id) that they are attached to.
pub(super) type Attached = BTreeMap<String, Vec<Document>>;

/// The levels that the declared policies change.
pub(super) struct Levels {
    pub(super) before: Attached,
    pub(super) after: Attached,
}

/// What is attached everywhere, now and once the baseline is applied. What `[[removed]]` names is gone then, whether or not this
/// run may take it away: a later one does.
pub(super) fn attached(facts: &Facts, planned: &[Planned], baseline: &Baseline) -> Levels {
    let mut levels = Levels { before: Attached::new(), after: Attached::new() };
    for policy in facts.policies.values().filter(|p| p.kind == KIND) {
        let text = policy.content.as_deref().filter(|_| !policy.aws_managed);
        // AWS's own policy allows everything; what cannot be read may do so as well.
        let document = text.and_then(|text| Document::parse(text).ok()).or_else(everything);
        for (target, document) in policy.targets.iter().filter_map(|t| Some((t, document.clone()?))) {
            let place = facts.path_of(target).unwrap_or(target).to_owned();
            if !is_ours(&policy.name, planned, baseline) {
                levels.after.entry(place.clone()).or_default().push(document.clone());
            }
            levels.before.entry(place).or_default().push(document);
        }
    }
    for policy in planned {
        for place in &policy.targets {
            let exists = facts.target_id(place).is_some() || facts.accounts.contains_key(place);
            let at = levels.after.entry(place.clone()).or_default();
            if !exists && at.is_empty() {
                // A new OU begins with FullAWSAccess.
                at.extend(everything());
            }
            at.push(policy.document.clone());
        }
    }
    levels
}

/// Whether the baseline says where a policy of this name is attached: it declares it, or takes it away.
fn is_ours(name: &str, planned: &[Planned], baseline: &Baseline) -> bool {
    let removed = || baseline.removed.iter().any(|r| r.control == "scps" && r.name == name);
    planned.iter().any(|p| p.name == name) || removed()
}

impl Levels {
    /// Levels that have a declared or removed policy, now or once the baseline is applied.
    pub(super) fn new(facts: &Facts, planned: &[Planned], baseline: &Baseline) -> Levels {
        let mut levels = attached(facts, planned, baseline);
        let mut touched: BTreeSet<&str> =
            planned.iter().flat_map(|p| &p.targets).map(String::as_str).collect();
        let ours = facts.policies.values().filter(|p| p.kind == KIND && is_ours(&p.name, planned, baseline));
        touched.extend(ours.flat_map(|p| &p.targets).map(|t| facts.path_of(t).unwrap_or(t)));
        levels.before.retain(|place, _| touched.contains(place.as_str()));
        levels.after.retain(|place, _| touched.contains(place.as_str()));
        levels
    }

    /// The first call that one of the levels above the account allows now and would not allow then.
    pub(super) fn gap(
        &self,
        account: &Account,
        places: &[&str],
        calls: &BTreeSet<Call>,
        baseline: &Baseline,
        facts: &Facts,
    ) -> Option<Gap> {
        if account.id == facts.management_account {
            return None;
        }
        let above = |place: &&String| places.iter().any(|at| super::reaches(place, at, &account.id));
        let mut eyes = None;
        for place in self.before.keys().filter(above) {
            let before = refs(self.before.get(place));
            let after = refs(self.after.get(place));
            if allows_everything(&after) {
                continue;
            }
            let eyes = eyes.get_or_insert_with(|| Eyes::new(account, baseline, facts));
            for call in calls {
                let lost = |request| {
                    surely_allows(&before, request, &calls::is_absent)
                        && !surely_allows(&after, request, &calls::is_absent)
                };
                if eyes.requests(call, true).iter().any(lost) {
                    return Some(Gap { place: place.clone(), action: call.action.clone() });
                }
            }
        }
        None
    }
}

fn refs(documents: Option<&Vec<Document>>) -> Vec<&Document> {
    documents.into_iter().flatten().collect()
}

/// Whether one of them is like FullAWSAccess.
fn allows_everything(documents: &[&Document]) -> bool {
    let full = everything();
    documents.iter().any(|document| full.as_ref() == Some(*document))
}

/// FullAWSAccess.
pub(super) fn everything() -> Option<Document> {
    Document::parse(
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
    )
    .ok()
}
