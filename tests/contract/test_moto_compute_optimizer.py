"""`compute_optimizer` on moto: schedules, their role and the buckets. moto has no Compute Optimizer: boto3 reads the enrolment
back from the sandbox, and starts there what a schedule would start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness import Aws, Orgbase, Sandbox
from organization import MANAGEMENT, Organization
from proxy import Proxy

BASELINE = """version = 1
[organization]
home_region = "eu-west-1"
regions = ["eu-west-1", "us-east-1"]
[accounts.log-archive]
name = "log-archive"
email = "aws+log-archive@example.com"
ou = "/"
[log_archive]
account = "log-archive"
exports_retention_days = 400
[compute_optimizer.exports]
kinds = ["ec2_instance", "ebs_volume"]
time_zone = "Australia/Brisbane"
"""
GROUP = "orgbase-compute-optimizer"
RUN = ["apply", "--yes", "--exclude", "control=compute_optimizer.enrollment"]


def schedule(client: Any, name: str) -> dict[str, Any]:
    return client.get_schedule(GroupName=GROUP, Name=name)


def test_schedules_role_and_buckets(organization: Organization, orgbase: Orgbase, proxy: Proxy) -> None:
    (orgbase.folder / "baseline.toml").write_text(BASELINE)
    orgbase(*RUN).expect(0)
    log = organization.accounts["log-archive"]
    role = f"arn:aws:iam::{MANAGEMENT}:role/orgbase-compute-optimizer-exports"
    for region, bucket in [("eu-west-1", f"orgbase-exports-{log}"), ("us-east-1", f"orgbase-exports-us-east-1-{log}")]:
        scheduler = organization.client("scheduler", region=region)
        names = [s["Name"] for s in scheduler.list_schedules(GroupName=GROUP)["Schedules"]]
        assert sorted(names) == ["ebs-volume", "ec2-instance"]
        found = schedule(scheduler, "ec2-instance")
        assert (found["ScheduleExpression"], found["State"]) == ("cron(0 0 ? * MON *)", "ENABLED")
        assert found["ScheduleExpressionTimezone"] == "Australia/Brisbane"
        assert found["Target"]["Arn"] == "arn:aws:scheduler:::aws-sdk:computeoptimizer:exportEC2InstanceRecommendations"
        assert found["Target"]["RoleArn"] == role
        assert json.loads(found["Target"]["Input"])["S3DestinationConfig"]["Bucket"] == bucket
        s3 = organization.client("s3", "log-archive", region=region)
        policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
        assert "compute-optimizer.amazonaws.com" in policy and MANAGEMENT in policy
        rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        assert 400 in [rule.get("Expiration", {}).get("Days") for rule in rules], rules
    trust = organization.client("iam").get_role(RoleName="orgbase-compute-optimizer-exports")["Role"]
    assert "scheduler.amazonaws.com" in json.dumps(trust["AssumeRolePolicyDocument"])
    proxy.clear()
    orgbase(*RUN).expect(0)
    assert not proxy.writes


def test_a_changed_schedule_is_repaired_and_a_kind_is_taken_away(organization: Organization, orgbase: Orgbase) -> None:
    (orgbase.folder / "baseline.toml").write_text(BASELINE)
    orgbase(*RUN).expect(0)
    scheduler = organization.client("scheduler")
    wanted = schedule(scheduler, "ebs-volume")
    scheduler.update_schedule(
        GroupName=GROUP, Name="ebs-volume", ScheduleExpression="rate(1 days)", State="DISABLED",
        Description="theirs", FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5}, Target=wanted["Target"])
    orgbase(*RUN).expect(0)
    found = schedule(scheduler, "ebs-volume")
    assert (found["ScheduleExpression"], found["State"]) == ("cron(0 0 ? * MON *)", "ENABLED")
    assert (found["Description"], found["FlexibleTimeWindow"]["Mode"]) == ("theirs", "FLEXIBLE")
    (orgbase.folder / "baseline.toml").write_text(BASELINE.replace('"ec2_instance", ', ""))
    orgbase(*RUN).expect(0)
    assert [s["Name"] for s in scheduler.list_schedules(GroupName=GROUP)["Schedules"]] == ["ebs-volume"]


def test_the_organization_is_enrolled_and_an_export_would_work(sandbox: Sandbox, tmp_path: Path) -> None:
    orgbase = Orgbase(tmp_path, sandbox.url)
    text = BASELINE.replace("log-archive\"\nemail = \"aws+log-archive", "Log Archive\"\nemail = \"aws+log")
    (tmp_path / "baseline.toml").write_text(text)
    orgbase("apply", "--yes").expect(0)
    optimizer = Aws(sandbox.url).client("compute-optimizer")
    status = optimizer.get_enrollment_status()
    assert (status["status"], status["memberAccountsEnrolled"]) == ("Active", True)
    found = Aws(sandbox.url).client("scheduler").get_schedule(GroupName=GROUP, Name="ebs-volume")
    to = json.loads(found["Target"]["Input"])["S3DestinationConfig"]
    job = optimizer.export_ebs_volume_recommendations(
        includeMemberAccounts=True, s3DestinationConfig={"bucket": to["Bucket"], "keyPrefix": to["KeyPrefix"]})
    jobs = optimizer.describe_recommendation_export_jobs(jobIds=[job["jobId"]])["recommendationExportJobs"]
    assert [j["status"] for j in jobs] == ["Complete"]
