//! S3, call by call.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "tests")]

use serde_json::{Value, json};

use crate::sandbox::services::lab::{HOME, Lab, MANAGEMENT, MEMBER, OTHER};

fn bucket(lab: &mut Lab, name: &str) {
    let input = json!({"Bucket": name, "CreateBucketConfiguration": {"LocationConstraint": HOME}});
    lab.ok("s3", "CreateBucket", input);
}

fn policy(statement: Value) -> String {
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}

fn allow(principal: Value, action: &str, resource: &str) -> Value {
    json!({"Effect": "Allow", "Principal": principal, "Action": action, "Resource": resource})
}

#[test]
fn a_new_bucket_has_the_defaults_of_today() {
    let mut lab = Lab::new();
    bucket(&mut lab, "logs-1");
    let name = json!({"Bucket": "logs-1"});
    let rule =
        lab.ok("s3", "GetBucketEncryption", name.clone())["ServerSideEncryptionConfiguration"]["Rules"][0]
            .clone();
    assert_eq!(rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"], "AES256");
    let block = lab.ok("s3", "GetPublicAccessBlock", name.clone());
    assert!(block["PublicAccessBlockConfiguration"].as_object().unwrap().values().all(|on| on == true));
    let ownership = lab.ok("s3", "GetBucketOwnershipControls", name.clone());
    assert_eq!(ownership["OwnershipControls"]["Rules"][0]["ObjectOwnership"], "BucketOwnerEnforced");
    assert_eq!(lab.ok("s3", "GetBucketVersioning", name.clone()), json!({}));
    assert_eq!(lab.ok("s3", "GetBucketLogging", name.clone()), json!({}));
    assert_eq!(lab.ok("s3", "GetBucketLocation", name.clone())["LocationConstraint"], HOME);
    assert_eq!(lab.ok("s3", "GetBucketAcl", name.clone())["Grants"].as_array().unwrap().len(), 1);
    lab.table(
        "s3",
        &[
            ("GetBucketPolicy", name.clone(), "NoSuchBucketPolicy"),
            ("GetBucketPolicyStatus", name.clone(), "NoSuchBucketPolicy"),
            ("GetBucketLifecycleConfiguration", name.clone(), "NoSuchLifecycleConfiguration"),
            ("GetBucketTagging", name.clone(), "NoSuchTagSet"),
            ("GetBucketReplication", name.clone(), "ReplicationConfigurationNotFoundError"),
            ("GetObjectLockConfiguration", name, "ObjectLockConfigurationNotFoundError"),
        ],
    );
}

#[test]
fn names_are_global_and_regions_matter() {
    let mut lab = Lab::new();
    bucket(&mut lab, "taken");
    let there = |region: &str| json!({"Bucket": "taken", "CreateBucketConfiguration": {"LocationConstraint": region}});
    assert_eq!(lab.fails("s3", "CreateBucket", there(HOME)).code, "BucketAlreadyOwnedByYou");
    lab.at(MEMBER, HOME);
    assert_eq!(lab.fails("s3", "CreateBucket", there(HOME)).code, "BucketAlreadyExists");
    lab.at(MANAGEMENT, HOME);
    let config = |region: Value| json!({"Bucket": "b-1", "CreateBucketConfiguration": region});
    lab.table(
        "s3",
        &[
            ("CreateBucket", json!({"Bucket": "b-1"}), "IllegalLocationConstraintException"),
            (
                "CreateBucket",
                config(json!({"LocationConstraint": "us-west-2"})),
                "IllegalLocationConstraintException",
            ),
            ("CreateBucket", config(json!({"LocationConstraint": "us-east-1"})), "InvalidLocationConstraint"),
            ("CreateBucket", json!({"Bucket": "No_Capitals"}), "InvalidBucketName"),
            ("CreateBucket", json!({"Bucket": "10.0.0.1"}), "InvalidBucketName"),
            ("CreateBucket", json!({"Bucket": "a..b"}), "InvalidBucketName"),
            ("HeadBucket", json!({"Bucket": "none"}), "NoSuchBucket"),
        ],
    );
    lab.at(MANAGEMENT, "us-east-1");
    lab.ok("s3", "CreateBucket", json!({"Bucket": "east"}));
    lab.ok("s3", "CreateBucket", json!({"Bucket": "east"}));
    lab.ok(
        "s3",
        "CreateBucket",
        json!({"Bucket": "west", "CreateBucketConfiguration": {"LocationConstraint": "us-west-2"}}),
    );
    assert_eq!(lab.ok("s3", "GetBucketLocation", json!({"Bucket": "east"})), json!({}));
    assert_eq!(lab.ok("s3", "GetBucketLocation", json!({"Bucket": "taken"}))["LocationConstraint"], HOME);
    let wrong = lab.fails("s3", "HeadBucket", json!({"Bucket": "taken"}));
    assert_eq!(
        (wrong.code.as_str(), &wrong.members["Region"]),
        ("AuthorizationHeaderMalformed", &json!(HOME))
    );
    lab.at(MANAGEMENT, "us-west-2");
    let wrong = lab.fails("s3", "HeadBucket", json!({"Bucket": "taken"}));
    assert_eq!((wrong.code.as_str(), wrong.status), ("PermanentRedirect", Some(301)));
    let all = lab.ok("s3", "ListBuckets", json!({}))["Buckets"].as_array().unwrap().len();
    let west = lab.ok("s3", "ListBuckets", json!({"BucketRegion": "us-west-2"}))["Buckets"]
        .as_array()
        .unwrap()
        .len();
    assert_eq!((all, west), (3, 1));
}

#[test]
fn only_the_owner_and_whom_the_policy_names_get_in() {
    let mut lab = Lab::with_organization();
    bucket(&mut lab, "logs-1");
    let expected = |owner: &str| json!({"Bucket": "logs-1", "ExpectedBucketOwner": owner});
    lab.ok("s3", "GetBucketVersioning", expected(MANAGEMENT));
    let denied = lab.fails("s3", "GetBucketVersioning", expected(MEMBER));
    assert_eq!((denied.code.as_str(), denied.status), ("AccessDenied", Some(403)));
    let statement = allow(json!({"AWS": MEMBER}), "s3:GetBucket*", "arn:aws:s3:::logs-1");
    lab.ok("s3", "PutBucketPolicy", json!({"Bucket": "logs-1", "Policy": policy(statement)}));
    lab.at(MEMBER, HOME);
    lab.ok("s3", "GetBucketVersioning", json!({"Bucket": "logs-1"}));
    lab.table(
        "s3",
        &[
            ("GetBucketPolicy", json!({"Bucket": "logs-1"}), "MethodNotAllowed"),
            (
                "PutBucketVersioning",
                json!({"Bucket": "logs-1", "VersioningConfiguration": {"Status": "Enabled"}}),
                "AccessDenied",
            ),
            ("DeleteBucketPolicy", json!({"Bucket": "logs-1"}), "AccessDenied"),
        ],
    );
    lab.at(OTHER, HOME);
    assert_eq!(lab.fails("s3", "GetBucketVersioning", json!({"Bucket": "logs-1"})).code, "AccessDenied");
}

#[test]
fn an_organization_condition_lets_members_write() {
    let mut lab = Lab::with_organization();
    bucket(&mut lab, "logs-1");
    let mut statement = allow(json!("*"), "s3:PutObject", "arn:aws:s3:::logs-1/*");
    statement["Condition"] = json!({"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}});
    lab.ok("s3", "PutBucketPolicy", json!({"Bucket": "logs-1", "Policy": policy(statement)}));
    assert_eq!(
        lab.ok("s3", "GetBucketPolicyStatus", json!({"Bucket": "logs-1"}))["PolicyStatus"]["IsPublic"],
        false
    );
    lab.at(MEMBER, HOME);
    lab.ok("s3", "PutObject", json!({"Bucket": "logs-1", "Key": "a", "Body": "eA=="}));
    assert_eq!(lab.fails("s3", "GetObject", json!({"Bucket": "logs-1", "Key": "a"})).code, "AccessDenied");
    lab.at("999999999999", HOME);
    assert_eq!(lab.fails("s3", "PutObject", json!({"Bucket": "logs-1", "Key": "a"})).code, "AccessDenied");
}

#[test]
fn bucket_policies_are_checked() {
    let mut lab = Lab::with_organization();
    bucket(&mut lab, "logs-1");
    let put = |text: &str| json!({"Bucket": "logs-1", "Policy": text});
    let arn = "arn:aws:s3:::logs-1";
    let one = |statement: Value| put(&policy(statement));
    let stranger = json!({"AWS": format!("arn:aws:iam::{MEMBER}:role/Nobody")});
    let bad = "MalformedPolicy";
    let member = || json!({"AWS": MEMBER});
    lab.table(
        "s3",
        &[
            ("PutBucketPolicy", put("x"), bad),
            ("PutBucketPolicy", put("{\"Statement\": "), bad),
            ("PutBucketPolicy", one(json!({"Effect": "Allow", "Action": "s3:*", "Resource": arn})), bad),
            ("PutBucketPolicy", one(json!({"Effect": "Allow", "Principal": "*", "Action": "s3:*"})), bad),
            ("PutBucketPolicy", one(allow(stranger, "s3:ListBucket", arn)), bad),
            ("PutBucketPolicy", one(allow(json!({"AWS": "nonsense"}), "s3:ListBucket", arn)), bad),
            ("PutBucketPolicy", one(allow(json!({"Service": "nonsense"}), "s3:ListBucket", arn)), bad),
            ("PutBucketPolicy", one(allow(member(), "sqs:SendMessage", arn)), bad),
            ("PutBucketPolicy", one(allow(member(), "s3:ListBucket", "arn:aws:s3:::other")), bad),
            ("PutBucketPolicy", one(allow(member(), "s3:GetObject", arn)), bad),
            (
                "PutBucketPolicy",
                one(allow(json!("*"), "s3:GetObject", "arn:aws:s3:::logs-1/*")),
                "AccessDenied",
            ),
        ],
    );
    lab.ok("s3", "PutPublicAccessBlock", json!({"Bucket": "logs-1", "PublicAccessBlockConfiguration": {}}));
    let public = one(allow(json!("*"), "s3:GetObject", "arn:aws:s3:::logs-1/*"));
    lab.ok("s3", "PutBucketPolicy", public.clone());
    assert_eq!(
        lab.ok("s3", "GetBucketPolicyStatus", json!({"Bucket": "logs-1"}))["PolicyStatus"]["IsPublic"],
        true
    );
    let all = json!({"BlockPublicPolicy": true});
    lab.ok(
        "s3control",
        "PutPublicAccessBlock",
        json!({"AccountId": MANAGEMENT, "PublicAccessBlockConfiguration": all}),
    );
    assert_eq!(lab.fails("s3", "PutBucketPolicy", public).code, "AccessDenied");
    lab.ok("s3", "DeleteBucketPolicy", json!({"Bucket": "logs-1"}));
    lab.ok("s3", "DeleteBucketPolicy", json!({"Bucket": "logs-1"}));
}

#[test]
fn object_lock_needs_versioning_and_then_keeps_it() {
    let mut lab = Lab::new();
    bucket(&mut lab, "logs-1");
    let lock = |retention: Value| {
        json!({"Bucket": "logs-1", "ObjectLockConfiguration": {
            "ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": retention},
        }})
    };
    let versioning =
        |status: &str| json!({"Bucket": "logs-1", "VersioningConfiguration": {"Status": status}});
    let year = json!({"Mode": "GOVERNANCE", "Days": 365});
    assert_eq!(lab.fails("s3", "PutObjectLockConfiguration", lock(year.clone())).code, "InvalidBucketState");
    lab.ok("s3", "PutBucketVersioning", versioning("Enabled"));
    lab.ok("s3", "PutObjectLockConfiguration", lock(year.clone()));
    lab.table(
        "s3",
        &[
            ("PutBucketVersioning", versioning("Suspended"), "InvalidBucketState"),
            (
                "PutBucketVersioning",
                json!({"Bucket": "logs-1", "VersioningConfiguration": {}}),
                "IllegalVersioningConfigurationException",
            ),
            ("PutObjectLockConfiguration", json!({"Bucket": "logs-1"}), "MissingRequestBodyError"),
            (
                "PutObjectLockConfiguration",
                json!({"Bucket": "logs-1", "ObjectLockConfiguration": {}}),
                "MalformedXML",
            ),
            (
                "PutObjectLockConfiguration",
                lock(json!({"Mode": "GOVERNANCE", "Days": 1, "Years": 1})),
                "MalformedXML",
            ),
            ("PutObjectLockConfiguration", lock(json!({"Days": 1})), "MalformedXML"),
            ("PutObjectLockConfiguration", lock(json!({"Mode": "GOVERNANCE", "Days": 0})), "InvalidArgument"),
        ],
    );
    let seen = lab.ok("s3", "GetObjectLockConfiguration", json!({"Bucket": "logs-1"}));
    assert_eq!(seen["ObjectLockConfiguration"]["Rule"]["DefaultRetention"], year);
    let put = lab.ok("s3", "PutObject", json!({"Bucket": "logs-1", "Key": "k", "Body": "eA=="}));
    let version = json!({"Bucket": "logs-1", "Key": "k", "VersionId": put["VersionId"]});
    assert_eq!(lab.fails("s3", "DeleteObject", version.clone()).code, "AccessDenied");
    let mut bypass = version;
    bypass["BypassGovernanceRetention"] = json!(true);
    lab.ok("s3", "DeleteObject", bypass);
    lab.ok("s3", "DeleteBucket", json!({"Bucket": "logs-1"}));
}

#[test]
fn lifecycle_rules_are_checked_and_replaced() {
    let mut lab = Lab::new();
    bucket(&mut lab, "logs-1");
    let put = |rule: Value| {
        let mut whole = json!({"Status": "Enabled", "Filter": {"Prefix": ""}});
        whole.as_object_mut().unwrap().extend(rule.as_object().unwrap().clone());
        json!({"Bucket": "logs-1", "LifecycleConfiguration": {"Rules": [whole]}})
    };
    let days = |days: i64, class: &str| json!([{"Days": days, "StorageClass": class}]);
    let mut no_filter = put(json!({"Expiration": {"Days": 1}}));
    no_filter["LifecycleConfiguration"]["Rules"][0].as_object_mut().unwrap().remove("Filter");
    let mut twice = put(json!({"ID": "x", "Expiration": {"Days": 1}}));
    let rule = twice["LifecycleConfiguration"]["Rules"][0].clone();
    twice["LifecycleConfiguration"]["Rules"].as_array_mut().unwrap().push(rule);
    let operation = "PutBucketLifecycleConfiguration";
    lab.table("s3", &[
        (operation, json!({"Bucket": "logs-1"}), "MalformedXML"),
        (operation, no_filter, "MalformedXML"),
        (operation, twice, "InvalidArgument"),
        (operation, put(json!({})), "InvalidRequest"),
        (operation, put(json!({"Prefix": "", "Expiration": {"Days": 1}})), "InvalidRequest"),
        (operation, put(json!({"Expiration": {"Days": 0}})), "InvalidArgument"),
        (operation, put(json!({"Expiration": {"Days": 1, "ExpiredObjectDeleteMarker": true}})), "MalformedXML"),
        (operation, put(json!({"Expiration": {"Date": 1.5}})), "InvalidArgument"),
        (operation, put(json!({"Transitions": days(10, "STANDARD_IA")})), "InvalidArgument"),
        (operation, put(json!({"Transitions": days(90, "GLACIER"), "Expiration": {"Days": 90}})), "InvalidArgument"),
        (operation, put(json!({"NoncurrentVersionExpiration": {"NoncurrentDays": 0}})), "InvalidArgument"),
        (operation, put(json!({"NoncurrentVersionExpiration": {"NewerNoncurrentVersions": 2}})), "MalformedXML"),
        (operation, put(json!({"AbortIncompleteMultipartUpload": {}})), "MalformedXML"),
        (operation, put(json!({
            "Filter": {"Tag": {"Key": "a", "Value": "b"}}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
        })), "InvalidRequest"),
        (operation, put(json!({"ID": "x".repeat(256), "Expiration": {"Days": 1}})), "InvalidArgument"),
    ]);
    lab.ok("s3", operation, put(json!({"Transitions": days(90, "GLACIER"), "Expiration": {"Days": 3650}})));
    let seen = lab.ok("s3", "GetBucketLifecycleConfiguration", json!({"Bucket": "logs-1"}));
    assert_eq!(seen["Rules"][0]["Expiration"]["Days"], 3650);
    assert_eq!(seen["Rules"][0]["ID"].as_str().unwrap().len(), 48);
    assert_eq!(seen["TransitionDefaultMinimumObjectSize"], "all_storage_classes_128K");
}

#[test]
fn settings_that_do_not_fit_are_refused() {
    let mut lab = Lab::new();
    bucket(&mut lab, "logs-1");
    bucket(&mut lab, "target");
    let with = |member: &str, value: Value| json!({"Bucket": "logs-1", member: value});
    let encryption = |rules: Value| with("ServerSideEncryptionConfiguration", json!({"Rules": rules}));
    let tags = |tags: Value| with("Tagging", json!({"TagSet": tags}));
    let logging = |target: &str| {
        with("BucketLoggingStatus", json!({"LoggingEnabled": {"TargetBucket": target, "TargetPrefix": "p/"}}))
    };
    let ownership = |value: &str| with("OwnershipControls", json!({"Rules": [{"ObjectOwnership": value}]}));
    let replication = json!({"Role": format!("arn:aws:iam::{MANAGEMENT}:role/r"), "Rules": [
        {"Status": "Enabled", "Destination": {"Bucket": "arn:aws:s3:::target"}},
    ]});
    let topic = format!("arn:aws:sns:{HOME}:{MANAGEMENT}:none");
    let notification =
        json!({"TopicConfigurations": [{"TopicArn": topic, "Events": ["s3:ObjectCreated:*"]}]});
    let key =
        json!([{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256", "KMSMasterKeyID": "x"}}]);
    lab.table(
        "s3",
        &[
            ("PutBucketEncryption", encryption(key), "InvalidArgument"),
            ("PutBucketEncryption", encryption(json!([])), "MalformedXML"),
            (
                "PutBucketTagging",
                tags(json!([{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}])),
                "InvalidTag",
            ),
            ("PutBucketTagging", tags(json!([{"Key": "aws:x", "Value": ""}])), "InvalidTag"),
            ("PutBucketAcl", with("ACL", json!("private")), "AccessControlListNotSupported"),
            ("PutBucketLogging", logging("none"), "InvalidTargetBucketForLogging"),
            ("PutBucketReplication", with("ReplicationConfiguration", replication.clone()), "InvalidRequest"),
            (
                "PutBucketNotificationConfiguration",
                with("NotificationConfiguration", notification),
                "InvalidArgument",
            ),
        ],
    );
    lab.ok("s3", "PutBucketOwnershipControls", ownership("BucketOwnerPreferred"));
    lab.table(
        "s3",
        &[
            ("PutBucketAcl", with("ACL", json!("public-read")), "AccessDenied"),
            ("PutBucketAcl", json!({"Bucket": "logs-1"}), "MissingSecurityHeader"),
        ],
    );
    let delivery = "uri=\"http://acs.amazonaws.com/groups/s3/LogDelivery\"";
    lab.ok(
        "s3",
        "PutBucketAcl",
        json!({"Bucket": "logs-1", "GrantWrite": delivery, "GrantReadACP": delivery}),
    );
    assert_eq!(
        lab.fails("s3", "PutBucketOwnershipControls", ownership("BucketOwnerEnforced")).code,
        "InvalidBucketAclWithObjectOwnership"
    );
    lab.ok("s3", "PutBucketAcl", with("ACL", json!("private")));
    lab.ok("s3", "PutBucketLogging", logging("target"));
    assert_eq!(
        lab.ok("s3", "GetBucketLogging", json!({"Bucket": "logs-1"}))["LoggingEnabled"]["TargetBucket"],
        "target"
    );
    lab.ok("s3", "PutBucketLogging", with("BucketLoggingStatus", json!({})));
    assert_eq!(lab.ok("s3", "GetBucketLogging", json!({"Bucket": "logs-1"})), json!({}));
    for name in ["logs-1", "target"] {
        lab.ok(
            "s3",
            "PutBucketVersioning",
            json!({"Bucket": name, "VersioningConfiguration": {"Status": "Enabled"}}),
        );
    }
    lab.ok("s3", "PutBucketReplication", with("ReplicationConfiguration", replication));
    let seen = lab.ok("s3", "GetBucketReplication", json!({"Bucket": "logs-1"}));
    assert_eq!(seen["ReplicationConfiguration"]["Rules"][0]["Status"], "Enabled");
}

#[test]
fn objects_are_written_read_listed_and_deleted() {
    let mut lab = Lab::new();
    bucket(&mut lab, "runs");
    let key = |key: &str| json!({"Bucket": "runs", "Key": key});
    let put = |name: &str, more: Value| {
        let mut input = key(name);
        input["Body"] = json!("aGVsbG8=");
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    let first = lab.ok("s3", "PutObject", put("a/1", json!({"IfNoneMatch": "*", "Metadata": {"x": "y"}})));
    assert_eq!(
        lab.fails("s3", "PutObject", put("a/1", json!({"IfNoneMatch": "*"}))).code,
        "PreconditionFailed"
    );
    assert_eq!(lab.fails("s3", "PutObject", put("a/1", json!({"IfMatch": "\"x\""}))).status, Some(412));
    assert_eq!(lab.fails("s3", "PutObject", put("new", json!({"IfMatch": "\"x\""}))).code, "NoSuchKey");
    lab.ok("s3", "PutObject", put("a/1", json!({"IfMatch": first["ETag"], "Metadata": {"x": "z"}})));
    let seen = lab.ok("s3", "GetObject", key("a/1"));
    assert_eq!(
        (&seen["Body"], &seen["Metadata"]["x"], &seen["ContentLength"]),
        (&json!("aGVsbG8="), &json!("z"), &json!(5))
    );
    assert!(lab.ok("s3", "HeadObject", key("a/1")).get("Body").is_none());
    lab.ok("s3", "PutObject", put("a/2", json!({})));
    lab.ok("s3", "PutObject", put("b", json!({})));
    let listed = lab.ok("s3", "ListObjectsV2", json!({"Bucket": "runs", "Delimiter": "/"}));
    assert_eq!((&listed["CommonPrefixes"], &listed["KeyCount"]), (&json!([{"Prefix": "a/"}]), &json!(2)));
    let page = lab.ok("s3", "ListObjectsV2", json!({"Bucket": "runs", "Prefix": "a/", "MaxKeys": 1}));
    assert_eq!((&page["IsTruncated"], &page["Contents"][0]["Key"]), (&json!(true), &json!("a/1")));
    lab.ok("s3", "PutObject", put("c d", json!({})));
    let spaced =
        lab.ok("s3", "ListObjectsV2", json!({"Bucket": "runs", "Prefix": "c", "EncodingType": "url"}));
    assert_eq!(spaced["Contents"][0]["Key"], "c%20d");
    lab.ok("s3", "DeleteObject", key("c d"));
    lab.table(
        "s3",
        &[
            ("GetObject", key("none"), "NoSuchKey"),
            ("GetObject", json!({"Bucket": "runs", "Key": "a/1", "VersionId": "x"}), "NoSuchVersion"),
            ("PutObject", put("c", json!({"ACL": "public-read"})), "AccessControlListNotSupported"),
            (
                "PutObject",
                put("c", json!({"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": 2e9})),
                "InvalidRequest",
            ),
            ("PutObject", put("c", json!({"ChecksumSHA256": "x"})), "BadDigest"),
            ("DeleteBucket", json!({"Bucket": "runs"}), "BucketNotEmpty"),
        ],
    );
    for name in ["a/1", "a/2", "b", "none"] {
        lab.ok("s3", "DeleteObject", key(name));
    }
    lab.ok("s3", "DeleteBucket", json!({"Bucket": "runs"}));
}

#[test]
fn versions_stay_behind_a_delete_marker() {
    let mut lab = Lab::new();
    bucket(&mut lab, "runs");
    lab.ok(
        "s3",
        "PutBucketVersioning",
        json!({"Bucket": "runs", "VersioningConfiguration": {"Status": "Enabled"}}),
    );
    let key = json!({"Bucket": "runs", "Key": "k"});
    let put = lab.ok("s3", "PutObject", json!({"Bucket": "runs", "Key": "k", "Body": "eA=="}));
    let marker = lab.ok("s3", "DeleteObject", key.clone());
    assert_eq!(marker["DeleteMarker"], true);
    assert_eq!(lab.fails("s3", "GetObject", key.clone()).code, "NoSuchKey");
    let version = json!({"Bucket": "runs", "Key": "k", "VersionId": put["VersionId"]});
    assert_eq!(lab.ok("s3", "GetObject", version)["Body"], "eA==");
    let all = lab.ok("s3", "ListObjectVersions", json!({"Bucket": "runs"}));
    assert_eq!((&all["Versions"][0]["VersionId"], &all["IsTruncated"]), (&put["VersionId"], &json!(false)));
    assert_eq!(
        (&all["DeleteMarkers"][0]["IsLatest"], &all["Versions"][0]["IsLatest"]),
        (&json!(true), &json!(false))
    );
    let page = lab.ok("s3", "ListObjectVersions", json!({"Bucket": "runs", "MaxKeys": 1}));
    assert_eq!((&page["IsTruncated"], page.get("Versions")), (&json!(true), None));
    let next = json!({"Bucket": "runs", "KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]});
    let rest = lab.ok("s3", "ListObjectVersions", next);
    assert_eq!((&rest["Versions"], rest.get("DeleteMarkers")), (&all["Versions"], None));
    lab.ok("s3", "DeleteObject", json!({"Bucket": "runs", "Key": "k", "VersionId": marker["VersionId"]}));
    assert_eq!(lab.ok("s3", "GetObject", key)["VersionId"], put["VersionId"]);
}

#[test]
fn the_account_has_its_own_block_and_lenses() {
    let mut lab = Lab::with_organization();
    let me = json!({"AccountId": MANAGEMENT});
    let lens = |org: bool| {
        let mut configuration = json!({"Id": "l", "IsEnabled": true, "AccountLevel": {"BucketLevel": {}}});
        if org {
            configuration["AwsOrg"] =
                json!({"Arn": "arn:aws:organizations::111111111111:organization/o-a1b2c3d4e5"});
        }
        json!({"AccountId": MANAGEMENT, "ConfigId": "l", "StorageLensConfiguration": configuration})
    };
    lab.table(
        "s3control",
        &[
            ("GetPublicAccessBlock", me.clone(), "NoSuchPublicAccessBlockConfiguration"),
            ("GetPublicAccessBlock", json!({"AccountId": MEMBER}), "AccessDenied"),
            ("PutStorageLensConfiguration", lens(true), "AccessDenied"),
        ],
    );
    lab.ok(
        "s3control",
        "PutPublicAccessBlock",
        json!({"AccountId": MANAGEMENT, "PublicAccessBlockConfiguration": {"BlockPublicAcls": true}}),
    );
    let seen =
        lab.ok("s3control", "GetPublicAccessBlock", me.clone())["PublicAccessBlockConfiguration"].clone();
    assert_eq!((&seen["BlockPublicAcls"], &seen["BlockPublicPolicy"]), (&json!(true), &json!(false)));
    lab.ok("s3control", "DeletePublicAccessBlock", me.clone());
    assert_eq!(lab.fails("s3control", "GetPublicAccessBlock", me.clone()).status, Some(404));
    lab.ok("s3control", "PutStorageLensConfiguration", lens(false));
    let list = lab.ok("s3control", "ListStorageLensConfigurations", me);
    assert_eq!(list["StorageLensConfigurationList"].as_array().unwrap().len(), 2);
}
