#![allow(clippy::unwrap_used, clippy::panic)]

use super::super::tests::{desired, facts, section};
use super::live::{Applied, FailedAccount, Found};
use super::*;
use crate::control::Risk;

const TEXT: &str = "standards = [\"cis-5.0\", \"fsbp\"]\nexcluded_ous = [\"/Pool\"]\n\
                    policies.pci = { targets = [\"/Cards\"], standards = [\"pci-dss-4.0.1\"] }\n";

fn wants() -> BTreeMap<String, Desired> {
    let set = |wanted: Wanted<Desired>| match wanted.want {
        Want::Set(want) => (wanted.part, want),
        _ => panic!("{} is not wanted", wanted.part),
    };
    desired::<ConfigurationPolicy>(TEXT, "eu-west-1").into_iter().map(set).collect()
}

fn applied(policy: &str, name: Option<&str>, status: &str) -> Applied {
    Applied { id: "r-1".into(), policy: policy.into(), name: name.map(Into::into), status: status.into() }
}

/// As declared, with the root in a status.
fn have(want: &Desired, status: &str) -> Actual {
    let content = Content { disabled_controls: Some(BTreeSet::new()), ..want.content.clone() };
    let found = Some(Found { id: "p1".into(), content });
    let applied = want.targets.iter().map(|t| (t.clone(), applied("p1", Some(&want.name), status))).collect();
    Actual { found, applied, ..Actual::default() }
}

fn failure(active: bool) -> FailedAccount {
    FailedAccount { account: "1 (a)".into(), ou: "/A".into(), id: "1".into(), active, message: "why".into() }
}

#[test]
fn the_root_comes_last_and_each_policy_has_its_name() {
    let units = desired::<ConfigurationPolicy>(TEXT, "eu-west-1");
    let parts: Vec<&str> = units.iter().map(|unit| unit.part.as_str()).collect();
    assert_eq!(parts, ["excluded", "pci", "default"]);
    assert_eq!(units.last().unwrap().after, ["excluded", "pci"]);
    let names: Vec<String> = wants().into_values().map(|want| want.name).collect();
    assert_eq!(names, ["orgbase-securityhub", "orgbase-securityhub-excluded", "orgbase-securityhub-pci"]);
}

#[test]
fn the_nearest_policy_decides_for_an_account() {
    let (section, baseline) = section(TEXT);
    let at = |ou: &str| Account { ou: ou.into(), ..Account::default() };
    assert!(enables(&section, &at("/"), "us-east-1", &baseline));
    assert!(!enables(&section, &at("/Pool/Deep"), "us-east-1", &baseline));
    assert!(!enables(&section, &at("/"), "ap-south-1", &baseline));
}

#[test]
fn a_policy_that_is_there_differs_by_its_content_and_targets() {
    let want = wants().remove("default").unwrap();
    assert_eq!(plan::diff(&want, &Actual::default()).changes.len(), 2);
    assert!(plan::diff(&want, &have(&want, "SUCCESS")).is_empty());
    let mut other = have(&want, "SUCCESS");
    other.found.as_mut().unwrap().content.standards.insert("nist-800-53".into());
    other.applied.insert("/Old".into(), applied("p1", Some(&want.name), "SUCCESS"));
    other.applied.insert("/Cards".into(), applied("p1", Some(&want.name), "SUCCESS"));
    let d = plan::diff(&want, &other);
    let paths: Vec<&str> = d.changes.iter().map(|c| c.path.as_str()).collect();
    assert_eq!((paths, d.risk()), (vec!["standards", "targets./Old"], Risk::Disruptive));
    assert_eq!(plan::to_disassociate(&want, &other).len(), 1);
}

#[test]
fn pending_and_failed_associations_are_told_apart() {
    let want = wants().remove("default").unwrap();
    assert!(plan::diff(&want, &have(&want, "PENDING")).pending.is_some());
    // The status of a parent is old where no account fails any more: it is started again.
    assert_eq!(plan::diff(&want, &have(&want, "FAILED")).changes.len(), 1);
    let active = Actual { failed: vec![failure(true)], ..have(&want, "FAILED") };
    let d = plan::diff(&want, &active);
    assert_eq!((d.changes.len(), d.notices.len(), d.pending), (1, 1, None));
    let gone = Actual { failed: vec![failure(false)], ..have(&want, "FAILED") };
    let d = plan::diff(&want, &gone);
    assert_eq!((d.changes.len(), d.notices.len()), (0, 1));
}

#[test]
fn what_others_applied_is_left_to_people() {
    let want = wants().remove("default").unwrap();
    let mut have = have(&want, "SUCCESS");
    have.applied.insert("/Theirs".into(), applied("p9", Some("theirs"), "SUCCESS"));
    let d = plan::diff(&want, &have);
    assert!(d.is_empty() && d.notices.iter().any(|n| n.contains("theirs")));
    have.applied.insert("/".into(), applied("p9", Some("theirs"), "SUCCESS"));
    assert!(plan::diff(&want, &have).by_hand.is_some());
    assert!(plan::to_associate(&want, &have).is_empty());
    // Nobody decided for a self-managed target but by hand, and another of our policies gives way.
    for name in [None, Some("orgbase-securityhub-pci")] {
        have.applied.insert("/".into(), applied("p2", name, "SUCCESS"));
        let d = plan::diff(&want, &have);
        assert_eq!((d.changes.len(), d.by_hand), (1, None), "{name:?}");
    }
}

#[test]
fn switching_security_hub_off_where_it_is_on_is_destructive() {
    let want = wants().remove("excluded").unwrap();
    assert_eq!(plan::diff(&want, &Actual::default()).risk(), Risk::Normal);
    let on = Actual { switched_off: vec!["1 (a)".into()], ..Actual::default() };
    assert_eq!(plan::diff(&want, &on).risk(), Risk::Destructive);
}

/// A policy would enable Security Hub in an account that is to be left alone: a person decides.
#[test]
fn a_policy_waits_where_it_would_reach_an_exception() {
    let exception = |account: &str| {
        format!("{TEXT}[[exceptions]]\ncontrol = \"securityhub\"\naccounts = [\"{account}\"]\nreason = \"lab\"\n")
    };
    let want = |account: &str, ou: &str| {
        let ((section, baseline), mut facts) = (section(&exception(account)), facts());
        let member = Account {
            id: "444444444444".into(),
            email: "web@example.com".into(),
            state: "ACTIVE".into(),
            ou: ou.into(),
            ..Account::default()
        };
        facts.accounts.insert(member.id.clone(), member);
        let account = &facts.accounts["333333333333"];
        let cx =
            DesiredCx { section: &section, account, region: "eu-west-1", facts: &facts, baseline: &baseline };
        let units = ConfigurationPolicy::desired(&cx);
        let blocked = |unit: &&Wanted<Desired>| matches!(&unit.want, Want::Blocked(why) if why.contains("excluded_ous"));
        units.iter().filter(blocked).map(|unit| unit.part.clone()).collect::<Vec<_>>()
    };
    assert_eq!(want("444444444444", "/Workloads"), ["default"]);
    assert_eq!(want("444444444444", "/Pool"), Vec::<String>::new());
    // The administrator and the management account have units of their own.
    assert_eq!(want("333333333333", "/Workloads"), Vec::<String>::new());
}
