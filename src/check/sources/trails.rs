//! CloudTrail trails: those of the organization, and each account's own.

use std::collections::{BTreeMap, BTreeSet};

use time::OffsetDateTime;

use crate::aws::Clients;
use crate::check::source::{ReadCx, Source};
use crate::compliance::cis::RuleScope;
use crate::error::{Absent as _, CallError};

const READS: &[&str] = &[
    "cloudtrail:DescribeTrails",
    "cloudtrail:ListTrails",
    "cloudtrail:GetTrailStatus",
    "cloudtrail:GetEventSelectors",
];

/// One trail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "AWS's own switches")]
pub(crate) struct Trail {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) home_region: String,
    pub(crate) organization: bool,
    pub(crate) multi_region: bool,
    pub(crate) log_file_validation: bool,
    pub(crate) bucket: String,
    pub(crate) kms_key: Option<String>,
    pub(crate) log_group: Option<String>,
    pub(crate) logging: bool,
    /// When CloudWatch Logs last got something; absent where it never did, or does not.
    pub(crate) delivered_to_logs: Option<OffsetDateTime>,
    pub(crate) started: Option<OffsetDateTime>,
    /// Reads and writes of the control plane are logged.
    pub(crate) all_management_events: bool,
    /// All S3 objects: what is logged of them.
    pub(crate) objects: ObjectEvents,
}

/// What a trail logs of the objects of all buckets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ObjectEvents {
    pub(crate) reads: bool,
    pub(crate) writes: bool,
}

impl Trail {
    /// It logs all management events of all regions now.
    pub(crate) fn is_complete(&self) -> bool {
        self.multi_region && self.logging && self.all_management_events
    }

    /// 12-digit id of the account that it belongs to.
    pub(crate) fn account(&self) -> &str {
        self.arn.split(':').nth(4).unwrap_or_default()
    }
}

/// The organization's trails, as the management account sees them.
pub(crate) struct OrganizationTrails(pub(crate) Vec<Trail>);

impl Source for OrganizationTrails {
    const SCOPE: RuleScope = RuleScope::Org;
    const READS: &'static [&'static str] = READS;

    async fn read(cx: &ReadCx<'_>) -> Result<OrganizationTrails, CallError> {
        let all = visible(cx.aws).await?;
        Ok(OrganizationTrails(details(cx.aws, all.into_iter().filter(|t| t.organization)).await?))
    }
}

/// An account's own trails, in every region.
pub(crate) struct OwnTrails(pub(crate) Vec<Trail>);

impl Source for OwnTrails {
    const SCOPE: RuleScope = RuleScope::Account;
    const READS: &'static [&'static str] = READS;

    async fn read(cx: &ReadCx<'_>) -> Result<OwnTrails, CallError> {
        let own = |t: &Trail| !t.organization && t.account() == cx.aws.account();
        let mut trails: Vec<Trail> = visible(cx.aws).await?.into_iter().filter(own).collect();
        trails.extend(single_region_trails(cx.aws, &trails).await?);
        Ok(OwnTrails(details(cx.aws, trails.into_iter()).await?))
    }
}

/// The trails that the clients' region shows: those at home there, and shadows of multi-region ones.
async fn visible(aws: &Clients) -> Result<Vec<Trail>, CallError> {
    let answer = aws
        .cloudtrail()
        .call("DescribeTrails", |c| c.describe_trails().include_shadow_trails(true).send())
        .await?;
    Ok(answer.trail_list.unwrap_or_default().into_iter().map(from_sdk).collect())
}

/// The account's trails that are at home elsewhere and have no shadow here.
async fn single_region_trails(aws: &Clients, known: &[Trail]) -> Result<Vec<Trail>, CallError> {
    let listed = aws
        .cloudtrail()
        .pages("ListTrails", |c, t| c.list_trails().set_next_token(t).send(), |a| (a.trails, a.next_token))
        .await?;
    let known: BTreeSet<&str> = known.iter().map(|t| t.arn.as_str()).collect();
    let mut elsewhere: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for trail in listed {
        let (Some(arn), Some(home)) = (trail.trail_arn, trail.home_region) else { continue };
        let foreign = arn.split(':').nth(4) != Some(aws.account());
        if !foreign && home != aws.region() && !known.contains(arn.as_str()) {
            elsewhere.entry(home).or_default().push(arn);
        }
    }
    let mut found = Vec::new();
    for (home, arns) in elsewhere {
        let there = aws.elsewhere(aws.account(), &home).await?;
        let answer = there
            .cloudtrail()
            .call("DescribeTrails", |c| c.describe_trails().set_trail_name_list(Some(arns.clone())).send())
            .await?;
        found.extend(answer.trail_list.unwrap_or_default().into_iter().map(from_sdk));
    }
    Ok(found)
}

fn from_sdk(trail: aws_sdk_cloudtrail::types::Trail) -> Trail {
    Trail {
        name: trail.name.unwrap_or_default(),
        arn: trail.trail_arn.unwrap_or_default(),
        home_region: trail.home_region.unwrap_or_default(),
        organization: trail.is_organization_trail.unwrap_or_default(),
        multi_region: trail.is_multi_region_trail.unwrap_or_default(),
        log_file_validation: trail.log_file_validation_enabled.unwrap_or_default(),
        bucket: trail.s3_bucket_name.unwrap_or_default(),
        kms_key: trail.kms_key_id,
        log_group: trail.cloud_watch_logs_log_group_arn,
        ..Trail::default()
    }
}

/// Adds status and selectors, which only a trail's home region tells.
async fn details(aws: &Clients, trails: impl Iterator<Item = Trail>) -> Result<Vec<Trail>, CallError> {
    let mut detailed = Vec::new();
    for trail in trails {
        let home = aws.elsewhere(aws.account(), &trail.home_region).await?.cloudtrail();
        let arn = trail.arn.clone();
        let gone = ["TrailNotFoundException"];
        let status =
            home.call("GetTrailStatus", |c| c.get_trail_status().name(&arn).send()).await.absent(&gone)?;
        let selectors = home
            .call("GetEventSelectors", |c| c.get_event_selectors().trail_name(&arn).send())
            .await
            .absent(&gone)?;
        let (Some(status), Some(selectors)) = (status, selectors) else { continue };
        let moment = |t: aws_smithy_types::DateTime| OffsetDateTime::from_unix_timestamp(t.secs()).ok();
        detailed.push(Trail {
            logging: status.is_logging.unwrap_or_default(),
            delivered_to_logs: status.latest_cloud_watch_logs_delivery_time.and_then(moment),
            started: status.start_logging_time.and_then(moment),
            all_management_events: management_events(&selectors),
            objects: object_events(&selectors, &trail.bucket),
            ..trail
        });
    }
    Ok(detailed)
}

type Selectors = aws_sdk_cloudtrail::operation::get_event_selectors::GetEventSelectorsOutput;

/// Management events, reads and writes.
fn management_events(selectors: &Selectors) -> bool {
    let basic = selectors.event_selectors.iter().flatten().any(|s| {
        s.include_management_events.unwrap_or_default()
            && s.read_write_type.as_ref().is_none_or(|t| t.as_str() == "All")
    });
    let advanced = selectors.advanced_event_selectors.iter().flatten().any(|s| {
        is_category(s, "Management")
            && !s.field_selectors.iter().any(|f| f.field == "readOnly" || f.field == "eventName")
    });
    basic || advanced
}

fn is_category(selector: &aws_sdk_cloudtrail::types::AdvancedEventSelector, category: &str) -> bool {
    let is = |f: &aws_sdk_cloudtrail::types::AdvancedFieldSelector| {
        f.field == "eventCategory" && f.equals.iter().flatten().any(|v| v == category)
    };
    selector.field_selectors.iter().any(is)
}

/// Data events of the objects of all buckets; the trail's own bucket may be left out, since what the trail writes there would
/// be logged again and again.
fn object_events(selectors: &Selectors, own: &str) -> ObjectEvents {
    let mut events = ObjectEvents::default();
    for selector in selectors.event_selectors.iter().flatten() {
        let all = selector.data_resources.iter().flatten().any(|r| {
            r.r#type.as_deref() == Some("AWS::S3::Object")
                && r.values.iter().flatten().any(|v| v.rsplit(':').next().is_some_and(str::is_empty))
        });
        let kind = selector.read_write_type.as_ref().map_or("All", |t| t.as_str());
        events.reads |= all && kind != "WriteOnly";
        events.writes |= all && kind != "ReadOnly";
    }
    for selector in selectors.advanced_event_selectors.iter().flatten().filter(|s| is_category(s, "Data")) {
        let fields = &selector.field_selectors;
        let on_objects = fields.iter().any(|f| {
            f.field == "resources.type" && f.equals.iter().flatten().any(|v| v == "AWS::S3::Object")
        });
        let narrowed = |f: &aws_sdk_cloudtrail::types::AdvancedFieldSelector| match f.field.as_str() {
            "eventCategory" | "resources.type" | "readOnly" => false,
            "resources.ARN" => !leaves_out_only(f, own),
            _ => true,
        };
        if !on_objects || fields.iter().any(narrowed) {
            continue;
        }
        let read_only = fields.iter().find(|f| f.field == "readOnly");
        let values: Vec<&str> =
            read_only.iter().flat_map(|f| f.equals.iter().flatten()).map(String::as_str).collect();
        events.reads |= read_only.is_none() || values.contains(&"true");
        events.writes |= read_only.is_none() || values.contains(&"false");
    }
    events
}

/// Whether a field only leaves out the objects of one bucket.
fn leaves_out_only(field: &aws_sdk_cloudtrail::types::AdvancedFieldSelector, bucket: &str) -> bool {
    let none = |list: &Option<Vec<String>>| list.as_ref().is_none_or(Vec::is_empty);
    let others =
        [&field.equals, &field.starts_with, &field.ends_with, &field.not_equals, &field.not_ends_with];
    let objects = format!(":s3:::{bucket}/");
    others.into_iter().all(none) && field.not_starts_with.iter().flatten().all(|arn| arn.ends_with(&objects))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use aws_sdk_cloudtrail::types::{DataResource, EventSelector, ReadWriteType};

    use super::*;

    fn basic(kind: ReadWriteType, values: &[&str]) -> Selectors {
        let mut resource = DataResource::builder().r#type("AWS::S3::Object");
        for value in values {
            resource = resource.values(*value);
        }
        let selector = EventSelector::builder()
            .read_write_type(kind)
            .include_management_events(true)
            .data_resources(resource.build())
            .build();
        Selectors::builder().event_selectors(selector).build()
    }

    #[test]
    fn all_events_are_reads_and_writes_of_all_buckets() {
        let all = basic(ReadWriteType::All, &["arn:aws:s3:::"]);
        assert!(management_events(&all));
        assert_eq!(object_events(&all, "logs"), ObjectEvents { reads: true, writes: true });
        let writes = basic(ReadWriteType::WriteOnly, &["arn:aws:s3"]);
        assert!(!management_events(&writes));
        let one_bucket = basic(ReadWriteType::All, &["arn:aws:s3:::mine/"]);
        assert_eq!(object_events(&one_bucket, "logs"), ObjectEvents::default());
    }

    #[test]
    fn the_trail_s_own_bucket_may_be_left_out_and_no_other() {
        use aws_sdk_cloudtrail::types::{AdvancedEventSelector, AdvancedFieldSelector};
        let field = |name: &str| AdvancedFieldSelector::builder().field(name);
        let selector = AdvancedEventSelector::builder()
            .field_selectors(field("eventCategory").equals("Data").build().unwrap())
            .field_selectors(field("resources.type").equals("AWS::S3::Object").build().unwrap())
            .field_selectors(field("resources.ARN").not_starts_with("arn:aws:s3:::logs/").build().unwrap())
            .build()
            .unwrap();
        let selectors = Selectors::builder().advanced_event_selectors(selector).build();
        assert_eq!(object_events(&selectors, "logs"), ObjectEvents { reads: true, writes: true });
        assert_eq!(object_events(&selectors, "data"), ObjectEvents::default());
    }
}
