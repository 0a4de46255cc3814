"""`macie` read back by boto3: moto has no members of an organization's Macie."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import Aws, Orgbase, Sandbox
from shapes import Judge

REGIONS = ["eu-west-1", "us-east-1"]
BASELINE = """version = 1
[organization]
id = "o-a1b2c3d4e5"
home_region = "eu-west-1"
regions = ["eu-west-1", "us-east-1"]
[accounts.security]
name = "Security"
email = "aws+security@example.com"
ou = "/Security"
[delegated_admins]
macie = "security"
[macie]
auto_enable = true
enable_members = true
finding_publishing_frequency = "ONE_HOUR"
automated_discovery = "NEW"
"""


class World:
    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.aws, self.judge = Aws(sandbox.url), Judge()
        self.orgbase = Orgbase(folder, sandbox.url)
        (folder / "baseline.toml").write_text(BASELINE)
        accounts = self.aws.client("organizations", region="us-east-1").list_accounts()["Accounts"]
        self.accounts = {account["Name"]: account["Id"] for account in accounts}
        self.others = {account for name, account in self.accounts.items() if name != "Security"}

    def admin(self, service: str, region: str) -> Any:
        return self.judge.watch(self.aws.client(service, self.accounts["Security"], region))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    sandbox = Sandbox("--org", "accounts=4,ous=3,regions=2,drift=0.5,seed=4")
    shared = World(sandbox, tmp_path)
    yield shared
    sandbox.close()
    assert not shared.judge.problems, "\n".join(shared.judge.problems)


def test_macie_is_on_everywhere_and_comes_back(world: World) -> None:
    world.orgbase("apply", "--yes").expect(0)
    for region in REGIONS:
        macie = world.admin("macie2", region)
        session = macie.get_macie_session()
        assert (session["status"], session["findingPublishingFrequency"]) == ("ENABLED", "ONE_HOUR")
        assert macie.describe_organization_configuration()["autoEnable"] is True
        discovery = macie.get_automated_discovery_configuration()
        assert (discovery["status"], discovery["autoEnableOrganizationMembers"]) == ("ENABLED", "NEW")
        members = {m["accountId"]: m["relationshipStatus"] for m in macie.list_members()["members"]}
        assert members == dict.fromkeys(world.others, "Enabled"), region
    macie = world.admin("macie2", "us-east-1")
    macie.disassociate_member(id=world.accounts["Log Archive"])
    macie.update_macie_session(status="PAUSED")
    plan = world.orgbase("plan", "--format", "json").expect(2)
    changes = {change["path"] for unit in plan.report["units"] for change in unit["changes"]}
    assert {"session", "enable_members"} <= changes
    world.orgbase("apply", "--yes").expect(0)
    assert macie.get_member(id=world.accounts["Log Archive"])["relationshipStatus"] == "Enabled"
