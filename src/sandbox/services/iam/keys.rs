//! Access keys of users.

use serde_json::json;

use crate::sandbox::session;
use crate::sandbox::world::{Call, Fault, Reply, World};

use super::state::AccessKey;
use super::{limit, list as page, no_such, users};

/// Access keys of a user (IAM quotas, fixed).
const KEY_LIMIT: usize = 2;

fn missing(id: &str) -> Fault {
    no_such(format!("The Access Key with id {id} cannot be found."))
}

pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    if users::find(world, call)?.keys.len() >= KEY_LIMIT {
        return Err(limit(format!("Cannot exceed quota for AccessKeysPerUser: {KEY_LIMIT}")));
    }
    let id = format!("AKIA{}", world.id(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"));
    // Derived, so that strict mode can check a signature.
    let secret = session::secret(&id);
    let key = AccessKey { id: id.clone(), status: "Active".into(), created: call.now, used: None };
    users::change(world, call)?.keys.push(key);
    Ok(json!({"AccessKey": {
        "UserName": call.required("UserName"),
        "AccessKeyId": id,
        "Status": "Active",
        "SecretAccessKey": secret,
        "CreateDate": call.now,
    }}))
}

pub(super) fn update(world: &mut World, call: &Call) -> Reply {
    let id = call.required("AccessKeyId");
    let user = users::change(world, call)?;
    let key = user.keys.iter_mut().find(|key| key.id == id).ok_or_else(|| missing(id))?;
    call.required("Status").clone_into(&mut key.status);
    Ok(json!({}))
}

pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    let id = call.required("AccessKeyId");
    let user = users::change(world, call)?;
    let before = user.keys.len();
    user.keys.retain(|key| key.id != id);
    if user.keys.len() == before { Err(missing(id)) } else { Ok(json!({})) }
}

pub(super) fn list(world: &mut World, call: &Call) -> Reply {
    // Without a user name it is the caller, who is no user here.
    let keys = match call.str("UserName") {
        Some(_) => users::find(world, call)?.keys.clone(),
        None => Vec::new(),
    };
    page(world, call, "AccessKeyMetadata", &keys, |key| {
        json!({
            "UserName": call.required("UserName"),
            "AccessKeyId": key.id,
            "Status": key.status,
            "CreateDate": key.created,
        })
    })
}
