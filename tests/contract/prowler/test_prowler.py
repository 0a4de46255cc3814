"""Prowler's verdicts on the sandbox: before orgbase, after `baselines/cis.toml`, and after `baselines/full.toml`.

`checks.toml` says which checks must pass where, `cannot.toml` which cannot. `tests/run prowler` runs this file: it needs
Prowler's own environment, in ORGBASE_PROWLER_PYTHON.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scan import accounts_of, scan

from harness import REPOSITORY, Orgbase, Sandbox

HERE = Path(__file__).parent
BASELINES = ["cis", "full"]
REGIONS = ["eu-west-1", "us-east-1"]
# Of the checks in checks.toml, those that cannot pass.
MAX_SHARE = 0.05


@dataclass(frozen=True)
class Group:
    """What is expected of some checks: a table of checks.toml."""

    after: str
    section: str
    where: str | list[str]
    checks: list[str]
    elsewhere: str = ""
    before: str = ""


GROUPS = [Group(**group) for group in tomllib.loads((HERE / "checks.toml").read_text())["group"]]
BY_CHECK = {check: group for group in GROUPS for check in group.checks}
CANNOT: dict[str, dict[str, str]] = tomllib.loads((HERE / "cannot.toml").read_text())
DECLARED = {name: set(tomllib.loads((REPOSITORY / f"baselines/{name}.toml").read_text())) for name in BASELINES}


class Scanned:
    """What Prowler said of one state of an organization."""

    def __init__(self, lines: list[dict[str, Any]], accounts: dict[str, str]) -> None:
        self.accounts = accounts
        self.problems = sorted({f"{accounts[line['account']]}: {line['problem']}" for line in lines if "problem" in line})
        self.findings = [line for line in lines if "check" in line]

    def of(self, check: str) -> list[dict[str, Any]]:
        return [f for f in self.findings if f["check"] == check]

    def cells(self, where: str | list[str]) -> list[tuple[str, str | None]]:
        """(account, region) of which a finding is expected; region None: any."""
        if where == "resources":
            return []
        if where == "regions":
            return [(account, region) for account in self.accounts for region in REGIONS]
        wanted = self.accounts.values() if where == "accounts" else where
        return [(account, None) for account, name in self.accounts.items() if name in wanted]

    def faults(self, check: str) -> list[str]:
        """Why the check is not passed as its group says; empty: it is."""
        group, findings = BY_CHECK[check], self.of(check)
        cells = self.cells(group.where)
        faults = [] if findings else ["no finding at all"]
        for account, region in cells:
            own = [f for f in findings if f["account"] == account and region in (None, f["region"])]
            if not any(f["status"] == "PASS" for f in own):
                faults.append(f"no PASS in {self.accounts[account]} {region or ''}")
        for finding in findings:
            inside = any(finding["account"] == a and r in (None, finding["region"]) for a, r in cells)
            if finding["status"] not in ("PASS", "MANUAL") and (inside or not group.elsewhere):
                faults.append(self.describe(finding))
        return faults

    def describe(self, finding: dict[str, Any]) -> str:
        return f"{finding['status']} in {self.accounts[finding['account']]} {finding['region']}: {finding['text']}"


class World:
    """A sandbox with a listener, and Prowler at it."""

    def __init__(self, folder: Path, drift: str) -> None:
        self.sandbox = Sandbox("--org", f"accounts=4,ous=3,regions={len(REGIONS)},drift={drift},seed=7")
        self.orgbase = Orgbase(folder, self.sandbox.url)
        self.accounts = accounts_of(self.sandbox)

    def apply(self, baseline: str) -> None:
        self.orgbase("apply", "-f", str(REPOSITORY / f"baselines/{baseline}.toml"), "--yes", "--format", "json").expect(0)

    def scan(self) -> Scanned:
        return Scanned(scan(self.sandbox, self.accounts, REGIONS, list(BY_CHECK)), self.accounts)


@pytest.fixture(scope="session")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Scanned]]:
    """A fresh organization before, after cis.toml and after full.toml."""
    world = World(tmp_path_factory.mktemp("fresh"), drift="0")
    try:
        found = {"before": world.scan()}
        for baseline in BASELINES:
            world.apply(baseline)
            found[baseline] = world.scan()
        yield found
    finally:
        world.sandbox.close()


@pytest.fixture(scope="session")
def repaired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scanned]:
    """An organization with other settings everywhere, after full.toml."""
    world = World(tmp_path_factory.mktemp("drifted"), drift="0.6")
    try:
        world.apply("full")
        yield world.scan()
    finally:
        world.sandbox.close()


def states(check: str) -> list[str]:
    """The baselines after which the check must pass."""
    return BASELINES[BASELINES.index(BY_CHECK[check].after):]


PASSING = [(check, state) for check in BY_CHECK if check not in CANNOT for state in states(check)]
PRESENT = [(check, state) for check, state in PASSING if BY_CHECK[check].section in DECLARED[state]]
WAITING = [pair for pair in PASSING if pair not in PRESENT]
# Prowler's services of which a check still waits: the sandbox may lack them.
UNFINISHED = {check.partition("_")[0] for check, _ in WAITING}


@pytest.mark.parametrize(("check", "state"), PRESENT)
def test_passes_after(scans: dict[str, Scanned], check: str, state: str) -> None:
    assert scans[state].faults(check) == []


@pytest.mark.parametrize("check", [check for check, state in PRESENT if state == "full"])
def test_passes_on_a_drifted_organization(repaired: Scanned, check: str) -> None:
    assert repaired.faults(check) == []


@pytest.mark.parametrize("check", [check for check, group in BY_CHECK.items() if not group.before])
def test_fails_or_finds_nothing_before(scans: dict[str, Scanned], check: str) -> None:
    passed = [f for f in scans["before"].of(check) if f["status"] == "PASS"]
    assert passed == [], "it passes without orgbase: checks.toml should say why"


@pytest.mark.parametrize(("check", "state"), WAITING)
def test_waits_for_its_section(scans: dict[str, Scanned], check: str, state: str) -> None:
    section = BY_CHECK[check].section
    assert scans[state].faults(check) != [], f"passes, but {state}.toml has no [{section}]: is it called otherwise?"


@pytest.mark.parametrize("check", CANNOT)
def test_what_cannot_pass_does_not(scans: dict[str, Scanned], check: str) -> None:
    assert scans["full"].faults(check) != [], "it passes: take it out of cannot.toml"


def test_few_checks_cannot_pass() -> None:
    assert set(CANNOT) <= set(BY_CHECK)
    assert len(CANNOT) < MAX_SHARE * len(BY_CHECK)


@pytest.mark.parametrize("state", ["before", *BASELINES])
def test_prowler_could_read_everything(scans: dict[str, Scanned], state: str) -> None:
    """Prowler takes a read that failed for nothing: its verdicts count only where every read was answered."""
    missing = [p for p in scans[state].problems if "(NotImplemented)" in p and service_of(p) in UNFINISHED]
    assert [p for p in scans[state].problems if p not in missing] == []


def service_of(problem: str) -> str:
    """`Security: config_service: eu-west-1 -- ...` -> `config`"""
    return problem.split(": ")[1].removesuffix("_service")
