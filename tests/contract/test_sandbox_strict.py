"""The listener with `--strict` and with `--faults`, asked by boto3: real signatures, AWS's words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError

from harness import HOME_REGION, Orgbase, Sandbox

ADMINISTRATOR = ("sandbox", "sandbox")


class Callers:
    """boto3 with any keys."""

    def __init__(self, url: str) -> None:
        self.url = url

    def client(self, service: str, keys: tuple[str, ...] = ADMINISTRATOR, region: str = HOME_REGION) -> Any:
        named = dict(zip(("aws_access_key_id", "aws_secret_access_key", "aws_session_token"), keys, strict=False))
        settings = Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"})
        return boto3.client(service, region_name=region, endpoint_url=self.url, config=settings, **named)

    def user(self, name: str, *statements: dict[str, Any]) -> tuple[str, str]:
        """A user of the management account with these statements; its keys."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        if statements:
            document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
            # Inline policies of a user have 2,048 characters together; a managed one has 6,144.
            policy = iam.create_policy(PolicyName=f"{name}-own", PolicyDocument=document)["Policy"]["Arn"]
            iam.attach_user_policy(UserName=name, PolicyArn=policy)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]


@pytest.fixture(scope="module")
def callers() -> Iterator[Callers]:
    sandbox = Sandbox("--org", "accounts=3,ous=1,regions=2", "--strict")
    yield Callers(sandbox.url)
    sandbox.close()


def refusal(call: Any, **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def member(callers: Callers) -> str:
    accounts = callers.client("organizations").list_accounts()["Accounts"]
    return next(account["Id"] for account in accounts if account["Name"] == "Security")


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [("iam", "list_roles", "SignatureDoesNotMatch"), ("organizations", "list_roots", "InvalidSignatureException"),
     ("s3", "list_buckets", "SignatureDoesNotMatch"), ("ec2", "describe_vpcs", "AuthFailure"),
     ("guardduty", "list_detectors", "InvalidSignatureException")],
)
def test_a_wrong_secret_is_refused_and_the_right_one_is_not(
    callers: Callers, service: str, operation: str, code: str,
) -> None:
    getattr(callers.client(service), operation)()
    assert refusal(getattr(callers.client(service, ("sandbox", "wrong")), operation))[0] == code


def test_an_unknown_key_is_nobody(callers: Callers) -> None:
    keys = ("AKIAIOSFODNN7EXAMPLE", "sandbox")
    assert refusal(callers.client("sts", keys).get_caller_identity)[0] in ("SignatureDoesNotMatch", "InvalidClientTokenId")


def test_a_user_may_do_what_its_policies_say(callers: Callers) -> None:
    keys = callers.user("reader", {"Effect": "Allow", "Action": "iam:List*", "Resource": "*"})
    iam = callers.client("iam", keys)
    assert callers.client("sts", keys).get_caller_identity()["Arn"].endswith(":user/reader")
    iam.list_roles()
    code, message = refusal(iam.create_account_alias, AccountAlias="mine")
    assert code == "AccessDenied"
    assert message.endswith("because no identity-based policy allows the iam:CreateAccountAlias action"), message
    assert ":user/reader is not authorized to perform: iam:CreateAccountAlias on resource: " in message


def test_a_session_policy_bounds_and_both_sides_must_let_one_in(callers: Callers) -> None:
    account = member(callers)
    role = f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole"
    lost = callers.user("lost")
    code, message = refusal(callers.client("sts", lost).assume_role, RoleArn=role, RoleSessionName="strict")
    assert (code, message.rpartition(" because ")[2]) == (
        "AccessDenied", "no identity-based policy allows the sts:AssumeRole action")
    reads = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "iam:Get*", "Resource": "*"}]})
    issued = callers.client("sts").assume_role(RoleArn=role, RoleSessionName="strict", Policy=reads)["Credentials"]
    keys = (issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"])
    iam = callers.client("iam", keys)
    iam.get_account_summary()
    _, message = refusal(iam.list_roles)
    assert message.endswith("because no session policy allows the iam:ListRoles action"), message


def test_a_service_control_policy_denies_in_its_own_words(callers: Callers) -> None:
    account = member(callers)
    organizations = callers.client("organizations")
    root = organizations.list_roots()["Roots"][0]["Id"]
    organizations.enable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")
    deny = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Action": "iam:CreateAccountAlias", "Resource": "*"}]})
    made = organizations.create_policy(Name="no-alias", Description="-", Type="SERVICE_CONTROL_POLICY", Content=deny)
    organizations.attach_policy(PolicyId=made["Policy"]["PolicySummary"]["Id"], TargetId=account)
    role = f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole"
    issued = callers.client("sts").assume_role(RoleArn=role, RoleSessionName="strict")["Credentials"]
    keys = (issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"])
    _, message = refusal(callers.client("iam", keys).create_account_alias, AccountAlias="mine")
    assert message.endswith("with an explicit deny in a service control policy"), message


def faulty(spec: str) -> Iterator[Callers]:
    sandbox = Sandbox("--org", "accounts=3,ous=1,regions=2", "--faults", spec)
    try:
        yield Callers(sandbox.url)
    finally:
        sandbox.close()


def test_faults_reach_other_clients() -> None:
    for callers in faulty("seed=1,throttle=1"):
        assert refusal(callers.client("organizations").list_roots)[0] == "TooManyRequestsException"
        assert refusal(callers.client("ec2").describe_vpcs)[0] == "RequestLimitExceeded"
        assert refusal(callers.client("s3").list_buckets)[0] == "SlowDown"
    for callers in faulty("seed=1,drop=1"):
        with pytest.raises((ConnectionClosedError, EndpointConnectionError)):
            callers.client("iam").list_roles()
    for callers in faulty("deny=iam:ListRoles"):
        assert refusal(callers.client("iam").list_roles)[0] == "AccessDenied"
        callers.client("iam").list_users()
    for callers in faulty("skew=3600"):
        assert refusal(callers.client("iam").list_users)[0] == "SignatureDoesNotMatch"


def test_an_acknowledged_write_survives_the_end(tmp_path: Any) -> None:
    state = str(tmp_path / "organization.json")
    for spec, kept in [("exit_before=2", {"one"}), ("exit_after=1", {"one", "three"})]:
        sandbox = Sandbox("--org", "accounts=3,ous=1,regions=2", "--state", state, "--faults", spec)
        iam = Callers(sandbox.url).client("iam")
        for name in ("one", "two") if spec == "exit_before=2" else ("three", "four"):
            try:
                iam.create_user(UserName=name)
            except (ConnectionClosedError, EndpointConnectionError):
                break
        assert sandbox._process.wait(timeout=20) == 137
        again = Sandbox("--state", state)
        names = {user["UserName"] for user in Callers(again.url).client("iam").list_users()["Users"]}
        again.close()
        assert names == kept, spec


def test_orgbase_plans_with_the_printed_policy_alone(callers: Callers, tmp_path: Any) -> None:
    baseline = tmp_path / "baseline.toml"
    baseline.write_text('version = 1\n[organization]\nid = "o-a1b2c3d4e5"\nhome_region = "eu-west-1"\n'
                        'regions = ["eu-west-1"]\n[password_policy]\nminimum_length = 14\n')
    run = Orgbase(tmp_path, callers.url)
    policy = run("emit", "iam-policy", "--for", "management-plan").expect(0).out
    keys = callers.user("planner", *json.loads(policy)["Statement"])
    environment = {"AWS_ACCESS_KEY_ID": keys[0], "AWS_SECRET_ACCESS_KEY": keys[1]}
    run("plan", "--format", "json", env=environment).expect(2)
    applied = run("apply", "--yes", "--format", "json", env=environment)
    assert applied.code == 3, applied.describe()
    assert "iam:UpdateAccountPasswordPolicy" in applied.out
