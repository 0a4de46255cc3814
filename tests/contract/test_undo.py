"""`undo` read back by boto3: after apply and undo every setting is as it was before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from harness import Aws, Orgbase, Sandbox

BASELINE = """version = 1
[organization]
id = "o-a1b2c3d4e5"
home_region = "eu-west-1"
regions = ["eu-west-1", "us-east-1"]
[password_policy]
minimum_length = 14
require_symbols = true
max_age_days = 90
reuse_prevention = 24
[s3_block_public_access]
[ebs_encryption]
enabled = true
[serial_console]
enabled = false
"""


def absent(call: Any, **arguments: Any) -> Any:
    try:
        return {key: value for key, value in call(**arguments).items() if key != "ResponseMetadata"}
    except ClientError as error:
        return error.response["Error"]["Code"]


def state(aws: Aws, accounts: list[str | None]) -> str:
    """Every setting of the baseline, in every account and region."""
    found = {}
    for account in accounts:
        iam, control = aws.client("iam", account), aws.client("s3control", account)
        number = account or aws.client("sts").get_caller_identity()["Account"]
        found[number] = [absent(iam.get_account_password_policy), absent(control.get_public_access_block, AccountId=number)]
        for region in ["eu-west-1", "us-east-1"]:
            ec2 = aws.client("ec2", account, region)
            found[number] += [absent(ec2.get_ebs_encryption_by_default), absent(ec2.get_serial_console_access_status)]
    return json.dumps(found, sort_keys=True, indent=1)


@pytest.mark.parametrize("seed", range(3))
def test_undo_restores_what_boto3_reads(tmp_path: Path, seed: int) -> None:
    sandbox = Sandbox("--org", f"accounts=4,ous=3,regions=2,drift=0.5,seed={seed}")
    try:
        aws, orgbase = Aws(sandbox.url), Orgbase(tmp_path, sandbox.url)
        (tmp_path / "baseline.toml").write_text(BASELINE)
        listed = aws.client("organizations").list_accounts()["Accounts"]
        accounts = [None if account["Name"] == "Management" else account["Id"] for account in listed]
        before = state(aws, accounts)
        orgbase("apply", "--yes", "--allow-destructive").expect(0)
        assert state(aws, accounts) != before
        runs = orgbase("undo", "--list", "--format", "json").expect(0).report
        [run] = runs["runs"]
        assert runs["format_version"] == 1 and run["command"] == "apply" and run["changes"] > 0
        assert run["organization_id"] == "o-a1b2c3d4e5"
        # What makes accounts public again is not done without being asked for.
        assert orgbase("undo", run["id"], "--yes").code == 2
        orgbase("undo", run["id"], "--yes", "--allow-destructive").expect(0)
        assert state(aws, accounts) == before
        commands = [r["command"] for r in orgbase("undo", "--list", "--format", "json").report["runs"]]
        assert commands == ["undo", "undo", "apply"], commands
        # An undo can be undone.
        orgbase("undo", run["id"], "--yes").expect(0)
        orgbase("plan").expect(2)
    finally:
        sandbox.close()


def test_what_cannot_be_undone_is_said_first(tmp_path: Path) -> None:
    sandbox = Sandbox("--org", "accounts=4,ous=3,regions=2")
    try:
        aws, orgbase = Aws(sandbox.url), Orgbase(tmp_path, sandbox.url)
        contact = '[alternate_contacts.security]\nname = "Sec"\ntitle = "Team"\nemail = "{}@example.com"\nphone = "+44 1"\n'
        head = BASELINE.split("[password_policy]")[0]
        (tmp_path / "baseline.toml").write_text(head + contact.format("old"))
        orgbase("apply", "--yes").expect(0)
        (tmp_path / "baseline.toml").write_text(head + contact.format("new").replace("Sec", "Secure"))
        orgbase("apply", "--yes").expect(0)
        run = orgbase("undo", "--list", "--format", "json").report["runs"][0]["id"]
        ran = orgbase("undo", run, "--yes")
        assert "security.email cannot be undone" in ran.out, ran.out + ran.err
        found = aws.client("account").get_alternate_contact(AlternateContactType="SECURITY")["AlternateContact"]
        assert (found["Name"], found["EmailAddress"]) == ("Sec", "new@example.com")
        unknown = orgbase("undo", "20200101T000000Z-000000", "--yes").expect(1)
        assert "has no run" in unknown.err
    finally:
        sandbox.close()
