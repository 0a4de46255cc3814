#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};

use super::super::tests::{SECURITY, baseline, facts};
use super::members::Amiss;
use super::*;
use crate::control::Want;

const PLANS: &str = "[guardduty.protection_plans]\ns3_data_events = \"ALL\"\neks_audit_logs = \"NEW\"\n\
                     runtime_monitoring = \"ALL\"\nec2_agent_management = \"ALL\"\n";

fn want(keys: &str) -> Desired {
    let (baseline, facts) = (baseline(keys), facts());
    let section = declared::<GuardDuty>(&baseline).unwrap();
    let account = &facts.accounts[SECURITY];
    let cx = DesiredCx { section: &section, account, region: "eu-west-1", facts: &facts, baseline: &baseline };
    let Some(Want::Set(want)) = OrganizationDetector::desired(&cx).pop().map(|w| w.want) else { unreachable!() };
    want
}

/// The region offers every plan that the tests declare, and all are off.
fn fresh() -> Actual {
    let names = ["S3_DATA_EVENTS", "EKS_AUDIT_LOGS", "RUNTIME_MONITORING", "RUNTIME_MONITORING/EC2_AGENT_MANAGEMENT"];
    let detector = Detector {
        id: "d".into(),
        enabled: true,
        frequency: "SIX_HOURS".into(),
        switches: names.iter().map(|name| ((*name).to_owned(), name.starts_with('S'))).collect(),
    };
    let organization = Organization {
        auto_enable: "NONE".into(),
        switches: names.iter().map(|name| ((*name).to_owned(), "NONE".to_owned())).collect(),
        limit_reached: false,
    };
    Actual { detector: Some(detector), organization: Some(organization), members: Amiss::default() }
}

fn paths(d: &Diff) -> Vec<&str> {
    d.changes.iter().map(|c| c.path.as_str()).collect()
}

#[test]
fn only_declared_keys_are_managed() {
    let d = OrganizationDetector::diff(&want(""), &fresh());
    assert!(d.is_empty() && d.notices.is_empty(), "{d:?}");
}

#[test]
fn plans_for_all_are_on_in_the_administrators_own_detector_too() {
    let d = OrganizationDetector::diff(&want(&format!("auto_enable = \"ALL\"\n{PLANS}")), &fresh());
    assert_eq!(
        paths(&d),
        [
            "protection_plans.ec2_agent_management.administrator",
            "protection_plans.runtime_monitoring.administrator",
            "auto_enable",
            "protection_plans.ec2_agent_management",
            "protection_plans.eks_audit_logs",
            "protection_plans.runtime_monitoring",
            "protection_plans.s3_data_events",
        ]
    );
    assert_eq!(d.risk(), Risk::Normal);
}

#[test]
fn a_suspended_detector_and_another_frequency_are_found() {
    let mut have = fresh();
    have.detector.as_mut().unwrap().enabled = false;
    let d = OrganizationDetector::diff(&want("finding_publishing_frequency = \"FIFTEEN_MINUTES\""), &have);
    assert_eq!(paths(&d), ["detector", "finding_publishing_frequency"]);
}

#[test]
fn before_the_administrator_is_registered_the_plan_is_provisional_and_covers_what_comes_after() {
    let want = want(&format!("auto_enable = \"ALL\"\nenable_members = true\n{PLANS}"));
    let planned = OrganizationDetector::diff(&want, &Actual::of_nothing(&want));
    assert!(planned.provisional);
    let after = Actual { members: Amiss::all_missing(&want), ..fresh() };
    let now = OrganizationDetector::diff(&want, &after);
    assert!(now.is_planned_by(&planned), "{now:?}\n{planned:?}");
}

#[test]
fn a_plan_that_the_region_does_not_have_is_a_notice() {
    let mut have = fresh();
    have.organization.as_mut().unwrap().switches.remove("S3_DATA_EVENTS");
    have.detector.as_mut().unwrap().switches.remove("S3_DATA_EVENTS");
    let d = OrganizationDetector::diff(&want("[guardduty.protection_plans]\ns3_data_events = \"ALL\""), &have);
    assert!(d.is_empty() && d.notices[0].contains("S3_DATA_EVENTS"), "{d:?}");
}

#[test]
fn malware_protection_without_trusted_access_is_a_notice() {
    let keys = "[guardduty.protection_plans]\nebs_malware_protection = \"ALL\"";
    let d = OrganizationDetector::diff(&want(keys), &Actual::default());
    assert!(d.notices.iter().any(|n| n.contains("guardduty_malware")), "{d:?}");
}

fn amiss() -> Amiss {
    let accounts = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<String>>();
    Amiss {
        missing: accounts(&["111111111111"]),
        management_bare: false,
        statuses: [("222222222222", "Disabled"), ("444444444444", "Removed"), ("555555555555", "AccountSuspended")]
            .map(|(id, status)| (id.to_owned(), status.to_owned()))
            .into(),
        lacking: BTreeMap::from([("S3_DATA_EVENTS".to_owned(), accounts(&["222222222222"]))]),
    }
}

/// Start, create, and how many plans are switched on.
fn repaired(keys: &str, amiss: &Amiss) -> (Vec<String>, Vec<String>, usize) {
    let repair = amiss.repair(&want(keys));
    (repair.start.into_iter().collect(), repair.create.into_iter().collect(), repair.switch_on.len())
}

#[test]
fn what_guardduty_reaches_by_itself_is_information_unless_members_are_enabled_at_once() {
    let suspended = vec!["222222222222".to_owned()];
    let all = format!("auto_enable = \"ALL\"\n{PLANS}");
    assert_eq!(repaired(&all, &amiss()), (suspended.clone(), vec!["444444444444".to_owned()], 0));
    let d = OrganizationDetector::diff(&want(&all), &Actual { members: amiss(), ..fresh() });
    assert!(d.notices.iter().any(|n| n.starts_with("1 accounts are not members yet")), "{d:?}");
    assert!(d.notices.iter().any(|n| n.contains("suspended accounts")), "{d:?}");
    let at_once = format!("auto_enable = \"NEW\"\nenable_members = true\n{PLANS}");
    let both = vec!["111111111111".to_owned(), "444444444444".to_owned()];
    assert_eq!(repaired(&at_once, &amiss()), (suspended, both, 1));
    assert_eq!(repaired(&format!("auto_enable = \"NEW\"\n{PLANS}"), &amiss()), (vec![], vec![], 0));
}

#[test]
fn a_management_account_without_a_detector_is_enabled_here() {
    let bare = Amiss { management_bare: true, missing: amiss().missing, ..Amiss::default() };
    assert_eq!(repaired("auto_enable = \"ALL\"", &bare).1, ["111111111111"]);
    let own = Amiss { management_bare: false, ..bare };
    assert_eq!(repaired("auto_enable = \"ALL\"", &own).1, Vec::<String>::new());
}
