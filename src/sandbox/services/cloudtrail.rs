//! AWS CloudTrail: trails, and the event history of 90 days. Nothing is delivered.
//!
//! A trail is stored once, under its owner and home region. The copies that AWS shows in other regions (multi-region
//! trails) and in member accounts (organization trails) are computed when somebody reads. The owner of an
//! organization trail is the management account, also when a delegated administrator makes it (User Guide,
//! "Organization delegated administrator").

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::organizations;
use super::tags::Tags;
use crate::sandbox::world::{Call, Fault, Reply, World};

mod admin;
mod checks;
pub mod events;
mod names;
mod read;
mod selectors;
mod tagging;
mod trails;

#[cfg(test)]
mod tests;

/// The service principal of CloudTrail.
pub const PRINCIPAL: &str = "cloudtrail.amazonaws.com";

/// The trails of one account whose home is one region.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// Trails by name.
    pub trails: BTreeMap<String, Trail>,
}

/// One trail.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[allow(clippy::struct_excessive_bools, reason = "the switches of a trail are independent")]
pub struct Trail {
    /// Name.
    pub name: String,
    /// Trail ARN.
    pub arn: String,
    /// Bucket.
    pub bucket: String,
    /// Key prefix in the bucket.
    pub prefix: Option<String>,
    /// ARN of the topic that is told of every log file.
    pub topic: Option<String>,
    /// IncludeGlobalServiceEvents
    pub global_events: bool,
    /// IsMultiRegionTrail
    pub multi_region: bool,
    /// LogFileValidationEnabled
    pub validation: bool,
    /// Log group ARN, ending in `:*`.
    pub log_group: Option<String>,
    /// ARN of the role that writes to the log group.
    pub log_role: Option<String>,
    /// Key ARN.
    pub key: Option<String>,
    /// IsOrganizationTrail
    pub organization: bool,
    /// EventSelectors or AdvancedEventSelectors as they were put; `None` is the default.
    pub selectors: Option<Selectors>,
    /// InsightSelectors.
    pub insights: Vec<Value>,
    /// Whether it is logging.
    pub logging: bool,
    /// When logging was last started, seconds since 1970.
    pub started: Option<f64>,
    /// When logging was last stopped, seconds since 1970.
    pub stopped: Option<f64>,
    /// Tags.
    pub tags: Tags,
}

/// What a trail records. One kind replaces the other.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Selectors {
    /// EventSelectors
    Basic(Vec<Value>),
    /// AdvancedEventSelectors
    Advanced(Vec<Value>),
}

/// Runs one call.
pub fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    Some(match call.operation.as_str() {
        "AddTags" => tagging::add(world, call),
        "CreateTrail" => trails::create(world, call),
        "DeleteTrail" => trails::delete(world, call),
        "DeregisterOrganizationDelegatedAdmin" => admin::deregister(world, call),
        "DescribeTrails" => read::describe(world, call),
        "GetEventSelectors" => selectors::get(world, call),
        "GetInsightSelectors" => selectors::get_insights(world, call),
        "GetTrail" => read::get(world, call),
        "GetTrailStatus" => read::status(world, call),
        "ListTags" => tagging::list(world, call),
        "ListTrails" => read::list(world, call),
        "LookupEvents" => events::lookup(world, call),
        "PutEventSelectors" => selectors::put(world, call),
        "PutInsightSelectors" => selectors::put_insights(world, call),
        "RegisterOrganizationDelegatedAdmin" => admin::register(world, call),
        "RemoveTags" => tagging::remove(world, call),
        "StartLogging" => trails::start(world, call),
        "StopLogging" => trails::stop(world, call),
        "UpdateTrail" => trails::update(world, call),
        _ => return None,
    })
}

/// A trail as somebody sees it.
#[derive(Clone, Copy)]
struct Seen<'w> {
    owner: &'w str,
    home: &'w str,
    trail: &'w Trail,
}

impl Seen<'_> {
    /// Whether the trail records in this region.
    fn is_in(&self, region: &str) -> bool {
        self.home == region || self.trail.multi_region
    }
}

/// The trails that an account sees, in any region: its own, and the organization's if it is a member.
fn visible<'w>(world: &'w World, account: &str) -> Vec<Seen<'w>> {
    let member = world.organizations.accounts.contains_key(account);
    let mut seen = Vec::new();
    for (cell, state) in &world.cloudtrail {
        let Some((owner, home)) = cell.split_once('/') else { continue };
        let all = state.trails.values().map(|trail| Seen { owner, home, trail });
        seen.extend(all.filter(|seen| owner == account || (seen.trail.organization && member)));
    }
    seen
}

/// The trail that a name or ARN means to the caller: a name is one of the account's own trails with this home region.
///
/// # Errors
/// `CloudTrailARNInvalidException`, `InvalidTrailNameException`, `TrailNotFoundException`.
fn find<'w>(world: &'w World, call: &Call, asked: &str) -> Result<Seen<'w>, Fault> {
    let arn = if asked.starts_with("arn:") {
        names::check_arn(asked)?;
        asked.to_string()
    } else {
        names::check(asked)?;
        world.arn("cloudtrail", &call.region, &call.account, &format!("trail/{asked}"))
    };
    visible(world, &call.account).into_iter().find(|seen| seen.trail.arn == arn).ok_or_else(|| {
        let message = format!("Unknown trail: {arn} for the user: {}", call.account);
        Fault::new("TrailNotFoundException", message)
    })
}

/// The trail that the caller may change, in its home region.
///
/// # Errors
/// Those of [`find`]; `NotOrganizationMasterAccountException` for an organization trail of which the caller only sees
/// a copy; `InvalidHomeRegionException` in another region.
fn writable<'w>(world: &'w mut World, call: &Call, asked: &str) -> Result<&'w mut Trail, Fault> {
    let seen = find(world, call, asked)?;
    if seen.owner != call.account && !organizations::is_delegated(world, PRINCIPAL, &call.account) {
        // Guess: the code; the User Guide says that member accounts cannot change or delete the trail.
        return Err(not_master());
    }
    if seen.home != call.region {
        let message = format!(
            "Trail {} cannot be changed in {}: its home Region is {}",
            seen.trail.arn, call.region, seen.home
        );
        return Err(Fault::new("InvalidHomeRegionException", message));
    }
    let (cell, name) = (crate::sandbox::world::cell(seen.owner, seen.home), seen.trail.name.clone());
    let trails = world.cloudtrail.get_mut(&cell).map(|state| &mut state.trails);
    trails
        .and_then(|trails| trails.get_mut(&name))
        .ok_or_else(|| Fault::new("TrailNotFoundException", format!("Unknown trail: {name}")))
}

fn not_master() -> Fault {
    let message = "The AWS account making the request must be the organization's management account or a delegated \
                   administrator of CloudTrail.";
    Fault::new("NotOrganizationMasterAccountException", message)
}
