//! Whether something is in the default VPC or counts on it. One call after the other, what is likeliest first: the first
//! thing that is found ends it.
//!
//! Subnet groups belong to the database services, none of which orgbase speaks to. Each of them needs a role in the account
//! before it takes a subnet group (RDS refuses one while `AWSServiceRoleForRDS` is missing; DMS asks for `dms-vpc-role`):
//! where no such role exists there can be no subnet group.
//! <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAM.ServiceLinkedRoles.html>

use aws_sdk_ec2::types::{
    Address, AttachmentStatus, CarrierGatewayState, EgressOnlyInternetGateway, Filter, InternetGateway, LaunchTemplateVersion, NatGateway,
    NatGatewayState, RouteTable, State, TransitGatewayAttachmentState, TransitGatewayVpcAttachment, VpcEndpoint,
    VpcPeeringConnection, VpcPeeringConnectionStateReasonCode, VpnGateway,
};

use super::{DefaultVpc, Desired, Found};
use crate::control::{Cx, Section as _};
use crate::error::{Absent as _, UnitError};
use crate::names::OWNER_TAG;

/// Services with subnet groups, by the path of their service-linked role.
const SUBNET_GROUPS: &[(&str, &str)] = &[
    ("dax.amazonaws.com", "DAX"),
    ("docdb-elastic.amazonaws.com", "DocumentDB"),
    ("elasticache.amazonaws.com", "ElastiCache"),
    ("memorydb.amazonaws.com", "MemoryDB"),
    ("rds.amazonaws.com", "RDS"),
    ("redshift.amazonaws.com", "Redshift"),
];
/// The role that Database Migration Service has instead.
const DMS_ROLE: &str = "dms-vpc-role";

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

/// Reads every page of one Describe operation with one filter; a list of the answer's items.
macro_rules! described {
    ($cx:expr, $operation:literal, $request:ident, $filters:ident, $items:ident, $name:expr, $value:expr) => {
        $cx.aws
            .ec2()
            .pages(
                $operation,
                |c, token| {
                    c.$request().$filters(filter($name, $value)).max_results(100).set_next_token(token).send()
                },
                |page| (page.$items, page.next_token),
            )
            .await?
    };
}

/// An entry that lacks its id.
fn unnamed(what: &str) -> UnitError {
    UnitError::missing(&format!("the id of {what}"))
}

/// The default VPC with what must go before it.
pub(super) async fn find(cx: &Cx<'_>) -> Result<Option<Found>, UnitError> {
    let vpcs = described!(cx, "DescribeVpcs", describe_vpcs, filters, vpcs, "is-default", "true");
    let Some(vpc) = vpcs.into_iter().next() else { return Ok(None) };
    let id = vpc.vpc_id.ok_or_else(|| unnamed("the default VPC"))?;
    Ok(Some(Found { vpc: id, cidr: vpc.cidr_block.unwrap_or_default(), ..Found::default() }))
}

/// Fills in what goes with the VPC. The first thing that keeps it; `None`: nothing does.
pub(super) async fn obstacle(cx: &Cx<'_>, want: &Desired, found: &mut Found) -> Result<Option<String>, UnitError> {
    if let Some(inside) = inside(cx, &found.vpc).await? {
        return Ok(Some(inside));
    }
    if let Some(subnet) = subnets(cx, found).await? {
        return Ok(Some(subnet));
    }
    if let Some(attached) = attached(cx, found).await? {
        return Ok(Some(attached));
    }
    if let Some(address) = address(cx, &found.subnets).await? {
        return Ok(Some(address));
    }
    if let Some(template) = template(cx, &found.subnets).await? {
        return Ok(Some(template));
    }
    if want.no_subnet_groups { Ok(None) } else { subnet_groups(cx).await }
}

/// What people put into the VPC.
async fn inside(cx: &Cx<'_>, vpc: &str) -> Result<Option<String>, UnitError> {
    let interfaces = described!(
        cx, "DescribeNetworkInterfaces", describe_network_interfaces, filters, network_interfaces, "vpc-id", vpc
    );
    if let Some(first) = interfaces.first() {
        return Ok(Some(named("a network interface is in it", first.network_interface_id.as_deref())));
    }
    let groups = described!(
        cx, "DescribeSecurityGroups", describe_security_groups, filters, security_groups, "vpc-id", vpc
    );
    if let Some(own) = groups.iter().find(|group| group.group_name.as_deref() != Some("default")) {
        return Ok(Some(named("it has a security group that somebody made", own.group_id.as_deref())));
    }
    let tables =
        described!(cx, "DescribeRouteTables", describe_route_tables, filters, route_tables, "vpc-id", vpc);
    let is_main = |table: &RouteTable| table.associations.iter().flatten().any(|a| a.main == Some(true));
    if let Some(own) = tables.iter().find(|table| !is_main(table)) {
        return Ok(Some(named("it has a route table that somebody made", own.route_table_id.as_deref())));
    }
    let acls = described!(cx, "DescribeNetworkAcls", describe_network_acls, filters, network_acls, "vpc-id", vpc);
    if let Some(own) = acls.iter().find(|acl| acl.is_default != Some(true)) {
        return Ok(Some(named("it has a network ACL that somebody made", own.network_acl_id.as_deref())));
    }
    let nats = described!(cx, "DescribeNatGateways", describe_nat_gateways, filter, nat_gateways, "vpc-id", vpc);
    let is_gone = |nat: &NatGateway| nat.state == Some(NatGatewayState::Deleted);
    let nat = nats.iter().find(|nat| !is_gone(nat));
    Ok(nat.map(|nat| named("a NAT gateway is in it", nat.nat_gateway_id.as_deref())))
}

/// The subnets. One that AWS did not make is an obstacle.
async fn subnets(cx: &Cx<'_>, found: &mut Found) -> Result<Option<String>, UnitError> {
    let subnets = described!(cx, "DescribeSubnets", describe_subnets, filters, subnets, "vpc-id", &found.vpc);
    for subnet in subnets {
        let id = subnet.subnet_id.ok_or_else(|| unnamed("a subnet"))?;
        if subnet.default_for_az != Some(true) {
            return Ok(Some(named("it has a subnet that somebody made", Some(&id))));
        }
        found.subnets.push(id);
    }
    found.subnets.sort();
    Ok(None)
}

/// What hangs on the VPC from outside. Its internet gateway goes with it.
async fn attached(cx: &Cx<'_>, found: &mut Found) -> Result<Option<String>, UnitError> {
    let vpc = found.vpc.as_str();
    let endpoints =
        described!(cx, "DescribeVpcEndpoints", describe_vpc_endpoints, filters, vpc_endpoints, "vpc-id", vpc);
    let is_gone = |endpoint: &VpcEndpoint| endpoint.state == Some(State::Deleted);
    if let Some(endpoint) = endpoints.iter().find(|endpoint| !is_gone(endpoint)) {
        return Ok(Some(named("it has an endpoint", endpoint.vpc_endpoint_id.as_deref())));
    }
    if let Some(peering) = peering(cx, vpc).await? {
        return Ok(Some(peering));
    }
    if let Some(gateway) = foreign_gateway(cx, vpc).await? {
        return Ok(Some(gateway));
    }
    found.internet_gateways = internet_gateways(cx, "attachment.vpc-id", vpc).await?;
    let left = internet_gateways(cx, &format!("tag:{OWNER_TAG}"), DefaultVpc::META.id).await?;
    found.left_behind = left.into_iter().filter(|id| !found.internet_gateways.contains(id)).collect();
    Ok(None)
}

/// Ids of internet gateways, by a filter.
async fn internet_gateways(cx: &Cx<'_>, name: &str, value: &str) -> Result<Vec<String>, UnitError> {
    let gateways = described!(
        cx,
        "DescribeInternetGateways",
        describe_internet_gateways,
        filters,
        internet_gateways,
        name,
        value
    );
    let id = |gateway: InternetGateway| gateway.internet_gateway_id.ok_or_else(|| unnamed("an internet gateway"));
    gateways.into_iter().map(id).collect()
}

/// A peering connection on either side that is or may become active.
async fn peering(cx: &Cx<'_>, vpc: &str) -> Result<Option<String>, UnitError> {
    for side in ["requester-vpc-info.vpc-id", "accepter-vpc-info.vpc-id"] {
        let peerings = described!(
            cx, "DescribeVpcPeeringConnections", describe_vpc_peering_connections, filters, vpc_peering_connections, side, vpc
        );
        if let Some(peering) = peerings.iter().find(|peering| !is_over(peering)) {
            return Ok(Some(named("it is peered", peering.vpc_peering_connection_id.as_deref())));
        }
    }
    Ok(None)
}

fn is_over(peering: &VpcPeeringConnection) -> bool {
    use VpcPeeringConnectionStateReasonCode::{Deleted, Expired, Failed, Rejected};
    let code = peering.status.as_ref().and_then(|status| status.code.as_ref());
    code.is_some_and(|code| matches!(code, Deleted | Expired | Failed | Rejected))
}

/// A gateway or transit gateway that somebody attached.
async fn foreign_gateway(cx: &Cx<'_>, vpc: &str) -> Result<Option<String>, UnitError> {
    let by_vpc = filter("attachment.vpc-id", vpc);
    let vpn = cx
        .aws
        .ec2()
        .call("DescribeVpnGateways", |c| c.describe_vpn_gateways().filters(by_vpc.clone()).send())
        .await?;
    let is_attached = |gateway: &&VpnGateway| {
        let attachments = gateway.vpc_attachments.iter().flatten();
        attachments.filter(|a| a.vpc_id.as_deref() == Some(vpc)).any(|a| a.state != Some(AttachmentStatus::Detached))
    };
    if let Some(gateway) = vpn.vpn_gateways.iter().flatten().find(is_attached) {
        return Ok(Some(named("a virtual private gateway is attached to it", gateway.vpn_gateway_id.as_deref())));
    }
    let transit = described!(
        cx, "DescribeTransitGatewayVpcAttachments", describe_transit_gateway_vpc_attachments, filters,
        transit_gateway_vpc_attachments, "vpc-id", vpc
    );
    let is_gone = |a: &TransitGatewayVpcAttachment| a.state == Some(TransitGatewayAttachmentState::Deleted);
    if let Some(attachment) = transit.iter().find(|a| !is_gone(a)) {
        let id = attachment.transit_gateway_attachment_id.as_deref();
        return Ok(Some(named("a transit gateway is attached to it", id)));
    }
    let carriers = described!(
        cx, "DescribeCarrierGateways", describe_carrier_gateways, filters, carrier_gateways, "vpc-id", vpc
    );
    if let Some(gateway) = carriers.iter().find(|gateway| gateway.state != Some(CarrierGatewayState::Deleted)) {
        return Ok(Some(named("a carrier gateway is in it", gateway.carrier_gateway_id.as_deref())));
    }
    egress_only(cx, vpc).await
}

/// Egress-only internet gateways cannot be asked for by VPC.
async fn egress_only(cx: &Cx<'_>, vpc: &str) -> Result<Option<String>, UnitError> {
    let gateways = cx
        .aws
        .ec2()
        .pages(
            "DescribeEgressOnlyInternetGateways",
            |c, token| c.describe_egress_only_internet_gateways().max_results(255).set_next_token(token).send(),
            |page| (page.egress_only_internet_gateways, page.next_token),
        )
        .await?;
    let is_here = |gateway: &&EgressOnlyInternetGateway| {
        gateway.attachments.iter().flatten().any(|a| a.vpc_id.as_deref() == Some(vpc))
    };
    let id = |gateway: &EgressOnlyInternetGateway| {
        named("an egress-only internet gateway is attached to it", gateway.egress_only_internet_gateway_id.as_deref())
    };
    Ok(gateways.iter().find(is_here).map(id))
}

/// An Elastic IP address that is used in the VPC, or that nothing uses yet: it may be meant for it. One that is used
/// elsewhere does not matter.
async fn address(cx: &Cx<'_>, subnets: &[String]) -> Result<Option<String>, UnitError> {
    let answer = cx.aws.ec2().call("DescribeAddresses", |c| c.describe_addresses().send()).await?;
    let matters = |address: &&Address| {
        let is_free = address.association_id.is_none() && address.network_interface_id.is_none();
        is_free || address.subnet_id.as_ref().is_some_and(|id| subnets.contains(id))
    };
    let found = answer.addresses.iter().flatten().find(matters);
    Ok(found.map(|address| {
        named("an Elastic IP address of this region is assigned to nothing else", address.allocation_id.as_deref())
    }))
}

/// A launch template whose newest or default version names one of the subnets.
async fn template(cx: &Cx<'_>, subnets: &[String]) -> Result<Option<String>, UnitError> {
    let versions = cx
        .aws
        .ec2()
        .pages(
            "DescribeLaunchTemplateVersions",
            |c, token| {
                let request = c.describe_launch_template_versions().versions("$Latest").versions("$Default");
                request.max_results(200).set_next_token(token).send()
            },
            |page| (page.launch_template_versions, page.next_token),
        )
        .await?;
    let names = |version: &&LaunchTemplateVersion| {
        let data = version.launch_template_data.iter();
        let interfaces = data.flat_map(|data| data.network_interfaces.iter().flatten());
        interfaces.filter_map(|interface| interface.subnet_id.as_ref()).any(|id| subnets.contains(id))
    };
    let found = versions.iter().find(names);
    Ok(found.map(|version| named("a launch template names one of its subnets", version.launch_template_id.as_deref())))
}

/// A service that may have subnet groups here.
async fn subnet_groups(cx: &Cx<'_>) -> Result<Option<String>, UnitError> {
    let iam = cx.aws.iam();
    let roles = iam
        .pages(
            "ListRoles",
            |c, marker| c.list_roles().path_prefix("/aws-service-role/").max_items(1000).set_marker(marker).send(),
            |page| (page.roles, page.marker),
        )
        .await?;
    let of = |service: &str| roles.iter().any(|role| role.path == format!("/aws-service-role/{service}/"));
    if let Some((_, name)) = SUBNET_GROUPS.iter().find(|(service, _)| of(service)) {
        return Ok(Some(may_have_groups(name)));
    }
    let dms = iam.call("GetRole", |c| c.get_role().role_name(DMS_ROLE).send()).await.absent(&["NoSuchEntity"])?;
    Ok(dms.map(|_| may_have_groups("DMS")))
}

fn may_have_groups(service: &str) -> String {
    format!(
        "{service} has been used in the account and may have a subnet group in it, which orgbase cannot list (declare \
         `no_subnet_groups = true` if there is none)"
    )
}

fn named(what: &str, id: Option<&str>) -> String {
    format!("{what} ({})", id.unwrap_or("without an id"))
}
