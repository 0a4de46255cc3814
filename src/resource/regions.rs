//! Regions that an account has without asking, and those to opt in to.
//! <https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html>

use crate::baseline::{Baseline, Regions};
use crate::facts::Facts;

/// Regions of the partition `aws` that are on in every account: those from before 20 March 2019, and nothing since.
/// The other partitions have no regions to opt in to.
pub(crate) const BY_DEFAULT: [&str; 17] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// Whether accounts have the region only after they opted in to it.
pub fn is_opt_in(facts: &Facts, region: &str) -> bool {
    facts.partition == "aws" && !BY_DEFAULT.contains(&region)
}

/// The opt-in regions that the baseline manages, in their order by name.
pub fn managed_opt_in(baseline: &Baseline, facts: &Facts) -> Vec<String> {
    let mut regions: Vec<String> = match &baseline.organization.regions {
        Regions::List(list) => list.clone(),
        Regions::Enabled => facts.management_regions.iter().cloned().collect(),
    };
    regions.retain(|region| is_opt_in(facts, region));
    regions.sort_unstable();
    regions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_partition_aws_has_regions_to_opt_in_to() {
        let facts = |partition: &str| Facts { partition: partition.into(), ..Facts::default() };
        assert!(is_opt_in(&facts("aws"), "me-south-1") && !is_opt_in(&facts("aws"), "eu-west-1"));
        assert!(!is_opt_in(&facts("aws-cn"), "cn-north-1"));
    }
}
