//! The resource that a call names, as policies see it. Services whose resources no shipped policy names are `*`.

use serde_json::Value;

use crate::sandbox::services::kms;
use crate::sandbox::world::{Call, World, cell};

/// The ARN of the resource, or `*`.
pub(super) fn resource(world: &World, call: &Call) -> String {
    named(world, call).unwrap_or_else(|| "*".into())
}

fn named(world: &World, call: &Call) -> Option<String> {
    let regional =
        |service: &str, resource: String| world.arn(service, &call.region, &call.account, &resource);
    match call.service.as_str() {
        "iam" => iam(world, call),
        "sts" => call.str("RoleArn").map(str::to_owned),
        "s3" => {
            let bucket = call.str("Bucket")?;
            let key = call.str("Key").map(|key| format!("/{key}")).unwrap_or_default();
            Some(world.arn("s3", "", "", &format!("{bucket}{key}")))
        }
        "logs" => {
            let name = call.str("logGroupName").or(call.str("logGroupIdentifier"))?;
            Some(if name.starts_with("arn:") {
                name.into()
            } else {
                regional("logs", format!("log-group:{name}:*"))
            })
        }
        "sns" => call
            .str("TopicArn")
            .or(call.str("ResourceArn"))
            .or(call.str("SubscriptionArn"))
            .map(str::to_owned)
            .or_else(|| call.str("Name").map(|name| regional("sns", name.into()))),
        "kms" => call.str("KeyId").map(|key| kms_key(world, call, key)),
        "cloudtrail" => {
            let name = call.str("Name").or(call.str("TrailName")).or(call.str("ResourceId"))?;
            Some(if name.starts_with("arn:") {
                name.into()
            } else {
                regional("cloudtrail", format!("trail/{name}"))
            })
        }
        "cloudwatch" => {
            let listed = call.input.get("AlarmNames").and_then(|names| names.get(0)).and_then(Value::as_str);
            call.str("AlarmName").or(listed).map(|name| regional("cloudwatch", format!("alarm:{name}")))
        }
        "events" => {
            call.str("Name").or(call.str("Rule")).map(|name| regional("events", format!("rule/{name}")))
        }
        "lambda" => call.str("FunctionName").map(|name| {
            if name.starts_with("arn:") {
                name.into()
            } else {
                regional("lambda", format!("function:{name}"))
            }
        }),
        "ssm" => call
            .str("Name")
            .filter(|_| call.operation.contains("Document"))
            .map(|name| regional("ssm", format!("document/{name}"))),
        "cloudformation" => call
            .str("StackSetName")
            .map(|name| regional("cloudformation", format!("stackset/{name}:*")))
            .or_else(|| {
                call.str("StackName").map(|name| {
                    if name.starts_with("arn:") {
                        name.into()
                    } else {
                        regional("cloudformation", format!("stack/{name}/*"))
                    }
                })
            }),
        "ec2" => call.str("InstanceId").map(|id| regional("ec2", format!("instance/{id}"))),
        _ => None,
    }
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
