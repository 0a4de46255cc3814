"""Requests that are sent to the sandbox and to moto, in this order."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Request:
    """`{root}`, `{log}`, `{security}`, `{management}` and what earlier requests keep stand for ids."""

    name: str
    service: str
    operation: str
    input: dict[str, Any] = field(default_factory=dict)
    account: str | None = "log"
    keep: dict[str, str] = field(default_factory=dict)
    region: str = "eu-west-1"


def organization(name: str, operation: str, keep: dict[str, str] | None = None, /, **given: Any) -> Request:
    return Request(name, "organizations", operation, given, None, keep or {}, "us-east-1")


def log(name: str, call: str, keep: dict[str, str] | None = None, /, **given: Any) -> Request:
    """A call in the log account; `call` is `service.operation`."""
    service, _, operation = call.partition(".")
    return Request(name, service, operation, given, "log", keep or {})


DENY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "gamelift:*", "Resource": "*"}]})
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
ALLOW = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]})
BUCKET = {"Bucket": "compare-{log}"}
TRAIL_POLICY = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:GetBucketAcl",
     "Resource": "arn:aws:s3:::compare-{log}"},
    {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:PutObject",
     "Resource": "arn:aws:s3:::compare-{log}/AWSLogs/{log}/*"}]})
ALARM = {"AlarmName": "a", "Namespace": "n", "MetricName": "m", "Statistic": "Sum", "Period": 300, "EvaluationPeriods": 1,
         "Threshold": 1.0, "ComparisonOperator": "GreaterThanOrEqualToThreshold", "TreatMissingData": "notBreaching"}
CONTACT = {"AlternateContactType": "SECURITY", "EmailAddress": "s@example.com", "Name": "S", "PhoneNumber": "+1 555",
           "Title": "T"}
FILTER = {"logGroupName": "g", "filterName": "f"}
METRIC = [{"metricName": "m", "metricNamespace": "n", "metricValue": "1"}]
BLOCK = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}

REQUESTS = [
    organization("organization", "describe_organization"),
    organization("roots", "list_roots"),
    organization("new OU", "create_organizational_unit", {"ou": "OrganizationalUnit.Id"}, ParentId="{root}", Name="A"),
    organization("an OU", "describe_organizational_unit", OrganizationalUnitId="{ou}"),
    organization("OUs", "list_organizational_units_for_parent", ParentId="{root}"),
    organization("OU renamed", "update_organizational_unit", OrganizationalUnitId="{ou}", Name="B"),
    organization("unknown OU", "describe_organizational_unit", OrganizationalUnitId="ou-zzzz-zzzzzzzz"),
    organization("an account", "describe_account", AccountId="{log}"),
    organization("unknown account", "describe_account", AccountId="999999999999"),
    organization("move", "move_account", AccountId="{security}", SourceParentId="{root}", DestinationParentId="{ou}"),
    organization("parents", "list_parents", ChildId="{security}"),
    organization("children", "list_children", ParentId="{ou}", ChildType="ACCOUNT"),
    organization("accounts of an OU", "list_accounts_for_parent", ParentId="{ou}"),
    organization("type on", "enable_policy_type", RootId="{root}", PolicyType="SERVICE_CONTROL_POLICY"),
    organization("type on twice", "enable_policy_type", RootId="{root}", PolicyType="SERVICE_CONTROL_POLICY"),
    organization("new policy", "create_policy", {"policy": "Policy.PolicySummary.Id"}, Name="p", Description="d",
                 Type="SERVICE_CONTROL_POLICY", Content=DENY),
    organization("policy twice", "create_policy", Name="p", Description="d", Type="SERVICE_CONTROL_POLICY", Content=DENY),
    organization("a policy", "describe_policy", PolicyId="{policy}"),
    organization("unknown policy", "describe_policy", PolicyId="p-zzzzzzzz"),
    organization("policies", "list_policies", Filter="SERVICE_CONTROL_POLICY"),
    organization("attached", "attach_policy", PolicyId="{policy}", TargetId="{ou}"),
    organization("attached twice", "attach_policy", PolicyId="{policy}", TargetId="{ou}"),
    organization("targets", "list_targets_for_policy", PolicyId="{policy}"),
    organization("policies of an OU", "list_policies_for_target", TargetId="{ou}", Filter="SERVICE_CONTROL_POLICY"),
    organization("attached policy is deleted", "delete_policy", PolicyId="{policy}"),
    organization("detached", "detach_policy", PolicyId="{policy}", TargetId="{ou}"),
    organization("detached twice", "detach_policy", PolicyId="{policy}", TargetId="{ou}"),
    organization("policy changed", "update_policy", PolicyId="{policy}", Description="e"),
    organization("policy deleted", "delete_policy", PolicyId="{policy}"),
    organization("tagged", "tag_resource", ResourceId="{security}", Tags=[{"Key": "a", "Value": "b"}]),
    organization("tags", "list_tags_for_resource", ResourceId="{security}"),
    organization("access on", "enable_aws_service_access", ServicePrincipal="ssm.amazonaws.com"),
    organization("access", "list_aws_service_access_for_organization"),
    organization("administrator", "register_delegated_administrator", AccountId="{security}",
                 ServicePrincipal="ssm.amazonaws.com"),
    organization("administrator twice", "register_delegated_administrator", AccountId="{security}",
                 ServicePrincipal="ssm.amazonaws.com"),
    organization("administrators", "list_delegated_administrators", ServicePrincipal="ssm.amazonaws.com"),
    organization("delegated services", "list_delegated_services_for_account", AccountId="{security}"),
    organization("administrator no more", "deregister_delegated_administrator", AccountId="{security}",
                 ServicePrincipal="ssm.amazonaws.com"),
    log("who", "sts.get_caller_identity"),
    log("no password policy", "iam.get_account_password_policy"),
    log("password policy put", "iam.update_account_password_policy", MinimumPasswordLength=14, RequireSymbols=True),
    log("password policy", "iam.get_account_password_policy"),
    log("new role", "iam.create_role", RoleName="r", AssumeRolePolicyDocument=TRUST, Description="d"),
    log("role twice", "iam.create_role", RoleName="r", AssumeRolePolicyDocument=TRUST),
    log("a role", "iam.get_role", RoleName="r"),
    log("unknown role", "iam.get_role", RoleName="nobody"),
    log("inline policy put", "iam.put_role_policy", RoleName="r", PolicyName="p", PolicyDocument=ALLOW),
    log("inline policy", "iam.get_role_policy", RoleName="r", PolicyName="p"),
    log("inline policies", "iam.list_role_policies", RoleName="r"),
    log("unknown inline policy", "iam.get_role_policy", RoleName="r", PolicyName="none"),
    log("new bucket", "s3.create_bucket", **BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}),
    log("bucket twice", "s3.create_bucket", **BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}),
    log("location", "s3.get_bucket_location", **BUCKET),
    log("no versioning", "s3.get_bucket_versioning", **BUCKET),
    log("versioning put", "s3.put_bucket_versioning", **BUCKET, VersioningConfiguration={"Status": "Enabled"}),
    log("versioning", "s3.get_bucket_versioning", **BUCKET),
    log("default encryption", "s3.get_bucket_encryption", **BUCKET),
    log("default public access block", "s3.get_public_access_block", **BUCKET),
    log("default ownership", "s3.get_bucket_ownership_controls", **BUCKET),
    log("no bucket policy", "s3.get_bucket_policy", **BUCKET),
    log("bucket policy put", "s3.put_bucket_policy", **BUCKET, Policy=TRAIL_POLICY),
    log("bucket policy", "s3.get_bucket_policy", **BUCKET),
    log("no lifecycle", "s3.get_bucket_lifecycle_configuration", **BUCKET),
    log("lifecycle put", "s3.put_bucket_lifecycle_configuration", **BUCKET, LifecycleConfiguration={"Rules": [
        {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 30}}]}),
    log("lifecycle", "s3.get_bucket_lifecycle_configuration", **BUCKET),
    log("no bucket tags", "s3.get_bucket_tagging", **BUCKET),
    log("no object lock", "s3.get_object_lock_configuration", **BUCKET),
    log("no logging", "s3.get_bucket_logging", **BUCKET),
    log("unknown bucket", "s3.get_bucket_versioning", Bucket="nothing-of-the-kind-{log}"),
    log("no account block", "s3control.get_public_access_block", AccountId="{log}"),
    log("account block put", "s3control.put_public_access_block", AccountId="{log}", PublicAccessBlockConfiguration=BLOCK),
    log("account block", "s3control.get_public_access_block", AccountId="{log}"),
    log("new key", "kms.create_key", {"key": "KeyMetadata.KeyId"}, Description="d"),
    log("a key", "kms.describe_key", KeyId="{key}"),
    log("unknown key", "kms.describe_key", KeyId="alias/none"),
    log("key policy", "kms.get_key_policy", KeyId="{key}", PolicyName="default"),
    log("rotation off", "kms.get_key_rotation_status", KeyId="{key}"),
    log("rotation put", "kms.enable_key_rotation", KeyId="{key}"),
    log("rotation on", "kms.get_key_rotation_status", KeyId="{key}"),
    log("new alias", "kms.create_alias", AliasName="alias/x", TargetKeyId="{key}"),
    log("alias twice", "kms.create_alias", AliasName="alias/x", TargetKeyId="{key}"),
    log("new trail", "cloudtrail.create_trail", Name="trail", S3BucketName="compare-{log}", IsMultiRegionTrail=True),
    log("trail twice", "cloudtrail.create_trail", Name="trail", S3BucketName="compare-{log}"),
    log("trails", "cloudtrail.describe_trails"),
    log("not logging", "cloudtrail.get_trail_status", Name="trail"),
    log("logging put", "cloudtrail.start_logging", Name="trail"),
    log("event selectors", "cloudtrail.get_event_selectors", TrailName="trail"),
    log("trail changed", "cloudtrail.update_trail", Name="trail", EnableLogFileValidation=True),
    log("unknown trail", "cloudtrail.get_trail_status", Name="none"),
    log("new log group", "logs.create_log_group", logGroupName="g"),
    log("log group twice", "logs.create_log_group", logGroupName="g"),
    log("retention put", "logs.put_retention_policy", logGroupName="g", retentionInDays=365),
    log("log groups", "logs.describe_log_groups", logGroupNamePrefix="g"),
    log("filter put", "logs.put_metric_filter", **FILTER, filterPattern="ERROR", metricTransformations=METRIC),
    log("filters", "logs.describe_metric_filters", logGroupName="g"),
    log("unknown log group", "logs.put_retention_policy", logGroupName="none", retentionInDays=365),
    log("alarm put", "cloudwatch.put_metric_alarm", **ALARM),
    log("alarms", "cloudwatch.describe_alarms", AlarmNames=["a"]),
    log("new topic", "sns.create_topic", {"topic": "TopicArn"}, Name="t"),
    log("topic twice", "sns.create_topic", Name="t"),
    log("topic", "sns.get_topic_attributes", TopicArn="{topic}"),
    log("subscribed", "sns.subscribe", TopicArn="{topic}", Protocol="email", Endpoint="a@example.com"),
    log("subscriptions", "sns.list_subscriptions_by_topic", TopicArn="{topic}"),
    log("unknown topic", "sns.get_topic_attributes", TopicArn="arn:aws:sns:eu-west-1:{log}:none"),
    log("no contact", "account.get_alternate_contact", AlternateContactType="SECURITY"),
    log("contact put", "account.put_alternate_contact", **CONTACT),
    log("contact", "account.get_alternate_contact", AlternateContactType="SECURITY"),
]
