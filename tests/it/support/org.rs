//! One simulated organization in process, with plans and applies on it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use orgbase::apply::journal::{Head, Journal};
use orgbase::apply::{self, Consent};
use orgbase::aws::CallCount;
use orgbase::controls::SECTIONS;
use orgbase::error::RunError;
use orgbase::plan::Refresh;
use orgbase::report::{Report, UnitReport};
use orgbase::run::{self, Place, Run};
use orgbase::sandbox::Sandbox;
use orgbase::sandbox::spec::Spec;
use orgbase::selector::Selection;
use orgbase::units::{Bounds, Cancel, OutcomeKind, Progress};
use tempfile::TempDir;

/// An organization, and the folder of its baseline and journals.
pub(crate) struct Org {
    pub(crate) sandbox: Sandbox,
    folder: TempDir,
    files: AtomicUsize,
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
    /// All but this section.
    pub(crate) without: Option<&'static str>,
    /// `--allow-destructive`.
    pub(crate) destructive: bool,
    /// Asked instead of the sandbox's own door.
    pub(crate) door: Option<SharedHttpClient>,
    /// `--refresh`.
    pub(crate) refresh: Refresh,
    /// Somebody reviewed the plan: only what it shows is done.
    pub(crate) reviewed: bool,
}

impl How {
    /// Only one section.
    pub(crate) fn only(section: &'static str) -> How {
        How { only: Some(section), ..How::default() }
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

    pub(crate) fn reviewed(self) -> How {
        How { reviewed: true, ..self }
    }

    pub(crate) fn through(self, door: SharedHttpClient) -> How {
        How { door: Some(door), ..self }
    }
}

struct Silent;

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
        Org { sandbox, folder, files: AtomicUsize::new(0) }
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
        let head = Head {
            run: &run.id,
            organization_id: &run.shared.facts.organization_id,
            command: "apply",
            started_at: &run.started_at,
            baseline_digest: run.shared.baseline.digest(),
        };
        let journal = Journal::open(&self.folder.path().join(self.next()), &head)?;
        let bounds = Bounds::default();
        let rows =
            apply::apply(&run.shared, planned, &consent, Some(journal), bounds, &Cancel::default(), &Silent)
                .await;
        Ok(Done { report: run.report(rows), calls: run.shared.aws.calls() })
    }

    /// Applies, and holds that it converged; panics with the report where it did not.
    pub(crate) async fn converge(&self, baseline: &str, how: &How) -> Done {
        let done = self.apply(baseline, how).await.unwrap_or_else(|e| panic!("{e} {:?}", e.hints));
        assert_eq!(done.report.summary.exit_code(), 0, "not converged:\n{}", done.problems());
        done
    }

    async fn begin(&self, baseline: &str, how: &How, read_only: bool) -> Result<Run, RunError> {
        let path: PathBuf = self.folder.path().join("baseline.toml");
        std::fs::write(&path, baseline).unwrap();
        let only: Vec<String> = how.only.iter().map(|id| format!("control={id}")).collect();
        let without: Vec<String> = how.without.iter().map(|id| format!("control={id}")).collect();
        let selection = Selection::parse(&only, &without).unwrap();
        let door = how.door.clone().unwrap_or_else(|| self.sandbox.http_client());
        let place = Place { baseline: path, sandbox: None, profile: None, read_only, refresh: how.refresh };
        run::begin_through(door, &place, &selection).await
    }

    fn next(&self) -> String {
        self.files.fetch_add(1, Ordering::Relaxed).to_string()
    }
}

async fn plan_rows(run: &Run) -> Result<Vec<UnitReport>, RunError> {
    let shared = Arc::clone(&run.shared);
    let rows = orgbase::plan::plan(&shared, Bounds::default(), &Cancel::default(), &Silent).await;
    orgbase::lockout::check(&shared)?;
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
    let mut controls = SECTIONS.iter().flat_map(|s| s.controls());
    controls.any(|c| c.meta().writes.contains(&operation))
}
