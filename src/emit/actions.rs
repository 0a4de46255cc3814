//! From an API operation to the IAM actions that it needs.
//!
//! Mostly they have the same name. The exceptions come from the Service Authorization Reference
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/>.

/// The IAM actions of `service:Operation` (service as in `Meta::reads`), such as `s3:PutLifecycleConfiguration`.
pub fn iam_actions(operation: &str) -> Vec<String> {
    if let Some((_, actions)) = EXCEPTIONS.iter().find(|(name, _)| *name == operation) {
        return actions.iter().map(ToString::to_string).collect();
    }
    let (service, name) = operation.split_once(':').unwrap_or((operation, "*"));
    let further = if ADMINISTRATOR_CALLS.contains(&operation) { ADMINISTRATOR_NEEDS } else { &[] };
    let own = format!("{}:{name}", iam_prefix(service));
    std::iter::once(own).chain(further.iter().map(ToString::to_string)).collect()
}

/// Calls by which a service registers its administrator in Organizations, with the caller's permissions.
const ADMINISTRATOR_CALLS: &[&str] = &[
    "auditmanager:RegisterOrganizationAdminAccount",
    "cloudtrail:RegisterOrganizationDelegatedAdmin",
    "detective:EnableOrganizationAdminAccount",
    "ec2:EnableIpamOrganizationAdminAccount",
    "guardduty:EnableOrganizationAdminAccount",
    "inspector2:EnableDelegatedAdminAccount",
    "macie2:EnableOrganizationAdminAccount",
    "securityhub:EnableOrganizationAdminAccount",
    "securitylake:RegisterDataLakeDelegatedAdministrator",
];

/// What those need. <https://docs.aws.amazon.com/guardduty/latest/ug/organizations_permissions.html> and
/// <https://docs.aws.amazon.com/inspector/latest/user/designating-admin.html> list them; Guess: the same for the others.
const ADMINISTRATOR_NEEDS: &[&str] = &[
    "iam:CreateServiceLinkedRole",
    "iam:GetRole",
    "organizations:DescribeAccount",
    "organizations:DescribeOrganization",
    "organizations:DescribeOrganizationalUnit",
    "organizations:EnableAWSServiceAccess",
    "organizations:ListAWSServiceAccessForOrganization",
    "organizations:ListAccounts",
    "organizations:ListDelegatedAdministrators",
    "organizations:RegisterDelegatedAdministrator",
];

/// The IAM prefix of a service.
pub(crate) fn iam_prefix(service: &str) -> &str {
    PREFIXES.iter().find(|(key, _)| *key == service).map_or(service, |(_, prefix)| prefix)
}

/// Services whose IAM prefix is not their key.
const PREFIXES: &[(&str, &str)] = &[
    ("accessanalyzer", "access-analyzer"),
    ("efs", "elasticfilesystem"),
    ("elbv2", "elasticloadbalancing"),
    ("resourcegroupstaggingapi", "tag"),
    ("s3control", "s3"),
    ("service-quotas", "servicequotas"),
    ("sso-admin", "sso"),
    ("stepfunctions", "states"),
];

/// Operations whose actions have another name, or that need further ones.
const EXCEPTIONS: &[(&str, &[&str])] = &[
    // What the service makes or passes on with the caller's rights: `scopes` says for whom.
    // Analyzers of the organization read it with the caller's rights: what AWS's policy IAMAccessAnalyzerFullAccess has.
    (
        "accessanalyzer:CreateAnalyzer",
        &[
            "access-analyzer:CreateAnalyzer",
            "access-analyzer:TagResource",
            "iam:CreateServiceLinkedRole",
            "organizations:DescribeAccount",
            "organizations:DescribeOrganization",
            "organizations:DescribeOrganizationalUnit",
            "organizations:ListAWSServiceAccessForOrganization",
            "organizations:ListAccounts",
            "organizations:ListAccountsForParent",
            "organizations:ListChildren",
            "organizations:ListDelegatedAdministrators",
            "organizations:ListOrganizationalUnitsForParent",
            "organizations:ListParents",
            "organizations:ListRoots",
        ],
    ),
    ("backup:CreateBackupSelection", &["backup:CreateBackupSelection", "iam:PassRole"]),
    // Config asks Organizations with the caller's rights whether it is an administrator.
    (
        "config:PutConfigurationAggregator",
        &[
            "config:PutConfigurationAggregator",
            "config:TagResource",
            "iam:PassRole",
            "organizations:DescribeOrganization",
            "organizations:ListDelegatedAdministrators",
        ],
    ),
    (
        "config:PutConfigurationRecorder",
        &["config:PutConfigurationRecorder", "config:TagResource", "iam:PassRole"],
    ),
    (
        "config:PutOrganizationConformancePack",
        &[
            "config:PutOrganizationConformancePack",
            "iam:CreateServiceLinkedRole",
            "iam:GetRole",
            "organizations:DescribeOrganization",
            "organizations:ListDelegatedAdministrators",
        ],
    ),
    // The action has no `s`: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondetective.html>
    ("detective:ListOrganizationAdminAccounts", &["detective:ListOrganizationAdminAccount"]),
    // To a bucket: <https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3.html>
    ("ec2:CreateFlowLogs", &["ec2:CreateFlowLogs", "ec2:CreateTags", "logs:CreateLogDelivery"]),
    ("ec2:DeleteFlowLogs", &["ec2:DeleteFlowLogs", "logs:DeleteLogDelivery"]),
    ("guardduty:CreateDetector", &["guardduty:CreateDetector", "iam:CreateServiceLinkedRole"]),
    ("inspector2:Enable", &["inspector2:Enable", "iam:CreateServiceLinkedRole"]),
    ("macie2:EnableMacie", &["macie2:EnableMacie", "iam:CreateServiceLinkedRole"]),
    (
        "compute-optimizer:UpdateEnrollmentStatus",
        &[
            "compute-optimizer:UpdateEnrollmentStatus",
            "iam:CreateServiceLinkedRole",
            "organizations:DescribeOrganization",
            "organizations:EnableAWSServiceAccess",
            "organizations:ListAWSServiceAccessForOrganization",
            "organizations:ListAccounts",
        ],
    ),
    ("scheduler:CreateScheduleGroup", &["scheduler:CreateScheduleGroup", "scheduler:TagResource"]),
    ("scheduler:CreateSchedule", &["scheduler:CreateSchedule", "iam:PassRole"]),
    ("scheduler:UpdateSchedule", &["scheduler:UpdateSchedule", "iam:PassRole"]),
    (
        "securityhub:CreateConfigurationPolicy",
        &["securityhub:CreateConfigurationPolicy", "securityhub:TagResource"],
    ),
    ("securityhub:EnableSecurityHub", &["securityhub:EnableSecurityHub", "iam:CreateServiceLinkedRole"]),
    (
        "cloudtrail:CreateTrail",
        &[
            "cloudtrail:CreateTrail",
            "cloudtrail:AddTags",
            "iam:PassRole",
            "iam:GetRole",
            "iam:CreateServiceLinkedRole",
            "organizations:DescribeOrganization",
            "organizations:ListAWSServiceAccessForOrganization",
        ],
    ),
    ("cloudtrail:UpdateTrail", &["cloudtrail:UpdateTrail", "iam:PassRole"]),
    (
        "fms:AssociateAdminAccount",
        &[
            "fms:AssociateAdminAccount",
            "organizations:RegisterDelegatedAdministrator",
            "organizations:DescribeOrganization",
        ],
    ),
    ("kms:CreateKey", &["kms:CreateKey", "kms:TagResource"]),
    ("logs:CreateLogGroup", &["logs:CreateLogGroup", "logs:TagResource"]),
    (
        "organizations:EnableAWSServiceAccess",
        &["organizations:EnableAWSServiceAccess", "iam:CreateServiceLinkedRole"],
    ),
    ("organizations:CreatePolicy", &["organizations:CreatePolicy", "organizations:TagResource"]),
    (
        "s3:CreateBucket",
        &["s3:CreateBucket", "s3:PutBucketObjectLockConfiguration", "s3:PutBucketVersioning"],
    ),
    ("s3:DeleteBucketLifecycle", &["s3:PutLifecycleConfiguration"]),
    ("s3:DeleteBucketTagging", &["s3:PutBucketTagging"]),
    ("s3:GetBucketEncryption", &["s3:GetEncryptionConfiguration"]),
    ("s3:GetBucketLifecycleConfiguration", &["s3:GetLifecycleConfiguration"]),
    ("s3:GetBucketReplication", &["s3:GetReplicationConfiguration"]),
    ("s3:GetObjectLockConfiguration", &["s3:GetBucketObjectLockConfiguration"]),
    ("s3:GetPublicAccessBlock", &["s3:GetBucketPublicAccessBlock"]),
    ("s3:HeadBucket", &["s3:ListBucket"]),
    ("s3:ListBuckets", &["s3:ListAllMyBuckets"]),
    ("s3:ListObjectVersions", &["s3:ListBucketVersions"]),
    ("s3:PutBucketEncryption", &["s3:PutEncryptionConfiguration"]),
    ("s3:PutBucketLifecycleConfiguration", &["s3:PutLifecycleConfiguration"]),
    ("s3:PutBucketReplication", &["s3:PutReplicationConfiguration", "iam:PassRole"]),
    ("s3:PutObjectLockConfiguration", &["s3:PutBucketObjectLockConfiguration"]),
    ("s3:PutPublicAccessBlock", &["s3:PutBucketPublicAccessBlock"]),
    ("s3control:GetPublicAccessBlock", &["s3:GetAccountPublicAccessBlock"]),
    ("s3control:PutPublicAccessBlock", &["s3:PutAccountPublicAccessBlock"]),
    ("s3control:DeletePublicAccessBlock", &["s3:PutAccountPublicAccessBlock"]),
    ("sns:CreateTopic", &["sns:CreateTopic", "sns:TagResource"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_where_aws_says_so() {
        assert_eq!(iam_actions("iam:GetRole"), ["iam:GetRole"]);
        assert_eq!(iam_actions("s3control:GetPublicAccessBlock"), ["s3:GetAccountPublicAccessBlock"]);
        assert_eq!(iam_actions("accessanalyzer:ListAnalyzers"), ["access-analyzer:ListAnalyzers"]);
        assert_eq!(iam_actions("efs:DescribeFileSystems"), ["elasticfilesystem:DescribeFileSystems"]);
    }

    #[test]
    fn a_services_own_administrator_call_works_in_organizations_with_the_callers_rights() {
        let actions = iam_actions("guardduty:EnableOrganizationAdminAccount");
        assert_eq!(actions.first().map(String::as_str), Some("guardduty:EnableOrganizationAdminAccount"));
        assert!(actions.iter().any(|a| a == "organizations:DescribeOrganizationalUnit"), "{actions:?}");
    }

    #[test]
    fn the_table_names_each_operation_once() {
        let mut names: Vec<&str> = EXCEPTIONS.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
