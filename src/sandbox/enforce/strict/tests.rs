//! Who may do what, with AWS's words where it may not.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};

use super::*;
use crate::sandbox::enforce;
use crate::sandbox::services::lab::{HOME, Lab, MANAGEMENT, MEMBER, OTHER};

const ROLE: &str = "Worker";

/// A lab whose member has a role with these inline statements.
fn lab(statements: &Value) -> Lab {
    let mut lab = Lab::with_organization();
    lab.at(MEMBER, HOME);
    let trust = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": MANAGEMENT}, "Action": "sts:AssumeRole"}]});
    lab.ok("iam", "CreateRole", json!({"RoleName": ROLE, "AssumeRolePolicyDocument": trust.to_string()}));
    allow(&mut lab, statements);
    lab
}

fn document(statements: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

fn allow(lab: &mut Lab, statements: &Value) {
    let policy = json!({"RoleName": ROLE, "PolicyName": "p", "PolicyDocument": document(statements)});
    lab.ok("iam", "PutRolePolicy", policy);
}

fn call(account: &str, principal: Principal, service: &str, operation: &str, input: Value) -> Call {
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

fn worker() -> Principal {
    Principal::Role { role: ROLE.into(), session: "s".into() }
}

/// The reason of the refusal, without who and what; `None` where it is allowed.
fn refusal(lab: &Lab, call: &Call, session: Option<&str>) -> Option<String> {
    let checked =
        enforce::check(&lab.world, call).and_then(|()| Strict::default().check(&lab.world, call, session));
    let message = checked.err()?.message;
    let at = message.find("because no").or_else(|| message.find("with an explicit")).unwrap();
    Some(message[at..].to_owned())
}

fn of_worker(lab: &Lab, service: &str, operation: &str, input: Value) -> Option<String> {
    refusal(lab, &call(MEMBER, worker(), service, operation, input), None)
}

#[test]
fn an_identity_policy_allows_and_denies() {
    let lab = lab(&json!([
        {"Effect": "Allow", "Action": ["iam:Get*", "iam:List*"], "Resource": "*"},
        {"Effect": "Deny", "Action": "iam:GetAccountSummary", "Resource": "*"},
    ]));
    assert_eq!(of_worker(&lab, "iam", "ListRoles", json!({})), None);
    assert_eq!(
        of_worker(&lab, "iam", "DeleteAccountAlias", json!({"AccountAlias": "x"})).unwrap(),
        "because no identity-based policy allows the iam:DeleteAccountAlias action"
    );
    assert_eq!(
        of_worker(&lab, "iam", "GetAccountSummary", json!({})).unwrap(),
        "with an explicit deny in an identity-based policy"
    );
    // "No permissions are required", not even where nothing is allowed.
    assert_eq!(of_worker(&lab, "sts", "GetCallerIdentity", json!({})), None);
}

#[test]
fn boundaries_and_session_policies_bound() {
    let mut lab = lab(&json!([{"Effect": "Allow", "Action": "*", "Resource": "*"}]));
    let reads = document(&json!([{"Effect": "Allow", "Action": "iam:List*", "Resource": "*"}]));
    let list = call(MEMBER, worker(), "iam", "ListRoles", json!({}));
    let write = call(MEMBER, worker(), "iam", "DeleteAccountAlias", json!({"AccountAlias": "x"}));
    assert_eq!(refusal(&lab, &write, None), None);
    assert_eq!(refusal(&lab, &list, Some(&reads)), None);
    assert_eq!(
        refusal(&lab, &write, Some(&reads)).unwrap(),
        "because no session policy allows the iam:DeleteAccountAlias action"
    );
    let made = lab.ok("iam", "CreatePolicy", json!({"PolicyName": "edge", "PolicyDocument": reads}));
    let edge = made["Policy"]["Arn"].clone();
    lab.ok("iam", "PutRolePermissionsBoundary", json!({"RoleName": ROLE, "PermissionsBoundary": edge}));
    assert_eq!(refusal(&lab, &list, None), None);
    assert_eq!(
        refusal(&lab, &write, None).unwrap(),
        "because no permissions boundary allows the iam:DeleteAccountAlias action"
    );
}

#[test]
fn users_have_their_groups_policies() {
    let mut lab = Lab::with_organization();
    lab.at(MANAGEMENT, HOME);
    lab.ok("iam", "CreateUser", json!({"UserName": "ann"}));
    lab.ok("iam", "CreateGroup", json!({"GroupName": "readers"}));
    lab.ok("iam", "AddUserToGroup", json!({"GroupName": "readers", "UserName": "ann"}));
    let list = call(MANAGEMENT, Principal::User { name: "ann".into() }, "iam", "ListRoles", json!({}));
    assert!(refusal(&lab, &list, None).is_some());
    let arn = "arn:aws:iam::aws:policy/SecurityAudit";
    lab.world
        .iam
        .get_mut(MANAGEMENT)
        .unwrap()
        .groups
        .get_mut("readers")
        .unwrap()
        .grants
        .attached
        .push(arn.into());
    assert_eq!(refusal(&lab, &list, None), None);
}

/// A bucket of OTHER with this policy.
fn bucket(lab: &mut Lab, owner: &str, statement: Option<&Value>) {
    lab.at(owner, HOME);
    let place = json!({"LocationConstraint": HOME});
    if !lab.world.s3.buckets.contains_key("things") {
        lab.ok("s3", "CreateBucket", json!({"Bucket": "things", "CreateBucketConfiguration": place}));
    }
    if let Some(statement) = statement {
        let policy = document(&json!([statement]));
        lab.ok("s3", "PutBucketPolicy", json!({"Bucket": "things", "Policy": policy}));
    }
}

#[test]
fn another_accounts_bucket_needs_both_sides() {
    let mut lab = lab(&json!([{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]));
    bucket(&mut lab, OTHER, None);
    let get = |lab: &Lab| of_worker(lab, "s3", "GetBucketTagging", json!({"Bucket": "things"}));
    assert_eq!(get(&lab).unwrap(), "because no resource-based policy allows the s3:GetBucketTagging action");
    let open = json!({"Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{MEMBER}:root")},
        "Action": "s3:GetBucketTagging", "Resource": "arn:aws:s3:::things"});
    bucket(&mut lab, OTHER, Some(&open));
    assert_eq!(get(&lab), None);
    lab.at(MEMBER, HOME);
    allow(&mut lab, &json!([{"Effect": "Allow", "Action": "iam:*", "Resource": "*"}]));
    assert_eq!(get(&lab).unwrap(), "because no identity-based policy allows the s3:GetBucketTagging action");
}

#[test]
fn a_bucket_policy_grants_and_denies_within_the_account() {
    let mut lab = lab(&json!([{"Effect": "Allow", "Action": "iam:*", "Resource": "*"}]));
    let arn = format!("arn:aws:iam::{MEMBER}:role/{ROLE}");
    let statement = |effect: &str, who: &str| {
        json!({"Effect": effect, "Principal": {"AWS": who}, "Action": "s3:GetBucketTagging",
            "Resource": "arn:aws:s3:::things"})
    };
    bucket(&mut lab, MEMBER, Some(&statement("Allow", &arn)));
    let get = |lab: &Lab| of_worker(lab, "s3", "GetBucketTagging", json!({"Bucket": "things"}));
    assert_eq!(get(&lab), None);
    // The account as principal gives nobody in it anything by itself.
    bucket(&mut lab, MEMBER, Some(&statement("Allow", MEMBER)));
    assert_eq!(get(&lab).unwrap(), "because no identity-based policy allows the s3:GetBucketTagging action");
    lab.at(MEMBER, HOME);
    allow(&mut lab, &json!([{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]));
    bucket(&mut lab, MEMBER, Some(&statement("Deny", &arn)));
    assert_eq!(get(&lab).unwrap(), "with an explicit deny in a resource-based policy");
}

#[test]
fn a_key_is_used_only_where_its_policy_says_so() {
    let mut lab = lab(&json!([{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}]));
    let made = lab.ok("kms", "CreateKey", json!({}));
    let id = made["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned();
    let describe = |lab: &Lab| of_worker(lab, "kms", "DescribeKey", json!({"KeyId": id}));
    assert_eq!(describe(&lab), None);
    let other = json!({"Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{MEMBER}:role/{ROLE}")},
        "Action": "kms:GetKeyPolicy", "Resource": "*"});
    let place = crate::sandbox::world::cell(MEMBER, HOME);
    let key = lab.world.kms.get_mut(&place).unwrap().keys.get_mut(&id).unwrap();
    key.policy = document(&json!([other]));
    assert_eq!(describe(&lab).unwrap(), "because no resource-based policy allows the kms:DescribeKey action");
    // What a key policy gives to the role itself needs no identity policy.
    allow(&mut lab, &json!([{"Effect": "Allow", "Action": "iam:*", "Resource": "*"}]));
    assert_eq!(of_worker(&lab, "kms", "GetKeyPolicy", json!({"KeyId": id})), None);
}

#[test]
fn resource_control_policies_bind_the_resource() {
    let mut lab = lab(&json!([{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]));
    let open =
        json!({"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": ["arn:aws:s3:::things"]});
    bucket(&mut lab, OTHER, None);
    lab.world.s3.buckets.get_mut("things").unwrap().policy = Some(document(&json!([open])));
    let get = |lab: &Lab| of_worker(lab, "s3", "GetBucketTagging", json!({"Bucket": "things"}));
    assert_eq!(get(&lab), None);
    lab.at(MANAGEMENT, HOME);
    let root = lab.world.organizations.organization.as_ref().unwrap().root.clone();
    for account in [MEMBER, OTHER] {
        lab.world.organizations.accounts.get_mut(account).unwrap().parent.clone_from(&root);
    }
    let enable = json!({"RootId": root, "PolicyType": "RESOURCE_CONTROL_POLICY"});
    lab.ok("organizations", "EnablePolicyType", enable);
    assert_eq!(get(&lab), None, "RCPFullAWSAccess allows everything");
    let deny = document(&json!([{"Effect": "Deny", "Principal": "*", "Action": "s3:GetBucketTagging",
        "Resource": "*", "Condition": {"StringNotEquals": {"aws:PrincipalAccount": OTHER}}}]));
    let made = lab.ok(
        "organizations",
        "CreatePolicy",
        json!({"Name": "perimeter", "Description": "", "Content": deny, "Type": "RESOURCE_CONTROL_POLICY"}),
    );
    let policy = made["Policy"]["PolicySummary"]["Id"].clone();
    lab.ok("organizations", "AttachPolicy", json!({"PolicyId": policy, "TargetId": OTHER}));
    assert_eq!(get(&lab).unwrap(), "with an explicit deny in a resource control policy");
}

#[test]
fn what_a_service_does_for_the_caller_needs_rights_too() {
    let tags = json!([{"TagKey": "a", "TagValue": "b"}]);
    let mut lab =
        lab(&json!([{"Effect": "Allow", "Action": ["kms:CreateKey", "guardduty:*"], "Resource": "*"}]));
    assert_eq!(of_worker(&lab, "kms", "CreateKey", json!({})), None);
    assert!(of_worker(&lab, "kms", "CreateKey", json!({"Tags": tags})).unwrap().contains("kms:TagResource"));
    let detector = json!({"Enable": true});
    let reason = of_worker(&lab, "guardduty", "CreateDetector", detector.clone()).unwrap();
    assert!(reason.contains("iam:CreateServiceLinkedRole"), "{reason}");
    allow(
        &mut lab,
        &json!([
            {"Effect": "Allow", "Action": "guardduty:*", "Resource": "*"},
            {"Effect": "Allow", "Action": "iam:CreateServiceLinkedRole", "Resource": "arn:aws:iam::*:role/aws-service-role/*",
                "Condition": {"StringEquals": {"iam:AWSServiceName": "guardduty.amazonaws.com"}}},
        ]),
    );
    assert_eq!(of_worker(&lab, "guardduty", "CreateDetector", detector), None);
    let recorder =
        json!({"ConfigurationRecorder": {"name": "r", "roleARN": format!("arn:aws:iam::{MEMBER}:role/x")}});
    allow(&mut lab, &json!([{"Effect": "Allow", "Action": "config:*", "Resource": "*"}]));
    let reason = of_worker(&lab, "config", "PutConfigurationRecorder", recorder).unwrap();
    assert!(reason.contains("iam:PassRole"), "{reason}");
}

#[test]
fn assuming_a_role_takes_both_sides() {
    let mut lab = lab(&json!([{"Effect": "Allow", "Action": "iam:*", "Resource": "*"}]));
    lab.at(MANAGEMENT, HOME);
    lab.ok("iam", "CreateUser", json!({"UserName": "ann"}));
    let arn = format!("arn:aws:iam::{MEMBER}:role/{ROLE}");
    let input = json!({"RoleArn": arn, "RoleSessionName": "s"});
    let assume = call(MANAGEMENT, Principal::User { name: "ann".into() }, "sts", "AssumeRole", input.clone());
    assert_eq!(
        refusal(&lab, &assume, None).unwrap(),
        "because no identity-based policy allows the sts:AssumeRole action"
    );
    assert_eq!(
        refusal(&lab, &call(MANAGEMENT, Principal::Management, "sts", "AssumeRole", input), None),
        None
    );
    // Another account that the trust policy does not name.
    let stranger =
        call(OTHER, worker(), "sts", "AssumeRole", json!({"RoleArn": arn, "RoleSessionName": "s"}));
    lab.at(OTHER, HOME);
    lab.ok(
        "iam",
        "CreateRole",
        json!({"RoleName": ROLE, "AssumeRolePolicyDocument": document(&json!([
        {"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": "sts:AssumeRole"}]))}),
    );
    allow(&mut lab, &json!([{"Effect": "Allow", "Action": "sts:*", "Resource": "*"}]));
    assert_eq!(
        refusal(&lab, &stranger, None).unwrap(),
        "because no resource-based policy allows the sts:AssumeRole action"
    );
}
