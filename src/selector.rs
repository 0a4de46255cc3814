//! `--only` and `--exclude`: which units a run is about.

use std::fmt;
use std::str::FromStr;

use crate::diag::suggestion;
use crate::error::RunError;
use crate::facts::is_under;

/// The kinds of selector.
const KINDS: [&str; 4] = ["account", "ou", "region", "control"];

/// One selector: `account=KEY|ID|GLOB`, `ou=/Path` (its subtree), `region=R`, `control=ID`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// Account key, 12-digit id, or a pattern of either with `*` and `?`.
    Account(String),
    /// An OU and everything under it.
    Ou(String),
    /// A region.
    Region(String),
    /// A section, or one part of it as `section.part`.
    Control(String),
}

/// What a selector is held against.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// `section` or `section.part`.
    pub control: &'a str,
    /// 12-digit id of the account.
    pub account: &'a str,
    /// Key of the account, where the baseline declares it.
    pub account_key: Option<&'a str>,
    /// Path of the account's OU.
    pub ou: &'a str,
    /// Region.
    pub region: &'a str,
}

impl FromStr for Selector {
    type Err = RunError;

    fn from_str(text: &str) -> Result<Selector, RunError> {
        let Some((kind, value)) = text.split_once('=') else {
            return Err(RunError::new(format!("`{text}` is no selector"))
                .hint("write it as `account=KEY`, `ou=/Path`, `region=NAME` or `control=ID`"));
        };
        let value = value.trim().to_string();
        if value.is_empty() {
            return Err(RunError::new(format!("the selector `{text}` names nothing"))
                .hint(format!("write it as `{kind}=VALUE`")));
        }
        match kind.trim() {
            "account" => Ok(Selector::Account(value)),
            "ou" if !value.starts_with('/') => {
                let message = format!("`{value}` is no path of an OU: it must begin with `/`");
                Err(RunError::new(message).hint(format!("write it as `ou=/{value}`")))
            }
            "ou" => Ok(Selector::Ou(if value == "/" { value } else { value.trim_end_matches('/').into() })),
            "region" => Ok(Selector::Region(value)),
            "control" => Ok(Selector::Control(value)),
            other => {
                let hint = suggestion(other, "the kinds are", KINDS).unwrap_or_default();
                Err(RunError::new(format!("unknown kind of selector `{other}` in `{text}`")).hint(hint))
            }
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Selector::Account(value)
        | Selector::Ou(value)
        | Selector::Region(value)
        | Selector::Control(value)) = self;
        write!(f, "{}={value}", self.kind())
    }
}

impl Selector {
    fn kind(&self) -> &'static str {
        match self {
            Selector::Account(_) => "account",
            Selector::Ou(_) => "ou",
            Selector::Region(_) => "region",
            Selector::Control(_) => "control",
        }
    }

    /// Whether it holds for a target.
    pub fn matches(&self, target: &Target<'_>) -> bool {
        match self {
            Selector::Account(pattern) => {
                glob(pattern, target.account) || target.account_key.is_some_and(|key| glob(pattern, key))
            }
            Selector::Ou(path) => is_under(target.ou, path),
            Selector::Region(region) => region == target.region,
            Selector::Control(id) => {
                target.control == id
                    || target
                        .control
                        .strip_prefix(id.as_str())
                        .is_some_and(|rest| rest.starts_with(['.', ':']))
            }
        }
    }
}

/// All `--only` and `--exclude` of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Of one kind: alternatives. Of different kinds: all must hold.
    pub only: Vec<Selector>,
    /// Any of them takes a target out.
    pub exclude: Vec<Selector>,
}

impl Selection {
    /// Reads the values of `--only` and `--exclude`.
    ///
    /// # Errors
    /// One of them is no selector.
    pub fn parse(only: &[String], exclude: &[String]) -> Result<Selection, RunError> {
        let parse =
            |texts: &[String]| texts.iter().map(|text| text.parse()).collect::<Result<Vec<Selector>, _>>();
        Ok(Selection { only: parse(only)?, exclude: parse(exclude)? })
    }

    /// Whether `--only account=` names this very account, by its key or id and not by a pattern.
    pub fn names(&self, account: &str, key: Option<&str>) -> bool {
        let is_it = |s: &Selector| matches!(s, Selector::Account(name) if name == account || Some(name.as_str()) == key);
        self.only.iter().any(is_it)
    }

    /// Whether the run is about a target.
    pub fn matches(&self, target: &Target<'_>) -> bool {
        let wanted = KINDS.into_iter().all(|kind| {
            let mut of_kind = self.only.iter().filter(|s| s.kind() == kind).peekable();
            of_kind.peek().is_none() || of_kind.any(|s| s.matches(target))
        });
        wanted && !self.exclude.iter().any(|s| s.matches(target))
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let only = self.only.iter().map(|selector| format!("--only {selector}"));
        let exclude = self.exclude.iter().map(|selector| format!("--exclude {selector}"));
        f.write_str(&only.chain(exclude).collect::<Vec<_>>().join(" "))
    }
}

/// Whether a text has the form of a pattern with `*` (any characters) and `?` (one character).
fn glob(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    // Which prefixes of the pattern match the text read so far.
    let mut reached = vec![false; pattern.len() + 1];
    let through_stars = |reached: &mut Vec<bool>| {
        for (i, c) in pattern.iter().enumerate() {
            if *c == '*' && reached.get(i) == Some(&true) {
                reached.splice(i + 1..i + 2, [true]);
            }
        }
    };
    reached.splice(0..1, [true]);
    through_stars(&mut reached);
    for c in text.chars() {
        let stays = pattern.iter().zip(&reached).map(|(p, r)| *r && *p == '*').chain(std::iter::once(false));
        let steps = std::iter::once(false)
            .chain(pattern.iter().zip(&reached).map(|(p, r)| *r && (*p == '?' || *p == c)));
        reached = stays.zip(steps).map(|(stays, steps)| stays || steps).collect();
        through_stars(&mut reached);
    }
    reached.last() == Some(&true)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn target() -> Target<'static> {
        Target {
            control: "org_trail.bucket",
            account: "111122223333",
            account_key: Some("web-prod"),
            ou: "/Workloads/Production",
            region: "eu-west-1",
        }
    }

    fn selection(only: &[&str], exclude: &[&str]) -> Selection {
        let parse = |texts: &[&str]| texts.iter().map(|t| t.parse().unwrap()).collect();
        Selection { only: parse(only), exclude: parse(exclude) }
    }

    #[test]
    fn each_kind() {
        for (text, holds) in [
            ("account=web-prod", true),
            ("account=111122223333", true),
            ("account=web-*", true),
            ("account=*-pro?", true),
            ("account=web", false),
            ("account=1111*", true),
            ("ou=/Workloads", true),
            ("ou=/Workloads/Production/", true),
            ("ou=/Work", false),
            ("ou=/", true),
            ("region=eu-west-1", true),
            ("region=eu-west", false),
            ("control=org_trail", true),
            ("control=org_trail.bucket", true),
            ("control=org_trail.buck", false),
            ("control=org", false),
        ] {
            let selector: Selector = text.parse().unwrap();
            assert_eq!(selector.matches(&target()), holds, "{text}");
        }
    }

    #[test]
    fn one_kind_offers_alternatives_and_kinds_add_up() {
        assert!(selection(&[], &[]).matches(&target()));
        assert!(selection(&["region=us-east-1", "region=eu-west-1"], &[]).matches(&target()));
        assert!(!selection(&["region=eu-west-1", "account=other"], &[]).matches(&target()));
        assert!(!selection(&["region=eu-west-1"], &["ou=/Workloads"]).matches(&target()));
    }

    #[test]
    fn bad_selectors_say_what_to_write() {
        let error = |text: &str| {
            let e = text.parse::<Selector>().unwrap_err();
            format!("{} ({})", e.message, e.hints.join("; "))
        };
        let all = ["web", "acount=web", "ou=Sandbox", "region= ", "zone=a"].map(error);
        insta::assert_snapshot!(all.join("\n"), @r#"
    `web` is no selector (write it as `account=KEY`, `ou=/Path`, `region=NAME` or `control=ID`)
    unknown kind of selector `acount` in `acount=web` (did you mean `account`?)
    `Sandbox` is no path of an OU: it must begin with `/` (write it as `ou=/Sandbox`)
    the selector `region= ` names nothing (write it as `region=VALUE`)
    unknown kind of selector `zone` in `zone=a` (the kinds are: `account`, `ou`, `region`, `control`)
    "#);
    }

    #[test]
    fn display_is_what_was_written() {
        for text in ["account=web", "ou=/A", "region=eu-west-1", "control=scps"] {
            assert_eq!(text.parse::<Selector>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn patterns_of_stars_do_not_explode() {
        assert!(!glob(&"*a".repeat(200), &"a".repeat(150)));
        assert!(glob("**", "") && glob("a**b", "ab") && !glob("", "a") && !glob("?", ""));
    }
}
