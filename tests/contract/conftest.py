"""Fixtures: servers live as long as the test session, organizations as long as a test or a module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("harness", "organization", "readback")

from harness import Moto, Orgbase, Sandbox  # noqa: E402
from organization import Organization  # noqa: E402
from proxy import Proxy  # noqa: E402


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    server = Moto(tmp_path_factory.mktemp("moto") / "log")
    yield server
    server.close()


@pytest.fixture(scope="session")
def proxy(moto: Moto) -> Iterator[Proxy]:
    """In front of moto."""
    server = Proxy(moto.url)
    yield server
    server.close()


@pytest.fixture
def organization(moto: Moto, proxy: Proxy) -> Organization:
    """A new organization on moto, as a company may have it before orgbase."""
    moto.reset()
    proxy.clear()
    return Organization(moto.url)


@pytest.fixture
def orgbase(proxy: Proxy, tmp_path: Path) -> Orgbase:
    """The binary, in a new folder, through the proxy to moto."""
    return Orgbase(tmp_path, proxy.url, dialect="moto")


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """The sandbox's listener with an organization of ten accounts."""
    server = Sandbox("--org", "accounts=10,ous=8,regions=3")
    yield server
    server.close()
