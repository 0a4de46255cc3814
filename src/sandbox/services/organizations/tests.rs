#![expect(clippy::unwrap_used, reason = "tests")]

mod policies;

use serde_json::{Value, json};

use super::{Account, AccountState, accounts, found};
use crate::sandbox::services::iam;
use crate::sandbox::services::lab::{Lab, MANAGEMENT, MEMBER, OTHER};

/// An SCP that does nothing that matters.
const SCP: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:DeleteBucket","Resource":"*"}]}"#;

impl Lab {
    /// The organization `o-a1b2c3d4e5` with two created members under the root, SCPs enabled.
    pub(crate) fn organized() -> Lab {
        let mut lab = Lab::new();
        let account = |id: &str, name: &str| Account {
            id: id.into(),
            name: name.into(),
            email: format!("aws+{name}@example.com"),
            parent: String::new(),
            created: true,
            joined: lab.now - 30.0 * 86_400.0,
            state: AccountState::Active,
            closing_at: None,
        };
        let (management, members) =
            (account(MANAGEMENT, "management"), [account(MEMBER, "member"), account(OTHER, "other")]);
        found(&mut lab.world, Some("o-a1b2c3d4e5"), &management, true);
        let root = lab.root();
        for mut member in members {
            member.parent.clone_from(&root);
            let role = "OrganizationAccountAccessRole";
            iam::add_access_role(
                &mut lab.world,
                &member.id,
                MANAGEMENT,
                role,
                "AROA12345678901234567",
                lab.now,
            );
            accounts::join(&mut lab.world, member);
        }
        lab.ok(
            "organizations",
            "EnablePolicyType",
            json!({"RootId": root, "PolicyType": "SERVICE_CONTROL_POLICY"}),
        );
        lab
    }

    /// Id of the root.
    pub(crate) fn root(&self) -> String {
        self.world.organizations.organization.as_ref().unwrap().root.clone()
    }

    /// Makes a policy and returns its id.
    pub(crate) fn policy(&mut self, name: &str, kind: &str, content: &str) -> String {
        let input = json!({"Name": name, "Type": kind, "Description": "", "Content": content});
        let made = self.ok("organizations", "CreatePolicy", input);
        made["Policy"]["PolicySummary"]["Id"].as_str().unwrap().to_owned()
    }

    /// Attaches a policy.
    pub(crate) fn attach(&mut self, policy: &str, target: &str) {
        self.ok("organizations", "AttachPolicy", json!({"PolicyId": policy, "TargetId": target}));
    }

    /// Makes an OU and returns its id.
    pub(crate) fn unit(&mut self, parent: &str, name: &str) -> String {
        let made =
            self.ok("organizations", "CreateOrganizationalUnit", json!({"ParentId": parent, "Name": name}));
        made["OrganizationalUnit"]["Id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn org(&mut self, operation: &str, input: Value) -> Value {
        self.ok("organizations", operation, input)
    }

    /// Runs a call that must fail, and returns code and `Reason`.
    pub(crate) fn refused(&mut self, operation: &str, input: Value) -> (String, String) {
        let fault = self.fails("organizations", operation, input);
        let reason = fault.members.get("Reason").and_then(Value::as_str).unwrap_or_default().to_owned();
        (fault.code, reason)
    }
}

fn names(value: &Value, list: &str, member: &str) -> Vec<String> {
    value[list].as_array().unwrap().iter().map(|v| v[member].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_new_organization_has_aws_s_ids_and_no_policy_types() {
    let mut lab = Lab::new();
    lab.table(
        "organizations",
        &[
            ("DescribeOrganization", json!({}), "AWSOrganizationsNotInUseException"),
            ("ListAccounts", json!({}), "AWSOrganizationsNotInUseException"),
        ],
    );
    let made = lab.org("CreateOrganization", json!({"FeatureSet": "ALL"}));
    let id = made["Organization"]["Id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("o-") && id.len() == 12, "{id}");
    assert_eq!(made["Organization"]["Arn"], format!("arn:aws:organizations::{MANAGEMENT}:organization/{id}"));
    assert_eq!(
        made["Organization"]["MasterAccountArn"],
        format!("arn:aws:organizations::{MANAGEMENT}:account/{id}/{MANAGEMENT}")
    );
    let roots = lab.org("ListRoots", json!({}));
    assert_eq!(roots["Roots"][0]["PolicyTypes"], json!([]));
    let root = lab.root();
    assert_eq!(roots["Roots"][0]["Arn"], format!("arn:aws:organizations::{MANAGEMENT}:root/{id}/{root}"));
    lab.table("organizations", &[("CreateOrganization", json!({}), "AlreadyInOrganizationException")]);
}

#[test]
fn accounts_are_created_with_delay_under_the_root_with_an_access_role() {
    let mut lab = Lab::organized();
    let asked = lab.org(
        "CreateAccount",
        json!({"Email": "new@example.com", "AccountName": "New",
        "RoleName": "Access", "Tags": [{"Key": "team", "Value": "a"}]}),
    );
    let id = asked["CreateAccountStatus"]["Id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("car-"));
    assert_eq!(asked["CreateAccountStatus"]["State"], "IN_PROGRESS");
    assert!(asked["CreateAccountStatus"].get("AccountId").is_none());
    let same = lab.org("CreateAccount", json!({"Email": "NEW@example.com", "AccountName": "Again"}));
    lab.now += 3.0;
    let done = lab.org("DescribeCreateAccountStatus", json!({"CreateAccountRequestId": id}));
    assert_eq!(done["CreateAccountStatus"]["State"], "SUCCEEDED");
    let account = done["CreateAccountStatus"]["AccountId"].as_str().unwrap().to_owned();
    assert_eq!(account.len(), 12);
    let shown = lab.org("DescribeAccount", json!({"AccountId": account}));
    let root = lab.root();
    assert_eq!(shown["Account"]["Paths"], json!([format!("o-a1b2c3d4e5/{root}/{account}/")]));
    assert_eq!(shown["Account"]["State"], "ACTIVE");
    assert_eq!(shown["Account"]["JoinedMethod"], "CREATED");
    let tags = lab.org("ListTagsForResource", json!({"ResourceId": account}));
    assert_eq!(tags["Tags"], json!([{"Key": "team", "Value": "a"}]));
    let trust = &lab.world.iam[&account].roles["Access"].trust;
    assert!(trust.contains(&format!("arn:aws:iam::{MANAGEMENT}:root")), "{trust}");
    let scps =
        lab.org("ListPoliciesForTarget", json!({"TargetId": account, "Filter": "SERVICE_CONTROL_POLICY"}));
    assert_eq!(names(&scps, "Policies", "Name"), ["FullAWSAccess"]);
    let failed = json!({"CreateAccountRequestId": same["CreateAccountStatus"]["Id"]});
    let failed = lab.org("DescribeCreateAccountStatus", failed);
    assert_eq!(failed["CreateAccountStatus"]["FailureReason"], "EMAIL_ALREADY_EXISTS");
    let list = lab.org("ListCreateAccountStatus", json!({"States": ["FAILED"]}));
    assert_eq!(list["CreateAccountStatuses"].as_array().unwrap().len(), 1);
}

#[test]
fn reads_of_the_status_complete_a_creation_too() {
    let mut lab = Lab::organized();
    let asked = lab.org("CreateAccount", json!({"Email": "new@example.com", "AccountName": "New"}));
    let input = json!({"CreateAccountRequestId": asked["CreateAccountStatus"]["Id"]});
    let states: Vec<Value> = (0..4)
        .map(|_| {
            lab.org("DescribeCreateAccountStatus", input.clone())["CreateAccountStatus"]["State"].clone()
        })
        .collect();
    assert_eq!(states, ["IN_PROGRESS", "IN_PROGRESS", "IN_PROGRESS", "SUCCEEDED"]);
}

#[test]
fn creations_have_limits() {
    let mut lab = Lab::organized();
    lab.world.organizations.account_limit = Some(4);
    for number in 0..5 {
        lab.org("CreateAccount", json!({"Email": format!("n{number}@example.com"), "AccountName": "N"}));
    }
    let sixth = lab.refused("CreateAccount", json!({"Email": "n6@example.com", "AccountName": "N"}));
    assert_eq!(sixth.0, "TooManyRequestsException");
    lab.now += 5.0;
    let list = lab.org("ListCreateAccountStatus", json!({}));
    let failed: Vec<&Value> = list["CreateAccountStatuses"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|s| s["FailureReason"] == "ACCOUNT_LIMIT_EXCEEDED")
        .collect();
    assert_eq!(failed.len(), 4);
}

#[test]
fn lists_come_in_short_pages() {
    let mut lab = Lab::organized();
    lab.world.page_limit = 1;
    let mut seen = Vec::new();
    let mut input = json!({});
    loop {
        let page = lab.org("ListAccounts", input);
        seen.extend(names(&page, "Accounts", "Id"));
        match page.get("NextToken") {
            Some(token) => input = json!({ "NextToken": token }),
            None => break,
        }
    }
    assert_eq!(seen, [MANAGEMENT, MEMBER, OTHER]);
    let bad = lab.refused("ListAccounts", json!({"NextToken": "nonsense"}));
    assert_eq!(bad, ("InvalidInputException".into(), "INVALID_NEXT_TOKEN".into()));
}

#[test]
fn units_nest_five_deep_and_refuse_what_aws_refuses() {
    let mut lab = Lab::organized();
    let root = lab.root();
    let mut parent = root.clone();
    let mut path = format!("o-a1b2c3d4e5/{root}/");
    for level in 1..=5 {
        parent = lab.unit(&parent, &format!("L{level}"));
        path = format!("{path}{parent}/");
    }
    assert!(parent.starts_with(&format!("ou-{}-", root.trim_start_matches("r-"))));
    let deepest = lab.org("DescribeOrganizationalUnit", json!({"OrganizationalUnitId": parent}));
    assert_eq!(deepest["OrganizationalUnit"]["Path"], path);
    let sixth = lab.refused("CreateOrganizationalUnit", json!({"ParentId": parent, "Name": "L6"}));
    assert_eq!(sixth, ("ConstraintViolationException".into(), "OU_DEPTH_LIMIT_EXCEEDED".into()));
    let first = lab.org("ListOrganizationalUnitsForParent", json!({"ParentId": root}));
    let first = names(&first, "OrganizationalUnits", "Id").remove(0);
    let second = lab.unit(&root, "Second");
    lab.org(
        "MoveAccount",
        json!({"AccountId": MEMBER, "SourceParentId": root, "DestinationParentId": second}),
    );
    let gone = "ou-aaaa-11111111";
    lab.table(
        "organizations",
        &[
            (
                "CreateOrganizationalUnit",
                json!({"ParentId": root, "Name": "L1"}),
                "DuplicateOrganizationalUnitException",
            ),
            ("CreateOrganizationalUnit", json!({"ParentId": gone, "Name": "X"}), "ParentNotFoundException"),
            (
                "UpdateOrganizationalUnit",
                json!({"OrganizationalUnitId": second, "Name": "L1"}),
                "DuplicateOrganizationalUnitException",
            ),
            (
                "UpdateOrganizationalUnit",
                json!({"OrganizationalUnitId": gone, "Name": "L1"}),
                "OrganizationalUnitNotFoundException",
            ),
            (
                "DescribeOrganizationalUnit",
                json!({"OrganizationalUnitId": gone}),
                "OrganizationalUnitNotFoundException",
            ),
            (
                "DeleteOrganizationalUnit",
                json!({"OrganizationalUnitId": first}),
                "OrganizationalUnitNotEmptyException",
            ),
            (
                "DeleteOrganizationalUnit",
                json!({"OrganizationalUnitId": second}),
                "OrganizationalUnitNotEmptyException",
            ),
            ("ListChildren", json!({"ParentId": gone, "ChildType": "ACCOUNT"}), "ParentNotFoundException"),
            ("ListAccountsForParent", json!({"ParentId": gone}), "ParentNotFoundException"),
            ("ListParents", json!({"ChildId": "999999999999"}), "ChildNotFoundException"),
            (
                "MoveAccount",
                json!({"AccountId": "999999999999", "SourceParentId": root, "DestinationParentId": second}),
                "AccountNotFoundException",
            ),
            (
                "MoveAccount",
                json!({"AccountId": MEMBER, "SourceParentId": root, "DestinationParentId": second}),
                "SourceParentNotFoundException",
            ),
            (
                "MoveAccount",
                json!({"AccountId": MEMBER, "SourceParentId": second, "DestinationParentId": gone}),
                "DestinationParentNotFoundException",
            ),
            (
                "MoveAccount",
                json!({"AccountId": MEMBER, "SourceParentId": second, "DestinationParentId": second}),
                "DuplicateAccountException",
            ),
        ],
    );
    let parents = lab.org("ListParents", json!({"ChildId": MEMBER}));
    assert_eq!(parents["Parents"], json!([{"Id": second, "Type": "ORGANIZATIONAL_UNIT"}]));
    lab.org("UpdateOrganizationalUnit", json!({"OrganizationalUnitId": second, "Name": "Renamed"}));
    lab.org(
        "MoveAccount",
        json!({"AccountId": MEMBER, "SourceParentId": second, "DestinationParentId": root}),
    );
    lab.org("DeleteOrganizationalUnit", json!({"OrganizationalUnitId": second}));
}

#[test]
fn accounts_close_and_leave_as_aws_lets_them() {
    let mut lab = Lab::organized();
    let constraint = |reason: &str| ("ConstraintViolationException".to_owned(), reason.to_owned());
    let own = lab.refused("CloseAccount", json!({"AccountId": MANAGEMENT}));
    assert_eq!(own, constraint("CANNOT_CLOSE_MANAGEMENT_ACCOUNT"));
    lab.org("CloseAccount", json!({"AccountId": OTHER}));
    let state = |lab: &mut Lab| {
        let shown = lab.org("DescribeAccount", json!({"AccountId": OTHER}));
        (shown["Account"]["State"].as_str().unwrap().to_owned(), shown["Account"]["Status"].clone())
    };
    assert_eq!(state(&mut lab), ("PENDING_CLOSURE".into(), json!("PENDING_CLOSURE")));
    lab.table("organizations", &[("CloseAccount", json!({"AccountId": OTHER}), "ConflictException")]);
    lab.now += 20.0;
    assert_eq!(state(&mut lab), ("CLOSED".into(), json!("SUSPENDED")));
    lab.org("EnableAWSServiceAccess", json!({"ServicePrincipal": "config.amazonaws.com"}));
    lab.table(
        "organizations",
        &[
            ("CloseAccount", json!({"AccountId": OTHER}), "AccountAlreadyClosedException"),
            ("CloseAccount", json!({"AccountId": "999999999999"}), "AccountNotFoundException"),
            (
                "RemoveAccountFromOrganization",
                json!({"AccountId": MANAGEMENT}),
                "MasterCannotLeaveOrganizationException",
            ),
            ("LeaveOrganization", json!({}), "MasterCannotLeaveOrganizationException"),
        ],
    );
    let suspended = json!({"AccountId": OTHER, "ServicePrincipal": "config.amazonaws.com"});
    let suspended = lab.refused("RegisterDelegatedAdministrator", suspended);
    assert_eq!(suspended, constraint("CANNOT_REGISTER_SUSPENDED_ACCOUNT_AS_DELEGATED_ADMINISTRATOR"));
    lab.world.organizations.accounts.get_mut(MEMBER).unwrap().joined = lab.now;
    let young = lab.refused("RemoveAccountFromOrganization", json!({"AccountId": MEMBER}));
    assert_eq!(young, constraint("WAIT_PERIOD_ACTIVE"));
}

#[test]
fn an_invited_account_joins_when_it_accepts() {
    let mut lab = Lab::organized();
    let target = |id: &str, kind: &str| json!({"Target": {"Id": id, "Type": kind}});
    let invited = lab.org("InviteAccountToOrganization", target("444444444444", "ACCOUNT"));
    let id = invited["Handshake"]["Id"].as_str().unwrap().to_owned();
    assert_eq!(invited["Handshake"]["State"], "OPEN");
    lab.table(
        "organizations",
        &[
            ("InviteAccountToOrganization", target("444444444444", "ACCOUNT"), "DuplicateHandshakeException"),
            (
                "InviteAccountToOrganization",
                target(MEMBER, "ACCOUNT"),
                "HandshakeConstraintViolationException",
            ),
            ("InviteAccountToOrganization", target("12", "ACCOUNT"), "InvalidInputException"),
            ("InviteAccountToOrganization", target("o-a1b2c3d4e5", "ORGANIZATION"), "InvalidInputException"),
            ("DescribeHandshake", json!({"HandshakeId": "h-00000000"}), "HandshakeNotFoundException"),
            ("EnableAllFeatures", json!({}), "HandshakeConstraintViolationException"),
        ],
    );
    lab.account = "444444444444".into();
    lab.org("AcceptHandshake", json!({"HandshakeId": id}));
    lab.table(
        "organizations",
        &[("AcceptHandshake", json!({"HandshakeId": id}), "HandshakeAlreadyInStateException")],
    );
    lab.account = MANAGEMENT.into();
    let shown = lab.org("DescribeAccount", json!({"AccountId": "444444444444"}));
    assert_eq!(shown["Account"]["JoinedMethod"], "INVITED");
    assert!(!lab.world.iam.contains_key("444444444444"), "an invited account has no access role");
    lab.org("RemoveAccountFromOrganization", json!({"AccountId": "444444444444"}));
    lab.table(
        "organizations",
        &[("DescribeAccount", json!({"AccountId": "444444444444"}), "AccountNotFoundException")],
    );
}

#[test]
fn invitations_are_declined_and_taken_back() {
    let mut lab = Lab::organized();
    let mut invite = |account: &str| {
        let target = json!({"Target": {"Id": account, "Type": "ACCOUNT"}});
        lab.org("InviteAccountToOrganization", target)["Handshake"]["Id"].clone()
    };
    let (first, second) = (invite("444444444444"), invite("555555555555"));
    let cancelled = lab.org("CancelHandshake", json!({"HandshakeId": first}));
    assert_eq!(cancelled["Handshake"]["State"], "CANCELED");
    lab.table(
        "organizations",
        &[
            ("CancelHandshake", json!({"HandshakeId": first}), "HandshakeAlreadyInStateException"),
            ("DeclineHandshake", json!({"HandshakeId": second}), "AccessDeniedException"),
        ],
    );
    lab.account = "555555555555".into();
    let own = lab.org("ListHandshakesForAccount", json!({}));
    assert_eq!(own["Handshakes"].as_array().map(Vec::len), Some(1));
    let declined = lab.org("DeclineHandshake", json!({"HandshakeId": second}));
    assert_eq!(declined["Handshake"]["State"], "DECLINED");
    let late = [("AcceptHandshake", json!({"HandshakeId": second}), "InvalidHandshakeTransitionException")];
    lab.table("organizations", &late);
}

#[test]
fn an_organization_is_deleted_once_its_accounts_are_gone() {
    let mut lab = Lab::organized();
    lab.table("organizations", &[("DeleteOrganization", json!({}), "OrganizationNotEmptyException")]);
    lab.world.organizations.accounts.retain(|id, _| id == MANAGEMENT);
    lab.org("DeleteOrganization", json!({}));
    assert_eq!(super::keyholder(&lab.world), MANAGEMENT, "its keys are still its own");
    lab.table("organizations", &[("DescribeOrganization", json!({}), "AWSOrganizationsNotInUseException")]);
    lab.org("CreateOrganization", json!({"FeatureSet": "ALL"}));
}

#[test]
fn a_billing_organization_gets_all_features_by_handshake() {
    let mut lab = Lab::new();
    lab.org("CreateOrganization", json!({"FeatureSet": "CONSOLIDATED_BILLING"}));
    let root = lab.root();
    lab.table(
        "organizations",
        &[
            (
                "EnablePolicyType",
                json!({"RootId": root, "PolicyType": "TAG_POLICY"}),
                "PolicyTypeNotAvailableForOrganizationException",
            ),
            (
                "EnableAWSServiceAccess",
                json!({"ServicePrincipal": "config.amazonaws.com"}),
                "ConstraintViolationException",
            ),
        ],
    );
    let handshake = lab.org("EnableAllFeatures", json!({}));
    lab.org("AcceptHandshake", json!({"HandshakeId": handshake["Handshake"]["Id"]}));
    assert_eq!(lab.org("DescribeOrganization", json!({}))["Organization"]["FeatureSet"], "ALL");
}

#[test]
fn tags_have_aws_s_limits() {
    let mut lab = Lab::organized();
    let tag = |key: &str| json!({"Key": key, "Value": "v"});
    let many: Vec<Value> = (0..51).map(|n| tag(&format!("k{n}"))).collect();
    let limit = lab.refused("TagResource", json!({"ResourceId": MEMBER, "Tags": many}));
    assert_eq!(limit, ("ConstraintViolationException".into(), "MAX_TAG_LIMIT_EXCEEDED".into()));
    let twice = lab.refused("TagResource", json!({"ResourceId": MEMBER, "Tags": [tag("a"), tag("a")]}));
    assert_eq!(twice.1, "DUPLICATE_TAG_KEY");
    let system = lab.refused("TagResource", json!({"ResourceId": MEMBER, "Tags": [tag("aws:a")]}));
    assert_eq!(system.1, "INVALID_SYSTEM_TAGS_PARAMETER");
    lab.table(
        "organizations",
        &[("TagResource", json!({"ResourceId": "p-00000000", "Tags": []}), "TargetNotFoundException")],
    );
    lab.org("TagResource", json!({"ResourceId": MEMBER, "Tags": [tag("a"), tag("b")]}));
    lab.org("UntagResource", json!({"ResourceId": MEMBER, "TagKeys": ["a"]}));
    assert_eq!(lab.org("ListTagsForResource", json!({"ResourceId": MEMBER}))["Tags"], json!([tag("b")]));
}

#[test]
fn reads_and_refused_calls_make_no_ids() {
    let mut lab = Lab::organized();
    lab.org("CreateAccount", json!({"Email": "new@example.com", "AccountName": "New"}));
    let before = lab.world.ids_made;
    lab.now += 5.0;
    lab.org("ListAccounts", json!({}));
    lab.fails(
        "organizations",
        "CreateOrganizationalUnit",
        json!({"ParentId": "ou-aaaa-11111111", "Name": "x"}),
    );
    lab.fails(
        "organizations",
        "CreatePolicy",
        json!({"Name": "x", "Type": "TAG_POLICY", "Description": "", "Content": "{"}),
    );
    assert_eq!(lab.world.ids_made, before);
    assert_eq!(lab.world.organizations.accounts.len(), 4);
}
