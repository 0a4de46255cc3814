//! Resource policies and account policies.

use serde_json::{Value, json};

use super::super::documents;
use super::{Policy, group, here, invalid, limit, millis, no_group, open, paged, parts};
use crate::policy::Document;
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

/// Resource policies per account and region (CloudWatch Logs quotas).
const MOST_POLICIES: usize = 10;

/// PutResourcePolicy: of the account by name, or of one log group by ARN.
pub(super) fn put(world: &mut World, call: &Call) -> Reply {
    let text = call.str("policyDocument").ok_or_else(|| invalid("policyDocument is required"))?;
    checked(world, text)?;
    let expected = call.str("expectedRevisionId");
    if let Some(arn) = call.str("resourceArn") {
        let (account, region, name) = parts(arn).ok_or_else(|| invalid("Invalid resource ARN"))?;
        if account != call.account || region != call.region {
            return Err(no_group());
        }
        expect(expected, open(world, call, name)?.policy.as_ref())?;
        let policy = made(world, call, text);
        open(world, call, name)?.policy = Some(policy.clone());
        return Ok(put_output(&entry(None, Some(arn), &policy)));
    }
    let name = call.str("policyName").ok_or_else(|| invalid("policyName is required"))?;
    let current = here(world, call).map(|state| &state.policies);
    expect(expected, current.and_then(|policies| policies.get(name)))?;
    if current.is_some_and(|policies| !policies.contains_key(name) && policies.len() >= MOST_POLICIES) {
        return Err(limit());
    }
    let policy = made(world, call, text);
    let state = world.logs.entry(cell(&call.account, &call.region)).or_default();
    state.policies.insert(name.into(), policy.clone());
    Ok(put_output(&entry(Some(name), None, &policy)))
}

fn made(world: &mut World, call: &Call, text: &str) -> Policy {
    Policy { document: text.into(), updated: call.now, revision: world.hex(32) }
}

fn put_output(entry: &Value) -> Value {
    json!({"revisionId": entry["revisionId"], "resourcePolicy": entry})
}

/// DescribeResourcePolicies: the account's by default, or those of log groups.
pub(super) fn describe(world: &World, call: &Call) -> Reply {
    let state = here(world, call);
    let all: Vec<Value> = match (call.str("resourceArn"), call.str("policyScope")) {
        (Some(arn), _) => {
            let group = group(world, arn).ok_or_else(no_group)?;
            group.policy.iter().map(|policy| entry(None, Some(arn), policy)).collect()
        }
        (None, Some("RESOURCE")) => {
            let groups = state.into_iter().flat_map(|state| &state.groups);
            groups
                .filter_map(|(name, group)| {
                    let arn = world.arn("logs", &call.region, &call.account, &format!("log-group:{name}"));
                    group.policy.as_ref().map(|policy| entry(None, Some(&arn), policy))
                })
                .collect()
        }
        _ => {
            let policies = state.into_iter().flat_map(|state| &state.policies);
            policies.map(|(name, policy)| entry(Some(name), None, policy)).collect()
        }
    };
    paged(world, call, &all, "resourcePolicies")
}

fn entry(name: Option<&str>, arn: Option<&str>, policy: &Policy) -> Value {
    let mut entry = json!({
        "policyDocument": policy.document,
        "lastUpdatedTime": millis(policy.updated),
        "policyScope": if arn.is_some() { "RESOURCE" } else { "ACCOUNT" },
        "revisionId": policy.revision,
    });
    if let Some(name) = name {
        entry["policyName"] = json!(name);
    }
    if let Some(arn) = arn {
        entry["resourceArn"] = json!(arn);
    }
    entry
}

/// PutAccountPolicy. One per type, subscription filter policies by name (API Reference, PutAccountPolicy: one each).
pub(super) fn put_account(world: &mut World, call: &Call) -> Reply {
    let (name, kind) = (call.required("policyName"), call.required("policyType"));
    let document = call.required("policyDocument");
    if !serde_json::from_str::<Value>(document).is_ok_and(|value| value.is_object()) {
        return Err(invalid("Policy document is not valid JSON"));
    }
    let state = world.logs.entry(cell(&call.account, &call.region)).or_default();
    let policies = state.account_policies.entry(kind.into()).or_default();
    if !policies.contains_key(name) && !policies.is_empty() && kind != "FIELD_INDEX_POLICY" {
        return Err(limit());
    }
    let mut policy = json!({
        "policyName": name,
        "policyDocument": document,
        "lastUpdatedTime": millis(call.now),
        "policyType": kind,
        "scope": "ALL",
        "accountId": call.account,
    });
    if let Some(criteria) = call.str("selectionCriteria") {
        policy["selectionCriteria"] = json!(criteria);
    }
    policies.insert(name.into(), policy.clone());
    Ok(json!({"accountPolicy": policy}))
}

fn checked(world: &World, text: &str) -> Result<(), Fault> {
    let document =
        Document::parse(text).map_err(|error| invalid(format!("Invalid policy document: {error}")))?;
    if document.statements.iter().any(|s| s.principal.is_none() || s.resource.is_none()) {
        return Err(invalid("Invalid policy document: Principal and Resource are required"));
    }
    if !documents::unknown_principals(world, &document).is_empty() {
        return Err(invalid("Invalid policy document: invalid principal"));
    }
    Ok(())
}

/// A revision id that the caller gives must be the current one. Guess: the code.
fn expect(expected: Option<&str>, current: Option<&Policy>) -> Result<(), Fault> {
    match expected {
        Some(expected) if current.map(|policy| policy.revision.as_str()) != Some(expected) => {
            Err(Fault::new("OperationAbortedException", "The expected revision id does not match"))
        }
        _ => Ok(()),
    }
}
