//! What the organization's administrator sets for all accounts, and how it reaches them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::{account, iam, organizations};
use super::features::{self, FEATURES};
use super::organizations::AccountState;
use super::{
    Detector, Member, Organization, PRINCIPAL, administrator, bad_request, derived_id, edit, members,
    out_of_range, own, page,
};
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

/// Members that an administrator of an organization may have (`aws-limits.md` 1.2).
const MEMBER_LIMIT: usize = 50_000;

/// Refuses everybody but the organization's administrator in the region.
///
/// The message: aws-samples/aws-security-reference-architecture-examples#141.
pub(super) fn require_administrator(world: &World, call: &Call) -> Result<(), Fault> {
    if administrator(world, &call.region) == Some(call.account.as_str()) {
        return Ok(());
    }
    Err(bad_request(
        "The request failed because you do not have required AWS Organization master permission.",
    ))
}

pub(super) fn describe(world: &mut World, call: &Call) -> Reply {
    let detector = own(world, call)?;
    require_administrator(world, call)?;
    let organization = &detector.organization;
    let of = |name: &str| organization.features.get(name).map_or("NONE", String::as_str);
    let all: Vec<Value> = FEATURES
        .iter()
        .map(|(name, _, additional)| {
            let mut value = json!({"Name": name, "AutoEnable": of(name)});
            if !additional.is_empty() {
                let own = |own: &&str| json!({"Name": own, "AutoEnable": of(&format!("{name}/{own}"))});
                value["AdditionalConfiguration"] = additional.iter().map(own).collect();
            }
            value
        })
        .collect();
    let (features, next) = page(world, call, &all)?;
    let auto_enable = auto_enable(organization);
    let on = |name: &str| of(name) != "NONE";
    let mut reply = json!({
        "AutoEnable": auto_enable != "NONE",
        "AutoEnableOrganizationMembers": auto_enable,
        "MemberAccountLimitReached": detector.members.len() >= MEMBER_LIMIT,
        "DataSources": {
            "S3Logs": {"AutoEnable": on("S3_DATA_EVENTS")},
            "Kubernetes": {"AuditLogs": {"AutoEnable": on("EKS_AUDIT_LOGS")}},
            "MalwareProtection": {"ScanEc2InstanceWithFindings": {
                "EbsVolumes": {"AutoEnable": on("EBS_MALWARE_PROTECTION")},
            }},
        },
        "Features": features,
    });
    if let Some(next) = next {
        reply["NextToken"] = json!(next);
    }
    Ok(reply)
}

/// Guess: a new administrator's configuration is `NONE` throughout.
pub(super) fn auto_enable(organization: &Organization) -> &str {
    if organization.auto_enable.is_empty() { "NONE" } else { &organization.auto_enable }
}

/// One of the two members must be there, and not both (API documentation).
pub(super) fn update(world: &mut World, call: &Call) -> Reply {
    own(world, call)?;
    require_administrator(world, call)?;
    let auto_enable = match (call.str("AutoEnableOrganizationMembers"), call.bool("AutoEnable")) {
        (Some(value), None) => value.to_owned(),
        (None, Some(on)) => String::from(if on { "NEW" } else { "NONE" }),
        _ => return Err(out_of_range()),
    };
    let asked = features::asked(&call.input, "AutoEnable")?;
    let organization = &mut edit(world, call).organization;
    organization.auto_enable = auto_enable;
    for (name, value) in asked {
        if value == "NONE" {
            organization.features.remove(&name)
        } else {
            organization.features.insert(name, value)
        };
    }
    reach_all(world, &call.account, &call.region, call.now);
    Ok(json!({}))
}

/// `ALL` reaches existing accounts, those too that were removed or suspended before; within 24 hours in AWS.
fn reach_all(world: &mut World, admin: &str, region: &str, now: f64) {
    let Some(organization) = world.guardduty.get(&cell(admin, region)).map(|d| d.organization.clone()) else {
        return;
    };
    if auto_enable(&organization) == "ALL" {
        for account in reachable(world, admin, region, now) {
            enroll(world, admin, region, &account, &["ALL"], now);
        }
    }
    let all = switches(&organization, &["ALL"]);
    for account in members::associated(world, admin, region) {
        if let Some(detector) = world.guardduty.get_mut(&cell(&account, region)) {
            features::set(&mut detector.features, &all, now);
        }
    }
}

/// The organization's active accounts that have the region, without the administrator. The management account must have
/// the service's role (user guide, "Considerations").
fn reachable(world: &World, admin: &str, region: &str, now: f64) -> Vec<String> {
    let accounts =
        world.organizations.accounts.values().filter(|account| account.state == AccountState::Active);
    let ids = accounts.map(|account| account.id.clone());
    ids.filter(|id| id != admin && can_be_member(world, id, region, now)).collect()
}

/// Whether GuardDuty can enable the account in the region by itself.
pub(super) fn can_be_member(world: &World, account: &str, region: &str, now: f64) -> bool {
    let is_management = organizations::management(world) == Some(account);
    account::regions::is_enabled(world, account, region, now)
        && (!is_management || iam::has_service_linked_role(world, account, PRINCIPAL))
}

/// The features that are switched on by the organization's configuration, where it is one of `values`.
fn switches(organization: &Organization, values: &[&str]) -> features::Asked {
    let chosen = organization.features.iter().filter(|(_, value)| values.contains(&value.as_str()));
    chosen.map(|(name, _)| (name.clone(), "ENABLED".to_owned())).collect()
}

/// Makes an account a member, with a detector that is on. `values`: which settings of features reach it. Features of a
/// detector that comes to be only now are those of the organization; of one that was there, no other is switched.
pub(super) fn enroll(world: &mut World, admin: &str, region: &str, account: &str, values: &[&str], now: f64) {
    let Some(organization) = world.guardduty.get(&cell(admin, region)).map(|d| d.organization.clone()) else {
        return;
    };
    iam::ensure_derived_role(world, account, PRINCIPAL, now);
    let id = derived_id(world, account, region);
    let email = world.organizations.accounts.get(account).map(|a| a.email.clone()).unwrap_or_default();
    let place = cell(account, region);
    let is_new = !world.guardduty.contains_key(&place);
    let detector = world.guardduty.entry(place).or_insert_with(|| Detector {
        id,
        created: now,
        updated: now,
        frequency: super::detectors::DEFAULT_FREQUENCY.into(),
        features: BTreeMap::new(),
        ..Detector::default()
    });
    detector.enabled = true;
    let values = if is_new { &["ALL", "NEW"] } else { values };
    features::set(&mut detector.features, &switches(&organization, values), now);
    let member = Member { status: "Enabled".into(), email, updated: now };
    if let Some(administrator) = world.guardduty.get_mut(&cell(admin, region)) {
        let known = administrator.members.get(account).is_some_and(|m| m.status == "Enabled");
        if !known {
            administrator.members.insert(account.to_owned(), member);
        }
    }
}

/// How many accounts have what. In AWS the numbers are up to a day old. Guess: the administrator counts.
pub(super) fn statistics(world: &mut World, call: &Call) -> Reply {
    require_administrator(world, call)?;
    let members = members::associated(world, &call.account, &call.region);
    let enabled: Vec<&Detector> = members
        .iter()
        .chain([&call.account])
        .filter_map(|account| world.guardduty.get(&cell(account, &call.region)))
        .filter(|detector| detector.enabled)
        .collect();
    let with = |name: &str, additional: Option<&str>| {
        let has = |detector: &&&Detector| {
            let feature = detector.features.get(name);
            feature.is_some_and(|f| f.enabled && additional.is_none_or(|own| f.additional.contains(own)))
        };
        enabled.iter().filter(has).count()
    };
    let features: Vec<Value> = FEATURES
        .iter()
        .map(|(name, _, additional)| {
            let own = |own: &&str| json!({"Name": own, "EnabledAccountsCount": with(name, Some(own))});
            let additional: Vec<Value> = additional.iter().map(own).collect();
            json!({"Name": name, "EnabledAccountsCount": with(name, None), "AdditionalConfiguration": additional})
        })
        .collect();
    Ok(json!({"OrganizationDetails": {
        "UpdatedAt": call.now,
        "OrganizationStatistics": {
            "TotalAccountsCount": world.organizations.accounts.len(),
            "MemberAccountsCount": members.len(),
            "ActiveAccountsCount": members.len(),
            "EnabledAccountsCount": enabled.len(),
            "CountByFeature": features,
        },
    }}))
}

/// An account was made the organization's administrator in a region: GuardDuty is on there.
pub fn administrator_enabled(world: &mut World, account: &str, call: &Call) {
    let place = cell(account, &call.region);
    if !world.guardduty.contains_key(&place) {
        let detector = Detector {
            id: super::derived_id(world, account, &call.region),
            created: call.now,
            updated: call.now,
            frequency: super::detectors::DEFAULT_FREQUENCY.into(),
            features: features::of_new_detector(&Vec::new(), call.now),
            ..Detector::default()
        };
        world.guardduty.insert(place.clone(), detector);
    }
    if let Some(detector) = world.guardduty.get_mut(&place) {
        detector.enabled = true;
        detector.organization = Organization::default();
    }
}

/// Whether the administrator may be taken away: its members must be gone before (user guide, "Changing the delegated
/// administrator").
///
/// # Errors
/// `BadRequestException`. Guess: the message.
pub fn administrator_may_leave(world: &World, account: &str, region: &str) -> Result<(), Fault> {
    if members::associated(world, account, region).is_empty() {
        return Ok(());
    }
    Err(bad_request(
        "The request is rejected because the delegated administrator account still has associated member accounts.",
    ))
}

/// The administrator was taken away: its detector stays, without the organization's configuration.
pub fn administrator_disabled(world: &mut World, account: &str, region: &str) {
    if let Some(detector) = world.guardduty.get_mut(&cell(account, region)) {
        detector.organization = Organization::default();
        detector.members.clear();
    }
}

/// An account joined the organization.
pub fn joined(world: &mut World, account: &str, now: f64) {
    for (admin, region) in administrators(world) {
        let Some(detector) = world.guardduty.get(&cell(&admin, &region)) else { continue };
        let wanted = auto_enable(&detector.organization) != "NONE";
        if wanted && admin != account && can_be_member(world, account, &region, now) {
            enroll(world, &admin, &region, account, &["ALL", "NEW"], now);
        }
    }
}

/// An account left the organization: it keeps its detector and has no administrator any more.
pub fn left(world: &mut World, account: &str) {
    for (admin, region) in administrators(world) {
        if let Some(detector) = world.guardduty.get_mut(&cell(&admin, &region)) {
            detector.members.remove(account);
        }
    }
}

/// The administrators of all regions, with theirs.
fn administrators(world: &World) -> Vec<(String, String)> {
    let places = world.integrations.administrators.iter();
    let own = places.filter_map(|(place, admin)| {
        Some((admin.account.clone(), place.strip_prefix("guardduty/")?.to_owned()))
    });
    own.collect()
}
