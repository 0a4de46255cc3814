"""Calls of boto3 for every operation of the sandbox that orgbase itself does not call: one function per service.

Each gets a `Caller` on a new organization. What comes back is judged by whoever watches the clients (`shapes.py`); the
functions assert only what the calls are about.
"""

from __future__ import annotations

from typing import Any

from harness import HOME_REGION, Aws
from shapes import Judge


class Caller:
    """Clients by service and account name; every reply is judged."""

    def __init__(self, url: str, judge: Judge) -> None:
        self.aws, self.judge = Aws(url), judge
        listed = self("organizations").list_accounts()["Accounts"]
        self.accounts = {account["Name"]: account["Id"] for account in listed if account["State"] == "ACTIVE"}
        self.management = self("organizations").describe_organization()["Organization"]["MasterAccountId"]
        self.root = self("organizations").list_roots()["Roots"][0]["Id"]
        self.log, self.security = self.accounts.get("Log Archive", ""), self.accounts.get("Security", "")
        self.members = [a for a in self.accounts.values() if a not in (self.management, self.log, self.security)]

    def __call__(self, service: str, account: str | None = None, region: str = HOME_REGION) -> Any:
        """As the management account, or as the access role of a member."""
        return self.judge.watch(self.aws.client(service, account, region))
