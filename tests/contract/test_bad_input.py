"""Bad input: exit 1, a message with the place and a way out, and not one call that writes.

`MESSAGES` is what a stranger reads: the table is the snapshot.
"""

from __future__ import annotations

import json
import re
import resource
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import Moto, Orgbase, Ran, Sandbox
from organization import MANAGEMENT, Organization, write_baseline
from proxy import Answer, Call, Proxy, refuse, sts_error

Edit = tuple[str, str]

# Findings in the baseline: (name, edit, what the message says, the line that it points to, the hint).
FINDINGS: list[tuple[str, Edit, str, str, str]] = [
    ("syntax error", ("[ous]", "[ous"), "unclosed table", "[ous", "]"),
    ("unknown section", ("[password_policy]", "[pasword_policy]"), "unknown section `pasword_policy`",
     "[pasword_policy]", "password_policy"),
    ("unknown key", ("minimum_length", "minimum_lenght"), "unknown key `minimum_lenght`", "minimum_lenght = 14",
     "minimum_length"),
    ("wrong type", ("minimum_length = 14", 'minimum_length = "14"'), "expected an integer, found a string",
     'minimum_length = "14"', ""),
    ("out of range", ("minimum_length = 14", "minimum_length = 500"), "500", "minimum_length = 500", "128"),
    ("duplicate account key", ("[accounts.security]", "[accounts.log-archive]"), "duplicate", "[accounts.log-archive]",
     "log-archive"),
    ("duplicate e-mail", ("aws+security@example.com", "aws+log-archive@example.com"), "is also that of `log-archive`",
     'email = "aws+log-archive@example.com"', "first used here"),
    ("unknown account key", ('account = "log-archive"', 'account = "log-archve"'), "no account `log-archve`",
     'account = "log-archve"', "log-archive"),
    ("unknown administrator", ('guardduty = "security"', 'guardduty = "securty"'), "`securty`", 'guardduty = "securty"',
     "security"),
    ("unknown OU", ('targets = ["/Sandbox/Production", "app-prod"]', 'targets = ["/Sandbox/Prod", "app-prod"]'),
     "/Sandbox/Prod", "targets = ", "/Sandbox/Production"),
    ("SCP file missing", ("policies/no-lightsail.json", "policies/gone.json"), "policies/gone.json",
     'file = "policies/gone.json"', "relative"),
    ("unknown preset", ('preset = "deny-leave-org"', 'preset = "deny-leave"'), "deny-leave", 'preset = "deny-leave"',
     "deny-leave-org"),
    ("home region that is not listed", ('home_region = "eu-west-1"', 'home_region = "eu-west-2"'),
     "`eu-west-2` is not in `regions`", 'home_region = "eu-west-2"', "add it"),
    ("unknown region", ('"ap-south-1"]', '"ap-south-9"]'), "ap-south-9", "", "ap-south-"),
    ("invalid id", ('home_region = "eu-west-1"', 'id = "o-1"\nhome_region = "eu-west-1"'), "o-1", 'id = "o-1"', "o-"),
]


@pytest.fixture(scope="module")
def untouched(moto: Moto) -> Organization:
    """One organization for all tests of this file: nothing in them may write."""
    moto.reset()
    return Organization(moto.url)


@pytest.fixture
def organization(untouched: Organization, proxy: Proxy) -> Organization:
    proxy.clear()
    return untouched


@pytest.fixture
def plan(organization: Organization, orgbase: Orgbase, proxy: Proxy) -> Callable[..., Ran]:
    """Plans an edited baseline."""

    def run(*edits: Edit) -> Ran:
        write_baseline(orgbase.folder, *edits)
        ran = orgbase("plan")
        assert not proxy.writes
        return ran

    return run


def refused(ran: Ran, *words: str) -> None:
    ran.expect(1)
    text = plain(ran.err)
    missing = [word for word in words if word not in text]
    assert not missing, f"the message lacks {missing}:\n{ran.err}"
    assert not ran.out, ran.out
    assert not re.search(r"panicked|RUST_BACKTRACE|unwrap", ran.err), ran.err


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.mark.parametrize(("edit", "message", "place", "hint"), [f[1:] for f in FINDINGS], ids=[f[0] for f in FINDINGS])
def test_findings(plan: Callable[..., Ran], edit: Edit, message: str, place: str, hint: str) -> None:
    ran = plan(edit)
    refused(ran, message, place, hint)
    if place:
        assert re.search(r"baseline\.toml:\d+", ran.err), ran.err


def test_all_findings_come_at_once(plan: Callable[..., Ran], proxy: Proxy) -> None:
    edits = [("minimum_length", "minimum_lenght"), ("require_symbols = true", "require_symbols = 1"),
             ('guardduty = "security"', 'guardduty = "securty"')]
    refused(plan(*edits), "minimum_lenght", "require_symbols", "securty")
    assert not proxy.calls, "a bad baseline is found without AWS"


@pytest.mark.parametrize(("text", "words"), [
    ("{not json", ["policies/no-lightsail.json is not a policy document", "line 1 column 2"]),
    (json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Action": f"lightsail:{'a' * 12_000}", "Resource": "*"}]}),
     ["no-lightsail", "AWS allows 10240", "split it"]),
    (json.dumps({"Version": "2012-10-17"}), ["no-lightsail", "Statement"]),
    (json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]}), ["policy `no-lightsail` names a principal"]),
], ids=["not JSON", "too large", "no statement", "with principal"])
def test_policy_documents(organization: Organization, orgbase: Orgbase, proxy: Proxy, text: str, words: list[str]) -> None:
    write_baseline(orgbase.folder)
    (orgbase.folder / "policies/no-lightsail.json").write_text(text)
    refused(orgbase("apply", "--yes"), *words)
    assert not proxy.writes


def test_too_many_policies_on_one_target(organization: Organization, orgbase: Orgbase, proxy: Proxy) -> None:
    path = write_baseline(orgbase.folder)
    more = [f'[[scps]]\nname = "more-{n}"\nfile = "policies/no-lightsail.json"\ntargets = ["/"]\n' for n in range(8)]
    path.write_text(path.read_text() + "\n".join(more))
    refused(orgbase("apply", "--yes"), "10", "/")
    assert not proxy.writes


def test_a_deny_that_locks_orgbase_out(organization: Organization, orgbase: Orgbase, proxy: Proxy) -> None:
    write_baseline(orgbase.folder, ('targets = ["/Sandbox/Production", "app-prod"]', 'targets = ["/"]'))
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "iam:*", "Resource": "*"}]}
    (orgbase.folder / "policies/no-lightsail.json").write_text(json.dumps(document))
    refused(orgbase("apply", "--yes"), "no-lightsail", "iam:")
    assert not proxy.writes


def test_no_credentials(organization: Organization, orgbase: Orgbase, proxy: Proxy) -> None:
    write_baseline(orgbase.folder)
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]:
        orgbase.environment.pop(name)
    refused(orgbase("plan"), "no AWS credentials", "hint: set AWS_PROFILE")
    assert not proxy.calls


@pytest.mark.parametrize(("code", "status", "words"), [
    ("ExpiredToken", 403, ["have expired", "hint:", "aws sso login"]),
    ("InvalidClientTokenId", 403, ["does not know this access key", "hint:"]),
    ("SignatureDoesNotMatch", 403, ["AWS did not say who the caller is", "SignatureDoesNotMatch"]),
])
def test_credentials_that_aws_refuses(organization: Organization, orgbase: Orgbase, proxy: Proxy, code: str, status: int,
                                      words: list[str]) -> None:
    write_baseline(orgbase.folder)
    proxy.faults = [refuse("GetCallerIdentity", status, code, "the token is not good")]
    refused(orgbase("apply", "--yes"), *words)
    assert proxy.kinds().keys() == {"sts:GetCallerIdentity"}


def test_nothing_listens(tmp_path: Path) -> None:
    write_baseline(tmp_path)
    ran = Orgbase(tmp_path, "http://127.0.0.1:9", dialect="moto")("plan")
    refused(ran, "could not be reached", "hint:", "ORGBASE_ENDPOINT")


def json_answer(value: object, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value).encode(), "application/x-amz-json-1.1")


def organization_is(**members: str) -> Callable[[Call], Answer | None]:
    described = {"Id": "o-a1b2c3d4e5", "Arn": f"arn:aws:organizations::{MANAGEMENT}:organization/o-a1b2c3d4e5",
                 "FeatureSet": "ALL", "MasterAccountId": MANAGEMENT, **members}
    return lambda call: json_answer({"Organization": described}) if call.operation == "DescribeOrganization" else None


def no_organization(call: Call) -> Answer | None:
    if call.operation != "DescribeOrganization":
        return None
    code = "AWSOrganizationsNotInUseException"
    return json_answer({"__type": code, "Message": "Your account is not a member of an organization."}, 400)


def test_not_the_management_account(organization: Organization, orgbase: Orgbase, proxy: Proxy) -> None:
    write_baseline(orgbase.folder)
    proxy.faults = [organization_is(MasterAccountId="999999999999")]
    refused(orgbase("apply", "--yes"), "is not the management account", "999999999999", "hint:")
    assert not proxy.writes


def test_no_organization(organization: Organization, orgbase: Orgbase, proxy: Proxy) -> None:
    write_baseline(orgbase.folder)
    proxy.faults = [no_organization]
    refused(orgbase("apply", "--yes"), "is not in an AWS Organization", "hint:", "create-organization")


def test_not_all_features(organization: Organization, orgbase: Orgbase, proxy: Proxy) -> None:
    write_baseline(orgbase.folder)
    proxy.faults = [organization_is(FeatureSet="CONSOLIDATED_BILLING")]
    refused(orgbase("apply", "--yes"), "all features", "hint:", "enable-all-features")
    assert not proxy.writes


def test_another_organization(plan: Callable[..., Ran]) -> None:
    ran = plan(('home_region = "eu-west-1"', 'id = "o-zzzzzzzzzz"\nhome_region = "eu-west-1"'))
    refused(ran, "the baseline is for o-zzzzzzzzzz", "hint:")


def test_home_region_that_is_not_enabled(plan: Callable[..., Ran]) -> None:
    """moto shows ap-south-2 as not opted in, as AWS does for a new account."""
    edits = [('home_region = "eu-west-1"', 'home_region = "ap-south-2"'), ('"ap-south-1"]', '"ap-south-1", "ap-south-2"]')]
    refused(plan(*edits), "home_region ap-south-2 is not enabled", "hint:")


def test_wrong_partition(sandbox: Sandbox, tmp_path: Path) -> None:
    """Credentials of one partition, a region of another. moto answers as every partition at once, the sandbox does not."""
    write_baseline(tmp_path, ('home_region = "eu-west-1"', 'home_region = "cn-north-1"'),
                   ('regions = ["eu-west-1", "us-east-1", "ap-south-1"]', 'regions = ["cn-north-1"]'))
    refused(Orgbase(tmp_path, sandbox.url)("plan"), "cn-north-1", "partition", "hint:")


def test_plan_file_that_is_none(organization: Organization, orgbase: Orgbase, proxy: Proxy) -> None:
    write_baseline(orgbase.folder)
    refused(orgbase("apply", "gone.json", "--yes"), "cannot read the plan gone.json")
    (orgbase.folder / "text.json").write_text("no plan")
    refused(orgbase("apply", "text.json", "--yes"), "text.json is not a plan", "hint:", "plan --out")
    assert not proxy.calls


def test_plan_file_that_was_changed(organization: Organization, orgbase: Orgbase, proxy: Proxy) -> None:
    write_baseline(orgbase.folder)
    orgbase("plan", "--out", "reviewed.json").expect(2)
    path = orgbase.folder / "reviewed.json"
    original = path.read_text()
    path.write_text(original.replace("deny-leave-org", "deny-leave-orb"))
    refused(orgbase("apply", "reviewed.json", "--yes"), "reviewed.json was changed since it was written", "hint:")
    path.write_text(original[: len(original) // 2])
    refused(orgbase("apply", "reviewed.json", "--yes"), "reviewed.json is not a plan")
    path.write_text(original.replace('"format_version": 1', '"format_version": 99'))
    refused(orgbase("apply", "reviewed.json", "--yes"), "format version 1", "hint:")
    assert not proxy.writes


def test_plan_of_another_baseline(organization: Organization, orgbase: Orgbase, proxy: Proxy) -> None:
    write_baseline(orgbase.folder)
    orgbase("plan", "--out", "reviewed.json").expect(2)
    write_baseline(orgbase.folder, ("minimum_length = 14", "minimum_length = 15"))
    refused(orgbase("apply", "reviewed.json", "--yes"), "the baseline", "changed since the plan was made", "hint:")
    assert not proxy.writes


def test_plan_of_another_organization(organization: Organization, orgbase: Orgbase, proxy: Proxy) -> None:
    write_baseline(orgbase.folder)
    orgbase("plan", "--out", "reviewed.json").expect(2)
    proxy.faults = [organization_is(Id="o-a1b2c3d4e5")]
    refused(orgbase("apply", "reviewed.json", "--yes"), "the plan is for", "but the caller works in o-a1b2c3d4e5")
    assert not proxy.writes


def test_run_folder_that_cannot_be_written(organization: Organization, orgbase: Orgbase, proxy: Proxy) -> None:
    write_baseline(orgbase.folder)
    (orgbase.folder / "file").write_text("")
    refused(orgbase("apply", "--yes", "--run-dir", "file/runs"), "file/runs")
    refused(orgbase("apply", "--yes", "--run-dir", "/proc/orgbase"), "/proc/orgbase")
    assert not proxy.writes


def test_plan_that_cannot_be_written(organization: Organization, orgbase: Orgbase, proxy: Proxy) -> None:
    write_baseline(orgbase.folder)
    ran = orgbase("plan", "--out", "no/such/folder/plan.json")
    assert ran.code == 1 and "no/such/folder/plan.json" in ran.err, ran
    assert not proxy.writes


def full_disk() -> None:
    """No file may grow: the same place in the program as a full disk, without a disk to fill."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def test_disk_full(organization: Organization, orgbase: Orgbase, proxy: Proxy) -> None:
    """Nothing is written to AWS where the journal cannot be."""
    write_baseline(orgbase.folder)
    refused(orgbase("apply", "--yes", preexec_fn=full_disk), ".orgbase")
    assert not proxy.writes
    ran = orgbase("plan", "--out", "plan.json", preexec_fn=full_disk)
    assert ran.code == 1 and "plan.json" in ran.err, ran
    assert not (orgbase.folder / "plan.json").exists(), "half a plan is left"


@pytest.mark.parametrize(("arguments", "words"), [
    (["plan", "-f", "gone.toml"], ["gone.toml"]),
    (["plan", "--only", "colour=red"], ["colour"]),
    (["plan", "--only", "account=nobody"], ["nobody"]),
    (["plan", "--nonsense"], ["--nonsense"]),
    (["apply"], ["--yes"]),
    (["apply", "--yes", "--max-changes", "1"], ["--max-changes 1"]),
    (["sandbox", "--listen", "0.0.0.0:0"], ["0.0.0.0", "loopback"]),
], ids=lambda value: " ".join(value))
def test_command_lines(organization: Organization, orgbase: Orgbase, proxy: Proxy, arguments: list[str],
                       words: list[str]) -> None:
    write_baseline(orgbase.folder)
    refused(orgbase(*arguments), *words)
    assert not proxy.writes


def test_an_unmanaged_credential_never_reaches_a_log(organization: Organization, orgbase: Orgbase) -> None:
    """Neither secret keys nor session tokens, at the loudest log level."""
    write_baseline(orgbase.folder)
    orgbase.environment["AWS_SECRET_ACCESS_KEY"] = "wJalrXUtnFEMIzK7MDENGzbPxRfiCYEXAMPLEKEY"
    ran = orgbase("plan", "-vv", env={"ORGBASE_LOG": "trace"})
    assert "wJalrXUtnFEMI" not in ran.out + ran.err
    assert not re.search(r"FQoGZXIvYXdz|FwoGZXIvYXdz|IQoJb3JpZ2lu", ran.out + ran.err), "a session token is in the log"


def test_sts_error_text_is_not_trusted(organization: Organization, orgbase: Orgbase, proxy: Proxy) -> None:
    """AWS's text is shown, but cannot drive the terminal."""
    write_baseline(orgbase.folder)
    text = "bad &#27;[2J token"
    proxy.faults = [lambda call: Answer(403, sts_error("ExpiredToken", text)) if call.operation == "GetCallerIdentity" else None]
    ran = orgbase("plan").expect(1)
    assert "\x1b[2J" not in ran.err, "an escape sequence of the answer reaches the terminal"
