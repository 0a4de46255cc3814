//! Lifecycle rules.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{invalid, look, malformed_xml, open};
use crate::sandbox::world::{Call, Fault, Reply, World};

/// Rules per configuration (User Guide, "Setting a lifecycle configuration").
const MOST_RULES: usize = 1000;
const MIDNIGHT: f64 = 86_400.0;

/// A bucket's lifecycle configuration.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Lifecycle {
    /// The rules as they were put, each with an id.
    pub rules: Vec<Value>,
    /// TransitionDefaultMinimumObjectSize.
    pub minimum_size: String,
}

/// GetBucketLifecycleConfiguration.
pub(super) fn get(world: &World, call: &Call) -> Reply {
    let bucket = look(world, call)?;
    let lifecycle = bucket.lifecycle.as_ref().ok_or_else(|| {
        Fault::new("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist")
            .status(404)
            .with("BucketName", json!(call.required("Bucket")))
    })?;
    Ok(json!({"Rules": lifecycle.rules, "TransitionDefaultMinimumObjectSize": lifecycle.minimum_size}))
}

/// PutBucketLifecycleConfiguration. Replaces all rules.
pub(super) fn put(world: &mut World, call: &Call) -> Reply {
    let rules = call.input.pointer("/LifecycleConfiguration/Rules").and_then(Value::as_array);
    let mut rules = rules.filter(|rules| !rules.is_empty()).cloned().ok_or_else(malformed_xml)?;
    if rules.len() > MOST_RULES {
        return Err(malformed_xml());
    }
    for rule in &rules {
        check(rule)?;
    }
    let ids: Vec<&str> = rules.iter().filter_map(|rule| rule.get("ID").and_then(Value::as_str)).collect();
    if ids.iter().collect::<BTreeSet<_>>().len() < ids.len() {
        let message = "Rule ID must be unique. Found same ID for more than one rule";
        return Err(invalid("InvalidArgument", message));
    }
    open(world, call)?;
    for rule in &mut rules {
        if rule.get("ID").and_then(Value::as_str).is_none_or(str::is_empty) {
            let id = world.lower(48);
            rule["ID"] = json!(id);
        }
    }
    // API Reference, PutBucketLifecycleConfiguration: all_storage_classes_128K by default.
    let minimum_size = call.str("TransitionDefaultMinimumObjectSize").unwrap_or("all_storage_classes_128K");
    open(world, call)?.lifecycle = Some(Lifecycle { rules, minimum_size: minimum_size.into() });
    Ok(json!({"TransitionDefaultMinimumObjectSize": minimum_size}))
}

/// The rules of the API Reference, and the messages that S3 gives for the common mistakes.
fn check(rule: &Value) -> Result<(), Fault> {
    if rule.get("ID").and_then(Value::as_str).is_some_and(|id| id.chars().count() > 255) {
        return Err(invalid("InvalidArgument", "ID length should not exceed allowed limit of 255"));
    }
    check_scope(rule)?;
    let actions = [
        "Expiration",
        "Transitions",
        "NoncurrentVersionTransitions",
        "NoncurrentVersionExpiration",
        "AbortIncompleteMultipartUpload",
    ];
    let is_there = |name: &str| match rule.get(name) {
        Some(Value::Array(list)) => !list.is_empty(),
        Some(value) => !value.is_null(),
        None => false,
    };
    if !actions.iter().any(|name| is_there(name)) {
        return Err(invalid("InvalidRequest", "At least one action needs to be specified in a rule"));
    }
    check_expiration(rule)?;
    check_transitions(rule)?;
    check_noncurrent(rule)?;
    check_abort(rule)
}

/// A rule has a filter with at most one element, or the older prefix.
fn check_scope(rule: &Value) -> Result<(), Fault> {
    match (rule.get("Filter"), rule.get("Prefix")) {
        (None, None) => Err(malformed_xml()),
        (Some(_), Some(_)) => {
            Err(invalid("InvalidRequest", "Filter element can only be used in Lifecycle V2."))
        }
        (Some(filter), None) if filter.as_object().is_some_and(|filter| filter.len() > 1) => {
            Err(malformed_xml())
        }
        _ => Ok(()),
    }
}

fn check_expiration(rule: &Value) -> Result<(), Fault> {
    let Some(expiration) = rule.get("Expiration") else { return Ok(()) };
    let given = ["Date", "Days", "ExpiredObjectDeleteMarker"];
    if given.iter().filter(|name| expiration.get(**name).is_some()).count() != 1 {
        return Err(malformed_xml());
    }
    if expiration.get("Days").and_then(Value::as_i64).is_some_and(|days| days <= 0) {
        return Err(invalid("InvalidArgument", "'Days' for Expiration action must be a positive integer"));
    }
    at_midnight(expiration)
}

fn at_midnight(action: &Value) -> Result<(), Fault> {
    if action.get("Date").and_then(Value::as_f64).is_some_and(|date| date % MIDNIGHT != 0.0) {
        return Err(invalid("InvalidArgument", "'Date' must be at midnight GMT"));
    }
    Ok(())
}

fn check_transitions(rule: &Value) -> Result<(), Fault> {
    let none = Vec::new();
    let transitions = rule.get("Transitions").and_then(Value::as_array).unwrap_or(&none);
    let expiration = rule.pointer("/Expiration/Days").and_then(Value::as_i64);
    let mut classes = BTreeSet::new();
    for transition in transitions {
        let days = transition.get("Days").and_then(Value::as_i64);
        if days.is_some() == transition.get("Date").is_some() {
            return Err(malformed_xml());
        }
        at_midnight(transition)?;
        let class = transition.get("StorageClass").and_then(Value::as_str).ok_or_else(malformed_xml)?;
        if !classes.insert(class) {
            let message =
                format!("'StorageClass' must be different for 'Transition' actions in same 'Rule': {class}");
            return Err(invalid("InvalidArgument", message));
        }
        let Some(days) = days else { continue };
        if days < 0 {
            let message = "'Days' in Transition action must be nonnegative";
            return Err(invalid("InvalidArgument", message));
        }
        // User Guide, "Transitioning objects": 30 days before the infrequent access classes.
        if class.ends_with("_IA") && days < 30 {
            let message = format!(
                "'Days' in Transition action must be greater than or equal to 30 for storageClass '{class}'"
            );
            return Err(invalid("InvalidArgument", message));
        }
        if expiration.is_some_and(|expiration| expiration <= days) {
            let message =
                "'Days' in the Expiration action must be greater than 'Days' in the Transition action";
            return Err(invalid("InvalidArgument", message));
        }
    }
    Ok(())
}

fn check_noncurrent(rule: &Value) -> Result<(), Fault> {
    let none = Vec::new();
    let transitions = rule.get("NoncurrentVersionTransitions").and_then(Value::as_array).unwrap_or(&none);
    for transition in transitions {
        if transition.get("StorageClass").is_none() || transition.get("NoncurrentDays").is_none() {
            return Err(malformed_xml());
        }
    }
    let Some(expiration) = rule.get("NoncurrentVersionExpiration") else { return Ok(()) };
    match expiration.get("NoncurrentDays").and_then(Value::as_i64) {
        None => return Err(malformed_xml()),
        Some(days) if days <= 0 => {
            let message =
                "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer";
            return Err(invalid("InvalidArgument", message));
        }
        Some(_) => {}
    }
    if expiration
        .get("NewerNoncurrentVersions")
        .and_then(Value::as_i64)
        .is_some_and(|n| !(1..=100).contains(&n))
    {
        let message = "'NewerNoncurrentVersions' for NoncurrentVersionExpiration must be between 1 and 100";
        return Err(invalid("InvalidArgument", message));
    }
    Ok(())
}

fn check_abort(rule: &Value) -> Result<(), Fault> {
    let Some(abort) = rule.get("AbortIncompleteMultipartUpload") else { return Ok(()) };
    if rule.pointer("/Filter/Tag").is_some() || rule.pointer("/Filter/And/Tags").is_some() {
        let message = "AbortIncompleteMultipartUpload cannot be specified with Tags.";
        return Err(invalid("InvalidRequest", message));
    }
    match abort.get("DaysAfterInitiation").and_then(Value::as_i64) {
        None => Err(malformed_xml()),
        Some(days) if days <= 0 => {
            let message =
                "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer";
            Err(invalid("InvalidArgument", message))
        }
        Some(_) => Ok(()),
    }
}
