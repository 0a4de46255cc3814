//! Reading policies and their associations.

use std::collections::BTreeMap;

use aws_sdk_securityhub::types::{
    AssociationFilters, AssociationType, ConfigurationPolicyAssociationStatus, ConfigurationPolicyAssociationSummary, Policy,
};
use serde::Serialize;

use super::{Desired, lookup, target_id};
use crate::control::Cx;
use crate::controls::securityhub::calls;
use crate::error::{Absent as _, UnitError};
use crate::facts::{Account, is_under};

use super::content::Content;

/// What is there. All empty while configuration is not central.
#[derive(Debug, Clone, Default, Serialize)]
pub(in crate::controls::securityhub) struct Actual {
    /// The policy of the name.
    pub(super) found: Option<Found>,
    /// What is directly applied, by OU path or account id.
    pub(super) applied: BTreeMap<String, Applied>,
    /// Accounts under failed targets in which the policy failed.
    pub(super) failed: Vec<FailedAccount>,
    /// Accounts under targets that are to be switched off, in which Security Hub is on.
    pub(super) switched_off: Vec<String>,
}

/// A policy.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Found {
    pub(super) id: String,
    pub(super) content: Content,
}

/// What is directly applied to a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Applied {
    /// Id of the root, OU or account.
    pub(super) id: String,
    /// Id of the policy, or `SELF_MANAGED_SECURITY_HUB`.
    pub(super) policy: String,
    /// Name of the policy; absent for self-managed targets.
    pub(super) name: Option<String>,
    /// `PENDING`, `SUCCESS` or `FAILED`.
    pub(super) status: String,
}

/// An account in which a policy failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct FailedAccount {
    /// Id, and name where it is known.
    pub(super) account: String,
    /// Path of its OU.
    pub(super) ou: String,
    /// 12 digits.
    pub(super) id: String,
    /// It could be reached at all.
    pub(super) active: bool,
    /// AWS's reason.
    pub(super) message: String,
}

impl Actual {
    /// Whether the policy is applied to a target.
    pub(super) fn is_ours(&self, applied: &Applied) -> bool {
        self.found.as_ref().is_some_and(|found| found.id == applied.policy)
    }
}

/// Reads everything about one policy.
pub(super) async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
    let mut have = Actual::default();
    if calls::organization(cx.aws).await?.is_some_and(|organization| organization.central) {
        let names = names(cx).await?;
        if let Some((id, _)) = names.iter().find(|(_, name)| **name == want.name) {
            have.found = found(cx, id).await?;
        }
        have.applied = applied(cx, want, &names).await?;
        have.failed = failed(cx, want, &have).await?;
    }
    have.switched_off = switched_off(cx, want, &have).await?;
    Ok(have)
}

/// Names of all policies by id.
async fn names(cx: &Cx<'_>) -> Result<BTreeMap<String, String>, UnitError> {
    let all = cx
        .aws
        .securityhub()
        .pages(
            "ListConfigurationPolicies",
            |c, t| c.list_configuration_policies().set_next_token(t).send(),
            |a| (a.configuration_policy_summaries, a.next_token),
        )
        .await?;
    Ok(all.into_iter().filter_map(|policy| Some((policy.id?, policy.name.unwrap_or_default()))).collect())
}

async fn found(cx: &Cx<'_>, id: &str) -> Result<Option<Found>, UnitError> {
    let answer = cx
        .aws
        .securityhub()
        .call("GetConfigurationPolicy", |c| c.get_configuration_policy().identifier(id).send())
        .await
        .absent(&["ResourceNotFoundException"])?;
    let Some(answer) = answer else { return Ok(None) };
    let Some(Policy::SecurityHub(policy)) = answer.configuration_policy else {
        return Err(UnitError::missing("the content of the configuration policy"));
    };
    Ok(Some(Found { id: id.to_owned(), content: Content::from_live(&policy) }))
}

async fn associations(
    cx: &Cx<'_>,
    filters: AssociationFilters,
) -> Result<Vec<ConfigurationPolicyAssociationSummary>, UnitError> {
    let all = cx
        .aws
        .securityhub()
        .pages(
            "ListConfigurationPolicyAssociations",
            |c, t| c.list_configuration_policy_associations().filters(filters.clone()).set_next_token(t).send(),
            |a| (a.configuration_policy_association_summaries, a.next_token),
        )
        .await?;
    Ok(all)
}

/// What is directly applied, under the names that the baseline uses for the targets.
async fn applied(
    cx: &Cx<'_>,
    want: &Desired,
    names: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Applied>, UnitError> {
    let filters = AssociationFilters::builder().association_type(AssociationType::Applied).build();
    let mut all = BTreeMap::new();
    for association in associations(cx, filters).await? {
        let id = association.target_id.ok_or_else(|| UnitError::missing("the target of an association"))?;
        let policy = association.configuration_policy_id.unwrap_or_default();
        let status = association.association_status.map(|status| status.as_str().to_owned()).unwrap_or_default();
        let path = cx.facts.path_of(&id).map(|path| lookup::settled_path(path, cx.facts, cx.baseline));
        let applied = Applied { name: names.get(&policy).cloned(), policy, status, id };
        all.insert(path.unwrap_or_else(|| applied.id.clone()), applied);
    }
    // An OU that this run made is not among the facts: it is known by its path only after a look-up.
    if cx.fresh && all.keys().any(|name| name.starts_with("ou-")) {
        for path in want.targets.iter().filter(|target| target.starts_with('/')) {
            if let Some(id) = target_id(cx, path).await?
                && let Some(applied) = all.remove(&id)
            {
                all.insert(path.clone(), applied);
            }
        }
    }
    Ok(all)
}

/// Accounts in which the policy failed, asked only where a target says that there are some.
async fn failed(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<Vec<FailedAccount>, UnitError> {
    let status = ConfigurationPolicyAssociationStatus::Failed;
    let is_failed = |target: &String| {
        have.applied.get(target).is_some_and(|applied| have.is_ours(applied) && applied.status == status.as_str())
    };
    let Some(found) = have.found.as_ref().filter(|_| want.targets.iter().any(is_failed)) else { return Ok(Vec::new()) };
    let filters =
        AssociationFilters::builder().configuration_policy_id(&found.id).association_status(status.clone()).build();
    let all = associations(cx, filters).await?;
    let account = |association: ConfigurationPolicyAssociationSummary| {
        let id = association.target_id?;
        let known = cx.facts.accounts.get(&id)?;
        Some(FailedAccount {
            account: named(known),
            ou: known.ou.clone(),
            active: known.is_active(),
            message: association.association_status_message.unwrap_or_else(|| "AWS gives no reason".into()),
            id,
        })
    };
    Ok(all.into_iter().filter_map(account).collect())
}

/// Accounts under targets that are about to be switched off, in which Security Hub is on: what it found there would be lost.
/// One whose role cannot be assumed counts as one of them.
async fn switched_off(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<Vec<String>, UnitError> {
    let mut on = Vec::new();
    if want.content.enabled || want.removed {
        return Ok(on);
    }
    let new = |target: &&String| have.applied.get(*target).is_none_or(|applied| !have.is_ours(applied));
    let targets: Vec<&String> = want.targets.iter().filter(new).collect();
    let reached = |account: &&Account| {
        account.is_active() && targets.iter().any(|t| **t == account.id || is_under(&account.ou, t))
    };
    for account in cx.facts.accounts.values().filter(reached) {
        match cx.aws.elsewhere(&account.id, cx.region).await {
            Ok(aws) => on.extend(calls::hub(&aws).await?.map(|_| named(account))),
            Err(_) => on.push(named(account)),
        }
    }
    Ok(on)
}

fn named(account: &Account) -> String {
    format!("{} ({})", account.id, account.name)
}
