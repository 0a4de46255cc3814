//! Recorders, channels and what the organization makes of them.
#![allow(clippy::indexing_slicing, reason = "tests")]

use serde_json::{Value, json};

use super::{PRINCIPAL, SETUP_PRINCIPAL};
use crate::sandbox::services::lab::{HOME, Lab, MANAGEMENT, MEMBER, OTHER};

const SERVICE: &str = "config";
const BUCKET: &str = "archive";

/// A bucket of another account that lets Config write for the whole organization, encrypted with a key of its own.
fn archive(lab: &mut Lab) -> String {
    let source = json!({"StringEquals": {"aws:SourceOrgID": "o-a1b2c3d4e5"}});
    let principal = json!({"Service": PRINCIPAL});
    let own = format!("arn:aws:s3:::{BUCKET}");
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": principal, "Action": ["s3:GetBucketAcl", "s3:ListBucket"], "Resource": own,
         "Condition": source},
        {"Effect": "Allow", "Principal": principal, "Action": "s3:PutObject", "Resource": format!("{own}/AWSLogs/*"),
         "Condition": source},
    ]});
    let root = json!({"Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{OTHER}:root")},
                      "Action": "kms:*", "Resource": "*"});
    let encrypt = json!({"Effect": "Allow", "Principal": principal,
                         "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": "*", "Condition": source});
    let key_policy = json!({"Version": "2012-10-17", "Statement": [root, encrypt]});
    lab.at(OTHER, HOME);
    let key = lab.ok("kms", "CreateKey", json!({"Policy": key_policy.to_string()}));
    let key = key["KeyMetadata"]["Arn"].as_str().unwrap_or_default().to_string();
    let location = json!({"Bucket": BUCKET, "CreateBucketConfiguration": {"LocationConstraint": HOME}});
    lab.ok("s3", "CreateBucket", location);
    lab.ok("s3", "PutBucketPolicy", json!({"Bucket": BUCKET, "Policy": policy.to_string()}));
    let default = json!({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key});
    let rules = json!({"Rules": [{"ApplyServerSideEncryptionByDefault": default}]});
    lab.ok(
        "s3",
        "PutBucketEncryption",
        json!({"Bucket": BUCKET, "ServerSideEncryptionConfiguration": rules}),
    );
    lab.at(MEMBER, HOME);
    key
}

fn recorder(name: &str) -> Value {
    json!({"ConfigurationRecorder": {"name": name, "roleARN": format!("arn:aws:iam::{MEMBER}:role/config")}})
}

fn channel(name: &str) -> Value {
    json!({"DeliveryChannel": {"name": name, "s3BucketName": BUCKET}})
}

/// The member records into the archive.
fn recording() -> (Lab, String) {
    let mut lab = Lab::with_organization();
    let key = archive(&mut lab);
    lab.ok(SERVICE, "PutConfigurationRecorder", recorder("default"));
    lab.ok(SERVICE, "PutDeliveryChannel", channel("default"));
    lab.ok(SERVICE, "StartConfigurationRecorder", json!({"ConfigurationRecorderName": "default"}));
    (lab, key)
}

#[test]
fn the_order_is_recorder_channel_start() {
    let mut lab = Lab::with_organization();
    archive(&mut lab);
    let start = || json!({"ConfigurationRecorderName": "default"});
    lab.table(
        SERVICE,
        &[
            ("PutDeliveryChannel", channel("default"), "NoAvailableConfigurationRecorderException"),
            ("StartConfigurationRecorder", start(), "NoSuchConfigurationRecorderException"),
        ],
    );
    lab.ok(SERVICE, "PutConfigurationRecorder", recorder("default"));
    lab.table(SERVICE, &[("StartConfigurationRecorder", start(), "NoAvailableDeliveryChannelException")]);
    lab.ok(SERVICE, "PutDeliveryChannel", channel("default"));
    lab.ok(SERVICE, "StartConfigurationRecorder", start());
    lab.table(
        SERVICE,
        &[
            (
                "PutConfigurationRecorder",
                recorder("second"),
                "MaxNumberOfConfigurationRecordersExceededException",
            ),
            ("PutDeliveryChannel", channel("second"), "MaxNumberOfDeliveryChannelsExceededException"),
            (
                "DeleteDeliveryChannel",
                json!({"DeliveryChannelName": "default"}),
                "LastDeliveryChannelDeleteFailedException",
            ),
            (
                "DescribeConfigurationRecorders",
                json!({"ConfigurationRecorderNames": ["x"]}),
                "NoSuchConfigurationRecorderException",
            ),
            (
                "DescribeDeliveryChannels",
                json!({"DeliveryChannelNames": ["x"]}),
                "NoSuchDeliveryChannelException",
            ),
        ],
    );
}

#[test]
fn groups_are_checked_and_answered_whole() {
    let (mut lab, _) = recording();
    let shown = lab.ok(SERVICE, "DescribeConfigurationRecorders", json!({}));
    let group = &shown["ConfigurationRecorders"][0]["recordingGroup"];
    assert_eq!(group["recordingStrategy"]["useOnly"], "ALL_SUPPORTED_RESOURCE_TYPES");
    assert_eq!(group["includeGlobalResourceTypes"], false);
    let role = format!("arn:aws:iam::{MEMBER}:role/config");
    let put = |group: Value| json!({"ConfigurationRecorder": {"name": "default", "roleARN": role, "recordingGroup": group}});
    let exclude = json!({"exclusionByResourceTypes": {"resourceTypes": ["AWS::EC2::Volume"]},
                         "recordingStrategy": {"useOnly": "EXCLUSION_BY_RESOURCE_TYPES"}});
    lab.ok(SERVICE, "PutConfigurationRecorder", put(exclude));
    let code = "InvalidRecordingGroupException";
    let volumes = json!(["AWS::EC2::Volume"]);
    lab.table(
        SERVICE,
        &[
            ("PutConfigurationRecorder", put(json!({})), code),
            ("PutConfigurationRecorder", put(json!({"allSupported": true, "resourceTypes": volumes})), code),
            (
                "PutConfigurationRecorder",
                put(json!({"includeGlobalResourceTypes": true, "resourceTypes": volumes})),
                code,
            ),
            (
                "PutConfigurationRecorder",
                json!({"ConfigurationRecorder": {"name": "default"}}),
                "InvalidRoleException",
            ),
        ],
    );
}

#[test]
fn the_bucket_its_policy_and_its_key_must_let_config_write() {
    let (mut lab, key) = recording();
    let status = |lab: &mut Lab| {
        let all = lab.at(MEMBER, HOME).ok(SERVICE, "DescribeConfigurationRecorderStatus", json!({}));
        all["ConfigurationRecordersStatus"][0]["lastStatus"].clone()
    };
    assert_eq!(status(&mut lab), "Success");
    let elsewhere = json!({"DeliveryChannel": {"name": "default", "s3BucketName": "nowhere"}});
    let prefixed =
        json!({"DeliveryChannel": {"name": "default", "s3BucketName": BUCKET, "s3KeyPrefix": "logs"}});
    lab.table(
        SERVICE,
        &[
            ("PutDeliveryChannel", elsewhere, "NoSuchBucketException"),
            ("PutDeliveryChannel", prefixed, "InsufficientDeliveryPolicyException"),
        ],
    );
    lab.at(OTHER, HOME).ok("kms", "DisableKey", json!({"KeyId": key}));
    assert_eq!(status(&mut lab), "Failure");
    lab.table(SERVICE, &[("PutDeliveryChannel", channel("default"), "InsufficientDeliveryPolicyException")]);
    lab.at(OTHER, HOME).ok("kms", "EnableKey", json!({"KeyId": key}));
    lab.ok("s3", "DeleteBucketPolicy", json!({"Bucket": BUCKET}));
    assert_eq!(status(&mut lab), "Failure");
}

#[test]
fn a_services_own_recorder_stands_beside_the_accounts() {
    let (mut lab, _) = recording();
    let service = json!({"ServicePrincipal": "observabilityadmin.amazonaws.com"});
    let made = lab.ok(SERVICE, "PutServiceLinkedConfigurationRecorder", service.clone());
    lab.table(SERVICE, &[("PutServiceLinkedConfigurationRecorder", service.clone(), "ConflictException")]);
    let own = lab.ok(SERVICE, "DescribeConfigurationRecorders", json!({}));
    assert_eq!(own["ConfigurationRecorders"].as_array().map(Vec::len), Some(1));
    let both = lab.ok(SERVICE, "ListConfigurationRecorders", json!({}));
    assert_eq!(both["ConfigurationRecorderSummaries"].as_array().map(Vec::len), Some(2));
    let named = json!({"ConfigurationRecorderNames": [made["Name"]]});
    let linked = lab.ok(SERVICE, "DescribeConfigurationRecorders", named);
    assert_eq!(linked["ConfigurationRecorders"][0]["servicePrincipal"], "observabilityadmin.amazonaws.com");
    let stop = json!({"ConfigurationRecorderName": made["Name"]});
    lab.table(SERVICE, &[("StopConfigurationRecorder", stop, "UnmodifiableEntityException")]);
    lab.ok(SERVICE, "DeleteServiceLinkedConfigurationRecorder", service);
}

/// The member administers Config.
fn delegated() -> Lab {
    let (mut lab, _) = recording();
    lab.at(MANAGEMENT, HOME);
    for principal in [PRINCIPAL, SETUP_PRINCIPAL] {
        lab.ok("organizations", "EnableAWSServiceAccess", json!({"ServicePrincipal": principal}));
        let input = json!({"ServicePrincipal": principal, "AccountId": MEMBER});
        lab.ok("organizations", "RegisterDelegatedAdministrator", input);
    }
    lab.at(MEMBER, HOME);
    let trust = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": PRINCIPAL}, "Action": "sts:AssumeRole"}]});
    lab.ok(
        "iam",
        "CreateRole",
        json!({"RoleName": "aggregator", "AssumeRolePolicyDocument": trust.to_string()}),
    );
    lab
}

fn aggregator(role: &str) -> Value {
    json!({"ConfigurationAggregatorName": "all", "OrganizationAggregationSource": {
        "RoleArn": format!("arn:aws:iam::{MEMBER}:role/{role}"), "AllAwsRegions": true}})
}

#[test]
fn administrators_alone_aggregate_the_organization() {
    let mut lab = delegated();
    lab.world.regions = vec![HOME.to_string()];
    lab.table(SERVICE, &[("PutConfigurationAggregator", aggregator("nobody"), "InvalidRoleException")]);
    lab.ok(SERVICE, "PutConfigurationAggregator", aggregator("aggregator"));
    let shown = lab.ok(SERVICE, "DescribeConfigurationAggregators", json!({}));
    assert_eq!(shown["ConfigurationAggregators"][0]["OrganizationAggregationSource"]["AllAwsRegions"], true);
    let input = json!({"ConfigurationAggregatorName": "all", "UpdateStatus": ["SUCCEEDED"]});
    let sources = lab.ok(SERVICE, "DescribeConfigurationAggregatorSourcesStatus", input);
    assert_eq!(sources["AggregatedSourceStatusList"].as_array().map(Vec::len), Some(2));
    lab.table(
        SERVICE,
        &[
            (
                "PutConfigurationAggregator",
                json!({"ConfigurationAggregatorName": "x"}),
                "InvalidParameterValueException",
            ),
            (
                "DescribeConfigurationAggregators",
                json!({"ConfigurationAggregatorNames": ["x"]}),
                "NoSuchConfigurationAggregatorException",
            ),
        ],
    );
    lab.at(OTHER, HOME).table(
        SERVICE,
        &[("PutConfigurationAggregator", aggregator("aggregator"), "OrganizationAccessDeniedException")],
    );
}

#[test]
fn a_pack_fails_where_an_account_does_not_record() {
    let mut lab = delegated();
    let pack = |excluded: &[&str]| json!({"OrganizationConformancePackName": "pack", "TemplateBody": "Resources: {}", "ExcludedAccounts": excluded});
    let made = lab.ok(SERVICE, "PutOrganizationConformancePack", pack(&[]));
    let status = |lab: &mut Lab| {
        let all = lab.ok(SERVICE, "DescribeOrganizationConformancePackStatuses", json!({}));
        all["OrganizationConformancePackStatuses"][0]["Status"].clone()
    };
    assert_eq!(status(&mut lab), "CREATE_FAILED");
    lab.now += 1.0;
    lab.ok(SERVICE, "PutOrganizationConformancePack", pack(&[MANAGEMENT, OTHER]));
    assert_eq!(status(&mut lab), "UPDATE_SUCCESSFUL");
    let arn = made["OrganizationConformancePackArn"].clone();
    let tags = json!([{"Key": "team", "Value": "red"}]);
    lab.ok(SERVICE, "TagResource", json!({"ResourceArn": arn, "Tags": tags}));
    assert_eq!(lab.ok(SERVICE, "ListTagsForResource", json!({"ResourceArn": arn})), json!({"Tags": tags}));
    let missing = "NoSuchOrganizationConformancePackException";
    let named = json!({"OrganizationConformancePackNames": ["x"]});
    lab.table(
        SERVICE,
        &[
            ("DescribeOrganizationConformancePacks", named, missing),
            ("DeleteOrganizationConformancePack", json!({"OrganizationConformancePackName": "x"}), missing),
            (
                "PutOrganizationConformancePack",
                json!({"OrganizationConformancePackName": "p", "TemplateBody": "nothing"}),
                "OrganizationConformancePackTemplateValidationException",
            ),
            (
                "PutOrganizationConformancePack",
                json!({"OrganizationConformancePackName": "p"}),
                "ValidationException",
            ),
            (
                "TagResource",
                json!({"ResourceArn": "arn:aws:config:x", "Tags": tags}),
                "ResourceNotFoundException",
            ),
        ],
    );
    lab.ok(SERVICE, "DeleteOrganizationConformancePack", json!({"OrganizationConformancePackName": "pack"}));
    lab.at(OTHER, HOME).table(
        SERVICE,
        &[("DescribeOrganizationConformancePacks", json!({}), "OrganizationAccessDeniedException")],
    );
}

#[test]
fn the_history_has_one_period() {
    let mut lab = Lab::with_organization();
    let none = lab.ok(SERVICE, "DescribeRetentionConfigurations", json!({}));
    assert_eq!(none, json!({"RetentionConfigurations": []}));
    lab.ok(SERVICE, "PutRetentionConfiguration", json!({"RetentionPeriodInDays": 365}));
    let all = lab.ok(SERVICE, "DescribeRetentionConfigurations", json!({}));
    assert_eq!(all["RetentionConfigurations"][0]["RetentionPeriodInDays"], 365);
    let named = json!({"RetentionConfigurationName": "default"});
    lab.ok(SERVICE, "DeleteRetentionConfiguration", named.clone());
    lab.table(SERVICE, &[("DeleteRetentionConfiguration", named, "NoSuchRetentionConfigurationException")]);
}
