//! OUs that cannot be made, and who has to do with them.

use orgbase::units::OutcomeKind;

use super::{ORGANIZATION, all, baseline, made};
use crate::support::faults::{Action, door};
use crate::support::org::{How, Org};
use crate::support::shape;

/// One account belongs below an OU that cannot be made: the other one goes on.
#[tokio::test(start_paused = true)]
async fn an_ou_that_cannot_be_made_is_for_its_own_accounts_only() {
    let org = Org::fresh();
    org.converge(ORGANIZATION, &How::default()).await;
    let text = baseline(2).replace("[vend]", "\"/Bad/Deep\" = {}\n\n[vend]");
    let (before, second) = text.split_once("[accounts.new2]").unwrap();
    let text = format!("{before}[accounts.new2]{}", second.replace("/Workloads/Production", "/Bad/Deep"));
    let refuses = door(&org.sandbox, |seen| {
        if seen.operation == "organizations:CreateOrganizationalUnit" { Action::Deny } else { Action::Answer }
    });
    let report = org.vend(&text, &all(), &How::default().through(refuses)).await.unwrap();
    let [first, second] = report.accounts.as_slice() else { panic!("{report:#?}") };
    assert_eq!((first.outcome, second.outcome), (OutcomeKind::Applied, OutcomeKind::Failed), "{report:#?}");
    let why = second.reason.clone().unwrap();
    assert!(why.contains("ous/tree:/Bad in") && why.contains("CreateOrganizationalUnit"), "{why}");
    let place = org.sandbox.inspect(|w| shape::ou_id(w, "/Workloads/Production"));
    assert_eq!(org.sandbox.inspect(|w| made(w, "aws+new1@example.com"))[0].1, place);
    let report = org.vend(&text, &all(), &How::default()).await.unwrap();
    assert_eq!(report.exit_code(), 0, "{report:#?}");
}
