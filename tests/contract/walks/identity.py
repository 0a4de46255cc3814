"""IAM and STS."""

from __future__ import annotations

import json

from . import Caller

ALLOW = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]})
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
TAGS = [{"Key": "team", "Value": "blue"}]
THUMBPRINT = "a" * 40
SAML = ('<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.example.com/{}">'
        + "<IDPSSODescriptor/>" * 60 + "</EntityDescriptor>")
SSH_KEY = "ssh-rsa " + "A" * 372 + " ann@example.com"


def users(c: Caller) -> None:
    iam = c("iam", c.log)
    iam.create_user(UserName="ann", Tags=TAGS)
    assert [user["UserName"] for user in iam.list_users()["Users"]] == ["ann"]
    assert iam.list_user_tags(UserName="ann")["Tags"] == TAGS
    iam.create_login_profile(UserName="ann", Password="Correct-Horse-9-Battery")
    iam.update_login_profile(UserName="ann", PasswordResetRequired=True)
    assert iam.get_login_profile(UserName="ann")["LoginProfile"]["PasswordResetRequired"] is True
    key = iam.create_access_key(UserName="ann")["AccessKey"]["AccessKeyId"]
    iam.update_access_key(UserName="ann", AccessKeyId=key, Status="Inactive")
    assert [k["Status"] for k in iam.list_access_keys(UserName="ann")["AccessKeyMetadata"]] == ["Inactive"]
    iam.put_user_policy(UserName="ann", PolicyName="own", PolicyDocument=ALLOW)
    assert iam.get_user_policy(UserName="ann", PolicyName="own")["PolicyDocument"] == json.loads(ALLOW)
    assert iam.list_user_policies(UserName="ann")["PolicyNames"] == ["own"]
    iam.attach_user_policy(UserName="ann", PolicyArn=READ_ONLY)
    assert iam.list_attached_user_policies(UserName="ann")["AttachedPolicies"]
    iam.detach_user_policy(UserName="ann", PolicyArn=READ_ONLY)
    assert iam.list_mfa_devices(UserName="ann")["MFADevices"] == []
    iam.delete_access_key(UserName="ann", AccessKeyId=key)
    iam.delete_login_profile(UserName="ann")


def keys_of_users(c: Caller) -> None:
    iam = c("iam", c.log)
    iam.create_user(UserName="bob")
    made = iam.create_service_specific_credential(UserName="bob", ServiceName="codecommit.amazonaws.com")
    credential = made["ServiceSpecificCredential"]["ServiceSpecificCredentialId"]
    iam.update_service_specific_credential(UserName="bob", ServiceSpecificCredentialId=credential, Status="Inactive")
    assert iam.list_service_specific_credentials(UserName="bob")["ServiceSpecificCredentials"]
    iam.delete_service_specific_credential(UserName="bob", ServiceSpecificCredentialId=credential)
    key = iam.upload_ssh_public_key(UserName="bob", SSHPublicKeyBody=SSH_KEY)["SSHPublicKey"]["SSHPublicKeyId"]
    iam.update_ssh_public_key(UserName="bob", SSHPublicKeyId=key, Status="Inactive")
    assert iam.list_ssh_public_keys(UserName="bob")["SSHPublicKeys"][0]["Status"] == "Inactive"
    iam.delete_ssh_public_key(UserName="bob", SSHPublicKeyId=key)


def groups(c: Caller) -> None:
    iam = c("iam", c.log)
    iam.create_user(UserName="cas")
    iam.create_group(GroupName="readers")
    iam.add_user_to_group(GroupName="readers", UserName="cas")
    assert [user["UserName"] for user in iam.get_group(GroupName="readers")["Users"]] == ["cas"]
    assert [group["GroupName"] for group in iam.list_groups_for_user(UserName="cas")["Groups"]] == ["readers"]
    assert [group["GroupName"] for group in iam.list_groups()["Groups"]] == ["readers"]
    iam.attach_group_policy(GroupName="readers", PolicyArn=READ_ONLY)
    assert iam.list_attached_group_policies(GroupName="readers")["AttachedPolicies"][0]["PolicyArn"] == READ_ONLY
    iam.detach_group_policy(GroupName="readers", PolicyArn=READ_ONLY)
    iam.put_group_policy(GroupName="readers", PolicyName="own", PolicyDocument=ALLOW)
    assert iam.list_group_policies(GroupName="readers")["PolicyNames"] == ["own"]
    assert iam.get_group_policy(GroupName="readers", PolicyName="own")["PolicyDocument"] == json.loads(ALLOW)
    iam.delete_group_policy(GroupName="readers", PolicyName="own")


def roles(c: Caller) -> None:
    iam = c("iam", c.log)
    iam.create_role(RoleName="worker", AssumeRolePolicyDocument=TRUST)
    iam.update_role(RoleName="worker", MaxSessionDuration=7200)
    iam.update_role_description(RoleName="worker", Description="works")
    assert iam.get_role(RoleName="worker")["Role"]["MaxSessionDuration"] == 7200
    iam.update_assume_role_policy(RoleName="worker", PolicyDocument=TRUST)
    iam.tag_role(RoleName="worker", Tags=TAGS)
    assert iam.list_role_tags(RoleName="worker")["Tags"] == TAGS
    iam.untag_role(RoleName="worker", TagKeys=["team"])
    iam.put_role_permissions_boundary(RoleName="worker", PermissionsBoundary=READ_ONLY)
    iam.delete_role_permissions_boundary(RoleName="worker")
    iam.put_role_policy(RoleName="worker", PolicyName="own", PolicyDocument=ALLOW)
    assert iam.list_role_policies(RoleName="worker")["PolicyNames"] == ["own"]
    iam.delete_role_policy(RoleName="worker", PolicyName="own")
    iam.attach_role_policy(RoleName="worker", PolicyArn=READ_ONLY)
    assert iam.list_entities_for_policy(PolicyArn=READ_ONLY)["PolicyRoles"]
    iam.detach_role_policy(RoleName="worker", PolicyArn=READ_ONLY)
    iam.delete_role(RoleName="worker")
    made = iam.create_service_linked_role(AWSServiceName="guardduty.amazonaws.com")["Role"]["RoleName"]
    task = iam.delete_service_linked_role(RoleName=made)["DeletionTaskId"]
    assert iam.get_service_linked_role_deletion_status(DeletionTaskId=task)["Status"] in ("SUCCEEDED", "IN_PROGRESS")


def managed_policies(c: Caller) -> None:
    iam = c("iam", c.log)
    arn = iam.create_policy(PolicyName="logs", PolicyDocument=ALLOW, Tags=TAGS)["Policy"]["Arn"]
    assert iam.list_policy_tags(PolicyArn=arn)["Tags"] == TAGS
    version = iam.create_policy_version(PolicyArn=arn, PolicyDocument=TRUST.replace("sts:AssumeRole", "sns:*").replace(
        '"Principal": {"Service": "ec2.amazonaws.com"}', '"Resource": "*"'), SetAsDefault=True)["PolicyVersion"]["VersionId"]
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == version
    assert iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"] == json.loads(ALLOW)
    assert [policy["Arn"] for policy in iam.list_policies(Scope="Local")["Policies"]] == [arn]


def providers(c: Caller) -> None:
    iam = c("iam", c.log)
    arn = iam.create_open_id_connect_provider(Url="https://token.example.com", ClientIDList=["one"],
                                              ThumbprintList=[THUMBPRINT])["OpenIDConnectProviderArn"]
    iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="two")
    iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="one")
    iam.update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=arn, ThumbprintList=["b" * 40])
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    arn = iam.create_saml_provider(Name="idp", SAMLMetadataDocument=SAML.format(1))["SAMLProviderArn"]
    iam.update_saml_provider(SAMLProviderArn=arn, SAMLMetadataDocument=SAML.format(2))
    iam.delete_saml_provider(SAMLProviderArn=arn)


def account_settings(c: Caller) -> None:
    iam = c("iam", c.log)
    iam.update_account_password_policy(MinimumPasswordLength=14)
    iam.delete_account_password_policy()
    iam.create_account_alias(AccountAlias="walk-logs")
    iam.delete_account_alias(AccountAlias="walk-logs")
    job = iam.generate_service_last_accessed_details(Arn=f"arn:aws:iam::{c.log}:role/OrganizationAccountAccessRole")["JobId"]
    assert iam.get_service_last_accessed_details(JobId=job)["JobStatus"] in ("COMPLETED", "IN_PROGRESS")
    while iam.generate_credential_report()["State"] != "COMPLETE":
        pass
    assert iam.get_credential_report()["Content"].startswith(b"user,arn,")


def of_the_organization(c: Caller) -> None:
    """Central management of root users, and the access report."""
    iam, organizations = c("iam"), c("organizations")
    organizations.enable_aws_service_access(ServicePrincipal="iam.amazonaws.com")
    iam.enable_organizations_root_credentials_management()
    iam.enable_organizations_root_sessions()
    assert len(iam.list_organizations_features()["EnabledFeatures"]) == 2
    task = {"arn": "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials"}
    keys = c("sts").assume_root(TargetPrincipal=c.log, TaskPolicyArn=task, DurationSeconds=900)["Credentials"]
    assert keys["SessionToken"]
    iam.disable_organizations_root_sessions()
    iam.disable_organizations_root_credentials_management()
    organization = organizations.describe_organization()["Organization"]["Id"]
    path = f"{organization}/{c.root}"
    job = iam.generate_organizations_access_report(EntityPath=path)["JobId"]
    assert iam.get_organizations_access_report(JobId=job)["JobStatus"] in ("COMPLETED", "IN_PROGRESS")


WALKS = [users, keys_of_users, groups, roles, managed_policies, providers, account_settings, of_the_organization]
