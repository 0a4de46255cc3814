"""How many calls a converged plan makes: the budget of the main job, counted by the proxy and named kind by kind."""

from __future__ import annotations

import math

from harness import REGIONS, Orgbase
from organization import MEMBERS, Organization, write_baseline
from proxy import Proxy
from readback import ou_paths

GLOBAL_SERVICES = 3  # access_analyzer, config_multiaccountsetup, ssm
REGIONAL_SERVICES = 2  # guardduty, macie
ACCOUNTS_WITH_TAGS = 1
PAGE = 20


def test_a_converged_plan_stays_in_its_budget(organization: Organization, orgbase: Orgbase, proxy: Proxy) -> None:
    write_baseline(orgbase.folder)
    orgbase("apply", "--yes").expect(0)
    proxy.clear()
    orgbase("plan").expect(0)
    accounts = len(MEMBERS) + 1
    ous = len(ou_paths(organization))
    policies = len(organization.policies())
    ours = policies - 2  # FullAWSAccess and the foreign one
    services = GLOBAL_SERVICES + REGIONAL_SERVICES
    budget = {
        "2 per account (AssumeRole, password policy)": 2 * accounts,
        "pages of accounts": accounts / PAGE,
        "OUs by parent": ous + 1,
        "2 per policy (document, targets)": 2 * policies,
        "administrators of each service": services,
        "administrators per region": REGIONAL_SERVICES * len(REGIONS),
        "everything else": 80,
        "accounts by parent, where Paths is missing": ous + 1 + accounts / PAGE,
        "tags of accounts": ACCOUNTS_WITH_TAGS,
        "tags of policies with our prefix": ours,
    }
    calls = sum(proxy.kinds().values())
    most = math.floor(sum(budget.values()))
    table = "\n".join(f"{count:5} {kind}" for kind, count in proxy.kinds().most_common())
    assert calls <= most, f"{calls} calls, {most} allowed: {budget}\n{table}"
    assert not proxy.writes, table
    kinds = proxy.kinds()
    assert kinds["sts:AssumeRole"] == len(MEMBERS), table
    assert kinds["sts:GetCallerIdentity"] == 1, table
    assert kinds["organizations:ListParents"] == kinds["organizations:DescribeAccount"] == 0, table
    assert kinds["organizations:ListPoliciesForTarget"] == 0, table
    assert kinds["iam:GetAccountPasswordPolicy"] == accounts, table


def test_facts_that_nothing_needs_are_not_read(organization: Organization, orgbase: Orgbase, proxy: Proxy) -> None:
    """A baseline with one section asks for the organization and for that setting alone."""
    (orgbase.folder / "baseline.toml").write_text(
        'version = 1\n[organization]\nhome_region = "eu-west-1"\nregions = ["eu-west-1"]\n'
        "[password_policy]\nminimum_length = 14\n"
    )
    orgbase("plan").expect(2)
    kinds = proxy.kinds()
    unneeded = ["ListPolicies", "DescribePolicy", "ListAWSServiceAccessForOrganization", "ListDelegatedAdministrators"]
    assert not [kind for kind in kinds if kind.partition(":")[2] in unneeded], kinds
    assert {call.service for call in proxy.calls} == {"sts", "organizations", "ec2", "iam"}, kinds
