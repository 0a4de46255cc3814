//! Detective's calls.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_detective::types::{Account, DatasourcePackage, DatasourcePackageIngestState, MemberDetail};

use super::{Actual, Desired, NO_MEMBER};
use crate::aws::Clients;
use crate::control::Cx;
use crate::error::{CallError, Kind, UnitError};
use crate::resource::detective::{administrators, administrators_once};

/// Most accounts in one call (API model).
const BATCH: usize = 50;

/// ARN of the account's graph; an account has at most one per region.
async fn graph(aws: &Clients) -> Result<Option<String>, CallError> {
    let graphs = aws
        .detective()
        .pages("ListGraphs", |c, t| c.list_graphs().set_next_token(t).send(), |a| (a.graph_list, a.next_token))
        .await?;
    Ok(graphs.into_iter().find_map(|graph| graph.arn))
}

/// The account's graph. While planning, the management account's list of administrators tells, which `delegated_admins`
/// needs as well; an account that is not in it may have a graph of its own.
pub(super) async fn own_graph(cx: &Cx<'_>) -> Result<Option<String>, UnitError> {
    if !cx.fresh {
        let there = cx.aws.elsewhere(&cx.facts.management_account, cx.region).await?;
        let listed = administrators_once(cx, &there).await?;
        let own = listed.iter().find(|admin| admin.account_id.as_deref() == Some(cx.aws.account()));
        if let Some(graph) = own.and_then(|admin| admin.graph_arn.clone()) {
            return Ok(Some(graph));
        }
    }
    Ok(graph(cx.aws).await?)
}

/// Whether new accounts are enabled; absent where the account does not administer Detective yet, by the management account's
/// list.
pub(super) async fn auto_enable(cx: &Cx<'_>, graph: &str) -> Result<Option<bool>, UnitError> {
    let answer = cx
        .aws
        .detective()
        .call("DescribeOrganizationConfiguration", |c| {
            c.describe_organization_configuration().graph_arn(graph).send()
        })
        .await;
    match answer {
        Ok(found) => Ok(Some(found.auto_enable)),
        // The codes of a missing permission and of a graph that is not the organization's: who administers is asked.
        Err(refused)
            if refused.is(&["AccessDeniedException", "ValidationException"]) && !administers(cx).await? =>
        {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

async fn administers(cx: &Cx<'_>) -> Result<bool, CallError> {
    let there = cx.aws.elsewhere(&cx.facts.management_account, cx.region).await?;
    let known = administrators(&there).await?;
    Ok(known.iter().any(|admin| admin.account_id.as_deref() == Some(cx.aws.account())))
}

/// The wanted packages that are not started.
pub(super) async fn stopped(
    aws: &Clients,
    graph: &str,
    wanted: &BTreeSet<&'static str>,
) -> Result<BTreeSet<&'static str>, CallError> {
    if wanted.is_empty() {
        return Ok(BTreeSet::new());
    }
    let packages = aws
        .detective()
        .pages(
            "ListDatasourcePackages",
            |c, t| c.list_datasource_packages().graph_arn(graph).set_next_token(t).send(),
            |a| (a.datasource_packages.map(|all| all.into_iter().collect::<Vec<_>>()), a.next_token),
        )
        .await?;
    let started = |name: &str| {
        packages.iter().any(|(package, detail)| {
            let state = detail.datasource_package_ingest_state.as_ref();
            package.as_str() == name && state == Some(&DatasourcePackageIngestState::Started)
        })
    };
    Ok(wanted.iter().copied().filter(|name| !started(name)).collect())
}

/// The expected accounts that are not `ENABLED`, with their status.
pub(super) async fn statuses(
    aws: &Clients,
    graph: &str,
    accounts: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, CallError> {
    let members = aws
        .detective()
        .pages(
            "ListMembers",
            |c, t| c.list_members().graph_arn(graph).set_next_token(t).send(),
            |a| (a.member_details, a.next_token),
        )
        .await?;
    let status = |m: MemberDetail| Some((m.account_id?, m.status?.as_str().to_owned()));
    let known: BTreeMap<String, String> = members.into_iter().filter_map(status).collect();
    let of = |id: &String| (id.clone(), known.get(id).cloned().unwrap_or_else(|| NO_MEMBER.to_owned()));
    Ok(accounts.keys().map(of).filter(|(_, status)| status != "ENABLED").collect())
}

/// Writes what differs.
pub(super) async fn write(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
    let detective = cx.aws.detective();
    let graph = if let Some(graph) = &have.graph { graph.clone() } else {
        let made = detective.call("CreateGraph", |c| c.create_graph().send()).await?;
        made.graph_arn.ok_or_else(|| UnitError::missing("the new graph's ARN"))?
    };
    if let Some(on) = want.auto_enable.filter(|on| have.auto_enable != Some(*on)) {
        detective
            .call("UpdateOrganizationConfiguration", |c| {
                c.update_organization_configuration().graph_arn(&graph).auto_enable(on).send()
            })
            .await?;
    }
    if !have.stopped.is_empty() {
        let packages: Vec<DatasourcePackage> = have.stopped.iter().map(|p| DatasourcePackage::from(*p)).collect();
        detective
            .call("UpdateDatasourcePackages", |c| {
                c.update_datasource_packages().graph_arn(&graph).set_datasource_packages(Some(packages.clone())).send()
            })
            .await?;
    }
    create_members(cx, want, have, &graph).await
}

async fn create_members(cx: &Cx<'_>, want: &Desired, have: &Actual, graph: &str) -> Result<(), UnitError> {
    let account = |id: &&String| {
        let email = want.accounts.get(*id).map(String::as_str).unwrap_or_default();
        Account::builder().account_id(*id).email_address(email).build()
    };
    let accounts: Result<Vec<Account>, _> = have.amiss().keys().map(account).collect();
    let accounts = accounts.map_err(|error| UnitError::new(Kind::Bug, error.to_string()))?;
    let mut refused: BTreeMap<String, String> = BTreeMap::new();
    for batch in accounts.chunks(BATCH) {
        let answer = cx
            .aws
            .detective()
            .call("CreateMembers", |c| {
                c.create_members().graph_arn(graph).set_accounts(Some(batch.to_vec())).send()
            })
            .await?;
        let reasons = answer.unprocessed_accounts.unwrap_or_default().into_iter();
        refused.extend(reasons.filter_map(|u| Some((u.account_id?, u.reason.unwrap_or_default()))));
    }
    if refused.is_empty() {
        return Ok(());
    }
    // A member that Detective took in meanwhile is refused as well: only who is still none matters.
    let left = statuses(cx.aws, graph, &want.accounts).await?;
    refused.retain(|account, _| left.get(account).is_some_and(|status| status == NO_MEMBER));
    match refused.first_key_value() {
        None => Ok(()),
        Some((account, why)) => Err(UnitError::new(
            Kind::Rejected,
            format!("Detective did not take {} of the accounts as members; {account}: {why}", refused.len()),
        )),
    }
}
