//! The rules: which evidence each needs, and how it is decided. Rules without a line here are decided by a person.

mod account;
mod credentials;
mod monitoring;
mod network;
mod organization;
mod regional;
mod storage;
mod trails;

use std::collections::BTreeMap;

use time::OffsetDateTime;

use super::source::{Evidence, Need, Source, Unread};
use super::verdict::Verdict;
use crate::compliance::cis::{self, RULES, Rule, RuleScope};
use crate::error::Kind;
use crate::facts::{Account, Facts};

/// Decides one rule in one place.
pub(super) type Decide = fn(&Place<'_>) -> Result<Verdict, Unread>;

/// How one rule is decided.
#[derive(Clone, Copy)]
pub(super) struct RuleCheck {
    /// `Rule::key`.
    pub(super) key: &'static str,
    pub(super) needs: &'static [Need],
    pub(super) decide: Decide,
}

/// What a rule may look at.
pub(super) struct Place<'a> {
    /// Benchmark version.
    pub(super) version: &'static str,
    pub(super) facts: &'a Facts,
    pub(super) now: OffsetDateTime,
    pub(super) rule: &'static Rule,
    pub(super) account: &'a Account,
    /// Empty where the rule is about the whole account or organization.
    pub(super) region: &'a str,
    pub(super) organization: &'a Evidence,
    pub(super) own: &'a Evidence,
    /// The account's regions.
    pub(super) regions: &'a BTreeMap<String, Evidence>,
}

impl<'a> Place<'a> {
    /// A piece of evidence about this place: of the organization, the account, or the region.
    pub(super) fn get<S: Source>(&self) -> Result<&'a S, Unread> {
        match S::SCOPE {
            RuleScope::Org => self.organization.get::<S>(),
            RuleScope::Account => self.own.get::<S>(),
            RuleScope::AccountRegion => {
                let nowhere = || Unread::new(Kind::Bug, "the rule is about no region");
                self.regions.get(self.region).ok_or_else(nowhere)?.get::<S>()
            }
        }
    }

    /// The benchmark version is this one or a later one.
    pub(super) fn since(&self, version: &str) -> bool {
        cis::order(self.version) >= cis::order(version)
    }
}

/// One line per rule: its key, what it needs, how it is decided.
macro_rules! checks {
    ($($key:literal: [$($source:ty),* $(,)?] => $decide:path),* $(,)?) => {
        /// Every rule that is decided by evidence.
        pub(super) static CHECKS: &[RuleCheck] = &[
            $(RuleCheck { key: $key, needs: &[$(Need::of::<$source>()),*], decide: $decide }),*
        ];
    };
}

use super::sources::account::{Contact, SecurityContact};
use super::sources::alarms::Monitoring;
use super::sources::buckets::{AccountPublicAccess, Buckets, OrganizationTrailBuckets, OwnTrailBuckets};
use super::sources::credential_report::CredentialReport;
use super::sources::iam::{
    CloudShellAccess, CustomerPolicies, PasswordPolicy, SamlProviders, ServerCertificates, Summary,
    SupportAccess, UserPolicies, VirtualMfa,
};
use super::sources::network::{NetworkAcls, Peering, SecurityGroups, Vpcs};
use super::sources::organization::{
    Delegation, IdentityCenter, OrganizationAnalyzers, ResourcePolicy, RootAccess,
};
use super::sources::regional::{
    Analyzers, Databases, EbsEncryption, FileSystems, Hub, Instances, Macie, Recorder, RotatingKeys,
};
use super::sources::trails::{OrganizationTrails, OwnTrails};

checks! {
    "1.1": [CredentialReport] => credentials::root_use,
    "1.2": [CredentialReport] => credentials::console_mfa,
    "1.3": [CredentialReport] => credentials::unused,
    "1.4": [CredentialReport] => credentials::old_keys,
    "1.5": [PasswordPolicy] => account::uppercase,
    "1.6": [PasswordPolicy] => account::lowercase,
    "1.7": [PasswordPolicy] => account::symbols,
    "1.8": [PasswordPolicy] => account::numbers,
    "1.9": [PasswordPolicy] => account::length,
    "1.10": [PasswordPolicy] => account::reuse,
    "1.11": [PasswordPolicy] => account::expiry,
    "1.12": [Summary] => credentials::root_keys,
    "1.13": [Summary, CredentialReport] => credentials::root_mfa,
    "1.14": [Summary, CredentialReport, VirtualMfa] => credentials::root_hardware_mfa,
    "1.15": [] => account::security_questions,
    "1.16": [UserPolicies] => account::user_policies,
    "1.17": [Contact] => account::contact,
    "1.18": [SecurityContact] => account::security_contact,
    "1.19": [Instances] => regional::instance_roles,
    "1.20": [SupportAccess] => account::support_role,
    "1.21": [CredentialReport] => credentials::initial_keys,
    "1.22": [CustomerPolicies] => account::full_administration,
    "2.1": [OrganizationTrails, OwnTrails] => trails::everywhere,
    "2.2": [OrganizationTrails, OwnTrails] => trails::validation,
    "2.3": [OrganizationTrails, OwnTrails, OrganizationTrailBuckets, OwnTrailBuckets] => trails::bucket_not_public,
    "2.4": [OrganizationTrails, OwnTrails] => trails::cloudwatch_logs,
    "2.5": [Recorder] => regional::config,
    "2.6": [OrganizationTrails, OwnTrails, OrganizationTrailBuckets, OwnTrailBuckets] => trails::bucket_logging,
    "2.7": [OrganizationTrails, OwnTrails] => trails::encryption,
    "2.8": [RotatingKeys] => regional::key_rotation,
    "2.9": [Vpcs] => network::flow_logs,
    "3.1": [Monitoring] => monitoring::alarm,
    "3.2": [Monitoring] => monitoring::alarm,
    "3.3": [Monitoring] => monitoring::alarm,
    "3.4": [Monitoring] => monitoring::alarm,
    "3.5": [Monitoring] => monitoring::alarm,
    "3.6": [Monitoring] => monitoring::alarm,
    "3.7": [Monitoring] => monitoring::alarm,
    "3.8": [Monitoring] => monitoring::alarm,
    "3.9": [Monitoring] => monitoring::alarm,
    "3.10": [Monitoring] => monitoring::alarm,
    "3.11": [Monitoring] => monitoring::alarm,
    "3.12": [Monitoring] => monitoring::alarm,
    "3.13": [Monitoring] => monitoring::alarm,
    "3.14": [Monitoring] => monitoring::alarm,
    "4.1": [SecurityGroups] => network::ssh,
    "4.2": [SecurityGroups] => network::rdp,
    "4.3": [SecurityGroups] => network::default_groups,
    "4.4": [Peering] => network::peering,
    "one-active-key": [CredentialReport] => credentials::one_key,
    "expired-server-certs": [ServerCertificates] => account::expired_certificates,
    "access-analyzer": [OrganizationAnalyzers, Analyzers] => regional::analyzer,
    "central-identity": [IdentityCenter, SamlProviders, CredentialReport] => account::central_identity,
    "cloudshell": [CloudShellAccess] => account::cloudshell,
    "s3-encryption": [] => storage::encryption,
    "s3-deny-http": [Buckets] => storage::deny_http,
    "s3-mfa-delete": [Buckets] => storage::mfa_delete,
    "s3-classified": [Macie] => storage::classified,
    "s3-bpa": [AccountPublicAccess, Buckets] => storage::public_access,
    "ebs-encryption": [EbsEncryption] => regional::ebs_encryption,
    "rds-encryption": [Databases] => regional::database_encryption,
    "rds-minor-upgrade": [Databases] => regional::database_upgrades,
    "rds-public": [Databases] => regional::database_public,
    "rds-multi-az": [Databases] => regional::database_multi_az,
    "efs-encryption": [FileSystems] => regional::file_systems,
    "s3-object-write-log": [OrganizationTrails] => trails::object_writes,
    "s3-object-read-log": [OrganizationTrails] => trails::object_reads,
    "organizations-alarm": [Monitoring] => monitoring::alarm,
    "security-hub": [Hub] => regional::security_hub,
    "nacl-admin-ports": [NetworkAcls] => network::acl_admin_ports,
    "sg-ipv6": [SecurityGroups] => network::ipv6_admin_ports,
    "imdsv2": [Instances] => regional::imds,
    "cifs": [SecurityGroups] => network::cifs,
    "org-central-root": [RootAccess] => organization::central_root,
    "org-guardrails": [] => organization::guardrails,
    "org-mgmt-no-workloads": [] => organization::no_workloads,
    "org-ou-structure": [] => organization::ou_structure,
    "org-policy-da": [ResourcePolicy] => organization::policy_delegation,
    "org-service-da": [Delegation] => organization::service_delegation,
    "resource-policy-star": [] => manual,
    "web-frontend-logs": [] => manual,
    "vpc-endpoints": [] => manual,
}

/// What a person does for a rule that no API decides.
#[expect(clippy::unnecessary_wraps, reason = "a rule's signature, whether it reads or not")]
fn manual(place: &Place<'_>) -> Result<Verdict, Unread> {
    let text = match place.rule.key.as_str() {
        "resource-policy-star" => {
            "look at the public findings of Access Analyzer: each resource policy that names everybody is to be narrowed"
        }
        "web-frontend-logs" => {
            "see that every CloudFront distribution, load balancer and API Gateway stage writes access logs"
        }
        "vpc-endpoints" => "see that workloads reach AWS services through VPC endpoints where they can",
        _ => place.rule.decision.as_str(),
    };
    Ok(Verdict::Manual(text.to_string()))
}

/// Decides a rule in a place. In a region without the service there is nothing that the rule could be about.
pub(super) fn decide(check: &RuleCheck, place: &Place<'_>) -> Result<Verdict, Unread> {
    (check.decide)(place).or_else(|why| {
        let regional = place.rule.scope == RuleScope::AccountRegion;
        let absent = regional && why.absent_in.as_deref() == Some(place.region);
        if absent { Ok(Verdict::NotApplicable(why.message)) } else { Err(why) }
    })
}

/// How a rule is decided.
pub(super) fn check_of(rule: &Rule) -> Option<&'static RuleCheck> {
    CHECKS.iter().find(|check| check.key == rule.key)
}

/// The rules of a benchmark version, each with how it is decided.
pub(super) fn of(version: &'static str) -> Vec<(&'static Rule, &'static RuleCheck)> {
    let in_version = RULES.iter().filter(|rule| !rule.numbers(version).is_empty());
    in_version.filter_map(|rule| Some((rule, check_of(rule)?))).collect()
}

#[cfg(test)]
mod tests;
