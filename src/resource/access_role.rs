//! A role with managed policies, which somebody assumes: trust policy, attached policies, longest session, owner tag.
//!
//! The role is ours, so its trust policy is authoritative: a further statement in it is drift. Its inline policies, other
//! attached policies (unless `exclusive`) and other tags stay. `trust` says whom such roles trust.

use std::collections::BTreeSet;

use serde::Serialize;

use super::role::{compare, document, owner_tag};
use super::statements::{Ours, Stored};
use super::tags::{Tags, diff_owner};
use crate::aws::Clients;
use crate::control::{Diff, Risk};
use crate::error::{Absent, UnitError};
use crate::names::OWNER_TAG;

/// Operations that [`read`] calls.
pub const READS: &[&str] = &["iam:GetRole", "iam:ListAttachedRolePolicies"];
/// Further operations that [`apply`] calls.
pub const WRITES: &[&str] = &[
    "iam:AttachRolePolicy",
    "iam:CreateRole",
    "iam:DetachRolePolicy",
    "iam:TagRole",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateRole",
];

/// What a role should be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Desired {
    /// Its name, without a path.
    pub name: String,
    /// What it is for; set when it is made.
    #[serde(skip)]
    pub description: &'static str,
    /// The whole trust policy.
    pub trust: Ours,
    /// ARNs of managed policies that are attached.
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
    /// Value of the owner tag: the section.
    #[serde(skip)]
    pub owner: &'static str,
}

/// A role that is there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Role {
    /// Trust policy.
    pub trust: Stored,
    /// ARNs of the attached policies.
    pub attached: BTreeSet<String>,
    /// Longest session in seconds.
    pub max_session_seconds: Option<i32>,
    /// Tags.
    pub tags: Tags,
}

impl Role {
    /// It carries the owner tag and has the first of the policies.
    pub fn is_of(&self, want: &Desired) -> bool {
        let owned = self.tags.get(OWNER_TAG).is_some_and(|owner| owner == want.owner);
        owned && want.managed.first().is_some_and(|arn| self.attached.contains(arn))
    }
}

/// Reads the role; `None`: there is none.
pub async fn read(aws: &Clients, want: &Desired) -> Result<Option<Role>, UnitError> {
    let iam = aws.iam();
    let name = &want.name;
    let answer =
        iam.call("GetRole", |c| c.get_role().role_name(name).send()).await.absent(&["NoSuchEntity"])?;
    let Some(role) = answer.and_then(|a| a.role) else { return Ok(None) };
    let attached = iam
        .pages(
            "ListAttachedRolePolicies",
            |c, marker| c.list_attached_role_policies().role_name(name).set_marker(marker).send(),
            |out| (out.attached_policies, out.marker),
        )
        .await?;
    let trust = role.assume_role_policy_document.as_deref();
    Ok(Some(Role {
        trust: document(trust, &format!("the trust policy of role {name}"))?,
        attached: attached.into_iter().filter_map(|p| p.policy_arn).collect(),
        max_session_seconds: role.max_session_duration,
        tags: role.tags.unwrap_or_default().into_iter().map(|t| (t.key, t.value)).collect(),
    }))
}

/// Compares: paths `role`, `trust`, `managed_policies.NAME`, `max_session_seconds`, `tags.orgbase`.
pub fn diff(want: &Desired, have: Option<&Role>) -> Diff {
    let mut d = Diff::new();
    let Some(role) = have else {
        d.create("role", want);
        return d;
    };
    compare(&mut d, "trust", &want.trust, &role.trust, want.risk);
    for arn in missing(want, Some(role)) {
        d.create(&managed_path(&arn), &arn);
    }
    for arn in surplus(want, role) {
        d.delete(&managed_path(&arn), &arn, want.risk);
    }
    let (have, wanted) = (role.max_session_seconds.as_ref(), want.max_session_seconds.as_ref());
    d.optional("max_session_seconds", have, wanted, Risk::Normal);
    diff_owner(&mut d, &role.tags, want.owner);
    d
}

/// Writes what differs, and makes the role where it is missing.
pub async fn apply(aws: &Clients, want: &Desired, have: Option<&Role>) -> Result<(), UnitError> {
    let iam = aws.iam();
    let trust = want.trust.alone().minified();
    let tag = owner_tag(want.owner)?;
    if have.is_none() {
        iam.call("CreateRole", |c| {
            c.create_role()
                .role_name(&want.name)
                .assume_role_policy_document(&trust)
                .description(want.description)
                .set_max_session_duration(want.max_session_seconds)
                .tags(tag.clone())
                .send()
        })
        .await?;
    }
    attach(aws, want, have).await?;
    let d = diff(want, have);
    let differs = |path: &str| d.changes.iter().any(|c| c.path == path);
    if differs("trust") {
        iam.call("UpdateAssumeRolePolicy", |c| {
            c.update_assume_role_policy().role_name(&want.name).policy_document(&trust).send()
        })
        .await?;
    }
    if differs("max_session_seconds") {
        iam.call("UpdateRole", |c| {
            c.update_role().role_name(&want.name).set_max_session_duration(want.max_session_seconds).send()
        })
        .await?;
    }
    if differs(&format!("tags.{OWNER_TAG}")) {
        iam.call("TagRole", |c| c.tag_role().role_name(&want.name).tags(tag.clone()).send()).await?;
    }
    Ok(())
}

/// Attaches and detaches managed policies. Attaching again is no error.
async fn attach(aws: &Clients, want: &Desired, have: Option<&Role>) -> Result<(), UnitError> {
    let iam = aws.iam();
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

fn missing(want: &Desired, have: Option<&Role>) -> Vec<String> {
    let is_there = |arn: &String| have.is_some_and(|role| role.attached.contains(arn));
    want.managed.iter().filter(|arn| !is_there(arn)).cloned().collect()
}

fn surplus(want: &Desired, have: &Role) -> Vec<String> {
    if !want.exclusive {
        return Vec::new();
    }
    have.attached.iter().filter(|arn| !want.managed.contains(arn)).cloned().collect()
}

/// `arn:aws:iam::aws:policy/job-function/ViewOnlyAccess` -> `managed_policies.ViewOnlyAccess`.
fn managed_path(arn: &str) -> String {
    format!("managed_policies.{}", arn.rsplit('/').next().unwrap_or(arn))
}

/// Why a role of this name is not ours to make or change; `None`: it may be.
pub fn foreign_name(name: &str) -> Option<&'static str> {
    const OWNERS: [(&str, &str); 7] = [
        ("aws-controltower-", "Control Tower's"),
        ("AWSControlTower", "Control Tower's"),
        ("AWSAccelerator", "the Landing Zone Accelerator's"),
        ("OrganizationFormation", "org-formation's"),
        ("AWSReservedSSO_", "Identity Center's"),
        ("AWSServiceRoleFor", "a service's own (service-linked)"),
        ("stacksets-exec-", "StackSets'"),
    ];
    OWNERS.iter().find(|(prefix, _)| name.starts_with(prefix)).map(|(_, owner)| *owner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::statements::allow_aws;

    const AUDIT: &str = "arn:aws:iam::aws:policy/SecurityAudit";
    const THEIRS: &str = "arn:aws:iam::111122223333:policy/theirs";

    fn want() -> Desired {
        Desired {
            name: "orgbase-x".into(),
            description: "x",
            trust: Ours(vec![
                allow_aws("OrgbaseTrust", "arn:aws:iam::111122223333:root", &["sts:AssumeRole"]).done(),
            ]),
            managed: vec![AUDIT.into()],
            exclusive: false,
            max_session_seconds: Some(3600),
            risk: Risk::Disruptive,
            owner: "x",
        }
    }

    fn role() -> Role {
        Role {
            trust: Stored(Some(want().trust.alone())),
            attached: [AUDIT.to_string(), THEIRS.to_string()].into(),
            max_session_seconds: Some(3600),
            tags: [("orgbase".to_string(), "x".to_string())].into(),
        }
    }

    fn paths(want: &Desired, have: &Role) -> Vec<String> {
        diff(want, Some(have)).changes.into_iter().map(|c| c.path).collect()
    }

    #[test]
    fn what_is_as_wanted_has_no_diff_and_others_policies_stay() {
        assert!(diff(&want(), Some(&role())).is_empty());
        let exclusive = Desired { exclusive: true, ..want() };
        assert_eq!(paths(&exclusive, &role()), ["managed_policies.theirs"]);
        assert_eq!(diff(&exclusive, Some(&role())).risk(), Risk::Disruptive);
    }

    #[test]
    fn each_setting_is_found_by_itself() {
        let bare = Role {
            trust: Stored(None),
            attached: BTreeSet::new(),
            max_session_seconds: Some(7200),
            tags: Tags::new(),
        };
        let all = ["trust", "managed_policies.SecurityAudit", "max_session_seconds", "tags.orgbase"];
        assert_eq!(paths(&want(), &bare), all);
        let unmanaged = Desired { max_session_seconds: None, ..want() };
        assert_eq!(paths(&unmanaged, &bare), [all[0], all[1], all[3]]);
    }

    #[test]
    fn names_of_others_are_known() {
        assert!(foreign_name("AWSControlTowerExecution").is_some());
        assert!(foreign_name("aws-controltower-AdministratorExecutionRole").is_some());
        assert_eq!(foreign_name("orgbase-support"), None);
    }
}
