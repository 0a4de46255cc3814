//! Log groups: class, retention, encryption, tags.

use serde_json::{Value, json};

use super::super::tags::Tags;
use super::super::{documents, kms, tags};
use super::{Group, group, here, invalid, millis, no_group, open, paged, parts};
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

/// API Reference, PutRetentionPolicy.
const RETENTION_DAYS: &[i64] = &[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

/// CreateLogGroup.
pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    let name = call.required("logGroupName");
    if name.starts_with("aws/") {
        // API Reference, CreateLogGroup: names must not start with aws/.
        return Err(invalid("Log groups starting with aws/ are reserved for AWS."));
    }
    if here(world, call).is_some_and(|state| state.groups.contains_key(name)) {
        let message = "The specified log group already exists";
        return Err(Fault::new("ResourceAlreadyExistsException", message));
    }
    if let Some(key) = call.str("kmsKeyId") {
        usable_key(world, call, name, key)?;
    }
    let tags = merged(&Tags::new(), call)?;
    let class = call.str("logGroupClass").unwrap_or("STANDARD");
    let group = Group {
        created: call.now,
        // Developer Guide, "Log classes": the Delivery class keeps for two days.
        retention_days: (class == "DELIVERY").then_some(2),
        class: class.into(),
        kms_key: call.str("kmsKeyId").map(Into::into),
        deletion_protection: call.bool("deletionProtectionEnabled") == Some(true),
        tags,
        ..Group::default()
    };
    world.logs.entry(cell(&call.account, &call.region)).or_default().groups.insert(name.into(), group);
    Ok(json!({}))
}

/// DeleteLogGroup.
pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    let name = call.required("logGroupName");
    if open(world, call, name)?.deletion_protection {
        let message = "The log group has deletion protection enabled";
        return Err(Fault::new("ValidationException", message));
    }
    if let Some(state) = world.logs.get_mut(&cell(&call.account, &call.region)) {
        state.groups.remove(name);
    }
    Ok(json!({}))
}

/// DeleteLogStream. Groups of the sandbox have no streams.
pub(super) fn delete_stream(world: &mut World, call: &Call) -> Reply {
    open(world, call, call.required("logGroupName"))?;
    Err(Fault::new("ResourceNotFoundException", "The specified log stream does not exist."))
}

/// DescribeLogGroups, by name.
pub(super) fn describe(world: &World, call: &Call) -> Reply {
    let prefix = call.str("logGroupNamePrefix");
    let pattern = call.str("logGroupNamePattern").filter(|pattern| !pattern.is_empty());
    if prefix.is_some() && pattern.is_some() {
        let message = "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.";
        return Err(invalid(message));
    }
    let identifiers: Option<Vec<&str>> = call
        .input
        .get("logGroupIdentifiers")
        .and_then(Value::as_array)
        .map(|list| list.iter().filter_map(Value::as_str).collect());
    let named = |name: &str| {
        identifiers.as_ref().is_none_or(|list| {
            list.iter().any(|id| *id == name || parts(id).is_some_and(|(_, _, in_arn)| in_arn == name))
        })
    };
    let all: Vec<Value> = here(world, call)
        .into_iter()
        .flat_map(|state| &state.groups)
        .filter(|(name, _)| prefix.is_none_or(|prefix| name.starts_with(prefix)))
        .filter(|(name, _)| pattern.is_none_or(|pattern| name.contains(pattern)))
        .filter(|(name, _)| named(name))
        .filter(|(_, group)| call.str("logGroupClass").is_none_or(|class| class == group.class))
        .map(|(name, group)| entry(world, call, name, group))
        .collect();
    paged(world, call, &all, "logGroups")
}

fn entry(world: &World, call: &Call, name: &str, group: &Group) -> Value {
    let arn = world.arn("logs", &call.region, &call.account, &format!("log-group:{name}"));
    let mut entry = json!({
        "logGroupName": name,
        "creationTime": millis(group.created),
        "metricFilterCount": group.metric_filters.len(),
        "arn": format!("{arn}:*"),
        "logGroupArn": arn,
        "storedBytes": 0,
        "logGroupClass": group.class,
        "deletionProtectionEnabled": group.deletion_protection,
    });
    if let Some(days) = group.retention_days {
        entry["retentionInDays"] = json!(days);
    }
    if let Some(key) = &group.kms_key {
        entry["kmsKeyId"] = json!(key);
    }
    entry
}

/// PutRetentionPolicy.
pub(super) fn put_retention(world: &mut World, call: &Call) -> Reply {
    let days = call.int("retentionInDays").unwrap_or_default();
    if !RETENTION_DAYS.contains(&days) {
        let allowed: Vec<String> = RETENTION_DAYS.iter().map(ToString::to_string).collect();
        return Err(invalid(format!(
            "1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: Member \
             must satisfy enum value set: [{}]",
            allowed.join(", ")
        )));
    }
    let group = open(world, call, call.required("logGroupName"))?;
    not_delivery(group)?;
    group.retention_days = Some(days);
    Ok(json!({}))
}

/// DeleteRetentionPolicy: keeps for ever from now on.
pub(super) fn delete_retention(world: &mut World, call: &Call) -> Reply {
    let group = open(world, call, call.required("logGroupName"))?;
    not_delivery(group)?;
    group.retention_days = None;
    Ok(json!({}))
}

/// The retention of the Delivery class cannot be changed. Guess: the code.
fn not_delivery(group: &Group) -> Result<(), Fault> {
    if group.class == "DELIVERY" {
        return Err(invalid("The retention of a log group of the DELIVERY class cannot be changed"));
    }
    Ok(())
}

/// AssociateKmsKey.
pub(super) fn associate_key(world: &mut World, call: &Call) -> Reply {
    let name = key_target(call)?;
    open(world, call, &name)?;
    let key = call.required("kmsKeyId").to_string();
    usable_key(world, call, &name, &key)?;
    open(world, call, &name)?.kms_key = Some(key);
    Ok(json!({}))
}

/// DisassociateKmsKey.
pub(super) fn disassociate_key(world: &mut World, call: &Call) -> Reply {
    let name = key_target(call)?;
    open(world, call, &name)?.kms_key = None;
    Ok(json!({}))
}

/// The log group that the key operations speak of: by name, or by ARN in `resourceIdentifier`. The identifier of
/// query results (`:query-result:*`) is not simulated.
fn key_target(call: &Call) -> Result<String, Fault> {
    match (call.str("logGroupName"), call.str("resourceIdentifier")) {
        (Some(name), None) => Ok(name.into()),
        (None, Some(arn)) => {
            let (account, region, name) = parts(arn).ok_or_else(|| invalid("Invalid resource identifier"))?;
            if account == call.account && region == call.region { Ok(name.into()) } else { Err(no_group()) }
        }
        _ => Err(invalid("Exactly one of logGroupName and resourceIdentifier must be specified")),
    }
}

/// The key must exist, be enabled, symmetric and let CloudWatch Logs of this region use it for this group
/// (Developer Guide, "Encrypt log data in CloudWatch Logs using AWS KMS").
fn usable_key(world: &World, call: &Call, name: &str, key_arn: &str) -> Result<(), Fault> {
    let arn = world.arn("logs", &call.region, &call.account, &format!("log-group:{name}"));
    let refusal = || {
        invalid(format!(
            "The specified KMS key does not exist or is not allowed to be used with LogGroup '{arn}'"
        ))
    };
    if !key_arn.starts_with("arn:") {
        return Err(invalid(format!("KmsKeyId '{key_arn}' is not a valid key ARN")));
    }
    let key = kms::find(world, &call.account, &call.region, key_arn, call.now).ok_or_else(refusal)?;
    if key.state != "Enabled" || key.spec != "SYMMETRIC_DEFAULT" || key.aws_managed {
        return Err(refusal());
    }
    let service = format!("logs.{}.amazonaws.com", call.region);
    let allowed = ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"].iter().all(|action| {
        let request = documents::service_request(world, &service, action, &key.arn, (&call.account, &arn))
            .with("kms:EncryptionContext:aws:logs:arn", &arn)
            .with_all("kms:EncryptionContextKeys", &["aws:logs:arn"]);
        documents::allows(&key.policy, &request)
    });
    if allowed { Ok(()) } else { Err(refusal()) }
}

/// TagResource.
pub(super) fn tag(world: &mut World, call: &Call) -> Reply {
    let name = tagged(world, call)?;
    let group = open(world, call, &name)?;
    group.tags = merged(&group.tags, call)?;
    Ok(json!({}))
}

/// ListTagsForResource.
pub(super) fn list_tags(world: &World, call: &Call) -> Reply {
    tagged(world, call)?;
    let group = group(world, call.required("resourceArn")).ok_or_else(no_group)?;
    Ok(json!({"tags": group.tags}))
}

/// The name in the ARN of a log group of the caller. The ARN must not end in `:*` (API Reference, TagResource).
fn tagged(world: &World, call: &Call) -> Result<String, Fault> {
    let missing = || Fault::new("ResourceNotFoundException", "The specified resource does not exist.");
    let arn = call.required("resourceArn");
    let (account, region, name) = parts(arn).ok_or_else(|| invalid("Invalid resource ARN"))?;
    if arn.ends_with(":*") {
        return Err(invalid("The specified resource ARN is not valid: it must not end in :*"));
    }
    if account != call.account || region != call.region || group(world, arn).is_none() {
        return Err(missing());
    }
    Ok(name.into())
}

fn merged(current: &Tags, call: &Call) -> Result<Tags, Fault> {
    let new = call.input.get("tags").and_then(Value::as_object);
    let new = new
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_string()))
        .collect();
    tags::merged(current, new).map_err(|wrong| match wrong {
        tags::Wrong::TooMany => {
            Fault::new("TooManyTagsException", "A resource can have no more than 50 tags.")
        }
        tags::Wrong::Duplicate | tags::Wrong::Reserved => invalid("Tag keys must not start with aws:"),
    })
}
