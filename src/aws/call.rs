//! One AWS call: paced, bounded, retried by class of error, counted.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tokio::time::Instant;
use tracing::Instrument;

use super::Aws;
use super::error::{self, Class, Failure, Where};
use super::guard::{EXPECTED, Guard};
use super::pace::Operation;
use super::record::Ended;
use super::retry::Tries;
use crate::error::{CallError, Kind};

/// Whose call it is.
pub(crate) struct Seat {
    pub(crate) aws: Aws,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) guard: Arc<Guard>,
    /// Credentials of a session of AssumeRoot; `None`: those of the account's role.
    pub(crate) root: Option<Credentials>,
    /// Writes that succeeded.
    pub(crate) writes: Arc<AtomicU32>,
}

/// One service's client in one account and region, with pacing and retries around it.
pub struct Service<C> {
    key: &'static str,
    seat: Arc<Seat>,
    client: C,
}

/// The list in one page: AWS leaves out empty lists in some answers.
pub trait Items {
    /// Type of one entry.
    type Item;
    /// The entries.
    fn into_items(self) -> Vec<Self::Item>;
}

impl<I> Items for Vec<I> {
    type Item = I;
    fn into_items(self) -> Vec<I> {
        self
    }
}

impl<I> Items for Option<Vec<I>> {
    type Item = I;
    fn into_items(self) -> Vec<I> {
        self.unwrap_or_default()
    }
}

impl<C> Service<C> {
    /// Wraps a client.
    pub(crate) fn new(key: &'static str, seat: Arc<Seat>, client: C) -> Service<C> {
        Service { key, seat, client }
    }

    /// Sends one request, again where the error's class asks for it. `f` builds it anew for every attempt.
    ///
    /// A write that may have been done is not sent again unless repeating it changes nothing: the error says
    /// `maybe_done`, and the unit is read again. An operation with a client token: make the token outside of `f`.
    pub async fn call<T, E, F, Fut>(&self, operation: &'static str, f: F) -> Result<T, CallError>
    where
        F: Fn(&C) -> Fut,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let mut tries = Tries::new(self.seat.aws.0.patience);
        loop {
            let failure = match self.attempt(operation, &f, &mut tries).await? {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            let Some(wait) = tries.again(&failure, operation) else { return Err(failure.error) };
            tokio::time::sleep(wait).await;
        }
    }

    /// Reads every page: `f` gets the token, `take` splits an answer into entries and the next token. Each page is retried
    /// by itself. An empty page with a token is legal; a token that was seen before is an error.
    pub async fn pages<T, E, P, F, Fut, G>(
        &self,
        operation: &'static str,
        f: F,
        take: G,
    ) -> Result<Vec<P::Item>, CallError>
    where
        P: Items,
        F: Fn(&C, Option<String>) -> Fut,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        G: Fn(T) -> (P, Option<String>),
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let mut all = Vec::new();
        let mut seen = HashSet::new();
        let mut token: Option<String> = None;
        loop {
            let page = self.call(operation, |c| f(c, token.clone())).await?;
            let (items, next) = take(page);
            all.extend(items.into_items());
            let Some(next) = next.filter(|t| !t.is_empty()) else { return Ok(all) };
            if !seen.insert(next.clone()) {
                let message = "AWS gave the same page token twice".to_owned();
                return Err(self.place(operation).error(Kind::Inconsistent, message));
            }
            token = Some(next);
        }
    }

    /// One attempt: the session, the pace, the request. The outer error is one of the session: nothing was sent.
    async fn attempt<T, E, F, Fut>(
        &self,
        operation: &'static str,
        f: &F,
        tries: &mut Tries,
    ) -> Result<Result<T, Failure>, CallError>
    where
        F: Fn(&C) -> Fut,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let Seat { aws, account, region, root, .. } = &*self.seat;
        let credentials = match root {
            Some(credentials) => credentials.clone(),
            None => aws.ensure_session(account).await?,
        };
        let place = self.place(operation);
        let target = Operation { service: self.key, name: operation, write: place.write, account, region };
        let permit = aws.0.pace.admit(&target).await;
        let span = tracing::debug_span!(
            "call",
            service = self.key,
            operation,
            account,
            region,
            attempt = tries.count() + 1,
            status = tracing::field::Empty
        );
        let started = Instant::now();
        let answer = EXPECTED.scope(operation, f(&self.client)).instrument(span.clone()).await;
        drop(permit);
        tries.spent(started.elapsed());
        let failure = answer.map_err(|e| error::failure(&place, &e));
        self.note(&target, failure.as_ref().err());
        span.record("status", failure.as_ref().map_or_else(|f| f.error.status.unwrap_or(0), |_| 200));
        span.in_scope(|| tracing::trace!("answered"));
        if failure.as_ref().is_err_and(|f| f.class == Class::Expired) {
            aws.0.sessions.expired(account, credentials.access_key_id()).await;
        }
        Ok(failure)
    }

    /// Counts an attempt and tells the pace how it went.
    fn note(&self, target: &Operation<'_>, failure: Option<&Failure>) {
        let Seat { aws, account, guard, writes, .. } = &*self.seat;
        let ended = match failure.map(|f| f.class) {
            None => Ended::Good,
            Some(Class::NotSent) => return,
            Some(Class::Throttle) => Ended::Throttled,
            Some(_) => Ended::Failed,
        };
        aws.0.record.add(&guard.control, self.key, target.name, account, ended);
        aws.0.pace.answered(target, ended == Ended::Throttled);
        if failure.is_none() && target.write {
            writes.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn place(&self, operation: &'static str) -> Where<'_> {
        Where {
            service: self.key,
            operation,
            account: &self.seat.account,
            region: &self.seat.region,
            write: self.seat.guard.writes(self.key, operation),
        }
    }
}

#[cfg(test)]
mod tests;
