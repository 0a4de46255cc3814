//! The document with the preferences.

use std::collections::BTreeMap;

use aws_sdk_ssm::types::{DocumentFormat, DocumentType};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::SessionManager;
use crate::control::{Adjusted, Control, Cx, DesiredCx, Diff, Meta, Risk, Scope, Seat, Want, Wanted};
use crate::controls::log_archive::LogArchive;
use crate::error::{Absent, CallError, Kind, UnitError};
use crate::names::{self, LogBucket};
use crate::resource::declared;

/// Name of the document.
const DOCUMENT: &str = "SSM-SessionManagerRunShell";
/// What the console writes into it.
const DESCRIPTION: &str = "Document to hold regional settings for Session Manager";

/// A preference: its key in the section, and its path among the document's inputs.
type Place = (&'static str, &'static [&'static str]);

const BUCKET: Place = ("log_to_archive", &["s3BucketName"]);
const PLACES: [Place; 13] = [
    BUCKET,
    ("s3_key_prefix", &["s3KeyPrefix"]),
    ("s3_encryption", &["s3EncryptionEnabled"]),
    ("cloudwatch_log_group", &["cloudWatchLogGroupName"]),
    ("cloudwatch_encryption", &["cloudWatchEncryptionEnabled"]),
    ("cloudwatch_streaming", &["cloudWatchStreamingEnabled"]),
    ("kms_key", &["kmsKeyId"]),
    ("idle_timeout_minutes", &["idleSessionTimeout"]),
    ("max_duration_minutes", &["maxSessionDuration"]),
    ("run_as", &["runAsEnabled"]),
    ("run_as_default_user", &["runAsDefaultUser"]),
    ("shell_profile_linux", &["shellProfile", "linux"]),
    ("shell_profile_windows", &["shellProfile", "windows"]),
];

/// Preferences that keep sessions from starting where an instance's role is not made for them.
const NEEDS_RIGHTS: [&str; 7] = [
    "log_to_archive",
    "s3_encryption",
    "cloudwatch_log_group",
    "cloudwatch_encryption",
    "kms_key",
    "run_as",
    "run_as_default_user",
];

/// Number of a document's first version.
const FIRST: &str = "1";

/// The only part.
pub(super) struct Preferences;

/// The declared preferences: key of the section, and value as the document has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Desired(BTreeMap<&'static str, Value>);

/// What is there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Actual {
    /// Absent: the account has no preferences of its own.
    document: Option<Document>,
    /// There are managed nodes. Asked only where a change may keep sessions from starting.
    has_nodes: bool,
}

/// The document: its default version, and the newest one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Document {
    default: Version,
    latest: Version,
}

/// A version of the document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Version {
    number: String,
    content: Value,
}

impl Control for Preferences {
    type Section = SessionManager;
    type Desired = Desired;
    type Actual = Actual;
    const META: Meta = Meta {
        scope: Scope::AccountRegion,
        seat: Seat::Member,
        after: &["log_archive"],
        reads: &["ssm:DescribeInstanceInformation", "ssm:GetDocument"],
        writes: &["ssm:CreateDocument", "ssm:UpdateDocument", "ssm:UpdateDocumentDefaultVersion"],
        ..Meta::DEFAULT
    };

    fn desired(cx: &DesiredCx<'_, SessionManager>) -> Vec<Wanted<Desired>> {
        let want = match bucket(cx) {
            Err(why) => Want::Blocked(why),
            Ok(bucket) => {
                let inputs = inputs(cx.section, bucket, &cx.account.id, cx.region);
                if inputs.is_empty() {
                    return Vec::new();
                }
                Want::Set(Desired(inputs))
            }
        };
        vec![Wanted { part: String::new(), at: String::new(), about: None, after: Vec::new(), want }]
    }

    async fn read(cx: &Cx<'_>, want: &Desired) -> Result<Actual, UnitError> {
        let document = match version(cx, "$LATEST").await? {
            None => None,
            // The first version is the newest: there is no other that could be the default one.
            Some(only) if only.number == FIRST => Some(Document { default: only.clone(), latest: only }),
            Some(latest) => {
                let default = version(cx, "$DEFAULT").await?;
                let default = default.ok_or_else(|| UnitError::missing("the default version of the preferences"))?;
                Some(Document { default, latest })
            }
        };
        let have = Actual { document, has_nodes: false };
        let cuts = |path: &str| NEEDS_RIGHTS.contains(&path);
        let asks = Preferences::diff(want, &have).changes.iter().any(|c| cuts(&c.path));
        let has_nodes = asks && has_nodes(cx).await?;
        Ok(Actual { has_nodes, ..have })
    }

    /// Every preference of the document; account and region in the prefix become their placeholders.
    fn adjust(section: &mut SessionManager, cx: &Cx<'_>, want: &Desired, have: &Actual) -> Adjusted {
        let Some(document) = &have.document else { return Adjusted::Absent };
        let content = &document.default.content;
        let found = |wanted: &str| {
            let place = PLACES.iter().find(|(key, _)| *key == wanted);
            place.map(|(_, path)| input(content, path)).unwrap_or_default()
        };
        let text = |key: &str| found(key).as_str().map(ToString::to_string);
        let minutes = |key: &str| text(key).and_then(|minutes| minutes.parse().ok());
        let flag = |key: &str| found(key).as_bool();
        let general = |prefix: String| {
            prefix.replace(cx.aws.account(), "{account}").replace(cx.region, "{region}")
        };
        *section = SessionManager {
            log_to_archive: want.0.get(BUCKET.0).is_some_and(|bucket| found(BUCKET.0) == *bucket),
            s3_key_prefix: text("s3_key_prefix").map(general),
            s3_encryption: flag("s3_encryption"),
            cloudwatch_log_group: text("cloudwatch_log_group"),
            cloudwatch_encryption: flag("cloudwatch_encryption"),
            cloudwatch_streaming: flag("cloudwatch_streaming"),
            kms_key: text("kms_key"),
            idle_timeout_minutes: minutes("idle_timeout_minutes"),
            max_duration_minutes: minutes("max_duration_minutes"),
            run_as: flag("run_as"),
            run_as_default_user: text("run_as_default_user"),
            shell_profile_linux: text("shell_profile_linux"),
            shell_profile_windows: text("shell_profile_windows"),
        };
        Adjusted::Said(PLACES.iter().map(|(key, _)| (*key).to_string()).collect())
    }

    fn diff(want: &Desired, have: &Actual) -> Diff {
        let mut d = Diff::new();
        let content = have.document.as_ref().map(|document| &document.default.content);
        for (key, path) in PLACES {
            let Some(wanted) = want.0.get(key) else { continue };
            let found = content.map_or(Value::Null, |content| input(content, path));
            let risk = if have.has_nodes && NEEDS_RIGHTS.contains(&key) { Risk::Disruptive } else { Risk::Normal };
            d.risky(key, &found, Some(&plain(wanted.clone())), risk);
        }
        if let Some(Document { default, latest }) = have.document.as_ref().filter(|d| d.default.number != d.latest.number) {
            d.push("default_version", default.number.clone().into(), format!("newer than {}", latest.number).into(), Risk::Normal);
            if matches(want, &latest.content, &default.content)
                && let Some(change) = d.changes.last_mut()
            {
                change.after = latest.number.clone().into();
            }
        }
        d
    }

    async fn apply(cx: &Cx<'_>, want: &Desired, have: &Actual) -> Result<(), UnitError> {
        let ssm = cx.aws.ssm();
        let Some(Document { default, latest }) = &have.document else {
            let content = merged(want, &fresh());
            ssm.call("CreateDocument", |c| {
                c.create_document()
                    .name(DOCUMENT)
                    .document_type(DocumentType::Session)
                    .document_format(DocumentFormat::Json)
                    .content(content.to_string())
                    .send()
            })
            .await?;
            return Ok(());
        };
        let number = if matches(want, &latest.content, &default.content) {
            latest.number.clone()
        } else {
            update(cx, &merged(want, &default.content), &latest.number).await?
        };
        ssm.call("UpdateDocumentDefaultVersion", |c| {
            c.update_document_default_version().name(DOCUMENT).document_version(&number).send()
        })
        .await?;
        Ok(())
    }
}

/// The log archive's bucket for sessions; absent: not managed. The error says what must be there first.
fn bucket(cx: &DesiredCx<'_, SessionManager>) -> Result<Option<String>, String> {
    let archive = declared::<LogArchive>(cx.baseline).filter(|_| cx.section.log_to_archive);
    let Some(key) = archive.map(|archive| archive.account) else { return Ok(None) };
    let account = cx.baseline.account_id(&key, cx.facts);
    let account = account.ok_or_else(|| format!("account `{key}` does not exist yet: run `orgbase vend {key}`"))?;
    Ok(Some(names::log_bucket(cx.baseline, LogBucket::Sessions, &account)))
}

/// The declared preferences as the document has them.
fn inputs(
    section: &SessionManager,
    bucket: Option<String>,
    account: &str,
    region: &str,
) -> BTreeMap<&'static str, Value> {
    let prefix = section.s3_key_prefix.as_ref();
    let prefix = prefix.map(|prefix| prefix.replace("{account}", account).replace("{region}", region));
    let minutes = |minutes: Option<u32>| {
        minutes.map(|minutes| if minutes == 0 { json!("") } else { json!(minutes.to_string()) })
    };
    let text = |text: &Option<String>| text.as_ref().map(|text| json!(text));
    let flag = |flag: Option<bool>| flag.map(Value::from);
    let all = [
        ("log_to_archive", bucket.map(Value::from)),
        ("s3_key_prefix", prefix.map(Value::from)),
        ("s3_encryption", flag(section.s3_encryption)),
        ("cloudwatch_log_group", text(&section.cloudwatch_log_group)),
        ("cloudwatch_encryption", flag(section.cloudwatch_encryption)),
        ("cloudwatch_streaming", flag(section.cloudwatch_streaming)),
        ("kms_key", text(&section.kms_key)),
        ("idle_timeout_minutes", minutes(section.idle_timeout_minutes)),
        ("max_duration_minutes", minutes(section.max_duration_minutes)),
        ("run_as", flag(section.run_as)),
        ("run_as_default_user", text(&section.run_as_default_user)),
        ("shell_profile_linux", text(&section.shell_profile_linux)),
        ("shell_profile_windows", text(&section.shell_profile_windows)),
    ];
    all.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

/// An empty text is the same as none.
fn plain(value: Value) -> Value {
    if value == "" { Value::Null } else { value }
}

/// One input of a document.
fn input(content: &Value, path: &[&str]) -> Value {
    let found = path.iter().try_fold(&content["inputs"], |at, key| at.get(key));
    plain(found.cloned().unwrap_or_default())
}

/// Whether a version has all that is wanted, and for the rest what the default version has.
fn matches(want: &Desired, version: &Value, default: &Value) -> bool {
    let merged = merged(want, default);
    PLACES.iter().all(|(_, path)| input(version, path) == input(&merged, path))
}

/// A document with the declared preferences in it, and everything else as it is.
fn merged(want: &Desired, content: &Value) -> Value {
    let mut merged = content.clone();
    for (key, path) in PLACES {
        if let Some(value) = want.0.get(key) {
            set(&mut merged, path, value);
        }
    }
    merged
}

fn set(content: &mut Value, path: &[&str], value: &Value) {
    let mut at = &mut content["inputs"];
    for key in path {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        at = &mut at[*key];
    }
    *at = value.clone();
}

/// The document where there is none, with the console's values.
fn fresh() -> Value {
    json!({
        "schemaVersion": "1.0",
        "description": DESCRIPTION,
        "sessionType": "Standard_Stream",
        "inputs": {
            "s3BucketName": "", "s3KeyPrefix": "", "s3EncryptionEnabled": true,
            "cloudWatchLogGroupName": "", "cloudWatchEncryptionEnabled": true, "cloudWatchStreamingEnabled": true,
            "kmsKeyId": "", "idleSessionTimeout": "20", "maxSessionDuration": "",
            "runAsEnabled": false, "runAsDefaultUser": "", "shellProfile": {"windows": "", "linux": ""}
        }
    })
}

/// Reads one version; `$DEFAULT` and `$LATEST` are AWS's words.
async fn version(cx: &Cx<'_>, asked: &str) -> Result<Option<Version>, UnitError> {
    let answer = cx
        .aws
        .ssm()
        .call("GetDocument", |c| {
            c.get_document().name(DOCUMENT).document_version(asked).document_format(DocumentFormat::Json).send()
        })
        .await
        .absent(&["InvalidDocument"])?;
    let Some(answer) = answer else { return Ok(None) };
    let text = answer.content.ok_or_else(|| UnitError::missing("the content of the preferences"))?;
    let number = answer.document_version.ok_or_else(|| UnitError::missing("the version of the preferences"))?;
    let content: Value = serde_json::from_str(&text).unwrap_or_default();
    if !content.is_object() {
        return Err(UnitError::new(Kind::Conflict, format!("document {DOCUMENT} cannot be understood"))
            .hint("nothing was changed: delete the document by hand, and run again"));
    }
    Ok(Some(Version { number, content }))
}

/// Whether there are managed nodes: the first page tells.
async fn has_nodes(cx: &Cx<'_>) -> Result<bool, CallError> {
    let answer = cx
        .aws
        .ssm()
        .call("DescribeInstanceInformation", |c| c.describe_instance_information().max_results(5).send())
        .await?;
    Ok(!answer.instance_information_list.unwrap_or_default().is_empty() || answer.next_token.is_some())
}

/// Adds a version, and returns its number. Where some version had the same content already, the description differs.
async fn update(cx: &Cx<'_>, content: &Value, latest: &str) -> Result<String, UnitError> {
    let ssm = cx.aws.ssm();
    let mut content = content.clone();
    let send = async |content: &Value| {
        let text = content.to_string();
        ssm.call("UpdateDocument", |c| {
            c.update_document()
                .name(DOCUMENT)
                .document_version("$LATEST")
                .document_format(DocumentFormat::Json)
                .content(&text)
                .send()
        })
        .await
    };
    let answer = match send(&content).await {
        Err(e) if e.is(&["DuplicateDocumentContent"]) => {
            content["description"] = format!("{DESCRIPTION} (after version {latest})").into();
            send(&content).await?
        }
        answer => answer?,
    };
    let number = answer.document_description.and_then(|d| d.document_version);
    number.ok_or_else(|| UnitError::missing("the number of the new version"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::controls::log_archive::tests::{baseline, facts, messages, set as wanted};

    fn want(keys: &str) -> Desired {
        let (facts, baseline) = (facts(), baseline("", &format!("[session_manager]\n{keys}")));
        let section = declared::<SessionManager>(&baseline).unwrap();
        let account = &facts.accounts["111111111111"];
        let cx = DesiredCx { section: &section, account, region: "us-east-1", facts: &facts, baseline: &baseline };
        wanted(Preferences::desired(&cx)).remove(0)
    }

    fn actual(default: (&str, Value), latest: (&str, Value)) -> Actual {
        let version = |(number, content): (&str, Value)| Version { number: number.into(), content };
        let document = Document { default: version(default), latest: version(latest) };
        Actual { document: Some(document), has_nodes: true }
    }

    fn paths(want: &Desired, have: &Actual) -> Vec<String> {
        Preferences::diff(want, have).changes.into_iter().map(|c| c.path).collect()
    }

    #[test]
    fn logs_go_to_the_archive_and_placeholders_are_filled_in() {
        let Desired(inputs) = want("s3_key_prefix = \"{account}/{region}\"\nmax_duration_minutes = 0");
        assert_eq!(inputs["log_to_archive"], "orgbase-sessions-222222222222");
        assert_eq!(inputs["s3_key_prefix"], "111111111111/us-east-1");
        assert_eq!(inputs["max_duration_minutes"], "");
    }

    #[test]
    fn only_declared_inputs_are_compared_and_the_others_are_sent_back() {
        let want = want("idle_timeout_minutes = 15\nshell_profile_linux = \"\"");
        let mut theirs = fresh();
        theirs["inputs"]["kmsKeyId"] = "alias/theirs".into();
        theirs["inputs"]["shellProfile"]["linux"] = "bash".into();
        let have = actual(("1", theirs.clone()), ("1", theirs.clone()));
        assert_eq!(paths(&want, &have), ["log_to_archive", "idle_timeout_minutes", "shell_profile_linux"]);
        assert_eq!(Preferences::diff(&want, &have).risk(), Risk::Disruptive);
        let sent = merged(&want, &theirs);
        assert_eq!((&sent["inputs"]["kmsKeyId"], &sent["inputs"]["idleSessionTimeout"]), (&json!("alias/theirs"), &json!("15")));
        assert!(paths(&want, &actual(("2", sent.clone()), ("2", sent))).is_empty());
    }

    #[test]
    fn the_newest_version_must_be_the_default_one() {
        let want = want("idle_timeout_minutes = 20");
        let ours = merged(&want, &fresh());
        let half = actual(("1", fresh()), ("2", ours.clone()));
        let change = Preferences::diff(&want, &half).changes.pop().unwrap();
        assert_eq!((change.path.as_str(), change.after), ("default_version", json!("2")));
        assert_eq!(paths(&want, &actual(("1", ours.clone()), ("2", fresh()))), ["default_version"]);
        assert!(matches(&want, &ours, &fresh()) && !matches(&want, &fresh(), &ours));
    }

    #[test]
    fn a_bucket_needs_a_log_archive() {
        assert_eq!(messages("", "[session_manager]\nidle_timeout_minutes = 61").len(), 1);
        let alone = "version = 1\n[organization]\nhome_region = \"eu-west-1\"\n[session_manager]\n";
        let refused = crate::baseline::Baseline::parse("t.toml", alone).unwrap_err().render(false);
        assert!(refused.contains("log archive"), "{refused}");
    }
}
