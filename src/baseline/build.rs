//! From the tree to the `Baseline`: keys, core tables, rules, sections.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use toml::de::ValueDeserializer;

use super::bind::{self, Override, Sections};
use super::load::{self, Files};
use super::model::{Accounts, Exception, Moved, Organization, Ous, Removed, Ring, Select, Vend};
use super::schema::{CORE, schemas};
use super::tree::{Entry, Item, Node, Table};
use super::walk::walk;
use super::{Baseline, ou, validate};
use crate::control::Scope;
use crate::controls::{self, SECTIONS};
use crate::diag::{BaselineError, Report, START, suggestion};

/// Parses and checks the files.
pub(super) fn build(files: Files) -> Result<Baseline, BaselineError> {
    let (mut tree, mut report) = load::parse(&files)?;
    let mut broken = keys(&mut tree, &mut report);
    let overrides = tree.remove("overrides").map(|entry| overrides(entry, &mut broken, &mut report));
    if broken.iter().any(|key| CORE.contains(&key.as_str())) {
        return Err(report.error());
    }
    let Some(core) = Core::read(&tree, &mut report) else { return Err(report.error()) };
    let sections = Sections::new(tree.clone(), overrides.unwrap_or_default());
    let documents = match (files.documents, &files.directory) {
        (Some(documents), _) => documents,
        (None, Some(directory)) => load::documents(directory, sections.entries(), &mut report),
        (None, None) => std::collections::BTreeMap::new(),
    };
    let by_email = core.accounts.0.iter().map(|(key, a)| (a.email.to_lowercase(), key.clone())).collect();
    let mut baseline = Baseline {
        digest: load::digest(&files.sources, &documents),
        ou_paths: ou::with_parents(core.ous.0.keys()),
        organization: core.organization,
        accounts: core.accounts.0,
        ous: core.ous.0,
        exceptions: core.exceptions,
        removed: core.removed,
        moved: core.moved,
        vend: core.vend,
        rings: core.rings,
        canary: false,
        resubscribe: false,
        path: files.path,
        directory: files.directory.unwrap_or_default(),
        documents,
        sources: files.sources,
        by_email,
        sections,
        undeclared_ous: Vec::new(),
    };
    validate::validate(&baseline, &tree, &mut report);
    bind::check(&baseline, &broken, &mut report);
    baseline.undeclared_ous = report.take_undeclared_ous();
    report.finish().map(|()| baseline)
}

/// Holds every table against its schema, removes what is unknown, and names the tables that cannot be read.
fn keys(tree: &mut Table, report: &mut Report) -> BTreeSet<String> {
    let mut broken = BTreeSet::new();
    let mut unknown = Vec::new();
    for (name, entry) in tree.iter_mut() {
        let Some(schema) = schemas().tables.get(name.as_str()) else {
            unknown.push(name.clone());
            continue;
        };
        // Overrides are walked one by one, the version has a rule of its own.
        if name != "overrides"
            && name != "version"
            && !walk(report, &mut entry.value, &entry.key, schema, false)
        {
            broken.insert(name.clone());
        }
    }
    for name in unknown {
        if let Some(entry) = tree.remove(&name) {
            unknown_section(&name, &entry, report);
        }
    }
    version(tree, report);
    if !tree.contains_key("organization") {
        broken.insert("organization".into());
        let finding = report.at("missing_key", &START, "missing table `[organization]`");
        finding.with_hint("add `[organization]` with at least `home_region = \"eu-west-1\"`");
    }
    broken
}

fn version(tree: &Table, report: &mut Report) {
    let Some(entry) = tree.get("version") else {
        report.at("version", &START, "missing key `version`").with_hint("begin the file with `version = 1`");
        return;
    };
    if !matches!(&entry.value.node, Node::Integer(text) if text == "1") {
        let finding = report.at("version", &entry.value.span, "the version of the file format must be 1");
        finding.with_hint("write `version = 1`");
    }
}

fn unknown_section(name: &str, entry: &Entry, report: &mut Report) {
    // `ous` and `accounts` are both.
    let sections = SECTIONS.iter().map(|s| s.meta().id).filter(|id| !CORE.contains(id));
    let candidates = CORE.into_iter().chain(sections);
    let finding = report.at("unknown_section", &entry.key, format!("unknown section `{name}`"));
    finding.hint = suggestion(name, "the sections are", candidates)
        .or_else(|| Some("`orgbase emit controls` lists the sections".into()));
}

/// Takes the overrides apart. What cannot be read is left out and reported.
fn overrides(mut entry: Entry, broken: &mut BTreeSet<String>, report: &mut Report) -> Vec<Override> {
    let items = match &mut entry.value.node {
        Node::Array(items) if items.iter().all(Item::is_table) => std::mem::take(items),
        _ => {
            let message = format!("expected an array of tables, found {}", entry.value.kind());
            report.at("wrong_type", &entry.key, message).with_hint("write `[[overrides]]`");
            broken.insert("overrides".into());
            return Vec::new();
        }
    };
    items.into_iter().filter_map(|item| one_override(item, broken, report)).collect()
}

fn one_override(item: Item, broken: &mut BTreeSet<String>, report: &mut Report) -> Option<Override> {
    let header = item.span.clone();
    let Node::Table(mut table) = item.node else { return None };
    let select = table.remove("select");
    let mut sections = Table::new();
    for (name, mut entry) in table {
        let Some(section) = controls::section(&name).filter(|_| !CORE.contains(&name.as_str())) else {
            if CORE.contains(&name.as_str()) {
                report.at("override", &entry.key, format!("`{name}` cannot be overridden"));
            } else {
                unknown_section(&name, &entry, report);
            }
            continue;
        };
        let parts = section.controls();
        let of_organization = |scope| matches!(scope, Scope::Organization | Scope::OrganizationRegion);
        let of_organization_alone = parts.iter().all(|c| of_organization(c.meta().scope));
        if !parts.is_empty() && of_organization_alone && section.overridable(None).is_none() {
            let message = format!("`{name}` holds for the organization: it cannot be overridden per account");
            report.at("override", &entry.key, message);
            continue;
        }
        let of_region = select.as_ref().and_then(|s| s.value.table()?.get("region"));
        if let Some(region) =
            of_region.filter(|_| parts.iter().all(|c| c.meta().scope != Scope::AccountRegion))
        {
            let message = format!("`{name}` is the same in every region of an account");
            report.at("override", &region.key, message).with_hint("leave `region` out");
            continue;
        }
        let Some(schema) = schemas().tables.get(name.as_str()) else { continue };
        if !walk(report, &mut entry.value, &entry.key, schema, true) {
            broken.insert(name.clone());
        }
        sections.insert(name, entry);
    }
    if select.is_none() {
        let finding = report.at("missing_key", &header, "missing key `select`");
        finding.with_hint("write `select = { ou = \"/Path\" }` or `select = { account = \"key\" }`");
    }
    let read = select.and_then(|entry| Some((self::select(&entry, report)?, entry)));
    if read.is_none() {
        broken.insert("overrides".into());
    }
    let (select, at) = read?;
    Some(Override { select, at, sections })
}

fn select(entry: &Entry, report: &mut Report) -> Option<Select> {
    let schema = schemas().tables.get("overrides")?.get("items")?.get("properties")?.get("select")?;
    let mut value = entry.value.clone();
    if !walk(report, &mut value, &entry.key, schema, false) {
        return None;
    }
    typed(&Entry { key: entry.key.clone(), value }, report)
}

/// Reads a value as its type.
fn typed<T: DeserializeOwned>(entry: &Entry, report: &mut Report) -> Option<T> {
    match T::deserialize(ValueDeserializer::from(entry.value.to_toml())) {
        Ok(value) => Some(value),
        Err(e) => {
            report.typed(entry, &e);
            None
        }
    }
}

/// The core tables as their types.
struct Core {
    organization: Organization,
    accounts: Accounts,
    ous: Ous,
    exceptions: Vec<Exception>,
    removed: Vec<Removed>,
    moved: Vec<Moved>,
    vend: Vend,
    rings: Vec<Ring>,
}

impl Core {
    fn read(tree: &Table, report: &mut Report) -> Option<Core> {
        let before = report.count();
        let organization = tree.get("organization").and_then(|e| typed(e, report));
        let mut core = Core {
            organization: organization?,
            accounts: or_default(tree, "accounts", report),
            ous: or_default(tree, "ous", report),
            exceptions: or_default(tree, "exceptions", report),
            removed: or_default(tree, "removed", report),
            moved: or_default(tree, "moved", report),
            vend: or_default(tree, "vend", report),
            rings: or_default(tree, "rings", report),
        };
        let place = |table: &str, index: usize| {
            let item = tree.get(table)?.value.array().get(index)?;
            report.sources().file_line(&item.span)
        };
        for (i, e) in core.exceptions.iter_mut().enumerate() {
            e.declared_at = place("exceptions", i).unwrap_or_default();
        }
        for (i, r) in core.removed.iter_mut().enumerate() {
            r.declared_at = place("removed", i).unwrap_or_default();
        }
        for (i, m) in core.moved.iter_mut().enumerate() {
            m.declared_at = place("moved", i).unwrap_or_default();
        }
        (report.count() == before).then_some(core)
    }
}

fn or_default<T: DeserializeOwned + Default>(tree: &Table, name: &str, report: &mut Report) -> T {
    tree.get(name).and_then(|e| typed(e, report)).unwrap_or_default()
}
