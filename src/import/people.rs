//! Accounts by the keys that the rest of a baseline names them by.

use std::collections::{BTreeMap, BTreeSet};

use crate::baseline::AccountDecl;
use crate::control::slug;
use crate::facts::{Account, Facts};

/// Every account that a baseline can declare, by key, and those that it cannot, with the reason. `closed` maps ids of
/// accounts whose role cannot be assumed to what AWS said.
pub(crate) fn accounts(
    facts: &Facts,
    closed: &BTreeMap<String, String>,
) -> (BTreeMap<String, AccountDecl>, BTreeMap<String, String>) {
    let (mut declared, mut left_out) = (BTreeMap::new(), BTreeMap::new());
    let mut emails = BTreeSet::new();
    for account in facts.accounts.values() {
        if let Some(why) = undeclarable(account, facts).or_else(|| {
            let again = !emails.insert(account.email.to_lowercase());
            again.then(|| "another account has the same e-mail address".to_string())
        }) {
            left_out.insert(account.id.clone(), why);
            continue;
        }
        let reason = closed.get(&account.id).map(|why| {
            let how = if account.joined_method == "INVITED" { "invited; " } else { "" };
            format!("{how}its role cannot be assumed: {why}")
        });
        let decl = AccountDecl {
            name: account.name.clone(),
            email: account.email.clone(),
            ou: account.ou.clone(),
            managed: reason.is_none(),
            reason,
            ..AccountDecl::default()
        };
        declared.insert(key(account, &declared), decl);
    }
    (declared, left_out)
}

/// Why `[accounts]` cannot name an account, by the rules of `baseline/validate.rs`.
fn undeclarable(account: &Account, facts: &Facts) -> Option<String> {
    let length = account.name.chars().count();
    if !(1..=128).contains(&length) || account.name.chars().any(char::is_control) {
        return Some("its name cannot be written".into());
    }
    let plain = account.email.split_once('@').is_some_and(|(local, host)| {
        !local.is_empty() && host.split('.').count() > 1 && host.split('.').all(|part| !part.is_empty())
    });
    let email = account.email.chars();
    let is_text = email.clone().all(|c| !c.is_whitespace()) && account.email.matches('@').count() == 1;
    if !plain || !is_text || !(6..=64).contains(&email.count()) {
        return Some(format!("`{}` is no e-mail address that a baseline takes", account.email));
    }
    let known = account.ou == "/" || facts.ous.contains_key(&account.ou);
    (!known).then(|| "its OU was not listed".into())
}

/// The name in plain letters, with the id where that is taken; by the id alone where that is another account's name.
fn key(account: &Account, taken: &BTreeMap<String, AccountDecl>) -> String {
    let plain = match slug(&account.name) {
        name if name == "unnamed" || name.bytes().all(|b| b.is_ascii_digit()) => {
            format!("account-{}", account.id)
        }
        name => name,
    };
    // A key has at most 64 letters: only the first of these may be long.
    let id = &account.id;
    let numbered = (2..).map(|n| format!("account-{id}-{n}"));
    let first = [plain.clone(), format!("{plain}-{id}"), format!("account-{id}")];
    let mut candidates = first.into_iter().chain(numbered);
    candidates.find(|key| !taken.contains_key(key)).unwrap_or(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_plain_and_unique_and_odd_accounts_are_named() {
        let account = |id: &str, name: &str, email: &str| Account {
            id: id.into(),
            name: name.into(),
            email: email.into(),
            ou: "/".into(),
            ..Account::default()
        };
        let all = [
            account("1", "Log Archive", "a@example.com"),
            account("2", "log archive", "b@example.com"),
            account("3", "\u{65e5}\u{672c}", "c@example.com"),
            account("4", "x\u{7}", "d@example.com"),
            account("5", "123456789012", "e@example.com"),
            account("6", "same", "A@example.com"),
        ];
        let facts = Facts { accounts: all.map(|a| (a.id.clone(), a)).into(), ..Facts::default() };
        let closed = BTreeMap::from([("2".to_string(), "AccessDenied".to_string())]);
        let (declared, left_out) = accounts(&facts, &closed);
        let keys: Vec<&str> = declared.keys().map(String::as_str).collect();
        assert_eq!(keys, ["account-3", "account-5", "log-archive", "log-archive-2"]);
        assert_eq!(declared.get("log-archive-2").map(|a| a.managed), Some(false));
        assert_eq!(left_out.keys().collect::<Vec<_>>(), ["4", "6"]);
    }

    /// Names that look like the keys that others fall back to.
    #[test]
    fn no_account_takes_the_key_of_another() {
        let names = ["web", "web-5", "account-5", "account-5-2", "web"];
        let account = |(n, name): (usize, &str)| Account {
            id: (n + 1).to_string(),
            name: name.into(),
            email: format!("a{n}@example.com"),
            ou: "/".into(),
            ..Account::default()
        };
        let all = names.into_iter().enumerate().map(account);
        let facts = Facts { accounts: all.map(|a| (a.id.clone(), a)).collect(), ..Facts::default() };
        let (declared, left_out) = accounts(&facts, &BTreeMap::new());
        let keys: Vec<&str> = declared.keys().map(String::as_str).collect();
        assert_eq!(keys, ["account-5", "account-5-2", "account-5-3", "web", "web-5"]);
        assert!(left_out.is_empty());
    }
}
