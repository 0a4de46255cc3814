//! Effective management policies: what an account inherits.
//!
//! Source: user guide "Understanding policy inheritance": policies of the path are merged from the root down with
//! the operators `@@assign`, `@@append` and `@@remove`; SCPs and RCPs have no effective policy. Child control
//! operators (`@@operators_allowed_for_child_policies`) are read but not enforced.

use serde_json::{Map, Value, json};

use crate::sandbox::world::{Call, Fault, Reply, World};

use super::{attachments, list, path_to, target_not_found};

pub(super) fn describe(world: &mut World, call: &Call) -> Reply {
    let kind = call.required("PolicyType");
    let target = call.str("TargetId").unwrap_or(&call.account);
    // AWS answers for accounts only, not for roots and OUs.
    if !world.organizations.accounts.contains_key(target) {
        return Err(target_not_found());
    }
    let (merged, updated) = effective(world, target, kind);
    if merged.is_null() {
        return Err(Fault::new(
            "EffectivePolicyNotFoundException",
            "If you ran this action on the management account, this policy type is not enabled. If you ran the \
             action on a member account, the account doesn't have an effective policy of this type.",
        ));
    }
    Ok(json!({"EffectivePolicy": {
        "PolicyContent": merged.to_string(),
        "LastUpdatedTimestamp": updated,
        "TargetId": target,
        "PolicyType": kind,
    }}))
}

/// What the policies of a type come to for an account, null where there are none, and when one of them last changed.
pub fn effective(world: &World, account: &str, kind: &str) -> (Value, f64) {
    let mut merged = Value::Null;
    let mut updated: f64 = 0.0;
    if world.organizations.policy_types.contains(kind) {
        for node in path_to(world, account) {
            for policy in attachments::attached(world, &node, kind) {
                updated = updated.max(policy.updated);
                let document: Value = serde_json::from_str(&policy.content).unwrap_or_default();
                merge(&mut merged, &document);
            }
        }
    }
    (merged, updated)
}

/// No policy is stored that its type refuses, so no account has an invalid effective policy.
pub(super) fn list_invalid(world: &mut World, call: &Call) -> Reply {
    let mut reply = list::<Value>(world, call, "Accounts", &[], Clone::clone)?;
    reply["PolicyType"] = json!(call.required("PolicyType"));
    Ok(reply)
}

/// Contents are checked when they are written, so there are none.
pub(super) fn list_errors(world: &mut World, call: &Call) -> Reply {
    let account = call.required("AccountId").to_owned();
    let parent = world.organizations.accounts.get(&account).map(|a| a.parent.clone());
    let parent = parent.ok_or_else(|| {
        Fault::new("AccountNotFoundException", "You specified an account that doesn't exist.")
    })?;
    let path = super::path_text(world, &account, &parent);
    let mut reply = list::<Value>(world, call, "EffectivePolicyValidationErrors", &[], Clone::clone)?;
    reply["AccountId"] = json!(account);
    reply["PolicyType"] = json!(call.required("PolicyType"));
    reply["Path"] = json!(path);
    reply["EvaluationTimestamp"] = json!(call.now);
    Ok(reply)
}

/// Lays one policy over what was inherited.
fn merge(inherited: &mut Value, policy: &Value) {
    let Value::Object(members) = policy else {
        *inherited = policy.clone();
        return;
    };
    if members.keys().any(|key| is_value_operator(key)) {
        apply(inherited, members);
        return;
    }
    if !inherited.is_object() {
        *inherited = Value::Object(Map::new());
    }
    for (key, value) in members.iter().filter(|(key, _)| !key.starts_with("@@")) {
        merge(&mut inherited[key.as_str()], value);
    }
}

fn is_value_operator(key: &str) -> bool {
    matches!(key, "@@assign" | "@@append" | "@@remove")
}

fn apply(inherited: &mut Value, operators: &Map<String, Value>) {
    if let Some(value) = operators.get("@@assign") {
        *inherited = value.clone();
    }
    let listed = |value: &Value| match value {
        Value::Array(list) => list.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    };
    if let Some(more) = operators.get("@@append") {
        let mut all = listed(inherited);
        all.extend(listed(more));
        *inherited = Value::Array(all);
    }
    if let Some(less) = operators.get("@@remove") {
        let gone = listed(less);
        *inherited = Value::Array(listed(inherited).into_iter().filter(|v| !gone.contains(v)).collect());
    }
}
