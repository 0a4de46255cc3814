//! An IAM role that an AWS service assumes, with one inline policy. Found by its name.
//!
//! The role is ours alone, so trust and policy are authoritative: a further statement in them is drift. What else hangs on
//! it (other policies, boundaries, tags) is left alone.

use aws_sdk_iam::types::Tag;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde_json::Value;

use super::statements::{Ours, Stored};
use super::tags::{Tags, diff_owner};
use crate::aws::Clients;
use crate::control::{Diff, Risk};
use crate::error::{Absent, Kind, UnitError};
use crate::names::OWNER_TAG;
use crate::policy::{Document, same_meaning};

/// Operations that [`read`] calls.
pub const READS: &[&str] = &["iam:GetRole", "iam:GetRolePolicy"];
/// Further operations that [`apply`] calls.
pub const WRITES: &[&str] =
    &["iam:CreateRole", "iam:PutRolePolicy", "iam:TagRole", "iam:UpdateAssumeRolePolicy"];

/// What a role should be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Desired {
    /// Its name, without a path.
    pub name: String,
    /// What it is for; set when it is made.
    pub description: &'static str,
    /// The whole trust policy.
    pub trust: Ours,
    /// Name of the inline policy.
    pub policy_name: &'static str,
    /// The whole inline policy.
    pub policy: Ours,
    /// Value of the owner tag: the section.
    pub owner: &'static str,
}

/// A role that is there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Role {
    /// Trust policy.
    pub trust: Stored,
    /// The inline policy with the wanted name.
    pub policy: Stored,
    /// Tags.
    pub tags: Tags,
}

/// Reads the role; `None`: there is none.
pub async fn read(aws: &Clients, want: &Desired) -> Result<Option<Role>, UnitError> {
    let iam = aws.iam();
    let (name, policy_name) = (&want.name, want.policy_name);
    let answer =
        iam.call("GetRole", |c| c.get_role().role_name(name).send()).await.absent(&["NoSuchEntity"])?;
    let Some(role) = answer.and_then(|a| a.role) else { return Ok(None) };
    let policy = iam
        .call("GetRolePolicy", |c| c.get_role_policy().role_name(name).policy_name(policy_name).send())
        .await
        .absent(&["NoSuchEntity"])?;
    let trust = role.assume_role_policy_document.as_deref();
    Ok(Some(Role {
        trust: document(trust, &format!("the trust policy of role {name}"))?,
        policy: document(policy.as_ref().map(|p| p.policy_document.as_str()), "the role's policy")?,
        tags: role.tags.unwrap_or_default().into_iter().map(|t| (t.key, t.value)).collect(),
    }))
}

/// Compares.
pub fn diff(want: &Desired, have: Option<&Role>) -> Diff {
    let mut d = Diff::new();
    let Some(role) = have else {
        d.create("role", want);
        return d;
    };
    compare(&mut d, "trust", &want.trust, &role.trust, Risk::Normal);
    compare(&mut d, "policy", &want.policy, &role.policy, Risk::Normal);
    diff_owner(&mut d, &role.tags, want.owner);
    d
}

/// Writes what differs, and makes the role where it is missing.
pub async fn apply(aws: &Clients, want: &Desired, have: Option<&Role>) -> Result<(), UnitError> {
    let iam = aws.iam();
    let tag = owner_tag(want.owner)?;
    let trust = want.trust.alone().minified();
    if have.is_none() {
        iam.call("CreateRole", |c| {
            c.create_role()
                .role_name(&want.name)
                .assume_role_policy_document(&trust)
                .description(want.description)
                .tags(tag.clone())
                .send()
        })
        .await?;
    }
    let d = diff(want, have);
    let differs = |path: &str| d.changes.iter().any(|c| c.path.starts_with(path));
    if have.is_none() || differs("policy") {
        let policy = want.policy.alone().minified();
        iam.call("PutRolePolicy", |c| {
            let named = c.put_role_policy().role_name(&want.name).policy_name(want.policy_name);
            named.policy_document(&policy).send()
        })
        .await?;
    }
    if differs("trust") {
        iam.call("UpdateAssumeRolePolicy", |c| {
            c.update_assume_role_policy().role_name(&want.name).policy_document(&trust).send()
        })
        .await?;
    }
    if differs("tags.") {
        iam.call("TagRole", |c| c.tag_role().role_name(&want.name).tags(tag.clone()).send()).await?;
    }
    Ok(())
}

/// IAM answers documents percent-encoded.
pub fn document(text: Option<&str>, what: &str) -> Result<Stored, UnitError> {
    let Some(text) = text else { return Ok(Stored(None)) };
    let text = percent_decode_str(text)
        .decode_utf8()
        .map_err(|e| UnitError::new(Kind::Inconsistent, format!("{what} is not UTF-8: {e}")))?;
    Stored::parse(Some(&text), what)
}

/// Compares a whole document by its meaning.
pub(super) fn compare(d: &mut Diff, path: &str, want: &Ours, have: &Stored, risk: Risk) {
    let want = want.alone();
    if have.0.as_ref().is_some_and(|have| same_meaning(have, &want)) {
        return;
    }
    d.push(path, have.0.as_ref().map_or(Value::Null, Document::to_value), want.to_value(), risk);
}

/// The owner tag, for calls that take one.
pub(super) fn owner_tag(owner: &str) -> Result<Tag, UnitError> {
    Tag::builder()
        .key(OWNER_TAG)
        .value(owner)
        .build()
        .map_err(|e| UnitError::new(Kind::Bug, format!("the owner tag could not be built: {e}")))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::resource::statements::{allow_aws, allow_holder, allow_service};

    fn want() -> Desired {
        Desired {
            name: "orgbase-logs".into(),
            description: "writes logs",
            trust: Ours(vec![
                allow_service("Service", "cloudtrail.amazonaws.com", &["sts:AssumeRole"]).done(),
            ]),
            policy_name: "write",
            policy: Ours(vec![allow_holder("Write", &["logs:PutLogEvents"]).on(&["*".to_string()]).done()]),
            owner: "org_trail",
        }
    }

    fn role() -> Role {
        let tags = Tags::from([("orgbase".to_string(), "org_trail".to_string())]);
        Role { trust: Stored(Some(want().trust.alone())), policy: Stored(Some(want().policy.alone())), tags }
    }

    #[test]
    fn a_further_trust_statement_is_drift() {
        assert!(diff(&want(), Some(&role())).is_empty());
        let mut open = role();
        let extra = allow_aws("X", "*", &["sts:AssumeRole"]).done();
        open.trust.0.as_mut().unwrap().statements.push(extra);
        let d = diff(&want(), Some(&open));
        assert_eq!(d.changes.iter().map(|c| c.path.as_str()).collect::<Vec<_>>(), ["trust"]);
        assert_eq!(diff(&want(), None).changes.len(), 1);
    }

    #[test]
    fn documents_come_percent_encoded() {
        let text = want().policy.alone().minified();
        let encoded =
            percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC).to_string();
        assert_eq!(document(Some(&encoded), "x").unwrap(), Stored(Some(want().policy.alone())));
    }
}
