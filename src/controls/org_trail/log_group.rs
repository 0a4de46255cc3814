//! The log group that the trail delivers to.
//!
//! A log group without a retention keeps its events forever. `DescribeLogGroups` finds by prefix, so other groups come
//! back as well. Encryption is changed by `AssociateKmsKey`, which takes a key ARN only.
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_AssociateKmsKey.html>

use serde::Serialize;

use super::OrgTrail;
use crate::control::{Adjusted, Control, Cx, DesiredCx, Diff, Meta, Removal, Risk, Scope, Seat, Section as _, Wanted};
use crate::error::{Absent as _, Kind, UnitError};
use crate::names::{self, OWNER_TAG};
use crate::resource::kms_key;
use crate::resource::tags::{Tags, diff_owner};

/// Part `log_group`.
pub(super) struct LogGroup;

/// What the log group should be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Desired {
    name: String,
    arn: String,
    /// `None`: not managed.
    retention_days: Option<i32>,
    /// Alias of the key; `None`: not managed.
    kms_key: Option<String>,
}

/// What is there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Actual {
    /// ARN of the wanted key, where it exists.
    #[serde(skip)]
    key_arn: Option<String>,
    group: Option<Group>,
}

/// A log group.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Group {
    /// `None`: events are kept forever.
    retention_days: Option<i32>,
    /// Our alias where it is our key, else the ARN.
    kms_key: Option<String>,
    tags: Tags,
}

impl Control for LogGroup {
    type Section = OrgTrail;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        part: "log_group",
        scope: Scope::Organization,
        seat: Seat::Management,
        after: &["org_trail.key"],
        reads: &["kms:DescribeKey", "logs:DescribeLogGroups", "logs:ListTagsForResource"],
        writes: &["logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:TagResource"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, OrgTrail>) -> Vec<Wanted<Desired>> {
        if !cx.section.cloudwatch_logs {
            return Vec::new();
        }
        Wanted::one(Desired {
            name: names::trail_log_group(cx.baseline),
            arn: names::trail_log_group_arn(cx.baseline, cx.facts),
            retention_days: cx.section.log_group_retention_days,
            kms_key: cx.section.log_group_kms.then(|| names::monitoring_key_alias(cx.baseline)),
        })
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        let key_arn = match &want.kms_key {
            Some(alias) => kms_key::resolve_once(cx, cx.aws, alias).await?,
            None => None,
        };
        let groups = cx
            .aws
            .logs()
            .pages(
                "DescribeLogGroups",
                |c, token| c.describe_log_groups().log_group_name_prefix(&want.name).set_next_token(token).send(),
                |out| (out.log_groups, out.next_token),
            )
            .await?;
        let Some(live) = groups.into_iter().find(|g| g.log_group_name.as_ref() == Some(&want.name)) else {
            return Ok(Actual { key_arn, group: None });
        };
        let tags = cx
            .aws
            .logs()
            .call("ListTagsForResource", |c| c.list_tags_for_resource().resource_arn(&want.arn).send())
            .await?;
        let is_ours = live.kms_key_id.is_some() && live.kms_key_id == key_arn;
        let kms_key = if is_ours { want.kms_key.clone() } else { live.kms_key_id };
        let tags = tags.tags.unwrap_or_default().into_iter().collect();
        Ok(Actual { key_arn, group: Some(Group { retention_days: live.retention_in_days, kms_key, tags }) })
    }

    /// Its events go with it.
    const REMOVAL: Option<Removal> = Some(Removal {
        writes: &["logs:DeleteLogGroup"],
        risk: Risk::Destructive,
        absent: |state| state["group"].is_null(),
    });

    async fn remove(cx: &Cx<'_>, want: &Desired, _have: &Actual) -> Result<(), UnitError> {
        cx.aws
            .logs()
            .call("DeleteLogGroup", |c| c.delete_log_group().log_group_name(&want.name).send())
            .await
            .absent(&["ResourceNotFoundException"])?;
        Ok(())
    }

    fn adjust(section: &mut OrgTrail, _cx: &Cx<'_>, want: &Desired, have: &Actual) -> Adjusted {
        let Some(group) = &have.group else {
            section.without_log_group();
            return Adjusted::said(&["log_group"]);
        };
        section.log_group_retention_days = group.retention_days;
        section.log_group_kms = group.kms_key.is_some() && group.kms_key == want.kms_key;
        Adjusted::said(&["log_group_retention_days", "log_group_kms"])
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        let mut d = Diff::new();
        let Some(group) = &have.group else {
            d.create("log_group", want);
            return d;
        };
        let risk = retention_risk(group.retention_days, want.retention_days);
        d.risky("log_group_retention_days", &group.retention_days, want.retention_days.map(Some).as_ref(), risk);
        d.field("log_group_kms", &group.kms_key, want.kms_key.clone().map(Some).as_ref());
        diff_owner(&mut d, &group.tags, OrgTrail::META.id);
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        let logs = cx.aws.logs();
        let key = key_to_use(want, have)?;
        let fresh = Group {
            retention_days: None,
            kms_key: want.kms_key.clone(),
            tags: Tags::from([(OWNER_TAG.to_string(), OrgTrail::META.id.to_string())]),
        };
        if have.group.is_none() {
            logs.call("CreateLogGroup", |c| {
                c.create_log_group()
                    .log_group_name(&want.name)
                    .set_kms_key_id(key.clone())
                    .tags(OWNER_TAG, OrgTrail::META.id)
                    .send()
            })
            .await?;
        }
        let group = have.group.as_ref().unwrap_or(&fresh);
        if let Some(days) = want.retention_days.filter(|days| group.retention_days != Some(*days)) {
            logs.call("PutRetentionPolicy", |c| {
                c.put_retention_policy().log_group_name(&want.name).retention_in_days(days).send()
            })
            .await?;
        }
        if let Some(key) = key.filter(|_| group.kms_key != want.kms_key) {
            logs.call("AssociateKmsKey", |c| {
                c.associate_kms_key().log_group_name(&want.name).kms_key_id(&key).send()
            })
            .await?;
        }
        if group.tags.get(OWNER_TAG).is_none_or(|section| section != OrgTrail::META.id) {
            logs.call("TagResource", |c| {
                c.tag_resource().resource_arn(&want.arn).tags(OWNER_TAG, OrgTrail::META.id).send()
            })
            .await?;
        }
        Ok(())
    }
}

fn key_to_use(want: &Desired, have: &Actual) -> Result<Option<String>, UnitError> {
    match (&want.kms_key, &have.key_arn) {
        (None, _) => Ok(None),
        (Some(_), Some(arn)) => Ok(Some(arn.clone())),
        (Some(alias), None) => Err(UnitError::new(Kind::Conflict, format!("there is no key {alias}"))
            .hint("apply `org_trail.key` as well")),
    }
}

/// A shorter retention deletes events. A group without one is one that was just made, or nobody's decision.
fn retention_risk(have: Option<i32>, want: Option<i32>) -> Risk {
    match (have, want) {
        (Some(have), Some(want)) if want < have => Risk::Destructive,
        _ => Risk::Normal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want() -> Desired {
        Desired {
            name: "orgbase-cloudtrail".into(),
            arn: "arn:aws:logs:eu-west-1:111111111111:log-group:orgbase-cloudtrail".into(),
            retention_days: Some(365),
            kms_key: None,
        }
    }

    fn have(retention_days: Option<i32>) -> Actual {
        let tags = Tags::from([("orgbase".to_string(), "org_trail".to_string())]);
        let group = Group { retention_days, kms_key: Some("arn:aws:kms:eu-west-1:1:key/theirs".into()), tags };
        Actual { key_arn: None, group: Some(group) }
    }

    #[test]
    fn a_group_as_wanted_has_no_diff_and_an_undeclared_key_is_not_managed() {
        assert!(LogGroup::diff(&want(), &have(Some(365))).is_empty());
        let unmanaged = Desired { retention_days: None, ..want() };
        assert!(LogGroup::diff(&unmanaged, &have(Some(7))).is_empty());
    }

    #[test]
    fn only_a_shorter_retention_is_destructive() {
        assert_eq!(LogGroup::diff(&want(), &have(Some(400))).risk(), Risk::Destructive);
        assert_eq!(LogGroup::diff(&want(), &have(Some(7))).risk(), Risk::Normal);
        assert_eq!(LogGroup::diff(&want(), &have(None)).changes.len(), 1);
        assert_eq!(LogGroup::diff(&want(), &have(None)).risk(), Risk::Normal);
    }

    #[test]
    fn a_wanted_key_that_does_not_exist_is_a_conflict_and_never_ignored() {
        let want = Desired { kms_key: Some("alias/orgbase-monitoring".into()), ..want() };
        assert_eq!(LogGroup::diff(&want, &have(Some(365))).changes.len(), 1);
        let error = key_to_use(&want, &have(Some(365))).map_err(|e| e.kind);
        assert_eq!(error, Err(Kind::Conflict));
    }
}
