//! Service control policies on the calls of member accounts.
//!
//! Sources: `facts/scps.md` section 1; Organizations user guide, "SCP evaluation". The management account is never
//! bound. Resource control policies, identity and resource policies belong to strict mode: `strict`.

mod actions;
mod resources;
pub mod strict;

pub(crate) use actions::{action, denied_code, is_global};

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use crate::policy::Document;
use crate::policy::evaluate::{self, Decision, Request};

use super::caller;
use super::services::organizations;
use super::world::{Call, Fault, World};

/// Refuses the call where a service control policy on the way from the root to the calling account denies it, or
/// where a level allows nothing of the kind; and where a session of AssumeRoot leaves its task.
///
/// # Errors
/// AWS's access-denied fault of the service, with AWS's message.
pub fn check(world: &World, call: &Call) -> Result<(), Fault> {
    if organizations::management(world) == Some(call.account.as_str()) {
        return Ok(());
    }
    // "No permissions are required to perform this operation", not even where a policy denies it (API reference).
    if call.service == "sts" && call.operation == "GetCallerIdentity" {
        return Ok(());
    }
    let action = actions::action(call);
    if !actions::in_root_task(call, &action) {
        return Err(denied(
            world,
            call,
            &action,
            &resources::resource(world, call),
            &format!("because no session policy allows the {action} action"),
        ));
    }
    let stored = organizations::attached_documents(world, &call.account, "SERVICE_CONTROL_POLICY");
    if stored.iter().flatten().all(|(id, _)| id == organizations::FULL_ACCESS)
        && stored.iter().all(|l| !l.is_empty())
    {
        return Ok(());
    }
    let parse = |level: &Vec<(String, String)>| level.iter().filter_map(|(_, text)| parsed(text)).collect();
    let documents: Vec<Vec<Arc<Document>>> = stored.iter().map(parse).collect();
    let levels: Vec<Vec<&Document>> =
        documents.iter().map(|level| level.iter().map(Arc::as_ref).collect()).collect();
    let resource = resources::resource(world, call);
    match evaluate::scp_decision(&levels, &request(world, call, &action, &resource)) {
        Decision::Allowed => Ok(()),
        Decision::ExplicitDeny { .. } => {
            Err(denied(world, call, &action, &resource, "with an explicit deny in a service control policy"))
        }
        Decision::ImplicitDeny { .. } => Err(denied(
            world,
            call,
            &action,
            &resource,
            &format!("because no service control policy allows the {action} action"),
        )),
    }
}

/// Policies parsed before, by text: a run makes thousands of calls under the same few policies.
static PARSED: LazyLock<Mutex<HashMap<String, Arc<Document>>>> = LazyLock::new(Mutex::default);
/// More texts than any organization has in force at once; then the store starts afresh.
const PARSED_LIMIT: usize = 1_000;

/// The document of a text. Texts were checked when the policy was made.
fn parsed(text: &str) -> Option<Arc<Document>> {
    let mut known = PARSED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(document) = known.get(text) {
        return Some(Arc::clone(document));
    }
    let document = Arc::new(Document::parse(text).ok()?);
    if known.len() >= PARSED_LIMIT {
        known.clear();
    }
    known.insert(text.to_owned(), Arc::clone(&document));
    Some(document)
}

/// The request as policies see it, resource policies too.
pub(crate) fn request(world: &World, call: &Call, action: &str, resource: &str) -> Request {
    let region = actions::requested_region(call);
    let mut request = Request::new(caller::caller(world, call), action, resource)
        .with("aws:RequestedRegion", region)
        .with("aws:SecureTransport", "true")
        .with("aws:ViaAWSService", "false");
    if let Some((organization, path)) = caller::organization_keys(world, &call.account) {
        request =
            request.with("aws:PrincipalOrgID", &organization).with_all("aws:PrincipalOrgPaths", &[&path]);
    }
    if caller::is_root_session(call) {
        request = request.with("aws:AssumedRoot", "true");
    }
    if let Some(protocol) = call.str("Protocol").filter(|_| call.service == "sns") {
        request = request.with("sns:Protocol", protocol);
    }
    for (key, values) in resources::context(world, call) {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        request = request.with_all(key, &values);
    }
    request
}

fn denied(world: &World, call: &Call, action: &str, resource: &str, reason: &str) -> Fault {
    let user = caller::user_arn(world, call);
    let message = match call.service.as_str() {
        // EC2 has its own words (public reports of "UnauthorizedOperation").
        "ec2" => format!(
            "You are not authorized to perform this operation. User: {user} is not authorized to perform: {action} on resource: {resource} {reason}"
        ),
        _ => format!("User: {user} is not authorized to perform: {action} on resource: {resource} {reason}"),
    };
    let (code, status) = actions::denied_code(&call.service);
    Fault::new(code, message).status(status)
}

#[cfg(test)]
mod tests;
