//! `--canary-account`: a policy that is new, or changes, holds in one account alone until what the baseline reads there was seen to
//! work under it.
//!
//! A policy that says what it said is attached to the account itself; where the document changes, a second policy with the new
//! one is, since an update would reach everybody at once. Either is taken away again; what a killed run left is found by the
//! next one, as a target or a policy too many.

use std::collections::BTreeMap;

use super::unit::{Desired, Found, attach_one, create, delete, detach_one, same_document};
use crate::control::{Canary, Cx};
use crate::error::{Phase, UnitError};
use crate::facts::{Account, is_under};
use crate::policy::is_account_id;
use crate::report::text::safe;

/// By its description, a policy that was made for a trial is known again.
const DESCRIPTION: &str = "tried in one account by orgbase apply --canary-account";

/// Whether a policy with the name of a trial is one that a run left behind: somebody else may have given a policy of theirs that
/// name. A trial is never attached to the root or an OU.
pub(super) fn is_ours(found: &Found) -> bool {
    let reaches_accounts_alone = found.targets.values().all(|target| is_account_id(target));
    !found.aws_managed && found.description == DESCRIPTION && reaches_accounts_alone
}

/// Tries the policy where the account of `--canary-account` is to be bound by it otherwise than now. Returns the account to
/// which the policy itself is attached now for that.
pub(super) async fn run(cx: &Cx<'_>, want: &Desired, found: &Found) -> Result<Option<String>, UnitError> {
    let Some(canary) = cx.canary else { return Ok(None) };
    let account = canary.account();
    let wanted = want.targets.iter().any(|target| reaches(target, account, cx));
    // One that only a trial attached is no attachment yet.
    let held = found.targets.keys().filter(|target| **target != account.id || want.targets.contains(*target));
    let holds = held.into_iter().any(|target| reaches(target, account, cx));
    let changed = !same_document(&want.document, &found.document);
    // The management account works under any policy.
    let tells = account.id != cx.facts.management_account;
    if !tells || !wanted || (holds && !changed) {
        return Ok(None);
    }
    canary.shows()?;
    if !changed {
        attach_one(cx, &found.id, &account.id).await?;
        return match canary.works().await {
            Ok(()) => Ok(Some(account.id.clone())),
            Err(error) => {
                let undone = detach_one(cx, &found.id, &account.id).await;
                Err(refusal(want, canary, error, undone))
            }
        };
    }
    let id = create(cx, &want.trial, DESCRIPTION, want).await?;
    let targets = BTreeMap::from([(account.id.clone(), account.id.clone())]);
    let trial = Found { id, targets, ..found.clone() };
    let worked = match attach_one(cx, &trial.id, &account.id).await {
        Ok(()) => canary.works().await,
        Err(error) => {
            delete(cx, &trial).await?;
            return Err(error);
        }
    };
    let undone = delete(cx, &trial).await;
    match worked {
        Ok(()) => undone.map(|()| None),
        Err(error) => Err(refusal(want, canary, error, undone)),
    }
}

/// Whether a target is the account, or an OU that it is in or will be in.
fn reaches(target: &str, account: &Account, cx: &Cx<'_>) -> bool {
    let declared = cx.baseline.account_key(account).and_then(|key| cx.baseline.accounts.get(key));
    let places = [Some(account.ou.as_str()), declared.map(|declared| declared.ou.as_str())];
    target == account.id
        || (target.starts_with('/') && places.into_iter().flatten().any(|place| is_under(place, target)))
}

fn refusal(want: &Desired, canary: &dyn Canary, why: UnitError, undone: Result<(), UnitError>) -> UnitError {
    let account = canary.account();
    let targets = want.targets.iter().map(|target| safe(target)).collect::<Vec<_>>().join(", ");
    let after = match undone {
        Ok(()) => "the policy was taken from it again".to_owned(),
        Err(error) => format!("the policy could not be taken from it again: {error}"),
    };
    let message = format!(
        "the canary account {} ({}) does not work under policy `{}`: {}; {after}. Not touched: {targets}",
        safe(&account.name),
        account.id,
        safe(&want.name),
        why.message
    );
    UnitError { phase: Phase::Apply, message, ..why }
        .hint("let the policy spare orgbase's role, or look at the call in the account's own CloudTrail")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_of_others_with_the_name_of_a_trial_is_none() {
        let trial = |description: &str, target: &str| Found {
            id: "p-1".into(),
            aws_managed: false,
            description: description.into(),
            document: String::new(),
            targets: BTreeMap::from([(target.to_owned(), target.to_owned())]),
        };
        assert!(is_ours(&trial(DESCRIPTION, "200000000002")));
        assert!(!is_ours(&trial("our canary releases", "200000000002")));
        assert!(!is_ours(&trial(DESCRIPTION, "ou-ab12-12345678")));
        assert!(!is_ours(&trial(DESCRIPTION, "r-ab12")));
    }
}
