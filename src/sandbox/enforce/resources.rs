//! The resource that a call names, as policies see it. Services whose resources no shipped policy names are `*`.

use serde_json::Value;

use crate::sandbox::services::kms;
use crate::sandbox::world::{Call, World, cell};

/// The ARN of the resource, or `*`.
pub(super) fn resource(world: &World, call: &Call) -> String {
    named(world, call).unwrap_or_else(|| "*".into())
}

fn named(world: &World, call: &Call) -> Option<String> {
    match call.service.as_str() {
        "iam" => iam(world, call),
        "sts" => call.str("RoleArn").map(str::to_owned),
        "s3" => {
            let bucket = call.str("Bucket")?;
            let key = call.str("Key").map(|key| format!("/{key}")).unwrap_or_default();
            Some(world.arn("s3", "", "", &format!("{bucket}{key}")))
        }
        "kms" => call.str("KeyId").map(|key| kms_key(world, call, key)),
        "cloudformation" => stack(world, call),
        _ => regional(world, call),
    }
}

/// Resources whose ARN is made of one member of the input. A member that is an ARN already stands as it is.
fn regional(world: &World, call: &Call) -> Option<String> {
    let listed = || call.input.get("AlarmNames").and_then(|names| names.get(0)).and_then(Value::as_str);
    let either = |members: &[&str]| members.iter().find_map(|member| call.str(member));
    let service = call.service.as_str();
    let (name, before, after) = match service {
        "logs" => (either(&["logGroupName", "logGroupIdentifier"])?, "log-group:", ":*"),
        "sns" => (either(&["TopicArn", "ResourceArn", "SubscriptionArn", "Name"])?, "", ""),
        "cloudtrail" => (either(&["Name", "TrailName", "ResourceId"])?, "trail/", ""),
        "cloudwatch" => (call.str("AlarmName").or_else(listed)?, "alarm:", ""),
        "events" => (either(&["Name", "Rule"])?, "rule/", ""),
        "lambda" => (call.str("FunctionName")?, "function:", ""),
        "ssm" if call.operation.contains("Document") => (call.str("Name")?, "document/", ""),
        "ec2" => (call.str("InstanceId")?, "instance/", ""),
        _ => return None,
    };
    if name.starts_with("arn:") {
        return Some(name.to_owned());
    }
    Some(world.arn(service, &call.region, &call.account, &format!("{before}{name}{after}")))
}

fn stack(world: &World, call: &Call) -> Option<String> {
    let arn = |resource: String| world.arn("cloudformation", &call.region, &call.account, &resource);
    if let Some(set) = call.str("StackSetName") {
        return Some(arn(format!("stackset/{set}:*")));
    }
    let stack = call.str("StackName")?;
    Some(if stack.starts_with("arn:") { stack.to_owned() } else { arn(format!("stack/{stack}/*")) })
}

fn iam(world: &World, call: &Call) -> Option<String> {
    let iam = world.iam.get(&call.account);
    let arn = |kind: &str, path: Option<&str>, name: &str| {
        let path = path.or(call.str("Path")).unwrap_or("/");
        world.arn("iam", "", &call.account, &format!("{kind}{path}{name}"))
    };
    if let Some(name) = call.str("RoleName") {
        return Some(arn("role", iam.and_then(|i| i.roles.get(name)).map(|r| r.path.as_str()), name));
    }
    if let Some(name) = call.str("UserName") {
        return Some(arn("user", iam.and_then(|i| i.users.get(name)).map(|u| u.path.as_str()), name));
    }
    if let Some(name) = call.str("GroupName") {
        return Some(arn("group", iam.and_then(|i| i.groups.get(name)).map(|g| g.path.as_str()), name));
    }
    for member in ["PolicyArn", "OpenIDConnectProviderArn", "SAMLProviderArn"] {
        if let Some(arn) = call.str(member) {
            return Some(arn.to_owned());
        }
    }
    call.str("PolicyName").map(|name| arn("policy", None, name))
}

/// A key by id, ARN or alias. An alias that exists stands for its key.
fn kms_key(world: &World, call: &Call, key: &str) -> String {
    match kms::find(world, &call.account, &call.region, key, call.now) {
        Some(found) => found.arn,
        None if key.starts_with("arn:") => key.to_owned(),
        None => world.arn("kms", &call.region, &call.account, &format!("key/{key}")),
    }
}

/// Context keys of the resource, with their values.
pub(super) fn context(world: &World, call: &Call) -> Vec<(&'static str, Vec<String>)> {
    match (call.service.as_str(), call.str("KeyId")) {
        ("kms", Some(key)) => vec![("kms:ResourceAliases", key_aliases(world, call, key))],
        _ => Vec::new(),
    }
}

/// Aliases of the key that a call names; none where the key is not there.
fn key_aliases(world: &World, call: &Call, key: &str) -> Vec<String> {
    let Some(found) = kms::find(world, &call.account, &call.region, key, call.now) else { return Vec::new() };
    let home = world.kms.get(&cell(&found.account, &call.region));
    let aliases = home.into_iter().flat_map(|state| &state.aliases);
    aliases.filter(|(_, alias)| alias.target == found.id).map(|(name, _)| name.clone()).collect()
}
