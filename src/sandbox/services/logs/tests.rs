//! CloudWatch Logs, call by call.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "tests")]

use serde_json::{Value, json};

use crate::sandbox::services::lab::{HOME, Lab, MANAGEMENT};

const PATTERN: &str = r#"{ ($.errorCode = "*UnauthorizedOperation") || ($.errorCode = "AccessDenied*") }"#;

fn filter(name: &str) -> Value {
    json!({
        "logGroupName": "trail",
        "filterName": name,
        "filterPattern": PATTERN,
        "metricTransformations": [{"metricName": "m", "metricNamespace": "CIS", "metricValue": "1"}],
    })
}

#[test]
fn a_group_keeps_its_settings() {
    let mut lab = Lab::new();
    lab.ok("logs", "CreateLogGroup", json!({"logGroupName": "trail", "tags": {"a": "1"}}));
    lab.ok("logs", "PutRetentionPolicy", json!({"logGroupName": "trail", "retentionInDays": 365}));
    lab.ok("logs", "PutMetricFilter", filter("one"));
    let group = &lab.ok("logs", "DescribeLogGroups", json!({"logGroupNamePrefix": "tr"}))["logGroups"][0];
    assert_eq!(group["retentionInDays"], 365);
    assert_eq!(group["metricFilterCount"], 1);
    assert_eq!(group["arn"], format!("arn:aws:logs:{HOME}:{MANAGEMENT}:log-group:trail:*"));
    assert_eq!(group["logGroupClass"], "STANDARD");
    assert_eq!(group["creationTime"], 1_800_000_000_000_i64);
    let arn = group["logGroupArn"].clone();
    lab.ok("logs", "TagResource", json!({"resourceArn": arn, "tags": {"b": "2"}}));
    assert_eq!(
        lab.ok("logs", "ListTagsForResource", json!({"resourceArn": arn}))["tags"],
        json!({"a": "1", "b": "2"})
    );
    lab.ok("logs", "DeleteRetentionPolicy", json!({"logGroupName": "trail"}));
    let group = &lab.ok("logs", "DescribeLogGroups", json!({}))["logGroups"][0];
    assert!(group.get("retentionInDays").is_none());
}

#[test]
fn a_metric_filter_replaces_the_one_of_its_name() {
    let mut lab = Lab::new();
    lab.ok("logs", "CreateLogGroup", json!({"logGroupName": "trail"}));
    lab.ok("logs", "PutMetricFilter", filter("one"));
    let mut changed = filter("one");
    changed["filterPattern"] = json!("{ $.a = 1 }");
    lab.ok("logs", "PutMetricFilter", changed);
    let seen = lab.ok("logs", "DescribeMetricFilters", json!({"logGroupName": "trail"}));
    assert_eq!(seen["metricFilters"].as_array().unwrap().len(), 1);
    assert_eq!(seen["metricFilters"][0]["filterPattern"], "{ $.a = 1 }");
    let by_metric = json!({"metricName": "m", "metricNamespace": "CIS"});
    assert_eq!(
        lab.ok("logs", "DescribeMetricFilters", by_metric)["metricFilters"].as_array().unwrap().len(),
        1
    );
    lab.ok("logs", "DeleteMetricFilter", json!({"logGroupName": "trail", "filterName": "one"}));
    assert_eq!(lab.ok("logs", "DescribeMetricFilters", json!({}))["metricFilters"], json!([]));
}

#[test]
fn wrong_requests_get_the_documented_codes() {
    let mut lab = Lab::new();
    lab.ok("logs", "CreateLogGroup", json!({"logGroupName": "trail"}));
    lab.ok("logs", "CreateLogGroup", json!({"logGroupName": "ia", "logGroupClass": "INFREQUENT_ACCESS"}));
    lab.ok("logs", "CreateLogGroup", json!({"logGroupName": "kept", "deletionProtectionEnabled": true}));
    let broken = |pattern: &str| {
        let mut filter = filter("x");
        filter["filterPattern"] = json!(pattern);
        filter
    };
    let mut on_ia = filter("x");
    on_ia["logGroupName"] = json!("ia");
    let mut both = filter("x");
    both["metricTransformations"][0]["dimensions"] = json!({"a": "$.a"});
    both["metricTransformations"][0]["defaultValue"] = json!(0.0);
    let none = format!("arn:aws:logs:{HOME}:{MANAGEMENT}:log-group:none");
    let key = format!("arn:aws:kms:{HOME}:{MANAGEMENT}:key/none");
    let target = json!({"logGroupName": "trail", "filterName": "f", "filterPattern": "", "destinationArn": "arn:aws:sqs:eu-west-1:1:q"});
    lab.table(
        "logs",
        &[
            ("CreateLogGroup", json!({"logGroupName": "trail"}), "ResourceAlreadyExistsException"),
            ("CreateLogGroup", json!({"logGroupName": "aws/x"}), "InvalidParameterException"),
            ("CreateLogGroup", json!({"logGroupName": "x", "kmsKeyId": key}), "InvalidParameterException"),
            (
                "CreateLogGroup",
                json!({"logGroupName": "x", "kmsKeyId": "alias/x"}),
                "InvalidParameterException",
            ),
            ("DeleteLogGroup", json!({"logGroupName": "none"}), "ResourceNotFoundException"),
            ("DeleteLogGroup", json!({"logGroupName": "kept"}), "ValidationException"),
            (
                "DeleteLogStream",
                json!({"logGroupName": "trail", "logStreamName": "s"}),
                "ResourceNotFoundException",
            ),
            (
                "PutRetentionPolicy",
                json!({"logGroupName": "trail", "retentionInDays": 17}),
                "InvalidParameterException",
            ),
            (
                "PutRetentionPolicy",
                json!({"logGroupName": "none", "retentionInDays": 30}),
                "ResourceNotFoundException",
            ),
            (
                "AssociateKmsKey",
                json!({"logGroupName": "trail", "kmsKeyId": key}),
                "InvalidParameterException",
            ),
            ("AssociateKmsKey", json!({"kmsKeyId": key}), "InvalidParameterException"),
            ("DisassociateKmsKey", json!({"logGroupName": "none"}), "ResourceNotFoundException"),
            ("PutMetricFilter", broken("{ ($.a = 1 }"), "InvalidParameterException"),
            ("PutMetricFilter", broken("[ip, user"), "InvalidParameterException"),
            ("PutMetricFilter", broken("\"ERROR"), "InvalidParameterException"),
            ("PutMetricFilter", on_ia, "InvalidOperationException"),
            ("PutMetricFilter", both, "InvalidParameterException"),
            (
                "DeleteMetricFilter",
                json!({"logGroupName": "trail", "filterName": "x"}),
                "ResourceNotFoundException",
            ),
            ("DescribeMetricFilters", json!({"logGroupName": "none"}), "ResourceNotFoundException"),
            ("DescribeMetricFilters", json!({"metricName": "m"}), "InvalidParameterException"),
            (
                "DescribeLogGroups",
                json!({"logGroupNamePrefix": "a", "logGroupNamePattern": "b"}),
                "InvalidParameterException",
            ),
            ("DescribeLogGroups", json!({"nextToken": "bad"}), "InvalidParameterException"),
            ("ListTagsForResource", json!({"resourceArn": none}), "ResourceNotFoundException"),
            ("ListTagsForResource", json!({"resourceArn": "arn:aws:s3:::b"}), "InvalidParameterException"),
            (
                "PutResourcePolicy",
                json!({"policyName": "p", "policyDocument": "{"}),
                "InvalidParameterException",
            ),
            ("PutResourcePolicy", json!({"policyDocument": "{}"}), "InvalidParameterException"),
            ("PutSubscriptionFilter", target, "InvalidParameterException"),
            (
                "DeleteSubscriptionFilter",
                json!({"logGroupName": "trail", "filterName": "f"}),
                "ResourceNotFoundException",
            ),
            (
                "PutAccountPolicy",
                json!({"policyName": "p", "policyDocument": "x", "policyType": "DATA_PROTECTION_POLICY"}),
                "InvalidParameterException",
            ),
        ],
    );
}

#[test]
fn quotas_hold() {
    let mut lab = Lab::new();
    lab.ok("logs", "CreateLogGroup", json!({"logGroupName": "trail"}));
    for n in 0..100 {
        lab.ok("logs", "PutMetricFilter", filter(&format!("f{n}")));
    }
    assert_eq!(lab.fails("logs", "PutMetricFilter", filter("more")).code, "LimitExceededException");
    lab.ok("logs", "PutMetricFilter", filter("f0"));
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "es.amazonaws.com"}, "Action": "logs:PutLogEvents", "Resource": "*"},
    ]});
    let put = |n: usize| json!({"policyName": format!("p{n}"), "policyDocument": policy.to_string()});
    for n in 0..10 {
        lab.ok("logs", "PutResourcePolicy", put(n));
    }
    assert_eq!(lab.fails("logs", "PutResourcePolicy", put(10)).code, "LimitExceededException");
    lab.ok("logs", "PutResourcePolicy", put(3));
    lab.world.page_limit = 4;
    let page = lab.ok("logs", "DescribeResourcePolicies", json!({}));
    assert_eq!(page["resourcePolicies"].as_array().unwrap().len(), 4);
    assert!(page["nextToken"].is_string());
}

#[test]
fn a_key_must_let_the_service_use_it_for_this_group() {
    let mut lab = Lab::new();
    lab.ok("logs", "CreateLogGroup", json!({"logGroupName": "trail"}));
    let key = lab.ok("kms", "CreateKey", json!({}));
    let (id, arn) = (key["KeyMetadata"]["KeyId"].clone(), key["KeyMetadata"]["Arn"].clone());
    let input = json!({"logGroupName": "trail", "kmsKeyId": arn});
    assert_eq!(lab.fails("logs", "AssociateKmsKey", input.clone()).code, "InvalidParameterException");
    let policy = |group: &str| {
        json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": MANAGEMENT}, "Action": "kms:*", "Resource": "*"},
            {
                "Effect": "Allow",
                "Principal": {"Service": format!("logs.{HOME}.amazonaws.com")},
                "Action": ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
                "Resource": "*",
                "Condition": {"ArnEquals": {
                    "kms:EncryptionContext:aws:logs:arn": format!("arn:aws:logs:{HOME}:{MANAGEMENT}:log-group:{group}"),
                }},
            },
        ]})
        .to_string()
    };
    lab.ok("kms", "PutKeyPolicy", json!({"KeyId": id, "Policy": policy("other")}));
    assert_eq!(lab.fails("logs", "AssociateKmsKey", input.clone()).code, "InvalidParameterException");
    lab.ok("kms", "PutKeyPolicy", json!({"KeyId": id, "Policy": policy("trail")}));
    lab.ok("logs", "AssociateKmsKey", input);
    assert_eq!(lab.ok("logs", "DescribeLogGroups", json!({}))["logGroups"][0]["kmsKeyId"], arn);
    lab.ok("logs", "DisassociateKmsKey", json!({"logGroupName": "trail"}));
    assert!(lab.ok("logs", "DescribeLogGroups", json!({}))["logGroups"][0].get("kmsKeyId").is_none());
}

#[test]
fn every_shipped_filter_is_accepted() {
    let mut lab = Lab::new();
    lab.ok("logs", "CreateLogGroup", json!({"logGroupName": "trail"}));
    for shipped in crate::metric_filter::shipped::all() {
        let mut input = filter(shipped.key);
        input["filterPattern"] = json!(shipped.pattern);
        lab.ok("logs", "PutMetricFilter", input);
    }
}
