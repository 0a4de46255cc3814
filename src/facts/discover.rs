//! Reads the organization, with as few calls as AWS allows.
//!
//! Accounts come with their `Paths`, so that no parent is looked up; policies are walked by policy, never by target.
//! Emulators leave `Paths` and `State` out: then accounts are listed once more, per parent.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_organizations::types::{self as sdk, PolicyType};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{Account, Facts, Ou, Policy};
use crate::aws::{Aws, Clients, Guard};
use crate::error::{Absent as _, CallError, RunError};

/// The operations of this file.
pub const READS: &[&str] = &[
    "ec2:DescribeRegions",
    "organizations:DescribeOrganization",
    "organizations:DescribePolicy",
    "organizations:ListAWSServiceAccessForOrganization",
    "organizations:ListAccounts",
    "organizations:ListAccountsForParent",
    "organizations:ListOrganizationalUnitsForParent",
    "organizations:ListPolicies",
    "organizations:ListRoots",
    "organizations:ListTargetsForPolicy",
];

/// Operations that every account is asked about its regions with; the first only where a call was refused in one.
pub const REGION_READS: [&str; 2] = ["account:GetRegionOptStatus", "ec2:DescribeRegions"];

/// Most calls of one kind at once. The token buckets pace them; this bounds memory and open connections.
const WIDTH: usize = 8;

/// What a run needs to know beyond accounts and OUs.
#[derive(Debug, Clone, Default)]
pub struct Needs {
    /// Policy types whose policies, documents and attachments are read.
    pub policy_types: Vec<String>,
    /// Further ones, which are read only where the type is enabled on the root.
    pub policy_types_in_force: Vec<String>,
    /// Services with trusted access.
    pub trusted_services: bool,
}

/// Reads which organization it is, and nothing else yet.
///
/// # Errors
/// The caller is not the management account, or there is no organization with all features.
pub async fn organization(aws: &Aws, home_region: &str) -> Result<Facts, RunError> {
    let clients = clients(aws, home_region).await?;
    let mut facts = Facts { partition: aws.caller().partition.clone(), ..Facts::default() };
    describe_organization(&clients, &mut facts).await?;
    Ok(facts)
}

/// Reads everything.
///
/// # Errors
/// As `organization` and `further`.
pub async fn discover(aws: &Aws, home_region: &str, needs: &Needs) -> Result<Facts, RunError> {
    let facts = organization(aws, home_region).await?;
    further(aws, home_region, needs, facts).await
}

/// Reads everything else about the organization.
///
/// # Errors
/// A read failed: without these facts nothing can be planned.
pub async fn further(
    aws: &Aws,
    home_region: &str,
    needs: &Needs,
    mut facts: Facts,
) -> Result<Facts, RunError> {
    let clients = clients(aws, home_region).await?;
    read_root(&clients, &mut facts).await?;
    // Boxed: together they would make a large future of everything that awaits this function.
    let kinds = policy_types(needs, &facts);
    let (ous, rest) = tokio::join!(
        Box::pin(read_ous(&clients, &facts.root_id)),
        Box::pin(read_rest(&clients, &kinds, needs))
    );
    facts.ous = ous?;
    let Rest { accounts, policies, trusted_services, regions } = rest?;
    facts.default_regions = regions.default;
    facts.policies = policies;
    facts.trusted_services = trusted_services;
    facts.management_regions = regions.enabled;
    facts.partition_regions = regions.known;
    facts.accounts = place(&clients, &facts, accounts).await?;
    Ok(facts)
}

async fn clients(aws: &Aws, home_region: &str) -> Result<Clients, RunError> {
    let guard = Guard { control: "facts".into(), reads: READS, writes: &[] };
    Ok(aws.clients(&aws.caller().account, home_region, guard).await?)
}

async fn describe_organization(clients: &Clients, facts: &mut Facts) -> Result<(), RunError> {
    let answer = clients
        .organizations()
        .call("DescribeOrganization", |c| c.describe_organization().send())
        .await
        .absent(&["AWSOrganizationsNotInUseException"])?;
    let Some(organization) = answer.and_then(|a| a.organization) else {
        return Err(RunError::new(format!("account {} is not in an AWS Organization", clients.account()))
            .hint("create one first: aws organizations create-organization --feature-set ALL"));
    };
    facts.organization_id = organization.id.unwrap_or_default();
    facts.organization_arn = organization.arn.unwrap_or_default();
    facts.management_account = organization.master_account_id.unwrap_or_default();
    facts.feature_set = organization.feature_set.map(|f| f.as_str().to_string()).unwrap_or_default();
    if facts.management_account != clients.account() {
        return Err(RunError::new(format!(
            "the caller's account {} is not the management account of {}, which is {}",
            clients.account(),
            facts.organization_id,
            facts.management_account
        ))
        .hint("use credentials of the management account (AWS_PROFILE, --profile)"));
    }
    if facts.feature_set != "ALL" {
        return Err(RunError::new(format!(
            "organization {} does not have all features enabled",
            facts.organization_id
        ))
        .hint("enable them first: aws organizations enable-all-features; every invited account must agree"));
    }
    Ok(())
}

/// The root, and the policy types that it has.
async fn read_root(clients: &Clients, facts: &mut Facts) -> Result<(), RunError> {
    let roots = clients
        .organizations()
        .pages("ListRoots", |c, t| c.list_roots().set_next_token(t).send(), |a| (a.roots, a.next_token))
        .await?;
    let root =
        roots.into_iter().next().ok_or_else(|| RunError::new("AWS's answer to ListRoots holds no root"))?;
    facts.root_id = root.id.unwrap_or_default();
    for kind in root.policy_types.unwrap_or_default() {
        if let (Some(kind), Some(status)) = (kind.r#type, kind.status) {
            facts.policy_types.insert(kind.as_str().into(), status.as_str().into());
        }
    }
    Ok(())
}

/// All OUs by path, level by level.
async fn read_ous(clients: &Clients, root: &str) -> Result<BTreeMap<String, Ou>, CallError> {
    let mut ous = BTreeMap::new();
    let mut level = vec![(root.to_string(), String::new())];
    while !level.is_empty() {
        let children: Vec<Vec<Ou>> = stream::iter(level)
            .map(|(parent, path)| children_of(clients, parent, path))
            .buffered(WIDTH)
            .try_collect()
            .await?;
        level = children.iter().flatten().map(|ou| (ou.id.clone(), ou.path.clone())).collect();
        ous.extend(children.into_iter().flatten().map(|ou| (ou.path.clone(), ou)));
    }
    Ok(ous)
}

async fn children_of(clients: &Clients, parent: String, path: String) -> Result<Vec<Ou>, CallError> {
    let found = list_ous(clients, &parent).await?;
    Ok(found
        .into_iter()
        .map(|ou| {
            let name = ou.name.unwrap_or_default();
            let path = format!("{path}/{}", escape(&name));
            Ou {
                id: ou.id.unwrap_or_default(),
                arn: ou.arn.unwrap_or_default(),
                path,
                name,
                parent_id: parent.clone(),
            }
        })
        .collect())
}

/// The OUs right under a root or OU.
pub async fn list_ous(clients: &Clients, parent: &str) -> Result<Vec<sdk::OrganizationalUnit>, CallError> {
    clients
        .organizations()
        .pages(
            "ListOrganizationalUnitsForParent",
            |c, t| c.list_organizational_units_for_parent().parent_id(parent).set_next_token(t).send(),
            |a| (a.organizational_units, a.next_token),
        )
        .await
}

/// An OU name as a part of a path: a slash in it is written `\/`, a backslash `\\`.
pub fn escape(name: &str) -> String {
    name.replace('\\', "\\\\").replace('/', "\\/")
}

struct Rest {
    accounts: Vec<sdk::Account>,
    policies: BTreeMap<String, Policy>,
    trusted_services: BTreeSet<String>,
    regions: Regions,
}

/// Types whose policies are read.
fn policy_types(needs: &Needs, facts: &Facts) -> Vec<String> {
    let in_force = |kind: &&String| facts.policy_types.get(*kind).is_some_and(|status| status == "ENABLED");
    let further = needs.policy_types_in_force.iter().filter(in_force);
    needs.policy_types.iter().chain(further).cloned().collect()
}

async fn read_rest(clients: &Clients, kinds: &[String], needs: &Needs) -> Result<Rest, CallError> {
    let (accounts, policies, trusted_services, regions) = tokio::try_join!(
        list_accounts(clients),
        read_policies(clients, kinds),
        read_trusted_services(clients, needs.trusted_services),
        read_regions(clients),
    )?;
    Ok(Rest { accounts, policies, trusted_services, regions })
}

async fn list_accounts(clients: &Clients) -> Result<Vec<sdk::Account>, CallError> {
    clients
        .organizations()
        .pages(
            "ListAccounts",
            |c, t| c.list_accounts().set_next_token(t).send(),
            |a| (a.accounts, a.next_token),
        )
        .await
}

async fn read_trusted_services(clients: &Clients, wanted: bool) -> Result<BTreeSet<String>, CallError> {
    if !wanted {
        return Ok(BTreeSet::new());
    }
    let found = clients
        .organizations()
        .pages(
            "ListAWSServiceAccessForOrganization",
            |c, t| c.list_aws_service_access_for_organization().set_next_token(t).send(),
            |a| (a.enabled_service_principals, a.next_token),
        )
        .await?;
    Ok(found.into_iter().filter_map(|s| s.service_principal).collect())
}

struct Regions {
    enabled: BTreeSet<String>,
    /// Those that need no opting in.
    default: BTreeSet<String>,
    known: BTreeSet<String>,
}

/// All regions of the partition, and those that the account of `clients` has enabled.
async fn read_regions(clients: &Clients) -> Result<Regions, CallError> {
    let answer = clients
        .ec2()
        .call("DescribeRegions", |c| c.describe_regions().all_regions(true).send())
        .await?
        .regions
        .unwrap_or_default();
    let name = |r: &aws_sdk_ec2::types::Region| r.region_name.clone();
    let off = |r: &&aws_sdk_ec2::types::Region| r.opt_in_status.as_deref() == Some("not-opted-in");
    let no_opt_in =
        |r: &&aws_sdk_ec2::types::Region| r.opt_in_status.as_deref() == Some("opt-in-not-required");
    Ok(Regions {
        known: answer.iter().filter_map(name).collect(),
        default: answer.iter().filter(no_opt_in).filter_map(name).collect(),
        enabled: answer.iter().filter(|r| !off(r)).filter_map(name).collect(),
    })
}

/// The regions that the account of `clients` has enabled.
pub async fn enabled_regions(clients: &Clients) -> Result<BTreeSet<String>, CallError> {
    Ok(read_regions(clients).await?.enabled)
}

/// `RegionOptStatus` of a region in the clients' account, such as `ENABLING`.
///
/// # Errors
/// The call failed.
pub async fn region_status(clients: &Clients, region: &str) -> Result<String, CallError> {
    let answer = clients
        .account_management()
        .call("GetRegionOptStatus", |c| c.get_region_opt_status().region_name(region).send())
        .await?;
    Ok(answer.region_opt_status.map(|status| status.as_str().to_owned()).unwrap_or_default())
}

/// Turns AWS's accounts into ours, with the path of each one's OU.
async fn place(
    clients: &Clients,
    facts: &Facts,
    accounts: Vec<sdk::Account>,
) -> Result<BTreeMap<String, Account>, RunError> {
    let known = accounts.iter().all(|a| parent_in_paths(a.paths()).is_some());
    let parents = if known { BTreeMap::new() } else { parents_by_walking(clients, facts).await? };
    let root = std::iter::once((facts.root_id.as_str(), "/"));
    let paths: BTreeMap<&str, &str> =
        facts.ous.values().map(|ou| (ou.id.as_str(), ou.path.as_str())).chain(root).collect();
    let mut placed = BTreeMap::new();
    for account in accounts {
        let id = account.id.clone().unwrap_or_default();
        let parent = match parent_in_paths(account.paths()) {
            Some(parent) => parent.to_string(),
            None => parents.get(&id).cloned().unwrap_or_default(),
        };
        let Some(ou) = paths.get(parent.as_str()) else {
            return Err(RunError::new(format!("the OU of account {id} could not be found"))
                .hint("the organization changed while it was read; run the command again"));
        };
        placed.insert(id, from_sdk(account, (*ou).to_string(), parent));
    }
    Ok(placed)
}

/// Id of the last OU (or root) in an account's first entity path, `o-../r-../ou-../123456789012/`.
fn parent_in_paths(paths: &[String]) -> Option<&str> {
    paths.first()?.split('/').rev().find(|part| part.starts_with("ou-") || part.starts_with("r-"))
}

fn from_sdk(account: sdk::Account, ou: String, parent_id: String) -> Account {
    let state = match (&account.state, account_status(&account)) {
        (Some(state), _) => state.as_str().to_string(),
        (None, status) => status.unwrap_or_default(),
    };
    Account {
        id: account.id.unwrap_or_default(),
        arn: account.arn.unwrap_or_default(),
        name: account.name.unwrap_or_default(),
        email: account.email.unwrap_or_default(),
        state,
        joined_method: account.joined_method.map(|m| m.as_str().to_string()).unwrap_or_default(),
        ou,
        parent_id,
    }
}

/// The member that AWS retires in favour of `State`; emulators know only this one.
fn account_status(account: &sdk::Account) -> Option<String> {
    account.status.as_ref().map(|s| s.as_str().to_string())
}

/// Account id -> parent id, by listing the accounts of the root and of every OU.
async fn parents_by_walking(clients: &Clients, facts: &Facts) -> Result<BTreeMap<String, String>, CallError> {
    let parents: Vec<&str> =
        std::iter::once(facts.root_id.as_str()).chain(facts.ous.values().map(|ou| ou.id.as_str())).collect();
    let lists: Vec<Vec<(String, String)>> = stream::iter(parents)
        .map(|parent| accounts_of(clients, parent))
        .buffered(WIDTH)
        .try_collect()
        .await?;
    Ok(lists.into_iter().flatten().collect())
}

async fn accounts_of(clients: &Clients, parent: &str) -> Result<Vec<(String, String)>, CallError> {
    let found = clients
        .organizations()
        .pages(
            "ListAccountsForParent",
            |c, t| c.list_accounts_for_parent().parent_id(parent).set_next_token(t).send(),
            |a| (a.accounts, a.next_token),
        )
        .await?;
    Ok(found.into_iter().filter_map(|a| Some((a.id?, parent.to_string()))).collect())
}

async fn read_policies(clients: &Clients, kinds: &[String]) -> Result<BTreeMap<String, Policy>, CallError> {
    let mut policies = BTreeMap::new();
    for kind in kinds {
        let found = clients
            .organizations()
            .pages(
                "ListPolicies",
                |c, t| c.list_policies().filter(PolicyType::from(kind.as_str())).set_next_token(t).send(),
                |a| (a.policies, a.next_token),
            )
            .await?;
        let read: Vec<Policy> =
            stream::iter(found).map(|p| read_policy(clients, p)).buffered(WIDTH).try_collect().await?;
        policies.extend(read.into_iter().map(|p| (p.id.clone(), p)));
    }
    Ok(policies)
}

async fn read_policy(clients: &Clients, summary: sdk::PolicySummary) -> Result<Policy, CallError> {
    let id = summary.id.clone().unwrap_or_default();
    // What AWS made (FullAWSAccess) is known without reading it.
    let content = if summary.aws_managed { None } else { describe_policy(clients, &id).await? };
    Ok(Policy {
        arn: summary.arn.unwrap_or_default(),
        name: summary.name.unwrap_or_default(),
        description: summary.description.unwrap_or_default(),
        kind: summary.r#type.map(|t| t.as_str().to_string()).unwrap_or_default(),
        aws_managed: summary.aws_managed,
        content,
        targets: policy_targets(clients, &id).await?,
        id,
    })
}

/// The document of a policy.
pub async fn describe_policy(clients: &Clients, id: &str) -> Result<Option<String>, CallError> {
    let answer =
        clients.organizations().call("DescribePolicy", |c| c.describe_policy().policy_id(id).send()).await?;
    Ok(answer.policy.and_then(|p| p.content))
}

/// Ids of the root, OUs and accounts that a policy is attached to.
pub async fn policy_targets(clients: &Clients, id: &str) -> Result<BTreeSet<String>, CallError> {
    let targets = clients
        .organizations()
        .pages(
            "ListTargetsForPolicy",
            |c, t| c.list_targets_for_policy().policy_id(id).set_next_token(t).send(),
            |a| (a.targets, a.next_token),
        )
        .await?;
    Ok(targets.into_iter().filter_map(|t| t.target_id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_is_the_last_ou_of_the_first_path() {
        let paths = vec!["o-a/r-b/ou-b-c/ou-b-d/111111111111/".to_string()];
        assert_eq!(parent_in_paths(&paths), Some("ou-b-d"));
        assert_eq!(parent_in_paths(&["o-a/r-b/111111111111/".to_string()]), Some("r-b"));
        assert_eq!(parent_in_paths(&[]), None);
    }

    #[test]
    fn a_slash_in_a_name_is_escaped() {
        assert_eq!(escape("R/D"), "R\\/D");
        // Else an OU `R\` with a child `D` and an OU `R/D` would have one path.
        assert_eq!(escape("R\\"), "R\\\\");
    }
}
