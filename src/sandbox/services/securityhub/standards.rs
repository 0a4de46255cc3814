//! Security standards: which there are, and which an account has enabled.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sandbox::world::{Call, Fault, Reply, World};

use super::{access, hubs};

/// The part of the ARN after the account, title, enabled where somebody asks for the defaults.
/// <https://docs.aws.amazon.com/securityhub/latest/userguide/standards-reference.html>
const STANDARDS: &[(&str, &str, bool)] = &[
    (
        "standards/aws-foundational-security-best-practices/v/1.0.0",
        "AWS Foundational Security Best Practices v1.0.0",
        true,
    ),
    ("standards/aws-resource-tagging-standard/v/1.0.0", "AWS Resource Tagging Standard v1.0.0", false),
    ("ruleset/cis-aws-foundations-benchmark/v/1.2.0", "CIS AWS Foundations Benchmark v1.2.0", true),
    ("standards/cis-aws-foundations-benchmark/v/1.4.0", "CIS AWS Foundations Benchmark v1.4.0", false),
    ("standards/cis-aws-foundations-benchmark/v/3.0.0", "CIS AWS Foundations Benchmark v3.0.0", false),
    ("standards/cis-aws-foundations-benchmark/v/5.0.0", "CIS AWS Foundations Benchmark v5.0.0", false),
    ("standards/nist-800-171/v/2.0.0", "NIST Special Publication 800-171 Revision 2", false),
    ("standards/nist-800-53/v/5.0.0", "NIST Special Publication 800-53 Revision 5", false),
    ("standards/pci-dss/v/3.2.1", "PCI DSS v3.2.1", false),
    ("standards/pci-dss/v/4.0.1", "PCI DSS v4.0.1", false),
];
/// Largest and default page.
const PAGE: usize = 100;

/// The standards that are enabled by default, since `now`.
pub(super) fn default_ones(now: f64) -> BTreeMap<String, f64> {
    let defaults = STANDARDS.iter().filter(|(_, _, default)| *default);
    defaults.map(|(name, ..)| ((*name).to_owned(), now)).collect()
}

/// The part of a standard's ARN after the account, where there is such a standard.
pub(super) fn name(arn: &str) -> Option<&'static str> {
    let rest = arn.splitn(6, ':').nth(5)?;
    STANDARDS.iter().map(|(name, ..)| *name).find(|name| *name == rest)
}

/// The oldest standard has one ARN for all regions.
fn arn(world: &World, region: &str, name: &str) -> String {
    world.arn("securityhub", if name.starts_with("ruleset/") { "" } else { region }, "", name)
}

fn subscription_arn(world: &World, call: &Call, name: &str) -> String {
    let short = name.split_once('/').map_or(name, |(_, rest)| rest);
    world.arn("securityhub", &call.region, &call.account, &format!("subscription/{short}"))
}

fn subscription(world: &World, call: &Call, name: &str, status: &str) -> Value {
    json!({
        "StandardsSubscriptionArn": subscription_arn(world, call, name),
        "StandardsArn": arn(world, &call.region, name),
        "StandardsInput": {},
        "StandardsStatus": status,
        "StandardsControlsUpdatable": if status == "READY" { "READY_FOR_UPDATES" } else { "NOT_READY_FOR_UPDATES" },
    })
}

pub(super) fn page(world: &World, call: &Call, member: &str, items: &[Value], default: usize) -> Reply {
    let bad = || access::invalid("Invalid parameter 'NextToken'");
    let (page, next) = world.page(items, call.int("MaxResults"), default, call.str("NextToken"), &bad)?;
    let mut reply = json!({ member: page });
    if let Some(token) = next {
        reply["NextToken"] = json!(token);
    }
    Ok(reply)
}

/// DescribeStandards. Works without a subscription (Guess).
pub(super) fn describe(world: &mut World, call: &Call) -> Reply {
    let shown = |(name, title, default): &(&str, &str, bool)| {
        json!({
            "StandardsArn": arn(world, &call.region, name),
            "Name": title,
            "Description": title,
            "EnabledByDefault": default,
            "StandardsManagedBy": {"Company": "AWS", "Product": "Security Hub"},
        })
    };
    let all: Vec<Value> = STANDARDS.iter().map(shown).collect();
    page(world, call, "Standards", &all, PAGE)
}

pub(super) fn list_enabled(world: &mut World, call: &Call) -> Reply {
    let hub = access::subscribed(world, call)?;
    let asked = call.input.get("StandardsSubscriptionArns").and_then(Value::as_array);
    let wanted = |name: &&String| {
        asked.is_none_or(|list| {
            let own = subscription_arn(world, call, name);
            list.iter().any(|arn| arn.as_str() == Some(own.as_str()))
        })
    };
    let all: Vec<Value> =
        hub.standards.keys().filter(wanted).map(|name| subscription(world, call, name, "READY")).collect();
    page(world, call, "StandardsSubscriptions", &all, PAGE)
}

pub(super) fn enable(world: &mut World, call: &Call) -> Reply {
    access::subscribed(world, call)?;
    access::self_managed_only(world, call)?;
    let requests = call.input.get("StandardsSubscriptionRequests").and_then(Value::as_array);
    let mut names = Vec::new();
    for request in requests.into_iter().flatten() {
        let asked = request.get("StandardsArn").and_then(Value::as_str).unwrap_or_default();
        let found = name(asked).filter(|found| arn(world, &call.region, found) == asked);
        names.push(found.ok_or_else(|| unknown(asked))?);
    }
    let now = call.now;
    let hub = hubs::edit(world, call)?;
    for name in &names {
        hub.standards.entry((*name).to_owned()).or_insert(now);
    }
    let shown: Vec<Value> = names.iter().map(|name| subscription(world, call, name, "PENDING")).collect();
    Ok(json!({"StandardsSubscriptions": shown}))
}

/// Guess: the message.
fn unknown(arn: &str) -> Fault {
    access::invalid(format!("Invalid StandardsArn: {arn}"))
}

pub(super) fn disable(world: &mut World, call: &Call) -> Reply {
    let hub = access::subscribed(world, call)?;
    access::self_managed_only(world, call)?;
    let asked =
        call.input.get("StandardsSubscriptionArns").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut names = Vec::new();
    for arn in asked.iter().filter_map(Value::as_str) {
        let found = hub.standards.keys().find(|name| subscription_arn(world, call, name) == arn);
        names.push(
            found
                .cloned()
                .ok_or_else(|| access::invalid(format!("Invalid StandardsSubscriptionArn: {arn}")))?,
        );
    }
    let hub = hubs::edit(world, call)?;
    hub.standards.retain(|name, _| !names.contains(name));
    let shown: Vec<Value> = names.iter().map(|name| subscription(world, call, name, "DELETING")).collect();
    Ok(json!({"StandardsSubscriptions": shown}))
}
