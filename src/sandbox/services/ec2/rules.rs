//! Rules of security groups: one per peer, shown as rules or gathered into permissions.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::describe::{filtered, paged};
use super::groups::{self, Group};
use super::{invalid_value, network, strings, tagging, view};
use crate::sandbox::world::{Call, Fault, Reply, World};

/// A rule.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// `sgr-...`
    pub id: String,
    /// Outbound rather than inbound.
    pub egress: bool,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, a number, or `-1`: all.
    pub protocol: String,
    /// First port, or ICMP type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<i64>,
    /// Last port, or ICMP code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<i64>,
    /// The other end.
    pub peer: Peer,
    /// Description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// The other end of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Peer {
    /// IPv4 addresses.
    V4(String),
    /// IPv6 addresses.
    V6(String),
    /// A prefix list, `pl-...`.
    PrefixList(String),
    /// A security group.
    Group {
        /// `sg-...`
        id: String,
        /// Account that owns it.
        account: String,
    },
}

impl Default for Peer {
    fn default() -> Peer {
        Peer::V4(String::new())
    }
}

/// Rules of a group in one direction (VPC user guide, "Quotas").
const MOST: usize = 60;

impl Rule {
    /// Whether the other end is this group.
    pub(super) fn is_about(&self, group: &str) -> bool {
        matches!(&self.peer, Peer::Group { id, .. } if id == group)
    }

    /// Whether two rules let the same through; ids and descriptions do not matter.
    fn same(&self, other: &Rule) -> bool {
        let key = |rule: &Rule| (rule.egress, rule.protocol.clone(), rule.from, rule.to, rule.peer.clone());
        key(self) == key(other)
    }
}

/// Rules as permissions: those with the same protocol and ports are one.
pub(super) fn permissions<'r>(rules: impl Iterator<Item = &'r Rule>) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    for rule in rules {
        let mut head = json!({"IpProtocol": rule.protocol});
        if let (Some(from), Some(to)) = (rule.from, rule.to) {
            head["FromPort"] = json!(from);
            head["ToPort"] = json!(to);
        }
        let fits =
            |have: &Value| ["IpProtocol", "FromPort", "ToPort"].iter().all(|m| have.get(*m) == head.get(*m));
        let at = all.iter().position(fits).unwrap_or_else(|| {
            for member in ["IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs"] {
                head[member] = json!([]);
            }
            all.push(head);
            all.len() - 1
        });
        let (member, mut peer) = match &rule.peer {
            Peer::V4(cidr) => ("IpRanges", json!({"CidrIp": cidr})),
            Peer::V6(cidr) => ("Ipv6Ranges", json!({"CidrIpv6": cidr})),
            Peer::PrefixList(id) => ("PrefixListIds", json!({"PrefixListId": id})),
            Peer::Group { id, account } => ("UserIdGroupPairs", json!({"GroupId": id, "UserId": account})),
        };
        if let Some(text) = &rule.description {
            peer["Description"] = json!(text);
        }
        if let Some(list) = all.get_mut(at).and_then(|have| have[member].as_array_mut()) {
            list.push(peer);
        }
    }
    all
}

/// The rules that a call names by permissions, or by the members of older versions.
fn asked(world: &World, call: &Call, egress: bool) -> Result<Vec<Rule>, Fault> {
    let old = || {
        json!([{
            "IpProtocol": call.str("IpProtocol"), "FromPort": call.int("FromPort"), "ToPort": call.int("ToPort"),
            "IpRanges": call.str("CidrIp").map(|cidr| json!([{"CidrIp": cidr}])),
            "UserIdGroupPairs": call.str("SourceSecurityGroupName").map(|name| json!([{"GroupName": name}])),
        }])
    };
    let list = call.input.get("IpPermissions").cloned().unwrap_or_else(|| {
        if call.str("IpProtocol").is_some() || call.str("SourceSecurityGroupName").is_some() {
            old()
        } else {
            json!([])
        }
    });
    let mut rules = Vec::new();
    for permission in list.as_array().into_iter().flatten() {
        rules.extend(from_permission(world, call, egress, permission)?);
    }
    Ok(rules)
}

fn from_permission(world: &World, call: &Call, egress: bool, permission: &Value) -> Result<Vec<Rule>, Fault> {
    let protocol = protocol(permission.get("IpProtocol").and_then(Value::as_str).unwrap_or("-1"))?;
    let port = |member: &str| permission.get(member).and_then(Value::as_i64).filter(|_| protocol != "-1");
    let (from, to) = (port("FromPort"), port("ToPort"));
    if matches!(protocol.as_str(), "tcp" | "udp") {
        let range = from.zip(to).ok_or_else(|| {
            let message = "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.";
            Fault::new("InvalidParameterValue", message).status(400)
        })?;
        if range.0 < 0 || range.1 > 65535 || range.0 > range.1 {
            let message = format!("Invalid TCP/UDP port range ({}:{})", range.0, range.1);
            return Err(Fault::new("InvalidParameterValue", message).status(400));
        }
    }
    let mut rules = Vec::new();
    for (member, key) in [
        ("IpRanges", "CidrIp"),
        ("Ipv6Ranges", "CidrIpv6"),
        ("PrefixListIds", "PrefixListId"),
        ("UserIdGroupPairs", ""),
    ] {
        for entry in permission.get(member).and_then(Value::as_array).into_iter().flatten() {
            let text = entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            let peer = match member {
                "IpRanges" => Peer::V4(v4(text)?),
                "Ipv6Ranges" => Peer::V6(v6(text)?),
                "PrefixListIds" => Peer::PrefixList(text),
                _ => group_peer(world, call, entry)?,
            };
            let description = entry.get("Description").and_then(Value::as_str).map(ToOwned::to_owned);
            let protocol = protocol.clone();
            rules.push(Rule { id: String::new(), egress, protocol, from, to, peer, description });
        }
    }
    Ok(rules)
}

/// EC2 writes the common protocols by name.
fn protocol(text: &str) -> Result<String, Fault> {
    Ok(match text {
        "6" | "tcp" => "tcp".into(),
        "17" | "udp" => "udp".into(),
        "1" | "icmp" => "icmp".into(),
        "58" | "icmpv6" => "icmpv6".into(),
        "-1" | "all" => "-1".into(),
        other if other.parse::<u8>().is_ok() => other.to_owned(),
        other => return Err(invalid_value("ipProtocol", other)),
    })
}

fn v4(cidr: String) -> Result<String, Fault> {
    let fits = cidr.split_once('/').is_some_and(|(address, bits)| {
        address.parse::<std::net::Ipv4Addr>().is_ok() && bits.parse::<u8>().is_ok_and(|bits| bits <= 32)
    });
    if fits { Ok(cidr) } else { Err(malformed(&cidr)) }
}

fn v6(cidr: String) -> Result<String, Fault> {
    let fits = cidr.split_once('/').is_some_and(|(address, bits)| {
        address.parse::<std::net::Ipv6Addr>().is_ok() && bits.parse::<u8>().is_ok_and(|bits| bits <= 128)
    });
    if fits { Ok(cidr) } else { Err(malformed(&cidr)) }
}

fn malformed(cidr: &str) -> Fault {
    Fault::new("InvalidParameterValue", format!("CIDR block {cidr} is malformed")).status(400)
}

/// A group of this account by id or, in the default VPC, by name; one of another account is taken to exist.
fn group_peer(world: &World, call: &Call, entry: &Value) -> Result<Peer, Fault> {
    let text = |member: &str| entry.get(member).and_then(Value::as_str);
    let account = text("UserId").unwrap_or(&call.account).to_owned();
    if let Some(id) = text("GroupId") {
        if account == call.account && groups::get(world, call, id).is_none() {
            return Err(groups::missing(id));
        }
        return Ok(Peer::Group { id: id.to_owned(), account });
    }
    let name = text("GroupName").unwrap_or_default();
    let vpc = network::default_vpc(world, call);
    let group = groups::all(world, call).into_iter().find(|group| group.name == name && group.vpc == vpc);
    Ok(Peer::Group { id: group.ok_or_else(|| groups::missing(name))?.id, account })
}

pub(super) fn authorize_ingress(world: &mut World, call: &Call) -> Reply {
    authorize(world, call, false)
}

pub(super) fn authorize_egress(world: &mut World, call: &Call) -> Reply {
    authorize(world, call, true)
}

fn authorize(world: &mut World, call: &Call, egress: bool) -> Reply {
    let mut group = groups::named(world, call)?;
    let new = asked(world, call, egress)?;
    if new.is_empty() {
        return Err(
            Fault::new("MissingParameter", "Either source or destination must be specified").status(400)
        );
    }
    let tags = tagging::asked(call, "security-group-rule")?;
    if let Some(twice) = new.iter().find(|rule| group.rules.iter().any(|have| have.same(rule))) {
        let message =
            format!("the specified rule \"peer: {}, ALLOW\" already exists", peer_text(&twice.peer));
        return Err(Fault::new("InvalidPermission.Duplicate", message).status(400));
    }
    if group.rules.iter().filter(|rule| rule.egress == egress).count() + new.len() > MOST {
        let message = "The maximum number of rules per security group has been reached.";
        return Err(Fault::new("RulesPerSecurityGroupLimitExceeded", message).status(400));
    }
    let mut made = Vec::new();
    for rule in new {
        let rule = Rule { id: network::fresh(world, "sgr-"), ..rule };
        tagging::set(world, call, &rule.id, tags.clone());
        made.push(value(world, call, &group, &rule));
        group.rules.push(rule);
    }
    groups::put(world, call, group);
    Ok(json!({"Return": true, "SecurityGroupRules": made}))
}

fn peer_text(peer: &Peer) -> &str {
    match peer {
        Peer::V4(text) | Peer::V6(text) | Peer::PrefixList(text) => text,
        Peer::Group { id, .. } => id,
    }
}

pub(super) fn revoke_ingress(world: &mut World, call: &Call) -> Reply {
    revoke(world, call, false)
}

pub(super) fn revoke_egress(world: &mut World, call: &Call) -> Reply {
    revoke(world, call, true)
}

/// What does not exist is an error, except in the default VPC, where it is named in the answer (API reference).
fn revoke(world: &mut World, call: &Call, egress: bool) -> Reply {
    let mut group = groups::named(world, call)?;
    let ids = strings(call.input.get("SecurityGroupRuleIds"));
    let rules = asked(world, call, egress)?;
    let goes =
        |have: &Rule| have.egress == egress && (ids.contains(&have.id) || rules.iter().any(|r| r.same(have)));
    if let Some(id) = ids.iter().find(|id| !group.rules.iter().any(|r| r.id == **id && r.egress == egress)) {
        let message = format!("The security group rule ID '{id}' does not exist");
        return Err(Fault::new("InvalidSecurityGroupRuleId.NotFound", message).status(400));
    }
    let unknown: Vec<&Rule> = rules.iter().filter(|r| !group.rules.iter().any(|have| have.same(r))).collect();
    let is_default_vpc = network::get(world, call, &group.vpc).is_some_and(|vpc| vpc["IsDefault"] == true);
    if !unknown.is_empty() && !is_default_vpc {
        let message = "The specified rule does not exist in this security group.";
        return Err(Fault::new("InvalidPermission.NotFound", message).status(400));
    }
    let gone: Vec<Rule> = group.rules.iter().filter(|have| goes(have)).cloned().collect();
    let revoked: Vec<Value> = gone.iter().map(|rule| revoked(&group, rule)).collect();
    group.rules.retain(|have| !gone.contains(have));
    let unknown = permissions(unknown.into_iter());
    for rule in &gone {
        super::edit(world, call).tags.remove(&rule.id);
    }
    if !gone.is_empty() {
        groups::put(world, call, group);
    }
    Ok(json!({"Return": true, "RevokedSecurityGroupRules": revoked, "UnknownIpPermissions": unknown}))
}

/// Protocol, ports and peer of a rule; ports of rules for everything are -1.
fn common(group: &Group, rule: &Rule) -> Value {
    let mut value = json!({
        "SecurityGroupRuleId": rule.id, "GroupId": group.id, "IsEgress": rule.egress, "IpProtocol": rule.protocol,
        "FromPort": rule.from.unwrap_or(-1), "ToPort": rule.to.unwrap_or(-1),
    });
    match &rule.peer {
        Peer::V4(cidr) => value["CidrIpv4"] = json!(cidr),
        Peer::V6(cidr) => value["CidrIpv6"] = json!(cidr),
        Peer::PrefixList(id) => value["PrefixListId"] = json!(id),
        Peer::Group { .. } => {}
    }
    if let Some(text) = &rule.description {
        value["Description"] = json!(text);
    }
    value
}

fn revoked(group: &Group, rule: &Rule) -> Value {
    let mut value = common(group, rule);
    if let Peer::Group { id, .. } = &rule.peer {
        value["ReferencedGroupId"] = json!(id);
    }
    value
}

fn value(world: &World, call: &Call, group: &Group, rule: &Rule) -> Value {
    let mut value = common(group, rule);
    value["GroupOwnerId"] = json!(call.account);
    value["Tags"] = tagging::shown(view(world, call), &rule.id);
    let resource = format!("security-group-rule/{}", rule.id);
    value["SecurityGroupRuleArn"] = json!(world.arn("ec2", &call.region, &call.account, &resource));
    if let Peer::Group { id, account } = &rule.peer {
        value["ReferencedGroupInfo"] = json!({"GroupId": id, "UserId": account});
    }
    value
}

/// Whether there is a rule with this id.
pub(super) fn exists(world: &World, call: &Call, id: &str) -> bool {
    groups::all(world, call).iter().any(|group| group.rules.iter().any(|rule| rule.id == id))
}

const FILTERS: [(&str, &str); 2] =
    [("group-id", "GroupId"), ("security-group-rule-id", "SecurityGroupRuleId")];

pub(super) fn describe(world: &mut World, call: &Call) -> Reply {
    let mut rows = Vec::new();
    for group in groups::all(world, call) {
        rows.extend(group.rules.iter().map(|rule| value(world, call, &group, rule)));
    }
    let ids = strings(call.input.get("SecurityGroupRuleIds"));
    if let Some(id) = ids.iter().find(|id| !rows.iter().any(|row| row["SecurityGroupRuleId"] == id.as_str()))
    {
        let message = format!("The security group rule ID '{id}' does not exist");
        return Err(Fault::new("InvalidSecurityGroupRuleId.NotFound", message).status(400));
    }
    rows.retain(|row| ids.is_empty() || ids.iter().any(|id| row["SecurityGroupRuleId"] == id.as_str()));
    let rows = filtered(call, "Filters", &FILTERS, rows)?;
    paged(world, call, &rows, "SecurityGroupRules")
}
