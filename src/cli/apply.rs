//! `orgbase apply`

use std::collections::BTreeSet;
use std::io::{BufRead as _, IsTerminal as _};
use std::path::PathBuf;

use clap::Args;

use super::plan::{Format, Selectors, is_in_bucket, make, place, show, watch_ctrl_c};
use super::{Global, say, say_err};
use crate::apply::store::{self, RunStore};
use crate::apply::{self, Consent};
use crate::error::RunError;
use crate::lockout;
use crate::plan::saved::{self, Allowed};
use crate::report::progress::Bar;
use crate::report::text::count;
use crate::report::{Report, Summary, UnitReport, human};
use crate::run::{self, Opened, Run};
use crate::selector::Selection;
use crate::units::{Bounds, Cancel};

#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    /// A plan that `plan --out` wrote, a file or s3://BUCKET/KEY: only what it holds is done, and only where it still holds
    #[arg(value_name = "PLAN")]
    plan: Option<PathBuf>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Do nothing at all where the plan has more changes than this
    #[arg(long, value_name = "N")]
    max_changes: Option<usize>,
    /// Start no further unit after this many failed
    #[arg(long, value_name = "N")]
    max_failures: Option<usize>,
    /// Also make changes that cannot be undone, or that make something public or unlogged
    #[arg(long)]
    allow_destructive: bool,
    /// Lock this bucket in COMPLIANCE mode, which nobody can ever take back; on a terminal its name is typed instead
    #[arg(long, value_name = "BUCKET")]
    confirm_compliance: Vec<String>,
    /// Change this account first, and the others only when it is in sync; `[[rings]]` of the baseline come after it
    #[arg(long, value_name = "KEY")]
    canary_account: Option<String>,
    /// Send e-mail subscriptions that await confirmation again
    #[arg(long, conflicts_with = "plan")]
    resubscribe: bool,
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
    #[command(flatten)]
    selectors: Selectors,
}

/// How an apply ended.
struct Ended {
    code: u8,
    /// `None` where the user said no.
    report: Option<Report>,
}

impl ApplyArgs {
    pub(crate) async fn run(&self, global: &Global) -> Result<u8, RunError> {
        let local = self.plan.as_deref().filter(|path| !is_in_bucket(path));
        let saved = local.map(saved::read).transpose()?;
        let global = &with_recorded_baseline(global, saved.as_ref());
        let selection = self.selectors.parse()?;
        let mut opened = run::open(&place(global, false)).await?;
        if self.resubscribe {
            opened.resubscribe();
        }
        if let Some(key) = &self.canary_account {
            opened.put_first(key)?;
        }
        let saved = match (saved, self.plan.as_deref()) {
            (None, Some(path)) => {
                let text = store::read_file(path, opened.aws(), opened.home_region()).await?;
                Some(saved::parse(&text, path)?)
            }
            (saved, _) => saved,
        };
        let store = store::open(&global.run_dir, opened.aws(), opened.home_region()).await?;
        let cancel = Cancel::default();
        let lock = store.lock(opened.organization_id(), opened.id(), &cancel).await?;
        // Boxed: a large future.
        let ended = Box::pin(self.locked(opened, &selection, global, saved, &*store, &cancel)).await;
        lock.release().await;
        let (ended, run) = ended?;
        match (&ended.report, self.format) {
            (Some(report), Format::Human) if self.has_seen_values() => {
                say(&human::outcome(report, global.paint()));
            }
            (Some(report), format) => show(report, format, global)?,
            (None, _) => {}
        }
        run.close();
        Ok(ended.code)
    }

    /// The user has the plan's values: as a file, or printed before the question.
    fn has_seen_values(&self) -> bool {
        self.plan.is_some() || !self.yes
    }

    /// What happens under the lock.
    async fn locked(
        &self,
        opened: Opened,
        selection: &Selection,
        global: &Global,
        saved: Option<Report>,
        store: &dyn RunStore,
        cancel: &Cancel,
    ) -> Result<(Ended, Run), RunError> {
        let mut run = opened.begin(selection).await?;
        self.check_start(&run, saved.as_ref())?;
        // What selectors leave out is left out on purpose.
        let whole = saved.as_ref().filter(|_| *selection == Selection::default());
        let lost: Vec<String> = whole.map(|s| saved::lost(s, &run.shared.units)).unwrap_or_default();
        for notice in lost {
            run.note(notice);
        }
        watch_ctrl_c(cancel);
        let planned = make(&run, global, cancel).await?;
        let consent = Consent {
            destructive: self.allow_destructive,
            interactive: !self.yes,
            // A limit is for what was planned at first.
            again: self.yes && saved.is_none() && self.max_changes.is_none(),
            saved: saved.map(Allowed::from_report),
            confirmed: self.confirmed(&planned),
        };
        if let Some(saved) = &consent.saved {
            // An account whose move the plan does not hold stays where it is.
            lockout::check_where(&run.shared, |id| saved.holds(id))?;
        }
        let chosen = apply::chosen(&run.shared.units, &planned.units, &consent);
        check_size(&chosen, self.max_changes)?;
        let asks = !chosen.is_empty() && !self.yes && !cancel.is_cancelled();
        if asks && !(ask(global, &planned, &chosen)? && self.ask_words(&chosen)?) {
            say_err("nothing was changed");
            return Ok((Ended { code: planned.summary.exit_code(), report: None }, run));
        }
        // Without anything to write there is no journal.
        let store = Some(store).filter(|_| !chosen.is_empty());
        let bounds = Bounds { max_failures: self.max_failures, ..Bounds::default() };
        let pass = Pass { run: &run, global, store, cancel, command: "apply", bounds };
        let report = pass.converge(planned, &consent).await?;
        Ok((Ended { code: report.summary.exit_code(), report: Some(report) }, run))
    }

    /// The words that were given; where a person is asked anyway, those that `ask_words` will ask for.
    fn confirmed(&self, planned: &Report) -> BTreeSet<String> {
        let given = self.confirm_compliance.iter().cloned();
        let asked = planned.units.iter().flat_map(apply::words).filter(|_| !self.yes).cloned();
        given.chain(asked).collect()
    }

    /// Asks for each word that was not given as a flag.
    fn ask_words(&self, chosen: &[UnitReport]) -> Result<bool, RunError> {
        let words: BTreeSet<&String> = chosen.iter().flat_map(apply::words).collect();
        for word in words.into_iter().filter(|word| !self.confirm_compliance.contains(word)) {
            say_err(&format!(
                "Bucket {word} will be locked in COMPLIANCE mode: nobody, AWS included, can shorten or remove that. \
                 Type its name to go on:"
            ));
            if answer()? != *word {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn check_start(&self, run: &Run, saved: Option<&Report>) -> Result<(), RunError> {
        if run.live && self.yes && run.shared.baseline.organization.id.is_none() {
            return Err(RunError::new("`apply --yes` on AWS needs `organization.id` in the baseline")
                .hint(format!("write id = \"{}\" under [organization]", run.shared.facts.organization_id)));
        }
        let Some(saved) = saved else { return Ok(()) };
        if saved.organization_id != run.shared.facts.organization_id {
            return Err(RunError::new(format!(
                "the plan is for {}, but the caller works in {}",
                saved.organization_id, run.shared.facts.organization_id
            )));
        }
        if saved.baseline_digest != run.shared.baseline.digest() {
            return Err(RunError::new(
                "the baseline, or a document that it names, changed since the plan was made",
            )
            .hint("make the plan again and review it: `orgbase plan --out PLAN`"));
        }
        Ok(())
    }
}

/// Writing without a question needs to be sure of the organization.
pub(crate) fn check_identity(opened: &Opened, command: &str) -> Result<(), RunError> {
    if !opened.is_live() || opened.names_organization() {
        return Ok(());
    }
    Err(RunError::new(format!("`{command}` on AWS needs `organization.id` in the baseline"))
        .hint(format!("write id = \"{}\" under [organization]", opened.organization_id())))
}

/// Nothing at all is done where there are more changes than the user thought.
pub(crate) fn check_size(chosen: &[UnitReport], max_changes: Option<usize>) -> Result<(), RunError> {
    let changes: usize = chosen.iter().map(|u| u.changes.len()).sum();
    match max_changes {
        Some(max) if changes > max => Err(RunError::new(format!(
            "the plan has {}, more than --max-changes {max}",
            count(changes, "change")
        ))
        .hint("nothing was changed; look at `orgbase plan` first")),
        _ => Ok(()),
    }
}

/// One pass of writes: of `apply`, of `drift --correct`.
pub(crate) struct Pass<'a> {
    /// The run.
    pub(crate) run: &'a Run,
    /// The global options.
    pub(crate) global: &'a Global,
    /// Where the journal goes; `None` where nothing will be written.
    pub(crate) store: Option<&'a dyn RunStore>,
    /// Ctrl-C, and a lock that was lost.
    pub(crate) cancel: &'a Cancel,
    /// Name of the command in the journal.
    pub(crate) command: &'static str,
    /// How many units at once, and after how many failures none.
    pub(crate) bounds: Bounds,
}

impl Pass<'_> {
    /// Makes the changes of a plan that `consent` allows.
    pub(crate) async fn converge(&self, planned: Report, consent: &Consent) -> Result<Report, RunError> {
        let Pass { run, global, store, cancel, command, bounds } = self;
        let head = run.head(command);
        let journal = match store {
            Some(store) => Some(store.journal(&head).await?),
            None => None,
        };
        let bar = Bar::new(command, planned.units.len(), global.shows_progress());
        let rows = apply::apply(&run.shared, planned.units, consent, journal, *bounds, cancel, &bar).await;
        drop(bar);
        Ok(run.report(rows))
    }
}

/// A saved plan knows its baseline; `-f` on the command line wins.
fn with_recorded_baseline(global: &Global, saved: Option<&Report>) -> Global {
    let mut global = global.clone();
    if let Some(saved) = saved
        && !global.file_given
    {
        global.file = PathBuf::from(&saved.baseline);
    }
    global
}

/// Shows the plan and asks.
pub(super) fn ask(global: &Global, planned: &Report, chosen: &[UnitReport]) -> Result<bool, RunError> {
    check_terminal("run it on a terminal to look at it first, or run the same command with `--yes`")?;
    say(&human::report(planned, global.paint()));
    let summary = Summary::of(chosen);
    let risks: Vec<String> = summary.risks.iter().map(|(risk, n)| format!("{n} {risk}")).collect();
    let units = count(chosen.len(), "unit");
    agreed(&format!("Make these changes in {units} ({})?", risks.join(", ")))
}

/// Whether somebody can be asked; the hint says what to do otherwise.
pub(super) fn check_terminal(hint: &str) -> Result<(), RunError> {
    if std::io::stdin().is_terminal() {
        return Ok(());
    }
    Err(RunError::new("there is nobody to ask: stdin is not a terminal").hint(hint))
}

/// Asks a question; `yes` in full is the only yes.
pub(super) fn agreed(question: &str) -> Result<bool, RunError> {
    say_err(&format!("{question} Only `yes` is accepted:"));
    Ok(answer()? == "yes")
}

fn answer() -> Result<String, RunError> {
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|e| RunError::new(format!("cannot read the answer: {e}")))?;
    Ok(answer.trim().to_owned())
}
