//! What PutMetricAlarm refuses (API Reference, PutMetricAlarm).

use serde_json::{Map, Value};

use super::validation;
use crate::sandbox::world::{Call, Fault};

const DAY: i64 = 86_400;
/// Operators that compare with a band instead of a number.
const BAND: &[&str] =
    &["LessThanLowerOrGreaterThanUpperThreshold", "LessThanLowerThreshold", "GreaterThanUpperThreshold"];

/// Checks the settings of an alarm.
pub(super) fn alarm(call: &Call, settings: &Map<String, Value>) -> Result<(), Fault> {
    let has = |member: &str| settings.contains_key(member);
    if settings.contains_key("EvaluationCriteria") {
        return exclusive(settings, "EvaluationCriteria").and_then(|()| actions(call, settings));
    }
    if has("Metrics") {
        exclusive(settings, "Metrics")?;
        queries(settings)?;
    } else if has("MetricName") {
        metric(settings)?;
    } else {
        return Err(validation("Exactly one of MetricName, Metrics or EvaluationCriteria must be specified"));
    }
    if !has("EvaluationPeriods") {
        return Err(validation("The parameter EvaluationPeriods is required."));
    }
    comparison(settings)?;
    evaluation(settings)?;
    actions(call, settings)
}

/// With a list of metrics or a query, the members of the one metric must be absent.
fn exclusive(settings: &Map<String, Value>, by: &str) -> Result<(), Fault> {
    let single =
        ["MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Dimensions", "Period", "Unit"];
    let is_empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
    let clash = single.iter().find(|member| settings.get(**member).is_some_and(|value| !is_empty(value)));
    match clash {
        Some(member) if by == "Metrics" => {
            Err(validation(format!("{member} should not be set if list of Metrics is set.")))
        }
        Some(member) => Err(validation(format!("{member} should not be set if {by} is set."))),
        None => Ok(()),
    }
}

fn metric(settings: &Map<String, Value>) -> Result<(), Fault> {
    for member in ["Namespace", "Period"] {
        if !settings.contains_key(member) {
            return Err(validation(format!("The parameter {member} is required.")));
        }
    }
    match (settings.contains_key("Statistic"), text(settings, "ExtendedStatistic")) {
        (true, None) => {}
        (false, Some(statistic)) if is_extended(statistic) => {}
        (false, Some(statistic)) => {
            return Err(validation(format!(
                "The value {statistic} for parameter ExtendedStatistic is not supported."
            )));
        }
        _ => return Err(validation("Exactly one of Statistic and ExtendedStatistic must be specified")),
    }
    if text(settings, "Namespace").is_some_and(|namespace| namespace.starts_with(':')) {
        return Err(validation("The value for parameter Namespace must not start with a colon."));
    }
    // API Reference, PutMetricAlarm: 10, 20, 30 and multiples of 60.
    let period = number(settings, "Period").unwrap_or_default();
    if ![10, 20, 30].contains(&period) && (period < 60 || period % 60 != 0) {
        return Err(validation("Period must be 10, 20, 30 or a multiple of 60"));
    }
    Ok(())
}

/// A percentile, or one of the trimmed and ranked statistics: `p95`, `tm90`, `TM(10%:90%)`, `PR(:300)`, `IQM`.
fn is_extended(statistic: &str) -> bool {
    let percentile = |text: &str| text.parse::<f64>().is_ok_and(|value| (0.0..=100.0).contains(&value));
    let lower = statistic.to_ascii_lowercase();
    if let Some(rest) = lower.strip_prefix('p')
        && percentile(rest)
    {
        return true;
    }
    lower == "iqm"
        || ["tm", "tc", "ts", "wm", "pr"].iter().any(|name| {
            lower.strip_prefix(name).is_some_and(|rest| {
                percentile(rest) || (rest.starts_with('(') && rest.ends_with(')') && rest.contains(':'))
            })
        })
}

/// A list of metrics has unique ids and returns exactly one series, unless a band is compared.
fn queries(settings: &Map<String, Value>) -> Result<(), Fault> {
    let none = Vec::new();
    let queries = settings.get("Metrics").and_then(Value::as_array).unwrap_or(&none);
    if queries.is_empty() || queries.len() > 20 {
        return Err(validation("Metrics must have between 1 and 20 members"));
    }
    let mut ids = std::collections::BTreeSet::new();
    for query in queries {
        let id = query.get("Id").and_then(Value::as_str).unwrap_or_default();
        let good = id.starts_with(|c: char| c.is_ascii_lowercase())
            && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !good {
            return Err(validation(format!(
                "The value {id} for parameter Metrics.Id is not matching the expected pattern"
            )));
        }
        if !ids.insert(id) {
            return Err(validation(format!("Metrics list contains duplicate id {id}")));
        }
        if query.get("MetricStat").is_some() == query.get("Expression").is_some() {
            return Err(validation(
                "Exactly one of MetricStat and Expression must be set in each member of Metrics",
            ));
        }
    }
    let returned = queries
        .iter()
        .filter(|query| query.get("ReturnData").and_then(Value::as_bool) != Some(false))
        .count();
    let band = text(settings, "ThresholdMetricId").is_some();
    if returned != 1 && !(band && returned == 2) {
        return Err(validation("Exactly one element of the metrics list should return data."));
    }
    if let Some(id) = text(settings, "ThresholdMetricId")
        && !ids.contains(id)
    {
        return Err(validation(format!("ThresholdMetricId {id} is not in the list of Metrics")));
    }
    Ok(())
}

fn comparison(settings: &Map<String, Value>) -> Result<(), Fault> {
    let Some(operator) = text(settings, "ComparisonOperator") else {
        return Err(validation("The parameter ComparisonOperator is required."));
    };
    let band = BAND.contains(&operator);
    if band != settings.contains_key("ThresholdMetricId") {
        let message = format!("ThresholdMetricId and ComparisonOperator {operator} do not go together");
        return Err(validation(message));
    }
    if band == settings.contains_key("Threshold") {
        let message = if band {
            "Threshold should not be set with a band"
        } else {
            "The parameter Threshold is required."
        };
        return Err(validation(message));
    }
    Ok(())
}

fn evaluation(settings: &Map<String, Value>) -> Result<(), Fault> {
    let periods = number(settings, "EvaluationPeriods").unwrap_or_default();
    if number(settings, "DatapointsToAlarm").is_some_and(|points| points > periods) {
        return Err(validation("DatapointsToAlarm must be less than or equal to EvaluationPeriods"));
    }
    let period = number(settings, "Period").unwrap_or(60);
    // API Reference, EvaluationPeriods: seven days where the period is an hour or more, else one day.
    let most = if period >= 3600 { 7 * DAY } else { DAY };
    if periods.saturating_mul(period) > most {
        let message = format!(
            "Metrics cannot be checked across more than {} (EvaluationPeriods * Period must be <= {most}).",
            if period >= 3600 { "seven days" } else { "a day" }
        );
        return Err(validation(message));
    }
    let missing = ["breaching", "notBreaching", "ignore", "missing"];
    if let Some(value) = text(settings, "TreatMissingData").filter(|value| !missing.contains(value)) {
        let message =
            format!("The value {value} is not supported for TreatMissingData parameter. {missing:?}");
        return Err(validation(message));
    }
    let options = ["evaluate", "ignore"];
    if let Some(value) =
        text(settings, "EvaluateLowSampleCountPercentile").filter(|value| !options.contains(value))
    {
        let message = format!(
            "Option {value} is not supported. Supported options for parameter EvaluateLowSampleCountPercentile are \
             evaluate and ignore."
        );
        return Err(validation(message));
    }
    Ok(())
}

/// Actions are ARNs of this region (CloudWatch has no cross-region actions). Whether they exist is not looked at.
fn actions(call: &Call, settings: &Map<String, Value>) -> Result<(), Fault> {
    for member in ["OKActions", "AlarmActions", "InsufficientDataActions"] {
        let list = settings.get(member).and_then(Value::as_array);
        for action in list.into_iter().flatten().filter_map(Value::as_str) {
            let fields: Vec<&str> = action.splitn(6, ':').collect();
            let ["arn", _, service, region, ..] = fields.as_slice() else {
                return Err(validation(format!("Invalid arn syntax: {action}")));
            };
            if fields.len() < 6 {
                return Err(validation(format!("Invalid arn syntax: {action}")));
            }
            if *region != call.region && *service != "iam" {
                let message =
                    format!("Invalid region {region} specified. Only {} is supported.", call.region);
                return Err(validation(message));
            }
        }
    }
    Ok(())
}

fn text<'a>(settings: &'a Map<String, Value>, member: &str) -> Option<&'a str> {
    settings.get(member).and_then(Value::as_str)
}

fn number(settings: &Map<String, Value>, member: &str) -> Option<i64> {
    settings.get(member).and_then(Value::as_i64)
}
