//! IAM Access Analyzer: analyzers and archive rules. Nothing is analyzed, so there are no findings.
//!
//! Analyzers are per account and region. Whether an analyzer of the organization still works follows from trusted access
//! and delegation, so its status is computed when somebody reads. Sources: the API model; the user guide ("IAM Access
//! Analyzer quotas", "Using service-linked roles", "Delegated administrator for IAM Access Analyzer").

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::organizations;
use super::tags::Tags;
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

mod analyzers;
mod rules;
mod tagging;

#[cfg(test)]
mod tests;

/// The service principal of Access Analyzer.
pub const PRINCIPAL: &str = "access-analyzer.amazonaws.com";

/// Access Analyzer of one account in one region.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// Analyzers by name.
    pub analyzers: BTreeMap<String, Analyzer>,
}

/// One analyzer.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Analyzer {
    /// Name.
    pub name: String,
    /// Type, such as `ORGANIZATION_UNUSED_ACCESS`.
    pub kind: String,
    /// When it was made, seconds since 1970.
    pub created: f64,
    /// Configuration as it was put; `None` for external access.
    pub configuration: Option<Value>,
    /// Archive rules by name.
    pub rules: BTreeMap<String, Rule>,
    /// Tags.
    pub tags: Tags,
}

/// One archive rule.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Rule {
    /// Criteria by filter key.
    pub filter: Value,
    /// When it was made, seconds since 1970.
    pub created: f64,
    /// When it was last changed, seconds since 1970.
    pub updated: f64,
}

/// Runs one call. `None` where the operation has no handler.
pub fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    Some(match call.operation.as_str() {
        "CreateAnalyzer" => analyzers::create(world, call),
        "UpdateAnalyzer" => analyzers::update(world, call),
        "DeleteAnalyzer" => analyzers::delete(world, call),
        "GetAnalyzer" => analyzers::get(world, call),
        "ListAnalyzers" => analyzers::list(world, call),
        "CreateArchiveRule" => rules::create(world, call),
        "UpdateArchiveRule" => rules::update(world, call),
        "DeleteArchiveRule" => rules::delete(world, call),
        "GetArchiveRule" => rules::get(world, call),
        "ListArchiveRules" => rules::list(world, call),
        "ListFindings" | "ListFindingsV2" => analyzers::findings(world, call),
        "TagResource" => tagging::tag(world, call),
        "UntagResource" => tagging::untag(world, call),
        "ListTagsForResource" => tagging::list(world, call),
        _ => return None,
    })
}

fn is_of_organization(kind: &str) -> bool {
    kind.starts_with("ORGANIZATION")
}

/// Whether an account may have analyzers of the organization.
fn is_administrator(world: &World, account: &str) -> bool {
    organizations::management(world) == Some(account)
        || organizations::is_delegated(world, PRINCIPAL, account)
}

fn arn(world: &World, call: &Call, name: &str) -> String {
    world.arn("access-analyzer", &call.region, &call.account, &format!("analyzer/{name}"))
}

/// The caller's analyzer of this name.
fn find<'w>(world: &'w World, call: &Call, name: &str) -> Result<&'w Analyzer, Fault> {
    let state = world.accessanalyzer.get(&cell(&call.account, &call.region));
    state.and_then(|state| state.analyzers.get(name)).ok_or_else(|| missing("analyzer", name))
}

fn find_mut<'w>(world: &'w mut World, call: &Call, name: &str) -> Result<&'w mut Analyzer, Fault> {
    let state = world.accessanalyzer.get_mut(&cell(&call.account, &call.region));
    state.and_then(|state| state.analyzers.get_mut(name)).ok_or_else(|| missing("analyzer", name))
}

fn missing(what: &str, name: &str) -> Fault {
    Fault::new("ResourceNotFoundException", format!("The {what} {name} does not exist."))
        .with("resourceId", name)
        .with("resourceType", what)
}

fn conflict(what: &str, name: &str) -> Fault {
    Fault::new("ConflictException", format!("The {what} {name} already exists."))
        .with("resourceId", name)
        .with("resourceType", what)
}

fn quota(what: &str, name: &str) -> Fault {
    Fault::new("ServiceQuotaExceededException", format!("The maximum number of {what}s is reached."))
        .with("resourceId", name)
        .with("resourceType", what)
}

fn validation(message: impl Into<String>) -> Fault {
    Fault::new("ValidationException", message).with("reason", "other")
}

/// One page of a list: `items` are already shown.
fn page(world: &World, call: &Call, member: &str, items: &[Value]) -> Reply {
    let bad_token = || validation("The pagination token is not valid.");
    let (page, next) = world.page(items, call.int("maxResults"), 100, call.str("nextToken"), &bad_token)?;
    let mut reply = json!({ member: page });
    if let Some(token) = next {
        reply["nextToken"] = json!(token);
    }
    Ok(reply)
}
