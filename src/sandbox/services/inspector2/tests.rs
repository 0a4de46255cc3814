#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};

use crate::sandbox::services::lab::{HOME, Lab, MANAGEMENT, MEMBER, OTHER};

/// An organization whose administrator is MEMBER, with EC2 on.
fn delegated() -> Lab {
    let mut lab = Lab::with_organization();
    let root = lab.world.organizations.organization.as_ref().unwrap().root.clone();
    for account in lab.world.organizations.accounts.values_mut() {
        account.parent.clone_from(&root);
    }
    lab.ok("inspector2", "EnableDelegatedAdminAccount", json!({"delegatedAdminAccountId": MEMBER}));
    lab.at(MEMBER, HOME);
    let auto = json!({"autoEnable": {"ec2": true, "ecr": false}});
    lab.table("inspector2", &[("UpdateOrganizationConfiguration", auto, "ValidationException")]);
    lab.ok("inspector2", "Enable", json!({"resourceTypes": ["EC2"]}));
    lab
}

fn types(lab: &mut Lab, account: &str) -> Vec<String> {
    let answer = lab.ok("inspector2", "BatchGetAccountStatus", json!({"accountIds": [account]}));
    let state =
        answer.pointer("/accounts/0/resourceState").and_then(Value::as_object).cloned().unwrap_or_default();
    let on = state.iter().filter(|(_, state)| state["status"] == json!("ENABLED"));
    on.map(|(name, _)| name.clone()).collect()
}

#[test]
fn an_account_scans_itself() {
    let mut lab = Lab::with_organization();
    lab.at(OTHER, HOME);
    assert_eq!(types(&mut lab, OTHER), Vec::<String>::new());
    lab.table(
        "inspector2",
        &[
            ("Enable", json!({"resourceTypes": ["LAMBDA_CODE"]}), "ValidationException"),
            ("GetConfiguration", json!({}), "AccessDeniedException"),
            ("DescribeOrganizationConfiguration", json!({}), "AccessDeniedException"),
        ],
    );
    lab.ok("inspector2", "Enable", json!({"resourceTypes": ["EC2", "ECR"]}));
    assert_eq!(types(&mut lab, OTHER), ["ec2", "ecr"]);
    lab.ok(
        "inspector2",
        "UpdateConfiguration",
        json!({"ec2Configuration": {"scanMode": "EC2_SSM_AGENT_BASED"}}),
    );
    let read = lab.ok("inspector2", "GetConfiguration", json!({}));
    let mode = read.pointer("/ec2Configuration/scanModeState/scanMode");
    assert_eq!(mode, Some(&json!("EC2_SSM_AGENT_BASED")));
    lab.ok("inspector2", "Disable", json!({}));
    assert_eq!(types(&mut lab, OTHER), Vec::<String>::new());
}

#[test]
fn the_administrator_turns_on_its_members_only() {
    let mut lab = delegated();
    let both = json!({"accountIds": [OTHER], "resourceTypes": ["EC2"]});
    let refused = lab.ok("inspector2", "Enable", both.clone());
    assert_eq!(refused.pointer("/failedAccounts/0/errorCode"), Some(&json!("ACCESS_DENIED")));
    lab.ok("inspector2", "AssociateMember", json!({"accountId": OTHER}));
    lab.ok("inspector2", "Enable", both);
    assert_eq!(types(&mut lab, OTHER), ["ec2"]);
    let last = lab.ok("inspector2", "Disable", json!({}));
    assert_eq!(last.pointer("/failedAccounts/0/errorCode"), Some(&json!("DISASSOCIATE_ALL_MEMBERS")));
    lab.at(OTHER, HOME);
    let own = lab.ok("inspector2", "Disable", json!({}));
    assert_eq!(own.pointer("/failedAccounts/0/errorCode"), Some(&json!("ACCESS_DENIED")));
    lab.table(
        "inspector2",
        &[
            (
                "UpdateConfiguration",
                json!({"ec2Configuration": {"scanMode": "EC2_HYBRID"}}),
                "AccessDeniedException",
            ),
            ("ListMembers", json!({}), "AccessDeniedException"),
        ],
    );
    lab.at(MEMBER, HOME);
    lab.ok("inspector2", "DisassociateMember", json!({"accountId": OTHER}));
    lab.at(OTHER, HOME);
    assert_eq!(types(&mut lab, OTHER), ["ec2"]);
}

#[test]
fn auto_enable_reaches_accounts_that_join_later() {
    let mut lab = delegated();
    let auto = json!({"autoEnable": {"ec2": true, "ecr": true, "lambda": true}});
    lab.ok("inspector2", "UpdateOrganizationConfiguration", auto);
    let members =
        |lab: &mut Lab| lab.ok("inspector2", "ListMembers", json!({}))["members"].as_array().unwrap().len();
    assert_eq!(members(&mut lab), 0);
    lab.world.organizations.accounts.get_mut(OTHER).unwrap().joined = lab.now + 1.0;
    assert_eq!(members(&mut lab), 1);
    assert_eq!(types(&mut lab, OTHER), ["ec2", "ecr", "lambda"]);
    lab.at(MANAGEMENT, HOME);
    lab.ok("inspector2", "DisableDelegatedAdminAccount", json!({"delegatedAdminAccountId": MEMBER}));
    lab.at(OTHER, HOME);
    assert_eq!(types(&mut lab, OTHER), ["ec2", "ecr", "lambda"], "kept without an administrator");
}
