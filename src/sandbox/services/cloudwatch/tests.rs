//! CloudWatch alarms, call by call.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "tests")]

use serde_json::{Value, json};

use crate::sandbox::services::lab::{HOME, Lab, MANAGEMENT};

fn alarm(name: &str) -> Value {
    json!({
        "AlarmName": name,
        "MetricName": "m",
        "Namespace": "CIS",
        "Statistic": "Sum",
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
        "AlarmActions": [format!("arn:aws:sns:{HOME}:{MANAGEMENT}:alarms")],
    })
}

fn with(member: &str, value: Value) -> Value {
    let mut input = alarm("a");
    input[member] = value;
    input
}

fn without(member: &str) -> Value {
    let mut input = alarm("a");
    input.as_object_mut().unwrap().remove(member);
    input
}

#[test]
fn an_update_replaces_all_settings_but_state_and_tags() {
    let mut lab = Lab::new();
    let mut first = with("AlarmDescription", json!("old"));
    first["Tags"] = json!([{"Key": "a", "Value": "1"}]);
    lab.ok("cloudwatch", "PutMetricAlarm", first);
    lab.ok(
        "cloudwatch",
        "SetAlarmState",
        json!({"AlarmName": "a", "StateValue": "ALARM", "StateReason": "test"}),
    );
    let mut second = alarm("a");
    second["Tags"] = json!([{"Key": "b", "Value": "2"}]);
    second["ActionsEnabled"] = json!(false);
    lab.ok("cloudwatch", "PutMetricAlarm", second);
    let seen = lab.ok("cloudwatch", "DescribeAlarms", json!({"AlarmNames": ["a"]}));
    let seen = &seen["MetricAlarms"][0];
    assert!(seen.get("AlarmDescription").is_none());
    assert_eq!((&seen["StateValue"], &seen["ActionsEnabled"]), (&json!("ALARM"), &json!(false)));
    let tags = lab.ok("cloudwatch", "ListTagsForResource", json!({"ResourceARN": seen["AlarmArn"]}));
    assert_eq!(tags["Tags"], json!([{"Key": "a", "Value": "1"}]));
    let more = json!({"ResourceARN": seen["AlarmArn"], "Tags": [{"Key": "b", "Value": "2"}]});
    lab.ok("cloudwatch", "TagResource", more);
    let tags = lab.ok("cloudwatch", "ListTagsForResource", json!({"ResourceARN": seen["AlarmArn"]}));
    assert_eq!(tags["Tags"].as_array().unwrap().len(), 2);
}

#[test]
fn alarms_are_found_by_name_prefix_state_and_action() {
    let mut lab = Lab::new();
    for name in ["cis-1", "cis-2", "other"] {
        lab.ok("cloudwatch", "PutMetricAlarm", alarm(name));
    }
    let count = |lab: &mut Lab, input: Value| {
        lab.ok("cloudwatch", "DescribeAlarms", input)["MetricAlarms"].as_array().unwrap().len()
    };
    assert_eq!(count(&mut lab, json!({"AlarmNamePrefix": "cis-"})), 2);
    assert_eq!(count(&mut lab, json!({"AlarmNames": ["other", "none"]})), 1);
    assert_eq!(count(&mut lab, json!({"StateValue": "ALARM"})), 0);
    assert_eq!(count(&mut lab, json!({"ActionPrefix": "arn:aws:sns"})), 3);
    assert_eq!(count(&mut lab, json!({"AlarmTypes": ["CompositeAlarm"]})), 0);
    lab.ok("cloudwatch", "DisableAlarmActions", json!({"AlarmNames": ["cis-1", "none"]}));
    let seen = lab.ok("cloudwatch", "DescribeAlarms", json!({"AlarmNames": ["cis-1"]}));
    assert_eq!(seen["MetricAlarms"][0]["ActionsEnabled"], false);
    lab.world.page_limit = 2;
    let page = lab.ok("cloudwatch", "DescribeAlarms", json!({}));
    assert_eq!(count(&mut lab, json!({"NextToken": page["NextToken"]})), 1);
    lab.world.page_limit = 0;
    assert_eq!(
        lab.fails("cloudwatch", "DeleteAlarms", json!({"AlarmNames": ["cis-1", "none"]})).code,
        "ResourceNotFound"
    );
    assert_eq!(count(&mut lab, json!({})), 3);
    lab.ok("cloudwatch", "DeleteAlarms", json!({"AlarmNames": ["cis-1", "cis-2"]}));
    assert_eq!(count(&mut lab, json!({})), 1);
}

#[test]
fn wrong_alarms_are_refused() {
    let mut lab = Lab::new();
    let bad = "ValidationError";
    let sns = |region: &str| json!([format!("arn:aws:sns:{region}:{MANAGEMENT}:alarms")]);
    lab.table(
        "cloudwatch",
        &[
            ("PutMetricAlarm", without("MetricName"), bad),
            ("PutMetricAlarm", without("Namespace"), bad),
            ("PutMetricAlarm", without("Period"), bad),
            ("PutMetricAlarm", without("Statistic"), bad),
            ("PutMetricAlarm", without("Threshold"), bad),
            ("PutMetricAlarm", without("ComparisonOperator"), bad),
            ("PutMetricAlarm", without("EvaluationPeriods"), bad),
            ("PutMetricAlarm", with("Period", json!(45)), bad),
            ("PutMetricAlarm", with("EvaluationPeriods", json!(300)), bad),
            ("PutMetricAlarm", with("DatapointsToAlarm", json!(2)), bad),
            ("PutMetricAlarm", with("TreatMissingData", json!("sometimes")), bad),
            ("PutMetricAlarm", with("ExtendedStatistic", json!("p99")), bad),
            ("PutMetricAlarm", with("EvaluateLowSampleCountPercentile", json!("x")), bad),
            ("PutMetricAlarm", with("AlarmActions", json!(["nonsense"])), bad),
            ("PutMetricAlarm", with("AlarmActions", sns("us-east-1")), bad),
            ("PutMetricAlarm", with("ThresholdMetricId", json!("m1")), bad),
            ("PutMetricAlarm", with("Metrics", json!([{"Id": "m1", "Expression": "1"}])), bad),
            ("DescribeAlarms", json!({"AlarmNames": ["a"], "AlarmNamePrefix": "a"}), bad),
            ("DescribeAlarms", json!({"NextToken": "bad"}), "InvalidNextToken"),
            (
                "SetAlarmState",
                json!({"AlarmName": "x", "StateValue": "OK", "StateReason": ""}),
                "ResourceNotFound",
            ),
            (
                "SetAlarmState",
                json!({"AlarmName": "x", "StateValue": "OK", "StateReason": "", "StateReasonData": "{"}),
                "InvalidFormat",
            ),
            ("ListTagsForResource", json!({"ResourceARN": "nonsense"}), "InvalidParameterValue"),
            (
                "ListTagsForResource",
                json!({"ResourceARN": format!("arn:aws:cloudwatch:{HOME}:{MANAGEMENT}:alarm:none")}),
                "ResourceNotFoundException",
            ),
        ],
    );
    assert_eq!(lab.world.cloudwatch.len(), 0);
    let mut percentile = without("Statistic");
    percentile["ExtendedStatistic"] = json!("p99.9");
    lab.ok("cloudwatch", "PutMetricAlarm", percentile);
}
