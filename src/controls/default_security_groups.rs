//! The default security group of every VPC, without rules.
//!
//! * Nobody can delete a default group, and whoever launches something without naming a group gets it. AWS makes it with
//!   everything allowed out, and everything in from its own members.
//!   <https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html>
//! * A group that network interfaces use is emptied only with `in_use`: it would cut their traffic.
//! * Rules are revoked as they were read, peer by peer, and the journal keeps them.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{
    Filter, IpPermission, IpRange, Ipv6Range, NetworkInterface, PrefixListId, UserIdGroupPair,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::baseline::Baseline;
use crate::control::{Control, Cx, DesiredCx, Diff, DynControl, Import, ImportCx, Meta, Reference, Risk, Scope, Seat, Section, SectionMeta, Shape, Surveyed, Wanted, control};
use crate::diag::Findings;
use crate::error::UnitError;
use crate::resource::aggregated::{self, Item};
use crate::resource::default_groups::{self, DefaultGroup};

/// Values that one filter takes.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>
const FILTER_VALUES: usize = 200;

/// The default security groups, in every region of every account, the management account included.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DefaultSecurityGroups {
    /// The default group of every VPC has no rules. `false`: not managed.
    pub empty: bool,
    /// Also where network interfaces use the group: it may cut their traffic. Otherwise such a group keeps its rules, and
    /// the plan names it.
    pub in_use: bool,
}

impl Section for DefaultSecurityGroups {
    const META: SectionMeta = SectionMeta {
        id: "default_security_groups",
        title: "Default security groups",
        summary: "Takes all rules from the default security group of every VPC, in every region of every account and \
                  the management account, so that what is launched without a group of its own can be reached by \
                  nobody. Groups that network interfaces use keep their rules unless `in_use` says otherwise.",
        shape: Shape::Table,
        references: &[
            Reference::cis("1.2.0", "4.3").partly(UNUSED),
            Reference::cis("1.4.0", "5.3").partly(UNUSED),
            Reference::cis("1.5.0", "5.4").partly(UNUSED),
            Reference::cis("2.0.0", "5.4").partly(UNUSED),
            Reference::cis("3.0.0", "5.4").partly(UNUSED),
            Reference::cis("4.0.1", "5.5").partly(UNUSED),
            Reference::cis("5.0.0", "5.5").partly(UNUSED),
            Reference::cis("6.0.0", "6.5").partly(UNUSED),
            Reference::cis("7.0.0", "6.5").partly(UNUSED),
            Reference::row("AXN-048").partly(UNUSED),
            Reference::row("FXL-021").partly(UNUSED),
            Reference::row("RDM-065").partly("other groups than the default ones"),
        ],
        billed: None,
    };

    fn check(&self, _baseline: &Baseline, findings: &mut Findings<'_>) {
        if self.in_use && !self.empty {
            findings.hint("in_use", "it says which groups are emptied, but none is", "declare `empty = true` as well");
        }
    }

    fn import(_cx: &ImportCx<'_>) -> Import<DefaultSecurityGroups> {
        Import::Ask(DefaultSecurityGroups { empty: true, in_use: false })
    }

    fn controls() -> Vec<Box<dyn DynControl>> {
        vec![control::<Groups>()]
    }
}

/// What is not covered as long as `in_use` is not declared.
const UNUSED: &str = "groups that network interfaces use, without `in_use`";

/// The only part.
struct Groups;

/// Which groups are emptied.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Desired {
    /// Those in use too.
    in_use: bool,
}

/// The default groups that have rules, by id.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Actual(BTreeMap<String, Group>);

/// A default group with its rules.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Group {
    vpc: String,
    ingress: Vec<Rule>,
    egress: Vec<Rule>,
    /// Network interfaces that use it.
    interfaces: usize,
}

/// What one peer may do.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Rule {
    /// `-1`: all.
    protocol: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_port: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_port: Option<i32>,
    peer: Peer,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

/// The other end of a rule.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Peer {
    CidrIpv4(String),
    CidrIpv6(String),
    PrefixList(String),
    Group { id: String, account: Option<String> },
}

impl Control for Groups {
    type Section = DefaultSecurityGroups;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        scope: Scope::AccountRegion,
        seat: Seat::Member,
        reads: &["ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups"],
        writes: &["ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress"],
        survey: Some(aggregated::SURVEY),
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, DefaultSecurityGroups>) -> Vec<Wanted<Desired>> {
        if cx.section.empty { Wanted::one(Desired { in_use: cx.section.in_use }) } else { Vec::new() }
    }

    async fn read(cx: &Cx<'_>, _want: &Desired) -> Result<Actual, UnitError> {
        let mut groups = with_rules(cx).await?;
        let ids: Vec<String> = groups.keys().cloned().collect();
        for some in ids.chunks(FILTER_VALUES) {
            for interface in interfaces(cx, some).await? {
                let named = interface.groups.unwrap_or_default();
                let named: Vec<String> = named.into_iter().filter_map(|group| group.group_id).collect();
                groups.iter_mut().filter(|(id, _)| named.contains(id)).for_each(|(_, g)| g.interfaces += 1);
            }
        }
        Ok(Actual(groups))
    }

    /// Places in which Config recorded default groups, and none of them with a rule.
    async fn survey(cx: &Cx<'_>) -> Result<Vec<Surveyed<Actual>>, UnitError> {
        let by_name = Some("configuration.groupName = 'default'");
        let recorded = aggregated::items(cx, &["AWS::EC2::SecurityGroup"], by_name).await?;
        let stated = recorded.into_iter().filter(|(_, groups)| groups.iter().all(has_no_rules));
        Ok(stated.map(|(place, _)| Surveyed::at(place, Actual::default())).collect())
    }

    fn import(_cx: &Cx<'_>, _want: &Desired, have: &Actual) -> Option<DefaultSecurityGroups> {
        have.0.is_empty().then_some(DefaultSecurityGroups { empty: true, in_use: false })
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        let mut d = Diff::new();
        for (id, group) in &have.0 {
            if group.interfaces > 0 && !want.in_use {
                d.notice(kept(id, group));
                continue;
            }
            let risk = if group.interfaces > 0 { Risk::Disruptive } else { Risk::Normal };
            let none = Vec::new();
            d.risky(&format!("groups.{id}.ingress"), &group.ingress, Some(&none), risk);
            d.risky(&format!("groups.{id}.egress"), &group.egress, Some(&none), risk);
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        let ec2 = cx.aws.ec2();
        for (id, group) in have.0.iter().filter(|(_, group)| group.interfaces == 0 || want.in_use) {
            if !group.ingress.is_empty() {
                let rules: Vec<IpPermission> = group.ingress.iter().map(Rule::live).collect();
                ec2.call("RevokeSecurityGroupIngress", |c| {
                    c.revoke_security_group_ingress().group_id(id).set_ip_permissions(Some(rules.clone())).send()
                })
                .await?;
            }
            if !group.egress.is_empty() {
                let rules: Vec<IpPermission> = group.egress.iter().map(Rule::live).collect();
                ec2.call("RevokeSecurityGroupEgress", |c| {
                    c.revoke_security_group_egress().group_id(id).set_ip_permissions(Some(rules.clone())).send()
                })
                .await?;
            }
        }
        Ok(())
    }
}

/// Whether Config shows a group without rules; what it does not show at all may be anything.
fn has_no_rules(group: &Item) -> bool {
    let is_empty = |list: &str| {
        let rules = group.configuration.get(list).and_then(serde_json::Value::as_array);
        rules.is_some_and(Vec::is_empty)
    };
    is_empty("ipPermissions") && is_empty("ipPermissionsEgress")
}

/// Why a group keeps its rules.
fn kept(id: &str, group: &Group) -> String {
    let interfaces = match group.interfaces {
        1 => "1 network interface uses it".to_string(),
        n => format!("{n} network interfaces use it"),
    };
    format!(
        "the default group {id} of {} keeps its rules: {interfaces} (move them to another group, or declare \
         `in_use = true`)",
        group.vpc
    )
}

/// The account's own default groups that have rules, by id.
async fn with_rules(cx: &Cx<'_>) -> Result<BTreeMap<String, Group>, UnitError> {
    let own = default_groups::own(cx).await?;
    let groups = own.iter().map(|live| (live.id.clone(), from_live(live)));
    Ok(groups.filter(|(_, group)| !group.ingress.is_empty() || !group.egress.is_empty()).collect())
}

/// Network interfaces that use one of these groups.
async fn interfaces(cx: &Cx<'_>, groups: &[String]) -> Result<Vec<NetworkInterface>, UnitError> {
    let by_group = Filter::builder().name("group-id").set_values(Some(groups.to_vec())).build();
    let interfaces = cx
        .aws
        .ec2()
        .pages(
            "DescribeNetworkInterfaces",
            |c, token| {
                let request = c.describe_network_interfaces().filters(by_group.clone());
                request.max_results(1000).set_next_token(token).send()
            },
            |page| (page.network_interfaces, page.next_token),
        )
        .await?;
    Ok(interfaces)
}

fn from_live(live: &DefaultGroup) -> Group {
    let ingress = live.ingress.iter().cloned().flat_map(rules).collect();
    let egress = live.egress.iter().cloned().flat_map(rules).collect();
    Group { vpc: live.vpc.clone(), ingress, egress, interfaces: 0 }
}

/// The rules that a permission is made of.
fn rules(live: IpPermission) -> Vec<Rule> {
    let v4 = live.ip_ranges.unwrap_or_default().into_iter();
    let v4 = v4.map(|r| (Peer::CidrIpv4(r.cidr_ip.unwrap_or_default()), r.description));
    let v6 = live.ipv6_ranges.unwrap_or_default().into_iter();
    let v6 = v6.map(|r| (Peer::CidrIpv6(r.cidr_ipv6.unwrap_or_default()), r.description));
    let lists = live.prefix_list_ids.unwrap_or_default().into_iter();
    let lists = lists.map(|r| (Peer::PrefixList(r.prefix_list_id.unwrap_or_default()), r.description));
    let groups = live.user_id_group_pairs.unwrap_or_default().into_iter();
    let groups =
        groups.map(|r| (Peer::Group { id: r.group_id.unwrap_or_default(), account: r.user_id }, r.description));
    let (protocol, from_port, to_port) = (live.ip_protocol.unwrap_or_default(), live.from_port, live.to_port);
    v4.chain(v6)
        .chain(lists)
        .chain(groups)
        .map(|(peer, description)| Rule { protocol: protocol.clone(), from_port, to_port, peer, description })
        .collect()
}

impl Rule {
    /// As AWS wants it named.
    fn live(&self) -> IpPermission {
        let permission = IpPermission::builder()
            .ip_protocol(&self.protocol)
            .set_from_port(self.from_port)
            .set_to_port(self.to_port);
        let permission = match &self.peer {
            Peer::CidrIpv4(cidr) => permission.ip_ranges(IpRange::builder().cidr_ip(cidr).build()),
            Peer::CidrIpv6(cidr) => permission.ipv6_ranges(Ipv6Range::builder().cidr_ipv6(cidr).build()),
            Peer::PrefixList(id) => permission.prefix_list_ids(PrefixListId::builder().prefix_list_id(id).build()),
            Peer::Group { id, account } => permission
                .user_id_group_pairs(UserIdGroupPair::builder().group_id(id).set_user_id(account.clone()).build()),
        };
        permission.build()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn as_made(interfaces: usize) -> Actual {
        let own = UserIdGroupPair::builder().group_id("sg-1").user_id("111111111111").build();
        let out = IpRange::builder().cidr_ip("0.0.0.0/0").description("all").build();
        let all = || IpPermission::builder().ip_protocol("-1");
        let live = DefaultGroup {
            id: "sg-1".into(),
            vpc: "vpc-1".into(),
            ingress: vec![all().user_id_group_pairs(own).build()],
            egress: vec![all().ip_ranges(out).build()],
        };
        Actual([("sg-1".into(), Group { interfaces, ..from_live(&live) })].into())
    }

    #[test]
    fn an_unused_group_is_emptied_and_one_in_use_only_where_that_is_declared() {
        let some = Desired { in_use: false };
        let diff = Groups::diff(&some, &as_made(0));
        let paths: Vec<&str> = diff.changes.iter().map(|c| c.path.as_str()).collect();
        assert_eq!(paths, ["groups.sg-1.ingress", "groups.sg-1.egress"]);
        assert_eq!(diff.risk(), Risk::Normal);

        let kept = Groups::diff(&some, &as_made(2));
        assert!(kept.is_empty() && kept.notices[0].contains("2 network interfaces"), "{:?}", kept.notices);
        assert_eq!(Groups::diff(&Desired { in_use: true }, &as_made(1)).risk(), Risk::Disruptive);
        assert!(Groups::diff(&some, &Actual::default()).is_empty());
    }

    #[test]
    fn what_was_there_is_written_down_rule_by_rule() {
        let diff = Groups::diff(&Desired { in_use: false }, &as_made(0));
        let own = serde_json::json!([
            {"protocol": "-1", "peer": {"group": {"id": "sg-1", "account": "111111111111"}}}
        ]);
        let out = serde_json::json!([
            {"protocol": "-1", "peer": {"cidr_ipv4": "0.0.0.0/0"}, "description": "all"}
        ]);
        assert_eq!((&diff.changes[0].before, &diff.changes[1].before), (&own, &out));
    }

    #[test]
    fn a_rule_is_revoked_as_it_was_read() {
        let live = IpPermission::builder()
            .ip_protocol("tcp")
            .from_port(22)
            .to_port(22)
            .ip_ranges(IpRange::builder().cidr_ip("10.0.0.0/8").build())
            .ipv6_ranges(Ipv6Range::builder().cidr_ipv6("::/0").build())
            .prefix_list_ids(PrefixListId::builder().prefix_list_id("pl-1").build());
        let named: Vec<IpPermission> = rules(live.build()).iter().map(Rule::live).collect();
        assert_eq!(named.len(), 3);
        assert!(named.iter().all(|p| p.from_port == Some(22) && p.ip_protocol.as_deref() == Some("tcp")));
        assert_eq!(named[1].ipv6_ranges.as_ref().unwrap()[0].cidr_ipv6.as_deref(), Some("::/0"));
    }

    #[test]
    fn in_use_alone_is_a_mistake() {
        let text = "version = 1\n[organization]\nhome_region = \"eu-west-1\"\n[default_security_groups]\nin_use = true\n";
        assert_eq!(Baseline::parse("t.toml", text).unwrap_err().findings.len(), 1);
    }
}
