"""Runs Prowler's driver over a sandbox's accounts."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from harness import ACCESS_ROLE, Aws, Sandbox, clean_environment

HERE = Path(__file__).parent
DRIVER_SECONDS = 400


def prowler_python() -> str:
    path = os.environ.get("ORGBASE_PROWLER_PYTHON", "")
    assert os.access(path, os.X_OK), "set ORGBASE_PROWLER_PYTHON, or run `tests/run prowler`, which installs Prowler"
    return path


def accounts_of(sandbox: Sandbox) -> dict[str, str]:
    """Names by id of all accounts."""
    pages = Aws(sandbox.url).client("organizations", region="us-east-1").get_paginator("list_accounts").paginate()
    return {account["Id"]: account["Name"] for page in pages for account in page["Accounts"]}


def scan(sandbox: Sandbox, accounts: dict[str, str], regions: list[str], checks: list[str]) -> list[dict[str, Any]]:
    """What these checks say of these accounts and regions: the driver's lines."""
    role = f"arn:aws:iam::{{}}:role/{ACCESS_ROLE}"
    job = {
        "accounts": {a: None if name == "Management" else role.format(a) for a, name in accounts.items()},
        "regions": regions,
        "checks": checks,
        "config": {
            "organizations_trusted_delegated_administrators": [a for a, name in accounts.items() if name == "Security"],
            "organizations_enabled_regions": regions,
        },
    }
    environment = {
        **clean_environment(),
        "AWS_ENDPOINT_URL": sandbox.url,
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_DEFAULT_REGION": regions[0],
        "PYTHONPATH": str(HERE / "shim"),
    }
    ran = subprocess.run([prowler_python(), str(HERE / "driver.py")], input=json.dumps(job), env=environment,
                         capture_output=True, text=True, timeout=DRIVER_SECONDS, check=False)
    assert ran.returncode == 0, f"the driver ended with {ran.returncode}\n{ran.stderr[-3000:]}"
    return [json.loads(line) for line in ran.stdout.splitlines()]
