"""The main job on an organization that moto keeps: plan, apply, plan, repair, and what may go wrong on the way."""

from __future__ import annotations

import json
import signal
import subprocess
from collections import Counter
from typing import Any

import pytest

import readback
from harness import HOME_REGION, Orgbase
from organization import FOREIGN_STATEMENT, MANAGEMENT, MEMBERS, Organization, write_baseline
from proxy import MANAGEMENT as CALLER
from proxy import Proxy, deny_assume_role, throttle


@pytest.fixture
def converged(organization: Organization, orgbase: Orgbase, proxy: Proxy) -> Organization:
    """The organization after a first `apply`."""
    write_baseline(orgbase.folder)
    orgbase("apply", "--yes").expect(0)
    proxy.clear()
    return organization


def test_plan_apply_plan(organization: Organization, orgbase: Orgbase, proxy: Proxy) -> None:
    write_baseline(orgbase.folder)
    plan = orgbase("plan", "--format", "json").expect(2)
    assert not proxy.writes, Counter(call.kind for call in proxy.writes)
    check_shape(plan.report)
    accounts = {*organization.accounts.values(), MANAGEMENT}
    assert {u["account"] for u in plan.report["units"] if u["control"] == "password_policy"} == accounts
    regional = [u for u in plan.report["units"] if (u["control"], u["part"]) == ("delegated_admins", "regional_admin:guardduty")]
    assert {u["region"] for u in regional} == {"eu-west-1", "us-east-1", "ap-south-1"}
    human = orgbase("plan").expect(2).out
    for word in ["password_policy", "org_trail", "log_archive", "metric_alarms", "scps", "baseline.toml:"]:
        assert word in human, human

    applied = orgbase("apply", "--yes", "--format", "json").expect(0)
    check_shape(applied.report)
    assert len(applied.report["units"]) == len(plan.report["units"])

    again = orgbase("plan", "--format", "json")
    assert again.code == 0, again.describe()
    proxy.clear()
    second = orgbase("apply", "--yes", "--format", "json")
    assert second.code == 0, second.describe()
    assert not proxy.writes, Counter(call.kind for call in proxy.writes)


def check_shape(report: dict[str, Any]) -> None:
    """The members that the design promises to programs, and counts that add up."""
    for member in ["format_version", "tool_version", "baseline_digest", "organization_id", "created_at", "units", "summary"]:
        assert member in report, member
    for unit in report["units"]:
        assert {"control", "part", "account", "region", "outcome", "changes", "error"} <= unit.keys()
        assert len(unit["account"]) == 12 and unit["account"].isdigit(), unit
        for change in unit["changes"]:
            assert {"path", "before", "after", "effect", "risk", "declared_at"} <= change.keys(), change
    assert sum(report["summary"]["outcomes"].values()) == len(report["units"]) == report["summary"]["units"]


def test_read_back(converged: Organization) -> None:
    """Every setting, as boto3 sees it."""
    readback.check_organization(converged)
    readback.check_password_policies(converged)
    readback.check_key(converged)
    readback.check_buckets(converged)
    readback.check_trail(converged)
    readback.check_alarms(converged)
    readback.check_policies(converged)
    readback.check_administrators(converged)


def test_foreign_content_survives(converged: Organization, orgbase: Orgbase) -> None:
    s3 = converged.client("s3", "log-archive")
    bucket = converged.trail_bucket
    policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    foreign = {**FOREIGN_STATEMENT, "Resource": f"arn:aws:s3:::{bucket}"}
    assert foreign in policy["Statement"], policy
    assert len(policy["Statement"]) > 1
    rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert "somebody-elses" in [rule["ID"] for rule in rules]
    tags = s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    assert {"Key": "owner", "Value": "platform"} in tags
    assert converged.targets("somebody-elses-guardrail") == {converged.ous["/Workloads"]}
    full = {converged.root, *converged.accounts.values(), MANAGEMENT, *converged.ous.values()}
    assert converged.targets("FullAWSAccess") >= full - {"/"}
    # HardExpiry is no key of the baseline: what is not declared is sent back as it was.
    assert converged.password_policy("web")["HardExpiry"] is True


def breaks(o: Organization) -> dict[tuple[str, str, str, str], Any]:
    """Unit -> what somebody does behind orgbase's back."""
    log = o.accounts["log-archive"]
    logs, cloudwatch, sns = (o.client(s) for s in ("logs", "cloudwatch", "sns"))
    home = HOME_REGION

    def weaken_bucket() -> None:
        o.client("s3", "log-archive").put_bucket_versioning(
            Bucket=o.trail_bucket, VersioningConfiguration={"Status": "Suspended"})

    def stop_rotation() -> None:
        kms = o.client("kms", "log-archive")
        kms.disable_key_rotation(KeyId=kms.describe_key(KeyId="alias/orgbase-log-archive")["KeyMetadata"]["KeyId"])

    def disarm() -> None:
        alarm = cloudwatch.describe_alarms()["MetricAlarms"][0]
        cloudwatch.delete_alarms(AlarmNames=[alarm["AlarmName"]])

    def blind() -> None:
        found = logs.describe_metric_filters(logGroupName="orgbase-cloudtrail")["metricFilters"][0]
        logs.put_metric_filter(logGroupName="orgbase-cloudtrail", filterName=found["filterName"], filterPattern="nothing",
                               metricTransformations=found["metricTransformations"])

    def open_topic() -> None:
        arn = sns.list_topics()["Topics"][0]["TopicArn"]
        sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Sid": "Other", "Effect": "Allow", "Principal": {"AWS": MANAGEMENT},
                                                     "Action": "sns:Publish", "Resource": arn}]}))

    def detach() -> None:
        o.organizations.detach_policy(PolicyId=o.policies()["no-lightsail"]["Id"], TargetId=o.accounts["app-prod"])

    def move() -> None:
        security = o.organizations.list_parents(ChildId=o.accounts["security"])["Parents"][0]["Id"]
        o.organizations.move_account(AccountId=o.accounts["security"], SourceParentId=security, DestinationParentId=o.root)

    return {
        ("password_policy", "", o.accounts["tools"], home): lambda: o.client("iam", "tools").delete_account_password_policy(),
        ("password_policy", "", o.accounts["web"], home): lambda: o.client("iam", "web").update_account_password_policy(
            MinimumPasswordLength=6, HardExpiry=True),
        ("org_trail", "trail", MANAGEMENT, home): lambda: o.client("cloudtrail").stop_logging(Name="org-trail"),
        ("org_trail", "log_group", MANAGEMENT, home): lambda: logs.put_retention_policy(
            logGroupName="orgbase-cloudtrail", retentionInDays=7),
        ("log_archive", "bucket:cloudtrail", log, home): weaken_bucket,
        ("log_archive", "key", log, home): stop_rotation,
        ("metric_alarms", "alarms", MANAGEMENT, home): disarm,
        ("metric_alarms", "filters", MANAGEMENT, home): blind,
        ("metric_alarms", "topic", MANAGEMENT, home): open_topic,
        ("scps", "no-lightsail", MANAGEMENT, home): detach,
        ("accounts", "security", o.accounts["security"], home): move,
    }


def test_changes_behind_its_back_are_found_and_repaired(converged: Organization, orgbase: Orgbase) -> None:
    broken = breaks(converged)
    for act in broken.values():
        act()
    plan = orgbase("plan", "--format", "json")
    assert plan.code == 2, plan.describe()
    assert plan.units("drift") == set(broken), plan.describe()
    orgbase("apply", "--yes").expect(0)
    orgbase("plan").expect(0)
    readback.check_alarms(converged)
    readback.check_trail(converged)
    assert converged.password_policy("web")["HardExpiry"] is True


def test_a_moved_target_makes_only_its_unit_stale(converged: Organization, orgbase: Orgbase) -> None:
    for name in ["tools", "web"]:
        converged.client("iam", name).update_account_password_policy(MinimumPasswordLength=6)
    orgbase("plan", "--out", "reviewed.json").expect(2)
    converged.client("iam", "web").update_account_password_policy(MinimumPasswordLength=7)
    applied = orgbase("apply", "reviewed.json", "--yes", "--format", "json").expect(3)
    stale = ("password_policy", "", converged.accounts["web"], HOME_REGION)
    assert applied.units("stale") == {stale}, applied.describe()
    assert applied.units("applied") == {("password_policy", "", converged.accounts["tools"], HOME_REGION)}
    assert converged.password_policy("web")["MinimumPasswordLength"] == 7
    orgbase("apply", "--yes").expect(0)


def test_a_saved_plan_does_no_more_than_it_holds(converged: Organization, orgbase: Orgbase) -> None:
    converged.client("iam", "tools").update_account_password_policy(MinimumPasswordLength=6)
    orgbase("plan", "--out", "reviewed.json").expect(2)
    converged.client("iam", "web").delete_account_password_policy()
    applied = orgbase("apply", "reviewed.json", "--yes", "--format", "json")
    assert applied.units("applied") == {("password_policy", "", converged.accounts["tools"], HOME_REGION)}
    assert converged.password_policy("web") is None
    assert applied.code in (2, 3), applied.describe()


@pytest.mark.parametrize("writes", [1, 8, 20, 35, 50, 70])
def test_killed_after_a_write_it_converges(organization: Organization, orgbase: Orgbase, proxy: Proxy, writes: int) -> None:
    """The write was done, but the process never heard of it."""
    write_baseline(orgbase.folder)
    process: subprocess.Popen[str] | None = None

    def kill(done: int) -> None:
        if done == writes and process:
            process.send_signal(signal.SIGKILL)

    proxy.after_write = kill
    process = orgbase.start("apply", "--yes")
    process.communicate(timeout=180)
    assert process.returncode == -signal.SIGKILL, f"it ended with {process.returncode} before write {writes}"
    proxy.clear()
    orgbase("apply", "--yes", "--format", "json").expect(0)
    orgbase("plan", "--format", "json").expect(0)
    readback.check_nothing_is_there_twice(organization)


@pytest.mark.parametrize("account", ["web", "log-archive"])
def test_an_account_that_cannot_be_entered(organization: Organization, orgbase: Orgbase, proxy: Proxy, account: str) -> None:
    write_baseline(orgbase.folder)
    closed = organization.accounts[account]
    proxy.faults = [deny_assume_role(closed)]
    applied = orgbase("apply", "--yes", "--format", "json")
    assert applied.code == 3, applied.describe()
    failed = applied.units("failed")
    assert failed, applied.describe()
    assert {unit[2] for unit in failed} == {closed}, applied.describe()
    errors = [u["error"] for u in applied.report["units"] if u["outcome"] == "failed"]
    assert all(error["call"]["code"] == "AccessDenied" for error in errors), errors
    if account == "log-archive":
        blocked = {unit[:2] for unit in applied.units("blocked")}
        assert ("org_trail", "trail") in blocked, applied.describe()
    others = [name for name in MEMBERS if name != account]
    readback.check_password_policies(organization, [None, *others])
    assert not [call for call in proxy.writes if call.account == closed]
    assert CALLER in {call.account for call in proxy.calls}
    proxy.clear()
    orgbase("apply", "--yes").expect(0)
    orgbase("plan").expect(0)


def test_throttled_calls_are_made_again(organization: Organization, orgbase: Orgbase, proxy: Proxy) -> None:
    write_baseline(orgbase.folder)
    proxy.faults = [throttle(every=7)]
    orgbase("apply", "--yes", "--format", "json").expect(0)
    refused = [call for call in proxy.calls if call.status in (400, 503)]
    assert len(refused) >= 20, len(refused)
    proxy.clear()
    orgbase("plan", "--format", "json").expect(0)
    readback.check_nothing_is_there_twice(organization)
