//! How fast the whole compliance report is made: wall time, calls, CPU and memory against a local load target, beside the
//! least time that the calls could take.
//!
//! ```text
//! cargo run --release --example bench_check -- --accounts 200 --regions 17
//! ```
//!
//! The organization is simulated, with half of its settings changed. The target (the load target of `bench_plan`: latency,
//! and AWS's published rates per account and region) runs in this process, `check` in a second one, so that CPU and memory are
//! those of `check` alone.

mod support {
    pub(crate) mod load_answers;
    pub(crate) mod load_target;
    pub(crate) mod process;
}

use std::error::Error;
use std::io::Write as _;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use clap::Parser;
use orgbase::aws::{Aws, Endpoint, Limits, Options, Roles};
use orgbase::baseline::Baseline;
use orgbase::check::{self, CheckReport, Status};
use orgbase::sandbox::Sandbox;
use orgbase::sandbox::spec::Spec;
use orgbase::selector::Selection;
use orgbase::{facts, run};
use time::OffsetDateTime;

use support::load_target::{LoadTarget, Summary};
use support::process;

const HOME: &str = "eu-west-1";

/// Measures `check` against a local load target.
#[derive(Debug, Clone, Parser)]
struct Args {
    /// Member accounts
    #[arg(long, default_value_t = 200)]
    accounts: usize,
    /// Regions of each account, at most 17
    #[arg(long, default_value_t = 17)]
    regions: usize,
    /// Latency of every answer
    #[arg(long, default_value_t = 60)]
    latency_ms: u64,
    /// Most calls in flight
    #[arg(long, default_value_t = 128)]
    in_flight: usize,
    /// Most calls in flight in one account
    #[arg(long, default_value_t = 8)]
    per_account: usize,
    /// Address of a running target: this process is `check`
    #[arg(long, hide = true)]
    target: Option<String>,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match &args.target {
        Some(target) => runtime.block_on(measured(&args, target)),
        None => runtime.block_on(measure(&args)),
    }
}

/// Runs `check` in a second process, and shows what the target saw of it.
async fn measure(args: &Args) -> Result<ExitCode, Box<dyn Error>> {
    writeln!(
        std::io::stdout(),
        "check: {} accounts x {} regions, latency {} ms, {} in flight, {} per account",
        args.accounts,
        args.regions,
        args.latency_ms,
        args.in_flight,
        args.per_account
    )?;
    let ous = (args.accounts / 10).clamp(1, 60);
    let spec = format!("accounts={},ous={ous},regions={},drift=0.5,foreign=8", args.accounts, args.regions);
    let sandbox = Sandbox::open(None, &Spec::parse(&spec)?)?;
    let (target, address) = LoadTarget::start(Duration::from_millis(args.latency_ms), Some(sandbox)).await?;
    let mut command = Command::new(std::env::current_exe()?);
    command.env_clear().envs([
        ("AWS_ACCESS_KEY_ID", "AKIAORGBASEBENCH0000"),
        ("AWS_SECRET_ACCESS_KEY", "bench"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ]);
    command.arg("--target").arg(format!("http://{address}"));
    for (option, value) in [
        ("--accounts", args.accounts),
        ("--regions", args.regions),
        ("--latency-ms", usize::try_from(args.latency_ms)?),
        ("--in-flight", args.in_flight),
        ("--per-account", args.per_account),
    ] {
        command.arg(option).arg(value.to_string());
    }
    let ended = tokio::task::spawn_blocking(move || command.status()).await??;
    show_target(args, &target.summary())?;
    Ok(if ended.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Makes the report, and prints what that took. Fails where something could not be read.
async fn measured(args: &Args, target: &str) -> Result<ExitCode, Box<dyn Error>> {
    let text = format!("version = 1\n[organization]\nhome_region = \"{HOME}\"\n");
    let options = Options {
        profile: None,
        region: HOME.to_owned(),
        limits: Limits { paced: true, in_flight: args.in_flight, per_account: args.per_account },
        endpoint: Some(Endpoint::parse(target, None)?),
        in_process: None,
        read_only: true,
        run_id: "bench".to_owned(),
        roles: Roles { default: "OrganizationAccountAccessRole".to_owned(), ..Roles::default() },
    };
    let begun = Instant::now();
    let aws = Aws::connect(options).await?;
    let run = check::Check {
        facts: facts::organization(&aws, HOME).await?,
        baseline: Baseline::parse("bench.toml", &text)?,
        has_baseline: false,
        version: check::NEWEST,
        selection: Selection::default(),
        now: OffsetDateTime::now_utc(),
        aws: aws.clone(),
    };
    let report = Box::pin(run::evaluate(run, true, &Silent)).await?;
    let wall = begun.elapsed().as_secs_f64();
    show(&aws, &report, wall)?;
    let rendered = Instant::now();
    let page = check::format::html::render(&report)?;
    let (size, seconds) = (page.len() as f64 / 1e6, rendered.elapsed().as_secs_f64());
    writeln!(
        std::io::stdout(),
        "  HTML        {size:.1} MB in {seconds:.2} s, peak memory {:.0} MB",
        process::peak_memory_mb()
    )?;
    let unread = report.summary.count(Status::Error);
    Ok(if unread == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(aws: &Aws, report: &CheckReport, wall: f64) -> std::io::Result<()> {
    let ((user, system), memory) = (process::cpu_seconds(), process::peak_memory_mb());
    let calls: u64 = aws.calls().iter().map(|call| call.count).sum();
    let cpu = user + system;
    let mut out = std::io::stdout().lock();
    writeln!(out, "  wall        {wall:.2} s")?;
    writeln!(
        out,
        "  CPU         {cpu:.2} s ({user:.2} user, {system:.2} system), {:.0} us a call",
        cpu * 1e6 / calls.max(1) as f64
    )?;
    writeln!(out, "  peak memory {memory:.0} MB")?;
    writeln!(
        out,
        "  calls       {calls} ({:.0} a second), {} throttled",
        calls as f64 / wall,
        aws.throttles()
    )?;
    writeln!(out, "  rows        {}: {:?}", report.rows.len(), report.summary.statuses)
}

/// Prints what the target saw, and the floor.
fn show_target(args: &Args, seen: &Summary) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let calls = seen.answered();
    for ((service, operation), (answered, throttled)) in &seen.calls {
        let throttled = if *throttled > 0 { format!(", {throttled} throttled") } else { String::new() };
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
    writeln!(out, "  floor       {:.2} s by the busiest bucket: {}", seen.busiest.0, seen.busiest.1)
}

/// No progress is shown: it would be measured too.
struct Silent;

impl check::Progress for Silent {
    fn accounts(&self, _number: usize) {}
    fn account_done(&self) {}
}
