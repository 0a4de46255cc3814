//! Paths of organizational units, such as `/Workloads/Production`; a `/` inside a name is written `\/`.

use std::collections::BTreeSet;

/// AWS nests OUs five levels deep under the root.
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>
const DEEPEST: usize = 5;
/// Most characters of a name (API model: `OrganizationalUnitName`).
const LONGEST_NAME: usize = 128;

/// What is wrong with a path; `None`: nothing. `/` is the root.
pub(super) fn syntax(path: &str) -> Option<String> {
    if path == "/" {
        return None;
    }
    if !path.starts_with('/') {
        return Some("it must begin with `/`".into());
    }
    let names = names(path);
    if names.last().is_some_and(|n| n.is_empty()) {
        return Some("it must not end with `/`".into());
    }
    if names.iter().any(|n| n.is_empty()) {
        return Some("it has an empty part".into());
    }
    if names.len() > DEEPEST {
        return Some(format!("it is {} levels deep, AWS allows {DEEPEST}", names.len()));
    }
    let long = names.iter().find(|n| n.chars().count() > LONGEST_NAME)?;
    Some(format!("a name may have {LONGEST_NAME} characters, `{long}` has more"))
}

/// The names of a path that begins with `/`.
fn names(path: &str) -> Vec<&str> {
    let cuts: Vec<usize> = cuts(path).collect();
    let ends = cuts.iter().skip(1).copied().chain(std::iter::once(path.len()));
    cuts.iter().zip(ends).filter_map(|(start, end)| path.get(start + 1..end)).collect()
}

/// Positions of the slashes that separate names.
fn cuts(path: &str) -> impl Iterator<Item = usize> {
    let mut escaped = false;
    path.char_indices().filter_map(move |(at, c)| {
        let cut = c == '/' && !escaped;
        escaped = c == '\\' && !escaped;
        cut.then_some(at)
    })
}

/// Paths with all their parents and the root.
pub(super) fn with_parents<'p>(paths: impl IntoIterator<Item = &'p String>) -> BTreeSet<String> {
    let mut all = BTreeSet::from(["/".to_string()]);
    for path in paths {
        all.extend(cuts(path).filter(|at| *at > 0).filter_map(|at| path.get(..at)).map(ToString::to_string));
        all.insert(path.clone());
    }
    all
}
