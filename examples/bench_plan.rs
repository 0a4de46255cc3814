//! How fast the engine plans: wall time, calls, CPU and memory against a local load target, beside the least time that the
//! calls could take.
//!
//! ```text
//! cargo run --release --example bench_plan -- --accounts 100 --regions 17
//! ```
//!
//! Four loads: `cis` is the plan of `baselines/cis.toml` over an organization that meets it; `full` is that of
//! `baselines/full.toml` in every region, `central` the same with `--refresh central`; `reads` is a synthetic section with
//! nine reads in every region of every account and three more in every account. The target runs in this process, the engine
//! in a second one, so that CPU and memory are the engine's alone. Where the organization is the sandbox's, the target's own
//! work takes one core: it bounds how fast the engine can be.

mod support {
    pub(crate) mod load_answers;
    pub(crate) mod load_control;
    pub(crate) mod load_target;
    pub(crate) mod process;
    pub(crate) mod runs;
}

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write as _;
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::{Parser, ValueEnum};
use orgbase::units::Bounds;

use support::load_target::{LoadTarget, Summary};
use support::runs;

/// Measures the engine against a local load target.
#[derive(Debug, Clone, Parser)]
pub(crate) struct Args {
    /// Member accounts
    #[arg(long, default_value_t = 100)]
    pub(crate) accounts: usize,
    /// Regions of each account, at most 17
    #[arg(long, default_value_t = 17)]
    pub(crate) regions: usize,
    /// Latency of every answer
    #[arg(long, default_value_t = 60)]
    pub(crate) latency_ms: u64,
    /// Most calls in flight
    #[arg(long, default_value_t = 128)]
    pub(crate) in_flight: usize,
    /// Most calls in flight in one account
    #[arg(long, default_value_t = 8)]
    pub(crate) per_account: usize,
    /// Units in flight
    #[arg(long, default_value_t = Bounds::default().units)]
    pub(crate) units: usize,
    /// Units in flight in one account
    #[arg(long, default_value_t = Bounds::default().per_seat)]
    pub(crate) per_seat: usize,
    /// What to plan; all where absent
    #[arg(long)]
    pub(crate) load: Option<Load>,
    /// Address of a running target: this process is the engine
    #[arg(long, hide = true)]
    pub(crate) target: Option<String>,
}

/// What is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Load {
    /// `baselines/cis.toml`
    Cis,
    /// The synthetic section
    Reads,
    /// `baselines/full.toml` in every region, every target read
    Full,
    /// The same with `--refresh central`
    Central,
}

impl Load {
    const ALL: [Load; 4] = [Load::Cis, Load::Reads, Load::Full, Load::Central];
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if let (Some(target), Some(load)) = (&args.target, args.load) {
        return runtime.block_on(runs::engine(&args, load, target));
    }
    let mut good = true;
    for load in args.load.map_or(Load::ALL.to_vec(), |load| vec![load]) {
        good &= runtime.block_on(measure(&args, load))?;
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs one load in a second process, and shows what the target saw of it.
async fn measure(args: &Args, load: Load) -> Result<bool, Box<dyn Error>> {
    writeln!(
        std::io::stdout(),
        "{}: {} accounts x {} regions, latency {} ms, {} in flight, {} per account",
        name(load),
        args.accounts,
        args.regions,
        args.latency_ms,
        args.in_flight,
        args.per_account
    )?;
    let sandbox = match load {
        Load::Cis | Load::Full | Load::Central => Some(runs::converged(args, load).await?),
        Load::Reads => None,
    };
    let (target, address) = LoadTarget::start(Duration::from_millis(args.latency_ms), sandbox).await?;
    let mut command = Command::new(std::env::current_exe()?);
    command.env_clear();
    command.envs([
        ("AWS_ACCESS_KEY_ID", "AKIAORGBASEBENCH0000"),
        ("AWS_SECRET_ACCESS_KEY", "bench"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ]);
    command.arg("--target").arg(format!("http://{address}")).arg("--load").arg(name(load));
    for (option, value) in [
        ("--accounts", args.accounts),
        ("--regions", args.regions),
        ("--latency-ms", usize::try_from(args.latency_ms)?),
        ("--in-flight", args.in_flight),
        ("--per-account", args.per_account),
        ("--units", args.units),
        ("--per-seat", args.per_seat),
    ] {
        command.arg(option).arg(value.to_string());
    }
    let ended = tokio::task::spawn_blocking(move || command.status()).await??;
    show(args, &target.summary())?;
    Ok(ended.success())
}

fn name(load: Load) -> &'static str {
    match load {
        Load::Cis => "cis",
        Load::Reads => "reads",
        Load::Full => "full",
        Load::Central => "central",
    }
}

/// Calls by service and operation. Where the protocol names no operation, the path does: ids in it are left out.
fn grouped(seen: &Summary) -> BTreeMap<(String, String), (u64, u64)> {
    let is_id = |part: &&str| part.len() > 8 && part.chars().any(|c| c.is_ascii_digit());
    let mut calls: BTreeMap<(String, String), (u64, u64)> = BTreeMap::new();
    for ((service, operation), (answered, throttled)) in &seen.calls {
        let parts = operation.split('/').map(|part| if is_id(&part) { "ID" } else { part });
        let key = (service.clone(), parts.collect::<Vec<_>>().join("/"));
        let sum = calls.entry(key).or_default();
        *sum = (sum.0 + answered, sum.1 + throttled);
    }
    calls
}

/// Prints what the target saw, and the floor.
fn show(args: &Args, seen: &Summary) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let calls = seen.answered();
    let mut services: BTreeMap<&str, u64> = BTreeMap::new();
    for ((service, _), (answered, _)) in &seen.calls {
        *services.entry(service).or_default() += answered;
    }
    for (service, answered) in services {
        writeln!(out, "  {answered:>7} {service}")?;
    }
    for ((service, operation), (answered, throttled)) in grouped(seen) {
        let throttled = if throttled > 0 { format!(", {throttled} throttled") } else { String::new() };
        writeln!(out, "  {answered:>7} {service} {operation}{throttled}")?;
    }
    writeln!(
        out,
        "  target      {calls} answered, {} throttled, at most {} in flight over {} connections",
        seen.throttled(),
        seen.most_in_flight,
        seen.connections
    )?;
    let by_latency = calls as f64 * args.latency_ms as f64 / 1000.0 / args.in_flight as f64;
    writeln!(
        out,
        "  floor       {by_latency:.2} s = {calls} x {} ms / {} in flight",
        args.latency_ms, args.in_flight
    )?;
    writeln!(out, "  floor       {:.2} s by the busiest bucket: {}\n", seen.busiest.0, seen.busiest.1)
}
