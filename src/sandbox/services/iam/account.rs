//! What an account has one of: password policy, alias, summary, and central root access.

#![expect(clippy::unnecessary_wraps, reason = "a handler's signature, whether it can refuse or not")]

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sandbox::services::organizations;
use crate::sandbox::world::{Call, Fault, Reply, World};

use super::state::PasswordPolicy;
use super::{already_exists, edit, list as page, no_such, root, view};

/// Feature name of central management of root credentials.
pub const ROOT_CREDENTIALS: &str = "RootCredentialsManagement";
/// Feature name of AssumeRoot.
pub const ROOT_SESSIONS: &str = "RootSessions";

pub(super) fn get_password_policy(world: &mut World, call: &Call) -> Reply {
    let Some(policy) = &view(world, &call.account).password_policy else {
        return Err(no_password_policy(call));
    };
    let mut value = json!({
        "MinimumPasswordLength": policy.minimum_length,
        "RequireSymbols": policy.symbols,
        "RequireNumbers": policy.numbers,
        "RequireUppercaseCharacters": policy.uppercase,
        "RequireLowercaseCharacters": policy.lowercase,
        "AllowUsersToChangePassword": policy.allow_change,
        "ExpirePasswords": policy.max_age.is_some(),
    });
    if let Some(days) = policy.max_age {
        value["MaxPasswordAge"] = json!(days);
    }
    if let Some(count) = policy.reuse_prevention {
        value["PasswordReusePrevention"] = json!(count);
    }
    if let Some(hard) = policy.hard_expiry {
        value["HardExpiry"] = json!(hard);
    }
    Ok(json!({"PasswordPolicy": value}))
}

fn no_password_policy(call: &Call) -> Fault {
    no_such(format!("The Password Policy with domain name {} cannot be found.", call.account))
}

/// Replaces the whole policy: what is left out takes its default ("no parameters are required ... reverts to its
/// default", API reference). The default of the least length is 6 here, although an account without a policy asks
/// for 8.
pub(super) fn update_password_policy(world: &mut World, call: &Call) -> Reply {
    let length = ranged(call, "MinimumPasswordLength", 6, 128)?.unwrap_or(6);
    let max_age = ranged(call, "MaxPasswordAge", 1, 1_095)?;
    let reuse_prevention = ranged(call, "PasswordReusePrevention", 1, 24)?;
    let flag = |member: &str| call.bool(member).unwrap_or(false);
    edit(world, call).password_policy = Some(PasswordPolicy {
        minimum_length: length,
        symbols: flag("RequireSymbols"),
        numbers: flag("RequireNumbers"),
        uppercase: flag("RequireUppercaseCharacters"),
        lowercase: flag("RequireLowercaseCharacters"),
        allow_change: flag("AllowUsersToChangePassword"),
        max_age,
        reuse_prevention,
        hard_expiry: call.bool("HardExpiry"),
    });
    Ok(json!({}))
}

/// The model's ranges; the wire layer checks them too, other callers of the handlers do not.
fn ranged(call: &Call, member: &str, least: i64, most: i64) -> Result<Option<i64>, Fault> {
    match call.int(member) {
        Some(value) if value < least || value > most => {
            let (word, bound) = if value < least { ("greater", least) } else { ("less", most) };
            let mut name = member.to_owned();
            if let Some(first) = name.get_mut(..1) {
                first.make_ascii_lowercase();
            }
            Err(Fault::new(
                "ValidationError",
                format!(
                    "1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: \
                     Member must have value {word} than or equal to {bound}"
                ),
            )
            .status(400))
        }
        value => Ok(value),
    }
}

pub(super) fn delete_password_policy(world: &mut World, call: &Call) -> Reply {
    if view(world, &call.account).password_policy.is_none() {
        return Err(no_such("The account policy with name PasswordPolicy cannot be found."));
    }
    edit(world, call).password_policy = None;
    Ok(json!({}))
}

pub(super) fn create_alias(world: &mut World, call: &Call) -> Reply {
    let alias = call.required("AccountAlias");
    let other = |(account, iam): (&String, &super::State)| {
        iam.alias.as_deref() == Some(alias) && *account != call.account
    };
    if world.iam.iter().any(other) {
        return Err(already_exists(format!("The account alias {alias} already exists.")));
    }
    // An account has one alias; a new one takes the place of the old one.
    edit(world, call).alias = Some(alias.to_owned());
    Ok(json!({}))
}

pub(super) fn delete_alias(world: &mut World, call: &Call) -> Reply {
    let alias = call.required("AccountAlias");
    if view(world, &call.account).alias.as_deref() != Some(alias) {
        return Err(no_such(format!("The account alias with name {alias} cannot be found.")));
    }
    edit(world, call).alias = None;
    Ok(json!({}))
}

pub(super) fn list_aliases(world: &mut World, call: &Call) -> Reply {
    let aliases: Vec<String> = view(world, &call.account).alias.iter().cloned().collect();
    page(world, call, "AccountAliases", &aliases, |alias| json!(alias))
}

/// Counts and quotas ("IAM and AWS STS quotas").
pub(super) fn summary(world: &mut World, call: &Call) -> Reply {
    let iam = view(world, &call.account);
    let devices: usize = iam.users.values().map(|u| u.mfa.len()).sum::<usize>() + iam.root.mfa.len();
    let versions: usize = iam.policies.values().map(|p| p.versions.len()).sum();
    let counts: BTreeMap<&str, usize> = BTreeMap::from([
        ("Users", iam.users.len()),
        ("UsersQuota", 5_000),
        ("Groups", iam.groups.len()),
        ("GroupsQuota", 300),
        ("Roles", iam.roles.len()),
        ("RolesQuota", 1_000),
        ("Policies", iam.policies.len()),
        ("PoliciesQuota", 1_500),
        ("PolicySizeQuota", 6_144),
        ("PolicyVersionsInUse", versions),
        ("PolicyVersionsInUseQuota", 10_000),
        ("VersionsPerPolicyQuota", 5),
        ("AttachedPoliciesPerRoleQuota", 10),
        ("AttachedPoliciesPerUserQuota", 10),
        ("AttachedPoliciesPerGroupQuota", 10),
        ("RolePolicySizeQuota", 10_240),
        ("UserPolicySizeQuota", 2_048),
        ("GroupPolicySizeQuota", 5_120),
        ("AssumeRolePolicySizeQuota", 2_048),
        ("GroupsPerUserQuota", 10),
        ("AccessKeysPerUserQuota", 2),
        ("SigningCertificatesPerUserQuota", 2),
        ("InstanceProfiles", 0),
        ("InstanceProfilesQuota", 1_000),
        ("ServerCertificates", iam.certificates.len()),
        ("ServerCertificatesQuota", 20),
        ("Providers", iam.oidc.len() + iam.saml.len()),
        ("MFADevices", devices),
        ("MFADevicesInUse", devices),
        ("AccountMFAEnabled", usize::from(!iam.root.mfa.is_empty())),
        ("AccountAccessKeysPresent", usize::from(!iam.root.keys.is_empty())),
        ("AccountSigningCertificatesPresent", usize::from(!iam.root.certificates.is_empty())),
        ("AccountPasswordPresent", usize::from(root::has_password(world, &call.account))),
        ("GlobalEndpointTokenVersion", 1),
    ]);
    Ok(json!({"SummaryMap": counts}))
}

/// Why a caller may not use central root access, if so.
fn check_root_access(world: &World, call: &Call, management_only: bool) -> Result<String, Fault> {
    let Some(organization) = &world.organizations.organization else {
        return Err(Fault::new(
            "OrganizationNotFoundException",
            "The request was rejected because no organization is associated with your account.",
        ));
    };
    if organization.management != call.account {
        if management_only {
            return Err(Fault::new(
                "CallerIsNotManagementAccountException",
                "The request was rejected because the account making the request is not the management account \
                 for the organization.",
            ));
        }
        if !organizations::is_delegated(world, "iam.amazonaws.com", &call.account) {
            return Err(Fault::new(
                "AccountNotManagementOrDelegatedAdministratorException",
                "The request was rejected because the account making the request is not the management account \
                 or delegated administrator account for centralized root access.",
            ));
        }
    }
    if !organization.all_features {
        return Err(Fault::new(
            "OrganizationNotInAllFeaturesModeException",
            "The request was rejected because your organization does not have All features enabled.",
        ));
    }
    if !organizations::access_enabled(world, "iam.amazonaws.com") {
        return Err(Fault::new(
            "ServiceAccessNotEnabledException",
            "The request was rejected because trusted access is not enabled for IAM in Organizations.",
        ));
    }
    Ok(organization.id.clone())
}

fn features(world: &World, organization: &str) -> Value {
    let management = organizations::management(world).unwrap_or_default();
    json!({"OrganizationId": organization, "EnabledFeatures": view(world, management).features})
}

fn set_feature(world: &mut World, call: &Call, feature: &str, on: bool) -> Reply {
    let organization = check_root_access(world, call, on)?;
    let management = organizations::management(world).unwrap_or_default().to_owned();
    let features_of = &mut world.iam.entry(management).or_default().features;
    if on {
        features_of.insert(feature.to_owned());
    } else {
        features_of.remove(feature);
    }
    Ok(features(world, &organization))
}

pub(super) fn enable_root_credentials(world: &mut World, call: &Call) -> Reply {
    set_feature(world, call, ROOT_CREDENTIALS, true)
}

pub(super) fn enable_root_sessions(world: &mut World, call: &Call) -> Reply {
    set_feature(world, call, ROOT_SESSIONS, true)
}

pub(super) fn disable_root_credentials(world: &mut World, call: &Call) -> Reply {
    set_feature(world, call, ROOT_CREDENTIALS, false)
}

pub(super) fn disable_root_sessions(world: &mut World, call: &Call) -> Reply {
    set_feature(world, call, ROOT_SESSIONS, false)
}

pub(super) fn list_features(world: &mut World, call: &Call) -> Reply {
    let organization = check_root_access(world, call, false)?;
    Ok(features(world, &organization))
}
