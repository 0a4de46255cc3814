//! IAM's credential report: every user of an account with the age and use of passwords and keys.
//!
//! IAM makes it on request and keeps it for four hours.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html>

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_iam::types::ReportStateType;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::check::source::{ReadCx, Source};
use crate::compliance::cis::RuleScope;
use crate::error::{CallError, Kind};

/// Name of the root user's row.
const ROOT: &str = "<root_account>";

/// Waits between looks at a report's state, in milliseconds: a minute together.
const PAUSES: [u64; 16] =
    [100, 400, 1000, 2000, 2000, 3000, 3000, 4000, 4000, 5000, 5000, 6000, 6000, 6000, 6000, 6000];

/// The report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CredentialReport {
    pub(crate) root: User,
    /// All other rows.
    pub(crate) users: Vec<User>,
}

/// One row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) created: Option<OffsetDateTime>,
    /// Absent where the report cannot tell (`not_supported`, for root of some accounts).
    pub(crate) password_enabled: Option<bool>,
    pub(crate) password_last_used: Option<OffsetDateTime>,
    pub(crate) password_last_changed: Option<OffsetDateTime>,
    pub(crate) mfa_active: bool,
    pub(crate) keys: [Key; 2],
}

/// One of a user's two access keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) active: bool,
    pub(crate) last_rotated: Option<OffsetDateTime>,
    pub(crate) last_used: Option<OffsetDateTime>,
}

impl User {
    /// It can sign in or call AWS with something of its own.
    pub(crate) fn has_credentials(&self) -> bool {
        self.password_enabled == Some(true) || self.keys.iter().any(|key| key.active)
    }

    /// The active keys, with their numbers.
    pub(crate) fn active_keys(&self) -> impl Iterator<Item = (usize, &Key)> {
        (1..).zip(&self.keys).filter(|(_, key)| key.active)
    }
}

impl Source for CredentialReport {
    const SCOPE: RuleScope = RuleScope::Account;
    const READS: &'static [&'static str] = &["iam:GenerateCredentialReport", "iam:GetCredentialReport"];

    async fn read(cx: &ReadCx<'_>) -> Result<CredentialReport, CallError> {
        let iam = cx.aws.iam();
        // IAM starts a report at the first call and tells its state at each further one.
        for pause in PAUSES {
            let answer =
                iam.call("GenerateCredentialReport", |c| c.generate_credential_report().send()).await?;
            if answer.state == Some(ReportStateType::Complete) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        // Where it still is not there, `ReportInProgress` says so.
        let answer = iam.call("GetCredentialReport", |c| c.get_credential_report().send()).await?;
        let content = answer.content.map(aws_smithy_types::Blob::into_inner).unwrap_or_default();
        parse(&String::from_utf8_lossy(&content)).ok_or_else(|| CallError {
            service: "iam".into(),
            operation: "GetCredentialReport".into(),
            account: cx.aws.account().into(),
            region: cx.aws.region().into(),
            code: None,
            message: Some("the report does not have the columns that IAM documents".into()),
            status: None,
            request_id: None,
            kind: Kind::Inconsistent,
            maybe_done: false,
            session: false,
        })
    }
}

/// Reads the CSV: user names hold no commas or quotation marks (IAM allows letters, digits and `+=,.@-_`; a comma is quoted).
fn parse(text: &str) -> Option<CredentialReport> {
    let mut lines = text.lines();
    let header = fields(lines.next()?);
    let position = |name: &str| header.iter().position(|column| column == name);
    position("user").and(position("mfa_active")).and(position("access_key_2_active"))?;
    let mut report = CredentialReport::default();
    for line in lines.filter(|line| !line.trim().is_empty()) {
        let values = fields(line);
        let row: BTreeMap<&str, &str> =
            header.iter().map(String::as_str).zip(values.iter().map(String::as_str)).collect();
        let user = user(&row);
        if user.name == ROOT { report.root = user } else { report.users.push(user) }
    }
    (report.root.name == ROOT).then_some(report)
}

/// The fields of one line of CSV.
fn fields(line: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut quoted = false;
    let mut letters = line.chars().peekable();
    while let Some(c) = letters.next() {
        match c {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                push(&mut all, '"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => all.push(String::new()),
            c => push(&mut all, c),
        }
    }
    all
}

fn push(all: &mut [String], c: char) {
    if let Some(last) = all.last_mut() {
        last.push(c);
    }
}

fn user(row: &BTreeMap<&str, &str>) -> User {
    let text = |name: &str| row.get(name).copied().unwrap_or_default();
    let moment = |name: &str| OffsetDateTime::parse(text(name), &Rfc3339).ok();
    let flag = |name: &str| match text(name) {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    };
    let key = |n: u8| Key {
        active: flag(&format!("access_key_{n}_active")) == Some(true),
        last_rotated: moment(&format!("access_key_{n}_last_rotated")),
        last_used: moment(&format!("access_key_{n}_last_used_date")),
    };
    User {
        name: text("user").to_string(),
        created: moment("user_creation_time"),
        password_enabled: flag("password_enabled"),
        password_last_used: moment("password_last_used"),
        password_last_changed: moment("password_last_changed"),
        mfa_active: flag("mfa_active") == Some(true),
        keys: [key(1), key(2)],
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    const TEXT: &str = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,\
        password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,\
        access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date\n\
        <root_account>,arn:aws:iam::1:root,2020-01-01T00:00:00+00:00,not_supported,no_information,not_supported,\
        not_supported,true,false,N/A,N/A,false,N/A,N/A\n\
        \"a,b\",arn:aws:iam::1:user/x,2020-01-01T00:00:00+00:00,true,2026-01-02T03:04:05+00:00,\
        2025-01-01T00:00:00+00:00,N/A,false,true,2024-01-01T00:00:00+00:00,N/A,false,N/A,N/A\n";

    #[test]
    fn root_and_users_are_told_apart() {
        let report = parse(TEXT).unwrap();
        assert!(report.root.mfa_active && !report.root.has_credentials());
        let user = report.users.first().unwrap();
        assert_eq!(user.name, "a,b");
        assert_eq!(user.active_keys().map(|(n, _)| n).collect::<Vec<_>>(), [1]);
        assert_eq!(user.password_last_used.unwrap().year(), 2026);
    }

    #[test]
    fn something_else_is_not_an_empty_report() {
        assert_eq!(parse(""), None);
        assert_eq!(parse("a,b\n1,2\n"), None);
    }
}
