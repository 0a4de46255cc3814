//! The resources of an account in a region: the default network, and what was changed of it or added to it.

use serde_json::{Value, json};

use super::regions::{ZONES, zone, zone_id};
use super::tagging;
use super::{edit, view};
use crate::digest::sha256_hex;
use crate::sandbox::world::{Call, World, cell};

/// First address of the default VPC (VPC user guide, "Default VPC components").
const DEFAULT_CIDR: &str = "172.31.0.0/16";

/// A fresh id: prefix and 17 hexadecimal digits.
pub(super) fn fresh(world: &mut World, prefix: &str) -> String {
    format!("{prefix}0{}", world.hex(16))
}

/// The id of a part of the default network: always the same for a seed, an account and a region.
pub(super) fn default_id(world: &World, call: &Call, prefix: &str, part: &str) -> String {
    let text = format!("{}/{}/{prefix}{part}", world.seed, cell(&call.account, &call.region));
    let hex: String = sha256_hex(text.as_bytes()).chars().take(16).collect();
    format!("{prefix}0{hex}")
}

/// Id of the default VPC; empty where there is none.
pub(super) fn default_vpc(world: &World, call: &Call) -> String {
    let found = all(world, call, "vpc-").into_iter().find(|vpc| vpc["IsDefault"] == true);
    found.map(|vpc| text(&vpc, "VpcId")).unwrap_or_default()
}

/// A text member; empty where it is missing.
pub(super) fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_default().to_owned()
}

/// Everything with this prefix, by id, with its tags.
pub(super) fn all(world: &World, call: &Call, prefix: &str) -> Vec<Value> {
    let state = view(world, call);
    let mut found: Vec<(String, Value)> = defaults(world, call)
        .into_iter()
        .filter(|(id, _)| id.starts_with(prefix) && !state.resources.contains_key(id))
        .collect();
    let own = state.resources.iter().filter(|(id, _)| id.starts_with(prefix));
    found.extend(own.filter_map(|(id, value)| Some((id.clone(), value.clone()?))));
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found.into_iter().map(|(id, value)| tagged(world, call, &id, value)).collect()
}

/// One resource, with its tags.
pub(super) fn get(world: &World, call: &Call, id: &str) -> Option<Value> {
    let stored = view(world, call).resources.get(id).cloned();
    let found = match stored {
        Some(stored) => stored,
        None => defaults(world, call).into_iter().find(|(known, _)| known == id).map(|(_, value)| value),
    };
    found.map(|value| tagged(world, call, id, value))
}

/// Writes a resource; its tags are kept elsewhere.
pub(super) fn put(world: &mut World, call: &Call, id: &str, mut value: Value) {
    if let Some(members) = value.as_object_mut() {
        members.remove(tag_member(id));
    }
    edit(world, call).resources.insert(id.to_owned(), Some(value));
}

/// Deletes a resource and its tags.
pub(super) fn remove(world: &mut World, call: &Call, id: &str) {
    let is_default = defaults(world, call).iter().any(|(known, _)| known == id);
    let state = edit(world, call);
    state.tags.remove(id);
    if is_default {
        state.resources.insert(id.to_owned(), None);
    } else {
        state.resources.remove(id);
    }
}

/// Member under which a resource shows its tags.
fn tag_member(id: &str) -> &'static str {
    if id.starts_with("eni-") { "TagSet" } else { "Tags" }
}

fn tagged(world: &World, call: &Call, id: &str, mut value: Value) -> Value {
    value[tag_member(id)] = tagging::shown(view(world, call), id);
    value
}

/// The parts of the default network, with their ids.
fn defaults(world: &World, call: &Call) -> Vec<(String, Value)> {
    let id = |prefix: &str| default_id(world, call, prefix, "");
    let (vpc, gateway, acl) = (id("vpc-"), id("igw-"), id("acl-"));
    let subnets: Vec<(String, String)> = ZONES
        .iter()
        .map(|letter| (default_id(world, call, "subnet-", letter), (*letter).to_owned()))
        .collect();
    let mut parts = vec![
        (vpc.clone(), vpc_value(world, call, &vpc, DEFAULT_CIDR, true)),
        (id("dopt-"), dhcp_options(call, &id("dopt-"))),
        (gateway.clone(), gateway_value(call, &gateway, Some(&vpc))),
        (id("rtb-"), route_table(call, &id("rtb-"), &vpc, DEFAULT_CIDR, true, Some(&gateway))),
    ];
    let ids: Vec<&str> = subnets.iter().map(|(id, _)| id.as_str()).collect();
    parts.push((acl.clone(), acl_value(call, &acl, &vpc, true, &ids)));
    for (index, (id, letter)) in subnets.iter().enumerate() {
        let cidr = format!("172.31.{}.0/20", index * 16);
        let mut subnet = subnet_value(world, call, id, &vpc, &cidr, &zone(&call.region, letter));
        subnet["DefaultForAz"] = json!(true);
        subnet["MapPublicIpOnLaunch"] = json!(true);
        parts.push((id.clone(), subnet));
    }
    parts
}

/// A VPC. Its DHCP options are the account's own.
pub(super) fn vpc_value(world: &World, call: &Call, id: &str, cidr: &str, is_default: bool) -> Value {
    json!({
        "VpcId": id, "CidrBlock": cidr, "IsDefault": is_default, "OwnerId": call.account, "State": "available",
        "InstanceTenancy": "default", "DhcpOptionsId": default_id(world, call, "dopt-", ""),
        "CidrBlockAssociationSet": [{
            "AssociationId": id.replacen("vpc-", "vpc-cidr-assoc-", 1), "CidrBlock": cidr,
            "CidrBlockState": {"State": "associated"},
        }],
        "BlockPublicAccessStates": {"InternetGatewayBlockMode": "off"},
    })
}

fn dhcp_options(call: &Call, id: &str) -> Value {
    let domain = match call.region.as_str() {
        "us-east-1" => "ec2.internal".to_owned(),
        region => format!("{region}.compute.internal"),
    };
    let set = |key: &str, value: &str| json!({"Key": key, "Values": [{"Value": value}]});
    json!({
        "DhcpOptionsId": id, "OwnerId": call.account,
        "DhcpConfigurations": [set("domain-name", &domain), set("domain-name-servers", "AmazonProvidedDNS")],
    })
}

/// An internet gateway.
pub(super) fn gateway_value(call: &Call, id: &str, vpc: Option<&str>) -> Value {
    let attached: Vec<Value> = vpc.iter().map(|vpc| json!({"State": "available", "VpcId": vpc})).collect();
    json!({"InternetGatewayId": id, "OwnerId": call.account, "Attachments": attached})
}

/// A route table with the local route, and a route to an internet gateway.
pub(super) fn route_table(
    call: &Call,
    id: &str,
    vpc: &str,
    cidr: &str,
    main: bool,
    gateway: Option<&str>,
) -> Value {
    let local = json!({
        "DestinationCidrBlock": cidr, "GatewayId": "local", "Origin": "CreateRouteTable", "State": "active",
    });
    let out = gateway.map(|gateway| {
        json!({"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": gateway, "Origin": "CreateRoute", "State": "active"})
    });
    let association = json!({
        "Main": true, "RouteTableAssociationId": id.replacen("rtb-", "rtbassoc-", 1), "RouteTableId": id,
        "AssociationState": {"State": "associated"},
    });
    let associations = if main { vec![association] } else { Vec::new() };
    let routes: Vec<Value> = std::iter::once(local).chain(out).collect();
    json!({
        "RouteTableId": id, "VpcId": vpc, "OwnerId": call.account, "Associations": associations,
        "PropagatingVgws": [], "Routes": routes,
    })
}

/// A network ACL. The default one lets everything through, others nothing.
pub(super) fn acl_value(call: &Call, id: &str, vpc: &str, is_default: bool, subnets: &[&str]) -> Value {
    let entry = |egress: bool, number: i64, action: &str| {
        json!({
            "CidrBlock": "0.0.0.0/0", "Egress": egress, "Protocol": "-1", "RuleAction": action, "RuleNumber": number,
        })
    };
    let mut entries = Vec::new();
    for egress in [true, false] {
        if is_default {
            entries.push(entry(egress, 100, "allow"));
        }
        entries.push(entry(egress, 32767, "deny"));
    }
    let associations: Vec<Value> = subnets
        .iter()
        .map(|subnet| {
            json!({
                "NetworkAclAssociationId": subnet.replacen("subnet-", "aclassoc-", 1), "NetworkAclId": id,
                "SubnetId": subnet,
            })
        })
        .collect();
    json!({
        "NetworkAclId": id, "VpcId": vpc, "OwnerId": call.account, "IsDefault": is_default, "Entries": entries,
        "Associations": associations,
    })
}

/// A subnet.
pub(super) fn subnet_value(world: &World, call: &Call, id: &str, vpc: &str, cidr: &str, zone: &str) -> Value {
    let index = ZONES.iter().position(|letter| zone.ends_with(letter)).unwrap_or_default();
    // AWS keeps five addresses of each subnet for itself.
    let bits = cidr.split_once('/').and_then(|(_, bits)| bits.parse::<u32>().ok()).unwrap_or(32).min(32);
    json!({
        "SubnetId": id, "VpcId": vpc, "CidrBlock": cidr, "OwnerId": call.account, "State": "available",
        "AvailabilityZone": zone, "AvailabilityZoneId": zone_id(&call.region, index),
        "AvailableIpAddressCount": (1_i64 << (32 - bits)) - 5, "DefaultForAz": false, "MapPublicIpOnLaunch": false,
        "MapCustomerOwnedIpOnLaunch": false, "AssignIpv6AddressOnCreation": false, "EnableDns64": false,
        "Ipv6Native": false, "Ipv6CidrBlockAssociationSet": [],
        "SubnetArn": world.arn("ec2", &call.region, &call.account, &format!("subnet/{id}")),
        "PrivateDnsNameOptionsOnLaunch": {
            "EnableResourceNameDnsAAAARecord": false, "EnableResourceNameDnsARecord": false, "HostnameType": "ip-name",
        },
    })
}
