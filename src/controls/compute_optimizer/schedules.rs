//! The schedules that export: one for each kind, in a group of their own in each region.
//!
//! A schedule has no tags, so the group carries the owner tag, and in it the names of kinds are ours; others in it are left
//! alone. `UpdateSchedule` replaces the whole: description, window, retries, dead-letter queue, dates and key are read and
//! sent back.
//! <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_UpdateSchedule.html>
//! Universal targets: <https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html>

use std::collections::BTreeMap;

use aws_sdk_scheduler::operation::get_schedule::GetScheduleOutput;
use aws_sdk_scheduler::types::{FlexibleTimeWindow, FlexibleTimeWindowMode, ScheduleGroupState, ScheduleState, Tag, Target};
use serde::Serialize;
use serde_json::{Value, json};

use super::{ComputeOptimizer, Kind};
use crate::aws::Clients;
use crate::control::{Adjusted, Control, Cx, DesiredCx, Diff, Meta, Risk, Scope, Seat, Section as _, Want, Wanted};
use crate::controls::log_archive::LogArchive;
use crate::error::{Absent, Kind as ErrorKind, UnitError};
use crate::names::{self, LogBucket, OWNER_TAG};
use crate::resource::declared;
use crate::resource::tags::{Tags, diff_owner};

/// Code of a group or schedule that does not exist.
const NONE: &[&str] = &["ResourceNotFoundException"];
/// Code of one that somebody, or a lost answer, made meanwhile.
const THERE: &[&str] = &["ConflictException"];

/// Part `schedules`.
pub(super) struct Schedules;

/// The group of a region and our schedules in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Desired {
    group: String,
    /// By name. None: those that are there are taken away, and no group is made for it.
    schedules: BTreeMap<String, Schedule>,
}

/// A schedule, as far as we use schedules.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Schedule {
    /// `cron(...)`
    expression: String,
    time_zone: String,
    enabled: bool,
    /// ARN of the universal target.
    target: String,
    role: String,
    /// Input of the target's operation.
    input: Value,
}

/// What is there.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Actual {
    /// `None`: there is no group.
    group: Option<Group>,
    schedules: BTreeMap<String, Schedule>,
    /// The same as they came.
    #[serde(skip)]
    live: BTreeMap<String, GetScheduleOutput>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Group {
    arn: String,
    deleting: bool,
    tags: Tags,
}

impl Control for Schedules {
    type Section = ComputeOptimizer;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        part: "schedules",
        scope: Scope::OrganizationRegion,
        seat: Seat::Management,
        after: &[
            "compute_optimizer.export_role",
            "compute_optimizer.bucket@region",
            "log_archive.bucket:exports",
        ],
        reads: &[
            "scheduler:GetSchedule",
            "scheduler:GetScheduleGroup",
            "scheduler:ListSchedules",
            "scheduler:ListTagsForResource",
        ],
        writes: &[
            "scheduler:CreateSchedule",
            "scheduler:CreateScheduleGroup",
            "scheduler:DeleteSchedule",
            "scheduler:TagResource",
            "scheduler:UpdateSchedule",
        ],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, ComputeOptimizer>) -> Vec<Wanted<Desired>> {
        let Some(kinds) = cx.section.kinds_in(cx.region) else { return Vec::new() };
        let want = match desired(cx, kinds) {
            Ok(want) => Want::Set(want),
            Err(why) => Want::Blocked(why),
        };
        vec![Wanted { part: String::new(), at: String::new(), about: None, after: Vec::new(), want }]
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        let scheduler = cx.aws.scheduler();
        let name = format!("schedule-group/{}", want.group);
        let arn = cx.facts.arn("scheduler", cx.aws.region(), cx.aws.account(), &name);
        let tags = scheduler
            .call("ListTagsForResource", |c| c.list_tags_for_resource().resource_arn(&arn).send())
            .await
            .absent(NONE)?;
        let Some(tags) = tags else { return Ok(Actual::default()) };
        let tags = tags.tags.unwrap_or_default().into_iter().map(|t| (t.key, t.value)).collect();
        let live = schedules(cx.aws, &want.group).await?;
        let schedules = live.iter().map(|(name, schedule)| (name.clone(), from_live(schedule))).collect();
        let group = Some(Group { arn, deleting: false, tags });
        let mut have = Actual { group, schedules, live };
        // A group that is being deleted loses its schedules: only where something differs it is worth asking.
        if !Schedules::diff(want, &have).is_empty() {
            let state = state(cx.aws, &want.group).await?;
            match (state, &mut have.group) {
                (None, _) => return Ok(Actual::default()),
                (Some(state), Some(group)) => group.deleting = state == ScheduleGroupState::Deleting,
                (Some(_), None) => {}
            }
        }
        Ok(have)
    }

    /// What is exported and when, as the first schedule says.
    fn adjust(section: &mut ComputeOptimizer, _cx: &Cx<'_>, want: &Desired, have: &Actual) -> Adjusted {
        let cron = |schedule: &Schedule| {
            let inside = schedule.expression.strip_prefix("cron(")?.strip_suffix(')')?;
            Some((inside.to_string(), schedule.time_zone.clone()))
        };
        let first = have.schedules.values().next().and_then(cron);
        let (Some(exports), Some((cron, time_zone)), false) = (&mut section.exports, first, want.schedules.is_empty())
        else {
            section.exports = None;
            return Adjusted::said(&["exports."]);
        };
        let there = |kind: &Kind| have.schedules.contains_key(&kind.label());
        exports.kinds = Kind::ALL.into_iter().filter(there).collect();
        (exports.cron, exports.time_zone) = (cron, time_zone);
        Adjusted::said(&["exports.kinds."])
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        let mut d = Diff::new();
        match &have.group {
            Some(group) if group.deleting => {
                d.pending = Some(format!("the schedule group {} is DELETING", want.group));
                return d;
            }
            // A group of nobody with schedules of kinds becomes ours with the first one that is wanted.
            Some(group) if !want.schedules.is_empty() => diff_owner(&mut d, &group.tags, ComputeOptimizer::META.id),
            Some(_) => {}
            None if want.schedules.is_empty() => return d,
            None => d.create("exports.group", &want.group),
        }
        let path = |name: &str| format!("exports.kinds.{name}");
        for (name, schedule) in &want.schedules {
            d.optional(&path(name), have.schedules.get(name), Some(schedule), Risk::Normal);
        }
        for (name, schedule) in obsolete(want, have) {
            d.delete(&path(name), schedule, Risk::Disruptive);
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        let scheduler = cx.aws.scheduler();
        let d = Schedules::diff(want, have);
        match &have.group {
            None => {
                let tag = owner_tag()?;
                scheduler
                    .call("CreateScheduleGroup", |c| {
                        c.create_schedule_group().name(&want.group).tags(tag.clone()).send()
                    })
                    .await
                    .absent(THERE)?;
            }
            Some(group) if d.changes.iter().any(|c| c.path.starts_with("tags.")) => {
                let tag = owner_tag()?;
                scheduler
                    .call("TagResource", |c| c.tag_resource().resource_arn(&group.arn).tags(tag.clone()).send())
                    .await?;
            }
            Some(_) => {}
        }
        for (name, schedule) in want.schedules.iter().filter(|(name, s)| have.schedules.get(*name) != Some(*s)) {
            match have.live.get(name) {
                None => create(cx.aws, &want.group, name, schedule).await?,
                Some(live) => update(cx.aws, &want.group, name, schedule, live).await?,
            }
        }
        for (name, _) in obsolete(want, have) {
            scheduler
                .call("DeleteSchedule", |c| c.delete_schedule().group_name(&want.group).name(name).send())
                .await
                .absent(NONE)?;
        }
        Ok(())
    }
}

fn desired(cx: &DesiredCx<'_, ComputeOptimizer>, kinds: &[Kind]) -> Result<Desired, String> {
    let (baseline, facts) = (cx.baseline, cx.facts);
    let group = names::export_group(baseline);
    let Some(exports) = cx.section.exports.as_ref().filter(|_| !kinds.is_empty()) else {
        return Ok(Desired { group, schedules: BTreeMap::new() });
    };
    let archive = declared::<LogArchive>(baseline).ok_or("exports go to the log archive, which is not declared")?;
    let account = baseline.account_id(&archive.account, facts).ok_or_else(|| {
        format!("account `{0}` does not exist yet: run `orgbase vend {0}`", archive.account)
    })?;
    let bucket = if cx.region == baseline.organization.home_region {
        names::log_bucket(baseline, LogBucket::Exports, &account)
    } else {
        names::export_bucket(baseline, cx.region, &account)
    };
    let schedule = |kind: &Kind| {
        let label = kind.label();
        let schedule = Schedule {
            expression: format!("cron({})", exports.cron),
            time_zone: exports.time_zone.clone(),
            enabled: true,
            target: facts.arn("scheduler", "", "", &format!("aws-sdk:computeoptimizer:{}", kind.target_action())),
            role: names::export_role_arn(baseline, facts),
            input: input(&bucket, &label, cx.section.include_member_accounts),
        };
        (label, schedule)
    };
    Ok(Desired { group, schedules: kinds.iter().map(schedule).collect() })
}

/// Input of an export. Guess: members begin with a capital letter, as those of other universal targets do; the guide shows
/// none whose API has small ones.
fn input(bucket: &str, folder: &str, members: bool) -> Value {
    json!({
        "IncludeMemberAccounts": members,
        "S3DestinationConfig": { "Bucket": bucket, "KeyPrefix": folder },
    })
}

/// State of a schedule group; absent where there is none.
async fn state(aws: &Clients, group: &str) -> Result<Option<ScheduleGroupState>, UnitError> {
    let answer = aws
        .scheduler()
        .call("GetScheduleGroup", |c| c.get_schedule_group().name(group).send())
        .await
        .absent(NONE)?;
    let Some(answer) = answer else { return Ok(None) };
    answer.state.map(Some).ok_or_else(|| UnitError::missing("the schedule group's state"))
}

/// Our schedules of a group: those that are named like a kind.
async fn schedules(aws: &Clients, group: &str) -> Result<BTreeMap<String, GetScheduleOutput>, UnitError> {
    let scheduler = aws.scheduler();
    let listed = scheduler
        .pages(
            "ListSchedules",
            |c, token| c.list_schedules().group_name(group).set_next_token(token).send(),
            |out| (Some(out.schedules), out.next_token),
        )
        .await?;
    let ours: Vec<String> = Kind::ALL.iter().map(|kind| kind.label()).collect();
    let mut found = BTreeMap::new();
    for name in listed.into_iter().filter_map(|s| s.name).filter(|name| ours.contains(name)) {
        let schedule = scheduler
            .call("GetSchedule", |c| c.get_schedule().group_name(group).name(&name).send())
            .await
            .absent(NONE)?;
        found.extend(schedule.map(|schedule| (name, schedule)));
    }
    Ok(found)
}

fn from_live(live: &GetScheduleOutput) -> Schedule {
    let target = live.target.as_ref();
    let text = |value: Option<&String>| value.cloned().unwrap_or_default();
    let input = target.and_then(|t| t.input.as_deref()).unwrap_or_default();
    Schedule {
        expression: text(live.schedule_expression.as_ref()),
        time_zone: live.schedule_expression_timezone.clone().unwrap_or_else(|| "UTC".into()),
        enabled: live.state == Some(ScheduleState::Enabled),
        target: text(target.map(|t| &t.arn)),
        role: text(target.map(|t| &t.role_arn)),
        input: serde_json::from_str(input).unwrap_or_else(|_| input.into()),
    }
}

/// Schedules of kinds that are not wanted, where the group is ours.
fn obsolete<'a>(want: &'a Desired, have: &'a Actual) -> impl Iterator<Item = (&'a String, &'a Schedule)> {
    let owner = have.group.as_ref().and_then(|group| group.tags.get(OWNER_TAG));
    let is_ours = owner.is_some_and(|section| section == ComputeOptimizer::META.id);
    have.schedules.iter().filter(move |(name, _)| is_ours && !want.schedules.contains_key(*name))
}

async fn create(aws: &Clients, group: &str, name: &str, want: &Schedule) -> Result<(), UnitError> {
    let target = target(want, None)?;
    let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().map_err(|e| defect(&e))?;
    aws.scheduler()
        .call("CreateSchedule", |c| {
            c.create_schedule()
                .group_name(group)
                .name(name)
                .description("Exports the recommendations of Compute Optimizer to the log archive")
                .schedule_expression(&want.expression)
                .schedule_expression_timezone(&want.time_zone)
                .state(ScheduleState::Enabled)
                .flexible_time_window(window.clone())
                .target(target.clone())
                .send()
        })
        .await
        .absent(THERE)?;
    Ok(())
}

async fn update(
    aws: &Clients,
    group: &str,
    name: &str,
    want: &Schedule,
    live: &GetScheduleOutput,
) -> Result<(), UnitError> {
    let target = target(want, live.target.as_ref())?;
    let window =
        live.flexible_time_window.clone().ok_or_else(|| UnitError::missing("the schedule's time window"))?;
    aws.scheduler()
        .call("UpdateSchedule", |c| {
            c.update_schedule()
                .group_name(group)
                .name(name)
                .set_description(live.description.clone())
                .set_start_date(live.start_date)
                .set_end_date(live.end_date)
                .set_kms_key_arn(live.kms_key_arn.clone())
                .set_action_after_completion(live.action_after_completion.clone())
                .schedule_expression(&want.expression)
                .schedule_expression_timezone(&want.time_zone)
                .state(ScheduleState::Enabled)
                .flexible_time_window(window.clone())
                .target(target.clone())
                .send()
        })
        .await?;
    Ok(())
}

/// The target, with the retries and the dead-letter queue that are there.
fn target(want: &Schedule, live: Option<&Target>) -> Result<Target, UnitError> {
    Target::builder()
        .arn(&want.target)
        .role_arn(&want.role)
        .input(want.input.to_string())
        .set_retry_policy(live.and_then(|t| t.retry_policy.clone()))
        .set_dead_letter_config(live.and_then(|t| t.dead_letter_config.clone()))
        .build()
        .map_err(|e| defect(&e))
}

fn owner_tag() -> Result<Tag, UnitError> {
    Tag::builder().key(OWNER_TAG).value(ComputeOptimizer::META.id).build().map_err(|e| defect(&e))
}

fn defect(e: &dyn std::fmt::Display) -> UnitError {
    UnitError::new(ErrorKind::Bug, format!("a schedule could not be built: {e}"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::super::tests::EXPORTS;
    use super::*;
    use crate::controls::log_archive::tests::{baseline, facts, set};

    fn want(region: &str, keys: &str) -> Desired {
        let (facts, baseline) = (facts(), baseline("", &format!("{EXPORTS}{keys}")));
        let section = declared::<ComputeOptimizer>(&baseline).unwrap();
        let account = &facts.accounts["111111111111"];
        let cx = DesiredCx { section: &section, account, region, facts: &facts, baseline: &baseline };
        set(Schedules::desired(&cx)).remove(0)
    }

    /// A group of ours with the wanted schedules.
    fn have(want: &Desired) -> Actual {
        let tags = Tags::from([("orgbase".to_string(), "compute_optimizer".to_string())]);
        let group = Group { arn: "arn".into(), deleting: false, tags };
        Actual { group: Some(group), schedules: want.schedules.clone(), live: BTreeMap::new() }
    }

    fn paths(want: &Desired, have: &Actual) -> Vec<String> {
        Schedules::diff(want, have).changes.into_iter().map(|c| c.path).collect()
    }

    #[test]
    fn each_kind_goes_to_the_bucket_of_its_region() {
        let bucket = |want: &Desired| want.schedules["ebs-volume"].input["S3DestinationConfig"]["Bucket"].clone();
        assert_eq!(bucket(&want("eu-west-1", "")), "orgbase-exports-222222222222");
        let away = want("us-east-1", "time_zone = \"Australia/Brisbane\"");
        assert_eq!(bucket(&away), "orgbase-exports-us-east-1-222222222222");
        let schedule = &away.schedules["ec2-instance"];
        assert_eq!(schedule.target, "arn:aws:scheduler:::aws-sdk:computeoptimizer:exportEC2InstanceRecommendations");
        assert_eq!((schedule.expression.as_str(), schedule.time_zone.as_str()), ("cron(0 0 ? * MON *)", "Australia/Brisbane"));
    }

    #[test]
    fn what_differs() {
        let want = want("eu-west-1", "");
        assert!(paths(&want, &have(&want)).is_empty());
        let all = ["exports.group", "exports.kinds.ebs-volume", "exports.kinds.ec2-instance"];
        assert_eq!(paths(&want, &Actual::default()), all);
        let mut other = have(&want);
        other.schedules.get_mut("ebs-volume").unwrap().enabled = false;
        other.group.as_mut().unwrap().tags.clear();
        assert_eq!(paths(&want, &other), ["tags.orgbase", "exports.kinds.ebs-volume"]);
    }

    #[test]
    fn a_kind_that_left_the_list_is_taken_away_where_the_group_is_ours() {
        let both = want("eu-west-1", "");
        let none = Desired { schedules: BTreeMap::new(), ..both.clone() };
        assert_eq!(paths(&none, &have(&both)), ["exports.kinds.ebs-volume", "exports.kinds.ec2-instance"]);
        let mut theirs = have(&both);
        theirs.group.as_mut().unwrap().tags.clear();
        assert!(paths(&none, &theirs).is_empty());
        assert!(paths(&none, &Actual::default()).is_empty());
    }

    #[test]
    fn a_group_that_goes_away_is_waited_for() {
        let want = want("eu-west-1", "");
        let mut leaving = have(&want);
        leaving.group.as_mut().unwrap().deleting = true;
        assert!(Schedules::diff(&want, &leaving).pending.is_some());
    }
}
