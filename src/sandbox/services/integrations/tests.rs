#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};

use crate::sandbox::services::lab::{Lab, MANAGEMENT, MEMBER, OTHER};
use crate::sandbox::services::organizations;

/// Service, principal, enabling call and member, reading call and where the account is in its reply.
const TABLE: &[(&str, &str, &str, &str, &str, &str)] = &[
    (
        "guardduty",
        "guardduty.amazonaws.com",
        "EnableOrganizationAdminAccount",
        "AdminAccountId",
        "ListOrganizationAdminAccounts",
        "/AdminAccounts/0/AdminAccountId",
    ),
    (
        "securityhub",
        "securityhub.amazonaws.com",
        "EnableOrganizationAdminAccount",
        "AdminAccountId",
        "ListOrganizationAdminAccounts",
        "/AdminAccounts/0/AccountId",
    ),
    (
        "macie2",
        "macie.amazonaws.com",
        "EnableOrganizationAdminAccount",
        "adminAccountId",
        "ListOrganizationAdminAccounts",
        "/adminAccounts/0/accountId",
    ),
    (
        "inspector2",
        "inspector2.amazonaws.com",
        "EnableDelegatedAdminAccount",
        "delegatedAdminAccountId",
        "ListDelegatedAdminAccounts",
        "/delegatedAdminAccounts/0/accountId",
    ),
    (
        "detective",
        "detective.amazonaws.com",
        "EnableOrganizationAdminAccount",
        "AccountId",
        "ListOrganizationAdminAccounts",
        "/Administrators/0/AccountId",
    ),
    (
        "auditmanager",
        "auditmanager.amazonaws.com",
        "RegisterOrganizationAdminAccount",
        "adminAccountId",
        "GetOrganizationAdminAccount",
        "/adminAccountId",
    ),
    ("fms", "fms.amazonaws.com", "AssociateAdminAccount", "AdminAccount", "GetAdminAccount", "/AdminAccount"),
];

#[test]
fn the_services_own_calls_delegate_and_are_read_back() {
    for (service, principal, enable, member, read, pointer) in TABLE {
        let mut lab = Lab::organized();
        lab.at(MANAGEMENT, "us-east-1");
        lab.ok(service, enable, json!({ *member: MEMBER }));
        let reply = lab.ok(service, read, json!({}));
        assert_eq!(reply.pointer(pointer), Some(&json!(MEMBER)), "{service}: {reply}");
        assert!(organizations::is_delegated(&lab.world, principal, MEMBER), "{service}");
        assert!(organizations::access_enabled(&lab.world, principal), "{service}");
        let linked = |account: &str| {
            lab.world.iam[account].roles.values().any(|r| r.path == format!("/aws-service-role/{principal}/"))
        };
        assert!(linked(MEMBER), "{service}");
    }
}

/// Service, disabling call and member, code where there is no administrator.
const DISABLE: &[(&str, &str, &str, &str)] = &[
    ("guardduty", "DisableOrganizationAdminAccount", "AdminAccountId", "BadRequestException"),
    ("securityhub", "DisableOrganizationAdminAccount", "AdminAccountId", "InvalidInputException"),
    ("macie2", "DisableOrganizationAdminAccount", "adminAccountId", "ResourceNotFoundException"),
    ("inspector2", "DisableDelegatedAdminAccount", "delegatedAdminAccountId", "ResourceNotFoundException"),
    ("detective", "DisableOrganizationAdminAccount", "", "ValidationException"),
    ("auditmanager", "DeregisterOrganizationAdminAccount", "adminAccountId", "ResourceNotFoundException"),
];

#[test]
fn an_administrator_is_taken_away_by_its_name_and_by_the_management_account_only() {
    for (service, disable, member, none) in DISABLE {
        let (_, _, enable, name, ..) = TABLE.iter().find(|row| row.0 == *service).unwrap();
        let input = |account: &str| if member.is_empty() { json!({}) } else { json!({ *member: account }) };
        let mut lab = Lab::organized();
        lab.at(MANAGEMENT, "us-east-1");
        lab.table(service, &[(disable, input(MEMBER), none)]);
        lab.ok(service, enable, json!({ *name: MEMBER }));
        if !member.is_empty() {
            lab.table(service, &[(disable, input(OTHER), none)]);
        }
        lab.at(MEMBER, "us-east-1");
        lab.fails(service, disable, input(MEMBER));
        lab.at(MANAGEMENT, "us-east-1");
        lab.ok(service, disable, input(MEMBER));
        lab.table(service, &[(disable, input(MEMBER), none)]);
    }
}

#[test]
fn ipam_and_security_lake_deregister_in_organizations_too() {
    for (service, principal, enable, member, disable, input) in [
        (
            "ec2",
            "ipam.amazonaws.com",
            "EnableIpamOrganizationAdminAccount",
            "DelegatedAdminAccountId",
            "DisableIpamOrganizationAdminAccount",
            json!({"DelegatedAdminAccountId": MEMBER}),
        ),
        (
            "securitylake",
            "securitylake.amazonaws.com",
            "RegisterDataLakeDelegatedAdministrator",
            "accountId",
            "DeregisterDataLakeDelegatedAdministrator",
            json!({}),
        ),
    ] {
        let mut lab = Lab::organized();
        lab.ok(service, enable, json!({ member: MEMBER }));
        lab.ok(service, disable, input.clone());
        assert!(!organizations::is_delegated(&lab.world, principal, MEMBER), "{service}");
        lab.fails(service, disable, input);
    }
}

#[test]
fn another_administrator_and_another_caller_are_refused() {
    let codes: &[(&str, &str, &str, &str)] = &[
        ("guardduty", "BadRequestException", "BadRequestException", "BadRequestException"),
        ("securityhub", "InvalidAccessException", "InvalidAccessException", "InvalidInputException"),
        ("macie2", "ConflictException", "AccessDeniedException", "ValidationException"),
        ("inspector2", "ConflictException", "AccessDeniedException", "ValidationException"),
        ("detective", "ValidationException", "AccessDeniedException", "ValidationException"),
        ("auditmanager", "ValidationException", "AccessDeniedException", "ValidationException"),
        ("fms", "InvalidOperationException", "InvalidOperationException", "InvalidInputException"),
    ];
    for (service, other, caller, invalid) in codes {
        let (.., enable, member, _, _) = TABLE.iter().find(|row| row.0 == *service).unwrap();
        let mut lab = Lab::organized();
        lab.at(MANAGEMENT, "us-east-1");
        lab.table(
            service,
            &[
                (enable, json!({ *member: MANAGEMENT }), invalid),
                (enable, json!({ *member: "999999999999" }), invalid),
            ],
        );
        assert_eq!(
            lab.world.organizations.trusted_access.len(),
            0,
            "{service}: a refused call leaves nothing"
        );
        lab.ok(service, enable, json!({ *member: MEMBER }));
        lab.table(service, &[(enable, json!({ *member: OTHER }), other)]);
        // Elsewhere it must be the same account, since Organizations knows it.
        if *service != "fms" {
            lab.at(MANAGEMENT, "eu-west-1");
            lab.table(service, &[(enable, json!({ *member: OTHER }), other)]);
            lab.ok(service, enable, json!({ *member: MEMBER }));
            lab.at(MANAGEMENT, "us-east-1");
        }
        lab.at(OTHER, "us-east-1");
        lab.table(service, &[(enable, json!({ *member: OTHER }), caller)]);
    }
}

#[test]
fn a_second_call_with_the_same_account_is_an_error_in_some_services() {
    let again: &[(&str, Option<&str>)] = &[
        ("guardduty", Some("BadRequestException")),
        ("securityhub", Some("InvalidInputException")),
        ("macie2", Some("ConflictException")),
        ("inspector2", Some("ConflictException")),
        ("detective", None),
        ("fms", None),
    ];
    for (service, code) in again {
        let (.., enable, member, _, _) = TABLE.iter().find(|row| row.0 == *service).unwrap();
        let mut lab = Lab::organized();
        lab.at(MANAGEMENT, "us-east-1");
        let input: Value = json!({ *member: MEMBER });
        lab.ok(service, enable, input.clone());
        match code {
            Some(code) => lab.table(service, &[(enable, input, code)]),
            None => drop(lab.ok(service, enable, input)),
        }
    }
}

#[test]
fn guardduty_makes_a_detector_per_region() {
    let mut lab = Lab::organized();
    for region in ["eu-west-1", "us-east-1"] {
        lab.at(MANAGEMENT, region);
        lab.ok("guardduty", "EnableOrganizationAdminAccount", json!({"AdminAccountId": MEMBER}));
    }
    let mut detector = |region: &str| {
        lab.at(MEMBER, region).ok("guardduty", "ListDetectors", json!({}))["DetectorIds"].clone()
    };
    let (home, away, none) = (detector("eu-west-1"), detector("us-east-1"), detector("ap-south-1"));
    assert_eq!(home[0].as_str().unwrap().len(), 32);
    assert_ne!(home, away);
    assert_eq!(none, json!([]));
    lab.at(MANAGEMENT, "us-east-1");
    lab.table(
        "guardduty",
        &[("DisableOrganizationAdminAccount", json!({"AdminAccountId": OTHER}), "BadRequestException")],
    );
    lab.ok("guardduty", "DisableOrganizationAdminAccount", json!({"AdminAccountId": MEMBER}));
    assert_eq!(lab.ok("guardduty", "ListOrganizationAdminAccounts", json!({}))["AdminAccounts"], json!([]));
}

#[test]
fn registrations_without_a_list_of_their_own_show_in_organizations() {
    let mut lab = Lab::organized();
    lab.ok("securitylake", "RegisterDataLakeDelegatedAdministrator", json!({"accountId": MEMBER}));
    let ipam = json!({"DelegatedAdminAccountId": MEMBER});
    assert_eq!(lab.ok("ec2", "EnableIpamOrganizationAdminAccount", ipam), json!({"Success": true}));
    for principal in ["securitylake.amazonaws.com", "ipam.amazonaws.com"] {
        let listed =
            lab.ok("organizations", "ListDelegatedAdministrators", json!({"ServicePrincipal": principal}));
        assert_eq!(listed["DelegatedAdministrators"][0]["Id"], MEMBER);
    }
    lab.table(
        "securitylake",
        &[
            ("RegisterDataLakeDelegatedAdministrator", json!({"accountId": OTHER}), "ConflictException"),
            ("GetDataLakeOrganizationConfiguration", json!({}), "ResourceNotFoundException"),
        ],
    );
}

#[test]
fn switches_turn_on_trusted_access() {
    let mut lab = Lab::organized();
    lab.at(MANAGEMENT, "us-east-1");
    assert_eq!(lab.ok("cloudformation", "DescribeOrganizationsAccess", json!({}))["Status"], "DISABLED");
    lab.ok("cloudformation", "ActivateOrganizationsAccess", json!({}));
    assert_eq!(lab.ok("cloudformation", "DescribeOrganizationsAccess", json!({}))["Status"], "ENABLED");
    lab.ok("ram", "EnableSharingWithAwsOrganization", json!({}));
    assert!(lab.world.iam[MANAGEMENT].roles.contains_key("AWSServiceRoleForResourceAccessManager"));
    lab.ok("health", "EnableHealthServiceAccessForOrganization", json!({}));
    let health = lab.ok("health", "DescribeHealthServiceStatusForOrganization", json!({}));
    assert_eq!(health["healthServiceAccessStatusForOrganization"], "ENABLED");
    lab.ok("service-quotas", "AssociateServiceQuotaTemplate", json!({}));
    let template = lab.ok("service-quotas", "GetAssociationForServiceQuotaTemplate", json!({}));
    assert_eq!(template["ServiceQuotaTemplateAssociationStatus"], "ASSOCIATED");
    let enabled: Vec<&str> = lab.world.organizations.trusted_access.keys().map(String::as_str).collect();
    assert_eq!(
        enabled,
        [
            "health.amazonaws.com",
            "member.org.stacksets.cloudformation.amazonaws.com",
            "ram.amazonaws.com",
            "servicequotas.amazonaws.com"
        ]
    );
    lab.at(MANAGEMENT, "eu-west-1");
    lab.table(
        "service-quotas",
        &[("AssociateServiceQuotaTemplate", json!({}), "TemplatesNotAvailableInRegionException")],
    );
    lab.table("fms", &[("GetAdminAccount", json!({}), "InvalidOperationException")]);
    lab.at(MEMBER, "us-east-1");
    lab.table("cloudformation", &[("ActivateOrganizationsAccess", json!({}), "InvalidOperationException")]);
    lab.table("ram", &[("EnableSharingWithAwsOrganization", json!({}), "OperationNotPermittedException")]);
    lab.table("service-quotas", &[("AssociateServiceQuotaTemplate", json!({}), "AccessDeniedException")]);
    lab.table("fms", &[("GetAdminAccount", json!({}), "ResourceNotFoundException")]);
}

#[test]
fn enrolment_covers_members_and_takes_a_moment() {
    let mut lab = Lab::organized();
    let all = json!({"status": "Active", "includeMemberAccounts": true});
    assert_eq!(lab.ok("compute-optimizer", "GetEnrollmentStatus", json!({}))["status"], "Inactive");
    assert_eq!(lab.ok("compute-optimizer", "UpdateEnrollmentStatus", all.clone())["status"], "Pending");
    let status = lab.ok("compute-optimizer", "GetEnrollmentStatus", json!({}));
    assert_eq!((&status["status"], &status["numberOfMemberAccountsOptedIn"]), (&json!("Active"), &json!(2)));
    let members = lab.ok("compute-optimizer", "GetEnrollmentStatusesForOrganization", json!({}));
    assert_eq!(members["accountEnrollmentStatuses"].as_array().unwrap().len(), 3);
    // Asking for what is there already does not start over.
    assert_eq!(lab.ok("compute-optimizer", "UpdateEnrollmentStatus", all.clone())["status"], "Active");
    lab.ok("cost-optimization-hub", "UpdateEnrollmentStatus", all.clone());
    let hub = lab.ok("cost-optimization-hub", "ListEnrollmentStatuses", json!({}));
    assert_eq!((&hub["items"][0]["status"], &hub["includeMemberAccounts"]), (&json!("Active"), &json!(true)));
    lab.table(
        "compute-optimizer",
        &[("UpdateEnrollmentStatus", json!({"status": "Failed"}), "InvalidParameterValueException")],
    );
    lab.account = MEMBER.into();
    lab.table(
        "compute-optimizer",
        &[
            ("UpdateEnrollmentStatus", all.clone(), "AccessDeniedException"),
            ("GetEnrollmentStatusesForOrganization", json!({}), "AccessDeniedException"),
        ],
    );
    lab.table("cost-optimization-hub", &[("UpdateEnrollmentStatus", all, "AccessDeniedException")]);
}
