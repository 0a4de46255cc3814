//! `orgbase vend`

use clap::{ArgGroup, Args};

use super::apply::{agreed, check_identity, check_terminal};
use super::plan::{BriefFormat, place, watch_ctrl_c};
use super::{Global, json, say, say_err};
use crate::apply::store;
use crate::error::RunError;
use crate::policy::is_account_id;
use crate::report::text::{Paint, count, safe};
use crate::run;
use crate::units::Cancel;
use crate::vend::{self, Report, Request, Voice, Which};

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("which").required(true).args(["account_key", "all", "adopt"])))]
#[expect(clippy::struct_excessive_bools, reason = "each of them is a flag of its own")]
pub(crate) struct VendArgs {
    /// Key of the account in the baseline
    #[arg(value_name = "ACCOUNT_KEY")]
    account_key: Option<String>,
    /// Every declared account that does not exist, waits in the landing place, or is to be closed
    #[arg(long)]
    all: bool,
    /// An account of the organization that it did not create, such as an invited one
    #[arg(long, value_name = "ACCOUNT_ID")]
    adopt: Option<String>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Only show the steps
    #[arg(long)]
    dry_run: bool,
    /// Close accounts that are declared with `closed = true`, and make destructive changes of the baseline
    #[arg(long)]
    allow_destructive: bool,
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: BriefFormat,
}

impl VendArgs {
    pub(crate) async fn run(&self, global: &Global) -> Result<u8, RunError> {
        let request =
            Request { which: self.which()?, dry_run: self.dry_run, destructive: self.allow_destructive };
        let mut opened = run::open(&place(global, self.dry_run)).await?;
        if self.yes && !self.dry_run {
            check_identity(&opened, "vend --yes")?;
        }
        let store = store::open(&global.run_dir, opened.aws(), opened.home_region()).await?;
        let cancel = Cancel::default();
        let lock = if self.dry_run {
            None
        } else {
            Some(store.lock(opened.organization_id(), opened.id(), &cancel).await?)
        };
        watch_ctrl_c(&cancel);
        let person = Person { yes: self.yes, quiet: global.quiet, paint: global.paint() };
        // Boxed: a large future.
        let ended = Box::pin(vend::vend(&mut opened, &request, &*store, &cancel, &person)).await;
        if let Some(lock) = lock {
            lock.release().await;
        }
        let report = ended?;
        opened.close();
        let Some(report) = report else {
            say_err("nothing was changed");
            return Ok(2);
        };
        show(&report, self.format, global.paint())?;
        Ok(report.exit_code())
    }

    fn which(&self) -> Result<Which, RunError> {
        match (&self.account_key, &self.adopt) {
            (Some(key), _) => Ok(Which::Key(key.clone())),
            (None, Some(id)) if is_account_id(id) => Ok(Which::Adopt(id.clone())),
            (None, Some(id)) => {
                Err(RunError::new(format!("`{id}` is no account id")).hint("it has 12 digits"))
            }
            (None, None) => Ok(Which::All),
        }
    }
}

fn show(report: &Report, format: BriefFormat, paint: Paint) -> Result<(), RunError> {
    match format {
        BriefFormat::Human => say(&report.human(paint)),
        BriefFormat::Json => say(&json(report)?),
    }
    Ok(())
}

/// Whoever sits at the terminal.
struct Person {
    yes: bool,
    quiet: bool,
    paint: Paint,
}

impl Voice for Person {
    fn tell(&self, line: &str) {
        if !self.quiet {
            say_err(&safe(line));
        }
    }

    fn agrees(&self, report: &Report) -> Result<bool, RunError> {
        if self.yes {
            return Ok(true);
        }
        check_terminal("look at `orgbase vend --dry-run`, then use `orgbase vend --yes`")?;
        say(&report.human(self.paint));
        let accounts = report.accounts.iter().filter(|row| !row.steps.is_empty()).count();
        agreed(&format!("Go on with {}?", count(accounts, "account")))
    }
}
