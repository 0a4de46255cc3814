//! The presets, in the order of the reference.

use super::Parameter::{
    AccessRole, AllowedRegions, ApprovedServices, ExemptRoleArns, LogBucketPrefix, LogKeyAlias, Partition,
    Prefix, ProtectedRoles, TrailName,
};
use super::Preset;

pub(super) static PRESETS: &[Preset] = &[
    Preset {
        name: "deny-root",
        title: "Deny everything to the root users of member accounts",
        summary: "Denies every action to long-term root credentials. Sessions of central root access \
                  (`sts:AssumeRoot`) still work. It does not end sign-in or password recovery; removing \
                  the root credentials does.",
        parameters: &[Partition],
        needs_exempt_roles: false,
        template: include_str!("deny-root.json"),
    },
    Preset {
        name: "deny-leave-org",
        title: "Deny leaving the organization",
        summary: "Denies `organizations:LeaveOrganization`. Removing an account stays possible from the \
                  management account.",
        parameters: &[],
        needs_exempt_roles: false,
        template: include_str!("deny-leave-org.json"),
    },
    Preset {
        name: "restrict-regions",
        title: "Deny use of unapproved regions",
        summary: "Denies requests to other regions, but for global services, which answer from us-east-1 \
                  or us-west-2. Cross-region inference of Bedrock calls other regions too: list them.",
        parameters: &[AllowedRegions, ExemptRoleArns],
        needs_exempt_roles: true,
        template: include_str!("restrict-regions.json"),
    },
    Preset {
        name: "approved-services",
        title: "Deny services outside an approved list",
        summary: "Denies every service that is not listed. List what the baseline itself needs as well: \
                  iam, sts, organizations, cloudtrail, config, cloudwatch, logs, kms, s3, ec2, support.",
        parameters: &[ApprovedServices, ExemptRoleArns],
        needs_exempt_roles: true,
        template: include_str!("approved-services.json"),
    },
    Preset {
        name: "deny-iam-users",
        title: "Deny IAM users and long-term credentials",
        summary: "Denies creating users, access keys, passwords and other long-term credentials. Users \
                  that exist stay. What needs IAM users (SES SMTP, some vendors) needs an exemption.",
        parameters: &[ExemptRoleArns],
        needs_exempt_roles: true,
        template: include_str!("deny-iam-users.json"),
    },
    Preset {
        name: "require-imdsv2",
        title: "Require IMDSv2",
        summary: "Denies launching instances that do not ask for tokens, loosening the metadata options, \
                  and every call with credentials that came over IMDSv1. Set the account defaults first \
                  and attach it when the metric `MetadataNoToken` is zero.",
        parameters: &[Partition, ExemptRoleArns],
        needs_exempt_roles: true,
        template: include_str!("require-imdsv2.json"),
    },
    Preset {
        name: "deny-public-vpc",
        title: "Deny making VPCs reachable from the Internet",
        summary: "Denies new internet gateways, peering and global accelerators, and changes to VPC Block \
                  Public Access. Gateways that exist stay, those of default VPCs too.",
        parameters: &[ExemptRoleArns],
        needs_exempt_roles: true,
        template: include_str!("deny-public-vpc.json"),
    },
    Preset {
        name: "network-freeze",
        title: "Deny new network components",
        summary: "Denies new VPCs, subnets, gateways, peerings and routes, for accounts that use subnets \
                  shared with them.",
        parameters: &[ExemptRoleArns],
        needs_exempt_roles: true,
        template: include_str!("network-freeze.json"),
    },
    Preset {
        name: "protect-cloudtrail",
        title: "Deny changes to CloudTrail",
        summary: "Denies stopping, changing and deleting the trail. Members cannot touch an organization \
                  trail anyhow; this also covers account trails.",
        parameters: &[Partition, TrailName, ExemptRoleArns],
        needs_exempt_roles: true,
        template: include_str!("protect-cloudtrail.json"),
    },
    Preset {
        name: "protect-config",
        title: "Deny changes to AWS Config",
        summary: "Denies stopping and changing recorder, delivery, retention, aggregation and organization \
                  rules. An account's own rules stay free.",
        parameters: &[ExemptRoleArns],
        needs_exempt_roles: true,
        template: include_str!("protect-config.json"),
    },
    Preset {
        name: "protect-guardduty",
        title: "Deny changes to GuardDuty",
        summary: "Denies turning GuardDuty off, hiding findings and leaving its administrator. The \
                  delegated administrator's account is a member as well: exempt its operators or keep the \
                  policy off its OU.",
        parameters: &[ExemptRoleArns],
        needs_exempt_roles: true,
        template: include_str!("protect-guardduty.json"),
    },
    Preset {
        name: "protect-access-analyzer",
        title: "Deny changes to IAM Access Analyzer",
        summary: "Denies deleting analyzers and archiving findings. The delegated administrator's account \
                  is a member as well: exempt its operators or keep the policy off its OU.",
        parameters: &[ExemptRoleArns],
        needs_exempt_roles: true,
        template: include_str!("protect-access-analyzer.json"),
    },
    Preset {
        name: "protect-security-services",
        title: "Deny changes to Security Hub, Macie, Inspector, Detective and Firewall Manager",
        summary: "Denies turning these services off and leaving their administrator. The delegated \
                  administrator's account is a member as well: exempt its operators or keep the policy off \
                  its OU.",
        parameters: &[ExemptRoleArns],
        needs_exempt_roles: true,
        template: include_str!("protect-security-services.json"),
    },
    Preset {
        name: "protect-s3-bpa",
        title: "Deny changes to S3 Block Public Access",
        summary: "Denies changing the block of account and buckets, tightening included: attach it after \
                  the block is on. It breaks deployments that set a bucket's block.",
        parameters: &[ExemptRoleArns],
        needs_exempt_roles: true,
        template: include_str!("protect-s3-bpa.json"),
    },
    Preset {
        name: "protect-monitoring",
        title: "Deny changes to the alerting pipeline",
        summary: "Denies changing alarms, event rules, topics and log groups whose names carry the \
                  baseline's prefix. What lives in the management account no SCP reaches.",
        parameters: &[Partition, Prefix, ExemptRoleArns],
        needs_exempt_roles: true,
        template: include_str!("protect-monitoring.json"),
    },
    Preset {
        name: "protect-baseline-roles",
        title: "Deny changes to the baseline's IAM roles",
        summary: "Denies creating, changing and deleting the baseline's roles, the access role and those \
                  of StackSets, and all further roles that are listed. The roles that other presets spare \
                  belong in that list.",
        parameters: &[Partition, Prefix, AccessRole, ProtectedRoles, ExemptRoleArns],
        needs_exempt_roles: true,
        template: include_str!("protect-baseline-roles.json"),
    },
    Preset {
        name: "protect-identity",
        title: "Deny changes to identity providers and the password policy",
        summary: "Denies changing SAML and OpenID Connect providers, the password policy and the account \
                  alias, and Identity Center instances of single accounts.",
        parameters: &[ExemptRoleArns],
        needs_exempt_roles: true,
        template: include_str!("protect-identity.json"),
    },
    Preset {
        name: "protect-session-manager",
        title: "Deny changes to Session Manager preferences",
        summary: "Denies changing the document with the session preferences of account and region. \
                  Sessions with another document stay possible; the IAM condition \
                  `ssm:SessionDocumentAccessCheck` restricts them.",
        parameters: &[Partition, ExemptRoleArns],
        needs_exempt_roles: true,
        template: include_str!("protect-session-manager.json"),
    },
    Preset {
        name: "protect-stacks",
        title: "Deny changes to the baseline's CloudFormation stacks",
        summary: "Denies changing stacks and stack sets whose names carry the baseline's prefix.",
        parameters: &[Partition, Prefix, ExemptRoleArns],
        needs_exempt_roles: true,
        template: include_str!("protect-stacks.json"),
    },
    Preset {
        name: "protect-lambdas",
        title: "Deny changes to the baseline's Lambda functions",
        summary: "Denies changing functions whose names carry the baseline's prefix. Event source mappings \
                  have ARNs of their own and are only partly covered.",
        parameters: &[Partition, Prefix, ExemptRoleArns],
        needs_exempt_roles: true,
        template: include_str!("protect-lambdas.json"),
    },
    Preset {
        name: "protect-log-archive",
        title: "Deny tampering with the log archive and its key",
        summary: "Denies deleting log objects and changing the log archive's buckets and key. For the OU \
                  of the log archive account.",
        parameters: &[Partition, LogBucketPrefix, LogKeyAlias, ExemptRoleArns],
        needs_exempt_roles: true,
        template: include_str!("protect-log-archive.json"),
    },
];
