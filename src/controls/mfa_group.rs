//! A group in every account for IAM users who are people: they manage their own MFA devices, passwords and access keys, and
//! may do nothing else without MFA.
//!
//! * The policy is AWS's own example: `aws:MultiFactorAuthPresent` is absent in requests that are signed with an access key
//!   alone, so `BoolIfExists` denies those as well.
//!   <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_examples_aws_my-sec-creds-self-manage.html>
//! * It is an inline policy of the group, so nobody can attach it to, or detach it from, anything by itself.
//! * Groups have no tags: the name tells that it is ours.
//! * Who is in the group is not managed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::control::{
    Control, Cx, DesiredCx, Diff, DynControl, Meta, Reference, Risk, Scope, Seat, Section, SectionMeta, Shape, Wanted,
    control,
};
use crate::error::{Absent, Kind, UnitError};
use crate::facts::Facts;
use crate::names;
use crate::policy::{Document, same_meaning};
use crate::resource::role;
use crate::resource::statements::Stored;

/// Name of the inline policy.
const POLICY: &str = "require-mfa";
/// What a user may do without MFA, so that one without a device can register it.
const WITHOUT_MFA: [&str; 8] = [
    "iam:ChangePassword",
    "iam:CreateVirtualMFADevice",
    "iam:EnableMFADevice",
    "iam:GetUser",
    "iam:ListMFADevices",
    "iam:ListVirtualMFADevices",
    "iam:ResyncMFADevice",
    "sts:GetSessionToken",
];

/// The group `<prefix>-require-mfa` for IAM users who are people, in every account, the management account included.
///
/// Its inline policy `require-mfa` is authoritative; its members and its other policies are not managed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MfaGroup {
    /// Members may make, list and delete their own access keys. `false`: they may not, by this policy.
    pub own_access_keys: Option<bool>,
}

impl Section for MfaGroup {
    const META: SectionMeta = SectionMeta {
        id: "mfa_group",
        title: "Group that requires MFA",
        summary: "A group in every account whose members manage their own password, MFA devices and access keys, and are \
                  denied everything else as long as they did not sign in with MFA, by access key too. Who is in it is for \
                  people to decide.",
        shape: Shape::Table,
        references: &[Reference::row("RDM-042").partly("putting users into the group")],
        billed: None,
    };

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![control::<Group>()]
    }
}

/// The only part.
struct Group;

/// What the group should be.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Desired {
    name: String,
    #[serde(skip)]
    policy: Document,
}

/// What is there.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Actual {
    exists: bool,
    /// The inline policy of our name.
    policy: Stored,
}

impl Control for Group {
    type Section = MfaGroup;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        scope: Scope::Account,
        seat: Seat::Member,
        reads: &["iam:GetGroup", "iam:GetGroupPolicy"],
        writes: &["iam:CreateGroup", "iam:PutGroupPolicy"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, MfaGroup>) -> Vec<Wanted<Desired>> {
        let name = names::mfa_group(cx.baseline);
        let keys = cx.section.own_access_keys != Some(false);
        // A document of our own always parses; the tests hold it.
        let policy = policy(cx.facts, keys).unwrap_or_else(|_| Document::new(Vec::new()));
        Wanted::one(Desired { name, policy })
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        let iam = cx.aws.iam();
        let group = iam
            .call("GetGroup", |c| c.get_group().group_name(&want.name).max_items(1).send())
            .await
            .absent(&["NoSuchEntity"])?;
        if group.is_none() {
            return Ok(Actual::default());
        }
        let policy = iam
            .call("GetGroupPolicy", |c| c.get_group_policy().group_name(&want.name).policy_name(POLICY).send())
            .await
            .absent(&["NoSuchEntity"])?;
        let what = format!("the policy {POLICY} of group {}", want.name);
        Ok(Actual { exists: true, policy: role::document(policy.as_ref().map(|p| p.policy_document.as_str()), &what)? })
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        let mut d = Diff::new();
        if !have.exists {
            d.create("group", &want.name);
        }
        let found = have.policy.0.as_ref();
        if !found.is_some_and(|found| same_meaning(found, &want.policy)) {
            // Members without MFA are denied from then on.
            let risk = if have.exists { Risk::Disruptive } else { Risk::Normal };
            d.push("policy", json!(have.policy), want.policy.to_value(), risk);
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        let iam = cx.aws.iam();
        if !have.exists {
            iam.call("CreateGroup", |c| c.create_group().group_name(&want.name).send()).await?;
        }
        let document = want.policy.minified();
        iam.call("PutGroupPolicy", |c| {
            c.put_group_policy().group_name(&want.name).policy_name(POLICY).policy_document(&document).send()
        })
        .await?;
        Ok(())
    }
}

/// The whole policy.
fn policy(facts: &Facts, keys: bool) -> Result<Document, UnitError> {
    let user = facts.arn("iam", "", "*", "user/${aws:username}");
    let allow = |sid: &str, actions: &[&str], resource: &str| {
        json!({"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource})
    };
    let mut statements = vec![
        allow("View", &["iam:GetAccountPasswordPolicy", "iam:ListVirtualMFADevices"], "*"),
        allow("OwnPassword", &["iam:ChangePassword", "iam:GetUser"], &user),
        allow("OwnVirtualDevice", &["iam:CreateVirtualMFADevice"], &facts.arn("iam", "", "*", "mfa/*")),
        allow(
            "OwnDevices",
            &["iam:DeactivateMFADevice", "iam:EnableMFADevice", "iam:ListMFADevices", "iam:ResyncMFADevice"],
            &user,
        ),
        json!({
            "Sid": "DenyWithoutMfa", "Effect": "Deny", "NotAction": WITHOUT_MFA, "Resource": "*",
            "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
        }),
    ];
    if keys {
        let actions = [
            "iam:CreateAccessKey",
            "iam:DeleteAccessKey",
            "iam:GetAccessKeyLastUsed",
            "iam:ListAccessKeys",
            "iam:UpdateAccessKey",
        ];
        statements.push(allow("OwnAccessKeys", &actions, &user));
    }
    let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    Document::parse(&text).map_err(|e| UnitError::new(Kind::Bug, format!("the group's own policy: {e}")))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::controls::log_archive::tests::facts;

    fn want(keys: bool) -> Desired {
        Desired { name: "orgbase-require-mfa".into(), policy: policy(&facts(), keys).unwrap() }
    }

    fn have(policy: &Document) -> Actual {
        Actual { exists: true, policy: Stored(Some(policy.clone())) }
    }

    #[test]
    fn a_request_without_mfa_is_denied_also_where_the_key_is_absent() {
        let text = want(true).policy.minified();
        assert!(text.contains(r#""BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}"#), "{text}");
        assert!(text.contains("NotAction") && text.contains("user/${aws:username}"), "{text}");
        assert!(text.len() < 5120, "{}", text.len());
    }

    #[test]
    fn the_policy_is_ours_as_a_whole_and_changing_it_may_cut_people() {
        assert!(Group::diff(&want(true), &have(&want(true).policy)).is_empty());
        let other = Group::diff(&want(false), &have(&want(true).policy));
        assert_eq!((other.changes.len(), other.risk()), (1, Risk::Disruptive));
        let absent = Group::diff(&want(true), &Actual::default());
        let paths: Vec<&str> = absent.changes.iter().map(|c| c.path.as_str()).collect();
        assert_eq!((paths, absent.risk()), (vec!["group", "policy"], Risk::Normal));
    }
}
