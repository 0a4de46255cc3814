//! What declarative policies for EC2 set in an account: the service then answers with the policy's value, and refuses
//! to change it.
//!
//! Source: Organizations user guide, "Declarative policy syntax and examples".

use serde_json::Value;

use super::super::organizations;
use crate::sandbox::world::{Call, Fault, World};

const KIND: &str = "DECLARATIVE_POLICY_EC2";

/// The effective attribute of the calling account, such as `serial_console_access`; `None`: no policy sets it.
pub(super) fn attribute(world: &World, account: &str, name: &str) -> Option<Value> {
    let (policy, _) = organizations::effective(world, account, KIND);
    policy.pointer(&format!("/ec2_attributes/{name}")).cloned()
}

/// One value of an attribute in EC2's words: policies write `block_new_sharing` for `block-new-sharing`, and numbers as
/// text.
pub(super) fn value(attribute: &Value, key: &str) -> Option<String> {
    match attribute.get(key)? {
        Value::String(text) => Some(text.replace('_', "-")),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Refuses to change what a policy sets.
///
/// # Errors
/// `UnauthorizedOperation` with the policy's own message where it has one. Guess: the sentence around it.
pub(super) fn check(world: &World, call: &Call, name: &str) -> Result<(), Fault> {
    if attribute(world, &call.account, name).is_none() {
        return Ok(());
    }
    let (policy, _) = organizations::effective(world, &call.account, KIND);
    let own = policy.pointer("/ec2_attributes/exception_message").and_then(Value::as_str);
    let message = format!(
        "You are not authorized to perform this action. This action is prevented by a declarative policy of your \
         organization. {}",
        own.unwrap_or_default()
    );
    Err(Fault::new("UnauthorizedOperation", message.trim_end()).status(403))
}
