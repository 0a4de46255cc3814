//! Telling somebody: a Slack-compatible message to a webhook, or to an SNS topic.
//!
//! Where it goes is a secret (`env:NAME` keeps it out of process lists): it is masked wherever it is shown, and texts are
//! escaped, since names of accounts are as somebody typed them.

use std::fmt::Write as _;

use serde_json::json;

use super::DriftReport;
use super::text::{head, lines};
use crate::aws::{Aws, Guard, Webhook};
use crate::error::RunError;
use crate::mask;
use crate::report::text::{count, safe};

/// Lines of a message; the report has all of them.
const LINES: usize = 20;
/// Characters of a line.
const LONGEST: usize = 600;
/// What publishing needs. It changes nothing, so it is a read to the guard: `drift` without `--correct` may notify too.
const PUBLISH: &[&str] = &["sns:Publish"];

/// Where a message goes.
#[derive(Debug, Clone)]
pub struct Notify {
    shown: String,
    target: Target,
}

#[derive(Debug, Clone)]
enum Target {
    Webhook(Webhook),
    Topic { arn: String, region: String },
}

impl Notify {
    /// `https://...`, the ARN of an SNS topic, or `env:NAME` for either in a variable.
    ///
    /// # Errors
    /// It is none of these. No error repeats it.
    pub fn parse(text: &str) -> Result<Notify, RunError> {
        Notify::with(text, |name| std::env::var(name).ok())
    }

    fn with(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Notify, RunError> {
        let Some(name) = text.strip_prefix("env:") else { return Notify::of(text.trim()) };
        match variable(name).filter(|value| !value.trim().is_empty()) {
            Some(value) => Notify::of(value.trim()),
            None => Err(RunError::new(format!("--notify env:{}: there is no such variable", safe(name)))),
        }
    }

    fn of(text: &str) -> Result<Notify, RunError> {
        let parts: Vec<&str> = text.split(':').collect();
        if let ["arn", _, "sns", region, account, topic] = parts.as_slice()
            && ![region, account, topic].iter().any(|part| part.is_empty())
        {
            let target = Target::Topic { arn: text.to_owned(), region: (*region).to_owned() };
            return Ok(Notify { shown: text.to_owned(), target });
        }
        let hint = "give https://HOST/..., the ARN of an SNS topic, or env:NAME for one in a variable";
        let webhook = Webhook::parse(text)
            .map_err(|why| RunError::new(format!("--notify names no place to notify: {why}")).hint(hint))?;
        Ok(Notify { shown: mask::url(text), target: Target::Webhook(webhook) })
    }

    /// The place, masked.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// A run on the simulated organization sends nothing beyond this machine.
    ///
    /// # Errors
    /// It would.
    pub fn check(&self, live: bool) -> Result<(), RunError> {
        match &self.target {
            Target::Webhook(webhook) if !live && !webhook.is_loopback() => Err(RunError::new(format!(
                "--notify {}: a run on the simulated organization sends nothing beyond this machine",
                self.shown
            ))
            .hint("give a loopback address (http://127.0.0.1:PORT/), or leave --notify out")),
            _ => Ok(()),
        }
    }

    /// Sends the message.
    ///
    /// # Errors
    /// Why it was not taken.
    pub async fn send(&self, report: &DriftReport, aws: &Aws) -> Result<(), String> {
        match &self.target {
            Target::Webhook(webhook) => webhook.post(&slack(report)).await,
            Target::Topic { arn, region } => publish(report, arn, region, aws).await,
        }
    }
}

/// In the caller's account: a topic of another one must let it publish.
async fn publish(report: &DriftReport, arn: &str, region: &str, aws: &Aws) -> Result<(), String> {
    let guard = Guard { control: "notify".into(), reads: PUBLISH, writes: &[] };
    let clients = aws.clients(&aws.caller().account, region, guard).await.map_err(|e| e.to_string())?;
    let subject = format!("orgbase: drift in {}", report.organization_id);
    let text = message(report);
    clients
        .sns()
        .call("Publish", |c| c.publish().topic_arn(arn).subject(&subject).message(&text).send())
        .await
        .map(|_| ())
        .map_err(|e| e.to_string())
}

/// The message in plain text.
pub fn message(report: &DriftReport) -> String {
    let mut out = format!("orgbase: {} in {}\n", head(report), report.organization_id);
    let all: Vec<String> = lines(report).collect();
    for line in all.iter().take(LINES) {
        out.push_str("• ");
        out.extend(line.chars().take(LONGEST));
        out.push('\n');
    }
    if all.len() > LINES {
        let _ = writeln!(out, "and {} more", count(all.len() - LINES, "setting"));
    }
    let _ = write!(out, "run {}, {}", report.run, report.created_at);
    out
}

/// The message as Slack's incoming webhooks take it, and those that copy them. `&`, `<` and `>` are all that Slack's text
/// gives a meaning when Markdown is off. <https://docs.slack.dev/messaging/formatting-message-text>
fn slack(report: &DriftReport) -> String {
    let text = message(report).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    json!({"text": text, "mrkdwn": false, "unfurl_links": false, "unfurl_media": false}).to_string()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use serde_json::Value;

    use super::*;
    use crate::drift::tests::drift;
    use crate::units::OutcomeKind::Drift;

    const HOOK: &str = "https://hooks.example.com/services/T0/B0/secret";

    fn refused(text: &str) -> String {
        let error = Notify::with(text, |_| None).unwrap_err();
        format!("{} {}", error.message, error.hints.join(" "))
    }

    #[test]
    fn a_place_is_a_url_a_topic_or_a_variable() {
        let hook = Notify::with("env:HOOK", |name| (name == "HOOK").then(|| HOOK.to_owned())).unwrap();
        assert!(hook.shown().starts_with("https://hooks.example.com/...#"));
        assert!(!format!("{hook:?}").contains("secret"));
        let topic = Notify::with("arn:aws:sns:eu-west-1:111122223333:alarms", |_| None).unwrap();
        assert!(matches!(topic.target, Target::Topic { region, .. } if region == "eu-west-1"));
        for bad in ["env:NONE", "http://hooks.example.com/secret", "arn:aws:sqs:r:1:secret", "secret", ""] {
            assert!(!refused(bad).contains("secret"), "{}", refused(bad));
        }
    }

    #[test]
    fn the_simulated_organization_notifies_this_machine_only() {
        let hook = Notify::with(HOOK, |_| None).unwrap();
        assert!(hook.check(true).is_ok());
        let refused = hook.check(false).unwrap_err().message;
        assert!(!refused.contains("secret"), "{refused}");
        assert!(Notify::with("http://127.0.0.1:1/x", |_| None).unwrap().check(false).is_ok());
    }

    #[test]
    fn a_name_is_no_mention_and_no_markup() {
        let body: Value = serde_json::from_str(&slack(&drift(&[Drift], &[Drift]))).unwrap();
        let text = body["text"].as_str().unwrap();
        assert!(!text.contains('<') && !text.contains('\u{1b}'), "{text}");
        assert!(text.contains("&lt;!channel&gt;") && text.contains("is 6, should be 14"), "{text}");
        assert_eq!(body["mrkdwn"], false);
    }

    #[test]
    fn a_long_message_is_cut() {
        let report = drift(&[Drift; 30], &[Drift; 30]);
        assert!(message(&report).contains("and 40 settings more"), "{}", message(&report));
    }
}
