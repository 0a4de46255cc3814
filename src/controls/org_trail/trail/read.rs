//! Reading the trail, and whether there is another organization trail already.

use std::collections::BTreeSet;

use aws_sdk_cloudtrail::types::{InsightSelector, Trail as Live};

use super::{Actual, Delivery, Desired, Trail, events, owner_of};
use crate::control::Cx;
use crate::error::{Absent, CallError, Kind, UnitError};
use crate::resource::kms_key;
use crate::resource::tags::Tags;

/// Reads the trail.
pub(super) async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
    let answer = cx
        .aws
        .cloudtrail()
        .call("DescribeTrails", |c| c.describe_trails().include_shadow_trails(true).send())
        .await?;
    let trails = answer.trail_list.unwrap_or_default();
    let others = others(&trails, &want.name);
    let named = trails.into_iter().find(|t| t.name.as_ref() == Some(&want.name));
    if let Some(home) = named.as_ref().and_then(|t| t.home_region.as_deref()).filter(|home| *home != cx.region) {
        let message = format!("trail `{}` exists already, with {home} as its home region", want.name);
        return Err(UnitError::new(Kind::Conflict, message)
            .hint(format!("set `[organization] home_region = \"{home}\"` to adopt it, or another `name`")));
    }
    let is_ours = named.as_ref().is_some_and(|t| t.is_organization_trail.unwrap_or(false));
    if let Some(other) = others.first().filter(|_| !is_ours) {
        return Err(conflict(other));
    }
    let key_arn = key_arn(cx, want).await?;
    let trail = match named {
        Some(live) => Some(details(cx, want, live, key_arn.as_deref()).await?),
        None => None,
    };
    Ok(Actual { key_arn, others, trail })
}

/// Names of organization trails other than ours.
fn others(trails: &[Live], ours: &str) -> Vec<String> {
    let foreign = trails.iter().filter(|t| t.is_organization_trail.unwrap_or(false));
    let names: BTreeSet<String> = foreign.filter_map(|t| t.name.clone()).filter(|name| name != ours).collect();
    names.into_iter().collect()
}

fn conflict(other: &str) -> UnitError {
    let message = format!("the organization has a trail already, `{other}`: orgbase makes no second one");
    let hint = match owner_of(other) {
        Some(owner) => format!("it belongs to {owner}: leave `[org_trail]` out, and manage the trail there"),
        None => format!("set `name = \"{other}\"` in `[org_trail]` to adopt it, or let `orgbase import` write it down"),
    };
    UnitError::new(Kind::Conflict, message).hint(hint)
}

/// The key lies in the log archive's account, which alone can look up its alias.
async fn key_arn(cx: &Cx<'_>, want: &Desired) -> Result<Option<String>, UnitError> {
    let Some((_, alias)) = want.kms_key.as_deref().and_then(|key| key.split_once(":alias/")) else { return Ok(None) };
    let there = cx.aws.elsewhere(&want.log_account, cx.region).await?;
    kms_key::resolve_once(cx, &there, &format!("alias/{alias}")).await
}

async fn details(cx: &Cx<'_>, want: &Desired, live: Live, key_arn: Option<&str>) -> Result<Trail, UnitError> {
    let cloudtrail = cx.aws.cloudtrail();
    let arn = live.trail_arn.clone().ok_or_else(|| UnitError::missing("the trail's ARN"))?;
    let status = cloudtrail.call("GetTrailStatus", |c| c.get_trail_status().name(&arn).send()).await?;
    let insights = if want.insights.is_some() { insights(cx, &arn).await? } else { Vec::new() };
    Ok(Trail {
        kms_key: key_of(&live, want, key_arn),
        delivery: delivery_of(&live),
        bucket: live.s3_bucket_name.unwrap_or_default(),
        key_prefix: live.s3_key_prefix.unwrap_or_default(),
        multi_region: live.is_multi_region_trail.unwrap_or(false),
        global_service_events: live.include_global_service_events.unwrap_or(false),
        organization: live.is_organization_trail.unwrap_or(false),
        log_file_validation: live.log_file_validation_enabled.unwrap_or(false),
        logging: status.is_logging.unwrap_or(false),
        events: event_selectors(cx, &arn).await?,
        insights: insights.iter().filter_map(|i| Some(i.insight_type.as_ref()?.as_str().to_string())).collect(),
        insight_selectors: insights,
        tags: tags(cx, &arn).await?,
    })
}

/// What the trail logs.
pub(super) async fn event_selectors(cx: &Cx<'_>, arn: &str) -> Result<events::Actual, CallError> {
    let found = cx
        .aws
        .cloudtrail()
        .call("GetEventSelectors", |c| c.get_event_selectors().trail_name(arn).send())
        .await?;
    Ok(events::Actual::from_live(
        &found.event_selectors.unwrap_or_default(),
        &found.advanced_event_selectors.unwrap_or_default(),
    ))
}

async fn insights(cx: &Cx<'_>, arn: &str) -> Result<Vec<InsightSelector>, CallError> {
    let answer = cx
        .aws
        .cloudtrail()
        .call("GetInsightSelectors", |c| c.get_insight_selectors().trail_name(arn).send())
        .await
        .absent(&["InsightNotEnabledException"])?;
    Ok(answer.and_then(|a| a.insight_selectors).unwrap_or_default())
}

async fn tags(cx: &Cx<'_>, arn: &str) -> Result<Tags, CallError> {
    let lists = cx
        .aws
        .cloudtrail()
        .pages(
            "ListTags",
            |c, token| c.list_tags().resource_id_list(arn).set_next_token(token).send(),
            |out| (out.resource_tag_list, out.next_token),
        )
        .await?;
    let tags = lists.into_iter().flat_map(|list| list.tags_list.unwrap_or_default());
    Ok(tags.map(|t| (t.key, t.value.unwrap_or_default())).collect())
}

/// The trail's key; ours is written as its alias.
fn key_of(live: &Live, want: &Desired, key_arn: Option<&str>) -> Option<String> {
    let key = live.kms_key_id.clone().filter(|key| !key.is_empty())?;
    let is_ours = key_arn == Some(key.as_str()) || want.kms_key.as_deref() == Some(key.as_str());
    if is_ours { want.kms_key.clone() } else { Some(key) }
}

/// CloudTrail answers the log group with `:*` at its end.
fn delivery_of(live: &Live) -> Option<Delivery> {
    let group = live.cloud_watch_logs_log_group_arn.as_deref().filter(|arn| !arn.is_empty())?;
    Some(Delivery {
        log_group: group.strip_suffix(":*").unwrap_or(group).to_string(),
        role: live.cloud_watch_logs_role_arn.clone().unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn live(name: &str, organization: bool) -> Live {
        Live::builder().name(name).is_organization_trail(organization).build()
    }

    #[test]
    fn only_organization_trails_of_another_name_are_in_the_way() {
        let trails = [live("local", false), live("org-trail", true), live("theirs", true), live("theirs", true)];
        assert_eq!(others(&trails, "org-trail"), ["theirs"]);
    }

    #[test]
    fn the_conflict_says_how_to_adopt_and_whose_it_is() {
        assert!(conflict("theirs").hint.unwrap().contains("name = \"theirs\""));
        assert!(conflict("aws-controltower-BaselineCloudTrail").hint.unwrap().contains("AWS Control Tower"));
        assert_eq!(conflict("theirs").kind, Kind::Conflict);
    }

    #[test]
    fn the_log_group_compares_without_its_star() {
        let group = "arn:aws:logs:eu-west-1:1:log-group:orgbase-cloudtrail";
        let live = Live::builder().cloud_watch_logs_log_group_arn(format!("{group}:*")).build();
        assert_eq!(delivery_of(&live).unwrap().log_group, group);
        assert_eq!(delivery_of(&Live::builder().build()), None);
    }
}
