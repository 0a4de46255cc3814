//! CopyObject: reads as GetObject does, writes as PutObject does.
//!
//! SCPs and bucket policies are asked for `s3:PutObject` on the target by the door, and for the source as any reader is.

use serde_json::{Map, Value, json};

use super::{invalid, objects};
use crate::sandbox::world::{Call, Reply, World};
use percent_encoding::percent_decode_str;

/// CopyObject (API Reference, CopyObject). Object tags are not simulated.
pub(super) fn copy(world: &mut World, call: &Call) -> Reply {
    let text = percent_decode_str(call.required("CopySource")).decode_utf8_lossy().into_owned();
    let wrong = || {
        invalid(
            "InvalidArgument",
            "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
        )
    };
    let (bucket, rest) = text.trim_start_matches('/').split_once('/').ok_or_else(wrong)?;
    let (key, version) = match rest.split_once("?versionId=") {
        Some((key, version)) => (key, Some(version)),
        None => (rest, None),
    };
    if bucket.is_empty() || key.is_empty() {
        return Err(wrong());
    }
    let replaces = call.str("MetadataDirective") == Some("REPLACE");
    let itself = bucket == call.required("Bucket") && key == call.required("Key") && version.is_none();
    let changes = replaces || ["StorageClass", "ServerSideEncryption"].iter().any(|m| call.str(m).is_some());
    if itself && !changes {
        let message = "This copy request is illegal because it is trying to copy an object to itself without changing \
                       the object's metadata, storage class, website redirect location or encryption attributes.";
        return Err(invalid("InvalidRequest", message));
    }
    let source = objects::get(world, &source_call(call, bucket, key, version))?;
    let done = objects::put(world, &target_call(call, &source, replaces))?;
    let mut output = Map::from_iter([(
        "CopyObjectResult".to_owned(),
        json!({"ETag": done["ETag"], "LastModified": call.now}),
    )]);
    for member in ["ServerSideEncryption", "SSEKMSKeyId", "VersionId"] {
        output.extend(done.get(member).map(|value| (member.to_owned(), value.clone())));
    }
    output.extend(source.get("VersionId").map(|id| ("CopySourceVersionId".to_owned(), id.clone())));
    Ok(Value::Object(output))
}

fn source_call(call: &Call, bucket: &str, key: &str, version: Option<&str>) -> Call {
    let mut input = json!({"Bucket": bucket, "Key": key});
    for (from, to) in [
        ("CopySourceIfMatch", "IfMatch"),
        ("CopySourceIfNoneMatch", "IfNoneMatch"),
        ("ExpectedSourceBucketOwner", "ExpectedBucketOwner"),
    ] {
        if let Some(value) = call.str(from) {
            input[to] = json!(value);
        }
    }
    if let Some(version) = version {
        input["VersionId"] = json!(version);
    }
    Call { operation: "GetObject".into(), input, ..call.clone() }
}

/// The PutObject that writes the copy: the source's body, and its headers unless they are replaced.
fn target_call(call: &Call, source: &Value, replaces: bool) -> Call {
    let mut input = call.input.clone();
    input["Body"] = source["Body"].clone();
    if !replaces {
        for member in objects::KEPT.iter().filter(|member| **member != "StorageClass") {
            if let Some(value) = source.get(*member) {
                input[*member] = value.clone();
            }
        }
    }
    Call { operation: "PutObject".into(), input, ..call.clone() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::sandbox::services::lab::{HOME, Lab};

    #[test]
    fn a_copy_has_the_content_and_the_metadata_unless_it_is_replaced() {
        let mut lab = Lab::new();
        for name in ["from-1", "to-1"] {
            let input = json!({"Bucket": name, "CreateBucketConfiguration": {"LocationConstraint": HOME}});
            lab.ok("s3", "CreateBucket", input);
        }
        let body = json!({"Bucket": "from-1", "Key": "a b", "Body": "eA==", "Metadata": {"x": "y"}});
        let put = lab.ok("s3", "PutObject", body);
        let copy = |key: &str, more: serde_json::Value| {
            let mut input = json!({"Bucket": "to-1", "Key": key, "CopySource": "from-1/a%20b"});
            input
                .as_object_mut()
                .into_iter()
                .for_each(|map| map.extend(more.as_object().cloned().unwrap_or_default()));
            input
        };
        let done = lab.ok("s3", "CopyObject", copy("k", json!({})));
        assert_eq!(done["CopyObjectResult"]["ETag"], put["ETag"]);
        let read = lab.ok("s3", "GetObject", json!({"Bucket": "to-1", "Key": "k"}));
        assert_eq!((&read["Body"], &read["Metadata"]), (&json!("eA=="), &json!({"x": "y"})));
        let replaced = json!({"MetadataDirective": "REPLACE", "Metadata": {"x": "z"}});
        lab.ok("s3", "CopyObject", copy("k", replaced));
        let read = lab.ok("s3", "HeadObject", json!({"Bucket": "to-1", "Key": "k"}));
        assert_eq!(read["Metadata"], json!({"x": "z"}));
        let itself = json!({"Bucket": "from-1", "Key": "a b", "CopySource": "/from-1/a%20b"});
        lab.table(
            "s3",
            &[
                ("CopyObject", itself, "InvalidRequest"),
                ("CopyObject", copy("k", json!({"CopySource": "from-1"})), "InvalidArgument"),
                ("CopyObject", copy("k", json!({"CopySource": "from-1/none"})), "NoSuchKey"),
                ("CopyObject", copy("k", json!({"CopySource": "none-1/k"})), "NoSuchBucket"),
                ("CopyObject", copy("k", json!({"CopySourceIfMatch": "\"no\""})), "PreconditionFailed"),
                ("CopyObject", copy("k", json!({"IfNoneMatch": "*"})), "PreconditionFailed"),
            ],
        );
    }
}
