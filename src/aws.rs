//! Everything that talks to AWS: sessions, clients, pacing, retries, the guard, and the one mapping of errors.
//!
//! ```text
//! control -> Clients -> Service::call -> pace -> SDK client -> guard -> HTTP client -> AWS | loopback | sandbox
//! ```
//!
//! * `connect`: who calls, with which credentials; the stripped configuration that all clients are made from.
//! * `session`: one AssumeRole per account, shared, renewed in time.
//! * `clients`: what a control holds. `call`: one AWS call with its retries. `pace`: token buckets and bounds.
//! * `guard`: refuses what a control did not declare. `error`: AWS's error codes and what they mean.
//! * `http`, `endpoint`, `moto`: how bytes leave.

mod call;
mod clients;
mod connect;
mod dns;
mod endpoint;
mod error;
mod guard;
mod http;
mod moto;
mod pace;
pub(crate) mod quota;
mod read_policy;
mod record;
mod retry;
mod session;
pub(crate) mod settle;
#[cfg(test)]
mod testing;
mod webhook;

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::SdkConfig;

pub use call::{Items, Service};
pub use clients::Clients;
pub use endpoint::{Dialect, Endpoint};
pub use error::denied_by_org_policy;
pub use guard::Guard;
pub use http::in_process;
pub(crate) use quota::is_in_one_region;
pub(crate) use read_policy::LONGEST as SESSION_POLICY_LONGEST;
pub use read_policy::ReadPolicy;
pub use record::CallCount;
pub use webhook::Webhook;

use crate::error::{CallError, RunError};

/// How to reach AWS, and as whom.
#[derive(Debug, Clone)]
pub struct Options {
    /// Profile of the shared configuration files; `None`: the SDK's own choice (`AWS_PROFILE`, `default`).
    pub profile: Option<String>,
    /// Home region: where STS is asked.
    pub region: String,
    /// One loopback authority for every call, from `Endpoint::from_env`.
    pub endpoint: Option<Endpoint>,
    /// The sandbox's door: answers every call without a socket. Wins over `endpoint`.
    pub in_process: Option<SharedHttpClient>,
    /// Refuse every operation that is not declared as a read, and assume roles with a read-only session policy.
    pub read_only: bool,
    /// Id of the run; becomes part of the role session name.
    pub run_id: String,
    /// Which role to assume where.
    pub roles: Roles,
    /// Bounds.
    pub limits: Limits,
}

/// Which role to assume in which account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles {
    /// Role name (or ARN) where `per_account` has none.
    pub default: String,
    /// Role name (or ARN) by account id.
    pub per_account: BTreeMap<String, String>,
    /// Sent with every AssumeRole.
    pub external_id: Option<String>,
    /// Set SourceIdentity: the trust policy must allow `sts:SetSourceIdentity`.
    pub source_identity: bool,
}

/// Bounds on concurrency, and whether calls are paced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Use token buckets also in process and on a loopback endpoint. Live AWS is always paced.
    pub paced: bool,
    /// Most calls in flight.
    pub in_flight: usize,
    /// Most calls in flight in one account.
    pub per_account: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { paced: false, in_flight: 128, per_account: 8 }
    }
}

/// The identity that runs orgbase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// 12-digit account id.
    pub account: String,
    /// ARN of the user or the assumed role.
    pub arn: String,
    /// Unique id of the identity.
    pub user_id: String,
    /// Partition of the ARN, such as `aws`.
    pub partition: String,
}

/// A connection to AWS for one run. Cheap to clone.
#[derive(Clone)]
pub struct Aws(Arc<Inner>);

/// What all clones share.
struct Inner {
    /// Without credentials and without a caching identity cache: clients are made from it.
    base: SdkConfig,
    caller: Caller,
    region: String,
    read_only: bool,
    sessions: session::Sessions,
    pace: pace::Pace,
    patience: retry::Patience,
    record: record::Record,
}

impl std::fmt::Debug for Aws {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Aws").field("caller", &self.0.caller).finish_non_exhaustive()
    }
}

impl Aws {
    /// Loads the caller's credentials by the SDK's own chain and asks AWS who that is.
    pub async fn connect(options: Options) -> Result<Aws, RunError> {
        connect::connect(options).await
    }

    /// Who runs this.
    pub fn caller(&self) -> &Caller {
        &self.0.caller
    }

    /// Replaces the roles: names by account are known only after the baseline was joined with the facts.
    /// Sessions that exist are kept.
    pub fn set_roles(&self, roles: Roles) {
        self.0.sessions.set_roles(roles);
    }

    /// Sets the session policy of read-only runs. One that cannot fit (2,048 characters) is replaced by a generic one;
    /// the answer says which is in use.
    pub fn set_read_policy(&self, json: String) -> ReadPolicy {
        self.0.sessions.set_read_policy(json)
    }

    /// Which session policy read-only runs send. Becomes `Generic` also when AWS said that the given one is too large.
    pub fn read_policy(&self) -> ReadPolicy {
        self.0.sessions.read_policy()
    }

    /// Clients for one account and region. Assumes the account's role where that has not been done yet.
    ///
    /// Errors carry `session: true`; a role that could not be assumed is not tried again in this run.
    pub async fn clients(&self, account: &str, region: &str, guard: Guard) -> Result<Clients, CallError> {
        Clients::new(self.clone(), account, region, Arc::new(guard), Arc::default()).await
    }

    /// Forgets what is known of an account's session, so that a role that could not be assumed is tried once more:
    /// for an account that was created a moment ago.
    pub fn forget_session(&self, account: &str) {
        self.0.sessions.forget(account);
    }

    /// How long to wait for something that takes so long on live AWS; the sandbox settles sooner.
    pub fn patience(&self, on_live: std::time::Duration) -> std::time::Duration {
        self.0.patience.of(on_live)
    }

    /// Every attempt that was sent so far, counted.
    pub fn calls(&self) -> Vec<CallCount> {
        self.0.record.counts()
    }

    /// Attempts so far that AWS refused by throttling.
    pub fn throttles(&self) -> u64 {
        self.0.record.throttles()
    }
}
