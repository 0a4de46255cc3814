"""`guardduty` read back by boto3: no emulator that others wrote has the organization's side of GuardDuty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import HOME_REGION, Aws, Orgbase, Sandbox
from shapes import Judge

REGIONS = ["eu-west-1", "us-east-1"]
BASELINE = """version = 1
[organization]
id = "o-a1b2c3d4e5"
home_region = "eu-west-1"
regions = ["eu-west-1", "us-east-1"]
[accounts.log-archive]
name = "Log Archive"
email = "aws+log@example.com"
ou = "/Security"
[accounts.security]
name = "Security"
email = "aws+security@example.com"
ou = "/Security"
[delegated_admins]
guardduty = "security"
[log_archive]
account = "log-archive"
[guardduty]
auto_enable = "ALL"
enable_members = true
finding_publishing_frequency = "ONE_HOUR"
export_findings = true
[guardduty.protection_plans]
s3_data_events = "ALL"
runtime_monitoring = "ALL"
ec2_agent_management = "ALL"
eks_audit_logs = "NEW"
"""


class World:
    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.aws, self.judge = Aws(sandbox.url), Judge()
        self.orgbase = Orgbase(folder, sandbox.url)
        (folder / "baseline.toml").write_text(BASELINE)
        accounts = self.aws.client("organizations", region="us-east-1").list_accounts()["Accounts"]
        self.accounts = {account["Name"]: account["Id"] for account in accounts}

    def guardduty(self, region: str) -> tuple[Any, str]:
        """The administrator's client, and its detector."""
        client = self.judge.watch(self.aws.client("guardduty", self.accounts["Security"], region))
        return client, client.list_detectors()["DetectorIds"][0]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    sandbox = Sandbox("--org", "accounts=4,ous=3,regions=2,drift=0.5,seed=3")
    shared = World(sandbox, tmp_path)
    yield shared
    sandbox.close()
    assert not shared.judge.problems, "\n".join(shared.judge.problems)


def statuses(client: Any, detector: str) -> dict[str, str]:
    members = client.list_members(DetectorId=detector, OnlyAssociated="false")["Members"]
    return {member["AccountId"]: member["RelationshipStatus"] for member in members}


def plans(features: list[dict[str, Any]], value: str) -> dict[str, str]:
    """Features and their additional configurations by name."""
    found = {feature["Name"]: feature[value] for feature in features}
    for feature in features:
        found |= {f"{feature['Name']}/{a['Name']}": a[value] for a in feature.get("AdditionalConfiguration", [])}
    return found


def test_every_account_is_a_member_with_the_plans_in_every_region(world: World) -> None:
    world.orgbase("apply", "--yes").expect(0)
    others = {account for name, account in world.accounts.items() if name != "Security"}
    for region in REGIONS:
        client, detector = world.guardduty(region)
        own = client.get_detector(DetectorId=detector)
        assert (own["Status"], own["FindingPublishingFrequency"]) == ("ENABLED", "ONE_HOUR")
        assert statuses(client, detector) == dict.fromkeys(others, "Enabled"), region
        organization = client.describe_organization_configuration(DetectorId=detector)
        assert organization["AutoEnableOrganizationMembers"] == "ALL"
        wanted = plans(organization["Features"], "AutoEnable")
        assert wanted["S3_DATA_EVENTS"] == wanted["RUNTIME_MONITORING/EC2_AGENT_MANAGEMENT"] == "ALL"
        assert (wanted["EKS_AUDIT_LOGS"], wanted["RDS_LOGIN_EVENTS"]) == ("NEW", "NONE")
        details = client.get_member_detectors(DetectorId=detector, AccountIds=sorted(others))
        for member in details["MemberDataSourceConfigurations"]:
            has = plans(member["Features"], "Status")
            assert has["S3_DATA_EVENTS"] == has["RUNTIME_MONITORING/EC2_AGENT_MANAGEMENT"] == "ENABLED", member
        [destination] = client.list_publishing_destinations(DetectorId=detector)["Destinations"]
        assert destination["Status"] == "PUBLISHING"
        found = client.describe_publishing_destination(DetectorId=detector, DestinationId=destination["DestinationId"])
        bucket = f"arn:aws:s3:::orgbase-findings-{world.accounts['Log Archive']}"
        assert found["DestinationProperties"]["DestinationArn"] == bucket
        assert f":{HOME_REGION}:" in found["DestinationProperties"]["KmsKeyArn"]
    world.orgbase("plan").expect(0)


def test_members_that_were_taken_out_or_suspended_come_back(world: World) -> None:
    world.orgbase("apply", "--yes").expect(0)
    client, detector = world.guardduty("us-east-1")
    client.update_organization_configuration(DetectorId=detector, AutoEnableOrganizationMembers="NONE")
    client.disassociate_members(DetectorId=detector, AccountIds=[world.accounts["Log Archive"]])
    client.stop_monitoring_members(DetectorId=detector, AccountIds=[world.accounts["Management"]])
    client.update_detector(DetectorId=detector, Enable=False)
    plan = world.orgbase("plan", "--format", "json").expect(2)
    changes = {change["path"] for unit in plan.report["units"] for change in unit["changes"]}
    assert changes == {"detector", "auto_enable", "enable_members"}
    world.orgbase("apply", "--yes").expect(0)
    assert set(statuses(client, detector).values()) == {"Enabled"}
    assert client.get_detector(DetectorId=detector)["Status"] == "ENABLED"
