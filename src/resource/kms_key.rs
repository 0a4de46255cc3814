//! A customer KMS key that is found by its alias.
//!
//! The key id is AWS's own choice, so the alias is what the rest of the baseline refers to. A key that lost a race with
//! a kill (made, but without its alias) is found by its owner tag and used, so that keys never pile up.
//! Rotation: <https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html>

use aws_sdk_kms::types::{KeyMetadata, KeyState, Tag};
use serde::Serialize;

use super::statements::{Ours, Stored};
use super::tags::{Tags, diff_owner};
use crate::aws::Clients;
use crate::aws::settle::shown;
use crate::control::{Cx, Diff, Risk};
use crate::error::{Absent, CallError, Kind, UnitError};
use crate::names::OWNER_TAG;

/// Operations that [`read`] calls.
pub const READS: &[&str] =
    &["kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags"];
/// Further operations that [`apply`] calls.
pub const WRITES: &[&str] = &[
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:CreateKey",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:ListAliases",
    "kms:ListKeys",
    "kms:PutKeyPolicy",
    "kms:TagResource",
];

/// Most keys without an alias that are looked at for one that a killed run left behind.
const LEFT_BEHIND: usize = 50;

/// What a key should be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Desired {
    /// `alias/...`
    pub alias: String,
    /// What the key is for; set when it is made.
    pub description: String,
    /// Days between rotations (90 to 2560); `None`: not managed, rotation itself is always on.
    pub rotation_days: Option<i32>,
    /// Our statements of the key policy; among them the one that keeps the account in control of the key.
    pub policy: Ours,
    /// Value of the owner tag: the section.
    pub owner: &'static str,
}

/// What is there under the alias.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Actual {
    /// No key has the alias.
    Absent,
    /// This key.
    Present(Key),
}

/// A key.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Key {
    /// Key ARN.
    pub arn: String,
    /// `Enabled`, `Disabled`, `PendingDeletion`, ...
    pub state: String,
    /// It rotates.
    pub rotation: bool,
    /// Days between rotations, where it does.
    pub rotation_days: Option<i32>,
    /// Key policy.
    pub policy: Stored,
    /// Tags.
    pub tags: Tags,
}

/// ARN of the key with this alias in the clients' account and region; `None`: there is none. `kms:DescribeKey`.
pub async fn resolve(aws: &Clients, alias: &str) -> Result<Option<String>, CallError> {
    Ok(describe(aws, alias).await?.and_then(|key| key.arn))
}

/// The same, asked once while planning: several units wait for one key. `there`: the account and region of the alias.
pub async fn resolve_once(cx: &Cx<'_>, there: &Clients, alias: &str) -> Result<Option<String>, UnitError> {
    let arn = cx.once_at(there, alias, resolve(there, alias)).await?;
    Ok(arn.as_ref().clone())
}

async fn describe(aws: &Clients, key: &str) -> Result<Option<KeyMetadata>, CallError> {
    let answer = aws
        .kms()
        .call("DescribeKey", |c| c.describe_key().key_id(key).send())
        .await
        .absent(&["NotFoundException"])?;
    Ok(answer.and_then(|a| a.key_metadata))
}

/// Reads the key behind the alias.
pub async fn read(aws: &Clients, want: &Desired) -> Result<Actual, UnitError> {
    let Some(metadata) = describe(aws, &want.alias).await? else { return Ok(Actual::Absent) };
    let kms = aws.kms();
    let id = metadata.key_id.as_str();
    let policy =
        kms.call("GetKeyPolicy", |c| c.get_key_policy().key_id(id).policy_name("default").send()).await?;
    let state = metadata.key_state.as_ref().map_or_else(String::new, |s| s.as_str().to_string());
    // AWS answers KMSInvalidStateException for a key that is about to be deleted.
    let (rotation, rotation_days) = if state == KeyState::PendingDeletion.as_str() {
        (false, None)
    } else {
        let answer =
            kms.call("GetKeyRotationStatus", |c| c.get_key_rotation_status().key_id(id).send()).await?;
        (answer.key_rotation_enabled, answer.rotation_period_in_days)
    };
    Ok(Actual::Present(Key {
        arn: metadata.arn.clone().ok_or_else(|| UnitError::missing("the key's ARN"))?,
        state,
        rotation,
        rotation_days,
        policy: Stored::parse(policy.policy.as_deref(), &format!("the policy of key {}", want.alias))?,
        tags: tags(aws, id).await?,
    }))
}

async fn tags(aws: &Clients, key: &str) -> Result<Tags, CallError> {
    let tags = aws
        .kms()
        .pages(
            "ListResourceTags",
            |c, marker| c.list_resource_tags().key_id(key).set_marker(marker).send(),
            |out| (out.tags.unwrap_or_default(), out.next_marker),
        )
        .await?;
    Ok(tags.into_iter().map(|t| (t.tag_key, t.tag_value)).collect())
}

/// Compares.
pub fn diff(want: &Desired, have: &Actual) -> Diff {
    let mut d = Diff::new();
    let Actual::Present(key) = have else {
        d.create("key", want);
        return d;
    };
    d.field("state", &key.state, Some(&KeyState::Enabled.as_str().to_string()));
    d.field("rotation", &key.rotation, Some(&true));
    d.field("key_rotation_days", &key.rotation_days, want.rotation_days.map(Some).as_ref());
    want.policy.diff(&mut d, &key.policy);
    diff_owner(&mut d, &key.tags, want.owner);
    for change in d.changes.iter_mut().filter(|c| c.path == "state") {
        change.risk = Risk::Disruptive;
    }
    d
}

/// Writes what differs.
pub async fn apply(aws: &Clients, want: &Desired, have: &Actual) -> Result<(), UnitError> {
    match have {
        Actual::Present(key) => repair(aws, want, key).await,
        Actual::Absent => create(aws, want).await,
    }
}

async fn create(aws: &Clients, want: &Desired) -> Result<(), UnitError> {
    let kms = aws.kms();
    let id = match left_behind(aws, want.owner).await? {
        Some(id) => id,
        None => make(aws, want).await?,
    };
    kms.call("CreateAlias", |c| c.create_alias().alias_name(&want.alias).target_key_id(&id).send()).await?;
    let key = shown(&want.alias, || async {
        Ok(match read(aws, want).await? {
            Actual::Present(key) => Some(key),
            Actual::Absent => None,
        })
    })
    .await?;
    repair(aws, want, &key).await
}

async fn make(aws: &Clients, want: &Desired) -> Result<String, UnitError> {
    let policy = want.policy.merged_into(&Stored(None));
    let tag = owner_tag(want.owner)?;
    let answer = aws
        .kms()
        .call("CreateKey", |c| {
            c.create_key().description(&want.description).policy(&policy).tags(tag.clone()).send()
        })
        .await?;
    answer.key_metadata.map(|k| k.key_id).ok_or_else(|| UnitError::missing("the new key's id"))
}

async fn repair(aws: &Clients, want: &Desired, key: &Key) -> Result<(), UnitError> {
    let kms = aws.kms();
    let id = &key.arn;
    let d = diff(want, &Actual::Present(key.clone()));
    let differs = |path: &str| d.changes.iter().any(|c| c.path.starts_with(path));
    if key.state == KeyState::PendingDeletion.as_str() {
        kms.call("CancelKeyDeletion", |c| c.cancel_key_deletion().key_id(id).send()).await?;
    }
    if differs("state") {
        kms.call("EnableKey", |c| c.enable_key().key_id(id).send()).await?;
    }
    if differs("policy.") {
        let policy = want.policy.merged_into(&key.policy);
        kms.call("PutKeyPolicy", |c| {
            c.put_key_policy().key_id(id).policy_name("default").policy(&policy).send()
        })
        .await?;
    }
    if differs("rotation") || differs("key_rotation_days") {
        kms.call("EnableKeyRotation", |c| {
            c.enable_key_rotation().key_id(id).set_rotation_period_in_days(want.rotation_days).send()
        })
        .await?;
    }
    if differs("tags.") {
        let tag = owner_tag(want.owner)?;
        kms.call("TagResource", |c| c.tag_resource().key_id(id).tags(tag.clone()).send()).await?;
    }
    Ok(())
}

/// A key with our owner tag and no alias: one that a killed run made.
async fn left_behind(aws: &Clients, owner: &str) -> Result<Option<String>, UnitError> {
    let kms = aws.kms();
    let aliases = kms
        .pages(
            "ListAliases",
            |c, marker| c.list_aliases().set_marker(marker).send(),
            |out| (out.aliases.unwrap_or_default(), out.next_marker),
        )
        .await?;
    let named: Vec<String> = aliases.into_iter().filter_map(|a| a.target_key_id).collect();
    let keys = kms
        .pages(
            "ListKeys",
            |c, marker| c.list_keys().set_marker(marker).send(),
            |out| (out.keys.unwrap_or_default(), out.next_marker),
        )
        .await?;
    let unnamed = keys.into_iter().filter_map(|k| k.key_id).filter(|id| !named.contains(id));
    for id in unnamed.take(LEFT_BEHIND) {
        // AWS's own keys, and keys whose policy shuts us out, are not ours.
        let Some(tags) = tags(aws, &id).await.absent(&["AccessDeniedException", "NotFoundException"])? else {
            continue;
        };
        if tags.get(OWNER_TAG).is_none_or(|value| value != owner) {
            continue;
        }
        let enabled = describe(aws, &id).await?.is_some_and(|key| key.key_state == Some(KeyState::Enabled));
        if enabled {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

fn owner_tag(owner: &str) -> Result<Tag, UnitError> {
    Tag::builder()
        .tag_key(OWNER_TAG)
        .tag_value(owner)
        .build()
        .map_err(|e| UnitError::new(Kind::Bug, format!("the owner tag could not be built: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::statements::allow_aws;

    fn want() -> Desired {
        let root =
            allow_aws("Root", "arn:aws:iam::111122223333:root", &["kms:*"]).on(&["*".to_string()]).done();
        Desired {
            alias: "alias/orgbase-log-archive".into(),
            description: "logs".into(),
            rotation_days: None,
            policy: Ours(vec![root]),
            owner: "log_archive",
        }
    }

    fn key() -> Key {
        Key {
            arn: "arn:aws:kms:eu-west-1:111122223333:key/1".into(),
            state: "Enabled".into(),
            rotation: true,
            rotation_days: Some(365),
            policy: Stored(Some(want().policy.alone())),
            tags: Tags::from([("orgbase".to_string(), "log_archive".to_string())]),
        }
    }

    fn paths(want: &Desired, key: Key) -> Vec<String> {
        diff(want, &Actual::Present(key)).changes.into_iter().map(|c| c.path).collect()
    }

    #[test]
    fn a_key_as_wanted_has_no_diff_and_an_undeclared_period_is_not_managed() {
        assert!(paths(&want(), key()).is_empty());
        let declared = Desired { rotation_days: Some(90), ..want() };
        assert_eq!(paths(&declared, key()), ["key_rotation_days"]);
    }

    #[test]
    fn a_missing_key_is_one_change() {
        let diff = diff(&want(), &Actual::Absent);
        assert_eq!(diff.changes.len(), 1);
        assert_eq!(diff.changes[0].effect, crate::control::Effect::Create);
    }

    #[test]
    fn every_protection_that_went_missing_is_found() {
        let broken = Key {
            state: "Disabled".into(),
            rotation: false,
            tags: Tags::new(),
            policy: Stored(None),
            ..key()
        };
        assert_eq!(paths(&want(), broken), ["state", "rotation", "policy.Root", "tags.orgbase"]);
    }
}
