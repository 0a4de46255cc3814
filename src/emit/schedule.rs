//! Ready-made schedules of `orgbase drift`, each with the role that it runs as.
//!
//! Texts with `{{placeholders}}` where the format is text, CloudFormation in YAML where it is that. The permissions are
//! those of `emit iam-policy`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{iam, yaml};
use crate::baseline::Baseline;

/// Where a schedule can run.
pub const KINDS: [&str; 5] =
    ["github-actions", "systemd", "kubernetes", "eventbridge-ecs", "eventbridge-lambda"];

/// When it runs, UTC: not on the full hour, when everybody's does.
const HOUR: &str = "5";
const MINUTE: &str = "17";
/// The longest run, in seconds; Lambda ends a function then.
const LAMBDA_SECONDS: u32 = 900;

/// The policies of the plan role allow it to assume this role in the accounts, and no other.
const UNDECLARED: &str = "# Warning: the baseline does not declare `plan_role = \"{{plan_role}}\"` in [organization]. Until it does, `drift` assumes\n\
     # `access_role`, which the policies of the plan role do not allow.\n";

/// The schedule for one place; nothing where there is no such place.
pub fn schedule(baseline: &mut Baseline, kind: &str, further: &[Value]) -> Option<String> {
    let organization = &mut baseline.organization;
    let undeclared = organization.plan_role.is_none();
    organization.plan_role.get_or_insert_with(|| format!("{}-plan", organization.prefix));
    let values = values(baseline);
    let head = if undeclared { fill(UNDECLARED, &values) } else { String::new() };
    let text = |template: &str| head.clone() + &fill(template, &values);
    let policies = || iam::policies_with(baseline, further);
    Some(match kind {
        "github-actions" => text(include_str!("schedule/github-actions.yml")),
        "systemd" => text(include_str!("schedule/systemd.txt")),
        "kubernetes" => text(include_str!("schedule/kubernetes.yml")),
        "eventbridge-ecs" => {
            text(include_str!("schedule/ecs-head.txt")) + &yaml::render(&ecs(baseline, &policies()))
        }
        "eventbridge-lambda" => {
            text(include_str!("schedule/lambda-head.txt")) + &yaml::render(&lambda(baseline, &policies()))
        }
        _ => return None,
    })
}

/// What the placeholders stand for.
fn values(baseline: &Baseline) -> BTreeMap<&'static str, String> {
    let organization = &baseline.organization;
    let path = baseline.path().display().to_string();
    BTreeMap::from([
        ("prefix", organization.prefix.clone()),
        ("plan_role", organization.plan_role.clone().unwrap_or_default()),
        ("region", organization.home_region.clone()),
        ("baseline", shell_word(&path)),
        ("hour", HOUR.to_string()),
        ("minute", MINUTE.to_string()),
    ])
}

/// A path that a shell, systemd and YAML take as one word; any other is named `baseline`.
fn shell_word(path: &str) -> String {
    let plain = !path.is_empty() && path.bytes().all(|b| b.is_ascii_alphanumeric() || b"._/-".contains(&b));
    if plain { path.to_string() } else { "baseline".into() }
}

/// A text with its placeholders filled in. `${{ ... }}` is GitHub's own.
fn fill(template: &str, values: &BTreeMap<&'static str, String>) -> String {
    let mut text = template.to_string();
    for (name, value) in values {
        text = text.replace(&format!("{{{{{name}}}}}"), value);
    }
    text
}

/// A role that a service takes on, with the policies of the management account's plan.
fn plan_role(
    baseline: &Baseline,
    policies: &BTreeMap<String, Value>,
    service: &str,
    managed: Vec<Value>,
    resources: &mut Map<String, Value>,
) -> Value {
    let prefix = &baseline.organization.prefix;
    let mut arns = managed;
    for (name, document) in policies.iter().filter(|(name, _)| is_plan(name)) {
        let id: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let id = format!("Policy{id}");
        arns.push(json!({ "Ref": id }));
        resources.insert(
            id,
            json!({
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": { "Description": format!("orgbase: {name}"), "PolicyDocument": document },
            }),
        );
    }
    json!({
        "Type": "AWS::IAM::Role",
        "Properties": {
            // The member accounts' roles trust it by this name.
            "RoleName": baseline.organization.plan_role,
            "Description": format!("{prefix} drift"),
            "AssumeRolePolicyDocument": trust(service),
            "ManagedPolicyArns": arns,
        },
    })
}

fn is_plan(name: &str) -> bool {
    name.strip_prefix("management-plan").is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Only for this account's own use of the service.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html>
fn trust(service: &str) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": service },
            "Action": "sts:AssumeRole",
            "Condition": { "StringEquals": { "aws:SourceAccount": { "Ref": "AWS::AccountId" } } },
        }],
    })
}

/// Lambda takes a function's role on without saying for which account.
fn plain_trust(service: &str) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole" }],
    })
}

/// The role with which the scheduler starts one thing.
fn starter(statements: &Value) -> Value {
    json!({
        "Type": "AWS::IAM::Role",
        "Properties": {
            "Description": "Starts orgbase drift",
            "AssumeRolePolicyDocument": trust("scheduler.amazonaws.com"),
            "Policies": [{
                "PolicyName": "start",
                "PolicyDocument": { "Version": "2012-10-17", "Statement": statements },
            }],
        },
    })
}

fn timetable(baseline: &Baseline, target: &Value) -> Value {
    json!({
        "Type": "AWS::Scheduler::Schedule",
        "Properties": {
            "Name": format!("{}-drift", baseline.organization.prefix),
            "ScheduleExpression": format!("cron({MINUTE} {HOUR} * * ? *)"),
            "ScheduleExpressionTimezone": "UTC",
            "FlexibleTimeWindow": { "Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15 },
            "Target": target,
        },
    })
}

fn log_group(baseline: &Baseline) -> Value {
    json!({
        "Type": "AWS::Logs::LogGroup",
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": {
            "LogGroupName": format!("/{}/drift", baseline.organization.prefix),
            "RetentionInDays": 365,
        },
    })
}

fn template(description: &str, parameters: &Value, resources: &Map<String, Value>) -> Value {
    json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": description,
        "Parameters": parameters,
        "Resources": resources,
    })
}

fn image() -> Value {
    json!({ "Type": "String", "Description": "Container image with orgbase and the baseline", "MinLength": 1 })
}

fn arn(resource: &str) -> Value {
    json!({ "Fn::GetAtt": [resource, "Arn"] })
}

fn lambda(baseline: &Baseline, policies: &BTreeMap<String, Value>) -> Value {
    let mut resources = Map::new();
    let mut role = plan_role(baseline, policies, "lambda.amazonaws.com", Vec::new(), &mut resources);
    let write = json!({
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": { "Fn::Sub": "${LogGroup.Arn}:*" },
    });
    if let Some(properties) = role.get_mut("Properties").and_then(Value::as_object_mut) {
        properties.insert("AssumeRolePolicyDocument".into(), plain_trust("lambda.amazonaws.com"));
        let document = json!({ "Version": "2012-10-17", "Statement": [write] });
        properties.insert("Policies".into(), json!([{ "PolicyName": "logs", "PolicyDocument": document }]));
    }
    resources.insert("PlanRole".into(), role);
    resources.insert("LogGroup".into(), log_group(baseline));
    resources.insert(
        "Function".into(),
        json!({
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "FunctionName": format!("{}-drift", baseline.organization.prefix),
                "PackageType": "Image",
                "Code": { "ImageUri": { "Ref": "ImageUri" } },
                "Role": arn("PlanRole"),
                "MemorySize": 1024,
                "Timeout": LAMBDA_SECONDS,
                "ReservedConcurrentExecutions": 1,
                "LoggingConfig": { "LogGroup": { "Ref": "LogGroup" } },
            },
        }),
    );
    let start =
        json!([{ "Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": arn("Function") }]);
    resources.insert("StarterRole".into(), starter(&start));
    let target = json!({
        "Arn": arn("Function"),
        "RoleArn": arn("StarterRole"),
        "RetryPolicy": { "MaximumRetryAttempts": 0 },
    });
    resources.insert("Schedule".into(), timetable(baseline, &target));
    template("orgbase drift once a day, in Lambda", &json!({ "ImageUri": image() }), &resources)
}

fn ecs(baseline: &Baseline, policies: &BTreeMap<String, Value>) -> Value {
    let mut resources = Map::new();
    let role = plan_role(baseline, policies, "ecs-tasks.amazonaws.com", Vec::new(), &mut resources);
    resources.insert("PlanRole".into(), role);
    resources.insert("LogGroup".into(), log_group(baseline));
    let execution = "arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy";
    resources.insert(
        "ExecutionRole".into(),
        json!({
            "Type": "AWS::IAM::Role",
            "Properties": {
                "Description": "Pulls the image of orgbase and writes its log",
                "AssumeRolePolicyDocument": trust("ecs-tasks.amazonaws.com"),
                "ManagedPolicyArns": [{ "Fn::Sub": execution }],
            },
        }),
    );
    resources.insert("Task".into(), task(baseline));
    resources.insert("StarterRole".into(), starter(&may_start()));
    let network = json!({ "AwsvpcConfiguration": {
        "AssignPublicIp": { "Ref": "AssignPublicIp" },
        "SecurityGroups": { "Ref": "SecurityGroupIds" },
        "Subnets": { "Ref": "SubnetIds" },
    } });
    let target = json!({
        "Arn": { "Ref": "ClusterArn" },
        "RoleArn": arn("StarterRole"),
        "RetryPolicy": { "MaximumRetryAttempts": 0 },
        "EcsParameters": {
            "TaskDefinitionArn": { "Ref": "Task" },
            "TaskCount": 1,
            "LaunchType": "FARGATE",
            "NetworkConfiguration": network,
        },
    });
    resources.insert("Schedule".into(), timetable(baseline, &target));
    let parameters = json!({
        "ImageUri": image(),
        "ClusterArn": { "Type": "String", "Description": "ARN of the ECS cluster", "AllowedPattern": "^arn:[a-z-]+:ecs:.+$" },
        "SubnetIds": { "Type": "List<AWS::EC2::Subnet::Id>", "Description": "Subnets of the task" },
        "SecurityGroupIds": { "Type": "List<AWS::EC2::SecurityGroup::Id>", "Description": "Security groups of the task" },
        "AssignPublicIp": {
            "Type": "String", "Default": "DISABLED", "AllowedValues": ["DISABLED", "ENABLED"],
            "Description": "Whether the task gets a public address",
        },
    });
    template("orgbase drift once a day, in ECS", &parameters, &resources)
}

fn may_start() -> Value {
    json!([
        {
            "Effect": "Allow",
            "Action": "ecs:RunTask",
            "Resource": { "Ref": "Task" },
            "Condition": { "ArnEquals": { "ecs:cluster": { "Ref": "ClusterArn" } } },
        },
        {
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": [arn("PlanRole"), arn("ExecutionRole")],
            "Condition": { "StringEquals": { "iam:PassedToService": "ecs-tasks.amazonaws.com" } },
        },
    ])
}

fn task(baseline: &Baseline) -> Value {
    let log = json!({
        "awslogs-group": { "Ref": "LogGroup" },
        "awslogs-region": { "Ref": "AWS::Region" },
        "awslogs-stream-prefix": "drift",
    });
    json!({
        "Type": "AWS::ECS::TaskDefinition",
        "Properties": {
            "Family": format!("{}-drift", baseline.organization.prefix),
            "RequiresCompatibilities": ["FARGATE"],
            "NetworkMode": "awsvpc",
            "Cpu": "512",
            "Memory": "1024",
            "TaskRoleArn": arn("PlanRole"),
            "ExecutionRoleArn": arn("ExecutionRole"),
            "ContainerDefinitions": [{
                "Name": "orgbase",
                "Image": { "Ref": "ImageUri" },
                "Essential": true,
                "Command": [
                    "drift", "-f", "/baseline", "--refresh", "central", "--run-dir", "/tmp/run", "--report", "/tmp/report",
                ],
                "Environment": [{ "Name": "AWS_REGION", "Value": { "Ref": "AWS::Region" } }],
                "LogConfiguration": { "LogDriver": "awslogs", "Options": log },
            }],
        },
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn every_schedule_runs_drift_with_nothing_left_to_fill_in() {
        let text = "version = 1\n[organization]\nhome_region = \"eu-west-1\"\n[password_policy]\nminimum_length = 14\n";
        for kind in KINDS {
            let text = schedule(&mut Baseline::parse("t.toml", text).unwrap(), kind, &[]).unwrap();
            assert!(text.contains("drift"), "{kind}");
            let left: Vec<&str> = text.split("{{").skip(1).filter(|rest| !rest.starts_with(' ')).collect();
            assert!(left.is_empty(), "{kind}: {left:?}");
        }
        assert!(schedule(&mut Baseline::parse("t.toml", text).unwrap(), "cron", &[]).is_none());
    }

    #[test]
    fn a_path_that_is_no_word_is_not_written() {
        assert_eq!(shell_word("org/baseline.toml"), "org/baseline.toml");
        assert_eq!(shell_word("a b; rm -rf"), "baseline");
    }
}
