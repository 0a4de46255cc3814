//! Access control lists and Object Ownership.

use serde_json::{Value, json};

use super::{Bucket, access_denied, canonical_id, effective_block, invalid, look, malformed_xml, open};
use crate::sandbox::world::{Call, Fault, Reply, World};

const EVERYONE: &str = "http://acs.amazonaws.com/groups/global/AllUsers";
const SIGNED_IN: &str = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";
const LOG_DELIVERY: &str = "http://acs.amazonaws.com/groups/s3/LogDelivery";

/// GetBucketAcl.
pub(super) fn get(world: &World, call: &Call) -> Reply {
    let bucket = look(world, call)?;
    let id = canonical_id(&bucket.owner);
    let mut grants =
        vec![json!({"Grantee": {"Type": "CanonicalUser", "ID": id}, "Permission": "FULL_CONTROL"})];
    grants.extend(bucket.grants.clone());
    Ok(json!({"Owner": {"ID": id}, "Grants": grants}))
}

/// PutBucketAcl. Replaces all grants.
pub(super) fn put(world: &mut World, call: &Call) -> Reply {
    let bucket = look(world, call)?;
    if bucket.ownership == "BucketOwnerEnforced" {
        return Err(invalid("AccessControlListNotSupported", "The bucket does not allow ACLs"));
    }
    let block = effective_block(world, bucket);
    let owner = canonical_id(&bucket.owner);
    let Some(mut grants) = grants(call)? else {
        return Err(invalid("MissingSecurityHeader", "Your request was missing a required header"));
    };
    if block.block_public_acls && grants.iter().any(is_public) {
        return Err(access_denied());
    }
    grants.retain(|grant| grant["Grantee"]["ID"] != json!(owner));
    open(world, call)?.grants = grants;
    Ok(json!({}))
}

/// GetBucketOwnershipControls.
pub(super) fn get_ownership(world: &World, call: &Call) -> Reply {
    let bucket = look(world, call)?;
    Ok(json!({"OwnershipControls": {"Rules": [{"ObjectOwnership": bucket.ownership}]}}))
}

/// PutBucketOwnershipControls.
pub(super) fn put_ownership(world: &mut World, call: &Call) -> Reply {
    let rules = call.input.pointer("/OwnershipControls/Rules").and_then(Value::as_array);
    let Some([rule]) = rules.map(Vec::as_slice) else { return Err(malformed_xml()) };
    let ownership = rule.get("ObjectOwnership").and_then(Value::as_str).unwrap_or_default().to_string();
    let bucket = open(world, call)?;
    if ownership == "BucketOwnerEnforced" && !bucket.grants.is_empty() {
        let message = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting";
        return Err(invalid("InvalidBucketAclWithObjectOwnership", message));
    }
    bucket.ownership = ownership;
    Ok(json!({}))
}

/// The grants beside the owner's that a request asks for, or `None` where it names none at all.
pub(super) fn grants(call: &Call) -> Result<Option<Vec<Value>>, Fault> {
    let group = |uri: &str, permission: &str| json!({"Grantee": {"Type": "Group", "URI": uri}, "Permission": permission});
    let canned = match call.str("ACL") {
        None => None,
        Some("public-read") => Some(vec![group(EVERYONE, "READ")]),
        Some("public-read-write") => Some(vec![group(EVERYONE, "READ"), group(EVERYONE, "WRITE")]),
        Some("authenticated-read") => Some(vec![group(SIGNED_IN, "READ")]),
        Some(_) => Some(Vec::new()),
    };
    let body = call.input.pointer("/AccessControlPolicy/Grants").and_then(Value::as_array).cloned();
    let headers = header_grants(call)?;
    let given = [canned.is_some(), body.is_some(), !headers.is_empty()];
    if given.iter().filter(|given| **given).count() > 1 {
        let message = "Specifying both Canned ACLs and Header Grants is not allowed";
        return Err(invalid("InvalidRequest", message));
    }
    Ok(canned.or(body).or(if headers.is_empty() { None } else { Some(headers) }))
}

/// Grants of the `x-amz-grant-*` headers: `id="..."`, `uri="..."`, separated by commas.
fn header_grants(call: &Call) -> Result<Vec<Value>, Fault> {
    let mut grants = Vec::new();
    for (member, permission) in [
        ("GrantFullControl", "FULL_CONTROL"),
        ("GrantRead", "READ"),
        ("GrantReadACP", "READ_ACP"),
        ("GrantWrite", "WRITE"),
        ("GrantWriteACP", "WRITE_ACP"),
    ] {
        for part in call.str(member).unwrap_or_default().split(',').filter(|part| !part.trim().is_empty()) {
            let (kind, value) = part.trim().split_once('=').unwrap_or_default();
            let value = value.trim_matches('"');
            let grantee = match kind {
                "id" => json!({"Type": "CanonicalUser", "ID": value}),
                "uri" if [EVERYONE, SIGNED_IN, LOG_DELIVERY].contains(&value) => {
                    json!({"Type": "Group", "URI": value})
                }
                _ => return Err(invalid("InvalidArgument", "Argument format not recognized")),
            };
            grants.push(json!({"Grantee": grantee, "Permission": permission}));
        }
    }
    Ok(grants)
}

/// Whether a grant is to everyone or to everyone with an AWS account.
pub(super) fn is_public(grant: &Value) -> bool {
    let uri = grant.pointer("/Grantee/URI").and_then(Value::as_str);
    uri == Some(EVERYONE) || uri == Some(SIGNED_IN)
}

/// Whether the ACL lets S3 server access logging write (User Guide: WRITE and READ_ACP, or FULL_CONTROL).
pub(super) fn lets_log_delivery_write(bucket: &Bucket) -> bool {
    let has = |permission: &str| {
        bucket.grants.iter().any(|grant| {
            grant.pointer("/Grantee/URI").and_then(Value::as_str) == Some(LOG_DELIVERY)
                && grant.get("Permission").and_then(Value::as_str) == Some(permission)
        })
    };
    has("FULL_CONTROL") || (has("WRITE") && has("READ_ACP"))
}
