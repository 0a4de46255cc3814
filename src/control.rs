//! What a control is: a section of the baseline, and the typed parts that read, compare and write one thing each.
//!
//! `Section` and `Control` are what an author writes; `erased` is what the engine sees.

mod change;
mod erased;
mod import;
mod meta;
mod once;

use std::any::Any;

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

pub use change::{Change, Diff, Effect, Risk, path_in};
pub use erased::{
    Answers, BoxFuture, DynControl, DynSection, DynUnit, Erased, ErasedSection, Guessed, Outcome, Planned,
    Record, Recorder, control, fingerprint,
};
pub use import::{Adjusted, Import, ImportCx, Seen, SeenTrail};
pub(crate) use import::{key_of, slug, without_null};
pub use meta::{Meta, Reference, Scope, Seat, SectionMeta, Shape, Survey};
pub use once::Once;

use crate::aws::Clients;
use crate::baseline::Baseline;
use crate::diag::Findings;
use crate::error::UnitError;
use crate::facts::{Account, Facts};

/// One section of the baseline file: its keys, its rules, its parts.
pub trait Section: DeserializeOwned + Serialize + JsonSchema + Any + Send + Sync {
    /// Name, texts, references.
    const META: SectionMeta;

    /// Rules that the types cannot express. Pure. `findings.at("max_age_days", "...")` names a key by its path
    /// inside the section.
    fn check(&self, _baseline: &Baseline, _findings: &mut Findings<'_>) {}

    /// Key of the account that this section names for a seat, where it does.
    fn seat(&self, _seat: Seat) -> Option<String> {
        None
    }

    /// Roles that this section makes under names without the prefix, with their path where they have one: the emitted
    /// policies allow writing to these and to those with the prefix.
    fn role_names(&self) -> Vec<String> {
        Vec::new()
    }

    /// How `import` finds out what there is of this section. By itself it is recognised where it is as `baselines/full.toml`
    /// has it, but for the values of keys that its own comparison tells.
    fn import(cx: &ImportCx<'_>) -> Import<Self> {
        cx.shipped().map_or(Import::Never("no shipped baseline has it"), Import::Guess)
    }

    /// What this section makes depends on which others are declared, as the log archive's buckets do.
    const SHAPED_BY_OTHERS: bool = false;

    /// Whether it takes away what `[[removed]]` names.
    const TAKES_REMOVED: bool = false;

    /// Whether it gives what it made the new names of `[[moved]]`.
    const TAKES_MOVED: bool = false;

    /// Which keys may differ by account in `[[overrides]]`. `base`: the section without overrides, where it is declared.
    /// `None`: all where a part holds per account, else none.
    fn overridable(_base: Option<&Self>) -> Option<Overridable> {
        None
    }

    /// The parts, in the order in which documents list them.
    fn controls() -> Vec<Box<dyn DynControl>>;
}

/// What `[[overrides]]` may say of a section that holds for the organization in part.
#[derive(Debug, Clone, Copy)]
pub struct Overridable {
    /// Keys that may differ by account.
    pub keys: &'static [&'static str],
    /// What to do about the others, for the reader.
    pub instead: &'static str,
}

/// One typed piece of a section. A control has no state: everything is an associated function.
pub trait Control: Send + Sync + 'static {
    /// The section that declares it.
    type Section: Section;
    /// What a target should have. Plain data, no SDK types. `None` in it means "not managed".
    type Desired: Serialize + Send + Sync;
    /// What a target has. Models absence explicitly: "none" and "could not be read" are different answers.
    type Actual: Serialize + Send + Sync + 'static;
    /// Scope, seat, order, permissions.
    const META: Meta;

    /// What this target should have: one entry per unit. Pure. Empty: nothing is asked of this target.
    fn desired(cx: &DesiredCx<'_, Self::Section>) -> Vec<Wanted<Self::Desired>>;

    /// Reads what is there. Only "AWS says it does not exist" may become absence; any other failure is an error.
    fn read(
        cx: &Cx<'_>,
        want: &Self::Desired,
    ) -> impl Future<Output = Result<Self::Actual, UnitError>> + Send;

    /// Answers the question of `META.survey`: what `read` would find, for each target of which the organization-wide
    /// answer states *all* that `read` reads, as it is now. What it leaves out, or states of an earlier time, is left out:
    /// that target is read by itself, and so is one where the answer differs from what is wanted.
    fn survey(_cx: &Cx<'_>) -> impl Future<Output = Result<Vec<Surveyed<Self::Actual>>, UnitError>> + Send {
        std::future::ready(Ok(Vec::new()))
    }

    /// How `undo` takes away what a run created; `None`: it cannot, or `[[removed]]` does.
    const REMOVAL: Option<Removal> = None;

    /// Takes away what a run created: called only where `REMOVAL` is there, and where `have` is what the run left.
    fn remove(
        _cx: &Cx<'_>,
        _want: &Self::Desired,
        _have: &Self::Actual,
    ) -> impl Future<Output = Result<(), UnitError>> + Send {
        std::future::ready(Err(UnitError::new(crate::error::Kind::Bug, "nothing can be removed here")))
    }

    /// What was read, as the section that declares it, with the keys of this part alone. `want` is of the section that
    /// `Section::import` asked with. `None`: there is nothing to declare.
    fn import(_cx: &Cx<'_>, _want: &Self::Desired, _have: &Self::Actual) -> Option<Self::Section> {
        None
    }

    /// Of a section that `import` guesses: sets the keys of this part to what is there, where `diff` does not name a key and
    /// the value that it has. Saying too much is no harm: what then still differs is left out.
    fn adjust(
        _section: &mut Self::Section,
        _cx: &Cx<'_>,
        _want: &Self::Desired,
        _have: &Self::Actual,
    ) -> Adjusted {
        Adjusted::default()
    }

    /// Compares. Pure, deterministic; names managed settings only.
    fn diff(want: &Self::Desired, have: &Self::Actual) -> Diff;

    /// Writes what differs. Called only with a non-empty diff of just these two values.
    fn apply(
        cx: &Cx<'_>,
        want: &Self::Desired,
        have: &Self::Actual,
    ) -> impl Future<Output = Result<(), UnitError>> + Send;
}

/// How what a run created is taken away again.
#[derive(Debug, Clone, Copy)]
pub struct Removal {
    /// Operations that `remove` calls, as `service:Operation`.
    pub writes: &'static [&'static str],
    /// Destructive, unless nothing can be lost by it: the journal has all that was there, and nobody can be using it.
    pub risk: Risk,
    /// Whether a journaled `Actual` says that nothing was there.
    pub absent: fn(&serde_json::Value) -> bool,
}

/// What `desired` may look at.
pub struct DesiredCx<'a, S> {
    /// The section as it holds for the target (overrides are already merged).
    pub section: &'a S,
    /// The account that the unit is about: the seat's account, or the member.
    pub account: &'a Account,
    /// The unit's region: the home region for organization and account scope.
    pub region: &'a str,
    /// The organization as it was read.
    pub facts: &'a Facts,
    /// The whole baseline.
    pub baseline: &'a Baseline,
}

/// One unit that a control asks for.
pub struct Wanted<D> {
    /// Name of this unit among the control's units on one target; empty where there is only one.
    pub part: String,
    /// Path inside the section of the table that asks for it, such as `[0]`; empty for the section itself.
    pub at: String,
    /// The account that the unit is about, where it is not the target's own.
    pub about: Option<String>,
    /// `part`s of the same control that must be done first.
    pub after: Vec<String>,
    /// What is wanted, or why nothing can be.
    pub want: Want<D>,
}

/// What is wanted of one unit.
pub enum Want<D> {
    /// This state.
    Set(D),
    /// Nothing: it has no meaning here. The text says why.
    NotApplicable(String),
    /// Nothing: somebody decided so. The text says why.
    Skipped(String),
    /// It cannot be decided before something else is done. The text says what.
    Blocked(String),
}

impl<D> Wanted<D> {
    /// The only unit of a control on its target.
    pub fn one(want: D) -> Vec<Wanted<D>> {
        vec![Wanted::set("", "", want)]
    }

    /// A named unit.
    pub fn set(part: impl Into<String>, at: impl Into<String>, want: D) -> Wanted<D> {
        Wanted { part: part.into(), at: at.into(), about: None, after: Vec::new(), want: Want::Set(want) }
    }
}

/// What an organization-wide answer states of one target.
#[derive(Debug, Clone, PartialEq)]
pub struct Surveyed<A> {
    /// 12-digit id of the account that the unit is about.
    pub account: String,
    /// The unit's region; the home region where the setting has none.
    pub region: String,
    /// Name of the unit within the control; empty where there is only one.
    pub part: String,
    /// What `read` would find there.
    pub have: A,
}

impl<A> Surveyed<A> {
    /// The only unit of its control in an account and region.
    pub fn at((account, region): (String, String), have: A) -> Surveyed<A> {
        Surveyed { account, region, part: String::new(), have }
    }
}

/// An account that gets a policy before all others.
pub trait Canary: Send + Sync {
    /// The account.
    fn account(&self) -> &Account;
    /// Whether anything can be read in the account without the policy: else a trial would show nothing.
    fn shows(&self) -> Result<(), UnitError>;
    /// Whether all that the baseline reads in the account still works, after AWS had time to put a policy into force.
    fn works(&self) -> BoxFuture<'_, Result<(), UnitError>>;
}

/// What `read` and `apply` may use.
pub struct Cx<'a> {
    /// Clients of the unit's account and region: `cx.aws.iam()`.
    pub aws: &'a Clients,
    /// The organization as it was read when the run began.
    pub facts: &'a Facts,
    /// The whole baseline.
    pub baseline: &'a Baseline,
    /// The unit's region.
    pub region: &'a str,
    /// Answers that several controls share while planning: `cx.once(..)`.
    pub once: &'a Once,
    /// Where a control that may deny calls tries a change first: while applying with `--canary-account`.
    pub canary: Option<&'a dyn Canary>,
    /// `facts` may be older than this unit's own writes: ask AWS itself. False while planning, true while applying.
    pub fresh: bool,
}
