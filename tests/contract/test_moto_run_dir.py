"""`--run-dir s3://...` on moto: journal and lock by conditional writes, as S3 documents them."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from harness import Orgbase
from organization import Organization

HEAD = """version = 1
[organization]
home_region = "eu-west-1"
regions = ["eu-west-1"]
[password_policy]
minimum_length = 14
"""
BUCKET = "orgbase-runs"
RUN_DIR = f"--run-dir=s3://{BUCKET}/team"


@pytest.fixture
def bucket(organization: Organization, orgbase: Orgbase) -> Any:
    s3 = organization.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    (orgbase.folder / "baseline.toml").write_text(HEAD)
    return s3


def keys(s3: Any) -> list[str]:
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def lease(s3: Any) -> tuple[str, dict[str, Any]]:
    (key,) = [key for key in keys(s3) if key.endswith(".lock")]
    return key, json.loads(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())


def test_journal_and_lock_are_in_the_bucket(bucket: Any, orgbase: Orgbase) -> None:
    orgbase("apply", "--yes", RUN_DIR).expect(0)
    pages = sorted(key for key in keys(bucket) if "/journal/" in key)
    assert pages[0].startswith("team/runs/") and pages[0].endswith("/journal/000001.jsonl")
    lines = [json.loads(line) for page in pages
             for line in bucket.get_object(Bucket=BUCKET, Key=page)["Body"].read().decode().splitlines()]
    assert lines[0]["command"] == "apply"
    assert {line["unit"]["control"] for line in lines[1:]} == {"password_policy"}
    assert lease(bucket)[1]["renewed_at"] == 0, "the lock was given back"
    assert not (orgbase.folder / ".orgbase").exists()
    # Nothing to do: no journal, and the lock can be taken again.
    orgbase("apply", "--yes", RUN_DIR).expect(0)
    assert sorted(key for key in keys(bucket) if "/journal/" in key) == pages


def test_a_lapsed_lease_is_taken_over(bucket: Any, orgbase: Orgbase) -> None:
    orgbase("apply", "--yes", RUN_DIR).expect(0)
    key, found = lease(bucket)
    dead = {**found, "run": "other", "machine": "another", "renewed_at": int(time.time()) - 3600}
    bucket.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(dead))
    orgbase("apply", "--yes", RUN_DIR).expect(0)
    assert lease(bucket)[1]["run"] != "other"


def test_a_missing_bucket_is_said(organization: Organization, orgbase: Orgbase) -> None:
    (orgbase.folder / "baseline.toml").write_text(HEAD)
    ended = orgbase("apply", "--yes", "--run-dir=s3://not-there/team").expect(1)
    assert "make the bucket not-there in eu-west-1 first" in ended.err
