"""The same requests to the sandbox and to moto; the replies are compared field by field.

Every difference is listed in `differences.toml` with whose behaviour is AWS's and how we know. One that is new, and one that
is gone, fails. `ORGBASE_UPDATE=1` prints the differences that are not listed, as TOML.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from requests_table import REQUESTS, Request

from harness import Aws, Moto, Sandbox

LISTED = tomllib.loads((Path(__file__).parent / "differences.toml").read_text()).get("difference", [])
# What names a resource differs from server to server; what it is does not.
MASKS = [
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID"),
    (r"\bcar-[0-9a-f]{8,32}\b", "CAR"),
    (r"\bou-[0-9a-z]{4,32}-[0-9a-z]{8,32}\b", "OU"),
    (r"\bo-[a-z0-9]{10,32}\b", "ORG"),
    (r"\br-[0-9a-z]{4,32}\b", "ROOT"),
    (r"\bp-(?!FullAWSAccess|RCPFullAWSAccess)[0-9a-z]{8,128}\b", "POLICY"),
    (r"\bARO[A-Z0-9]{17,18}\b", "ROLEID"),
    (r"\b\d{12}\b", "ACCOUNT"),
]
ABSENT = "(absent)"


class Side:
    """One of the two servers with an organization that was made in the same way."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self.aws = Aws(url)
        organizations = self.aws.client("organizations", region="us-east-1")
        if name == "moto":
            organizations.create_organization(FeatureSet="ALL")
            for account, email in [("Log Archive", "aws+log@example.com"), ("Security", "aws+security@example.com")]:
                organizations.create_account(AccountName=account, Email=email)
        found = {a["Name"]: a["Id"] for a in organizations.list_accounts()["Accounts"]}
        self.names = {"log": found["Log Archive"], "security": found["Security"],
                      "root": organizations.list_roots()["Roots"][0]["Id"],
                      "management": organizations.describe_organization()["Organization"]["MasterAccountId"]}

    def send(self, request: Request) -> Any:
        account = self.names[request.account] if request.account else None
        client = self.aws.client(request.service, account, request.region)
        try:
            answer = getattr(client, request.operation)(**self.fill(request.input))
        except ClientError as error:
            return {"Error": error.response["Error"]["Code"]}
        answer.pop("ResponseMetadata")
        for name, path in request.keep.items():
            self.names[name] = dig(answer, path)
        return masked(answer)

    def fill(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self.fill(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        return re.sub(r"\{(\w+)\}", lambda m: self.names.get(m.group(1), m.group(0)), value) if isinstance(value, str) else value


def dig(value: Any, path: str) -> Any:
    for part in path.split("."):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: masked(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted((masked(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True, default=str))
    if isinstance(value, datetime.datetime):
        return "TIME"
    if isinstance(value, int) and value > 10**12:
        return "TIME"
    if isinstance(value, str):
        if value.startswith("{"):
            return masked_document(value)
        for pattern, word in MASKS:
            value = re.sub(pattern, word, value)
    return value


def masked_document(text: str) -> Any:
    try:
        return masked(json.loads(text))
    except ValueError:
        return text


def differences(path: str, sandbox: Any, moto: Any) -> dict[str, tuple[Any, Any]]:
    """Path -> what the two say."""
    if isinstance(sandbox, dict) and isinstance(moto, dict):
        found = {}
        for key in sorted(sandbox.keys() | moto.keys()):
            found |= differences(f"{path}.{key}", sandbox.get(key, ABSENT), moto.get(key, ABSENT))
        return found
    if isinstance(sandbox, list) and isinstance(moto, list) and len(sandbox) == len(moto):
        found = {}
        for left, right in zip(sandbox, moto, strict=True):
            found |= differences(f"{path}[]", left, right)
        return found
    return {} if sandbox == moto else {path: (sandbox, moto)}


@pytest.fixture(scope="module")
def found(moto: Moto) -> dict[tuple[str, str], tuple[Any, Any]]:
    """All differences, by request and path."""
    moto.reset()
    sandbox = Sandbox("--org", "accounts=2,ous=0,regions=3")
    sides = [Side("sandbox", sandbox.url), Side("moto", moto.url)]
    result = {}
    for request in REQUESTS:
        left, right = (side.send(request) for side in sides)
        result |= {(request.name, path): pair for path, pair in differences("", left, right).items()}
    sandbox.close()
    return result


def test_every_difference_is_listed(found: dict[tuple[str, str], tuple[Any, Any]]) -> None:
    listed = {(d["request"], d["path"]): d for d in LISTED}
    new = {key: pair for key, pair in found.items() if key not in listed}
    if os.environ.get("ORGBASE_UPDATE"):
        print("\n".join(as_toml(key, pair) for key, pair in new.items()))
    assert not new, "not listed in differences.toml:\n" + "\n".join(f"{k}: {p}"[:400] for k, p in new.items())
    changed = {key: found[key] for key, d in listed.items() if key in found and texts(found[key]) != (d["sandbox"], d["moto"])}
    assert not changed, changed


def test_every_listed_difference_is_there(found: dict[tuple[str, str], tuple[Any, Any]]) -> None:
    gone = [key for key in ((d["request"], d["path"]) for d in LISTED) if key not in found]
    assert not gone, f"listed, but no longer there: {gone}"


def test_the_list_says_how_we_know() -> None:
    assert all(d["right"] in ("sandbox", "moto", "both") and d["source"] for d in LISTED)
    assert len({(d["request"], d["path"]) for d in LISTED}) == len(LISTED)


def test_the_table_is_broad() -> None:
    services = {request.service for request in REQUESTS}
    assert services >= {"organizations", "sts", "iam", "cloudtrail", "logs", "cloudwatch", "sns", "kms", "s3", "s3control",
                        "account"}
    assert len({request.name for request in REQUESTS}) == len(REQUESTS) >= 80


def texts(pair: tuple[Any, Any]) -> tuple[str, str]:
    """Both sides as JSON, as the list holds them."""
    sandbox, moto = (json.dumps(side, sort_keys=True) for side in pair)
    return sandbox, moto


def as_toml(key: tuple[str, str], pair: tuple[Any, Any]) -> str:
    sandbox, moto = texts(pair)
    return (f"[[difference]]\nrequest = '{key[0]}'\npath = '{key[1]}'\nsandbox = '{sandbox}'\nmoto = '{moto}'\n"
            "right = ''\nsource = ''\n")
