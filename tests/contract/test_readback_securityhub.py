"""`securityhub` on the sandbox's listener, read back with boto3: botocore's models judge every reply."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from harness import Aws, Orgbase, Sandbox
from shapes import Judge

HEAD = """version = 1
[organization]
home_region = "eu-west-1"
regions = ["eu-west-1", "us-east-1"]
[accounts.security]
name = "Security"
email = "aws+security@example.com"
ou = "/Security"
[delegated_admins]
securityhub = "security"
"""
CENTRAL = """[securityhub]
standards = ["cis-5.0", "fsbp"]
disabled_controls = ["IAM.6"]
parameters."IAM.7".MaxPasswordAge = { integer = 90 }
excluded_ous = ["/Sandbox"]
"""
LOCAL = """[securityhub]
configuration = "local"
standards = ["fsbp"]
"""
CIS = "standards/cis-aws-foundations-benchmark/v/5.0.0"
FSBP = "standards/aws-foundational-security-best-practices/v/1.0.0"


class Hub:
    """Security Hub of each account of one organization."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.aws, self.judge = Aws(sandbox.url), Judge()
        self.orgbase = Orgbase(folder, sandbox.url)
        pages = self.aws.client("organizations", region="us-east-1").get_paginator("list_accounts").paginate()
        self.accounts = {a["Name"]: a["Id"] for page in pages for a in page["Accounts"]}

    def client(self, account: str, region: str = "eu-west-1") -> Any:
        return self.judge.watch(self.aws.client("securityhub", self.accounts[account], region))

    def apply(self, section: str) -> None:
        (self.orgbase.folder / "baseline.toml").write_text(HEAD + section)
        self.orgbase("apply", "--yes").expect(0)
        self.orgbase("plan").expect(0)

    def standards(self, account: str, region: str) -> set[str]:
        subscriptions = self.client(account, region).get_enabled_standards()["StandardsSubscriptions"]
        return {s["StandardsArn"].split(":", 5)[5] for s in subscriptions}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    server = Sandbox("--org", "accounts=10,ous=8,regions=2,drift=0.3,seed=3")
    hub = Hub(server, tmp_path)
    yield hub
    server.close()
    assert not hub.judge.problems, "\n".join(hub.judge.problems)


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return error.value.response["Error"]["Code"]


def test_a_central_policy_holds_everywhere_but_in_the_excluded_ou(hub: Hub) -> None:
    for name in [n for n in hub.accounts if n not in ("Management", "Security", "Log Archive")]:
        for region in ["eu-west-1", "us-east-1"]:
            try:
                hub.client(name, region).disable_security_hub()
            except ClientError as error:
                assert error.response["Error"]["Code"] == "InvalidAccessException"
    hub.apply(CENTRAL)
    admin = hub.client("Security")
    assert admin.describe_organization_configuration()["OrganizationConfiguration"]["ConfigurationType"] == "CENTRAL"
    arn = admin.list_finding_aggregators()["FindingAggregators"][0]["FindingAggregatorArn"]
    assert admin.get_finding_aggregator(FindingAggregatorArn=arn)["Regions"] == ["us-east-1"]
    policies = {p["Name"]: p for p in admin.list_configuration_policies()["ConfigurationPolicySummaries"]}
    assert sorted(policies) == ["orgbase-securityhub", "orgbase-securityhub-excluded"]
    content = admin.get_configuration_policy(Identifier=policies["orgbase-securityhub"]["Id"])["ConfigurationPolicy"]
    controls = content["SecurityHub"]["SecurityControlsConfiguration"]
    assert controls["DisabledSecurityControlIdentifiers"] == ["IAM.6"], controls
    assert controls["SecurityControlCustomParameters"][0]["Parameters"]["MaxPasswordAge"]["Value"] == {"Integer": 90}
    listed = admin.list_configuration_policy_associations()["ConfigurationPolicyAssociationSummaries"]
    assert {a["AssociationStatus"] for a in listed} == {"SUCCESS"}, listed
    off = {a["TargetId"] for a in listed if a["ConfigurationPolicyId"] == policies["orgbase-securityhub-excluded"]["Id"]}
    seen = set()
    for name, account in hub.accounts.items():
        for region in ["eu-west-1", "us-east-1"]:
            if account in off:
                with pytest.raises(ClientError) as error:
                    hub.client(name, region).describe_hub()
                assert code(error) == "InvalidAccessException"
            elif name != "Management":
                assert hub.standards(name, region) == {CIS, FSBP}, (name, region)
        seen.add(account in off)
    assert seen == {True, False}
    with pytest.raises(ClientError) as error:
        hub.client("Log Archive").disable_security_hub()
    assert code(error) == "AccessDeniedException"


def test_local_configuration_is_the_same_in_every_account(hub: Hub) -> None:
    hub.apply(LOCAL)
    for region in ["eu-west-1", "us-east-1"]:
        admin = hub.client("Security", region)
        configuration = admin.describe_organization_configuration()
        assert (configuration["AutoEnable"], configuration["AutoEnableStandards"]) == (True, "NONE"), configuration
        members = admin.list_members()["Members"]
        assert {m["AccountId"] for m in members} == set(hub.accounts.values()) - {hub.accounts["Security"]}
        for name in [n for n in hub.accounts if n != "Management"]:
            assert hub.standards(name, region) == {FSBP}, (name, region)
