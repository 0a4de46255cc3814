//! Analyzers, their quotas, and what an organization makes of them.
#![allow(clippy::indexing_slicing, reason = "tests")]

use serde_json::json;

use super::PRINCIPAL;
use crate::sandbox::services::lab::{HOME, Lab, MANAGEMENT, MEMBER, OTHER};

const SERVICE: &str = "accessanalyzer";

/// The member account is the administrator.
fn delegated() -> Lab {
    let mut lab = Lab::with_organization();
    lab.ok("organizations", "EnableAWSServiceAccess", json!({"ServicePrincipal": PRINCIPAL}));
    lab.ok("iam", "CreateServiceLinkedRole", json!({"AWSServiceName": PRINCIPAL}));
    let input = json!({"ServicePrincipal": PRINCIPAL, "AccountId": MEMBER});
    lab.ok("organizations", "RegisterDelegatedAdministrator", input);
    lab.at(MEMBER, HOME);
    lab
}

fn analyzer(name: &str, kind: &str) -> serde_json::Value {
    json!({"analyzerName": name, "type": kind})
}

#[test]
fn only_administrators_have_analyzers_of_the_organization_and_every_member_gets_the_role() {
    let mut lab = delegated();
    lab.at(OTHER, HOME)
        .table(SERVICE, &[("CreateAnalyzer", analyzer("a", "ORGANIZATION"), "ValidationException")]);
    lab.at(MEMBER, HOME).ok(SERVICE, "CreateAnalyzer", analyzer("a", "ORGANIZATION"));
    for account in [MANAGEMENT, MEMBER, OTHER] {
        let path = json!({"PathPrefix": format!("/aws-service-role/{PRINCIPAL}/")});
        let roles = lab.at(account, HOME).ok("iam", "ListRoles", path);
        assert_eq!(roles["Roles"].as_array().map(Vec::len), Some(1), "{account}");
    }
}

#[test]
fn the_management_account_needs_the_role_first() {
    let mut lab = Lab::with_organization();
    lab.ok("organizations", "EnableAWSServiceAccess", json!({"ServicePrincipal": PRINCIPAL}));
    let input = json!({"ServicePrincipal": PRINCIPAL, "AccountId": MEMBER});
    lab.ok("organizations", "RegisterDelegatedAdministrator", input);
    let fault = lab.at(MEMBER, HOME).fails(SERVICE, "CreateAnalyzer", analyzer("a", "ORGANIZATION"));
    assert!(fault.message.contains("service-linked role in the management account"), "{}", fault.message);
}

#[test]
fn quotas_are_per_type() {
    let mut lab = delegated();
    for n in 0..5 {
        lab.ok(SERVICE, "CreateAnalyzer", analyzer(&format!("o{n}"), "ORGANIZATION"));
    }
    lab.ok(SERVICE, "CreateAnalyzer", analyzer("a", "ACCOUNT"));
    lab.ok(SERVICE, "CreateAnalyzer", analyzer("i", "ORGANIZATION_INTERNAL_ACCESS"));
    lab.table(
        SERVICE,
        &[
            ("CreateAnalyzer", analyzer("o5", "ORGANIZATION"), "ServiceQuotaExceededException"),
            ("CreateAnalyzer", analyzer("b", "ACCOUNT"), "ServiceQuotaExceededException"),
            ("CreateAnalyzer", analyzer("a", "ACCOUNT_UNUSED_ACCESS"), "ConflictException"),
        ],
    );
    // One for internal access in the whole organization.
    lab.at(MANAGEMENT, HOME).table(
        SERVICE,
        &[("CreateAnalyzer", analyzer("i", "ORGANIZATION_INTERNAL_ACCESS"), "ServiceQuotaExceededException")],
    );
}

#[test]
fn an_administrator_that_is_none_any_more_has_disabled_analyzers() {
    let mut lab = delegated();
    lab.ok(SERVICE, "CreateAnalyzer", analyzer("o", "ORGANIZATION"));
    let status = |lab: &mut Lab| {
        let all = lab.at(MEMBER, HOME).ok(SERVICE, "ListAnalyzers", json!({"type": "ORGANIZATION"}));
        let one = &all["analyzers"][0];
        (one["status"].clone(), one["statusReason"]["code"].clone())
    };
    assert_eq!(status(&mut lab).0, "ACTIVE");
    let input = json!({"ServicePrincipal": PRINCIPAL, "AccountId": MEMBER});
    lab.at(MANAGEMENT, HOME).ok("organizations", "DeregisterDelegatedAdministrator", input);
    assert_eq!(status(&mut lab), (json!("DISABLED"), json!("DELEGATED_ADMINISTRATOR_DEREGISTERED")));
    lab.at(MANAGEMENT, HOME).ok(
        "organizations",
        "DisableAWSServiceAccess",
        json!({"ServicePrincipal": PRINCIPAL}),
    );
    assert_eq!(status(&mut lab).1, "AWS_SERVICE_ACCESS_DISABLED");
}

#[test]
fn configurations_are_shown_by_get_alone_and_replaced() {
    let mut lab = delegated();
    let unused = |age: i64| json!({"unusedAccess": {"unusedAccessAge": age}});
    lab.ok(SERVICE, "CreateAnalyzer", analyzer("u", "ORGANIZATION_UNUSED_ACCESS"));
    let got = lab.ok(SERVICE, "GetAnalyzer", json!({"analyzerName": "u"}));
    assert_eq!(got["analyzer"]["configuration"], unused(90));
    let listed = lab.ok(SERVICE, "ListAnalyzers", json!({}));
    assert!(listed["analyzers"][0].get("configuration").is_none());
    lab.ok(SERVICE, "UpdateAnalyzer", json!({"analyzerName": "u", "configuration": unused(30)}));
    lab.ok(SERVICE, "CreateAnalyzer", analyzer("o", "ORGANIZATION"));
    lab.table(
        SERVICE,
        &[
            (
                "UpdateAnalyzer",
                json!({"analyzerName": "u", "configuration": unused(366)}),
                "ValidationException",
            ),
            (
                "UpdateAnalyzer",
                json!({"analyzerName": "o", "configuration": unused(30)}),
                "ValidationException",
            ),
            ("GetAnalyzer", json!({"analyzerName": "x"}), "ResourceNotFoundException"),
            ("DeleteAnalyzer", json!({"analyzerName": "x"}), "ResourceNotFoundException"),
        ],
    );
}

#[test]
fn rules_are_kept_by_name_and_listed_in_pages() {
    let mut lab = delegated();
    let filter = json!({"isPublic": {"eq": ["false"]}});
    let rule = |name: &str| json!({"analyzerName": "o", "ruleName": name, "filter": filter});
    let inline = json!({"analyzerName": "o", "type": "ORGANIZATION",
                        "archiveRules": [{"ruleName": "a", "filter": filter}], "tags": {"team": "red"}});
    lab.ok(SERVICE, "CreateAnalyzer", inline);
    lab.ok(SERVICE, "CreateArchiveRule", rule("b"));
    lab.world.page_limit = 1;
    let first = lab.ok(SERVICE, "ListArchiveRules", json!({"analyzerName": "o"}));
    let input = json!({"analyzerName": "o", "nextToken": first["nextToken"]});
    let second = lab.ok(SERVICE, "ListArchiveRules", input);
    assert_eq!(
        (&first["archiveRules"][0]["ruleName"], &second["archiveRules"][0]["ruleName"]),
        (&json!("a"), &json!("b"))
    );
    lab.table(
        SERVICE,
        &[
            ("CreateArchiveRule", rule("a"), "ConflictException"),
            ("UpdateArchiveRule", rule("c"), "ResourceNotFoundException"),
            (
                "CreateArchiveRule",
                json!({"analyzerName": "o", "ruleName": "c", "filter": {}}),
                "ValidationException",
            ),
        ],
    );
    lab.ok(SERVICE, "UpdateArchiveRule", rule("b"));
    lab.ok(SERVICE, "DeleteArchiveRule", json!({"analyzerName": "o", "ruleName": "b"}));
    lab.table(
        SERVICE,
        &[("GetArchiveRule", json!({"analyzerName": "o", "ruleName": "b"}), "ResourceNotFoundException")],
    );
    let arn = format!("arn:aws:access-analyzer:{HOME}:{MEMBER}:analyzer/o");
    lab.ok(SERVICE, "UntagResource", json!({"resourceArn": arn, "tagKeys": ["team"]}));
    assert_eq!(lab.ok(SERVICE, "ListTagsForResource", json!({"resourceArn": arn})), json!({"tags": {}}));
    assert_eq!(lab.ok(SERVICE, "ListFindingsV2", json!({"analyzerArn": arn})), json!({"findings": []}));
}
