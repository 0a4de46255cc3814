"""Services that a delegated administrator runs for the organization: named, configured, its members, and taken away."""

from __future__ import annotations

import json

from harness import HOME_REGION

from . import Caller

TAGS = {"team": "blue"}


def guardduty(c: Caller) -> None:
    g, security = c("guardduty"), c("guardduty", c.security)
    g.enable_organization_admin_account(AdminAccountId=c.security)
    [detector] = security.list_detectors()["DetectorIds"]
    arn = f"arn:aws:guardduty:{HOME_REGION}:{c.security}:detector/{detector}"
    security.tag_resource(ResourceArn=arn, Tags=TAGS)
    assert security.list_tags_for_resource(ResourceArn=arn)["Tags"] == TAGS
    security.untag_resource(ResourceArn=arn, TagKeys=["team"])
    emails = {a["Id"]: a["Email"] for a in c("organizations").list_accounts()["Accounts"]}
    made = security.create_members(DetectorId=detector, AccountDetails=[
        {"AccountId": account, "Email": emails[account]} for account in (c.log, c.members[0])])
    assert made["UnprocessedAccounts"] == []
    of = {"DetectorId": detector, "AccountIds": [c.log]}
    assert security.get_members(**of)["Members"][0]["AccountId"] == c.log
    security.update_member_detectors(**of, Features=[{"Name": "S3_DATA_EVENTS", "Status": "ENABLED"}])
    assert security.get_member_detectors(**of)["MemberDataSourceConfigurations"]
    security.stop_monitoring_members(**of)
    security.start_monitoring_members(**of)
    member = c("guardduty", c.log)
    [own] = member.list_detectors()["DetectorIds"]
    assert member.get_administrator_account(DetectorId=own)["Administrator"]["AccountId"] == c.security
    member.disassociate_from_administrator_account(DetectorId=own)
    assert security.delete_members(**of)["UnprocessedAccounts"] == []
    member.delete_detector(DetectorId=own)
    assert member.create_detector(Enable=True)["DetectorId"] != own
    export(c, detector)
    others = {"DetectorId": detector, "AccountIds": [c.members[0]]}
    security.disassociate_members(**others)
    security.delete_members(**others)
    g.disable_organization_admin_account(AdminAccountId=c.security)
    assert g.list_organization_admin_accounts()["AdminAccounts"] == []


def export(c: Caller, detector: str) -> None:
    """Of findings, to a bucket and a key whose policies let GuardDuty in."""
    security, s3, kms, bucket = c("guardduty", c.security), c("s3", c.security), c("kms", c.security), f"findings-{c.security}"
    service = {"Effect": "Allow", "Principal": {"Service": "guardduty.amazonaws.com"}}
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": HOME_REGION})
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {**service, "Action": "s3:GetBucketLocation", "Resource": f"arn:aws:s3:::{bucket}"},
        {**service, "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*"}]}))
    key = kms.create_key()["KeyMetadata"]
    policy = json.loads(kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"])
    policy["Statement"].append({**service, "Action": "kms:GenerateDataKey", "Resource": "*"})
    kms.put_key_policy(KeyId=key["KeyId"], PolicyName="default", Policy=json.dumps(policy))
    where = {"DestinationArn": f"arn:aws:s3:::{bucket}", "KmsKeyArn": key["Arn"]}
    made = security.create_publishing_destination(DetectorId=detector, DestinationType="S3", DestinationProperties=where)
    of = {"DetectorId": detector, "DestinationId": made["DestinationId"]}
    security.update_publishing_destination(**of, DestinationProperties=where)
    assert security.describe_publishing_destination(**of)["DestinationProperties"] == where
    security.delete_publishing_destination(**of)


def securityhub(c: Caller) -> None:
    h, security = c("securityhub"), c("securityhub", c.security)
    h.enable_organization_admin_account(AdminAccountId=c.security)
    hub = security.describe_hub()["HubArn"]
    security.tag_resource(ResourceArn=hub, Tags=TAGS)
    assert security.list_tags_for_resource(ResourceArn=hub)["Tags"] == TAGS
    security.untag_resource(ResourceArn=hub, TagKeys=["team"])
    security.update_security_hub_configuration(AutoEnableControls=False)
    standard = security.describe_standards()["Standards"][0]["StandardsArn"]
    made = security.batch_enable_standards(StandardsSubscriptionRequests=[{"StandardsArn": standard}])
    subscription = made["StandardsSubscriptions"][0]["StandardsSubscriptionArn"]
    assert security.get_enabled_standards()["StandardsSubscriptions"]
    security.batch_disable_standards(StandardsSubscriptionArns=[subscription])
    assert security.create_members(AccountDetails=[{"AccountId": c.log}])["UnprocessedAccounts"] == []
    assert c.log in [m["AccountId"] for m in security.list_members()["Members"]]
    assert security.get_members(AccountIds=[c.log])["Members"]
    member = c("securityhub", c.log)
    assert member.get_administrator_account()["Administrator"]["AccountId"] == c.security
    security.disassociate_members(AccountIds=[c.log])
    security.delete_members(AccountIds=[c.log])
    member.disable_security_hub()
    product = f"arn:aws:securityhub:{HOME_REGION}::product/prowler/prowler"
    enabled = security.enable_import_findings_for_product(ProductArn=product)["ProductSubscriptionArn"]
    assert enabled in security.list_enabled_products_for_import()["ProductSubscriptions"]
    security.disable_import_findings_for_product(ProductSubscriptionArn=enabled)
    central_configuration(c)


def central_configuration(c: Caller) -> None:
    security = c("securityhub", c.security)
    aggregator = security.create_finding_aggregator(RegionLinkingMode="ALL_REGIONS")["FindingAggregatorArn"]
    security.update_finding_aggregator(FindingAggregatorArn=aggregator, RegionLinkingMode="SPECIFIED_REGIONS",
                                       Regions=["us-east-1", "ap-south-1"])
    assert security.get_finding_aggregator(FindingAggregatorArn=aggregator)["Regions"]
    security.update_organization_configuration(AutoEnable=False, AutoEnableStandards="NONE",
                                               OrganizationConfiguration={"ConfigurationType": "CENTRAL"})
    hub = {"SecurityHub": {"ServiceEnabled": True, "EnabledStandardIdentifiers": [],
                           "SecurityControlsConfiguration": {"DisabledSecurityControlIdentifiers": []}}}
    policy = security.create_configuration_policy(Name="walk", ConfigurationPolicy=hub)["Id"]
    security.update_configuration_policy(Identifier=policy, Description="changed")
    target = {"AccountId": c.members[0]}
    security.start_configuration_policy_association(ConfigurationPolicyIdentifier=policy, Target=target)
    assert security.get_configuration_policy_association(Target=target)["ConfigurationPolicyId"] == policy
    assert security.batch_get_configuration_policy_associations(
        ConfigurationPolicyAssociationIdentifiers=[{"Target": target}])["ConfigurationPolicyAssociations"]
    security.start_configuration_policy_disassociation(ConfigurationPolicyIdentifier=policy, Target=target)
    security.delete_configuration_policy(Identifier=policy)
    security.update_organization_configuration(AutoEnable=False, AutoEnableStandards="NONE",
                                               OrganizationConfiguration={"ConfigurationType": "LOCAL"})
    security.delete_finding_aggregator(FindingAggregatorArn=aggregator)
    c("securityhub").disable_organization_admin_account(AdminAccountId=c.security)


def macie(c: Caller) -> None:
    m, security = c("macie2"), c("macie2", c.security)
    m.enable_organization_admin_account(adminAccountId=c.security)
    security.put_findings_publication_configuration(
        securityHubConfiguration={"publishClassificationFindings": True, "publishPolicyFindings": True})
    assert security.get_findings_publication_configuration()["securityHubConfiguration"]["publishPolicyFindings"] is True
    emails = {a["Id"]: a["Email"] for a in c("organizations").list_accounts()["Accounts"]}
    security.create_member(account={"accountId": c.log, "email": emails[c.log]})
    assert security.get_member(id=c.log)["relationshipStatus"] == "Enabled"
    member = c("macie2", c.log)
    assert member.get_administrator_account()["administrator"]["accountId"] == c.security
    security.update_member_session(id=c.log, status="PAUSED")
    security.disassociate_member(id=c.log)
    security.delete_member(id=c.log)
    own = c("macie2", c.members[0])
    own.enable_macie()
    own.disable_macie()
    m.disable_organization_admin_account(adminAccountId=c.security)


def detective(c: Caller) -> None:
    d, security = c("detective"), c("detective", c.security)
    d.enable_organization_admin_account(AccountId=c.security)
    [graph] = [g["Arn"] for g in security.list_graphs()["GraphList"]]
    security.tag_resource(ResourceArn=graph, Tags=TAGS)
    assert security.list_tags_for_resource(ResourceArn=graph)["Tags"] == TAGS
    emails = {a["Id"]: a["Email"] for a in c("organizations").list_accounts()["Accounts"]}
    made = security.create_members(GraphArn=graph, Accounts=[{"AccountId": c.log, "EmailAddress": emails[c.log]}])
    assert made["UnprocessedAccounts"] == []
    assert security.get_members(GraphArn=graph, AccountIds=[c.log])["MemberDetails"][0]["AccountId"] == c.log
    security.delete_members(GraphArn=graph, AccountIds=[c.log])
    d.disable_organization_admin_account()
    own = c("detective", c.members[0])
    own.delete_graph(GraphArn=own.create_graph()["GraphArn"])


def inspector(c: Caller) -> None:
    i, security = c("inspector2"), c("inspector2", c.security)
    i.enable_delegated_admin_account(delegatedAdminAccountId=c.security)
    assert security.get_delegated_admin_account()["delegatedAdmin"]["accountId"] == c.security
    security.enable(resourceTypes=["EC2", "ECR"])
    security.update_configuration(ecrConfiguration={"rescanDuration": "DAYS_30"})
    security.associate_member(accountId=c.log)
    assert security.get_member(accountId=c.log)["member"]["accountId"] == c.log
    security.disassociate_member(accountId=c.log)
    security.disable(resourceTypes=["ECR"])
    security.list_coverage()
    security.list_findings()
    i.disable_delegated_admin_account(delegatedAdminAccountId=c.security)


def analyzers(c: Caller) -> None:
    a = c("accessanalyzer", c.log)
    arn = a.create_analyzer(analyzerName="walk", type="ACCOUNT", tags=TAGS)["arn"]
    a.tag_resource(resourceArn=arn, tags={"more": "1"})
    assert a.list_tags_for_resource(resourceArn=arn)["tags"] == {**TAGS, "more": "1"}
    a.untag_resource(resourceArn=arn, tagKeys=["more"])
    own = {"resourceType": {"eq": ["AWS::S3::Bucket"]}}
    a.create_archive_rule(analyzerName="walk", ruleName="r", filter=own)
    a.update_archive_rule(analyzerName="walk", ruleName="r", filter={"isPublic": {"eq": ["false"]}})
    assert a.get_archive_rule(analyzerName="walk", ruleName="r")["archiveRule"]["ruleName"] == "r"
    a.delete_archive_rule(analyzerName="walk", ruleName="r")
    a.list_findings(analyzerArn=arn)
    a.list_findings_v2(analyzerArn=arn)
    a.delete_analyzer(analyzerName="walk")
    unused = a.create_analyzer(analyzerName="unused", type="ACCOUNT_UNUSED_ACCESS",
                               configuration={"unusedAccess": {"unusedAccessAge": 90}})
    assert unused["arn"]
    a.update_analyzer(analyzerName="unused", configuration={"unusedAccess": {"unusedAccessAge": 90}})


def config(c: Caller) -> None:
    config, s3, bucket = c("config", c.members[1]), c("s3", c.members[1]), f"config-{c.members[1]}"
    role = c("iam", c.members[1]).create_service_linked_role(AWSServiceName="config.amazonaws.com")["Role"]["Arn"]
    service = {"Effect": "Allow", "Principal": {"Service": "config.amazonaws.com"}}
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": HOME_REGION})
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {**service, "Action": ["s3:GetBucketAcl", "s3:ListBucket"], "Resource": f"arn:aws:s3:::{bucket}"},
        {**service, "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*"}]}))
    config.put_configuration_recorder(ConfigurationRecorder={"name": "default", "roleARN": role})
    config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": bucket})
    config.start_configuration_recorder(ConfigurationRecorderName="default")
    assert config.describe_delivery_channel_status()["DeliveryChannelsStatus"]
    assert config.list_configuration_recorders()["ConfigurationRecorderSummaries"]
    config.put_retention_configuration(RetentionPeriodInDays=365)
    config.delete_retention_configuration(RetentionConfigurationName="default")
    config.stop_configuration_recorder(ConfigurationRecorderName="default")
    config.delete_delivery_channel(DeliveryChannelName="default")
    config.delete_configuration_recorder(ConfigurationRecorderName="default")
    arn = config.put_configuration_aggregator(ConfigurationAggregatorName="walk", AccountAggregationSources=[
        {"AccountIds": [c.members[1]], "AllAwsRegions": True}])["ConfigurationAggregator"]["ConfigurationAggregatorArn"]
    config.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}])
    assert config.list_tags_for_resource(ResourceArn=arn)["Tags"]
    config.untag_resource(ResourceArn=arn, TagKeys=["a"])
    config.delete_configuration_aggregator(ConfigurationAggregatorName="walk")
    config.put_service_linked_configuration_recorder(ServicePrincipal="securityhub.amazonaws.com")
    config.delete_service_linked_configuration_recorder(ServicePrincipal="securityhub.amazonaws.com")


def conformance_packs(c: Caller) -> None:
    c("organizations").enable_aws_service_access(ServicePrincipal="config-multiaccountsetup.amazonaws.com")
    config = c("config")
    config.put_organization_conformance_pack(OrganizationConformancePackName="walk", TemplateBody="Resources: {}")
    assert config.describe_organization_conformance_packs()["OrganizationConformancePacks"]
    assert config.describe_organization_conformance_pack_statuses()["OrganizationConformancePackStatuses"]
    config.delete_organization_conformance_pack(OrganizationConformancePackName="walk")


def switches(c: Caller) -> None:
    c("cloudformation").activate_organizations_access()
    assert c("cloudformation").describe_organizations_access()["Status"] == "ENABLED"
    c("ram").enable_sharing_with_aws_organization()
    health = c("health", None, "us-east-1")
    health.enable_health_service_access_for_organization()
    assert health.describe_health_service_status_for_organization()["healthServiceAccessStatusForOrganization"] == "ENABLED"
    quotas = c("service-quotas", None, "us-east-1")
    quotas.associate_service_quota_template()
    assert quotas.get_association_for_service_quota_template()["ServiceQuotaTemplateAssociationStatus"] == "ASSOCIATED"
    assert quotas.get_service_quota(ServiceCode="organizations", QuotaCode="L-E619E033")["Quota"]["Value"]
    hub = c("cost-optimization-hub", None, "us-east-1")
    hub.update_enrollment_status(status="Active", includeMemberAccounts=True)
    assert hub.list_enrollment_statuses()["items"]
    optimizer = c("compute-optimizer")
    optimizer.update_enrollment_status(status="Active", includeMemberAccounts=True)
    assert optimizer.get_enrollment_status()["status"] == "Active"
    optimizer.get_enrollment_statuses_for_organization()


def further_administrators(c: Caller) -> None:
    audit = c("auditmanager")
    audit.register_organization_admin_account(adminAccountId=c.security)
    assert audit.get_organization_admin_account()["adminAccountId"] == c.security
    audit.deregister_organization_admin_account(adminAccountId=c.security)
    lake = c("securitylake")
    lake.register_data_lake_delegated_administrator(accountId=c.security)
    lake.deregister_data_lake_delegated_administrator()
    fms, security = c("fms", None, "us-east-1"), c("fms", c.security, "us-east-1")
    fms.associate_admin_account(AdminAccount=c.security)
    assert fms.get_admin_account()["AdminAccount"] == c.security
    fms.list_admin_accounts_for_organization()
    fms.put_admin_account(AdminAccount=c.log, AdminScope={})
    sns, role = c("sns", c.security, "us-east-1"), c("iam", c.security).get_role(RoleName="AWSServiceRoleForFMS")["Role"]["Arn"]
    topic = sns.create_topic(Name="fms")["TopicArn"]
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(
        {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": role}, "Action": "sns:Publish", "Resource": topic}]}))
    security.put_notification_channel(SnsTopicArn=topic, SnsRoleName=role)
    assert security.get_notification_channel()["SnsTopicArn"] == topic
    security.delete_notification_channel()
    security.disassociate_admin_account()


def nothing(c: Caller) -> None:
    """Services in which there is never anything."""
    own = c("lambda", c.log)
    for call in (own.list_functions, own.list_layers, own.list_event_source_mappings,
                 c("ecr", c.log).describe_repositories, c("ecr", c.log).get_registry_scanning_configuration):
        call()
    c("s3control", c.log, "us-west-2").list_multi_region_access_points(AccountId=c.log)


def backup(c: Caller) -> None:
    settings = c("backup")
    settings.update_global_settings(GlobalSettings={"isCrossAccountBackupEnabled": "true"})
    assert settings.describe_global_settings()["GlobalSettings"]["isCrossAccountBackupEnabled"] == "true"
    settings.update_region_settings(ResourceTypeOptInPreference={"EBS": True})
    assert settings.describe_region_settings()["ResourceTypeOptInPreference"]["EBS"] is True


WALKS = [guardduty, securityhub, macie, detective, inspector, analyzers, config, conformance_packs, switches,
         further_administrators, nothing, backup]
