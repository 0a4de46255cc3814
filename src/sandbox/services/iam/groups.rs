//! Groups.

use serde_json::json;

use crate::sandbox::world::{Call, Reply, World};

use super::state::Group;
use super::{already_exists, arn, edit, limit, no_such, path, users, view};

/// Groups in an account, and groups of a user (IAM quotas).
const GROUP_LIMIT: usize = 300;
const GROUPS_PER_USER: usize = 10;

pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    let name = call.required("GroupName");
    let groups = &view(world, &call.account).groups;
    if groups.keys().any(|known| known.eq_ignore_ascii_case(name)) {
        return Err(already_exists(format!("Group with name {name} already exists.")));
    }
    if groups.len() >= GROUP_LIMIT {
        return Err(limit(format!("Cannot exceed quota for GroupsPerAccount: {GROUP_LIMIT}")));
    }
    let group = Group {
        name: name.to_owned(),
        path: path(call),
        id: super::fresh_id(world, "AGPA"),
        created: call.now,
        ..Group::default()
    };
    let value = json!({
        "Path": group.path,
        "GroupName": name,
        "GroupId": group.id,
        "Arn": arn(world, &call.account, "group", &group.path, name),
        "CreateDate": group.created,
    });
    edit(world, call).groups.insert(name.to_owned(), group);
    Ok(json!({"Group": value}))
}

pub(super) fn add_user(world: &mut World, call: &Call) -> Reply {
    let name = call.required("GroupName");
    if !view(world, &call.account).groups.contains_key(name) {
        return Err(no_such(format!("The group with name {name} cannot be found.")));
    }
    let user = users::change(world, call)?;
    if !user.groups.contains(name) && user.groups.len() >= GROUPS_PER_USER {
        return Err(limit(format!("Cannot exceed quota for GroupsPerUser: {GROUPS_PER_USER}")));
    }
    user.groups.insert(name.to_owned());
    Ok(json!({}))
}
