//! IAM Identity Center: the organization's instance, which a person enables in the console of the management account, and
//! instances of single accounts. Nothing else of it.
//!
//! Source: the API reference, ListInstances ("visible to the account that makes the call") and CreateInstance. Guess: a
//! member sees the organization's instance, as the console shows it there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::organizations;
use crate::sandbox::world::{Call, Fault, Reply, World};

/// Identity Center.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// Instances by the account that owns them: there is one per account, in one region.
    pub instances: BTreeMap<String, Instance>,
}

/// An instance.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Instance {
    /// Its region.
    pub region: String,
    /// As ListInstances shows it.
    pub shown: Value,
}

/// Runs one call. `None` where the operation has no handler.
pub fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    Some(match call.operation.as_str() {
        "CreateInstance" => create(world, call),
        "ListInstances" => list(world, call),
        _ => return None,
    })
}

/// Makes an instance, as CreateInstance or the console do; its ARN.
pub fn enable(world: &mut World, account: &str, region: &str, name: Option<&str>, now: f64) -> String {
    let arn = world.arn("sso", "", "", &format!("instance/ssoins-{}", world.seed_hex(account)));
    let mut shown = json!({
        "InstanceArn": arn, "IdentityStoreId": format!("d-{}", &world.seed_hex(account)[..10]),
        "OwnerAccountId": account, "CreatedDate": now, "Status": "ACTIVE",
    });
    if let Some(name) = name {
        shown["Name"] = json!(name);
    }
    world.sso.instances.insert(account.to_owned(), Instance { region: region.to_owned(), shown });
    arn
}

fn create(world: &mut World, call: &Call) -> Reply {
    if organizations::management(world) == Some(call.account.as_str()) {
        let message = "The instance of the organization is enabled in the console";
        return Err(Fault::new("ValidationException", message));
    }
    if world.sso.instances.contains_key(&call.account) {
        return Err(Fault::new("ConflictException", "The account has an instance already"));
    }
    let arn = enable(world, &call.account, &call.region, call.str("Name"), call.now);
    Ok(json!({"InstanceArn": arn}))
}

fn list(world: &mut World, call: &Call) -> Reply {
    let management = organizations::management(world).unwrap_or_default();
    let owners = [management, call.account.as_str()];
    let instances = world.sso.instances.iter();
    let found: Vec<Value> = instances
        .filter(|(owner, instance)| owners.contains(&owner.as_str()) && instance.region == call.region)
        .map(|(_, instance)| instance.shown.clone())
        .collect();
    let bad = || Fault::new("ValidationException", "Invalid token");
    let (page, next) = world.page(&found, call.int("MaxResults"), 100, call.str("NextToken"), &bad)?;
    let mut reply = json!({"Instances": page});
    if let Some(next) = next {
        reply["NextToken"] = json!(next);
    }
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::sandbox::services::lab::{HOME, Lab, MANAGEMENT, MEMBER};

    #[test]
    fn an_account_has_one_instance_and_the_organization_s_is_not_made_by_the_api() {
        let mut lab = Lab::with_organization();
        lab.table("sso-admin", &[("CreateInstance", json!({}), "ValidationException")]);
        super::enable(&mut lab.world, MANAGEMENT, HOME, None, 0.0);
        lab.at(MEMBER, HOME);
        lab.ok("sso-admin", "CreateInstance", json!({"Name": "own"}));
        lab.table("sso-admin", &[("CreateInstance", json!({}), "ConflictException")]);
        assert_eq!(lab.ok("sso-admin", "ListInstances", json!({}))["Instances"][1]["Name"], "own");
        lab.at(MANAGEMENT, "us-east-1");
        assert_eq!(lab.ok("sso-admin", "ListInstances", json!({}))["Instances"], json!([]));
    }
}
