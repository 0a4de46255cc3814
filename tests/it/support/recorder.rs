//! A door to a sandbox that writes down what was changed through it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use orgbase::controls::SECTIONS;
use orgbase::sandbox::Sandbox;
use orgbase::sandbox::services::organizations;
use orgbase::sandbox::session;
use orgbase::sandbox::wire::{self, Parsed};
use serde_json::Value;

/// One call that changed something.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Write {
    pub(crate) service: String,
    pub(crate) operation: String,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) input: Value,
}

impl Write {
    /// `service:Operation`.
    pub(crate) fn name(&self) -> String {
        format!("{}:{}", self.service, self.operation)
    }
}

/// The changes so far.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Write>>>);

impl Log {
    pub(crate) fn writes(&self) -> Vec<Write> {
        self.0.lock().unwrap().clone()
    }
}

/// A door, and what changes through it.
pub(crate) fn door(sandbox: &Sandbox) -> (SharedHttpClient, Log) {
    let log = Log::default();
    let (sandbox, notes) = (sandbox.clone(), log.clone());
    let writes = Arc::new(declared());
    let client = orgbase::aws::in_process(move |request| {
        let (sandbox, notes, writes) = (sandbox.clone(), notes.clone(), Arc::clone(&writes));
        async move {
            let response = sandbox.handle(&request);
            if response.status().is_success()
                && let Ok(parsed) = wire::read(&request)
                && writes.contains(&format!("{}:{}", parsed.service, parsed.operation))
            {
                notes.0.lock().unwrap().push(write(&sandbox, parsed));
            }
            Ok(response)
        }
    });
    (client, log)
}

/// The operations that some control declares as writes, look-ups left out.
fn declared() -> HashSet<String> {
    let controls = SECTIONS.iter().flat_map(|s| s.controls());
    let all = controls.flat_map(|c| c.meta().writes.iter().map(ToString::to_string));
    all.filter(|operation| super::org::is_write(operation)).collect()
}

fn write(sandbox: &Sandbox, parsed: Parsed) -> Write {
    let caller = session::identify(&parsed.access_key, parsed.token.as_deref(), 0.0).unwrap();
    let account = caller.map(|(account, _)| account);
    let management = || sandbox.inspect(|w| organizations::management(w).unwrap_or_default().to_owned());
    Write {
        service: parsed.service.to_owned(),
        operation: parsed.operation.to_owned(),
        account: account.unwrap_or_else(management),
        region: parsed.region,
        input: parsed.input,
    }
}
