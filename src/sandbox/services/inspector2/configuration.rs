//! How EC2 instances and ECR images are scanned. What the administrator sets holds for its members.

use serde_json::{Value, json};

use crate::sandbox::world::{Call, Fault, Reply, World, cell};

use super::{Configuration, administrator, denied, members, scans, validation};

impl Default for Configuration {
    /// What AWS provides for new accounts (terraform-provider-aws, `inspector2/configuration.go`).
    fn default() -> Configuration {
        Configuration {
            ec2: "EC2_HYBRID".into(),
            ecr: "LIFETIME".into(),
            pull: "DAYS_90".into(),
            pull_mode: "LAST_IN_USE_AT".into(),
            updated: 0.0,
        }
    }
}

/// Refuses an account in which nothing is scanned. The text is AWS's own, of another operation; Guess: of these too.
fn enabled_only(world: &World, call: &Call) -> Result<(), Fault> {
    if scans::of(world, &call.account, &call.region).is_empty() {
        return Err(denied("Invoking account is not enabled."));
    }
    Ok(())
}

/// Whose configuration holds for the caller.
fn owner<'w>(world: &'w World, call: &'w Call) -> &'w str {
    match administrator(world, &call.region) {
        Some(administrator) if members::is_member(world, &call.account, &call.region) => administrator,
        _ => &call.account,
    }
}

pub(super) fn get(world: &mut World, call: &Call) -> Reply {
    enabled_only(world, call)?;
    let stored = world.inspector2.configuration.get(&cell(owner(world, call), &call.region));
    let own = stored.cloned().unwrap_or_default();
    Ok(json!({
        "ec2Configuration": {
            "scanModeState": {"scanMode": own.ec2, "scanModeStatus": "SUCCESS"},
            "vmScannerState": {"activated": false, "status": "SUCCESS"},
        },
        "ecrConfiguration": {"rescanDurationState": {
            "rescanDuration": own.ecr, "status": "SUCCESS", "updatedAt": own.updated,
            "pullDateRescanDuration": own.pull, "pullDateRescanMode": own.pull_mode,
        }},
    }))
}

/// UpdateConfiguration. Guess: a member is refused.
pub(super) fn update(world: &mut World, call: &Call) -> Reply {
    enabled_only(world, call)?;
    if owner(world, call) != call.account {
        return Err(denied("The configuration is managed by the delegated administrator."));
    }
    let text = |pointer: &str| call.input.pointer(pointer).and_then(Value::as_str);
    let place = cell(&call.account, &call.region);
    let mut own = world.inspector2.configuration.get(&place).cloned().unwrap_or_default();
    let members = [
        ("/ec2Configuration/scanMode", &mut own.ec2),
        ("/ecrConfiguration/rescanDuration", &mut own.ecr),
        ("/ecrConfiguration/pullDateRescanDuration", &mut own.pull),
        ("/ecrConfiguration/pullDateRescanMode", &mut own.pull_mode),
    ];
    let mut any = false;
    for (pointer, member) in members {
        if let Some(value) = text(pointer) {
            value.clone_into(member);
            any = true;
        }
    }
    if !any {
        return Err(validation("At least one configuration must be given"));
    }
    own.updated = call.now;
    world.inspector2.configuration.insert(place, own);
    Ok(json!({}))
}
