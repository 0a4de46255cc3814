//! AWS Backup: settings of the organization and of regions. Vaults and plans are not here.
//!
//! Guess: updates add to what is set; a fresh region has the services of Backup's first years opted in (the example of
//! DescribeRegionSettings in AWS's documentation); of the types under full management DynamoDB alone can be changed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::organizations;
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

/// Backup of all accounts.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// Settings of the organization that were set.
    pub global: BTreeMap<String, String>,
    /// When they were last set, seconds since 1970.
    pub updated: Option<f64>,
    /// What was set in a region, by `account/region`.
    pub regions: BTreeMap<String, Region>,
}

/// Preferences of one account in one region that were set.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Region {
    /// ResourceTypeOptInPreference
    pub opt_in: BTreeMap<String, bool>,
    /// ResourceTypeManagementPreference
    pub management: BTreeMap<String, bool>,
}

/// Settings of the organization.
const GLOBAL: [&str; 3] = ["isCrossAccountBackupEnabled", "isDelegatedAdministratorEnabled", "isMpaEnabled"];

/// Resource types, and whether a fresh region has them opted in.
const TYPES: [(&str, bool); 18] = [
    ("Aurora", true),
    ("CloudFormation", false),
    ("DSQL", false),
    ("DocumentDB", false),
    ("DynamoDB", true),
    ("EBS", true),
    ("EC2", true),
    ("EFS", true),
    ("EKS", false),
    ("FSx", false),
    ("Neptune", false),
    ("RDS", true),
    ("Redshift", false),
    ("S3", false),
    ("SAP HANA on Amazon EC2", false),
    ("Storage Gateway", true),
    ("Timestream", false),
    ("VirtualMachine", false),
];

/// Types whose backups Backup may manage as a whole, and whether it does.
const MANAGED: [(&str, bool); 2] = [("DynamoDB", false), ("EFS", true)];

/// Runs one call. `None` where the operation has no handler.
pub fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    Some(match call.operation.as_str() {
        "DescribeGlobalSettings" => describe_global(world, call),
        "UpdateGlobalSettings" => update_global(world, call),
        "DescribeRegionSettings" => describe_region(world, call),
        "UpdateRegionSettings" => update_region(world, call),
        _ => return None,
    })
}

fn invalid(code: &str, message: impl Into<String>) -> Fault {
    Fault::new(code, message)
}

/// The organization's settings, which every member may read.
fn describe_global(world: &mut World, call: &Call) -> Reply {
    if !world.organizations.accounts.contains_key(&call.account) {
        return Err(invalid("InvalidRequestException", "The account is not a member of an organization."));
    }
    let value = |name: &str| world.backup.global.get(name).map_or("false", String::as_str);
    let settings: BTreeMap<&str, &str> = GLOBAL.iter().map(|name| (*name, value(name))).collect();
    let mut reply = json!({ "GlobalSettings": settings });
    if let Some(updated) = world.backup.updated {
        reply["LastUpdateTime"] = json!(updated);
    }
    Ok(reply)
}

fn update_global(world: &mut World, call: &Call) -> Reply {
    if organizations::management(world) != Some(call.account.as_str()) {
        return Err(invalid(
            "InvalidRequestException",
            "The account is not the organization's management account.",
        ));
    }
    let asked = call.input.get("GlobalSettings").and_then(Value::as_object).cloned().unwrap_or_default();
    for (name, value) in &asked {
        if !GLOBAL.contains(&name.as_str()) || !["true", "false"].iter().any(|known| value == known) {
            return Err(invalid(
                "InvalidParameterValueException",
                format!("Invalid global setting {name}: {value}"),
            ));
        }
    }
    let new = asked.into_iter().map(|(name, value)| (name, value.as_str().unwrap_or_default().to_owned()));
    world.backup.global.extend(new);
    world.backup.updated = Some(call.now);
    Ok(json!({}))
}

/// Every known type, with what was set of it.
fn whole(known: &[(&str, bool)], set: Option<&BTreeMap<String, bool>>) -> BTreeMap<String, bool> {
    let value = |name: &str, default: bool| set.and_then(|set| set.get(name)).copied().unwrap_or(default);
    known.iter().map(|(name, default)| ((*name).to_owned(), value(name, *default))).collect()
}

fn describe_region(world: &mut World, call: &Call) -> Reply {
    let here = world.backup.regions.get(&cell(&call.account, &call.region));
    Ok(json!({
        "ResourceTypeOptInPreference": whole(&TYPES, here.map(|here| &here.opt_in)),
        "ResourceTypeManagementPreference": whole(&MANAGED, here.map(|here| &here.management)),
    }))
}

fn update_region(world: &mut World, call: &Call) -> Reply {
    let opt_in = preferences(call, "ResourceTypeOptInPreference", &TYPES)?;
    let management = preferences(call, "ResourceTypeManagementPreference", &MANAGED)?;
    if management.get("EFS") == Some(&false) {
        let message = "Full management of EFS backups cannot be disabled.";
        return Err(invalid("InvalidParameterValueException", message));
    }
    let here = world.backup.regions.entry(cell(&call.account, &call.region)).or_default();
    here.opt_in.extend(opt_in);
    here.management.extend(management);
    Ok(json!({}))
}

/// The preferences of a request, all of known types.
fn preferences(call: &Call, member: &str, known: &[(&str, bool)]) -> Result<BTreeMap<String, bool>, Fault> {
    let asked = call.input.get(member).and_then(Value::as_object).cloned().unwrap_or_default();
    let mut all = BTreeMap::new();
    for (name, value) in asked {
        if !known.iter().any(|(type_name, _)| *type_name == name) {
            let message = format!("Resource type {name} is not supported.");
            return Err(invalid("InvalidParameterValueException", message));
        }
        all.insert(name, value.as_bool().unwrap_or_default());
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "tests")]

    use serde_json::json;

    use crate::sandbox::services::lab::{HOME, Lab, MANAGEMENT, MEMBER};

    const SERVICE: &str = "backup";

    #[test]
    fn the_management_account_alone_sets_for_the_organization() {
        let mut lab = Lab::with_organization();
        let on = json!({"GlobalSettings": {"isCrossAccountBackupEnabled": "true"}});
        lab.at(MEMBER, HOME)
            .table(SERVICE, &[("UpdateGlobalSettings", on.clone(), "InvalidRequestException")]);
        lab.at(MANAGEMENT, HOME).ok(SERVICE, "UpdateGlobalSettings", on);
        lab.ok(SERVICE, "UpdateGlobalSettings", json!({"GlobalSettings": {"isMpaEnabled": "true"}}));
        let seen = lab.at(MEMBER, HOME).ok(SERVICE, "DescribeGlobalSettings", json!({}));
        let expected = json!({
            "isCrossAccountBackupEnabled": "true", "isDelegatedAdministratorEnabled": "false", "isMpaEnabled": "true",
        });
        assert_eq!(seen["GlobalSettings"], expected);
        let code = "InvalidParameterValueException";
        lab.at(MANAGEMENT, HOME).table(
            SERVICE,
            &[
                ("UpdateGlobalSettings", json!({"GlobalSettings": {"isMpaEnabled": "yes"}}), code),
                ("UpdateGlobalSettings", json!({"GlobalSettings": {"x": "true"}}), code),
            ],
        );
    }

    #[test]
    fn preferences_are_added_and_of_known_types() {
        let mut lab = Lab::with_organization();
        let set = json!({"ResourceTypeOptInPreference": {"S3": true, "Storage Gateway": false}});
        lab.ok(SERVICE, "UpdateRegionSettings", set);
        lab.ok(
            SERVICE,
            "UpdateRegionSettings",
            json!({"ResourceTypeManagementPreference": {"DynamoDB": true}}),
        );
        let seen = lab.ok(SERVICE, "DescribeRegionSettings", json!({}));
        let opt_in = &seen["ResourceTypeOptInPreference"];
        assert_eq!(
            (&opt_in["S3"], &opt_in["Storage Gateway"], &opt_in["EBS"]),
            (&json!(true), &json!(false), &json!(true))
        );
        assert_eq!(seen["ResourceTypeManagementPreference"], json!({"DynamoDB": true, "EFS": true}));
        let code = "InvalidParameterValueException";
        lab.table(
            SERVICE,
            &[
                ("UpdateRegionSettings", json!({"ResourceTypeOptInPreference": {"Floppy": true}}), code),
                ("UpdateRegionSettings", json!({"ResourceTypeManagementPreference": {"EFS": false}}), code),
            ],
        );
    }
}
