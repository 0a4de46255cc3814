//! One declared OU, or the parent of one.

use std::collections::BTreeMap;

use serde::Serialize;

use super::tags::{self, Tags};
use super::{lookup, path};
use crate::baseline::{OuDecl, Ous};
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Wanted};
use crate::error::{Kind, UnitError};
use crate::facts::discover::list_ous;

/// The OUs that exist.
pub(super) struct Tree;

/// One OU.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Desired {
    path: String,
    tags: Option<Tags>,
    /// Where the run's facts have it: another path where a rename of it or of a parent is still to be done.
    #[serde(skip)]
    in_facts: Option<String>,
}

/// What is there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) enum Actual {
    /// No such OU.
    Absent,
    /// An OU, perhaps under its old name.
    Present { id: String, name: String, tags: Tags },
}

impl Control for Tree {
    type Section = Ous;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        part: "tree",
        reads: &["organizations:ListOrganizationalUnitsForParent", "organizations:ListTagsForResource"],
        writes: &[
            "organizations:CreateOrganizationalUnit",
            "organizations:TagResource",
            "organizations:UpdateOrganizationalUnit",
        ],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, Ous>) -> Vec<Wanted<Desired>> {
        let known = lookup::settled(cx.facts, cx.baseline);
        let mut wanted: BTreeMap<&str, Wanted<Desired>> = BTreeMap::new();
        for declared in cx.section.0.keys() {
            for path in path::with_ancestors(declared) {
                let tags = cx.section.0.get(path).and_then(|ou| ou.tags.clone());
                let want = Desired { path: path.into(), tags, in_facts: known.get(path).cloned() };
                let at = if cx.section.0.contains_key(path) { path } else { declared };
                let parent = Some(path::parent(path)).filter(|p| *p != "/");
                wanted.entry(path).or_insert_with(|| Wanted {
                    after: parent.into_iter().map(String::from).collect(),
                    ..Wanted::set(path, at, want)
                });
            }
        }
        wanted.into_values().collect()
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        let known = want.in_facts.as_ref().and_then(|p| cx.facts.ous.get(p));
        let found = match known {
            Some(ou) if !cx.fresh => Some((ou.id.clone(), ou.name.clone())),
            None if !cx.fresh => None,
            Some(ou) => by(cx, &ou.parent_id, |id, _| id == ou.id).await?,
            None => match lookup::id_now(cx, path::parent(&want.path)).await? {
                None => None,
                Some(parent) => by(cx, &parent, |_, name| name == path::name(&want.path)).await?,
            },
        };
        let Some((id, name)) = found else { return Ok(Actual::Absent) };
        let tags = if want.tags.is_some() { tags::read(cx, &id).await? } else { Tags::new() };
        Ok(Actual::Present { id, name, tags })
    }

    fn import(_cx: &Cx<'_>, want: &Desired, have: &Actual) -> Option<Ous> {
        let Actual::Present { tags, .. } = have else { return None };
        Some(Ous([(want.path.clone(), OuDecl { tags: tags::declarable(tags) })].into()))
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        let mut d = Diff::new();
        match have {
            Actual::Absent => d.create("path", &want.path),
            Actual::Present { name, tags, .. } => {
                d.field("name", name, Some(&path::name(&want.path)));
                tags::diff(&mut d, want.tags.as_ref(), tags);
            }
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        let own = path::name(&want.path);
        match have {
            Actual::Absent => create(cx, want, &own).await,
            Actual::Present { id, name, tags } => {
                if *name != own {
                    cx.aws
                        .organizations()
                        .call("UpdateOrganizationalUnit", |c| {
                            c.update_organizational_unit().organizational_unit_id(id).name(&own).send()
                        })
                        .await?;
                }
                tags::write(cx, id, want.tags.as_ref(), tags).await
            }
        }
    }
}

/// Id and name of the OU right under `parent` that `is` picks.
async fn by(
    cx: &Cx<'_>,
    parent: &str,
    is: impl Fn(&str, &str) -> bool,
) -> Result<Option<(String, String)>, UnitError> {
    let found = list_ous(cx.aws, parent).await?;
    let pairs = found.into_iter().map(|ou| (ou.id.unwrap_or_default(), ou.name.unwrap_or_default()));
    Ok(pairs.into_iter().find(|(id, name)| is(id, name)))
}

async fn create(cx: &Cx<'_>, want: &Desired, own: &str) -> Result<(), UnitError> {
    let above = path::parent(&want.path);
    let Some(parent) = lookup::id_now(cx, above).await? else {
        return Err(UnitError::new(Kind::Vanished, format!("the OU `{above}` above `{}` does not exist", want.path)));
    };
    let tags = tags::all_to_sdk(want.tags.as_ref())?;
    cx.aws
        .organizations()
        .call("CreateOrganizationalUnit", |c| {
            c.create_organizational_unit().parent_id(&parent).name(own).set_tags(tags.clone()).send()
        })
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{baseline, facts};
    use super::*;
    use crate::control::{Effect, Want};
    use crate::facts::{Account, Facts};

    fn desired(text: &str, facts: &Facts) -> Vec<Wanted<Desired>> {
        let baseline = baseline(text);
        let section = Ous(baseline.ous.clone());
        let account = Account::default();
        Tree::desired(&DesiredCx { section: &section, account: &account, region: "eu-west-1", facts, baseline: &baseline })
    }

    fn want(path: &str) -> Desired {
        Desired { path: path.into(), tags: None, in_facts: None }
    }

    fn present(name: &str) -> Actual {
        Actual::Present { id: "ou-1".into(), name: name.into(), tags: Tags::new() }
    }

    #[test]
    fn parents_are_implied_and_come_first() {
        let units = desired("[ous]\n\"/A/B/C\" = {}\n\"/A/B\" = {}\n", &facts(&[]));
        let shown: Vec<(&str, Vec<&str>, &str)> = units
            .iter()
            .map(|u| (u.part.as_str(), u.after.iter().map(String::as_str).collect(), u.at.as_str()))
            .collect();
        assert_eq!(shown, [("/A", vec![], "/A/B"), ("/A/B", vec!["/A"], "/A/B"), ("/A/B/C", vec!["/A/B"], "/A/B/C")]);
    }

    #[test]
    fn a_renamed_ou_is_found_under_its_old_path() {
        let text = "[ous]\n\"/New/P\" = {}\n[[moved]]\ncontrol = \"ous\"\nfrom = \"/Old\"\nto = \"/New\"\n";
        let units = desired(text, &facts(&["/Old", "/Old/P"]));
        let places: Vec<Option<String>> = units
            .into_iter()
            .filter_map(|u| if let Want::Set(d) = u.want { Some(d.in_facts) } else { None })
            .collect();
        assert_eq!(places, [Some("/Old".to_string()), Some("/Old/P".to_string())]);
    }

    #[test]
    fn what_differs() {
        assert!(Tree::diff(&want("/A/B"), &present("B")).is_empty());
        let absent = Tree::diff(&want("/A/B"), &Actual::Absent);
        assert_eq!(absent.changes.first().map(|c| c.effect), Some(Effect::Create));
        let renamed = Tree::diff(&want("/A/B"), &present("Old"));
        assert_eq!(renamed.changes.first().map(|c| (c.path.as_str(), c.effect)), Some(("name", Effect::Update)));
    }

    #[test]
    fn undeclared_tags_stay() {
        let have = Actual::Present { id: "ou-1".into(), name: "B".into(), tags: [("x".into(), "y".into())].into() };
        let tagged = Desired { tags: Some([("t".into(), "1".into())].into()), ..want("/A/B") };
        let d = Tree::diff(&tagged, &have);
        assert_eq!(d.changes.iter().map(|c| c.path.as_str()).collect::<Vec<_>>(), ["tags.t"]);
    }
}
