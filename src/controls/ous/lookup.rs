//! Where an OU is now: by the facts of the run, as declared renames will leave them, and by asking AWS.

use std::collections::BTreeMap;

use super::path;
use crate::baseline::Baseline;
use crate::control::Cx;
use crate::error::CallError;
use crate::facts::discover::list_ous;
use crate::facts::{Facts, is_under};

/// Operations that `id_now` calls.
pub const READS: &[&str] = &["organizations:ListOrganizationalUnitsForParent"];

/// Paths of the OUs of `facts` as they will be after the renames of `[[moved]]` that are still to be done: new path to
/// path in `facts`. A rename whose old name is gone, or whose new name exists already, is no longer to be done.
pub fn settled(facts: &Facts, baseline: &Baseline) -> BTreeMap<String, String> {
    let mut paths: BTreeMap<String, String> = facts.ous.keys().map(|p| (p.clone(), p.clone())).collect();
    for moved in baseline.moved.iter().filter(|m| m.control == "ous") {
        if !paths.contains_key(&moved.from) || paths.contains_key(&moved.to) {
            continue;
        }
        paths = paths.into_iter().map(|(now, then)| (follow(&now, &moved.from, &moved.to), then)).collect();
    }
    paths
}

/// `path` after the OU at `from` is called `to`.
fn follow(path: &str, from: &str, to: &str) -> String {
    match path.strip_prefix(from) {
        Some(rest) if is_under(path, from) => format!("{to}{rest}"),
        _ => path.to_string(),
    }
}

/// The path that an OU of `facts` will have after the declared renames.
pub fn settled_path(in_facts: &str, facts: &Facts, baseline: &Baseline) -> String {
    if !baseline.moved.iter().any(|m| m.control == "ous") {
        return in_facts.to_string();
    }
    let paths = settled(facts, baseline);
    paths.into_iter().find(|(_, then)| then == in_facts).map_or_else(|| in_facts.to_string(), |(now, _)| now)
}

/// Id of the root or of the OU at `path` now. Asks AWS only for what the run's facts do not hold, from the deepest
/// ancestor that they do hold. `None`: there is no such OU.
///
/// # Errors
/// A list could not be read.
pub async fn id_now(cx: &Cx<'_>, path: &str) -> Result<Option<String>, CallError> {
    let known = settled(cx.facts, cx.baseline);
    let id_of = |path: &str| known.get(path).and_then(|p| cx.facts.ous.get(p)).map(|ou| ou.id.clone());
    let mut id = cx.facts.root_id.clone();
    for step in path::with_ancestors(path) {
        id = match id_of(step) {
            Some(id) => id,
            None => match child(cx, &id, &path::name(step)).await? {
                Some(id) => id,
                None => return Ok(None),
            },
        };
    }
    Ok(Some(id))
}

/// Id of the OU with this name right under `parent`.
async fn child(cx: &Cx<'_>, parent: &str, name: &str) -> Result<Option<String>, CallError> {
    let found = list_ous(cx.aws, parent).await?;
    Ok(found.into_iter().find(|ou| ou.name.as_deref() == Some(name)).and_then(|ou| ou.id))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::{baseline, facts};
    use super::*;

    #[test]
    fn a_rename_takes_the_subtree_along() {
        let facts = facts(&["/Old", "/Old/Prod", "/Older"]);
        let baseline = baseline("[ous]\n\"/New\" = {}\n[[moved]]\ncontrol = \"ous\"\nfrom = \"/Old\"\nto = \"/New\"\n");
        let paths = settled(&facts, &baseline);
        assert_eq!(paths.keys().collect::<Vec<_>>(), ["/New", "/New/Prod", "/Older"]);
        assert_eq!(paths.get("/New/Prod").unwrap(), "/Old/Prod");
        assert_eq!(settled_path("/Old/Prod", &facts, &baseline), "/New/Prod");
    }

    #[test]
    fn a_rename_that_is_done_changes_nothing() {
        let baseline = baseline("[ous]\n\"/New\" = {}\n[[moved]]\ncontrol = \"ous\"\nfrom = \"/Old\"\nto = \"/New\"\n");
        for there in [vec!["/New"], vec!["/New", "/Old"]] {
            let paths = settled(&facts(&there), &baseline);
            assert!(paths.iter().all(|(now, then)| now == then));
        }
    }

    #[test]
    fn renames_follow_one_another() {
        let facts = facts(&["/A", "/A/x"]);
        let baseline = baseline(
            "[ous]\n\"/B/y\" = {}\n\
             [[moved]]\ncontrol = \"ous\"\nfrom = \"/A\"\nto = \"/B\"\n\
             [[moved]]\ncontrol = \"ous\"\nfrom = \"/B/x\"\nto = \"/B/y\"\n",
        );
        assert_eq!(settled(&facts, &baseline).get("/B/y").unwrap(), "/A/x");
    }
}
