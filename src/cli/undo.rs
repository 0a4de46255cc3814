//! `orgbase undo`

use clap::Args;
use serde::Serialize;

use super::apply::{ask, check_identity};
use super::plan::{BriefFormat, place, show, watch_ctrl_c};
use super::{Global, json, say, say_err};
use crate::apply::store::{self, RunStore};
use crate::apply::{self, Consent};
use crate::baseline::Baseline;
use crate::error::RunError;
use crate::report::progress::Bar;
use crate::report::text::{count, safe};
use crate::report::{FORMAT_VERSION, Report};
use crate::run::{self, Opened, Run};
use crate::selector::Selection;
use crate::undo;
use crate::undo::past::Past;
use crate::units::Cancel;

#[derive(Debug, Args)]
pub(crate) struct UndoArgs {
    /// Which run, as `--list` and the journals name it; the beginning is enough where it names one
    #[arg(value_name = "RUN", required_unless_present = "list")]
    run: Option<String>,
    /// List the runs that wrote something in this organization, the newest first
    #[arg(long, conflicts_with_all = ["run", "yes", "allow_destructive"])]
    list: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Also remove what the run created, and make public or unlogged again what it closed
    #[arg(long)]
    allow_destructive: bool,
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: BriefFormat,
}

/// What `--list --format json` prints.
#[derive(Serialize)]
struct List {
    format_version: u32,
    runs: Vec<Listed>,
}

#[derive(Serialize)]
struct Listed {
    id: String,
    started_at: String,
    organization_id: String,
    command: String,
    changes: usize,
}

impl UndoArgs {
    pub(crate) async fn run(&self, global: &Global) -> Result<u8, RunError> {
        let opened = run::open(&place(global, self.list)).await?;
        let store = store::open(&global.run_dir, opened.aws(), opened.home_region()).await?;
        let Some(wanted) = self.run.as_deref().filter(|_| !self.list) else {
            self.show_list(&list(&*store, opened.organization_id()).await?)?;
            return Ok(0);
        };
        if self.yes {
            check_identity(&opened, "undo --yes")?;
        }
        let cancel = Cancel::default();
        let lock = store.lock(opened.organization_id(), opened.id(), &cancel).await?;
        // Boxed: a large future.
        let ended = Box::pin(self.locked(opened, wanted, global, &*store, &cancel)).await;
        lock.release().await;
        let (code, report, run) = ended?;
        if let Some(report) = &report {
            show(report, self.format.into(), global)?;
        }
        run.close();
        Ok(code)
    }

    /// What happens under the lock.
    async fn locked(
        &self,
        opened: Opened,
        wanted: &str,
        global: &Global,
        store: &dyn RunStore,
        cancel: &Cancel,
    ) -> Result<(u8, Option<Report>, Run), RunError> {
        let past = find(store, wanted).await?;
        if past.organization_id != opened.organization_id() {
            return Err(RunError::new(format!(
                "run {} worked in {}, but the caller works in {}",
                past.run,
                past.organization_id,
                opened.organization_id()
            )));
        }
        let run = opened.begin(&Selection::default()).await?;
        watch_ctrl_c(cancel);
        let removing = Baseline::load(&run.baseline_path)?;
        let bar = Bar::new("plan", past.units.len(), global.shows_progress());
        let undo::Plan { units, rows } = undo::plan(&run.shared, &past, removing, &bar).await;
        drop(bar);
        let run = run.with_units(units)?;
        let planned = run.report(rows);
        let consent =
            Consent { destructive: self.allow_destructive, interactive: !self.yes, ..Consent::default() };
        let chosen = apply::chosen(&run.shared.units, &planned.units, &consent);
        say_left_out(&planned);
        if chosen.is_empty() || cancel.is_cancelled() {
            return Ok((planned.summary.exit_code(), Some(planned), run));
        }
        if !self.yes && !ask(global, &planned, &chosen)? {
            say_err("nothing was changed");
            return Ok((planned.summary.exit_code(), None, run));
        }
        let report = write(&run, planned, &consent, store, global, cancel).await?;
        Ok((report.summary.exit_code(), Some(report), run))
    }

    fn show_list(&self, list: &List) -> Result<(), RunError> {
        if self.format == BriefFormat::Json {
            say(&json(list)?);
            return Ok(());
        }
        if list.runs.is_empty() {
            say("no run wrote anything in this organization, as far as the run folder knows");
        }
        for run in &list.runs {
            let changes = count(run.changes, "change");
            say(&safe(&format!("{}  {}  {}  {changes}", run.id, run.started_at, run.command)));
        }
        Ok(())
    }
}

/// Makes the changes; the undo has a journal of its own.
async fn write(
    run: &Run,
    planned: Report,
    consent: &Consent,
    store: &dyn RunStore,
    global: &Global,
    cancel: &Cancel,
) -> Result<Report, RunError> {
    let head = run.head("undo");
    let journal = store.journal(&head).await?;
    let bar = Bar::new("undo", planned.units.len(), global.shows_progress());
    let rows = undo::apply(&run.shared, planned.units, consent, Some(&journal), cancel, &bar).await;
    drop(bar);
    Ok(run.report(rows))
}

/// Said before anything is written, and before anybody is asked.
fn say_left_out(planned: &Report) {
    let left: Vec<_> = planned.units.iter().filter(|unit| unit.by_hand).collect();
    if left.is_empty() {
        return;
    }
    say_err(&format!("{} of {} cannot be undone:", count(left.len(), "unit"), planned.units.len()));
    for unit in left {
        let reason = unit.reason.as_deref().unwrap_or_default();
        say_err(&safe(&format!("  {} ({}): {reason}", unit.id, unit.account_name)));
    }
}

/// The runs of this organization that wrote something, newest first. A journal that cannot be read is said and left out.
async fn list(store: &dyn RunStore, organization_id: &str) -> Result<List, RunError> {
    let mut runs = Vec::new();
    for id in store.runs().await?.into_iter().rev() {
        let past = match store.read_journal(&id).await.and_then(|text| Past::parse(&text)) {
            Ok(past) => past,
            Err(error) => {
                say_err(&safe(&format!("warning: run {id}: {error}")));
                continue;
            }
        };
        let changes = past.changes();
        if past.organization_id == organization_id && changes > 0 {
            let Past { run, started_at, organization_id, command, .. } = past;
            runs.push(Listed { id: run, started_at, organization_id, command, changes });
        }
    }
    Ok(List { format_version: FORMAT_VERSION, runs })
}

/// The run whose id begins so.
async fn find(store: &dyn RunStore, wanted: &str) -> Result<Past, RunError> {
    let runs = store.runs().await?;
    let found: Vec<&String> = runs.iter().filter(|id| id.starts_with(wanted) && !wanted.is_empty()).collect();
    let id = match (runs.iter().find(|id| *id == wanted), found.as_slice()) {
        (Some(exact), _) => exact,
        (None, [one]) => one,
        (None, []) => {
            return Err(RunError::new(format!("the run folder has no run {}", safe(wanted)))
                .hint("`orgbase undo --list` shows those that wrote something; --run-dir names the folder"));
        }
        (None, several) => {
            let all: Vec<&str> = several.iter().map(|id| id.as_str()).collect();
            return Err(RunError::new(format!("{} begins several runs: {}", safe(wanted), all.join(", "))));
        }
    };
    Past::parse(&store.read_journal(id).await?)
}
