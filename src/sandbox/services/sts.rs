//! AWS Security Token Service: AssumeRole, AssumeRoot, GetCallerIdentity.
//!
//! Sources: the API reference (durations, role chaining, source identity), IAM user guide "Creating a trust policy",
//! "Centrally manage root access for member accounts".

use serde_json::{Value, json};

use crate::policy::evaluate::{self, Request};
use crate::policy::{Document, Effect};
use crate::sandbox::caller;
use crate::sandbox::session;
use crate::sandbox::world::{Call, Fault, Principal, Reply, World};

use super::iam::{ROOT_SESSIONS, Role};
use super::organizations::{self, AccountState};

/// The longest session of a role that a role assumed (API reference, "role chaining").
const CHAINED_SECONDS: i64 = 3_600;
/// The only and longest duration of AssumeRoot.
const ROOT_SECONDS: i64 = 900;
/// Task policies of AssumeRoot (`facts/service-principals.toml`, key `iam`).
const ROOT_TASKS: &[&str] = &[
    "IAMAuditRootUserCredentials",
    "IAMCreateRootUserPassword",
    "IAMDeleteRootUserCredentials",
    "S3UnlockBucketPolicy",
    "SQSUnlockQueuePolicy",
];

/// Runs one call. `None` where the operation has no handler.
pub fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    Some(match call.operation.as_str() {
        "AssumeRole" => {
            // An account whose creation is due exists from now on.
            organizations::settle(world, call.now);
            assume_role(world, call)
        }
        "AssumeRoot" => assume_root(world, call),
        "GetCallerIdentity" => Ok(identity(world, call)),
        _ => return None,
    })
}

fn identity(world: &World, call: &Call) -> Value {
    let user_id = match &call.principal {
        Principal::Management => "AIDASANDBOXMANAGEMENT".to_owned(),
        Principal::Role { .. } if caller::is_root_session(call) => call.account.clone(),
        Principal::User { name } => {
            let user = world.iam.get(&call.account).and_then(|iam| iam.users.get(name));
            user.map_or_else(|| "AIDASANDBOXUSERISGONE".to_owned(), |user| user.id.clone())
        }
        Principal::Role { role, session } => {
            let id = world.iam.get(&call.account).and_then(|iam| iam.roles.get(role)).map(|r| r.id.as_str());
            format!("{}:{session}", id.unwrap_or("AROASANDBOXROLEISGONE"))
        }
    };
    json!({"UserId": user_id, "Account": call.account, "Arn": caller::user_arn(world, call)})
}

fn denied(world: &World, call: &Call, action: &str, resource: &str) -> Fault {
    Fault::new(
        "AccessDenied",
        format!(
            "User: {} is not authorized to perform: {action} on resource: {resource}",
            caller::user_arn(world, call)
        ),
    )
    .status(403)
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::new("ValidationError", message).status(400)
}

/// The trust policy of a role.
pub(in crate::sandbox) fn trust_of(world: &World, arn: &str) -> Option<String> {
    target(world, arn).map(|(_, role)| role.trust.clone())
}

/// Account and role of an ARN `arn:PARTITION:iam::ACCOUNT:role/PATH/NAME`.
fn target<'w>(world: &'w World, arn: &str) -> Option<(String, &'w Role)> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [_, _, _, _, account, resource] = parts.as_slice() else { return None };
    let name = resource.rsplit('/').next()?;
    let role = world.iam.get(*account)?.roles.get(name)?;
    // The path is part of the ARN.
    (*resource == format!("role{}{name}", role.path)).then(|| ((*account).to_owned(), role))
}

fn assume_role(world: &World, call: &Call) -> Reply {
    let arn = call.required("RoleArn");
    let prefix = world.arn("iam", "", "", "");
    if !arn.starts_with(prefix.trim_end_matches(':')) || !arn.contains(":role/") {
        return Err(invalid(format!("{arn} is invalid")));
    }
    if caller::is_root_session(call) {
        return Err(Fault::new("AccessDenied", "Roles may not be assumed by root accounts.").status(403));
    }
    let refuse = || denied(world, call, "sts:AssumeRole", arn);
    let (account, role) = target(world, arn).ok_or_else(refuse)?;
    if !usable(world, &account) {
        return Err(refuse());
    }
    check_trust(world, call, arn, role)?;
    let seconds = duration(call, role)?;
    check_session_policy(call)?;
    let session_name = call.required("RoleSessionName");
    let end = call.now + seconds as f64;
    let issued = session::issue_with(&account, &role.name, session_name, end, call.str("Policy"));
    let mut reply = json!({
        "Credentials": credentials(&issued),
        "AssumedRoleUser": {
            "AssumedRoleId": format!("{}:{session_name}", role.id),
            "Arn": world.arn("sts", "", &account, &format!("assumed-role/{}/{session_name}", role.name)),
        },
    });
    if let Some(source) = call.str("SourceIdentity") {
        reply["SourceIdentity"] = json!(source);
    }
    Ok(reply)
}

/// Suspended and closed accounts have no working credentials, and neither has anybody outside the organization.
fn usable(world: &World, account: &str) -> bool {
    let state = world.organizations.accounts.get(account).map(|a| a.state);
    matches!(state, Some(AccountState::Active | AccountState::PendingActivation))
}

fn credentials(issued: &session::Credentials) -> Value {
    json!({
        "AccessKeyId": issued.access_key_id,
        "SecretAccessKey": issued.secret_access_key,
        "SessionToken": issued.session_token,
        "Expiration": issued.expiration,
    })
}

/// The trust policy must allow the call, and each extra that the call asks for. Whether the caller's own policies
/// allow it is a matter of strict mode.
fn check_trust(world: &World, call: &Call, arn: &str, role: &Role) -> Result<(), Fault> {
    let trust = Document::parse(&role.trust).ok();
    let mut actions = vec!["sts:AssumeRole"];
    if call.str("SourceIdentity").is_some() {
        actions.push("sts:SetSourceIdentity");
    }
    if call.input.get("Tags").and_then(Value::as_array).is_some_and(|tags| !tags.is_empty()) {
        actions.push("sts:TagSession");
    }
    for action in actions {
        let request = trust_request(world, call, action, arn);
        let allowed = trust.as_ref().and_then(|document| evaluate::effect(document, &request));
        if allowed != Some(Effect::Allow) {
            return Err(denied(world, call, action, arn));
        }
    }
    Ok(())
}

fn trust_request(world: &World, call: &Call, action: &str, arn: &str) -> Request {
    let mut request = Request::new(caller::caller(world, call), action, arn)
        .with("sts:RoleSessionName", call.required("RoleSessionName"))
        .with("aws:RequestedRegion", &call.region);
    for (member, key) in [("ExternalId", "sts:ExternalId"), ("SourceIdentity", "sts:SourceIdentity")] {
        if let Some(value) = call.str(member) {
            request = request.with(key, value);
        }
    }
    if let Some((organization, path)) = caller::organization_keys(world, &call.account) {
        request =
            request.with("aws:PrincipalOrgID", &organization).with_all("aws:PrincipalOrgPaths", &[&path]);
    }
    request
}

fn duration(call: &Call, role: &Role) -> Result<i64, Fault> {
    let seconds = call.int("DurationSeconds").unwrap_or(CHAINED_SECONDS);
    let chained = matches!(call.principal, Principal::Role { .. });
    if chained && seconds > CHAINED_SECONDS {
        return Err(invalid(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
        ));
    }
    if seconds > role.max_session {
        return Err(invalid(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    Ok(seconds)
}

/// A session policy must be one; strict mode evaluates it.
fn check_session_policy(call: &Call) -> Result<(), Fault> {
    let Some(text) = call.str("Policy") else { return Ok(()) };
    if Document::parse(text).is_err() {
        return Err(Fault::new("MalformedPolicyDocument", "This policy contains invalid Json").status(400));
    }
    Ok(())
}

fn assume_root(world: &World, call: &Call) -> Reply {
    let target = call.required("TargetPrincipal");
    let account = target.split(':').nth(4).unwrap_or(target);
    let root = world.arn("iam", "", account, "root");
    let refuse = || denied(world, call, "sts:AssumeRoot", &root);
    let management = organizations::management(world).ok_or_else(refuse)?;
    let may =
        call.account == management || organizations::is_delegated(world, "iam.amazonaws.com", &call.account);
    let enabled = world.iam.get(management).is_some_and(|iam| iam.features.contains(ROOT_SESSIONS));
    if !may || !enabled || account == management || !usable(world, account) {
        return Err(refuse());
    }
    let arn = call.input["TaskPolicyArn"]["arn"].as_str().unwrap_or_default();
    let prefix = world.arn("iam", "", "aws", "policy/root-task/");
    let task = arn.strip_prefix(prefix.as_str()).filter(|task| ROOT_TASKS.contains(task));
    let Some(task) = task else {
        // Guess: the code and text for a policy that is no task policy.
        return Err(invalid("The specified task policy is not valid."));
    };
    let seconds = call.int("DurationSeconds").filter(|s| *s > 0).unwrap_or(ROOT_SECONDS);
    if seconds > ROOT_SECONDS {
        return Err(invalid("The requested DurationSeconds exceeds the 900 second limit of AssumeRoot."));
    }
    let issued = session::issue(account, caller::ROOT_SESSION, task, call.now + seconds as f64);
    Ok(json!({"Credentials": credentials(&issued)}))
}

#[cfg(test)]
mod tests;
