//! `check` needs what the `*-plan` policies print for it, whatever the baseline declares, and no more.

use std::collections::BTreeSet;

use orgbase::check;
use orgbase::compliance::cis;
use orgbase::emit::iam;
use orgbase::sandbox::spec::Spec;
use orgbase::sandbox::world::World;

use super::{actions, equip, named_in, prove, strict, world};
use crate::support::checked::{checked, nothing, unread};
use crate::support::org::{How, Org};

const REGIONS: [&str; 1] = ["eu-west-1"];

/// Actions without which no row of the organization below ends otherwise, and why.
const UNSEEN: [(&str, &str); 2] = [
    ("ec2:DescribeRouteTables", "read only where VPCs are peered"),
    ("iam:ListVirtualMFADevices", "decides only where a root user has a password and MFA"),
];

/// What a run asked for, and what its rows say that could not be read.
async fn run(
    start: &World,
    version: &'static str,
    removed: &BTreeSet<String>,
) -> (BTreeSet<String>, Vec<String>) {
    let org = Org::bare();
    let baseline = nothing(&REGIONS);
    org.sandbox.modify(|w| {
        w.clone_from(start);
        equip(w, &iam::policies(&baseline), "plan", removed);
    });
    let sandbox = strict(&org.sandbox);
    let unread = match checked(&sandbox, baseline, version).await {
        Err(error) => vec![format!("{} {:?}", error.message, error.hints)],
        Ok((report, _)) => unread(&report),
    };
    (sandbox.asked().into_iter().map(|(_, action)| action).collect(), unread)
}

/// An organization with something of everything that the rules open.
async fn furnished() -> World {
    let org = Org::of(&Spec::parse("accounts=3,ous=2,regions=1,drift=0.5,foreign=1,seed=3").unwrap());
    org.converge(include_str!("../../../baselines/full.toml"), &How::default()).await;
    world(&org)
}

/// The actions that a check is refused without; and what does not work with all of them.
async fn proven(printed: &BTreeSet<String>) -> (BTreeSet<String>, Vec<String>) {
    let start = furnished().await;
    let (mut proven, mut wrong) = (BTreeSet::new(), Vec::new());
    for version in [cis::VERSIONS[0], check::NEWEST] {
        let (asked, unread) = run(&start, version, &BTreeSet::new()).await;
        if !unread.is_empty() {
            wrong.push(format!("check {version} with what is printed:\n{}", unread.join("\n")));
        }
        let left = asked.into_iter().filter(|a| printed.contains(a) && !proven.contains(a)).collect();
        prove(left, &mut proven, async |removed| named_in(&run(&start, version, removed).await.1, removed))
            .await;
    }
    (proven, wrong)
}

#[tokio::test(start_paused = true)]
async fn check_works_with_what_is_printed_and_needs_each_action_of_it() {
    let printed = actions(&iam::policies(&nothing(&REGIONS)), |sid| sid.starts_with("Check"));
    let (proven, mut wrong) = Box::pin(proven(&printed)).await;
    let unseen = |action: &&String| UNSEEN.iter().any(|(name, _)| name == *action);
    let needless = printed.difference(&proven).filter(|action| !unseen(action));
    wrong.extend(needless.map(|action| format!("{action} is printed, and no check is refused without it")));
    assert!(wrong.is_empty(), "{} findings:\n{}", wrong.len(), wrong.join("\n"));
}
