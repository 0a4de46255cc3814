//! Which unit waits for which.
//!
//! Waiting for a whole control would be units x units edges; so every control whose units are the organization's has
//! one *gate*, which opens when its last unit is done.

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

impl Listed {
    fn is_named(&self, name: &str) -> bool {
        match name.split_once('.') {
            None => self.section == name,
            Some((section, part)) => self.section == section && self.meta.part == part,
        }
    }

    fn is_organization_wide(&self) -> bool {
        matches!(self.meta.scope, Scope::Organization | Scope::OrganizationRegion)
    }
}

/// Fills in `after` of every unit.
pub(super) fn link(units: &mut [Unit], placed: &[Placed], controls: &[Listed]) {
    let parts = by_part(placed);
    let by_account = by_account(units, placed);
    for (index, unit) in units.iter_mut().enumerate() {
        let Some(place) = placed.get(index) else { continue };
        let own = place.after_parts.iter().filter_map(|p| parts.get(&(place.control, p.as_str())));
        unit.after.extend(own.flatten().map(|i| Node::Unit(*i)));
        for (position, upstream) in controls.iter().enumerate() {
            if position == place.control || !unit.meta.after.iter().any(|name| upstream.is_named(name)) {
                continue;
            }
            if upstream.is_organization_wide() {
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
