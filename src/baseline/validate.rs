//! Rules of the core tables that their types cannot express.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use super::model::{AccountDecl, Regions};
use super::tree::Table;
use super::{Baseline, ou};
use crate::control::{DynSection, Shape};
use crate::controls::{self, SECTIONS};
use crate::diag::{Report, START, Span, suggestion, unknown_account};

/// A regular expression that is known to compile; one that does not matches nothing, which a test would show.
fn shape(pattern: &str) -> Option<Regex> {
    Regex::new(pattern).ok()
}

/// Role name with an optional path (IAM: `RoleNameType`, `PathType`).
static ROLE: LazyLock<Option<Regex>> =
    LazyLock::new(|| shape(r"^([A-Za-z0-9_+=,.@-]+/)*[A-Za-z0-9_+=,.@-]{1,64}$"));
/// STS: `externalIdType`. Written out: so many of Unicode's `\w` are more than the library compiles.
static EXTERNAL_ID: LazyLock<Option<Regex>> = LazyLock::new(|| shape(r"^[A-Za-z0-9_+=,.@:/-]{2,1224}$"));
/// Organizations: `Email`.
static EMAIL: LazyLock<Option<Regex>> = LazyLock::new(|| shape(r"^[^\s@]+@[^\s@]+\.[^\s@]+$"));
/// Region names of all partitions, such as `eu-west-1`, `us-gov-east-1`, `us-isob-east-1`.
static REGION: LazyLock<Option<Regex>> = LazyLock::new(|| shape(r"^[a-z]{2,4}(-[a-z]+){1,2}-[0-9]{1,2}$"));
static PREFIX: LazyLock<Option<Regex>> = LazyLock::new(|| shape(r"^[a-z0-9]([a-z0-9-]{1,18})[a-z0-9]$"));
static KEY: LazyLock<Option<Regex>> = LazyLock::new(|| shape(r"^[A-Za-z0-9_-]{1,64}$"));
static ACCOUNT_ID: LazyLock<Option<Regex>> = LazyLock::new(|| shape(r"^[0-9]{12}$"));
/// Organizations: `TagKey`, `TagValue`.
static TAG: LazyLock<Option<Regex>> = LazyLock::new(|| shape(r"^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$"));

fn fits(shape: &LazyLock<Option<Regex>>, text: &str) -> bool {
    shape.as_ref().is_some_and(|r| r.is_match(text))
}

/// Whether a text has the shape of a region name.
pub(super) fn is_region(text: &str) -> bool {
    fits(&REGION, text)
}

/// Checks the core tables against their rules and against each other.
pub(super) fn validate(baseline: &Baseline, tree: &Table, report: &mut Report) {
    let mut v = Validate { baseline, tree, report };
    v.organization();
    v.ous();
    v.accounts();
    v.exceptions();
    v.retired();
    v.vend();
    v.rings();
    super::bind::selects(baseline, v.report);
}

struct Validate<'v> {
    baseline: &'v Baseline,
    tree: &'v Table,
    report: &'v mut Report,
}

impl Validate<'_> {
    /// The place of a key of a core table, or of its nearest ancestor.
    fn span(&self, table: &str, path: &str) -> Span {
        let Some(entry) = self.tree.get(table) else { return START };
        entry.value.find(path).map_or_else(|| entry.key.clone(), |found| found.shown())
    }

    fn at(&mut self, table: &str, path: &str, message: impl Into<String>, hint: Option<&str>) {
        let span = self.span(table, path);
        self.report.at("invalid_value", &span, message).hint = hint.map(ToString::to_string);
    }

    fn organization(&mut self) {
        let o = &self.baseline.organization;
        if !is_region(&o.home_region) {
            self.region("organization", "home_region", &o.home_region);
        }
        if let Regions::List(list) = &o.regions {
            for (i, region) in list.iter().enumerate() {
                if !is_region(region) {
                    self.region("organization", &format!("regions[{i}]"), region);
                } else if list.iter().take(i).any(|r| r == region) {
                    self.at(
                        "organization",
                        &format!("regions[{i}]"),
                        format!("`{region}` is named twice"),
                        None,
                    );
                }
            }
            if !list.contains(&o.home_region) {
                let message = format!("the home region `{}` is not in `regions`", o.home_region);
                // Names of regions are all alike: only a slip of the pen is taken for another one.
                let near = list.iter().find(|r| strsim::damerau_levenshtein(&o.home_region, r) <= 2);
                let near = near.map(|near| format!("did you mean `{near}`? otherwise ")).unwrap_or_default();
                self.at("organization", "home_region", message, Some(&format!("{near}add it to `regions`")));
            }
        }
        self.role("organization", "access_role", Some(&o.access_role));
        self.role("organization", "plan_role", o.plan_role.as_ref());
        self.role("organization", "apply_role", o.apply_role.as_ref());
        if o.external_id.as_ref().is_some_and(|id| !fits(&EXTERNAL_ID, id)) {
            let message = "an external id has 2 to 1224 letters, digits and `_ + = , . @ : / -`";
            self.at("organization", "external_id", message, None);
        }
        if !fits(&PREFIX, &o.prefix) {
            let hint = "use 3 to 20 lower-case letters, digits and hyphens, with no hyphen at the ends";
            self.at("organization", "prefix", format!("`{}` is no prefix of names", o.prefix), Some(hint));
        }
    }

    fn region(&mut self, table: &str, path: &str, region: &str) {
        let message = format!("`{region}` is no name of a region");
        self.at(table, path, message, Some("write it as `eu-west-1`"));
    }

    fn role(&mut self, table: &str, path: &str, role: Option<&String>) {
        if let Some(role) = role.filter(|r| !fits(&ROLE, r)) {
            let message = format!("`{role}` is no name of a role");
            let hint = "give its name without an ARN: at most 64 letters, digits and `_ + = , . @ -`";
            self.at(table, path, message, Some(hint));
        }
    }

    fn ous(&mut self) {
        let baseline = self.baseline;
        for (path, declared) in &baseline.ous {
            let quoted = format!("\"{path}\"");
            if path == "/" {
                self.at(
                    "ous",
                    &quoted,
                    "`/` is the root: it is there without a line",
                    Some("take the line out"),
                );
            } else if let Some(wrong) = ou::syntax(path) {
                let message = format!("`{path}` is no path of an OU: {wrong}");
                self.at("ous", &quoted, message, Some("write it as `/Workloads/Production`"));
            }
            self.tags("ous", &quoted, declared.tags.as_ref());
        }
    }

    fn accounts(&mut self) {
        let baseline = self.baseline;
        let mut emails: BTreeMap<String, &String> = BTreeMap::new();
        for (key, account) in &baseline.accounts {
            self.account(key, account);
            match emails.get(&account.email.to_lowercase()) {
                Some(first) => self.same_email(first, key, &account.email),
                None => drop(emails.insert(account.email.to_lowercase(), key)),
            }
        }
    }

    fn account(&mut self, key: &str, account: &AccountDecl) {
        let at = |name: &str| format!("\"{key}\".{name}");
        if !fits(&KEY, key) || fits(&ACCOUNT_ID, key) {
            let hint = "use 1 to 64 letters, digits, `-` and `_`, but not 12 digits alone";
            self.at(
                "accounts",
                &format!("\"{key}\""),
                format!("`{key}` is no key of an account"),
                Some(hint),
            );
        }
        // 128 is what accounts may have (API model: `AccountName`); only new ones are held to 50.
        let length = account.name.chars().count();
        if !(1..=128).contains(&length) || account.name.chars().any(char::is_control) {
            self.at(
                "accounts",
                &at("name"),
                "the name of an account has 1 to 128 printable characters",
                None,
            );
        }
        if !(6..=64).contains(&account.email.chars().count()) || !fits(&EMAIL, &account.email) {
            let message = format!("`{}` is no e-mail address that AWS takes", account.email);
            self.at(
                "accounts",
                &at("email"),
                message,
                Some("6 to 64 characters, such as `aws+log@example.com`"),
            );
        }
        if let Some(problem) = self.baseline.ou_problem(&account.ou) {
            let span = self.span("accounts", &at("ou"));
            self.report.ou(&account.ou, &span, problem);
        }
        if !account.managed && account.reason.as_ref().is_none_or(|r| r.trim().is_empty()) {
            let hint = "say why: `reason = \"...\"`; every report shows it";
            self.at(
                "accounts",
                &at("managed"),
                format!("`{key}` is not managed, without a reason"),
                Some(hint),
            );
        }
        self.role("accounts", &at("access_role"), account.access_role.as_ref());
        self.tags("accounts", &format!("\"{key}\""), account.tags.as_ref());
    }

    fn same_email(&mut self, first: &str, second: &str, email: &str) {
        let path = |key: &str| format!("\"{key}\".email");
        let (one, two) = (self.span("accounts", &path(first)), self.span("accounts", &path(second)));
        // The keys come in alphabetical order, the reader's order is that of the file.
        let (one, two, first) = if one.start <= two.start { (one, two, first) } else { (two, one, second) };
        let message = format!("the e-mail address `{email}` is also that of `{first}`");
        let finding = self.report.at("duplicate_email", &two, message).with_also(&one, "first used here");
        finding.with_hint("an account has one address and stands in one OU; addresses that differ in letter case are the same");
    }

    /// The letters of tags; their number and lengths are checked by the sections.
    fn tags(&mut self, table: &str, path: &str, tags: Option<&BTreeMap<String, String>>) {
        let hint = Some("use letters, digits, spaces and `_ . : / = + - @`");
        for (key, value) in tags.into_iter().flatten() {
            let at = format!("{path}.tags.\"{key}\"");
            if !fits(&TAG, key) {
                self.at(table, &at, format!("`{key}` is no key of a tag"), hint);
            } else if !fits(&TAG, value) {
                self.at(table, &at, format!("`{value}` is no value of a tag"), hint);
            }
        }
    }

    fn exceptions(&mut self) {
        let baseline = self.baseline;
        for (i, exception) in baseline.exceptions.iter().enumerate() {
            self.control("exceptions", i, &exception.control);
            for (n, account) in exception.accounts.iter().enumerate() {
                if !fits(&ACCOUNT_ID, account) && !baseline.is_account_key(account) {
                    let at = format!("[{i}].accounts[{n}]");
                    let hint = baseline.account_hint(account);
                    self.at("exceptions", &at, unknown_account(account), Some(&hint));
                }
            }
            for (n, region) in exception.regions.iter().flatten().enumerate() {
                if !is_region(region) {
                    self.region("exceptions", &format!("[{i}].regions[{n}]"), region);
                }
            }
            if exception.reason.trim().is_empty() {
                self.at("exceptions", &format!("[{i}].reason"), "an exception needs a reason", None);
            }
        }
    }

    fn vend(&mut self) {
        let vend = &self.baseline.vend;
        if let Some(problem) = self.baseline.ou_problem(&vend.landing_ou) {
            let span = self.span("vend", "landing_ou");
            self.report.ou(&vend.landing_ou, &span, problem);
        }
        for (i, region) in vend.opt_in_regions.iter().flatten().enumerate() {
            if !is_region(region) {
                self.region("vend", &format!("opt_in_regions[{i}]"), region);
            }
        }
    }

    fn rings(&mut self) {
        let baseline = self.baseline;
        for (i, ring) in baseline.rings.iter().enumerate() {
            if ring.name.trim().is_empty() || ring.name.chars().any(char::is_control) {
                self.at("rings", &format!("[{i}].name"), "a ring needs a name", None);
            }
            if baseline.rings.iter().take(i).any(|r| r.name == ring.name) {
                let message = format!("the ring `{}` is declared twice", ring.name);
                self.at("rings", &format!("[{i}].name"), message, None);
            }
            if ring.accounts.is_empty() && ring.ous.is_empty() {
                let hint = "name `accounts` or `ous`; accounts in no ring are changed last";
                self.at(
                    "rings",
                    &format!("[{i}].name"),
                    format!("the ring `{}` is empty", ring.name),
                    Some(hint),
                );
            }
            for (n, account) in ring.accounts.iter().enumerate() {
                if let Some((message, hint)) = selected_account(baseline, account) {
                    self.at("rings", &format!("[{i}].accounts[{n}]"), message, Some(&hint));
                }
            }
            for (n, path) in ring.ous.iter().enumerate() {
                if let Some(problem) = baseline.ou_problem(path) {
                    let span = self.span("rings", &format!("[{i}].ous[{n}]"));
                    self.report.ou(path, &span, problem);
                }
            }
        }
    }

    /// `[[removed]]` and `[[moved]]`.
    fn retired(&mut self) {
        let baseline = self.baseline;
        for (i, removed) in baseline.removed.iter().enumerate() {
            self.control("removed", i, &removed.control);
            self.takes("removed", i, &removed.control, |section| section.takes_removed());
            let known = controls::section(&removed.control).filter(|section| section.takes_removed());
            if let Some(section) = known.filter(|s| !baseline.declares(s.meta().id)) {
                let id = section.meta().id;
                let empty = match section.meta().shape {
                    Shape::ArrayOfTables => format!("`{id} = []` above the first table"),
                    Shape::Table => format!("`[{id}]`"),
                };
                let message = format!("`{id}` is not declared, so nothing of it would be removed");
                self.at(
                    "removed",
                    &format!("[{i}].control"),
                    message,
                    Some(&format!("declare the section: {empty}")),
                );
            }
        }
        for (i, moved) in baseline.moved.iter().enumerate() {
            self.control("moved", i, &moved.control);
            self.takes("moved", i, &moved.control, |section| section.takes_moved());
            if moved.from == moved.to {
                self.at("moved", &format!("[{i}].to"), "the new name is the old one", None);
            }
        }
    }

    /// A section that does nothing with `[[removed]]` or `[[moved]]` must not be named there: the reader would believe it did.
    fn takes(&mut self, table: &str, index: usize, id: &str, takes: impl Fn(&dyn DynSection) -> bool) {
        if controls::section(id).is_some_and(|section| !takes(section)) {
            let mut others: Vec<String> =
                SECTIONS.iter().filter(|s| takes(**s)).map(|s| format!("`{}`", s.meta().id)).collect();
            others.sort();
            let hint = format!("take the entry out; `[[{table}]]` is for: {}", others.join(", "));
            let message = format!("`[[{table}]]` does nothing for `{id}`");
            self.at(table, &format!("[{index}].control"), message, Some(&hint));
        }
    }

    /// A section that is named as `control`.
    fn control(&mut self, table: &str, index: usize, id: &str) {
        if controls::section(id).is_none() {
            let hint = suggestion(id, "the sections are", SECTIONS.iter().map(|s| s.meta().id));
            let span = self.span(table, &format!("[{index}].control"));
            self.report.at("unknown_section", &span, format!("unknown section `{id}`")).hint = hint;
        }
    }
}

/// What is wrong with an account that an override selects, and what to do.
pub(super) fn selected_account(baseline: &Baseline, account: &str) -> Option<(String, String)> {
    let known = baseline.is_account_key(account) || fits(&ACCOUNT_ID, account);
    (!known).then(|| (unknown_account(account), baseline.account_hint(account)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_compiles() {
        for shape in [&ROLE, &EXTERNAL_ID, &EMAIL, &REGION, &PREFIX, &KEY, &ACCOUNT_ID, &TAG] {
            assert!(shape.is_some());
        }
        assert!(fits(&EXTERNAL_ID, "org:base/1") && !fits(&EXTERNAL_ID, "x") && !fits(&EXTERNAL_ID, "a b"));
    }
}
