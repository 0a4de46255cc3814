//! Amazon SNS: topics and subscriptions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::tags::Tags;
use super::{documents, tags};
use crate::sandbox::world::{Call, Fault, Reply, World, cell};
use crate::sandbox::{caller, enforce};

mod attributes;
mod subscriptions;
mod topics;

#[cfg(test)]
mod tests;

/// SNS of one account in one region.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// Topics by name.
    pub topics: BTreeMap<String, Topic>,
}

/// One topic.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Topic {
    /// Topic ARN.
    pub arn: String,
    /// The account that owns it.
    pub owner: String,
    /// Access policy text.
    pub policy: String,
    /// The attributes that were set, `Policy` excepted.
    pub attributes: BTreeMap<String, String>,
    /// Tags.
    pub tags: Tags,
    /// Subscriptions in the order in which they were made.
    pub subscriptions: Vec<Subscription>,
}

/// One subscription.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Subscription {
    /// Subscription ARN. Callers see `PendingConfirmation` until it is confirmed.
    pub arn: String,
    /// The account that subscribed.
    pub owner: String,
    /// Protocol.
    pub protocol: String,
    /// Endpoint.
    pub endpoint: String,
    /// Whether somebody confirmed it.
    pub confirmed: bool,
    /// The attributes that were set.
    pub attributes: BTreeMap<String, String>,
}

/// Runs one call.
pub fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    Some(match call.operation.as_str() {
        "AddPermission" => attributes::add_permission(world, call),
        "ConfirmSubscription" => subscriptions::confirm(world, call),
        "CreateTopic" => topics::create(world, call),
        "DeleteTopic" => topics::delete(world, call),
        "GetSubscriptionAttributes" => subscriptions::attributes(world, call),
        "GetTopicAttributes" => attributes::get(world, call),
        "ListSubscriptions" => subscriptions::list(world, call),
        "ListSubscriptionsByTopic" => subscriptions::list_by_topic(world, call),
        "ListTagsForResource" => topics::list_tags(world, call),
        "ListTopics" => topics::list(world, call),
        "Publish" => topics::publish(world, call),
        "RemovePermission" => attributes::remove_permission(world, call),
        "SetTopicAttributes" => attributes::set(world, call),
        "Subscribe" => subscriptions::subscribe(world, call),
        "TagResource" => topics::tag(world, call),
        "Unsubscribe" => subscriptions::unsubscribe(world, call),
        _ => return None,
    })
}

/// The topic of that ARN, whoever owns it.
pub fn topic<'w>(world: &'w World, arn: &str) -> Option<&'w Topic> {
    let (account, region, name) = parts(arn)?;
    world.sns.get(&cell(account, region))?.topics.get(name).filter(|topic| topic.arn == arn)
}

/// Confirms every subscription of this endpoint to a topic, as its reader would with the link of the e-mail. Returns
/// how many there were.
pub fn confirm(world: &mut World, topic_arn: &str, endpoint: &str) -> usize {
    let Some(topic) = topic_mut(world, topic_arn) else { return 0 };
    let mine = topic.subscriptions.iter_mut().filter(|subscription| subscription.endpoint == endpoint);
    mine.map(|subscription| subscription.confirmed = true).count()
}

fn topic_mut<'w>(world: &'w mut World, arn: &str) -> Option<&'w mut Topic> {
    let (account, region, name) = parts(arn)?;
    world.sns.get_mut(&cell(account, region))?.topics.get_mut(name)
}

/// Account, region and name of a topic ARN.
fn parts(arn: &str) -> Option<(&str, &str, &str)> {
    match arn.split(':').collect::<Vec<_>>().as_slice() {
        ["arn", _, "sns", region, account, name] => Some((account, region, name)),
        _ => None,
    }
}

/// The topic that a call names, after the checks of ARN, region and owner.
///
/// # Errors
/// `InvalidParameter` for what is no topic ARN of this region, `AuthorizationError` for another account's topic whose
/// policy does not let the caller, `NotFound`.
fn open<'w>(world: &'w World, call: &Call, member: &str) -> Result<&'w Topic, Fault> {
    let arn = call.required(member);
    let wrong = || invalid("TopicArn");
    let (account, region, _) = parts(arn).ok_or_else(wrong)?;
    if region != call.region {
        return Err(wrong());
    }
    let found = topic(world, arn);
    if account == call.account {
        return found.ok_or_else(not_found);
    }
    let action = enforce::action(call);
    found.filter(|topic| documents::allows_call(world, call, &topic.policy, &action, arn)).ok_or_else(|| {
        let message = format!(
            "User: {} is not authorized to perform: SNS:{} on resource: {arn} because no resource-based policy \
             allows the SNS:{} action",
            caller::user_arn(world, call),
            call.operation,
            call.operation
        );
        Fault::new("AuthorizationError", message).status(403)
    })
}

fn not_found() -> Fault {
    Fault::new("NotFound", "Topic does not exist").status(404)
}

fn invalid(what: &str) -> Fault {
    Fault::new("InvalidParameter", format!("Invalid parameter: {what}")).status(400)
}

fn bad_token() -> Fault {
    invalid("NextToken")
}

/// The pairs of a tag list, checked.
fn merged_tags(current: &Tags, call: &Call) -> Result<Tags, Fault> {
    let new = tags::read(call.input.get("Tags"), "Key", "Value");
    tags::merged(current, new).map_err(|wrong| match wrong {
        tags::Wrong::TooMany => {
            Fault::new("TagLimitExceeded", "Could not complete request: tag quota of per resource exceeded")
        }
        tags::Wrong::Duplicate => invalid("Duplicated keys are not allowed."),
        tags::Wrong::Reserved => invalid("Tags Reason: aws: prefixed tag keys are reserved"),
    })
}
