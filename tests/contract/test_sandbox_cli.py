"""The AWS CLI works against the sandbox's listener, with nothing but the `export` lines that it prints."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import ACCESS_ROLE, HOME_REGION, Sandbox, clean_environment

POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"gamelift:*","Resource":"*"}]}'
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "sts:AssumeRole"}]})


class Cli:
    """`aws` as the management account, or with the keys of a session."""

    def __init__(self, url: str, keys: dict[str, str] | None = None) -> None:
        self.environment = {
            **clean_environment(),
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "sandbox",
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_DEFAULT_REGION": HOME_REGION,
            "AWS_PAGER": "",
            "AWS_MAX_ATTEMPTS": "1",
            **(keys or {}),
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).parent / "aws"), *arguments, "--output", "json"]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60, check=False)

    def __call__(self, *arguments: str) -> Any:
        done = self.run(*arguments)
        assert done.returncode == 0, f"aws {' '.join(arguments)}: {done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    sandbox = Sandbox("--org", "accounts=5,ous=4,regions=3")
    yield sandbox
    sandbox.close()


@pytest.fixture(scope="module")
def aws(server: Sandbox) -> Cli:
    return Cli(server.url)


@pytest.fixture(scope="module")
def accounts(aws: Cli) -> dict[str, str]:
    return {a["Name"]: a["Id"] for a in aws("organizations", "list-accounts")["Accounts"]}


@pytest.fixture(scope="module")
def log(server: Sandbox, aws: Cli, accounts: dict[str, str]) -> Cli:
    """In the log account."""
    arn = f"arn:aws:iam::{accounts['Log Archive']}:role/{ACCESS_ROLE}"
    keys = aws("sts", "assume-role", "--role-arn", arn, "--role-session-name", "cli")["Credentials"]
    return Cli(server.url, {"AWS_ACCESS_KEY_ID": keys["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
                            "AWS_SESSION_TOKEN": keys["SessionToken"]})


def test_accounts_and_sessions(server: Sandbox, aws: Cli, log: Cli, accounts: dict[str, str]) -> None:
    identity = log("sts", "get-caller-identity")
    assert identity["Account"] == accounts["Log Archive"]
    status = aws("organizations", "create-account", "--email", "aws+cli@example.com", "--account-name", "cli")
    request = status["CreateAccountStatus"]["Id"]
    for _ in range(60):
        status = aws("organizations", "describe-create-account-status", "--create-account-request-id", request)
        if status["CreateAccountStatus"]["State"] != "IN_PROGRESS":
            break
        time.sleep(0.2)
    assert status["CreateAccountStatus"]["State"] == "SUCCEEDED", status
    small = aws("organizations", "list-accounts", "--page-size", "1")["Accounts"]
    assert len({a["Id"] for a in small}) == len(small) == len(accounts) + 1


def test_organizations(aws: Cli) -> None:
    root = aws("organizations", "list-roots")["Roots"][0]["Id"]
    made = aws("organizations", "create-organizational-unit", "--parent-id", root, "--name", "Cli")["OrganizationalUnit"]
    found = aws("organizations", "list-organizational-units-for-parent", "--parent-id", root)["OrganizationalUnits"]
    assert made["Id"] in [ou["Id"] for ou in found]
    policy = aws("organizations", "create-policy", "--name", "cli", "--description", "", "--type", "SERVICE_CONTROL_POLICY",
                 "--content", POLICY)["Policy"]
    read = aws("organizations", "describe-policy", "--policy-id", policy["PolicySummary"]["Id"])["Policy"]
    assert json.loads(read["Content"]) == json.loads(POLICY)


def test_iam(log: Cli) -> None:
    log("iam", "update-account-password-policy", "--minimum-password-length", "14", "--require-symbols")
    assert log("iam", "get-account-password-policy")["PasswordPolicy"]["MinimumPasswordLength"] == 14
    log("iam", "create-role", "--role-name", "cli", "--assume-role-policy-document", TRUST)
    assert log("iam", "get-role", "--role-name", "cli")["Role"]["AssumeRolePolicyDocument"] == json.loads(TRUST)


def test_s3_with_files(log: Cli, accounts: dict[str, str], tmp_path: Path) -> None:
    bucket = f"cli-{accounts['Log Archive']}"
    log("s3api", "create-bucket", "--bucket", bucket, "--create-bucket-configuration", f"LocationConstraint={HOME_REGION}")
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.write_bytes(bytes(range(256)) * 400)
    assert log.run("s3", "cp", str(source), f"s3://{bucket}/a/b", "--quiet").returncode == 0
    assert log.run("s3", "cp", f"s3://{bucket}/a/b", str(copy), "--quiet").returncode == 0
    assert copy.read_bytes() == source.read_bytes()
    log("s3api", "put-bucket-versioning", "--bucket", bucket, "--versioning-configuration", "Status=Enabled")
    assert log("s3api", "get-bucket-versioning", "--bucket", bucket)["Status"] == "Enabled"


def test_logs_cloudwatch_sns_kms(log: Cli) -> None:
    log("logs", "create-log-group", "--log-group-name", "cli")
    log("logs", "put-retention-policy", "--log-group-name", "cli", "--retention-in-days", "30")
    assert log("logs", "describe-log-groups", "--log-group-name-prefix", "cli")["logGroups"][0]["retentionInDays"] == 30
    topic = log("sns", "create-topic", "--name", "cli")["TopicArn"]
    assert log("sns", "get-topic-attributes", "--topic-arn", topic)["Attributes"]["TopicArn"] == topic
    log("cloudwatch", "put-metric-alarm", "--alarm-name", "cli", "--namespace", "n", "--metric-name", "m", "--statistic", "Sum",
        "--period", "300", "--evaluation-periods", "1", "--threshold", "1", "--comparison-operator", "GreaterThanThreshold",
        "--alarm-actions", topic)
    assert log("cloudwatch", "describe-alarms", "--alarm-names", "cli")["MetricAlarms"][0]["AlarmActions"] == [topic]
    key = log("kms", "create-key")["KeyMetadata"]["KeyId"]
    log("kms", "enable-key-rotation", "--key-id", key)
    assert log("kms", "get-key-rotation-status", "--key-id", key)["KeyRotationEnabled"] is True


def test_account_and_cloudtrail(log: Cli, accounts: dict[str, str]) -> None:
    log("account", "put-alternate-contact", "--alternate-contact-type", "SECURITY", "--email-address", "s@example.com",
        "--name", "S", "--phone-number", "+1 555", "--title", "T")
    contact = log("account", "get-alternate-contact", "--alternate-contact-type", "SECURITY")["AlternateContact"]
    assert contact["EmailAddress"] == "s@example.com"
    assert log("cloudtrail", "describe-trails")["trailList"] == []


@pytest.mark.parametrize(("service", "enable", "option", "read"), [
    ("guardduty", "enable-organization-admin-account", "--admin-account-id", "list-organization-admin-accounts"),
    ("securityhub", "enable-organization-admin-account", "--admin-account-id", "list-organization-admin-accounts"),
    ("macie2", "enable-organization-admin-account", "--admin-account-id", "list-organization-admin-accounts"),
    ("inspector2", "enable-delegated-admin-account", "--delegated-admin-account-id", "list-delegated-admin-accounts"),
])
def test_administrators(aws: Cli, accounts: dict[str, str], service: str, enable: str, option: str, read: str) -> None:
    aws(service, enable, option, accounts["Security"])
    assert accounts["Security"] in json.dumps(aws(service, read))


def test_errors_are_those_of_aws(aws: Cli, log: Cli) -> None:
    cases = [
        (aws, ["organizations", "describe-policy", "--policy-id", "p-zzzzzzzz"], "PolicyNotFoundException"),
        (aws, ["sts", "assume-role", "--role-arn", "arn:aws:iam::999999999999:role/x", "--role-session-name", "cli"],
         "AccessDenied"),
        (log, ["organizations", "list-accounts"], "AccessDeniedException"),
        (log, ["s3api", "get-bucket-policy", "--bucket", "nothing-of-the-kind"], "NoSuchBucket"),
        (log, ["kms", "describe-key", "--key-id", "alias/none"], "NotFoundException"),
        (log, ["logs", "put-retention-policy", "--log-group-name", "none", "--retention-in-days", "30"],
         "ResourceNotFoundException"),
        (log, ["iam", "get-role", "--role-name", "nobody"], "NoSuchEntity"),
    ]
    for cli, arguments, code in cases:
        done = cli.run(*arguments)
        assert done.returncode != 0 and f"({code})" in done.stderr, done.stderr


def test_an_operation_that_is_not_simulated_says_so(aws: Cli) -> None:
    done = aws.run("athena", "list-work-groups")
    assert done.returncode != 0 and "sandbox" in done.stderr and "athena" in done.stderr, done.stderr
