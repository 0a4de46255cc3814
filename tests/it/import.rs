//! `import`: what it writes plans to nothing, and manages what it found.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use orgbase::baseline::Baseline;
use orgbase::controls::SECTIONS;
use orgbase::import::Imported;
use orgbase::plan::{self, Refresh};
use orgbase::report::UnitReport;
use orgbase::run::import::{Start, import_through};
use orgbase::run::{self, Place};
use orgbase::sandbox::spec::Spec;
use orgbase::selector::Selection;
use orgbase::units::{Bounds, Cancel, OutcomeKind, Progress};
use tempfile::TempDir;

use crate::converge::converged;
use crate::support::org::Org;
use crate::support::snippets;

struct Silent;

impl Progress for Silent {
    fn done(&self, _outcome: OutcomeKind) {}
}

fn place(baseline: &Path) -> Place {
    Place { baseline: baseline.into(), sandbox: None, profile: None, read_only: true, refresh: Refresh::Full }
}

/// Imports an organization into a folder.
async fn import(org: &Org, home: &str) -> (Imported, TempDir) {
    let folder = TempDir::new().unwrap();
    let text = format!("version = 1\n[organization]\nhome_region = \"{home}\"\n");
    let organization = Baseline::parse("t.toml", &text).unwrap().organization;
    let place = place(folder.path());
    let start = Start { place: &place, organization, home_given: true, folder: folder.path() };
    let imported = Box::pin(import_through(org.sandbox.http_client(), start, &Cancel::default(), &Silent))
        .await
        .unwrap_or_else(|e| panic!("{e} {:?}", e.hints));
    for (name, text) in &imported.files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    assert_eq!(imported.unread, Vec::<String>::new(), "not read");
    (imported, folder)
}

/// Rows of a plan that are neither in sync nor nobody's business.
async fn differences(org: &Org, folder: &Path) -> Vec<UnitReport> {
    use OutcomeKind::{InSync, NotApplicable, Skipped};
    let begun = run::begin_through(org.sandbox.http_client(), &place(folder), &Selection::default()).await;
    let run = begun.unwrap_or_else(|e| panic!("{e} {:?}", e.hints));
    let shared = Arc::clone(&run.shared);
    let rows = plan::plan(&shared, Bounds::default(), &Cancel::default(), &Silent).await;
    orgbase::lockout::check(&shared).unwrap_or_else(|e| panic!("{e}"));
    rows.into_iter().filter(|r| !matches!(r.outcome, InSync | NotApplicable | Skipped)).collect()
}

fn shown(rows: &[UnitReport]) -> Vec<String> {
    let line = |r: &UnitReport| {
        let changes = r.changes.iter().map(|c| format!("{}: {} -> {}", c.path, c.before, c.after));
        format!("{} {}: {} {:?}", r.id, r.outcome.name(), changes.collect::<Vec<_>>().join(", "), r.error)
    };
    rows.iter().map(line).collect()
}

pub(crate) async fn is_fixed_point(org: &Org, what: &str) -> Imported {
    let (imported, folder) = import(org, "eu-west-1").await;
    let left = differences(org, folder.path()).await;
    assert_eq!(shown(&left), Vec::<String>::new(), "{what}: not a fixed point");
    imported
}

/// Sections of which every organization has something.
const READ: [&str; 8] = [
    "accounts",
    "primary_contact",
    "ebs_encryption",
    "snapshot_block_public_access",
    "image_block_public_access",
    "instance_metadata_defaults",
    "serial_console",
    "ssm_document_sharing",
];

#[tokio::test(start_paused = true)]
async fn whatever_the_sandbox_generates_is_imported_as_it_is() {
    for seed in 0..8_u64 {
        let drift = [0.0, 0.1, 0.5, 1.0][(seed % 4) as usize];
        let (ous, regions) = ([0, 3, 15, 60][(seed / 2 % 4) as usize], 1 + seed % 3);
        let spec = format!(
            "accounts={},ous={ous},regions={regions},drift={drift},invited={},suspended={},foreign={},seed={seed}",
            2 + seed,
            seed % 3,
            seed % 2,
            seed % 4
        );
        let org = Org::of(&Spec::parse(&spec).unwrap());
        let imported = is_fixed_point(&org, &spec).await;
        assert_eq!(imported.unmanaged.len(), (seed % 3) as usize, "{spec}: invited accounts are not managed");
        let read: Vec<&&str> = READ.iter().filter(|id| !imported.sections.contains(*id)).collect();
        assert_eq!(read, Vec::<&&str>::new(), "{spec}: sections that every account has something of");
    }
}

#[tokio::test(start_paused = true)]
async fn odd_names_deep_units_and_documents_survive() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("org.toml");
    let text = r##"
        ous = ["/A/B/C/D/E", "/A/Production", "/B/Production", "/Ünï 'q' \"d\" \\ x"]
        [[accounts]]
        name = "日本 = \"#1\""
        email = "odd+1@example.com"
        ou = "/A/B/C/D/E"
        [[accounts]]
        name = "Same Name"
        email = "same+1@example.com"
        ou = "/A/Production"
        [[accounts]]
        name = "same-name"
        email = "same+2@example.com"
        ou = "/B/Production"
        [[accounts]]
        name = "gone"
        email = "gone@example.com"
        state = "SUSPENDED"
        [[policies]]
        name = "my policy/1"
        json = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"gamelift:*","Resource":"*"}]}'
        targets = ["/A/B", "same-name", "/"]
        [[policies]]
        name = "My-Policy 1"
        json = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"robomaker:*","Resource":"*"}]}'
        [[policies]]
        name = "locks us out"
        json = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"account:PutContactInformation","Resource":"*"}]}'
        targets = ["/A/Production"]
        [[policies]]
        name = "aws-guardrails-x"
        json = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"lightsail:*","Resource":"*"}]}'
        targets = ["/"]
    "##;
    std::fs::write(&path, text).unwrap();
    let org = Org::of(&Spec::parse(path.to_str().unwrap()).unwrap());
    let imported = is_fixed_point(&org, "odd names").await;
    let settings = &imported.files["30-settings.toml"];
    assert!(settings.contains("name = \"my policy/1\"") && settings.contains("name = \"My-Policy 1\""));
    assert!(
        !settings.contains("aws-guardrails-x") && !settings.contains("name = \"locks us out\""),
        "{settings}"
    );
    assert_eq!(imported.files.keys().filter(|name| name.starts_with("policies/")).count(), 3);
    assert!(imported.files["10-organization.toml"].contains("\"/A/B/C/D/E\" = {}"));
    assert_eq!(imported.accounts, 5);
}

#[tokio::test(start_paused = true)]
async fn what_is_imported_is_managed() {
    let mut found: BTreeSet<&str> = BTreeSet::new();
    for snippet in snippets::all() {
        let org = converged(&snippet).await;
        let imported = is_fixed_point(&org, snippet.id).await;
        if !imported.sections.contains(&snippet.id) {
            continue;
        }
        found.insert(snippet.id);
        let (_, folder) = import(&org, "eu-west-1").await;
        let mut seen = 0;
        for (index, call) in snippet.calls.drift.iter().enumerate() {
            let changed = org.fork();
            snippets::make(&changed.sandbox, std::slice::from_ref(call));
            let rows = differences(&changed, folder.path()).await;
            let own = rows.iter().filter(|r| r.id.control == snippet.id).count();
            // Some calls only prepare others, or change what no section manages.
            assert!(own <= 1, "{}: drift call {index}: {:?}", snippet.id, shown(&rows));
            seen += own;
        }
        assert!(seen > 0 || snippet.calls.drift.is_empty(), "{}: no change was seen", snippet.id);
    }
    if std::env::var_os("ORGBASE_SECTION").is_none() {
        let without: Vec<&str> =
            SECTIONS.iter().map(|s| s.meta().id).filter(|id| !found.contains(id)).collect();
        assert_eq!(without, NOT_IMPORTED, "sections that `import` does not know (docs/import.md lists them)");
    }
}

/// Sections that `import` says that it leaves out.
const NOT_IMPORTED: [&str; 0] = [];
