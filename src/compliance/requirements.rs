//! The requirement rows of the five source documents.

use std::sync::LazyLock;

/// What kind of work a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// A control can converge it.
    Converge,
    /// It can only be checked or reported.
    Check,
    /// It belongs to account vending.
    Vend,
    /// A person's step, a decision, or out of an API's reach.
    Document,
}

/// One capability that a source document names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requirement {
    /// Row id, such as `STX-004`.
    pub id: &'static str,
    /// Kind of work.
    pub class: Class,
    /// Source document and its part.
    pub source: &'static str,
    /// What is asked for, in our own words.
    pub title: &'static str,
}

/// All rows, in the order of the documents.
pub static REQUIREMENTS: LazyLock<Vec<Requirement>> =
    LazyLock::new(|| include_str!("requirements.tsv").lines().filter_map(row).collect());

fn row(line: &'static str) -> Option<Requirement> {
    let mut fields = line.split('\t');
    let (id, class, source, title) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let class = match class {
        "P" => Class::Converge,
        "C" => Class::Check,
        "V" => Class::Vend,
        "D" => Class::Document,
        _ => return None,
    };
    Some(Requirement { id, class, source, title })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_of_the_file_is_read_once() {
        let count = |class| REQUIREMENTS.iter().filter(|r| r.class == class).count();
        let classes = [Class::Converge, Class::Check, Class::Vend, Class::Document];
        assert_eq!(classes.map(count), [192, 61, 17, 36]);
        let ids: BTreeSet<&str> = REQUIREMENTS.iter().map(|r| r.id).collect();
        assert_eq!(ids.len(), REQUIREMENTS.len());
    }
}
