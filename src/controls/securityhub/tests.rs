#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::control::{Control, DesiredCx, Want, Wanted};
use crate::facts::{Account, Facts};

const MANAGEMENT: &str = "111111111111";
const ADMINISTRATOR: &str = "333333333333";

fn text(keys: &str) -> String {
    format!(
        "version = 1\n[organization]\nid = \"o-a1b2c3d4e5\"\nhome_region = \"eu-west-1\"\nregions = [\"eu-west-1\", \
         \"us-east-1\"]\n[accounts.security]\nname = \"Security\"\nemail = \"aws+security@example.com\"\nou = \"/\"\n\
         [securityhub]\n{keys}"
    )
}

/// The section with these keys, and its baseline.
pub(super) fn section(keys: &str) -> (SecurityHub, Baseline) {
    let baseline = Baseline::parse("b.toml", &text(keys)).unwrap_or_else(|e| panic!("{}", e.render(false)));
    (crate::resource::declared::<SecurityHub>(&baseline).unwrap(), baseline)
}

pub(super) fn facts() -> Facts {
    let account = |id: &str, email: &str| Account {
        id: id.into(),
        email: email.into(),
        state: "ACTIVE".into(),
        ou: "/".into(),
        ..Account::default()
    };
    let accounts =
        [account(MANAGEMENT, "aws@example.com"), account(ADMINISTRATOR, "aws+security@example.com")];
    Facts {
        partition: "aws".into(),
        root_id: "r-1".into(),
        management_account: MANAGEMENT.into(),
        management_regions: ["eu-west-1", "us-east-1"].map(String::from).into(),
        accounts: accounts.into_iter().map(|a| (a.id.clone(), a)).collect(),
        ..Facts::default()
    }
}

/// What a control wants in a region, with these keys; as the account of its seat.
pub(super) fn desired<C: Control<Section = SecurityHub>>(keys: &str, region: &str) -> Vec<Wanted<C::Desired>> {
    let ((section, baseline), facts) = (section(keys), facts());
    let management = C::META.seat == crate::control::Seat::Management;
    let account = facts.accounts.get(if management { MANAGEMENT } else { ADMINISTRATOR }).unwrap();
    C::desired(&DesiredCx { section: &section, account, region, facts: &facts, baseline: &baseline })
}

/// The regions in which a control wants something.
pub(super) fn regions_of<C: Control<Section = SecurityHub>>(keys: &str) -> Vec<&'static str> {
    let wants = |region: &&str| desired::<C>(keys, region).iter().any(|unit| matches!(unit.want, Want::Set(_)));
    ["eu-west-1", "us-east-1"].into_iter().filter(wants).collect()
}

fn findings(keys: &str) -> Vec<String> {
    match Baseline::parse("b.toml", &text(keys)) {
        Ok(_) => Vec::new(),
        Err(error) => error.findings.into_iter().map(|finding| finding.message).collect(),
    }
}

#[test]
fn the_regions_of_the_baseline_are_linked() {
    let (section, baseline) = section("standards = []\n");
    assert_eq!(section.linking(&baseline), (LinkingMode::SpecifiedRegions, vec!["us-east-1".to_owned()]));
}

#[test]
fn keys_that_contradict_each_other_are_found() {
    let cases = [
        ("standards = [\"cis-6\"]\n", "there is no standard `cis-6`"),
        ("standards = []\nlinking_mode = \"SPECIFIED_REGIONS\"\n", "`SPECIFIED_REGIONS` needs `linking_regions`"),
        ("standards = []\nlinking_mode = \"ALL_REGIONS\"\nlinking_regions = [\"us-east-1\"]\n", "takes no"),
        ("standards = []\nlinking_regions = [\"us-east-1\"]\n", "it is not said"),
        ("standards = []\nlinking_mode = \"SPECIFIED_REGIONS\"\nlinking_regions = [\"eu-west-1\"]\n", "is the home region"),
        ("standards = []\nenabled_controls = [\"IAM.1\"]\ndisabled_controls = [\"IAM.2\"]\n", "either"),
        ("standards = []\ndisabled_controls = [\"IAM\"]\n", "is no id of a control"),
        ("standards = []\nparameters.\"IAM.7\".MaxPasswordAge = {}\n", "needs exactly one value"),
        ("standards = []\nauto_enable_controls = true\n", "the policy decides"),
        ("standards = []\nconfiguration = \"local\"\nexcluded_ous = [\"/Pool\"]\n", "only policies"),
        ("standards = []\nexcluded_ous = [\"/\"]\n", "is a target of `excluded` and of `default`"),
        ("standards = []\npolicies.Big = { targets = [\"/A\"], standards = [] }\n", "is no name"),
        ("standards = []\npolicies.excluded = { targets = [\"/A\"], standards = [] }\n", "the section's own policy"),
    ];
    for (keys, expected) in cases {
        let found = findings(keys);
        assert!(found.iter().any(|message| message.contains(expected)), "{keys}: {found:?}");
    }
}
