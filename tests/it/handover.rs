//! Another delegated administrator while the old one has members: each service lets go of them as AWS demands it.

use orgbase::units::OutcomeKind;

use crate::support::org::{Done, How, Org};

const OLD: &str = "333333333333";
const NEW: &str = "222222222222";
const MANAGEMENT: &str = "111122223333";
const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];

/// Services with members, all of them administered by one account.
fn baseline(administrator: &str) -> String {
    let services = ["detective", "guardduty", "inspector2", "macie", "securityhub"];
    let admins = services.map(|s| format!("{s} = \"{administrator}\"\n")).concat();
    format!(
        "version = 1\n[organization]\nid = \"o-a1b2c3d4e5\"\nhome_region = \"eu-west-1\"\nregions = {REGIONS:?}\n\
         [accounts.security]\nname = \"Security\"\nemail = \"aws+security@example.com\"\nou = \"/\"\n\
         [accounts.log-archive]\nname = \"Log Archive\"\nemail = \"aws+log@example.com\"\nou = \"/\"\n\
         [delegated_admins]\n{admins}\
         [guardduty]\nauto_enable = \"ALL\"\nenable_members = true\n\
         [guardduty.protection_plans]\ns3_data_events = \"ALL\"\nrds_login_events = \"ALL\"\n\
         [macie]\nauto_enable = true\nenable_members = true\n\
         [detective]\nauto_enable = true\nenable_members = true\n\
         [securityhub]\nstandards = [\"fsbp\"]\n"
    )
}

fn calls_of<'d>(done: &'d Done, account: &str) -> Vec<&'d str> {
    let own = done.calls.iter().filter(|c| c.control == "delegated_admins.handover" && c.account == account);
    own.map(|c| c.operation.as_str()).collect()
}

/// Applies until nothing is stale: units that were planned beside the old administrator are planned anew.
async fn applied(org: &Org, text: &str) -> Vec<Done> {
    let how = How::default().destructive();
    let mut runs = vec![org.apply(text, &how).await.unwrap()];
    if runs[0].report.summary.exit_code() != 0 {
        runs.push(org.converge(text, &how).await);
    }
    runs
}

#[tokio::test(start_paused = true)]
async fn members_leave_the_old_administrator_first_and_join_the_new_one() {
    let org = Org::fresh();
    org.converge(&baseline("security"), &How::default()).await;
    let held = org.apply(&baseline("log-archive"), &How::default()).await.unwrap();
    let failed = held.report.summary.count(OutcomeKind::Failed);
    assert_eq!(failed, 0, "without consent it is blocked, and nothing is tried:\n{}", held.problems());
    assert_eq!(held.writes(), Vec::<String>::new());

    let runs = applied(&org, &baseline("log-archive")).await;
    for run in &runs {
        let failed = run.report.summary.count(OutcomeKind::Failed);
        assert_eq!(failed, 0, "{}", run.problems());
    }
    let as_old = calls_of(&runs[0], OLD);
    for operation in
        ["UpdateOrganizationConfiguration", "DisassociateMembers", "DeleteMembers", "DisassociateMember"]
    {
        assert!(as_old.contains(&operation), "{operation} is not among {as_old:?}");
    }
    let left = org.plan(&baseline("log-archive"), &How::default()).await.unwrap();
    assert_eq!(left.report.summary.exit_code(), 0, "{}", left.problems());
    org.sandbox.inspect(|world| {
        for region in REGIONS {
            let (old, new) =
                (&world.guardduty[&format!("{OLD}/{region}")], &world.guardduty[&format!("{NEW}/{region}")]);
            assert!(
                old.members.is_empty() && old.enabled,
                "{region}: its detector stays on, without members"
            );
            assert_eq!(new.members.len(), 3, "{region}: {:?}", new.members.keys());
            let macie = &world.macie2[&format!("{NEW}/{region}")];
            assert!(macie.members.contains_key(MANAGEMENT), "{region}: {:?}", macie.members.keys());
        }
    });
}
