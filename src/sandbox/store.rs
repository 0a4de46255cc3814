//! The one organization behind both doors: asking it, and keeping it in a file.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use http::{Request, Response};
use serde_json::Value;

use super::services::cloudtrail::events::Origin;
use super::services::organizations::AccountState;
use super::spec::Spec;
use super::wire::{self, Parsed, Protocol};
use super::world::{Call, Fault, Principal, Reply, World};
use super::{enforce, generate, region, services, session};
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
        Ok(Sandbox { shared: Arc::new(shared) })
    }

    /// Answers one HTTP request: what both doors call.
    pub fn handle(&self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let id = self.request_id();
        match wire::read(request) {
            Ok(parsed) => {
                let missing =
                    self.inspect(|w| region::missing_host(w, parsed.service, &parsed.region, request));
                if let Some(host) = missing {
                    return no_endpoint(&host);
                }
                let dialect = parsed.dialect;
                let reply = self.call(parsed);
                wire::write(&dialect, &reply, &id)
            }
            Err(refusal) => {
                if let Some(operation) = refusal.unimplemented {
                    self.remember(operation);
                }
                wire::write(&refusal.dialect, &Err(refusal.fault), &id)
            }
        }
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
        let caller = session::identify(&parsed.access_key, parsed.token.as_deref(), now)
            .map_err(|fault| credentials_fault(protocol, fault))?;
        let mut state = lock(&self.shared.state);
        state.origin = Origin::new(&parsed.user_agent, &parsed.access_key);
        let (account, principal) = match caller {
            Some(caller) => caller,
            None => (
                services::organizations::management(&state.world).unwrap_or_default().to_owned(),
                Principal::Management,
            ),
        };
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
        let reply = state.run(&call);
        drop(state);
        reply.unwrap_or_else(|| {
            self.remember(format!("{}:{}", call.service, call.operation));
            Err(wire::not_implemented(&call.service, &call.operation))
        })
    }

    fn remember(&self, operation: String) {
        // bounded, whatever a client sends
        let mut all = lock(&self.shared.unimplemented);
        if all.len() < 1000 {
            all.insert(operation);
        }
    }

    /// A request id in the form of a UUID.
    fn request_id(&self) -> String {
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
fn is_write(operation: &str) -> bool {
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
fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (since.as_millis() as f64) / 1000.0
}

/// A panic in a handler must not close the whole organization.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The principal in the log.
fn principal_json(principal: &Principal) -> Value {
    match principal {
        Principal::Management => Value::Null,
        Principal::Role { role, session } => serde_json::json!([role, session]),
    }
}

fn principal_from(value: &Value) -> Principal {
    match (value.get(0).and_then(Value::as_str), value.get(1).and_then(Value::as_str)) {
        (Some(role), Some(session)) => Principal::Role { role: role.to_owned(), session: session.to_owned() },
        _ => Principal::Management,
    }
}

#[cfg(test)]
mod tests;
