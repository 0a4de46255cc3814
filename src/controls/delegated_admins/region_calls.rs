//! The calls of the services that are told their administrator per region. All are made as the management account.

use super::calls::until_gone;
use super::members;
use super::named::Named;
use super::services::Regional;
use crate::aws::Clients;
use crate::error::{Absent as _, CallError, Kind, UnitError};
use crate::resource::detective;

/// One account in a service's list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: String,
    /// AWS is removing it.
    pub(super) leaving: bool,
}

impl Entry {
    /// `status` is absent where a service has none.
    pub(super) fn new(id: Option<String>, status: Option<&str>) -> Option<Entry> {
        // DISABLE_IN_PROGRESS, and DISABLING_IN_PROGRESS in Macie.
        Some(Entry { id: id?, leaving: status.is_some_and(|s| s.ends_with("_IN_PROGRESS")) })
    }
}

/// All pages of one service's list.
macro_rules! pages {
    ($client:expr, $operation:literal, $method:ident, $list:ident) => {
        $client.pages($operation, |c, t| c.$method().set_next_token(t).send(), |a| (a.$list, a.next_token)).await?
    };
}

/// The administrators that a service knows in the region of `aws`.
pub(super) async fn list(aws: &Clients, service: Regional) -> Result<Vec<Entry>, UnitError> {
    use aws_sdk_guardduty::types::AdminStatus as GuardDuty;
    use aws_sdk_inspector2::types::DelegatedAdminStatus as Inspector;
    use aws_sdk_macie2::types::AdminStatus as Macie;
    use aws_sdk_securityhub::types::AdminStatus as SecurityHub;

    let all: Vec<Option<Entry>> = match service {
        Regional::AuditManager => vec![audit_manager(aws).await?],
        Regional::Detective => {
            let all = detective::administrators(aws).await?;
            all.into_iter().map(|a| Entry::new(a.account_id, None)).collect()
        }
        Regional::GuardDuty => {
            let all = pages!(
                aws.guardduty(),
                "ListOrganizationAdminAccounts",
                list_organization_admin_accounts,
                admin_accounts
            );
            let entry = |a: aws_sdk_guardduty::types::AdminAccount| {
                Entry::new(a.admin_account_id, a.admin_status.as_ref().map(GuardDuty::as_str))
            };
            all.into_iter().map(entry).collect()
        }
        Regional::Inspector => {
            let all = pages!(
                aws.inspector2(),
                "ListDelegatedAdminAccounts",
                list_delegated_admin_accounts,
                delegated_admin_accounts
            );
            all.into_iter().map(|a| Entry::new(a.account_id, a.status.as_ref().map(Inspector::as_str))).collect()
        }
        Regional::Macie => {
            let all = pages!(
                aws.macie2(),
                "ListOrganizationAdminAccounts",
                list_organization_admin_accounts,
                admin_accounts
            );
            all.into_iter().map(|a| Entry::new(a.account_id, a.status.as_ref().map(Macie::as_str))).collect()
        }
        Regional::SecurityHub => {
            let all = pages!(
                aws.securityhub(),
                "ListOrganizationAdminAccounts",
                list_organization_admin_accounts,
                admin_accounts
            );
            all.into_iter().map(|a| Entry::new(a.account_id, a.status.as_ref().map(SecurityHub::as_str))).collect()
        }
    };
    Ok(all.into_iter().flatten().collect())
}

async fn audit_manager(aws: &Clients) -> Result<Option<Entry>, UnitError> {
    let answer = aws
        .auditmanager()
        .call("GetOrganizationAdminAccount", |c| c.get_organization_admin_account().send())
        .await
        .absent(&["ResourceNotFoundException"]);
    match answer {
        Ok(found) => Ok(found.and_then(|a| Entry::new(a.admin_account_id, None))),
        // Guess: Audit Manager answers so in accounts where it was never set up, whatever the permissions.
        Err(e) if e.kind == Kind::Denied => Err(UnitError::from(e)
            .hint(
                "if the role may make this call: Audit Manager must have been set up in the management account and \
                 region before; AWS takes no new customers since 2026-04-30",
            )),
        Err(e) => Err(e.into()),
    }
}

/// Registers an administrator; registered already is a success.
pub(super) async fn register(aws: &Clients, service: Regional, account: &str) -> Result<(), UnitError> {
    let Err(error) = send(aws, service, account).await else { return Ok(()) };
    // The services say "it is registered already" by codes that also mean other things: their list decides.
    let there = list(aws, service).await.is_ok_and(|all| all.iter().any(|e| e.id == account && !e.leaving));
    if there { Ok(()) } else { Err(error.into()) }
}

async fn send(aws: &Clients, service: Regional, account: &str) -> Result<(), CallError> {
    match service {
        Regional::AuditManager => {
            let call = |c: &aws_sdk_auditmanager::Client| {
                c.register_organization_admin_account().admin_account_id(account).send()
            };
            aws.auditmanager().call("RegisterOrganizationAdminAccount", call).await.map(|_| ())
        }
        Regional::Detective => {
            let call = |c: &aws_sdk_detective::Client| {
                c.enable_organization_admin_account().account_id(account).send()
            };
            aws.detective().call("EnableOrganizationAdminAccount", call).await.map(|_| ())
        }
        Regional::GuardDuty => {
            let call = |c: &aws_sdk_guardduty::Client| {
                c.enable_organization_admin_account().admin_account_id(account).send()
            };
            aws.guardduty().call("EnableOrganizationAdminAccount", call).await.map(|_| ())
        }
        Regional::Inspector => {
            let call = |c: &aws_sdk_inspector2::Client| {
                c.enable_delegated_admin_account().delegated_admin_account_id(account).send()
            };
            aws.inspector2().call("EnableDelegatedAdminAccount", call).await.map(|_| ())
        }
        Regional::Macie => {
            let call = |c: &aws_sdk_macie2::Client| {
                c.enable_organization_admin_account().admin_account_id(account).send()
            };
            aws.macie2().call("EnableOrganizationAdminAccount", call).await.map(|_| ())
        }
        Regional::SecurityHub => {
            let call = |c: &aws_sdk_securityhub::Client| {
                c.enable_organization_admin_account().admin_account_id(account).send()
            };
            aws.securityhub().call("EnableOrganizationAdminAccount", call).await.map(|_| ())
        }
    }
}

/// Removes an administrator in the region of `aws`, and waits until it is gone. The members that the service does not let
/// stay are taken out before.
pub(super) async fn remove(aws: &Clients, service: Regional, account: &Named) -> Result<(), UnitError> {
    members::take_out(aws, service, account).await?;
    let listed = || async { Ok(list(aws, service).await?.iter().any(|entry| entry.id == account.id)) };
    let Err(error) = send_removal(aws, service, &account.id).await else {
        return until_gone(&account.to_string(), listed).await;
    };
    // It may be on its way out already.
    if matches!(listed().await, Ok(false)) {
        return Ok(());
    }
    Err(error.into())
}

async fn send_removal(aws: &Clients, service: Regional, account: &str) -> Result<(), CallError> {
    match service {
        Regional::AuditManager => {
            let call = |c: &aws_sdk_auditmanager::Client| {
                c.deregister_organization_admin_account().admin_account_id(account).send()
            };
            aws.auditmanager().call("DeregisterOrganizationAdminAccount", call).await.map(|_| ())
        }
        Regional::Detective => {
            let call = |c: &aws_sdk_detective::Client| c.disable_organization_admin_account().send();
            aws.detective().call("DisableOrganizationAdminAccount", call).await.map(|_| ())
        }
        Regional::GuardDuty => {
            let call = |c: &aws_sdk_guardduty::Client| {
                c.disable_organization_admin_account().admin_account_id(account).send()
            };
            aws.guardduty().call("DisableOrganizationAdminAccount", call).await.map(|_| ())
        }
        Regional::Inspector => {
            let call = |c: &aws_sdk_inspector2::Client| {
                c.disable_delegated_admin_account().delegated_admin_account_id(account).send()
            };
            aws.inspector2().call("DisableDelegatedAdminAccount", call).await.map(|_| ())
        }
        Regional::Macie => {
            let call = |c: &aws_sdk_macie2::Client| {
                c.disable_organization_admin_account().admin_account_id(account).send()
            };
            aws.macie2().call("DisableOrganizationAdminAccount", call).await.map(|_| ())
        }
        Regional::SecurityHub => {
            let call = |c: &aws_sdk_securityhub::Client| {
                c.disable_organization_admin_account().admin_account_id(account).send()
            };
            aws.securityhub().call("DisableOrganizationAdminAccount", call).await.map(|_| ())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_that_leave_are_told_apart() {
        let leaving = |status| Entry::new(Some("1".into()), status).is_some_and(|e| e.leaving);
        assert!(leaving(Some("DISABLE_IN_PROGRESS")) && leaving(Some("DISABLING_IN_PROGRESS")));
        assert!(!leaving(Some("ENABLED")) && !leaving(None));
        assert_eq!(Entry::new(None, Some("ENABLED")), None);
    }
}
