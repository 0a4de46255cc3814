//! Checks on the text of a policy.
//!
//! Sources: `aws-limits.md` 1.2 (sizes), the Organizations user guide ("SCP syntax", "RCP syntax", and the syntax
//! page of each management policy type).

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::sandbox::world::Fault;

use super::constraint;

/// Largest text of a policy type, in characters, white space included.
fn size_limit(kind: &str) -> usize {
    match kind {
        "SERVICE_CONTROL_POLICY" => 10_240,
        "RESOURCE_CONTROL_POLICY" => 5_120,
        "AISERVICES_OPT_OUT_POLICY" => 2_500,
        _ => 10_000,
    }
}

/// The one top-level key of a management policy; `None` where it was not looked up.
fn top_key(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "TAG_POLICY" => "tags",
        "BACKUP_POLICY" => "plans",
        "AISERVICES_OPT_OUT_POLICY" => "services",
        "CHATBOT_POLICY" => "chatbot",
        "DECLARATIVE_POLICY_EC2" => "ec2_attributes",
        "SECURITYHUB_POLICY" => "securityhub",
        "INSPECTOR_POLICY" => "inspector",
        _ => return None,
    })
}

/// Refuses a text that is too long or not of its type.
pub(super) fn check(kind: &str, text: &str) -> Result<(), Fault> {
    if text.chars().count() > size_limit(kind) {
        return Err(constraint(
            "POLICY_CONTENT_LIMIT_EXCEEDED",
            "You have exceeded the allowed size of the policy content.",
        ));
    }
    let document: Option<Value> = serde_json::from_str(text).ok();
    let good = document.as_ref().and_then(Value::as_object).is_some_and(|object| match kind {
        "SERVICE_CONTROL_POLICY" => authorization(object, false),
        "RESOURCE_CONTROL_POLICY" => authorization(object, true),
        _ => top_key(kind).map_or(!object.is_empty(), |key| object.get(key).is_some_and(Value::is_object)),
    });
    if good { Ok(()) } else { Err(malformed()) }
}

fn malformed() -> Fault {
    Fault::new(
        "MalformedPolicyDocumentException",
        "The provided policy document does not meet the requirements of the specified policy type.",
    )
}

/// Whether an SCP or RCP is well formed.
fn authorization(document: &Map<String, Value>, resource_control: bool) -> bool {
    let known = document.keys().all(|key| matches!(key.as_str(), "Version" | "Id" | "Statement"));
    let version = document.get("Version").and_then(Value::as_str) == Some("2012-10-17");
    let statements: Vec<&Value> = match document.get("Statement") {
        Some(Value::Array(list)) => list.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    };
    let mut sids = BTreeSet::new();
    known
        && version
        && !statements.is_empty()
        && statements.iter().all(|statement| {
            let sid = statement.get("Sid").and_then(Value::as_str);
            sid.is_none_or(|sid| sids.insert(sid))
                && statement.as_object().is_some_and(|object| {
                    if resource_control { rcp_statement(object) } else { scp_statement(object) }
                })
        })
}

fn scp_statement(statement: &Map<String, Value>) -> bool {
    let has = |key: &str| statement.contains_key(key);
    common(statement)
        && matches!(statement.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny"))
        && !has("Principal")
        && !has("NotPrincipal")
}

/// A customer-managed RCP denies, names any principal and does not use `*` alone as its action.
fn rcp_statement(statement: &Map<String, Value>) -> bool {
    common(statement)
        && statement.get("Effect").and_then(Value::as_str) == Some("Deny")
        && statement.get("Principal").and_then(Value::as_str) == Some("*")
        && !statement.contains_key("NotAction")
        && strings(statement.get("Action")).is_some_and(|actions| !actions.contains(&"*"))
}

fn common(statement: &Map<String, Value>) -> bool {
    const ELEMENTS: &[&str] = &[
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    ];
    let either = |a: &str, b: &str| statement.contains_key(a) != statement.contains_key(b);
    let listed = |key: &str| statement.get(key).is_none_or(|value| strings(Some(value)).is_some());
    let actions = statement.get("Action").or_else(|| statement.get("NotAction"));
    statement.keys().all(|key| ELEMENTS.contains(&key.as_str()))
        && either("Action", "NotAction")
        && either("Resource", "NotResource")
        && listed("Resource")
        && listed("NotResource")
        && strings(actions).is_some_and(|list| list.iter().all(|action| action_is_well_formed(action)))
        && statement.get("Condition").is_none_or(condition_is_well_formed)
}

/// A string, or a list of strings that is not empty.
fn strings(value: Option<&Value>) -> Option<Vec<&str>> {
    match value? {
        Value::String(one) => Some(vec![one]),
        Value::Array(list) if !list.is_empty() => list.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

/// `*`, or `service:Action` with wildcards.
fn action_is_well_formed(action: &str) -> bool {
    action == "*"
        || action.split_once(':').is_some_and(|(service, name)| {
            let letters = |text: &str| {
                !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-*?".contains(c))
            };
            letters(service) && letters(name)
        })
}

/// `{operator: {key: value or values}}`.
fn condition_is_well_formed(condition: &Value) -> bool {
    condition.as_object().is_some_and(|operators| {
        operators.iter().all(|(operator, keys)| {
            operator_is_known(operator)
                && keys.as_object().is_some_and(|keys| {
                    keys.values().all(|value| match value {
                        Value::Array(list) => !list.iter().any(|v| v.is_object() || v.is_array()),
                        other => !other.is_object() && !other.is_null(),
                    })
                })
        })
    })
}

fn operator_is_known(operator: &str) -> bool {
    const BASE: &[&str] = &[
        "StringEquals",
        "StringNotEquals",
        "StringEqualsIgnoreCase",
        "StringNotEqualsIgnoreCase",
        "StringLike",
        "StringNotLike",
        "NumericEquals",
        "NumericNotEquals",
        "NumericLessThan",
        "NumericLessThanEquals",
        "NumericGreaterThan",
        "NumericGreaterThanEquals",
        "DateEquals",
        "DateNotEquals",
        "DateLessThan",
        "DateLessThanEquals",
        "DateGreaterThan",
        "DateGreaterThanEquals",
        "Bool",
        "BinaryEquals",
        "IpAddress",
        "NotIpAddress",
        "ArnEquals",
        "ArnNotEquals",
        "ArnLike",
        "ArnNotLike",
        "Null",
    ];
    let name = operator.trim_start_matches("ForAllValues:").trim_start_matches("ForAnyValue:");
    let name = name.strip_suffix("IfExists").unwrap_or(name);
    BASE.iter().any(|known| known.eq_ignore_ascii_case(name))
}
