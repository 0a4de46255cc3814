//! The one organization behind both doors: asking it, and keeping it in a file.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use http::{Request, Response};
use serde_json::Value;

use super::enforce::strict::Strict;
use super::faults::{Dropped, Faults, Hits, Injector};
use super::services::cloudtrail::events::Origin;
use super::services::organizations::AccountState;
use super::spec::Spec;
use super::wire::{self, Parsed, Protocol};
use super::world::{Call, Fault, Principal, Reply, World};
use super::{enforce, generate, region, services, session, signature};
use crate::error::RunError;

mod file;

use file::StateFile;

/// Operations that change nothing, by the first word of their names.
const READS: [&str; 18] = [
    "AssumeRole",
    "BatchGet",
    "Check",
    "Decode",
    "Describe",
    "Estimate",
    "Get",
    "Head",
    "List",
    "Lookup",
    "Preview",
    "Query",
    "Search",
    "Select",
    "Simulate",
    "Test",
    "Validate",
    "Verify",
];
/// Reads that do change something: a creation completes after some looks at its status.
const READS_THAT_WRITE: [&str; 1] = ["DescribeCreateAccountStatus"];

/// A simulated organization. Clones share it.
#[derive(Clone)]
pub struct Sandbox {
    shared: Arc<Shared>,
    faults: Option<Arc<Injector>>,
    strict: Option<Arc<Strict>>,
}

struct Shared {
    state: Mutex<State>,
    unimplemented: Mutex<BTreeSet<String>>,
    requests: AtomicU64,
}

struct State {
    world: World,
    file: Option<StateFile>,
    /// Of the request in work.
    origin: Origin,
}

impl Sandbox {
    /// Opens the organization in `path`, or makes the one that `spec` asks for: in the file where there is none yet, in
    /// memory where `path` is `None`. A file that exists keeps its organization, whatever `spec` says.
    ///
    /// # Errors
    /// The file cannot be read or written, is another program's or another version's, or is in use by another process
    /// (after 10 s).
    pub fn open(path: Option<&Path>, spec: &Spec) -> Result<Sandbox, RunError> {
        let (world, file) = match path {
            None => (generate::world(spec)?, None),
            Some(path) => {
                let (world, file) = StateFile::open(path, spec)?;
                (world, Some(file))
            }
        };
        let shared = Shared {
            state: Mutex::new(State { world, file, origin: Origin::default() }),
            unimplemented: Mutex::default(),
            requests: AtomicU64::new(now().to_bits()),
        };
        Ok(Sandbox { shared: Arc::new(shared), faults: None, strict: None })
    }

    /// The same organization, seen through `faults`. Regions that are off are off for everybody.
    #[must_use]
    pub fn with_faults(&self, faults: &Faults) -> Sandbox {
        let injector = {
            let mut state = lock(&self.shared.state);
            for (region, account) in &faults.off {
                services::account::turn_off(&mut state.world, region, account.as_deref());
            }
            Injector::new(faults, &state.world)
        };
        Sandbox { faults: Some(Arc::new(injector)), ..self.clone() }
    }

    /// The same organization, where signatures and every policy count.
    #[must_use]
    pub fn with_strict(&self, strict: Strict) -> Sandbox {
        Sandbox { strict: Some(Arc::new(strict)), ..self.clone() }
    }

    /// What strict mode was asked for: account and action; empty without it.
    pub fn asked(&self) -> BTreeSet<(String, String)> {
        self.strict.as_ref().map(|strict| strict.asked()).unwrap_or_default()
    }

    /// Answers one HTTP request as both doors do: with the faults.
    ///
    /// # Errors
    /// The connection breaks. A process that is to end gets no answer at all: this waits forever.
    pub async fn serve(&self, request: &Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Dropped> {
        match &self.faults {
            Some(injector) => injector.serve(self, request).await,
            None => Ok(self.handle(request)),
        }
    }

    /// Ready when `exit_before` or `exit_after` says that the process ends.
    pub async fn died(&self) {
        match &self.faults {
            Some(injector) => injector.died().await,
            None => std::future::pending().await,
        }
    }

    /// Time passes: reads see every write.
    pub fn settle(&self) {
        if let Some(injector) = &self.faults {
            injector.settle(&lock(&self.shared.state).world);
        }
    }

    /// How often something went wrong on purpose.
    pub fn hits(&self) -> Hits {
        self.faults.as_ref().map(|injector| injector.hits()).unwrap_or_default()
    }

    /// Whether calls that come too fast are refused.
    pub fn is_rated(&self) -> bool {
        self.faults.as_ref().is_some_and(|injector| injector.is_rated())
    }

    /// Answers one HTTP request; of the faults, only what reads see late counts.
    pub fn handle(&self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        match wire::read(request) {
            Ok(parsed) => self.answer(parsed, request),
            Err(refusal) => {
                if let Some(operation) = refusal.unimplemented {
                    self.remember(operation);
                }
                wire::write(&refusal.dialect, &Err(refusal.fault), &self.request_id())
            }
        }
    }

    /// Answers a request that was read.
    pub(super) fn answer(&self, parsed: Parsed, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let missing = self.inspect(|w| region::missing_host(w, parsed.service, &parsed.region, request));
        if let Some(host) = missing {
            return no_endpoint(&host);
        }
        let dialect = parsed.dialect;
        let reply = self.signed(&parsed, request).and_then(|()| self.call(parsed));
        wire::write(&dialect, &reply, &self.request_id())
    }

    /// Refuses a wrong signature, where signatures count.
    fn signed(&self, parsed: &Parsed, request: &Request<Vec<u8>>) -> Result<(), Fault> {
        if self.strict.is_none() {
            return Ok(());
        }
        let protocol = parsed.dialect.protocol;
        let stamp = request.headers().get("x-amz-date").and_then(|stamp| stamp.to_str().ok());
        let skewed = stamp.and_then(|stamp| signature::skewed(parsed.service, protocol, stamp, now()));
        skewed.map_or(Ok(()), Err)?;
        signature::verify(request, protocol, &Strict::secret(&parsed.access_key))
    }

    /// Id of the management account; empty without an organization.
    pub(super) fn management(&self) -> String {
        self.inspect(|world| services::organizations::keyholder(world).to_owned())
    }

    /// `service:Operation` of every request so far that the sandbox could not answer, sorted.
    pub fn unimplemented(&self) -> Vec<String> {
        lock(&self.shared.unimplemented).iter().cloned().collect()
    }

    /// One line that says what organization this is: id, accounts, OUs, regions.
    pub fn describe(&self) -> String {
        self.inspect(|world| {
            let state = &world.organizations;
            let id = state.organization.as_ref().map_or("no organization", |organization| &organization.id);
            format!(
                "SANDBOX {id}: {} accounts, {} organizational units, regions {}",
                state.accounts.len(),
                state.units.len(),
                world.regions.join(" ")
            )
        })
    }

    /// Looks at the state, for tests and reports.
    pub fn inspect<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&lock(&self.shared.state).world)
    }

    /// Changes the state without a call and without a log entry, for tests.
    pub fn modify<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut lock(&self.shared.state).world)
    }

    fn call(&self, parsed: Parsed) -> Reply {
        let now = now();
        let protocol = parsed.dialect.protocol;
        let mut state = lock(&self.shared.state);
        state.origin = Origin::new(&parsed.user_agent, &parsed.access_key);
        let (account, principal) =
            self.identify(&state.world, &parsed, now).map_err(|fault| credentials_fault(protocol, fault))?;
        let policy = self.strict.as_ref().and(parsed.token.as_deref()).and_then(session::policy);
        let call = Call {
            service: parsed.service.to_owned(),
            operation: parsed.operation.to_owned(),
            account,
            region: parsed.region,
            principal,
            input: parsed.input,
            now,
        };
        admit(&state.world, &call)
            .and_then(|()| region::check(&state.world, &call))
            .map_err(|fault| credentials_fault(protocol, fault))?;
        enforce::check(&state.world, &call)?;
        if let Some(strict) = &self.strict {
            strict.check(&state.world, &call, policy.as_deref())?;
        }
        let reply = self.run(&mut state, &call);
        drop(state);
        reply.unwrap_or_else(|| {
            self.remember(format!("{}:{}", call.service, call.operation));
            Err(wire::not_implemented(&call.service, &call.operation))
        })
    }

    /// Who signed. Unless every policy counts, a key that no AssumeRole issued is the management account's.
    fn identify(&self, world: &World, parsed: &Parsed, now: f64) -> Result<(String, Principal), Fault> {
        if let Some(strict) = &self.strict {
            return strict.identify(world, parsed, now);
        }
        let caller = session::identify(&parsed.access_key, parsed.token.as_deref(), now)?;
        let management = || services::organizations::keyholder(world).to_owned();
        Ok(caller.unwrap_or_else(|| (management(), Principal::Management)))
    }

    /// Runs a call on the world, or on what reads see of it.
    fn run(&self, state: &mut State, call: &Call) -> Option<Reply> {
        let lag = self.faults.as_ref().and_then(|injector| Some((injector, injector.lag()?)));
        let Some((injector, lag)) = lag else { return state.run(call) };
        // What a session is opened with, and who it is, is never late: a run would not begin.
        if !is_write(&call.operation) && call.service != "sts" {
            return lock(lag).read(call);
        }
        let ids = state.world.ids_made;
        let reply = state.run(call);
        if is_write(&call.operation) && matches!(reply, Some(Ok(_))) {
            lock(lag).wrote(call, ids, injector.unseen_for(call));
        }
        reply
    }

    fn remember(&self, operation: String) {
        // bounded, whatever a client sends
        let mut all = lock(&self.shared.unimplemented);
        if all.len() < 1000 {
            all.insert(operation);
        }
    }

    /// A request id in the form of a UUID.
    pub(super) fn request_id(&self) -> String {
        let number = self.shared.requests.fetch_add(1, Ordering::Relaxed);
        format!(
            "{:08x}-{:04x}-4000-8000-{:012x}",
            number >> 32,
            (number >> 16) & 0xffff,
            number & 0xffff_ffff_ffff
        )
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").finish_non_exhaustive()
    }
}

impl State {
    /// Runs a call; a write that succeeded is in the file before this returns.
    fn run(&mut self, call: &Call) -> Option<Reply> {
        let ids = self.world.ids_made;
        let write = is_write(&call.operation);
        let reply = if write {
            services::write(&mut self.world, call, &self.origin)?
        } else {
            services::dispatch(&mut self.world, call)?
        };
        if reply.is_err() || !write {
            // what is not in the log must not move the ids of what is
            self.world.ids_made = ids;
            return Some(reply);
        }
        if let Some(file) = &mut self.file
            && let Err(error) = file.append(call, &self.origin)
        {
            tracing::error!(%error, "the sandbox state file");
            return Some(Err(Fault::new("InternalFailure", format!("the state file: {error}")).status(500)));
        }
        Some(reply)
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if let Some(file) = &mut self.file
            && let Err(error) = file.close(&self.world)
        {
            tracing::warn!(%error, "the sandbox snapshot could not be written; the log has everything");
        }
    }
}

/// On AWS the name of this host could not be looked up; a server that stands for all hosts can only say so. The header is
/// what orgbase's own client knows it by (`aws/dns.rs`).
fn no_endpoint(host: &str) -> Response<Vec<u8>> {
    let text = format!("There is no host {host}: the service is not available in this region.\n");
    let mut response = Response::new(text.into_bytes());
    *response.status_mut() = http::StatusCode::BAD_GATEWAY;
    let headers = response.headers_mut();
    headers.insert("content-type", http::HeaderValue::from_static("text/plain"));
    if let Ok(host) = http::HeaderValue::from_str(host) {
        headers.insert("x-orgbase-no-endpoint", host);
    }
    response
}

/// Whether a successful call belongs in the log.
pub(super) fn is_write(operation: &str) -> bool {
    READS_THAT_WRITE.contains(&operation) || !READS.iter().any(|word| operation.starts_with(word))
}

/// Refuses callers whose account is not in the organization or not usable.
fn admit(world: &World, call: &Call) -> Result<(), Fault> {
    let state = &world.organizations;
    // an organization may still have to be made; an invited account answers its handshake before it is a member
    if call.principal == Principal::Management || state.standalone.contains_key(&call.account) {
        return Ok(());
    }
    match state.accounts.get(&call.account).map(|account| account.state) {
        Some(AccountState::Active | AccountState::PendingClosure) => Ok(()),
        // Guess: AWS's answer to keys of an account that is suspended or gone.
        _ => {
            Err(Fault::new("InvalidClientTokenId", "The security token included in the request is invalid.")
                .status(403))
        }
    }
}

/// The code that each protocol has for bad credentials.
fn credentials_fault(protocol: Protocol, mut fault: Fault) -> Fault {
    let (code, status) = match (protocol, fault.code.as_str()) {
        (Protocol::RestXml, "ExpiredToken") => ("ExpiredToken", 400),
        (Protocol::RestXml, _) => ("InvalidAccessKeyId", 403),
        (Protocol::Ec2, "ExpiredToken") => ("RequestExpired", 400),
        (Protocol::Ec2, _) => ("AuthFailure", 401),
        (Protocol::Query, _) => return fault,
        (_, "ExpiredToken") => ("ExpiredTokenException", 403),
        (Protocol::RestJson, _) => ("UnrecognizedClientException", 403),
        (_, _) => ("UnrecognizedClientException", 400),
    };
    code.clone_into(&mut fault.code);
    fault.status(status)
}

/// Seconds since 1970 with milliseconds: what survives a round trip through the log.
pub(super) fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (since.as_millis() as f64) / 1000.0
}

/// A panic in a handler must not close the whole organization.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The principal in the log.
fn principal_json(principal: &Principal) -> Value {
    match principal {
        Principal::Management => Value::Null,
        Principal::Role { role, session } => serde_json::json!([role, session]),
        Principal::User { name } => serde_json::json!({ "user": name }),
    }
}

fn principal_from(value: &Value) -> Principal {
    if let Some(name) = value.get("user").and_then(Value::as_str) {
        return Principal::User { name: name.to_owned() };
    }
    match (value.get(0).and_then(Value::as_str), value.get(1).and_then(Value::as_str)) {
        (Some(role), Some(session)) => Principal::Role { role: role.to_owned(), session: session.to_owned() },
        _ => Principal::Management,
    }
}

#[cfg(test)]
mod tests;
