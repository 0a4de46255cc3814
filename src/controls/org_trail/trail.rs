//! The trail itself.
//!
//! `UpdateTrail` changes what the request names and leaves the rest. Event and Insight selectors are replaced as a
//! whole, so those of others are read and sent back. The key is found by its alias in the log archive's account and
//! compared as what the alias stands for.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_UpdateTrail.html>

mod events;
mod read;
mod write;

use std::collections::BTreeSet;

use aws_sdk_cloudtrail::types::InsightSelector;
use serde::Serialize;

use super::{Insight, OrgTrail};
use crate::control::{Adjusted, Control, Cx, DesiredCx, Diff, Meta, Removal, Risk, Scope, Seat, Section as _, Want, Wanted};
use crate::controls::log_archive::LogArchive;
use crate::error::UnitError;
use crate::names::{self, LogBucket};
use crate::resource::declared;
use crate::resource::tags::{Tags, diff_owner};

/// Part `trail`.
pub(super) struct OrganizationTrail;

/// What the trail should be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Desired {
    name: String,
    arn: String,
    /// Bucket of the log archive.
    bucket: String,
    /// 12-digit id of the log archive's account.
    log_account: String,
    /// ARN of the alias of the log archive's key; `None`: not managed.
    kms_key: Option<String>,
    /// `None`: not managed.
    log_file_validation: Option<bool>,
    /// Log group and role; `None`: not managed.
    delivery: Option<Delivery>,
    events: events::Desired,
    /// `None`: not managed.
    insights: Option<BTreeSet<String>>,
}

/// Delivery to CloudWatch Logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Delivery {
    /// ARN, without `:*`.
    log_group: String,
    /// ARN.
    role: String,
}

/// What is there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Actual {
    /// ARN of the key behind the wanted alias, where it exists.
    #[serde(skip)]
    key_arn: Option<String>,
    /// Names of other organization trails.
    others: Vec<String>,
    trail: Option<Trail>,
}

/// A trail.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "AWS's own shape")]
struct Trail {
    bucket: String,
    key_prefix: String,
    multi_region: bool,
    global_service_events: bool,
    organization: bool,
    log_file_validation: bool,
    /// Our alias where it is our key, else the ARN.
    kms_key: Option<String>,
    delivery: Option<Delivery>,
    logging: bool,
    events: events::Actual,
    insights: BTreeSet<String>,
    tags: Tags,
    /// As they came, with settings that are not managed.
    #[serde(skip)]
    insight_selectors: Vec<InsightSelector>,
}

impl Insight {
    fn as_str(self) -> &'static str {
        match self {
            Insight::ApiCallRateInsight => "ApiCallRateInsight",
            Insight::ApiErrorRateInsight => "ApiErrorRateInsight",
        }
    }
}

impl Control for OrganizationTrail {
    type Section = OrgTrail;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        part: "trail",
        scope: Scope::Organization,
        seat: Seat::Management,
        elsewhere: &[(Seat::LogArchive, &["kms:DescribeKey"])],
        after: &[
            "log_archive",
            "org_trail.trusted_access",
            "org_trail.log_group",
            "org_trail.log_role",
        ],
        reads: &[
            "cloudtrail:DescribeTrails",
            "cloudtrail:GetEventSelectors",
            "cloudtrail:GetInsightSelectors",
            "cloudtrail:GetTrailStatus",
            "cloudtrail:ListTags",
            "kms:DescribeKey",
        ],
        writes: &[
            "cloudtrail:AddTags",
            "cloudtrail:CreateTrail",
            "cloudtrail:PutEventSelectors",
            "cloudtrail:PutInsightSelectors",
            "cloudtrail:StartLogging",
            "cloudtrail:UpdateTrail",
        ],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, OrgTrail>) -> Vec<Wanted<Desired>> {
        let key = declared::<LogArchive>(cx.baseline).map(|archive| archive.account);
        let log_account = key.as_deref().and_then(|key| cx.baseline.account_id(key, cx.facts));
        let want = match (log_account, key) {
            (Some(id), _) => Want::Set(desired(cx, &id)),
            (None, Some(key)) => {
                Want::Blocked(format!("account `{key}` does not exist yet: run `orgbase vend {key}`"))
            }
            (None, None) => Want::Blocked("no `[log_archive]` is declared".into()),
        };
        vec![Wanted { part: String::new(), at: String::new(), about: None, after: Vec::new(), want }]
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        read::read(cx, want).await
    }

    /// What it has delivered stays in the bucket.
    const REMOVAL: Option<Removal> = Some(Removal {
        writes: &["cloudtrail:DeleteTrail"],
        risk: Risk::Destructive,
        absent: |state| state["trail"].is_null(),
    });

    async fn remove(cx: &Cx<'_>, want: &Desired, _have: &Actual) -> Result<(), UnitError> {
        cx.aws.cloudtrail().call("DeleteTrail", |c| c.delete_trail().name(&want.arn).send()).await?;
        Ok(())
    }

    fn adjust(section: &mut OrgTrail, _cx: &Cx<'_>, want: &Desired, have: &Actual) -> Adjusted {
        let Some(trail) = &have.trail else { return Adjusted::default() };
        let mut said: Vec<String> = ["s3_data_events", "lambda_data_events"].map(Into::into).into();
        if let Some(events) = trail.events.management() {
            section.management_events = events;
            said.push("management_events".into());
        }
        (section.s3_data_events, section.lambda_data_events) = trail.events.data();
        if trail.kms_key != want.kms_key {
            section.kms = false;
            said.push("kms".into());
        }
        if trail.delivery != want.delivery {
            section.without_log_group();
            said.push("cloudwatch_logs".into());
        }
        Adjusted::Said(said)
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        let Some(trail) = &have.trail else {
            let mut d = Diff::new();
            d.create("trail", want);
            return d;
        };
        let mut d = settings(want, trail);
        for other in &have.others {
            let owner = owner_of(other).map(|o| format!(", of {o}")).unwrap_or_default();
            d.notice(format!("there is another organization trail, `{other}`{owner}: its events are billed a second time"));
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        write::write(cx, want, have).await
    }
}

fn desired(cx: &DesiredCx<'_, OrgTrail>, log_account: &str) -> Desired {
    let DesiredCx { section, baseline, facts, .. } = *cx;
    let alias = || facts.arn("kms", cx.region, log_account, &names::log_key_alias(baseline));
    let bucket = names::log_bucket(baseline, LogBucket::Trail, log_account);
    Desired {
        arn: names::trail_arn(baseline, facts, &section.name),
        name: section.name.clone(),
        log_account: log_account.to_string(),
        kms_key: section.kms.then(alias),
        log_file_validation: section.log_file_validation.then_some(true),
        delivery: section.cloudwatch_logs.then(|| Delivery {
            log_group: names::trail_log_group_arn(baseline, facts),
            role: names::trail_log_role_arn(baseline, facts),
        }),
        events: events::Desired {
            management: section.management_events,
            s3: section.s3_data_events,
            lambda: section.lambda_data_events,
            own_objects: facts.arn("s3", "", "", &format!("{bucket}/")),
        },
        bucket,
        insights: section.insights.as_ref().map(|all| all.iter().map(|i| i.as_str().to_string()).collect()),
    }
}

/// Compares the settings of a trail that exists.
fn settings(want: &Desired, have: &Trail) -> Diff {
    let mut d = Diff::new();
    // Whoever reads the old bucket, prefix or log group gets nothing more.
    d.risky("bucket", &have.bucket, Some(&want.bucket), Risk::Disruptive);
    d.risky("key_prefix", &have.key_prefix.as_str(), Some(&""), Risk::Disruptive);
    d.field("organization", &have.organization, Some(&true));
    d.field("multi_region", &have.multi_region, Some(&true));
    d.field("global_service_events", &have.global_service_events, Some(&true));
    d.field("log_file_validation", &have.log_file_validation, want.log_file_validation.as_ref());
    d.field("kms", &have.kms_key, want.kms_key.clone().map(Some).as_ref());
    let risk = if have.delivery.is_some() { Risk::Disruptive } else { Risk::Normal };
    d.risky("cloudwatch_logs", &have.delivery, want.delivery.clone().map(Some).as_ref(), risk);
    d.field("logging", &have.logging, Some(&true));
    want.events.diff(&mut d, &have.events);
    if let Some(wanted) = &want.insights {
        let risk = if have.insights.is_subset(wanted) { Risk::Normal } else { Risk::Disruptive };
        d.risky("insights", &have.insights, Some(wanted), risk);
    }
    diff_owner(&mut d, &have.tags, OrgTrail::META.id);
    d
}

/// Who else makes trails with names like this one.
pub(super) fn owner_of(trail: &str) -> Option<&'static str> {
    crate::resource::owner::of(trail)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::controls::log_archive::tests::{baseline, facts, set};
    use crate::facts::Facts;

    fn wanted_in(facts: &Facts, keys: &str) -> Vec<Wanted<Desired>> {
        let baseline = baseline("", &format!("[org_trail]\nname = \"org-trail\"\n{keys}"));
        let section = declared::<OrgTrail>(&baseline).unwrap();
        let account = &facts.accounts["111111111111"];
        let cx = DesiredCx { section: &section, account, region: "eu-west-1", facts, baseline: &baseline };
        OrganizationTrail::desired(&cx)
    }

    fn wanted(keys: &str) -> Desired {
        set(wanted_in(&facts(), keys)).remove(0)
    }

    /// A trail exactly as wanted.
    fn converged(want: &Desired) -> Trail {
        Trail {
            bucket: want.bucket.clone(),
            key_prefix: String::new(),
            multi_region: true,
            global_service_events: true,
            organization: true,
            log_file_validation: true,
            kms_key: want.kms_key.clone(),
            delivery: want.delivery.clone(),
            logging: true,
            events: events::Actual::of_new_trail(),
            insights: BTreeSet::new(),
            tags: Tags::from([("orgbase".to_string(), "org_trail".to_string())]),
            insight_selectors: Vec::new(),
        }
    }

    fn paths(diff: &Diff) -> Vec<&str> {
        diff.changes.iter().map(|c| c.path.as_str()).collect()
    }

    #[test]
    fn everything_is_named_from_baseline_and_facts() {
        let want = wanted("");
        assert_eq!(want.bucket, "orgbase-cloudtrail-222222222222");
        assert_eq!(want.arn, "arn:aws:cloudtrail:eu-west-1:111111111111:trail/org-trail");
        let alias = "arn:aws:kms:eu-west-1:222222222222:alias/orgbase-log-archive";
        assert_eq!(want.kms_key.as_deref(), Some(alias));
        assert_eq!(want.events.own_objects, "arn:aws:s3:::orgbase-cloudtrail-222222222222/");
        assert_eq!(want.delivery.unwrap().role, "arn:aws:iam::111111111111:role/orgbase-cloudtrail-logs");
    }

    #[test]
    fn a_converged_trail_has_no_diff_and_undeclared_settings_are_not_managed() {
        let want = wanted("");
        assert!(settings(&want, &converged(&want)).is_empty());
        let want = wanted("kms = false\nlog_file_validation = false\ncloudwatch_logs = false");
        let bare = Trail { log_file_validation: false, insights: ["x".to_string()].into(), ..converged(&want) };
        assert!(settings(&want, &bare).is_empty());
    }

    #[test]
    fn a_stopped_and_weakened_trail_is_found() {
        let want = wanted("insights = [\"ApiErrorRateInsight\"]");
        let weak = Trail {
            logging: false,
            multi_region: false,
            log_file_validation: false,
            kms_key: None,
            ..converged(&want)
        };
        let found = settings(&want, &weak);
        assert_eq!(paths(&found), ["multi_region", "log_file_validation", "kms", "logging", "insights"]);
        assert_eq!(found.risk(), Risk::Normal);
    }

    #[test]
    fn another_bucket_or_log_group_is_disruptive() {
        let want = wanted("");
        let moved = Trail { bucket: "elsewhere".into(), ..converged(&want) };
        assert_eq!(settings(&want, &moved).risk(), Risk::Disruptive);
        let none = Trail { delivery: None, ..converged(&want) };
        assert_eq!(settings(&want, &none).risk(), Risk::Normal);
    }

    #[test]
    fn the_trail_waits_for_the_log_archives_account() {
        let mut facts = facts();
        facts.accounts.remove("222222222222");
        assert!(matches!(&wanted_in(&facts, "")[0].want, Want::Blocked(why) if why.contains("orgbase vend log-archive")));
    }

    #[test]
    fn a_second_organization_trail_is_a_notice_beside_ours() {
        let want = wanted("");
        let have = Actual {
            key_arn: None,
            others: vec!["aws-controltower-BaselineCloudTrail".into()],
            trail: Some(converged(&want)),
        };
        let diff = OrganizationTrail::diff(&want, &have);
        assert!(diff.is_empty());
        assert!(diff.notices[0].contains("AWS Control Tower"));
    }
}
