//! A door to a sandbox that misbehaves as it is told, call by call.

use std::fmt;
use std::future::pending;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::result::ConnectorError;
use http::{Request, Response};
use orgbase::sandbox::wire::{self, Parsed, Protocol};
use orgbase::sandbox::world::Fault;
use orgbase::sandbox::{Sandbox, session};

/// A request that came in.
pub(crate) struct Seen {
    /// `service:Operation`.
    pub(crate) operation: String,
    pub(crate) region: String,
    /// Stands for the account.
    pub(crate) access_key: String,
    /// 12-digit id of the account; absent for the management account.
    pub(crate) account: Option<String>,
}

/// What happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// It is answered.
    Answer,
    /// Refused: no permission.
    Deny,
    /// Refused: too many requests.
    Throttle,
    /// The connection breaks before the request arrives.
    Drop,
    /// It is carried out, and the connection breaks before the answer arrives.
    LoseAnswer,
    /// It never arrives and never ends: the process is dead.
    Hang,
    /// It is carried out, and nobody is there any more for the answer.
    HangAfter,
}

/// A door that asks `decide` what to do with each request. Requests that the sandbox does not understand are answered.
pub(crate) fn door<F>(sandbox: &Sandbox, decide: F) -> SharedHttpClient
where
    F: Fn(&Seen) -> Action + Send + Sync + 'static,
{
    let sandbox = sandbox.clone();
    let decide = Arc::new(decide);
    orgbase::aws::in_process(move |request| {
        let (sandbox, decide) = (sandbox.clone(), Arc::clone(&decide));
        async move { answer(&sandbox, &*decide, &request).await }
    })
}

async fn answer(
    sandbox: &Sandbox,
    decide: &(dyn Fn(&Seen) -> Action + Send + Sync),
    request: &Request<Vec<u8>>,
) -> Result<Response<Vec<u8>>, ConnectorError> {
    let Ok(parsed) = wire::read(request) else { return Ok(sandbox.handle(request)) };
    let caller = session::identify(&parsed.access_key, parsed.token.as_deref(), 0.0).ok().flatten();
    let seen = Seen {
        operation: format!("{}:{}", parsed.service, parsed.operation),
        region: parsed.region.clone(),
        access_key: parsed.access_key.clone(),
        account: caller.map(|(account, _)| account),
    };
    match decide(&seen) {
        Action::Answer => Ok(sandbox.handle(request)),
        Action::Deny => Ok(refuse(&parsed, denial(parsed.dialect.protocol))),
        Action::Throttle => Ok(refuse(&parsed, throttle(parsed.dialect.protocol))),
        Action::Drop => Err(ConnectorError::io(Box::new(Broken))),
        Action::LoseAnswer => {
            sandbox.handle(request);
            Err(ConnectorError::io(Box::new(Broken)))
        }
        Action::Hang => pending().await,
        Action::HangAfter => {
            sandbox.handle(request);
            pending().await
        }
    }
}

fn refuse(parsed: &Parsed, (code, status): (&str, u16)) -> Response<Vec<u8>> {
    let fault =
        Fault::new(code, format!("injected into {}:{}", parsed.service, parsed.operation)).status(status);
    wire::write(&parsed.dialect, &Err(fault), "00000000-0000-4000-8000-000000000000")
}

fn denial(protocol: Protocol) -> (&'static str, u16) {
    match protocol {
        Protocol::Json | Protocol::Cbor => ("AccessDeniedException", 400),
        Protocol::RestJson => ("AccessDeniedException", 403),
        Protocol::Query | Protocol::RestXml => ("AccessDenied", 403),
        Protocol::Ec2 => ("UnauthorizedOperation", 403),
    }
}

fn throttle(protocol: Protocol) -> (&'static str, u16) {
    match protocol {
        Protocol::Json | Protocol::Cbor => ("ThrottlingException", 400),
        Protocol::RestJson => ("TooManyRequestsException", 429),
        Protocol::Query => ("Throttling", 400),
        Protocol::RestXml => ("SlowDown", 503),
        Protocol::Ec2 => ("RequestLimitExceeded", 503),
    }
}

/// A broken connection.
#[derive(Debug)]
struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection was reset")
    }
}

impl std::error::Error for Broken {}
