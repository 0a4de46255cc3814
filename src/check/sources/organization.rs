//! What holds for the whole organization: its features, delegation, and the services that act for all accounts.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::source::{ReadCx, Source, Unread};
use crate::compliance::cis::RuleScope;
use crate::error::{Absent as _, CallError, Kind};

use super::regional::list_analyzers;

/// Features of central root access that are on.
pub(crate) struct RootAccess(pub(crate) BTreeSet<String>);

impl Source for RootAccess {
    const SCOPE: RuleScope = RuleScope::Org;
    const READS: &'static [&'static str] = &["iam:ListOrganizationsFeatures"];

    async fn read(cx: &ReadCx<'_>) -> Result<RootAccess, CallError> {
        // Without trusted access for IAM nothing can be on; its refusal looks like one that passes, and would be asked for
        // again and again.
        if !cx.facts.trusted_services.contains("iam.amazonaws.com") {
            return Ok(RootAccess(BTreeSet::new()));
        }
        let iam = cx.aws.iam();
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

/// Organization analyzers: by region, the names of those that are active, or why nobody knows them.
pub(crate) struct OrganizationAnalyzers(pub(crate) BTreeMap<String, Result<Vec<String>, Unread>>);

impl Source for OrganizationAnalyzers {
    const SCOPE: RuleScope = RuleScope::Org;
    const READS: &'static [&'static str] = &[
        "accessanalyzer:ListAnalyzers",
        "organizations:ListDelegatedAdministrators",
        "organizations:ListDelegatedServicesForAccount",
    ];
    const ELSEWHERE: &'static [&'static str] = &["accessanalyzer:ListAnalyzers"];

    async fn read(cx: &ReadCx<'_>) -> Result<OrganizationAnalyzers, CallError> {
        let delegation = cx.read::<Delegation>().await?;
        let delegated = delegation.0.get("access-analyzer.amazonaws.com").cloned().unwrap_or_default();
        let accounts = std::iter::once(cx.facts.management_account.clone()).chain(delegated);
        let mut by_region = BTreeMap::new();
        for account in accounts {
            for region in regions(cx).into_iter().filter(|region| has_region(cx, &account, region)) {
                let found = analyzers(cx, &account, &region).await;
                by_region
                    .entry(region)
                    .and_modify(|have: &mut Result<Vec<String>, Unread>| match (&mut *have, &found) {
                        (Ok(names), Ok(more)) if !more.is_empty() => names.extend(more.iter().cloned()),
                        // What is known to be there decides, whatever else could not be read.
                        (Ok(names), Err(why)) if names.is_empty() => *have = Err(why.clone()),
                        (Err(_), Ok(more)) if !more.is_empty() => *have = Ok(more.clone()),
                        _ => {}
                    })
                    .or_insert(found);
            }
        }
        Ok(OrganizationAnalyzers(by_region))
    }
}

/// Those of one account and region; none in a region without the service.
async fn analyzers(cx: &ReadCx<'_>, account: &str, region: &str) -> Result<Vec<String>, Unread> {
    let there = cx.aws.elsewhere(account, region).await?;
    match list_analyzers(&there, &["ORGANIZATION"]).await {
        Err(error) if is_absent(&error) => Ok(Vec::new()),
        answer => Ok(answer?),
    }
}

/// The service does not exist in the call's region.
fn is_absent(error: &CallError) -> bool {
    error.kind == Kind::NotInRegion && !error.session
}

/// Whether an account has a region, as far as is known. One that is suspended has none: nobody can enter it, and nothing works.
fn has_region(cx: &ReadCx<'_>, account: &str, region: &str) -> bool {
    if cx.facts.accounts.get(account).is_some_and(|account| !account.is_active()) {
        return false;
    }
    match cx.facts.regions.get(account) {
        Some(Ok(own)) => own.contains(region),
        Some(Err(_)) | None => true,
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
        let mut unread = None;
        for region in regions(cx) {
            match has_instance(cx, &region).await {
                Ok(true) => return Ok(IdentityCenter(true)),
                Ok(false) => {}
                Err(error) if is_absent(&error) => {}
                Err(error) => unread = Some(error),
            }
        }
        unread.map_or(Ok(IdentityCenter(false)), Err)
    }
}

async fn has_instance(cx: &ReadCx<'_>, region: &str) -> Result<bool, CallError> {
    let there = cx.aws.elsewhere(cx.aws.account(), region).await?;
    let found = there
        .ssoadmin()
        .pages(
            "ListInstances",
            |c, t| c.list_instances().set_next_token(t).send(),
            |a| (a.instances, a.next_token),
        )
        .await?;
    Ok(!found.is_empty())
}
