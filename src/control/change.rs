//! A difference between what is wanted and what is there, as data.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One setting that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Path of the setting inside the section or resource, such as `minimum_length`.
    pub path: String,
    /// What is there; null: nothing.
    pub before: Value,
    /// What will be there; null: nothing.
    pub after: Value,
    /// What happens to the setting.
    pub effect: Effect,
    /// How dangerous that is.
    pub risk: Risk,
    /// `file:line` of the baseline that asks for it. Filled in by the engine.
    #[serde(default)]
    pub declared_at: Option<String>,
    /// What a person must type before it is made, because nobody can ever take it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
}

/// What happens to a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It did not exist.
    Create,
    /// It gets another value.
    Update,
    /// It goes away.
    Delete,
}

/// How dangerous a change is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Nothing that runs notices.
    Normal,
    /// May cut live traffic or people.
    Disruptive,
    /// Takes something away for good, makes it public or unlogged; needs `--allow-destructive`.
    Destructive,
}

/// All that differs in one unit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[must_use]
pub struct Diff {
    /// The changes, in the order in which they were found.
    pub changes: Vec<Change>,
    /// What the reader should know although nothing differs (a subscription that waits for a person, a conflict).
    pub notices: Vec<String>,
    /// AWS is still working on it: what live AWS shows, such as `policy type PENDING_ENABLE`.
    pub pending: Option<String>,
    /// What was read says that nothing is ours to do here: why. Nothing is compared then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// This change is not ours to make here: what to do instead, such as `run orgbase vend log-archive`.
    pub by_hand: Option<String>,
    /// What is there is not known for good, since what must be done first is not done: AWS will have made something by
    /// then, such as the detector of a new administrator. Applied where it then asks for nothing else than this.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub provisional: bool,
}

impl Diff {
    /// Nothing differs.
    pub fn new() -> Diff {
        Diff::default()
    }

    /// Nothing to change.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Whether what differs now is what was planned: the same changes, or, where what was there was not known for good, some
    /// of them, whatever they replace.
    pub fn is_planned_by(&self, planned: &Diff) -> bool {
        let asked = |now: &Change| {
            let same = |then: &&Change| {
                then.path == now.path && then.after == now.after && then.confirm == now.confirm
            };
            planned.changes.iter().find(same).is_some_and(|then| then.risk >= now.risk)
        };
        self.changes == planned.changes || (planned.provisional && self.changes.iter().all(asked))
    }

    /// The highest risk among the changes.
    pub fn risk(&self) -> Risk {
        self.changes.iter().map(|c| c.risk).max().unwrap_or(Risk::Normal)
    }

    /// Compares one managed setting; `want: None` means that the baseline does not manage it.
    pub fn field<T: Serialize + PartialEq>(&mut self, path: &str, have: &T, want: Option<&T>) {
        self.risky(path, have, want, Risk::Normal);
    }

    /// Like `field`, with a risk.
    pub fn risky<T: Serialize + PartialEq>(&mut self, path: &str, have: &T, want: Option<&T>, risk: Risk) {
        let Some(want) = want else { return };
        if have != want {
            self.push(path, value(have), value(want), risk);
        }
    }

    /// Compares one managed setting that may be absent; `want: None` means that the baseline does not manage it.
    pub fn optional<T: Serialize + PartialEq>(
        &mut self,
        path: &str,
        have: Option<&T>,
        want: Option<&T>,
        risk: Risk,
    ) {
        let Some(want) = want else { return };
        if have != Some(want) {
            self.push(path, have.map_or(Value::Null, value), value(want), risk);
        }
    }

    /// Records a change from `before` to `after`; null means nothing.
    pub fn push(&mut self, path: &str, before: Value, after: Value, risk: Risk) {
        let effect = match (&before, &after) {
            (Value::Null, _) => Effect::Create,
            (_, Value::Null) => Effect::Delete,
            _ => Effect::Update,
        };
        let path = path.to_string();
        self.changes.push(Change { path, before, after, effect, risk, declared_at: None, confirm: None });
    }

    /// The change at this path, where there is one, is made only after somebody typed `word`.
    pub fn confirm(&mut self, path: &str, word: &str) {
        for change in self.changes.iter_mut().filter(|c| c.path == path) {
            change.confirm = Some(word.to_owned());
        }
    }

    /// Something that does not exist will.
    pub fn create(&mut self, path: &str, after: impl Serialize) {
        self.push(path, Value::Null, value(&after), Risk::Normal);
    }

    /// Something goes away for good.
    pub fn delete(&mut self, path: &str, before: impl Serialize, risk: Risk) {
        self.push(path, value(&before), Value::Null, risk);
    }

    /// Adds a notice.
    pub fn notice(&mut self, text: impl Into<String>) {
        self.notices.push(text.into());
    }
}

/// The path of a setting from the beginning of the section: `at` is that of the table that asks for the unit.
pub fn path_in(at: &str, path: &str) -> String {
    match (at.is_empty(), path.is_empty()) {
        (true, _) => path.to_owned(),
        (_, true) => at.to_owned(),
        (false, false) => format!("{at}.{path}"),
    }
}

/// A serialisable value as JSON; what cannot be written becomes null, which plain data never does.
fn value<T: Serialize + ?Sized>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use super::path_in;

    #[test]
    fn a_path_begins_at_its_table() {
        assert_eq!(path_in("[0]", "targets"), "[0].targets");
        assert_eq!(path_in("[0]", ""), "[0]");
        assert_eq!(path_in("", "x"), "x");
    }
}
