//! The finding aggregator: the region in which findings of other regions arrive.

use serde_json::{Value, json};

use crate::sandbox::world::{Call, Fault, Reply, World};

use super::{Aggregator, access, effective, members, standards};

fn arn(world: &World, account: &str, aggregator: &Aggregator) -> String {
    world.arn("securityhub", &aggregator.home, account, &format!("finding-aggregator/{}", aggregator.id))
}

fn show(world: &World, account: &str, aggregator: &Aggregator) -> Value {
    let mut shown = json!({
        "FindingAggregatorArn": arn(world, account, aggregator),
        "FindingAggregationRegion": aggregator.home,
        "RegionLinkingMode": aggregator.mode,
    });
    if !aggregator.regions.is_empty() {
        shown["Regions"] = json!(aggregator.regions);
    }
    shown
}

/// Mode and regions of a request.
fn linking(call: &Call) -> Result<(String, Vec<String>), Fault> {
    let mode = call.required("RegionLinkingMode").to_owned();
    let list = call.input.get("Regions").and_then(Value::as_array);
    let mut regions: Vec<String> =
        list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    regions.sort();
    let fits = match mode.as_str() {
        "ALL_REGIONS" | "NO_REGIONS" => regions.is_empty(),
        "ALL_REGIONS_EXCEPT_SPECIFIED" | "SPECIFIED_REGIONS" => !regions.is_empty(),
        _ => false,
    };
    if !fits || regions.contains(&call.region) {
        return Err(access::invalid("Invalid parameter 'RegionLinkingMode' or 'Regions'"));
    }
    Ok((mode, regions))
}

/// CreateFindingAggregator. The text for members is AWS's own (terraform-aws-secure-baseline#254); Guess: that of a second one.
pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    access::subscribed(world, call)?;
    if members::is_member(world, &call.account, &call.region) {
        return Err(access::invalid("A finding aggregator cannot be created by a member account."));
    }
    if world.securityhub.aggregators.contains_key(&call.account) {
        return Err(access::invalid("A finding aggregator already exists for this account."));
    }
    let (mode, regions) = linking(call)?;
    let aggregator = Aggregator { id: world.uuid(), home: call.region.clone(), mode, regions };
    let shown = show(world, &call.account, &aggregator);
    world.securityhub.aggregators.insert(call.account.clone(), aggregator);
    Ok(shown)
}

/// The caller's aggregator, where it is the one that the call names.
fn named(world: &World, call: &Call) -> Result<Aggregator, Fault> {
    access::subscribed(world, call)?;
    let own = world.securityhub.aggregators.get(&call.account);
    let found = own.filter(|own| arn(world, &call.account, own) == call.required("FindingAggregatorArn"));
    found.cloned().ok_or_else(|| {
        access::not_found("The request was rejected because we can't find the specified resource.")
    })
}

pub(super) fn get(world: &mut World, call: &Call) -> Reply {
    let found = named(world, call)?;
    Ok(show(world, &call.account, &found))
}

/// UpdateFindingAggregator. Accounts keep their settings in regions that are no longer linked
/// (aggregation-central-configuration).
pub(super) fn update(world: &mut World, call: &Call) -> Reply {
    let found = named(world, call)?;
    if found.home != call.region {
        return Err(access::invalid("The finding aggregator can only be updated in its aggregation Region."));
    }
    let (mode, regions) = linking(call)?;
    let updated = Aggregator { mode, regions, ..found };
    for region in effective::managed_regions(world) {
        if !effective::links(&updated, &region) {
            effective::keep_region(world, &region);
        }
    }
    let shown = show(world, &call.account, &updated);
    world.securityhub.aggregators.insert(call.account.clone(), updated);
    Ok(shown)
}

pub(super) fn list(world: &mut World, call: &Call) -> Reply {
    access::subscribed(world, call)?;
    let own = world.securityhub.aggregators.get(&call.account);
    let all: Vec<Value> =
        own.into_iter().map(|own| json!({"FindingAggregatorArn": arn(world, &call.account, own)})).collect();
    standards::page(world, call, "FindingAggregators", &all, 100)
}

/// DeleteFindingAggregator. Refused while configuration is central (terraform-provider-aws, acceptance test of the organization
/// configuration).
pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    named(world, call)?;
    if world.securityhub.central.as_ref().is_some_and(|central| central.administrator == call.account) {
        return Err(access::invalid(
            "You must disable central configuration in order to remove or change your aggregation Region.",
        ));
    }
    world.securityhub.aggregators.remove(&call.account);
    Ok(json!({}))
}
