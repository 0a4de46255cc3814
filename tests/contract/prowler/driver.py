"""Runs checks of Prowler in process, account by account, and prints what they say as JSON lines.

    python driver.py < job.json

The job: {"accounts": {id: role ARN or null}, "regions": [..], "checks": [..], "config": {option: value}}. The endpoint
and the management account's keys come from the environment, as botocore reads them. A line is either a finding,
{"account", "check", "region", "status", "resource", "text"}, or a problem, {"account", "problem"}: what Prowler logged as
an error or worse, an operation that the endpoint has not, or a check that failed to run.

Prowler keeps what it read of an account in its modules. Every account is therefore looked at by a process of its own, a
fork of this one after the slow imports.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from prowler.config.config import default_config_file_path, load_and_validate_config_file
from prowler.lib.check.check import execute
from prowler.providers.aws.aws_provider import AwsProvider
from prowler.providers.common.models import Audit_Metadata

SERVICES = "prowler.providers.aws.services"
AT_ONCE = 2


class Problems(logging.Handler):
    """Errors that Prowler logs: it goes on with what it has, and would call a failed read absence."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(f"{record.module}: {record.getMessage()}"[:600])


def main() -> None:
    job = json.load(sys.stdin)
    preload(job["checks"])
    with tempfile.TemporaryDirectory() as folder:
        running: dict[int, str] = {}
        for account in job["accounts"]:
            if len(running) == AT_ONCE:
                wait(folder, running)
            child = os.fork()
            if child == 0:
                run_and_exit(folder, job, account)
            running[child] = account
        while running:
            wait(folder, running)


def wait(folder: str, running: dict[int, str]) -> None:
    """Waits for one of the children, and prints what it found."""
    child, status = os.wait()
    account = running.pop(child)
    path = Path(folder) / account
    if path.exists():
        sys.stdout.write(path.read_text())
    if status != 0:
        sys.stdout.write(json.dumps({"account": account, "problem": f"its process ended with {status}"}) + "\n")
    sys.stdout.flush()


def run_and_exit(folder: str, job: dict[str, Any], account: str) -> None:
    """A child's whole life. It never returns, so that it cannot go on with its parent's work."""
    code = 1
    try:
        lines = [json.dumps({"account": account, **line}) + "\n" for line in audit(job, account)]
        (Path(folder) / account).write_text("".join(lines))
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def service_of(check: str) -> str:
    return check.split("_")[0]


def preload(checks: list[str]) -> None:
    """Imports what asks no account: the classes of the services, not their clients."""
    for service in sorted({service_of(check) for check in checks}):
        importlib.import_module(f"{SERVICES}.{service}.{service}_service")


def audit(job: dict[str, Any], account: str) -> list[dict[str, Any]]:
    problems = Problems()
    logging.getLogger().handlers = [problems]
    lines: list[dict[str, Any]] = []
    provider = enter(job, account)
    for check in job["checks"]:
        try:
            module = importlib.import_module(f"{SERVICES}.{service_of(check)}.{check}.{check}")
            findings = execute(getattr(module, check)(), provider, None)
        except Exception as error:  # noqa: BLE001: one check must not hide the others
            problems.found.append(f"{check}: {error!r}"[:600])
            continue
        lines += [finding_of(check, finding) for finding in findings]
    return lines + [{"problem": text} for text in sorted(set(problems.found))]


def enter(job: dict[str, Any], account: str) -> AwsProvider:
    config = {**load_and_validate_config_file("aws", default_config_file_path), **job["config"]}
    provider = AwsProvider(
        role_arn=job["accounts"][account],
        role_session_name="prowler",
        regions=set(job["regions"]),
        config_content=config,
        retries_max_attempts=0,
        scan_unused_services=True,
    )
    assert provider.identity.account == account, provider.identity
    provider.audit_metadata = Audit_Metadata(
        services_scanned=0, expected_checks=job["checks"], completed_checks=0, audit_progress=0
    )
    return provider


def finding_of(check: str, finding: Any) -> dict[str, Any]:
    return {
        "check": check,
        "region": finding.region,
        "status": finding.status,
        "resource": finding.resource_arn or finding.resource_id,
        "text": finding.status_extended,
    }


if __name__ == "__main__":
    main()
