//! CloudTrail, call by call.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "tests")]

use serde_json::{Value, json};

use crate::sandbox::services::lab::{HOME, Lab, MANAGEMENT, MEMBER, OTHER};
use crate::sandbox::services::organizations;

const FAR: &str = "us-east-1";
const PRINCIPAL: &str = "cloudtrail.amazonaws.com";

/// The bucket policy that CloudTrail documents, for the account's own path and the organization's.
fn bucket_policy(bucket: &str, prefixes: &[&str]) -> String {
    let resources: Vec<String> =
        prefixes.iter().map(|path| format!("arn:aws:s3:::{bucket}/{path}/*")).collect();
    json!({"Version": "2012-10-17", "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": PRINCIPAL},
            "Action": "s3:GetBucketAcl",
            "Resource": format!("arn:aws:s3:::{bucket}"),
        },
        {
            "Effect": "Allow",
            "Principal": {"Service": PRINCIPAL},
            "Action": "s3:PutObject",
            "Resource": resources,
            "Condition": {"StringEquals": {
                "s3:x-amz-acl": "bucket-owner-full-control",
                "aws:SourceArn": format!("arn:aws:cloudtrail:{HOME}:{MANAGEMENT}:trail/main"),
            }},
        },
    ]})
    .to_string()
}

const OWN: &str = "AWSLogs/111111111111";
const ORGANIZATION: &str = "AWSLogs/o-a1b2c3d4e5";

/// An organization with a bucket that CloudTrail may write to.
fn lab(prefixes: &[&str]) -> Lab {
    let mut lab = Lab::with_organization();
    let bucket = json!({"Bucket": "trail-logs", "CreateBucketConfiguration": {"LocationConstraint": HOME}});
    lab.ok("s3", "CreateBucket", bucket);
    let policy = bucket_policy("trail-logs", prefixes);
    lab.ok("s3", "PutBucketPolicy", json!({"Bucket": "trail-logs", "Policy": policy}));
    lab
}

fn trail(more: Value) -> Value {
    let mut input = json!({"Name": "main", "S3BucketName": "trail-logs"});
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    input
}

fn codes(lab: &mut Lab, rows: &[(Value, &str)]) {
    for (more, code) in rows {
        let fault = lab.fails("cloudtrail", "CreateTrail", trail(more.clone()));
        assert_eq!(&fault.code, code, "{more}: {}", fault.message);
    }
}

#[test]
fn a_multi_region_trail_is_shown_everywhere_and_changed_at_home() {
    let mut lab = lab(&[OWN]);
    let made = lab.ok(
        "cloudtrail",
        "CreateTrail",
        trail(json!({"IsMultiRegionTrail": true, "EnableLogFileValidation": true})),
    );
    let arn = made["TrailARN"].clone();
    assert_eq!(arn, format!("arn:aws:cloudtrail:{HOME}:{MANAGEMENT}:trail/main"));
    assert_eq!(lab.ok("cloudtrail", "GetTrailStatus", json!({"Name": "main"}))["IsLogging"], false);
    lab.ok("cloudtrail", "StartLogging", json!({"Name": "main"}));
    lab.at(MANAGEMENT, FAR);
    let seen = lab.ok("cloudtrail", "DescribeTrails", json!({}));
    assert_eq!(seen["trailList"][0]["HomeRegion"], HOME);
    let none = lab.ok("cloudtrail", "DescribeTrails", json!({"includeShadowTrails": false}));
    assert_eq!(none["trailList"], json!([]));
    assert_eq!(lab.ok("cloudtrail", "GetTrailStatus", json!({"Name": arn}))["IsLogging"], true);
    lab.table(
        "cloudtrail",
        &[
            ("StopLogging", json!({"Name": arn}), "InvalidHomeRegionException"),
            (
                "UpdateTrail",
                json!({"Name": arn, "EnableLogFileValidation": false}),
                "InvalidHomeRegionException",
            ),
            ("DeleteTrail", json!({"Name": arn}), "InvalidHomeRegionException"),
            ("StopLogging", json!({"Name": "main"}), "TrailNotFoundException"),
        ],
    );
    lab.at(MANAGEMENT, HOME);
    lab.ok("cloudtrail", "StopLogging", json!({"Name": "main"}));
    let status = lab.ok("cloudtrail", "GetTrailStatus", json!({"Name": "main"}));
    assert_eq!((&status["IsLogging"], &status["StopLoggingTime"]), (&json!(false), &json!(lab.now)));
    assert_eq!(status["TimeLoggingStarted"], "2027-01-15T08:00:00Z");
    lab.ok("cloudtrail", "DeleteTrail", json!({"Name": "main"}));
    assert_eq!(lab.ok("cloudtrail", "ListTrails", json!({}))["Trails"], json!([]));
}

#[test]
fn create_trail_checks_names_and_bucket() {
    let mut lab = lab(&["elsewhere"]);
    codes(
        &mut lab,
        &[
            (json!({"Name": "ab"}), "InvalidTrailNameException"),
            (json!({"Name": "a b c"}), "InvalidTrailNameException"),
            (json!({"Name": "-abc"}), "InvalidTrailNameException"),
            (json!({"Name": "a..b"}), "InvalidTrailNameException"),
            (json!({"Name": "10.0.0.1"}), "InvalidTrailNameException"),
            (json!({"S3BucketName": "No"}), "InvalidS3BucketNameException"),
            (json!({"S3KeyPrefix": "x".repeat(201)}), "InvalidS3PrefixException"),
            (json!({"S3BucketName": "none-there"}), "S3BucketDoesNotExistException"),
            (json!({}), "InsufficientS3BucketPolicyException"),
            (
                json!({"IsMultiRegionTrail": true, "IncludeGlobalServiceEvents": false}),
                "InvalidParameterCombinationException",
            ),
            (json!({"TagsList": [{"Key": "aws:x", "Value": "1"}]}), "InvalidTagParameterException"),
        ],
    );
    let policy = |path: &str| json!({"Bucket": "trail-logs", "Policy": bucket_policy("trail-logs", &[path])});
    lab.ok("s3", "PutBucketPolicy", policy(OWN));
    codes(
        &mut lab,
        &[
            (json!({"S3KeyPrefix": "p"}), "InsufficientS3BucketPolicyException"),
            (json!({"Name": "other"}), "InsufficientS3BucketPolicyException"),
            (json!({"SnsTopicName": "none"}), "InsufficientSnsTopicPolicyException"),
            (json!({"KmsKeyId": "alias/none"}), "KmsKeyNotFoundException"),
            (json!({"KmsKeyId": "nonsense"}), "InvalidKmsKeyIdException"),
        ],
    );
    lab.ok("cloudtrail", "CreateTrail", trail(json!({})));
    codes(&mut lab, &[(json!({}), "TrailAlreadyExistsException")]);
}

#[test]
fn the_key_must_let_cloudtrail_encrypt() {
    let mut lab = lab(&[OWN]);
    let key = lab.ok("kms", "CreateKey", json!({}))["KeyMetadata"].clone();
    lab.ok("kms", "CreateAlias", json!({"AliasName": "alias/trail", "TargetKeyId": key["KeyId"]}));
    let input = json!({"KmsKeyId": "alias/trail"});
    codes(&mut lab, &[(input.clone(), "InsufficientEncryptionPolicyException")]);
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": MANAGEMENT}, "Action": "kms:*", "Resource": "*"},
        {"Effect": "Allow", "Principal": {"Service": PRINCIPAL}, "Action": "kms:DescribeKey", "Resource": "*"},
        {"Effect": "Allow", "Principal": {"Service": PRINCIPAL}, "Action": "kms:GenerateDataKey*", "Resource": "*",
         "Condition": {
            "StringEquals": {"aws:SourceArn": format!("arn:aws:cloudtrail:{HOME}:{MANAGEMENT}:trail/main")},
            "StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn": format!("arn:aws:cloudtrail:*:{MANAGEMENT}:trail/*")},
         }},
    ]});
    lab.ok("kms", "PutKeyPolicy", json!({"KeyId": key["KeyId"], "Policy": policy.to_string()}));
    let made = lab.ok("cloudtrail", "CreateTrail", trail(input.clone()));
    assert_eq!(made["KmsKeyId"], key["Arn"]);
    lab.ok("kms", "DisableKey", json!({"KeyId": key["KeyId"]}));
    let update = json!({"Name": "main", "KmsKeyId": "alias/trail"});
    assert_eq!(lab.fails("cloudtrail", "UpdateTrail", update).code, "KmsException");
    let removed = lab.ok("cloudtrail", "UpdateTrail", json!({"Name": "main", "KmsKeyId": ""}));
    assert!(removed.get("KmsKeyId").is_none());
}

#[test]
fn log_group_and_role_go_together() {
    let mut lab = lab(&[OWN]);
    let group = format!("arn:aws:logs:{HOME}:{MANAGEMENT}:log-group:trail:*");
    let role = format!("arn:aws:iam::{MANAGEMENT}:role/TrailToLogs");
    let both = json!({"CloudWatchLogsLogGroupArn": group, "CloudWatchLogsRoleArn": role});
    codes(
        &mut lab,
        &[
            (json!({"CloudWatchLogsLogGroupArn": group}), "InvalidCloudWatchLogsRoleArnException"),
            (json!({"CloudWatchLogsRoleArn": role}), "InvalidCloudWatchLogsLogGroupArnException"),
            (both.clone(), "InvalidCloudWatchLogsLogGroupArnException"),
        ],
    );
    lab.ok("logs", "CreateLogGroup", json!({"logGroupName": "trail"}));
    codes(&mut lab, &[(both.clone(), "InvalidCloudWatchLogsRoleArnException")]);
    let trust = |service: &str| {
        let statement =
            json!({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"});
        json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
    };
    let make = |service: &str| json!({"RoleName": "TrailToLogs", "AssumeRolePolicyDocument": trust(service)});
    lab.ok("iam", "CreateRole", make("ec2.amazonaws.com"));
    codes(&mut lab, &[(both.clone(), "InvalidCloudWatchLogsRoleArnException")]);
    lab.ok(
        "iam",
        "UpdateAssumeRolePolicy",
        json!({"RoleName": "TrailToLogs", "PolicyDocument": trust(PRINCIPAL)}),
    );
    codes(&mut lab, &[(both.clone(), "InvalidCloudWatchLogsLogGroupArnException")]);
    let statement = json!({"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": group});
    let document = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
    lab.ok(
        "iam",
        "PutRolePolicy",
        json!({"RoleName": "TrailToLogs", "PolicyName": "p", "PolicyDocument": document}),
    );
    lab.ok("cloudtrail", "CreateTrail", trail(both));
    lab.ok("cloudtrail", "StartLogging", json!({"Name": "main"}));
    let status = lab.ok("cloudtrail", "GetTrailStatus", json!({"Name": "main"}));
    assert_eq!(status["LatestCloudWatchLogsDeliveryTime"], json!(lab.now));
    let kept = lab.ok("cloudtrail", "UpdateTrail", json!({"Name": "main", "EnableLogFileValidation": true}));
    assert_eq!(kept["CloudWatchLogsRoleArn"], json!(role));
    let off = json!({"Name": "main", "CloudWatchLogsLogGroupArn": "", "CloudWatchLogsRoleArn": ""});
    assert!(lab.ok("cloudtrail", "UpdateTrail", off).get("CloudWatchLogsRoleArn").is_none());
}

#[test]
fn an_organization_trail_needs_trusted_access_and_reaches_members() {
    let mut lab = lab(&[OWN, ORGANIZATION]);
    let input = json!({"IsOrganizationTrail": true, "IsMultiRegionTrail": true});
    codes(&mut lab, &[(input.clone(), "CloudTrailAccessNotEnabledException")]);
    organizations::enable_access(&mut lab.world, PRINCIPAL, 0.0);
    lab.at(MEMBER, HOME);
    codes(&mut lab, &[(input.clone(), "NotOrganizationMasterAccountException")]);
    lab.at("999999999999", HOME);
    codes(&mut lab, &[(input.clone(), "OrganizationsNotInUseException")]);
    lab.at(MANAGEMENT, HOME);
    let arn = lab.ok("cloudtrail", "CreateTrail", trail(input))["TrailARN"].clone();
    lab.at(MEMBER, FAR);
    let seen = lab.ok("cloudtrail", "DescribeTrails", json!({}));
    assert_eq!(
        (&seen["trailList"][0]["TrailARN"], &seen["trailList"][0]["IsOrganizationTrail"]),
        (&arn, &json!(true))
    );
    assert_eq!(
        lab.ok("cloudtrail", "DescribeTrails", json!({"includeShadowTrails": false}))["trailList"],
        json!([])
    );
    lab.at(MEMBER, HOME);
    lab.table(
        "cloudtrail",
        &[
            ("StopLogging", json!({"Name": arn}), "NotOrganizationMasterAccountException"),
            ("DeleteTrail", json!({"Name": arn}), "NotOrganizationMasterAccountException"),
            ("GetTrail", json!({"Name": "main"}), "TrailNotFoundException"),
        ],
    );
}

#[test]
fn an_organization_trail_needs_the_organization_path() {
    let mut lab = lab(&[OWN]);
    organizations::enable_access(&mut lab.world, PRINCIPAL, 0.0);
    codes(&mut lab, &[(json!({"IsOrganizationTrail": true}), "InsufficientS3BucketPolicyException")]);
}

#[test]
fn a_delegated_administrator_makes_trails_of_the_management_account() {
    let mut lab = lab(&[OWN, ORGANIZATION]);
    organizations::enable_access(&mut lab.world, PRINCIPAL, 0.0);
    lab.ok("cloudtrail", "RegisterOrganizationDelegatedAdmin", json!({"MemberAccountId": MEMBER}));
    lab.at(MEMBER, HOME);
    let made = lab.ok("cloudtrail", "CreateTrail", trail(json!({"IsOrganizationTrail": true})));
    assert_eq!(made["TrailARN"], format!("arn:aws:cloudtrail:{HOME}:{MANAGEMENT}:trail/main"));
    lab.ok("cloudtrail", "StartLogging", json!({"Name": made["TrailARN"]}));
    lab.at(MANAGEMENT, HOME);
    assert_eq!(lab.ok("cloudtrail", "GetTrailStatus", json!({"Name": "main"}))["IsLogging"], true);
    lab.ok("cloudtrail", "DeregisterOrganizationDelegatedAdmin", json!({"DelegatedAdminAccountId": MEMBER}));
}

#[test]
fn delegation_is_checked() {
    let mut lab = Lab::with_organization();
    let register = |account: &str| json!({"MemberAccountId": account});
    let remove = |account: &str| json!({"DelegatedAdminAccountId": account});
    let name = "RegisterOrganizationDelegatedAdmin";
    lab.table("cloudtrail", &[(name, register(MEMBER), "CloudTrailAccessNotEnabledException")]);
    organizations::enable_access(&mut lab.world, PRINCIPAL, 0.0);
    lab.ok("cloudtrail", name, register(MEMBER));
    lab.table(
        "cloudtrail",
        &[
            (name, register(MEMBER), "AccountRegisteredException"),
            (name, register(MANAGEMENT), "CannotDelegateManagementAccountException"),
            (name, register("999999999999"), "AccountNotFoundException"),
            ("DeregisterOrganizationDelegatedAdmin", remove(OTHER), "AccountNotRegisteredException"),
            ("DeregisterOrganizationDelegatedAdmin", remove("999999999999"), "AccountNotFoundException"),
        ],
    );
    lab.at(MEMBER, HOME);
    assert_eq!(
        lab.fails("cloudtrail", name, register(OTHER)).code,
        "NotOrganizationManagementAccountException"
    );
}

#[test]
fn selectors_replace_each_other() {
    let mut lab = lab(&[OWN]);
    lab.ok("cloudtrail", "CreateTrail", trail(json!({})));
    let name = json!({"TrailName": "main"});
    let default = lab.ok("cloudtrail", "GetEventSelectors", name.clone());
    assert_eq!(default["EventSelectors"][0]["ReadWriteType"], "All");
    let put = |member: &str, list: Value| json!({"TrailName": "main", member: list});
    let data = json!([{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}]);
    lab.ok("cloudtrail", "PutEventSelectors", put("EventSelectors", json!([{"DataResources": data}])));
    let field = |field: &str, equals: &str| json!({"Field": field, "Equals": [equals]});
    let advanced = json!([{"Name": "m", "FieldSelectors": [field("eventCategory", "Management")]}]);
    lab.ok("cloudtrail", "PutEventSelectors", put("AdvancedEventSelectors", advanced.clone()));
    let seen = lab.ok("cloudtrail", "GetEventSelectors", name.clone());
    assert_eq!((seen.get("EventSelectors"), &seen["AdvancedEventSelectors"]), (None, &advanced));
    assert_eq!(
        lab.ok("cloudtrail", "GetTrail", json!({"Name": "main"}))["Trail"]["HasCustomEventSelectors"],
        true
    );
    let bad = "InvalidEventSelectorsException";
    let operation = "PutEventSelectors";
    lab.table(
        "cloudtrail",
        &[
            (operation, name.clone(), bad),
            (operation, put("EventSelectors", json!([{"IncludeManagementEvents": false}])), bad),
            (
                operation,
                put("EventSelectors", json!([{"ExcludeManagementEventSources": ["s3.amazonaws.com"]}])),
                bad,
            ),
            (
                operation,
                put("EventSelectors", json!([{"DataResources": [{"Type": "x", "Values": []}]}])),
                bad,
            ),
            (operation, put("EventSelectors", json!([{}, {}, {}, {}, {}, {}])), bad),
            (
                operation,
                put("AdvancedEventSelectors", json!([{"FieldSelectors": [field("readOnly", "true")]}])),
                bad,
            ),
            (
                operation,
                put("AdvancedEventSelectors", json!([{"FieldSelectors": [field("eventCategory", "Data")]}])),
                bad,
            ),
            (
                operation,
                put("AdvancedEventSelectors", json!([{"FieldSelectors": [{"Field": "eventCategory"}]}])),
                bad,
            ),
            ("GetInsightSelectors", name.clone(), "InsightNotEnabledException"),
            ("GetInsightSelectors", json!({}), "InvalidParameterException"),
        ],
    );
    let insight = json!([{"InsightType": "ApiCallRateInsight"}]);
    lab.ok("cloudtrail", "PutInsightSelectors", put("InsightSelectors", insight.clone()));
    assert_eq!(lab.ok("cloudtrail", "GetInsightSelectors", name.clone())["InsightSelectors"], insight);
    lab.ok("cloudtrail", "PutInsightSelectors", put("InsightSelectors", json!([])));
    lab.ok("cloudtrail", operation, put("EventSelectors", json!([{"ReadWriteType": "ReadOnly"}])));
    assert_eq!(
        lab.fails("cloudtrail", "PutInsightSelectors", put("InsightSelectors", insight)).code,
        "InvalidInsightSelectorsException"
    );
}

#[test]
fn five_trails_a_region_and_tags() {
    let mut lab = lab(&[OWN]);
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": PRINCIPAL}, "Action": ["s3:GetBucketAcl", "s3:PutObject"],
         "Resource": ["arn:aws:s3:::trail-logs", "arn:aws:s3:::trail-logs/*"]},
    ]});
    lab.ok("s3", "PutBucketPolicy", json!({"Bucket": "trail-logs", "Policy": policy.to_string()}));
    for n in 0..5 {
        lab.ok("cloudtrail", "CreateTrail", trail(json!({"Name": format!("trail{n}")})));
    }
    codes(&mut lab, &[(json!({}), "MaximumNumberOfTrailsExceededException")]);
    let arn = format!("arn:aws:cloudtrail:{HOME}:{MANAGEMENT}:trail/trail0");
    let tags = |value: &str| json!({"ResourceId": arn, "TagsList": [{"Key": "a", "Value": value}]});
    lab.ok("cloudtrail", "AddTags", tags("1"));
    lab.ok("cloudtrail", "AddTags", tags("2"));
    let list = json!({"ResourceIdList": [arn]});
    let seen = lab.ok("cloudtrail", "ListTags", list.clone());
    assert_eq!(seen["ResourceTagList"][0]["TagsList"], json!([{"Key": "a", "Value": "2"}]));
    lab.ok("cloudtrail", "RemoveTags", tags("x"));
    assert_eq!(lab.ok("cloudtrail", "ListTags", list)["ResourceTagList"][0]["TagsList"], json!([]));
    let none = format!("arn:aws:cloudtrail:{HOME}:{MANAGEMENT}:trail/none");
    let many: Vec<Value> = (0..51).map(|n| json!({"Key": format!("k{n}"), "Value": "1"})).collect();
    lab.table(
        "cloudtrail",
        &[
            ("ListTags", json!({"ResourceIdList": [none]}), "ResourceNotFoundException"),
            ("ListTags", json!({"ResourceIdList": ["trail0"]}), "CloudTrailARNInvalidException"),
            ("AddTags", json!({"ResourceId": arn, "TagsList": many}), "TagsLimitExceededException"),
            ("GetTrail", json!({"Name": "arn:aws:s3:::b"}), "CloudTrailARNInvalidException"),
            ("GetTrailStatus", json!({"Name": "none"}), "TrailNotFoundException"),
            ("UpdateTrail", json!({"Name": "none"}), "TrailNotFoundException"),
            ("LookupEvents", json!({"StartTime": 2.0, "EndTime": 1.0}), "InvalidTimeRangeException"),
            ("LookupEvents", json!({"LookupAttributes": [{}, {}]}), "InvalidLookupAttributesException"),
            ("LookupEvents", json!({"NextToken": "x"}), "InvalidNextTokenException"),
        ],
    );
    assert_eq!(lab.ok("cloudtrail", "LookupEvents", json!({}))["Events"], json!([]));
}
