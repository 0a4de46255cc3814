//! What `vend` calls, and how AWS's lists are read.

use aws_sdk_organizations::types::{
    CreateAccountState, CreateAccountStatus, HandshakePartyType, HandshakeState,
};
use time::OffsetDateTime;

use super::Vendor;
use crate::aws::{Clients, Guard};
use crate::error::{Absent as _, CallError};

/// Operations that read. The last four are called as the account itself.
pub const READS: &[&str] = &[
    "organizations:DescribeAccount",
    "organizations:DescribeCreateAccountStatus",
    "organizations:ListCreateAccountStatus",
    "organizations:ListDelegatedServicesForAccount",
    "organizations:ListHandshakesForOrganization",
    "service-quotas:GetServiceQuota",
    "account:ListRegions",
    "ec2:DescribeRegions",
    "s3:ListBuckets",
    "sts:GetCallerIdentity",
];
/// Operations that write. The last one is called as the account itself.
pub const WRITES: &[&str] = &[
    "organizations:CreateAccount",
    "organizations:CloseAccount",
    "organizations:MoveAccount",
    "account:EnableRegion",
];

/// A CreateAccount request may be missing in the list of accounts for so long after it succeeded.
const LAG: i64 = 24 * 3600;

/// One CreateAccount request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Creation {
    /// `car-...`
    pub(super) id: String,
    /// `AccountName` of the request. AWS shows no e-mail address.
    pub(super) name: String,
    /// Where it stands.
    pub(super) state: CreationState,
}

/// Where a creation stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CreationState {
    /// AWS is working on it.
    InProgress,
    /// It made this account; lately, or long ago.
    Succeeded { account: String, lately: bool },
    /// AWS's `FailureReason`.
    Failed(String),
}

impl Creation {
    fn new(status: CreateAccountStatus, now: i64) -> Option<Creation> {
        let lately = status.completed_timestamp.is_none_or(|t| now - t.secs() < LAG);
        let state = match status.state? {
            CreateAccountState::Succeeded => CreationState::Succeeded { account: status.account_id?, lately },
            CreateAccountState::Failed => CreationState::Failed(
                status.failure_reason.map(|r| r.as_str().to_owned()).unwrap_or_default(),
            ),
            _ => CreationState::InProgress,
        };
        Some(Creation { id: status.id?, name: status.account_name.unwrap_or_default(), state })
    }
}

fn now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

impl Vendor<'_> {
    /// Clients of one account in one region.
    pub(super) async fn clients(&self, account: &str, region: &str) -> Result<Clients, CallError> {
        let writes: &[&str] = if self.request.dry_run { &[] } else { WRITES };
        let guard = Guard { control: "vend".into(), reads: READS, writes };
        self.opened.aws().clients(account, region, guard).await
    }

    /// Clients of the management account in the home region.
    pub(super) async fn management(&self) -> Result<Clients, CallError> {
        let account = self.opened.facts().management_account.clone();
        self.clients(&account, self.opened.home_region()).await
    }

    /// All CreateAccount requests that AWS remembers, or only those in progress.
    pub(super) async fn creations(&self, only_running: bool) -> Result<Vec<Creation>, CallError> {
        let states = only_running.then(|| vec![CreateAccountState::InProgress]);
        let found = self
            .management()
            .await?
            .organizations()
            .pages(
                "ListCreateAccountStatus",
                |c, t| c.list_create_account_status().set_states(states.clone()).set_next_token(t).send(),
                |a| (a.create_account_statuses, a.next_token),
            )
            .await?;
        Ok(found.into_iter().filter_map(|status| Creation::new(status, now())).collect())
    }

    /// One CreateAccount request; `None` where AWS does not know it.
    pub(super) async fn creation(&self, id: &str) -> Result<Option<Creation>, CallError> {
        let answer = self
            .management()
            .await?
            .organizations()
            .call("DescribeCreateAccountStatus", |c| {
                c.describe_create_account_status().create_account_request_id(id).send()
            })
            .await
            .absent(&["CreateAccountStatusNotFoundException"])?;
        Ok(answer.and_then(|a| a.create_account_status).and_then(|status| Creation::new(status, now())))
    }

    /// E-mail address and state of an account; `None` where the organization does not list it.
    pub(super) async fn account(&self, id: &str) -> Result<Option<(String, String)>, CallError> {
        let answer = self
            .management()
            .await?
            .organizations()
            .call("DescribeAccount", |c| c.describe_account().account_id(id).send())
            .await
            .absent(&["AccountNotFoundException"])?;
        Ok(answer.and_then(|a| a.account).map(|account| {
            let status = account.status.as_ref().map(|s| s.as_str().to_owned());
            let state = account.state.as_ref().map(|s| s.as_str().to_owned());
            (account.email.unwrap_or_default(), state.or(status).unwrap_or_default())
        }))
    }

    /// Whether an account was invited and has not answered yet.
    pub(super) async fn is_invited(&self, id: &str) -> Result<bool, CallError> {
        let found = self
            .management()
            .await?
            .organizations()
            .pages(
                "ListHandshakesForOrganization",
                |c, t| c.list_handshakes_for_organization().set_next_token(t).send(),
                |a| (a.handshakes, a.next_token),
            )
            .await?;
        Ok(found.into_iter().any(|handshake| {
            let open = matches!(handshake.state, Some(HandshakeState::Open | HandshakeState::Requested));
            let parties = handshake.parties.unwrap_or_default();
            open && parties.iter().any(|p| p.r#type == HandshakePartyType::Account && p.id == id)
        }))
    }

    /// Services that an account administers for the organization.
    pub(super) async fn administered(&self, id: &str) -> Result<Vec<String>, CallError> {
        let found = self
            .management()
            .await?
            .organizations()
            .pages(
                "ListDelegatedServicesForAccount",
                |c, t| c.list_delegated_services_for_account().account_id(id).set_next_token(t).send(),
                |a| (a.delegated_services, a.next_token),
            )
            .await
            .absent(&["AccountNotRegisteredException"])?;
        Ok(found.unwrap_or_default().into_iter().filter_map(|s| s.service_principal).collect())
    }
}
