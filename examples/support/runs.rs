//! The engine's runs: the two that are measured, and the one that prepares the organization of the real plan.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use orgbase::apply::journal::{Head, Journal};
use orgbase::apply::{Consent, apply};
use orgbase::aws::{Aws, Endpoint, Limits, Options, Roles};
use orgbase::baseline::Baseline;
use orgbase::emit::iam::session_policy;
use orgbase::facts::{self, Account, Facts, Needs};
use orgbase::plan::{Refresh, Shared, plan};
use orgbase::report::UnitReport;
use orgbase::sandbox::Sandbox;
use orgbase::sandbox::spec::{REGIONS, Spec};
use orgbase::selector::Selection;
use orgbase::units::{self, Bounds, Cancel, OutcomeKind, Progress, Scope, Unit};
use time::OffsetDateTime;

use super::load_answers::MANAGEMENT;
use super::{load_control, process};
use crate::{Args, Load};

/// The baselines of the real plans.
const CIS: &str = include_str!("../../baselines/cis.toml");
const FULL: &str = include_str!("../../baselines/full.toml");
const HOME: &str = "eu-west-1";

/// What the synthetic load may take at most, where it is 100 accounts x 17 regions with 60 ms.
const WALL_SECONDS: f64 = 20.0;
const CPU_SECONDS: f64 = 10.0;
const PEAK_MB: f64 = 150.0;

type Failure = Box<dyn Error>;

/// An organization that meets the baseline: made by applying it.
pub(crate) async fn converged(args: &Args, load: Load) -> Result<Sandbox, Failure> {
    let ous = (args.accounts / 10).clamp(1, 60);
    let org = format!("accounts={},ous={ous},regions={},foreign=1", args.accounts, args.regions);
    let sandbox = Sandbox::open(None, &Spec::parse(&org)?)?;
    let options = Options { in_process: Some(sandbox.http_client()), ..options(args, None) };
    let begun = Instant::now();
    let shared = Arc::new(begin(args, load, options).await?);
    let planned = plan(&shared, Bounds::default(), &Cancel::default(), &Silent).await;
    let folder = tempfile::tempdir()?;
    let head = Head {
        run: "prepare",
        organization_id: &shared.facts.organization_id,
        command: "apply",
        started_at: "",
        baseline_digest: shared.baseline.digest(),
    };
    let journal = Some(Journal::open(folder.path(), &head)?);
    let (consent, cancel) = (Consent::default(), Cancel::default());
    let rows = apply(&shared, planned, &consent, journal, Bounds::default(), &cancel, &Silent).await;
    expect(&rows, &[OutcomeKind::InSync, OutcomeKind::Applied, OutcomeKind::Skipped])?;
    writeln!(
        std::io::stdout(),
        "  prepared    by an apply of {:.1} s in process",
        begun.elapsed().as_secs_f64()
    )?;
    Ok(sandbox)
}

/// Plans one load against the target, and prints what it took. Fails where a unit is not in sync, or over the budget.
pub(crate) async fn engine(args: &Args, load: Load, target: &str) -> Result<ExitCode, Failure> {
    let options = options(args, Some(Endpoint::parse(target, None)?));
    let begun = Instant::now();
    let shared = Arc::new(match load {
        Load::Reads => begin_reads(args, options).await?,
        load => begin(args, load, Options { read_only: true, ..options }).await?,
    });
    let ready = begun.elapsed();
    let bounds = Bounds { units: args.units, per_seat: args.per_seat, ..Bounds::default() };
    let rows = plan(&shared, bounds, &Cancel::default(), &Silent).await;
    let wall = begun.elapsed();
    let within = show(&shared, ready, wall)?;
    expect(&rows, &[OutcomeKind::InSync, OutcomeKind::Skipped])?;
    let judged = load == Load::Reads && shared.units.len() == 15_600 && args.latency_ms == 60;
    Ok(if judged && !within { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn options(args: &Args, endpoint: Option<Endpoint>) -> Options {
    Options {
        profile: None,
        region: HOME.to_owned(),
        limits: Limits {
            paced: endpoint.is_some(),
            in_flight: args.in_flight,
            per_account: args.per_account,
        },
        endpoint,
        in_process: None,
        read_only: false,
        run_id: "bench".to_owned(),
        roles: Roles { default: "OrganizationAccountAccessRole".to_owned(), ..Roles::default() },
    }
}

/// The baseline of a load, in the first regions of the organization.
fn baseline(args: &Args, load: Load) -> Result<Baseline, Failure> {
    let text = if matches!(load, Load::Full | Load::Central) { FULL } else { CIS };
    let list =
        text.lines().find(|line| line.starts_with("regions = ")).ok_or("the baseline lists no regions")?;
    let regions: Vec<&str> = REGIONS.into_iter().take(args.regions).collect();
    let text = match load {
        Load::Full | Load::Central => text.replace(list, &format!("regions = {regions:?}")),
        Load::Cis | Load::Reads => text.to_owned(),
    };
    Ok(Baseline::parse("baseline.toml", &text)?)
}

/// What `orgbase plan` does before it plans; its own code never paces calls to a loopback endpoint.
async fn begin(args: &Args, load: Load, options: Options) -> Result<Shared, Failure> {
    let baseline = baseline(args, load)?;
    let aws = Aws::connect(options).await?;
    aws.set_read_policy(session_policy(&baseline));
    let needs = Needs {
        policy_types: vec!["SERVICE_CONTROL_POLICY".to_owned()],
        policy_types_in_force: vec!["S3_POLICY".to_owned()],
        trusted_services: true,
    };
    let facts = Box::pin(facts::discover(&aws, &baseline.organization.home_region, &needs)).await?;
    let today = OffsetDateTime::now_utc().date();
    let selection = Selection::default();
    let units = units::expand(&Scope { baseline: &baseline, facts: &facts, selection: &selection, today })?;
    let refresh = if load == Load::Central { Refresh::Central } else { Refresh::Full };
    Ok(Shared::new(units, aws, facts, baseline, refresh))
}

/// The synthetic section over an organization that nobody has to ask for.
async fn begin_reads(args: &Args, options: Options) -> Result<Shared, Failure> {
    let baseline = baseline(args, Load::Reads)?;
    let aws = Aws::connect(options).await?;
    let account = |n: usize| {
        let id = format!("{:012}", 200_000_000_000 + n);
        let name = format!("Workload {n}");
        (id.clone(), Account { id, name, state: "ACTIVE".into(), ou: "/".into(), ..Account::default() })
    };
    let facts = Facts {
        partition: "aws".to_owned(),
        management_account: MANAGEMENT.to_owned(),
        accounts: (0..args.accounts).map(account).collect(),
        management_regions: REGIONS.iter().take(args.regions).map(ToString::to_string).collect(),
        ..Facts::default()
    };
    let units: Vec<Unit> = load_control::units(&facts, &baseline);
    Ok(Shared::new(units, aws, facts, baseline, Refresh::Full))
}

/// Prints what a run took; whether that is within the budget.
fn show(shared: &Shared, ready: Duration, wall: Duration) -> std::io::Result<bool> {
    let ((user, system), memory) = (process::cpu_seconds(), process::peak_memory_mb());
    let mut calls: BTreeMap<String, u64> = BTreeMap::new();
    let mut failed = 0;
    for count in shared.aws.calls() {
        *calls.entry(count.service).or_default() += count.count;
        failed += count.failed;
    }
    let total: u64 = calls.values().sum();
    let per_call = (user + system) * 1e6 / total.max(1) as f64;
    let services: Vec<String> = calls.iter().map(|(service, count)| format!("{service} {count}")).collect();
    let mut out = std::io::stdout().lock();
    let (wall, ready) = (wall.as_secs_f64(), ready.as_secs_f64());
    writeln!(out, "  wall        {wall:.2} s, {ready:.2} s of it before the first unit")?;
    writeln!(
        out,
        "  CPU         {:.2} s ({user:.2} user, {system:.2} system), {per_call:.0} us a call",
        user + system
    )?;
    writeln!(out, "  peak memory {memory:.0} MB")?;
    writeln!(out, "  units       {}", shared.units.len())?;
    writeln!(
        out,
        "  calls       {total} ({:.0} a second), {failed} of them not successful, {} throttled: {}",
        total as f64 / wall,
        shared.aws.throttles(),
        services.join(", ")
    )?;
    Ok(wall < WALL_SECONDS && user + system < CPU_SECONDS && memory < PEAK_MB)
}

/// A benchmark of units that fail would say nothing.
fn expect(rows: &[UnitReport], outcomes: &[OutcomeKind]) -> Result<(), Failure> {
    let Some(bad) = rows.iter().find(|row| !outcomes.contains(&row.outcome)) else { return Ok(()) };
    let count = rows.iter().filter(|row| !outcomes.contains(&row.outcome)).count();
    let why = bad.error.as_ref().map(ToString::to_string).or_else(|| bad.reason.clone()).unwrap_or_default();
    Err(format!(
        "{count} units ended otherwise than expected; {} is {:?}: {why} {:?}",
        bad.id, bad.outcome, bad.changes
    )
    .into())
}

/// No progress is shown: it would be measured too.
struct Silent;

impl Progress for Silent {
    fn done(&self, _outcome: OutcomeKind) {}
}
