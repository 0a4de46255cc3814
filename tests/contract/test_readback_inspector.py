"""`inspector` read back by boto3: moto's Inspector knows no scan types of members."""

from __future__ import annotations

from pathlib import Path

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
inspector2 = "security"
[inspector]
ec2 = true
ecr = true
ec2_scan_mode = "EC2_SSM_AGENT_BASED"
ecr_rescan_duration = "DAYS_30"
"""


def test_every_account_is_scanned_and_comes_back(tmp_path: Path) -> None:
    sandbox = Sandbox("--org", "accounts=4,ous=3,regions=2,drift=0.5,seed=4")
    try:
        aws, judge = Aws(sandbox.url), Judge()
        orgbase = Orgbase(tmp_path, sandbox.url)
        (tmp_path / "baseline.toml").write_text(BASELINE)
        accounts = {a["Name"]: a["Id"] for a in aws.client("organizations", region="us-east-1").list_accounts()["Accounts"]}
        admins = {region: judge.watch(aws.client("inspector2", accounts["Security"], region)) for region in REGIONS}
        orgbase("apply", "--yes").expect(0)
        for region, inspector in admins.items():
            auto = inspector.describe_organization_configuration()["autoEnable"]
            assert (auto["ec2"], auto["ecr"]) == (True, True), region
            members = {m["accountId"] for m in inspector.list_members()["members"]}
            assert members == {account for name, account in accounts.items() if name != "Security"}
            states = inspector.batch_get_account_status(accountIds=list(accounts.values()))
            assert states["failedAccounts"] == [] and len(states["accounts"]) == len(accounts)
            on = {(s["resourceState"]["ec2"]["status"], s["resourceState"]["ecr"]["status"]) for s in states["accounts"]}
            assert on == {("ENABLED", "ENABLED")}, region
            found = inspector.get_configuration()
            assert found["ec2Configuration"]["scanModeState"]["scanMode"] == "EC2_SSM_AGENT_BASED"
            assert found["ecrConfiguration"]["rescanDurationState"]["rescanDuration"] == "DAYS_30"
        admins["us-east-1"].disassociate_member(accountId=accounts["Log Archive"])
        admins["eu-west-1"].disable(accountIds=[accounts["Log Archive"]], resourceTypes=["ECR"])
        plan = orgbase("plan", "--format", "json").expect(2)
        assert {c["path"] for unit in plan.report["units"] for c in unit["changes"]} == {"members", "members.ecr"}
        orgbase("apply", "--yes").expect(0)
        orgbase("plan").expect(0)
        assert not judge.problems, "\n".join(judge.problems)
    finally:
        sandbox.close()
