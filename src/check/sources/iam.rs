//! What IAM knows of an account besides its credential report.

use std::collections::BTreeMap;

use aws_sdk_iam::types::{AssignmentStatusType, EntityType};
use percent_encoding::percent_decode_str;
use time::OffsetDateTime;

use crate::check::source::{ReadCx, Source, Unread};
use crate::compliance::cis::RuleScope;
use crate::error::{Absent as _, CallError, Kind};

/// `GetAccountSummary`.
pub(crate) struct Summary(pub(crate) BTreeMap<String, i32>);

impl Summary {
    /// One number of the summary.
    ///
    /// # Errors
    /// IAM leaves it out: 0 would say that nothing is wrong.
    pub(crate) fn number(&self, name: &str) -> Result<i32, Unread> {
        let missing = || Unread::new(Kind::Inconsistent, format!("GetAccountSummary does not tell {name}"));
        self.0.get(name).copied().ok_or_else(missing)
    }
}

impl Source for Summary {
    const SCOPE: RuleScope = RuleScope::Account;
    const READS: &'static [&'static str] = &["iam:GetAccountSummary"];

    async fn read(cx: &ReadCx<'_>) -> Result<Summary, CallError> {
        let answer = cx.aws.iam().call("GetAccountSummary", |c| c.get_account_summary().send()).await?;
        let map = answer.summary_map.unwrap_or_default();
        Ok(Summary(map.into_iter().map(|(key, value)| (key.as_str().to_string(), value)).collect()))
    }
}

/// The password policy; absent where the account has none of its own.
pub(crate) struct PasswordPolicy(pub(crate) Option<aws_sdk_iam::types::PasswordPolicy>);

impl Source for PasswordPolicy {
    const SCOPE: RuleScope = RuleScope::Account;
    const READS: &'static [&'static str] = &["iam:GetAccountPasswordPolicy"];

    async fn read(cx: &ReadCx<'_>) -> Result<PasswordPolicy, CallError> {
        let iam = cx.aws.iam();
        let answer = iam
            .call("GetAccountPasswordPolicy", |c| c.get_account_password_policy().send())
            .await
            .absent(&["NoSuchEntity"])?;
        Ok(PasswordPolicy(answer.and_then(|a| a.password_policy)))
    }
}

/// ARNs of the users that have an assigned virtual MFA device.
pub(crate) struct VirtualMfa(pub(crate) Vec<String>);

impl Source for VirtualMfa {
    const SCOPE: RuleScope = RuleScope::Account;
    const READS: &'static [&'static str] = &["iam:ListVirtualMFADevices"];

    async fn read(cx: &ReadCx<'_>) -> Result<VirtualMfa, CallError> {
        let devices = cx
            .aws
            .iam()
            .pages(
                "ListVirtualMFADevices",
                |c, t| {
                    let call = c.list_virtual_mfa_devices().set_marker(t);
                    call.assignment_status(AssignmentStatusType::Assigned).send()
                },
                |a| (a.virtual_mfa_devices, a.marker),
            )
            .await?;
        let root =
            |serial: &str| serial.ends_with(":mfa/root-account-mfa-device").then(|| ":root".to_string());
        let user = |d: aws_sdk_iam::types::VirtualMfaDevice| {
            d.user.map(|u| u.arn).or_else(|| root(&d.serial_number))
        };
        Ok(VirtualMfa(devices.into_iter().filter_map(user).collect()))
    }
}

/// Users, each with the policies that hang on it itself.
pub(crate) struct UserPolicies(pub(crate) BTreeMap<String, Vec<String>>);

impl Source for UserPolicies {
    const SCOPE: RuleScope = RuleScope::Account;
    const READS: &'static [&'static str] = &["iam:GetAccountAuthorizationDetails"];

    async fn read(cx: &ReadCx<'_>) -> Result<UserPolicies, CallError> {
        let users = cx
            .aws
            .iam()
            .pages(
                "GetAccountAuthorizationDetails",
                |c, t| c.get_account_authorization_details().filter(EntityType::User).set_marker(t).send(),
                |a| (a.user_detail_list, a.marker),
            )
            .await?;
        let policies = |user: aws_sdk_iam::types::UserDetail| {
            let inline = user.user_policy_list.unwrap_or_default().into_iter().filter_map(|p| p.policy_name);
            let attached = user.attached_managed_policies.unwrap_or_default();
            let names = inline.chain(attached.into_iter().filter_map(|p| p.policy_name));
            Some((user.user_name?, names.collect()))
        };
        Ok(UserPolicies(users.into_iter().filter_map(policies).collect()))
    }
}

/// A customer-managed policy.
pub(crate) struct CustomerPolicy {
    pub(crate) arn: String,
    /// To a user, a group or a role.
    pub(crate) attached: bool,
    /// The document of its default version.
    pub(crate) document: String,
}

/// The customer-managed policies: their documents come in pages, where `GetPolicyVersion` gives one at a time.
pub(crate) struct CustomerPolicies(pub(crate) Vec<CustomerPolicy>);

impl Source for CustomerPolicies {
    const SCOPE: RuleScope = RuleScope::Account;
    const READS: &'static [&'static str] = &["iam:GetAccountAuthorizationDetails"];

    async fn read(cx: &ReadCx<'_>) -> Result<CustomerPolicies, CallError> {
        let kind = EntityType::LocalManagedPolicy;
        let found = cx
            .aws
            .iam()
            .pages(
                "GetAccountAuthorizationDetails",
                |c, t| c.get_account_authorization_details().filter(kind.clone()).set_marker(t).send(),
                |a| (a.policies, a.marker),
            )
            .await?;
        let policy = |policy: aws_sdk_iam::types::ManagedPolicyDetail| {
            let versions = policy.policy_version_list.unwrap_or_default();
            let default = versions.into_iter().find(|version| version.is_default_version);
            // Without a document the rule says that it could not be understood.
            let document = default.and_then(|version| version.document).unwrap_or_default();
            Some(CustomerPolicy {
                arn: policy.arn?,
                attached: policy.attachment_count.unwrap_or_default() > 0,
                document: percent_decode_str(&document).decode_utf8_lossy().into_owned(),
            })
        };
        Ok(CustomerPolicies(found.into_iter().filter_map(policy).collect()))
    }
}

/// The entities that one of AWS's own policies is attached to, by kind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entities {
    pub(crate) users: Vec<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) roles: Vec<String>,
}

impl Entities {
    /// All of them, as `role NAME`.
    pub(crate) fn all(&self) -> impl Iterator<Item = String> {
        let named = |kind: &'static str, names: &'_ [String]| -> Vec<String> {
            names.iter().map(|name| format!("{kind} {name}")).collect()
        };
        let all = [named("user", &self.users), named("group", &self.groups), named("role", &self.roles)];
        all.into_iter().flatten()
    }
}

async fn entities(cx: &ReadCx<'_>, policy: &str) -> Result<Entities, CallError> {
    let arn = cx.facts.arn("iam", "", "aws", &format!("policy/{policy}"));
    let iam = cx.aws.iam();
    let mut found = Entities::default();
    let mut marker = None;
    loop {
        let answer = iam
            .call("ListEntitiesForPolicy", |c| {
                c.list_entities_for_policy().policy_arn(&arn).set_marker(marker.clone()).send()
            })
            .await
            .absent(&["NoSuchEntity"])?;
        let Some(page) = answer else { return Ok(found) };
        found.users.extend(page.policy_users.unwrap_or_default().into_iter().filter_map(|u| u.user_name));
        found.groups.extend(page.policy_groups.unwrap_or_default().into_iter().filter_map(|g| g.group_name));
        found.roles.extend(page.policy_roles.unwrap_or_default().into_iter().filter_map(|r| r.role_name));
        marker = page.marker.filter(|m| page.is_truncated && !m.is_empty());
        if marker.is_none() {
            return Ok(found);
        }
    }
}

/// Who may work with AWS Support.
pub(crate) struct SupportAccess(pub(crate) Entities);

impl Source for SupportAccess {
    const SCOPE: RuleScope = RuleScope::Account;
    const READS: &'static [&'static str] = &["iam:ListEntitiesForPolicy"];

    async fn read(cx: &ReadCx<'_>) -> Result<SupportAccess, CallError> {
        entities(cx, "AWSSupportAccess").await.map(SupportAccess)
    }
}

/// Who may do everything in CloudShell.
pub(crate) struct CloudShellAccess(pub(crate) Entities);

impl Source for CloudShellAccess {
    const SCOPE: RuleScope = RuleScope::Account;
    const READS: &'static [&'static str] = &["iam:ListEntitiesForPolicy"];

    async fn read(cx: &ReadCx<'_>) -> Result<CloudShellAccess, CallError> {
        entities(cx, "AWSCloudShellFullAccess").await.map(CloudShellAccess)
    }
}

/// Server certificates in IAM, with the moment at which they expire.
pub(crate) struct ServerCertificates(pub(crate) Vec<(String, Option<OffsetDateTime>)>);

impl Source for ServerCertificates {
    const SCOPE: RuleScope = RuleScope::Account;
    const READS: &'static [&'static str] = &["iam:ListServerCertificates"];

    async fn read(cx: &ReadCx<'_>) -> Result<ServerCertificates, CallError> {
        let listed = cx
            .aws
            .iam()
            .pages(
                "ListServerCertificates",
                |c, t| c.list_server_certificates().set_marker(t).send(),
                |a| (a.server_certificate_metadata_list, a.marker),
            )
            .await?;
        let moment = |t: aws_smithy_types::DateTime| OffsetDateTime::from_unix_timestamp(t.secs()).ok();
        Ok(ServerCertificates(
            listed.into_iter().map(|c| (c.server_certificate_name, c.expiration.and_then(moment))).collect(),
        ))
    }
}

/// ARNs of the account's SAML providers.
pub(crate) struct SamlProviders(pub(crate) Vec<String>);

impl Source for SamlProviders {
    const SCOPE: RuleScope = RuleScope::Account;
    const READS: &'static [&'static str] = &["iam:ListSAMLProviders"];

    async fn read(cx: &ReadCx<'_>) -> Result<SamlProviders, CallError> {
        let answer = cx.aws.iam().call("ListSAMLProviders", |c| c.list_saml_providers().send()).await?;
        let list = answer.saml_provider_list.unwrap_or_default();
        Ok(SamlProviders(list.into_iter().filter_map(|p| p.arn).collect()))
    }
}
