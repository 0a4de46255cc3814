//! An SNS topic with its policy, its key, and who is subscribed to it. Found by its ARN.
//!
//! An e-mail or https subscription waits until somebody confirms it: that is in sync, with a notice, and it is sent again
//! only with `apply --resubscribe`. One that still waits has no ARN and cannot be removed; AWS drops it by itself.
//! Statements of others, other subscriptions and tags stay.
//! <https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html>

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_sdk_sns::types::{Subscription as Live, Tag};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::statements::{Ours, Stored};
use super::tags::{Tags, diff_owner};
use crate::aws::Clients;
use crate::aws::settle::shown;
use crate::control::{Diff, Risk};
use crate::error::{Absent, Kind, UnitError};
use crate::mask;
use crate::names::OWNER_TAG;

/// Operations that [`read`] calls.
pub const READS: &[&str] =
    &["sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:ListTagsForResource"];
/// Further operations that [`apply`] calls.
pub const WRITES: &[&str] =
    &["sns:CreateTopic", "sns:SetTopicAttributes", "sns:Subscribe", "sns:TagResource", "sns:Unsubscribe"];

/// Codes of a topic that does not exist.
const NO_TOPIC: &[&str] = &["NotFound", "NotFoundException"];

/// What the topic should be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Desired {
    /// Its name.
    pub name: String,
    /// Its ARN, in the clients' account and region.
    pub arn: String,
    /// Our statements of its policy.
    pub policy: Ours,
    /// Alias of the key; `None`: not managed.
    pub kms_key: Option<String>,
    /// Its e-mail and https subscriptions; `None`: not managed.
    pub subscriptions: Option<Vec<Endpoint>>,
    /// Subscriptions that await confirmation are sent again, each once in a run.
    #[serde(skip)]
    pub resend: Option<Resend>,
    /// Value of the owner tag: the section.
    pub owner: &'static str,
}

/// The endpoints that this run has sent again. AWS shows no difference afterwards.
#[derive(Debug, Clone, Default)]
pub struct Resend(Arc<Mutex<BTreeSet<Endpoint>>>);

impl PartialEq for Resend {
    fn eq(&self, _other: &Resend) -> bool {
        true
    }
}

impl Resend {
    fn sent(&self) -> MutexGuard<'_, BTreeSet<Endpoint>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where messages go. Written down, its address is masked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// `email` or `https`.
    protocol: &'static str,
    address: String,
}

/// What is there; `None`: no topic.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Actual(pub Option<Present>);

/// A topic.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Present {
    /// Its policy.
    pub policy: Stored,
    /// Its key, as it was set.
    pub kms_key: Option<String>,
    /// Tags.
    pub tags: Tags,
    /// The e-mail and https subscriptions.
    pub subscriptions: Vec<Subscription>,
}

/// A subscription.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Subscription {
    endpoint: Endpoint,
    /// `None`: it waits for confirmation.
    arn: Option<String>,
}

impl Actual {
    /// Who is subscribed, or was asked to be, as entries of `notify`.
    pub fn targets(&self) -> Vec<String> {
        let subscriptions = self.0.iter().flat_map(|topic| &topic.subscriptions);
        let mut targets: Vec<String> = subscriptions.map(|s| s.endpoint.target().to_string()).collect();
        targets.sort();
        targets.dedup();
        targets
    }
}

impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.masked())
    }
}

impl Endpoint {
    /// What an entry of `notify` subscribes; `None` for a topic's ARN.
    fn from_target(target: &str) -> Option<Endpoint> {
        let protocol = match target {
            _ if target.starts_with("arn:") => return None,
            _ if target.starts_with("https://") => "https",
            _ => "email",
        };
        Some(Endpoint { protocol, address: target.to_string() })
    }

    /// What the entries of a list of targets subscribe, sorted; topics' ARNs are left out.
    pub fn all(targets: &[String]) -> Vec<Endpoint> {
        let mut endpoints: Vec<Endpoint> = targets.iter().filter_map(|t| Endpoint::from_target(t)).collect();
        endpoints.sort();
        endpoints.dedup();
        endpoints
    }

    /// As an entry of `notify`.
    pub fn target(&self) -> &str {
        &self.address
    }

    fn masked(&self) -> String {
        if self.protocol == "https" { mask::url(&self.address) } else { mask::email(&self.address) }
    }
}

/// What is wrong with an entry of `notify` of something in `region`.
pub fn target_problem(target: &str, region: &str) -> Option<String> {
    let parts: Vec<&str> = target.split(':').collect();
    match parts.as_slice() {
        ["arn", _, "sns", home, account, name] if account.len() == 12 && !name.is_empty() => (*home
            != region)
            .then(|| format!("an alarm notifies topics of its own region, which is {region}")),
        ["arn", ..] => Some(format!("`{target}` is not the ARN of an SNS topic")),
        ["https", rest] if rest.len() > 2 => None,
        _ => {
            let halves: Vec<&str> = target.split('@').collect();
            let is_mail = matches!(halves.as_slice(), [user, host] if !user.is_empty() && host.contains('.'))
                && !target.contains(char::is_whitespace);
            (!is_mail)
                .then(|| "neither an e-mail address, nor an https URL, nor the ARN of an SNS topic".into())
        }
    }
}

/// Reads the topic.
pub async fn read(aws: &Clients, want: &Desired) -> Result<Actual, UnitError> {
    let sns = aws.sns();
    let answer = sns
        .call("GetTopicAttributes", |c| c.get_topic_attributes().topic_arn(&want.arn).send())
        .await
        .absent(NO_TOPIC)?;
    let Some(answer) = answer else { return Ok(Actual(None)) };
    let attributes = answer.attributes.unwrap_or_default();
    let subscriptions = sns
        .pages(
            "ListSubscriptionsByTopic",
            |c, token| c.list_subscriptions_by_topic().topic_arn(&want.arn).set_next_token(token).send(),
            |out| (out.subscriptions, out.next_token),
        )
        .await?;
    let tags = sns
        .call("ListTagsForResource", |c| c.list_tags_for_resource().resource_arn(&want.arn).send())
        .await?;
    let tags = tags.tags.unwrap_or_default().into_iter().map(|t| (t.key, t.value));
    Ok(Actual(Some(Present {
        policy: Stored::parse(attributes.get("Policy").map(String::as_str), "the topic's policy")?,
        kms_key: attributes.get("KmsMasterKeyId").filter(|key| !key.is_empty()).cloned(),
        tags: tags.collect(),
        subscriptions: subscriptions.into_iter().filter_map(subscription).collect(),
    })))
}

/// Compares.
pub fn diff(want: &Desired, have: &Actual) -> Diff {
    let mut d = Diff::new();
    let Actual(Some(topic)) = have else {
        d.create("topic", want);
        return d;
    };
    want.policy.diff(&mut d, &topic.policy);
    d.field("topic_kms", &topic.kms_key, want.kms_key.clone().map(Some).as_ref());
    diff_subscriptions(&mut d, want, topic);
    diff_owner(&mut d, &topic.tags, want.owner);
    d
}

/// Writes what differs, and makes the topic where it is missing.
pub async fn apply(aws: &Clients, want: &Desired, have: &Actual) -> Result<(), UnitError> {
    let sns = aws.sns();
    let tag = owner_tag(want.owner)?;
    let made;
    let topic = if let Some(topic) = &have.0 {
        topic
    } else {
        sns.call("CreateTopic", |c| c.create_topic().name(&want.name).tags(tag.clone()).send()).await?;
        // It has a policy from the start, which others may rely on.
        made = shown("the topic", || async { Ok(read(aws, want).await?.0) }).await?;
        &made
    };
    let d = diff(want, &Actual(Some(topic.clone())));
    let differs = |path: &str| d.changes.iter().any(|c| c.path.starts_with(path));
    if differs("policy.") {
        set_attribute(aws, want, "Policy", &want.policy.merged_into(&topic.policy)).await?;
    }
    if let Some(key) = want.kms_key.as_deref().filter(|_| differs("topic_kms")) {
        set_attribute(aws, want, "KmsMasterKeyId", key).await?;
    }
    if differs("tags.") {
        sns.call("TagResource", |c| c.tag_resource().resource_arn(&want.arn).tags(tag.clone()).send())
            .await?;
    }
    subscribe(aws, want, topic).await
}

async fn set_attribute(aws: &Clients, want: &Desired, name: &str, value: &str) -> Result<(), UnitError> {
    aws.sns()
        .call("SetTopicAttributes", |c| {
            c.set_topic_attributes().topic_arn(&want.arn).attribute_name(name).attribute_value(value).send()
        })
        .await?;
    Ok(())
}

async fn subscribe(aws: &Clients, want: &Desired, topic: &Present) -> Result<(), UnitError> {
    let sns = aws.sns();
    for endpoint in missing(want, topic) {
        sns.call("Subscribe", |c| {
            c.subscribe().topic_arn(&want.arn).protocol(endpoint.protocol).endpoint(&endpoint.address).send()
        })
        .await?;
    }
    for endpoint in awaiting(want, topic) {
        // Subscribing again sends the confirmation again (SNS API Reference, Subscribe).
        sns.call("Subscribe", |c| {
            c.subscribe().topic_arn(&want.arn).protocol(endpoint.protocol).endpoint(&endpoint.address).send()
        })
        .await?;
        if let Some(resend) = &want.resend {
            resend.sent().insert(endpoint.clone());
        }
    }
    for gone in obsolete(want, topic) {
        if let Some(arn) = &gone.arn {
            sns.call("Unsubscribe", |c| c.unsubscribe().subscription_arn(arn).send()).await?;
        }
    }
    Ok(())
}

/// Wanted and neither there nor waiting.
fn missing<'a>(want: &'a Desired, topic: &'a Present) -> impl Iterator<Item = &'a Endpoint> {
    let wanted = want.subscriptions.iter().flatten();
    wanted.filter(|endpoint| !topic.subscriptions.iter().any(|s| s.endpoint == **endpoint))
}

/// Wanted, waiting for confirmation, and to be sent again.
fn awaiting<'a>(want: &'a Desired, topic: &'a Present) -> Vec<&'a Endpoint> {
    let Some(resend) = &want.resend else { return Vec::new() };
    let sent = resend.sent();
    let waits = |endpoint: &&Endpoint| {
        topic.subscriptions.iter().any(|s| s.arn.is_none() && s.endpoint == **endpoint)
            && !sent.contains(endpoint)
    };
    want.subscriptions.iter().flatten().filter(waits).collect()
}

/// There and not wanted, where the list is declared and the topic is ours.
fn obsolete<'a>(want: &'a Desired, topic: &'a Present) -> impl Iterator<Item = &'a Subscription> {
    let is_ours = topic.tags.get(OWNER_TAG).is_some_and(|section| section == want.owner);
    let wanted = want.subscriptions.as_ref().filter(|_| is_ours);
    let unwanted = move |s: &&Subscription| wanted.is_some_and(|wanted| !wanted.contains(&s.endpoint));
    topic.subscriptions.iter().filter(unwanted)
}

fn diff_subscriptions(d: &mut Diff, want: &Desired, topic: &Present) {
    let path = |endpoint: &Endpoint| format!("notify.{}", endpoint.masked());
    for endpoint in missing(want, topic) {
        d.create(&path(endpoint), endpoint.protocol);
    }
    for gone in obsolete(want, topic) {
        if gone.arn.is_some() {
            d.push(&path(&gone.endpoint), gone.endpoint.protocol.into(), Value::Null, Risk::Disruptive);
        } else {
            d.notice(format!(
                "{} is not wanted but was never confirmed: AWS drops it by itself",
                gone.endpoint.masked()
            ));
        }
    }
    for endpoint in awaiting(want, topic) {
        d.push(&path(endpoint), "awaits confirmation".into(), "sent again".into(), Risk::Normal);
    }
    let wanted: BTreeSet<&Endpoint> = want.subscriptions.iter().flatten().collect();
    for waiting in topic.subscriptions.iter().filter(|s| s.arn.is_none() && wanted.contains(&s.endpoint)) {
        d.notice(format!("{} has not confirmed its subscription yet", waiting.endpoint.masked()));
    }
}

/// A subscription that `notify` could have made; a deleted one is none.
fn subscription(live: Live) -> Option<Subscription> {
    let protocol = match live.protocol.as_deref()? {
        "email" => "email",
        "https" => "https",
        _ => return None,
    };
    let arn = match live.subscription_arn.as_deref() {
        Some("Deleted") => return None,
        Some(arn) if arn.starts_with("arn:") => Some(arn.to_string()),
        _ => None,
    };
    Some(Subscription { endpoint: Endpoint { protocol, address: live.endpoint? }, arn })
}

fn owner_tag(owner: &str) -> Result<Tag, UnitError> {
    Tag::builder()
        .key(OWNER_TAG)
        .value(owner)
        .build()
        .map_err(|e| UnitError::new(Kind::Bug, format!("the owner tag could not be built: {e}")))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::resource::statements::allow_service;

    /// A topic with these subscriptions; none: not managed.
    fn want(targets: &[&str]) -> Desired {
        let arn = "arn:aws:sns:eu-west-1:111111111111:orgbase-alarms".to_string();
        let publish = allow_service("Publish", "cloudwatch.amazonaws.com", &["sns:Publish"]);
        let targets: Vec<String> = targets.iter().map(ToString::to_string).collect();
        Desired {
            name: "orgbase-alarms".into(),
            policy: Ours(vec![publish.on(std::slice::from_ref(&arn)).done()]),
            arn,
            kms_key: None,
            subscriptions: (!targets.is_empty()).then(|| Endpoint::all(&targets)),
            resend: None,
            owner: "metric_alarms",
        }
    }

    fn live(protocol: &str, address: &str, arn: &str) -> Subscription {
        subscription(Live::builder().protocol(protocol).endpoint(address).subscription_arn(arn).build())
            .unwrap()
    }

    fn topic(want: &Desired, subscriptions: Vec<Subscription>) -> Present {
        Present {
            policy: Stored(Some(want.policy.alone())),
            kms_key: want.kms_key.clone(),
            tags: Tags::from([("orgbase".to_string(), "metric_alarms".to_string())]),
            subscriptions,
        }
    }

    #[test]
    fn a_subscription_that_waits_is_in_sync_with_a_notice() {
        let want = want(&["secops@example.com"]);
        let have = topic(&want, vec![live("email", "secops@example.com", "PendingConfirmation")]);
        let d = diff(&want, &Actual(Some(have)));
        assert!(d.is_empty());
        assert_eq!(d.notices.len(), 1);
    }

    #[test]
    fn with_resubscribe_what_waits_is_sent_again_once() {
        let mut want = want(&["a@example.com", "b@example.com"]);
        want.resend = Some(Resend::default());
        let confirmed = live("email", "b@example.com", "arn:aws:sns:eu-west-1:111111111111:orgbase-alarms:1");
        let have = Actual(Some(topic(
            &want,
            vec![live("email", "a@example.com", "PendingConfirmation"), confirmed],
        )));
        let d = diff(&want, &have);
        assert_eq!((d.changes.len(), d.risk()), (1, Risk::Normal));
        assert_eq!(d.changes[0].after, "sent again");
        let first = want.subscriptions.as_ref().unwrap()[0].clone();
        want.resend.as_ref().unwrap().sent().insert(first);
        assert!(diff(&want, &have).is_empty());
    }

    #[test]
    fn what_left_the_list_is_unsubscribed_only_where_the_topic_is_ours() {
        let want = want(&["new@example.com"]);
        let old = live("email", "old@example.com", "arn:aws:sns:eu-west-1:111111111111:orgbase-alarms:1");
        let mut have = topic(&want, vec![old]);
        let d = diff(&want, &Actual(Some(have.clone())));
        assert_eq!((d.changes.len(), d.risk()), (2, Risk::Disruptive));
        have.tags.clear();
        let d = diff(&want, &Actual(Some(have)));
        assert!(d.changes.iter().all(|c| !c.after.is_null()), "only the tag and the new address");
    }

    #[test]
    fn undeclared_subscriptions_and_those_of_other_protocols_are_left_alone() {
        let old = live("email", "old@example.com", "arn:aws:sns:eu-west-1:111111111111:orgbase-alarms:1");
        let free = want(&[]);
        assert!(diff(&free, &Actual(Some(topic(&free, vec![old])))).is_empty());
        let sqs =
            Live::builder().protocol("sqs").endpoint("arn:aws:sqs:x:1:q").subscription_arn("arn:x").build();
        assert_eq!(subscription(sqs), None);
    }

    #[test]
    fn addresses_are_never_written_down() {
        let want = want(&["secops@example.com", "https://hooks.example.com/secret"]);
        let written = serde_json::to_string(&want).unwrap();
        assert!(!written.contains("secops") && !written.contains("secret"), "{written}");
        let d = diff(&want, &Actual(Some(topic(&want, Vec::new()))));
        let paths: Vec<&str> = d.changes.iter().map(|c| c.path.as_str()).collect();
        assert!(paths[0].starts_with("notify....@example.com#"), "{paths:?}");
        assert!(paths[1].starts_with("notify.https://hooks.example.com/...#"), "{paths:?}");
    }

    #[test]
    fn targets_are_addresses_urls_and_topics_of_the_region() {
        for good in
            ["a@example.com", "https://hooks.example.com/x", "arn:aws:sns:eu-west-1:111111111111:pager"]
        {
            assert_eq!(target_problem(good, "eu-west-1"), None, "{good}");
        }
        let elsewhere = "arn:aws:sns:us-east-1:111111111111:pager";
        for bad in [
            "nobody",
            "http://plain.example.com",
            "arn:aws:sqs:eu-west-1:111111111111:q",
            elsewhere,
            "a b@x.y",
        ] {
            assert!(target_problem(bad, "eu-west-1").is_some(), "{bad}");
        }
    }
}
