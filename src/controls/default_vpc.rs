//! The default VPC: removed where nothing uses it.
//!
//! * Opt-in, `Destructive`, and only where every check says that nothing is in it or counts on it; a check that could not be
//!   made is a failure, and nothing is removed. What stands in the way is named.
//! * Order: internet gateway, subnets, VPC; its main route table, default network ACL and default security group go with it.
//!   <https://docs.aws.amazon.com/vpc/latest/userguide/work-with-default-vpc.html>
//! * `CreateDefaultVpc` makes a new one, whose parts have new ids: that is all that `undo` can do.

mod checks;
mod remove;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::baseline::Baseline;
use crate::control::{Control, Cx, DesiredCx, Diff, DynControl, Import, ImportCx, Meta, Reference, Risk, Scope, Seat, Section, SectionMeta, Shape, Wanted, control};
use crate::diag::Findings;
use crate::error::UnitError;

/// The default VPC, in every region of every account, the management account included.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DefaultVpc {
    /// Removes the default VPC where nothing uses it: needs `--allow-destructive`. `false`: not managed.
    pub remove: bool,
    /// There are no subnet groups of RDS, ElastiCache, Redshift, MemoryDB, DAX or DMS in default VPCs. orgbase cannot list
    /// them: without this it keeps the default VPC in every account that has ever used one of these services.
    pub no_subnet_groups: bool,
}

impl Section for DefaultVpc {
    const META: SectionMeta = SectionMeta {
        id: "default_vpc",
        title: "Default VPC",
        summary: "Removes the default VPC from every region of every account and the management account, where \
                  nothing uses it: no network interface, endpoint, peering, gateway attachment, NAT gateway or \
                  unassigned Elastic IP address; no subnet, security group, network ACL or route table that people \
                  made; no subnet group; no launch template that names its subnets. Elsewhere it stays, and the plan \
                  says why.",
        shape: Shape::Table,
        references: &[Reference::row("FXL-020").partly("other unused VPCs, subnets and security groups")],
        billed: None,
    };

    fn check(&self, _baseline: &Baseline, findings: &mut Findings<'_>) {
        if self.no_subnet_groups && !self.remove {
            findings.hint("no_subnet_groups", "nothing is removed", "declare `remove = true` as well");
        }
    }

    /// Where there is none any more, none shall be; one that is there is not for a baseline to keep.
    fn import(_cx: &ImportCx<'_>) -> Import<DefaultVpc> {
        Import::Ask(DefaultVpc { remove: true, no_subnet_groups: false })
    }

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![control::<Removal>()]
    }
}

/// The only part.
struct Removal;

/// The default VPC shall go.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Desired {
    no_subnet_groups: bool,
}

/// What is there; absent: no default VPC.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Actual(Option<Found>);

/// A default VPC.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Found {
    vpc: String,
    cidr: String,
    /// By id, in order.
    subnets: Vec<String>,
    /// Internet gateways that are attached to it.
    internet_gateways: Vec<String>,
    /// Those that a run which was killed had detached.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_behind: Vec<String>,
    /// Why it stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    obstacle: Option<String>,
}

impl Control for Removal {
    type Section = DefaultVpc;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        scope: Scope::AccountRegion,
        seat: Seat::Member,
        // Not the other way round: these must not wait for somebody to allow a removal.
        after: &["default_security_groups", "vpc_flow_logs"],
        reads: &[
            "ec2:DescribeAddresses",
            "ec2:DescribeCarrierGateways",
            "ec2:DescribeEgressOnlyInternetGateways",
            "ec2:DescribeInternetGateways",
            "ec2:DescribeLaunchTemplateVersions",
            "ec2:DescribeNatGateways",
            "ec2:DescribeNetworkAcls",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeRouteTables",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeTransitGatewayVpcAttachments",
            "ec2:DescribeVpcEndpoints",
            "ec2:DescribeVpcPeeringConnections",
            "ec2:DescribeVpcs",
            "ec2:DescribeVpnGateways",
            "iam:GetRole",
            "iam:ListRoles",
        ],
        writes: &[
            "ec2:CreateTags",
            "ec2:DeleteInternetGateway",
            "ec2:DeleteSubnet",
            "ec2:DeleteVpc",
            "ec2:DetachInternetGateway",
        ],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, DefaultVpc>) -> Vec<Wanted<Desired>> {
        let DefaultVpc { remove, no_subnet_groups } = *cx.section;
        if remove { Wanted::one(Desired { no_subnet_groups }) } else { Vec::new() }
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        let Some(mut found) = checks::find(cx).await? else { return Ok(Actual(None)) };
        found.obstacle = checks::obstacle(cx, want, &mut found).await?;
        Ok(Actual(Some(found)))
    }

    fn import(_cx: &Cx<'_>, _want: &Desired, have: &Actual) -> Option<DefaultVpc> {
        have.0.is_none().then_some(DefaultVpc { remove: true, no_subnet_groups: false })
    }

    fn diff(_want: &Desired, have: &Actual) -> Diff {
        let mut d = Diff::new();
        let Some(found) = &have.0 else { return d };
        if let Some(obstacle) = &found.obstacle {
            d.notice(format!("the default VPC {} stays: {obstacle}", found.vpc));
            return d;
        }
        d.delete("remove", found, Risk::Destructive);
        d.notice("what is removed cannot come back: `undo` makes a new default VPC, with new ids");
        d
    }

    async fn apply(cx: &Cx<'_>, _want: &Desired, have: &Actual) -> Result<(), UnitError> {
        match &have.0 {
            Some(found) if found.obstacle.is_none() => remove::remove(cx, found).await,
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    const WANT: Desired = Desired { no_subnet_groups: false };

    fn found(obstacle: Option<&str>) -> Actual {
        let obstacle = obstacle.map(ToString::to_string);
        Actual(Some(Found { vpc: "vpc-1".into(), obstacle, ..Found::default() }))
    }

    #[test]
    fn a_removal_is_destructive_and_says_what_undo_can_do() {
        let diff = Removal::diff(&WANT, &found(None));
        assert_eq!((diff.changes.len(), diff.risk()), (1, Risk::Destructive));
        assert!(diff.notices[0].contains("new ids"));
        assert!(Removal::diff(&WANT, &Actual(None)).notices.is_empty());
    }

    #[test]
    fn what_stands_in_the_way_keeps_it() {
        let diff = Removal::diff(&WANT, &found(Some("a network interface is in it (eni-1)")));
        assert!(diff.is_empty() && diff.notices[0].contains("vpc-1 stays: a network interface"));
    }

    #[test]
    fn a_promise_without_a_removal_is_a_mistake() {
        let text = "version = 1\n[organization]\nhome_region = \"eu-west-1\"\n[default_vpc]\nno_subnet_groups = true\n";
        assert_eq!(Baseline::parse("t.toml", text).unwrap_err().findings.len(), 1);
    }
}
