#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};

use crate::sandbox::services::lab::{HOME, Lab, MANAGEMENT, MEMBER, OTHER};

const SERVICE: &str = "macie2";

/// An organization whose member administers Macie in the home region; the member calls.
fn administered() -> Lab {
    let mut lab = Lab::organized();
    lab.at(MANAGEMENT, HOME).ok(SERVICE, "EnableOrganizationAdminAccount", json!({"adminAccountId": MEMBER}));
    lab.at(MEMBER, HOME);
    lab
}

fn members(lab: &mut Lab) -> Vec<(String, String)> {
    let all = lab.ok(SERVICE, "ListMembers", json!({"onlyAssociated": "false"}))["members"].clone();
    let text = |member: &Value, name: &str| member[name].as_str().unwrap().to_owned();
    all.as_array().unwrap().iter().map(|m| (text(m, "accountId"), text(m, "relationshipStatus"))).collect()
}

#[test]
fn a_session_is_enabled_once_and_paused_and_resumed() {
    let mut lab = Lab::new();
    lab.table(SERVICE, &[("GetMacieSession", json!({}), "AccessDeniedException")]);
    lab.ok(SERVICE, "EnableMacie", json!({"findingPublishingFrequency": "ONE_HOUR"}));
    lab.table(
        SERVICE,
        &[
            ("EnableMacie", json!({}), "ConflictException"),
            ("DescribeOrganizationConfiguration", json!({}), "AccessDeniedException"),
        ],
    );
    lab.ok(SERVICE, "UpdateMacieSession", json!({"status": "PAUSED"}));
    let shown = lab.ok(SERVICE, "GetMacieSession", json!({}));
    assert_eq!(
        (&shown["status"], &shown["findingPublishingFrequency"]),
        (&json!("PAUSED"), &json!("ONE_HOUR"))
    );
    lab.ok(SERVICE, "UpdateAutomatedDiscoveryConfiguration", json!({"status": "ENABLED"}));
    let discovery = lab.ok(SERVICE, "GetAutomatedDiscoveryConfiguration", json!({}));
    assert_eq!(
        (&discovery["status"], &discovery["autoEnableOrganizationMembers"]),
        (&json!("ENABLED"), &json!("ALL"))
    );
    lab.ok(SERVICE, "DisableMacie", json!({}));
}

#[test]
fn accounts_that_join_are_enabled_and_those_that_are_there_are_added() {
    let mut lab = administered();
    lab.ok(SERVICE, "UpdateOrganizationConfiguration", json!({"autoEnable": true}));
    assert_eq!(members(&mut lab), []);
    lab.at(MANAGEMENT, HOME);
    lab.ok("organizations", "CreateAccount", json!({"AccountName": "new", "Email": "aws+new@example.com"}));
    lab.now += 5.0;
    lab.at(MEMBER, HOME);
    assert_eq!(members(&mut lab).len(), 1);
    let account = json!({"account": {"accountId": OTHER, "email": "o@example.com"}});
    lab.ok(SERVICE, "CreateMember", account.clone());
    lab.table(SERVICE, &[("CreateMember", account, "ConflictException")]);
    for (operation, input, status) in [
        ("UpdateMemberSession", json!({"id": OTHER, "status": "PAUSED"}), "Paused"),
        ("UpdateMemberSession", json!({"id": OTHER, "status": "ENABLED"}), "Enabled"),
        ("DisassociateMember", json!({"id": OTHER}), "Removed"),
    ] {
        lab.ok(SERVICE, operation, input);
        assert_eq!(
            lab.ok(SERVICE, "GetMember", json!({"id": OTHER}))["relationshipStatus"],
            status,
            "{operation}"
        );
    }
    lab.ok(SERVICE, "DeleteMember", json!({"id": OTHER}));
    lab.table(SERVICE, &[("GetMember", json!({"id": OTHER}), "ResourceNotFoundException")]);
    lab.at(OTHER, HOME);
    assert_eq!(lab.ok(SERVICE, "GetAdministratorAccount", json!({})), json!({}));
    lab.table(SERVICE, &[("ListMembers", json!({"nextToken": "x"}), "ValidationException")]);
}

/// User guide, "Changing the Macie administrator account": the administrator must let the management account go before.
#[test]
fn a_management_account_that_is_a_member_names_no_administrator() {
    let mut lab = administered();
    let account = json!({"account": {"accountId": MANAGEMENT, "email": "m@example.com"}});
    lab.ok(SERVICE, "CreateMember", account);
    let remove = || json!({"adminAccountId": MEMBER});
    lab.at(MANAGEMENT, HOME);
    lab.table(SERVICE, &[("DisableOrganizationAdminAccount", remove(), "AccessDeniedException")]);
    lab.at(MEMBER, HOME).ok(SERVICE, "DisassociateMember", json!({"id": MANAGEMENT}));
    lab.at(MANAGEMENT, HOME).ok(SERVICE, "DisableOrganizationAdminAccount", remove());
}
