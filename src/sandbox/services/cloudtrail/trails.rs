//! Making, changing and deleting trails; logging on and off.

use serde_json::{Map, Value, json};

use super::super::{organizations, tags};
use super::{Trail, checks, names, tagging, visible, writable};
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

/// Trails per region, with those that are shown from elsewhere (User Guide, "Quotas in AWS CloudTrail").
const MOST_TRAILS: usize = 5;

/// CreateTrail. The order of the checks is a guess; that each of them is made is not.
pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    let name = call.required("Name").to_string();
    names::check(&name)?;
    let organization = call.bool("IsOrganizationTrail") == Some(true);
    if organization {
        checks::organization(world, call)?;
    }
    let owner = if organization {
        organizations::management(world).unwrap_or_default().to_string()
    } else {
        call.account.clone()
    };
    let mut trail = Trail {
        arn: world.arn("cloudtrail", &call.region, &owner, &format!("trail/{name}")),
        name: name.clone(),
        // API Reference, CreateTrail: on by default.
        global_events: true,
        tags: tagging::merged(&tags::Tags::new(), call)?,
        ..Trail::default()
    };
    apply(world, call, &mut trail)?;
    let mine: Vec<_> = visible(world, &owner).into_iter().filter(|seen| seen.is_in(&call.region)).collect();
    if mine.iter().any(|seen| seen.trail.name == name && seen.owner == owner) {
        let message = format!("Trail {name} already exists for customer: {owner}");
        return Err(Fault::new("TrailAlreadyExistsException", message));
    }
    if mine.len() >= MOST_TRAILS {
        let message = format!("User: {owner} already has {MOST_TRAILS} trails in {}.", call.region);
        return Err(Fault::new("MaximumNumberOfTrailsExceededException", message));
    }
    checks::everything(world, call, &mut trail, &owner)?;
    let output = settings(&trail);
    world.cloudtrail.entry(cell(&owner, &call.region)).or_default().trails.insert(name, trail);
    Ok(Value::Object(output))
}

/// UpdateTrail: what is left out stays; an empty string takes an optional setting away.
pub(super) fn update(world: &mut World, call: &Call) -> Reply {
    let mut trail = writable(world, call, call.required("Name"))?.clone();
    if call.bool("IsOrganizationTrail").unwrap_or(trail.organization) {
        checks::organization(world, call)?;
    }
    let owner = trail.arn.split(':').nth(4).unwrap_or_default().to_string();
    if call.bool("IsOrganizationTrail") == Some(true)
        && organizations::management(world) != Some(owner.as_str())
    {
        return Err(super::not_master());
    }
    apply(world, call, &mut trail)?;
    checks::everything(world, call, &mut trail, &owner)?;
    let output = settings(&trail);
    *writable(world, call, call.required("Name"))? = trail;
    Ok(Value::Object(output))
}

/// DeleteTrail.
pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    let trail = writable(world, call, call.required("Name"))?;
    let (name, owner) = (trail.name.clone(), trail.arn.split(':').nth(4).unwrap_or_default().to_string());
    if let Some(state) = world.cloudtrail.get_mut(&cell(&owner, &call.region)) {
        state.trails.remove(&name);
    }
    Ok(json!({}))
}

/// StartLogging.
pub(super) fn start(world: &mut World, call: &Call) -> Reply {
    let trail = writable(world, call, call.required("Name"))?;
    if !trail.logging {
        trail.started = Some(call.now);
    }
    trail.logging = true;
    Ok(json!({}))
}

/// StopLogging.
pub(super) fn stop(world: &mut World, call: &Call) -> Reply {
    let trail = writable(world, call, call.required("Name"))?;
    if trail.logging {
        trail.stopped = Some(call.now);
    }
    trail.logging = false;
    Ok(json!({}))
}

/// Puts the members of the request into the trail, and checks what can be checked without looking elsewhere.
fn apply(world: &World, call: &Call, trail: &mut Trail) -> Result<(), Fault> {
    let optional = |member: &str, current: &Option<String>| match call.str(member) {
        None => current.clone(),
        Some("") => None,
        Some(value) => Some(value.to_string()),
    };
    if let Some(bucket) = call.str("S3BucketName") {
        trail.bucket = bucket.into();
    }
    trail.prefix = optional("S3KeyPrefix", &trail.prefix);
    trail.key = optional("KmsKeyId", &trail.key);
    trail.log_group = optional("CloudWatchLogsLogGroupArn", &trail.log_group);
    trail.log_role = optional("CloudWatchLogsRoleArn", &trail.log_role);
    trail.topic = optional("SnsTopicName", &trail.topic).map(|topic| {
        let is_arn = topic.starts_with("arn:");
        if is_arn { topic } else { world.arn("sns", &call.region, &call.account, &topic) }
    });
    let switch = |member: &str, current: bool| call.bool(member).unwrap_or(current);
    trail.global_events = switch("IncludeGlobalServiceEvents", trail.global_events);
    trail.multi_region = switch("IsMultiRegionTrail", trail.multi_region);
    trail.validation = switch("EnableLogFileValidation", trail.validation);
    trail.organization = switch("IsOrganizationTrail", trail.organization);
    if trail.multi_region && !trail.global_events {
        let message = "Multi-Region trail must include global service events.";
        return Err(Fault::new("InvalidParameterCombinationException", message));
    }
    checks::bucket_name(&trail.bucket)?;
    if trail.prefix.as_ref().is_some_and(|prefix| prefix.len() > 200) {
        // API Reference, CreateTrail: 200 characters.
        let message = "The S3 key prefix must not be longer than 200 characters";
        return Err(Fault::new("InvalidS3PrefixException", message));
    }
    Ok(())
}

/// The members that CreateTrail and UpdateTrail answer with; GetTrail and DescribeTrails add three.
pub(super) fn settings(trail: &Trail) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("Name".into(), json!(trail.name));
    out.insert("S3BucketName".into(), json!(trail.bucket));
    out.insert("IncludeGlobalServiceEvents".into(), json!(trail.global_events));
    out.insert("IsMultiRegionTrail".into(), json!(trail.multi_region));
    out.insert("TrailARN".into(), json!(trail.arn));
    out.insert("LogFileValidationEnabled".into(), json!(trail.validation));
    out.insert("IsOrganizationTrail".into(), json!(trail.organization));
    for (member, value) in [
        ("S3KeyPrefix", &trail.prefix),
        ("SnsTopicARN", &trail.topic),
        ("CloudWatchLogsLogGroupArn", &trail.log_group),
        ("CloudWatchLogsRoleArn", &trail.log_role),
        ("KmsKeyId", &trail.key),
    ] {
        if let Some(value) = value {
            out.insert(member.into(), json!(value));
        }
    }
    if let Some(topic) = &trail.topic {
        // API Reference, Trail: SnsTopicName is the ARN, too, for what was made since 2016.
        out.insert("SnsTopicName".into(), json!(topic));
    }
    out
}
