#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};

use crate::sandbox::services::lab::{HOME, Lab, MANAGEMENT, MEMBER, OTHER};
use crate::sandbox::services::organizations;

const ELSEWHERE: &str = "us-east-1";
const FSBP: &str =
    "arn:aws:securityhub:eu-west-1::standards/aws-foundational-security-best-practices/v/1.0.0";
const DELEGATED: &str = "Must be a Security Hub delegated administrator with Central Configuration enabled";

/// An organization whose administrator is MEMBER, at home and in another region.
fn delegated() -> Lab {
    let mut lab = Lab::with_organization();
    let root = lab.world.organizations.organization.as_ref().unwrap().root.clone();
    for account in lab.world.organizations.accounts.values_mut() {
        account.parent.clone_from(&root);
    }
    for region in [HOME, ELSEWHERE] {
        lab.at(MANAGEMENT, region);
        lab.ok("securityhub", "EnableOrganizationAdminAccount", json!({"AdminAccountId": MEMBER}));
    }
    lab.at(MEMBER, HOME);
    lab
}

fn root(lab: &Lab) -> String {
    lab.world.organizations.organization.as_ref().unwrap().root.clone()
}

fn central_configuration() -> Value {
    json!({"AutoEnable": false, "AutoEnableStandards": "NONE", "OrganizationConfiguration": {"ConfigurationType": "CENTRAL"}})
}

fn policy(name: &str, enabled: bool) -> Value {
    let content = if enabled {
        json!({
            "ServiceEnabled": true, "EnabledStandardIdentifiers": [FSBP],
            "SecurityControlsConfiguration": {"DisabledSecurityControlIdentifiers": []},
        })
    } else {
        json!({"ServiceEnabled": false})
    };
    json!({"Name": name, "ConfigurationPolicy": {"SecurityHub": content}})
}

/// Central configuration with the policy `on` at the root. Returns its id.
fn central(lab: &mut Lab) -> String {
    lab.at(MEMBER, HOME);
    lab.ok(
        "securityhub",
        "CreateFindingAggregator",
        json!({"RegionLinkingMode": "SPECIFIED_REGIONS", "Regions": [ELSEWHERE]}),
    );
    lab.ok("securityhub", "UpdateOrganizationConfiguration", central_configuration());
    let id = create(lab, "on", true);
    let target = json!({"RootId": root(lab)});
    lab.ok(
        "securityhub",
        "StartConfigurationPolicyAssociation",
        json!({"ConfigurationPolicyIdentifier": id, "Target": target}),
    );
    id
}

fn create(lab: &mut Lab, name: &str, enabled: bool) -> String {
    let made = lab.ok("securityhub", "CreateConfigurationPolicy", policy(name, enabled));
    made["Id"].as_str().unwrap().to_owned()
}

fn ou(lab: &mut Lab, name: &str) -> String {
    let parent = root(lab);
    lab.at(MANAGEMENT, ELSEWHERE);
    let made = lab.ok("organizations", "CreateOrganizationalUnit", json!({"ParentId": parent, "Name": name}));
    lab.at(MEMBER, HOME);
    made.pointer("/OrganizationalUnit/Id").and_then(Value::as_str).unwrap().to_owned()
}

fn standards(lab: &mut Lab, account: &str, region: &str) -> Option<usize> {
    lab.at(account, region);
    let answer = lab.call("securityhub", "GetEnabledStandards", json!({}));
    answer.ok().map(|a| a["StandardsSubscriptions"].as_array().unwrap().len())
}

#[test]
fn a_hub_is_enabled_read_and_disabled_by_its_account() {
    let mut lab = Lab::with_organization();
    lab.at(OTHER, HOME);
    lab.table("securityhub", &[("DescribeHub", json!({}), "InvalidAccessException")]);
    lab.ok("securityhub", "EnableSecurityHub", json!({}));
    lab.table("securityhub", &[("EnableSecurityHub", json!({}), "ResourceConflictException")]);
    assert_eq!(standards(&mut lab, OTHER, HOME), Some(2));
    let hub = lab.ok("securityhub", "DescribeHub", json!({}));
    assert_eq!(
        (&hub["AutoEnableControls"], &hub["ControlFindingGenerator"]),
        (&json!(true), &json!("SECURITY_CONTROL"))
    );
    lab.ok("securityhub", "UpdateSecurityHubConfiguration", json!({"AutoEnableControls": false}));
    lab.ok(
        "securityhub",
        "BatchEnableStandards",
        json!({"StandardsSubscriptionRequests": [{"StandardsArn": FSBP}]}),
    );
    let one = "arn:aws:securityhub:eu-west-1:333333333333:subscription/aws-foundational-security-best-practices/v/1.0.0";
    lab.ok("securityhub", "BatchDisableStandards", json!({"StandardsSubscriptionArns": [one]}));
    assert_eq!(standards(&mut lab, OTHER, HOME), Some(1));
    assert_eq!(standards(&mut lab, OTHER, ELSEWHERE), None);
    lab.at(OTHER, HOME);
    lab.ok("securityhub", "DisableSecurityHub", json!({}));
    assert_eq!(standards(&mut lab, OTHER, HOME), None);
}

#[test]
fn the_administrator_alone_configures_the_organization() {
    let mut lab = delegated();
    lab.ok("securityhub", "DescribeHub", json!({}));
    let update = json!({"AutoEnable": true});
    lab.at(MANAGEMENT, HOME);
    lab.table(
        "securityhub",
        &[("UpdateOrganizationConfiguration", update.clone(), "InvalidAccessException")],
    );
    lab.at(MEMBER, HOME);
    lab.table(
        "securityhub",
        &[("UpdateOrganizationConfiguration", central_configuration(), "InvalidInputException")],
    );
    lab.ok("securityhub", "UpdateOrganizationConfiguration", update);
    let read = lab.ok("securityhub", "DescribeOrganizationConfiguration", json!({}));
    assert_eq!((&read["AutoEnable"], &read["AutoEnableStandards"]), (&json!(true), &json!("DEFAULT")));
    let fault = lab.call("securityhub", "ListConfigurationPolicies", json!({})).unwrap_err();
    assert_eq!((fault.code.as_str(), fault.message.as_str()), ("AccessDeniedException", DELEGATED));
    lab.table("securityhub", &[("DisableSecurityHub", json!({}), "InvalidInputException")]);
}

#[test]
fn auto_enable_reaches_new_accounts_and_create_members_the_others() {
    let mut lab = delegated();
    lab.ok(
        "securityhub",
        "UpdateOrganizationConfiguration",
        json!({"AutoEnable": true, "AutoEnableStandards": "NONE"}),
    );
    let members =
        |lab: &mut Lab| lab.ok("securityhub", "ListMembers", json!({}))["Members"].as_array().unwrap().len();
    assert_eq!(members(&mut lab), 0);
    lab.world.organizations.accounts.get_mut(OTHER).unwrap().joined = lab.now + 1.0;
    assert_eq!(members(&mut lab), 1);
    assert_eq!(standards(&mut lab, OTHER, HOME), Some(0));
    lab.at(MEMBER, HOME);
    let both = json!({"AccountDetails": [{"AccountId": OTHER}, {"AccountId": MANAGEMENT}]});
    let answer = lab.ok("securityhub", "CreateMembers", both.clone());
    assert_eq!(answer.pointer("/UnprocessedAccounts/0/AccountId"), Some(&json!(MANAGEMENT)));
    lab.at(MANAGEMENT, HOME);
    lab.ok("securityhub", "EnableSecurityHub", json!({"EnableDefaultStandards": false}));
    lab.at(MEMBER, HOME);
    lab.ok("securityhub", "CreateMembers", both);
    assert_eq!(members(&mut lab), 2);
    lab.ok("securityhub", "DisassociateMembers", json!({"AccountIds": [OTHER]}));
    assert_eq!(members(&mut lab), 1);
}

#[test]
fn a_policy_reaches_accounts_by_their_place_and_they_cannot_change_it() {
    let mut lab = delegated();
    lab.at(OTHER, HOME);
    lab.ok("securityhub", "EnableSecurityHub", json!({}));
    central(&mut lab);
    let pool = ou(&mut lab, "Pool");
    let off = create(&mut lab, "off", false);
    let target = json!({"OrganizationalUnitId": pool});
    lab.ok(
        "securityhub",
        "StartConfigurationPolicyAssociation",
        json!({"ConfigurationPolicyIdentifier": off, "Target": target}),
    );
    for region in [HOME, ELSEWHERE] {
        assert_eq!(standards(&mut lab, OTHER, region), Some(1), "{region}");
    }
    lab.at(OTHER, HOME);
    for (operation, input) in [
        ("DisableSecurityHub", json!({})),
        ("EnableSecurityHub", json!({})),
        ("UpdateSecurityHubConfiguration", json!({"AutoEnableControls": false})),
        ("BatchEnableStandards", json!({"StandardsSubscriptionRequests": [{"StandardsArn": FSBP}]})),
    ] {
        let fault = lab.call("securityhub", operation, input).unwrap_err();
        assert!(
            fault.message.starts_with("This account is currently associated with a central"),
            "{operation}: {fault:?}"
        );
    }
    let parent = root(&lab);
    let there = json!({"AccountId": OTHER, "SourceParentId": parent, "DestinationParentId": pool});
    lab.at(MANAGEMENT, ELSEWHERE);
    lab.ok("organizations", "MoveAccount", there);
    assert_eq!(standards(&mut lab, OTHER, HOME), None);
}

#[test]
fn the_root_fails_while_the_management_account_has_no_hub_and_names_it() {
    let mut lab = delegated();
    let id = central(&mut lab);
    let failed = |lab: &mut Lab| {
        let filters = json!({"Filters": {"AssociationStatus": "FAILED", "ConfigurationPolicyId": id}});
        let list = lab.ok("securityhub", "ListConfigurationPolicyAssociations", filters);
        let all = list["ConfigurationPolicyAssociationSummaries"].as_array().unwrap().clone();
        all.iter().map(|a| a["TargetId"].as_str().unwrap().to_owned()).collect::<Vec<String>>()
    };
    let root = root(&lab);
    assert_eq!(failed(&mut lab), [root.as_str(), MANAGEMENT]);
    lab.at(MANAGEMENT, HOME);
    lab.ok("securityhub", "EnableSecurityHub", json!({}));
    lab.at(MEMBER, HOME);
    assert_eq!(failed(&mut lab), Vec::<String>::new());
    lab.world.organizations.accounts.get_mut(OTHER).unwrap().state = organizations::AccountState::Suspended;
    assert_eq!(failed(&mut lab), [root.as_str(), OTHER]);
    lab.world.securityhub.pending_seconds = 60.0;
    let target = json!({"Target": {"RootId": root}});
    let association = lab.ok("securityhub", "GetConfigurationPolicyAssociation", target);
    assert_eq!(association["AssociationStatus"], json!("PENDING"));
}

#[test]
fn accounts_keep_what_they_had_when_a_policy_ends() {
    let mut lab = delegated();
    let id = central(&mut lab);
    let end = json!({"ConfigurationPolicyIdentifier": id, "Target": {"RootId": root(&lab)}});
    lab.table(
        "securityhub",
        &[("DeleteConfigurationPolicy", json!({"Identifier": id}), "ResourceConflictException")],
    );
    let back = json!({"AutoEnable": false, "OrganizationConfiguration": {"ConfigurationType": "LOCAL"}});
    lab.table(
        "securityhub",
        &[("UpdateOrganizationConfiguration", back.clone(), "ResourceConflictException")],
    );
    lab.ok("securityhub", "StartConfigurationPolicyDisassociation", end);
    assert_eq!(standards(&mut lab, OTHER, ELSEWHERE), Some(1));
    lab.at(OTHER, ELSEWHERE);
    lab.ok("securityhub", "DisableSecurityHub", json!({}));
    lab.at(MEMBER, HOME);
    lab.ok("securityhub", "DeleteConfigurationPolicy", json!({"Identifier": id}));
    lab.ok("securityhub", "UpdateOrganizationConfiguration", back);
}

#[test]
fn central_configuration_holds_its_administrator_until_organizations_lets_it_go() {
    let mut lab = delegated();
    central(&mut lab);
    lab.at(MANAGEMENT, HOME);
    let disable = json!({"AdminAccountId": MEMBER});
    lab.table("securityhub", &[("DisableOrganizationAdminAccount", disable, "InvalidInputException")]);
    let gone = json!({"AccountId": MEMBER, "ServicePrincipal": "securityhub.amazonaws.com"});
    lab.ok("organizations", "DeregisterDelegatedAdministrator", gone);
    assert!(lab.world.securityhub.central.is_none() && lab.world.securityhub.policies.is_empty());
    assert_eq!(standards(&mut lab, OTHER, HOME), Some(1));
}

#[test]
fn an_aggregator_is_one_and_stays_while_configuration_is_central() {
    let mut lab = delegated();
    let all = json!({"RegionLinkingMode": "ALL_REGIONS"});
    lab.table(
        "securityhub",
        &[(
            "CreateFindingAggregator",
            json!({"RegionLinkingMode": "SPECIFIED_REGIONS"}),
            "InvalidInputException",
        )],
    );
    central(&mut lab);
    lab.table("securityhub", &[("CreateFindingAggregator", all, "InvalidInputException")]);
    let listed = lab.ok("securityhub", "ListFindingAggregators", json!({}));
    let arn = listed.pointer("/FindingAggregators/0/FindingAggregatorArn").unwrap().clone();
    let named = json!({"FindingAggregatorArn": arn});
    lab.table("securityhub", &[("DeleteFindingAggregator", named.clone(), "InvalidInputException")]);
    let found = lab.ok("securityhub", "GetFindingAggregator", named);
    assert_eq!(found["Regions"], json!([ELSEWHERE]));
    let none = json!({"FindingAggregatorArn": arn, "RegionLinkingMode": "NO_REGIONS"});
    lab.ok("securityhub", "UpdateFindingAggregator", none);
    assert_eq!(standards(&mut lab, OTHER, ELSEWHERE), Some(1), "kept, where it is no longer linked");
    lab.ok("securityhub", "DisableSecurityHub", json!({}));
}

#[test]
fn policies_are_checked() {
    let mut lab = delegated();
    central(&mut lab);
    let bad = |content: Value| json!({"Name": "bad", "ConfigurationPolicy": {"SecurityHub": content}});
    let rows = [
        bad(json!({"ServiceEnabled": true})),
        bad(
            json!({"ServiceEnabled": true, "EnabledStandardIdentifiers": ["arn:aws:securityhub:eu-west-1::standards/x/v/1"],
            "SecurityControlsConfiguration": {"DisabledSecurityControlIdentifiers": []}}),
        ),
        bad(
            json!({"ServiceEnabled": true, "EnabledStandardIdentifiers": [], "SecurityControlsConfiguration": {}}),
        ),
        bad(json!({"ServiceEnabled": false, "EnabledStandardIdentifiers": [FSBP]})),
    ];
    for row in rows {
        lab.table("securityhub", &[("CreateConfigurationPolicy", row, "InvalidInputException")]);
    }
    lab.table(
        "securityhub",
        &[("CreateConfigurationPolicy", policy("on", true), "ResourceConflictException")],
    );
    lab.at(MEMBER, ELSEWHERE);
    lab.table("securityhub", &[("CreateConfigurationPolicy", policy("x", true), "AccessDeniedException")]);
}

#[test]
fn findings_of_the_own_product_are_taken_in() {
    let mut lab = Lab::with_organization();
    lab.at(OTHER, HOME);
    lab.ok("securityhub", "EnableSecurityHub", json!({}));
    let finding = |product: &str| {
        json!({
            "SchemaVersion": "2018-10-08", "Id": "1", "ProductArn": format!("arn:aws:securityhub:eu-west-1:{OTHER}:product/{product}"),
            "GeneratorId": "g", "AwsAccountId": OTHER, "CreatedAt": "2026-01-01T00:00:00Z", "UpdatedAt": "2026-01-01T00:00:00Z",
            "Title": "t", "Description": "d", "Resources": [{"Type": "AwsAccount", "Id": OTHER}],
        })
    };
    let own = format!("{OTHER}/default");
    let answer = lab.ok(
        "securityhub",
        "BatchImportFindings",
        json!({"Findings": [finding(&own), finding("other/other")]}),
    );
    assert_eq!((&answer["SuccessCount"], &answer["FailedCount"]), (&json!(1), &json!(1)));
}
