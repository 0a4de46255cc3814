"""`access_analyzer` read back by boto3: no emulator that others wrote has Access Analyzer with configurations."""

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
access_analyzer = "security"
[access_analyzer]
account_analyzers = true
unused_access_age_days = 60
[[access_analyzer.archive_rules]]
name = "not-public"
filter = { isPublic = { eq = ["false"] } }
"""


class World:
    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.aws, self.judge = Aws(sandbox.url), Judge()
        self.orgbase = Orgbase(folder, sandbox.url)
        (folder / "baseline.toml").write_text(BASELINE)
        accounts = self.aws.client("organizations", region="us-east-1").list_accounts()["Accounts"]
        self.accounts = {account["Name"]: account["Id"] for account in accounts}

    def analyzer(self, account: str | None, region: str) -> Any:
        return self.judge.watch(self.aws.client("accessanalyzer", account and self.accounts[account], region))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    sandbox = Sandbox("--org", "accounts=3,ous=2,regions=2")
    shared = World(sandbox, tmp_path)
    yield shared
    sandbox.close()
    assert not shared.judge.problems, "\n".join(shared.judge.problems)


def test_analyzers_are_there_and_one_of_another_name_is_adopted(world: World) -> None:
    admin = world.analyzer("Security", "us-east-1")
    own = world.analyzer(None, "us-east-1")
    own.create_analyzer(analyzerName="ConsoleAnalyzer", type="ACCOUNT")
    world.orgbase("apply", "--yes").expect(0)
    for region in REGIONS:
        found = world.analyzer("Security", region).list_analyzers()["analyzers"]
        types = ["ACCOUNT", "ORGANIZATION"] + ["ORGANIZATION_UNUSED_ACCESS"] * (region == "eu-west-1")
        assert sorted(a["type"] for a in found) == types, region
        assert {a["status"] for a in found} == {"ACTIVE"}
        for account in world.accounts:
            listed = world.analyzer(None if account == "Management" else account, region)
            names = [a["name"] for a in listed.list_analyzers(type="ACCOUNT")["analyzers"]]
            adopted = account == "Management" and region == "us-east-1"
            assert names == ["ConsoleAnalyzer" if adopted else "orgbase-account"], (account, region)
    unused = world.analyzer("Security", "eu-west-1").get_analyzer(analyzerName="orgbase-unused-access")["analyzer"]
    assert unused["configuration"]["unusedAccess"]["unusedAccessAge"] == 60
    rules = admin.list_archive_rules(analyzerName="orgbase-external-access")["archiveRules"]
    assert [(rule["ruleName"], rule["filter"]) for rule in rules] == [("not-public", {"isPublic": {"eq": ["false"]}})]


def test_what_somebody_changed_is_repaired(world: World) -> None:
    world.orgbase("apply", "--yes").expect(0)
    admin = world.analyzer("Security", "eu-west-1")
    admin.delete_archive_rule(analyzerName="orgbase-external-access", ruleName="not-public")
    admin.update_analyzer(analyzerName="orgbase-unused-access", configuration={"unusedAccess": {"unusedAccessAge": 200}})
    plan = world.orgbase("plan", "--format", "json").expect(2)
    changes = [change["path"] for unit in plan.report["units"] for change in unit["changes"]]
    assert sorted(changes) == ["archive_rules.not-public", "unused_access_age_days"]
    world.orgbase("apply", "--yes").expect(0)
    world.orgbase("plan").expect(0)
