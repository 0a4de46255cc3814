//! Reading trails.

use serde_json::{Map, Value, json};

use super::{Seen, Selectors, find, names, trails, visible};
use crate::sandbox::world::{Call, Fault, Reply, World};

/// DescribeTrails. Names that mean nothing are left out, not refused.
pub(super) fn describe(world: &World, call: &Call) -> Reply {
    let shadows = call.bool("includeShadowTrails") != Some(false);
    let asked: Option<Vec<&str>> = call
        .input
        .get("trailNameList")
        .and_then(Value::as_array)
        .map(|list| list.iter().filter_map(Value::as_str).collect())
        .filter(|list: &Vec<&str>| !list.is_empty());
    if let Some(asked) = asked {
        let mut found = Vec::new();
        for name in asked {
            if name.starts_with("arn:") {
                names::check_arn(name)?;
            } else {
                names::check(name)?;
            }
            found.extend(find(world, call, name).ok().map(|seen| described(&seen)));
        }
        return Ok(json!({"trailList": found}));
    }
    let list: Vec<Value> = visible(world, &call.account)
        .into_iter()
        .filter(|seen| seen.is_in(&call.region))
        .filter(|seen| shadows || (seen.home == call.region && seen.owner == call.account))
        .map(|seen| described(&seen))
        .collect();
    Ok(json!({"trailList": list}))
}

/// GetTrail.
pub(super) fn get(world: &World, call: &Call) -> Reply {
    Ok(json!({"Trail": described(&find(world, call, call.required("Name"))?)}))
}

fn described(seen: &Seen) -> Value {
    let mut out = trails::settings(seen.trail);
    out.insert("HomeRegion".into(), json!(seen.home));
    out.insert("HasCustomEventSelectors".into(), json!(seen.trail.selectors.is_some()));
    out.insert("HasInsightSelectors".into(), json!(!seen.trail.insights.is_empty()));
    Value::Object(out)
}

/// ListTrails: the trails of all regions, each once.
pub(super) fn list(world: &World, call: &Call) -> Reply {
    let all: Vec<Value> = visible(world, &call.account)
        .into_iter()
        .map(|seen| json!({"TrailARN": seen.trail.arn, "Name": seen.trail.name, "HomeRegion": seen.home}))
        .collect();
    let bad_token = || Fault::new("InvalidNextTokenException", "Invalid next token");
    let (page, next) = world.page(&all, None, 1000, call.str("NextToken"), &bad_token)?;
    let mut output = json!({"Trails": page});
    if let Some(next) = next {
        output["NextToken"] = json!(next);
    }
    Ok(output)
}

/// GetTrailStatus. Delivery is instant: a trail that is logging has just delivered.
pub(super) fn status(world: &World, call: &Call) -> Reply {
    let trail = find(world, call, call.required("Name"))?.trail;
    let mut out = Map::new();
    out.insert("IsLogging".into(), json!(trail.logging));
    let moments = [
        ("StartLoggingTime", "TimeLoggingStarted", trail.started),
        ("StopLoggingTime", "TimeLoggingStopped", trail.stopped),
    ];
    for (member, text, at) in moments {
        out.insert(text.into(), json!(at.map(iso).unwrap_or_default()));
        if let Some(at) = at {
            out.insert(member.into(), json!(at));
        }
    }
    let delivered = trail.started.and(if trail.logging { Some(call.now) } else { trail.stopped });
    if let Some(at) = delivered {
        out.insert("LatestDeliveryTime".into(), json!(at));
        if trail.log_group.is_some() {
            out.insert("LatestCloudWatchLogsDeliveryTime".into(), json!(at));
        }
        if trail.validation {
            out.insert("LatestDigestDeliveryTime".into(), json!(at));
        }
        if trail.topic.is_some() {
            out.insert("LatestNotificationTime".into(), json!(at));
        }
    }
    let attempt = delivered.map(iso).unwrap_or_default();
    out.insert("LatestDeliveryAttemptTime".into(), json!(attempt));
    out.insert("LatestDeliveryAttemptSucceeded".into(), json!(attempt));
    Ok(Value::Object(out))
}

/// A moment as `2026-01-31T12:00:00Z`.
pub(super) fn iso(seconds: f64) -> String {
    let format = time::format_description::well_known::Rfc3339;
    time::OffsetDateTime::from_unix_timestamp(seconds as i64)
        .ok()
        .and_then(|moment| moment.format(&format).ok())
        .unwrap_or_default()
}

/// Whether management events are recorded, which Insights need.
pub(super) fn records_management(selectors: Option<&Selectors>) -> bool {
    match selectors {
        None => true,
        Some(Selectors::Basic(list)) => list.iter().any(|selector| {
            selector.get("IncludeManagementEvents").and_then(Value::as_bool) != Some(false)
                && selector.get("ReadWriteType").and_then(Value::as_str) != Some("ReadOnly")
        }),
        Some(Selectors::Advanced(list)) => list.iter().any(|selector| {
            let fields = selector.get("FieldSelectors").and_then(Value::as_array);
            fields.into_iter().flatten().any(|field| {
                field.get("Field").and_then(Value::as_str) == Some("eventCategory")
                    && field.pointer("/Equals/0").and_then(Value::as_str) == Some("Management")
            })
        }),
    }
}
