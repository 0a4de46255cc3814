//! Policies, delegation, and who may call.

use serde_json::{Value, json};

use super::{SCP, names};
use crate::sandbox::services::lab::{Lab, MANAGEMENT, MEMBER, OTHER};

#[test]
fn policies_follow_aws_s_rules() {
    let mut lab = Lab::organized();
    let root = lab.root();
    let policy = lab.policy("one", "SERVICE_CONTROL_POLICY", SCP);
    let shown = lab.org("DescribePolicy", json!({"PolicyId": policy}));
    assert_eq!(
        shown["Policy"]["PolicySummary"]["Arn"],
        format!("arn:aws:organizations::{MANAGEMENT}:policy/o-a1b2c3d4e5/service_control_policy/{policy}")
    );
    assert_eq!(shown["Policy"]["Content"], SCP);
    lab.attach(&policy, &root);
    let tag_policy = lab.policy("tags", "TAG_POLICY", r#"{"tags":{"a":{"tag_key":{"@@assign":"A"}}}}"#);
    let create = |name: &str, kind: &str, content: &str| json!({"Name": name, "Type": kind, "Description": "", "Content": content});
    let scp = "SERVICE_CONTROL_POLICY";
    let rcp = "RESOURCE_CONTROL_POLICY";
    let principal = SCP.replace("\"Effect\"", "\"Principal\":\"*\",\"Effect\"");
    let malformed = "MalformedPolicyDocumentException";
    lab.table(
        "organizations",
        &[
            ("CreatePolicy", create("one", scp, SCP), "DuplicatePolicyException"),
            ("CreatePolicy", create("FullAWSAccess", scp, SCP), "DuplicatePolicyException"),
            ("CreatePolicy", create("x", scp, "{"), malformed),
            ("CreatePolicy", create("x", scp, "{}"), malformed),
            ("CreatePolicy", create("x", scp, &SCP.replace("2012-10-17", "2008-10-17")), malformed),
            ("CreatePolicy", create("x", scp, &principal), malformed),
            ("CreatePolicy", create("x", scp, &SCP.replace("s3:DeleteBucket", "DeleteBucket")), malformed),
            ("CreatePolicy", create("x", scp, &SCP.replace("Deny", "Refuse")), malformed),
            ("CreatePolicy", create("x", scp, &SCP.replace(r#","Resource":"*""#, "")), malformed),
            ("CreatePolicy", create("x", rcp, SCP), malformed),
            ("CreatePolicy", create("x", "TAG_POLICY", SCP), malformed),
            ("UpdatePolicy", json!({"PolicyId": policy, "Content": "nonsense"}), malformed),
            ("UpdatePolicy", json!({"PolicyId": "p-00000000", "Name": "x"}), "PolicyNotFoundException"),
            ("UpdatePolicy", json!({"PolicyId": "p-FullAWSAccess", "Name": "x"}), "InvalidInputException"),
            ("DeletePolicy", json!({"PolicyId": policy}), "PolicyInUseException"),
            ("DeletePolicy", json!({"PolicyId": "p-FullAWSAccess"}), "InvalidInputException"),
            (
                "AttachPolicy",
                json!({"PolicyId": policy, "TargetId": root}),
                "DuplicatePolicyAttachmentException",
            ),
            ("AttachPolicy", json!({"PolicyId": "p-00000000", "TargetId": root}), "PolicyNotFoundException"),
            (
                "AttachPolicy",
                json!({"PolicyId": policy, "TargetId": "999999999999"}),
                "TargetNotFoundException",
            ),
            (
                "AttachPolicy",
                json!({"PolicyId": tag_policy, "TargetId": root}),
                "PolicyTypeNotEnabledException",
            ),
            ("DetachPolicy", json!({"PolicyId": policy, "TargetId": MEMBER}), "PolicyNotAttachedException"),
            ("ListTargetsForPolicy", json!({"PolicyId": "p-00000000"}), "PolicyNotFoundException"),
            (
                "ListPoliciesForTarget",
                json!({"TargetId": "999999999999", "Filter": scp}),
                "TargetNotFoundException",
            ),
            (
                "EnablePolicyType",
                json!({"RootId": root, "PolicyType": scp}),
                "PolicyTypeAlreadyEnabledException",
            ),
            ("EnablePolicyType", json!({"RootId": "r-none", "PolicyType": rcp}), "RootNotFoundException"),
            (
                "DisablePolicyType",
                json!({"RootId": root, "PolicyType": rcp}),
                "PolicyTypeNotEnabledException",
            ),
        ],
    );
    lab.org("DetachPolicy", json!({"PolicyId": policy, "TargetId": root}));
    lab.org("DeletePolicy", json!({"PolicyId": policy}));
}

#[test]
fn attachments_have_a_least_and_a_most() {
    let mut lab = Lab::organized();
    let root = lab.root();
    let constraint = |reason: &str| ("ConstraintViolationException".to_owned(), reason.to_owned());
    let last = lab.refused("DetachPolicy", json!({"PolicyId": "p-FullAWSAccess", "TargetId": root}));
    assert_eq!(last, constraint("MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED"));
    for number in 0..9 {
        let policy = lab.policy(&format!("p{number}"), "SERVICE_CONTROL_POLICY", SCP);
        lab.attach(&policy, &root);
    }
    let more = lab.policy("more", "SERVICE_CONTROL_POLICY", SCP);
    let full = lab.refused("AttachPolicy", json!({"PolicyId": more, "TargetId": root}));
    assert_eq!(full, constraint("MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED"));
    // With another one attached FullAWSAccess may go.
    lab.org("DetachPolicy", json!({"PolicyId": "p-FullAWSAccess", "TargetId": root}));
    let padding = " ".repeat(10_240 - SCP.chars().count());
    let input = |text: &str| json!({"Name": "big", "Type": "SERVICE_CONTROL_POLICY", "Description": "", "Content": text});
    let big = lab.refused("CreatePolicy", input(&format!("{SCP}{padding} ")));
    assert_eq!(big, constraint("POLICY_CONTENT_LIMIT_EXCEEDED"));
    lab.org("CreatePolicy", input(&format!("{SCP}{padding}")));
}

#[test]
fn the_rcp_of_aws_comes_with_its_type_and_cannot_be_detached() {
    let mut lab = Lab::organized();
    let root = lab.root();
    let rcp = "RESOURCE_CONTROL_POLICY";
    lab.org("EnablePolicyType", json!({"RootId": root, "PolicyType": rcp}));
    let unit = lab.unit(&root, "Later");
    for target in [root.as_str(), MEMBER, unit.as_str()] {
        let listed = lab.org("ListPoliciesForTarget", json!({"TargetId": target, "Filter": rcp}));
        assert_eq!(names(&listed, "Policies", "Id"), ["p-RCPFullAWSAccess"]);
    }
    let refused = lab.refused("DetachPolicy", json!({"PolicyId": "p-RCPFullAWSAccess", "TargetId": root}));
    assert_eq!(refused, ("InvalidInputException".into(), "NON_DETACHABLE_POLICY".into()));
    lab.org("DisablePolicyType", json!({"RootId": root, "PolicyType": rcp}));
    let listed = lab.org("ListPoliciesForTarget", json!({"TargetId": MEMBER, "Filter": rcp}));
    assert_eq!(listed["Policies"], json!([]));
}

#[test]
fn delegation_needs_access_and_a_fit_account() {
    let mut lab = Lab::organized();
    let principal = "access-analyzer.amazonaws.com";
    let register =
        |account: &str, principal: &str| json!({"AccountId": account, "ServicePrincipal": principal});
    let constraint = |reason: &str| ("ConstraintViolationException".to_owned(), reason.to_owned());
    let early = lab.refused("RegisterDelegatedAdministrator", register(MEMBER, principal));
    assert_eq!(early, constraint("SERVICE_ACCESS_NOT_ENABLED"));
    lab.org("EnableAWSServiceAccess", json!({"ServicePrincipal": principal}));
    lab.org("EnableAWSServiceAccess", json!({"ServicePrincipal": principal}));
    let unknown = lab.refused("EnableAWSServiceAccess", json!({"ServicePrincipal": "nobody.amazonaws.com"}));
    assert_eq!(unknown, ("InvalidInputException".into(), "UNRECOGNIZED_SERVICE_PRINCIPAL".into()));
    let own = lab.refused("RegisterDelegatedAdministrator", register(MANAGEMENT, principal));
    assert_eq!(own, constraint("CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR"));
    lab.org("RegisterDelegatedAdministrator", register(MEMBER, principal));
    lab.table(
        "organizations",
        &[
            (
                "RegisterDelegatedAdministrator",
                register(MEMBER, principal),
                "AccountAlreadyRegisteredException",
            ),
            (
                "RegisterDelegatedAdministrator",
                register("999999999999", principal),
                "AccountNotFoundException",
            ),
            ("DeregisterDelegatedAdministrator", register(OTHER, principal), "AccountNotRegisteredException"),
            ("ListDelegatedServicesForAccount", json!({"AccountId": OTHER}), "AccountNotRegisteredException"),
        ],
    );
    let second = lab.refused("RegisterDelegatedAdministrator", register(OTHER, principal));
    assert_eq!(second, constraint("MAX_DELEGATED_ADMINISTRATORS_FOR_SERVICE_LIMIT_EXCEEDED"));
    let busy = lab.refused("DisableAWSServiceAccess", json!({"ServicePrincipal": principal}));
    assert_eq!(busy, constraint("DELEGATED_ADMINISTRATOR_EXISTS_FOR_THIS_SERVICE"));
    let closing = lab.refused("CloseAccount", json!({"AccountId": MEMBER}));
    assert_eq!(closing, constraint("CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG"));
    let listed = lab.org("ListDelegatedAdministrators", json!({"ServicePrincipal": principal}));
    assert_eq!(names(&listed, "DelegatedAdministrators", "Id"), [MEMBER]);
    let services = lab.org("ListDelegatedServicesForAccount", json!({"AccountId": MEMBER}));
    assert_eq!(names(&services, "DelegatedServices", "ServicePrincipal"), [principal]);
    // A delegated administrator may read; it may not write.
    lab.account = MEMBER.into();
    assert_eq!(lab.org("ListAccounts", json!({}))["Accounts"].as_array().unwrap().len(), 3);
    lab.table(
        "organizations",
        &[("CreateOrganizationalUnit", json!({"ParentId": "r-x", "Name": "x"}), "AccessDeniedException")],
    );
    lab.account = MANAGEMENT.into();
    lab.org("DeregisterDelegatedAdministrator", register(MEMBER, principal));
    lab.org("DisableAWSServiceAccess", json!({"ServicePrincipal": principal}));
    assert_eq!(
        lab.org("ListAWSServiceAccessForOrganization", json!({}))["EnabledServicePrincipals"],
        json!([])
    );
}

#[test]
fn members_only_see_the_organization() {
    let mut lab = Lab::organized();
    let root = lab.root();
    lab.account = MEMBER.into();
    assert_eq!(lab.org("DescribeOrganization", json!({}))["Organization"]["MasterAccountId"], MANAGEMENT);
    lab.table(
        "organizations",
        &[
            ("ListAccounts", json!({}), "AccessDeniedException"),
            ("ListRoots", json!({}), "AccessDeniedException"),
            ("CreateAccount", json!({"Email": "a@b.cd", "AccountName": "x"}), "AccessDeniedException"),
            (
                "MoveAccount",
                json!({"AccountId": MEMBER, "SourceParentId": root, "DestinationParentId": root}),
                "AccessDeniedException",
            ),
            ("CloseAccount", json!({"AccountId": OTHER}), "AccessDeniedException"),
        ],
    );
    lab.account = "999999999999".into();
    lab.table("organizations", &[("DescribeOrganization", json!({}), "AWSOrganizationsNotInUseException")]);
}

#[test]
fn the_resource_policy_delegates_single_operations() {
    let mut lab = Lab::organized();
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Sid": "Read", "Effect": "Allow",
        "Principal": {"AWS": format!("arn:aws:iam::{MEMBER}:root")},
        "Action": ["organizations:ListAccounts", "organizations:DescribePolicy"], "Resource": "*"}]});
    lab.table(
        "organizations",
        &[
            ("DescribeResourcePolicy", json!({}), "ResourcePolicyNotFoundException"),
            ("DeleteResourcePolicy", json!({}), "ResourcePolicyNotFoundException"),
            ("PutResourcePolicy", json!({"Content": "{"}), "InvalidInputException"),
        ],
    );
    let put = lab.org("PutResourcePolicy", json!({"Content": policy.to_string()}));
    assert!(put["ResourcePolicy"]["ResourcePolicySummary"]["Id"].as_str().unwrap().starts_with("rp-"));
    lab.account = MEMBER.into();
    lab.org("ListAccounts", json!({}));
    lab.table("organizations", &[("ListRoots", json!({}), "AccessDeniedException")]);
    lab.account = OTHER.into();
    lab.table("organizations", &[("ListAccounts", json!({}), "AccessDeniedException")]);
}

#[test]
fn the_effective_policy_merges_the_path() {
    let mut lab = Lab::organized();
    let root = lab.root();
    lab.org("EnablePolicyType", json!({"RootId": root, "PolicyType": "TAG_POLICY"}));
    let ask = json!({"TargetId": MEMBER, "PolicyType": "TAG_POLICY"});
    lab.table(
        "organizations",
        &[("DescribeEffectivePolicy", ask.clone(), "EffectivePolicyNotFoundException")],
    );
    let upper = r#"{"tags":{"cost":{"tag_key":{"@@assign":"Cost"},"tag_value":{"@@assign":["a","b"]}}}}"#;
    let lower = r#"{"tags":{"cost":{"tag_value":{"@@append":["c"],"@@remove":["a"]}}}}"#;
    let upper = lab.policy("upper", "TAG_POLICY", upper);
    let lower = lab.policy("lower", "TAG_POLICY", lower);
    lab.attach(&upper, &root);
    lab.attach(&lower, MEMBER);
    let effective = lab.org("DescribeEffectivePolicy", ask);
    let content: Value =
        serde_json::from_str(effective["EffectivePolicy"]["PolicyContent"].as_str().unwrap()).unwrap();
    assert_eq!(content, json!({"tags": {"cost": {"tag_key": "Cost", "tag_value": ["b", "c"]}}}));
}
