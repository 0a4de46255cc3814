//! Tags of accounts and OUs: only declared keys are managed, all others stay as they are.

use std::collections::BTreeMap;

use aws_sdk_organizations::types::Tag;

use crate::control::{Cx, Diff};
use crate::diag::Findings;
use crate::error::{CallError, UnitError};

/// Operations that `read` calls.
pub const READS: &[&str] = &["organizations:ListTagsForResource"];
/// Operations that `write` calls.
pub const WRITES: &[&str] = &["organizations:TagResource"];

/// Most tags of one account or OU.
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>
const MOST: usize = 50;

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// Rules of AWS for tags. `path` is the path of the table inside the section.
pub fn check(path: &str, tags: &Tags, findings: &mut Findings<'_>) {
    if tags.len() > MOST {
        findings.at(path, format!("{} tags are declared: AWS allows at most {MOST}", tags.len()));
    }
    for (key, value) in tags {
        let at = format!("{path}.{key}");
        if key.is_empty() || key.chars().count() > 128 {
            findings.at(&at, "a tag key has 1 to 128 characters");
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            findings.at(&at, format!("tag key `{key}`: keys that begin with `aws:` are AWS's own"));
        }
        if value.chars().count() > 256 {
            findings.at(&at, "a tag value has at most 256 characters");
        }
    }
}

/// Tags that a baseline can declare; `None`: there is none. AWS's own are not among them.
pub fn declarable(tags: &Tags) -> Option<Tags> {
    let own = tags.iter().filter(|(key, _)| !key.to_ascii_lowercase().starts_with("aws:"));
    let own: Tags = own.map(|(key, value)| (key.clone(), value.clone())).collect();
    (!own.is_empty()).then_some(own)
}

/// Reads all tags of an account, an OU or the root.
///
/// # Errors
/// The tags could not be read.
pub async fn read(cx: &Cx<'_>, id: &str) -> Result<Tags, CallError> {
    let found = cx
        .aws
        .organizations()
        .pages(
            "ListTagsForResource",
            |c, t| c.list_tags_for_resource().resource_id(id).set_next_token(t).send(),
            |a| (a.tags, a.next_token),
        )
        .await?;
    Ok(found.into_iter().map(|t| (t.key, t.value)).collect())
}

/// Adds what differs in declared keys.
pub fn diff(d: &mut Diff, want: Option<&Tags>, have: &Tags) {
    for (key, value) in want.into_iter().flatten() {
        let path = format!("tags.{key}");
        match have.get(key) {
            None => d.create(&path, value),
            Some(now) => d.field(&path, now, Some(value)),
        }
    }
}

/// Writes declared tags that differ.
///
/// # Errors
/// AWS refused them.
pub async fn write(cx: &Cx<'_>, id: &str, want: Option<&Tags>, have: &Tags) -> Result<(), UnitError> {
    let differ = want.into_iter().flatten().filter(|(key, value)| have.get(*key) != Some(*value));
    let tags = differ.map(|(key, value)| to_sdk(key, value)).collect::<Result<Vec<_>, _>>()?;
    if tags.is_empty() {
        return Ok(());
    }
    cx.aws
        .organizations()
        .call("TagResource", |c| c.tag_resource().resource_id(id).set_tags(Some(tags.clone())).send())
        .await?;
    Ok(())
}

/// All declared tags for a request that creates something.
///
/// # Errors
/// Never for text: AWS's client asks for both parts.
pub fn all_to_sdk(want: Option<&Tags>) -> Result<Option<Vec<Tag>>, UnitError> {
    let Some(tags) = want.filter(|t| !t.is_empty()) else { return Ok(None) };
    tags.iter().map(|(key, value)| to_sdk(key, value)).collect::<Result<Vec<_>, _>>().map(Some)
}

fn to_sdk(key: &str, value: &str) -> Result<Tag, UnitError> {
    Tag::builder().key(key).value(value).build().map_err(|_| UnitError::missing("a tag's key or value"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect()
    }

    #[test]
    fn only_declared_keys_differ() {
        let mut d = Diff::new();
        diff(&mut d, Some(&tags(&[("Team", "a"), ("Env", "prod")])), &tags(&[("Team", "b"), ("Other", "x")]));
        let paths: Vec<&str> = d.changes.iter().map(|c| c.path.as_str()).collect();
        assert_eq!(paths, ["tags.Env", "tags.Team"]);
        let mut none = Diff::new();
        diff(&mut none, None, &tags(&[("Other", "x")]));
        assert!(none.is_empty());
    }
}
