//! Subscriptions.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Subscription, Topic, bad_token, invalid, open, topic_mut};
use crate::sandbox::world::{Call, Fault, Reply, World};

/// API Reference, ListSubscriptions: each call returns 100.
const PAGE: usize = 100;
/// What callers see instead of the ARN until the subscription is confirmed.
const PENDING: &str = "PendingConfirmation";

/// Attributes of a subscription (API Reference, Subscribe).
const KNOWN: &[&str] = &[
    "DeliveryPolicy",
    "FilterPolicy",
    "FilterPolicyScope",
    "RawMessageDelivery",
    "RedrivePolicy",
    "ReplayPolicy",
    "SubscriptionRoleArn",
];

/// Subscribe. The same protocol and endpoint again is the same subscription.
pub(super) fn subscribe(world: &mut World, call: &Call) -> Reply {
    let protocol = call.required("Protocol");
    let endpoint = call.str("Endpoint").unwrap_or_default();
    let topic = open(world, call, "TopicArn")?;
    check_endpoint(protocol, endpoint, topic)?;
    let attributes = attributes_given(call)?;
    let arn = topic.arn.clone();
    let existing = topic.subscriptions.iter().find(|s| s.protocol == protocol && s.endpoint == endpoint);
    if let Some(existing) = existing {
        if !attributes.is_empty() && existing.attributes != attributes {
            return Err(invalid("Attributes Reason: Subscription already exists with different attributes"));
        }
        return Ok(json!({"SubscriptionArn": returned(existing, call)}));
    }
    // E-mail and HTTP endpoints, and queues of other accounts, have to confirm.
    let owner_of_endpoint = endpoint.split(':').nth(4).unwrap_or_default();
    let needs_nobody = match protocol {
        "sqs" | "lambda" | "firehose" => owner_of_endpoint == call.account,
        "sms" | "application" => true,
        _ => false,
    };
    let subscription = Subscription {
        arn: format!("{arn}:{}", world.uuid()),
        owner: call.account.clone(),
        protocol: protocol.into(),
        endpoint: endpoint.into(),
        confirmed: needs_nobody,
        attributes,
    };
    let output = json!({"SubscriptionArn": returned(&subscription, call)});
    if let Some(topic) = topic_mut(world, &arn) {
        topic.subscriptions.push(subscription);
    }
    Ok(output)
}

/// What Subscribe returns: the ARN, or `pending confirmation` unless the caller asked for the ARN.
fn returned(subscription: &Subscription, call: &Call) -> String {
    if subscription.confirmed || call.bool("ReturnSubscriptionArn") == Some(true) {
        subscription.arn.clone()
    } else {
        "pending confirmation".into()
    }
}

/// ConfirmSubscription. The sandbox sends nothing, so nobody can read a token: here the token is the endpoint itself.
pub(super) fn confirm(world: &mut World, call: &Call) -> Reply {
    let token = call.required("Token").to_owned();
    let arn = open(world, call, "TopicArn")?.arn.clone();
    let topic = topic_mut(world, &arn);
    let found = topic.and_then(|topic| topic.subscriptions.iter_mut().find(|s| s.endpoint == token));
    let subscription = found.ok_or_else(|| invalid("Token"))?;
    subscription.confirmed = true;
    Ok(json!({"SubscriptionArn": subscription.arn}))
}

/// ListSubscriptions: what the account subscribed in this region.
pub(super) fn list(world: &World, call: &Call) -> Reply {
    let region_end = format!("/{}", call.region);
    let all: Vec<Value> = world
        .sns
        .iter()
        .filter(|(cell, _)| cell.ends_with(&region_end))
        .flat_map(|(_, state)| state.topics.values())
        .flat_map(|topic| topic.subscriptions.iter().map(move |subscription| (topic, subscription)))
        .filter(|(_, subscription)| subscription.owner == call.account)
        .map(|(topic, subscription)| entry(topic, subscription))
        .collect();
    paged(world, call, &all)
}

/// ListSubscriptionsByTopic.
pub(super) fn list_by_topic(world: &World, call: &Call) -> Reply {
    let topic = open(world, call, "TopicArn")?;
    let all: Vec<Value> = topic.subscriptions.iter().map(|subscription| entry(topic, subscription)).collect();
    paged(world, call, &all)
}

/// Unsubscribe. One that is not there is no error, and one that awaits confirmation cannot be taken away: it has no ARN
/// that the caller may see, and AWS deletes it after 48 hours (SNS developer guide, "Deleting a subscription").
pub(super) fn unsubscribe(world: &mut World, call: &Call) -> Reply {
    let (arn, topic_arn) = named(call)?;
    let Some(topic) = super::topic(world, topic_arn) else { return Ok(json!({})) };
    let Some(found) = topic.subscriptions.iter().find(|subscription| subscription.arn == arn) else {
        return Ok(json!({}));
    };
    if found.owner != call.account && topic.owner != call.account {
        let message = "Not authorized to unsubscribe: neither the subscription nor the topic is the caller's";
        return Err(Fault::new("AuthorizationError", message).status(403));
    }
    if !found.confirmed {
        return Err(invalid("SubscriptionArn Reason: This subscription is not yet confirmed"));
    }
    if let Some(topic) = topic_mut(world, topic_arn) {
        topic.subscriptions.retain(|subscription| subscription.arn != arn);
    }
    Ok(json!({}))
}

/// The subscription's ARN in the call, and its topic's.
fn named(call: &Call) -> Result<(&str, &str), Fault> {
    let arn = call.required("SubscriptionArn");
    let (topic_arn, id) = arn.rsplit_once(':').unwrap_or_default();
    if !arn.starts_with("arn:") || id.is_empty() || topic_arn.split(':').count() != 6 {
        return Err(invalid("SubscriptionArn Reason: An ARN must have at least 6 elements"));
    }
    Ok((arn, topic_arn))
}

/// GetSubscriptionAttributes.
pub(super) fn attributes(world: &World, call: &Call) -> Reply {
    let (arn, topic_arn) = named(call)?;
    let missing = || Fault::new("NotFound", "Subscription does not exist").status(404);
    let topic = super::topic(world, topic_arn).ok_or_else(missing)?;
    let found = topic.subscriptions.iter().find(|subscription| subscription.arn == arn);
    let subscription = found
        .filter(|subscription| subscription.owner == call.account || topic.owner == call.account)
        .ok_or_else(missing)?;
    let mut out: BTreeMap<String, String> = subscription.attributes.clone();
    out.insert("SubscriptionArn".into(), subscription.arn.clone());
    out.insert("TopicArn".into(), topic.arn.clone());
    out.insert("Owner".into(), subscription.owner.clone());
    out.insert("Protocol".into(), subscription.protocol.clone());
    out.insert("Endpoint".into(), subscription.endpoint.clone());
    out.insert("PendingConfirmation".into(), (!subscription.confirmed).to_string());
    out.insert("ConfirmationWasAuthenticated".into(), subscription.confirmed.to_string());
    out.insert("SubscriptionPrincipal".into(), world.arn("iam", "", &subscription.owner, "root"));
    out.entry("RawMessageDelivery".into()).or_insert_with(|| "false".into());
    Ok(json!({"Attributes": out}))
}

fn entry(topic: &Topic, subscription: &Subscription) -> Value {
    json!({
        "SubscriptionArn": if subscription.confirmed { &subscription.arn } else { PENDING },
        "Owner": subscription.owner,
        "Protocol": subscription.protocol,
        "Endpoint": subscription.endpoint,
        "TopicArn": topic.arn,
    })
}

fn paged(world: &World, call: &Call, all: &[Value]) -> Reply {
    let (page, next) = world.page(all, None, PAGE, call.str("NextToken"), &bad_token)?;
    let mut output = json!({"Subscriptions": page});
    if let Some(next) = next {
        output["NextToken"] = json!(next);
    }
    Ok(output)
}

fn attributes_given(call: &Call) -> Result<BTreeMap<String, String>, Fault> {
    let map = call.input.get("Attributes").and_then(Value::as_object);
    let given: BTreeMap<String, String> = map
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_string()))
        .collect();
    if given.keys().any(|name| !KNOWN.contains(&name.as_str())) {
        return Err(invalid("Attributes Reason: Unknown attribute"));
    }
    let filter = given.get("FilterPolicy").filter(|policy| !policy.is_empty());
    if filter.is_some_and(|policy| serde_json::from_str::<Value>(policy).is_err()) {
        return Err(invalid("Attributes Reason: FilterPolicy: failed to parse JSON."));
    }
    Ok(given)
}

fn check_endpoint(protocol: &str, endpoint: &str, topic: &Topic) -> Result<(), Fault> {
    let arn_of = |service: &str| {
        let fields: Vec<&str> = endpoint.splitn(6, ':').collect();
        fields.len() == 6 && fields.first() == Some(&"arn") && fields.get(2) == Some(&service)
    };
    if endpoint.is_empty() {
        return Err(invalid("Endpoint"));
    }
    let fifo = topic.attributes.get("FifoTopic").is_some_and(|value| value == "true");
    if fifo && protocol != "sqs" {
        let message = format!("Protocol Reason: {protocol} endpoints are not supported by FIFO topics");
        return Err(invalid(&message));
    }
    let (good, why) = match protocol {
        "email" | "email-json" => (is_email(endpoint), "Email address"),
        "http" => (endpoint.starts_with("http://"), "Endpoint must match the specified protocol"),
        "https" => (endpoint.starts_with("https://"), "Endpoint must match the specified protocol"),
        "sqs" => (arn_of("sqs"), "SQS endpoint ARN"),
        "lambda" => (arn_of("lambda"), "Lambda endpoint ARN"),
        "firehose" => (arn_of("firehose"), "Firehose endpoint ARN"),
        "application" => (arn_of("sns"), "Application endpoint arn invalid"),
        "sms" => (endpoint.chars().filter(char::is_ascii_digit).count() >= 5, "Invalid SMS endpoint"),
        _ => (false, "Protocol"),
    };
    if good { Ok(()) } else { Err(invalid(why)) }
}

fn is_email(address: &str) -> bool {
    let (local, domain) = address.rsplit_once('@').unwrap_or_default();
    !local.is_empty() && domain.contains('.') && !address.contains(char::is_whitespace)
}
