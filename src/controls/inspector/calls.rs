//! What several parts ask Inspector.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_inspector2::types::{ErrorCode, FailedAccount, ResourceState, State, Status};
use serde::Serialize;

use super::{Scan, Scans};
use crate::aws::Clients;
use crate::control::Cx;
use crate::error::{Absent, CallError, Kind, UnitError};

/// Most accounts of one call (API model).
pub(super) const MOST_AT_ONCE: usize = 100;
/// How often accounts that are not members yet are tried again, and after what pause.
const TRIES: usize = 12;
const PAUSE: Duration = Duration::from_secs(5);

/// The state of one scan type in one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Standing {
    /// It scans.
    On,
    /// AWS is turning it on.
    TurningOn,
    /// It does not scan, or is about to stop.
    Off,
}

/// Scan types of an account.
pub(super) type Standings = BTreeMap<Scan, Standing>;

/// Whether the account of the unit administers Inspector here: its calls for the organization are refused before. Asked as the
/// management account, which alone may know. Reads by `inspector2:ListDelegatedAdminAccounts`.
pub(super) async fn is_administrator(cx: &Cx<'_>) -> Result<bool, UnitError> {
    let management = cx.aws.elsewhere(&cx.facts.management_account, cx.region).await?;
    let administrators = management
        .inspector2()
        .pages(
            "ListDelegatedAdminAccounts",
            |c, t| c.list_delegated_admin_accounts().set_next_token(t).send(),
            |a| (a.delegated_admin_accounts, a.next_token),
        )
        .await?;
    Ok(administrators.iter().any(|admin| admin.account_id.as_deref() == Some(cx.aws.account())))
}

/// Nothing is scanned in the account yet: AWS answers so with codes that also mean other things, and only its text tells
/// them apart ("Invoking account is not enabled").
pub(super) trait NotEnabled<T> {
    /// `Ok(None)` where AWS says that the account is not enabled.
    fn not_enabled(self) -> Result<Option<T>, CallError>;
}

impl<T> NotEnabled<T> for Result<T, CallError> {
    fn not_enabled(self) -> Result<Option<T>, CallError> {
        let is_state = |e: &CallError| {
            e.is(&["AccessDeniedException", "ValidationException"])
                && e.message.as_deref().is_some_and(|text| text.contains("account is not enabled"))
        };
        match self {
            Err(e) if is_state(&e) => Ok(None),
            other => other.map(Some),
        }
    }
}

/// Scan types of the account itself. Reads by `inspector2:BatchGetAccountStatus`.
pub(super) async fn own(aws: &Clients) -> Result<Standings, UnitError> {
    let answer = aws
        .inspector2()
        .call("BatchGetAccountStatus", |c| c.batch_get_account_status().send())
        .await
        .absent(&["ResourceNotFoundException"])?;
    let account = answer.into_iter().flat_map(|a| a.accounts).find(|account| account.account_id == aws.account());
    Ok(account.and_then(|account| account.resource_state).map(|state| standings(&state)).unwrap_or_default())
}

/// Scan types of members. Reads by `inspector2:BatchGetAccountStatus`.
pub(super) async fn of_members(
    aws: &Clients,
    accounts: &BTreeSet<String>,
) -> Result<BTreeMap<String, Standings>, UnitError> {
    let all: Vec<String> = accounts.iter().cloned().collect();
    let mut found = BTreeMap::new();
    for batch in all.chunks(MOST_AT_ONCE) {
        let answer = aws
            .inspector2()
            .call("BatchGetAccountStatus", |c| {
                c.batch_get_account_status().set_account_ids(Some(batch.to_vec())).send()
            })
            .await?;
        for account in answer.accounts {
            let state = account.resource_state.as_ref().map(standings).unwrap_or_default();
            found.insert(account.account_id, state);
        }
    }
    Ok(found)
}

fn standings(state: &ResourceState) -> Standings {
    let one = |state: Option<&State>| match state.map(|state| &state.status) {
        Some(Status::Enabled) => Standing::On,
        Some(Status::Enabling) => Standing::TurningOn,
        _ => Standing::Off,
    };
    let by_scan = |scan: Scan| match scan {
        Scan::Ec2 => state.ec2(),
        Scan::Ecr => state.ecr(),
        Scan::Lambda => state.lambda(),
        Scan::LambdaCode => state.lambda_code(),
        Scan::CodeRepository => state.code_repository(),
    };
    Scan::ALL.into_iter().map(|scan| (scan, one(by_scan(scan)))).collect()
}

/// What is to be turned on or off, of what is declared.
pub(super) fn to_turn(want: &Scans, have: &Standings, on: bool) -> Vec<Scan> {
    let is = |scan: &Scan| have.get(scan).copied().unwrap_or(Standing::Off);
    let differs = |scan: &Scan| (is(scan) == Standing::Off) == on;
    want.iter().filter(|(scan, wanted)| **wanted == on && differs(scan)).map(|(scan, _)| *scan).collect()
}

/// Turns scan types on. Accounts that became members a moment ago are tried again. Writes by `inspector2:Enable`.
pub(super) async fn enable(aws: &Clients, accounts: &[String], scans: &[Scan]) -> Result<(), UnitError> {
    let mut left = accounts.to_vec();
    for attempt in 0..TRIES {
        let mut again = Vec::new();
        for batch in left.chunks(MOST_AT_ONCE) {
            let types = scans.iter().map(|scan| scan.live()).collect::<Vec<_>>();
            let answer = aws
                .inspector2()
                .call("Enable", |c| {
                    c.enable().set_account_ids(Some(batch.to_vec())).set_resource_types(Some(types.clone())).send()
                })
                .await?;
            again.extend(refused(answer.failed_accounts.unwrap_or_default(), attempt + 1 < TRIES)?);
        }
        if again.is_empty() {
            return Ok(());
        }
        left = again;
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// Turns scan types off. Writes by `inspector2:Disable`.
pub(super) async fn disable(aws: &Clients, accounts: &[String], scans: &[Scan]) -> Result<(), UnitError> {
    let types = scans.iter().map(|scan| scan.live()).collect::<Vec<_>>();
    for batch in accounts.chunks(MOST_AT_ONCE) {
        let answer = aws
            .inspector2()
            .call("Disable", |c| {
                c.disable().set_account_ids(Some(batch.to_vec())).set_resource_types(Some(types.clone())).send()
            })
            .await?;
        refused(answer.failed_accounts.unwrap_or_default(), false)?;
    }
    Ok(())
}

/// Accounts that are to be tried again. What is as it should be already is no refusal.
fn refused(failed: Vec<FailedAccount>, again: bool) -> Result<Vec<String>, UnitError> {
    let mut left = Vec::new();
    for failure in failed {
        match &failure.error_code {
            ErrorCode::AlreadyEnabled | ErrorCode::EnableInProgress => {}
            // AWS: the membership has not spread yet.
            ErrorCode::AccessDenied
            | ErrorCode::DisableInProgress
            | ErrorCode::SuspendInProgress
            | ErrorCode::EventbridgeThrottled
            | ErrorCode::SsmThrottled
                if again =>
            {
                left.push(failure.account_id);
            }
            code => {
                let FailedAccount { account_id, error_message, .. } = &failure;
                let message = format!("Inspector refused account {account_id} with {}: {error_message}", code.as_str());
                return Err(UnitError::new(Kind::Rejected, message));
            }
        }
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_declared_is_turned() {
        let want = Scans::from([(Scan::Ec2, true), (Scan::Ecr, true), (Scan::Lambda, false)]);
        let have =
            Standings::from([(Scan::Ec2, Standing::On), (Scan::Lambda, Standing::On), (Scan::LambdaCode, Standing::On)]);
        assert_eq!(to_turn(&want, &have, true), [Scan::Ecr]);
        assert_eq!(to_turn(&want, &have, false), [Scan::Lambda]);
        let turning = Standings::from([(Scan::Ecr, Standing::TurningOn), (Scan::Ec2, Standing::TurningOn)]);
        assert!(to_turn(&want, &turning, true).is_empty());
    }

    #[test]
    fn a_membership_that_has_not_spread_is_tried_again_and_a_refusal_is_told() {
        let failed = |code: ErrorCode| {
            FailedAccount::builder().account_id("1").error_code(code).error_message("why").build().into_iter().collect()
        };
        assert_eq!(refused(failed(ErrorCode::AlreadyEnabled), false), Ok(Vec::new()));
        assert_eq!(refused(failed(ErrorCode::AccessDenied), true), Ok(vec!["1".to_owned()]));
        assert!(refused(failed(ErrorCode::AccessDenied), false).is_err());
        assert!(refused(failed(ErrorCode::InternalError), true).is_err());
    }
}
