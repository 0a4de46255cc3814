"""Calls that AWS refuses are refused by the sandbox with AWS's code: the table `must_fail.toml`."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from harness import HOME_REGION, Sandbox
from test_sandbox_boto3 import TRUST, World

TABLE = tomllib.loads((Path(__file__).parent / "must_fail.toml").read_text())["call"]


@pytest.fixture(scope="module")
def world() -> Any:
    sandbox = Sandbox("--org", "accounts=4,ous=4,regions=2")
    world = World(sandbox)
    world.bucket = f"must-fail-{world.log}"
    s3 = world.client("s3", world.log)
    s3.create_bucket(Bucket=world.bucket, CreateBucketConfiguration={"LocationConstraint": HOME_REGION})
    yield world
    sandbox.close()


def fill(value: Any, names: dict[str, str]) -> Any:
    """`{root}` and the like, in every string."""
    if isinstance(value, dict):
        return {key: fill(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [fill(item, names) for item in value]
    if isinstance(value, str):
        return re.sub(r"\{(\w+)\}", lambda m: names.get(m.group(1), m.group(0)), value)
    return value


def send(world: World, entry: dict[str, Any]) -> None:
    names = {"root": world.root, "log": world.log, "security": world.security, "management": world.management,
             "bucket": world.bucket, "trust": TRUST}
    service, _, operation = entry["call"].partition(".")
    account = {"log": world.log, "security": world.security}.get(entry.get("as", ""))
    # What botocore would refuse by itself must reach the sandbox.
    client = world.aws.client(service, account, parameter_validation=False)
    getattr(client, operation)(**fill(entry.get("input", {}), names))


@pytest.mark.parametrize("entry", TABLE, ids=[entry["name"] for entry in TABLE])
def test_must_fail(world: World, entry: dict[str, Any]) -> None:
    for before in entry.get("given", []):
        try:
            send(world, before)
        except ClientError:
            if not before.get("may_fail"):
                raise
    with pytest.raises(ClientError) as error:
        send(world, entry)
    response = error.value.response
    assert response["Error"]["Code"] == entry["code"], response
    assert response["Error"]["Message"] or entry["call"].startswith("s3control"), response
    assert 400 <= response["ResponseMetadata"]["HTTPStatusCode"] < 500


def test_the_table_is_whole() -> None:
    assert len(TABLE) >= 60
    assert len({entry["name"] for entry in TABLE}) == len(TABLE)
    assert all(entry["source"] for entry in TABLE)
    services = {entry["call"].partition(".")[0] for entry in TABLE}
    assert services >= {"organizations", "sts", "iam", "s3", "s3control", "kms", "cloudtrail", "logs", "cloudwatch", "sns",
                        "account"}
