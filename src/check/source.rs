//! What rules look at: each piece of evidence is one type, read once per place and run, whichever rules need it.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{BoxFuture, join_all};
use serde::Serialize;
use tokio::sync::OnceCell;

use crate::aws::Clients;
use crate::baseline::Baseline;
use crate::compliance::cis::RuleScope;
use crate::error::{CallError, Kind};
use crate::facts::Facts;

/// One piece of evidence.
pub(crate) trait Source: Send + Sync + Sized + 'static {
    /// Where it is read: once for the organization (in the management account's home region), an account, or each region.
    const SCOPE: RuleScope;
    /// Operations that `read` calls, as `service:Operation`.
    const READS: &'static [&'static str];
    /// Those of them that evidence about the organization calls in other accounts than the management account.
    const ELSEWHERE: &'static [&'static str] = &[];

    /// Asks AWS. Only "it does not exist" may become absence.
    fn read(cx: &ReadCx<'_>) -> impl Future<Output = Result<Self, CallError>> + Send;
}

/// What a source may use.
pub(crate) struct ReadCx<'a> {
    /// Clients of the place.
    pub aws: &'a Clients,
    /// The organization as it was read when the run began.
    pub facts: &'a Facts,
    /// The baseline; an empty one where none was given.
    pub baseline: &'a Baseline,
    /// What was asked for so far, by type.
    pieces: Mutex<HashMap<TypeId, Value>>,
}

/// One piece, which the first that asks for it reads.
type Slot<S> = OnceCell<Result<Arc<S>, CallError>>;

impl<'a> ReadCx<'a> {
    /// Nothing is read yet.
    pub(crate) fn new(aws: &'a Clients, facts: &'a Facts, baseline: &'a Baseline) -> ReadCx<'a> {
        ReadCx { aws, facts, baseline, pieces: Mutex::default() }
    }

    /// A piece of evidence of this place: read once, however many rules and other pieces ask for it.
    pub(crate) async fn read<S: Source>(&self) -> Result<Arc<S>, CallError> {
        let read = || async { S::read(self).await.map(Arc::new) };
        self.slot::<S>().get_or_init(read).await.clone()
    }

    fn slot<S: Source>(&self) -> Arc<Slot<S>> {
        let mut pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = pieces.entry(TypeId::of::<S>()).or_insert_with(|| Arc::new(Slot::<S>::new()));
        slot.clone().downcast().unwrap_or_default()
    }
}

/// Why something could not be read. A rule that needs it ends ERROR.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Unread {
    /// Class of the failure.
    pub kind: Kind,
    /// What failed, with AWS's code and message.
    pub message: String,
    /// The region in which the service does not exist, where that is why.
    pub absent_in: Option<String>,
}

impl Unread {
    /// A failure that is no answer of AWS.
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Unread {
        Unread { kind, message: message.into(), absent_in: None }
    }
}

impl From<CallError> for Unread {
    fn from(error: CallError) -> Unread {
        if error.kind == Kind::NotInRegion && !error.session {
            let detail = error.code.as_deref().or(error.message.as_deref()).unwrap_or_default();
            let message = format!("{} is not available in {} ({detail})", error.service, error.region);
            return Unread { absent_in: Some(error.region), ..Unread::new(error.kind, message) };
        }
        Unread::new(error.kind, format!("{error} (in {} {})", error.account, error.region))
    }
}

type Value = Arc<dyn Any + Send + Sync>;

/// A source, erased: what a rule says it needs.
#[derive(Clone, Copy)]
pub(crate) struct Need {
    id: fn() -> TypeId,
    /// Where it is read.
    pub scope: RuleScope,
    /// What it calls.
    pub reads: &'static [&'static str],
    /// What it calls in other accounts, where it is about the organization.
    pub elsewhere: &'static [&'static str],
    load: for<'a> fn(&'a ReadCx<'a>) -> BoxFuture<'a, Result<Value, CallError>>,
}

impl Need {
    /// The need for one source.
    pub(crate) const fn of<S: Source>() -> Need {
        let (reads, elsewhere) = (S::READS, S::ELSEWHERE);
        Need { id: TypeId::of::<S>, scope: S::SCOPE, reads, elsewhere, load: load::<S> }
    }
}

impl Need {
    /// Both are for the same source.
    pub(crate) fn is(&self, other: &Need) -> bool {
        (self.id)() == (other.id)()
    }
}

fn load<'a, S: Source>(cx: &'a ReadCx<'a>) -> BoxFuture<'a, Result<Value, CallError>> {
    Box::pin(async move { Ok(cx.read::<S>().await? as Value) })
}

/// Everything that was read in one place.
#[derive(Default)]
pub(crate) struct Evidence(HashMap<TypeId, Result<Value, Unread>>);

impl Evidence {
    /// Reads each need of a scope once, side by side.
    pub(crate) async fn gather(needs: &[Need], scope: RuleScope, cx: &ReadCx<'_>) -> Evidence {
        let mut wanted: HashMap<TypeId, Need> = HashMap::new();
        for need in needs.iter().filter(|need| need.scope == scope) {
            wanted.insert((need.id)(), *need);
        }
        let read = wanted.into_iter().map(|(id, need)| async move {
            let value = (need.load)(cx).await.map_err(Unread::from);
            (id, value)
        });
        Evidence(join_all(read).await.into_iter().collect())
    }

    /// The evidence of a place that could not be entered.
    pub(crate) fn unreadable(needs: &[Need], scope: RuleScope, why: &Unread) -> Evidence {
        let needs = needs.iter().filter(|need| need.scope == scope);
        Evidence(needs.map(|need| ((need.id)(), Err(why.clone()))).collect())
    }

    /// One piece.
    ///
    /// # Errors
    /// Why it could not be read. A piece that no rule said it needs is a defect of orgbase.
    pub(crate) fn get<S: Source>(&self) -> Result<&S, Unread> {
        let undeclared = || {
            let name = std::any::type_name::<S>();
            Unread::new(Kind::Bug, format!("the rule does not say that it needs {name}"))
        };
        match self.0.get(&TypeId::of::<S>()) {
            Some(Ok(value)) => value.downcast_ref::<S>().ok_or_else(undeclared),
            Some(Err(why)) => Err(why.clone()),
            None => Err(undeclared()),
        }
    }

    /// Puts a piece there, as if it had been read: for tests.
    #[cfg(test)]
    pub(crate) fn with<S: Source>(mut self, value: Result<S, Unread>) -> Evidence {
        self.0.insert(TypeId::of::<S>(), value.map(|v| Arc::new(v) as Value));
        self
    }
}
