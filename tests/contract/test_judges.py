"""Every section has a judge that is not ours: `judges.toml` says which, and says the truth."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from harness import binary, clean_environment

HERE = Path(__file__).parent
JUDGES: dict[str, list[str]] = tomllib.loads((HERE / "judges.toml").read_text())
PROWLER = tomllib.loads((HERE / "prowler/checks.toml").read_text())["group"]
# Keys of a baseline that are no section.
NO_SECTIONS = {"version", "organization", "vend", "rings", "overrides", "exceptions", "removed", "moved"}
# What the tests of the main job apply is in this file.
SHARED = {"test_moto_main_job.py": "organization.py"}


@functools.cache
def registered() -> set[str]:
    """Ids of the sections that the binary knows."""
    ran = subprocess.run([binary(), "emit", "schema"], env=clean_environment(), capture_output=True, text=True, check=True)
    return set(json.loads(ran.stdout)["properties"]) - NO_SECTIONS


def test_every_section_has_a_judge() -> None:
    assert registered() - set(JUDGES) == set(), "judges.toml has no line for them"
    assert [section for section, judges in JUDGES.items() if not judges] == []


@pytest.mark.parametrize(("section", "judge"), [(s, j) for s, judges in JUDGES.items() for j in judges])
def test_the_judge_judges_the_section(section: str, judge: str) -> None:
    if section not in registered():
        return
    if judge == "prowler":
        assert section in {group["section"] for group in PROWLER}, "prowler/checks.toml has no group with it"
        return
    assert judge.startswith(("test_moto_", "test_readback_")), judge
    text = (HERE / SHARED.get(judge, judge)).read_text()
    assert re.search(rf"(^|\")\[+{section}[].]", text, re.MULTILINE), f"no baseline in {judge} declares it"
    assert re.search(r"^def test_", (HERE / judge).read_text(), re.MULTILINE), f"{judge} has no test"


def test_prowler_is_named_where_it_judges() -> None:
    named = {section for section, judges in JUDGES.items() if "prowler" in judges}
    assert {group["section"] for group in PROWLER} & set(JUDGES) == named
