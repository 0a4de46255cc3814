"""boto3 works against the sandbox's listener, and botocore's models know every member of every reply."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from harness import ACCESS_ROLE, HOME_REGION, Aws, Sandbox
from shapes import Judge

TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "sts:AssumeRole"}]})


class World:
    """The sandbox with its accounts by name; every client's replies are judged."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.judge = Judge()
        self.aws = Aws(sandbox.url)
        self.organizations = self.client("organizations", region="us-east-1")
        pages = self.organizations.get_paginator("list_accounts").paginate()
        self.accounts = {a["Name"]: a["Id"] for page in pages for a in page["Accounts"]}
        self.organization = self.organizations.describe_organization()["Organization"]
        self.management = self.organization["MasterAccountId"]
        self.root = self.organizations.list_roots()["Roots"][0]["Id"]
        self.log, self.security = self.accounts["Log Archive"], self.accounts["Security"]

    def client(self, service: str, account: str | None = None, region: str = HOME_REGION) -> Any:
        return self.judge.watch(self.aws.client(service, account, region))


@pytest.fixture(scope="module")
def shared(sandbox: Sandbox) -> World:
    return World(sandbox)


@pytest.fixture
def world(shared: World) -> Iterator[World]:
    shared.judge.problems.clear()
    yield shared
    assert not shared.judge.problems, "\n".join(shared.judge.problems)


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    return error.value.response["Error"]["Code"]


def create_account(world: World, name: str) -> str:
    status = world.organizations.create_account(Email=f"aws+{name}@example.com", AccountName=name)["CreateAccountStatus"]
    assert status["State"] == "IN_PROGRESS", status
    end = time.monotonic() + 30
    while status["State"] == "IN_PROGRESS":
        assert time.monotonic() < end, status
        time.sleep(0.2)
        status = world.organizations.describe_create_account_status(CreateAccountRequestId=status["Id"])["CreateAccountStatus"]
    assert status["State"] == "SUCCEEDED", status
    return status["AccountId"]


def test_a_new_account_can_be_entered(world: World) -> None:
    account = create_account(world, "brand-new")
    assert len(account) == 12 and account.isdigit()
    identity = world.client("sts", account).get_caller_identity()
    assert identity["Account"] == account
    assert identity["Arn"] == f"arn:aws:sts::{account}:assumed-role/{ACCESS_ROLE}/contract"
    described = world.organizations.describe_account(AccountId=account)["Account"]
    assert described["State"] == "ACTIVE" and described["JoinedMethod"] == "CREATED"
    assert world.organizations.list_parents(ChildId=account)["Parents"] == [{"Id": world.root, "Type": "ROOT"}]
    again = world.organizations.create_account(Email="aws+brand-new@example.com", AccountName="twice")["CreateAccountStatus"]
    end = time.monotonic() + 30
    while again["State"] == "IN_PROGRESS" and time.monotonic() < end:
        time.sleep(0.2)
        again = world.organizations.describe_create_account_status(CreateAccountRequestId=again["Id"])["CreateAccountStatus"]
    assert (again["State"], again.get("FailureReason")) == ("FAILED", "EMAIL_ALREADY_EXISTS")


def test_small_pages_hold_everything_once(world: World) -> None:
    """One item a page, for every kind of paging."""
    iam, kms, logs = (world.client(s, world.security) for s in ("iam", "kms", "logs"))
    cloudwatch, sns = (world.client(s, world.security) for s in ("cloudwatch", "sns"))
    for number in range(3):
        iam.create_role(RoleName=f"page-{number}", AssumeRolePolicyDocument=TRUST)
        kms.create_alias(AliasName=f"alias/page-{number}", TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])
        logs.create_log_group(logGroupName=f"page-{number}")
        sns.create_topic(Name=f"page-{number}")
        cloudwatch.put_metric_alarm(AlarmName=f"page-{number}", Namespace="n", MetricName="m", Statistic="Sum", Period=60,
                                    EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanThreshold")
    lists: list[tuple[Any, str, str, dict[str, Any]]] = [
        (world.organizations, "list_accounts", "Accounts", {}),
        (world.organizations, "list_roots", "Roots", {}),
        (world.organizations, "list_policies", "Policies", {"Filter": "SERVICE_CONTROL_POLICY"}),
        (world.organizations, "list_organizational_units_for_parent", "OrganizationalUnits", {"ParentId": world.root}),
        (world.organizations, "list_children", "Children", {"ParentId": world.root, "ChildType": "ORGANIZATIONAL_UNIT"}),
        (iam, "list_roles", "Roles", {}),
        (kms, "list_keys", "Keys", {}),
        (kms, "list_aliases", "Aliases", {}),
        (logs, "describe_log_groups", "logGroups", {}),
        (cloudwatch, "describe_alarms", "MetricAlarms", {}),
    ]
    for client, operation, key, arguments in lists:
        paginator = client.get_paginator(operation)
        whole = [item for page in paginator.paginate(**arguments) for item in page[key]]
        small = list(paginator.paginate(**arguments, PaginationConfig={"PageSize": 1}))
        assert [item for page in small for item in page[key]] == whole, operation
        assert max(len(page[key]) for page in small) <= 1, operation
        assert whole, operation


def test_sessions_are_their_accounts(world: World) -> None:
    for name, account in list(world.accounts.items())[:4]:
        if account == world.management:
            continue
        assert world.client("sts", account).get_caller_identity()["Account"] == account, name
    with pytest.raises(ClientError) as error:
        world.client("organizations", world.security).create_organizational_unit(ParentId=world.root, Name="mine")
    assert code_of(error) == "AccessDeniedException"
    assert world.client("organizations", world.security).describe_organization()["Organization"] == world.organization


def test_organizations(world: World) -> None:
    o = world.organizations
    ou = o.create_organizational_unit(ParentId=world.root, Name="Contract")["OrganizationalUnit"]
    assert o.describe_organizational_unit(OrganizationalUnitId=ou["Id"])["OrganizationalUnit"] == ou
    policy = o.create_policy(Name="contract", Description="", Type="SERVICE_CONTROL_POLICY", Content=json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "gamelift:*", "Resource": "*"}]}))["Policy"]
    policy_id = policy["PolicySummary"]["Id"]
    enabled = o.list_roots()["Roots"][0]["PolicyTypes"]
    if not any(t["Type"] == "SERVICE_CONTROL_POLICY" for t in enabled):
        o.enable_policy_type(RootId=world.root, PolicyType="SERVICE_CONTROL_POLICY")
    o.attach_policy(PolicyId=policy_id, TargetId=ou["Id"])
    assert [t["TargetId"] for t in o.list_targets_for_policy(PolicyId=policy_id)["Targets"]] == [ou["Id"]]
    attached = o.list_policies_for_target(TargetId=ou["Id"], Filter="SERVICE_CONTROL_POLICY")["Policies"]
    assert {p["Name"] for p in attached} == {"FullAWSAccess", "contract"}
    o.detach_policy(PolicyId=policy_id, TargetId=ou["Id"])
    o.tag_resource(ResourceId=ou["Id"], Tags=[{"Key": "a", "Value": "b"}])
    assert o.list_tags_for_resource(ResourceId=ou["Id"])["Tags"] == [{"Key": "a", "Value": "b"}]
    o.enable_aws_service_access(ServicePrincipal="config.amazonaws.com")
    o.register_delegated_administrator(AccountId=world.security, ServicePrincipal="config.amazonaws.com")
    admins = o.list_delegated_administrators(ServicePrincipal="config.amazonaws.com")["DelegatedAdministrators"]
    assert [a["Id"] for a in admins] == [world.security]
    services = o.list_delegated_services_for_account(AccountId=world.security)["DelegatedServices"]
    assert "config.amazonaws.com" in [s["ServicePrincipal"] for s in services]
    assert world.client("organizations", world.security).list_accounts()["Accounts"], "a delegated administrator may read"
    o.deregister_delegated_administrator(AccountId=world.security, ServicePrincipal="config.amazonaws.com")


def test_iam(world: World) -> None:
    iam = world.client("iam", world.log)
    iam.update_account_password_policy(MinimumPasswordLength=14, RequireSymbols=True)
    policy = iam.get_account_password_policy()["PasswordPolicy"]
    assert (policy["MinimumPasswordLength"], policy["RequireSymbols"], policy["RequireNumbers"]) == (14, True, False)
    iam.update_account_password_policy(RequireNumbers=True)
    policy = iam.get_account_password_policy()["PasswordPolicy"]
    assert (policy["MinimumPasswordLength"], policy["RequireSymbols"]) == (6, False), "what is left out is reset"
    iam.create_role(RoleName="writer", AssumeRolePolicyDocument=TRUST, Tags=[{"Key": "k", "Value": "v"}])
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]}
    iam.put_role_policy(RoleName="writer", PolicyName="p", PolicyDocument=json.dumps(document))
    assert iam.get_role_policy(RoleName="writer", PolicyName="p")["PolicyDocument"] == document
    assert iam.get_role(RoleName="writer")["Role"]["Arn"] == f"arn:aws:iam::{world.log}:role/writer"
    assert iam.get_role(RoleName="writer")["Role"]["Tags"] == [{"Key": "k", "Value": "v"}]
    assert iam.get_account_summary()["SummaryMap"]
    iam.create_account_alias(AccountAlias="contract-logs")
    assert iam.list_account_aliases()["AccountAliases"] == ["contract-logs"]
    iam.create_service_linked_role(AWSServiceName="cloudtrail.amazonaws.com")
    assert iam.get_role(RoleName="AWSServiceRoleForCloudTrail")["Role"]["Path"] == "/aws-service-role/cloudtrail.amazonaws.com/"


def test_logs_cloudwatch_and_sns(world: World) -> None:
    logs, cloudwatch, sns = (world.client(s, world.security) for s in ("logs", "cloudwatch", "sns"))
    logs.create_log_group(logGroupName="watched", tags={"a": "b"})
    logs.put_retention_policy(logGroupName="watched", retentionInDays=365)
    group = logs.describe_log_groups(logGroupNamePrefix="watched")["logGroups"][0]
    assert group["retentionInDays"] == 365 and group["arn"].endswith(":log-group:watched:*")
    logs.put_metric_filter(logGroupName="watched", filterName="f", filterPattern='{ $.errorCode = "*Denied*" }',
                           metricTransformations=[{"metricName": "m", "metricNamespace": "n", "metricValue": "1"}])
    assert logs.describe_metric_filters(logGroupName="watched")["metricFilters"][0]["filterPattern"].startswith("{ $.err")
    topic = sns.create_topic(Name="alerts", Tags=[{"Key": "a", "Value": "b"}])["TopicArn"]
    assert topic == f"arn:aws:sns:{HOME_REGION}:{world.security}:alerts"
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="a@example.com")
    found = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert [s["SubscriptionArn"] for s in found] == ["PendingConfirmation"]
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["TopicArn"] == topic
    assert sns.list_tags_for_resource(ResourceArn=topic)["Tags"] == [{"Key": "a", "Value": "b"}]
    cloudwatch.put_metric_alarm(AlarmName="denied", Namespace="n", MetricName="m", Statistic="Sum", Period=300, Threshold=1,
                                EvaluationPeriods=1, ComparisonOperator="GreaterThanOrEqualToThreshold",
                                TreatMissingData="notBreaching", AlarmActions=[topic])
    alarm = cloudwatch.describe_alarms(AlarmNames=["denied"])["MetricAlarms"][0]
    assert (alarm["TreatMissingData"], alarm["AlarmActions"], alarm["Threshold"]) == ("notBreaching", [topic], 1.0)
    cloudwatch.delete_alarms(AlarmNames=["denied"])
    assert not cloudwatch.describe_alarms(AlarmNames=["denied"])["MetricAlarms"]


def test_kms(world: World) -> None:
    kms = world.client("kms", world.log)
    key = kms.create_key(Description="logs", Tags=[{"TagKey": "a", "TagValue": "b"}])["KeyMetadata"]
    kms.create_alias(AliasName="alias/logs", TargetKeyId=key["KeyId"])
    kms.enable_key_rotation(KeyId=key["KeyId"], RotationPeriodInDays=180)
    status = kms.get_key_rotation_status(KeyId=key["KeyId"])
    assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 180)
    assert kms.describe_key(KeyId="alias/logs")["KeyMetadata"]["Arn"] == key["Arn"]
    policy = json.loads(kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"])
    policy["Statement"].append({"Sid": "More", "Effect": "Allow", "Action": "kms:Encrypt", "Resource": "*",
                                "Principal": {"Service": "cloudtrail.amazonaws.com"}})
    kms.put_key_policy(KeyId=key["KeyId"], PolicyName="default", Policy=json.dumps(policy))
    assert json.loads(kms.get_key_policy(KeyId=key["KeyId"])["Policy"]) == policy
    assert kms.list_resource_tags(KeyId=key["KeyId"])["Tags"] == [{"TagKey": "a", "TagValue": "b"}]
    assert kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)["KeyState"] == "PendingDeletion"


def test_s3_and_s3control(world: World) -> None:
    s3, control = world.client("s3", world.log), world.client("s3control", world.log)
    bucket = f"contract-{world.log}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": HOME_REGION})
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256", "the default since 2023"
    assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    rule = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 30}}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"][0]["Expiration"] == {"Days": 30}
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:*",
              "Resource": f"arn:aws:s3:::{bucket}/*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]) == policy
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "a", "Value": "b"}]
    s3.put_object(Bucket=bucket, Key="folder/öbject one", Body=b"text")
    assert s3.get_object(Bucket=bucket, Key="folder/öbject one")["Body"].read() == b"text"
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["folder/öbject one"]
    assert bucket in [b["Name"] for b in s3.list_buckets()["Buckets"]]
    block = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": False}
    control.put_public_access_block(AccountId=world.log, PublicAccessBlockConfiguration=block)
    assert control.get_public_access_block(AccountId=world.log)["PublicAccessBlockConfiguration"] == block


def test_cloudtrail(world: World) -> None:
    cloudtrail, s3 = world.client("cloudtrail", world.security), world.client("s3", world.security)
    bucket = f"trail-{world.security}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": HOME_REGION})
    service = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {**service, "Action": "s3:GetBucketAcl", "Resource": f"arn:aws:s3:::{bucket}"},
        {**service, "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/AWSLogs/{world.security}/*",
         "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}}]}))
    trail = cloudtrail.create_trail(Name="mine", S3BucketName=bucket, IsMultiRegionTrail=True, EnableLogFileValidation=True,
                                    TagsList=[{"Key": "a", "Value": "b"}])
    cloudtrail.start_logging(Name="mine")
    assert cloudtrail.get_trail_status(Name=trail["TrailARN"])["IsLogging"] is True
    cloudtrail.put_event_selectors(TrailName="mine", AdvancedEventSelectors=[
        {"Name": "management", "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]}])
    assert cloudtrail.get_event_selectors(TrailName="mine")["AdvancedEventSelectors"][0]["Name"] == "management"
    shadow = world.client("cloudtrail", world.security, "us-east-1").describe_trails()["trailList"]
    assert [t["TrailARN"] for t in shadow] == [trail["TrailARN"]], "a multi-region trail is seen in every region"
    tags = cloudtrail.list_tags(ResourceIdList=[trail["TrailARN"]])["ResourceTagList"][0]["TagsList"]
    assert tags == [{"Key": "a", "Value": "b"}]
    cloudtrail.update_trail(Name="mine", EnableLogFileValidation=False)
    assert cloudtrail.get_trail(Name="mine")["Trail"]["IsMultiRegionTrail"] is True, "an update changes only what it names"


def test_account(world: World) -> None:
    account = world.client("account", world.security, "us-east-1")
    contact = {"AlternateContactType": "SECURITY", "EmailAddress": "sec@example.com", "Name": "Sec", "PhoneNumber": "+1 555",
               "Title": "CISO"}
    account.put_alternate_contact(**contact)
    assert account.get_alternate_contact(AlternateContactType="SECURITY")["AlternateContact"] == contact
    regions = [r for page in account.get_paginator("list_regions").paginate() for r in page["Regions"]]
    assert {"RegionName": HOME_REGION, "RegionOptStatus": "ENABLED_BY_DEFAULT"} in regions


ADMINISTRATORS: list[tuple[str, str, str, str, str]] = [
    # service, call, argument, list call, member of the answer
    ("guardduty", "enable_organization_admin_account", "AdminAccountId", "list_organization_admin_accounts", "AdminAccounts"),
    ("securityhub", "enable_organization_admin_account", "AdminAccountId", "list_organization_admin_accounts", "AdminAccounts"),
    ("macie2", "enable_organization_admin_account", "adminAccountId", "list_organization_admin_accounts", "adminAccounts"),
    ("inspector2", "enable_delegated_admin_account", "delegatedAdminAccountId", "list_delegated_admin_accounts",
     "delegatedAdminAccounts"),
    ("detective", "enable_organization_admin_account", "AccountId", "list_organization_admin_accounts", "Administrators"),
    ("auditmanager", "register_organization_admin_account", "adminAccountId", "get_organization_admin_account", "adminAccountId"),
    ("fms", "associate_admin_account", "AdminAccount", "get_admin_account", "AdminAccount"),
]


@pytest.mark.parametrize(("service", "call", "argument", "read", "member"), ADMINISTRATORS, ids=[a[0] for a in ADMINISTRATORS])
def test_administrators(world: World, service: str, call: str, argument: str, read: str, member: str) -> None:
    client = world.client(service, region="us-east-1")
    getattr(client, call)(**{argument: world.security})
    assert world.security in str(getattr(client, read)()[member])


def test_what_was_judged(world: World) -> None:
    """Runs last: the tests above have sent what they claim."""
    judged = {name.partition(":")[0] for name in world.judge.judged}
    assert judged >= {"organizations", "sts", "iam", "cloudtrail", "logs", "cloudwatch", "sns", "kms", "s3", "s3control",
                      "account", *(a[0] for a in ADMINISTRATORS)}
    assert len(world.judge.judged) >= 80, len(world.judge.judged)
