//! Replication: the configuration only; nothing is copied.

use serde_json::{Value, json};

use super::{invalid, look, malformed_xml, open};
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
    for rule in &rules {
        check(world, rule)?;
    }
    for rule in configuration.get_mut("Rules").and_then(Value::as_array_mut).into_iter().flatten() {
        if rule.get("ID").is_none() {
            rule["ID"] = json!(world.lower(48));
        }
    }
    open(world, call)?.replication = Some(configuration);
    Ok(json!({}))
}

fn check(world: &World, rule: &Value) -> Result<(), Fault> {
    let destination = rule.pointer("/Destination/Bucket").and_then(Value::as_str).unwrap_or_default();
    let name = destination.rsplit(':').next().unwrap_or_default();
    let Some(target) = world.s3.buckets.get(name).filter(|_| destination == world.arn("s3", "", "", name))
    else {
        return Err(invalid("InvalidRequest", "Destination bucket must exist."));
    };
    if target.versioning.as_deref() != Some("Enabled") {
        return Err(invalid("InvalidRequest", "Destination bucket must have versioning enabled."));
    }
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
