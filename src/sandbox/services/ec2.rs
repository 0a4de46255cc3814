//! EC2: regions. What else an account's EC2 settings need comes with the controls that use them.

use serde_json::{Value, json};

use super::account::regions;
use crate::sandbox::world::{Call, Fault, Reply, World};

/// Runs one call.
pub fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    match call.operation.as_str() {
        "DescribeRegions" => Some(describe_regions(world, call)),
        _ => super::integrations::handle(world, call),
    }
}

/// Without `AllRegions` only what the account may use. Filters are `opt-in-status` and `region-name`; others match
/// nothing (Guess: EC2 refuses unknown filter names).
fn describe_regions(world: &World, call: &Call) -> Reply {
    let names = strings(call.input.get("RegionNames"));
    let all = regions::statuses(world, &call.account, call.now);
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|(known, _)| *known == name.as_str())) {
        let message = format!("Invalid region provided: {unknown}");
        return Err(Fault::new("InvalidParameterValue", message));
    }
    let every = call.bool("AllRegions").unwrap_or_default();
    let found: Vec<Value> = all
        .iter()
        .map(|(name, status)| (*name, opt_in_status(status)))
        .filter(|(name, status)| {
            (names.is_empty() || names.iter().any(|n| n == name)) && (every || *status != "not-opted-in")
        })
        .filter(|(name, status)| filters_match(call, name, status))
        .map(|(name, status)| {
            json!({ "RegionName": name, "OptInStatus": status, "Endpoint": format!("ec2.{name}.amazonaws.com") })
        })
        .collect();
    Ok(json!({ "Regions": found }))
}

/// EC2's words for what Account Management tells.
fn opt_in_status(status: &str) -> &'static str {
    match status {
        "ENABLED_BY_DEFAULT" => "opt-in-not-required",
        "ENABLED" => "opted-in",
        _ => "not-opted-in",
    }
}

fn filters_match(call: &Call, name: &str, status: &str) -> bool {
    let filters = call.input.get("Filters").and_then(Value::as_array);
    filters.into_iter().flatten().all(|filter| {
        let values = strings(filter.get("Values"));
        match filter.get("Name").and_then(Value::as_str) {
            Some("opt-in-status") => values.iter().any(|v| v == status),
            Some("region-name") => values.iter().any(|v| v == name),
            _ => false,
        }
    })
}

fn strings(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(ToString::to_string).collect()
}
