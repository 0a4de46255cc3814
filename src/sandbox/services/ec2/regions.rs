//! Regions and Availability Zones.

use serde_json::{Value, json};

use super::super::account::regions;
use super::strings;
use crate::sandbox::world::{Call, Fault, Reply, World};

/// Without `AllRegions` only what the account may use.
pub(super) fn describe(world: &mut World, call: &Call) -> Reply {
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
        .map(|(name, status)| {
            json!({ "RegionName": name, "OptInStatus": status, "Endpoint": format!("ec2.{name}.amazonaws.com") })
        })
        .collect();
    let found = super::describe::filtered(call, "Filters", &FILTERS, found)?;
    Ok(json!({ "Regions": found }))
}

/// Filters of DescribeRegions.
const FILTERS: [(&str, &str); 3] =
    [("endpoint", "Endpoint"), ("opt-in-status", "OptInStatus"), ("region-name", "RegionName")];

/// Filters of DescribeAvailabilityZones.
const ZONE_FILTERS: [(&str, &str); 5] = [
    ("opt-in-status", "OptInStatus"),
    ("region-name", "RegionName"),
    ("state", "State"),
    ("zone-id", "ZoneId"),
    ("zone-name", "ZoneName"),
];

/// Every region has three zones here.
pub(super) fn zones(_world: &mut World, call: &Call) -> Reply {
    let zones: Vec<Value> = ZONES
        .iter()
        .enumerate()
        .map(|(index, letter)| {
            json!({
                "ZoneName": zone(&call.region, letter), "ZoneId": zone_id(&call.region, index),
                "RegionName": call.region, "GroupName": call.region, "NetworkBorderGroup": call.region,
                "State": "available", "OptInStatus": "opt-in-not-required", "ZoneType": "availability-zone",
                "Messages": [],
            })
        })
        .collect();
    let names = strings(call.input.get("ZoneNames"));
    let named =
        |zone: &&Value| names.is_empty() || names.iter().any(|name| zone["ZoneName"] == name.as_str());
    let zones: Vec<Value> = zones.iter().filter(named).cloned().collect();
    Ok(json!({ "AvailabilityZones": super::describe::filtered(call, "Filters", &ZONE_FILTERS, zones)? }))
}

/// Letters of the zones.
pub(super) const ZONES: [&str; 3] = ["a", "b", "c"];

/// Name of a zone.
pub(super) fn zone(region: &str, letter: &str) -> String {
    format!("{region}{letter}")
}

/// Id of a zone by its number, such as `euw1-az1`.
pub(super) fn zone_id(region: &str, index: usize) -> String {
    let mut parts = region.split('-');
    let area = parts.next().unwrap_or_default();
    let short: String = parts.map(|part| part.chars().take(1).collect::<String>()).collect();
    format!("{area}{short}-az{}", index + 1)
}

/// EC2's words for what Account Management tells.
fn opt_in_status(status: &str) -> &'static str {
    match status {
        "ENABLED_BY_DEFAULT" => "opt-in-not-required",
        "ENABLED" => "opted-in",
        _ => "not-opted-in",
    }
}
