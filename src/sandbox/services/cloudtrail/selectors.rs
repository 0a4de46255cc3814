//! Event selectors and Insights.

use serde_json::{Value, json};

use super::{Selectors, find, read, writable};
use crate::sandbox::world::{Call, Fault, Reply, World};

/// GetEventSelectors. A trail starts with all management events.
pub(super) fn get(world: &World, call: &Call) -> Reply {
    let trail = find(world, call, call.required("TrailName"))?.trail;
    Ok(output(&trail.arn, trail.selectors.as_ref()))
}

fn output(arn: &str, selectors: Option<&Selectors>) -> Value {
    match selectors {
        None => json!({"TrailARN": arn, "EventSelectors": [completed(&json!({}))]}),
        Some(Selectors::Basic(list)) => json!({"TrailARN": arn, "EventSelectors": list}),
        Some(Selectors::Advanced(list)) => json!({"TrailARN": arn, "AdvancedEventSelectors": list}),
    }
}

/// A basic selector with the defaults of the API Reference.
fn completed(selector: &Value) -> Value {
    let or = |member: &str, default: Value| selector.get(member).cloned().unwrap_or(default);
    json!({
        "ReadWriteType": or("ReadWriteType", json!("All")),
        "IncludeManagementEvents": or("IncludeManagementEvents", json!(true)),
        "DataResources": or("DataResources", json!([])),
        "ExcludeManagementEventSources": or("ExcludeManagementEventSources", json!([])),
    })
}

/// PutEventSelectors. Basic and advanced selectors replace each other.
pub(super) fn put(world: &mut World, call: &Call) -> Reply {
    let list =
        |member: &str| call.input.get(member).and_then(Value::as_array).filter(|list| !list.is_empty());
    let selectors = match (list("EventSelectors"), list("AdvancedEventSelectors")) {
        (Some(basic), None) => Selectors::Basic(basic.iter().map(completed).collect()),
        (None, Some(advanced)) => Selectors::Advanced(advanced.clone()),
        (None, None) => return Err(invalid("You must specify EventSelectors or AdvancedEventSelectors.")),
        (Some(_), Some(_)) => {
            return Err(invalid("You cannot specify both EventSelectors and AdvancedEventSelectors."));
        }
    };
    let trail = writable(world, call, call.required("TrailName"))?;
    match &selectors {
        Selectors::Basic(list) => check_basic(list)?,
        Selectors::Advanced(list) => check_advanced(list)?,
    }
    trail.selectors = Some(selectors);
    Ok(output(&trail.arn, trail.selectors.as_ref()))
}

/// The rules for basic selectors (API Reference, PutEventSelectors and DataResource; "Quotas in AWS CloudTrail").
fn check_basic(list: &[Value]) -> Result<(), Fault> {
    if list.len() > 5 {
        return Err(invalid("A trail can have at most 5 event selectors."));
    }
    let mut values = 0;
    for selector in list {
        for source in texts(selector.get("ExcludeManagementEventSources")) {
            if !["kms.amazonaws.com", "rdsdata.amazonaws.com"].contains(&source) {
                return Err(invalid(&format!("Invalid event source: {source}")));
            }
        }
        for resource in selector.get("DataResources").and_then(Value::as_array).into_iter().flatten() {
            let kind = resource.get("Type").and_then(Value::as_str).unwrap_or_default();
            if !["AWS::S3::Object", "AWS::Lambda::Function", "AWS::DynamoDB::Table"].contains(&kind) {
                return Err(invalid(&format!("Invalid data resource type: {kind}")));
            }
            let arns = texts(resource.get("Values"));
            values += arns.len();
            if arns.iter().any(|arn| !arn.starts_with("arn:")) {
                return Err(invalid("Value must be an ARN."));
            }
        }
        let nothing = selector.get("IncludeManagementEvents").and_then(Value::as_bool) == Some(false)
            && selector.get("DataResources").and_then(Value::as_array).is_none_or(Vec::is_empty);
        if nothing {
            return Err(invalid("An event selector must log management events or data events."));
        }
    }
    if values > 250 {
        return Err(invalid("A trail can have at most 250 data resources."));
    }
    Ok(())
}

/// The rules for advanced selectors (API Reference, AdvancedFieldSelector; "Quotas in AWS CloudTrail": 500 values).
fn check_advanced(list: &[Value]) -> Result<(), Fault> {
    let tests = ["Equals", "StartsWith", "EndsWith", "NotEquals", "NotStartsWith", "NotEndsWith"];
    let mut values = 0;
    for selector in list {
        let fields = selector.get("FieldSelectors").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let field =
            |name: &str| fields.iter().find(|field| field.get("Field").and_then(Value::as_str) == Some(name));
        for field in fields {
            let of_field: usize = tests.iter().map(|test| texts(field.get(*test)).len()).sum();
            if of_field == 0 {
                return Err(invalid("Each field selector needs at least one operator."));
            }
            values += of_field;
        }
        let category = field("eventCategory").map(|field| texts(field.get("Equals"))).unwrap_or_default();
        match category.as_slice() {
            ["Management"] => {}
            ["Data"]
                if field("resources.type").is_some_and(|field| texts(field.get("Equals")).len() == 1) => {}
            ["NetworkActivity"] if field("eventSource").is_some() => {}
            ["Data"] => {
                return Err(invalid("Data event selectors need resources.type with one Equals value."));
            }
            ["NetworkActivity"] => return Err(invalid("Network activity selectors need eventSource.")),
            _ => return Err(invalid("eventCategory must Equal Management, Data or NetworkActivity.")),
        }
    }
    if values > 500 {
        return Err(invalid("A trail can have at most 500 values in advanced event selectors."));
    }
    Ok(())
}

fn texts(list: Option<&Value>) -> Vec<&str> {
    list.and_then(Value::as_array)
        .map(|list| list.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default()
}

/// GetInsightSelectors.
pub(super) fn get_insights(world: &World, call: &Call) -> Reply {
    let trail = find(world, call, trail_name(call)?)?.trail;
    if trail.insights.is_empty() {
        let message = format!("Trail {} does not have Insights enabled.", trail.arn);
        return Err(Fault::new("InsightNotEnabledException", message));
    }
    Ok(json!({"TrailARN": trail.arn, "InsightSelectors": trail.insights}))
}

/// PutInsightSelectors. An empty list switches Insights off.
pub(super) fn put_insights(world: &mut World, call: &Call) -> Reply {
    let insights = call.input.get("InsightSelectors").and_then(Value::as_array).cloned().unwrap_or_default();
    let trail = writable(world, call, trail_name(call)?)?;
    if !insights.is_empty() && !read::records_management(trail.selectors.as_ref()) {
        // API Reference, PutInsightSelectors: the trail must log management (write) events.
        let message = "The trail does not log the management events that Insights need.";
        return Err(Fault::new("InvalidInsightSelectorsException", message));
    }
    trail.insights.clone_from(&insights);
    Ok(json!({"TrailARN": trail.arn, "InsightSelectors": insights}))
}

/// Event data stores are not simulated.
fn trail_name(call: &Call) -> Result<&str, Fault> {
    match (call.str("TrailName"), call.str("EventDataStore")) {
        (Some(name), None) => Ok(name),
        (None, None) => Err(Fault::new("InvalidParameterException", "Specify TrailName or EventDataStore")),
        _ => {
            let message = "TrailName and EventDataStore do not go together";
            Err(Fault::new("InvalidParameterCombinationException", message))
        }
    }
}

fn invalid(message: &str) -> Fault {
    Fault::new("InvalidEventSelectorsException", message)
}
