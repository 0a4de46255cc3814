//! Security groups.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::describe::{filtered, missing as missing_resource, paged};
use super::{edit, network, rules, strings, tagging, view};
use crate::sandbox::world::{Call, Fault, Reply, World};

/// A security group.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// `sg-...`
    pub id: String,
    /// Name; every VPC has one that is called `default`.
    pub name: String,
    /// Description.
    pub description: String,
    /// Id of its VPC.
    pub vpc: String,
    /// Rules, in the order in which they were made.
    pub rules: Vec<rules::Rule>,
}

/// Most security groups of a VPC for which a page of 60 rules each is kept (VPC user guide, "Quotas").
const MOST: usize = 2500;

/// The default group of a VPC (VPC user guide, "Default security groups for your VPCs").
pub(super) fn default_group(id: &str, vpc: &str, account: &str, rule_ids: [String; 2]) -> Group {
    let [ingress, egress] = rule_ids;
    let everything = rules::Rule { protocol: "-1".into(), ..rules::Rule::default() };
    let own = rules::Peer::Group { id: id.to_owned(), account: account.to_owned() };
    Group {
        id: id.to_owned(),
        name: "default".into(),
        description: "default VPC security group".into(),
        vpc: vpc.to_owned(),
        rules: vec![
            rules::Rule { id: ingress, egress: false, peer: own, ..everything.clone() },
            rules::Rule { id: egress, egress: true, peer: rules::Peer::V4("0.0.0.0/0".into()), ..everything },
        ],
    }
}

/// The default group of the default network.
fn untouched(world: &World, call: &Call) -> Group {
    let id = |prefix: &str, part: &str| network::default_id(world, call, prefix, part);
    let rule_ids = [id("sgr-", "ingress"), id("sgr-", "egress")];
    default_group(&id("sg-", ""), &id("vpc-", ""), &call.account, rule_ids)
}

/// All groups, by id.
pub(super) fn all(world: &World, call: &Call) -> Vec<Group> {
    let state = view(world, call);
    let default = untouched(world, call);
    let mut groups: Vec<Group> = state.groups.values().flatten().cloned().collect();
    if !state.groups.contains_key(&default.id) {
        groups.push(default);
    }
    groups.sort_by(|a, b| a.id.cmp(&b.id));
    groups
}

/// One group.
pub(super) fn get(world: &World, call: &Call, id: &str) -> Option<Group> {
    if let Some(stored) = view(world, call).groups.get(id) {
        return stored.clone();
    }
    Some(untouched(world, call)).filter(|group| group.id == id)
}

/// Writes a group.
pub(super) fn put(world: &mut World, call: &Call, group: Group) {
    edit(world, call).groups.insert(group.id.clone(), Some(group));
}

/// Deletes a group, its rules and tags.
pub(super) fn remove(world: &mut World, call: &Call, id: &str) {
    let is_default = untouched(world, call).id == id;
    let state = edit(world, call);
    state.tags.remove(id);
    if is_default {
        state.groups.insert(id.to_owned(), None);
    } else {
        state.groups.remove(id);
    }
}

/// The refusal of a group that does not exist.
pub(super) fn missing(id: &str) -> Fault {
    Fault::new("InvalidGroup.NotFound", format!("The security group '{id}' does not exist")).status(400)
}

/// The group that `GroupId` or, in the default VPC, `GroupName` names.
pub(super) fn named(world: &World, call: &Call) -> Result<Group, Fault> {
    if let Some(id) = call.str("GroupId") {
        if !id.starts_with("sg-") {
            let message = format!("Invalid id: \"{id}\" (expecting \"sg-...\")");
            return Err(Fault::new("InvalidGroupId.Malformed", message).status(400));
        }
        return get(world, call, id).ok_or_else(|| missing(id));
    }
    let Some(name) = call.str("GroupName") else {
        let message = "The request must contain the parameter groupName or groupId";
        return Err(Fault::new("MissingParameter", message).status(400));
    };
    let vpc = network::default_vpc(world, call);
    let group = all(world, call).into_iter().find(|group| group.name == name && group.vpc == vpc);
    group.ok_or_else(|| missing(name))
}

pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    let (name, description) = (call.required("GroupName"), call.required("Description"));
    let vpc = call.str("VpcId").map_or_else(|| network::default_vpc(world, call), ToOwned::to_owned);
    if network::get(world, call, &vpc).is_none() {
        return Err(match call.str("VpcId") {
            Some(_) => missing_resource(&vpc),
            None => Fault::new("VPCIdNotSpecified", "No default VPC for this user").status(400),
        });
    }
    if name.is_empty() || name.len() > 255 || name.starts_with("sg-") {
        let message = format!("Value ({name}) for parameter GroupName is invalid.");
        return Err(Fault::new("InvalidParameterValue", message).status(400));
    }
    if name == "default" {
        let message = "Cannot use reserved security group name: default";
        return Err(Fault::new("InvalidParameterValue", message).status(400));
    }
    let own: Vec<Group> = all(world, call).into_iter().filter(|group| group.vpc == vpc).collect();
    if own.iter().any(|group| group.name == name) {
        let message = format!("The security group '{name}' already exists for VPC '{vpc}'");
        return Err(Fault::new("InvalidGroup.Duplicate", message).status(400));
    }
    if own.len() >= MOST {
        let message = "The maximum number of security groups has been reached.";
        return Err(Fault::new("SecurityGroupLimitExceeded", message).status(400));
    }
    let tags = tagging::asked(call, "security-group")?;
    let id = network::fresh(world, "sg-");
    let egress = rules::Rule {
        id: network::fresh(world, "sgr-"),
        egress: true,
        protocol: "-1".into(),
        peer: rules::Peer::V4("0.0.0.0/0".into()),
        ..rules::Rule::default()
    };
    let (name, description) = (name.to_owned(), description.to_owned());
    put(world, call, Group { id: id.clone(), name, description, vpc, rules: vec![egress] });
    tagging::set(world, call, &id, tags);
    let arn = world.arn("ec2", &call.region, &call.account, &format!("security-group/{id}"));
    Ok(json!({"GroupId": id, "SecurityGroupArn": arn, "Tags": tagging::shown(view(world, call), &id)}))
}

pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    let group = named(world, call)?;
    let id = group.id;
    if group.name == "default" {
        let message = format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user");
        return Err(Fault::new("CannotDelete", message).status(400));
    }
    let refers = |other: &Group| other.id != id && other.rules.iter().any(|rule| rule.is_about(&id));
    let is_used = network::all(world, call, "eni-").iter().any(|eni| names_group(eni, &id));
    if is_used || all(world, call).iter().any(refers) {
        let message = format!("resource {id} has a dependent object");
        return Err(Fault::new("DependencyViolation", message).status(400));
    }
    remove(world, call, &id);
    Ok(json!({"Return": true, "GroupId": id}))
}

/// Whether a network interface belongs to a group.
pub(super) fn names_group(interface: &Value, id: &str) -> bool {
    let groups = interface["Groups"].as_array();
    groups.into_iter().flatten().any(|group| group["GroupId"] == id)
}

const FILTERS: &[(&str, &str)] = &[
    ("description", "Description"),
    ("egress.ip-permission.cidr", "IpPermissionsEgress.IpRanges.CidrIp"),
    ("egress.ip-permission.from-port", "IpPermissionsEgress.FromPort"),
    ("egress.ip-permission.group-id", "IpPermissionsEgress.UserIdGroupPairs.GroupId"),
    ("egress.ip-permission.ipv6-cidr", "IpPermissionsEgress.Ipv6Ranges.CidrIpv6"),
    ("egress.ip-permission.protocol", "IpPermissionsEgress.IpProtocol"),
    ("egress.ip-permission.to-port", "IpPermissionsEgress.ToPort"),
    ("group-id", "GroupId"),
    ("group-name", "GroupName"),
    ("ip-permission.cidr", "IpPermissions.IpRanges.CidrIp"),
    ("ip-permission.from-port", "IpPermissions.FromPort"),
    ("ip-permission.group-id", "IpPermissions.UserIdGroupPairs.GroupId"),
    ("ip-permission.group-name", "IpPermissions.UserIdGroupPairs.GroupName"),
    ("ip-permission.ipv6-cidr", "IpPermissions.Ipv6Ranges.CidrIpv6"),
    ("ip-permission.protocol", "IpPermissions.IpProtocol"),
    ("ip-permission.to-port", "IpPermissions.ToPort"),
    ("ip-permission.user-id", "IpPermissions.UserIdGroupPairs.UserId"),
    ("owner-id", "OwnerId"),
    ("vpc-id", "VpcId"),
];

pub(super) fn describe(world: &mut World, call: &Call) -> Reply {
    let (ids, names) = (strings(call.input.get("GroupIds")), strings(call.input.get("GroupNames")));
    let mut groups = all(world, call);
    if let Some(id) = ids.iter().find(|id| !groups.iter().any(|group| group.id == **id)) {
        return Err(missing(id));
    }
    let default_vpc = network::default_vpc(world, call);
    let by_name = |group: &Group| names.contains(&group.name) && group.vpc == default_vpc;
    if let Some(name) =
        names.iter().find(|name| !groups.iter().any(|g| g.name == **name && g.vpc == default_vpc))
    {
        return Err(missing(name));
    }
    groups.retain(|group| (ids.is_empty() && names.is_empty()) || ids.contains(&group.id) || by_name(group));
    let shown: Vec<Value> = groups.iter().map(|group| value(world, call, group)).collect();
    let shown = filtered(call, "Filters", FILTERS, shown)?;
    paged(world, call, &shown, "SecurityGroups")
}

fn value(world: &World, call: &Call, group: &Group) -> Value {
    json!({
        "GroupId": group.id, "GroupName": group.name, "Description": group.description, "VpcId": group.vpc,
        "OwnerId": call.account,
        "SecurityGroupArn": world.arn("ec2", &call.region, &call.account, &format!("security-group/{}", group.id)),
        "IpPermissions": rules::permissions(group.rules.iter().filter(|rule| !rule.egress)),
        "IpPermissionsEgress": rules::permissions(group.rules.iter().filter(|rule| rule.egress)),
        "Tags": tagging::shown(view(world, call), &group.id),
    })
}
