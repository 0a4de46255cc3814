//! The controls: one file (or folder of parts) each, and one line here.

use crate::control::{DynSection, ErasedSection};

macro_rules! sections {
    ($($module:ident :: $section:ident),* $(,)?) => {
        $(pub mod $module;)*

        /// Every section, in the order in which documents list them.
        pub static SECTIONS: &[&dyn DynSection] = &[$(&ErasedSection::<$module::$section>::NEW),*];
    };
}

sections! {
    policy_types::PolicyTypes,
    ous::Ous,
    accounts::Accounts,
    delegated_admins::DelegatedAdmins,
    log_archive::LogArchive,
    org_trail::OrgTrail,
    compute_optimizer::ComputeOptimizer,
    firewall_manager::FirewallManager,
    metric_alarms::MetricAlarms,
    access_analyzer::AccessAnalyzer,
    config::Config,
    backup::Backup,
    password_policy::PasswordPolicy,
    alternate_contacts::AlternateContacts,
    guardduty::GuardDuty,
    macie::Macie,
    detective::Detective,
    inspector::Inspector,
    primary_contact::PrimaryContact,
    account_alias::AccountAlias,
    support_role::SupportRole,
    security_audit_role::SecurityAuditRole,
    mfa_group::MfaGroup,
    root_access::RootAccess,
    s3_block_public_access::S3BlockPublicAccess,
    securityhub::SecurityHub,
    ebs_encryption::EbsEncryption,
    snapshot_block_public_access::SnapshotBlockPublicAccess,
    image_block_public_access::ImageBlockPublicAccess,
    instance_metadata_defaults::InstanceMetadataDefaults,
    serial_console::SerialConsole,
    default_security_groups::DefaultSecurityGroups,
    vpc_flow_logs::VpcFlowLogs,
    default_vpc::DefaultVpc,
    session_manager::SessionManager,
    ssm_document_sharing::SsmDocumentSharing,
    scps::Scps,
}

/// The section with this id.
pub fn section(id: &str) -> Option<&'static dyn DynSection> {
    SECTIONS.iter().copied().find(|s| s.meta().id == id)
}
