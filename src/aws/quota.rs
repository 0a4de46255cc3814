//! Published request rates, as data: `reference/aws-limits.md` 1.1 and 1.3, read 2026-11-21.

/// Rate of a class of operations that share one bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Quota {
    /// Sustained calls per second.
    pub(crate) rate: f64,
    /// Calls at once.
    pub(crate) burst: f64,
    /// Published by AWS: the pace never goes over `rate`. Else it is an estimate that may be left behind.
    pub(crate) published: bool,
}

/// One row: operations by name, or by a first part ending in `*`, that share a bucket.
struct Row(&'static str, &'static [&'static str], f64, f64);

/// Where AWS publishes a rate without a burst, the burst is taken as one second of the rate.
/// Guess: AWS does not say whether the operations of one row share a bucket; taken as shared.
const ROWS: &[Row] = &[
    Row("organizations", &["ListAccounts"], 8.0, 12.0),
    Row("organizations", &["DescribeAccount"], 20.0, 30.0),
    Row(
        "organizations",
        &["ListParents", "ListAccountsForParent", "ListOrganizationalUnitsForParent"],
        5.0,
        8.0,
    ),
    Row("organizations", &["ListChildren"], 6.0, 10.0),
    Row("organizations", &["ListRoots"], 1.0, 2.0),
    Row("organizations", &["DescribeOrganizationalUnit"], 2.0, 2.0),
    Row("organizations", &["DescribeOrganization", "CreateOrganizationalUnit"], 1.0, 2.0),
    Row("organizations", &["ListTagsForResource"], 10.0, 15.0),
    Row("organizations", &["TagResource", "UntagResource"], 4.0, 6.0),
    Row("organizations", &["ListPolicies", "ListPoliciesForTarget", "ListTargetsForPolicy"], 5.0, 8.0),
    Row("organizations", &["DescribePolicy"], 2.0, 2.0),
    Row("organizations", &["CreatePolicy", "DeletePolicy", "AttachPolicy", "DetachPolicy"], 2.0, 3.0),
    Row("organizations", &["UpdatePolicy"], 2.0, 3.0),
    Row("organizations", &["EnablePolicyType", "DisablePolicyType"], 1.0, 1.0),
    Row("organizations", &["EnableAWSServiceAccess", "DisableAWSServiceAccess"], 1.0, 2.0),
    Row(
        "organizations",
        &["ListAWSServiceAccessForOrganization", "ListDelegatedServicesForAccount"],
        1.0,
        3.0,
    ),
    Row("organizations", &["ListDelegatedAdministrators"], 5.0, 8.0),
    Row("organizations", &["RegisterDelegatedAdministrator", "DeregisterDelegatedAdministrator"], 1.0, 2.0),
    Row("organizations", &["MoveAccount", "UpdateOrganizationalUnit", "DeleteOrganizationalUnit"], 2.0, 3.0),
    Row("organizations", &["CreateAccount", "CreateGovCloudAccount"], 0.1, 3.0),
    Row("organizations", &["DescribeCreateAccountStatus"], 2.0, 2.0),
    Row("organizations", &["ListCreateAccountStatus"], 5.0, 8.0),
    Row("organizations", &["InviteAccountToOrganization"], 3.0, 5.0),
    Row("organizations", &["CloseAccount"], 0.05, 1.0),
    Row("organizations", &["RemoveAccountFromOrganization"], 2.0, 2.0),
    Row("sts", &["*"], 600.0, 600.0),
    Row("cloudtrail", &["LookupEvents"], 2.0, 2.0),
    Row("cloudtrail", &["RegisterOrganization*", "DeregisterOrganization*"], 10.0, 10.0),
    Row("cloudtrail", &["Describe*", "Get*", "List*"], 10.0, 10.0),
    Row("cloudtrail", &["*"], 1.0, 1.0),
    Row("cloudwatch", &["DescribeAlarms"], 9.0, 9.0),
    Row("cloudwatch", &["PutMetricAlarm"], 3.0, 3.0),
    Row("cloudwatch", &["PutCompositeAlarm"], 3.0, 3.0),
    Row("cloudwatch", &["DeleteAlarms"], 3.0, 3.0),
    Row("cloudwatch", &["ListTagsForResource"], 10.0, 10.0),
    Row("cloudwatch", &["TagResource", "UntagResource"], 20.0, 20.0),
    Row("logs", &["DescribeLogGroups"], 10.0, 10.0),
    Row("logs", &["CreateLogGroup"], 10.0, 10.0),
    Row("logs", &["DescribeMetricFilters"], 5.0, 5.0),
    Row("logs", &["PutMetricFilter"], 5.0, 5.0),
    Row("logs", &["PutRetentionPolicy"], 5.0, 5.0),
    Row("logs", &["AssociateKmsKey"], 5.0, 5.0),
    Row("logs", &["ListTagsForResource"], 5.0, 5.0),
    Row("logs", &["PutSubscriptionFilter"], 5.0, 5.0),
    Row("securityhub", &["BatchEnableStandards"], 1.0, 1.0),
    Row("securityhub", &["UpdateStandardsControl"], 1.0, 5.0),
    Row("securityhub", &["GetFindings"], 3.0, 6.0),
    Row("securityhub", &["*"], 10.0, 30.0),
    Row("account", &["GetAlternateContact", "GetContactInformation"], 10.0, 15.0),
    Row("account", &["PutAlternateContact", "PutContactInformation"], 5.0, 8.0),
    Row("account", &["DeleteAlternateContact"], 1.0, 6.0),
    Row("account", &["ListRegions", "GetRegionOptStatus"], 5.0, 5.0),
    Row("account", &["EnableRegion", "DisableRegion"], 1.0, 1.0),
    Row("account", &["GetPrimaryEmail", "GetAccountInformation"], 3.0, 3.0),
    Row(
        "ec2",
        &[
            "EnableSnapshotBlockPublicAccess",
            "DisableSnapshotBlockPublicAccess",
            "EnableImageBlockPublicAccess",
            "DisableImageBlockPublicAccess",
        ],
        0.1,
        1.0,
    ),
    Row("ec2", &["ModifyInstanceMetadataDefaults"], 2.0, 2.0),
    Row("ec2", &["StartDeclarativePoliciesReport"], 1.0, 1.0),
    Row(
        "ec2",
        &[
            "DescribeSecurityGroups",
            "DescribeNetworkInterfaces",
            "DescribeVolumes",
            "DescribeSnapshots",
            "DescribeInstances",
        ],
        10.0,
        50.0,
    ),
    Row("ec2", &["Describe*", "Get*", "List*", "Search*"], 20.0, 100.0),
    Row("ec2", &["*"], 5.0, 50.0),
    Row("kms", &["ListAliases"], 500.0, 500.0),
    Row("kms", &["ListKeys"], 500.0, 500.0),
    Row("kms", &["DescribeKey"], 2000.0, 2000.0),
    Row("kms", &["GetKeyPolicy"], 1000.0, 1000.0),
    Row("kms", &["GetKeyRotationStatus"], 1000.0, 1000.0),
    Row("kms", &["CreateKey"], 5.0, 5.0),
    Row("kms", &["CreateAlias"], 5.0, 5.0),
    Row("kms", &["PutKeyPolicy"], 15.0, 15.0),
    Row("kms", &["EnableKeyRotation"], 15.0, 15.0),
    Row("kms", &["TagResource"], 10.0, 10.0),
    Row("sns", &["ListTopics"], 30.0, 30.0),
    Row("sns", &["ListSubscriptions*"], 30.0, 30.0),
    Row("sns", &["Subscribe"], 100.0, 100.0),
    Row("sns", &["CreateTopic", "GetTopicAttributes", "SetTopicAttributes"], 30.0, 30.0),
    Row("sns", &["TagResource", "UntagResource"], 10.0, 10.0),
    Row("sns", &["PutDataProtectionPolicy"], 1.0, 1.0),
];

/// Services with one endpoint for all regions of a partition: one bucket per account, whatever the client's region.
const ONE_REGION: &[&str] = &["account", "cost-optimization-hub", "health", "iam", "organizations"];

/// Which operations share a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Share {
    /// A row of the published table, by index.
    Row(usize),
    /// Every read of a service without published rates.
    Reads,
    /// Every write of a service without published rates.
    Writes,
}

/// The bucket that an operation takes from, and how it starts.
pub(crate) fn quota(service: &str, operation: &str, write: bool) -> (Share, Quota) {
    let fits = |name: &str| match name.strip_suffix('*') {
        Some(first) => operation.starts_with(first),
        None => operation == name,
    };
    let row = ROWS.iter().position(|r| r.0 == service && r.1.iter().any(|name| fits(name)));
    match row.and_then(|n| ROWS.get(n).map(|r| (n, r))) {
        Some((n, Row(_, _, rate, burst))) => {
            (Share::Row(n), Quota { rate: *rate, burst: *burst, published: true })
        }
        // Estimates (aws-limits.md 1.3: "seed 5 rps read, 1 rps write, and adapt").
        None if write => (Share::Writes, Quota { rate: 1.0, burst: 4.0, published: false }),
        None => (Share::Reads, Quota { rate: 5.0, burst: 10.0, published: false }),
    }
}

/// Whether a service has one endpoint for all regions.
pub(crate) fn is_in_one_region(service: &str) -> bool {
    ONE_REGION.contains(&service)
}

/// The region of the bucket: empty for a service with one endpoint.
pub(crate) fn bucket_region<'a>(service: &str, region: &'a str) -> &'a str {
    if ONE_REGION.contains(&service) { "" } else { region }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_rates_win_over_estimates_and_rows_share() {
        let (accounts, list) = quota("organizations", "ListAccounts", false);
        assert_eq!(list, Quota { rate: 8.0, burst: 12.0, published: true });
        assert_ne!(accounts, quota("organizations", "ListParents", false).0);
        assert_eq!(
            quota("organizations", "AttachPolicy", true).0,
            quota("organizations", "CreatePolicy", true).0
        );
        assert!(
            quota("cloudtrail", "LookupEvents", false).1.rate < quota("cloudtrail", "GetTrail", false).1.rate
        );
    }

    #[test]
    fn unpublished_services_have_one_bucket_for_reads_and_one_for_writes() {
        assert_eq!(quota("iam", "GetRole", false).0, Share::Reads);
        assert_eq!(quota("guardduty", "CreateDetector", true).0, Share::Writes);
        assert!(!quota("guardduty", "CreateDetector", true).1.published);
    }

    #[test]
    fn global_services_share_over_regions() {
        assert_eq!(bucket_region("iam", "eu-west-1"), bucket_region("iam", "us-east-1"));
        assert_ne!(bucket_region("ec2", "eu-west-1"), bucket_region("ec2", "us-east-1"));
    }
}
