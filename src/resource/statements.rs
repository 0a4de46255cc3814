//! Our statements in a resource policy that others write to as well: found, compared and merged by `Sid`.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::control::{Diff, Risk};
use crate::error::{Kind, UnitError};
use crate::policy::{
    Condition, Document, Effect, Element, Operator, Principal, PrincipalType, Statement, Test, merge_by_sid,
    same_meaning,
};

/// The statements that a control wants in a policy. Each has a `Sid`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ours(pub Vec<Statement>);

impl Serialize for Ours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Statement::to_value))
    }
}

/// The policy that is there; `None`: there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stored(pub Option<Document>);

impl Serialize for Stored {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.as_ref().map(Document::to_value).serialize(serializer)
    }
}

impl Stored {
    /// Reads what AWS answered. A policy that cannot be understood cannot be merged into, so it is an error.
    pub fn parse(text: Option<&str>, what: &str) -> Result<Stored, UnitError> {
        let Some(text) = text else { return Ok(Stored(None)) };
        let document = Document::parse(text).map_err(|e| {
            UnitError::new(Kind::Conflict, format!("{what} cannot be understood: {e}"))
                .hint("nothing was changed: correct the policy by hand, or remove it, and run again")
        })?;
        Ok(Stored(Some(document)))
    }

    /// The policy without the statements of these `Sid`s.
    #[must_use]
    pub fn without(&self, sids: &[&str]) -> Stored {
        let gone = |s: &Statement| s.sid.as_deref().is_some_and(|sid| sids.contains(&sid));
        let mut left = self.clone();
        if let Some(document) = &mut left.0 {
            document.statements.retain(|s| !gone(s));
        }
        left
    }

    /// Compares statements that should not be there, one setting `policy.<Sid>` each: somebody may work by them.
    pub fn diff_unwanted(&self, d: &mut Diff, sids: &[&str]) {
        for sid in sids {
            if let Some(found) = self.with_sid(sid).next() {
                d.push(&format!("policy.{sid}"), found.to_value(), Value::Null, Risk::Disruptive);
            }
        }
    }

    /// The statement with this `Sid`.
    pub fn statement(&self, sid: &str) -> Option<&Statement> {
        self.0.as_ref()?.statements.iter().find(|s| s.sid.as_deref() == Some(sid))
    }

    /// The statements with this `Sid`.
    fn with_sid<'a>(&'a self, sid: &'a str) -> impl Iterator<Item = &'a Statement> {
        self.0.iter().flat_map(|d| &d.statements).filter(move |s| s.sid.as_deref() == Some(sid))
    }
}

impl Ours {
    /// Compares our statements, one setting `policy.<Sid>` each; statements of others are not looked at.
    pub fn diff(&self, d: &mut Diff, have: &Stored) {
        for wanted in &self.0 {
            let sid = wanted.sid.as_deref().unwrap_or_default();
            let found: Vec<&Statement> = have.with_sid(sid).collect();
            if matches!(found.as_slice(), [one] if same(one, wanted)) {
                continue;
            }
            let before = found.first().map_or(Value::Null, |s| s.to_value());
            d.push(&format!("policy.{sid}"), before, wanted.to_value(), Risk::Normal);
        }
    }

    /// The policy to store: what is there, with our statements in it.
    pub fn merged_into(&self, have: &Stored) -> String {
        let document = match &have.0 {
            Some(existing) => merge_by_sid(existing, &self.0),
            None => Document::new(self.0.clone()),
        };
        document.minified()
    }

    /// A policy of our statements alone.
    pub fn alone(&self) -> Document {
        Document::new(self.0.clone())
    }
}

fn same(a: &Statement, b: &Statement) -> bool {
    same_meaning(&Document::new(vec![a.clone()]), &Document::new(vec![b.clone()]))
}

/// Starts a statement that allows `actions` to a service principal.
pub fn allow_service(sid: &str, service: &str, actions: &[&str]) -> Builder {
    allow_services(sid, &[service.to_string()], actions)
}

/// The same for several.
pub fn allow_services(sid: &str, services: &[String], actions: &[&str]) -> Builder {
    let named = BTreeMap::from([(PrincipalType::Service, services.to_vec())]);
    Builder::new(sid, Effect::Allow, Some(Principal::Named(named)), actions)
}

/// Starts a statement that allows `actions` to a principal of type `AWS`, such as an account's root ARN.
pub fn allow_aws(sid: &str, principal: &str, actions: &[&str]) -> Builder {
    allow_aws_any(sid, &[principal.to_string()], actions)
}

/// The same for several.
pub fn allow_aws_any(sid: &str, principals: &[String], actions: &[&str]) -> Builder {
    let named = BTreeMap::from([(PrincipalType::Aws, principals.to_vec())]);
    Builder::new(sid, Effect::Allow, Some(Principal::Named(named)), actions)
}

/// Starts a statement of a role's own policy, which has no principal.
pub fn allow_holder(sid: &str, actions: &[&str]) -> Builder {
    Builder::new(sid, Effect::Allow, None, actions)
}

/// Starts a statement that denies `actions` to everybody but AWS services that act for themselves: they are not
/// bound by what people must keep to, and their calls must never be cut.
pub fn deny_people(sid: &str, actions: &[&str]) -> Builder {
    let builder = Builder::new(sid, Effect::Deny, Some(Principal::Any), actions);
    builder.condition(operator(Test::Bool, true), "aws:PrincipalIsAWSService", &["false".to_string()])
}

/// A statement being written.
#[derive(Debug, Clone)]
#[must_use]
pub struct Builder(Statement);

impl Builder {
    fn new(sid: &str, effect: Effect, principal: Option<Principal>, actions: &[&str]) -> Builder {
        Builder(Statement {
            sid: Some(sid.to_string()),
            effect,
            principal: principal.map(Element::Is),
            action: Element::Is(actions.iter().map(ToString::to_string).collect()),
            resource: None,
            conditions: Vec::new(),
        })
    }

    /// On these resources. Trust policies have none.
    pub fn on(mut self, resources: &[String]) -> Builder {
        self.0.resource = Some(Element::Is(resources.to_vec()));
        self
    }

    /// Where the key equals the value.
    pub fn equals(self, key: &str, value: &str) -> Builder {
        self.condition(operator(Test::StringEquals, false), key, &[value.to_string()])
    }

    /// Where the key equals one of the values.
    pub fn equals_any(self, key: &str, values: &[String]) -> Builder {
        self.condition(operator(Test::StringEquals, false), key, values)
    }

    /// Where the key matches the value, which may hold `*`.
    pub fn like(self, key: &str, value: &str) -> Builder {
        self.condition(operator(Test::StringLike, false), key, &[value.to_string()])
    }

    /// Where the key matches one of the values, which may hold `*`.
    pub fn like_any(self, key: &str, values: &[String]) -> Builder {
        self.condition(operator(Test::StringLike, false), key, values)
    }

    /// Where the key is one of these ARNs, which may hold `*`.
    pub fn arn_like(self, key: &str, values: &[String]) -> Builder {
        self.condition(operator(Test::ArnLike, false), key, values)
    }

    /// Where the key is `true` or `false`.
    pub fn is(self, key: &str, value: bool) -> Builder {
        self.condition(operator(Test::Bool, false), key, &[value.to_string()])
    }

    /// The finished statement.
    pub fn done(self) -> Statement {
        self.0
    }

    fn condition(mut self, operator: Operator, key: &str, values: &[String]) -> Builder {
        self.0.conditions.push(Condition { operator, key: key.to_string(), values: values.to_vec() });
        self
    }
}

fn operator(test: Test, if_exists: bool) -> Operator {
    Operator { quantifier: None, test, negated: false, if_exists }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use serde_json::json;

    use super::*;

    fn ours() -> Ours {
        let bucket = "arn:aws:s3:::b".to_string();
        Ours(vec![
            allow_service("A", "cloudtrail.amazonaws.com", &["s3:GetBucketAcl"])
                .on(std::slice::from_ref(&bucket))
                .equals("aws:SourceArn", "arn:aws:cloudtrail:eu-west-1:1:trail/t")
                .done(),
            deny_people("B", &["s3:*"]).on(&[bucket]).is("aws:SecureTransport", false).done(),
        ])
    }

    fn stored(value: &Value) -> Stored {
        Stored::parse(Some(&value.to_string()), "the policy").unwrap()
    }

    #[test]
    fn a_deny_spares_services() {
        let deny = ours().0.remove(1).to_value();
        assert_eq!(
            deny,
            json!({"Sid": "B", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::b",
                   "Condition": {"BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
                                 "Bool": {"aws:SecureTransport": "false"}}})
        );
    }

    #[test]
    fn what_is_merged_has_no_diff_and_foreign_statements_stay() {
        let foreign = json!({"Sid": "F", "Effect": "Allow", "Principal": {"AWS": "111122223333"},
                             "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"});
        let have = stored(&json!({"Version": "2012-10-17", "Id": "x", "Statement": [foreign]}));
        let mut before = Diff::new();
        ours().diff(&mut before, &have);
        assert_eq!(
            before.changes.iter().map(|c| c.path.as_str()).collect::<Vec<_>>(),
            ["policy.A", "policy.B"]
        );

        let merged = stored(&serde_json::from_str(&ours().merged_into(&have)).unwrap());
        let mut after = Diff::new();
        ours().diff(&mut after, &merged);
        assert!(after.is_empty());
        assert!(merged.0.unwrap().statements.iter().any(|s| s.to_value() == foreign));
    }

    #[test]
    fn a_statement_that_should_not_be_there_goes_and_the_others_stay() {
        let have = Stored(Some(ours().alone()));
        let mut d = Diff::new();
        have.diff_unwanted(&mut d, &["A", "C"]);
        let paths: Vec<&str> = d.changes.iter().map(|c| c.path.as_str()).collect();
        assert_eq!((paths, d.risk()), (vec!["policy.A"], Risk::Disruptive));
        let left = have.without(&["A", "C"]).0.unwrap();
        assert_eq!(left.statements, [ours().0.remove(1)]);
    }

    #[test]
    fn a_changed_statement_of_ours_and_one_that_stands_twice_are_found() {
        let mut changed = ours();
        changed.0[0].conditions.clear();
        let mut d = Diff::new();
        ours().diff(&mut d, &Stored(Some(changed.alone())));
        assert_eq!(d.changes.len(), 1);

        let mut twice = ours();
        twice.0.push(twice.0[0].clone());
        let mut d = Diff::new();
        ours().diff(&mut d, &Stored(Some(twice.alone())));
        assert_eq!(d.changes.len(), 1);
    }

    #[test]
    fn a_policy_that_makes_no_sense_is_a_conflict() {
        assert_eq!(Stored::parse(Some("{"), "the policy").unwrap_err().kind, Kind::Conflict);
        assert_eq!(Stored::parse(None, "the policy").unwrap(), Stored(None));
    }
}
