//! Credentials by account: one AssumeRole per account and run, shared by everybody who needs it, renewed in time.
//!
//! A client asks for credentials at every attempt, so a renewed session reaches clients that exist already.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_sts::types::Credentials as Keys;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::guard::Guard;
use super::read_policy::{self, ReadPolicy};
use super::{Aws, Roles};
use crate::error::{CallError, Kind};

/// Life of an assumed session. The most that role chaining allows, and the least maximum that a role can have.
const LIFE: Duration = Duration::from_hours(1);
/// Life that is assumed of caller credentials that name no end.
const UNKNOWN_LIFE: Duration = Duration::from_mins(15);
/// Credentials are renewed at this share of their life, in percent.
const RENEW_AT: u32 = 80;
/// Renewed at the latest this long before the clock on the wall says that they end: a machine may have slept.
const MARGIN: Duration = Duration::from_mins(1);

/// The sessions of a run.
pub(crate) struct Sessions {
    /// The caller's own chain.
    caller: SharedCredentialsProvider,
    settings: RwLock<Settings>,
    slots: Mutex<HashMap<String, Arc<Slot>>>,
}

struct Settings {
    roles: Roles,
    /// The policy, where one was set, and which kind is in use.
    policy: Option<String>,
    /// `orgbase-<run id>`.
    session_name: String,
}

/// One account. The lock is held while the session is opened: that is the single flight.
#[derive(Default)]
struct Slot(tokio::sync::Mutex<State>);

#[derive(Default)]
enum State {
    #[default]
    Empty,
    Open(Session),
    /// Not tried again in this run.
    Failed(CallError),
}

/// Credentials that are in use.
#[derive(Clone)]
struct Session {
    credentials: Credentials,
    renew_at: Instant,
}

impl Session {
    fn new(credentials: Credentials) -> Session {
        let life = credentials
            .expiry()
            .map_or(UNKNOWN_LIFE, |end| end.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO));
        Session { credentials, renew_at: Instant::now() + life * RENEW_AT / 100 }
    }

    fn fresh(&self) -> bool {
        let late = self.credentials.expiry().is_some_and(|end| end <= SystemTime::now() + MARGIN);
        Instant::now() < self.renew_at && !late
    }

    /// Still accepted by AWS, although it should be renewed.
    fn usable(&self) -> bool {
        self.credentials.expiry().is_none_or(|end| end > SystemTime::now())
    }
}

impl Sessions {
    /// No session is open yet.
    pub(crate) fn new(caller: SharedCredentialsProvider, roles: Roles, run_id: &str) -> Sessions {
        let session_name = name(&format!("orgbase-{run_id}"));
        let settings = RwLock::new(Settings { roles, policy: None, session_name });
        Sessions { caller, settings, slots: Mutex::default() }
    }

    /// Roles for sessions that are opened from now on.
    pub(crate) fn set_roles(&self, roles: Roles) {
        self.settings.write().unwrap_or_else(PoisonError::into_inner).roles = roles;
    }

    /// Session policy for sessions that are opened from now on.
    pub(crate) fn set_read_policy(&self, json: String) -> ReadPolicy {
        let fits = json.chars().count() <= read_policy::LONGEST;
        self.settings.write().unwrap_or_else(PoisonError::into_inner).policy = fits.then_some(json);
        self.read_policy()
    }

    /// Which kind of session policy is in use.
    pub(crate) fn read_policy(&self) -> ReadPolicy {
        let settings = self.settings.read().unwrap_or_else(PoisonError::into_inner);
        if settings.policy.is_some() { ReadPolicy::AsGiven } else { ReadPolicy::Generic }
    }

    /// The next use opens the account's session anew.
    pub(crate) fn forget(&self, account: &str) {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).remove(account);
    }

    /// AWS said that the credentials with this key have expired: the next use opens a new session.
    pub(crate) async fn expired(&self, account: &str, access_key_id: &str) {
        let slot = self.slot(account);
        let mut state = slot.0.lock().await;
        if matches!(&*state, State::Open(s) if s.credentials.access_key_id() == access_key_id) {
            *state = State::Empty;
        }
    }

    fn slot(&self, account: &str) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(account.to_owned()).or_default().clone()
    }
}

impl Aws {
    /// Opens or renews the account's session where that is due, and returns its credentials.
    pub(crate) async fn ensure_session(&self, account: &str) -> Result<Credentials, CallError> {
        let slot = self.0.sessions.slot(account);
        let mut state = slot.0.lock().await;
        let old = match &*state {
            State::Open(session) if session.fresh() => return Ok(session.credentials.clone()),
            State::Failed(error) => return Err(error.clone()),
            State::Open(session) => Some(session.clone()),
            State::Empty => None,
        };
        match self.open(account).await {
            Ok(credentials) => {
                *state = State::Open(Session::new(credentials.clone()));
                Ok(credentials)
            }
            // A renewal that failed does no harm while the old session lasts.
            Err(_) if old.as_ref().is_some_and(Session::usable) => {
                old.map(|s| s.credentials).ok_or_else(|| self.no_session(account, "no session".to_owned()))
            }
            Err(error) => {
                *state = State::Failed(error.clone());
                Err(error)
            }
        }
    }

    /// Asks the caller's chain, or STS. Boxed: AssumeRole is itself a call that needs the caller's session.
    fn open<'a>(&'a self, account: &'a str) -> BoxFuture<'a, Result<Credentials, CallError>> {
        Box::pin(async move {
            if account == self.0.caller.account {
                let answer = self.0.sessions.caller.provide_credentials().await;
                return answer.map_err(|e| self.no_session(account, super::error::chain(&e)));
            }
            let answer = self.assume(account).await.map_err(|e| CallError { session: true, ..e });
            match answer {
                Err(e) if e.is(&["PackedPolicyTooLarge", "PackedPolicyTooLargeException"]) => {
                    // Only AWS knows the packed size. The generic policy is known to fit.
                    self.0.sessions.settings.write().unwrap_or_else(PoisonError::into_inner).policy = None;
                    self.assume(account).await.map_err(|e| CallError { session: true, ..e })
                }
                other => other,
            }
        })
    }

    async fn assume(&self, account: &str) -> Result<Credentials, CallError> {
        let guard = Guard { control: "session".to_owned(), reads: &["sts:AssumeRole"], writes: &[] };
        let caller = self.0.caller.account.clone();
        let sts = self.clients(&caller, &self.0.region, guard).await?.sts();
        let request = self.request(account);
        let answer = sts
            .call("AssumeRole", |c| {
                c.assume_role()
                    .role_arn(&request.role_arn)
                    .role_session_name(&request.session_name)
                    .duration_seconds(i32::try_from(LIFE.as_secs()).unwrap_or(i32::MAX))
                    .set_external_id(request.external_id.clone())
                    .set_source_identity(request.source_identity.clone())
                    .set_policy(request.policy.clone())
                    .send()
            })
            .await
            .map_err(|e| CallError { account: account.to_owned(), ..e })?;
        self.temporary(account, answer.credentials)
    }

    /// What STS answered, as credentials.
    pub(crate) fn temporary(&self, account: &str, keys: Option<Keys>) -> Result<Credentials, CallError> {
        let Some(keys) = keys else {
            return Err(self.no_session(account, "the answer of STS has no credentials".to_owned()));
        };
        let end = SystemTime::try_from(keys.expiration).unwrap_or_else(|_| SystemTime::now() + UNKNOWN_LIFE);
        let builder = Credentials::builder()
            .access_key_id(keys.access_key_id)
            .secret_access_key(keys.secret_access_key)
            .session_token(keys.session_token)
            .expiry(end)
            .provider_name("orgbase");
        Ok(builder.build())
    }

    fn request(&self, account: &str) -> Request {
        let settings = self.0.sessions.settings.read().unwrap_or_else(PoisonError::into_inner);
        let role = settings.roles.per_account.get(account).unwrap_or(&settings.roles.default);
        let caller = &self.0.caller;
        let policy = || settings.policy.clone().unwrap_or_else(read_policy::generic);
        Request {
            role_arn: role_arn(&caller.partition, account, role),
            session_name: settings.session_name.clone(),
            external_id: settings.roles.external_id.clone(),
            source_identity: settings.roles.source_identity.then(|| source_identity(&caller.arn)),
            policy: self.0.read_only.then(policy),
        }
    }

    /// The error of an account without credentials.
    fn no_session(&self, account: &str, message: String) -> CallError {
        CallError {
            service: "sts".to_owned(),
            operation: if account == self.0.caller.account { "GetCallerIdentity" } else { "AssumeRole" }
                .to_owned(),
            account: account.to_owned(),
            region: self.0.region.clone(),
            code: None,
            message: Some(message),
            status: None,
            request_id: None,
            kind: Kind::Denied,
            maybe_done: false,
            session: true,
        }
    }
}

/// What one AssumeRole sends.
struct Request {
    role_arn: String,
    session_name: String,
    external_id: Option<String>,
    source_identity: Option<String>,
    policy: Option<String>,
}

/// ARN of a role given by name, by path and name, or by its ARN.
fn role_arn(partition: &str, account: &str, role: &str) -> String {
    if role.starts_with("arn:") {
        return role.to_owned();
    }
    format!("arn:{partition}:iam::{account}:role/{}", role.trim_start_matches('/'))
}

/// Characters that STS takes in session names and source identities: `[\w+=,.@-]`, 2 to 64 of them.
fn name(wanted: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    wanted.chars().map(|c| if fits(c) { c } else { '-' }).take(64).collect()
}

/// Who started the run: the last part of the caller's ARN, which is the user's name or the session's.
fn source_identity(arn: &str) -> String {
    name(arn.rsplit('/').next().unwrap_or(arn))
}

/// The credentials provider of every client: a look-up.
pub(crate) struct Held {
    aws: Aws,
    account: String,
}

impl Held {
    /// A provider for one account.
    pub(crate) fn provider(aws: Aws, account: &str) -> SharedCredentialsProvider {
        SharedCredentialsProvider::new(Held { aws, account: account.to_owned() })
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").field("account", &self.account).finish_non_exhaustive()
    }
}

impl ProvideCredentials for Held {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            self.aws.ensure_session(&self.account).await.map_err(CredentialsError::provider_error)
        })
    }
}

#[cfg(test)]
mod tests;
