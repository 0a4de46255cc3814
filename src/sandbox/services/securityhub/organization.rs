//! How the organization is configured: locally, region by region, or centrally.

use serde_json::{Value, json};

use crate::sandbox::world::{Call, Fault, Reply, World};

use super::{Central, Local, access, effective};

pub(super) fn describe(world: &mut World, call: &Call) -> Reply {
    access::administrator_only(world, call)?;
    let state = &world.securityhub;
    let (auto, standards) = match (&state.central, state.local.get(&call.region)) {
        (Some(_), _) => (false, "NONE"),
        (None, None) => (false, "DEFAULT"),
        (None, Some(local)) => {
            (local.auto_enable.is_some(), if local.without_standards { "NONE" } else { "DEFAULT" })
        }
    };
    let kind = if state.central.is_some() { "CENTRAL" } else { "LOCAL" };
    Ok(json!({
        "AutoEnable": auto,
        "AutoEnableStandards": standards,
        "MemberAccountLimitReached": false,
        "OrganizationConfiguration": {"ConfigurationType": kind, "Status": "ENABLED"},
    }))
}

pub(super) fn update(world: &mut World, call: &Call) -> Reply {
    access::administrator_only(world, call)?;
    let auto = call.bool("AutoEnable") == Some(true);
    let standards = call.str("AutoEnableStandards");
    let kind = call.input.pointer("/OrganizationConfiguration/ConfigurationType").and_then(Value::as_str);
    let is_central = world.securityhub.central.is_some();
    match kind.unwrap_or(if is_central { "CENTRAL" } else { "LOCAL" }) {
        "CENTRAL" => {
            // terraform-aws-mcaf-landing-zone#213.
            if auto || standards == Some("DEFAULT") {
                return Err(access::invalid(
                    "Auto Enable and AutoEnableStandards can not be enabled for Central Configuration",
                ));
            }
            centralize(world, call)?;
        }
        _ => localize(world, call, auto, standards)?,
    }
    Ok(json!({}))
}

fn centralize(world: &mut World, call: &Call) -> Result<(), Fault> {
    if let Some(central) = &world.securityhub.central {
        if central.home != call.region {
            return Err(access::denied(
                "Central Configuration APIs can only be called from the aggregation region",
            ));
        }
        return Ok(());
    }
    let aggregator = world.securityhub.aggregators.get(&call.account);
    if aggregator.is_none_or(|aggregator| aggregator.home != call.region) {
        return Err(access::invalid("Finding Aggregator must be created to enable Central Configuration"));
    }
    let regions: Vec<String> = world.securityhub.local.keys().cloned().collect();
    for region in regions {
        effective::keep_members(world, &region);
    }
    let state = &mut world.securityhub;
    state.local.clear();
    state.central = Some(Central { administrator: call.account.clone(), home: call.region.clone() });
    Ok(())
}

fn localize(world: &mut World, call: &Call, auto: bool, standards: Option<&str>) -> Result<(), Fault> {
    if let Some(central) = &world.securityhub.central {
        if central.home != call.region {
            return Err(access::denied(
                "Central Configuration APIs can only be called from the aggregation region",
            ));
        }
        // stop-central-configuration: both must be gone before. Guess: the message.
        if !world.securityhub.policies.is_empty() || !world.securityhub.associations.is_empty() {
            return Err(access::conflict(
                "Disassociate and delete all configuration policies before you disable central configuration.",
            ));
        }
        world.securityhub.central = None;
    }
    let before = world.securityhub.local.get(&call.region).cloned().unwrap_or_default();
    if !auto {
        effective::keep_members(world, &call.region);
    }
    let without_standards = standards.map_or(before.without_standards, |standards| standards == "NONE");
    let auto_enable = auto.then(|| before.auto_enable.unwrap_or(call.now));
    world.securityhub.local.insert(call.region.clone(), Local { auto_enable, without_standards });
    Ok(())
}
