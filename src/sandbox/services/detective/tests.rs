use serde_json::json;

use crate::sandbox::services::lab::{HOME, Lab, MANAGEMENT, MEMBER, OTHER};

const SERVICE: &str = "detective";

#[test]
fn the_organizations_graph_takes_members_in_and_starts_packages() {
    let mut lab = Lab::organized();
    lab.at(MANAGEMENT, HOME).ok(SERVICE, "EnableOrganizationAdminAccount", json!({"AccountId": MEMBER}));
    lab.at(MEMBER, HOME);
    let arn = lab.ok(SERVICE, "ListGraphs", json!({}))["GraphList"][0]["Arn"].clone();
    let listed = lab.at(MANAGEMENT, HOME).ok(SERVICE, "ListOrganizationAdminAccounts", json!({}));
    assert_eq!(listed["Administrators"][0]["GraphArn"], arn);
    lab.at(MEMBER, HOME);
    let one = json!({"GraphArn": arn, "Accounts": [{"AccountId": OTHER, "EmailAddress": "o@example.com"}]});
    assert_eq!(lab.ok(SERVICE, "CreateMembers", one.clone())["Members"][0]["Status"], "ENABLED");
    assert_eq!(lab.ok(SERVICE, "CreateMembers", one)["UnprocessedAccounts"][0]["AccountId"], OTHER);
    lab.ok(SERVICE, "UpdateOrganizationConfiguration", json!({"GraphArn": arn, "AutoEnable": true}));
    lab.at(MANAGEMENT, HOME);
    lab.ok("organizations", "CreateAccount", json!({"AccountName": "new", "Email": "aws+new@example.com"}));
    lab.now += 5.0;
    lab.at(MEMBER, HOME);
    let members = lab.ok(SERVICE, "ListMembers", json!({"GraphArn": arn}))["MemberDetails"].clone();
    assert_eq!(members.as_array().map(Vec::len), Some(2));
    lab.ok(
        SERVICE,
        "UpdateDatasourcePackages",
        json!({"GraphArn": arn, "DatasourcePackages": ["EKS_AUDIT"]}),
    );
    let packages =
        lab.ok(SERVICE, "ListDatasourcePackages", json!({"GraphArn": arn}))["DatasourcePackages"].clone();
    assert_eq!(packages["EKS_AUDIT"]["DatasourcePackageIngestState"], "STARTED");
    assert_eq!(packages["ASFF_SECURITYHUB_FINDING"]["DatasourcePackageIngestState"], "DISABLED");
    let gone = lab.ok(SERVICE, "DeleteMembers", json!({"GraphArn": arn, "AccountIds": [OTHER]}));
    assert_eq!(gone["AccountIds"][0], OTHER);
    let elsewhere =
        json!({"GraphArn": format!("arn:aws:detective:{HOME}:{MEMBER}:graph:{}", "0".repeat(32))});
    lab.table(SERVICE, &[("ListMembers", elsewhere, "ResourceNotFoundException")]);
    lab.at(OTHER, HOME);
    let own = lab.ok(SERVICE, "CreateGraph", json!({}))["GraphArn"].clone();
    lab.table(
        SERVICE,
        &[("DescribeOrganizationConfiguration", json!({"GraphArn": own}), "AccessDeniedException")],
    );
    lab.ok(SERVICE, "DeleteGraph", json!({"GraphArn": own}));
}
