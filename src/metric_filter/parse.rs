//! Reading JSON filter patterns: `()` binds tighter than `&&`, which binds tighter than `||`.

use super::{Constant, Expression, Operator, PatternError, Selector, Step, Value};

/// How deep parentheses may stand in each other. A pattern has at most 1,024 characters, and no sane one comes near.
const MAX_DEPTH: usize = 64;

/// Reads `{ expression }`.
pub(super) fn json_pattern(text: &str) -> Result<Expression, PatternError> {
    let mut parser = Parser { text: text.chars().collect(), at: 0 };
    parser.expect("{")?;
    let expression = parser.any(0)?;
    parser.expect("}")?;
    parser.space();
    if parser.peek().is_some() {
        return parser.fail("text after the closing `}`");
    }
    Ok(expression)
}

struct Parser {
    text: Vec<char>,
    at: usize,
}

impl Parser {
    fn any(&mut self, depth: usize) -> Result<Expression, PatternError> {
        let mut parts = vec![self.all(depth)?];
        while self.take("||") {
            parts.push(self.all(depth)?);
        }
        Ok(only_or(parts, Expression::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Expression, PatternError> {
        let mut parts = vec![self.operand(depth)?];
        while self.take("&&") {
            parts.push(self.operand(depth)?);
        }
        Ok(only_or(parts, Expression::All))
    }

    fn operand(&mut self, depth: usize) -> Result<Expression, PatternError> {
        if !self.take("(") {
            return self.condition();
        }
        if depth == MAX_DEPTH {
            return self.fail("too many nested parentheses");
        }
        let inner = self.any(depth + 1)?;
        self.expect(")")?;
        Ok(inner)
    }

    fn condition(&mut self) -> Result<Expression, PatternError> {
        let selector = self.selector()?;
        // The longer signs first.
        for (sign, operator) in [
            ("!=", Operator::NotEqual),
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("=", Operator::Equal),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ] {
            if self.take(sign) {
                let value = self.value()?;
                let ordering = !matches!(operator, Operator::Equal | Operator::NotEqual);
                if ordering && !matches!(value, Value::Number(_)) {
                    return self.fail(&format!("`{sign}` needs a number"));
                }
                return Ok(Expression::Compare { selector, operator, value });
            }
        }
        // Guess: keywords in any case; the guide writes capitals only.
        match self.word().to_ascii_uppercase().as_str() {
            "IS" => match self.word().to_ascii_uppercase().as_str() {
                "NULL" => Ok(Expression::Is(selector, Constant::Null)),
                "TRUE" => Ok(Expression::Is(selector, Constant::True)),
                "FALSE" => Ok(Expression::Is(selector, Constant::False)),
                _ => self.fail("`IS` needs NULL, TRUE or FALSE"),
            },
            "EXISTS" => Ok(Expression::Exists(selector)),
            "NOT" if self.word().eq_ignore_ascii_case("EXISTS") => Ok(Expression::NotExists(selector)),
            "NOT" => self.fail("`NOT` needs EXISTS"),
            _ => self.fail("expected a comparison, IS, EXISTS or NOT EXISTS"),
        }
    }

    /// Reads `$.name[0].*.['a name']`.
    fn selector(&mut self) -> Result<Selector, PatternError> {
        self.space();
        if self.peek() != Some('$') {
            return self.fail("expected a selector such as `$.eventName`");
        }
        self.at += 1;
        let mut steps = Vec::new();
        loop {
            match (self.peek(), self.text.get(self.at + 1)) {
                (Some('['), _) => {
                    self.at += 1;
                    steps.push(self.bracketed()?);
                }
                (Some('.'), Some('[')) => {
                    self.at += 2;
                    steps.push(self.bracketed()?);
                }
                (Some('.'), _) => {
                    self.at += 1;
                    let name = self.bare(|c| c.is_whitespace() || ".[]=!<>(){}&|\"".contains(c));
                    match name.as_str() {
                        "" => return self.fail("expected a property name"),
                        "*" => steps.push(Step::Each),
                        _ => steps.push(Step::Name(name)),
                    }
                }
                _ if steps.is_empty() => return self.fail("expected `.` and a property name"),
                _ => return Ok(steps),
            }
        }
    }

    /// Reads what follows `[` in a selector, up to `]`.
    fn bracketed(&mut self) -> Result<Step, PatternError> {
        let step = if let Some(quote @ ('\'' | '"')) = self.peek() {
            self.at += 1;
            Step::Name(self.until(quote)?)
        } else {
            let inside = self.bare(|c| c == ']' || c.is_whitespace());
            if inside == "*" {
                Step::Each
            } else if let Ok(index) = inside.parse() {
                Step::Index(index)
            } else {
                return self.fail("expected a number, `*` or a quoted name in `[]`");
            }
        };
        self.expect("]")?;
        Ok(step)
    }

    fn value(&mut self) -> Result<Value, PatternError> {
        self.space();
        match self.peek() {
            Some('"') => {
                self.at += 1;
                Ok(Value::Text(self.until('"')?))
            }
            Some('%') => {
                self.at += 1;
                Ok(Value::Regex(self.raw_until('%')?))
            }
            _ => {
                let bare = self.bare(|c| c.is_whitespace() || "(){}=!<>&|\"".contains(c));
                if bare.is_empty() {
                    return self.fail("expected a value");
                }
                Ok(number(&bare).map_or(Value::Text(bare), Value::Number))
            }
        }
    }

    /// Reads up to the quote, which a backslash escapes.
    fn until(&mut self, quote: char) -> Result<String, PatternError> {
        let mut out = String::new();
        while let Some(character) = self.peek() {
            self.at += 1;
            match (character, self.peek()) {
                (end, _) if end == quote => return Ok(out),
                ('\\', Some(escaped)) if escaped == quote || escaped == '\\' => {
                    out.push(escaped);
                    self.at += 1;
                }
                _ => out.push(character),
            }
        }
        self.fail(&format!("no closing {quote}"))
    }

    /// Reads up to the end sign; a regular expression keeps its backslashes.
    fn raw_until(&mut self, end: char) -> Result<String, PatternError> {
        let out = self.bare(|c| c == end);
        if self.peek().is_none() {
            return self.fail(&format!("no closing {end}"));
        }
        self.at += 1;
        Ok(out)
    }

    fn word(&mut self) -> String {
        self.space();
        self.bare(|c| !c.is_ascii_alphabetic())
    }

    fn bare(&mut self, stop: impl Fn(char) -> bool) -> String {
        let taken: String = self.text.iter().skip(self.at).take_while(|c| !stop(**c)).collect();
        self.at += taken.chars().count();
        taken
    }

    fn take(&mut self, sign: &str) -> bool {
        self.space();
        let found = self.text.iter().skip(self.at).take(sign.len()).copied().eq(sign.chars());
        if found {
            self.at += sign.len();
        }
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), PatternError> {
        if self.take(sign) { Ok(()) } else { self.fail(&format!("expected `{sign}`")) }
    }

    fn space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn fail<T>(&self, problem: &str) -> Result<T, PatternError> {
        Err(PatternError { position: self.at + 1, problem: problem.to_owned() })
    }
}

fn only_or(mut parts: Vec<Expression>, wrap: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            wrap(parts)
        }
    }
}

/// "An integer with an optional + or - sign, a decimal, or a number in scientific notation."
fn number(text: &str) -> Option<String> {
    let digits = text.trim_start_matches(['+', '-']);
    let leading_zero = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    let decimal = digits.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    let value: f64 = text.parse().ok().filter(|_| decimal && !leading_zero)?;
    Some(value.to_string())
}
