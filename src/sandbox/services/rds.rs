//! Amazon RDS: instances, enough of them that rules about databases have something to look at. They are available at once.
//!
//! Source: the RDS API reference, CreateDBInstance. Clusters, snapshots and the like do not exist: `nothing.rs`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::tags;
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

/// RDS of one account in one region.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// Instances by identifier, as DescribeDBInstances shows them.
    pub instances: BTreeMap<String, Value>,
}

/// Engines: port, version, and the family of the default parameter group.
const ENGINES: [(&str, i64, &str, &str); 3] = [
    ("postgres", 5432, "16.3", "postgres16"),
    ("mysql", 3306, "8.0.39", "mysql8.0"),
    ("mariadb", 3306, "10.11.8", "mariadb10.11"),
];

/// Runs one call. `None` where the operation has no handler.
pub fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    Some(match call.operation.as_str() {
        "CreateDBInstance" => create(world, call),
        "DescribeDBInstances" => describe(world, call),
        "DescribeDBParameters" => Ok(json!({"Parameters": []})),
        _ => return None,
    })
}

fn create(world: &mut World, call: &Call) -> Reply {
    let id = call.required("DBInstanceIdentifier").to_ascii_lowercase();
    let key = cell(&call.account, &call.region);
    if world.rds.get(&key).is_some_and(|state| state.instances.contains_key(&id)) {
        return Err(Fault::new("DBInstanceAlreadyExists", "DB instance already exists"));
    }
    let engine = call.required("Engine");
    let known = ENGINES.iter().find(|(name, ..)| *name == engine).ok_or_else(|| {
        Fault::new("InvalidParameterValue", format!("Invalid DB engine: {engine}")).status(400)
    })?;
    let value = value(world, call, &id, *known);
    world.rds.entry(key).or_default().instances.insert(id, value.clone());
    Ok(json!({"DBInstance": value}))
}

/// As RDS shows it. Guess: an instance is public by default, as its default subnet group's VPC has an internet gateway.
fn value(world: &mut World, call: &Call, id: &str, engine: (&str, i64, &str, &str)) -> Value {
    let (name, port, version, family) = engine;
    let on = |member: &str, otherwise: bool| call.bool(member).unwrap_or(otherwise);
    let resource = format!("db-{}", world.id(26, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"));
    let groups = call.input.get("VpcSecurityGroupIds").and_then(Value::as_array).into_iter().flatten();
    let groups: Vec<Value> = groups.map(|g| json!({"VpcSecurityGroupId": g, "Status": "active"})).collect();
    let list = tags::read(call.input.get("Tags"), "Key", "Value").into_iter().collect();
    let mut shown = json!({
        "DBInstanceIdentifier": id, "DBInstanceArn": world.arn("rds", &call.region, &call.account, &format!("db:{id}")),
        "DbiResourceId": resource, "DBInstanceClass": call.required("DBInstanceClass"), "DBInstanceStatus": "available",
        "Engine": name, "EngineVersion": call.str("EngineVersion").unwrap_or(version),
        "MasterUsername": call.str("MasterUsername").unwrap_or("admin"), "InstanceCreateTime": call.now,
        "AllocatedStorage": call.int("AllocatedStorage").unwrap_or(20), "BackupRetentionPeriod": 1,
        "StorageEncrypted": on("StorageEncrypted", false), "MultiAZ": on("MultiAZ", false),
        "AutoMinorVersionUpgrade": on("AutoMinorVersionUpgrade", true),
        "PubliclyAccessible": on("PubliclyAccessible", true), "DeletionProtection": on("DeletionProtection", false),
        "CopyTagsToSnapshot": on("CopyTagsToSnapshot", false), "IAMDatabaseAuthenticationEnabled": false,
        "CACertificateIdentifier": "rds-ca-rsa2048-g1", "VpcSecurityGroups": groups, "DBSecurityGroups": [],
        "DBParameterGroups": [{"DBParameterGroupName": format!("default.{family}"), "ParameterApplyStatus": "in-sync"}],
        "Endpoint": {
            "Address": format!("{id}.c0ffee.{}.rds.amazonaws.com", call.region), "Port": call.int("Port").unwrap_or(port),
        },
        "TagList": tags::write(&list, "Key", "Value"),
    });
    if let Some(key) = call.str("KmsKeyId").filter(|_| on("StorageEncrypted", false)) {
        shown["KmsKeyId"] = json!(key);
    }
    shown
}

fn describe(world: &mut World, call: &Call) -> Reply {
    let state = world.rds.get(&cell(&call.account, &call.region));
    let all: Vec<Value> = state.into_iter().flat_map(|state| state.instances.values().cloned()).collect();
    let asked = call.str("DBInstanceIdentifier").map(str::to_ascii_lowercase);
    let found: Vec<Value> = all
        .into_iter()
        .filter(|db| asked.as_ref().is_none_or(|id| db["DBInstanceIdentifier"] == id.as_str()))
        .collect();
    if let Some(id) = asked.filter(|_| found.is_empty()) {
        return Err(Fault::new("DBInstanceNotFound", format!("DBInstance {id} not found.")));
    }
    let bad = || Fault::new("InvalidParameterValue", "Invalid marker").status(400);
    let (page, next) = world.page(&found, call.int("MaxRecords"), 100, call.str("Marker"), &bad)?;
    let mut reply = json!({"DBInstances": page});
    if let Some(next) = next {
        reply["Marker"] = json!(next);
    }
    Ok(reply)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use serde_json::json;

    use crate::sandbox::services::lab::{HOME, Lab, MEMBER};

    #[test]
    fn what_was_asked_for_is_shown_and_the_rest_are_defaults() {
        let mut lab = Lab::with_organization();
        lab.at(MEMBER, HOME);
        let asked = json!({"DBInstanceIdentifier": "App", "DBInstanceClass": "db.t3.micro", "Engine": "postgres",
            "StorageEncrypted": true, "MultiAZ": true});
        lab.ok("rds", "CreateDBInstance", asked.clone());
        lab.table("rds", &[("CreateDBInstance", asked, "DBInstanceAlreadyExists")]);
        let seen = lab.ok("rds", "DescribeDBInstances", json!({"DBInstanceIdentifier": "app"}));
        let seen = &seen["DBInstances"].as_array().unwrap()[0];
        assert_eq!(
            (&seen["StorageEncrypted"], &seen["AutoMinorVersionUpgrade"]),
            (&json!(true), &json!(true))
        );
        lab.table(
            "rds",
            &[("DescribeDBInstances", json!({"DBInstanceIdentifier": "other"}), "DBInstanceNotFound")],
        );
        lab.at(MEMBER, "us-east-1");
        assert_eq!(lab.ok("rds", "DescribeDBInstances", json!({}))["DBInstances"], json!([]));
    }
}
