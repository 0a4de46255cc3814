//! Keys of the security standards, and their ARNs.
//! <https://docs.aws.amazon.com/securityhub/latest/userguide/standards-reference.html>

use std::collections::BTreeSet;

use crate::facts::Facts;

/// Key, and the part of the ARN after the account.
const STANDARDS: &[(&str, &str)] = &[
    ("cis-1.2", "ruleset/cis-aws-foundations-benchmark/v/1.2.0"),
    ("cis-1.4", "standards/cis-aws-foundations-benchmark/v/1.4.0"),
    ("cis-3.0", "standards/cis-aws-foundations-benchmark/v/3.0.0"),
    ("cis-5.0", "standards/cis-aws-foundations-benchmark/v/5.0.0"),
    ("fsbp", "standards/aws-foundational-security-best-practices/v/1.0.0"),
    ("nist-800-171", "standards/nist-800-171/v/2.0.0"),
    ("nist-800-53", "standards/nist-800-53/v/5.0.0"),
    ("pci-dss-3.2.1", "standards/pci-dss/v/3.2.1"),
    ("pci-dss-4.0.1", "standards/pci-dss/v/4.0.1"),
    ("resource-tagging", "standards/aws-resource-tagging-standard/v/1.0.0"),
];
/// Standards that another service makes and takes away (Control Tower): nobody else's.
const SERVICE_MANAGED: &str = "standards/service-managed-";

/// The keys.
pub(super) fn keys() -> impl Iterator<Item = &'static str> {
    STANDARDS.iter().map(|(key, _)| *key)
}

/// The part of a standard's ARN after the account. A standard that is newer than the table is named by that part itself.
pub(super) fn path(key: &str) -> Option<&str> {
    if let Some((_, path)) = STANDARDS.iter().find(|(name, _)| *name == key) {
        return Some(path);
    }
    let own = key.starts_with("standards/") && key.contains("/v/") && !key.starts_with(SERVICE_MANAGED);
    own.then_some(key)
}

/// The key that somebody most likely meant.
pub(super) fn nearest(key: &str) -> Option<&'static str> {
    let score = |name: &&str| strsim::jaro_winkler(name, key);
    keys().max_by(|a, b| score(a).total_cmp(&score(b))).filter(|name| score(name) > 0.7)
}

/// The key of a standard by its ARN in any region; the part after the account where the table has none.
pub(super) fn key_of(arn: &str) -> String {
    let path = arn.splitn(6, ':').nth(5).unwrap_or(arn);
    STANDARDS.iter().find(|(_, own)| *own == path).map_or(path, |(key, _)| key).to_owned()
}

/// Whether another service keeps the standard.
pub(super) fn is_service_managed(key: &str) -> bool {
    key.starts_with(SERVICE_MANAGED)
}

/// The ARN of a standard in a region. The oldest one has the same in all.
pub(super) fn arn(key: &str, facts: &Facts, region: &str) -> String {
    let path = path(key).unwrap_or(key);
    let region = if path.starts_with("ruleset/") { "" } else { region };
    facts.arn("securityhub", region, "", path)
}

/// Keys in one form: a standard that is named by its path where it has a key counts as the key.
pub(super) fn canonical(keys: &[String]) -> BTreeSet<String> {
    keys.iter().map(|key| key_of(&format!(":::::{}", path(key).unwrap_or(key)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_and_keys_lead_to_each_other() {
        let facts = Facts { partition: "aws".into(), ..Facts::default() };
        for key in keys() {
            assert_eq!(key_of(&arn(key, &facts, "eu-west-1")), key);
        }
        assert_eq!(arn("cis-1.2", &facts, "eu-west-1"), "arn:aws:securityhub:::ruleset/cis-aws-foundations-benchmark/v/1.2.0");
        let fsbp = "arn:aws:securityhub:eu-west-1::standards/aws-foundational-security-best-practices/v/1.0.0";
        assert_eq!(arn("fsbp", &facts, "eu-west-1"), fsbp);
    }

    #[test]
    fn a_newer_standard_is_named_by_its_path_and_another_services_by_nobody() {
        assert_eq!(path("standards/new-one/v/1.0.0"), Some("standards/new-one/v/1.0.0"));
        assert_eq!(path("standards/service-managed-aws-control-tower/v/1.0.0"), None);
        assert_eq!((path("cis-6.0"), nearest("cis-5")), (None, Some("cis-5.0")));
        let same = canonical(&["fsbp".into(), "standards/aws-foundational-security-best-practices/v/1.0.0".into()]);
        assert_eq!(same.len(), 1);
    }
}
