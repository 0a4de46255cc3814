//! Rules about networks: what security groups and network ACLs let in, flow logs, peering.

use super::Place;
use crate::check::source::Unread;
use crate::check::sources::network::{AclEntry, Group, NetworkAcls, Peering, SecurityGroups, Vpcs};
use crate::check::verdict::Verdict;

/// SSH and RDP.
const ADMIN_PORTS: [i32; 2] = [22, 3389];
/// CIFS, of which UDP counts too.
const CIFS: i32 = 445;

/// Over the region's security groups: those that let everybody in on a port.
fn open(place: &Place<'_>, ports: &[i32], ipv4: bool, ipv6: bool) -> Result<Verdict, Unread> {
    let groups = place.get::<SecurityGroups>()?.0.iter();
    let problem = |group: &Group| {
        let open = |port: &&i32| {
            let rule = |r: &crate::check::sources::network::Rule| {
                r.covers(**port, **port == CIFS) && ((ipv4 && r.any_ipv4) || (ipv6 && r.any_ipv6))
            };
            group.ingress.iter().any(rule)
        };
        let open: Vec<String> = ports.iter().filter(open).map(ToString::to_string).collect();
        (!open.is_empty()).then(|| format!("port {} is open to the world", open.join(" and ")))
    };
    Ok(Verdict::over(groups.map(|g| (g.id.clone(), problem(g)))))
}

/// From version 1.5.0 on IPv6 is a rule of its own.
pub(super) fn ssh(place: &Place<'_>) -> Result<Verdict, Unread> {
    open(place, &[22], true, !place.since("1.5.0"))
}

pub(super) fn rdp(place: &Place<'_>) -> Result<Verdict, Unread> {
    open(place, &[3389], true, !place.since("1.5.0"))
}

pub(super) fn ipv6_admin_ports(place: &Place<'_>) -> Result<Verdict, Unread> {
    open(place, &ADMIN_PORTS, false, true)
}

pub(super) fn cifs(place: &Place<'_>) -> Result<Verdict, Unread> {
    open(place, &[CIFS], true, true)
}

pub(super) fn default_groups(place: &Place<'_>) -> Result<Verdict, Unread> {
    let groups = place.get::<SecurityGroups>()?.0.iter().filter(|g| g.name == "default");
    let problem = |g: &Group| match (g.ingress.is_empty(), g.has_egress) {
        (true, false) => None,
        (false, true) => Some("it lets traffic in and out"),
        (false, false) => Some("it lets traffic in"),
        (true, true) => Some("it lets traffic out"),
    };
    Ok(Verdict::over(groups.map(|g| (g.id.clone(), problem(g).map(ToString::to_string)))))
}

/// The entries of one address family count in the order of their numbers: the first that covers a port decides.
fn acl_lets_in(entries: &[AclEntry], port: i32, ipv6: bool) -> bool {
    let covers = |e: &&AclEntry| {
        let all = e.protocol == "-1";
        let tcp = e.protocol == "6" && e.ports.is_none_or(|(from, to)| from <= port && port <= to);
        e.ipv6 == ipv6 && (all || tcp)
    };
    entries.iter().find(covers).is_some_and(|e| e.allow)
}

pub(super) fn acl_admin_ports(place: &Place<'_>) -> Result<Verdict, Unread> {
    let acls = place.get::<NetworkAcls>()?.0.iter();
    let problem = |entries: &Vec<AclEntry>| {
        let open = |port: &&i32| acl_lets_in(entries, **port, false) || acl_lets_in(entries, **port, true);
        let open: Vec<String> = ADMIN_PORTS.iter().filter(open).map(ToString::to_string).collect();
        (!open.is_empty()).then(|| format!("it lets everybody in on port {}", open.join(" and ")))
    };
    Ok(Verdict::over(acls.map(|(id, entries)| (id.clone(), problem(entries)))))
}

pub(super) fn flow_logs(place: &Place<'_>) -> Result<Verdict, Unread> {
    let vpcs = place.get::<Vpcs>()?.0.iter();
    let problem =
        |logged: bool| (!logged).then(|| "it has no active flow log of rejected traffic".to_string());
    Ok(Verdict::over(vpcs.map(|(vpc, logged)| (vpc.clone(), problem(*logged)))))
}

pub(super) fn peering(place: &Place<'_>) -> Result<Verdict, Unread> {
    let connections = place.get::<Peering>()?.0.iter();
    let problem = |routes: &Vec<String>| match routes.as_slice() {
        [] => None,
        routes => Some(format!("routes as wide as a VPC: {}", routes.join(", "))),
    };
    Ok(Verdict::over(connections.map(|(id, routes)| (id.clone(), problem(routes)))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: i32, allow: bool, ports: Option<(i32, i32)>) -> AclEntry {
        AclEntry {
            number,
            allow,
            protocol: if ports.is_some() { "6" } else { "-1" }.into(),
            ports,
            ipv6: false,
        }
    }

    #[test]
    fn the_first_entry_that_covers_a_port_decides() {
        let default = [entry(100, true, None)];
        assert!(acl_lets_in(&default, 22, false));
        let denied = [entry(10, false, Some((22, 22))), entry(100, true, None)];
        assert!(!acl_lets_in(&denied, 22, false));
        assert!(acl_lets_in(&denied, 3389, false));
        assert!(!acl_lets_in(&default, 22, true));
    }
}
