#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};

use crate::sandbox::services::lab::{HOME, Lab, MANAGEMENT, MEMBER, OTHER};

const SERVICE: &str = "guardduty";
const BAD: &str = "BadRequestException";

/// An organization whose member administers GuardDuty in the home region; the member calls. Its detector's id.
fn administered() -> (Lab, String) {
    let mut lab = Lab::organized();
    lab.at(MANAGEMENT, HOME).ok(SERVICE, "EnableOrganizationAdminAccount", json!({"AdminAccountId": MEMBER}));
    let id = detector(&mut lab, MEMBER).unwrap();
    lab.at(MEMBER, HOME);
    (lab, id)
}

/// The id of an account's detector.
fn detector(lab: &mut Lab, account: &str) -> Option<String> {
    let before = (lab.account.clone(), lab.region.clone());
    let ids = lab.at(account, HOME).ok(SERVICE, "ListDetectors", json!({}))["DetectorIds"].clone();
    lab.at(&before.0, &before.1);
    ids[0].as_str().map(str::to_owned)
}

#[expect(clippy::needless_pass_by_value, reason = "made at the call")]
fn with(id: &str, more: Value) -> Value {
    let mut input = json!({"DetectorId": id});
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    input
}

#[expect(clippy::needless_pass_by_value, reason = "made at the call")]
fn configure(lab: &mut Lab, id: &str, auto_enable: &str, features: Value) {
    let input = json!({"AutoEnableOrganizationMembers": auto_enable, "Features": features});
    lab.ok(SERVICE, "UpdateOrganizationConfiguration", with(id, input));
}

/// Account and status of every member, those too that are not associated.
fn members(lab: &mut Lab, id: &str) -> Vec<(String, String)> {
    let all = lab.ok(SERVICE, "ListMembers", with(id, json!({"OnlyAssociated": "false"})))["Members"].clone();
    let text = |member: &Value, name: &str| member[name].as_str().unwrap().to_owned();
    let all = all.as_array().unwrap().iter();
    all.map(|member| (text(member, "AccountId"), text(member, "RelationshipStatus"))).collect()
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

/// Status of one feature in an account's own detector.
fn feature(lab: &mut Lab, account: &str, name: &str) -> String {
    let id = detector(lab, account).unwrap();
    let before = (lab.account.clone(), lab.region.clone());
    let shown = lab.at(account, HOME).ok(SERVICE, "GetDetector", json!({"DetectorId": id}));
    lab.at(&before.0, &before.1);
    let found = shown["Features"].as_array().unwrap().iter().find(|f| f["Name"] == name).unwrap().clone();
    found["Status"].as_str().unwrap().to_owned()
}

#[test]
fn a_detector_is_one_per_region_and_begins_with_everything_but_runtime_monitoring() {
    let mut lab = Lab::new();
    let input = json!({"Enable": true, "Features": [{"Name": "S3_DATA_EVENTS", "Status": "DISABLED"}]});
    let id = lab.ok(SERVICE, "CreateDetector", input.clone())["DetectorId"].as_str().unwrap().to_owned();
    for (name, status) in [
        ("FLOW_LOGS", "ENABLED"),
        ("S3_DATA_EVENTS", "DISABLED"),
        ("EKS_AUDIT_LOGS", "ENABLED"),
        ("RUNTIME_MONITORING", "DISABLED"),
    ] {
        assert_eq!(feature(&mut lab, MANAGEMENT, name), status, "{name}");
    }
    let shown = lab.ok(SERVICE, "GetDetector", json!({"DetectorId": id}));
    assert_eq!(
        (&shown["Status"], &shown["FindingPublishingFrequency"]),
        (&json!("ENABLED"), &json!("SIX_HOURS"))
    );
    assert!(lab.world.iam[MANAGEMENT].roles.contains_key("AWSServiceRoleForAmazonGuardDuty"));
    let both = json!([{"Name": "RUNTIME_MONITORING", "Status": "ENABLED"},
                      {"Name": "EKS_RUNTIME_MONITORING", "Status": "ENABLED"}]);
    let foreign =
        json!([{"Name": "S3_DATA_EVENTS", "AdditionalConfiguration": [{"Name": "EKS_ADDON_MANAGEMENT"}]}]);
    lab.table(
        SERVICE,
        &[
            ("CreateDetector", input, BAD),
            ("GetDetector", json!({"DetectorId": "0".repeat(32)}), BAD),
            ("UpdateDetector", with(&id, json!({"Features": both})), BAD),
            ("UpdateDetector", with(&id, json!({"Features": foreign})), BAD),
            ("DescribeOrganizationConfiguration", json!({"DetectorId": id}), BAD),
            ("GetOrganizationStatistics", json!({}), BAD),
        ],
    );
    let change = json!({"Enable": false, "FindingPublishingFrequency": "ONE_HOUR",
                        "DataSources": {"S3Logs": {"Enable": true}}});
    lab.ok(SERVICE, "UpdateDetector", with(&id, change));
    let shown = lab.ok(SERVICE, "GetDetector", json!({"DetectorId": id}));
    assert_eq!(
        (&shown["Status"], &shown["FindingPublishingFrequency"]),
        (&json!("DISABLED"), &json!("ONE_HOUR"))
    );
    assert_eq!(feature(&mut lab, MANAGEMENT, "S3_DATA_EVENTS"), "ENABLED");
    let arn = format!("arn:aws:guardduty:{HOME}:{MANAGEMENT}:detector/{id}");
    lab.ok(SERVICE, "TagResource", json!({"ResourceArn": arn, "Tags": {"team": "blue"}}));
    assert_eq!(lab.ok(SERVICE, "ListTagsForResource", json!({"ResourceArn": arn}))["Tags"]["team"], "blue");
    lab.ok(SERVICE, "DeleteDetector", json!({"DetectorId": id}));
    assert_eq!(detector(&mut lab, MANAGEMENT), None);
}

#[test]
fn all_reaches_every_account_and_new_only_those_that_join() {
    let (mut lab, id) = administered();
    configure(&mut lab, &id, "NEW", json!([]));
    assert_eq!(members(&mut lab, &id), []);
    let before = lab.account.clone();
    let request = lab.at(MANAGEMENT, HOME).ok(
        "organizations",
        "CreateAccount",
        json!({"AccountName": "new", "Email": "aws+new@example.com"}),
    );
    let request = request["CreateAccountStatus"]["Id"].clone();
    lab.now += 5.0;
    let done =
        lab.ok("organizations", "DescribeCreateAccountStatus", json!({"CreateAccountRequestId": request}));
    let new = done["CreateAccountStatus"]["AccountId"].as_str().unwrap().to_owned();
    lab.at(&before, HOME);
    assert_eq!(members(&mut lab, &id), pairs(&[(&new, "Enabled")]));
    assert!(detector(&mut lab, &new).is_some() && detector(&mut lab, OTHER).is_none());
    configure(&mut lab, &id, "ALL", json!([{"Name": "S3_DATA_EVENTS", "AutoEnable": "ALL"}]));
    let mut all = vec![MANAGEMENT, OTHER, &new];
    all.sort_unstable();
    let wanted: Vec<(&str, &str)> = all.iter().map(|account| (*account, "Enabled")).collect();
    assert_eq!(members(&mut lab, &id), pairs(&wanted));
    for account in all {
        assert_eq!(feature(&mut lab, account, "S3_DATA_EVENTS"), "ENABLED");
        assert_eq!(feature(&mut lab, account, "EKS_AUDIT_LOGS"), "DISABLED");
    }
    let counts = lab.ok(SERVICE, "GetOrganizationStatistics", json!({}));
    let counts = &counts["OrganizationDetails"]["OrganizationStatistics"];
    assert_eq!((&counts["TotalAccountsCount"], &counts["EnabledAccountsCount"]), (&json!(4), &json!(4)));
    let shown = lab.ok(SERVICE, "DescribeOrganizationConfiguration", json!({"DetectorId": id}));
    assert_eq!(
        (&shown["AutoEnableOrganizationMembers"], &shown["AutoEnable"]),
        (&json!("ALL"), &json!(true))
    );
    lab.table(
        SERVICE,
        &[
            ("UpdateOrganizationConfiguration", json!({"DetectorId": id}), BAD),
            ("DisassociateMembers", with(&id, json!({"AccountIds": [OTHER]})), BAD),
            ("StopMonitoringMembers", with(&id, json!({"AccountIds": [OTHER]})), BAD),
            ("DeleteDetector", json!({"DetectorId": id}), BAD),
        ],
    );
    let own = detector(&mut lab, OTHER).unwrap();
    lab.at(OTHER, HOME);
    lab.table(
        SERVICE,
        &[
            ("UpdateDetector", with(&own, json!({"Enable": false})), BAD),
            ("DeleteDetector", json!({"DetectorId": own}), BAD),
            ("DisassociateFromAdministratorAccount", json!({"DetectorId": own}), BAD),
            ("ListMembers", json!({"DetectorId": id}), BAD),
        ],
    );
    let admin = lab.ok(SERVICE, "GetAdministratorAccount", json!({"DetectorId": own}));
    assert_eq!(admin["Administrator"]["AccountId"], MEMBER);
}

#[test]
fn members_are_taken_out_stopped_and_taken_in_again() {
    let (mut lab, id) = administered();
    let accounts = json!({"AccountDetails": [{"AccountId": OTHER, "Email": "o@example.com"},
                                             {"AccountId": MEMBER, "Email": "m@example.com"}]});
    let refused =
        lab.ok(SERVICE, "CreateMembers", with(&id, accounts.clone()))["UnprocessedAccounts"].clone();
    assert_eq!((refused.as_array().unwrap().len(), &refused[0]["AccountId"]), (1, &json!(MEMBER)));
    let one = || with(&id, json!({"AccountIds": [OTHER]}));
    let steps: &[(&str, &[(&str, &str)])] = &[
        ("StopMonitoringMembers", &[(OTHER, "Disabled")]),
        ("StartMonitoringMembers", &[(OTHER, "Enabled")]),
        ("DisassociateMembers", &[(OTHER, "Removed")]),
        ("DeleteMembers", &[]),
    ];
    for (operation, after) in steps {
        assert_eq!(lab.ok(SERVICE, operation, one())["UnprocessedAccounts"], json!([]), "{operation}");
        assert_eq!(members(&mut lab, &id), pairs(after), "{operation}");
    }
    assert!(detector(&mut lab, OTHER).is_some(), "an account keeps its detector");
    let refused = lab.ok(SERVICE, "GetMemberDetectors", one())["UnprocessedAccounts"].clone();
    assert_eq!(refused[0]["AccountId"], OTHER);
    lab.ok(SERVICE, "CreateMembers", with(&id, accounts));
    let change = json!({"AccountIds": [OTHER], "Features": [{"Name": "RUNTIME_MONITORING", "Status": "ENABLED",
        "AdditionalConfiguration": [{"Name": "EC2_AGENT_MANAGEMENT", "Status": "ENABLED"}]}]});
    lab.ok(SERVICE, "UpdateMemberDetectors", with(&id, change));
    let shown = lab.ok(SERVICE, "GetMemberDetectors", one());
    let features = shown["MemberDataSourceConfigurations"][0]["Features"].as_array().unwrap().clone();
    let runtime = features.iter().find(|f| f["Name"] == "RUNTIME_MONITORING").unwrap();
    assert_eq!(
        (&runtime["Status"], &runtime["AdditionalConfiguration"][0]["Status"]),
        (&json!("ENABLED"), &json!("ENABLED"))
    );
    let own = detector(&mut lab, OTHER).unwrap();
    lab.at(OTHER, HOME).ok(SERVICE, "DisassociateFromAdministratorAccount", json!({"DetectorId": own}));
    lab.at(MEMBER, HOME);
    assert_eq!(members(&mut lab, &id), pairs(&[(OTHER, "Resigned")]));
}

#[test]
fn an_administrator_with_members_stays_and_one_without_leaves_its_detector() {
    let (mut lab, id) = administered();
    configure(&mut lab, &id, "ALL", json!([]));
    let admin = json!({"AdminAccountId": MEMBER});
    lab.at(MANAGEMENT, HOME).table(SERVICE, &[("DisableOrganizationAdminAccount", admin.clone(), BAD)]);
    lab.at(MEMBER, HOME);
    configure(&mut lab, &id, "NONE", json!([]));
    let all = json!({"AccountIds": [MANAGEMENT, OTHER]});
    lab.ok(SERVICE, "DisassociateMembers", with(&id, all.clone()));
    lab.ok(SERVICE, "DeleteMembers", with(&id, all));
    lab.at(MANAGEMENT, HOME).ok(SERVICE, "DisableOrganizationAdminAccount", admin);
    assert_eq!(detector(&mut lab, MEMBER).as_ref(), Some(&id));
    lab.at(MEMBER, HOME)
        .table(SERVICE, &[("DescribeOrganizationConfiguration", json!({"DetectorId": id}), BAD)]);
}

#[test]
fn pages_are_short_where_the_world_says_so() {
    let (mut lab, id) = administered();
    configure(&mut lab, &id, "ALL", json!([]));
    lab.world.page_limit = 1;
    let first = lab.ok(SERVICE, "ListMembers", json!({"DetectorId": id}));
    assert_eq!(first["Members"].as_array().unwrap().len(), 1);
    let second = lab.ok(SERVICE, "ListMembers", with(&id, json!({"NextToken": first["NextToken"]})));
    assert_ne!(first["Members"], second["Members"]);
    let shown = lab.ok(SERVICE, "DescribeOrganizationConfiguration", json!({"DetectorId": id}));
    assert_eq!(shown["Features"].as_array().unwrap().len(), 1);
    lab.table(SERVICE, &[("ListMembers", with(&id, json!({"NextToken": "x"})), BAD)]);
}

/// A bucket and a key of the other account that let GuardDuty in under `principal`; the key's ARN.
fn destination(lab: &mut Lab, principal: &str) -> Value {
    lab.at(OTHER, HOME);
    let policy = |actions: Value, resource: &str| {
        json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": actions[0].as_str().unwrap().split(':').next().map(|s| format!("{s}:*")), "Resource": "*"},
            {"Effect": "Allow", "Principal": {"Service": principal}, "Action": actions, "Resource": resource,
             "Condition": {"StringEquals": {"aws:SourceAccount": MEMBER}}},
        ]})
    };
    let key = lab.ok("kms", "CreateKey", json!({}))["KeyMetadata"].clone();
    let text = policy(json!(["kms:GenerateDataKey"]), "*").to_string();
    lab.ok("kms", "PutKeyPolicy", json!({"KeyId": key["KeyId"], "PolicyName": "default", "Policy": text}));
    let place = json!({"Bucket": "findings", "CreateBucketConfiguration": {"LocationConstraint": HOME}});
    lab.ok("s3", "CreateBucket", place);
    let mut bucket = policy(json!(["s3:GetBucketLocation", "s3:PutObject"]), "arn:aws:s3:::findings*");
    bucket["Statement"].as_array_mut().unwrap().remove(0);
    lab.ok("s3", "PutBucketPolicy", json!({"Bucket": "findings", "Policy": bucket.to_string()}));
    lab.at(MEMBER, HOME);
    key["Arn"].clone()
}

#[test]
fn findings_go_to_a_bucket_that_lets_guardduty_in() {
    let (mut lab, id) = administered();
    let key = destination(&mut lab, "guardduty.amazonaws.com");
    let create = |bucket: &str, key: &Value, more: Value| {
        let mut properties = json!({"DestinationArn": format!("arn:aws:s3:::{bucket}"), "KmsKeyArn": key});
        properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        with(&id, json!({"DestinationType": "S3", "DestinationProperties": properties}))
    };
    lab.table(
        SERVICE,
        &[
            ("CreatePublishingDestination", create("none", &key, json!({})), BAD),
            ("CreatePublishingDestination", create("findings", &json!("alias/x"), json!({})), BAD),
            (
                "CreatePublishingDestination",
                create("findings", &key, json!({"ExpectedBucketOwner": MEMBER})),
                BAD,
            ),
        ],
    );
    let input = create("findings", &key, json!({"ExpectedBucketOwner": OTHER}));
    let made = lab.ok(SERVICE, "CreatePublishingDestination", input.clone())["DestinationId"].clone();
    lab.table(SERVICE, &[("CreatePublishingDestination", input, BAD)]);
    let named = with(&id, json!({"DestinationId": made}));
    let shown = lab.ok(SERVICE, "DescribePublishingDestination", named.clone());
    assert_eq!(
        (&shown["Status"], &shown["DestinationProperties"]["KmsKeyArn"]),
        (&json!("PUBLISHING"), &key)
    );
    lab.at(OTHER, HOME).ok("s3", "DeleteBucketPolicy", json!({"Bucket": "findings"}));
    let listed = lab.at(MEMBER, HOME).ok(SERVICE, "ListPublishingDestinations", json!({"DetectorId": id}));
    assert_eq!(listed["Destinations"][0]["Status"], "UNABLE_TO_PUBLISH_FIX_DESTINATION_PROPERTY");
    let fault = lab.fails(SERVICE, "UpdatePublishingDestination", named.clone());
    assert!(fault.message.contains("does not have permission"), "{fault:?}");
    lab.ok(SERVICE, "DeletePublishingDestination", named);
}

#[test]
fn in_a_region_to_opt_in_to_guardduty_has_a_principal_of_its_own() {
    for (principal, allowed) in
        [("guardduty.amazonaws.com", false), ("guardduty.me-south-1.amazonaws.com", true)]
    {
        let (mut lab, _) = administered();
        let key = destination(&mut lab, principal);
        lab.at(MEMBER, "me-south-1");
        let id = lab.ok(SERVICE, "CreateDetector", json!({"Enable": true}))["DetectorId"].clone();
        let properties = json!({"DestinationArn": "arn:aws:s3:::findings", "KmsKeyArn": key});
        let input = json!({"DetectorId": id, "DestinationType": "S3", "DestinationProperties": properties});
        assert_eq!(lab.call(SERVICE, "CreatePublishingDestination", input).is_ok(), allowed, "{principal}");
    }
}
