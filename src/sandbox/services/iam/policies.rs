//! Inline and attached policies of roles, users and groups. The operations differ only in whom they name.

use serde_json::{Value, json};

use crate::sandbox::world::{Call, Fault, Reply, World};

use super::state::Grants;
use super::{documents, limit, list as page, managed, no_such, roles, view};

/// Attached policies per role, user or group (IAM quotas, default).
const ATTACHED_LIMIT: usize = 10;

/// Whom a call names.
#[derive(Clone, Copy)]
enum Holder {
    Role,
    User,
    Group,
}

impl Holder {
    fn of(call: &Call) -> Holder {
        if call.operation.contains("Role") {
            Holder::Role
        } else if call.operation.contains("User") {
            Holder::User
        } else {
            Holder::Group
        }
    }

    fn word(self) -> &'static str {
        match self {
            Holder::Role => "role",
            Holder::User => "user",
            Holder::Group => "group",
        }
    }

    /// Size of all inline policies together (IAM quotas), and the quota's name.
    fn inline_size(self) -> usize {
        match self {
            Holder::Role => 10_240,
            Holder::User => 2_048,
            Holder::Group => 5_120,
        }
    }

    fn name(self, call: &Call) -> &str {
        call.required(self.member())
    }

    fn member(self) -> &'static str {
        match self {
            Holder::Role => "RoleName",
            Holder::User => "UserName",
            Holder::Group => "GroupName",
        }
    }

    fn missing(self, name: &str) -> Fault {
        no_such(format!("The {} with name {name} cannot be found.", self.word()))
    }
}

fn read<'w>(world: &'w World, call: &Call) -> Result<&'w Grants, Fault> {
    let holder = Holder::of(call);
    let name = holder.name(call);
    let iam = view(world, &call.account);
    let grants = match holder {
        Holder::Role => iam.roles.get(name).map(|r| &r.grants),
        Holder::User => iam.users.get(name).map(|u| &u.grants),
        Holder::Group => iam.groups.get(name).map(|g| &g.grants),
    };
    grants.ok_or_else(|| holder.missing(name))
}

fn write<'w>(world: &'w mut World, call: &Call) -> Result<&'w mut Grants, Fault> {
    let holder = Holder::of(call);
    let name = holder.name(call);
    if matches!(holder, Holder::Role) {
        return roles::changeable(world, call).map(|role| &mut role.grants);
    }
    let iam = world.iam.get_mut(&call.account).ok_or_else(|| holder.missing(name))?;
    let grants = match holder {
        Holder::User => iam.users.get_mut(name).map(|u| &mut u.grants),
        _ => iam.groups.get_mut(name).map(|g| &mut g.grants),
    };
    grants.ok_or_else(|| holder.missing(name))
}

pub(super) fn put_inline(world: &mut World, call: &Call) -> Reply {
    let holder = Holder::of(call);
    let (name, text) = (call.required("PolicyName"), call.required("PolicyDocument"));
    let grants = write(world, call)?;
    let others: usize =
        grants.inline.iter().filter(|(known, _)| *known != name).map(|(_, text)| documents::size(text)).sum();
    if others + documents::size(text) > holder.inline_size() {
        return Err(limit(format!(
            "Maximum policy size of {} bytes exceeded for {} {}",
            holder.inline_size(),
            holder.word(),
            holder.name(call)
        )));
    }
    documents::check_permissions(text)?;
    grants.inline.insert(name.to_owned(), text.to_owned());
    Ok(json!({}))
}

pub(super) fn get_inline(world: &mut World, call: &Call) -> Reply {
    let name = call.required("PolicyName");
    let holder = Holder::of(call);
    let text = read(world, call)?.inline.get(name).ok_or_else(|| no_inline(call))?;
    Ok(json!({
        holder.member(): holder.name(call),
        "PolicyName": name,
        "PolicyDocument": super::encode(text),
    }))
}

fn no_inline(call: &Call) -> Fault {
    no_such(format!(
        "The {} policy with name {} cannot be found.",
        Holder::of(call).word(),
        call.required("PolicyName")
    ))
}

pub(super) fn delete_inline(world: &mut World, call: &Call) -> Reply {
    let gone = write(world, call)?.inline.remove(call.required("PolicyName"));
    gone.map(|_| json!({})).ok_or_else(|| no_inline(call))
}

pub(super) fn list_inline(world: &mut World, call: &Call) -> Reply {
    let names: Vec<&String> = read(world, call)?.inline.keys().collect();
    page(world, call, "PolicyNames", &names, |name| json!(name))
}

pub(super) fn attach(world: &mut World, call: &Call) -> Reply {
    let arn = call.required("PolicyArn").to_owned();
    write(world, call)?;
    managed::require(world, &call.account, &arn)?;
    let word = Holder::of(call).word();
    let grants = write(world, call)?;
    // Attaching what is attached is not an error.
    if grants.attached.contains(&arn) {
        return Ok(json!({}));
    }
    if grants.attached.len() >= ATTACHED_LIMIT {
        let kind = match word {
            "role" => "PoliciesPerRole",
            "user" => "PoliciesPerUser",
            _ => "PoliciesPerGroup",
        };
        return Err(limit(format!("Cannot exceed quota for {kind}: {ATTACHED_LIMIT}")));
    }
    grants.attached.push(arn);
    Ok(json!({}))
}

pub(super) fn detach(world: &mut World, call: &Call) -> Reply {
    let arn = call.required("PolicyArn");
    let grants = write(world, call)?;
    let before = grants.attached.len();
    grants.attached.retain(|known| known != arn);
    if grants.attached.len() == before {
        return Err(no_such(format!("Policy {arn} was not found.")));
    }
    Ok(json!({}))
}

pub(super) fn list_attached(world: &mut World, call: &Call) -> Reply {
    let prefix = call.str("PathPrefix").unwrap_or("/");
    let arns: Vec<&String> =
        read(world, call)?.attached.iter().filter(|arn| managed::path_of(arn).starts_with(prefix)).collect();
    page(world, call, "AttachedPolicies", &arns, |arn| attached_value(arn))
}

fn attached_value(arn: &str) -> Value {
    json!({"PolicyName": arn.rsplit('/').next().unwrap_or_default(), "PolicyArn": arn})
}
