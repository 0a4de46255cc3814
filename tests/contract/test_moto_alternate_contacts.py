"""`alternate_contacts` on moto: set in every account, kept, repaired, and deleted only where the baseline says so."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from harness import Orgbase
from organization import Organization
from proxy import Proxy

HEAD = """version = 1
[organization]
home_region = "eu-west-1"
regions = ["eu-west-1"]
"""
SECURITY = """[alternate_contacts.security]
name = "Security Operations"
title = "Team"
email = "secops@example.com"
phone = "+44 20 7946 0003"
"""
REMOVED = """[[removed]]
control = "alternate_contacts"
name = "billing"
"""
WANTED = {
    "AlternateContactType": "SECURITY",
    "Name": "Security Operations",
    "Title": "Team",
    "EmailAddress": "secops@example.com",
    "PhoneNumber": "+44 20 7946 0003",
}
THEIRS = {**WANTED, "AlternateContactType": "BILLING", "Name": "Accounts Payable", "EmailAddress": "bills@example.com"}


def contact(organization: Organization, account: str | None, kind: str) -> dict[str, Any] | None:
    try:
        answer = organization.client("account", account).get_alternate_contact(AlternateContactType=kind)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ResourceNotFoundException"
        return None
    return answer["AlternateContact"]


@pytest.fixture
def converged(organization: Organization, orgbase: Orgbase) -> Organization:
    organization.client("account", "web").put_alternate_contact(**THEIRS)
    (orgbase.folder / "baseline.toml").write_text(HEAD + SECURITY)
    orgbase("apply", "--yes").expect(0)
    return organization


def test_every_account_has_it_and_nothing_else_changed(converged: Organization, orgbase: Orgbase, proxy: Proxy) -> None:
    for account in [None, *converged.accounts]:
        assert contact(converged, account, "SECURITY") == WANTED, account
        assert contact(converged, account, "OPERATIONS") is None
    assert contact(converged, "web", "BILLING") == THEIRS
    proxy.clear()
    orgbase("apply", "--yes").expect(0)
    assert not proxy.writes


def test_what_somebody_changed_is_repaired(converged: Organization, orgbase: Orgbase) -> None:
    other = {**WANTED, "PhoneNumber": "+1 555 010 0199"}
    converged.client("account", "web").put_alternate_contact(**other)
    plan = orgbase("plan", "--format", "json").expect(2)
    changes = [change for unit in plan.report["units"] for change in unit["changes"]]
    assert [change["path"] for change in changes] == ["security.phone"]
    assert "010 0199" not in plan.out and "7946 0" not in plan.out
    orgbase("apply", "--yes").expect(0)
    assert contact(converged, "web", "SECURITY") == WANTED


def test_a_contact_is_deleted_only_where_the_baseline_says_so(converged: Organization, orgbase: Orgbase) -> None:
    (orgbase.folder / "baseline.toml").write_text(HEAD + SECURITY + REMOVED)
    orgbase("apply", "--yes").expect(2)
    assert contact(converged, "web", "BILLING") == THEIRS
    orgbase("apply", "--yes", "--allow-destructive").expect(0)
    assert contact(converged, "web", "BILLING") is None
    assert contact(converged, "web", "SECURITY") == WANTED
