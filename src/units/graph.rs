//! Which unit waits for which.
//!
//! Waiting for a whole control would be units x units edges; so every control whose units are the organization's has
//! one *gate*, which opens when its last unit is done. A name in `Meta::after` may be narrower: `section.part:unit` waits for
//! the units of that name (`:=`: of the waiting unit's own name), `...@region` for those of the same region. What is done in
//! each account is waited for in the same account, and what is done in each of its regions in the same region.

use std::collections::HashMap;

use super::Unit;
use crate::control::{Meta, Scope};

/// What a unit can wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Node {
    /// One unit, by index.
    Unit(usize),
    /// All units of one control, by the control's position.
    Gate(usize),
}

/// A unit's place while the order is worked out.
pub(super) struct Placed {
    /// Position of the unit's control among all controls of the run.
    pub(super) control: usize,
    /// Name of the unit within its control.
    pub(super) part: String,
    /// `part`s of the same control that it waits for.
    pub(super) after_parts: Vec<String>,
}

/// A control of the run.
pub(super) struct Listed {
    /// `section` or `section.part`.
    pub(super) section: &'static str,
    pub(super) meta: &'static Meta,
}

/// One name in `Meta::after`, taken apart.
struct Awaited<'a> {
    section: &'a str,
    /// Absent: all parts of the section.
    part: Option<&'a str>,
    /// Absent: all units of the control.
    unit: Option<&'a str>,
    /// Only units of the waiting unit's region.
    same_region: bool,
}

impl<'a> Awaited<'a> {
    /// `own`: name of the unit that waits.
    fn parse(name: &'a str, own: &'a str) -> Awaited<'a> {
        let (name, same_region) = name.strip_suffix("@region").map_or((name, false), |rest| (rest, true));
        let (control, unit) = name.split_once(':').map_or((name, None), |(c, u)| (c, Some(u)));
        let (section, part) = control.split_once('.').map_or((control, None), |(s, p)| (s, Some(p)));
        let unit = unit.map(|name| if name == "=" { own } else { name });
        Awaited { section, part, unit, same_region }
    }

    fn names(&self, control: &Listed) -> bool {
        self.section == control.section && self.part.is_none_or(|part| part == control.meta.part)
    }
}

/// Fills in `after` of every unit.
pub(super) fn link(units: &mut [Unit], placed: &[Placed], controls: &[Listed]) {
    let index = Index::new(units, placed);
    for (at, unit) in units.iter_mut().enumerate() {
        let Some(place) = placed.get(at) else { continue };
        for part in &place.after_parts {
            unit.after.extend(index.named(place.control, part));
        }
        for entry in unit.meta.after {
            let awaited = Awaited::parse(entry, &place.part);
            let others = controls.iter().enumerate().filter(|(position, _)| *position != place.control);
            for (position, control) in others.filter(|(_, control)| awaited.names(control)) {
                let nodes = index.nodes(unit, &awaited, position, control.meta.scope);
                unit.after.extend(nodes);
            }
        }
        unit.after.sort_unstable();
        unit.after.dedup();
        unit.after.retain(|node| *node != Node::Unit(at));
    }
}

/// Units by control, and by account or region.
struct Index<'a> {
    placed: &'a [Placed],
    by_part: HashMap<(usize, &'a str), Vec<usize>>,
    by_region: HashMap<(usize, String), Vec<usize>>,
    by_account: HashMap<(usize, String), Vec<usize>>,
    by_place: HashMap<(usize, String, String), Vec<usize>>,
}

impl<'a> Index<'a> {
    fn new(units: &[Unit], placed: &'a [Placed]) -> Index<'a> {
        let mut index = Index {
            placed,
            by_part: HashMap::new(),
            by_region: HashMap::new(),
            by_account: HashMap::new(),
            by_place: HashMap::new(),
        };
        for (at, (unit, place)) in units.iter().zip(placed).enumerate() {
            let (account, region) = (unit.id.account.clone(), unit.id.region.clone());
            index.by_part.entry((place.control, place.part.as_str())).or_default().push(at);
            index.by_region.entry((place.control, region.clone())).or_default().push(at);
            index.by_account.entry((place.control, account.clone())).or_default().push(at);
            index.by_place.entry((place.control, account, region)).or_default().push(at);
        }
        index
    }

    fn named(&self, control: usize, part: &str) -> Vec<Node> {
        self.by_part.get(&(control, part)).into_iter().flatten().copied().map(Node::Unit).collect()
    }

    /// What `unit` waits for among the units of the control at `position`, which has this scope.
    fn nodes(&self, unit: &Unit, awaited: &Awaited<'_>, position: usize, scope: Scope) -> Vec<Node> {
        let (account, region) = (unit.id.account.clone(), unit.id.region.clone());
        let in_region = unit.meta.scope == Scope::AccountRegion || awaited.same_region;
        let near = match scope {
            Scope::Organization | Scope::OrganizationRegion => match (awaited.same_region, awaited.unit) {
                (true, _) => self.by_region.get(&(position, region)),
                (false, Some(name)) => return self.named(position, name),
                (false, None) => return vec![Node::Gate(position)],
            },
            Scope::AccountRegion if in_region => self.by_place.get(&(position, account, region)),
            Scope::Account | Scope::AccountRegion => self.by_account.get(&(position, account)),
        };
        let is_named = |at: &usize| {
            awaited.unit.is_none_or(|name| self.placed.get(*at).is_some_and(|place| place.part == name))
        };
        near.into_iter().flatten().copied().filter(is_named).map(Node::Unit).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{OutcomeKind, Task, UnitId};

    const ORGANIZATION: Meta = Meta { part: "whole", ..Meta::DEFAULT };
    const REGIONS: Meta = Meta { part: "regions", scope: Scope::OrganizationRegion, ..Meta::DEFAULT };

    /// Units of the given controls: position, name, account, region.
    fn linked(metas: &[&'static Meta], units: &[(usize, &str, &str, &str)]) -> Vec<Vec<Node>> {
        let controls: Vec<Listed> = metas.iter().map(|meta| Listed { section: "s", meta }).collect();
        let placed: Vec<Placed> = units
            .iter()
            .map(|(control, part, ..)| Placed {
                control: *control,
                part: (*part).into(),
                after_parts: Vec::new(),
            })
            .collect();
        let unit = |(control, part, account, region): &(usize, &str, &str, &str)| {
            let (account, region) = ((*account).to_owned(), (*region).to_owned());
            let id = UnitId { control: "s".into(), part: (*part).into(), account: account.clone(), region };
            let task = Task::Settled(OutcomeKind::InSync, String::new());
            let meta = metas.get(*control).copied().unwrap_or(&ORGANIZATION);
            Unit { control: *control, ..Unit::alone(id, account, meta, task) }
        };
        let mut units: Vec<Unit> = units.iter().map(unit).collect();
        link(&mut units, &placed, &controls);
        units.into_iter().map(|u| u.after).collect()
    }

    #[test]
    fn a_unit_may_wait_for_one_unit_of_another_control() {
        const ONE: Meta = Meta { part: "one", after: &["s.whole:b"], ..Meta::DEFAULT };
        const SAME: Meta = Meta { part: "same", after: &["s.whole:="], ..Meta::DEFAULT };
        const ALL: Meta = Meta { part: "all", after: &["s.whole"], ..Meta::DEFAULT };
        let units = [
            (0, "a", "1", "r"),
            (0, "b", "1", "r"),
            (1, "x", "1", "r"),
            (2, "a", "1", "r"),
            (2, "z", "1", "r"),
            (3, "y", "1", "r"),
        ];
        let after = linked(&[&ORGANIZATION, &ONE, &SAME, &ALL], &units);
        let wanted = [vec![Node::Unit(1)], vec![Node::Unit(0)], vec![], vec![Node::Gate(0)]];
        assert_eq!(after.get(2..).unwrap_or_default(), wanted);
    }

    #[test]
    fn a_regional_unit_waits_for_its_own_region_where_the_order_says_so() {
        const MEMBERS: Meta = Meta {
            part: "members",
            scope: Scope::AccountRegion,
            after: &["s.regions:b@region"],
            ..Meta::DEFAULT
        };
        const ALL: Meta = Meta { part: "all", after: &["s.regions"], ..MEMBERS };
        let units = [
            (0, "a", "1", "r1"),
            (0, "b", "1", "r1"),
            (0, "b", "1", "r2"),
            (1, "", "2", "r1"),
            (1, "", "2", "r3"),
            (2, "", "2", "r1"),
        ];
        let after = linked(&[&REGIONS, &MEMBERS, &ALL], &units);
        let wanted = [vec![Node::Unit(1)], vec![], vec![Node::Gate(0)]];
        assert_eq!(after.get(3..).unwrap_or_default(), wanted);
    }

    #[test]
    fn in_each_region_of_an_account_a_unit_waits_for_that_region_of_that_account() {
        const FIRST: Meta = Meta { part: "first", scope: Scope::AccountRegion, ..Meta::DEFAULT };
        const LATER: Meta =
            Meta { part: "later", scope: Scope::AccountRegion, after: &["s.first"], ..Meta::DEFAULT };
        const ONCE: Meta = Meta { part: "once", scope: Scope::Account, after: &["s.first"], ..Meta::DEFAULT };
        let units = [
            (0, "", "1", "r1"),
            (0, "", "1", "r2"),
            (0, "", "2", "r1"),
            (1, "", "1", "r1"),
            (1, "", "3", "r1"),
            (2, "", "1", "r1"),
        ];
        let after = linked(&[&FIRST, &LATER, &ONCE], &units);
        let wanted = [vec![Node::Unit(0)], vec![], vec![Node::Unit(0), Node::Unit(1)]];
        assert_eq!(after.get(3..).unwrap_or_default(), wanted);
    }
}
