//! Which unit waits for which.
//!
//! Waiting for a whole control would be units x units edges; so every control whose units are the organization's has
//! one *gate*, which opens when its last unit is done. A name in `Meta::after` may be narrower: `section.part:unit` waits for
//! the units of that name, `...@region` for those of the same region.

use std::collections::{BTreeMap, HashMap};

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
    fn parse(name: &'a str) -> Awaited<'a> {
        let (name, same_region) = match name.strip_suffix("@region") {
            Some(rest) => (rest, true),
            None => (name, false),
        };
        let (control, unit) =
            name.split_once(':').map_or((name, None), |(control, unit)| (control, Some(unit)));
        let (section, part) =
            control.split_once('.').map_or((control, None), |(section, part)| (section, Some(part)));
        Awaited { section, part, unit, same_region }
    }

    fn names(&self, control: &Listed) -> bool {
        self.section == control.section && self.part.is_none_or(|part| part == control.meta.part)
    }

    fn is_narrow(&self) -> bool {
        self.unit.is_some() || self.same_region
    }
}

impl Listed {
    fn is_organization_wide(&self) -> bool {
        matches!(self.meta.scope, Scope::Organization | Scope::OrganizationRegion)
    }
}

/// Fills in `after` of every unit.
pub(super) fn link(units: &mut [Unit], placed: &[Placed], controls: &[Listed]) {
    let parts = by_part(placed);
    let by_account = by_account(units, placed);
    let by_control = by_control(units, placed);
    for (index, unit) in units.iter_mut().enumerate() {
        let Some(place) = placed.get(index) else { continue };
        let own = place.after_parts.iter().filter_map(|p| parts.get(&(place.control, p.as_str())));
        unit.after.extend(own.flatten().map(|i| Node::Unit(*i)));
        let awaited: Vec<Awaited<'_>> = unit.meta.after.iter().map(|name| Awaited::parse(name)).collect();
        for (position, upstream) in
            controls.iter().enumerate().filter(|(position, _)| *position != place.control)
        {
            let mut named = awaited.iter().filter(|awaited| awaited.names(upstream)).peekable();
            if named.peek().is_none() {
                continue;
            }
            if named.clone().all(Awaited::is_narrow) {
                let all = by_control.get(&position).map(Vec::as_slice).unwrap_or_default();
                let fits = |known: &&Known| named.clone().any(|awaited| known.fits(awaited, &unit.id.region));
                unit.after.extend(all.iter().filter(fits).map(|known| Node::Unit(known.index)));
            } else if upstream.is_organization_wide() {
                unit.after.push(Node::Gate(position));
            } else {
                let same = by_account.get(&(position, unit.id.account.clone()));
                unit.after.extend(same.into_iter().flatten().map(|i| Node::Unit(*i)));
            }
        }
        unit.after.sort_unstable();
        unit.after.dedup();
        unit.after.retain(|node| *node != Node::Unit(index));
    }
}

/// A unit as narrow names see it.
struct Known {
    index: usize,
    part: String,
    region: String,
}

impl Known {
    fn fits(&self, awaited: &Awaited<'_>, region: &str) -> bool {
        awaited.unit.is_none_or(|unit| unit == self.part) && (!awaited.same_region || self.region == region)
    }
}

fn by_control(units: &[Unit], placed: &[Placed]) -> HashMap<usize, Vec<Known>> {
    let mut map: HashMap<usize, Vec<Known>> = HashMap::new();
    for (index, (unit, place)) in units.iter().zip(placed).enumerate() {
        let known = Known { index, part: place.part.clone(), region: unit.id.region.clone() };
        map.entry(place.control).or_default().push(known);
    }
    map
}

fn by_part(placed: &[Placed]) -> HashMap<(usize, &str), Vec<usize>> {
    let mut map: HashMap<(usize, &str), Vec<usize>> = HashMap::new();
    for (index, place) in placed.iter().enumerate() {
        map.entry((place.control, place.part.as_str())).or_default().push(index);
    }
    map
}

fn by_account(units: &[Unit], placed: &[Placed]) -> BTreeMap<(usize, String), Vec<usize>> {
    let mut map: BTreeMap<(usize, String), Vec<usize>> = BTreeMap::new();
    for (index, (unit, place)) in units.iter().zip(placed).enumerate() {
        map.entry((place.control, unit.id.account.clone())).or_default().push(index);
    }
    map
}

#[cfg(test)]
mod tests {
    #![expect(clippy::indexing_slicing, reason = "a test may panic")]

    use super::super::{OutcomeKind, Task, UnitId};
    use super::*;

    static ADMIN: Meta = Meta { part: "admin", scope: Scope::OrganizationRegion, ..Meta::DEFAULT };
    static NARROW: Meta = Meta {
        part: "hub",
        scope: Scope::OrganizationRegion,
        after: &["first.admin:b@region"],
        ..Meta::DEFAULT
    };
    static NAMED: Meta = Meta { after: &["first.admin:b"], ..NARROW };
    static WHOLE: Meta = Meta { after: &["first", "first.admin:b"], ..NARROW };

    fn linked(meta: &'static Meta) -> Vec<Node> {
        let unit = |control, meta, region: &str| {
            let id = UnitId {
                control: String::new(),
                part: String::new(),
                account: "1".into(),
                region: region.into(),
            };
            let task = Task::Settled(OutcomeKind::InSync, String::new());
            Unit { control, ..Unit::alone(id, "1".into(), meta, task) }
        };
        let place = |control, part: &str| Placed { control, part: part.into(), after_parts: Vec::new() };
        let mut units =
            [unit(0, &ADMIN, "x"), unit(0, &ADMIN, "x"), unit(0, &ADMIN, "y"), unit(1, meta, "x")];
        let placed = [place(0, "a"), place(0, "b"), place(0, "b"), place(1, "")];
        let controls = [Listed { section: "first", meta: &ADMIN }, Listed { section: "second", meta }];
        link(&mut units, &placed, &controls);
        std::mem::take(&mut units[3].after)
    }

    #[test]
    fn a_narrow_name_waits_for_some_units_and_a_wide_one_beside_it_for_all() {
        assert_eq!(linked(&NARROW), [Node::Unit(1)]);
        assert_eq!(linked(&NAMED), [Node::Unit(1), Node::Unit(2)]);
        assert_eq!(linked(&WHOLE), [Node::Gate(0)]);
    }
}
