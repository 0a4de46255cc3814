//! Users, their passwords and MFA devices.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sandbox::world::{Call, Fault, Reply, World};

use super::state::{PasswordPolicy, User};
use super::{already_exists, arn, edit, limit, list as page, no_such, path, tag_list, tags, view};

/// Users in an account (IAM quotas).
const USER_LIMIT: usize = 5_000;

pub(super) fn missing(name: &str) -> Fault {
    no_such(format!("The user with name {name} cannot be found."))
}

pub(super) fn find<'w>(world: &'w World, call: &Call) -> Result<&'w User, Fault> {
    let name = call.required("UserName");
    view(world, &call.account).users.get(name).ok_or_else(|| missing(name))
}

pub(super) fn change<'w>(world: &'w mut World, call: &Call) -> Result<&'w mut User, Fault> {
    let name = call.required("UserName");
    world.iam.get_mut(&call.account).and_then(|iam| iam.users.get_mut(name)).ok_or_else(|| missing(name))
}

pub(super) fn value(world: &World, account: &str, user: &User) -> Value {
    let mut value = json!({
        "Path": user.path,
        "UserName": user.name,
        "UserId": user.id,
        "Arn": arn(world, account, "user", &user.path, &user.name),
        "CreateDate": user.created,
    });
    if let Some(used) = user.password_used {
        value["PasswordLastUsed"] = json!(used);
    }
    value
}

pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    let name = call.required("UserName");
    let iam = view(world, &call.account);
    if iam.users.keys().any(|known| known.eq_ignore_ascii_case(name)) {
        return Err(already_exists(format!("User with name {name} already exists.")));
    }
    if iam.users.len() >= USER_LIMIT {
        return Err(limit(format!("Cannot exceed quota for UsersPerAccount: {USER_LIMIT}")));
    }
    let boundary = call.str("PermissionsBoundary").map(str::to_owned);
    if let Some(boundary) = &boundary {
        super::managed::require(world, &call.account, boundary)?;
    }
    let tags = tags(call, &BTreeMap::new())?;
    let user = User {
        name: name.to_owned(),
        path: path(call),
        id: super::fresh_id(world, "AIDA"),
        created: call.now,
        boundary,
        tags,
        ..User::default()
    };
    let mut shown = value(world, &call.account, &user);
    if !user.tags.is_empty() {
        shown["Tags"] = tag_list(&user.tags);
    }
    edit(world, call).users.insert(name.to_owned(), user);
    Ok(json!({"User": shown}))
}

pub(super) fn list(world: &mut World, call: &Call) -> Reply {
    let prefix = call.str("PathPrefix").unwrap_or("/");
    let users: Vec<&User> =
        view(world, &call.account).users.values().filter(|u| u.path.starts_with(prefix)).collect();
    page(world, call, "Users", &users, |user| value(world, &call.account, user))
}

/// The password rules of an account that has no policy (IAM user guide: 8 characters, three of four kinds).
fn check_password(policy: Option<&PasswordPolicy>, password: &str) -> Result<(), Fault> {
    let has = |kind: fn(&char) -> bool| password.chars().any(|c| kind(&c));
    let kinds = [
        has(char::is_ascii_uppercase),
        has(char::is_ascii_lowercase),
        has(char::is_ascii_digit),
        has(char::is_ascii_punctuation),
    ];
    let good = match policy {
        None => password.len() >= 8 && kinds.iter().filter(|kind| **kind).count() >= 3,
        Some(rules) => {
            let wanted = [rules.uppercase, rules.lowercase, rules.numbers, rules.symbols];
            i64::try_from(password.len()).is_ok_and(|n| n >= rules.minimum_length)
                && wanted.iter().zip(kinds).all(|(wanted, has)| has || !wanted)
        }
    };
    if good {
        return Ok(());
    }
    Err(Fault::new("PasswordPolicyViolation", "Password does not conform to the account password policy.")
        .status(400))
}

fn no_login(name: &str) -> Fault {
    no_such(format!("Login Profile for User {name} cannot be found."))
}

pub(super) fn create_login(world: &mut World, call: &Call) -> Reply {
    let user = find(world, call)?;
    if user.login.is_some() {
        return Err(already_exists(format!("Login Profile for user {} already exists.", user.name)));
    }
    let policy = view(world, &call.account).password_policy.as_ref();
    check_password(policy, call.required("Password"))?;
    let reset = call.bool("PasswordResetRequired").unwrap_or(false);
    let user = change(world, call)?;
    user.login = Some(call.now);
    user.reset_required = reset;
    Ok(json!({"LoginProfile": {
        "UserName": user.name,
        "CreateDate": call.now,
        "PasswordResetRequired": reset,
    }}))
}

pub(super) fn get_login(world: &mut World, call: &Call) -> Reply {
    let user = find(world, call)?;
    let created = user.login.ok_or_else(|| no_login(&user.name))?;
    Ok(json!({"LoginProfile": {
        "UserName": user.name,
        "CreateDate": created,
        "PasswordResetRequired": user.reset_required,
    }}))
}

pub(super) fn update_login(world: &mut World, call: &Call) -> Reply {
    if find(world, call)?.login.is_none() {
        return Err(no_login(call.required("UserName")));
    }
    if let Some(password) = call.str("Password") {
        check_password(view(world, &call.account).password_policy.as_ref(), password)?;
    }
    if let Some(reset) = call.bool("PasswordResetRequired") {
        change(world, call)?.reset_required = reset;
    }
    Ok(json!({}))
}

pub(super) fn delete_login(world: &mut World, call: &Call) -> Reply {
    let user = change(world, call)?;
    user.login.take().map(|_| json!({})).ok_or_else(|| no_login(call.required("UserName")))
}

pub(super) fn list_mfa(world: &mut World, call: &Call) -> Reply {
    // Without a user name it is the caller, who is no user here.
    let devices: Vec<(String, f64)> = match call.str("UserName") {
        Some(_) => find(world, call)?.mfa.iter().map(|(serial, since)| (serial.clone(), *since)).collect(),
        None => Vec::new(),
    };
    page(
        world,
        call,
        "MFADevices",
        &devices,
        |(serial, since)| json!({"UserName": call.required("UserName"), "SerialNumber": serial, "EnableDate": since}),
    )
}

pub(super) fn list_virtual_mfa(world: &mut World, call: &Call) -> Reply {
    let iam = view(world, &call.account);
    let mut devices: Vec<Value> = Vec::new();
    if call.str("AssignmentStatus") != Some("Unassigned") {
        let root = world.arn("iam", "", &call.account, "root");
        let virtual_ones = iam.root.mfa.iter().filter(|(serial, _)| serial.contains(":mfa/"));
        devices.extend(virtual_ones.map(|(serial, since)| {
            json!({
                "SerialNumber": serial,
                "EnableDate": since,
                "User": {"Path": "/", "UserName": "root", "UserId": call.account, "Arn": root, "CreateDate": 0.0},
            })
        }));
        for user in iam.users.values() {
            let virtual_ones = user.mfa.iter().filter(|(serial, _)| serial.contains(":mfa/"));
            devices.extend(virtual_ones.map(|(serial, since)| {
                json!({"SerialNumber": serial, "EnableDate": since, "User": value(world, &call.account, user)})
            }));
        }
    }
    page(world, call, "VirtualMFADevices", &devices, Clone::clone)
}
