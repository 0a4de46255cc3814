//! The role with which CloudTrail writes to the log group.
//!
//! The role is ours alone, so trust and policy are authoritative: a further statement in them is drift. No condition on
//! `aws:SourceArn` or `aws:SourceAccount`: "The role policy doesn't support the use of aws:SourceArn and
//! aws:SourceAccount", says CloudTrail's guide; what the role may write to is one log group.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-required-policy-for-cloudwatch-logs.html>

use aws_sdk_iam::types::Tag;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde_json::Value;

use super::{OrgTrail, SERVICE};
use crate::control::{Control, Cx, DesiredCx, Diff, Meta, Risk, Scope, Seat, Section as _, Wanted};
use crate::error::{Absent, Kind, UnitError};
use crate::names::{self, OWNER_TAG};
use crate::policy::{Document, same_meaning};
use crate::resource::statements::{Ours, Stored, allow_holder, allow_service};
use crate::resource::tags::{Tags, diff_owner};

/// Name of the inline policy.
const POLICY: &str = "write-log-events";

/// Part `log_role`.
pub(super) struct LogRole;

/// What the role should be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Desired {
    name: String,
    trust: Ours,
    policy: Ours,
}

/// A role; `None` in place of it: there is none.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Role {
    trust: Stored,
    policy: Stored,
    tags: Tags,
}

impl Control for LogRole {
    type Section = OrgTrail;
    type Desired = Desired;
    type Actual = Option<Role>;
    const META: Meta = Meta {
        part: "log_role",
        scope: Scope::Organization,
        seat: Seat::Management,
        reads: &["iam:GetRole", "iam:GetRolePolicy"],
        writes: &["iam:CreateRole", "iam:PutRolePolicy", "iam:TagRole", "iam:UpdateAssumeRolePolicy"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, OrgTrail>) -> Vec<Wanted<Desired>> {
        if !cx.section.cloudwatch_logs {
            return Vec::new();
        }
        let (baseline, facts) = (cx.baseline, cx.facts);
        let management = &facts.management_account;
        let group = names::trail_log_group_arn(baseline, facts);
        // Streams of an organization trail: <account>_CloudTrail_<region> and <organization>_<account>_...
        let streams = [
            format!("{group}:log-stream:{management}_CloudTrail_{}*", cx.region),
            format!("{group}:log-stream:{}_*", facts.organization_id),
        ];
        Wanted::one(Desired {
            name: names::trail_log_role(baseline),
            trust: Ours(vec![allow_service("OrgbaseCloudTrail", SERVICE, &["sts:AssumeRole"]).done()]),
            policy: Ours(vec![
                allow_holder("OrgbaseWriteLogEvents", &["logs:CreateLogStream", "logs:PutLogEvents"])
                    .on(&streams)
                    .done(),
            ]),
        })
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Option<Role>, UnitError> {
        let iam = cx.aws.iam();
        let answer = iam
            .call("GetRole", |c| c.get_role().role_name(&want.name).send())
            .await
            .absent(&["NoSuchEntity"])?;
        let Some(role) = answer.and_then(|a| a.role) else { return Ok(None) };
        let policy = iam
            .call("GetRolePolicy", |c| c.get_role_policy().role_name(&want.name).policy_name(POLICY).send())
            .await
            .absent(&["NoSuchEntity"])?;
        let trust = role.assume_role_policy_document.as_deref();
        Ok(Some(Role {
            trust: document(trust, &format!("the trust policy of role {}", want.name))?,
            policy: document(policy.as_ref().map(|p| p.policy_document.as_str()), "the role's policy")?,
            tags: role.tags.unwrap_or_default().into_iter().map(|t| (t.key, t.value)).collect(),
        }))
    }

    fn diff(want: &Desired, have: &Option<Role>) -> Diff {
        let mut d = Diff::new();
        let Some(role) = have else {
            d.create("role", want);
            return d;
        };
        compare(&mut d, "trust", &want.trust, &role.trust);
        compare(&mut d, "policy", &want.policy, &role.policy);
        diff_owner(&mut d, &role.tags, OrgTrail::META.id);
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Option<Role>) -> Result<(), UnitError> {
        let iam = cx.aws.iam();
        let tag = owner_tag()?;
        let trust = want.trust.alone().minified();
        if have.is_none() {
            iam.call("CreateRole", |c| {
                c.create_role()
                    .role_name(&want.name)
                    .assume_role_policy_document(&trust)
                    .description("CloudTrail writes the organization trail to its log group")
                    .tags(tag.clone())
                    .send()
            })
            .await?;
        }
        let d = LogRole::diff(want, have);
        let differs = |path: &str| d.changes.iter().any(|c| c.path.starts_with(path));
        if have.is_none() || differs("policy") {
            let policy = want.policy.alone().minified();
            iam.call("PutRolePolicy", |c| {
                c.put_role_policy().role_name(&want.name).policy_name(POLICY).policy_document(&policy).send()
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
}

/// IAM answers documents percent-encoded.
fn document(text: Option<&str>, what: &str) -> Result<Stored, UnitError> {
    let Some(text) = text else { return Ok(Stored(None)) };
    let text = percent_decode_str(text)
        .decode_utf8()
        .map_err(|e| UnitError::new(Kind::Inconsistent, format!("{what} is not UTF-8: {e}")))?;
    Stored::parse(Some(&text), what)
}

fn compare(d: &mut Diff, path: &str, want: &Ours, have: &Stored) {
    let want = want.alone();
    if have.0.as_ref().is_some_and(|have| same_meaning(have, &want)) {
        return;
    }
    d.push(path, have.0.as_ref().map_or(Value::Null, Document::to_value), want.to_value(), Risk::Normal);
}

fn owner_tag() -> Result<Tag, UnitError> {
    Tag::builder()
        .key(OWNER_TAG)
        .value(OrgTrail::META.id)
        .build()
        .map_err(|e| UnitError::new(Kind::Bug, format!("the owner tag could not be built: {e}")))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use serde_json::json;

    use super::*;
    use crate::controls::log_archive::tests::{baseline, facts, set};
    use crate::resource::declared;

    fn want() -> Desired {
        let (facts, baseline) = (facts(), baseline("", "[org_trail]\nname = \"org-trail\""));
        let section = declared::<OrgTrail>(&baseline).unwrap();
        let account = &facts.accounts["111111111111"];
        let cx = DesiredCx { section: &section, account, region: "eu-west-1", facts: &facts, baseline: &baseline };
        set(LogRole::desired(&cx)).remove(0)
    }

    fn role() -> Role {
        let tags = Tags::from([("orgbase".to_string(), "org_trail".to_string())]);
        Role { trust: Stored(Some(want().trust.alone())), policy: Stored(Some(want().policy.alone())), tags }
    }

    #[test]
    fn cloudtrail_alone_may_use_the_role_and_only_for_the_trails_streams() {
        assert_eq!(
            want().trust.0[0].to_value(),
            json!({
                "Sid": "OrgbaseCloudTrail", "Effect": "Allow", "Action": "sts:AssumeRole",
                "Principal": {"Service": "cloudtrail.amazonaws.com"}
            })
        );
        let group = "arn:aws:logs:eu-west-1:111111111111:log-group:orgbase-cloudtrail:log-stream";
        assert_eq!(
            want().policy.0[0].to_value()["Resource"],
            json!([format!("{group}:111111111111_CloudTrail_eu-west-1*"), format!("{group}:o-a1b2c3d4e5_*")])
        );
    }

    #[test]
    fn a_further_trust_statement_is_drift() {
        assert!(LogRole::diff(&want(), &Some(role())).is_empty());
        let mut open = role();
        let extra = crate::resource::statements::allow_aws("X", "*", &["sts:AssumeRole"]).done();
        open.trust.0.as_mut().unwrap().statements.push(extra);
        let diff = LogRole::diff(&want(), &Some(open));
        assert_eq!(diff.changes.iter().map(|c| c.path.as_str()).collect::<Vec<_>>(), ["trust"]);
    }

    #[test]
    fn documents_come_percent_encoded() {
        let text = want().policy.alone().minified();
        let encoded = percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC).to_string();
        assert_eq!(document(Some(&encoded), "x").unwrap(), Stored(Some(want().policy.alone())));
    }
}
