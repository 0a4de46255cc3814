//! Keys: life cycle, rotation, tags.

use serde_json::{Map, Value, json};

use super::super::tags::{self, Tags, Wrong};
use super::{Key, Rotation, bad_marker, here, lookup, policies};
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

const DAY: f64 = 86_400.0;

/// CreateKey.
pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    let spec =
        call.str("KeySpec").or(call.str("CustomerMasterKeySpec")).unwrap_or("SYMMETRIC_DEFAULT").to_string();
    let usage = usage(&spec, call.str("KeyUsage"))?;
    let origin = call.str("Origin").unwrap_or("AWS_KMS").to_string();
    if call.str("CustomKeyStoreId").is_some() || origin == "AWS_CLOUDHSM" || origin == "EXTERNAL_KEY_STORE" {
        // The sandbox has no custom key stores.
        return Err(Fault::new("CustomKeyStoreNotFoundException", "The custom key store does not exist"));
    }
    let new_tags = tags::read(call.input.get("Tags"), "TagKey", "TagValue");
    let tags = tags::merged(&Tags::new(), new_tags).map_err(tag_fault)?;
    let multi_region = call.bool("MultiRegion") == Some(true);
    if let Some(policy) = call.str("Policy") {
        policies::checked(world, call, policy, "*")?;
    }
    let id = if multi_region { format!("mrk-{}", world.hex(32)) } else { world.uuid() };
    let key = Key {
        arn: world.arn("kms", &call.region, &call.account, &format!("key/{id}")),
        account: call.account.clone(),
        created: call.now,
        description: call.str("Description").unwrap_or_default().into(),
        usage,
        spec,
        state: if origin == "EXTERNAL" { "PendingImport" } else { "Enabled" }.into(),
        origin,
        multi_region,
        policy: call.str("Policy").map_or_else(|| policies::default_policy(world, &call.account), Into::into),
        tags,
        id: id.clone(),
        ..Key::default()
    };
    let output = json!({"KeyMetadata": metadata(&key)});
    here(world, call).keys.insert(id, key);
    Ok(output)
}

/// DescribeKey.
pub(super) fn describe(world: &World, call: &Call) -> Reply {
    Ok(json!({"KeyMetadata": metadata(&lookup::any_key(world, call, "KeyId")?)}))
}

/// ListKeys: keys of every state, with those that AWS is about to delete.
pub(super) fn list(world: &World, call: &Call) -> Reply {
    let all: Vec<Value> = world
        .kms
        .get(&cell(&call.account, &call.region))
        .into_iter()
        .flat_map(|state| state.keys.values())
        .filter(|key| lookup::is_alive(key, call.now))
        .map(|key| json!({"KeyId": key.id, "KeyArn": key.arn}))
        .collect();
    // API Reference, ListKeys: 100 by default.
    paged(world, call, &all, 100, "Keys")
}

/// DisableKey.
pub(super) fn disable(world: &mut World, call: &Call) -> Reply {
    let key = lookup::own_key(world, call, "KeyId")?;
    not_pending(&key)?;
    change(world, call, &key, |key| key.state = "Disabled".into());
    Ok(json!({}))
}

/// EnableKey.
pub(super) fn enable(world: &mut World, call: &Call) -> Reply {
    let key = lookup::own_key(world, call, "KeyId")?;
    not_pending(&key)?;
    if key.state == "PendingImport" {
        return Err(Fault::new("KMSInvalidStateException", format!("{} is pending import.", key.arn)));
    }
    change(world, call, &key, |key| key.state = "Enabled".into());
    Ok(json!({}))
}

/// CancelKeyDeletion. The key is disabled afterwards (API Reference, CancelKeyDeletion).
pub(super) fn cancel_deletion(world: &mut World, call: &Call) -> Reply {
    let key = lookup::own_key(world, call, "KeyId")?;
    if key.state != "PendingDeletion" {
        return Err(Fault::new("KMSInvalidStateException", format!("{} is not pending deletion.", key.arn)));
    }
    change(world, call, &key, |key| {
        key.state = "Disabled".into();
        key.deletion = None;
    });
    Ok(json!({"KeyId": key.arn}))
}

/// ScheduleKeyDeletion.
pub(super) fn schedule_deletion(world: &mut World, call: &Call) -> Reply {
    let days = call.int("PendingWindowInDays").unwrap_or(30);
    if !(7..=30).contains(&days) {
        // API Reference, ScheduleKeyDeletion: between 7 and 30. Guess: the form of the message.
        let bound = if days < 7 { "greater than or equal to 7" } else { "less than or equal to 30" };
        let message = format!(
            "1 validation error detected: Value '{days}' at 'pendingWindowInDays' failed to satisfy constraint: \
             Member must have value {bound}"
        );
        return Err(Fault::new("ValidationException", message));
    }
    let key = lookup::own_key(world, call, "KeyId")?;
    not_pending(&key)?;
    let at = call.now + days as f64 * DAY;
    change(world, call, &key, |key| {
        key.state = "PendingDeletion".into();
        key.deletion = Some(at);
    });
    Ok(json!({
        "KeyId": key.arn,
        "DeletionDate": at,
        "KeyState": "PendingDeletion",
        "PendingWindowInDays": days,
    }))
}

/// EnableKeyRotation. Without a period it is 365 days.
pub(super) fn enable_rotation(world: &mut World, call: &Call) -> Reply {
    let key = rotatable(world, call)?;
    let period_days = call.int("RotationPeriodInDays").unwrap_or(365);
    change(world, call, &key, |key| key.rotation = Some(Rotation { period_days, since: call.now }));
    Ok(json!({}))
}

/// DisableKeyRotation.
pub(super) fn disable_rotation(world: &mut World, call: &Call) -> Reply {
    let key = rotatable(world, call)?;
    change(world, call, &key, |key| key.rotation = None);
    Ok(json!({}))
}

/// GetKeyRotationStatus.
pub(super) fn rotation_status(world: &World, call: &Call) -> Reply {
    let asked = call.required("KeyId");
    if asked.starts_with("alias/") || asked.contains(":alias/") {
        return Err(Fault::new("NotFoundException", format!("Invalid keyId {asked}")));
    }
    let key = lookup::any_key(world, call, "KeyId")?;
    if key.aws_managed {
        // Developer Guide, "Rotating AWS KMS keys": AWS managed keys rotate every year.
        return Ok(json!({"KeyId": key.id, "KeyRotationEnabled": true, "RotationPeriodInDays": 365}));
    }
    symmetric(&key)?;
    // API Reference: false while the key is pending deletion.
    let rotation = key.rotation.as_ref().filter(|_| key.state != "PendingDeletion");
    let mut output = json!({"KeyId": key.id, "KeyRotationEnabled": rotation.is_some()});
    if let Some(rotation) = rotation {
        output["RotationPeriodInDays"] = json!(rotation.period_days);
        let period = rotation.period_days as f64 * DAY;
        let passed = ((call.now - rotation.since) / period).floor().max(0.0);
        output["NextRotationDate"] = json!(rotation.since + (passed + 1.0) * period);
    }
    Ok(output)
}

/// TagResource.
pub(super) fn tag(world: &mut World, call: &Call) -> Reply {
    let key = lookup::own_key(world, call, "KeyId")?;
    not_pending(&key)?;
    let new = tags::read(call.input.get("Tags"), "TagKey", "TagValue");
    let tags = tags::merged(&key.tags, new).map_err(tag_fault)?;
    change(world, call, &key, |key| key.tags = tags);
    Ok(json!({}))
}

/// ListResourceTags.
pub(super) fn list_tags(world: &World, call: &Call) -> Reply {
    let key = lookup::own_key(world, call, "KeyId")?;
    let all = tags::write(&key.tags, "TagKey", "TagValue");
    // API Reference, ListResourceTags: 50 by default.
    paged(world, call, all.as_array().map_or(&[], Vec::as_slice), 50, "Tags")
}

fn paged(world: &World, call: &Call, all: &[Value], default: usize, member: &str) -> Reply {
    let (page, next) = world.page(all, call.int("Limit"), default, call.str("Marker"), &bad_marker)?;
    let mut output = json!({member: page, "Truncated": next.is_some()});
    if let Some(next) = next {
        output["NextMarker"] = json!(next);
    }
    Ok(output)
}

/// The key usage that a key spec allows.
fn usage(spec: &str, asked: Option<&str>) -> Result<String, Fault> {
    let allowed: &[&str] = match spec {
        "SYMMETRIC_DEFAULT" => &["ENCRYPT_DECRYPT"],
        spec if spec.starts_with("RSA_") => &["ENCRYPT_DECRYPT", "SIGN_VERIFY"],
        spec if spec.starts_with("HMAC_") => &["GENERATE_VERIFY_MAC"],
        "SM2" => &["ENCRYPT_DECRYPT", "SIGN_VERIFY", "KEY_AGREEMENT"],
        spec if spec.starts_with("ECC_NIST_P") => &["SIGN_VERIFY", "KEY_AGREEMENT"],
        _ => &["SIGN_VERIFY"],
    };
    match asked {
        None if spec == "SYMMETRIC_DEFAULT" => Ok("ENCRYPT_DECRYPT".into()),
        None => Err(Fault::new(
            "ValidationException",
            "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
        )),
        Some(asked) if allowed.contains(&asked) => Ok(asked.into()),
        Some(asked) => Err(Fault::new(
            "ValidationException",
            format!("KeyUsage {asked} is not compatible with KeySpec {spec}"),
        )),
    }
}

fn algorithms(key: &Key) -> (&'static str, Vec<&'static str>) {
    let rsa_sign = ["RSASSA_PKCS1_V1_5_SHA_256", "RSASSA_PKCS1_V1_5_SHA_384", "RSASSA_PKCS1_V1_5_SHA_512"];
    match (key.usage.as_str(), key.spec.as_str()) {
        ("ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT") => ("EncryptionAlgorithms", vec!["SYMMETRIC_DEFAULT"]),
        ("ENCRYPT_DECRYPT", "SM2") => ("EncryptionAlgorithms", vec!["SM2PKE"]),
        ("ENCRYPT_DECRYPT", _) => ("EncryptionAlgorithms", vec!["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"]),
        ("KEY_AGREEMENT", _) => ("KeyAgreementAlgorithms", vec!["ECDH"]),
        ("GENERATE_VERIFY_MAC", "HMAC_224") => ("MacAlgorithms", vec!["HMAC_SHA_224"]),
        ("GENERATE_VERIFY_MAC", "HMAC_384") => ("MacAlgorithms", vec!["HMAC_SHA_384"]),
        ("GENERATE_VERIFY_MAC", "HMAC_512") => ("MacAlgorithms", vec!["HMAC_SHA_512"]),
        ("GENERATE_VERIFY_MAC", _) => ("MacAlgorithms", vec!["HMAC_SHA_256"]),
        (_, "ECC_NIST_P384") => ("SigningAlgorithms", vec!["ECDSA_SHA_384"]),
        (_, "ECC_NIST_P521") => ("SigningAlgorithms", vec!["ECDSA_SHA_512"]),
        (_, "SM2") => ("SigningAlgorithms", vec!["SM2DSA"]),
        (_, spec) if spec.starts_with("RSA_") => ("SigningAlgorithms", rsa_sign.to_vec()),
        (_, spec) if spec.starts_with("ML_DSA") => ("SigningAlgorithms", vec!["ML_DSA_SHAKE_256"]),
        _ => ("SigningAlgorithms", vec!["ECDSA_SHA_256"]),
    }
}

/// KeyMetadata.
fn metadata(key: &Key) -> Value {
    let mut out = Map::new();
    out.insert("AWSAccountId".into(), json!(key.account));
    out.insert("KeyId".into(), json!(key.id));
    out.insert("Arn".into(), json!(key.arn));
    out.insert("CreationDate".into(), json!(key.created));
    out.insert("Enabled".into(), json!(key.state == "Enabled"));
    out.insert("Description".into(), json!(key.description));
    out.insert("KeyUsage".into(), json!(key.usage));
    out.insert("KeyState".into(), json!(key.state));
    out.insert("Origin".into(), json!(key.origin));
    out.insert("KeyManager".into(), json!(if key.aws_managed { "AWS" } else { "CUSTOMER" }));
    out.insert("CustomerMasterKeySpec".into(), json!(key.spec));
    out.insert("KeySpec".into(), json!(key.spec));
    out.insert("MultiRegion".into(), json!(key.multi_region));
    let (member, names) = algorithms(key);
    out.insert(member.into(), json!(names));
    if let Some(at) = key.deletion {
        out.insert("DeletionDate".into(), json!(at));
    }
    if key.multi_region {
        let region = key.arn.split(':').nth(3).unwrap_or_default();
        out.insert(
            "MultiRegionConfiguration".into(),
            json!({
                "MultiRegionKeyType": "PRIMARY",
                "PrimaryKey": {"Arn": key.arn, "Region": region},
                "ReplicaKeys": [],
            }),
        );
    }
    Value::Object(out)
}

/// A key of the caller whose rotation may be changed (Developer Guide, "Key states", and API Reference).
fn rotatable(world: &World, call: &Call) -> Result<Key, Fault> {
    let key = lookup::own_key(world, call, "KeyId")?;
    symmetric(&key)?;
    not_pending(&key)?;
    if key.state == "Disabled" {
        return Err(Fault::new("DisabledException", format!("{} is disabled.", key.arn)));
    }
    Ok(key)
}

fn symmetric(key: &Key) -> Result<(), Fault> {
    if key.spec == "SYMMETRIC_DEFAULT" && key.origin == "AWS_KMS" {
        return Ok(());
    }
    Err(Fault::new(
        "UnsupportedOperationException",
        format!("{} does not support automatic key rotation", key.arn),
    ))
}

fn not_pending(key: &Key) -> Result<(), Fault> {
    if key.state == "PendingDeletion" {
        return Err(Fault::new("KMSInvalidStateException", format!("{} is pending deletion.", key.arn)));
    }
    Ok(())
}

fn change(world: &mut World, call: &Call, key: &Key, edit: impl FnOnce(&mut Key)) {
    if let Some(key) = here(world, call).keys.get_mut(&key.id) {
        edit(key);
    }
}

fn tag_fault(wrong: Wrong) -> Fault {
    match wrong {
        Wrong::TooMany => Fault::new("LimitExceededException", "The quota of tags for this key is exceeded"),
        Wrong::Duplicate => Fault::new("TagException", "Duplicate tag keys found"),
        Wrong::Reserved => {
            Fault::new("TagException", "aws: prefixed tag key names are not allowed for external use")
        }
    }
}
