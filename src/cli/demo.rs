//! `orgbase demo`: the whole tour on a simulated organization, with the commands to repeat it.

use std::path::{Path, PathBuf};

use clap::Parser as _;

use super::{Cli, Global, say};
use crate::aws::{Aws, Guard, Limits, Options, Roles};
use crate::error::RunError;
use crate::sandbox::{Sandbox, spec::Spec};

/// What the demo works on.
const ORGANIZATION: &str = "accounts=11,ous=8,regions=2,drift=0.3,foreign=1,seed=7";
/// Home region of the baseline.
const HOME: &str = "eu-west-1";
/// The baseline that it applies; also a file of the repository, so that the reader can repeat each command.
const BASELINE: &str = include_str!("../../baselines/cis.toml");

/// Runs the tour in a folder of its own.
pub(crate) async fn run(global: &Global) -> Result<u8, RunError> {
    let folder = PathBuf::from(".orgbase/demo");
    let files = Files::prepare(&folder)?;
    let tour = Tour { global, files };
    tour.title("An organization that nobody has hardened");
    tour.command(&["sandbox", "--org", ORGANIZATION, "--state", &tour.files.state]).await?;
    tour.title("1. What would change? Nothing is written. Exit 2: something differs");
    tour.expect(2, &tour.on_sandbox(&["plan", "--out", &tour.files.plan])).await?;
    tour.title("2. Make just those changes");
    tour.expect(0, &tour.on_sandbox(&["apply", "--yes", &tour.files.plan])).await?;
    tour.title("3. Plan again: nothing to do");
    tour.expect(0, &tour.on_sandbox(&["plan"])).await?;
    tour.title("4. Somebody weakens the password policy of one account and stops the trail");
    tour.break_something().await?;
    tour.expect(2, &tour.on_sandbox(&["plan"])).await?;
    tour.title("5. Repair it");
    tour.expect(0, &tour.on_sandbox(&["apply", "--yes"])).await?;
    tour.expect(0, &tour.on_sandbox(&["plan"])).await?;
    tour.title("6. A report for programs");
    tour.report().await?;
    say(&format!(
        "\nEverything above ran on the simulated organization in {}; nothing was sent anywhere.\n\
         Next: read {}, change it, and run the plan again.\n",
        tour.files.state, tour.files.baseline
    ));
    Ok(0)
}

struct Files {
    state: String,
    baseline: String,
    plan: String,
    runs: String,
    report: PathBuf,
}

impl Files {
    /// A fresh folder; what an earlier demo left in it is removed.
    fn prepare(folder: &Path) -> Result<Files, RunError> {
        let cannot = |e: std::io::Error| RunError::new(format!("cannot prepare {}: {e}", folder.display()));
        if folder.exists() {
            std::fs::remove_dir_all(folder).map_err(cannot)?;
        }
        crate::apply::files::private_folder(folder).map_err(cannot)?;
        let baseline = folder.join("baseline.toml");
        std::fs::write(&baseline, BASELINE).map_err(cannot)?;
        let name = |file: &str| folder.join(file).display().to_string();
        Ok(Files {
            state: name("organization.json"),
            baseline: name("baseline.toml"),
            plan: name("plan.json"),
            runs: name("runs"),
            report: folder.join("report.json"),
        })
    }
}

struct Tour<'a> {
    global: &'a Global,
    files: Files,
}

impl Tour<'_> {
    fn title(&self, text: &str) {
        say(&format!("\n{}", self.global.paint().bold(&format!("# {text}"))));
    }

    /// A command with the options that point it at the demo's files.
    fn on_sandbox(&self, words: &[&str]) -> Vec<String> {
        let Files { state, baseline, runs, .. } = &self.files;
        let mut all: Vec<String> = words.iter().map(ToString::to_string).collect();
        all.extend([
            "-f".into(),
            baseline.clone(),
            format!("--sandbox={state}"),
            "--run-dir".into(),
            runs.clone(),
        ]);
        all
    }

    async fn command<S: AsRef<str>>(&self, words: &[S]) -> Result<u8, RunError> {
        let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
        say(&self.global.paint().dim(&format!("$ orgbase {}", words.join(" "))));
        let cli = Cli::try_parse_from(std::iter::once("orgbase").chain(words))
            .map_err(|e| RunError::new(e.to_string()))?;
        let global = Global { color: self.global.color, quiet: self.global.quiet, ..cli.global.clone() };
        Box::pin(Cli { global, ..cli }.run()).await
    }

    /// Runs a command and insists on its exit code: a demo that shows something else than it says is a defect.
    async fn expect(&self, code: u8, words: &[String]) -> Result<(), RunError> {
        let ended = self.command(words).await?;
        if ended == code {
            return Ok(());
        }
        Err(RunError::new(format!("the demo expected exit code {code}, but the command ended with {ended}")))
    }

    /// What an administrator with too many rights might do.
    async fn break_something(&self) -> Result<(), RunError> {
        let sandbox = Sandbox::open(Some(Path::new(&self.files.state)), &Spec::default())?;
        let options = Options {
            profile: None,
            region: HOME.into(),
            endpoint: None,
            in_process: Some(sandbox.http_client()),
            read_only: false,
            run_id: "demo".into(),
            roles: Roles::default(),
            limits: Limits::default(),
        };
        let aws = Aws::connect(options).await?;
        let guard = Guard {
            control: "demo".into(),
            reads: &[],
            writes: &["cloudtrail:StopLogging", "iam:UpdateAccountPasswordPolicy"],
        };
        let clients = aws.clients(&aws.caller().account, HOME, guard).await?;
        clients
            .iam()
            .call("UpdateAccountPasswordPolicy", |c| {
                c.update_account_password_policy().minimum_password_length(6).send()
            })
            .await?;
        clients.cloudtrail().call("StopLogging", |c| c.stop_logging().name("org-trail").send()).await?;
        Ok(())
    }

    async fn report(&self) -> Result<(), RunError> {
        let place = crate::run::Place {
            baseline: PathBuf::from(&self.files.baseline),
            sandbox: Some(PathBuf::from(&self.files.state)),
            profile: None,
            read_only: true,
            refresh: crate::plan::Refresh::Full,
        };
        let run = crate::run::begin(&place, &crate::selector::Selection::default()).await?;
        let report = super::plan::make(&run, self.global, &super::plan::on_ctrl_c()).await?;
        let text = serde_json::to_string_pretty(&report).map_err(|e| RunError::new(e.to_string()))?;
        std::fs::write(&self.files.report, text)
            .map_err(|e| RunError::new(format!("cannot write {}: {e}", self.files.report.display())))?;
        say(&format!("wrote {} ({} units)", self.files.report.display(), report.summary.units));
        run.close();
        Ok(())
    }
}
