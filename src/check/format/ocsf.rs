//! OCSF 1.1.0 Compliance Finding (class 2003), the version that Amazon Security Lake takes: a JSON array, an event per row.
//!
//! <https://schema.ocsf.io/1.1.0/classes/compliance_finding>

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{CheckReport, Row, benchmark, evidence, finding_id, rationale, remediation};
use crate::check::report::Status;
use crate::error::RunError;

/// The whole report.
pub fn render(report: &CheckReport) -> Result<String, RunError> {
    let events: Vec<Value> = report.rows.iter().map(|row| event(report, row)).collect();
    super::json(&events)
}

fn event(report: &CheckReport, row: &Row) -> Value {
    let time = OffsetDateTime::parse(&row.updated_at, &Rfc3339).map_or(0, |t| t.unix_timestamp() * 1000);
    let (status_id, status) = compliance_status(row.status);
    let (severity_id, severity) =
        if row.status == Status::Fail { severity(&row.severity) } else { (1, "Informational") };
    let region = if row.region.is_empty() { Value::Null } else { json!(row.region) };
    let mut event = json!({
        "class_uid": 2003,
        "class_name": "Compliance Finding",
        "category_uid": 2,
        "category_name": "Findings",
        "activity_id": 1,
        "activity_name": "Create",
        "type_uid": 200_301,
        "type_name": "Compliance Finding: Create",
        "time": time,
        "severity_id": severity_id,
        "severity": severity,
        "status_id": 1,
        "status": "New",
        "message": evidence(row),
        "metadata": {
            "version": "1.1.0",
            "profiles": ["cloud"],
            "product": {
                "name": "orgbase", "vendor_name": "orgbase", "version": report.tool_version, "uid": "orgbase",
            },
        },
        "cloud": {
            "provider": "AWS",
            "region": region,
            "account": { "uid": row.account_id, "name": row.account_name, "type": "AWS Account", "type_id": 10 },
            "org": { "uid": report.organization_id, "ou_name": row.ou },
        },
        "compliance": {
            "standards": [benchmark(report)],
            "requirements": [row.rule],
            "control": row.rule,
            "status_id": status_id,
            "status": status,
            "status_detail": evidence(row),
        },
        "finding_info": {
            "uid": finding_id(report, row),
            "title": row.title,
            "desc": rationale(report, row),
            "created_time": time,
            "types": [row.category],
        },
        "remediation": { "desc": remediation(report, row) },
        "resources": resources(row),
        "unmapped": { "met_by": row.met_by, "orgbase_status": row.status.name() },
    });
    if row.region.is_empty()
        && let Some(cloud) = event.get_mut("cloud").and_then(Value::as_object_mut)
    {
        cloud.remove("region");
    }
    event
}

fn resources(row: &Row) -> Vec<Value> {
    let account = json!({ "uid": row.account_id, "name": row.account_name, "type": "AwsAccount" });
    if row.affected.is_empty() {
        return vec![account];
    }
    row.affected.iter().map(|id| json!({ "uid": id, "name": id, "type": row.category })).collect()
}

/// 1 Pass, 2 Warning, 3 Fail, 0 Unknown.
fn compliance_status(status: Status) -> (u8, &'static str) {
    match status {
        Status::Pass => (1, "Pass"),
        Status::Fail => (3, "Fail"),
        Status::Manual => (2, "Warning"),
        Status::NotApplicable | Status::Error => (0, "Unknown"),
    }
}

fn severity(word: &str) -> (u8, &'static str) {
    match word {
        "critical" => (5, "Critical"),
        "high" => (4, "High"),
        "medium" => (3, "Medium"),
        _ => (2, "Low"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::format::tests::report;

    #[test]
    fn every_row_is_an_event_with_what_the_class_requires() {
        let report = report();
        for row in &report.rows {
            let event = event(&report, row);
            let type_uid = event["class_uid"].as_u64().unwrap_or_default() * 100
                + event["activity_id"].as_u64().unwrap_or_default();
            assert_eq!(event["type_uid"], type_uid);
            for key in ["time", "severity_id", "metadata", "finding_info", "compliance", "cloud"] {
                assert!(event.get(key).is_some_and(|v| !v.is_null()), "{key}");
            }
            assert!(event["time"].as_u64().is_some_and(|t| t > 1_700_000_000_000));
        }
        assert_eq!(event(&report, &report.rows[1])["compliance"]["status"], "Fail");
    }
}
