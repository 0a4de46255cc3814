//! Organizational units, and the tree's lists.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sandbox::world::{Call, Fault, Reply, World};

use super::state::Unit;
use super::{arn, attachments, constraint, list, organization, path_text, tags};

/// OUs in an organization (`aws-limits.md` 1.2).
const UNIT_LIMIT: usize = 2_000;
/// Nesting of OUs under the root (`aws-limits.md` 1.2).
const DEPTH_LIMIT: usize = 5;

/// Whether `id` is the root or an OU.
pub(super) fn is_parent(world: &World, id: &str) -> bool {
    is_root(world, id) || world.organizations.units.contains_key(id)
}

pub(super) fn is_root(world: &World, id: &str) -> bool {
    world.organizations.organization.as_ref().is_some_and(|o| o.root == id)
}

pub(super) fn require_parent(world: &World, id: &str) -> Result<(), Fault> {
    if is_parent(world, id) {
        return Ok(());
    }
    Err(Fault::new("ParentNotFoundException", "You specified parent that doesn't exist."))
}

fn unit_value(world: &World, unit: &Unit) -> Value {
    let organization = world.organizations.organization.as_ref().map(|o| o.id.as_str()).unwrap_or_default();
    json!({
        "Id": unit.id,
        "Arn": arn(world, &format!("ou/{organization}/{}", unit.id)),
        "Name": unit.name,
        "Path": path_text(world, &unit.id, &unit.parent),
    })
}

/// How many OUs stand above and including `parent`.
fn depth(world: &World, parent: &str) -> usize {
    let mut levels = 0;
    let mut current = parent;
    while let Some(unit) = world.organizations.units.get(current) {
        levels += 1;
        current = &unit.parent;
    }
    levels
}

fn refuse_duplicate(world: &World, parent: &str, name: &str, except: &str) -> Result<(), Fault> {
    let taken =
        world.organizations.units.values().any(|u| u.parent == parent && u.name == name && u.id != except);
    if taken {
        return Err(Fault::new(
            "DuplicateOrganizationalUnitException",
            "An OU with the same name already exists.",
        ));
    }
    Ok(())
}

pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    let (parent, name) = (call.required("ParentId"), call.required("Name"));
    let root = organization(world)?.root.clone();
    require_parent(world, parent)?;
    refuse_duplicate(world, parent, name, "")?;
    if depth(world, parent) >= DEPTH_LIMIT {
        return Err(constraint("OU_DEPTH_LIMIT_EXCEEDED", "You have exceeded the allowed OU depth."));
    }
    if world.organizations.units.len() >= UNIT_LIMIT {
        return Err(constraint("OU_NUMBER_LIMIT_EXCEEDED", "You have exceeded the allowed number of OUs."));
    }
    let tags = tags::parse(call, &BTreeMap::new())?;
    let suffix = root.trim_start_matches("r-").to_owned();
    let id = format!("ou-{suffix}-{}", world.lower(8));
    let unit = Unit { id: id.clone(), name: name.to_owned(), parent: parent.to_owned() };
    attachments::attach_defaults(&mut world.organizations, &id);
    if !tags.is_empty() {
        world.organizations.tags.insert(id.clone(), tags);
    }
    let value = unit_value(world, &unit);
    world.organizations.units.insert(id, unit);
    Ok(json!({"OrganizationalUnit": value}))
}

fn find<'w>(world: &'w World, call: &Call) -> Result<&'w Unit, Fault> {
    world.organizations.units.get(call.required("OrganizationalUnitId")).ok_or_else(|| {
        Fault::new(
            "OrganizationalUnitNotFoundException",
            "You specified an organizational unit that doesn't exist.",
        )
    })
}

pub(super) fn describe(world: &mut World, call: &Call) -> Reply {
    Ok(json!({"OrganizationalUnit": unit_value(world, find(world, call)?)}))
}

pub(super) fn update(world: &mut World, call: &Call) -> Reply {
    let mut unit = find(world, call)?.clone();
    if let Some(name) = call.str("Name") {
        refuse_duplicate(world, &unit.parent, name, &unit.id)?;
        name.clone_into(&mut unit.name);
    }
    let value = unit_value(world, &unit);
    world.organizations.units.insert(unit.id.clone(), unit);
    Ok(json!({"OrganizationalUnit": value}))
}

pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    let id = find(world, call)?.id.clone();
    let state = &mut world.organizations;
    let holds =
        state.units.values().any(|u| u.parent == id) || state.accounts.values().any(|a| a.parent == id);
    if holds {
        return Err(Fault::new(
            "OrganizationalUnitNotEmptyException",
            "The specified OU is not empty. Move all accounts to another root or to other OUs, or remove all \
             child OUs, and try the operation again.",
        ));
    }
    state.units.remove(&id);
    state.attachments.remove(&id);
    state.tags.remove(&id);
    Ok(json!({}))
}

pub(super) fn list_for_parent(world: &mut World, call: &Call) -> Reply {
    let parent = call.required("ParentId");
    require_parent(world, parent)?;
    let units: Vec<&Unit> = world.organizations.units.values().filter(|u| u.parent == parent).collect();
    list(world, call, "OrganizationalUnits", &units, |unit| unit_value(world, unit))
}

pub(super) fn list_children(world: &mut World, call: &Call) -> Reply {
    let (parent, kind) = (call.required("ParentId"), call.required("ChildType"));
    require_parent(world, parent)?;
    let state = &world.organizations;
    let ids: Vec<&String> = if kind == "ACCOUNT" {
        state.accounts.iter().filter(|(_, a)| a.parent == parent).map(|(id, _)| id).collect()
    } else {
        state.units.iter().filter(|(_, u)| u.parent == parent).map(|(id, _)| id).collect()
    };
    list(world, call, "Children", &ids, |id| json!({"Id": id, "Type": kind}))
}

pub(super) fn list_parents(world: &mut World, call: &Call) -> Reply {
    let child = call.required("ChildId");
    let state = &world.organizations;
    let account = state.accounts.get(child).map(|a| a.parent.clone());
    let parent = account
        .or_else(|| state.units.get(child).map(|u| u.parent.clone()))
        .ok_or_else(|| Fault::new("ChildNotFoundException", "You specified a child that doesn't exist."))?;
    let kind = if is_root(world, &parent) { "ROOT" } else { "ORGANIZATIONAL_UNIT" };
    list(world, call, "Parents", &[parent], |id| json!({"Id": id, "Type": kind}))
}
