//! From a key id, key ARN, alias name or alias ARN to the key.

use super::super::documents;
use super::{Key, policies};
use crate::sandbox::world::{Call, Fault, World, cell};

/// Finds a key by id, ARN, alias name or alias ARN, as the account would in the region. Keys whose waiting period
/// is over at `now` are gone.
pub fn find(world: &World, account: &str, region: &str, key: &str, now: f64) -> Option<Key> {
    let (account, region, resource) = parts(account, region, key)?;
    if let Some(service) = resource.strip_prefix("alias/aws/") {
        return Some(aws_managed(world, &account, &region, service));
    }
    let state = world.kms.get(&cell(&account, &region))?;
    let id = match resource.strip_prefix("key/") {
        Some(id) => id,
        None => state.aliases.get(&resource)?.target.as_str(),
    };
    state.keys.get(id).filter(|key| is_alive(key, now)).cloned()
}

/// Whether the key still exists.
pub(super) fn is_alive(key: &Key, now: f64) -> bool {
    key.deletion.is_none_or(|at| at > now)
}

/// Account, region and resource (`key/ID` or `alias/NAME`) that an identifier means. `None`: not an identifier.
fn parts(account: &str, region: &str, key: &str) -> Option<(String, String, String)> {
    if !key.starts_with("arn:") {
        let resource = if key.starts_with("alias/") { key.to_string() } else { format!("key/{key}") };
        return Some((account.into(), region.into(), resource));
    }
    match key.splitn(6, ':').collect::<Vec<_>>().as_slice() {
        ["arn", _, "kms", region, account, resource] => {
            Some(((*account).into(), (*region).into(), (*resource).into()))
        }
        _ => None,
    }
}

/// The key that AWS manages for a service in this account and region. AWS makes it on first use.
fn aws_managed(world: &World, account: &str, region: &str, service: &str) -> Key {
    let hex = documents::digest_hex(format!("{account}/{region}/{service}").as_bytes(), 16);
    let id = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-");
    Key {
        arn: world.arn("kms", region, account, &format!("key/{id}")),
        id,
        account: account.into(),
        description: format!("Default key that protects my data when no other key is defined ({service})"),
        usage: "ENCRYPT_DECRYPT".into(),
        spec: "SYMMETRIC_DEFAULT".into(),
        origin: "AWS_KMS".into(),
        state: "Enabled".into(),
        policy: policies::default_policy(world, account),
        aws_managed: true,
        ..Key::default()
    }
}

/// The key that the input's `KeyId` names, for an operation that accepts aliases and other accounts' keys.
///
/// # Errors
/// `NotFoundException`; `AccessDeniedException` for a key of another account whose policy does not let the caller
/// do this.
pub(super) fn any_key(world: &World, call: &Call, member: &str) -> Result<Key, Fault> {
    let asked = call.required(member);
    let (account, region, resource) =
        parts(&call.account, &call.region, asked).ok_or_else(|| invalid_arn(asked))?;
    if region != call.region {
        return Err(Fault::new("NotFoundException", format!("Invalid arn {region}")));
    }
    let found = find(world, &account, &region, asked, call.now);
    let arn = world.arn("kms", &region, &account, &resource);
    if account != call.account {
        let action = format!("kms:{}", call.operation);
        return found
            .filter(|key| documents::allows_call(world, call, &key.policy, &action, &key.arn))
            .ok_or_else(|| other_account(call, &arn));
    }
    found.ok_or_else(|| missing(&arn))
}

/// The id of the caller's own key that `KeyId` names, for an operation that takes a key id or key ARN only and
/// works only in the owner's account.
///
/// # Errors
/// `NotFoundException`, `InvalidArnException`, `AccessDeniedException`.
pub(super) fn own_key(world: &World, call: &Call, member: &str) -> Result<Key, Fault> {
    let asked = call.required(member);
    if asked.starts_with("alias/") || asked.contains(":alias/") {
        return Err(Fault::new("NotFoundException", format!("Invalid keyId {asked}")));
    }
    let key = any_key(world, call, member)?;
    if key.account == call.account { Ok(key) } else { Err(other_account(call, &key.arn)) }
}

fn invalid_arn(asked: &str) -> Fault {
    Fault::new("InvalidArnException", format!("Invalid arn {asked}"))
}

fn missing(arn: &str) -> Fault {
    let message = if arn.contains(":alias/") {
        format!("Alias {arn} is not found.")
    } else {
        format!("Key '{arn}' does not exist")
    };
    Fault::new("NotFoundException", message)
}

/// KMS gives the same answer for a missing key and for a refusal of its policy.
fn other_account(call: &Call, arn: &str) -> Fault {
    Fault::new(
        "AccessDeniedException",
        format!(
            "User is not authorized to perform: kms:{} on resource: {arn} because the resource does not exist in \
             this Region, no resource-based policies allow access, or a resource-based policy explicitly denies \
             access",
            call.operation
        ),
    )
}
