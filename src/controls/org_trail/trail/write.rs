//! Writing the trail: made or updated, then what it logs, then started.

use aws_sdk_cloudtrail::types::{InsightSelector, InsightType, Tag};

use super::{Actual, Desired, Trail, events, read, settings};
use crate::aws::settle::shown;
use crate::control::{Cx, Section as _};
use crate::controls::org_trail::OrgTrail;
use crate::error::{Kind, UnitError};
use crate::names::OWNER_TAG;
use crate::resource::tags::Tags;

/// What `UpdateTrail` changes.
const UPDATED: &[&str] = &[
    "bucket",
    "key_prefix",
    "organization",
    "multi_region",
    "global_service_events",
    "log_file_validation",
    "kms",
    "cloudwatch_logs",
];

/// Writes what differs.
pub(super) async fn write(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
    let key = key_to_use(want, have)?;
    let made;
    let trail = if let Some(trail) = &have.trail {
        trail
    } else {
        create(cx, want, key.as_deref()).await?;
        // AWS gives a new trail all management events; it is asked, since emulators give it none.
        let events = shown("the trail", || async { Ok(Some(read::event_selectors(cx, &want.arn).await?)) });
        made = just_made(want, events.await?);
        &made
    };
    let d = settings(want, trail);
    let differs = |paths: &[&str]| d.changes.iter().any(|c| paths.contains(&c.path.as_str()));
    if differs(UPDATED) {
        update(cx, want, trail, key.as_deref()).await?;
    }
    let cloudtrail = cx.aws.cloudtrail();
    if differs(&["management_events", "s3_data_events", "lambda_data_events"]) {
        let selectors = want.events.merged_into(&trail.events)?;
        cloudtrail
            .call("PutEventSelectors", |c| {
                c.put_event_selectors()
                    .trail_name(&want.arn)
                    .set_advanced_event_selectors(Some(selectors.clone()))
                    .send()
            })
            .await?;
    }
    if differs(&["insights"]) {
        let selectors = insights(want, trail);
        cloudtrail
            .call("PutInsightSelectors", |c| {
                c.put_insight_selectors().trail_name(&want.arn).set_insight_selectors(Some(selectors.clone())).send()
            })
            .await?;
    }
    if differs(&["logging"]) {
        cloudtrail.call("StartLogging", |c| c.start_logging().name(&want.arn).send()).await?;
    }
    if d.changes.iter().any(|c| c.path.starts_with("tags.")) {
        let tag = owner_tag()?;
        cloudtrail
            .call("AddTags", |c| c.add_tags().resource_id(&want.arn).tags_list(tag.clone()).send())
            .await?;
    }
    Ok(())
}

async fn create(cx: &Cx<'_>, want: &Desired, key: Option<&str>) -> Result<(), UnitError> {
    let tag = owner_tag()?;
    let delivery = want.delivery.as_ref();
    cx.aws
        .cloudtrail()
        .call("CreateTrail", |c| {
            c.create_trail()
                .name(&want.name)
                .s3_bucket_name(&want.bucket)
                .is_organization_trail(true)
                .is_multi_region_trail(true)
                .include_global_service_events(true)
                .set_enable_log_file_validation(want.log_file_validation)
                .set_kms_key_id(key.map(str::to_string))
                .set_cloud_watch_logs_log_group_arn(delivery.map(|d| format!("{}:*", d.log_group)))
                .set_cloud_watch_logs_role_arn(delivery.map(|d| d.role.clone()))
                .tags_list(tag.clone())
                .send()
        })
        .await?;
    Ok(())
}

async fn update(cx: &Cx<'_>, want: &Desired, have: &Trail, key: Option<&str>) -> Result<(), UnitError> {
    let delivery = want.delivery.as_ref();
    // An empty prefix is how one is taken away.
    let prefix = (!have.key_prefix.is_empty()).then(String::new);
    cx.aws
        .cloudtrail()
        .call("UpdateTrail", |c| {
            c.update_trail()
                .name(&want.arn)
                .s3_bucket_name(&want.bucket)
                .set_s3_key_prefix(prefix.clone())
                .is_organization_trail(true)
                .is_multi_region_trail(true)
                .include_global_service_events(true)
                .set_enable_log_file_validation(want.log_file_validation)
                .set_kms_key_id(key.map(str::to_string))
                .set_cloud_watch_logs_log_group_arn(delivery.map(|d| format!("{}:*", d.log_group)))
                .set_cloud_watch_logs_role_arn(delivery.map(|d| d.role.clone()))
                .send()
        })
        .await?;
    Ok(())
}

fn key_to_use(want: &Desired, have: &Actual) -> Result<Option<String>, UnitError> {
    match (&want.kms_key, &have.key_arn) {
        (None, _) => Ok(None),
        (Some(_), Some(arn)) => Ok(Some(arn.clone())),
        (Some(alias), None) => Err(UnitError::new(Kind::Conflict, format!("there is no key {alias}"))
            .hint("apply `log_archive` as well, or set `kms = false` in `[org_trail]`")),
    }
}

/// What `create` leaves: a trail that logs nothing yet.
fn just_made(want: &Desired, events: events::Actual) -> Trail {
    Trail {
        bucket: want.bucket.clone(),
        key_prefix: String::new(),
        multi_region: true,
        global_service_events: true,
        organization: true,
        log_file_validation: want.log_file_validation.unwrap_or(false),
        kms_key: want.kms_key.clone(),
        delivery: want.delivery.clone(),
        logging: false,
        events,
        insights: std::collections::BTreeSet::new(),
        tags: Tags::from([(OWNER_TAG.to_string(), OrgTrail::META.id.to_string())]),
        insight_selectors: Vec::new(),
    }
}

/// The wanted Insights; those that are there keep their further settings.
fn insights(want: &Desired, have: &Trail) -> Vec<InsightSelector> {
    let wanted = want.insights.iter().flatten();
    let selector = |name: &String| {
        let found = have.insight_selectors.iter().find(|s| s.insight_type.as_ref().is_some_and(|t| t.as_str() == name));
        let new = || InsightSelector::builder().insight_type(InsightType::from(name.as_str())).build();
        found.cloned().unwrap_or_else(new)
    };
    wanted.map(selector).collect()
}

fn owner_tag() -> Result<Tag, UnitError> {
    Tag::builder()
        .key(OWNER_TAG)
        .value(OrgTrail::META.id)
        .build()
        .map_err(|e| UnitError::new(Kind::Bug, format!("the owner tag could not be built: {e}")))
}
