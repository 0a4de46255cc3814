"""EC2's account settings, default security groups, flow logs and default VPCs: read back with boto3 from the listener."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import Aws, Orgbase, Sandbox

HEAD = """version = 1
[organization]
home_region = "eu-west-1"
regions = ["eu-west-1", "us-east-1"]
"""
SETTINGS = """[ebs_encryption]
enabled = true
key = "alias/aws/ebs"
[snapshot_block_public_access]
state = "block-all-sharing"
[image_block_public_access]
state = "block-new-sharing"
[instance_metadata_defaults]
http_tokens = "required"
http_put_response_hop_limit = 2
[serial_console]
enabled = true
[default_security_groups]
empty = true
"""
DEFAULT_VPC = """[default_vpc]
remove = true
"""
FLOW_LOGS = """[accounts.log-archive]
name = "Log Archive"
email = "aws+log@example.com"
ou = "/"
[log_archive]
account = "log-archive"
[vpc_flow_logs]
traffic_type = "ALL"
"""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    server = Sandbox("--org", "accounts=2,ous=0,regions=2")
    yield server
    server.close()


@pytest.fixture
def orgbase(sandbox: Sandbox, tmp_path: Path) -> Orgbase:
    return Orgbase(tmp_path, sandbox.url)


def apply(orgbase: Orgbase, text: str, code: int, *arguments: str) -> None:
    (orgbase.folder / "baseline.toml").write_text(HEAD + text)
    orgbase("apply", "--yes", *arguments).expect(code)


def everywhere(aws: Aws) -> list[Any]:
    """EC2 of every account and region."""
    accounts = aws.client("organizations").list_accounts()["Accounts"]
    members = [None if account["Name"] == "Management" else account["Id"] for account in accounts]
    return [aws.client("ec2", member, region) for member in members for region in ("eu-west-1", "us-east-1")]


def test_settings_are_read_back(sandbox: Sandbox, orgbase: Orgbase) -> None:
    apply(orgbase, SETTINGS, 0)
    for ec2 in everywhere(Aws(sandbox.url)):
        assert ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"] is True
        assert ec2.get_snapshot_block_public_access_state()["State"] == "block-all-sharing"
        assert ec2.get_image_block_public_access_state()["ImageBlockPublicAccessState"] == "block-new-sharing"
        level = ec2.get_instance_metadata_defaults()["AccountLevel"]
        assert (level["HttpTokens"], level["HttpPutResponseHopLimit"]) == ("required", 2)
        assert ec2.get_serial_console_access_status()["SerialConsoleAccessEnabled"] is True
        named = [{"Name": "group-name", "Values": ["default"]}]
        groups = ec2.describe_security_groups(Filters=named)["SecurityGroups"]
        assert [(g["IpPermissions"], g["IpPermissionsEgress"]) for g in groups] == [([], [])]
    orgbase("plan").expect(0)


def test_a_default_group_in_use_keeps_its_rules(sandbox: Sandbox, orgbase: Orgbase) -> None:
    ec2 = Aws(sandbox.url).client("ec2")
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    ec2.create_network_interface(SubnetId=subnet)
    apply(orgbase, "[default_security_groups]\nempty = true\n", 0)
    assert ec2.describe_security_groups()["SecurityGroups"][0]["IpPermissions"]
    apply(orgbase, "[default_security_groups]\nempty = true\nin_use = true\n", 0)
    assert ec2.describe_security_groups()["SecurityGroups"][0]["IpPermissions"] == []


def test_a_default_vpc_goes_only_when_allowed_and_unused(sandbox: Sandbox, orgbase: Orgbase) -> None:
    aws = Aws(sandbox.url)
    used = aws.client("ec2")
    used.create_network_interface(SubnetId=used.describe_subnets()["Subnets"][0]["SubnetId"])
    apply(orgbase, DEFAULT_VPC, 2)
    assert all(ec2.describe_vpcs()["Vpcs"] for ec2 in everywhere(aws))
    apply(orgbase, DEFAULT_VPC, 0, "--allow-destructive")
    left = [len(ec2.describe_vpcs()["Vpcs"]) for ec2 in everywhere(aws)]
    assert sorted(left) == [0] * (len(left) - 1) + [1]
    assert len(used.describe_vpcs()["Vpcs"]) == 1
    orgbase("plan").expect(0)


def test_every_vpc_is_logged_to_the_archive(sandbox: Sandbox, orgbase: Orgbase) -> None:
    aws = Aws(sandbox.url)
    aws.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")
    apply(orgbase, FLOW_LOGS, 0)
    for ec2 in everywhere(aws):
        vpcs = {vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"]}
        logs = ec2.describe_flow_logs()["FlowLogs"]
        assert {log["ResourceId"] for log in logs} == vpcs and len(logs) == len(vpcs)
        assert all(":orgbase-flow-logs-" in log["LogDestination"] and log["TrafficType"] == "ALL" for log in logs)
    apply(orgbase, FLOW_LOGS + "max_aggregation_interval_seconds = 60\n", 0)
    for ec2 in everywhere(aws):
        assert {log["MaxAggregationInterval"] for log in ec2.describe_flow_logs()["FlowLogs"]} == {60}
