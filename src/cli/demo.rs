//! `orgbase demo`: the whole tour on a simulated organization, with the commands to repeat it.

mod person;

use std::path::{Path, PathBuf};

use clap::Parser as _;

use super::{Cli, Global, say};
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
    global.refuse_file("demo")?;
    let folder = PathBuf::from(".orgbase/demo");
    let files = Files::prepare(&folder)?;
    let tour = Tour { global, files };
    tour.title("An organization that nobody has hardened");
    tour.command(&["sandbox", "--org", ORGANIZATION, "--state", &tour.files.state]).await?;
    tour.title("1. What would change? Nothing is written. Exit 2: something differs");
    tour.expect(2, &tour.on_sandbox(&["plan", "--out", &tour.files.plan])).await?;
    tour.write("plan.html", 2, &["plan", "--format", "html"]).await?;
    tour.title("2. Make just those changes");
    tour.expect(0, &tour.on_sandbox(&["apply", "--yes", &tour.files.plan])).await?;
    tour.title("3. Plan again: nothing to do");
    tour.expect(0, &tour.on_sandbox(&["plan"])).await?;
    tour.title("4. Somebody weakens the password policy of one account, somebody else stops the trail");
    tour.break_something().await?;
    tour.expect(2, &tour.on_sandbox(&["drift"])).await?;
    tour.title("5. Repair it, as a scheduler would, with a report");
    tour.expect(0, &tour.on_sandbox(&["drift", "--correct", "--report", &tour.files.reports])).await?;
    tour.expect(0, &tour.on_sandbox(&["drift"])).await?;
    tour.title("6. The CIS benchmark, as a page");
    tour.write("check.html", 2, &["check", "--format", "html"]).await?;
    say(&format!(
        "\nEverything above ran on the simulated organization in {}; nothing was sent anywhere.\n\
         The reports are in {}: open plan.html, drift.html and check.html.\n\
         Next: read {}, change it, and run the plan again (the next demo begins anew).\n",
        tour.files.state, tour.files.reports, tour.files.baseline
    ));
    Ok(0)
}

struct Files {
    state: String,
    baseline: String,
    plan: String,
    runs: String,
    reports: String,
}

impl Files {
    /// A fresh folder; what an earlier demo left in it is removed.
    fn prepare(folder: &Path) -> Result<Files, RunError> {
        let cannot = |e: std::io::Error| RunError::new(format!("cannot prepare {}: {e}", folder.display()));
        if folder.exists() {
            std::fs::remove_dir_all(folder).map_err(cannot)?;
        }
        crate::apply::files::private_folder(folder).map_err(cannot)?;
        crate::apply::files::private_folder(&folder.join("reports")).map_err(cannot)?;
        let baseline = folder.join("baseline.toml");
        std::fs::write(&baseline, BASELINE).map_err(cannot)?;
        let name = |file: &str| folder.join(file).display().to_string();
        Ok(Files {
            state: name("organization.json"),
            baseline: name("baseline.toml"),
            plan: name("plan.json"),
            runs: name("runs"),
            reports: name("reports"),
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

    fn announce(&self, command: &str) {
        say(&self.global.paint().dim(&format!("$ orgbase {command}")));
    }

    async fn command<S: AsRef<str>>(&self, words: &[S]) -> Result<u8, RunError> {
        let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
        self.announce(&words.join(" "));
        self.execute(&words).await
    }

    async fn execute<S: AsRef<str>>(&self, words: &[S]) -> Result<u8, RunError> {
        let words = words.iter().map(AsRef::as_ref);
        let cli = Cli::try_parse_from(std::iter::once("orgbase").chain(words))
            .map_err(|e| RunError::new(e.to_string()))?;
        let global = Global { color: self.global.color, quiet: self.global.quiet, ..cli.global.clone() };
        Box::pin(Cli { global, ..cli }.run()).await
    }

    async fn expect(&self, code: u8, words: &[String]) -> Result<(), RunError> {
        expected(code, self.command(words).await?)
    }

    /// Runs a command whose result goes into a file, as with `> FILE`.
    async fn write(&self, name: &str, code: u8, words: &[&str]) -> Result<(), RunError> {
        let path = Path::new(&self.files.reports).join(name);
        let words = self.on_sandbox(words);
        self.announce(&format!("{} > {}", words.join(" "), path.display()));
        let redirected = super::redirect(&path)?;
        let ended = self.execute(&words).await;
        drop(redirected);
        expected(code, ended?)
    }

    /// What two people with too many rights might do. They do not use orgbase, so CloudTrail names them.
    async fn break_something(&self) -> Result<(), RunError> {
        let sandbox = Sandbox::open(Some(Path::new(&self.files.state)), &Spec::default())?;
        person::stop_trail(&sandbox).await?;
        person::weaken_password_policy(&sandbox).await
    }
}

/// A demo that shows something else than it says is a defect.
fn expected(code: u8, ended: u8) -> Result<(), RunError> {
    if ended == code {
        return Ok(());
    }
    Err(RunError::new(format!("the demo expected exit code {code}, but the command ended with {ended}")))
}
