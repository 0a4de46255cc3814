//! The models' patterns are Java's; this makes them Rust's.

use regex::{Regex, RegexBuilder};

/// Bytes that one compiled pattern may take; the widest ones (`[\p{L}..]{1,2048}`) need some megabytes.
const SIZE_LIMIT: usize = 64 << 20;

/// Compiles a pattern for a match of the whole text, or `None` where it uses what the regex crate does not have
/// (look-around, possessive quantifiers).
pub(super) fn compile(java: &str) -> Option<Regex> {
    RegexBuilder::new(&format!("^(?:{})$", translate(java))).size_limit(SIZE_LIMIT).build().ok()
}

/// `\d` and `\w` are ASCII in Java; `[`, `&` and `~` inside a class are plain characters in the models.
fn translate(java: &str) -> String {
    let mut rust = String::with_capacity(java.len() + 16);
    let mut in_class = false;
    let mut letters = java.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('d') => rust.push_str("[0-9]"),
                Some('w') => rust.push_str("[0-9A-Za-z_]"),
                Some('/') => rust.push('/'),
                Some(escaped) => rust.extend(['\\', escaped]),
                None => rust.push('\\'),
            },
            '[' if !in_class => {
                in_class = true;
                rust.push('[');
            }
            ']' if in_class => {
                in_class = false;
                rust.push(']');
            }
            '[' | '&' | '~' if in_class => rust.extend(['\\', letter]),
            _ => rust.push(letter),
        }
    }
    rust
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn matches_the_whole_text_and_ascii_only() {
        let account = compile(r"\d{12}").unwrap();
        assert!(account.is_match("123456789012"));
        assert!(!account.is_match("1234567890123"));
        assert!(!account.is_match("१२३४५६७८९०१२"));
        let policy = compile(r"[\s\S]*").unwrap();
        assert!(policy.is_match("a\nb"));
    }

    #[test]
    fn brackets_and_ampersands_in_a_class_are_characters() {
        let class = compile(r"[a&&b[~]+").unwrap();
        assert!(class.is_match("a&b[~"));
        assert!(!class.is_match("c"));
        assert!(compile(r"(?!aws:)x").is_none());
    }
}
