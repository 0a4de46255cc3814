//! The types of a policy document, and how it is written as JSON.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::operator::Operator;
use super::parse;

/// A policy document: identity, resource, trust or service control policy.
///
/// Comparing with `==` compares what was written; [`same_meaning`](super::same_meaning) compares what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// `Version` as written. Absent means `2008-10-17`, where policy variables are plain text.
    pub version: Option<String>,
    /// `Id` as written; it changes nothing in what the policy does.
    pub id: Option<String>,
    /// The statements, in their order.
    pub statements: Vec<Statement>,
}

/// One statement of a policy document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Statement {
    /// `Sid`.
    pub sid: Option<String>,
    /// `Effect`.
    pub effect: Effect,
    /// `Principal` or `NotPrincipal`; only resource and trust policies have one.
    pub principal: Option<Element<Principal>>,
    /// `Action` or `NotAction`.
    pub action: Element<Vec<String>>,
    /// `Resource` or `NotResource`; trust policies have none.
    pub resource: Option<Element<Vec<String>>>,
    /// `Condition`, one entry per operator and key, in their order. All of them must hold.
    pub conditions: Vec<Condition>,
}

/// What a statement does to the requests that it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// `Allow`
    Allow,
    /// `Deny`
    Deny,
}

/// An element in its plain or its `Not...` form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Element<T> {
    /// `Action`, `Resource`, `Principal`
    Is(T),
    /// `NotAction`, `NotResource`, `NotPrincipal`
    IsNot(T),
}

/// Who a resource or trust policy speaks of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Principal {
    /// `"*"`
    Any,
    /// `{"AWS": ..., "Service": ...}`
    Named(BTreeMap<PrincipalType, Vec<String>>),
}

/// The key of a principal map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PrincipalType {
    /// Account ids and ARNs of accounts, roles, users and sessions.
    Aws,
    /// Service principals such as `cloudtrail.amazonaws.com`.
    Service,
    /// Identity providers.
    Federated,
    /// Canonical user ids of S3.
    CanonicalUser,
}

/// One operator and key of a `Condition` element.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Condition {
    /// The operator.
    pub operator: Operator,
    /// The context key as written; keys are compared ignoring case.
    pub key: String,
    /// The values as text: IAM reads `true` and `"true"`, `2` and `"2"` alike.
    pub values: Vec<String>,
}

/// Why a text is not a policy document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct PolicyError {
    /// Where: `line 3 column 7` for broken JSON, else a path such as `Statement[1].Condition`.
    pub path: String,
    /// What is wrong there.
    pub problem: String,
}

impl PrincipalType {
    /// All types, in the order in which they are written.
    pub const ALL: [PrincipalType; 4] =
        [PrincipalType::Aws, PrincipalType::Service, PrincipalType::Federated, PrincipalType::CanonicalUser];

    /// The key of the principal map.
    pub fn name(self) -> &'static str {
        match self {
            PrincipalType::Aws => "AWS",
            PrincipalType::Service => "Service",
            PrincipalType::Federated => "Federated",
            PrincipalType::CanonicalUser => "CanonicalUser",
        }
    }
}

impl Effect {
    /// The word in the document.
    pub fn name(self) -> &'static str {
        match self {
            Effect::Allow => "Allow",
            Effect::Deny => "Deny",
        }
    }
}

impl Document {
    /// A document of version `2012-10-17`.
    pub fn new(statements: Vec<Statement>) -> Document {
        Document { version: Some("2012-10-17".into()), id: None, statements }
    }

    /// Reads a document from JSON. Unknown or repeated elements, and operators that IAM does not document, are errors
    /// that name the place.
    pub fn parse(text: &str) -> Result<Document, PolicyError> {
        parse::document(&parse::json(text)?)
    }

    /// The same as [`Document::parse`], from JSON that was read already.
    pub fn from_value(value: &Value) -> Result<Document, PolicyError> {
        parse::document(value)
    }

    /// The document as JSON. Lists of one element are written as that element.
    pub fn to_value(&self) -> Value {
        let mut document = Map::new();
        if let Some(version) = &self.version {
            document.insert("Version".into(), version.as_str().into());
        }
        if let Some(id) = &self.id {
            document.insert("Id".into(), id.as_str().into());
        }
        document.insert("Statement".into(), self.statements.iter().map(Statement::to_value).collect());
        Value::Object(document)
    }

    /// The document as text without white space. SCP quotas count white space when a policy is sent over the API.
    pub fn minified(&self) -> String {
        self.to_value().to_string()
    }

    /// Length of [`Document::minified`] in characters, as the quotas count.
    pub fn size(&self) -> usize {
        self.minified().chars().count()
    }
}

impl Statement {
    /// Reads one statement, such as a `serde_json::json!({...})` in code.
    pub fn from_value(value: &Value) -> Result<Statement, PolicyError> {
        parse::statement(value, "Statement")
    }

    /// The statement as JSON.
    pub fn to_value(&self) -> Value {
        let mut out = Map::new();
        if let Some(sid) = &self.sid {
            out.insert("Sid".into(), sid.as_str().into());
        }
        out.insert("Effect".into(), self.effect.name().into());
        match &self.principal {
            Some(Element::Is(principal)) => out.insert("Principal".into(), principal.to_value()),
            Some(Element::IsNot(principal)) => out.insert("NotPrincipal".into(), principal.to_value()),
            None => None,
        };
        match &self.action {
            Element::Is(actions) => out.insert("Action".into(), list(actions)),
            Element::IsNot(actions) => out.insert("NotAction".into(), list(actions)),
        };
        match &self.resource {
            Some(Element::Is(resources)) => out.insert("Resource".into(), list(resources)),
            Some(Element::IsNot(resources)) => out.insert("NotResource".into(), list(resources)),
            None => None,
        };
        if !self.conditions.is_empty() {
            out.insert("Condition".into(), self.conditions_value());
        }
        Value::Object(out)
    }

    fn conditions_value(&self) -> Value {
        let mut operators = Map::new();
        for condition in &self.conditions {
            let keys =
                operators.entry(condition.operator.to_string()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(keys) = keys {
                keys.insert(condition.key.clone(), list(&condition.values));
            }
        }
        Value::Object(operators)
    }
}

impl Principal {
    fn to_value(&self) -> Value {
        match self {
            Principal::Any => "*".into(),
            Principal::Named(named) => {
                let entries = named.iter().map(|(kind, ids)| (kind.name().to_owned(), list(ids)));
                Value::Object(entries.collect())
            }
        }
    }
}

fn list(values: &[String]) -> Value {
    match values {
        [one] => one.as_str().into(),
        many => many.iter().map(String::as_str).collect(),
    }
}
