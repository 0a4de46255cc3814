//! The protocol, on a control that answers from a list.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;
use crate::aws::{Aws, Guard, Limits, Options, Roles, in_process};
use crate::control::{DynControl, Once, Shape};
use crate::error::Kind;

#[derive(Serialize, Deserialize, JsonSchema)]
struct Nothing {}

impl Section for Nothing {
    const META: SectionMeta = SectionMeta {
        id: "nothing",
        title: "",
        summary: "",
        shape: Shape::Table,
        references: &[],
        billed: None,
    };

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![control::<Listed<1>>()]
    }
}

/// Its values may take this many minutes to show up.
struct Listed<const MINUTES: u64>;

/// A read that finds one part, and another one not.
const GONE: u32 = u32::MAX;

struct Nowhere;

impl Recorder for Nowhere {
    fn record<'a>(&'a self, _: &'a Record) -> BoxFuture<'a, Result<(), UnitError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// What is read next: the value, and whether AWS is still working on it.
#[derive(Serialize)]
struct Reads(#[serde(skip)] Mutex<VecDeque<(u32, bool)>>);

impl<const MINUTES: u64> Control for Listed<MINUTES> {
    type Section = Nothing;
    type Desired = Reads;
    type Actual = (u32, bool);
    const META: Meta =
        Meta { reads: &["iam:GetRole"], settle: Duration::from_mins(MINUTES), ..Meta::DEFAULT };

    fn desired(_: &DesiredCx<'_, Nothing>) -> Vec<Wanted<Reads>> {
        Vec::new()
    }

    async fn read(_: &Cx<'_>, want: &Reads) -> Result<(u32, bool), UnitError> {
        match want.0.lock().unwrap().pop_front() {
            Some((GONE, _)) => Err(UnitError::new(Kind::Vanished, "a part of it is not found")),
            next => next.ok_or_else(|| UnitError::new(Kind::Bug, "read too often")),
        }
    }

    fn diff(_: &Reads, have: &(u32, bool)) -> Diff {
        let mut diff = Diff::new();
        diff.field("value", &have.0, Some(&1));
        diff.pending = have.1.then(|| "AWS is at it".to_string());
        diff
    }

    async fn apply(_: &Cx<'_>, _: &Reads, _: &(u32, bool)) -> Result<(), UnitError> {
        Ok(())
    }
}

/// Applies the unit over these reads; the outcome, and how many reads are left.
async fn applied(reads: &[(u32, bool)]) -> (Result<Outcome, UnitError>, usize) {
    applied_within::<1>(reads).await
}

async fn applied_within<const MINUTES: u64>(reads: &[(u32, bool)]) -> (Result<Outcome, UnitError>, usize) {
    let caller = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::111111111111:user/jo</Arn>\
                  <UserId>A</UserId><Account>111111111111</Account></GetCallerIdentityResult>\
                  </GetCallerIdentityResponse>";
    let door = in_process(move |_| async move { Ok(http::Response::new(caller.as_bytes().to_vec())) });
    let options = Options {
        profile: None,
        region: "eu-west-1".into(),
        endpoint: None,
        in_process: Some(door),
        read_only: false,
        run_id: "r".into(),
        roles: Roles::default(),
        limits: Limits::default(),
    };
    let aws = Aws::connect(options).await.unwrap();
    let clients = aws.clients("111111111111", "eu-west-1", Guard::default()).await.unwrap();
    let text = "version = 1\n[organization]\nhome_region = \"eu-west-1\"\n";
    let (facts, baseline) = (Facts::default(), Baseline::parse("t.toml", text).unwrap());
    let cx = Cx {
        aws: &clients,
        facts: &facts,
        baseline: &baseline,
        region: "eu-west-1",
        once: &Once::default(),
        canary: None,
        fresh: true,
    };
    let mut planned = Diff::new();
    planned.field("value", &0, Some(&1));
    let unit =
        Unit::<Listed<MINUTES>> { want: Reads(Mutex::new(reads.iter().copied().collect())), removing: None };
    let outcome = unit.run(&cx, &planned, &Nowhere).await;
    let left = unit.want.0.lock().unwrap().len();
    (outcome, left)
}

#[tokio::test(start_paused = true)]
async fn good_answers_of_a_lagging_service_count_only_in_a_row() {
    let (outcome, left) =
        applied(&[(0, false), (1, false), (0, false), (1, false), (1, false), (1, false)]).await;
    assert!(matches!(outcome, Ok(Outcome::Applied(_))), "{outcome:?}");
    assert_eq!(left, 1);
}

#[tokio::test(start_paused = true)]
async fn half_of_what_was_written_is_waited_for() {
    let (outcome, left) =
        applied(&[(0, false), (GONE, false), (1, false), (GONE, false), (1, false), (1, false)]).await;
    assert!(matches!(outcome, Ok(Outcome::Applied(_))), "{outcome:?}");
    assert_eq!(left, 0);
    let (outcome, left) = applied(&[(GONE, false), (0, false), (1, false)]).await;
    assert_eq!(
        (outcome.unwrap_err().kind, left),
        (Kind::Vanished, 2),
        "before it writes it waits for nothing"
    );
    let never: Vec<(u32, bool)> = [vec![(0, false)], vec![(GONE, false); 40]].concat();
    let error = applied(&never).await.0.unwrap_err();
    assert_eq!((error.kind, error.phase), (Kind::Vanished, Phase::Verify));
}

#[tokio::test(start_paused = true)]
async fn what_aws_still_works_on_is_pending_and_not_written() {
    let (outcome, left) = applied(&[(1, true), (1, false)]).await;
    assert!(matches!(outcome, Ok(Outcome::Pending(_))), "{outcome:?}");
    assert_eq!(left, 1);
    let (outcome, _) = applied(&[(0, true)]).await;
    assert!(matches!(outcome, Ok(Outcome::Pending(_))), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_value_that_moved_is_stale() {
    let (outcome, left) = applied(&[(2, false), (1, false)]).await;
    assert!(matches!(outcome, Ok(Outcome::Stale(_))), "{outcome:?}");
    assert_eq!(left, 1);
}

#[tokio::test(start_paused = true)]
async fn a_value_may_take_as_long_to_show_up_as_the_control_says() {
    let late: Vec<(u32, bool)> = [vec![(0, false); 40], vec![(1, false); 2]].concat();
    let (outcome, _) = applied_within::<1>(&late).await;
    assert_eq!(outcome.unwrap_err().kind, Kind::Inconsistent);
    let (outcome, left) = applied_within::<10>(&late).await;
    assert!(matches!(outcome, Ok(Outcome::Applied(_))), "{outcome:?}");
    assert_eq!(left, 0);
}

#[test]
fn a_provisional_plan_foresees_some_of_its_changes_and_no_others() {
    let diff = |changes: &[(&str, u32, u32)]| {
        let mut d = Diff::new();
        for (path, before, after) in changes {
            d.field(path, before, Some(after));
        }
        d
    };
    let planned = diff(&[("a", 0, 1), ("b", 0, 1)]);
    let provisional = Diff { provisional: true, ..planned.clone() };
    for (now, foreseen) in [
        (diff(&[("a", 0, 1), ("b", 0, 1)]), true),
        (diff(&[("a", 5, 1)]), true),
        (diff(&[("a", 0, 2)]), false),
        (diff(&[("c", 0, 1)]), false),
    ] {
        assert_eq!(now.is_planned_by(&provisional), foreseen, "{now:?}");
        assert_eq!(now.is_planned_by(&planned), now.changes == planned.changes, "{now:?}");
    }
    let mut risky = Diff::new();
    risky.risky("a", &0, Some(&1), crate::control::Risk::Destructive);
    assert!(!risky.is_planned_by(&provisional), "more dangerous than what was allowed");
}
