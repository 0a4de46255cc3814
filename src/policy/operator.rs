//! Condition operators: their names and what each consists of.
//!
//! Source: IAM user guide, "IAM JSON policy elements: Condition operators".

use std::fmt;

/// A condition operator, taken apart: `ForAnyValue:StringNotEqualsIfExists` is the quantifier, the test
/// [`Test::StringEquals`] negated, and `IfExists`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Operator {
    /// `ForAllValues:` or `ForAnyValue:`.
    pub quantifier: Option<Quantifier>,
    /// What is compared, and how.
    pub test: Test,
    /// Whether the test is turned round, as in `StringNotEquals`.
    pub negated: bool,
    /// Whether a missing key makes the condition true (`...IfExists`).
    pub if_exists: bool,
}

/// How a condition treats a context key with several values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quantifier {
    /// `ForAllValues`: each value of the request must pass; true without any value.
    AllValues,
    /// `ForAnyValue`: one value of the request must pass; false without any value.
    AnyValue,
}

/// What an operator compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Test {
    /// Equal text.
    StringEquals,
    /// Equal text, ignoring case.
    StringEqualsIgnoreCase,
    /// Text with `*` and `?`.
    StringLike,
    /// Numbers.
    Numeric(Comparison),
    /// Dates, ISO 8601 or seconds since 1970.
    Date(Comparison),
    /// `true` or `false`.
    Bool,
    /// Bytes, written in base64.
    BinaryEquals,
    /// An address in a CIDR block.
    IpAddress,
    /// An ARN, part by part; the same as [`Test::ArnLike`].
    ArnEquals,
    /// An ARN, part by part, with `*` and `?`.
    ArnLike,
    /// Whether the key is absent.
    Null,
}

/// How numbers and dates are compared: the request's value stands on the left, the policy's on the right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

const NAMES: &[(&str, Test, bool)] = &[
    ("StringEquals", Test::StringEquals, false),
    ("StringNotEquals", Test::StringEquals, true),
    ("StringEqualsIgnoreCase", Test::StringEqualsIgnoreCase, false),
    ("StringNotEqualsIgnoreCase", Test::StringEqualsIgnoreCase, true),
    ("StringLike", Test::StringLike, false),
    ("StringNotLike", Test::StringLike, true),
    ("NumericEquals", Test::Numeric(Comparison::Equal), false),
    ("NumericNotEquals", Test::Numeric(Comparison::Equal), true),
    ("NumericLessThan", Test::Numeric(Comparison::Less), false),
    ("NumericLessThanEquals", Test::Numeric(Comparison::LessOrEqual), false),
    ("NumericGreaterThan", Test::Numeric(Comparison::Greater), false),
    ("NumericGreaterThanEquals", Test::Numeric(Comparison::GreaterOrEqual), false),
    ("DateEquals", Test::Date(Comparison::Equal), false),
    ("DateNotEquals", Test::Date(Comparison::Equal), true),
    ("DateLessThan", Test::Date(Comparison::Less), false),
    ("DateLessThanEquals", Test::Date(Comparison::LessOrEqual), false),
    ("DateGreaterThan", Test::Date(Comparison::Greater), false),
    ("DateGreaterThanEquals", Test::Date(Comparison::GreaterOrEqual), false),
    ("Bool", Test::Bool, false),
    ("BinaryEquals", Test::BinaryEquals, false),
    ("IpAddress", Test::IpAddress, false),
    ("NotIpAddress", Test::IpAddress, true),
    ("ArnEquals", Test::ArnEquals, false),
    ("ArnNotEquals", Test::ArnEquals, true),
    ("ArnLike", Test::ArnLike, false),
    ("ArnNotLike", Test::ArnLike, true),
    ("Null", Test::Null, false),
];

impl Operator {
    /// Reads an operator's name, or `None` where IAM documents no such operator.
    ///
    /// Guess: names are taken in any case; IAM's pages say nothing about it, and stored policies carry the exact case.
    pub fn parse(name: &str) -> Option<Operator> {
        let (quantifier, rest) = match name.split_once(':') {
            Some((head, rest)) if head.eq_ignore_ascii_case("ForAllValues") => {
                (Some(Quantifier::AllValues), rest)
            }
            Some((head, rest)) if head.eq_ignore_ascii_case("ForAnyValue") => {
                (Some(Quantifier::AnyValue), rest)
            }
            Some(_) => return None,
            None => (None, name),
        };
        let base_length = rest.len().checked_sub("IfExists".len());
        let (base, if_exists) = match base_length.and_then(|at| rest.split_at_checked(at)) {
            Some((base, tail)) if tail.eq_ignore_ascii_case("IfExists") => (base, true),
            _ => (rest, false),
        };
        let (_, test, negated) = NAMES.iter().find(|(known, ..)| known.eq_ignore_ascii_case(base))?;
        // "You can add IfExists to the end of any condition operator name except the Null condition."
        if *test == Test::Null && if_exists {
            return None;
        }
        Some(Operator { quantifier, test: *test, negated: *negated, if_exists })
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.quantifier {
            Some(Quantifier::AllValues) => f.write_str("ForAllValues:")?,
            Some(Quantifier::AnyValue) => f.write_str("ForAnyValue:")?,
            None => {}
        }
        let named = NAMES.iter().find(|(_, test, negated)| (*test, *negated) == (self.test, self.negated));
        // `Bool`, `Null` and the orderings have no negated form; only a hand-made value can ask for one.
        f.write_str(named.map_or("Unnamed", |(name, ..)| name))?;
        f.write_str(if self.if_exists { "IfExists" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_and_prints_back_with_all_its_affixes() {
        for (name, test, _) in NAMES {
            for prefix in ["", "ForAllValues:", "ForAnyValue:"] {
                let full = format!("{prefix}{name}");
                assert_eq!(Operator::parse(&full).map(|op| op.to_string()), Some(full.clone()));
                let lenient = Operator::parse(&format!("{full}IfExists")).map(|op| op.to_string());
                let expected = (*test != Test::Null).then(|| format!("{full}IfExists"));
                assert_eq!(lenient, expected);
            }
        }
    }

    #[test]
    fn case_does_not_matter_and_unknown_names_are_refused() {
        let odd = Operator::parse("foranyvalue:stringnotequalsifexists").map(|op| op.to_string());
        assert_eq!(odd.as_deref(), Some("ForAnyValue:StringNotEqualsIfExists"));
        for unknown in ["", "StringEqual", "ForSome:StringEquals", "IfExists", "NotBool", "NullIfExists", "É"]
        {
            assert_eq!(Operator::parse(unknown), None, "{unknown}");
        }
    }
}
