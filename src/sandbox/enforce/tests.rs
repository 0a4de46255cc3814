#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};

use super::check;
use crate::sandbox::caller::ROOT_SESSION;
use crate::sandbox::services::lab::{HOME, Lab, MANAGEMENT, MEMBER, OTHER};
use crate::sandbox::world::{Call, Fault, Principal};

fn call(account: &str, service: &str, operation: &str, input: Value) -> Call {
    let role = Principal::Role { role: "OrganizationAccountAccessRole".into(), session: "run".into() };
    let principal = if account == MANAGEMENT { Principal::Management } else { role };
    Call {
        service: service.into(),
        operation: operation.into(),
        account: account.into(),
        region: HOME.into(),
        principal,
        input,
        now: 1_800_000_000.0,
    }
}

/// An organization with one SCP of these statements on the root.
fn with_scp(statements: &Value) -> Lab {
    let mut lab = Lab::organized();
    let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    let policy = lab.policy("test", "SERVICE_CONTROL_POLICY", &text);
    let root = lab.root();
    lab.attach(&policy, &root);
    lab
}

fn deny(action: &str) -> Value {
    json!({"Effect": "Deny", "Action": action, "Resource": "*"})
}

fn refused(lab: &Lab, call: &Call) -> Fault {
    check(&lab.world, call).unwrap_err()
}

#[test]
fn a_deny_on_the_path_denies_members_and_never_the_management_account() {
    let lab = with_scp(&json!([deny("iam:UpdateAccountPasswordPolicy")]));
    let fault = refused(&lab, &call(MEMBER, "iam", "UpdateAccountPasswordPolicy", json!({})));
    assert_eq!((fault.code.as_str(), fault.status), ("AccessDenied", Some(403)));
    assert_eq!(
        fault.message,
        "User: arn:aws:sts::222222222222:assumed-role/OrganizationAccountAccessRole/run is not authorized to \
         perform: iam:UpdateAccountPasswordPolicy on resource: * with an explicit deny in a service control policy"
    );
    check(&lab.world, &call(MEMBER, "iam", "GetAccountPasswordPolicy", json!({}))).unwrap();
    check(&lab.world, &call(MANAGEMENT, "iam", "UpdateAccountPasswordPolicy", json!({}))).unwrap();
}

#[test]
fn every_level_must_allow() {
    let mut lab = Lab::organized();
    let root = lab.root();
    let unit = lab.unit(&root, "Narrow");
    let only = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]});
    let policy = lab.policy("only-s3", "SERVICE_CONTROL_POLICY", &only.to_string());
    lab.attach(&policy, &unit);
    lab.ok("organizations", "DetachPolicy", json!({"PolicyId": "p-FullAWSAccess", "TargetId": unit}));
    lab.ok(
        "organizations",
        "MoveAccount",
        json!({"AccountId": MEMBER, "SourceParentId": root, "DestinationParentId": unit}),
    );
    check(&lab.world, &call(MEMBER, "s3", "ListBuckets", json!({}))).unwrap();
    let fault = refused(&lab, &call(MEMBER, "sns", "CreateTopic", json!({"Name": "t"})));
    assert!(fault.message.contains("because no service control policy allows the "), "{}", fault.message);
    check(&lab.world, &call(OTHER, "sns", "CreateTopic", json!({"Name": "t"}))).unwrap();
    // Identity of the caller is always told.
    check(&lab.world, &call(MEMBER, "sts", "GetCallerIdentity", json!({}))).unwrap();
    lab.ok(
        "organizations",
        "DisablePolicyType",
        json!({"RootId": root, "PolicyType": "SERVICE_CONTROL_POLICY"}),
    );
    check(&lab.world, &call(MEMBER, "sns", "CreateTopic", json!({"Name": "t"}))).unwrap();
}

#[test]
fn operations_have_the_actions_of_iam() {
    let cases = [
        ("s3control", "PutPublicAccessBlock", "s3:PutAccountPublicAccessBlock"),
        ("s3", "PutPublicAccessBlock", "s3:PutBucketPublicAccessBlock"),
        ("s3", "PutBucketLifecycleConfiguration", "s3:PutLifecycleConfiguration"),
        ("s3", "PutBucketEncryption", "s3:PutEncryptionConfiguration"),
        ("s3", "HeadBucket", "s3:ListBucket"),
        ("accessanalyzer", "CreateAnalyzer", "access-analyzer:CreateAnalyzer"),
        ("service-quotas", "AssociateServiceQuotaTemplate", "servicequotas:AssociateServiceQuotaTemplate"),
        ("logs", "PutRetentionPolicy", "logs:PutRetentionPolicy"),
    ];
    for (service, operation, action) in cases {
        let lab = with_scp(&json!([deny(action)]));
        let fault = refused(&lab, &call(MEMBER, service, operation, json!({})));
        assert!(fault.message.contains(&format!("perform: {action} on")), "{}", fault.message);
        let other = with_scp(&json!([deny("ec2:RunInstances")]));
        check(&other.world, &call(MEMBER, service, operation, json!({}))).unwrap();
    }
}

#[test]
fn exempt_roles_walk_through_by_their_role_arn() {
    let lab = with_scp(&json!([{"Effect": "Deny", "Action": "cloudtrail:*", "Resource": "*", "Condition": {
        "ArnNotLike": {"aws:PrincipalArn": ["arn:aws:iam::*:role/ops/*", "arn:aws:iam::*:role/OrganizationAccountAccessRole"]}}}]));
    let stop = call(MEMBER, "cloudtrail", "StopLogging", json!({"Name": "t"}));
    check(&lab.world, &stop).unwrap();
    let other = Principal::Role { role: "Developer".into(), session: "jane".into() };
    let fault = refused(&lab, &Call { principal: other, ..stop });
    assert_eq!(fault.code, "AccessDeniedException");
    assert!(fault.message.contains("arn:aws:cloudtrail:eu-west-1:222222222222:trail/t"), "{}", fault.message);
}

#[test]
fn regions_are_those_of_the_endpoint() {
    let lab = with_scp(&json!([{"Effect": "Deny", "NotAction": ["sts:*"], "Resource": "*",
        "Condition": {"StringNotEquals": {"aws:RequestedRegion": ["eu-west-1", "us-east-1"]}}}]));
    let mut logs = call(MEMBER, "logs", "CreateLogGroup", json!({"logGroupName": "g"}));
    check(&lab.world, &logs).unwrap();
    logs.region = "ap-south-1".into();
    refused(&lab, &logs);
    // IAM is in us-east-1 whatever the caller signs for.
    let mut iam = call(MEMBER, "iam", "ListRoles", json!({}));
    iam.region = "ap-south-1".into();
    check(&lab.world, &iam).unwrap();
}

#[test]
fn a_root_deny_spares_assume_root_and_its_task_binds_it() {
    let lab = with_scp(&json!([{"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {
        "ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:root"}, "Null": {"aws:AssumedRoot": "true"}}}]));
    let task = Principal::Role { role: ROOT_SESSION.into(), session: "IAMAuditRootUserCredentials".into() };
    let audit = Call { principal: task.clone(), ..call(MEMBER, "iam", "ListAccessKeys", json!({})) };
    check(&lab.world, &audit).unwrap();
    let beyond = Call { principal: task, ..call(MEMBER, "iam", "CreateUser", json!({"UserName": "x"})) };
    assert!(refused(&lab, &beyond).message.contains("no session policy allows"));
}

#[test]
fn resources_are_named_as_policies_name_them() {
    let cases = [
        ("iam", "DeleteRole", json!({"RoleName": "orgbase-x"}), "arn:aws:iam::*:role/orgbase-*"),
        ("s3", "DeleteObject", json!({"Bucket": "orgbase-log", "Key": "a/b"}), "arn:aws:s3:::orgbase-*/*"),
        ("s3", "PutBucketPolicy", json!({"Bucket": "orgbase-log"}), "arn:aws:s3:::orgbase-*"),
        (
            "logs",
            "DeleteLogGroup",
            json!({"logGroupName": "orgbase-trail"}),
            "arn:aws:logs:*:*:log-group:orgbase-*",
        ),
        ("sns", "CreateTopic", json!({"Name": "orgbase-alarms"}), "arn:aws:sns:*:*:orgbase*"),
        (
            "cloudwatch",
            "DeleteAlarms",
            json!({"AlarmNames": ["orgbase-1"]}),
            "arn:aws:cloudwatch:*:*:alarm:orgbase*",
        ),
    ];
    for (service, operation, input, resource) in cases {
        let statement = json!([{"Effect": "Deny", "Action": "*", "Resource": resource}]);
        let lab = with_scp(&statement);
        refused(&lab, &call(MEMBER, service, operation, input.clone()));
        let foreign = input.to_string().replace("orgbase", "foreign");
        check(&lab.world, &call(MEMBER, service, operation, serde_json::from_str(&foreign).unwrap()))
            .unwrap();
    }
}

#[test]
fn keys_are_known_by_their_aliases() {
    let lab = with_scp(&json!([{"Effect": "Deny", "Action": "kms:ScheduleKeyDeletion", "Resource": "*",
        "Condition": {"ForAnyValue:StringEquals": {"kms:ResourceAliases": ["alias/orgbase-log"]}}}]));
    let mut lab = lab;
    lab.at(MEMBER, HOME);
    let made = lab.ok("kms", "CreateKey", json!({}));
    let id = made["KeyMetadata"]["KeyId"].clone();
    let delete = call(MEMBER, "kms", "ScheduleKeyDeletion", json!({ "KeyId": id }));
    check(&lab.world, &delete).unwrap();
    lab.ok("kms", "CreateAlias", json!({"AliasName": "alias/orgbase-log", "TargetKeyId": id}));
    refused(&lab, &delete);
}
