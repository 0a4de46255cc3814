"""What `import` makes of an organization that others set up, changed with boto3 through the sandbox's listener."""

from __future__ import annotations

import tomllib
from pathlib import Path

from harness import Aws, Orgbase, Sandbox

ORGANIZATION = "accounts=7,ous=5,regions=2,drift=0.4,invited=1,suspended=1,foreign=2,seed=11"


def test_what_is_imported_plans_to_nothing_and_one_change_is_one_drift(tmp_path: Path) -> None:
    sandbox = Sandbox("--org", ORGANIZATION)
    try:
        aws, orgbase = Aws(sandbox.url), Orgbase(tmp_path, sandbox.url)
        ran = orgbase("import", "--out", "base", env={"AWS_REGION": "eu-west-1"}).expect(0)
        assert "not managed, because their role cannot be assumed" in ran.out
        tables = {path.name: tomllib.loads(path.read_text()) for path in (tmp_path / "base").glob("*.toml")}
        accounts = tables["20-accounts.toml"]["accounts"]
        [closed] = [account for account in accounts.values() if account.get("managed") is False]
        assert "role cannot be assumed" in closed["reason"]
        listed = aws.client("organizations").get_paginator("list_accounts").paginate()
        assert {a["Email"] for page in listed for a in page["Accounts"]} == {a["email"] for a in accounts.values()}
        orgbase("import", "--out", "base").expect(1)

        before = orgbase("plan", "-f", "base", "--format", "json").expect(0)
        places = before.units("in_sync")
        management = aws.client("sts").get_caller_identity()["Account"]
        members = [unit for unit in places if unit[0] == "ebs_encryption" and unit[2] != management]
        control, part, account, region = min(members)
        ec2 = aws.client("ec2", account, region)
        if ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"]:
            ec2.disable_ebs_encryption_by_default()
        else:
            ec2.enable_ebs_encryption_by_default()
        after = orgbase("plan", "-f", "base", "--format", "json").expect(2)
        assert after.units("drift") == {(control, part, account, region)}
    finally:
        sandbox.close()
