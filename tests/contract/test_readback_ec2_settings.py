"""EC2 settings that neither moto nor Prowler judges: read back with boto3 from the sandbox's listener."""

from __future__ import annotations

from pathlib import Path

from harness import Aws, Orgbase, Sandbox

BASELINE = """version = 1
[organization]
home_region = "eu-west-1"
regions = ["eu-west-1", "us-east-1"]
[serial_console]
enabled = false
[default_vpc]
remove = true
"""
REGIONS = ["eu-west-1", "us-east-1"]


def test_consoles_are_off_and_unused_default_vpcs_are_gone(tmp_path: Path) -> None:
    sandbox = Sandbox("--org", "accounts=2,ous=0,regions=2")
    try:
        aws, orgbase = Aws(sandbox.url), Orgbase(tmp_path, sandbox.url)
        aws.client("ec2").enable_serial_console_access()
        assert vpcs(aws, "eu-west-1"), "nothing to remove"
        (tmp_path / "baseline.toml").write_text(BASELINE)
        orgbase("apply", "--yes", "--allow-destructive").expect(0)
        for region in REGIONS:
            ec2 = aws.client("ec2", region=region)
            assert ec2.get_serial_console_access_status()["SerialConsoleAccessEnabled"] is False
            assert vpcs(aws, region) == []
        orgbase("plan").expect(0)
    finally:
        sandbox.close()


def vpcs(aws: Aws, region: str) -> list[str]:
    """Ids of the default VPCs of the management account."""
    found = aws.client("ec2", region=region).describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    return [vpc["VpcId"] for vpc in found]
