//! `orgbase drift`

use std::path::{Path, PathBuf};

use clap::Args;

use super::apply::{Pass, check_identity, check_size};
use super::plan::{BriefFormat, RefreshArg, Selectors, make, place, watch_ctrl_c};
use super::{Global, json, say, say_err};
use crate::apply::store::{self, RunStore};
use crate::apply::{self, Consent, files};
use crate::drift::{self, DriftReport, notify::Notify};
use crate::error::RunError;
use crate::report::text::safe;
use crate::run::{self, Opened, Run};
use crate::selector::Selection;
use crate::units::{Bounds, Cancel};

#[derive(Debug, Args)]
pub(crate) struct DriftArgs {
    /// Repair what differs, without a question; never what needs --allow-destructive, and no expired exception
    #[arg(long)]
    correct: bool,
    /// Repair nothing at all where more changes than this would be made
    #[arg(long, value_name = "N", requires = "correct")]
    max_changes: Option<usize>,
    /// Start no further repair after this many failed
    #[arg(long, value_name = "N", requires = "correct")]
    max_failures: Option<usize>,
    /// Write drift.json and drift.html into this folder
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Tell somebody where there is something to tell: a Slack-compatible URL, an SNS topic, or env:NAME for either
    #[arg(long, value_name = "URL|env:NAME|SNS_ARN")]
    notify: Option<String>,
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: BriefFormat,
    /// Where to ask
    #[arg(long, value_name = "REFRESH", default_value = "full")]
    refresh: RefreshArg,
    #[command(flatten)]
    selectors: Selectors,
}

impl DriftArgs {
    pub(crate) async fn run(&self, global: &Global) -> Result<u8, RunError> {
        let selection = self.selectors.parse()?;
        let notify = self.notify.as_deref().map(Notify::parse).transpose()?;
        let place = run::Place { refresh: self.refresh.into(), ..place(global, !self.correct) };
        let opened = run::open(&place).await?;
        if let Some(notify) = &notify {
            notify.check(opened.is_live())?;
        }
        if self.correct {
            check_identity(&opened, "drift --correct")?;
        }
        if let Some(folder) = &self.report {
            files::private_folder(folder).map_err(|e| cannot_write(folder, &e))?;
        }
        let store = store::open(&global.run_dir, opened.aws(), opened.home_region()).await?;
        let cancel = Cancel::default();
        let lock = store.lock(opened.organization_id(), opened.id(), &cancel).await?;
        // Boxed: a large future.
        let ended = Box::pin(self.locked(opened, &selection, global, &*store, &cancel)).await;
        lock.release().await;
        let (report, run) = ended?;
        let code = report.summary.exit_code();
        self.show(&report, global)?;
        let told = tell(notify.as_ref(), &report, &run).await;
        let written = self.report.as_ref().is_none_or(|folder| keep(folder, &report));
        run.close();
        Ok(exit_code(code, told && written))
    }

    /// What happens under the lock.
    async fn locked(
        &self,
        opened: Opened,
        selection: &Selection,
        global: &Global,
        store: &dyn RunStore,
        cancel: &Cancel,
    ) -> Result<(DriftReport, Run), RunError> {
        let run = opened.begin(selection).await?;
        watch_ctrl_c(cancel);
        let planned = make(&run, global, cancel).await?;
        // Before the repair: it would be the newest write of all.
        let who = drift::actors(&run.shared, &planned.units).await;
        let found = planned.units.clone();
        let ended = if self.correct {
            let consent = Consent { again: self.max_changes.is_none(), ..Consent::default() };
            let chosen = apply::chosen(&run.shared.units, &planned.units, &consent);
            check_size(&chosen, self.max_changes)?;
            let bounds = Bounds { max_failures: self.max_failures, ..Bounds::default() };
            // Without anything to write there is no journal.
            let store = Some(store).filter(|_| !chosen.is_empty());
            let pass = Pass { run: &run, global, store, cancel, command: "drift", bounds };
            pass.converge(planned, &consent).await?
        } else {
            planned
        };
        Ok((DriftReport::new(&found, ended, self.correct, &who), run))
    }

    fn show(&self, report: &DriftReport, global: &Global) -> Result<(), RunError> {
        match self.format {
            BriefFormat::Human => say(&drift::text(report, global.paint())),
            BriefFormat::Json => say(&json(report)?),
        }
        Ok(())
    }
}

/// A message that nobody got, or a report that was not written, is a warning: repairs may have been made. The exit code tells
/// of the drift as well; only where all was repaired (0) is it 3, since nobody would hear of it then.
fn exit_code(code: u8, told: bool) -> u8 {
    if code == 0 && !told { 3 } else { code }
}

/// Whether everybody who should know does.
async fn tell(notify: Option<&Notify>, report: &DriftReport, run: &Run) -> bool {
    let Some(notify) = notify.filter(|_| report.is_news()) else { return true };
    match notify.send(report, &run.shared.aws).await {
        Ok(()) => true,
        Err(why) => {
            let line = format!("warning: nobody was notified ({}): {why}", notify.shown());
            say_err(&safe(&line));
            false
        }
    }
}

/// Whether the report is in its folder.
fn keep(folder: &Path, report: &DriftReport) -> bool {
    let written = write_files(folder, report);
    if let Err(why) = &written {
        say_err(&format!("warning: {}", safe(&why.message)));
    }
    written.is_ok()
}

/// `drift.json` and `drift.html`, readable by their owner only; those of an earlier run are replaced.
fn write_files(folder: &Path, report: &DriftReport) -> Result<(), RunError> {
    for (name, text) in [("drift.json", json(report)?), ("drift.html", drift::page(report))] {
        files::write_private(&folder.join(name), text.as_bytes()).map_err(|e| cannot_write(folder, &e))?;
    }
    Ok(())
}

fn cannot_write(folder: &Path, error: &std::io::Error) -> RunError {
    RunError::new(format!("cannot write the report to {}: {error}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_nobody_got_shows_where_nothing_else_does() {
        assert_eq!(exit_code(0, true), 0);
        assert_eq!(exit_code(0, false), 3);
        assert_eq!(exit_code(2, false), 2);
        assert_eq!(exit_code(3, false), 3);
    }
}
