//! Texts with `*` (any characters) and `?` (one character).

/// One piece of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    Char(char),
    /// `?`
    One,
    /// `*`
    Many,
}

/// The pattern that matches exactly `text`.
pub(super) fn literal(text: &str) -> Vec<Token> {
    text.chars().map(Token::Char).collect()
}

/// The pattern that is written as `text`.
pub(super) fn wildcards(text: &str) -> Vec<Token> {
    let token = |character| match character {
        '*' => Token::Many,
        '?' => Token::One,
        other => Token::Char(other),
    };
    text.chars().map(token).collect()
}

/// Whether `pattern` matches every text that `other` matches. Where `other` is a literal this is plain matching;
/// where it is not, the answer may be no although the truth is yes (`**` does not cover `?*` spelled otherwise).
pub(super) fn covers(pattern: &[Token], other: &[Token]) -> bool {
    let (mut at, mut with) = (0, 0);
    // Where the last `*` stands, and how much of `other` it has taken: the only place worth going back to.
    let mut star: Option<(usize, usize)> = None;
    while let Some(piece) = other.get(at) {
        match (pattern.get(with), piece) {
            (Some(Token::Many), _) => {
                star = Some((with, at));
                with += 1;
            }
            (Some(Token::One), Token::Char(_) | Token::One) => {
                at += 1;
                with += 1;
            }
            (Some(Token::Char(a)), Token::Char(b)) if a == b => {
                at += 1;
                with += 1;
            }
            _ => {
                let Some((star_at, taken)) = star else { return false };
                star = Some((star_at, taken + 1));
                at = taken + 1;
                with = star_at + 1;
            }
        }
    }
    pattern.iter().skip(with).all(|token| *token == Token::Many)
}

/// Whether some text matches both patterns.
pub(super) fn intersect(a: &[Token], b: &[Token]) -> bool {
    // `next[j]`: whether a[i + 1..] and b[j..] have a text in common; filled from the ends.
    let only_stars = |rest: &[Token]| rest.iter().all(|token| *token == Token::Many);
    let mut next: Vec<bool> = (0..=b.len()).map(|j| only_stars(b.split_at(j).1)).collect();
    for i in (0..a.len()).rev() {
        let (left, rest) = (a.get(i), a.split_at(i).1);
        let mut row = vec![false; b.len() + 1];
        if let Some(last) = row.last_mut() {
            *last = only_stars(rest);
        }
        for j in (0..b.len()).rev() {
            let get = |row: &[bool], j: usize| row.get(j).copied().unwrap_or_default();
            let found = match (left, b.get(j)) {
                (Some(Token::Many), _) | (_, Some(Token::Many)) => get(&next, j) || get(&row, j + 1),
                (Some(Token::Char(x)), Some(Token::Char(y))) => x == y && get(&next, j + 1),
                _ => get(&next, j + 1),
            };
            if let Some(cell) = row.get_mut(j) {
                *cell = found;
            }
        }
        next = row;
    }
    next.first().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn glob(pattern: &str, text: &str) -> bool {
        covers(&wildcards(pattern), &literal(text))
    }

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text) in [
            ("", ""),
            ("*", ""),
            ("**", "x"),
            ("a*c", "abbc"),
            ("a?c", "abc"),
            ("*b*b", "abab"),
            ("é?", "éß"),
        ] {
            assert!(glob(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("", "a"), ("?", ""), ("a?c", "ac"), ("a*c", "abd"), ("*b", "abc"), ("A", "a")]
        {
            assert!(!glob(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn covering_and_intersecting_patterns() {
        let covering = |a: &str, b: &str| covers(&wildcards(a), &wildcards(b));
        let common = |a: &str, b: &str| intersect(&wildcards(a), &wildcards(b));
        assert!(covering("role/*", "role/org*") && !covering("role/org*", "role/*"));
        assert!(covering("a?", "a?") && covering("a*", "a?") && !covering("a?", "a*"));
        assert!(common("role/org*", "role/*base") && common("a*", "*b") && common("?", "*"));
        assert!(!common("a*", "b*") && !common("a?", "a") && !common("x*y", "x*z"));
    }

    proptest! {
        /// Whatever two patterns both match is in their intersection, and a covering pattern matches what the covered
        /// one matches.
        #[test]
        fn agrees_with_matching(a in "[ab*?]{0,6}", b in "[ab*?]{0,6}", text in "[ab]{0,6}") {
            let (x, y) = (wildcards(&a), wildcards(&b));
            let (in_a, in_b) = (glob(&a, &text), glob(&b, &text));
            if in_a && in_b {
                prop_assert!(intersect(&x, &y));
            }
            if covers(&x, &y) && in_b {
                prop_assert!(in_a);
            }
            prop_assert_eq!(intersect(&x, &y), intersect(&y, &x));
            prop_assert_eq!(intersect(&x, &literal(&text)), in_a);
        }
    }
}
