//! Default encryption.

use serde_json::{Value, json};

use super::{invalid, look, malformed_xml, open};
use crate::sandbox::world::{Call, Fault, Reply, World};

/// The configuration of a bucket that nobody changed: SSE-S3 (since January 2023), and no SSE-C (User Guide,
/// "Blocking or unblocking SSE-C": new buckets since April 2026).
pub(super) fn default_configuration() -> Value {
    json!({"Rules": [{
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
        "BucketKeyEnabled": false,
        "BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]},
    }]})
}

/// GetBucketEncryption. There always is a configuration.
pub(super) fn get(world: &World, call: &Call) -> Reply {
    let bucket = look(world, call)?;
    let configuration = bucket.encryption.clone().unwrap_or_else(default_configuration);
    Ok(json!({"ServerSideEncryptionConfiguration": configuration}))
}

/// PutBucketEncryption. S3 does not look whether the key exists.
pub(super) fn put(world: &mut World, call: &Call) -> Reply {
    let rules = call.input.pointer("/ServerSideEncryptionConfiguration/Rules").and_then(Value::as_array);
    let Some([rule]) = rules.map(Vec::as_slice) else { return Err(malformed_xml()) };
    let mut rule = rule.clone();
    check(&rule)?;
    let bucket = open(world, call)?;
    let before = bucket.encryption.clone().unwrap_or_else(default_configuration);
    // Guess: what a request leaves out of these two keeps its value or goes to the default.
    if rule.get("ApplyServerSideEncryptionByDefault").is_none() {
        rule["ApplyServerSideEncryptionByDefault"] = json!({"SSEAlgorithm": "AES256"});
    }
    if rule.get("BlockedEncryptionTypes").is_none()
        && let Some(blocked) = before.pointer("/Rules/0/BlockedEncryptionTypes")
    {
        rule["BlockedEncryptionTypes"] = blocked.clone();
    }
    if rule.get("BucketKeyEnabled").is_none() {
        rule["BucketKeyEnabled"] = json!(false);
    }
    bucket.encryption = Some(json!({"Rules": [rule]}));
    Ok(json!({}))
}

fn check(rule: &Value) -> Result<(), Fault> {
    let Some(apply) = rule.get("ApplyServerSideEncryptionByDefault") else {
        return if rule.get("BlockedEncryptionTypes").is_some() { Ok(()) } else { Err(malformed_xml()) };
    };
    let algorithm = apply.get("SSEAlgorithm").and_then(Value::as_str).unwrap_or_default();
    let has_key = apply.get("KMSMasterKeyID").is_some();
    match algorithm {
        "AES256" if has_key => Err(invalid(
            "InvalidArgument",
            "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse",
        )),
        "AES256" | "aws:kms" | "aws:kms:dsse" => Ok(()),
        // aws:fsx is for access points of file systems.
        _ => Err(malformed_xml()),
    }
}
