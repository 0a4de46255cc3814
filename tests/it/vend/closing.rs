//! Closing accounts: two keys, no administrator, within the quota.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use orgbase::sandbox::services::organizations::{self, AccountState};
use orgbase::units::OutcomeKind;
use orgbase::vend::{Report, Request};

use super::{all, baseline, key, made, now, only, to_the_end};
use crate::support::faults::{Action, door};
use crate::support::org::{How, Org};

/// Two keys, no administrator, within the quota.
#[tokio::test(start_paused = true)]
async fn closing_needs_two_keys_and_ends_what_the_account_administers() {
    let org = Org::fresh();
    let text = baseline(1);
    to_the_end(&org, &text).await;
    let id = org.sandbox.inspect(|w| made(w, "aws+new1@example.com")[0].0.clone());
    org.sandbox.modify(|world| {
        for principal in ["guardduty.amazonaws.com", "access-analyzer.amazonaws.com"] {
            organizations::enable_access(world, principal, 0.0);
            organizations::register_delegated_admin(world, principal, &id, 0.0).unwrap();
        }
    });
    let closed = text.replace("[accounts.new1]\n", "[accounts.new1]\nclosed = true\n");
    let report = org.vend(&closed, &key("new1"), &How::default()).await.unwrap();
    assert_eq!(only(&report), (OutcomeKind::Drift, "closing an account needs --allow-destructive".into()));
    let destructive = |request: Request| Request { destructive: true, ..request };
    let kept = closed.replace("closed = true\n", "closed = true\nprotected = true\n");
    let report = org.vend(&kept, &destructive(key("new1")), &How::default()).await.unwrap();
    assert!(only(&report).1.contains("protected"), "{report:#?}");
    let named = format!("{closed}[delegated_admins]\nguardduty = \"new1\"\n");
    let refused = org.vend(&named, &destructive(key("new1")), &How::default()).await.unwrap_err();
    assert!(refused.message.contains("cannot be a delegated administrator"), "{}", refused.message);
    let archive = format!("{closed}[log_archive]\naccount = \"new1\"\n");
    if let Ok(report) = org.vend(&archive, &destructive(key("new1")), &How::default()).await {
        assert!(only(&report).1.contains("[log_archive]"), "{report:#?}");
    }
    // AWS is at it.
    let report = org.vend(&closed, &destructive(all()), &How::default()).await.unwrap();
    assert_eq!((report.exit_code(), only(&report).0), (3, OutcomeKind::Pending), "{report:#?}");
    let done = report.accounts[0].done.join("; ");
    assert!(done.contains("guardduty.amazonaws.com") && done.contains("asked AWS to close"), "{done}");
    let delegated: BTreeSet<String> = org.sandbox.inspect(|w| {
        w.organizations.delegated.values().flat_map(|accounts| accounts.keys().cloned()).collect()
    });
    assert_eq!(delegated, BTreeSet::new());
    org.sandbox.modify(|world| world.organizations.accounts.get_mut(&id).unwrap().closing_at = Some(0.0));
    let report = org.vend(&closed, &destructive(key("new1")), &How::default()).await.unwrap();
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    // It is not made again when the line goes.
    let report = org.vend(&text, &key("new1"), &How::default()).await.unwrap();
    assert_eq!(only(&report).0, OutcomeKind::Skipped);
}

#[tokio::test(start_paused = true)]
async fn closures_stay_within_the_quotas() {
    let org = Org::fresh();
    let text = baseline(4);
    to_the_end(&org, &text).await;
    let closed = (1..=4).fold(text, |text, n| {
        text.replace(&format!("[accounts.new{n}]\n"), &format!("[accounts.new{n}]\nclosed = true\n"))
    });
    let destructive = Request { destructive: true, ..all() };
    let report = org.vend(&closed, &destructive, &How::default()).await.unwrap();
    let waits = |r: &Report| {
        r.accounts.iter().filter(|a| a.reason.as_ref().is_some_and(|w| w.contains("at a time"))).count()
    };
    assert_eq!((report.exit_code(), waits(&report)), (3, 1), "{report:#?}");
    org.sandbox.modify(|world| {
        world.organizations.closures = vec![now(); 250];
        for account in world.organizations.accounts.values_mut().filter(|a| a.closing_at.is_some()) {
            account.closing_at = Some(0.0);
        }
    });
    let report = org.vend(&closed, &destructive, &How::default()).await.unwrap();
    assert_eq!(only(&report).0, OutcomeKind::Blocked, "{report:#?}");
}

/// AWS took the request, and shows the account as active for some time: it is not sent again.
#[tokio::test(start_paused = true)]
async fn an_account_is_asked_for_closing_once() {
    let org = Org::fresh();
    let text = baseline(1);
    to_the_end(&org, &text).await;
    let id = org.sandbox.inspect(|w| made(w, "aws+new1@example.com")[0].0.clone());
    let (asked, looked) = (Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
    let (sandbox, count, account) = (org.sandbox.clone(), Arc::clone(&asked), id.clone());
    let lags = door(&org.sandbox, move |seen| {
        if seen.operation == "organizations:CloseAccount" {
            count.fetch_add(1, Ordering::SeqCst);
        }
        if seen.operation == "organizations:DescribeAccount" && count.load(Ordering::SeqCst) > 0 {
            let active = looked.fetch_add(1, Ordering::SeqCst) < 5;
            let state = if active { AccountState::Active } else { AccountState::Closed };
            sandbox.modify(|world| world.organizations.accounts.get_mut(&account).unwrap().state = state);
        }
        Action::Answer
    });
    let closed = text.replace("[accounts.new1]\n", "[accounts.new1]\nclosed = true\n");
    let request = Request { destructive: true, ..key("new1") };
    let report = org.vend(&closed, &request, &How::default().through(lags)).await.unwrap();
    assert_eq!(only(&report).0, OutcomeKind::Applied, "{report:#?}");
    assert_eq!(report.accounts[0].done, ["asked AWS to close it"]);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}
