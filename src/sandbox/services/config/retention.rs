//! How long Config keeps the history.

#![expect(clippy::unnecessary_wraps, reason = "a handler's signature, whether it can refuse or not")]

use serde_json::{Value, json};

use super::{asked, here, here_mut, page};
use crate::sandbox::world::{Call, Fault, Reply, World};

/// AWS gives it this name.
const NAME: &str = "default";

fn shown(days: i64) -> Value {
    json!({"Name": NAME, "RetentionPeriodInDays": days})
}

fn missing(name: &str) -> Fault {
    let message = format!("Cannot find retention configuration with the specified name '{name}'.");
    Fault::new("NoSuchRetentionConfigurationException", message)
}

pub(super) fn put(world: &mut World, call: &Call) -> Reply {
    let days = call.int("RetentionPeriodInDays").unwrap_or_default();
    here_mut(world, call).retention_days = Some(days);
    Ok(json!({"RetentionConfiguration": shown(days)}))
}

pub(super) fn describe(world: &mut World, call: &Call) -> Reply {
    let days = here(world, call).and_then(|state| state.retention_days);
    for name in asked(call, "RetentionConfigurationNames").unwrap_or_default() {
        if name != NAME || days.is_none() {
            return Err(missing(name));
        }
    }
    let all: Vec<Value> = days.into_iter().map(shown).collect();
    page(world, call, "RetentionConfigurations", &all)
}

pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    let name = call.required("RetentionConfigurationName");
    let is_there = here(world, call).is_some_and(|state| state.retention_days.is_some());
    if name != NAME || !is_there {
        return Err(missing(name));
    }
    here_mut(world, call).retention_days = None;
    Ok(json!({}))
}
