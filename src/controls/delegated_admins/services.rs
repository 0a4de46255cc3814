//! The services that integrate with Organizations: principals, how trusted access is switched on, how an administrator is
//! registered, how many there may be.
//!
//! From the Organizations user guide ("AWS services that you can use with AWS Organizations") and the guides of the
//! services; AWS recommends a service's own call over `EnableAWSServiceAccess` where there is one, because it makes the
//! roles that the service needs.

/// One service.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Integration {
    /// Key in the baseline.
    pub(super) key: &'static str,
    /// Service principals that get trusted access. Administrators are registered for all of them, regional services for
    /// the first.
    pub(super) principals: &'static [&'static str],
    /// What switches trusted access on.
    pub(super) enable: Enable,
    /// How an administrator is registered.
    pub(super) admin: Admin,
    /// Most administrators; absent where AWS does not say.
    pub(super) max: Option<usize>,
}

/// What switches trusted access on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Enable {
    /// `organizations:EnableAWSServiceAccess`.
    Organizations,
    /// The call that registers the administrator; without one, `organizations:EnableAWSServiceAccess`.
    WithAdmin,
    /// Only the call that registers the administrator.
    OnlyWithAdmin,
    /// `cloudformation:ActivateOrganizationsAccess`.
    StackSets,
    /// `compute-optimizer:UpdateEnrollmentStatus`.
    ComputeOptimizer,
    /// `cost-optimization-hub:UpdateEnrollmentStatus`.
    CostOptimizationHub,
    /// `health:EnableHealthServiceAccessForOrganization`.
    Health,
    /// `ram:EnableSharingWithAwsOrganization`.
    Ram,
    /// `service-quotas:AssociateServiceQuotaTemplate`.
    ServiceQuotas,
}

/// How an administrator is registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admin {
    /// The service has none.
    None,
    /// Once for the organization.
    Global(Global),
    /// The service's own call, in every region.
    Regional(Regional),
}

/// How an administrator is registered once for the organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    /// `organizations:RegisterDelegatedAdministrator`.
    Organizations,
    /// The same, after the management account has the service's role.
    AccessAnalyzer,
    /// `cloudtrail:RegisterOrganizationDelegatedAdmin`, after the management account has the service's role.
    CloudTrail,
    /// `fms:AssociateAdminAccount`.
    FirewallManager,
    /// `ec2:EnableIpamOrganizationAdminAccount`.
    Ipam,
    /// `securitylake:RegisterDataLakeDelegatedAdministrator`.
    SecurityLake,
}

/// Services that are told their administrator in every region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub(super) enum Regional {
    AuditManager,
    Detective,
    GuardDuty,
    Inspector,
    Macie,
    SecurityHub,
}

impl Integration {
    const fn new(key: &'static str, principals: &'static [&'static str], enable: Enable, admin: Admin) -> Integration {
        Integration { key, principals, enable, admin, max: Some(1) }
    }

    const fn max(mut self, max: Option<usize>) -> Integration {
        self.max = max;
        self
    }

    /// The principal under which Organizations lists the administrator of a regional service.
    pub(super) fn principal(&self) -> &'static str {
        self.principals.first().copied().unwrap_or_default()
    }

    /// The registration once for the organization.
    pub(super) fn global(&self) -> Option<Global> {
        if let Admin::Global(how) = self.admin { Some(how) } else { None }
    }

    /// The service's own registration per region.
    pub(super) fn regional(&self) -> Option<Regional> {
        if let Admin::Regional(service) = self.admin { Some(service) } else { None }
    }
}

/// All services, by key.
pub(super) const SERVICES: &[Integration] = &[
    Integration::new("access_analyzer", &["access-analyzer.amazonaws.com"], Enable::Organizations, Admin::Global(Global::AccessAnalyzer)),
    Integration::new("account", &["account.amazonaws.com"], Enable::Organizations, Admin::Global(Global::Organizations)).max(None),
    Integration::new(
        "auditmanager",
        &["auditmanager.amazonaws.com"],
        Enable::WithAdmin,
        Admin::Regional(Regional::AuditManager),
    ),
    Integration::new("backup", &["backup.amazonaws.com"], Enable::Organizations, Admin::Global(Global::Organizations)).max(None),
    Integration::new("cloudtrail", &["cloudtrail.amazonaws.com"], Enable::Organizations, Admin::Global(Global::CloudTrail)).max(Some(3)),
    Integration::new(
        "compute_optimizer",
        &["compute-optimizer.amazonaws.com"],
        Enable::ComputeOptimizer,
        Admin::Global(Global::Organizations),
    ),
    // Aggregators and organization rules have a principal each; a baseline wants one account for both.
    Integration::new(
        "config",
        &["config.amazonaws.com", "config-multiaccountsetup.amazonaws.com"],
        Enable::Organizations,
        Admin::Global(Global::Organizations),
    )
    .max(None),
    Integration::new(
        "config_multiaccountsetup",
        &["config-multiaccountsetup.amazonaws.com"],
        Enable::Organizations,
        Admin::Global(Global::Organizations),
    )
    .max(Some(3)),
    Integration::new(
        "cost_optimization_hub",
        &["cost-optimization-hub.bcm.amazonaws.com"],
        Enable::CostOptimizationHub,
        Admin::Global(Global::Organizations),
    )
    .max(None),
    Integration::new(
        "detective",
        &["detective.amazonaws.com"],
        Enable::WithAdmin,
        Admin::Regional(Regional::Detective),
    ),
    Integration::new("ec2_declarative", &["ec2.amazonaws.com"], Enable::Organizations, Admin::None),
    Integration::new("fms", &["fms.amazonaws.com"], Enable::Organizations, Admin::Global(Global::FirewallManager)),
    Integration::new(
        "guardduty",
        &["guardduty.amazonaws.com"],
        Enable::WithAdmin,
        Admin::Regional(Regional::GuardDuty),
    ),
    Integration::new(
        "guardduty_malware",
        &["malware-protection.guardduty.amazonaws.com"],
        Enable::Organizations,
        Admin::None,
    ),
    Integration::new("health", &["health.amazonaws.com"], Enable::Health, Admin::Global(Global::Organizations)).max(Some(5)),
    Integration::new("iam", &["iam.amazonaws.com"], Enable::Organizations, Admin::Global(Global::Organizations)).max(None),
    Integration::new(
        "inspector2",
        &["inspector2.amazonaws.com", "agentless.inspector2.amazonaws.com"],
        Enable::WithAdmin,
        Admin::Regional(Regional::Inspector),
    ),
    Integration::new("ipam", &["ipam.amazonaws.com"], Enable::OnlyWithAdmin, Admin::Global(Global::Ipam)),
    Integration::new("macie", &["macie.amazonaws.com"], Enable::WithAdmin, Admin::Regional(Regional::Macie)),
    Integration::new("ram", &["ram.amazonaws.com"], Enable::Ram, Admin::None),
    Integration::new(
        "resource_explorer",
        &["resource-explorer-2.amazonaws.com"],
        Enable::Organizations,
        Admin::Global(Global::Organizations),
    )
    .max(None),
    Integration::new(
        "securityhub",
        &["securityhub.amazonaws.com"],
        Enable::WithAdmin,
        Admin::Regional(Regional::SecurityHub),
    ),
    Integration::new("securitylake", &["securitylake.amazonaws.com"], Enable::WithAdmin, Admin::Global(Global::SecurityLake)),
    Integration::new("servicequotas", &["servicequotas.amazonaws.com"], Enable::ServiceQuotas, Admin::None),
    Integration::new("ssm", &["ssm.amazonaws.com"], Enable::Organizations, Admin::Global(Global::Organizations)),
    Integration::new("sso", &["sso.amazonaws.com"], Enable::Organizations, Admin::Global(Global::Organizations)),
    // Administrators are registered with the members' principal; activating makes the management account's role.
    Integration::new(
        "stacksets",
        &["member.org.stacksets.cloudformation.amazonaws.com"],
        Enable::StackSets,
        Admin::Global(Global::Organizations),
    )
    .max(Some(5)),
    Integration::new("storage_lens", &["storage-lens.s3.amazonaws.com"], Enable::Organizations, Admin::Global(Global::Organizations))
        .max(None),
    Integration::new("tagpolicies", &["tagpolicies.tag.amazonaws.com"], Enable::Organizations, Admin::None),
    // Guess: AWS documents the console only; the principal is the one that public Terraform code enables.
    Integration::new(
        "trustedadvisor",
        &["reporting.trustedadvisor.amazonaws.com"],
        Enable::Organizations,
        Admin::None,
    ),
];

/// The service with this key.
pub(super) fn find(key: &str) -> Option<&'static Integration> {
    SERVICES.iter().find(|s| s.key == key)
}

/// Keys of all services.
pub(super) fn keys() -> Vec<&'static str> {
    SERVICES.iter().map(|s| s.key).collect()
}

/// Region of the services that have one endpoint for the partition.
///
/// Guess for partitions other than `aws`: the region of their IAM endpoint.
pub(crate) fn global_region(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "cn-north-1",
        "aws-us-gov" => "us-gov-west-1",
        _ => "us-east-1",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_thirty_are_there_once_and_sorted() {
        let keys = keys();
        let mut sorted = keys.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!((keys.len(), &keys), (30, &sorted));
    }

    #[test]
    fn regional_services_switch_on_with_their_administrator() {
        for service in SERVICES.iter().filter(|s| s.regional().is_some()) {
            assert_eq!((service.enable, service.max), (Enable::WithAdmin, Some(1)), "{}", service.key);
        }
    }

    #[test]
    fn what_is_switched_on_with_an_administrator_has_one() {
        let lonely = |s: &&Integration| {
            matches!(s.enable, Enable::WithAdmin | Enable::OnlyWithAdmin) && s.admin == Admin::None
        };
        assert_eq!(SERVICES.iter().find(lonely), None);
    }
}
