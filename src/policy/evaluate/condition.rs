//! Conditions: one operator and key against the context of a request.
//!
//! Sources: IAM user guide, "Condition operators", "Conditions with multiple context keys or values" and "Single-valued
//! vs. multivalued context keys".

use super::pattern::{self, Token};
use super::{Lookup, Scene, Truth, values};
use crate::policy::document::Condition;
use crate::policy::operator::{Quantifier, Test};

impl Scene<'_> {
    pub(super) fn condition(&self, condition: &Condition) -> Truth {
        let operator = condition.operator;
        let given = match self.lookup(&condition.key) {
            Lookup::Unknown => return Truth::Unknown,
            Lookup::Absent => None,
            Lookup::Values(given) => Some(given),
        };
        // A key whose values are empty texts is a "null dataset" for `Null` and for the set operators, while
        // `StringLike` compares with an empty text (the guide's own `s3:prefix` example does).
        let null = given.is_none_or(|given| given.iter().all(String::is_empty));
        if operator.test == Test::Null {
            let hit = condition.values.iter().any(|value| value.eq_ignore_ascii_case(&null.to_string()));
            return hit.into();
        }
        match (given, operator.quantifier) {
            (Some(given), None) => {
                let hits = given.iter().map(|value| self.value(condition, value));
                // Guess: IAM calls several values without a set operator a mistake and leaves the result open. Here
                // one value must match, and for a negated operator none may.
                if operator.negated { Truth::all(hits) } else { Truth::any(hits) }
            }
            // "If the key is not present, evaluate the condition element as true." Guess: also after `ForAnyValue`,
            // where the two rules disagree.
            _ if null && operator.if_exists => Truth::True,
            // A missing key does not match, so that a negated operator is true.
            (None, None) => operator.negated.into(),
            (_, Some(Quantifier::AllValues)) if null => Truth::True,
            (_, Some(Quantifier::AnyValue)) if null => Truth::False,
            (given, quantifier) => {
                let hits = given.unwrap_or_default().iter().map(|value| self.value(condition, value));
                if quantifier == Some(Quantifier::AllValues) { Truth::all(hits) } else { Truth::any(hits) }
            }
        }
    }

    /// One value of the request against all values of the policy: `OR`, or `NOR` for a negated operator.
    fn value(&self, condition: &Condition, given: &str) -> Truth {
        let test = condition.operator.test;
        let hit = Truth::any(condition.values.iter().map(|wanted| self.compare(test, wanted, given)));
        if condition.operator.negated { !hit } else { hit }
    }

    fn compare(&self, test: Test, wanted: &str, given: &str) -> Truth {
        match test {
            Test::StringEquals => self.text(wanted, given, false),
            Test::StringEqualsIgnoreCase => {
                let Some(tokens) = self.expand(wanted, false) else { return Truth::Unknown };
                let folded: Vec<Token> = tokens.into_iter().flat_map(lower).collect();
                (folded == pattern::literal(&given.to_lowercase())).into()
            }
            Test::StringLike => self.text(wanted, given, true),
            Test::ArnEquals | Test::ArnLike => self.arn(wanted, given),
            Test::Numeric(comparison) => values::numeric(comparison, given, wanted).into(),
            Test::Date(comparison) => values::date(comparison, given, wanted).into(),
            Test::Bool => values::boolean(given, wanted).into(),
            Test::BinaryEquals => values::binary(given, wanted).into(),
            Test::IpAddress => values::in_block(given, wanted).into(),
            // Decided before, as it looks at no value.
            Test::Null => Truth::Unknown,
        }
    }

    fn text(&self, wanted: &str, given: &str, wildcards: bool) -> Truth {
        self.expand(wanted, wildcards)
            .map_or(Truth::Unknown, |tokens| pattern::covers(&tokens, &pattern::literal(given)).into())
    }

    /// "Each of the six colon-delimited components of the ARN is checked separately."
    ///
    /// Guess: the pattern `*` alone matches every ARN, any other text with fewer than six parts matches none.
    fn arn(&self, wanted: &str, given: &str) -> Truth {
        let Some(tokens) = self.expand(wanted, true) else { return Truth::Unknown };
        if tokens == [Token::Many] {
            return Truth::True;
        }
        let given = pattern::literal(given);
        let parts = |tokens: &[Token]| -> Vec<Vec<Token>> {
            tokens.splitn(6, |token| *token == Token::Char(':')).map(<[Token]>::to_vec).collect()
        };
        let (wanted, given) = (parts(&tokens), parts(&given));
        let hit = wanted.len() == 6
            && given.len() == 6
            && wanted.iter().zip(&given).all(|(wanted, given)| pattern::covers(wanted, given));
        hit.into()
    }
}

fn lower(token: Token) -> Vec<Token> {
    match token {
        Token::Char(character) => character.to_lowercase().map(Token::Char).collect(),
        wild => vec![wild],
    }
}
