"""EC2, RDS and EFS."""

from __future__ import annotations

from typing import Any

from . import Caller

SSH = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]


def vpc(c: Caller) -> None:
    ec2 = c("ec2", c.log)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    assert ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")["EnableDnsHostnames"]["Value"] is True
    zone = ec2.describe_availability_zones()["AvailabilityZones"][0]["ZoneName"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
    assert subnet in [s["SubnetId"] for s in ec2.describe_subnets()["Subnets"]]
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "a", "Value": "b"}])
    assert {"a"} == {t["Key"] for t in ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [vpc]}])["Tags"]}
    ec2.delete_tags(Resources=[vpc], Tags=[{"Key": "a"}])
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    assert ec2.describe_internet_gateways(InternetGatewayIds=[gateway])["InternetGateways"][0]["Attachments"]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    assert ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
    ec2.delete_route_table(RouteTableId=table)
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    acl = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    ec2.delete_network_acl(NetworkAclId=acl)
    interface = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    ec2.delete_network_interface(NetworkInterfaceId=interface)
    ec2.describe_dhcp_options()
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)


def attachments(c: Caller) -> None:
    """What a network may have that keeps it from being deleted."""
    ec2 = c("ec2", c.security)
    default = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.1.0/24")["Subnet"]["SubnetId"]
    ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=default)
    ec2.create_vpc_endpoint(VpcId=vpc, ServiceName="com.amazonaws.eu-west-1.s3")
    ec2.create_carrier_gateway(VpcId=vpc)
    ec2.create_egress_only_internet_gateway(VpcId=vpc)
    gateway = ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    ec2.attach_vpn_gateway(VpcId=vpc, VpnGatewayId=gateway)
    ec2.create_transit_gateway_vpc_attachment(TransitGatewayId="tgw-0123456789abcdef0", VpcId=vpc, SubnetIds=[subnet])
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)
    for list_call, key in [("describe_vpc_endpoints", "VpcEndpoints"), ("describe_vpc_peering_connections", "VpcPeeringConnections"),
                           ("describe_carrier_gateways", "CarrierGateways"), ("describe_addresses", "Addresses"),
                           ("describe_egress_only_internet_gateways", "EgressOnlyInternetGateways"),
                           ("describe_vpn_gateways", "VpnGateways"), ("describe_nat_gateways", "NatGateways"),
                           ("describe_transit_gateway_vpc_attachments", "TransitGatewayVpcAttachments")]:
        assert getattr(ec2, list_call)()[key], list_call
    for empty in ("describe_vpn_connections", "describe_transit_gateways", "describe_client_vpn_endpoints",
                  "describe_transit_gateway_attachments"):
        getattr(ec2, empty)()
    ec2.describe_vpc_endpoint_services()


def groups(c: Caller) -> None:
    ec2 = c("ec2", c.log)
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    group = ec2.create_security_group(GroupName="walk", Description="-", VpcId=vpc)["GroupId"]
    assert ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=SSH)["SecurityGroupRules"]
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=SSH)
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    assert len(rules) == 3
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=SSH)
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=SSH)
    ec2.delete_security_group(GroupId=group)


def instances(c: Caller) -> None:
    ec2 = c("ec2", c.log)
    made = ec2.run_instances(ImageId="ami-0123456789abcdef0", MinCount=1, MaxCount=1, InstanceType="t3.micro")
    instance = made["Instances"][0]["InstanceId"]
    assert ec2.describe_instances(InstanceIds=[instance])["Reservations"]
    assert ec2.describe_instance_attribute(InstanceId=instance, Attribute="userData")["InstanceId"] == instance
    data: dict[str, Any] = {"ImageId": "ami-0123456789abcdef0", "InstanceType": "t3.micro"}
    template = ec2.create_launch_template(LaunchTemplateName="walk", LaunchTemplateData=data)["LaunchTemplate"]
    assert ec2.describe_launch_templates()["LaunchTemplates"]
    found = ec2.describe_launch_template_versions(LaunchTemplateId=template["LaunchTemplateId"])["LaunchTemplateVersions"]
    assert found[0]["LaunchTemplateData"]["InstanceType"] == "t3.micro"
    for empty in ("describe_images", "describe_volumes", "describe_snapshots"):
        getattr(ec2, empty)()


def account_settings(c: Caller) -> None:
    ec2 = c("ec2", c.log)
    key = c("kms", c.log).create_key()["KeyMetadata"]["Arn"]
    ec2.enable_ebs_encryption_by_default()
    ec2.modify_ebs_default_kms_key_id(KmsKeyId=key)
    assert ec2.get_ebs_default_kms_key_id()["KmsKeyId"] == key
    ec2.reset_ebs_default_kms_key_id()
    ec2.disable_ebs_encryption_by_default()
    ec2.enable_serial_console_access()
    ec2.disable_serial_console_access()
    ec2.enable_image_block_public_access(ImageBlockPublicAccessState="block-new-sharing")
    ec2.disable_image_block_public_access()
    ec2.enable_snapshot_block_public_access(State="block-all-sharing")
    ec2.disable_snapshot_block_public_access()


def default_vpc_and_flow_logs(c: Caller) -> None:
    ec2, s3 = c("ec2", c.members[0], "us-east-1"), c("s3", c.members[0])
    bucket = f"flow-{c.members[0]}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    vpc = ec2.create_vpc(CidrBlock="10.2.0.0/16")["Vpc"]["VpcId"]
    made = ec2.create_flow_logs(ResourceIds=[vpc], ResourceType="VPC", TrafficType="ALL", LogDestinationType="s3",
                                LogDestination=f"arn:aws:s3:::{bucket}")
    assert not made["Unsuccessful"], made
    assert ec2.describe_flow_logs()["FlowLogs"]
    ec2.delete_flow_logs(FlowLogIds=made["FlowLogIds"])
    [default] = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    of_it = [{"Name": "vpc-id", "Values": [default["VpcId"]]}]
    for subnet in ec2.describe_subnets(Filters=of_it)["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    for gateway in ec2.describe_internet_gateways(Filters=[{"Name": "attachment.vpc-id", "Values": [default["VpcId"]]}])[
            "InternetGateways"]:
        ec2.detach_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"], VpcId=default["VpcId"])
        ec2.delete_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"])
    ec2.delete_vpc(VpcId=default["VpcId"])
    assert ec2.create_default_vpc()["Vpc"]["IsDefault"] is True


def ipam_administrator(c: Caller) -> None:
    ec2 = c("ec2", None, "us-east-1")
    assert ec2.enable_ipam_organization_admin_account(DelegatedAdminAccountId=c.security)["Success"] is True
    assert ec2.disable_ipam_organization_admin_account(DelegatedAdminAccountId=c.security)["Success"] is True


def databases_and_file_systems(c: Caller) -> None:
    rds, efs = c("rds", c.log), c("efs", c.log)
    rds.create_db_instance(DBInstanceIdentifier="walk", DBInstanceClass="db.t3.micro", Engine="postgres", AllocatedStorage=20,
                           MasterUsername="root", MasterUserPassword="correct-horse-9")
    assert rds.describe_db_instances()["DBInstances"][0]["DBInstanceIdentifier"] == "walk"
    for name in ("clusters", "snapshots", "cluster_snapshots", "engine_versions"):
        getattr(rds, f"describe_db_{name}")()
    rds.describe_certificates()
    rds.describe_event_subscriptions()
    rds.describe_db_parameters(DBParameterGroupName="default.postgres16")
    system = efs.create_file_system(CreationToken="walk", Encrypted=True)["FileSystemId"]
    assert efs.describe_file_systems()["FileSystems"][0]["FileSystemId"] == system
    efs.describe_mount_targets(FileSystemId=system)
    efs.describe_access_points(FileSystemId=system)


WALKS = [vpc, attachments, groups, instances, account_settings, default_vpc_and_flow_logs, ipam_administrator,
         databases_and_file_systems]
