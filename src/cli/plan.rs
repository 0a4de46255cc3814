//! `orgbase plan`

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::{Global, json, say};
use crate::apply::store;
use crate::error::RunError;
use crate::plan::{self, Refresh, saved};
use crate::report::progress::Bar;
use crate::report::{Report, html, human, markdown};
use crate::run::{self, Run};
use crate::selector::Selection;
use crate::units::{Bounds, Cancel};

/// What a report looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Human,
    /// For programs
    Json,
    /// One self-contained page
    Html,
    /// For pull requests
    Markdown,
}

/// What a report looks like that is lines of text or JSON, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BriefFormat {
    /// For people
    Human,
    /// For programs
    Json,
}

impl From<BriefFormat> for Format {
    fn from(format: BriefFormat) -> Format {
        match format {
            BriefFormat::Human => Format::Human,
            BriefFormat::Json => Format::Json,
        }
    }
}

/// Where a plan asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RefreshArg {
    /// Every account and region itself
    Full,
    /// Organization-wide answers first; an account or region only where they state too little, or something else
    Central,
}

impl From<RefreshArg> for Refresh {
    fn from(arg: RefreshArg) -> Refresh {
        match arg {
            RefreshArg::Full => Refresh::Full,
            RefreshArg::Central => Refresh::Central,
        }
    }
}

/// Which units.
#[derive(Debug, Clone, Args)]
pub(crate) struct Selectors {
    /// Only these: account=KEY|ID|GLOB, ou=/Path, region=R, control=ID
    #[arg(long, value_name = "SELECTOR")]
    only: Vec<String>,
    /// Not these
    #[arg(long, value_name = "SELECTOR")]
    exclude: Vec<String>,
}

impl Selectors {
    pub(crate) fn parse(&self) -> Result<Selection, RunError> {
        Selection::parse(&self.only, &self.exclude)
    }
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// Also write the plan to a file (or s3://BUCKET/KEY) that `apply` takes
    #[arg(long, value_name = "PLAN")]
    out: Option<PathBuf>,
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
    /// Where to ask
    #[arg(long, value_name = "REFRESH", default_value = "full")]
    refresh: RefreshArg,
    #[command(flatten)]
    selectors: Selectors,
}

impl PlanArgs {
    pub(crate) async fn run(&self, global: &Global) -> Result<u8, RunError> {
        if let Some(path) = self.out.as_ref().filter(|path| !is_in_bucket(path)) {
            saved::check_place(path)?;
        }
        let place = run::Place { refresh: self.refresh.into(), ..place(global, true) };
        let run = run::begin(&place, &self.selectors.parse()?).await?;
        let report = make(&run, global, &on_ctrl_c()).await?;
        if let Some(path) = &self.out {
            write_plan(path, &report, &run).await?;
        }
        show(&report, self.format, global)?;
        run.close();
        Ok(report.summary.exit_code())
    }
}

/// Whether a plan is in S3 rather than in a local file.
pub(super) fn is_in_bucket(path: &Path) -> bool {
    path.starts_with("s3:")
}

/// To a file, or to S3.
async fn write_plan(path: &Path, report: &Report, run: &Run) -> Result<(), RunError> {
    if !is_in_bucket(path) {
        return saved::write(path, report);
    }
    let home = &run.shared.baseline.organization.home_region;
    store::write_file(path, &saved::to_text(report)?, &run.shared.aws, home).await
}

/// Where to work, as the global options say.
pub(crate) fn place(global: &Global, read_only: bool) -> run::Place {
    run::Place {
        baseline: global.file.clone(),
        sandbox: global.sandbox.clone(),
        profile: global.profile.clone(),
        read_only,
        refresh: Refresh::Full,
    }
}

/// Plans all units of a run.
pub(crate) async fn make(run: &Run, global: &Global, cancel: &Cancel) -> Result<Report, RunError> {
    let bar = Bar::new("plan", run.shared.units.len(), global.shows_progress());
    let mut rows = plan::plan(&run.shared, Bounds::default(), cancel, &bar).await;
    drop(bar);
    crate::lockout::review(&run.shared, &mut rows)?;
    Ok(run.report(rows))
}

/// A cancel for one command that Ctrl-C sets.
pub(crate) fn on_ctrl_c() -> Cancel {
    let cancel = Cancel::default();
    watch_ctrl_c(&cancel);
    cancel
}

/// The first Ctrl-C stops the start of new units; the second one ends the process. Once per command: what was stopped while
/// planning must not go on to write.
pub(crate) fn watch_ctrl_c(cancel: &Cancel) {
    let watched = cancel.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_err() {
            return;
        }
        watched.cancel();
        super::say_err(
            "stopping: what runs is finished, the rest is not started; press Ctrl-C again to end at once",
        );
        if tokio::signal::ctrl_c().await.is_ok() {
            #[expect(clippy::exit, reason = "the user asked twice")]
            std::process::exit(130);
        }
    });
}

/// Prints a report.
pub(crate) fn show(report: &Report, format: Format, global: &Global) -> Result<(), RunError> {
    match format {
        Format::Human => say(&human::report(report, global.paint())),
        Format::Json => say(&json(report)?),
        Format::Html => say(&html::report(report)),
        Format::Markdown => say(&markdown::report(report)),
    }
    Ok(())
}
