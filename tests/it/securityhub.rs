//! Security Hub beyond the suite of all sections: few calls, what takes time, what fails, and local configuration.

use orgbase::sandbox::spec::Spec;
use orgbase::sandbox::world::cell;
use orgbase::units::OutcomeKind;

use crate::support::org::{Done, How, Org};

const HEAD: &str = "version = 1\n[organization]\nid = \"o-a1b2c3d4e5\"\nhome_region = \"eu-west-1\"\n\
                    regions = [\"eu-west-1\", \"us-east-1\"]\n[accounts.security]\nname = \"Security\"\n\
                    email = \"aws+security@example.com\"\nou = \"/\"\n[delegated_admins]\nsecurityhub = \"security\"\n";
const ADMINISTRATOR: &str = "333333333333";

fn baseline(keys: &str) -> String {
    format!("{HEAD}[securityhub]\n{keys}")
}

fn only() -> How {
    How::only("securityhub")
}

fn count(done: &Done, control: &str) -> u64 {
    done.calls.iter().filter(|c| c.control.starts_with(control)).map(|c| c.count).sum()
}

/// What a plan costs does not grow with accounts.
#[tokio::test(start_paused = true)]
async fn a_central_plan_makes_few_calls() {
    let text = baseline("standards = [\"fsbp\"]\n");
    let mut costs = Vec::new();
    for accounts in [4, 40] {
        let spec = Spec::parse(&format!("accounts={accounts},ous=0,regions=2")).unwrap();
        let org = Org::of(&spec);
        org.converge(&text, &How::default()).await;
        let done = org.plan(&text, &only()).await.unwrap();
        assert_eq!(done.report.summary.exit_code(), 0, "{}", done.problems());
        let regions =
            done.calls.iter().filter(|c| c.operation == "DescribeRegions").map(|c| c.count).sum::<u64>();
        assert_eq!(regions, 1, "more than the management account was asked for its regions");
        costs.push(count(&done, "securityhub"));
    }
    assert_eq!(costs, [10, 10]);
}

#[tokio::test(start_paused = true)]
async fn an_association_that_takes_time_is_pending() {
    let text = baseline("standards = [\"fsbp\"]\n");
    let org = Org::fresh();
    org.sandbox.modify(|world| world.securityhub.pending_seconds = 1e9);
    let done = org.apply(&text, &How::default()).await.unwrap();
    let pending = |done: &Done| done.report.summary.count(OutcomeKind::Pending);
    assert_eq!((pending(&done), done.report.summary.exit_code()), (1, 3), "{}", done.problems());
    let done = org.plan(&text, &only()).await.unwrap();
    assert_eq!((pending(&done), done.report.summary.exit_code()), (1, 3), "{}", done.problems());
    org.sandbox.modify(|world| world.securityhub.pending_seconds = 0.0);
    let done = org.plan(&text, &only()).await.unwrap();
    assert_eq!(done.report.summary.exit_code(), 0, "{}", done.problems());
}

#[tokio::test(start_paused = true)]
async fn a_failed_association_is_shown_and_made_good() {
    let text = baseline("standards = [\"fsbp\"]\n");
    let org = Org::fresh();
    org.converge(&text, &How::default()).await;
    org.sandbox.modify(|world| world.securityhub.hubs.remove(&cell("111122223333", "eu-west-1")));
    let done = org.plan(&text, &only()).await.unwrap();
    assert_eq!(done.report.summary.exit_code(), 2, "{}", done.problems());
    let told =
        done.report.units.iter().flat_map(|unit| &unit.notices).any(|n| n.contains("FAILED in 111122223333"));
    assert!(told, "nobody says which account failed");
    org.converge(&text, &only()).await;
}

/// A policy that others associated with a declared target is named and stays.
#[tokio::test(start_paused = true)]
async fn a_target_that_others_configure_is_left_to_a_person() {
    let org = Org::fresh();
    org.converge(&baseline("standards = []\ntargets = []\n"), &How::default()).await;
    org.sandbox.modify(|world| {
        let root = world.organizations.organization.as_ref().unwrap().root.clone();
        let policy = orgbase::sandbox::services::securityhub::Policy {
            id: "9".into(),
            name: "theirs".into(),
            content: serde_json::json!({"ServiceEnabled": true}),
            ..Default::default()
        };
        world.securityhub.policies.insert("9".into(), policy);
        let applied = orgbase::sandbox::services::securityhub::Association { policy: "9".into(), since: 0.0 };
        world.securityhub.associations.insert(root, applied);
    });
    let done = org.apply(&baseline("standards = [\"fsbp\"]\n"), &only()).await.unwrap();
    let row = done.report.units.iter().find(|unit| unit.by_hand).unwrap();
    assert!(row.reason.as_ref().unwrap().contains("theirs"), "{row:?}");
    assert!(!done.writes().iter().any(|w| w.contains("Association")), "{:?}", done.writes());
}

/// Every account and region has the declared standards and no others, whatever it had before.
#[tokio::test(start_paused = true)]
async fn local_configuration_converges_on_drifted_accounts() {
    for seed in [1, 2] {
        let spec = Spec::parse(&format!("accounts=6,ous=3,regions=2,drift=0.6,seed={seed}")).unwrap();
        let org = Org::of(&spec);
        let text =
            baseline("configuration = \"local\"\nstandards = [\"cis-5.0\"]\nauto_enable_controls = true\n");
        org.converge(&text, &How::default()).await;
        let again = org.converge(&text, &How::default()).await;
        assert_eq!(again.writes(), Vec::<String>::new(), "the second apply wrote");
        org.sandbox.inspect(|world| {
            let state = &world.securityhub;
            assert_eq!(state.hubs.len(), 7 * 2);
            let cis = "standards/cis-aws-foundations-benchmark/v/5.0.0";
            for (place, hub) in &state.hubs {
                assert_eq!(hub.standards.keys().collect::<Vec<_>>(), [cis], "{place}");
            }
            assert_eq!(state.members["us-east-1"].len(), 6);
        });
    }
}

/// Going back to local configuration takes a person; nothing is written meanwhile.
#[tokio::test(start_paused = true)]
async fn central_configuration_is_not_ended() {
    let org = Org::fresh();
    org.converge(&baseline("standards = [\"fsbp\"]\n"), &How::default()).await;
    let local = baseline("configuration = \"local\"\nstandards = [\"fsbp\"]\n");
    let done = org.apply(&local, &only()).await.unwrap();
    assert!(done.report.units.iter().any(|unit| unit.by_hand && unit.id.account == ADMINISTRATOR));
    org.sandbox.inspect(|world| assert!(world.securityhub.central.is_some()));
}
