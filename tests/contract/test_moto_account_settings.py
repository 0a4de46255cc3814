"""Settings and roles of accounts on moto: set, kept, repaired, and nothing else touched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from harness import Moto, Orgbase
from organization import Organization
from proxy import Proxy

BASELINE = """version = 1
[organization]
home_region = "eu-west-1"
regions = ["eu-west-1"]
[accounts.security]
name = "security"
email = "aws+security@example.com"
ou = "/"
[s3_block_public_access]
block_public_acls = true
block_public_policy = true
restrict_public_buckets = true
[account_alias]
alias = "acme-{name}"
[support_role]
trusted_account = "security"
max_session_seconds = 7200
[security_audit_role]
trusted_account = "security"
external_id = "scan-1"
[mfa_group]
own_access_keys = false
"""
POLICY = "arn:aws:iam::aws:policy/"
MFA_GROUP = "orgbase-require-mfa"
MFA_STATEMENTS = {"View", "OwnPassword", "OwnVirtualDevice", "OwnDevices", "DenyWithoutMfa"}
ACCOUNTS = ["security", "tools", "web"]


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    """Another one than the other tests', with AWS's managed policies."""
    server = Moto(tmp_path_factory.mktemp("moto") / "log", MOTO_IAM_LOAD_MANAGED_POLICIES="true")
    yield server
    server.close()


@pytest.fixture(scope="module")
def proxy(moto: Moto) -> Iterator[Proxy]:
    server = Proxy(moto.url)
    yield server
    server.close()


def only(organization: Organization) -> list[str]:
    """Selectors of the accounts."""
    return [argument for name in ACCOUNTS for argument in ("--only", f"account={organization.accounts[name]}")]


def block(organization: Organization, account: str) -> dict[str, bool]:
    answer = organization.client("s3control", account).get_public_access_block(AccountId=organization.accounts[account])
    return answer["PublicAccessBlockConfiguration"]


def role(organization: Organization, account: str, name: str) -> dict[str, Any]:
    """Trust, policies, longest session and tags of a role."""
    iam = organization.client("iam", account)
    found = iam.get_role(RoleName=name)["Role"]
    policies = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    return {
        "trust": found["AssumeRolePolicyDocument"]["Statement"],
        "policies": {policy["PolicyArn"].removeprefix(POLICY) for policy in policies},
        "seconds": found["MaxSessionDuration"],
        "tags": {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])},
    }


@pytest.fixture
def converged(organization: Organization, orgbase: Orgbase) -> Organization:
    organization.client("iam", "web").create_account_alias(AccountAlias="their-web")
    number = organization.accounts["tools"]
    theirs = {"IgnorePublicAcls": True, "BlockPublicAcls": False, "BlockPublicPolicy": False, "RestrictPublicBuckets": False}
    organization.client("s3control", "tools").put_public_access_block(
        AccountId=number, PublicAccessBlockConfiguration=theirs
    )
    (orgbase.folder / "baseline.toml").write_text(BASELINE)
    orgbase("apply", "--yes", *only(organization)).expect(0)
    return organization


def test_accounts_are_as_declared_and_stay_so(converged: Organization, orgbase: Orgbase, proxy: Proxy) -> None:
    check_accounts(converged)
    proxy.clear()
    orgbase("apply", "--yes", *only(converged)).expect(0)
    assert not proxy.writes
    # One test: the organization takes long to make, as moto loads the policies into each account.
    check_repair(converged, orgbase)


def mfa_statements(organization: Organization, account: str) -> set[str]:
    """Names of the statements by which the group requires MFA."""
    iam = organization.client("iam", account)
    assert iam.get_group(GroupName=MFA_GROUP)["Users"] == []
    document = iam.get_group_policy(GroupName=MFA_GROUP, PolicyName="require-mfa")["PolicyDocument"]
    deny = next(statement for statement in document["Statement"] if statement["Effect"] == "Deny")
    assert deny["Condition"] == {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}
    return {statement["Sid"] for statement in document["Statement"]}


def check_accounts(converged: Organization) -> None:
    root = f"arn:aws:iam::{converged.accounts['security']}:root"
    for account in ACCOUNTS:
        wanted = {"BlockPublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}
        assert block(converged, account) == {**wanted, "IgnorePublicAcls": account == "tools"}, account
        alias = converged.client("iam", account).list_account_aliases()["AccountAliases"]
        assert alias == ["their-web" if account == "web" else f"acme-{account}"]
        support = role(converged, account, "orgbase-support")
        assert support["policies"] == {"AWSSupportAccess"} and support["seconds"] == 7200
        assert [s["Principal"]["AWS"] for s in support["trust"]] == [root]
        audit = role(converged, account, "orgbase-security-audit")
        assert audit["policies"] == {"SecurityAudit", "job-function/ViewOnlyAccess"}
        assert audit["trust"][0]["Condition"] == {"StringEquals": {"sts:ExternalId": "scan-1"}}
        assert audit["tags"]["orgbase"] == "security_audit_role"
        assert mfa_statements(converged, account) == MFA_STATEMENTS


def check_repair(converged: Organization, orgbase: Orgbase) -> None:
    iam = converged.client("iam", "web")
    open_trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [open_trust]})
    iam.update_assume_role_policy(RoleName="orgbase-support", PolicyDocument=document)
    iam.detach_role_policy(RoleName="orgbase-security-audit", PolicyArn=f"{POLICY}SecurityAudit")
    iam.attach_role_policy(RoleName="orgbase-security-audit", PolicyArn=f"{POLICY}AWSSupportAccess")
    iam.delete_group_policy(GroupName=MFA_GROUP, PolicyName="require-mfa")
    number = converged.accounts["web"]
    converged.client("s3control", "web").delete_public_access_block(AccountId=number)
    plan = orgbase("plan", "--format", "json", *only(converged)).expect(2)
    changes = {change["path"] for unit in plan.report["units"] for change in unit["changes"]}
    flags = {"block_public_acls", "block_public_policy", "restrict_public_buckets"}
    assert changes == {"trust", "policy", "managed_policies.SecurityAudit", *flags}
    orgbase("apply", "--yes", *only(converged)).expect(0)
    assert [s["Sid"] for s in role(converged, "web", "orgbase-support")["trust"]] == ["OrgbaseTrust"]
    policies = role(converged, "web", "orgbase-security-audit")["policies"]
    assert policies == {"SecurityAudit", "job-function/ViewOnlyAccess", "AWSSupportAccess"}
    orgbase("plan", *only(converged)).expect(0)
    assert mfa_statements(converged, "web") == MFA_STATEMENTS
