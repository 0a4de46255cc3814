//! OUs that `[[removed]]` names: deleted when they are empty, after the accounts were moved.

use serde::Serialize;

use super::path;
use crate::baseline::{Baseline, Ous};
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Risk, Want, Wanted};
use crate::error::{Kind, UnitError};
use crate::facts::discover::list_ous;
use crate::facts::{Facts, is_under};

/// The OUs that are to go.
pub(super) struct Removal;

/// An OU that exists and is to go.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Desired {
    path: String,
    id: String,
    parent_id: String,
}

impl Control for Removal {
    type Section = Ous;
    type Desired = Desired;
    /// Whether the OU is still there.
    type Actual = bool;
    const META: Meta = Meta {
        part: "removal",
        after: &["accounts"],
        reads: &["organizations:ListOrganizationalUnitsForParent"],
        writes: &["organizations:DeleteOrganizationalUnit"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, Ous>) -> Vec<Wanted<Desired>> {
        let named = removed(cx.baseline);
        let there = named.iter().filter_map(|path| cx.facts.ous.get(*path));
        there
            .map(|ou| {
                let inner = named.iter().filter(|p| path::parent(p) == ou.path).map(|p| (*p).to_string());
                let want = match in_the_way(&ou.path, cx.baseline, cx.facts) {
                    Some(why) => Want::Blocked(why),
                    None => Want::Set(Desired {
                        path: ou.path.clone(),
                        id: ou.id.clone(),
                        parent_id: ou.parent_id.clone(),
                    }),
                };
                Wanted { part: ou.path.clone(), at: String::new(), about: None, after: inner.collect(), want }
            })
            .collect()
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<bool, UnitError> {
        if !cx.fresh {
            return Ok(true);
        }
        Ok(list_ous(cx.aws, &want.parent_id).await?.iter().any(|ou| ou.id.as_ref() == Some(&want.id)))
    }

    fn diff(want: &Desired, have: &bool) -> Diff {
        let mut d = Diff::new();
        if *have {
            d.delete("path", &want.path, Risk::Destructive);
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, _have: &bool) -> Result<(), UnitError> {
        let deleted = cx
            .aws
            .organizations()
            .call("DeleteOrganizationalUnit", |c| {
                c.delete_organizational_unit().organizational_unit_id(&want.id).send()
            })
            .await;
        match deleted {
            Err(e) if e.is(&["OrganizationalUnitNotEmptyException"]) => Err(UnitError {
                call: Some(e),
                ..UnitError::new(Kind::Conflict, format!("the OU `{}` is not empty", want.path))
                    .hint("move its accounts and remove the OUs in it first; closed accounts stay in it for 90 days")
            }),
            other => Ok(other.map(|_| ())?),
        }
    }
}

/// Paths that `[[removed]]` names.
fn removed(baseline: &Baseline) -> Vec<&str> {
    baseline.removed.iter().filter(|r| r.control == "ous").map(|r| r.name.as_str()).collect()
}

/// What keeps an OU from being empty after this run.
fn in_the_way(path: &str, baseline: &Baseline, facts: &Facts) -> Option<String> {
    let named = removed(baseline);
    let inside = facts.ous.keys().find(|p| path::parent(p) == path && !named.contains(&p.as_str()));
    if let Some(inside) = inside {
        return Some(format!("the OU `{inside}` is in it: AWS deletes empty OUs only"));
    }
    let stays = facts.accounts.values().filter(|a| a.ou == path).find(|account| {
        let declared = baseline.account_key(account).and_then(|key| baseline.accounts.get(key));
        let moves = declared.is_some_and(|d| d.managed && account.is_active() && !is_under(&d.ou, path));
        !moves
    })?;
    Some(format!("account {} ({}) is in it: place it in another OU first", stays.id, stays.state))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{baseline, facts};
    use super::*;
    use crate::facts::Account;

    const REMOVED: &str = "[ous]\n\"/B\" = {}\n[[removed]]\ncontrol = \"ous\"\nname = \"/A\"\n\
                           [accounts.x]\nname = \"X\"\nemail = \"x@example.com\"\nou = \"/B\"\n";

    fn with_account(email: &str, state: &str) -> Facts {
        let mut facts = facts(&["/A", "/B"]);
        let account = Account {
            id: "200000000002".into(),
            email: email.into(),
            state: state.into(),
            ou: "/A".into(),
            ..Account::default()
        };
        facts.accounts.insert(account.id.clone(), account);
        facts
    }

    fn desired(facts: &Facts) -> Vec<Wanted<Desired>> {
        let baseline = baseline(REMOVED);
        let section = Ous(baseline.ous.clone());
        let account = Account::default();
        Removal::desired(&DesiredCx { section: &section, account: &account, region: "r", facts, baseline: &baseline })
    }

    #[test]
    fn an_empty_ou_is_deleted_and_that_is_destructive() {
        let units = desired(&facts(&["/A", "/B"]));
        assert!(matches!(units.as_slice(), [Wanted { want: Want::Set(_), .. }]));
        let want = Desired { path: "/A".into(), id: "ou-/A".into(), parent_id: "r-1".into() };
        assert_eq!(Removal::diff(&want, &true).risk(), Risk::Destructive);
        assert!(Removal::diff(&want, &false).is_empty());
    }

    #[test]
    fn an_ou_that_is_gone_asks_for_nothing() {
        assert!(desired(&facts(&["/B"])).is_empty());
    }

    #[test]
    fn accounts_that_leave_it_are_not_in_the_way_and_others_are() {
        let blocked = |facts: &Facts| matches!(desired(facts).as_slice(), [Wanted { want: Want::Blocked(_), .. }]);
        assert!(!blocked(&with_account("x@example.com", "ACTIVE")));
        assert!(blocked(&with_account("x@example.com", "SUSPENDED")));
        assert!(blocked(&with_account("foreign@example.com", "ACTIVE")));
    }

    #[test]
    fn a_foreign_ou_inside_is_in_the_way() {
        let units = desired(&facts(&["/A", "/A/Foreign", "/B"]));
        assert!(matches!(units.as_slice(), [Wanted { want: Want::Blocked(why), .. }] if why.contains("/A/Foreign")));
    }
}
