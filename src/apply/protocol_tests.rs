//! The protocol of one unit and of a run, with a synthetic control on an organization in process.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Mutex;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::*;
use crate::aws::{Aws, Limits, Options, Roles};
use crate::baseline::Baseline;
use crate::control::{
    Control, DesiredCx, DynControl, Meta, Section, SectionMeta, Shape, Want, Wanted, control,
};
use crate::facts::{Account, Facts};
use crate::plan::{Refresh, plan};
use crate::sandbox::{Sandbox, spec::Spec};
use crate::units::{Exempt, UnitId};

/// What the synthetic control finds, and what happens to it: by name of the setting.
static WORLD: Mutex<BTreeMap<String, u32>> = Mutex::new(BTreeMap::new());

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct Switches {}

impl Section for Switches {
    const META: SectionMeta = SectionMeta {
        id: "switches",
        title: "Switches",
        summary: "Of the tests.",
        shape: Shape::Table,
        references: &[],
        billed: None,
    };

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![control::<Switch>()]
    }
}

struct Switch;

/// Wants the number 1 under a name. The name says what goes wrong.
impl Control for Switch {
    type Section = Switches;
    type Desired = String;
    type Actual = u32;
    const META: Meta = Meta { reads: &["iam:GetRole"], ..Meta::DEFAULT };

    fn desired(_cx: &DesiredCx<'_, Switches>) -> Vec<Wanted<String>> {
        let names = ["plain", "refuses", "panics", "destroys", "ignores", "in sync"];
        names.iter().map(|name| Wanted::set(*name, "", (*name).to_string())).collect()
    }

    async fn read(cx: &Cx<'_>, want: &String) -> Result<u32, UnitError> {
        assert!(!(want == "panics" && cx.fresh), "the switch panics");
        let preset = u32::from(want == "in sync");
        Ok(WORLD.lock().unwrap().get(&key(cx, want)).copied().unwrap_or(preset))
    }

    fn diff(want: &String, have: &u32) -> Diff {
        let mut d = Diff::new();
        let risk = if want == "destroys" { Risk::Destructive } else { Risk::Normal };
        d.risky("number", have, Some(&1), risk);
        d
    }

    async fn apply(cx: &Cx<'_>, want: &String, _have: &u32) -> Result<(), UnitError> {
        match want.as_str() {
            "refuses" => Err(UnitError::new(Kind::Rejected, "no")),
            "ignores" => Ok(()),
            _ => {
                WORLD.lock().unwrap().insert(key(cx, want), 1);
                Ok(())
            }
        }
    }
}

/// Tests run at once: each has a region of its own.
fn key(cx: &Cx<'_>, want: &str) -> String {
    format!("{} {want}", cx.region)
}

/// The units of the synthetic control, in a `region` that no other test has.
async fn shared(region: &str) -> Arc<Shared> {
    let sandbox = Sandbox::open(None, &Spec::default()).unwrap();
    let options = Options {
        profile: None,
        region: "eu-west-1".into(),
        endpoint: None,
        in_process: Some(sandbox.http_client()),
        read_only: false,
        run_id: "test".into(),
        roles: Roles::default(),
        limits: Limits::default(),
    };
    let aws = Aws::connect(options).await.unwrap();
    let management = aws.caller().account.clone();
    let account = Account { id: management.clone(), name: "Management".into(), ..Account::default() };
    let facts = Facts {
        organization_id: "o-a1b2c3d4e5".into(),
        management_account: management.clone(),
        accounts: BTreeMap::from([(management.clone(), account.clone())]),
        ..Facts::default()
    };
    let text = "version = 1\n[organization]\nhome_region = \"eu-west-1\"\nregions = [\"eu-west-1\"]\n";
    let baseline = Baseline::parse("baseline.toml", text).unwrap();
    let wanted = control::<Switch>().desired(&Switches {}, &account, region, &facts, &baseline);
    let unit = |wanted: Wanted<Box<dyn crate::control::DynUnit>>| {
        let Want::Set(task) = wanted.want else { panic!("{} is not wanted", wanted.part) };
        let id = UnitId {
            control: "switches".into(),
            part: wanted.part,
            account: management.clone(),
            region: region.into(),
        };
        Unit::alone(id, management.clone(), control::<Switch>().meta(), Task::Do(task))
    };
    let units = wanted.into_iter().map(unit).collect();
    Arc::new(Shared::new(units, aws, facts, baseline, Refresh::Full))
}

struct Silent;

impl Progress for Silent {
    fn done(&self, _outcome: OutcomeKind) {}
}

async fn planned(shared: &Arc<Shared>) -> Vec<UnitReport> {
    plan(shared, Bounds::default(), &Cancel::default(), &Silent).await
}

/// Applies with a journal; the text of the journal comes with the rows.
async fn applied(
    shared: &Arc<Shared>,
    rows: Vec<UnitReport>,
    consent: &Consent,
) -> (BTreeMap<String, UnitReport>, String) {
    let folder = tempfile::tempdir().unwrap();
    let head = journal::Head {
        run: "test",
        organization_id: "o-a1b2c3d4e5",
        command: "apply",
        started_at: "2026-01-01T00:00:00Z",
        baseline_digest: "",
    };
    let journal = Journal::open(folder.path(), &head).unwrap();
    let rows =
        apply(shared, rows, consent, Some(journal), Bounds::default(), &Cancel::default(), &Silent).await;
    let text = std::fs::read_to_string(folder.path().join("runs/test/journal.jsonl")).unwrap();
    (rows.into_iter().map(|row| (row.id.part.clone(), row)).collect(), text)
}

#[tokio::test(start_paused = true)]
async fn each_unit_ends_by_itself() {
    let shared = shared("each").await;
    let rows = planned(&shared).await;
    let (rows, journal) = applied(&shared, rows, &Consent::default()).await;
    let error = |part: &str| rows[part].error.as_ref().map(|e| (e.phase, e.kind, e.left));
    assert_eq!(rows["plain"].outcome, OutcomeKind::Applied);
    assert_eq!(rows["in sync"].outcome, OutcomeKind::InSync);
    assert_eq!(error("refuses"), Some((Phase::Apply, Kind::Rejected, Left::Untouched)));
    assert_eq!(error("ignores"), Some((Phase::Verify, Kind::Inconsistent, Left::Unknown)));
    assert_eq!(rows["panics"].outcome, OutcomeKind::Failed);
    assert_eq!(rows["panics"].error.as_ref().map(|e| e.kind), Some(Kind::Bug));
    assert_eq!(rows["destroys"].outcome, OutcomeKind::Drift);
    assert_eq!(rows["destroys"].reason.as_deref(), Some("needs --allow-destructive"));
    let writes = |part: &str| {
        let lines = journal.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|l| l["unit"]["part"] == part && l["after"] == part).count()
    };
    assert_eq!((writes("plain"), writes("refuses"), writes("in sync"), writes("destroys")), (1, 1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn destructive_changes_are_made_where_they_are_allowed() {
    let shared = shared("destructive").await;
    let rows = planned(&shared).await;
    let consent = Consent { destructive: true, ..Consent::default() };
    let (rows, _) = applied(&shared, rows, &consent).await;
    assert_eq!(rows["destroys"].outcome, OutcomeKind::Applied);
}

#[tokio::test(start_paused = true)]
async fn what_moved_since_the_plan_is_stale_and_not_written() {
    let shared = shared("stale").await;
    let rows = planned(&shared).await;
    WORLD.lock().unwrap().insert("stale plain".into(), 7);
    let (rows, journal) = applied(&shared, rows, &Consent::default()).await;
    assert_eq!(rows["plain"].outcome, OutcomeKind::Stale);
    assert_eq!(WORLD.lock().unwrap()["stale plain"], 7);
    assert!(!journal.contains("\"after\":\"plain\""), "{journal}");
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_did_meanwhile_is_in_sync() {
    let shared = shared("meanwhile").await;
    let rows = planned(&shared).await;
    WORLD.lock().unwrap().insert("meanwhile plain".into(), 1);
    let (rows, _) = applied(&shared, rows, &Consent::default()).await;
    assert_eq!(rows["plain"].outcome, OutcomeKind::InSync);
}

#[tokio::test(start_paused = true)]
async fn a_saved_plan_allows_only_what_it_holds() {
    let shared = shared("saved").await;
    let rows = planned(&shared).await;
    let mut saved = rows.clone();
    saved.retain(|row| row.id.part == "plain");
    let report = |units: Vec<UnitReport>| crate::report::Report {
        format_version: crate::report::FORMAT_VERSION,
        tool_version: String::new(),
        run: String::new(),
        created_at: String::new(),
        baseline: String::new(),
        baseline_digest: String::new(),
        organization_id: String::new(),
        summary: crate::report::Summary::of(&units),
        units,
    };
    let consent =
        Consent { destructive: true, saved: Some(Allowed::from_report(report(saved))), ..Consent::default() };
    let (rows, _) = applied(&shared, rows, &consent).await;
    assert_eq!(rows["plain"].outcome, OutcomeKind::Applied);
    assert_eq!(rows["destroys"].outcome, OutcomeKind::Skipped);
}

#[tokio::test(start_paused = true)]
async fn exceptions_are_skipped_and_expired_ones_wait_for_a_person() {
    let exempt = |expired| Exempt { reason: "by hand".into(), expires: None, expired, expires_soon: false };
    for (region, expired, interactive, outcome) in [
        ("exempt", false, true, OutcomeKind::Skipped),
        ("expired", true, false, OutcomeKind::Drift),
        ("expired and asked", true, true, OutcomeKind::Applied),
    ] {
        let mut shared = Arc::into_inner(shared(region).await).unwrap();
        shared.units[0].exception = Some(exempt(expired));
        let shared = Arc::new(shared);
        let rows = planned(&shared).await;
        let consent = Consent { interactive, ..Consent::default() };
        let (rows, _) = applied(&shared, rows, &consent).await;
        assert_eq!(rows["plain"].outcome, outcome, "{region}");
    }
}

/// The first unit of an account whose role cannot be assumed is what failed; the others wait for the role.
#[tokio::test(start_paused = true)]
async fn a_missing_role_is_blamed_once() {
    let mut shared = Arc::into_inner(shared("role").await).unwrap();
    for unit in &mut shared.units {
        unit.seat = "999999999999".into();
    }
    let rows = planned(&Arc::new(shared)).await;
    let outcomes: Vec<OutcomeKind> = rows.iter().map(|row| row.outcome).collect();
    assert_eq!(outcomes[0], OutcomeKind::Failed);
    assert!(outcomes[1..].iter().all(|o| *o == OutcomeKind::Blocked), "{outcomes:?}");
    assert_eq!(rows[0].error.as_ref().map(|e| e.phase), Some(Phase::Session));
}
