//! The baseline: TOML files parsed, checked and resolved for each account.
//!
//! ```text
//! load (files -> tree) -> walk (tree against schemas) -> model (core tables) -> validate (rules) -> bind (sections)
//! ```
//!
//! All findings of one run are collected; only a file that is not TOML, or a core table that cannot be read, ends it
//! early.

mod bind;
mod build;
mod load;
mod model;
mod ou;
pub(crate) mod schema;
pub(crate) mod tree;
mod validate;
mod walk;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use bind::{Bound, Place};
pub use model::{
    AccountDecl, Accounts, Exception, Moved, Organization, OuDecl, Ous, Regions, Removed, Ring, Vend,
};

use crate::diag::{BaselineError, Finding, OuProblem, Report, Sources, nearest};
use crate::facts::{Account, Facts, is_under};

/// A baseline that holds together: every key is known, every value has its type, every name exists.
#[derive(Debug)]
pub struct Baseline {
    /// The organization and what holds for the whole run.
    pub organization: Organization,
    /// Declared accounts by key.
    pub accounts: BTreeMap<String, AccountDecl>,
    /// Declared OUs by path, without the implied parents.
    pub ous: BTreeMap<String, OuDecl>,
    /// Where controls are not converged.
    pub exceptions: Vec<Exception>,
    /// Resources to delete.
    pub removed: Vec<Removed>,
    /// Resources with a new name.
    pub moved: Vec<Moved>,
    /// How `vend` makes accounts.
    pub vend: Vend,
    /// Accounts that are changed together, in the order in which `apply` changes them.
    pub rings: Vec<Ring>,
    /// `--canary-account`: the first ring is that account, in which policies are tried. No key of the file.
    pub canary: bool,
    /// `--resubscribe`: what awaits a person's confirmation is sent again. No key of the file.
    pub resubscribe: bool,
    path: PathBuf,
    directory: PathBuf,
    digest: String,
    documents: BTreeMap<String, String>,
    sources: Arc<Sources>,
    /// Declared OUs and their parents; the root too.
    ou_paths: BTreeSet<String>,
    /// Account keys by e-mail address in lower case.
    by_email: BTreeMap<String, String>,
    sections: bind::Sections,
    /// OU paths that the baseline names and does not declare, with what to say where AWS has no such OU.
    undeclared_ous: Vec<(String, Finding)>,
}

impl Baseline {
    /// Reads a file, or a folder of `*.toml` in the order of their names.
    pub fn load(path: &Path) -> Result<Baseline, BaselineError> {
        build::build(load::read(path)?)
    }

    /// Reads one text in memory; it can name no documents. `name` is its name in findings.
    pub fn parse(name: &str, text: &str) -> Result<Baseline, BaselineError> {
        build::build(load::memory(name, text))
    }

    /// A folder that is not written yet: texts by their path in it. Those that end in `.toml` are the files, the others
    /// the documents that they name.
    ///
    /// # Errors
    /// As `load`.
    pub fn from_texts(path: &Path, texts: &BTreeMap<String, String>) -> Result<Baseline, BaselineError> {
        build::build(load::folder_in_memory(path, texts))
    }

    /// SHA-256 over names and contents of all files and of the documents that they name, hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The path that the baseline was loaded from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of its files: relative paths in it begin there.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The text of a document that a section names with `file = "..."`, by that name. Every `file` key of a section
    /// is such a name.
    pub fn document(&self, file: &str) -> Option<&str> {
        self.documents.get(file).map(String::as_str)
    }

    /// Whether the section is declared, for all accounts or in some override.
    pub fn declares(&self, section: &str) -> bool {
        self.sections.declares(section)
    }

    /// The section as it holds for an account (overrides that match it are merged, later ones win), or, without a
    /// place, for the organization. `Ok(None)`: it does not hold there. Cached for each set of matching overrides.
    ///
    /// # Errors
    /// Values that no combination known without AWS has had, such as two overrides that match an undeclared account.
    pub fn section(&self, id: &str, place: Option<&Place<'_>>) -> Result<Option<Arc<Bound>>, BaselineError> {
        self.sections.bound(id, place, None, &self.sources)
    }

    /// The section as it holds for one region of an account: overrides of that region are merged as well.
    ///
    /// # Errors
    /// As `section`.
    pub fn section_in(
        &self,
        id: &str,
        place: &Place<'_>,
        region: &str,
    ) -> Result<Option<Arc<Bound>>, BaselineError> {
        self.sections.bound(id, Some(place), Some(region), &self.sources)
    }

    /// Id of the account that a key names, where it exists. A 12-digit id names itself.
    pub fn account_id(&self, key: &str, facts: &Facts) -> Option<String> {
        match self.accounts.get(key) {
            Some(declared) => facts.account_by_email(&declared.email).map(|a| a.id.clone()),
            None => facts.accounts.get(key).map(|a| a.id.clone()),
        }
    }

    /// Key of a live account, where `[accounts]` declares it.
    pub fn account_key(&self, account: &Account) -> Option<&str> {
        self.by_email.get(&account.email.to_lowercase()).map(String::as_str)
    }

    /// The exception that takes a section out of an account, or out of one region of it.
    pub fn exception(&self, control: &str, account: &Account, region: &str) -> Option<&Exception> {
        let key = self.account_key(account);
        self.exceptions.iter().find(|e| {
            e.control == control
                && e.accounts.iter().any(|a| *a == account.id || Some(a.as_str()) == key)
                && e.regions.as_ref().is_none_or(|regions| regions.iter().any(|r| r == region))
        })
    }

    /// Why an account is not managed; `None`: it is.
    pub fn unmanaged(&self, account: &Account) -> Option<String> {
        let declared = self.accounts.get(self.account_key(account)?)?;
        (!declared.managed).then(|| declared.reason.clone().unwrap_or_default())
    }

    /// Whether a live account is changed only by runs that name it.
    pub fn is_protected(&self, account: &Account) -> bool {
        self.account_key(account).and_then(|key| self.accounts.get(key)).is_some_and(|a| a.protected)
    }

    /// Accounts that rings name, and those that overrides name by id, each with what names it. The override of a declared
    /// account may wait for it; a ring without its account is none.
    pub fn named_accounts(&self) -> impl Iterator<Item = (String, &str)> {
        // The ring of `--canary-account` is no line of the file.
        let rings = self.rings.iter().skip(usize::from(self.canary));
        let rings =
            rings.flat_map(|r| r.accounts.iter().map(|a| (format!("the ring `{}`", r.name), a.as_str())));
        let overrides = self.sections.selected_accounts().filter(|account| !self.is_account_key(account));
        rings.chain(overrides.map(|account| ("an override".to_owned(), account)))
    }

    /// Number of the ring that an account is in, in the order of the file; `rings.len()` where none names it.
    pub fn ring_of(&self, account: &Account) -> usize {
        let key = self.account_key(account);
        let named = |ring: &Ring| {
            ring.accounts.iter().any(|a| *a == account.id || Some(a.as_str()) == key)
                || ring.ous.iter().any(|ou| is_under(&account.ou, ou))
        };
        self.rings.iter().position(named).unwrap_or(self.rings.len())
    }

    /// `--canary-account`: the account is a ring of its own, before all others, and policies are tried in it.
    pub fn put_first(&mut self, key: &str) {
        self.canary = true;
        let name = format!("canary {key}");
        self.rings.insert(0, Ring { name, accounts: vec![key.to_owned()], ous: Vec::new() });
    }

    /// The account of `--canary-account`.
    pub fn canary_account<'f>(&self, facts: &'f Facts) -> Option<&'f Account> {
        let key = self.rings.first().filter(|_| self.canary)?.accounts.first()?;
        let id = self.account_id(key, facts).unwrap_or_else(|| key.clone());
        facts.accounts.get(&id)
    }

    /// Whether `[accounts]` declares this key.
    pub fn is_account_key(&self, key: &str) -> bool {
        self.accounts.contains_key(key)
    }

    /// The declared account key that is nearest to a word.
    pub fn nearest_account_key(&self, word: &str) -> Option<&str> {
        nearest(word, self.accounts.keys().map(String::as_str))
    }

    /// Whether an OU is declared or implied; the root is.
    pub fn is_ou(&self, path: &str) -> bool {
        self.ou_paths.contains(path)
    }

    /// What to do about an account key that is not declared.
    pub(crate) fn account_hint(&self, key: &str) -> String {
        match self.nearest_account_key(key) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("declare it: `[accounts.{key}]` with name, email and ou"),
        }
    }

    /// What is wrong with the path of an OU, and what to do.
    pub(crate) fn ou_problem(&self, path: &str) -> Option<OuProblem> {
        if let Some(wrong) = ou::syntax(path) {
            return Some(OuProblem {
                message: format!("`{path}` is no path of an OU: {wrong}"),
                hint: "write it as `/Workloads/Production`".into(),
                is_form: true,
            });
        }
        if self.is_ou(path) {
            return None;
        }
        let hint = match nearest(path, self.ou_paths.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("declare it under `[ous]`: `\"{path}\" = {{}}`"),
        };
        let message = format!("no OU `{path}` is declared, and the organization has none");
        Some(OuProblem { message, hint, is_form: false })
    }

    /// Every OU that the baseline names is declared, or is there.
    ///
    /// # Errors
    /// The paths that are neither, each with its place.
    pub fn check_ous(&self, facts: &Facts) -> Result<(), BaselineError> {
        let mut report = Report::new(self.sources.clone());
        for (path, finding) in self.undeclared_ous.iter().filter(|(path, _)| !facts.ous.contains_key(path)) {
            tracing::debug!(path, "an OU is neither declared nor there");
            report.push(finding.clone());
        }
        report.finish()
    }
}
