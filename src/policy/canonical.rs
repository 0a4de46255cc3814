//! Comparing policy documents by what they do.

use super::document::{Document, Element, Principal, PrincipalType, Statement};
use super::operator::Test;

/// Whether `Sid`s count when documents are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sids {
    /// A statement with another `Sid` is another statement.
    Compare,
    /// Only what the statements do counts.
    Ignore,
}

/// Whether two documents do the same, whatever their order, white space, `Id` and `Sid`s.
pub fn same_meaning(a: &Document, b: &Document) -> bool {
    a.canonical(Sids::Ignore) == b.canonical(Sids::Ignore)
}

/// Whether two statements do the same, whatever their `Sid`s.
pub(super) fn same_statement(a: &Statement, b: &Statement) -> bool {
    canonical_statement(a, Sids::Ignore) == canonical_statement(b, Sids::Ignore)
}

impl Document {
    /// The document in a normal form: two documents with equal forms do the same. It is for comparing (with `==`), not
    /// for sending to AWS.
    ///
    /// Statements and lists are sorted and without repetition. Lower case are actions ("the prefix and the action name
    /// are case insensitive", IAM user guide, "Action") and condition keys ("condition key names are not
    /// case-sensitive", "Condition"). An account id and the ARN of its root are one ("Principal: AWS account
    /// principals"), as are `"*"` and `{"AWS": "*"}`, and `ArnEquals` and `ArnLike` ("behave identically"). A missing
    /// `Version` is `2008-10-17`, a missing `Sid` is an empty one. `Id` is left out.
    #[must_use]
    pub fn canonical(&self, sids: Sids) -> Document {
        let mut statements: Vec<Statement> =
            self.statements.iter().map(|statement| canonical_statement(statement, sids)).collect();
        statements.sort();
        statements.dedup();
        let version = self.version.clone().unwrap_or_else(|| "2008-10-17".into());
        Document { version: Some(version), id: None, statements }
    }
}

fn canonical_statement(statement: &Statement, sids: Sids) -> Statement {
    let mut canonical = statement.clone();
    canonical.sid = canonical.sid.filter(|sid| sids == Sids::Compare && !sid.is_empty());
    if let Some(Element::Is(principal) | Element::IsNot(principal)) = &mut canonical.principal {
        canonical_principal(principal);
    }
    let (Element::Is(actions) | Element::IsNot(actions)) = &mut canonical.action;
    for action in actions.iter_mut() {
        *action = if action == "*:*" { "*".into() } else { action.to_ascii_lowercase() };
    }
    as_set(actions);
    if let Some(Element::Is(resources) | Element::IsNot(resources)) = &mut canonical.resource {
        as_set(resources);
    }
    for condition in &mut canonical.conditions {
        condition.key = condition.key.to_ascii_lowercase();
        if condition.operator.test == Test::ArnEquals {
            condition.operator.test = Test::ArnLike;
        }
        if matches!(condition.operator.test, Test::Bool | Test::Null) {
            condition.values.iter_mut().for_each(|value| value.make_ascii_lowercase());
        }
        as_set(&mut condition.values);
    }
    canonical.conditions.sort();
    canonical.conditions.dedup();
    canonical
}

fn canonical_principal(principal: &mut Principal) {
    let Principal::Named(named) = principal else { return };
    for (kind, ids) in named.iter_mut() {
        if *kind == PrincipalType::Aws {
            for id in ids.iter_mut() {
                if let Some(account) = account_of_root(id) {
                    *id = account.to_owned();
                }
            }
        }
        as_set(ids);
    }
    let everybody =
        named.len() == 1 && named.get(&PrincipalType::Aws).is_some_and(|ids| ids.iter().any(|id| id == "*"));
    if everybody {
        *principal = Principal::Any;
    }
}

/// Whether a text has the shape of an account id.
pub fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The account id of an account principal, written as its id or as the ARN of its root user in any partition.
pub(super) fn account_of_root(principal: &str) -> Option<&str> {
    if is_account_id(principal) {
        return Some(principal);
    }
    let mut parts = principal.split(':');
    let head = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let (account, name) = (parts.next()?, parts.next()?);
    let is_root =
        head.0 == "arn" && head.2 == "iam" && head.3.is_empty() && name == "root" && parts.next().is_none();
    (is_root && is_account_id(account)).then_some(account)
}

fn as_set(values: &mut Vec<String>) {
    values.sort();
    values.dedup();
}
