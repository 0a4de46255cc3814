//! Whom a change of a policy reaches, for all renderers.

use serde::{Deserialize, Serialize};

use super::text::count;

/// Accounts that are named; the others are counted.
const NAMED: usize = 20;
/// How many of the named ones, and of actions, a line of text has.
const SHOWN: usize = 6;

/// Whom a change of a service control policy reaches. The management account is never bound, nor are accounts that are closed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// Where the policy is new, or says something else than before.
    pub bound: Accounts,
    /// Where it no longer holds.
    pub freed: Accounts,
    /// What orgbase itself does in `bound`, and what the policy denies to everybody but the roles that it spares. (What it would
    /// deny to orgbase ends the run before anything is written.)
    pub denies: Vec<Denied>,
}

/// Some accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accounts {
    /// How many.
    pub count: usize,
    /// Name and id of the first 20.
    pub names: Vec<String>,
}

/// What one statement denies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denied {
    /// `Sid` of the statement.
    pub statement: String,
    /// IAM actions.
    pub actions: Vec<String>,
    /// In how many accounts.
    pub accounts: usize,
}

impl Accounts {
    /// One more; `name` as AWS has it.
    pub fn push(&mut self, name: &str, id: &str) {
        self.count += 1;
        if self.names.len() < NAMED {
            self.names.push(format!("{name} ({id})"));
        }
    }

    fn text(&self) -> String {
        let shown = self.names.len().min(SHOWN);
        let named = self.names.iter().take(shown).cloned().collect::<Vec<_>>().join(", ");
        match self.count - shown {
            0 => format!("{}: {named}", count(self.count, "account")),
            more => format!("{}: {named} and {more} more", count(self.count, "account")),
        }
    }
}

impl Reach {
    /// What people are told, one line each, as it was read: escape it.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = match self.bound.count {
            0 if self.freed.count > 0 => Vec::new(),
            0 => vec!["reaches no account".to_owned()],
            _ => vec![format!("reaches {}", self.bound.text())],
        };
        if self.freed.count > 0 {
            lines.push(format!("no longer holds in {}", self.freed.text()));
        }
        for denied in &self.denies {
            lines.push(format!(
                "denies there what orgbase does, but not to the roles that it spares: {} (`{}`, in {})",
                first_of(&denied.actions, SHOWN),
                denied.statement,
                count(denied.accounts, "account"),
            ));
        }
        if self.bound.count > 0 && self.denies.is_empty() {
            lines.push("denies nothing of what orgbase does there".to_owned());
        }
        lines
    }
}

/// The first `most` of a list, and how many more there are.
pub(crate) fn first_of(list: &[String], most: usize) -> String {
    let first = list.iter().take(most).cloned().collect::<Vec<_>>().join(", ");
    match list.len().saturating_sub(most) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_counted_and_the_first_are_named() {
        let mut reach = Reach::default();
        (0..30).for_each(|n| reach.bound.push(&format!("a{n}"), &n.to_string()));
        assert_eq!((reach.bound.count, reach.bound.names.len()), (30, NAMED));
        let lines = reach.lines();
        assert!(lines[0].starts_with("reaches 30 accounts: a0 (0), a1 (1)"), "{lines:?}");
        assert!(lines[0].ends_with("a5 (5) and 24 more"), "{lines:?}");
        assert_eq!(lines[1], "denies nothing of what orgbase does there");
    }

    #[test]
    fn a_policy_that_is_only_taken_away_reaches_nobody_anew() {
        let mut reach = Reach::default();
        reach.freed.push("web", "1");
        assert_eq!(reach.lines(), ["no longer holds in 1 account: web (1)"]);
        assert_eq!(Reach::default().lines(), ["reaches no account"]);
    }
}
