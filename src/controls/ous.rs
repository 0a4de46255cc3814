//! Organizational units: created where they are missing, renamed and removed only where the baseline says so.
//!
//! * AWS has no call that moves an OU, so a rename can change the last name of its path only.
//! * AWS deletes empty OUs only: accounts (closed ones too, for 90 days) and OUs in it must go first.
//! * OU names are unique among the OUs of one parent; the same name under two parents is fine.
//!
//! <https://docs.aws.amazon.com/organizations/latest/APIReference/API_CreateOrganizationalUnit.html>

pub mod lookup;
pub mod path;
mod removal;
pub mod tags;
mod unit;

use std::collections::BTreeMap;

pub use crate::baseline::Ous;
use crate::baseline::{Baseline, OuDecl};
use crate::control::{DynControl, Import, ImportCx, Reference, Section, SectionMeta, Shape, control};
use crate::diag::Findings;

/// Most levels of OUs below the root.
const DEEPEST: usize = 5;

impl Section for Ous {
    const META: SectionMeta = SectionMeta {
        id: "ous",
        title: "Organizational units",
        summary: "Creates the OUs that accounts are placed in and policies are attached to. Parents of a declared path \
                  are implied. OUs that nobody declares are never touched. An OU is renamed through `[[moved]]` and \
                  removed, when it is empty, through `[[removed]]`.",
        shape: Shape::Table,
        references: &[
            Reference::row("QST-002").partly("creating the accounts"),
            Reference::row("FXL-001").partly("creating the accounts"),
        ],
        billed: None,
    };

    fn check(&self, baseline: &Baseline, findings: &mut Findings<'_>) {
        for (path, declared) in &self.0 {
            if let Some(tags) = &declared.tags {
                tags::check(&format!("{path}.tags"), tags, findings);
            }
            if path::with_ancestors(path).len() > DEEPEST {
                findings.at(path, format!("`{path}` is too deep: AWS nests OUs {DEEPEST} levels below the root"));
            }
        }
        check_moved(self, baseline, findings);
        check_removed(self, baseline, findings);
    }

    fn import(cx: &ImportCx<'_>) -> Import<Ous> {
        let unit = |path: &String| (path.clone(), OuDecl { tags: Some(BTreeMap::new()) });
        Import::Ask(Ous(cx.facts.ous.keys().map(unit).collect()))
    }

    const TAKES_REMOVED: bool = true;
    const TAKES_MOVED: bool = true;

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![control::<unit::Tree>(), control::<removal::Removal>()]
    }
}

fn check_moved(ous: &Ous, baseline: &Baseline, findings: &mut Findings<'_>) {
    for moved in baseline.moved.iter().filter(|m| m.control == "ous") {
        let (from, to, place) = (&moved.from, &moved.to, &moved.declared_at);
        if path::parent(from) != path::parent(to) {
            findings.hint(
                "",
                format!("`[[moved]]` at {place}: `{from}` cannot become `{to}`: AWS cannot move an OU, only rename it"),
                "declare the new OU, place the accounts in it, then remove the old one with `[[removed]]`",
            );
        }
        if !declares(ous, to) {
            findings.at("", format!("`[[moved]]` at {place}: `{to}` is not declared in `[ous]`"));
        }
        if declares(ous, from) {
            findings.at(from, format!("`{from}` is declared, and renamed to `{to}` by `[[moved]]` at {place}"));
        }
    }
}

fn check_removed(ous: &Ous, baseline: &Baseline, findings: &mut Findings<'_>) {
    for removed in baseline.removed.iter().filter(|r| r.control == "ous") {
        let (name, place) = (&removed.name, &removed.declared_at);
        if name == "/" || !name.starts_with('/') {
            findings.at("", format!("`[[removed]]` at {place}: `{name}` is not the path of an OU"));
        } else if let Some(declared) = ous.0.keys().find(|p| crate::facts::is_under(p, name)) {
            findings.at(declared, format!("`{declared}` is declared, and `{name}` removed by `[[removed]]` at {place}"));
        }
    }
}

/// Whether a path is declared, by itself or as the parent of a declared one.
fn declares(ous: &Ous, path: &str) -> bool {
    ous.0.keys().any(|p| crate::facts::is_under(p, path))
}

#[cfg(test)]
pub(in crate::controls) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::facts::{Facts, Ou};

    const HEAD: &str = "version = 1\n[organization]\nhome_region = \"eu-west-1\"\n";

    pub(in crate::controls) fn baseline(text: &str) -> Baseline {
        Baseline::parse("t.toml", &format!("{HEAD}{text}")).unwrap()
    }

    /// An organization with these OUs; the id of `/A/B` is `ou-/A/B`.
    pub(in crate::controls) fn facts(paths: &[&str]) -> Facts {
        let id = |path: &str| if path == "/" { "r-1".to_string() } else { format!("ou-{path}") };
        let ou = |path: &str| Ou {
            id: id(path),
            arn: String::new(),
            path: path.into(),
            name: path::name(path),
            parent_id: id(path::parent(path)),
        };
        let ous = paths.iter().map(|p| ((*p).to_string(), ou(p))).collect();
        Facts { root_id: "r-1".into(), management_account: "100000000001".into(), ous, ..Facts::default() }
    }

    fn refused(text: &str) -> String {
        Baseline::parse("t.toml", &format!("{HEAD}{text}")).unwrap_err().render(false)
    }

    #[test]
    fn a_rename_changes_the_last_name_only() {
        let text = "[ous]\n\"/B/x\" = {}\n[[moved]]\ncontrol = \"ous\"\nfrom = \"/A/x\"\nto = \"/B/x\"\n";
        assert!(refused(text).contains("AWS cannot move an OU"), "{}", refused(text));
    }

    #[test]
    fn a_rename_leads_to_a_declared_ou() {
        let text = "[ous]\n\"/B\" = {}\n[[moved]]\ncontrol = \"ous\"\nfrom = \"/A\"\nto = \"/C\"\n";
        assert!(refused(text).contains("`/C` is not declared"), "{}", refused(text));
    }

    #[test]
    fn a_declared_ou_cannot_be_removed() {
        let text = "[ous]\n\"/A/B\" = {}\n[[removed]]\ncontrol = \"ous\"\nname = \"/A\"\n";
        assert!(refused(text).contains("`/A/B` is declared, and `/A` removed"), "{}", refused(text));
    }

    #[test]
    fn reserved_tag_keys_are_found() {
        assert!(refused("[ous]\n\"/A\" = { tags = { \"aws:x\" = \"1\" } }\n").contains("AWS's own"));
    }
}
