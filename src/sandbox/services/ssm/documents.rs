//! Documents and their versions. Only JSON is understood: YAML is kept, and answered as it was sent.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Document, State, Version, edit, fault, settings, view};
use crate::digest::sha256_hex;
use crate::sandbox::services::tags;
use crate::sandbox::world::{Call, Fault, Reply, World, cell};

/// Versions of a document (Systems Manager quotas).
const MOST_VERSIONS: usize = 1_000;
/// Characters of a document (64 KB).
const MOST_BYTES: usize = 65_536;

fn name(call: &Call) -> &str {
    let given = call.required("Name");
    given.rsplit('/').next().unwrap_or(given)
}

fn missing(call: &Call) -> Fault {
    fault("InvalidDocument", format!("Document with name {} does not exist.", name(call)))
}

fn find<'w>(world: &'w World, call: &Call) -> Result<&'w Document, Fault> {
    view(world, call).and_then(|state| state.documents.get(name(call))).ok_or_else(|| missing(call))
}

fn change<'w>(world: &'w mut World, call: &Call) -> Result<&'w mut Document, Fault> {
    let state = world.ssm.get_mut(&cell(&call.account, &call.region));
    state.and_then(|state| state.documents.get_mut(name(call))).ok_or_else(|| missing(call))
}

impl Document {
    fn latest(&self) -> u32 {
        self.versions.keys().next_back().copied().unwrap_or_default()
    }

    /// The version that `$LATEST`, `$DEFAULT`, a number or nothing stands for.
    fn version(&self, asked: Option<&str>) -> Result<(u32, &Version), Fault> {
        let number = match asked {
            None | Some("$DEFAULT") => self.default,
            Some("$LATEST") => self.latest(),
            Some(number) => number.parse().unwrap_or_default(),
        };
        let found = self.versions.get(&number).map(|version| (number, version));
        found.ok_or_else(|| {
            fault("InvalidDocumentVersion", "The document version is not valid or does not exist.")
        })
    }
}

fn format(call: &Call) -> &str {
    call.str("DocumentFormat").unwrap_or("JSON")
}

/// Checks a content as AWS does before it is stored.
fn check(kind: &str, call: &Call) -> Result<String, Fault> {
    let content = call.required("Content");
    if content.len() > MOST_BYTES {
        return Err(fault("MaxDocumentSizeExceeded", "The size limit of a document is 64 KB."));
    }
    if format(call) == "JSON" {
        let invalid = || fault("InvalidDocumentContent", "The content for the document is not valid.");
        let document: Value = serde_json::from_str(content).map_err(|_| invalid())?;
        let document = document.as_object().ok_or_else(invalid)?;
        if kind == "Session" {
            check_session(&Value::Object(document.clone()))?;
        }
    }
    Ok(content.to_owned())
}

/// The schema of a Session document ("Session document schema"). Guess: the wording, and that each input is checked.
fn check_session(document: &Value) -> Result<(), Fault> {
    if document["schemaVersion"] != "1.0" {
        let message = "The version of the document schema is not supported.";
        return Err(fault("InvalidDocumentSchemaVersion", message));
    }
    let invalid = |what: &str| Err(fault("InvalidDocumentContent", format!("Invalid value for {what}.")));
    let kinds = ["Standard_Stream", "InteractiveCommands", "NonInteractiveCommands", "Port"];
    if !document["sessionType"].as_str().is_some_and(|kind| kinds.contains(&kind)) {
        return invalid("sessionType");
    }
    let Some(inputs) = document.get("inputs").and_then(Value::as_object) else {
        return if document["sessionType"] == "Standard_Stream" { invalid("inputs") } else { Ok(()) };
    };
    for (key, value) in inputs {
        let good = match key.as_str() {
            "s3EncryptionEnabled"
            | "cloudWatchEncryptionEnabled"
            | "cloudWatchStreamingEnabled"
            | "runAsEnabled" => value.is_boolean(),
            "idleSessionTimeout" => minutes(value, 60),
            "maxSessionDuration" => minutes(value, 1_440),
            "shellProfile" => value.is_object(),
            _ => value.is_string(),
        };
        if !good {
            return invalid(key);
        }
    }
    Ok(())
}

/// A number of minutes as a text; an empty text is none.
fn minutes(value: &Value, most: u32) -> bool {
    value
        .as_str()
        .is_some_and(|text| text.is_empty() || text.parse().is_ok_and(|n: u32| (1..=most).contains(&n)))
}

fn version(call: &Call, content: String) -> Version {
    Version { content, name: call.str("VersionName").map(str::to_owned), created: call.now }
}

pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    let kind = call.str("DocumentType").unwrap_or("Command").to_owned();
    let content = check(&kind, call)?;
    if view(world, call).is_some_and(|state| state.documents.contains_key(name(call))) {
        return Err(fault(
            "DocumentAlreadyExists",
            format!("Document with same name {} already exists", name(call)),
        ));
    }
    let new = tags::read(call.input.get("Tags"), "Key", "Value");
    let tags =
        tags::merged(&tags::Tags::new(), new).map_err(|_| fault("ValidationException", "Invalid tags."))?;
    let versions = [(1, version(call, content))].into();
    let document = Document { kind, versions, default: 1, shared: BTreeSet::new(), tags };
    let shown = description(call, &document, 1);
    edit(world, call).documents.insert(name(call).to_owned(), document);
    Ok(json!({"DocumentDescription": shown}))
}

/// Adds a version. The default stays what it was. Guess: the content of any version counts as a duplicate.
pub(super) fn update(world: &mut World, call: &Call) -> Reply {
    let document = find(world, call)?;
    let content = check(&document.kind.clone(), call)?;
    let latest = document.latest();
    let asked = call.str("DocumentVersion").unwrap_or_default();
    if asked != "$LATEST" && asked != latest.to_string() {
        return Err(fault(
            "InvalidDocumentVersion",
            format!(
                "Version provided for document {0} is not latest. Please provide the latest version to update document {0}",
                name(call)
            ),
        ));
    }
    if document.versions.values().any(|version| version.content == content) {
        return Err(fault(
            "DuplicateDocumentContent",
            "The content of the association document matches another document. Change the content of the document and try \
             again.",
        ));
    }
    if document.versions.len() >= MOST_VERSIONS {
        return Err(fault("DocumentVersionLimitExceeded", "The document has too many versions."));
    }
    let document = change(world, call)?;
    document.versions.insert(latest + 1, version(call, content));
    let shown = description(call, document, latest + 1);
    Ok(json!({"DocumentDescription": shown}))
}

pub(super) fn set_default(world: &mut World, call: &Call) -> Reply {
    let (number, _) = find(world, call)?.version(call.str("DocumentVersion"))?;
    change(world, call)?.default = number;
    Ok(json!({"Description": {"Name": name(call), "DefaultVersion": number.to_string()}}))
}

pub(super) fn get(world: &mut World, call: &Call) -> Reply {
    let document = find(world, call)?;
    let (number, version) = document.version(call.str("DocumentVersion"))?;
    let mut shown = json!({
        "Name": name(call),
        "CreatedDate": version.created,
        "DocumentVersion": number.to_string(),
        "Status": "Active",
        "Content": version.content,
        "DocumentType": document.kind,
        "DocumentFormat": "JSON",
    });
    if let Some(name) = &version.name {
        shown["VersionName"] = json!(name);
    }
    Ok(shown)
}

pub(super) fn describe(world: &mut World, call: &Call) -> Reply {
    let document = find(world, call)?;
    let (number, _) = document.version(call.str("DocumentVersion"))?;
    Ok(json!({"Document": description(call, document, number)}))
}

fn description(call: &Call, document: &Document, number: u32) -> Value {
    let empty = Version::default();
    let version = document.versions.get(&number).unwrap_or(&empty);
    let content: Value = serde_json::from_str(&version.content).unwrap_or_default();
    let hash = sha256_hex(version.content.as_bytes());
    let mut shown = json!({
        "Hash": hash,
        "HashType": "Sha256",
        "Name": name(call),
        "Owner": call.account,
        "CreatedDate": version.created,
        "Status": "Active",
        "DocumentVersion": number.to_string(),
        "PlatformTypes": ["Windows", "Linux", "MacOS"],
        "DocumentType": document.kind,
        "LatestVersion": document.latest().to_string(),
        "DefaultVersion": document.default.to_string(),
        "DocumentFormat": "JSON",
        "Tags": tags::write(&document.tags, "Key", "Value"),
    });
    for (member, key) in [("Description", "description"), ("SchemaVersion", "schemaVersion")] {
        if let Some(text) = content[key].as_str() {
            shown[member] = json!(text);
        }
    }
    shown
}

pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    find(world, call)?;
    edit(world, call).documents.remove(name(call));
    Ok(json!({}))
}

/// The account's own documents; those of AWS are left out.
pub(super) fn list(world: &mut World, call: &Call) -> Reply {
    let own = view(world, call).map(|state: &State| state.documents.iter()).into_iter().flatten();
    let all: Vec<Value> = own
        .map(|(name, document)| {
            json!({
                "Name": name,
                "Owner": call.account,
                "DocumentVersion": document.default.to_string(),
                "DocumentType": document.kind,
                "DocumentFormat": "JSON",
            })
        })
        .collect();
    let bad_token = || fault("InvalidNextToken", "The specified token is not valid.");
    let (page, next) = world.page(&all, call.int("MaxResults"), 50, call.str("NextToken"), &bad_token)?;
    let mut reply = json!({"DocumentIdentifiers": page});
    if let Some(next) = next {
        reply["NextToken"] = json!(next);
    }
    Ok(reply)
}

pub(super) fn permission(world: &mut World, call: &Call) -> Reply {
    let document = find(world, call)?;
    let share = |account: &String| json!({"AccountId": account, "SharedDocumentVersion": "$DEFAULT"});
    Ok(json!({
        "AccountIds": document.shared,
        "AccountSharingInfoList": document.shared.iter().map(share).collect::<Vec<_>>(),
    }))
}

/// Shares with accounts, or with `all`. Guess: the code where public sharing is blocked.
pub(super) fn share(world: &mut World, call: &Call) -> Reply {
    find(world, call)?;
    let listed = |member: &str| -> Vec<String> {
        let list = call.input.get(member).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let added = listed("AccountIdsToAdd");
    let blocked = settings::value(world, call, settings::PUBLIC_SHARING) == Some("Disable");
    if blocked && added.iter().any(|account| account.eq_ignore_ascii_case("all")) {
        return Err(fault(
            "InvalidPermissionType",
            "Public sharing of documents is blocked in this account.",
        ));
    }
    let document = change(world, call)?;
    document.shared.extend(added);
    for account in listed("AccountIdsToRemove") {
        document.shared.remove(&account);
    }
    Ok(json!({}))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use serde_json::{Value, json};

    use super::super::settings::PUBLIC_SHARING;
    use crate::sandbox::services::lab::Lab;

    const NAME: &str = "SSM-SessionManagerRunShell";

    fn preferences(timeout: &str) -> String {
        json!({"schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": {"idleSessionTimeout": timeout}})
            .to_string()
    }

    fn create(content: &str) -> Value {
        json!({"Name": NAME, "Content": content, "DocumentType": "Session", "DocumentFormat": "JSON"})
    }

    fn update(content: &str, version: &str) -> Value {
        json!({"Name": NAME, "Content": content, "DocumentVersion": version, "DocumentFormat": "JSON"})
    }

    #[test]
    fn a_version_is_not_the_default_before_it_is_made_so() {
        let mut lab = Lab::new();
        let get = json!({"Name": NAME});
        assert_eq!(lab.fails("ssm", "GetDocument", get.clone()).code, "InvalidDocument");
        lab.ok("ssm", "CreateDocument", create(&preferences("20")));
        let made = lab.ok("ssm", "UpdateDocument", update(&preferences("30"), "$LATEST"));
        assert_eq!(made["DocumentDescription"]["DocumentVersion"], "2");
        let version =
            |lab: &mut Lab, asked: Value| lab.ok("ssm", "GetDocument", asked)["DocumentVersion"].clone();
        assert_eq!(version(&mut lab, get.clone()), "1");
        assert_eq!(version(&mut lab, json!({"Name": NAME, "DocumentVersion": "$LATEST"})), "2");
        lab.ok("ssm", "UpdateDocumentDefaultVersion", json!({"Name": NAME, "DocumentVersion": "2"}));
        assert_eq!(version(&mut lab, get.clone()), "2");
        let described = lab.ok("ssm", "DescribeDocument", get)["Document"].clone();
        assert_eq!((&described["LatestVersion"], &described["DefaultVersion"]), (&json!("2"), &json!("2")));
    }

    #[test]
    fn what_is_refused() {
        let mut lab = Lab::new();
        lab.ok("ssm", "CreateDocument", create(&preferences("20")));
        let number =
            r#"{"schemaVersion":"1.0","sessionType":"Standard_Stream","inputs":{"idleSessionTimeout":20}}"#;
        let old = preferences("20").replace("1.0", "2.2");
        lab.table(
            "ssm",
            &[
                ("CreateDocument", create(&preferences("20")), "DocumentAlreadyExists"),
                ("UpdateDocument", update(&preferences("20"), "$LATEST"), "DuplicateDocumentContent"),
                ("UpdateDocument", update(&preferences("30"), "7"), "InvalidDocumentVersion"),
                ("UpdateDocument", update(&preferences("90"), "$LATEST"), "InvalidDocumentContent"),
                ("UpdateDocument", update(number, "$LATEST"), "InvalidDocumentContent"),
                ("UpdateDocument", update("text", "$LATEST"), "InvalidDocumentContent"),
                ("UpdateDocument", update(&old, "$LATEST"), "InvalidDocumentSchemaVersion"),
                (
                    "UpdateDocumentDefaultVersion",
                    json!({"Name": NAME, "DocumentVersion": "9"}),
                    "InvalidDocumentVersion",
                ),
            ],
        );
        lab.ok("ssm", "DeleteDocument", json!({"Name": NAME}));
        assert_eq!(lab.ok("ssm", "ListDocuments", json!({}))["DocumentIdentifiers"], json!([]));
    }

    #[test]
    fn nothing_is_made_public_while_that_is_blocked() {
        let mut lab = Lab::new();
        lab.ok("ssm", "CreateDocument", create(&preferences("20")));
        let share = json!({"Name": NAME, "PermissionType": "Share", "AccountIdsToAdd": ["all"]});
        lab.ok(
            "ssm",
            "UpdateServiceSetting",
            json!({"SettingId": PUBLIC_SHARING, "SettingValue": "Disable"}),
        );
        assert_eq!(lab.fails("ssm", "ModifyDocumentPermission", share.clone()).code, "InvalidPermissionType");
        lab.ok("ssm", "ResetServiceSetting", json!({"SettingId": PUBLIC_SHARING}));
        lab.ok("ssm", "ModifyDocumentPermission", share);
        let seen =
            lab.ok("ssm", "DescribeDocumentPermission", json!({"Name": NAME, "PermissionType": "Share"}));
        assert_eq!(seen["AccountIds"].as_array().unwrap().len(), 1);
    }
}
