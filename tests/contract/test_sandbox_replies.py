"""Every operation that the sandbox has a handler for is called, and its reply judged by botocore's models.

First orgbase itself talks through a proxy that names each operation; then boto3 makes the calls that orgbase does not
(`walks/`). `shapes.py` finds members that AWS's model does not know, and required ones that are missing. `unjudged.toml`
lists the operations that nobody calls here, with the reason; the last test holds that list to what is true.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree.ElementTree import ParseError

import botocore.session
import pytest
from botocore.exceptions import BotoCoreError
from botocore.model import OperationNotFoundError
from shapes import Judge, body_problems
from walks import Caller, identity, network, organization, services, storage, watching

import operations
from harness import ACCESS_ROLE, REPOSITORY, Orgbase, Sandbox
from proxy import Call, Proxy

HANDLERS = REPOSITORY / "src/sandbox/services"
LISTED = tomllib.loads((Path(__file__).parent / "unjudged.toml").read_text())
# Services whose handlers are not in a file of their name.
FILES = {"sso-admin": ["sso_admin.rs"], "s3control": ["s3/control.rs"]}
WALKS = [walk for module in (identity, network, organization, services, storage, watching) for walk in module.WALKS]


class Judged(Proxy):
    """Judges each answer on its way."""

    def __init__(self, upstream: str, judge: Judge) -> None:
        super().__init__(upstream)
        self.judge = judge
        self.session = botocore.session.get_session()

    def record(self, call: Call, answer: bytes) -> None:
        super().record(call, answer)
        if call.status >= 300:
            return
        service = operations.MODELS.get(call.service, call.service)
        name = f"{service}:{call.operation}"
        try:
            model = self.session.get_service_model(service).operation_model(call.operation)
            found = body_problems(model, answer)
        except (BotoCoreError, OperationNotFoundError, ValueError, ParseError) as error:
            found = [f"cannot be judged: {error!r}"]
        self.judge.judged.add(name)
        self.judge.problems += [f"{name}: {problem}" for problem in found]


@pytest.fixture(scope="module")
def judged() -> set[str]:
    """What the tests of this file called, as `service:Operation`."""
    return set()


@pytest.fixture
def judge(judged: set[str]) -> Iterator[Judge]:
    one = Judge()
    yield one
    judged |= one.judged
    assert not one.problems, "\n".join(sorted(set(one.problems)))


def test_what_orgbase_hears(tmp_path: Path, judge: Judge) -> None:
    """The largest baseline, and everything that reads."""
    sandbox = Sandbox("--org", "accounts=4,ous=3,regions=2,drift=0.5,foreign=1,seed=3")
    proxy = Judged(sandbox.url, judge)
    try:
        run, path = Orgbase(tmp_path, proxy.url, dialect="moto"), str(REPOSITORY / "baselines/full.toml")
        for command in (["check", "--format", "json"], ["apply", "-f", path, "--yes", "--format", "json"],
                        ["plan", "-f", path, "--refresh", "central", "--format", "json"],
                        ["drift", "-f", path], ["check", "-f", path, "--send-to-securityhub"],
                        ["import", "--out", "imported"]):
            ran = run(*command, timeout=400)
            assert ran.code in (0, 2), f"{command}: {ran.describe()}\n{ran.err[-2000:]}"
    finally:
        proxy.close()
        sandbox.close()


@pytest.fixture(scope="module")
def walked() -> Iterator[Sandbox]:
    sandbox = Sandbox("--org", "accounts=5,ous=2,regions=3")
    yield sandbox
    sandbox.close()


@pytest.mark.parametrize("walk", WALKS, ids=[f"{w.__module__.partition('.')[2]}.{w.__name__}" for w in WALKS])
def test_what_boto3_hears(walk: Callable[[Caller], None], walked: Sandbox, judge: Judge) -> None:
    walk(Caller(walked.url, judge))


def test_the_life_of_an_organization(tmp_path: Path, judge: Judge) -> None:
    (tmp_path / "organization.toml").write_text(
        f'[[accounts]]\nname = "acquired"\nemail = "root@acquired.example.com"\ninvited = true\nrole = "{ACCESS_ROLE}"\n')
    sandbox = Sandbox("--org", str(tmp_path / "organization.toml"))
    try:
        organization.life(Caller(sandbox.url, judge))
    finally:
        sandbox.close()


def handled() -> set[str]:
    """Operations that the sandbox's sources name: those of each service in its own files, and the rows of the shared ones."""
    session, rows, found = botocore.session.get_session(), shared(), set()
    for service in session.get_available_services():
        files = [HANDLERS / file for file in FILES.get(service, [f"{service}.rs"])]
        if service not in FILES:
            files += [file for file in sorted((HANDLERS / service).rglob("*.rs")) if file != HANDLERS / "s3/control.rs"]
        own = names(files) | rows.get(service, set())
        known = set(session.get_service_model(service).operation_names) if own else set()
        found |= {f"{service}:{operation}" for operation in own & known}
    return found


def names(files: list[Path]) -> set[str]:
    """Operations of match arms and rows, outside of tests."""
    found = set()
    for file in files:
        if file.exists() and file.name != "tests.rs" and "tests" not in file.parts[len(HANDLERS.parts):]:
            code = re.sub(r"#\[cfg\(test\)\]\s*(#\[[^\]]*\]\s*)*mod \w+ \{.*", "", file.read_text(), flags=re.DOTALL)
            found |= set(re.findall(r'"([A-Z]\w+)"\s*(?:=>|\|)', code)) | set(re.findall(r'operation: "([A-Z]\w+)"', code))
    return found


def shared() -> dict[str, set[str]]:
    """Operations by service of the files that are about many services."""
    rows = (HANDLERS / "nothing.rs").read_text().partition("#[cfg(test)]")[0]
    found: dict[str, set[str]] = {}
    for service, operation in re.findall(r'\("([a-z0-9-]+)", "([A-Z]\w+)"', rows):
        found.setdefault(service, set()).add(operation)
    for file in ("switches.rs", "enrollment.rs"):
        for service, operation in re.findall(r'\("([a-z-]+)", "([A-Z]\w+)"\)', (HANDLERS / "integrations" / file).read_text()):
            found.setdefault(service, set()).add(operation)
    code = (HANDLERS / "integrations/administrators.rs").read_text()
    for row in re.findall(r"Service \{\n(.*?)\n    \},", code, flags=re.DOTALL):
        service = re.search(r'key: "([^"]+)"', row)
        called = re.findall(r'(?:enable: |disable: |list: Some\()\("(\w+)"', row)
        if service:
            found.setdefault(service.group(1), set()).update(called)
    for service, operation in re.findall(r'\("([a-z0-9]+)", "([A-Z]\w+)"\) =>', code):
        found.setdefault(service, set()).add(operation)
    for service, file in (("fms", "firewall_manager.rs"), ("compute-optimizer", "exports.rs")):
        found.setdefault(service, set()).update(names([HANDLERS / "integrations" / file]))
    for service in ("compute-optimizer", "cost-optimization-hub"):
        found.setdefault(service, set()).add("UpdateEnrollmentStatus")
    return found


def test_no_operation_is_left_out(judged: set[str], request: pytest.FixtureRequest) -> None:
    """Runs last: the tests above have called what they claim."""
    ran = {item.name for item in request.session.items if item.fspath == request.node.fspath}
    if len(ran) < len(WALKS) + 3:
        pytest.skip("only some of the tests of this file were asked for")
    listed = {f"{service}:{operation}" for service, rows in LISTED.items() for operation in rows}
    assert all(reason for rows in LISTED.values() for reason in rows.values())
    everything = handled()
    assert len(everything) >= 600, len(everything)
    missing = sorted(everything - judged - listed)
    assert not missing, f"{len(missing)} operations that nobody calls and unjudged.toml does not list: {' '.join(missing)}"
    assert not listed & judged, f"these are called: {sorted(listed & judged)}"
    assert listed <= everything, f"these have no handler: {sorted(listed - everything)}"
