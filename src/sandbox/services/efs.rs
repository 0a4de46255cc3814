//! Amazon EFS: file systems, enough of them that rules about them have something to look at. They are available at once
//! and have neither mount targets nor access points.
//!
//! Source: the EFS API reference, CreateFileSystem.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::tags;
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

/// EFS of one account in one region.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// File systems by id, as DescribeFileSystems shows them.
    pub file_systems: BTreeMap<String, Value>,
}

/// Runs one call. `None` where the operation has no handler.
pub fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    Some(match call.operation.as_str() {
        "CreateFileSystem" => create(world, call),
        "DescribeFileSystems" => describe(world, call),
        "DescribeFileSystemPolicy" | "DescribeBackupPolicy" => policy(world, call),
        "DescribeMountTargets" => Ok(json!({"MountTargets": []})),
        "DescribeAccessPoints" => Ok(json!({"AccessPoints": []})),
        _ => return None,
    })
}

fn all(world: &World, call: &Call) -> Vec<Value> {
    let state = world.efs.get(&cell(&call.account, &call.region));
    state.into_iter().flat_map(|state| state.file_systems.values().cloned()).collect()
}

/// The API gives every fault its code a second time, in `ErrorCode`.
fn fault(code: &str, message: String) -> Fault {
    Fault::new(code, message.clone()).with("ErrorCode", code).with("Message", message)
}

fn create(world: &mut World, call: &Call) -> Reply {
    let token = call.required("CreationToken");
    if let Some(known) = all(world, call).into_iter().find(|fs| fs["CreationToken"] == token) {
        let id = known["FileSystemId"].as_str().unwrap_or_default().to_owned();
        let message = format!("File system '{id}' already exists with creation token '{token}'");
        return Err(fault("FileSystemAlreadyExists", message).with("FileSystemId", id));
    }
    let id = format!("fs-0{}", world.hex(16));
    let list = tags::read(call.input.get("Tags"), "Key", "Value").into_iter().collect();
    let mut shown = json!({
        "OwnerId": call.account, "CreationToken": token, "FileSystemId": id, "CreationTime": call.now,
        "FileSystemArn": world.arn("elasticfilesystem", &call.region, &call.account, &format!("file-system/{id}")),
        "LifeCycleState": "available", "NumberOfMountTargets": 0, "SizeInBytes": {"Value": 6144},
        "PerformanceMode": call.str("PerformanceMode").unwrap_or("generalPurpose"),
        "ThroughputMode": call.str("ThroughputMode").unwrap_or("bursting"),
        "Encrypted": call.bool("Encrypted").unwrap_or_default(), "Tags": tags::write(&list, "Key", "Value"),
    });
    if let Some(key) = call.str("KmsKeyId") {
        shown["KmsKeyId"] = json!(key);
    }
    let state = world.efs.entry(cell(&call.account, &call.region)).or_default();
    state.file_systems.insert(id, shown.clone());
    Ok(shown)
}

fn describe(world: &mut World, call: &Call) -> Reply {
    let matches = |fs: &Value, member: &str| call.str(member).is_none_or(|wanted| fs[member] == wanted);
    let found: Vec<Value> = all(world, call)
        .into_iter()
        .filter(|fs| matches(fs, "FileSystemId") && matches(fs, "CreationToken"))
        .collect();
    if let Some(id) = call.str("FileSystemId").filter(|_| found.is_empty()) {
        return Err(missing(id));
    }
    let bad = || fault("BadRequest", "invalid marker".to_owned());
    let (page, next) = world.page(&found, call.int("MaxItems"), 100, call.str("Marker"), &bad)?;
    let mut reply = json!({"FileSystems": page});
    if let Some(next) = next {
        reply["NextMarker"] = json!(next);
    }
    Ok(reply)
}

fn missing(id: &str) -> Fault {
    fault("FileSystemNotFound", format!("File system '{id}' does not exist."))
}

/// Nobody gives one here.
fn policy(world: &mut World, call: &Call) -> Reply {
    let id = call.required("FileSystemId");
    if !all(world, call).iter().any(|fs| fs["FileSystemId"] == id) {
        return Err(missing(id));
    }
    Err(fault("PolicyNotFound", format!("Policy for file system '{id}' not found")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::sandbox::services::lab::{HOME, Lab, MEMBER};

    #[test]
    fn a_file_system_is_made_once_and_found_where_it_is() {
        let mut lab = Lab::with_organization();
        lab.at(MEMBER, HOME);
        let made = lab.ok("efs", "CreateFileSystem", json!({"CreationToken": "one", "Encrypted": true}));
        lab.table("efs", &[("CreateFileSystem", json!({"CreationToken": "one"}), "FileSystemAlreadyExists")]);
        let seen = lab.ok("efs", "DescribeFileSystems", json!({"FileSystemId": made["FileSystemId"]}));
        assert_eq!(seen["FileSystems"][0]["Encrypted"], true);
        lab.table(
            "efs",
            &[("DescribeFileSystemPolicy", json!({"FileSystemId": made["FileSystemId"]}), "PolicyNotFound")],
        );
        lab.at(MEMBER, "us-east-1");
        assert_eq!(lab.ok("efs", "DescribeFileSystems", json!({}))["FileSystems"], json!([]));
    }
}
