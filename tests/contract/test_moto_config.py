"""`config` on moto: a recorder and a channel in every account and region, adopted where one is there, and repaired."""

from __future__ import annotations

import pytest

from harness import HOME_REGION, Orgbase
from organization import Organization
from proxy import Proxy

REGIONS = [HOME_REGION, "us-east-1"]
# moto refuses Config's delegated administrator, so there is no aggregator.
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
[config]
aggregator = false
recording_frequency = "CONTINUOUS"
delivery_frequency = "Six_Hours"
"""
ONLY = ["--only", "control=log_archive", "--only", "control=config"]


@pytest.fixture
def converged(organization: Organization, orgbase: Orgbase) -> Organization:
    """The account `web` has a recorder already."""
    config = organization.client("config", "web")
    role = f"arn:aws:iam::{organization.accounts['web']}:role/somebody"
    config.put_configuration_recorder(ConfigurationRecorder={
        "name": "theirs", "roleARN": role, "recordingGroup": {"resourceTypes": ["AWS::EC2::Volume"]}})
    (orgbase.folder / "baseline.toml").write_text(BASELINE)
    orgbase("apply", "--yes", *ONLY).expect(0)
    return organization


def test_every_account_and_region_records_into_the_archive(converged: Organization, orgbase: Orgbase, proxy: Proxy) -> None:
    archive = converged.accounts["log-archive"]
    for account in [None, *converged.accounts]:
        for region in REGIONS:
            config = converged.client("config", account, region)
            [recorder] = config.describe_configuration_recorders()["ConfigurationRecorders"]
            adopted = account == "web" and region == HOME_REGION
            assert recorder["name"] == ("theirs" if adopted else "default"), (account, region)
            assert recorder["roleARN"].endswith("/config.amazonaws.com/AWSServiceRoleForConfig")
            group = recorder["recordingGroup"]
            assert group["allSupported"] and group["includeGlobalResourceTypes"] == (region == HOME_REGION), group
            [channel] = config.describe_delivery_channels()["DeliveryChannels"]
            assert channel["s3BucketName"] == f"orgbase-config-{archive}"
            assert channel["configSnapshotDeliveryProperties"]["deliveryFrequency"] == "Six_Hours"
            [status] = config.describe_configuration_recorder_status()["ConfigurationRecordersStatus"]
            assert status["recording"], (account, region)
    proxy.clear()
    orgbase("apply", "--yes", *ONLY).expect(0)
    assert not proxy.writes


def test_a_stopped_recorder_is_started_again(converged: Organization, orgbase: Orgbase) -> None:
    config = converged.client("config", "tools")
    config.stop_configuration_recorder(ConfigurationRecorderName="default")
    plan = orgbase("plan", "--format", "json", *ONLY).expect(2)
    changes = [change["path"] for unit in plan.report["units"] for change in unit["changes"]]
    assert changes == ["recording"]
    orgbase("apply", "--yes", *ONLY).expect(0)
    [status] = config.describe_configuration_recorder_status()["ConfigurationRecordersStatus"]
    assert status["recording"]
