//! The session policy of read-only runs where the exact one does not fit.

/// Longest session policy in characters.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
pub(crate) const LONGEST: usize = 2048;

/// Which session policy a read-only run sends with AssumeRole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadPolicy {
    /// The one that was given: exactly what the baseline's controls read.
    AsGiven,
    /// A generic one, because none was given or it was too large: it allows reading configuration, in more services
    /// than the baseline needs.
    Generic,
}

/// Prefixes whose `Get*`, `List*` and `Describe*` give configuration, not contents.
const CONFIGURATION: &[&str] = &[
    "access-analyzer",
    "account",
    "auditmanager",
    "backup",
    "budgets",
    "cloudformation",
    "cloudtrail",
    "cloudwatch",
    "compute-optimizer",
    "config",
    "cost-optimization-hub",
    "detective",
    "ec2",
    "fms",
    "guardduty",
    "health",
    "iam",
    "inspector2",
    "kms",
    "macie2",
    "organizations",
    "ram",
    "securityhub",
    "securitylake",
    "servicequotas",
    "sns",
    "sso",
];

/// Actions that need more care or have other verbs. No `s3:GetObject`, no `logs:GetLogEvents`.
const OTHERS: &[&str] = &[
    "cloudtrail:LookupEvents",
    "elasticfilesystem:Describe*",
    "iam:Generate*",
    "inspector2:BatchGet*",
    "logs:Describe*",
    "logs:List*",
    "rds:Describe*",
    "s3:GetA*",
    "s3:GetBucket*",
    "s3:GetEncryptionConfiguration",
    "s3:GetLifecycleConfiguration",
    "s3:GetReplicationConfiguration",
    "s3:List*",
    "scheduler:GetSchedule",
    "securityhub:BatchGet*",
    "ssm:Describe*",
    "ssm:GetDocument",
    "ssm:GetServiceSetting",
    "ssm:List*",
];

/// A policy that allows reading configuration. A wildcard for the service (`*:Get*`) is no valid action, so every service
/// is named.
pub(crate) fn generic() -> String {
    let mut actions: Vec<String> = OTHERS.iter().map(|a| (*a).to_owned()).collect();
    for prefix in CONFIGURATION {
        actions.extend(["Get*", "List*", "Describe*"].map(|verb| format!("{prefix}:{verb}")));
    }
    serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}],
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generic_policy_fits_and_reads_no_contents() {
        let policy = generic();
        assert!(policy.chars().count() <= LONGEST, "{} characters", policy.chars().count());
        assert!(!policy.contains("s3:Get*") && !policy.contains("logs:Get*"));
        assert!(policy.contains("organizations:Describe*"));
    }
}
