//! `import`: a live organization as a baseline. What was read becomes texts here; `run/import.rs` does the reading.

pub(crate) mod document;
pub(crate) mod fold;
pub(crate) mod found;
pub(crate) mod guess;
mod people;
pub(crate) mod text;

use std::collections::BTreeMap;

pub(crate) use document::{Document, Residue};
pub(crate) use people::accounts;

/// What `import` makes.
#[derive(Debug, Clone, Default)]
pub struct Imported {
    /// Texts by their path in the folder.
    pub files: BTreeMap<String, String>,
    /// Accounts in the baseline.
    pub accounts: usize,
    /// Accounts that are not managed, with the reason.
    pub unmanaged: BTreeMap<String, String>,
    /// Sections that are declared.
    pub sections: Vec<&'static str>,
    /// Sections that are not, with the reason.
    pub left_out: BTreeMap<String, String>,
    /// What the reader should know beside.
    pub notices: Vec<String>,
    /// What could not be read: the baseline lacks it.
    pub unread: Vec<String>,
    /// Keys that are declared, such as `password_policy.minimum_length`; of lists and maps without their own keys.
    pub keys: std::collections::BTreeSet<String>,
}
