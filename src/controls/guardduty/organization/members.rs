//! Members: who is missing, suspended or without a plan.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_guardduty::types::{FeatureStatus, MemberDataSourceConfiguration, OrganizationStatistics};
use serde::Serialize;
use serde_json::json;

use super::super::detector;
use super::super::plans::{Switch, name};
use super::{AutoEnable, Desired};
use crate::control::{Cx, Diff, Risk};
use crate::error::{CallError, UnitError};

/// Most accounts in one call about members (API model).
pub(super) const BATCH: usize = 50;
/// RelationshipStatus of a member as it should be.
const ENABLED: &str = "Enabled";
/// Statuses that no call of the administrator changes.
const OUT_OF_REACH: [&str; 2] = ["AccountSuspended", "RegionDisabled"];

/// Members that are not as wanted.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Amiss {
    /// Accounts that are no members, and never were or were deleted.
    pub(super) missing: BTreeSet<String>,
    /// The management account is among them and has no detector: GuardDuty cannot take it in by itself.
    pub(super) management_bare: bool,
    /// RelationshipStatus of accounts that are not `Enabled`.
    pub(super) statuses: BTreeMap<String, String>,
    /// Accounts that lack a plan, by `FEATURE` and `FEATURE/ADDITIONAL`.
    pub(super) lacking: BTreeMap<String, BTreeSet<String>>,
}

/// What is to be done about them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Repair {
    /// Suspended accounts whose monitoring starts again.
    pub(super) start: BTreeSet<String>,
    /// Accounts that become members.
    pub(super) create: BTreeSet<String>,
    /// Accounts that get a plan, by switch.
    pub(super) switch_on: BTreeMap<Switch, BTreeSet<String>>,
}

impl Desired {
    /// Members are this unit's business.
    fn manages_members(&self) -> bool {
        self.enable_members || self.auto_enable == Some(AutoEnable::All)
    }

    fn plans_for_all(&self) -> impl Iterator<Item = &Switch> {
        self.switches.iter().filter(|(_, value)| **value == AutoEnable::All).map(|(switch, _)| switch)
    }
}

impl Amiss {
    /// No account is a member yet.
    pub(super) fn all_missing(want: &Desired) -> Amiss {
        // GuardDuty's own enabling reaches every account but a management account without a detector.
        let later = |account: &String| want.enable_members || *account == want.management;
        let missing: BTreeSet<String> = want.accounts.keys().filter(|a| later(a)).cloned().collect();
        let management_bare = missing.contains(&want.management);
        Amiss { missing, management_bare, ..Amiss::default() }
    }

    /// What this unit does about it. Without `enable_members`, only what GuardDuty's own enabling does not reach.
    pub(super) fn repair(&self, want: &Desired) -> Repair {
        let mut repair = Repair::default();
        if !want.manages_members() {
            return repair;
        }
        for (account, status) in &self.statuses {
            match status.as_str() {
                "Disabled" => drop(repair.start.insert(account.clone())),
                known if OUT_OF_REACH.contains(&known) => {}
                _ => drop(repair.create.insert(account.clone())),
            }
        }
        if want.enable_members {
            repair.create.extend(self.missing.iter().cloned());
            for switch in want.plans_for_all() {
                if let Some(accounts) = self.lacking.get(&switch.name()) {
                    repair.switch_on.insert(switch.clone(), accounts.clone());
                }
            }
        } else if self.management_bare {
            repair.create.insert(want.management.clone());
        }
        repair
    }
}

/// Asks for the organization's numbers, and for members only where these do not add up.
pub(super) async fn read(cx: &Cx<'_>, want: &Desired, detector: &str) -> Result<Amiss, UnitError> {
    if !want.manages_members() || want.accounts.is_empty() {
        return Ok(Amiss::default());
    }
    let answer = cx
        .aws
        .guardduty()
        .call("GetOrganizationStatistics", |c| c.get_organization_statistics().send())
        .await?;
    let statistics = answer.organization_details.and_then(|details| details.organization_statistics);
    let short = statistics.as_ref().is_none_or(|s| count(s.enabled_accounts_count) < want.countable);
    let plans_short = statistics.as_ref().is_none_or(|s| want.plans_for_all().any(|switch| is_short(s, switch)));
    if !short && !plans_short {
        return Ok(Amiss::default());
    }
    let mut amiss = Amiss::default();
    let statuses = list(cx, detector).await?;
    let mut enabled = Vec::new();
    for account in want.accounts.keys() {
        match statuses.get(account).map(String::as_str) {
            None => drop(amiss.missing.insert(account.clone())),
            Some(ENABLED) => enabled.push(account.clone()),
            Some(other) => drop(amiss.statuses.insert(account.clone(), other.to_owned())),
        }
    }
    if amiss.missing.contains(&cx.facts.management_account) {
        let there = cx.aws.elsewhere(&cx.facts.management_account, cx.region).await?;
        amiss.management_bare = detector::id(&there).await?.is_none();
    }
    if plans_short {
        amiss.lacking = lacking(cx, want, detector, &enabled).await?;
    }
    Ok(amiss)
}

fn count(number: Option<i32>) -> usize {
    number.and_then(|number| usize::try_from(number).ok()).unwrap_or_default()
}

/// Fewer accounts have the plan than have GuardDuty. A plan without numbers may be short.
fn is_short(statistics: &OrganizationStatistics, switch: &Switch) -> bool {
    let of = statistics.count_by_feature.iter().flatten();
    let feature = of.into_iter().find(|f| f.name.as_ref().is_some_and(|n| n.as_str() == switch.feature));
    let with = match switch.additional {
        None => feature.and_then(|f| f.enabled_accounts_count),
        Some(own) => feature
            .and_then(|f| f.additional_configuration.as_ref())
            .and_then(|all| all.iter().find(|a| a.name.as_ref().is_some_and(|n| n.as_str() == own)))
            .and_then(|a| a.enabled_accounts_count),
    };
    count(with) < count(statistics.enabled_accounts_count)
}

/// RelationshipStatus by account, of accounts that were taken out too.
pub(super) async fn list(cx: &Cx<'_>, detector: &str) -> Result<BTreeMap<String, String>, CallError> {
    let members = cx
        .aws
        .guardduty()
        .pages(
            "ListMembers",
            |c, t| c.list_members().detector_id(detector).only_associated("false").set_next_token(t).send(),
            |a| (a.members, a.next_token),
        )
        .await?;
    Ok(members.into_iter().filter_map(|m| Some((m.account_id?, m.relationship_status?))).collect())
}

/// Which of these members lack which of the plans that are for all.
async fn lacking(
    cx: &Cx<'_>,
    want: &Desired,
    detector: &str,
    members: &[String],
) -> Result<BTreeMap<String, BTreeSet<String>>, CallError> {
    let mut lacking: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for batch in members.chunks(BATCH) {
        let answer = cx
            .aws
            .guardduty()
            .call("GetMemberDetectors", |c| {
                c.get_member_detectors().detector_id(detector).set_account_ids(Some(batch.to_vec())).send()
            })
            .await?;
        for member in answer.member_data_source_configurations.unwrap_or_default() {
            let Some(account) = &member.account_id else { continue };
            let off = switched_off(&member);
            for switch in want.plans_for_all().map(Switch::name).filter(|switch| off.contains(switch)) {
                lacking.entry(switch).or_default().insert(account.clone());
            }
        }
    }
    Ok(lacking)
}

/// What a member has switched off; what it does not list, its region does not have.
fn switched_off(member: &MemberDataSourceConfiguration) -> BTreeSet<String> {
    let mut off = BTreeSet::new();
    for feature in member.features.iter().flatten() {
        let Some(own) = feature.name.as_ref().map(aws_sdk_guardduty::types::OrgFeature::as_str) else { continue };
        if feature.status == Some(FeatureStatus::Disabled) {
            off.insert(own.to_owned());
        }
        for additional in feature.additional_configuration.iter().flatten() {
            if let (Some(config), Some(FeatureStatus::Disabled)) = (&additional.name, &additional.status) {
                off.insert(name(own, Some(config.as_str())));
            }
        }
    }
    off
}

/// Compares: what is repaired is a change, what GuardDuty does by itself or what cannot be changed is a notice.
pub(super) fn diff(d: &mut Diff, want: &Desired, have: &Amiss) {
    let repair = have.repair(want);
    let changed: BTreeSet<&String> = repair.start.iter().chain(&repair.create).collect();
    if !changed.is_empty() {
        let mut before: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
        for account in &changed {
            let status = have.statuses.get(*account).map_or("not a member", String::as_str);
            before.entry(status).or_default().push(account);
        }
        d.push("enable_members", json!(before), json!({ENABLED: changed}), Risk::Normal);
    }
    for (switch, accounts) in &repair.switch_on {
        let path = format!("{}.members", switch.path());
        d.push(&path, json!({"DISABLED": accounts}), json!({"ENABLED": accounts}), Risk::Normal);
    }
    notices(d, want, have, &repair);
}

fn notices(d: &mut Diff, want: &Desired, have: &Amiss, repair: &Repair) {
    let waiting = have.missing.difference(&repair.create).count();
    if waiting > 0 {
        d.notice(format!("{waiting} accounts are not members yet: GuardDuty takes them in within 24 hours"));
    }
    let out_of_reach = have.statuses.values().filter(|status| OUT_OF_REACH.contains(&status.as_str())).count();
    if out_of_reach > 0 {
        d.notice(format!("{out_of_reach} members are suspended accounts or do not have the region"));
    }
    for (switch, accounts) in &have.lacking {
        if !want.enable_members {
            let count = accounts.len();
            d.notice(format!("{count} members do not have {switch} yet: GuardDuty switches it on within 24 hours"));
        }
    }
}
