"""What moto does not have of the account settings: read back with boto3 from the sandbox's listener."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from harness import HOME_REGION, Aws, Orgbase, Sandbox

HEAD = """version = 1
[organization]
home_region = "eu-west-1"
regions = ["eu-west-1"]
"""
CONTACT = """[primary_contact]
full_name = "Cloud Office"
address_line_2 = "Floor 3"
phone = "+353 1 555 0199"
"""
ROOT = """[root_access]
delete_member_root_credentials = true
"""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Three accounts of the organization's own, and one that was invited: it has a root password."""
    server = Sandbox("--org", "accounts=3,invited=1,ous=0,regions=1")
    yield server
    server.close()


@pytest.fixture
def orgbase(sandbox: Sandbox, tmp_path: Path) -> Orgbase:
    return Orgbase(tmp_path, sandbox.url)


def apply(orgbase: Orgbase, text: str, code: int, *arguments: str) -> None:
    (orgbase.folder / "baseline.toml").write_text(HEAD + text)
    orgbase("apply", "--yes", *arguments).expect(code)


def root_iam(aws: Aws, account: str) -> Any:
    """IAM as the account's root user, for the audit task."""
    task = {"arn": "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials"}
    keys = aws.client("sts").assume_root(TargetPrincipal=account, TaskPolicyArn=task)["Credentials"]
    return boto3.client("iam", region_name=HOME_REGION, endpoint_url=aws.endpoint, aws_access_key_id=keys["AccessKeyId"],
                        aws_secret_access_key=keys["SecretAccessKey"], aws_session_token=keys["SessionToken"])


def test_the_primary_contact_keeps_what_is_not_declared(sandbox: Sandbox, orgbase: Orgbase) -> None:
    client = Aws(sandbox.url).client("account")
    before = client.get_contact_information()["ContactInformation"]
    # The invited account has no access role.
    apply(orgbase, CONTACT, 3)
    after = client.get_contact_information()["ContactInformation"]
    declared = {"FullName": "Cloud Office", "AddressLine2": "Floor 3", "PhoneNumber": "+353 1 555 0199"}
    assert after == {**before, **declared}


def test_root_credentials_go_in_a_second_run_and_only_when_allowed(sandbox: Sandbox, orgbase: Orgbase) -> None:
    aws = Aws(sandbox.url)
    accounts = aws.client("organizations").list_accounts()["Accounts"]
    joined = [account for account in accounts if account["JoinedMethod"] == "INVITED" and account["Name"] != "Management"]
    invited = joined[0]["Id"]
    apply(orgbase, ROOT, 2, "--allow-destructive")
    features = aws.client("iam").list_organizations_features()["EnabledFeatures"]
    assert set(features) == {"RootCredentialsManagement", "RootSessions"}
    assert root_iam(aws, invited).get_login_profile()["LoginProfile"]
    apply(orgbase, ROOT, 2)
    assert root_iam(aws, invited).get_login_profile()["LoginProfile"]
    apply(orgbase, ROOT, 0, "--allow-destructive")
    with pytest.raises(ClientError, match="NoSuchEntity"):
        root_iam(aws, invited).get_login_profile()
    orgbase("plan").expect(0)


def test_session_preferences_are_set(sandbox: Sandbox, orgbase: Orgbase) -> None:
    apply(orgbase, "[session_manager]\nlog_to_archive = false\nidle_timeout_minutes = 15\n", 3)
    content = Aws(sandbox.url).client("ssm").get_document(Name="SSM-SessionManagerRunShell")["Content"]
    assert '"idleSessionTimeout": "15"' in content.replace('":"', '": "')


def test_documents_cannot_be_made_public(sandbox: Sandbox, orgbase: Orgbase) -> None:
    apply(orgbase, "[ssm_document_sharing]\nblock_public = true\n", 3)
    ssm = Aws(sandbox.url).client("ssm")
    setting = ssm.get_service_setting(SettingId="/ssm/documents/console/public-sharing-permission")["ServiceSetting"]
    assert (setting["SettingValue"], setting["Status"]) == ("Disable", "Customized")
