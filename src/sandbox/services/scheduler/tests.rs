#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use serde_json::{Value, json};

use crate::sandbox::services::lab::{Lab, MANAGEMENT};

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",
    "Principal":{"Service":"scheduler.amazonaws.com"},"Condition":{"StringEquals":{"aws:SourceAccount":"111111111111"},
    "ArnLike":{"aws:SourceArn":"arn:aws:scheduler:*:111111111111:schedule-group/g"}}}]}"#;

/// A lab with a role and a group `g`.
fn lab() -> Lab {
    let mut lab = Lab::with_organization();
    lab.ok("iam", "CreateRole", json!({"RoleName": "exports", "AssumeRolePolicyDocument": TRUST}));
    lab.ok("scheduler", "CreateScheduleGroup", json!({"Name": "g", "Tags": [{"Key": "a", "Value": "b"}]}));
    lab
}

fn schedule(name: &str) -> Value {
    json!({
        "Name": name, "GroupName": "g", "ScheduleExpression": "cron(0 0 ? * MON *)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": "arn:aws:scheduler:::aws-sdk:computeoptimizer:exportEBSVolumeRecommendations",
            "RoleArn": format!("arn:aws:iam::{MANAGEMENT}:role/exports"), "Input": "{}",
        },
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut one = schedule("one");
    *one.pointer_mut(pointer).unwrap() = value;
    one
}

#[test]
fn a_schedule_is_replaced_as_a_whole() {
    let mut lab = lab();
    let mut first = schedule("one");
    first["Description"] = json!("mine");
    first["Target"]["RetryPolicy"] = json!({"MaximumRetryAttempts": 3});
    lab.ok("scheduler", "CreateSchedule", first);
    let named = json!({"Name": "one", "GroupName": "g"});
    let read = lab.ok("scheduler", "GetSchedule", named.clone());
    assert_eq!((&read["State"], &read["ScheduleExpressionTimezone"]), (&json!("ENABLED"), &json!("UTC")));
    assert_eq!(read["Arn"], "arn:aws:scheduler:eu-west-1:111111111111:schedule/g/one");
    lab.ok("scheduler", "UpdateSchedule", schedule("one"));
    let read = lab.ok("scheduler", "GetSchedule", named.clone());
    assert_eq!(
        (read.get("Description"), &read["Target"]["RetryPolicy"]["MaximumRetryAttempts"]),
        (None, &json!(185))
    );
    lab.ok("scheduler", "CreateSchedule", schedule("two"));
    lab.world.page_limit = 1;
    let page = lab.ok("scheduler", "ListSchedules", json!({"GroupName": "g"}));
    assert_eq!(page["Schedules"][0]["Name"], "one");
    let next =
        lab.ok("scheduler", "ListSchedules", json!({"GroupName": "g", "NextToken": page["NextToken"]}));
    assert_eq!((&next["Schedules"][0]["Name"], next.get("NextToken")), (&json!("two"), None));
    lab.ok("scheduler", "DeleteSchedule", named.clone());
    lab.table("scheduler", &[("GetSchedule", named, "ResourceNotFoundException")]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut lab = lab();
    let bad = [
        ("/ScheduleExpression", json!("cron(0 0 * * MON *)")),
        ("/ScheduleExpression", json!("rate(0 days)")),
        ("/FlexibleTimeWindow/Mode", json!("FLEXIBLE")),
        ("/Target/Arn", json!("arn:aws:scheduler:::aws-sdk:computeoptimizer:ExportEBSVolumeRecommendations")),
        ("/Target/Arn", json!("arn:aws:scheduler:::aws-sdk:ec2:describeInstances")),
        ("/Target/Input", json!("{")),
        ("/Target/RoleArn", json!(format!("arn:aws:iam::{MANAGEMENT}:role/none"))),
    ];
    for (pointer, value) in bad {
        lab.table("scheduler", &[("CreateSchedule", with(pointer, value), "ValidationException")]);
    }
    // The role trusts schedules of the group `g` alone.
    let mut elsewhere = schedule("one");
    elsewhere["GroupName"] = json!("default");
    lab.table("scheduler", &[("CreateSchedule", elsewhere, "ValidationException")]);
    lab.ok("scheduler", "CreateSchedule", schedule("one"));
    lab.table(
        "scheduler",
        &[
            ("CreateSchedule", schedule("one"), "ConflictException"),
            ("UpdateSchedule", schedule("two"), "ResourceNotFoundException"),
            ("CreateScheduleGroup", json!({"Name": "g"}), "ConflictException"),
            ("DeleteScheduleGroup", json!({"Name": "default"}), "ValidationException"),
            ("ListSchedules", json!({"GroupName": "h"}), "ResourceNotFoundException"),
        ],
    );
}

#[test]
fn groups_have_tags_and_take_their_schedules_along() {
    let mut lab = lab();
    let arn = "arn:aws:scheduler:eu-west-1:111111111111:schedule-group/g";
    lab.ok("scheduler", "TagResource", json!({"ResourceArn": arn, "Tags": [{"Key": "c", "Value": "d"}]}));
    lab.ok("scheduler", "UntagResource", json!({"ResourceArn": arn, "TagKeys": ["a"]}));
    let tags = lab.ok("scheduler", "ListTagsForResource", json!({"ResourceArn": arn}));
    assert_eq!(tags["Tags"], json!([{"Key": "c", "Value": "d"}]));
    let listed = lab.ok("scheduler", "ListScheduleGroups", json!({}));
    assert_eq!(listed["ScheduleGroups"].as_array().unwrap().len(), 2);
    lab.ok("scheduler", "CreateSchedule", schedule("one"));
    lab.ok("scheduler", "DeleteScheduleGroup", json!({"Name": "g"}));
    lab.table("scheduler", &[("GetScheduleGroup", json!({"Name": "g"}), "ResourceNotFoundException")]);
    assert_eq!(lab.ok("scheduler", "ListSchedules", json!({}))["Schedules"], json!([]));
}
