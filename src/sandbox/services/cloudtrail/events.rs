//! The event history: management events that wrote something, for 90 days.
//!
//! Events are recorded in the calling account; those of services with one endpoint in us-east-1 (CloudTrail User Guide,
//! "Global service events"). LookupEvents answers the newest first. Guess: reads are not recorded, so that the history of a
//! small organization stays small; a lookup of read events finds nothing.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::read::iso;
use crate::sandbox::world::{Call, Fault, Reply, World};
use crate::sandbox::{caller, enforce};

/// Most events that are kept, the newest.
const KEPT: usize = 4_000;
/// How long AWS keeps an event, seconds.
const AGE: f64 = 90.0 * 86_400.0;
/// Most characters of request parameters that are kept of one event.
const LONGEST: usize = 2_000;
/// Region of the events of services with one endpoint.
const GLOBAL_REGION: &str = "us-east-1";
/// Events of one page (API Reference, LookupEvents).
const PAGE: i64 = 50;

/// Where a request came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The client's name for itself: its first word, and the application's.
    pub agent: String,
    /// Access key of the signature.
    pub access_key: String,
}

impl Origin {
    /// Of a `User-Agent` header.
    pub fn new(user_agent: &str, access_key: &str) -> Origin {
        let words = || user_agent.split_whitespace();
        let told = words().take(1).chain(words().skip(1).filter(|word| word.starts_with("app/")));
        let agent: Vec<String> = told.map(|word| word.chars().take(64).collect()).collect();
        Origin { agent: agent.join(" "), access_key: access_key.chars().take(128).collect() }
    }
}

/// What was recorded, in all accounts.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct History {
    /// How many events were ever recorded.
    made: u64,
    /// The newest, the oldest of them first.
    kept: VecDeque<Event>,
}

/// One management event.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Event {
    number: u64,
    /// Seconds since 1970, UTC.
    at: f64,
    account: String,
    region: String,
    source: String,
    name: String,
    /// ARN of the caller.
    arn: String,
    agent: String,
    access_key: String,
    /// Null where they were too long.
    parameters: Value,
}

/// Records a call that was carried out, where it is a management event that writes.
pub fn record(world: &mut World, call: &Call, origin: &Origin) {
    if is_data(call) {
        return;
    }
    let region = if enforce::is_global(&call.service) { GLOBAL_REGION } else { &call.region };
    let short = call.input.to_string().len() <= LONGEST;
    let event = Event {
        number: world.events.made,
        at: call.now,
        account: call.account.clone(),
        region: region.to_owned(),
        source: source(call),
        name: name(call).to_owned(),
        arn: caller::user_arn(world, call),
        agent: origin.agent.clone(),
        access_key: origin.access_key.clone(),
        parameters: if short { call.input.clone() } else { Value::Null },
    };
    let history = &mut world.events;
    history.made += 1;
    history.kept.push_back(event);
    let old = |event: &Event| event.at < call.now - AGE;
    while history.kept.len() > KEPT || history.kept.front().is_some_and(old) {
        history.kept.pop_front();
    }
}

/// Data events and reads are not in the history.
fn is_data(call: &Call) -> bool {
    let objects = ["PutObject", "DeleteObject", "DeleteObjects", "CopyObject", "UploadPart"];
    match call.service.as_str() {
        "s3" => objects.contains(&call.operation.as_str()) || call.operation.ends_with("MultipartUpload"),
        "sns" => call.operation.starts_with("Publish"),
        "lambda" => call.operation == "Invoke",
        "kms" => ["Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey"].contains(&call.operation.as_str()),
        _ => call.operation.starts_with("Describe"),
    }
}

/// `iam.amazonaws.com`.
fn source(call: &Call) -> String {
    match call.service.as_str() {
        "cloudwatch" => "monitoring.amazonaws.com".into(),
        _ => format!("{}.amazonaws.com", enforce::action(call).split(':').next().unwrap_or_default()),
    }
}

/// S3 calls some events otherwise than the operations (S3 User Guide, "Amazon S3 CloudTrail events").
fn name(call: &Call) -> &str {
    match (call.service.as_str(), call.operation.as_str()) {
        ("s3control", "PutPublicAccessBlock") => "PutAccountPublicAccessBlock",
        ("s3control", "DeletePublicAccessBlock") => "DeleteAccountPublicAccessBlock",
        ("s3", "PutPublicAccessBlock") => "PutBucketPublicAccessBlock",
        ("s3", "DeletePublicAccessBlock") => "DeleteBucketPublicAccessBlock",
        ("s3", "PutBucketLifecycleConfiguration") => "PutBucketLifecycle",
        ("s3", "PutBucketNotificationConfiguration") => "PutBucketNotification",
        ("s3", "PutObjectLockConfiguration") => "PutBucketObjectLockConfiguration",
        (_, operation) => operation,
    }
}

/// LookupEvents.
pub(super) fn lookup(world: &World, call: &Call) -> Reply {
    let wanted = attribute(call)?;
    let time = |member: &str| call.input.get(member).and_then(Value::as_f64);
    let (start, end) = (time("StartTime"), time("EndTime"));
    if let (Some(start), Some(end)) = (start, end)
        && start > end
    {
        let message = "The start time must not be after the end time";
        return Err(Fault::new("InvalidTimeRangeException", message));
    }
    let asked = call.int("MaxResults").unwrap_or(PAGE);
    if !(1..=PAGE).contains(&asked) {
        let message = "Invalid max results: it must be between 1 and 50";
        return Err(Fault::new("InvalidMaxResultsException", message));
    }
    let own = |event: &&Event| event.account == call.account && event.region == call.region;
    let in_time = |event: &&Event| {
        event.at >= call.now - AGE
            && start.is_none_or(|start| event.at >= start)
            && end.is_none_or(|end| event.at <= end)
    };
    let matches = |event: &&Event| wanted.as_ref().is_none_or(|(key, value)| event.has(key, value));
    let found: Vec<&Event> =
        world.events.kept.iter().rev().filter(own).filter(in_time).filter(matches).collect();
    let bad = || Fault::new("InvalidNextTokenException", "Invalid next token");
    let (page, next) = world.page(&found, Some(asked), 50, call.str("NextToken"), &bad)?;
    let mut out = json!({"Events": page.into_iter().map(Event::shown).collect::<Vec<_>>()});
    if let (Some(next), Some(out)) = (next, out.as_object_mut()) {
        out.insert("NextToken".into(), next.into());
    }
    Ok(out)
}

/// The one attribute by which is looked up.
fn attribute(call: &Call) -> Result<Option<(String, String)>, Fault> {
    let attributes = call.input.get("LookupAttributes").and_then(Value::as_array);
    if attributes.is_some_and(|attributes| attributes.len() > 1) {
        // API Reference, LookupEvents: currently the list can contain only one item.
        let message = "You can specify only one lookup attribute";
        return Err(Fault::new("InvalidLookupAttributesException", message));
    }
    let text = |attribute: &Value, member: &str| attribute.get(member)?.as_str().map(str::to_owned);
    Ok(attributes
        .and_then(|attributes| attributes.first())
        .and_then(|attribute| Some((text(attribute, "AttributeKey")?, text(attribute, "AttributeValue")?))))
}

impl Event {
    fn has(&self, key: &str, value: &str) -> bool {
        match key {
            "EventId" => self.id() == value,
            "EventName" => self.name == value,
            "EventSource" => self.source == value,
            "ReadOnly" => value == "false",
            "Username" => self.username() == value,
            "AccessKeyId" => self.access_key == value,
            "ResourceName" => self.resources().values().any(|name| name == value),
            "ResourceType" => self.resources().contains_key(value),
            _ => false,
        }
    }

    /// A UUID that is the same whenever the log is replayed.
    fn id(&self) -> String {
        let digest = Sha256::digest(format!("{} {}", self.number, self.at));
        let hex = crate::digest::hex(&digest[..16]);
        format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
    }

    /// The user's name, or that of the role's session.
    fn username(&self) -> &str {
        if self.arn.ends_with(":root") { "root" } else { self.arn.rsplit('/').next().unwrap_or_default() }
    }

    /// Name of the resource by its type, where the request names one that AWS lists.
    fn resources(&self) -> BTreeMap<&'static str, String> {
        let named = |service: &str, member: &str| {
            let name = self.parameters.get(member).and_then(Value::as_str)?;
            self.source.starts_with(service).then(|| name.to_owned())
        };
        RESOURCES
            .iter()
            .filter_map(|(service, member, kind)| Some((*kind, named(service, member)?)))
            .collect()
    }

    fn shown(&self) -> Value {
        let resource = |(kind, name)| json!({"ResourceType": kind, "ResourceName": name});
        json!({
            "EventId": self.id(),
            "EventName": self.name,
            "ReadOnly": "false",
            "AccessKeyId": self.access_key,
            "EventTime": self.at.floor(),
            "EventSource": self.source,
            "Username": self.username(),
            "Resources": self.resources().into_iter().map(resource).collect::<Vec<_>>(),
            "CloudTrailEvent": self.document().to_string(),
        })
    }

    /// The event as CloudTrail would deliver it.
    fn document(&self) -> Value {
        json!({
            "eventVersion": "1.11",
            "userIdentity": self.identity(),
            "eventTime": iso(self.at),
            "eventSource": self.source,
            "eventName": self.name,
            "awsRegion": self.region,
            "sourceIPAddress": "127.0.0.1",
            "userAgent": self.agent,
            "requestParameters": camel(&self.parameters),
            "responseElements": null,
            "eventID": self.id(),
            "readOnly": false,
            "eventType": "AwsApiCall",
            "managementEvent": true,
            "recipientAccountId": self.account,
            "eventCategory": "Management",
        })
    }

    fn identity(&self) -> Value {
        let mut identity = json!({
            "type": "IAMUser",
            "arn": self.arn,
            "accountId": self.account,
            "accessKeyId": self.access_key,
        });
        let more = match self.arn.split_once(":assumed-role/") {
            Some((_, session)) => {
                let role = session.split('/').next().unwrap_or_default();
                let partition = self.arn.split(':').nth(1).unwrap_or_default();
                let issuer = format!("arn:{partition}:iam::{}:role/{role}", self.account);
                let issuer = json!({
                    "type": "Role", "arn": issuer, "accountId": self.account, "userName": role,
                });
                json!({"type": "AssumedRole", "sessionContext": {"sessionIssuer": issuer}})
            }
            None if self.arn.ends_with(":root") => json!({"type": "Root"}),
            None => json!({"userName": self.username()}),
        };
        if let (Some(identity), Value::Object(more)) = (identity.as_object_mut(), more) {
            identity.extend(more);
        }
        identity
    }
}

/// Members of requests that name a resource: beginning of the event source, member, type.
const RESOURCES: &[(&str, &str, &str)] = &[
    ("cloudtrail", "Name", "AWS::CloudTrail::Trail"),
    ("cloudtrail", "TrailName", "AWS::CloudTrail::Trail"),
    ("ec2", "GroupId", "AWS::EC2::SecurityGroup"),
    ("ec2", "VpcId", "AWS::EC2::VPC"),
    ("iam", "GroupName", "AWS::IAM::Group"),
    ("iam", "PolicyArn", "AWS::IAM::Policy"),
    ("iam", "RoleName", "AWS::IAM::Role"),
    ("iam", "UserName", "AWS::IAM::User"),
    ("kms", "KeyId", "AWS::KMS::Key"),
    ("logs", "logGroupName", "AWS::Logs::LogGroup"),
    ("monitoring", "AlarmName", "AWS::CloudWatch::Alarm"),
    ("s3", "Bucket", "AWS::S3::Bucket"),
    ("sns", "TopicArn", "AWS::SNS::Topic"),
];

/// Events write the first letter of members small.
fn camel(value: &Value) -> Value {
    let Value::Object(members) = value else { return value.clone() };
    let small = |name: &String| {
        let mut letters = name.chars();
        letters
            .next()
            .map(|first| first.to_lowercase().chain(letters).collect::<String>())
            .unwrap_or_default()
    };
    Value::Object(members.iter().map(|(name, value)| (small(name), value.clone())).collect::<Map<_, _>>())
}

/// The origin in the log of the state file.
pub(in crate::sandbox) fn origin_json(origin: &Origin) -> Value {
    json!([origin.agent, origin.access_key])
}

/// The way back; entries of before there was a history have none.
pub(in crate::sandbox) fn origin_from(value: Option<&Value>) -> Origin {
    let text =
        |at: usize| value.and_then(|v| v.get(at)).and_then(Value::as_str).unwrap_or_default().to_owned();
    Origin { agent: text(0), access_key: text(1) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

    use super::*;
    use crate::sandbox::services::lab::{HOME, Lab, MANAGEMENT, MEMBER};
    use crate::sandbox::world::Principal;

    fn call(account: &str, service: &str, operation: &str, input: Value, now: f64) -> Call {
        let principal = if account == MANAGEMENT {
            Principal::Management
        } else {
            Principal::Role { role: "Admin".into(), session: "mallory".into() }
        };
        let (service, operation) = (service.into(), operation.into());
        Call { service, operation, account: account.into(), region: HOME.into(), principal, input, now }
    }

    fn done(lab: &mut Lab, account: &str, service: &str, operation: &str, input: Value) {
        let call = call(account, service, operation, input, lab.now);
        record(&mut lab.world, &call, &Origin::new("Boto3/1.40 md/x app/tests", "ASIAX"));
        lab.now += 1.0;
    }

    fn names(lab: &mut Lab, input: Value) -> Vec<String> {
        let answer = lab.ok("cloudtrail", "LookupEvents", input);
        answer["Events"].as_array().unwrap().iter().map(|e| e["EventName"].as_str().unwrap().into()).collect()
    }

    #[test]
    fn an_event_says_who_did_what_and_when() {
        let mut lab = Lab::with_organization();
        done(&mut lab, MEMBER, "cloudtrail", "StopLogging", json!({"Name": "t"}));
        let answer = lab.at(MEMBER, HOME).ok("cloudtrail", "LookupEvents", json!({}));
        let event = &answer["Events"][0];
        assert_eq!((&event["Username"], &event["EventName"]), (&json!("mallory"), &json!("StopLogging")));
        assert_eq!(event["Resources"][0]["ResourceName"], "t");
        let document: Value = serde_json::from_str(event["CloudTrailEvent"].as_str().unwrap()).unwrap();
        assert_eq!(
            document["userIdentity"]["arn"],
            format!("arn:aws:sts::{MEMBER}:assumed-role/Admin/mallory")
        );
        assert_eq!(document["userAgent"], "Boto3/1.40 app/tests");
        assert_eq!(document["requestParameters"]["name"], "t");
    }

    #[test]
    fn global_services_record_in_us_east_1_and_each_account_sees_its_own() {
        let mut lab = Lab::with_organization();
        done(&mut lab, MEMBER, "iam", "UpdateAccountPasswordPolicy", json!({}));
        assert_eq!(names(lab.at(MEMBER, HOME), json!({})), Vec::<String>::new());
        assert_eq!(names(lab.at(MEMBER, "us-east-1"), json!({})), ["UpdateAccountPasswordPolicy"]);
        assert_eq!(names(lab.at(MANAGEMENT, "us-east-1"), json!({})), Vec::<String>::new());
    }

    #[test]
    fn the_newest_come_first_in_pages_and_by_one_attribute() {
        let mut lab = Lab::with_organization();
        for name in ["a", "b", "c"] {
            done(&mut lab, MANAGEMENT, "s3", "PutPublicAccessBlock", json!({"Bucket": name}));
            done(&mut lab, MANAGEMENT, "s3", "PutObject", json!({"Bucket": name}));
        }
        let first = lab.ok("cloudtrail", "LookupEvents", json!({"MaxResults": 2}));
        assert_eq!(first["Events"][0]["Resources"][0]["ResourceName"], "c");
        let rest = lab.ok("cloudtrail", "LookupEvents", json!({"NextToken": first["NextToken"]}));
        assert_eq!(rest["Events"].as_array().unwrap().len(), 1);
        let by = |key: &str, value: &str| json!({"LookupAttributes": [{"AttributeKey": key, "AttributeValue": value}]});
        assert_eq!(names(&mut lab, by("ResourceName", "b")), ["PutBucketPublicAccessBlock"]);
        assert_eq!(names(&mut lab, by("EventName", "PutBucketPublicAccessBlock")).len(), 3);
        assert_eq!(names(&mut lab, by("ReadOnly", "true")), Vec::<String>::new());
    }

    #[test]
    fn what_is_old_goes() {
        let mut lab = Lab::with_organization();
        done(&mut lab, MANAGEMENT, "s3", "DeleteBucket", json!({"Bucket": "old"}));
        lab.now += AGE + 1.0;
        assert_eq!(names(&mut lab, json!({})), Vec::<String>::new());
        done(&mut lab, MANAGEMENT, "s3", "DeleteBucket", json!({"Bucket": "new"}));
        assert_eq!(lab.world.events.kept.len(), 1);
        for _ in 0..=KEPT {
            done(&mut lab, MANAGEMENT, "s3", "DeleteBucket", json!({"Bucket": "new"}));
        }
        assert_eq!(lab.world.events.kept.len(), KEPT);
    }
}
