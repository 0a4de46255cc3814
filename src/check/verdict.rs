//! How one rule was decided in one place.

use std::collections::BTreeMap;

use serde::Serialize;

use super::source::Unread;

/// What one rule found in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Things were looked at; the rule holds where none of them has a problem.
    Decided(Decided),
    /// A person decides. The text says what to do.
    Manual(String),
    /// The rule has no meaning here. The text says why.
    NotApplicable(String),
}

/// What was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Decided {
    /// The things, by id: what is wrong with each, or nothing.
    pub items: BTreeMap<Item, Option<String>>,
    /// What makes the rule hold, where that is not a setting of the place itself: `organization trail org-trail`.
    pub met_by: Option<String>,
    /// What the reader should know besides.
    pub notes: Vec<String>,
    /// What a person must do where it does not hold and nothing that a baseline declares can make it hold.
    pub by_hand: Option<String>,
}

/// One thing that a rule looks at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Item {
    /// Name, id or ARN, as AWS has it.
    pub id: String,
    /// A thing of its own (a user, a bucket), rather than a setting of the account.
    pub entity: bool,
}

impl Verdict {
    /// Over things: each with what is wrong with it.
    pub(crate) fn over<I: Into<String>>(items: impl IntoIterator<Item = (I, Option<String>)>) -> Verdict {
        let mut decided = Decided::default();
        for (id, problem) in items {
            // Two things of one id are one thing: a problem of either is its problem.
            let have = decided.items.entry(Item { id: id.into(), entity: true }).or_default();
            *have = have.take().or(problem);
        }
        Verdict::Decided(decided)
    }

    /// Over things of which some may be unread: a problem of one that was read decides, and the others are mentioned. Without
    /// one, nobody knows whether the rule holds.
    pub(crate) fn over_read<I: Into<String>>(
        items: impl IntoIterator<Item = (I, Result<Option<String>, Unread>)>,
    ) -> Result<Verdict, Unread> {
        let (mut read, mut unread) = (Vec::new(), Vec::new());
        for (id, found) in items {
            match found {
                Ok(problem) => read.push((id, problem)),
                Err(why) => unread.push(why),
            }
        }
        let fails = read.iter().any(|(_, problem)| problem.is_some());
        let Some(first) = unread.first() else { return Ok(Verdict::over(read)) };
        if !fails {
            return Err(first.clone());
        }
        Ok(Verdict::over(read).note(format!("{} more could not be read: {first}", unread.len())))
    }

    /// About one setting of the place: `problem` says what is wrong with it.
    pub(crate) fn setting(name: &str, problem: Option<String>) -> Verdict {
        let item = Item { id: name.to_string(), entity: false };
        Verdict::Decided(Decided { items: BTreeMap::from([(item, problem)]), ..Decided::default() })
    }

    /// A setting that is as it should be, or the problem.
    pub(crate) fn holds(name: &str, holds: bool, problem: impl Into<String>) -> Verdict {
        Verdict::setting(name, (!holds).then(|| problem.into()))
    }

    /// Says what makes it hold.
    #[must_use]
    pub(crate) fn met_by(mut self, what: impl Into<String>) -> Verdict {
        if let Verdict::Decided(decided) = &mut self {
            decided.met_by = Some(what.into());
        }
        self
    }

    /// Says what a person must do about the problem.
    #[must_use]
    pub(crate) fn by_hand(mut self, what: impl Into<String>) -> Verdict {
        if let Verdict::Decided(decided) = &mut self {
            decided.by_hand = Some(what.into());
        }
        self
    }

    /// Adds what the reader should know.
    #[must_use]
    pub(crate) fn note(mut self, text: impl Into<String>) -> Verdict {
        if let Verdict::Decided(decided) = &mut self {
            decided.notes.push(text.into());
        }
        self
    }

    /// Two entries of one rule number: all things of both; a thing with a problem in one has it. What a person decides,
    /// or what does not apply, counts only where nothing was decided.
    #[must_use]
    pub(crate) fn and(self, other: Verdict) -> Verdict {
        match (self, other) {
            (Verdict::Decided(mut a), Verdict::Decided(b)) => {
                for (item, problem) in b.items {
                    let have = a.items.entry(item).or_default();
                    *have = have.take().or(problem);
                }
                a.met_by = a.met_by.or(b.met_by);
                a.by_hand = a.by_hand.or(b.by_hand);
                a.notes.extend(b.notes);
                Verdict::Decided(a)
            }
            (decided @ Verdict::Decided(_), _) | (_, decided @ Verdict::Decided(_)) => decided,
            (manual @ Verdict::Manual(_), _) | (_, manual @ Verdict::Manual(_)) => manual,
            (none, Verdict::NotApplicable(_)) => none,
        }
    }
}

impl Decided {
    /// Things with a problem.
    pub(crate) fn failed(&self) -> usize {
        self.items.values().filter(|problem| problem.is_some()).count()
    }

    /// The entities among them.
    pub(crate) fn affected(&self) -> Vec<String> {
        let bad = self.items.iter().filter(|(item, problem)| item.entity && problem.is_some());
        bad.map(|(item, _)| item.id.clone()).collect()
    }

    /// Every different problem with how many things have it, then the notes: what a reader wants to know first.
    pub(crate) fn evidence(&self) -> String {
        let mut problems: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (item, problem) in &self.items {
            if let Some(problem) = problem {
                problems.entry(problem).or_default().push(&item.id);
            }
        }
        let told = problems.into_iter().map(|(problem, who)| match who.as_slice() {
            [one] => format!("{one}: {problem}"),
            [one, two] => format!("{one}, {two}: {problem}"),
            [one, two, rest @ ..] => format!("{one}, {two} and {} more: {problem}", rest.len()),
            [] => problem.to_string(),
        });
        told.chain(self.notes.iter().cloned()).collect::<Vec<_>>().join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(verdict: Verdict) -> Decided {
        match verdict {
            Verdict::Decided(decided) => decided,
            _ => Decided::default(),
        }
    }

    #[test]
    fn one_bad_thing_in_either_half_is_bad_and_counted_once() {
        let a = Verdict::over([("sg-1", None), ("sg-2", Some("port 22".to_string()))]);
        let b = Verdict::over([("sg-1", Some("port 3389".to_string())), ("sg-2", None)]);
        let both = decided(a.and(b));
        assert_eq!((both.failed(), both.items.len()), (2, 2));
        assert_eq!(both.evidence(), "sg-2: port 22; sg-1: port 3389");
    }

    #[test]
    fn two_things_of_one_name_hide_no_problem() {
        let bad = || ("mine", Some("off".to_string()));
        for items in [[bad(), ("mine", None)], [("mine", None), bad()]] {
            assert_eq!(decided(Verdict::over(items)).failed(), 1);
        }
    }

    #[test]
    fn a_problem_decides_whatever_else_could_not_be_read() {
        let unread = || ("b", Err(Unread::new(crate::error::Kind::Denied, "denied")));
        assert!(Verdict::over_read([("a", Ok(None)), unread()]).is_err());
        let bad = Verdict::over_read([("a", Ok(Some("off".to_string()))), unread()]);
        let bad = bad.map(decided).unwrap_or_default();
        assert_eq!((bad.failed(), bad.items.len()), (1, 1));
        assert_eq!(bad.evidence(), "a: off; 1 more could not be read: denied");
    }

    #[test]
    fn a_setting_is_counted_but_is_nobody() {
        let verdict = decided(Verdict::holds("password policy", false, "there is none"));
        assert_eq!((verdict.failed(), verdict.affected().len()), (1, 0));
    }

    #[test]
    fn what_was_decided_wins_over_what_a_person_decides() {
        let manual = Verdict::Manual("look".into());
        assert!(matches!(manual.clone().and(Verdict::over([("x", None)])), Verdict::Decided(_)));
        assert_eq!(Verdict::NotApplicable("none".into()).and(manual.clone()), manual);
    }
}
