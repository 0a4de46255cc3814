//! What holds for the whole organization: its features, delegation, and the services that act for all accounts.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::source::{ReadCx, Source};
use crate::compliance::cis::RuleScope;
use crate::error::{Absent as _, CallError};

use super::regional::list_analyzers;

/// Features of central root access that are on.
pub(crate) struct RootAccess(pub(crate) BTreeSet<String>);

impl Source for RootAccess {
    const SCOPE: RuleScope = RuleScope::Org;
    const READS: &'static [&'static str] = &["iam:ListOrganizationsFeatures"];

    async fn read(cx: &ReadCx<'_>) -> Result<RootAccess, CallError> {
        let iam = cx.aws.iam();
        // Without trusted access for IAM nothing can be on.
        let answer = iam
            .call("ListOrganizationsFeatures", |c| c.list_organizations_features().send())
            .await
            .absent(&["ServiceAccessNotEnabled", "ServiceAccessNotEnabledException"])?;
        let features = answer.and_then(|a| a.enabled_features).unwrap_or_default();
        Ok(RootAccess(features.into_iter().map(|f| f.as_str().to_string()).collect()))
    }
}

/// The organization's resource policy, which delegates policy management; absent where there is none.
pub(crate) struct ResourcePolicy(pub(crate) Option<String>);

impl Source for ResourcePolicy {
    const SCOPE: RuleScope = RuleScope::Org;
    const READS: &'static [&'static str] = &["organizations:DescribeResourcePolicy"];

    async fn read(cx: &ReadCx<'_>) -> Result<ResourcePolicy, CallError> {
        let answer = cx
            .aws
            .organizations()
            .call("DescribeResourcePolicy", |c| c.describe_resource_policy().send())
            .await
            .absent(&["ResourcePolicyNotFoundException"])?;
        Ok(ResourcePolicy(answer.and_then(|a| a.resource_policy).and_then(|p| p.content)))
    }
}

/// Delegated administrators: account ids by service principal.
pub(crate) struct Delegation(pub(crate) BTreeMap<String, BTreeSet<String>>);

impl Source for Delegation {
    const SCOPE: RuleScope = RuleScope::Org;
    const READS: &'static [&'static str] =
        &["organizations:ListDelegatedAdministrators", "organizations:ListDelegatedServicesForAccount"];

    async fn read(cx: &ReadCx<'_>) -> Result<Delegation, CallError> {
        let organizations = cx.aws.organizations();
        let accounts = organizations
            .pages(
                "ListDelegatedAdministrators",
                |c, t| c.list_delegated_administrators().set_next_token(t).send(),
                |a| (a.delegated_administrators, a.next_token),
            )
            .await?;
        let mut services: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for id in accounts.into_iter().filter_map(|a| a.id) {
            let delegated = organizations
                .pages(
                    "ListDelegatedServicesForAccount",
                    |c, t| c.list_delegated_services_for_account().account_id(&id).set_next_token(t).send(),
                    |a| (a.delegated_services, a.next_token),
                )
                .await?;
            for principal in delegated.into_iter().filter_map(|s| s.service_principal) {
                services.entry(principal).or_default().insert(id.clone());
            }
        }
        Ok(Delegation(services))
    }
}

/// Organization analyzers: by region, the names of those that are active.
pub(crate) struct OrganizationAnalyzers(pub(crate) BTreeMap<String, Vec<String>>);

impl Source for OrganizationAnalyzers {
    const SCOPE: RuleScope = RuleScope::Org;
    const READS: &'static [&'static str] = &[
        "accessanalyzer:ListAnalyzers",
        "organizations:ListDelegatedAdministrators",
        "organizations:ListDelegatedServicesForAccount",
    ];

    async fn read(cx: &ReadCx<'_>) -> Result<OrganizationAnalyzers, CallError> {
        let delegation = cx.read::<Delegation>().await?;
        let delegated = delegation.0.get("access-analyzer.amazonaws.com").cloned().unwrap_or_default();
        let accounts = std::iter::once(cx.facts.management_account.clone()).chain(delegated);
        let mut by_region: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for account in accounts {
            for region in regions(cx) {
                let there = cx.aws.elsewhere(&account, &region).await?;
                by_region.entry(region).or_default().extend(list_analyzers(&there, &["ORGANIZATION"]).await?);
            }
        }
        by_region.retain(|_, names| !names.is_empty());
        Ok(OrganizationAnalyzers(by_region))
    }
}

/// The regions of the run: those of the management account that the baseline chooses.
fn regions(cx: &ReadCx<'_>) -> Vec<String> {
    let chosen = |region: &&String| match &cx.baseline.organization.regions {
        crate::baseline::Regions::Enabled => true,
        crate::baseline::Regions::List(list) => list.contains(region),
    };
    cx.facts.management_regions.iter().filter(chosen).cloned().collect()
}

/// Whether the organization has an instance of IAM Identity Center, in one of the run's regions: only its own shows it.
pub(crate) struct IdentityCenter(pub(crate) bool);

impl Source for IdentityCenter {
    const SCOPE: RuleScope = RuleScope::Org;
    const READS: &'static [&'static str] = &["sso-admin:ListInstances"];

    async fn read(cx: &ReadCx<'_>) -> Result<IdentityCenter, CallError> {
        for region in regions(cx) {
            let there = cx.aws.elsewhere(cx.aws.account(), &region).await?;
            let found = there
                .ssoadmin()
                .pages(
                    "ListInstances",
                    |c, t| c.list_instances().set_next_token(t).send(),
                    |a| (a.instances, a.next_token),
                )
                .await?;
            if !found.is_empty() {
                return Ok(IdentityCenter(true));
            }
        }
        Ok(IdentityCenter(false))
    }
}
