//! A canned AWS for this module's tests: answers in process and remembers what it was asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use super::{Aws, Limits, Options, Roles, in_process};
use crate::error::RunError;

/// The caller's account.
pub(crate) const CALLER: &str = "111111111111";
/// A member account.
pub(crate) const MEMBER: &str = "222222222222";

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) host: String,
    /// `Action` of query protocols, operation of `X-Amz-Target`, else method and path.
    pub(crate) action: String,
    /// Decoded form fields of query protocols.
    pub(crate) form: BTreeMap<String, String>,
    /// Access key that signed.
    pub(crate) key: String,
}

/// An answer: status and body, or no answer.
pub(crate) enum Reply {
    Answer(u16, String),
    Dropped,
}

impl Reply {
    pub(crate) fn ok(body: impl Into<String>) -> Reply {
        Reply::Answer(200, body.into())
    }

    /// An error of a query protocol.
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Reply {
        let error =
            format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>");
        Reply::Answer(status, format!("<ErrorResponse>{error}<RequestId>r-1</RequestId></ErrorResponse>"))
    }

    /// An empty answer of IAM.
    pub(crate) fn empty(action: &str) -> Reply {
        Reply::ok(format!("<{action}Response><{action}Result/></{action}Response>"))
    }

    /// GetCallerIdentity's answer.
    pub(crate) fn caller() -> Reply {
        Reply::ok(format!(
            "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::{CALLER}:user/jo</Arn>\
             <UserId>AIDA1</UserId><Account>{CALLER}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
        ))
    }

    /// AssumeRole's answer: a key that names the account and counts up.
    pub(crate) fn session(seen: &Seen, number: usize, life: Duration) -> Reply {
        let account = seen.form.get("RoleArn").and_then(|arn| arn.split(':').nth(4)).unwrap_or_default();
        let end = DateTime::from(SystemTime::now() + life).fmt(Format::DateTime).unwrap_or_default();
        Reply::ok(format!(
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA{account}N{number}</AccessKeyId>\
             <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>{end}</Expiration>\
             </Credentials></AssumeRoleResult></AssumeRoleResponse>"
        ))
    }
}

/// What was asked so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Seen>>>);

impl Log {
    /// Every request of this action.
    pub(crate) fn of(&self, action: &str) -> Vec<Seen> {
        self.0
            .lock()
            .map(|all| all.iter().filter(|s| s.action == action).cloned().collect())
            .unwrap_or_default()
    }
}

/// Options for the canned AWS; the tests change what they are about.
pub(crate) fn options() -> Options {
    Options {
        profile: None,
        region: "eu-west-1".to_owned(),
        endpoint: None,
        in_process: None,
        read_only: false,
        run_id: "run 1".to_owned(),
        roles: Roles { default: "Access".to_owned(), ..Roles::default() },
        limits: Limits::default(),
    }
}

/// Connects to an AWS that answers by `answer`; where that gives `None`, STS succeeds with sessions of one hour.
pub(crate) async fn connect<F>(options: Options, answer: F) -> (Result<Aws, RunError>, Log)
where
    F: Fn(&Seen) -> Option<Reply> + Send + Sync + 'static,
{
    let log = Log::default();
    let seen_by = log.clone();
    let answer = Arc::new(answer);
    let door = in_process(move |request| {
        let (seen, answer, log) = (seen(&request), answer.clone(), seen_by.clone());
        async move {
            let number = log.of(&seen.action).len();
            if let Ok(mut all) = log.0.lock() {
                all.push(seen.clone());
            }
            // Others run meanwhile, as they would on a network.
            tokio::time::sleep(Duration::from_millis(10)).await;
            let reply = answer(&seen).unwrap_or_else(|| match seen.action.as_str() {
                "GetCallerIdentity" => Reply::caller(),
                "AssumeRole" => Reply::session(&seen, number, Duration::from_hours(1)),
                other => Reply::empty(other),
            });
            match reply {
                Reply::Dropped => Err(ConnectorError::io("connection reset".into())),
                Reply::Answer(status, body) => http::Response::builder()
                    .status(status)
                    .header("x-amzn-requestid", "r-1")
                    .body(body.into_bytes())
                    .map_err(|e| ConnectorError::user(e.into())),
            }
        }
    });
    let connected = Aws::connect(Options { in_process: Some(door), ..options }).await;
    (connected, log)
}

fn seen(request: &http::Request<Vec<u8>>) -> Seen {
    let body = String::from_utf8_lossy(request.body());
    let form: BTreeMap<String, String> =
        body.split('&').filter_map(|pair| pair.split_once('=')).map(|(k, v)| (plain(k), plain(v))).collect();
    let header = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let target = header("x-amz-target").rsplit('.').next().unwrap_or_default().to_owned();
    let action = form.get("Action").cloned().unwrap_or(target);
    let action =
        if action.is_empty() { format!("{} {}", request.method(), request.uri().path()) } else { action };
    let key = header("authorization").split("Credential=").nth(1).and_then(|c| c.split('/').next());
    let host = request.uri().host().unwrap_or_default().to_owned();
    Seen { host, action, form, key: key.unwrap_or_default().to_owned() }
}

fn plain(text: &str) -> String {
    percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}
