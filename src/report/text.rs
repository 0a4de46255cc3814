//! Text for terminals: what AWS or a file said is shown without its control characters.

use serde_json::Value;

/// Replaces control characters (which could drive the terminal) and bidirectional overrides by their escapes.
pub fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let hides = matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        if c.is_control() || hides {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// A text that stays in its cell of a Markdown table and is not read as markup.
pub fn markdown(text: &str) -> String {
    let mut out = String::new();
    for c in safe(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '!' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// Most characters of a value that people are shown; the JSON holds all of it.
const LONGEST: usize = 160;

/// A JSON value on one line; strings without quotes where that is unambiguous.
pub fn value(value: &Value) -> String {
    match value {
        Value::Null => "(none)".into(),
        Value::String(s) if !s.is_empty() && s.len() <= 200 => safe(s),
        other => {
            let text = safe(&other.to_string());
            match text.char_indices().nth(LONGEST) {
                None => text,
                Some((end, _)) => format!("{}... ({} characters)", &text[..end], text.chars().count()),
            }
        }
    }
}

/// `1 account`, `2 accounts`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Colours, or none.
#[derive(Debug, Clone, Copy)]
pub struct Paint(pub bool);

impl Paint {
    fn wrap(self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_string() }
    }

    /// Something that appears.
    pub fn green(self, text: &str) -> String {
        self.wrap("32", text)
    }

    /// Something that changes.
    pub fn yellow(self, text: &str) -> String {
        self.wrap("33", text)
    }

    /// Something that goes away or went wrong.
    pub fn red(self, text: &str) -> String {
        self.wrap("31", text)
    }

    /// A heading.
    pub fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    /// Something beside the point.
    pub fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_and_not_obeyed() {
        assert_eq!(safe("a\u{1b}[31mb\r\n"), "a\\u{1b}[31mb\\u{d}\\u{a}");
        assert_eq!(safe("x\u{202e}y"), "x\\u{202e}y");
        assert_eq!(safe("Zoë Ltd."), "Zoë Ltd.");
    }

    #[test]
    fn long_values_are_cut_at_a_character() {
        let long = Value::String("é".repeat(500));
        let text = value(&long);
        assert!(text.ends_with("(502 characters)"), "{text}");
    }
}
