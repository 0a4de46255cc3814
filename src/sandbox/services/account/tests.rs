#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};

use crate::sandbox::services::lab::{Lab, MANAGEMENT, MEMBER, OTHER};

fn contact(account: Option<&str>) -> Value {
    let mut input = json!({"AlternateContactType": "SECURITY", "Name": "Sec", "Title": "Team",
        "EmailAddress": "sec@example.com", "PhoneNumber": "+1 555 0100"});
    if let Some(account) = account {
        input["AccountId"] = json!(account);
    }
    input
}

#[test]
fn contacts_of_members_need_trusted_access() {
    let mut lab = Lab::organized();
    lab.table(
        "account",
        &[
            ("PutAlternateContact", contact(Some(MEMBER)), "AccessDeniedException"),
            ("GetAlternateContact", json!({"AlternateContactType": "SECURITY"}), "ResourceNotFoundException"),
            (
                "DeleteAlternateContact",
                json!({"AlternateContactType": "SECURITY"}),
                "ResourceNotFoundException",
            ),
        ],
    );
    lab.ok("organizations", "EnableAWSServiceAccess", json!({"ServicePrincipal": "account.amazonaws.com"}));
    lab.ok("account", "PutAlternateContact", contact(Some(MEMBER)));
    lab.ok("account", "PutAlternateContact", contact(None));
    let own = lab.fails("account", "PutAlternateContact", contact(Some(MANAGEMENT)));
    assert_eq!(own.code, "AccessDeniedException");
    assert!(own.message.contains("standalone context"), "{}", own.message);
    lab.table(
        "account",
        &[
            ("PutAlternateContact", contact(Some("999999999999")), "AccessDeniedException"),
            ("GetPrimaryEmail", json!({"AccountId": MANAGEMENT}), "AccessDeniedException"),
            (
                "StartPrimaryEmailUpdate",
                json!({"AccountId": MEMBER, "PrimaryEmail": "aws+other@example.com"}),
                "ConflictException",
            ),
        ],
    );
    assert_eq!(
        lab.ok("account", "GetPrimaryEmail", json!({"AccountId": MEMBER}))["PrimaryEmail"],
        "aws+member@example.com"
    );
    lab.account = MEMBER.into();
    let seen = lab.ok("account", "GetAlternateContact", json!({"AlternateContactType": "SECURITY"}));
    assert_eq!(seen["AlternateContact"]["EmailAddress"], "sec@example.com");
    lab.table(
        "account",
        &[(
            "GetAlternateContact",
            json!({"AlternateContactType": "SECURITY", "AccountId": OTHER}),
            "AccessDeniedException",
        )],
    );
}

#[test]
fn a_created_account_takes_the_primary_contact_of_the_management_account_once() {
    let mut lab = Lab::organized();
    let contact = json!({"FullName": "Acme", "AddressLine1": "Road 1", "City": "Bern", "PostalCode": "3000",
        "CountryCode": "CH", "PhoneNumber": "+41 31 555"});
    assert!(
        lab.ok("account", "GetContactInformation", json!({}))["ContactInformation"]["FullName"].is_string()
    );
    lab.ok("account", "PutContactInformation", json!({ "ContactInformation": contact }));
    let new = json!({"Email": "new@example.com", "AccountName": "new"});
    let request = lab.ok("organizations", "CreateAccount", new)["CreateAccountStatus"]["Id"].clone();
    lab.now += 60.0;
    let status =
        lab.ok("organizations", "DescribeCreateAccountStatus", json!({"CreateAccountRequestId": request}));
    lab.account = status["CreateAccountStatus"]["AccountId"].as_str().unwrap().to_owned();
    assert_eq!(lab.ok("account", "GetContactInformation", json!({}))["ContactInformation"], contact);
    lab.account = MEMBER.into();
    let own = lab.ok("account", "GetContactInformation", json!({}))["ContactInformation"].clone();
    assert_ne!(own["FullName"], "Acme");
    let stateless = json!({"ContactInformation": {"FullName": "Acme", "AddressLine1": "Road 1", "City": "Bonn",
        "PostalCode": "53111", "CountryCode": "DE", "PhoneNumber": "+49 228 555"}});
    assert_eq!(lab.fails("account", "PutContactInformation", stateless).code, "ValidationException");
    assert_eq!(lab.ok("account", "GetAccountInformation", json!({}))["AccountName"], "member");
}

#[test]
fn opt_in_regions_take_their_time() {
    let mut lab = Lab::organized();
    let region = |name: &str| json!({ "RegionName": name });
    let status = |lab: &mut Lab, name: &str| {
        lab.ok("account", "GetRegionOptStatus", region(name))["RegionOptStatus"].as_str().unwrap().to_owned()
    };
    assert_eq!(status(&mut lab, "eu-west-1"), "ENABLED_BY_DEFAULT");
    assert_eq!(status(&mut lab, "eu-south-1"), "DISABLED");
    lab.ok("account", "EnableRegion", region("eu-south-1"));
    assert_eq!(status(&mut lab, "eu-south-1"), "ENABLING");
    lab.table(
        "account",
        &[
            ("EnableRegion", region("eu-south-1"), "ConflictException"),
            ("DisableRegion", region("eu-west-1"), "ValidationException"),
            ("GetRegionOptStatus", region("mars-north-1"), "ValidationException"),
        ],
    );
    lab.now += 6.0;
    assert_eq!(status(&mut lab, "eu-south-1"), "ENABLED");
    let enabled = lab.ok(
        "account",
        "ListRegions",
        json!({"RegionOptStatusContains": ["ENABLED", "ENABLED_BY_DEFAULT"]}),
    );
    assert_eq!(enabled["Regions"].as_array().unwrap().len(), 18);
    for name in ["af-south-1", "ap-east-1", "ap-south-2", "me-south-1", "il-central-1", "ca-west-1"] {
        lab.ok("account", "EnableRegion", region(name));
    }
    lab.table("account", &[("EnableRegion", region("me-central-1"), "TooManyRequestsException")]);
    // A world of two regions: the others are there but off.
    lab.world.regions = vec!["eu-west-1".into(), "us-east-1".into()];
    lab.account = MEMBER.into();
    let enabled = lab.ok(
        "account",
        "ListRegions",
        json!({"RegionOptStatusContains": ["ENABLED", "ENABLED_BY_DEFAULT"]}),
    );
    assert_eq!(enabled["Regions"].as_array().unwrap().len(), 2);
}
