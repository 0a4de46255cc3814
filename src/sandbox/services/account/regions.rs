//! Regions and opting in to them.

use serde_json::{Value, json};

use crate::resource::regions::BY_DEFAULT;
use crate::sandbox::world::{Call, Fault, Reply, World};

use super::{RegionOpt, edit, validation, view};

/// Regions to opt in to (Account Management guide, "AWS Regions").
const OPT_IN: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-west-1",
    "eu-central-2",
    "eu-south-1",
    "eu-south-2",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
];

/// Minutes to hours in AWS.
const CHANGE_SECONDS: f64 = 5.0;
/// Changes under way per account and per organization (`aws-limits.md` 1.3).
const OPEN_PER_ACCOUNT: usize = 6;
const OPEN_PER_ORGANIZATION: usize = 50;
/// Largest and default page (API model: 1..50).
const PAGE: usize = 50;

/// Regions that this world's accounts have without opting in.
fn is_default(world: &World, region: &str) -> bool {
    if world.regions.is_empty() {
        return BY_DEFAULT.contains(&region);
    }
    world.regions.iter().any(|known| known == region)
}

/// Whether AWS has the region for accounts that opted in to it only, whatever this world's accounts have.
pub(in crate::sandbox::services) fn is_opt_in(region: &str) -> bool {
    OPT_IN.contains(&region)
}

fn opt_status(world: &World, account: &str, region: &str, now: f64) -> &'static str {
    if is_default(world, region) {
        return "ENABLED_BY_DEFAULT";
    }
    match view(world, account).and_then(|state| state.regions.get(region)) {
        None => "DISABLED",
        Some(opt) => match (opt.enabled, now - opt.since < CHANGE_SECONDS) {
            (true, true) => "ENABLING",
            (true, false) => "ENABLED",
            (false, true) => "DISABLING",
            (false, false) => "DISABLED",
        },
    }
}

/// Whether an account can use a region.
pub fn is_enabled(world: &World, account: &str, region: &str, now: f64) -> bool {
    matches!(opt_status(world, account, region, now), "ENABLED" | "ENABLED_BY_DEFAULT")
}

/// Every region with its status in an account, by name.
pub(in crate::sandbox::services) fn statuses<'w>(
    world: &'w World,
    account: &str,
    now: f64,
) -> Vec<(&'w str, &'static str)> {
    let mut names: Vec<&str> = BY_DEFAULT.iter().chain(OPT_IN).copied().collect();
    names.extend(world.regions.iter().map(String::as_str));
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|name| (name, opt_status(world, account, name, now))).collect()
}

fn named(world: &World, call: &Call) -> Result<String, Fault> {
    let region = call.required("RegionName");
    if is_default(world, region) || BY_DEFAULT.contains(&region) || OPT_IN.contains(&region) {
        return Ok(region.to_owned());
    }
    Err(validation(format!("The Region name {region} is not valid.")))
}

pub(super) fn list(world: &mut World, call: &Call, account: &str) -> Reply {
    let wanted: Vec<&str> = call
        .input
        .get("RegionOptStatusContains")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let regions: Vec<(&str, &str)> = statuses(world, account, call.now)
        .into_iter()
        .filter(|(_, status)| wanted.is_empty() || wanted.contains(status))
        .collect();
    let bad = || validation("The NextToken is not valid.");
    let (page, next) = world.page(&regions, call.int("MaxResults"), PAGE, call.str("NextToken"), &bad)?;
    let shown: Vec<Value> =
        page.iter().map(|(name, status)| json!({"RegionName": name, "RegionOptStatus": status})).collect();
    let mut reply = json!({"Regions": shown});
    if let Some(token) = next {
        reply["NextToken"] = json!(token);
    }
    Ok(reply)
}

pub(super) fn status(world: &mut World, call: &Call, account: &str) -> Reply {
    let region = named(world, call)?;
    Ok(json!({"RegionName": region, "RegionOptStatus": opt_status(world, account, &region, call.now)}))
}

pub(super) fn enable(world: &mut World, call: &Call, account: &str) -> Reply {
    change(world, call, account, true)
}

pub(super) fn disable(world: &mut World, call: &Call, account: &str) -> Reply {
    change(world, call, account, false)
}

fn change(world: &mut World, call: &Call, account: &str, enabled: bool) -> Reply {
    let region = named(world, call)?;
    let status = opt_status(world, account, &region, call.now);
    match status {
        // Guess: what is as asked for already is accepted; a default region cannot be turned off.
        "ENABLED_BY_DEFAULT" if !enabled => {
            return Err(validation(format!(
                "The Region {region} is enabled by default and can't be disabled."
            )));
        }
        "ENABLED_BY_DEFAULT" => return Ok(json!({})),
        "ENABLING" | "DISABLING" => {
            return Err(Fault::new(
                "ConflictException",
                "The request could not be processed because of a conflict in the current status of the resource.",
            )
            .status(409));
        }
        "ENABLED" if enabled => return Ok(json!({})),
        "DISABLED" if !enabled => return Ok(json!({})),
        _ => {}
    }
    let open =
        |state: &super::State| state.regions.values().filter(|o| call.now - o.since < CHANGE_SECONDS).count();
    let own = view(world, account).map_or(0, open);
    let all: usize = world.account.values().map(open).sum();
    if own >= OPEN_PER_ACCOUNT || all >= OPEN_PER_ORGANIZATION {
        // Guess: the code; the quota page names only the numbers.
        return Err(
            Fault::new("TooManyRequestsException", "Too many Region opt requests are open.").status(429)
        );
    }
    edit(world, account).regions.insert(region, RegionOpt { enabled, since: call.now });
    Ok(json!({}))
}
