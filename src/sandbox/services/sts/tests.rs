#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};

use super::handle;
use crate::sandbox::caller::ROOT_SESSION;
use crate::sandbox::services::lab::{HOME, Lab, MANAGEMENT, MEMBER, OTHER};
use crate::sandbox::session;
use crate::sandbox::world::{Call, Principal};

const ACCESS: &str = "arn:aws:iam::222222222222:role/OrganizationAccountAccessRole";

fn assume(role: &str) -> Value {
    json!({"RoleArn": role, "RoleSessionName": "orgbase"})
}

fn with(mut input: Value, member: &str, value: Value) -> Value {
    input[member] = value;
    input
}

/// A role in the member account with this trust statement.
fn role(lab: &mut Lab, name: &str, statement: &Value) -> String {
    let trust = json!({"Version": "2012-10-17", "Statement": [statement]});
    lab.account = MEMBER.into();
    let input = json!({"RoleName": name, "Path": "/ops/", "AssumeRolePolicyDocument": trust.to_string(),
        "MaxSessionDuration": 7200});
    let made = lab.ok("iam", "CreateRole", input);
    lab.account = MANAGEMENT.into();
    made["Role"]["Arn"].as_str().unwrap().to_owned()
}

#[test]
fn the_access_role_can_be_assumed_and_names_its_session() {
    let mut lab = Lab::organized();
    let reply = lab.ok("sts", "AssumeRole", assume(ACCESS));
    assert_eq!(
        reply["AssumedRoleUser"]["Arn"],
        "arn:aws:sts::222222222222:assumed-role/OrganizationAccountAccessRole/orgbase"
    );
    let key = reply["Credentials"]["AccessKeyId"].as_str().unwrap();
    let token = reply["Credentials"]["SessionToken"].as_str().unwrap();
    let (account, principal) = session::identify(key, Some(token), lab.now).unwrap().unwrap();
    assert_eq!(account, MEMBER);
    let call = Call {
        service: "sts".into(),
        operation: "GetCallerIdentity".into(),
        account,
        region: HOME.into(),
        principal,
        input: json!({}),
        now: lab.now,
    };
    let identity = handle(&mut lab.world, &call).unwrap().unwrap();
    assert_eq!(identity["Arn"], reply["AssumedRoleUser"]["Arn"]);
    assert_eq!(identity["UserId"], "AROA12345678901234567:orgbase");
    assert_eq!(lab.ok("sts", "GetCallerIdentity", json!({}))["Account"], MANAGEMENT);
}

#[test]
fn roles_that_do_not_exist_or_do_not_trust_are_refused() {
    let mut lab = Lab::organized();
    let trusting_other = role(
        &mut lab,
        "ForOther",
        &json!({"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": format!("arn:aws:iam::{OTHER}:root")}}),
    );
    let external = role(
        &mut lab,
        "External",
        &json!({"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": MANAGEMENT}, "Condition": {"StringEquals": {"sts:ExternalId": "secret-7"}}}),
    );
    let strangers = role(
        &mut lab,
        "Strangers",
        &json!({"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": "*"}, "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-zzzzzzzzzz"}}}),
    );
    let members = role(
        &mut lab,
        "Members",
        &json!({"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
        "Principal": {"AWS": "*"}, "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}}),
    );
    lab.ok("sts", "AssumeRole", with(assume(&external), "ExternalId", json!("secret-7")));
    lab.ok("sts", "AssumeRole", with(assume(&members), "SourceIdentity", json!("jane")));
    let denied = "AccessDenied";
    lab.table(
        "sts",
        &[
            ("AssumeRole", assume("arn:aws:iam::222222222222:role/Nothing"), denied),
            ("AssumeRole", assume("arn:aws:iam::999999999999:role/OrganizationAccountAccessRole"), denied),
            // The path is part of the ARN.
            ("AssumeRole", assume("arn:aws:iam::222222222222:role/Members"), denied),
            ("AssumeRole", assume(&trusting_other), denied),
            ("AssumeRole", assume(&external), denied),
            ("AssumeRole", with(assume(&external), "ExternalId", json!("wrong-7")), denied),
            ("AssumeRole", assume(&strangers), denied),
            ("AssumeRole", with(assume(ACCESS), "SourceIdentity", json!("jane")), denied),
            ("AssumeRole", with(assume(ACCESS), "Tags", json!([{"Key": "a", "Value": "b"}])), denied),
            ("AssumeRole", assume("arn:aws:s3:::not-a-role"), "ValidationError"),
            ("AssumeRole", with(assume(ACCESS), "DurationSeconds", json!(3601)), "ValidationError"),
            ("AssumeRole", with(assume(ACCESS), "Policy", json!("{")), "MalformedPolicyDocument"),
        ],
    );
    let fault = lab.fails("sts", "AssumeRole", assume("arn:aws:iam::222222222222:role/Nothing"));
    assert_eq!(fault.status, Some(403));
    assert_eq!(
        fault.message,
        "User: arn:aws:iam::111111111111:user/sandbox is not authorized to perform: sts:AssumeRole on resource: \
         arn:aws:iam::222222222222:role/Nothing"
    );
    lab.ok("sts", "AssumeRole", with(assume(&members), "DurationSeconds", json!(7200)));
    // A role that assumes a role gets one hour at most.
    lab.account = OTHER.into();
    lab.table(
        "sts",
        &[("AssumeRole", with(assume(&members), "DurationSeconds", json!(7200)), "ValidationError")],
    );
}

#[test]
fn closed_accounts_cannot_be_entered() {
    let mut lab = Lab::organized();
    lab.ok("organizations", "CloseAccount", json!({"AccountId": MEMBER}));
    lab.table("sts", &[("AssumeRole", assume(ACCESS), "AccessDenied")]);
}

#[test]
fn assume_root_needs_the_feature_and_a_task() {
    let mut lab = Lab::organized();
    let ask = |task: &str| {
        json!({"TargetPrincipal": MEMBER,
        "TaskPolicyArn": {"arn": format!("arn:aws:iam::aws:policy/{task}")}})
    };
    let audit = "root-task/IAMAuditRootUserCredentials";
    lab.table("sts", &[("AssumeRoot", ask(audit), "AccessDenied")]);
    lab.table("iam", &[("EnableOrganizationsRootSessions", json!({}), "ServiceAccessNotEnabledException")]);
    lab.ok("organizations", "EnableAWSServiceAccess", json!({"ServicePrincipal": "iam.amazonaws.com"}));
    lab.ok("iam", "EnableOrganizationsRootSessions", json!({}));
    lab.table(
        "sts",
        &[
            ("AssumeRoot", ask("AdministratorAccess"), "ValidationError"),
            ("AssumeRoot", with(ask(audit), "TargetPrincipal", json!(MANAGEMENT)), "AccessDenied"),
            ("AssumeRoot", with(ask(audit), "TargetPrincipal", json!("999999999999")), "AccessDenied"),
        ],
    );
    let reply = lab.ok("sts", "AssumeRoot", ask(audit));
    let (key, token) = (&reply["Credentials"]["AccessKeyId"], &reply["Credentials"]["SessionToken"]);
    let caller = session::identify(key.as_str().unwrap(), token.as_str(), lab.now).unwrap().unwrap();
    let session = "IAMAuditRootUserCredentials".into();
    assert_eq!(caller, (MEMBER.into(), Principal::Role { role: ROOT_SESSION.into(), session }));
}
