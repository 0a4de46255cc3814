//! What a schedule must be before it is stored.

use serde_json::Value;

use super::invalid;
use crate::sandbox::services::documents;
use crate::sandbox::world::{Call, Fault, World};

const SERVICE: &str = "scheduler.amazonaws.com";
/// Operations that begin so are no universal targets: read-only ones (User Guide, "Unsupported API operations").
const READING: [&str; 15] = [
    "get",
    "describe",
    "list",
    "poll",
    "receive",
    "search",
    "scan",
    "query",
    "select",
    "read",
    "lookup",
    "discover",
    "validate",
    "batchGet",
    "batchDescribe",
];

/// Expression, time zone, window, target and role.
pub(super) fn schedule(world: &World, call: &Call, group: &str) -> Result<(), Fault> {
    let expression = call.required("ScheduleExpression");
    if !is_expression(expression) {
        return Err(invalid(format!("Invalid Schedule Expression {expression}.")));
    }
    let zone = call.str("ScheduleExpressionTimezone").unwrap_or("UTC");
    if !is_zone(zone) {
        return Err(invalid(format!("Invalid Schedule Expression Timezone {zone}.")));
    }
    let window = &call.input["FlexibleTimeWindow"];
    let minutes = window.get("MaximumWindowInMinutes").is_some();
    let flexible = window.get("Mode").and_then(Value::as_str) == Some("FLEXIBLE");
    if flexible != minutes {
        // Guess: the message.
        return Err(invalid("MaximumWindowInMinutes goes with the mode FLEXIBLE."));
    }
    target(call)?;
    role(world, call, group)
}

fn is_expression(text: &str) -> bool {
    let inner = |kind: &str| text.strip_prefix(kind)?.strip_prefix('(')?.strip_suffix(')');
    if let Some(cron) = inner("cron") {
        let fields: Vec<&str> = cron.split(' ').collect();
        return fields.len() == 6 && (fields.get(2) == Some(&"?")) != (fields.get(4) == Some(&"?"));
    }
    if let Some(rate) = inner("rate") {
        let Some((number, unit)) = rate.split_once(' ') else { return false };
        let known = ["minute", "minutes", "hour", "hours", "day", "days"].contains(&unit);
        return known && number.parse::<u32>().is_ok_and(|n| n > 0);
    }
    inner("at").is_some_and(|at| at.len() == 19 && at.contains('T'))
}

/// Guess: any name of the form of the IANA time zone database is known.
fn is_zone(name: &str) -> bool {
    name.contains('/')
        || matches!(name, "UTC" | "GMT" | "EST" | "MST" | "HST" | "CET" | "EET" | "MET" | "WET")
}

fn target(call: &Call) -> Result<(), Fault> {
    let arn = call.input.pointer("/Target/Arn").and_then(Value::as_str).unwrap_or_default();
    let fields: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _, service, region, account, resource] = fields.as_slice() else {
        return Err(invalid("Provided Arn is not in correct format."));
    };
    let Some(operation) = resource.strip_prefix("aws-sdk:").filter(|_| *service == "scheduler") else {
        return Ok(());
    };
    let good = region.is_empty() && account.is_empty();
    let action = operation.split_once(':').map(|(_, action)| action).unwrap_or_default();
    if !good || !action.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err(invalid("Provided Arn is not in correct format."));
    }
    if READING.iter().any(|verb| action.starts_with(verb)) {
        // Guess: the message.
        return Err(invalid(format!("The operation {action} is not supported as a target.")));
    }
    let input = call.input.pointer("/Target/Input").and_then(Value::as_str);
    if input.is_some_and(|text| serde_json::from_str::<Value>(text).is_err()) {
        // Guess: the message.
        return Err(invalid("The input of the target is not valid JSON."));
    }
    Ok(())
}

/// The role is the account's own and lets Scheduler assume it on behalf of the group (User Guide, "Confused deputy
/// prevention").
fn role(world: &World, call: &Call, group: &str) -> Result<(), Fault> {
    let arn = call.input.pointer("/Target/RoleArn").and_then(Value::as_str).unwrap_or_default();
    let name = arn.split_once(":role/").map(|(_, name)| name).unwrap_or_default();
    let source = world.arn("scheduler", &call.region, &call.account, &format!("schedule-group/{group}"));
    let own = arn.split(':').nth(4) == Some(call.account.as_str());
    if own && documents::role_trusts(world, &call.account, name, SERVICE, &source) {
        return Ok(());
    }
    Err(invalid("The execution role you provide must allow AWS EventBridge Scheduler to assume the role."))
}
