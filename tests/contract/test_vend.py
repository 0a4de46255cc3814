"""What `vend` leaves behind, read with boto3 through the sandbox's listener; and that it is never done twice."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

from harness import Aws, Orgbase, Sandbox
from readback import ou_paths

BASELINE = """version = 1
[organization]
home_region = "eu-west-1"
regions = ["eu-west-1", "us-east-1", "me-south-1"]
[ous]
"/Landing" = {}
"/Workloads/Production" = {}
[vend]
landing_ou = "/Landing"
[accounts.shop]
name = "Shop"
email = "aws+shop@example.com"
ou = "/Workloads/Production"
tags = { team = "shop" }
[password_policy]
minimum_length = 14
[alternate_contacts.security]
name = "Security Operations"
title = "Team"
email = "secops@example.com"
phone = "+44 20 7946 0003"
"""


class Organization:
    """What `ou_paths` asks."""

    def __init__(self, aws: Aws) -> None:
        self.organizations = aws.client("organizations")
        self.root = self.organizations.list_roots()["Roots"][0]["Id"]


def accounts(aws: Aws) -> list[dict[str, Any]]:
    pages = aws.client("organizations").get_paginator("list_accounts").paginate()
    return [account for page in pages for account in page["Accounts"]]


def until_done(orgbase: Orgbase, *arguments: str) -> None:
    """Runs the command again, as its user would, until it does not end with 3."""
    for _ in range(6):
        ran = orgbase("vend", *arguments, "--format", "json")
        if ran.code != 3:
            assert ran.code == 0, ran.out + ran.err
            return
        time.sleep(2)
    raise AssertionError(ran.out + ran.err)


def check(aws: Aws) -> str:
    """The account as it should be; its id."""
    [shop] = [a for a in accounts(aws) if a["Email"] == "aws+shop@example.com"]
    organizations = aws.client("organizations")
    place = organizations.list_parents(ChildId=shop["Id"])["Parents"][0]["Id"]
    assert ou_paths(Organization(aws))[place] == "/Workloads/Production"
    assert organizations.list_tags_for_resource(ResourceId=shop["Id"])["Tags"] == [{"Key": "team", "Value": "shop"}]
    assert aws.client("iam", shop["Id"]).get_account_password_policy()["PasswordPolicy"]["MinimumPasswordLength"] == 14
    account = aws.client("account", shop["Id"])
    contact = account.get_alternate_contact(AlternateContactType="SECURITY")["AlternateContact"]
    assert contact["EmailAddress"] == "secops@example.com"
    assert account.get_region_opt_status(RegionName="me-south-1")["RegionOptStatus"] == "ENABLED"
    statuses = organizations.list_create_account_status()["CreateAccountStatuses"]
    assert [s["State"] for s in statuses if s["AccountName"] == "Shop"] == ["SUCCEEDED"]
    return shop["Id"]


def test_an_account_is_created_placed_and_closed(tmp_path: Path) -> None:
    sandbox = Sandbox("--org", "accounts=2,ous=0,regions=2")
    try:
        aws, orgbase = Aws(sandbox.url), Orgbase(tmp_path, sandbox.url)
        (tmp_path / "baseline.toml").write_text(BASELINE)
        before = accounts(aws)
        dry = orgbase("vend", "--all", "--dry-run", "--format", "json").expect(2)
        assert [row["key"] for row in dry.report["accounts"]] == ["shop"] and accounts(aws) == before
        until_done(orgbase, "--all", "--yes")
        shop = check(aws)
        assert {a["Id"] for a in accounts(aws)} - {a["Id"] for a in before} == {shop}
        assert orgbase("vend", "--all", "--yes", "--format", "json").expect(0).report["accounts"] == []
        (tmp_path / "baseline.toml").write_text(BASELINE.replace("[accounts.shop]", "[accounts.shop]\nclosed = true"))
        orgbase("vend", "shop", "--yes", "--format", "json").expect(2)
        until_done(orgbase, "shop", "--yes", "--allow-destructive")
        states = {a["Id"]: a.get("State", a["Status"]) for a in accounts(aws)}
        assert states[shop] in ("CLOSED", "SUSPENDED"), states
    finally:
        sandbox.close()


def test_killed_processes_leave_one_account(tmp_path: Path) -> None:
    """SIGKILL after a growing time; the next run takes the lock over and goes on."""
    sandbox = Sandbox("--org", "accounts=2,ous=0,regions=2")
    try:
        aws, orgbase = Aws(sandbox.url), Orgbase(tmp_path, sandbox.url)
        (tmp_path / "baseline.toml").write_text(BASELINE)
        for seconds in (0.4, 0.8, 1.2, 1.6):
            process = orgbase.start("vend", "--all", "--yes")
            time.sleep(seconds)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        until_done(orgbase, "--all", "--yes")
        check(aws)
    finally:
        sandbox.close()
