//! Tags: only the owner tag is managed, what others put there stays.

use std::collections::BTreeMap;

use crate::control::Diff;
use crate::names::OWNER_TAG;

/// Tags of a resource.
pub type Tags = BTreeMap<String, String>;

/// Compares the owner tag with the section that manages the resource.
pub fn diff_owner(d: &mut Diff, have: &Tags, section: &str) {
    let wanted = Some(section.to_string());
    d.field(&format!("tags.{OWNER_TAG}"), &have.get(OWNER_TAG).cloned(), Some(&wanted));
}

/// `have` with the owner tag: for calls that replace all tags.
pub fn with_owner(have: &Tags, section: &str) -> Tags {
    let mut tags = have.clone();
    tags.insert(OWNER_TAG.to_string(), section.to_string());
    tags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_tag_is_compared_and_foreign_tags_stay() {
        let have = Tags::from([("team".to_string(), "blue".to_string())]);
        let mut d = Diff::new();
        diff_owner(&mut d, &have, "log_archive");
        assert_eq!(d.changes.iter().map(|c| c.path.as_str()).collect::<Vec<_>>(), ["tags.orgbase"]);

        let tagged = with_owner(&have, "log_archive");
        assert_eq!(tagged.get("team").map(String::as_str), Some("blue"));
        let mut d = Diff::new();
        diff_owner(&mut d, &tagged, "log_archive");
        assert!(d.is_empty());
    }
}
