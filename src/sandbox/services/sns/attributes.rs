//! Topic attributes and the access policy.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::documents;
use super::{Topic, invalid, open, topic_mut};
use crate::policy::{Document, Element};
use crate::sandbox::world::{Call, Fault, Reply, World};

/// Attributes that can be set (API Reference, SetTopicAttributes and CreateTopic); the delivery status ones are
/// recognised by their ends.
const KNOWN: &[&str] = &[
    "ApplicationSuccessFeedbackSampleRate",
    "ArchivePolicy",
    "ContentBasedDeduplication",
    "DataProtectionPolicy",
    "DeliveryPolicy",
    "DisplayName",
    "FifoThroughputScope",
    "FifoTopic",
    "KmsMasterKeyId",
    "Policy",
    "SignatureVersion",
    "TracingConfig",
];

/// GetTopicAttributes.
pub(super) fn get(world: &World, call: &Call) -> Reply {
    let topic = open(world, call, "TopicArn")?;
    let count = |confirmed: bool| topic.subscriptions.iter().filter(|s| s.confirmed == confirmed).count();
    let mut out: BTreeMap<String, String> = topic.attributes.clone();
    out.entry("DisplayName".into()).or_default();
    out.insert("TopicArn".into(), topic.arn.clone());
    out.insert("Owner".into(), topic.owner.clone());
    out.insert("Policy".into(), topic.policy.clone());
    out.insert("SubscriptionsConfirmed".into(), count(true).to_string());
    out.insert("SubscriptionsPending".into(), count(false).to_string());
    out.insert("SubscriptionsDeleted".into(), "0".into());
    out.insert("EffectiveDeliveryPolicy".into(), effective_delivery_policy(topic));
    Ok(json!({"Attributes": out}))
}

/// SetTopicAttributes.
pub(super) fn set(world: &mut World, call: &Call) -> Reply {
    let name = call.required("AttributeName").to_string();
    let value = call.str("AttributeValue").unwrap_or_default().to_string();
    let topic = open(world, call, "TopicArn")?;
    known(&name, "AttributeName")?;
    if name == "FifoTopic" {
        // API Reference, SetTopicAttributes: it cannot be changed.
        return Err(invalid("AttributeName"));
    }
    check(world, &topic.arn, &name, &value)?;
    let arn = topic.arn.clone();
    let default = default_policy(&arn, &topic.owner);
    let Some(topic) = topic_mut(world, &arn) else { return Ok(json!({})) };
    if name == "Policy" {
        topic.policy = if value.is_empty() { default } else { value };
    } else if value.is_empty() {
        topic.attributes.remove(&name);
    } else {
        topic.attributes.insert(name, value);
    }
    Ok(json!({}))
}

/// AddPermission: one more statement of the access policy.
pub(super) fn add_permission(world: &mut World, call: &Call) -> Reply {
    let topic = open(world, call, "TopicArn")?;
    let label = call.required("Label");
    let mut policy = statements(&topic.policy);
    let list = |member: &str| -> Vec<String> {
        let values = call.input.get(member).and_then(Value::as_array);
        values.into_iter().flatten().filter_map(Value::as_str).map(Into::into).collect()
    };
    if policy.iter().any(|statement| statement.get("Sid").and_then(Value::as_str) == Some(label)) {
        return Err(invalid("Statement already exists"));
    }
    let actions = list("ActionName");
    if let Some(unknown) = actions.iter().find(|action| !ACTIONS.contains(&action.as_str())) {
        let message = format!("Policy statement action out of service scope! ({unknown})");
        return Err(invalid(&message));
    }
    let principals: Vec<String> =
        list("AWSAccountId").iter().map(|account| world.arn("iam", "", account, "root")).collect();
    let actions: Vec<String> = actions.iter().map(|action| format!("SNS:{action}")).collect();
    policy.push(json!({
        "Sid": label,
        "Effect": "Allow",
        "Principal": {"AWS": principals},
        "Action": actions,
        "Resource": topic.arn,
    }));
    store(world, call, &policy);
    Ok(json!({}))
}

/// RemovePermission.
pub(super) fn remove_permission(world: &mut World, call: &Call) -> Reply {
    let topic = open(world, call, "TopicArn")?;
    let label = call.required("Label");
    let mut policy = statements(&topic.policy);
    policy.retain(|statement| statement.get("Sid").and_then(Value::as_str) != Some(label));
    store(world, call, &policy);
    Ok(json!({}))
}

/// The actions that a topic policy may name (Developer Guide, "Actions for Amazon SNS topic policies").
const ACTIONS: &[&str] = &[
    "AddPermission",
    "DeleteTopic",
    "GetDataProtectionPolicy",
    "GetTopicAttributes",
    "ListSubscriptionsByTopic",
    "ListTagsForResource",
    "Publish",
    "PutDataProtectionPolicy",
    "Receive",
    "RemovePermission",
    "SetTopicAttributes",
    "Subscribe",
    "*",
];

/// The policy of a new topic: the owner's account may do everything.
pub(super) fn default_policy(arn: &str, owner: &str) -> String {
    json!({
        "Version": "2008-10-17",
        "Id": "__default_policy_ID",
        "Statement": [{
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": [
                "SNS:GetTopicAttributes",
                "SNS:SetTopicAttributes",
                "SNS:AddPermission",
                "SNS:RemovePermission",
                "SNS:DeleteTopic",
                "SNS:Subscribe",
                "SNS:ListSubscriptionsByTopic",
                "SNS:Publish",
            ],
            "Resource": arn,
            "Condition": {"StringEquals": {"AWS:SourceOwner": owner}},
        }],
    })
    .to_string()
}

/// The attributes of a CreateTopic request.
pub(super) fn given(call: &Call) -> Result<BTreeMap<String, String>, Fault> {
    let map = call.input.get("Attributes").and_then(Value::as_object);
    let given: BTreeMap<String, String> = map
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_string()))
        .collect();
    for name in given.keys() {
        known(name, "Attributes Reason: Unknown attribute")?;
    }
    Ok(given)
}

fn known(name: &str, refusal: &str) -> Result<(), Fault> {
    let delivery_status = ["FeedbackRoleArn", "FeedbackSampleRate"].iter().any(|end| name.ends_with(end));
    if KNOWN.contains(&name) || delivery_status { Ok(()) } else { Err(invalid(refusal)) }
}

/// Whether an attribute may have this value.
pub(super) fn check(world: &World, arn: &str, name: &str, value: &str) -> Result<(), Fault> {
    if value.is_empty() {
        return Ok(());
    }
    let one_of = |allowed: &[&str]| if allowed.contains(&value) { Ok(()) } else { Err(invalid(name)) };
    match name {
        "Policy" => check_policy(world, arn, value),
        "DeliveryPolicy" | "ArchivePolicy" | "DataProtectionPolicy" => {
            let is_object = serde_json::from_str::<Value>(value).is_ok_and(|value| value.is_object());
            if is_object { Ok(()) } else { Err(invalid(&format!("{name}: not valid JSON"))) }
        }
        "DisplayName" if value.chars().count() > 100 => Err(invalid("DisplayName")),
        "SignatureVersion" => one_of(&["1", "2"]),
        "TracingConfig" => one_of(&["PassThrough", "Active"]),
        "FifoTopic" | "ContentBasedDeduplication" => one_of(&["true", "false"]),
        "FifoThroughputScope" => one_of(&["Topic", "MessageGroup"]),
        _ => Ok(()),
    }
}

fn check_policy(world: &World, arn: &str, text: &str) -> Result<(), Fault> {
    let refuse = |why: &str| Err(invalid(why));
    // Developer Guide: a policy has at most 30 KB. Guess: the message.
    if text.len() > 30 * 1024 {
        return refuse("Policy Error: policy is too large");
    }
    let Ok(document) = Document::parse(text) else { return refuse("Policy Error: null") };
    if document.statements.is_empty() || document.statements.iter().any(|s| s.principal.is_none()) {
        return refuse("Policy Error: null");
    }
    if !documents::unknown_principals(world, &document).is_empty() {
        return refuse("Policy Error: PrincipalNotFound");
    }
    for statement in &document.statements {
        let (Element::Is(actions) | Element::IsNot(actions)) = &statement.action;
        let scoped = |action: &String| {
            let action = action.to_ascii_lowercase();
            action == "*"
                || action.strip_prefix("sns:").is_some_and(|name| {
                    name.contains(['*', '?']) || ACTIONS.iter().any(|known| known.eq_ignore_ascii_case(name))
                })
        };
        if !actions.iter().all(scoped) {
            return refuse("Policy statement action out of service scope!");
        }
        let Some(Element::Is(resources) | Element::IsNot(resources)) = &statement.resource else {
            return refuse("Policy Error: null");
        };
        if !resources.iter().all(|resource| documents::wildcard(resource, arn)) {
            // Guess: the message.
            return refuse("Policy Reason: the resource of a statement is not this topic");
        }
    }
    Ok(())
}

fn statements(policy: &str) -> Vec<Value> {
    let document: Value = serde_json::from_str(policy).unwrap_or_default();
    match document.get("Statement") {
        Some(Value::Array(statements)) => statements.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    }
}

fn store(world: &mut World, call: &Call, statements: &[Value]) {
    if let Some(topic) = topic_mut(world, call.required("TopicArn")) {
        let mut document: Value = serde_json::from_str(&topic.policy).unwrap_or_default();
        document["Statement"] = json!(statements);
        topic.policy = document.to_string();
    }
}

/// The retry policy of HTTP endpoints: the default of SNS, or what was set.
fn effective_delivery_policy(topic: &Topic) -> String {
    topic.attributes.get("DeliveryPolicy").cloned().unwrap_or_else(|| {
        json!({"http": {
            "defaultHealthyRetryPolicy": {
                "minDelayTarget": 20, "maxDelayTarget": 20, "numRetries": 3, "numMaxDelayRetries": 0,
                "numNoDelayRetries": 0, "numMinDelayRetries": 0, "backoffFunction": "linear",
            },
            "disableSubscriptionOverrides": false,
            "defaultRequestPolicy": {"headerContentType": "text/plain; charset=UTF-8"},
        }})
        .to_string()
    })
}
