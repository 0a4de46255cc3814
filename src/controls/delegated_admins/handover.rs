//! Replaces the administrator of a regional service in all regions.
//!
//! The same account must administer a service in every region, and Organizations lists one per service: so the old one goes
//! in every region, then from Organizations, and only then can the new one be registered anywhere. Security Hub and Detective
//! remove it in every region by themselves when it is deregistered; with central configuration Security Hub refuses its own
//! call.
//! `members` says which members have to leave before.
//! <https://docs.aws.amazon.com/securityhub/latest/userguide/remove-admin-overview.html>
//! <https://docs.aws.amazon.com/detective/latest/userguide/accounts-remove-admin-overview.html>

use serde::Serialize;

use super::members;
use super::named::{self, Named};
use super::services::Regional;
use super::{DelegatedAdmins, calls, region_calls};
use crate::baseline::Regions;
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Risk, Wanted};
use crate::error::{Kind, UnitError};

/// One unit per regional service.
pub(super) struct Handover;

/// One service.
#[derive(Debug, Serialize)]
pub(super) struct Desired {
    service: Regional,
    admin: Named,
    #[serde(skip)]
    principal: &'static str,
    /// Where the new one is registered, the home region first.
    #[serde(skip)]
    regions: Vec<String>,
    /// Where the old one is removed.
    #[serde(skip)]
    all_regions: Vec<String>,
}

impl Control for Handover {
    type Section = DelegatedAdmins;
    type Desired = Desired;
    /// Other accounts that Organizations lists as administrators of the service.
    type Actual = Vec<Named>;
    const META: Meta = Meta {
        part: "handover",
        reads: &[
            "auditmanager:GetOrganizationAdminAccount",
            "detective:ListOrganizationAdminAccounts",
            "guardduty:ListOrganizationAdminAccounts",
            "inspector2:ListDelegatedAdminAccounts",
            "macie2:ListOrganizationAdminAccounts",
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
            "organizations:DeregisterDelegatedAdministrator",
            "securityhub:DisableOrganizationAdminAccount",
            "securityhub:EnableOrganizationAdminAccount",
        ],
        as_outgoing_admin: members::OPERATIONS,
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, DelegatedAdmins>) -> Vec<Wanted<Desired>> {
        let units = cx.section.declared().into_iter().filter_map(|(integration, keys)| {
            let service = integration.regional()?;
            // Accounts that cannot be administrators are reported by the units of the regions.
            let admin = named::resolve(keys, cx).ok()?.pop()?;
            let all_regions = cx.facts.management_regions.iter().cloned().collect();
            let regions = regions(cx);
            let want = Desired { service, admin, principal: integration.principal(), regions, all_regions };
            Some(Wanted::set(integration.key, integration.key, want))
        });
        units.collect()
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Vec<Named>, UnitError> {
        let listed = calls::administrators(cx, want.principal).await?;
        Ok(listed.into_iter().filter(|a| a.id != want.admin.id).collect())
    }

    fn diff(want: &Desired, have: &Vec<Named>) -> Diff {
        let mut d = Diff::new();
        if !have.is_empty() {
            let after = named::value(std::slice::from_ref(&want.admin));
            d.push("administrator", named::value(have), after, Risk::Destructive);
            d.notice("the service's configuration in the old administrator is lost, in all regions");
            if want.service == Regional::GuardDuty {
                d.notice("its members are taken out of the old administrator first; their detectors stay on");
            }
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Vec<Named>) -> Result<(), UnitError> {
        for old in have {
            dismiss(cx, want.service, want.principal, &want.all_regions, old).await?;
        }
        for region in &want.regions {
            let aws = cx.aws.elsewhere(cx.aws.account(), region).await?;
            match region_calls::register(&aws, want.service, &want.admin.id).await {
                // A region without the service has no administrator of it; its unit says `not_applicable`.
                Err(error) if error.kind == Kind::NotInRegion => {}
                other => other?,
            }
        }
        Ok(())
    }
}

/// Takes the service from its administrator, in all regions and in Organizations.
pub(super) async fn dismiss(
    cx: &Cx<'_>,
    service: Regional,
    principal: &str,
    regions: &[String],
    old: &Named,
) -> Result<(), UnitError> {
    if leaves_with_organizations(service) {
        calls::deregister(cx, &old.id, principal).await?;
        remove_everywhere(cx, service, regions, old).await
    } else {
        remove_everywhere(cx, service, regions, old).await?;
        Ok(calls::deregister(cx, &old.id, principal).await?)
    }
}

/// Removes the old administrator in every region where the service still lists it.
async fn remove_everywhere(
    cx: &Cx<'_>,
    service: Regional,
    regions: &[String],
    old: &Named,
) -> Result<(), UnitError> {
    for region in regions {
        let aws = cx.aws.elsewhere(cx.aws.account(), region).await?;
        let listed = match region_calls::list(&aws, service).await {
            Err(error) if error.kind == Kind::NotInRegion => continue,
            other => other?,
        };
        if listed.iter().any(|entry| entry.id == old.id) {
            region_calls::remove(&aws, service, old).await?;
        }
    }
    Ok(())
}

/// Whether deregistering in Organizations removes the administrator in every region.
fn leaves_with_organizations(service: Regional) -> bool {
    matches!(service, Regional::Detective | Regional::SecurityHub)
}

/// Regions of the baseline that the management account has, the home region first.
fn regions(cx: &DesiredCx<'_, DelegatedAdmins>) -> Vec<String> {
    let has = &cx.facts.management_regions;
    let mut regions: Vec<String> = match &cx.baseline.organization.regions {
        Regions::Enabled => has.iter().cloned().collect(),
        Regions::List(list) => list.iter().filter(|r| has.contains(*r)).cloned().collect(),
    };
    regions.sort_by_key(|r| *r != cx.baseline.organization.home_region);
    regions
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::{LOG, SECURITY, desired_of, organization};
    use super::*;
    use crate::control::Want;

    #[test]
    fn a_switch_is_destructive_and_names_both_accounts() {
        let units = desired_of::<Handover>("guardduty = \"security\"\nsso = \"security\"\n", &organization());
        let [Wanted { want: Want::Set(want), .. }] = units.as_slice() else { return assert_eq!(units.len(), 1) };
        assert_eq!(want.regions, ["eu-west-1", "ap-south-1"]);
        assert!(Handover::diff(want, &Vec::new()).is_empty());
        let d = Handover::diff(want, &vec![Named::new(&organization(), LOG)]);
        let change = d.changes.first().unwrap();
        assert_eq!(change.risk, Risk::Destructive);
        assert!(change.before.to_string().contains(LOG) && change.after.to_string().contains(SECURITY));
    }
}
