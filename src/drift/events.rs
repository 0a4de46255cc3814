//! Which events of CloudTrail may have changed a unit's settings. Pure.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::emit::actions::iam_prefix;

/// One management event, as far as it matters here.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    pub(super) id: String,
    /// `iam.amazonaws.com`
    pub(super) source: String,
    pub(super) name: String,
    /// Seconds since 1970, UTC.
    pub(super) at: i64,
    /// ARN of who called, or the service or the user's name where there is none.
    pub(super) actor: String,
    /// It was orgbase.
    pub(super) own: bool,
    /// Request parameters and names of resources, as text.
    pub(super) about: String,
}

impl Event {
    /// From what LookupEvents tells. `document`: the event as CloudTrail delivers it.
    pub(super) fn new(
        id: &str,
        at: i64,
        username: Option<&str>,
        resources: &[&str],
        document: &str,
    ) -> Option<Event> {
        let document: Value = serde_json::from_str(document).ok()?;
        let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str);
        let failed = document.get("errorCode").is_some_and(|code| !code.is_null());
        if failed {
            return None;
        }
        let actor = text("/userIdentity/arn").or_else(|| text("/userIdentity/invokedBy")).or(username)?;
        let own = text("/userAgent").is_some_and(|agent| agent.contains("app/orgbase"));
        let parameters = document.get("requestParameters").map(Value::to_string).unwrap_or_default();
        Some(Event {
            id: id.to_owned(),
            source: text("/eventSource")?.to_owned(),
            name: text("/eventName")?.to_owned(),
            at,
            actor: actor.to_owned(),
            own,
            about: format!("{parameters} {}", resources.join(" ")),
        })
    }
}

/// Event sources and names that may change what these operations write: they, and those that undo them.
pub(super) fn names(writes: &[&str]) -> BTreeSet<(String, String)> {
    let mut names = BTreeSet::new();
    for (service, operation) in writes.iter().filter_map(|write| write.split_once(':')) {
        let source = source(service);
        for name in std::iter::once(operation.to_owned()).chain(counterparts(operation)) {
            names.insert((source.clone(), event_name(service, &name)));
        }
    }
    names
}

/// `iam.amazonaws.com`. CloudTrail names services as IAM does, but for one.
fn source(service: &str) -> String {
    match service {
        "cloudwatch" => "monitoring.amazonaws.com".to_owned(),
        _ => format!("{}.amazonaws.com", iam_prefix(service)),
    }
}

/// The first word of an operation, and of those that change the same thing otherwise.
const COUNTERPARTS: &[(&str, &[&str])] = &[
    ("Add", &["Remove"]),
    ("Associate", &["Disassociate"]),
    ("Attach", &["Detach"]),
    ("Authorize", &["Revoke"]),
    ("Create", &["Delete", "Update"]),
    ("Delete", &["Create", "Put"]),
    ("Deregister", &["Register"]),
    ("Detach", &["Attach"]),
    ("Disable", &["Enable"]),
    ("Disassociate", &["Associate"]),
    ("Enable", &["Disable"]),
    ("Modify", &["Reset"]),
    ("Put", &["Delete"]),
    ("Register", &["Deregister"]),
    ("Remove", &["Add"]),
    ("Revoke", &["Authorize"]),
    ("Start", &["Stop"]),
    ("Stop", &["Start"]),
    ("Tag", &["Untag"]),
    ("Untag", &["Tag"]),
    ("Update", &["Delete", "Create"]),
];

fn counterparts(operation: &str) -> impl Iterator<Item = String> {
    let found = COUNTERPARTS.iter().find_map(|(word, others)| {
        let rest = operation.strip_prefix(word)?;
        rest.starts_with(char::is_uppercase).then_some((rest, *others))
    });
    let of = |(rest, others): (&str, &[&str])| {
        others.iter().map(|other| format!("{other}{rest}")).collect::<Vec<_>>()
    };
    found.map(of).unwrap_or_default().into_iter()
}

/// S3 calls some events otherwise than the operations.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-s3-info.html>
fn event_name(service: &str, operation: &str) -> String {
    match (service, operation) {
        ("s3control", "PutPublicAccessBlock") => "PutAccountPublicAccessBlock",
        ("s3control", "DeletePublicAccessBlock") => "DeleteAccountPublicAccessBlock",
        ("s3", "PutPublicAccessBlock") => "PutBucketPublicAccessBlock",
        ("s3", "DeletePublicAccessBlock") => "DeleteBucketPublicAccessBlock",
        ("s3", "PutBucketLifecycleConfiguration") => "PutBucketLifecycle",
        ("s3", "DeleteBucketLifecycleConfiguration") => "DeleteBucketLifecycle",
        ("s3", "PutBucketNotificationConfiguration") => "PutBucketNotification",
        ("s3", "PutObjectLockConfiguration") => "PutBucketObjectLockConfiguration",
        (_, operation) => operation,
    }
    .to_owned()
}

/// What is looked for: one unit's events.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    /// Sources and names that may have changed it.
    pub(super) names: BTreeSet<(String, String)>,
    /// What tells it from other units of its control: names and ids of its resource; empty where it is the only one.
    pub(super) words: Vec<String>,
}

/// The newest event that may have changed a unit, and whether it is sure to be about it. Where it is orgbase's own, what
/// happened since is not in the list, and what happened before is over: nobody is to be named, by any place of the unit.
pub(super) fn culprit<'e>(
    wanted: &Wanted,
    events: impl Iterator<Item = &'e Event>,
) -> Option<(&'e Event, bool)> {
    let touches = |event: &Event| wanted.words.iter().any(|word| event.about.contains(word.as_str()));
    let sources: BTreeSet<&str> = wanted.names.iter().map(|(source, _)| source.as_str()).collect();
    let mut newest: Option<(&Event, bool)> = None;
    for event in events.filter(|event| sources.contains(event.source.as_str())) {
        let named = wanted.names.contains(&(event.source.clone(), event.name.clone()));
        let certain = if wanted.words.is_empty() { named } else { touches(event) };
        if !certain && !named {
            continue;
        }
        // One that is about this very resource wins over a newer one that may be about another.
        let better = newest.is_none_or(|(best, sure)| (certain, event.at) > (sure, best.at));
        if better {
            newest = Some((event, certain));
        }
    }
    newest
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn event(source: &str, name: &str, at: i64, about: &str) -> Event {
        Event {
            id: format!("{name}-{at}"),
            source: format!("{source}.amazonaws.com"),
            name: name.into(),
            at,
            actor: "mallory".into(),
            own: false,
            about: about.into(),
        }
    }

    fn wanted(writes: &[&str], words: &[&str]) -> Wanted {
        Wanted { names: names(writes), words: words.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn what_undoes_a_write_counts_as_well() {
        let names = names(&[
            "cloudtrail:StartLogging",
            "s3control:PutPublicAccessBlock",
            "cloudwatch:PutMetricAlarm",
        ]);
        let has =
            |source: &str, name: &str| names.contains(&(format!("{source}.amazonaws.com"), name.to_owned()));
        assert!(has("cloudtrail", "StopLogging") && has("cloudtrail", "StartLogging"));
        assert!(has("s3", "DeleteAccountPublicAccessBlock") && has("s3", "PutAccountPublicAccessBlock"));
        assert!(has("monitoring", "DeleteMetricAlarm"));
        assert!(counterparts("Startle").next().is_none());
    }

    #[test]
    fn the_newest_is_named_and_what_is_surely_about_the_resource_goes_before_it() {
        let events = [
            event("organizations", "UpdatePolicy", 30, "{\"policyId\":\"p-2\"}"),
            event("organizations", "UpdatePolicy", 20, "{\"policyId\":\"p-1\"}"),
            event("iam", "UpdatePolicy", 40, "p-1"),
        ];
        let one = wanted(&["organizations:UpdatePolicy"], &["p-1"]);
        assert_eq!(culprit(&one, events.iter()).unwrap(), (&events[1], true));
        let other = wanted(&["organizations:UpdatePolicy"], &["p-3"]);
        assert_eq!(culprit(&other, events.iter()).unwrap(), (&events[0], false));
        let any = wanted(&["organizations:UpdatePolicy"], &[]);
        assert_eq!(culprit(&any, events.iter()).unwrap(), (&events[0], true));
        assert_eq!(culprit(&wanted(&["kms:PutKeyPolicy"], &[]), events.iter()), None);
    }

    #[test]
    fn after_our_own_write_nobody_is_named() {
        let ours = Event { own: true, ..event("iam", "UpdateAccountPasswordPolicy", 9, "") };
        let theirs = event("iam", "DeleteAccountPasswordPolicy", 5, "");
        let policy = wanted(&["iam:UpdateAccountPasswordPolicy"], &[]);
        assert_eq!(culprit(&policy, [&ours, &theirs].into_iter()).unwrap().0, &ours);
        let later = Event { at: 10, ..theirs };
        assert_eq!(culprit(&policy, [&later, &ours].into_iter()).unwrap().0, &later);
    }

    #[test]
    fn an_event_is_read_from_its_document() {
        let document = r#"{"userIdentity":{"arn":"arn:x"},"eventSource":"iam.amazonaws.com","eventName":"CreateUser",
            "userAgent":"aws-sdk-rust/1 app/orgbase","requestParameters":{"userName":"bob"}}"#;
        let event = Event::new("1", 5, Some("jo"), &["res"], document).unwrap();
        assert_eq!((event.actor.as_str(), event.own), ("arn:x", true));
        assert!(event.about.contains("bob") && event.about.contains("res"));
        let service =
            r#"{"userIdentity":{"invokedBy":"guardduty.amazonaws.com"},"eventSource":"s","eventName":"n"}"#;
        assert_eq!(Event::new("1", 5, None, &[], service).unwrap().actor, "guardduty.amazonaws.com");
        let refused =
            r#"{"userIdentity":{"arn":"a"},"eventSource":"s","eventName":"n","errorCode":"AccessDenied"}"#;
        assert_eq!(Event::new("1", 5, None, &[], refused), None);
        assert_eq!(Event::new("1", 5, None, &[], "not json"), None);
    }
}
