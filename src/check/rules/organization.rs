//! Rules about the organization. Several are a person's to decide; what can be seen is said.

#![expect(clippy::unnecessary_wraps, reason = "a rule's signature, whether it reads or not")]

use std::collections::BTreeSet;

use super::Place;
use crate::check::source::Unread;
use crate::check::sources::organization::{Delegation, ResourcePolicy, RootAccess};
use crate::check::verdict::Verdict;
use crate::error::Kind;
use crate::facts::Facts;
use crate::policy::evaluate::speaks_of;
use crate::policy::{Document, Effect};

/// Whoever may do one of these manages policies; reading them alone is no delegation.
const MANAGES_POLICIES: [&str; 3] =
    ["organizations:AttachPolicy", "organizations:CreatePolicy", "organizations:UpdatePolicy"];

const GUARDRAILS: [&str; 2] = ["SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"];

pub(super) fn central_root(place: &Place<'_>) -> Result<Verdict, Unread> {
    let on = &place.get::<RootAccess>()?.0;
    let missing: Vec<&str> =
        ["RootCredentialsManagement", "RootSessions"].into_iter().filter(|f| !on.contains(*f)).collect();
    let problem = (!missing.is_empty()).then(|| format!("off: {}", missing.join(", ")));
    Ok(Verdict::setting("central root access", problem))
}

/// Ids of what lies on an account's way to the root, itself included.
fn path(facts: &Facts, account: &crate::facts::Account) -> BTreeSet<String> {
    let mut ids = BTreeSet::from([account.id.clone(), facts.root_id.clone()]);
    let above = facts.ous.values().filter(|ou| crate::facts::is_under(&account.ou, &ou.path));
    ids.extend(above.map(|ou| ou.id.clone()));
    ids
}

/// Whether the guardrails are the right ones is a person's to decide.
pub(super) fn guardrails(place: &Place<'_>) -> Result<Verdict, Unread> {
    let facts = place.facts;
    let policies: Vec<_> =
        facts.policies.values().filter(|p| !p.aws_managed && GUARDRAILS.contains(&p.kind.as_str())).collect();
    let members = facts.accounts.values().filter(|a| a.is_active() && a.id != facts.management_account);
    let without = |account: &crate::facts::Account| {
        let path = path(facts, account);
        let none = !policies.iter().any(|p| p.targets.iter().any(|target| path.contains(target)));
        none.then(|| "no service or resource control policy but AWS's own holds for it".to_string())
    };
    let items: Vec<_> = members.map(|a| (format!("{} ({})", a.name, a.id), without(a))).collect();
    if items.iter().any(|(_, problem)| problem.is_some()) {
        return Ok(Verdict::over(items));
    }
    Ok(Verdict::Manual("every member has a guardrail: see that they forbid what must not happen".into()))
}

pub(super) fn no_workloads(_: &Place<'_>) -> Result<Verdict, Unread> {
    Ok(Verdict::Manual("see that the management account runs no workloads".into()))
}

pub(super) fn ou_structure(place: &Place<'_>) -> Result<Verdict, Unread> {
    let facts = place.facts;
    let members = facts.accounts.values().filter(|a| a.is_active() && a.id != facts.management_account);
    let at_root =
        |a: &crate::facts::Account| (a.ou == "/").then(|| "it stands right under the root".to_string());
    let items: Vec<_> = members.map(|a| (format!("{} ({})", a.name, a.id), at_root(a))).collect();
    if items.iter().any(|(_, problem)| problem.is_some()) {
        return Ok(Verdict::over(items));
    }
    Ok(Verdict::Manual(
        "no account stands under the root: see that the OUs follow environment and sensitivity".into(),
    ))
}

pub(super) fn policy_delegation(place: &Place<'_>) -> Result<Verdict, Unread> {
    let manual = "no resource policy delegates the management of policies: decide who does it";
    let Some(policy) = &place.get::<ResourcePolicy>()?.0 else { return Ok(Verdict::Manual(manual.into())) };
    let document = Document::parse(policy).map_err(|e| {
        Unread::new(
            Kind::Inconsistent,
            format!("the organization's resource policy could not be understood: {e}"),
        )
    })?;
    if !MANAGES_POLICIES.iter().any(|action| speaks_of(&document, Effect::Allow, action)) {
        return Ok(Verdict::Manual(manual.into()));
    }
    Ok(Verdict::setting("policy delegation", None).met_by("the organization's resource policy"))
}

pub(super) fn service_delegation(place: &Place<'_>) -> Result<Verdict, Unread> {
    let delegated = &place.get::<Delegation>()?.0;
    let trusted = &place.facts.trusted_services;
    let without: Vec<&str> =
        trusted.iter().filter(|principal| !delegated.contains_key(*principal)).map(String::as_str).collect();
    if without.is_empty() && !trusted.is_empty() {
        return Ok(Verdict::setting("delegated administrators", None));
    }
    Ok(Verdict::Manual(format!(
        "trusted services without a delegated administrator: {}; see which of them can have one",
        if without.is_empty() { "none is trusted".to_string() } else { without.join(", ") }
    )))
}
