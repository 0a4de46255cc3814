//! KMS, call by call.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "tests")]

use serde_json::{Value, json};

use crate::sandbox::services::lab::{HOME, Lab, MANAGEMENT, MEMBER};

fn new_key(lab: &mut Lab, input: Value) -> (String, String) {
    let made = lab.ok("kms", "CreateKey", input);
    let text = |member: &str| made["KeyMetadata"][member].as_str().unwrap().to_string();
    (text("KeyId"), text("Arn"))
}

fn policy(principal: &str, actions: &[&str]) -> String {
    json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "a", "Effect": "Allow", "Principal": {"AWS": principal}, "Action": actions, "Resource": "*"},
    ]})
    .to_string()
}

#[test]
fn a_key_is_found_by_id_arn_and_alias() {
    let mut lab = Lab::new();
    let (id, arn) =
        new_key(&mut lab, json!({"Description": "trail", "Tags": [{"TagKey": "a", "TagValue": "1"}]}));
    lab.ok("kms", "CreateAlias", json!({"AliasName": "alias/trail", "TargetKeyId": arn}));
    assert_eq!(arn, format!("arn:aws:kms:{HOME}:{MANAGEMENT}:key/{id}"));
    let alias_arn = format!("arn:aws:kms:{HOME}:{MANAGEMENT}:alias/trail");
    for name in [id.as_str(), arn.as_str(), "alias/trail", alias_arn.as_str()] {
        let seen = lab.ok("kms", "DescribeKey", json!({"KeyId": name}));
        assert_eq!(seen["KeyMetadata"]["Arn"], json!(arn), "{name}");
        assert_eq!(seen["KeyMetadata"]["KeyState"], "Enabled");
    }
    let tags = lab.ok("kms", "ListResourceTags", json!({"KeyId": id}));
    assert_eq!(tags["Tags"], json!([{"TagKey": "a", "TagValue": "1"}]));
    lab.at(MANAGEMENT, "us-east-1");
    lab.table(
        "kms",
        &[
            ("DescribeKey", json!({"KeyId": id}), "NotFoundException"),
            ("DescribeKey", json!({"KeyId": arn}), "NotFoundException"),
        ],
    );
    assert_eq!(lab.ok("kms", "ListKeys", json!({}))["Keys"], json!([]));
}

#[test]
fn a_key_that_aws_manages_is_the_same_every_time_and_nothing_is_stored() {
    let mut lab = Lab::new();
    let before = lab.world.ids_made;
    let first = lab.ok("kms", "DescribeKey", json!({"KeyId": "alias/aws/ebs"}));
    let second = lab.ok("kms", "DescribeKey", json!({"KeyId": "alias/aws/ebs"}));
    assert_eq!(first, second);
    assert_eq!(first["KeyMetadata"]["KeyManager"], "AWS");
    assert_eq!((lab.world.ids_made, lab.world.kms.len()), (before, 0));
}

#[test]
fn rotation_is_off_until_switched_on_and_keeps_its_period() {
    let mut lab = Lab::new();
    let (id, _) = new_key(&mut lab, json!({}));
    assert_eq!(lab.ok("kms", "GetKeyRotationStatus", json!({"KeyId": id}))["KeyRotationEnabled"], false);
    lab.ok("kms", "EnableKeyRotation", json!({"KeyId": id, "RotationPeriodInDays": 180}));
    lab.now += 200.0 * 86_400.0;
    let status = lab.ok("kms", "GetKeyRotationStatus", json!({"KeyId": id}));
    assert_eq!(status["RotationPeriodInDays"], 180);
    assert!(status["NextRotationDate"].as_f64().unwrap() > lab.now);
    lab.ok("kms", "DisableKeyRotation", json!({"KeyId": id}));
    assert_eq!(lab.ok("kms", "GetKeyRotationStatus", json!({"KeyId": id}))["KeyRotationEnabled"], false);
}

#[test]
fn a_key_comes_back_disabled_and_is_enabled_then() {
    let mut lab = Lab::new();
    let (id, arn) = new_key(&mut lab, json!({}));
    lab.ok("kms", "ScheduleKeyDeletion", json!({"KeyId": id, "PendingWindowInDays": 7}));
    assert_eq!(lab.ok("kms", "CancelKeyDeletion", json!({"KeyId": id}))["KeyId"], arn);
    let seen = lab.ok("kms", "DescribeKey", json!({"KeyId": id}))["KeyMetadata"].clone();
    assert_eq!((&seen["KeyState"], seen.get("DeletionDate")), (&json!("Disabled"), None));
    for _ in 0..2 {
        lab.ok("kms", "EnableKey", json!({"KeyId": id}));
    }
    assert_eq!(lab.ok("kms", "DescribeKey", json!({"KeyId": id}))["KeyMetadata"]["KeyState"], "Enabled");
}

#[test]
fn key_states_refuse_what_they_must() {
    let mut lab = Lab::new();
    let (disabled, _) = new_key(&mut lab, json!({}));
    lab.ok("kms", "DisableKey", json!({"KeyId": disabled}));
    let (dying, _) = new_key(&mut lab, json!({}));
    lab.ok("kms", "ScheduleKeyDeletion", json!({"KeyId": dying, "PendingWindowInDays": 7}));
    let (rsa, _) = new_key(&mut lab, json!({"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"}));
    lab.table(
        "kms",
        &[
            ("EnableKeyRotation", json!({"KeyId": disabled}), "DisabledException"),
            ("GenerateDataKey", json!({"KeyId": disabled, "KeySpec": "AES_256"}), "DisabledException"),
            ("EnableKeyRotation", json!({"KeyId": dying}), "KMSInvalidStateException"),
            ("ScheduleKeyDeletion", json!({"KeyId": dying}), "KMSInvalidStateException"),
            ("DisableKey", json!({"KeyId": dying}), "KMSInvalidStateException"),
            ("EnableKey", json!({"KeyId": dying}), "KMSInvalidStateException"),
            ("CancelKeyDeletion", json!({"KeyId": disabled}), "KMSInvalidStateException"),
            (
                "TagResource",
                json!({"KeyId": dying, "Tags": [{"TagKey": "a", "TagValue": ""}]}),
                "KMSInvalidStateException",
            ),
            (
                "CreateAlias",
                json!({"AliasName": "alias/x", "TargetKeyId": dying}),
                "KMSInvalidStateException",
            ),
            ("GenerateDataKey", json!({"KeyId": dying, "KeySpec": "AES_256"}), "KMSInvalidStateException"),
            ("EnableKeyRotation", json!({"KeyId": rsa}), "UnsupportedOperationException"),
            ("GetKeyRotationStatus", json!({"KeyId": rsa}), "UnsupportedOperationException"),
            ("GenerateDataKey", json!({"KeyId": rsa, "KeySpec": "AES_256"}), "InvalidKeyUsageException"),
        ],
    );
    lab.now += 8.0 * 86_400.0;
    assert_eq!(lab.fails("kms", "DescribeKey", json!({"KeyId": dying})).code, "NotFoundException");
}

#[test]
fn wrong_requests_get_the_documented_codes() {
    let mut lab = Lab::new();
    let (id, arn) = new_key(&mut lab, json!({}));
    lab.ok("kms", "CreateAlias", json!({"AliasName": "alias/one", "TargetKeyId": id}));
    let (rsa, _) = new_key(&mut lab, json!({"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"}));
    let twice = json!([{"TagKey": "a", "TagValue": "1"}, {"TagKey": "a", "TagValue": "2"}]);
    let many: Vec<Value> = (0..51).map(|n| json!({"TagKey": format!("k{n}"), "TagValue": ""})).collect();
    lab.table(
        "kms",
        &[
            ("CreateAlias", json!({"AliasName": "alias/one", "TargetKeyId": id}), "AlreadyExistsException"),
            ("CreateAlias", json!({"AliasName": "one", "TargetKeyId": id}), "ValidationException"),
            ("CreateAlias", json!({"AliasName": "alias/aws/x", "TargetKeyId": id}), "NotAuthorizedException"),
            (
                "CreateAlias",
                json!({"AliasName": "alias/two", "TargetKeyId": "alias/one"}),
                "ValidationException",
            ),
            ("CreateAlias", json!({"AliasName": "alias/two", "TargetKeyId": "none"}), "NotFoundException"),
            ("UpdateAlias", json!({"AliasName": "alias/two", "TargetKeyId": id}), "NotFoundException"),
            ("UpdateAlias", json!({"AliasName": "alias/one", "TargetKeyId": rsa}), "ValidationException"),
            ("DeleteAlias", json!({"AliasName": "alias/two"}), "NotFoundException"),
            ("DescribeKey", json!({"KeyId": "alias/two"}), "NotFoundException"),
            ("DescribeKey", json!({"KeyId": "arn:aws:s3:::b"}), "InvalidArnException"),
            ("EnableKeyRotation", json!({"KeyId": "alias/one"}), "NotFoundException"),
            ("ScheduleKeyDeletion", json!({"KeyId": id, "PendingWindowInDays": 6}), "ValidationException"),
            ("ScheduleKeyDeletion", json!({"KeyId": id, "PendingWindowInDays": 31}), "ValidationException"),
            ("CreateKey", json!({"KeySpec": "RSA_2048"}), "ValidationException"),
            (
                "CreateKey",
                json!({"KeySpec": "RSA_2048", "KeyUsage": "GENERATE_VERIFY_MAC"}),
                "ValidationException",
            ),
            (
                "CreateKey",
                json!({"Origin": "AWS_CLOUDHSM", "CustomKeyStoreId": "x"}),
                "CustomKeyStoreNotFoundException",
            ),
            ("CreateKey", json!({"Policy": "{"}), "MalformedPolicyDocumentException"),
            ("TagResource", json!({"KeyId": id, "Tags": twice}), "TagException"),
            (
                "TagResource",
                json!({"KeyId": id, "Tags": [{"TagKey": "aws:x", "TagValue": ""}]}),
                "TagException",
            ),
            ("TagResource", json!({"KeyId": id, "Tags": many}), "LimitExceededException"),
            ("GetKeyPolicy", json!({"KeyId": id, "PolicyName": "other"}), "NotFoundException"),
            (
                "PutKeyPolicy",
                json!({"KeyId": arn, "Policy": "x".repeat(33 * 1024)}),
                "LimitExceededException",
            ),
            ("ListKeys", json!({"Marker": "bad"}), "InvalidMarkerException"),
            ("Decrypt", json!({"CiphertextBlob": "eA=="}), "InvalidCiphertextException"),
            ("GenerateDataKey", json!({"KeyId": id}), "ValidationException"),
        ],
    );
}

#[test]
fn a_key_policy_may_not_lock_the_caller_out_or_name_strangers() {
    let mut lab = Lab::with_organization();
    lab.at(MEMBER, HOME);
    let (id, _) = new_key(&mut lab, json!({}));
    let default = lab.ok("kms", "GetKeyPolicy", json!({"KeyId": id}));
    assert!(default["Policy"].as_str().unwrap().contains(":root"));
    let other = format!("arn:aws:iam::{MANAGEMENT}:root");
    let stranger = format!("arn:aws:iam::{MEMBER}:role/Nobody");
    let own = format!("arn:aws:iam::{MEMBER}:root");
    let put = |text: &str| json!({"KeyId": id, "Policy": text});
    lab.table(
        "kms",
        &[
            ("PutKeyPolicy", put(&policy(&other, &["kms:*"])), "MalformedPolicyDocumentException"),
            ("PutKeyPolicy", put(&policy(&own, &["kms:Encrypt"])), "MalformedPolicyDocumentException"),
            ("PutKeyPolicy", put(&policy(&stranger, &["kms:*"])), "MalformedPolicyDocumentException"),
        ],
    );
    let mut bypass = put(&policy(&other, &["kms:*"]));
    bypass["BypassPolicyLockoutSafetyCheck"] = json!(true);
    lab.ok("kms", "PutKeyPolicy", bypass);
    lab.ok("kms", "PutKeyPolicy", put(&policy(&own, &["kms:*"])));
}

#[test]
fn another_account_sees_a_key_only_through_its_policy() {
    let mut lab = Lab::with_organization();
    let (id, arn) = new_key(&mut lab, json!({}));
    lab.at(MEMBER, HOME);
    assert_eq!(lab.fails("kms", "DescribeKey", json!({"KeyId": arn})).code, "AccessDeniedException");
    lab.at(MANAGEMENT, HOME);
    let both = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": MANAGEMENT}, "Action": "kms:*", "Resource": "*"},
        {"Effect": "Allow", "Principal": {"AWS": MEMBER}, "Action": ["kms:DescribeKey", "kms:GenerateDataKey"], "Resource": "*"},
    ]});
    lab.ok("kms", "PutKeyPolicy", json!({"KeyId": id, "Policy": both.to_string()}));
    lab.at(MEMBER, HOME);
    assert_eq!(
        lab.ok("kms", "DescribeKey", json!({"KeyId": arn}))["KeyMetadata"]["AWSAccountId"],
        MANAGEMENT
    );
    assert_eq!(lab.fails("kms", "DisableKey", json!({"KeyId": arn})).code, "AccessDeniedException");
}

#[test]
fn data_keys_come_back_with_the_same_context_only() {
    let mut lab = Lab::new();
    let (id, arn) = new_key(&mut lab, json!({}));
    let made = lab.ok(
        "kms",
        "GenerateDataKey",
        json!({"KeyId": id, "KeySpec": "AES_128", "EncryptionContext": {"a": "b"}}),
    );
    let blob = made["CiphertextBlob"].clone();
    let opened = lab.ok("kms", "Decrypt", json!({"CiphertextBlob": blob, "EncryptionContext": {"a": "b"}}));
    assert_eq!((&opened["Plaintext"], &opened["KeyId"]), (&made["Plaintext"], &json!(arn)));
    assert_eq!(
        lab.fails("kms", "Decrypt", json!({"CiphertextBlob": blob})).code,
        "InvalidCiphertextException"
    );
}

#[test]
fn lists_come_in_short_pages() {
    let mut lab = Lab::new();
    for n in 0..5 {
        let (id, _) = new_key(&mut lab, json!({}));
        lab.ok("kms", "CreateAlias", json!({"AliasName": format!("alias/{n}"), "TargetKeyId": id}));
    }
    lab.world.page_limit = 2;
    let (mut names, mut marker) = (Vec::new(), None::<String>);
    loop {
        let input = marker.map_or(json!({}), |marker| json!({"Marker": marker}));
        let page = lab.ok("kms", "ListAliases", input);
        names.extend(page["Aliases"].as_array().unwrap().iter().map(|alias| alias["AliasName"].to_string()));
        marker = page["NextMarker"].as_str().map(Into::into);
        assert_eq!(page["Truncated"], json!(marker.is_some()));
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(names.len(), 5);
}
