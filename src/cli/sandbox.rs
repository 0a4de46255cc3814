//! `orgbase sandbox`

use std::path::{Path, PathBuf};

use clap::Args;

use super::{Global, say, say_err};
use crate::error::RunError;
use crate::sandbox::enforce::strict::Strict;
use crate::sandbox::faults::Faults;
use crate::sandbox::spec::Spec;
use crate::sandbox::{self, Sandbox, door};

#[derive(Debug, Args)]
pub(crate) struct SandboxArgs {
    /// Serve it over HTTP at this loopback address until Ctrl-C; port 0 chooses one
    #[arg(long, value_name = "127.0.0.1:PORT")]
    listen: Option<String>,
    /// State file; made where it does not exist. Without it the organization is gone at the end
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// What to make: accounts=N,ous=N,regions=N,drift=F,invited=N,suspended=N,foreign=N,seed=N, or a TOML file
    #[arg(long, value_name = "SPEC")]
    org: Option<String>,
    /// What goes wrong while it listens: seed=N,throttle=P,latency=MS,delay=CALLS,drop=P,deny=SERVICE:Operation[@ACCOUNT],
    /// exit_before=N,exit_after=N, ... (docs/sandbox.md)
    #[arg(long, value_name = "SPEC", requires = "listen")]
    faults: Option<Faults>,
    /// Signatures are verified, and every policy counts: identity, resource, session, trust, boundaries, SCPs, RCPs
    #[arg(long, requires = "listen")]
    strict: bool,
}

impl SandboxArgs {
    pub(crate) async fn run(&self, global: &Global) -> Result<u8, RunError> {
        global.refuse_file("sandbox")?;
        let spec = self.org.as_deref().map(Spec::parse).transpose()?.unwrap_or_default();
        let state = self.state.clone().or_else(|| global.sandbox.clone());
        let ignored = self.org.is_some() && state.as_deref().is_some_and(Path::exists);
        let mut sandbox = Sandbox::open(state.as_deref(), &spec)?;
        if ignored {
            say_err("warning: the state file holds an organization already; --org was not looked at");
        }
        let Some(listen) = &self.listen else {
            if state.is_none() {
                return Err(RunError::new("nothing to do: neither --state nor --listen is given").hint(
                    "orgbase sandbox --listen 127.0.0.1:4566, or --state FILE to make one for --sandbox=FILE",
                ));
            }
            say(&sandbox.describe());
            return Ok(0);
        };
        if let Some(faults) = &self.faults {
            sandbox = sandbox.with_faults(faults);
        }
        if self.strict {
            sandbox = sandbox.with_strict(Strict::default());
        }
        let listener = door::listen(&sandbox, listen).await?;
        say(&exports(&listener.address().to_string()));
        if !global.quiet {
            say_err(&sandbox.describe());
        }
        tokio::select! {
            () = listener.serve_until(async { drop(tokio::signal::ctrl_c().await) }) => {}
            () = sandbox.died() => sandbox::exit(),
        }
        for operation in sandbox.unimplemented() {
            say_err(&format!("the sandbox has no operation {operation}"));
        }
        Ok(0)
    }
}

/// The lines that make the AWS CLI, boto3 and orgbase use the sandbox.
fn exports(address: &str) -> String {
    format!(
        "export AWS_ENDPOINT_URL=http://{address}\n\
         export AWS_ACCESS_KEY_ID=sandbox\n\
         export AWS_SECRET_ACCESS_KEY=sandbox\n\
         export AWS_DEFAULT_REGION=eu-west-1\n\
         export ORGBASE_ENDPOINT=http://{address}"
    )
}
