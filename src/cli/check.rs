//! `orgbase check`

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::plan::Selectors;
use super::{Global, say, say_err};
use crate::baseline::Baseline;
use crate::check::{self, CheckReport, Status, format};
use crate::compliance::cis;
use crate::error::RunError;
use crate::report::text::safe;
use crate::run::{self, Place};

/// Region that is asked first where neither a baseline nor `--regions` names one: where AWS Organizations lives.
const DEFAULT_HOME: &str = "us-east-1";

/// Exit code where something could not be read, or findings could not be sent.
const INCOMPLETE: u8 = 3;

/// What a report looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Human,
    /// For programs
    Json,
    /// One line per row
    Csv,
    /// One file for a browser
    Html,
    /// For pull requests
    Markdown,
    /// For CI
    Junit,
    /// For code scanning (2.1.0)
    Sarif,
    /// For Security Lake (OCSF Compliance Finding)
    Ocsf,
    /// For Security Hub (AWS Security Finding Format)
    Asff,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Benchmark version: cis-1.2, cis-1.4, cis-1.5, cis-2.0, cis-3.0, cis-4.0, cis-5.0, cis-6.0, cis-7.0
    #[arg(long, value_name = "VERSION", default_value = "cis-7.0")]
    benchmark: String,
    /// Only rows that fail or could not be read
    #[arg(long)]
    failed_only: bool,
    /// A JSON report of an earlier run: says what failed since and what was fixed
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Also send the findings to Security Hub, each account's to its own
    #[arg(long)]
    send_to_securityhub: bool,
    /// Role in the member accounts, in place of the baseline's `access_role` and `plan_role`; one of an account's own stays
    #[arg(long, value_name = "NAME")]
    access_role: Option<String>,
    /// Regions, separated by commas, in place of the baseline's; the home region stays, and is the first of these where there
    /// is no baseline
    #[arg(long, value_name = "REGIONS", value_delimiter = ',')]
    regions: Vec<String>,
    #[command(flatten)]
    selectors: Selectors,
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

impl CheckArgs {
    pub(crate) async fn run(&self, global: &Global) -> Result<u8, RunError> {
        let version = self.version()?;
        let selection = self.selectors.parse()?;
        check::choosable(&selection)?;
        let earlier = self.compare.as_deref().map(read_report).transpose()?;
        let (baseline, given) = self.baseline(global)?;
        let place = Place { read_only: !self.send_to_securityhub, ..super::plan::place(global, true) };
        let bar = Bar::new(global.shows_progress());
        let checked = Box::pin(run::check(&place, baseline, given, version, &selection, &bar)).await?;
        drop(bar);
        let mut report = checked.report;
        if let Some(earlier) = &earlier {
            report.compared = Some(check::compare(earlier, &report)?);
        }
        let code = report.summary.exit_code();
        let mut unsent = Vec::new();
        if self.send_to_securityhub {
            unsent = format::asff::send(&report, &checked.aws, &checked.home_region).await;
        }
        if self.failed_only {
            report.rows.retain(|row| matches!(row.status, Status::Fail | Status::Error));
        }
        say(&self.render(&report, global)?);
        for problem in &unsent {
            say_err(&format!("not sent: {}", safe(problem)));
        }
        Ok(if unsent.is_empty() { code } else { INCOMPLETE })
    }

    fn version(&self) -> Result<&'static str, RunError> {
        cis::version(&self.benchmark).ok_or_else(|| {
            let known: Vec<String> = cis::VERSIONS.iter().map(|v| format!("cis-{}", short(v))).collect();
            RunError::new(format!("unknown benchmark `{}`", self.benchmark))
                .hint(format!("known are {}", known.join(", ")))
        })
    }

    /// The baseline, and whether the user has one: a file that was named must be there, the default one may be absent.
    fn baseline(&self, global: &Global) -> Result<(Baseline, bool), RunError> {
        if global.file_given || global.file.exists() {
            let baseline = Baseline::load(&global.file)?;
            return Ok((self.over(baseline), true));
        }
        let home = self.regions.first().map_or(DEFAULT_HOME, String::as_str);
        let text = format!("version = 1\n[organization]\nhome_region = {}\n", toml::Value::from(home));
        Ok((self.over(Baseline::parse("no baseline", &text)?), false))
    }

    /// What the command line says wins over the file.
    fn over(&self, mut baseline: Baseline) -> Baseline {
        if let Some(role) = &self.access_role {
            baseline.organization.access_role.clone_from(role);
            baseline.organization.plan_role = None;
        }
        if !self.regions.is_empty() {
            baseline.organization.regions = crate::baseline::Regions::List(self.regions.clone());
        }
        baseline
    }

    fn render(&self, report: &CheckReport, global: &Global) -> Result<String, RunError> {
        Ok(match self.format {
            Format::Human => format::human::render(report, global.paint()),
            Format::Json => format::json(report)?,
            Format::Csv => format::csv::render(report),
            Format::Html => format::html::render(report)?,
            Format::Markdown => format::markdown::render(report),
            Format::Junit => format::junit::render(report),
            Format::Sarif => format::sarif::render(report)?,
            Format::Ocsf => format::ocsf::render(report)?,
            Format::Asff => format::asff::render(report)?,
        })
    }
}

/// `7.0.0` -> `7.0`
fn short(version: &str) -> &str {
    version.rsplit_once('.').map_or(version, |(short, _)| short)
}

fn read_report(path: &Path) -> Result<CheckReport, RunError> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| RunError::new(format!("cannot read the report {}: {e}", path.display())))?;
    serde_json::from_str(&text).map_err(|e| {
        RunError::new(format!("{} is no report of `orgbase check --format json`: {e}", path.display()))
            .hint("write it with --format json, without --failed-only")
    })
}

/// Accounts done, on a terminal.
struct Bar(ProgressBar);

impl Bar {
    fn new(shown: bool) -> Bar {
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        if let Ok(style) = ProgressStyle::with_template("check {wide_bar} {pos}/{len} accounts, eta {eta}") {
            bar.set_style(style);
        }
        Bar(bar)
    }
}

impl check::Progress for Bar {
    fn accounts(&self, number: usize) {
        self.0.set_length(number as u64);
    }

    fn account_done(&self) {
        self.0.inc(1);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
