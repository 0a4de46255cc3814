"""What all contract tests share: the binary, clients, servers."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import requests
from botocore.config import Config

REPOSITORY = Path(__file__).resolve().parents[2]
HOME_REGION = "eu-west-1"
REGIONS = ["eu-west-1", "us-east-1", "ap-south-1"]
ACCESS_ROLE = "OrganizationAccountAccessRole"
START_SECONDS = 30


def binary() -> str:
    """The program under test."""
    path = os.environ.get("ORGBASE_BIN") or str(REPOSITORY / "target/debug/orgbase")
    assert os.access(path, os.X_OK), f"{path} is not there: cargo build, or set ORGBASE_BIN"
    return path


def clean_environment() -> dict[str, str]:
    """This environment without anything that the AWS SDKs or orgbase would read."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "ORGBASE_")) and "PROXY" not in k.upper()}
    return {**kept, "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "NO_COLOR": "1",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}


@dataclass
class Ran:
    """A run of the binary that has ended."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        return json.loads(self.out)

    def units(self, *outcomes: str) -> set[tuple[str, str, str, str]]:
        """(control, part, account, region) of the units with one of these outcomes."""
        return {unit_id(u) for u in self.report["units"] if u["outcome"] in outcomes}

    def expect(self, code: int) -> Ran:
        assert self.code == code, f"exit {self.code}, not {code}\n{self.describe()}\n{self.err[-3000:]}"
        return self

    def describe(self) -> str:
        """What is not in sync, for assertion messages."""
        if not self.out.startswith("{"):
            return self.out[-4000:]
        return "\n".join(describe_unit(u) for u in self.report["units"] if u["outcome"] not in ("in_sync", "applied"))


def unit_id(unit: dict[str, Any]) -> tuple[str, str, str, str]:
    return unit["control"], unit["part"], unit["account"], unit["region"]


def describe_unit(unit: dict[str, Any]) -> str:
    changes = "".join(f"\n    {c['path']}: {c['before']} -> {c['after']}"[:300] for c in unit["changes"])
    return f"{unit['outcome']} {' '.join(unit_id(unit))} {unit.get('reason') or ''} {unit['error'] or ''}{changes}"


class Orgbase:
    """Runs the binary in a folder, against an endpoint."""

    def __init__(self, folder: Path, endpoint: str, dialect: str | None = None) -> None:
        self.folder = folder
        self.environment = {
            **clean_environment(),
            "ORGBASE_ENDPOINT": endpoint,
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "fake",
        }
        if dialect:
            self.environment["ORGBASE_ENDPOINT_DIALECT"] = dialect

    def start(self, *arguments: str, **more: Any) -> subprocess.Popen[str]:
        return subprocess.Popen([binary(), *arguments], cwd=self.folder, env={**self.environment, **more.pop("env", {})},
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)

    def __call__(self, *arguments: str, timeout: float = 180, **more: Any) -> Ran:
        process = self.start(*arguments, **more)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"orgbase {' '.join(arguments)} hangs\n{out[-3000:]}\n{err[-3000:]}") from None
        return Ran(process.returncode, out, err)


class Aws:
    """boto3 against one endpoint, as any account."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._sessions: dict[str, dict[str, str]] = {}

    def client(self, service: str, account: str | None = None, region: str = HOME_REGION, **config: Any) -> Any:
        """A client as the management account, or as the access role of `account`."""
        keys = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "fake"}
        if account:
            keys = self._session(account)
        settings = Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}, inject_host_prefix=False, **config)
        client = boto3.client(service, region_name=region, endpoint_url=self.endpoint, config=settings, **keys)
        client.meta.events.register("before-sign.s3-control", without_account_host)
        return client

    def _session(self, account: str) -> dict[str, str]:
        if account not in self._sessions:
            arn = f"arn:aws:iam::{account}:role/{ACCESS_ROLE}"
            answer = self.client("sts").assume_role(RoleArn=arn, RoleSessionName="contract")["Credentials"]
            self._sessions[account] = {
                "aws_access_key_id": answer["AccessKeyId"],
                "aws_secret_access_key": answer["SecretAccessKey"],
                "aws_session_token": answer["SessionToken"],
            }
        return self._sessions[account]

    def forget_sessions(self) -> None:
        self._sessions = {}


def without_account_host(request: Any, **_: Any) -> None:
    """s3control puts the account before the host, `123456789012.127.0.0.1`; the account is in a header as well."""
    request.url = re.sub(r"//\d{12}\.", "//", request.url)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Moto:
    """moto's server in a process of its own."""

    def __init__(self, log: Path, **settings: str) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        environment = {**clean_environment(), "MOTO_EC2_LOAD_DEFAULT_AMIS": "false", **settings}
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        self._process = subprocess.Popen(command, env=environment, stdout=log.open("w"), stderr=subprocess.STDOUT)
        wait_for(lambda: requests.get(f"{self.url}/moto-api/", timeout=5).ok, "moto")

    def reset(self) -> None:
        requests.post(f"{self.url}/moto-api/reset", timeout=60).raise_for_status()

    def close(self) -> None:
        stop(self._process)


class Sandbox:
    """`orgbase sandbox --listen` in a process of its own."""

    def __init__(self, *arguments: str) -> None:
        command = [binary(), "sandbox", "--listen", "127.0.0.1:0", *arguments]
        self._process = subprocess.Popen(command, env=clean_environment(), stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self.url = ""
        for line in self._process.stdout:
            if "AWS_ENDPOINT_URL=" in line:
                self.url = line.partition("=")[2].strip()
            if "ORGBASE_ENDPOINT=" in line:
                break
        assert self.url, f"the sandbox ended with {self._process.wait()} and said no address"

    def close(self) -> None:
        stop(self._process)


def stop(process: subprocess.Popen[Any]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_for(ready: Any, what: str) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        try:
            if ready():
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"{what} did not start within {START_SECONDS} s")
