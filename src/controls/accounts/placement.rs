//! What a move to another OU means for an account.

use std::collections::BTreeSet;

use crate::controls::ous::path;
use crate::facts::{Account, Facts, Policy};

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
            tags: std::collections::BTreeMap::new(),
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
