//! Lists that only onlookers ask for: tags of roles, users and policies, groups and who is in them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sandbox::world::{Call, Reply, World};

use super::state::{Group, User};
use super::{arn, list as page, no_such, roles, users, view};

pub(super) fn role_tags(world: &mut World, call: &Call) -> Reply {
    let role = roles::find(world, &call.account, call.required("RoleName"))?;
    tags(world, call, &role.tags)
}

pub(super) fn user_tags(world: &mut World, call: &Call) -> Reply {
    let user = users::find(world, call)?;
    tags(world, call, &user.tags)
}

/// Only customer-managed policies have tags.
pub(super) fn policy_tags(world: &mut World, call: &Call) -> Reply {
    let arn = call.required("PolicyArn");
    let policy = view(world, &call.account).policies.get(arn);
    let policy = policy.ok_or_else(|| no_such(format!("Policy {arn} was not found.")))?;
    tags(world, call, &policy.tags)
}

fn tags(world: &World, call: &Call, tags: &BTreeMap<String, String>) -> Reply {
    let tags: Vec<(&String, &String)> = tags.iter().collect();
    page(world, call, "Tags", &tags, |(key, value)| json!({"Key": key, "Value": value}))
}

pub(super) fn groups(world: &mut World, call: &Call) -> Reply {
    let prefix = call.str("PathPrefix").unwrap_or("/");
    let all = view(world, &call.account).groups.values();
    let groups: Vec<&Group> = all.filter(|group| group.path.starts_with(prefix)).collect();
    page(world, call, "Groups", &groups, |group| group_value(world, call, group))
}

pub(super) fn groups_of_user(world: &mut World, call: &Call) -> Reply {
    let user = users::find(world, call)?;
    let all = view(world, &call.account).groups.values();
    let groups: Vec<&Group> = all.filter(|group| user.groups.contains(&group.name)).collect();
    page(world, call, "Groups", &groups, |group| group_value(world, call, group))
}

/// GetGroup: the group, and a page of its users.
pub(super) fn group(world: &mut World, call: &Call) -> Reply {
    let name = call.required("GroupName");
    let iam = view(world, &call.account);
    let group = iam.groups.get(name);
    let group = group.ok_or_else(|| no_such(format!("The group with name {name} cannot be found.")))?;
    let users: Vec<&User> = iam.users.values().filter(|user| user.groups.contains(name)).collect();
    let mut reply = page(world, call, "Users", &users, |user| users::value(world, &call.account, user))?;
    reply["Group"] = group_value(world, call, group);
    Ok(reply)
}

fn group_value(world: &World, call: &Call, group: &Group) -> Value {
    json!({
        "Path": group.path,
        "GroupName": group.name,
        "GroupId": group.id,
        "Arn": arn(world, &call.account, "group", &group.path, &group.name),
        "CreateDate": group.created,
    })
}
