//! IAM policy documents: parse, print, compare, merge and evaluate.
//!
//! Everything here is pure. [`Document`] is what AWS stores, [`same_meaning`] says whether two documents do the same,
//! [`merge_by_sid`] puts our statements into a policy that others write to as well, [`evaluate`] answers what a policy
//! does to a request, [`lint`] what somebody will hardly have meant, and [`presets`] are the service control policies
//! that a baseline can name.

pub mod actions;
mod canonical;
mod document;
pub mod evaluate;
pub mod lint;
mod operator;
mod parse;
pub mod presets;

pub use canonical::{Sids, is_account_id, same_meaning};
pub use document::{Condition, Document, Effect, Element, PolicyError, Principal, PrincipalType, Statement};
pub use operator::{Comparison, Operator, Quantifier, Test};

/// Puts `ours` into `existing`: a statement with the same `Sid` is replaced where it stands, a missing one is added at
/// the end, and every other statement stays as and where it is. `Version` and `Id` of `existing` are kept.
///
/// A statement of ours without a `Sid` cannot be recognised later, so it is only added where no statement of the same
/// meaning is there. Where `existing` carries one `Sid` twice, ours takes the place of the first and the others go.
pub fn merge_by_sid(existing: &Document, ours: &[Statement]) -> Document {
    let mut merged = existing.clone();
    for statement in ours {
        let Some(sid) = statement.sid.as_deref().filter(|sid| !sid.is_empty()) else {
            if !merged.statements.iter().any(|other| canonical::same_statement(other, statement)) {
                merged.statements.push(statement.clone());
            }
            continue;
        };
        let first = merged.statements.iter().position(|other| other.sid.as_deref() == Some(sid));
        merged.statements.retain(|other| other.sid.as_deref() != Some(sid));
        let place = first.unwrap_or(merged.statements.len());
        merged.statements.insert(place, statement.clone());
    }
    merged
}

#[cfg(test)]
mod tests;
