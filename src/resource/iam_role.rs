//! A role that orgbase makes: trust policy, one inline policy, attached managed policies, longest session, owner tag.
//!
//! The role is ours, so its trust policy is authoritative: a further statement in it is drift. Inline policies of other
//! names, other attached policies (unless `exclusive`) and other tags stay. Documents are compared by meaning.
//!
//! A control that uses this declares the operations of what it sets:
//!
//! | always | `iam:GetRole`; `iam:CreateRole`, `iam:TagRole`, `iam:UpdateAssumeRolePolicy` |
//! | --- | --- |
//! | `inline` | `iam:GetRolePolicy`; `iam:PutRolePolicy` |
//! | `managed` | `iam:ListAttachedRolePolicies`; `iam:AttachRolePolicy`, with `exclusive` `iam:DetachRolePolicy` |
//! | `max_session_seconds` | `iam:UpdateRole` |
//!
//! Names of others' roles and of what AWS makes are refused by `foreign_name`.

use std::collections::BTreeSet;

use aws_sdk_iam::types::Tag;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde_json::Value;

use super::statements::{Ours, Stored};
use super::tags::{Tags, diff_owner};
use crate::control::{Cx, Diff, Risk};
use crate::error::{Absent, Kind, UnitError};
use crate::names::OWNER_TAG;
use crate::policy::{Document, same_meaning};

/// What a role should be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Wanted {
    /// Name, without a path.
    pub name: String,
    /// Path that it is made with, such as `/service-role/`. AWS cannot change it later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<&'static str>,
    /// Said of it when it is made.
    #[serde(skip)]
    pub description: &'static str,
    /// Who may use it.
    pub trust: Ours,
    /// The inline policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inline: Option<Inline>,
    /// ARNs of managed policies that are attached.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub managed: Vec<String>,
    /// Other managed policies are detached.
    #[serde(skip)]
    pub exclusive: bool,
    /// Longest session in seconds; `None`: not managed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_session_seconds: Option<i32>,
    /// Risk of changing who may use an existing role, and of taking permissions from it.
    #[serde(skip)]
    pub risk: Risk,
    /// The section that makes it: the value of the owner tag.
    #[serde(skip)]
    pub section: &'static str,
}

/// The inline policy of a role.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inline {
    /// Its name.
    pub name: &'static str,
    /// What it allows. Authoritative.
    pub policy: Ours,
}

/// A role that is there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Role {
    /// Path, such as `/`.
    pub path: String,
    /// Who may use it.
    pub trust: Stored,
    /// The inline policy of our name.
    pub inline: Stored,
    /// ARNs of the attached policies. Empty where they were not asked for.
    pub attached: BTreeSet<String>,
    /// Longest session in seconds.
    pub max_session_seconds: Option<i32>,
    /// Its tags.
    pub tags: Tags,
}

/// Reads the role; `None`: there is none of this name.
pub async fn read(cx: &Cx<'_>, want: &Wanted) -> Result<Option<Role>, UnitError> {
    let iam = cx.aws.iam();
    let answer =
        iam.call("GetRole", |c| c.get_role().role_name(&want.name).send()).await.absent(&["NoSuchEntity"])?;
    let Some(role) = answer.and_then(|a| a.role) else { return Ok(None) };
    let inline = match &want.inline {
        None => None,
        Some(inline) => iam
            .call("GetRolePolicy", |c| {
                c.get_role_policy().role_name(&want.name).policy_name(inline.name).send()
            })
            .await
            .absent(&["NoSuchEntity"])?,
    };
    let attached = if want.managed.is_empty() { Vec::new() } else { attached(cx, &want.name).await? };
    let trust = role.assume_role_policy_document.as_deref();
    Ok(Some(Role {
        path: role.path,
        trust: document(trust, &format!("the trust policy of role {}", want.name))?,
        inline: document(
            inline.as_ref().map(|p| p.policy_document.as_str()),
            &format!("the policy of role {}", want.name),
        )?,
        attached: attached.into_iter().collect(),
        max_session_seconds: role.max_session_duration,
        tags: role.tags.unwrap_or_default().into_iter().map(|t| (t.key, t.value)).collect(),
    }))
}

/// ARNs of the policies that are attached to a role.
async fn attached(cx: &Cx<'_>, name: &str) -> Result<Vec<String>, UnitError> {
    let policies = cx
        .aws
        .iam()
        .pages(
            "ListAttachedRolePolicies",
            |c, marker| c.list_attached_role_policies().role_name(name).set_marker(marker).send(),
            |out| (out.attached_policies, out.marker),
        )
        .await?;
    Ok(policies.into_iter().filter_map(|p| p.policy_arn).collect())
}

/// What differs: paths `role`, `trust`, `policy`, `managed_policies.NAME`, `max_session_seconds`, `tags.orgbase`.
pub fn diff(want: &Wanted, have: Option<&Role>) -> Diff {
    let mut d = Diff::new();
    let Some(role) = have else {
        d.create("role", want);
        return d;
    };
    compare(&mut d, "trust", &want.trust, &role.trust, want.risk);
    if let Some(inline) = &want.inline {
        compare(&mut d, "policy", &inline.policy, &role.inline, want.risk);
    }
    for arn in missing(want, Some(role)) {
        d.create(&managed_path(&arn), &arn);
    }
    for arn in surplus(want, role) {
        d.delete(&managed_path(&arn), &arn, want.risk);
    }
    d.optional(
        "max_session_seconds",
        role.max_session_seconds.as_ref(),
        want.max_session_seconds.as_ref(),
        Risk::Normal,
    );
    diff_owner(&mut d, &role.tags, want.section);
    d
}

/// Makes the role, or what differs about it.
pub async fn apply(cx: &Cx<'_>, want: &Wanted, have: Option<&Role>) -> Result<(), UnitError> {
    let iam = cx.aws.iam();
    let trust = want.trust.alone().minified();
    let tag = owner_tag(want.section)?;
    let d = diff(want, have);
    let differs = |path: &str| d.changes.iter().any(|c| c.path == path);
    if have.is_none() {
        iam.call("CreateRole", |c| {
            c.create_role()
                .role_name(&want.name)
                .set_path(want.path.map(str::to_owned))
                .assume_role_policy_document(&trust)
                .description(want.description)
                .set_max_session_duration(want.max_session_seconds)
                .tags(tag.clone())
                .send()
        })
        .await?;
    }
    if let Some(inline) = want.inline.as_ref().filter(|_| have.is_none() || differs("policy")) {
        let policy = inline.policy.alone().minified();
        iam.call("PutRolePolicy", |c| {
            c.put_role_policy().role_name(&want.name).policy_name(inline.name).policy_document(&policy).send()
        })
        .await?;
    }
    attach(cx, want, have).await?;
    if differs("trust") {
        iam.call("UpdateAssumeRolePolicy", |c| {
            c.update_assume_role_policy().role_name(&want.name).policy_document(&trust).send()
        })
        .await?;
    }
    if differs("max_session_seconds") {
        iam.call("UpdateRole", |c| {
            c.update_role()
                .role_name(&want.name)
                .set_max_session_duration(want.max_session_seconds)
                .send()
        })
        .await?;
    }
    if differs(&format!("tags.{OWNER_TAG}")) {
        iam.call("TagRole", |c| c.tag_role().role_name(&want.name).tags(tag.clone()).send()).await?;
    }
    Ok(())
}

/// Attaches and detaches managed policies. Both are no error where they are done already.
async fn attach(cx: &Cx<'_>, want: &Wanted, have: Option<&Role>) -> Result<(), UnitError> {
    let iam = cx.aws.iam();
    for arn in missing(want, have) {
        iam.call("AttachRolePolicy", |c| {
            c.attach_role_policy().role_name(&want.name).policy_arn(&arn).send()
        })
        .await?;
    }
    for arn in have.into_iter().flat_map(|role| surplus(want, role)) {
        iam.call("DetachRolePolicy", |c| {
            c.detach_role_policy().role_name(&want.name).policy_arn(&arn).send()
        })
        .await
        .absent(&["NoSuchEntity"])?;
    }
    Ok(())
}

fn missing(want: &Wanted, have: Option<&Role>) -> Vec<String> {
    let is_there = |arn: &String| have.is_some_and(|role| role.attached.contains(arn));
    want.managed.iter().filter(|arn| !is_there(arn)).cloned().collect()
}

fn surplus(want: &Wanted, have: &Role) -> Vec<String> {
    if !want.exclusive {
        return Vec::new();
    }
    have.attached.iter().filter(|arn| !want.managed.contains(arn)).cloned().collect()
}

/// `arn:aws:iam::aws:policy/job-function/ViewOnlyAccess` -> `managed_policies.ViewOnlyAccess`.
fn managed_path(arn: &str) -> String {
    format!("managed_policies.{}", arn.rsplit('/').next().unwrap_or(arn))
}

/// IAM answers documents percent-encoded.
fn document(text: Option<&str>, what: &str) -> Result<Stored, UnitError> {
    let Some(text) = text else { return Ok(Stored(None)) };
    let text = percent_decode_str(text)
        .decode_utf8()
        .map_err(|e| UnitError::new(Kind::Inconsistent, format!("{what} is not UTF-8: {e}")))?;
    Stored::parse(Some(&text), what)
}

fn compare(d: &mut Diff, path: &str, want: &Ours, have: &Stored, risk: Risk) {
    let want = want.alone();
    if have.0.as_ref().is_some_and(|have| same_meaning(have, &want)) {
        return;
    }
    d.push(path, have.0.as_ref().map_or(Value::Null, Document::to_value), want.to_value(), risk);
}

fn owner_tag(section: &str) -> Result<Tag, UnitError> {
    Tag::builder()
        .key(OWNER_TAG)
        .value(section)
        .build()
        .map_err(|e| UnitError::new(Kind::Bug, format!("the owner tag could not be built: {e}")))
}

/// Why a role of this name is not ours to make or change; `None`: it may be.
pub fn foreign_name(name: &str) -> Option<&'static str> {
    const OWNERS: [(&str, &str); 6] = [
        ("aws-controltower-", "Control Tower's"),
        ("AWSControlTower", "Control Tower's"),
        ("AWSAccelerator-", "the Landing Zone Accelerator's"),
        ("AWSReservedSSO_", "Identity Center's"),
        ("AWSServiceRoleFor", "a service's own (service-linked)"),
        ("stacksets-exec-", "StackSets'"),
    ];
    OWNERS.iter().find(|(prefix, _)| name.starts_with(prefix)).map(|(_, owner)| *owner)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::resource::statements::{allow_aws, allow_holder};

    const AUDIT: &str = "arn:aws:iam::aws:policy/SecurityAudit";
    const THEIRS: &str = "arn:aws:iam::111122223333:policy/theirs";

    fn want() -> Wanted {
        Wanted {
            name: "orgbase-x".into(),
            path: None,
            description: "x",
            trust: Ours(vec![
                allow_aws("OrgbaseTrust", "arn:aws:iam::111122223333:root", &["sts:AssumeRole"]).done(),
            ]),
            inline: Some(Inline {
                name: "x",
                policy: Ours(vec![allow_holder("A", &["logs:PutLogEvents"]).on(&["*".to_string()]).done()]),
            }),
            managed: vec![AUDIT.into()],
            exclusive: false,
            max_session_seconds: Some(3600),
            risk: Risk::Disruptive,
            section: "x",
        }
    }

    fn role() -> Role {
        Role {
            path: "/".into(),
            trust: Stored(Some(want().trust.alone())),
            inline: Stored(Some(want().inline.unwrap().policy.alone())),
            attached: [AUDIT.to_string(), THEIRS.to_string()].into(),
            max_session_seconds: Some(3600),
            tags: [("orgbase".to_string(), "x".to_string())].into(),
        }
    }

    fn paths(want: &Wanted, have: &Role) -> Vec<String> {
        diff(want, Some(have)).changes.into_iter().map(|c| c.path).collect()
    }

    #[test]
    fn what_is_as_wanted_has_no_diff_and_others_policies_stay() {
        assert!(diff(&want(), Some(&role())).is_empty());
        let exclusive = Wanted { exclusive: true, ..want() };
        assert_eq!(paths(&exclusive, &role()), ["managed_policies.theirs"]);
        assert_eq!(diff(&exclusive, Some(&role())).risk(), Risk::Disruptive);
    }

    #[test]
    fn each_setting_is_found_by_itself() {
        let bare = Role {
            trust: Stored(None),
            inline: Stored(None),
            attached: BTreeSet::new(),
            max_session_seconds: Some(7200),
            tags: Tags::new(),
            ..role()
        };
        let all = ["trust", "policy", "managed_policies.SecurityAudit", "max_session_seconds", "tags.orgbase"];
        assert_eq!(paths(&want(), &bare), all);
        let unmanaged = Wanted { max_session_seconds: None, inline: None, ..want() };
        assert_eq!(paths(&unmanaged, &bare), [all[0], all[2], all[4]]);
    }

    #[test]
    fn a_further_trust_statement_is_drift() {
        let mut open = role();
        let extra = allow_aws("X", "*", &["sts:AssumeRole"]).done();
        open.trust.0.as_mut().unwrap().statements.push(extra);
        assert_eq!(paths(&want(), &open), ["trust"]);
    }

    #[test]
    fn documents_come_percent_encoded() {
        let text = want().trust.alone().minified();
        let encoded = percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC).to_string();
        assert_eq!(document(Some(&encoded), "x").unwrap(), Stored(Some(want().trust.alone())));
    }

    #[test]
    fn names_of_others_are_known() {
        assert!(foreign_name("AWSControlTowerExecution").is_some());
        assert!(foreign_name("aws-controltower-AdministratorExecutionRole").is_some());
        assert_eq!(foreign_name("orgbase-support"), None);
    }
}
