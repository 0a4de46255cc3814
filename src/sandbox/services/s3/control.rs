//! S3 Control: block public access of the account, and Storage Lens.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::organizations;
use super::{Block, access_denied, invalid, settings};
use crate::sandbox::world::{Call, Fault, Reply, World};

/// A Storage Lens configuration.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Lens {
    /// StorageLensConfiguration as it was put.
    pub configuration: Value,
    /// Home region: where it was put.
    pub region: String,
}

/// Storage Lens configurations per account (User Guide, "Amazon S3 Storage Lens quotas": 50 dashboards).
const MOST_LENSES: usize = 50;

/// Runs one call.
pub(super) fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    if call.required("AccountId") != call.account {
        return Some(Err(access_denied()));
    }
    Some(match call.operation.as_str() {
        "GetPublicAccessBlock" => get_block(world, call),
        "PutPublicAccessBlock" => put_block(world, call),
        "DeletePublicAccessBlock" => delete_block(world, call),
        "ListStorageLensConfigurations" => list_lenses(world, call),
        "PutStorageLensConfiguration" => put_lens(world, call),
        _ => return None,
    })
}

/// All four flags, as an S3 policy of the organization sets them ("Amazon S3 policy syntax and examples").
fn organization_block(world: &World, account: &str) -> Option<Block> {
    let (policy, _) = organizations::effective(world, account, "S3_POLICY");
    let on = policy.pointer("/s3_attributes/public_access_block_configuration")?.as_str()? == "all";
    Some(Block {
        block_public_acls: on,
        ignore_public_acls: on,
        block_public_policy: on,
        restrict_public_buckets: on,
    })
}

/// What holds for an account: the organization's policy, else its own setting, which comes back with the policy's end.
pub(super) fn account_block(world: &World, account: &str) -> Option<Block> {
    organization_block(world, account).or_else(|| world.s3.account_blocks.get(account).copied())
}

fn get_block(world: &World, call: &Call) -> Reply {
    account_block(world, &call.account).map(Block::write).ok_or_else(settings::no_block)
}

/// "You might get an Access Denied (403) error when the account is managed by organization-level policies" (API
/// Reference). Guess: deleting is refused in the same way.
fn check_own(world: &World, call: &Call) -> Result<(), Fault> {
    organization_block(world, &call.account).map_or(Ok(()), |_| Err(access_denied()))
}

fn put_block(world: &mut World, call: &Call) -> Reply {
    check_own(world, call)?;
    let block = Block::read(&call.input["PublicAccessBlockConfiguration"]);
    world.s3.account_blocks.insert(call.account.clone(), block);
    Ok(json!({}))
}

fn delete_block(world: &mut World, call: &Call) -> Reply {
    check_own(world, call)?;
    world.s3.account_blocks.remove(&call.account);
    Ok(json!({}))
}

fn put_lens(world: &mut World, call: &Call) -> Reply {
    let id = call.required("ConfigId");
    let configuration = call.input.get("StorageLensConfiguration").cloned().unwrap_or_default();
    if configuration.get("Id").and_then(Value::as_str) != Some(id) {
        return Err(invalid("InvalidRequest", "The configuration id does not match the request"));
    }
    if configuration.get("AwsOrg").is_some() && !may_see_organization(world, call) {
        return Err(access_denied());
    }
    if configuration.get("Include").is_some() && configuration.get("Exclude").is_some() {
        // API Reference, StorageLensConfiguration: Include and Exclude cannot both be there.
        return Err(invalid("InvalidRequest", "Include and Exclude cannot be specified together"));
    }
    let lenses = world.s3.lenses.entry(call.account.clone()).or_default();
    if let Some(existing) = lenses.get(id)
        && existing.region != call.region
    {
        return Err(invalid("InvalidRequest", "The configuration has another home Region"));
    }
    if !lenses.contains_key(id) && lenses.len() >= MOST_LENSES {
        return Err(invalid("TooManyConfigurations", "The quota of Storage Lens configurations is exceeded"));
    }
    lenses.insert(id.into(), Lens { configuration, region: call.region.clone() });
    Ok(json!({}))
}

/// The account's own configurations, and the `default-account-dashboard` that S3 makes in us-east-1.
fn list_lenses(world: &World, call: &Call) -> Reply {
    let entry = |id: &str, region: &str, on: bool| {
        let arn = world.arn("s3", region, &call.account, &format!("storage-lens/{id}"));
        json!({"Id": id, "StorageLensArn": arn, "HomeRegion": region, "IsEnabled": on})
    };
    let own = world.s3.lenses.get(&call.account);
    let mut all: Vec<Value> = own
        .into_iter()
        .flatten()
        .map(|(id, lens)| {
            let on = lens.configuration.get("IsEnabled").and_then(Value::as_bool) == Some(true);
            entry(id, &lens.region, on)
        })
        .collect();
    let default = "default-account-dashboard";
    if !own.is_some_and(|lenses| lenses.contains_key(default)) {
        all.insert(0, entry(default, "us-east-1", true));
    }
    let bad_token = || invalid("InvalidRequest", "The continuation token provided is incorrect");
    let (page, next) = world.page(&all, None, 1000, call.str("NextToken"), &bad_token)?;
    let mut output = json!({"StorageLensConfigurationList": page});
    if let Some(next) = next {
        output["NextToken"] = json!(next);
    }
    Ok(output)
}

/// Organization-wide configurations are for the management account and delegated administrators.
fn may_see_organization(world: &World, call: &Call) -> bool {
    let principal = "storage-lens.s3.amazonaws.com";
    organizations::access_enabled(world, principal)
        && (organizations::management(world) == Some(call.account.as_str())
            || organizations::is_delegated(world, principal, &call.account))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::sandbox::services::lab::{Lab, MEMBER};

    #[test]
    fn a_policy_of_the_organization_overrides_the_account_and_gives_it_back() {
        let mut lab = Lab::organized();
        let root = lab.ok("organizations", "ListRoots", json!({}))["Roots"][0]["Id"].clone();
        lab.ok("organizations", "EnablePolicyType", json!({"RootId": root, "PolicyType": "S3_POLICY"}));
        let content = json!({"s3_attributes": {"public_access_block_configuration": {"@@assign": "all"}}});
        let input =
            json!({"Name": "s3", "Description": "", "Type": "S3_POLICY", "Content": content.to_string()});
        let made = lab.ok("organizations", "CreatePolicy", input);
        let attachment = json!({"PolicyId": made["Policy"]["PolicySummary"]["Id"], "TargetId": root});

        let me = json!({"AccountId": MEMBER});
        let own = json!({"AccountId": MEMBER, "PublicAccessBlockConfiguration": {"BlockPublicAcls": true}});
        lab.at(MEMBER, "eu-west-1").ok("s3control", "PutPublicAccessBlock", own.clone());
        let last = |lab: &mut Lab| {
            let seen = lab.ok("s3control", "GetPublicAccessBlock", me.clone());
            seen["PublicAccessBlockConfiguration"]["RestrictPublicBuckets"] == true
        };
        assert!(!last(&mut lab));
        lab.at("111111111111", "eu-west-1").ok("organizations", "AttachPolicy", attachment.clone());
        lab.at(MEMBER, "eu-west-1");
        assert!(last(&mut lab));
        assert_eq!(lab.fails("s3control", "PutPublicAccessBlock", own).code, "AccessDenied");
        lab.at("111111111111", "eu-west-1").ok("organizations", "DetachPolicy", attachment);
        lab.at(MEMBER, "eu-west-1");
        assert!(!last(&mut lab));
    }
}
