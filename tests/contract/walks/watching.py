"""CloudTrail, CloudWatch, its logs, SNS, Systems Manager, EventBridge Scheduler, Identity Center."""

from __future__ import annotations

import json

from harness import HOME_REGION

from . import Caller

TAGS = [{"Key": "team", "Value": "blue"}]
SERVICE = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}}


def role(c: Caller, account: str, service: str) -> str:
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    made = c("iam", account).create_role(RoleName=f"for-{service}", AssumeRolePolicyDocument=json.dumps(trust))
    return made["Role"]["Arn"]


def trails(c: Caller) -> None:
    cloudtrail, s3, bucket = c("cloudtrail", c.log), c("s3", c.log), f"trail-{c.log}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": HOME_REGION})
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {**SERVICE, "Action": "s3:GetBucketAcl", "Resource": f"arn:aws:s3:::{bucket}"},
        {**SERVICE, "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/AWSLogs/{c.log}/*"}]}))
    arn = cloudtrail.create_trail(Name="walk", S3BucketName=bucket)["TrailARN"]
    cloudtrail.add_tags(ResourceId=arn, TagsList=TAGS)
    assert cloudtrail.list_tags(ResourceIdList=[arn])["ResourceTagList"][0]["TagsList"] == TAGS
    cloudtrail.remove_tags(ResourceId=arn, TagsList=TAGS)
    cloudtrail.start_logging(Name="walk")
    cloudtrail.update_trail(Name="walk", EnableLogFileValidation=True)
    assert cloudtrail.get_trail(Name="walk")["Trail"]["LogFileValidationEnabled"] is True
    cloudtrail.stop_logging(Name="walk")
    cloudtrail.list_trails()
    cloudtrail.delete_trail(Name="walk")
    events = cloudtrail.lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateTrail"}])
    assert json.loads(events["Events"][0]["CloudTrailEvent"])["requestParameters"]
    central = c("cloudtrail")
    c("organizations").enable_aws_service_access(ServicePrincipal="cloudtrail.amazonaws.com")
    central.register_organization_delegated_admin(MemberAccountId=c.security)
    central.deregister_organization_delegated_admin(DelegatedAdminAccountId=c.security)


def alarms(c: Caller) -> None:
    cloudwatch = c("cloudwatch", c.log)
    cloudwatch.put_metric_alarm(AlarmName="walk", Namespace="n", MetricName="m", Statistic="Sum", Period=60, Threshold=1,
                                EvaluationPeriods=1, ComparisonOperator="GreaterThanThreshold")
    arn = cloudwatch.describe_alarms()["MetricAlarms"][0]["AlarmArn"]
    cloudwatch.tag_resource(ResourceARN=arn, Tags=TAGS)
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == TAGS
    cloudwatch.disable_alarm_actions(AlarmNames=["walk"])
    cloudwatch.set_alarm_state(AlarmName="walk", StateValue="OK", StateReason="-")
    cloudwatch.delete_alarms(AlarmNames=["walk"])


def log_groups(c: Caller) -> None:
    logs = c("logs", c.log)
    logs.create_log_group(logGroupName="walk")
    logs.put_retention_policy(logGroupName="walk", retentionInDays=30)
    logs.delete_retention_policy(logGroupName="walk")
    metric = [{"metricName": "m", "metricNamespace": "n", "metricValue": "1"}]
    logs.put_metric_filter(logGroupName="walk", filterName="f", filterPattern="ERROR", metricTransformations=metric)
    logs.delete_metric_filter(logGroupName="walk", filterName="f")
    arn = f"arn:aws:logs:{HOME_REGION}:{c.log}:log-group:walk"
    logs.tag_resource(resourceArn=arn, tags={"a": "b"})
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "b"}
    logs.put_resource_policy(policyName="dns", policyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "route53.amazonaws.com"}, "Action": "logs:PutLogEvents", "Resource": "*"}]}))
    assert logs.describe_resource_policies()["resourcePolicies"][0]["policyName"] == "dns"
    stream = f"arn:aws:firehose:{HOME_REGION}:{c.log}:deliverystream/logs"
    logs.put_subscription_filter(logGroupName="walk", filterName="s", filterPattern="", destinationArn=stream,
                                 roleArn=role(c, c.log, "logs"))
    logs.delete_subscription_filter(logGroupName="walk", filterName="s")
    key = c("kms", c.log).create_key()["KeyMetadata"]
    policy = json.loads(c("kms", c.log).get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"])
    policy["Statement"].append({"Effect": "Allow", "Principal": {"Service": f"logs.{HOME_REGION}.amazonaws.com"},
                                "Action": ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*",
                                           "kms:Describe*"], "Resource": "*"})
    c("kms", c.log).put_key_policy(KeyId=key["KeyId"], PolicyName="default", Policy=json.dumps(policy))
    logs.associate_kms_key(logGroupName="walk", kmsKeyId=key["Arn"])
    logs.disassociate_kms_key(logGroupName="walk")
    masked = {"Name": "walk", "Version": "2021-06-01", "Statement": [
        {"Sid": "audit", "DataIdentifier": ["arn:aws:dataprotection::aws:data-identifier/EmailAddress"],
         "Operation": {"Audit": {"FindingsDestination": {}}}},
        {"Sid": "mask", "DataIdentifier": ["arn:aws:dataprotection::aws:data-identifier/EmailAddress"],
         "Operation": {"Deidentify": {"MaskConfig": {}}}}]}
    logs.put_account_policy(policyName="walk", policyType="DATA_PROTECTION_POLICY", policyDocument=json.dumps(masked))
    logs.delete_log_group(logGroupName="walk")


def topics(c: Caller) -> None:
    sns = c("sns", c.log)
    topic = sns.create_topic(Name="walk")["TopicArn"]
    sns.tag_resource(ResourceArn=topic, Tags=TAGS)
    sns.add_permission(TopicArn=topic, Label="mine", AWSAccountId=[c.security], ActionName=["Publish"])
    sns.remove_permission(TopicArn=topic, Label="mine")
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="walk@example.com")
    arn = sns.confirm_subscription(TopicArn=topic, Token="walk@example.com")["SubscriptionArn"]
    assert sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]["Protocol"] == "email"
    assert [s["SubscriptionArn"] for s in sns.list_subscriptions()["Subscriptions"]] == [arn]
    sns.unsubscribe(SubscriptionArn=arn)
    assert sns.publish(TopicArn=topic, Message="m")["MessageId"]
    assert topic in [t["TopicArn"] for t in sns.list_topics()["Topics"]]
    sns.delete_topic(TopicArn=topic)


def documents(c: Caller) -> None:
    ssm = c("ssm", c.log)
    content = {"schemaVersion": "1.0", "description": "walk", "sessionType": "Standard_Stream",
               "inputs": {"s3BucketName": "", "cloudWatchLogGroupName": ""}}
    ssm.create_document(Name="Walk", DocumentType="Session", DocumentFormat="JSON", Content=json.dumps(content))
    content["description"] = "changed"
    version = ssm.update_document(Name="Walk", Content=json.dumps(content), DocumentVersion="$LATEST")["DocumentDescription"]
    ssm.update_document_default_version(Name="Walk", DocumentVersion=version["DocumentVersion"])
    assert ssm.describe_document(Name="Walk")["Document"]["DefaultVersion"] == version["DocumentVersion"]
    assert json.loads(ssm.get_document(Name="Walk")["Content"]) == content
    ssm.list_documents(Filters=[{"Key": "Owner", "Values": ["Self"]}])
    ssm.modify_document_permission(Name="Walk", PermissionType="Share", AccountIdsToAdd=[c.security])
    assert ssm.describe_document_permission(Name="Walk", PermissionType="Share")["AccountIds"] == [c.security]
    ssm.modify_document_permission(Name="Walk", PermissionType="Share", AccountIdsToRemove=[c.security])
    ssm.delete_document(Name="Walk")
    setting = "/ssm/documents/console/public-sharing-permission"
    ssm.update_service_setting(SettingId=setting, SettingValue="Disable")
    assert ssm.get_service_setting(SettingId=setting)["ServiceSetting"]["SettingValue"] == "Disable"
    ssm.reset_service_setting(SettingId=setting)


def schedules(c: Caller) -> None:
    scheduler = c("scheduler", c.log)
    arn = scheduler.create_schedule_group(Name="walk")["ScheduleGroupArn"]
    scheduler.tag_resource(ResourceArn=arn, Tags=TAGS)
    assert scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"] == TAGS
    scheduler.untag_resource(ResourceArn=arn, TagKeys=["team"])
    assert scheduler.get_schedule_group(Name="walk")["State"] == "ACTIVE"
    assert scheduler.list_schedule_groups()["ScheduleGroups"]
    target = {"Arn": f"arn:aws:lambda:{HOME_REGION}:{c.log}:function:f", "RoleArn": role(c, c.log, "scheduler")}
    schedule = {"Name": "daily", "GroupName": "walk", "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": target}
    scheduler.create_schedule(**schedule, ScheduleExpression="rate(1 days)")
    scheduler.update_schedule(**schedule, ScheduleExpression="rate(2 days)")
    assert scheduler.get_schedule(Name="daily", GroupName="walk")["ScheduleExpression"] == "rate(2 days)"
    scheduler.list_schedules()
    scheduler.delete_schedule(Name="daily", GroupName="walk")
    scheduler.delete_schedule_group(Name="walk")


def identity_center(c: Caller) -> None:
    sso = c("sso-admin", c.log)
    sso.create_instance(Name="walk")
    assert sso.list_instances()["Instances"]


WALKS = [trails, alarms, log_groups, topics, documents, schedules, identity_center]
