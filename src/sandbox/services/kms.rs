//! AWS KMS: keys, aliases, rotation, key policies.
//!
//! Keys are per account and region. Nothing that only reads changes the world: the keys that AWS manages
//! (`alias/aws/...`) are computed from account, region and alias, and a key whose waiting period is over is
//! simply no longer found.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::tags::Tags;
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

mod aliases;
mod crypto;
mod keys;
mod lookup;
mod policies;

#[cfg(test)]
mod tests;

pub use lookup::find;

/// KMS of one account in one region.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// Keys by key id.
    pub keys: BTreeMap<String, Key>,
    /// Aliases by name, `alias/` included.
    pub aliases: BTreeMap<String, Alias>,
}

/// One KMS key.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Key {
    /// Key id: a UUID, or `mrk-` and 32 hexadecimal digits for a multi-Region key.
    pub id: String,
    /// Key ARN.
    pub arn: String,
    /// The account that owns it.
    pub account: String,
    /// Seconds since 1970.
    pub created: f64,
    /// Description, may be empty.
    pub description: String,
    /// KeyUsage.
    pub usage: String,
    /// KeySpec.
    pub spec: String,
    /// Origin of the key material.
    pub origin: String,
    /// Whether it is a multi-Region primary key.
    pub multi_region: bool,
    /// KeyState: `Enabled`, `Disabled`, `PendingImport` or `PendingDeletion`.
    pub state: String,
    /// When it will be deleted; only in state `PendingDeletion`.
    pub deletion: Option<f64>,
    /// Key policy text, as it was put.
    pub policy: String,
    /// Automatic rotation; `None` is off.
    pub rotation: Option<Rotation>,
    /// Tags.
    pub tags: Tags,
    /// Whether AWS manages it (`alias/aws/...`).
    pub aws_managed: bool,
}

/// Automatic rotation of one key.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Rotation {
    /// Days between rotations.
    pub period_days: i64,
    /// When it was switched on or its period changed, in seconds since 1970.
    pub since: f64,
}

/// One alias.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Alias {
    /// Key id it points to.
    pub target: String,
    /// Seconds since 1970.
    pub created: f64,
    /// Seconds since 1970.
    pub updated: f64,
}

/// Runs one call.
pub fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    Some(match call.operation.as_str() {
        "CancelKeyDeletion" => keys::cancel_deletion(world, call),
        "CreateAlias" => aliases::create(world, call),
        "CreateKey" => keys::create(world, call),
        "Decrypt" => crypto::decrypt(world, call),
        "DeleteAlias" => aliases::delete(world, call),
        "DescribeKey" => keys::describe(world, call),
        "DisableKey" => keys::disable(world, call),
        "DisableKeyRotation" => keys::disable_rotation(world, call),
        "EnableKey" => keys::enable(world, call),
        "EnableKeyRotation" => keys::enable_rotation(world, call),
        "GenerateDataKey" => crypto::generate_data_key(world, call),
        "GetKeyPolicy" => policies::get(world, call),
        "GetKeyRotationStatus" => keys::rotation_status(world, call),
        "ListAliases" => aliases::list(world, call),
        "ListKeys" => keys::list(world, call),
        "ListResourceTags" => keys::list_tags(world, call),
        "PutKeyPolicy" => policies::put(world, call),
        "ScheduleKeyDeletion" => keys::schedule_deletion(world, call),
        "TagResource" => keys::tag(world, call),
        "UpdateAlias" => aliases::update(world, call),
        _ => return None,
    })
}

/// The caller's KMS in the caller's region, made on first use.
fn here<'w>(world: &'w mut World, call: &Call) -> &'w mut State {
    world.kms.entry(cell(&call.account, &call.region)).or_default()
}

/// The refusal of a bad page marker.
fn bad_marker() -> Fault {
    Fault::new("InvalidMarkerException", "Could not deserialize marker")
}
