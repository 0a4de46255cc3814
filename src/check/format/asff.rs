//! The AWS Security Finding Format, and sending it to Security Hub.
//!
//! Findings have ids that stay the same, so that a later run updates them. The product is the account's own default one.
//! <https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-findings-format.html>

use std::collections::BTreeMap;

use aws_sdk_securityhub::types as sdk;
use serde_json::{Value, json};

use super::{CheckReport, Row, benchmark, evidence, finding_id, rationale, remediation};
use crate::aws::{Aws, Guard};
use crate::check::report::Status;
use crate::error::{CallError, RunError};

/// Most findings of one call, as AWS documents.
const CHUNK: usize = 100;
const TITLE: usize = 256;
const DESCRIPTION: usize = 1024;
const REMEDIATION: usize = 512;
const RESOURCES: usize = 32;

/// The region of findings without one: where they are sent to.
struct Place<'a> {
    partition: &'a str,
    home: &'a str,
}

/// The whole report: `{"Findings": [...]}`, as `aws securityhub batch-import-findings --cli-input-json` takes it in parts of
/// 100. Rows that do not apply are left out. ARNs are those of the commercial partition.
pub fn render(report: &CheckReport) -> Result<String, RunError> {
    let place = Place { partition: "aws", home: "us-east-1" };
    let rows = report.rows.iter().filter(|row| row.status != Status::NotApplicable);
    super::json(&json!({ "Findings": rows.map(|row| finding(report, row, &place)).collect::<Vec<_>>() }))
}

fn finding(report: &CheckReport, row: &Row, place: &Place<'_>) -> Value {
    let region = if row.region.is_empty() { place.home } else { &row.region };
    let (partition, account) = (place.partition, &row.account_id);
    let (compliance, workflow) = match row.status {
        Status::Pass => ("PASSED", "RESOLVED"),
        Status::Fail => ("FAILED", "NEW"),
        Status::Manual => ("WARNING", "NEW"),
        Status::NotApplicable | Status::Error => ("NOT_AVAILABLE", "NEW"),
    };
    let label =
        if row.status == Status::Fail { row.severity.to_ascii_uppercase() } else { "INFORMATIONAL".into() };
    json!({
        "SchemaVersion": "2018-10-08",
        "Id": finding_id(report, row),
        "ProductArn": format!("arn:{partition}:securityhub:{region}:{account}:product/{account}/default"),
        "GeneratorId": format!("orgbase/cis-{}/{}", report.version, row.rule),
        "AwsAccountId": account,
        "AwsAccountName": cut(&row.account_name, 200),
        "Region": region,
        "Types": ["Software and Configuration Checks/Industry and Regulatory Standards/CIS AWS Foundations Benchmark"],
        "CreatedAt": row.updated_at,
        "UpdatedAt": row.updated_at,
        "Severity": { "Label": label },
        "Title": cut(&format!("{} {}", row.rule, row.title), TITLE),
        "Description": cut(&described(report, row), DESCRIPTION),
        "Remediation": { "Recommendation": { "Text": cut(advice(report, row), REMEDIATION) } },
        "ProductFields": {
            "ProviderName": "orgbase",
            "ProviderVersion": report.tool_version,
            "Benchmark": benchmark(report),
            "Rule": row.rule,
        },
        "Resources": resources(row, partition, region),
        "Compliance": { "Status": compliance },
        "Workflow": { "Status": workflow },
        "RecordState": "ACTIVE",
    })
}

fn described(report: &CheckReport, row: &Row) -> String {
    let found = evidence(row);
    let found = if found.is_empty() { "It holds." } else { &found };
    let met = row.met_by.as_ref().map(|m| format!(" Met by {m}.")).unwrap_or_default();
    format!("{found}{met} {}", rationale(report, row)).trim().to_string()
}

/// What to do: Security Hub refuses a text that is empty, and some rules can only be decided by a person.
fn advice<'a>(report: &'a CheckReport, row: &'a Row) -> &'a str {
    let decision = report.rules.iter().find(|r| r.rule == row.rule).map_or("", |r| r.decision.as_str());
    let texts = [remediation(report, row), decision, row.title.as_str()];
    texts.into_iter().find(|text| !text.trim().is_empty()).unwrap_or("-")
}

fn resources(row: &Row, partition: &str, region: &str) -> Vec<Value> {
    let account = json!({
        "Type": "AwsAccount", "Id": format!("AWS::::Account:{}", row.account_id), "Partition": partition, "Region": region,
    });
    if row.affected.is_empty() {
        return vec![account];
    }
    let other = |id: &String| json!({ "Type": "Other", "Id": cut(id, 512), "Partition": partition, "Region": region });
    row.affected.iter().take(RESOURCES).map(other).collect()
}

/// The first characters of a text.
fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// Sends every finding to its account's Security Hub: in its region, or in the home region of the run. A place that takes none
/// does not keep the others from theirs: what could not be sent, and why, one text per failure.
pub async fn send(report: &CheckReport, aws: &Aws, home: &str) -> Vec<String> {
    let mut places: BTreeMap<(&str, &str), Vec<&Row>> = BTreeMap::new();
    for row in report.rows.iter().filter(|row| row.status != Status::NotApplicable) {
        let region = if row.region.is_empty() { home } else { &row.region };
        places.entry((&row.account_id, region)).or_default().push(row);
    }
    let partition = aws.caller().partition.clone();
    let mut failures = Vec::new();
    for ((account, region), rows) in places {
        let place = Place { partition: &partition, home };
        let findings: Vec<Value> = rows.iter().map(|row| finding(report, row, &place)).collect();
        let mut sent = 0;
        for chunk in findings.chunks(CHUNK) {
            match import(aws, account, region, chunk).await {
                Ok(refused) => failures.extend(refused),
                Err(error) => {
                    let left = findings.len() - sent;
                    failures.push(format!(
                        "{left} findings of {account} {region}: {error} (Security Hub must be on there, and the role must allow \
                         securityhub:BatchImportFindings)"
                    ));
                    break;
                }
            }
            sent += chunk.len();
        }
    }
    failures
}

/// Sends at most 100 findings: what Security Hub refused of them.
async fn import(
    aws: &Aws,
    account: &str,
    region: &str,
    findings: &[Value],
) -> Result<Option<String>, CallError> {
    let guard = Guard { control: "check".into(), reads: &[], writes: &["securityhub:BatchImportFindings"] };
    let clients = aws.clients(account, region, guard).await?;
    let findings: Vec<sdk::AwsSecurityFinding> = findings.iter().map(to_sdk).collect();
    let answer = clients
        .securityhub()
        .call("BatchImportFindings", |c| {
            c.batch_import_findings().set_findings(Some(findings.clone())).send()
        })
        .await?;
    let refused = answer.failed_findings.unwrap_or_default();
    Ok(refused.first().map(|first| {
        let (number, why) = (refused.len(), first.error_message.as_deref().unwrap_or_default());
        format!("{number} findings of {account} {region}: Security Hub refused them: {why}")
    }))
}

/// What [`finding`] made, in the SDK's types.
fn to_sdk(value: &Value) -> sdk::AwsSecurityFinding {
    let text = |path: &str| value.pointer(path).and_then(Value::as_str).map(ToString::to_string);
    let fields = value.get("ProductFields").and_then(Value::as_object);
    let fields = fields.into_iter().flatten().filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_string())));
    let resource = |r: &Value| {
        let text = |key: &str| r.get(key).and_then(Value::as_str).map(ToString::to_string);
        sdk::Resource::builder()
            .set_type(text("Type"))
            .set_id(text("Id"))
            .set_region(text("Region"))
            .set_partition(text("Partition").as_deref().map(sdk::Partition::from))
            .build()
    };
    let resources = value.get("Resources").and_then(Value::as_array).into_iter().flatten().map(resource);
    let recommendation =
        sdk::Recommendation::builder().set_text(text("/Remediation/Recommendation/Text")).build();
    sdk::AwsSecurityFinding::builder()
        .set_schema_version(text("/SchemaVersion"))
        .set_id(text("/Id"))
        .set_product_arn(text("/ProductArn"))
        .set_generator_id(text("/GeneratorId"))
        .set_aws_account_id(text("/AwsAccountId"))
        .set_region(text("/Region"))
        .set_types(text("/Types/0").map(|t| vec![t]))
        .set_created_at(text("/CreatedAt"))
        .set_updated_at(text("/UpdatedAt"))
        .severity(
            sdk::Severity::builder().set_label(text("/Severity/Label").as_deref().map(Into::into)).build(),
        )
        .set_title(text("/Title"))
        .set_description(text("/Description"))
        .remediation(sdk::Remediation::builder().recommendation(recommendation).build())
        .set_product_fields(Some(fields.collect()))
        .set_resources(Some(resources.collect()))
        .compliance(
            sdk::Compliance::builder()
                .set_status(text("/Compliance/Status").as_deref().map(Into::into))
                .build(),
        )
        .workflow(
            sdk::Workflow::builder().set_status(text("/Workflow/Status").as_deref().map(Into::into)).build(),
        )
        .record_state(sdk::RecordState::Active)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::format::tests::report;

    #[test]
    fn findings_have_what_the_format_requires_within_its_bounds() {
        let mut report = report();
        report.rules[0].remediation.clear();
        let place = Place { partition: "aws", home: "eu-west-1" };
        for row in &report.rows {
            let finding = finding(&report, row, &place);
            for key in ["Id", "ProductArn", "GeneratorId", "Title", "Description", "CreatedAt", "UpdatedAt"] {
                assert!(finding[key].as_str().is_some_and(|t| !t.is_empty()), "{key}");
            }
            assert!(finding["Title"].as_str().is_some_and(|t| t.chars().count() <= TITLE));
            assert!(finding["Resources"].as_array().is_some_and(|r| !r.is_empty()));
            let advice = finding.pointer("/Remediation/Recommendation/Text").and_then(Value::as_str);
            assert!(advice.is_some_and(|text| !text.trim().is_empty()));
        }
    }

    #[test]
    fn what_is_sent_is_what_is_shown() {
        let report = report();
        let place = Place { partition: "aws-cn", home: "cn-north-1" };
        let shown = finding(&report, &report.rows[1], &place);
        let sent = to_sdk(&shown);
        assert_eq!(sent.id.as_deref(), shown["Id"].as_str());
        assert_eq!(
            sent.compliance.and_then(|c| c.status).map(|s| s.as_str().to_string()),
            Some("FAILED".into())
        );
        assert!(sent.product_arn.is_some_and(|arn| arn.starts_with("arn:aws-cn:securityhub:cn-north-1:")));
    }
}
