"""`backup` read back by boto3: moto has neither settings of the organization nor of regions."""

from __future__ import annotations

from pathlib import Path

from harness import Aws, Orgbase, Sandbox
from shapes import Judge

BASELINE = """version = 1
[organization]
id = "o-a1b2c3d4e5"
home_region = "eu-west-1"
regions = ["eu-west-1", "us-east-1"]
[backup]
cross_account_backup = true
opt_in = { S3 = true, EBS = true, "Storage Gateway" = false }
"""


def test_settings_are_set_everywhere_and_others_stay(tmp_path: Path) -> None:
    sandbox = Sandbox("--org", "accounts=3,ous=2,regions=2")
    try:
        aws, judge = Aws(sandbox.url), Judge()
        orgbase = Orgbase(tmp_path, sandbox.url)
        (tmp_path / "baseline.toml").write_text(BASELINE)
        management = judge.watch(aws.client("backup"))
        management.update_region_settings(ResourceTypeOptInPreference={"RDS": False})
        orgbase("apply", "--yes").expect(0)
        settings = management.describe_global_settings()["GlobalSettings"]
        assert settings["isCrossAccountBackupEnabled"] == "true"
        accounts = aws.client("organizations", region="us-east-1").list_accounts()["Accounts"]
        for account in accounts:
            own = account["Name"] == "Management"
            for region in ["eu-west-1", "us-east-1"]:
                backup = judge.watch(aws.client("backup", None if own else account["Id"], region))
                opt_in = backup.describe_region_settings()["ResourceTypeOptInPreference"]
                assert (opt_in["S3"], opt_in["EBS"], opt_in["Storage Gateway"]) == (True, True, False)
                assert opt_in["RDS"] is not (own and region == "eu-west-1")
        management.update_global_settings(GlobalSettings={"isCrossAccountBackupEnabled": "false"})
        plan = orgbase("plan", "--format", "json").expect(2)
        assert [c["path"] for unit in plan.report["units"] for c in unit["changes"]] == ["cross_account_backup"]
        orgbase("apply", "--yes").expect(0)
        orgbase("plan").expect(0)
        assert not judge.problems, "\n".join(judge.problems)
    finally:
        sandbox.close()
