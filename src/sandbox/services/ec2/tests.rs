//! EC2, call by call.
#![allow(clippy::unwrap_used, clippy::panic, clippy::needless_pass_by_value, reason = "tests")]

use serde_json::{Value, json};

use crate::sandbox::services::lab::{HOME, Lab, MANAGEMENT, MEMBER, OTHER};

fn first(lab: &mut Lab, operation: &str, list: &str, id: &str) -> String {
    let seen = lab.ok("ec2", operation, json!({}));
    seen[list][0][id].as_str().unwrap_or_else(|| panic!("{operation}: {seen}")).to_string()
}

fn filter(name: &str, value: &str) -> Value {
    json!([{"Name": name, "Values": [value]}])
}

fn count(lab: &mut Lab, operation: &str, list: &str) -> usize {
    lab.ok("ec2", operation, json!({}))[list].as_array().unwrap().len()
}

#[test]
fn every_account_and_region_has_a_default_network_and_nothing_is_stored() {
    let mut lab = Lab::with_organization();
    let mut vpcs = Vec::new();
    for (account, region) in [(MANAGEMENT, HOME), (MEMBER, HOME), (MEMBER, "us-east-1")] {
        lab.at(account, region);
        vpcs.push(first(&mut lab, "DescribeVpcs", "Vpcs", "VpcId"));
        for (operation, list, wanted) in [
            ("DescribeSubnets", "Subnets", 3),
            ("DescribeSecurityGroups", "SecurityGroups", 1),
            ("DescribeRouteTables", "RouteTables", 1),
            ("DescribeNetworkAcls", "NetworkAcls", 1),
            ("DescribeInternetGateways", "InternetGateways", 1),
            ("DescribeDhcpOptions", "DhcpOptions", 1),
            ("DescribeNetworkInterfaces", "NetworkInterfaces", 0),
            ("DescribeInstances", "Reservations", 0),
            ("DescribeAvailabilityZones", "AvailabilityZones", 3),
        ] {
            assert_eq!(count(&mut lab, operation, list), wanted, "{operation}");
        }
    }
    assert_eq!(vpcs.iter().collect::<std::collections::BTreeSet<_>>().len(), 3, "{vpcs:?}");
    assert!(vpcs.iter().all(|id| id.len() == "vpc-".len() + 17));
    assert!(lab.world.ec2.is_empty());
    let group = lab.ok("ec2", "DescribeSecurityGroups", json!({}))["SecurityGroups"][0].clone();
    assert_eq!(group["IpPermissions"][0]["UserIdGroupPairs"][0]["GroupId"], group["GroupId"]);
    assert_eq!(group["IpPermissionsEgress"][0]["IpRanges"], json!([{"CidrIp": "0.0.0.0/0"}]));
    assert_eq!(count(&mut lab, "DescribeSecurityGroupRules", "SecurityGroupRules"), 2);
}

#[test]
fn settings_read_back_as_they_were_set() {
    let mut lab = Lab::with_organization();
    lab.at(MEMBER, HOME);
    assert_eq!(lab.ok("ec2", "GetEbsEncryptionByDefault", json!({}))["EbsEncryptionByDefault"], false);
    lab.ok("ec2", "EnableEbsEncryptionByDefault", json!({}));
    assert_eq!(lab.ok("ec2", "GetEbsEncryptionByDefault", json!({}))["EbsEncryptionByDefault"], true);
    let key = lab.ok("kms", "CreateKey", json!({}))["KeyMetadata"].clone();
    let set = lab.ok("ec2", "ModifyEbsDefaultKmsKeyId", json!({"KmsKeyId": key["KeyId"]}));
    assert_eq!(set["KmsKeyId"], key["Arn"]);
    assert_eq!(lab.ok("ec2", "GetEbsDefaultKmsKeyId", json!({}))["KmsKeyId"], key["Arn"]);
    lab.ok("ec2", "ResetEbsDefaultKmsKeyId", json!({}));
    assert_eq!(lab.ok("ec2", "GetEbsDefaultKmsKeyId", json!({}))["KmsKeyId"], "alias/aws/ebs");

    lab.ok("ec2", "EnableSnapshotBlockPublicAccess", json!({"State": "block-all-sharing"}));
    let state = lab.ok("ec2", "GetSnapshotBlockPublicAccessState", json!({}));
    assert_eq!(state, json!({"State": "block-all-sharing", "ManagedBy": "account"}));
    lab.ok(
        "ec2",
        "EnableImageBlockPublicAccess",
        json!({"ImageBlockPublicAccessState": "block-new-sharing"}),
    );
    let state = lab.ok("ec2", "GetImageBlockPublicAccessState", json!({}));
    assert_eq!(state["ImageBlockPublicAccessState"], "block-new-sharing");
    lab.ok("ec2", "EnableSerialConsoleAccess", json!({}));
    assert_eq!(lab.ok("ec2", "GetSerialConsoleAccessStatus", json!({}))["SerialConsoleAccessEnabled"], true);
    lab.at(MEMBER, "us-east-1");
    assert_eq!(lab.ok("ec2", "GetSerialConsoleAccessStatus", json!({}))["SerialConsoleAccessEnabled"], false);
    lab.table(
        "ec2",
        &[
            ("EnableSnapshotBlockPublicAccess", json!({"State": "unblocked"}), "InvalidParameterValue"),
            ("ModifyEbsDefaultKmsKeyId", json!({"KmsKeyId": "alias/none"}), "InvalidKmsKey.InvalidKeyId"),
            ("EnableSerialConsoleAccess", json!({"DryRun": true}), "DryRunOperation"),
            (
                "ModifyInstanceMetadataDefaults",
                json!({"HttpPutResponseHopLimit": 65}),
                "InvalidParameterValue",
            ),
        ],
    );
}

#[test]
fn metadata_defaults_keep_what_is_left_out_and_forget_what_has_no_preference() {
    let mut lab = Lab::with_organization();
    lab.ok(
        "ec2",
        "ModifyInstanceMetadataDefaults",
        json!({"HttpTokens": "required", "HttpPutResponseHopLimit": 2}),
    );
    lab.ok(
        "ec2",
        "ModifyInstanceMetadataDefaults",
        json!({"HttpEndpoint": "enabled", "HttpPutResponseHopLimit": -1}),
    );
    assert_eq!(
        lab.ok("ec2", "GetInstanceMetadataDefaults", json!({}))["AccountLevel"],
        json!({"HttpTokens": "required", "HttpEndpoint": "enabled", "ManagedBy": "account"})
    );
    lab.ok("ec2", "ModifyInstanceMetadataDefaults", json!({"HttpTokens": "no-preference"}));
    assert_eq!(
        lab.ok("ec2", "GetInstanceMetadataDefaults", json!({}))["AccountLevel"].get("HttpTokens"),
        None
    );
}

#[test]
fn a_declarative_policy_owns_what_it_sets() {
    let mut lab = Lab::with_organization();
    let root = lab.world.organizations.organization.as_ref().unwrap().root.clone();
    for account in [MEMBER, OTHER] {
        lab.world.organizations.accounts.get_mut(account).unwrap().parent = root.clone();
    }
    lab.at(MANAGEMENT, "us-east-1");
    let kind = "DECLARATIVE_POLICY_EC2";
    lab.ok("organizations", "EnablePolicyType", json!({"RootId": root, "PolicyType": kind}));
    let content = json!({"ec2_attributes": {
        "exception_message": {"@@assign": "ask the platform team"},
        "snapshot_block_public_access": {"state": {"@@assign": "block_new_sharing"}},
        "instance_metadata_defaults": {
            "http_tokens": {"@@assign": "required"}, "http_put_response_hop_limit": {"@@assign": "3"},
        },
    }});
    let input = json!({"Name": "ec2", "Description": "", "Type": kind, "Content": content.to_string()});
    let made = lab.ok("organizations", "CreatePolicy", input);
    let id = made["Policy"]["PolicySummary"]["Id"].clone();
    lab.ok("organizations", "AttachPolicy", json!({"PolicyId": id, "TargetId": MEMBER}));

    lab.at(MEMBER, HOME);
    let state = lab.ok("ec2", "GetSnapshotBlockPublicAccessState", json!({}));
    assert_eq!(state, json!({"State": "block-new-sharing", "ManagedBy": "declarative-policy"}));
    let level = lab.ok("ec2", "GetInstanceMetadataDefaults", json!({}))["AccountLevel"].clone();
    assert_eq!((&level["HttpTokens"], &level["HttpPutResponseHopLimit"]), (&json!("required"), &json!(3)));
    assert_eq!(level["ManagedExceptionMessage"], "ask the platform team");
    let refused = lab.fails("ec2", "DisableSnapshotBlockPublicAccess", json!({}));
    assert_eq!(refused.code, "UnauthorizedOperation");
    assert!(refused.message.contains("declarative policy") && refused.message.contains("platform team"));
    assert_eq!(lab.ok("ec2", "GetSerialConsoleAccessStatus", json!({}))["ManagedBy"], "account");
    lab.at(OTHER, HOME);
    assert_eq!(lab.ok("ec2", "GetSnapshotBlockPublicAccessState", json!({}))["ManagedBy"], "account");
}

#[test]
fn rules_come_and_go_by_permission_and_by_id() {
    let mut lab = Lab::with_organization();
    let id = first(&mut lab, "DescribeSecurityGroups", "SecurityGroups", "GroupId");
    let ssh =
        json!([{"IpProtocol": "6", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]);
    let made = lab.ok("ec2", "AuthorizeSecurityGroupIngress", json!({"GroupId": id, "IpPermissions": ssh}));
    assert_eq!(made["SecurityGroupRules"][0]["IpProtocol"], "tcp");
    lab.table(
        "ec2",
        &[
            (
                "AuthorizeSecurityGroupIngress",
                json!({"GroupId": id, "IpPermissions": ssh}),
                "InvalidPermission.Duplicate",
            ),
            (
                "RevokeSecurityGroupIngress",
                json!({"GroupId": "sg-0123", "IpPermissions": ssh}),
                "InvalidGroup.NotFound",
            ),
            (
                "RevokeSecurityGroupIngress",
                json!({"GroupId": "x", "IpPermissions": ssh}),
                "InvalidGroupId.Malformed",
            ),
            (
                "RevokeSecurityGroupEgress",
                json!({"GroupId": id, "SecurityGroupRuleIds": ["sgr-0"]}),
                "InvalidSecurityGroupRuleId.NotFound",
            ),
            ("DeleteSecurityGroup", json!({"GroupId": id}), "CannotDelete"),
        ],
    );
    let seen = lab.ok("ec2", "DescribeSecurityGroups", json!({"Filters": filter("group-name", "def*")}));
    let group = &seen["SecurityGroups"][0];
    let (all_in, all_out) = (group["IpPermissions"].clone(), group["IpPermissionsEgress"].clone());
    assert_eq!(all_in.as_array().unwrap().len(), 2);
    let gone = lab.ok("ec2", "RevokeSecurityGroupIngress", json!({"GroupId": id, "IpPermissions": all_in}));
    assert_eq!(gone["RevokedSecurityGroupRules"].as_array().unwrap().len(), 2);
    // the default VPC names what it does not know
    let again = lab.ok("ec2", "RevokeSecurityGroupIngress", json!({"GroupId": id, "IpPermissions": ssh}));
    assert_eq!(again["UnknownIpPermissions"].as_array().unwrap().len(), 1);
    lab.ok("ec2", "RevokeSecurityGroupEgress", json!({"GroupId": id, "IpPermissions": all_out}));
    let rules = lab.ok("ec2", "DescribeSecurityGroupRules", json!({"Filters": filter("group-id", &id)}));
    assert_eq!(rules["SecurityGroupRules"], json!([]));
}

#[test]
fn filters_pages_and_ids_are_checked() {
    let mut lab = Lab::with_organization();
    lab.world.page_limit = 2;
    let page = lab.ok("ec2", "DescribeSubnets", json!({"MaxResults": 5}));
    assert_eq!(page["Subnets"].as_array().unwrap().len(), 2);
    let rest = lab.ok("ec2", "DescribeSubnets", json!({"MaxResults": 5, "NextToken": page["NextToken"]}));
    assert_eq!((rest["Subnets"].as_array().unwrap().len(), rest.get("NextToken")), (1, None));
    lab.table(
        "ec2",
        &[
            ("DescribeVpcs", json!({"Filters": filter("colour", "red")}), "InvalidParameterValue"),
            ("DescribeVpcs", json!({"VpcIds": ["vpc-0"]}), "InvalidVpcID.NotFound"),
            ("DescribeSubnets", json!({"NextToken": "x"}), "InvalidNextToken"),
            ("DescribeRegions", json!({"Filters": filter("colour", "red")}), "InvalidParameterValue"),
        ],
    );
    let none = lab.ok("ec2", "DescribeVpcs", json!({"Filters": filter("is-default", "false")}));
    assert_eq!(none["Vpcs"], json!([]));
}

#[test]
fn a_vpc_is_deleted_from_the_inside_out() {
    let mut lab = Lab::with_organization();
    let vpc = first(&mut lab, "DescribeVpcs", "Vpcs", "VpcId");
    let gateway = first(&mut lab, "DescribeInternetGateways", "InternetGateways", "InternetGatewayId");
    let subnet = first(&mut lab, "DescribeSubnets", "Subnets", "SubnetId");
    let interface = lab.ok("ec2", "CreateNetworkInterface", json!({"SubnetId": subnet}));
    let interface = interface["NetworkInterface"]["NetworkInterfaceId"].clone();
    lab.table(
        "ec2",
        &[
            ("DeleteVpc", json!({"VpcId": vpc}), "DependencyViolation"),
            ("DeleteSubnet", json!({"SubnetId": subnet}), "DependencyViolation"),
            ("DeleteInternetGateway", json!({"InternetGatewayId": gateway}), "DependencyViolation"),
            ("CreateDefaultVpc", json!({}), "DefaultVpcAlreadyExists"),
        ],
    );
    lab.ok("ec2", "DeleteNetworkInterface", json!({"NetworkInterfaceId": interface}));
    lab.ok("ec2", "DetachInternetGateway", json!({"InternetGatewayId": gateway, "VpcId": vpc}));
    lab.ok("ec2", "DeleteInternetGateway", json!({"InternetGatewayId": gateway}));
    for _ in 0..3 {
        let subnet = first(&mut lab, "DescribeSubnets", "Subnets", "SubnetId");
        lab.ok("ec2", "DeleteSubnet", json!({"SubnetId": subnet}));
    }
    lab.ok("ec2", "DeleteVpc", json!({"VpcId": vpc}));
    for (operation, list) in [
        ("DescribeVpcs", "Vpcs"),
        ("DescribeSecurityGroups", "SecurityGroups"),
        ("DescribeRouteTables", "RouteTables"),
        ("DescribeNetworkAcls", "NetworkAcls"),
    ] {
        assert_eq!(count(&mut lab, operation, list), 0, "{operation}");
    }
    lab.table(
        "ec2",
        &[
            ("CreateSecurityGroup", json!({"GroupName": "a", "Description": "a"}), "VPCIdNotSpecified"),
            (
                "DetachInternetGateway",
                json!({"InternetGatewayId": gateway, "VpcId": vpc}),
                "InvalidInternetGatewayID.NotFound",
            ),
        ],
    );
    let made = lab.ok("ec2", "CreateDefaultVpc", json!({}))["Vpc"].clone();
    assert_eq!((&made["IsDefault"], made["VpcId"] == vpc.as_str()), (&json!(true), false));
    assert_eq!(count(&mut lab, "DescribeSubnets", "Subnets"), 3);
}

#[test]
fn what_hangs_on_a_vpc_is_seen_and_keeps_it() {
    let mut lab = Lab::with_organization();
    let vpc = lab.ok("ec2", "CreateVpc", json!({"CidrBlock": "10.0.0.0/16"}))["Vpc"]["VpcId"].clone();
    let subnet = lab.ok("ec2", "CreateSubnet", json!({"VpcId": vpc, "CidrBlock": "10.0.1.0/24"}))["Subnet"]["SubnetId"].clone();
    lab.table(
        "ec2",
        &[
            ("CreateVpc", json!({"CidrBlock": "10.0.0.0/8"}), "InvalidVpc.Range"),
            ("CreateSubnet", json!({"VpcId": vpc, "CidrBlock": "10.0.1.128/25"}), "InvalidSubnet.Conflict"),
            ("CreateSubnet", json!({"VpcId": vpc, "CidrBlock": "10.1.0.0/24"}), "InvalidSubnet.Range"),
        ],
    );
    for (operation, input) in [
        ("CreateNatGateway", json!({"SubnetId": subnet, "ConnectivityType": "private"})),
        ("CreateVpcEndpoint", json!({"VpcId": vpc, "ServiceName": "com.amazonaws.eu-west-1.s3"})),
        ("CreateVpcPeeringConnection", json!({"VpcId": vpc, "PeerVpcId": "vpc-0", "PeerOwnerId": OTHER})),
        ("CreateEgressOnlyInternetGateway", json!({"VpcId": vpc})),
        ("CreateCarrierGateway", json!({"VpcId": vpc})),
        ("CreateRouteTable", json!({"VpcId": vpc})),
        ("CreateNetworkAcl", json!({"VpcId": vpc})),
        ("AllocateAddress", json!({})),
        (
            "CreateTransitGatewayVpcAttachment",
            json!({"VpcId": vpc, "SubnetIds": [subnet], "TransitGatewayId": "tgw-1"}),
        ),
    ] {
        lab.ok("ec2", operation, input);
    }
    let gateway =
        lab.ok("ec2", "CreateVpnGateway", json!({"Type": "ipsec.1"}))["VpnGateway"]["VpnGatewayId"].clone();
    lab.ok("ec2", "AttachVpnGateway", json!({"VpcId": vpc, "VpnGatewayId": gateway}));
    let by_vpc = |name: &str| json!({"Filters": [{"Name": name, "Values": [vpc]}]});
    for (operation, list, name) in [
        ("DescribeVpcEndpoints", "VpcEndpoints", "vpc-id"),
        ("DescribeVpcPeeringConnections", "VpcPeeringConnections", "requester-vpc-info.vpc-id"),
        ("DescribeVpnGateways", "VpnGateways", "attachment.vpc-id"),
        ("DescribeCarrierGateways", "CarrierGateways", "vpc-id"),
        ("DescribeTransitGatewayVpcAttachments", "TransitGatewayVpcAttachments", "vpc-id"),
    ] {
        let seen = lab.ok("ec2", operation, by_vpc(name));
        assert_eq!(seen[list].as_array().unwrap().len(), 1, "{operation}");
    }
    let nat = lab.ok("ec2", "DescribeNatGateways", json!({"Filter": [{"Name": "vpc-id", "Values": [vpc]}]}));
    assert_eq!(nat["NatGateways"][0]["State"], "available");
    assert_eq!(lab.fails("ec2", "DeleteVpc", json!({"VpcId": vpc})).code, "DependencyViolation");
    let template = json!({
        "LaunchTemplateName": "web",
        "LaunchTemplateData": {"NetworkInterfaces": [{"DeviceIndex": 0, "SubnetId": subnet}]},
    });
    lab.ok("ec2", "CreateLaunchTemplate", template);
    let versions =
        lab.ok("ec2", "DescribeLaunchTemplateVersions", json!({"Versions": ["$Latest", "$Default"]}));
    let data = &versions["LaunchTemplateVersions"][0]["LaunchTemplateData"];
    assert_eq!(data["NetworkInterfaces"][0]["SubnetId"], subnet);
}

fn flow_log(vpc: &Value, bucket: &str) -> Value {
    json!({
        "ResourceType": "VPC", "ResourceIds": [vpc], "TrafficType": "ALL", "LogDestinationType": "s3",
        "LogDestination": format!("arn:aws:s3:::{bucket}"),
        "TagSpecifications": [{"ResourceType": "vpc-flow-log", "Tags": [{"Key": "a", "Value": "1"}]}],
    })
}

#[test]
fn a_flow_log_needs_a_bucket_that_lets_log_delivery_in() {
    let mut lab = Lab::with_organization();
    lab.at(OTHER, HOME);
    let place = json!({"Bucket": "flow", "CreateBucketConfiguration": {"LocationConstraint": HOME}});
    lab.ok("s3", "CreateBucket", place);
    lab.at(MEMBER, HOME);
    let vpc = json!(first(&mut lab, "DescribeVpcs", "Vpcs", "VpcId"));
    let reason = |reply: &Value| reply["Unsuccessful"][0]["Error"]["Message"].as_str().unwrap().to_string();
    let missing = lab.ok("ec2", "CreateFlowLogs", flow_log(&vpc, "none"));
    assert!(reason(&missing).contains("does not exist"));
    let denied = lab.ok("ec2", "CreateFlowLogs", flow_log(&vpc, "flow"));
    assert!(reason(&denied).contains("Access Denied for LogDestination"));

    let allow = |action: &str, resource: &str| {
        json!({
            "Effect": "Allow", "Principal": {"Service": "delivery.logs.amazonaws.com"}, "Action": action,
            "Resource": format!("arn:aws:s3:::{resource}"),
            "Condition": {"StringEquals": {"aws:SourceOrgID": "o-a1b2c3d4e5"}},
        })
    };
    let policy = json!({"Version": "2012-10-17", "Statement": [
        allow("s3:GetBucketAcl", "flow"), allow("s3:PutObject", "flow/*"),
    ]});
    lab.at(OTHER, HOME).ok("s3", "PutBucketPolicy", json!({"Bucket": "flow", "Policy": policy.to_string()}));
    lab.at(MEMBER, HOME);
    let made = lab.ok("ec2", "CreateFlowLogs", flow_log(&vpc, "flow"));
    let id = made["FlowLogIds"][0].clone();
    let twice = lab.fails("ec2", "CreateFlowLogs", flow_log(&vpc, "flow"));
    assert_eq!(twice.code, "FlowLogAlreadyExists");
    let seen =
        lab.ok("ec2", "DescribeFlowLogs", json!({"Filter": filter("tag:a", "1")}))["FlowLogs"][0].clone();
    assert_eq!((&seen["FlowLogId"], &seen["MaxAggregationInterval"]), (&id, &json!(600)));
    assert_eq!(seen["DestinationOptions"]["FileFormat"], "plain-text");
    lab.table(
        "ec2",
        &[
            ("DeleteFlowLogs", json!({"FlowLogIds": ["fl-0"]}), "InvalidFlowLogId.NotFound"),
            ("CreateFlowLogs", flow_log(&json!("vpc-0"), "flow"), "InvalidVpcId.NotFound"),
        ],
    );
    lab.ok("ec2", "DeleteFlowLogs", json!({"FlowLogIds": [id]}));
    assert_eq!(count(&mut lab, "DescribeFlowLogs", "FlowLogs"), 0);
}

#[test]
fn tags_are_found_with_what_carries_them() {
    let mut lab = Lab::with_organization();
    let vpc = first(&mut lab, "DescribeVpcs", "Vpcs", "VpcId");
    let group = first(&mut lab, "DescribeSecurityGroups", "SecurityGroups", "GroupId");
    let name = json!([{"Key": "Name", "Value": "main"}]);
    lab.ok("ec2", "CreateTags", json!({"Resources": [vpc, group], "Tags": name}));
    let seen = lab.ok("ec2", "DescribeVpcs", json!({"Filters": filter("tag:Name", "m*")}));
    assert_eq!(seen["Vpcs"][0]["Tags"], name);
    let tags = lab.ok("ec2", "DescribeTags", json!({"Filters": filter("resource-type", "security-group")}));
    assert_eq!(tags["Tags"][0]["ResourceId"], group);
    lab.ok("ec2", "DeleteTags", json!({"Resources": [vpc], "Tags": [{"Key": "Name"}]}));
    assert_eq!(count(&mut lab, "DescribeTags", "Tags"), 1);
    lab.table(
        "ec2",
        &[
            ("CreateTags", json!({"Resources": ["vpc-0"], "Tags": name}), "InvalidVpcID.NotFound"),
            (
                "CreateTags",
                json!({"Resources": [vpc], "Tags": [{"Key": "aws:x", "Value": ""}]}),
                "InvalidParameterValue",
            ),
        ],
    );
}

#[test]
fn attributes_of_a_vpc_have_aws_defaults() {
    let mut lab = Lab::with_organization();
    let vpc = first(&mut lab, "DescribeVpcs", "Vpcs", "VpcId");
    let ask = json!({"VpcId": vpc, "Attribute": "enableDnsHostnames"});
    assert_eq!(lab.ok("ec2", "DescribeVpcAttribute", ask.clone())["EnableDnsHostnames"]["Value"], true);
    lab.ok("ec2", "ModifyVpcAttribute", json!({"VpcId": vpc, "EnableDnsHostnames": {"Value": false}}));
    assert_eq!(lab.ok("ec2", "DescribeVpcAttribute", ask)["EnableDnsHostnames"]["Value"], false);
}

#[test]
fn an_instance_takes_what_is_asked_for_before_the_account_s_defaults() {
    let mut lab = Lab::with_organization();
    lab.at(MEMBER, HOME);
    let asked = json!({"ImageId": "ami-0c02fb55956c7d316", "MinCount": 1, "MaxCount": 1});
    let first = lab.ok("ec2", "RunInstances", asked.clone())["Instances"][0].clone();
    assert_eq!(first["MetadataOptions"]["HttpTokens"], "optional");
    assert!(first["PublicIpAddress"].is_string(), "the default subnets give public addresses");
    lab.ok("ec2", "ModifyInstanceMetadataDefaults", json!({"HttpTokens": "required"}));
    let second = lab.ok("ec2", "RunInstances", asked.clone())["Instances"][0].clone();
    assert_eq!(second["MetadataOptions"]["HttpTokens"], "required");
    let own = json!({"MetadataOptions": {"HttpTokens": "optional"}, "IamInstanceProfile": {"Name": "app"}});
    let mut third = asked;
    third.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
    assert_eq!(
        lab.ok("ec2", "RunInstances", third)["Instances"][0]["MetadataOptions"]["HttpTokens"],
        "optional"
    );
    let seen = lab.ok("ec2", "DescribeInstances", json!({"InstanceIds": [second["InstanceId"]]}));
    assert_eq!(seen["Reservations"][0]["Instances"][0]["InstanceId"], second["InstanceId"]);
    let running = json!({"Filters": filter("instance-state-name", "running")});
    assert_eq!(lab.ok("ec2", "DescribeInstances", running)["Reservations"].as_array().unwrap().len(), 3);
    assert_eq!(count(&mut lab, "DescribeNetworkInterfaces", "NetworkInterfaces"), 3);
    lab.table(
        "ec2",
        &[
            (
                "DescribeInstances",
                json!({"InstanceIds": ["i-00000000000000000"]}),
                "InvalidInstanceID.NotFound",
            ),
            ("RunInstances", json!({"ImageId": "x", "MinCount": 1, "MaxCount": 1}), "InvalidAMIID.Malformed"),
        ],
    );
}
