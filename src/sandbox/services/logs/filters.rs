//! Metric filters and subscription filters.

use serde_json::{Map, Value, json};

use super::{MetricFilter, here, invalid, limit, millis, no_group, open, paged};
use crate::metric_filter::Pattern;
use crate::sandbox::world::{Call, Fault, Reply, World};

/// Metric filters per log group (CloudWatch Logs quotas).
const MOST_METRIC_FILTERS: usize = 100;
/// Subscription filters per log group (CloudWatch Logs quotas).
const MOST_SUBSCRIPTION_FILTERS: usize = 2;
/// Dimensions of a metric filter (API Reference, MetricTransformation).
const MOST_DIMENSIONS: usize = 3;

/// PutMetricFilter. Replaces a filter of the same name.
pub(super) fn put_metric(world: &mut World, call: &Call) -> Reply {
    let pattern = call.required("filterPattern");
    let name = call.required("filterName");
    let empty = Map::new();
    let transformation =
        call.input.pointer("/metricTransformations/0").and_then(Value::as_object).unwrap_or(&empty);
    let created = call.now;
    let group = open(world, call, call.required("logGroupName"))?;
    only_standard(&group.class, "Metric filters")?;
    check_pattern(pattern)?;
    check_transformation(transformation)?;
    if !group.metric_filters.contains_key(name) && group.metric_filters.len() >= MOST_METRIC_FILTERS {
        return Err(limit());
    }
    let kept = [
        "metricTransformations",
        "applyOnTransformedLogs",
        "fieldSelectionCriteria",
        "emitSystemFieldDimensions",
    ];
    let input = call.input.as_object().unwrap_or(&empty);
    let rest = input
        .iter()
        .filter(|(member, _)| kept.contains(&member.as_str()))
        .map(|(member, value)| (member.clone(), value.clone()))
        .collect();
    // Guess: an update keeps the time of creation.
    let created = group.metric_filters.get(name).map_or(created, |old| old.created);
    group.metric_filters.insert(name.into(), MetricFilter { created, pattern: pattern.into(), rest });
    Ok(json!({}))
}

/// DeleteMetricFilter.
pub(super) fn delete_metric(world: &mut World, call: &Call) -> Reply {
    let group = open(world, call, call.required("logGroupName"))?;
    group
        .metric_filters
        .remove(call.required("filterName"))
        .map(|_| json!({}))
        .ok_or_else(|| Fault::new("ResourceNotFoundException", "The specified metric filter does not exist."))
}

/// DescribeMetricFilters, of one group or by metric.
pub(super) fn describe_metric(world: &World, call: &Call) -> Reply {
    let prefix = call.str("filterNamePrefix").unwrap_or_default();
    let metric = (call.str("metricName"), call.str("metricNamespace"));
    if metric.0.is_some() != metric.1.is_some() {
        // API Reference, DescribeMetricFilters.
        return Err(invalid("metricName and metricNamespace must be specified together"));
    }
    let state = here(world, call);
    let wanted = call.str("logGroupName");
    if let Some(name) = wanted
        && !state.is_some_and(|state| state.groups.contains_key(name))
    {
        return Err(no_group());
    }
    let all: Vec<Value> = state
        .into_iter()
        .flat_map(|state| &state.groups)
        .filter(|(name, _)| wanted.is_none_or(|wanted| wanted == name.as_str()))
        .flat_map(|(group, state)| {
            state.metric_filters.iter().map(move |(name, filter)| (group, name, filter))
        })
        .filter(|(_, name, _)| name.starts_with(prefix))
        .map(|(group, name, filter)| entry(group, name, filter))
        .filter(|entry| {
            let has = |member: &str| {
                entry.pointer(&format!("/metricTransformations/0/{member}")).and_then(Value::as_str)
            };
            metric.0.is_none() || (has("metricName") == metric.0 && has("metricNamespace") == metric.1)
        })
        .collect();
    paged(world, call, &all, "metricFilters")
}

fn entry(group: &str, name: &str, filter: &MetricFilter) -> Value {
    let mut entry = filter.rest.clone();
    entry.insert("filterName".into(), json!(name));
    entry.insert("filterPattern".into(), json!(filter.pattern));
    entry.insert("creationTime".into(), millis(filter.created));
    entry.insert("logGroupName".into(), json!(group));
    Value::Object(entry)
}

/// PutSubscriptionFilter. The destination is not simulated; only its ARN is checked.
pub(super) fn put_subscription(world: &mut World, call: &Call) -> Reply {
    let name = call.required("filterName");
    let group = open(world, call, call.required("logGroupName"))?;
    only_standard(&group.class, "Subscription filters")?;
    check_pattern(call.required("filterPattern"))?;
    let destination = call.required("destinationArn");
    let service = destination.split(':').nth(2).unwrap_or_default();
    if !["kinesis", "firehose", "lambda", "logs"].contains(&service) {
        return Err(invalid("destinationArn for vendor is not supported"));
    }
    // A delivery stream needs a role to be written to; a function has its own resource policy.
    if ["kinesis", "firehose"].contains(&service) && call.str("roleArn").is_none() {
        return Err(invalid(format!("roleArn is required for {service} destinations")));
    }
    if !group.subscription_filters.contains_key(name)
        && group.subscription_filters.len() >= MOST_SUBSCRIPTION_FILTERS
    {
        return Err(limit());
    }
    group.subscription_filters.insert(name.into(), call.input.clone());
    Ok(json!({}))
}

/// DeleteSubscriptionFilter.
pub(super) fn delete_subscription(world: &mut World, call: &Call) -> Reply {
    let group = open(world, call, call.required("logGroupName"))?;
    group.subscription_filters.remove(call.required("filterName")).map(|_| json!({})).ok_or_else(|| {
        Fault::new("ResourceNotFoundException", "The specified subscription filter does not exist.")
    })
}

/// Filters work on the Standard class only (Developer Guide, "Log classes").
fn only_standard(class: &str, what: &str) -> Result<(), Fault> {
    if class == "STANDARD" {
        return Ok(());
    }
    let message = format!("{what} are not supported for log groups of the {class} class");
    Err(Fault::new("InvalidOperationException", message))
}

fn check_pattern(pattern: &str) -> Result<(), Fault> {
    if Pattern::parse(pattern).is_ok() && balanced(pattern) {
        return Ok(());
    }
    Err(invalid("Invalid metric filter pattern"))
}

/// Whether the brackets of a space-delimited pattern and the quotes of a term pattern pair up.
fn balanced(pattern: &str) -> bool {
    let pattern = pattern.trim();
    let brackets = !pattern.starts_with('[') || pattern.ends_with(']');
    brackets && pattern.replace("\\\"", "").matches('"').count().is_multiple_of(2)
}

fn check_transformation(transformation: &Map<String, Value>) -> Result<(), Fault> {
    let Some(dimensions) = transformation.get("dimensions").and_then(Value::as_object) else { return Ok(()) };
    if dimensions.len() > MOST_DIMENSIONS {
        return Err(invalid("A metric filter can have at most 3 dimensions"));
    }
    if !dimensions.is_empty() && transformation.get("defaultValue").is_some() {
        // API Reference, MetricTransformation: a filter with dimensions has no default value.
        return Err(invalid(
            "Invalid metric transformation: dimensions and default value are mutually exclusive properties.",
        ));
    }
    if !dimensions.values().filter_map(Value::as_str).all(|value| value.starts_with('$')) {
        return Err(invalid("Invalid metric transformation: dimension values must be selectors"));
    }
    Ok(())
}
