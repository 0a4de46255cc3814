//! Accounts as plans show them, and which of them must come and go.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::control::DesiredCx;
use crate::facts::Facts;

/// An account with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) id: String,
    name: String,
}

impl Named {
    pub(super) fn new(facts: &Facts, id: &str) -> Named {
        let name = facts.accounts.get(id).map(|a| a.name.clone()).unwrap_or_default();
        Named { id: id.into(), name }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() { f.write_str(&self.id) } else { write!(f, "{} ({})", self.id, self.name) }
    }
}

impl Serialize for Named {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Accounts as one value of a change: nothing, one, or a list.
pub(super) fn value(accounts: &[Named]) -> Value {
    match accounts {
        [] => Value::Null,
        [one] => one.to_string().into(),
        many => many.iter().map(ToString::to_string).collect::<Vec<String>>().into(),
    }
}

/// The accounts behind declared keys, or why they cannot be administrators.
pub(super) fn resolve<S>(keys: &[String], cx: &DesiredCx<'_, S>) -> Result<Vec<Named>, String> {
    keys.iter()
        .map(|key| {
            let Some(id) = cx.baseline.account_id(key, cx.facts) else {
                return Err(format!("account `{key}` does not exist yet: run `orgbase vend {key}`"));
            };
            if id == cx.facts.management_account {
                return Err(format!(
                    "account `{key}` is the management account, which AWS never accepts as a delegated administrator: \
                     name another account"
                ));
            }
            match cx.facts.accounts.get(&id) {
                Some(account) if !account.is_active() => Err(format!("account `{key}` ({id}) is {}", account.state)),
                _ => Ok(Named::new(cx.facts, &id)),
            }
        })
        .collect()
}

/// Who must come and who must go.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Steps {
    pub(super) add: Vec<Named>,
    pub(super) remove: Vec<Named>,
    /// Not declared, and left alone.
    pub(super) others: Vec<Named>,
}

/// Compares the declared administrators with those that are registered. Others stay unless there would be more than
/// `max`: then as many of them go as there must.
pub(super) fn steps(want: &[Named], have: &[Named], max: Option<usize>) -> Steps {
    let known = |list: &[Named], id: &str| list.iter().any(|n| n.id == id);
    let add: Vec<Named> = want.iter().filter(|n| !known(have, &n.id)).cloned().collect();
    let mut others: Vec<Named> = have.iter().filter(|n| !known(want, &n.id)).cloned().collect();
    let too_many = match max {
        Some(max) if !add.is_empty() => (have.len() + add.len()).saturating_sub(max),
        _ => 0,
    };
    let remove = others.drain(..too_many.min(others.len())).collect();
    Steps { add, remove, others }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(ids: &str) -> Vec<Named> {
        ids.chars().map(|id| Named { id: id.into(), name: String::new() }).collect()
    }

    #[test]
    fn others_stay_while_there_is_room() {
        // Wanted, registered, most; then who comes, goes and stays, as one letter each.
        let table = [
            ("1", "", Some(1), ("1", "", "")),
            ("1", "1", Some(1), ("", "", "")),
            ("1", "2", Some(1), ("1", "2", "")),
            ("1", "2", Some(3), ("1", "", "2")),
            ("12", "34", Some(3), ("12", "3", "4")),
            ("1", "2", None, ("1", "", "2")),
            ("1", "12", Some(1), ("", "", "2")),
        ];
        for (want, have, max, (add, remove, others)) in table {
            let expected = Steps { add: named(add), remove: named(remove), others: named(others) };
            assert_eq!(steps(&named(want), &named(have), max), expected, "{want} {have} {max:?}");
        }
    }

    #[test]
    fn values_name_the_accounts() {
        let one = Named { id: "1".into(), name: "Audit".into() };
        assert_eq!(value(std::slice::from_ref(&one)), Value::from("1 (Audit)"));
        assert_eq!(value(&[]), Value::Null);
        assert_eq!(value(&[one.clone(), one]), Value::from(vec!["1 (Audit)", "1 (Audit)"]));
    }
}
