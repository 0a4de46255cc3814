//! Roles.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sandbox::world::{Call, Fault, Reply, World};

use super::state::{Grants, Role};
use super::{
    already_exists, arn, conflict, documents, edit, encode, limit, list as page, no_such, path, tag_list,
    tags, view,
};

/// Roles in an account, and characters of a trust policy (`aws-limits.md` 1.4).
const ROLE_LIMIT: usize = 1_000;
const TRUST_SIZE: usize = 2_048;
/// Longest session by default.
pub(super) const SESSION_SECONDS: i64 = 3_600;

/// The ARN of a role of `account`.
pub(super) fn role_arn(world: &World, account: &str, role: &Role) -> String {
    arn(world, account, "role", &role.path, &role.name)
}

/// Finds a role by name.
pub(super) fn find<'w>(world: &'w World, account: &str, name: &str) -> Result<&'w Role, Fault> {
    view(world, account).roles.get(name).ok_or_else(|| missing(name))
}

fn missing(name: &str) -> Fault {
    no_such(format!("The role with name {name} cannot be found."))
}

/// A role that callers may change: it exists and AWS does not own it.
pub(super) fn changeable<'w>(world: &'w mut World, call: &Call) -> Result<&'w mut Role, Fault> {
    let name = call.required("RoleName");
    let role = edit_role(world, &call.account, name)?;
    if is_service_linked(role) {
        return Err(Fault::new(
            "UnmodifiableEntity",
            format!(
                "Cannot perform the operation on the protected role '{name}' - this role is only modifiable by AWS"
            ),
        )
        .status(400));
    }
    Ok(role)
}

pub(super) fn edit_role<'w>(world: &'w mut World, account: &str, name: &str) -> Result<&'w mut Role, Fault> {
    world.iam.get_mut(account).and_then(|iam| iam.roles.get_mut(name)).ok_or_else(|| missing(name))
}

pub(super) fn is_service_linked(role: &Role) -> bool {
    role.path.starts_with("/aws-service-role/")
}

/// A role as GetRole shows it.
pub(super) fn full(world: &World, account: &str, role: &Role) -> Value {
    let mut value = brief(world, account, role);
    if !role.tags.is_empty() {
        value["Tags"] = tag_list(&role.tags);
    }
    if let Some(boundary) = &role.boundary {
        value["PermissionsBoundary"] = json!({"PermissionsBoundaryType": "PermissionsBoundaryPolicy", "PermissionsBoundaryArn": boundary});
    }
    value["RoleLastUsed"] = json!({});
    value
}

/// A role as ListRoles shows it: without tags, boundary and last use.
fn brief(world: &World, account: &str, role: &Role) -> Value {
    let mut value = json!({
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": role_arn(world, account, role),
        "CreateDate": role.created,
        "AssumeRolePolicyDocument": encode(&role.trust),
        "MaxSessionDuration": role.max_session,
    });
    if let Some(description) = &role.description {
        value["Description"] = json!(description);
    }
    value
}

pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    let name = call.required("RoleName");
    let iam = view(world, &call.account);
    // Names differ by more than case (API reference, CreateRole).
    if iam.roles.keys().any(|known| known.eq_ignore_ascii_case(name)) {
        return Err(already_exists(format!("Role with name {name} already exists.")));
    }
    if iam.roles.len() >= ROLE_LIMIT {
        return Err(limit(format!("Cannot exceed quota for RolesPerAccount: {ROLE_LIMIT}")));
    }
    let trust = call.required("AssumeRolePolicyDocument");
    check_trust(world, trust)?;
    let boundary = call.str("PermissionsBoundary").map(str::to_owned);
    if let Some(boundary) = &boundary {
        super::managed::require(world, &call.account, boundary)?;
    }
    let tags = tags(call, &BTreeMap::new())?;
    let role = Role {
        name: name.to_owned(),
        path: path(call),
        id: super::fresh_id(world, "AROA"),
        trust: trust.to_owned(),
        description: call.str("Description").map(str::to_owned),
        max_session: call.int("MaxSessionDuration").unwrap_or(SESSION_SECONDS),
        boundary,
        tags,
        grants: Grants::default(),
        created: call.now,
    };
    let value = full(world, &call.account, &role);
    edit(world, call).roles.insert(name.to_owned(), role);
    Ok(json!({"Role": value}))
}

fn check_trust(world: &World, trust: &str) -> Result<(), Fault> {
    if documents::size(trust) > TRUST_SIZE {
        return Err(limit(format!("Cannot exceed quota for ACLSizePerRole: {TRUST_SIZE}")));
    }
    documents::check_trust(world, trust)
}

pub(super) fn get(world: &mut World, call: &Call) -> Reply {
    let role = find(world, &call.account, call.required("RoleName"))?;
    Ok(json!({"Role": full(world, &call.account, role)}))
}

pub(super) fn list(world: &mut World, call: &Call) -> Reply {
    let prefix = call.str("PathPrefix").unwrap_or("/");
    let roles: Vec<&Role> =
        view(world, &call.account).roles.values().filter(|r| r.path.starts_with(prefix)).collect();
    page(world, call, "Roles", &roles, |role| brief(world, &call.account, role))
}

pub(super) fn update(world: &mut World, call: &Call) -> Reply {
    let role = changeable(world, call)?;
    if let Some(description) = call.str("Description") {
        role.description = Some(description.to_owned());
    }
    if let Some(seconds) = call.int("MaxSessionDuration") {
        role.max_session = seconds;
    }
    Ok(json!({}))
}

pub(super) fn update_description(world: &mut World, call: &Call) -> Reply {
    changeable(world, call)?.description = Some(call.required("Description").to_owned());
    get(world, call)
}

pub(super) fn update_trust(world: &mut World, call: &Call) -> Reply {
    let trust = call.required("PolicyDocument").to_owned();
    changeable(world, call)?;
    check_trust(world, &trust)?;
    changeable(world, call)?.trust = trust;
    Ok(json!({}))
}

pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    let role = changeable(world, call)?;
    if !role.grants.attached.is_empty() {
        return Err(conflict("Cannot delete entity, must detach all policies first."));
    }
    if !role.grants.inline.is_empty() {
        return Err(conflict("Cannot delete entity, must delete policies first."));
    }
    edit(world, call).roles.remove(call.required("RoleName"));
    Ok(json!({}))
}

pub(super) fn tag(world: &mut World, call: &Call) -> Reply {
    let role = changeable(world, call)?;
    role.tags = tags(call, &role.tags)?;
    Ok(json!({}))
}

pub(super) fn untag(world: &mut World, call: &Call) -> Reply {
    let role = changeable(world, call)?;
    for key in call.input.get("TagKeys").and_then(Value::as_array).into_iter().flatten() {
        role.tags.remove(key.as_str().unwrap_or_default());
    }
    Ok(json!({}))
}

pub(super) fn put_boundary(world: &mut World, call: &Call) -> Reply {
    let boundary = call.required("PermissionsBoundary").to_owned();
    changeable(world, call)?;
    super::managed::require(world, &call.account, &boundary)?;
    changeable(world, call)?.boundary = Some(boundary);
    Ok(json!({}))
}

pub(super) fn delete_boundary(world: &mut World, call: &Call) -> Reply {
    let name = call.required("RoleName");
    if changeable(world, call)?.boundary.take().is_none() {
        return Err(no_such(format!("The permissions boundary of role {name} cannot be found.")));
    }
    Ok(json!({}))
}

/// Makes the access role that CreateAccount makes in a new account: trusts the management account, may do everything.
pub fn add_access_role(world: &mut World, account: &str, management: &str, name: &str, id: &str, now: f64) {
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"AWS": world.arn("iam", "", management, "root")},
        "Action": "sts:AssumeRole",
    }]});
    // AWS makes an inline policy of this name (user guide, "Accessing a member account").
    let permissions =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let inline = BTreeMap::from([("AdministratorAccess".to_owned(), permissions.to_owned())]);
    let role = Role {
        name: name.to_owned(),
        path: "/".into(),
        id: id.to_owned(),
        trust: trust.to_string(),
        max_session: SESSION_SECONDS,
        grants: Grants { inline, attached: Vec::new() },
        created: now,
        ..Role::default()
    };
    world.iam.entry(account.to_owned()).or_default().roles.insert(name.to_owned(), role);
}
