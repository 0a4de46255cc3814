//! How a section takes part in `import`: what there is becomes the section that declares it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::Section;
use crate::baseline::Baseline;
use crate::facts::{Account, Facts};

/// The shipped baseline with every section.
static SHIPPED: LazyLock<Option<toml::Table>> =
    LazyLock::new(|| toml::from_str(include_str!("../../baselines/full.toml")).ok());

/// How `import` finds out what there is of a section.
#[derive(Debug, Clone, PartialEq)]
pub enum Import<S> {
    /// Not at all; the text says why.
    Never(&'static str),
    /// There is nothing of it here; the text says why.
    Nothing(String),
    /// From the facts of the run alone: this.
    Known(S),
    /// By reading what this section asks for. It names every part that may be there; its values do not matter, because
    /// `Control::import` turns what was read into a section, whatever was wanted.
    Ask(S),
    /// By comparing with this section: what differs is corrected by what the comparison says is there.
    Guess(S),
}

impl<S> Import<S> {
    /// The same for another form of the section.
    pub(super) fn map<T>(self, f: impl FnOnce(S) -> T) -> Import<T> {
        match self {
            Import::Never(why) => Import::Never(why),
            Import::Nothing(why) => Import::Nothing(why),
            Import::Known(section) => Import::Known(f(section)),
            Import::Ask(section) => Import::Ask(f(section)),
            Import::Guess(section) => Import::Guess(f(section)),
        }
    }
}

/// How a part makes a guess what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Adjusted {
    /// The section's keys say the differences whose paths begin so.
    Said(Vec<String>),
    /// Any values would hold here: there is nothing that they are about.
    Any,
    /// There is nothing of it here.
    Absent,
}

impl Default for Adjusted {
    fn default() -> Adjusted {
        Adjusted::Said(Vec::new())
    }
}

impl Adjusted {
    /// The keys say the differences whose paths begin so.
    pub fn said(paths: &[&str]) -> Adjusted {
        Adjusted::Said(paths.iter().map(ToString::to_string).collect())
    }
}

/// What the management account has that gives other things their names.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The organization trail.
    pub trail: Option<SeenTrail>,
    /// Roles that no other product owns, by a managed policy that they have, such as `policy/SecurityAudit`.
    pub roles: BTreeMap<&'static str, Vec<String>>,
}

/// An organization trail.
#[derive(Debug, Clone, Default)]
pub struct SeenTrail {
    /// Its name.
    pub name: String,
    /// The region that it is made in.
    pub home_region: String,
    /// Where it writes to.
    pub bucket: String,
}

/// What `Section::import` may look at.
pub struct ImportCx<'a> {
    /// The organization, its policies and trusted services included.
    pub facts: &'a Facts,
    /// What is imported already: accounts and OUs, and the sections of which the management account tells.
    pub baseline: &'a Baseline,
    /// What the management account has.
    pub seen: &'a Seen,
    /// Texts that go into files of their own, by their path in the folder.
    pub(crate) documents: RefCell<BTreeMap<String, String>>,
}

impl<'a> ImportCx<'a> {
    /// Nothing is written yet.
    pub fn new(facts: &'a Facts, baseline: &'a Baseline, seen: &'a Seen) -> ImportCx<'a> {
        ImportCx { facts, baseline, seen, documents: RefCell::default() }
    }

    /// Name of the role that people use by this managed policy, where it is not `usual`.
    pub fn other_role(&self, policy: &str, usual: &str) -> Option<String> {
        let names = self.seen.roles.get(policy)?;
        if names.iter().any(|name| name == usual) { None } else { names.first().cloned() }
    }

    /// A section as `baselines/full.toml` has it.
    pub fn shipped<S: Section>(&self) -> Option<S> {
        let value = SHIPPED.as_ref()?.get(S::META.id)?;
        S::deserialize(value.clone()).ok()
    }

    /// Puts a document into a file of its own: returns the path for the section's `file` key. `name` may be any text.
    pub fn document(&self, folder: &str, name: &str, text: String) -> String {
        let mut documents = self.documents.borrow_mut();
        let plain = slug(name);
        let paths = (1..).map(|n| match n {
            1 => format!("{folder}/{plain}.json"),
            n => format!("{folder}/{plain}-{n}.json"),
        });
        let path = paths.into_iter().find(|path| !documents.contains_key(path)).unwrap_or_default();
        documents.insert(path.clone(), text);
        path
    }

    /// How the file names an account: its key, else its id.
    pub fn key_of(&self, account: &Account) -> String {
        key_of(self.baseline, account)
    }

    /// Some member account, for sections that must name one.
    pub fn any_member(&self) -> Option<String> {
        let managed = |a: &&Account| {
            a.is_active() && a.id != self.facts.management_account && self.baseline.unmanaged(a).is_none()
        };
        let member = self.facts.accounts.values().find(managed)?;
        self.baseline.account_key(member).map(ToString::to_string)
    }
}

/// How a file names an account: its key, else its id.
pub(crate) fn key_of(baseline: &Baseline, account: &Account) -> String {
    baseline.account_key(account).map_or_else(|| account.id.clone(), ToString::to_string)
}

/// TOML has no null: a key without a value is not there.
pub(crate) fn without_null(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.iter().filter(|(_, v)| !v.is_null());
            Value::Object(kept.map(|(k, v)| (k.clone(), without_null(v))).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_null).collect()),
        other => other.clone(),
    }
}

/// Small letters and digits, whatever lies between them is one `-`; never empty, at most 50 characters.
pub(crate) fn slug(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let joined = words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-");
    let cut = joined.get(..50).unwrap_or(&joined).trim_end_matches('-');
    if cut.is_empty() { "unnamed".into() } else { cut.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_plain_whatever_the_name() {
        assert_eq!(slug("Log Archive (old)"), "log-archive-old");
        assert_eq!(slug("\u{65e5}\u{672c}/\u{1b}"), "unnamed");
        assert_eq!(slug(&"a-".repeat(60)).len(), 49);
    }
}
