//! The protocol, once for all controls: read, diff, stale check, journal, apply, read again.

mod removal;

use std::any::Any;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use schemars::{Schema, SchemaGenerator};
use serde::Deserialize as _;
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeValue, ValueDeserializer};

use super::{
    Adjusted, Control, Cx, DesiredCx, Diff, Import, ImportCx, Meta, Overridable, Removal, Seat, Section,
    SectionMeta, Surveyed, Want, Wanted, without_null,
};
use crate::baseline::Baseline;
use crate::diag::Findings;
use crate::digest::sha256_hex;
use crate::error::{Kind, Left, Phase, UnitError};
use crate::facts::{Account, Facts};

/// A boxed future that may be spawned.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Pauses between reads while waiting for it; the last one repeats.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
];
/// Services that may still answer with the old state after they have shown the new one.
const LAGGING: [&str; 2] = ["iam:", "s3:"];

/// What the registry holds.
pub trait DynSection: Send + Sync {
    /// Name, texts, references.
    fn meta(&self) -> &'static SectionMeta;
    /// JSON schema of the section.
    fn schema(&self, generator: &mut SchemaGenerator) -> Schema;
    /// Reads the section's TOML.
    fn parse(&self, raw: Spanned<DeValue<'_>>) -> Result<Arc<dyn Any + Send + Sync>, toml::de::Error>;
    /// Applies the section's own rules to a value that `parse` returned.
    fn check(&self, value: &(dyn Any + Send + Sync), baseline: &Baseline, findings: &mut Findings<'_>);
    /// Key of the account that a value that `parse` returned names for a seat.
    fn seat(&self, value: &(dyn Any + Send + Sync), seat: Seat) -> Option<String>;
    /// A value that `parse` returned, as JSON.
    fn to_json(&self, value: &(dyn Any + Send + Sync)) -> Value;
    /// The way back, where the type takes it.
    fn read_json(&self, value: Value) -> Option<Arc<dyn Any + Send + Sync>>;
    /// Roles that a value that `parse` returned makes under names of its own.
    fn role_names(&self, value: &(dyn Any + Send + Sync)) -> Vec<String>;
    /// Whether a section in JSON has all that its type asks for.
    fn is_whole(&self, value: &Value) -> bool;
    /// How `import` finds out what there is, as JSON of the section.
    fn import(&self, cx: &ImportCx<'_>) -> Import<Value>;
    /// Whether what it makes depends on which other sections are declared.
    fn is_shaped_by_others(&self) -> bool;
    /// Whether it takes away what `[[removed]]` names.
    fn takes_removed(&self) -> bool;
    /// Whether it takes the new names of `[[moved]]`.
    fn takes_moved(&self) -> bool;
    /// Which keys may differ by account; `base` is a value that `parse` returned.
    fn overridable(&self, base: Option<&(dyn Any + Send + Sync)>) -> Option<Overridable>;
    /// Whether two forms of the section in JSON say the same.
    fn says_the_same(&self, one: &Value, other: &Value) -> bool;
    /// The parts.
    fn controls(&self) -> Vec<Box<dyn DynControl>>;
}

/// One part of a section, erased.
pub trait DynControl: Send + Sync {
    /// Scope, seat, order, permissions.
    fn meta(&self) -> &'static Meta;
    /// The section that declares it.
    fn section(&self) -> &'static SectionMeta;
    /// The units that the section asks for on one target.
    fn desired(
        &self,
        section: &(dyn Any + Send + Sync),
        account: &Account,
        region: &str,
        facts: &Facts,
        baseline: &Baseline,
    ) -> Vec<Wanted<Box<dyn DynUnit>>>;
}

/// What an organization-wide question was answered with; only units of the same control understand it.
pub type Answers = Arc<dyn Any + Send + Sync>;

/// Account, region, and name of the unit within its control.
type Target = (String, String, String);

/// One unit: a control with what is wanted on one target.
pub trait DynUnit: Send + Sync {
    /// Reads, and says what is there as JSON of the section that declares it; `None`: nothing to declare.
    fn import<'a>(&'a self, cx: &'a Cx<'a>) -> BoxFuture<'a, Result<Option<Value>, UnitError>>;
    /// Reads, compares with what `section` asks for, and corrects that as far as the part itself knows how.
    fn guess<'a>(&'a self, cx: &'a Cx<'a>, section: &'a Value) -> BoxFuture<'a, Result<Guessed, UnitError>>;
    /// Reads and compares.
    fn plan<'a>(&'a self, cx: &'a Cx<'a>) -> BoxFuture<'a, Result<Planned, UnitError>>;
    /// Asks the organization-wide question of the control. `cx` is of the account that `Meta::survey` names.
    fn survey<'a>(&'a self, cx: &'a Cx<'a>) -> BoxFuture<'a, Result<Answers, UnitError>>;
    /// What `plan` would return, where the answers state the target in full and as it is wanted; `None`: read it.
    fn vouched(&self, answers: &Answers, account: &str, region: &str, part: &str) -> Option<Planned>;
    /// How what a run made here is taken away; `None`: the control cannot.
    fn removal(&self) -> Option<Removal>;
    /// The same unit, but for taking it away: `left` is the fingerprint of what the run left. `None` where `removal` is.
    fn into_removal(self: Box<Self>, left: String) -> Option<Box<dyn DynUnit>>;
    /// Reads, compares with what was planned, writes, reads again. `journal` is called before the first write with
    /// what was and what will be.
    fn apply<'a>(
        &'a self,
        cx: &'a Cx<'a>,
        planned: &'a Diff,
        journal: &'a dyn Recorder,
    ) -> BoxFuture<'a, Result<Outcome, UnitError>>;
}

/// What a unit makes of a guess.
pub enum Guessed {
    /// The section with its corrections, and what differs besides.
    There(Value, Diff),
    /// Any values would hold.
    Any,
    /// There is nothing of it.
    Absent,
}

/// Where units write down what they are about to do.
pub trait Recorder: Send + Sync {
    /// Survives a crash when this is done; after an error the unit must not write.
    fn record<'a>(&'a self, record: &'a Record) -> BoxFuture<'a, Result<(), UnitError>>;

    /// The fingerprint of what was read back; it may get lost.
    fn left(&self, _fingerprint: String) {}
}

/// What a unit is about to write, for the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The managed state before.
    pub before: Value,
    /// The wanted state.
    pub after: Value,
    /// The changes.
    pub diff: Diff,
}

/// The result of planning one unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// What differs.
    pub diff: Diff,
    /// SHA-256 of what was read, hexadecimal: the precondition of a saved plan.
    pub fingerprint: String,
}

/// How applying one unit ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Nothing differed any more.
    InSync(Diff),
    /// Written and read back.
    Applied(Diff),
    /// Written; AWS is still working on it.
    Pending(Diff),
    /// It moved since it was planned: nothing was written. Holds what differs now.
    Stale(Diff),
}

/// Erases a section.
pub struct ErasedSection<S>(PhantomData<fn() -> S>);

impl<S> ErasedSection<S> {
    /// For the registry.
    pub const NEW: ErasedSection<S> = ErasedSection(PhantomData);
}

impl<S: Section> DynSection for ErasedSection<S> {
    fn meta(&self) -> &'static SectionMeta {
        const { &S::META }
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<S>()
    }

    fn parse(&self, raw: Spanned<DeValue<'_>>) -> Result<Arc<dyn Any + Send + Sync>, toml::de::Error> {
        Ok(Arc::new(S::deserialize(ValueDeserializer::from(raw))?))
    }

    fn check(&self, value: &(dyn Any + Send + Sync), baseline: &Baseline, findings: &mut Findings<'_>) {
        if let Some(section) = value.downcast_ref::<S>() {
            section.check(baseline, findings);
        }
    }

    fn seat(&self, value: &(dyn Any + Send + Sync), seat: Seat) -> Option<String> {
        value.downcast_ref::<S>().and_then(|section| section.seat(seat))
    }

    fn to_json(&self, value: &(dyn Any + Send + Sync)) -> Value {
        value.downcast_ref::<S>().map(json).unwrap_or_default()
    }

    fn read_json(&self, value: Value) -> Option<Arc<dyn Any + Send + Sync>> {
        Some(Arc::new(S::deserialize(without_null(&value)).ok()?))
    }

    fn role_names(&self, value: &(dyn Any + Send + Sync)) -> Vec<String> {
        value.downcast_ref::<S>().map(Section::role_names).unwrap_or_default()
    }

    fn is_whole(&self, value: &Value) -> bool {
        S::deserialize(value).is_ok()
    }

    fn import(&self, cx: &ImportCx<'_>) -> Import<Value> {
        S::import(cx).map(|section| json(&section))
    }

    fn is_shaped_by_others(&self) -> bool {
        S::SHAPED_BY_OTHERS
    }

    fn takes_removed(&self) -> bool {
        S::TAKES_REMOVED
    }

    fn takes_moved(&self) -> bool {
        S::TAKES_MOVED
    }

    fn overridable(&self, base: Option<&(dyn Any + Send + Sync)>) -> Option<Overridable> {
        S::overridable(base.and_then(|base| base.downcast_ref::<S>()))
    }

    fn says_the_same(&self, one: &Value, other: &Value) -> bool {
        let whole = |value: &Value| S::deserialize(value).ok().map(|section| json(&section));
        whole(one).is_some_and(|one| Some(one) == whole(other))
    }

    fn controls(&self) -> Vec<Box<dyn DynControl>> {
        S::controls()
    }
}

/// Erases a control.
pub struct Erased<C>(PhantomData<fn() -> C>);

/// A control for `Section::controls`.
pub fn control<C: Control>() -> Box<dyn DynControl> {
    Box::new(Erased::<C>(PhantomData))
}

impl<C: Control> DynControl for Erased<C> {
    fn meta(&self) -> &'static Meta {
        const { &C::META }
    }

    fn section(&self) -> &'static SectionMeta {
        const { &<C::Section as Section>::META }
    }

    fn desired(
        &self,
        section: &(dyn Any + Send + Sync),
        account: &Account,
        region: &str,
        facts: &Facts,
        baseline: &Baseline,
    ) -> Vec<Wanted<Box<dyn DynUnit>>> {
        let Some(section) = section.downcast_ref::<C::Section>() else { return Vec::new() };
        let cx = DesiredCx { section, account, region, facts, baseline };
        C::desired(&cx).into_iter().map(erase::<C>).collect()
    }
}

fn erase<C: Control>(wanted: Wanted<C::Desired>) -> Wanted<Box<dyn DynUnit>> {
    let Wanted { part, at, about, after, want } = wanted;
    let want = match want {
        Want::Set(want) => Want::Set(Box::new(Unit::<C> { want, removing: None }) as Box<dyn DynUnit>),
        Want::NotApplicable(why) => Want::NotApplicable(why),
        Want::Skipped(why) => Want::Skipped(why),
        Want::Blocked(why) => Want::Blocked(why),
    };
    Wanted { part, at, about, after, want }
}

struct Unit<C: Control> {
    want: C::Desired,
    /// It is to go away again.
    removing: Option<removal::Removing>,
}

impl<C: Control> Unit<C> {
    async fn read(&self, cx: &Cx<'_>) -> Result<(C::Actual, Diff), UnitError> {
        let have = C::read(cx, &self.want).await?;
        let diff = C::diff(&self.want, &have);
        Ok((have, diff))
    }

    async fn run(&self, cx: &Cx<'_>, planned: &Diff, journal: &dyn Recorder) -> Result<Outcome, UnitError> {
        let (have, diff) = self.read(cx).await?;
        if diff.pending.is_some() {
            return Ok(Outcome::Pending(diff));
        }
        if diff.is_empty() {
            return Ok(Outcome::InSync(diff));
        }
        if !diff.is_planned_by(planned) {
            return Ok(Outcome::Stale(diff));
        }
        journal.record(&Record { before: json(&have), after: json(&self.want), diff: diff.clone() }).await?;
        let before = cx.aws.writes();
        C::apply(cx, &self.want, &have).await.map_err(|e| unfinished(e, cx.aws.writes() > before))?;
        self.verify(cx, diff, journal).await
    }

    /// Reads until nothing differs, twice where the service may answer with an older state.
    async fn verify(&self, cx: &Cx<'_>, planned: Diff, journal: &dyn Recorder) -> Result<Outcome, UnitError> {
        let started = tokio::time::Instant::now();
        let wanted = good_reads_needed::<C>();
        let mut good_reads = 0;
        for pause in PAUSES.iter().chain(std::iter::repeat(&PAUSES[PAUSES.len() - 1])) {
            let (have, left) = self.read(cx).await.map_err(unverified)?;
            if left.pending.is_some() {
                let Diff { notices, pending, .. } = left;
                return Ok(Outcome::Pending(Diff { notices, pending, ..planned }));
            }
            if left.is_empty() {
                good_reads += 1;
                if good_reads == wanted {
                    journal.left(fingerprint(&json(&have)));
                    return Ok(Outcome::Applied(Diff { notices: left.notices, ..planned }));
                }
            } else {
                // A copy of the service that still has the old state: good answers count only in a row.
                good_reads = 0;
                if started.elapsed() >= C::META.settle {
                    return Err(inconsistent(&left));
                }
            }
            tokio::time::sleep(*pause).await;
        }
        Err(UnitError::new(Kind::Bug, "the wait for a written value ended by itself"))
    }
}

fn inconsistent(left: &Diff) -> UnitError {
    let paths: Vec<&str> = left.changes.iter().map(|c| c.path.as_str()).collect();
    let message =
        format!("AWS accepted the change but still answers with another value of {}", paths.join(", "));
    unverified(UnitError::new(Kind::Inconsistent, message))
        .hint("run `orgbase plan` again in a few minutes; if it still differs, something else writes the same setting")
}

impl<C: Control> DynUnit for Unit<C> {
    fn import<'a>(&'a self, cx: &'a Cx<'a>) -> BoxFuture<'a, Result<Option<Value>, UnitError>> {
        Box::pin(async move {
            let have = C::read(cx, &self.want).await?;
            Ok(C::import(cx, &self.want, &have).map(|section| json(&section)))
        })
    }

    fn guess<'a>(&'a self, cx: &'a Cx<'a>, section: &'a Value) -> BoxFuture<'a, Result<Guessed, UnitError>> {
        Box::pin(async move {
            let (have, mut diff) = self.read(cx).await?;
            let Ok(mut adjusted) = C::Section::deserialize(section) else {
                return Ok(Guessed::There(section.clone(), diff));
            };
            let said = match C::adjust(&mut adjusted, cx, &self.want, &have) {
                Adjusted::Said(said) => said,
                Adjusted::Any => return Ok(Guessed::Any),
                Adjusted::Absent => return Ok(Guessed::Absent),
            };
            diff.changes.retain(|change| !said.iter().any(|path| change.path.starts_with(path.as_str())));
            Ok(Guessed::There(without_null(&json(&adjusted)), diff))
        })
    }

    fn plan<'a>(&'a self, cx: &'a Cx<'a>) -> BoxFuture<'a, Result<Planned, UnitError>> {
        Box::pin(async move {
            if let Some(removing) = &self.removing {
                return self.plan_removal(cx, removing).await;
            }
            let (have, diff) = self.read(cx).await?;
            Ok(Planned { diff, fingerprint: fingerprint(&json(&have)) })
        })
    }

    fn survey<'a>(&'a self, cx: &'a Cx<'a>) -> BoxFuture<'a, Result<Answers, UnitError>> {
        Box::pin(async move {
            let stated = C::survey(cx).await?;
            let by_target = |s: Surveyed<C::Actual>| ((s.account, s.region, s.part), s.have);
            let answers: HashMap<Target, C::Actual> = stated.into_iter().map(by_target).collect();
            Ok(Arc::new(answers) as Answers)
        })
    }

    fn vouched(&self, answers: &Answers, account: &str, region: &str, part: &str) -> Option<Planned> {
        let answers = answers.downcast_ref::<HashMap<Target, C::Actual>>()?;
        let have = answers.get(&(account.to_owned(), region.to_owned(), part.to_owned()))?;
        let diff = C::diff(&self.want, have);
        let in_sync =
            diff.is_empty() && diff.pending.is_none() && diff.by_hand.is_none() && diff.skipped.is_none();
        in_sync.then(|| Planned { diff, fingerprint: fingerprint(&json(have)) })
    }

    fn apply<'a>(
        &'a self,
        cx: &'a Cx<'a>,
        planned: &'a Diff,
        journal: &'a dyn Recorder,
    ) -> BoxFuture<'a, Result<Outcome, UnitError>> {
        Box::pin(async move {
            match &self.removing {
                Some(removing) => self.take_away(cx, removing, planned, journal).await,
                None => self.run(cx, planned, journal).await,
            }
        })
    }

    fn removal(&self) -> Option<Removal> {
        C::REMOVAL
    }

    fn into_removal(self: Box<Self>, left: String) -> Option<Box<dyn DynUnit>> {
        let removing = Some(removal::Removing { left, by: C::REMOVAL? });
        Some(Box::new(Unit::<C> { removing, ..*self }))
    }
}

/// The error of a write; `written`: something of it was sent.
fn unfinished(e: UnitError, written: bool) -> UnitError {
    let left = if written && e.left == Left::Untouched { Left::Partial } else { e.left };
    let phase = if e.phase == Phase::Session { Phase::Session } else { Phase::Apply };
    UnitError { phase, left, ..e }
}

/// The error of reading back what was written.
fn unverified(e: UnitError) -> UnitError {
    UnitError { phase: Phase::Verify, left: Left::Unknown, ..e }
}

/// How many reads in a row must show what was written: more where the service may answer with an older state.
fn good_reads_needed<C: Control>() -> usize {
    let mut operations = C::META.reads.iter().chain(C::META.writes);
    if operations.any(|op| LAGGING.iter().any(|service| op.starts_with(service))) { 2 } else { 1 }
}

fn json<T: serde::Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}

/// SHA-256 of a value, with sorted keys, as hexadecimal.
pub fn fingerprint(value: &Value) -> String {
    let mut text = String::new();
    canonical(value, &mut text);
    sha256_hex(text.as_bytes())
}

fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(k, _)| *k);
            out.push('{');
            for (key, value) in entries {
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                canonical(value, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests;
