//! The models' patterns are Java's; this makes them Rust's.
//!
//! The regex crate has no look-around. At the beginning and the end of a pattern it is a second pattern that must not
//! match, which is what it becomes here; the few patterns with look-around elsewhere are rewritten by hand.

use regex::{Regex, RegexBuilder};

/// Bytes that one compiled pattern may take; the widest ones (`[\p{L}..]{1,2048}`) need some megabytes.
const SIZE_LIMIT: usize = 64 << 20;

/// A compiled pattern: one expression that matches the whole text, others that match nowhere.
#[derive(Debug)]
pub(super) struct Pattern {
    must: Regex,
    must_not: Vec<Regex>,
}

/// Patterns with look-around in their middle: as they are, what must match, what must not. In Java's syntax.
const REWRITTEN: &[(&str, &str, &str)] = &[
    // chatbot GuardrailPolicyArn
    (
        r"(^$|(?!.*\/aws-service-role\/.*)arn:aws:iam:[A-Za-z0-9_\/.-]{0,63}:[A-Za-z0-9_\/.-]{0,63}:[A-Za-z0-9][A-Za-z0-9:_\/+=,@.-]{0,1023})",
        r"|arn:aws:iam:[A-Za-z0-9_\/.-]{0,63}:[A-Za-z0-9_\/.-]{0,63}:[A-Za-z0-9][A-Za-z0-9:_\/+=,@.-]{0,1023}",
        r"/aws-service-role/",
    ),
    // detective EmailAddress
    (
        r"^.+@(?:(?:(?!-)[A-Za-z0-9-]{1,62})?[A-Za-z0-9]{1}\.)+[A-Za-z]{2,63}$",
        r".+@(?:(?:[A-Za-z0-9][A-Za-z0-9-]{0,61})?[A-Za-z0-9]{1}\.)+[A-Za-z]{2,63}",
        "",
    ),
    // fms ManagedServiceData
    (r"^((?!\\[nr]).)+", r".+", r"\\[nr]"),
    // iam accountAliasType
    (r"^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$", r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", "--"),
    // lambda CollectionName, FunctionUrlQualifier
    (r"(^(?!(system\x2e)))(^[_a-zA-Z0-9])([^$]*)", r"[_a-zA-Z0-9][^$]*", r"^system\x2e"),
    (r"((?!^\d+$)^[0-9a-zA-Z-_]+$)", r"[0-9a-zA-Z\-_]+", r"^\d+$"),
    // scheduler Source
    (
        r"^(?=[/\.\-_A-Za-z0-9]+)((?!aws\.).*)|(\$(\.[\w_-]+(\[(\d+|\*)\])*)*)$",
        r"[/\.\-_A-Za-z0-9].*|\$(\.[\w_-]+(\[(\d+|\*)\])*)*",
        r"^aws\.",
    ),
    // sso-admin Duration
    (
        r"(-?)P(?=\d|T\d)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)([DW]))?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?",
        r"-?P(?:\d+Y)?(?:\d+M)?(?:\d+[DW])?(?:T(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?",
        r"^-?PT?$",
    ),
    // efs Path
    (r"^(\/|(\/(?!\.)+[^$#<>;`|&?{}^*/\n]+){1,4})$", r"/|(?:/[^$#<>;`|&?{}^*/\n]+){1,4}", r"/\."),
];

impl Pattern {
    /// Whether the whole text matches.
    pub(super) fn matches(&self, text: &str) -> bool {
        self.must.is_match(text) && !self.must_not.iter().any(|regex| regex.is_match(text))
    }
}

/// Compiles a pattern, or `None` where it uses what cannot be expressed.
pub(super) fn compile(java: &str) -> Option<Pattern> {
    if let Some((_, must, must_not)) = REWRITTEN.iter().find(|(source, ..)| *source == java) {
        let must_not = Some(*must_not).filter(|p| !p.is_empty()).map(|p| build(&translate(p)));
        return Some(Pattern { must: whole(must)?, must_not: must_not.into_iter().collect::<Option<_>>()? });
    }
    let mut must_not = Vec::new();
    let mut rest = java;
    let after_anchor = rest.strip_prefix('^').unwrap_or(rest);
    if let Some(inner) = after_anchor.strip_prefix("(?!") {
        let end = closing(inner)?;
        must_not.push(build(&format!("^(?:{})", translate(&inner[..end])))?);
        rest = &inner[end + 1..];
    }
    let before_anchor = rest.strip_suffix('$').unwrap_or(rest);
    if let Some(start) = before_anchor.strip_suffix(')').and_then(|text| text.rfind("(?<!")) {
        let inner = &before_anchor[start + 4..];
        if closing(inner)? + 1 == inner.len() {
            must_not.push(build(&format!("(?:{})$", translate(&inner[..inner.len() - 1])))?);
            rest = &rest[..start];
        }
    }
    Some(Pattern { must: whole(rest)?, must_not })
}

fn whole(java: &str) -> Option<Regex> {
    build(&format!("^(?:{})$", translate(java)))
}

fn build(rust: &str) -> Option<Regex> {
    RegexBuilder::new(rust).size_limit(SIZE_LIMIT).build().ok()
}

/// Where the group ends that was opened before `text`.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut in_class, mut escaped) = (0_usize, false, false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => in_class = true,
            ']' => in_class = false,
            '(' if !in_class => depth += 1,
            ')' if !in_class && depth == 0 => return Some(at),
            ')' if !in_class => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Java writes characters above U+FFFF as two halves.
const HALVES: (&str, &str) = (r"\uD800\uDC00-\uDBFF\uDFFF", r"\u{10000}-\u{10FFFF}");

/// `\d` and `\w` are ASCII in Java; `[`, `&` and `~` inside a class are plain characters in the models, and so is a
/// `-` after a class such as `\p{Z}`.
fn translate(java: &str) -> String {
    let java = java.replace(HALVES.0, HALVES.1);
    let mut rust = String::with_capacity(java.len() + 16);
    let mut in_class = false;
    let mut letters = java.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('d') => rust.push_str("[0-9]"),
                Some('w') => rust.push_str("[0-9A-Za-z_]"),
                Some('/') => rust.push('/'),
                Some('p') if in_class => {
                    rust.push_str("\\p");
                    rust.extend(letters.by_ref().take_while(|c| *c != '}').chain(['}']));
                    if letters.next_if_eq(&'-').is_some() {
                        rust.push_str("\\-");
                    }
                }
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
        assert!(account.matches("123456789012"));
        assert!(!account.matches("1234567890123"));
        assert!(!account.matches("१२३४५६७८९०१२"));
        let policy = compile(r"[\s\S]*").unwrap();
        assert!(policy.matches("a\nb"));
    }

    #[test]
    fn brackets_and_ampersands_in_a_class_are_characters() {
        let class = compile(r"[a&&b[~]+").unwrap();
        assert!(class.matches("a&b[~"));
        assert!(!class.matches("c"));
    }

    /// Pattern, texts that match, texts that do not.
    #[test]
    fn look_around_is_a_second_pattern() {
        let duration = REWRITTEN[7].0;
        let table: &[(&str, &[&str], &[&str])] = &[
            (r"^(?!aws:)[a-z:]+$", &["a", "xaws:"], &["aws:a", "A", ""]),
            (r"(?!^[0-9]+$)([a-z0-9]+)", &["a1", "1a"], &["11", ""]),
            (r"^(?!\s*$).+", &["a", " a"], &["  ", ""]),
            (r"^(?! )[\p{L}\p{N}\p{Z}-_]*(?<! )$", &["", "a b-c_", "é"], &[" a", "a ", "a.b"]),
            (r"[0-9A-Za-z\.\-_]*(?<!\.)", &["a.b", ""], &["a.", "a b"]),
            (
                r"^(?![^:\\]*/action/|(?i).*<script>.*</script>.*)[^:\\]+$",
                &["a b"],
                &["a/action/", "<SCRIPT></script>", "a:b"],
            ),
            (REWRITTEN[3].0, &["abc", "a-b-c"], &["a--b", "-ab", "ab-", "ab"]),
            (
                REWRITTEN[0].0,
                &["", "arn:aws:iam::aws:policy/X"],
                &["arn:aws:iam::aws:policy/aws-service-role/X"],
            ),
            (REWRITTEN[1].0, &["a@b.co", "a@b-c.d.com"], &["a@-b.co", "a@b"]),
            (REWRITTEN[2].0, &["{}"], &[r"a\nb", ""]),
            (REWRITTEN[6].0, &["my.source", "$.a[0]"], &["aws.ec2", ""]),
            (duration, &["PT1H", "P1D", "-P1Y", "P1DT2H", "PT1.5S"], &["P", "PT", "1H"]),
            (REWRITTEN[8].0, &["/", "/a/b"], &["/.a", "/a/./b", "a", "/1/2/3/4/5"]),
            (r"[\u0020-\uD7FF\uD800\uDC00-\uDBFF\uDFFF\t]*", &["a\t😀"], &["\u{1}"]),
        ];
        for (pattern, good, bad) in table {
            let compiled = compile(pattern).unwrap();
            for text in *good {
                assert!(compiled.matches(text), "{pattern}: {text:?}");
            }
            for text in *bad {
                assert!(!compiled.matches(text), "{pattern}: {text:?}");
            }
        }
    }

    #[test]
    fn what_cannot_be_expressed_is_none() {
        assert!(compile("a(?=b)b").is_none());
    }
}
