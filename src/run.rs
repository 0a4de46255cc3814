//! The beginning of every run: where it works, with which credentials, on which organization.

pub mod import;
mod opened;

pub use opened::{begin_within, open_within};

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use crate::apply::journal::Head;
use crate::aws::{Aws, Endpoint, Guard, Limits, Options, Roles};
use crate::baseline::{Baseline, Regions};
use crate::check::{self, CheckReport};
use crate::control::Scope;
use crate::error::RunError;
use crate::facts::discover::enabled_regions;
use crate::facts::{self, Facts, Needs};
use crate::plan::{Refresh, Shared};
use crate::report::{FORMAT_VERSION, Report, Summary, UnitReport};
use crate::resource::owner;
use crate::sandbox::enforce::strict::Strict;
use crate::sandbox::{Sandbox, faults::Faults, spec::Spec};
use crate::selector::Selection;
use crate::units::{self, Unit};

/// What the command line says about where to work.
#[derive(Debug, Clone)]
pub struct Place {
    /// Baseline file or folder.
    pub baseline: PathBuf,
    /// State file of the simulated organization.
    pub sandbox: Option<PathBuf>,
    /// AWS profile.
    pub profile: Option<String>,
    /// Nothing may be written to AWS.
    pub read_only: bool,
    /// Where the plan asks.
    pub refresh: Refresh,
}

/// A run that has begun: the organization is read, nothing is written.
pub struct Run {
    /// Run id: begins with the time, so that runs sort.
    pub id: String,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// Path of the baseline as it was given.
    pub baseline_path: PathBuf,
    /// The units and what they share.
    pub shared: Arc<Shared>,
    /// The run works on AWS itself.
    pub live: bool,
    /// What the command line and the baseline name, and nothing answers to.
    notices: Vec<String>,
    sandbox: Option<Sandbox>,
}

/// Reads the baseline and the organization, and spreads the units.
///
/// # Errors
/// Anything that means that the run cannot start; nothing was changed.
pub async fn begin(place: &Place, selection: &Selection) -> Result<Run, RunError> {
    open(place).await?.begin(selection).await
}

/// Connects, and finds out which organization it is; nothing else is read yet. What writes takes the lock now, so that
/// all that it reads is read under it.
///
/// # Errors
/// As `begin`.
pub async fn open(place: &Place) -> Result<Opened, RunError> {
    let baseline = Baseline::load(&place.baseline)?;
    let endpoint = Endpoint::from_env()?;
    let sandbox = open_sandbox(place.sandbox.as_deref(), endpoint.as_ref())?;
    let door = sandbox.as_ref().map(Sandbox::http_client);
    let limits = limits(sandbox.as_ref());
    let opened = Opened { sandbox, ..connect_within(limits, place, baseline, endpoint, door).await? };
    banner(&opened);
    Ok(opened)
}

/// Only a sandbox that keeps AWS's rates up needs pacing.
fn limits(sandbox: Option<&Sandbox>) -> Limits {
    Limits { paced: sandbox.is_some_and(Sandbox::is_rated), ..Limits::default() }
}

/// Like `begin`, but every call goes through `door`, which answers in process: for several runs on one open sandbox.
/// `place.sandbox` and the environment are not looked at, and nothing is printed.
///
/// # Errors
/// As `begin`.
pub async fn begin_through(
    door: SharedHttpClient,
    place: &Place,
    selection: &Selection,
) -> Result<Run, RunError> {
    open_through(door, place).await?.begin(selection).await
}

/// Like `open`, through a door as in `begin_through`.
///
/// # Errors
/// As `begin`.
pub async fn open_through(door: SharedHttpClient, place: &Place) -> Result<Opened, RunError> {
    let baseline = Baseline::load(&place.baseline)?;
    connect(place, baseline, None, Some(door)).await
}

/// A run that knows its organization and has read nothing more.
pub struct Opened {
    id: String,
    now: OffsetDateTime,
    live: bool,
    place: Place,
    baseline: Baseline,
    aws: Aws,
    facts: Facts,
    sandbox: Option<Sandbox>,
}

/// What `check` found.
pub struct Checked {
    /// The report.
    pub report: CheckReport,
    /// The connection, for sending findings.
    pub aws: Aws,
    /// Where findings without a region belong.
    pub home_region: String,
}

/// Reads the organization and evaluates every rule of a benchmark version.
///
/// # Errors
/// As `begin`.
pub async fn check(
    place: &Place,
    baseline: Baseline,
    has_baseline: bool,
    version: &'static str,
    selection: &Selection,
    progress: &dyn check::Progress,
) -> Result<Checked, RunError> {
    let endpoint = Endpoint::from_env()?;
    let sandbox = open_sandbox(place.sandbox.as_deref(), endpoint.as_ref())?;
    let door = sandbox.as_ref().map(Sandbox::http_client);
    let opened = Opened { sandbox, ..connect(place, baseline, endpoint, door).await? };
    banner(&opened);
    let Opened { now, baseline, aws, facts, sandbox, .. } = opened;
    let (home_region, checked) = (baseline.organization.home_region.clone(), aws.clone());
    let run = check::Check { aws, facts, baseline, has_baseline, version, selection: selection.clone(), now };
    let report = Box::pin(evaluate(run, place.read_only, progress)).await?;
    name_unimplemented(sandbox.as_ref());
    Ok(Checked { report, aws: checked, home_region })
}

/// Reads what a check needs to know of the organization, and evaluates every rule. The facts are those of
/// [`facts::organization`].
///
/// # Errors
/// The organization is another one than the baseline's, or could not be read; or nothing of it is chosen.
pub async fn evaluate(
    mut run: check::Check,
    read_only: bool,
    progress: &dyn check::Progress,
) -> Result<CheckReport, RunError> {
    let home = run.baseline.organization.home_region.clone();
    let mut facts = facts::further(&run.aws, &home, &check::needs(), run.facts).await?;
    check_organization(&run.baseline, &facts)?;
    run.aws.set_roles(roles(&run.baseline, Some(&facts), true));
    if read_only {
        run.aws.set_read_policy(crate::emit::iam::policy_of(check::operations(run.version)));
    }
    let looked_at = |a: &&facts::Account| {
        a.is_active() && a.id != facts.management_account && run.baseline.unmanaged(a).is_none()
    };
    let wanted = facts.accounts.values().filter(looked_at).map(|a| a.id.clone()).collect();
    read_regions(&run.aws, &home, wanted, &mut facts).await;
    run.facts = facts;
    check::something_left(&run)?;
    Ok(check::check(run, progress).await)
}

/// Finds out who calls, and in which organization.
async fn connect(
    place: &Place,
    baseline: Baseline,
    endpoint: Option<Endpoint>,
    door: Option<SharedHttpClient>,
) -> Result<Opened, RunError> {
    connect_within(Limits::default(), place, baseline, endpoint, door).await
}

async fn connect_within(
    limits: Limits,
    place: &Place,
    baseline: Baseline,
    endpoint: Option<Endpoint>,
    door: Option<SharedHttpClient>,
) -> Result<Opened, RunError> {
    let now = OffsetDateTime::now_utc();
    let id = run_id(now);
    // Reports say seconds.
    let now = now.replace_nanosecond(0).unwrap_or(now);
    let live = door.is_none() && endpoint.is_none();
    let options = Options {
        profile: place.profile.clone(),
        region: baseline.organization.home_region.clone(),
        endpoint,
        in_process: door,
        read_only: place.read_only,
        run_id: id.clone(),
        roles: roles(&baseline, None, place.read_only),
        limits,
    };
    let aws = Aws::connect(options).await?;
    let facts = facts::organization(&aws, &baseline.organization.home_region).await?;
    Ok(Opened { id, now, live, place: place.clone(), baseline, aws, facts, sandbox: None })
}

/// Checks the organization, reads what regions accounts have, and spreads the units.
async fn spread(opened: Opened, selection: &Selection) -> Result<Run, RunError> {
    let Opened { id, now, live, place, baseline, aws, mut facts, sandbox } = opened;
    check_organization(&baseline, &facts)?;
    baseline.check_ous(&facts)?;
    aws.set_roles(roles(&baseline, Some(&facts), place.read_only));
    if place.read_only {
        aws.set_read_policy(crate::emit::iam::session_policy(&baseline));
    }
    let wanted = with_regions(&baseline, &facts);
    read_regions(&aws, &baseline.organization.home_region, wanted, &mut facts).await;
    let scope = units::Scope { baseline: &baseline, facts: &facts, selection, today: now.date() };
    let units = units::expand(&scope)?;
    Ok(Run {
        id,
        started_at: now.format(&Rfc3339).unwrap_or_default(),
        baseline_path: place.baseline.clone(),
        shared: Arc::new(Shared::new(units, aws, facts, baseline, place.refresh)),
        live,
        notices: Vec::new(),
        sandbox,
    })
}

impl Run {
    /// The rows as a report.
    pub fn report(&self, units: Vec<UnitReport>) -> Report {
        Report {
            format_version: FORMAT_VERSION,
            tool_version: env!("CARGO_PKG_VERSION").to_string(),
            run: self.id.clone(),
            created_at: self.started_at.clone(),
            baseline: self.baseline_path.display().to_string(),
            baseline_digest: self.shared.baseline.digest().to_string(),
            organization_id: self.shared.facts.organization_id.clone(),
            summary: Summary {
                owners: self.owners(&units),
                notices: self.notices.clone(),
                ..Summary::of(&units)
            },
            units,
        }
    }

    /// Says something that holds for the whole run, in its reports.
    pub fn note(&mut self, notice: String) {
        self.notices.push(notice);
    }

    /// The same run with other units.
    ///
    /// # Errors
    /// Somebody still works on the old ones, which is a defect.
    pub fn with_units(self, units: Vec<Unit>) -> Result<Run, RunError> {
        let shared =
            Arc::try_unwrap(self.shared).map_err(|_| RunError::new("orgbase has a defect: units in use"))?;
        Ok(Run { shared: Arc::new(shared.with_units(units)), notices: Vec::new(), ..self })
    }

    /// Who manages the organization as well, and what is left to them.
    fn owners(&self, units: &[UnitReport]) -> BTreeMap<String, String> {
        let texts = |unit: &'_ UnitReport| {
            let error = unit.error.iter().flat_map(|e| [Some(e.message.clone()), e.hint.clone()]).flatten();
            unit.notices.iter().chain(&unit.reason).cloned().chain(error).collect::<Vec<_>>().join("\n")
        };
        let rows: Vec<(&str, String)> = units.iter().map(|u| (u.id.control.as_str(), texts(u))).collect();
        owner::present(&self.shared.facts, rows.iter().map(|(control, text)| (*control, text.as_str())))
    }

    /// First line of the journal of `command`.
    pub fn head<'a>(&'a self, command: &'a str) -> Head<'a> {
        Head {
            run: &self.id,
            organization_id: &self.shared.facts.organization_id,
            command,
            started_at: &self.started_at,
            baseline_digest: self.shared.baseline.digest(),
        }
    }

    /// Closes the simulated organization, if the run worked on one, and names what it could not answer.
    pub fn close(self) {
        name_unimplemented(self.sandbox.as_ref());
    }
}

fn name_unimplemented(sandbox: Option<&Sandbox>) {
    for operation in sandbox.into_iter().flat_map(Sandbox::unimplemented) {
        tracing::error!(operation, "the sandbox has no such operation");
    }
}

fn open_sandbox(path: Option<&Path>, endpoint: Option<&Endpoint>) -> Result<Option<Sandbox>, RunError> {
    let Some(path) = path else { return Ok(None) };
    if endpoint.is_some() {
        return Err(RunError::new("--sandbox and ORGBASE_ENDPOINT contradict each other")
            .hint("unset ORGBASE_ENDPOINT, or leave --sandbox out"));
    }
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
        crate::apply::files::private_folder(folder)
            .map_err(|e| RunError::new(format!("cannot make the folder {}: {e}", folder.display())))?;
    }
    let mut sandbox = Sandbox::open(Some(path), &Spec::default())?;
    if std::env::var_os("ORGBASE_SANDBOX_STRICT").is_some_and(|value| value == "1") {
        sandbox = sandbox.with_strict(Strict::default());
    }
    let Some(faults) = Faults::from_env()? else { return Ok(Some(sandbox)) };
    let sandbox = sandbox.with_faults(&faults);
    let watched = sandbox.clone();
    tokio::spawn(async move {
        watched.died().await;
        crate::sandbox::exit()
    });
    Ok(Some(sandbox))
}

/// `20261121T223005Z-1a2b3c`: the time, and enough of the process to tell two runs of one second apart.
fn run_id(now: OffsetDateTime) -> String {
    let stamp =
        now.format(format_description!("[year][month][day]T[hour][minute][second]Z")).unwrap_or_default();
    // Runs of one second sort by their milliseconds: `undo --list` and its readers take the newest for the last.
    format!("{stamp}-{:03x}{:03x}", now.millisecond(), (now.nanosecond() ^ std::process::id()) & 0xfff)
}

fn banner(begun: &Opened) {
    let place = if begun.live { "LIVE" } else { "SANDBOX" };
    let line = format!("{place} {} as {}", begun.facts.organization_id, begun.aws.caller().arn);
    crate::cli::say_err(&crate::report::text::safe(&line));
}

/// Role names by account id; before the organization is read only the default is known.
fn roles(baseline: &Baseline, facts: Option<&Facts>, read_only: bool) -> Roles {
    let organization = &baseline.organization;
    let special = if read_only { &organization.plan_role } else { &organization.apply_role };
    let own = |(key, account): (&String, &crate::baseline::AccountDecl)| {
        Some((baseline.account_id(key, facts?)?, account.access_role.clone()?))
    };
    Roles {
        default: special.clone().unwrap_or_else(|| organization.access_role.clone()),
        per_account: baseline.accounts.iter().filter_map(own).collect::<BTreeMap<_, _>>(),
        external_id: organization.external_id.clone(),
        source_identity: organization.source_identity,
    }
}

/// Policies are read only where something compares or checks against them.
fn needs(baseline: &Baseline) -> Needs {
    let scps = baseline.declares("scps") || !baseline.accounts.is_empty();
    let s3 = baseline.declares("s3_block_public_access");
    let in_force = [("S3_POLICY", s3), ("RESOURCE_CONTROL_POLICY", scps)];
    Needs {
        policy_types: if scps { vec!["SERVICE_CONTROL_POLICY".into()] } else { Vec::new() },
        policy_types_in_force: in_force
            .iter()
            .filter(|(_, wanted)| *wanted)
            .map(|(kind, _)| (*kind).into())
            .collect(),
        trusted_services: ["backup", "delegated_admins", "org_trail", "root_access"]
            .iter()
            .any(|id| baseline.declares(id)),
    }
}

fn check_organization(baseline: &Baseline, facts: &Facts) -> Result<(), RunError> {
    let organization = &baseline.organization;
    if let Some(id) = &organization.id
        && *id != facts.organization_id
    {
        return Err(RunError::new(format!(
            "the baseline is for {id}, but the caller works in {}",
            facts.organization_id
        ))
        .hint("use credentials of the right organization, or correct `organization.id`"));
    }
    let home = &organization.home_region;
    check_region(home, facts)?;
    if !facts.management_regions.contains(home) {
        return Err(RunError::new(format!("home_region {home} is not enabled in the management account"))
            .hint("enable it (aws account enable-region), or choose another home_region"));
    }
    if let Regions::List(regions) = &organization.regions {
        regions.iter().try_for_each(|region| check_region(region, facts))?;
    }
    Ok(())
}

fn check_region(region: &str, facts: &Facts) -> Result<(), RunError> {
    if facts.partition_regions.contains(region) {
        return Ok(());
    }
    let close = |known: &&String| strsim::damerau_levenshtein(known, region);
    let nearest = facts.partition_regions.iter().min_by_key(close).cloned().unwrap_or_default();
    Err(RunError::new(format!("partition {} has no region {region}", facts.partition))
        .hint(format!("did you mean {nearest}?")))
}

/// Reads which regions these accounts have. A failure is kept: it is that account's outcome.
async fn read_regions(aws: &Aws, home: &str, wanted: BTreeSet<String>, facts: &mut Facts) {
    use futures_util::{StreamExt as _, stream};
    let read = |account: String| async move {
        let guard = Guard { control: "facts".into(), reads: facts::discover::READS, writes: &[] };
        let regions = match aws.clients(&account, home, guard).await {
            Ok(clients) => enabled_regions(&clients).await,
            Err(error) => Err(error),
        };
        (account, regions)
    };
    facts.regions = stream::iter(wanted).map(read).buffer_unordered(64).collect().await;
}

/// Ids of the accounts whose regions matter: those in which something is wanted in their regions, and those that work in
/// every region for the organization. The management account's are known.
fn with_regions(baseline: &Baseline, facts: &Facts) -> BTreeSet<String> {
    if all_have_them(baseline, facts) {
        return BTreeSet::new();
    }
    let sections = crate::controls::SECTIONS.iter().filter(|s| baseline.declares(s.meta().id));
    let mut wanted = BTreeSet::new();
    for control in sections.flat_map(|s| s.controls()) {
        match control.meta().scope {
            Scope::AccountRegion => {
                wanted.extend(units::regional_accounts(control.as_ref(), baseline, facts));
            }
            Scope::OrganizationRegion => {
                let seat = units::seat_account(baseline, facts, control.meta().seat);
                wanted.extend(seat.ok().map(|a| a.id.clone()));
            }
            Scope::Organization | Scope::Account => {}
        }
    }
    wanted.remove(&facts.management_account);
    wanted
}

/// Whether every region of the baseline is one that all accounts have: then none of them has to be asked.
fn all_have_them(baseline: &Baseline, facts: &Facts) -> bool {
    match &baseline.organization.regions {
        Regions::Enabled => false,
        Regions::List(list) => list.iter().all(|region| facts.default_regions.contains(region)),
    }
}
