//! SNS, call by call.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "tests")]

use serde_json::{Value, json};

use crate::sandbox::services::lab::{HOME, Lab, MANAGEMENT, MEMBER};
use crate::sandbox::services::sns;

fn topic(lab: &mut Lab, name: &str) -> String {
    lab.ok("sns", "CreateTopic", json!({"Name": name}))["TopicArn"].as_str().unwrap().into()
}

fn attribute(lab: &mut Lab, arn: &str, name: &str) -> Option<String> {
    let seen = lab.ok("sns", "GetTopicAttributes", json!({"TopicArn": arn}));
    seen["Attributes"].get(name).and_then(Value::as_str).map(Into::into)
}

#[test]
fn a_topic_is_made_once() {
    let mut lab = Lab::new();
    let input = json!({"Name": "alarms", "Attributes": {"KmsMasterKeyId": "alias/x"}, "Tags": [{"Key": "a", "Value": "1"}]});
    let arn = lab.ok("sns", "CreateTopic", input.clone())["TopicArn"].clone();
    assert_eq!(arn, format!("arn:aws:sns:{HOME}:{MANAGEMENT}:alarms"));
    assert_eq!(lab.ok("sns", "CreateTopic", input)["TopicArn"], arn);
    assert_eq!(lab.ok("sns", "CreateTopic", json!({"Name": "alarms"}))["TopicArn"], arn);
    lab.table(
        "sns",
        &[
            (
                "CreateTopic",
                json!({"Name": "alarms", "Attributes": {"KmsMasterKeyId": "alias/y"}}),
                "InvalidParameter",
            ),
            (
                "CreateTopic",
                json!({"Name": "alarms", "Tags": [{"Key": "a", "Value": "2"}]}),
                "InvalidParameter",
            ),
        ],
    );
    let arn = arn.as_str().unwrap().to_string();
    lab.ok(
        "sns",
        "SetTopicAttributes",
        json!({"TopicArn": arn, "AttributeName": "KmsMasterKeyId", "AttributeValue": ""}),
    );
    assert_eq!(attribute(&mut lab, &arn, "KmsMasterKeyId"), None);
    lab.ok("sns", "TagResource", json!({"ResourceArn": arn, "Tags": [{"Key": "b", "Value": "2"}]}));
    let tags = lab.ok("sns", "ListTagsForResource", json!({"ResourceArn": arn}));
    assert_eq!(tags["Tags"], json!([{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]));
    lab.ok("sns", "DeleteTopic", json!({"TopicArn": arn}));
    lab.ok("sns", "DeleteTopic", json!({"TopicArn": arn}));
    assert_eq!(lab.ok("sns", "ListTopics", json!({}))["Topics"], json!([]));
}

#[test]
fn an_email_waits_for_its_reader() {
    let mut lab = Lab::new();
    let arn = topic(&mut lab, "alarms");
    let input = json!({"TopicArn": arn, "Protocol": "email", "Endpoint": "a@example.com"});
    assert_eq!(lab.ok("sns", "Subscribe", input.clone())["SubscriptionArn"], "pending confirmation");
    let mut with_arn = input.clone();
    with_arn["ReturnSubscriptionArn"] = json!(true);
    let first = lab.ok("sns", "Subscribe", with_arn)["SubscriptionArn"].clone();
    assert!(first.as_str().unwrap().starts_with(&arn));
    let listed = lab.ok("sns", "ListSubscriptionsByTopic", json!({"TopicArn": arn}));
    assert_eq!(listed["Subscriptions"].as_array().unwrap().len(), 1);
    assert_eq!(listed["Subscriptions"][0]["SubscriptionArn"], "PendingConfirmation");
    assert_eq!(attribute(&mut lab, &arn, "SubscriptionsPending").unwrap(), "1");
    assert_eq!(sns::confirm(&mut lab.world, &arn, "a@example.com"), 1);
    assert_eq!(lab.ok("sns", "Subscribe", input)["SubscriptionArn"], first);
    let seen = lab.ok("sns", "GetSubscriptionAttributes", json!({"SubscriptionArn": first}));
    assert_eq!(seen["Attributes"]["PendingConfirmation"], "false");
    assert_eq!(attribute(&mut lab, &arn, "SubscriptionsConfirmed").unwrap(), "1");
}

#[test]
fn only_a_confirmed_subscription_can_be_taken_away() {
    let mut lab = Lab::new();
    let arn = topic(&mut lab, "alarms");
    let input = json!({"TopicArn": arn, "Protocol": "email", "Endpoint": "a@example.com", "ReturnSubscriptionArn": true});
    let first = lab.ok("sns", "Subscribe", input)["SubscriptionArn"].clone();
    let gone = json!({"SubscriptionArn": first});
    let nobody = json!({"TopicArn": arn, "Token": "b@example.com"});
    lab.table(
        "sns",
        &[
            ("Unsubscribe", gone.clone(), "InvalidParameter"),
            ("Unsubscribe", json!({"SubscriptionArn": "PendingConfirmation"}), "InvalidParameter"),
            ("ConfirmSubscription", nobody, "InvalidParameter"),
        ],
    );
    let confirmed = lab.ok("sns", "ConfirmSubscription", json!({"TopicArn": arn, "Token": "a@example.com"}));
    assert_eq!(confirmed["SubscriptionArn"], first);
    assert_eq!(lab.at(MEMBER, HOME).fails("sns", "Unsubscribe", gone.clone()).code, "AuthorizationError");
    lab.at(MANAGEMENT, HOME);
    for _ in 0..2 {
        lab.ok("sns", "Unsubscribe", gone.clone());
    }
    let listed = lab.ok("sns", "ListSubscriptionsByTopic", json!({"TopicArn": arn}));
    assert_eq!(listed["Subscriptions"], json!([]));
}

#[test]
fn queues_of_the_account_need_no_confirmation() {
    let mut lab = Lab::new();
    let arn = topic(&mut lab, "alarms");
    let own =
        json!({"TopicArn": arn, "Protocol": "sqs", "Endpoint": format!("arn:aws:sqs:{HOME}:{MANAGEMENT}:q")});
    assert!(lab.ok("sns", "Subscribe", own)["SubscriptionArn"].as_str().unwrap().starts_with("arn:"));
    let other =
        json!({"TopicArn": arn, "Protocol": "sqs", "Endpoint": format!("arn:aws:sqs:{HOME}:{MEMBER}:q")});
    assert_eq!(lab.ok("sns", "Subscribe", other)["SubscriptionArn"], "pending confirmation");
    lab.world.page_limit = 1;
    let page = lab.ok("sns", "ListSubscriptions", json!({}));
    assert_eq!(page["Subscriptions"].as_array().unwrap().len(), 1);
    let rest = lab.ok("sns", "ListSubscriptions", json!({"NextToken": page["NextToken"]}));
    assert!(rest.get("NextToken").is_none());
}

#[test]
fn wrong_requests_get_the_documented_codes() {
    let mut lab = Lab::with_organization();
    let arn = topic(&mut lab, "alarms");
    let none = format!("arn:aws:sns:{HOME}:{MANAGEMENT}:none");
    let far = format!("arn:aws:sns:us-east-1:{MANAGEMENT}:alarms");
    let bad = "InvalidParameter";
    let set =
        |name: &str, value: &str| json!({"TopicArn": arn, "AttributeName": name, "AttributeValue": value});
    let policy = |action: &str, principal: &str, resource: &str| {
        let statement = json!({"Effect": "Allow", "Principal": {"AWS": principal}, "Action": action, "Resource": resource});
        set("Policy", &json!({"Version": "2012-10-17", "Statement": [statement]}).to_string())
    };
    let stranger = format!("arn:aws:iam::{MEMBER}:role/Nobody");
    let subscribe =
        |protocol: &str, endpoint: &str| json!({"TopicArn": arn, "Protocol": protocol, "Endpoint": endpoint});
    lab.table(
        "sns",
        &[
            ("CreateTopic", json!({"Name": "a b"}), bad),
            ("CreateTopic", json!({"Name": "a.fifo"}), bad),
            ("CreateTopic", json!({"Name": "x", "Attributes": {"Nonsense": "1"}}), bad),
            ("GetTopicAttributes", json!({"TopicArn": none}), "NotFound"),
            ("GetTopicAttributes", json!({"TopicArn": far}), bad),
            ("GetTopicAttributes", json!({"TopicArn": "x"}), bad),
            ("SetTopicAttributes", set("Nonsense", "1"), bad),
            ("SetTopicAttributes", set("FifoTopic", "true"), bad),
            ("SetTopicAttributes", set("TracingConfig", "x"), bad),
            ("SetTopicAttributes", set("DeliveryPolicy", "x"), bad),
            ("SetTopicAttributes", set("Policy", "{"), bad),
            ("SetTopicAttributes", policy("sqs:SendMessage", MEMBER, &arn), bad),
            ("SetTopicAttributes", policy("sns:Publish", &stranger, &arn), bad),
            ("SetTopicAttributes", policy("sns:Publish", MEMBER, &none), bad),
            ("Subscribe", subscribe("email", "nonsense"), bad),
            ("Subscribe", subscribe("https", "http://example.com"), bad),
            ("Subscribe", subscribe("sqs", "https://example.com"), bad),
            ("Subscribe", subscribe("carrier-pigeon", "x"), bad),
            ("Subscribe", json!({"TopicArn": arn, "Protocol": "email"}), bad),
            (
                "Subscribe",
                json!({"TopicArn": none, "Protocol": "email", "Endpoint": "a@example.com"}),
                "NotFound",
            ),
            ("GetSubscriptionAttributes", json!({"SubscriptionArn": "PendingConfirmation"}), bad),
            ("GetSubscriptionAttributes", json!({"SubscriptionArn": format!("{arn}:none")}), "NotFound"),
            ("ListSubscriptionsByTopic", json!({"TopicArn": none}), "NotFound"),
            ("ListTagsForResource", json!({"ResourceArn": none}), "ResourceNotFound"),
            ("ListTopics", json!({"NextToken": "bad"}), bad),
            ("Publish", json!({"TopicArn": arn, "Message": ""}), bad),
            ("Publish", json!({"Message": "x"}), bad),
            ("Publish", json!({"TopicArn": none, "Message": "x"}), "NotFound"),
        ],
    );
}

#[test]
fn another_account_needs_the_topic_policy() {
    let mut lab = Lab::with_organization();
    let arn = topic(&mut lab, "alarms");
    lab.at(MEMBER, HOME);
    assert_eq!(
        lab.fails("sns", "Publish", json!({"TopicArn": arn, "Message": "x"})).code,
        "AuthorizationError"
    );
    lab.at(MANAGEMENT, HOME);
    lab.ok(
        "sns",
        "AddPermission",
        json!({"TopicArn": arn, "Label": "p", "AWSAccountId": [MEMBER], "ActionName": ["Publish"]}),
    );
    lab.table(
        "sns",
        &[
            (
                "AddPermission",
                json!({"TopicArn": arn, "Label": "p", "AWSAccountId": [MEMBER], "ActionName": ["Publish"]}),
                "InvalidParameter",
            ),
            (
                "AddPermission",
                json!({"TopicArn": arn, "Label": "q", "AWSAccountId": [MEMBER], "ActionName": ["Nonsense"]}),
                "InvalidParameter",
            ),
        ],
    );
    lab.at(MEMBER, HOME);
    lab.ok("sns", "Publish", json!({"TopicArn": arn, "Message": "x"}));
    assert_eq!(lab.fails("sns", "GetTopicAttributes", json!({"TopicArn": arn})).code, "AuthorizationError");
    lab.at(MANAGEMENT, HOME);
    lab.ok("sns", "RemovePermission", json!({"TopicArn": arn, "Label": "p"}));
    lab.at(MEMBER, HOME);
    assert_eq!(
        lab.fails("sns", "Publish", json!({"TopicArn": arn, "Message": "x"})).code,
        "AuthorizationError"
    );
}
