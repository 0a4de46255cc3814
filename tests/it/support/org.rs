//! One simulated organization in process, with plans and applies on it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use orgbase::apply::journal::Journal;
use orgbase::apply::{self, Consent, store};
use orgbase::aws::{CallCount, Limits};
use orgbase::baseline::Baseline;
use orgbase::controls::SECTIONS;
use orgbase::error::RunError;
use orgbase::plan::Refresh;
use orgbase::report::{Report, UnitReport};
use orgbase::run::{self, Place, Run};
use orgbase::sandbox::Sandbox;
use orgbase::sandbox::spec::Spec;
use orgbase::selector::Selection;
use orgbase::undo::{self, past::Past};
use orgbase::units::{Bounds, Cancel, OutcomeKind, Progress};
use orgbase::vend::{self, Request, Voice};
use tempfile::TempDir;

/// An organization, and the folder of its baseline and journals.
pub(crate) struct Org {
    pub(crate) sandbox: Sandbox,
    folder: TempDir,
    files: AtomicUsize,
    /// Journal of the last apply.
    last: Mutex<PathBuf>,
}

/// What one run found or did, and every call that it made.
pub(crate) struct Done {
    pub(crate) report: Report,
    pub(crate) calls: Vec<CallCount>,
}

/// What a run is about.
#[derive(Clone, Default)]
pub(crate) struct How {
    /// Only this section.
    pub(crate) only: Option<&'static str>,
    /// Only these sections; empty: all of them.
    pub(crate) sections: Vec<&'static str>,
    /// Only this account, by key or id.
    pub(crate) account: Option<&'static str>,
    /// All but this section.
    pub(crate) without: Option<&'static str>,
    /// `--allow-destructive`.
    pub(crate) destructive: bool,
    /// `--canary-account`.
    pub(crate) canary: Option<&'static str>,
    /// Asked instead of the sandbox's own door.
    pub(crate) door: Option<SharedHttpClient>,
    /// `--refresh`.
    pub(crate) refresh: Refresh,
    /// Calls are paced and retried as on live AWS.
    pub(crate) paced: bool,
    /// Somebody reviewed the plan: only what it shows is done.
    pub(crate) reviewed: bool,
}

impl How {
    /// Only one section.
    pub(crate) fn only(section: &'static str) -> How {
        How { only: Some(section), ..How::default() }
    }

    /// Only these sections; none: all of them.
    pub(crate) fn sections(self, sections: &[&'static str]) -> How {
        How { sections: sections.to_vec(), ..self }
    }

    /// All but one section.
    pub(crate) fn without(section: &'static str) -> How {
        How { without: Some(section), ..How::default() }
    }

    pub(crate) fn destructive(self) -> How {
        How { destructive: true, ..self }
    }

    /// `--refresh central`.
    pub(crate) fn central(self) -> How {
        How { refresh: Refresh::Central, ..self }
    }

    pub(crate) fn paced(self) -> How {
        How { paced: true, ..self }
    }

    pub(crate) fn reviewed(self) -> How {
        How { reviewed: true, ..self }
    }

    pub(crate) fn through(self, door: SharedHttpClient) -> How {
        How { door: Some(door), ..self }
    }
}

struct Silent;

/// Says yes to everything.
struct Yes;

impl Voice for Yes {
    fn tell(&self, _line: &str) {}

    fn agrees(&self, _report: &vend::Report) -> Result<bool, RunError> {
        Ok(true)
    }
}

impl Progress for Silent {
    fn done(&self, _outcome: OutcomeKind) {}
}

impl Org {
    /// The organization of `org.toml`, fresh.
    pub(crate) fn fresh() -> Org {
        Org::of(&exact())
    }

    /// The organization that a spec asks for.
    pub(crate) fn of(spec: &Spec) -> Org {
        let sandbox = Sandbox::open(None, spec).unwrap();
        let folder = TempDir::new().unwrap();
        documents(folder.path());
        Org { sandbox, folder, files: AtomicUsize::new(0), last: Mutex::default() }
    }

    /// An organization that is made of another's state.
    pub(crate) fn bare() -> Org {
        Org::of(&Spec::parse("accounts=2,ous=0,regions=1").unwrap())
    }

    /// Puts a document where baselines find it.
    pub(crate) fn document(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// Another organization in the same state.
    pub(crate) fn fork(&self) -> Org {
        let copy = Org::fresh();
        let world = self.sandbox.inspect(Clone::clone);
        copy.sandbox.modify(|w| *w = world);
        copy
    }

    /// A `plan` of `baseline`, which is TOML.
    pub(crate) async fn plan(&self, baseline: &str, how: &How) -> Result<Done, RunError> {
        let run = self.begin(baseline, how, true).await?;
        let rows = plan_rows(&run).await?;
        Ok(Done { report: run.report(rows), calls: run.shared.aws.calls() })
    }

    /// A `drift` of `baseline`: what was found, and of how many units it is known who changed them.
    pub(crate) async fn drift(&self, baseline: &str, how: &How) -> Result<(Done, usize), RunError> {
        let run = self.begin(baseline, how, true).await?;
        let rows = plan_rows(&run).await?;
        let known = orgbase::drift::actors(&run.shared, &rows).await.len();
        Ok((Done { report: run.report(rows), calls: run.shared.aws.calls() }, known))
    }

    /// An `apply --yes`.
    pub(crate) async fn apply(&self, baseline: &str, how: &How) -> Result<Done, RunError> {
        self.apply_after(baseline, how, |_| ()).await
    }

    /// An `apply --yes` where `between` happens after its plan.
    pub(crate) async fn apply_after(
        &self,
        baseline: &str,
        how: &How,
        between: impl FnOnce(&Sandbox),
    ) -> Result<Done, RunError> {
        let run = self.begin(baseline, how, false).await?;
        let planned = plan_rows(&run).await?;
        between(&self.sandbox);
        let consent = Consent {
            destructive: how.destructive,
            interactive: false,
            again: !how.reviewed,
            ..Consent::default()
        };
        let head = run.head("apply");
        let runs = self.folder.path().join(self.next());
        let journal = Journal::open(&runs, &head)?;
        *self.last.lock().unwrap() = runs.join("runs").join(&run.id).join("journal.jsonl");
        let bounds = Bounds::default();
        let rows =
            apply::apply(&run.shared, planned, &consent, Some(journal), bounds, &Cancel::default(), &Silent)
                .await;
        Ok(Done { report: run.report(rows), calls: run.shared.aws.calls() })
    }

    /// An `undo --yes` of the last apply.
    pub(crate) async fn undo(&self, baseline: &str, how: &How) -> Result<Done, RunError> {
        let run = self.begin(baseline, how, false).await?;
        let journal = std::fs::read_to_string(&*self.last.lock().unwrap()).unwrap();
        let past = Past::parse(&journal)?;
        let removing = Baseline::load(&run.baseline_path).unwrap();
        let undo::Plan { units, rows } = undo::plan(&run.shared, &past, removing, &Silent).await;
        let run = run.with_units(units)?;
        let consent = Consent { destructive: how.destructive, interactive: false, ..Consent::default() };
        let head = run.head("undo");
        let journal = Journal::open(&self.folder.path().join(self.next()), &head)?;
        let rows =
            undo::apply(&run.shared, rows, &consent, Some(&journal), &Cancel::default(), &Silent).await;
        Ok(Done { report: run.report(rows), calls: run.shared.aws.calls() })
    }

    /// Applies, and holds that it converged; panics with the report where it did not.
    pub(crate) async fn converge(&self, baseline: &str, how: &How) -> Done {
        let done = self.apply(baseline, how).await.unwrap_or_else(|e| panic!("{e} {:?}", e.hints));
        assert_eq!(done.report.summary.exit_code(), 0, "not converged:\n{}", done.problems());
        done
    }

    /// A `vend --yes`.
    pub(crate) async fn vend(
        &self,
        baseline: &str,
        request: &Request,
        how: &How,
    ) -> Result<vend::Report, RunError> {
        self.vend_before(baseline, request, how, &Yes).await
    }

    /// A `vend` before somebody who hears what it tells, and agrees.
    pub(crate) async fn vend_before(
        &self,
        baseline: &str,
        request: &Request,
        how: &How,
        voice: &dyn Voice,
    ) -> Result<vend::Report, RunError> {
        let door = how.door.clone().unwrap_or_else(|| self.sandbox.http_client());
        let place = Place { read_only: request.dry_run, ..self.place(baseline, how) };
        let mut opened = run::open_through(door, &place).await?;
        let store = store::open(&self.folder.path().join(self.next()), opened.aws(), "eu-west-1").await?;
        let report = vend::vend(&mut opened, request, &*store, &Cancel::default(), voice).await?;
        Ok(report.unwrap())
    }

    fn place(&self, baseline: &str, how: &How) -> Place {
        let path: PathBuf = self.folder.path().join("baseline.toml");
        std::fs::write(&path, baseline).unwrap();
        Place { baseline: path, sandbox: None, profile: None, read_only: false, refresh: how.refresh }
    }

    async fn begin(&self, baseline: &str, how: &How, read_only: bool) -> Result<Run, RunError> {
        let sections = how.only.iter().chain(&how.sections).map(|id| format!("control={id}"));
        let only: Vec<String> =
            sections.chain(how.account.iter().map(|key| format!("account={key}"))).collect();
        let without: Vec<String> = how.without.iter().map(|id| format!("control={id}")).collect();
        let selection = Selection::parse(&only, &without).unwrap();
        let door = how.door.clone().unwrap_or_else(|| self.sandbox.http_client());
        let place = Place { read_only, ..self.place(baseline, how) };
        let limits = Limits { paced: how.paced, ..Limits::default() };
        let mut opened = run::open_within(limits, door, &place).await?;
        if let Some(key) = how.canary {
            opened.put_first(key)?;
        }
        opened.begin(&selection).await
    }

    fn next(&self) -> String {
        self.files.fetch_add(1, Ordering::Relaxed).to_string()
    }
}

async fn plan_rows(run: &Run) -> Result<Vec<UnitReport>, RunError> {
    let shared = Arc::clone(&run.shared);
    let mut rows = orgbase::plan::plan(&shared, Bounds::default(), &Cancel::default(), &Silent).await;
    orgbase::lockout::review(&shared, &mut rows)?;
    Ok(rows)
}

/// Puts the documents of snippets where baselines find them.
fn documents(folder: &Path) {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/snippets/documents");
    for entry in std::fs::read_dir(source).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
    }
}

/// `org.toml`.
pub(crate) fn exact() -> Spec {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/support/org.toml");
    Spec::parse(path).unwrap()
}

impl Done {
    /// Sent attempts of operations that any control declares as a write.
    pub(crate) fn writes(&self) -> Vec<String> {
        let calls = self.calls.iter().map(|c| format!("{}:{}", c.service, c.operation));
        calls.filter(|operation| is_write(operation)).collect()
    }

    /// Rows that are neither as they should be nor nobody's business, for messages.
    pub(crate) fn problems(&self) -> String {
        use OutcomeKind::{Applied, InSync, NotApplicable, Skipped};
        let good = |r: &&UnitReport| !matches!(r.outcome, InSync | Applied | NotApplicable | Skipped);
        let line = |r: &UnitReport| {
            let error =
                r.error.as_ref().map(|e| format!("{:?} {:?} {} {:?}", e.phase, e.kind, e.message, e.hint));
            let changes: Vec<String> =
                r.changes.iter().map(|c| format!("{}: {} -> {}", c.path, c.before, c.after)).collect();
            format!("{}: {} {:?} {error:?}\n    {}", r.id, r.outcome.name(), r.reason, changes.join("\n    "))
        };
        self.report.units.iter().filter(good).map(line).collect::<Vec<_>>().join("\n")
    }
}

/// Whether `service:Operation` changes something: some control declares it as a write, and it is no look-up.
pub(crate) fn is_write(operation: &str) -> bool {
    // Operations that only `apply` needs are declared as writes even where they read.
    let reads = ["List", "Get", "Describe"];
    if operation.split_once(':').is_some_and(|(_, action)| reads.iter().any(|verb| action.starts_with(verb)))
    {
        return false;
    }
    if vend::WRITES.contains(&operation) {
        return true;
    }
    let mut controls = SECTIONS.iter().flat_map(|s| s.controls());
    controls.any(|c| c.meta().writes.contains(&operation))
}
