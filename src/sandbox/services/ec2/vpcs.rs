//! VPCs, subnets, internet gateways.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::describe::missing;
use super::network::{self, text};
use super::regions::{ZONES, zone};
use super::{dependency, edit, groups, invalid_value, tagging, view};
use crate::sandbox::world::{Call, Fault, Reply, World};

/// VPCs of a region (VPC user guide, "Quotas").
const MOST: usize = 5;

/// Attributes of a VPC: member of the API, attribute name, its value in a new VPC.
const ATTRIBUTES: [(&str, &str, bool); 3] = [
    ("EnableDnsHostnames", "enableDnsHostnames", false),
    ("EnableDnsSupport", "enableDnsSupport", true),
    ("EnableNetworkAddressUsageMetrics", "enableNetworkAddressUsageMetrics", false),
];

/// Resources that a VPC must be rid of, by the beginning of their ids.
const PARTS: [&str; 13] = [
    "acl-",
    "cagw-",
    "eigw-",
    "eni-",
    "igw-",
    "nat-",
    "pcx-",
    "rtb-",
    "subnet-",
    "tgw-attach-",
    "vgw-",
    "vpce-",
    "sg-",
];

/// First address and length of an IPv4 block.
fn block(cidr: &str) -> Option<(u32, u32)> {
    let (address, bits) = cidr.split_once('/')?;
    let (address, bits) = (address.parse::<Ipv4Addr>().ok()?, bits.parse::<u32>().ok().filter(|b| *b <= 32)?);
    Some((u32::from(address), bits))
}

/// Whether `inner` lies in `outer`.
fn holds(outer: (u32, u32), inner: (u32, u32)) -> bool {
    let mask = |bits: u32| u32::MAX.checked_shl(32 - bits).unwrap_or(0);
    inner.1 >= outer.1 && inner.0 & mask(outer.1) == outer.0 & mask(outer.1)
}

pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    let cidr = call.str("CidrBlock").unwrap_or_default().to_owned();
    if !block(&cidr).is_some_and(|(_, bits)| (16..=28).contains(&bits)) {
        return Err(Fault::new("InvalidVpc.Range", format!("The CIDR '{cidr}' is invalid.")).status(400));
    }
    let tags = tagging::asked(call, "vpc")?;
    let id = new_vpc(world, call, &cidr, false)?;
    tagging::set(world, call, &id, tags);
    Ok(json!({"Vpc": network::get(world, call, &id)}))
}

/// Makes a VPC with its main route table, default network ACL and default security group.
fn new_vpc(world: &mut World, call: &Call, cidr: &str, is_default: bool) -> Result<String, Fault> {
    if network::all(world, call, "vpc-").len() >= MOST {
        let message = "The maximum number of VPCs has been reached.";
        return Err(Fault::new("VpcLimitExceeded", message).status(400));
    }
    let id = network::fresh(world, "vpc-");
    let vpc = network::vpc_value(world, call, &id, cidr, is_default);
    network::put(world, call, &id, vpc);
    let table = network::fresh(world, "rtb-");
    network::put(world, call, &table, network::route_table(call, &table, &id, cidr, true, None));
    let acl = network::fresh(world, "acl-");
    network::put(world, call, &acl, network::acl_value(call, &acl, &id, true, &[]));
    let group = network::fresh(world, "sg-");
    let rules = [network::fresh(world, "sgr-"), network::fresh(world, "sgr-")];
    groups::put(world, call, groups::default_group(&group, &id, &call.account, rules));
    Ok(id)
}

pub(super) fn create_default(world: &mut World, call: &Call) -> Reply {
    if !network::default_vpc(world, call).is_empty() {
        let message = "A Default VPC already exists for this account in this region.";
        return Err(Fault::new("DefaultVpcAlreadyExists", message).status(400));
    }
    let id = new_vpc(world, call, "172.31.0.0/16", true)?;
    let gateway = network::fresh(world, "igw-");
    network::put(world, call, &gateway, network::gateway_value(call, &gateway, Some(&id)));
    for (index, letter) in ZONES.iter().enumerate() {
        let cidr = format!("172.31.{}.0/20", index * 16);
        let subnet = new_subnet(world, call, &id, &cidr, &zone(&call.region, letter));
        let Some(mut value) = network::get(world, call, &subnet) else { continue };
        value["DefaultForAz"] = json!(true);
        value["MapPublicIpOnLaunch"] = json!(true);
        network::put(world, call, &subnet, value);
    }
    let tables = network::all(world, call, "rtb-");
    let out = json!({
        "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": gateway, "Origin": "CreateRoute", "State": "active",
    });
    if let Some(mut table) = tables.into_iter().find(|table| table["VpcId"] == id.as_str())
        && let Some(routes) = table["Routes"].as_array_mut()
    {
        routes.push(out);
        network::put(world, call, &text(&table, "RouteTableId"), table);
    }
    Ok(json!({"Vpc": network::get(world, call, &id)}))
}

/// The resource that a required member names.
pub(super) fn existing(world: &World, call: &Call, member: &str) -> Result<(String, Value), Fault> {
    let id = call.required(member);
    let found = network::get(world, call, id).ok_or_else(|| missing(id))?;
    Ok((id.to_owned(), found))
}

/// Whether a resource belongs to a VPC or is attached to it.
fn is_in(item: &Value, vpc: &str) -> bool {
    let attached = ["Attachments", "VpcAttachments"]
        .iter()
        .any(|member| item[*member].as_array().into_iter().flatten().any(|entry| entry["VpcId"] == vpc));
    let peers = ["RequesterVpcInfo", "AccepterVpcInfo"].iter().any(|side| item[*side]["VpcId"] == vpc);
    item["VpcId"] == vpc || attached || peers
}

/// What AWS makes and takes away with the VPC.
fn comes_with_it(item: &Value) -> bool {
    let main = item["Associations"].as_array().into_iter().flatten().any(|a| a["Main"] == true);
    main || item["IsDefault"] == true || matches!(item["State"].as_str(), Some("deleted" | "Deleted"))
}

pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    let (id, _) = existing(world, call, "VpcId")?;
    let parts: Vec<Value> = PARTS.iter().flat_map(|prefix| network::all(world, call, prefix)).collect();
    let in_it: Vec<&Value> = parts.iter().filter(|item| is_in(item, &id)).collect();
    let own_groups: Vec<_> = groups::all(world, call).into_iter().filter(|group| group.vpc == id).collect();
    if in_it.iter().any(|item| !comes_with_it(item)) || own_groups.iter().any(|group| group.name != "default")
    {
        return Err(dependency("vpc", &id));
    }
    let with_it: Vec<String> =
        in_it.iter().flat_map(|item| [text(item, "RouteTableId"), text(item, "NetworkAclId")]).collect();
    for part in with_it.iter().filter(|part| !part.is_empty()) {
        network::remove(world, call, part);
    }
    for group in own_groups {
        groups::remove(world, call, &group.id);
    }
    network::remove(world, call, &id);
    edit(world, call).attributes.remove(&id);
    Ok(json!({}))
}

pub(super) fn create_subnet(world: &mut World, call: &Call) -> Reply {
    let (vpc, value) = existing(world, call, "VpcId")?;
    let cidr = call.str("CidrBlock").unwrap_or_default().to_owned();
    let inner = block(&cidr).filter(|(_, bits)| (16..=28).contains(bits));
    let outer = block(&text(&value, "CidrBlock"));
    let Some(inner) = inner.filter(|inner| outer.is_some_and(|outer| holds(outer, *inner))) else {
        return Err(Fault::new("InvalidSubnet.Range", format!("The CIDR '{cidr}' is invalid.")).status(400));
    };
    let overlaps = |subnet: &Value| {
        let other = block(&text(subnet, "CidrBlock"));
        subnet["VpcId"] == vpc.as_str()
            && other.is_some_and(|other| holds(other, inner) || holds(inner, other))
    };
    if network::all(world, call, "subnet-").iter().any(overlaps) {
        let message = format!("The CIDR '{cidr}' conflicts with another subnet");
        return Err(Fault::new("InvalidSubnet.Conflict", message).status(400));
    }
    let place = call.str("AvailabilityZone").map_or_else(|| zone(&call.region, "a"), ToOwned::to_owned);
    if !ZONES.iter().any(|letter| zone(&call.region, letter) == place) {
        return Err(invalid_value("availabilityZone", &place));
    }
    let tags = tagging::asked(call, "subnet")?;
    let id = new_subnet(world, call, &vpc, &cidr, &place);
    tagging::set(world, call, &id, tags);
    Ok(json!({"Subnet": network::get(world, call, &id)}))
}

/// Makes a subnet, which gets the default network ACL of its VPC.
fn new_subnet(world: &mut World, call: &Call, vpc: &str, cidr: &str, place: &str) -> String {
    let id = network::fresh(world, "subnet-");
    let value = network::subnet_value(world, call, &id, vpc, cidr, place);
    network::put(world, call, &id, value);
    let association = |acl: &str| {
        json!({
            "NetworkAclAssociationId": id.replacen("subnet-", "aclassoc-", 1), "NetworkAclId": acl, "SubnetId": id,
        })
    };
    let default = |acl: &Value| acl["IsDefault"] == true && acl["VpcId"] == vpc;
    if let Some(mut acl) = network::all(world, call, "acl-").into_iter().find(default) {
        let acl_id = text(&acl, "NetworkAclId");
        if let Some(list) = acl["Associations"].as_array_mut() {
            list.push(association(&acl_id));
        }
        network::put(world, call, &acl_id, acl);
    }
    id
}

pub(super) fn delete_subnet(world: &mut World, call: &Call) -> Reply {
    let (id, subnet) = existing(world, call, "SubnetId")?;
    let uses = |item: &Value| {
        let several = item["SubnetIds"].as_array().into_iter().flatten().any(|s| *s == id.as_str());
        !comes_with_it(item) && (item["SubnetId"] == id.as_str() || several)
    };
    let is_used = ["eni-", "nat-", "tgw-attach-", "vpce-"]
        .iter()
        .any(|p| network::all(world, call, p).iter().any(uses));
    if is_used {
        return Err(dependency("subnet", &id));
    }
    for mut acl in network::all(world, call, "acl-").into_iter().filter(|acl| acl["VpcId"] == subnet["VpcId"])
    {
        let Some(list) = acl["Associations"].as_array_mut() else { continue };
        let before = list.len();
        list.retain(|association| association["SubnetId"] != id.as_str());
        if list.len() < before {
            network::put(world, call, &text(&acl, "NetworkAclId"), acl);
        }
    }
    network::remove(world, call, &id);
    Ok(json!({}))
}

pub(super) fn create_gateway(world: &mut World, call: &Call) -> Reply {
    let tags = tagging::asked(call, "internet-gateway")?;
    let id = network::fresh(world, "igw-");
    network::put(world, call, &id, network::gateway_value(call, &id, None));
    tagging::set(world, call, &id, tags);
    Ok(json!({"InternetGateway": network::get(world, call, &id)}))
}

pub(super) fn attach_gateway(world: &mut World, call: &Call) -> Reply {
    let (id, gateway) = existing(world, call, "InternetGatewayId")?;
    let (vpc, _) = existing(world, call, "VpcId")?;
    if !is_detached(&gateway) {
        let message = format!("resource {id} is already attached to network {}", attached_to(&gateway));
        return Err(Fault::new("Resource.AlreadyAssociated", message).status(400));
    }
    if network::all(world, call, "igw-").iter().any(|other| attached_to(other) == vpc) {
        let message = format!("Network {vpc} already has an internet gateway attached");
        return Err(Fault::new("InvalidParameterValue", message).status(400));
    }
    network::put(world, call, &id, network::gateway_value(call, &id, Some(&vpc)));
    Ok(json!({}))
}

fn is_detached(gateway: &Value) -> bool {
    attached_to(gateway).is_empty()
}

fn attached_to(gateway: &Value) -> String {
    gateway["Attachments"].get(0).map(|entry| text(entry, "VpcId")).unwrap_or_default()
}

pub(super) fn detach_gateway(world: &mut World, call: &Call) -> Reply {
    let (id, gateway) = existing(world, call, "InternetGatewayId")?;
    let vpc = call.required("VpcId");
    if attached_to(&gateway) != vpc {
        let message = format!("resource {id} is not attached to network {vpc}");
        return Err(Fault::new("Gateway.NotAttached", message).status(400));
    }
    network::put(world, call, &id, network::gateway_value(call, &id, None));
    Ok(json!({}))
}

pub(super) fn delete_gateway(world: &mut World, call: &Call) -> Reply {
    let (id, gateway) = existing(world, call, "InternetGatewayId")?;
    if !is_detached(&gateway) {
        return Err(dependency("internetGateway", &id));
    }
    network::remove(world, call, &id);
    Ok(json!({}))
}

pub(super) fn attribute(world: &mut World, call: &Call) -> Reply {
    let (id, vpc) = existing(world, call, "VpcId")?;
    let asked = call.required("Attribute");
    let Some((member, ..)) = ATTRIBUTES.iter().find(|(_, name, _)| *name == asked) else {
        return Err(invalid_value("attribute", asked));
    };
    let set = view(world, call).attributes.get(&id).and_then(|all| all.get(*member)).copied();
    Ok(json!({"VpcId": id, *member: {"Value": set.unwrap_or_else(|| by_default(member, &vpc))}}))
}

fn by_default(member: &str, vpc: &Value) -> bool {
    let plain = ATTRIBUTES.iter().any(|(name, _, on)| *name == member && *on);
    plain || (member == "EnableDnsHostnames" && vpc["IsDefault"] == true)
}

pub(super) fn modify_attribute(world: &mut World, call: &Call) -> Reply {
    let (id, _) = existing(world, call, "VpcId")?;
    let value = |member: &str| call.input.get(member).and_then(|v| v.get("Value")).and_then(Value::as_bool);
    let set: Vec<(String, bool)> =
        ATTRIBUTES.iter().filter_map(|(member, ..)| Some(((*member).to_owned(), value(member)?))).collect();
    let [(member, on)] = set.as_slice() else {
        let message = "Fields for multiple attribute types specified";
        return Err(Fault::new("InvalidParameterCombination", message).status(400));
    };
    edit(world, call).attributes.entry(id).or_default().insert(member.clone(), *on);
    Ok(json!({}))
}
