//! Bucket policies.

use serde_json::json;

use super::super::documents;
use super::{effective_block, invalid, look, open};
use crate::policy::{Document, Element, Statement};
use crate::sandbox::caller;
use crate::sandbox::world::{Call, Fault, Reply, World};

/// Size of a bucket policy in bytes (User Guide, "Policies and permissions": 20 KB).
const MOST_BYTES: usize = 20 * 1024;

/// GetBucketPolicy.
pub(super) fn get(world: &World, call: &Call) -> Reply {
    let bucket = look(world, call)?;
    Ok(json!({"Policy": bucket.policy.as_ref().ok_or_else(|| none(call))?}))
}

/// GetBucketPolicyStatus.
pub(super) fn status(world: &World, call: &Call) -> Reply {
    let bucket = look(world, call)?;
    let policy = bucket.policy.as_ref().ok_or_else(|| none(call))?;
    let public = Document::parse(policy).is_ok_and(|document| documents::is_public(&document));
    Ok(json!({"PolicyStatus": {"IsPublic": public}}))
}

/// DeleteBucketPolicy; there need not be one.
pub(super) fn delete(world: &mut World, call: &Call) -> Reply {
    open(world, call)?.policy = None;
    Ok(json!({}))
}

/// PutBucketPolicy.
pub(super) fn put(world: &mut World, call: &Call) -> Reply {
    let name = call.required("Bucket");
    let bucket = look(world, call)?;
    let block = effective_block(world, bucket);
    let text = call.required("Policy");
    let document = checked(world, text, name)?;
    if block.block_public_policy && documents::is_public(&document) {
        let arn = world.arn("s3", "", "", name);
        let message = format!(
            "User: {} is not authorized to perform: s3:PutBucketPolicy on resource: \"{arn}\" because public \
             policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.",
            caller::user_arn(world, call)
        );
        return Err(Fault::new("AccessDenied", message).status(403));
    }
    let text = text.to_string();
    open(world, call)?.policy = Some(text);
    Ok(json!({}))
}

/// The checks that S3 makes of a policy document before it stores it.
fn checked(world: &World, text: &str, bucket: &str) -> Result<Document, Fault> {
    let malformed = |message: &str| Err(invalid("MalformedPolicy", message));
    if !text.starts_with('{') {
        return malformed("Policies must be valid JSON and the first byte must be '{'");
    }
    if text.len() > MOST_BYTES {
        // Guess: the code.
        return Err(invalid(
            "PolicyTooLarge",
            "The bucket policy exceeds the maximum allowed size of 20480 bytes",
        ));
    }
    if serde_json::from_str::<serde_json::Value>(text).is_err() {
        return malformed("This policy contains invalid Json");
    }
    let Ok(document) = Document::parse(text) else {
        return malformed("This policy contains invalid Json");
    };
    if document.statements.is_empty() {
        return malformed("Could not parse the policy: Statement is empty!");
    }
    if document.statements.iter().any(|statement| statement.principal.is_none()) {
        return malformed("Missing required field Principal");
    }
    if document.statements.iter().any(|statement| statement.resource.is_none()) {
        return malformed("Missing required field Resource");
    }
    if !documents::unknown_principals(world, &document).is_empty() {
        return malformed("Invalid principal in policy");
    }
    if document.statements.iter().any(|statement| !actions_of_s3(statement)) {
        return malformed("Policy has invalid action");
    }
    if document.statements.iter().any(|statement| !resources_of(world, statement, bucket)) {
        return malformed("Policy has invalid resource");
    }
    if document.statements.iter().any(|statement| !action_fits_resource(statement)) {
        return malformed("Action does not apply to any resource(s) in statement");
    }
    Ok(document)
}

fn actions_of_s3(statement: &Statement) -> bool {
    let (Element::Is(actions) | Element::IsNot(actions)) = &statement.action;
    let known = |action: &String| action == "*" || action.to_ascii_lowercase().starts_with("s3:");
    !actions.is_empty() && actions.iter().all(known)
}

/// Every resource must be this bucket or objects in it.
fn resources_of(world: &World, statement: &Statement, bucket: &str) -> bool {
    let Some(Element::Is(resources) | Element::IsNot(resources)) = &statement.resource else { return false };
    let arn = world.arn("s3", "", "", bucket);
    !resources.is_empty()
        && resources.iter().all(|resource| {
            let name = resource.split('/').next().unwrap_or_default();
            name == arn || (name.contains(['*', '?']) && documents::wildcard(name, &arn))
        })
}

/// An action on objects needs an object resource, and one on the bucket a bucket resource.
fn action_fits_resource(statement: &Statement) -> bool {
    let (Element::Is(actions), Some(Element::Is(resources))) = (&statement.action, &statement.resource)
    else {
        return true;
    };
    let objects = resources.iter().any(|resource| resource.contains('/') || resource.ends_with('*'));
    let buckets = resources.iter().any(|resource| !resource.contains('/') || resource.starts_with('*'));
    actions.iter().any(|action| {
        let action = action.to_ascii_lowercase();
        let on_object = [
            "s3:getobject",
            "s3:putobject",
            "s3:deleteobject",
            "s3:restoreobject",
            "s3:abortmultipart",
            "s3:replicate",
            "s3:objectowneroverride",
        ];
        let on_object = on_object.iter().any(|prefix| action.starts_with(prefix));
        if action.contains('*') {
            true
        } else if on_object {
            objects
        } else {
            buckets
        }
    })
}

fn none(call: &Call) -> Fault {
    Fault::new("NoSuchBucketPolicy", "The bucket policy does not exist")
        .status(404)
        .with("BucketName", json!(call.required("Bucket")))
}
