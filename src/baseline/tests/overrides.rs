//! Folders, overrides, places of declarations, lookups.

use std::path::Path;
use std::sync::Arc;

use super::super::{Baseline, Bound, Place, Regions};
use crate::controls::password_policy::PasswordPolicy;
use crate::facts::{Account, Facts};

const BASE: &str = r#"version = 1
[organization]
home_region = "eu-west-1"
regions = ["eu-west-1", "us-east-1"]
[ous]
"/Sandbox/Deep" = {}
"/Security" = { tags = { team = "sec" } }
[accounts.web]
name = "Web"
email = "aws+web@example.com"
ou = "/Sandbox/Deep"
[accounts.old]
name = "Old"
email = "aws+old@example.com"
ou = "/"
managed = false
reason = "no role"
[password_policy]
minimum_length = 14
max_age_days = 90
"#;

const OVERRIDES: &str = r#"
[[overrides]]
select = { ou = "/Sandbox" }
password_policy.max_age_days = 0

[[overrides]]
select = { account = "web" }
[overrides.password_policy]
minimum_length = 20
"#;

fn policy(bound: &Bound) -> &PasswordPolicy {
    bound.value.downcast_ref().unwrap()
}

fn at<'a>(key: Option<&'a str>, ou: &'a str) -> Place<'a> {
    Place { key, id: "", ou }
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

fn account(id: &str, email: &str) -> Account {
    Account { id: id.into(), email: email.into(), ..Account::default() }
}

/// Findings of a folder with its own path taken out.
fn findings(dir: &Path) -> String {
    Baseline::load(dir).unwrap_err().render(false).replace(&format!("{}/", dir.display()), "")
}

#[test]
fn overrides_merge_key_by_key_and_later_ones_win() {
    let baseline = Baseline::parse("b.toml", &format!("{BASE}{OVERRIDES}")).unwrap();
    let get = |place: Option<&Place<'_>>| baseline.section("password_policy", place).unwrap().unwrap();
    let base = get(None);
    assert_eq!((policy(&base).minimum_length, policy(&base).max_age_days), (Some(14), Some(90)));
    let elsewhere = get(Some(&at(None, "/Security")));
    assert!(Arc::ptr_eq(&base, &elsewhere), "the same set of overrides is bound once");
    let sandbox = get(Some(&at(None, "/Sandbox/Other")));
    assert_eq!((policy(&sandbox).minimum_length, policy(&sandbox).max_age_days), (Some(14), Some(0)));
    let web = get(Some(&at(Some("web"), "/Sandbox/Deep")));
    assert_eq!((policy(&web).minimum_length, policy(&web).max_age_days), (Some(20), Some(0)));
}

#[test]
fn places_survive_folders_and_overrides() {
    let dir = folder(&[("a.toml", BASE), ("b.toml", OVERRIDES)]);
    let baseline = Baseline::load(dir.path()).unwrap();
    let web = baseline.section("password_policy", Some(&at(Some("web"), "/Sandbox/Deep"))).unwrap().unwrap();
    let line = |bound: &Bound, path: &str| {
        let place = bound.declared_at(path).unwrap();
        place.replace(&format!("{}/", dir.path().display()), "")
    };
    assert_eq!(line(&web, "max_age_days"), "b.toml:4");
    assert_eq!(line(&web, "minimum_length"), "b.toml:9");
    assert_eq!(line(&web, ""), "a.toml:18");
    assert_eq!(
        line(&web, "require_symbols"),
        "a.toml:18",
        "a key that is not declared is where its section is"
    );
    let base = baseline.section("password_policy", None).unwrap().unwrap();
    assert_eq!(line(&base, "max_age_days"), "a.toml:20");
}

#[test]
fn an_override_may_introduce_a_section() {
    let text = BASE.split("[password_policy]").next().unwrap();
    let baseline = Baseline::parse("b.toml", &format!("{text}{OVERRIDES}")).unwrap();
    assert!(baseline.declares("password_policy"));
    assert!(baseline.section("password_policy", None).unwrap().is_none());
    assert!(baseline.section("password_policy", Some(&at(None, "/"))).unwrap().is_none());
    let sandbox = baseline.section("password_policy", Some(&at(None, "/Sandbox"))).unwrap().unwrap();
    assert_eq!(sandbox.declared_at("max_age_days").unwrap(), "b.toml:21");
}

#[test]
fn accounts_of_two_files_are_one_table() {
    let more = "[accounts.app]\nname = \"App\"\nemail = \"aws+app@example.com\"\nou = \"/Security\"\n";
    let dir = folder(&[("b.toml", more), ("a.toml", BASE), ("notes.txt", "not TOML")]);
    let baseline = Baseline::load(dir.path()).unwrap();
    assert_eq!(baseline.accounts.keys().collect::<Vec<_>>(), ["app", "old", "web"]);
    assert_eq!(baseline.directory(), dir.path());
}

#[test]
fn a_table_in_two_files_is_shown_in_both() {
    let dir = folder(&[
        ("a.toml", BASE),
        ("b.toml", "version = 1\n\n[password_policy]\nmax_age_days = 3\n[accounts.web]\nname = \"Again\"\n"),
    ]);
    insta::assert_snapshot!(findings(dir.path()), @r#"
    error: `password_policy` is defined twice, first at a.toml:18
      --> b.toml:3:2
       |
     3 | [password_policy]
       |  ^^^^^^^^^^^^^^^
       |
      ::: a.toml:18:2
       |
    18 | [password_policy]
       |  --------------- first defined here

    error: `accounts.web` is defined twice, first at a.toml:8
     --> b.toml:5:11
      |
    5 | [accounts.web]
      |           ^^^
      |
     ::: a.toml:8:11
      |
    8 | [accounts.web]
      |           --- first defined here
    "#);
}

#[test]
fn files_that_cannot_be_read() {
    let dir = folder(&[("empty.toml", "# nothing\n")]);
    let message = |name: &str| findings_of(&dir.path().join(name), dir.path());
    std::fs::write(dir.path().join("latin.toml"), b"version = 1\n# B\xfccher\n").unwrap();
    std::fs::create_dir(dir.path().join("folder")).unwrap();
    let all = ["empty.toml", "latin.toml", "folder", "absent.toml"].map(message);
    insta::assert_snapshot!(all.join("\n"), @r#"
    error: `empty.toml` is empty
     |
     = help: begin with `version = 1` and an `[organization]` table
    error: `latin.toml` is not UTF-8: line 2 has other bytes
    error: the folder `folder` has no `*.toml` file
    error: `absent.toml` does not exist
     |
     = help: name the baseline, a file or a folder, with `-f PATH`
    "#);
}

fn findings_of(path: &Path, dir: &Path) -> String {
    Baseline::load(path).unwrap_err().render(false).replace(&format!("{}/", dir.display()), "")
}

#[test]
fn lookups_by_account() {
    let exceptions = r#"
[[exceptions]]
control = "password_policy"
accounts = ["web", "999999999999"]
regions = ["us-east-1"]
reason = "soon"
expires = 2027-06-30
"#;
    let baseline = Baseline::parse("b.toml", &format!("{BASE}{exceptions}")).unwrap();
    let web = account("111111111111", "AWS+Web@Example.com");
    let old = account("222222222222", "aws+old@example.com");
    let facts = Facts { accounts: [(web.id.clone(), web.clone())].into(), ..Facts::default() };
    assert_eq!(baseline.account_key(&web), Some("web"));
    assert_eq!(baseline.account_id("web", &facts).as_deref(), Some("111111111111"));
    assert_eq!(baseline.account_id("old", &facts), None);
    assert_eq!(baseline.unmanaged(&old).as_deref(), Some("no role"));
    assert_eq!(baseline.unmanaged(&web), None);
    let exception = baseline.exception("password_policy", &web, "us-east-1").unwrap();
    assert_eq!((exception.reason.as_str(), exception.declared_at.as_str()), ("soon", "b.toml:22"));
    let day = time::macros::date!(2027 - 07 - 01);
    assert_eq!(exception.days_left(day), Some(-1));
    assert!(baseline.exception("password_policy", &web, "eu-west-1").is_none());
    assert!(baseline.exception("password_policy", &account("999999999999", ""), "us-east-1").is_some());
    assert!(baseline.exception("other", &web, "us-east-1").is_none());
}

#[test]
fn parents_of_ous_count_as_declared() {
    let baseline = Baseline::parse("b.toml", BASE).unwrap();
    assert!(baseline.is_ou("/Sandbox") && baseline.is_ou("/") && !baseline.is_ou("/Sand"));
    assert_eq!(baseline.organization.regions, Regions::List(vec!["eu-west-1".into(), "us-east-1".into()]));
    assert_eq!(baseline.organization.prefix, "orgbase");
}

#[test]
fn digest_follows_contents_and_not_the_folder() {
    let digest = |text: &str| {
        let dir = folder(&[("a.toml", text)]);
        Baseline::load(dir.path()).unwrap().digest().to_string()
    };
    assert_eq!(digest(BASE), digest(BASE));
    assert_ne!(digest(BASE), digest(&format!("{BASE}\n")));
    assert_eq!(digest(BASE).len(), 64);
}

#[test]
fn ten_thousand_accounts_share_their_variants() {
    use std::fmt::Write as _;
    let mut text = format!("{BASE}{OVERRIDES}");
    for i in 0..10_000 {
        let ou = if i % 2 == 0 { "/Sandbox" } else { "/Security" };
        write!(text, "[accounts.a{i}]\nname = \"A{i}\"\nemail = \"a{i}@example.com\"\nou = \"{ou}\"\n")
            .unwrap();
    }
    let started = std::time::Instant::now();
    let baseline = Baseline::parse("b.toml", &text).unwrap();
    let mut variants = Vec::new();
    for (key, account) in &baseline.accounts {
        let place = Place { key: Some(key), id: "", ou: &account.ou };
        let bound = baseline.section("password_policy", Some(&place)).unwrap().unwrap();
        if !variants.iter().any(|v| Arc::ptr_eq(v, &bound)) {
            variants.push(bound);
        }
    }
    assert_eq!(variants.len(), 3, "plain, sandbox, web");
    assert!(started.elapsed() < std::time::Duration::from_secs(20), "took {:?}", started.elapsed());
}

#[test]
fn arrays_of_tables_are_joined_and_keep_their_places() {
    let dir = folder(&[
        (
            "a.toml",
            &format!("{BASE}[[scps]]\nname = \"one\"\npreset = \"deny-leave-org\"\ntargets = [\"/\"]\n"),
        ),
        (
            "b.toml",
            "[[scps]]\nname = \"two\"\nfile = \"own.json\"\ntargets = [\"/Security\", \"/Sandbox\"]\n",
        ),
        (
            "own.json",
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:DeleteBucket","Resource":"*"}]}"#,
        ),
    ]);
    let baseline = Baseline::load(dir.path()).unwrap();
    let scps = baseline.section("scps", None).unwrap().unwrap();
    let place =
        |path: &str| scps.declared_at(path).unwrap().replace(&format!("{}/", dir.path().display()), "");
    assert_eq!(place("[0].targets"), "a.toml:24");
    assert_eq!(place("[1].targets[1]"), "b.toml:4");
    assert_eq!(place("[1].description"), "b.toml:1", "a key that is not declared is where its table is");
    assert!(baseline.document("own.json").unwrap().contains("DeleteBucket"));
    let before = baseline.digest().to_string();
    std::fs::write(dir.path().join("own.json"), r#"{"Version":"2012-10-17","Statement":[]}"#).unwrap();
    assert!(
        Baseline::load(dir.path()).map_or(true, |b| b.digest() != before),
        "documents count in the digest"
    );
}

#[test]
fn names_of_accounts_ous_and_documents_must_exist() {
    let dir = folder(&[(
        "a.toml",
        &format!(
            "{BASE}[delegated_admins]\nguardduty = \"wbe\"\n[[scps]]\nname = \"own\"\npreset = \"deny-leave-org\"\n\
             targets = [\"/Sandbx\", \"web\"]\n[[scps]]\nname = \"file\"\nfile = \"absent.json\"\ntargets = [\"/\"]\n\
             [[overrides]]\nselect = {{ account = \"web\" }}\n[[overrides.scps]]\nname = \"x\"\n"
        ),
    )]);
    let text = findings(dir.path());
    for part in [
        "error: no account `wbe` is declared",
        "= help: did you mean `web`?",
        "absent.json` does not exist",
        "error: `scps` holds for the organization: it cannot be overridden per account",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

/// Keys that hold for the organization, in sections of which other parts hold per account.
#[test]
fn keys_of_the_organization_cannot_be_overridden() {
    let found = |section: &str, over: &str| {
        let text = format!("{BASE}{section}\n[[overrides]]\nselect = {{ account = \"web\" }}\n{over}\n");
        let findings = Baseline::parse("b.toml", &text).err().map(|e| e.findings).unwrap_or_default();
        findings.into_iter().filter(|f| f.code == "override").map(|f| f.message).collect::<Vec<_>>()
    };
    let central = "[securityhub]\nstandards = []\n[delegated_admins]\nsecurityhub = \"web\"";
    let local =
        "[securityhub]\nconfiguration = \"local\"\nstandards = []\n[delegated_admins]\nsecurityhub = \"web\"";
    let refused =
        |key: &str| [format!("`{key}` holds for the organization: it cannot be overridden per account")];
    let standards = "securityhub.standards = [\"fsbp\"]";
    assert_eq!(found(central, standards), refused("securityhub.standards"));
    assert_eq!(found(local, standards), Vec::<String>::new());
    assert_eq!(found(local, "securityhub.linking_regions = []"), refused("securityhub.linking_regions"));
    let config = "[config]\naggregator = false\n[log_archive]\naccount = \"web\"";
    assert_eq!(found(config, "config.aggregator = true"), refused("config.aggregator"));
    assert_eq!(found(config, "config.conformance_packs = []"), refused("config.conformance_packs"));
    assert_eq!(found(config, "config.retention_days = 90"), Vec::<String>::new());
    let root = "[root_access]\ncredentials_management = true";
    assert_eq!(found(root, "root_access.delete_member_root_credentials = true"), Vec::<String>::new());
    assert_eq!(found(root, "root_access.sessions = false"), refused("root_access.sessions"));
    assert_eq!(
        found("[backup]", "backup.cross_account_backup = true"),
        refused("backup.cross_account_backup")
    );
    let analyzer = "[access_analyzer]\nexternal_access = false";
    assert_eq!(
        found(analyzer, "access_analyzer.external_access = false"),
        refused("access_analyzer.external_access")
    );
    assert_eq!(found(analyzer, "access_analyzer.account_analyzers = true"), Vec::<String>::new());
}
