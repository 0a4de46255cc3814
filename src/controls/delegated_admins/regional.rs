//! Administrators that a service wants to be told in every region. The service's own list is the truth.
//!
//! Registering one also switches trusted access on and registers it in Organizations; the home region's unit sees to trusted
//! access where somebody switched it off later.

use serde::Serialize;

use super::members;
use super::named::{self, Named};
use super::services::{Integration, Regional};
use super::region_calls::{self, Entry};
use super::{DelegatedAdmins, calls};
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Risk, Scope, Want, Wanted};
use crate::error::{Kind, UnitError};
use crate::resource::detective;

/// One unit per service and region.
pub(super) struct RegionalAdministrators;

/// One service in one region.
#[derive(Debug, Serialize)]
pub(super) struct Desired {
    service: Regional,
    admin: Named,
    /// Trusted access is looked at here.
    home: bool,
    #[serde(skip)]
    integration: &'static Integration,
}

/// What is there.
#[derive(Debug, Default, Serialize)]
pub(super) struct Actual {
    admin: Option<Named>,
    /// An account that the service is removing.
    leaving: Option<Named>,
    /// Principals without trusted access; always empty outside of the home region.
    missing_access: Vec<String>,
    /// Organizations lists the other administrator too: the part `handover` changes it in all regions at once.
    handed_over: bool,
}

impl Control for RegionalAdministrators {
    type Section = DelegatedAdmins;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        part: "regional_admin",
        scope: Scope::OrganizationRegion,
        after: &["delegated_admins.handover:="],
        reads: &[
            "auditmanager:GetOrganizationAdminAccount",
            "detective:ListOrganizationAdminAccounts",
            "guardduty:ListOrganizationAdminAccounts",
            "inspector2:ListDelegatedAdminAccounts",
            "macie2:ListOrganizationAdminAccounts",
            "organizations:ListAWSServiceAccessForOrganization",
            "organizations:ListDelegatedAdministrators",
            "securityhub:ListOrganizationAdminAccounts",
        ],
        writes: &[
            "auditmanager:DeregisterOrganizationAdminAccount",
            "auditmanager:RegisterOrganizationAdminAccount",
            "detective:DisableOrganizationAdminAccount",
            "detective:EnableOrganizationAdminAccount",
            "guardduty:DeleteMembers",
            "guardduty:DescribeOrganizationConfiguration",
            "guardduty:DisableOrganizationAdminAccount",
            "guardduty:DisassociateMembers",
            "guardduty:EnableOrganizationAdminAccount",
            "guardduty:ListDetectors",
            "guardduty:ListMembers",
            "guardduty:UpdateOrganizationConfiguration",
            "inspector2:DisableDelegatedAdminAccount",
            "inspector2:EnableDelegatedAdminAccount",
            "macie2:DeleteMember",
            "macie2:DisableOrganizationAdminAccount",
            "macie2:DisassociateMember",
            "macie2:EnableOrganizationAdminAccount",
            "macie2:ListMembers",
            "organizations:EnableAWSServiceAccess",
            "securityhub:DisableOrganizationAdminAccount",
            "securityhub:EnableOrganizationAdminAccount",
        ],
        as_outgoing_admin: members::OPERATIONS,
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, DelegatedAdmins>) -> Vec<Wanted<Desired>> {
        let home = cx.region == cx.baseline.organization.home_region;
        let units = cx.section.declared().into_iter().filter_map(|(integration, keys)| {
            let service = integration.regional()?;
            let want = match named::resolve(keys, cx).map(|mut admins| admins.pop()) {
                Ok(Some(admin)) => Want::Set(Desired { service, admin, home, integration }),
                Ok(None) => return None,
                Err(why) => Want::Blocked(why),
            };
            let key = integration.key;
            Some(Wanted { part: key.into(), at: key.into(), about: None, after: Vec::new(), want })
        });
        units.collect()
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        let mut have = Actual::default();
        for entry in listed(cx, want.service).await? {
            let account = Some(Named::new(cx.facts, &entry.id));
            if entry.leaving { have.leaving = account } else { have.admin = account }
        }
        if let Some(other) = have.admin.as_ref().filter(|a| a.id != want.admin.id) {
            let listed = calls::administrators(cx, want.integration.principal()).await?;
            have.handed_over = listed.iter().any(|a| a.id == other.id);
        }
        if want.home {
            have.missing_access = calls::missing_access(cx, want.integration).await?;
        }
        Ok(have)
    }

    fn import(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Option<DelegatedAdmins> {
        if !have.missing_access.is_empty() || (have.admin.is_none() && !want.home) {
            return None;
        }
        DelegatedAdmins::imported(want.integration, have.admin.as_slice(), cx)
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        let mut d = Diff::new();
        let wanted = || named::value(std::slice::from_ref(&want.admin));
        match (&have.admin, &have.leaving) {
            (Some(admin), _) if admin.id == want.admin.id => {}
            (Some(admin), _) => {
                d.push("administrator", named::value(std::slice::from_ref(admin)), wanted(), Risk::Destructive);
                if have.handed_over {
                    d.notice("it is replaced in all regions at once, by the part `handover`");
                }
            }
            (None, Some(leaving)) => d.pending = Some(format!("{leaving} is being removed as administrator")),
            (None, None) => d.create("administrator", wanted()),
        }
        // Registering switches it on: only an administrator that is there already can lack it. Shown with a registration it
        // would race with the other regions', each of which switches it on as well.
        let registered = have.admin.as_ref().is_some_and(|admin| admin.id == want.admin.id);
        for principal in have.missing_access.iter().filter(|_| registered) {
            d.create("trusted_access", principal);
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        match &have.admin {
            Some(admin) if admin.id == want.admin.id => {}
            Some(other) if have.handed_over => {
                let message = format!("{other} is replaced in all regions at once, by `delegated_admins.handover`");
                return Err(UnitError::new(Kind::Conflict, message).hint("run without `--only` and `--exclude`"));
            }
            Some(other) => {
                region_calls::remove(cx.aws, want.service, other).await?;
                region_calls::register(cx.aws, want.service, &want.admin.id).await?;
            }
            None => region_calls::register(cx.aws, want.service, &want.admin.id).await?,
        }
        // Registering has switched it on, unless the administrator was registered before; on already is a success.
        calls::enable(cx, want.integration, &have.missing_access).await
    }
}

/// What the service's own list says.
async fn listed(cx: &Cx<'_>, service: Regional) -> Result<Vec<Entry>, UnitError> {
    if service != Regional::Detective {
        return region_calls::list(cx.aws, service).await;
    }
    let all = detective::administrators_once(cx, cx.aws).await?;
    Ok(all.iter().filter_map(|admin| Entry::new(admin.account_id.clone(), None)).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::services;
    use super::super::tests::{LOG, SECURITY, desired_in, organization};
    use super::*;

    fn want() -> Desired {
        let integration = services::find("guardduty").unwrap();
        let admin = Named::new(&organization(), SECURITY);
        Desired { service: Regional::GuardDuty, admin, home: true, integration }
    }

    fn account(id: &str) -> Named {
        Named::new(&organization(), id)
    }

    #[test]
    fn one_unit_per_regional_service_and_only_home_looks_at_trusted_access() {
        let text = "guardduty = \"security\"\nsso = \"security\"\n";
        for (region, home) in [("eu-west-1", true), ("us-east-1", false)] {
            let units = desired_in::<RegionalAdministrators>(text, &organization(), region);
            assert!(
                matches!(units.as_slice(), [Wanted { part, want: Want::Set(d), .. }] if part == "guardduty" && d.home == home)
            );
        }
    }

    #[test]
    fn what_differs() {
        let other = || Actual { admin: Some(account(LOG)), ..Actual::default() };
        assert!(RegionalAdministrators::diff(&want(), &Actual { admin: Some(account(SECURITY)), ..Actual::default() }).is_empty());
        let lacks_access = Actual { missing_access: vec!["guardduty.amazonaws.com".into()], ..Actual::default() };
        for absent in [Actual::default(), lacks_access] {
            let d = RegionalAdministrators::diff(&want(), &absent);
            assert_eq!((d.changes.len(), d.risk()), (1, Risk::Normal));
        }
        let switch = RegionalAdministrators::diff(&want(), &other());
        let change = switch.changes.first().unwrap();
        assert_eq!(change.risk, Risk::Destructive);
        assert_eq!((&change.before, &change.after), (&format!("{LOG} (Log Archive)").into(), &format!("{SECURITY} (Security)").into()));
    }

    #[test]
    fn an_organization_wide_switch_is_left_to_the_handover_and_needs_consent_here_too() {
        let have = Actual { admin: Some(account(LOG)), handed_over: true, ..Actual::default() };
        let d = RegionalAdministrators::diff(&want(), &have);
        assert_eq!((d.changes.len(), d.risk()), (1, Risk::Destructive));
        assert_eq!(d.notices.len(), 1);
    }

    #[test]
    fn an_account_that_is_being_removed_is_pending() {
        let d = RegionalAdministrators::diff(&want(), &Actual { leaving: Some(account(LOG)), ..Actual::default() });
        assert!(d.is_empty() && d.pending.is_some());
    }

    #[test]
    fn trusted_access_that_was_switched_off_is_a_change() {
        let have = Actual {
            admin: Some(account(SECURITY)),
            missing_access: vec!["guardduty.amazonaws.com".into()],
            ..Actual::default()
        };
        let d = RegionalAdministrators::diff(&want(), &have);
        assert_eq!(d.changes.iter().map(|c| c.path.as_str()).collect::<Vec<_>>(), ["trusted_access"]);
    }
}
