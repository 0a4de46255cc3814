"""`drift` says who changed a setting and when: boto3 changes settings through the listener, as several principals."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from harness import ACCESS_ROLE, HOME_REGION, Aws, Orgbase, Sandbox

BASELINE = """version = 1
[organization]
id = "o-a1b2c3d4e5"
home_region = "eu-west-1"
regions = ["eu-west-1", "us-east-1"]
[accounts.security]
name = "Security"
email = "aws+security@example.com"
ou = "/"
[accounts.log-archive]
name = "Log Archive"
email = "aws+log@example.com"
ou = "/"
[log_archive]
account = "log-archive"
[org_trail]
name = "org-trail"
[password_policy]
minimum_length = 14
[s3_block_public_access]
[[scps]]
name = "deny-leave-org"
preset = "deny-leave-org"
targets = ["/"]
"""


class World:
    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.url, self.aws, self.folder = sandbox.url, Aws(sandbox.url), folder
        self.orgbase = Orgbase(folder, sandbox.url)
        (folder / "baseline.toml").write_text(BASELINE)
        accounts = self.aws.client("organizations").list_accounts()["Accounts"]
        self.accounts = {account["Name"]: account["Id"] for account in accounts}
        self.orgbase("apply", "--yes", "--allow-destructive").expect(0)

    def person(self, service: str, account: str, name: str, region: str = HOME_REGION) -> Any:
        """A client of somebody who assumed the access role of an account."""
        role = f"arn:aws:iam::{self.accounts[account]}:role/{ACCESS_ROLE}"
        keys = self.aws.client("sts").assume_role(RoleArn=role, RoleSessionName=name)["Credentials"]
        return boto3.client(service, region_name=region, endpoint_url=self.url, config=Config(inject_host_prefix=False),
                            aws_access_key_id=keys["AccessKeyId"], aws_secret_access_key=keys["SecretAccessKey"],
                            aws_session_token=keys["SessionToken"])

    def settings(self, *arguments: str, code: int = 2) -> list[dict[str, Any]]:
        return self.orgbase("drift", "--format", "json", *arguments).expect(code).report["settings"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    sandbox = Sandbox("--org", "accounts=4,ous=3,regions=2")
    yield World(sandbox, tmp_path)
    sandbox.close()


def test_a_member_accounts_change_is_named(world: World) -> None:
    before = datetime.now(UTC)
    world.person("iam", "Security", "mallory").update_account_password_policy(MinimumPasswordLength=6)
    [setting] = world.settings()
    assert (setting["account"], setting["account_name"]) == (world.accounts["Security"], "Security")
    assert (setting["control"], setting["path"]) == ("password_policy", "minimum_length")
    assert (setting["before"], setting["after"]) == (6, 14)
    assert setting["declared_at"].startswith("baseline.toml:")
    by = setting["changed_by"]
    assert by["actor"] == f"arn:aws:sts::{world.accounts['Security']}:assumed-role/{ACCESS_ROLE}/mallory"
    assert by["event"] == "UpdateAccountPasswordPolicy" and by["certain"]
    assert abs((datetime.fromisoformat(by["at"]) - before).total_seconds()) < 60
    ran = world.orgbase("drift").expect(2)
    [line] = [line for line in ran.out.splitlines() if "minimum_length" in line]
    assert "Security" in line and "is 6, should be 14" in line and "/mallory at " in line, line


def test_what_undoes_a_write_and_what_names_a_resource_is_found(world: World) -> None:
    world.aws.client("cloudtrail").stop_logging(Name="org-trail")
    organizations = world.aws.client("organizations")
    policies = organizations.list_policies(Filter="SERVICE_CONTROL_POLICY")["Policies"]
    [policy] = [policy["Id"] for policy in policies if policy["Name"] == "deny-leave-org"]
    content = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "braket:*", "Resource": "*"}]})
    organizations.update_policy(PolicyId=policy, Content=content)
    found = {(s["control"], s["path"]): s["changed_by"] for s in world.settings()}
    trail = found["org_trail", "logging"]
    assert trail["event"] == "StopLogging" and trail["actor"].endswith(":user/sandbox") and trail["certain"], trail
    [scp] = [by for (control, _), by in found.items() if control == "scps"]
    assert scp["event"] == "UpdatePolicy" and scp["certain"], scp


def test_nobody_is_named_for_what_orgbase_wrote_last(world: World) -> None:
    text = (world.folder / "baseline.toml").read_text()
    (world.folder / "baseline.toml").write_text(text.replace("minimum_length = 14", "minimum_length = 16"))
    settings = world.settings()
    assert settings and all(s["path"] == "minimum_length" and s["changed_by"] is None for s in settings)


def test_a_denied_lookup_is_unknown_and_fails_nothing(world: World) -> None:
    world.person("iam", "Security", "mallory").update_account_password_policy(MinimumPasswordLength=6)
    organizations = world.aws.client("organizations")
    content = json.dumps({"Version": "2012-10-17",
                          "Statement": [{"Effect": "Deny", "Action": "cloudtrail:LookupEvents", "Resource": "*"}]})
    policy = organizations.create_policy(Name="x", Description="", Content=content, Type="SERVICE_CONTROL_POLICY")
    root = organizations.list_roots()["Roots"][0]["Id"]
    organizations.attach_policy(PolicyId=policy["Policy"]["PolicySummary"]["Id"], TargetId=root)
    [setting] = world.settings()
    assert setting["changed_by"] is None


def test_correct_repairs_tells_and_reports(world: World) -> None:
    world.person("iam", "Security", "mallory").update_account_password_policy(MinimumPasswordLength=6)
    with Hook() as hook:
        ran = world.orgbase("drift", "--correct", "--report", "reports", "--notify", "env:HOOK", env={"HOOK": hook.url})
        assert ran.code == 0 and "; repaired; " in ran.out, ran.out + ran.err
        [message] = hook.messages
        assert "minimum_length: is 6, should be 14; repaired" in message["text"] and "mallory" in message["text"]
        report = json.loads((world.folder / "reports/drift.json").read_text())
        assert report["corrected"] and report["settings"][0]["outcome"] == "applied"
        page = (world.folder / "reports/drift.html").read_text()
        assert "mallory" in page and "default-src 'none'" in page
        # Nothing to say: nobody is told.
        world.orgbase("drift", "--correct", "--notify", hook.url).expect(0)
        assert len(hook.messages) == 1
    policy = world.person("iam", "Security", "reader").get_account_password_policy()["PasswordPolicy"]
    assert policy["MinimumPasswordLength"] == 14


def test_who_cannot_be_notified_is_a_warning_without_the_url(world: World) -> None:
    world.person("iam", "Security", "mallory").update_account_password_policy(MinimumPasswordLength=6)
    gone = "http://127.0.0.1:9/services/secret"
    ran = world.orgbase("drift", "--notify", gone).expect(2)
    assert "warning: nobody was notified (http://127.0.0.1/...#" in ran.err.replace(":9/", "/"), ran.err
    assert "secret" not in ran.err + ran.out
    refused = world.orgbase("drift", "--notify", "https://hooks.example.com/services/secret").expect(1)
    assert "beyond this machine" in refused.err and "secret" not in refused.err


def test_a_topic_is_notified(world: World) -> None:
    world.person("iam", "Security", "mallory").update_account_password_policy(MinimumPasswordLength=6)
    topic = world.aws.client("sns").create_topic(Name="drift")["TopicArn"]
    ran = world.orgbase("drift", "--notify", topic).expect(2)
    assert "warning" not in ran.err, ran.err
    missing = world.orgbase("drift", "--notify", topic + "-gone").expect(2)
    assert "nobody was notified" in missing.err, missing.err


class Hook:
    """A webhook that remembers what it was sent."""

    def __enter__(self) -> Hook:
        messages: list[dict[str, Any]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                messages.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.messages = messages
        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/services/T0/B0/secret"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.shutdown()
