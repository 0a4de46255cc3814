//! `import`: what it writes plans to nothing, and manages what it found.

use std::collections::{BTreeMap, BTreeSet};
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
use crate::support::mutations::Dice;
use crate::support::org::Org;
use crate::support::{shape, snippets};

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

/// All rows of a plan, of one section where it is named.
async fn rows(org: &Org, folder: &Path, section: Option<&str>) -> Vec<UnitReport> {
    let only: Vec<String> = section.iter().map(|id| format!("control={id}")).collect();
    let selection = Selection::parse(&only, &[]).unwrap();
    let begun = run::begin_through(org.sandbox.http_client(), &place(folder), &selection).await;
    let run = begun.unwrap_or_else(|e| panic!("{e} {:?}", e.hints));
    let shared = Arc::clone(&run.shared);
    let rows = plan::plan(&shared, Bounds::default(), &Cancel::default(), &Silent).await;
    orgbase::lockout::check(&shared).unwrap_or_else(|e| panic!("{e}"));
    rows
}

/// Those that are neither in sync nor nobody's business.
fn different(rows: &[UnitReport]) -> Vec<UnitReport> {
    use OutcomeKind::{InSync, NotApplicable, Skipped};
    rows.iter().filter(|r| !matches!(r.outcome, InSync | NotApplicable | Skipped)).cloned().collect()
}

fn shown(rows: &[UnitReport]) -> Vec<String> {
    let line = |r: &UnitReport| {
        let changes = r.changes.iter().map(|c| format!("{}: {} -> {}", c.path, c.before, c.after));
        format!("{} {}: {} {:?}", r.id, r.outcome.name(), changes.collect::<Vec<_>>().join(", "), r.error)
    };
    rows.iter().map(line).collect()
}

/// Imports an organization, and holds that a plan of it is empty: with the folder and the rows of that plan.
pub(crate) async fn fixed_point(org: &Org, what: &str) -> (Imported, TempDir, Vec<UnitReport>) {
    let (imported, folder) = import(org, "eu-west-1").await;
    let rows = rows(org, folder.path(), None).await;
    assert_eq!(shown(&different(&rows)), Vec::<String>::new(), "{what}: not a fixed point");
    (imported, folder, rows)
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

/// `ORGBASE_SEEDS` asks for more organizations.
#[tokio::test(start_paused = true)]
async fn whatever_the_sandbox_generates_is_imported_as_it_is() {
    let seeds: u64 = std::env::var("ORGBASE_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(12);
    let mut changed: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 0..seeds {
        let drift = [0.0, 0.1, 0.5, 1.0][(seed % 4) as usize];
        let (ous, regions) = ([0, 3, 15, 60][(seed / 2 % 4) as usize], 1 + seed % 3);
        let invited = seed % 3;
        let spec = format!(
            "accounts={},ous={ous},regions={regions},drift={drift},invited={invited},suspended={},foreign={},seed={seed}",
            2 + seed % 9,
            seed % 2,
            seed % 4
        );
        let org = Org::of(&Spec::parse(&spec).unwrap());
        let (imported, folder, rows) = fixed_point(&org, &spec).await;
        assert_eq!(imported.unmanaged.len() as u64, invited, "{spec}: invited accounts are not managed");
        let read: Vec<&&str> = READ.iter().filter(|id| !imported.sections.contains(*id)).collect();
        assert_eq!(read, Vec::<&&str>::new(), "{spec}: sections that every account has something of");
        let mut dice = Dice::new(seed);
        for _ in 0..3 {
            let section = one_change_is_one_drift(&org, folder.path(), &rows, &mut dice, &spec).await;
            *changed.entry(section).or_default() += 1;
        }
    }
    assert!(changed.len() * 2 > TURNS.len() || seeds < 12, "too few settings were changed: {changed:?}");
}

/// Changes a setting that was imported, at one place, and returns its section.
async fn one_change_is_one_drift(
    org: &Org,
    folder: &Path,
    rows: &[UnitReport],
    dice: &mut Dice,
    spec: &str,
) -> &'static str {
    let turn = loop {
        let turn = &TURNS[dice.index(TURNS.len())];
        if rows.iter().any(|row| turn.is_about(row)) {
            break turn;
        }
    };
    let places: Vec<&UnitReport> = rows.iter().filter(|row| turn.is_about(row)).collect();
    let place = places[dice.index(places.len())];
    let was = shape::lines(&org.sandbox);
    for (operation, input) in turn.calls {
        let org = org.fork();
        let input = serde_json::from_str(&input.replace("ACCOUNT", &place.id.account)).unwrap();
        let at = (place.id.account.as_str(), place.id.region.as_str());
        let refused = snippets::attempt(&org.sandbox, at, turn.service, operation, input);
        if refused.is_some() || shape::lines(&org.sandbox) == was {
            continue;
        }
        let after = self::rows(&org, folder, Some(turn.section)).await;
        let drifted: Vec<String> = different(&after).iter().map(|row| row.id.to_string()).collect();
        assert_eq!(drifted, [place.id.to_string()], "{spec}: {operation}");
        return turn.section;
    }
    panic!("{spec}: no call of {} changes anything in {}", turn.section, place.id)
}

/// How somebody changes a setting of an account: one of the calls changes something.
struct Turn {
    section: &'static str,
    service: &'static str,
    /// Operation and input, in which `ACCOUNT` is the account's id.
    calls: &'static [(&'static str, &'static str)],
}

impl Turn {
    fn is_about(&self, row: &UnitReport) -> bool {
        row.id.control == self.section && row.outcome == OutcomeKind::InSync
    }
}

const fn turn(
    section: &'static str,
    service: &'static str,
    calls: &'static [(&'static str, &'static str)],
) -> Turn {
    Turn { section, service, calls }
}

/// What people change by hand.
const TURNS: [Turn; 11] = [
    turn(
        "password_policy",
        "iam",
        &[
            ("UpdateAccountPasswordPolicy", r#"{"MinimumPasswordLength": 8}"#),
            ("UpdateAccountPasswordPolicy", r#"{"MinimumPasswordLength": 9}"#),
        ],
    ),
    turn(
        "ebs_encryption",
        "ec2",
        &[("EnableEbsEncryptionByDefault", "{}"), ("DisableEbsEncryptionByDefault", "{}")],
    ),
    turn(
        "serial_console",
        "ec2",
        &[("EnableSerialConsoleAccess", "{}"), ("DisableSerialConsoleAccess", "{}")],
    ),
    turn(
        "snapshot_block_public_access",
        "ec2",
        &[
            ("EnableSnapshotBlockPublicAccess", r#"{"State": "block-new-sharing"}"#),
            ("DisableSnapshotBlockPublicAccess", "{}"),
        ],
    ),
    turn(
        "image_block_public_access",
        "ec2",
        &[
            ("EnableImageBlockPublicAccess", r#"{"ImageBlockPublicAccessState": "block-new-sharing"}"#),
            ("DisableImageBlockPublicAccess", "{}"),
        ],
    ),
    turn(
        "instance_metadata_defaults",
        "ec2",
        &[
            ("ModifyInstanceMetadataDefaults", r#"{"HttpTokens": "required"}"#),
            ("ModifyInstanceMetadataDefaults", r#"{"HttpTokens": "optional"}"#),
        ],
    ),
    turn(
        "ssm_document_sharing",
        "ssm",
        &[
            (
                "UpdateServiceSetting",
                r#"{"SettingId": "/ssm/documents/console/public-sharing-permission", "SettingValue": "Disable"}"#,
            ),
            (
                "UpdateServiceSetting",
                r#"{"SettingId": "/ssm/documents/console/public-sharing-permission", "SettingValue": "Enable"}"#,
            ),
        ],
    ),
    turn(
        "s3_block_public_access",
        "s3control",
        &[
            (
                "PutPublicAccessBlock",
                r#"{"AccountId": "ACCOUNT", "PublicAccessBlockConfiguration": {"BlockPublicAcls": true}}"#,
            ),
            ("DeletePublicAccessBlock", r#"{"AccountId": "ACCOUNT"}"#),
        ],
    ),
    turn(
        "alternate_contacts",
        "account",
        &[
            ("DeleteAlternateContact", r#"{"AlternateContactType": "SECURITY"}"#),
            ("DeleteAlternateContact", r#"{"AlternateContactType": "BILLING"}"#),
            ("DeleteAlternateContact", r#"{"AlternateContactType": "OPERATIONS"}"#),
        ],
    ),
    turn(
        "primary_contact",
        "account",
        &[
            (
                "PutContactInformation",
                r#"{"ContactInformation": {"FullName": "Alex", "AddressLine1": "3 Other Street", "City": "Cork",
                "PostalCode": "T12", "CountryCode": "IE", "PhoneNumber": "+353 21 555 0100"}}"#,
            ),
            (
                "PutContactInformation",
                r#"{"ContactInformation": {"FullName": "Sam", "AddressLine1": "3 Other Street", "City": "Cork",
                "PostalCode": "T12", "CountryCode": "IE", "PhoneNumber": "+353 21 555 0100"}}"#,
            ),
        ],
    ),
    turn(
        "account_alias",
        "iam",
        &[
            ("CreateAccountAlias", r#"{"AccountAlias": "somebody-else-1"}"#),
            ("CreateAccountAlias", r#"{"AccountAlias": "somebody-else-2"}"#),
        ],
    ),
];

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
    let (imported, ..) = fixed_point(&org, "odd names").await;
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

/// Two changes of each section; all of them where `ORGBASE_SEEDS` or `ORGBASE_SECTION` is set.
#[tokio::test(start_paused = true)]
async fn what_is_imported_is_managed() {
    let mut found: BTreeSet<&str> = BTreeSet::new();
    let mut reasons: BTreeMap<&str, Option<String>> = BTreeMap::new();
    for snippet in snippets::all() {
        let org = converged(&snippet).await;
        let (imported, folder, _) = fixed_point(&org, snippet.id).await;
        if !imported.sections.contains(&snippet.id) {
            reasons.insert(snippet.id, imported.left_out.get(snippet.id).cloned());
            continue;
        }
        found.insert(snippet.id);
        let mut seen = 0;
        let all =
            std::env::var_os("ORGBASE_SECTION").is_some() || std::env::var_os("ORGBASE_SEEDS").is_some();
        for (index, call) in snippet.calls.drift.iter().enumerate() {
            let changed = org.fork();
            if seen == 2 && !all {
                break;
            }
            if snippets::try_to(&changed.sandbox, call).is_some() {
                // It needs the calls before it.
                continue;
            }
            let rows = different(&rows(&changed, folder.path(), Some(snippet.id)).await);
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
        assert_eq!(without, NOT_IMPORTED, "sections that `import` does not know: {reasons:?}");
    }
}

/// Sections that `import` says that it leaves out.
const NOT_IMPORTED: [&str; 0] = [];
