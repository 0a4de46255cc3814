//! Data keys. Nothing is encrypted: the ciphertext carries what Decrypt needs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Key, lookup};
use crate::sandbox::world::{Call, Fault, Reply, World};

/// GenerateDataKey.
pub(super) fn generate_data_key(world: &World, call: &Call) -> Reply {
    let length = match (call.str("KeySpec"), call.int("NumberOfBytes")) {
        (Some("AES_128"), None) => 16,
        (Some(_), None) => 32,
        (None, Some(bytes)) => usize::try_from(bytes).unwrap_or(32),
        _ => {
            let message = "Please specify either number of bytes or key spec.";
            return Err(Fault::new("ValidationException", message));
        }
    };
    let key = lookup::any_key(world, call, "KeyId")?;
    usable(&key)?;
    dry_run(call)?;
    let plaintext: Vec<u8> = Sha256::digest(format!("{}/{}", key.arn, call.now).as_bytes())
        .iter()
        .copied()
        .cycle()
        .take(length)
        .collect();
    let plaintext = STANDARD.encode(plaintext);
    let sealed =
        json!({"key": key.arn, "context": call.input.get("EncryptionContext"), "plaintext": plaintext});
    Ok(json!({
        "CiphertextBlob": STANDARD.encode(sealed.to_string()),
        "Plaintext": plaintext,
        "KeyId": key.arn,
    }))
}

/// Decrypt.
pub(super) fn decrypt(world: &World, call: &Call) -> Reply {
    let invalid = || Fault::new("InvalidCiphertextException", "");
    let sealed = STANDARD.decode(call.required("CiphertextBlob")).map_err(|_| invalid())?;
    let sealed: Value = serde_json::from_slice(&sealed).map_err(|_| invalid())?;
    let (Some(arn), Some(plaintext)) =
        (sealed.get("key").and_then(Value::as_str), sealed.get("plaintext").and_then(Value::as_str))
    else {
        return Err(invalid());
    };
    let mut inner = call.clone();
    if inner.str("KeyId").is_none() {
        inner.input["KeyId"] = json!(arn);
    }
    let key = lookup::any_key(world, &inner, "KeyId")?;
    if key.arn != arn {
        let message = "The key ID in the request does not identify a CMK that can perform this operation.";
        return Err(Fault::new("IncorrectKeyException", message));
    }
    usable(&key)?;
    let none = json!({});
    let context = |value: Option<&Value>| value.filter(|v| !v.is_null()).unwrap_or(&none).clone();
    if context(sealed.get("context")) != context(call.input.get("EncryptionContext")) {
        return Err(invalid());
    }
    dry_run(call)?;
    Ok(json!({"KeyId": key.arn, "Plaintext": plaintext, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}))
}

/// Only an enabled symmetric key takes part in cryptographic operations (Developer Guide, "Key states").
fn usable(key: &Key) -> Result<(), Fault> {
    match key.state.as_str() {
        "Enabled" if key.spec == "SYMMETRIC_DEFAULT" => Ok(()),
        "Enabled" => {
            Err(Fault::new("InvalidKeyUsageException", format!("{} key usage is {}", key.arn, key.usage)))
        }
        "Disabled" => Err(Fault::new("DisabledException", format!("{} is disabled.", key.arn))),
        "PendingDeletion" => {
            Err(Fault::new("KMSInvalidStateException", format!("{} is pending deletion.", key.arn)))
        }
        _ => Err(Fault::new("KMSInvalidStateException", format!("{} is pending import.", key.arn))),
    }
}

fn dry_run(call: &Call) -> Result<(), Fault> {
    if call.bool("DryRun") == Some(true) {
        let message = "The request would have succeeded, but the DryRun option is set.";
        return Err(Fault::new("DryRunOperationException", message));
    }
    Ok(())
}
