//! What a move to another OU means for an account.

use std::collections::{BTreeMap, BTreeSet};

use crate::baseline::Baseline;
use crate::control::{Scope, Seat};
use crate::controls::SECTIONS;
use crate::controls::ous::path;
use crate::emit::actions::iam_actions;
use crate::facts::{Account, Facts, Policy};
use crate::lockout::denied_by_move;

/// Why the account must not be moved to the OU at `to`: a policy there would deny what the baseline does in it.
pub(crate) fn refusal(account: &Account, to: &str, baseline: &Baseline, facts: &Facts) -> Option<String> {
    let denial = denied_by_move(account, to, &own_actions(account, baseline), baseline, facts)?;
    Some(format!(
        "the account is not moved to `{to}`: policy `{}` there (statement `{}`) would deny {} to orgbase's role in it",
        denial.policy, denial.statement, denial.action
    ))
}

/// IAM actions of the declared controls that make their calls in this account, and whether they make them in every region.
fn own_actions(account: &Account, baseline: &Baseline) -> BTreeMap<String, bool> {
    let key = baseline.account_key(account);
    let sections = SECTIONS.iter().filter(|section| baseline.declares(section.meta().id));
    let metas = sections.flat_map(|section| section.controls()).map(|control| control.meta());
    let in_members = metas.filter(|meta| match meta.seat {
        Seat::Management => false,
        Seat::Member => true,
        seat => key.is_some() && named_for(seat, baseline).as_deref() == key,
    });
    let mut actions = BTreeMap::new();
    for meta in in_members {
        let everywhere = matches!(meta.scope, Scope::OrganizationRegion | Scope::AccountRegion);
        for action in meta.reads.iter().chain(meta.writes).flat_map(|op| iam_actions(op)) {
            *actions.entry(action).or_insert(false) |= everywhere;
        }
    }
    actions
}

/// The account key that some declared section names for a seat.
fn named_for(seat: Seat, baseline: &Baseline) -> Option<String> {
    SECTIONS.iter().find_map(|section| {
        let bound = baseline.section(section.meta().id, None).ok()??;
        section.seat(bound.value.as_ref(), seat)
    })
}

/// Policies that a move changes, as `TYPE name`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Effects {
    pub(super) gains: Vec<String>,
    pub(super) loses: Vec<String>,
}

/// Compares the policies attached above the account now with those attached on the way to `to`. Policies attached to the
/// account itself go with it. An OU of the way that does not exist yet has none.
pub(super) fn effects(account: &Account, to: &str, facts: &Facts) -> Effects {
    let before = above(&account.ou, facts);
    let after = above(to, facts);
    let own = |id: &&str| facts.policies.get(*id).is_some_and(|p| p.targets.contains(&account.id));
    let names = |ids: BTreeSet<&str>| {
        let named = ids.into_iter().filter(|id| !own(id)).filter_map(|id| facts.policies.get(id)).map(label);
        named.collect::<Vec<String>>()
    };
    Effects { gains: names(&after - &before), loses: names(&before - &after) }
}

fn label(policy: &Policy) -> String {
    format!("{} `{}`", policy.kind, policy.name)
}

/// Ids of the policies attached to the root and the OUs of a path.
fn above<'f>(path: &str, facts: &'f Facts) -> BTreeSet<&'f str> {
    let ous = path::with_ancestors(path).into_iter().filter_map(|p| facts.target_id(p));
    let targets: Vec<&str> = ous.chain(std::iter::once(facts.root_id.as_str())).collect();
    let hit = |p: &&Policy| targets.iter().any(|t| p.targets.contains(*t));
    facts.policies.values().filter(hit).map(|p| p.id.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controls::ous::tests::facts;

    fn policy(id: &str, targets: &[&str]) -> (String, Policy) {
        let policy = Policy {
            id: id.into(),
            arn: String::new(),
            name: id.into(),
            description: String::new(),
            kind: "SERVICE_CONTROL_POLICY".into(),
            aws_managed: false,
            content: None,
            targets: targets.iter().map(|t| (*t).to_string()).collect(),
        };
        (id.into(), policy)
    }

    #[test]
    fn only_policies_on_one_of_the_two_paths_count() {
        let mut facts = facts(&["/A", "/B", "/B/C"]);
        facts.policies = [
            policy("p-root", &["r-1"]),
            policy("p-a", &["ou-/A"]),
            policy("p-b", &["ou-/B"]),
            policy("p-own", &["ou-/B/C", "200000000002"]),
        ]
        .into();
        let account = Account { id: "200000000002".into(), ou: "/A".into(), ..Account::default() };
        let found = effects(&account, "/B/C", &facts);
        assert_eq!(found.gains, ["SERVICE_CONTROL_POLICY `p-b`"]);
        assert_eq!(found.loses, ["SERVICE_CONTROL_POLICY `p-a`"]);
        assert_eq!(effects(&account, "/A", &facts), Effects::default());
    }
}
