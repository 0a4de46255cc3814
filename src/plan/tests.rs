//! What a failed read says about its region, and organization-wide answers: with synthetic controls on an organization in
//! process.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;
use crate::aws::{Limits, Options, Roles};
use crate::control::{
    Control, DesiredCx, DynControl, Meta, Scope, Seat, Section, SectionMeta, Shape, Survey, Surveyed, Want,
    Wanted, control,
};
use crate::facts::Account;
use crate::sandbox::Sandbox;
use crate::sandbox::services::dispatch;
use crate::sandbox::spec::Spec;
use crate::sandbox::world::{Call, Principal};

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct Topics {}

impl Section for Topics {
    const META: SectionMeta = SectionMeta {
        id: "topics",
        title: "",
        summary: "",
        shape: Shape::Table,
        references: &[],
        billed: None,
    };

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![control::<Count>()]
    }
}

/// How many topics a region of an account has.
struct Count;

/// Accounts and regions that were read one by one.
static READ: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
/// How often the whole organization was asked.
static ASKED: AtomicU32 = AtomicU32::new(0);

const META: Meta = Meta {
    scope: Scope::AccountRegion,
    seat: Seat::Member,
    reads: &["sns:ListTopics"],
    survey: Some(Survey {
        seat: Seat::Management,
        regional: true,
        reads: &["sns:ListTopics"],
        evidence: "the list of lists",
    }),
    ..Meta::DEFAULT
};

impl Control for Count {
    type Section = Topics;
    type Desired = usize;
    type Actual = usize;
    const META: Meta = META;

    fn desired(_cx: &DesiredCx<'_, Topics>) -> Vec<Wanted<usize>> {
        Wanted::one(0)
    }

    async fn read(cx: &Cx<'_>, _want: &usize) -> Result<usize, UnitError> {
        let list = cx.aws.sns().call("ListTopics", |c| c.list_topics().send()).await?;
        READ.lock().unwrap().insert(format!("{} {}", cx.aws.account(), cx.region));
        Ok(list.topics.unwrap_or_default().len())
    }

    /// Knows every account whose id is even.
    async fn survey(cx: &Cx<'_>) -> Result<Vec<Surveyed<usize>>, UnitError> {
        cx.aws.sns().call("ListTopics", |c| c.list_topics().send()).await?;
        ASKED.fetch_add(1, Ordering::Relaxed);
        let even = cx.facts.accounts.keys().filter(|id| id.ends_with(['0', '2', '4', '6', '8']));
        let stated = |account: &String| Surveyed {
            account: account.clone(),
            region: cx.region.into(),
            part: String::new(),
            // One of them is said to differ.
            have: usize::from(account == "300000000004"),
        };
        Ok(even.map(stated).collect())
    }

    fn diff(want: &usize, have: &usize) -> Diff {
        let mut d = Diff::new();
        d.field("count", have, Some(want));
        d
    }

    async fn apply(_cx: &Cx<'_>, _want: &usize, _have: &usize) -> Result<(), UnitError> {
        Ok(())
    }
}

const MEMBERS: [&str; 3] = ["300000000002", "300000000003", "300000000004"];

fn organization(more: &str) -> Sandbox {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("org.toml");
    let accounts = MEMBERS
        .map(|id| format!("[[accounts]]\nname = \"{id}\"\nemail = \"a{id}@example.com\"\nid = \"{id}\"\n"))
        .concat();
    std::fs::write(&path, format!("regions = [\"eu-west-1\", \"us-east-1\"]\n{more}\n{accounts}")).unwrap();
    Sandbox::open(None, &Spec::parse(path.to_str().unwrap()).unwrap()).unwrap()
}

/// The rows of one region, in the members of the organization.
async fn rows(sandbox: &Sandbox, region: &str, refresh: Refresh) -> Vec<UnitReport> {
    rows_through(sandbox.http_client(), region, refresh).await
}

async fn rows_through(door: SharedHttpClient, region: &str, refresh: Refresh) -> Vec<UnitReport> {
    let options = Options {
        profile: None,
        region: "eu-west-1".into(),
        endpoint: None,
        in_process: Some(door),
        read_only: true,
        run_id: "test".into(),
        roles: Roles { default: "OrganizationAccountAccessRole".into(), ..Roles::default() },
        limits: Limits::default(),
    };
    let aws = Aws::connect(options).await.unwrap();
    let account = |id: &str| Account { id: id.into(), state: "ACTIVE".into(), ..Account::default() };
    let management = aws.caller().account.clone();
    let ids = MEMBERS.iter().map(ToString::to_string).chain([management.clone()]);
    let facts = Facts {
        management_account: management,
        accounts: ids.map(|id| (id.clone(), account(&id))).collect(),
        ..Facts::default()
    };
    let text = "version = 1\n[organization]\nhome_region = \"eu-west-1\"\n";
    let baseline = Baseline::parse("baseline.toml", text).unwrap();
    let mut units = Vec::new();
    for id in MEMBERS {
        for wanted in control::<Count>().desired(&Topics {}, &account(id), region, &facts, &baseline) {
            let Want::Set(task) = wanted.want else { continue };
            let (part, region) = (String::new(), region.to_owned());
            let unit_id = units::UnitId { control: "topics".into(), part, account: id.into(), region };
            units.push(Unit::alone(unit_id, id.into(), control::<Count>().meta(), Task::Do(task)));
        }
    }
    let shared = Arc::new(Shared::new(units, aws, facts, baseline, refresh));
    plan(&shared, Bounds::default(), &Cancel::default(), &Silent).await
}

struct Silent;

impl Progress for Silent {
    fn done(&self, _outcome: OutcomeKind) {}
}

fn outcomes(rows: &[UnitReport]) -> Vec<OutcomeKind> {
    rows.iter().map(|row| row.outcome).collect()
}

#[tokio::test]
async fn a_service_that_a_region_does_not_have_is_not_applicable_there() {
    let sandbox = organization("unavailable = { sns = [\"us-east-1\"] }");
    let rows_there = rows(&sandbox, "us-east-1", Refresh::Full).await;
    assert_eq!(outcomes(&rows_there), [OutcomeKind::NotApplicable; 3], "{rows_there:?}");
    let reason = rows_there[0].reason.clone().unwrap();
    assert_eq!(reason, "sns is not available in us-east-1 (there is no host sns.us-east-1.amazonaws.com)");
    assert_eq!(outcomes(&rows(&sandbox, "eu-west-1", Refresh::Full).await), [OutcomeKind::InSync; 3]);
}

#[tokio::test]
async fn a_region_that_the_account_does_not_have_is_skipped_and_one_that_it_gets_is_pending() {
    let sandbox = organization("");
    let off = rows(&sandbox, "af-south-1", Refresh::Full).await;
    assert_eq!(outcomes(&off), [OutcomeKind::Skipped; 3], "{off:?}");
    assert_eq!(off[0].reason.as_deref(), Some("region af-south-1 is not enabled in the account"));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    sandbox.modify(|world| {
        let call = Call {
            service: "account".into(),
            operation: "EnableRegion".into(),
            account: MEMBERS[0].into(),
            region: "us-east-1".into(),
            principal: Principal::Management,
            input: serde_json::json!({ "RegionName": "af-south-1" }),
            now,
        };
        dispatch(world, &call).unwrap().unwrap();
    });
    let on = outcomes(&rows(&sandbox, "af-south-1", Refresh::Full).await);
    assert_eq!(on, [OutcomeKind::Pending, OutcomeKind::Skipped, OutcomeKind::Skipped]);
}

/// The account has the region, and yet a service refuses its credentials: nothing is known about the setting.
#[tokio::test]
async fn refused_credentials_in_an_enabled_region_stay_a_failure() {
    let sandbox = organization("");
    let inner = sandbox.clone();
    let door = crate::aws::in_process(move |request| {
        let refused = request.uri().host().is_some_and(|host| host.starts_with("sns."));
        let text = "<ErrorResponse><Error><Code>InvalidClientTokenId</Code><Message>no</Message></Error></ErrorResponse>";
        let answer = if refused {
            http::Response::builder().status(403).body(text.as_bytes().to_vec()).unwrap()
        } else {
            inner.handle(&request)
        };
        async move { Ok(answer) }
    });
    let rows = rows_through(door, "us-east-1", Refresh::Full).await;
    assert_eq!(outcomes(&rows), [OutcomeKind::Failed; 3]);
    let error = rows[0].error.clone().unwrap();
    assert_eq!(error.kind, Kind::NotAvailable);
    assert!(error.hint.unwrap().contains("some hours"));
}

/// One question for all; who is not in the answer, or differs in it, is read.
#[tokio::test]
async fn an_organization_wide_answer_stands_for_what_it_states_and_nothing_else() {
    let sandbox = organization("");
    READ.lock().unwrap().retain(|read| !read.ends_with("eu-west-1"));
    let before = ASKED.load(Ordering::Relaxed);
    let told = rows(&sandbox, "eu-west-1", Refresh::Central).await;
    assert_eq!(outcomes(&told), [OutcomeKind::InSync; 3]);
    let vouched: Vec<_> = told.iter().map(|row| row.vouched_by.as_deref()).collect();
    assert_eq!(vouched, [Some("the list of lists"), None, None]);
    let read: Vec<String> =
        READ.lock().unwrap().iter().filter(|read| read.ends_with("eu-west-1")).cloned().collect();
    assert_eq!(read, ["300000000003 eu-west-1", "300000000004 eu-west-1"]);
    assert_eq!(ASKED.load(Ordering::Relaxed) - before, 1);
    let full = rows(&sandbox, "eu-west-1", Refresh::Full).await;
    assert!(full.iter().all(|row| row.vouched_by.is_none()));
}

#[test]
fn what_is_done_by_hand_stays_so_under_an_expired_exception() {
    let exempt = Exempt {
        reason: "later".into(),
        expires: Some("2020-01-01".into()),
        expired: true,
        expires_soon: false,
    };
    let mut diff = Diff::new();
    diff.create("email", "a@example.com");
    diff.by_hand = Some("run `orgbase vend a`".into());
    let (outcome, reason, notice) = judge(Some(&exempt), &diff);
    assert_eq!((outcome, reason), (OutcomeKind::Drift, diff.by_hand.clone()));
    assert!(notice.is_some_and(|n| n.contains("expired on 2020-01-01")));
}

#[test]
fn an_exception_that_expired_is_told_where_the_setting_is_in_sync() {
    let exempt = |expired| Exempt {
        reason: "later".into(),
        expires: Some("2020-01-01".into()),
        expired,
        expires_soon: false,
    };
    let (outcome, reason, notice) = judge(Some(&exempt(true)), &Diff::new());
    assert_eq!((outcome, reason), (OutcomeKind::InSync, None));
    let notice = notice.unwrap();
    assert_eq!(notice, "its exception expired on 2020-01-01: later; it is in sync: take it out");
    assert_eq!(judge(Some(&exempt(false)), &Diff::new()), (OutcomeKind::InSync, None, None));
}
