"""Organizations and Account Management."""

from __future__ import annotations

import json
import time

import pytest
from botocore.exceptions import ClientError

from . import Caller

DENY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "gamelift:*", "Resource": "*"}]})
SCP = "SERVICE_CONTROL_POLICY"


def units_and_accounts(c: Caller) -> None:
    o = c("organizations")
    ou = o.create_organizational_unit(ParentId=c.root, Name="Walk")["OrganizationalUnit"]["Id"]
    o.update_organizational_unit(OrganizationalUnitId=ou, Name="Walked")
    assert o.describe_organizational_unit(OrganizationalUnitId=ou)["OrganizationalUnit"]["Name"] == "Walked"
    parent = o.list_parents(ChildId=c.members[0])["Parents"][0]["Id"]
    o.move_account(AccountId=c.members[0], SourceParentId=parent, DestinationParentId=ou)
    assert [a["Id"] for a in o.list_accounts_for_parent(ParentId=ou)["Accounts"]] == [c.members[0]]
    assert [a["Id"] for a in o.list_children(ParentId=ou, ChildType="ACCOUNT")["Children"]] == [c.members[0]]
    o.move_account(AccountId=c.members[0], SourceParentId=ou, DestinationParentId=parent)
    o.tag_resource(ResourceId=c.members[0], Tags=[{"Key": "a", "Value": "b"}])
    assert o.list_tags_for_resource(ResourceId=c.members[0])["Tags"] == [{"Key": "a", "Value": "b"}]
    o.untag_resource(ResourceId=c.members[0], TagKeys=["a"])
    o.delete_organizational_unit(OrganizationalUnitId=ou)
    status = o.create_account(Email="aws+walk@example.com", AccountName="walk")["CreateAccountStatus"]
    for _ in range(100):
        status = o.describe_create_account_status(CreateAccountRequestId=status["Id"])["CreateAccountStatus"]
        if status["State"] != "IN_PROGRESS":
            break
        time.sleep(0.2)
    assert o.list_create_account_status()["CreateAccountStatuses"]
    assert o.describe_account(AccountId=status["AccountId"])["Account"]["Name"] == "walk"
    o.close_account(AccountId=status["AccountId"])


def policies(c: Caller) -> None:
    o = c("organizations")
    types = [t["Type"] for t in o.list_roots()["Roots"][0]["PolicyTypes"]]
    if SCP not in types:
        o.enable_policy_type(RootId=c.root, PolicyType=SCP)
    made = o.create_policy(Name="walk", Description="-", Type=SCP, Content=DENY)["Policy"]["PolicySummary"]["Id"]
    o.update_policy(PolicyId=made, Description="changed")
    o.attach_policy(PolicyId=made, TargetId=c.members[0])
    assert made in [p["Id"] for p in o.list_policies_for_target(TargetId=c.members[0], Filter=SCP)["Policies"]]
    o.detach_policy(PolicyId=made, TargetId=c.members[0])
    o.delete_policy(PolicyId=made)
    o.enable_policy_type(RootId=c.root, PolicyType="TAG_POLICY")
    tags = json.dumps({"tags": {"team": {"tag_key": {"@@assign": "Team"}}}})
    policy = o.create_policy(Name="tags", Description="-", Type="TAG_POLICY", Content=tags)["Policy"]["PolicySummary"]["Id"]
    o.attach_policy(PolicyId=policy, TargetId=c.root)
    effective = o.describe_effective_policy(PolicyType="TAG_POLICY", TargetId=c.members[0])["EffectivePolicy"]
    assert "Team" in effective["PolicyContent"]
    assert o.list_accounts_with_invalid_effective_policy(PolicyType="TAG_POLICY")["Accounts"] == []
    o.list_effective_policy_validation_errors(PolicyType="TAG_POLICY", AccountId=c.members[0])
    o.disable_policy_type(RootId=c.root, PolicyType="TAG_POLICY")


def delegation(c: Caller) -> None:
    o, principal = c("organizations"), "config-multiaccountsetup.amazonaws.com"
    o.enable_aws_service_access(ServicePrincipal=principal)
    o.register_delegated_administrator(AccountId=c.security, ServicePrincipal=principal)
    o.deregister_delegated_administrator(AccountId=c.security, ServicePrincipal=principal)
    o.disable_aws_service_access(ServicePrincipal=principal)
    policy = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Sid": "Read", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{c.security}:root"},
         "Action": "organizations:ListPolicies", "Resource": "*"}]})
    o.put_resource_policy(Content=policy)
    assert json.loads(o.describe_resource_policy()["ResourcePolicy"]["Content"]) == json.loads(policy)
    assert c("organizations", c.security).list_policies(Filter=SCP)["Policies"]
    o.delete_resource_policy()


def handshakes(c: Caller) -> None:
    o = c("organizations")
    invited = {"Id": "new@elsewhere.example.com", "Type": "EMAIL"}
    shake = o.invite_account_to_organization(Target=invited)["Handshake"]["Id"]
    assert o.describe_handshake(HandshakeId=shake)["Handshake"]["State"] in ("OPEN", "REQUESTED")
    assert shake in [h["Id"] for h in o.list_handshakes_for_organization()["Handshakes"]]
    o.cancel_handshake(HandshakeId=shake)
    o.list_handshakes_for_account()
    with pytest.raises(ClientError, match="payment method"):
        c("organizations", c.members[1]).leave_organization()


def account_management(c: Caller) -> None:
    account = c("account", c.log, "us-east-1")
    contact = {"AlternateContactType": "BILLING", "EmailAddress": "b@example.com", "Name": "B", "PhoneNumber": "+1 555",
               "Title": "CFO"}
    account.put_alternate_contact(**contact)
    account.delete_alternate_contact(AlternateContactType="BILLING")
    account.enable_region(RegionName="me-south-1")
    assert account.get_region_opt_status(RegionName="me-south-1")["RegionOptStatus"] in ("ENABLING", "ENABLED")
    for _ in range(100):
        if account.get_region_opt_status(RegionName="me-south-1")["RegionOptStatus"] == "ENABLED":
            break
        time.sleep(0.2)
    account.disable_region(RegionName="me-south-1")
    assert account.list_regions(MaxResults=50)["Regions"]
    account.get_account_information()
    c("organizations").enable_aws_service_access(ServicePrincipal="account.amazonaws.com")
    central = c("account", None, "us-east-1")
    assert central.get_primary_email(AccountId=c.log)["PrimaryEmail"]
    central.start_primary_email_update(AccountId=c.log, PrimaryEmail="aws+renamed@example.com")


def life(c: Caller) -> None:
    """An organization is dissolved, founded anew, and its account invited. Not in `WALKS`: it wants an organization whose only
    other account was invited."""
    o, [account] = c("organizations"), c.members
    outside = c("organizations", account)
    o.remove_account_from_organization(AccountId=account)
    o.delete_organization()
    assert o.create_organization(FeatureSet="CONSOLIDATED_BILLING")["Organization"]["FeatureSet"] == "CONSOLIDATED_BILLING"
    o.enable_all_features()
    for answer in (outside.decline_handshake, outside.accept_handshake):
        shake = o.invite_account_to_organization(Target={"Id": account, "Type": "ACCOUNT"})["Handshake"]["Id"]
        assert shake in [h["Id"] for h in outside.list_handshakes_for_account()["Handshakes"]]
        answer(HandshakeId=shake)
    outside.leave_organization()


WALKS = [units_and_accounts, policies, delegation, handshakes, account_management]
