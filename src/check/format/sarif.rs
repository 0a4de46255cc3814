//! SARIF 2.1.0, for code scanning: a rule per rule, a result per row that fails, could not be read, or is a
//! person's. A failure that an exception of the baseline covers is a suppressed result, with the reason.
//!
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>

use serde_json::{Value, json};

use super::{CheckReport, Row, benchmark, evidence, finding_id, place};
use crate::check::report::{RuleText, Status};
use crate::error::RunError;

/// The whole report.
pub fn render(report: &CheckReport) -> Result<String, RunError> {
    super::json(&value(report))
}

fn value(report: &CheckReport) -> Value {
    let results: Vec<Value> = report.rows.iter().filter_map(|row| result(report, row)).collect();
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "orgbase",
                "version": report.tool_version,
                "semanticVersion": report.tool_version,
                "rules": report.rules.iter().map(|rule| descriptor(report, rule)).collect::<Vec<_>>(),
            } },
            "automationDetails": { "id": format!("{}/{}", benchmark(report), report.organization_id) },
            "invocations": [{
                "executionSuccessful": report.summary.count(Status::Error) == 0,
                "endTimeUtc": report.generated_at,
            }],
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn descriptor(report: &CheckReport, rule: &RuleText) -> Value {
    json!({
        "id": rule.rule,
        "name": rule.title,
        "shortDescription": { "text": rule.title },
        "fullDescription": { "text": if rule.rationale.is_empty() { &rule.title } else { &rule.rationale } },
        "help": { "text": if rule.remediation.is_empty() { &rule.decision } else { &rule.remediation } },
        "defaultConfiguration": { "level": level(&rule.severity) },
        "properties": {
            "tags": ["cis", rule.category, format!("level-{}", rule.level)],
            "security-severity": score(&rule.severity),
            "benchmark": benchmark(report),
        },
    })
}

fn result(report: &CheckReport, row: &Row) -> Option<Value> {
    let (kind, level) = match row.status {
        Status::Fail => ("fail", level(&row.severity)),
        Status::Pass if row.exception.is_some() => ("fail", level(&row.severity)),
        Status::Error => ("open", "none"),
        Status::Manual => ("review", "none"),
        Status::Pass | Status::NotApplicable => return None,
    };
    let region = if row.region.is_empty() { "global" } else { &row.region };
    let place_of = format!("aws/{}/{region}", row.account_id);
    let mut result = json!({
        "ruleId": row.rule,
        "ruleIndex": report.rules.iter().position(|r| r.rule == row.rule),
        "kind": kind,
        "level": level,
        "message": { "text": format!("{}: {}", place(row), evidence(row)) },
        // Code scanning shows only results with a place in a file; an account has none, so it is named as a path.
        "locations": [{
            "physicalLocation": { "artifactLocation": { "uri": place_of } },
            "logicalLocations": [{ "name": place(row), "fullyQualifiedName": place_of, "kind": "resource" }],
        }],
        "partialFingerprints": { "orgbase/v1": finding_id(report, row) },
    });
    if let (Status::Pass, Some(exception), Some(fields)) =
        (row.status, &row.exception, result.as_object_mut())
    {
        let suppression =
            json!({ "kind": "external", "status": "accepted", "justification": exception.reason });
        fields.insert("suppressions".into(), json!([suppression]));
    }
    Some(result)
}

fn level(severity: &str) -> &'static str {
    match severity {
        "critical" | "high" => "error",
        "medium" => "warning",
        _ => "note",
    }
}

/// GitHub reads this number as critical above 9, high above 7, medium above 4.
fn score(severity: &str) -> &'static str {
    match severity {
        "critical" => "9.5",
        "high" => "8.0",
        "medium" => "5.5",
        _ => "2.0",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::format::tests::report;

    #[test]
    fn what_does_not_hold_is_a_result_of_a_known_rule() {
        let value = value(&report());
        let results = value["runs"][0]["results"].as_array().cloned().unwrap_or_default();
        let kinds: Vec<&str> = results.iter().filter_map(|r| r["kind"].as_str()).collect();
        assert_eq!(kinds, ["fail", "review", "open"]);
        for result in &results {
            let index = result["ruleIndex"].as_u64().unwrap_or(u64::MAX) as usize;
            assert_eq!(value["runs"][0]["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
        }
    }
}
