//! Filter patterns of CloudWatch Logs metric filters: parse them and compare them by meaning.
//!
//! Source: CloudWatch Logs user guide, "Filter pattern syntax for metric filters, subscription filters, filter log
//! events, and Live Tail". Benchmarks and other tools write one filter in many ways: white space, quotes, order and
//! parentheses differ, and none of that is drift.

mod parse;
pub mod shipped;

/// A filter pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// A pattern for JSON events, `{ ... }`.
    Json(Expression),
    /// Any other pattern (terms, space-delimited fields, a regular expression), with each run of white space outside of
    /// double quotes made one space.
    Text(String),
}

/// A condition on a JSON event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Expression {
    /// `a && b && ...`
    All(Vec<Expression>),
    /// `a || b || ...`
    Any(Vec<Expression>),
    /// `$.selector = value` and the like.
    Compare {
        /// The property.
        selector: Selector,
        /// The operator.
        operator: Operator,
        /// What it is compared with.
        value: Value,
    },
    /// `$.selector IS NULL`, `IS TRUE`, `IS FALSE`
    Is(Selector, Constant),
    /// `$.selector EXISTS`. The guide says that it "currently isn't supported"; older patterns have it.
    Exists(Selector),
    /// `$.selector NOT EXISTS`
    NotExists(Selector),
}

/// The way to a property from the root of the event.
pub type Selector = Vec<Step>;

/// One step of a selector.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// `.name` or `['name']`
    Name(String),
    /// `[2]`
    Index(u64),
    /// `.*` or `[*]`
    Each,
}

/// Comparison operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// What a property is compared with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// A string, where `*` is wild; quoted or not makes no difference.
    Text(String),
    /// A number, in Rust's shortest decimal form. Guess: a quoted number is a string, and so is one with leading zeros.
    Number(String),
    /// `%a regular expression%`
    Regex(String),
}

/// The values that `IS` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Constant {
    /// `NULL`
    Null,
    /// `TRUE`
    True,
    /// `FALSE`
    False,
}

/// Why a text is no filter pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("filter pattern, character {position}: {problem}")]
pub struct PatternError {
    /// Where, counted in characters from 1.
    pub position: usize,
    /// What is wrong there.
    pub problem: String,
}

impl Pattern {
    /// Reads a pattern. Only JSON patterns can be wrong here; every other text is taken as it is.
    pub fn parse(text: &str) -> Result<Pattern, PatternError> {
        if text.trim_start().starts_with('{') {
            return Ok(Pattern::Json(parse::json_pattern(text)?));
        }
        Ok(Pattern::Text(collapse(text)))
    }

    /// The pattern in a normal form: patterns with equal forms match the same events. Nested uses of one operator are
    /// made one, operands are sorted and stand there once.
    #[must_use]
    pub fn normalised(self) -> Pattern {
        match self {
            Pattern::Json(expression) => Pattern::Json(expression.normalised()),
            Pattern::Text(text) => Pattern::Text(text),
        }
    }
}

/// Whether two filter patterns match the same events as far as order, nesting, white space, quotes and parentheses go.
/// A text that cannot be parsed is the same only as the same text, apart from white space.
pub fn same_meaning(a: &str, b: &str) -> bool {
    match (Pattern::parse(a), Pattern::parse(b)) {
        (Ok(a), Ok(b)) => a.normalised() == b.normalised(),
        _ => collapse(a) == collapse(b),
    }
}

impl Expression {
    /// See [`Pattern::normalised`].
    #[must_use]
    pub fn normalised(self) -> Expression {
        match self {
            Expression::All(parts) => combine(parts, Expression::All, |part| match part {
                Expression::All(inner) => Ok(inner),
                other => Err(other),
            }),
            Expression::Any(parts) => combine(parts, Expression::Any, |part| match part {
                Expression::Any(inner) => Ok(inner),
                other => Err(other),
            }),
            leaf => leaf,
        }
    }
}

/// Normalises the operands, takes those of the same operator in (`open`), sorts, and wraps what is more than one.
fn combine(
    parts: Vec<Expression>,
    wrap: fn(Vec<Expression>) -> Expression,
    open: fn(Expression) -> Result<Vec<Expression>, Expression>,
) -> Expression {
    let mut flat = Vec::new();
    for part in parts {
        match open(part.normalised()) {
            Ok(inner) => flat.extend(inner),
            Err(other) => flat.push(other),
        }
    }
    flat.sort();
    flat.dedup();
    if flat.len() == 1
        && let Some(only) = flat.pop()
    {
        return only;
    }
    wrap(flat)
}

/// Makes each run of white space outside of double quotes one space.
fn collapse(text: &str) -> String {
    let (mut out, mut quoted, mut escaped) = (String::new(), false, false);
    for character in text.trim().chars() {
        if character == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = character == '\\' && !escaped;
        if quoted || !character.is_whitespace() {
            out.push(character);
        } else if !out.ends_with(' ') {
            out.push(' ');
        }
    }
    out
}

#[cfg(test)]
mod tests;
