"""`detective` read back by boto3: moto has no Detective."""

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
detective = "security"
[detective]
auto_enable = true
enable_members = true
datasource_packages = ["EKS_AUDIT"]
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


def test_the_graph_has_every_account_and_the_packages(world: World) -> None:
    world.orgbase("apply", "--yes").expect(0)
    for region in REGIONS:
        detective = world.admin("detective", region)
        graph = detective.list_graphs()["GraphList"][0]["Arn"]
        assert detective.describe_organization_configuration(GraphArn=graph)["AutoEnable"] is True
        members = detective.list_members(GraphArn=graph)["MemberDetails"]
        assert {m["AccountId"]: m["Status"] for m in members} == dict.fromkeys(world.others, "ENABLED"), region
        packages = detective.list_datasource_packages(GraphArn=graph)["DatasourcePackages"]
        assert packages["EKS_AUDIT"]["DatasourcePackageIngestState"] == "STARTED"
    world.orgbase("plan").expect(0)
