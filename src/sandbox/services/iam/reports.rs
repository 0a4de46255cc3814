//! The credential report and last-accessed jobs.

#![expect(clippy::unnecessary_wraps, reason = "a handler's signature, whether it can refuse or not")]

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::sandbox::world::{Call, Fault, Reply, World};

use super::state::{AccessKey, Report, State, User};
use super::{arn, edit, no_such, root, view};

/// A report is kept for four hours (IAM user guide, "Getting credential reports").
const REPORT_SECONDS: f64 = 4.0 * 3_600.0;

const COLUMNS: &str = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,\
    password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,\
    access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,\
    access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,\
    access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,\
    cert_2_active,cert_2_last_rotated";

/// The first call starts a report, the second finds it complete; a complete one is kept for four hours.
pub(super) fn generate(world: &mut World, call: &Call) -> Reply {
    let report = view(world, &call.account).report.clone();
    let state = match report {
        Some(Report { started, completed: Some(_), .. }) if call.now - started < REPORT_SECONDS => "COMPLETE",
        Some(Report { started, completed: None, .. }) => {
            let content = content(world, &call.account);
            edit(world, call).report = Some(Report { started, completed: Some(call.now), content });
            "COMPLETE"
        }
        _ => {
            let report = Report { started: call.now, completed: None, content: String::new() };
            edit(world, call).report = Some(report);
            "STARTED"
        }
    };
    let mut reply = json!({"State": state});
    if state == "STARTED" {
        reply["Description"] = json!("No report exists. Starting a new report generation task");
    }
    Ok(reply)
}

pub(super) fn get(world: &mut World, call: &Call) -> Reply {
    let absent = || {
        Fault::new("ReportNotPresent", "No report exists. Call GenerateCredentialReport to generate a report")
            .status(410)
    };
    let report = view(world, &call.account).report.as_ref().ok_or_else(absent)?;
    let Some(completed) = report.completed else {
        return Err(Fault::new("ReportInProgress", "Report generation is in progress.").status(404));
    };
    if call.now - completed >= REPORT_SECONDS {
        return Err(Fault::new("ReportExpired", "Report has expired, please generate a new one.").status(410));
    }
    Ok(json!({
        "Content": STANDARD.encode(&report.content),
        "ReportFormat": "text/csv",
        "GeneratedTime": completed,
    }))
}

fn content(world: &World, account: &str) -> String {
    let iam = view(world, account);
    let mut text = format!("{COLUMNS}\n{}", root_row(world, account, iam));
    for user in iam.users.values() {
        text.push('\n');
        text.push_str(&user_row(world, account, iam, user));
    }
    text
}

fn date(seconds: f64) -> String {
    OffsetDateTime::from_unix_timestamp(seconds as i64)
        .ok()
        .and_then(|at| at.format(&Rfc3339).ok())
        .map_or_else(|| "N/A".into(), |text| text.replace('Z', "+00:00"))
}

fn root_row(world: &World, account: &str, iam: &State) -> String {
    let user = &iam.root;
    let created = world.organizations.accounts.get(account).map_or_else(|| "N/A".into(), |a| date(a.joined));
    let used = user.last_used.map_or_else(|| "no_information".into(), date);
    let mut row = format!(
        "<root_account>,{},{created},{},{used},not_supported,not_supported,{}",
        world.arn("iam", "", account, "root"),
        root::password_in_report(world, account),
        !user.mfa.is_empty()
    );
    for index in 0..2 {
        row.push_str(&key_columns(user.keys.get(index)));
    }
    for index in 0..2 {
        let certificate = user.certificates.get(index);
        let rotated = certificate.map_or_else(|| "N/A".into(), |c| date(c.created));
        let active = certificate.is_some_and(|c| c.status == "Active");
        // Writing into a String cannot fail.
        let _ = write!(row, ",{active},{rotated}");
    }
    row
}

fn user_row(world: &World, account: &str, iam: &State, user: &User) -> String {
    let mut row = format!(
        "{},{},{},{}",
        user.name,
        arn(world, account, "user", &user.path, &user.name),
        date(user.created),
        user.login.is_some()
    );
    let used = match (user.login, user.password_used) {
        (None, _) => "N/A".into(),
        (Some(_), None) => "no_information".into(),
        (Some(_), Some(at)) => date(at),
    };
    let changed = user.login.map_or_else(|| "N/A".into(), date);
    let age = iam.password_policy.as_ref().and_then(|p| p.max_age);
    let next = match (user.login, age) {
        (Some(at), Some(days)) => date(at + days as f64 * 86_400.0),
        _ => "N/A".into(),
    };
    let _ = write!(row, ",{used},{changed},{next},{}", !user.mfa.is_empty());
    for index in 0..2 {
        row.push_str(&key_columns(user.keys.get(index)));
    }
    row.push_str(",false,N/A,false,N/A");
    row
}

fn key_columns(key: Option<&AccessKey>) -> String {
    let Some(key) = key else { return ",false,N/A,N/A,N/A,N/A".into() };
    let (used, region, service) =
        key.used.map_or(("N/A".into(), "N/A", "N/A"), |at| (date(at), "us-east-1", "s3"));
    format!(",{},{},{used},{region},{service}", key.status == "Active", date(key.created))
}

pub(super) fn start_last_accessed(world: &mut World, call: &Call) -> Reply {
    let id = world.uuid();
    edit(world, call).jobs.insert(id.clone(), call.now);
    Ok(json!({"JobId": id}))
}

fn job(world: &World, call: &Call) -> Result<f64, Fault> {
    let id = call.required("JobId");
    let started = view(world, &call.account).jobs.get(id).copied();
    started.ok_or_else(|| no_such(format!("The job with id {id} cannot be found.")))
}

/// Nobody used anything in a simulated account, so the list of services is empty.
pub(super) fn last_accessed(world: &mut World, call: &Call) -> Reply {
    let started = job(world, call)?;
    Ok(json!({
        "JobStatus": "COMPLETED",
        "JobType": "SERVICE_LEVEL",
        "JobCreationDate": started,
        "JobCompletionDate": started,
        "ServicesLastAccessed": Vec::<Value>::new(),
        "IsTruncated": false,
    }))
}

pub(super) fn organization_access(world: &mut World, call: &Call) -> Reply {
    let started = job(world, call)?;
    Ok(json!({
        "JobStatus": "COMPLETED",
        "JobCreationDate": started,
        "JobCompletionDate": started,
        "NumberOfServicesAccessible": 0,
        "NumberOfServicesNotAccessed": 0,
        "AccessDetails": Vec::<Value>::new(),
        "IsTruncated": false,
    }))
}
