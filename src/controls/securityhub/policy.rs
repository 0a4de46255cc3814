//! Configuration policies: what they say, and what they are associated with.
//!
//! One unit per policy: that of the section itself, that of the excluded OUs, and the further ones. A policy of the derived name
//! is ours; its targets are as declared. What others made is left alone and named: where it is associated with a declared
//! target, a person decides.

mod content;
mod live;
mod plan;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_securityhub::types::Target;
use serde::Serialize;

use super::{MOST_POLICIES, SecurityHub};
use crate::baseline::Baseline;
use crate::control::{Adjusted, Control, Cx, DesiredCx, Diff, Meta, Seat, Section as _, Want, Wanted, key_of};
use crate::controls::ous::lookup;
use crate::diag::Findings;
use crate::error::{Absent as _, Kind, UnitError};
use crate::facts::{Account, is_under};
use crate::names::{self, OWNER_TAG};
use crate::report::text::safe;
use content::Content;
use live::Actual;

/// Name of the section's own policy among the units.
const DEFAULT: &str = "default";
/// Name of the policy that switches Security Hub off.
const EXCLUDED: &str = "excluded";

/// One unit per policy.
pub(super) struct ConfigurationPolicy;

/// What one policy should be.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Desired {
    /// Its name in Security Hub.
    name: String,
    content: Content,
    /// OU paths and account ids.
    targets: BTreeSet<String>,
    /// Targets of the other declared policies: theirs to change.
    #[serde(skip)]
    elsewhere: BTreeSet<String>,
    /// Names of all declared policies in Security Hub.
    #[serde(skip)]
    ours: BTreeSet<String>,
    /// The policy is declared in `[[removed]]`.
    removed: bool,
}

impl Desired {
    /// The key of the section that lists the targets.
    fn key(&self) -> &'static str {
        if self.content.enabled { "targets" } else { "excluded_ous" }
    }
}

/// A policy as the section declares it.
struct Declared<'s> {
    /// Name among the units.
    part: &'s str,
    content: Content,
    targets: &'s [String],
    /// Path of its table inside the section.
    at: String,
}

/// The declared policies; the one with the widest reach comes last.
fn declared(section: &SecurityHub) -> Vec<Declared<'_>> {
    let mut all = Vec::new();
    if let Some(ous) = &section.excluded_ous {
        all.push(Declared { part: EXCLUDED, content: Content::off(), targets: ous, at: String::new() });
    }
    for (name, policy) in &section.policies {
        let content = Content::of_policy(policy);
        all.push(Declared { part: name, content, targets: &policy.targets, at: format!("policies.{name}") });
    }
    let content = Content::of_section(section);
    all.push(Declared { part: DEFAULT, content, targets: &section.targets, at: String::new() });
    all
}

/// Name in Security Hub.
fn live_name(part: &str, baseline: &Baseline) -> String {
    names::securityhub_policy(baseline, if part == DEFAULT { "" } else { part })
}

/// Whether the declared policies enable Security Hub in an account and region: the nearest one decides.
pub(super) fn enables(section: &SecurityHub, account: &Account, region: &str, baseline: &Baseline) -> bool {
    use super::LinkingMode::{AllRegions, AllRegionsExceptSpecified, NoRegions, SpecifiedRegions};
    let (mode, regions) = section.linking(baseline);
    let listed = regions.iter().any(|r| r == region);
    let linked = match mode {
        AllRegions => true,
        AllRegionsExceptSpecified => !listed,
        SpecifiedRegions => listed,
        NoRegions => false,
    };
    if !linked && region != baseline.organization.home_region {
        return false;
    }
    let key = baseline.account_key(account);
    // Longer paths are nearer, and the account itself is nearest.
    let near = |target: &String| {
        let own = key == Some(target.as_str());
        (own || is_under(&account.ou, target)).then_some((own, target.len()))
    };
    let policies = declared(section);
    let nearest = policies.iter().flat_map(|p| p.targets.iter().filter_map(near).map(|n| (n, p.content.enabled)));
    nearest.max_by_key(|(near, _)| *near).is_some_and(|(_, enabled)| enabled)
}

/// Rules over all policies.
pub(super) fn check(section: &SecurityHub, baseline: &Baseline, findings: &mut Findings<'_>) {
    let policies = declared(section);
    if policies.len() > MOST_POLICIES {
        findings.at("policies", format!("{} policies are declared; AWS allows {MOST_POLICIES}", policies.len()));
    }
    let mut seen = BTreeMap::new();
    for policy in &policies {
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if policy.part.is_empty() || !policy.part.chars().all(legal) {
            findings.at(&policy.at, format!("`{}` is no name: lower-case letters, digits and hyphens", policy.part));
        }
        if !policy.at.is_empty() && [DEFAULT, EXCLUDED].contains(&policy.part) {
            findings.at(&policy.at, format!("`{}` is the name of the section's own policy", policy.part));
        }
        for target in policy.targets {
            if let Some(other) = seen.insert(target, policy.part) {
                findings.at(
                    if policy.at.is_empty() { "targets" } else { &policy.at },
                    format!("`{target}` is a target of `{other}` and of `{}`", policy.part),
                );
            }
        }
    }
    for removed in baseline.removed.iter().filter(|r| r.control == "securityhub") {
        if policies.iter().any(|p| p.part == removed.name && !p.targets.is_empty()) {
            let message = format!("`{}` is declared here and removed at {}", removed.name, removed.declared_at);
            findings.at("", message);
        }
    }
}

impl Control for ConfigurationPolicy {
    type Section = SecurityHub;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        part: "policy",
        seat: Seat::DelegatedAdmin("securityhub"),
        elsewhere: &[(Seat::Member, &["securityhub:DescribeHub"])],
        after: &["accounts", "delegated_admins", "ous", "securityhub.management", "securityhub.organization"],
        reads: &[
            "organizations:ListOrganizationalUnitsForParent",
            "securityhub:DescribeHub",
            "securityhub:DescribeOrganizationConfiguration",
            "securityhub:GetConfigurationPolicy",
            "securityhub:ListConfigurationPolicies",
            "securityhub:ListConfigurationPolicyAssociations",
        ],
        writes: &[
            "securityhub:CreateConfigurationPolicy",
            "securityhub:DeleteConfigurationPolicy",
            "securityhub:StartConfigurationPolicyAssociation",
            "securityhub:StartConfigurationPolicyDisassociation",
            "securityhub:UpdateConfigurationPolicy",
        ],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, SecurityHub>) -> Vec<Wanted<Desired>> {
        if !cx.section.is_central() {
            return Vec::new();
        }
        let policies = declared(cx.section);
        let parts: Vec<String> = policies.iter().map(|p| p.part.to_owned()).collect();
        let mut units: Vec<Wanted<Desired>> = policies.iter().map(|policy| want(cx, policy, &policies)).collect();
        if let Some(last) = units.last_mut() {
            // The root comes last: nothing is enabled that is to be excluded.
            last.after = parts.iter().filter(|part| *part != DEFAULT).cloned().collect();
        }
        let removed = cx.baseline.removed.iter().filter(|r| r.control == "securityhub");
        let gone = removed.filter(|r| !parts.contains(&r.name));
        units.extend(gone.map(|r| Wanted::set(r.name.clone(), "", removal(&r.name, cx.baseline))));
        units
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        live::read(cx, want).await
    }

    fn adjust(section: &mut SecurityHub, cx: &Cx<'_>, want: &Desired, have: &Actual) -> Adjusted {
        let key = |target: &String| match cx.facts.accounts.get(target) {
            Some(account) => key_of(cx.baseline, account),
            None => target.clone(),
        };
        let ours = have.applied.iter().filter(|(_, applied)| have.is_ours(applied));
        let targets: Vec<String> = ours.map(|(target, _)| key(target)).collect();
        if !want.content.enabled {
            section.excluded_ous = have.found.is_some().then_some(targets);
            return Adjusted::said(&["excluded_ous."]);
        }
        let Some(found) = &have.found else { return Adjusted::Absent };
        let list = |ids: &Option<BTreeSet<String>>| ids.as_ref().map(|ids| ids.iter().cloned().collect());
        section.standards = found.content.standards.iter().cloned().collect();
        section.enabled_controls = list(&found.content.enabled_controls);
        section.disabled_controls = list(&found.content.disabled_controls);
        section.parameters = Some(found.content.parameters.clone().unwrap_or_default());
        section.targets = targets;
        Adjusted::said(&["standards", "enabled_controls", "disabled_controls", "parameters", "targets."])
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        plan::diff(want, have)
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        let id = match (&have.found, want.removed) {
            (Some(found), true) => return remove(cx, &found.id, have).await,
            (None, true) => return Ok(()),
            (Some(found), false) => {
                if !want.content.is_met_by(&found.content) {
                    update(cx, want, &found.id, &found.content).await?;
                }
                Some(found.id.clone())
            }
            (None, false) if want.targets.is_empty() => None,
            (None, false) => Some(create(cx, want).await?),
        };
        let Some(id) = id else { return Ok(()) };
        for target in plan::to_associate(want, have) {
            let Some(target_id) = target_id(cx, target).await? else {
                let message = format!("there is no OU {target}");
                return Err(UnitError::new(Kind::Vanished, message).hint("declare it under [ous]"));
            };
            associate(cx, &id, &target_id).await?;
        }
        for target in plan::to_disassociate(want, have) {
            disassociate(cx, &id, &target.id).await?;
        }
        Ok(())
    }
}

fn want(cx: &DesiredCx<'_, SecurityHub>, policy: &Declared<'_>, all: &[Declared<'_>]) -> Wanted<Desired> {
    let resolve = |target: &String| {
        if target.starts_with('/') { Some(target.clone()) } else { cx.baseline.account_id(target, cx.facts) }
    };
    let missing = policy.targets.iter().find(|target| resolve(target).is_none());
    let others = all.iter().filter(|other| other.part != policy.part);
    let desired = Desired {
        name: live_name(policy.part, cx.baseline),
        content: policy.content.clone(),
        targets: policy.targets.iter().filter_map(resolve).collect(),
        elsewhere: others.flat_map(|other| other.targets).filter_map(resolve).collect(),
        ours: all.iter().map(|p| live_name(p.part, cx.baseline)).collect(),
        removed: false,
    };
    let wanted = Wanted::set(policy.part, policy.at.clone(), desired);
    let blocked = missing.map(|key| format!("account `{key}` does not exist yet: run `orgbase vend {key}`"));
    match blocked.or_else(|| unheeded(cx, policy)) {
        None => wanted,
        Some(why) => Wanted { want: Want::Blocked(why), ..wanted },
    }
}

/// Why a policy must not be associated: it would reach an account that `[[exceptions]]` take out of the section. A policy knows
/// no exceptions but other targets.
fn unheeded(cx: &DesiredCx<'_, SecurityHub>, policy: &Declared<'_>) -> Option<String> {
    let DesiredCx { section, facts, baseline, .. } = *cx;
    let home = std::slice::from_ref(&baseline.organization.home_region);
    let reaches = |account: &Account| {
        let own = baseline.account_key(account);
        policy.targets.iter().any(|target| own == Some(target) || is_under(&account.ou, target))
    };
    let excepted = |account: &&Account| {
        let of_section = baseline.exceptions.iter().filter(|e| e.control == SecurityHub::META.id);
        let regions = of_section.flat_map(|e| e.regions.as_deref().unwrap_or(home));
        regions.into_iter().any(|region| {
            baseline.exception(SecurityHub::META.id, account, region).is_some()
                && enables(section, account, region, baseline)
        })
    };
    // These two have units of their own, which an exception takes out.
    let is_member = |a: &&Account| a.is_active() && a.id != facts.management_account && a.id != cx.account.id;
    let members = facts.accounts.values().filter(|_| policy.content.enabled).filter(is_member);
    let account = members.filter(|account| reaches(account)).find(excepted)?;
    Some(format!(
        "account {} ({}) is an exception, but configuration policies reach accounts by their OU: list its OU in \
         `securityhub.excluded_ous`, or take the exception out",
        safe(&account.name),
        account.id
    ))
}

fn removal(part: &str, baseline: &Baseline) -> Desired {
    let (targets, elsewhere, ours) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let name = live_name(part, baseline);
    let content = if part == EXCLUDED { Content::off() } else { Content::on() };
    Desired { name, content, targets, elsewhere, ours, removed: true }
}

/// The id of a target that the section names by OU path or account id. `None`: there is no such OU.
async fn target_id(cx: &Cx<'_>, target: &str) -> Result<Option<String>, UnitError> {
    if target.starts_with('/') { Ok(lookup::id_now(cx, target).await?) } else { Ok(Some(target.to_owned())) }
}

fn live_target(id: &str) -> Target {
    let id = id.to_owned();
    if id.starts_with("r-") {
        Target::RootId(id)
    } else if id.starts_with("ou-") {
        Target::OrganizationalUnitId(id)
    } else {
        Target::AccountId(id)
    }
}

async fn create(cx: &Cx<'_>, want: &Desired) -> Result<String, UnitError> {
    let content = want.content.to_live(None, cx.facts, cx.region);
    let answer = cx
        .aws
        .securityhub()
        .call("CreateConfigurationPolicy", |c| {
            c.create_configuration_policy()
                .name(&want.name)
                .configuration_policy(content.clone())
                .tags(OWNER_TAG, "securityhub")
                .send()
        })
        .await?;
    answer.id.ok_or_else(|| UnitError::missing("the id of the new configuration policy"))
}

async fn update(cx: &Cx<'_>, want: &Desired, id: &str, have: &Content) -> Result<(), UnitError> {
    let content = want.content.to_live(Some(have), cx.facts, cx.region);
    cx.aws
        .securityhub()
        .call("UpdateConfigurationPolicy", |c| {
            c.update_configuration_policy().identifier(id).configuration_policy(content.clone()).send()
        })
        .await?;
    Ok(())
}

async fn associate(cx: &Cx<'_>, policy: &str, target: &str) -> Result<(), UnitError> {
    let live = live_target(target);
    cx.aws
        .securityhub()
        .call("StartConfigurationPolicyAssociation", |c| {
            let call = c.start_configuration_policy_association();
            call.configuration_policy_identifier(policy).target(live.clone()).send()
        })
        .await?;
    Ok(())
}

async fn disassociate(cx: &Cx<'_>, policy: &str, target: &str) -> Result<(), UnitError> {
    let live = live_target(target);
    cx.aws
        .securityhub()
        .call("StartConfigurationPolicyDisassociation", |c| {
            let call = c.start_configuration_policy_disassociation();
            call.configuration_policy_identifier(policy).target(live.clone()).send()
        })
        .await
        .absent(&["ResourceNotFoundException"])?;
    Ok(())
}

async fn remove(cx: &Cx<'_>, id: &str, have: &Actual) -> Result<(), UnitError> {
    for target in have.applied.values().filter(|applied| applied.policy == id) {
        disassociate(cx, id, &target.id).await?;
    }
    cx.aws
        .securityhub()
        .call("DeleteConfigurationPolicy", |c| c.delete_configuration_policy().identifier(id).send())
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests;
