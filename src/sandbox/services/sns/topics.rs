//! Topics and their tags.

use serde_json::{Value, json};

use super::super::tags;
use super::super::tags::Tags;
use super::{Topic, attributes, bad_token, invalid, merged_tags, open, parts, topic_mut};
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

/// Topics per account and region (AWS General Reference, "Amazon SNS quotas": 100,000 standard topics).
const MOST_TOPICS: usize = 100_000;
/// API Reference, ListTopics: each call returns 100.
const PAGE: usize = 100;

/// CreateTopic. Returns the topic that exists where name, attributes and tags agree.
pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    let name = call.required("Name").to_string();
    let given = attributes::given(call)?;
    valid_name(&name, given.get("FifoTopic").is_some_and(|value| value == "true"))?;
    let arn = world.arn("sns", &call.region, &call.account, &name);
    let tags = merged_tags(&Tags::new(), call)?;
    for (attribute, value) in &given {
        attributes::check(world, &arn, attribute, value)?;
    }
    let policy = given.get("Policy").cloned();
    let default = attributes::default_policy(&arn, &call.account);
    let topics = &mut world.sns.entry(cell(&call.account, &call.region)).or_default().topics;
    if let Some(existing) = topics.get(&name) {
        same(existing, &given, &tags, call.input.get("Tags").is_some())?;
        return Ok(json!({"TopicArn": existing.arn}));
    }
    if topics.len() >= MOST_TOPICS {
        return Err(
            Fault::new("TopicLimitExceeded", "You have reached the maximum number of topics").status(403)
        );
    }
    let mut topic = Topic {
        arn: arn.clone(),
        owner: call.account.clone(),
        policy: policy.unwrap_or(default),
        attributes: given,
        tags,
        ..Topic::default()
    };
    topic.attributes.remove("Policy");
    topics.insert(name, topic);
    Ok(json!({"TopicArn": arn}))
}

/// DeleteTopic, with its subscriptions. Deleting what is not there is no error (API Reference).
pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    match open(world, call, "TopicArn") {
        Err(fault) if fault.code == "NotFound" => return Ok(json!({})),
        other => other?,
    };
    if let Some((account, region, name)) = parts(call.required("TopicArn"))
        && let Some(state) = world.sns.get_mut(&cell(account, region))
    {
        state.topics.remove(name);
    }
    Ok(json!({}))
}

/// ListTopics.
pub(super) fn list(world: &World, call: &Call) -> Reply {
    let all: Vec<Value> = world
        .sns
        .get(&cell(&call.account, &call.region))
        .into_iter()
        .flat_map(|state| state.topics.values())
        .map(|topic| json!({"TopicArn": topic.arn}))
        .collect();
    let (page, next) = world.page(&all, None, PAGE, call.str("NextToken"), &bad_token)?;
    let mut output = json!({"Topics": page});
    if let Some(next) = next {
        output["NextToken"] = json!(next);
    }
    Ok(output)
}

/// Publish. Nothing is delivered.
pub(super) fn publish(world: &mut World, call: &Call) -> Reply {
    let message = call.required("Message");
    if message.is_empty() {
        return Err(invalid("Empty message"));
    }
    // API Reference, Publish: 262,144 bytes at most.
    if message.len() > 262_144 {
        return Err(invalid("Message too long"));
    }
    if call.str("Subject").is_some_and(|subject| subject.is_empty() || subject.chars().count() > 100) {
        return Err(invalid("Subject"));
    }
    if call.str("PhoneNumber").is_none() {
        let member = if call.str("TopicArn").is_some() { "TopicArn" } else { "TargetArn" };
        if call.str(member).is_none() {
            return Err(invalid("TopicArn or TargetArn Reason: no value for required parameter"));
        }
        open(world, call, member)?;
    }
    Ok(json!({"MessageId": world.uuid()}))
}

/// TagResource.
pub(super) fn tag(world: &mut World, call: &Call) -> Reply {
    let topic = open(world, call, "ResourceArn").map_err(resource)?;
    let tags = merged_tags(&topic.tags, call)?;
    if let Some(topic) = topic_mut(world, call.required("ResourceArn")) {
        topic.tags = tags;
    }
    Ok(json!({}))
}

/// ListTagsForResource.
pub(super) fn list_tags(world: &World, call: &Call) -> Reply {
    let topic = open(world, call, "ResourceArn").map_err(resource)?;
    Ok(json!({"Tags": tags::write(&topic.tags, "Key", "Value")}))
}

/// The tag operations have their own code for a missing topic.
fn resource(fault: Fault) -> Fault {
    match fault.code.as_str() {
        "NotFound" => Fault::new("ResourceNotFound", "Resource does not exist").status(404),
        _ => fault,
    }
}

/// Whether CreateTopic may answer with an existing topic.
fn same(
    existing: &Topic,
    given: &std::collections::BTreeMap<String, String>,
    tags: &Tags,
    tags_given: bool,
) -> Result<(), Fault> {
    let differs = given.iter().any(|(name, value)| {
        let has = if name == "Policy" { Some(&existing.policy) } else { existing.attributes.get(name) };
        has != Some(value)
    });
    if differs {
        return Err(invalid("Attributes Reason: Topic already exists with different attributes"));
    }
    if tags_given && existing.tags != *tags {
        return Err(invalid("Tags Reason: Topic already exists with different tags"));
    }
    Ok(())
}

/// API Reference, CreateTopic: 1 to 256 letters, digits, hyphens and underscores; FIFO topics end in `.fifo`.
fn valid_name(name: &str, fifo: bool) -> Result<(), Fault> {
    let stem = if fifo { name.strip_suffix(".fifo").unwrap_or_default() } else { name };
    let good = !stem.is_empty()
        && name.len() <= 256
        && stem.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if good { Ok(()) } else { Err(invalid("Topic Name")) }
}
