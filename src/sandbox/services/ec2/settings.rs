//! Settings of an account in a region: EBS encryption, sharing of snapshots and images, defaults of the instance
//! metadata service, the serial console.
//!
//! Source: the API reference of each operation. AWS needs up to ten minutes for the sharing of images; here it is done
//! at once.

#![expect(clippy::unnecessary_wraps, reason = "a handler's signature, whether it can refuse or not")]

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::kms;
use super::{declarative, edit, invalid_value, view};
use crate::sandbox::world::{Call, Fault, Reply, World};

/// The settings; what nobody set reads as AWS's default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// New volumes and snapshot copies are encrypted.
    pub ebs_encryption: bool,
    /// ARN of the default key; `None`: the one that AWS manages.
    pub ebs_key: Option<String>,
    /// State of the snapshots' block public access; `None`: `unblocked`.
    pub snapshots: Option<String>,
    /// Images cannot be shared publicly any more.
    pub images_blocked: bool,
    /// Defaults of the instance metadata service.
    pub metadata: Metadata,
    /// The serial console may be used.
    pub serial_console: bool,
}

/// Defaults of the instance metadata service; `None`: no preference.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// `optional` or `required`.
    pub http_tokens: Option<String>,
    /// `enabled` or `disabled`.
    pub http_tokens_enforced: Option<String>,
    /// 1 to 64.
    pub hop_limit: Option<i64>,
    /// `enabled` or `disabled`.
    pub http_endpoint: Option<String>,
    /// `enabled` or `disabled`.
    pub tags: Option<String>,
}

const AWS_KEY: &str = "alias/aws/ebs";
const NO_PREFERENCE: &str = "no-preference";

pub(super) fn get_encryption(world: &mut World, call: &Call) -> Reply {
    let settings = &view(world, call).settings;
    let mut reply = json!({ "EbsEncryptionByDefault": settings.ebs_encryption });
    // Guess: what it says of volumes that are not encrypted by default.
    reply["SseType"] = json!(if settings.ebs_encryption { "sse-kms" } else { "none" });
    Ok(reply)
}

pub(super) fn enable_encryption(world: &mut World, call: &Call) -> Reply {
    set_encryption(world, call, true)
}

pub(super) fn disable_encryption(world: &mut World, call: &Call) -> Reply {
    set_encryption(world, call, false)
}

fn set_encryption(world: &mut World, call: &Call, on: bool) -> Reply {
    edit(world, call).settings.ebs_encryption = on;
    Ok(json!({ "EbsEncryptionByDefault": on }))
}

pub(super) fn get_key(world: &mut World, call: &Call) -> Reply {
    let key = view(world, call).settings.ebs_key.clone();
    Ok(json!({ "KmsKeyId": key.unwrap_or_else(|| AWS_KEY.into()) }))
}

/// AWS checks the key later, and leaves the old one where it is wrong. Here a wrong one is refused, so that nobody waits
/// for it (Guess: the code, which CreateVolume has).
pub(super) fn modify_key(world: &mut World, call: &Call) -> Reply {
    let asked = call.required("KmsKeyId");
    let key = kms::find(world, &call.account, &call.region, asked, call.now).ok_or_else(|| {
        Fault::new("InvalidKmsKey.InvalidKeyId", format!("The KMS key {asked} is not valid"))
    })?;
    if key.spec != "SYMMETRIC_DEFAULT" || key.state != "Enabled" {
        let message = format!("The KMS key {asked} is not enabled or not symmetric");
        return Err(Fault::new("InvalidKmsKey.InvalidState", message));
    }
    let aws_managed = kms::find(world, &call.account, &call.region, AWS_KEY, call.now);
    let chosen = (aws_managed.map(|own| own.id) != Some(key.id)).then_some(key.arn);
    let shown = chosen.clone().unwrap_or_else(|| AWS_KEY.into());
    edit(world, call).settings.ebs_key = chosen;
    Ok(json!({ "KmsKeyId": shown }))
}

pub(super) fn reset_key(world: &mut World, call: &Call) -> Reply {
    edit(world, call).settings.ebs_key = None;
    Ok(json!({ "KmsKeyId": AWS_KEY }))
}

/// Adds who manages a setting.
fn managed(mut reply: Value, by_policy: bool) -> Value {
    reply["ManagedBy"] = json!(if by_policy { "declarative-policy" } else { "account" });
    reply
}

const SNAPSHOTS: &str = "snapshot_block_public_access";

pub(super) fn get_snapshots(world: &mut World, call: &Call) -> Reply {
    let policy = declarative::attribute(world, &call.account, SNAPSHOTS);
    let set = policy.as_ref().and_then(|policy| declarative::value(policy, "state"));
    let own = view(world, call).settings.snapshots.clone().unwrap_or_else(|| "unblocked".into());
    Ok(managed(json!({ "State": set.unwrap_or(own) }), policy.is_some()))
}

pub(super) fn enable_snapshots(world: &mut World, call: &Call) -> Reply {
    declarative::check(world, call, SNAPSHOTS)?;
    let state = call.required("State").to_owned();
    if state == "unblocked" {
        return Err(invalid_value("State", &state));
    }
    edit(world, call).settings.snapshots = Some(state.clone());
    Ok(json!({ "State": state }))
}

pub(super) fn disable_snapshots(world: &mut World, call: &Call) -> Reply {
    declarative::check(world, call, SNAPSHOTS)?;
    edit(world, call).settings.snapshots = None;
    Ok(json!({ "State": "unblocked" }))
}

const IMAGES: &str = "image_block_public_access";

pub(super) fn get_images(world: &mut World, call: &Call) -> Reply {
    let policy = declarative::attribute(world, &call.account, IMAGES);
    let set = policy.as_ref().and_then(|policy| declarative::value(policy, "state"));
    let own = if view(world, call).settings.images_blocked { "block-new-sharing" } else { "unblocked" };
    let reply = json!({ "ImageBlockPublicAccessState": set.unwrap_or_else(|| own.into()) });
    Ok(managed(reply, policy.is_some()))
}

pub(super) fn enable_images(world: &mut World, call: &Call) -> Reply {
    set_images(world, call, true, "block-new-sharing")
}

pub(super) fn disable_images(world: &mut World, call: &Call) -> Reply {
    set_images(world, call, false, "unblocked")
}

fn set_images(world: &mut World, call: &Call, blocked: bool, state: &str) -> Reply {
    declarative::check(world, call, IMAGES)?;
    edit(world, call).settings.images_blocked = blocked;
    Ok(json!({ "ImageBlockPublicAccessState": state }))
}

const CONSOLE: &str = "serial_console_access";

pub(super) fn get_console(world: &mut World, call: &Call) -> Reply {
    let policy = declarative::attribute(world, &call.account, CONSOLE);
    let set = policy.as_ref().and_then(|policy| declarative::value(policy, "status"));
    let on = set.map_or(view(world, call).settings.serial_console, |status| status == "enabled");
    Ok(managed(json!({ "SerialConsoleAccessEnabled": on }), policy.is_some()))
}

pub(super) fn enable_console(world: &mut World, call: &Call) -> Reply {
    set_console(world, call, true)
}

pub(super) fn disable_console(world: &mut World, call: &Call) -> Reply {
    set_console(world, call, false)
}

fn set_console(world: &mut World, call: &Call, on: bool) -> Reply {
    declarative::check(world, call, CONSOLE)?;
    edit(world, call).settings.serial_console = on;
    Ok(json!({ "SerialConsoleAccessEnabled": on }))
}

const METADATA: &str = "instance_metadata_defaults";

pub(super) fn get_metadata(world: &mut World, call: &Call) -> Reply {
    let policy = declarative::attribute(world, &call.account, METADATA);
    let own = view(world, call).settings.metadata.clone();
    let set = policy.as_ref().map(from_policy);
    let shown = shown(&set.unwrap_or(own));
    let mut level = managed(shown, policy.is_some());
    if let Some(text) = policy.and(exception_message(world, call)) {
        level["ManagedExceptionMessage"] = text;
    }
    Ok(json!({ "AccountLevel": level }))
}

/// The defaults that hold for new instances, by their member in `MetadataOptions`.
pub(super) fn metadata_defaults(world: &World, call: &Call) -> Value {
    let policy = declarative::attribute(world, &call.account, METADATA);
    shown(&policy.as_ref().map_or_else(|| view(world, call).settings.metadata.clone(), from_policy))
}

fn exception_message(world: &World, call: &Call) -> Option<Value> {
    declarative::attribute(world, &call.account, "exception_message").filter(Value::is_string)
}

/// Settings without a preference are left out.
fn shown(metadata: &Metadata) -> Value {
    let mut level = json!({});
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            level[name] = value;
        }
    };
    set("HttpTokens", metadata.http_tokens.as_ref().map(|v| json!(v)));
    set("HttpTokensEnforced", metadata.http_tokens_enforced.as_ref().map(|v| json!(v)));
    set("HttpPutResponseHopLimit", metadata.hop_limit.map(|v| json!(v)));
    set("HttpEndpoint", metadata.http_endpoint.as_ref().map(|v| json!(v)));
    set("InstanceMetadataTags", metadata.tags.as_ref().map(|v| json!(v)));
    level
}

fn from_policy(policy: &Value) -> Metadata {
    let value = |key: &str| {
        let found = policy.get(key).and_then(|_| declarative::value(policy, key));
        found.filter(|value| value != NO_PREFERENCE)
    };
    Metadata {
        http_tokens: value("http_tokens"),
        http_tokens_enforced: value("http_tokens_enforced"),
        hop_limit: value("http_put_response_hop_limit").and_then(|n| n.parse().ok()).filter(|n| *n > 0),
        http_endpoint: value("http_endpoint"),
        tags: value("instance_metadata_tags"),
    }
}

/// What is left out stays as it is (Guess: the API reference says only how to remove a default).
pub(super) fn modify_metadata(world: &mut World, call: &Call) -> Reply {
    declarative::check(world, call, METADATA)?;
    let hops = call.int("HttpPutResponseHopLimit");
    if let Some(bad) = hops.filter(|n| *n != -1 && !(1..=64).contains(n)) {
        return Err(invalid_value("HttpPutResponseHopLimit", &bad.to_string()));
    }
    let mut metadata = view(world, call).settings.metadata.clone();
    let set = |slot: &mut Option<String>, name: &str| {
        if let Some(value) = call.str(name) {
            *slot = (value != NO_PREFERENCE).then(|| value.to_owned());
        }
    };
    set(&mut metadata.http_tokens, "HttpTokens");
    set(&mut metadata.http_tokens_enforced, "HttpTokensEnforced");
    set(&mut metadata.http_endpoint, "HttpEndpoint");
    set(&mut metadata.tags, "InstanceMetadataTags");
    if let Some(hops) = hops {
        metadata.hop_limit = (hops > 0).then_some(hops);
    }
    edit(world, call).settings.metadata = metadata;
    Ok(json!({ "Return": true }))
}
