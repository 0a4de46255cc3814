//! Rules about an account: its password policy, contacts, and who may do what in IAM.

#![expect(clippy::unnecessary_wraps, reason = "a rule's signature, whether it reads or not")]

use super::Place;
use crate::check::source::Unread;
use crate::check::sources::account::{Contact, SecurityContact};
use crate::check::sources::credential_report::CredentialReport;
use crate::check::sources::iam::{
    CloudShellAccess, CustomerPolicies, CustomerPolicy, PasswordPolicy, SamlProviders, ServerCertificates,
    SupportAccess, UserPolicies,
};
use crate::check::sources::organization::IdentityCenter;
use crate::check::verdict::Verdict;
use crate::policy::{Document, Effect, Element};

type Policy = aws_sdk_iam::types::PasswordPolicy;

fn password(place: &Place<'_>, holds: impl Fn(&Policy) -> bool, problem: &str) -> Result<Verdict, Unread> {
    let name = "password policy";
    Ok(match &place.get::<PasswordPolicy>()?.0 {
        None => Verdict::holds(name, false, "the account has none of its own"),
        Some(policy) => Verdict::holds(name, holds(policy), problem),
    })
}

pub(super) fn uppercase(place: &Place<'_>) -> Result<Verdict, Unread> {
    password(place, |p| p.require_uppercase_characters, "it asks for no upper-case letter")
}

pub(super) fn lowercase(place: &Place<'_>) -> Result<Verdict, Unread> {
    password(place, |p| p.require_lowercase_characters, "it asks for no lower-case letter")
}

pub(super) fn symbols(place: &Place<'_>) -> Result<Verdict, Unread> {
    password(place, |p| p.require_symbols, "it asks for no symbol")
}

pub(super) fn numbers(place: &Place<'_>) -> Result<Verdict, Unread> {
    password(place, |p| p.require_numbers, "it asks for no digit")
}

pub(super) fn length(place: &Place<'_>) -> Result<Verdict, Unread> {
    password(
        place,
        |p| p.minimum_password_length.is_some_and(|n| n >= 14),
        "it takes fewer than 14 characters",
    )
}

pub(super) fn reuse(place: &Place<'_>) -> Result<Verdict, Unread> {
    password(
        place,
        |p| p.password_reuse_prevention.is_some_and(|n| n >= 24),
        "it remembers fewer than 24 passwords",
    )
}

pub(super) fn expiry(place: &Place<'_>) -> Result<Verdict, Unread> {
    let within =
        |p: &Policy| p.expire_passwords && p.max_password_age.is_some_and(|days| (1..=90).contains(&days));
    password(place, within, "passwords live longer than 90 days")
}

pub(super) fn security_questions(_: &Place<'_>) -> Result<Verdict, Unread> {
    Ok(Verdict::NotApplicable("AWS ended security questions: none can be set since 2024-01-05".into()))
}

pub(super) fn user_policies(place: &Place<'_>) -> Result<Verdict, Unread> {
    let users = &place.get::<UserPolicies>()?.0;
    let direct = |policies: &Vec<String>| match policies.as_slice() {
        [] => None,
        policies => Some(format!("it has policies of its own: {}", policies.join(", "))),
    };
    Ok(Verdict::over(users.iter().map(|(user, policies)| (user, direct(policies)))))
}

/// Whether it is current cannot be seen; whether it is there can.
pub(super) fn contact(place: &Place<'_>) -> Result<Verdict, Unread> {
    let missing = &place.get::<Contact>()?.missing;
    if missing.is_empty() {
        return Ok(Verdict::Manual("the primary contact is filled in; see that it is current".into()));
    }
    Ok(Verdict::setting("primary contact", Some(format!("it lacks: {}", missing.join(", ")))))
}

pub(super) fn security_contact(place: &Place<'_>) -> Result<Verdict, Unread> {
    Ok(Verdict::holds("security contact", place.get::<SecurityContact>()?.0, "there is none"))
}

/// Version 1.2.0 takes any entity, later ones a role.
pub(super) fn support_role(place: &Place<'_>) -> Result<Verdict, Unread> {
    let entities = &place.get::<SupportAccess>()?.0;
    let good =
        if place.since("1.4.0") { !entities.roles.is_empty() } else { entities.all().next().is_some() };
    let problem = "AWSSupportAccess is attached to no role";
    let verdict = Verdict::holds("AWSSupportAccess", good, problem);
    Ok(match entities.all().next().filter(|_| good) {
        Some(entity) => verdict.note(format!("attached to {entity}")),
        None => verdict,
    })
}

/// Version 1.2.0 asks for all customer-managed policies, later ones for those that are attached.
pub(super) fn full_administration(place: &Place<'_>) -> Result<Verdict, Unread> {
    let policies = place.get::<CustomerPolicies>()?.0.iter();
    let counts = |policy: &&CustomerPolicy| policy.attached || !place.since("1.4.0");
    Verdict::over_read(policies.filter(counts).map(|policy| (policy.arn.clone(), everything(policy))))
}

/// A document that cannot be understood is an error: it might grant everything.
fn everything(policy: &CustomerPolicy) -> Result<Option<String>, Unread> {
    let document = Document::parse(&policy.document).map_err(|e| {
        let message = format!("the document of {} could not be understood: {e}", policy.arn);
        Unread::new(crate::error::Kind::Inconsistent, message)
    })?;
    let lists = |element: &Element<Vec<String>>, all: &[&str]| matches!(element, Element::Is(list) if list.iter().any(|entry| all.contains(&entry.as_str())));
    let all = document.statements.iter().any(|s| {
        let everything = s.resource.as_ref().is_some_and(|r| lists(r, &["*"]));
        s.effect == Effect::Allow && everything && lists(&s.action, &["*", "*:*"])
    });
    Ok(all.then(|| "it allows every action on every resource".to_string()))
}

pub(super) fn expired_certificates(place: &Place<'_>) -> Result<Verdict, Unread> {
    let certificates = place.get::<ServerCertificates>()?.0.iter();
    let now = place.now;
    Ok(Verdict::over(certificates.map(|(name, expires)| {
        let expired = expires.filter(|moment| *moment < now);
        (name, expired.map(|moment| format!("it expired on {}", moment.date())))
    })))
}

pub(super) fn central_identity(place: &Place<'_>) -> Result<Verdict, Unread> {
    let users = place.get::<CredentialReport>()?.users.iter();
    let console = users.filter(|u| u.password_enabled == Some(true)).count();
    let center = place.get::<IdentityCenter>()?.0;
    let providers = !place.get::<SamlProviders>()?.0.is_empty();
    if console == 0 && center {
        return Ok(Verdict::setting("identities", None).met_by("IAM Identity Center of the organization"));
    }
    if console == 0 && providers {
        return Ok(Verdict::setting("identities", None).met_by("a SAML provider of the account"));
    }
    let found = match (console, center || providers) {
        (0, _) => {
            "no IAM user has a password, but there is neither Identity Center nor a SAML provider".to_string()
        }
        (n, true) => format!("{n} IAM users have a password beside the central identities"),
        (n, false) => format!("{n} IAM users have a password, and there are no central identities"),
    };
    Ok(Verdict::Manual(format!("{found}: see that people come through one place")))
}

pub(super) fn cloudshell(place: &Place<'_>) -> Result<Verdict, Unread> {
    let entities: Vec<String> = place.get::<CloudShellAccess>()?.0.all().collect();
    if entities.is_empty() {
        return Ok(Verdict::setting("AWSCloudShellFullAccess", None));
    }
    Ok(Verdict::over(
        entities.into_iter().map(|e| (e, Some("AWSCloudShellFullAccess is attached to it".to_string()))),
    ))
}
