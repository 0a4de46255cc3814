//! Administrators that are registered once for the organization, with the trusted access of their service.
//!
//! Trusted access comes first, because registering needs it; both are one unit, so that a service that cannot be switched on
//! (Health without a support plan) holds up no other.

use std::collections::BTreeMap;

use serde::Serialize;

use super::named::{self, Named, Steps, steps};
use super::services::{Enable, Global, Integration};
use super::{DelegatedAdmins, calls};
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Risk, Seat, Want, Wanted};
use crate::error::{Absent as _, CallError, UnitError};
use crate::resource::service_linked_role;

/// One unit per service.
pub(super) struct Administrators;

/// One service.
#[derive(Debug, Serialize)]
pub(super) struct Desired {
    admins: Vec<Named>,
    #[serde(skip)]
    service: &'static Integration,
    #[serde(skip)]
    how: Global,
}

/// What is there.
#[derive(Debug, Default, Serialize)]
pub(super) struct Actual {
    /// Principals without trusted access.
    missing_access: Vec<String>,
    /// Administrators by principal.
    registered: BTreeMap<String, Vec<Named>>,
    /// What AWS is still working on.
    pending: Option<String>,
}

impl Control for Administrators {
    type Section = DelegatedAdmins;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        part: "admin",
        elsewhere: &[(Seat::Member, &["fms:DisassociateAdminAccount"])],
        reads: &[
            "fms:GetAdminAccount",
            "organizations:ListAWSServiceAccessForOrganization",
            "organizations:ListDelegatedAdministrators",
        ],
        writes: &[
            "cloudformation:ActivateOrganizationsAccess",
            "cloudtrail:DeregisterOrganizationDelegatedAdmin",
            "cloudtrail:RegisterOrganizationDelegatedAdmin",
            "compute-optimizer:UpdateEnrollmentStatus",
            "cost-optimization-hub:UpdateEnrollmentStatus",
            "ec2:DisableIpamOrganizationAdminAccount",
            "ec2:EnableIpamOrganizationAdminAccount",
            "fms:AssociateAdminAccount",
            "fms:DisassociateAdminAccount",
            "health:EnableHealthServiceAccessForOrganization",
            "iam:CreateServiceLinkedRole",
            "organizations:DeregisterDelegatedAdministrator",
            "organizations:EnableAWSServiceAccess",
            "organizations:RegisterDelegatedAdministrator",
            "securitylake:DeregisterDataLakeDelegatedAdministrator",
            "securitylake:RegisterDataLakeDelegatedAdministrator",
        ],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, DelegatedAdmins>) -> Vec<Wanted<Desired>> {
        let units = cx.section.declared().into_iter().filter_map(|(service, keys)| {
            let how = service.global()?;
            let want = match named::resolve(keys, cx) {
                Ok(admins) => Want::Set(Desired { admins, service, how }),
                Err(why) => Want::Blocked(why),
            };
            Some(Wanted { part: service.key.into(), at: service.key.into(), about: None, after: Vec::new(), want })
        });
        units.collect()
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        let mut have = Actual { missing_access: calls::missing_access(cx, want.service).await?, ..Actual::default() };
        for principal in want.service.principals {
            let registered = if want.how == Global::FirewallManager {
                let (admin, pending) = firewall_manager(cx).await?;
                have.pending = pending;
                admin.into_iter().collect()
            } else {
                calls::administrators(cx, principal).await?
            };
            have.registered.insert((*principal).into(), registered);
        }
        Ok(have)
    }

    /// An account that administers all of the service's principals; else the trusted access alone.
    fn import(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Option<DelegatedAdmins> {
        if !have.missing_access.is_empty() {
            return None;
        }
        let mut lists = have.registered.values();
        let mut common: Vec<Named> = lists.next().cloned().unwrap_or_default();
        common.retain(|admin| lists.clone().all(|list| list.iter().any(|other| other.id == admin.id)));
        common.truncate(want.service.max.unwrap_or(1));
        DelegatedAdmins::imported(want.service, &common, cx)
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        let mut d = Diff::new();
        d.pending.clone_from(&have.pending);
        for principal in &have.missing_access {
            d.create("trusted_access", principal);
        }
        for (principal, registered) in &have.registered {
            let Steps { add, remove, others } = steps(&want.admins, registered, want.service.max);
            for other in others {
                d.notice(format!("{other} is an administrator of {principal} too; it is not declared and left alone"));
            }
            if add.is_empty() {
                continue;
            }
            let risk = if remove.is_empty() { Risk::Normal } else { Risk::Destructive };
            let before = if remove.is_empty() { named::value(&[]) } else { named::value(&remove) };
            let path = if have.registered.len() == 1 { "administrator" } else { principal.as_str() };
            d.push(path, before, named::value(&add), risk);
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        let by_admin = matches!(want.service.enable, Enable::WithAdmin | Enable::OnlyWithAdmin);
        if !by_admin && !have.missing_access.is_empty() {
            calls::enable(cx, want.service, &have.missing_access).await?;
        }
        for (principal, registered) in &have.registered {
            let Steps { add, remove, .. } = steps(&want.admins, registered, want.service.max);
            for account in &remove {
                unregister(cx, want.how, principal, account).await?;
            }
            for account in &add {
                register(cx, want.how, principal, &account.id).await?;
            }
        }
        if by_admin {
            // The service's own call has switched it on, unless the administrator was registered before.
            calls::enable(cx, want.service, &have.missing_access).await?;
        }
        Ok(())
    }
}

/// The default administrator of Firewall Manager, and what AWS is still doing with it.
async fn firewall_manager(cx: &Cx<'_>) -> Result<(Option<Named>, Option<String>), CallError> {
    let fms = calls::global(cx).await?.fms();
    let answer = fms
        .call("GetAdminAccount", |c| c.get_admin_account().send())
        .await
        .absent(&["ResourceNotFoundException"])?;
    let Some((id, status)) = answer.and_then(|a| Some((a.admin_account?, a.role_status))) else {
        return Ok((None, None));
    };
    let admin = Named::new(cx.facts, &id);
    Ok(match status.as_ref().map_or("READY", |s| s.as_str()) {
        "READY" => (Some(admin), None),
        "DELETED" => (None, None),
        other => {
            let pending = format!("the role of administrator {admin} is {other}");
            (Some(admin), Some(pending))
        }
    })
}

async fn register(cx: &Cx<'_>, how: Global, principal: &str, account: &str) -> Result<(), UnitError> {
    match how {
        Global::Organizations => register_in_organizations(cx, principal, account).await?,
        Global::AccessAnalyzer => {
            service_linked_role::create(cx.aws, principal).await?;
            register_in_organizations(cx, principal, account).await?;
        }
        Global::CloudTrail => {
            // Else: NoManagementAccountSLRExistsException.
            service_linked_role::create(cx.aws, principal).await?;
            let done = cx
                .aws
                .cloudtrail()
                .call("RegisterOrganizationDelegatedAdmin", |c| {
                    c.register_organization_delegated_admin().member_account_id(account).send()
                })
                .await;
            calls::success(done, &["AccountRegisteredException"])?;
        }
        Global::FirewallManager => {
            let fms = calls::global(cx).await?.fms();
            fms.call("AssociateAdminAccount", |c| c.associate_admin_account().admin_account(account).send()).await?;
        }
        Global::Ipam => {
            let enable = |c: &aws_sdk_ec2::Client| {
                c.enable_ipam_organization_admin_account().delegated_admin_account_id(account).send()
            };
            cx.aws.ec2().call("EnableIpamOrganizationAdminAccount", enable).await?;
        }
        Global::SecurityLake => {
            let done = cx
                .aws
                .securitylake()
                .call("RegisterDataLakeDelegatedAdministrator", |c| {
                    c.register_data_lake_delegated_administrator().account_id(account).send()
                })
                .await;
            // Reading back shows whether it is this account that is registered.
            calls::success(done, &["ConflictException"])?;
        }
    }
    Ok(())
}

async fn register_in_organizations(cx: &Cx<'_>, principal: &str, account: &str) -> Result<(), CallError> {
    let done = cx
        .aws
        .organizations()
        .call("RegisterDelegatedAdministrator", |c| {
            c.register_delegated_administrator().account_id(account).service_principal(principal).send()
        })
        .await;
    calls::success(done, &["AccountAlreadyRegisteredException"])
}

pub(super) async fn unregister(cx: &Cx<'_>, how: Global, principal: &str, account: &Named) -> Result<(), UnitError> {
    match how {
        Global::Organizations | Global::AccessAnalyzer => calls::deregister(cx, &account.id, principal).await?,
        Global::CloudTrail => {
            let gone = cx
                .aws
                .cloudtrail()
                .call("DeregisterOrganizationDelegatedAdmin", |c| {
                    c.deregister_organization_delegated_admin().delegated_admin_account_id(&account.id).send()
                })
                .await;
            calls::success(gone, &["AccountNotRegisteredException"])?;
        }
        Global::FirewallManager => {
            // Only the administrator itself can step down, and the next one must wait for that.
            let region = calls::global(cx).await?.region().to_string();
            let fms = cx.aws.elsewhere(&account.id, &region).await?.fms();
            fms.call("DisassociateAdminAccount", |c| c.disassociate_admin_account().send()).await?;
            let there = || async { Ok(firewall_manager(cx).await?.0.is_some_and(|a| a.id == account.id)) };
            calls::until_gone(&account.to_string(), there).await?;
        }
        Global::Ipam => {
            let disable = |c: &aws_sdk_ec2::Client| {
                c.disable_ipam_organization_admin_account().delegated_admin_account_id(&account.id).send()
            };
            cx.aws.ec2().call("DisableIpamOrganizationAdminAccount", disable).await?;
        }
        Global::SecurityLake => {
            let deregister = |c: &aws_sdk_securitylake::Client| {
                c.deregister_data_lake_delegated_administrator().send()
            };
            cx.aws.securitylake().call("DeregisterDataLakeDelegatedAdministrator", deregister).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::services;
    use super::super::tests::{LOG, SECURITY, desired_of, organization};
    use super::*;

    fn want(key: &str, id: &str) -> Desired {
        let service = services::find(key).unwrap();
        let how = service.global().unwrap();
        Desired { admins: vec![Named::new(&organization(), id)], service, how }
    }

    fn have(registered: &[(&str, &[&str])]) -> Actual {
        let named = |ids: &[&str]| ids.iter().map(|id| Named::new(&organization(), id)).collect();
        let registered = registered.iter().map(|(p, ids)| ((*p).to_string(), named(ids))).collect();
        Actual { registered, ..Actual::default() }
    }

    #[test]
    fn regional_services_are_not_here() {
        let text = "guardduty = \"security\"\nsso = \"security\"\n";
        let units = desired_of::<Administrators>(text, &organization());
        assert_eq!(units.iter().map(|u| u.part.as_str()).collect::<Vec<_>>(), ["sso"]);
    }

    #[test]
    fn accounts_that_cannot_be_administrators_block_the_unit() {
        let table = [("sso = \"main\"", "management account"), ("sso = \"new\"", "orgbase vend new"), ("sso = \"old\"", "SUSPENDED")];
        for (text, message) in table {
            let units = desired_of::<Administrators>(text, &organization());
            assert!(matches!(units.as_slice(), [Wanted { want: Want::Blocked(why), .. }] if why.contains(message)), "{text}");
        }
    }

    #[test]
    fn a_registered_administrator_is_in_sync() {
        let d = Administrators::diff(&want("sso", SECURITY), &have(&[("sso.amazonaws.com", &[SECURITY])]));
        assert_eq!(d, Diff::new());
    }

    #[test]
    fn a_switch_is_destructive_and_names_both_accounts() {
        let d = Administrators::diff(&want("sso", SECURITY), &have(&[("sso.amazonaws.com", &[LOG])]));
        let change = d.changes.first().unwrap();
        assert_eq!((d.risk(), change.path.as_str()), (Risk::Destructive, "administrator"));
        assert_eq!(change.before, format!("{LOG} (Log Archive)"));
        assert_eq!(change.after, format!("{SECURITY} (Security)"));
    }

    #[test]
    fn there_is_room_for_another_administrator() {
        let d = Administrators::diff(&want("health", SECURITY), &have(&[("health.amazonaws.com", &[LOG])]));
        assert_eq!((d.risk(), d.changes.len(), d.notices.len()), (Risk::Normal, 1, 1));
    }

    #[test]
    fn config_has_two_principals() {
        let registered: [(&str, &[&str]); 2] =
            [("config.amazonaws.com", &[SECURITY]), ("config-multiaccountsetup.amazonaws.com", &[])];
        let d = Administrators::diff(&want("config", SECURITY), &have(&registered));
        let paths: Vec<&str> = d.changes.iter().map(|c| c.path.as_str()).collect();
        assert_eq!(paths, ["config-multiaccountsetup.amazonaws.com"]);
    }

    #[test]
    fn missing_trusted_access_is_a_change() {
        let actual = Actual { missing_access: vec!["sso.amazonaws.com".into()], ..have(&[("sso.amazonaws.com", &[SECURITY])]) };
        let d = Administrators::diff(&want("sso", SECURITY), &actual);
        assert_eq!(d.changes.iter().map(|c| c.path.as_str()).collect::<Vec<_>>(), ["trusted_access"]);
    }
}
