//! Whether a request is allowed, once every policy has had its say.
//!
//! Source: IAM user guide, "How AWS enforcement code logic evaluates requests to allow or deny access", "Policy evaluation for
//! requests within a single account", "Cross-account policy evaluation logic", "Permissions boundaries for IAM entities",
//! "Session policies"; KMS developer guide, "Key policies in AWS KMS" (a key policy must allow, whoever owns the key).

use super::{Caller, Effect, Request, effect, matches};
use crate::policy::{Document, Element, Principal, PrincipalType};

/// The policies that have a say in one request.
#[derive(Debug, Clone, Default)]
pub struct Policies<'a> {
    /// Of the user and its groups, or of the role.
    pub identity: Vec<&'a Document>,
    /// The permissions boundary, where there is one. A boundary that cannot be read is an empty list.
    pub boundary: Option<Vec<&'a Document>>,
    /// The session policies, where the session was opened with some.
    pub session: Option<Vec<&'a Document>>,
    /// The policy of the resource, where it has one.
    pub resource: Option<&'a Document>,
    /// Service control policies from the root to the caller's account; no levels: the caller is not bound by any.
    pub service_control: Vec<Vec<&'a Document>>,
    /// Resource control policies from the root to the resource's account; no levels: the resource is not bound by any.
    pub resource_control: Vec<Vec<&'a Document>>,
    /// The resource belongs to another account than the caller: both must allow.
    pub other_account: bool,
    /// Nobody may use the resource unless its own policy says so: KMS keys, and roles that are assumed.
    pub resource_must_allow: bool,
}

/// A kind of policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Of a user, group or role.
    Identity,
    /// Permissions boundary.
    Boundary,
    /// Session policy.
    Session,
    /// Of a resource.
    Resource,
    /// Service control policy.
    ServiceControl,
    /// Resource control policy.
    ResourceControl,
}

impl Kind {
    /// As AWS's messages have it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Identity => "identity-based policy",
            Kind::Boundary => "permissions boundary",
            Kind::Session => "session policy",
            Kind::Resource => "resource-based policy",
            Kind::ServiceControl => "service control policy",
            Kind::ResourceControl => "resource control policy",
        }
    }
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is allowed.
    Allowed,
    /// A statement of this kind of policy denies it.
    ExplicitDeny(Kind),
    /// No policy of this kind allows it, and one would have to.
    ImplicitDeny(Kind),
}

impl Verdict {
    /// The reason as AWS's messages have it (IAM user guide, "Troubleshoot access denied error messages"); empty where it
    /// is allowed. `action`: `service:Action`.
    pub fn reason(self, action: &str) -> String {
        match self {
            Verdict::Allowed => String::new(),
            Verdict::ExplicitDeny(kind) => {
                let article = if kind == Kind::Identity { "an" } else { "a" };
                format!("with an explicit deny in {article} {}", kind.name())
            }
            Verdict::ImplicitDeny(kind) => format!("because no {} allows the {action} action", kind.name()),
        }
    }
}

/// To whom the policy of a resource gives what is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Grant {
    /// To nobody.
    Nothing,
    /// To the account, which may give it on.
    Account,
    /// To the role.
    Role,
    /// To the session or the user itself.
    Caller,
}

/// Decides a request.
pub fn decide(policies: &Policies<'_>, request: &Request) -> Verdict {
    if let Some(kind) = policies.denying(request) {
        return Verdict::ExplicitDeny(kind);
    }
    let controls = [
        (Kind::ResourceControl, &policies.resource_control),
        (Kind::ServiceControl, &policies.service_control),
    ];
    for (kind, levels) in controls {
        if !levels.iter().all(|level| any_allows(level, request)) {
            return Verdict::ImplicitDeny(kind);
        }
    }
    policies.granted(request).map_or(Verdict::Allowed, Verdict::ImplicitDeny)
}

impl Policies<'_> {
    /// "If the code finds even one explicit deny that applies, it returns a final decision of Deny."
    fn denying(&self, request: &Request) -> Option<Kind> {
        let denies = |document: &&&Document| effect(document, request) == Some(Effect::Deny);
        let boundary = self.boundary.as_ref().into_iter().flatten();
        let session = self.session.as_ref().into_iter().flatten();
        let found = |kind: Kind, mut documents: Box<dyn Iterator<Item = &&Document> + '_>| {
            documents.find(denies).map(|_| kind)
        };
        found(Kind::ServiceControl, Box::new(self.service_control.iter().flatten()))
            .or_else(|| found(Kind::ResourceControl, Box::new(self.resource_control.iter().flatten())))
            .or_else(|| found(Kind::Resource, Box::new(self.resource.iter())))
            .or_else(|| found(Kind::Identity, Box::new(self.identity.iter())))
            .or_else(|| found(Kind::Boundary, Box::new(boundary)))
            .or_else(|| found(Kind::Session, Box::new(session)))
    }

    /// `None`: the policies of caller and resource together give it. Else the kind of policy that would have to.
    fn granted(&self, request: &Request) -> Option<Kind> {
        let grant = self.resource.map_or(Grant::Nothing, |document| grant(document, request));
        let within =
            |bound: &Option<Vec<&Document>>| bound.as_ref().is_none_or(|list| any_allows(list, request));
        let bounds = [(Kind::Boundary, within(&self.boundary)), (Kind::Session, within(&self.session))];
        let bounded = || bounds.iter().find(|(_, allows)| !allows).map(|(kind, _)| *kind);
        let own = || if any_allows(&self.identity, request) { bounded() } else { Some(Kind::Identity) };
        if self.other_account {
            // "the requester must have an identity-based policy that allows it, and the resource's policy must allow it"
            return own().or((grant == Grant::Nothing).then_some(Kind::Resource));
        }
        match grant {
            // "a resource-based policy that grants permissions to an IAM user, or a session, is not limited by an implicit
            // deny in an identity-based policy, permissions boundary or session policy"
            Grant::Caller => None,
            // "permissions granted directly to a role are limited by its boundary and session policy"
            Grant::Role => bounded(),
            Grant::Nothing if self.resource_must_allow => Some(Kind::Resource),
            Grant::Nothing | Grant::Account => own(),
        }
    }
}

fn any_allows(documents: &[&Document], request: &Request) -> bool {
    documents.iter().any(|document| effect(document, request) == Some(Effect::Allow))
}

/// The most direct of the `Allow` statements that match.
fn grant(document: &Document, request: &Request) -> Grant {
    if effect(document, request) != Some(Effect::Allow) {
        return Grant::Nothing;
    }
    let allowing = document.statements.iter().filter(|s| s.effect == Effect::Allow && matches(s, request));
    allowing.map(|s| grant_of(s.principal.as_ref(), &request.principal)).max().unwrap_or(Grant::Account)
}

fn grant_of(principal: Option<&Element<Principal>>, caller: &Caller) -> Grant {
    let Caller::Aws { arn, session, .. } = caller else { return Grant::Caller };
    let itself = if session.is_some() { Grant::Role } else { Grant::Caller };
    match principal {
        // A statement about everybody is about the caller too.
        None | Some(Element::IsNot(_) | Element::Is(Principal::Any)) => itself,
        Some(Element::Is(Principal::Named(named))) => {
            let ids = named.get(&PrincipalType::Aws).map(Vec::as_slice).unwrap_or_default();
            let has = |wanted: &String| ids.iter().any(|id| id == wanted);
            if session.as_ref().is_some_and(has) {
                Grant::Caller
            } else if has(arn) || ids.iter().any(|id| id == "*") {
                itself
            } else {
                Grant::Account
            }
        }
    }
}
