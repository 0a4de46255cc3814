#![expect(clippy::unwrap_used, reason = "tests")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::ensure_service_linked_role;
use crate::sandbox::services::lab::{Lab, MANAGEMENT, MEMBER, OTHER};

const ALLOW: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;

fn trust(principal: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}]})
    .to_string()
}

fn role(name: &str) -> Value {
    json!({"RoleName": name, "AssumeRolePolicyDocument": trust(&json!({"AWS": MANAGEMENT}))})
}

#[test]
fn the_password_policy_is_replaced_as_a_whole() {
    let mut lab = Lab::organized();
    lab.table(
        "iam",
        &[
            ("GetAccountPasswordPolicy", json!({}), "NoSuchEntity"),
            ("DeleteAccountPasswordPolicy", json!({}), "NoSuchEntity"),
            ("UpdateAccountPasswordPolicy", json!({"MinimumPasswordLength": 5}), "ValidationError"),
            ("UpdateAccountPasswordPolicy", json!({"MinimumPasswordLength": 129}), "ValidationError"),
            ("UpdateAccountPasswordPolicy", json!({"MaxPasswordAge": 1096}), "ValidationError"),
            ("UpdateAccountPasswordPolicy", json!({"PasswordReusePrevention": 25}), "ValidationError"),
        ],
    );
    let fault = lab.fails("iam", "GetAccountPasswordPolicy", json!({}));
    assert_eq!(fault.status, Some(404));
    assert_eq!(fault.message, format!("The Password Policy with domain name {MANAGEMENT} cannot be found."));
    lab.ok(
        "iam",
        "UpdateAccountPasswordPolicy",
        json!({"MinimumPasswordLength": 14, "RequireSymbols": true,
        "AllowUsersToChangePassword": true, "MaxPasswordAge": 90, "PasswordReusePrevention": 24}),
    );
    let full = lab.ok("iam", "GetAccountPasswordPolicy", json!({}));
    assert_eq!(
        full["PasswordPolicy"],
        json!({"MinimumPasswordLength": 14, "RequireSymbols": true,
        "RequireNumbers": false, "RequireUppercaseCharacters": false, "RequireLowercaseCharacters": false,
        "AllowUsersToChangePassword": true, "ExpirePasswords": true, "MaxPasswordAge": 90,
        "PasswordReusePrevention": 24})
    );
    lab.ok("iam", "UpdateAccountPasswordPolicy", json!({"RequireNumbers": true}));
    let less = lab.ok("iam", "GetAccountPasswordPolicy", json!({}));
    assert_eq!(
        less["PasswordPolicy"],
        json!({"MinimumPasswordLength": 6, "RequireSymbols": false,
        "RequireNumbers": true, "RequireUppercaseCharacters": false, "RequireLowercaseCharacters": false,
        "AllowUsersToChangePassword": false, "ExpirePasswords": false})
    );
    lab.account = MEMBER.into();
    lab.table("iam", &[("GetAccountPasswordPolicy", json!({}), "NoSuchEntity")]);
}

#[test]
fn roles_live_and_die_by_aws_s_rules() {
    let mut lab = Lab::organized();
    let made = lab.ok("iam", "CreateRole", role("Ops"));
    assert_eq!(made["Role"]["Arn"], format!("arn:aws:iam::{MANAGEMENT}:role/Ops"));
    assert!(made["Role"]["RoleId"].as_str().unwrap().starts_with("AROA"));
    assert!(made["Role"]["AssumeRolePolicyDocument"].as_str().unwrap().starts_with("%7B%22Version%22"));
    let admin = "arn:aws:iam::aws:policy/AdministratorAccess";
    lab.ok("iam", "AttachRolePolicy", json!({"RoleName": "Ops", "PolicyArn": admin}));
    lab.ok("iam", "PutRolePolicy", json!({"RoleName": "Ops", "PolicyName": "in", "PolicyDocument": ALLOW}));
    let nobody = trust(&json!({"AWS": format!("arn:aws:iam::{MEMBER}:role/Nobody")}));
    let long = trust(&json!({"AWS": vec![MANAGEMENT; 200]}));
    let with_trust = |text: &str| json!({"RoleName": "New", "AssumeRolePolicyDocument": text});
    lab.table(
        "iam",
        &[
            ("CreateRole", role("OPS"), "EntityAlreadyExists"),
            ("CreateRole", with_trust("{"), "MalformedPolicyDocument"),
            ("CreateRole", with_trust(ALLOW), "MalformedPolicyDocument"),
            ("CreateRole", with_trust(&nobody), "MalformedPolicyDocument"),
            ("CreateRole", with_trust(&long), "LimitExceeded"),
            ("GetRole", json!({"RoleName": "None"}), "NoSuchEntity"),
            ("UpdateRole", json!({"RoleName": "None"}), "NoSuchEntity"),
            ("DeleteRole", json!({"RoleName": "Ops"}), "DeleteConflict"),
            (
                "AttachRolePolicy",
                json!({"RoleName": "Ops", "PolicyArn": "arn:aws:iam::111111111111:policy/none"}),
                "NoSuchEntity",
            ),
            (
                "DetachRolePolicy",
                json!({"RoleName": "Ops", "PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}),
                "NoSuchEntity",
            ),
            (
                "PutRolePolicy",
                json!({"RoleName": "Ops", "PolicyName": "x", "PolicyDocument": "{"}),
                "MalformedPolicyDocument",
            ),
            (
                "PutRolePolicy",
                json!({"RoleName": "Ops", "PolicyName": "x",
            "PolicyDocument": ALLOW.replace("s3:*", &"s".repeat(10_240))}),
                "LimitExceeded",
            ),
            ("GetRolePolicy", json!({"RoleName": "Ops", "PolicyName": "none"}), "NoSuchEntity"),
            ("DeleteRolePolicy", json!({"RoleName": "Ops", "PolicyName": "none"}), "NoSuchEntity"),
            ("DeleteRolePermissionsBoundary", json!({"RoleName": "Ops"}), "NoSuchEntity"),
            (
                "UpdateAssumeRolePolicy",
                json!({"RoleName": "Ops", "PolicyDocument": "[]"}),
                "MalformedPolicyDocument",
            ),
        ],
    );
    lab.ok("iam", "TagRole", json!({"RoleName": "Ops", "Tags": [{"Key": "a", "Value": "b"}]}));
    lab.ok("iam", "PutRolePermissionsBoundary", json!({"RoleName": "Ops", "PermissionsBoundary": admin}));
    let shown = lab.ok("iam", "GetRole", json!({"RoleName": "Ops"}));
    assert_eq!(shown["Role"]["Tags"], json!([{"Key": "a", "Value": "b"}]));
    assert_eq!(shown["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"], admin);
    let attached = lab.ok("iam", "ListAttachedRolePolicies", json!({"RoleName": "Ops"}));
    assert_eq!(
        attached["AttachedPolicies"],
        json!([{"PolicyName": "AdministratorAccess", "PolicyArn": admin}])
    );
    lab.ok("iam", "DetachRolePolicy", json!({"RoleName": "Ops", "PolicyArn": admin}));
    lab.table("iam", &[("DeleteRole", json!({"RoleName": "Ops"}), "DeleteConflict")]);
    lab.ok("iam", "DeleteRolePolicy", json!({"RoleName": "Ops", "PolicyName": "in"}));
    lab.ok("iam", "DeleteRole", json!({"RoleName": "Ops"}));
    assert_eq!(lab.ok("iam", "ListRoles", json!({}))["Roles"], json!([]));
}

#[test]
fn service_linked_roles_belong_to_aws() {
    let mut lab = Lab::organized();
    let ask = json!({"AWSServiceName": "guardduty.amazonaws.com"});
    let made = lab.ok("iam", "CreateServiceLinkedRole", ask.clone());
    assert_eq!(made["Role"]["RoleName"], "AWSServiceRoleForAmazonGuardDuty");
    assert_eq!(made["Role"]["Path"], "/aws-service-role/guardduty.amazonaws.com/");
    let name = json!({"RoleName": "AWSServiceRoleForAmazonGuardDuty"});
    lab.table(
        "iam",
        &[
            ("CreateServiceLinkedRole", ask, "InvalidInput"),
            ("CreateServiceLinkedRole", json!({"AWSServiceName": "nonsense"}), "InvalidInput"),
            ("DeleteRole", name.clone(), "UnmodifiableEntity"),
            ("UpdateRole", name, "UnmodifiableEntity"),
        ],
    );
    let count = lab.world.iam[MANAGEMENT].roles.len();
    ensure_service_linked_role(&mut lab.world, MANAGEMENT, "guardduty.amazonaws.com", 0.0);
    assert_eq!(lab.world.iam[MANAGEMENT].roles.len(), count);
}

#[test]
fn managed_policies_have_versions_and_holders() {
    let mut lab = Lab::organized();
    let create = json!({"PolicyName": "p", "PolicyDocument": ALLOW});
    let made = lab.ok("iam", "CreatePolicy", create.clone());
    let arn = made["Policy"]["Arn"].clone();
    assert_eq!(arn, format!("arn:aws:iam::{MANAGEMENT}:policy/p"));
    for _ in 0..4 {
        lab.ok(
            "iam",
            "CreatePolicyVersion",
            json!({"PolicyArn": arn, "PolicyDocument": ALLOW, "SetAsDefault": true}),
        );
    }
    lab.table(
        "iam",
        &[
            ("CreatePolicy", create, "EntityAlreadyExists"),
            ("CreatePolicy", json!({"PolicyName": "q", "PolicyDocument": "{}"}), "MalformedPolicyDocument"),
            ("CreatePolicyVersion", json!({"PolicyArn": arn, "PolicyDocument": ALLOW}), "LimitExceeded"),
            (
                "CreatePolicyVersion",
                json!({"PolicyArn": "arn:aws:iam::111111111111:policy/none", "PolicyDocument": ALLOW}),
                "NoSuchEntity",
            ),
            ("GetPolicy", json!({"PolicyArn": "arn:aws:iam::111111111111:policy/none"}), "NoSuchEntity"),
            ("GetPolicyVersion", json!({"PolicyArn": arn, "VersionId": "v9"}), "NoSuchEntity"),
        ],
    );
    assert_eq!(lab.ok("iam", "GetPolicy", json!({"PolicyArn": arn}))["Policy"]["DefaultVersionId"], "v5");
    let version = lab.ok("iam", "GetPolicyVersion", json!({"PolicyArn": arn, "VersionId": "v1"}));
    assert_eq!(version["PolicyVersion"]["IsDefaultVersion"], false);
    assert!(
        lab.ok("iam", "ListPolicies", json!({"OnlyAttached": true}))["Policies"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    lab.ok("iam", "CreateRole", role("Support"));
    let support = "arn:aws:iam::aws:policy/AWSSupportAccess";
    lab.ok("iam", "AttachRolePolicy", json!({"RoleName": "Support", "PolicyArn": support}));
    let entities = lab.ok("iam", "ListEntitiesForPolicy", json!({"PolicyArn": support}));
    assert_eq!(entities["PolicyRoles"][0]["RoleName"], "Support");
    let local = lab.ok("iam", "ListPolicies", json!({"Scope": "Local"}));
    assert_eq!(local["Policies"].as_array().unwrap().len(), 1);
    let attached = lab.ok("iam", "ListPolicies", json!({"OnlyAttached": true, "Scope": "AWS"}));
    assert_eq!(attached["Policies"][0]["AttachmentCount"], 1);
}

#[test]
fn users_have_keys_passwords_and_a_line_in_the_report() {
    let mut lab = Lab::organized();
    lab.ok("iam", "CreateUser", json!({"UserName": "jane"}));
    let key = lab.ok("iam", "CreateAccessKey", json!({"UserName": "jane"}));
    lab.ok("iam", "CreateAccessKey", json!({"UserName": "jane"}));
    let first = key["AccessKey"]["AccessKeyId"].clone();
    lab.table(
        "iam",
        &[
            ("CreateUser", json!({"UserName": "JANE"}), "EntityAlreadyExists"),
            ("CreateAccessKey", json!({"UserName": "jane"}), "LimitExceeded"),
            ("CreateAccessKey", json!({"UserName": "john"}), "NoSuchEntity"),
            (
                "UpdateAccessKey",
                json!({"UserName": "jane", "AccessKeyId": "AKIANONE", "Status": "Inactive"}),
                "NoSuchEntity",
            ),
            ("DeleteAccessKey", json!({"UserName": "jane", "AccessKeyId": "AKIANONE"}), "NoSuchEntity"),
            (
                "CreateLoginProfile",
                json!({"UserName": "jane", "Password": "short"}),
                "PasswordPolicyViolation",
            ),
            ("DeleteLoginProfile", json!({"UserName": "jane"}), "NoSuchEntity"),
            ("AddUserToGroup", json!({"UserName": "jane", "GroupName": "none"}), "NoSuchEntity"),
            ("GetCredentialReport", json!({}), "ReportNotPresent"),
            ("GetServiceLastAccessedDetails", json!({"JobId": "none"}), "NoSuchEntity"),
        ],
    );
    lab.ok("iam", "UpdateAccessKey", json!({"UserName": "jane", "AccessKeyId": first, "Status": "Inactive"}));
    lab.fails("iam", "GetLoginProfile", json!({"UserName": "jane"}));
    lab.ok("iam", "CreateLoginProfile", json!({"UserName": "jane", "Password": "Correct-horse-1"}));
    let profile = lab.ok("iam", "GetLoginProfile", json!({"UserName": "jane"}));
    assert_eq!(profile["LoginProfile"]["UserName"], "jane");
    assert_eq!(lab.ok("iam", "GenerateCredentialReport", json!({}))["State"], "STARTED");
    lab.table("iam", &[("GetCredentialReport", json!({}), "ReportInProgress")]);
    assert_eq!(lab.ok("iam", "GenerateCredentialReport", json!({}))["State"], "COMPLETE");
    let report = lab.ok("iam", "GetCredentialReport", json!({}));
    let csv = String::from_utf8(STANDARD.decode(report["Content"].as_str().unwrap()).unwrap()).unwrap();
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.iter().map(Vec::len).collect::<Vec<_>>(), [22, 22, 22]);
    let column = |name: &str| rows[0].iter().position(|c| *c == name).unwrap();
    assert_eq!(rows[1][0], "<root_account>");
    assert_eq!(rows[2][column("password_enabled")], "true");
    assert_eq!(rows[2][column("mfa_active")], "false");
    assert_eq!(rows[2][column("access_key_1_active")], "false");
    assert_eq!(rows[2][column("access_key_2_active")], "true");
    lab.now += 5.0 * 3_600.0;
    lab.table("iam", &[("GetCredentialReport", json!({}), "ReportExpired")]);
    assert_eq!(lab.ok("iam", "GetAccountSummary", json!({}))["SummaryMap"]["Users"], 1);
}

#[test]
fn aliases_are_unique_over_all_accounts() {
    let mut lab = Lab::organized();
    lab.ok("iam", "CreateAccountAlias", json!({"AccountAlias": "acme"}));
    lab.account = MEMBER.into();
    lab.table(
        "iam",
        &[
            ("CreateAccountAlias", json!({"AccountAlias": "acme"}), "EntityAlreadyExists"),
            ("DeleteAccountAlias", json!({"AccountAlias": "acme"}), "NoSuchEntity"),
        ],
    );
    lab.ok("iam", "CreateAccountAlias", json!({"AccountAlias": "acme-two"}));
    lab.ok("iam", "CreateAccountAlias", json!({"AccountAlias": "acme-three"}));
    assert_eq!(lab.ok("iam", "ListAccountAliases", json!({}))["AccountAliases"], json!(["acme-three"]));
}

#[test]
fn central_root_access_is_the_management_account_s() {
    let mut lab = Lab::organized();
    lab.ok("organizations", "EnableAWSServiceAccess", json!({"ServicePrincipal": "iam.amazonaws.com"}));
    let on = lab.ok("iam", "EnableOrganizationsRootCredentialsManagement", json!({}));
    assert_eq!(
        on,
        json!({"OrganizationId": "o-a1b2c3d4e5", "EnabledFeatures": ["RootCredentialsManagement"]})
    );
    lab.ok(
        "organizations",
        "RegisterDelegatedAdministrator",
        json!({"AccountId": MEMBER, "ServicePrincipal": "iam.amazonaws.com"}),
    );
    lab.account = MEMBER.into();
    assert_eq!(lab.ok("iam", "ListOrganizationsFeatures", json!({})), on);
    lab.table(
        "iam",
        &[("EnableOrganizationsRootSessions", json!({}), "CallerIsNotManagementAccountException")],
    );
    lab.account = OTHER.into();
    lab.table(
        "iam",
        &[("ListOrganizationsFeatures", json!({}), "AccountNotManagementOrDelegatedAdministratorException")],
    );
    lab.account = MANAGEMENT.into();
    lab.ok("iam", "DisableOrganizationsRootCredentialsManagement", json!({}));
    assert_eq!(lab.ok("iam", "ListOrganizationsFeatures", json!({}))["EnabledFeatures"], json!([]));
}

#[test]
fn providers_can_be_listed_and_refused() {
    let mut lab = Lab::organized();
    let oidc = json!({"Url": "https://token.example.com", "ClientIDList": ["sts.amazonaws.com"]});
    let made = lab.ok("iam", "CreateOpenIDConnectProvider", oidc.clone());
    assert_eq!(
        made["OpenIDConnectProviderArn"],
        format!("arn:aws:iam::{MANAGEMENT}:oidc-provider/token.example.com")
    );
    let saml = json!({"Name": "idp", "SAMLMetadataDocument": "x"});
    lab.ok("iam", "CreateSAMLProvider", saml.clone());
    assert_eq!(
        lab.ok("iam", "ListSAMLProviders", json!({}))["SAMLProviderList"].as_array().unwrap().len(),
        1
    );
    lab.table(
        "iam",
        &[
            ("CreateOpenIDConnectProvider", oidc, "EntityAlreadyExists"),
            ("CreateSAMLProvider", saml, "EntityAlreadyExists"),
            (
                "DeleteSAMLProvider",
                json!({"SAMLProviderArn": "arn:aws:iam::111111111111:saml-provider/no"}),
                "NoSuchEntity",
            ),
            ("DeleteServerCertificate", json!({"ServerCertificateName": "none"}), "NoSuchEntity"),
        ],
    );
}

#[test]
fn onlookers_see_groups_and_tags() {
    let mut lab = Lab::organized();
    lab.ok("iam", "CreateGroup", json!({"GroupName": "admins"}));
    lab.ok("iam", "CreateUser", json!({"UserName": "kim", "Tags": [{"Key": "team", "Value": "ops"}]}));
    lab.ok("iam", "AddUserToGroup", json!({"GroupName": "admins", "UserName": "kim"}));
    lab.ok(
        "iam",
        "AttachGroupPolicy",
        json!({"GroupName": "admins", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}),
    );
    lab.ok("iam", "CreateRole", role("Ops"));
    let policy = lab.ok("iam", "CreatePolicy", json!({"PolicyName": "p", "PolicyDocument": ALLOW}));
    let shown = lab.ok("iam", "ListGroups", json!({}));
    assert_eq!(shown["Groups"][0]["Arn"], format!("arn:aws:iam::{MANAGEMENT}:group/admins"));
    assert_eq!(lab.ok("iam", "GetGroup", json!({"GroupName": "admins"}))["Users"][0]["UserName"], "kim");
    let of_user = lab.ok("iam", "ListGroupsForUser", json!({"UserName": "kim"}));
    assert_eq!(of_user["Groups"], shown["Groups"]);
    let attached = lab.ok("iam", "ListAttachedGroupPolicies", json!({"GroupName": "admins"}));
    assert_eq!(attached["AttachedPolicies"][0]["PolicyName"], "AdministratorAccess");
    assert_eq!(lab.ok("iam", "ListGroupPolicies", json!({"GroupName": "admins"}))["PolicyNames"], json!([]));
    let tags = lab.ok("iam", "ListUserTags", json!({"UserName": "kim"}));
    assert_eq!(tags["Tags"], json!([{"Key": "team", "Value": "ops"}]));
    assert_eq!(lab.ok("iam", "ListRoleTags", json!({"RoleName": "Ops"}))["Tags"], json!([]));
    let arn = policy["Policy"]["Arn"].clone();
    assert_eq!(lab.ok("iam", "ListPolicyTags", json!({"PolicyArn": arn}))["Tags"], json!([]));
    lab.table(
        "iam",
        &[
            ("GetGroup", json!({"GroupName": "none"}), "NoSuchEntity"),
            ("ListGroupPolicies", json!({"GroupName": "none"}), "NoSuchEntity"),
            ("ListUserTags", json!({"UserName": "none"}), "NoSuchEntity"),
            ("ListPolicyTags", json!({"PolicyArn": "arn:aws:iam::111111111111:policy/none"}), "NoSuchEntity"),
        ],
    );
}
