//! Finding a detector, and the organization's configuration behind it.

use std::collections::BTreeMap;

use aws_sdk_guardduty::types::{AdminStatus, DetectorStatus, FeatureStatus, OrganizationFeatureConfigurationResult};
use serde::Serialize;

use super::plans::name;
use crate::aws::Clients;
use crate::control::Cx;
use crate::error::{CallError, UnitError};

/// A detector.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Detector {
    /// Id.
    pub(super) id: String,
    /// Not suspended.
    pub(super) enabled: bool,
    /// FindingPublishingFrequency.
    pub(super) frequency: String,
    /// `FEATURE` and `FEATURE/ADDITIONAL`, and whether it is on.
    pub(super) switches: BTreeMap<String, bool>,
}

/// What the administrator set for the organization.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Organization {
    /// `ALL`, `NEW` or `NONE`.
    pub(super) auto_enable: String,
    /// `FEATURE` and `FEATURE/ADDITIONAL`, with `ALL`, `NEW` or `NONE`. What is missing, the region has not.
    pub(super) switches: BTreeMap<String, String>,
    /// No further account can become a member.
    pub(super) limit_reached: bool,
}

/// Id of the account's detector; an account has at most one per region. `guardduty:ListDetectors`.
pub(super) async fn id(aws: &Clients) -> Result<Option<String>, CallError> {
    let ids = aws
        .guardduty()
        .pages("ListDetectors", |c, t| c.list_detectors().set_next_token(t).send(), |a| (a.detector_ids, a.next_token))
        .await?;
    Ok(ids.into_iter().next())
}

/// The same, for the unit's own account, asked once while planning.
pub(super) async fn own(cx: &Cx<'_>) -> Result<Option<String>, UnitError> {
    Ok(cx.once("guardduty detector", id(cx.aws)).await?.as_ref().clone())
}

/// `guardduty:GetDetector`.
pub(super) async fn read(aws: &Clients, id: &str) -> Result<Detector, UnitError> {
    let live = aws.guardduty().call("GetDetector", |c| c.get_detector().detector_id(id).send()).await?;
    let status = live.status.ok_or_else(|| UnitError::missing("the detector's status"))?;
    let frequency = live.finding_publishing_frequency.ok_or_else(|| UnitError::missing("the detector's frequency"))?;
    let on = |status: Option<&FeatureStatus>| status == Some(&FeatureStatus::Enabled);
    let mut switches = BTreeMap::new();
    for feature in live.features.unwrap_or_default() {
        let Some(own) = &feature.name else { continue };
        switches.insert(own.as_str().to_owned(), on(feature.status.as_ref()));
        for additional in feature.additional_configuration.unwrap_or_default() {
            if let Some(config) = &additional.name {
                switches.insert(name(own.as_str(), Some(config.as_str())), on(additional.status.as_ref()));
            }
        }
    }
    let enabled = status == DetectorStatus::Enabled;
    Ok(Detector { id: id.to_owned(), enabled, frequency: frequency.as_str().to_owned(), switches })
}

/// The organization's configuration; absent where the account does not administer it yet, by the management account's list.
/// `guardduty:DescribeOrganizationConfiguration` and, where that is refused, `guardduty:ListOrganizationAdminAccounts`.
pub(super) async fn organization(cx: &Cx<'_>, id: &str) -> Result<Option<Organization>, UnitError> {
    match describe(cx.aws, id).await {
        Ok(found) => Ok(Some(found)),
        // GuardDuty has one code for all refusals: who administers is asked, not read from the message.
        Err(refused) if refused.is(&["BadRequestException"]) && !administers(cx).await? => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether GuardDuty knows the account as the organization's administrator in this region.
async fn administers(cx: &Cx<'_>) -> Result<bool, CallError> {
    let there = cx.aws.elsewhere(&cx.facts.management_account, cx.region).await?;
    let known = there
        .guardduty()
        .pages(
            "ListOrganizationAdminAccounts",
            |c, t| c.list_organization_admin_accounts().set_next_token(t).send(),
            |a| (a.admin_accounts, a.next_token),
        )
        .await?;
    let is_ours = |admin: &aws_sdk_guardduty::types::AdminAccount| {
        admin.admin_account_id.as_deref() == Some(cx.aws.account()) && admin.admin_status == Some(AdminStatus::Enabled)
    };
    Ok(known.iter().any(is_ours))
}

/// The features are paged, the other members stand on every page.
async fn describe(aws: &Clients, id: &str) -> Result<Organization, CallError> {
    let pages = aws
        .guardduty()
        .pages(
            "DescribeOrganizationConfiguration",
            |c, t| c.describe_organization_configuration().detector_id(id).set_next_token(t).send(),
            |mut page| {
                let next = page.next_token.take();
                (vec![page], next)
            },
        )
        .await?;
    let mut found = Organization::default();
    for page in pages {
        if let Some(value) = &page.auto_enable_organization_members {
            value.as_str().clone_into(&mut found.auto_enable);
        }
        found.limit_reached |= page.member_account_limit_reached.unwrap_or_default();
        page.features.unwrap_or_default().iter().for_each(|feature| note(&mut found.switches, feature));
    }
    Ok(found)
}

fn note(switches: &mut BTreeMap<String, String>, feature: &OrganizationFeatureConfigurationResult) {
    let Some(own) = &feature.name else { return };
    if let Some(value) = &feature.auto_enable {
        switches.insert(own.as_str().to_owned(), value.as_str().to_owned());
    }
    for additional in feature.additional_configuration.iter().flatten() {
        if let (Some(config), Some(value)) = (&additional.name, &additional.auto_enable) {
            switches.insert(name(own.as_str(), Some(config.as_str())), value.as_str().to_owned());
        }
    }
}
