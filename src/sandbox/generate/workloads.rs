//! What runs in an organization that somebody uses: an instance, a database and a file system in a network of their own,
//! every second time as an auditor wants them.

use serde_json::{Value, json};

use super::{BEGIN, wrong};
use crate::error::RunError;
use crate::sandbox::services;
use crate::sandbox::services::organizations::{self, AccountState};
use crate::sandbox::world::{Call, Principal, World};

/// Adds `count` workloads, over the accounts that the organization made and its regions, one after the other.
pub(super) fn add(world: &mut World, count: usize) -> Result<(), RunError> {
    let management = organizations::management(world).unwrap_or_default().to_owned();
    let shared = ["Log Archive", "Security"];
    let mut accounts: Vec<(f64, String)> = world
        .organizations
        .accounts
        .values()
        .filter(|a| a.created && a.state == AccountState::Active && a.id != management)
        .filter(|a| !shared.contains(&a.name.as_str()))
        .map(|a| (a.joined, a.id.clone()))
        .collect();
    accounts.sort_by(|a, b| a.0.total_cmp(&b.0));
    let regions = world.regions.clone();
    for number in 0..count {
        let Some((_, account)) = accounts.get(number % accounts.len().max(1)) else { break };
        let Some(region) = regions.get(number % regions.len().max(1)) else { break };
        Place { world, account, region }.workload(number)?;
    }
    Ok(())
}

struct Place<'a> {
    world: &'a mut World,
    account: &'a str,
    region: &'a str,
}

impl Place<'_> {
    fn call(&mut self, service: &str, operation: &str, input: Value) -> Result<Value, RunError> {
        let call = Call {
            service: service.to_owned(),
            operation: operation.to_owned(),
            account: self.account.to_owned(),
            region: self.region.to_owned(),
            principal: Principal::Management,
            input,
            now: BEGIN,
        };
        match services::dispatch(self.world, &call) {
            Some(Ok(output)) => Ok(output),
            Some(Err(fault)) => {
                Err(wrong(&format!("{service}:{operation}: {}: {}", fault.code, fault.message)))
            }
            None => Err(wrong(&format!("{service}:{operation} is not simulated"))),
        }
    }

    fn workload(&mut self, number: usize) -> Result<(), RunError> {
        let good = number % 2 == 1;
        let cidr = format!("10.{}.0.0/16", number % 250);
        let vpc = self.call("ec2", "CreateVpc", json!({"CidrBlock": cidr}))?["Vpc"]["VpcId"].clone();
        let subnet = json!({"VpcId": vpc, "CidrBlock": format!("10.{}.1.0/24", number % 250)});
        let subnet = self.call("ec2", "CreateSubnet", subnet)?["Subnet"]["SubnetId"].clone();
        let group =
            json!({"GroupName": format!("workload-{number}"), "Description": "a workload", "VpcId": vpc});
        let group = self.call("ec2", "CreateSecurityGroup", group)?["GroupId"].clone();
        let mut instance = json!({
            "ImageId": "ami-0c02fb55956c7d316", "InstanceType": "t3.small", "MinCount": 1, "MaxCount": 1,
            "SubnetId": subnet, "SecurityGroupIds": [group],
            "MetadataOptions": {"HttpTokens": if good { "required" } else { "optional" }},
        });
        if good {
            instance["IamInstanceProfile"] = json!({"Name": "workload"});
        }
        self.call("ec2", "RunInstances", instance)?;
        let database = json!({
            "DBInstanceIdentifier": format!("workload-{number}"), "DBInstanceClass": "db.t3.micro", "Engine": "postgres",
            "VpcSecurityGroupIds": [group], "StorageEncrypted": good, "MultiAZ": good, "AutoMinorVersionUpgrade": good,
            "PubliclyAccessible": !good,
        });
        self.call("rds", "CreateDBInstance", database)?;
        let files = json!({"CreationToken": format!("workload-{number}"), "Encrypted": good});
        self.call("efs", "CreateFileSystem", files)?;
        Ok(())
    }
}
