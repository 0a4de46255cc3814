//! Products that manage an organization as well: AWS Control Tower, the Landing Zone Accelerator, org-formation. What they
//! made is known by its name, and never touched.
//!
//! * Control Tower: policies `aws-guardrails-*`, roles `aws-controltower-*` and `AWSControlTower*`, the trail
//!   `aws-controltower-BaselineCloudTrail`, the recorder and channel `aws-controltower-BaselineConfig*`.
//!   <https://docs.aws.amazon.com/controltower/latest/userguide/shared-account-resources.html>
//! * Landing Zone Accelerator: everything begins with its prefix, `AWSAccelerator` unless somebody chose another one.
//!   <https://docs.aws.amazon.com/solutions/latest/landing-zone-accelerator-on-aws/>
//! * org-formation: its roles and stacks begin with `OrganizationFormation`.
//!   <https://github.com/org-formation/org-formation-cli>

use std::collections::{BTreeMap, BTreeSet};

use crate::facts::Facts;

/// One product.
#[derive(Debug, PartialEq, Eq)]
pub struct Product {
    /// As its makers call it.
    pub name: &'static str,
    /// What names of the things that it made begin with.
    prefixes: &'static [&'static str],
    /// Service principals that have trusted access where it is in use.
    principals: &'static [&'static str],
}

/// The products that are recognised.
pub const PRODUCTS: [Product; 3] = [
    Product {
        name: "AWS Control Tower",
        prefixes: &["aws-guardrails-", "aws-controltower", "AWSControlTower"],
        principals: &["controltower.amazonaws.com"],
    },
    Product {
        name: "the Landing Zone Accelerator",
        prefixes: &["AWSAccelerator", "AcceleratorGuardrails"],
        principals: &[],
    },
    Product { name: "org-formation", prefixes: &["OrganizationFormation"], principals: &[] },
];

/// Who made a thing of this name; `None`: none of the products.
pub fn of(name: &str) -> Option<&'static str> {
    let made = |product: &&Product| product.prefixes.iter().any(|prefix| name.starts_with(prefix));
    PRODUCTS.iter().find(made).map(|product| product.name)
}

/// Which products are here, by the facts of the run and what its rows say, and what is left to each of them. `rows` has the
/// section of each text.
pub fn present<'t>(
    facts: &Facts,
    rows: impl IntoIterator<Item = (&'t str, &'t str)>,
) -> BTreeMap<String, String> {
    let mut controls: BTreeMap<&'static str, BTreeSet<&str>> = BTreeMap::new();
    for (control, text) in rows {
        for product in PRODUCTS.iter().filter(|p| text.contains(p.name)) {
            controls.entry(product.name).or_default().insert(control);
        }
    }
    PRODUCTS
        .iter()
        .filter_map(|product| {
            let left = left_alone(product, facts, controls.get(product.name))?;
            Some((product.name.to_string(), left))
        })
        .collect()
}

fn left_alone(product: &Product, facts: &Facts, controls: Option<&BTreeSet<&str>>) -> Option<String> {
    let own = |name: &str| of(name) == Some(product.name);
    let policies = facts.policies.values().filter(|p| own(&p.name)).count();
    let trusted = product.principals.iter().filter(|p| facts.trusted_services.contains(**p));
    let mut left = Vec::new();
    match policies {
        0 => {}
        1 => left.push("1 policy".to_string()),
        n => left.push(format!("{n} policies")),
    }
    left.extend(trusted.map(|principal| format!("trusted access of {principal}")));
    left.extend(controls.into_iter().flatten().map(|control| format!("what `{control}` names in its rows")));
    (!left.is_empty()).then(|| left.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Policy;

    #[test]
    fn names_say_who_made_a_thing() {
        for (name, owner) in [
            ("aws-guardrails-abcdef", Some("AWS Control Tower")),
            ("AWSControlTowerExecution", Some("AWS Control Tower")),
            ("aws-controltower-BaselineCloudTrail", Some("AWS Control Tower")),
            ("AWSAccelerator-Guardrails-1", Some("the Landing Zone Accelerator")),
            ("OrganizationFormationBuildAccessRole", Some("org-formation")),
            ("orgbase-plan", None),
        ] {
            assert_eq!(of(name), owner, "{name}");
        }
    }

    #[test]
    fn one_line_per_product_says_what_is_left_alone() {
        let policy = |name: &str| Policy {
            id: name.into(),
            arn: String::new(),
            name: name.into(),
            description: String::new(),
            kind: "SERVICE_CONTROL_POLICY".into(),
            aws_managed: false,
            content: None,
            targets: BTreeSet::new(),
        };
        let facts = Facts {
            policies: [policy("aws-guardrails-a"), policy("mine")].map(|p| (p.id.clone(), p)).into(),
            trusted_services: ["controltower.amazonaws.com".to_string()].into(),
            ..Facts::default()
        };
        let rows = [("config", "x belongs to AWS Control Tower: left alone"), ("scps", "nothing")];
        let present = present(&facts, rows);
        let text = present.get("AWS Control Tower").map(String::as_str);
        assert_eq!(
            text,
            Some("1 policy, trusted access of controltower.amazonaws.com, what `config` names in its rows")
        );
        assert_eq!(present.len(), 1);
        assert!(super::present(&Facts::default(), []).is_empty());
    }
}
