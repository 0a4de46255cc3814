"""`firewall_manager` and the copy of the trail, read back with boto3 from the sandbox: moto has no Firewall Manager."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import Aws, Orgbase, Sandbox

BASELINE = """version = 1
[organization]
home_region = "eu-west-1"
regions = ["eu-west-1", "us-east-1"]
[accounts.log-archive]
name = "Log Archive"
email = "aws+log@example.com"
ou = "/"
[accounts.security]
name = "Security"
email = "aws+security@example.com"
ou = "/"
[delegated_admins]
fms = "security"
[firewall_manager]
notify = ["secops@example.com"]
[log_archive]
account = "log-archive"
retention_days = 3650
[log_archive.replication]
account = "security"
region = "us-east-1"
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    sandbox = Sandbox("--org", "accounts=4,regions=2")
    yield sandbox
    sandbox.close()


def account(aws: Aws, name: str) -> str:
    accounts = aws.client("organizations", region="us-east-1").list_accounts()["Accounts"]
    return next(a["Id"] for a in accounts if a["Name"] == name)


def test_channels_and_the_copy(server: Sandbox, tmp_path: Path) -> None:
    orgbase, aws = Orgbase(tmp_path, server.url), Aws(server.url)
    (tmp_path / "baseline.toml").write_text(BASELINE)
    orgbase("apply", "--yes").expect(0)
    security, log = account(aws, "Security"), account(aws, "Log Archive")
    for region in ["eu-west-1", "us-east-1"]:
        channel = aws.client("fms", security, region).get_notification_channel()
        assert channel["SnsTopicArn"] == f"arn:aws:sns:{region}:{security}:orgbase-firewall-manager"
        assert channel["SnsRoleName"].endswith(":role/aws-service-role/fms.amazonaws.com/AWSServiceRoleForFMS")
        sns = aws.client("sns", security, region)
        policy = json.loads(sns.get_topic_attributes(TopicArn=channel["SnsTopicArn"])["Attributes"]["Policy"])
        ours = [s for s in policy["Statement"] if s["Sid"] == "OrgbaseFirewallManager"]
        assert [s["Principal"]["AWS"] for s in ours] == [channel["SnsRoleName"]]
    found = aws.client("s3", log).get_bucket_replication(Bucket=f"orgbase-cloudtrail-{log}")["ReplicationConfiguration"]
    (rule,) = found["Rules"]
    assert rule["Destination"]["Bucket"] == f"arn:aws:s3:::orgbase-cloudtrail-replica-{security}"
    assert (rule["Status"], rule["DeleteMarkerReplication"]["Status"]) == ("Enabled", "Disabled")
    assert found["Role"] == f"arn:aws:iam::{log}:role/orgbase-log-replication"
    copy = aws.client("s3", security, "us-east-1")
    assert copy.get_bucket_versioning(Bucket=f"orgbase-cloudtrail-replica-{security}")["Status"] == "Enabled"


def test_another_administrators_topics_are_left_alone(server: Sandbox, tmp_path: Path) -> None:
    orgbase, aws = Orgbase(tmp_path, server.url), Aws(server.url)
    security, log = account(aws, "Security"), account(aws, "Log Archive")
    aws.client("fms", security, "us-east-1").disassociate_admin_account()
    aws.client("fms", region="us-east-1").associate_admin_account(AdminAccount=log)
    (tmp_path / "baseline.toml").write_text(BASELINE)
    plan = orgbase("plan", "--format", "json", "--only", "control=firewall_manager").expect(0)
    assert {(u["outcome"], log in u["reason"]) for u in plan.report["units"]} == {("skipped", True)}
