//! Sections with the overrides that match an account, read as their types.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::model::Select;
use super::tree::{Entry, Table};
use super::{AccountDecl, Baseline, validate};
use crate::control::{DynSection, Overridable};
use crate::controls;
use crate::diag::{BaselineError, Findings, Report, Sources};
use crate::facts::is_under;

/// Where a section is asked for: one account.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Key of the account, where `[accounts]` declares it.
    pub key: Option<&'a str>,
    /// 12-digit id; empty where the account does not exist yet.
    pub id: &'a str,
    /// Path of its OU.
    pub ou: &'a str,
}

/// A section as its type, with the places of its keys.
pub struct Bound {
    /// The section's type.
    pub value: Arc<dyn Any + Send + Sync>,
    entry: Entry,
    sources: Arc<Sources>,
}

impl std::fmt::Debug for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bound").field("entry", &self.entry).finish_non_exhaustive()
    }
}

impl Bound {
    /// `file:line` of a key, or of its nearest declared ancestor. The path begins inside the section:
    /// `max_age_days`, `[0].targets`.
    pub fn declared_at(&self, path: &str) -> Option<String> {
        let found = self.entry.value.find(path).filter(|_| !path.is_empty());
        self.sources.file_line(found.as_ref().map_or(&self.entry.key, |f| f.declared()))
    }
}

/// One `[[overrides]]`.
#[derive(Debug)]
pub(super) struct Override {
    pub(super) select: Select,
    /// Place of `select`.
    pub(super) at: Entry,
    /// Sections, without keys that do not exist.
    pub(super) sections: Table,
}

impl Override {
    fn matches(&self, place: &Place<'_>, region: Option<&str>) -> bool {
        if self.select.region.is_some() && self.select.region.as_deref() != region {
            return false;
        }
        match (&self.select.ou, &self.select.account) {
            (Some(ou), _) => is_under(place.ou, ou),
            (_, Some(account)) => Some(account.as_str()) == place.key || account == place.id,
            _ => false,
        }
    }
}

/// Set of overrides, by index.
type Variant = Vec<usize>;

/// All sections and overrides.
#[derive(Debug, Default)]
pub(super) struct Sections {
    base: Table,
    overrides: Vec<Override>,
    /// Indices of the overrides that mention a section.
    by_section: BTreeMap<String, Variant>,
    bound: Mutex<BTreeMap<String, BTreeMap<Variant, Arc<Bound>>>>,
}

impl Sections {
    pub(super) fn new(base: Table, overrides: Vec<Override>) -> Sections {
        let mut by_section: BTreeMap<String, Variant> = BTreeMap::new();
        for (index, over) in overrides.iter().enumerate() {
            for id in over.sections.keys() {
                by_section.entry(id.clone()).or_default().push(index);
            }
        }
        Sections { base, overrides, by_section, bound: Mutex::default() }
    }

    pub(super) fn declares(&self, id: &str) -> bool {
        self.base.contains_key(id) || self.by_section.contains_key(id)
    }

    /// Every section, in every override too.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.base.values().chain(self.overrides.iter().flat_map(|o| o.sections.values()))
    }

    /// Accounts that overrides select.
    pub(super) fn selected_accounts(&self) -> impl Iterator<Item = &str> {
        self.overrides.iter().filter_map(|o| o.select.account.as_deref())
    }

    pub(super) fn bound(
        &self,
        id: &str,
        place: Option<&Place<'_>>,
        region: Option<&str>,
        sources: &Arc<Sources>,
    ) -> Result<Option<Arc<Bound>>, BaselineError> {
        let variant = place.map(|p| self.variant(id, p, region)).unwrap_or_default();
        if let Some(found) = self.lock().get(id).and_then(|v| v.get(&variant)) {
            return Ok(Some(found.clone()));
        }
        let mut report = Report::new(sources.clone());
        let Some(bound) = self.bind(id, &variant, &mut report) else { return report.finish().map(|()| None) };
        let bound = Arc::new(bound);
        self.lock().entry(id.to_string()).or_default().insert(variant, bound.clone());
        Ok(Some(bound))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, BTreeMap<Variant, Arc<Bound>>>> {
        // A panic elsewhere leaves a map that is whole: entries are inserted in one step.
        self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The overrides of a section that match a place; those of one region only where the region is given.
    fn variant(&self, id: &str, place: &Place<'_>, region: Option<&str>) -> Variant {
        let mentioned = self.by_section.get(id).into_iter().flatten().copied();
        mentioned.filter(|i| self.overrides.get(*i).is_some_and(|o| o.matches(place, region))).collect()
    }

    /// No region, and each one that an override of the section names.
    fn regions(&self, id: &str) -> BTreeSet<Option<&str>> {
        let mentioned = self.by_section.get(id).into_iter().flatten().filter_map(|i| self.overrides.get(*i));
        mentioned.map(|o| o.select.region.as_deref()).chain(std::iter::once(None)).collect()
    }

    /// The tree of a section with overrides merged.
    fn merged(&self, id: &str, variant: &[usize]) -> Option<Entry> {
        let mut entry = self.base.get(id).cloned();
        for over in variant.iter().filter_map(|i| self.overrides.get(*i)?.sections.get(id)) {
            match &mut entry {
                Some(entry) => entry.value.merge(&over.value),
                None => entry = Some(over.clone()),
            }
        }
        entry
    }

    /// Reads a section as its type. `None` without a finding: the section does not hold.
    fn bind(&self, id: &str, variant: &[usize], report: &mut Report) -> Option<Bound> {
        let section = controls::section(id)?;
        let entry = self.merged(id, variant)?;
        match section.parse(entry.value.to_toml()) {
            Ok(value) => Some(Bound { value, entry, sources: report.shared_sources() }),
            Err(e) => {
                report.typed(&entry, &e);
                None
            }
        }
    }

    /// The sets of overrides that can be known without AWS: for each override the ones that hold wherever it does,
    /// and for each declared account those that match it.
    fn variants(&self, id: &str, accounts: &BTreeMap<String, AccountDecl>) -> BTreeSet<Variant> {
        let mut variants = BTreeSet::new();
        if self.base.contains_key(id) {
            variants.insert(Variant::new());
        }
        if !self.by_section.contains_key(id) {
            return variants;
        }
        for over in self.by_section.get(id).into_iter().flatten().filter_map(|i| self.overrides.get(*i)) {
            let place = match (&over.select.ou, &over.select.account) {
                (Some(ou), _) => Place { key: None, id: "", ou },
                (_, Some(account)) => {
                    let ou = accounts.get(account).map_or("/", |a| a.ou.as_str());
                    Place { key: Some(account), id: account, ou }
                }
                _ => continue,
            };
            variants.insert(self.variant(id, &place, over.select.region.as_deref()));
        }
        let regions = self.regions(id);
        for (key, account) in accounts {
            let place = Place { key: Some(key), id: "", ou: &account.ou };
            variants.extend(regions.iter().map(|region| self.variant(id, &place, *region)));
        }
        variants.retain(|v| !v.is_empty() || self.base.contains_key(id));
        variants
    }
}

/// Checks whom the overrides select.
pub(super) fn selects(baseline: &Baseline, report: &mut Report) {
    for over in &baseline.sections.overrides {
        let place = |name: &str| over.at.value.find(name).map_or_else(|| over.at.key.clone(), |f| f.shown());
        if let Some(region) = over.select.region.as_deref().filter(|region| !validate::is_region(region)) {
            let finding = report.at("select", &place("region"), format!("`{region}` is no name of a region"));
            finding.with_hint("write it as `eu-west-1`");
        }
        match (&over.select.ou, &over.select.account) {
            (Some(ou), None) => {
                if let Some(problem) = baseline.ou_problem(ou) {
                    report.ou(ou, &place("ou"), problem);
                }
            }
            (None, Some(account)) => {
                if let Some((message, hint)) = validate::selected_account(baseline, account) {
                    report.at("select", &place("account"), message).with_hint(hint);
                }
            }
            _ => {
                let finding =
                    report.at("select", &over.at.key, "`select` needs `ou` or `account`, and not both");
                finding.with_hint("write `select = { ou = \"/Path\" }` or `select = { account = \"key\" }`");
            }
        }
    }
}

/// Reads every section in every variant that can be known, and applies the sections' own rules.
pub(super) fn check(baseline: &Baseline, broken: &BTreeSet<String>, report: &mut Report) {
    report.settle();
    let sections = &baseline.sections;
    for section in controls::SECTIONS {
        let id = section.meta().id;
        if broken.contains(id) {
            continue;
        }
        overridden(sections, *section, report);
        for variant in sections.variants(id, &baseline.accounts) {
            let Some(bound) = sections.bind(id, &variant, report) else { continue };
            let mut findings = Findings::new(report, &bound.entry.value, &bound.entry.key);
            section.check(bound.value.as_ref(), baseline, &mut findings);
        }
    }
}

/// Overrides of keys that hold for the organization would be passed over in silence.
fn overridden(sections: &Sections, section: &dyn DynSection, report: &mut Report) {
    let id = section.meta().id;
    let Some(mentioned) = sections.by_section.get(id) else { return };
    // What is wrong with the section itself is reported where it is read.
    let base = sections.bind(id, &[], &mut Report::new(report.shared_sources()));
    let base = base.filter(|_| sections.base.contains_key(id));
    let Some(Overridable { keys, instead }) = section.overridable(base.as_ref().map(|b| b.value.as_ref()))
    else {
        return;
    };
    let overrides =
        mentioned.iter().filter_map(|i| sections.overrides.get(*i)?.sections.get(id)?.value.table());
    for (key, entry) in overrides.flatten().filter(|(key, _)| !keys.contains(&key.as_str())) {
        let message = format!("`{id}.{key}` holds for the organization: it cannot be overridden per account");
        report.at("override", &entry.key, message).with_hint(instead);
    }
}
