//! Small objects, with versions and Object Lock.
//!
//! Ranges are not honoured: GetObject answers the whole object. ETags are digests, but not MD5.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::super::documents;
use super::{Bucket, access_denied, canonical_id, encryption, invalid, look, open};
use crate::sandbox::world::{Call, Fault, Reply, World};

/// One version of an object, or a delete marker.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Version {
    /// Version id; `null` where versioning was not enabled.
    pub id: String,
    /// Whether it is a delete marker.
    pub marker: bool,
    /// Content in base64.
    pub body: String,
    /// Bytes of the content.
    pub size: usize,
    /// Seconds since 1970.
    pub modified: f64,
    /// ETag, with its quotes.
    pub etag: String,
    /// Headers that are given back: content type, metadata, checksums, encryption.
    pub headers: Map<String, Value>,
    /// Object Lock mode, and until when.
    pub retention: Option<(String, f64)>,
    /// Whether a legal hold is on.
    pub legal_hold: bool,
}

/// Members of PutObject that GetObject and HeadObject give back.
pub(super) const KEPT: &[&str] = &[
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
    "Metadata",
    "StorageClass",
    "WebsiteRedirectLocation",
];

/// PutObject.
pub(super) fn put(world: &mut World, call: &Call) -> Reply {
    let bucket = look(world, call)?;
    let key = call.required("Key").to_string();
    preconditions(call, current(bucket, &key))?;
    if call.str("ACL").is_some_and(|acl| acl != "bucket-owner-full-control")
        && bucket.ownership == "BucketOwnerEnforced"
    {
        return Err(invalid("AccessControlListNotSupported", "The bucket does not allow ACLs"));
    }
    if call.str("SSECustomerAlgorithm").is_some() {
        // Blocked by default since April 2026 (User Guide, "Blocking or unblocking SSE-C").
        return Err(access_denied());
    }
    let body = STANDARD
        .decode(call.str("Body").unwrap_or_default())
        .map_err(|_| invalid("InvalidRequest", "The body is not valid"))?;
    let digest = Sha256::digest(&body);
    if let Some(given) = call.str("ChecksumSHA256")
        && given != STANDARD.encode(digest)
    {
        let message = "The SHA256 you specified did not match the calculated checksum.";
        return Err(invalid("BadDigest", message));
    }
    let retention = retention(bucket, call)?;
    let versioning = bucket.versioning.clone();
    let headers = headers(bucket, call);
    let hex = documents::digest_hex(&body, 16);
    let version = Version {
        id: if versioning.as_deref() == Some("Enabled") { world.id(32, ALPHABET) } else { "null".into() },
        marker: false,
        body: STANDARD.encode(&body),
        size: body.len(),
        modified: call.now,
        etag: format!("\"{hex}\""),
        headers,
        retention,
        legal_hold: call.str("ObjectLockLegalHoldStatus") == Some("ON"),
    };
    let mut output = encryption_of(&version);
    output.insert("ETag".into(), json!(version.etag));
    output.extend(version.headers.iter().filter(|(name, _)| name.starts_with("Checksum")).map(pair));
    if versioning.is_some() {
        output.insert("VersionId".into(), json!(version.id));
    }
    add(open(world, call)?, &key, version);
    Ok(Value::Object(output))
}

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._";

/// GetObject.
pub(super) fn get(world: &World, call: &Call) -> Reply {
    let version = wanted(look(world, call)?, call)?;
    let mut output = described(look(world, call)?, version, call);
    output.insert("Body".into(), json!(version.body));
    Ok(Value::Object(output))
}

/// HeadObject.
pub(super) fn head(world: &World, call: &Call) -> Reply {
    let bucket = look(world, call)?;
    Ok(Value::Object(described(bucket, wanted(bucket, call)?, call)))
}

/// DeleteObject. With versioning and without a version id it adds a delete marker.
pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    let key = call.required("Key").to_string();
    let bucket = look(world, call)?;
    if let Some(id) = call.str("VersionId") {
        return delete_version(world, call, &key, id);
    }
    let Some(status) = bucket.versioning.clone() else {
        open(world, call)?.objects.remove(&key);
        return Ok(json!({}));
    };
    let id = if status == "Enabled" { world.id(32, ALPHABET) } else { "null".into() };
    let marker = Version { id: id.clone(), marker: true, modified: call.now, ..Version::default() };
    add(open(world, call)?, &key, marker);
    Ok(json!({"DeleteMarker": true, "VersionId": id}))
}

fn delete_version(world: &mut World, call: &Call, key: &str, id: &str) -> Reply {
    let bucket = open(world, call)?;
    let versions = bucket.objects.get_mut(key);
    let Some(versions) = versions else { return Ok(json!({"VersionId": id})) };
    let mut marker = false;
    if let Some(version) = versions.iter().find(|version| version.id == id) {
        let bypass = call.bool("BypassGovernanceRetention") == Some(true);
        let held = version
            .retention
            .as_ref()
            .is_some_and(|(mode, until)| *until > call.now && !(bypass && mode == "GOVERNANCE"));
        if held || version.legal_hold {
            let message = "Access Denied because object protected by object lock.";
            return Err(Fault::new("AccessDenied", message).status(403));
        }
        marker = version.marker;
    }
    versions.retain(|version| version.id != id);
    if versions.is_empty() {
        bucket.objects.remove(key);
    }
    let mut output = json!({"VersionId": id});
    if marker {
        output["DeleteMarker"] = json!(true);
    }
    Ok(output)
}

/// ListObjectsV2: current versions, with prefixes rolled up at the delimiter.
pub(super) fn list(world: &World, call: &Call) -> Reply {
    let bucket = look(world, call)?;
    let prefix = call.str("Prefix").unwrap_or_default();
    let delimiter = call.str("Delimiter").unwrap_or_default();
    let mut rolled = BTreeSet::new();
    let mut entries = Vec::new();
    for (key, version) in bucket.objects.keys().filter_map(|key| Some((key, current(bucket, key)?))) {
        let Some(rest) = key.strip_prefix(prefix) else { continue };
        if call.str("StartAfter").is_some_and(|after| key.as_str() <= after) {
            continue;
        }
        let cut = (!delimiter.is_empty()).then(|| rest.find(delimiter)).flatten();
        match cut {
            Some(at) => {
                let common = format!("{prefix}{}{delimiter}", &rest[..at]);
                if rolled.insert(common.clone()) {
                    entries.push(json!({"Prefix": encoded(call, &common)}));
                }
            }
            None => entries.push(entry(bucket, key, version, call)),
        }
    }
    let bad_token = || invalid("InvalidArgument", "The continuation token provided is incorrect");
    let (page, next) = world.page(
        &entries,
        call.int("MaxKeys").map(|n| n.min(1000)),
        1000,
        call.str("ContinuationToken"),
        &bad_token,
    )?;
    let (contents, prefixes): (Vec<Value>, Vec<Value>) =
        page.into_iter().partition(|entry| entry.get("Key").is_some());
    let mut output = json!({
        "Name": call.required("Bucket"),
        "Prefix": encoded(call, prefix),
        "MaxKeys": call.int("MaxKeys").unwrap_or(1000),
        "KeyCount": contents.len() + prefixes.len(),
        "IsTruncated": next.is_some(),
        "Contents": contents,
        "CommonPrefixes": prefixes,
    });
    for member in ["ContinuationToken", "EncodingType"] {
        if let Some(value) = call.str(member) {
            output[member] = json!(value);
        }
    }
    for member in ["Delimiter", "StartAfter"] {
        if let Some(value) = call.str(member) {
            output[member] = json!(encoded(call, value));
        }
    }
    if let Some(next) = next {
        output["NextContinuationToken"] = json!(next);
    }
    Ok(output)
}

/// ListObjectVersions: every version, keys in order and the newest version of each first. Prefixes are not rolled up.
pub(super) fn list_versions(world: &World, call: &Call) -> Reply {
    let bucket = look(world, call)?;
    let prefix = call.str("Prefix").unwrap_or_default();
    let most = call.int("MaxKeys").map_or(1000, |n| usize::try_from(n).unwrap_or_default().min(1000));
    let keys = bucket.objects.iter().filter(|(key, _)| key.starts_with(prefix));
    let all = keys.flat_map(|(key, versions)| {
        versions.iter().rev().enumerate().map(move |(at, version)| (key, version, at == 0))
    });
    let marker = (call.str("KeyMarker"), call.str("VersionIdMarker"));
    let mut seen = false;
    let mut rest = all.skip_while(|(key, version, _)| match marker {
        (None, _) => false,
        (Some(after), None) => key.as_str() <= after,
        (Some(after), Some(id)) => {
            let skipped = !seen && key.as_str() <= after;
            seen |= key.as_str() == after && version.id == id;
            skipped
        }
    });
    let page: Vec<_> = rest.by_ref().take(most).collect();
    let mut output = json!({
        "Name": call.required("Bucket"),
        "Prefix": encoded(call, prefix),
        "MaxKeys": most,
        "IsTruncated": rest.next().is_some(),
    });
    if let Some((key, version, _)) = page.last().filter(|_| output["IsTruncated"] == json!(true)) {
        output["NextKeyMarker"] = json!(encoded(call, key));
        output["NextVersionIdMarker"] = json!(version.id);
    }
    for (key, version, latest) in page {
        let mut entry = entry(bucket, key, version, call);
        entry["VersionId"] = json!(version.id);
        entry["IsLatest"] = json!(latest);
        entry["Owner"] = json!({"ID": canonical_id(&bucket.owner)});
        let list = if version.marker { "DeleteMarkers" } else { "Versions" };
        if version.marker {
            for member in ["ETag", "Size", "StorageClass"] {
                entry.as_object_mut().and_then(|entry| entry.remove(member));
            }
        }
        match output[list].as_array_mut() {
            Some(entries) => entries.push(entry),
            None => output[list] = json!([entry]),
        }
    }
    Ok(output)
}

/// A key as the list shows it: URL-encoded where the caller asked for that (API Reference, ListObjectsV2:
/// EncodingType).
fn encoded(call: &Call, key: &str) -> String {
    /// Everything but letters, digits and what S3 leaves as it is.
    const RESERVED: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/');
    if call.str("EncodingType") == Some("url") {
        percent_encoding::utf8_percent_encode(key, RESERVED).to_string()
    } else {
        key.to_string()
    }
}

fn entry(bucket: &Bucket, key: &str, version: &Version, call: &Call) -> Value {
    let class = version.headers.get("StorageClass").cloned().unwrap_or(json!("STANDARD"));
    let mut entry = json!({
        "Key": encoded(call, key),
        "LastModified": version.modified,
        "ETag": version.etag,
        "Size": version.size,
        "StorageClass": class,
    });
    if call.bool("FetchOwner") == Some(true) {
        entry["Owner"] = json!({"ID": canonical_id(&bucket.owner)});
    }
    entry
}

/// The current version of a key; `None` where there is none or it is deleted.
fn current<'b>(bucket: &'b Bucket, key: &str) -> Option<&'b Version> {
    bucket.objects.get(key)?.last().filter(|version| !version.marker)
}

/// Adds a version. A `null` version replaces the earlier `null` version.
fn add(bucket: &mut Bucket, key: &str, version: Version) {
    let versions = bucket.objects.entry(key.into()).or_default();
    if version.id == "null" {
        versions.retain(|old| old.id != "null");
    }
    versions.push(version);
}

/// The version that GetObject and HeadObject ask for.
fn wanted<'b>(bucket: &'b Bucket, call: &Call) -> Result<&'b Version, Fault> {
    let key = call.required("Key");
    let missing =
        || Fault::new("NoSuchKey", "The specified key does not exist.").status(404).with("Key", json!(key));
    let version = match call.str("VersionId") {
        None => current(bucket, key).ok_or_else(missing)?,
        Some(id) => bucket
            .objects
            .get(key)
            .and_then(|versions| versions.iter().find(|version| version.id == id))
            .ok_or_else(|| {
                Fault::new("NoSuchVersion", "The specified version does not exist.").status(404)
            })?,
    };
    if version.marker {
        let message = "The specified method is not allowed against this resource.";
        return Err(Fault::new("MethodNotAllowed", message).status(405));
    }
    if call.str("IfMatch").is_some_and(|tag| tag.trim_matches('"') != version.etag.trim_matches('"')) {
        return Err(precondition_failed("If-Match"));
    }
    if call.str("IfNoneMatch").is_some_and(|tag| tag.trim_matches('"') == version.etag.trim_matches('"')) {
        return Err(Fault::new("NotModified", "Not Modified").status(304));
    }
    Ok(version)
}

/// Conditional writes (User Guide, "How to prevent object overwrites with conditional writes").
fn preconditions(call: &Call, current: Option<&Version>) -> Result<(), Fault> {
    if call.str("IfNoneMatch") == Some("*") && current.is_some() {
        return Err(precondition_failed("If-None-Match"));
    }
    if let Some(tag) = call.str("IfMatch") {
        match current {
            None => return Err(Fault::new("NoSuchKey", "The specified key does not exist.").status(404)),
            Some(version) if version.etag.trim_matches('"') == tag.trim_matches('"') => {}
            Some(_) => return Err(precondition_failed("If-Match")),
        }
    }
    Ok(())
}

fn precondition_failed(condition: &str) -> Fault {
    Fault::new("PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
        .status(412)
        .with("Condition", json!(condition))
}

/// What holds a new version: what the request says, else the bucket's default retention.
fn retention(bucket: &Bucket, call: &Call) -> Result<Option<(String, f64)>, Fault> {
    let until = call.input.get("ObjectLockRetainUntilDate").and_then(Value::as_f64);
    if (call.str("ObjectLockMode").is_some() || call.str("ObjectLockLegalHoldStatus").is_some())
        && !bucket.object_lock
    {
        return Err(invalid("InvalidRequest", "Bucket is missing Object Lock Configuration"));
    }
    match (call.str("ObjectLockMode"), until) {
        (Some(mode), Some(until)) if until > call.now => return Ok(Some((mode.into(), until))),
        (Some(_), Some(_)) => {
            return Err(invalid("InvalidArgument", "The retain until date must be in the future!"));
        }
        (None, None) => {}
        _ => {
            let message =
                "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied";
            return Err(invalid("InvalidArgument", message));
        }
    }
    let Some(default) = &bucket.retention else { return Ok(None) };
    let number = |member: &str| default.get(member).and_then(Value::as_i64);
    let days = number("Days").or(number("Years").map(|years| years.saturating_mul(365))).unwrap_or_default();
    let mode = default.get("Mode").and_then(Value::as_str).unwrap_or_default();
    Ok(Some((mode.into(), call.now + days as f64 * 86_400.0)))
}

/// What GetObject gives back of a PutObject: headers, checksums, and how it is encrypted.
fn headers(bucket: &Bucket, call: &Call) -> Map<String, Value> {
    let empty = Map::new();
    let input = call.input.as_object().unwrap_or(&empty);
    let checksum = |name: &str| name.starts_with("Checksum") && name != "ChecksumAlgorithm";
    let mut headers: Map<String, Value> =
        input.iter().filter(|(name, _)| KEPT.contains(&name.as_str()) || checksum(name)).map(pair).collect();
    let default = bucket.encryption.clone().unwrap_or_else(encryption::default_configuration);
    let apply = default.pointer("/Rules/0/ApplyServerSideEncryptionByDefault").cloned().unwrap_or_default();
    let algorithm = call.str("ServerSideEncryption").or(apply.get("SSEAlgorithm").and_then(Value::as_str));
    headers.insert("ServerSideEncryption".into(), json!(algorithm.unwrap_or("AES256")));
    let key = call.str("SSEKMSKeyId").or(apply.get("KMSMasterKeyID").and_then(Value::as_str));
    if let Some(key) = key.filter(|_| algorithm.is_some_and(|name| name.starts_with("aws:kms"))) {
        headers.insert("SSEKMSKeyId".into(), json!(key));
    }
    headers
}

fn encryption_of(version: &Version) -> Map<String, Value> {
    let names = ["ServerSideEncryption", "SSEKMSKeyId"];
    version.headers.iter().filter(|(name, _)| names.contains(&name.as_str())).map(pair).collect()
}

fn described(bucket: &Bucket, version: &Version, call: &Call) -> Map<String, Value> {
    let with_checksums = call.str("ChecksumMode") == Some("ENABLED");
    let mut output: Map<String, Value> = version
        .headers
        .iter()
        .filter(|(name, _)| with_checksums || !name.starts_with("Checksum"))
        .map(pair)
        .collect();
    output.entry("ContentType").or_insert_with(|| json!("binary/octet-stream"));
    output.insert("ContentLength".into(), json!(version.size));
    output.insert("LastModified".into(), json!(version.modified));
    output.insert("ETag".into(), json!(version.etag));
    output.insert("AcceptRanges".into(), json!("bytes"));
    if bucket.versioning.is_some() {
        output.insert("VersionId".into(), json!(version.id));
    }
    if let Some((mode, until)) = &version.retention {
        output.insert("ObjectLockMode".into(), json!(mode));
        output.insert("ObjectLockRetainUntilDate".into(), json!(until));
    }
    if version.legal_hold {
        output.insert("ObjectLockLegalHoldStatus".into(), json!("ON"));
    }
    output
}

fn pair((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}
