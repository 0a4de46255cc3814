//! What hangs on a VPC beside its subnets: interfaces, addresses, endpoints, gateways, peerings, further route tables and
//! network ACLs. Enough of each to be seen, and to stand in the way of a deletion.

use serde_json::{Value, json};

use super::network::{self, text};
use super::vpcs::existing;
use super::{dependency, groups, strings, tagging};
use crate::sandbox::world::{Call, Fault, Reply, World};

/// Stores a new resource with the tags that the call asks for, and returns it.
fn make(
    world: &mut World,
    call: &Call,
    prefix: &str,
    kind: &str,
    value: impl FnOnce(&str) -> Value,
) -> Reply {
    let tags = tagging::asked(call, kind)?;
    let id = network::fresh(world, prefix);
    network::put(world, call, &id, value(&id));
    tagging::set(world, call, &id, tags);
    Ok(json!(network::get(world, call, &id)))
}

pub(super) fn create_interface(world: &mut World, call: &Call) -> Reply {
    let (subnet, place) = existing(world, call, "SubnetId")?;
    let vpc = text(&place, "VpcId");
    let mut ids = strings(call.input.get("Groups"));
    if ids.is_empty() {
        // the default group of the VPC
        let default = groups::all(world, call).into_iter().find(|g| g.vpc == vpc && g.name == "default");
        ids.extend(default.map(|group| group.id));
    }
    let mut shown = Vec::new();
    for id in ids {
        let group = groups::get(world, call, &id).filter(|group| group.vpc == vpc);
        let group = group.ok_or_else(|| groups::missing(&id))?;
        shown.push(json!({"GroupId": group.id, "GroupName": group.name}));
    }
    let address =
        call.str("PrivateIpAddress").map_or_else(|| free_address(world, call, &place), ToOwned::to_owned);
    let mac = format!("02:{}", (0..5).map(|_| world.hex(2)).collect::<Vec<_>>().join(":"));
    let made = make(world, call, "eni-", "network-interface", |id| {
        json!({
            "NetworkInterfaceId": id, "SubnetId": subnet, "VpcId": vpc, "OwnerId": call.account, "Groups": shown,
            "AvailabilityZone": place["AvailabilityZone"], "Description": call.str("Description").unwrap_or_default(),
            "InterfaceType": "interface", "MacAddress": mac, "PrivateIpAddress": address, "SourceDestCheck": true,
            "PrivateIpAddresses": [{"Primary": true, "PrivateIpAddress": address}], "Ipv6Addresses": [],
            "RequesterManaged": false, "RequesterId": call.account, "Status": "available",
        })
    })?;
    Ok(json!({"NetworkInterface": made}))
}

/// The next address of a subnet; AWS keeps the first four for itself.
fn free_address(world: &World, call: &Call, subnet: &Value) -> String {
    let cidr = text(subnet, "CidrBlock");
    let first = cidr.split_once('/').and_then(|(address, _)| address.parse::<std::net::Ipv4Addr>().ok());
    let used = network::all(world, call, "eni-").len() as u32;
    first.map_or_else(String::new, |first| {
        std::net::Ipv4Addr::from(u32::from(first).saturating_add(4 + used)).to_string()
    })
}

pub(super) fn delete_interface(world: &mut World, call: &Call) -> Reply {
    let (id, interface) = existing(world, call, "NetworkInterfaceId")?;
    if interface["Status"] == "in-use" {
        let message = format!("Network interface '{id}' is currently in use.");
        return Err(Fault::new("InvalidParameterValue", message).status(400));
    }
    network::remove(world, call, &id);
    Ok(json!({}))
}

pub(super) fn create_route_table(world: &mut World, call: &Call) -> Reply {
    let (vpc, value) = existing(world, call, "VpcId")?;
    let cidr = text(&value, "CidrBlock");
    let table = |id: &str| network::route_table(call, id, &vpc, &cidr, false, None);
    let made = make(world, call, "rtb-", "route-table", table)?;
    Ok(json!({"RouteTable": made}))
}

pub(super) fn delete_route_table(world: &mut World, call: &Call) -> Reply {
    let (id, table) = existing(world, call, "RouteTableId")?;
    if table["Associations"].as_array().is_some_and(|list| !list.is_empty()) {
        return Err(dependency("routeTable", &id));
    }
    network::remove(world, call, &id);
    Ok(json!({}))
}

pub(super) fn create_acl(world: &mut World, call: &Call) -> Reply {
    let (vpc, _) = existing(world, call, "VpcId")?;
    let acl = |id: &str| network::acl_value(call, id, &vpc, false, &[]);
    let made = make(world, call, "acl-", "network-acl", acl)?;
    Ok(json!({"NetworkAcl": made}))
}

pub(super) fn delete_acl(world: &mut World, call: &Call) -> Reply {
    let (id, acl) = existing(world, call, "NetworkAclId")?;
    if acl["IsDefault"] == true {
        let message = format!("cannot delete default network ACL {id}");
        return Err(Fault::new("InvalidParameterValue", message).status(400));
    }
    if acl["Associations"].as_array().is_some_and(|list| !list.is_empty()) {
        return Err(dependency("networkAcl", &id));
    }
    network::remove(world, call, &id);
    Ok(json!({}))
}

pub(super) fn allocate_address(world: &mut World, call: &Call) -> Reply {
    // 203.0.113.0/24 is for documentation
    let ip = format!("203.0.113.{}", world.bits() % 254 + 1);
    let made = make(world, call, "eipalloc-", "elastic-ip", |id| {
        json!({
            "AllocationId": id, "PublicIp": ip, "Domain": "vpc", "PublicIpv4Pool": "amazon",
            "NetworkBorderGroup": call.region,
        })
    })?;
    let mut reply = made;
    if let Some(members) = reply.as_object_mut() {
        members.remove("Tags");
    }
    Ok(reply)
}

pub(super) fn create_nat_gateway(world: &mut World, call: &Call) -> Reply {
    let (subnet, place) = existing(world, call, "SubnetId")?;
    let kind = call.str("ConnectivityType").unwrap_or("public");
    let made = make(world, call, "nat-", "natgateway", |id| {
        json!({
            "NatGatewayId": id, "SubnetId": subnet, "VpcId": place["VpcId"], "State": "available",
            "ConnectivityType": kind, "CreateTime": call.now, "NatGatewayAddresses": [],
        })
    })?;
    Ok(json!({"NatGateway": made}))
}

pub(super) fn create_endpoint(world: &mut World, call: &Call) -> Reply {
    let (vpc, _) = existing(world, call, "VpcId")?;
    let made = make(world, call, "vpce-", "vpc-endpoint", |id| {
        json!({
            "VpcEndpointId": id, "VpcId": vpc, "OwnerId": call.account, "State": "Available",
            "VpcEndpointType": call.str("VpcEndpointType").unwrap_or("Gateway"),
            "ServiceName": call.str("ServiceName").unwrap_or_default(), "CreationTimestamp": call.now,
            "RouteTableIds": strings(call.input.get("RouteTableIds")),
            "SubnetIds": strings(call.input.get("SubnetIds")), "RequesterManaged": false,
        })
    })?;
    Ok(json!({"VpcEndpoint": made}))
}

/// The request lies with the requester; the other side sees nothing of it here.
pub(super) fn create_peering(world: &mut World, call: &Call) -> Reply {
    let (vpc, value) = existing(world, call, "VpcId")?;
    let peer = call.str("PeerVpcId").unwrap_or_default();
    let owner = call.str("PeerOwnerId").unwrap_or(&call.account);
    let region = call.str("PeerRegion").unwrap_or(&call.region);
    let made = make(world, call, "pcx-", "vpc-peering-connection", |id| {
        json!({
            "VpcPeeringConnectionId": id,
            "RequesterVpcInfo": {
                "VpcId": vpc, "OwnerId": call.account, "Region": call.region, "CidrBlock": value["CidrBlock"],
            },
            "AccepterVpcInfo": {"VpcId": peer, "OwnerId": owner, "Region": region},
            "Status": {"Code": "pending-acceptance", "Message": format!("Pending Acceptance by {owner}")},
        })
    })?;
    Ok(json!({"VpcPeeringConnection": made}))
}

pub(super) fn create_vpn_gateway(world: &mut World, call: &Call) -> Reply {
    let number = call.int("AmazonSideAsn").unwrap_or(64512);
    let made = make(world, call, "vgw-", "vpn-gateway", |id| {
        json!({
            "VpnGatewayId": id, "Type": "ipsec.1", "State": "available", "AmazonSideAsn": number, "VpcAttachments": [],
        })
    })?;
    Ok(json!({"VpnGateway": made}))
}

pub(super) fn attach_vpn_gateway(world: &mut World, call: &Call) -> Reply {
    let (id, mut gateway) = existing(world, call, "VpnGatewayId")?;
    let (vpc, _) = existing(world, call, "VpcId")?;
    let attachment = json!({"State": "attached", "VpcId": vpc});
    gateway["VpcAttachments"] = json!([attachment]);
    network::put(world, call, &id, gateway);
    Ok(json!({"VpcAttachment": attachment}))
}

pub(super) fn create_egress_only(world: &mut World, call: &Call) -> Reply {
    let (vpc, _) = existing(world, call, "VpcId")?;
    let made = make(
        world,
        call,
        "eigw-",
        "egress-only-internet-gateway",
        |id| json!({"EgressOnlyInternetGatewayId": id, "Attachments": [{"State": "attached", "VpcId": vpc}]}),
    )?;
    Ok(json!({"EgressOnlyInternetGateway": made}))
}

pub(super) fn create_carrier_gateway(world: &mut World, call: &Call) -> Reply {
    let (vpc, _) = existing(world, call, "VpcId")?;
    let made = make(
        world,
        call,
        "cagw-",
        "carrier-gateway",
        |id| json!({"CarrierGatewayId": id, "VpcId": vpc, "State": "available", "OwnerId": call.account}),
    )?;
    Ok(json!({"CarrierGateway": made}))
}

/// Transit gateways are not simulated: any id is taken to exist.
pub(super) fn attach_transit_gateway(world: &mut World, call: &Call) -> Reply {
    let (vpc, _) = existing(world, call, "VpcId")?;
    let made = make(world, call, "tgw-attach-", "transit-gateway-attachment", |id| {
        json!({
            "TransitGatewayAttachmentId": id, "TransitGatewayId": call.required("TransitGatewayId"), "VpcId": vpc,
            "VpcOwnerId": call.account, "State": "available", "SubnetIds": strings(call.input.get("SubnetIds")),
            "CreationTime": call.now,
        })
    })?;
    Ok(json!({"TransitGatewayVpcAttachment": made}))
}
