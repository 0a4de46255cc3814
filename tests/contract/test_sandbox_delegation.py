"""Delegated administration by the AWS CLI, as AWS's user guides walk through it: a member account is named, sees and configures
the organization, members cannot undo it, new accounts are reached, and the administrator is taken away."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from test_sandbox_cli import Cli

from harness import ACCESS_ROLE, Sandbox


class Organization:
    """The CLI as each account."""

    def __init__(self, server: Sandbox) -> None:
        self.url = server.url
        self.aws = Cli(server.url)
        self.accounts = {a["Name"]: a["Id"] for a in self.aws("organizations", "list-accounts")["Accounts"]}
        self.admin_id, self.log_id = self.accounts["Security"], self.accounts["Log Archive"]
        self.admin, self.log = self.of(self.admin_id), self.of(self.log_id)

    def of(self, account: str) -> Cli:
        """As the access role of an account."""
        role = f"arn:aws:iam::{account}:role/{ACCESS_ROLE}"
        keys = self.aws("sts", "assume-role", "--role-arn", role, "--role-session-name", "delegation")["Credentials"]
        return Cli(self.url, {"AWS_ACCESS_KEY_ID": keys["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
                              "AWS_SESSION_TOKEN": keys["SessionToken"]})

    def new_account(self, name: str) -> str:
        made = self.aws("organizations", "create-account", "--email", f"aws+{name}@example.com", "--account-name", name)
        status = made["CreateAccountStatus"]
        for _ in range(100):
            if status["State"] != "IN_PROGRESS":
                break
            time.sleep(0.2)
            status = self.aws("organizations", "describe-create-account-status", "--create-account-request-id",
                              status["Id"])["CreateAccountStatus"]
        assert status["State"] == "SUCCEEDED", status
        return status["AccountId"]


@pytest.fixture(scope="module")
def o() -> Iterator[Organization]:
    server = Sandbox("--org", "accounts=4,ous=2,regions=2")
    yield Organization(server)
    server.close()


def refused(cli: Cli, code: str, *arguments: str) -> None:
    done = cli.run(*arguments)
    assert done.returncode != 0 and f"({code})" in done.stderr, f"{' '.join(arguments)}: {done.stdout}{done.stderr}"


def members(listed: dict[str, Any], key: str = "Members", member: str = "AccountId") -> set[str]:
    return {one[member] for one in listed[key]}


def test_organizations_and_access_analyzer(o: Organization) -> None:
    """A service that Organizations itself delegates."""
    principal = "access-analyzer.amazonaws.com"
    named = ("--account-id", o.admin_id, "--service-principal", principal)
    organization_wide = ("accessanalyzer", "create-analyzer", "--analyzer-name", "all", "--type", "ORGANIZATION")
    refused(o.admin, "AccessDeniedException", "organizations", "list-accounts")
    o.aws("organizations", "enable-aws-service-access", "--service-principal", principal)
    o.aws("organizations", "register-delegated-administrator", *named)
    refused(o.aws, "AccountAlreadyRegisteredException", "organizations", "register-delegated-administrator", *named)
    listed = o.aws("organizations", "list-delegated-administrators", "--service-principal", principal)
    assert members(listed, "DelegatedAdministrators", "Id") == {o.admin_id}
    services = o.aws("organizations", "list-delegated-services-for-account", "--account-id", o.admin_id)["DelegatedServices"]
    assert [service["ServicePrincipal"] for service in services] == [principal]
    # It may read the organization now, but not change it; another member may do neither.
    assert len(o.admin("organizations", "list-accounts")["Accounts"]) == len(o.accounts)
    root = o.admin("organizations", "list-roots")["Roots"][0]["Id"]
    refused(o.admin, "AccessDeniedException", "organizations", "create-organizational-unit", "--parent-id", root, "--name", "x")
    refused(o.log, "AccessDeniedException", "organizations", "list-accounts")
    refused(o.admin, "ValidationException", *organization_wide)
    o.aws("iam", "create-service-linked-role", "--aws-service-name", principal)
    o.admin(*organization_wide)
    assert o.log.run(*organization_wide).returncode != 0
    assert o.admin("accessanalyzer", "get-analyzer", "--analyzer-name", "all")["analyzer"]["type"] == "ORGANIZATION"
    o.aws("organizations", "deregister-delegated-administrator", *named)
    refused(o.admin, "AccessDeniedException", "organizations", "list-accounts")
    refused(o.aws, "AccountNotRegisteredException", "organizations", "deregister-delegated-administrator", *named)


def test_guardduty(o: Organization) -> None:
    """A service with its own call, whose administrator reaches every account."""
    o.aws("guardduty", "enable-organization-admin-account", "--admin-account-id", o.admin_id)
    refused(o.aws, "BadRequestException", "guardduty", "enable-organization-admin-account", "--admin-account-id", o.log_id)
    refused(o.admin, "BadRequestException", "guardduty", "enable-organization-admin-account", "--admin-account-id", o.log_id)
    # Naming it switched trusted access on, and registered it in Organizations.
    listed = o.aws("organizations", "list-delegated-administrators", "--service-principal", "guardduty.amazonaws.com")
    assert members(listed, "DelegatedAdministrators", "Id") == {o.admin_id}
    [detector] = o.admin("guardduty", "list-detectors")["DetectorIds"]
    of = ("--detector-id", detector)
    assert o.log("guardduty", "list-detectors")["DetectorIds"] == []
    o.admin("guardduty", "update-organization-configuration", *of, "--auto-enable-organization-members", "ALL", "--features",
            json.dumps([{"Name": "S3_DATA_EVENTS", "AutoEnable": "ALL"}]))
    described = o.admin("guardduty", "describe-organization-configuration", *of)
    assert described["AutoEnableOrganizationMembers"] == "ALL"
    found = members(o.admin("guardduty", "list-members", *of))
    assert found == set(o.accounts.values()) - {o.admin_id}, "ALL reaches those that are there"
    [own] = o.log("guardduty", "list-detectors")["DetectorIds"]
    administrator = o.log("guardduty", "get-administrator-account", "--detector-id", own)["Administrator"]
    assert administrator["AccountId"] == o.admin_id
    for attempt in (["update-detector", "--no-enable"], ["delete-detector"], ["disassociate-from-administrator-account"]):
        refused(o.log, "BadRequestException", "guardduty", *attempt, "--detector-id", own)
    new = o.new_account("later")
    assert new in members(o.admin("guardduty", "list-members", *of)), "and those that come"
    assert len(o.of(new)("guardduty", "list-detectors")["DetectorIds"]) == 1
    # It goes once its members are gone, and they only once nobody is enabled by itself.
    refused(o.aws, "BadRequestException", "guardduty", "disable-organization-admin-account", "--admin-account-id", o.admin_id)
    o.admin("guardduty", "update-organization-configuration", *of, "--auto-enable-organization-members", "NONE", "--features",
            json.dumps([{"Name": "S3_DATA_EVENTS", "AutoEnable": "NONE"}]))
    everybody = sorted(members(o.admin("guardduty", "list-members", *of)))
    for step in ("disassociate-members", "delete-members"):
        assert o.admin("guardduty", step, *of, "--account-ids", *everybody)["UnprocessedAccounts"] == []
    o.aws("guardduty", "disable-organization-admin-account", "--admin-account-id", o.admin_id)
    assert o.aws("guardduty", "list-organization-admin-accounts")["AdminAccounts"] == []
    assert o.log("guardduty", "get-detector", "--detector-id", own)["Status"] == "ENABLED", "detectors stay on"


def test_security_hub(o: Organization) -> None:
    """Central configuration owns its accounts."""
    o.aws("securityhub", "enable-organization-admin-account", "--admin-account-id", o.admin_id)
    o.admin("securityhub", "create-finding-aggregator", "--region-linking-mode", "ALL_REGIONS")
    central = ("--no-auto-enable", "--auto-enable-standards", "NONE", "--organization-configuration",
               "ConfigurationType=CENTRAL")
    o.admin("securityhub", "update-organization-configuration", *central)
    policy = o.admin("securityhub", "create-configuration-policy", "--name", "baseline", "--configuration-policy", json.dumps(
        {"SecurityHub": {"ServiceEnabled": True, "EnabledStandardIdentifiers": [],
                         "SecurityControlsConfiguration": {"DisabledSecurityControlIdentifiers": []}}}))["Id"]
    root = o.admin("organizations", "list-roots")["Roots"][0]["Id"]
    o.admin("securityhub", "start-configuration-policy-association", "--configuration-policy-identifier", policy, "--target",
            f"RootId={root}")
    associations = o.admin("securityhub", "list-configuration-policy-associations")["ConfigurationPolicyAssociationSummaries"]
    inherited = {a["TargetId"]: a["AssociationType"] for a in associations}
    assert inherited[root] == "APPLIED" and inherited[o.log_id] == "INHERITED", associations
    assert o.log("securityhub", "describe-hub")["HubArn"]
    done = o.log.run("securityhub", "disable-security-hub")
    assert done.returncode != 0, "its account is managed centrally"
    assert o.log_id in members(o.admin("securityhub", "list-members"))


def test_config_and_cloudtrail(o: Organization) -> None:
    """An administrator that aggregates, and a trail that members see and cannot touch."""
    for principal in ("config.amazonaws.com", "config-multiaccountsetup.amazonaws.com", "cloudtrail.amazonaws.com"):
        o.aws("organizations", "enable-aws-service-access", "--service-principal", principal)
    o.aws("organizations", "register-delegated-administrator", "--account-id", o.admin_id, "--service-principal",
          "config.amazonaws.com")
    role = o.admin("iam", "create-role", "--role-name", "aggregates", "--assume-role-policy-document", json.dumps(
        {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "config.amazonaws.com"}, "Action": "sts:AssumeRole"}]}))["Role"]["Arn"]
    source = f"RoleArn={role},AllAwsRegions=true"
    aggregator = ("configservice", "put-configuration-aggregator", "--configuration-aggregator-name", "all",
                  "--organization-aggregation-source")
    o.admin(*aggregator, source)
    refused(o.log, "OrganizationAccessDeniedException", *aggregator, source)
    o.aws("cloudtrail", "register-organization-delegated-admin", "--member-account-id", o.admin_id)
    bucket = f"trail-{o.log_id}"
    o.log("s3api", "create-bucket", "--bucket", bucket, "--create-bucket-configuration", "LocationConstraint=eu-west-1")
    organization = o.aws("organizations", "describe-organization")["Organization"]
    service = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}}
    prefixes = [f"arn:aws:s3:::{bucket}/AWSLogs/{part}/*" for part in (organization["Id"], organization["MasterAccountId"])]
    o.log("s3api", "put-bucket-policy", "--bucket", bucket, "--policy", json.dumps({"Version": "2012-10-17", "Statement": [
        {**service, "Action": "s3:GetBucketAcl", "Resource": f"arn:aws:s3:::{bucket}"},
        {**service, "Action": "s3:PutObject", "Resource": prefixes}]}))
    trail = o.admin("cloudtrail", "create-trail", "--name", "all", "--s3-bucket-name", bucket, "--is-organization-trail",
                    "--is-multi-region-trail")["TrailARN"]
    assert organization["MasterAccountId"] in trail, "an organization trail is the management account's"
    seen = o.log("cloudtrail", "describe-trails")["trailList"]
    assert [one["TrailARN"] for one in seen] == [trail]
    assert o.log.run("cloudtrail", "stop-logging", "--name", trail).returncode != 0
    assert o.log.run("cloudtrail", "delete-trail", "--name", trail).returncode != 0
    o.admin("cloudtrail", "start-logging", "--name", trail)
    assert o.aws("cloudtrail", "get-trail-status", "--name", trail)["IsLogging"] is True
