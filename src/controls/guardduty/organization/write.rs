//! Writing: the detector, then the organization's configuration, then members.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_guardduty::types::{
    AccountDetail, AutoEnableMembers, DetectorAdditionalConfiguration, DetectorFeature, DetectorFeatureConfiguration,
    FeatureAdditionalConfiguration, FeatureStatus, FindingPublishingFrequency, MemberAdditionalConfiguration,
    MemberFeaturesConfiguration, OrgFeature, OrgFeatureAdditionalConfiguration, OrgFeatureStatus,
    OrganizationAdditionalConfiguration, OrganizationFeatureConfiguration, UnprocessedAccount,
};

use super::super::detector::{self, Organization};
use super::super::plans::Switch;
use super::members::{self, BATCH, Repair};
use super::{Actual, AutoEnable, Desired, Frequency, offered, own_switches};
use crate::aws::Clients;
use crate::aws::settle::shown;
use crate::control::Cx;
use crate::error::{CallError, Kind, UnitError};

/// Writes what differs.
pub(super) async fn write(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
    let detector = match &have.detector {
        Some(found) => {
            update_detector(cx, want, have).await?;
            found.id.clone()
        }
        None => create_detector(cx.aws, want).await?,
    };
    let known = match &have.organization {
        Some(found) => found.clone(),
        None => detector::organization(cx, &detector).await?.ok_or_else(|| not_administrator(cx))?,
    };
    update_organization(cx, want, &known, &detector).await?;
    let repair = have.members.repair(want);
    repair_members(cx, want, have, &repair, &detector).await
}

fn not_administrator(cx: &Cx<'_>) -> UnitError {
    let (account, region) = (cx.aws.account(), cx.region);
    UnitError::new(Kind::Conflict, format!("account {account} does not administer GuardDuty in {region}"))
        .hint("run without `--only`, so that `delegated_admins` registers it first")
}

fn frequency(want: &Desired) -> Option<FindingPublishingFrequency> {
    want.frequency.map(Frequency::as_str).map(FindingPublishingFrequency::from)
}

/// Switches grouped by feature, with what stands beside the feature itself.
fn by_feature<'a>(switches: impl IntoIterator<Item = (&'a Switch, &'a str)>) -> BTreeMap<&'static str, Vec<(Option<&'static str>, &'a str)>> {
    let mut grouped: BTreeMap<&'static str, Vec<_>> = BTreeMap::new();
    for (switch, value) in switches {
        grouped.entry(switch.feature).or_default().push((switch.additional, value));
    }
    grouped
}

/// The value of the feature itself, where it is among what is written.
fn own_value<'a>(entries: &[(Option<&'static str>, &'a str)]) -> Option<&'a str> {
    entries.iter().find(|(additional, _)| additional.is_none()).map(|(_, value)| *value)
}

fn additional<'a>(entries: &'a [(Option<&'static str>, &'a str)]) -> impl Iterator<Item = (&'static str, &'a str)> {
    entries.iter().filter_map(|(additional, value)| Some(((*additional)?, *value)))
}

fn detector_features<'a>(switches: impl IntoIterator<Item = (&'a Switch, &'a str)>) -> Vec<DetectorFeatureConfiguration> {
    let make = |(feature, entries): (&str, Vec<(Option<&'static str>, &str)>)| {
        let own = additional(&entries).map(|(name, value)| {
            DetectorAdditionalConfiguration::builder()
                .name(FeatureAdditionalConfiguration::from(name))
                .status(FeatureStatus::from(value))
                .build()
        });
        let own: Vec<_> = own.collect();
        DetectorFeatureConfiguration::builder()
            .name(DetectorFeature::from(feature))
            .set_status(own_value(&entries).map(FeatureStatus::from))
            .set_additional_configuration(Some(own).filter(|own| !own.is_empty()))
            .build()
    };
    by_feature(switches).into_iter().map(make).collect()
}

/// A detector that nobody had: plans that are not `ALL` are off in it, since GuardDuty would switch most of them on; those
/// that are not declared are left to GuardDuty.
async fn create_detector(aws: &Clients, want: &Desired) -> Result<String, UnitError> {
    let status = |value: &AutoEnable| if *value == AutoEnable::All { "ENABLED" } else { "DISABLED" };
    let features = detector_features(want.switches.iter().map(|(switch, value)| (switch, status(value))));
    make_detector(aws, frequency(want), features).await
}

/// Makes a detector, or finds the one that came to be meanwhile.
async fn make_detector(
    aws: &Clients,
    frequency: Option<FindingPublishingFrequency>,
    features: Vec<DetectorFeatureConfiguration>,
) -> Result<String, UnitError> {
    let features = Some(features).filter(|features| !features.is_empty());
    let made = aws
        .guardduty()
        .call("CreateDetector", |c| {
            c.create_detector()
                .enable(true)
                .set_finding_publishing_frequency(frequency.clone())
                .set_features(features.clone())
                .send()
        })
        .await;
    match made {
        Ok(answer) => answer.detector_id.ok_or_else(|| UnitError::missing("the new detector's id")),
        Err(error) if error.to_string().contains("already exists") => {
            shown("the detector", || async { Ok(detector::id(aws).await?) }).await
        }
        Err(error) => detector::id(aws).await?.ok_or_else(|| error.into()),
    }
}

async fn update_detector(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), CallError> {
    let Some(found) = &have.detector else { return Ok(()) };
    let switches = own_switches(want, Some(found), have.organization.as_ref());
    let frequency = frequency(want).filter(|wanted| wanted.as_str() != found.frequency);
    if found.enabled && frequency.is_none() && switches.is_empty() {
        return Ok(());
    }
    let features = detector_features(switches.into_iter().map(|switch| (switch, "ENABLED")));
    let features = Some(features).filter(|features| !features.is_empty());
    cx.aws
        .guardduty()
        .call("UpdateDetector", |c| {
            c.update_detector()
                .detector_id(&found.id)
                .enable(true)
                .set_finding_publishing_frequency(frequency.clone())
                .set_features(features.clone())
                .send()
        })
        .await?;
    Ok(())
}

async fn update_organization(
    cx: &Cx<'_>,
    want: &Desired,
    have: &Organization,
    detector: &str,
) -> Result<(), CallError> {
    let differs = |switch: &&Switch, value: &str| have.switches.get(&switch.name()).is_some_and(|now| now != value);
    let offered = want.switches.iter().filter(|(switch, _)| offered(Some(have), switch));
    let changed: Vec<(&Switch, &str)> = offered
        .map(|(switch, value)| (switch, value.as_str()))
        .filter(|(switch, value)| differs(switch, value))
        .collect();
    let auto_enable = want.auto_enable.map_or(have.auto_enable.as_str(), |value| value.as_str());
    if changed.is_empty() && auto_enable == have.auto_enable {
        return Ok(());
    }
    let features: Vec<OrganizationFeatureConfiguration> = by_feature(changed)
        .into_iter()
        .map(|(feature, entries)| organization_feature(feature, &entries, have))
        .collect();
    let features = Some(features).filter(|features| !features.is_empty());
    cx.aws
        .guardduty()
        .call("UpdateOrganizationConfiguration", |c| {
            c.update_organization_configuration()
                .detector_id(detector)
                .auto_enable_organization_members(AutoEnableMembers::from(auto_enable))
                .set_features(features.clone())
                .send()
        })
        .await?;
    Ok(())
}

/// A feature of which only an additional configuration changes is sent back with the value that it has.
fn organization_feature(
    feature: &str,
    entries: &[(Option<&'static str>, &str)],
    have: &Organization,
) -> OrganizationFeatureConfiguration {
    let value = own_value(entries).or_else(|| have.switches.get(feature).map(String::as_str));
    let own = additional(entries).map(|(name, value)| {
        OrganizationAdditionalConfiguration::builder()
            .name(OrgFeatureAdditionalConfiguration::from(name))
            .auto_enable(OrgFeatureStatus::from(value))
            .build()
    });
    let own: Vec<_> = own.collect();
    OrganizationFeatureConfiguration::builder()
        .name(OrgFeature::from(feature))
        .set_auto_enable(value.map(OrgFeatureStatus::from))
        .set_additional_configuration(Some(own).filter(|own| !own.is_empty()))
        .build()
}

/// What a call about members refused: account and GuardDuty's reason.
type Refused = BTreeMap<String, String>;

fn note(refused: &mut Refused, unprocessed: Option<Vec<UnprocessedAccount>>) {
    let reasons = unprocessed.unwrap_or_default().into_iter();
    refused.extend(reasons.filter_map(|u| Some((u.account_id?, u.result.unwrap_or_default()))));
}

async fn repair_members(
    cx: &Cx<'_>,
    want: &Desired,
    have: &Actual,
    repair: &Repair,
    detector: &str,
) -> Result<(), UnitError> {
    let mut refused = Refused::new();
    let management = &cx.facts.management_account;
    if have.members.management_bare && repair.create.contains(management) {
        // It is the one account that GuardDuty does not enable by itself: it needs the service's role first.
        let there = cx.aws.elsewhere(management, cx.region).await?;
        make_detector(&there, None, Vec::new()).await?;
    }
    start(cx, detector, &repair.start, &mut refused).await?;
    create(cx, detector, &repair.create, &want.accounts, &mut refused).await?;
    for (switch, accounts) in &repair.switch_on {
        switch_on(cx, detector, switch, accounts, &mut refused).await?;
    }
    if refused.is_empty() {
        return Ok(());
    }
    // A member that GuardDuty took in meanwhile is refused as well: only who is still none matters.
    let statuses = members::list(cx, detector).await?;
    refused.retain(|account, _| statuses.get(account).is_none_or(|status| status != "Enabled"));
    match refused.first_key_value() {
        None => Ok(()),
        Some((account, why)) => Err(UnitError::new(
            Kind::Rejected,
            format!("GuardDuty did not take {} of the accounts as members; {account}: {why}", refused.len()),
        )),
    }
}

fn batches(accounts: &BTreeSet<String>) -> Vec<Vec<String>> {
    let all: Vec<String> = accounts.iter().cloned().collect();
    all.chunks(BATCH).map(<[String]>::to_vec).collect()
}

async fn start(
    cx: &Cx<'_>,
    detector: &str,
    accounts: &BTreeSet<String>,
    refused: &mut Refused,
) -> Result<(), CallError> {
    for batch in batches(accounts) {
        let answer = cx
            .aws
            .guardduty()
            .call("StartMonitoringMembers", |c| {
                c.start_monitoring_members().detector_id(detector).set_account_ids(Some(batch.clone())).send()
            })
            .await?;
        note(refused, answer.unprocessed_accounts);
    }
    Ok(())
}

async fn create(
    cx: &Cx<'_>,
    detector: &str,
    accounts: &BTreeSet<String>,
    emails: &BTreeMap<String, String>,
    refused: &mut Refused,
) -> Result<(), CallError> {
    for batch in batches(accounts) {
        let detail = |id: &String| {
            let email = emails.get(id).map(String::as_str).unwrap_or_default();
            AccountDetail::builder().account_id(id).email(email).build()
        };
        let details: Vec<AccountDetail> = batch.iter().map(detail).collect();
        let answer = cx
            .aws
            .guardduty()
            .call("CreateMembers", |c| {
                c.create_members().detector_id(detector).set_account_details(Some(details.clone())).send()
            })
            .await?;
        note(refused, answer.unprocessed_accounts);
    }
    Ok(())
}

async fn switch_on(
    cx: &Cx<'_>,
    detector: &str,
    switch: &Switch,
    accounts: &BTreeSet<String>,
    refused: &mut Refused,
) -> Result<(), CallError> {
    // An additional configuration is worth nothing without its feature.
    let own = switch.additional.map(|name| {
        MemberAdditionalConfiguration::builder()
            .name(OrgFeatureAdditionalConfiguration::from(name))
            .status(FeatureStatus::Enabled)
            .build()
    });
    let feature = MemberFeaturesConfiguration::builder()
        .name(OrgFeature::from(switch.feature))
        .status(FeatureStatus::Enabled)
        .set_additional_configuration(own.map(|own| vec![own]))
        .build();
    for batch in batches(accounts) {
        let answer = cx
            .aws
            .guardduty()
            .call("UpdateMemberDetectors", |c| {
                c.update_member_detectors()
                    .detector_id(detector)
                    .set_account_ids(Some(batch.clone()))
                    .features(feature.clone())
                    .send()
            })
            .await?;
        note(refused, answer.unprocessed_accounts);
    }
    Ok(())
}
