//! Replication: the configuration only; nothing is copied.

use serde_json::{Value, json};

use super::{Bucket, invalid, look, malformed_xml, open};
use crate::sandbox::world::{Call, Fault, Reply, World};

/// GetBucketReplication.
pub(super) fn get(world: &World, call: &Call) -> Reply {
    let bucket = look(world, call)?;
    let configuration = bucket.replication.as_ref().ok_or_else(|| {
        Fault::new("ReplicationConfigurationNotFoundError", "The replication configuration was not found")
            .status(404)
    })?;
    Ok(json!({"ReplicationConfiguration": configuration}))
}

/// PutBucketReplication. Replaces the whole configuration.
pub(super) fn put(world: &mut World, call: &Call) -> Reply {
    let bucket = look(world, call)?;
    if bucket.versioning.as_deref() != Some("Enabled") {
        let message = "Versioning must be 'Enabled' on the bucket to apply a replication configuration";
        return Err(invalid("InvalidRequest", message));
    }
    let mut configuration = call.input["ReplicationConfiguration"].clone();
    let role = configuration.get("Role").and_then(Value::as_str).unwrap_or_default();
    if !role.contains(":role/") {
        return Err(invalid("InvalidArgument", "Invalid Role specified in replication configuration"));
    }
    let rules = configuration.get("Rules").and_then(Value::as_array).cloned().unwrap_or_default();
    if rules.is_empty() {
        return Err(malformed_xml());
    }
    check_together(&rules)?;
    for rule in &rules {
        check(world, rule, bucket)?;
    }
    for rule in configuration.get_mut("Rules").and_then(Value::as_array_mut).into_iter().flatten() {
        if rule.get("ID").is_none() {
            rule["ID"] = json!(world.lower(48));
        }
    }
    open(world, call)?.replication = Some(configuration);
    Ok(json!({}))
}

/// DeleteBucketReplication.
pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    open(world, call)?.replication = None;
    Ok(json!({}))
}

/// Ids and priorities are unique, and all rules are of one schema. Guess: the messages, here and in `check_encryption`; the
/// codes are those of the User Guide, "List of replication-related error codes".
fn check_together(rules: &[Value]) -> Result<(), Fault> {
    let repeats = |member: &str| {
        let mut seen = Vec::new();
        rules.iter().filter_map(|rule| rule.get(member)).any(|value| {
            let again = seen.contains(&value);
            seen.push(value);
            again
        })
    };
    if repeats("ID") {
        return Err(invalid(
            "InvalidArgument",
            "Rule Id must be unique. Found same Id for more than one rule",
        ));
    }
    if repeats("Priority") {
        return Err(invalid("InvalidRequest", "Found more than one rule with the same Priority"));
    }
    let newer = rules.iter().filter(|rule| rule.get("Filter").is_some()).count();
    if newer != 0 && newer != rules.len() {
        return Err(invalid("InvalidRequest", "Rules with and without a Filter cannot be used together"));
    }
    Ok(())
}

fn check(world: &World, rule: &Value, source: &Bucket) -> Result<(), Fault> {
    let destination = rule.pointer("/Destination/Bucket").and_then(Value::as_str).unwrap_or_default();
    let name = destination.rsplit(':').next().unwrap_or_default();
    let Some(target) = world.s3.buckets.get(name).filter(|_| destination == world.arn("s3", "", "", name))
    else {
        return Err(invalid("InvalidRequest", "Destination bucket must exist."));
    };
    if target.versioning.as_deref() != Some("Enabled") {
        return Err(invalid("InvalidRequest", "Destination bucket must have versioning enabled."));
    }
    if source.object_lock && !target.object_lock {
        // User Guide, "Managing Object Lock with S3 Replication": both buckets have it. Guess: code and message.
        return Err(invalid("InvalidRequest", "Destination bucket must have Object Lock enabled."));
    }
    check_owner(rule, target)?;
    check_encryption(rule)?;
    // Rules with a filter are of the newer schema, which wants these two.
    if rule.get("Filter").is_some() {
        for member in ["Priority", "DeleteMarkerReplication"] {
            if rule.get(member).is_none() {
                let message = format!(
                    "{member} must be specified for this version of Cross Region Replication configuration schema. \
                     Please refer to S3 Developer Guide for more details."
                );
                return Err(invalid("InvalidRequest", message));
            }
        }
    }
    Ok(())
}

/// The account of the destination, and who owns the replicas.
fn check_owner(rule: &Value, target: &Bucket) -> Result<(), Fault> {
    let account = rule.pointer("/Destination/Account").and_then(Value::as_str);
    if account.is_some_and(|account| account != target.owner) {
        let message = "The Account element of the Destination must match the owner of the destination bucket";
        return Err(invalid("InvalidArgument", message));
    }
    if rule.pointer("/Destination/AccessControlTranslation").is_some() && account.is_none() {
        return Err(invalid("InvalidRequest", "Account must be specified when AccessControlTranslation is"));
    }
    Ok(())
}

/// A key for the replicas and objects under KMS go together.
fn check_encryption(rule: &Value) -> Result<(), Fault> {
    let status =
        rule.pointer("/SourceSelectionCriteria/SseKmsEncryptedObjects/Status").and_then(Value::as_str);
    let key = rule.pointer("/Destination/EncryptionConfiguration/ReplicaKmsKeyID").is_some();
    match (status == Some("Enabled"), key) {
        (true, false) => {
            let message = "EncryptionConfiguration must be specified if SseKmsEncryptedObjects is Enabled";
            Err(invalid("InvalidRequest", message))
        }
        (false, true) if status.is_none() => {
            let message = "SseKmsEncryptedObjects must be specified if EncryptionConfiguration is present";
            Err(invalid("InvalidRequest", message))
        }
        _ => Ok(()),
    }
}
