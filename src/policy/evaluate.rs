//! What a policy does to a request.
//!
//! Source: IAM user guide, "Policy evaluation logic" and the pages of the policy elements that are named below.
//!
//! A request is decided in two ways. [`matches()`], [`effect`] and [`scp_decision`] know the whole request: a context key
//! that it does not carry is absent. [`may_deny`] and [`surely_allows`] work beforehand, without the request: a key that
//! nobody vouches for may have any value, and the answer errs on the side of being locked out.

mod condition;
mod decide;
mod pattern;
mod values;

use std::collections::BTreeMap;

use super::canonical::account_of_root;
use super::document::{Document, Effect, Element, Principal, PrincipalType, Statement};
use pattern::Token;

pub use decide::{Kind, Policies, Verdict, decide};

/// Who makes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// The root user, a user or a role of an account.
    Aws {
        /// The 12-digit account id.
        account: String,
        /// The ARN of the root user, user or role, as in `aws:PrincipalArn`; without the session.
        arn: String,
        /// The ARN of the assumed-role session, where there is one.
        session: Option<String>,
    },
    /// An AWS service on its own behalf, such as `cloudtrail.amazonaws.com`.
    Service(String),
    /// Somebody without credentials.
    Anonymous,
}

/// One request, as IAM sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Who asks.
    pub principal: Caller,
    /// `service:Action`.
    pub action: String,
    /// The ARN of the resource, or `*` for actions without one. [`may_deny`] and [`surely_allows`] read `*` and `?` in it
    /// as "any resource like this".
    pub resource: String,
    /// Context keys in lower case, with their values.
    pub context: BTreeMap<String, Vec<String>>,
}

impl Request {
    /// A request with the context keys that follow from the caller: `aws:PrincipalArn`, `aws:PrincipalAccount`,
    /// `aws:PrincipalIsAWSService` and `aws:PrincipalServiceName`.
    pub fn new(principal: Caller, action: &str, resource: &str) -> Request {
        let request =
            Request { principal, action: action.into(), resource: resource.into(), context: BTreeMap::new() };
        match request.principal.clone() {
            Caller::Aws { account, arn, .. } => request
                .with("aws:PrincipalArn", &arn)
                .with("aws:PrincipalAccount", &account)
                .with("aws:PrincipalIsAWSService", "false"),
            Caller::Service(name) => {
                request.with("aws:PrincipalIsAWSService", "true").with("aws:PrincipalServiceName", &name)
            }
            Caller::Anonymous => request,
        }
    }

    /// Sets a context key to one value.
    #[must_use]
    pub fn with(self, key: &str, value: &str) -> Request {
        self.with_all(key, &[value])
    }

    /// Sets a context key that has several values.
    #[must_use]
    pub fn with_all(mut self, key: &str, values: &[&str]) -> Request {
        let values = values.iter().map(|&value| value.to_owned()).collect();
        self.context.insert(key.to_ascii_lowercase(), values);
        self
    }
}

/// What service control policies make of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Every level allows it and none denies it.
    Allowed,
    /// No policy at this level allows it.
    ImplicitDeny {
        /// Index of the level.
        level: usize,
    },
    /// A statement denies it.
    ExplicitDeny {
        /// Index of the level.
        level: usize,
        /// Index of the policy within its level.
        policy_index: usize,
        /// `Sid` of the statement.
        sid: Option<String>,
    },
}

/// Whether a statement speaks of this request, whatever its effect. Policy variables are replaced, as in documents of
/// version `2012-10-17`.
pub fn matches(statement: &Statement, request: &Request) -> bool {
    Scene { request, variables: true, forecast: None }.statement(statement) == Truth::True
}

/// What a document says about a request: a matching `Deny` wins over a matching `Allow`; `None` where no statement
/// matches.
pub fn effect(document: &Document, request: &Request) -> Option<Effect> {
    let scene = Scene::of(document, request, None);
    let matching = document.statements.iter().filter(|statement| scene.statement(statement) == Truth::True);
    // `Deny` is the greater of the two.
    matching.map(|statement| statement.effect).max()
}

/// Decides a request under service control policies: a `Deny` at any level denies, and each level must allow.
///
/// `levels` are the root, each OU on the way, and the account, with the policies that are attached directly. The caller
/// leaves out what SCPs do not touch: the management account and service-linked roles (Organizations user guide, "SCP
/// evaluation").
pub fn scp_decision(levels: &[Vec<&Document>], request: &Request) -> Decision {
    for (level, policies) in levels.iter().enumerate() {
        for (policy_index, document) in policies.iter().enumerate() {
            let scene = Scene::of(document, request, None);
            let denying = document
                .statements
                .iter()
                .find(|one| one.effect == Effect::Deny && scene.statement(one) == Truth::True);
            if let Some(statement) = denying {
                return Decision::ExplicitDeny { level, policy_index, sid: statement.sid.clone() };
            }
        }
    }
    for (level, policies) in levels.iter().enumerate() {
        let allows = policies.iter().any(|document| effect(document, request) == Some(Effect::Allow));
        if !allows {
            return Decision::ImplicitDeny { level };
        }
    }
    Decision::Allowed
}

/// The first `Deny` that could match such a request, or `None` where no one can.
///
/// `known_absent` says (for a key in lower case) that the request certainly does not carry a key that
/// [`Request::context`] lacks. Any other missing key may have any value.
pub fn may_deny<'a>(
    document: &'a Document,
    request: &Request,
    known_absent: &dyn Fn(&str) -> bool,
) -> Option<&'a Statement> {
    let scene = Scene::of(document, request, Some(known_absent));
    document
        .statements
        .iter()
        .find(|statement| statement.effect == Effect::Deny && scene.statement(statement) != Truth::False)
}

/// Whether a statement of this effect speaks of an action at all, whoever asks for it, where and for what: `false` saves
/// asking further.
pub fn speaks_of(document: &Document, effect: Effect, action: &str) -> bool {
    let request = Request::new(Caller::Anonymous, action, "*");
    let scene = Scene::of(document, &request, None);
    let mut statements = document.statements.iter().filter(|statement| statement.effect == effect);
    statements.any(|statement| scene.action(&statement.action) == Truth::True)
}

/// Whether all conditions of a statement can hold at once for such a request, whatever it asks for. What is not known beforehand
/// may be anything, as in [`may_deny`].
pub fn may_hold(
    document: &Document,
    statement: &Statement,
    request: &Request,
    known_absent: &dyn Fn(&str) -> bool,
) -> bool {
    let scene = Scene::of(document, request, Some(known_absent));
    statement.conditions.iter().all(|condition| scene.condition(condition) != Truth::False)
}

/// Whether `pattern`, in which `*` and `?` stand for other characters, matches all that `other` matches.
pub fn pattern_covers(pattern: &str, other: &str) -> bool {
    pattern::covers(&pattern::wildcards(pattern), &pattern::wildcards(other))
}

/// Whether some text matches both patterns.
pub fn patterns_meet(one: &str, other: &str) -> bool {
    pattern::intersect(&pattern::wildcards(one), &pattern::wildcards(other))
}

/// Whether an `Allow` of one of these documents matches such a request, whatever its unknown keys are. Denies are not
/// looked at; [`may_deny`] finds them. Together they decide whether a level of SCPs lets a request through.
pub fn surely_allows(
    documents: &[&Document],
    request: &Request,
    known_absent: &dyn Fn(&str) -> bool,
) -> bool {
    documents.iter().any(|document| {
        let scene = Scene::of(document, request, Some(known_absent));
        document
            .statements
            .iter()
            .any(|statement| statement.effect == Effect::Allow && scene.statement(statement) == Truth::True)
    })
}

/// A truth value that may be unknown. `and` is the least of its parts, `or` the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Truth {
    False,
    Unknown,
    True,
}

impl From<bool> for Truth {
    fn from(value: bool) -> Truth {
        if value { Truth::True } else { Truth::False }
    }
}

impl std::ops::Not for Truth {
    type Output = Truth;

    fn not(self) -> Truth {
        match self {
            Truth::False => Truth::True,
            Truth::Unknown => Truth::Unknown,
            Truth::True => Truth::False,
        }
    }
}

impl Truth {
    fn all(parts: impl IntoIterator<Item = Truth>) -> Truth {
        parts.into_iter().min().unwrap_or(Truth::True)
    }

    fn any(parts: impl IntoIterator<Item = Truth>) -> Truth {
        parts.into_iter().max().unwrap_or(Truth::False)
    }
}

/// What the context of a request holds under a key.
enum Lookup<'a> {
    Values(&'a [String]),
    Absent,
    Unknown,
}

/// A request, and how to read it.
struct Scene<'a> {
    request: &'a Request,
    /// Whether `${...}` is replaced.
    variables: bool,
    /// Set when the request is only foreseen: which missing keys are certainly absent.
    forecast: Option<&'a dyn Fn(&str) -> bool>,
}

impl<'a> Scene<'a> {
    fn of(
        document: &Document,
        request: &'a Request,
        forecast: Option<&'a dyn Fn(&str) -> bool>,
    ) -> Scene<'a> {
        // "Variables were introduced in version 2012-10-17"; in older ones they are literal text.
        Scene { request, variables: document.version.as_deref() == Some("2012-10-17"), forecast }
    }

    fn lookup(&self, key: &str) -> Lookup<'a> {
        let key = key.to_ascii_lowercase();
        match (self.request.context.get(&key), self.forecast) {
            (Some(values), _) if values.is_empty() => Lookup::Absent,
            (Some(values), _) => Lookup::Values(values),
            (None, Some(known_absent)) if !known_absent(&key) => Lookup::Unknown,
            (None, _) => Lookup::Absent,
        }
    }

    fn statement(&self, statement: &Statement) -> Truth {
        let conditions = statement.conditions.iter().map(|condition| self.condition(condition));
        Truth::all([
            self.principal(statement.principal.as_ref()),
            self.action(&statement.action),
            self.resource(statement.resource.as_ref()),
            // "If your policy statement has multiple condition operators / context keys, they are evaluated using a
            // logical AND."
            Truth::all(conditions),
        ])
    }

    fn action(&self, element: &Element<Vec<String>>) -> Truth {
        let action = self.request.action.to_ascii_lowercase();
        let text = pattern::literal(&action);
        // "The prefix and the action name are case insensitive" (IAM user guide, "Action").
        let hit = |patterns: &[String]| {
            patterns.iter().any(|one| pattern::covers(&pattern::wildcards(&one.to_ascii_lowercase()), &text))
        };
        match element {
            Element::Is(patterns) => hit(patterns).into(),
            Element::IsNot(patterns) => (!hit(patterns)).into(),
        }
    }

    fn resource(&self, element: Option<&Element<Vec<String>>>) -> Truth {
        let hit = |patterns: &[String]| Truth::any(patterns.iter().map(|one| self.one_resource(one)));
        match element {
            Some(Element::Is(patterns)) => hit(patterns),
            Some(Element::IsNot(patterns)) => !hit(patterns),
            // A trust policy is on its role.
            None => Truth::True,
        }
    }

    /// A `*` that ends a part of an ARN "can expand to match beyond the colon boundaries" (IAM user guide, "Resource");
    /// Guess: every `*` does here, which can only differ for a pattern with a `*` inside a part and too few colons.
    fn one_resource(&self, resource: &str) -> Truth {
        let Some(tokens) = self.expand(resource, true) else { return Truth::Unknown };
        if self.forecast.is_none() {
            return pattern::covers(&tokens, &pattern::literal(&self.request.resource)).into();
        }
        let foreseen = pattern::wildcards(&self.request.resource);
        if pattern::covers(&tokens, &foreseen) {
            Truth::True
        } else if pattern::intersect(&tokens, &foreseen) {
            Truth::Unknown
        } else {
            Truth::False
        }
    }

    fn principal(&self, element: Option<&Element<Principal>>) -> Truth {
        match element {
            None => Truth::True,
            Some(Element::Is(principal)) => self.is_principal(principal, true).into(),
            Some(Element::IsNot(principal)) => (!self.is_principal(principal, false)).into(),
        }
    }

    /// `whole_accounts`: an account stands for everybody in it. That holds for `Principal` ("does not limit permissions
    /// to only the root user of the account") and not for `NotPrincipal`, which must list the account beside the user or
    /// role that it spares (IAM user guide, "Principal", "NotPrincipal").
    fn is_principal(&self, principal: &Principal, whole_accounts: bool) -> bool {
        let Principal::Named(named) = principal else { return true };
        let listed = |kind: PrincipalType| named.get(&kind).map(Vec::as_slice).unwrap_or_default();
        if listed(PrincipalType::Aws).iter().any(|id| id == "*") {
            return true;
        }
        match &self.request.principal {
            Caller::Aws { account, arn, session } => listed(PrincipalType::Aws).iter().any(|id| {
                let in_account =
                    account_of_root(id) == Some(account) && (whole_accounts || arn.ends_with(":root"));
                in_account || id == arn || Some(id) == session.as_ref()
            }),
            Caller::Service(name) => listed(PrincipalType::Service).contains(name),
            Caller::Anonymous => false,
        }
    }

    /// Replaces policy variables. `wildcards` makes `*` and `?` of the policy's own text wild; what a variable stands for
    /// is always literal.
    ///
    /// `None` where a variable has no value and no default: "any attempt to match it fails and causes the statement to
    /// be invalid" (IAM user guide, "Variables and tags"). Guess: the same for a key with several values.
    fn expand(&self, text: &str, wildcards: bool) -> Option<Vec<Token>> {
        let plain = |text: &str| if wildcards { pattern::wildcards(text) } else { pattern::literal(text) };
        if !self.variables {
            return Some(plain(text));
        }
        let mut tokens = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let Some((variable, tail)) = after.split_once('}') else { break };
            tokens.extend(plain(before));
            rest = tail;
            match variable {
                "*" | "?" | "$" => tokens.extend(pattern::literal(variable)),
                _ => tokens.extend(pattern::literal(&self.variable(variable)?)),
            }
        }
        tokens.extend(plain(rest));
        Some(tokens)
    }

    /// The value of `key` or `key, 'default'`.
    fn variable(&self, variable: &str) -> Option<String> {
        let (key, default) = match variable.split_once(',') {
            Some((key, default)) => (key, default.trim().strip_prefix('\'')?.strip_suffix('\'')),
            None => (variable, None),
        };
        match self.lookup(key.trim()) {
            Lookup::Values([one]) => Some(one.clone()),
            Lookup::Absent => default.map(str::to_owned),
            Lookup::Values(_) | Lookup::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests;
