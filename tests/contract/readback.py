"""Reads with boto3 what orgbase has set, and compares it with the baseline in `organization.py`."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from harness import HOME_REGION, REGIONS
from organization import MANAGEMENT, MEMBERS, Organization

PASSWORD_POLICY = {
    "MinimumPasswordLength": 14,
    "RequireUppercaseCharacters": True,
    "RequireLowercaseCharacters": True,
    "RequireNumbers": True,
    "RequireSymbols": True,
    "AllowUsersToChangePassword": True,
    "ExpirePasswords": True,
    "MaxPasswordAge": 90,
    "PasswordReusePrevention": 24,
}
TRAIL_ARN = f"arn:aws:cloudtrail:{HOME_REGION}:{MANAGEMENT}:trail/org-trail"
LOG_GROUP = "orgbase-cloudtrail"
TOPIC_ARN = f"arn:aws:sns:{HOME_REGION}:{MANAGEMENT}:orgbase-alarms"
CIS_FILTERS = 15


def check_organization(o: Organization) -> None:
    paths = ou_paths(o)
    assert sorted(paths.values()) == sorted(
        ["/Security", "/Workloads", "/Workloads/Production", "/Workloads/Staging", "/Sandbox", "/Sandbox/Production"])
    homes = {"log-archive": "/Security", "security": "/Security", "app-prod": "/Workloads/Production",
             "data-sandbox": "/Sandbox/Production", "web": "/"}
    for name, path in homes.items():
        parent = o.organizations.list_parents(ChildId=o.accounts[name])["Parents"][0]["Id"]
        assert {**paths, o.root: "/"}[parent] == path, name
    tags = o.organizations.list_tags_for_resource(ResourceId=o.accounts["app-prod"])["Tags"]
    assert {"Key": "team", "Value": "app"} in tags
    enabled = o.organizations.list_roots()["Roots"][0]["PolicyTypes"]
    assert {"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"} in enabled


def ou_paths(o: Organization) -> dict[str, str]:
    """OU id -> path."""
    paths: dict[str, str] = {}
    level = {o.root: ""}
    while level:
        found = {}
        for parent, path in level.items():
            pages = o.organizations.get_paginator("list_organizational_units_for_parent").paginate(ParentId=parent)
            found |= {ou["Id"]: f"{path}/{ou['Name']}" for page in pages for ou in page["OrganizationalUnits"]}
        paths |= found
        level = found
    return paths


def check_password_policies(o: Organization, accounts: list[str | None] | None = None) -> None:
    for name in accounts or [None, *MEMBERS]:
        policy = o.password_policy(name)
        assert policy, f"{name} has no password policy"
        assert {key: policy.get(key) for key in PASSWORD_POLICY} == PASSWORD_POLICY, name


def check_key(o: Organization) -> str:
    """ARN of the log archive's key."""
    kms = o.client("kms", "log-archive")
    key = kms.describe_key(KeyId="alias/orgbase-log-archive")["KeyMetadata"]
    assert key["KeyState"] == "Enabled" and key["Origin"] == "AWS_KMS", key
    assert kms.get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"]
    policy = kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"]
    assert "cloudtrail.amazonaws.com" in policy and f":iam::{o.accounts['log-archive']}:root" in policy, policy
    return key["Arn"]


def check_buckets(o: Organization) -> None:
    s3 = o.client("s3", "log-archive")
    for bucket in [o.trail_bucket, o.access_log_bucket]:
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled", bucket
        block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        assert len(block) == 4 and all(block.values()), (bucket, block)
        ownership = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
        assert ownership == [{"ObjectOwnership": "BucketOwnerEnforced"}], bucket
        assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] == HOME_REGION
        statements = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
        assert any(is_tls_only(statement) for statement in statements), (bucket, statements)
    assert encryption(s3, o.access_log_bucket)["SSEAlgorithm"] == "AES256"
    trail = encryption(s3, o.trail_bucket)
    assert trail["SSEAlgorithm"] == "aws:kms", trail
    assert trail["KMSMasterKeyID"].endswith((":alias/orgbase-log-archive", check_key(o).rpartition("/")[2])), trail
    logging = s3.get_bucket_logging(Bucket=o.trail_bucket)["LoggingEnabled"]
    assert logging["TargetBucket"] == o.access_log_bucket
    rules = s3.get_bucket_lifecycle_configuration(Bucket=o.trail_bucket)["Rules"]
    assert 3650 in [rule.get("Expiration", {}).get("Days") for rule in rules], rules
    rules = s3.get_bucket_lifecycle_configuration(Bucket=o.access_log_bucket)["Rules"]
    assert 365 in [rule.get("Expiration", {}).get("Days") for rule in rules], rules


def is_tls_only(statement: dict[str, Any]) -> bool:
    return statement["Effect"] == "Deny" and "aws:SecureTransport" in json.dumps(statement.get("Condition", {}))


def encryption(s3: Any, bucket: str) -> dict[str, Any]:
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    return rules[0]["ApplyServerSideEncryptionByDefault"]


def check_trail(o: Organization) -> None:
    cloudtrail, logs, iam = (o.client(service) for service in ("cloudtrail", "logs", "iam"))
    trail = cloudtrail.get_trail(Name="org-trail")["Trail"]
    expected = {
        "TrailARN": TRAIL_ARN,
        "S3BucketName": o.trail_bucket,
        "IsMultiRegionTrail": True,
        "IsOrganizationTrail": True,
        "IncludeGlobalServiceEvents": True,
        "LogFileValidationEnabled": True,
        "CloudWatchLogsRoleArn": f"arn:aws:iam::{MANAGEMENT}:role/orgbase-cloudtrail-logs",
        "CloudWatchLogsLogGroupArn": f"arn:aws:logs:{HOME_REGION}:{MANAGEMENT}:log-group:{LOG_GROUP}:*",
    }
    assert {key: trail.get(key) for key in expected} == expected
    assert trail["KmsKeyId"] == check_key(o), trail
    assert cloudtrail.get_trail_status(Name="org-trail")["IsLogging"] is True
    groups = logs.describe_log_groups(logGroupNamePrefix=LOG_GROUP)["logGroups"]
    assert [(g["logGroupName"], g.get("retentionInDays")) for g in groups] == [(LOG_GROUP, 365)]
    trust = json.dumps(iam.get_role(RoleName="orgbase-cloudtrail-logs")["Role"]["AssumeRolePolicyDocument"])
    assert "cloudtrail.amazonaws.com" in trust, trust


def check_alarms(o: Organization) -> None:
    logs, cloudwatch, sns = (o.client(service) for service in ("logs", "cloudwatch", "sns"))
    filters = logs.describe_metric_filters(logGroupName=LOG_GROUP)["metricFilters"]
    # moto keeps a filter that was put again beside the new one; the last one counts.
    by_name = {f["filterName"]: f for f in filters}
    assert len(by_name) == CIS_FILTERS, sorted(by_name)
    assert "nothing" not in [f["filterPattern"] for f in by_name.values()]
    metrics = {(f["metricTransformations"][0]["metricNamespace"], f["metricTransformations"][0]["metricName"]) for f in filters}
    alarms = [a for page in cloudwatch.get_paginator("describe_alarms").paginate() for a in page["MetricAlarms"]]
    assert {(alarm["Namespace"], alarm["MetricName"]) for alarm in alarms} == metrics
    for alarm in alarms:
        assert alarm["AlarmActions"] == [TOPIC_ARN] and alarm["ActionsEnabled"], alarm
        assert (alarm["Statistic"], alarm["Threshold"], alarm["EvaluationPeriods"]) == ("Sum", 1.0, 1), alarm
        assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold", alarm
        assert alarm["TreatMissingData"] == "notBreaching", alarm
    policy = sns.get_topic_attributes(TopicArn=TOPIC_ARN)["Attributes"]["Policy"]
    assert "cloudwatch.amazonaws.com" in policy, policy
    subscriptions = sns.list_subscriptions_by_topic(TopicArn=TOPIC_ARN)["Subscriptions"]
    assert [(s["Protocol"], s["Endpoint"]) for s in subscriptions] == [("email", "secops@example.com")]


def check_policies(o: Organization) -> None:
    app, sandbox = o.accounts["app-prod"], o.ous["/Sandbox/Production"]
    for name in ["deny-leave-org", "protect-cloudtrail", "protect-baseline-roles"]:
        assert o.targets(name) == {o.root}, name
    assert o.targets("no-lightsail") == {app, sandbox}
    content = o.organizations.describe_policy(PolicyId=o.policies()["deny-leave-org"]["Id"])["Policy"]["Content"]
    assert "organizations:LeaveOrganization" in content and "\n" not in content, content


def check_administrators(o: Organization) -> None:
    security = o.accounts["security"]
    enabled = o.organizations.list_aws_service_access_for_organization()["EnabledServicePrincipals"]
    principals = {service["ServicePrincipal"] for service in enabled}
    for principal in ["access-analyzer.amazonaws.com", "config-multiaccountsetup.amazonaws.com", "ssm.amazonaws.com"]:
        found = o.organizations.list_delegated_administrators(ServicePrincipal=principal)["DelegatedAdministrators"]
        assert [account["Id"] for account in found] == [security], principal
        assert principal in principals
    assert {"backup.amazonaws.com", "tagpolicies.tag.amazonaws.com", "cloudtrail.amazonaws.com"} <= principals
    for region in REGIONS:
        found = o.client("guardduty", region=region).list_organization_admin_accounts()["AdminAccounts"]
        assert [admin["AdminAccountId"] for admin in found] == [security], region
        found = o.client("macie2", region=region).list_organization_admin_accounts()["adminAccounts"]
        assert [admin["accountId"] for admin in found] == [security], region


def check_nothing_is_there_twice(o: Organization) -> None:
    """A run that was killed leaves nothing that the next run does not take over."""
    policies = o.organizations.list_policies(Filter="SERVICE_CONTROL_POLICY")["Policies"]
    assert Counter(policy["Name"] for policy in policies).most_common(1)[0][1] == 1
    assert Counter(ou_paths(o).values()).most_common(1)[0][1] == 1
    assert len(customer_keys(o, "log-archive")) == 1
    assert not customer_keys(o, None)
    assert len(o.client("sns").list_topics()["Topics"]) == 1
    subscriptions = o.client("sns").list_subscriptions_by_topic(TopicArn=TOPIC_ARN)["Subscriptions"]
    assert len(subscriptions) == 1
    assert [trail["Name"] for trail in o.client("cloudtrail").describe_trails()["trailList"]] == ["org-trail"]


def customer_keys(o: Organization, account: str | None) -> list[str]:
    kms = o.client("kms", account)
    keys = [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in kms.list_keys()["Keys"]]
    return [key["KeyId"] for key in keys if key["KeyManager"] == "CUSTOMER"]
