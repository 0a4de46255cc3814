//! VPC flow logs of every VPC, in every region of every account, to the log archive.
//!
//! * A flow log cannot be changed: with other settings a new one is made, then ours of before is deleted. Where AWS takes
//!   the two for the same, ours goes first, and nothing is logged for a moment.
//! * Flow logs of others stay, whatever their destination. Ours is one to the log archive's bucket that carries the owner
//!   tag; one without the tag that is as it should be gets the tag.
//! * The bucket's policy must be there before; AWS looks at it when a flow log is made. Its statements are in
//!   `log_archive/writers.rs`.
//!   <https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3.html>
//! * A shared VPC belongs to its owner, who alone can log it.

mod plan;
mod read;
mod recorded;
mod write;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use plan::{Actual, Desired};

use crate::baseline::Baseline;
use crate::control::{Adjusted, Control, Cx, DesiredCx, Diff, DynControl, Meta, Reference, Scope, Seat, Section, SectionMeta, Shape, Surveyed, Want, Wanted, control};
use crate::controls::log_archive::LogArchive;
use crate::diag::Findings;
use crate::error::UnitError;
use crate::facts::Facts;
use crate::names::{LogBucket, log_bucket};
use crate::resource::{aggregated, declared};

/// Flow logs of every VPC, in every region of every account, the management account included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VpcFlowLogs {
    /// Which traffic is logged. Narrowing it leaves traffic unlogged: needs `--allow-destructive`.
    pub traffic_type: TrafficType,
    /// Packets are gathered for this long before a record is written: 60 or 600. AWS's default is 600.
    #[schemars(extend("x-unit" = "seconds"))]
    pub max_aggregation_interval_seconds: Option<i32>,
    /// Fields of a record, such as `${version} ${srcaddr} ${dstaddr} ${action}`. AWS's default are those of version 2.
    #[schemars(length(min = 1, max = 4096), regex(pattern = r"^\$\{[a-z0-9-]+\}( \$\{[a-z0-9-]+\})*$"))]
    pub log_format: Option<String>,
    /// Format of the files. AWS's default is `plain-text`.
    pub file_format: Option<FileFormat>,
    /// Folders are named so that Hive and Athena find the partitions by themselves. AWS's default is off.
    pub hive_compatible_partitions: Option<bool>,
    /// A folder per hour rather than per day. AWS's default is off.
    pub per_hour_partition: Option<bool>,
}

/// Which traffic is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum TrafficType {
    /// All of it.
    All,
    /// What security groups and network ACLs turned away; the least that CIS asks for.
    Reject,
    /// What they let through.
    Accept,
}

/// Format of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FileFormat {
    /// Text, compressed.
    PlainText,
    /// Apache Parquet: quicker to query, billed more for the conversion.
    Parquet,
}

impl Section for VpcFlowLogs {
    const META: SectionMeta = SectionMeta {
        id: "vpc_flow_logs",
        title: "VPC flow logs",
        summary: "Logs the network traffic of every VPC, in every region of every account and the management account, \
                  to a bucket of the log archive. Flow logs that others made stay beside it.",
        shape: Shape::Table,
        references: &[
            Reference::cis("1.2.0", "2.9"),
            Reference::cis("1.4.0", "3.9"),
            Reference::cis("1.5.0", "3.9"),
            Reference::cis("2.0.0", "3.9"),
            Reference::cis("3.0.0", "3.7"),
            Reference::cis("4.0.1", "3.7"),
            Reference::cis("5.0.0", "3.7"),
            Reference::cis("6.0.0", "4.7"),
            Reference::cis("7.0.0", "4.7"),
            Reference::row("AXN-031"),
            Reference::row("RDM-030"),
            Reference::row("STX-082"),
        ],
        billed: Some("delivery of the logs to S3 per GB, and their storage; Parquet per GB that is converted"),
    };

    fn check(&self, _baseline: &Baseline, findings: &mut Findings<'_>) {
        if let Some(seconds) = self.max_aggregation_interval_seconds.filter(|s| ![60, 600].contains(s)) {
            let message = format!("AWS gathers packets for 60 or 600 seconds, not for {seconds}");
            findings.at("max_aggregation_interval_seconds", message);
        }
    }

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![control::<FlowLogs>()]
    }
}

/// The only part.
struct FlowLogs;

impl Control for FlowLogs {
    type Section = VpcFlowLogs;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        scope: Scope::AccountRegion,
        seat: Seat::Member,
        after: &["log_archive.bucket:flow-logs"],
        reads: &["ec2:DescribeFlowLogs", "ec2:DescribeSecurityGroups", "ec2:DescribeVpcs"],
        writes: &["ec2:CreateFlowLogs", "ec2:CreateTags", "ec2:DeleteFlowLogs"],
        survey: Some(aggregated::SURVEY),
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, VpcFlowLogs>) -> Vec<Wanted<Desired>> {
        let want = match destination(cx.baseline, cx.facts) {
            Ok(destination) => Want::Set(Desired { destination, settings: cx.section.clone() }),
            Err(why) => Want::Blocked(why),
        };
        let (part, at) = (String::new(), String::new());
        vec![Wanted { part, at, about: None, after: Vec::new(), want }]
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        read::read(cx, want).await
    }

    async fn survey(cx: &Cx<'_>) -> Result<Vec<Surveyed<Actual>>, UnitError> {
        recorded::survey(cx).await
    }

    fn adjust(section: &mut VpcFlowLogs, _cx: &Cx<'_>, _want: &Desired, have: &Actual) -> Adjusted {
        plan::adjust(section, have)
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        plan::diff(want, have)
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        write::apply(cx, want, have).await
    }
}

/// ARN of the log archive's bucket for flow logs, or why there is none.
fn destination(baseline: &Baseline, facts: &Facts) -> Result<String, String> {
    let key = declared::<LogArchive>(baseline).ok_or("no `[log_archive]` is declared")?.account;
    let account = baseline.account_id(&key, facts);
    let account = account.ok_or_else(|| format!("account `{key}` does not exist yet: run `orgbase vend {key}`"))?;
    Ok(facts.arn("s3", "", "", &log_bucket(baseline, LogBucket::FlowLogs, &account)))
}
