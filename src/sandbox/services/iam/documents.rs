//! Checks on policy documents.

use serde_json::Value;

use crate::policy::{Document, Element, Principal, PrincipalType, is_account_id};
use crate::sandbox::world::{Fault, World};

fn malformed(message: impl Into<String>) -> Fault {
    Fault::new("MalformedPolicyDocument", message).status(400)
}

/// Characters that IAM counts: white space is free (IAM quotas).
pub(super) fn size(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

fn parse(text: &str) -> Result<Document, Fault> {
    if serde_json::from_str::<Value>(text).is_err() {
        return Err(malformed("This policy contains invalid Json"));
    }
    let document = Document::parse(text).map_err(|_| malformed("Syntax errors in policy."))?;
    if document.statements.is_empty() {
        return Err(malformed("Syntax errors in policy."));
    }
    Ok(document)
}

/// Refuses an identity policy that is not one.
pub(super) fn check_permissions(text: &str) -> Result<(), Fault> {
    let document = parse(text)?;
    if document.statements.iter().any(|s| s.principal.is_some()) {
        return Err(malformed("Policy document should not specify a principal."));
    }
    if document.statements.iter().any(|s| s.resource.is_none()) {
        return Err(malformed("Policy statement must contain resources."));
    }
    Ok(())
}

/// Refuses a trust policy that is not one, or that names somebody who does not exist.
pub(super) fn check_trust(world: &World, text: &str) -> Result<(), Fault> {
    let document = parse(text)?;
    for statement in &document.statements {
        if statement.resource.is_some() {
            return Err(malformed("Has prohibited field Resource"));
        }
        let Some(Element::Is(principal)) = &statement.principal else {
            return Err(malformed("Missing required field Principal"));
        };
        if let Principal::Named(named) = principal {
            for arn in named.get(&PrincipalType::Aws).into_iter().flatten() {
                check_principal(world, arn)?;
            }
        }
    }
    Ok(())
}

/// IAM resolves principals when a policy is written. Accounts that the sandbox does not know are taken as existing.
fn check_principal(world: &World, principal: &str) -> Result<(), Fault> {
    let invalid = || malformed(format!("Invalid principal in policy: \"AWS\":\"{principal}\""));
    if principal == "*" || is_account_id(principal) {
        return Ok(());
    }
    let parts: Vec<&str> = principal.splitn(6, ':').collect();
    let [_, partition, service, _, account, resource] = parts.as_slice() else { return Err(invalid()) };
    if *partition != world.partition || !is_account_id(account) || !matches!(*service, "iam" | "sts") {
        return Err(invalid());
    }
    let member = world.organizations.accounts.contains_key(*account);
    let iam = super::view(world, account);
    let name = resource.rsplit('/').next().unwrap_or_default();
    let exists = match resource.split('/').next() {
        Some("role") => iam.roles.contains_key(name),
        Some("user") => iam.users.contains_key(name),
        Some("root" | "assumed-role" | "federated-user") => true,
        _ => return Err(invalid()),
    };
    if exists || !member { Ok(()) } else { Err(invalid()) }
}
