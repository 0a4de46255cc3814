//! Key policies.

use serde_json::json;

use super::super::documents;
use super::{here, lookup};
use crate::policy::Document;
use crate::sandbox::world::{Call, Fault, Reply, World};

/// Key policy document size in bytes (AWS KMS Developer Guide, "Resource quotas").
const MOST_BYTES: usize = 32 * 1024;

/// GetKeyPolicy.
pub(super) fn get(world: &World, call: &Call) -> Reply {
    let key = lookup::own_key(world, call, "KeyId")?;
    policy_name(call)?;
    Ok(json!({"Policy": key.policy, "PolicyName": "default"}))
}

/// PutKeyPolicy. Replaces the whole policy.
pub(super) fn put(world: &mut World, call: &Call) -> Reply {
    let key = lookup::own_key(world, call, "KeyId")?;
    if key.aws_managed {
        let message = format!("You cannot change the key policy of the AWS managed key {}", key.arn);
        // Guess: the code; the Developer Guide says only that it is not possible.
        return Err(Fault::new("UnsupportedOperationException", message));
    }
    policy_name(call)?;
    let policy = checked(world, call, call.required("Policy"), &key.arn)?;
    if let Some(key) = here(world, call).keys.get_mut(&key.id) {
        key.policy = policy;
    }
    Ok(json!({}))
}

/// The policy that a key gets when none is given (Developer Guide, "Default key policy").
pub(super) fn default_policy(world: &World, account: &str) -> String {
    let root = world.arn("iam", "", account, "root");
    json!({
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [{
            "Sid": "Enable IAM User Permissions",
            "Effect": "Allow",
            "Principal": {"AWS": root},
            "Action": "kms:*",
            "Resource": "*",
        }],
    })
    .to_string()
}

/// The text of a policy that a caller may put on the key.
///
/// # Errors
/// `LimitExceededException` for its size; `MalformedPolicyDocumentException` where it does not parse, names a
/// principal that does not exist, or would lock the caller out.
pub(super) fn checked(world: &World, call: &Call, policy: &str, key_arn: &str) -> Result<String, Fault> {
    let malformed = |message: &str| Fault::new("MalformedPolicyDocumentException", message);
    if policy.len() > MOST_BYTES {
        return Err(Fault::new("LimitExceededException", "The key policy exceeds the maximum size"));
    }
    let document = Document::parse(policy).map_err(|_| malformed(""))?;
    if document.statements.iter().any(|s| s.principal.is_none() || s.resource.is_none()) {
        return Err(malformed(""));
    }
    if !documents::unknown_principals(world, &document).is_empty() {
        return Err(malformed("Policy contains a statement with one or more invalid principals."));
    }
    let bypass = call.bool("BypassPolicyLockoutSafetyCheck") == Some(true);
    if !bypass && !documents::allows_call(world, call, policy, "kms:PutKeyPolicy", key_arn) {
        return Err(malformed(
            "The new key policy will not allow you to update the key policy in the future.",
        ));
    }
    Ok(policy.to_string())
}

/// The only policy name is `default` (API Reference, PutKeyPolicy).
fn policy_name(call: &Call) -> Result<(), Fault> {
    match call.str("PolicyName") {
        None | Some("default") => Ok(()),
        Some(_) => Err(Fault::new("NotFoundException", "No such policy exists")),
    }
}
