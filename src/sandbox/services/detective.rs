//! Amazon Detective: behavior graphs, members of the organization's graph, data source packages. No investigations.
//!
//! Sources: the API model and its documentation, the administration guide ("Managing accounts"). The administrator is that of
//! `integrations`; its graph holds the organization's settings and members. Messages are guesses.

#![expect(clippy::unnecessary_wraps, reason = "a handler's signature, whether it can refuse or not")]

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::documents::digest_hex;
use super::{iam, organizations};
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

/// Service principal, of the service-linked role as well.
const PRINCIPAL: &str = "detective.amazonaws.com";
/// Largest and default page (API model: 1..200).
const PAGE: usize = 200;
/// Packages that can be started beside the core.
const OPTIONAL: [&str; 2] = ["ASFF_SECURITYHUB_FINDING", "EKS_AUDIT"];

/// A behavior graph: Detective of one account in one region.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Graph {
    /// ARN.
    pub arn: String,
    /// Seconds since 1970.
    pub created: f64,
    /// New accounts of the organization become members.
    pub auto_enable: bool,
    /// Optional data source packages that were started, and when.
    pub packages: BTreeMap<String, f64>,
    /// Members by account id.
    pub members: BTreeMap<String, Member>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// A member of a graph.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Member {
    /// E-mail address that it was added with.
    pub email: String,
    /// Status, such as `ENABLED` or `INVITED`.
    pub status: String,
    /// Seconds since 1970.
    pub since: f64,
}

type Handler = fn(&mut World, &Call) -> Reply;

/// Runs one call. `None` where the operation has no handler.
pub fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    let run: Handler = match call.operation.as_str() {
        "CreateGraph" => create_graph,
        "ListGraphs" => list_graphs,
        "DeleteGraph" => delete_graph,
        "DescribeOrganizationConfiguration" => describe_organization,
        "UpdateOrganizationConfiguration" => update_organization,
        "CreateMembers" => create_members,
        "ListMembers" => list_members,
        "GetMembers" => get_members,
        "DeleteMembers" => delete_members,
        "ListDatasourcePackages" => list_packages,
        "UpdateDatasourcePackages" => update_packages,
        "TagResource" => tag,
        "ListTagsForResource" => list_tags,
        _ => return None,
    };
    organizations::settle(world, call.now);
    Some(run(world, call))
}

fn denied(message: &str) -> Fault {
    Fault::new("AccessDeniedException", message).status(403)
}

fn validation(message: &str) -> Fault {
    Fault::new("ValidationException", message).status(400)
}

/// The caller's graph, which the input names.
fn own<'w>(world: &'w World, call: &Call) -> Result<&'w Graph, Fault> {
    let found = world.detective.get(&cell(&call.account, &call.region));
    found.filter(|graph| graph.arn == call.required("GraphArn")).ok_or_else(|| {
        Fault::new("ResourceNotFoundException", "The behavior graph does not exist.").status(404)
    })
}

/// The same, for writing. `own` was asked before.
fn edit<'w>(world: &'w mut World, call: &Call) -> &'w mut Graph {
    world.detective.entry(cell(&call.account, &call.region)).or_default()
}

fn administrator<'w>(world: &'w World, region: &str) -> Option<&'w str> {
    let found = world.integrations.administrators.get(&format!("detective/{region}"));
    found.map(|administrator| administrator.account.as_str())
}

fn require_administrator(world: &World, call: &Call) -> Result<(), Fault> {
    if administrator(world, &call.region) == Some(call.account.as_str()) {
        return Ok(());
    }
    Err(denied("The account is not the Detective administrator account of the organization."))
}

fn make_graph(world: &mut World, account: &str, region: &str, id: &str, now: f64) -> String {
    let arn = world.arn("detective", region, account, &format!("graph:{id}"));
    iam::ensure_derived_role(world, account, PRINCIPAL, now);
    let graph = Graph { arn: arn.clone(), created: now, ..Graph::default() };
    world.detective.entry(cell(account, region)).or_insert(graph).arn.clone()
}

/// An account has one graph per region; the call answers with the one that is there (API documentation).
fn create_graph(world: &mut World, call: &Call) -> Reply {
    let there = world.detective.get(&cell(&call.account, &call.region)).map(|graph| graph.arn.clone());
    let arn = if let Some(arn) = there {
        arn
    } else {
        let id = world.hex(32);
        make_graph(world, &call.account, &call.region, &id, call.now)
    };
    Ok(json!({"GraphArn": arn}))
}

fn list_graphs(world: &mut World, call: &Call) -> Reply {
    let graph = world.detective.get(&cell(&call.account, &call.region));
    let graphs: Vec<Value> = graph.iter().map(|g| json!({"Arn": g.arn, "CreatedTime": g.created})).collect();
    paged(world, call, "GraphList", &graphs)
}

fn paged(world: &World, call: &Call, member: &str, all: &[Value]) -> Reply {
    let bad = || validation("The token is not valid.");
    let (page, next) = world.page(all, call.int("MaxResults"), PAGE, call.str("NextToken"), &bad)?;
    let mut reply = json!({ member: page });
    if let Some(next) = next {
        reply["NextToken"] = json!(next);
    }
    Ok(reply)
}

fn delete_graph(world: &mut World, call: &Call) -> Reply {
    own(world, call)?;
    world.detective.remove(&cell(&call.account, &call.region));
    Ok(json!({}))
}

fn describe_organization(world: &mut World, call: &Call) -> Reply {
    require_administrator(world, call)?;
    Ok(json!({"AutoEnable": own(world, call)?.auto_enable}))
}

/// New accounts only: those that are there must be added (API documentation).
fn update_organization(world: &mut World, call: &Call) -> Reply {
    require_administrator(world, call)?;
    own(world, call)?;
    if let Some(on) = call.bool("AutoEnable") {
        edit(world, call).auto_enable = on;
    }
    Ok(json!({}))
}

fn shown(call: &Call, graph: &Graph, id: &str, member: &Member) -> Value {
    json!({
        "AccountId": id,
        "EmailAddress": member.email,
        "GraphArn": graph.arn,
        "MasterId": call.account,
        "AdministratorId": call.account,
        "Status": member.status,
        "UpdatedTime": member.since,
        "InvitationType": if member.status == "INVITED" { "INVITATION" } else { "ORGANIZATION" },
    })
}

fn unprocessed(failed: &[(String, &str)]) -> Value {
    failed.iter().map(|(id, why)| json!({"AccountId": id, "Reason": why})).collect()
}

/// Accounts of the organization are enabled at once, others are invited.
fn create_members(world: &mut World, call: &Call) -> Reply {
    own(world, call)?;
    let is_ours = administrator(world, &call.region) == Some(call.account.as_str());
    let accounts = call.input.get("Accounts").and_then(Value::as_array).cloned().unwrap_or_default();
    let (mut made, mut failed) = (Vec::new(), Vec::new());
    for account in accounts {
        let text = |name: &str| account.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (id, email) = (text("AccountId"), text("EmailAddress"));
        let there = own(world, call)?.members.contains_key(&id);
        if id == call.account || there {
            let why =
                if there { "The account is already a member." } else { "The account is the administrator." };
            failed.push((id, why));
            continue;
        }
        let known = is_ours && world.organizations.accounts.contains_key(&id);
        let status = if known { "ENABLED" } else { "INVITED" };
        let member = Member { email, status: status.into(), since: call.now };
        let graph = edit(world, call);
        graph.members.insert(id.clone(), member.clone());
        made.push(shown(call, graph, &id, &member));
    }
    Ok(json!({"Members": made, "UnprocessedAccounts": unprocessed(&failed)}))
}

fn list_members(world: &mut World, call: &Call) -> Reply {
    let graph = own(world, call)?;
    let all: Vec<Value> = graph.members.iter().map(|(id, member)| shown(call, graph, id, member)).collect();
    paged(world, call, "MemberDetails", &all)
}

fn ids(call: &Call) -> Vec<String> {
    let list = call.input.get("AccountIds").and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn get_members(world: &mut World, call: &Call) -> Reply {
    let graph = own(world, call)?;
    let (mut found, mut failed) = (Vec::new(), Vec::new());
    for id in ids(call) {
        match graph.members.get(&id) {
            Some(member) => found.push(shown(call, graph, &id, member)),
            None => failed.push((id, "The account is not a member.")),
        }
    }
    Ok(json!({"MemberDetails": found, "UnprocessedAccounts": unprocessed(&failed)}))
}

fn delete_members(world: &mut World, call: &Call) -> Reply {
    own(world, call)?;
    let (mut gone, mut failed) = (Vec::new(), Vec::new());
    for id in ids(call) {
        match edit(world, call).members.remove(&id) {
            Some(_) => gone.push(id),
            None => failed.push((id, "The account is not a member.")),
        }
    }
    Ok(json!({"AccountIds": gone, "UnprocessedAccounts": unprocessed(&failed)}))
}

/// The core is always on.
fn list_packages(world: &mut World, call: &Call) -> Reply {
    let graph = own(world, call)?;
    let state = |state: &str, at: f64| json!({"DatasourcePackageIngestState": state, "LastIngestStateChange": {state: {"Timestamp": at}}});
    let mut all = json!({"DETECTIVE_CORE": state("STARTED", graph.created)});
    for name in OPTIONAL {
        all[name] = match graph.packages.get(name) {
            Some(at) => state("STARTED", *at),
            None => json!({"DatasourcePackageIngestState": "DISABLED"}),
        };
    }
    Ok(json!({"DatasourcePackages": all}))
}

/// Packages are only ever started (API documentation: "Starts a data source package").
fn update_packages(world: &mut World, call: &Call) -> Reply {
    own(world, call)?;
    let list = call.input.get("DatasourcePackages").and_then(Value::as_array).into_iter().flatten();
    let names: BTreeSet<String> = list.filter_map(Value::as_str).map(str::to_owned).collect();
    for name in names.into_iter().filter(|name| OPTIONAL.contains(&name.as_str())) {
        edit(world, call).packages.entry(name).or_insert(call.now);
    }
    Ok(json!({}))
}

fn tags<'w>(world: &'w mut World, call: &Call) -> Result<&'w mut BTreeMap<String, String>, Fault> {
    let arn = call.required("ResourceArn").to_owned();
    let found = world.detective.get_mut(&cell(&call.account, &call.region));
    let missing =
        || Fault::new("ResourceNotFoundException", "The behavior graph does not exist.").status(404);
    found.filter(|graph| graph.arn == arn).map(|graph| &mut graph.tags).ok_or_else(missing)
}

fn tag(world: &mut World, call: &Call) -> Reply {
    let new = call.input.get("Tags").and_then(Value::as_object).cloned().unwrap_or_default();
    let pairs = new.into_iter().filter_map(|(key, value)| Some((key, value.as_str()?.to_owned())));
    tags(world, call)?.extend(pairs);
    Ok(json!({}))
}

fn list_tags(world: &mut World, call: &Call) -> Reply {
    Ok(json!({"Tags": tags(world, call)?}))
}

/// ARN of an account's graph, for the list of administrators.
pub fn graph_arn(world: &World, account: &str, region: &str) -> Option<String> {
    world.detective.get(&cell(account, region)).map(|graph| graph.arn.clone())
}

/// An account was made the organization's administrator: it has a graph (API documentation of
/// EnableOrganizationAdminAccount).
pub fn administrator_enabled(world: &mut World, account: &str, call: &Call) {
    let id = digest_hex(format!("{}/detective/{account}/{}", world.seed, call.region).as_bytes(), 16);
    make_graph(world, account, &call.region, &id, call.now);
}

/// The administrator was taken away: "Deletes the organization behavior graph" (API documentation).
pub fn administrator_disabled(world: &mut World, account: &str, region: &str) {
    world.detective.remove(&cell(account, region));
}

/// An account joined the organization.
pub fn joined(world: &mut World, account: &str, now: f64) {
    let email = world.organizations.accounts.get(account).map(|a| a.email.clone()).unwrap_or_default();
    for (admin, region) in administrators(world) {
        let reached = admin != account && super::account::is_enabled(world, account, &region, now);
        let graph =
            world.detective.get_mut(&cell(&admin, &region)).filter(|graph| graph.auto_enable && reached);
        if let Some(graph) = graph {
            let member = Member { email: email.clone(), status: "ENABLED".into(), since: now };
            graph.members.insert(account.to_owned(), member);
        }
    }
}

/// An account left the organization.
pub fn left(world: &mut World, account: &str) {
    for (admin, region) in administrators(world) {
        if let Some(graph) = world.detective.get_mut(&cell(&admin, &region)) {
            graph.members.remove(account);
        }
    }
}

/// The administrators of all regions, with theirs.
fn administrators(world: &World) -> Vec<(String, String)> {
    let places = world.integrations.administrators.iter();
    let own = places.filter_map(|(place, admin)| {
        Some((admin.account.clone(), place.strip_prefix("detective/")?.to_owned()))
    });
    own.collect()
}
