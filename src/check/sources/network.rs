//! EC2's networks: security groups, network ACLs, flow logs, peering.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::source::{ReadCx, Source};
use crate::compliance::cis::RuleScope;
use crate::error::CallError;

/// A page: with one, `DescribeSecurityGroups` has the higher of its two rates.
const PAGE: i32 = 1000;

/// A security group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) ingress: Vec<Rule>,
    /// It has rules for outgoing traffic.
    pub(crate) has_egress: bool,
}

/// A rule that lets traffic in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rule {
    /// `tcp`, `udp`, a number, or `-1` for all.
    pub(crate) protocol: String,
    pub(crate) from: Option<i32>,
    pub(crate) to: Option<i32>,
    /// 0.0.0.0/0 is among its sources.
    pub(crate) any_ipv4: bool,
    /// ::/0 is.
    pub(crate) any_ipv6: bool,
}

impl Rule {
    /// It lets TCP (or, with `udp`, UDP too) traffic to a port in.
    pub(crate) fn covers(&self, port: i32, udp: bool) -> bool {
        match self.protocol.as_str() {
            "-1" => true,
            "tcp" | "6" => self.has(port),
            "udp" | "17" => udp && self.has(port),
            _ => false,
        }
    }

    fn has(&self, port: i32) -> bool {
        self.from.unwrap_or(0) <= port && port <= self.to.unwrap_or(65535)
    }
}

/// The region's security groups.
pub(crate) struct SecurityGroups(pub(crate) Vec<Group>);

impl Source for SecurityGroups {
    const SCOPE: RuleScope = RuleScope::AccountRegion;
    const READS: &'static [&'static str] = &["ec2:DescribeSecurityGroups"];

    async fn read(cx: &ReadCx<'_>) -> Result<SecurityGroups, CallError> {
        let groups = cx
            .aws
            .ec2()
            .pages(
                "DescribeSecurityGroups",
                |c, t| c.describe_security_groups().max_results(PAGE).set_next_token(t).send(),
                |a| (a.security_groups, a.next_token),
            )
            .await?;
        let rule = |p: aws_sdk_ec2::types::IpPermission| Rule {
            any_ipv4: p.ip_ranges.iter().flatten().any(|r| r.cidr_ip.as_deref() == Some("0.0.0.0/0")),
            any_ipv6: p.ipv6_ranges.iter().flatten().any(|r| r.cidr_ipv6.as_deref() == Some("::/0")),
            protocol: p.ip_protocol.unwrap_or_default(),
            from: p.from_port,
            to: p.to_port,
        };
        let group = |g: aws_sdk_ec2::types::SecurityGroup| Group {
            id: g.group_id.unwrap_or_default(),
            name: g.group_name.unwrap_or_default(),
            has_egress: g.ip_permissions_egress.is_some_and(|rules| !rules.is_empty()),
            ingress: g.ip_permissions.unwrap_or_default().into_iter().map(rule).collect(),
        };
        Ok(SecurityGroups(groups.into_iter().map(group).collect()))
    }
}

/// An entry of a network ACL for incoming traffic from everywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AclEntry {
    pub(crate) number: i32,
    pub(crate) allow: bool,
    pub(crate) protocol: String,
    /// Ports; absent: all.
    pub(crate) ports: Option<(i32, i32)>,
    /// From ::/0 rather than from 0.0.0.0/0.
    pub(crate) ipv6: bool,
}

/// Network ACLs by id, with their entries for traffic from everywhere, in the order in which they count.
pub(crate) struct NetworkAcls(pub(crate) BTreeMap<String, Vec<AclEntry>>);

impl Source for NetworkAcls {
    const SCOPE: RuleScope = RuleScope::AccountRegion;
    const READS: &'static [&'static str] = &["ec2:DescribeNetworkAcls"];

    async fn read(cx: &ReadCx<'_>) -> Result<NetworkAcls, CallError> {
        let acls = cx
            .aws
            .ec2()
            .pages(
                "DescribeNetworkAcls",
                |c, t| c.describe_network_acls().max_results(PAGE).set_next_token(t).send(),
                |a| (a.network_acls, a.next_token),
            )
            .await?;
        let acl = |acl: aws_sdk_ec2::types::NetworkAcl| {
            let mut entries: Vec<AclEntry> =
                acl.entries.unwrap_or_default().into_iter().filter_map(entry).collect();
            entries.sort_by_key(|e| e.number);
            (acl.network_acl_id.unwrap_or_default(), entries)
        };
        Ok(NetworkAcls(acls.into_iter().map(acl).collect()))
    }
}

fn entry(entry: aws_sdk_ec2::types::NetworkAclEntry) -> Option<AclEntry> {
    let ipv6 = entry.ipv6_cidr_block.as_deref() == Some("::/0");
    let from_everywhere = ipv6 || entry.cidr_block.as_deref() == Some("0.0.0.0/0");
    if entry.egress.unwrap_or_default() || !from_everywhere {
        return None;
    }
    Some(AclEntry {
        number: entry.rule_number.unwrap_or(i32::MAX),
        allow: entry.rule_action.is_some_and(|a| a.as_str() == "allow"),
        protocol: entry.protocol.unwrap_or_default(),
        ports: entry.port_range.map(|r| (r.from.unwrap_or(0), r.to.unwrap_or(65535))),
        ipv6,
    })
}

/// The account's own VPCs, each with whether it logs rejected traffic.
pub(crate) struct Vpcs(pub(crate) BTreeMap<String, bool>);

impl Source for Vpcs {
    const SCOPE: RuleScope = RuleScope::AccountRegion;
    const READS: &'static [&'static str] = &["ec2:DescribeVpcs", "ec2:DescribeFlowLogs"];

    async fn read(cx: &ReadCx<'_>) -> Result<Vpcs, CallError> {
        let ec2 = cx.aws.ec2();
        let vpcs = ec2
            .pages(
                "DescribeVpcs",
                |c, t| c.describe_vpcs().max_results(PAGE).set_next_token(t).send(),
                |a| (a.vpcs, a.next_token),
            )
            .await?;
        let own = |v: aws_sdk_ec2::types::Vpc| {
            let foreign = v.owner_id.is_some_and(|owner| owner != cx.aws.account());
            v.vpc_id.filter(|_| !foreign)
        };
        let vpcs: Vec<String> = vpcs.into_iter().filter_map(own).collect();
        if vpcs.is_empty() {
            return Ok(Vpcs(BTreeMap::new()));
        }
        let logs = ec2
            .pages(
                "DescribeFlowLogs",
                |c, t| c.describe_flow_logs().max_results(PAGE).set_next_token(t).send(),
                |a| (a.flow_logs, a.next_token),
            )
            .await?;
        let good = |f: &aws_sdk_ec2::types::FlowLog| {
            let rejects = f.traffic_type.as_ref().is_some_and(|t| matches!(t.as_str(), "REJECT" | "ALL"));
            rejects && f.flow_log_status.as_deref() == Some("ACTIVE")
        };
        let logged: BTreeSet<String> = logs.into_iter().filter(good).filter_map(|f| f.resource_id).collect();
        Ok(Vpcs(vpcs.into_iter().map(|vpc| (vpc.clone(), logged.contains(&vpc))).collect()))
    }
}

/// A peering connection, and the routes through it that are as wide as a whole VPC.
pub(crate) struct Peering(pub(crate) BTreeMap<String, Vec<String>>);

impl Source for Peering {
    const SCOPE: RuleScope = RuleScope::AccountRegion;
    const READS: &'static [&'static str] = &["ec2:DescribeVpcPeeringConnections", "ec2:DescribeRouteTables"];

    async fn read(cx: &ReadCx<'_>) -> Result<Peering, CallError> {
        let ec2 = cx.aws.ec2();
        let connections = ec2
            .pages(
                "DescribeVpcPeeringConnections",
                |c, t| c.describe_vpc_peering_connections().max_results(PAGE).set_next_token(t).send(),
                |a| (a.vpc_peering_connections, a.next_token),
            )
            .await?;
        let mut wide: BTreeMap<String, (BTreeSet<String>, Vec<String>)> = BTreeMap::new();
        for connection in connections {
            let sides = [connection.requester_vpc_info, connection.accepter_vpc_info];
            let mut ranges: BTreeSet<String> =
                sides.into_iter().flatten().filter_map(|s| s.cidr_block).collect();
            ranges.extend(["0.0.0.0/0".to_string(), "::/0".to_string()]);
            wide.insert(connection.vpc_peering_connection_id.unwrap_or_default(), (ranges, Vec::new()));
        }
        if wide.is_empty() {
            return Ok(Peering(BTreeMap::new()));
        }
        let tables = ec2
            .pages(
                "DescribeRouteTables",
                |c, t| c.describe_route_tables().max_results(100).set_next_token(t).send(),
                |a| (a.route_tables, a.next_token),
            )
            .await?;
        for route in tables.into_iter().flat_map(|t| t.routes.unwrap_or_default()) {
            let through = route.vpc_peering_connection_id.and_then(|id| wide.get_mut(&id));
            let destination = route.destination_cidr_block.or(route.destination_ipv6_cidr_block);
            if let (Some((ranges, routes)), Some(destination)) = (through, destination)
                && ranges.contains(&destination)
            {
                routes.push(destination);
            }
        }
        Ok(Peering(wide.into_iter().map(|(id, (_, routes))| (id, routes)).collect()))
    }
}
