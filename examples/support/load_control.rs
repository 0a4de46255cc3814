//! A synthetic section for the benchmark: twelve controls of one read each, nine of them in every region of every account.
//!
//! They are real controls: the engine plans them as it plans those of the product, with real SDK operations in the five
//! protocols of AWS. What they want is that the target's answer holds as many entries as it does.

use orgbase::aws::Items as _;
use orgbase::baseline::Baseline;
use orgbase::control::{
    Control, Cx, DesiredCx, Diff, DynControl, Meta, Scope, Seat, Section, SectionMeta, Shape, Want, Wanted,
    control,
};
use orgbase::error::UnitError;
use orgbase::facts::Facts;
use orgbase::units::{Task, Unit, UnitId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::load_answers::{ALARMS, ALIASES, FILTERS, SUMMARY, TOPICS};

/// The section.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct Load {}

impl Section for Load {
    const META: SectionMeta = SectionMeta {
        id: "load",
        title: "Load",
        summary: "Reads for the benchmark.",
        shape: Shape::Table,
        references: &[],
        billed: None,
    };

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![
            control::<Read<0>>(),
            control::<Read<1>>(),
            control::<Read<2>>(),
            control::<Read<3>>(),
            control::<Read<4>>(),
            control::<Read<5>>(),
            control::<Read<6>>(),
            control::<Read<7>>(),
            control::<Read<8>>(),
            control::<Read<9>>(),
            control::<Read<10>>(),
            control::<Read<11>>(),
        ]
    }
}

/// One control: its part, its operation, its scope, and how many entries the answer holds.
struct Probe(&'static str, &'static [&'static str], Scope, usize);

const PROBES: [Probe; 12] = [
    Probe("password_policy", &["iam:GetAccountPasswordPolicy"], Scope::Account, 1),
    Probe("account_summary", &["iam:GetAccountSummary"], Scope::Account, SUMMARY),
    Probe("account_aliases", &["iam:ListAccountAliases"], Scope::Account, 1),
    Probe("trails", &["cloudtrail:DescribeTrails"], Scope::AccountRegion, 1),
    Probe("metric_filters", &["logs:DescribeMetricFilters"], Scope::AccountRegion, FILTERS),
    Probe("alarms", &["cloudwatch:DescribeAlarms"], Scope::AccountRegion, ALARMS),
    Probe("ebs_encryption", &["ec2:GetEbsEncryptionByDefault"], Scope::AccountRegion, 1),
    Probe("security_groups", &["ec2:DescribeSecurityGroups"], Scope::AccountRegion, 1),
    Probe("detectors", &["guardduty:ListDetectors"], Scope::AccountRegion, 1),
    Probe("standards", &["securityhub:GetEnabledStandards"], Scope::AccountRegion, 1),
    Probe("aliases", &["kms:ListAliases"], Scope::AccountRegion, ALIASES),
    Probe("topics", &["sns:ListTopics"], Scope::AccountRegion, TOPICS),
];

/// Control number N.
struct Read<const N: usize>;

impl<const N: usize> Control for Read<N> {
    type Section = Load;
    type Desired = usize;
    type Actual = usize;
    const META: Meta = Meta {
        part: PROBES[N].0,
        scope: PROBES[N].2,
        seat: Seat::Member,
        reads: PROBES[N].1,
        ..Meta::DEFAULT
    };

    fn desired(_cx: &DesiredCx<'_, Load>) -> Vec<Wanted<usize>> {
        Wanted::one(PROBES[N].3)
    }

    async fn read(cx: &Cx<'_>, _want: &usize) -> Result<usize, UnitError> {
        match Self::META.part {
            "trails" | "metric_filters" | "alarms" | "topics" => read_logging(cx, Self::META.part).await,
            "password_policy" | "account_summary" | "account_aliases" => {
                read_account(cx, Self::META.part).await
            }
            part => read_region(cx, part).await,
        }
    }

    fn diff(want: &usize, have: &usize) -> Diff {
        let mut diff = Diff::new();
        diff.field("entries", have, Some(want));
        diff
    }

    async fn apply(_cx: &Cx<'_>, _want: &usize, _have: &usize) -> Result<(), UnitError> {
        Ok(())
    }
}

async fn read_account(cx: &Cx<'_>, part: &str) -> Result<usize, UnitError> {
    let iam = cx.aws.iam();
    Ok(match part {
        "password_policy" => {
            let answer =
                iam.call("GetAccountPasswordPolicy", |c| c.get_account_password_policy().send()).await?;
            usize::from(answer.password_policy.is_some())
        }
        "account_summary" => {
            let answer = iam.call("GetAccountSummary", |c| c.get_account_summary().send()).await?;
            answer.summary_map.map_or(0, |map| map.len())
        }
        _ => {
            let answer = iam.call("ListAccountAliases", |c| c.list_account_aliases().send()).await?;
            answer.account_aliases.len()
        }
    })
}

async fn read_logging(cx: &Cx<'_>, part: &str) -> Result<usize, UnitError> {
    Ok(match part {
        "trails" => {
            let call = cx.aws.cloudtrail().call("DescribeTrails", |c| c.describe_trails().send()).await?;
            call.trail_list.into_items().len()
        }
        "metric_filters" => {
            let logs = cx.aws.logs();
            let take = |a: aws_sdk_cloudwatchlogs::operation::describe_metric_filters::DescribeMetricFiltersOutput| {
                (a.metric_filters, a.next_token)
            };
            logs.pages(
                "DescribeMetricFilters",
                |c, t| c.describe_metric_filters().set_next_token(t).send(),
                take,
            )
            .await?
            .len()
        }
        "alarms" => {
            let call = cx.aws.cloudwatch().call("DescribeAlarms", |c| c.describe_alarms().send()).await?;
            call.metric_alarms.into_items().len()
        }
        _ => cx.aws.sns().call("ListTopics", |c| c.list_topics().send()).await?.topics.into_items().len(),
    })
}

async fn read_region(cx: &Cx<'_>, part: &str) -> Result<usize, UnitError> {
    Ok(match part {
        "ebs_encryption" => {
            let ec2 = cx.aws.ec2();
            let answer =
                ec2.call("GetEbsEncryptionByDefault", |c| c.get_ebs_encryption_by_default().send()).await?;
            usize::from(answer.ebs_encryption_by_default.is_some())
        }
        "security_groups" => {
            let ec2 = cx.aws.ec2();
            let answer = ec2
                .call("DescribeSecurityGroups", |c| c.describe_security_groups().max_results(1000).send())
                .await?;
            answer.security_groups.into_items().len()
        }
        "detectors" => {
            let call = cx.aws.guardduty().call("ListDetectors", |c| c.list_detectors().send()).await?;
            call.detector_ids.into_items().len()
        }
        "standards" => {
            let hub = cx.aws.securityhub();
            let answer = hub.call("GetEnabledStandards", |c| c.get_enabled_standards().send()).await?;
            answer.standards_subscriptions.into_items().len()
        }
        _ => cx.aws.kms().call("ListAliases", |c| c.list_aliases().send()).await?.aliases.into_items().len(),
    })
}

/// The units of the section, in the order in which the product spreads its own: controls, accounts, regions.
pub(crate) fn units(facts: &Facts, baseline: &Baseline) -> Vec<Unit> {
    let mut units = Vec::new();
    for control in Load::controls() {
        for account in facts.accounts.values().filter(|a| a.id != facts.management_account) {
            let regional = control.meta().scope == Scope::AccountRegion;
            let regions = facts.management_regions.iter().take(if regional { usize::MAX } else { 1 });
            for region in regions {
                let wanted = control.desired(&Load {}, account, region, facts, baseline);
                units.extend(wanted.into_iter().filter_map(|wanted| {
                    let Want::Set(task) = wanted.want else { return None };
                    let id = UnitId {
                        control: Load::META.id.to_owned(),
                        part: control.meta().part.to_owned(),
                        account: account.id.clone(),
                        region: region.clone(),
                    };
                    Some(Unit::alone(id, account.id.clone(), control.meta(), Task::Do(task)))
                }));
            }
        }
    }
    units
}
