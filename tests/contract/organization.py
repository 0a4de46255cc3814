"""An organization on moto as a company may have it before orgbase, and the baseline for it.

Ten accounts; two OUs called Production; a service control policy and bucket policy statements of others; a password
policy that somebody set by hand; an account that is not in the OU where the baseline wants it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from harness import HOME_REGION, Aws

FOREIGN_SCP = "somebody-elses-guardrail"
FOREIGN_STATEMENT = {
    "Sid": "SomebodyElses",
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
    "Action": "s3:ListBucket",
}
MANAGEMENT = "123456789012"
MEMBERS = ["log-archive", "security", "network", "app-prod", "app-staging", "data-prod", "data-sandbox", "web", "tools"]

# Everything of the main job that moto can answer. Its delegated administrators are those that moto does not refuse
# (emulators.toml); regional ones have a list per region.
BASELINE = """
version = 1

[organization]
home_region = "eu-west-1"
regions = ["eu-west-1", "us-east-1", "ap-south-1"]

[ous]
"/Security" = {}
"/Workloads/Production" = {}
"/Workloads/Staging" = {}
"/Sandbox/Production" = {}

[accounts.log-archive]
name = "log-archive"
email = "aws+log-archive@example.com"
ou = "/Security"

[accounts.security]
name = "security"
email = "aws+security@example.com"
ou = "/Security"

[accounts.app-prod]
name = "app-prod"
email = "aws+app-prod@example.com"
ou = "/Workloads/Production"
tags = { team = "app" }

[policy_types]
enabled = ["SERVICE_CONTROL_POLICY"]

[delegated_admins]
access_analyzer = "security"
config_multiaccountsetup = "security"
guardduty = "security"
macie = "security"
ssm = "security"
trusted_access = ["backup", "tagpolicies"]

[log_archive]
account = "log-archive"
retention_days = 3650
access_log_retention_days = 365

[org_trail]
name = "org-trail"
log_group_retention_days = 365

[password_policy]
minimum_length = 14
require_uppercase = true
require_lowercase = true
require_numbers = true
require_symbols = true
allow_users_to_change = true
max_age_days = 90
reuse_prevention = 24

[metric_alarms]
set = "cis"
notify = ["secops@example.com"]

[[scps]]
name = "deny-leave-org"
preset = "deny-leave-org"
targets = ["/"]

[[scps]]
name = "protect-cloudtrail"
preset = "protect-cloudtrail"
targets = ["/"]

[[scps]]
name = "protect-baseline-roles"
preset = "protect-baseline-roles"
targets = ["/"]

[[scps]]
name = "no-lightsail"
file = "policies/no-lightsail.json"
targets = ["/Sandbox/Production", "app-prod"]
"""
NO_LIGHTSAIL = {
    "Version": "2012-10-17",
    "Statement": [{"Sid": "NoLightsail", "Effect": "Deny", "Action": "lightsail:*", "Resource": "*"}],
}


def write_baseline(folder: Path, *replacements: tuple[str, str]) -> Path:
    """The baseline with its own policy document, changed here and there."""
    text = BASELINE
    for old, new in replacements:
        assert old in text, f"the baseline has no {old!r}"
        text = text.replace(old, new)
    (folder / "policies").mkdir(exist_ok=True)
    (folder / "policies/no-lightsail.json").write_text(json.dumps(NO_LIGHTSAIL, indent=2))
    path = folder / "baseline.toml"
    path.write_text(text)
    return path


class Organization:
    """What exists before the first run, and where to find it."""

    def __init__(self, endpoint: str) -> None:
        self.aws = Aws(endpoint)
        self.organizations = self.aws.client("organizations", region="us-east-1")
        self.organizations.create_organization(FeatureSet="ALL")
        self.root = self.organizations.list_roots()["Roots"][0]["Id"]
        self.accounts = {name: self._account(name) for name in MEMBERS}
        self.ous = {"/": self.root}
        for path in ["/Workloads", "/Workloads/Production", "/Sandbox", "/Sandbox/Production"]:
            parent, _, name = path.rpartition("/")
            made = self.organizations.create_organizational_unit(ParentId=self.ous[parent or "/"], Name=name)
            self.ous[path] = made["OrganizationalUnit"]["Id"]
        self._move("data-sandbox", "/Sandbox/Production")
        self._foreign_policy()
        self._foreign_bucket()
        web = self.aws.client("iam", self.accounts["web"])
        web.update_account_password_policy(MinimumPasswordLength=8, RequireSymbols=True, HardExpiry=True)

    def _account(self, name: str) -> str:
        made = self.organizations.create_account(Email=f"aws+{name}@example.com", AccountName=name)
        return made["CreateAccountStatus"]["AccountId"]

    def _move(self, account: str, path: str) -> None:
        self.organizations.move_account(
            AccountId=self.accounts[account], SourceParentId=self.root, DestinationParentId=self.ous[path]
        )

    def _foreign_policy(self) -> None:
        self.organizations.enable_policy_type(RootId=self.root, PolicyType="SERVICE_CONTROL_POLICY")
        document = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "gamelift:*", "Resource": "*"}]}
        made = self.organizations.create_policy(
            Name=FOREIGN_SCP, Description="not ours", Type="SERVICE_CONTROL_POLICY", Content=json.dumps(document)
        )
        self.foreign_policy = made["Policy"]["PolicySummary"]["Id"]
        self.organizations.attach_policy(PolicyId=self.foreign_policy, TargetId=self.ous["/Workloads"])
        self.organizations.disable_policy_type(RootId=self.root, PolicyType="SERVICE_CONTROL_POLICY")

    @property
    def trail_bucket(self) -> str:
        return f"orgbase-cloudtrail-{self.accounts['log-archive']}"

    @property
    def access_log_bucket(self) -> str:
        return f"orgbase-access-logs-{self.accounts['log-archive']}"

    def _foreign_bucket(self) -> None:
        """The bucket that the baseline wants exists, with statements, a rule and a tag of somebody else."""
        s3 = self.aws.client("s3", self.accounts["log-archive"])
        s3.create_bucket(Bucket=self.trail_bucket, CreateBucketConfiguration={"LocationConstraint": HOME_REGION})
        statement = {**FOREIGN_STATEMENT, "Resource": f"arn:aws:s3:::{self.trail_bucket}"}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        s3.put_bucket_policy(Bucket=self.trail_bucket, Policy=json.dumps(policy))
        rule = {"ID": "somebody-elses", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 7}}
        s3.put_bucket_lifecycle_configuration(Bucket=self.trail_bucket, LifecycleConfiguration={"Rules": [rule]})
        s3.put_bucket_tagging(Bucket=self.trail_bucket, Tagging={"TagSet": [{"Key": "owner", "Value": "platform"}]})

    def client(self, service: str, account: str | None = None, region: str = HOME_REGION) -> Any:
        """A client in the account with this name."""
        return self.aws.client(service, self.accounts[account] if account else None, region)

    def policies(self) -> dict[str, dict[str, Any]]:
        """Service control policies by name."""
        found = self.organizations.list_policies(Filter="SERVICE_CONTROL_POLICY")["Policies"]
        return {policy["Name"]: policy for policy in found}

    def targets(self, policy: str) -> set[str]:
        """Ids of what a policy is attached to."""
        found = self.organizations.list_targets_for_policy(PolicyId=self.policies()[policy]["Id"])["Targets"]
        return {target["TargetId"] for target in found}

    def password_policy(self, account: str | None) -> dict[str, Any] | None:
        try:
            return self.client("iam", account).get_account_password_policy()["PasswordPolicy"]
        except ClientError as error:
            assert error.response["Error"]["Code"] == "NoSuchEntity"
            return None
