//! Part `organization`: the administrator's detector, what is enabled by itself, and the members, in one region.

mod members;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::json;

use super::detector::{self, Detector, Organization};
use super::plans::Switch;
use super::{AutoEnable, Frequency, GuardDuty};
use crate::control::{Adjusted, Control, Cx, DesiredCx, Diff, Meta, Risk, Scope, Seat, Section as _, Wanted};
use crate::controls::delegated_admins::{DelegatedAdmins, ServiceKey};
use crate::error::UnitError;
use crate::resource::{declared, members as expected};

/// One unit per region.
pub(super) struct OrganizationDetector;

/// What the administrator should have set.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Desired {
    auto_enable: Option<AutoEnable>,
    enable_members: bool,
    frequency: Option<Frequency>,
    /// By `FEATURE` and `FEATURE/ADDITIONAL`.
    #[serde(serialize_with = "by_name")]
    switches: BTreeMap<Switch, AutoEnable>,
    /// Trusted access for Malware Protection is declared.
    #[serde(skip)]
    malware_trusted: bool,
    /// Accounts that should be members, with their e-mail addresses.
    #[serde(skip)]
    accounts: BTreeMap<String, String>,
    /// The management account.
    #[serde(skip)]
    management: String,
    /// How many accounts GuardDuty may count when all have it.
    #[serde(skip)]
    countable: usize,
}

fn by_name<S: serde::Serializer>(all: &BTreeMap<Switch, AutoEnable>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(all.iter().map(|(switch, value)| (switch.name(), value)))
}

/// What is there.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Actual {
    /// The administrator's detector.
    detector: Option<Detector>,
    /// Absent where the account does not administer GuardDuty yet.
    organization: Option<Organization>,
    /// What is wrong with members.
    members: members::Amiss,
}

impl Control for OrganizationDetector {
    type Section = GuardDuty;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        part: "organization",
        scope: Scope::OrganizationRegion,
        seat: Seat::DelegatedAdmin("guardduty"),
        elsewhere: &[(
            Seat::Management,
            &["guardduty:CreateDetector", "guardduty:ListDetectors", "guardduty:ListOrganizationAdminAccounts"],
        )],
        after: &["delegated_admins.trusted_access", "delegated_admins.regional_admin:guardduty@region"],
        reads: &[
            "guardduty:DescribeOrganizationConfiguration",
            "guardduty:GetDetector",
            "guardduty:GetMemberDetectors",
            "guardduty:GetOrganizationStatistics",
            "guardduty:ListDetectors",
            "guardduty:ListMembers",
            "guardduty:ListOrganizationAdminAccounts",
        ],
        writes: &[
            "guardduty:CreateDetector",
            "guardduty:CreateMembers",
            "guardduty:StartMonitoringMembers",
            "guardduty:UpdateDetector",
            "guardduty:UpdateMemberDetectors",
            "guardduty:UpdateOrganizationConfiguration",
        ],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, GuardDuty>) -> Vec<Wanted<Desired>> {
        let DesiredCx { section, account, region, facts, baseline } = *cx;
        let admins = declared::<DelegatedAdmins>(baseline);
        let malware = |admins: DelegatedAdmins| admins.trusted_access.contains(&ServiceKey("guardduty_malware".into()));
        Wanted::one(Desired {
            auto_enable: section.auto_enable,
            enable_members: section.enable_members,
            frequency: section.finding_publishing_frequency,
            switches: section.protection_plans.declared(),
            malware_trusted: admins.is_some_and(malware),
            accounts: expected::expected(baseline, facts, GuardDuty::META.id, &account.id, region),
            management: facts.management_account.clone(),
            countable: expected::countable(facts, region),
        })
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        let Some(id) = detector::own(cx).await? else { return Ok(Actual::of_nothing(want)) };
        let detector = Some(detector::read(cx.aws, &id).await?);
        let Some(organization) = detector::organization(cx, &id).await? else {
            return Ok(Actual { detector, ..Actual::of_nothing(want) });
        };
        let members = members::read(cx, want, &id).await?;
        Ok(Actual { detector, organization: Some(organization), members })
    }

    /// Each plan as the organization has it; members one by one only where all of them are as they should be.
    fn adjust(section: &mut GuardDuty, _cx: &Cx<'_>, want: &Desired, have: &Actual) -> Adjusted {
        let Some(organization) = &have.organization else { return Adjusted::default() };
        section.protection_plans.adjust(&organization.switches);
        let repair = have.members.repair(want);
        section.enable_members &= repair.start.is_empty() && repair.create.is_empty();
        Adjusted::said(&["protection_plans.", "enable_members"])
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        let mut d = Diff::new();
        detector_diff(&mut d, want, have.detector.as_ref(), have.organization.as_ref());
        organization_diff(&mut d, want, have.organization.as_ref());
        members::diff(&mut d, want, &have.members);
        d.provisional = have.organization.is_none();
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        write::write(cx, want, have).await
    }
}

impl Actual {
    /// Nobody administers the organization's GuardDuty here: no account is a member.
    fn of_nothing(want: &Desired) -> Actual {
        Actual { members: members::Amiss::all_missing(want), ..Actual::default() }
    }
}

/// The administrator's own detector; auto-enable never reaches it.
fn detector_diff(d: &mut Diff, want: &Desired, have: Option<&Detector>, organization: Option<&Organization>) {
    match have {
        None => d.create("detector", "ENABLED"),
        Some(have) if !have.enabled => d.push("detector", json!("DISABLED"), json!("ENABLED"), Risk::Normal),
        Some(_) => {}
    }
    let frequency = want.frequency.map(Frequency::as_str);
    let before = have.map(|have| have.frequency.as_str());
    d.optional("finding_publishing_frequency", before.as_ref(), frequency.as_ref(), Risk::Normal);
    for switch in own_switches(want, have, organization) {
        let before = have.map(|_| "DISABLED");
        let path = format!("{}.administrator", switch.path());
        d.push(&path, json!(before), json!("ENABLED"), Risk::Normal);
    }
}

/// Switches that are to be on in the administrator's own detector, and are not; all of them where there is none.
fn own_switches<'a>(
    want: &'a Desired,
    have: Option<&Detector>,
    organization: Option<&Organization>,
) -> Vec<&'a Switch> {
    let all = want.switches.iter().filter(|(_, value)| **value == AutoEnable::All).map(|(switch, _)| switch);
    let off = |switch: &&Switch| have.is_none_or(|have| have.switches.get(&switch.name()) == Some(&false));
    all.filter(|switch| offered(organization, switch)).filter(off).collect()
}

/// Guess: what the organization's configuration does not list, the region does not have ("There might be regional
/// differences because some data sources might not be available in all the Regions").
fn offered(organization: Option<&Organization>, switch: &Switch) -> bool {
    organization.is_none_or(|organization| organization.switches.contains_key(&switch.name()))
}

fn organization_diff(d: &mut Diff, want: &Desired, have: Option<&Organization>) {
    let before = have.map(|have| have.auto_enable.as_str());
    d.optional("auto_enable", before.as_ref(), want.auto_enable.map(AutoEnable::as_str).as_ref(), Risk::Normal);
    let mut missing = BTreeSet::new();
    for (switch, value) in &want.switches {
        if offered(have, switch) {
            let before = have.and_then(|have| have.switches.get(&switch.name())).map(String::as_str);
            d.optional(&switch.path(), before.as_ref(), Some(&value.as_str()), Risk::Normal);
        } else if *value != AutoEnable::None {
            missing.insert(switch.name());
        }
    }
    if !missing.is_empty() {
        let names: Vec<String> = missing.into_iter().collect();
        d.notice(format!("GuardDuty does not offer {} in this region", names.join(", ")));
    }
    if have.is_some_and(|have| have.limit_reached) {
        d.notice("the administrator has as many members as GuardDuty allows: no further account becomes one");
    }
    let malware = |switch: &Switch| switch.feature == "EBS_MALWARE_PROTECTION";
    let wanted = want.switches.iter().any(|(switch, value)| malware(switch) && *value != AutoEnable::None);
    if wanted && !want.malware_trusted {
        d.notice(
            "Malware Protection works in members only with trusted access: add `guardduty_malware` to \
             `[delegated_admins] trusted_access`",
        );
    }
    let eks = have.and_then(|have| have.switches.get("EKS_RUNTIME_MONITORING")).map(String::as_str);
    let replaces = want.switches.keys().any(|switch| switch.feature == "RUNTIME_MONITORING");
    if replaces && eks.is_some_and(|value| value != "NONE") {
        d.notice("EKS_RUNTIME_MONITORING is enabled by itself as well: set it to NONE once RUNTIME_MONITORING is on");
    }
}

#[cfg(test)]
mod tests;
