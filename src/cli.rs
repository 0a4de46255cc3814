//! The command line: arguments in, exit code out. No logic of its own.

mod apply;
mod check;
mod demo;
mod drift;
mod emit;
mod import;
mod plan;
mod sandbox;
mod undo;
mod vend;

use std::fs::File;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, OnceLock, PoisonError};

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

use crate::error::RunError;
use crate::report::text::{Paint, safe};

/// Hardens a whole AWS Organization from one declarative TOML baseline.
#[derive(Debug, Parser)]
#[command(name = "orgbase", version, max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Baseline: a TOML file, or a folder whose *.toml files are merged
    #[arg(short = 'f', long = "file", global = true, value_name = "PATH", default_value = "baseline.toml")]
    pub(crate) file: PathBuf,
    /// `-f` was given, rather than left at its default.
    #[arg(skip)]
    pub(crate) file_given: bool,
    /// Work on the simulated organization in STATE_FILE instead of AWS
    #[arg(long, global = true, value_name = "STATE_FILE", num_args = 0..=1, require_equals = true,
          default_missing_value = ".orgbase/sandbox.json")]
    pub(crate) sandbox: Option<PathBuf>,
    /// Where journals and locks are: a folder, or s3://BUCKET/PREFIX in the home region
    #[arg(long, global = true, value_name = "DIR", default_value = ".orgbase")]
    pub(crate) run_dir: PathBuf,
    /// AWS profile of the management account
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// No progress and no logs
    #[arg(long, short = 'q', global = true)]
    pub(crate) quiet: bool,
    /// More logs on stderr; twice: each AWS call
    #[arg(short = 'v', global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Colours on stdout
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Global {
    /// Colours for stdout.
    pub(crate) fn paint(&self) -> Paint {
        self.paint_for(std::io::stdout().is_terminal())
    }

    /// Colours for stderr.
    pub(crate) fn paint_stderr(&self) -> Paint {
        self.paint_for(std::io::stderr().is_terminal())
    }

    fn paint_for(&self, terminal: bool) -> Paint {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        Paint(match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !no_color,
        })
    }

    /// Whether a progress bar makes sense.
    pub(crate) fn shows_progress(&self) -> bool {
        !self.quiet && std::io::stderr().is_terminal()
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what `apply` would change; exit 2 where something differs
    Plan(plan::PlanArgs),
    /// Make live AWS as the baseline says
    Apply(apply::ApplyArgs),
    /// Report what somebody changed, and repair it where asked; exit 2 where something differs
    Drift(drift::DriftArgs),
    /// Take back what a run changed, where nobody changed it since
    Undo(undo::UndoArgs),
    /// Create, adopt, place and close accounts; exit 3 until AWS is done
    Vend(vend::VendArgs),
    /// Report on the CIS AWS Foundations Benchmark; exit 2 where a rule fails
    Check(check::CheckArgs),
    /// Make a baseline of the organization as it is; writes files only
    Import(import::ImportArgs),
    /// Print IAM policies, the JSON schema or the reference of all keys
    Emit(emit::EmitArgs),
    /// Make or serve a simulated organization
    Sandbox(sandbox::SandboxArgs),
    /// Run the whole tour on a simulated organization
    Demo,
}

impl Global {
    /// For commands that read no baseline.
    fn refuse_file(&self, command: &str) -> Result<(), RunError> {
        if self.file_given {
            return Err(RunError::new(format!("`orgbase {command}` reads no baseline: it takes no -f")));
        }
        Ok(())
    }
}

/// Parses the arguments, runs the command, prints errors. clap's usage errors are exit code 1: 2 means "differs".
pub fn main() -> ExitCode {
    let cli = match parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(1) } else { ExitCode::SUCCESS };
        }
    };
    start_logs(&cli.global);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&cli.global, &RunError::new(format!("cannot start: {error}"))),
    };
    match runtime.block_on(cli.run()) {
        Ok(code) => ExitCode::from(finish(&cli, code)),
        Err(error) => fail(&cli.global, &error),
    }
}

fn parse() -> Result<Cli, clap::Error> {
    let matches = Cli::command().try_get_matches()?;
    let mut cli = Cli::from_arg_matches(&matches)?;
    // A global option may stand before or after the command's name.
    let given = |m: &ArgMatches| matches!(m.value_source("file"), Some(ValueSource::CommandLine));
    cli.global.file_given = given(&matches) || matches.subcommand().is_some_and(|(_, m)| given(m));
    Ok(cli)
}

/// The exit code: a result that could not be printed is none. What `apply` did is done all the same.
fn finish(cli: &Cli, code: u8) -> u8 {
    let flushed = std::io::stdout().flush();
    note_failure(flushed);
    let Some(why) = UNPRINTED.get() else { return code };
    say_err(&format!("error: cannot write the result to stdout: {why}"));
    let writes =
        matches!(cli.command, Command::Apply(_) | Command::Drift(_) | Command::Undo(_) | Command::Vend(_));
    if writes { 3 } else { 1 }
}

impl Cli {
    pub(crate) async fn run(&self) -> Result<u8, RunError> {
        match &self.command {
            Command::Plan(args) => args.run(&self.global).await,
            Command::Apply(args) => Box::pin(args.run(&self.global)).await,
            Command::Undo(args) => Box::pin(args.run(&self.global)).await,
            Command::Drift(args) => Box::pin(args.run(&self.global)).await,
            // Boxed: it holds the whole connection, and would make every command's future as large.
            Command::Check(args) => Box::pin(args.run(&self.global)).await,
            Command::Vend(args) => Box::pin(args.run(&self.global)).await,
            Command::Import(args) => Box::pin(args.run(&self.global)).await,
            Command::Emit(args) => args.run(&self.global),
            Command::Sandbox(args) => args.run(&self.global).await,
            Command::Demo => demo::run(&self.global).await,
        }
    }
}

/// Logs go to stderr; never bodies, never credentials.
fn start_logs(global: &Global) {
    use tracing_subscriber::EnvFilter;
    let default = match (global.quiet, global.verbose) {
        (true, _) => "off",
        (_, 0) => "warn,aws_config=error,aws_smithy_runtime=error",
        (_, 1) => "info,orgbase=debug",
        _ => "info,orgbase=trace",
    };
    let filter = EnvFilter::try_from_env("ORGBASE_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(global.paint_stderr().0)
        .try_init();
}

fn fail(global: &Global, error: &RunError) -> ExitCode {
    let paint = global.paint_stderr();
    let mut text = safe_lines(&error.message);
    if !text.starts_with("error") {
        text = format!("{} {text}", paint.red("error:"));
    }
    for hint in &error.hints {
        text = format!(
            "{text}
hint: {}",
            safe_lines(hint)
        );
    }
    say_err(&text);
    ExitCode::from(1)
}

/// What AWS or a file said, without control characters; a message may have several lines.
fn safe_lines(text: &str) -> String {
    text.split('\n').map(safe).collect::<Vec<_>>().join("\n")
}

/// A result for programs.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> Result<String, RunError> {
    serde_json::to_string_pretty(value).map_err(|e| RunError::new(format!("cannot write JSON: {e}")))
}

/// Prints the result. A reader that went away (`| head`) is no error.
pub(crate) fn say(text: &str) {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let write = |out: &mut dyn std::io::Write| {
        note_failure(out.write_all(text.as_bytes()).and_then(|()| out.write_all(end.as_bytes())));
    };
    match &mut *REDIRECTED.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(file) => write(file),
        None => write(&mut std::io::stdout().lock()),
    }
}

/// Where the demo's results go in place of stdout, as with `> FILE` in a shell.
static REDIRECTED: Mutex<Option<File>> = Mutex::new(None);

/// Results go to a file, until it is dropped.
pub(crate) struct Redirect;

/// Sends results to a new file.
pub(crate) fn redirect(path: &Path) -> Result<Redirect, RunError> {
    let file =
        File::create(path).map_err(|e| RunError::new(format!("cannot write {}: {e}", path.display())))?;
    *REDIRECTED.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
    Ok(Redirect)
}

impl Drop for Redirect {
    fn drop(&mut self) {
        *REDIRECTED.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Why the result could not be printed, the first time.
static UNPRINTED: OnceLock<String> = OnceLock::new();

fn note_failure(written: std::io::Result<()>) {
    if let Err(error) = written
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        let _ = UNPRINTED.set(error.to_string());
    }
}

/// Prints what is not the result.
pub(crate) fn say_err(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_keeps_its_lines_and_loses_its_control_characters() {
        assert_eq!(safe_lines("a\u{1b}[2J\nb"), "a\\u{1b}[2J\nb");
    }
}
